//! A station of ours on a simulated host: what the driver is on a real one, with the world in place of sockets, disk and discovery.
//!
//! It decides nothing: whatever happens becomes an [`Input`] of the [`Core`], whatever the core wants is done on the host. Everything that a rule
//! depends on is told to the ledger on the way, from the wire and not from what the core makes of it.

mod bridged;
mod carry;
mod deeds;
mod errands;
pub(crate) mod giving_up;
mod later;
pub(crate) mod link;
mod parts;
mod places;
pub(crate) mod sights;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lan_sim::{Bulk, Conn, Content, Event, HostCtx, HostId, Time};
use mvrx_core::{
    Command, Config, ConnId, Core, Ending, Event as CoreEvent, Input, Moves, Presence, ProposalId, RequestId,
    SessionConfig,
};
use mvrx_message::{
    Candidate, Commit, FileUuid, GroupName, Leave, Message, MvrVersion, SessionTarget, StationUuid,
};

use crate::Act;
use crate::bridging::Part;
use crate::crew::Places;
use crate::ledger::{LIMIT, Shared};
use crate::parts::Parts;
use crate::planted::Planted;
use crate::shelf::{Along, Incoming, Shelf};
use later::Later;
use link::{Found, Link};
pub(crate) use places::{address_of, group_in, is_session, place_text};
use sights::{Change, Due, Sights};

/// What a station is started with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) name: String,
    pub(crate) group: GroupName,
    /// Where people send it.
    pub(crate) places: Rc<Places>,
    /// The StationUUID-independent part of its instance name; `None`: the bare group, as one product has it.
    pub(crate) shares_instance: bool,
    /// It listens to another port after each start.
    pub(crate) moves_port: bool,
    pub(crate) planted: Planted,
    pub(crate) limits: mvrx_core::Limits,
    /// How long discovery believes in it without a word.
    pub(crate) ttl: Duration,
    /// Where the host of its session is; `None`: TCP mode.
    pub(crate) session: Option<SocketAddr>,
    /// It goes where others lead, and keeps the place for its next start.
    pub(crate) moving: bool,
    /// People and the machine take a while for what a move asks of them, so that it can crash meanwhile.
    pub(crate) slow: bool,
    /// It takes part in the election of a host; where it is is not kept for its next start, then.
    pub(crate) candidate: Option<Candidate>,
    /// It is one of a bridge's stations.
    pub(crate) part: Option<Part>,
    /// There are bridges, and what they bring is looked at.
    pub(crate) among_bridges: bool,
    /// It moves without asking anybody to come along.
    pub(crate) alone: bool,
    pub(crate) ledger: Shared,
}

/// A connection whose last bytes go out.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) queue: lan_sim::SendQueue,
    pub(crate) until: Time,
    /// The file among them.
    pub(crate) sending: Option<(ConnId, u64)>,
}

/// A station of ours.
#[derive(Debug)]
pub struct Station {
    core: Core,
    setup: Setup,
    shelf: Shelf,
    port: u16,
    announced: Vec<String>,
    links: BTreeMap<ConnId, Link>,
    by_conn: HashMap<Conn, ConnId>,
    /// Those that lead to the session's host, or are to.
    to_host: BTreeMap<ConnId, SocketAddr>,
    /// Links with a file on its way: those whose silence is timed.
    transfers: BTreeSet<ConnId>,
    /// The core has forgotten these; what waits goes out, then they are closed.
    closing: BTreeMap<Conn, Closing>,
    sights: Sights,
    arrived: BTreeMap<RequestId, (Incoming, Content)>,
    parts: Parts,
    next_accepted: u64,
    next_request: u64,
    names: u32,
    steps: u64,
    inputs: VecDeque<Input>,
    stepping: bool,
    /// What a candidate's election is still to hear.
    heard: VecDeque<CoreEvent>,
    later: Later,
    /// What was kept before the move under way kept its place.
    kept_before: Option<String>,
    /// What its operator answers for the host beside it.
    for_host: VecDeque<(ProposalId, SessionTarget, bool)>,
    /// Files of other groups that came along, and what that was before the move under way.
    along: Along,
    along_before: Option<Along>,
    /// What is committed during a move; its end says in which place.
    held_back: Option<Vec<(Act, Vec<StationUuid>)>>,
    /// It moves because its own people want it to.
    leads: bool,
}

