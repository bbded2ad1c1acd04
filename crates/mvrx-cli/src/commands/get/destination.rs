//! Where a fetched file goes: a path that the user typed, taken as it is, or a folder, where the file gets its own name made safe.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mvrx_message::numbered;
use mvrx_station::Fetched;
use mvrx_store::disk::{Disk, DiskError, RealDisk};
use mvrx_store::{Cancel, DirLock, FsStore, PutAway, PutAwayError, ReadError, TakeOutName};
use tokio::task::JoinError;

use crate::commands::offer::disk_words;
use crate::failure::Failure;
use crate::kept::Kept;

/// A folder, and the name in it where one was given.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) folder: PathBuf,
    name: Option<OsString>,
}

impl Destination {
    pub(super) fn parse(output: &Path) -> Result<Self, Failure> {
        if output == Path::new("-") {
            return Err(Failure::usage(
                "a file is saved in a folder or at a path, and not written to standard output; ./- is a file of that name",
            ));
        }
        if output.is_dir() {
            return Ok(Self { folder: output.to_owned(), name: None });
        }
        // A link to nothing is something as well.
        if output.symlink_metadata().is_ok() {
            let path = output.display();
            return Err(Failure::usage(format!(
                "{path} is there already; nothing is overwritten, so give another name or a folder"
            )));
        }
        let missing = |folder: &Path| Failure::usage(format!("the folder {} is not there", folder.display()));
        if ends_as_folder(output) {
            return Err(missing(output));
        }
        let name = output.file_name().map(ToOwned::to_owned);
        let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match name {
            Some(name) if folder.is_dir() => Ok(Self { folder: folder.to_owned(), name: Some(name) }),
            _ => Err(missing(folder)),
        }
    }

    /// Copies a revision that is kept here.
    pub(super) async fn copy(self, kept: Kept) -> Result<PathBuf, Failure> {
        let commit = kept.stored().commit.clone();
        let folder = self.folder.display().to_string();
        let saving = tokio::task::spawn_blocking(move || {
            let name = match &self.name {
                Some(name) => TakeOutName::Exactly(name),
                None => TakeOutName::Hint(&commit.file_name),
            };
            kept.view.put_away(commit.file, &self.folder, name, &Cancel::new())
        });
        let saving = saving.await;
        if let Ok(Err(error)) = &saving
            && is_damage(error)
        {
            return Err(Failure::local(format!(
                "kept here, but damaged, so nothing is saved: {error}; mvrx fsck says what is damaged"
            )));
        }
        saved(saving, "kept here, but not saved", &folder)
    }

    /// Moves the file out of the store beside it.
    pub(super) async fn save(self, store: &FsStore, fetched: &Fetched) -> Result<PathBuf, Failure> {
        let (store, file, hint) = (store.clone(), fetched.file, fetched.commit.file_name.clone());
        let folder = self.folder.display().to_string();
        let saving = tokio::task::spawn_blocking(move || {
            let name = match &self.name {
                Some(name) => TakeOutName::Exactly(name),
                None => TakeOutName::Hint(&hint),
            };
            store.take_out(file, &self.folder, name, &Cancel::new())
        });
        saved(saving.await, "fetched, but not saved", &folder)
    }
}

/// Whether what is kept is not what was stored, or cannot be put together any more.
fn is_damage(error: &PutAwayError) -> bool {
    let is_bad = |disk: &DiskError| matches!(disk, DiskError::Failed { kind: ErrorKind::InvalidData, .. });
    match error {
        PutAwayError::StoredContentDamaged { .. }
        | PutAwayError::Read(ReadError::StoredFileCutShort { .. }) => true,
        PutAwayError::Read(ReadError::Disk(disk)) | PutAwayError::Disk(disk) => is_bad(disk),
        _ => false,
    }
}

/// What came of saving a file into `folder`.
fn saved(
    saving: Result<Result<PutAway, PutAwayError>, JoinError>,
    not: &str,
    folder: &str,
) -> Result<PathBuf, Failure> {
    match saving {
        Ok(Ok(saved)) => Ok(saved.path),
        Ok(Err(error @ PutAwayError::NameTaken { .. })) => Err(Failure::usage(error.to_string())),
        Ok(Err(PutAwayError::Disk(disk))) => {
            Err(Failure::local(format!("{not} into {folder}: {}", disk_words(&disk))))
        }
        Ok(Err(error)) => Err(Failure::local(format!("{not} into {folder}: {error}"))),
        Err(error) => Err(Failure::local(error.to_string())),
    }
}

/// Moves bad files that the store in `store` kept aside into `folder`, under names of their own, and gives their paths.
pub(super) fn keep_bad(store: &Path, folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(store.join(ASIDE)) else { return Vec::new() };
    let mut kept = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Without its number in that store.
        let name = name.split_once('-').map_or(name.as_str(), |(_, name)| name);
        for number in 1..NAMES {
            let path = folder.join(if number == 1 { name.to_owned() } else { numbered(name, number) });
            match RealDisk::default().rename_new(&entry.path(), &path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                moved => {
                    kept.extend(moved.is_ok().then_some(path));
                    break;
                }
            }
        }
    }
    kept
}

/// Removes what fetches that were killed left in the folder: their stores, which nobody has locked.
pub(super) fn clear_leftovers(folder: &Path) {
    mvrx_store::clear_leftovers(folder);
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(BESIDE));
        let path = entry.path();
        // One that somebody is just making is not signed yet.
        let signed = std::fs::metadata(path.join(LOCK)).is_ok_and(|about| about.is_file() && about.len() > 0);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours && is_folder && signed && DirLock::acquire(&path).is_ok() {
            // What cannot go stays for the next time.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn ends_as_folder(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    last.is_some_and(|last| std::path::is_separator(char::from(*last)))
}

/// How the folder of a store beside the file's place begins.
pub(super) const BESIDE: &str = ".mvrx-get-";

/// Where a store keeps bad files.
const ASIDE: &str = "aside";

/// Names that are tried for one.
const NAMES: u32 = 1_000;

/// The file in it that says whether somebody uses it.
const LOCK: &str = "mvrx.lock";
