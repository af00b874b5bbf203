//! A fuzz harness over every public parser that reads what strangers write.
//!
//! `harness` takes bytes and checks laws; put it under whatever fuzzer you have:
//!
//! ```text
//! libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness(bytes));
//! ```
//!
//! Run by itself it is given some thousands of inputs of a fixed generator: `cargo run --release --example fuzz_harness`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a harness fails by panicking")]

use arbitrary::{Arbitrary, Unstructured};
use k8s_aws_auth::ec2::{InstanceId, Progress, Query};
use k8s_aws_auth::identity::{Arn, EndpointTable, Partition};
use k8s_aws_auth::mapping::{Document, ServerConfig};
use k8s_aws_auth::sts::{ClusterId, Policy, Verifier};
use k8s_aws_auth::token::{Token, near_valid::NearValidToken};
use k8s_aws_auth::tokenreview::{TokenReviewRequest, TokenReviewResponse};
use std::time::{Duration, UNIX_EPOCH};

/// Whatever the bytes are, none of the parsers panics, and what they let through keeps its promises. True if the token gate let
/// it through.
fn harness(bytes: &[u8]) -> bool {
    token(bytes);
    documents(bytes);
    answers(bytes);
    // Random bytes seldom look like a token; these nearly do.
    match NearValidToken::arbitrary(&mut Unstructured::new(bytes)) {
        Ok(near) => token(near.text()),
        Err(_) => false,
    }
}

fn token(text: &[u8]) -> bool {
    let table = EndpointTable::standard();
    let Ok(token) = Token::decode(text, &table) else {
        return false;
    };
    // One text per URL, and a host out of the table.
    assert_eq!(token.to_text().expose().as_bytes(), text);
    assert!(table.find(token.endpoint().host()).is_some());
    // What is sent says what was signed: the gate takes it again, and for the same.
    let mut target = String::new();
    token.write_path_and_query(&mut target);
    let sent = Token::from_url(&format!("https://{}{target}", token.endpoint().host()), &table).unwrap();
    assert_eq!((sent.access_key_id(), sent.signed_at()), (token.access_key_id(), token.signed_at()));
    // The cluster is the verifier's, whatever the token says.
    let verifier = Verifier::new(Policy::new(token.endpoint().partition()));
    let call = verifier.begin(text, &ClusterId::parse("mine").unwrap(), token.signed_at()).unwrap();
    assert_eq!(call.request().into_http().headers()["x-k8s-aws-id"], "mine");
    true
}

fn documents(bytes: &[u8]) {
    if let Ok(review) = TokenReviewRequest::from_slice(bytes) {
        let again = TokenReviewRequest::from_slice(&review.to_json_exposing_token()).unwrap();
        assert_eq!(again.token().expose(), review.token().expose());
    }
    let _ = TokenReviewResponse::from_slice(bytes);
    let text = String::from_utf8_lossy(bytes);
    let documents =
        [ServerConfig::parse(&text).document, Document::from_aws_auth([("mapRoles", &*text), ("mapUsers", &*text)])];
    for document in documents {
        // A rule that was read is one that can be shown, with where it came from.
        assert!(document.rules().all(|rule| !format!("{rule:?}").is_empty()));
    }
    if let Ok(arn) = Arn::parse(&text) {
        assert_eq!(Arn::parse(&arn.to_string()).unwrap(), arn);
        assert_eq!(arn.canonical().canonical(), arn.canonical());
    }
}

fn answers(bytes: &[u8]) {
    let url = "https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20200107%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20200107T080923Z\
        &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
        &X-Amz-Signature=5620996acc3da79b78b445c95d1326e466f552e3347d7f92a14e037092b37f06";
    let text = Token::from_url(url, &EndpointTable::standard()).unwrap().to_text();
    let now = UNIX_EPOCH + Duration::from_secs(1_578_384_563);
    for (status, content_type) in
        [(200, "application/json"), (403, "application/json"), (200, "text/xml;charset=UTF-8")]
    {
        let answer = http::Response::builder().status(status).header("content-type", content_type).body(bytes).unwrap();
        let verifier = Verifier::new(Policy::new(Partition::Aws));
        let call = verifier.begin(text.expose(), &ClusterId::parse("mine").unwrap(), now).unwrap();
        if let Ok(caller) = call.finish(&answer) {
            assert_eq!((status, caller.partition()), (200, Partition::Aws));
        }
        let query = Query::new([InstanceId::parse("i-0123456789abcdef0").unwrap()]).unwrap();
        if let Ok(Progress::Done(instances)) = query.read(&answer) {
            assert_eq!(instances.iter().count(), 1);
        }
    }
}

fn main() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        // xorshift64*: good enough to be different each time.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let (mut inputs, mut accepted) = (0, 0);
    while inputs < 5000 {
        let length = usize::try_from(random() % 700).unwrap();
        let bytes: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[7]).collect();
        accepted += usize::from(harness(&bytes));
        inputs += 1;
    }
    println!("{inputs} inputs, {accepted} of them let through by the token gate; every law held");
    // Both sides of the gate were reached.
    assert!(accepted > 50 && accepted < inputs - 50);
}
