//! YAML events into a [`Tree`], within limits.

use super::{Field, Lines, MAX_ALIAS_NODES, MAX_DEPTH, MAX_DOCUMENT_BYTES, Node, Position, Span, Style, SyntaxError};
use super::{Tree, Value, simple};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::{BTreeMap, BTreeSet};

/// A collection that is being read.
struct Open {
    anchor: usize,
    start: Position,
    what: Collecting,
}

enum Collecting {
    List(Vec<Node>),
    Map { fields: Vec<Field>, key: Option<(Box<str>, Span)> },
}

struct Reader<'t> {
    lines: Lines<'t>,
    /// Bytes of a byte order mark, which the parser counts as a character but not as a column.
    bom: u32,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    alias_nodes: usize,
    root: Option<Node>,
}

pub(super) fn read(text: &str) -> Result<Tree, SyntaxError> {
    match simple::read(text) {
        Some(tree) => Ok(tree),
        None => parse(text),
    }
}

/// The full parser.
pub(super) fn parse(text: &str) -> Result<Tree, SyntaxError> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(SyntaxError::new(Position::default(), "the document is larger than 16 MiB"));
    }
    // The parser knows a byte order mark at the start only, which is the only place where one can be.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let bom = (text.len() - body.len()) as u32;
    let mut reader =
        Reader { lines: Lines::new(body), bom, open: Vec::new(), anchors: BTreeMap::new(), alias_nodes: 0, root: None };
    let mut parser = Parser::new_from_str(body);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|e| SyntaxError::new(reader.position(*e.marker()), plain_words(e.info())))?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents == 2 {
                let more_documents = Some(reader.position(span.start));
                return Ok(Tree { root: reader.root, more_documents });
            }
        }
        reader.event(event, span)?;
    }
    Ok(Tree { root: reader.root, more_documents: None })
}

impl Reader<'_> {
    fn position(&self, mark: Marker) -> Position {
        let mut at = self.lines.at(mark.line() as u32, mark.col() as u32 + 1);
        at.byte += self.bom;
        at
    }

    fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), SyntaxError> {
        let start = self.position(span.start);
        match event {
            Event::SequenceStart(anchor, _) => self.push(Open { anchor, start, what: Collecting::List(Vec::new()) }),
            Event::MappingStart(anchor, _) => {
                self.push(Open { anchor, start, what: Collecting::Map { fields: Vec::new(), key: None } })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                // One bracket or brace; the parser counts blanks and a comment behind it in.
                let closing = Position { column: start.column + 1, byte: start.byte + 1, ..start };
                let explicit = span.end.index() > span.start.index();
                let (value, last) = match open.what {
                    Collecting::List(items) => {
                        let last = items.last().map(|n| n.span.end);
                        (Value::List(items), last)
                    }
                    Collecting::Map { fields, .. } => {
                        let last = fields.last().map(|f| f.value.span.end);
                        (Value::Map(self.merge(fields)?), last)
                    }
                };
                // A block collection is closed by what follows it, so its own end is that of its last part.
                let end = if explicit { closing } else { last.unwrap_or(open.start).max(open.start) };
                self.finish(Node { span: Span { start: open.start, end }, value }, open.anchor, start)
            }
            Event::Scalar(text, style, anchor, _) => {
                let end = self.scalar_end(start, self.position(span.end), style);
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                let value = Value::Scalar { text: text.into_owned().into_boxed_str(), style };
                self.finish(Node { span: Span { start, end }, value }, anchor, start)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    return Err(SyntaxError::new(start, "an alias stands inside the value that it names"));
                };
                self.alias_nodes += size;
                if self.alias_nodes > MAX_ALIAS_NODES {
                    return Err(SyntaxError::new(start, "aliases blow the document up to more than 100,000 values"));
                }
                let node = node.clone();
                self.finish(node, 0, start)
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, open: Open) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError::new(open.start, "lists and maps nest deeper than 32 levels"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, at: Position) -> Result<(), SyntaxError> {
        if anchor != 0 {
            let size = count(&node);
            // Anchored values are copied once to be remembered, so they count as aliases do.
            self.alias_nodes += size;
            if self.alias_nodes > MAX_ALIAS_NODES {
                return Err(SyntaxError::new(at, "anchored values make up more than 100,000 values"));
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { what: Collecting::List(items), .. }) => items.push(node),
            Some(Open { what: Collecting::Map { fields, key }, .. }) => match key.take() {
                Some((key, key_span)) => fields.push(Field { key, key_span, value: node }),
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some((text, node.span)),
                    _ => return Err(SyntaxError::new(at, "a key is a list or a map; keys are plain words")),
                },
            },
        }
        Ok(())
    }

    /// Resolves `<<`: its fields come first, so that what is written out wins.
    fn merge(&mut self, fields: Vec<Field>) -> Result<Vec<Field>, SyntaxError> {
        if !fields.iter().any(|f| &*f.key == "<<") {
            return Ok(fields);
        }
        let (merges, own): (Vec<_>, Vec<_>) = fields.into_iter().partition(|f| &*f.key == "<<");
        let mut seen: BTreeSet<Box<str>> = own.iter().map(|f| f.key.clone()).collect();
        let mut all = Vec::new();
        for field in merges {
            let at = field.key_span.start;
            let sources = match field.value.value {
                Value::List(items) => items,
                _ => vec![field.value],
            };
            // Of a list of sources the earlier wins; of one key twice in a source, the last.
            for source in sources {
                let Value::Map(fields) = source.value else {
                    return Err(SyntaxError::new(at, "the merge key `<<` takes a map or a list of maps"));
                };
                all.extend(fields.into_iter().rev().filter(|f| seen.insert(f.key.clone())));
            }
        }
        all.extend(own);
        Ok(all)
    }

    /// Where a scalar's source ends: the parser counts blanks and a comment behind it in.
    fn scalar_end(&self, start: Position, end: Position, style: ScalarStyle) -> Position {
        let from = (start.byte - self.bom) as usize;
        let to = (end.byte - self.bom) as usize;
        let source = self.lines.text.get(from..to).unwrap_or_default();
        let open = |quote| source.find(quote).map(|at| at + 1);
        let length = match style {
            ScalarStyle::DoubleQuoted => open('"').and_then(|at| {
                let mut escaped = false;
                source.bytes().enumerate().skip(at).find_map(|(i, b)| {
                    let closes = b == b'"' && !escaped;
                    escaped = b == b'\\' && !escaped;
                    closes.then_some(i + 1)
                })
            }),
            ScalarStyle::SingleQuoted => open('\'').and_then(|at| {
                let bytes = source.as_bytes();
                let mut i = at;
                while let Some(b) = bytes.get(i) {
                    match (b, bytes.get(i + 1)) {
                        (b'\'', Some(b'\'')) => i += 2,
                        (b'\'', _) => return Some(i + 1),
                        _ => i += 1,
                    }
                }
                None
            }),
            ScalarStyle::Plain => Some(source.trim_end().len()),
            ScalarStyle::Literal | ScalarStyle::Folded => None,
        };
        match length.filter(|&length| length != source.len()) {
            Some(length) => {
                let mut at = self.lines.at_byte(from + length);
                at.byte += self.bom;
                at
            }
            None => end,
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(fields) => fields.iter().map(|f| count(&f.value)).sum(),
    }
}

