//! Prefixes that mapped names of a backend must not begin with.

use crate::BackendMode;
use std::collections::BTreeMap;

/// `reservedPrefixConfig`: per backend, prefixes of usernames and, separately, of groups.
///
/// A prefix reserves the names of the backend that it is configured for, and only those. Letter case does not count:
/// `Admin:x` begins with the reserved prefix `admin:`. Several entries for one backend (one of them under its
/// deprecated name, say) add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedPrefixes {
    usernames: BTreeMap<BackendMode, Vec<Prefix>>,
    groups: BTreeMap<BackendMode, Vec<Prefix>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    text: Box<str>,
    folded: Box<str>,
}

impl ReservedPrefixes {
    /// Reserves prefixes of usernames; empty ones reserve nothing.
    pub fn reserve_usernames(&mut self, mode: BackendMode, prefixes: impl IntoIterator<Item = impl Into<String>>) {
        reserve(&mut self.usernames, mode, prefixes);
    }

    /// Reserves prefixes of groups; empty ones reserve nothing.
    pub fn reserve_groups(&mut self, mode: BackendMode, prefixes: impl IntoIterator<Item = impl Into<String>>) {
        reserve(&mut self.groups, mode, prefixes);
    }

    /// Adds everything that `other` reserves.
    pub fn extend(&mut self, other: &Self) {
        for (mine, others) in [(&mut self.usernames, &other.usernames), (&mut self.groups, &other.groups)] {
            for (mode, prefixes) in others {
                mine.entry(*mode).or_default().extend(prefixes.iter().cloned());
            }
        }
    }

    /// The reserved prefix that a username of this backend begins with.
    pub fn username_prefix(&self, mode: BackendMode, username: &str) -> Option<&str> {
        find(&self.usernames, mode, username)
    }

    /// The reserved prefix that a group of this backend begins with.
    pub fn group_prefix(&self, mode: BackendMode, group: &str) -> Option<&str> {
        find(&self.groups, mode, group)
    }
}

fn reserve(
    all: &mut BTreeMap<BackendMode, Vec<Prefix>>,
    mode: BackendMode,
    prefixes: impl IntoIterator<Item = impl Into<String>>,
) {
    let prefixes = prefixes.into_iter().map(Into::into).filter(|p: &String| !p.is_empty());
    let prefixes = prefixes.map(|text| Prefix { folded: text.to_lowercase().into(), text: text.into() });
    all.entry(mode).or_default().extend(prefixes);
}

fn find<'p>(all: &'p BTreeMap<BackendMode, Vec<Prefix>>, mode: BackendMode, name: &str) -> Option<&'p str> {
    let prefixes = all.get(&mode).filter(|p| !p.is_empty())?;
    let folded = name.to_lowercase();
    prefixes.iter().find(|p| folded.starts_with(&*p.folded)).map(|p| &*p.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reserves_in_any_letter_case_and_in_its_backend_only() {
        let mut reserved = ReservedPrefixes::default();
        reserved.reserve_usernames(BackendMode::Crd, ["Admin:", ""]);
        assert_eq!(reserved.username_prefix(BackendMode::Crd, "aDMIN:x"), Some("Admin:"));
        assert_eq!(reserved.username_prefix(BackendMode::Crd, "admin"), None);
        assert_eq!(reserved.username_prefix(BackendMode::MountedFile, "admin:x"), None);
        assert_eq!(reserved.group_prefix(BackendMode::Crd, "admin:x"), None);
    }
}
