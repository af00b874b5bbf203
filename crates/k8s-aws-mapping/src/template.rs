//! `{{SessionName}}` and its kind: compiled once, rendered in one pass.

use crate::{MappingError, suggest};
use k8s_aws_identity::{AccountId, CallerIdentity};
use std::fmt;

/// A variable of a [`Template`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Variable {
    /// `{{AccountID}}`: the caller's account.
    AccountId,
    /// `{{SessionName}}`: the session name with `-` for `@`. Two sessions may render alike.
    SessionName,
    /// `{{SessionNameRaw}}`: the session name as it is.
    SessionNameRaw,
    /// `{{SessionNameDistinct}}`: the session name with `~` for `@`. No session name has a `~`, so no two sessions
    /// render alike.
    SessionNameDistinct,
    /// `{{AccessKeyID}}`: the access key that signed the token.
    AccessKeyId,
    /// `{{EC2PrivateDNSName}}`: the private DNS name of the instance that the session is named after. It has to be
    /// looked up.
    Ec2PrivateDnsName,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Self; 6] = [
        Self::AccountId,
        Self::SessionName,
        Self::SessionNameRaw,
        Self::SessionNameDistinct,
        Self::AccessKeyId,
        Self::Ec2PrivateDnsName,
    ];

    /// The name between the braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountId => "AccountID",
            Self::SessionName => "SessionName",
            Self::SessionNameRaw => "SessionNameRaw",
            Self::SessionNameDistinct => "SessionNameDistinct",
            Self::AccessKeyId => "AccessKeyID",
            Self::Ec2PrivateDnsName => "EC2PrivateDNSName",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether the caller picks the value: everything made of the session name.
    pub fn is_chosen_by_caller(self) -> bool {
        matches!(self, Self::SessionName | Self::SessionNameRaw | Self::SessionNameDistinct)
    }
}

/// What a template's variables stand for, of one caller.
#[derive(Clone, Debug)]
pub struct Values<'c> {
    /// `{{AccountID}}`
    pub account: AccountId,
    /// The session name as it is; empty for callers that have none, as in Go.
    pub session_name: &'c str,
    /// `{{AccessKeyID}}`
    pub access_key_id: &'c str,
    /// `{{EC2PrivateDNSName}}`; empty where it was not looked up.
    pub private_dns_name: &'c str,
}

impl<'c> Values<'c> {
    /// The values of a caller; the DNS name is left empty.
    pub fn of(caller: &'c CallerIdentity) -> Self {
        Self {
            account: caller.account(),
            session_name: caller.session_name().unwrap_or_default(),
            access_key_id: caller.access_key_id().as_str(),
            private_dns_name: "",
        }
    }
}

/// A username or group name with variables in it.
///
/// A value is put in as it is and never looked at again: one that reads `{{AccountID}}` stays that.
///
/// ```
/// use k8s_aws_identity::AccountId;
/// use k8s_aws_mapping::template::{Template, Values};
///
/// let template = Template::parse("dev:{{SessionName}}@{{AccountID}}")?;
/// let values = Values {
///     account: AccountId::parse("123456789012").unwrap(),
///     session_name: "{{AccountID}}@x",
///     access_key_id: "",
///     private_dns_name: "",
/// };
/// assert_eq!(template.render(&values), "dev:{{AccountID}}-x@123456789012");
/// # Ok::<(), k8s_aws_mapping::MappingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    source: Box<str>,
    /// A bit for each variable that is in it. Not where: there may be very many templates, and few of them are ever rendered.
    variables: u8,
}

impl Template {
    /// Compiles a template.
    ///
    /// A variable is `{{`, a name, `}}`, without blanks. A single brace means itself; of `{{{` the last two open, as in
    /// the Go program, which looks for the whole `{{Name}}`.
    ///
    /// # Errors
    /// [`MappingError::TemplateUnknownVariable`], [`MappingError::TemplateUnbalanced`],
    /// [`MappingError::ControlCharacter`].
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        // U+FFFD stands where the file had bytes that are no text.
        let broken = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        if let Some((at, _)) = text.char_indices().find(|(_, c)| broken(*c)) {
            return Err(MappingError::ControlCharacter { at });
        }
        let (mut from, mut variables) = (0, 0);
        while let Some((_, variable, end)) = next_variable(text, from)? {
            from = end;
            variables |= variable.bit();
        }
        Ok(Self { source: text.into(), variables })
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether there is no variable in it.
    pub fn is_literal(&self) -> bool {
        self.variables == 0
    }

    /// The text before the first variable.
    pub fn literal_prefix(&self) -> &str {
        self.pieces().next().map_or("", |(literal, _)| literal)
    }

