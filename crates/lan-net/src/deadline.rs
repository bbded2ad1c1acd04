//! Turns "no later than" and "not longer silent than" into one small value.
//!
//! A [`Deadline`] that is never moved bounds a whole operation; one that is [`rearm`](Deadline::rearm)ed at every
//! sign of progress bounds silence. It knows nothing of what it bounds. Time is tokio's, so tests run with the
//! paused clock.
//!
//! ```
//! # use std::time::Duration;
//! # use lan_net::deadline::{Deadline, DeadlinePassed};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let silence = Deadline::after(Duration::from_millis(5));
//! let never = std::future::pending::<()>();
//! assert_eq!(silence.limit(never).await, Err(DeadlinePassed));
//! # }
//! ```

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A point in time that a future must not outlast, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadline {
    at: Option<Instant>,
}

/// The deadline passed first; the future was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct DeadlinePassed;

impl Deadline {
    /// Never passes.
    #[must_use]
    pub const fn never() -> Self {
        Self { at: None }
    }

    /// Passes `limit` from now; never if that is beyond what the clock can count.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self { at: Instant::now().checked_add(limit) }
    }

    /// Passes at this point in time.
    #[must_use]
    pub const fn until(at: Instant) -> Self {
        Self { at: Some(at) }
    }

    /// Starts over: passes `limit` from now.
    pub fn rearm(&mut self, limit: Duration) {
        *self = Self::after(limit);
    }

    /// Never passes any more.
    pub fn disarm(&mut self) {
        self.at = None;
    }

    /// When it passes; `None` is never.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it is set at all.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.at.is_some()
    }

    /// The one of the two that passes first.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.at, other.at) {
            (Some(one), Some(two)) => Self { at: Some(one.min(two)) },
            (one, two) => Self { at: one.or(two) },
        }
    }

    /// Runs `future`, and drops it when the deadline passes first. A future that is ready at once wins even over
    /// a deadline that has passed.
    ///
    /// # Errors
    /// [`DeadlinePassed`].
    pub async fn limit<F: Future>(&self, future: F) -> Result<F::Output, DeadlinePassed> {
        match self.at {
            Some(at) => timeout_at(at, future).await.map_err(|_| DeadlinePassed),
            None => Ok(future.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn ends_a_future_that_outlasts_it_exactly_on_time() {
        let start = Instant::now();
        assert_eq!(Deadline::after(SECOND).limit(pending::<()>()).await, Err(DeadlinePassed));
        assert_eq!(start.elapsed().as_millis(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn rearming_bounds_silence_and_not_the_whole() {
        let start = Instant::now();
        let mut silence = Deadline::after(SECOND);
        for _ in 0..5 {
            silence.limit(tokio::time::sleep(SECOND * 9 / 10)).await.unwrap();
            silence.rearm(SECOND);
        }
        assert!(start.elapsed() > SECOND * 4);
        assert_eq!(silence.limit(pending::<()>()).await, Err(DeadlinePassed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ready_future_wins_over_a_passed_deadline() {
        let passed = Deadline::after(Duration::ZERO);
        tokio::time::sleep(SECOND).await;
        assert_eq!(passed.limit(ready(7)).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_is_kept() {
        let short = Deadline::after(SECOND);
        let long = Deadline::after(SECOND * 2);
        assert_eq!(short.earlier(long), short);
        assert_eq!(long.earlier(short), short);
        assert_eq!(Deadline::never().earlier(long), long);
        assert_eq!(long.earlier(Deadline::never()), long);
        let mut disarmed = long;
        disarmed.disarm();
        assert!(!disarmed.is_armed());
    }

    #[tokio::test]
    async fn an_endless_limit_does_not_overflow_the_clock() {
        assert_eq!(Deadline::after(Duration::MAX).limit(ready(())).await, Ok(()));
    }
}
