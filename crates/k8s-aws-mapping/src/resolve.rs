//! From a caller to a username and groups.

use crate::index::RuleId;
use crate::reserved::ReservedPrefixes;
use crate::resolution::{InstanceLookup, MappedUser, MatchKind, Pending, Refusal, Resolution, RuleRef};
use crate::rule::{Names, Rule, Subject};
use crate::snapshot::Backend;
use crate::sso::SsoRole;
use crate::template::{Template, Values};
use crate::{BackendMode, Document, Reason, Snapshot};
use k8s_aws_identity::{CallerIdentity, InstanceId, Principal};

impl Snapshot {
    /// Maps a caller.
    ///
    /// The backends are asked in their order. Within one: exact rules (`mapRoles`, then `mapUsers`), `sso` rules,
    /// pattern rules, accounts. The first that matches decides, also where it then refuses.
    ///
    /// A backend that is not synced is passed over, so that a later one still works (the way back into a cluster whose
    /// API server objects are broken). But then nothing is definite that an earlier backend could have said otherwise:
    /// a refusal is [`Resolution::Unavailable`] with [`Reason::NotSynced`].
    pub fn resolve(&self, caller: &CallerIdentity) -> Resolution {
        let key = caller.canonical_arn().to_ascii_lowercase();
        let mut not_synced = Vec::new();
        let mut broken = None;
        for backend in &self.inner.backends {
            let Some(document) = &backend.document else {
                not_synced.push(backend.mode);
                continue;
            };
            let found = find(document, caller, &key, self.inner.options.sso_role_match);
            if let Some(found) = found {
                let resolution = self.decide(backend, document, found, caller, &key);
                return definite_only(resolution, not_synced);
            }
            if broken.is_none() {
                broken = broken_rule(backend.mode, document, caller, &key, self.inner.options.sso_role_match);
            }
        }
        let refusal = match broken {
            Some((reason, rule)) => Refusal::new(reason, Some(rule)),
            None => Refusal::new(Reason::NotMapped, None),
        };
        definite_only(Resolution::NotMapped(refusal), not_synced)
    }
}

/// What matched in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    Rule(RuleId, MatchKind),
    Account(RuleId),
}

/// The entry of a document that decides about a caller; `key` is its canonical ARN in lower case.
pub(crate) fn find(document: &Document, caller: &CallerIdentity, key: &str, sso: bool) -> Option<Found> {
    let index = document.index();
    if document.strict_user_ids() {
        if let Some(id) = index.user_ids.get(caller.user_id()) {
            return Some(Found::Rule(*id, MatchKind::UserId));
        }
    } else {
        if let Some(id) = index.exact.get(key) {
            return Some(Found::Rule(*id, MatchKind::Arn));
        }
        if sso && let Some(id) = sso_role(caller).and_then(|role| index.sso.get(&role)) {
            return Some(Found::Rule(*id, MatchKind::Sso));
        }
        if let Some(patterns) = index.patterns.get(&(caller.partition(), caller.account())) {
            let mut parts = caller.canonical_arn().splitn(6, ':').skip(2);
            let (service, resource) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
            for id in patterns {
                if let Some(Subject::Pattern(pattern)) = document.rule(*id).map(|r| &r.subject)
                    && pattern.matches_in_account(service, resource)
                {
                    return Some(Found::Rule(*id, MatchKind::Pattern));
                }
            }
        }
    }
    index.accounts.get(&caller.account()).map(|id| Found::Account(*id))
}

/// The permission set that a caller's role belongs to.
pub(crate) fn sso_role(caller: &CallerIdentity) -> Option<SsoRole> {
    match &caller.parsed_arn().principal {
        Principal::AssumedRole { role, .. } => SsoRole::of_role(caller.partition(), caller.account(), role),
        _ => None,
    }
}

/// A rule that would be for this caller if it were in order.
fn broken_rule(
    mode: BackendMode,
    document: &Document,
    caller: &CallerIdentity,
    key: &str,
    sso: bool,
) -> Option<(Reason, RuleRef)> {
    document.index().broken.iter().find_map(|id| {
        let rule = document.rule(*id)?;
        let (reason, kind) = (rule.names.as_ref().err()?, would_match(rule, document, caller, key, sso)?);
        Some((*reason, RuleRef::new(mode, &rule.place, kind)))
    })
}

