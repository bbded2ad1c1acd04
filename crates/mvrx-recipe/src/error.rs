//! What can go wrong, in words.

use std::io;

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The base cannot be read.
    #[error("the whole file cannot be read: {0}")]
    Base(#[source] io::Error),
    /// The file for which a recipe was wanted cannot be read, or changed while it was read.
    #[error("the file cannot be read: {0}")]
    Target(#[source] io::Error),
    /// The recipe cannot be written.
    #[error("the recipe cannot be written: {0}")]
    Write(#[source] io::Error),
    /// The two files have too little in common. What was written is no recipe.
    #[error(
        "the file has too little in common with the whole one: its recipe would take more than {allowed} of {length} bytes"
    )]
    NoGain {
        /// Bytes of the file.
        length: u64,
        /// Bytes that its recipe could have taken: [`Limits::worth_permille`](crate::Limits::worth_permille).
        allowed: u64,
    },
    /// A file is longer than allowed.
    #[error("a file of {length} bytes is longer than the {allowed} that are allowed")]
    FileAboveLimit {
        /// Its length.
        length: u64,
        /// [`Limits::file_bytes`](crate::Limits::file_bytes).
        allowed: u64,
    },
    /// Whoever asked said stop.
    #[error("it was called off")]
    Stopped,
}

/// Why a recipe does not give its file back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The base cannot be read.
    #[error("the whole file cannot be read: {0}")]
    Base(#[source] io::Error),
    /// The recipe cannot be read.
    #[error("the recipe cannot be read: {0}")]
    Recipe(#[source] io::Error),
    /// What it gives cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(#[source] io::Error),
    /// It does not begin like a recipe.
    #[error("this is no recipe")]
    NotARecipe,
    /// A later version of this program wrote it.
    #[error("the recipe has version {version}, and {known} is the newest known one")]
    VersionUnknown {
        /// Its version.
        version: u16,
        /// Ours.
        known: u16,
    },
    /// Its end is missing.
    #[error("the recipe is cut off: something is missing at byte {at}")]
    Cut {
        /// Where the missing bytes should be.
        at: u64,
    },
    /// Its bytes are not those that were written, or nothing that this program writes.
    #[error("the recipe is damaged from byte {at} on: {what}")]
    Damaged {
        /// Where the damaged stretch begins.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file beside it is not the one that it was made against.
    #[error("the whole file is not the one that the recipe was made against")]
    BaseDiffers,
    /// A part came out otherwise than it was: the base changed while it was read, or this is a bug.
    #[error("part {part} of the file came out otherwise than it was")]
    PartDiffers {
        /// Which one, from 0 on.
        part: u64,
    },
    /// The file came out otherwise than it was.
    #[error("the file came out otherwise than it was")]
    WholeDiffers,
    /// It would take more memory than allowed.
    #[error("the recipe needs a window of {window} bytes, and {allowed} are allowed")]
    WindowAboveLimit {
        /// Bytes it needs.
        window: u64,
        /// [`Limits::allowed_window_bytes`](crate::Limits::allowed_window_bytes).
        allowed: u64,
    },
    /// It would give a longer file than allowed.
    #[error("the recipe gives a file of {length} bytes, and {allowed} are allowed")]
    FileAboveLimit {
        /// Bytes it gives.
        length: u64,
        /// [`Limits::file_bytes`](crate::Limits::file_bytes).
        allowed: u64,
    },
    /// Whoever asked said stop.
    #[error("it was called off")]
    Stopped,
}

impl RebuildError {
    /// Whether the recipe or the base is at fault, for good: `false` where a disk, a limit or whoever called it off is.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::NotARecipe
                | Self::Cut { .. }
                | Self::Damaged { .. }
                | Self::BaseDiffers
                | Self::PartDiffers { .. }
                | Self::WholeDiffers
        )
    }
}
