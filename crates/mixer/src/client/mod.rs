//! A client of any Mixer server: ours, the reference, its forks.
//!
//! Turns one TCP connection into answers and events. [`mixer_proto::client::ClientSession`] knows the protocol; this module waits, with one deadline per
//! answer ([`ClientOptions::answer_within`]), and reads while it writes, so that two sides with full buffers never wait for each other.
//!
//! The protocol's answers carry no request number, and much is not answered at all. Whether something was refused is found out by asking for the client's
//! own id afterwards: servers answer in order, so a SEND_ERROR that comes first is the refusal.

mod operations;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use mixer_proto::client::{ClientEvent, ClientSession, NotNow};
use mixer_proto::frame::{Next, scan};
use mixer_proto::json::Object;
use mixer_proto::saved::SavedRoomError;
use thiserror::Error;
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

pub use operations::{ClientInfo, Progress, RoomInfo, Tail, takes_every_version};

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    session: ClientSession,
    options: ClientOptions,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Events that nobody has asked for yet.
    events: VecDeque<ClientEvent>,
}

/// How to be a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// What others see as the user's name; nothing is sent when empty.
    pub user_name: String,
    /// The password of locked rooms of our own server, if any.
    pub password: Option<String>,
    /// The longest wait for a connection, for an answer, and between two pieces of a long one.
    pub answer_within: Duration,
    /// Largest payload of a frame that is accepted, in bytes.
    pub frame_bytes: u64,
    /// Most bytes of commands that [`Client::save_room`] gathers.
    pub saved_bytes: usize,
    /// Events kept while an operation waits for its answer; the oldest are forgotten beyond.
    pub kept_events: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            user_name: String::new(),
            password: None,
            answer_within: Duration::from_secs(10),
            frame_bytes: 256 << 20,
            saved_bytes: 4 << 30,
            kept_events: 10_000,
        }
    }
}

