//! What bounds the room server.

use std::time::Duration;

/// Every bound of a [`super::RoomServer`]. All can be changed; none can be switched off. Some hold only below others, see [`Limits::consistent`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest payload of a frame, in bytes. The driver closes a connection that announces more.
    pub frame_bytes: u64,
    /// Clients connected at a time.
    pub clients: usize,
    /// Rooms at a time.
    pub rooms: usize,
    /// Bytes in the name of a room, and in each version that a client names when it joins.
    pub name_bytes: usize,
    /// Bytes of commands stored in one room.
    pub room_bytes: u64,
    /// Bytes of commands stored in all rooms together.
    pub stored_bytes: u64,
    /// Bytes that the custom attributes of one client, or of one room, take, with its password and list of networks: their JSON text, and for what they
    /// take in memory besides 64 bytes for each value in it and 128 for each key.
    pub attribute_bytes: usize,
    /// The same of all clients and rooms together: listings tell them all. At most half of [`Limits::outbox_bytes`].
    pub all_attribute_bytes: usize,
    /// Bytes of text in a SEND_ERROR of a client, which everybody is sent.
    pub error_bytes: usize,
    /// Bytes of frames of which only a part has come, of all clients together. The driver reports [`super::Input::Unfinished`] above it.
    pub unfinished_bytes: usize,
    /// Bytes that may wait for one client to read them. One message more is let in when less than this waits; then the client is dropped. What still
    /// waits for the disk does not count.
    pub outbox_bytes: usize,
    /// Bytes that may wait for all clients together; what several of them share counts once, and what rooms store does not count. Above it, those for
    /// whom most waits are dropped. More than one message must fit.
    pub all_outbox_bytes: usize,
    /// A client for whom more bytes than this wait gets no attribute updates until it has read; the latest values then come at once.
    /// At most a quarter of [`Limits::outbox_bytes`].
    pub update_backlog_bytes: usize,
    /// A member for whom more bytes than this wait holds back the senders of its room, as long as it takes at least
    /// [`Limits::hold_least_bytes`] in each [`Limits::hold_window`]. At most a quarter of [`Limits::outbox_bytes`].
    pub hold_bytes: usize,
    /// Bytes that a member must take in each [`Limits::hold_window`] to be waited for: the two are the least rate of a member that survives any upload.
    pub hold_least_bytes: usize,
    /// How long a member that does not read holds back the senders of its room, once.
    pub hold_window: Duration,
    /// Bytes of history handed to a joiner at a time. At most a quarter of [`Limits::outbox_bytes`].
    pub history_chunk_bytes: usize,
    /// How long a new client gets no updates unless it has asked for all clients and all rooms: what it is told must not be about what it does not know.
    pub hello_grace: Duration,
    /// Least time between two rounds of updates of counts and custom attributes; 0.2 ms per client are added.
    pub update_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 256 << 20,
            clients: 10_000,
            rooms: 1_000,
            name_bytes: 1024,
            room_bytes: 4 << 30,
            stored_bytes: 8 << 30,
            attribute_bytes: 1 << 20,
            all_attribute_bytes: 32 << 20,
            error_bytes: 64 << 10,
            unfinished_bytes: 1 << 30,
            outbox_bytes: 64 << 20,
            all_outbox_bytes: 512 << 20,
            update_backlog_bytes: 64 << 10,
            hold_bytes: 1 << 20,
            // 128 KiB/s, the slowest line we want to wait for; who reads nothing costs its room two seconds.
            hold_least_bytes: 256 << 10,
            hold_window: Duration::from_secs(2),
            history_chunk_bytes: 1 << 20,
            hello_grace: Duration::from_millis(250),
            update_interval: Duration::from_millis(50),
        }
    }
}

impl Limits {
    /// The limits as a [`super::RoomServer`] keeps them, whatever was asked for: what a client is told when it comes, all attributes in listings and again as
    /// updates, waits for it and must not drop it; and what is done before a client is dropped happens well before.
    // req: MIX-LIMIT-12
    #[must_use]
    pub fn consistent(mut self) -> Self {
        let outbox = self.outbox_bytes;
        let lower = |limit: &mut usize, part: usize| *limit = (*limit).min((outbox / part).max(1));
        lower(&mut self.all_attribute_bytes, 2);
        lower(&mut self.hold_bytes, 4);
        lower(&mut self.update_backlog_bytes, 4);
        lower(&mut self.history_chunk_bytes, 4);
        self
    }
}
