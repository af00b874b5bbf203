//! Every answer of `tests/hostile/answers.json` and every error code of `codes.json` is judged as the tables say.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::answer_rows::{JSON, SECRET, error, response, rows, valid};
use common::laws;
use http::Response;
use k8s_aws_sts::{ErrorClass, MAX_ANSWER_LEN, VerifiedCaller, VerifyError};
use serde_json::{Value, json};
use std::collections::HashSet;

fn class_name(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Refused => "refused",
        ErrorClass::Rejected => "rejected",
        ErrorClass::Throttled => "throttled",
        ErrorClass::Unavailable => "unavailable",
        ErrorClass::Malformed => "malformed",
        _ => "unknown to this test",
    }
}

fn judged(answer: &Response<Vec<u8>>) -> Result<VerifiedCaller, VerifyError> {
    let call = laws::call();
    let token = format!("{:?}", call.request().into_http().uri());
    let result = laws::finish(call, answer);
    if let Err(error) = &result {
        let printed = format!("{error} {error:?}");
        let shown: HashSet<&[u8]> = printed.as_bytes().windows(8).collect();
        for secret in [SECRET, token.split_once("Signature=").unwrap().1, "123456789012", "AIDAIOSFODNN7EXAMPLE"] {
            assert!(!secret.as_bytes().windows(8).any(|piece| shown.contains(piece)), "{printed}");
        }
    }
    result
}

#[test]
fn every_answer_is_judged_as_its_row_says() {
    let rows = rows();
    let mut complaints = Vec::new();
    for row in &rows {
        let judged = match judged(&row.answer) {
            Ok(_) => ("accepted", ""),
            Err(error) => (error.reason(), class_name(error.class())),
        };
        if judged != (&*row.want, &*row.class) {
            complaints.push(format!("{}: {judged:?}", row.name));
        }
    }
    assert!(rows.len() >= 300, "the table was cut down to {} rows", rows.len());
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), rows.len(), complaints.join("\n"));
}

#[test]
fn an_answer_of_64_kib_is_read_and_one_byte_more_is_not() {
    assert_eq!(MAX_ANSWER_LEN, 65_536);
    for (len, reason) in [(MAX_ANSWER_LEN, "accepted"), (MAX_ANSWER_LEN + 1, "sts_answer_too_long")] {
        let body = valid() + &" ".repeat(len - valid().len());
        let judged = judged(&response(200, &[("content-type", JSON)], body));
        assert_eq!(judged.map_or_else(|e| e.reason(), |_| "accepted"), reason);
    }
    // The length is judged first: at any status, of any content.
    for status in [100, 200, 204, 302, 403, 429, 500] {
        let error = judged(&response(status, &[], vec![b'x'; MAX_ANSWER_LEN + 1])).unwrap_err();
        assert_eq!((error.reason(), error.class()), ("sts_answer_too_long", ErrorClass::Malformed));
    }
}

#[test]
fn nesting_of_any_depth_is_judged_without_a_panic() {
    for depth in [1, 100, 127, 128, 129, 10_000, 16_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = format!("{}0{}", open.repeat(depth), close.repeat(depth));
            let body = valid().replacen('{', &format!(r#"{{"x":{nested},"#), 1);
            let result = judged(&response(200, &[("content-type", JSON)], body));
            assert_eq!(result.is_ok(), depth < 127, "{depth}");
            let unclosed = open.repeat(depth);
            assert!(judged(&response(200, &[("content-type", JSON)], unclosed)).is_err());
        }
    }
}

#[test]
fn an_object_of_many_keys_is_refused() {
    for (members, fits) in [(63, true), (64, false), (5000, false)] {
        let extra: String = (0..members).map(|n| format!(r#""k{n}":0,"#)).collect();
        let body = valid().replacen('{', &format!("{{{extra}"), 1);
        assert_eq!(judged(&response(200, &[("content-type", JSON)], body)).is_ok(), fits, "{members}");
    }
}

struct Code {
    code: String,
    class: String,
    reason: String,
}

fn codes() -> Vec<Code> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("hostile/codes.json")).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| Code { code: text(row, "code"), class: text(row, "class"), reason: text(row, "reason") })
        .collect()
}

/// What a code comes to at a status: only at a 4xx does it say more than the status does.
fn expected(status: u16, code: Option<&Code>) -> (&str, &str) {
    let malformed = ("malformed", "sts_answer_malformed");
    match (status, code) {
        (429, _) => ("throttled", "sts_throttled"),
        (400..=599, Some(code)) if code.class == "throttled" => ("throttled", "sts_throttled"),
        (500..=599, _) => ("unavailable", "sts_unavailable"),
        (400 | 401 | 403, Some(code)) => (&code.class, &code.reason),
        (400..=499, Some(code)) if code.class == "unavailable" => (&code.class, &code.reason),
        _ => malformed,
    }
}

