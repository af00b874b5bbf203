//! Rules of one document that are in each other's way.

use crate::document::ReadList;
use crate::entry::push;
use crate::findings::{Code, Finding, quoted};
use crate::index::{Index, RuleId, rule};
use crate::pattern::ArnPattern;
use crate::rule::{Place, Rule, Subject};
use crate::sso::SsoRole;
use k8s_aws_identity::{Arn, Principal};
use std::collections::BTreeMap;

/// How many pairs of a pattern and another rule are compared. Beyond that, overlaps of patterns are not looked for:
/// resolving does not depend on it.
const MAX_PAIRS: usize = 1_000_000;

/// Adds the findings about duplicates, overlaps and rules that never match.
pub(crate) fn within(lists: &[ReadList], index: &Index, strict_user_ids: bool, findings: &mut Vec<Finding>) {
    if strict_user_ids {
        return user_ids(lists, index, findings);
    }
    for read in lists {
        for rule in read.entries.rules.iter().filter(|r| r.names.is_ok()) {
            match &rule.subject {
                Subject::Arn(exact) => {
                    let winner = index.exact.get(&exact.key).and_then(|id| self::rule(lists, *id));
                    if let Some(finding) = winner.and_then(|w| lost_exact(rule, exact.has_path, w)) {
                        push(findings, finding);
                    }
                    if exact.has_path && winner.is_some_and(|w| w.place == rule.place) {
                        let message = format!(
                            "{} has a path; it matches the role of that name in the account, whatever its path",
                            quoted(&exact.text)
                        );
                        push(findings, about(&rule.place, Code::RolePath, message));
                    }
                }
                Subject::Sso(role) => {
                    let winner = index.sso.get(role).and_then(|id| self::rule(lists, *id));
                    if let Some(winner) = winner.filter(|w| w.place != rule.place) {
                        let message = format!(
                            "{} is for the same permission set and comes later; this one never matches",
                            refer(&winner.place)
                        );
                        push(findings, about(&rule.place, Code::Shadowed, message));
                    }
                }
                _ => {}
            }
        }
        accounts(read, findings);
    }
    overlaps(lists, index, MAX_PAIRS, findings);
}

/// A finding about an entry.
pub(crate) fn about(place: &Place, code: Code, message: impl Into<String>) -> Finding {
    let mut finding = Finding::new(code, message).in_list(place.list).entry(place.index);
    finding.span = place.span;
    finding.object = place.object.as_deref().map(Into::into);
    finding
}

/// An entry as messages name it: `mapRoles[3] (line 12)`.
pub(crate) fn refer(place: &Place) -> String {
    match (&place.object, place.span) {
        (Some(object), _) => format!("{} `{object}`", place.list),
        (None, Some(span)) => format!("{}[{}] (line {})", place.list, place.index, span.start.line),
        (None, None) => format!("{}[{}]", place.list, place.index),
    }
}

fn lost_exact(rule: &Rule, has_path: bool, winner: &Rule) -> Option<Finding> {
    if winner.place == rule.place {
        return None;
    }
    let other = refer(&winner.place);
    let winner_path = matches!(&winner.subject, Subject::Arn(exact) if exact.has_path);
    let (code, message) = if winner.place.list != rule.place.list {
        let message = format!("{other} is for the same ARN, and that list is looked at first; this one never matches");
        (Code::ShadowedByRoles, message)
    } else if has_path && !winner_path {
        let message = format!("{other} is for the same role without a path and wins; this one never matches");
        (Code::PathShadowed, message)
    } else {
        (Code::DuplicateArn, format!("{other} is for the same ARN and wins; this one never matches"))
    };
    Some(about(&rule.place, code, message))
}

fn user_ids(lists: &[ReadList], index: &Index, findings: &mut Vec<Finding>) {
    for rule in lists.iter().flat_map(|l| &l.entries.rules).filter(|r| r.names.is_ok()) {
        let winner =
            rule.user_id.as_deref().and_then(|id| index.user_ids.get(id)).and_then(|id| self::rule(lists, *id));
        if let Some(winner) = winner.filter(|w| w.place != rule.place) {
            let message = format!("{} has the same `userid` and wins; this one never matches", refer(&winner.place));
            push(findings, about(&rule.place, Code::DuplicateUserId, message));
        }
    }
    lists.iter().for_each(|read| accounts(read, findings));
}

fn accounts(read: &ReadList, findings: &mut Vec<Finding>) {
    let mut seen = BTreeMap::new();
    for account in &read.entries.accounts {
        if let Some(first) = seen.insert(account.account, &account.place) {
            let message = format!("the account is listed already: {}", refer(first));
            push(findings, about(&account.place, Code::DuplicateAccount, message));
        }
    }
}

