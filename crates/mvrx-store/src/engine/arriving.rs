//! A file that arrives: counts, limits and hashes what is appended, and tells its readers.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::budget::Reservation;
use crate::disk::{DiskAction, DiskError, Naming, ReadFile, WriteFile};
use crate::engine::hashing::Hashing;
use crate::engine::whole::{Unlisted, Whole};
use crate::engine::{Engine, Shelf};
use crate::error::{ReadError, WriteError};
use crate::growing::Growth;
use crate::limits::Limits;
use crate::store::{Expect, PartOf, Pending, Writer};
use crate::stored_file::StoredFile;

/// A file between `begin` and `finish`.
#[derive(Debug)]
pub(crate) struct Arriving<S: Shelf> {
    // All that has the file open goes before its place is discarded, for systems that do not remove open files.
    hashing: Hashing,
    file: Box<dyn WriteFile>,
    reader: OnceLock<Arc<dyn ReadFile>>,
    place: Unlisted<S>,
    bytes: Reservation,
    readers: Told,
    expect: Expect,
    received: u64,
    failed: bool,
}

/// Tells the readers that nothing more will come, if nobody told them anything else.
#[derive(Debug, Default)]
struct Told(Arc<Growth>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.fail(WriteError::WriterDropped { received: self.0.so_far() });
    }
}

impl<S: Shelf> Arriving<S> {
    // req: STO-09
    pub(super) fn begin(engine: &Arc<Engine<S>>, expect: Expect) -> Result<Self, WriteError> {
        let length = match expect {
            Expect::Unknown => 0,
            Expect::Exactly(length) | Expect::Announced(length) => length,
        };
        let allowed = engine.limits.file_bytes;
        if length > allowed {
            return Err(WriteError::FileOverLimit { length, allowed });
        }
        let bytes = engine.take_bytes(length)?;
        let (file, place) = engine.shelf.create()?;
        Ok(Self {
            file,
            reader: OnceLock::new(),
            place: Unlisted::new(engine, place),
            bytes,
            readers: Told::default(),
            expect,
            received: 0,
            hashing: Hashing::default(),
            failed: false,
        })
    }

    /// A file that can be gone on with, behind its first `from` bytes.
    pub(super) fn of_part(
        engine: &Arc<Engine<S>>,
        (file, place): (Box<dyn WriteFile>, S::Place),
        bytes: Reservation,
        (of, from): (PartOf, u64),
    ) -> Self {
        let readers = Told::default();
        readers.0.arrived(from);
        Self {
            file,
            reader: OnceLock::new(),
            place: Unlisted::of_part(engine, place, (of, from)),
            bytes,
            readers,
            expect: Expect::Announced(of.length),
            received: from,
            hashing: Hashing::default(),
            failed: false,
        }
    }

    /// Makes the file share the bytes of `source`; `false` when it cannot, and then nothing happened.
    pub(super) fn share_bytes_of(&mut self, source: &dyn ReadFile) -> Result<bool, WriteError> {
        if !self.file.share_bytes_of(source).named(DiskAction::Write, Path::new(ARRIVING))? {
            return Ok(false);
        }
        let length = self.file.length().named(DiskAction::Inspect, Path::new(ARRIVING))?;
        self.moved(length)?;
        Ok(true)
    }

    /// As [`Writer::finish`]; `each` is asked before each piece of a file that has to be read back for its hash.
    pub(super) fn complete<E: From<WriteError>>(
        mut self,
        each: &mut dyn FnMut(u64) -> Result<(), E>,
    ) -> Result<Whole<S>, E> {
        if self.failed {
            return Err(WriteError::WriterFailedBefore.into());
        }
        self.check_length().map_err(|error| self.fail(error))?;
        self.hash_the_rest(each)?;
        self.readers.0.complete();
        self.place.is_no_part();
        self.bytes.shrink_to(self.received);
        let announced = match self.expect {
            Expect::Announced(length) if length != self.received => Some(length),
            _ => None,
        };
        Ok(Whole {
            file: self.file,
            place: self.place,
            bytes: self.bytes,
            hash: self.hashing.hash(),
            length: self.received,
            announced,
        })
    }

    // req: STO-03
    fn check_length(&self) -> Result<(), WriteError> {
        let (told, received) = (self.received, self.received);
        if let Expect::Exactly(expected) = self.expect
            && received < expected
        {
            return Err(WriteError::FileShorterThanExpected { received, expected });
        }
        let found = self.file.length().named(DiskAction::Inspect, Path::new(ARRIVING))?;
        if found != told {
            return Err(WriteError::DiskHasOtherLengthThanTold { told, found });
        }
        Ok(())
    }

