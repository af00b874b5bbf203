//! The table `tests/hostile/answers.json`: how an answer differs from a valid one, and what is said of it.
//!
//! A table is a list of groups. Every text in `with` is one row: it takes the place of the part that `at` names. `want` is
//! `accepted`, or the `reason()` of the failure, and `class` its class.

use http::Response;
use serde_json::{Value, json};

pub(crate) const JSON: &str = "application/json";
/// Stands in every answer; no error repeats any of it.
pub(crate) const SECRET: &str = "b7c1f0de-9a2e-4d53-8f6b-request-id";

pub(crate) fn valid() -> String {
    identity("arn:aws:iam::123456789012:user/alice", "123456789012", "AIDAIOSFODNN7EXAMPLE")
}

fn identity(arn: &str, account: &str, user_id: &str) -> String {
    let result = json!({ "Account": account, "Arn": arn, "UserId": user_id });
    let metadata = json!({ "RequestId": SECRET });
    json!({ "GetCallerIdentityResponse": { "GetCallerIdentityResult": result, "ResponseMetadata": metadata } })
        .to_string()
}

pub(crate) fn error(code: &str) -> String {
    let error = json!({ "Code": code, "Message": format!("{SECRET} is not valid"), "Type": "Sender" });
    json!({ "Error": error, "RequestId": SECRET }).to_string()
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    let builder = Response::builder().status(status);
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body(body.into())
        .expect("a response")
}

pub(crate) struct Row {
    /// The rule and what stands in the place.
    pub(crate) name: String,
    pub(crate) answer: Response<Vec<u8>>,
    /// `accepted` or a reason.
    pub(crate) want: String,
    /// The class of the failure; empty where there is none.
    pub(crate) class: String,
}

/// Every row of the table.
pub(crate) fn rows() -> Vec<Row> {
    let groups: Vec<Value> = serde_json::from_str(include_str!("../hostile/answers.json")).expect("the table is JSON");
    let mut rows = Vec::new();
    for group in &groups {
        let text = |name: &str| group[name].as_str().unwrap_or_else(|| panic!("{name} in {group}"));
        for with in group["with"].as_array().expect("`with` is a list") {
            let with = with.as_str().expect("a row is a text");
            rows.push(Row {
                name: format!("{}: {with:?}", text("rule")),
                answer: answer(text("at"), with),
                want: text("want").to_owned(),
                class: text("class").to_owned(),
            });
        }
    }
    rows
}

/// The answer of a row: the valid one with `with` in the place of what `at` names.
fn answer(at: &str, with: &str) -> Response<Vec<u8>> {
    let field = |name: &str| {
        let mut body: Value = serde_json::from_str(&valid()).unwrap();
        body["GetCallerIdentityResponse"]["GetCallerIdentityResult"][name] = "\u{1}".into();
        body.to_string().replace(r#""\u0001""#, with)
    };
    match at {
        "body" => response(200, &[("content-type", JSON)], with.replace("VALID", &valid())),
        "type" => {
            let types: Vec<_> = with.split('|').map(|value| ("content-type", value)).collect();
            response(200, if with.is_empty() { &[] } else { &types }, valid())
        }
        "header" => {
            let header = with.split_once(':').unwrap();
            response(200, &[("content-type", JSON), (header.0, header.1.trim())], valid())
        }
        "status" => response(with.parse().unwrap(), &[("content-type", JSON)], valid()),
        "identity" => {
            let [arn, account, user_id] = with.split(' ').collect::<Vec<_>>()[..] else { panic!("{with}") };
            response(200, &[("content-type", JSON)], identity(arn, account, user_id))
        }
        _ => response(200, &[("content-type", JSON)], field(at)),
    }
}
