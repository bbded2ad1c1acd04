//! What every transport offers: dial, listen, and connections whose two halves work at the same time.
//!
//! The traits are object-safe and speak of messages and files only, so that TCP (package by package), WebSocket
//! (text and binary frames) and memory look alike. The shared battery (feature `battery`) says what an
//! implementation owes beyond the types.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mvrx_message::{Dialect, Message, MessageType, ParseError, Parsed};

use crate::endpoint::Endpoint;
use crate::error::{AcceptError, DialError, ListenError, ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSink, FileSource, Progress};
use crate::ws::Passed;

/// A boxed future, so that the traits can be objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to reach stations and to be reached.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Connects to a station or to a session's host. Dropping the future gives up without a trace.
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>>;

    /// Listens at `addr`; which ports are tried beyond it is the implementation's option. [`Listener::local_addr`]
    /// tells what became of it. Dropping the listener ends it; its connections live on.
    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        self.as_ref().dial(to)
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        self.as_ref().listen(addr)
    }
}

/// Where stations connect to us.
pub trait Listener: Send + fmt::Debug {
    /// Where it listens.
    fn local_addr(&self) -> SocketAddr;

    /// Waits for the next connection. Cancel-safe. Call again after every error but a final one
    /// ([`AcceptError::is_final`]).
    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>>;
}

/// One connection. Its halves may go to different tasks; it ends when both are dropped.
#[derive(Debug)]
pub struct Connection {
    /// The other end; an IPv4 peer is an IPv4 address, however the system saw it. Its port says nothing about where
    /// that station listens.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What comes in.
    pub reader: Box<dyn MessageReader>,
    /// What goes out.
    pub writer: Box<dyn MessageWriter>,
    /// What passwords had to do with it.
    pub passed: Passed,
}

/// The incoming half of a connection.
pub trait MessageReader: Send + fmt::Debug {
    /// Waits for the next message, the beginning of a file, or the end. Cancel-safe: nothing is lost when the future
    /// is dropped. After an error of scope Connection every further call fails.
    fn next(&mut self) -> BoxFuture<'_, Result<Incoming, ReadError>>;

    /// Takes the file that [`Incoming::File`] announced, and says how many bytes it had. `expected` is the FileSize
    /// that the commit announced, if any: it ends the file where the wire itself does not say how long a file is, and
    /// is ignored where it does, so the caller compares. In WebSocket Mode a file is one binary message, or as many
    /// as it takes to reach `expected` bytes or the end of a zip archive: see [`FileEnding`].
    ///
    /// `between` is handed what comes between the file's messages, where the wire allows that, in its place in the
    /// stream; the file waits until its future is done.
    ///
    /// The sink works on a blocking thread and is dropped there; it was [finished](FileSink::finish) if and only if
    /// this returns `Ok`. Dropping the future before that ends the transfer and the whole connection, and releases
    /// the thread at once if it waits for the peer.
    fn receive_file<'a>(
        &'a mut self,
        sink: Box<dyn FileSink>,
        expected: Option<u64>,
        between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>>;

    /// Where files end from now on; ignored where the wire tells.
    fn set_file_ending(&mut self, ending: FileEnding) {
        let _ = ending;
    }

    /// Bytes that a message may have from the next one on, in place of [`crate::Limits::json_bytes`]; ignored in TCP Mode.
    fn set_text_bytes(&mut self, most: usize) {
        let _ = most;
    }
}

/// Where the files of a peer end in WebSocket Mode. TCP Mode tells each length beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileEnding {
    /// With the message that reaches the expected length, or that ends a whole zip archive before: this peer's word on lengths holds.
    #[default]
    AtLength,
    /// The same, but where the expected length is reached and no archive ends there, only after
    /// [`crate::Limits::file_more`] of silence: what comes before that is the rest of the same file.
    WhenQuiet,
    /// With its first message, however long that is.
    WithMessage,
}

