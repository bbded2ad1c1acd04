//! Python's `str`: Unicode text that may hold lone surrogates.

use std::fmt;

/// A Python string: UTF-8, except that a lone surrogate is kept as the three bytes UTF-8 would give it (WTF-8).
///
/// A high surrogate directly followed by a low one is always the one character they mean, so equal strings have equal bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Vec<u8>);

impl Text {
    /// The text as UTF-8, or `None` when it holds a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no character at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The code points, lone surrogates included.
    pub(crate) fn code_points(&self) -> CodePoints<'_> {
        CodePoints(&self.0)
    }

    pub(crate) fn push_str(&mut self, part: &str) {
        self.0.extend_from_slice(part.as_bytes());
    }

    /// Appends a code point; the caller has joined surrogate pairs.
    pub(crate) fn push_code_point(&mut self, point: u32) {
        if let Some(character) = char::from_u32(point) {
            self.0.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let [_, _, high, low] = point.to_be_bytes();
            self.0.extend_from_slice(&[
                0xE0 | (high >> 4),
                0x80 | ((high & 0x0F) << 2) | (low >> 6),
                0x80 | (low & 0x3F),
            ]);
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Shows the text; a lone surrogate appears as replacement characters.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// Iterator over the code points of a [`Text`].
#[derive(Debug)]
pub(crate) struct CodePoints<'a>(&'a [u8]);

impl Iterator for CodePoints<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (&first, rest) = self.0.split_first()?;
        let (count, initial) = match first {
            0..=0x7F => (0, u32::from(first)),
            0x80..=0xDF => (1, u32::from(first & 0x1F)),
            0xE0..=0xEF => (2, u32::from(first & 0x0F)),
            _ => (3, u32::from(first & 0x07)),
        };
        let (tail, rest) = rest.split_at_checked(count)?;
        self.0 = rest;
        Some(tail.iter().fold(initial, |point, byte| (point << 6) | u32::from(byte & 0x3F)))
    }
}
