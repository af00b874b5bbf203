//! `explain`

use super::{Desk, token};
use k8s_aws_fake::{FakeAws, Fault, samples};
use kubernetes_fake::{FakeKubernetes, aws_auth, identity_mapping};
use serde_json::Value;

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev:{{SessionName}}\n  groups: [developers]\n\
    - rolearn: arn:aws:iam::111122223333:role/node\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n";

fn manifest(roles: &str) -> String {
    let roles: String = roles.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n  mapRoles: |\n{roles}")
}

fn check<'j>(report: &'j Value, name: &str) -> &'j Value {
    let checks = report["token"]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {report:#}"))
}

#[test]
fn a_token_is_followed_from_its_bytes_to_its_user() {
    let fake = FakeAws::start().unwrap();
    let desk = Desk::with_aws(&fake);
    let token = token(&samples::assumed_role(), "prod");
    desk.file("map.yaml", &manifest(ROLES));
    let arguments = ["explain", "-i", "prod", "--token", "-", "--aws-auth", "map.yaml"];
    let text = desk.run_with(&arguments, &token).ok();
    for line in [
        "LET IN as dev:carol-example.com (developers)",
        "ok      signed_headers  host and x-k8s-aws-id",
        "ok      sts             sts.eu-west-1.amazonaws.com vouches",
        "signed for      sts.eu-west-1.amazonaws.com (eu-west-1, regional)",
        "told by        STS",
        "by rule:      EKSConfigMap mapRoles[0], line 7",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains(&token[11..40]), "the token is never shown");
    let json = desk.run_with(&[&arguments[..], &["-o", "json"]].concat(), &token);
    assert_eq!(json.code, 0);
    let report = json.json();
    assert_eq!(report["verdict"]["result"], "let_in");
    assert_eq!(
        (&report["caller"]["told_by"], &report["mapping"]["outcome"]["username"]),
        (&"sts".into(), &"dev:carol-example.com".into())
    );
    let yaml = desk.run_with(&[&arguments[..], &["-o", "yaml"]].concat(), &token).ok();
    assert!(yaml.contains("result: let_in\n"), "{yaml}");
}

#[test]
fn a_refusal_names_the_check_that_failed_and_ends_with_3() {
    let fake = FakeAws::start().unwrap();
    let desk = Desk::with_aws(&fake);
    let token = token(&samples::assumed_role(), "prod");
    let run = |cluster: &str, token: &str| desk.run(&["explain", "-i", cluster, "--token", token, "-o", "json"]);

    let other_cluster = run("staging", &token);
    assert_eq!(other_cluster.code, 3, "{other_cluster:?}");
    assert_eq!(check(&other_cluster.json(), "sts")["reason"], "sts_signature_mismatch");
    assert_eq!(other_cluster.json()["verdict"]["reason"], "sts_signature_mismatch");

    let cut = run("prod", &token[..token.len() - 1]);
    let report = cut.json();
    let failed = report["token"]["checks"].as_array().unwrap().iter().find(|check| check["passed"] == false).unwrap();
    assert!(failed["reason"].as_str().unwrap().starts_with("token_"), "{failed}");
    assert_eq!((cut.code, &report["token"]["facts"]), (3, &Value::Null));
    assert!(!cut.stdout.contains(&token[11..40]));

    let china = desk.run(&["explain", "-i", "prod", "--token", &token, "--partition", "aws-cn", "-o", "json"]);
    assert_eq!(check(&china.json(), "partition")["passed"], false);
    assert_eq!(check(&china.json(), "not_expired")["passed"], Value::Null);
}

