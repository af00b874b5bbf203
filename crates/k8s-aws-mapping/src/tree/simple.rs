//! The YAML that people mostly write, read in one pass.
//!
//! Block lists and block maps of one-line scalars, and of one-line lists of those in brackets, in ASCII. Whatever goes beyond that, or is wrong, is none of this
//! reader's business: it gives up, and the full parser decides. What it does read, it reads as the full parser does,
//! positions included; a test compares the two. It is there because loading a full ConfigMap takes a third of the time.

use super::{Field, MAX_DOCUMENT_BYTES, Node, Position, Span, Style, Tree, Value};

/// Lists and maps within each other. The `aws-auth` form has four levels, the server's configuration six.
const MAX_DEPTH: u32 = 8;

/// Reads `text` if it is as simple as that.
pub(super) fn read(text: &str) -> Option<Tree> {
    let mut reader = Reader::new(text)?;
    let root = reader.block(reader.current?.indent, 0)?;
    // What is left is indented less than the root: not simple.
    reader.current.is_none().then_some(Tree { root: Some(root), more_documents: None })
}

/// Reads a list that is as simple as that item by item: no more than one of them is in memory at a time. Where it turns out not to
/// be, some items may have been given already. `text` is whole lines of a larger one, from `begin` on.
pub(crate) fn items(text: &str, begin: Position, mut each: impl FnMut(Node)) -> Option<()> {
    let mut reader = Reader::within(text, begin)?;
    let first = reader.current.filter(Rest::is_item)?;
    reader.items(first.indent, 0, &mut each)?;
    reader.current.is_none().then_some(())
}

/// The part of a line that is still to be read; of `- key: value`, first all of it, then `key: value`.
#[derive(Clone, Copy)]
struct Rest<'t> {
    line: u32,
    /// Where it starts in the text.
    byte: usize,
    /// The column it starts in, from 0.
    indent: u32,
    text: &'t str,
}

impl<'t> Rest<'t> {
    fn at(&self, offset: usize) -> Position {
        let offset32 = offset as u32;
        Position { line: self.line, column: self.indent + offset32 + 1, byte: self.byte as u32 + offset32 }
    }

    fn from(&self, offset: usize) -> Option<Self> {
        let text = self.text.get(offset..)?;
        Some(Self { byte: self.byte + offset, indent: self.indent + offset as u32, text, ..*self })
    }

    fn is_item(&self) -> bool {
        self.text.starts_with("- ")
    }
}

struct Reader<'t> {
    text: &'t str,
    /// How many bytes stand before it.
    before: u32,
    next: usize,
    line: u32,
    current: Option<Rest<'t>>,
}

impl<'t> Reader<'t> {
    /// At the first line.
    fn new(text: &'t str) -> Option<Self> {
        Self::within(text, Position { line: 1, column: 1, byte: 0 })
    }

    /// At the first line of a text that is whole lines of a larger one.
    fn within(text: &'t str, begin: Position) -> Option<Self> {
        if text.len() > MAX_DOCUMENT_BYTES || !text.is_ascii() {
            return None;
        }
        let mut reader = Self { text, before: begin.byte, next: 0, line: begin.line.checked_sub(1)?, current: None };
        reader.advance()?;
        Some(reader)
    }

