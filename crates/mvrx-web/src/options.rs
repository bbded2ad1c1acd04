//! What is served, and where.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use mixer::MetricsReader;
use mvrx_message::StationUuid;
use mvrx_node::messages::Messages;
use mvrx_node::place::Place;
use mvrx_station::{Station, url_without_user};

use crate::feed::Feed;
use crate::limits::Limits;
use crate::seen::Sides;
use crate::web::PORT;

/// What kind of node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A station of a group or session.
    Station,
    /// The host of a session.
    Host,
    /// A bridge between a group and a session.
    Bridge,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Station => "station",
            Self::Host => "host",
            Self::Bridge => "bridge",
        }
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// On loopback, at [`PORT`] or one of the next fifteen, at last at any.
    Usual,
    /// Here and nowhere else; port 0 is any.
    At(SocketAddr),
}

impl Listen {
    pub(crate) fn usual() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
    }
}

/// What is served. Begun with [`Options::station`] or [`Options::bridge`].
#[derive(Debug)]
pub struct Options {
    pub(crate) kind: Kind,
    pub(crate) uuid: StationUuid,
    pub(crate) station: Option<Station>,
    pub(crate) sides: Option<Sides>,
    pub(crate) data: PathBuf,
    pub(crate) feed: Feed,
    pub(crate) messages: Option<Messages>,
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) session: Option<String>,
    pub(crate) urls: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) place: Option<Place>,
    pub(crate) moves: &'static str,
    pub(crate) any_file: bool,
    pub(crate) mixer: Option<(Vec<SocketAddr>, MetricsReader)>,
    pub(crate) limits: Limits,
}

impl Options {
    /// A running station, with its data directory.
    #[must_use]
    pub fn station(station: Station, data: impl AsRef<Path>) -> Self {
        let uuid = station.uuid();
        Self { station: Some(station), ..Self::new(Kind::Station, uuid, data.as_ref()) }
    }

    /// A bridge that is who `uuid` says, with its data directory; `sides` is told what it tells.
    #[must_use]
    pub fn bridge(uuid: StationUuid, data: impl AsRef<Path>, sides: Sides) -> Self {
        Self { sides: Some(sides), ..Self::new(Kind::Bridge, uuid, data.as_ref()) }
    }

    fn new(kind: Kind, uuid: StationUuid, data: &Path) -> Self {
        Self {
            kind,
            uuid,
            station: None,
            sides: None,
            data: data.to_owned(),
            feed: Feed::default(),
            messages: None,
            name: String::new(),
            group: String::new(),
            session: None,
            urls: Vec::new(),
            names: Vec::new(),
            place: None,
            moves: "ask",
            any_file: false,
            mixer: None,
            limits: Limits::default(),
        }
    }

    /// What it is called, and its group; in a session the name under which its files are kept.
    #[must_use]
    pub fn named(self, name: impl Into<String>, group: impl Into<String>) -> Self {
        Self { name: name.into(), group: group.into(), ..self }
    }

    /// It is in the session at this URL, of which a user and password are told nobody.
    #[must_use]
    pub fn session(self, url: Option<&str>) -> Self {
        Self { session: url.map(url_without_user), ..self }
    }

    /// It hosts a session, which stations reach at these URLs.
    #[must_use]
    pub fn hosts(self, urls: Vec<String>) -> Self {
        Self { kind: Kind::Host, urls, ..self }
    }

    /// What event streams tell.
    #[must_use]
    pub fn feed(self, feed: Feed) -> Self {
        Self { feed, ..self }
    }

    /// Every message in and out of it: what [`mvrx_station::Builder::observe`] was given. Without it these are not there.
    #[must_use]
    pub fn messages(self, messages: impl Into<Option<Messages>>) -> Self {
        Self { messages: messages.into(), ..self }
    }

    /// Names by which it may be asked for besides its address and `localhost`, each with a port or at any.
    #[must_use]
    pub fn names(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// How others are looked for, for `groups` and `doctor`; without it these are not there.
    #[must_use]
    pub fn place(self, place: Place) -> Self {
        Self { any_file: place.any_file, place: Some(place), ..self }
    }

    /// Whose proposals to move it follows, as a word for people.
    #[must_use]
    pub fn moves(self, moves: &'static str) -> Self {
        Self { moves, ..self }
    }

    /// Any bytes are taken, not only whole .mvr files.
    #[must_use]
    pub fn any_file(self, any: bool) -> Self {
        Self { any_file: any, ..self }
    }

    /// Mixer's rooms are served beside it, at these addresses.
    #[must_use]
    pub fn mixer(self, addresses: Vec<SocketAddr>, metrics: MetricsReader) -> Self {
        Self { mixer: Some((addresses, metrics)), ..self }
    }

    /// Other bounds.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}