/// Why something did not work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No address of the server took the connection.
    #[error("no connection: {0}")]
    NotConnected(io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    ConnectionBroke(io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    ServerClosed,
    /// The server did not answer in time.
    #[error("no answer within {waited:?}")]
    NoAnswer {
        /// How long was waited.
        waited: Duration,
    },
    /// The server said no.
    #[error("the server refuses: {text}")]
    Refused {
        /// Its words.
        text: String,
    },
    /// There is no such room.
    #[error("room {room} does not exist")]
    NoSuchRoom {
        /// Its name.
        room: String,
    },
    /// There is such a room already.
    #[error("room {room} exists already")]
    RoomExists {
        /// Its name.
        room: String,
    },
    /// The server sent a frame that is too large.
    #[error("the server sends a frame of {size} bytes, {allowed} are allowed")]
    FrameTooLarge {
        /// Bytes announced.
        size: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// The room has more commands than allowed.
    #[error("the room has {bytes} bytes of commands or more, {allowed} are allowed")]
    RoomTooLarge {
        /// Bytes gathered.
        bytes: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// The client is not in a state for that, e.g. in another room.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// A file is no saved room.
    #[error(transparent)]
    NotASavedRoom(#[from] SavedRoomError),
}

impl Client {
    /// Connects and says hello; all addresses of a name are tried in turn. Afterwards the client knows its id, all rooms and all clients.
    ///
    /// # Errors
    /// When no address works or the server does not answer as a Mixer server does.
    pub async fn connect(address: impl ToSocketAddrs, options: ClientOptions) -> Result<Self, ClientError> {
        let addresses: Vec<SocketAddr> =
            lookup_host(address).await.map_err(ClientError::NotConnected)?.collect();
        let stream = connect_to_any(&addresses, options.answer_within).await?;
        let _ = stream.set_nodelay(true);
        let mut client = Self {
            stream,
            session: ClientSession::new(),
            options,
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            events: VecDeque::new(),
        };
        client.session.hello();
        client.introduce();
        match client.wait_for(|event| matches!(event, ClientEvent::RoomsListed).then_some(())).await {
            Ok(()) => Ok(client),
            // A server that does not take us says why before it closes.
            Err(error) => Err(client.refused_since(0).err().unwrap_or(error)),
        }
    }

    /// The client's id on the server.
    pub fn id(&self) -> Option<&str> {
        self.session.id()
    }

    /// What is known, without asking: the views that the server keeps up to date.
    pub fn session(&self) -> &ClientSession {
        &self.session
    }

    /// The next event, however long it takes. Cancel-safe.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn next(&mut self) -> Result<ClientEvent, ClientError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.exchange().await?;
        }
    }

    async fn next_in_time(&mut self) -> Result<ClientEvent, ClientError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.exchange_in_time().await?;
        }
    }

    /// Sends a room command; it goes out with the next call that waits.
    ///
    /// # Errors
    /// When the client is in no room.
    pub fn command(&mut self, code: u16, payload: &[u8]) -> Result<(), ClientError> {
        Ok(self.session.command(code, payload)?)
    }

    /// Waits until everything has been handed to the system. Cancel-safe.
    ///
    /// # Errors
    /// When the connection has ended, or nothing moves within the deadline.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        loop {
            self.outgoing.extend_from_slice(&self.session.take_outgoing());
            if self.outgoing.is_empty() {
                return Ok(());
            }
            self.exchange_in_time().await?;
        }
    }

    /// Waits for the event that answers; others are kept for [`Client::next`].
    async fn wait_for<T>(&mut self, answer: impl FnMut(&ClientEvent) -> Option<T>) -> Result<T, ClientError> {
        self.wait_after(self.events.len(), answer).await
    }

    /// The same, looking also at what came after the first `heard` events that wait. What a server says meanwhile is no answer: the deadline is for
    /// all of it, unless a room's commands come or ours go, which may take as long as they move.
    // req: MIX-NET-3
    async fn wait_after<T>(
        &mut self,
        heard: usize,
        mut answer: impl FnMut(&ClientEvent) -> Option<T>,
    ) -> Result<T, ClientError> {
        let mut looked_at = heard;
        let waited = self.options.answer_within;
        let mut deadline = Instant::now() + waited;
        loop {
            while let Some(event) = self.events.get(looked_at) {
                if matches!(event, ClientEvent::Command { .. }) {
                    deadline = Instant::now() + waited;
                }
                if let Some(answer) = answer(event) {
                    self.events.remove(looked_at);
                    return Ok(answer);
                }
                looked_at += 1;
            }
            while self.events.len() > self.options.kept_events {
                self.events.pop_front();
                looked_at -= 1;
            }
            if !self.outgoing.is_empty() {
                deadline = Instant::now() + waited;
            }
            let exchanged = timeout_at(deadline, self.exchange()).await;
            exchanged.map_err(|_| ClientError::NoAnswer { waited })??;
        }
    }

    async fn exchange_in_time(&mut self) -> Result<(), ClientError> {
        let waited = self.options.answer_within;
        timeout(waited, self.exchange()).await.map_err(|_| ClientError::NoAnswer { waited })?
    }

    /// Moves bytes in whichever direction is possible first. Cancel-safe: nothing is taken out of a buffer before it has gone.
    async fn exchange(&mut self) -> Result<(), ClientError> {
        self.outgoing.extend_from_slice(&self.session.take_outgoing());
        let writing = !self.outgoing.is_empty();
        tokio::select! {
            ready = self.stream.readable() => {
                ready.map_err(ClientError::ConnectionBroke)?;
                self.read()
            }
            ready = self.stream.writable(), if writing => {
                ready.map_err(ClientError::ConnectionBroke)?;
                match self.stream.try_write(&self.outgoing) {
                    Ok(count) => self.outgoing.advance(count),
                    Err(error) if is_transient(&error) => {}
                    Err(error) => return Err(ClientError::ConnectionBroke(error)),
                }
                Ok(())
            }
        }
    }

    fn read(&mut self) -> Result<(), ClientError> {
        self.incoming.reserve(READ);
        match self.stream.try_read_buf(&mut self.incoming) {
            Ok(0) => return Err(ClientError::ServerClosed),
            Ok(_) => {}
            Err(error) if is_transient(&error) => return Ok(()),
            Err(error) => return Err(ClientError::ConnectionBroke(error)),
        }
        let found = scan(&self.incoming, self.options.frame_bytes);
        let frames: Bytes = self.incoming.split_to(found.whole).freeze();
        self.events.extend(self.session.receive(&frames));
        match found.next {
            Next::Oversized { size } => {
                Err(ClientError::FrameTooLarge { size, allowed: self.options.frame_bytes })
            }
            _ => Ok(()),
        }
    }

    fn introduce(&mut self) {
        let mut attributes = Object::new();
        if !self.options.user_name.is_empty() {
            attributes.insert("user_name".into(), self.options.user_name.as_str().into());
        }
        if let Some(password) = &self.options.password {
            attributes.insert(mixer_proto::server::PASSWORD.into(), password.as_str().into());
        }
        if !attributes.is_empty() {
            self.session
                .request(&mixer_proto::message::ClientMessage::SetClientCustomAttributes { attributes });
        }
    }
}

async fn connect_to_any(addresses: &[SocketAddr], within: Duration) -> Result<TcpStream, ClientError> {
    let deadline = Instant::now() + within;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => return Err(ClientError::NoAnswer { waited: within }),
        }
    }
    Err(ClientError::NotConnected(last))
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

const READ: usize = 64 << 10;
