//! The JSON file of the backend `DynamicFile`.

use crate::List;
use crate::document::{Document, ReadList};
use crate::entry::{Entries, EntryReader, Rules};
use crate::findings::{Code, Finding};
use crate::formats::server::unknown_key;
use crate::tree::{Field, JsonRead, Node, Span};

const LISTS: [List; 3] = [List::Roles, List::Users, List::Accounts];
const KEYS: [&str; 5] = ["LastUpdatedDateTime", "Version", "mapRoles", "mapUsers", "mapAccounts"];

/// What a dynamic file says.
///
/// ```
/// use k8s_aws_mapping::DynamicFile;
///
/// let text = r#"{"Version": "7", "mapRoles": [
///     {"rolearn": "arn:aws:iam::123456789012:role/dev", "username": "dev", "groups": ["developers"]},
///     {"username": "nobody"}
/// ]}"#;
/// let file = DynamicFile::parse(text, false);
/// assert_eq!(file.version.as_deref(), Some("7"));
/// assert_eq!(file.document.rules().count(), 1);
/// assert_eq!(file.document.findings().len(), 1);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DynamicFile {
    /// The mappings.
    pub document: Document,
    /// `Version`
    pub version: Option<String>,
    /// `LastUpdatedDateTime`: when the writer of the file made it, in Unix seconds as a text.
    pub last_updated: Option<String>,
}

impl DynamicFile {
    /// Reads the file. With `strict_user_ids` (`dynamicfileUserIDStrict`), entries are found by `userid`.
    ///
    /// Keys are read in any letter case. A text that ends in the middle (a file that is being written) or is empty is
    /// unreadable as a whole; a broken entry costs itself only.
    pub fn parse(text: &str, strict_user_ids: bool) -> Self {
        let rules = Rules { canonicalise: true, strict_user_ids, comma_lists: false, extended: true, json: true };
        let mut findings = Vec::new();
        // First whether it is whole: of a file that is not, nothing counts. The entries are read after that, one at a time, because
        // a tree of them all would be twice as large as what is made of it.
        let read = JsonRead::giving(text, &mut |_, _| {});
        for (i, error) in read.errors.iter().enumerate() {
            let at = Span { start: error.at, end: error.at };
            let nothing_lost = read.skipped.get(i).is_some_and(|s| s.start == s.end);
            let message = match (read.root.is_some(), read.truncated) {
                (true, _) if nothing_lost => format!("this is not quite JSON, but clear: {}", error.problem),
                (true, _) => format!("an entry is not JSON and is ignored: {}", error.problem),
                (false, true) => {
                    format!("the file is not complete ({}); the last good one stays in use", error.problem)
                }
                (false, false) => format!("the file is not JSON: {}; the last good one stays in use", error.problem),
            };
            let code = if read.root.is_some() { Code::Syntax } else { Code::Unreadable };
            findings.push(Finding::new(code, message).at(at));
        }
        let Some(fields) = read.root.as_ref().and_then(Node::as_map) else {
            if findings.is_empty() {
                let message = "the file is empty, or no JSON object; the last good one stays in use";
                findings.push(Finding::new(Code::Unreadable, message));
            }
            let lists = LISTS.map(ReadList::unreadable).into();
            let document = Document::new(lists, findings, strict_user_ids);
            return Self { document, version: None, last_updated: None };
        };
        for f in fields.iter().filter(|f| !KEYS.iter().any(|k| k.eq_ignore_ascii_case(&f.key))) {
            let mut finding = unknown_key(f, KEYS.into_iter());
            if let Some(fix) = &mut finding.fix {
                fix.replacement = format!("\"{}\"", fix.replacement);
            }
            findings.push(finding);
        }
        let last = |key: &str| fields.iter().enumerate().rfind(|(_, field)| field.key.eq_ignore_ascii_case(key));
        let text_of = |key: &str| last(key).and_then(|(_, field)| field.value.as_str()).map(str::to_owned);
        let lists = LISTS.map(|list| read_list(last(list.as_str()), list, rules, &read.skipped, text, &mut findings));
        Self {
            document: Document::new(lists.into(), findings, strict_user_ids),
            version: text_of("Version"),
            last_updated: text_of("LastUpdatedDateTime"),
        }
    }
}

fn read_list(
    field: Option<(usize, &Field)>,
    list: List,
    rules: Rules,
    skipped: &[Span],
    text: &str,
    findings: &mut Vec<Finding>,
) -> ReadList {
    let mut reader = EntryReader { list, rules, out: Entries::default(), findings };
    if let Some((index, Field { value: node, .. })) = field.filter(|(_, field)| !field.value.is_null()) {
        if node.as_list().is_none() {
            let message = format!("`{list}` is {}, and must be a list; the last good list stays in use", node.kind());
            reader.findings.push(Finding::new(Code::Unreadable, message).in_list(list).at(node.span));
            return ReadList::unreadable(list);
        }
        let within = |s: &&Span| (node.span.start..node.span.end).contains(&s.start) && s.start != s.end;
        let mut skipped = skipped.iter().filter(within).peekable();
        JsonRead::giving(text, &mut |of, item| {
            if of == index {
                while let Some(span) = skipped.next_if(|s| s.end <= item.span.start) {
                    reader.unreadable_item(*span, span.of(text).unwrap_or_default());
                }
                reader.item(&item);
            }
        });
        for span in skipped {
            reader.unreadable_item(*span, span.of(text).unwrap_or_default());
        }
    }
    ReadList::of(list, reader.out)
}
