//! Runs a station's part in the election of its group's host ([`mvrx_core::election`]): what discovery shows, what the station hears and what the
//! host tells become inputs; hosts are started and ended, and the station is moved, as the machine says.
//!
//! It decides nothing. It owns the host while there is one, and a discovery of its own. It ends when the station has stopped, and the host with it.
//!
//! The host goes by the station's own rule for moves. What somebody proposes to the host is asked among the station's events, since one operator has
//! both; the host is hidden as soon as its own station has been moved away, and ends when everybody else has answered.
//!
//! Rules a caller keeps: the station was built with the same [`Builder::candidate`] and [`Builder::moves`]. One that begins in a session was moved
//! there by a person, and takes part from when it is one of an elected host's session.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mvrx_core::election::{
    ElectedHost, Election as Machine, ElectionConfig, ElectionInput, ElectionOutput, ElectionPhase,
};
use mvrx_core::host::Event as HostEvent;
use mvrx_core::{Event, Moves};
use mvrx_discovery::{Discovery, DiscoveryError, DiscoveryEvent, Elected, SessionAdvertisement, SightingKey};
use mvrx_message::{Candidate, GroupName, SessionTarget, StationUuid, Successor};
use mvrx_transport::{Limits as TransportLimits, WsTransport, WsUrl};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::driver::sleep_until;
use crate::{Builder, Events, Heard, HostOptions, Station, StationInfo};

/// What an application may want to know of the election.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElectionNews {
    /// We host from now on.
    Hosting {
        /// Where.
        url: String,
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
    /// The group of TCP mode whose session it is.
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
        let config = ElectionConfig::new(station.uuid(), self.host, self.candidate.priority);
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
            departed: None,
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
    Hosts(Station, Events),
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
    /// The same host after our own station has gone, while others are still on their way.
    departed: Option<(Station, Events)>,
    discovery: Option<Box<dyn Discovery>>,
    /// Each with where it is.
    candidates: HashMap<StationUuid, Vec<SocketAddr>>,
    /// Where others were seen, the latest first: by the same way they see us.
    seen_at: VecDeque<SocketAddr>,
    says: Says,
}

/// What our host says of itself to another one that asks.
type Says = Arc<Mutex<Option<String>>>;

