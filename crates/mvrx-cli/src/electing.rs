//! `mvrx up --session-host auto`: what the election of a group's host needs of this machine, and what is said of it.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

use mvrx_bridge::News;
use mvrx_discovery::{Discovery, DiscoveryError};
use mvrx_station::{Candidate, Election, ElectionNews, Moves, Station};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args::Common;
use crate::commands::bridge;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{data, station};

mod bridging;

use bridging::{Bridging, Told};

/// Whether this station takes part in the election of a host.
#[derive(Debug, clap::Args)]
pub(crate) struct Electing {
    /// The stations of the group that carry this elect one of them to host a session for all of them, and the next when that one is gone; it is
    /// consent in advance to go where the elected one hosts
    #[arg(long, value_enum, value_name = "auto", conflicts_with_all = ["session", "peer"])]
    session_host: Option<SessionHost>,
    /// The highest hosts; of equals the one with the greater station id
    #[arg(long, value_name = "N", default_value_t = 100, requires = "session_host")]
    priority: u32,
    /// While this station hosts, so many stations of each side appear on the other one, at most: those that speak TCP mode alone in the
    /// session, and the session's in the group; 0: none
    #[arg(long, value_name = "N", default_value_t = 64, requires = "session_host")]
    bridged: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SessionHost {
    /// Whoever the stations elect
    Auto,
}

impl Electing {
    /// What this station tells others of itself, if it takes part, and what keeps its port from the other candidates of this machine.
    // req: ELE-13
    pub(crate) fn candidate(&self) -> Option<(Candidate, Option<Reserved>)> {
        self.session_host?;
        let reserved = (PORT..PORT + PORTS).find_map(Reserved::new);
        let port = reserved.as_ref().map_or(PORT, |reserved| reserved.port);
        Some((Candidate { priority: self.priority, port }, reserved))
    }
}

/// A port of sessions that was free, and that no other candidate of this machine takes for its own while this is held: each of them holds the UDP port of
/// the same number, on which nobody says anything. The TCP port stays free for the host, which comes and goes.
#[derive(Debug)]
pub(crate) struct Reserved {
    port: u16,
    _held: UdpSocket,
}

impl Reserved {
    fn new(port: u16) -> Option<Self> {
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let held = UdpSocket::bind(at).ok()?;
        let free = TcpListener::bind(at).is_ok();
        free.then_some(Self { port, _held: held })
    }
}

/// An election under way.
pub(crate) struct Running {
    task: JoinHandle<()>,
    news: mpsc::UnboundedReceiver<ElectionNews>,
    /// `None`: nobody is to be bridged, or the bridge has ended.
    bridging: Option<Bridging>,
    say: Watching,
}

/// Begins to take part. The host's files lie beside the station's.
pub(crate) fn begin(
    (candidate, moves, electing): (Candidate, Moves, &Electing),
    common: &Common,
    (running, kept_at): (&Station, &Path),
    json: bool,
) -> Result<Running, Failure> {
    let bridge = || bridging::begin(electing.bridged, common, &kept_at.join("bridged"));
    let bridging = (electing.bridged > 0).then(bridge).transpose()?;
    let name = station::name(common);
    let path = kept_at.join("hosted");
    std::fs::create_dir_all(&path).map_err(|error| Failure::local(error.to_string()))?;
    let host = mvrx_station::load_or_create(&path).map_err(|error| Failure::local(error.to_string()))?;
    let group = common.group.parse().map_err(|error| Failure::usage(format!("{}: {error}", common.group)))?;
    let (host_name, any_file) = (name.clone(), common.any_file);
    let make_host = move || {
        let data = data::open(Some(&path), &host_name).map_err(|failure| failure.words().to_owned())?;
        Ok(Station::builder(host_name.as_str()).provider("mvrx").store(data.store).any_file(any_file))
    };
    let looking = common.clone();
    let make_discovery = move || -> Result<Box<dyn Discovery>, DiscoveryError> {
        let found = station::discovery(&looking);
        let found = found
            .map_err(|failure| DiscoveryError::ResponderRefused { reason: failure.words().to_owned() })?;
        Ok(Box::new(found))
    };
    let election = Election {
        candidate,
        group,
        name,
        host,
        moves,
        make_host: Box::new(make_host),
        make_discovery: Box::new(make_discovery),
    };
    let (tell, news) = mpsc::unbounded_channel();
    let task = tokio::spawn(election.run(running.clone(), tell));
    Ok(Running { task, news, bridging, say: Watching::new(json) })
}

impl Running {
    /// Says what becomes of it, and has a bridge beside the host, for ever.
    // req: ELE-08
    pub(crate) async fn tell(&mut self) {
        loop {
            tokio::select! {
                news = self.news.recv() => {
                    let Some(news) = news else { return std::future::pending().await };
                    if let Some(bridging) = &self.bridging {
                        match &news {
                            ElectionNews::Hosting { url } => bridging.hosting(Some(url)),
                            ElectionNews::GaveWay { .. } | ElectionNews::HostEnded => bridging.hosting(None),
                            _ => {}
                        }
                    }
                    let (event, words, fields) = words(&news);
                    self.say.say(event, &words, fields);
                }
                told = next_of(&mut self.bridging) => {
                    if let Some((event, words, fields)) = bridged(&told) {
                        self.say.say(event, &words, fields);
                    }
                }
            }
        }
    }

