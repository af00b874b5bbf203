//! Mappings that the API server itself holds.

use crate::api::folder;
use crate::setting::{Cluster, manifest};
use http::Method;
use k8s_aws_fake::samples::{ACCOUNT, INSTANCE_ID, PRIVATE_DNS_NAME};
use k8s_aws_fake::{Identity, samples};
use kubernetes_fake::identity_mapping;
use serde_json::{Value, json};

pub(crate) fn an_edit_of_the_config_map_counts_at_once(cluster: &mut Cluster) {
    let carol = samples::assumed_role().identity;
    cluster.login(&cluster.token_of(carol.clone())).is_unauthorized("not_mapped");
    let object = &manifest("manifests/aws-auth.yaml")[0];
    let path = format!("{}/aws-auth", folder(object));
    let edit = |users: Value| {
        let (status, answer) =
            cluster.api.ask(cluster.admin(), Method::PATCH, &path, &json!({"data": {"mapUsers": users}}));
        assert_eq!(status, 200, "{answer}");
    };
    let entry = "- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev:{{SessionName}}\n";
    edit(format!("{}{}", object["data"]["mapUsers"].as_str().unwrap(), entry.replace("rolearn", "userarn")).into());
    cluster.loaded("EKSConfigMap", 3);
    cluster.login(&cluster.token_of(carol.clone())).is("dev:carol-example.com");
    edit(object["data"]["mapUsers"].clone());
    cluster.loaded("EKSConfigMap", 2);
    cluster.login(&cluster.token_of(carol.clone())).is_unauthorized("not_mapped");
}

pub(crate) fn a_node_of_the_config_map_is_named_by_ec2(cluster: &mut Cluster) {
    let node = cluster.token_of(Identity::instance_profile(ACCOUNT, "KubernetesNodes", INSTANCE_ID));
    let login = cluster.login(&node);
    let user = login.is(&format!("system:node:{PRIVATE_DNS_NAME}"));
    assert_eq!(user["groups"], json!(["system:bootstrappers", "system:nodes", "system:authenticated"]));
}

pub(crate) fn an_object_counts_from_its_making_to_its_deletion(cluster: &mut Cluster) {
    let (api, admin) = (&cluster.api, cluster.admin());
    let dave = samples::sso_role().identity;
    cluster.login(&cluster.token_of(dave.clone())).is_unauthorized("not_mapped");
    let object = identity_mapping("dave", dave.arn(), "dave", &["aws-admins"]);
    api.create(admin, &object);
    cluster.loaded("CRD", 2);
    let dave_in = cluster.login(&cluster.token_of(dave.clone()));
    assert_eq!(dave_in.is("dave")["groups"], json!(["aws-admins", "system:authenticated"]));
    let path = format!("{}/dave", folder(&object));
    let written = api.ask_until(admin, (Method::GET, &path, &Value::Null), |_, o| !o["status"].is_null());
    let status = &written["status"]["canonicalARN"];
    assert!(status.as_str().is_some_and(|arn| arn.starts_with("arn:aws:iam::111122223333:role/awsreservedsso_")));
    let events = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Ddave";
    let events =
        api.ask_until(admin, (Method::GET, events, &Value::Null), |_, list| list["items"][0]["reason"] == "Synced");
    let event = &events["items"][0];
    assert_eq!(event["involvedObject"]["uid"], written["metadata"]["uid"]);
    assert_eq!(event["source"]["component"], "aws-iam-authenticator");
    assert_eq!(api.ask(admin, Method::DELETE, &path, &Value::Null).0, 200);
    cluster.loaded("CRD", 1);
    cluster.login(&cluster.token_of(dave.clone())).is_unauthorized("not_mapped");
    // The definition refuses what the webhook would have to ignore.
    for spec in [json!({"username": "x"}), json!({"arn": dave.arn(), "username": ["x"]})] {
        let mut broken = object.clone();
        broken["spec"] = spec;
        assert_eq!(api.ask(admin, Method::POST, &folder(&object), &broken).0, 422, "{broken}");
    }
}
