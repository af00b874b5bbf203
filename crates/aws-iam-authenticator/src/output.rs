//! Answers for programs.

use crate::Failure;
use serde::Serialize;

/// Indented JSON, as the Go program writes it.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, indent)).map_err(Failure::new)?;
    text.push(b'\n');
    String::from_utf8(text).map_err(Failure::new)
}

/// YAML.
pub(crate) fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_yaml::to_string(value).map_err(Failure::new)
}

/// A text without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
