//! Single entries put into an `aws-auth` ConfigMap, or taken out, with everything else left as it is.

use crate::document::Document;
use crate::encode::{entry_lines, scalar, sso_lines};
use crate::entry::entry_keys;
use crate::formats::aws_auth::{LISTS, RULES, read_text};
use crate::rule::{Names, Place, Rule, Subject};
use crate::sso::SsoRole;
use crate::template::Template;
use crate::tree::{Chunk, Lines, Node, Tree, chunks};
use crate::{Code, List, MappingError};
use k8s_aws_identity::{AccountId, Arn, Principal};
use std::collections::BTreeMap;

/// Whom a [`NewEntry`] is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewSubject {
    /// `rolearn` in `mapRoles`.
    Role(String),
    /// `userarn` in `mapUsers`.
    User(String),
    /// `sso` in `mapRoles`.
    Sso {
        /// `permissionSetName`
        permission_set: String,
        /// `accountID`
        account: String,
        /// `partition`; none means `aws`.
        partition: Option<String>,
    },
}

/// An entry to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Whom it is for.
    pub subject: NewSubject,
    /// The username, a template.
    pub username: String,
    /// The groups, templates.
    pub groups: Vec<String>,
}

/// Adds an entry to the `data` of the ConfigMap `aws-auth` and leaves everything else as the editor wrote it: comments,
/// order, quotes, keys that nobody knows, and entries that are broken.
///
/// ```
/// use k8s_aws_mapping::{NewEntry, NewSubject, add_to_aws_auth};
/// use std::collections::BTreeMap;
///
/// let roles = "# nodes\n- rolearn: arn:aws:iam::123456789012:role/node # ours\n  username: node\n";
/// let data = BTreeMap::from([("mapRoles".to_owned(), roles.to_owned())]);
/// let entry = NewEntry {
///     subject: NewSubject::Role("arn:aws:iam::123456789012:role/dev".to_owned()),
///     username: "dev:{{SessionName}}".to_owned(),
///     groups: vec!["developers".to_owned()],
/// };
/// let data = add_to_aws_auth(&data, &entry)?;
/// assert_eq!(
///     data["mapRoles"],
///     format!("{roles}- rolearn: arn:aws:iam::123456789012:role/dev\n  username: \"dev:{{{{SessionName}}}}\"\n  groups:\n    - developers\n")
/// );
/// assert!(add_to_aws_auth(&data, &entry).is_err(), "it is there already");
/// # Ok::<(), k8s_aws_mapping::MappingError>(())
/// ```
///
/// # Errors
/// [`MappingError::NewEntry`] and what its parts give, [`MappingError::Duplicate`] where an entry for the same ARN or
/// permission set is in the same list, [`MappingError::NotEditable`] where the list's text is not YAML as a whole.
pub fn add_to_aws_auth(
    data: &BTreeMap<String, String>,
    entry: &NewEntry,
) -> Result<BTreeMap<String, String>, MappingError> {
    let (list, subject) = new_subject(&entry.subject)?;
    if entry.username.is_empty() {
        return Err(MappingError::NewEntry { problem: "the username is missing" });
    }
    let groups = entry.groups.iter().map(|g| Template::parse(g)).collect::<Result<_, _>>()?;
    if entry.groups.iter().any(String::is_empty) {
        return Err(MappingError::NewEntry { problem: "a group is empty" });
    }
    let names = Names { username: Template::parse(&entry.username)?, groups };
    let text = data.get(list.as_str()).map_or("", String::as_str);
    let before = Document::from_aws_auth([(list.as_str(), text)]);
    if before.unreadable_lists().next().is_some() {
        return Err(MappingError::NotEditable);
    }
    let edited = insert(text, &subject, &names)?;
    if Tree::from_yaml(&edited).is_err() {
        return Err(MappingError::NotEditable);
    }
    // The proof that nothing else changed: what was said before, and the new entry.
    let mut after = entries(&Document::from_aws_auth([(list.as_str(), edited.as_str())]));
    let added = match after.pop() {
        Some((_, Said::Rule(rule))) if rule.names.as_ref() == Ok(&names) && after == entries(&before) => rule,
        _ => return Err(MappingError::NotEditable),
    };
    let twin = |r: &&Rule| match (&r.subject, &added.subject) {
        (Subject::Arn(a), Subject::Arn(b)) => a.key == b.key,
        (a, b) => a == b,
    };
    if let Some(twin) = before.rules().find(twin) {
        return Err(MappingError::Duplicate { index: twin.place.index });
    }
    let mut data = data.clone();
    data.insert(list.as_str().to_owned(), edited);
    Ok(data)
}

