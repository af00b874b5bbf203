//! The checks of a token, one by one, in the order in which they are made.

use crate::sts::Unverified;
use k8s_aws_auth::identity::EndpointKind;
use k8s_aws_auth::sts::{VerifiedCaller, Verifier, VerifyError};
use k8s_aws_auth::token::{MAX_TOKEN_LEN, MAX_URL_LEN, Token, TokenError};
use serde::Serialize;
use std::time::SystemTime;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    /// None where an earlier check failed, so that this one was not made.
    pub(super) passed: Option<bool>,
    /// The code of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    /// What holds, or why it does not.
    pub(super) detail: String,
}

/// A check by its name, what holds once it is passed, the codes of its failures, and the parameter that it needs.
struct Rule {
    name: &'static str,
    holds: &'static str,
    reasons: &'static [&'static str],
    parameter: Option<&'static str>,
}

const fn rule(name: &'static str, holds: &'static str, reasons: &'static [&'static str]) -> Rule {
    Rule { name, holds, reasons, parameter: None }
}

const fn of_parameter(
    name: &'static str,
    parameter: &'static str,
    holds: &'static str,
    reasons: &'static [&'static str],
) -> Rule {
    Rule { name, holds, reasons, parameter: Some(parameter) }
}

/// The gate's order, then the policy's.
const RULES: &[Rule] = &[
    rule("length", "not longer than any token", &["token_too_long"]),
    rule("prefix", "it starts with k8s-aws-v1.", &["token_prefix"]),
    rule("base64url", "the rest is unpadded base64url", &["token_base64"]),
    rule("url_length", "the URL is not longer than STS takes", &["token_url_too_long"]),
    rule("url_bytes", "the URL is printable ASCII", &["token_forbidden_byte"]),
    rule("scheme", "https", &["token_scheme"]),
    rule("fragment", "no fragment", &["token_fragment"]),
    rule("authority", "a host alone, without user and port", &["token_userinfo", "token_port"]),
    rule("host", "an STS endpoint of the table", &["token_host_unknown"]),
    rule("path", "/", &["token_path"]),
    rule(
        "query",
        "written as Signature Version 4 writes it, every parameter known and once",
        &["token_query_syntax", "token_parameter_unknown", "token_parameter_duplicate", "token_security_token"],
    ),
    of_parameter("action", "Action", "GetCallerIdentity", &["token_action"]),
    of_parameter("version", "Version", "2011-06-15", &["token_version"]),
    of_parameter("algorithm", "X-Amz-Algorithm", "AWS4-HMAC-SHA256", &["token_algorithm"]),
    of_parameter("date", "X-Amz-Date", "a real time", &["token_date"]),
    of_parameter(
        "credential",
        "X-Amz-Credential",
        "an access key, the day of the date, the host's region, sts",
        &["token_credential", "token_scope_region"],
    ),
    of_parameter("expires", "X-Amz-Expires", "0 to 900 seconds", &["token_expires"]),
    of_parameter(
        "signed_headers",
        "X-Amz-SignedHeaders",
        "host and x-k8s-aws-id: the token is bound to a cluster",
        &["token_cluster_unsigned", "token_signed_headers"],
    ),
    of_parameter("signature", "X-Amz-Signature", "64 hexadecimal digits", &["token_signature"]),
    rule("partition", "the server's partition", &["token_wrong_partition"]),
    rule("not_expired", "signed within the last 15 minutes", &["token_expired"]),
    rule("not_ahead", "not signed in the future", &["token_not_yet_valid"]),
];

impl Check {
    pub(super) fn not_done(name: &'static str, detail: &str) -> Self {
        Self { name, passed: None, reason: None, detail: detail.to_owned() }
    }

    fn failed(name: &'static str, error: &VerifyError) -> Self {
        Self { name, passed: Some(false), reason: Some(error.reason()), detail: error.to_string() }
    }

    /// What STS said.
    pub(super) fn of_sts(verified: &Result<VerifiedCaller, Unverified>) -> Self {
        match verified {
            Ok(caller) => {
                let detail =
                    format!("{} vouches for the caller, for cluster {}", caller.endpoint().host(), caller.cluster());
                Self { name: "sts", passed: Some(true), reason: None, detail }
            }
            Err(unverified) => Self::failed("sts", &unverified.error),
        }
    }
}

