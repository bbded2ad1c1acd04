//! The station as one of a session in WebSocket mode: one connection to the host, by which everybody else is reached.
//!
//! The core is the same station in both modes: its commits, its requests, what it serves and what it tells the application do not depend
//! on how others are reached. What differs is here: one host is dialed instead of every station ([`Stay`]), a second connection carries
//! files where the host can have one ([`FilesLink`]), REQUESTs go to the host one at a time, and who is there is told by the host.
//!
//! It mirrors Figures 4, 5a, 7 and 9 of the specification. It does not know what stands behind the host: the host routes.

mod files_link;
mod links;
mod requests;
mod stations;
mod stay;
mod talk;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{FileUuid, Product, StationUuid, Ticket};

pub use self::files_link::{FilesLink, FilesLinkAction, FilesLinkEvent};
pub use self::stay::{Stay, StayAction, StayEvent};

use crate::released::ReleasedTold;
use crate::{ConnId, Core, RequestId};

/// Which session a station is to be one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// The session's URL (ServiceURL); the core passes it on without reading it.
    pub url: String,
    /// Random bits from outside: stations that lost their host together do not come back together.
    pub seed: u64,
    /// Whether a second connection for files is offered to hosts that can have one.
    pub files_connection: bool,
}

impl SessionConfig {
    /// The session at this URL.
    #[must_use]
    pub fn new(url: &str, seed: u64) -> Self {
        Self { url: url.to_owned(), seed, files_connection: true }
    }
}

/// How the session stands, for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView<'a> {
    /// Its URL.
    pub url: &'a str,
    /// Where our stay stands.
    pub stay: Stay,
    /// The second connection.
    pub files: FilesLink,
    /// The host's StationUUID, once JOIN_RET told it.
    pub host: Option<StationUuid>,
    /// What we take the host's application for.
    pub product: Product,
    /// Whether it tells who is one of the session; otherwise only those are known that committed.
    pub tells_stations: bool,
}

/// The session that a station is or wants to be one of.
#[derive(Debug)]
pub(crate) struct Session {
    config: SessionConfig,
    random: u64,
    stay: Stay,
    /// The connection that carries our messages.
    main: Option<ConnId>,
    /// Tries since we were joined long enough, of the connection and of JOIN together.
    failures: u32,
    joined_at: Option<Duration>,
    /// A file began to come or to go in this stay.
    moves_files: bool,
    /// The application knows that we are away, and why.
    away_told: Option<String>,
    host: Option<StationUuid>,
    product: Product,
    /// Whether the host tells who is there.
    tells_stations: bool,
    /// A list of who is there has begun and goes on.
    listing: bool,
    files: FilesLink,
    files_conn: Option<ConnId>,
    files_failures: u32,
    ticket: Option<Ticket>,
    /// Commits made while JOIN was under way.
    pending: VecDeque<FileUuid>,
    /// Something was withdrawn while JOIN was under way: another one tells it.
    join_again: bool,
    /// What the host was told of files that we have no more.
    released_told: ReleasedTold,
    /// COMMITs that are not acknowledged, in order.
    unacknowledged: VecDeque<FileUuid>,
    /// The REQUEST that the host has to answer.
    asked: Option<Asked>,
    /// The request that the host refused a moment ago.
    refused: Option<RequestId>,
}

/// A REQUEST that is out.
#[derive(Debug, Clone, Copy)]
struct Asked {
    conn: ConnId,
    request: RequestId,
    /// The file has begun.
    begun: bool,
    /// The FileSize announced for it.
    expected: Option<u64>,
}

impl Session {
    pub(crate) fn new(config: SessionConfig) -> Self {
        Self {
            // A generator of this kind must not begin with 0.
            random: config.seed | 1,
            config,
            stay: Stay::Out,
            main: None,
            failures: 0,
            joined_at: None,
            moves_files: false,
            away_told: None,
            host: None,
            product: Product::Other,
            tells_stations: false,
            listing: false,
            files: FilesLink::Single,
            files_conn: None,
            files_failures: 0,
            ticket: None,
            pending: VecDeque::new(),
            join_again: false,
            released_told: ReleasedTold::default(),
            unacknowledged: VecDeque::new(),
            asked: None,
            refused: None,
        }
    }

    pub(crate) fn product(&self) -> Product {
        self.product
    }

    /// A pause that is some shorter or longer than said, by chance.
    fn spread(&mut self, pause: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let percent = u32::try_from((self.random >> 11) % 51).unwrap_or(0);
        pause.saturating_mul(75 + percent) / 100
    }

    pub(crate) fn is_ours(&self, conn: ConnId) -> bool {
        self.main == Some(conn) || self.files_conn == Some(conn)
    }

    /// Where REQUESTs go.
    fn asking_conn(&self) -> Option<ConnId> {
        if self.files == FilesLink::Attached { self.files_conn } else { self.main }
    }

    /// Whether the second connection is about to stand.
    fn is_attaching(&self) -> bool {
        matches!(self.files, FilesLink::Dialing | FilesLink::Attaching) && self.files_failures == 0
    }
}

impl Core {
    /// The session that this station is or wants to be one of; `None` in TCP mode.
    #[must_use]
    pub fn session(&self) -> Option<SessionView<'_>> {
        self.session.as_ref().map(|session| SessionView {
            url: &session.config.url,
            product: session.product,
            stay: session.stay,
            files: session.files,
            host: session.host,
            tells_stations: session.tells_stations,
        })
    }

    /// Whether a file on this connection should go in pieces that leave room for messages: they share the connection, and its other end
    /// reads such files.
    #[must_use]
    pub fn leaves_room(&self, conn: ConnId) -> bool {
        self.session.as_ref().is_some_and(|s| s.main == Some(conn) && s.product == Product::Mvrx)
            || self.leaves_room_elsewhere(conn)
    }

    /// The host, what it is and the connection that carries our messages, while we are joined.
    pub(crate) fn host_to_ask(&self) -> Option<(StationUuid, Product, ConnId)> {
        let session = self.session.as_ref().filter(|session| session.stay == Stay::Joined)?;
        Some((session.host?, session.product, session.main?))
    }

    pub(crate) fn in_session(&self) -> bool {
        self.session.is_some()
    }

    /// Whether a connection is one of ours to the host.
    pub(crate) fn is_host_conn(&self, conn: ConnId) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_ours(conn))
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.stay == Stay::Joined)
    }

    pub(crate) fn host(&self) -> Option<StationUuid> {
        self.session.as_ref().and_then(|session| session.host)
    }

    pub(crate) fn host_address(&self, conn: ConnId) -> Option<SocketAddr> {
        self.inbound.get(&conn).map(|inbound| inbound.peer)
    }
}
