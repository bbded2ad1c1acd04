//! The thread that makes recipes of older files while others publish: one for each open store, only where it was asked for.
//!
//! It sleeps until something is published, and ends with the store: dropping the last handle calls it off and waits for it, which takes
//! about as long as comparing one window of a file. What it could not do it tries again after the next commit.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use super::FsStore;
use super::shelf::FsShelf;
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::problem::Problem;

/// The thread's handle.
#[derive(Debug)]
pub(super) struct Background {
    cancel: Cancel,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests wait for it"))]
    rounds: Arc<Rounds>,
}

/// How often it has been through.
#[derive(Debug, Default)]
struct Rounds {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Background {
    /// Starts it, with a first look at what is there already. `None` where the system gives no thread.
    pub(super) fn start(engine: &Arc<Engine<FsShelf>>, whole: usize) -> Option<Self> {
        let (wake, woken) = sync_channel(1);
        let (cancel, rounds) = (Cancel::new(), Arc::new(Rounds::default()));
        let worker = Worker {
            engine: Arc::downgrade(engine),
            whole,
            cancel: cancel.clone(),
            woken,
            rounds: Arc::clone(&rounds),
        };
        engine.shelf.wake_with(wake.clone());
        wake.try_send(()).ok()?;
        let thread =
            std::thread::Builder::new().name("mvrx history".into()).spawn(move || worker.run()).ok()?;
        Some(Self { cancel, wake, thread: Some(thread), rounds })
    }

    /// Waits until `so` after some round.
    #[cfg(test)]
    pub(super) fn wait_until(&self, so: impl Fn() -> bool) {
        let count = self.rounds.count.lock().unwrap();
        let (_count, waited) = self
            .rounds
            .changed
            .wait_timeout_while(count, std::time::Duration::from_secs(60), |_| !so())
            .unwrap();
        assert!(!waited.timed_out(), "it did not come to it");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Full means that it is woken already, closed that it has ended.
        let _: Result<(), TrySendError<()>> = self.wake.try_send(());
        if let Some(thread) = self.thread.take() {
            // A panic of it was told where it happened; nothing is lost by it.
            let _ = thread.join();
        }
    }
}

struct Worker {
    engine: Weak<Engine<FsShelf>>,
    whole: usize,
    cancel: Cancel,
    woken: Receiver<()>,
    rounds: Arc<Rounds>,
}

impl Worker {
    fn run(self) {
        let mut told = false;
        while self.woken.recv().is_ok() && !self.cancel.is_cancelled() {
            let Some(engine) = self.engine.upgrade() else { return };
            let store = FsStore { engine, _background: None };
            match store.compact(self.whole, &self.cancel) {
                Ok(_) => told = false,
                // Told once until it works again.
                Err(error) if !told => {
                    told = true;
                    store.engine.shelf.tell(Problem::FilesStayWhole { error });
                }
                Err(_) => {}
            }
            drop(store);
            *self.rounds.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.rounds.changed.notify_all();
        }
    }
}
