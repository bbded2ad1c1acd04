//! Decides what each client is sent: the whole room server, without sockets, clock, threads or files.
//!
//! [`RoomServer::connect`] and [`RoomServer::step`] take what happened and the time (since any fixed moment); what is to be sent waits in one
//! outbox per client, whose bytes are shared between all recipients and never copied. [`Outputs`] say what else the driver has to do.
//!
//! Rules for the driver:
//! - Feed whole frames only, see [`crate::frame::scan`], and close a connection whose next frame is larger than [`Limits::frame_bytes`].
//! - After [`Output::Ready`], write [`RoomServer::unsent`] and report [`Input::Written`], until nothing is left.
//! - When everything that happened at one time has been fed, feed [`Input::EndOfRound`] and do the writing: updates are gathered until then.
//! - Feed [`Input::EndOfRound`], too, at [`RoomServer::deadline`].
//! - Report every end of a connection with [`Input::Disconnected`], also after [`Output::Close`].
//! - Ask [`RoomServer::may_read`] before reading.
//!
//! [`Limits`] protects it: a client that does not read is dropped when its outbox is full, by name, and delays its room by one
//! [`Limits::hold_window`] at most.
//!
//! | document | where |
//! |---|---|
//! | rooms, entering, leaving, orders of messages | `join` |
//! | control messages | `requests` |
//! | room commands, accumulation, groups | `commands`, `history`, `groups` |
//! | CLIENT_UPDATE, ROOM_UPDATE | `updates` |

mod access;
mod attributes;
mod client;
mod commands;
mod groups;
mod history;
mod hold;
mod join;
mod limits;
mod metrics;
mod outbox;
mod requests;
mod restore;
mod room;
mod updates;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

pub use access::{ALLOW, FORWARD_UNKNOWN, LOCKED, Network, PASSWORD, ParseNetworkError};
pub use client::ClientKey;
pub use limits::Limits;
pub use metrics::Metrics;
pub use restore::{RestoreError, RoomContent};
pub use room::RoomKey;

use crate::frame::Ids;
use client::{Client, Place};
use room::Room;
use updates::Updates;

/// The room server.
#[derive(Debug)]
pub struct RoomServer {
    limits: Limits,
    keeping: Keeping,
    networks: Vec<Network>,
    /// Passwords that the operator gave to rooms by name.
    locked_names: HashMap<String, String>,
    clients: BTreeMap<ClientKey, Client>,
    rooms: BTreeMap<RoomKey, Room>,
    room_names: HashMap<String, RoomKey>,
    updates: Updates,
    /// Clients that hold back their room, by the end of their window.
    holds: VecDeque<(Duration, ClientKey)>,
    /// New clients, by the end of their grace.
    greetings: VecDeque<(Duration, ClientKey)>,
    /// Clients some of whose bytes wait for durability.
    gated: Vec<ClientKey>,
    outputs: VecDeque<Output>,
    metrics: Metrics,
    ids: Ids,
    stored_bytes: u64,
    waiting: outbox::Waiting,
    /// Rooms whose attributes have changed since they were last stored.
    unstored: BTreeSet<RoomKey>,
    /// Bytes of all custom attributes.
    attribute_bytes: usize,
    last_client: u64,
    last_room: u64,
    last_ticket: u64,
    durable: u64,
}