    /// Moves to the next line that is neither blank nor a comment. None gives up.
    fn advance(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.next..)?;
            if rest.is_empty() {
                self.current = None;
                return Some(());
            }
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = rest.get(..length)?;
            let start = self.next;
            self.next = (start + length + 1).min(self.text.len());
            self.line += 1;
            let text = line.trim_start_matches(' ');
            if text.is_empty() || text.starts_with('#') {
                if line.bytes().any(|b| b.is_ascii_control()) {
                    return None;
                }
                continue;
            }
            let indent = line.len() - text.len();
            let byte = self.before as usize + start + indent;
            self.current = Some(Rest { line: self.line, byte, indent: indent as u32, text });
            return Some(());
        }
    }

    /// A list or a map in column `indent`, up to a line that is indented less.
    fn block(&mut self, indent: u32, depth: u32) -> Option<Node> {
        if depth >= MAX_DEPTH {
            return None;
        }
        match self.current?.is_item() {
            true => self.list(indent, depth),
            false => self.map(indent, depth),
        }
    }

    fn list(&mut self, indent: u32, depth: u32) -> Option<Node> {
        let mut items = Vec::new();
        let span = self.items(indent, depth, &mut |item| items.push(item))?;
        items.shrink_to_fit();
        Some(Node { span, value: Value::List(items) })
    }

    /// The items of a list, in turn. Gives its place.
    fn items(&mut self, indent: u32, depth: u32, each: &mut dyn FnMut(Node)) -> Option<Span> {
        let start = self.current?.at(0);
        let mut end = start;
        while let Some(rest) = self.current {
            if rest.indent < indent || (rest.indent == indent && !rest.is_item()) {
                break;
            }
            if rest.indent > indent {
                return None;
            }
            let blanks = rest.text.get(1..)?.len() - rest.text.get(1..)?.trim_start_matches(' ').len();
            let inner = rest.from(1 + blanks)?;
            if inner.is_item() {
                return None;
            }
            let node = match key(inner.text) {
                Some(_) => {
                    self.current = Some(inner);
                    self.map(inner.indent, depth + 1)?
                }
                None => {
                    let node = scalar(inner)?;
                    self.advance()?;
                    // Deeper lines would be part of the scalar.
                    if self.current.is_some_and(|next| next.indent > indent) {
                        return None;
                    }
                    node
                }
            };
            end = node.span.end;
            each(node);
        }
        Some(Span { start, end })
    }

    fn map(&mut self, indent: u32, depth: u32) -> Option<Node> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let start = self.current?.at(0);
        let mut fields = Vec::new();
        let mut end = start;
        while let Some(rest) = self.current {
            if rest.indent < indent {
                break;
            }
            if rest.indent > indent {
                return None;
            }
            if rest.is_item() {
                break;
            }
            let name = key(rest.text)?;
            let key_span = Span { start: rest.at(0), end: rest.at(name.len()) };
            let after = rest.text.get(name.len() + 1..)?;
            let blanks = after.len() - after.trim_start_matches(' ').len();
            let inner = rest.from(name.len() + 1 + blanks)?;
            let value = if inner.text.is_empty() || inner.text.starts_with('#') {
                self.advance()?;
                let next = self.current?;
                // A list may stand in the column of its key.
                let nested = next.indent > indent || (next.indent == indent && next.is_item());
                if !nested {
                    return None;
                }
                let mut node = self.block(next.indent, depth + 1)?;
                // To the full parser such a list starts with its first item.
                if let (Value::List(items), true) = (&node.value, next.indent == indent) {
                    node.span.start = items.first()?.span.start;
                }
                node
            } else {
                let node = if inner.text.starts_with('[') { flow(inner) } else { scalar(inner) }?;
                self.advance()?;
                if self.current.is_some_and(|next| next.indent > indent) {
                    return None;
                }
                node
            };
            end = value.span.end;
            fields.push(Field { key: name.into(), key_span, value });
        }
        fields.shrink_to_fit();
        Some(Node { span: Span { start, end }, value: Value::Map(fields) })
    }
}

/// The plain word before `: ` or `:` at the end of the line.
fn key(text: &str) -> Option<&str> {
    let length = text.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_')?;
    let name = text.get(..length)?;
    let after = text.as_bytes().get(length + 1);
    let letter = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    (letter && text.as_bytes().get(length) == Some(&b':') && matches!(after, None | Some(b' '))).then_some(name)
}

/// A scalar that ends with its line, a comment aside.
fn scalar(rest: Rest<'_>) -> Option<Node> {
    let (node, length) = word(rest, b"_./:@+=,{}*?-")?;
    ends(rest.text.get(length..)?).then_some(node)
}

