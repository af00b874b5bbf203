//! Reading a JSON object in the one way that every reader must agree with.
//!
//! `serde_json` is the parser; what is added is which members there may be, how often, and how deep. Its error messages
//! quote the input, so only their positions are used; a refusal of ours waits in the [`Reader`] while `serde_json`
//! unwinds.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::{Document, TokenReviewError};

/// The longest document that is read, in bytes: 128 KiB.
///
/// The longest token that Security Token Service takes makes a `TokenReview` of about 22 KB, so this leaves room for
/// tokens of other kinds, whose reviews reach the webhook too. It is also the longest environment variable that Linux
/// hands to a program (`MAX_ARG_STRLEN`), and `KUBERNETES_EXEC_INFO` is one.
pub const MAX_DOCUMENT_BYTES: usize = 128 * 1024;

/// The deepest nesting of objects and lists that is accepted, in levels; the document itself is the first.
///
/// `TokenReview` and `ExecCredential` need four. The rest is for members of future versions and for the free-form
/// `spec.cluster.config` of an `ExecCredential`.
pub const MAX_NESTING: usize = 64;

/// What an object of a known type does with its members.
pub(crate) trait Members: Default {
    /// The members that must be unique and exactly spelled: name, and path for error messages.
    const NAMES: &'static [(&'static str, &'static str)];

    /// Takes the member with this name out of [`NAMES`](Self::NAMES).
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error>;
}

/// Reads a document that is one JSON object and nothing else.
pub(crate) fn read<M: Members>(document: Document, bytes: &[u8]) -> Result<M, TokenReviewError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(TokenReviewError::TooLarge { document, length: bytes.len(), limit: MAX_DOCUMENT_BYTES });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| TokenReviewError::NotUtf8 { document, offset: error.valid_up_to() })?;
    let reader = Reader { document, reading: Cell::new(None), refusal: Cell::new(None) };
    let mut json = serde_json::Deserializer::from_str(text);
    let object = Object { reader: &reader, depth: 1, into: M::default() };
    let members = object.deserialize(&mut json).map_err(|error| reader.explain(&error))?;
    match json.end() {
        Ok(()) => Ok(members),
        Err(error) => Err(TokenReviewError::TrailingData { document, line: error.line(), column: error.column() }),
    }
}

/// A member whose name has been read and whose value has not.
pub(crate) struct Member<'a, A> {
    reader: &'a Reader,
    /// The depth of the object that it is a member of.
    depth: usize,
    path: &'static str,
    map: &'a mut A,
}

impl<'de, A: MapAccess<'de>> Member<'_, A> {
    pub(crate) fn document(&self) -> Document {
        self.reader.document
    }

    /// A value whose `Deserialize` refuses other types with the default errors of serde.
    pub(crate) fn value<T: Deserialize<'de>>(self, expected: &'static str) -> Result<Option<T>, A::Error> {
        self.reader.reading.set(Some((self.path, expected)));
        self.map.next_value()
    }

    pub(crate) fn string(self) -> Result<Option<String>, A::Error> {
        self.value("a string")
    }

    pub(crate) fn boolean(self) -> Result<Option<bool>, A::Error> {
        self.value("a boolean")
    }

    pub(crate) fn strings(self) -> Result<Option<Vec<String>>, A::Error> {
        self.value("a list of strings")
    }

    /// A list of strings; `too_many` is the error for more than `limit` of them, which are not stored.
    pub(crate) fn strings_up_to(
        self,
        limit: usize,
        too_many: TokenReviewError,
    ) -> Result<Option<Vec<String>>, A::Error> {
        self.reader.reading.set(Some((self.path, "a list of strings")));
        self.map.next_value_seed(Nullable(Strings { reader: self.reader, limit, too_many }))
    }

    pub(crate) fn object<M: Members>(self) -> Result<Option<M>, A::Error> {
        self.reader.reading.set(Some((self.path, "an object")));
        let object = Object { reader: self.reader, depth: self.depth.saturating_add(1), into: M::default() };
        self.map.next_value_seed(Nullable(object))
    }

    pub(crate) fn ignore(self) -> Result<(), A::Error> {
        self.map.next_value_seed(Ignored { reader: self.reader, depth: self.depth.saturating_add(1) })
    }
}

struct Reader {
    document: Document,
    /// The path and the expected type of the value that is being read.
    reading: Cell<Option<(&'static str, &'static str)>>,
    refusal: Cell<Option<TokenReviewError>>,
}