/// The parser's words for the mistakes that people make, in theirs.
fn plain_words(info: &str) -> String {
    let hint = match info {
        i if i.contains("mapping values are not allowed") => {
            "; a line is indented unlike its neighbours, or a value with `: ` in it lacks quotes"
        }
        i if i.contains("tab") => "; indent with spaces",
        i if i.contains("did not find expected '-' indicator") => "; the line does not line up with the list above it",
        i if i.contains("did not find expected key") || i.contains("simple key expect") => {
            "; a key needs `: ` behind it and lines up with the other keys of its entry"
        }
        i if i.contains("quoted scalar") => "; a quote is not closed",
        _ => "",
    };
    format!("{info}{hint}")
}

#[cfg(test)]
mod tests {
    use super::parse as read;
    use super::*;

    fn root(text: &str) -> Node {
        read(text).unwrap_or_else(|e| panic!("{text:?}: {e}")).root.unwrap()
    }

    #[test]
    fn spans_cover_the_source_of_every_scalar_and_nothing_else() {
        let text = "\u{feff}a: é # c\r\nb: 'it''s' # c\r\nc: \"q\\\"x\"  \r\nd:\r\n  - one\r\n  - two # c\r\n";
        let node = root(text);
        let source = |key| node.get(key).unwrap().span.of(text).unwrap();
        assert_eq!(source("a"), "é");
        assert_eq!(source("b"), "'it''s'");
        assert_eq!(source("c"), "\"q\\\"x\"");
        let items = node.get("d").unwrap().as_list().unwrap();
        assert_eq!(items[1].span.of(text), Some("two"));
        assert_eq!((items[1].span.start.line, items[1].span.start.column), (6, 5));
        assert_eq!(node.get("b").unwrap().as_str(), Some("it's"));
        for scalar in ["'''a'", "'abcd''e'", "''''", "''", "\"\\\\\"", "\"a\\\"\\\"b\"", "a #b", "a"] {
            let text = format!("a: {scalar} # c\nb: d\n");
            let node = root(&text);
            assert_eq!(node.get("a").unwrap().span.of(&text), Some(scalar.split(" #").next().unwrap()));
        }
    }

