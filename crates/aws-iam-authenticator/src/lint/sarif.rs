//! Findings as SARIF 2.1.0 (OASIS standard, "Static Analysis Results Interchange Format").

use super::Source;
use k8s_aws_auth::mapping::tree::Span;
use k8s_aws_auth::mapping::{Code, Finding, Severity};
use serde_json::{Value, json};

pub(super) fn render(sources: &[Source]) -> Value {
    let mut codes: Vec<Code> = sources.iter().flat_map(|source| &source.findings).map(|f| f.code).collect();
    codes.sort();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = sources
        .iter()
        .flat_map(|source| source.findings.iter().map(|finding| result(source, finding, &codes)))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "aws-iam-authenticator", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    let explanation = code.explanation().split_whitespace().collect::<Vec<_>>().join(" ");
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": first_sentence(&explanation) },
        "fullDescription": { "text": explanation },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| text.get(..=first.len()).unwrap_or(text))
}

fn result(source: &Source, finding: &Finding, codes: &[Code]) -> Value {
    let artifact = json!({ "uri": uri(&source.name) });
    let mut place = json!({ "artifactLocation": artifact });
    if let Some(region) = finding.span.and_then(region) {
        place["region"] = region;
    }
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": codes.binary_search(&finding.code).unwrap_or_default(),
        "level": level(finding.severity),
        "message": { "text": finding.message },
        "locations": [{ "physicalLocation": place }],
    });
    if let Some((fix, deleted)) = finding.fix.as_ref().and_then(|fix| Some((fix, region(fix.span)?))) {
        result["fixes"] = json!([{
            "description": { "text": "put this in its place" },
            "artifactChanges": [{
                "artifactLocation": artifact,
                "replacements": [{ "deletedRegion": deleted, "insertedContent": { "text": fix.replacement } }],
            }],
        }]);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        _ => "note",
    }
}

/// Lines and columns from 1, the end exclusive: as we count them.
fn region(span: Span) -> Option<Value> {
    (span.start.line > 0).then(|| {
        json!({
            "startLine": span.start.line,
            "startColumn": span.start.column,
            "endLine": span.end.line,
            "endColumn": span.end.column,
        })
    })
}

/// A path as a URI reference (RFC 3986): relative ones stay relative, so that a scanner finds them in its checkout.
fn uri(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let mut uri = match path.as_bytes() {
        [b'/', ..] => "file://".to_owned(),
        [_, b':', ..] if cfg!(windows) => "file:///".to_owned(),
        _ => String::new(),
    };
    for byte in path.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
