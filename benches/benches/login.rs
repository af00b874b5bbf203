//! The parts of a login, one by one and without IO: mint, decode and validate, refuse, ask, read the answer.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::unwrap_used, reason = "a benchmark of a broken build should stop")]

use aws_credential_types::Credentials;
use criterion::{Criterion, criterion_group, criterion_main};
use k8s_aws_auth::identity::{ClusterId, EndpointKind, EndpointTable, Region, StsEndpoint};
use k8s_aws_auth::presign::presign;
use k8s_aws_auth::sts::{Partition, Policy, Verifier};
use k8s_aws_auth::token::Token;
use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NOW: Duration = Duration::from_secs(1_781_526_896);

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

/// Long-lived keys; those of a session, whose token has about 1 KB; and as long a session token as fits.
fn credentials() -> [(&'static str, Credentials); 3] {
    let make = |session_token: Option<String>| {
        Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token,
            None,
            "bench",
        )
    };
    // As session tokens are: base64 of bytes without a pattern, here those of a linear congruential generator.
    let session_token = |length: usize| {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let states = std::iter::successors(Some(1_u64), next);
        Some(states.skip(1).take(length).map(|state| char::from(ALPHABET[(state >> 58) as usize])).collect())
    };
    [("keys", make(None)), ("session", make(session_token(1000))), ("long-session", make(session_token(12_000)))]
}

fn endpoint() -> StsEndpoint {
    StsEndpoint::in_region(&Region::parse("eu-central-1").unwrap(), EndpointKind::Regional).unwrap()
}

fn text(credentials: &Credentials) -> String {
    let cluster = ClusterId::parse("bench").unwrap();
    presign(credentials, &endpoint(), &cluster, now()).unwrap().text().expose().to_owned()
}

/// The same token for a host that is not STS's.
fn another_host(credentials: &Credentials) -> String {
    let text = text(credentials);
    // `https://sts.eu-central-1` in base64url, and the same with `-9`.
    let changed = text.replacen("aHR0cHM6Ly9zdHMuZXUtY2VudHJhbC0x", "aHR0cHM6Ly9zdHMuZXUtY2VudHJhbC05", 1);
    assert_ne!(changed, text);
    changed
}

fn mint(c: &mut Criterion) {
    let (endpoint, cluster) = (endpoint(), ClusterId::parse("bench").unwrap());
    for (name, credentials) in credentials() {
        c.bench_function(&format!("presign/{name}"), |b| {
            b.iter(|| presign(black_box(&credentials), &endpoint, &cluster, now()).unwrap());
        });
    }
}

fn decode(c: &mut Criterion) {
    let table = EndpointTable::standard();
    for (name, credentials) in credentials() {
        let text = text(&credentials);
        c.bench_function(&format!("decode/{name}"), |b| b.iter(|| Token::decode(black_box(&text), &table).unwrap()));
    }
}

fn refuse(c: &mut Criterion) {
    let table = EndpointTable::standard();
    let good = text(&credentials()[1].1);
    let rows = [
        ("too-long", "x".repeat(30_000)),
        ("prefix", good.replacen("v1", "v2", 1)),
        ("base64", format!("{good}=")),
        ("host", another_host(&credentials()[1].1)),
    ];
    for (name, text) in rows {
        assert!(Token::decode(&text, &table).is_err(), "{name}");
        c.bench_function(&format!("refuse/{name}"), |b| {
            b.iter(|| Token::decode(black_box(&text), &table).unwrap_err());
        });
    }
}

fn verify(c: &mut Criterion) {
    let verifier = Verifier::new(Policy::new(Partition::Aws));
    let cluster = ClusterId::parse("bench").unwrap();
    let text = text(&credentials()[1].1);
    let answer = http::Response::builder()
        .header("content-type", "application/json")
        .body(
            r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",
               "Arn":"arn:aws:sts::123456789012:assumed-role/deployer/alice","UserId":"AROAIOSFODNN7EXAMPLE:alice"},
               "ResponseMetadata":{"RequestId":"01234567-89ab-cdef-0123-456789abcdef"}}}"#,
        )
        .unwrap();
    c.bench_function("verify/begin", |b| {
        b.iter(|| verifier.begin(black_box(&text), &cluster, now()).unwrap());
    });
    c.bench_function("verify/request", |b| {
        let call = verifier.begin(&text, &cluster, now()).unwrap();
        b.iter(|| call.request().into_http());
    });
    c.bench_function("verify/finish", |b| {
        b.iter_batched(
            || verifier.begin(&text, &cluster, now()).unwrap(),
            |call| call.finish(black_box(&answer)).unwrap(),
            criterion::BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, mint, decode, refuse, verify);
criterion_main!(benches);