pub(crate) fn would_match(
    rule: &Rule,
    document: &Document,
    caller: &CallerIdentity,
    key: &str,
    sso: bool,
) -> Option<MatchKind> {
    if document.strict_user_ids() {
        return (rule.user_id.as_deref() == Some(caller.user_id())).then_some(MatchKind::UserId);
    }
    match &rule.subject {
        Subject::Arn(exact) => (*exact.key == *key).then_some(MatchKind::Arn),
        Subject::Sso(role) => (sso && sso_role(caller).as_ref() == Some(&**role)).then_some(MatchKind::Sso),
        Subject::Pattern(p) => p.matches_canonical(caller.canonical_arn()).then_some(MatchKind::Pattern),
        Subject::UserIdOnly | Subject::Nobody { .. } => None,
    }
}

/// Turns a refusal into [`Reason::NotSynced`] where a backend asked before it has not told its mappings.
pub(crate) fn definite_only(resolution: Resolution, not_synced: Vec<BackendMode>) -> Resolution {
    match resolution {
        Resolution::NotMapped(refusal) if !not_synced.is_empty() => {
            let rule = refusal.rule;
            Resolution::Unavailable(Refusal { not_synced, ..Refusal::new(Reason::NotSynced, rule) })
        }
        Resolution::Needs(mut lookup) => {
            lookup.pending.not_synced = not_synced;
            Resolution::Needs(lookup)
        }
        other => other,
    }
}

impl Snapshot {
    fn decide(
        &self,
        backend: &Backend,
        document: &Document,
        found: Found,
        caller: &CallerIdentity,
        key: &str,
    ) -> Resolution {
        match found {
            Found::Account(id) => match document.account(id) {
                Some(account) => {
                    let rule = RuleRef::new(backend.mode, &account.place, MatchKind::Account);
                    let username = caller.canonical_arn().to_owned();
                    match check_username(&username, None, &rule, &self.inner.options.reserved) {
                        Ok(()) => Resolution::Mapped(MappedUser { username, groups: Vec::new(), rule }),
                        Err(refusal) => Resolution::NotMapped(refusal),
                    }
                }
                None => Resolution::NotMapped(Refusal::new(Reason::NotMapped, None)),
            },
            Found::Rule(id, kind) => {
                let Some(rule) = document.rule(id) else {
                    return Resolution::NotMapped(Refusal::new(Reason::NotMapped, None));
                };
                let at = RuleRef::new(backend.mode, &rule.place, kind);
                let arn_fits = match &rule.subject {
                    Subject::Arn(exact) => *exact.key == *key,
                    Subject::Nobody { .. } => false,
                    _ => true,
                };
                if !arn_fits {
                    return Resolution::NotMapped(Refusal::new(Reason::UserIdArnMismatch, Some(at)));
                }
                self.names(document, id, rule, at, caller)
            }
        }
    }

    fn names(&self, document: &Document, id: RuleId, rule: &Rule, at: RuleRef, caller: &CallerIdentity) -> Resolution {
        let names = match &rule.names {
            Ok(names) => names,
            Err(reason) => return Resolution::NotMapped(Refusal::new(*reason, Some(at))),
        };
        let needs_instance = names.username.needs_instance() || names.groups.iter().any(Template::needs_instance);
        if !needs_instance {
            return render(names, &Values::of(caller), at, &self.inner.options.reserved);
        }
        let session = match &caller.parsed_arn().principal {
            Principal::AssumedRole { session, .. } => session,
            _ => return Resolution::NotMapped(Refusal::new(Reason::SessionNotAnInstance, Some(at))),
        };
        let Ok(instance_id) = InstanceId::parse(session) else {
            return Resolution::NotMapped(Refusal::new(Reason::SessionNotAnInstance, Some(at)));
        };
        let pending = Pending {
            document: document.clone(),
            id,
            rule: at,
            snapshot: self.clone(),
            account: caller.account(),
            session_name: session.clone(),
            access_key_id: caller.access_key_id().clone(),
            not_synced: Vec::new(),
        };
        Resolution::Needs(InstanceLookup { instance_id, pending })
    }
}

