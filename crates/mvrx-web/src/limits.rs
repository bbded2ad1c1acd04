//! Every bound of the server.

use std::time::Duration;

/// What the server takes and holds at most. Each is met with a refusal in words or a closed connection, never with a dead node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections in all; one more is reset. 512.
    pub connections: usize,
    /// Open connections from one address (IPv6: from its network of 64 bits), loopback excepted. 64.
    pub connections_per_address: usize,
    /// How long the head of a request may take, also of the first one on a connection that says nothing. 10 s.
    pub head_time: Duration,
    /// Bytes of the head of a request; one with more is answered 431. 16 KiB (8 KiB at least).
    pub head_bytes: usize,
    /// A client that takes nothing for so long while something waits for it is dropped. 30 s.
    pub stall: Duration,
    /// Bytes of a JSON body; 413. 64 KiB.
    pub json_bytes: usize,
    /// Bytes of a file that is uploaded; 413. 64 GiB.
    pub upload_bytes: u64,
    /// Uploads at once; 503. 4.
    pub uploads: usize,
    /// An upload of which nothing comes for so long is given up; 408. 30 s.
    pub upload_idle: Duration,
    /// Open event streams; 503. 64.
    pub event_streams: usize,
    /// Requests a second of one address (IPv6: of its network of 64 bits); 429. 100.
    pub requests_per_second: u32,
    /// Requests that an address may have at once beyond that. 400.
    pub requests_at_once: u32,
    /// Addresses whose pace is remembered; the one that was silent longest makes room. 1,024.
    pub addresses: usize,
    /// Wrong tokens a minute of one address; further ones are answered 429. A right one counts at any time. 10.
    pub wrong_tokens_per_minute: u32,
    /// Looks into files and at the disk that run at once; others wait. 2.
    pub looks: usize,
    /// How long such a one waits for its turn; 503. 20 s.
    pub look_wait: Duration,
    /// Transfers that were begun here and run; 503. 64.
    pub transfers: usize,
    /// Transfers that have ended and are still told. 100.
    pub transfers_ended: usize,
    /// Downloads without a header that are allowed at once ([`Limits::ticket_time`] each); the oldest makes room. 256.
    pub tickets: usize,
    /// How long such a permission is good, for one download. 60 s.
    pub ticket_time: Duration,
    /// Roll-ups of revisions that are remembered. 1,024.
    pub roll_ups: usize,
    /// At the end open answers have so long to finish. 500 ms.
    pub grace: Duration,
}

impl Default for Limits {
    /// The figures told with each.
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_address: 64,
            head_time: Duration::from_secs(10),
            head_bytes: 16 << 10,
            stall: Duration::from_secs(30),
            json_bytes: 64 << 10,
            upload_bytes: 64 << 30,
            uploads: 4,
            upload_idle: Duration::from_secs(30),
            event_streams: 64,
            requests_per_second: 100,
            requests_at_once: 400,
            addresses: 1_024,
            wrong_tokens_per_minute: 10,
            looks: 2,
            look_wait: Duration::from_secs(20),
            transfers: 64,
            transfers_ended: 100,
            tickets: 256,
            ticket_time: Duration::from_secs(60),
            roll_ups: 1_024,
            grace: Duration::from_millis(500),
        }
    }
}
