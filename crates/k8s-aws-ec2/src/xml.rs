//! XML as EC2 writes it, and nothing beyond: one root, one namespace, no document type, no entities of its own.

use crate::MAX_DEPTH;
use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, BytesText, Event};

/// What is wrong with a document, as a fixed text.
pub(crate) type Problem = &'static str;

/// The namespace of API version 2016-11-15, as EC2 writes it, and as the service model that comes with the AWS SDKs has it:
/// test doubles made from the model write the second.
const NAMESPACES: [&str; 2] = ["http://ec2.amazonaws.com/doc/2016-11-15/", "http://ec2.amazonaws.com/doc/2016-11-15"];

/// More attributes than an element of EC2's has. Comparing each with each stays cheap.
const MAX_ATTRIBUTES: usize = 16;

/// The longest tag, text or comment. EC2's longest are tags of some hundred bytes, and texts of some thousand.
const MAX_EVENT_LEN: usize = 64 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

const NOT_XML: Problem = "not well-formed XML";
const TOO_LONG: Problem = "a tag, text or comment that is too long";

/// What takes the elements of a document as they come.
pub(crate) trait Visitor {
    /// An element begins. A name with a colon is of another namespace.
    fn open(&mut self, name: &str) -> Result<(), Problem>;
    /// A piece of the text of the innermost open element; one text may come in several pieces.
    fn text(&mut self, piece: &str) -> Result<(), Problem>;
    /// The innermost open element ends.
    fn close(&mut self) -> Result<(), Problem>;
}

/// Shows a document to a visitor, in pieces as they come; cut anywhere, they make the same document.
///
/// Every element whose name has no colon is of EC2's namespace, or of none where `bare` allows that for the whole document.
/// Attributes mean nothing but that. Comments are skipped.
pub(crate) struct Walker<V> {
    pub(crate) visitor: V,
    bare: bool,
    /// The names of the open elements, one after the other, and where each begins.
    names: String,
    open: Vec<usize>,
    rooted: bool,
    /// Whether nothing but a byte order mark was there so far, and whether anything was.
    first: bool,
    begun: bool,
    /// What came and is not whole yet: a part of a tag, a text that may go on.
    rest: Vec<u8>,
}

impl<V: Visitor> Walker<V> {
    pub(crate) fn new(bare: bool, visitor: V) -> Self {
        Self {
            visitor,
            bare,
            names: String::new(),
            open: Vec::new(),
            rooted: false,
            first: true,
            begun: false,
            rest: Vec::new(),
        }
    }

