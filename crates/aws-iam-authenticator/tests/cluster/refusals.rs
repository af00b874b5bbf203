//! Who is not let in, and what an API server remembers of it.

use crate::setting::{CLUSTER, Cluster};
use k8s_aws_fake::{Fault, Identity, samples};

pub(crate) fn unauthorized_is_whom_the_webhook_does_not_let_in(cluster: &mut Cluster) {
    let elsewhere = cluster.token(&samples::user().credential, "-i staging.example.com");
    cluster.login(&elsewhere).is_unauthorized("sts_signature_mismatch");
    cluster.login(&cluster.token_of(samples::federated_user().identity)).is_unauthorized("not_mapped");
    let whole = cluster.token(&samples::user().credential, &format!("-i {CLUSTER}"));
    for (token, reason) in [
        ("garbage", "token_prefix"),
        ("k8s-aws-v1.garbage", "token_base64"),
        ("k8s-aws-v1.Z2FyYmFnZQ", "token_scheme"),
        (&whole[..whole.len() - 2], "token_signature"),
    ] {
        cluster.login(token).is_unauthorized(reason);
    }
    cluster.login(&whole).is("alice");
}

pub(crate) fn a_denial_is_remembered_and_an_error_is_not(cluster: &mut Cluster) {
    let frank = Identity::user(samples::ACCOUNT, "/", "frank");
    let denied = cluster.token_of(frank.clone());
    cluster.login(&denied).is_unauthorized("not_mapped");
    let change = |words: &str| {
        let change =
            format!("aws-iam-authenticator {words} --userarn {} --kubeconfig ADMIN --prompt=false", frank.arn());
        cluster.runs(&change, &samples::user().credential)
    };
    change("add user --username frank --groups aws-viewers");
    cluster.loaded("EKSConfigMap", 3);
    assert_eq!(cluster.api.whoami(&denied).0, 401, "it is remembered for as long as the manifest says");
    // This decision is the next: the webhook was not asked about the other token again.
    cluster.login(&cluster.token_of(frank.clone())).is("frank");
    cluster.aws.inject(Fault::throttling());
    let unlucky = cluster.token_of(frank.clone());
    cluster.login(&unlucky).is_unauthorized("sts_throttled");
    cluster.aws.clear_faults();
    cluster.login(&unlucky).is("frank");
    change("remove user");
    cluster.loaded("EKSConfigMap", 2);
}
