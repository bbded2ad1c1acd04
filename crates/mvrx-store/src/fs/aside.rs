//! Bad files that are kept aside: beside the commits, under names that say why, never listed and never served.
//!
//! ```text
//! <directory>/aside/000003-<file>-5d41402a-damaged.bad
//! ```
//! A number that grows, the file, the beginning of the hash of its bytes, the reason. The same bad file twice is kept once; the oldest
//! make room for the newest ([`crate::Limits::aside_files`], [`crate::Limits::aside_bytes`]). No other name in the folder is touched.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mvrx_message::FileUuid;

use crate::disk::{DiskAction, DiskError, Kind, Naming};
use crate::fs::create_durably;
use crate::fs::shelf::FsShelf;
use crate::limits::Limits;
use crate::store::Bad;

/// What is put aside, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aside {
    pub(crate) file: FileUuid,
    pub(crate) hash: [u8; 32],
    pub(crate) length: u64,
    pub(crate) why: Bad,
}

/// One file in the folder.
struct Kept {
    number: u64,
    name: String,
    length: u64,
}

impl FsShelf {
    /// Gives the (synced) file at `from` a name in the folder of bad files. `None`: it is longer than all of them may be, and stays where
    /// it is.
    // req: STO-19
    pub(super) fn move_aside(
        &self,
        from: &Path,
        aside: &Aside,
        limits: &Limits,
    ) -> Result<Option<PathBuf>, DiskError> {
        let _turn = self.asiding();
        if aside.length > limits.aside_bytes || limits.aside_files == 0 {
            return Ok(None);
        }
        let folder = self.aside_folder();
        create_durably(&*self.disk, &folder)?;
        let kept = self.kept_aside(&folder)?;
        let ending = ending(aside);
        let same = |kept: &&Kept| kept.length == aside.length && kept.name.ends_with(&ending);
        if let Some(same) = kept.iter().find(same) {
            return Ok(Some(folder.join(&same.name)));
        }
        self.make_room(&folder, &kept, aside.length, limits)?;
        let mut number = kept.last().map_or(0, |last| last.number);
        loop {
            number = number.saturating_add(1);
            let to = folder.join(format!("{number:06}{ending}"));
            match self.disk.rename_new(from, &to) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < u64::MAX => {}
                Err(error) => return Err(DiskError::name(DiskAction::Rename, &to, &error)),
                Ok(()) => {
                    self.disk.sync_folder(&folder).named(DiskAction::Sync, &folder)?;
                    return Ok(Some(to));
                }
            }
        }
    }

    fn aside_folder(&self) -> PathBuf {
        self.folder.with_file_name(ASIDE)
    }

    /// What is there, the oldest first.
    fn kept_aside(&self, folder: &Path) -> Result<Vec<Kept>, DiskError> {
        let entries = self.disk.list(folder).named(DiskAction::List, folder)?;
        let mut kept: Vec<Kept> = entries
            .into_iter()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| {
                let number = number(&entry.name)?;
                Some(Kept { number, name: entry.name, length: entry.length })
            })
            .collect();
        kept.sort_by_key(|kept| kept.number);
        Ok(kept)
    }

    fn make_room(&self, folder: &Path, kept: &[Kept], length: u64, limits: &Limits) -> Result<(), DiskError> {
        let mut files = kept.len();
        let mut bytes = kept.iter().fold(length, |sum, kept| sum.saturating_add(kept.length));
        for oldest in kept {
            if files < limits.aside_files && bytes <= limits.aside_bytes {
                return Ok(());
            }
            let path = folder.join(&oldest.name);
            self.disk.remove(&path).named(DiskAction::Remove, &path)?;
            files -= 1;
            bytes -= oldest.length;
        }
        Ok(())
    }
}

fn ending(aside: &Aside) -> String {
    let hash: String = aside.hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("-{}-{hash}-{}{BAD}", aside.file, aside.why.word())
}

/// The number in a name that is one of ours.
fn number(name: &str) -> Option<u64> {
    let (number, rest) = name.split_once('-')?;
    let (file, rest) = rest.split_at_checked(36)?;
    let (hash, why) = rest.strip_prefix('-')?.split_at_checked(8)?;
    let is_ours = number.len() >= 6
        && file.parse::<FileUuid>().is_ok()
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && Bad::ALL.iter().any(|bad| why == format!("-{}{BAD}", bad.word()));
    number.parse().ok().filter(|_| is_ours && number.bytes().all(|byte| byte.is_ascii_digit()))
}

