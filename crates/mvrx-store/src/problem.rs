//! What was found to be wrong with a store and left as it is, for a person to look at.

use std::fmt;

use mvrx_message::FileUuid;

use crate::disk::DiskError;

/// Something wrong with a store. Everything else in it is served; nothing was deleted because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// An index record cannot be understood, so its commit is not listed. Its file is still there.
    RecordDamaged {
        /// The record's name in the store.
        name: String,
        /// What is wrong with it.
        damage: RecordDamage,
    },
    /// A commit is not listed because its file is gone.
    FileMissing {
        /// The record's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
    },
    /// A commit is not listed because its file does not have the length it was stored with.
    FileLengthNotAsStored {
        /// The record's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
        /// The length in the record.
        stored: u64,
        /// The length on the disk.
        found: u64,
    },
    /// A commit is not listed because the recipe that its file became cannot be used: it is damaged, or cannot be read.
    RecipeUnusable {
        /// The recipe's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
        /// What is wrong with it.
        why: String,
    },
    /// A commit is not listed because its file became a recipe over another file, which is gone.
    BaseMissing {
        /// The recipe's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
    },
    /// Older files stay whole for now, because the disk failed while recipes were made of them. It is tried again after the next commit.
    FilesStayWhole {
        /// What the disk said.
        error: DiskError,
    },
    /// A file does not have the bytes that were stored, though their number is right: its disk rotted, or somebody wrote to it.
    ContentDamaged {
        /// The file's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
    },
    /// A file cannot be read.
    FileUnreadable {
        /// The file's name in the store.
        name: String,
        /// The file.
        file: FileUuid,
        /// What the disk said.
        error: DiskError,
    },
    /// A person gave a name to a commit that is not listed.
    TagOfNothing {
        /// The name.
        tag: String,
        /// The file of the commit.
        file: FileUuid,
    },
    /// What is beyond the limits stays for now, because the disk failed when it was to go. It is tried again after the next commit.
    NothingGoes {
        /// What the disk said.
        error: DiskError,
    },
    /// There is a file without a record. It takes space and is not listed.
    FileWithoutRecord {
        /// The file's name in the store.
        name: String,
        /// Its length.
        length: u64,
    },
    /// Two records list the same file; the later one counts.
    FileRecordedTwice {
        /// The name of the record that does not count.
        name: String,
        /// The file.
        file: FileUuid,
    },
    /// Under one of the store's names lies something that is no regular file.
    NotARegularFile {
        /// Its name in the store.
        name: String,
    },
    /// What a crash left, or what was given up, could not be cleaned away. The next start tries again.
    LeftoverKept {
        /// Its name in the store.
        name: String,
        /// What the disk said.
        error: DiskError,
    },
    /// The file that tells the store's schema cannot be understood. The records tell their own.
    SchemaFileDamaged {
        /// Its name in the store.
        name: String,
    },
}

/// What is wrong with an index record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordDamage {
    /// It is longer than a record may be.
    LongerThanLimit {
        /// Its length.
        length: u64,
        /// [`Limits::record_bytes`](crate::Limits::record_bytes).
        allowed: u64,
    },
    /// It does not have a line and its checksum.
    NotARecord,
    /// The checksum is not that of the line.
    ChecksumDiffers,
    /// The checksum is right, the fields are not what a commit has.
    FieldsNotUnderstood,
    /// It tells of another commit than its name.
    NameTellsOfAnother,
    /// It cannot be read.
    Unreadable(DiskError),
}

impl Problem {
    /// A word for programs, which stays.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::RecordDamaged { .. } => "record-damaged",
            Self::FileMissing { .. } => "file-missing",
            Self::FileLengthNotAsStored { .. } => "file-length",
            Self::RecipeUnusable { .. } => "recipe-unusable",
            Self::BaseMissing { .. } => "base-missing",
            Self::FilesStayWhole { .. } => "files-stay-whole",
            Self::ContentDamaged { .. } => "content-damaged",
            Self::FileUnreadable { .. } => "file-unreadable",
            Self::TagOfNothing { .. } => "tag-of-nothing",
            Self::NothingGoes { .. } => "nothing-goes",
            Self::FileWithoutRecord { .. } => "file-without-record",
            Self::FileRecordedTwice { .. } => "file-recorded-twice",
            Self::NotARegularFile { .. } => "not-a-regular-file",
            Self::LeftoverKept { .. } => "leftover-kept",
            Self::SchemaFileDamaged { .. } => "schema-file-damaged",
        }
    }

    /// The file that it is about, where that is known.
    #[must_use]
    pub fn file(&self) -> Option<FileUuid> {
        match self {
            Self::FileMissing { file, .. }
            | Self::FileLengthNotAsStored { file, .. }
            | Self::RecipeUnusable { file, .. }
            | Self::BaseMissing { file, .. }
            | Self::ContentDamaged { file, .. }
            | Self::FileUnreadable { file, .. }
            | Self::TagOfNothing { file, .. }
            | Self::FileRecordedTwice { file, .. } => Some(*file),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordDamaged { name, damage } => write!(out, "the record {name} is damaged: {damage}"),
            Self::FileMissing { name, file } => {
                write!(out, "the file {file} of the record {name} is missing")
            }
            Self::FileLengthNotAsStored { name, file, stored, found } => {
                write!(out, "the file {file} of the record {name} has {found} bytes instead of {stored}")
            }
            Self::RecipeUnusable { name, file, why } => {
                write!(out, "the recipe {name} of the file {file} cannot be used: {why}")
            }
            Self::BaseMissing { name, file } => {
                write!(
                    out,
                    "the whole file is missing over which the recipe {name} of the file {file} was made"
                )
            }
            Self::ContentDamaged { name, file } => {
                write!(out, "the file {file} ({name}) is not what was stored: its bytes have another hash")
            }
            Self::FileUnreadable { name, file, error } => {
                write!(out, "the file {file} ({name}) cannot be read: {error}")
            }
            Self::TagOfNothing { tag, file } => {
                write!(out, "the tag {tag} is of {file}, which is not in the store")
            }
            Self::NothingGoes { error } => {
                write!(out, "what is beyond the limits of the history stays for now: {error}")
            }
            Self::FilesStayWhole { error } => write!(out, "older files stay whole for now: {error}"),
            Self::FileWithoutRecord { name, length } => write!(out, "{name} ({length} bytes) has no record"),
            Self::FileRecordedTwice { name, file } => {
                write!(out, "the record {name} of {file} does not count, a later one does")
            }
            Self::NotARegularFile { name } => write!(out, "{name} is not a regular file"),
            Self::LeftoverKept { name, error } => {
                write!(out, "the leftover {name} was not cleaned away: {error}")
            }
            Self::SchemaFileDamaged { name } => write!(out, "the schema file {name} is damaged"),
        }
    }
}

impl fmt::Display for RecordDamage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongerThanLimit { length, allowed } => {
                write!(out, "{length} bytes, and {allowed} are allowed")
            }
            Self::NotARecord => out.write_str("it is not a record"),
            Self::ChecksumDiffers => out.write_str("its checksum differs"),
            Self::FieldsNotUnderstood => out.write_str("its fields are not understood"),
            Self::NameTellsOfAnother => out.write_str("it tells of another commit than its name"),
            Self::Unreadable(error) => write!(out, "{error}"),
        }
    }
}
