//! Reading the entries of a list out of a tree.

use crate::findings::{Code, Finding, quoted};
use crate::rule::{AccountRule, ExactArn, LostEntry, Names, Place, Rule, Subject};
use crate::tree::{Field, Node, Span, Style, Value};
use crate::{List, MappingError, Reason, pattern::ArnPattern, sso::SsoRole, suggest, template::Template};
use k8s_aws_identity::{AccountId, Principal};

/// How many entries of one list are read: twice what 16 MiB of ordinary ones are.
pub const MAX_ENTRIES: usize = 200_000;

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
        self.findings.push(finding);
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
        for (i, f) in fields.iter().enumerate() {
            let is_known = known.iter().any(|k| k.eq_ignore_ascii_case(&f.key));
            if !is_known && &*f.key != "<<" {
                let nearest = suggest::nearest(&f.key, known.iter().copied());
                let mut message = format!("the key {} means nothing here and is ignored", quoted(&f.key));
                let mut finding = Finding::new(Code::UnknownKey, "");
                let free = nearest.filter(|n| !fields.iter().any(|f| f.key.eq_ignore_ascii_case(n)));
                if let Some(nearest) = nearest {
                    message.push_str(&format!("; did you mean `{nearest}`?"));
                }
                if let Some(nearest) = free {
                    finding = finding.fixed(f.key_span, self.spell(nearest));
                }
                finding.message = message;
                self.report(place, finding.at(f.key_span));
            }
            let again = fields.get(i + 1..).unwrap_or_default().iter().find(|o| o.key.eq_ignore_ascii_case(&f.key));
            if let Some(again) = again {
                let message = format!(
                    "{} stands twice in this entry; the one in line {} is used",
                    quoted(&f.key),
                    again.key_span.start.line
                );
                self.report(place, Finding::new(Code::DuplicateKey, message).at(f.key_span));
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

    fn subject(&mut self, node: &Node, fields: &[Field], place: &Place) -> Result<Subject, Lost> {
        let arn_key = match self.list {
            List::Roles => "rolearn",
            List::Users => "userarn",
            _ => "arn",
        };
        let arn = self.text(node, arn_key, place)?;
        let extended = self.rules.extended;
        let sso = node.get_ignore_case("sso").filter(|n| extended && self.list == List::Roles && !n.is_null());
        let pattern = if extended { self.text(node, "arnPattern", place)? } else { None };
        let ways = usize::from(arn.is_some()) + usize::from(sso.is_some()) + usize::from(pattern.is_some());
        if ways > 1 {
            let message = format!(
                "the entry has more than one of `{arn_key}`, `sso` and `arnPattern`; it is ignored until one is left"
            );
            return Err(self.lose(place, Finding::new(Code::ArnTwice, message).at(node.span)));
        }
        if self.rules.strict_user_ids {
            return self.strict_subject(node, arn, sso.is_some() || pattern.is_some(), place);
        }
        match (arn, sso, pattern) {
            (Some((text, value)), ..) => self.exact(text, value, place),
            (_, Some(sso), _) => self.sso(sso, place),
            (.., Some((text, value))) => match ArnPattern::parse(text) {
                Ok(pattern) => Ok(Subject::Pattern(pattern)),
                Err(error) => {
                    let message = format!("{}: {error}; the entry is ignored", quoted(text));
                    Err(self.lose(place, Finding::new(Code::PatternMalformed, message).at(value.span)))
                }
            },
            _ => {
                // The key of the other list, or one that is mis-spelt.
                let wrong = ["rolearn", "userarn", "arn", "sso"].into_iter().find(|k| field(fields, k).is_some());
                let mut finding = Finding::new(Code::ArnMissing, "").at(node.span);
                finding.message = match wrong.and_then(|k| field(fields, k)) {
                    Some(f) if !f.value.is_null() && f.value.as_str() != Some("") => {
                        if &*f.key != "sso" {
                            finding = finding.at(f.key_span).fixed(f.key_span, self.spell(arn_key));
                        }
                        format!(
                            "`{}` is not a key of {}; here it is `{arn_key}`. The entry is ignored",
                            f.key, self.list
                        )
                    }
                    _ => format!("the entry has no `{arn_key}`, so it matches nobody; it is ignored"),
                };
                Err(self.lose(place, finding))
            }
        }
    }

    fn strict_subject(
        &mut self,
        node: &Node,
        arn: Option<(&str, &Node)>,
        other: bool,
        place: &Place,
    ) -> Result<Subject, Lost> {
        if self.text(node, "userid", place)?.is_none() {
            let message = "the entry has no `userid`, and with strict user ids entries are found by it; it is ignored";
            return Err(self.lose(place, Finding::new(Code::UserIdMissing, message).at(node.span)));
        }
        if other {
            let message = "with strict user ids there are no `sso` and `arnPattern` rules; the entry is ignored";
            return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(node.span)));
        }
        let Some((text, value)) = arn else { return Ok(Subject::UserIdOnly) };
        match ExactArn::parse(text, false) {
            Ok((exact, _)) => Ok(Subject::Arn(exact)),
            Err(error) => {
                let message = format!("{}: {error}; whoever has the entry's user id is refused", quoted(text));
                self.report(place, Finding::new(Code::ArnMalformed, message).at(value.span));
                Ok(Subject::Nobody { text: text.into() })
            }
        }
    }

    fn exact(&mut self, text: &str, value: &Node, place: &Place) -> Result<Subject, Lost> {
        match ExactArn::parse(text, self.rules.canonicalise) {
            Ok((exact, arn)) => {
                if let Principal::AssumedRole { role, .. } = &arn.principal {
                    // The role's name as it is spelt, for the corrected text.
                    let at = text.to_ascii_lowercase().find(&format!(":assumed-role/{role}/")).unwrap_or_default() + 14;
                    let role = text.get(at..at + role.len()).unwrap_or(role);
                    let role_arn = format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account);
                    let effect = match self.rules.canonicalise {
                        true => format!("it is read as {}", quoted(&role_arn)),
                        false => format!("no caller is matched by it; the role is {}", quoted(&role_arn)),
                    };
                    let message = format!("{} is the ARN of a role session: {effect}", quoted(text));
                    let finding = Finding::new(Code::AssumedRoleArn, message).at(value.span);
                    self.report(place, finding.fixed(value.span, self.spell_value(value, &role_arn)));
                }
                Ok(Subject::Arn(exact))
            }
            Err(error) => {
                let trimmed = text.trim();
                let finding = if text.contains(['*', '?']) {
                    let message = format!(
                        "{}: `*` and `?` are no wildcards here, so this matches nobody; use the key `arnPattern`",
                        quoted(text)
                    );
                    Finding::new(Code::WildcardInExactArn, message)
                } else if trimmed != text && ExactArn::parse(trimmed, true).is_ok() {
                    let message = format!("{} has blanks around it; the entry is ignored", quoted(text));
                    Finding::new(Code::ArnMalformed, message).fixed(value.span, self.spell_value(value, trimmed))
                } else {
                    let message = format!("{}: {error}; the entry is ignored", quoted(text));
                    Finding::new(Code::ArnMalformed, message)
                };
                Err(self.lose(place, finding.at(value.span)))
            }
        }
    }

    /// A text in the quotes that the value has.
    fn spell_value(&self, value: &Node, text: &str) -> String {
        match &value.value {
            Value::Scalar { style: Style::DoubleQuoted, .. } => format!("\"{text}\""),
            Value::Scalar { style: Style::SingleQuoted, .. } => format!("'{text}'"),
            _ => self.spell(text),
        }
    }

    fn sso(&mut self, node: &Node, place: &Place) -> Result<Subject, Lost> {
        let Value::Map(fields) = &node.value else {
            let message = format!("`sso` is {}, and must be a map; the entry is ignored", node.kind());
            return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(node.span)));
        };
        self.check_keys(fields, &["permissionSetName", "accountID", "partition"], place);
        let set = self.text(node, "permissionSetName", place)?.map_or("", |(t, _)| t);
        let account = self.text(node, "accountID", place)?.map_or("", |(t, _)| t);
        let partition = self.text(node, "partition", place)?.map(|(t, _)| t);
        SsoRole::new(set, account, partition).map(Subject::Sso).map_err(|error| {
            let message = format!("{error}; the entry is ignored");
            self.lose(place, Finding::new(Code::SsoMalformed, message).at(node.span))
        })
    }

    fn names(&mut self, node: &Node, fields: &[Field], place: &Place) -> Result<Result<Names, Reason>, Lost> {
        let username = self.text(node, "username", place)?;
        let mut defect = None;
        let mut templates = Vec::new();
        match username {
            Some((text, value)) => {
                templates.extend(self.template(text, value, place).map_err(|reason| defect = Some(reason)).ok());
            }
            None => {
                let message = "the entry has no `username`, so nobody can log in by it";
                self.report(place, Finding::new(Code::UsernameMissing, message).at(node.span));
                defect = Some(Reason::UsernameMissing);
            }
        }
        if let Some(groups) = field(fields, "groups") {
            for (text, value) in self.group_list(&groups.value, place)? {
                match self.template(&text, value, place) {
                    Ok(template) => templates.push(template),
                    Err(reason) => defect = defect.or(Some(reason)),
                }
            }
        }
        Ok(match (defect, templates.split_first()) {
            (None, Some((username, groups))) => Ok(Names { username: username.clone(), groups: groups.into() }),
            (Some(reason), _) => Err(reason),
            (None, None) => Err(Reason::UsernameMissing),
        })
    }

    fn group_list<'n>(&mut self, node: &'n Node, place: &Place) -> Result<Vec<(Box<str>, &'n Node)>, Lost> {
        let mut groups = Vec::new();
        match &node.value {
            _ if node.is_null() => {}
            Value::Scalar { text, .. } if self.rules.comma_lists => {
                let message = "`groups` is a text and is read as a list with commas; write it as a list";
                self.report(place, Finding::new(Code::GroupsText, message).at(node.span));
                groups.extend(
                    text.split(',').map(|g| (g.trim().into(), node)).filter(|(g, _): &(Box<str>, _)| !g.is_empty()),
                );
            }
            Value::List(items) => {
                for item in items {
                    match &item.value {
                        Value::Scalar { text, .. } if !text.is_empty() && !item.is_null() => {
                            groups.push((text.clone(), item))
                        }
                        Value::Scalar { .. } => {
                            let finding = Finding::new(Code::EmptyGroup, "an empty group name; it is left out");
                            self.report(place, finding.at(item.span));
                        }
                        _ => {
                            let mut message =
                                format!("a group is {}, and must be a text; the entry is ignored", item.kind());
                            if let Value::Map(_) = item.value {
                                message.push_str(" (a blank behind a colon makes a map: write `system:masters`)");
                            }
                            return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(item.span)));
                        }
                    }
                }
            }
            _ => {
                let message = format!("`groups` is {}, and must be a list; the entry is ignored", node.kind());
                return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(node.span)));
            }
        }
        Ok(groups)
    }

    fn template(&mut self, text: &str, value: &Node, place: &Place) -> Result<Template, Reason> {
        Template::parse(text).map_err(|error| {
            let (code, reason, mut message) = match &error {
                MappingError::TemplateUnknownVariable { .. } => (
                    Code::TemplateUnknownVariable,
                    Reason::TemplateUnknownVariable,
                    format!("{} has a variable that means nothing; the rule never matches", quoted(text)),
                ),
                MappingError::TemplateUnbalanced { .. } => (
                    Code::TemplateUnbalanced,
                    Reason::TemplateUnbalanced,
                    format!("the double braces of {} do not pair; the rule never matches", quoted(text)),
                ),
                _ => (
                    Code::ControlCharacter,
                    Reason::ControlCharacter,
                    format!("{} has a control character in it; the rule never matches", quoted(text)),
                ),
            };
            let mut finding = Finding::new(code, "").at(value.span);
            if let MappingError::TemplateUnknownVariable { nearest: Some(nearest), at } = error {
                message.push_str(&format!("; did you mean `{{{{{nearest}}}}}`?"));
                let end = text.get(at..).and_then(|t| t.find("}}")).map(|e| at + e + 2);
                if let (Some(before), Some(after)) = (text.get(..at), end.and_then(|e| text.get(e..))) {
                    let fixed = format!("{before}{{{{{nearest}}}}}{after}");
                    // Quotes may have been needed for other reasons, so they stay as they are.
                    if !fixed.contains(['"', '\'', '\\']) && !is_block(value) && value.as_str() == Some(text) {
                        finding = finding.fixed(value.span, self.spell_value(value, &fixed));
                    }
                }
            }
            finding.message = message;
            self.report(place, finding);
            reason
        })
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
                let plain = matches!(node.value, Value::Scalar { style: Style::Plain, .. });
                if plain && text.starts_with('0') {
                    let message = format!(
                        "{} is read as spelt, but to other tools an unquoted number with a leading zero is octal",
                        quoted(text)
                    );
                    let finding = Finding::new(Code::AccountOctal, message).at(node.span);
                    self.report(&place, finding.fixed(node.span, format!("\"{text}\"")));
                }
                self.out.accounts.push(AccountRule { place, account });
            }
            Err(_) => {
                let mut message = format!("{} is not the 12 digits of an account; it is ignored", quoted(text));
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                if text.len() < 12 && text.len() == digits.len() {
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

fn is_block(node: &Node) -> bool {
    matches!(node.value, Value::Scalar { style: Style::Literal | Style::Folded, .. })
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