/// Whose proposals a candidate follows on that machine, and the host beside it.
pub(crate) fn rule_of(machine: HostId) -> Moves {
    match machine.0 % 4 {
        2 => Moves::Ask,
        3 => Moves::Never,
        _ => Moves::Always,
    }
}

impl Station {
    /// Starts: finds its identity and its files, listens, browses, joins.
    pub(crate) fn start(setup: Setup, net: &mut HostCtx<'_>) -> Self {
        let shelf = Shelf::new(net.disk());
        let fresh = random_bytes(net);
        let me = setup.part.as_ref().map_or_else(|| shelf.identity(fresh), |part| part.id);
        let moved = if setup.moves_port { u16::try_from(net.boot() % 100).unwrap_or(0) } else { 0 };
        let first = if setup.part.is_some() { 0 } else { PORT + moved };
        let port = net.listen(first).or_else(|_| net.listen(0)).unwrap_or(0);
        if setup.session.is_none() || setup.moving {
            net.browse();
        }
        let addresses: Vec<SocketAddr> =
            net.addresses().into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        setup.ledger.borrow_mut().starts(net.host(), me, &addresses);
        let mut config = Config::new(me, &setup.name, "mvrx worlds", setup.group.clone());
        config.limits = setup.limits.clone();
        let mut session = setup.session.map(|at| format!("ws://{at}/"));
        config.candidate = setup.candidate;
        setup.consents(net.host(), &mut config);
        if (setup.candidate.is_some() || setup.moving)
            && let Some(kept) = shelf.place()
        {
            let (place, group) = kept.split_once('\n').unwrap_or((&kept, &kept));
            config.group = GroupName::join(group).unwrap_or(config.group);
            session = is_session(place).then(|| place.to_owned());
        }
        config.session = session.map(|url| SessionConfig::new(&url, net.random()));
        let first_request = setup.part.as_ref().map_or(u64::from(net.boot()) << 32, |part| part.requests);
        let along = shelf.along();
        let mut station = Self {
            core: Core::new(config),
            setup,
            shelf,
            along,
            along_before: None,
            held_back: None,
            leads: false,
            port,
            announced: Vec::new(),
            links: BTreeMap::new(),
            by_conn: HashMap::new(),
            to_host: BTreeMap::new(),
            transfers: BTreeSet::new(),
            closing: BTreeMap::new(),
            sights: Sights::default(),
            arrived: BTreeMap::new(),
            parts: Parts::default(),
            next_accepted: 0,
            // Numbers of temporary files go on where those of the start before ended.
            next_request: first_request,
            names: 0,
            steps: 0,
            inputs: VecDeque::new(),
            stepping: false,
            heard: VecDeque::new(),
            later: Later::default(),
            kept_before: None,
            for_host: VecDeque::new(),
        };
        for commit in station.taken_back_elsewhere() {
            station.step(Input::Command(Command::RestoreWithdrawn(commit)), net);
        }
        for (commit, content) in station.recover() {
            station.setup.ledger.borrow_mut().has_bytes(net.host(), "restores", commit.file, &content);
            let restored = station.restored(commit);
            station.step(Input::Command(restored), net);
        }
        station.notes_trouble(net.host());
        station.step(Input::Start, net);
        station
    }

    /// The core, to look at.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// Its StationUUID.
    pub fn id(&self) -> StationUuid {
        self.core.config().station
    }

    /// Whether nothing waits to be sent and nothing is being closed.
    pub fn is_idle(&self) -> bool {
        self.closing.is_empty() && self.links.values().all(|link| link.out.is_empty())
    }

