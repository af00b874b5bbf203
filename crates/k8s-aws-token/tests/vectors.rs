//! Tokens that other programs printed are read as those programs meant them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use aws_credential_types::Credentials;
use common::{laws, sigv4};
use k8s_aws_identity::ClusterId;
use k8s_aws_presign::{ParameterOrder, presign_in_order};
use k8s_aws_token::EndpointTable;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

fn rows(file: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(file).unwrap()["rows"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}"))
}

#[test]
fn the_tokens_of_the_public_article_are_accepted() {
    let table = EndpointTable::standard();
    let rows = rows(include_str!("vectors/seed.json"));
    assert_eq!(rows.len(), 2);
    for row in rows {
        let token = laws::text(text(&row, "token").as_bytes(), &table).unwrap();
        assert_eq!(laws::text_of(text(&row, "url")), text(&row, "token"));
        assert_eq!(token.access_key_id().as_str(), "AKIA5NAGHF6NYXSMCLHO");
        assert_eq!(token.endpoint().host(), "sts.amazonaws.com");
    }
}

#[test]
fn the_tokens_of_every_generator_are_accepted_with_their_signature() {
    let table = EndpointTable::standard();
    let rows = rows(include_str!("vectors/generators.json"));
    assert!(rows.len() >= 120);
    for row in rows {
        let name = format!("{} ({}): {}", text(&row, "generator"), text(&row, "version"), text(&row, "name"));
        let token =
            laws::text(text(&row, "token").as_bytes(), &table).unwrap_or_else(|e| panic!("{name}: {}", e.reason()));
        assert_eq!(laws::text_of(text(&row, "url")), text(&row, "token"), "{name}");
        assert_eq!(token.endpoint().host(), text(&row, "host"), "{name}");
        assert_eq!(token.endpoint().region().as_str(), text(&row, "region"), "{name}");
        assert_eq!(token.endpoint().partition().as_str(), text(&row, "partition"), "{name}");
        assert_eq!(token.access_key_id().as_str(), text(&row, "access_key_id"), "{name}");
        let seconds = Duration::from_secs(row["unix_time"].as_u64().unwrap());
        assert_eq!(token.signed_at(), UNIX_EPOCH + seconds, "{name}");
        let mut sent = format!("https://{}", token.endpoint().host());
        token.write_path_and_query(&mut sent);
        for url in [text(&row, "url"), &sent] {
            assert!(sigv4::is_signed(url, text(&row, "cluster_id"), text(&row, "secret_access_key")), "{name}");
        }
    }
}

/// The fifth generator: from the same inputs our presigner makes the signature that the others made.
#[test]
fn our_presigner_signs_as_every_generator_does() {
    let mut partitions = BTreeSet::new();
    for row in rows(include_str!("vectors/generators.json")) {
        let name = format!("{}: {}", text(&row, "generator"), text(&row, "name"));
        let url = text(&row, "url");
        // Others write other lifetimes, which are signed.
        if sigv4::value(url, "X-Amz-Expires") != k8s_aws_presign::AMZ_EXPIRES.to_string() {
            continue;
        }
        // Some leave an empty session token out, some sign it.
        let order = match url.contains("X-Amz-Security-Token=") {
            true => ParameterOrder::Botocore,
            false => ParameterOrder::Go,
        };
        let session_token = row["session_token"].as_str().map(str::to_owned);
        let (key, secret) = (text(&row, "access_key_id"), text(&row, "secret_access_key"));
        let keys = Credentials::new(key, secret, session_token, None, "test");
        let table = EndpointTable::standard();
        let endpoint = table.find(text(&row, "host")).unwrap();
        let cluster = ClusterId::parse(text(&row, "cluster_id")).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap());
        let minted = presign_in_order(&keys, endpoint, &cluster, now, order).unwrap();
        let token = laws::text(minted.text().expose().as_bytes(), &table).unwrap();
        let mut ours = format!("https://{}", endpoint.host());
        token.write_path_and_query(&mut ours);
        assert_eq!(sigv4::value(&ours, "X-Amz-Signature"), sigv4::value(url, "X-Amz-Signature"), "{name}");
        partitions.insert(endpoint.partition());
    }
    assert_eq!(partitions.len(), k8s_aws_identity::Partition::ALL.len());
}

/// At least four generators, every partition, session tokens of 12 KiB.
#[test]
fn the_generators_cover_every_partition_and_the_longest_session_tokens() {
    let rows = rows(include_str!("vectors/generators.json"));
    for family in ["aws eks get-token", "botocore", "aws-iam-authenticator pkg/token", "JavaScript", "Java: "] {
        let of_family = || rows.iter().filter(|row| text(row, "generator").starts_with(family));
        let partitions: BTreeSet<_> = of_family().map(|row| text(row, "partition")).collect();
        assert_eq!(partitions.len(), k8s_aws_identity::Partition::ALL.len(), "{family}: {partitions:?}");
        let longest = of_family().filter_map(|row| row["session_token"].as_str()).map(str::len).max();
        assert_eq!(longest, Some(12 * 1024), "{family}");
    }
}

#[test]
fn what_generators_print_that_is_no_token_is_refused_for_the_stated_reason() {
    let table = EndpointTable::standard();
    let rows = rows(include_str!("vectors/generators-refused.json"));
    assert!(!rows.is_empty());
    for row in rows {
        let reason = match text(&row, "refused") {
            "X-Amz-Expires 1000" => "token_expires",
            "base64url padding" => "token_base64",
            "the URL is not the host, one slash and a query" => "token_path",
            "signed headers x-k8s-aws-id" => "token_signed_headers",
            "unknown parameter X-Amz-Content-Sha256" => "token_parameter_unknown",
            other => panic!("a new kind of refusal: {other}"),
        };
        let refused = laws::text(text(&row, "token").as_bytes(), &table).unwrap_err();
        assert_eq!(refused.reason(), reason, "{}", text(&row, "generator"));
    }
}

/// The oracle of the other tests here is itself right.
#[test]
fn the_signature_of_the_tests_is_botocores() {
    let rows = rows(include_str!("../../k8s-aws-presign/tests/vectors/botocore.json"));
    assert!(rows.len() >= 40);
    for row in rows {
        let (url, cluster) = (text(&row, "url"), text(&row, "cluster_id"));
        assert_eq!(sigv4::canonical_request(url, cluster), text(&row, "canonical_request"), "{}", row["name"]);
        let signature = sigv4::signature(url, cluster, text(&row, "secret_access_key"));
        assert_eq!(signature, text(&row, "signature"), "{}", row["name"]);
    }
}
