//! Turns the progress of one writer into answers for many readers of the same, still growing file.
//!
//! It holds counts, never bytes: the bytes are in the file. It does not know what the file is or where it lies.
//! Writers call [`Growth::arrived`] only after the bytes are in the file, so a reader that was told of them finds
//! them there.
//!
//! ```text
//!            arrived(n)
//!             ┌─────┐
//!             ▼     │            complete()
//!         ┌──────────────┐ ─────────────────────► ┌──────────┐
//!         │   arriving   │                         │ complete │   reads end at the length
//!         │ readers wait │ ──────► ┌────────┐     └──────────┘
//!         └──────────────┘  fail() │ failed │   reads of what arrived succeed, beyond it they fail by name
//!                                  └────────┘
//! ```
//! While arriving, the readers wait for the writer; their own [`Wait`] bounds it, and dropping the writer settles it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::{Cancel, Wait};
use crate::error::{ReadError, WriteError};

/// How much of a file has arrived, and whether more will.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: u64,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Arriving,
    Complete,
    Failed(Arc<WriteError>),
}

impl Growth {
    /// `count` more bytes are in the file.
    pub(crate) fn arrived(&self, count: u64) {
        let mut state = self.lock();
        state.arrived = state.arrived.saturating_add(count);
        self.changed.notify_all();
    }

    /// No more bytes will come, and none is missing.
    pub(crate) fn complete(&self) {
        self.settle(Phase::Complete);
    }

    /// No more bytes will come, and some are missing or wrong. The first reason stays.
    pub(crate) fn fail(&self, cause: WriteError) {
        self.settle(Phase::Failed(Arc::new(cause)));
    }

    /// How many bytes have arrived until now.
    pub(crate) fn so_far(&self) -> u64 {
        self.lock().arrived
    }

    /// The length of the file once it is complete.
    pub(crate) fn complete_length(&self) -> Option<u64> {
        let state = self.lock();
        matches!(state.phase, Phase::Complete).then_some(state.arrived)
    }

    /// Wakes every reader so that it looks at its cancel switch.
    pub(crate) fn wake_all(&self) {
        // The lock makes sure that a reader is either before its look at the switch or already asleep.
        let _state = self.lock();
        self.changed.notify_all();
    }

    /// Waits until there are bytes from `offset` on and says how many; 0 is the end of the file.
    pub(crate) fn wait_past(self: &Arc<Self>, offset: u64, wait: &Wait) -> Result<u64, ReadError> {
        if let Some(cancel) = wait.cancel() {
            cancel.wakes(self);
        }
        let mut state = self.lock();
        let mut silence = Silence { arrived: state.arrived, since: Instant::now() };
        loop {
            if let Some(answer) = state.answer(offset) {
                return answer;
            }
            if wait.cancel().is_some_and(Cancel::is_cancelled) {
                return Err(ReadError::ReadCancelled);
            }
            let Some(idle) = wait.idle() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = silence.left(idle, state.arrived, Instant::now());
            if left.is_zero() {
                return Err(ReadError::NothingArrivedInTime { waited: idle, arrived: state.arrived, offset });
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn settle(&self, phase: Phase) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Arriving) {
            state.phase = phase;
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Since when nothing has arrived, as far as one reader saw.
struct Silence {
    arrived: u64,
    since: Instant,
}

impl Silence {
    /// How much longer the silence may last.
    fn left(&mut self, idle: Duration, arrived: u64, now: Instant) -> Duration {
        if arrived != self.arrived {
            *self = Self { arrived, since: now };
        }
        idle.saturating_sub(now.saturating_duration_since(self.since))
    }
}

impl State {
    fn answer(&self, offset: u64) -> Option<Result<u64, ReadError>> {
        if self.arrived > offset {
            return Some(Ok(self.arrived - offset));
        }
        match &self.phase {
            Phase::Arriving => None,
            Phase::Complete => Some(Ok(0)),
            Phase::Failed(cause) => {
                Some(Err(ReadError::ArrivalFailed { arrived: self.arrived, cause: Arc::clone(cause) }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
