//! The names of an entry, changed where they stand.

use k8s_aws_auth::mapping::NewEntry;
use k8s_aws_auth::mapping::rule::Rule;
use k8s_aws_auth::mapping::template::Template;
use k8s_aws_auth::mapping::tree::{Field, Span, Tree};
use std::ops::Range;

/// Whether a rule gives the entry's names.
pub(super) fn are(rule: &Rule, entry: &NewEntry) -> bool {
    rule.names.as_ref().is_ok_and(|names| {
        names.username.source() == entry.username
            && names.groups.iter().map(Template::source).eq(entry.groups.iter().map(String::as_str))
    })
}

/// The text with other names in the entry of a rule; none where they are written in a way that is not known here.
pub(super) fn edit(text: &str, rule: &Rule, entry: &NewEntry) -> Option<String> {
    let old = rule.names.as_ref().ok()?;
    let tree = Tree::from_yaml(text).ok()?;
    let item = tree.root()?.as_list()?.get(rule.place.index as usize)?;
    let field = |key: &str| item.as_map()?.iter().find(|field| field.key.eq_ignore_ascii_case(key));
    let (username, groups) = (field("username")?, field("groups"));
    let mut edits = Vec::new();
    if old.username.source() != entry.username {
        let value = username.value.span;
        // A text over several lines is one block; what comes behind it would be taken for a part of it.
        (value.start.line == value.end.line).then_some(())?;
        edits.push((range(value), scalar(&entry.username)));
    }
    if !old.groups.iter().map(Template::source).eq(entry.groups.iter().map(String::as_str)) {
        edits.push(match groups {
            Some(field) => replaced(text, field, &entry.groups)?,
            None => added(text, username, &entry.groups)?,
        });
    }
    let mut edited = text.to_owned();
    edits.sort_by_key(|(place, _)| place.start);
    for (place, new) in edits.into_iter().rev() {
        edited.get(place.clone())?;
        edited.replace_range(place, &new);
    }
    Some(edited)
}

fn range(span: Span) -> Range<usize> {
    span.start.byte as usize..span.end.byte as usize
}

/// Other groups in place of those that are there.
fn replaced(text: &str, groups: &Field, new: &[String]) -> Option<(Range<usize>, String)> {
    let place = range(groups.value.span);
    let items = groups.value.as_list()?;
    if text.get(place.clone())?.starts_with('[') {
        let new: Vec<String> = new.iter().map(|group| quoted(group)).collect();
        return Some((place, format!("[{}]", new.join(", "))));
    }
    let (first, last) = (range(items.first()?.span), range(items.last()?.span));
    let start = line_start(text, first.start)?;
    let indent = text.get(start..first.start)?.trim_end().strip_suffix('-')?;
    let end = last.end + text.get(last.end..)?.find('\n')?;
    (indent.trim().is_empty() && !new.is_empty()).then(|| (start..end, lines(indent, text, new)))
}

/// Groups behind the username of an entry that has none.
fn added(text: &str, username: &Field, new: &[String]) -> Option<(Range<usize>, String)> {
    let key = range(username.key_span).start;
    let indent = text.get(line_start(text, key)?..key)?;
    let end = range(username.value.span).end;
    let end = end + text.get(end..)?.find('\n')?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let known = indent.trim().is_empty() && !text.get(..end)?.ends_with('\r');
    known.then(|| (end..end, format!("{newline}{indent}groups:{newline}{}", lines(&format!("{indent}  "), text, new))))
}

fn line_start(text: &str, at: usize) -> Option<usize> {
    Some(text.get(..at)?.rfind('\n').map_or(0, |at| at + 1))
}

fn lines(indent: &str, text: &str, items: &[String]) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<String> = items.iter().map(|item| format!("{indent}- {}", scalar(item))).collect();
    lines.join(newline)
}

/// A text as a YAML scalar, in quotes unless it is plainly a word.
fn scalar(text: &str) -> String {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@+=-".contains(&b))
        && !text.ends_with(':')
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

/// JSON's way of writing a text is one of YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_aws_auth::mapping::{Document, NewSubject};

    fn edited(text: &str, username: &str, groups: &[&str]) -> Option<String> {
        let document = Document::from_aws_auth([("mapRoles", text)]);
        let rule = document.rules().next().unwrap();
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let subject = NewSubject::Role("arn:aws:iam::111122223333:role/a".to_owned());
        edit(text, rule, &NewEntry { subject, username: username.to_owned(), groups })
    }

    #[test]
    fn names_change_where_they_stand_and_comments_stay() {
        let head = "- rolearn: arn:aws:iam::111122223333:role/a # one\n";
        for (before, after) in [
            ("  username: a # two\n", "  username: b # two\n  groups:\n    - x\n    - \"y z\"\n"),
            ("  username: 'a'\n  groups: [q] # three\n", "  username: b\n  groups: [\"x\", \"y z\"] # three\n"),
            (
                "  groups:\n  - q # gone\n  # kept\n  username: a\n",
                "  groups:\n  - x\n  - \"y z\"\n  # kept\n  username: b\n",
            ),
        ] {
            let text = format!("{head}{before}# end\n");
            assert_eq!(edited(&text, "b", &["x", "y z"]), Some(format!("{head}{after}# end\n")));
        }
        assert_eq!(edited(&format!("{head}  username: |-\n    a\n"), "b", &[]), None);
    }
}
