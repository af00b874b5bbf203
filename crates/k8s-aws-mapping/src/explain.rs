//! Why a caller is who it is here, or nobody.

use crate::check::written_canonical;
use crate::findings::{Code, quoted};
use crate::near::{Near, Verdict, near_lost, near_rule};
use crate::resolve::{Found, find};
use crate::rule::{Place, Subject};
use crate::{BackendMode, List, Reason, Resolution, RuleRef, Snapshot, tree::Position};
use k8s_aws_identity::CallerIdentity;
use serde::Serialize;
use std::fmt;

/// How many entries an explanation lists. The ones that matter come first within each backend.
pub const MAX_CONSIDERED: usize = 100;

/// What [`Snapshot::explain`] found out, as data (serde) and as text (`Display`).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The caller's ARN as STS told it.
    pub arn: String,
    /// The ARN that rules are compared with.
    pub canonical_arn: String,
    /// The caller's unique id.
    pub user_id: String,
    /// The session name, of callers that have one.
    pub session_name: Option<String>,
    /// What resolving gives.
    pub outcome: Outcome,
    /// The entries that match or nearly do.
    pub considered: Vec<Considered>,
    /// How many more entries came near than [`MAX_CONSIDERED`].
    pub more: usize,
    /// The backends that have not told their mappings.
    pub not_synced: Vec<BackendMode>,
}

/// The result of resolving.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The caller is this user.
    Mapped {
        /// The username.
        username: String,
        /// The groups.
        groups: Vec<String>,
        /// The rule that won.
        rule: RuleRef,
    },
    /// The private DNS name of an instance is needed to tell.
    NeedsInstance {
        /// The instance.
        instance_id: String,
        /// The rule that won.
        rule: RuleRef,
    },
    /// Nobody; `definite` tells whether asking again is of use.
    Refused {
        /// Whether the API server may cache it.
        definite: bool,
        /// Why.
        reason: Reason,
        /// The same in words.
        message: String,
        /// The rule at fault.
        rule: Option<RuleRef>,
        /// The name that was refused.
        name: Option<String>,
        /// The reserved prefix that stopped it.
        reserved_prefix: Option<String>,
    },
}

/// An entry that matches the caller or nearly does.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Considered {
    /// The backend.
    pub backend: BackendMode,
    /// The list.
    pub list: List,
    /// The index in the list, from 0.
    pub index: u32,
    /// Where it stands in the text.
    pub position: Option<Position>,
    /// The name of the `IAMIdentityMapping` object.
    pub object: Option<String>,
    /// Whom the entry is for, as it is spelt.
    pub subject: String,
    /// What became of it.
    pub why: Near,
    /// The same in words, with what to change.
    pub text: String,
}

impl Snapshot {
    /// Tells why a caller is mapped as it is: the rule that won, and every entry that came near and why it did not.
    ///
    /// Takes time proportional to the number of entries; it is for people, not for every login.
    pub fn explain(&self, caller: &CallerIdentity) -> Explanation {
        self.explain_with(caller, None)
    }

    /// As [`explain`](Self::explain), with the private DNS name that EC2 tells for the caller's instance.
    pub fn explain_with(&self, caller: &CallerIdentity, private_dns_name: Option<&str>) -> Explanation {
        let resolution = match (self.resolve(caller), private_dns_name) {
            (Resolution::Needs(lookup), Some(name)) => lookup.resume(name),
            (resolution, _) => resolution,
        };
        let key = caller.canonical_arn().to_ascii_lowercase();
        let mut considered = Vec::new();
        let mut decided = false;
        for backend in self.backends() {
            let Some(document) = backend.document() else { continue };
            let found = find(document, caller, &key, self.options().sso_role_match);
            let winner = found.and_then(|f| match f {
                Found::Rule(id, _) => document.rule(id).map(|r| &r.place),
                Found::Account(id) => document.account(id).map(|a| &a.place),
            });
            let sso = self.options().sso_role_match;
            let mut entries = Vec::new();
            for rule in document.rules() {
                let Some(mut verdict) = near_rule(rule, document, caller, &key, sso) else { continue };
                if verdict.near == Near::Won {
                    verdict = fate(&rule.place, winner, decided, verdict);
                }
                entries.push(considered_entry(
                    backend.mode(),
                    &rule.place,
                    subject_text(&rule.subject, &rule.user_id),
                    verdict,
                ));
            }
            for account in document.accounts().filter(|a| a.account == caller.account()) {
                let verdict = Verdict::new(Near::Won, "every caller of this account is mapped");
                let verdict = fate(&account.place, winner, decided, verdict);
                entries.push(considered_entry(backend.mode(), &account.place, account.account.to_string(), verdict));
            }
            for lost in document.lost_entries() {
                let Some((subject, verdict)) = near_lost(lost, caller, &key) else { continue };
                entries.push(considered_entry(backend.mode(), &lost.place, subject, verdict));
            }
            entries.sort_by_key(|e| (e.why != Near::Won, e.why));
            considered.extend(entries);
            decided |= found.is_some();
        }
        let more = considered.len().saturating_sub(MAX_CONSIDERED);
        considered.truncate(MAX_CONSIDERED);
        Explanation {
            arn: caller.arn().to_owned(),
            canonical_arn: caller.canonical_arn().to_owned(),
            user_id: caller.user_id().to_owned(),
            session_name: caller.session_name().map(str::to_owned),
            outcome: outcome(resolution),
            considered,
            more,
            not_synced: self.not_synced().collect(),
        }
    }
}