impl Runner {
    async fn step(&mut self, input: ElectionInput) {
        let before = self.machine.phase();
        let outputs = self.machine.step(self.started.elapsed(), input);
        let after = self.machine.phase();
        if (before, after) == (ElectionPhase::Member, ElectionPhase::Succeeding) {
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
        if let Event::Succession { host, stations } = &seen.event {
            for next in stations {
                self.note_address(&next.url);
            }
            if self.machine.phase() != ElectionPhase::Member {
                self.tell(ElectionNews::Member { host: *host });
            }
        }
        if let Some(input) = ElectionInput::of(&seen.event) {
            self.step(input).await;
        }
    }

    async fn result(&mut self, result: Outcome) {
        match result {
            Outcome::Input(input) => self.step(input).await,
            Outcome::Hosts(host, events) => {
                let url = format!("ws://{}/", SocketAddr::new(self.our_address(), host.address().port()));
                self.hosting = Some((host, events));
                self.tell(ElectionNews::Hosting { url: url.clone() });
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                self.step(ElectionInput::Started { url, since }).await;
            }
            Outcome::DoesNotHost(why) => {
                self.tell(ElectionNews::NotHosting { why });
                self.step(ElectionInput::NotStarted).await;
            }
        }
    }

    async fn found(&mut self, found: Option<DiscoveryEvent>) {
        match found {
            Some(DiscoveryEvent::Sighted(seen)) => {
                let Some(station) = seen.station else { return };
                let here = seen.group.as_deref() == Some(self.wanted.group.as_str());
                match seen.ours.and_then(|ours| ours.candidate).filter(|_| here) {
                    Some(candidate) => {
                        self.note_peer(seen.addresses.iter().copied().find(is_whole));
                        self.candidates.insert(station, seen.addresses);
                        let priority = candidate.priority;
                        self.step(ElectionInput::StationSeen { station, priority }).await;
                    }
                    None => self.candidate_gone(station).await,
                }
            }
            Some(DiscoveryEvent::Vanished { key: SightingKey::Station(station) }) => {
                self.candidate_gone(station).await;
            }
            Some(DiscoveryEvent::Session(seen)) if seen.group == self.wanted.group.as_str() => {
                let mut seen = seen;
                if seen.addresses.iter().any(is_whole) {
                    seen.addresses.retain(is_whole);
                }
                let (Some(elected), Some(url)) = (seen.elected, seen.urls().into_iter().next()) else {
                    return;
                };
                if seen.station != self.wanted.host {
                    self.note_peer(seen.addresses.first().copied());
                }
                let Elected { priority, since, alone } = elected;
                let host = ElectedHost { host: seen.station, priority, since, alone, url };
                self.step(ElectionInput::HostSeen(host)).await;
            }
            Some(DiscoveryEvent::SessionVanished { station }) => {
                self.step(ElectionInput::HostGone { host: station }).await;
            }
            Some(_) => {}
            None => {
                self.discovery = None;
                self.tell(ElectionNews::Problem { what: "discovery has ended".to_owned() });
            }
        }
    }

    async fn candidate_gone(&mut self, station: StationUuid) {
        if self.candidates.remove(&station).is_some() {
            self.step(ElectionInput::StationGone { station }).await;
        }
    }

    // req: ELE-11
    async fn of_host(&mut self, heard: Heard) {
        self.note_move(&heard);
        if let (Some((host, _)), Heard::Event(seen)) = (&self.hosting, heard) {
            // It has stopped: its own events tell.
            let _ = self.station.host_tells(host.clone(), seen.event).await;
        }
        self.count_members().await;
    }

    fn note_move(&mut self, heard: &Heard) {
        match heard {
            Heard::Event(seen) if matches!(seen.event, Event::MoveBegun { .. }) => self.host_moves = true,
            Heard::Session(seen) if matches!(seen.event, HostEvent::MoveEnded { .. }) => {
                self.host_moves = false;
            }
            _ => {}
        }
    }

    /// Our station has gone with its session: the host ends once everybody has answered.
    async fn of_departed(&mut self, heard: Option<Heard>) {
        if let Some(heard) = &heard {
            self.note_move(heard);
        }
        if heard.is_none() || !self.host_moves {
            self.end_departed().await;
        }
    }

    async fn end_departed(&mut self) {
        if let Some((host, _)) = self.departed.take() {
            host.stop().await;
            self.host_moves = false;
            self.tell(ElectionNews::HostEnded);
        }
    }

    async fn count_members(&mut self) {
        let Some((host, _)) = &self.hosting else { return };
        let us = self.station.uuid();
        if let Ok(stations) = host.stations().await {
            self.step(ElectionInput::Members(members(&stations, us))).await;
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
            ElectionOutput::Join { url } => self.go(SessionTarget::Url(url), BTreeSet::new(), true),
            ElectionOutput::Lead { url, mut others } => {
                others.retain(|other| self.candidates.get(other).is_some_and(|at| lead_to(&url, at)));
                self.go(SessionTarget::Url(url), others, true);
            }
            ElectionOutput::GoBack => {
                self.go(SessionTarget::Group(self.wanted.group.clone()), BTreeSet::new(), false);
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
            ElectionOutput::Probe { host, url } => self.probe(host, url),
            ElectionOutput::End { next } => self.give_way(next).await,
            _ => {}
        }
    }

    fn start(&mut self) {
        // Where another program has the port meanwhile, any other one will do: the session shows where it is.
        let told = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, self.wanted.candidate.port));
        let listen = if TcpListener::bind(told).is_ok() { told } else { SocketAddr::new(told.ip(), 0) };
        let mut options = HostOptions::default().announce(false);
        options.elected = Some(self.station.uuid());
        options.transport = watchful(options.transport);
        let says = Arc::clone(&self.says);
        let said = move || says.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let transport = WsTransport::default().with_limits(options.transport).with_note(said);
        let described = (self.wanted.make_host)();
        let (identity, group) = (self.wanted.host, self.wanted.group.as_str().to_owned());
        let (moves, told) = (self.wanted.moves.clone(), self.told.clone());
        tokio::spawn(async move {
            let started = async {
                let host = described?
                    .identity(identity)
                    .group(group)
                    .listen(listen)
                    .transport(transport)
                    .moves(moves);
                host.host(options).spawn().await.map_err(|error| error.to_string())
            };
            let result = match started.await {
                Ok((host, events)) => Outcome::Hosts(host, events),
                Err(why) => Outcome::DoesNotHost(why),
            };
            // The election has ended.
            let _ = told.send(result).await;
        });
    }

