//! Holding back senders for members that read, but more slowly.
//!
//! A room whose sender is faster than one of its members would fill that member's outbox until it is dropped. So reading from the members of
//! a room pauses while more than `hold_bytes` wait for one of them, provided that it reads: it must take `hold_least_bytes` within each
//! `hold_window`. The room then goes at the pace of the slowest member that keeps this rate. Who does not is *lagging*: nobody waits for it until
//! it has taken `hold_bytes` more, or everything, and only the outbox limit counts for it. A client that does not read at all therefore delays its room by
//! one window, once. What may not be sent yet, since it waits for the disk, is not held against anybody: the driver holds senders back for the disk.

use std::time::Duration;

use super::client::Place;
use super::{ClientKey, Output, RoomKey, RoomServer};

impl RoomServer {
    /// Whether the driver should read from this client now. When not, [`Output::Resume`] follows.
    pub fn may_read(&mut self, client: ClientKey) -> bool {
        let Some(state) = self.clients.get_mut(&client) else { return true };
        let Place::Inside { room } = state.place else { return true };
        state.paused = self.rooms.get(&room).is_some_and(|room| room.holders > 0);
        !state.paused
    }

    /// Something was queued for a member.
    // req: MIX-BUG-4, MIX-BUG-13
    pub(super) fn hold_if_backlogged(&mut self, now: Duration, room: RoomKey, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.hold.holding || client.hold.lagging || client.outbox.sendable() <= self.limits.hold_bytes {
            return;
        }
        client.hold.holding = true;
        client.hold.drained = 0;
        if let Some(room) = self.rooms.get_mut(&room) {
            room.holders += 1;
        }
        self.holds.push_back((now + self.limits.hold_window, key));
    }

    /// A member took bytes.
    pub(super) fn hold_drained(&mut self, key: ClientKey, count: usize) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        client.hold.drained = client.hold.drained.saturating_add(count);
        let waiting = client.outbox.sendable();
        // It reads again.
        if client.hold.lagging && (waiting == 0 || client.hold.drained >= self.limits.hold_bytes) {
            client.hold.lagging = false;
        }
        if client.hold.holding && waiting <= self.limits.hold_bytes / 2 {
            self.release(key);
        }
    }

    /// The windows that ended: who did not read enough is lagging from now on.
    pub(super) fn end_hold_windows(&mut self, now: Duration) {
        while self.holds.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, key)) = self.holds.pop_front() else { return };
            let Some(client) = self.clients.get_mut(&key) else { continue };
            if !client.hold.holding {
                continue;
            }
            let keeps_pace = client.hold.drained >= self.limits.hold_least_bytes;
            client.hold.drained = 0;
            if keeps_pace {
                self.holds.push_back((now + self.limits.hold_window, key));
            } else {
                client.hold.lagging = true;
                self.release(key);
            }
        }
    }

    /// The client leaves its room, or is gone.
    pub(super) fn release(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if !std::mem::take(&mut client.hold.holding) {
            return;
        }
        self.holds.retain(|(_, holder)| *holder != key);
        let Place::Inside { room } = client.place else { return };
        let Some(room) = self.rooms.get_mut(&room) else { return };
        room.holders = room.holders.saturating_sub(1);
        if room.holders > 0 {
            return;
        }
        for member in &room.members {
            if self.clients.get_mut(member).is_some_and(|member| std::mem::take(&mut member.paused)) {
                self.outputs.push_back(Output::Resume { client: *member });
            }
        }
    }
}
