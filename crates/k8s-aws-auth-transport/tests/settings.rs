//! Settings: their defaults, and that those that are no good are told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::Uri;
use k8s_aws_auth_transport::{Builder, Settings, SetupError, TransportError, sendable};
use k8s_aws_fake::FakeAws;
use std::time::Duration;

#[derive(Debug)]
struct Made(Settings);

impl TryFrom<Settings> for Made {
    type Error = SetupError;

    fn try_from(settings: Settings) -> Result<Self, SetupError> {
        settings.tls()?;
        Ok(Self(settings))
    }
}

fn builder() -> Builder<Made> {
    Builder::default()
}

#[test]
fn the_limits_are_those_of_the_documentation_unless_told() {
    let fake = FakeAws::start().unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = builder().crypto_provider(provider.into()).roots_pem(fake.ca_pem().as_bytes()).unwrap();
    let limits = |settings: &Settings| {
        (settings.connect_timeout.as_secs(), settings.timeout.as_secs(), settings.max_body, settings.idle_connections)
    };
    let Made(settings) = builder.clone().build().unwrap();
    assert_eq!((limits(&settings), settings.idle_for.as_secs()), ((3, 10, 65536, 32), 60));
    assert!(settings.proxy.is_none());
    let seconds = Duration::from_secs;
    let builder = builder.connect_timeout(seconds(1)).timeout(seconds(2)).max_body(4).idle_connections(5, seconds(6));
    let Made(settings) = builder.proxy("http://proxy.example", "").unwrap().build().unwrap();
    assert_eq!((limits(&settings), settings.idle_for.as_secs()), ((1, 2, 4, 5), 6));
    assert_eq!(settings.proxy.as_ref().unwrap().url(), "http://proxy.example");
}

#[test]
fn roots_that_are_no_good_are_told_and_not_passed_over() {
    let fake = FakeAws::start().unwrap();
    let pem = |text: &str| builder().roots_pem(text.as_bytes()).map(drop);
    assert!(matches!(pem(""), Err(SetupError::NoRoots)));
    assert!(matches!(pem("no PEM at all"), Err(SetupError::NoRoots)));
    for broken in ["!", "AAAA"] {
        let text = format!("-----BEGIN CERTIFICATE-----\n{broken}\n-----END CERTIFICATE-----\n");
        assert!(matches!(pem(&text), Err(SetupError::CaBundle(_))), "{broken}");
        // Not even behind a good one.
        assert!(matches!(pem(&format!("{}{text}", fake.ca_pem())), Err(SetupError::CaBundle(_))), "{broken}");
    }
    let cut_off = &fake.ca_pem()[..fake.ca_pem().len() / 2];
    assert!(matches!(pem(cut_off), Err(SetupError::NoRoots | SetupError::CaBundle(_))));
    assert!(matches!(builder().roots([]), Err(SetupError::NoRoots)));
    pem(fake.ca_pem()).unwrap();
}

#[test]
fn the_cryptography_is_the_programs_to_choose() {
    let fake = FakeAws::start().unwrap();
    // No test of this program installs a default.
    let none = builder().roots_pem(fake.ca_pem().as_bytes()).unwrap().build();
    assert!(matches!(none, Err(SetupError::NoCryptoProvider)));
}

#[test]
fn what_is_printed_of_settings_has_no_password() {
    let builder = builder().proxy("http://user:canary@proxy.example", "").unwrap();
    let printed = format!("{builder:?}");
    assert!(printed.contains("timeout: 10s") && !printed.contains("canary"), "{printed}");
}

#[test]
fn only_https_to_a_host_without_a_user_may_be_sent() {
    for (url, host) in [("https://sts.amazonaws.com/?a=b", "sts.amazonaws.com"), ("https://[::1]:8443/", "[::1]")] {
        let uri: Uri = url.parse().unwrap();
        assert_eq!(sendable(&uri).unwrap().host(), host);
    }
    for url in ["http://sts.amazonaws.com/", "ftp://sts.amazonaws.com/", "/?a=b", "https://user@sts.amazonaws.com/"] {
        let uri: Uri = url.parse().unwrap();
        assert!(matches!(sendable(&uri), Err(TransportError::Unsendable(_))), "{url}");
    }
}
