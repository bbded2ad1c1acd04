//! A look at a file of the user before anything is done with it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mvrx_file::{ArchiveError, OpenError};

use crate::shown::tame;

/// Why a file is not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
#[non_exhaustive]
pub struct Unfit {
    /// What is wrong with it, for a person.
    pub words: String,
    /// It is a zip archive of which not every byte is there, or right.
    pub is_damage: bool,
}

/// Refuses what cannot be an .mvr: missing, empty, unreadable, or no whole zip archive, unless `any` file will do. Gives a warning for one
/// that merely looks odd. In words it is called as `shown` says. Blocks: it reads the whole file.
///
/// # Errors
/// See [`Unfit`].
pub fn look(path: &Path, shown: &str, any: bool) -> Result<Option<String>, Unfit> {
    let refuse = |why: &str| Unfit { words: format!("{shown} {why}"), is_damage: false };
    let about = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(refuse("does not exist")),
        Err(error) => return Err(refuse(&format!("cannot be read: {error}"))),
        Ok(about) => about,
    };
    if !about.is_file() {
        return Err(refuse(if about.is_dir() { "is a folder, not a file" } else { "is not a regular file" }));
    }
    if about.len() == 0 {
        return Err(refuse("is empty"));
    }
    let read = mvrx_file::version_of(path);
    let is_zip =
        !matches!(&read, Err(OpenError::Archive(ArchiveError::EndRecordMissing)) if !may_be_zip(path));
    if !any && is_zip {
        is_whole(path, shown)?;
    }
    match read {
        Ok(_) => Ok(None),
        Err(OpenError::Io(error) | OpenError::Archive(ArchiveError::Io(error))) => {
            Err(refuse(&format!("cannot be read: {error}")))
        }
        Err(OpenError::Archive(ArchiveError::EndRecordMissing)) if !any && !is_zip => {
            Err(refuse("is no .mvr: it is not a zip archive"))
        }
        Err(odd) => Ok(Some(format!("{shown} does not look like an .mvr ({odd}); committed all the same"))),
    }
}

/// Whether every byte of it is there, and right.
fn is_whole(path: &Path, shown: &str) -> Result<(), Unfit> {
    let file = File::open(path)
        .map_err(|error| Unfit { words: format!("{shown} cannot be read: {error}"), is_damage: false })?;
    let looked = mvrx_file::whole::look(file, &mvrx_file::Limits::default(), &mut |_| true);
    match looked {
        Err(damage) if damage.is_damage() => Err(Unfit {
            words: format!("{shown} is damaged: {}", tame(&damage.to_string())),
            is_damage: true,
        }),
        // A disk that fails says so when the file is copied; what a limit hides is no damage.
        _ => Ok(()),
    }
}

/// Whether it begins as a zip archive does.
fn may_be_zip(path: &Path) -> bool {
    let mut begin = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && ZIP_BEGINS.contains(&begin)
}

/// What stands at the beginning of a zip archive: a member, none at all, or a part of several.
const ZIP_BEGINS: [[u8; 4]; 3] = [*b"PK\x03\x04", *b"PK\x05\x06", *b"PK\x07\x08"];
