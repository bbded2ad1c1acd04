//! A bridge between a group and a session, beside a node or alone, with a data directory of its own.
//!
//! It turns a [`Place`] and a session's URL into a running bridge and its news. How the session is reached (a certificate, a password) is the
//! caller's, who adds it to the described one ([`mvrx_bridge::Options::session`]). The bridge beside an elected host is another one, which
//! comes and goes with that host: [`electing`](crate::electing).
//!
//! Rules the caller keeps: end with [`Bridged::stop`]; dropped, nobody hears a LEAVE. What bounds it: the bridge's limits, and those of its
//! store ([`room`]).

use std::path::{Path, PathBuf};

use mvrx_bridge::{Bridge, News, Options, StartBridgeError};
use mvrx_message::StationUuid;
use mvrx_store::{FsOptions, Limits as StoreLimits};
use tokio::sync::mpsc;

use crate::data::{self, Data, DataError};
use crate::place::Place;

/// A running bridge.
#[derive(Debug)]
pub struct Bridged {
    bridge: Bridge,
    news: mpsc::Receiver<News>,
}

/// A store that keeps so many bytes of what the bridge carries: the oldest make room for newer ones.
#[must_use]
pub fn room(bytes: u64) -> FsOptions {
    let limits = StoreLimits { total_bytes: bytes, oldest_go: true, ..StoreLimits::default() };
    FsOptions { limits, ..FsOptions::default() }
}

/// Opens a data directory for a bridge of this name which keeps so many bytes: the one that is given, else one of this user's. Blocks on the
/// disk.
///
/// # Errors
/// See [`DataError`].
pub fn open(given: Option<&Path>, name: &str, bytes: u64) -> Result<Data, DataError> {
    data::open(given, name, &room(bytes), false)
}

/// A bridge of the place's name between its group, found as the place says, and the session at this URL. It is who the directory says, and
/// keeps there what it carries and what made room.
#[must_use]
pub fn describe(place: &Place, url: &str, data: Data) -> Options {
    let remember: PathBuf = data.path.join("made-room");
    Options::new(place.name.as_str(), place.group.as_str(), url)
        .identity(data.station)
        .store(data.store)
        .remember(remember)
        .any_file(place.any_file)
        .discovery(place.finder())
}

impl Bridged {
    /// Starts it on this runtime. That the session or the group is out of reach is news, and no error.
    ///
    /// # Errors
    /// See [`StartBridgeError`].
    pub async fn start(described: Options) -> Result<Self, StartBridgeError> {
        let (bridge, news) = Bridge::start(described).await?;
        Ok(Self { bridge, news })
    }

    /// Its StationUUID, on both sides.
    #[must_use]
    pub fn uuid(&self) -> StationUuid {
        self.bridge.uuid()
    }

    /// What it tells next; `None` when it has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Leaves on both sides, for everybody it stands in for. Returns within a few seconds.
    pub async fn stop(self) {
        self.bridge.stop().await;
    }
}
