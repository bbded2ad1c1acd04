//! Turns the pieces of an arriving file into its BLAKE3, without holding up who appends them.
//!
//! ```text
//!            the file is longer than IN_PASSING             no thread, no reader
//!   IN PASSING ───────────────────────────────► BESIDE      IN PASSING stays
//!   whoever appends hashes                      a thread reads what has arrived out of the page cache
//!                                                  │ finish: caught up, or its read failed
//!                                                  ▼
//!                                               IN PASSING, `hashed` says how far it came
//! ```
//! Hashing costs as much as receiving does; on the same thread the two add up. The thread holds one buffer however
//! far it lags, since the bytes are in the file. Bytes that did not come in order are the caller's to read back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::buffers::Buffers;
use crate::disk::ReadFile;

/// The hash of a prefix of a file, and the thread that makes it longer.
#[derive(Debug, Default)]
pub(super) struct Hashing {
    progress: Progress,
    beside: Option<Beside>,
}

#[derive(Debug, Default, Clone)]
struct Progress {
    hasher: blake3::Hasher,
    hashed: u64,
}

#[derive(Debug)]
struct Beside {
    /// How much of the file there is; closing it says that this was all.
    told: Option<Sender<u64>>,
    gave_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<Progress>>,
}

impl Hashing {
    /// How much of the file is hashed, once [`Hashing::finish`] was called.
    pub(super) fn hashed(&self) -> u64 {
        self.progress.hashed
    }

    /// Whether a thread would help with a file that is `length` bytes long by now.
    pub(super) fn wants_thread(&self, length: u64) -> bool {
        self.beside.is_none() && self.progress.hashed > IN_PASSING && self.progress.hashed == length
    }

    /// From here on a thread reads the file. Without one to be had, nothing changes.
    pub(super) fn go_beside(&mut self, file: Arc<dyn ReadFile>, buffers: Buffers) {
        let (told, lengths) = channel();
        let gave_up = Arc::new(AtomicBool::new(false));
        let follower = Follower {
            progress: self.progress.clone(),
            file,
            buffers,
            lengths,
            gave_up: Arc::clone(&gave_up),
        };
        let thread = std::thread::Builder::new().name("mvrx hash".into());
        if let Ok(thread) = thread.spawn(move || follower.run()) {
            self.beside = Some(Beside { told: Some(told), gave_up, thread: Some(thread) });
        }
    }

    /// `bytes` are in the file from `offset` on.
    pub(super) fn appended(&mut self, bytes: &[u8], offset: u64) {
        let length = offset.saturating_add(bytes.len() as u64);
        match &self.beside {
            // A thread that ended early is found out by `finish`.
            Some(beside) => {
                let _ = beside.told.as_ref().map(|told| told.send(length));
            }
            None if self.progress.hashed == offset => self.update(bytes),
            None => {}
        }
    }

    /// Waits until the thread, where there is one, has caught up.
    pub(super) fn finish(&mut self) {
        let Some(mut beside) = self.beside.take() else { return };
        beside.told = None;
        if let Some(progress) = beside.thread.take().and_then(|thread| thread.join().ok()) {
            self.progress = progress;
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.progress.update(bytes);
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        *self.progress.hasher.finalize().as_bytes()
    }
}

impl Progress {
    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.hashed = self.hashed.saturating_add(bytes.len() as u64);
    }
}

/// Nobody waits for the hash any more: the thread closes the file, which its place's removal depends on.
impl Drop for Beside {
    fn drop(&mut self) {
        self.gave_up.store(true, Ordering::Relaxed);
        self.told = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Follower {
    progress: Progress,
    file: Arc<dyn ReadFile>,
    buffers: Buffers,
    lengths: Receiver<u64>,
    gave_up: Arc<AtomicBool>,
}

impl Follower {
    /// Until no more is told; what cannot be read is left to the caller, who will get the error by name.
    fn run(mut self) -> Progress {
        crate::priority::step_back();
        let mut buffer = self.buffers.take();
        while let Ok(length) = self.lengths.recv() {
            let length = self.lengths.try_iter().last().unwrap_or(length);
            while self.progress.hashed < length {
                if self.gave_up.load(Ordering::Relaxed) {
                    return self.progress;
                }
                let missing = usize::try_from(length - self.progress.hashed).unwrap_or(usize::MAX);
                let most = missing.min(PIECE).min(buffer.len());
                let room = buffer.get_mut(..most).unwrap_or_default();
                match self.file.read_at(self.progress.hashed, room) {
                    Ok(count) if count > 0 => {
                        self.progress.update(room.get(..count).unwrap_or_default());
                    }
                    _ => return self.progress,
                }
            }
        }
        self.progress
    }
}

/// Files up to this length are hashed by whoever appends: a thread would cost more than it saves.
pub(super) const IN_PASSING: u64 = 4 << 20;
/// What the thread reads at once stays in the processor's cache until it is hashed.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests;
