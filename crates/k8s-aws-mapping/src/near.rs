//! How near an entry comes to a caller.

use crate::explain::why_lost;
use crate::findings::Code;
use crate::pattern::{ArnPattern, glob};
use crate::resolve::{sso_role, would_match};
use crate::rule::{ExactArn, LostEntry, Rule, Subject};
use crate::sso::{self, SsoRole};
use crate::{Document, suggest};
use k8s_aws_identity::{Arn, CallerIdentity, Principal};
use serde::Serialize;

/// What became of an entry that matches a caller or nearly does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Near {
    /// It matched and decided.
    Won,
    /// It matches, and another entry goes first.
    Shadowed,
    /// It would match if its names were in order.
    Defective,
    /// `sso` rules are switched off.
    SsoInert,
    /// The whole entry is ignored.
    Ignored,
    /// It stands under a key that means nothing.
    KeyMisspelt,
    /// It has the ARN of a role session.
    AssumedRoleArn,
    /// It has a wildcard where none is read.
    Wildcard,
    /// The suffix of the IAM Identity Center role is another one now.
    SsoSuffix,
    /// Another path.
    Path,
    /// Other letter case, where it counts.
    LetterCase,
    /// The user id is another one.
    UserId,
    /// The user id is right and the ARN is not.
    UserIdArn,
    /// A role where the caller is a user, or the other way round.
    Kind,
    /// Another partition.
    Partition,
    /// Another account.
    Account,
    /// A permission set that is called nearly the same.
    PermissionSet,
    /// A name that is nearly the same.
    Name,
}

/// [`Near`] with words.
pub(crate) struct Verdict {
    pub(crate) near: Near,
    pub(crate) text: String,
}

impl Verdict {
    pub(crate) fn new(near: Near, text: impl Into<String>) -> Self {
        Self { near, text: text.into() }
    }
}

/// Judges a rule; none where it is nowhere near. [`Near::Won`] stands for every rule that matches.
pub(crate) fn near_rule(
    rule: &Rule,
    document: &Document,
    caller: &CallerIdentity,
    key: &str,
    sso: bool,
) -> Option<Verdict> {
    if would_match(rule, document, caller, key, true).is_some() {
        return Some(match &rule.names {
            Err(reason) => Verdict::new(Near::Defective, format!("it would match, but {}", reason.explanation())),
            Ok(_) if !sso && matches!(rule.subject, Subject::Sso(_)) => Verdict::new(
                Near::SsoInert,
                "it would match, but `sso` rules are switched off; start the server with `--feature-gates SSORoleMatch=true`",
            ),
            Ok(_) if document.strict_user_ids() => strict(rule, key),
            Ok(_) => Verdict::new(Near::Won, "it matches"),
        });
    }
    if document.strict_user_ids() {
        return near_strict(rule, caller, key);
    }
    match &rule.subject {
        Subject::Arn(exact) => near_exact(exact, caller, key),
        Subject::Sso(role) => near_sso(role, caller),
        Subject::Pattern(pattern) => near_pattern(pattern, caller),
        Subject::UserIdOnly | Subject::Nobody { .. } => None,
    }
}

/// A rule with the caller's user id.
fn strict(rule: &Rule, key: &str) -> Verdict {
    match &rule.subject {
        Subject::Arn(exact) if *exact.key != *key => Verdict::new(
            Near::UserIdArn,
            "the user id is the caller's, but the ARN is another one, so the caller is refused: correct the ARN",
        ),
        Subject::Nobody { .. } => Verdict::new(
            Near::UserIdArn,
            "the user id is the caller's, but what stands as ARN is none, so the caller is refused: correct it",
        ),
        _ => Verdict::new(Near::Won, "it has the caller's user id"),
    }
}

fn near_strict(rule: &Rule, caller: &CallerIdentity, key: &str) -> Option<Verdict> {
    let user_id = rule.user_id.as_deref()?;
    if user_id.eq_ignore_ascii_case(caller.user_id()) {
        return Some(Verdict::new(
            Near::LetterCase,
            format!("letter case counts: the user id is `{}`", caller.user_id()),
        ));
    }
    let same_arn = matches!(&rule.subject, Subject::Arn(exact) if *exact.key == *key);
    let text = format!(
        "it has the caller's ARN, but the user id `{user_id}`; the caller's is `{}` (was it deleted and made anew?)",
        caller.user_id()
    );
    same_arn.then(|| Verdict::new(Near::UserId, text))
}

/// Kind, path and name of a principal, as far as callers' ARNs can have them.
fn parts(principal: &Principal) -> Option<(&'static str, &str, &str)> {
    match principal {
        Principal::Root => Some(("root user", "/", "root")),
        Principal::User { path, name } => Some(("user", path, name)),
        Principal::Role { path, name } => Some(("role", path, name)),
        Principal::FederatedUser { name } => Some(("federated user", "/", name)),
        _ => None,
    }
}

