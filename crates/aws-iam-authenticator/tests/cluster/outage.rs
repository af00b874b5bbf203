//! The API server goes, and comes back with what etcd kept.

use crate::setting::Cluster;
use http::Method;
use k8s_aws_fake::Identity;
use k8s_aws_fake::samples::{self, ACCOUNT, INSTANCE_ID};
use kubernetes_fake::identity_mapping;
use serde_json::Value;

pub(crate) fn mappings_stay_while_the_api_server_is_gone_and_edits_count_when_it_is_back(cluster: &mut Cluster) {
    let dave = samples::sso_role().identity;
    cluster.api.create(cluster.admin(), &identity_mapping("dave", dave.arn(), "dave", &[]));
    cluster.loaded("CRD", 2);
    cluster.kubernetes.kill_api_server();
    cluster.told_of_both("the API server cannot be asked; its last mappings stay");
    let node = Identity::instance_profile(ACCOUNT, "KubernetesNodes", INSTANCE_ID);
    for (identity, case) in [(node, "of the ConfigMap"), (dave.clone(), "of an object")] {
        cluster.server.review(&cluster.token_of(identity)).assert_granted(case);
    }
    let stranger = cluster.token_of(samples::federated_user().identity);
    cluster.server.review(&stranger).assert_denied("not_mapped", "it was synced, so this is known");
    assert_eq!(cluster.server.http.ask(Method::GET, "/readyz").status, 200);

    cluster.start_api_server();
    cluster.api.ready(cluster.admin());
    cluster.login(&cluster.token_of(dave.clone())).is("dave");
    let change = "aws-iam-authenticator add role --rolearn arn:aws:iam::111122223333:role/developer \
         --username dev:{{SessionName}} --groups aws-viewers --kubeconfig ADMIN --prompt=false";
    cluster.runs(change, &samples::user().credential);
    let mapping = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings/dave";
    assert_eq!(cluster.api.ask(cluster.admin(), Method::DELETE, mapping, &Value::Null).0, 200);
    // In whichever order the two come back.
    let mut wanted = vec![("EKSConfigMap", 3), ("CRD", 1)];
    while !wanted.is_empty() {
        let lines = cluster.server.lines_until(|line| line.message() == "loaded the mappings of the API server");
        let line = lines.last().unwrap();
        wanted.retain(|(backend, rules)| line.text("backend") != *backend || line.fields["rules"] != *rules);
    }
    cluster.login(&cluster.token_of(samples::assumed_role().identity)).is("dev:carol-example.com");
    cluster.login(&cluster.token_of(dave)).is_unauthorized("not_mapped");
}

pub(crate) fn an_api_server_starts_without_the_webhook_and_asks_it_when_it_is_there(cluster: &mut Cluster) {
    cluster.server.terminate();
    assert!(cluster.server.wait().success());
    cluster.start_api_server();
    cluster.api.ready(cluster.admin());
    let account = std::fs::read_to_string(cluster.file("account")).unwrap();
    assert_eq!(cluster.api.whoami(&account).0, 201);
    let alice = cluster.token_of(samples::user().identity);
    assert_eq!(cluster.api.whoami(&alice).0, 401);
    cluster.start_webhook_again();
    // Nobody was asked, so nothing is remembered.
    cluster.login(&alice).is("alice");
}
