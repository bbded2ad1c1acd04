//! Runs a station's part in the election of its group's host ([`mvrx_core::election`]): what discovery shows, what the station hears and what the
//! host tells become inputs; hosts are started and ended, and the station is moved, as the machine says.
//!
//! It decides nothing. It owns the host while there is one (`host.rs`), and a discovery of its own (`network.rs`). It ends when the station has stopped, and the host with it.
//!
//! The host goes by the station's own rule for moves. What somebody proposes to the host is asked among the station's events, since one operator has
//! both; the host is hidden as soon as its own station has been moved away, and ends when everybody else has answered.
//!
//! Rules a caller keeps: the station was built with the same [`Builder::candidate`] and [`Builder::moves`]. One that begins in a session was moved
//! there by a person, and takes part from when it is one of an elected host's session, or a person moves it into a group.

mod host;
mod network;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use mvrx_core::election::{
    Election as Machine, ElectionConfig, ElectionInput, ElectionOutput, ElectionPhase,
};
use mvrx_core::{Event, Moves};
use mvrx_discovery::{Discovery, DiscoveryError};
use mvrx_message::{Candidate, GroupName, SessionTarget, StationUuid};
use mvrx_transport::{Limits as TransportLimits, WsTransport};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::driver::sleep_until;
use crate::{Builder, Events, Heard, Station};
use host::next_event;
use network::{lead_to, next_of};

/// What an application may want to know of the election.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElectionNews {
    /// We host from now on.
    Hosting {
        /// Where.
        url: String,
        /// For which group of TCP mode: the one that was given, or where a person has moved our station since.
        group: GroupName,
    },
    /// Our host could not be started.
    NotHosting {
        /// Why, in words.
        why: String,
    },
    /// Our host has ended; the session goes on there.
    GaveWay {
        /// Where.
        url: String,
    },
    /// Our host has ended: our station was moved away from it.
    HostEnded,
    /// The host is lost.
    HostLost,
    /// Our station is one of an elected host's session.
    Member {
        /// The host.
        host: StationUuid,
    },
    /// The election cannot see or show hosts.
    Problem {
        /// What, in words.
        what: String,
    },
}

/// A station's part in the election of its group's host.
///
/// `make_host` describes the host: its name, identity and store, which are not the station's. What else it needs is added here.
pub struct Election {
    /// Its priority, and the port of its session.
    pub candidate: Candidate,
    /// The group of TCP mode whose session it is, until a person moves the station into another one.
    pub group: GroupName,
    /// The name under which the host is shown.
    pub name: String,
    /// The host's StationUUID: another one than the station's.
    pub host: StationUuid,
    /// Whose proposals to move its session the host follows: those that the station follows.
    pub moves: Moves,
    /// Describes the host.
    pub make_host: Box<dyn FnMut() -> Result<Builder, String> + Send>,
    /// Makes the discovery that sees and shows hosts.
    pub make_discovery: Box<dyn FnMut() -> Result<Box<dyn Discovery>, DiscoveryError> + Send>,
}

impl Election {
    /// Runs until the station has stopped. Dropping it ends the host as a crash would.
    pub async fn run(self, station: Station, news: mpsc::UnboundedSender<ElectionNews>) {
        let (told, mut results) = mpsc::channel(QUEUE);
        let config =
            ElectionConfig::new(station.uuid(), self.host, self.candidate.priority, self.group.clone());
        let mut events = station.events();
        let mut runner = Runner {
            machine: Machine::new(config),
            started: Instant::now(),
            wanted: self,
            station,
            news,
            told,
            hosting: None,
            host_moves: false,
            gave_way: false,
            departed: None,
            member_of: None,
            discovery: None,
            candidates: HashMap::new(),
            seen_at: VecDeque::new(),
            says: Says::default(),
        };
        runner.look();
        // Whom a person moved into a session in an earlier run is there.
        if matches!(runner.station.session().await, Ok(Some(_))) {
            runner.step(ElectionInput::MovedAway).await;
        }
        runner.step(ElectionInput::Tick).await;
        loop {
            runner.tell_moves().await;
            let deadline = runner.machine.deadline().map(|at| runner.started + at);
            tokio::select! {
                heard = events.next() => match heard {
                    Some(heard) => runner.heard(heard).await,
                    None => break,
                },
                Some(result) = results.recv() => runner.result(result).await,
                found = next_of(&mut runner.discovery) => runner.found(found).await,
                Some(heard) = next_event(&mut runner.hosting) => runner.of_host(heard).await,
                heard = next_event(&mut runner.departed) => runner.of_departed(heard).await,
                () = sleep_until(deadline) => runner.step(ElectionInput::Tick).await,
            }
        }
        runner.end().await;
    }
}

/// What a task brings.
enum Outcome {
    Input(ElectionInput),
    /// For this group.
    Hosts(Station, Events, GroupName),
    DoesNotHost(String),
}

struct Runner {
    machine: Machine,
    started: Instant,
    wanted: Election,
    station: Station,
    news: mpsc::UnboundedSender<ElectionNews>,
    told: mpsc::Sender<Outcome>,
    hosting: Option<(Station, Events)>,
    /// It is asking its stations to go elsewhere.
    host_moves: bool,
    /// It has given way, and our station is on its way to the next one: that its session ends is no loss.
    gave_way: bool,
    /// The same host after our own station has gone, while others are still on their way.
    departed: Option<(Station, Events)>,
    /// Of whose session our station is, as was told last.
    member_of: Option<StationUuid>,
    discovery: Option<Box<dyn Discovery>>,
    /// Each with where it is.
    candidates: HashMap<StationUuid, Vec<SocketAddr>>,
    /// Where others were seen, the latest first: by the same way they see us.
    seen_at: VecDeque<SocketAddr>,
    says: Says,
}

