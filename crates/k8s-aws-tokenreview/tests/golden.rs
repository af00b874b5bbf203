//! The bytes that are written, in full.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use k8s_aws_tokenreview::{
    BearerToken, ExecCredential, ExecCredentialVersion, ReviewOutcome, TokenReviewRequest, TokenReviewResponse,
    TokenReviewVersion, UserInfo,
};

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap()
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A user as the Go program answers it.
fn user() -> UserInfo {
    let extra = [
        ("sigs.k8s.io/aws-iam-authenticator/principalId", "AROAIOSFODNN7EXAMPLE"),
        ("sessionName", "alice"),
        ("principalId", "AROAIOSFODNN7EXAMPLE"),
        ("canonicalArn", "arn:aws:iam::123456789012:role/deployer"),
        ("arn", "arn:aws:sts::123456789012:assumed-role/deployer/alice"),
        ("accessKeyId", "ASIAIOSFODNN7EXAMPLE"),
    ];
    UserInfo {
        username: "deployer:alice".to_owned(),
        uid: "aws-iam-authenticator:123456789012:AROAIOSFODNN7EXAMPLE".to_owned(),
        groups: list(&["developers", "auditors"]),
        extra: extra.iter().map(|(key, value)| ((*key).to_owned(), list(&[value]))).collect(),
    }
}

#[test]
fn a_request_is_what_a_go_api_server_posts() {
    let request = |version, audiences: &[&str]| {
        text(TokenReviewRequest::new(version, BearerToken::new("t").unwrap(), list(audiences)).to_json_exposing_token())
    };
    // Both are the output of Go's encoding/json for k8s.io/api v0.36.
    assert_eq!(
        request(TokenReviewVersion::V1, &["a", "b"]),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"t","audiences":["a","b"]},"status":{"user":{}}}"#
    );
    assert_eq!(
        request(TokenReviewVersion::V1Beta1, &[]),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1beta1","metadata":{},"spec":{"token":"t"},"status":{"user":{}}}"#
    );
}

#[test]
fn an_authenticated_response_has_the_members_of_the_go_program_in_its_order() {
    let response = TokenReviewResponse::authenticated(TokenReviewVersion::V1, user(), Vec::new());
    assert_eq!(
        text(response.to_json()),
        concat!(
            r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":true,"#,
            r#""user":{"username":"deployer:alice","uid":"aws-iam-authenticator:123456789012:AROAIOSFODNN7EXAMPLE","#,
            r#""groups":["developers","auditors"],"extra":{"accessKeyId":["ASIAIOSFODNN7EXAMPLE"],"#,
            r#""arn":["arn:aws:sts::123456789012:assumed-role/deployer/alice"],"#,
            r#""canonicalArn":["arn:aws:iam::123456789012:role/deployer"],"principalId":["AROAIOSFODNN7EXAMPLE"],"#,
            r#""sessionName":["alice"],"sigs.k8s.io/aws-iam-authenticator/principalId":["AROAIOSFODNN7EXAMPLE"]}}}}"#,
        )
    );
}

#[test]
fn empty_members_of_a_user_are_left_out_and_audiences_follow_the_user() {
    let user = UserInfo { username: "alice".to_owned(), ..UserInfo::default() };
    let response = TokenReviewResponse::authenticated(TokenReviewVersion::V1Beta1, user, list(&["api"]));
    assert_eq!(
        text(response.to_json()),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1beta1","status":{"authenticated":true,"user":{"username":"alice"},"audiences":["api"]}}"#
    );
}

#[test]
fn a_denial_says_so_and_gives_no_error() {
    assert_eq!(
        text(TokenReviewResponse::denied(TokenReviewVersion::V1).to_json()),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":false}}"#
    );
}

#[test]
fn an_error_is_not_authenticated_and_is_escaped() {
    let response = TokenReviewResponse::error(TokenReviewVersion::V1, "\"STS\"\n\u{0}", Vec::new());
    assert_eq!(
        text(response.to_json()),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":false,"error":"\"STS\"\n\u0000"}}"#
    );
}