/// Every check before STS is asked: those before `error` passed, the ones behind it were not made.
pub(super) fn of(error: Option<&VerifyError>) -> Vec<Check> {
    let missing = match error {
        Some(VerifyError::Token(TokenError::MissingParameter { name })) => Some(*name),
        _ => None,
    };
    let fails = |rule: &Rule| match (error, missing) {
        (None, _) => false,
        (Some(_), Some(parameter)) => rule.parameter == Some(parameter),
        (Some(error), None) => rule.reasons.contains(&error.reason()),
    };
    let failing = RULES.iter().position(fails);
    let check = |(at, rule): (usize, &Rule)| match (error, failing) {
        (Some(error), Some(failing)) if at == failing => Check::failed(rule.name, error),
        (Some(_), Some(failing)) if at < failing => passed(rule),
        (None, _) => passed(rule),
        _ => Check::not_done(rule.name, "not looked at"),
    };
    let mut checks: Vec<Check> = RULES.iter().enumerate().map(check).collect();
    // A refusal that is newer than this table.
    checks.extend(error.filter(|_| failing.is_none()).map(|error| Check::failed("token", error)));
    checks
}

fn passed(rule: &Rule) -> Check {
    let detail = match rule.name {
        "length" => format!("at most {MAX_TOKEN_LEN} bytes"),
        "url_length" => format!("at most {MAX_URL_LEN} bytes, as STS has it"),
        _ => rule.holds.to_owned(),
    };
    Check { name: rule.name, passed: Some(true), reason: None, detail }
}

/// What a token says of itself. Nothing of it is secret, and nothing of it is proven.
#[derive(Serialize)]
pub(super) struct TokenFacts {
    pub(super) host: String,
    pub(super) region: String,
    pub(super) endpoint: &'static str,
    pub(super) access_key_id: String,
    pub(super) signed_at: String,
    pub(super) expires_at: String,
    /// Negative: signed in the future.
    pub(super) age_seconds: i64,
    pub(super) x_amz_expires: u16,
}

impl TokenFacts {
    /// None where the text is no token.
    pub(super) fn of(text: &str, verifier: &Verifier, now: SystemTime) -> Option<Self> {
        let token = Token::decode(text, verifier.policy().endpoints()).ok()?;
        let endpoint = token.endpoint();
        let age = OffsetDateTime::from(now) - OffsetDateTime::from(token.signed_at());
        Some(Self {
            host: endpoint.host().to_owned(),
            region: endpoint.region().to_string(),
            endpoint: match endpoint.kind() {
                EndpointKind::Regional => "regional",
                EndpointKind::Fips => "fips",
                EndpointKind::DualStack => "dual-stack",
                EndpointKind::FipsDualStack => "fips dual-stack",
                EndpointKind::Global => "global",
                _ => "other",
            },
            access_key_id: token.access_key_id().as_str().to_owned(),
            signed_at: rfc3339(token.signed_at()),
            expires_at: rfc3339(token.expires_at()),
            age_seconds: age.whole_seconds(),
            x_amz_expires: token.amz_expires(),
        })
    }
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The codes that a source file of another crate gives.
    fn codes(source: &str) -> BTreeSet<&str> {
        let code = |text: &'static str| move |line: &&str| line.contains(text);
        let lines = source.lines().filter(code("=> \"token_"));
        lines.filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn every_code_of_the_gate_and_the_policy_has_one_check() {
        let known =
            [include_str!("../../../k8s-aws-token/src/error.rs"), include_str!("../../../k8s-aws-sts/src/error.rs")];
        let mut known: BTreeSet<&str> = known.iter().flat_map(|source| codes(source)).collect();
        assert!(known.len() > 25, "{known:?}");
        assert!(known.remove("token_parameter_missing"), "told by its parameter");
        let listed: Vec<&str> = RULES.iter().flat_map(|rule| rule.reasons).copied().collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(listed.len(), known.len(), "none twice");
    }

    #[test]
    fn what_comes_before_the_failure_passed_and_what_comes_behind_was_not_looked_at() {
        let error = VerifyError::Token(TokenError::MissingParameter { name: "X-Amz-Date" });
        let checks = of(Some(&error));
        let at = checks.iter().position(|check| check.name == "date").unwrap();
        assert_eq!((checks[at].passed, checks[at].reason), (Some(false), Some("token_parameter_missing")));
        assert!(checks[..at].iter().all(|check| check.passed == Some(true)));
        assert!(checks[at + 1..].iter().all(|check| check.passed.is_none()));
        assert!(of(None).iter().all(|check| check.passed == Some(true)));
    }
}
