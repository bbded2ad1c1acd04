//! What saves leave in a folder of the user when their process is killed, and how it goes.
//!
//! A temporary file is named after its process and locked while it is written. It is a leftover when nobody has it locked and
//! its process is gone. Where that cannot be told, a file that nobody wrote to for an hour is one. Nothing else is touched.

use std::fs::{self, File};
use std::path::Path;
use std::process;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The name of a temporary file.
pub(super) fn name(process: u32, number: u64) -> String {
    format!("{BEGIN}{process}-{number}{END}")
}

/// Removes what saves of processes that were killed left in `folder`; tells how many files that were. What cannot be looked at or
/// removed stays for the next time. Blocks.
// req: STO-15
pub fn clear_leftovers(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten() {
        let Some((process, number)) = entry.file_name().to_str().and_then(parse) else { continue };
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        if regular && is_leftover(&entry.path(), process, number) && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

fn parse(name: &str) -> Option<(u32, u64)> {
    let (process, number) = name.strip_prefix(BEGIN)?.strip_suffix(END)?.split_once('-')?;
    let (process, number) = (process.parse().ok()?, number.parse().ok()?);
    // Only what we would write ourselves: no sign, no leading zero.
    (self::name(process, number) == name).then_some((process, number))
}

fn is_leftover(path: &Path, process: u32, number: u64) -> bool {
    let Ok(file) = File::open(path) else { return false };
    if file.try_lock().is_err() {
        return false;
    }
    if process == process::id() {
        // An earlier process with our number, as in a container.
        return number >= super::NEXT.load(Ordering::Relaxed);
    }
    match runs(process) {
        Some(false) => true,
        _ => !young(&file, LONG),
    }
}

/// Whether a process runs; `None` where this system does not tell it by its file system.
fn runs(process: u32) -> Option<bool> {
    let all = Path::new("/proc");
    all.join(process::id().to_string()).exists().then(|| all.join(process.to_string()).exists())
}

/// Whether somebody wrote to it within `time`.
fn young(file: &File, time: Duration) -> bool {
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_none_or(|age| age < time)
}

const BEGIN: &str = ".mvrx-";
const END: &str = ".part";

/// A save writes much more often than this.
const LONG: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    // proves: STO-15
    #[test]
    fn only_our_own_files_of_processes_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let dead = name(u32::MAX - 1, 3);
        for kept in [".mvrx-x-1.part", ".mvrx-1.part", ".mvrx-01-1.part", "show.mvr", ".mvrx-get-1.part"] {
            fs::write(at(kept), b"x").unwrap();
        }
        fs::create_dir(at(&name(u32::MAX - 2, 1))).unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        fs::write(at(&dead), b"half").unwrap();
        let locked = File::open(at(&dead)).unwrap();
        locked.try_lock().unwrap();
        assert_eq!(clear_leftovers(folder.path()), 0, "somebody writes to it");
        drop(locked);
        if runs(process::id()).is_some() {
            assert_eq!(clear_leftovers(folder.path()), 1);
            assert_eq!(names(), before);
        }
    }

    // proves: STO-15
    #[test]
    fn a_file_of_an_earlier_process_of_our_number_is_a_leftover_and_one_of_ours_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let next = super::super::NEXT.fetch_add(1, Ordering::Relaxed);
        let (ours, earlier) = (name(process::id(), next), name(process::id(), next + 1_000_000));
        fs::write(folder.path().join(&ours), b"x").unwrap();
        fs::write(folder.path().join(&earlier), b"x").unwrap();
        assert_eq!(clear_leftovers(folder.path()), 1);
        assert!(folder.path().join(ours).exists() && !folder.path().join(earlier).exists());
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_leftovers() {
        assert_eq!(clear_leftovers(Path::new("not/there")), 0);
    }
}
