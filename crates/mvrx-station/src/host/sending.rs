//! A file on its way to one station: from the store or from a file that still grows, at that station's own pace.

use std::sync::{Arc, Mutex, PoisonError};

use mvrx_core::host::AskId;
use mvrx_message::FileUuid;
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
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum From {
    Stored(FileUuid),
    Growing(Arc<Growing>),
}

impl FileJob {
    /// Opens it. Blocks.
    pub(super) fn open(
        from: From,
        style: FileStyle,
        stop: Stop,
        store: &dyn Store,
    ) -> Result<Box<dyn FileSource>, BoxError> {
        // The end of its only message tells how long a file is; who counts messages has FileSize alone.
        let any_length = style == FileStyle::OneMessage;
        Ok(match from {
            From::Stored(file) => Box::new(StoreSource::open(store, file)?),
            From::Growing(growing) => Box::new(GrowingSource::new(growing, stop, any_length)),
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