/// An entry that matches either won, or another one did.
fn fate(place: &Place, winner: Option<&Place>, decided: bool, verdict: Verdict) -> Verdict {
    match winner {
        _ if decided => Verdict::new(Near::Shadowed, "it matches, but a backend that is asked earlier decided already"),
        Some(winner) if winner != place => {
            let winner = crate::check::refer(winner);
            Verdict::new(Near::Shadowed, format!("it matches, but {winner} goes first"))
        }
        _ => verdict,
    }
}

fn subject_text(subject: &Subject, user_id: &Option<Box<str>>) -> String {
    match subject {
        Subject::Arn(exact) => exact.text.to_string(),
        Subject::Sso(role) => {
            format!("sso {} {} {}", role.permission_set_as_written(), role.account(), role.partition())
        }
        Subject::Pattern(pattern) => pattern.source().to_owned(),
        Subject::UserIdOnly => user_id.as_deref().unwrap_or_default().to_owned(),
        Subject::Nobody { text } => text.to_string(),
    }
}

fn considered_entry(backend: BackendMode, place: &Place, subject: String, verdict: Verdict) -> Considered {
    Considered {
        backend,
        list: place.list,
        index: place.index,
        position: place.span.map(|s| s.start),
        object: place.object.as_deref().map(str::to_owned),
        subject,
        why: verdict.near,
        text: verdict.text,
    }
}

fn outcome(resolution: Resolution) -> Outcome {
    let refused = |definite, refusal: crate::Refusal| Outcome::Refused {
        definite,
        reason: refusal.reason,
        message: refusal.to_string(),
        rule: refusal.rule,
        name: refusal.name,
        reserved_prefix: refusal.reserved_prefix,
    };
    match resolution {
        Resolution::Mapped(user) => Outcome::Mapped { username: user.username, groups: user.groups, rule: user.rule },
        Resolution::Needs(lookup) => {
            Outcome::NeedsInstance { instance_id: lookup.instance_id().to_string(), rule: lookup.rule().clone() }
        }
        Resolution::NotMapped(refusal) => refused(true, refusal),
        Resolution::Unavailable(refusal) => refused(false, refusal),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "caller:       {}", self.arn)?;
        writeln!(f, "looked up as: {}", self.canonical_arn)?;
        match &self.outcome {
            Outcome::Mapped { username, groups, rule } => {
                writeln!(f, "result:       user {}", quoted(username))?;
                let groups: Vec<_> = groups.iter().map(|g| quoted(g)).collect();
                let none = if groups.is_empty() { "none" } else { "" };
                writeln!(f, "groups:       {none}{}", groups.join(", "))?;
                writeln!(f, "by rule:      {rule}")?;
            }
            Outcome::NeedsInstance { instance_id, rule } => {
                writeln!(f, "result:       depends on the private DNS name of instance {instance_id}")?;
                writeln!(f, "by rule:      {rule}")?;
            }
            Outcome::Refused { definite, reason, message, name, .. } => {
                let word = if *definite { "refused" } else { "no answer now" };
                writeln!(f, "result:       {word} ({reason}): {message}")?;
                if let Some(name) = name {
                    writeln!(f, "the name:     {}", quoted(name))?;
                }
            }
        }
        let told = matches!(&self.outcome, Outcome::Refused { definite: false, reason: Reason::NotSynced, .. });
        if !self.not_synced.is_empty() && !told {
            let names: Vec<_> = self.not_synced.iter().map(|m| m.as_str()).collect();
            writeln!(f, "not read yet: {}", names.join(", "))?;
        }
        let hits = self.considered.iter().filter(|c| c.why == Near::Won);
        let misses: Vec<_> = self.considered.iter().filter(|c| c.why != Near::Won).collect();
        for hit in hits {
            writeln!(f, "\nThe rule that matches:\n{hit}")?;
        }
        match (misses.is_empty(), &self.outcome) {
            (false, _) => writeln!(f, "\nEntries that came near:")?,
            (true, Outcome::Refused { reason: Reason::NotMapped, .. }) => {
                writeln!(f, "\nNo entry comes near. To let this caller in, add to `mapRoles` or `mapUsers`:")?;
                let key = if self.canonical_arn.contains(":role/") { "rolearn" } else { "userarn" };
                writeln!(f, "  - {key}: {}\n    username: …\n    groups: […]", written_canonical(&self.canonical_arn))?;
            }
            _ => {}
        }
        for miss in misses {
            writeln!(f, "{miss}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Considered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "- {} {}", self.backend, self.list)?;
        match &self.object {
            Some(object) => write!(f, " `{object}`")?,
            None => write!(f, "[{}]", self.index)?,
        }
        if let Some(at) = self.position {
            write!(f, ", line {}", at.line)?;
        }
        write!(f, ": {}\n    {}", quoted(&self.subject), self.text)
    }
}

/// What an ignored entry's code means for somebody who waits to be let in.
pub(crate) fn why_lost(code: Code) -> &'static str {
    match code {
        Code::Syntax => "the entry is not YAML or JSON and is ignored as a whole",
        Code::ArnMissing => "the entry has this ARN under a key that means nothing here",
        Code::ArnTwice => "the entry says in more than one way whom it is for, and is ignored until one is left",
        Code::WrongShape => "a value of the entry has the wrong shape, so the entry is ignored",
        Code::ArnMalformed => "the ARN is not spelt right, so the entry is ignored",
        Code::UserIdMissing => "the entry has no `userid`, and with strict user ids entries are found by it",
        Code::AccountMalformed => "the account is not spelt with 12 digits, so it is ignored",
        _ => "the entry is ignored",
    }
}
