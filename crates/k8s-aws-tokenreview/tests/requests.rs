//! Every row of `vectors/requests.json`, and what Go's readers make of the same bodies.

use k8s_aws_tokenreview::TokenReviewRequest;
use serde_json::{Value, json};

mod support;

const REQUESTS: &str = include_str!("vectors/requests.json");
const READERS: &str = include_str!("vectors/readers.json");

/// The rows that are accepted though a Go reader refuses them. It costs nobody anything: what is in these members is not
/// read.
const ACCEPTED_HERE_ALONE: [&str; 1] = ["metadata and status of any type"];

#[test]
fn every_request_is_accepted_or_refused_for_the_reason_in_its_row() {
    let mut wrong = Vec::new();
    for (name, row) in support::rows(REQUESTS) {
        let got = match TokenReviewRequest::from_slice(&support::bytes(&row["body"])) {
            Ok(request) => {
                let version = format!("{:?}", request.version());
                json!({ "version": version, "token": request.token().expose(), "audiences": request.audiences() })
            }
            Err(error) => {
                // The member at fault, if there is one, is what the message talks about.
                if let Some(field) = row["field"].as_str() {
                    assert!(error.to_string().contains(&format!(" {field}")), "{name}: {error}");
                }
                Value::from(error.reason())
            }
        };
        let want = match row["accepted"].clone() {
            Value::Null => row["reason"].clone(),
            mut accepted => {
                accepted["token"] = Value::from(String::from_utf8(support::bytes(&accepted["token"])).unwrap());
                accepted
            }
        };
        if got != want {
            wrong.push(format!("{name}: want {want}, got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_covers_enough() {
    let rows = support::rows(REQUESTS);
    let mut names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "a name twice");
    let accepted = rows.iter().filter(|(_, row)| row["reason"].is_null()).count();
    assert!(accepted >= 20 && rows.len() - accepted >= 100, "{accepted} of {}", rows.len());
}

#[test]
fn an_accepted_request_is_read_by_go_programs_just_as_here() {
    let readers: Value = serde_json::from_str(READERS).unwrap();
    for (name, row) in support::rows(REQUESTS) {
        let Ok(request) = TokenReviewRequest::from_slice(&support::bytes(&row["body"])) else { continue };
        for reader in ["std", "kubernetes"] {
            let reading = &readers[&name][reader];
            assert_eq!(reading.is_null(), ACCEPTED_HERE_ALONE.contains(&name.as_str()), "{reader}: {name}");
            if reading.is_null() {
                continue;
            }
            let token = match request.token().expose() {
                token if token.len() > 1000 => format!("{} bytes", token.len()),
                token => token.to_owned(),
            };
            assert_eq!(reading["kind"], "TokenReview", "{reader}: {name}");
            assert_eq!(reading["apiVersion"], request.version().api_version(), "{reader}: {name}");
            assert_eq!(reading["token"], token, "{reader}: {name}");
            let audiences = reading["audiences"].as_array().cloned().unwrap_or_default();
            assert_eq!(audiences, request.audiences(), "{reader}: {name}");
        }
    }
}

#[test]
fn a_request_that_go_programs_read_differently_is_refused() {
    let readers: Value = serde_json::from_str(READERS).unwrap();
    let mut differing = 0;
    for (name, row) in support::rows(REQUESTS) {
        let readings = readers.get(&name).unwrap_or_else(|| panic!("readers.json is older than requests.json: {name}"));
        if readings["std"] != readings["kubernetes"] {
            differing += 1;
            assert!(TokenReviewRequest::from_slice(&support::bytes(&row["body"])).is_err(), "{name}");
        }
    }
    assert!(differing >= 20, "only {differing} rows tell the readers apart");
}
