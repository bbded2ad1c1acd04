//! A file that made room in the bridge's store and is asked for: it is fetched again while the asker waits.
//!
//! The stations of a bridge open files on threads that may block; such a thread asks the driver here and waits, at most
//! [`Limits::asked`](crate::Limits). How many wait at once the stations bound: each sends so many files and no more.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use mvrx_message::FileUuid;
use tokio::sync::mpsc;

/// A file is wanted; told is whether it is there.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) file: FileUuid,
    pub(crate) told: SyncSender<bool>,
}

/// The way to the driver.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    pub(crate) wanted: mpsc::Sender<Wanted>,
    pub(crate) at_most: Duration,
}

impl Again {
    /// Waits until a file is fetched again; `false` where it cannot be had, or not in time. Blocks.
    // req: BRG-23
    pub(crate) fn fetch(&self, file: FileUuid) -> bool {
        let (told, hears) = sync_channel(1);
        let is_heard = self.wanted.try_send(Wanted { file, told }).is_ok();
        is_heard && hears.recv_timeout(self.at_most).unwrap_or(false)
    }
}

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<FileUuid, Vec<SyncSender<bool>>>);

impl Waiting {
    pub(crate) fn add(&mut self, Wanted { file, told }: Wanted) {
        self.0.entry(file).or_default().push(told);
    }

    pub(crate) fn files(&self) -> Vec<FileUuid> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn answer(&mut self, file: FileUuid, is_there: bool) {
        for told in self.0.remove(&file).unwrap_or_default() {
            // He may have stopped waiting.
            let _ = told.try_send(is_there);
        }
    }
}
