//! [`GroupName`]: the name of an MVR-xchange group, and the service name that carries it (`Group._mvrxchange._tcp.local.`).
//!
//! A group is one DNS label. We join every label there is (valid UTF-8, 1 to 63 bytes, capitals matter), but create only groups of
//! `[A-Za-z0-9_-]`, since products replace or drop everything else. It does not know discovery: instance names, records and
//! what else may stand before the group are another crate's.
//!
//! ```
//! use mvrx_message::GroupName;
//! let group = GroupName::from_service_name("fancyProjectGroup._mvrxchange._tcp.local.")?;
//! assert_eq!(group.as_str(), "fancyProjectGroup");
//! assert_eq!(GroupName::create("Default")?.service_name(), "Default._mvrxchange._tcp.local.");
//! assert!(GroupName::create("Stage 2").is_err());
//! assert!(GroupName::join("Stage 2").is_ok());
//! # Ok::<(), mvrx_message::GroupNameError>(())
//! ```

use std::fmt;
use std::str::FromStr;

/// The service type of MVR-xchange, as a full name.
pub const SERVICE_TYPE: &str = "_mvrxchange._tcp.local.";

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

/// Why a text is no group name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupNameError {
    /// It is empty.
    #[error("the group name is empty")]
    Empty,
    /// It does not fit a DNS label.
    #[error("the group name has {bytes} bytes, more than the {allowed} of a DNS label")]
    LongerThanLabel {
        /// Its length.
        bytes: usize,
        /// The length of a label.
        allowed: usize,
    },
    /// It has a character that not every product keeps; such a group can be joined but not created.
    #[error(
        "the group name has the character {character:?}; letters, digits, '-' and '_' are kept by every product"
    )]
    CharacterNotKeptByAll {
        /// The first such character.
        character: char,
    },
    /// The bytes that the service name's escapes stand for are not UTF-8.
    #[error("the group name is not UTF-8")]
    NotUtf8,
}

impl GroupName {
    /// A group to join: any label, as other products may have made it.
    ///
    /// # Errors
    /// [`GroupNameError::Empty`] or [`GroupNameError::LongerThanLabel`].
    pub fn join(name: &str) -> Result<Self, GroupNameError> {
        if name.is_empty() {
            return Err(GroupNameError::Empty);
        }
        if name.len() > LABEL_BYTES {
            return Err(GroupNameError::LongerThanLabel { bytes: name.len(), allowed: LABEL_BYTES });
        }
        Ok(Self(name.to_owned()))
    }

    /// A group to create: `[A-Za-z0-9_-]` only.
    ///
    /// # Errors
    /// As [`join`](Self::join), and [`GroupNameError::CharacterNotKeptByAll`].
    pub fn create(name: &str) -> Result<Self, GroupNameError> {
        let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match name.chars().find(|c| !kept(c)) {
            Some(character) => Err(GroupNameError::CharacterNotKeptByAll { character }),
            None => Self::join(name),
        }
    }

    /// Reads the `ServiceName` of NEW_SESSION_HOST (Table 76): the last label before `_mvrxchange._tcp.local.`, which may lack
    /// its final dot, have other capitals or be left out altogether. DNS escapes (`\.`, `\032`) are resolved.
    ///
    /// # Errors
    /// As [`join`](Self::join), and [`GroupNameError::NotUtf8`].
    // req: MSG-GROUP
    pub fn from_service_name(name: &str) -> Result<Self, GroupNameError> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let label = without_service_type(name).map_or(name, last_label);
        let bytes = unescaped(label);
        Self::join(std::str::from_utf8(&bytes).map_err(|_| GroupNameError::NotUtf8)?)
    }

    /// The service name of this group, dots and backslashes of the label escaped.
    #[must_use]
    pub fn service_name(&self) -> String {
        let mut name = String::with_capacity(self.0.len() + 1 + SERVICE_TYPE.len());
        for c in self.0.chars() {
            if matches!(c, '.' | '\\') {
                name.push('\\');
            }
            name.push(c);
        }
        name.push('.');
        name.push_str(SERVICE_TYPE);
        name
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for GroupName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = GroupNameError;

    /// As [`GroupName::join`].
    fn from_str(name: &str) -> Result<Self, GroupNameError> {
        Self::join(name)
    }
}

/// What stands before the service type, without the dot between; `None` where the name does not end in it.
fn without_service_type(name: &str) -> Option<&str> {
    let service = SERVICE_TYPE.strip_suffix('.').unwrap_or(SERVICE_TYPE);
    let at = name.len().checked_sub(service.len())?;
    let (before, end) = (name.get(..at)?, name.get(at..)?);
    if !end.eq_ignore_ascii_case(service) {
        return None;
    }
    if before.is_empty() { Some(before) } else { before.strip_suffix('.') }
}

/// What stands behind the last dot that no backslash escapes.
fn last_label(name: &str) -> &str {
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in name.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '.' => start = at + 1,
            _ => {}
        }
    }
    name.get(start..).unwrap_or(name)
}

/// Resolves `\X` and `\DDD` (RFC 1035, 5.1).
fn unescaped(label: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
        } else if let Some((value, behind)) = decimal(behind) {
            out.push(value);
            rest = behind;
        } else if let Some((&escaped, behind)) = behind.split_first() {
            out.push(escaped);
            rest = behind;
        }
    }
    out
}

fn decimal(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((value, rest))
}

const LABEL_BYTES: usize = 63;

#[cfg(test)]
mod tests;
