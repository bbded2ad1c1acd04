//! DNS names as labels of bytes, compared without regard to the case of ASCII letters.
//!
//! It knows nothing of escapes or text formats: a label may hold any bytes, dots too. A name has at most 255 bytes on the wire, a label
//! 1 to 63 (RFC 1035, 2.3.4), and a [`Name`] that exists keeps to it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;

/// A name. Cheap to clone. Equality and order are DNS's: the case of ASCII letters does not count; what is written keeps it.
#[derive(Clone)]
pub struct Name {
    /// Each label with its length before it, without the root's empty one.
    wire: Arc<[u8]>,
    /// The same in lower case.
    folded: Arc<[u8]>,
}

/// Why labels make no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// A label is empty or longer than 63 bytes.
    #[error("a label has {bytes} bytes, 1 to {max} are possible")]
    LabelLength {
        /// Its length.
        bytes: usize,
        /// The longest possible.
        max: usize,
    },
    /// All of them are too long.
    #[error("the name has {bytes} bytes, at most {max} are possible")]
    NameTooLong {
        /// The length on the wire.
        bytes: usize,
        /// The longest possible.
        max: usize,
    },
}

impl Name {
    /// The name of these labels, without the root's empty one.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn from_labels<L: AsRef<[u8]>>(labels: impl IntoIterator<Item = L>) -> Result<Self, NameError> {
        let mut wire = Vec::new();
        for label in labels {
            let label = label.as_ref();
            let bytes = label.len();
            match u8::try_from(bytes) {
                Ok(length) if (1..=LABEL_BYTES).contains(&bytes) => wire.push(length),
                _ => return Err(NameError::LabelLength { bytes, max: LABEL_BYTES }),
            }
            wire.extend_from_slice(label);
        }
        let bytes = wire.len() + 1;
        if bytes > NAME_BYTES {
            return Err(NameError::NameTooLong { bytes, max: NAME_BYTES });
        }
        // A length is at most 63, which is no letter.
        let folded = wire.to_ascii_lowercase();
        Ok(Self { wire: wire.into(), folded: folded.into() })
    }

    /// The name of the parts between dots, with or without the final one.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn from_dotted(text: &str) -> Result<Self, NameError> {
        Self::from_labels(text.strip_suffix('.').unwrap_or(text).split('.'))
    }

    /// This name with labels before it.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn below<L: AsRef<[u8]>>(&self, labels: &[L]) -> Result<Self, NameError> {
        Self::from_labels(labels.iter().map(AsRef::as_ref).chain(self.labels()))
    }

    /// Its labels, as they were spelled.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let mut rest: &[u8] = &self.wire;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some(label)
        })
    }

    /// Whether it is `other` or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let Some(at) = self.folded.len().checked_sub(other.folded.len()) else { return false };
        // The end must begin where a label begins.
        let mut start = 0;
        while start < at {
            let Some(length) = self.folded.get(start) else { return false };
            start += usize::from(*length) + 1;
        }
        start == at && self.folded.get(at..) == Some(&other.folded)
    }

    /// Whether it is `other` to the letter, case and all.
    #[must_use]
    pub fn is_spelled_like(&self, other: &Self) -> bool {
        self.wire == other.wire
    }

    /// How many bytes it has on the wire, uncompressed.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.wire.len() + 1
    }

    /// Its labels joined by dots and ended by one; dots within labels look the same as those between. Bytes that are not UTF-8 are
    /// replaced.
    #[must_use]
    pub fn flat(&self) -> String {
        let mut text = String::new();
        for label in self.labels() {
            text.push_str(&String::from_utf8_lossy(label));
            text.push('.');
        }
        text
    }

    /// The bytes on the wire, uncompressed, for ordering records (RFC 6762, 8.2).
    pub(crate) fn to_wire(&self) -> Vec<u8> {
        let mut wire = self.wire.to_vec();
        wire.push(0);
        wire
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

/// As [`Name::flat`], with dots and backslashes within labels escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels() {
            for c in String::from_utf8_lossy(label).chars() {
                if matches!(c, '.' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest label in bytes.
pub const LABEL_BYTES: usize = 63;

/// The longest name in bytes, with lengths and the root.
pub const NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_dotted(text).unwrap()
    }

    #[test]
    fn keeps_spelling_and_compares_without_case() {
        assert_eq!(name("Desk.LOCAL."), name("desk.local"));
        assert_eq!(name("Desk.LOCAL.").to_string(), "Desk.LOCAL.");
        assert_ne!(name("Bühne.local"), name("BÜHNE.local"), "only ASCII letters fold");
        assert!(name("Desk.local.").is_spelled_like(&name("Desk.local")));
        assert!(!name("Desk.local").is_spelled_like(&name("desk.local")));
    }

    #[test]
    fn a_dot_in_a_label_is_not_a_dot_between_labels() {
        let one = Name::from_labels(["Desk.Default", "local"]).unwrap();
        assert_ne!(one, name("Desk.Default.local"));
        assert_eq!(one.flat(), name("Desk.Default.local").flat());
        assert_eq!(one.to_string(), "Desk\\.Default.local.");
    }

    #[test]
    fn is_within_at_label_borders_only() {
        assert!(name("a.b.local").is_within(&name("B.local")));
        assert!(name("b.local").is_within(&name("b.local")));
        assert!(!name("ab.local").is_within(&name("b.local")));
        assert!(!name("local").is_within(&name("b.local")));
    }

    #[test]
    fn labels_and_names_end_at_their_limits() {
        let label = |n: usize| Name::from_labels(["x".repeat(n)]);
        assert!(label(63).is_ok());
        assert_eq!(label(64), Err(NameError::LabelLength { bytes: 64, max: 63 }));
        assert_eq!(label(0), Err(NameError::LabelLength { bytes: 0, max: 63 }));
        let whole = |last: usize| Name::from_labels([63, 63, 63, last].map(|n| "x".repeat(n)));
        assert_eq!(whole(61).unwrap().wire_len(), 255);
        assert_eq!(whole(62), Err(NameError::NameTooLong { bytes: 256, max: 255 }));
    }
}
