//! The ConfigMap `aws-auth`: three texts, each of them a YAML list.

use crate::document::{Document, ReadList, read_lines, read_node};
use crate::entry::{Entries, Rules, texts};
use crate::findings::{Code, Finding, quoted};
use crate::rule::{LostEntry, Place};
use crate::tree::{Chunk, Field, Lines, MAX_DOCUMENT_BYTES, Node, Span, Style, Tree, Value, section_of_key};
use crate::{List, suggest};

pub(crate) const RULES: Rules =
    Rules { canonicalise: false, strict_user_ids: false, comma_lists: false, extended: true, json: false };

pub(crate) const LISTS: [List; 3] = [List::Roles, List::Users, List::Accounts];

impl Document {
    /// Reads the `data` of the ConfigMap `aws-auth`.
    ///
    /// The three keys are `mapRoles`, `mapUsers` and `mapAccounts`, in exactly this spelling. A value that is blank or
    /// an empty pair of quotes is an empty list. Positions in findings count within the value.
    ///
    /// ```
    /// use k8s_aws_mapping::Document;
    ///
    /// let roles = "- rolearn: arn:aws:iam::123456789012:role/dev\n  username: dev\n";
    /// let document = Document::from_aws_auth([("mapRoles", roles)]);
    /// assert_eq!(document.rules().count(), 1);
    /// assert!(document.findings().is_empty());
    /// ```
    pub fn from_aws_auth<K: AsRef<str>, V: AsRef<str>>(data: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut findings = Vec::new();
        let mut lists: Vec<ReadList> = Vec::new();
        let mut other = Vec::new();
        for (key, value) in data {
            match LISTS.into_iter().find(|l| l.as_str() == key.as_ref()) {
                Some(list) => lists.push(read_text(value.as_ref(), list, &mut findings)),
                None => {
                    let lines = Lines::new(value.as_ref());
                    let whole = Chunk { first: 1, end: lines.count() + 1 };
                    let root = whole.read(&lines).ok().and_then(|t| t.root);
                    other.extend(misspelt(key.as_ref(), None, root.as_ref(), |item| item.span, &mut findings));
                }
            }
        }
        finish(lists, other, findings)
    }

    /// Reads a manifest of the ConfigMap, as `kubectl get configmap aws-auth -o yaml` prints it. Positions count within
    /// the manifest.
    pub fn from_aws_auth_manifest(text: &str) -> Self {
        let mut findings = Vec::new();
        let lines = Lines::new(text);
        let mut other = Vec::new();
        let lists = match Tree::from_yaml(text) {
            Ok(tree) => {
                let data = tree.root.as_ref().and_then(|r| r.get("data")).and_then(Node::as_map);
                if data.is_none() {
                    let message = "there is no `data` map, so this is no ConfigMap with mappings";
                    let span = tree.root.as_ref().map(|r| r.span).unwrap_or_default();
                    findings.push(Finding::new(Code::WrongShape, message).at(span));
                }
                let mut lists = Vec::new();
                for field in data.unwrap_or_default() {
                    match LISTS.into_iter().find(|l| l.as_str() == &*field.key) {
                        Some(list) => lists.push(read_field(&lines, field, list, &mut findings)),
                        None => {
                            let root = field.value.as_str().and_then(|t| Tree::from_yaml(t).ok()?.root);
                            // Positions within the value say nothing in the manifest.
                            let span = |item: &Node| match &root {
                                Some(_) => field.key_span,
                                None => item.span,
                            };
                            let items = root.as_ref().unwrap_or(&field.value);
                            let key_span = Some(field.key_span);
                            other.extend(misspelt(&field.key, key_span, Some(items), span, &mut findings));
                        }
                    }
                }
                lists
            }
            Err(error) => {
                let message = format!("the manifest is not YAML: {}", error.problem);
                findings.push(Finding::new(Code::Syntax, message).at(Span { start: error.at, end: error.at }));
                let whole = Chunk { first: 1, end: lines.count() + 1 };
                let data = section_of_key(&lines, whole, "data", false).map(|s| s.body);
                let read = |list: List| match data.and_then(|d| section_of_key(&lines, d, list.as_str(), false)) {
                    Some(section) => read_lines(&lines, section.body, list, RULES, &mut findings),
                    None => ReadList::unreadable(list),
                };
                LISTS.map(read).into()
            }
        };
        finish(lists, other, findings)
    }
}

/// Whether a ConfigMap value counts as empty.
fn is_skippable(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | "\"\"" | "''")
}

