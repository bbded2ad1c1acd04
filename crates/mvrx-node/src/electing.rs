//! What the election of a group's host needs of this machine: a port, a data directory for the host, and a bridge beside it while it hosts.
//!
//! It turns the news of the station's election into a host and a bridge that come and go, and tells both as [`Beside`]. The host's files
//! lie in `hosted` in the data directory, those that the bridge carries in `bridged`. It goes on by itself, whether anybody reads or not.
//! It ends in two steps, and between them the station stops: [`Electing::leave`], while the host is still there, and [`Electing::end`].

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_message::GroupNameError;
use mvrx_station::{Candidate, Election, ElectionNews, IdentityError, Moves, Station};
use mvrx_store::FsOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::data::{self, DataError};
use crate::place::Place;

mod bridging;

pub use bridging::BridgeNews;
use bridging::Bridging;

/// A port of sessions that was free, and that no other candidate of this machine takes for its own while this is held: each of them holds the UDP port of
/// the same number, on which nobody says anything. The TCP port stays free for the host, which comes and goes.
#[derive(Debug)]
pub struct Reserved {
    port: u16,
    _held: UdpSocket,
}

impl Reserved {
    /// The first that is free, of 64 from the port of sessions on.
    #[must_use]
    pub fn first() -> Option<Self> {
        (PORT..PORT + PORTS).find_map(Self::new)
    }

    fn new(port: u16) -> Option<Self> {
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let held = UdpSocket::bind(at).ok()?;
        let free = TcpListener::bind(at).is_ok();
        free.then_some(Self { port, _held: held })
    }
}

/// How a station takes part.
#[derive(Debug)]
pub struct Part {
    /// What it tells others of itself; for [`mvrx_station::Builder::candidate`].
    pub candidate: Candidate,
    /// Whose proposals to move the host follows.
    pub moves: Moves,
    /// So many stations of each side appear on the other one while we host, at most; 0: there is no bridge.
    pub bridged: usize,
    _port: Option<Reserved>,
}

impl Part {
    /// With this priority, at a port that is kept from the other candidates of this machine.
    // req: ELE-13
    #[must_use]
    pub fn new(priority: u32, moves: Moves, bridged: usize) -> Self {
        let port = Reserved::first();
        let candidate = Candidate { priority, port: port.as_ref().map_or(PORT, |reserved| reserved.port) };
        Self { candidate, moves, bridged, _port: port }
    }
}

/// Why a station cannot take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElectError {
    /// The host's data directory, or the bridge's.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The host has no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The host's data directory cannot be made.
    #[error("{error}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The group has a name that cannot be announced.
    #[error("{group}: {error}")]
    Group {
        /// The group.
        group: String,
        /// Why.
        error: GroupNameError,
    },
}

/// What becomes of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Beside {
    /// Of the election.
    Election(ElectionNews),
    /// Of the bridge beside our host.
    Bridge(BridgeNews),
}

/// An election under way.
#[derive(Debug)]
pub struct Electing {
    election: JoinHandle<()>,
    beside: JoinHandle<()>,
    news: mpsc::UnboundedReceiver<Beside>,
    leave: Option<oneshot::Sender<()>>,
    _part: Part,
}

impl Electing {
    /// Begins to take part in the election of the place's group, and later of the one into which a person moves the station.
    ///
    /// # Errors
    /// See [`ElectError`].
    pub fn begin(part: Part, place: &Place, station: &Station, data: &Path) -> Result<Self, ElectError> {
        let bridging =
            (part.bridged > 0).then(|| bridging::begin(part.bridged, place, &data.join("bridged")));
        let bridging = bridging.transpose()?;
        let path = data.join("hosted");
        std::fs::create_dir_all(&path)
            .map_err(|error| ElectError::Directory { path: path.clone(), error })?;
        let host = mvrx_station::load_or_create(&path)?;
        let group =
            place.group.parse().map_err(|error| ElectError::Group { group: place.group.clone(), error })?;
        let described = place.clone();
        let make_host = move || {
            let data = data::open(Some(&path), &described.name, &FsOptions::default(), false);
            let data = data.map_err(|error| error.to_string())?;
            Ok(described.station().store(data.store))
        };
        let election = Election {
            candidate: part.candidate,
            group,
            name: place.name.clone(),
            host,
            moves: part.moves.clone(),
            make_host: Box::new(make_host),
            make_discovery: Box::new(place.finder()),
        };
        let (tell, of_election) = mpsc::unbounded_channel();
        let election = tokio::spawn(election.run(station.clone(), tell));
        let (tell, news) = mpsc::unbounded_channel();
        let (leave, left) = oneshot::channel();
        let beside = tokio::spawn(beside(of_election, bridging, tell, left));
        Ok(Self { election, beside, news, leave: Some(leave), _part: part })
    }

    /// What becomes of it next; waits for ever when it has ended. Cancel-safe.
    pub async fn next(&mut self) -> Beside {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// The stations that are bridged leave with a word, while the host is still there. Takes 5 s at most.
    pub async fn leave(&mut self) {
        if self.leave.take().is_some_and(|leave| leave.send(()).is_ok()) {
            // Its one task, which ends in time.
            let _ = (&mut self.beside).await;
        }
    }

    /// Its station has stopped: waits until the host has, too. Takes 10 s at most.
    pub async fn end(self) {
        // A host that does not end in time ends with the process.
        let _ = tokio::time::timeout(END, self.election).await;
    }
}

/// Has a bridge beside the host, and tells what becomes of both, until it is to leave.
// req: ELE-08
async fn beside(
    mut of_election: mpsc::UnboundedReceiver<ElectionNews>,
    mut bridging: Option<Bridging>,
    tell: mpsc::UnboundedSender<Beside>,
    mut left: oneshot::Receiver<()>,
) {
    // Whoever does not read does not want to know.
    let tell = |news| drop(tell.send(news));
    loop {
        tokio::select! {
            Some(news) = of_election.recv() => {
                if let Some(bridging) = &bridging {
                    match &news {
                        ElectionNews::Hosting { url, group } => bridging.hosting(Some((url, group.as_str()))),
                        ElectionNews::GaveWay { .. } | ElectionNews::HostEnded => bridging.hosting(None),
                        _ => {}
                    }
                }
                tell(Beside::Election(news));
            }
            news = next_of(&mut bridging) => tell(Beside::Bridge(news)),
            // Dropped without a word, it leaves as well.
            _ = &mut left => break,
        }
    }
    if let Some(bridging) = bridging {
        bridging.end().await;
    }
}

async fn next_of(bridging: &mut Option<Bridging>) -> BridgeNews {
    match bridging {
        Some(bridging) => bridging.next().await,
        None => std::future::pending().await,
    }
}

/// The port of sessions, and how many are tried from there on.
const PORT: u16 = 42_480;
const PORTS: u16 = 64;
const END: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    // proves: ELE-13
    #[test]
    fn two_candidates_of_one_machine_tell_ports_of_their_own_before_anybody_hosts() {
        let part = || Part::new(1, Moves::Never, 0);
        let (one, other) = (part(), part());
        let port = one.candidate.port;
        assert_ne!(port, other.candidate.port);
        // The host can have it while it is held, and again after it has ended.
        for _ in 0..2 {
            TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).unwrap();
        }
        assert!(Reserved::new(port).is_none(), "it is held");
        drop(one);
        assert!(Reserved::new(port).is_some());
    }
}
