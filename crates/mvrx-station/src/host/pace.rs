//! How fast messages are read: of each connection, and of all together. Who sends faster waits, and nobody else; nothing is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many messages at once, and so many a second after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once; at least one.
    pub burst: u32,
    /// A second; at least one.
    pub per_second: u32,
}

/// When the next message may be read.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    /// When everything that was taken is paid for.
    paid: Instant,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        Self { rate, paid: Instant::now() }
    }

    /// Takes one; how long it has to wait.
    fn take(&mut self, now: Instant) -> Duration {
        let each = Duration::from_secs(1) / self.rate.per_second.max(1);
        self.paid = self.paid.max(now) + each;
        (self.paid - now).saturating_sub(each * self.rate.burst.max(1))
    }
}

/// The pace of all connections of a host. Each takes one message at a time: so they take turns where all of them together are too fast.
#[derive(Debug, Clone)]
pub(super) struct Paces {
    each: Rate,
    all: Arc<Mutex<Bucket>>,
}

impl Paces {
    pub(super) fn new(each: Rate, all: Rate) -> Self {
        Self { each, all: Arc::new(Mutex::new(Bucket::new(all))) }
    }

    pub(super) fn start(&self) -> Pace {
        Pace { own: Bucket::new(self.each), all: Arc::clone(&self.all) }
    }
}

/// The pace of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    own: Bucket,
    all: Arc<Mutex<Bucket>>,
}

impl Pace {
    /// Waits until one more message may be read on.
    // req: QUO-01
    pub(super) async fn keep(&mut self) {
        let own = self.own.take(Instant::now());
        if !own.is_zero() {
            tokio::time::sleep(own).await;
        }
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if !all.is_zero() {
            tokio::time::sleep(all).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Rate = Rate { burst: 10, per_second: 5 };

    async fn takes(pace: &mut Pace, count: u32) -> Duration {
        let from = Instant::now();
        for _ in 0..count {
            pace.keep().await;
        }
        from.elapsed()
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-01
    async fn a_burst_is_free_and_more_of_it_waits() {
        let paces = Paces::new(EACH, Rate { burst: 1_000, per_second: 1_000 });
        let mut one = paces.start();
        assert_eq!(takes(&mut one, 10).await, Duration::ZERO);
        let waited = takes(&mut one, 5).await;
        assert!((Duration::from_millis(990)..Duration::from_millis(1_020)).contains(&waited), "{waited:?}");
        // Nobody else waits for it.
        assert_eq!(takes(&mut paces.start(), 10).await, Duration::ZERO);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(takes(&mut one, 10).await, Duration::ZERO, "rest is given back");
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-01
    async fn all_together_have_one_too_and_take_turns() {
        let paces = Paces::new(Rate { burst: 1_000, per_second: 1_000 }, EACH);
        let (mut one, mut other) = (paces.start(), paces.start());
        // The first has the burst; then each has every second one until the first is done.
        let (a, b) = tokio::join!(takes(&mut one, 20), takes(&mut other, 20));
        assert!((Duration::from_millis(3_600)..Duration::from_millis(4_100)).contains(&a), "{a:?}");
        assert!((Duration::from_millis(5_900)..Duration::from_millis(6_100)).contains(&b), "{b:?}");
    }
}