    /// The variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        self.pieces().filter_map(|(_, variable)| variable)
    }

    /// Whether rendering needs an instance's private DNS name.
    pub fn needs_instance(&self) -> bool {
        self.variables & Variable::Ec2PrivateDnsName.bit() != 0
    }

    /// Puts the values in. The result may be empty, or begin with anything: what it may be is for the resolver.
    pub fn render(&self, values: &Values<'_>) -> String {
        if self.is_literal() {
            return self.source.clone().into_string();
        }
        let mut out = String::with_capacity(self.source.len() + 32);
        for (literal, variable) in self.pieces() {
            out.push_str(literal);
            match variable {
                None => {}
                Some(Variable::AccountId) => out.push_str(values.account.as_str()),
                Some(Variable::SessionName) => out.push_str(&values.session_name.replace('@', "-")),
                Some(Variable::SessionNameRaw) => out.push_str(values.session_name),
                Some(Variable::SessionNameDistinct) => out.push_str(&values.session_name.replace('@', "~")),
                Some(Variable::AccessKeyId) => out.push_str(values.access_key_id),
                Some(Variable::Ec2PrivateDnsName) => out.push_str(values.private_dns_name),
            }
        }
        out
    }

    /// The literals, each with the variable behind it; the last has none.
    fn pieces(&self) -> impl Iterator<Item = (&str, Option<Variable>)> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let begin = from.take()?;
            // It was compiled, so there is no error.
            let next = next_variable(&self.source, begin).ok().flatten();
            from = next.map(|(_, _, end)| end);
            let literal = self.source.get(begin..next.map_or(self.source.len(), |(at, ..)| at)).unwrap_or_default();
            Some((literal, next.map(|(_, variable, _)| variable)))
        })
    }
}

/// The next variable of a text from a place on: where it starts, which it is, and where it ends.
fn next_variable(text: &str, from: usize) -> Result<Option<(usize, Variable, usize)>, MappingError> {
    let mut at = from;
    while let Some(rest) = text.as_bytes().get(at..) {
        let Some(offset) = rest.iter().position(|b| matches!(b, b'{' | b'}')) else { break };
        at += offset;
        match rest.get(offset..).unwrap_or_default() {
            [b'{', b'{', behind @ ..] if behind.first() != Some(&b'{') => {
                let length = behind.windows(2).position(|pair| pair == b"}}");
                let length = length.ok_or(MappingError::TemplateUnbalanced { at })?;
                let name = text.get(at + 2..at + 2 + length).unwrap_or_default();
                let variable = Variable::ALL.into_iter().find(|v| v.as_str() == name).ok_or_else(|| {
                    let nearest = suggest::nearest(name.trim(), Variable::ALL.map(Variable::as_str));
                    MappingError::TemplateUnknownVariable { nearest, at }
                })?;
                return Ok(Some((at, variable, at + 2 + length + 2)));
            }
            [b'}', b'}', ..] => return Err(MappingError::TemplateUnbalanced { at }),
            _ => at += 1,
        }
    }
    Ok(None)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: &str = "123456789012";

    fn values(session_name: &str) -> Values<'_> {
        let account = AccountId::parse(ACCOUNT).unwrap();
        Values { account, session_name, access_key_id: "K", private_dns_name: "ip.internal" }
    }

    #[test]
    fn every_variable_renders() {
        for (text, want) in [
            ("", ""),
            ("plain {x} } {", "plain {x} } {"),
            ("{{AccountID}}", ACCOUNT),
            ("{{SessionName}}", "a-b"),
            ("{{SessionNameRaw}}", "a@b"),
            ("{{SessionNameDistinct}}", "a~b"),
            ("{{AccessKeyID}}", "K"),
            ("system:node:{{EC2PrivateDNSName}}", "system:node:ip.internal"),
            ("{{AccountID}}{{AccessKeyID}}", "123456789012K"),
            ("{{AccessKeyID}}{{AccessKeyID}}", "KK"),
            ("{{{AccountID}}}", "{123456789012}"),
            ("é{{AccountID}}é", "é123456789012é"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.render(&values("a@b")), want, "{text}");
            assert_eq!(template.to_string(), text, "it is shown as it was written");
        }
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        for (text, reason) in [
            ("{{sessionname}}", "template_unknown_variable"),
            ("{{ SessionName }}", "template_unknown_variable"),
            ("{{}}", "template_unknown_variable"),
            ("{{SessionName", "template_unbalanced"),
            ("SessionName}}", "template_unbalanced"),
            ("{{SessionName}}}}", "template_unbalanced"),
            ("{{SessionName}", "template_unbalanced"),
            ("a\nb", "control_character"),
            ("a\u{85}b", "control_character"),
        ] {
            assert_eq!(Template::parse(text).map_err(|e| e.reason()), Err(reason), "{text:?}");
        }
        let MappingError::TemplateUnknownVariable { nearest, .. } = Template::parse("{{ sessionname }}").unwrap_err()
        else {
            panic!()
        };
        assert_eq!(nearest, Some("SessionName"));
    }

    proptest! {
        #[test]
        fn rendering_never_expands_a_value(
            before in "[a-z{}]{0,3}",
            session in "(\\{\\{(AccountID|SessionName|EC2PrivateDNSName)\\}\\}|[a-z{}]){0,4}",
        ) {
            if let Ok(template) = Template::parse(&format!("{before}{{{{SessionNameRaw}}}}")) {
                let rendered = template.render(&values(&session));
                prop_assert_eq!(rendered, format!("{}{session}", template.literal_prefix()));
            }
        }

        #[test]
        fn the_distinct_session_name_is_injective(a in "[a-z+=,.@_-]{1,6}", b in "[a-z+=,.@_-]{1,6}") {
            let template = Template::parse("{{SessionNameDistinct}}").unwrap();
            let render = |session: &str| template.render(&values(session));
            prop_assert_eq!(a == b, render(&a) == render(&b));
        }

        #[test]
        fn any_text_compiles_or_is_refused_without_a_panic(text in "\\PC{0,40}|[{}A-Za-z]{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.source(), text);
                template.render(&values("a@b"));
            }
        }
    }
}
