//! What is shown.

use crate::WebhookProcess;
use crate::scenes::CLUSTER;
use k8s_aws_auth::identity::AmzDate;
use k8s_aws_auth::tokenreview::UserInfo;
use k8s_aws_fake::FakeAws;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

pub(crate) struct Report {
    proxy: String,
    webhook: String,
    pub(crate) logins: Vec<Login>,
    pub(crate) refusals: Vec<Refusal>,
}

/// A caller who was let in, step by step.
pub(crate) struct Login {
    pub(crate) title: &'static str,
    pub(crate) token_bytes: usize,
    pub(crate) token_expires_at: SystemTime,
    pub(crate) minted_in: Duration,
    pub(crate) sts: Option<StsRequest>,
    pub(crate) sts_took: Option<Duration>,
    pub(crate) identity: String,
    pub(crate) rule: String,
    pub(crate) status: u16,
    pub(crate) user: UserInfo,
    pub(crate) took: Duration,
    pub(crate) as_meant: bool,
}

/// What arrived at the fake STS; the query, which is a bearer secret, left out.
pub(crate) struct StsRequest {
    pub(crate) line: String,
    pub(crate) cluster: String,
}

/// A token that was refused.
pub(crate) struct Refusal {
    pub(crate) title: &'static str,
    pub(crate) reason: String,
    pub(crate) explanation: String,
    pub(crate) asked_sts: bool,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) as_meant: bool,
}

impl Report {
    pub(crate) fn new(aws: &FakeAws, webhook: &WebhookProcess) -> Self {
        Self { proxy: aws.proxy_url(), webhook: webhook.address.clone(), logins: Vec::new(), refusals: Vec::new() }
    }

    pub(crate) fn all_as_meant(&self) -> bool {
        !self.logins.is_empty()
            && !self.refusals.is_empty()
            && self.logins.iter().all(|login| login.as_meant)
            && self.refusals.iter().all(|refusal| refusal.as_meant)
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "a fake AWS behind the proxy {}; the webhook server on {} for cluster {CLUSTER}",
            self.proxy, self.webhook
        )?;
        writeln!(out, "\nTOKENS THAT ARE ACCEPTED")?;
        for (number, login) in self.logins.iter().enumerate() {
            writeln!(out, "\n{}. {}{}", number + 1, login.title, mark(login.as_meant))?;
            let expires = AmzDate::from_time(login.token_expires_at).map(|date| date.to_string()).unwrap_or_default();
            let token = format!("k8s-aws-v1.…, {} bytes, good until {expires}", login.token_bytes);
            step(out, "token", &token, Some(login.minted_in))?;
            match &login.sts {
                Some(sts) => {
                    let request = format!("{}, x-k8s-aws-id: {}", sts.line, sts.cluster);
                    step(out, "to STS", &request, login.sts_took)?;
                }
                None => step(out, "to STS", "nothing", None)?,
            }
            step(out, "identity", &login.identity, None)?;
            step(out, "rule", &login.rule, None)?;
            let groups = login.user.groups.join(", ");
            let answer = format!("HTTP {}: user {}, groups {groups}", login.status, login.user.username);
            step(out, "answer", &answer, Some(login.took))?;
        }
        writeln!(out, "\nTOKENS THAT ARE REFUSED")?;
        for (number, refusal) in self.refusals.iter().enumerate() {
            writeln!(out, "\n{}. {}{}", number + 1, refusal.title, mark(refusal.as_meant))?;
            step(out, "to STS", if refusal.asked_sts { "sent, and rejected there" } else { "nothing" }, None)?;
            step(out, "reason", &refusal.reason, None)?;
            step(out, "", &refusal.explanation, None)?;
            step(out, "answer", &format!("HTTP {}: not authenticated", refusal.status), Some(refusal.took))?;
        }
        let verdict =
            if self.all_as_meant() { "every step came out as meant" } else { "NOT EVERY STEP CAME OUT AS MEANT" };
        writeln!(out, "\n{verdict}")
    }

    pub(crate) fn to_json(&self) -> String {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let login = |login: &Login| {
            json!({
                "title": login.title,
                "token": {"bytes": login.token_bytes, "duration_us": micros(login.minted_in)},
                "sts": {
                    "request": login.sts.as_ref().map(|sts| sts.line.as_str()),
                    "cluster": login.sts.as_ref().map(|sts| sts.cluster.as_str()),
                    "duration_us": login.sts_took.map(micros),
                },
                "identity": login.identity,
                "rule": login.rule,
                "answer": {
                    "status": login.status,
                    "username": login.user.username,
                    "groups": login.user.groups,
                    "duration_us": micros(login.took),
                },
                "as_meant": login.as_meant,
            })
        };
        let refusal = |refusal: &Refusal| {
            json!({
                "title": refusal.title,
                "asked_sts": refusal.asked_sts,
                "reason": refusal.reason,
                "explanation": refusal.explanation,
                "answer": {"status": refusal.status, "duration_us": micros(refusal.took)},
                "as_meant": refusal.as_meant,
            })
        };
        let report = json!({
            "cluster": CLUSTER,
            "accepted": self.logins.iter().map(login).collect::<Vec<Value>>(),
            "refused": self.refusals.iter().map(refusal).collect::<Vec<Value>>(),
            "all_as_meant": self.all_as_meant(),
        });
        format!("{report:#}\n")
    }
}

fn mark(as_meant: bool) -> &'static str {
    if as_meant { "" } else { "   ← NOT AS MEANT" }
}

fn step(out: &mut String, name: &str, what: &str, took: Option<Duration>) -> std::fmt::Result {
    match took {
        Some(took) => writeln!(out, "   {name:<9} {what}   ({:.2} ms)", took.as_secs_f64() * 1000.0),
        None => writeln!(out, "   {name:<9} {what}"),
    }
}
