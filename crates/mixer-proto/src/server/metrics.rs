//! Counts of what the server has done.

/// A snapshot. Counts grow from the server's start; `clients`, `rooms`, `stored_bytes` and `queued_bytes` are how things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Clients connected.
    pub clients: usize,
    /// Rooms there are.
    pub rooms: usize,
    /// Bytes of commands stored in all rooms.
    pub stored_bytes: u64,
    /// Bytes that wait to be sent, counted once per recipient although recipients share them.
    pub queued_bytes: u64,
    /// Connections taken.
    pub clients_seen: u64,
    /// Clients dropped because they did not read.
    pub clients_dropped: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes of commands queued for members, once per recipient.
    pub bytes_relayed: u64,
    /// Bytes of history queued for joiners.
    pub bytes_replayed: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Messages with updates, once per recipient.
    pub updates_sent: u64,
    /// Requests answered with SEND_ERROR.
    pub errors_sent: u64,
    /// Commands that came from clients outside any room.
    pub commands_outside: u64,
    /// Whether rooms that shall be kept on disk are not, since the disk fails. Set by the driver.
    pub disk_failing: bool,
    /// How often that began. Set by the driver.
    pub disk_failures: u64,
    /// Whether the disk is so far behind that nothing is read from clients until it has caught up. Set by the driver.
    pub disk_behind: bool,
}
