//! A store whose oldest commits go where room is wanted ([`Limits::oldest_go`](crate::Limits)): which one, and when none.

use std::sync::PoisonError;

use mvrx_message::FileUuid;

use crate::budget::QuotaHit;
use crate::engine::{Engine, Shelf, Turn};

impl<S: Shelf> Engine<S> {
    /// Drops one commit whose file nobody reads; `false` where that would not help, and then nothing is dropped.
    // req: STO-21
    pub(super) fn oldest_makes_room(&self, hit: &QuotaHit) -> bool {
        if !self.limits.oldest_go {
            return false;
        }
        let turn = self.turn();
        let Some((_, bytes)) = self.unread() else { return false };
        // A file that does not fit when all of them are gone drives none of them out.
        let left = hit.used.saturating_sub(bytes);
        left.checked_add(hit.wanted).is_some_and(|sum| sum <= hit.allowed) && self.oldest_goes(&turn)
    }

    /// Drops the oldest commit whose file nobody reads; `false` where there is none, or it cannot be dropped.
    pub(super) fn oldest_goes(&self, turn: &Turn<'_>) -> bool {
        let Some((file, _)) = self.unread() else { return false };
        // What the disk refuses to remove may be off the list all the same.
        let _ = self.remove_in_turn(file, turn);
        self.commit(file).is_none()
    }

    /// One whose file others are put together from goes after them: before that its file would stay, and no room be made.
    // req: STO-21
    fn unread(&self) -> Option<(FileUuid, u64)> {
        let needs = self.shelf.needs_others();
        self.list.read().unwrap_or_else(PoisonError::into_inner).unread(&needs)
    }
}

#[cfg(test)]
mod tests;
