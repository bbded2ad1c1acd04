//! How fast a station may send and fetch, on all its connections, and all of them together: messages, and bytes. Who is faster waits, and
//! nobody else; nothing is lost.
//!
//! ```text
//!  Paces ─ start ─► Pace of a connection ─► Counts: its own until it has joined, then those of its station
//!                                      └──► Counts of all together
//! ```
//! Whoever waits for the count of all has waited for its own before, and each connection waits for one message or one piece of a file in
//! either direction: so they take turns where all together are too fast, however much each of them has. It knows no file: [`super::paced`]
//! makes files wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mvrx_message::StationUuid;
use tokio::sync::Notify;
use tokio::time::Instant;

/// So many at once, and so many a second after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once; at least one.
    pub burst: u64,
    /// A second; at least one.
    pub per_second: u64,
}

impl Rate {
    /// So many bytes a second, and those of a second at once.
    #[must_use]
    pub fn bytes(per_second: u64) -> Self {
        Self { burst: per_second, per_second }
    }
}

/// How fast messages and bytes may move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) messages: Rate,
    /// Of each direction; `None`: as fast as they can.
    pub(super) bytes: Option<Rate>,
}

/// When the next one may move.
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

    /// Takes so many; how long the last of them has to wait.
    fn take(&mut self, count: u64, now: Instant) -> Duration {
        self.paid = self.paid.max(now) + self.cost(count);
        (self.paid - now).saturating_sub(self.cost(self.rate.burst.max(1)))
    }

    fn cost(&self, count: u64) -> Duration {
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.rate.per_second.max(1));
        // Beyond a day it is a day: nobody waits so long for anything.
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(A_DAY)
    }
}

/// What is counted of one station, or of all together.
#[derive(Debug)]
struct Counts {
    messages: Mutex<Bucket>,
    read: Option<Mutex<Bucket>>,
    sent: Option<Mutex<Bucket>>,
    slow: Mutex<Slow>,
    slowed: Notify,
}

/// Whether somebody was made to wait, and was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Never,
    By(&'static str),
    Told,
}

impl Counts {
    fn new(rates: Rates) -> Self {
        let bytes = || rates.bytes.map(|rate| Mutex::new(Bucket::new(rate)));
        let messages = Mutex::new(Bucket::new(rates.messages));
        Self { messages, read: bytes(), sent: bytes(), slow: Mutex::new(Slow::Never), slowed: Notify::new() }
    }

    /// How long it is before one more message of so many bytes may be read on.
    fn message(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let messages = lock(&self.messages).take(1, now);
        self.note(messages, "messages");
        messages.max(self.bytes(Way::Read, bytes))
    }

    fn bytes(&self, way: Way, bytes: u64) -> Duration {
        let bucket = match way {
            Way::Read => &self.read,
            Way::Sent => &self.sent,
        };
        let wait = bucket.as_ref().map_or(Duration::ZERO, |bucket| lock(bucket).take(bytes, Instant::now()));
        self.note(wait, "bytes");
        wait
    }

    fn note(&self, wait: Duration, what: &'static str) {
        let mut slow = lock(&self.slow);
        if !wait.is_zero() && *slow == Slow::Never {
            *slow = Slow::By(what);
            self.slowed.notify_one();
        }
    }

    /// Whether nothing of it is owed: a new one would be the same.
    fn is_paid(&self) -> bool {
        let now = Instant::now();
        let paid = |bucket: &Mutex<Bucket>| lock(bucket).paid <= now;
        paid(&self.messages) && self.read.iter().chain(&self.sent).all(paid)
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Sent,
}

/// The pace of all connections of a host.
#[derive(Debug)]
pub(super) struct Paces {
    each: Rates,
    all: Arc<Counts>,
    /// Of those that are here, and of those that are gone and owe.
    stations: HashMap<StationUuid, Arc<Counts>>,
    piece: usize,
}

impl Paces {
    pub(super) fn new(each: Rates, all: Rates) -> Self {
        // A quarter of a second of the slower one: whoever waits beside a file waits for a piece of it.
        let slower = each.bytes.iter().chain(&all.bytes).map(|rate| rate.per_second).min();
        let piece = slower.map_or(LARGEST_PIECE, |rate| usize::try_from(rate / 4).unwrap_or(LARGEST_PIECE));
        let piece = piece.clamp(SMALLEST_PIECE, LARGEST_PIECE);
        Self { each, all: Arc::new(Counts::new(all)), stations: HashMap::new(), piece }
    }