fn near_exact(exact: &ExactArn, caller: &CallerIdentity, key: &str) -> Option<Verdict> {
    let rule = exact.arn()?;
    let caller_arn = Arn::parse(key).ok()?;
    let same_account = rule.account == caller_arn.account;
    let same_partition = rule.partition == caller_arn.partition;
    if let Principal::AssumedRole { .. } = rule.principal {
        let same = rule.canonical() == caller_arn;
        return same.then(|| {
            let text = format!("it has the ARN of a role session; write the role: {}", caller.canonical_arn());
            Verdict::new(Near::AssumedRoleArn, text)
        });
    }
    let (kind, path, name) = parts(&rule.principal)?;
    let (caller_kind, caller_path, caller_name) = parts(&caller_arn.principal)?;
    if name == caller_name && kind == caller_kind {
        // Roles' paths do not count; a user's does.
        let same_path = kind == "role" || path == caller_path;
        return match (same_partition, same_account, same_path) {
            (false, true, true) => Some(partition(rule.partition.as_str(), caller)),
            (true, false, true) => Some(account(rule.account.as_str(), caller)),
            (true, true, false) => Some(Verdict::new(
                Near::Path,
                format!("the path differs: the rule has `{path}`, the caller `{caller_path}`"),
            )),
            _ => None,
        };
    }
    if !same_partition || !same_account {
        return None;
    }
    if name == caller_name {
        return Some(Verdict::new(Near::Kind, format!("the rule is for a {kind}, the caller is a {caller_kind}")));
    }
    if kind != caller_kind {
        return None;
    }
    if let (Some((set, suffix)), Some((caller_set, caller_suffix))) = (sso::split(name), sso::split(caller_name)) {
        if set != caller_set {
            return None;
        }
        let text = format!(
            "the permission set is the same, but its role ends in `{caller_suffix}` now, not in `{suffix}`; an `sso` rule \
             survives that"
        );
        return Some(Verdict::new(Near::SsoSuffix, text));
    }
    let near = suggest::nearest(name, [caller_name]).is_some();
    near.then(|| {
        Verdict::new(Near::Name, format!("the name differs: the rule has `{name}`, the caller `{caller_name}`"))
    })
}

fn partition(of_rule: &str, caller: &CallerIdentity) -> Verdict {
    let text = format!("the partition differs: the rule has `{of_rule}`, the caller `{}`", caller.partition());
    Verdict::new(Near::Partition, text)
}

fn account(of_rule: &str, caller: &CallerIdentity) -> Verdict {
    let text = format!("the account differs: the rule has {of_rule}, the caller {}", caller.account());
    Verdict::new(Near::Account, text)
}

fn near_sso(rule: &SsoRole, caller: &CallerIdentity) -> Option<Verdict> {
    let of_caller = sso_role(caller)?;
    let same_set = rule.permission_set() == of_caller.permission_set();
    match (same_set, rule.partition() == of_caller.partition(), rule.account() == of_caller.account()) {
        (true, false, true) => Some(partition(rule.partition().as_str(), caller)),
        (true, true, false) => Some(account(rule.account().as_str(), caller)),
        (false, true, true) => {
            let (a, b) = (rule.permission_set(), of_caller.permission_set());
            let near = a.starts_with(b) || b.starts_with(a) || suggest::nearest(a, [b]).is_some();
            near.then(|| {
                let text = format!(
                    "the permission set differs: the rule has `{a}`, the caller `{b}`; they are compared whole"
                );
                Verdict::new(Near::PermissionSet, text)
            })
        }
        _ => None,
    }
}

fn near_pattern(pattern: &ArnPattern, caller: &CallerIdentity) -> Option<Verdict> {
    let resource = caller.canonical_arn().splitn(6, ':').nth(5)?;
    let same_account = pattern.account() == caller.account();
    let same_partition = pattern.partition() == caller.partition();
    let matches = glob(pattern.resource(), resource);
    let loosely = glob(&pattern.resource().to_ascii_lowercase(), &resource.to_ascii_lowercase());
    match (matches, same_partition, same_account) {
        (true, false, true) => Some(partition(pattern.partition().as_str(), caller)),
        (true, true, false) => Some(account(pattern.account().as_str(), caller)),
        (false, true, true) if loosely => {
            Some(Verdict::new(Near::LetterCase, format!("letter case counts in patterns: the caller is `{resource}`")))
        }
        _ => None,
    }
}

/// Judges an entry that is ignored.
pub(crate) fn near_lost(lost: &LostEntry, caller: &CallerIdentity, key: &str) -> Option<(String, Verdict)> {
    let text = lost.texts.iter().find(|text| {
        let same = ExactArn::parse(text.trim(), true).is_ok_and(|(exact, _)| *exact.key == *key);
        let wildcard = text.contains(['*', '?']) && glob(&text.to_ascii_lowercase(), key);
        same || wildcard || ***text == *caller.account().as_str()
    })?;
    let verdict = match (lost.code, &lost.list_key) {
        (Code::MisspeltList, Some(found)) => Verdict::new(
            Near::KeyMisspelt,
            format!("it stands under `{found}`, which nobody reads; the key must be spelt `{}`", lost.place.list),
        ),
        (Code::ArnMissing, _) => Verdict::new(Near::KeyMisspelt, why_lost(lost.code)),
        (Code::WildcardInExactArn, _) => Verdict::new(
            Near::Wildcard,
            "`*` and `?` are no wildcards under this key; write the pattern under `arnPattern`",
        ),
        (code, _) => Verdict::new(Near::Ignored, format!("{} ({code})", why_lost(code))),
    };
    Some((text.to_string(), verdict))
}
