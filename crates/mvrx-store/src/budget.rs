//! Turns the byte quota of a store into reservations: bytes are taken before they are written, and given back when
//! the reservation is dropped. A published file keeps its reservation for as long as it is listed.

use std::sync::{Arc, Mutex, PoisonError};

/// All bytes a store may hold.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: u64,
    used: Mutex<u64>,
}

/// Bytes taken from a [`Budget`] until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    bytes: u64,
}

/// The quota does not hold that many more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaHit {
    pub(crate) used: u64,
    pub(crate) wanted: u64,
    pub(crate) allowed: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { inner: Arc::new(Inner { limit, used: Mutex::new(0) }) }
    }

    /// Takes `bytes`, or nothing.
    pub(crate) fn take(&self, bytes: u64) -> Result<Reservation, QuotaHit> {
        let mut reservation = Reservation { budget: self.clone(), bytes: 0 };
        reservation.grow_to(bytes)?;
        Ok(reservation)
    }

    /// Takes `bytes` that are on the disk already, whatever the limit says.
    pub(crate) fn take_existing(&self, bytes: u64) -> Reservation {
        let mut used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_add(bytes);
        Reservation { budget: self.clone(), bytes }
    }
}

impl Reservation {
    /// Makes sure that the reservation covers `bytes`; it never shrinks by this.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> Result<(), QuotaHit> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        let inner = &self.budget.inner;
        let mut used = inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.checked_add(more).filter(|sum| *sum <= inner.limit) {
            Some(sum) => {
                *used = sum;
                self.bytes = bytes;
                Ok(())
            }
            None => Err(QuotaHit { used: *used, wanted: more, allowed: inner.limit }),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back what is beyond `bytes`: a file was announced longer than it turned out to be.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let Some(less) = self.bytes.checked_sub(bytes) else { return };
        let mut used = self.budget.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(less);
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_exactly_the_limit_and_not_one_byte_more() {
        let budget = Budget::new(100);
        let first = budget.take(60).unwrap();
        assert_eq!(budget.take(41).unwrap_err(), QuotaHit { used: 60, wanted: 41, allowed: 100 });
        let second = budget.take(40).unwrap();
        assert!(budget.take(1).is_err());
        drop(first);
        assert!(budget.take(60).is_ok());
        drop(second);
    }

    #[test]
    fn gives_back_what_shrinks_and_what_is_dropped() {
        let budget = Budget::new(10);
        let mut reservation = budget.take(10).unwrap();
        reservation.shrink_to(4);
        assert!(budget.take(7).is_err());
        assert!(budget.take(6).is_ok());
        drop(reservation);
        assert!(budget.take(10).is_ok());
    }

    #[test]
    fn counts_existing_bytes_beyond_the_limit_without_overflow() {
        let budget = Budget::new(10);
        let held = budget.take_existing(u64::MAX);
        assert_eq!(budget.take(1).unwrap_err().used, u64::MAX);
        assert!(budget.take(0).is_ok());
        drop(held);
        assert!(budget.take(10).is_ok());
    }
}
