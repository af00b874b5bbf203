//! The change of the ConfigMap's texts.

mod names;

use crate::Failure;
use k8s_aws_auth::mapping::rule::Rule;
use k8s_aws_auth::mapping::{
    Document, List, MappingError, NewEntry, NewSubject, add_to_aws_auth, remove_from_aws_auth,
};
use std::collections::BTreeMap;

type Data = BTreeMap<String, String>;

pub(super) enum Edit {
    Add { entry: NewEntry, upsert: bool },
    Remove { subject: NewSubject },
}

impl Edit {
    /// The data with the change; the same data where there is nothing to change.
    pub(super) fn apply(&self, data: &Data) -> Result<Data, Failure> {
        match self {
            Self::Add { entry, upsert } => match add_to_aws_auth(data, entry) {
                Ok(data) => Ok(data),
                Err(MappingError::Duplicate { index }) if *upsert => replace(data, index, entry),
                Err(error) => Err(refuse(error, &entry.subject)),
            },
            Self::Remove { subject } => remove(data, subject),
        }
    }
}

fn list(subject: &NewSubject) -> List {
    match subject {
        NewSubject::User(_) => List::Users,
        _ => List::Roles,
    }
}

fn refuse(error: MappingError, subject: &NewSubject) -> Failure {
    let list = list(subject);
    match error {
        MappingError::Duplicate { index } => Failure::no(format!("an entry for it is there already: {list}[{index}]"))
            .with_remedy("give --upsert to change its username and groups"),
        MappingError::NotEditable => Failure::new(format!("{list} cannot be changed safely as it is written"))
            .with_remedy("`aws-iam-authenticator lint` with the same --kubeconfig says what is wrong with it"),
        error => Failure::usage(format!("this makes no entry: {error}")),
    }
}

/// Gives an entry that is there other names.
///
/// The least edit that does it: name for name, so that comments stay; else the entry anew in its place; else at the end, which
/// matters for patterns alone. Each is taken only where reading it again shows that this entry has changed and nothing else.
fn replace(data: &Data, index: u32, entry: &NewEntry) -> Result<Data, Failure> {
    let list = list(&entry.subject);
    let refuse = |error| refuse(error, &entry.subject);
    let text = |data: &Data| data.get(list.as_str()).cloned().unwrap_or_default();
    let before = text(data);
    let old =
        rules(&before, list).find(|rule| rule.place.index == index).ok_or_else(|| refuse(MappingError::NotEditable))?;
    if names::are(&old, entry) {
        return Ok(data.clone());
    }
    let proven = |after: &String| {
        let split = |text: &str| {
            let (this, others): (Vec<Rule>, Vec<Rule>) = rules(text, list).partition(|rule| rule.place.index == index);
            (this, others.into_iter().map(|rule| (rule.subject, rule.names)).collect::<Vec<_>>())
        };
        let (now, others) = split(after);
        let same = |now: &Rule| now.subject == old.subject && names::are(now, entry);
        now.first().is_some_and(same) && others == split(&before).1
    };
    let put = |text: String| {
        let mut data = data.clone();
        data.insert(list.as_str().to_owned(), text);
        data
    };
    if let Some(edited) = names::edit(&before, &old, entry).filter(proven) {
        return Ok(put(edited));
    }
    let without = remove_from_aws_auth(data, list, index).map_err(refuse)?;
    let with = add_to_aws_auth(&without, entry).map_err(refuse)?;
    Ok(match in_place(&before, &text(&without), &text(&with), &old).filter(proven) {
        Some(edited) => put(edited),
        None => with,
    })
}

fn rules(text: &str, list: List) -> impl Iterator<Item = Rule> + use<> {
    let document = Document::from_aws_auth([(list.as_str(), text)]);
    document.rules().cloned().collect::<Vec<_>>().into_iter()
}

/// The text with the new entry where the old one was. `before` = A old B, `without` = A B, `with` = A B new.
fn in_place(before: &str, without: &str, with: &str, old: &Rule) -> Option<String> {
    let start = before.get(..old.place.span?.start.byte as usize)?.rfind('\n').map_or(0, |at| at + 1);
    let end = start + before.len().checked_sub(without.len())?;
    let (head, tail) = (before.get(..start)?, before.get(end..)?);
    let fits = without.strip_prefix(head) == Some(tail);
    let new = with.strip_prefix(without)?.trim_start_matches(['\r', '\n']);
    fits.then(|| format!("{head}{new}{tail}"))
}

