//! Whether a transfer gets on: so many bytes within so much time, again and again.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::SendFileError;
use crate::limits::Limits;

/// A window of time in which enough bytes have to move. Times are given by the caller, who knows which clock it is
/// that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    idle: Duration,
    at_least: u64,
    moved: u64,
    /// `None`: beyond what the clock can count.
    until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let (idle, at_least) = (limits.file_idle, limits.file_idle_bytes);
        Self { idle, at_least, moved: 0, until: now.checked_add(idle) }
    }

    /// For a source that grows: any byte ends the wait.
    pub(super) fn of_source(limits: &Limits, now: Instant) -> Self {
        let idle = limits.source_idle;
        Self { idle, at_least: 1, moved: 0, until: now.checked_add(idle) }
    }

    /// A new window, whatever became of this one.
    pub(super) fn restart(&mut self, now: Instant) {
        self.moved = 0;
        self.until = now.checked_add(self.idle);
    }

    // req: TRA-09
    pub(super) fn moved(&mut self, bytes: u64, now: Instant) {
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.at_least {
            self.restart(now);
        }
    }

    /// The time since `from` was spent on our side and is not the peer's.
    pub(super) fn excuse(&mut self, from: Instant, now: Instant) {
        self.until = self.until.and_then(|until| until.checked_add(now.saturating_duration_since(from)));
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(super) fn peer_not_reading(&self, sent: u64) -> SendFileError {
        SendFileError::PeerNotReading { sent, at_least: self.at_least, allowed: self.idle }
    }

    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    pub(super) fn at_least(&self) -> u64 {
        self.at_least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> (Pace, Instant) {
        let limits = Limits { file_idle: SECOND * 30, file_idle_bytes: 1000, ..Limits::default() };
        let start = Instant::now();
        (Pace::new(&limits, start), start)
    }

    #[test]
    // proves: TRA-09
    fn a_trickle_below_the_floor_is_over_when_the_window_is() {
        let (mut pace, start) = pace();
        for second in 0..30 {
            assert!(!pace.is_over(start + SECOND * second));
            pace.moved(33, start + SECOND * second);
        }
        assert!(pace.is_over(start + SECOND * 30));
    }

    #[test]
    // proves: TRA-09
    fn any_duration_is_fine_as_long_as_enough_moves() {
        let (mut pace, start) = pace();
        for second in (0..3600).step_by(29) {
            let now = start + SECOND * second;
            assert!(!pace.is_over(now));
            pace.moved(1000, now);
        }
    }

    #[test]
    fn time_spent_on_our_side_is_not_the_peers() {
        let (mut pace, start) = pace();
        pace.excuse(start, start + SECOND * 100);
        assert!(!pace.is_over(start + SECOND * 129));
        assert!(pace.is_over(start + SECOND * 130));
    }
}
