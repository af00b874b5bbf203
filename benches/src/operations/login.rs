//! The parts of a login: mint, decode and validate, refuse, ask, read the answer, and the documents around them.

use super::{Operation, operation};
use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_auth::identity::{ClusterId, EndpointKind, EndpointTable, Region, StsEndpoint};
use k8s_aws_auth::presign::presign;
use k8s_aws_auth::sts::{Partition, Policy, Verifier};
use k8s_aws_auth::token::Token;
use k8s_aws_auth::tokenreview::{TokenReviewRequest, TokenReviewResponse, UserInfo};
use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a login is made of.
pub fn login() -> Vec<Operation> {
    [mint(), decode(), refuse(), verify(), token_review()].into_iter().flatten().collect()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
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

fn cluster() -> ClusterId {
    ClusterId::parse("bench").unwrap()
}

fn endpoint() -> StsEndpoint {
    StsEndpoint::in_region(&Region::parse("eu-central-1").unwrap(), EndpointKind::Regional).unwrap()
}

/// The token of a session.
fn session() -> String {
    text(&credentials()[1].1)
}

fn text(credentials: &Credentials) -> String {
    presign(credentials, &endpoint(), &cluster(), now()).unwrap().text().expose().to_owned()
}

fn mint() -> Vec<Operation> {
    let mint = |(name, credentials): (&str, Credentials)| {
        let (endpoint, cluster) = (endpoint(), cluster());
        operation(format!("presign/{name}"), move || {
            presign(black_box(&credentials), &endpoint, &cluster, now()).unwrap()
        })
    };
    credentials().into_iter().map(mint).collect()
}

fn decode() -> Vec<Operation> {
    let decode = |(name, credentials): (&str, Credentials)| {
        let (table, text) = (EndpointTable::standard(), text(&credentials));
        operation(format!("decode/{name}"), move || Token::decode(black_box(&text), &table).unwrap())
    };
    credentials().into_iter().map(decode).collect()
}

/// One token of each class of refusal, in the order in which the gate looks.
fn refuse() -> Vec<Operation> {
    let good = session();
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(good.strip_prefix("k8s-aws-v1.").unwrap()).unwrap()).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(url.contains(from), "{from}");
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.replacen(from, to, 1)))
    };
    let rows = [
        ("token_too_long", "x".repeat(30_000)),
        ("token_prefix", good.replacen("v1", "v2", 1)),
        ("token_base64", format!("{good}=")),
        ("token_forbidden_byte", changed("GetCaller", "Get\u{7f}aller")),
        ("token_scheme", changed("https:", "http:")),
        ("token_userinfo", changed("https://", "https://a@")),
        ("token_host_unknown", changed("amazonaws.com", "amazonaws.com.example")),
        ("token_path", changed("/?", "//?")),
        ("token_parameter_unknown", changed("&X-Amz-Date", "&X-Amz-Else=1&X-Amz-Date")),
        ("token_cluster_unsigned", changed("host%3Bx-k8s-aws-id", "host")),
        ("token_signature", changed("X-Amz-Signature=", "X-Amz-Signature=x")),
    ];
    let refuse = |(reason, text): (&str, String)| {
        let table = EndpointTable::standard();
        assert_eq!(Token::decode(&text, &table).unwrap_err().reason(), reason);
        operation(format!("refuse/{reason}"), move || Token::decode(black_box(&text), &table).unwrap_err())
    };
    rows.into_iter().map(refuse).collect()
}

fn verify() -> Vec<Operation> {
    let verifier = || (Verifier::new(Policy::new(Partition::Aws)), cluster(), session());
    let answer = http::Response::builder()
        .header("content-type", "application/json")
        .body(
            r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",
               "Arn":"arn:aws:sts::123456789012:assumed-role/deployer/alice","UserId":"AROAIOSFODNN7EXAMPLE:alice"},
               "ResponseMetadata":{"RequestId":"01234567-89ab-cdef-0123-456789abcdef"}}}"#,
        )
        .unwrap();
    let (begin, request, finish) = (verifier(), verifier(), verifier());
    let call = request.0.begin(&request.2, &request.1, now()).unwrap();
    vec![
        operation("verify/begin", move || begin.0.begin(black_box(&begin.2), &begin.1, now()).unwrap()),
        operation("verify/request", move || call.request().into_http()),
        operation("verify/begin and finish", move || {
            finish.0.begin(black_box(&finish.2), &finish.1, now()).unwrap().finish(black_box(&answer)).unwrap()
        }),
    ]
}

fn token_review() -> Vec<Operation> {
    let token = session();
    let body = format!(
        r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{{"creationTimestamp":null}},"spec":{{"token":"{token}","audiences":["https://kubernetes.default.svc"]}},"status":{{"user":{{}}}}}}"#
    );
    let request = TokenReviewRequest::from_slice(body.as_bytes()).unwrap();
    let user = UserInfo {
        username: "admin:alice".to_owned(),
        uid: "aws-iam-authenticator:123456789012:AROAIOSFODNN7EXAMPLE:alice".to_owned(),
        groups: vec!["admins".to_owned(), "developers".to_owned()],
        extra: ["accessKeyId", "arn", "canonicalArn", "principalId", "sessionName"]
            .map(|key| (key.to_owned(), vec!["arn:aws:sts::123456789012:assumed-role/deployer/alice".to_owned()]))
            .into(),
    };
    let answer = TokenReviewResponse::authenticated(request.version(), user, Vec::new());
    vec![
        operation("tokenreview/in", move || TokenReviewRequest::from_slice(black_box(body.as_bytes())).unwrap()),
        operation("tokenreview/out", move || black_box(&answer).to_json()),
    ]
}
