//! A kubeconfig as data: what it is to say in the end, whatever its text looks like.

use super::file::File;
use crate::Failure;
use serde_yaml::{Mapping, Value};

/// The kinds of named entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Cluster,
    User,
    Context,
}

/// A named entry: what we say in it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) value: Mapping,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Added,
    Changed,
}

impl Kind {
    /// The key of the list.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Cluster => "clusters",
            Self::User => "users",
            Self::Context => "contexts",
        }
    }

    /// The key beside `name` in an item.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::User => "user",
            Self::Context => "context",
        }
    }

    /// Keys that go when ours come: they would contradict them.
    fn superseded(self, ours: &Mapping) -> &'static [&'static str] {
        match self {
            Self::Cluster if ours.contains_key("certificate-authority-data") => {
                &["certificate-authority", "insecure-skip-tls-verify"]
            }
            Self::Cluster if ours.contains_key("certificate-authority") => {
                &["certificate-authority-data", "insecure-skip-tls-verify"]
            }
            _ => &[],
        }
    }
}

impl Entry {
    /// The item of the list, its keys in kubectl's order.
    pub(super) fn item(&self) -> Value {
        let (inner, name) =
            ((self.kind.singular().into(), self.value.clone().into()), ("name".into(), self.name.as_str().into()));
        // `cluster`, `context` < `name` < `user`
        let pairs = if self.kind == Kind::User { [name, inner] } else { [inner, name] };
        Value::Mapping(pairs.into_iter().collect())
    }
}

/// Reads a kubeconfig; an empty text is one without entries.
pub(super) fn parse(text: &str, file: &File) -> Result<Mapping, Failure> {
    let broken = |problem: String| {
        Failure::new(format!("{} is not a kubeconfig: {problem}", file.shown()))
            .with_remedy("mend it, or give another with --kubeconfig")
    };
    let root: Value = serde_yaml::from_str(text).map_err(|error| {
        // What the parser says may quote the text, and the text has keys and tokens in it.
        let at = error.location().map(|at| format!("line {}", at.line())).unwrap_or_default();
        broken(format!("no YAML that can be changed safely, {at}"))
    })?;
    let mut root = match root {
        Value::Null => Mapping::new(),
        Value::Mapping(root) => root,
        _ => return Err(broken("it is no map".to_owned())),
    };
    if root.get("kind").is_some_and(|kind| kind.as_str() != Some("Config")) {
        return Err(broken("its kind is not Config".to_owned()));
    }
    for kind in [Kind::Cluster, Kind::User, Kind::Context] {
        match root.get(kind.list()) {
            None | Some(Value::Null | Value::Sequence(_)) => {}
            Some(_) => return Err(broken(format!("{} is no list", kind.list()))),
        }
    }
    for (key, value) in [("apiVersion", "v1"), ("kind", "Config")] {
        if !root.contains_key(key) {
            root.insert(key.into(), value.into());
        }
    }
    Ok(root)
}

/// Puts an entry in, beside what others have written into it; one that is something else only by `force`.
pub(super) fn put(root: &mut Mapping, entry: &Entry, force: bool) -> Result<Change, Failure> {
    let (kind, name) = (entry.kind, &entry.name);
    let list = root.entry(kind.list().into()).or_insert(Value::Null);
    if list.is_null() {
        *list = Value::Sequence(Vec::new());
    }
    let Value::Sequence(items) = list else { return Err(Failure::new(format!("{} is no list", kind.list()))) };
    let mut found = items.iter_mut().filter(|item| item.get("name").and_then(Value::as_str) == Some(name));
    let Some(item) = found.next() else {
        items.push(entry.item());
        return Ok(Change::Added);
    };
    if found.next().is_some() {
        return Err(Failure::new(format!("there are two {} of the name {name:?}", kind.list()))
            .with_remedy("remove one, or choose another name with --name, --user or --context"));
    }
    let old = item.clone();
    let inner = match item.get(kind.singular()) {
        Some(Value::Mapping(inner)) => inner.clone(),
        _ => Mapping::new(),
    };
    let inner = match (obstacle(entry, &inner), force) {
        (None, _) => merged(inner, entry),
        (Some(_), true) => entry.value.clone(),
        (Some(obstacle), false) => {
            return Err(Failure::no(format!("the {} {name:?} is there already, and {obstacle}", kind.singular()))
                .with_remedy("choose another name with --name, --user or --context, or overwrite it with --force"));
        }
    };
    let Value::Mapping(map) = item else { return Err(Failure::new(format!("an item of {} is no map", kind.list()))) };
    map.insert(kind.singular().into(), inner.into());
    Ok(if *item == old { Change::None } else { Change::Changed })
}

/// Why an entry of this name is not ours to change.
fn obstacle(entry: &Entry, there: &Mapping) -> Option<&'static str> {
    let text = |map: &Mapping, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let differs = |key: &str| text(there, key).is_some_and(|there| Some(there) != text(&entry.value, key));
    match entry.kind {
        Kind::Cluster => differs("server").then_some("is another API server's"),
        Kind::Context => (differs("cluster") || differs("user")).then_some("is for another cluster or user"),
        Kind::User => {
            let command = |map: &Mapping| text(map.get("exec")?.as_mapping()?, "command");
            let program = command(there).map(|command| stem(&command));
            let ours = program == command(&entry.value).map(|command| stem(&command))
                || matches!(program.as_deref(), Some("aws-iam-authenticator" | "heptio-authenticator-aws"));
            match there.keys().all(|key| key.as_str() == Some("exec")) {
                true if there.is_empty() || ours => None,
                true => Some("gets its credentials from another program"),
                false => Some("has credentials of another kind"),
            }
        }
    }
}

/// A program's name without folder and `.exe`.
fn stem(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name).to_owned()
}

/// Our keys over those that are there.
fn merged(mut there: Mapping, entry: &Entry) -> Mapping {
    for key in entry.kind.superseded(&entry.value) {
        there.remove(*key);
    }
    for (key, value) in &entry.value {
        match (there.get_mut(key), value) {
            (Some(Value::Mapping(old)), Value::Mapping(new)) => old.extend(new.clone()),
            _ => {
                there.insert(key.clone(), value.clone());
            }
        }
    }
    there
}

pub(super) fn current_context(root: &Mapping) -> Option<&str> {
    root.get("current-context").and_then(Value::as_str).filter(|context| !context.is_empty())
}

pub(super) fn set_current_context(root: &mut Mapping, name: &str) {
    root.insert("current-context".into(), name.into());
}