    /// Where it is announced.
    pub fn announced(&self) -> &[String] {
        &self.announced
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The file of a commit as its store has it.
    pub fn file(&self, file: FileUuid) -> Option<Content> {
        self.shelf.open(file).ok()
    }

    fn step(&mut self, input: Input, net: &mut HostCtx<'_>) {
        self.inputs.push_back(input);
        if std::mem::replace(&mut self.stepping, true) {
            // What is being carried out goes first.
            return;
        }
        while let Some(input) = self.inputs.pop_front() {
            let outputs: Vec<_> = self.core.step(net.now().since_start(), input).collect();
            for output in outputs {
                self.carry_out(output, net);
            }
            self.steps += 1;
            self.check_limits(net.host());
        }
        self.stepping = false;
    }

    fn check_limits(&self, host: HostId) {
        let limits = &self.core.config().limits;
        let (dialed, accepted) = self.core.connections();
        let within = |what: &str, is: usize, most: usize| {
            if is > most {
                let text = format_args!("{host} holds {is} {what}, {most} are allowed");
                self.setup.ledger.borrow_mut().violate(LIMIT, text);
            }
        };
        // While it moves it is one station in the new place, one in the old.
        let places = if self.setup.moving { 3 } else { 1 };
        within("dialed connections", dialed, places * (limits.exchanges + limits.fetches));
        within("accepted connections", accepted, places * limits.inbound);
        if self.steps.is_multiple_of(64) {
            within("stations", self.core.station_count(), limits.stations);
            let unheld = self.core.commits().filter(|view| !view.held).count();
            within("commits of others", unheld, limits.commits);
        }
    }

    // ---- what happens

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Wake => {
                self.keep_alive(net);
                self.end_idle(net);
                self.do_what_is_due(net);
                while let Some(due) = self.sights.due(net.now()) {
                    match due {
                        Due::Ask(instances) => instances.iter().for_each(|instance| net.suspect(instance)),
                        Due::Shows(place) => self.sighted(place, net),
                        Due::Gone(place) => self.vanished(place, net),
                    }
                }
                self.step(Input::Tick, net);
            }
            Event::Connected { conn } => {
                if let Some(id) = self.by_conn.get(&conn).copied() {
                    if let Some(link) = self.links.get_mut(&id) {
                        link.stands_since(net.now());
                    }
                    let input = match self.to_host.get(&id).copied() {
                        Some(address) => Input::HostReached { conn: id, address },
                        None => Input::Dialed { conn: id },
                    };
                    self.step(input, net);
                }
            }
            Event::DialFailed { conn, .. } => {
                if let Some(id) = self.by_conn.remove(&conn) {
                    self.links.remove(&id);
                    let what = "no connection".to_owned();
                    let input = match self.to_host.remove(&id) {
                        Some(_) => Input::HostUnreachable { conn: id, what },
                        None => Input::DialFailed { conn: id },
                    };
                    self.step(input, net);
                }
            }
            Event::Accepted { conn, peer, .. } => {
                let id = ConnId::Accepted(self.next_accepted);
                self.next_accepted += 1;
                self.by_conn.insert(conn, id);
                self.links.insert(id, Link::new(conn, peer));
                self.step(Input::Accepted { conn: id, peer }, net);
                self.read(id, net);
            }
            Event::Readable { conn } => {
                if let Some(id) = self.by_conn.get(&conn).copied() {
                    self.read(id, net);
                }
            }
            Event::Writable { conn } => self.writable(conn, net),
            Event::Broken { conn, .. } => {
                let closing = self.closing.remove(&conn);
                self.sending_ended(closing.and_then(|closing| closing.sending), false, net);
                if let Some(id) = self.by_conn.get(&conn).copied() {
                    self.ended(id, Ending::Broken, net);
                }
            }
            Event::Sighted(seen) => {
                let (place, doubted) = self.sights.heard(Arc::clone(&seen), net.now());
                doubted.iter().for_each(|instance| net.suspect(instance));
                self.sighted(place, net);
            }
            Event::Vanished(gone) => match self.sights.gone(&gone) {
                Change::Shows(place) => self.sighted(place, net),
                Change::Gone(place) => self.vanished(place, net),
                Change::Nothing => {}
            },
            _ => {}
        }
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let idle = self.transferring().filter_map(|(_, link)| link.idle_at).min();
        let closing = self.closing.values().map(|closing| closing.until).min();
        let beat = self.to_host.keys().filter_map(|id| self.links.get(id)?.beat_at()).min();
        [
            self.core.deadline().map(Time::from),
            idle,
            closing,
            self.sights.deadline(),
            beat,
            self.later.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn transferring(&self) -> impl Iterator<Item = (ConnId, &Link)> {
        self.transfers.iter().filter_map(|id| Some((*id, self.links.get(id)?)))
    }

    fn read(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        while let Some(found) = self.links.get_mut(&id).and_then(|link| link.next(net)) {
            self.found(id, found, net);
        }
    }

    fn found(&mut self, id: ConnId, found: Found, net: &mut HostCtx<'_>) {
        match found {
            Found::Message(parsed) => {
                let told = self.hears(id, &parsed.message, net);
                self.parts.wants(id, &parsed.message);
                if told && !self.parts.is_answer(id, &parsed.message) {
                    self.step(Input::Received { conn: id, parsed: Arc::from(parsed) }, net);
                }
            }
            Found::Alive => {}
            Found::Beat(words) => {
                // A file is in the queue as a whole: this goes behind it.
                if let Some(link) = self.links.get_mut(&id) {
                    link.push_message(&link::pong(&words));
                }
                self.flush(id, net);
            }
            Found::Malformed(what) => self.step(Input::Malformed { conn: id, what }, net),
            Found::FileBegins(length) => self.step(Input::FileBegins { conn: id, length }, net),
            Found::FileArrived(receiving) => {
                if self.links.get_mut(&id).is_none_or(|link| link.rests(link.sending.is_some())) {
                    self.transfers.remove(&id);
                }
                if !self.is_the_file(id, &receiving, net) {
                    return;
                }
                let request = receiving.request;
                let whole = receiving.incoming.finish();
                if self.setup.planted == Planted::ShortFile && receiving.pieces > 1 {
                    receiving.incoming.lose_last_byte();
                }
                match whole {
                    Ok((content, hash)) => {
                        let length = content.len();
                        self.arrived.insert(request, (receiving.incoming, content));
                        self.step(Input::FileArrived { request, length, hash }, net);
                    }
                    Err(error) => self.file_failed(id, error.to_string(), true, net),
                }
            }
            Found::FileFailed(what, local) => self.file_failed(id, what, local, net),
            Found::Ended(ending) => self.ended(id, ending, net),
        }
    }

    /// Tells the ledger what came. `false`: the core is not told, for a bug planted on purpose.
    fn hears(&mut self, id: ConnId, message: &Message, net: &mut HostCtx<'_>) -> bool {
        let host = net.host();
        let first = self.links.get_mut(&id).is_some_and(|link| !std::mem::replace(&mut link.heard, true));
        let mut ledger = self.setup.ledger.borrow_mut();
        if self.setup.among_bridges && self.setup.part.is_none() {
            ledger.hears_of(host, self.id(), message);
        }
        let place = self.core.place();
        let next = self.core.moving_to().and_then(|(to, _)| group_in(to));
        let groups: Vec<&str> = group_in(&place).into_iter().chain(next).collect();
        let of_another = match message {
            Message::Leave(Leave { group: Some(group), .. }) => !groups.contains(&group.as_str()),
            // Who is announced in our group has left another one.
            Message::Leave(leave) => {
                group_in(&place).is_some_and(|ours| ledger.is_announced_in(leave.station, &[ours]))
            }
            _ => false,
        };
        if let Some(next) = next {
            let from = match message {
                Message::Join(join) => Some(join.station),
                Message::JoinRet(ret) => ret.station.filter(|_| ret.reply.ok),
                _ => None,
            };
            if from.is_some_and(|from| ledger.was_ever_in(from, next)) {
                ledger.view(host).into_iter().for_each(|view| view.met = true);
            }
        }
        let Some(view) = ledger.view(host) else { return true };
        match message {
            Message::Join(join) => view.heard_join(join.station, id),
            Message::Leave(_) if of_another => {}
            // That of a stand-in says nothing of where its station is itself.
            Message::Leave(leave) if leave.bridge.is_some() => {}
            Message::Leave(leave) => {
                view.heard_leave(leave, first.then_some(id), next.is_some());
                if self.setup.planted == Planted::CommitToWhoLeft {
                    drop(ledger);
                    let reply = Message::LeaveRet(mvrx_message::Reply::ok());
                    if let Some(link) = self.links.get_mut(&id) {
                        link.push_message(&reply.to_json(&mvrx_message::Dialect::strict()));
                    }
                    self.flush(id, net);
                    return false;
                }
            }
            _ => {}
        }
        true
    }

    /// A connection is over by itself.
    fn ended(&mut self, id: ConnId, ending: Ending, net: &mut HostCtx<'_>) {
        let transfers = self.links.get(&id).is_some_and(|link| link.is_receiving());
        let sends =
            ending == Ending::Broken && self.links.get(&id).is_some_and(|link| link.sending.is_some());
        if transfers || sends {
            return self.file_failed(id, "the connection broke".to_owned(), false, net);
        }
        let is_host = self.to_host.contains_key(&id);
        self.let_go(id, net);
        let input = if is_host {
            Input::HostLost { conn: id, what: "the connection ended".to_owned() }
        } else {
            Input::Closed { conn: id, ending }
        };
        self.step(input, net);
    }

    fn file_failed(&mut self, id: ConnId, what: String, local: bool, net: &mut HostCtx<'_>) {
        if let Some(link) = self.links.get_mut(&id) {
            // Told below.
            link.sending = None;
        }
        let received = self.links.get_mut(&id).and_then(|link| link.abandon());
        let more = received.as_ref().and_then(|receiving| self.keep_part(id, receiving));
        self.let_go(id, net);
        if let (Some(bytes), Some(receiving), false) = (more, &received, local) {
            self.step(Input::PartKept { request: receiving.request, bytes }, net);
        }
        if self.setup.planted == Planted::RequestNeverEnds && received.is_some() {
            return;
        }
        self.step(Input::FileFailed { conn: id, what, local }, net);
    }

    fn keep_alive(&mut self, net: &mut HostCtx<'_>) {
        let now = net.now();
        let due = |id: &&ConnId| self.links.get(id).and_then(Link::beat_at).is_some_and(|at| at <= now);
        let due: Vec<ConnId> = self.to_host.keys().filter(due).copied().collect();
        for id in due {
            if self.links.get_mut(&id).is_some_and(|link| link.keep_alive(now)) {
                self.flush(id, net);
            } else {
                self.ended(id, Ending::Broken, net);
            }
        }
    }

    fn end_idle(&mut self, net: &mut HostCtx<'_>) {
        let now = net.now();
        let idle: Vec<ConnId> = self
            .transferring()
            .filter(|(_, link)| link.idle_at.is_some_and(|at| at <= now))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            if let Some(link) = self.links.get_mut(&id) {
                // Nothing that waits would go out.
                link.out = lan_sim::SendQueue::new();
            }
            self.file_failed(id, "nothing moved for too long".to_owned(), false, net);
        }
        let stuck: Vec<Conn> =
            self.closing.iter().filter(|(_, closing)| closing.until <= now).map(|(conn, _)| *conn).collect();
        for conn in stuck {
            let closing = self.closing.remove(&conn);
            net.abort(conn);
            self.sending_ended(closing.and_then(|closing| closing.sending), false, net);
        }
    }
}