    fn go(&mut self, to: SessionTarget, others: BTreeSet<StationUuid>, matters: bool) {
        let (station, told) = (self.station.clone(), self.told.clone());
        tokio::spawn(async move {
            let moved = station.move_with(to, others).await;
            tracing::debug!(?moved, "election");
            if moved.is_err() && matters {
                // The election has ended.
                let _ = told.send(Outcome::Input(ElectionInput::NotJoined)).await;
            }
        });
    }

    fn probe(&self, host: StationUuid, url: String) {
        let told = self.told.clone();
        tokio::spawn(async move {
            let ask = async {
                let at: WsUrl = url.parse().ok()?;
                read_note(&WsTransport::default().note_of(at).await.ok()??, url)
            };
            let says = tokio::time::timeout(ElectionConfig::ATTEMPT, ask).await.ok().flatten();
            // The election has ended.
            let _ = told.send(Outcome::Input(ElectionInput::Probed { host, says })).await;
        });
    }

    async fn give_way(&mut self, next: Option<ElectedHost>) {
        self.say(None);
        let Some((host, mut events)) = self.hosting.take() else { return };
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
        match next {
            Some(next) => {
                self.tell(ElectionNews::GaveWay { url: next.url.clone() });
                let ElectedHost { host: station, priority, url, .. } = next;
                host.end_for(Successor { station, priority, url }).await;
                self.host_moves = false;
            }
            None => {
                while let Some(heard) = told_already(&mut events).await {
                    self.note_move(&heard);
                }
                self.departed = Some((host, events));
                if !self.host_moves {
                    self.end_departed().await;
                }
            }
        }
        self.look();
    }

    async fn end(mut self) {
        for (host, _) in self.hosting.take().into_iter().chain(self.departed.take()) {
            host.stop().await;
        }
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
    }

    // ---- the network

    fn look(&mut self) {
        let made = (self.wanted.make_discovery)().and_then(|mut discovery| {
            discovery.look_for_sessions()?;
            discovery.look_in(&self.wanted.group);
            Ok(discovery)
        });
        match made {
            Ok(discovery) => self.discovery = Some(discovery),
            Err(error) => self.tell(ElectionNews::Problem { what: error.to_string() }),
        }
    }

