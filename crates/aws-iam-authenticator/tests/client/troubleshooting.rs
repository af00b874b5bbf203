//! `docs/troubleshooting.md` says what every code means that a login can end with, and none that there is not.

use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../../docs/troubleshooting.md");

/// Where the codes of refusals are made: the arms of `fn reason` and its kind, `=> "code"`.
const SOURCES: [&str; 5] = [
    include_str!("../../../k8s-aws-token/src/error.rs"),
    include_str!("../../../k8s-aws-sts/src/error.rs"),
    include_str!("../../../k8s-aws-sts/src/code.rs"),
    include_str!("../../../k8s-aws-mapping/src/reason.rs"),
    include_str!("../../../k8s-aws-auth/src/outcome.rs"),
];

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[test]
fn every_code_is_explained_and_every_explained_code_exists() {
    let arms = SOURCES.iter().flat_map(|source| source.lines()).filter_map(|line| line.split_once("=> \""));
    let mut codes: BTreeSet<&str> =
        arms.filter_map(|(_, rest)| rest.split('"').next()).filter(|c| is_code(c)).collect();
    assert!(codes.remove("granted"), "no refusal");
    assert!(codes.len() > 65, "{codes:?}");
    let cells = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let words = cells.flat_map(|cell| cell.split(['`', ',', ' '])).filter(|word| word.contains('_') && is_code(word));
    let explained: BTreeSet<&str> = words.collect();
    let missing: Vec<_> = codes.difference(&explained).collect();
    let unknown: Vec<_> = explained.difference(&codes).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
}
