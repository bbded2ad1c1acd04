//! Who is told of which change of attributes, and when.
//!
//! Every change gets the next *version*. A recipient only remembers up to which version it has been told, so what is pending for it costs
//! nothing, coalesces by itself (the latest value wins) and is rendered once for all recipients that stand at the same version, and for those that
//! stand at later ones when there are many.
//!
//! - Changes of rooms and of who is where go out at the end of the round in which they happened, at most every 50 us per client there is.
//! - Counts and custom attributes go out at once when the last round of updates is long enough ago, else when it is.
//! - A recipient that does not read gets nothing until it has read, then everything that is still true.
//! - A room or client that is gone has no version any more: no update can follow ROOM_DELETED or CLIENT_DISCONNECTED.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::attributes::ObjectWriter;
use super::{ClientKey, RoomKey, RoomServer};
use crate::code::control;
use crate::frame;
use crate::primitive::put_string;

#[derive(Debug, Default)]
pub(super) struct Updates {
    version: u64,
    /// Rooms and clients by the version at which they last changed.
    rooms: BTreeMap<u64, RoomKey>,
    clients: BTreeMap<u64, ClientKey>,
    /// Something changed that goes out at the end of the round; something changed that may wait.
    prompt: bool,
    relaxed: bool,
    /// When everybody was last told of anything, and of changes that may wait.
    last_prompt: Option<Duration>,
    last_relaxed: Option<Duration>,
    /// When the grace of newcomers last ended.
    last_greetings: Option<Duration>,
}

impl Updates {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn is_prompt(&self) -> bool {
        self.prompt
    }
}

impl RoomServer {
    /// The version of a change that is about to be made.
    pub(super) fn new_version(&mut self) -> u64 {
        self.updates.version += 1;
        self.updates.version
    }

    pub(super) fn room_touched(&mut self, key: RoomKey, version: u64, prompt: bool) {
        if let Some(room) = self.rooms.get_mut(&key) {
            self.updates.rooms.remove(&room.touched);
            room.touched = version;
            self.updates.rooms.insert(version, key);
            self.mark(prompt);
        }
    }

    pub(super) fn client_touched(&mut self, key: ClientKey, version: u64, prompt: bool) {
        if let Some(client) = self.clients.get_mut(&key) {
            self.updates.clients.remove(&client.touched);
            client.touched = version;
            self.updates.clients.insert(version, key);
            self.mark(prompt);
        }
    }

    pub(super) fn forget_room(&mut self, touched: u64) {
        self.updates.rooms.remove(&touched);
    }

    pub(super) fn forget_client(&mut self, touched: u64) {
        self.updates.clients.remove(&touched);
    }

    fn mark(&mut self, prompt: bool) {
        self.updates.prompt |= prompt;
        self.updates.relaxed |= !prompt;
    }

    /// When the next updates are due.
    pub(super) fn updates_due(&self) -> Option<Duration> {
        let clients = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        let due = |pending: bool, last: Option<Duration>, interval: Duration| {
            pending.then(|| last.map_or(Duration::ZERO, |last| last + interval))
        };
        let prompt = due(self.updates.prompt, self.updates.last_prompt, PROMPT_PER_CLIENT * clients);
        let interval = self.limits.update_interval + RELAXED_PER_CLIENT * clients;
        let relaxed = due(self.updates.relaxed, self.updates.last_relaxed, interval);
        prompt.into_iter().chain(relaxed).min()
    }

    /// Sends what is due.
    // req: MIX-ROW-15
    pub(super) fn send_due_updates(&mut self, now: Duration) {
        if self.updates_due().is_some_and(|due| due <= now) {
            self.updates.last_prompt = Some(now);
            if self.updates.relaxed {
                self.updates.last_relaxed = Some(now);
            }
            self.send_updates_to_all();
        }
    }

    /// Sends all pending updates to everybody who reads.
    // req: MIX-INV-4
    pub(super) fn send_updates_to_all(&mut self) {
        self.updates.prompt = false;
        self.updates.relaxed = false;
        let version = self.updates.version;
        let allowed = self.limits.update_backlog_bytes;
        let mut recipients: Vec<(u64, ClientKey)> = Vec::new();
        for (key, client) in &mut self.clients {
            if client.seen < version && !client.dropped && !client.greeting {
                client.behind = client.outbox.queued() > allowed;
                if !client.behind {
                    recipients.push((client.seen, *key));
                }
            }
        }
        self.send_updates_rendered(recipients, RENDERINGS);
    }