/// Whether the driver keeps rooms on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// Rooms live in memory alone.
    #[default]
    Nothing,
    /// [`Output::Store`] says what to keep.
    Logged,
    /// The same, and no member is sent a command before [`Input::Durable`] reported its ticket.
    DurableBeforeRelay,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// Whole frames came from a client.
    Received {
        /// From whom.
        client: ClientKey,
        /// The frames.
        frames: BytesMut,
        /// Whether the bytes nearly fill their allocation, so that keeping it for them wastes little.
        dense: bool,
    },
    /// So many of the [`RoomServer::unsent`] bytes were written.
    Written {
        /// To whom.
        client: ClientKey,
        /// How many.
        count: usize,
    },
    /// A connection has ended, for whatever reason.
    Disconnected {
        /// Whose.
        client: ClientKey,
    },
    /// The next frame of a client is larger than [`Limits::frame_bytes`]; nothing further can be read from it.
    Oversized {
        /// Whose.
        client: ClientKey,
        /// Payload bytes it announced.
        size: u64,
    },
    /// A frame is not complete, and with it more than [`Limits::unfinished_bytes`] are kept for such frames, most of them for this client.
    Unfinished {
        /// Whose.
        client: ClientKey,
        /// Bytes kept for all of them.
        kept: usize,
    },
    /// Everything stored up to and including this ticket is durable.
    Durable {
        /// The ticket.
        ticket: u64,
    },
    /// Everything that happened by now has been fed, or the deadline has come.
    EndOfRound,
}

/// What the driver has to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// There is something to write; told once until nothing is left.
    Ready {
        /// To whom.
        client: ClientKey,
    },
    /// Reading may go on, see [`RoomServer::may_read`].
    Resume {
        /// From whom.
        client: ClientKey,
    },
    /// Close the connection, after one more attempt to write what waits.
    Close {
        /// Whose.
        client: ClientKey,
        /// Its id and, if it gave one, its user's name.
        name: String,
        /// Why.
        reason: CloseReason,
    },
    /// Keep this on disk.
    Store(StoreOp),
}

