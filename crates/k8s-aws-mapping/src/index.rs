//! Which entry of a document wins for whom.

use crate::document::ReadList;
use crate::rule::{Rule, Subject};
use crate::sso::SsoRole;
use k8s_aws_identity::{AccountId, Partition};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

/// SipHash with fixed keys: the same everywhere, and no randomness needed. The keys are the administrator's; callers
/// only look up.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Where a rule or account is in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId {
    pub(crate) list: u32,
    pub(crate) at: u32,
}

/// The winners of a document, by what they match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) exact: Map<Arc<str>, RuleId>,
    pub(crate) user_ids: Map<Box<str>, RuleId>,
    pub(crate) sso: Map<SsoRole, RuleId>,
    /// In the order of the document.
    pub(crate) patterns: Map<(Partition, AccountId), Vec<RuleId>>,
    pub(crate) accounts: Map<AccountId, RuleId>,
    /// Rules that never match, to tell their callers why.
    pub(crate) broken: Vec<RuleId>,
}

impl Index {
    /// Of exact rules for one ARN, the list that comes first wins, in it one without a path over one with (which the Go
    /// program never matched), and then the last. Of `sso` rules for one permission set, likewise the last of a list.
    pub(crate) fn new(lists: &[ReadList], strict_user_ids: bool) -> Self {
        let mut index = Self::default();
        for (l, read) in lists.iter().enumerate() {
            let rules = &read.entries.rules;
            let has_path = |id: RuleId| match rules.get(id.at as usize).map(|r| &r.subject) {
                Some(Subject::Arn(exact)) => exact.has_path,
                _ => false,
            };
            for (at, rule) in rules.iter().enumerate() {
                let id = RuleId { list: l as u32, at: at as u32 };
                if rule.names.is_err() {
                    index.broken.push(id);
                } else if strict_user_ids {
                    if let Some(user_id) = &rule.user_id {
                        let entry = index.user_ids.entry(user_id.clone()).or_insert(id);
                        if entry.list == id.list {
                            *entry = id;
                        }
                    }
                } else {
                    match &rule.subject {
                        Subject::Arn(exact) => {
                            let entry = index.exact.entry(exact.key.clone()).or_insert(id);
                            let wins = !exact.has_path || has_path(*entry);
                            if entry.list == id.list && wins {
                                *entry = id;
                            }
                        }
                        Subject::Sso(role) => {
                            let entry = index.sso.entry(SsoRole::clone(role)).or_insert(id);
                            if entry.list == id.list {
                                *entry = id;
                            }
                        }
                        Subject::Pattern(pattern) => {
                            index.patterns.entry((pattern.partition(), pattern.account())).or_default().push(id);
                        }
                        Subject::UserIdOnly | Subject::Nobody { .. } => {}
                    }
                }
            }
            for (at, account) in read.entries.accounts.iter().enumerate() {
                let id = RuleId { list: l as u32, at: at as u32 };
                index.accounts.entry(account.account).or_insert(id);
            }
        }
        index
    }
}

/// The rule behind an id.
pub(crate) fn rule(lists: &[ReadList], id: RuleId) -> Option<&Rule> {
    lists.get(id.list as usize)?.entries.rules.get(id.at as usize)
}
