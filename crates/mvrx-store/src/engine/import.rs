//! Takes in a file of the user: shares its bytes, or copies them through one buffer, and looks whether anybody wrote
//! to it meanwhile.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::disk::{Disk, DiskAction, DiskError, Kind, Links, Naming, ReadFile, Stat};
use crate::engine::{Arriving, Engine, Shelf, Whole};
use crate::error::{ImportError, WriteError};
use crate::store::{Expect, Writer};

impl<S: Shelf> Engine<S> {
    // req: STO-06
    pub(crate) fn import(
        self: &Arc<Self>,
        path: &Path,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Whole<S>, ImportError> {
        let (source, before) = open_source(&*self.outside, path)?;
        let mut arriving = self.begin(Expect::Exactly(before.length))?;
        let changed = |after| ImportError::SourceChangedWhileCopied {
            path: path.to_path_buf(),
            before: before.length,
            after,
        };
        let mut each = |done| {
            progress(done);
            if cancel.is_cancelled() { Err(ImportError::ImportCancelled) } else { Ok(()) }
        };
        let copied = match arriving.share_bytes_of(&*source) {
            Ok(true) => Ok(()),
            Ok(false) => self.copy(&*source, path, &mut arriving, &mut each),
            Err(error) => Err(error.into()),
        };
        let whole = copied.and_then(|()| arriving.complete(&mut each));
        let after = source.stat().map_err(|error| unreadable(DiskAction::Inspect, path, &error))?;
        match whole {
            // Told first: what the copy met is only a consequence of it.
            Ok(_) | Err(ImportError::Write(_)) if after != before => Err(changed(after.length)),
            Err(ImportError::Write(
                WriteError::FileLongerThanExpected { .. } | WriteError::FileShorterThanExpected { .. },
            )) => Err(changed(after.length)),
            Ok(whole) => {
                progress(whole.length);
                Ok(whole)
            }
            Err(error) => Err(error),
        }
    }

    fn copy(
        &self,
        source: &dyn ReadFile,
        path: &Path,
        arriving: &mut Arriving<S>,
        each: &mut dyn FnMut(u64) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut buffer = self.buffers.take();
        loop {
            each(arriving.received())?;
            let count = source
                .read_at(arriving.received(), &mut buffer)
                .map_err(|error| unreadable(DiskAction::Read, path, &error))?;
            match buffer.get(..count) {
                Some(piece) if !piece.is_empty() => arriving.write(piece)?,
                _ => return Ok(()),
            }
        }
    }
}

// req: STO-07
fn open_source(disk: &dyn Disk, path: &Path) -> Result<(Arc<dyn ReadFile>, Stat), ImportError> {
    // Looked at before it is opened: opening a pipe would wait for somebody to write to it.
    let found = disk.stat(path, Links::Follow).named(DiskAction::Inspect, path);
    check_source(path, &found.map_err(|error| missing_or_unreadable(path, error))?)?;
    let source = disk.open(path).named(DiskAction::Open, path);
    let source = source.map_err(|error| missing_or_unreadable(path, error))?;
    let before = source.stat().map_err(|error| unreadable(DiskAction::Inspect, path, &error))?;
    check_source(path, &before)?;
    Ok((source, before))
}

fn check_source(path: &Path, stat: &Stat) -> Result<(), ImportError> {
    let path = path.to_path_buf();
    match stat.kind {
        Kind::Folder => Err(ImportError::SourceIsFolder { path }),
        Kind::Other => Err(ImportError::SourceIsNoRegularFile { path }),
        Kind::File if stat.length == 0 => Err(ImportError::SourceEmpty { path }),
        Kind::File => Ok(()),
    }
}

fn missing_or_unreadable(path: &Path, error: DiskError) -> ImportError {
    match error {
        DiskError::NotFound { .. } => ImportError::SourceMissing { path: path.to_path_buf() },
        error => ImportError::SourceUnreadable(error),
    }
}

fn unreadable(action: DiskAction, path: &Path, error: &io::Error) -> ImportError {
    ImportError::SourceUnreadable(DiskError::name(action, path, error))
}
