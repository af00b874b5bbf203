//! The text that says what the model says, with everything around the change as it was written.
//!
//! Edits are made line by line and proven: where the edited text does not say exactly what the model says, the whole is
//! written anew, which loses comments and nothing else.

use super::model::Kind;
use crate::{Failure, output};
use k8s_aws_auth::mapping::tree::{Field, Node, Tree};
use serde_yaml::{Mapping, Value};
use std::ops::Range;

/// A piece of the text and what comes in its place.
type Replacement = (Range<usize>, String);

/// `text` says `old`; gives a text that says `new`.
pub(super) fn apply(text: &str, old: &Mapping, new: &Mapping) -> Result<String, Failure> {
    let edited = edit(text, old, new)?;
    let says = |text: &String| serde_yaml::from_str::<Mapping>(text).is_ok_and(|says| says == *new);
    match edited.filter(says) {
        Some(edited) => Ok(edited),
        None => output::yaml(new),
    }
}

/// None where the layout is none that can be edited.
fn edit(text: &str, old: &Mapping, new: &Mapping) -> Result<Option<String>, Failure> {
    let Ok(tree) = Tree::from_yaml(text) else { return Ok(None) };
    let mut edits: Vec<Replacement> = Vec::new();
    let mut appended = String::new();
    for (key, value) in new {
        let (Some(key), before) = (key.as_str(), old.get(key)) else { continue };
        let fields = tree.root().and_then(Node::as_map).unwrap_or_default();
        let field = fields.iter().find(|field| &*field.key == key);
        match (field, [Kind::Cluster, Kind::User, Kind::Context].into_iter().any(|kind| kind.list() == key)) {
            (Some(_), _) if before == Some(value) => {}
            (Some(field), true) => {
                let Some(edit) = list(text, field, before, value)? else { return Ok(None) };
                edits.extend(edit);
            }
            (Some(field), false) => edits.push((place(&field.value), output::yaml(value)?.trim_end().to_owned())),
            (None, _) => {
                let field: Mapping = [(Value::from(key), value.clone())].into_iter().collect();
                appended.push_str(&output::yaml(&field)?);
            }
        }
    }
    edits.sort_by_key(|(place, _)| place.start);
    let (mut out, mut done) = (String::with_capacity(text.len() + 1024), 0);
    for (place, replacement) in edits {
        let Some(kept) = text.get(done..place.start) else { return Ok(None) };
        out.push_str(kept);
        out.push_str(&replacement);
        done = place.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    Ok(Some(out + &appended))
}

fn place(node: &Node) -> Range<usize> {
    node.span.start.byte as usize..node.span.end.byte as usize
}

/// The edits of a list of entries: items that differ are written anew, new ones come behind the last.
fn list(text: &str, field: &Field, before: Option<&Value>, after: &Value) -> Result<Option<Vec<Replacement>>, Failure> {
    let empty = Vec::new();
    let before = before.and_then(Value::as_sequence).unwrap_or(&empty);
    let (Some(after), nodes) = (after.as_sequence(), field.value.as_list().unwrap_or_default()) else {
        return Ok(None);
    };
    if nodes.len() != before.len() {
        return Ok(None);
    }
    let Some(last) = nodes.last() else {
        return Ok(match empty_list(text, field) {
            Some((value, next_line)) => Some(vec![(value, String::new()), (next_line, output::yaml(after)?)]),
            None => None,
        });
    };
    let mut edits = Vec::new();
    for ((node, before), after) in nodes.iter().zip(before).zip(after) {
        if before != after {
            let Some((lines, indent)) = lines(text, node) else { return Ok(None) };
            edits.push((lines, item(after, &indent)?));
        }
    }
    let Some((last, indent)) = lines(text, last) else { return Ok(None) };
    for after in after.iter().skip(nodes.len()) {
        edits.push((last.end..last.end, item(after, &indent)?));
    }
    Ok(Some(edits))
}

/// What stands for a list without items behind its key, and where the next line begins.
fn empty_list(text: &str, field: &Field) -> Option<(Range<usize>, Range<usize>)> {
    let key = field.key_span.end.byte as usize;
    let line = text.get(key..)?.split_inclusive('\n').next()?;
    let next = key + line.len();
    let value = line.trim_start_matches([' ', '\t']).strip_prefix(':')?;
    let start = next - value.len();
    let content = value.split('#').next()?.trim_end();
    let known = line.ends_with('\n') && matches!(content.trim_start(), "" | "[]" | "null" | "~");
    known.then_some((start..start + content.len(), next..next))
}

/// The lines that an item of a block list has to itself, and how far its dash is indented.
fn lines(text: &str, node: &Node) -> Option<(Range<usize>, String)> {
    let place = place(node);
    let start = text.get(..place.start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = text.get(start..place.start)?.trim_end().strip_suffix('-')?;
    let rest = text.get(place.end..)?;
    let end = place.end + rest.find('\n').map_or(rest.len(), |at| at + 1);
    let alone = indent.trim().is_empty() && matches!(text.get(place.end..end)?.trim().as_bytes(), [] | [b'#', ..]);
    alone.then(|| (start..end, indent.to_owned()))
}

/// An item as lines of a block list.
fn item(value: &Value, indent: &str) -> Result<String, Failure> {
    let lines = output::yaml(&[value])?;
    Ok(lines.lines().map(|line| format!("{indent}{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Mapping {
        serde_yaml::from_str(text).unwrap()
    }

    fn edited(text: &str, change: impl Fn(&mut Mapping)) -> String {
        let old: Value = serde_yaml::from_str(text).unwrap();
        let old = old.as_mapping().cloned().unwrap_or_default();
        let mut new = old.clone();
        change(&mut new);
        let after = apply(text, &old, &new).unwrap();
        assert_eq!(model(&after), new, "{after}");
        after
    }

    fn add(model: &mut Mapping) {
        let users = model.entry("users".into()).or_insert(Value::Null);
        let mut items = users.as_sequence().cloned().unwrap_or_default();
        items.push(serde_yaml::from_str("{name: b, user: {x: y}}").unwrap());
        *users = items.into();
        model.insert("current-context".into(), "b".into());
    }

    const ADDED: &str = "- name: b\n  user:\n    x: y\n";

    #[test]
    fn what_is_around_a_change_stays_as_it_was_written() {
        for (text, want) in [
            ("", format!("users:\n{ADDED}current-context: b\n")),
            ("# mine\nusers:\n- name: a # x\n", format!("# mine\nusers:\n- name: a # x\n{ADDED}current-context: b\n")),
            (
                "users:\n- name: a\n  user: {t: 1}\n# end\ncurrent-context: 'a' # now\nkind: Config",
                format!("users:\n- name: a\n  user: {{t: 1}}\n{ADDED}# end\ncurrent-context: b # now\nkind: Config\n"),
            ),
            ("users:\nkind: Config\n", format!("users:\n{ADDED}kind: Config\ncurrent-context: b\n")),
            ("users: [] # none\nkind: Config\n", format!("users: # none\n{ADDED}kind: Config\ncurrent-context: b\n")),
        ] {
            assert_eq!(edited(text, add), want);
        }
        let indented = "users:\n  - name: a\n\n# c\nkind: Config\n";
        let want = "users:\n  - name: a\n  - name: b\n    user:\n      x: y\n\n# c\nkind: Config\ncurrent-context: b\n";
        assert_eq!(edited(indented, add), want);
    }

    #[test]
    fn an_item_that_changes_is_written_anew_and_its_neighbours_are_not() {
        let text = "users:\n- name: a # one\n- name: b\n  user: {x: 'old'}\n- {name: c} # three\n";
        let after = edited(text, |model| {
            let users = model.get_mut("users").unwrap().as_sequence_mut().unwrap();
            users[1] = serde_yaml::from_str("{name: b, user: {x: y}}").unwrap();
        });
        assert_eq!(after, format!("users:\n- name: a # one\n{ADDED}- {{name: c}} # three\n"));
    }

    #[test]
    fn what_cannot_be_edited_is_written_anew_and_loses_nothing() {
        for text in ["{\"users\": [{\"name\": \"a\"}], \"kind\": \"Config\"}", "users: [{name: a}]\nkind: Config\n"] {
            let after = edited(text, add);
            assert!(after.contains("name: a") && after.contains("kind: Config"), "{after}");
        }
    }
}
