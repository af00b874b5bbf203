//! What holds for every answer. The tables, the property tests and the fuzz target feed it.

use k8s_aws_sts::{Call, CallerIdentity, ClusterId, ErrorClass, Partition, Policy};
use k8s_aws_sts::{MAX_ANSWER_LEN, VerifiedCaller, Verifier, VerifyError, answer_error};
use k8s_aws_token::Token;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

const TOKEN_URL: &str = "https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
    &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20260615%2Fus-west-2%2Fsts%2Faws4_request\
    &X-Amz-Date=20260615T123456Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
    &X-Amz-Signature=5620996acc3da79b78b445c95d1326e466f552e3347d7f92a14e037092b37f06";

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier::new(Policy::new(Partition::Aws)));

/// A call in flight.
pub(crate) fn call() -> Call {
    let token = Token::from_url(TOKEN_URL, VERIFIER.policy().endpoints()).expect("a valid token");
    let cluster = ClusterId::parse("production").expect("a cluster id");
    let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
    VERIFIER.begin(token.to_text().expose(), &cluster, now).expect("a fresh token")
}

/// An answer out of a fuzzer's bytes: status, blank, content type, line break, body. Nothing where they are no such thing.
pub(crate) fn response(bytes: &[u8]) -> Option<http::Response<Vec<u8>>> {
    let line_end = bytes.iter().position(|b| *b == b'\n')?;
    let (status, content_type) = std::str::from_utf8(&bytes[..line_end]).ok()?.split_once(' ')?;
    let response = http::Response::builder().status(status.parse::<u16>().ok()?).header("content-type", content_type);
    response.body(bytes[line_end + 1..].to_vec()).ok()
}

/// The laws of [`Call::finish`].
pub(crate) fn finish(call: Call, answer: &http::Response<Vec<u8>>) -> Result<VerifiedCaller, VerifyError> {
    let (key, expires_at) = (call.key().clone(), call.token().expires_at());
    let result = call.finish(answer);
    let status = answer.status().as_u16();
    let plain: Option<Value> = serde_json::from_slice(answer.body()).ok();
    // Whoever holds no call is told the same.
    assert_eq!(answer_error(answer), result.as_ref().err().filter(|_| status != 200).cloned());
    match &result {
        Ok(caller) => {
            assert_eq!(status, 200);
            assert!(answer.body().len() <= MAX_ANSWER_LEN);
            let plain = plain.expect("what we read as JSON, serde_json does");
            let result = &plain["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
            assert_eq!(result["Arn"], caller.arn());
            assert_eq!(result["Account"], caller.account().as_str());
            assert_eq!(result["UserId"], caller.full_user_id());
            coherent(caller.identity());
            assert_eq!(caller.partition(), caller.endpoint().partition());
            assert_eq!((caller.key(), caller.token_expires_at()), (&key, expires_at));
        }
        Err(error) => {
            refused(error);
            let code = plain.as_ref().and_then(|plain| plain["Error"]["Code"].as_str());
            match error.class() {
                ErrorClass::Refused => panic!("an answer cannot be refused before it is asked for"),
                ErrorClass::Rejected => assert!((400..500).contains(&status) && status != 429 && code.is_some()),
                ErrorClass::Throttled => assert!(status == 429 || (400..600).contains(&status) && code.is_some()),
                ErrorClass::Unavailable => assert!((400..600).contains(&status)),
                ErrorClass::Malformed => assert!(!(500..600).contains(&status) || answer.body().len() > MAX_ANSWER_LEN),
                _ => panic!("a class that the laws do not know"),
            }
        }
    }
    result
}

/// What a caller says of itself holds together.
pub(crate) fn coherent(caller: &CallerIdentity) {
    assert_eq!(caller.parsed_arn().to_string(), caller.arn());
    assert_eq!(caller.parsed_arn().account, caller.account());
    assert_eq!(caller.parsed_arn().canonical().to_string(), caller.canonical_arn());
    assert!(caller.full_user_id().starts_with(caller.user_id()) && !caller.user_id().is_empty());
    let session = caller.session_name().map(|name| format!(":{name}")).unwrap_or_default();
    assert_eq!(format!("{}{session}", caller.user_id()), caller.full_user_id());
    let texts = [caller.arn(), caller.canonical_arn(), caller.full_user_id()];
    assert!(texts.iter().all(|text| text.bytes().all(|b| b.is_ascii_graphic())), "{texts:?}");
}

/// A failure says why, in the form that all have, and is definite only where STS or the gate refused.
pub(crate) fn refused(error: &VerifyError) {
    let (reason, message) = (error.reason(), error.to_string());
    assert!(!reason.is_empty() && reason.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{reason}");
    assert!(message.len() < 250 && !message.contains(char::is_control), "{message}");
    assert_eq!(error.class().is_definite(), matches!(error.class(), ErrorClass::Refused | ErrorClass::Rejected));
}
