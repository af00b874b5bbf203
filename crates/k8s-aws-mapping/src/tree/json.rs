//! A JSON reader that knows positions and goes on behind a broken list entry.
//!
//! JSON is nearly a subset of YAML, but not quite where it matters here: surrogate pairs, and the point where a
//! half-written file ends.

use super::{Field, Lines, MAX_DEPTH, MAX_DOCUMENT_BYTES, Node, Position, Span, Style, SyntaxError, Value};

/// The depth of the entries that recovery saves: root object, list, entry.
const ENTRY_DEPTH: usize = 2;

/// What could be read of a JSON document.
pub(crate) struct JsonRead {
    /// The document without the list entries that are broken.
    pub(crate) root: Option<Node>,
    /// What is broken, in the order of the document.
    pub(crate) errors: Vec<SyntaxError>,
    /// The pieces of text that were left out, in the order of `errors`; empty where nothing had to be.
    pub(crate) skipped: Vec<Span>,
    /// The text ends in the middle of a value, as a file does that is still being written.
    pub(crate) truncated: bool,
}

impl JsonRead {
    pub(crate) fn new(text: &str) -> Self {
        Self::read(text, None)
    }

    /// Gives the items of the lists in the root object away, each with the index of the list's field: in the tree those lists are
    /// empty, and no more than one of the items is in memory at a time.
    pub(crate) fn giving(text: &str, each: &mut dyn FnMut(usize, Node)) -> Self {
        Self::read(text, Some(each))
    }

    fn read<'t>(text: &'t str, give: Option<&'t mut dyn FnMut(usize, Node)>) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let offset = text.len() - body.len();
        let mut reader = Reader {
            bytes: text.as_bytes(),
            text,
            lines: Lines::new(text),
            at: offset,
            errors: Vec::new(),
            skipped: Vec::new(),
            give,
            field: 0,
        };
        if text.len() > MAX_DOCUMENT_BYTES {
            let error = SyntaxError::new(Position::default(), "the document is larger than 16 MiB");
            return Self { root: None, errors: vec![error], skipped: Vec::new(), truncated: false };
        }
        reader.blanks();
        let mut root = None;
        let mut truncated = false;
        if reader.at < reader.bytes.len() {
            match reader.value(0) {
                Ok(node) => {
                    root = Some(node);
                    reader.blanks();
                    if reader.at < reader.bytes.len() {
                        let error = reader.error("there is more text behind the end of the JSON value");
                        reader.errors.push(error);
                        root = None;
                    }
                }
                Err(error) => {
                    truncated = error.at.byte as usize >= reader.bytes.len();
                    reader.errors.push(error);
                }
            }
        }
        Self { root, errors: reader.errors, skipped: reader.skipped, truncated }
    }
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    lines: Lines<'t>,
    at: usize,
    errors: Vec<SyntaxError>,
    skipped: Vec<Span>,
    give: Option<&'t mut dyn FnMut(usize, Node)>,
    /// Which field of the root object is being read.
    field: usize,
}