    /// Bytes that did not come through `write` are hashed by reading them back, out of the page cache.
    // req: STO-14
    fn hash_the_rest<E: From<WriteError>>(
        &mut self,
        each: &mut dyn FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.hashing.finish();
        if self.hashing.hashed() == self.received {
            return Ok(());
        }
        let reader = self.open_reader().map_err(|error| self.fail(error.into()))?;
        let mut buffer = self.place.engine().buffers.take();
        while self.hashing.hashed() < self.received {
            let hashed = self.hashing.hashed();
            each(hashed)?;
            let count = reader.read_at(hashed, &mut buffer).named(DiskAction::Read, Path::new(ARRIVING));
            let count = count.map_err(|error| self.fail(error.into()))?;
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                let cut = WriteError::DiskHasOtherLengthThanTold { told: self.received, found: hashed };
                return Err(self.fail(cut).into());
            }
            self.hashing.update(piece);
        }
        Ok(())
    }

    /// Takes room for `count` more bytes and says how many there will be then.
    fn allow(&mut self, count: u64) -> Result<u64, WriteError> {
        if self.failed {
            return Err(WriteError::WriterFailedBefore);
        }
        let length = self.received.saturating_add(count);
        let allowed = self.place.engine().limits.file_bytes;
        if let Expect::Exactly(expected) = self.expect
            && length > expected
        {
            return Err(WriteError::FileLongerThanExpected { received: length, expected });
        }
        if length > allowed {
            return Err(WriteError::FileOverLimit { length, allowed });
        }
        self.place.grow(&mut self.bytes, length)?;
        Ok(length)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let length = self.allow(bytes.len() as u64)?;
        self.file.write_all(bytes).named(DiskAction::Write, Path::new(ARRIVING))?;
        self.hashing.appended(bytes, self.received);
        self.arrived(length);
        if self.hashing.wants_thread(length)
            && let Ok(reader) = self.open_reader()
        {
            self.hashing.go_beside(reader, self.place.engine().buffers.clone());
        }
        Ok(())
    }

    fn arrived(&mut self, length: u64) {
        self.readers.0.arrived(length - self.received);
        self.received = length;
        self.place.has(length);
    }

    /// Remembers that the file will not be whole, and why.
    fn fail(&mut self, error: WriteError) -> WriteError {
        if !self.failed {
            self.failed = true;
            // A part on a full disk would keep it full.
            self.place.is_no_part();
            self.readers.0.fail(error.clone());
        }
        error
    }

    fn open_reader(&self) -> Result<Arc<dyn ReadFile>, DiskError> {
        if let Some(reader) = self.reader.get() {
            return Ok(Arc::clone(reader));
        }
        let reader = self.place.open()?;
        Ok(Arc::clone(self.reader.get_or_init(|| reader)))
    }
}

impl<S: Shelf> Writer for Arriving<S> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.append(bytes).map_err(|error| self.fail(error))
    }

    fn as_file(&mut self) -> Option<&mut File> {
        self.file.std_file()
    }

    fn moved(&mut self, count: u64) -> Result<(), WriteError> {
        let length = self.allow(count).map_err(|error| self.fail(error))?;
        self.arrived(length);
        Ok(())
    }

    fn room(&self) -> u64 {
        let limit = match self.expect {
            Expect::Exactly(expected) => expected,
            Expect::Unknown | Expect::Announced(_) => {
                let Limits { file_bytes, .. } = self.place.engine().limits;
                file_bytes
            }
        };
        limit.saturating_sub(self.received)
    }

    fn received(&self) -> u64 {
        self.received
    }

    // req: STO-10
    fn reader(&self) -> Result<StoredFile, ReadError> {
        let required = match self.expect {
            Expect::Exactly(length) => Some(length),
            Expect::Unknown | Expect::Announced(_) => None,
        };
        Ok(StoredFile::arriving(self.open_reader()?, Arc::clone(&self.readers.0), required))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Pending>, WriteError> {
        Ok(Box::new(self.complete(&mut |_| Ok::<(), WriteError>(()))?))
    }
}

/// What errors call the file: it has no name that would help anybody.
const ARRIVING: &str = "an arriving file";
