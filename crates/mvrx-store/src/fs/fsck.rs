//! Looks through a whole store: reads every file, carries every recipe out, compares every hash, and changes nothing.
//!
//! It takes no lock, so it may be used beside a running station. There a look is no moment: a commit may go, or its file become a recipe,
//! between finding it and reading it. So what looks wrong is looked at again, and told only when it is wrong twice in the same way.

use std::collections::HashSet;
use std::path::Path;

use mvrx_message::FileUuid;
use mvrx_recipe::RebuildError;

use super::names::{Name, Stem};
use super::shelf::{FsShelf, stem};
use super::{FsOptions, FsView, Tags};
use crate::cancel::Cancel;
use crate::disk::{DiskAction, DiskError, Naming};
use crate::error::OpenStoreError;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::revision::Form;
use crate::store::StoredCommit;

/// What [`fsck()`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fsck {
    /// Commits that are listed.
    pub revisions: usize,
    /// Of these, files that are whole on the disk.
    pub whole: usize,
    /// Of these, files that became recipes.
    pub recipes: usize,
    /// Bytes of files that were read, or put together, and compared with their hashes.
    pub bytes: u64,
    /// Names that were given to commits.
    pub tags: usize,
    /// What is wrong; empty when all is well.
    pub problems: Vec<Problem>,
    /// Whether all of it was looked at: it was not cancelled.
    pub complete: bool,
}

/// Looks through the store in `directory`; where there is none, nothing is found. Takes about as long as reading all files, and each recipe's
/// file and base. `progress` is called with the bytes done and all of them. Ends at the next piece when `cancel` is thrown.
///
/// # Errors
/// When the folder cannot be listed, or a newer version wrote it. What is wrong with single commits is in [`Fsck::problems`].
// req: STO-26
pub fn fsck(
    directory: impl AsRef<Path>,
    options: &FsOptions,
    progress: &dyn Fn(u64, u64),
    cancel: &Cancel,
) -> Result<Fsck, OpenStoreError> {
    let directory = directory.as_ref();
    let mut found = Look { progress, cancel, only: None }.through(directory, options)?;
    if !found.problems.is_empty() && found.complete {
        let suspects = found.problems.iter().filter_map(Problem::file).collect();
        let again = Look { progress: &|_, _| {}, cancel, only: Some(suspects) };
        let again = again.through(directory, options)?;
        found.problems.retain(|problem| again.problems.contains(problem));
        found.complete = again.complete;
    }
    Ok(found)
}

/// One look.
struct Look<'a> {
    progress: &'a dyn Fn(u64, u64),
    cancel: &'a Cancel,
    /// The only files whose content is looked at.
    only: Option<HashSet<FileUuid>>,
}

impl Look<'_> {
    fn through(&self, directory: &Path, options: &FsOptions) -> Result<Fsck, OpenStoreError> {
        // What the records say on the disk, not what an index remembers of them.
        let limits = Limits { index_bytes: 0, ..options.limits };
        let view = FsView::open(directory, FsOptions { limits, ..options.clone() })?;
        let tags = Tags::of(directory).list()?;
        let shelf = &view.engine.shelf;
        let revisions = view.revisions();
        let mut found = Fsck {
            revisions: revisions.len(),
            tags: tags.len(),
            problems: view.problems(),
            complete: true,
            ..Fsck::default()
        };
        let listed: HashSet<FileUuid> = revisions.iter().map(|one| one.stored.commit.file).collect();
        for tag in tags.into_iter().filter(|tag| !listed.contains(&tag.file)) {
            found.problems.push(Problem::TagOfNothing { tag: tag.name, file: tag.file });
        }
        let all = revisions.iter().fold(0_u64, |sum, one| sum.saturating_add(one.stored.length));
        for revision in revisions {
            let stored = &revision.stored;
            match revision.form {
                Form::Recipe => found.recipes += 1,
                Form::Whole => found.whole += 1,
            }
            if self.only.as_ref().is_some_and(|only| !only.contains(&stored.commit.file)) {
                continue;
            }
            if self.cancel.is_cancelled() {
                found.complete = false;
                break;
            }
            let before = found.bytes;
            let progress = |done: u64| (self.progress)(before.saturating_add(done), all);
            let problem = match shelf.base_of(stem(stored)) {
                Some(base) => self.recipe(shelf, stored, base, &progress),
                None => self.whole(shelf, stored, &progress),
            };
            found.problems.extend(problem);
            found.bytes = before.saturating_add(stored.length);
        }
        found.complete &= !self.cancel.is_cancelled();
        Ok(found)
    }

    /// What is wrong with a file that is whole.
    fn whole(&self, shelf: &FsShelf, stored: &StoredCommit, progress: &dyn Fn(u64)) -> Option<Problem> {
        let (name, file) = (Name::File(stem(stored)).to_string(), stored.commit.file);
        match self.hash(shelf, stored, progress) {
            Ok(Some(hash)) if hash != stored.hash => Some(Problem::ContentDamaged { name, file }),
            Ok(_) => None,
            Err(error) => Some(Problem::FileUnreadable { name, file, error }),
        }
    }

    /// The hash of what lies there; `None` where it was called off.
    fn hash(
        &self,
        shelf: &FsShelf,
        stored: &StoredCommit,
        progress: &dyn Fn(u64),
    ) -> Result<Option<[u8; 32]>, DiskError> {
        let path = shelf.path_of(stored);
        let file = shelf.disk.open(&path).named(DiskAction::Open, &path)?;
        let (mut hasher, mut buffer, mut done) = (blake3::Hasher::new(), vec![0; PIECE], 0_u64);
        loop {
            if self.cancel.is_cancelled() {
                return Ok(None);
            }
            let count = file.read_at(done, &mut buffer).named(DiskAction::Read, &path)?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
            hasher.update(read);
            done = done.saturating_add(count as u64);
            progress(done);
        }
        Ok(Some(*hasher.finalize().as_bytes()))
    }

    /// What is wrong with a recipe, or with what it was made over.
    fn recipe(
        &self,
        shelf: &FsShelf,
        stored: &StoredCommit,
        base: Stem,
        progress: &dyn Fn(u64),
    ) -> Option<Problem> {
        let name = Name::Recipe(stem(stored));
        let file = stored.commit.file;
        let unusable = |why: String| Problem::RecipeUnusable { name: name.to_string(), file, why };
        let sources = shelf.source(&shelf.path(Name::File(base)));
        let sources = sources.and_then(|whole| Ok((whole, shelf.source(&shelf.path(name))?)));
        let (whole, recipe) = match sources {
            Ok(sources) => sources,
            Err(error) => return Some(unusable(error.to_string())),
        };
        let limits = mvrx_recipe::Limits { file_bytes: stored.length, ..mvrx_recipe::Limits::default() };
        let mut go_on = |done| {
            progress(done);
            !self.cancel.is_cancelled()
        };
        match mvrx_recipe::verify(&whole, &recipe, &limits, &mut go_on) {
            Ok(given) if (given.hash, given.length) == (stored.hash, stored.length) => None,
            Ok(_) => Some(unusable("it gives another file".to_owned())),
            Err(RebuildError::Stopped) => None,
            Err(error) => Some(unusable(error.to_string())),
        }
    }
}

const PIECE: usize = 1 << 20;