pub(crate) fn render(names: &Names, values: &Values<'_>, rule: RuleRef, reserved: &ReservedPrefixes) -> Resolution {
    let username = names.username.render(values);
    if let Err(refusal) = check_username(&username, Some(&names.username), &rule, reserved) {
        return Resolution::NotMapped(refusal);
    }
    let mut groups = Vec::with_capacity(names.groups.len());
    for template in &names.groups {
        let group = template.render(values);
        if let Err(refusal) = check_group(&group, template, &rule, reserved) {
            return Resolution::NotMapped(refusal);
        }
        groups.push(group);
    }
    Resolution::Mapped(MappedUser { username, groups, rule })
}

fn check_username(
    name: &str,
    template: Option<&Template>,
    rule: &RuleRef,
    reserved: &ReservedPrefixes,
) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::of_name(reason, rule, name));
    match name {
        "" => refuse(Reason::UsernameEmpty),
        _ if name.contains(char::is_control) => refuse(Reason::ControlCharacter),
        _ if !may_be_system(name, template) => refuse(Reason::UsernameSystem),
        _ => match reserved.username_prefix(rule.backend, name) {
            Some(prefix) => Err(Refusal {
                reserved_prefix: Some(prefix.to_owned()),
                ..Refusal::of_name(Reason::UsernameReserved, rule, name)
            }),
            None => Ok(()),
        },
    }
}

fn check_group(name: &str, template: &Template, rule: &RuleRef, reserved: &ReservedPrefixes) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::of_name(reason, rule, name));
    match name {
        "" => refuse(Reason::GroupEmpty),
        _ if name.contains(char::is_control) => refuse(Reason::ControlCharacter),
        _ if !may_be_system(name, Some(template)) => refuse(Reason::GroupSystem),
        _ => match reserved.group_prefix(rule.backend, name) {
            Some(prefix) => Err(Refusal {
                reserved_prefix: Some(prefix.to_owned()),
                ..Refusal::of_name(Reason::GroupReserved, rule, name)
            }),
            None => Ok(()),
        },
    }
}

/// What Kubernetes keeps for its own users and groups.
const SYSTEM: &str = "system:";

/// Whether a name may be one of Kubernetes' own: only if the rule spells `system:` and the word behind it. A value may
/// say which node (`system:node:{{EC2PrivateDNSName}}`), not whether somebody is a node or a master.
pub(crate) fn may_be_system(name: &str, template: Option<&Template>) -> bool {
    let is_system = |text: &str| text.get(..SYSTEM.len()).is_some_and(|head| head.eq_ignore_ascii_case(SYSTEM));
    if !is_system(name) {
        return true;
    }
    template.is_some_and(|t| {
        let spelt = t.literal_prefix();
        t.is_literal() || (is_system(spelt) && spelt.get(SYSTEM.len()..).is_some_and(|rest| rest.contains(':')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;
    use crate::rule::Place;
    use k8s_aws_identity::AccountId;

    #[test]
    fn a_control_character_is_refused_wherever_it_comes_from() {
        let place = Place { list: List::Roles, index: 0, span: None, object: None };
        let rule = RuleRef::new(BackendMode::MountedFile, &place, MatchKind::Arn);
        let template = |text| Template::parse(text).unwrap();
        let reason = |username, group, session_name| {
            let names = Names { username: template(username), groups: [template(group)].into() };
            let account = AccountId::parse("123456789012").unwrap();
            let values = Values { account, session_name, access_key_id: "", private_dns_name: "" };
            match render(&names, &values, rule.clone(), &ReservedPrefixes::default()) {
                Resolution::NotMapped(refusal) => Some((refusal.reason, refusal.name.unwrap_or_default())),
                _ => None,
            }
        };
        let (literal, variable) = ("dev", "dev:{{SessionName}}");
        let refused = Some((Reason::ControlCharacter, "dev:a\nb".to_owned()));
        assert_eq!(reason(variable, literal, "a\nb"), refused);
        assert_eq!(reason(literal, variable, "a\nb"), refused);
        assert_eq!(reason(variable, variable, "a b"), None);
    }
}