    #[test]
    fn brackets_and_braces_end_where_they_end() {
        let text = "x: [{a: b}  ] # q\ny: {a: [b] }  # q\n";
        let node = root(text);
        assert_eq!(node.get("x").unwrap().span.of(text), Some("[{a: b}  ]"));
        assert_eq!(node.get("y").unwrap().span.of(text), Some("{a: [b] }"));
        assert_eq!(node.span.of(text).map(str::len), Some(30));
        let end = |line, column, byte| Position { line, column, byte };
        assert_eq!(node.get("x").unwrap().span.end, end(1, 14, 13));
        assert_eq!(node.get("y").unwrap().span.end, end(2, 13, 30));
        assert_eq!(root("\u{feff}é: [b]\n").get("é").unwrap().span.end, end(1, 7, 10));
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved_and_what_is_written_out_wins() {
        let node = root("x: &g [a, b]\ny: *g\nz: &m {k: 1, l: 2}\nw: {<<: *m, k: 3}\n");
        assert_eq!(node.get("y").unwrap().as_list().unwrap().len(), 2);
        let w = node.get("w").unwrap();
        assert_eq!(w.get("k").unwrap().as_str(), Some("3"));
        assert_eq!(w.get("l").unwrap().as_str(), Some("2"));
        let node = root("a: &a {k: 1}\nb: &b {k: 2, l: 3}\nc: {<<: *a}\nd: {<<: [*a, *b]}\n");
        assert_eq!(node.get("c").unwrap().get("k").unwrap().as_str(), Some("1"));
        let d = node.get("d").unwrap();
        assert_eq!(d.get("k").unwrap().as_str(), Some("1"), "of a list the earlier wins");
        assert_eq!(d.get("l").unwrap().as_str(), Some("3"));
        assert!(read("a: {<<: b}\n").is_err() && read("a: {<<: [b]}\n").is_err());
    }

    #[test]
    fn aliases_and_anchors_make_up_100_000_values_at_most() {
        let list = |items: usize| format!("[{}]", vec!["x"; items].join(","));
        let anchor = |size: usize| format!("a: &a {}\n", list(size - 1));
        let half = MAX_ALIAS_NODES / 2;
        assert!(read(&anchor(MAX_ALIAS_NODES)).is_ok());
        assert!(read(&anchor(MAX_ALIAS_NODES + 1)).unwrap_err().problem.contains("anchored values"));
        assert!(read(&format!("{}b: *a\n", anchor(half))).is_ok());
        assert!(read(&format!("{}b: *a\n", anchor(half + 1))).unwrap_err().problem.contains("aliases"));
    }

    #[test]
    fn a_document_has_16_mib_at_most() {
        // What stands behind the first document is not read.
        let first = "é: a\n---\n";
        let text = |length: usize| format!("{first}{}", " ".repeat(length - first.len()));
        assert!(read(&text(MAX_DOCUMENT_BYTES)).is_ok());
        assert!(read(&text(MAX_DOCUMENT_BYTES + 1)).unwrap_err().problem.contains("16 MiB"));
    }

    #[test]
    fn the_usual_mistakes_are_told_in_plain_words() {
        for (text, hint) in [
            ("- a: b\n   c: d\n", "a line is indented unlike its neighbours"),
            ("- a: b\n\t c: d\n", "indent with spaces"),
            ("- a: b\n c: d\n", "does not line up with the list above it"),
            ("a: b\n- c\n", "a key needs `: ` behind it"),
            ("- a: b\n  c d\n  e: f\n", "a key needs `: ` behind it"),
            ("- a: \"b\n", "a quote is not closed"),
        ] {
            let problem = read(text).unwrap_err().problem;
            assert!(problem.contains(hint), "{text:?}: {problem}");
        }
        assert!(!read("a: *b\n").unwrap_err().problem.contains(';'));
    }

    #[test]
    fn alias_bombs_depth_and_cycles_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..10 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(read(&bomb).unwrap_err().problem.contains("100,000"));
        assert!(read(&"[".repeat(40)).is_err());
        assert!(read(&format!("{}{}", "[".repeat(33), "]".repeat(33))).unwrap_err().problem.contains("32"));
        assert!(read("a: &a [*a]\n").is_err());
        assert!(read("{[a]: b}").is_err());
    }

    #[test]
    fn only_the_first_document_is_read() {
        let tree = read("a: 1\n---\na: 2\n").unwrap();
        assert_eq!(tree.root.unwrap().get("a").unwrap().as_str(), Some("1"));
        assert_eq!(tree.more_documents.unwrap().line, 2);
    }
}
