//! No circle: the webhook is there before the API server, and what it needs of the API server is made through it.

use crate::setting::{Cluster, manifest};
use http::Method;
use k8s_aws_fake::samples;
use serde_json::{Value, json};
use std::fs;

const VIEW: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view";
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";

pub(crate) fn the_mounted_file_counts_while_there_is_no_api_server(cluster: &mut Cluster) {
    let readyz = cluster.server.http.ask(Method::GET, "/readyz");
    assert_eq!(readyz.status, 503);
    for line in ["backend MountedFile: synced", "backend EKSConfigMap: not synced", "backend CRD: not synced"] {
        assert!(readyz.text().contains(line), "{}", readyz.text());
    }
    let break_glass = cluster.token_as("KubernetesBreakGlass", "carol");
    cluster.server.review(&break_glass).assert_granted("the break-glass rule");
    let unmapped = cluster.token_of(samples::federated_user().identity);
    cluster.server.review(&unmapped).assert_error("not_synced", "somebody of whom nothing is known yet");
}

pub(crate) fn break_glass_sets_the_cluster_up_through_the_webhook(cluster: &mut Cluster) {
    cluster.start_api_server();
    let token = cluster.token_as("KubernetesBreakGlass", "carol");
    cluster.api.ready(&token);
    let api = &cluster.api;
    let (_, answer) = api.whoami(&token);
    assert_eq!(answer["status"]["userInfo"]["username"], "break-glass:carol");
    let definition = manifest("../../crates/k8s-aws-auth-kube/manifests/iamidentitymapping.yaml");
    let files = ["rbac", "bindings", "config", "aws-auth", "iamidentitymapping-example"];
    let files = files.into_iter().flat_map(|file| manifest(&format!("manifests/{file}.yaml")));
    for object in definition.into_iter().chain(files) {
        api.create(&token, &object);
    }
    for file in ["daemonset", "static-pod"] {
        manifest(&format!("manifests/{file}.yaml")).iter().for_each(|object| drop(api.check(&token, object)));
    }
    // A controller would do this, and there is none.
    let (_, role) = api.get(&token, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregate-to-view");
    let (status, answer) = api.ask(&token, Method::PATCH, VIEW, &json!({"rules": role["rules"]}));
    assert_eq!(status, 200, "{answer}");
    // And this the kubelet.
    let path = "/api/v1/namespaces/kube-system/serviceaccounts/aws-iam-authenticator/token";
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let (status, answer) = api.ask(&token, Method::POST, path, &request);
    assert_eq!(status, 201, "{answer}");
    let account = answer["status"]["token"].as_str().unwrap();
    cluster.server.keep_secret(account);
    fs::write(cluster.file("account"), account).unwrap();
    cluster.told_of_both("loaded the mappings of the API server");
    assert_eq!(cluster.server.http.ask(Method::GET, "/readyz").status, 200);
}

pub(crate) fn the_rbac_manifest_is_enough_for_the_webhook_and_no_more(cluster: &mut Cluster) {
    let account = fs::read_to_string(cluster.file("account")).unwrap();
    let one = format!("{CONFIG_MAPS}?fieldSelector=metadata.name%3Daws-auth");
    assert_eq!(cluster.api.get(&account, &one).0, 200);
    for path in [CONFIG_MAPS, &format!("{CONFIG_MAPS}/aws-iam-authenticator"), "/api/v1/secrets"] {
        assert_eq!(cluster.api.get(&account, path).0, 403, "{path}");
    }
    let mapping = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings/kubernetes-admins";
    // It wrote this itself, as the account.
    let object = cluster.api.ask_until(cluster.admin(), (Method::GET, mapping, &Value::Null), |_, object| {
        !object["status"]["canonicalARN"].is_null()
    });
    assert_eq!(object["status"]["canonicalARN"], "arn:aws:iam::111122223333:role/kubernetesadmins");
    let spec = json!({"spec": {"groups": ["system:masters"]}});
    assert_eq!(cluster.api.ask(&account, Method::PATCH, mapping, &spec).0, 403);
}