    /// Sends so many clients everything pending, from the version on up to which each has been told, or from an earlier one: nobody minds to be told again what
    /// is still true, but to render it for each of many would cost their number times all attributes.
    // req: MIX-LIMIT-11
    fn send_updates_rendered(&mut self, mut recipients: Vec<(u64, ClientKey)>, renderings: usize) {
        recipients.sort_unstable();
        let versions = recipients.chunk_by(|(one, _), (other, _)| one == other).count();
        let versions_each = versions.div_ceil(renderings).max(1);
        let (mut rendered, mut last, mut shared_by): (_, _, usize) = (Bytes::new(), None, 0);
        for (seen, key) in recipients {
            if last != Some(seen) {
                if shared_by.is_multiple_of(versions_each) {
                    rendered = self.render_updates(seen);
                }
                shared_by += 1;
                last = Some(seen);
            }
            self.send_updates(key, rendered.clone());
            self.drop_those_for_whom_most_waits();
        }
    }

    /// Sends one client everything pending, however much waits for it.
    pub(super) fn send_updates_to(&mut self, key: ClientKey) {
        let Some(seen) = self.clients.get(&key).map(|client| client.seen) else { return };
        if seen < self.updates.version {
            let bytes = self.render_updates(seen);
            self.send_updates(key, bytes);
        }
    }

    /// When the next newcomers' grace ends.
    pub(super) fn greetings_due(&self) -> Option<Duration> {
        let (until, _) = self.greetings.front()?;
        let apart = self.updates.last_greetings.map(|last| last + self.limits.update_interval);
        Some(apart.map_or(*until, |apart| apart.max(*until)))
    }

    /// New clients that have not asked for the listings by now do not want them. All of them are told the same, what has changed since the first of them came.
    // req: MIX-LIMIT-11
    pub(super) fn end_greetings(&mut self, now: Duration) {
        if self.greetings_due().is_none_or(|due| due > now) {
            return;
        }
        let ended = self.greetings.partition_point(|(until, _)| *until <= now);
        let ended: Vec<ClientKey> = self.greetings.drain(..ended).map(|(_, key)| key).collect();
        let silent = ended.into_iter().filter_map(|key| {
            let client = self.clients.get(&key).filter(|client| client.greeting && !client.dropped)?;
            Some((client.seen, key))
        });
        let silent: Vec<(u64, ClientKey)> = silent.collect();
        // Where nobody was silent nothing was rendered.
        if !silent.is_empty() {
            self.updates.last_greetings = Some(now);
            self.send_updates_rendered(silent, 1);
        }
    }

    // req: MIX-INV-7
    pub(super) fn end_greeting(&mut self, key: ClientKey) {
        if self.clients.get(&key).is_some_and(|client| client.greeting) {
            self.send_updates_to(key);
        }
    }

    fn send_updates(&mut self, key: ClientKey, bytes: Bytes) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.seen = self.updates.version;
            client.greeting = false;
            client.behind = false;
        }
        if !bytes.is_empty() {
            self.metrics.updates_sent += 1;
            self.send(key, bytes);
        }
    }

    /// ROOM_UPDATE and CLIENT_UPDATE with everything that changed after `since`; no bytes when nothing did.
    fn render_updates(&mut self, since: u64) -> Bytes {
        let mut frames = Vec::new();
        let mut rooms = ObjectWriter::start();
        for key in self.updates.rooms.range(since + 1..).map(|(_, key)| key) {
            if let Some(room) = self.rooms.get(key) {
                rooms.open(&room.name);
                room.write_since(since, &mut rooms);
                rooms.close();
            }
        }
        let mut clients = ObjectWriter::start();
        for key in self.updates.clients.range(since + 1..).map(|(_, key)| key) {
            if let Some(client) = self.clients.get(key) {
                clients.open(&client.id);
                client.write_since(since, &mut clients);
                clients.close();
            }
        }
        for (code, text) in
            [(control::ROOM_UPDATE, rooms.finish()), (control::CLIENT_UPDATE, clients.finish())]
        {
            if text.len() > EMPTY.len() {
                let mut payload = Vec::with_capacity(text.len() + 4);
                put_string(&mut payload, &text);
                frames.extend_from_slice(&frame::encode(code, self.ids.next_id(), &payload));
            }
        }
        self.waiting.counted(Bytes::from(frames))
    }
}

/// What it costs to tell everybody grows with their number, so the time between two tellings does, too: 1,000 clients that join at once must not
/// cost a million messages.
const PROMPT_PER_CLIENT: Duration = Duration::from_micros(50);
const RELAXED_PER_CLIENT: Duration = Duration::from_micros(200);
/// How often pending updates are rendered in one round, for recipients that have been told up to as many versions; above it, neighbours share.
const RENDERINGS: usize = 8;
const EMPTY: &str = "{}";