    /// The next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Problem> {
        if self.rest.is_empty() {
            let seen = self.walk(piece, false)?;
            self.rest.extend_from_slice(piece.get(seen..).unwrap_or_default());
        } else {
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(piece);
            let seen = self.walk(&bytes, false)?;
            bytes.drain(..seen);
            self.rest = bytes;
        }
        // What is malformed looks like what is not whole, until it gets too long for that.
        if self.rest.len() > MAX_EVENT_LEN { Err(TOO_LONG) } else { Ok(()) }
    }

    /// There are no more pieces.
    pub(crate) fn end(mut self) -> Result<V, Problem> {
        let rest = std::mem::take(&mut self.rest);
        self.walk(&rest, true)?;
        if self.rooted && self.open.is_empty() { Ok(self.visitor) } else { Err("the document breaks off") }
    }

    /// Shows what is whole in these bytes, and says how many that are. At the end all must be.
    fn walk(&mut self, bytes: &[u8], end: bool) -> Result<usize, Problem> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // The bytes end inside a character.
            Err(error) if !end && error.error_len().is_none() => {
                bytes.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok()).unwrap_or_default()
            }
            Err(_) => return Err("not UTF-8"),
        };
        let (mut seen, mut whole) = (0, text);
        // The reader drops a byte order mark from the beginning of whatever it is given; but only a document begins with one.
        while let Some(after) = whole.strip_prefix(BYTE_ORDER_MARK) {
            if self.begun {
                self.take(Event::Text(BytesText::from_escaped("\u{feff}")))?;
            }
            self.begun = true;
            (seen, whole) = (seen + BYTE_ORDER_MARK.len_utf8(), after);
        }
        self.begun |= !text.is_empty();
        let base = seen;
        let mut reader = Reader::from_str(whole);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        // A piece may begin inside of elements: which end belongs to which start is looked at here.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        loop {
            let event = match reader.read_event() {
                Ok(Event::Eof) => return Ok(seen),
                Ok(event) => event,
                Err(_) if end => return Err(NOT_XML),
                Err(_) => return Ok(seen),
            };
            let at = base + usize::try_from(reader.buffer_position()).map_err(|_| TOO_LONG)?;
            if !end && at == text.len() && matches!(event, Event::Text(_)) {
                return Ok(seen);
            }
            if at - seen > MAX_EVENT_LEN {
                return Err(TOO_LONG);
            }
            self.take(event)?;
            seen = at;
        }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), Problem> {
        let inside = !self.open.is_empty();
        match event {
            Event::Start(tag) => {
                if !inside && self.rooted {
                    return Err("more than one root element");
                }
                if self.open.len() == MAX_DEPTH {
                    return Err("elements nested too deep");
                }
                check_start(&tag, !inside && !self.bare)?;
                self.rooted = true;
                self.open.push(self.names.len());
                self.names.push_str(tag.name().0);
                self.visitor.open(tag.name().0)?;
            }
            Event::End(tag) => {
                let start = self.open.pop().ok_or(NOT_XML)?;
                if self.names.get(start..) != Some(tag.name().0) {
                    return Err(NOT_XML);
                }
                self.names.truncate(start);
                self.visitor.close()?;
            }
            Event::Text(text) if !inside => blank(&text)?,
            Event::Text(text) => self.visitor.text(&text.xml10_content())?,
            Event::CData(text) if inside => self.visitor.text(&text.xml10_content())?,
            Event::GeneralRef(reference) if inside => {
                let mut buffer = [0; 4];
                self.visitor.text(resolve(&reference)?.encode_utf8(&mut buffer))?;
            }
            Event::Decl(declaration) if self.first => check_declaration(&declaration)?,
            Event::Comment(_) => {}
            Event::DocType(_) => return Err("a document type declaration"),
            Event::PI(_) => return Err("a processing instruction"),
            // With the configuration above an empty element comes as a start and an end.
            Event::Empty(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Decl(_) | Event::Eof => {
                return Err(NOT_XML);
            }
        }
        self.first = false;
        Ok(())
    }
}

/// The text of an element that has elements inside, where only blanks may stand.
pub(crate) fn blank(text: &str) -> Result<(), Problem> {
    let is_blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
    if is_blank { Ok(()) } else { Err("text between elements") }
}

fn check_start(tag: &BytesStart<'_>, must_declare: bool) -> Result<(), Problem> {
    let name = tag.name().0;
    let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(in_name) {
        return Err(NOT_XML);
    }
    let mut declared = None;
    if !tag.attributes_raw().is_empty() {
        for (n, attribute) in tag.attributes().enumerate() {
            let attribute = attribute.map_err(|_| NOT_XML)?;
            if n == MAX_ATTRIBUTES {
                return Err("too many attributes");
            }
            if attribute.key.0 == "xmlns" {
                declared = Some(attribute.value);
            }
        }
    }
    match declared.as_deref() {
        None if !must_declare => Ok(()),
        Some(namespace) if NAMESPACES.contains(&namespace) => Ok(()),
        _ => Err("not of EC2's namespace"),
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Problem> {
    if declaration.version().map_err(|_| NOT_XML)? != "1.0" {
        return Err("not XML 1.0");
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err("not UTF-8"),
    }
}

/// The five entities that need no declaration, and numbers.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Problem> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| NOT_XML)? {
        return Ok(character);
    }
    Ok(match reference.as_ref() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return Err("an entity that XML does not define"),
    })
}
