//! Laws of the verifier, on drawn tokens and answers. `PROPTEST_CASES` raises the number of draws.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use aws_credential_types::Credentials;
use common::{gate::sigv4, laws};
use http::Response;
use k8s_aws_identity::{EndpointTable, StsEndpoint};
use k8s_aws_presign::presign;
use k8s_aws_sts::{ClusterId, MAX_SKEW, Policy, Verifier};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

fn endpoint() -> impl Strategy<Value = StsEndpoint> {
    proptest::sample::select(EndpointTable::standard().iter().cloned().collect::<Vec<_>>())
}

/// A member of an object: a key that may resemble one that counts, and the text of a value.
fn member() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("Arn"),
        Just("Account"),
        Just("UserId"),
        Just("arn"),
        Just("ACCOUNT"),
        Just(r"\u0041rn"),
        Just("New"),
        Just("")
    ];
    let value = prop_oneof![
        Just("\"arn:aws:iam::123456789012:user/alice\""),
        Just("\"123456789012\""),
        Just("\"AIDAIOSFODNN7EXAMPLE\""),
        Just("null"),
        Just("123456789012"),
        Just("{\"a\":[1,2]}"),
        Just("[{\"a\":1,\"A\":1}]"),
    ];
    (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"))
}

fn json_answer(members: &[String]) -> Response<Vec<u8>> {
    let body = format!("{{\"GetCallerIdentityResponse\":{{\"GetCallerIdentityResult\":{{{}}}}}}}", members.join(","));
    Response::builder().header("content-type", "application/json").body(body.into_bytes()).unwrap()
}

proptest! {
    #[test]
    fn what_a_client_signs_is_asked_of_its_own_host_with_its_own_signature(
        endpoint in endpoint(),
        secret in "[A-Za-z0-9/+]{1,60}",
        session_token in proptest::option::of("[!-~]{1,200}"),
        id in "[!-~]{1,100}|[a-z]{1,20} [a-z]{1,20}",
        other in "[!-~]{1,100}",
        seconds in 1_000_000_u64..253_402_000_000,
        behind in -2000_i64..2000,
    ) {
        let (cluster, signed_at) = (ClusterId::parse(&id).unwrap(), UNIX_EPOCH + Duration::from_secs(seconds));
        let credentials = Credentials::new("ASIAIOSFODNN7EXAMPLE", &secret, session_token, None, "test");
        let token = presign(&credentials, &endpoint, &cluster, signed_at).unwrap();
        let verifier = Verifier::new(Policy::new(endpoint.partition()));
        let now = UNIX_EPOCH + Duration::from_secs(seconds.checked_add_signed(behind).unwrap());
        let begun = verifier.begin(token.text().expose(), &cluster, now);
        prop_assert_eq!(begun.is_ok(), behind.unsigned_abs() <= MAX_SKEW.as_secs());
        if let Ok(call) = begun {
            let request = call.request().into_http();
            prop_assert_eq!(request.uri().scheme_str(), Some("https"));
            prop_assert_eq!(request.uri().authority().unwrap().as_str(), endpoint.host());
            prop_assert_eq!(request.headers()["x-k8s-aws-id"].as_bytes(), id.as_bytes());
            prop_assert!(sigv4::is_signed(&request.uri().to_string(), &id, &secret));

            let other = ClusterId::parse(&other).unwrap();
            let elsewhere = verifier.begin(token.text().expose(), &other, now).unwrap();
            prop_assert_eq!(elsewhere.key() == call.key(), other == cluster);
            let asked = elsewhere.request().into_http();
            let id = asked.headers()["x-k8s-aws-id"].to_str().unwrap().to_owned();
            prop_assert_eq!(sigv4::is_signed(&asked.uri().to_string(), &id, &secret), other == cluster);
        }
    }

    #[test]
    fn reading_never_depends_on_key_order(
        (members, shuffled) in proptest::collection::vec(member(), 0..7)
            .prop_flat_map(|members| (Just(members.clone()), Just(members).prop_shuffle())),
    ) {
        let read = |members: &[String]| {
            let read = laws::finish(laws::call(), &json_answer(members));
            read.map(|caller| caller.identity().clone())
        };
        prop_assert_eq!(read(&members), read(&shuffled));
    }

    #[test]
    fn the_three_fields_are_found_among_others(
        before in proptest::collection::vec("[b-t][a-z]{1,6}", 0..4),
        after in proptest::collection::vec("[b-t][a-z]{1,6}", 0..4),
    ) {
        let mut keys: Vec<_> = before.iter().chain(&after).collect();
        keys.sort();
        keys.dedup();
        let ours = ["\"Account\":\"123456789012\"", "\"UserId\":\"123456789012\"", "\"Arn\":\"arn:aws:iam::123456789012:root\""];
        let other = |names: &[String]| names.iter().map(|name| format!("\"{name}\":0")).collect::<Vec<_>>();
        let members = [other(&before), ours.map(str::to_owned).to_vec(), other(&after)].concat();
        let read = laws::finish(laws::call(), &json_answer(&members));
        prop_assert_eq!(read.is_ok(), keys.len() == before.len() + after.len());
    }

    #[test]
    fn any_answer_is_judged_without_a_panic(
        status in 100_u16..1000,
        content_type in prop_oneof![Just("application/json"), Just("text/xml"), Just("")],
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "\\PC{0,100}".prop_map(String::into_bytes),
            "([\\[\\]{}:,\"0-9a-z \\\\-]|Error|Code|Arn|Throttling|AccessDenied){0,60}".prop_map(String::into_bytes),
            "(AccessDenied|Throttling|ExpiredToken|X)".prop_map(|code| format!("{{\"Error\":{{\"Code\":\"{code}\"}}}}").into_bytes()),
        ],
    ) {
        let answer = Response::builder().status(status).header("content-type", content_type).body(body).unwrap();
        let _ = laws::finish(laws::call(), &answer);
    }

    #[test]
    fn an_edit_of_one_byte_never_makes_another_caller_of_an_incoherent_one(at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let mut body = json_answer(&[
            "\"Arn\":\"arn:aws:sts::123456789012:assumed-role/deployer/alice\"".to_owned(),
            "\"Account\":\"123456789012\"".to_owned(),
            "\"UserId\":\"AROAIOSFODNN7EXAMPLE:alice\"".to_owned(),
        ]).into_body();
        let at = at.index(body.len());
        match kind {
            0 => body[at] = byte,
            1 => body.insert(at, byte),
            _ => drop(body.remove(at)),
        }
        let answer = Response::builder().header("content-type", "application/json").body(body).unwrap();
        if let Ok(caller) = laws::finish(laws::call(), &answer) {
            // Account and session stand twice in an answer, so one edit cannot change them.
            prop_assert_eq!(caller.account().to_string(), "123456789012");
            prop_assert_eq!(caller.session_name(), Some("alice"));
        }
    }
}
