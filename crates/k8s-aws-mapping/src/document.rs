//! What one backend says, as it was read.

use crate::entry::{Entries, EntryReader, MAX_FINDINGS, Rules};
use crate::findings::{Code, Finding};
use crate::index::{self, Index, RuleId};
use crate::rule::{AccountRule, LostEntry, Rule};
use crate::tree::{Chunk, Lines, Node, Span, Tree, chunks, simple_items};
use crate::{List, check, entry};
use std::sync::Arc;

/// The mappings of one backend, and what was wrong with the text they were read from.
///
/// Immutable and cheap to clone. Entries that cannot be used are left out; everything else works. Where a whole list
/// cannot be read, [`keeping`](Self::keeping) puts the last good one in its place.
#[derive(Clone, Debug)]
pub struct Document {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lists: Vec<ReadList>,
    findings: Vec<Finding>,
    strict_user_ids: bool,
    index: Index,
}

/// One list of a document.
#[derive(Clone, Debug)]
pub(crate) struct ReadList {
    pub(crate) list: List,
    pub(crate) entries: Arc<Entries>,
    /// Whether single entries could be told apart, or there are none.
    pub(crate) readable: bool,
}

impl ReadList {
    pub(crate) fn of(list: List, mut entries: Entries) -> Self {
        // It stays for long, and there may be very many.
        entries.rules.shrink_to_fit();
        Self { list, entries: Arc::new(entries), readable: true }
    }

    pub(crate) fn unreadable(list: List) -> Self {
        Self { list, entries: Arc::default(), readable: false }
    }
}

impl Document {
    pub(crate) fn new(lists: Vec<ReadList>, mut findings: Vec<Finding>, strict_user_ids: bool) -> Self {
        let index = Index::new(&lists, strict_user_ids);
        check::within(&lists, &index, strict_user_ids, &mut findings);
        findings.sort_by_key(|f| (f.list, f.span.map(|s| s.start), f.index));
        if findings.len() >= MAX_FINDINGS {
            let message = format!("there are more than {MAX_FINDINGS} findings; the rest is left out");
            findings.push(Finding::new(Code::TooManyFindings, message));
        }
        Self { inner: Arc::new(Inner { lists, findings, strict_user_ids, index }) }
    }

    /// A document without entries, as when a dynamic file or the ConfigMap was deleted.
    pub fn empty() -> Self {
        Self::new(Vec::new(), Vec::new(), false)
    }

    /// The rules in the order of their lists, those that never match included.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.inner.lists.iter().flat_map(|l| &l.entries.rules)
    }

    /// The accounts whose callers are mapped without a rule.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountRule> {
        self.inner.lists.iter().flat_map(|l| &l.entries.accounts)
    }

    /// The entries that are ignored.
    pub fn lost_entries(&self) -> impl Iterator<Item = &LostEntry> {
        self.inner.lists.iter().flat_map(|l| &l.entries.lost)
    }

    /// What is wrong, by list and position.
    pub fn findings(&self) -> &[Finding] {
        &self.inner.findings
    }

    /// The lists in which not even single entries could be read. A list that is missing or empty is not one of them.
    pub fn unreadable_lists(&self) -> impl Iterator<Item = List> + '_ {
        self.inner.lists.iter().filter(|l| !l.readable).map(|l| l.list)
    }

    /// Whether entries are found by `userid` (a dynamic file with `dynamicfileUserIDStrict`).
    pub fn strict_user_ids(&self) -> bool {
        self.inner.strict_user_ids
    }

    /// This document, with the lists of `last` for those that cannot be read. The findings stay those of this one.
    ///
    /// Everything that can be read takes effect, removals included.
    pub fn keeping(&self, last: &Self) -> Self {
        if self.inner.lists.iter().all(|l| l.readable) {
            return self.clone();
        }
        let kept = |list: &ReadList| {
            let old = last.inner.lists.iter().find(|l| !list.readable && l.list == list.list);
            let entries = old.map_or_else(|| list.entries.clone(), |l| l.entries.clone());
            ReadList { list: list.list, entries, readable: list.readable }
        };
        let lists: Vec<ReadList> = self.inner.lists.iter().map(kept).collect();
        let strict_user_ids = self.inner.strict_user_ids;
        let index = Index::new(&lists, strict_user_ids);
        Self { inner: Arc::new(Inner { lists, findings: self.inner.findings.clone(), strict_user_ids, index }) }
    }

    pub(crate) fn index(&self) -> &Index {
        &self.inner.index
    }

    pub(crate) fn rule(&self, id: RuleId) -> Option<&Rule> {
        index::rule(&self.inner.lists, id)
    }

    pub(crate) fn account(&self, id: RuleId) -> Option<&AccountRule> {
        self.inner.lists.get(id.list as usize)?.entries.accounts.get(id.at as usize)
    }
}