    /// The pace of a connection that nobody has joined on.
    pub(super) fn start(&self) -> Arc<Pace> {
        let counts_bytes = self.each.bytes.is_some() || self.all.read.is_some();
        let own = Mutex::new(Arc::new(Counts::new(self.each)));
        let all = Arc::clone(&self.all);
        let piece = counts_bytes.then_some(self.piece);
        Arc::new(Pace { own, all, piece, ended: AtomicBool::new(false) })
    }

    /// A connection is this station's: its counts are those of all its connections. What it did before it joined is forgiven.
    pub(super) fn belongs(&mut self, pace: &Pace, station: StationUuid) {
        self.stations.retain(|_, counts| Arc::strong_count(counts) > 1 || !counts.is_paid());
        let each = self.each;
        let counts = self.stations.entry(station).or_insert_with(|| Arc::new(Counts::new(each)));
        *lock(&pace.own) = Arc::clone(counts);
    }
}

/// The pace of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    own: Mutex<Arc<Counts>>,
    all: Arc<Counts>,
    /// Bytes of a file that move in one piece; `None`: nobody counts bytes.
    piece: Option<usize>,
    ended: AtomicBool,
}

impl Pace {
    /// Waits until one more message may be read, after one of so many bytes.
    // req: QUO-01
    pub(super) async fn keep(&self, bytes: usize) {
        for counts in [self.own(), Arc::clone(&self.all)] {
            let wait = counts.message(bytes as u64);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Bytes of a file that move at a time; `None`: as many as there are.
    pub(super) fn piece(&self) -> Option<usize> {
        self.piece
    }

    /// How long it is before more bytes of a file may move, after so many: for the station's own pace, then for that of all.
    pub(super) fn own_bytes(&self, way: Way, bytes: usize) -> Duration {
        self.own().bytes(way, bytes as u64)
    }

    pub(super) fn bytes_of_all(&self, way: Way, bytes: usize) -> Duration {
        self.all.bytes(way, bytes as u64)
    }

    /// The connection is over: nobody waits on it any more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits until this station is made to wait, the first time; for what.
    pub(super) async fn slowed(&self) -> &'static str {
        loop {
            let own = self.own();
            if let Some(by) = own.slowed() {
                return by;
            }
            own.slowed.notified().await;
        }
    }

    fn own(&self) -> Arc<Counts> {
        Arc::clone(&lock(&self.own))
    }
}

impl Counts {
    /// What somebody was made to wait for, told once.
    fn slowed(&self) -> Option<&'static str> {
        let mut slow = lock(&self.slow);
        match *slow {
            Slow::By(what) => {
                *slow = Slow::Told;
                Some(what)
            }
            Slow::Never | Slow::Told => None,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const A_DAY: Duration = Duration::from_secs(24 * 3_600);
const LARGEST_PIECE: usize = 64 << 10;
const SMALLEST_PIECE: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Rate = Rate { burst: 10, per_second: 5 };
    const FREE: Rates = Rates { messages: Rate { burst: 1_000, per_second: 1_000 }, bytes: None };

    fn station(n: u8) -> StationUuid {
        StationUuid::from_random_bytes([n; 16])
    }

    async fn takes(pace: &Pace, count: u32) -> Duration {
        let from = Instant::now();
        for _ in 0..count {
            pace.keep(0).await;
        }
        from.elapsed()
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-01
    async fn a_burst_is_free_and_more_of_it_waits() {
        let paces = Paces::new(Rates { messages: EACH, ..FREE }, FREE);
        let one = paces.start();
        assert_eq!(takes(&one, 10).await, Duration::ZERO);
        let slowed = |pace: &Pace| pace.own().slowed();
        assert_eq!(slowed(&one), None);
        let waited = takes(&one, 5).await;
        assert!((Duration::from_millis(990)..Duration::from_millis(1_020)).contains(&waited), "{waited:?}");
        assert_eq!((slowed(&one), slowed(&one)), (Some("messages"), None), "told once");
        // Nobody else waits for it.
        assert_eq!(takes(&paces.start(), 10).await, Duration::ZERO);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(takes(&one, 10).await, Duration::ZERO, "rest is given back");
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-01
    async fn all_together_have_one_too_and_take_turns() {
        let paces = Paces::new(FREE, Rates { messages: EACH, ..FREE });
        let (one, other) = (paces.start(), paces.start());
        // The first has the burst; then each has every second one until the first is done.
        let (a, b) = tokio::join!(takes(&one, 20), takes(&other, 20));
        assert!((Duration::from_millis(3_600)..Duration::from_millis(4_100)).contains(&a), "{a:?}");
        assert!((Duration::from_millis(5_900)..Duration::from_millis(6_100)).contains(&b), "{b:?}");
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-01, QUO-02
    async fn a_station_has_one_pace_on_all_its_connections_and_none_anew_by_connecting_again() {
        let mut paces = Paces::new(Rates { messages: EACH, ..FREE }, FREE);
        let (one, two, other) = (paces.start(), paces.start(), paces.start());
        for (pace, n) in [(&one, 1), (&two, 1), (&other, 2)] {
            paces.belongs(pace, station(n));
        }
        assert_eq!(takes(&one, 10).await, Duration::ZERO);
        assert!(takes(&two, 1).await > Duration::from_millis(190));
        assert_eq!(takes(&other, 10).await, Duration::ZERO);
        drop((one, two, other));
        let again = paces.start();
        paces.belongs(&again, station(1));
        assert!(takes(&again, 1).await > Duration::from_millis(190));
        drop(again);
        // Who owes nothing is forgotten.
        tokio::time::advance(Duration::from_secs(10)).await;
        paces.belongs(&paces.start(), station(3));
        assert_eq!(paces.stations.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    // proves: QUO-02
    async fn bytes_of_each_way_wait_by_themselves_and_messages_count_among_them() {
        let paces = Paces::new(Rates { bytes: Some(Rate::bytes(1_000_000)), ..FREE }, FREE);
        let pace = paces.start();
        assert_eq!(pace.own_bytes(Way::Read, 1_000_000), Duration::ZERO, "those of a second at once");
        assert_eq!(pace.own_bytes(Way::Read, 1), Duration::from_micros(1));
        assert_eq!(pace.own_bytes(Way::Sent, 1_000_000), Duration::ZERO);
        let from = Instant::now();
        pace.keep(500_000).await;
        assert!(from.elapsed() >= Duration::from_millis(500));
        assert_eq!(pace.slowed().await, "bytes");
        assert_eq!(pace.bytes_of_all(Way::Read, usize::MAX), Duration::ZERO, "they have no such limit");
        assert_eq!(paces.start().own_bytes(Way::Read, 1_000_000), Duration::ZERO);
        assert!(pace.own_bytes(Way::Sent, usize::MAX) <= A_DAY);
    }

    #[test]
    fn pieces_are_small_enough_to_take_turns_and_large_enough_to_get_on() {
        let piece = |rate: Option<u64>| {
            let rates = Rates { bytes: rate.map(Rate::bytes), ..FREE };
            Paces::new(rates, FREE).start().piece()
        };
        assert_eq!(piece(None), None);
        for (rate, expected) in [(1, 4_096), (100_000, 25_000), (10_000_000, 65_536), (u64::MAX, 65_536)] {
            assert_eq!(piece(Some(rate)), Some(expected));
        }
    }
}
