//! The store's files as the transport moves them: both sides work on the transport's blocking thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mvrx_message::FileUuid;
use mvrx_store::{Cancel, Expect, Pending, ReadError, Store, StoredFile, Wait, WriteError, Writer};
use mvrx_transport::{BoxError, FileSink, FileSource, SourceRead};

/// A stored file on its way out. One that is still arriving is sent as it grows.
#[derive(Debug)]
pub(crate) struct StoreSource {
    file: StoredFile,
    length: u64,
}

impl StoreSource {
    /// Opens a file of the store. Blocks.
    pub(crate) fn open(store: &dyn Store, file: FileUuid) -> Result<Self, BoxError> {
        let file = store.open(file)?;
        // A listed file is whole, so its length is known.
        let length = file.length().unwrap_or_else(|| file.so_far());
        Ok(Self { file, length })
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

/// Where the whole file lies once the sink is finished.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived(Arc<Mutex<Option<Box<dyn Pending>>>>);

impl Arrived {
    pub(crate) fn take(&self) -> Option<Box<dyn Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl StoreSink {
    /// Makes room for a file of `length` bytes. Blocks.
    pub(crate) fn begin(store: &dyn Store, length: Option<u64>) -> Result<(Self, Arrived), WriteError> {
        // The length is the package's own: a byte more or less is no file. What was announced for it the core compares.
        let writer = store.begin(length.map_or(Expect::Unknown, Expect::Exactly))?;
        let arrived = Arrived::default();
        Ok((Self { writer, arrived: arrived.clone() }, arrived))
    }
}

impl FileSink for StoreSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.writer.write(bytes).map_err(Into::into)
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        let Self { writer, arrived } = *self;
        let pending = writer.finish()?;
        *arrived.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Ok(())
    }
}

/// An import cannot be called off yet: it ends by itself.
pub(crate) fn never() -> Cancel {
    Cancel::new()
}

/// The transport asks again after this, so that it notices when nobody wants the file any more.
const PATIENCE: Duration = Duration::from_millis(500);