/// Takes out every entry for the subject.
fn remove(data: &Data, subject: &NewSubject) -> Result<Data, Failure> {
    // What would be in the way of such an entry is what is to go.
    let probe = NewEntry { subject: subject.clone(), username: "nobody".to_owned(), groups: Vec::new() };
    let mut left = data.clone();
    loop {
        match add_to_aws_auth(&left, &probe) {
            Err(MappingError::Duplicate { index }) => {
                left = remove_from_aws_auth(&left, list(subject), index).map_err(|error| refuse(error, subject))?;
            }
            Err(error) => return Err(refuse(error, subject)),
            Ok(_) if left == *data => {
                return Err(Failure::no(format!("there is no entry for it in {}", list(subject))).with_remedy(
                    "`aws-iam-authenticator explain --arn ARN` with the same --kubeconfig says what comes near",
                ));
            }
            Ok(_) => return Ok(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# nodes\n- rolearn: arn:aws:iam::111122223333:role/node # ours\n  username: node\n\
        # people\n- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups:\n    - a\n# ops\n\
        - rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n";

    fn data(text: &str) -> Data {
        Data::from([("mapRoles".to_owned(), text.to_owned()), ("other".to_owned(), "kept".to_owned())])
    }

    fn role(name: &str) -> NewSubject {
        NewSubject::Role(format!("arn:aws:iam::111122223333:role/{name}"))
    }

    fn add(text: &str, name: &str, username: &str, groups: &[&str], upsert: bool) -> Result<String, Failure> {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let entry = NewEntry { subject: role(name), username: username.to_owned(), groups };
        let data = Edit::Add { entry, upsert }.apply(&data(text))?;
        assert_eq!(data["other"], "kept");
        Ok(data["mapRoles"].clone())
    }

    #[test]
    fn an_upsert_changes_the_entry_in_its_place_and_nothing_else() {
        let after = add(TEXT, "dev", "dev:{{SessionName}}", &["b"], true).unwrap();
        let old = "  username: dev\n  groups:\n    - a\n";
        let new = "  username: \"dev:{{SessionName}}\"\n  groups:\n    - b\n";
        let noted = add(TEXT, "node", "machine", &[], true).unwrap();
        assert_eq!(noted, TEXT.replace("username: node\n", "username: machine\n"), "comments in the entry stay");
        assert_eq!(after, TEXT.replace(old, new));
        assert_eq!(add(&after, "DEV", "dev:{{SessionName}}", &["b"], true).unwrap(), after, "twice is once");
        assert_eq!(add(TEXT, "dev", "dev", &["a"], true).unwrap(), TEXT);
        let only = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n";
        assert_eq!(add(only, "dev", "d", &[], true).unwrap(), only.replace(" dev\n", " d\n"));
        assert!(add(TEXT, "new", "new", &[], true).unwrap().starts_with(TEXT), "what is not there is added");
    }

    #[test]
    fn a_second_entry_for_the_same_role_is_refused() {
        let refused = add(TEXT, "dev", "dev", &["a"], false).unwrap_err();
        assert!(refused.to_string().contains("mapRoles[1]") && refused.exit_code() == 3, "{refused}");
        assert_eq!(add(TEXT, "dev", "", &[], true).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn removing_takes_every_entry_of_the_role_and_leaves_the_rest() {
        let twice = format!("{TEXT}- rolearn: arn:aws:iam::111122223333:role/path/Dev\n  username: x\n");
        let remove = |text: &str, name: &str| Edit::Remove { subject: role(name) }.apply(&data(text));
        let left = remove(&twice, "dev").unwrap();
        let entry = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups:\n    - a\n";
        assert_eq!(left["mapRoles"], TEXT.replace(entry, ""));
        assert_eq!(remove(TEXT, "nobody").unwrap_err().exit_code(), 3);
        assert_eq!(remove("- a: [\n", "dev").unwrap_err().exit_code(), 1);
    }
}
