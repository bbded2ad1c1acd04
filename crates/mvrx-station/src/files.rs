//! The store's files as the transport moves them: both sides work on the transport's blocking thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mvrx_core::parts::Going;
use mvrx_message::FileUuid;
use mvrx_store::{Cancel, Expect, Pending, ReadError, Store, StoredFile, Wait, WriteError, Writer};
use mvrx_transport::{BoxError, FileSink, FileSource, SourceRead};

/// A stored file on its way out. One that is still arriving is sent as it grows.
#[derive(Debug)]
pub(crate) struct StoreSource {
    file: StoredFile,
    length: u64,
    hash: Option<[u8; 32]>,
}

impl StoreSource {
    /// Opens a file of the store. Blocks.
    pub(crate) fn open(store: &dyn Store, file: FileUuid) -> Result<Self, BoxError> {
        // In this order: a store may have to get the file first.
        let open = store.open(file)?;
        let hash = store.commit(file).ok().flatten().map(|stored| stored.hash);
        let file = open;
        // A listed file is whole, so its length is known.
        let length = file.length().unwrap_or_else(|| file.so_far());
        Ok(Self { file, length, hash })
    }

    /// Its BLAKE3.
    pub(crate) fn hash(&self) -> Option<[u8; 32]> {
        self.hash
    }
}

impl FileSource for StoreSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        match self.file.read_at(offset, buffer, &Wait::idle_at_most(PATIENCE)) {
            Ok(0) => Ok(SourceRead::End),
            Ok(count) => Ok(SourceRead::Bytes(count)),
            Err(ReadError::NothingArrivedInTime { .. }) => Ok(SourceRead::NotYet),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file on its way into the store.
#[derive(Debug)]
pub(crate) struct StoreSink {
    writer: Box<dyn Writer>,
    arrived: Arrived,
}

/// Where the whole file lies once the sink is finished, and how much of it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    pending: Arc<Mutex<Option<Box<dyn Pending>>>>,
    taken: Arc<AtomicU64>,
}

impl Arrived {
    pub(crate) fn take(&self) -> Option<Box<dyn Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Bytes that came now.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }
}

/// Why a file that begins is not taken.
#[derive(Debug)]
pub(crate) enum NotBegun {
    /// Our own side failed.
    Here(String),
    /// It is not what was asked for.
    Other(String),
    /// What was kept of it is gone meanwhile: it may be asked for again.
    Gone(String),
}

impl StoreSink {
    /// Makes room for a file, of which `length` bytes come, or goes on with one. Blocks.
    // req: STA-26
    pub(crate) fn begin(
        store: &dyn Store,
        length: Option<u64>,
        going: Option<Going>,
    ) -> Result<(Self, Arrived), NotBegun> {
        let here = |error: WriteError| NotBegun::Here(error.to_string());
        let writer = match going {
            Some(Going { of, from, .. }) if from > 0 => {
                let missing = of.length.saturating_sub(from);
                if let Some(comes) = length.filter(|comes| *comes != missing) {
                    let what =
                        format!("it sends {comes} bytes from byte {from} on, and {missing} are missing");
                    return Err(NotBegun::Other(what));
                }
                store.begin_part(&of, from).map_err(|error| match error {
                    WriteError::PartNotThere { .. } => NotBegun::Gone(error.to_string()),
                    error => here(error),
                })?
            }
            Some(Going { of, .. }) if length.is_none_or(|comes| comes == of.length) => {
                store.begin_part(&of, 0).map_err(here)?
            }
            // The length is the package's own: a byte more or less is no file. What was announced for it the core compares.
            _ => store.begin(length.map_or(Expect::Unknown, Expect::Exactly)).map_err(here)?,
        };
        let arrived = Arrived::default();
        Ok((Self { writer, arrived: arrived.clone() }, arrived))
    }
}

impl FileSink for StoreSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.writer.write(bytes)?;
        self.arrived.taken.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        let Self { writer, arrived } = *self;
        let pending = writer.finish()?;
        *arrived.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Ok(())
    }
}

/// An import cannot be called off yet: it ends by itself.
pub(crate) fn never() -> Cancel {
    Cancel::new()
}

/// The transport asks again after this, so that it notices when nobody wants the file any more.
const PATIENCE: Duration = Duration::from_millis(500);