#[test]
fn every_error_code_at_every_status_is_of_its_class() {
    let codes = codes();
    let statuses = [
        100, 101, 199, 200, 201, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 399, 400, 401, 403, 404, 408, 409,
        413, 428, 429, 430, 431, 451, 499, 500, 502, 503, 504, 511, 599, 600, 999,
    ];
    for status in statuses {
        for code in &codes {
            let body = error(&code.code);
            let plain = response(status, &[("content-type", JSON)], body.clone());
            let judge = |answer: &Response<Vec<u8>>| {
                let error = judged(answer).unwrap_err();
                (class_name(error.class()), error.reason())
            };
            assert_eq!(judge(&plain), expected(status, Some(code)), "{status} {:?}", code.code);
            // Where it is not plain JSON, it says no code, of whichever class.
            if !["SignatureDoesNotMatch", "Throttling", "InternalFailure", "InvalidAction"].contains(&&*code.code) {
                continue;
            }
            let xml = format!("<ErrorResponse><Error><Code>{}</Code></Error></ErrorResponse>", code.code);
            for unreadable in [
                response(status, &[], body.clone()),
                response(status, &[("content-type", "text/xml")], body.clone()),
                response(status, &[("content-type", JSON), ("content-type", JSON)], body.clone()),
                response(status, &[("content-type", JSON), ("content-encoding", "gzip")], body.clone()),
                response(status, &[("content-type", JSON)], format!("{body}{body}")),
                response(status, &[("content-type", JSON)], format!("[{body}]")),
                response(status, &[("content-type", JSON)], body.replace("Code", "code")),
                response(status, &[("content-type", JSON)], body.replace("Error", "Errors")),
                response(status, &[("content-type", JSON)], body.replacen('{', r#"{"error":0,"#, 1)),
                response(status, &[("content-type", "text/xml")], xml.clone()),
                response(status, &[("content-type", JSON)], xml),
                response(status, &[("content-type", JSON)], ""),
                response(status, &[], ""),
            ] {
                assert_eq!(judge(&unreadable), expected(status, None), "{status} {:?}", code.code);
            }
        }
    }
}

#[test]
fn a_redirect_is_malformed_wherever_it_points() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for location in ["https://evil.example/", "https://sts.amazonaws.com/", "//evil.example", "/", ""] {
            for body in [String::new(), valid(), error("AccessDenied"), error("Throttling")] {
                let answer = response(status, &[("content-type", JSON), ("location", location)], body);
                let error = judged(&answer).unwrap_err();
                assert_eq!((class_name(error.class()), error.reason()), ("malformed", "sts_answer_malformed"));
            }
        }
    }
}

#[test]
fn what_is_malformed_says_which_rule_it_broke() {
    for (status, body, rule) in [
        (302, String::new(), "a redirect"),
        (403, "<html>".to_owned(), "not an STS error in JSON"),
        (403, error("InvalidAction"), "that this request does not get"),
        (407, error("AccessDenied"), "a status that STS does not give it"),
        (204, String::new(), "a status that STS does not send"),
        (200, valid().replace("Account", "account"), "Account, Arn and UserId"),
    ] {
        let message = judged(&response(status, &[("content-type", JSON)], body)).unwrap_err().to_string();
        assert!(message.contains(rule) && message.contains(&status.to_string()), "{message}");
    }
}

/// A word in a message is not a code.
#[test]
fn throttling_in_words_only_is_not_throttling() {
    for body in [
        json!({ "Error": { "Code": "ValidationError", "Message": "Throttling: Rate exceeded" } }).to_string(),
        json!({ "Error": { "Message": "Throttling" } }).to_string(),
        json!({ "Error": "Throttling" }).to_string(),
        json!({ "Error": ["Throttling"] }).to_string(),
        json!({ "Error": { "Code": ["Throttling"] } }).to_string(),
        json!({ "Error": { "Code": null, "Type": "Throttling" } }).to_string(),
        json!({ "Code": "Throttling" }).to_string(),
        json!({ "__type": "ThrottlingException" }).to_string(),
        json!({ "x": error("Throttling") }).to_string(),
        json!("Throttling").to_string(),
        "Throttling".to_owned(),
        "Rate exceeded".to_owned(),
    ] {
        for status in [400, 403] {
            let error = judged(&response(status, &[("content-type", JSON)], body.clone())).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Malformed, "{body}");
        }
    }
}

/// Nothing in `code.rs` goes untested.
#[test]
fn every_code_of_the_source_is_in_the_table() {
    let codes = codes();
    let source = include_str!("../src/code.rs");
    let functions = source.split_once("fn rejection").unwrap().1;
    let mut found = 0;
    for name in functions.split('"').skip(1).step_by(2).filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric())) {
        found += 1;
        assert!(codes.iter().any(|row| row.code == name && row.class != "malformed"), "{name} has no row");
    }
    let listed = codes.iter().filter(|row| row.class != "malformed").count();
    assert_eq!(found, listed, "a row for a code that the source does not have, or a code twice");
    assert!(codes.iter().filter(|row| row.class == "malformed").count() >= 30);
}
