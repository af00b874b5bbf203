//! `init`: the files that a server needs, made by the real program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a program: files and processes")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn init(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
    command.current_dir(directory).env_clear().args(["init", "-i", "cluster"]).args(arguments).output().unwrap()
}

fn log(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_pair_and_a_kubeconfig_are_written_into_the_working_directory() {
    let directory = tempfile::tempdir().unwrap();
    let output = init(directory.path(), &["--hostname", "auth.example", "--address", "0.0.0.0"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", log(&output));
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert!(read("cert.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(fs::metadata(directory.path().join("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let kubeconfig = read("aws-iam-authenticator.kubeconfig");
    assert!(kubeconfig.contains("server: https://auth.example:21362/authenticate"), "{kubeconfig}");
    for line in [
        "copy cert.pem to /var/aws-iam-authenticator/cert.pem on",
        "copy key.pem to /var/aws-iam-authenticator/key.pem on",
        "copy aws-iam-authenticator.kubeconfig to /etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml on",
        "`--authentication-token-webhook-config-file=/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml`",
    ] {
        assert!(log(&output).contains(line), "{line} in {}", log(&output));
    }
}

#[test]
fn a_pair_that_is_there_is_kept_and_the_kubeconfig_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    assert!(init(directory.path(), &[]).status.success());
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let (certificate, key, kubeconfig) = (read("cert.pem"), read("key.pem"), read("aws-iam-authenticator.kubeconfig"));
    fs::write(directory.path().join("aws-iam-authenticator.kubeconfig"), "something else").unwrap();
    assert!(init(directory.path(), &[]).status.success());
    assert_eq!((read("cert.pem"), read("key.pem")), (certificate, key));
    assert_eq!(read("aws-iam-authenticator.kubeconfig"), kubeconfig);
}

#[test]
fn the_feature_gate_writes_to_where_the_server_looks() {
    let directory = tempfile::tempdir().unwrap();
    let (state, kubeconfig) = (directory.path().join("state"), directory.path().join("etc/webhook.yaml"));
    let config = format!(
        "server:\n  stateDir: {}\n  generateKubeconfig: {}\n  port: 1234\n",
        state.display(),
        kubeconfig.display()
    );
    fs::write(directory.path().join("config.yaml"), config).unwrap();
    let output =
        init(directory.path(), &["--config", "config.yaml", "--feature-gates", "ConfiguredInitDirectories=true"]);
    assert!(output.status.success(), "{}", log(&output));
    assert!(state.join("cert.pem").exists() && state.join("key.pem").exists());
    assert!(fs::read_to_string(kubeconfig).unwrap().contains("https://localhost:1234/authenticate"));
    assert!(!log(&output).contains("copy "), "{}", log(&output));
}

#[test]
fn half_a_pair_is_refused_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("key.pem"), "half").unwrap();
    let output = init(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        log(&output).contains("no ./cert.pem") && log(&output).contains("put the missing file back"),
        "{}",
        log(&output)
    );
    assert!(!directory.path().join("aws-iam-authenticator.kubeconfig").exists());
}
