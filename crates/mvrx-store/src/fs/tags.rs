//! Names that a person gives to commits, so that they stay when others go ([`crate::Retention`]) and are found by these names.
//!
//! ```text
//! <directory>/tags/lock                       held by who gives or takes a name, and by who removes commits by number, age or bytes
//! <directory>/tags/premiere@<file>.tag        an empty file: its name tells all
//! ```
//! A tag can be given beside the running station: whoever removes looks at the tags under the same lock, and who tags sees under it
//! whether the commit is still there. A name is one commit's; upper and lower case do not make two.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mvrx_message::FileUuid;

use super::{FsOptions, FsView, create_durably};
use crate::disk::{Disk, DiskAction, DiskError, Kind, Naming, RealDisk};
use crate::error::OpenStoreError;

/// A name of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The name, as it was given.
    pub name: String,
    /// The file of the commit.
    pub file: FileUuid,
}

/// Why a tag was not given or taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// The name could be taken for something else, or is none on every disk.
    #[error("{name} is no name for a tag: {why}")]
    NotAName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another commit has the name.
    #[error("the tag {name} is given to {file} already")]
    NameTaken {
        /// The name as it was given first.
        name: String,
        /// The file of the commit that has it.
        file: FileUuid,
    },
    /// No such commit is listed.
    #[error("{file} is not in the store")]
    FileNotListed {
        /// The file.
        file: FileUuid,
    },
    /// There is no such tag.
    #[error("there is no tag {name}")]
    NoSuchTag {
        /// The name.
        name: String,
    },
    /// The store cannot be looked at.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// The tags of the store in a directory, whether a station runs in it or not.
///
/// ```
/// use mvrx_store::{TagError, Tags};
/// let directory = std::env::temp_dir().join(format!("tags-{}", std::process::id()));
/// let tags = Tags::of(&directory);
/// assert_eq!(tags.list(), Ok(vec![]));
/// assert!(matches!(tags.remove("premiere"), Err(TagError::NoSuchTag { .. })));
/// # std::fs::remove_dir_all(directory).ok();
/// ```
#[derive(Debug, Clone)]
pub struct Tags {
    directory: PathBuf,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

/// Who has it is alone with the tags.
#[derive(Debug)]
pub(super) struct TagsLock(#[expect(dead_code, reason = "closing it ends the lock")] Option<File>);

impl Tags {
    /// Those of the store in `directory`.
    #[must_use]
    pub fn of(directory: impl AsRef<Path>) -> Self {
        Self::on(Arc::new(RealDisk::default()), directory.as_ref())
    }

    pub(super) fn on(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), folder: directory.join(TAGS), disk }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// What the disk says; where there are none, that is no error.
    pub fn list(&self) -> Result<Vec<Tag>, DiskError> {
        let entries = match self.disk.list(&self.folder).named(DiskAction::List, &self.folder) {
            Err(DiskError::NotFound { .. }) => return Ok(Vec::new()),
            listed => listed?,
        };
        let files = entries.iter().filter(|entry| entry.kind == Kind::File);
        let mut tags: Vec<Tag> = files.filter_map(|entry| Tag::parse(&entry.name)).collect();
        tags.sort();
        Ok(tags)
    }

    /// Gives `name` to the listed commit of `file`; durable when it returns. `false`: it has it already.
    ///
    /// Waits while another process gives a tag, or removes commits.
    ///
    /// # Errors
    /// See [`TagError`]; nothing is changed then.
    // req: STO-25
    pub fn give(&self, name: &str, file: FileUuid) -> Result<bool, TagError> {
        check(name)?;
        let _alone = self.lock(true)?;
        let view = FsView::open(&self.directory, FsOptions::default())?;
        if !view.commits().iter().any(|stored| stored.commit.file == file) {
            return Err(TagError::FileNotListed { file });
        }
        if let Some(taken) = self.find(name)? {
            let same = taken.file == file;
            return if same {
                Ok(false)
            } else {
                Err(TagError::NameTaken { name: taken.name, file: taken.file })
            };
        }
        let path = self.folder.join(Tag { name: name.to_owned(), file }.file_name());
        let created = self.disk.create(&path).named(DiskAction::Create, &path)?;
        drop(created);
        self.sync()?;
        Ok(true)
    }

    /// Takes a tag away, and tells whose it was. The commit stays as long as the limits let it.
    ///
    /// # Errors
    /// See [`TagError`].
    pub fn remove(&self, name: &str) -> Result<FileUuid, TagError> {
        let none = || TagError::NoSuchTag { name: name.to_owned() };
        if self.find(name)?.is_none() {
            return Err(none());
        }
        let _alone = self.lock(true)?;
        let tag = self.find(name)?.ok_or_else(none)?;
        let path = self.folder.join(tag.file_name());
        self.disk.remove(&path).named(DiskAction::Remove, &path)?;
        self.sync()?;
        Ok(tag.file)
    }

    /// The tag of this name, whatever its case.
    ///
    /// # Errors
    /// As [`Tags::list`].
    pub fn find(&self, name: &str) -> Result<Option<Tag>, DiskError> {
        Ok(self.list()?.into_iter().find(|tag| tag.name.eq_ignore_ascii_case(name)))
    }

    /// Waits for the others. A disk of a test is one process's alone, and has no lock.
    pub(super) fn lock(&self, shared_disk: bool) -> Result<TagsLock, DiskError> {
        create_durably(&*self.disk, &self.folder)?;
        if !shared_disk {
            return Ok(TagsLock(None));
        }
        let path = self.folder.join(LOCK);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.named(DiskAction::Open, &path)?;
        file.lock().named(DiskAction::Lock, &path)?;
        Ok(TagsLock(Some(file)))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.disk.sync_folder(&self.folder).named(DiskAction::Sync, &self.folder)
    }
}

impl Tag {
    fn file_name(&self) -> String {
        format!("{}@{}{TAG}", self.name, self.file)
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, file) = text.strip_suffix(TAG)?.split_once('@')?;
        let tag = Self { name: name.to_owned(), file: file.parse().ok()? };
        (check(name).is_ok() && tag.file_name() == text).then_some(tag)
    }
}

/// Whether a name is one on every disk and no beginning of an id.
fn check(name: &str) -> Result<(), TagError> {
    let refused = |why| Err(TagError::NotAName { name: name.to_owned(), why });
    if name.is_empty() || name.len() > LONGEST {
        return refused("it has 1 to 64 characters");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let first_fits = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !name.chars().all(fits) || !first_fits || name.ends_with('.') {
        return refused(
            "it has letters from a to z, digits, '-', '_' and '.', and begins with one of the first two",
        );
    }
    if name.eq_ignore_ascii_case("latest") {
        return refused("the word means the latest commit");
    }
    let place = |(at, c): (usize, char)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    };
    if name.chars().enumerate().all(place) {
        return refused("it could be the beginning of an id");
    }
    Ok(())
}

/// The folder of tags.
const TAGS: &str = "tags";
const TAG: &str = ".tag";
const LOCK: &str = "lock";
const LONGEST: usize = 64;

#[cfg(test)]
mod tests;
