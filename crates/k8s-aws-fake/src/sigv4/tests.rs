#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::*;
use crate::directory::{Credential, Identity};

/// A signed request and what it was signed with; see the scripts beside the files.
#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    service: String,
    region: String,
    date: String,
    refused: bool,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Vector {
    fn all(json: &str) -> Vec<Self> {
        serde_json::from_str(json).unwrap()
    }

    /// The code of the error, or the ARN of the caller.
    fn verify(&self) -> Result<String, Refusal> {
        self.verify_with(&self.directory(), date::parse(&self.date).unwrap())
    }

    fn verify_with(&self, directory: &Directory, now: i64) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let host = headers.get("host").map(|h| h.to_str().unwrap().to_owned()).unwrap_or_default();
        let received = Received {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            host: &host,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        let endpoint = Endpoint { service: &self.service, region: &self.region, partition: "aws" };
        let now = UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap());
        verify(&received, &endpoint, directory, now).map(|entry| entry.identity.arn().to_owned())
    }

    fn directory(&self) -> Directory {
        let directory = Directory::default();
        let credential = match &self.session_token {
            None => Credential::permanent(&self.access_key_id, &self.secret_access_key),
            Some(token) => Credential::temporary(&self.access_key_id, &self.secret_access_key, token),
        };
        directory.insert(credential, Identity::root("111122223333"));
        directory
    }

    fn code(&self) -> &'static str {
        self.verify().map_or_else(|refusal| refusal.code, |_| "accepted")
    }

    fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).unwrap()
    }
}

fn aws_suite() -> Vec<Vector> {
    Vector::all(include_str!("../../tests/data/aws_suite.json"))
}

fn botocore() -> Vec<Vector> {
    Vector::all(include_str!("../../tests/data/botocore_vectors.json"))
}

fn presigned() -> Vector {
    let name = "presigned temporary sts.eu-west-1.amazonaws.com prod";
    botocore().into_iter().find(|v| v.name == name).unwrap()
}

fn in_header() -> Vector {
    botocore().into_iter().find(|v| v.name == "header temporary sts.eu-west-1.amazonaws.com").unwrap()
}

#[test]
fn requests_that_aws_and_botocore_signed_are_accepted() {
    let vectors: Vec<Vector> = aws_suite().into_iter().chain(botocore()).collect();
    assert!(vectors.len() > 80);
    for vector in vectors {
        assert_eq!(vector.verify().is_err(), vector.refused, "{}: {:?}", vector.name, vector.verify());
    }
}

#[test]
fn no_other_secret_will_do() {
    for vector in aws_suite().into_iter().chain(botocore()).filter(|v| !v.refused) {
        let other = Vector { secret_access_key: "wJalrXUtnFEMI".into(), ..vector.clone() };
        assert_eq!(other.code(), "SignatureDoesNotMatch", "{}", vector.name);
    }
}

