//! The provider for programs that go on running. The environment is the whole process's, so each test is a process of its own:
//! it starts this very program again, for one of the tests below that are ignored otherwise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests: processes and environment")]

use aws_credential_types::provider::ProvideCredentials;
use k8s_aws_auth_credentials::{AssumeRole, default_provider};
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_fake::{FakeAws, Role, samples};
use k8s_aws_identity::Region;
use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/production";

fn fake() -> FakeAws {
    let fake = FakeAws::start().unwrap();
    fake.add_role(Role::new(samples::ACCOUNT, "describer").source_arn(CLUSTER).external_id("x"));
    fake
}

/// Runs one of the tests below in the environment of the fake.
fn run(fake: &FakeAws, test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .envs(fake.env())
        .envs(samples::user().credential.env())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn assumed(fake: &FakeAws) -> u64 {
    fake.counts().calls_by_action.get("AssumeRole").copied().unwrap_or(0)
}

#[test]
fn a_role_is_assumed_once_on_behalf_of_the_cluster_and_kept() {
    let fake = fake();
    run(&fake, "keeps");
    assert_eq!(assumed(&fake), 1);
    assert_eq!(fake.calls()[0].host, "sts.eu-central-1.amazonaws.com");
}

#[test]
fn what_is_about_to_end_is_loaded_anew() {
    let fake = fake();
    fake.set_session_lifetime(Duration::from_secs(200));
    run(&fake, "renews");
    assert_eq!(assumed(&fake), 3);
}

fn provider() -> impl ProvideCredentials {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let transport = HttpsTransport::builder().from_env().unwrap().build().unwrap();
    let role = AssumeRole::new("arn:aws:iam::111122223333:role/describer").source_arn(CLUSTER).external_id("x");
    default_provider(transport, Some(Region::parse("eu-central-1").unwrap()), Some(role))
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn keeps() {
    let provider = provider();
    let both = tokio::join!(provider.provide_credentials(), provider.provide_credentials());
    let keys = [both.0.unwrap(), both.1.unwrap(), provider.provide_credentials().await.unwrap()];
    let ids: HashSet<&str> = keys.iter().map(aws_credential_types::Credentials::access_key_id).collect();
    assert_eq!(ids.len(), 1);
    assert!(keys[0].expiry().is_some());
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn renews() {
    let provider = provider();
    let mut ids = HashSet::new();
    for _ in 0..3 {
        ids.insert(provider.provide_credentials().await.unwrap().access_key_id().to_owned());
    }
    assert_eq!(ids.len(), 3);
}
