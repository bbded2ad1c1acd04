//! Files that are being sent here, each in a temporary file of the data directory that goes whatever happens to its sender.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that arrives; dropped, nothing is left of it.
#[derive(Debug)]
pub(crate) struct Upload {
    file: NamedTempFile,
    waiting: Vec<u8>,
    pub(crate) length: u64,
}

/// What an earlier run left, as one that was killed does. Nobody else uses the folder: the directory is locked by its station.
pub(crate) fn clear(data: &Path) {
    // Mostly it is not there.
    let _ = fs::remove_dir_all(folder(data));
}

fn folder(data: &Path) -> PathBuf {
    data.join("uploads")
}

impl Upload {
    /// Blocks on the disk.
    pub(crate) fn begin(data: &Path) -> io::Result<Self> {
        let folder = folder(data);
        fs::create_dir_all(&folder)?;
        let file = tempfile::Builder::new().prefix("upload-").tempfile_in(folder)?;
        Ok(Self { file, waiting: Vec::new(), length: 0 })
    }

    /// Takes bytes; tells whether it is time to [`Upload::write`].
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.waiting.extend_from_slice(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.waiting.len() >= PIECE
    }

    /// Blocks on the disk.
    pub(crate) fn write(mut self) -> io::Result<Self> {
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Bytes that are written together.
const PIECE: usize = 512 << 10;
