//! Files that broke off in the middle, kept to be gone on with.
//!
//! ```text
//!  begin_part ──► arriving ──finish──► whole (a part no more)
//!     ▲              │ dropped, or the process ended
//!     └── go on ── kept ──too old, too many, room wanted──► discarded
//! ```
//! Nothing here is known to be right: a part has the name of the bytes that it should become, and their hash is compared when all of them are
//! there. So nothing is synced either: what a power failure takes is sent again. One writer at a time has the part of a file; a second one
//! of the same file keeps nothing when it breaks off.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::budget::{QuotaHit, Reservation};
use crate::engine::{Arriving, Engine, Shelf};
use crate::error::WriteError;
use crate::store::{Expect, PartOf};

/// What is kept, and what is being written.
#[derive(Debug)]
pub(crate) struct Parts<P> {
    kept: HashMap<PartOf, Part<P>>,
    busy: HashSet<PartOf>,
}

impl<P> Default for Parts<P> {
    fn default() -> Self {
        Self { kept: HashMap::new(), busy: HashSet::new() }
    }
}

#[derive(Debug)]
struct Part<P> {
    place: P,
    length: u64,
    at: SystemTime,
    _bytes: Reservation,
}

/// A part that a shelf had when the store was opened.
#[derive(Debug)]
pub(crate) struct Found<P> {
    pub(crate) of: PartOf,
    pub(crate) place: P,
    pub(crate) length: u64,
    /// When it was written to last.
    pub(crate) at: SystemTime,
}

impl<S: Shelf> Engine<S> {
    pub(super) fn find_parts(&self, found: Vec<Found<S::Place>>) {
        for Found { of, place, length, at } in found {
            let part = Part { place, length, at, _bytes: self.budget.take_existing(length) };
            self.parts().kept.insert(of, part);
        }
        self.prune_parts();
    }

    /// At least one byte is left to come, so that what comes is a file also on a wire that has none of no bytes.
    pub(crate) fn part(&self, of: &PartOf) -> u64 {
        self.prune_parts();
        let parts = self.parts();
        parts.kept.get(of).map_or(0, |part| part.length).min(of.length.saturating_sub(1))
    }

    // req: STO-20
    pub(crate) fn begin_part(self: &Arc<Self>, of: &PartOf, from: u64) -> Result<Arriving<S>, WriteError> {
        let length = of.length;
        let allowed = self.limits.file_bytes;
        if length > allowed {
            return Err(WriteError::FileOverLimit { length, allowed });
        }
        let mut parts = self.parts();
        let found = parts.kept.get(of).map_or(0, |part| part.length);
        if from > found || (from > 0 && from >= length) {
            return Err(WriteError::PartNotThere { wanted: from, found });
        }
        if parts.busy.contains(of) || self.limits.parts == 0 {
            drop(parts);
            return self.begin(Expect::Announced(length));
        }
        let before = parts.kept.remove(of);
        parts.busy.insert(*of);
        drop(parts);
        let begun = self.open_part(of, from, before);
        if begun.is_err() {
            self.parts().busy.remove(of);
        }
        begun
    }

    fn open_part(
        self: &Arc<Self>,
        of: &PartOf,
        from: u64,
        before: Option<Part<S::Place>>,
    ) -> Result<Arriving<S>, WriteError> {
        let place = before.map(|part| part.place);
        let (file, place) = match place {
            Some(place) if from > 0 => match self.shelf.go_on(&place, from) {
                Ok(file) => (file, place),
                Err(error) => {
                    self.shelf.discard(place);
                    return Err(error.into());
                }
            },
            left => {
                if let Some(left) = left {
                    self.shelf.discard(left);
                }
                self.shelf.create_part(of)?
            }
        };
        match self.take_bytes(of.length) {
            Ok(bytes) => Ok(Arriving::of_part(self, (file, place), bytes, (*of, from))),
            Err(hit) => {
                drop(file);
                self.shelf.discard(place);
                Err(hit)
            }
        }
    }

    /// Room for `bytes`; parts go where they are in its way.
    pub(super) fn take_bytes(&self, bytes: u64) -> Result<Reservation, WriteError> {
        loop {
            match self.budget.take(bytes) {
                Ok(reservation) => return Ok(reservation),
                Err(hit) => self.make_room(hit)?,
            }
        }
    }

    /// Makes sure that `reservation` covers `bytes`.
    pub(super) fn grow(&self, reservation: &mut Reservation, bytes: u64) -> Result<(), WriteError> {
        while let Err(hit) = reservation.grow_to(bytes) {
            self.make_room(hit)?;
        }
        Ok(())
    }

    fn make_room(&self, hit: QuotaHit) -> Result<(), WriteError> {
        if let Some(of) = self.oldest_part() {
            self.drop_part(&of);
            return Ok(());
        }
        if self.oldest_makes_room(&hit) {
            return Ok(());
        }
        let QuotaHit { used, wanted, allowed } = hit;
        Err(WriteError::StoreQuotaReached { used, wanted, allowed })
    }

    /// A writer ended early with so many bytes.
    pub(super) fn keep_part(&self, of: PartOf, place: S::Place, length: u64) {
        let mut parts = self.parts();
        parts.busy.remove(&of);
        if length == 0 {
            drop(parts);
            return self.shelf.discard(place);
        }
        let part = Part { place, length, at: self.clock.now(), _bytes: self.budget.take_existing(length) };
        parts.kept.insert(of, part);
        drop(parts);
        self.prune_parts();
    }

    /// A file is whole, or failed on our own disk: it is no part any more.
    pub(super) fn is_no_part(&self, of: &PartOf) {
        self.parts().busy.remove(of);
    }

    // req: STO-20
    fn prune_parts(&self) {
        let now = self.clock.now();
        let is_old = |at: SystemTime| now.duration_since(at).unwrap_or(Duration::ZERO) > self.limits.part_age;
        loop {
            let parts = self.parts();
            let bytes = parts.kept.values().fold(0_u64, |sum, part| sum.saturating_add(part.length));
            let over = parts.kept.len() > self.limits.parts || bytes > self.limits.part_bytes;
            let old = parts.kept.values().any(|part| is_old(part.at));
            drop(parts);
            let Some(oldest) = self.oldest_part().filter(|_| over || old) else { return };
            self.drop_part(&oldest);
        }
    }

    fn oldest_part(&self) -> Option<PartOf> {
        self.parts().kept.iter().min_by_key(|(of, part)| (part.at, **of)).map(|(of, _)| *of)
    }

    fn drop_part(&self, of: &PartOf) {
        let part = self.parts().kept.remove(of);
        if let Some(part) = part {
            self.shelf.discard(part.place);
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts<S::Place>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
