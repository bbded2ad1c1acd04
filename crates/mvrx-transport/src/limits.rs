//! Every limit of this crate, in one place.

use std::time::Duration;

/// How much and how long. Sizes are in bytes and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// JSON of one message, checked on the header. Default 1 MiB.
    pub json_bytes: usize,
    /// One file, checked on the header. Default 16 GiB.
    pub file_bytes: u64,
    /// Packages of one message. Default 65,536.
    pub packages_per_message: u32,
    /// What is read of one message once it is here; above it the message is malformed.
    pub message: mvrx_message::Limits,

    /// How long connecting may take. Default 5 s.
    pub connect: Duration,
    /// An accepted connection must bring its first byte within this time. Default 10 s.
    pub first_byte: Option<Duration>,
    /// A header must be complete so long after its first byte. Default 5 s.
    pub header: Duration,
    /// The longest silence within a JSON payload. Default 10 s.
    pub json_idle: Duration,
    /// A JSON message must be complete so long after its first byte. Default 60 s.
    pub json_complete: Duration,
    /// The longest silence between messages, in both directions. Default 10 min: one product keeps its connections.
    pub idle: Option<Duration>,
    /// How long a peer may take nothing of a message that we write. Default 30 s.
    pub write_idle: Duration,
    /// Within every such time a file moves by [`Limits::file_idle_bytes`] or ends; there is no limit on the whole.
    /// Default 30 s.
    pub file_idle: Duration,
    /// A file that still grows while it is sent may stand still this long; a host's next owner may have to be asked first.
    /// Default 30 s.
    pub source_idle: Duration,
    /// WebSocket Mode: a file of a peer whose word on lengths is not enough ([`crate::FileEnding::WhenQuiet`]) ends when nothing more of it
    /// came for so long. Default 1 s.
    pub file_more: Duration,
    /// See [`Limits::file_idle`]. Default 30 KiB, so that a peer that trickles does not hold a thread for ever.
    pub file_idle_bytes: u64,

    /// WebSocket Mode: head of the HTTP request or response that begins a connection. Default 16 KiB.
    pub handshake_bytes: usize,
    /// WebSocket Mode: how long the handshake may take, from connecting on. Default 10 s.
    pub handshake: Duration,
    /// WebSocket Mode: the first message of a client that has said no password yet, where a host wants one. Default 64 KiB.
    pub stranger_bytes: usize,
    /// WebSocket Mode: after so long a silence of the peer it is sent a ping; `None`: never, and [`Limits::idle`]
    /// holds instead. Default 30 s.
    pub ping_after: Option<Duration>,
    /// WebSocket Mode: after a ping the peer must send something within this time; some products are deaf while they
    /// work on a file. Default 60 s.
    pub pong_within: Duration,
    /// WebSocket Mode: after our close frame the peer must send its own, or at least something, within this time.
    /// Default 10 s.
    pub close_within: Duration,

    /// The buffer of one file that goes out, the only memory it takes, and in WebSocket Mode the frames of it; at least
    /// 16 KiB are used. Default 256 KiB: what was just read lies in the processor's cache still when it is written.
    pub file_buffer: usize,
    /// The buffer of one file that comes in, the only memory it takes; at least 16 KiB are used. Default 1 MiB: the
    /// system keeps a file faster that is written in large pieces.
    pub receive_buffer: usize,
    /// WebSocket Mode: accepted connections that are in their handshakes at a time; one more pushes out the oldest of whoever has the most.
    /// Default 128.
    pub handshakes: usize,
    /// Accepted connections that are open at a time. Default 256.
    pub connections: usize,
    /// The same for one IP address; in WebSocket Mode, which goes across networks, of IPv6 for one network of 64 bits ([`crate::place`]).
    /// Default 32.
    pub connections_per_ip: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1 << 20,
            file_bytes: 16 << 30,
            packages_per_message: 1 << 16,
            message: mvrx_message::Limits::default(),
            connect: Duration::from_secs(5),
            first_byte: Some(Duration::from_secs(10)),
            header: Duration::from_secs(5),
            json_idle: Duration::from_secs(10),
            json_complete: Duration::from_secs(60),
            idle: Some(Duration::from_secs(600)),
            write_idle: Duration::from_secs(30),
            file_idle: Duration::from_secs(30),
            source_idle: Duration::from_secs(30),
            file_more: Duration::from_secs(1),
            file_idle_bytes: 30 << 10,
            handshake_bytes: 16 << 10,
            handshake: Duration::from_secs(10),
            stranger_bytes: 64 << 10,
            ping_after: Some(Duration::from_secs(30)),
            pong_within: Duration::from_secs(60),
            close_within: Duration::from_secs(10),
            file_buffer: 256 << 10,
            receive_buffer: 1 << 20,
            handshakes: 128,
            connections: 256,
            connections_per_ip: 32,
        }
    }
}

impl Limits {
    // req: TRA-12
    pub(crate) fn wire(&self) -> mvrx_wire::Limits {
        mvrx_wire::Limits {
            json_bytes: self.json_bytes,
            file_bytes: self.file_bytes,
            packages_per_message: self.packages_per_message,
            ..mvrx_wire::Limits::default()
        }
    }

    // req: WSK-08
    pub(crate) fn frames(&self) -> crate::ws::FrameLimits {
        crate::ws::FrameLimits { text_bytes: self.json_bytes, frames_per_text: self.packages_per_message }
    }

    /// The buffer for a file of so many bytes that goes out.
    pub(crate) fn buffer_to_send(&self, length: u64) -> usize {
        smallest_that_serves(self.file_buffer, Some(length))
    }

    /// The buffer for a file that comes in, of which so much is known to come.
    pub(crate) fn buffer_to_receive(&self, length: Option<u64>) -> usize {
        smallest_that_serves(self.receive_buffer, length)
    }
}

fn smallest_that_serves(limit: usize, length: Option<u64>) -> usize {
    let wanted = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    limit.max(SMALLEST_BUFFER).min(wanted.max(SMALLEST_BUFFER))
}

/// What goes out in one write with the header of a file must fit.
pub(crate) const SMALLEST_BUFFER: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_as_large_as_its_limit_or_the_file_and_never_tiny() {
        let limits = Limits { file_buffer: 64 << 10, receive_buffer: 128 << 10, ..Limits::default() };
        assert_eq!(limits.buffer_to_send(64 << 20), 64 << 10);
        assert_eq!(limits.buffer_to_send((64 << 10) - 1), (64 << 10) - 1);
        assert_eq!(limits.buffer_to_receive(None), 128 << 10);
        assert_eq!(limits.buffer_to_receive(Some(1 + (128 << 10))), 128 << 10);
        assert_eq!(limits.buffer_to_receive(Some((128 << 10) - 1)), (128 << 10) - 1);
        let none = Limits { file_buffer: 0, receive_buffer: 0, ..limits };
        assert_eq!(
            (none.buffer_to_send(0), none.buffer_to_receive(Some(1))),
            (SMALLEST_BUFFER, SMALLEST_BUFFER)
        );
    }
}
