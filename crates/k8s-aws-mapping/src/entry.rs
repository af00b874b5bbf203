//! Reading the entries of a list out of a tree.

mod names;
mod subject;

use crate::findings::{Code, Finding, quoted};
use crate::rule::{AccountRule, LostEntry, Place, Rule};
use crate::tree::{Field, Node, Span, Style, Value};
use crate::{List, suggest};
use k8s_aws_identity::AccountId;

/// How many entries of one list are read: twice what 16 MiB of ordinary ones are.
pub const MAX_ENTRIES: usize = 200_000;

/// How many findings of one document are kept. A document with more is a different kind of document.
pub const MAX_FINDINGS: usize = 5_000;

/// Adds a finding unless there are too many.
pub(crate) fn push(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.len() < MAX_FINDINGS {
        findings.push(finding);
    }
}

/// How a format treats its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The ARN of a role session stands for the role.
    pub(crate) canonicalise: bool,
    /// Entries are found by `userid`.
    pub(crate) strict_user_ids: bool,
    /// A text with commas is a list, as the Go program's configuration library has it.
    pub(crate) comma_lists: bool,
    /// `sso` and `arnPattern` exist.
    pub(crate) extended: bool,
    /// Fixes are written in JSON's form.
    pub(crate) json: bool,
}

/// What was read of one list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entries {
    pub(crate) rules: Vec<Rule>,
    pub(crate) accounts: Vec<AccountRule>,
    pub(crate) lost: Vec<LostEntry>,
    pub(crate) count: u32,
}

/// The keys of an entry, in the spelling of the documentation.
pub(crate) fn entry_keys(list: List, rules: Rules) -> &'static [&'static str] {
    match (list, rules.extended) {
        (List::Roles, true) => &["rolearn", "sso", "arnPattern", "username", "groups", "userid"],
        (List::Users, true) => &["userarn", "arnPattern", "username", "groups", "userid"],
        (List::Objects, _) => &["arn", "username", "groups"],
        _ => &[],
    }
}

/// Reads list entries one by one; what is wrong with one is no matter to the others.
pub(crate) struct EntryReader<'f> {
    pub(crate) list: List,
    pub(crate) rules: Rules,
    pub(crate) out: Entries,
    pub(crate) findings: &'f mut Vec<Finding>,
}

/// The entry cannot be used.
struct Lost(Code);

