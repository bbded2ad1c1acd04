//! Tells whether an archive came whole: its directory, and the checksum of every member.
//!
//! What is inside the members is no matter here, nor whether they make an MVR ([`crate::check`] judges that): this is the look that a file
//! gets when it has come over a network, before it is kept. Memory is one buffer however large the file is and whatever its members
//! unpack to; the time is bounded by [`Limits::inflated_bytes`], beyond which members are counted and not unpacked. What this crate cannot
//! unpack (an encrypted member, another method) is counted, too: it says nothing about damage.
//!
//! ```
//! use mvrx_file::{Limits, generate::Recipe, whole};
//! let mut bytes = Recipe::new(1).to_bytes();
//! let mut look = |bytes: &[u8]| whole::look(std::io::Cursor::new(bytes), &Limits::default(), &mut |_| true);
//! assert_eq!(look(&bytes)?.unread, 0);
//! let middle = bytes.len() / 2;
//! bytes[middle] ^= 1;
//! assert!(look(&bytes).is_err_and(|error| error.is_damage()));
//! # Ok::<(), mvrx_file::whole::NotWhole>(())
//! ```

use std::io::{Read, Seek};

use crate::archive::{Archive, MemberReader};
use crate::error::{ArchiveError, MemberError};
use crate::limits::Limits;

/// A whole archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Whole {
    /// Members in its directory.
    pub members: u64,
    /// Of these, members whose checksum could not be compared: encrypted, packed with a method of which this crate knows nothing, or
    /// beyond [`Limits::inflated_bytes`].
    pub unread: u64,
}

/// Why a file is not known to be a whole archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotWhole {
    /// There is no directory, or none that can be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A member is not what the directory says.
    #[error("member {name:?}: {error}")]
    Member {
        /// Its name; at most [`NAME`] bytes of it.
        name: String,
        /// What is wrong with it.
        error: MemberError,
    },
    /// There is something before the archive: this one lies inside another one, which is cut off.
    #[error("its end is missing: what is left ends with another archive, which begins at byte {at}")]
    EndMissing {
        /// Where the archive begins that was found.
        at: u64,
    },
    /// Whoever asked said stop.
    #[error("the check was called off")]
    Stopped,
}

impl NotWhole {
    /// Whether the bytes are at fault: `false` where the disk, a limit or whoever called it off is.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Archive(error) => !matches!(
                error,
                ArchiveError::Io(_)
                    | ArchiveError::DirectoryRecordAboveLimit { .. }
                    | ArchiveError::MembersAboveLimit { .. }
                    | ArchiveError::NamesAboveLimit { .. }
            ),
            Self::Member { error, .. } => !matches!(error, MemberError::Io(_)),
            Self::EndMissing { .. } => true,
            Self::Stopped => false,
        }
    }

    /// Whether a limit kept it from being judged: nothing is known to be wrong with it.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Archive(error) if !matches!(error, ArchiveError::Io(_))) && !self.is_damage()
    }
}

/// Looks through what `reader` holds from its beginning to its end. `go_on` is called with the bytes unpacked so far, after each piece of
/// at most [`PIECE`] bytes and at least once for each member; `false` ends the look.
///
/// # Errors
/// See [`NotWhole`].
// req: MVR-WHOLE
pub fn look<R: Read + Seek>(
    reader: R,
    limits: &Limits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Whole, NotWhole> {
    let archive = Archive::open(reader, limits)?;
    if archive.begins_at() != 0 {
        return Err(NotWhole::EndMissing { at: archive.begins_at() });
    }
    let mut whole = Whole { members: archive.members().len() as u64, unread: 0 };
    let mut buffer = vec![0; PIECE];
    let mut done = 0;
    for (place, member) in archive.members().iter().enumerate() {
        if !go_on(done) {
            return Err(NotWhole::Stopped);
        }
        let damaged = |error| NotWhole::Member { name: cut(&member.name), error };
        let read = match archive.unpack_unnamed(place, limits.inflated_bytes.saturating_sub(done)) {
            Ok(content) => read_through(content, &mut buffer, &mut done, go_on),
            Err(error) => Err(Some(error)),
        };
        match read {
            Ok(()) => {}
            Err(None) => return Err(NotWhole::Stopped),
            Err(Some(
                MemberError::Encrypted
                | MemberError::MethodNotAllowed { .. }
                | MemberError::SizeAboveLimit { .. },
            )) => {
                whole.unread += 1;
            }
            Err(Some(error)) => return Err(damaged(error)),
        }
    }
    Ok(whole)
}

/// `Err(None)`: it was called off.
fn read_through<R: Read + Seek>(
    mut content: MemberReader<'_, R>,
    buffer: &mut [u8],
    done: &mut u64,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Option<MemberError>> {
    loop {
        let count = content.read(buffer).map_err(|error| Some(MemberError::from_io(error)))?;
        if count == 0 {
            return Ok(());
        }
        *done = done.saturating_add(count as u64);
        if !go_on(*done) {
            return Err(None);
        }
    }
}

fn cut(name: &str) -> String {
    name.get(..name.floor_char_boundary(NAME)).unwrap_or_default().to_owned()
}

/// Bytes that are unpacked at a time: all the memory that the look takes beside the directory.
pub const PIECE: usize = 64 << 10;
/// Bytes of a member's name that are told.
pub const NAME: usize = 200;

#[cfg(test)]
mod tests;
