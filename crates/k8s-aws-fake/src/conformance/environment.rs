//! The rules about the environment: what it says is heard where that was asked for, and by nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "assertions of tests, one of which is a child that prints"
)]

use super::Sender;
use crate::FakeAws;
use bytes::Bytes;
use http::Request;
use std::process::Command;

const STS: &str = "https://sts.eu-west-1.amazonaws.com/";

/// The child of the other rules: prints what came of one request.
pub fn child(make: impl Fn(bool) -> Result<Sender, String>) {
    let variable = |name: &str| std::env::var(name).unwrap();
    let send = match make(variable("CHILD_READS_ENV") == "true") {
        Ok(send) => send,
        Err(error) => return println!("CHILD: {error}"),
    };
    match send(Request::get(variable("CHILD_URL")).body(Bytes::new()).unwrap()) {
        Ok(answer) => println!("CHILD: status {}", answer.status().as_u16()),
        Err(failure) => println!("CHILD: {:?}: {}", failure.kind, failure.message),
    }
}

fn run_child(url: &str, reads_env: bool, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env_clear();
    command.env("CHILD_URL", url).env("CHILD_READS_ENV", reads_env.to_string());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("CHILD: ")).unwrap_or_else(|| panic!("{text}"));
    line.1.to_owned()
}

/// `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` in capitals or not, `AWS_CA_BUNDLE`, `SSL_CERT_FILE`.
pub fn proxy_and_ca_bundle_come_from_the_environment() {
    let fake = FakeAws::start().unwrap();
    let (proxy, ca) = (fake.proxy_url(), fake.ca_file().display().to_string());
    for (case, environment) in [
        ("capitals", vec![("HTTPS_PROXY", proxy.as_str()), ("AWS_CA_BUNDLE", &ca)]),
        ("small letters", vec![("https_proxy", &proxy), ("AWS_CA_BUNDLE", &ca)]),
        ("for all", vec![("ALL_PROXY", &proxy), ("AWS_CA_BUNDLE", &ca)]),
        ("the system's roots", vec![("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", &ca)]),
        (
            "an empty bundle variable is none",
            vec![("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", &ca), ("AWS_CA_BUNDLE", "")],
        ),
        (
            "others in NO_PROXY",
            vec![("HTTPS_PROXY", &proxy), ("AWS_CA_BUNDLE", &ca), ("NO_PROXY", "localhost,example.com")],
        ),
        (
            "that for https goes before that for all, and that for http is not ours",
            vec![
                ("HTTPS_PROXY", &proxy),
                ("ALL_PROXY", "http://127.0.0.1:9"),
                ("HTTP_PROXY", "http://127.0.0.1:9"),
                ("AWS_CA_BUNDLE", &ca),
            ],
        ),
    ] {
        let before = fake.counts();
        // The fake's STS refuses what is not signed; that it answers is what counts.
        assert_eq!(run_child(STS, true, &environment), "status 302", "{case}");
        let after = fake.counts();
        assert_eq!((after.calls - before.calls, after.connects - before.connects), (1, 1), "{case}");
    }
}

/// One name, a list, or a star.
pub fn no_proxy_keeps_a_host_from_the_proxy() {
    let fake = FakeAws::start().unwrap();
    let (proxy, ca) = (fake.proxy_url(), fake.ca_file().display().to_string());
    let here = format!("https://localhost:{}/", fake.tls_addr().port());
    let environment = |no_proxy| [("HTTPS_PROXY", proxy.as_str()), ("AWS_CA_BUNDLE", &ca), ("NO_PROXY", no_proxy)];
    assert_eq!(run_child(&here, true, &environment("localhost")), "status 404");
    assert_eq!(run_child(&here, true, &environment("*")), "status 404");
    assert_eq!(fake.counts().connects_refused, 0);
    assert!(run_child(&here, true, &environment("amazonaws.com")).starts_with("Connect: "));
    assert_eq!(fake.counts().connects_refused, 1);
}

/// As it does for AWS's own tools.
pub fn the_bundle_replaces_the_systems_roots() {
    let (fake, other) = (FakeAws::start().unwrap(), FakeAws::start().unwrap());
    let (ca, others) = (fake.ca_file().display().to_string(), other.ca_file().display().to_string());
    let environment = [("HTTPS_PROXY", fake.proxy_url()), ("AWS_CA_BUNDLE", others), ("SSL_CERT_FILE", ca)];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let told = run_child(STS, true, &environment);
    assert!(told.starts_with("Connect: ") && told.contains("invalid peer certificate"), "{told}");
}

/// A bundle that cannot be read is not replaced by the system's roots.
pub fn a_bundle_that_is_named_must_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    for (path, error) in [
        ("/nonexistent/ca.pem".to_owned(), "CaFile"),
        (directory.path().display().to_string(), "CaFile"),
        (file("empty", ""), "NoRoots"),
        (file("text", "no PEM"), "NoRoots"),
        (file("broken", broken), "CaBundle"),
    ] {
        let told = run_child(STS, true, &[("AWS_CA_BUNDLE", &path)]);
        assert!(told.starts_with(error), "{path}: {told}");
    }
}

/// At the start or at the first request, but before anything is sent.
pub fn a_proxy_of_another_kind_is_refused_and_not_gone_around() {
    let fake = FakeAws::start().unwrap();
    let ca = fake.ca_file().display().to_string();
    let here = format!("https://localhost:{}/", fake.tls_addr().port());
    for proxy in ["socks5://127.0.0.1:9", "socks4://127.0.0.1:9"] {
        let told = run_child(&here, true, &[("HTTPS_PROXY", proxy), ("AWS_CA_BUNDLE", &ca)]);
        assert!(told.starts_with("Connect: ") || told.starts_with("Proxy"), "{proxy}: {told}");
    }
    assert_eq!(fake.counts().connections, 0);
}

/// Only the system's roots are looked for where they usually are.
pub fn without_being_asked_no_proxy_and_no_bundle_is_heard_of() {
    let fake = FakeAws::start().unwrap();
    let ca = fake.ca_file().display().to_string();
    let here = format!("https://localhost:{}/", fake.tls_addr().port());
    let proxy = fake.proxy_url();
    let environment = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("ALL_PROXY", &proxy),
        ("SSL_CERT_FILE", &ca),
        ("AWS_CA_BUNDLE", "/nonexistent"),
    ];
    assert_eq!(run_child(&here, false, &environment), "status 404");
    assert_eq!((fake.counts().connects, fake.counts().connects_refused), (0, 0));
}