    /// The stations that are bridged leave with a word, while the host is still there.
    pub(crate) async fn leave(&mut self) {
        if let Some(bridging) = self.bridging.take() {
            bridging.end().await;
        }
    }

    /// Its station has stopped: waits until the host has, too.
    pub(crate) async fn end(self) {
        // A host that does not end in time ends with the process.
        let _ = tokio::time::timeout(END, self.task).await;
    }
}

async fn next_of(bridging: &mut Option<Bridging>) -> Told {
    match bridging {
        Some(bridging) => bridging.next().await,
        None => std::future::pending().await,
    }
}

/// What is worth telling of the bridge beside our own host. Where the host is, its own news say.
fn bridged(told: &Told) -> Option<(&'static str, String, serde_json::Value)> {
    match told {
        Told::Begins(url) => Some((
            "bridge",
            "stations of the group that speak TCP mode alone are in the session by this one".to_owned(),
            json!({ "session": url }),
        )),
        Told::Cannot(why) => Some((
            "bridge_problem",
            format!(
                "stations of the group that speak TCP mode alone cannot be in the session: {why}; it is tried again"
            ),
            json!({ "reason": why }),
        )),
        Told::Of(News::SessionJoined { .. } | News::SessionLost { .. } | News::AtWork) => None,
        Told::Of(News::TooManyStations { most, each }) => Some((
            "limit_reached",
            format!(
                "there are more stations than the {most} that are shown on each side (--bridged), or than {each} at one address"
            ),
            json!({ "limit": "stations", "allowed": most, "allowed_each": each }),
        )),
        Told::Of(news) => Some(bridge::words_of(news)),
    }
}

fn words(news: &ElectionNews) -> (&'static str, String, serde_json::Value) {
    match news {
        ElectionNews::Hosting { url } => (
            "elected",
            format!("this station was elected and hosts the session at {url}"),
            json!({ "session": url }),
        ),
        ElectionNews::NotHosting { why } => {
            ("not_hosting", format!("this station cannot host: {why}"), json!({ "reason": why }))
        }
        ElectionNews::GaveWay { url } => (
            "gave_way",
            format!("the session that was hosted here goes on at {url}"),
            json!({ "session": url }),
        ),
        ElectionNews::HostEnded => {
            ("host_ended", "this station hosts no session any more".to_owned(), json!({}))
        }
        ElectionNews::HostLost => {
            ("host_lost", "the session's host is lost; the next one takes over".to_owned(), json!({}))
        }
        ElectionNews::Member { host } => (
            "elected_host",
            "this station is one of the elected host's session".to_owned(),
            json!({ "station": host.to_string() }),
        ),
        ElectionNews::Problem { what } => {
            ("election_problem", format!("hosts cannot be seen or shown: {what}"), json!({ "reason": what }))
        }
        _ => ("election", String::new(), json!({})),
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
        let electing = Electing { session_host: Some(SessionHost::Auto), priority: 1, bridged: 0 };
        let (one, held) = electing.candidate().unwrap();
        let (other, _also) = electing.candidate().unwrap();
        assert_ne!(one.port, other.port);
        // The host can have it while it is held, and again after it has ended.
        for _ in 0..2 {
            TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, one.port))).unwrap();
        }
        let port = one.port;
        assert!(Reserved::new(port).is_none(), "it is held");
        drop(held);
        assert!(Reserved::new(port).is_some());
    }
}