#[test]
fn each_change_of_a_presigned_request_is_refused_with_its_code() {
    let change = |from: &str, to: &str| {
        let mut vector = presigned();
        assert!(vector.query.contains(from), "{from}");
        vector.query = vector.query.replace(from, to);
        vector.verify().unwrap_err().code
    };
    for (from, to, code) in [
        ("Action=GetCallerIdentity", "Action=GetCallerIdentitz", "SignatureDoesNotMatch"),
        ("Version=2011-06-15", "Version=2011-06-16", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61", "SignatureDoesNotMatch"),
        ("X-Amz-Date=20260301T235959Z", "X-Amz-Date=20260301T235958Z", "SignatureDoesNotMatch"),
        ("X-Amz-Date=20260301T235959Z", "X-Amz-Date=20260302T000000Z", "SignatureDoesNotMatch"),
        ("X-Amz-Date=20260301T235959Z", "X-Amz-Date=2026-03-01", "IncompleteSignature"),
        ("X-Amz-Date=20260301T235959Z", "X-Amz-Date=", "IncompleteSignature"),
        ("X-Amz-Date=20260301T235959Z&", "", "IncompleteSignature"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=none", "IncompleteSignature"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", "IncompleteSignature"),
        ("X-Amz-Algorithm=", "X-Amz-Algorithm=x&X-Amz-Algorithm=", "MalformedQueryString"),
        ("%2F20260301%2F", "%2F20260302%2F", "SignatureDoesNotMatch"),
        ("%2Feu-west-1%2F", "%2Feu-west-2%2F", "SignatureDoesNotMatch"),
        ("%2Fsts%2F", "%2Fec2%2F", "SignatureDoesNotMatch"),
        ("%2Faws4_request", "%2Faws5_request", "SignatureDoesNotMatch"),
        ("%2Faws4_request", "", "IncompleteSignature"),
        ("%2Faws4_request", "%2Faws4_request%2Fx", "IncompleteSignature"),
        ("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLF", "InvalidClientTokenId"),
        ("X-Amz-Security-Token=I", "X-Amz-Security-Token=J", "InvalidClientTokenId"),
        ("X-Amz-Security-Token=", "X-Amz-Security-Tokem=", "InvalidClientTokenId"),
        ("host%3Bx-k8s-aws-id", "x-k8s-aws-id", "SignatureDoesNotMatch"),
        ("host%3Bx-k8s-aws-id", "host", "SignatureDoesNotMatch"),
        ("host%3Bx-k8s-aws-id", "host%3Bx-k8s-aws-id%3Bx-other", "SignatureDoesNotMatch"),
        ("host%3Bx-k8s-aws-id", "Host%3Bx-k8s-aws-id", "SignatureDoesNotMatch"),
        ("host%3Bx-k8s-aws-id", "x-k8s-aws-id%3Bhost", "SignatureDoesNotMatch"),
        ("X-Amz-Signature=", "X-Amz-Signature=0", "SignatureDoesNotMatch"),
        ("X-Amz-Signature=", "X-Amz-Signatura=", "IncompleteSignature"),
        ("Action=", "x=1&Action=", "SignatureDoesNotMatch"),
        ("Action=", "x=%zz&Action=", "MalformedQueryString"),
    ] {
        assert_eq!(change(from, to), code, "{from} -> {to}");
    }
}

#[test]
fn each_part_of_the_scope_is_checked_by_itself() {
    // Whoever has the secret could sign such a scope: it is refused for what it is, not for the signature.
    for (from, to, message) in [
        ("%2F20260301%2F", "%2F20260302%2F", "Date in Credential scope does not match"),
        ("%2F20260301%2F", "%2F2026030%2F", "Date in Credential scope does not match"),
        ("%2Feu-west-1%2F", "%2Feu-west-2%2F", "Credential should be scoped to a valid region, not 'eu-west-2'"),
        ("%2Fsts%2F", "%2Fec2%2F", "Credential should be scoped to correct service: 'sts'"),
        ("%2Faws4_request", "%2Faws5_request", "Credential should be scoped with a valid terminator"),
        ("host%3Bx-k8s-aws-id", "x-k8s-aws-id", "'Host' or ':authority' must be a 'SignedHeader'"),
        ("host%3Bx-k8s-aws-id", "host%3Bx-other", "A header that the signature covers was not sent"),
    ] {
        let mut vector = presigned();
        vector.query = vector.query.replace(from, to);
        let refusal = vector.verify().unwrap_err();
        assert!(refusal.message.starts_with(message), "{from} -> {to}: {}", refusal.message);
    }
}

#[test]
fn each_change_around_the_query_is_refused() {
    let check = |change: &dyn Fn(&mut Vector), what: &str| {
        let mut vector = presigned();
        assert!(vector.verify().is_ok());
        change(&mut vector);
        assert_eq!(vector.code(), "SignatureDoesNotMatch", "{what}");
    };
    check(&|v| v.method = "POST".into(), "method");
    check(&|v| v.path = "/x".into(), "path");
    check(&|v| v.body = "x".into(), "body");
    check(&|v| *v.header("host") = "sts.eu-west-1.amazonaws.com:443".into(), "host");
    check(&|v| *v.header("x-k8s-aws-id") = "prof".into(), "cluster");
    check(&|v| v.headers.retain(|(name, _)| name != "x-k8s-aws-id"), "cluster header not sent");
    check(&|v| v.headers.push(("x-k8s-aws-id".into(), "prod".into())), "cluster header sent twice");
    check(&|v| v.headers.push(("x-amz-meta".into(), "x".into())), "x-amz header not signed");
    check(&|v| v.region = "eu-west-2".into(), "another region's endpoint");
    check(&|v| v.service = "ec2".into(), "another service's endpoint");
    check(&|v| v.query.push_str("&z"), "one more parameter");
}

#[test]
fn each_change_of_a_header_signed_request_is_refused_with_its_code() {
    let change = |header: &str, from: &str, to: &str| {
        let mut vector = in_header();
        assert!(vector.verify().is_ok());
        let value = vector.header(header);
        assert!(value.contains(from), "{from}");
        *value = value.replace(from, to);
        vector.verify().unwrap_err().code
    };
    for (header, from, to, code) in [
        ("authorization", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 ", "IncompleteSignature"),
        ("authorization", "AWS4-HMAC-SHA256 ", "Bearer ", "IncompleteSignature"),
        ("authorization", "Credential=", "Credential=x/", "IncompleteSignature"),
        ("authorization", "Credential=", "Credentiax=", "IncompleteSignature"),
        ("authorization", "SignedHeaders=", "SignedHeader=", "IncompleteSignature"),
        ("authorization", "Signature=", "Signatura=", "IncompleteSignature"),
        ("authorization", "Signature=", "Signature=, Signature=", "IncompleteSignature"),
        ("authorization", "Signature=", "Signature=0", "SignatureDoesNotMatch"),
        ("authorization", "host;", "", "SignatureDoesNotMatch"),
        ("authorization", "x-amz-date;", "", "SignatureDoesNotMatch"),
        ("authorization", "/eu-west-1/", "/eu-west-3/", "SignatureDoesNotMatch"),
        ("authorization", "ASIA", "AKIA", "InvalidClientTokenId"),
        ("x-amz-date", "235959Z", "235958Z", "SignatureDoesNotMatch"),
        ("x-amz-date", "Z", "", "IncompleteSignature"),
        ("x-amz-security-token", "=", "", "InvalidClientTokenId"),
        ("content-type", "utf-8", "utf-9", "SignatureDoesNotMatch"),
        ("host", "sts.", "stz.", "SignatureDoesNotMatch"),
    ] {
        assert_eq!(change(header, from, to), code, "{header}: {from} -> {to}");
    }
    let mut vector = in_header();
    vector.body.push(' ');
    assert_eq!(vector.code(), "SignatureDoesNotMatch", "body");
    let mut vector = in_header();
    vector.query = "X-Amz-Date=20260301T235959Z".into();
    assert_eq!(vector.code(), "IncompleteSignature", "signed in both places");
    let mut vector = in_header();
    vector.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    assert_eq!(vector.code(), "MissingAuthenticationToken");
    let mut vector = in_header();
    vector.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-amz-date"));
    assert_eq!(vector.code(), "IncompleteSignature", "no date");
}

#[test]
fn a_signature_is_good_for_fifteen_minutes_either_way() {
    let vector = presigned();
    let (directory, signed) = (vector.directory(), date::parse(&vector.date).unwrap());
    let at = |offset: i64| vector.verify_with(&directory, signed + offset).map_err(|refusal| refusal.message);
    for offset in [-900, -1, 0, 61, 899, 900] {
        assert!(at(offset).is_ok(), "{offset}");
    }
    assert_eq!(
        at(901).unwrap_err(),
        "Signature expired: 20260301T235959Z is now earlier than 20260302T000000Z (20260302T001500Z - 15 min.)"
    );
    assert_eq!(
        at(-901).unwrap_err(),
        "Signature not yet current: 20260301T235959Z is still later than 20260301T235958Z (20260301T234458Z + 15 min.)"
    );
}

#[test]
fn expired_credentials_and_those_of_another_partition_are_refused() {
    let vector = presigned();
    let (directory, now) = (vector.directory(), date::parse(&vector.date).unwrap());
    let at = |seconds: i64| Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap()));
    let code = || vector.verify_with(&directory, now).map_or_else(|refusal| refusal.code, |_| "accepted");
    directory.set_expiry(&vector.access_key_id, at(now + 1));
    assert_eq!(code(), "accepted");
    directory.set_expiry(&vector.access_key_id, at(now));
    assert_eq!(code(), "ExpiredToken");
    let identity = Identity::root("111122223333").in_partition("aws-cn");
    let token = vector.session_token.as_deref().unwrap();
    directory.insert(Credential::temporary(&vector.access_key_id, &vector.secret_access_key, token), identity);
    assert_eq!(code(), "InvalidClientTokenId");
}