/// Why a client is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// It does not read, or far too slowly.
    #[error("{queued} bytes wait for it, {allowed} are allowed")]
    OutboxFull {
        /// Bytes that wait.
        queued: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// Too much waits for all clients together, and most of it for this one.
    #[error("{queued} bytes wait for it, {waiting} for all clients together, {allowed} are allowed")]
    AllOutboxesFull {
        /// Bytes that wait for it.
        queued: usize,
        /// Bytes that wait for all, what several share counted once.
        waiting: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// Too many clients have sent only parts of large frames.
    #[error("{kept} bytes are kept for unfinished frames of all clients, {allowed} are allowed")]
    TooMuchUnfinished {
        /// Bytes kept.
        kept: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// It sent a frame that is too large.
    #[error("it announced a frame of {size} bytes, {allowed} are allowed")]
    FrameTooLarge {
        /// Bytes announced.
        size: u64,
        /// Bytes allowed.
        allowed: u64,
    },
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusedConnection {
    /// There are as many clients as allowed.
    #[error("{clients} clients are connected, {allowed} are allowed")]
    TooManyClients {
        /// Clients there are.
        clients: usize,
        /// Clients allowed.
        allowed: usize,
    },
    /// The address is in none of the allowed networks.
    #[error("address is in none of the {networks} allowed networks")]
    AddressNotAllowed {
        /// How many networks are allowed.
        networks: usize,
    },
}

/// One thing to keep on disk, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// A room is there, empty; what was kept under this key before is void.
    Create {
        /// Its key.
        room: RoomKey,
        /// Its name.
        name: String,
        /// All attributes as a JSON object, those that are never shown among them.
        attributes: String,
    },
    /// Commands were stored.
    Commands {
        /// Where.
        room: RoomKey,
        /// Whole frames; storing them again by the rule of accumulation gives the same list.
        frames: Bytes,
        /// What [`Input::Durable`] answers.
        ticket: u64,
    },
    /// Attributes have changed.
    Attributes {
        /// Whose.
        room: RoomKey,
        /// All attributes as a JSON object, those that are never shown among them.
        attributes: String,
        /// What [`Input::Durable`] answers.
        ticket: u64,
    },
    /// A room is gone.
    Delete {
        /// Its key.
        room: RoomKey,
    },
}

/// What a step wants done, in order. Nothing of it is lost when it is dropped early.
#[derive(Debug)]
pub struct Outputs<'a>(&'a mut VecDeque<Output>);

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

impl RoomServer {
    /// A server without rooms and clients. Its limits are [`Limits::consistent`].
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: limits.consistent(),
            keeping: Keeping::default(),
            networks: Vec::new(),
            locked_names: HashMap::new(),
            clients: BTreeMap::new(),
            rooms: BTreeMap::new(),
            room_names: HashMap::new(),
            updates: Updates::default(),
            holds: VecDeque::new(),
            greetings: VecDeque::new(),
            gated: Vec::new(),
            outputs: VecDeque::new(),
            metrics: Metrics::default(),
            ids: Ids::new(),
            stored_bytes: 0,
            waiting: outbox::Waiting::default(),
            unstored: BTreeSet::new(),
            attribute_bytes: 0,
            last_client: 0,
            last_room: 0,
            last_ticket: 0,
            durable: 0,
        }
    }

    /// Whether rooms are kept on disk; to be set before the first client.
    pub fn keep(&mut self, keeping: Keeping) {
        self.keeping = keeping;
    }

    /// Takes connections from these networks alone.
    pub fn allow_only(&mut self, networks: Vec<Network>) {
        self.networks = networks;
    }

    /// Every room of this name asks for this password, whatever its members set; to be told before rooms come.
    pub fn lock_room(&mut self, name: &str, password: &str) {
        self.locked_names.insert(name.to_owned(), password.to_owned());
    }

    /// A client has connected.
    ///
    /// # Errors
    /// When it may not: the driver closes the connection.
    // req: MIX-LIMIT-3
    pub fn connect(&mut self, now: Duration, address: SocketAddr) -> Result<ClientKey, RefusedConnection> {
        let (clients, allowed) = (self.clients.len(), self.limits.clients);
        if clients >= allowed {
            return Err(RefusedConnection::TooManyClients { clients, allowed });
        }
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(address.ip())) {
            return Err(RefusedConnection::AddressNotAllowed { networks: self.networks.len() });
        }
        let seen = self.updates.version();
        let version = self.new_version();
        self.last_client += 1;
        let key = ClientKey(self.last_client);
        self.clients.insert(key, Client::new(address, version, seen));
        self.client_touched(key, version, true);
        self.greetings.push_back((now + self.limits.hello_grace, key));
        self.metrics.clients_seen += 1;
        Ok(key)
    }

    /// Takes what happened.
    pub fn step(&mut self, now: Duration, input: Input) -> Outputs<'_> {
        match input {
            Input::Received { client, frames, dense } => self.received(now, client, frames, dense),
            Input::Written { client, count } => self.written(now, client, count),
            Input::Disconnected { client } => self.disconnected(now, client),
            Input::Oversized { client, size } => {
                self.unreadable(
                    client,
                    CloseReason::FrameTooLarge { size, allowed: self.limits.frame_bytes },
                );
            }
            Input::Unfinished { client, kept } => {
                let allowed = self.limits.unfinished_bytes;
                self.unreadable(client, CloseReason::TooMuchUnfinished { kept, allowed });
            }
            Input::Durable { ticket } => self.durable(ticket),
            Input::EndOfRound => {
                self.end_hold_windows(now);
                self.end_greetings(now);
                self.send_due_updates(now);
                self.store_changed_attributes();
            }
        }
        self.drop_those_for_whom_most_waits();
        Outputs(&mut self.outputs)
    }

    /// When [`Input::EndOfRound`] is needed though nothing happens.
    pub fn deadline(&self) -> Option<Duration> {
        let hold = self.holds.front().map(|(until, _)| *until);
        [hold, self.greetings_due(), self.updates_due()].into_iter().flatten().min()
    }

    /// What may be written to a client now, in order.
    pub fn unsent(&self, client: ClientKey) -> impl Iterator<Item = &[u8]> {
        self.clients.get(&client).into_iter().flat_map(|client| client.outbox.slices())
    }

    /// The id of a client as others see it.
    pub fn client_id(&self, client: ClientKey) -> Option<&str> {
        self.clients.get(&client).map(|client| client.id.as_str())
    }

    /// How things stand.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            clients: self.clients.len(),
            rooms: self.rooms.len(),
            stored_bytes: self.stored_bytes,
            queued_bytes: self.clients.values().map(|client| client.outbox.queued() as u64).sum(),
            ..self.metrics
        }
    }

    fn written(&mut self, now: Duration, key: ClientKey, count: usize) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        client.outbox.advance(count);
        self.metrics.bytes_sent += count as u64;
        if client.outbox.sendable() == 0 {
            client.ready = false;
        }
        let catch_up = client.behind && client.outbox.queued() <= self.limits.update_backlog_bytes;
        let downloading = matches!(client.place, Place::Downloading { .. })
            && client.outbox.queued() <= self.limits.history_chunk_bytes / 2;
        self.hold_drained(key, count);
        if catch_up {
            self.send_updates_to(key);
        }
        if downloading {
            self.continue_download(now, key);
        }
    }

    /// Queues bytes for a client, or drops it when too many wait already.
    // req: MIX-BUG-2, MIX-BUG-4
    fn send(&mut self, key: ClientKey, bytes: Bytes) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.dropped {
            return;
        }
        // What waits for the disk is not the client's fault.
        let (queued, allowed) = (client.outbox.sendable(), self.limits.outbox_bytes);
        if queued >= allowed {
            client.outbox = outbox::Outbox::default();
            self.drop_client(key, CloseReason::OutboxFull { queued, allowed });
            return;
        }
        client.outbox.push(bytes);
        self.ready_if_sendable(key);
    }

    /// When more waits for all clients together than may, those for whom most waits go.
    // req: MIX-LIMIT-9
    fn drop_those_for_whom_most_waits(&mut self) {
        let allowed = self.limits.all_outbox_bytes;
        while self.waiting.bytes() > allowed {
            let waiting = self.waiting.bytes();
            // What waits for the disk is not the client's fault.
            let reading = self.clients.iter_mut().filter(|(_, client)| !client.dropped);
            let most = reading.max_by_key(|(_, client)| client.outbox.sendable());
            let Some((key, client)) = most.filter(|(_, client)| client.outbox.sendable() > 0) else { return };
            let (key, queued) = (*key, client.outbox.sendable());
            client.outbox = outbox::Outbox::default();
            self.drop_client(key, CloseReason::AllOutboxesFull { queued, waiting, allowed });
        }
    }

    fn drop_client(&mut self, key: ClientKey, reason: CloseReason) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        client.dropped = true;
        let name =
            client.user_name().map_or_else(|| client.id.clone(), |user| format!("{} ({user})", client.id));
        self.outputs.push_back(Output::Close { client: key, name, reason });
        self.metrics.clients_dropped += 1;
        self.release(key);
    }

    /// Nothing further is read from the client, which is told why.
    // req: MIX-ROW-20, MIX-LIMIT-6
    fn unreadable(&mut self, key: ClientKey, reason: CloseReason) {
        self.send_error(key, &reason.to_string());
        if self.clients.get(&key).is_some_and(|client| !client.dropped) {
            self.drop_client(key, reason);
        }
    }

    fn ready_if_sendable(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if !client.ready && client.outbox.sendable() > 0 {
            client.ready = true;
            self.outputs.push_back(Output::Ready { client: key });
        }
    }

    /// What is queued for the client from now on waits until `ticket` is durable.
    // req: MIX-KEEP-1
    fn gate(&mut self, key: ClientKey, ticket: u64) {
        if ticket <= self.durable {
            return;
        }
        if let Some(client) = self.clients.get_mut(&key) {
            if !client.outbox.is_gated() {
                self.gated.push(key);
            }
            client.outbox.gate(ticket);
        }
    }

    fn durable(&mut self, ticket: u64) {
        self.durable = self.durable.max(ticket);
        for key in std::mem::take(&mut self.gated) {
            if let Some(client) = self.clients.get_mut(&key) {
                client.outbox.open_gates(ticket);
                if client.outbox.is_gated() {
                    self.gated.push(key);
                }
                self.ready_if_sendable(key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
