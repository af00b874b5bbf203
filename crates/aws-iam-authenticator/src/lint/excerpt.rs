//! Findings for people: the line, and carets under what is meant.

use super::Source;
use crate::output::printable;
use k8s_aws_auth::mapping::tree::Span;
use k8s_aws_auth::mapping::{Finding, Severity};
use std::fmt::Write;

/// More of a line says nothing more.
const MOST_COLUMNS: usize = 160;

pub(super) fn render(sources: &[Source]) -> String {
    let mut out = String::new();
    for source in sources {
        for finding in &source.findings {
            render_finding(&mut out, source, finding);
            out.push('\n');
        }
    }
    let count = |severity: Option<Severity>| {
        let findings = sources.iter().flat_map(|source| &source.findings);
        findings.filter(|finding| severity.is_none_or(|severity| finding.severity == severity)).count()
    };
    let files = plural(sources.len(), "source");
    let _ = match count(None) {
        0 => writeln!(out, "no findings in {files}"),
        all => writeln!(
            out,
            "{} in {files}: {}, {}, {}",
            plural(all, "finding"),
            plural(count(Some(Severity::Error)), "error"),
            plural(count(Some(Severity::Warning)), "warning"),
            plural(count(Some(Severity::Hint)), "hint")
        ),
    };
    out
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

// Writing to a `String` cannot fail.
fn render_finding(out: &mut String, source: &Source, finding: &Finding) {
    let _ = writeln!(out, "{}[{}]: {}", finding.severity.as_str(), finding.code, printable(&finding.message));
    let mut entry = finding.list.map(|list| list.to_string()).unwrap_or_default();
    match (&finding.object, finding.index) {
        (Some(object), _) => entry = format!("{entry} `{object}`"),
        (None, Some(index)) => entry = format!("{entry}[{index}]"),
        (None, None) => {}
    }
    let entry = if entry.is_empty() { entry } else { format!(" ({})", printable(entry.trim())) };
    let Some(span) = finding.span.filter(|span| span.start.line > 0) else {
        let _ = writeln!(out, " --> {}{entry}", source.name);
        return;
    };
    let number = span.start.line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(out, "{margin}--> {}:{}:{}{entry}", source.name, span.start.line, span.start.column);
    let line = source.text.lines().nth(span.start.line as usize - 1).unwrap_or_default();
    let line = printable(line.strip_prefix('\u{feff}').unwrap_or(line));
    let _ = writeln!(out, "{margin} |\n{number} | {}", cut(&line).trim_end());
    let _ = writeln!(out, "{margin} | {}", carets(&line, span).trim_end());
    if let Some(fix) = &finding.fix {
        let _ = writeln!(out, "{margin} = fix: `{}`", printable(&fix.replacement));
    }
}

fn cut(line: &str) -> String {
    line.chars().take(MOST_COLUMNS).collect()
}

/// Carets under the span, or under what of it is in this line. Tabs stay tabs, so that the carets stand where they should.
fn carets(line: &str, span: Span) -> String {
    let start = span.start.column.saturating_sub(1) as usize;
    let end = match span.end.line == span.start.line {
        true => span.end.column.saturating_sub(1) as usize,
        false => line.trim_end().chars().count(),
    };
    let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
    let before: String = line.chars().chain(std::iter::repeat(' ')).take(start).map(blank).collect();
    let under = end.saturating_sub(start).max(1);
    cut(&(before + &"^".repeat(under)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_aws_auth::mapping::tree::Position;

    fn span(line: u32, start: u32, end_line: u32, end: u32) -> Span {
        Span {
            start: Position { line, column: start, byte: 0 },
            end: Position { line: end_line, column: end, byte: 0 },
        }
    }

    #[test]
    fn carets_stand_under_what_is_meant() {
        assert_eq!(carets("  usrname: dev", span(1, 3, 1, 10)), "  ^^^^^^^");
        assert_eq!(carets("\té: x", span(1, 2, 1, 3)), "\t^", "tabs stay, characters count and not bytes");
        assert_eq!(carets("a: [1,  ", span(1, 4, 3, 2)), "   ^^^", "up to the end of the line");
        assert_eq!(carets("", span(1, 4, 1, 4)), "   ^", "a place behind everything");
        assert_eq!(carets(&"x".repeat(999), span(1, 1, 1, 999)).len(), MOST_COLUMNS);
    }
}