/// A list in brackets that ends with its line, a comment aside.
fn flow(rest: Rest<'_>) -> Option<Node> {
    let blanks = |at: usize| rest.text.get(at..).map(|text| at + text.len() - text.trim_start_matches(' ').len());
    let byte = |at: usize| rest.text.as_bytes().get(at).copied();
    let mut items = Vec::new();
    let mut at = blanks(1)?;
    while byte(at)? != b']' {
        let (item, length) = word(rest.from(at)?, b"_./:@+=*?-")?;
        items.push(item);
        at = blanks(at + length)?;
        match byte(at)? {
            b']' => {}
            b',' => {
                at = blanks(at + 1)?;
                // A comma at the end is for the full parser.
                byte(at).filter(|b| *b != b']')?;
            }
            _ => return None,
        }
    }
    let span = Span { start: rest.at(0), end: rest.at(at + 1) };
    ends(rest.text.get(at + 1..)?).then_some(Node { span, value: Value::List(items) })
}

/// A quoted text without escapes, or a word of letters, digits and `more`; and its length.
fn word(rest: Rest<'_>, more: &[u8]) -> Option<(Node, usize)> {
    let (style, length) = match rest.text.bytes().next()? {
        quote @ (b'"' | b'\'') => {
            let inner = rest.text.get(1..)?;
            let length = inner.bytes().position(|b| b == quote || b == b'\\' || b.is_ascii_control())?;
            // Escapes are for the full parser.
            if inner.as_bytes().get(length) != Some(&quote) {
                return None;
            }
            let style = if quote == b'"' { Style::DoubleQuoted } else { Style::SingleQuoted };
            (style, length + 2)
        }
        b if b.is_ascii_alphanumeric() || b == b'/' => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
            let length = rest.text.bytes().position(|b| !plain(b)).unwrap_or(rest.text.len());
            if rest.text.as_bytes().get(length - 1) == Some(&b':') {
                return None;
            }
            (Style::Plain, length)
        }
        _ => return None,
    };
    let text = match style {
        Style::Plain => rest.text.get(..length)?,
        _ => rest.text.get(1..length - 1)?,
    };
    let span = Span { start: rest.at(0), end: rest.at(length) };
    Some((Node { span, value: Value::Scalar { text: text.into(), style } }, length))
}