fn new_subject(subject: &NewSubject) -> Result<(List, Vec<String>), MappingError> {
    let arn = |text: &str| match Arn::parse(&text.to_ascii_lowercase()).map_err(MappingError::Arn)?.principal {
        Principal::AssumedRole { .. } => {
            Err(MappingError::NewEntry { problem: "it is the ARN of a role session; give that of the role" })
        }
        principal => Ok(principal),
    };
    match subject {
        NewSubject::Role(text) => match arn(text)? {
            Principal::Role { .. } => Ok((List::Roles, vec![format!("rolearn: {}", scalar(text, false))])),
            _ => Err(MappingError::NewEntry { problem: "it is no role; add it as a user" }),
        },
        NewSubject::User(text) => match arn(text)? {
            Principal::Role { .. } => Err(MappingError::NewEntry { problem: "it is a role; add it as one" }),
            _ => Ok((List::Users, vec![format!("userarn: {}", scalar(text, false))])),
        },
        NewSubject::Sso { permission_set, account, partition } => {
            let role = SsoRole::new(permission_set, account, partition.as_deref())?;
            let mut lines = sso_lines(&role);
            if partition.is_none() {
                lines.pop();
            }
            Ok((List::Roles, lines))
        }
    }
}

/// Puts an entry behind the last one of a list's text.
fn insert(text: &str, subject: &[String], names: &Names) -> Result<String, MappingError> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut findings = Vec::new();
    let empty = read_text(text, List::Roles, &mut findings).entries.count == 0;
    let tree = Tree::from_yaml(text).ok();
    let root = tree.as_ref().and_then(|t| t.root());
    let items = root.and_then(Node::as_list).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + 256);
    if empty {
        // Comments are kept; an empty list or pair of quotes makes room.
        let comments = text.lines().filter(|l| l.trim_start().starts_with('#'));
        comments.for_each(|l| out.extend([l, newline]));
        entry_lines(&mut out, "", newline, subject, names);
        return Ok(out);
    }
    let (Some(tree), Some(root), false) = (&tree, root, items.is_empty()) else {
        return Err(MappingError::NotEditable);
    };
    if tree.second_document().is_some() || text.lines().any(|l| l.starts_with("...")) {
        return Err(MappingError::NotEditable);
    }
    if text.as_bytes().get(root.span.start.byte as usize) == Some(&b'[') {
        return insert_flow(text, root, subject, names);
    }
    // Where the list begins, and not its first entry: that may stand on the line behind its dash.
    let lines = Lines::new(text);
    let line = lines.line(root.span.start.line);
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let indent = line.get(..line.len() - line.trim_start_matches(' ').len()).unwrap_or_default();
    if !line.trim_start().starts_with('-') {
        return Err(MappingError::NotEditable);
    }
    out.push_str(text);
    if !text.ends_with('\n') {
        out.push_str(newline);
    }
    entry_lines(&mut out, indent, newline, subject, names);
    Ok(out)
}

