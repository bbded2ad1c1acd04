//! Where a store takes the time from, so that a simulated world gives its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Tells a store when a commit was seen.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since 1970; a clock before that gives 0.
    pub(crate) fn millis(&self) -> u64 {
        let since = (self.0)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time to the millisecond, so that it is the same before and after it went through an index record.
    pub(crate) fn now(&self) -> SystemTime {
        from_millis(self.millis()).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl Default for Clock {
    /// The system's clock.
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clock")
    }
}

/// The time that many milliseconds after 1970; `None` beyond what the system can tell.
pub(crate) fn from_millis(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// Milliseconds from 1970 to `time`; 0 before that.
pub(crate) fn to_millis(time: SystemTime) -> u64 {
    Clock::new(move || time).millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_to_milliseconds_and_survives_a_clock_before_1970() {
        let odd = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567);
        assert_eq!(Clock::new(move || odd).now(), SystemTime::UNIX_EPOCH + Duration::from_millis(1));
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(9);
        assert_eq!(Clock::new(move || before).now(), SystemTime::UNIX_EPOCH);
    }
}
