//! What a caller or STS says that must not be repeated. Every other test here ends with the same search of its log and answers
//! (`Server`'s `Drop`); these put secrets where they would be easiest to repeat.

use crate::support::{HOST, Program, Secrets, review};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Response;
use k8s_aws_fake::{Credential, FakeAws, Fault, Identity, samples};
use serde_json::json;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
const CANARY: &str = "canary/7f3a9c+Secret=of the caller";

#[test]
fn nothing_of_a_request_that_is_refused_is_repeated() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    server.keep_secret(CANARY);
    let v1 = "authentication.k8s.io/v1";
    let token = server.token(&samples::user().credential, HOST);
    let good = review(v1, &token);
    let mut bodies =
        vec![CANARY.to_owned(), json!(CANARY).to_string(), format!("{good}{CANARY}"), format!("{{\"{CANARY}\":")];
    for pointer in ["/kind", "/apiVersion"] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = CANARY.into();
        bodies.push(body.to_string());
    }
    for spec in [json!({CANARY: 1}), json!({"token": [CANARY]}), json!({"Token": CANARY}), json!(CANARY)] {
        bodies.push(json!({"kind": "TokenReview", "apiVersion": v1, "spec": spec}).to_string());
    }
    for body in bodies {
        let answer = server.http.post(body);
        assert_eq!(answer.status, 400, "{answer:?}");
        server.lines_until_decided();
    }
    for token in [
        CANARY.to_owned(),
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(CANARY)),
        format!("k8s-aws-v1.{CANARY}"),
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(format!("https://{CANARY}@{HOST}/?{CANARY}"))),
        format!(
            "k8s-aws-v1.{}",
            URL_SAFE_NO_PAD.encode(format!("https://{HOST}/?Action=GetCallerIdentity&canary7f3a9cSecret=1"))
        ),
    ] {
        let reviewed = server.review(&token);
        assert_eq!(reviewed.decision().message(), "access denied");
        assert!(reviewed.reason().starts_with("token_"), "{reviewed:?}");
    }
    server.review(&token).assert_granted("after all of them");
}

#[test]
fn nothing_that_sts_says_beyond_an_identity_is_repeated() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    server.keep_secret(CANARY);
    let credential = samples::user().credential;
    let page = |status: u16, content_type: &'static str, body: String| {
        let response = Response::builder().status(status).header("content-type", content_type);
        Fault::respond(response.header("x-amzn-requestid", "canary7f3a9cSecret").body(body).unwrap())
    };
    server.keep_secret("canary7f3a9cSecret");
    for fault in [
        Fault::error(403, "AccessDenied", CANARY),
        Fault::error(400, "ValidationError", CANARY),
        Fault::error(400, "Throttling", CANARY),
        Fault::error(503, "ServiceUnavailable", CANARY),
        page(403, "application/json", json!({"Error": {"Code": CANARY, "Message": CANARY}}).to_string()),
        page(200, "application/json", json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": CANARY, "Account": CANARY, "UserId": CANARY}}}).to_string()),
        page(200, "text/html", CANARY.to_owned()),
        page(502, "text/html", CANARY.to_owned()),
        Fault::redirect(302, "https://sts.us-east-1.amazonaws.com/?canary7f3a9cSecret"),
        Fault::raw(format!("HTTP/1.1 200 {CANARY}\r\nno header {CANARY}\r\n\r\n")),
        Fault::raw(format!("{CANARY}\r\n\r\n")),
    ] {
        let injected = fake.inject(fault);
        let reviewed = server.review(&server.token(&credential, HOST));
        assert_eq!(reviewed.decision().message(), "access denied", "{injected:?}");
        assert_ne!(injected.hits(), 0, "{injected:?}");
        injected.clear();
    }
}

#[test]
fn a_password_for_the_proxy_is_not_repeated() {
    let fake = FakeAws::start().unwrap();
    let proxy = format!("http://user:canary7f3a9cSecret@{}", fake.proxy_addr());
    let server = Program::new()
        .configured(MAPPINGS)
        .variable("HTTPS_PROXY", &proxy)
        .variable("https_proxy", &proxy)
        .start(&fake);
    server.keep_secret("canary7f3a9cSecret");
    server.keep_secret("user:canary7f3a9cSecret");
    let credential = samples::user().credential;
    let injected = fake.inject(Fault::proxy_refuses(407));
    server.review(&server.token(&credential, HOST)).assert_error("sts_unreachable", "wrong password");
    injected.clear();
    server.review(&server.token(&credential, HOST)).assert_granted("right password");
}

#[test]
fn a_session_token_of_every_kind_of_byte_stays_out() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new()
        .configured("mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev")
        .start(&fake);
    let session_token = format!("IQoJ+/{}=={}", "aB3/+~".repeat(200), "!#$&'()*,:;?@[]");
    let credential =
        Credential::temporary("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &session_token);
    fake.add(credential.clone(), Identity::assumed_role("111122223333", "dev", "x"));
    server.review(&server.token(&credential, HOST)).assert_granted("a long session token");
    fake.remove(credential.access_key_id());
    server.review(&server.token(&credential, HOST)).assert_denied("sts_unknown_key", "removed");
}

/// The search itself finds what it should in a log of this very program's making.
#[test]
fn the_search_would_find_a_token_in_a_line_of_the_log() {
    let mut secrets = Secrets::default();
    let token = crate::support::mint(&samples::assumed_role().credential, HOST, "x", std::time::SystemTime::now());
    secrets.add_token(&token);
    let line = json!({"msg": "a line", "request": format!("GET /?token={}…", &token[300..330])}).to_string();
    assert!(std::panic::catch_unwind(|| secrets.assert_not_in(line.as_bytes(), "a line")).is_err());
}
