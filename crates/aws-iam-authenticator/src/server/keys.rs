//! The keys of the configuration file: those that mean nothing, and those that stand twice.

use super::protection;
use crate::Failure;
use k8s_aws_auth::mapping::tree::{Field, Node, Tree};
use k8s_aws_auth::mapping::{Code, Finding, unknown_keys};

/// The keys at the top of the file that the Go program does not have.
pub(crate) const OUR_TOP_KEYS: &[&str] = &["clusterIDs"];

/// The keys under `server` that the Go program does not have.
pub(crate) const OUR_KEYS: &[&str] =
    &["audiences", "healthAddress", "identityCacheSeconds", "maxConnections", "sts", "stsRegions"];

/// The lists whose entries the mappings themselves look at.
const MAPPINGS: [&str; 2] = ["mapRoles", "mapUsers"];

/// What is odd about the keys, in the order of the file. A deployment of the Go program has to start all the same.
pub(super) fn odd(tree: &Tree) -> Vec<Finding> {
    let mut findings = unknown_keys(tree, OUR_TOP_KEYS, OUR_KEYS);
    findings.extend(protection::unknown_keys(tree));
    tree.root().into_iter().for_each(|root| add_duplicates(root, &mut findings));
    findings.sort_by_key(|finding| finding.span.map(|span| span.start.byte));
    findings
}

/// `--strict-config`, `--check-config`: refuses a file with an odd key.
pub(super) fn refuse(odd: &[Finding], path: &str) -> Result<(), Failure> {
    match odd.first() {
        None => Ok(()),
        Some(finding) => {
            let line = finding.span.map_or(0, |span| span.start.line);
            Err(Failure::new(format!("{path}:{line}: {}", finding.message))
                .with_remedy("correct or remove that key; without --strict-config it is a warning"))
        }
    }
}

/// A key that stands twice in one map, in whatever letter case. The Go program refuses the first kind of file and reads one of the
/// two at random of the second.
fn add_duplicates(node: &Node, findings: &mut Vec<Finding>) {
    let fields = node.as_map().unwrap_or_default();
    for (position, field) in fields.iter().enumerate() {
        let again = |other: &&Field| other.key.eq_ignore_ascii_case(&field.key);
        if let Some(counts) = fields.iter().skip(position + 1).rfind(again) {
            let line = counts.key_span.start.line;
            let message =
                format!("the key `{}` stands twice; the one in line {line} is used", counts.key.escape_default());
            findings.push(Finding {
                severity: Code::DuplicateKey.severity(),
                code: Code::DuplicateKey,
                message,
                list: None,
                index: None,
                object: None,
                span: Some(field.key_span),
                fix: None,
            });
        }
        if !MAPPINGS.iter().any(|list| list.eq_ignore_ascii_case(&field.key)) {
            add_duplicates(&field.value, findings);
        }
    }
    node.as_list().unwrap_or_default().iter().for_each(|item| add_duplicates(item, findings));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd_keys(text: &str) -> Vec<(u32, String)> {
        let findings = odd(&Tree::from_yaml(text).unwrap());
        findings.into_iter().map(|finding| (finding.span.unwrap().start.line, finding.message)).collect()
    }

    #[test]
    fn every_key_of_which_there_are_two_is_told_with_the_one_that_counts() {
        let text = "clusterID: a\nserver:\n  port: 1\n  PORT: 2\n  reservedPrefixConfig:\n  - backendMode: CRD\n    \
                    backendmode: CRD\n  port: 3\nclusterid: b\n";
        let told = odd_keys(text);
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4, 6], "{told:?}");
        assert_eq!(told[0].1, "the key `clusterid` stands twice; the one in line 9 is used");
        assert!(told[1].1.ends_with("line 8 is used") && told[2].1.ends_with("line 8 is used"), "{told:?}");
    }

    #[test]
    fn neither_our_keys_nor_entries_nor_merged_maps_are_odd() {
        let text = "clusterIDs: [a]\nx: &x\n  port: 1\nserver:\n  <<: *x\n  port: 2\n  maxConnections: 9\n  mapRoles:\n  \
                    - username: a\n    username: b\n";
        assert_eq!(
            odd_keys(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>(),
            [2],
            "x is unknown, and no more"
        );
    }
}