/// Reads a list that is a node of a tree; none means that the key is not there.
pub(crate) fn read_node(node: Option<&Node>, list: List, rules: Rules, findings: &mut Vec<Finding>) -> ReadList {
    let mut reader = EntryReader { list, rules, out: Entries::default(), findings };
    if let Some(node) = node.filter(|n| !n.is_null()) {
        match (node.as_list(), node.as_str()) {
            (Some(items), _) => items.iter().for_each(|item| reader.item(item)),
            (None, Some(text)) if rules.comma_lists && list == List::Accounts => {
                let account = |text: &str| {
                    let style = crate::tree::Style::Plain;
                    Node { span: node.span, value: crate::tree::Value::Scalar { text: text.trim().into(), style } }
                };
                text.split(',').for_each(|t| reader.item(&account(t)));
            }
            _ => {
                reader.findings.push(not_a_list(node, list));
                return ReadList::unreadable(list);
            }
        }
    }
    ReadList::of(list, reader.out)
}

/// Reads a list out of some lines that hold nothing else; entry by entry where they are not YAML as a whole.
pub(crate) fn read_lines(
    lines: &Lines<'_>,
    within: Chunk,
    list: List,
    rules: Rules,
    findings: &mut Vec<Finding>,
) -> ReadList {
    let before = findings.len();
    if let Some(read) = read_simple(lines, within, list, rules, findings) {
        return read;
    }
    findings.truncate(before);
    match within.read(lines) {
        Ok(Tree { root, more_documents }) => {
            if let Some(at) = more_documents {
                let message = "a second YAML document starts here; nothing from here on is read";
                let finding = Finding::new(Code::SecondDocument, message).in_list(list);
                findings.push(finding.at(Span { start: at, end: at }));
            }
            read_node(root.as_ref(), list, rules, findings)
        }
        Err(error) => {
            let before = findings.len();
            let recovered = recover(lines, within, list, rules, findings);
            let here = Span { start: error.at, end: error.at };
            let named = findings.iter().skip(before).any(|f| f.code == Code::Syntax && f.span == Some(here));
            if !named {
                let rest = match recovered.readable {
                    true => "so the entries are read one by one, each for itself",
                    false => "no single entry could be told apart either: the last good list stays in use",
                };
                let code = if recovered.readable { Code::Syntax } else { Code::Unreadable };
                let message = format!("this is not YAML: {}; {rest}", error.problem);
                findings.push(Finding::new(code, message).in_list(list).at(here));
            }
            recovered
        }
    }
}

/// Reads a simple list without a tree of all of it, which would be ten times as large as its text: most of what a server under a
/// memory limit would need while it loads one of 1 MiB.
pub(crate) fn read_simple(
    lines: &Lines<'_>,
    within: Chunk,
    list: List,
    rules: Rules,
    findings: &mut Vec<Finding>,
) -> Option<ReadList> {
    let mut reader = EntryReader { list, rules, out: Entries::default(), findings };
    simple_items(within.text(lines), within.span(lines).start, |item| reader.item(&item))?;
    Some(ReadList::of(list, reader.out))
}

/// Reads the entries that lines and indentation tell apart, each for itself.
pub(crate) fn recover(
    lines: &Lines<'_>,
    within: Chunk,
    list: List,
    rules: Rules,
    findings: &mut Vec<Finding>,
) -> ReadList {
    let found = chunks(lines, within, entry::entry_keys(list, rules));
    if found.is_empty() {
        return ReadList::unreadable(list);
    }
    let mut reader = EntryReader { list, rules, out: Entries::default(), findings };
    for chunk in found {
        match chunk.read(lines) {
            Ok(tree) => match tree.root.as_ref().and_then(Node::as_list) {
                Some(items) => items.iter().for_each(|item| reader.item(item)),
                None => reader.unreadable_item(chunk.span(lines), chunk.text(lines)),
            },
            Err(error) => {
                let message = format!("this entry is not YAML and is ignored: {}", error.problem);
                let at = Span { start: error.at, end: error.at };
                let finding = Finding::new(Code::Syntax, message).in_list(list).entry(reader.out.count).at(at);
                entry::push(reader.findings, finding);
                reader.unreadable_item(chunk.span(lines), chunk.text(lines));
            }
        }
    }
    ReadList::of(list, reader.out)
}

fn not_a_list(node: &Node, list: List) -> Finding {
    let mut message = format!("`{list}` is {}, and must be a list; the last good list stays in use", node.kind());
    if node.as_map().is_some() {
        message.push_str(" (does the first entry lack its `- `?)");
    }
    Finding::new(Code::Unreadable, message).in_list(list).at(node.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::aws_auth::RULES;

    #[test]
    fn a_simple_list_is_read_without_a_tree_of_it() {
        let simple = |text: &str, first: u32| {
            let (lines, mut findings) = (Lines::new(text), Vec::new());
            let read = read_simple(&lines, Chunk { first, end: lines.count() + 1 }, List::Roles, RULES, &mut findings);
            read.map(|list| list.entries.rules.len())
        };
        let entry = "- rolearn: arn:aws:iam::123456789012:role/dev\n  username: dev\n";
        assert_eq!(simple(&entry.repeat(2), 1), Some(2));
        assert_eq!(simple(&format!("# é\n{entry}"), 1), None, "that is for the full parser");
        assert_eq!(simple(&entry.repeat(2), 3), Some(1), "positions are those in the whole text");
    }
}