#[test]
fn an_empty_session_token_counts_as_none_but_is_signed() {
    let named = |name: &str| botocore().into_iter().find(|v| v.name == name).unwrap();
    let mut vector = named("presigned with an empty session token");
    assert!(vector.query.contains("X-Amz-Security-Token=&"));
    assert_eq!(vector.code(), "accepted");
    vector.query = vector.query.replace("X-Amz-Security-Token=&", "");
    assert_eq!(vector.code(), "SignatureDoesNotMatch");
    let mut vector = named("presigned permanent sts.amazonaws.com prod");
    vector.query.push_str("&X-Amz-Security-Token=x");
    assert_eq!(vector.code(), "InvalidClientTokenId");
}

#[test]
fn blanks_around_and_in_runs_of_a_header_do_not_matter_and_single_ones_do() {
    let name = "presigned permanent sts.amazonaws.com a b";
    let mut vector = botocore().into_iter().find(|v| v.name == name).unwrap();
    for (value, want) in
        [("a b", "accepted"), ("a   b", "accepted"), (" a b ", "accepted"), ("ab", "SignatureDoesNotMatch")]
    {
        *vector.header("x-k8s-aws-id") = value.into();
        assert_eq!(vector.code(), want, "{value:?}");
    }
}

#[test]
fn the_order_and_the_escapes_of_a_query_do_not_matter() {
    let mut vector = presigned();
    let mut pairs: Vec<&str> = vector.query.split('&').collect();
    pairs.reverse();
    vector.query = pairs.join("&").replace("%2F", "%2f").replace("Action", "%41ction");
    assert_eq!(vector.code(), "accepted");
}