pub(crate) fn read_text(text: &str, list: List, findings: &mut Vec<Finding>) -> ReadList {
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!("`{list}` is larger than {MAX_DOCUMENT_BYTES} bytes; the last good list stays in use");
        findings.push(Finding::new(Code::Unreadable, message).in_list(list));
        return ReadList::unreadable(list);
    }
    if is_skippable(text) {
        return read_node(None, list, RULES, findings);
    }
    let lines = Lines::new(text);
    read_lines(&lines, Chunk { first: 1, end: lines.count() + 1 }, list, RULES, findings)
}

/// Reads `mapRoles: |` and its kind within a manifest.
fn read_field(lines: &Lines<'_>, field: &Field, list: List, findings: &mut Vec<Finding>) -> ReadList {
    match &field.value.value {
        Value::Scalar { text, .. } if is_skippable(text) => read_node(None, list, RULES, findings),
        // The lines of a literal block are YAML with some more indentation, so they are read where they stand.
        Value::Scalar { style: Style::Literal, .. } => {
            let first = field.key_span.end.line + 1;
            // Up to the next line that is not indented further than the key.
            let key_indent = field.key_span.start.column as usize - 1;
            let inside = |n: &u32| {
                let line = lines.line(*n);
                let text = line.trim_start_matches(' ');
                text.is_empty() || line.len() - text.len() > key_indent
            };
            let end = (first..=lines.count()).find(|n| !inside(n)).unwrap_or(lines.count() + 1);
            read_lines(lines, Chunk { first, end }, list, RULES, findings)
        }
        Value::Scalar { text, .. } => {
            let before = findings.len();
            let read = read_text(text, list, findings);
            // Escapes and folding: positions within the value say nothing in the manifest.
            for finding in findings.iter_mut().skip(before) {
                finding.span = Some(field.value.span);
                finding.fix = None;
            }
            read
        }
        _ => {
            let at = Span { start: field.key_span.end, end: field.key_span.end };
            let message = format!("`|` is missing behind `{list}:`; the API server will refuse this ConfigMap");
            let mut finding = Finding::new(Code::MissingBar, message).in_list(list).at(field.key_span);
            if lines.line(at.start.line).get(..).is_some_and(|l| l.trim_end().ends_with(':')) {
                let end = lines.at(at.start.line, lines.line(at.start.line).trim_end().chars().count() as u32 + 1);
                finding = finding.fixed(Span { start: end, end }, " |");
            }
            findings.push(finding);
            read_node(Some(&field.value), list, RULES, findings)
        }
    }
}

/// A key of the data that is nearly one of the three, and the entries that are lost with it.
fn misspelt(
    key: &str,
    span: Option<Span>,
    root: Option<&Node>,
    place: impl Fn(&Node) -> Span,
    findings: &mut Vec<Finding>,
) -> Vec<LostEntry> {
    let Some(nearest) = suggest::nearest(key, LISTS.map(List::as_str)) else { return Vec::new() };
    let Some(list) = LISTS.into_iter().find(|l| l.as_str() == nearest) else { return Vec::new() };
    let message = format!("the key {} is ignored with everything in it; it must be spelt `{nearest}`", quoted(key));
    let mut finding = Finding::new(Code::MisspeltList, message);
    if let Some(span) = span {
        finding = finding.at(span).fixed(span, nearest);
    }
    findings.push(finding);
    let items = root.and_then(Node::as_list).unwrap_or_default();
    let lost = items.iter().enumerate().map(|(index, item)| LostEntry {
        place: Place { list, index: index as u32, span: Some(place(item)), object: None },
        code: Code::MisspeltList,
        list_key: Some(key.into()),
        texts: texts(item),
    });
    lost.collect()
}

fn finish(mut lists: Vec<ReadList>, other: Vec<LostEntry>, findings: Vec<Finding>) -> Document {
    lists.sort_by_key(|l| l.list);
    if !other.is_empty() {
        let entries = Entries { lost: other, ..Entries::default() };
        lists.push(ReadList { list: List::Roles, entries: entries.into(), readable: true });
    }
    Document::new(lists, findings, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_up_to_16_mib() {
        let unreadable = |length: usize| {
            let document = Document::from_aws_auth([("mapRoles", " ".repeat(length))]);
            document.unreadable_lists().next().is_some()
        };
        assert!(!unreadable(MAX_DOCUMENT_BYTES));
        assert!(unreadable(MAX_DOCUMENT_BYTES + 1));
    }
}