/// Whether a line ends here, a comment aside.
fn ends(after: &str) -> bool {
    let comment = after.starts_with(' ') && after.trim_start_matches(' ').starts_with('#');
    after.is_empty() || (comment && !after.bytes().any(|b| b.is_ascii_control()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::yaml;
    use proptest::prelude::*;

    const BEGIN: Position = Position { line: 1, column: 1, byte: 0 };

    fn same(text: &str) {
        if let Some(simple) = read(text) {
            let full = yaml::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
            assert_eq!(simple.root, full.root, "{text:?}");
            assert_eq!(simple.more_documents, full.more_documents, "{text:?}");
            let list = full.root.as_ref().and_then(Node::as_list);
            let mut given = Vec::new();
            assert_eq!(items(text, BEGIN, |item| given.push(item)).is_some(), list.is_some(), "{text:?}");
            assert_eq!(given, list.unwrap_or_default(), "{text:?}");
        } else {
            assert!(items(text, BEGIN, drop).is_none(), "{text:?}");
        }
    }

    #[test]
    fn what_people_mostly_write_is_simple() {
        let text = "# head\n- rolearn: arn:aws:iam::123456789012:role/dev # c\n  username: dev:{{SessionName}}\n  groups:\n  - a\n  - 'b c' # d\n\n- rolearn: x\n  groups:\n    - \"q\"\n  sso:\n    accountID: 012\n";
        assert!(read(text).is_some());
        same(text);
        assert!(read("a:\n  b:\n    - c: d\n      e: f\n  g: h\ni: j").is_some());
        for text in [
            "a: /b/c",
            "a: []",
            "a: [ ] # b",
            "a: [b]",
            "- a: [ b:c/d,'e f' , \"g\"]  # h\n  i: [/j, *k]".replace('*', "2*").as_str(),
        ] {
            assert!(read(text).is_some(), "{text:?}");
            same(text);
        }
    }

    #[test]
    fn a_list_in_the_column_of_its_key_ends_with_the_next_key() {
        for text in ["a:\n- b\nc: d\n", "- a:\n  - b\n  c: d\n- e: f\n"] {
            assert!(read(text).is_some(), "{text:?}");
            same(text);
        }
    }

    #[test]
    fn what_nests_deeper_than_eight_levels_is_left_to_the_full_parser() {
        let blanks = |level: usize| "  ".repeat(level);
        let maps = |levels: usize| {
            (0..levels).map(|l| format!("{}a:\n", blanks(l))).collect::<String>() + &blanks(levels) + "b: c\n"
        };
        let lists = |levels: usize| {
            (0..levels).map(|l| format!("{}- a:\n", blanks(2 * l))).collect::<String>() + &blanks(2 * levels) + "b: c\n"
        };
        for text in [maps(7), lists(3)] {
            assert!(read(&text).is_some(), "{text}");
            same(&text);
        }
        for text in [maps(8), maps(20), lists(4), lists(8)] {
            assert!(read(&text).is_none() && yaml::parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_document_has_16_mib_at_most() {
        let text = |length: usize| format!("a: b\n#{}", "c".repeat(length - 6));
        assert!(read(&text(MAX_DOCUMENT_BYTES)).is_some());
        assert!(read(&text(MAX_DOCUMENT_BYTES + 1)).is_none());
    }

    #[test]
    fn what_is_not_simple_is_left_to_the_full_parser() {
        for text in [
            "",
            "a",
            "- a\n  b\n",
            "a: b\n c\n",
            "a: [b\n",
            "a: [b,\n",
            "a: [b] c\n",
            "a: [b]#c\n",
            "a: [b,]\n",
            "a: [,]\n",
            "a: [b: c]\n",
            "a: [b:]\n",
            "a: [b c]\n",
            "a: [[b]]\n",
            "a: [{b}]\n",
            "a: [-]\n",
            "a: ['b' c]\n",
            "a: ['b': c]\n",
            "- [b]\n",
            "a: \"\\n\"\n",
            "a: &x b\n",
            "<<: x\n",
            "a:\n",
            "a: b c\n",
            "---\na: b\n",
            "a: b\n...\n",
            "a: b\n---\nc: d\n",
            "- - a\n",
            "-\n",
            "a: |\n  b\n",
            "\ta: b\n",
            "a:\tb\n",
            "a: b\r\n",
            "é: b\n",
            "a: b:\n",
            "a: b \n",
            "  a: b\nc: d\n",
            "a: b\n  - c\n",
            "a:\nb: c\n",
            "a:\n    b: c\n  d: e\n",
            "- a: b\n   c: d\n",
            "a: 'b''c'\n",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn both_readers_agree_wherever_the_simple_one_reads(
            text in "( {0,4}(- ){0,2}(a|username|groups|key_1)?(:|: | : |:  )?(b|x:y|/p|\"q: #\"|'s'|0|~|null|-|- |#c| # c|\\{\\{A\\}\\}|a,b|\\*|\\?|\\[|\\]|, | ){0,5}\n){0,8}",
        ) {
            same(&text);
        }

        #[test]
        fn both_readers_agree_on_lists_in_brackets(
            text in "(- )?a: \\[ {0,2}(b|c1|/d|e:f|'g'|\"h i\"|'|:|#|-|\\*|\\{|,|, |,  | |\\[|~){0,6}\\]( |  # c|# c|d)?\n(b: c\n|  b: c\n)?",
        ) {
            same(&text);
        }

        #[test]
        fn both_readers_agree_on_entries(
            lines in proptest::collection::vec(prop::sample::select(vec![
                "- rolearn: x", "  username: y", "  groups:", "  - a", "    - b", "- c", "  sso:", "    accountID: 1", "", "# c",
                "  # d", "      # e", "   - f", "   username: z", "  username: 'q' # r", "username: w", "groups:", "- k:", "-  l: m",
                "   n: o", "  - p: q", "    r: s",
            ]), 0..10),
        ) {
            same(&lines.join("\n"));
            same(&(lines.join("\n") + "\n"));
        }
    }
}
