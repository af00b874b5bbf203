//! Requests equal those of other programs, and show nothing of their secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use aws_credential_types::Credentials;
use common::{KNOWN, OTHER, id};
use k8s_aws_ec2::{
    Ec2Endpoint, Ec2Error, EndpointKind, ErrorClass, InstanceId, MAX_INSTANCES, Partition, Query, Region,
};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

struct Row {
    row: Value,
    credentials: Credentials,
    endpoint: Ec2Endpoint,
    query: Query,
    now: SystemTime,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        self.row[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.row["name"]))
    }
}

/// Those for a first page: what comes after it, `pages.rs` looks at.
fn rows() -> Vec<Row> {
    let file: Value = serde_json::from_str(include_str!("vectors/botocore.json")).unwrap();
    let rows = file["rows"].as_array().unwrap().iter().filter(|row| row["page_token"].is_null()).cloned();
    let rows = rows.map(|row| {
        let text = |name: &str| row[name].as_str().unwrap();
        let session_token = row["session_token"].as_str().map(str::to_owned);
        let credentials =
            Credentials::new(text("access_key_id"), text("secret_access_key"), session_token, None, "vector");
        let kind = match text("kind") {
            "regional" => EndpointKind::Regional,
            "fips" => EndpointKind::Fips,
            "dual-stack" => EndpointKind::DualStack,
            "fips-dual-stack" => EndpointKind::FipsDualStack,
            kind => panic!("{kind}"),
        };
        let region = Region::parse(text("region")).unwrap();
        let endpoint = Ec2Endpoint::new(Partition::of_region(text("region")).unwrap(), &region, kind).unwrap();
        // Backwards and twice: the query sorts them.
        let ids: Vec<InstanceId> = row["ids"].as_array().unwrap().iter().map(|i| id(i.as_str().unwrap())).collect();
        let query = Query::new(ids.iter().rev().chain(&ids).cloned()).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap());
        Row { credentials, endpoint, query, now, row }
    });
    rows.collect()
}

#[test]
fn requests_equal_botocores() {
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let name = &row.row["name"];
        let request = row.query.request(&row.credentials, &row.endpoint, row.now).unwrap().into_http();
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.uri().to_string(), format!("https://{}/", row.text("host")), "{name}");
        let header = |header: &str| request.headers().get(header).map(|value| value.to_str().unwrap());
        assert_eq!(header("authorization"), Some(row.text("authorization")), "{name}");
        assert_eq!(header("content-type"), Some(row.text("content_type")), "{name}");
        assert_eq!(header("x-amz-date"), Some(row.text("amz_date")), "{name}");
        assert_eq!(header("x-amz-security-token"), row.row["session_token"].as_str(), "{name}");
        assert_eq!(request.headers().len(), if row.row["session_token"].is_null() { 3 } else { 4 });
        assert_eq!(std::str::from_utf8(request.body()), Ok(row.text("body")), "{name}");
    }
}

/// The signer of `aws-sigv4` itself, which shares nothing with the canonical request of this crate.
#[test]
fn signatures_equal_those_of_the_rust_sdk() {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    for row in rows() {
        let identity = row.credentials.clone().into();
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(&identity)
            .region(row.endpoint.region().as_str())
            .name("ec2")
            .time(row.now)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let url = format!("https://{}/", row.endpoint.host());
        let request = row.query.request(&row.credentials, &row.endpoint, row.now).unwrap().into_http();
        let headers = [("content-type", request.headers()["content-type"].to_str().unwrap())];
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), body).unwrap();
        let (instructions, signature) = sign(signable, &params.into()).unwrap().into_parts();
        assert_eq!(signature, row.text("signature"), "{}", row.row["name"]);
        for (name, value) in instructions.headers() {
            assert_eq!(request.headers()[name], value, "{name} of {}", row.row["name"]);
        }
    }
}

#[test]
fn nothing_printed_shows_a_secret() {
    let row = rows().into_iter().find(|row| row.row["session_token"].is_string()).unwrap();
    let request = row.query.request(&row.credentials, &row.endpoint, row.now).unwrap();
    let ours = format!("{request:?}");
    assert_eq!(ours, "Ec2Request { host: \"ec2.us-west-2.amazonaws.com\", .. }");
    let theirs = format!("{:?}", request.into_http());
    for secret in [row.text("session_token"), row.text("signature"), row.text("secret_access_key"), "Signature="] {
        assert!(!theirs.contains(secret), "{theirs}");
    }
}

