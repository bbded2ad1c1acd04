//! What a node is told, and what it is answered.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::bus::Announcement;
use crate::content::Payload;
use crate::datagrams::Datagram;
use crate::link::Conn;

/// What the world tells a node, one at a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The time that [`Node::deadline`](crate::Node::deadline) named has come.
    Wake,
    /// The time of a [`HostCtx::defer`](crate::HostCtx::defer) has come.
    Deferred {
        /// What it was deferred with.
        token: u64,
    },
    /// A dial of this host is open now.
    Connected {
        /// The end that [`HostCtx::dial`](crate::HostCtx::dial) gave.
        conn: Conn,
    },
    /// A dial of this host came to nothing; its handle is over.
    DialFailed {
        /// The end that [`HostCtx::dial`](crate::HostCtx::dial) gave.
        conn: Conn,
        /// Why.
        why: DialFailure,
    },
    /// Somebody dialled a port that this host listens to.
    Accepted {
        /// This host's end.
        conn: Conn,
        /// Which port.
        port: u16,
        /// Where the other end is.
        peer: SocketAddr,
    },
    /// Something more can be read from this end: bytes, or the end of them. Told once per arrival: who leaves
    /// bytes unread is not reminded.
    Readable {
        /// Which end.
        conn: Conn,
    },
    /// This end takes bytes again, after a write that it took only in part.
    Writable {
        /// Which end.
        conn: Conn,
    },
    /// The link is gone without an end; its handle is over.
    Broken {
        /// Which end.
        conn: Conn,
        /// Why.
        why: Break,
    },
    /// The discovery bus has an announcement: a new one, a changed one, the same again, or one that is no
    /// longer true.
    Sighted(Arc<Announcement>),
    /// What an instance announced is withdrawn or too old to be believed.
    Vanished(Arc<Announcement>),
    /// A datagram came in, to a port that this host [hears](crate::HostCtx::hear_datagrams).
    Datagram(Datagram),
}

/// Why a dial came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialFailure {
    /// Nobody listens there.
    Refused,
    /// Nobody answered for [`Settings::dial_timeout`](crate::Settings::dial_timeout).
    TimedOut,
    /// No machine has that address.
    Unreachable,
}

/// Why a link is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Break {
    /// The other side, or something between, reset it.
    Reset,
    /// What was written could not be delivered for [`Settings::give_up`](crate::Settings::give_up).
    TimedOut,
}

impl fmt::Display for DialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
        })
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
        })
    }
}

/// What [`HostCtx::read`](crate::HostCtx::read) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, at least one; there may be more.
    Bytes(usize),
    /// Nothing yet; [`Event::Readable`] will tell.
    Empty,
    /// The other side finished, and everything was read.
    End,
    /// The handle is over.
    Gone,
}

/// What [`HostCtx::take`](crate::HostCtx::take) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// At least one byte, in the form it was written in; there may be more.
    Payload(Payload),
    /// Nothing yet; [`Event::Readable`] will tell.
    Empty,
    /// The other side finished, and everything was read.
    End,
    /// The handle is over.
    Gone,
}

/// The handle is over: the link broke or this host closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnGone {
    /// Which handle.
    pub conn: Conn,
}

impl fmt::Display for ConnGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is gone", self.conn)
    }
}

impl std::error::Error for ConnGone {}

/// Somebody on this host has that port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortTaken {
    /// Which port.
    pub port: u16,
}

impl fmt::Display for PortTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} is taken", self.port)
    }
}

impl std::error::Error for PortTaken {}
