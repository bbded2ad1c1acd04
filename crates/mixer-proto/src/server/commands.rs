//! Room commands: relayed to the other members, and stored.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::client::Place;
use super::groups::{MOST_OPEN, ends};
use super::room::Room;
use super::{ClientKey, Keeping, Output, RoomKey, RoomServer, StoreOp};
use crate::code::{self, Fate};
use crate::frame::{Frames, number_frames_without_id};

impl RoomServer {
    /// Whole frames came from a client. Consecutive room commands are handled as one run, whose bytes all recipients share.
    pub(super) fn received(&mut self, now: Duration, key: ClientKey, mut frames: BytesMut, dense: bool) {
        if self.clients.get(&key).is_none_or(|client| client.dropped) {
            return;
        }
        self.metrics.bytes_received += frames.len() as u64;
        number_frames_without_id(&mut frames, &mut self.ids);
        let bytes = frames.freeze();
        let mut run: Option<Range<usize>> = None;
        for frame in Frames::new(&bytes) {
            // Listings can be made faster than anybody reads them.
            if self.clients.get(&key).is_none_or(|client| client.dropped) {
                return;
            }
            self.metrics.frames_received += 1;
            let code = frame.header.code;
            let relayed = code > code::COMMAND && (code::fate(code).is_some() || self.forwards_unknown(key));
            if relayed {
                run = Some(run.map_or(frame.range.start, |run| run.start)..frame.range.end);
                continue;
            }
            if let Some(run) = run.take() {
                let (run, dense) = slice_to_keep(&bytes, run, dense);
                self.relay(now, key, &run, dense);
            }
            if code < code::COMMAND {
                self.request(now, key, code, frame.payload);
            } else if code > code::COMMAND {
                // req: MIX-ROW-18, MIX-INV-6
                self.send_error(key, &format!("message type {code} is unknown and was not forwarded"));
            }
        }
        if let Some(run) = run {
            let (run, dense) = slice_to_keep(&bytes, run, dense);
            self.relay(now, key, &run, dense);
        }
    }

    fn forwards_unknown(&self, key: ClientKey) -> bool {
        let Some(Place::Inside { room }) = self.clients.get(&key).map(|client| client.place) else {
            return false;
        };
        self.rooms.get(&room).is_some_and(Room::forwards_unknown)
    }

    // req: MIX-CMD-1, MIX-CMD-5
    fn relay(&mut self, now: Duration, sender: ClientKey, run: &Bytes, dense: bool) {
        let Some(Place::Inside { room: room_key }) = self.clients.get(&sender).map(|client| client.place)
        else {
            // A client that believes to be in a room is not told; the reference does not either.
            // req: MIX-CASE-5
            self.metrics.commands_outside += Frames::new(run).count() as u64;
            return;
        };
        let Some(mut groups) = self.clients.get(&sender).map(|client| client.groups) else { return };
        let fits = self.has_space(room_key, run);
        if !fits || !Frames::new(run).all(|frame| groups.let_in(frame.header.code, true)) {
            return self.relay_what_fits(now, sender, room_key, run, dense);
        }
        if let Some(client) = self.clients.get_mut(&sender) {
            client.groups = groups;
        }
        self.relay_fitting(now, sender, room_key, run, dense);
    }

    // req: MIX-LIMIT-2
    fn relay_what_fits(&mut self, now: Duration, sender: ClientKey, room: RoomKey, run: &Bytes, dense: bool) {
        let (mut refused, mut too_deep) = (0, 0);
        for frame in Frames::new(run) {
            let (command, dense) = slice_to_keep(run, frame.range, dense);
            let code = frame.header.code;
            let transient = code::fate(code) == Some(Fate::Transient);
            let space = transient || self.has_space(room, &command);
            let Some(client) = self.clients.get_mut(&sender) else { return };
            match (client.groups.let_in(code, space), space) {
                (true, true) => self.relay_fitting(now, sender, room, &command, dense),
                // The end of a group, which is let in for what it is and not for what may be in it.
                (true, false) => {
                    let end = ends(1, &mut self.ids);
                    self.relay_fitting(now, sender, room, &end, true);
                }
                (false, true) => too_deep += usize::from(code == code::GROUP_BEGIN),
                (false, false) => refused += 1,
            }
        }
        if too_deep > 0 {
            let text =
                format!("{MOST_OPEN} groups are open: {too_deep} more were neither stored nor sent on");
            self.send_error(sender, &text);
        }
        if refused > 0 {
            let text = self.full(room);
            self.send_error(sender, &format!("{text}: {refused} commands were neither stored nor sent on"));
        }
    }