/// What our host says of itself to another one that asks, and when that was so last.
type Says = Arc<Mutex<Option<(String, std::time::Instant)>>>;

impl Runner {
    async fn step(&mut self, input: ElectionInput) {
        // Who has elders tries the first one at once.
        let lost = self.machine.phase() == ElectionPhase::Member && input == ElectionInput::Lost;
        let outputs = self.machine.step(self.started.elapsed(), input);
        if !outputs.iter().any(|output| matches!(output, ElectionOutput::Show(_))) {
            self.still_says();
        }
        if lost && !self.gave_way {
            self.tell(ElectionNews::HostLost);
        }
        for output in outputs {
            tracing::debug!(?output, "election");
            self.carry_out(output).await;
        }
    }

    fn tell(&self, news: ElectionNews) {
        // Nobody listens: fine.
        let _ = self.news.send(news);
    }

    // ---- what happens

    async fn heard(&mut self, heard: Heard) {
        let Heard::Event(seen) = heard else { return };
        if let Event::Succession { host, stations, .. } = &seen.event {
            for next in stations {
                self.note_address(&next.url);
            }
            if self.member_of.replace(*host) != Some(*host) {
                self.gave_way = false;
                self.tell(ElectionNews::Member { host: *host });
            }
        }
        if let Some(input) = ElectionInput::of(&seen.event) {
            // Lost, or moved elsewhere: whose session it is in next is news.
            if !matches!(input, ElectionInput::Joined { .. }) {
                self.member_of = None;
            }
            self.step(input).await;
        }
    }

    async fn result(&mut self, result: Outcome) {
        match result {
            Outcome::Input(input) => self.step(input).await,
            // Our station has been moved since.
            Outcome::Hosts(host, _, group) if group != self.wanted.group => host.stop().await,
            Outcome::Hosts(host, events, group) => {
                let url = format!("ws://{}/", SocketAddr::new(self.our_address(), host.address().port()));
                self.hosting = Some((host, events));
                self.tell(ElectionNews::Hosting { url: url.clone(), group });
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                self.step(ElectionInput::Started { url, since }).await;
            }
            Outcome::DoesNotHost(why) => {
                self.tell(ElectionNews::NotHosting { why });
                self.step(ElectionInput::NotStarted).await;
            }
        }
    }

    // ---- what is to be done

    async fn carry_out(&mut self, output: ElectionOutput) {
        match output {
            ElectionOutput::Start => {
                // One of ours at a time.
                self.end_departed().await;
                self.start();
            }
            ElectionOutput::Join { url } => self.go(SessionTarget::Url(url), BTreeSet::new()),
            ElectionOutput::Lead { url, mut others } => {
                others.retain(|other| self.candidates.get(other).is_some_and(|at| lead_to(&url, at)));
                self.go(SessionTarget::Url(url), others);
            }
            ElectionOutput::GoBack => {
                self.go(SessionTarget::Group(self.wanted.group.clone()), BTreeSet::new());
            }
            ElectionOutput::Show(host) => self.show(&host),
            ElectionOutput::Companions(stations) => {
                // It has stopped: the events tell.
                let _ = self.station.companions(stations).await;
            }
            ElectionOutput::TakesPart(takes_part) => {
                // The same.
                let _ = self.station.takes_part(takes_part).await;
            }
            ElectionOutput::Group(group) => self.look_in(group).await,
            ElectionOutput::Probe { host, url } => self.probe(host, url),
            ElectionOutput::End { next } => self.give_way(next).await,
            _ => {}
        }
    }

    fn go(&mut self, to: SessionTarget, others: BTreeSet<StationUuid>) {
        let (station, told) = (self.station.clone(), self.told.clone());
        let back = matches!(to, SessionTarget::Group(_));
        tokio::spawn(async move {
            let moved = station.move_with(to, others).await;
            tracing::debug!(?moved, "election");
            let failed = match moved {
                Ok(_) => return,
                Err(_) if !back => ElectionInput::NotJoined,
                Err(_) if matches!(station.session().await, Ok(Some(_))) => ElectionInput::NotBack,
                // It is there already, or has stopped.
                Err(_) => return,
            };
            // The election has ended.
            let _ = told.send(Outcome::Input(failed)).await;
        });
    }

    async fn end(mut self) {
        for (host, _) in self.hosting.take().into_iter().chain(self.departed.take()) {
            host.stop().await;
        }
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
    }
}

/// How a candidate reaches hosts.
pub(crate) fn web_socket() -> WsTransport {
    WsTransport::default().with_limits(watchful(TransportLimits::default()))
}

/// Connections of which one end is cut off are noticed within a few seconds.
fn watchful(limits: TransportLimits) -> TransportLimits {
    let (after, within) = (ElectionConfig::PING_AFTER, ElectionConfig::PONG_WITHIN);
    TransportLimits { ping_after: Some(after), pong_within: within, ..limits }
}

impl fmt::Debug for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Election")
            .field("candidate", &self.candidate)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// Results that wait.
const QUEUE: usize = 32;
