//! Reads at positions as the operating system offers them.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::{ReadFile, Stat, describe};

/// A file read with the system's positioned read. Opened for reading alone, so a cursor that moves (Windows moves
/// it) is nobody's.
#[derive(Debug)]
pub(super) struct Positioned {
    file: Arc<File>,
}

impl Positioned {
    pub(super) fn new(file: File) -> Self {
        Self { file: Arc::new(file) }
    }
}

impl ReadFile for Positioned {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(describe(&self.file.metadata()?))
    }

    fn std_file(&self) -> Option<&Arc<File>> {
        Some(&self.file)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(not(any(unix, windows)))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
