//! Whom an entry is for.

use super::{EntryReader, Lost, field};
use crate::findings::{Code, Finding, quoted};
use crate::rule::{ExactArn, Place, Subject};
use crate::tree::{Field, Node, Style, Value};
use crate::{List, pattern::ArnPattern, sso::SsoRole};
use k8s_aws_identity::Principal;

impl EntryReader<'_> {
    pub(super) fn subject(&mut self, node: &Node, fields: &[Field], place: &Place) -> Result<Subject, Lost> {
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
                Ok(pattern) => Ok(Subject::Pattern(Box::new(pattern))),
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
    pub(super) fn spell_value(&self, value: &Node, text: &str) -> String {
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
        let account = self.text(node, "accountID", place)?;
        if let Some((text, value)) = account {
            self.octal(text, value, place);
        }
        let account = account.map_or("", |(t, _)| t);
        let partition = self.text(node, "partition", place)?.map(|(t, _)| t);
        SsoRole::new(set, account, partition).map(|role| Subject::Sso(Box::new(role))).map_err(|error| {
            let message = format!("{error}; the entry is ignored");
            self.lose(place, Finding::new(Code::SsoMalformed, message).at(node.span))
        })
    }
}