#[test]
fn an_error_for_another_server_names_the_audiences_lest_it_be_cached_as_a_denial() {
    let response = TokenReviewResponse::error(TokenReviewVersion::V1, "throttled", list(&["vault"]));
    assert_eq!(
        text(response.to_json()),
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":false,"audiences":["vault"],"error":"throttled"}}"#
    );
}

#[test]
fn an_error_without_words_is_still_an_error() {
    let response = TokenReviewResponse::error(TokenReviewVersion::V1, "", Vec::new());
    assert!(text(response.to_json()).ends_with(r#""error":"the token could not be checked"}}"#));
}

#[test]
fn a_credential_is_what_the_go_program_prints() {
    let expiration = UNIX_EPOCH + Duration::from_millis(1_720_000_000_999);
    let credential = |version, expiration| {
        let credential = ExecCredential::new(version, BearerToken::new("k8s-aws-v1.x").unwrap(), expiration).unwrap();
        text(credential.to_json_exposing_token())
    };
    assert_eq!(
        credential(ExecCredentialVersion::V1, Some(expiration)),
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false},"status":{"expirationTimestamp":"2024-07-03T09:46:40Z","token":"k8s-aws-v1.x"}}"#
    );
    assert_eq!(
        credential(ExecCredentialVersion::V1Alpha1, None),
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1alpha1","spec":{"interactive":false},"status":{"token":"k8s-aws-v1.x"}}"#
    );
}

#[test]
fn a_response_is_read_as_an_api_server_reads_it() {
    let read = |status: &str| {
        let json = format!(r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{status}}}"#);
        TokenReviewResponse::from_slice(json.as_bytes()).map(|response| response.outcome().clone())
    };
    let alice = UserInfo { username: "alice".to_owned(), ..UserInfo::default() };
    let authenticated = |user| Ok(ReviewOutcome::Authenticated { user, audiences: Vec::new() });

    assert_eq!(read("{}"), Ok(ReviewOutcome::Denied));
    assert_eq!(read(r#"{"user":{}}"#), Ok(ReviewOutcome::Denied));
    assert_eq!(read(r#"{"user":{"username":"alice"},"error":""}"#), Ok(ReviewOutcome::Denied));
    assert_eq!(read(r#"{"authenticated":true,"user":{"username":"alice"},"error":"x"}"#), authenticated(alice.clone()));
    let extra = BTreeMap::from([("n".to_owned(), Vec::new()), ("a".to_owned(), list(&["1", ""]))]);
    assert_eq!(
        read(r#"{"authenticated":true,"user":{"username":"alice","groups":null,"extra":{"n":null,"a":["1",""]}}}"#),
        authenticated(UserInfo { extra, ..alice })
    );
    let (message, audiences) = ("x".to_owned(), list(&["a"]));
    assert_eq!(read(r#"{"error":"x","audiences":["a"]}"#), Ok(ReviewOutcome::Error { message, audiences }));

    for (status, reason) in [
        ("null", "field_missing"),
        (r#"{"authenticated":true}"#, "field_missing"),
        (r#"{"authenticated":true,"user":{"username":""}}"#, "field_missing"),
        (r#"{"authenticated":"true"}"#, "field_wrong_type"),
        (r#"{"authenticated":false,"authenticated":true}"#, "field_duplicate"),
        (r#"{"authenticated":false,"Authenticated":true}"#, "field_letter_case"),
        (r#"{"user":{"extra":{"a":[],"a":[]}}}"#, "field_wrong_type"),
        (r#"{"user":{"extra":[]}}"#, "field_wrong_type"),
        (r#"{"user":{"extra":{"a":"b"}}}"#, "field_wrong_type"),
        (r#"{"user":{"groups":"a"}}"#, "field_wrong_type"),
    ] {
        assert_eq!(read(status).unwrap_err().reason(), reason, "{status}");
    }
}
