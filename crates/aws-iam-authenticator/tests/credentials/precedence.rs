//! Which source counts before which: as botocore has it (`tests/oracle/precedence.py`), but where the Go program has it otherwise.

use crate::home::{ACCOUNT, Home};
use crate::sources::{OF_SESSION, OF_URL, sso_login};
use k8s_aws_fake::{Call, Credential, Identity, Role, samples};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    variables: BTreeMap<String, String>,
    config: String,
    credentials: String,
    /// What botocore asked for, and with which long-term key.
    calls: Vec<String>,
    /// The long-term key that it took, if it took one.
    key: Option<String>,
}

/// Where the same machine must be the same identity as for the Go program, which is not that of the AWS CLI; with what is asked
/// for here. A row that is no difference any more fails, too.
const AS_THE_GO_PROGRAM: [(&str, &[&str]); 3] = [
    // aws-sdk-go-v2 looks at the environment before it looks at any profile.
    ("web identity of the environment and a role of a named profile", &["AssumeRoleWithWebIdentity web"]),
    // And at keys before anything else in a profile.
    ("SSO and keys in one profile", &[]),
    ("a program and keys in the configuration", &[]),
];

#[test]
fn the_same_machine_is_the_same_identity_as_for_other_tools() {
    let Rows { rows } = serde_json::from_str(include_str!("../oracle/precedence.json")).unwrap();
    assert!(rows.len() >= 30);
    for row in &rows {
        let home = Home::new();
        for name in ["env", "base", "self", "creds"] {
            let upper = name.to_ascii_uppercase();
            add_user(&home, &format!("AKIA{upper:Q<16}"), &format!("secret-of-{name}"));
        }
        add_user(&home, "AKIAPROCESSQQQQQQQQQ", "secret-of-process");
        for name in ["me", "mid", "a", "web"] {
            home.fake.add_role(Role::new(ACCOUNT, name).web_identity("web-identity-token"));
        }
        home.fake.sso_assign(ACCOUNT, "Dev");
        home.fake.sso_log_in("access-token");
        home.fake.set_container_role(Identity::assumed_role(ACCOUNT, "task", "t-1"), "pass");
        home.fake.set_instance_role(Some(Identity::instance_profile(ACCOUNT, "worker", samples::INSTANCE_ID)));
        let folder = home.path("").display().to_string();
        let fill = |text: &str| {
            text.replace("{dir}", folder.trim_end_matches('/')).replace("{container}", &home.fake.container_uri())
        };
        home.file("token", "web-identity-token");
        home.file(
            "process",
            r#"{"Version": 1, "AccessKeyId": "AKIAPROCESSQQQQQQQQQ", "SecretAccessKey": "secret-of-process"}"#,
        );
        home.config(&fill(&row.config));
        home.file(".aws/credentials", &fill(&row.credentials));
        for file in [OF_SESSION, OF_URL] {
            sso_login(&home, file, "access-token", "\"expiresAt\": \"2999-01-01T00:00:00Z\"");
        }
        let run = home.token().variables(home.fake.instance_env());
        let ran = row.variables.iter().fold(run, |run, (name, value)| run.variable(name, &fill(value))).run();
        let token = ran.token();
        let key = Some(token.access_key_id().as_str().to_owned()).filter(|key| key.starts_with("AKIA"));
        let calls: Vec<String> = home.fake.take_calls().iter().filter_map(told).collect();
        match AS_THE_GO_PROGRAM.iter().find(|(name, _)| *name == row.name) {
            None => assert_eq!((&calls, &key), (&row.calls, &row.key), "{}", row.name),
            Some((name, ours)) => {
                assert_eq!(calls, *ours, "{name}");
                assert_ne!((&calls, &key), (&row.calls, &row.key), "{name} is no difference any more");
            }
        }
    }
}

fn add_user(home: &Home, key: &str, secret: &str) {
    home.fake.add(Credential::permanent(key, secret), Identity::user(ACCOUNT, "/", "somebody"));
}

/// A call in the words of the script.
fn told(call: &Call) -> Option<String> {
    let action = call.action?;
    if !action.starts_with("AssumeRole") {
        return ["GetRoleCredentials", "ContainerCredentials", "InstanceCredentials"]
            .contains(&action)
            .then(|| action.to_owned());
    }
    let body = std::str::from_utf8(&call.body).unwrap();
    let role = body.split('&').find_map(|pair| pair.strip_prefix("RoleArn=")).unwrap();
    let role = role.rsplit("%2F").next().unwrap();
    let authorization = call.headers.get("authorization").map(|value| value.to_str().unwrap()).unwrap_or_default();
    let by = authorization.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    Some(if by.starts_with("AKIA") { format!("{action} {role} by {by}") } else { format!("{action} {role}") })
}
