//! A line of the log, in either of its two forms.

use serde_json::{Map, Value};

/// A line, as it was written and taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) raw: String,
    pub(crate) fields: Map<String, Value>,
}

impl Line {
    /// JSON, or logrus' text. What is neither has no fields.
    pub(crate) fn parse(raw: &str) -> Self {
        let fields = match serde_json::from_str(raw) {
            Ok(Value::Object(fields)) => fields,
            _ => logrus_text(raw).unwrap_or_default(),
        };
        Self { raw: raw.to_owned(), fields }
    }

    /// A text among the fields; empty where there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.text("msg")
    }

    pub(crate) fn level(&self) -> &str {
        self.text("level")
    }

    /// Whether this is a line with that message and that field.
    pub(crate) fn is(&self, message: &str, key: &str, value: &str) -> bool {
        self.message() == message && self.text(key) == value
    }

    /// The fields without what changes from one run to the next.
    pub(crate) fn steady_fields(&self) -> Value {
        let mut fields = self.fields.clone();
        for key in ["time", "client", "duration_us"] {
            fields.remove(key);
        }
        Value::Object(fields)
    }
}

/// `key=bare key="quo\"ted"`, and nothing else.
fn logrus_text(line: &str) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        if key.is_empty() || key.contains([' ', '"']) {
            return None;
        }
        let (value, length) = match after.starts_with('"') {
            true => {
                let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
                (values.next()?.ok()?, values.byte_offset())
            }
            false => {
                let length = after.find(' ').unwrap_or(after.len());
                (after.get(..length)?.to_owned(), length)
            }
        };
        rest = after.get(length..)?;
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        fields.insert(key.to_owned(), Value::String(value));
    }
    Some(fields)
}

#[test]
fn both_forms_of_the_log_are_read() {
    for raw in [
        r#"time=x level=info msg="access granted" arn="a:\"b\"""#,
        r#"{"level":"info","msg":"access granted","arn":"a:\"b\""}"#,
    ] {
        let line = Line::parse(raw);
        assert!(line.is("access granted", "arn", "a:\"b\""), "{line:?}");
        assert_eq!(line.level(), "info");
    }
    assert!(Line::parse("Error: no = sign").fields.is_empty());
}
