//! Groups of commands: whatever begins in a room also ends there.
//!
//! A Python client that has read GROUP_BEGIN reads on until GROUP_END has come, and shows nothing meanwhile: for ever, when the sender is gone. So the ends
//! that a client owes are sent and stored when it leaves its room, and appended to a room that comes back from disk. An end is let in although
//! the room is full; that of a group whose beginning was not let in is not. At most [`MOST_OPEN`] groups of a client are open at a time, so what exceeds a
//! full room is bounded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{ClientKey, RoomKey, RoomServer};
use crate::code::{GROUP_BEGIN, GROUP_END};
use crate::frame::{self, Frames, Ids};

/// The groups of one client in its room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    /// Begun there and not ended.
    open: usize,
    /// Begun and not let in.
    refused: usize,
}

impl Groups {
    /// Whether a command of the client is let in, when there is space for it or not. Commands that are no ends are let in only with space.
    // req: MIX-CMD-7
    pub(super) fn let_in(&mut self, code: u16, space: bool) -> bool {
        match code {
            GROUP_BEGIN if space && self.open < MOST_OPEN => self.open += 1,
            GROUP_BEGIN => {
                self.refused = self.refused.saturating_add(1);
                return false;
            }
            GROUP_END if self.refused > 0 => {
                self.refused -= 1;
                return false;
            }
            GROUP_END if self.open > 0 => self.open -= 1,
            _ => return space,
        }
        true
    }
}

impl RoomServer {
    /// Ends in the room what the client began there, unless the room ends with it.
    // req: MIX-CMD-7
    pub(super) fn end_groups(&mut self, now: Duration, key: ClientKey, room_key: RoomKey) {
        let (Some(client), Some(room)) = (self.clients.get_mut(&key), self.rooms.get(&room_key)) else {
            return;
        };
        let groups = std::mem::take(&mut client.groups);
        let goes_on = room.keep_open || room.members.len() + room.joiners.len() > 1;
        if groups.open > 0 && goes_on {
            let ends = ends(groups.open, &mut self.ids);
            self.relay_fitting(now, key, room_key, &ends, true);
        }
    }
}

/// So many GROUP_ENDs.
pub(super) fn ends(count: usize, ids: &mut Ids) -> Bytes {
    let mut bytes = BytesMut::new();
    (0..count).for_each(|_| bytes.extend_from_slice(&frame::encode(GROUP_END, ids.next_id(), &[])));
    bytes.freeze()
}

/// How many groups are open behind these commands, when so many were before.
pub(super) fn open_behind(commands: &[u8], before: usize) -> usize {
    Frames::new(commands).fold(before, |open, frame| match frame.header.code {
        GROUP_BEGIN => open + 1,
        GROUP_END => open.saturating_sub(1),
        _ => open,
    })
}

/// Groups of one client that may be open at a time; clients of today open one.
pub(super) const MOST_OPEN: usize = 1000;
