//! XML as EC2 writes it, and nothing beyond: one root, one namespace, no document type, no entities of its own.

use crate::MAX_DEPTH;
use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

/// What is wrong with a document, as a fixed text.
pub(crate) type Problem = &'static str;

/// The namespace of API version 2016-11-15, as EC2 writes it, and as the service model that comes with the AWS SDKs has it:
/// test doubles made from the model write the second.
const NAMESPACES: [&str; 2] = ["http://ec2.amazonaws.com/doc/2016-11-15/", "http://ec2.amazonaws.com/doc/2016-11-15"];

/// More attributes than an element of EC2's has. Comparing each with each stays cheap.
const MAX_ATTRIBUTES: usize = 16;

const NOT_XML: Problem = "not well-formed XML";

/// What takes the elements of a document as they come.
pub(crate) trait Visitor {
    /// An element begins. A name with a colon is of another namespace.
    fn open(&mut self, name: &str) -> Result<(), Problem>;
    /// A piece of the text of the innermost open element; one text may come in several pieces.
    fn text(&mut self, piece: &str) -> Result<(), Problem>;
    /// The innermost open element ends.
    fn close(&mut self) -> Result<(), Problem>;
}

/// Shows a whole document to `visitor`.
///
/// Every element whose name has no colon is of EC2's namespace, or of none where `bare` allows that for the whole document.
/// Attributes mean nothing but that. Comments are skipped.
pub(crate) fn walk(bytes: &[u8], bare: bool, visitor: &mut impl Visitor) -> Result<(), Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut rooted, mut first) = (0_usize, false, true);
    loop {
        match reader.read_event().map_err(|_| NOT_XML)? {
            Event::Start(tag) => {
                if depth == 0 && rooted {
                    return Err("more than one root element");
                }
                if depth == MAX_DEPTH {
                    return Err("elements nested too deep");
                }
                check_start(&tag, depth == 0 && !bare)?;
                rooted = true;
                depth += 1;
                visitor.open(tag.name().0)?;
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(NOT_XML)?;
                visitor.close()?;
            }
            Event::Text(text) if depth == 0 => blank(&text)?,
            Event::Text(text) => visitor.text(&text.xml10_content())?,
            Event::CData(text) if depth > 0 => visitor.text(&text.xml10_content())?,
            Event::GeneralRef(reference) if depth > 0 => {
                let mut buffer = [0; 4];
                visitor.text(resolve(&reference)?.encode_utf8(&mut buffer))?;
            }
            Event::Decl(declaration) if first => check_declaration(&declaration)?,
            Event::Comment(_) => {}
            Event::DocType(_) => return Err("a document type declaration"),
            Event::PI(_) => return Err("a processing instruction"),
            // With the configuration above an empty element comes as a start and an end.
            Event::Empty(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Decl(_) => return Err(NOT_XML),
            Event::Eof if rooted && depth == 0 => return Ok(()),
            Event::Eof => return Err("the document breaks off"),
        }
        first = false;
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
