//! The thread that looks after a history while others publish: it removes what is beyond the limits and makes recipes of older files. One for
//! each open store, only where it was asked for.
//!
//! It sleeps until something is published, or grows too old, and ends with the store: dropping the last handle calls it off and waits for
//! it, which takes about as long as comparing one window of a file. What it could not do it tries again after the next commit. Where the
//! system can do it, it has less of a claim on a processor than those who receive and serve.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::shelf::FsShelf;
use super::{Compaction, FsStore};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::problem::Problem;
use crate::retention::{Going, Retention};
use crate::store::StoredCommit;

/// What is done in the background.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) whole: Option<usize>,
    pub(super) retention: Retention,
    pub(super) may_go: Option<MayGo>,
    pub(super) told: Option<HistoryListener>,
}

/// What one round in the background did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryRound {
    /// Commits that were removed, since they are beyond what is kept.
    pub removed: Vec<Going>,
    /// Files that became recipes, and the bytes that this saved.
    pub compaction: Compaction,
    /// What went wrong, the first time; it is tried again after the next commit.
    pub problem: Option<Problem>,
}

/// Is asked, on the background's own thread, whether a commit may go now: a station that runs lets go of it first, so that it lists nothing that it
/// cannot give. What may not go is asked again a second later. It must not wait for the store to close, nor keep the store open by what it holds,
/// and who gives a tag waits meanwhile.
#[derive(Clone)]
pub struct MayGo(Arc<dyn Fn(&StoredCommit) -> bool + Send + Sync>);

impl MayGo {
    /// One that asks `may_go`.
    pub fn new(may_go: impl Fn(&StoredCommit) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may_go))
    }

    pub(super) fn asks(&self, stored: &StoredCommit) -> bool {
        (self.0)(stored)
    }
}

impl fmt::Debug for MayGo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MayGo")
    }
}

/// Is told of every round that did something or failed, on the background's own thread: it must not wait for the store to close.
#[derive(Clone)]
pub struct HistoryListener(Arc<dyn Fn(&HistoryRound) + Send + Sync>);

impl HistoryListener {
    /// One that calls `tell`.
    pub fn new(tell: impl Fn(&HistoryRound) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for HistoryListener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HistoryListener")
    }
}

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
    /// Starts it, with a first look at what is there already. `None` where nothing is wanted, or the system gives no thread.
    pub(super) fn start(engine: &Arc<Engine<FsShelf>>, wanted: Wanted) -> Option<Self> {
        if wanted.whole.is_none() && wanted.retention.is_everything() {
            return None;
        }
        let (wake, woken) = sync_channel(1);
        let (cancel, rounds) = (Cancel::new(), Arc::new(Rounds::default()));
        let worker = Worker {
            engine: Arc::downgrade(engine),
            wanted,
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
        let (_count, waited) =
            self.rounds.changed.wait_timeout_while(count, Duration::from_secs(60), |_| !so()).unwrap();
        assert!(!waited.timed_out(), "it did not come to it");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Full means that it is woken already, closed that it has ended.
        let _: Result<(), TrySendError<()>> = self.wake.try_send(());
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != here()) {
            // A panic of it was told where it happened; nothing is lost by it.
            let _ = thread.join();
        }
    }
}

fn here() -> std::thread::ThreadId {
    std::thread::current().id()
}

struct Worker {
    engine: Weak<Engine<FsShelf>>,
    wanted: Wanted,
    cancel: Cancel,
    woken: Receiver<()>,
    rounds: Arc<Rounds>,
}

impl Worker {
    fn run(self) {
        crate::priority::step_back();
        let mut failed = false;
        let mut due = Duration::ZERO;
        loop {
            match self.woken.recv_timeout(due) {
                Ok(()) | Err(RecvTimeoutError::Timeout) if !self.cancel.is_cancelled() => {}
                _ => return,
            }
            let Some(engine) = self.engine.upgrade() else { return };
            let store = FsStore { engine, _background: None };
            let (mut round, held_back) = self.round(&store);
            let fails = round.problem.is_some();
            // Told once until it works again.
            round.problem = round.problem.filter(|_| !failed);
            if let Some(problem) = &round.problem {
                store.engine.shelf.tell(problem.clone());
            }
            failed = fails;
            due = if held_back { AGAIN } else { self.next(&store) };
            drop(store);
            if let Some(told) = self.wanted.told.as_ref().filter(|_| round.did_something()) {
                (told.0)(&round);
            }
            *self.rounds.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.rounds.changed.notify_all();
        }
    }

    /// What was done, and whether something stays only for now.
    fn round(&self, store: &FsStore) -> (HistoryRound, bool) {
        let mut held_back = false;
        let mut round = HistoryRound::default();
        // First what goes: of it no recipe is made.
        let may_go = |stored: &StoredCommit| {
            let goes = self.wanted.may_go.as_ref().is_none_or(|may_go| may_go.asks(stored));
            held_back |= !goes;
            goes
        };
        match store.retain_if(&self.wanted.retention, &self.cancel, may_go) {
            Ok(removed) => round.removed = removed,
            Err(error) => round.problem = Some(Problem::NothingGoes { error }),
        }
        let compacted = self.wanted.whole.map(|whole| store.compact(whole, &self.cancel));
        match compacted {
            Some(Ok(compaction)) => round.compaction = compaction,
            Some(Err(error)) => round.problem = round.problem.or(Some(Problem::FilesStayWhole { error })),
            None => {}
        }
        (round, held_back)
    }

    /// How long nothing grows too old.
    // req: STO-24
    fn next(&self, store: &FsStore) -> Duration {
        let Some(age) = self.wanted.retention.least_age() else { return LONGEST_SLEEP };
        let now = store.engine.now();
        let left = |seen| age.saturating_sub(now.duration_since(seen).unwrap_or(Duration::ZERO));
        // What is beyond it already stays for a reason.
        let oldest = store
            .engine
            .commits()
            .iter()
            .map(|stored| left(stored.seen))
            .filter(|left| !left.is_zero())
            .min();
        // As old as allowed stays; a moment later it goes.
        oldest.map_or(LONGEST_SLEEP, |left| left.saturating_add(A_MOMENT).min(LONGEST_SLEEP))
    }
}

impl HistoryRound {
    fn did_something(&self) -> bool {
        !self.removed.is_empty() || self.compaction.compacted > 0 || self.problem.is_some()
    }
}

/// A machine that slept, or whose clock was set, is looked after this long at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);
/// What was held back is asked for again then.
const AGAIN: Duration = Duration::from_secs(1);
/// The store's time has milliseconds.
const A_MOMENT: Duration = Duration::from_millis(2);
