//! Looks through a file that has arrived, before it is listed: is it a whole archive?
//!
//! It decides nothing: who asks keeps the file, or has it put aside ([`Pending::put_aside`]).

use std::fmt;

use mvrx_file::whole::{NotWhole, look};
use mvrx_file::{ArchiveError, Limits, MemberError};

use crate::{Cancel, Pending, StoredReader};

/// What a look through a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// A whole zip archive: its directory is right, and so is the checksum of every member that can be unpacked.
    Whole {
        /// Members in its directory.
        members: u64,
        /// Of these, members that could not be unpacked: encrypted, of an unknown method, or beyond a limit.
        unread: u64,
    },
    /// It is damaged, or no archive.
    Damaged {
        /// What is wrong with it, as a clause.
        what: String,
    },
    /// A limit of the reader kept it from being judged; nothing is known to be wrong with it.
    NotJudged {
        /// Which, as a clause.
        what: String,
    },
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// The file cannot be read back: our own disk is at fault.
    #[error("it cannot be read back: {what}")]
    Unreadable {
        /// What the disk says.
        what: String,
    },
    /// It was cancelled.
    #[error("the check was called off")]
    LookCancelled,
}

impl Condition {
    /// Whether the file is to be kept from others.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { members: 1, unread: 0 } => f.write_str("whole: 1 member, checksum right"),
            Self::Whole { members, unread: 0 } => write!(f, "whole: {members} members, checksums right"),
            Self::Whole { members, unread } => {
                write!(f, "whole: {members} members, {unread} of them not looked into")
            }
            Self::Damaged { what } => write!(f, "damaged: {what}"),
            Self::NotJudged { what } => write!(f, "not looked through: {what}"),
        }
    }
}

/// Reads a file through, once. Blocks for as long as that takes; memory is a small buffer. `progress` is called with the bytes unpacked so
/// far. Ends at the next piece when `cancel` is thrown.
///
/// # Errors
/// See [`LookError`]; nothing is known of the file then.
// req: STO-18
pub fn look_through(
    pending: &dyn Pending,
    limits: &Limits,
    progress: &dyn Fn(u64),
    cancel: &Cancel,
) -> Result<Condition, LookError> {
    let unreadable = |error: &dyn fmt::Display| LookError::Unreadable { what: error.to_string() };
    let file = pending.read().map_err(|error| unreadable(&error))?;
    let reader = StoredReader::new(file, pending.length());
    let found = look(reader, limits, &mut |done| {
        progress(done);
        !cancel.is_cancelled()
    });
    match found {
        Ok(whole) => Ok(Condition::Whole { members: whole.members, unread: whole.unread }),
        Err(NotWhole::Stopped) => Err(LookError::LookCancelled),
        Err(
            NotWhole::Archive(ArchiveError::Io(error))
            | NotWhole::Member { error: MemberError::Io(error), .. },
        ) => Err(unreadable(&error)),
        Err(limit) if limit.is_limit() => Ok(Condition::NotJudged { what: limit.to_string() }),
        Err(damage) => Ok(Condition::Damaged { what: damage.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expect, MemStore, Store};

    fn pending(bytes: &[u8]) -> Box<dyn Pending> {
        let mut writer = MemStore::new().begin(Expect::Unknown).unwrap();
        writer.write(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn condition(bytes: &[u8], limits: &Limits) -> Condition {
        look_through(pending(bytes).as_ref(), limits, &|_| {}, &Cancel::new()).unwrap()
    }

    // proves: STO-18
    #[test]
    fn tells_whole_from_damaged_and_from_what_a_limit_hides() {
        let limits = Limits::default();
        let show = mvrx_file::generate::Recipe::new(1).fixtures(2).to_bytes();
        let whole = condition(&show, &limits);
        let Condition::Whole { members, unread: 0 } = whole else { panic!("{whole}") };
        assert_eq!(whole.to_string(), format!("whole: {members} members, checksums right"));
        assert!(condition(&show[..show.len() - 30], &limits).is_damaged());
        assert!(condition(b"no zip", &limits).to_string().starts_with("damaged: this is not a zip archive"));
        let few = Limits { members: 1, ..limits };
        let hidden = condition(&show, &few);
        assert_eq!(hidden.to_string(), "not looked through: the archive has more than 1 members");
        assert!(!hidden.is_damaged());
        let little = Limits { inflated_bytes: 0, ..limits };
        assert_eq!(
            condition(&show, &little).to_string(),
            format!("whole: {members} members, {members} of them not looked into")
        );
    }

    #[test]
    fn a_look_that_is_cancelled_says_nothing_of_the_file() {
        let show = mvrx_file::generate::Recipe::new(1).fixtures(2).to_bytes();
        let cancel = Cancel::new();
        let stop = cancel.clone();
        let looked = look_through(pending(&show).as_ref(), &Limits::default(), &|_| stop.cancel(), &cancel);
        assert!(matches!(looked, Err(LookError::LookCancelled)));
    }
}
