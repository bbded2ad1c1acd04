//! A transport that tells an observer of everything that passes.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mvrx_message::{Dialect, Message, ParseError, QuirkSet};

use crate::endpoint::Endpoint;
use crate::error::{AcceptError, DialError, ListenError, ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSink, FileSource, Progress};
use crate::traits::{
    Aside, AskAlive, Between, BoxFuture, Connection, Deviation, FileEnding, FileStyle, Incoming, Listener,
    MessageReader, MessageWriter, Transport,
};

/// Is told of what passes, in the order in which it passes on each connection. Called on the runtime's thread: it
/// should be quick.
pub trait Observer: Send + Sync + fmt::Debug + 'static {
    /// Something passed.
    fn observe(&self, record: &Record<'_>);
}

/// One thing that passed.
#[derive(Debug)]
pub struct Record<'a> {
    /// The connection, numbered from 1 by the [`Tap`]; 0 if there was none.
    pub connection: u64,
    /// The other end.
    pub peer: Option<SocketAddr>,
    /// Towards whom.
    pub direction: Direction,
    /// What it was.
    pub what: What<'a>,
}

/// Towards whom something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

impl Direction {
    /// "in" or "out".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// What passed.
#[non_exhaustive]
pub enum What<'a> {
    /// A connection was made.
    Connected,
    /// A message.
    Message {
        /// It.
        message: &'a Message,
        /// What was tolerated in it; empty for our own.
        quirks: QuirkSet,
        /// The form in which we wrote it.
        dialect: Option<&'a Dialect>,
        /// Bytes of its JSON.
        bytes: usize,
    },
    /// A message that cannot be understood.
    Malformed {
        /// Why.
        error: &'a ParseError,
        /// Bytes of its JSON.
        bytes: usize,
    },
    /// A file begins.
    FileBegins {
        /// Its length, where it is known.
        length: Option<u64>,
    },
    /// A file is through.
    FileMoved {
        /// Its length.
        length: u64,
    },
    /// Something went wrong.
    Failed {
        /// What, in words.
        error: &'a dyn fmt::Display,
    },
    /// A deviation of the wire was tolerated.
    Tolerated {
        /// Which.
        deviation: Deviation,
    },
    /// That direction was closed in order.
    Closed,
}

impl What<'_> {
    /// A word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Message { .. } => "message",
            Self::Malformed { .. } => "malformed",
            Self::FileBegins { .. } => "file-begins",
            Self::FileMoved { .. } => "file-moved",
            Self::Failed { .. } => "failed",
            Self::Tolerated { .. } => "tolerated",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Debug for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { message, bytes, .. } => write!(f, "{} ({bytes} bytes)", message.kind()),
            Self::Malformed { error, bytes } => write!(f, "malformed ({bytes} bytes): {error}"),
            Self::FileBegins { length } => write!(f, "file begins ({length:?} bytes)"),
            Self::FileMoved { length } => write!(f, "file moved ({length} bytes)"),
            Self::Failed { error } => write!(f, "failed: {error}"),
            Self::Tolerated { deviation } => write!(f, "tolerated: {deviation}"),
            Self::Connected | Self::Closed => f.write_str(self.name()),
        }
    }
}

/// An observer and the numbers of connections: several transports can be told to one observer, which tells their connections apart.
#[derive(Debug, Clone)]
pub struct Tap {
    observer: Arc<dyn Observer>,
    connections: Arc<AtomicU64>,
}

impl Tap {
    /// Tells `observer` of everything that passes the transports that it is put [`on`](Self::on).
    #[must_use]
    pub fn new(observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), connections: Arc::default() }
    }

    /// The transport, and its observer is told.
    #[must_use]
    pub fn on<T: Transport>(&self, inner: T) -> Observed<T> {
        Observed { inner, tap: self.clone() }
    }
}

/// A transport with an [`Observer`].
#[derive(Debug)]
pub struct Observed<T> {
    inner: T,
    tap: Tap,
}

impl<T: Transport> Observed<T> {
    /// Tells `observer` of everything that passes `inner`.
    pub fn new(inner: T, observer: impl Observer) -> Self {
        Tap::new(observer).on(inner)
    }
}

impl<T: Transport> Transport for Observed<T> {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(async move {
            let peer = if let Endpoint::Address(address) = &to { Some(*address) } else { None };
            match self.inner.dial(to).await {
                Ok(connection) => Ok(self.tap.wrap(connection, Direction::Out)),
                Err(error) => {
                    let teller = Teller { tap: self.tap.clone(), connection: 0, peer };
                    teller.failed(Direction::Out, &error);
                    Err(error)
                }
            }
        })
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move {
            let inner = self.inner.listen(addr).await?;
            Ok(Box::new(ObservedListener { inner, tap: self.tap.clone() }) as Box<dyn Listener>)
        })
    }
}

#[derive(Debug)]
struct ObservedListener {
    inner: Box<dyn Listener>,
    tap: Tap,
}

impl Listener for ObservedListener {
    fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr()
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move {
            match self.inner.accept().await {
                Ok(connection) => Ok(self.tap.wrap(connection, Direction::In)),
                Err(error) => {
                    let teller = Teller { tap: self.tap.clone(), connection: 0, peer: None };
                    teller.failed(Direction::In, &error);
                    Err(error)
                }
            }
        })
    }
}

