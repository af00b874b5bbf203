//! A real client in the loop: kubectl runs the program as credential plugin and sends its token to an API server, which asks the
//! real webhook, which asks a fake STS.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a program: files and processes")]
#![allow(clippy::print_stdout, reason = "says that it was skipped")]

mod support;

use k8s_aws_fake::{FakeAws, samples};
use kubernetes_fake::FakeKubernetes;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use support::{CLUSTER, Program, Server, lock, review};

const MAPPINGS: &str = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev:{{SessionName}}\n  \
    groups: [developers]\nmapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n";

/// None where this machine has no kubectl.
fn kubectl() -> Option<Command> {
    match Command::new("kubectl").args(["version", "--client"]).output() {
        Ok(output) if output.status.success() => Some(Command::new("kubectl")),
        _ => {
            println!("skipped: there is no kubectl on this machine");
            None
        }
    }
}

/// An API server that asks the webhook whose a token is, as `--authentication-token-webhook-config-file` has it.
fn api_server(webhook: Arc<Mutex<Option<Server>>>) -> FakeKubernetes {
    let api = FakeKubernetes::builder().tls().start();
    api.authenticate_by(move |token| {
        let body = review("authentication.k8s.io/v1", token?).to_string();
        let webhook = lock(&webhook);
        let server = webhook.as_ref()?;
        // The fake answers from a runtime of its own, in which the client's cannot wait.
        let answer = std::thread::scope(|scope| scope.spawn(|| server.http.post(body)).join().unwrap());
        let review: Value = serde_json::from_slice(&answer.body).ok()?;
        (review["status"]["authenticated"] == true).then(|| review["status"]["user"].clone())
    });
    api
}

/// `aws-iam-authenticator kubeconfig`
fn write_kubeconfig(folder: &Path, api: &FakeKubernetes, cluster: &str) {
    fs::write(folder.join("ca.pem"), api.ca_pem().unwrap()).unwrap();
    let program = env!("CARGO_BIN_EXE_aws-iam-authenticator");
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().args([
        "kubeconfig",
        "-i",
        cluster,
        "--server",
        &api.url(),
        "--use-context",
    ]);
    command.args([
        "--certificate-authority",
        "ca.pem",
        "--kubeconfig",
        "config",
        "--command",
        program,
        "--name",
        cluster,
    ]);
    command.args(["--region", "eu-central-1", "--interactive-mode", "Never"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn run(mut kubectl: Command, folder: &Path, environment: &[(&str, String)], arguments: &[&str]) -> Output {
    kubectl.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    kubectl.env("HOME", folder).env("KUBECONFIG", folder.join("config"));
    kubectl.envs(environment.iter().map(|(name, value)| (*name, value))).args(arguments).output().unwrap()
}

#[test]
fn kubectl_logs_in_with_a_kubeconfig_that_was_written_here() {
    let Some(client) = kubectl() else { return };
    let aws = FakeAws::start().unwrap();
    let program = Program::new().configured(MAPPINGS);
    let server = program.start(&aws);
    let sample = samples::assumed_role();
    server.know(&sample.credential);
    let webhook = Arc::new(Mutex::new(Some(server)));
    let api = api_server(webhook.clone());
    let folder = tempfile::tempdir().unwrap();
    write_kubeconfig(folder.path(), &api, CLUSTER);
    let credentials = sample.credential.env();

    let whoami = run(client, folder.path(), &credentials, &["auth", "whoami", "-o", "json"]);
    assert!(whoami.status.success(), "{whoami:?}");
    let whoami: Value = serde_json::from_slice(&whoami.stdout).unwrap();
    let user = &whoami["status"]["userInfo"];
    assert_eq!(
        (&user["username"], &user["groups"]),
        (&"dev:carol-example.com".into(), &serde_json::json!(["developers"]))
    );
    assert_eq!(user["extra"]["arn"][0], sample.identity.arn());

    // Somebody whom no rule is for, and a token for another cluster, get what kubectl calls Unauthorized.
    let stranger = samples::user_with_path().credential;
    lock(&webhook).as_ref().unwrap().know(&stranger);
    let refused = run(kubectl().unwrap(), folder.path(), &stranger.env(), &["auth", "whoami"]);
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("nauthorized"),
        "{refused:?}"
    );
    write_kubeconfig(folder.path(), &api, "other.example");
    let refused = run(kubectl().unwrap(), folder.path(), &credentials, &["auth", "whoami"]);
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("nauthorized"),
        "{refused:?}"
    );

    // Without credentials the plugin says what to do, and kubectl shows it.
    let nowhere = [("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    let lost = run(kubectl().unwrap(), folder.path(), &nowhere, &["auth", "whoami"]);
    let said = String::from_utf8_lossy(&lost.stderr);
    assert!(!lost.status.success() && said.contains("Error: no AWS credentials"), "{said}");
    // The server goes here: its whole log is searched for secrets.
    drop(lock(&webhook).take());
}