#[test]
fn a_query_is_for_at_least_one_instance_and_at_most_200() {
    let ids = |count: u64| (0..count).map(|n| id(&format!("i-{n:017x}"))).collect::<Vec<_>>();
    assert_eq!(Query::new([]).unwrap_err(), Ec2Error::NoInstances);
    assert_eq!(Query::new(ids(1)).unwrap().ids().len(), 1);
    assert_eq!(Query::new(ids(200)).unwrap().ids().len(), MAX_INSTANCES);
    assert_eq!(Query::new(ids(201)).unwrap_err(), Ec2Error::TooManyInstances { count: 201 });
    // One that is there many times counts once.
    assert_eq!(Query::new(ids(200).into_iter().chain(ids(200))).unwrap().ids().len(), 200);
    assert_eq!(Query::new([id(OTHER), id(KNOWN), id(OTHER)]).unwrap().ids(), [id(KNOWN), id(OTHER)]);
}

#[test]
fn inputs_that_make_no_valid_request_are_refused_with_a_reason() {
    let row = rows().remove(0);
    let ask = |key: &str, secret: &str, session: Option<&str>, expiry, now| {
        let credentials = Credentials::new(key, secret, session.map(str::to_owned), expiry, "test");
        let result = row.query.request(&credentials, &row.endpoint, now).map(|_| ());
        result.map_err(|error| {
            assert_eq!(error.class(), ErrorClass::Refused);
            error.reason()
        })
    };
    let (now, second) = (row.now, Duration::from_secs(1));
    assert_eq!(ask(KEY, "s", None, None, now), Ok(()));
    assert_eq!(ask(KEY, "s", Some(""), None, now), Ok(()));
    assert_eq!(ask(KEY, "s", Some(&"/".repeat(16 * 1024)), Some(now + second), now), Ok(()));
    assert_eq!(ask("AKIA", "s", None, None, now), Err("access_key_id_malformed"));
    assert_eq!(ask("AKIAIOSFODNN7/EXAMPLE", "s", None, None, now), Err("access_key_id_malformed"));
    assert_eq!(ask(KEY, "", None, None, now), Err("secret_access_key_missing"));
    assert_eq!(ask(KEY, "s", None, Some(now), now), Err("credentials_expired"));
    assert_eq!(ask(KEY, "s", None, Some(now - second), now), Err("credentials_expired"));
    for token in ["line\nbreak", "a b", " a", "a ", "a\tb", "tökén", "a\0", "\u{7f}"] {
        assert_eq!(ask(KEY, "s", Some(token), None, now), Err("session_token_malformed"), "{token:?}");
    }
    assert_eq!(ask(KEY, "s", Some(&"/".repeat(16 * 1024 + 1)), None, now), Err("session_token_malformed"));
    assert_eq!(ask(KEY, "s", None, None, UNIX_EPOCH - second), Err("clock_out_of_range"));
}

#[test]
fn an_empty_session_token_counts_as_none() {
    let row = rows().remove(0);
    let sent = |session: Option<&str>| {
        let credentials = Credentials::new(KEY, "s", session.map(str::to_owned), None, "test");
        let request = row.query.request(&credentials, &row.endpoint, row.now).unwrap().into_http();
        (request.headers().clone(), request.into_body())
    };
    assert_eq!(sent(Some("")), sent(None));
}

#[test]
fn every_region_of_every_partition_has_its_hosts() {
    let mut hosts = std::collections::HashSet::new();
    for partition in Partition::ALL {
        for region in partition.regions() {
            for kind in
                [EndpointKind::Regional, EndpointKind::Fips, EndpointKind::DualStack, EndpointKind::FipsDualStack]
            {
                let endpoint = Ec2Endpoint::new(partition, &region, kind).unwrap();
                let is = (endpoint.partition(), endpoint.region(), endpoint.kind());
                assert_eq!(is, (partition, &region, kind));
                let new = hosts.insert(endpoint.host().to_owned());
                let shared = partition == Partition::AwsUsGov && kind == EndpointKind::Fips;
                assert_eq!(new, !shared, "{}", endpoint.host());
            }
            for other in Partition::ALL.into_iter().filter(|p| *p != partition) {
                let error = Ec2Endpoint::new(other, &region, EndpointKind::Regional).unwrap_err();
                assert_eq!(error.reason(), "region_of_other_partition");
            }
        }
    }
    let new = Ec2Endpoint::new(Partition::Aws, &Region::parse("xx-new-9").unwrap(), EndpointKind::Regional).unwrap();
    assert_eq!(new.host(), "ec2.xx-new-9.amazonaws.com");
}
