//! Every answer of `tests/hostile/answers.json` and every error code of `codes.json` is judged as the tables say, and the
//! answers of moto are read as botocore reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{KNOWN, OTHER, SECRET, XML, class_name, document, error, id, laws, query, response, told, valid};
use http::Response;
use k8s_aws_ec2::{Ec2Error, ErrorClass, MAX_ANSWER_LEN, MAX_DEPTH, Progress, Query};
use serde_json::Value;

/// The answer of a row: the valid one with `with` in the place of what `at` names.
fn answer(at: &str, with: &str) -> Response<Vec<u8>> {
    match at {
        "body" => response(200, &[("content-type", XML)], with.replace("VALID", &valid())),
        "type" => {
            let types: Vec<_> = with.split('|').map(|value| ("content-type", value)).collect();
            response(200, if with.is_empty() { &[] } else { &types }, valid())
        }
        "header" => {
            let (name, value) = with.split_once(':').unwrap();
            response(200, &[("content-type", XML), (name, value.trim())], valid())
        }
        "status" => response(with.parse().unwrap(), &[("content-type", XML)], valid()),
        place => response(200, &[("content-type", XML)], document(place, with)),
    }
}

fn judged(answer: &Response<Vec<u8>>) -> Result<Progress, Ec2Error> {
    let result = laws::read(&query(), answer);
    if let Err(error) = &result {
        let printed = format!("{error} {error:?}");
        for secret in [SECRET, KNOWN, OTHER, "ip-10-0-0-1", "111122223333", "999999999999", "evil"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
    result
}

#[test]
fn every_answer_is_judged_as_its_row_says() {
    let groups: Vec<Value> = serde_json::from_str(include_str!("hostile/answers.json")).unwrap();
    let (mut rows, mut complaints) = (0, Vec::new());
    for group in &groups {
        let text = |name: &str| group[name].as_str().unwrap_or_else(|| panic!("{name} in {group}"));
        for with in group["with"].as_array().unwrap() {
            rows += 1;
            let with = with.as_str().unwrap();
            // A row of names has the name alone.
            let (with, want) = match with.strip_prefix("N:") {
                None => (with.to_owned(), text("want").to_owned()),
                Some(name) => {
                    let item =
                        format!("<item><instanceId>{OTHER}</instanceId><privateDnsName>{name}</privateDnsName></item>");
                    (item, text("want").replace("NAME", name))
                }
            };
            let told = told(&judged(&answer(text("at"), &with)));
            if told != want {
                complaints.push(format!("{}: {with}: {told}, not {want}", text("rule")));
            }
        }
    }
    assert!(rows >= 300, "the table was cut down to {rows} rows");
    assert!(complaints.is_empty(), "{} of {rows}:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn bytes_that_are_no_utf_8_are_malformed() {
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xff\xfe<\0a\0"] {
        for at in ["INSTANCE", "PROLOG", "AFTER"] {
            let mut body = document(at, "\u{1}").into_bytes();
            let place = body.iter().position(|b| *b == 1).unwrap();
            body.splice(place..=place, [b"<!--", bytes, b"-->"].concat());
            assert_eq!(told(&judged(&response(200, &[("content-type", XML)], body))), "ec2_answer_malformed");
        }
    }
}

#[test]
fn an_answer_of_the_full_length_is_read_and_one_byte_more_is_not() {
    for (len, ok) in [(MAX_ANSWER_LEN, true), (MAX_ANSWER_LEN + 1, false)] {
        let filler = "<!-- -->".repeat((len - valid().len()) / 8) + &" ".repeat((len - valid().len()) % 8);
        let body = valid() + &filler;
        assert_eq!(body.len(), len);
        let result = query().read(&response(200, &[("content-type", XML)], body));
        assert_eq!(result.is_ok(), ok);
        assert!(ok || matches!(result, Err(Ec2Error::AnswerTooLong)));
    }
    // The length is judged first: at any status, of any content.
    for status in [200, 302, 403, 429, 500] {
        let error = query().read(&response(status, &[], vec![b'<'; MAX_ANSWER_LEN + 1])).unwrap_err();
        assert_eq!((error.reason(), error.class()), ("ec2_answer_too_long", ErrorClass::Malformed));
    }
}

#[test]
fn no_tag_text_or_comment_is_longer_than_the_limit() {
    for (len, ok) in [(64 * 1024 - 16, true), (64 * 1024 + 1, false)] {
        let long = "x".repeat(len);
        for heavy in [format!("<a>{long}</a>"), format!("<!--{long}-->"), format!("<a><![CDATA[{long}]]></a>")] {
            assert_eq!(judged(&answer("INSTANCE", &heavy)).is_ok(), ok, "{len}");
        }
    }
}

#[test]
fn elements_are_nested_as_deep_as_the_limit_and_no_deeper() {
    // What is put into an instance stands inside five elements.
    for (depth, ok) in [(1, true), (MAX_DEPTH - 5, true), (MAX_DEPTH - 4, false), (100_000, false)] {
        for (open, close) in [("<a>", "</a>"), ("<item>", "</item>"), ("<a b='c'>", "</a >")] {
            let nested = format!("{}{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(judged(&answer("INSTANCE", &nested)).is_ok(), ok, "{depth}");
            assert!(judged(&answer("INSTANCE", &open.repeat(depth))).is_err());
            assert!(judged(&answer("body", &open.repeat(depth))).is_err());
        }
    }
}

#[test]
fn answers_that_would_take_long_do_not() {
    let many_attributes: String = (0..200_000).map(|n| format!(" a{n}='1'")).collect();
    for heavy in [
        format!("<x{many_attributes}/>"),
        format!("<x>{}</x>", "&amp;".repeat(200_000)),
        format!("<x>{}</x>", "<![CDATA[a]]>".repeat(100_000)),
        "<x/>".repeat(200_000),
        "<!--a-->".repeat(100_000),
        format!("<{}/>", "x".repeat(1_000_000)),
    ] {
        // What it comes to is in the table; here it has to come to something.
        drop(judged(&answer("INSTANCE", &heavy)));
    }
}

#[test]
fn a_document_that_breaks_off_anywhere_is_malformed() {
    let body = valid();
    let whole = body.trim_end().len();
    for len in 0..whole {
        let result = judged(&response(200, &[("content-type", XML)], &body.as_bytes()[..len]));
        assert_eq!(told(&result), "ec2_answer_malformed", "{len} of {whole}");
    }
}

struct Code {
    code: String,
    class: String,
}

fn codes() -> Vec<Code> {
    let classes: Value = serde_json::from_str(include_str!("hostile/codes.json")).unwrap();
    let code = |class: &str, code: &Value| Code { code: code.as_str().unwrap().to_owned(), class: class.to_owned() };
    let of_class = |(class, codes): (&String, &Value)| {
        codes.as_array().unwrap().iter().map(|c| code(class, c)).collect::<Vec<_>>()
    };
    classes.as_object().unwrap().iter().flat_map(of_class).collect()
}

/// What a code comes to at a status: only at a 4xx does it say more than the status does.
fn expected(status: u16, code: Option<&Code>) -> &str {
    match (status, code) {
        (429, _) => "throttled",
        (400..=599, Some(code)) if code.class == "throttled" => "throttled",
        (500..=599, _) => "unavailable",
        (400..=499, Some(code)) => &code.class,
        _ => "malformed",
    }
}

#[test]
fn every_error_code_at_every_status_is_of_its_class() {
    let statuses = [
        100, 199, 200, 201, 204, 299, 300, 302, 307, 399, 400, 401, 403, 404, 413, 429, 499, 500, 502, 503, 599, 600,
        999,
    ];
    for status in statuses {
        for code in &codes() {
            let judge = |content_type: &str, body: String| {
                let error = judged(&response(status, &[("content-type", content_type)], body)).unwrap_err();
                (class_name(error.class()), error.code())
            };
            let (class, told) = judge(XML, error(&code.code));
            assert_eq!(class, expected(status, Some(code)), "{status} {:?}", code.code);
            let kept = (400..=599).contains(&status) && code.class != "malformed";
            assert_eq!(told, kept.then_some(code.code.as_str()), "{status}");
            // Where it does not stand in an error document of EC2's, it says nothing, of whichever class.
            if !["UnauthorizedOperation", "RequestLimitExceeded", "InternalError", "InvalidNextToken"]
                .contains(&&*code.code)
            {
                continue;
            }
            let body = error(&code.code);
            for (content_type, body) in [
                ("application/json", body.clone()),
                ("text/html", body.clone()),
                (XML, format!("{body}{body}")),
                (XML, format!("<!DOCTYPE a>{body}")),
                (XML, body.replace("Code>", "code>")),
                (XML, body.replace("Errors>", "Error>")),
                (XML, body.replace("Response>", "ErrorResponse>")),
                (XML, body.replace("<Errors>", "<x><Errors>").replace("</Errors>", "</Errors></x>")),
                (XML, body.replace("<Response>", "<Response xmlns='y'>")),
                (XML, body.replace("<Code>", "<Code/><Code>")),
                (XML, body.replace("<Code>", "<Code> ")),
                (XML, body.replace("<Code>", "<Code>x<!-- -->")),
                (XML, body.replace("</Code>", "<b/></Code>")),
                (XML, body.replace("<Error>", "<Error>x")),
                (XML, body.replace("</Errors>", "<Error><Code>x</Code></Error></Errors>")),
                (XML, format!(r#"{{"Error":{{"Code":"{}"}}}}"#, code.code)),
                (XML, code.code.clone()),
                (XML, String::new()),
            ] {
                let (class, told) = judge(content_type, body.clone());
                assert_eq!((class, told), (expected(status, None), None), "{status} {body}");
            }
        }
    }
}

#[test]
fn an_error_document_may_name_ec2s_namespace_and_may_say_more() {
    let body = error("UnauthorizedOperation");
    let namespace = "http://ec2.amazonaws.com/doc/2016-11-15";
    for body in [
        body.replace("<Response>", &format!("<Response xmlns='{namespace}'>")),
        body.replace("<Response>", &format!("<Response xmlns='{namespace}/'>")),
        body.replace("<Code>", "<Type>Sender</Type><!-- x --><Code>"),
        body.replace("<Errors>", "<x><Code>Throttling</Code></x>\n<Errors>"),
        body.replace("Unauthorized", "&#85;nauthorized"),
    ] {
        let error = judged(&response(403, &[("content-type", XML)], body)).unwrap_err();
        assert_eq!((error.class(), error.code()), (ErrorClass::Unauthorized, Some("UnauthorizedOperation")));
    }
}

/// Nothing in `code.rs` goes untested.
#[test]
fn every_code_of_the_source_is_in_the_table() {
    let codes = codes();
    let list = include_str!("../src/code.rs").split_once("const CODES").unwrap().1;
    let mut found = 0;
    for name in list.split('"').skip(1).step_by(2) {
        found += 1;
        assert!(codes.iter().any(|row| row.code == name && row.class != "malformed"), "{name} has no row");
    }
    let listed = codes.iter().filter(|row| row.class != "malformed").count();
    assert_eq!(found, listed, "a row for a code that the source does not have, or a code twice");
}

#[test]
fn only_throttling_and_trouble_are_worth_asking_again() {
    for (class, again) in [
        (ErrorClass::Refused, false),
        (ErrorClass::Unauthorized, false),
        (ErrorClass::Rejected, false),
        (ErrorClass::Throttled, true),
        (ErrorClass::Unavailable, true),
        (ErrorClass::Malformed, false),
    ] {
        assert_eq!(class.is_retryable(), again, "{class:?}");
    }
}

#[test]
fn the_answers_of_moto_are_read_as_botocore_reads_them() {
    let file: Value = serde_json::from_str(include_str!("answers/moto.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert!(rows.len() >= 8);
    let mut found = 0;
    for row in rows {
        let (name, text) = (&row["name"], |field: &str| row[field].as_str().unwrap());
        let ids: Vec<_> = row["ids"].as_array().unwrap().iter().map(|i| id(i.as_str().unwrap())).collect();
        let query = Query::new(ids.clone()).unwrap();
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        let answer = response(status, &[("content-type", text("content_type"))], text("body"));
        let instances = match laws::read(&query, &answer) {
            Ok(Progress::Done(instances)) => instances,
            Ok(Progress::NextPage(next)) => {
                assert!(row["next"].is_string(), "{name}");
                let Ok(Progress::Done(instances)) = next.read(&laws::last_page()) else { panic!("{name}") };
                instances
            }
            Err(error) => {
                assert_eq!(error.code(), Some(text("code")), "{name}");
                continue;
            }
        };
        for (id, instance) in instances.iter() {
            let want = &row["want"][id.as_str()];
            assert_eq!(instance.is_some(), want.is_object(), "{name}: {id}");
            if let Some(instance) = instance {
                found += 1;
                assert_eq!(instance.private_dns_name(), want["name"], "{name}: {id}");
                assert_eq!(instance.owner().as_str(), want["owner"], "{name}: {id}");
            }
        }
    }
    assert!(found >= 10, "{found} instances");
}
