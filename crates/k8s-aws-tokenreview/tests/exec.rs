//! `KUBERNETES_EXEC_INFO` and `ExecCredential`, beside what the Go program does with the same environment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_aws_tokenreview::{BearerToken, ExecCredential, ExecCredentialVersion, ExecInfo};
use serde_json::{Value, json};

mod support;

const INFO: &str = include_str!("vectors/exec_info.json");
const GO: &str = include_str!("vectors/exec_info.go.json");

/// Accepted here and there, and answered in another version. The Go program cannot read a cluster with a `config` in it
/// (the extension `client.authentication.k8s.io/exec` of the kubeconfig), takes that for no `KUBERNETES_EXEC_INFO` at
/// all, and answers in v1beta1: the client, which asked for v1, refuses that.
const ANSWERED_IN_ANOTHER_VERSION: [&str; 2] =
    ["a cluster with a config of its own", "a cluster with a number for its config"];

fn info(row: &Value) -> Result<ExecInfo, k8s_aws_tokenreview::TokenReviewError> {
    ExecInfo::from_env_value(row["value"].as_str())
}

#[test]
fn every_exec_info_is_accepted_or_refused_for_the_reason_in_its_row() {
    for (name, row) in support::rows(INFO) {
        match info(&row) {
            Ok(info) => {
                let version = format!("{:?}", info.version());
                let got = json!({ "version": version, "interactive": info.interactive(), "server": info.server() });
                assert_eq!(got, row["accepted"], "{name}");
            }
            Err(error) => {
                assert_eq!(error.reason(), row["reason"], "{name}");
                assert!(error.to_string().starts_with("KUBERNETES_EXEC_INFO "), "{name}: {error}");
            }
        }
    }
}

#[test]
fn a_refused_version_comes_with_the_line_of_the_kubeconfig_to_change() {
    let error = ExecInfo::from_json(r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v2"}"#);
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "KUBERNETES_EXEC_INFO has an apiVersion other than client.authentication.k8s.io/v1, v1beta1 or v1alpha1"
    );
    assert!(error.remedy().contains("`users[].user.exec`"), "{}", error.remedy());
    assert!(ExecInfo::from_json("v1").unwrap_err().remedy().contains("unset"));
}

#[test]
fn answers_are_in_the_version_that_the_go_program_answers_in() {
    let go: Value = serde_json::from_str(GO).unwrap();
    for (name, row) in support::rows(INFO) {
        let Ok(info) = info(&row) else { continue };
        let theirs = ExecCredential::from_slice(go[&name].as_str().unwrap().as_bytes()).unwrap();
        let differs = theirs.version() != info.version();
        assert_eq!(differs, ANSWERED_IN_ANOTHER_VERSION.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn a_credential_of_the_go_program_is_written_again_byte_for_byte() {
    let go: Value = serde_json::from_str(GO).unwrap();
    let mut versions = Vec::new();
    for (name, row) in support::rows(INFO) {
        if info(&row).is_err() {
            // What it answers to what we refuse may be in no version at all.
            continue;
        }
        let theirs = go[&name].as_str().unwrap();
        let credential = ExecCredential::from_slice(theirs.as_bytes()).unwrap();
        assert!(credential.token().expose().starts_with("k8s-aws-v1."), "{name}");
        let rebuilt = BearerToken::new(credential.token().expose()).unwrap();
        let rebuilt = ExecCredential::new(credential.version(), rebuilt, credential.expiration()).unwrap();
        let ours = String::from_utf8(rebuilt.to_json_exposing_token()).unwrap();
        assert_eq!(ours, theirs.trim_end_matches('\n'), "{name}");
        versions.push(credential.version());
    }
    assert!(ExecCredentialVersion::ALL.iter().all(|version| versions.contains(version)), "{versions:?}");
}

fn credential(status: &str) -> String {
    format!(r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{status}}}"#)
}

#[test]
fn credentials_of_other_plugins_are_read() {
    let at = UNIX_EPOCH + Duration::from_secs(1_720_000_000);
    for (status, expiration) in [
        (r#"{"token":"t"}"#, None),
        (r#"{"token":"t","expirationTimestamp":null}"#, None),
        (r#"{"expirationTimestamp":"2024-07-03T09:46:40Z","token":"t"}"#, Some(at)),
        (r#"{"expirationTimestamp":"2024-07-03T09:46:40.999999999Z","token":"t"}"#, Some(at)),
        (r#"{"expirationTimestamp":"2024-07-03T11:46:40+02:00","token":"t"}"#, Some(at)),
        (r#"{"clientCertificateData":"-","clientKeyData":"-","token":"t","new":{}}"#, None),
    ] {
        let read = ExecCredential::from_slice(credential(status).as_bytes()).unwrap();
        assert_eq!((read.token().expose(), read.expiration()), ("t", expiration), "{status}");
    }
}

#[test]
fn what_is_no_credential_is_refused() {
    for (status, reason) in [
        ("null", "field_missing"),
        ("{}", "field_missing"),
        (r#"{"token":null}"#, "field_missing"),
        (r#"{"token":""}"#, "token_empty"),
        (r#"{"token":1}"#, "field_wrong_type"),
        (r#"{"clientCertificateData":"-","clientKeyData":"-"}"#, "field_missing"),
        (r#"{"token":"t","token":"t"}"#, "field_duplicate"),
        (r#"{"token":"t","Token":"t"}"#, "field_letter_case"),
        (r#"{"token":"t","ExpirationTimestamp":null}"#, "field_letter_case"),
        (r#"{"token":"t","expirationTimestamp":1720000000}"#, "field_wrong_type"),
        (r#"{"token":"t","expirationTimestamp":""}"#, "timestamp_malformed"),
        (r#"{"token":"t","expirationTimestamp":"2024-07-03T09:46:40"}"#, "timestamp_malformed"),
        (r#"{"token":"t","expirationTimestamp":"2023-02-29T00:00:00Z"}"#, "timestamp_malformed"),
        ("[]", "field_wrong_type"),
    ] {
        let refused = ExecCredential::from_slice(credential(status).as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(refused.reason(), reason, "{status}");
    }
    let error = |json: &str| ExecCredential::from_slice(json.as_bytes()).map(|_| ()).unwrap_err().reason();
    assert_eq!(error("error: no credentials"), "body_not_json");
    assert_eq!(error(&credential(r#"{"token":"t"}"#).replace("client.", "")), "api_version_unsupported");
    assert_eq!(error(&credential(r#"{"token":"t"}"#).replace("ExecCredential", "Status")), "kind_unsupported");
}

#[test]
fn an_expiration_that_cannot_be_written_is_refused_when_it_is_given() {
    let new = |time| ExecCredential::new(ExecCredentialVersion::V1, BearerToken::new("t").unwrap(), time).map(|_| ());
    let year_10000: SystemTime = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    assert_eq!(new(Some(year_10000)).unwrap_err().reason(), "timestamp_malformed");
    assert_eq!(new(Some(year_10000 - Duration::from_nanos(1))), Ok(()));
    assert_eq!(new(None), Ok(()));
}