/// Exact rules that are exceptions from `sso` and pattern rules, and patterns that never get their turn.
fn overlaps(lists: &[ReadList], index: &Index, max_pairs: usize, findings: &mut Vec<Finding>) {
    if index.sso.is_empty() && index.patterns.is_empty() {
        return;
    }
    let patterns: Vec<(RuleId, &Rule, &ArnPattern)> = {
        let mut ids: Vec<RuleId> = index.patterns.values().flatten().copied().collect();
        ids.sort_unstable();
        let with_rule = |id: RuleId| match rule(lists, id).map(|r| (r, &r.subject)) {
            Some((rule, Subject::Pattern(pattern))) => Some((id, rule, &**pattern)),
            _ => None,
        };
        ids.into_iter().filter_map(with_rule).collect()
    };
    let by_account = |pattern: &ArnPattern| index.patterns.get(&(pattern.partition(), pattern.account()));
    let mut pairs = 0;
    for (id, rule, pattern) in &patterns {
        let earlier = by_account(pattern).into_iter().flatten().take_while(|other| *other < id);
        for other in earlier {
            pairs += 1;
            let Some((other, Subject::Pattern(wider))) = self::rule(lists, *other).map(|r| (r, &r.subject)) else {
                continue;
            };
            if wider.covers(pattern) {
                let message = format!(
                    "{} comes first and matches everybody whom this one matches; this one never does",
                    refer(&other.place)
                );
                push(findings, about(&rule.place, Code::Shadowed, message));
                break;
            }
            if pairs > max_pairs {
                return;
            }
        }
    }
    let mut exceptions: BTreeMap<RuleId, (usize, String)> = BTreeMap::new();
    let mut exact: Vec<RuleId> = index.exact.values().copied().collect();
    exact.sort_unstable();
    for id in exact {
        let Some((rule, Subject::Arn(exact))) = rule(lists, id).map(|r| (r, &r.subject)) else { continue };
        let Ok(arn) = Arn::parse(&exact.key) else { continue };
        let written = written_canonical(&exact.text);
        if let Principal::Role { name, .. } = &arn.principal
            && let Some(winner) = SsoRole::of_role(arn.partition, arn.account, name).and_then(|r| index.sso.get(&r))
        {
            exceptions.entry(*winner).or_insert_with(|| (0, refer(&rule.place))).0 += 1;
        }
        for other in index.patterns.get(&(arn.partition, arn.account)).into_iter().flatten() {
            pairs += 1;
            if pairs > max_pairs {
                return;
            }
            if let Some(Subject::Pattern(p)) = self::rule(lists, *other).map(|r| &r.subject)
                && p.matches_canonical(&written)
            {
                exceptions.entry(*other).or_insert_with(|| (0, refer(&rule.place))).0 += 1;
            }
        }
    }
    for (id, (count, first)) in exceptions {
        let Some(rule) = rule(lists, id) else { continue };
        let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let message = format!("{first}{others} would match here too; exact rules win");
        push(findings, about(&rule.place, Code::Overlap, message));
    }
}

/// The canonical form of an ARN in the letter case that it was written in, as patterns need it.
pub(crate) fn written_canonical(text: &str) -> String {
    let Some((head, resource)) = text.rsplit_once(':') else { return text.to_owned() };
    match resource.strip_prefix("role/").and_then(|r| r.rsplit_once('/')) {
        Some((_, name)) => format!("{head}:role/{name}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;
    use crate::formats::aws_auth::RULES;

    /// What overlaps, with so many pairs compared.
    fn found(text: &str, max_pairs: usize) -> Vec<String> {
        let mut findings = Vec::new();
        let tree = crate::tree::Tree::from_yaml(text).unwrap();
        let list = crate::document::read_node(tree.root(), List::Roles, RULES, &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        let lists = [list];
        overlaps(&lists, &Index::new(&lists, false), max_pairs, &mut findings);
        findings.iter().map(|f| format!("{} {}: {}", f.code, f.index.unwrap(), f.message)).collect()
    }

    #[test]
    fn as_many_pairs_are_compared_as_may_be() {
        // Three pairs of patterns, the last of which overlap; nine of a pattern and an exact rule.
        let rules = [("arnPattern", "a*"), ("arnPattern", "b*"), ("arnPattern", "bc*")];
        let exact = [("rolearn", "bcd"), ("rolearn", "bd"), ("rolearn", "ax")];
        let text: String = rules
            .iter()
            .chain(&exact)
            .map(|(key, name)| format!("- {key}: arn:aws:iam::123456789012:role/{name}\n  username: u\n"))
            .collect();
        let shadowed = "shadowed 2: mapRoles[1] (line 3) comes first and matches everybody whom this one matches; this one never does";
        let all = [
            shadowed,
            "overlap 0: mapRoles[5] (line 11) would match here too; exact rules win",
            "overlap 1: mapRoles[3] (line 7) and 1 more would match here too; exact rules win",
            "overlap 2: mapRoles[3] (line 7) would match here too; exact rules win",
        ];
        assert_eq!(found(&text, 12), all);
        assert_eq!(found(&text, 11), [shadowed]);
        assert_eq!(found(&text, 2), [shadowed]);
        assert_eq!(found(&text, 1), [""; 0]);
    }

    #[test]
    fn an_sso_rule_says_how_many_exceptions_it_has() {
        let role = |suffix: &str| {
            format!("- rolearn: arn:aws:iam::123456789012:role/AWSReservedSSO_View_{suffix}\n  username: u\n")
        };
        let sso = "- sso: {permissionSetName: View, accountID: '123456789012'}\n  username: u\n";
        let text = format!("{sso}{}{}", role("0123456789abcdef"), role("fedcba9876543210"));
        let message = "overlap 0: mapRoles[1] (line 3) and 1 more would match here too; exact rules win";
        assert_eq!(found(&text, MAX_PAIRS), [message]);
    }
}
