//! The portable twins: standard library calls that every system has.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{ReadFile, Stat, describe};

/// Positioned reads made of a mutex, a seek and a read.
#[derive(Debug)]
pub(super) struct Seeking {
    file: Mutex<File>,
}

impl Seeking {
    pub(super) fn new(file: File) -> Self {
        Self { file: Mutex::new(file) }
    }
}

impl ReadFile for Seeking {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        loop {
            match file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(describe(&self.file.lock().unwrap_or_else(PoisonError::into_inner).metadata()?))
    }
}

/// A hard link fails when the name is taken, in one step; then the old name goes. A crash between leaves both
/// names, which every caller must be able to clean up.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
            Err(error)
        }
        Err(_) => reserve_and_replace(from, to),
    }
}

/// For disks without hard links (FAT, some network mounts): reserves the name with an empty file, which fails when
/// it is taken, and replaces that one.
fn reserve_and_replace(from: &Path, to: &Path) -> io::Result<()> {
    drop(File::options().write(true).create_new(true).open(to)?);
    fs::rename(from, to).inspect_err(|_| {
        // The reservation is ours and empty. When it cannot go either, the rename's error is the one that counts.
        let _ = fs::remove_file(to);
    })
}

/// There is no portable way to share bytes; copying is the caller's.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)]
pub(super) fn share_bytes(_: &File, _: &mut File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserving_and_replacing_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(reserve_and_replace(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "old");
        fs::remove_file(&to).unwrap();
        reserve_and_replace(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
        assert!(!from.exists());
    }

    #[test]
    fn a_reservation_whose_replacement_fails_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("b");
        assert!(reserve_and_replace(&folder.path().join("missing"), &to).is_err());
        assert!(!to.exists());
    }
}
