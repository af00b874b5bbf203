//! The ledger of divergences from the Go program: where the two disagree about one hostile input, and why.
//!
//! `ledger/verdicts.txt` has what the Go program said to every question, `ledger/ledger.json` every question on which we
//! say otherwise. It is checked both ways: a divergence that is not in the ledger fails, and so does an entry that is none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "files, and environment variables that ask for more than the default")]

mod common;
#[path = "ledger/questions.rs"]
mod questions;

use common::gate::sigv4;
use k8s_aws_sts::{ClusterId, ErrorClass, Partition, Policy, Verifier};
use k8s_aws_token::EndpointTable;
use questions::{Question, digest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::{env, fs};

/// Drawn tokens in `verdicts.txt`.
const DRAWN: u64 = 4000;

/// Questions on which both say what the entry says, and why that is right.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    ours: String,
    go: String,
    why: String,
    /// How many of the drawn tokens.
    drawn: usize,
    rows: Vec<String>,
}

fn drawn() -> u64 {
    env::var("LEDGER_DRAWN").map_or(DRAWN, |count| count.parse().unwrap())
}

/// What the Go program said, by question.
fn verdicts() -> BTreeMap<String, String> {
    let text = match env::var("LEDGER_VERDICTS") {
        Ok(path) => fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("ledger/verdicts.txt").to_owned(),
    };
    text.lines().map(|line| line.split_once(' ').unwrap()).map(|(id, go)| (id.to_owned(), go.to_owned())).collect()
}

/// What we say, in the words of the Go program's verdicts; a refusal by its reason.
fn ours(question: &Question) -> String {
    static VERIFIERS: LazyLock<Vec<(Partition, Verifier)>> =
        LazyLock::new(|| Partition::ALL.map(|partition| (partition, Verifier::new(Policy::new(partition)))).into());
    let (_, verifier) = VERIFIERS.iter().find(|(partition, _)| *partition == question.partition).unwrap();
    let cluster = ClusterId::parse("production").unwrap();
    let call = match verifier.begin(&question.token, &cluster, question.now) {
        Ok(call) => call,
        Err(error) => return error.reason().to_owned(),
    };
    let Some(answer) = &question.answer else {
        // What is asked: scheme, host, path, and the pairs in the order of their bytes.
        let url = call.request().into_http().uri().to_string();
        let mut pairs = sigv4::pairs(&url);
        pairs.sort();
        let pairs = pairs.iter().flat_map(|(name, value)| [name.as_slice(), value.as_slice()]);
        let origin = [&b"https"[..], call.token().endpoint().host().as_bytes(), b"/"];
        return format!("asks {}", digest(origin.into_iter().chain(pairs)));
    };
    match call.finish(answer) {
        Ok(caller) => {
            let account = caller.account().to_string();
            let session = caller.session_name().unwrap_or_default();
            let texts = [caller.arn(), caller.canonical_arn(), &account, caller.user_id(), session];
            format!("knows {}", digest(texts.map(str::as_bytes)))
        }
        Err(error) if error.class() == ErrorClass::Throttled => "throttled".to_owned(),
        Err(error) => error.reason().to_owned(),
    }
}

/// Where the two differ: what each says. Two refusals agree whatever their reasons.
fn divergence(question: &Question, ours: &str, go: &str) -> Option<(String, String)> {
    let word = |verdict: &str| verdict.split(' ').next().unwrap().to_owned();
    let is_refusal = !matches!(&*word(ours), "asks" | "knows" | "throttled");
    match (word(ours), word(go)) {
        _ if ours == go || is_refusal && matches!(go, "refuses" | "fails") => None,
        (ours, go) if ours == go => Some((ours, format!("{go} otherwise"))),
        (ours, go) if ours == "asks" => Some((format!("asks {}", what_is_special(question)), go)),
        differing => Some(differing),
    }
}

/// About a token that is accepted here: what the Go program may find wrong with it. So no reason covers more than it says.
fn what_is_special(question: &Question) -> String {
    if question.token.len() > 4096 {
        return "with more than 4 KiB".to_owned();
    }
    static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);
    let token = k8s_aws_token::Token::decode(&question.token, &TABLE).unwrap();
    format!("a host under {}", token.endpoint().host().splitn(3, '.').last().unwrap())
}

