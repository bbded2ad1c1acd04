//! UUID text of any spelling into [`StationUuid`] and [`FileUuid`], and back into the one spelling that we write.
//!
//! It does not know versions: products derive UUIDs from addresses or count them, so the version bits say nothing. A nil or
//! empty UUID means "none" on the wire (table 3.2 of the interoperability notes), so these types cannot hold nil: a place that may
//! have none is an `Option`. Two spellings of the same number are equal, as the numbers are compared.
//!
//! ```
//! use mvrx_message::StationUuid;
//! let shouted: StationUuid = "{4AA291A1-1A62-45FE-AABC-E90E5E2399A8}".parse()?;
//! assert_eq!(shouted.to_string(), "4aa291a1-1a62-45fe-aabc-e90e5e2399a8");
//! # Ok::<(), mvrx_message::UuidError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UuidError {
    /// The text is empty: the way of several products to say "none".
    #[error("the UUID is empty")]
    Empty,
    /// All digits are zero: the other way to say "none".
    #[error("the UUID is nil")]
    Nil,
    /// It is not 32 hexadecimal digits in one of the usual spellings.
    #[error("the text of {bytes} bytes is not a UUID")]
    NotAUuid {
        /// Its length.
        bytes: usize,
    },
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes 16 random bytes a version 4 UUID. The bytes come from outside, so that tests can repeat them.
            #[must_use]
            pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
                // The version bits that it sets are not zero, so this is never nil.
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// Takes any UUID but nil, which means "none".
            #[must_use]
            pub fn from_uuid(uuid: Uuid) -> Option<Self> {
                (!uuid.is_nil()).then_some(Self(uuid))
            }

            /// The UUID as the `uuid` crate has it.
            #[must_use]
            pub fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The 16 bytes, in the order in which they are written.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                *self.0.as_bytes()
            }

            /// The 16 bytes of any UUID but nil.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
                Self::from_uuid(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            /// Lower case with hyphens, the spelling that we write everywhere.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = UuidError;

            /// Reads any version and case, with braces, as a `urn:uuid:`, or as 32 digits without hyphens; spaces around are ignored.
            fn from_str(text: &str) -> Result<Self, UuidError> {
                Self::from_uuid(read(text)?.0).ok_or(UuidError::Nil)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut buffer = Uuid::encode_buffer();
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            /// As [`FromStr`]; for stores and configurations. Messages are read by `Message::parse` instead.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_type! {
    /// The UUID of a station, persistent across restarts (Table 65 and others).
    StationUuid
}

uuid_type! {
    /// The UUID of one revision of a file (Table 72). A new revision has a new one.
    FileUuid
}

/// How a UUID was spelled, where that is not the specification's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    LowerCase,
    UpperCase,
    /// Braces, a URN, spaces around it or no hyphens.
    Odd,
}

/// Reads any spelling; may be nil.
pub(crate) fn read(text: &str) -> Result<(Uuid, Spelling), UuidError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(UuidError::Empty);
    }
    let bare = trimmed.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(trimmed).trim();
    let uuid = Uuid::try_parse(bare).map_err(|_| UuidError::NotAUuid { bytes: text.len() })?;
    let spelling = if text.len() != HYPHENATED_LEN {
        Spelling::Odd
    } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Spelling::UpperCase
    } else {
        Spelling::LowerCase
    };
    Ok((uuid, spelling))
}

const HYPHENATED_LEN: usize = 36;