const ASIDE: &str = "aside";
const BAD: &str = ".bad";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::{SimDisk, content, file};
    use crate::{Expect, FsOptions, FsStore, Store};
    use std::sync::Arc;

    fn store(disk: &Arc<SimDisk>, limits: Limits) -> FsStore {
        let disk = Arc::<SimDisk>::clone(disk);
        FsStore::open_on(disk, Path::new("/store"), FsOptions { limits, ..FsOptions::default() }).unwrap()
    }

    fn put(store: &FsStore, seed: u8, length: usize, why: Bad) -> Option<PathBuf> {
        let mut writer = store.begin(Expect::Unknown).unwrap();
        writer.write(&content(u64::from(seed), length)).unwrap();
        writer.finish().unwrap().put_aside(file(seed), why).unwrap()
    }

    fn names(disk: &SimDisk) -> Vec<String> {
        let list = crate::disk::Disk::list(disk, Path::new("/store/aside")).unwrap();
        let mut names: Vec<String> = list.into_iter().map(|entry| entry.name).collect();
        names.sort();
        names
    }

    // proves: STO-19
    #[test]
    fn a_bad_file_is_kept_aside_under_a_name_that_says_why_and_is_never_listed() {
        let disk = Arc::new(SimDisk::default());
        let store = store(&disk, Limits::default());
        let path = put(&store, 1, 5_000, Bad::Damaged).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            name.starts_with(&format!("000001-{}-", file(1))) && name.ends_with("-damaged.bad"),
            "{name}"
        );
        assert_eq!(put(&store, 1, 5_000, Bad::Damaged), Some(path), "the same once more");
        let other = put(&store, 1, 5_000, Bad::OtherFile).unwrap();
        assert!(other.to_str().unwrap().ends_with("-other-file.bad"));
        assert_eq!(names(&disk).len(), 2);
        assert!(store.commits().unwrap().is_empty() && store.open(file(1)).is_err());
        // Nothing of it counts for the store, or comes back into its list at the next start.
        drop(store);
        let again = self::store(&disk, Limits::default());
        assert!(again.commits().unwrap().is_empty() && again.problems().is_empty());
        assert_eq!(names(&disk).len(), 2);
    }

    // proves: STO-19
    #[test]
    fn the_oldest_bad_files_make_room_at_exactly_the_limits() {
        let disk = Arc::new(SimDisk::default());
        let limits = Limits { aside_files: 3, aside_bytes: 1_000, ..Limits::default() };
        let store = store(&disk, limits);
        for seed in 1..=3 {
            put(&store, seed, 300, Bad::Damaged).unwrap();
        }
        let firsts = |disk| names(disk).iter().map(|name| name[..6].to_owned()).collect::<Vec<_>>();
        assert_eq!(firsts(&disk), ["000001", "000002", "000003"]);
        put(&store, 4, 400, Bad::Damaged).unwrap();
        assert_eq!(firsts(&disk), ["000002", "000003", "000004"], "a fourth file, and exactly the bytes");
        put(&store, 5, 301, Bad::Damaged).unwrap();
        assert_eq!(firsts(&disk), ["000004", "000005"], "one byte more");
        assert_eq!(put(&store, 6, 1_001, Bad::Damaged), None, "longer than all may be");
        assert_eq!(firsts(&disk), ["000004", "000005"]);
        put(&store, 7, 1_000, Bad::Damaged).unwrap();
        assert_eq!(firsts(&disk), ["000006"]);
    }

    #[test]
    fn names_of_others_in_the_folder_are_left_alone() {
        let own = format!("000001-{}-00ff00ff-damaged{BAD}", file(1));
        assert_eq!(number(&own), Some(1));
        for other in [
            "rig.mvr.bad".to_owned(),
            own.replace("damaged", "odd"),
            own.replace("000001", "1"),
            own.replace("000001", "+00001"),
            own.replace("00ff00ff", "00ff00fg"),
            own.replace(".bad", ".bad~"),
            own.replace(&file(1).to_string(), "é"),
        ] {
            assert_eq!(number(&other), None, "{other}");
        }
    }
}
