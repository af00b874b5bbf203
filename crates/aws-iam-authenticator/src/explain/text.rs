//! An explanation for people.

use super::{Report, Token, Verdict};
use crate::output::printable;
use std::fmt::Write;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    verdict(&mut out, &report.verdict);
    if let Some(token) = &report.token {
        section(&mut out, "Token");
        self::token(&mut out, token);
    }
    if let Some(caller) = &report.caller {
        section(&mut out, "Caller");
        for (name, value) in caller.lines() {
            let _ = writeln!(out, "  {name:<14} {}", printable(value));
        }
    }
    if let Some(mapping) = &report.mapping {
        section(&mut out, "Mappings");
        for line in mapping.to_string().lines() {
            let _ = writeln!(out, "{}", format!("  {}", printable(line)).trim_end());
        }
    }
    if !report.notes.is_empty() {
        section(&mut out, "Notes");
        for note in &report.notes {
            let _ = writeln!(out, "  - {}", printable(note));
        }
    }
    out
}

// Writing to a `String` cannot fail.
fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{title}");
}

fn verdict(out: &mut String, verdict: &Verdict) {
    let _ = match verdict {
        Verdict::LetIn { username, groups } => {
            let groups = if groups.is_empty() { "no groups".to_owned() } else { groups.join(", ") };
            writeln!(out, "LET IN as {} ({})", printable(username), printable(&groups))
        }
        Verdict::NothingAgainst { message } => writeln!(out, "NOTHING AGAINST IT: {message}"),
        Verdict::Refused { reason, message, remedy } => {
            writeln!(out, "REFUSED ({reason}): {}\n  {remedy}", printable(message))
        }
        Verdict::Unknown { reason, message, remedy } => {
            writeln!(out, "CANNOT BE TOLD ({reason}): {}\n  {remedy}", printable(message))
        }
    };
}

fn token(out: &mut String, token: &Token) {
    for check in &token.checks {
        let mark = match check.passed {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "-",
        };
        let reason = check.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let _ = writeln!(out, "  {mark:<6}  {:<14}  {}{reason}", check.name, check.detail);
    }
    if let Some(facts) = &token.facts {
        let age = match facts.age_seconds {
            age if age < 0 => format!("{} s in the future", -age),
            age => format!("{age} s ago"),
        };
        let _ = writeln!(out, "\n  signed for      {} ({}, {})", facts.host, facts.region, facts.endpoint);
        let _ = writeln!(out, "  signed at       {} ({age})", facts.signed_at);
        let _ = writeln!(out, "  good until      {}", facts.expires_at);
        let _ = writeln!(out, "  access key      {}", facts.access_key_id);
    }
}
