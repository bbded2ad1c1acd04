//! Turns bytes into XML elements and texts, one at a time, with the line each one starts on.
//!
//! It knows nothing of MVR or GDTF. What it adds to the parser underneath: a bound for the length of one token (a longer tag is
//! refused, a longer text cut), for its attributes and for the depth; lines instead of byte offsets; the parts of well-formedness that the parser leaves to its user
//! (one document element, names, characters, attributes given twice); and the refusal of what is legal XML but has no place in
//! these files: a DOCTYPE (so no entity can be defined, let alone expand) and references to unknown entities.
//! A caller passes the same buffer to every call of [`XmlReader::next`] and ignores [`Node::Nothing`].

use std::borrow::Cow;
use std::io::Read;

use quick_xml::XmlVersion;
use quick_xml::errors::{Error as XmlError, IllFormedError};
use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use self::bounded::Bounded;
use crate::error::{MemberError, SceneError};
use crate::limits::Limits;

mod bounded;

/// A pull parser over one document.
pub(crate) struct XmlReader<R> {
    reader: Reader<Bounded<R>>,
    depth: usize,
    depth_allowed: usize,
    token_allowed: usize,
    prolog: Prolog,
}

/// What was seen before the document element.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Prolog {
    /// There was an XML declaration.
    pub(crate) declared: bool,
    /// The declaration names an encoding other than UTF-8.
    pub(crate) other_encoding: bool,
    root: bool,
}

/// What comes next in the document. An empty element gives a start and an end.
pub(crate) enum Node<'a> {
    Start(Tag<'a>),
    End,
    Text(Cow<'a, str>),
    /// A comment or the like.
    Nothing,
    /// The document is over and every element was closed.
    Done,
}

/// A start tag; its attributes have been found well-formed.
pub(crate) struct Tag<'a> {
    start: BytesStart<'a>,
    pub(crate) line: u32,
}

impl<R: Read> XmlReader<R> {
    pub(crate) fn new(source: R, limits: &Limits) -> Self {
        let mut reader = Reader::from_reader(Bounded::new(source, limits.xml_token_bytes));
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            depth: 0,
            depth_allowed: limits.xml_depth,
            token_allowed: limits.xml_token_bytes,
            prolog: Prolog::default(),
        }
    }

    /// What was seen before the document element.
    pub(crate) fn prolog(&self) -> Prolog {
        self.prolog
    }

    /// The line reached.
    pub(crate) fn line(&self) -> u32 {
        self.reader.get_ref().line()
    }

    /// Whether the last token was a text too long to be read as a whole; what is behind the cut became a digest.
    pub(crate) fn was_cut(&self) -> bool {
        self.reader.get_ref().cut().is_some()
    }

    // req: MVR-LIMIT-TEXT
    fn marked<'b>(&self, text: Cow<'b, str>) -> Cow<'b, str> {
        match self.reader.get_ref().cut() {
            Some(digest) => Cow::Owned(format!("{text}…{digest:016x}")),
            None => text,
        }
    }

    /// Reads one token.
    pub(crate) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Node<'b>, SceneError> {
        buffer.clear();
        self.reader.get_mut().begin_token();
        let line = self.line();
        let event = match self.reader.read_event_into(buffer) {
            Ok(event) => event,
            Err(error) => return Err(self.explain(error, line)),
        };
        match event {
            Event::Start(start) => self.open(start, line),
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Node::End)
            }
            Event::Text(text) => self.text(self.marked(text.into_inner()), line),
            Event::CData(data) => self.text(self.marked(data.into_inner()), line),
            Event::GeneralRef(reference) => self.text(Cow::Owned(resolve(&reference, line)?), line),
            Event::Decl(declaration) => {
                self.prolog.declared = true;
                self.prolog.other_encoding = names_other_encoding(&declaration);
                Ok(Node::Nothing)
            }
            // req: MVR-LIMIT-ENTITIES
            Event::DocType(_) => Err(SceneError::DoctypePresent { line }),
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => Ok(Node::Nothing),
            Event::Eof if self.depth > 0 => Err(SceneError::ElementsLeftOpen { line, open: self.depth }),
            Event::Eof if !self.prolog.root => Err(SceneError::RootElementMissing),
            Event::Eof => Ok(Node::Done),
        }
    }

    fn open<'b>(&mut self, start: BytesStart<'b>, line: u32) -> Result<Node<'b>, SceneError> {
        if self.depth == 0 && self.prolog.root {
            return Err(SceneError::NotWellFormed { line, problem: "there is a second document element" });
        }
        self.prolog.root = true;
        self.depth += 1;
        // req: MVR-LIMIT-DEPTH
        if self.depth > self.depth_allowed {
            return Err(SceneError::DepthAboveLimit { line, allowed: self.depth_allowed });
        }
        let tag = Tag { start, line };
        tag.validate()?;
        Ok(Node::Start(tag))
    }

    fn text<'b>(&self, text: Cow<'b, str>, line: u32) -> Result<Node<'b>, SceneError> {
        if self.depth == 0 {
            if text.trim_matches(XML_SPACE).is_empty() {
                return Ok(Node::Nothing);
            }
            return Err(SceneError::NotWellFormed {
                line,
                problem: "there is text outside the document element",
            });
        }
        only_xml_characters(&text, line)?;
        Ok(Node::Text(text))
    }

    /// Says what the parser found in our own words; its messages quote the file.
    fn explain(&self, error: XmlError, line: u32) -> SceneError {
        match error {
            XmlError::Io(_) if self.reader.get_ref().token_too_long() => {
                SceneError::TokenAboveLimit { line, allowed: self.token_allowed }
            }
            XmlError::Io(error) => match std::sync::Arc::try_unwrap(error).map(MemberError::from_io) {
                Ok(MemberError::Io(error)) => SceneError::Io(error),
                Ok(other) => SceneError::Member(other),
                Err(shared) => SceneError::Io(shared.kind().into()),
            },
            XmlError::Encoding(_) => SceneError::NotUtf8 { line },
            XmlError::IllFormed(
                IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
            ) => SceneError::NotWellFormed { line, problem: "an end tag does not match its start tag" },
            XmlError::IllFormed(IllFormedError::UnclosedReference) => {
                SceneError::NotWellFormed { line, problem: "there is an & that starts no reference" }
            }
            XmlError::Syntax(_) => {
                SceneError::NotWellFormed { line, problem: "a tag, comment or declaration is not closed" }
            }
            _ => SceneError::NotWellFormed { line, problem: "a tag or declaration is malformed" },
        }
    }
}

