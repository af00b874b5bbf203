//! The one table that comes out of it.

use std::fmt::Write;

/// A figure of both programs.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) load: String,
    pub(crate) measure: &'static str,
    pub(crate) ours: Option<f64>,
    pub(crate) go: Option<f64>,
}

/// The rows as a table in Markdown, with the ratio ours : Go.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut table = String::from("| load | measure | ours | Go | ours : Go |\n|---|---|---:|---:|---:|\n");
    let mut last = "";
    for row in rows {
        let load = if row.load == last { "" } else { &row.load };
        last = &row.load;
        let ratio = row.ours.zip(row.go).filter(|(_, go)| *go != 0.0).map(|(ours, go)| ours / go);
        let _ = writeln!(
            table,
            "| {load} | {} | {} | {} | {} |",
            row.measure,
            figure(row.ours),
            figure(row.go),
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
        );
    }
    table
}

/// Three digits that mean something.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_both_and_a_load_is_named_once() {
        let row = |load: &str, ours, go| Row { load: load.to_owned(), measure: "m", ours: Some(ours), go };
        let table = markdown(&[row("a", 1.0, Some(4.0)), row("a", 150.4, None), row("b", 0.0, Some(0.0))]);
        assert!(
            table.ends_with("| a | m | 1.00 | 4.00 | 0.25 |\n|  | m | 150 | – | – |\n| b | m | 0 | 0 | – |\n"),
            "{table}"
        );
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
