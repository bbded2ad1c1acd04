//! Turns payload bytes into strings, truth values and JSON, and back.
//!
//! Reading is as lenient as the reference: a string that is cut off is shorter, a missing one is empty, a missing truth value is false, bytes
//! that are left over do not matter. What the reference drops its client for, text that is no UTF-8 and JSON that is none, is an error here.
//!
//! | kind | encoding |
//! |---|---|
//! | string | u32 byte length, UTF-8 |
//! | bool | u32, 1 is true and everything else is not |
//! | json | a string that holds JSON text |
//!
//! ```
//! use mixer_proto::primitive::{Reader, put_string};
//! let mut payload = Vec::new();
//! put_string(&mut payload, "hé");
//! assert_eq!(payload, b"\x03\0\0\0h\xc3\xa9");
//! assert_eq!(Reader::new(&payload).string().unwrap(), "hé");
//! ```

use thiserror::Error;

use crate::json::{Json, Object, ParseJsonError};

/// Why a payload cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A string is not UTF-8.
    #[error("a text is not utf-8 from its byte {valid} on")]
    TextNotUtf8 {
        /// So many bytes are valid.
        valid: usize,
    },
    /// A JSON text is none.
    #[error("{0}")]
    TextNotJson(#[from] ParseJsonError),
    /// A JSON text is a value, but not an object.
    #[error("json is not an object")]
    JsonNotObject,
}

/// Reads one value after the other from a payload.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the front of a payload.
    pub fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    /// A string's bytes, whatever they are; never fails.
    // req: MIX-PRIM-3
    pub fn string_bytes(&mut self) -> &'a [u8] {
        let length = usize::try_from(self.word()).unwrap_or(usize::MAX);
        self.take(length)
    }

    /// A string.
    ///
    /// # Errors
    /// When it is not UTF-8.
    // req: MIX-PRIM-1
    pub fn string(&mut self) -> Result<&'a str, PayloadError> {
        utf8(self.string_bytes())
    }

    /// A truth value.
    // req: MIX-PRIM-2
    pub fn bool(&mut self) -> bool {
        self.word() == 1
    }

    /// A JSON object.
    ///
    /// # Errors
    /// When the string is not UTF-8, not JSON or not an object.
    pub fn object(&mut self) -> Result<Object, PayloadError> {
        match Json::parse(self.string()?)? {
            Json::Object(object) => Ok(object),
            _ => Err(PayloadError::JsonNotObject),
        }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Four bytes, those that are missing being zero.
    fn word(&mut self) -> u32 {
        self.take(4).iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte))
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }
}

/// A raw payload as text: no length stands before it.
///
/// # Errors
/// When it is not UTF-8.
// req: MIX-RAW-1
pub fn utf8(bytes: &[u8]) -> Result<&str, PayloadError> {
    std::str::from_utf8(bytes).map_err(|error| PayloadError::TextNotUtf8 { valid: error.valid_up_to() })
}

/// Appends a string. Text above 4 GiB is cut; no frame limit lets it come to that.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a truth value.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(&u32::from(value).to_le_bytes());
}

/// Appends an object as JSON.
pub fn put_object(out: &mut Vec<u8>, object: &Object) {
    put_string(out, &Json::Object(object.clone()).to_string());
}

#[cfg(test)]
mod tests {
    use super::{PayloadError, Reader};

    // proves: MIX-PRIM-3
    #[test]
    fn what_is_cut_off_is_shorter_and_what_is_missing_is_empty() {
        assert_eq!(Reader::new(b"").string(), Ok(""));
        assert_eq!(Reader::new(b"\x05\0").string(), Ok(""));
        assert_eq!(Reader::new(b"\x05\0\0\0ab").string(), Ok("ab"));
        assert_eq!(Reader::new(b"\xff\xff\xff\xffab").string(), Ok("ab"));
        assert!(!Reader::new(b"").bool());
    }

    // proves: MIX-PRIM-2
    #[test]
    fn only_exactly_one_is_true() {
        assert!(Reader::new(b"\x01\0\0\0").bool());
        assert!(!Reader::new(b"\x02\0\0\0").bool());
        assert!(!Reader::new(b"\x01\0\0\x01").bool());
    }

    // proves: MIX-PRIM-1
    #[test]
    fn text_that_is_not_utf8_is_named_with_its_place() {
        assert_eq!(Reader::new(b"\x03\0\0\0ab\xff").string(), Err(PayloadError::TextNotUtf8 { valid: 2 }));
        assert_eq!(Reader::new(b"\x02\0\0\0[]").object().map(|_| ()), Err(PayloadError::JsonNotObject));
    }
}