    /// What is full when something has no space in a room.
    fn full(&self, room: RoomKey) -> String {
        let (limits, stored) = (&self.limits, self.stored_bytes);
        let Some(room) = self.rooms.get(&room) else { return String::new() };
        let (name, size) = (&room.name, room.history.byte_size());
        // The room itself is named as long as it is nearer to its own bound.
        if limits.room_bytes - size.min(limits.room_bytes)
            <= limits.stored_bytes - stored.min(limits.stored_bytes)
        {
            return format!("room {name} is full: it holds {size} bytes, {} are allowed", limits.room_bytes);
        }
        let rooms = self.rooms.len();
        let allowed = limits.stored_bytes;
        format!(
            "the server is full: {rooms} rooms hold {stored} bytes together, {allowed} are allowed; room {name} holds {size}"
        )
    }

    // req: MIX-CROWD-1
    pub(super) fn relay_fitting(
        &mut self,
        now: Duration,
        sender: ClientKey,
        key: RoomKey,
        run: &Bytes,
        dense: bool,
    ) {
        self.store(key, run, dense);
        let Some(room) = self.rooms.get_mut(&key) else { return };
        let gate = (self.keeping == Keeping::DurableBeforeRelay).then_some(room.ticket);
        // A copy: who is dropped on the way lets go the members it held back, and they are found in the room.
        let members = room.members.clone();
        let waiting = self.waiting.counted(run.clone());
        for member in members.into_iter().filter(|member| *member != sender) {
            if let Some(ticket) = gate {
                self.gate(member, ticket);
            }
            self.metrics.bytes_relayed += run.len() as u64;
            self.send(member, waiting.clone());
            self.hold_if_backlogged(now, key, member);
        }
    }

    fn has_space(&self, room: RoomKey, run: &Bytes) -> bool {
        let stored = self.rooms.get(&room).map_or(0, |room| room.history.byte_size());
        let more = run.len() as u64;
        stored + more <= self.limits.room_bytes && self.stored_bytes + more <= self.limits.stored_bytes
    }

    // req: MIX-CMD-4, MIX-BUG-10
    fn store(&mut self, key: RoomKey, run: &Bytes, dense: bool) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        let (size, count) = (room.history.byte_size(), room.history.command_count());
        let mut appended = Vec::new();
        let logged = self.keeping != Keeping::Nothing;
        room.history.append(run, dense, |slice| {
            if logged {
                appended.push(slice);
            }
        });
        for frames in appended {
            self.last_ticket += 1;
            room.ticket = self.last_ticket;
            self.outputs.push_back(Output::Store(StoreOp::Commands {
                room: key,
                frames,
                ticket: room.ticket,
            }));
        }
        // No joiner's position needs correcting: one that has been handed the last command is a member already.
        let (new_size, new_count) = (room.history.byte_size(), room.history.command_count());
        self.stored_bytes = self.stored_bytes - size + new_size;
        if (new_size, new_count) == (size, count) {
            return;
        }
        let version = self.new_version();
        if let Some(room) = self.rooms.get_mut(&key) {
            if new_size != size {
                room.byte_size_changed = version;
            }
            if new_count != count {
                room.command_count_changed = version;
            }
        }
        self.room_touched(key, version, false);
    }
}

/// A part of bytes that may be kept for long, and whether it nearly fills its allocation. A small part is copied, so that nobody who keeps it keeps
/// everything around it: the limits count the bytes of parts, and memory must follow them.
// req: MIX-LIMIT-7
pub(super) fn slice_to_keep(bytes: &Bytes, part: Range<usize>, dense: bool) -> (Bytes, bool) {
    if dense && part.len() >= bytes.len() - bytes.len() / 8 {
        return (bytes.slice(part), true);
    }
    if dense && part.len() > bytes.len() / 2 {
        return (bytes.slice(part), false);
    }
    (Bytes::copy_from_slice(bytes.get(part).unwrap_or_default()), true)
}
