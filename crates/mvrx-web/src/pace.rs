//! How fast an address asks, and how often with a wrong token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lan_net::accept::place;

use crate::limits::Limits;

/// What is remembered of addresses; of IPv6 of networks of 64 bits.
#[derive(Debug)]
pub(crate) struct Pace {
    of: Mutex<HashMap<IpAddr, Asker>>,
    per_second: f64,
    at_once: f64,
    wrong_tokens: u32,
    most: usize,
}

#[derive(Debug)]
struct Asker {
    /// Requests that it may make now.
    left: f64,
    last: Instant,
    wrong: u32,
    /// When the first of them came.
    since: Instant,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            of: Mutex::default(),
            per_second: f64::from(limits.requests_per_second),
            at_once: f64::from(limits.requests_at_once.max(1)),
            wrong_tokens: limits.wrong_tokens_per_minute,
            most: limits.addresses.max(1),
        }
    }

    /// Whether a request of this address is in time.
    // req: WEB-06
    pub(crate) fn may_ask(&self, from: IpAddr, now: Instant) -> bool {
        let (per_second, at_once) = (self.per_second, self.at_once);
        self.with(from, now, |asker| {
            let passed = now.saturating_duration_since(asker.last).as_secs_f64();
            asker.left = (asker.left + passed * per_second).min(at_once);
            asker.last = now;
            if asker.left < 1.0 {
                return false;
            }
            asker.left -= 1.0;
            true
        })
    }

    /// Counts a wrong token; whether that was one too many for this minute.
    // req: WEB-06
    pub(crate) fn wrong_token(&self, from: IpAddr, now: Instant) -> bool {
        let allowed = self.wrong_tokens;
        self.with(from, now, |asker| {
            if now.saturating_duration_since(asker.since) >= MINUTE {
                (asker.wrong, asker.since) = (0, now);
            }
            asker.wrong = asker.wrong.saturating_add(1);
            asker.wrong > allowed
        })
    }

    fn with<T>(&self, from: IpAddr, now: Instant, look: impl FnOnce(&mut Asker) -> T) -> T {
        let from = place(from);
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= self.most && !of.contains_key(&from) {
            let oldest = of.iter().min_by_key(|(_, asker)| asker.last).map(|(from, _)| *from);
            oldest.and_then(|oldest| of.remove(&oldest));
        }
        let asker = of.entry(from).or_insert(Asker { left: self.at_once, last: now, wrong: 0, since: now });
        look(asker)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let mut limits = Limits::default();
        (limits.requests_per_second, limits.requests_at_once) = (2, 3);
        (limits.wrong_tokens_per_minute, limits.addresses) = (2, 2);
        Pace::new(&limits)
    }

    // proves: WEB-06
    #[test]
    fn an_address_has_its_requests_at_once_and_then_those_of_each_second() {
        let (pace, now) = (pace(), Instant::now());
        let from = IpAddr::from([10, 0, 0, 1]);
        assert_eq!((0..5).filter(|_| pace.may_ask(from, now)).count(), 3);
        assert!(pace.may_ask(IpAddr::from([10, 0, 0, 2]), now), "another one has its own");
        let later = now + Duration::from_millis(500);
        assert!(pace.may_ask(from, later) && !pace.may_ask(from, later));
        let much_later = now + Duration::from_secs(500);
        assert_eq!((0..5).filter(|_| pace.may_ask(from, much_later)).count(), 3);
    }

    // proves: WEB-06
    #[test]
    fn wrong_tokens_have_an_end_each_minute_and_a_network_of_ipv6_is_one() {
        let (pace, now) = (pace(), Instant::now());
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(!pace.wrong_token(at("2001:db8::1"), now) && !pace.wrong_token(at("2001:db8::2"), now));
        assert!(pace.wrong_token(at("2001:db8::3"), now), "the third");
        assert!(!pace.wrong_token(at("2001:db8:0:1::1"), now));
        assert!(!pace.wrong_token(at("2001:db8::1"), now + MINUTE));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_allowed() {
        let (pace, now) = (pace(), Instant::now());
        for n in 0..100_u8 {
            pace.may_ask(IpAddr::from([10, 0, 0, n]), now + Duration::from_millis(n.into()));
        }
        assert_eq!(pace.of.lock().unwrap().len(), 2);
        assert!(pace.of.lock().unwrap().contains_key(&IpAddr::from([10, 0, 0, 99])));
    }
}