/// The same in a list in brackets.
fn insert_flow(text: &str, root: &Node, subject: &[String], names: &Names) -> Result<String, MappingError> {
    let end = (root.span.end.byte as usize).checked_sub(1).filter(|&e| text.as_bytes().get(e) == Some(&b']'));
    let end = end.ok_or(MappingError::NotEditable)?;
    let (before, after) = text.split_at_checked(end).ok_or(MappingError::NotEditable)?;
    let mut fields = Vec::new();
    match subject {
        [single] => fields.push(flow_field(single)),
        [_, rest @ ..] => {
            let inner: Vec<_> = rest.iter().map(|l| flow_field(l.trim())).collect();
            fields.push(format!("sso: {{{}}}", inner.join(", ")));
        }
        [] => return Err(MappingError::NotEditable),
    }
    fields.push(format!("username: {}", scalar(names.username.source(), true)));
    let groups: Vec<_> = names.groups.iter().map(|g| scalar(g.source(), true)).collect();
    fields.push(format!("groups: [{}]", groups.join(", ")));
    let body = before.trim_end();
    let comma = if body.ends_with(',') { "" } else { "," };
    Ok(format!("{body}{comma} {{{}}}{after}", fields.join(", ")))
}

/// `key: value` with the value in quotes.
fn flow_field(line: &str) -> String {
    match line.split_once(": ") {
        Some((key, value)) if !value.starts_with('"') => format!("{key}: \"{value}\""),
        _ => line.to_owned(),
    }
}

/// Takes an entry out of the `data` of the ConfigMap `aws-auth`, with the comments inside it, and leaves everything
/// else as it is. `index` counts as in [`Place::index`](crate::rule::Place).
///
/// # Errors
/// [`MappingError::NotEditable`] where there is no such entry, the list is not a block list that is YAML as a whole, or another
/// entry refers to something in this one.
pub fn remove_from_aws_auth(
    data: &BTreeMap<String, String>,
    list: List,
    index: u32,
) -> Result<BTreeMap<String, String>, MappingError> {
    let text = data.get(list.as_str()).filter(|_| LISTS.contains(&list)).ok_or(MappingError::NotEditable)?;
    let lines = Lines::new(text);
    let whole = Chunk { first: 1, end: lines.count() + 1 };
    let tree = Tree::from_yaml(text).map_err(|_| MappingError::NotEditable)?;
    let items = tree.root().and_then(Node::as_list).unwrap_or_default();
    let chunks = chunks(&lines, whole, entry_keys(list, RULES));
    let chunk = chunks.get(index as usize).filter(|_| chunks.len() == items.len()).ok_or(MappingError::NotEditable)?;
    // Comments and blank lines behind the entry belong to what follows. Its own first line has a dash.
    let mut end = chunk.end;
    while matches!(lines.line(end - 1).trim_start().as_bytes().first(), None | Some(b'#')) {
        end -= 1;
    }
    let span = Chunk { first: chunk.first, end }.span(&lines);
    let (before, after) = (text.get(..span.start.byte as usize), text.get(span.end.byte as usize..));
    let edited = [before.unwrap_or_default(), after.unwrap_or_default()].concat();
    // The proof that nothing else changed: another entry may live on an anchor that went with this one.
    let said = |text: &str| entries(&Document::from_aws_auth([(list.as_str(), text)]));
    let (before, after) = (said(text), said(&edited));
    let kept = before.into_iter().filter(|(at, _)| *at != index).map(|(_, entry)| entry);
    if !kept.eq(after.into_iter().map(|(_, entry)| entry)) {
        return Err(MappingError::NotEditable);
    }
    let mut data = data.clone();
    data.insert(list.as_str().to_owned(), edited);
    Ok(data)
}

/// What an entry says, wherever it stands.
#[derive(PartialEq)]
enum Said {
    Rule(Rule),
    Account(AccountId),
    Nothing(Code),
}