impl Reader {
    /// Keeps the reason, and makes `serde_json` stop.
    fn refuse<E: serde::de::Error>(&self, reason: TokenReviewError) -> E {
        self.refusal.set(Some(reason));
        E::custom("refused")
    }

    /// The reason of ours why `serde_json` stopped, else where and how it failed by itself.
    fn explain(&self, error: &serde_json::Error) -> TokenReviewError {
        let document = self.document;
        match (self.refusal.take(), error.classify(), self.reading.get()) {
            (Some(reason), _, _) => reason,
            (None, Category::Data, Some((field, expected))) => {
                TokenReviewError::WrongType { document, field, expected }
            }
            (None, Category::Data, None) => TokenReviewError::NotAnObject { document },
            (None, Category::Io | Category::Syntax | Category::Eof, _) => {
                TokenReviewError::NotJson { document, line: error.line(), column: error.column() }
            }
        }
    }
}

/// An object whose type is known.
struct Object<'a, M> {
    reader: &'a Reader,
    depth: usize,
    into: M,
}

impl<'de, M: Members> DeserializeSeed<'de> for Object<'_, M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<M, A::Error> {
        let (reader, document) = (self.reader, self.reader.document);
        let mut seen: Vec<&'static str> = Vec::with_capacity(M::NAMES.len());
        while let Some(name) = map.next_key_seed(Name(M::NAMES))? {
            match name {
                Known::Exactly(name, path) => {
                    if seen.contains(&name) {
                        return Err(reader.refuse(TokenReviewError::DuplicateField { document, field: path }));
                    }
                    seen.push(name);
                    self.into.member(name, Member { reader, depth: self.depth, path, map: &mut map })?;
                }
                Known::InOtherCase(field) => {
                    return Err(reader.refuse(TokenReviewError::LetterCase { document, field }));
                }
                Known::Not => Member { reader, depth: self.depth, path: "", map: &mut map }.ignore()?,
            }
        }
        Ok(self.into)
    }
}

/// The name of a member, looked up without being stored.
struct Name(&'static [(&'static str, &'static str)]);

enum Known {
    Exactly(&'static str, &'static str),
    InOtherCase(&'static str),
    Not,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Known;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Known, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Known, E> {
        if let Some((name, path)) = self.0.iter().find(|(name, _)| *name == text) {
            return Ok(Known::Exactly(name, path));
        }
        Ok(match self.0.iter().find(|(name, _)| is_case_variant(name, text)) {
            Some((_, path)) => Known::InOtherCase(path),
            None => Known::Not,
        })
    }
}

/// Whether Go's `encoding/json` would take `text` for the ASCII `name`. It folds by Unicode, where two characters
/// outside ASCII fold to ASCII letters: U+017F (long s) and U+212A (Kelvin sign).
fn is_case_variant(name: &str, text: &str) -> bool {
    let folded = text.chars().map(|c| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    name.chars().map(|c| c.to_ascii_lowercase()).eq(folded)
}

/// `null` as `None`, which is how Kubernetes reads it: as if the member were absent.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

struct Strings<'a> {
    reader: &'a Reader,
    limit: usize,
    too_many: TokenReviewError,
}

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut strings = Vec::new();
        while let Some(string) = seq.next_element()? {
            if strings.len() == self.limit {
                return Err(self.reader.refuse(self.too_many));
            }
            strings.push(string);
        }
        Ok(strings)
    }
}

/// Any value, checked for its depth and not stored. `depth` is that of the value, if it is a list or an object.
struct Ignored<'a> {
    reader: &'a Reader,
    depth: usize,
}

impl Ignored<'_> {
    /// A seed for what is inside of this list or object; an error if it is itself too deep.
    fn inside<E: serde::de::Error>(&self) -> Result<impl Fn() -> Self, E> {
        let (reader, depth) = (self.reader, self.depth);
        if depth > MAX_NESTING {
            let document = reader.document;
            return Err(reader.refuse(TokenReviewError::NestedTooDeeply { document, limit: MAX_NESTING }));
        }
        Ok(move || Self { reader, depth: depth.saturating_add(1) })
    }
}

impl<'de> DeserializeSeed<'de> for Ignored<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Not `deserialize_ignored_any`: that lets through escapes that are no character, at any depth.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Ignored<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while seq.next_element_seed(inside())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while map.next_key_seed(inside())?.is_some() {
            map.next_value_seed(inside())?;
        }
        Ok(())
    }
}
