//! What somebody can repeat at will, told so often in a minute and counted from there on: each kind from each place for itself, so that much
//! of one kind hides nothing of another.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mvrx_transport::place;
use tokio::time::Instant;

/// What came within the present minute.
#[derive(Debug)]
pub(super) struct Tally {
    /// Told of one kind from one place.
    each: u32,
    /// Told in all.
    all: u32,
    since: Option<Instant>,
    told: u32,
    counts: HashMap<(IpAddr, String), Count>,
}

/// Of one kind from one place.
#[derive(Debug)]
pub(super) struct Count {
    told: u32,
    /// Those that were not told.
    pub(super) more: u64,
    /// Where the last one came from.
    pub(super) last: SocketAddr,
    /// What was said of it.
    pub(super) what: String,
}

impl Tally {
    pub(super) fn new(each: u32, all: u32) -> Self {
        Self { each, all, since: None, told: 0, counts: HashMap::new() }
    }

    /// Whether this one is told; otherwise it is counted.
    // req: AUD-04
    pub(super) fn tell(&mut self, from: SocketAddr, what: &str) -> bool {
        self.since.get_or_insert_with(Instant::now);
        let key = self.key(from, what);
        let count = self.counts.entry(key).or_insert_with(|| Count {
            told: 0,
            more: 0,
            last: from,
            what: what.to_owned(),
        });
        let tells = count.told < self.each && self.told < self.all;
        if tells {
            count.told += 1;
            self.told += 1;
        } else {
            count.more += 1;
            (count.last, count.what) = (from, what.to_owned());
        }
        tells
    }

    /// Where more places are than are counted, all others count together, each kind for itself; where more kinds are, those as well.
    fn key(&self, from: SocketAddr, what: &str) -> (IpAddr, String) {
        let kind: String = what
            .replace(&from.to_string(), "")
            .chars()
            .filter(|character| !character.is_ascii_digit())
            .take(KIND)
            .collect();
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let keys = [(place(from.ip()), kind.clone()), (everywhere, kind)];
        for (key, most) in keys.into_iter().zip([COUNTED, COUNTED + COUNTED / 4]) {
            if self.counts.contains_key(&key) || self.counts.len() < most {
                return key;
            }
        }
        (everywhere, String::new())
    }

    /// When the minute is over; `None`: nothing came.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + MINUTE)
    }

    /// Ends the minute: what was not told in it.
    pub(super) fn take(&mut self) -> Vec<Count> {
        (self.since, self.told) = (None, 0);
        let mut counts: Vec<Count> =
            std::mem::take(&mut self.counts).into_values().filter(|count| count.more > 0).collect();
        counts.sort_by_key(|count| count.last);
        counts
    }
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Kinds and places that are counted for themselves.
const COUNTED: usize = 64;
/// Characters by which kinds are told apart.
const KIND: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], port))
    }

    fn more(tally: &mut Tally) -> Vec<(u64, String)> {
        tally.take().into_iter().map(|count| (count.more, count.what)).collect()
    }

    #[tokio::test(start_paused = true)]
    // proves: AUD-04
    async fn much_of_one_kind_hides_nothing_of_another() {
        let mut tally = Tally::new(20, 60);
        assert_eq!(tally.deadline(), None);
        let told = |tally: &mut Tally, of: u16, what: &str| {
            (0..of)
                .filter(|port| tally.tell(at(1, *port), &format!("{}: {what} {port}", at(1, *port))))
                .count()
        };
        assert_eq!(told(&mut tally, 1_000, "no handshake"), 20);
        assert_eq!(told(&mut tally, 3, "the password is wrong"), 3);
        assert_eq!(told(&mut tally, 60, "another"), 20);
        assert_eq!(told(&mut tally, 60, "one more"), 17, "sixty in all");
        assert_eq!(told(&mut tally, 1, "the last"), 0);
        assert!(tally.deadline().is_some_and(|at| at == Instant::now() + MINUTE));
        let mut counts: Vec<u64> = more(&mut tally).into_iter().map(|(more, _)| more).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 40, 43, 980]);
        // The next minute begins with the next one.
        assert_eq!((tally.deadline(), told(&mut tally, 21, "no handshake")), (None, 20));
        assert_eq!(more(&mut tally), [(1, format!("{}: no handshake 20", at(1, 20)))]);
    }

    #[tokio::test(start_paused = true)]
    // proves: AUD-04
    async fn more_places_and_kinds_than_are_counted_are_counted_together() {
        let mut tally = Tally::new(0, 0);
        for n in 0..=255 {
            assert!(!tally.tell(at(n, 1), "a kind"));
            assert!(!tally.tell(at(n, 1), &format!("kind {}", "x".repeat(usize::from(n)))));
        }
        assert!(tally.counts.len() <= COUNTED + COUNTED / 4 + 1, "{}", tally.counts.len());
        assert_eq!(more(&mut tally).iter().map(|(more, _)| more).sum::<u64>(), 512);
    }
}
