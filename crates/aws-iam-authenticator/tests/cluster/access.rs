//! Who logs in as whom, and what they may do then.

use crate::setting::{CLUSTER, Cluster};
use http::Method;
use k8s_aws_fake::samples;
use serde_json::{Value, json};

pub(crate) fn the_api_server_sees_the_caller_as_the_webhook_does(cluster: &mut Cluster) {
    let identity = samples::user().identity;
    let credential = cluster.aws.issue(identity.clone());
    let alice = cluster.login(&cluster.token(&credential, &format!("-i {CLUSTER}")));
    let expected = json!({
        "username": "alice",
        "uid": format!("aws-iam-authenticator:111122223333:{}", identity.user_id()),
        "groups": ["system:authenticated"],
        "extra": {
            "arn": [identity.arn()],
            "canonicalArn": [identity.arn()],
            "sessionName": [""],
            "accessKeyId": [credential.access_key_id()],
            "principalId": [identity.user_id()],
            "sigs.k8s.io/aws-iam-authenticator/principalId": [identity.user_id()],
        },
    });
    assert_eq!(alice.is("alice"), &expected);
    let token = cluster.token_as("KubernetesAdmins", "carol@example.com");
    let carol = cluster.login(&token);
    let user = carol.is("admin:carol-example.com").clone();
    assert_eq!(user["groups"], json!(["aws-admins", "system:authenticated"]));
    assert_eq!(user["extra"]["sessionName"], json!(["carol@example.com"]));
    // The API server adds the group of everybody who is logged in, and nothing else.
    let mut reviewed = cluster.server.review(&token).json["status"]["user"].clone();
    reviewed["groups"].as_array_mut().unwrap().push("system:authenticated".into());
    assert_eq!(user, reviewed);
}

pub(crate) fn each_group_and_user_of_the_manifests_may_do_what_they_say(cluster: &mut Cluster) {
    let admin = cluster.token_as("KubernetesAdmins", "carol");
    let viewer = cluster.token_as("KubernetesViewers", "carol");
    let alice = cluster.token_of(samples::user().identity);
    let callers = [(&admin, "admin:carol"), (&viewer, "viewer:carol"), (&alice, "alice")];
    for (token, username) in callers {
        cluster.login(token).is(username);
    }
    let rbac = "rbac.authorization.k8s.io";
    // Verb, group and resource, and who may.
    for (verb, group, resource, who) in [
        ("list", "", "namespaces", [true, true, true]),
        ("get", "", "namespaces", [true, true, false]),
        ("list", "", "pods", [true, true, false]),
        ("watch", "apps", "deployments", [true, true, false]),
        ("get", "", "secrets", [true, false, false]),
        ("create", "", "namespaces", [true, false, false]),
        ("delete", "", "pods", [true, false, false]),
        ("create", rbac, "clusterrolebindings", [true, false, false]),
        ("impersonate", "", "users", [true, false, false]),
        ("*", "*", "*", [true, false, false]),
    ] {
        let may = callers.map(|(token, _)| cluster.api.may(token, verb, group, resource, ""));
        assert_eq!(may, who, "{verb} {resource}");
    }
    let pods = "/api/v1/pods";
    assert_eq!(callers.map(|(token, _)| cluster.api.get(token, pods).0), [200, 200, 403]);
    assert_eq!(cluster.api.get(&alice, "/api/v1/namespaces").0, 200);
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    cluster.api.create(&admin, &namespace("made-by-an-admin"));
    // Forbidden says whom the API server takes the caller for: the binding is missing, not the login.
    for (token, username) in [(&viewer, "viewer:carol"), (&alice, "alice")] {
        let (status, answer) = cluster.api.ask(token, Method::POST, "/api/v1/namespaces", &namespace("not-to-be"));
        let Value::String(message) = &answer["message"] else { panic!("{answer}") };
        assert_eq!((status, &answer["reason"]), (403, &json!("Forbidden")));
        assert!(message.contains(&format!("User \"{username}\" cannot create")), "{message}");
    }
}