/// A commit as a station makes it.
pub(crate) fn draft(
    file: FileUuid,
    author: StationUuid,
    content: Bulk,
    for_stations: Vec<StationUuid>,
    hashed: bool,
) -> Commit {
    Commit {
        file,
        station: Some(author),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: content.length,
        for_stations,
        comment: "a made-up show".to_owned(),
        file_name: "show.mvr".to_owned(),
        blake3: hashed.then(|| Content::from(content).digest()),
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

/// The group that an instance name says: what stands behind the last dot or the `@`, or all of it.
pub(crate) fn group_of(instance: &str) -> Option<&str> {
    instance.rsplit(['.', '@']).next().filter(|group| !group.is_empty())
}

pub(crate) fn nth_of<T: Copy>(items: &[T], nth: u32) -> Option<T> {
    let length = u32::try_from(items.len()).ok().filter(|length| *length > 0)?;
    items.get((nth % length) as usize).copied()
}

pub(crate) fn random_bytes(net: &mut HostCtx<'_>) -> [u8; 16] {
    let mut bytes = [0; 16];
    for eight in bytes.chunks_mut(8) {
        eight.copy_from_slice(&net.random().to_le_bytes());
    }
    bytes
}

/// Whether a station is in its group.
pub(crate) fn is_present(station: &Station) -> bool {
    station.core.presence() == Presence::Present
}

/// The port a station tries first.
pub(crate) const PORT: u16 = 42_424;
/// A transfer on which nothing moves is given up after this, as the transport does.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