/// Takes what comes between the messages of a file: never a file, and not the end.
pub type Between<'a> = &'a mut (dyn FnMut(Incoming) -> BoxFuture<'static, ()> + Send);

/// What a connection brings.
#[derive(Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one at a time, and nearly all of them are messages")]
pub enum Incoming {
    /// A message.
    Message {
        /// It, and what was tolerated in it.
        parsed: Parsed,
        /// Bytes of its JSON.
        bytes: usize,
    },
    /// A message that cannot be understood; the bytes after it can.
    Malformed {
        /// What is wrong with it. Its own `scope()` says whether the connection should be kept.
        error: ParseError,
        /// What it was meant to be, as far as that can be seen.
        kind: Option<MessageType>,
        /// Bytes of its JSON.
        bytes: usize,
    },
    /// A file begins: call [`MessageReader::receive_file`].
    File {
        /// Its length, where the wire tells it at the start.
        length: Option<u64>,
    },
    /// What follows is not quite as it should be, and is taken as what it was meant to be.
    Tolerated(Deviation),
    /// The peer will send nothing more, and what it sent was whole.
    Closed,
}

/// A deviation of the wire that is tolerated; those of messages are [`mvrx_message::Quirk`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// A WebSocket message begins with a package header of TCP Mode. The header is left out.
    PackageHeaderInWebSocket,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PackageHeaderInWebSocket => "a WebSocket message begins with a package header of TCP Mode",
        })
    }
}

/// How a file goes out in WebSocket Mode. TCP Mode has one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileStyle {
    /// One binary message, in frames of [`crate::Limits::file_buffer`] bytes. Nothing but control frames fits between.
    #[default]
    OneMessage,
    /// Binary messages of at most so many bytes; messages pass between them. The peer must know the file's size.
    Messages {
        /// Most bytes of one message, at least 1 KiB. One product needs 64 KiB.
        most: usize,
    },
}

/// The outgoing half of a connection. Dropping it tells the peer that nothing more will come.
pub trait MessageWriter: Send + fmt::Debug {
    /// Writes one message and says how many bytes its JSON had. When this returns, the system has the bytes; the
    /// peer may not. Dropping the future in the middle leaves the connection unusable ([`WriteError::ConnectionBroken`]).
    fn send<'a>(
        &'a mut self,
        message: &'a Message,
        dialect: &'a Dialect,
    ) -> BoxFuture<'a, Result<usize, WriteError>>;

    /// Writes a file and says how many bytes it had. The source works on a blocking thread and is dropped there.
    ///
    /// A source that fails before the first byte is written leaves the connection as it was (scope Message). After
    /// that a failure, a short source, or a dropped future aborts the connection: a file is never padded, and never
    /// looks whole when it is not.
    fn send_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> BoxFuture<'_, Result<u64, SendFileError>>;

    /// How files go out from now on; ignored where there is one way only.
    fn set_file_style(&mut self, style: FileStyle) {
        let _ = style;
    }

    /// A way to send messages while this half sends a file; `None` where the wire has no room for that.
    fn aside(&self) -> Option<Box<dyn Aside>> {
        None
    }

    /// A way to ask whether the peer is still there, also while a file moves; `None` where the wire has none (TCP Mode).
    fn life(&self) -> Option<Box<dyn AskAlive>> {
        None
    }

    /// The same as [`MessageWriter::close`], and says why where the wire has words for it: a code of RFC 6455 (7.4), and as much of
    /// `reason` as fits.
    fn close_with<'a>(&'a mut self, code: u16, reason: &'a str) -> BoxFuture<'a, Result<(), WriteError>> {
        let _ = (code, reason);
        self.close()
    }

    /// Tells the peer that nothing more will come, after everything that was sent. The reader goes on: a caller that
    /// wants the peer to get everything reads until [`Incoming::Closed`] before it drops the connection, because
    /// dropping one with unread bytes may destroy what is still on the way.
    fn close(&mut self) -> BoxFuture<'_, Result<(), WriteError>>;
}

/// Sends messages while a file goes out: they leave between its messages ([`FileStyle::Messages`]), or behind it.
pub trait Aside: Send + Sync + fmt::Debug {
    /// Queues one message and says how many bytes its JSON has. Does not wait. Messages keep their order; against
    /// those of [`MessageWriter::send`] there is none.
    ///
    /// # Errors
    /// As [`MessageWriter::send`], and [`WriteError::TooMuchWaits`] where the peer does not keep up.
    fn send(&self, message: &Message, dialect: &Dialect) -> Result<usize, WriteError>;
}

/// Asks a peer for a sign of life (RFC 6455, 5.5.2 and 5.5.3).
pub trait AskAlive: Send + Sync + fmt::Debug {
    /// Sends a ping at once, or as soon as the frame ends that is being written, and waits for the pong that answers this very ping: `true`
    /// when it has come. The pong is seen by whoever reads the connection ([`MessageReader::next`], [`MessageReader::receive_file`]). `false`:
    /// the connection is over, or was asked anew meanwhile.
    ///
    /// It waits for as long as the connection lasts: how long is reasonable the caller knows. Dropping the future asks no less.
    fn ask(&self) -> BoxFuture<'static, bool>;
}
