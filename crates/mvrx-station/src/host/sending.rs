//! A file on its way to one station: from the store or from a file that still grows, at that station's own pace.

use std::sync::{Arc, Mutex, PoisonError};

use mvrx_core::host::AskId;
use mvrx_message::{FilePart, FileUuid};
use mvrx_store::Store;
use mvrx_transport::{BoxError, FileSource, FileStyle};

use super::growing::{Growing, GrowingSource};
use crate::files::StoreSource;

/// A file that a writer is to send.
#[derive(Debug)]
pub(super) struct FileJob {
    pub(super) ask: AskId,
    pub(super) from: From,
    pub(super) style: FileStyle,
    pub(super) stop: Stop,
    /// Which part of it was asked for.
    pub(super) part: Option<FilePart>,
    /// The hash that was announced.
    pub(super) hash: Option<[u8; 32]>,
}

/// A file to send, and its hash where that is sure.
type Opened = (Box<dyn FileSource>, Option<[u8; 32]>);

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum From {
    Stored(FileUuid),
    Growing(Arc<Growing>),
}

impl FileJob {
    /// Opens it, with its hash where that is sure. Blocks.
    pub(super) fn open(
        from: From,
        style: FileStyle,
        stop: Stop,
        (store, announced): (&dyn Store, Option<[u8; 32]>),
    ) -> Result<Opened, BoxError> {
        // The end of its only message tells how long a file is; who counts messages has FileSize alone.
        let any_length = style == FileStyle::OneMessage;
        Ok(match from {
            From::Stored(file) => {
                let source = StoreSource::open(store, file)?;
                let hash = source.hash();
                (Box::new(source), hash)
            }
            // Its last byte goes out when its hash is the announced one.
            From::Growing(growing) => (Box::new(GrowingSource::new(growing, stop, any_length)), announced),
        })
    }
}

/// Ends a sending at its next piece.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    why: Arc<Mutex<Option<String>>>,
}

impl Stop {
    pub(super) fn stop(&self, why: &str) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
