//! A stored file as something with a position, and the MVR version in it, for COMMIT (Table 72).

use std::io::{self, Read, Seek, SeekFrom};

use mvrx_message::MvrVersion;

use crate::{Pending, StoredFile, Wait};

/// The version in the file's root element, where it can be read; `None` for what is no .mvr. Blocks; reads a small part of the file.
#[must_use]
pub fn mvr_version(pending: &dyn Pending) -> Option<MvrVersion> {
    let file = pending.read().ok()?;
    let reader = StoredReader::new(file, pending.length());
    let read = mvrx_file::version_of_reader(reader, &mvrx_file::Limits::default());
    read.ok().map(|version| MvrVersion { major: version.major, minor: version.minor })
}

/// Whether a file is a whole zip archive, by its directory: what is cut off or has something behind it is none. Blocks; reads a small part of
/// the file.
#[must_use]
pub fn is_whole_archive(pending: &dyn Pending) -> bool {
    let Ok(file) = pending.read() else { return false };
    let reader = StoredReader::new(file, pending.length());
    let archive = mvrx_file::Archive::open(reader, &mvrx_file::Limits::default());
    archive.is_ok_and(|archive| archive.begins_at() == 0)
}

/// A stored file that has a position, for what reads and seeks. Blocks where a file that still arrives has no bytes yet.
#[derive(Debug)]
pub struct StoredReader {
    file: StoredFile,
    at: u64,
    length: u64,
}

impl StoredReader {
    /// Reads `file`, whose length in bytes is known, from its beginning.
    #[must_use]
    pub fn new(file: StoredFile, length: u64) -> Self {
        Self { file, at: 0, length }
    }
}

impl Read for StoredReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(self.at, buffer, &Wait::until_settled()).map_err(io::Error::other)?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for StoredReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expect, MemStore, Store};

    fn pending(bytes: &[u8]) -> Box<dyn Pending> {
        let store = MemStore::new();
        let mut writer = store.begin(Expect::Unknown).unwrap();
        writer.write(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn tells_the_version_of_an_mvr_and_nothing_of_anything_else() {
        let show = mvrx_file::generate::Recipe::new(1).fixtures(2).to_bytes();
        assert!(mvr_version(pending(&show).as_ref()).is_some_and(|v| v.major == 1));
        assert_eq!(mvr_version(pending(b"not a zip").as_ref()), None);
        assert_eq!(mvr_version(pending(&show[..show.len() / 2]).as_ref()), None);
    }

    #[test]
    fn knows_a_whole_archive_from_a_part_of_one() {
        let show = mvrx_file::generate::Recipe::new(1).fixtures(2).to_bytes();
        assert!(is_whole_archive(pending(&show).as_ref()));
        for part in [&show[..show.len() - 1], &show[..show.len() - 30], &show[1..], &show[..0], b"not a zip"]
        {
            assert!(!is_whole_archive(pending(part).as_ref()), "{}", part.len());
        }
    }
}
