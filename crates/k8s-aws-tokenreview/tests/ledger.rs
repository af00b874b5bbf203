//! The ledger of divergences from the Go program's reading of requests: every row of `vectors/requests.json` that one of the
//! two reads and the other refuses, with the reason.
//!
//! The Go program reads the first JSON value of a body with `encoding/json` and looks at neither kind nor version; what it
//! makes of each row is under `std` in `vectors/readers.json`. Checked both ways: a divergence that is not in
//! `vectors/ledger.json` fails, and so does an entry that is none.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use k8s_aws_tokenreview::TokenReviewRequest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

mod support;

const REQUESTS: &str = include_str!("vectors/requests.json");
const READERS: &str = include_str!("vectors/readers.json");
const LEDGER: &str = include_str!("vectors/ledger.json");

/// The rows on which the two differ, by what we say.
fn divergences() -> BTreeMap<String, BTreeSet<String>> {
    let readers: Value = serde_json::from_str(READERS).unwrap();
    let mut divergences = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, row) in support::rows(REQUESTS) {
        let judged = TokenReviewRequest::from_slice(&support::bytes(&row["body"]));
        let is_read_there = !readers[&name]["std"].is_null();
        if judged.is_ok() != is_read_there {
            let ours = judged.map_or_else(|error| error.reason(), |_| "accepted");
            divergences.entry(ours.to_owned()).or_default().insert(name);
        }
    }
    divergences
}

#[test]
fn we_differ_from_the_go_program_where_the_ledger_says_so_and_nowhere_else() {
    let mut found = divergences();
    let ledger: Vec<Value> = serde_json::from_str(LEDGER).unwrap();
    for entry in &ledger {
        let ours = entry["ours"].as_str().unwrap();
        assert!(entry["why"].as_str().unwrap().len() > 20, "{ours}: no reason given");
        let listed: BTreeSet<String> =
            entry["rows"].as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect();
        assert_eq!(found.remove(ours).unwrap_or_default(), listed, "{ours}");
    }
    assert!(found.is_empty(), "not in the ledger: {found:?}");
}
