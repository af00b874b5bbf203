//! A configuration document as a tree whose every node knows where it stands.
//!
//! Both readers, [`Tree::from_yaml`] and [`Tree::from_json`], give the same tree. Scalars stay the text that the
//! document spells: `012345678901` is twelve digits here and never a number, `yes` is three letters, and what a value
//! means is up to the key that asks ([`Node::as_bool`], [`Node::as_u64`]).
//!
//! A program that keeps its other settings in the same document reads them from the tree too:
//!
//! ```
//! use k8s_aws_mapping::tree::Tree;
//!
//! let tree = Tree::from_yaml("clusterID: prod\nServer:\n  PORT: 21362\n")?;
//! let root = tree.root().unwrap();
//! let port = root.path_ignore_case(&["server", "port"]).unwrap();
//! assert_eq!(port.as_u64(), Some(21362));
//! assert_eq!((port.span.start.line, port.span.start.column), (3, 9));
//! # Ok::<(), k8s_aws_mapping::tree::SyntaxError>(())
//! ```

mod json;
mod recover;
mod simple;
mod yaml;

pub(crate) use json::JsonRead;
pub(crate) use recover::{Chunk, Section, chunks, section_of_key};
pub(crate) use simple::items as simple_items;

/// The largest document that is read, in bytes.
///
/// A ConfigMap or CRD object ends at 1 MiB (etcd's request limit, enforced by the API server). Files have no such
/// limit; 16 MiB holds about 100,000 mappings.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;
/// How deep lists and maps may nest. The deepest known format needs seven levels (an `IAMIdentityMappingList`).
pub const MAX_DEPTH: usize = 32;
/// How many nodes aliases and merge keys may add to a document. Anchors serve to share a group list among some
/// entries; "billion laughs" needs many orders of magnitude more.
pub const MAX_ALIAS_NODES: usize = 100_000;

/// A place in a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The offset in bytes, from 0.
    pub byte: u32,
}

/// A piece of a document, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Span {
    /// Where it starts.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl Span {
    /// The piece of `text`, if the span is about it.
    pub fn of<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(self.start.byte as usize..self.end.byte as usize)
    }
}

/// Why a document, or an entry of it, cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (line {}, column {})", at.line, at.column)]
pub struct SyntaxError {
    /// Where the reader gave up. The cause may be a little earlier.
    pub at: Position,
    /// What is wrong, in words of the format.
    pub problem: Box<str>,
}

