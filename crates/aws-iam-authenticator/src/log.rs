//! The program's log: one line an event on standard error, in the forms of the Go program (logrus text and JSON).
//!
//! It is no subscriber of anybody else's log. HTTP and TLS libraries write URLs and headers into theirs at their most
//! verbose levels, and the URL of a request to STS is a bearer secret: no level of this log ever shows a line of theirs.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::SystemTime;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `time="…" level=info msg="…" key=value`, keys sorted.
    #[default]
    Text,
    /// One JSON object a line, keys sorted.
    Json,
}

/// How much is written: everything up to and including this level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what ends the program.
    Fatal,
    /// Faults that somebody should look at.
    Error,
    /// Refusals and oddities.
    Warning,
    /// Logins and changes of state.
    #[default]
    Info,
    /// What was decided and why.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Reads a level's name as logrus does; `panic` is the lowest there and the same as `fatal` here.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "panic" | "fatal" => Self::Fatal,
            "error" => Self::Error,
            "warn" | "warning" => Self::Warning,
            "info" => Self::Info,
            "debug" => Self::Debug,
            "trace" => Self::Trace,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A text that was made for the log.
    Owned(String),
    /// A number.
    Number(u64),
    /// A list of texts: `[a b]` in text, a list in JSON.
    List(&'a [String]),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}
impl<'a> From<&'a [String]> for Value<'a> {
    fn from(list: &'a [String]) -> Self {
        Self::List(list)
    }
}

/// A field of a line.
pub type Field<'a> = (&'a str, Value<'a>);

/// Where the lines go.
pub struct Log {
    format: Format,
    level: Level,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Log {
    /// A log on standard error.
    pub fn to_stderr(format: Format, level: Level) -> Self {
        Self::to_writer(format, level, Box::new(io::stderr()))
    }

    /// A log to anything else.
    pub fn to_writer(format: Format, level: Level, out: Box<dyn Write + Send>) -> Self {
        Self { format, level, out: Mutex::new(out) }
    }

    /// Whether lines of this level are written.
    pub fn writes(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes a line. A log that cannot be written is no reason to stop logging people in, so that fault is dropped.
    pub fn write(&self, level: Level, message: &str, fields: &[Field<'_>]) {
        if self.writes(level) {
            let line = self.line(SystemTime::now(), level, message, fields);
            let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let _ = out.write_all(line.as_bytes());
        }
    }

    /// [`Log::write`] at level info.
    pub fn info(&self, message: &str, fields: &[Field<'_>]) {
        self.write(Level::Info, message, fields);
    }

    /// [`Log::write`] at level warning.
    pub fn warning(&self, message: &str, fields: &[Field<'_>]) {
        self.write(Level::Warning, message, fields);
    }

    /// [`Log::write`] at level error.
    pub fn error(&self, message: &str, fields: &[Field<'_>]) {
        self.write(Level::Error, message, fields);
    }

    fn line(&self, now: SystemTime, level: Level, message: &str, fields: &[Field<'_>]) -> String {
        let whole_second = OffsetDateTime::from(now).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let time = whole_second.format(&Rfc3339).unwrap_or_default();
        let mut fields: Vec<&Field<'_>> = fields.iter().collect();
        match self.format {
            Format::Text => {
                fields.sort_by_key(|(key, _)| *key);
                let mut line = format!("time={} level={} msg={}", quoted(&time), level.name(), quoted(message));
                for (key, value) in fields {
                    line.push(' ');
                    line.push_str(key);
                    line.push('=');
                    match value {
                        Value::Text(text) => line.push_str(&quoted(text)),
                        Value::Owned(text) => line.push_str(&quoted(text)),
                        Value::Number(number) => line.push_str(&number.to_string()),
                        Value::List(list) => line.push_str(&quoted(&format!("[{}]", list.join(" ")))),
                    }
                }
                line.push('\n');
                line
            }
            Format::Json => {
                let fixed = [("time", Value::Owned(time)), ("level", level.name().into()), ("msg", message.into())];
                fields.extend(&fixed);
                fields.sort_by_key(|(key, _)| *key);
                let members: Vec<String> =
                    fields.iter().map(|(key, value)| format!("{}:{}", json(key), json_value(value))).collect();
                format!("{{{}}}\n", members.join(","))
            }
        }
    }
}

/// A value as logrus writes it: bare where it has only harmless characters, quoted and escaped otherwise, so that nothing
/// in it can end a line or look like another field.
fn quoted(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { json(text) }
}

fn json_value(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => json(text),
        Value::Owned(text) => json(text),
        Value::Number(number) => number.to_string(),
        Value::List(list) => serde_json::Value::from(list.to_vec()).to_string(),
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn line(format: Format, fields: &[Field<'_>]) -> String {
        let log = Log::to_writer(format, Level::Info, Box::new(io::sink()));
        log.line(UNIX_EPOCH + Duration::from_millis(1_578_384_563_999), Level::Info, "access granted", fields)
    }

    #[test]
    fn lines_are_those_of_logrus() {
        let groups = ["a".to_owned(), "b c".to_owned()];
        let fields = [
            ("username", "kube admin".into()),
            ("arn", "arn:aws:iam::1:root".into()),
            ("groups", Value::List(&groups)),
        ];
        assert_eq!(
            line(Format::Text, &fields),
            "time=\"2020-01-07T08:09:23Z\" level=info msg=\"access granted\" arn=\"arn:aws:iam::1:root\" \
             groups=\"[a b c]\" username=\"kube admin\"\n"
        );
        assert_eq!(
            line(Format::Json, &fields),
            "{\"arn\":\"arn:aws:iam::1:root\",\"groups\":[\"a\",\"b c\"],\"level\":\"info\",\"msg\":\"access granted\",\
             \"time\":\"2020-01-07T08:09:23Z\",\"username\":\"kube admin\"}\n"
        );
    }

    #[test]
    fn no_value_ends_a_line_or_fakes_a_field() {
        let fields = [("username", "x\nlevel=info msg=\"access granted\" arn=\"".into())];
        for format in [Format::Text, Format::Json] {
            let line = line(format, &fields);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(line.matches("msg=\"access granted\" arn").count(), 0, "{line}");
        }
    }

    #[test]
    fn a_level_includes_those_before_it() {
        let log = Log::to_stderr(Format::Text, Level::Warning);
        assert!(log.writes(Level::Error) && log.writes(Level::Warning) && !log.writes(Level::Info));
        assert_eq!(Level::parse("WARN"), Some(Level::Warning));
        assert_eq!(Level::parse("loud"), None);
    }
}
