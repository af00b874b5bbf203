//! Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

use super::Source;
use k8s_aws_auth::mapping::{Finding, Severity};

pub(super) fn render(sources: &[Source]) -> String {
    let all = sources.iter().flat_map(|source| source.findings.iter().map(move |finding| (source, finding)));
    all.map(|(source, finding)| command(&source.name, finding)).collect()
}

fn command(file: &str, finding: &Finding) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        _ => "notice",
    };
    let mut properties = vec![("file", file.to_owned())];
    if let Some(span) = finding.span.filter(|span| span.start.line > 0) {
        properties.push(("line", span.start.line.to_string()));
        properties.push(("endLine", span.end.line.to_string()));
        // Columns are only looked at within one line.
        if span.start.line == span.end.line {
            properties.push(("col", span.start.column.to_string()));
            properties.push(("endColumn", span.end.column.to_string()));
        }
    }
    properties.push(("title", finding.code.to_string()));
    let properties: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    format!("::{command} {}::{}\n", properties.join(","), data(&finding.message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