impl SyntaxError {
    pub(crate) fn new(at: Position, problem: impl Into<Box<str>>) -> Self {
        Self { at, problem: problem.into() }
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes; in JSON a number, `true`, `false` or `null`.
    Plain,
    /// In single quotes.
    SingleQuoted,
    /// In double quotes; in JSON every string.
    DoubleQuoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`.
    Folded,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands. Of a value that came through an alias, where the anchored value stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, number, boolean or null, as spelt.
    Scalar {
        /// The text, quotes and escapes resolved.
        text: Box<str>,
        /// How it is written.
        style: Style,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the document, duplicates included.
    Map(Vec<Field>),
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key's text.
    pub key: Box<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text of a scalar that is not null.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether this is null: nothing at all, `~` or an unquoted `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, style: Style::Plain }
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The boolean that a scalar spells, the words of YAML 1.1 and of the Go configuration library included.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "t" | "y" | "1" => Some(true),
            "false" | "no" | "off" | "f" | "n" | "0" => Some(false),
            _ => None,
        }
    }

    /// The whole number that a scalar spells in decimal digits.
    pub fn as_u64(&self) -> Option<u64> {
        let text = self.as_str()?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The fields of a map.
    pub fn as_map(&self) -> Option<&[Field]> {
        match &self.value {
            Value::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// The value of a key, in the exact letter case; the last one of duplicates, as in Go.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().rev().find(|f| &*f.key == key).map(|f| &f.value)
    }

    /// The value of a key in any letter case; the last one of duplicates.
    pub fn get_ignore_case(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().rev().find(|f| f.key.eq_ignore_ascii_case(key)).map(|f| &f.value)
    }

    /// Follows keys, each in any letter case.
    pub fn path_ignore_case(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get_ignore_case(key))
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// A whole document.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) root: Option<Node>,
    pub(crate) more_documents: Option<Position>,
}

impl Tree {
    /// Reads the first document of a YAML stream (YAML 1.2, aliases and merge keys resolved within [`MAX_ALIAS_NODES`]).
    ///
    /// # Errors
    /// The first thing that is not YAML, or over a limit.
    pub fn from_yaml(text: &str) -> Result<Self, SyntaxError> {
        yaml::read(text)
    }

    /// Reads a JSON document (RFC 8259).
    ///
    /// # Errors
    /// The first thing that is not JSON, or over a limit.
    pub fn from_json(text: &str) -> Result<Self, SyntaxError> {
        let mut read = JsonRead::new(text);
        match read.errors.is_empty() {
            true => Ok(Self { root: read.root.take(), more_documents: None }),
            false => Err(read.errors.swap_remove(0)),
        }
    }

    /// The document's value; none where the document is empty.
    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// Where a second YAML document starts, which nobody reads.
    pub fn second_document(&self) -> Option<Position> {
        self.more_documents
    }
}

/// Where the lines of a text start; turns line and column into bytes and back.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<u32>,
    ascii: bool,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (i, b) in bytes.iter().enumerate() {
            // The YAML line breaks: LF, CR LF, and CR alone.
            if *b == b'\n' || (*b == b'\r' && bytes.get(i + 1) != Some(&b'\n')) {
                starts.push(i as u32 + 1);
            }
        }
        Self { text, starts, ascii: text.is_ascii() }
    }

    /// The line, from 1, without its line break.
    pub(crate) fn line(&self, line: u32) -> &'t str {
        let Some(&start) = (line as usize).checked_sub(1).and_then(|i| self.starts.get(i)) else { return "" };
        let end = self.starts.get(line as usize).map_or(self.text.len(), |&e| e as usize);
        self.text.get(start as usize..end).unwrap_or_default().trim_end_matches(['\r', '\n'])
    }

    pub(crate) fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Line and column, both from 1, as a position.
    pub(crate) fn at(&self, line: u32, column: u32) -> Position {
        let Some(&start) = (line as usize).checked_sub(1).and_then(|i| self.starts.get(i)) else {
            return Position { line, column, byte: self.text.len() as u32 };
        };
        let chars = column.saturating_sub(1);
        let offset = match self.ascii {
            true => chars,
            false => {
                let rest = self.text.get(start as usize..).unwrap_or_default();
                rest.char_indices().nth(chars as usize).map_or(rest.len(), |(i, _)| i) as u32
            }
        };
        Position { line, column, byte: (start + offset).min(self.text.len() as u32) }
    }

    /// A byte offset as a position.
    pub(crate) fn at_byte(&self, byte: usize) -> Position {
        let byte = byte.min(self.text.len());
        let line = self.starts.partition_point(|&s| s as usize <= byte).max(1);
        let start = self.starts.get(line - 1).map_or(0, |&s| s as usize);
        let column = match self.ascii {
            true => byte - start,
            false => self.text.get(start..byte).map_or(0, |t| t.chars().count()),
        };
        Position { line: line as u32, column: column as u32 + 1, byte: byte as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_text_and_say_what_they_mean_only_when_asked() {
        let tree = Tree::from_yaml("a: 012345678901\nb: yes\nc: ~\nd: '~'\ne: 0x10\n").unwrap();
        let root = tree.root().unwrap();
        assert_eq!(root.get("a").unwrap().as_str(), Some("012345678901"));
        assert_eq!(root.get("b").unwrap().as_bool(), Some(true));
        assert!(root.get("c").unwrap().is_null());
        assert_eq!(root.get("d").unwrap().as_str(), Some("~"));
        assert_eq!(root.get("e").unwrap().as_u64(), None);
        assert!(root.get("A").is_none());
        assert!(root.get_ignore_case("A").is_some());
    }

    #[test]
    fn a_boolean_is_a_word_of_yaml_1_1_or_of_go() {
        let read =
            |word: &str| Tree::from_yaml(&format!("a: {word}")).unwrap().root().unwrap().get("a").unwrap().as_bool();
        for word in ["true", "True", "TRUE", "yes", "on", "t", "y", "1", "'true'"] {
            assert_eq!(read(word), Some(true), "{word}");
        }
        for word in ["false", "False", "FALSE", "no", "off", "f", "n", "0", "'false'"] {
            assert_eq!(read(word), Some(false), "{word}");
        }
        for word in ["", "~", "2", "truth", "' true'", "[true]", "{true: true}"] {
            assert_eq!(read(word), None, "{word}");
        }
    }

    #[test]
    fn a_whole_number_is_decimal_digits_that_fit() {
        let read =
            |word: &str| Tree::from_yaml(&format!("a: {word}")).unwrap().root().unwrap().get("a").unwrap().as_u64();
        for (word, want) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("'21362'", Some(21362)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("+1", None),
            ("-1", None),
            ("1.0", None),
            ("1e3", None),
            ("1_000", None),
            ("''", None),
            ("[1]", None),
        ] {
            assert_eq!(read(word), want, "{word}");
        }
    }

    #[test]
    fn where_a_second_document_starts_is_told() {
        let second = |text: &str| Tree::from_yaml(text).unwrap().second_document().map(|at| (at.line, at.byte));
        assert_eq!(second("a: 1\n---\nb: 2\n"), Some((2, 5)));
        assert_eq!(second("---\na: 1\n"), None);
        assert_eq!(second("a: 1\n"), None);
    }

    #[test]
    fn positions_count_characters_and_bytes_over_every_line_break() {
        let lines = Lines::new("aé\r\nb\rcé€d\n");
        assert_eq!(lines.count(), 4);
        assert_eq!(lines.line(1), "aé");
        assert_eq!(lines.line(3), "cé€d");
        let d = lines.at(3, 4);
        assert_eq!(d.byte, 13);
        assert_eq!(lines.at_byte(13), d);
        assert_eq!(lines.at(9, 9).byte, 15, "past the end is the end");
    }
}
