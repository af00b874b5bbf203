//! Back to the `aws-auth` form.

use crate::document::Document;
use crate::rule::{Names, Rule, Subject};
use crate::{List, sso::SsoRole};
use k8s_aws_identity::Principal;
use std::collections::BTreeMap;

/// Writes every good entry of a document in the form of the ConfigMap `aws-auth`, in a uniform layout and without
/// comments. Lists without entries are left out.
///
/// Reading the result gives the same rules. Entries that only have a user id have no such form and are left out, as are
/// rules that never match. `IAMIdentityMapping`s of roles go to `mapRoles`, all others to `mapUsers`.
pub fn encode_aws_auth(document: &Document) -> BTreeMap<&'static str, String> {
    let mut out: BTreeMap<&'static str, String> = BTreeMap::new();
    for rule in document.rules() {
        let Ok(names) = &rule.names else { continue };
        let Some((list, subject)) = subject_lines(rule) else { continue };
        entry_lines(out.entry(list.as_str()).or_default(), "", "\n", &subject, names);
    }
    for account in document.accounts() {
        let text = out.entry(List::Accounts.as_str()).or_default();
        text.push_str(&format!("- \"{}\"\n", account.account));
    }
    out
}

/// The list that a rule goes to, and the lines that say whom it is for, relative to the entry.
fn subject_lines(rule: &Rule) -> Option<(List, Vec<String>)> {
    match &rule.subject {
        Subject::Arn(exact) => {
            let arn = exact.arn()?;
            let is_role = exact.key.contains(":role/");
            let list = match rule.place.list {
                List::Objects if is_role => List::Roles,
                List::Objects => List::Users,
                list => list,
            };
            // In `aws-auth` nobody reads the ARN of a session as that of its role.
            let canonical = matches!(arn.principal, Principal::AssumedRole { .. }) && is_role;
            let text = if canonical { &*exact.key } else { &*exact.text };
            let key = if list == List::Users { "userarn" } else { "rolearn" };
            Some((list, vec![format!("{key}: {}", scalar(text, false))]))
        }
        Subject::Sso(role) => Some((List::Roles, sso_lines(role))),
        Subject::Pattern(pattern) => {
            Some((rule.place.list, vec![format!("arnPattern: {}", scalar(pattern.source(), false))]))
        }
        Subject::UserIdOnly | Subject::Nobody { .. } => None,
    }
}

pub(crate) fn sso_lines(role: &SsoRole) -> Vec<String> {
    vec![
        "sso:".to_owned(),
        format!("  permissionSetName: {}", scalar(role.permission_set_as_written(), false)),
        format!("  accountID: \"{}\"", role.account()),
        format!("  partition: {}", role.partition()),
    ]
}

pub(crate) fn entry_lines(out: &mut String, indent: &str, newline: &str, subject: &[String], names: &Names) {
    let mut lead = "- ";
    for line in subject {
        out.push_str(&format!("{indent}{lead}{line}{newline}"));
        lead = "  ";
    }
    out.push_str(&format!("{indent}  username: {}{newline}", scalar(names.username.source(), false)));
    if !names.groups.is_empty() {
        out.push_str(&format!("{indent}  groups:{newline}"));
    }
    for group in &names.groups {
        out.push_str(&format!("{indent}    - {}{newline}", scalar(group.source(), false)));
    }
}

/// A text as a YAML scalar, in quotes unless it is plainly a word.
pub(crate) fn scalar(text: &str, quote: bool) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"_./:@+=-".contains(&b);
    let word = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(safe)
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if word && !quote {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\U{:08x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn scalars_are_quoted_unless_they_are_plain_words() {
        for (text, want) in [
            ("system:masters", "system:masters"),
            ("yes", "\"yes\""),
            ("012", "\"012\""),
            ("a: b", "\"a: b\""),
            ("a:", "\"a:\""),
            ("", "\"\""),
            ("q\"\\", "\"q\\\"\\\\\""),
            ("{{X}}", "\"{{X}}\""),
            // What an editor may show as a line break, or not at all.
            ("a\u{2028}b\u{feff}", "\"a\\U00002028b\\U0000feff\""),
            ("a\u{7}\u{85}", "\"a\\U00000007\\U00000085\""),
        ] {
            assert_eq!(scalar(text, false), want);
            let tree = Tree::from_yaml(&format!("k: {}\n", scalar(text, false))).unwrap();
            let Some(crate::tree::Value::Scalar { text: read, .. }) =
                tree.root().and_then(|r| r.get("k")).map(|n| &n.value)
            else {
                panic!()
            };
            assert_eq!(&**read, text);
        }
    }
}