impl Tap {
    fn wrap(&self, connection: Connection, direction: Direction) -> Connection {
        let Connection { peer, local, reader, writer, passed } = connection;
        let number = self.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let teller = Teller { tap: self.clone(), connection: number, peer: Some(peer) };
        teller.tell(direction, What::Connected);
        Connection {
            peer,
            local,
            reader: Box::new(ObservedReader { inner: reader, teller: teller.clone(), closed: false }),
            writer: Box::new(ObservedWriter { inner: writer, teller }),
            passed,
        }
    }
}

#[derive(Debug, Clone)]
struct Teller {
    tap: Tap,
    connection: u64,
    peer: Option<SocketAddr>,
}

impl Teller {
    fn tell(&self, direction: Direction, what: What<'_>) {
        let record = Record { connection: self.connection, peer: self.peer, direction, what };
        self.tap.observer.observe(&record);
    }

    fn came(&self, incoming: &Incoming) {
        let what = match incoming {
            Incoming::Message { parsed, bytes } => {
                let (message, quirks) = (&parsed.message, parsed.quirks);
                What::Message { message, quirks, dialect: None, bytes: *bytes }
            }
            Incoming::Malformed { error, bytes, .. } => What::Malformed { error, bytes: *bytes },
            Incoming::File { length } => What::FileBegins { length: *length },
            Incoming::Tolerated(deviation) => What::Tolerated { deviation: *deviation },
            Incoming::Closed => What::Closed,
        };
        self.tell(Direction::In, what);
    }

    fn went(&self, message: &Message, dialect: &Dialect, outcome: &Result<usize, WriteError>) {
        let what = match outcome {
            Ok(bytes) => {
                let quirks = QuirkSet::default();
                What::Message { message, quirks, dialect: Some(dialect), bytes: *bytes }
            }
            Err(error) => What::Failed { error },
        };
        self.tell(Direction::Out, what);
    }

    fn failed(&self, direction: Direction, error: &dyn fmt::Display) {
        self.tell(direction, What::Failed { error });
    }
}

#[derive(Debug)]
struct ObservedReader {
    inner: Box<dyn MessageReader>,
    teller: Teller,
    closed: bool,
}

impl MessageReader for ObservedReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Incoming, ReadError>> {
        Box::pin(async move {
            let outcome = self.inner.next().await;
            match &outcome {
                Ok(Incoming::Closed) if std::mem::replace(&mut self.closed, true) => {}
                Ok(incoming) => self.teller.came(incoming),
                Err(error) => self.teller.failed(Direction::In, error),
            }
            outcome
        })
    }

    fn set_file_ending(&mut self, ending: FileEnding) {
        self.inner.set_file_ending(ending);
    }

    fn receive_file<'a>(
        &'a mut self,
        sink: Box<dyn FileSink>,
        expected: Option<u64>,
        between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>> {
        Box::pin(async move {
            let teller = self.teller.clone();
            let mut told = |incoming: Incoming| {
                teller.came(&incoming);
                between(incoming)
            };
            let outcome = self.inner.receive_file(sink, expected, &mut told, progress).await;
            let what = match &outcome {
                Ok(length) => What::FileMoved { length: *length },
                Err(error) => What::Failed { error },
            };
            self.teller.tell(Direction::In, what);
            outcome
        })
    }
}

#[derive(Debug)]
struct ObservedWriter {
    inner: Box<dyn MessageWriter>,
    teller: Teller,
}

impl ObservedWriter {
    fn tell_closed(&self, outcome: &Result<(), WriteError>) {
        match outcome {
            Ok(()) => self.teller.tell(Direction::Out, What::Closed),
            Err(error) => self.teller.failed(Direction::Out, error),
        }
    }
}

impl MessageWriter for ObservedWriter {
    fn send<'a>(
        &'a mut self,
        message: &'a Message,
        dialect: &'a Dialect,
    ) -> BoxFuture<'a, Result<usize, WriteError>> {
        Box::pin(async move {
            let outcome = self.inner.send(message, dialect).await;
            self.teller.went(message, dialect, &outcome);
            outcome
        })
    }

    fn send_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> BoxFuture<'_, Result<u64, SendFileError>> {
        Box::pin(async move {
            self.teller.tell(Direction::Out, What::FileBegins { length: Some(source.length()) });
            let outcome = self.inner.send_file(source, progress).await;
            let what = match &outcome {
                Ok(length) => What::FileMoved { length: *length },
                Err(error) => What::Failed { error },
            };
            self.teller.tell(Direction::Out, what);
            outcome
        })
    }

    fn set_file_style(&mut self, style: FileStyle) {
        self.inner.set_file_style(style);
    }

    fn aside(&self) -> Option<Box<dyn Aside>> {
        let inner = self.inner.aside()?;
        Some(Box::new(ObservedAside { inner, teller: self.teller.clone() }))
    }

    fn life(&self) -> Option<Box<dyn AskAlive>> {
        self.inner.life()
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let outcome = self.inner.close().await;
            self.tell_closed(&outcome);
            outcome
        })
    }

    fn close_with<'a>(&'a mut self, code: u16, reason: &'a str) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            let outcome = self.inner.close_with(code, reason).await;
            self.tell_closed(&outcome);
            outcome
        })
    }
}

#[derive(Debug)]
struct ObservedAside {
    inner: Box<dyn Aside>,
    teller: Teller,
}

impl Aside for ObservedAside {
    fn send(&self, message: &Message, dialect: &Dialect) -> Result<usize, WriteError> {
        let outcome = self.inner.send(message, dialect);
        self.teller.went(message, dialect, &outcome);
        outcome
    }
}