#[test]
fn what_cannot_be_told_now_is_no_refusal() {
    let fake = FakeAws::start().unwrap();
    let desk = Desk::with_aws(&fake);
    let token = token(&samples::user(), "prod");
    fake.inject(Fault::throttling());
    let ran = desk.run(&["explain", "-i", "prod", "--token", &token, "-o", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        (ran.json()["verdict"]["result"].as_str(), ran.json()["verdict"]["reason"].as_str()),
        (Some("unknown"), Some("sts_throttled"))
    );

    let config = desk.file("config.yaml", "clusterID: c\nserver:\n  backendMode: [MountedFile, EKSConfigMap]\n");
    let ran = desk.run(&["explain", "-c", config, "--arn", "arn:aws:iam::111122223333:user/x"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("not_synced") && ran.stdout.contains("EKSConfigMap"), "{}", ran.stdout);
}

#[test]
fn files_alone_tell_who_an_arn_is() {
    let desk = Desk::new();
    let map = desk.file("map.yaml", &manifest(ROLES));
    let explain = |arn: &str| desk.run(&["explain", "--aws-auth", map, "--arn", arn]);
    let role = explain("arn:aws:iam::111122223333:role/developer").ok();
    assert!(role.contains("LET IN as dev:example-session") && role.contains("is made up"), "{role}");
    let session = explain("arn:aws:sts::111122223333:assumed-role/developer/ann").ok();
    assert!(session.contains("LET IN as dev:ann") && !session.contains("made up"), "{session}");
    let node = explain("arn:aws:iam::111122223333:role/node").ok();
    assert!(node.contains("NOTHING AGAINST IT: let in once EC2 tells"), "{node}");
    let near = explain("arn:aws:iam::444455556666:role/developer");
    assert_eq!(near.code, 3);
    assert!(
        near.stdout.contains("REFUSED (not_mapped)") && near.stdout.contains("the account differs"),
        "{}",
        near.stdout
    );
    explain("arn:aws:iam::1:user/x").fails(1, "--arn");
    desk.run(&["explain", "--arn", "arn:aws:iam::111122223333:user/x"]).fails(2, "--aws-auth");
    desk.run(&["explain"]).fails(2, "--token");
}

#[test]
fn offline_nobody_is_asked() {
    let desk = Desk::new().variable("HTTPS_PROXY", "http://127.0.0.1:1");
    let token = token(&samples::user(), "prod");
    let ran = desk.run(&["explain", "--offline", "--token", &token]).ok();
    assert!(ran.contains("NOTHING AGAINST IT") && ran.contains("-       sts             STS was not asked"), "{ran}");
    let map = desk.file("map.yaml", &manifest(ROLES));
    let arn = "arn:aws:sts::111122223333:assumed-role/developer/ann";
    let ran = desk.run(&["explain", "--offline", "--token", &token, "--arn", arn, "--aws-auth", map]).ok();
    assert!(ran.contains("LET IN as dev:ann"), "{ran}");
}

#[test]
fn backends_are_asked_in_the_order_of_the_server() {
    let desk = Desk::new();
    let map = desk.file("map.yaml", &manifest("- rolearn: arn:aws:iam::111122223333:role/r\n  username: of-map\n"));
    let objects = desk.file(
        "objects.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: iamauthenticator.k8s.aws/v1alpha1\n  kind: IAMIdentityMapping\n  \
         metadata: {name: r}\n  spec: {arn: 'arn:aws:iam::111122223333:role/r', username: of-object}\n",
    );
    let dynamic = desk.file(
        "dynamic.json",
        r#"{"mapRoles": [{"rolearn": "arn:aws:iam::111122223333:role/r", "username": "of-file", "userid": "AROAEXAMPLEEXAMPLE00"}]}"#,
    );
    let sources = ["--aws-auth", map, "--identity-mappings", objects, "--dynamic-file", dynamic];
    let who = |more: &[&str]| {
        let arn = ["explain", "-o", "json", "--arn", "arn:aws:iam::111122223333:role/r"];
        desk.run(&[&arn[..], &sources, more].concat())
    };
    let username = |more: &[&str]| who(more).json()["verdict"]["username"].as_str().unwrap_or_default().to_owned();
    assert_eq!(username(&[]), "of-map");
    assert_eq!(username(&["--backend-mode", "CRD,EKSConfigMap"]), "of-object");
    assert_eq!(username(&["--backend-mode", "DynamicFile"]), "of-file");
    let notes = who(&["--backend-mode", "CRD"]).json()["notes"].to_string();
    assert!(notes.contains("EKSConfigMap is no backend of this server"), "{notes}");

    let config = desk.file(
        "config.yaml",
        "server:\n  backendMode: [DynamicFile]\n  dynamicfileUserIDStrict: true\n  dynamicfilepath: dynamic.json\n",
    );
    let strict = |more: &[&str]| {
        let arn = ["explain", "-o", "json", "-c", config, "--arn", "arn:aws:iam::111122223333:role/r"];
        desk.run(&[&arn[..], more].concat())
    };
    strict(&[]).fails(2, "--user-id");
    assert_eq!(strict(&["--user-id", "AROAEXAMPLEEXAMPLE00"]).json()["verdict"]["username"], "of-file");
    assert_eq!(strict(&["--user-id", "AROAEXAMPLEEXAMPLE01"]).code, 3);
}

#[test]
fn the_cluster_tells_what_it_has_now() {
    let fake = FakeKubernetes::start();
    fake.apply(aws_auth([("mapRoles", ROLES)]));
    fake.apply(identity_mapping("ann", "arn:aws:iam::111122223333:user/ann", "ann", &["g"]));
    let desk = Desk::new();
    let kubeconfig = desk.file("kubeconfig", &fake.kubeconfig());
    let explain = |arn: &str| desk.run(&["explain", "--kubeconfig", kubeconfig, "--arn", arn]);
    assert!(explain("arn:aws:iam::111122223333:user/ann").ok().contains("LET IN as ann (g)"));
    assert!(explain("arn:aws:sts::111122223333:assumed-role/developer/x").ok().contains("LET IN as dev:x"));
    fake.go_down();
    explain("arn:aws:iam::111122223333:user/ann").fails(1, "cannot get the ConfigMap aws-auth");
    desk.run(&["explain", "--kubeconfig", "nowhere", "--arn", "arn:aws:iam::111122223333:user/ann"])
        .fails(1, "kubeconfig");
}