impl EntryReader<'_> {
    /// Reads one item of the list.
    pub(crate) fn item(&mut self, node: &Node) {
        let Some(index) = self.next_index(node.span) else { return };
        if self.list == List::Accounts {
            return self.account(node, index);
        }
        let place = Place { list: self.list, index, span: Some(node.span), object: None };
        self.map(node, place);
    }

    /// Reads the map of an entry.
    pub(crate) fn map(&mut self, node: &Node, place: Place) {
        match self.rule(node, &place) {
            Ok(rule) => self.out.rules.push(rule),
            Err(Lost(code)) => self.out.lost.push(LostEntry { place, code, list_key: None, texts: texts(node) }),
        }
    }

    /// Counts an entry that could not even be read.
    pub(crate) fn unreadable_item(&mut self, span: Span, text: &str) {
        let Some(index) = self.next_index(span) else { return };
        let place = Place { list: self.list, index, span: Some(span), object: None };
        let words = text.split([' ', '\t', '\n', '\r', '"', '\'', ',', '[', ']', '{', '}']);
        let texts = words.filter(|w| is_arn_like(w)).map(Into::into).collect();
        self.out.lost.push(LostEntry { place, code: Code::Syntax, list_key: None, texts });
    }

    fn next_index(&mut self, span: Span) -> Option<u32> {
        let index = self.out.count;
        if index as usize == MAX_ENTRIES {
            let message = format!("there are more than {MAX_ENTRIES} entries; the ones from here on are ignored");
            self.findings.push(Finding::new(Code::TooManyEntries, message).in_list(self.list).at(span));
        }
        self.out.count = index.saturating_add(1);
        ((index as usize) < MAX_ENTRIES).then_some(index)
    }

    fn report(&mut self, place: &Place, finding: Finding) {
        let mut finding = finding.in_list(place.list).entry(place.index);
        finding.object = place.object.as_deref().map(Into::into);
        if place.object.is_some() && place.span.is_none() {
            finding.span = None;
            finding.fix = None;
        }
        push(self.findings, finding);
    }

    fn lose(&mut self, place: &Place, finding: Finding) -> Lost {
        let code = finding.code;
        self.report(place, finding);
        Lost(code)
    }

    fn rule(&mut self, node: &Node, place: &Place) -> Result<Rule, Lost> {
        let Value::Map(fields) = &node.value else {
            let message =
                format!("this entry is {}, and an entry is a map of keys and values; it is ignored", node.kind());
            return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(node.span)));
        };
        let known = entry_keys(self.list, self.rules);
        self.check_keys(fields, known, place);
        let subject = self.subject(node, fields, place)?;
        let user_id = self.text(node, "userid", place)?;
        if let (Some(_), false) = (&user_id, self.rules.strict_user_ids) {
            let span = field(fields, "userid").map_or(node.span, |f| f.key_span);
            let message = "`userid` does nothing here; it is only for a dynamic file with `dynamicfileUserIDStrict`";
            self.report(place, Finding::new(Code::UserIdIgnored, message).at(span));
        }
        let names = self.names(node, fields, place)?;
        let user_id = user_id.map(|(text, _)| text.into());
        Ok(Rule { place: place.clone(), subject, user_id, names })
    }

    fn check_keys(&mut self, fields: &[Field], known: &[&'static str], place: &Place) {
        // The last field of each known key: the one that counts.
        let last: Vec<Option<&Field>> = known.iter().map(|k| field(fields, k)).collect();
        for f in fields.iter().filter(|f| &*f.key != "<<") {
            match known.iter().position(|k| k.eq_ignore_ascii_case(&f.key)) {
                Some(at) => {
                    let counts = last.get(at).copied().flatten().filter(|l| !std::ptr::eq(*l, f));
                    if let Some(counts) = counts {
                        let line = counts.key_span.start.line;
                        let message =
                            format!("{} stands twice in this entry; the one in line {line} is used", quoted(&f.key));
                        self.report(place, Finding::new(Code::DuplicateKey, message).at(f.key_span));
                    }
                }
                None => {
                    let nearest = suggest::nearest(&f.key, known.iter().copied());
                    let mut message = format!("the key {} means nothing here and is ignored", quoted(&f.key));
                    let mut finding = Finding::new(Code::UnknownKey, "").at(f.key_span);
                    if let Some(nearest) = nearest {
                        message.push_str(&format!("; did you mean `{nearest}`?"));
                        // Not where the key is there already: which of the two is meant is not ours to say.
                        if !last.iter().flatten().any(|l| l.key.eq_ignore_ascii_case(nearest)) {
                            finding = finding.fixed(f.key_span, self.spell(nearest));
                        }
                    }
                    finding.message = message;
                    self.report(place, finding);
                }
            }
        }
    }

    fn spell(&self, text: &str) -> String {
        match self.rules.json {
            true => format!("\"{text}\""),
            false => text.to_owned(),
        }
    }

    /// The text of a key, none where there is none, lost where it is no text.
    fn text<'n>(&mut self, node: &'n Node, key: &str, place: &Place) -> Result<Option<(&'n str, &'n Node)>, Lost> {
        let Some(value) = node.get_ignore_case(key) else { return Ok(None) };
        match &value.value {
            _ if value.is_null() => Ok(None),
            Value::Scalar { text, .. } if text.is_empty() => Ok(None),
            Value::Scalar { text, .. } => Ok(Some((text, value))),
            _ => {
                let message = format!("`{key}` is {}, and must be a text; the entry is ignored", value.kind());
                Err(self.lose(place, Finding::new(Code::WrongShape, message).at(value.span)))
            }
        }
    }

    /// Reports an unquoted account with a leading zero.
    fn octal(&mut self, text: &str, node: &Node, place: &Place) {
        let plain = matches!(node.value, Value::Scalar { style: Style::Plain, .. });
        if plain && text.starts_with('0') {
            let message = format!(
                "{} is read as spelt, but to other tools an unquoted number with a leading zero is octal",
                quoted(text)
            );
            let finding = Finding::new(Code::AccountOctal, message).at(node.span);
            self.report(place, finding.fixed(node.span, format!("\"{text}\"")));
        }
    }

    fn account(&mut self, node: &Node, index: u32) {
        let place = Place { list: self.list, index, span: Some(node.span), object: None };
        let Some(text) = node.as_str() else {
            let message = format!("this account is {}, and must be 12 digits; it is ignored", node.kind());
            let Lost(code) = self.lose(&place, Finding::new(Code::WrongShape, message).at(node.span));
            self.out.lost.push(LostEntry { place, code, list_key: None, texts: texts(node) });
            return;
        };
        match AccountId::parse(text) {
            Ok(account) => {
                self.octal(text, node, &place);
                self.out.accounts.push(AccountRule { place, account });
            }
            Err(_) => {
                let mut message = format!("{} is not the 12 digits of an account; it is ignored", quoted(text));
                if (..12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
                    message.push_str(" (leading zeros must be spelt: quote the number)");
                }
                let Lost(code) = self.lose(&place, Finding::new(Code::AccountMalformed, message).at(node.span));
                self.out.lost.push(LostEntry { place, code, list_key: None, texts: texts(node) });
            }
        }
    }
}

/// The last field of a key, in any letter case.
pub(crate) fn field<'f>(fields: &'f [Field], key: &str) -> Option<&'f Field> {
    fields.iter().rev().find(|f| f.key.eq_ignore_ascii_case(key))
}

/// The texts in an ignored entry that could name a caller.
pub(crate) fn texts(node: &Node) -> Box<[Box<str>]> {
    fn collect(node: &Node, out: &mut Vec<Box<str>>) {
        match &node.value {
            Value::Scalar { text, .. } if is_arn_like(text) || AccountId::parse(text).is_ok() => out.push(text.clone()),
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(|n| collect(n, out)),
            Value::Map(fields) => fields.iter().for_each(|f| collect(&f.value, out)),
        }
    }
    let mut out = Vec::new();
    collect(node, &mut out);
    out.into()
}

fn is_arn_like(text: &str) -> bool {
    text.trim().get(..4).is_some_and(|head| head.eq_ignore_ascii_case("arn:"))
}
