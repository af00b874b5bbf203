//! What the environment says is heard by `from_env` and by nothing else. Each case is a process of its own: this program runs
//! itself, with one test that is the child.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a transport: files, processes")]

use bytes::Bytes;
use http::Request;
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_fake::FakeAws;
use std::process::Command;

/// Not for people: the child of the tests below. It prints what came of one request.
#[test]
#[ignore = "run by the other tests"]
fn child() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsTransport::builder().crypto_provider(provider.into());
    let builder = match variable("CHILD_READS_ENV").as_str() {
        "true" => builder.from_env(),
        _ => Ok(builder),
    };
    let transport = match builder.and_then(k8s_aws_auth_hyper::Builder::build) {
        Ok(transport) => transport,
        Err(error) => return println!("CHILD: {error:?}"),
    };
    let request = Request::get(variable("CHILD_URL")).body(Bytes::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(transport.send(request)) {
        Ok(answer) => println!("CHILD: status {}", answer.status().as_u16()),
        Err(error) => println!("CHILD: {}: {error}", error.reason()),
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

const STS: &str = "https://sts.eu-west-1.amazonaws.com/";

#[test]
fn proxy_and_ca_bundle_come_from_the_environment() {
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
    ] {
        let before = fake.counts();
        // The fake's STS refuses what is not signed; that it answers is what counts.
        assert_eq!(run_child(STS, true, &environment), "status 302", "{case}");
        let after = fake.counts();
        assert_eq!((after.calls - before.calls, after.connects - before.connects), (1, 1), "{case}");
    }
}

#[test]
fn no_proxy_keeps_a_host_from_the_proxy() {
    let fake = FakeAws::start().unwrap();
    let (proxy, ca) = (fake.proxy_url(), fake.ca_file().display().to_string());
    let here = format!("https://localhost:{}/", fake.tls_addr().port());
    let environment = |no_proxy| [("HTTPS_PROXY", proxy.as_str()), ("AWS_CA_BUNDLE", &ca), ("NO_PROXY", no_proxy)];
    assert_eq!(run_child(&here, true, &environment("localhost")), "status 404");
    assert_eq!(run_child(&here, true, &environment("*")), "status 404");
    assert_eq!(fake.counts().connects_refused, 0);
    assert!(run_child(&here, true, &environment("amazonaws.com")).starts_with("connect_failed: "));
    assert_eq!(fake.counts().connects_refused, 1);
}

#[test]
fn the_bundle_replaces_the_systems_roots() {
    let (fake, other) = (FakeAws::start().unwrap(), FakeAws::start().unwrap());
    let (ca, others) = (fake.ca_file().display().to_string(), other.ca_file().display().to_string());
    let environment = [("HTTPS_PROXY", fake.proxy_url()), ("AWS_CA_BUNDLE", others), ("SSL_CERT_FILE", ca)];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let told = run_child(STS, true, &environment);
    assert!(told.starts_with("connect_failed: ") && told.contains("invalid peer certificate"), "{told}");
}

#[test]
fn a_bundle_that_is_named_must_do() {
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

#[test]
fn a_proxy_of_another_kind_is_refused_and_not_gone_around() {
    let fake = FakeAws::start().unwrap();
    let ca = fake.ca_file().display().to_string();
    let here = format!("https://localhost:{}/", fake.tls_addr().port());
    for proxy in ["socks5://127.0.0.1:9", "socks4://127.0.0.1:9"] {
        let told = run_child(&here, true, &[("HTTPS_PROXY", proxy), ("AWS_CA_BUNDLE", &ca)]);
        assert!(told.starts_with("connect_failed: "), "{proxy}: {told}");
    }
    assert_eq!(fake.counts().connections, 0);
}

#[test]
fn without_from_env_no_proxy_and_no_bundle_is_heard_of() {
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
