//! Leave for one download each, without a header.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits::Limits;

/// Those that were given and not used.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<VecDeque<Ticket>>);

#[derive(Debug)]
struct Ticket {
    /// Of the text, so that a comparison tells nothing.
    hash: blake3::Hash,
    file: String,
    until: Instant,
}

impl Tickets {
    pub(crate) fn give(&self, text: &str, file: &str, limits: &Limits) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let until = now.checked_add(limits.ticket_time).unwrap_or(now);
        all.push_back(Ticket { hash: blake3::hash(text.as_bytes()), file: file.to_owned(), until });
        while all.len() > limits.tickets.max(1) {
            all.pop_front();
        }
    }

    /// Whether it is good for this file; it is used then.
    pub(crate) fn take(&self, text: &str, file: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (hash, now) = (blake3::hash(text.as_bytes()), Instant::now());
        all.retain(|ticket| ticket.until > now);
        let found = all.iter().position(|ticket| ticket.hash == hash && ticket.file == file);
        found.and_then(|at| all.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // proves: WEB-02
    #[test]
    fn a_ticket_is_good_once_for_its_file_and_for_a_while() {
        let (tickets, mut limits) = (Tickets::default(), Limits::default());
        tickets.give("a", "1", &limits);
        assert!(!tickets.take("a", "2") && !tickets.take("b", "1"));
        assert!(tickets.take("a", "1") && !tickets.take("a", "1"));
        limits.ticket_time = Duration::ZERO;
        tickets.give("a", "1", &limits);
        assert!(!tickets.take("a", "1"));
        (limits.ticket_time, limits.tickets) = (Duration::from_secs(60), 2);
        ["a", "b", "c"].into_iter().for_each(|text| tickets.give(text, "1", &limits));
        assert!(!tickets.take("a", "1") && tickets.take("b", "1") && tickets.take("c", "1"));
    }
}