/// How many of the drawn tokens, and which rows, have one divergence.
type Found = (usize, BTreeSet<String>);

/// Every divergence, by what each says.
fn found() -> BTreeMap<(String, String), Found> {
    let mut verdicts = verdicts();
    let mut found = BTreeMap::<_, Found>::new();
    let mut judged = BTreeSet::new();
    for question in &questions::all(drawn()) {
        let id = question.id();
        let go = verdicts.get(&id).unwrap_or_else(|| panic!("{}: newer than the verdicts", question.name));
        if let Some(key) = divergence(question, &ours(question), go) {
            let (drawn, rows) = found.entry(key).or_default();
            match question.is_drawn {
                true => *drawn += 1,
                false => drop(rows.insert(question.name.clone())),
            }
        }
        judged.insert(id);
    }
    verdicts.retain(|id, _| !judged.contains(id));
    assert!(verdicts.is_empty(), "{} verdicts are about no question of today", verdicts.len());
    found
}

fn ledger() -> Vec<Entry> {
    serde_json::from_str(include_str!("ledger/ledger.json")).unwrap()
}

#[test]
fn we_differ_from_the_go_program_where_the_ledger_says_so_and_nowhere_else() {
    let mut found = found();
    let mut complaints = Vec::new();
    for entry in ledger() {
        let said = format!("{} here, {} there", entry.ours, entry.go);
        let (drawn_found, rows) = found.remove(&(entry.ours, entry.go)).unwrap_or_default();
        assert!(entry.why.len() > 20, "{said}: no reason given");
        let listed: BTreeSet<String> = entry.rows.iter().cloned().collect();
        assert_eq!(listed.len(), entry.rows.len(), "{said}: a row stands twice");
        complaints.extend(rows.difference(&listed).map(|row| format!("{said}, and not in the ledger: {row}")));
        complaints.extend(listed.difference(&rows).map(|row| format!("not {said}, as the ledger has it: {row}")));
        // Other draws have other numbers, and no other kinds.
        if drawn() == DRAWN && drawn_found != entry.drawn {
            complaints.push(format!("{said}: {drawn_found} drawn tokens, and {} in the ledger", entry.drawn));
        }
    }
    complaints.extend(found.iter().map(|((ours, go), (drawn, rows))| {
        format!("{ours} here, {go} there, and no such entry in the ledger: {drawn} drawn tokens and {rows:?}")
    }));
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Agreement that nobody can tell from a harness that does not work would be worth nothing.
#[test]
fn the_verdicts_have_every_kind_and_many_of_each() {
    let mut kinds = BTreeMap::<String, usize>::new();
    for verdict in verdicts().values() {
        *kinds.entry(verdict.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    for (kind, least) in [("asks", 1000), ("refuses", 2000), ("knows", 60), ("fails", 200), ("throttled", 20)] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
}

/// For `ledger/run.sh`, which hands the file to the Go program.
#[test]
#[ignore = "writes the questions to the file that LEDGER_QUESTIONS names"]
fn questions_are_written() {
    let lines: BTreeSet<String> = questions::all(drawn()).iter().map(Question::line).collect();
    let lines: Vec<String> = lines.into_iter().collect();
    fs::write(env::var("LEDGER_QUESTIONS").unwrap(), lines.join("\n") + "\n").unwrap();
}

/// Takes over what there is to write down. A new kind of divergence has no reason yet, and fails until somebody gives it one.
#[test]
#[ignore = "rewrites the ledger"]
fn ledger_is_written() {
    let mut reasons: BTreeMap<_, _> = ledger().into_iter().map(|entry| ((entry.ours, entry.go), entry.why)).collect();
    let entries: Vec<Entry> = found()
        .into_iter()
        .map(|((ours, go), (drawn, rows))| {
            let why = reasons.remove(&(ours.clone(), go.clone())).unwrap_or_default();
            Entry { ours, go, why, drawn, rows: rows.into_iter().collect() }
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/ledger.json");
    fs::write(path, serde_json::to_string_pretty(&entries).unwrap() + "\n").unwrap();
}