impl Tag<'_> {
    /// The name without its namespace prefix.
    pub(crate) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// The value of an attribute, compared without regard to case, as products differ in it.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.attributes().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
    }

    /// All attributes.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let mut attributes = self.start.attributes();
        attributes.with_checks(false);
        // Those that fail were refused by `validate`.
        attributes.filter_map(Result::ok).filter_map(|attribute| {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            Some((attribute.key.into_inner(), value))
        })
    }

    fn validate(&self) -> Result<(), SceneError> {
        let line = self.line;
        if !is_name(self.start.name().into_inner()) {
            return Err(SceneError::NotWellFormed { line, problem: "an element has no proper name" });
        }
        let mut attributes = self.start.attributes();
        // The parser's own search for duplicates takes quadratic time in a number that the file chooses.
        attributes.with_checks(false);
        let mut keys: [&str; ATTRIBUTES_ALLOWED] = [""; ATTRIBUTES_ALLOWED];
        for (count, attribute) in attributes.enumerate() {
            let malformed = SceneError::NotWellFormed { line, problem: "an attribute is malformed" };
            let Ok(attribute) = attribute else { return Err(malformed) };
            let key = attribute.key.into_inner();
            let (before, slot) = keys.split_at_mut(count.min(ATTRIBUTES_ALLOWED));
            let Some(slot) = slot.first_mut() else {
                return Err(SceneError::NotWellFormed {
                    line,
                    problem: "an element has more than 32 attributes",
                });
            };
            if !is_name(key) {
                return Err(malformed);
            }
            if before.contains(&key) {
                return Err(SceneError::NotWellFormed { line, problem: "an attribute is given twice" });
            }
            *slot = key;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| match error {
                XmlError::Escape(EscapeError::UnrecognizedEntity(..)) => SceneError::EntityUnknown { line },
                _ => malformed,
            })?;
            only_xml_characters(&value, line)?;
        }
        Ok(())
    }
}

/// A character reference or one of the five entities that XML itself defines.
fn resolve(reference: &BytesRef<'_>, line: u32) -> Result<String, SceneError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => quick_xml::escape::resolve_predefined_entity(reference)
            .map(str::to_owned)
            .ok_or(SceneError::EntityUnknown { line }),
        Err(_) => Err(SceneError::NotWellFormed { line, problem: "a character reference is malformed" }),
    }
}

fn names_other_encoding(declaration: &BytesDecl<'_>) -> bool {
    match declaration.encoding() {
        Some(Ok(encoding)) => {
            !encoding.eq_ignore_ascii_case("utf-8") && !encoding.eq_ignore_ascii_case("utf8")
        }
        Some(Err(_)) => true,
        None => false,
    }
}

fn only_xml_characters(text: &str, line: u32) -> Result<(), SceneError> {
    let forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if text.bytes().any(forbidden) || text.contains(['\u{FFFE}', '\u{FFFF}']) {
        return Err(SceneError::NotWellFormed {
            line,
            problem: "there is a character that XML does not allow",
        });
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let inner =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.') || byte >= 0x80;
    let first = name.bytes().next();
    first.is_some_and(|byte| !byte.is_ascii_digit() && byte != b'-' && byte != b'.')
        && name.bytes().all(inner)
}

pub(crate) const XML_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
const ATTRIBUTES_ALLOWED: usize = 32;