    fn say(&self, what: Option<&ElectedHost>) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = what.map(note);
    }

    fn show(&mut self, host: &ElectedHost) {
        self.say(Some(host));
        let (Some((running, _)), Some(discovery)) = (&self.hosting, self.discovery.as_mut()) else { return };
        let mut shown =
            SessionAdvertisement::new(host.host, self.wanted.name.clone(), running.address().port());
        self.wanted.group.as_str().clone_into(&mut shown.group);
        shown.elected = Some(elected(host));
        if let Err(error) = discovery.announce_session(&shown) {
            self.tell(ElectionNews::Problem { what: error.to_string() });
        }
    }

    fn note_address(&mut self, url: &str) {
        self.note_peer(socket_of(url));
    }

    fn note_peer(&mut self, at: Option<SocketAddr>) {
        if let Some(at) = at.filter(|at| !at.ip().is_loopback() && is_whole(at)) {
            self.seen_at.retain(|other| *other != at);
            self.seen_at.push_front(at);
            self.seen_at.truncate(PEERS);
        }
    }

    /// Ours on the way to the others.
    fn our_address(&self) -> IpAddr {
        let ways = self.seen_at.iter().filter_map(|at| address_towards(*at));
        ways.into_iter().next().unwrap_or(IpAddr::from([127, 0, 0, 1]))
    }
}

/// How many are in our session by themselves. Whoever is there by a bridge stays in its group whatever becomes of us, and our own bridge brings
/// itself.
// req: ELE-08
fn members(stations: &[StationInfo], us: StationUuid) -> usize {
    stations.iter().filter(|info| info.station != us && info.bridge.is_none()).count()
}

/// Whether an address alone leads there: one of a link needs its interface besides, which no URL says.
fn is_whole(at: &SocketAddr) -> bool {
    !matches!(at.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn elected(host: &ElectedHost) -> Elected {
    let ElectedHost { priority, since, alone, .. } = *host;
    Elected { priority, since, alone }
}

/// Which host it is, and how it stands.
fn note(host: &ElectedHost) -> String {
    format!("{} {}", host.host, elected(host).text())
}

fn read_note(text: &str, url: String) -> Option<ElectedHost> {
    let (host, elected) = text.split_once(' ')?;
    let Elected { priority, since, alone } = Elected::read(elected)?;
    Some(ElectedHost { host: host.parse().ok()?, priority, since, alone, url })
}

/// Whether who is at these addresses sees us at the one in this URL. Who is on another network than that would try in vain for as long as a move
/// may take, and comes sooner by itself: the announced session has our address on its own network.
// req: ELE-09
fn lead_to(url: &str, at: &[SocketAddr]) -> bool {
    let Some(ours) = socket_of(url).map(|at| at.ip()) else { return true };
    ours.is_loopback() || at.iter().any(|at| address_towards(*at) == Some(ours))
}

fn socket_of(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("ws://")?.trim_end_matches('/').parse().ok()
}

/// Sends nothing: the system says which address it would use.
fn address_towards(at: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if at.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(at).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

async fn next_of(discovery: &mut Option<Box<dyn Discovery>>) -> Option<DiscoveryEvent> {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}

async fn next_event(hosting: &mut Option<(Station, Events)>) -> Option<Heard> {
    match hosting {
        Some((_, events)) => events.next().await,
        None => std::future::pending().await,
    }
}

/// What waits to be heard; `None`: nothing at this moment.
async fn told_already(events: &mut Events) -> Option<Heard> {
    tokio::select! {
        biased;
        heard = events.next() => heard,
        () = std::future::ready(()) => None,
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
/// Addresses of others that are remembered.
const PEERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: ELE-09
    #[test]
    fn who_sees_us_at_another_address_than_the_sessions_is_not_asked_to_come_there() {
        let here = SocketAddr::from(([127, 0, 0, 1], 42424));
        assert!(lead_to("ws://127.0.0.1:42480/", &[here]), "all are on this machine");
        assert!(!lead_to("ws://203.0.113.7:42480/", &[here]), "nobody sees us there");
        assert!(!lead_to("ws://203.0.113.7:42480/", &[]));
        // Wherever there is a way out, we are seen at its address by whoever is at its other end.
        let out = SocketAddr::from(([192, 0, 2, 77], 42424));
        if let Some(ours) = address_towards(out) {
            assert!(lead_to(&format!("ws://{}/", SocketAddr::new(ours, 42_480)), &[here, out]));
        }
    }
}
