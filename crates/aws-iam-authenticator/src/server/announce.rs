//! The lines by which the Go program says at its start whom the configuration file maps.

use super::mappings::Mappings;
use crate::{Field, Log};
use k8s_aws_auth::identity::AccountId;
use k8s_aws_auth::mapping::rule::{Names, Rule, Subject};
use k8s_aws_auth::mapping::template::Template;
use k8s_aws_auth::mapping::{BackendMode, List};

/// Writes a line for each rule and account of the configuration file, those of scrubbed accounts left out.
pub(super) fn announce(mappings: &Mappings, scrubbed: &[AccountId], log: &Log) {
    let snapshot = mappings.snapshot();
    let file = snapshot.backends().iter().find(|backend| backend.mode() == BackendMode::MountedFile);
    let Some(document) = file.and_then(|backend| backend.document()) else { return };
    let shown = |rule: &&Rule| account(rule).is_some_and(|account| !scrubbed.contains(&account));
    document.rules().filter(shown).for_each(|rule| announce_rule(rule, log));
    for account in document.accounts().filter(|rule| !scrubbed.contains(&rule.account)) {
        log.info("mapping IAM Account", &[("accountID", account.account.to_string().into())]);
    }
}

fn account(rule: &Rule) -> Option<AccountId> {
    match &rule.subject {
        Subject::Arn(arn) => Some(arn.arn()?.account),
        Subject::Sso(sso) => Some(sso.account()),
        Subject::Pattern(pattern) => Some(pattern.account()),
        _ => None,
    }
}

fn announce_rule(rule: &Rule, log: &Log) {
    let Ok(Names { username, groups, .. }) = &rule.names else { return };
    let groups: Vec<String> = groups.iter().map(Template::to_string).collect();
    let (message, key) = match rule.place.list {
        List::Users => ("mapping IAM user", "user"),
        _ => ("mapping IAM role", "role"),
    };
    let subject: Field<'_> = match &rule.subject {
        Subject::Arn(arn) => (key, (&*arn.text).into()),
        Subject::Sso(sso) => ("sso", format!("{} {}", sso.permission_set_as_written(), sso.account()).into()),
        Subject::Pattern(pattern) => ("pattern", pattern.source().into()),
        _ => return,
    };
    log.info(message, &[subject, ("username", username.to_string().into()), ("groups", groups.as_slice().into())]);
}