type Read<T> = Result<T, SyntaxError>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn error(&self, problem: &str) -> SyntaxError {
        let problem = if self.at >= self.bytes.len() { "the text ends in the middle of a value" } else { problem };
        SyntaxError::new(self.lines.at_byte(self.at), problem)
    }

    fn span(&self, start: usize) -> Span {
        Span { start: self.lines.at_byte(start), end: self.lines.at_byte(self.at) }
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                return Err(self.error("lists and maps nest deeper than 32 levels"));
            }
            Some(b'{') => Value::Map(self.object(depth)?),
            Some(b'[') => Value::List(self.list(depth)?),
            Some(b'"') => Value::Scalar { text: self.string()?, style: Style::DoubleQuoted },
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Value::Scalar { text: self.word()?, style: Style::Plain },
            _ => return Err(self.error("a JSON value is missing here; texts need double quotes")),
        };
        Ok(Node { span: self.span(start), value })
    }

    fn object(&mut self, depth: usize) -> Read<Vec<Field>> {
        let mut fields = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(fields);
        }
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is missing here"));
            }
            let key = self.string()?;
            let key_span = self.span(start);
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.error("`:` is missing behind a key"));
            }
            self.at += 1;
            self.blanks();
            if depth == 0 {
                self.field = fields.len();
            }
            let value = self.value(depth + 1)?;
            fields.push(Field { key, key_span, value });
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(fields);
                }
                _ => return Err(self.error("`,` or `}` is missing here")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Vec<Node>> {
        let mut items = Vec::new();
        let recovering = depth + 1 == ENTRY_DEPTH;
        let mut empty = true;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.blanks();
            let start = self.at;
            if recovering && !empty && self.peek() == Some(b']') {
                let error = self.error("a comma stands behind the last entry");
                self.errors.push(error);
                self.skipped.push(self.span(self.at));
                self.at += 1;
                return Ok(items);
            }
            match self.value(depth + 1) {
                Ok(node) => {
                    empty = false;
                    match self.give.as_mut().filter(|_| recovering) {
                        Some(give) => give(self.field, node),
                        None => items.push(node),
                    }
                }
                Err(error) if recovering => {
                    self.at = start;
                    // An entry that does not end leaves nothing to go on from.
                    let closed = self.skip_entry();
                    if !closed {
                        return Err(error);
                    }
                    self.skipped.push(self.span(start));
                    self.errors.push(error);
                }
                Err(error) => return Err(error),
            }
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(b'{') if recovering => {
                    let error = self.error("`,` is missing between two entries");
                    self.errors.push(error);
                    self.skipped.push(self.span(self.at));
                }
                _ => return Err(self.error("`,` or `]` is missing here")),
            }
        }
    }

    /// Moves behind a broken entry: to the `,` or `]` that belongs to the list around it.
    fn skip_entry(&mut self) -> bool {
        let mut depth = 0usize;
        while let Some(b) = self.peek() {
            match b {
                b'"' => {
                    let quote = self.at;
                    self.at += 1;
                    while let Some(b) = self.peek() {
                        match b {
                            b'\\' => self.at += 1,
                            b'"' | b'\n' => break,
                            _ => {}
                        }
                        self.at += 1;
                    }
                    // No string goes over a line: behind a quote that is not closed, brackets are brackets.
                    if self.peek() == Some(b'\n') {
                        self.at = quote;
                    }
                }
                // Or such a line would be looked at once for every quote in it.
                b'\\' => self.at += 1,
                b'{' | b'[' => depth += 1,
                b']' | b',' if depth == 0 => return true,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
        false
    }

    /// A number, `true`, `false` or `null`, as spelt.
    fn word(&mut self) -> Read<Box<str>> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') = self.peek() {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        if matches!(word, "true" | "false" | "null") || is_number(word) {
            return Ok(word.into());
        }
        self.at = start;
        Err(self.error("neither a number nor `true`, `false` or `null`; texts need double quotes"))
    }

    fn string(&mut self) -> Read<Box<str>> {
        self.at += 1;
        let mut out = String::new();
        let mut plain = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    out.push_str(self.text.get(plain..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(out.into());
                }
                Some(b'\\') => {
                    out.push_str(self.text.get(plain..self.at).unwrap_or_default());
                    self.at += 1;
                    let c = self.escape()?;
                    out.push(c);
                    plain = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("a text has a line break or control character in it")),
                Some(_) => self.at += 1,
                None => return Err(self.error("")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let high = self.hex4()?;
                let code = match high {
                    0xd800..0xdc00 => {
                        let paired = self.bytes.get(self.at..self.at + 2) == Some(b"\\u");
                        if !paired {
                            return Err(self.error("half of a surrogate pair"));
                        }
                        self.at += 2;
                        let low = self.hex4()?;
                        if !(0xdc00..0xe000).contains(&low) {
                            return Err(self.error("half of a surrogate pair"));
                        }
                        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    }
                    code => code,
                };
                return char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"));
            }
            _ => return Err(self.error("not an escape that JSON knows")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex4(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let code = code.ok_or_else(|| self.error("`\\u` takes four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }
}

/// The number grammar of RFC 8259, section 6.
fn is_number(word: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let rest = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (rest, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, Some(f)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_broken_entry_is_left_out_and_the_others_stay() {
        let text = r#"{"mapRoles": [{"a": "1"}, {"a": 'x', "b": "]}"}, {"a": "3"} {"a": "4"}, ], "v": 1}"#;
        let read = JsonRead::new(text);
        let roles = read.root.as_ref().and_then(|r| r.get("mapRoles")).unwrap().as_list().unwrap();
        let kept: Vec<_> = roles.iter().map(|r| r.get("a").unwrap().as_str().unwrap()).collect();
        assert_eq!(kept, ["1", "3", "4"]);
        assert_eq!(read.errors.len(), 3, "{:?}", read.errors);
        assert_eq!(read.root.unwrap().get("v").unwrap().as_u64(), Some(1));
    }

    #[test]
    fn a_line_is_not_read_again_for_every_quote_in_it() {
        let line = "\\\"".repeat(1 << 17);
        let read = JsonRead::new(&format!("{{\"mapRoles\": [{{\"a\": \"{line}}},\n{{\"a\": \"2\"}}]}}"));
        let roles = read.root.as_ref().and_then(|r| r.get("mapRoles")).unwrap().as_list().unwrap();
        assert_eq!((roles.len(), read.errors.len()), (1, 1));
    }

    #[test]
    fn a_text_that_ends_early_is_told_from_a_broken_entry() {
        for text in ["{", "{\"a\": [", "{\"a\": [{\"b\": \"c\"}, {\"b\": \"", "{\"a\": [{\"b\": \"c\"}"] {
            let read = JsonRead::new(text);
            assert!(read.truncated && read.root.is_none(), "{text}");
        }
        assert!(!JsonRead::new("{\"a\": [{]}").truncated);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in
            ["{} {}", "{'a': 1}", "{a: 1}", "[01]", "[1.]", "[+1]", "[\"\\x\"]", "[\"\\ud800\"]", "[\"a\nb\"]", "nul"]
        {
            assert!(!JsonRead::new(bad).errors.is_empty(), "{bad}");
        }
        assert!(JsonRead::new("").root.is_none());
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_the_same(value in json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            let read = JsonRead::new(&text);
            prop_assert!(read.errors.is_empty(), "{:?}", read.errors);
            prop_assert!(same(&read.root.unwrap(), &value));
        }

        #[test]
        fn what_serde_json_refuses_is_refused(text in r#"[\[\]{}",:a0 \\u1e.+-]{0,12}"#) {
            let refused = serde_json::from_str::<serde_json::Value>(&text).is_err();
            let read = JsonRead::new(&text);
            let empty = text.trim().is_empty();
            // A number too large for serde_json is still a number.
            prop_assert!(empty || refused != read.errors.is_empty() || text.contains('e'), "{text}: {:?}", read.errors);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    fn same(node: &Node, value: &serde_json::Value) -> bool {
        match (&node.value, value) {
            (Value::Scalar { text, style: Style::DoubleQuoted }, serde_json::Value::String(s)) => **text == **s,
            (Value::Scalar { text, style: Style::Plain }, other) => **text == *other.to_string(),
            (Value::List(items), serde_json::Value::Array(a)) => {
                items.len() == a.len() && items.iter().zip(a).all(|(i, v)| same(i, v))
            }
            (Value::Map(fields), serde_json::Value::Object(o)) => {
                fields.len() == o.len() && fields.iter().all(|f| o.get(&*f.key).is_some_and(|v| same(&f.value, v)))
            }
            _ => false,
        }
    }
}