/// The entries of a document with one list, in their order, and the index of each.
fn entries(document: &Document) -> Vec<(u32, Said)> {
    let nowhere = |list| Place { list, index: 0, span: None, object: None };
    let rules =
        document.rules().map(|r| (r.place.index, Said::Rule(Rule { place: nowhere(r.place.list), ..r.clone() })));
    let accounts = document.accounts().map(|a| (a.place.index, Said::Account(a.account)));
    let lost = document.lost_entries().map(|l| (l.place.index, Said::Nothing(l.code)));
    let mut entries: Vec<_> = rules.chain(accounts).chain(lost).collect();
    entries.sort_by_key(|(index, _)| *index);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subject: NewSubject) -> NewEntry {
        NewEntry { subject, username: "u:{{SessionName}}".to_owned(), groups: vec!["a".to_owned(), "b c".to_owned()] }
    }

    fn role(name: &str) -> NewEntry {
        entry(NewSubject::Role(format!("arn:aws:iam::123456789012:role/{name}")))
    }

    fn add(text: &str, entry: &NewEntry) -> Result<String, MappingError> {
        let data = BTreeMap::from([("mapRoles".to_owned(), text.to_owned()), ("other".to_owned(), "kept".to_owned())]);
        let data = add_to_aws_auth(&data, entry)?;
        assert_eq!(data["other"], "kept");
        Ok(data["mapRoles"].clone())
    }

    const NODE: &str = "rolearn: arn:aws:iam::123456789012:role/node";

    #[test]
    fn an_entry_is_added_in_the_layout_that_is_there() {
        for text in [
            format!("# head\n- {NODE} # tail\n  username: node\n  x: y\n\n# end\n"),
            format!("  - {NODE}\n    username: 'node'"),
            format!("- {NODE}\r\n  username: node\r\n"),
            format!("- {NODE}\n  username: node\n- broken\n"),
            format!("- username: |\n    node\n  {NODE}\n"),
            format!("-\n  -x: y\n  {NODE}\n"),
        ] {
            let added = add(&text, &role("dev")).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(Tree::from_yaml(&added).is_ok(), "{added}");
            assert!(added.starts_with(&text), "{added}");
            assert_eq!(added.contains("\r\n"), text.contains("\r\n"));
        }
        let flow = add(&format!("[{{{NODE}, username: node}}] # c\n"), &role("dev")).unwrap();
        assert!(flow.starts_with(&format!("[{{{NODE}, username: node}}, {{rolearn: ")) && flow.ends_with("] # c\n"));
    }

    #[test]
    fn empty_lists_make_room_and_keep_their_comments() {
        for text in ["", "\"\"", "[]", "``", "# nobody yet\n[]\n", "# nobody yet\n"] {
            let added = add(text, &role("dev")).unwrap();
            assert_eq!(added.starts_with("# nobody yet\n- rolearn"), text.starts_with('#'), "{added}");
            assert!(add(&added, &role("ops")).is_ok());
        }
    }

    #[test]
    fn duplicates_nonsense_and_broken_texts_are_refused() {
        let text = format!("- {NODE}\n  username: node\n");
        let reason = |text: &str, entry: &NewEntry| add(text, entry).map_err(|e| e.reason());
        assert_eq!(reason(&text, &role("Node")), Err("duplicate"), "letter case does not count");
        assert_eq!(reason(&text, &role("path/node")), Err("duplicate"), "nor does a role's path");
        assert_eq!(reason("- a: [\n", &role("dev")), Err("not_editable"));
        assert_eq!(reason("a: b\n", &role("dev")), Err("not_editable"));
        assert_eq!(reason(&format!("{text}---\n"), &role("dev")), Err("not_editable"));
        assert_eq!(reason("", &role("a b")), Err("arn_malformed"));
        assert_eq!(reason("", &NewEntry { username: String::new(), ..role("dev") }), Err("new_entry"));
        assert_eq!(
            reason("", &NewEntry { username: "{{X}}".to_owned(), ..role("dev") }),
            Err("template_unknown_variable")
        );
        let session = NewSubject::Role("arn:aws:sts::123456789012:assumed-role/dev/me".to_owned());
        assert_eq!(reason("", &entry(session)), Err("new_entry"));
        let user = NewSubject::Role("arn:aws:iam::123456789012:user/me".to_owned());
        assert_eq!(reason("", &entry(user)), Err("new_entry"));
        let role = NewSubject::User("arn:aws:iam::123456789012:role/dev".to_owned());
        assert_eq!(reason("", &entry(role)), Err("new_entry"));
    }

    #[test]
    fn nothing_is_added_where_nobody_reads_it() {
        for text in [format!("- {NODE}\n---\n"), format!("[{{{NODE}}}]\n---\n"), format!("[{{{NODE}}}]\n...\n")] {
            assert_eq!(add(&text, &role("dev")), Err(MappingError::NotEditable), "{text}");
        }
        // The last entry that is read says the same of another role.
        let last = add("", &role("node")).unwrap();
        let full = "- x\n".repeat(crate::MAX_ENTRIES - 1) + &last;
        assert_eq!(add(&full, &role("dev")), Err(MappingError::NotEditable));
    }

    #[test]
    fn sso_rules_are_added_too() {
        let sso = |partition: Option<&str>| {
            entry(NewSubject::Sso {
                permission_set: "Dev".to_owned(),
                account: "012345678901".to_owned(),
                partition: partition.map(str::to_owned),
            })
        };
        let text = add("", &sso(None)).unwrap();
        assert!(
            text.contains("  sso:\n")
                || text.contains("- sso:\n    permissionSetName: Dev\n    accountID: \"012345678901\"\n  username"),
            "{text}"
        );
        assert_eq!(add(&text, &sso(Some("aws"))).unwrap_err().reason(), "duplicate");
        assert!(add(&text, &sso(Some("aws-cn"))).is_ok());
        let flow = add(&format!("[{{{NODE}, username: node}}]"), &sso(Some("aws-cn"))).unwrap();
        assert!(flow.contains("sso: {permissionSetName: \"Dev\", accountID: \"012345678901\""), "{flow}");
    }

    #[test]
    fn an_entry_is_removed_and_what_is_around_it_stays() {
        let text = format!("# head\n- {NODE}\n  username: node # gone\n\n# about b\n- rolearn: b\n# end\n");
        let data = BTreeMap::from([("mapRoles".to_owned(), text)]);
        let removed = remove_from_aws_auth(&data, List::Roles, 0).unwrap();
        assert_eq!(removed["mapRoles"], "# head\n\n# about b\n- rolearn: b\n# end\n");
        let removed = remove_from_aws_auth(&removed, List::Roles, 0).unwrap();
        assert_eq!(removed["mapRoles"], "# head\n\n# about b\n# end\n");
        assert!(remove_from_aws_auth(&removed, List::Roles, 0).is_err());
    }

    #[test]
    fn every_entry_can_be_removed_wherever_it_stands() {
        let entry = |name: &str| format!("- rolearn: arn:aws:iam::123456789012:role/{name}\n  username: {name}");
        let text = ["a", "b", "c"].map(entry).join("\n");
        let data = BTreeMap::from([("mapRoles".to_owned(), text)]);
        for (index, left) in [["b", "c"], ["a", "c"], ["a", "b"]].into_iter().enumerate() {
            let removed = remove_from_aws_auth(&data, List::Roles, index as u32).unwrap();
            assert_eq!(removed["mapRoles"].trim_end(), left.map(entry).join("\n"));
        }
        let single = BTreeMap::from([("mapAccounts".to_owned(), "- '123456789012'".to_owned())]);
        assert_eq!(remove_from_aws_auth(&single, List::Accounts, 0).unwrap()["mapAccounts"], "");
    }

    #[test]
    fn an_entry_that_another_refers_to_stays() {
        let text = format!("- {NODE}\n  username: &name node\n- rolearn: b\n  username: *name\n");
        let data = BTreeMap::from([("mapRoles".to_owned(), text)]);
        assert_eq!(remove_from_aws_auth(&data, List::Roles, 0), Err(MappingError::NotEditable));
        assert!(remove_from_aws_auth(&data, List::Roles, 1).is_ok());
    }
}
