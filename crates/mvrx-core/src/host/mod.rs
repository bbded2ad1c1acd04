//! The sans-IO state machine of a session's host in WebSocket mode: typed [`Input`]s and the time go in, ordered [`Output`]s come out.
//!
//! ```text
//!  stations' ─ Accepted, Received, FileBegins ─►┌──────┐─ Send, SendFile, ReceiveFile, Close ─► stations' connections
//!  connections                                  │ Host │─ KeepFile, DropFile, ForgetFile ────► store
//!  store ────── Kept, FileArrived ─────────────►│      │─ Export ────────────────────────────► exporter
//!  application ─ Command ──────────────────────►└──────┘─ Event ─────────────────────────────► application, operator
//! ```
//!
//! Stations connect and JOIN; from then on COMMITs of each go to all others, REQUESTs are answered from our store or from whoever has the
//! file, and one read of an owner serves everybody who asks. Files stay here when their author leaves. The host is a station, too: it
//! commits and requests by [`Command`]. Figures 4, 5a, 7, 8 and 9 of the specification are mirrored here; the tables are [`Standing`] (a
//! connection), [`AskPhase`] (a REQUEST) and [`RelayPhase`] (a read from an owner).
//!
//! It deliberately does not know sockets, bytes, files, a clock or a random number.
//!
//! Rules the caller keeps:
//! * drain every [`Outputs`] in order before the next [`Host::step`] (the borrow enforces it);
//! * call `step(now, Input::Tick)` when [`Host::deadline`] has come; `now` never goes backwards;
//! * answer each `ReceiveFile`, `SendFile`, `KeepFile` and `Export` as its page says; after an `Output::Close` or `Input::Closed` the
//!   connection is forgotten, and so are the files on it: answers that come late are ignored;
//! * tell `FileArrived` before the `Closed` of the same connection;
//! * a connection carries at most one file in each direction; messages never wait for it if the connection is not `shared`.
//!
//! Everything held is bounded by [`Limits`]; everything waited for by a [`Timer`] with a default in [`Timers`], or by the transport's
//! pings and idle timeouts where bytes move.
//!
//! ```
//! use std::time::Duration;
//! use mvrx_core::ConnId;
//! use mvrx_core::host::{Config, Host, Input};
//! use mvrx_message::StationUuid;
//!
//! let mut host = Host::new(Config::new(StationUuid::from_random_bytes([7; 16]), "Rack", "MyApp"));
//! let peer = ([10, 0, 0, 2], 50_000).into();
//! assert_eq!(host.step(Duration::ZERO, Input::Accepted { conn: ConnId::Accepted(1), peer }).count(), 0);
//! // It is waited for JOIN, and not for ever.
//! assert_eq!(host.deadline(), Some(Duration::from_secs(15)));
//! ```

mod access;
mod ask;
mod commits;
mod config;
mod contest;
mod event;
mod io;
mod keep;
mod kept;
mod late;
mod link;
mod members;
mod moves;
mod reads;
mod relay;
mod released;
mod requests;
mod rest;
mod roster;
mod standing;
mod succession;
mod timer;
mod withdrawn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mvrx_message::{Dialect, FileUuid, Message, MessageType, Product, Reply, SessionTarget, StationUuid};

pub use self::access::Access;
pub use self::ask::{AskAction, AskEvent, AskPhase};
pub use self::config::{Config, Limits};
pub use self::event::{Event, LimitReached};
pub use self::io::{AskId, Bytes, Command, Input, Output, Outputs, RelayId, Take};
pub use self::link::StationView;
pub use self::relay::{RelayAction, RelayEvent, RelayPhase};
pub use self::standing::{Standing, StandingAction, StandingEvent};
pub use self::timer::{Timer, Timers};

use self::ask::Ask;
use self::contest::Contest;
use self::kept::Kept;
use self::link::{Link, Member};
use self::relay::Relay;
use crate::history::History;
use crate::timer::Agenda;
use crate::withdrawn::ToTell;
use crate::{CommitView, ConnId};

/// The sans-IO host. See the module's page for its contract.
#[derive(Debug)]
pub struct Host {
    config: Config,
    now: Duration,
    links: BTreeMap<ConnId, Link>,
    members: BTreeMap<StationUuid, Member>,
    /// Stations that are asked whether they are still there.
    contests: BTreeMap<StationUuid, Contest>,
    asks: BTreeMap<AskId, Ask>,
    relays: BTreeMap<RelayId, Relay>,
    history: History,
    /// What was taken back in this session, to be told to who comes.
    withdrawn: ToTell,
    /// What nobody gives any more, to be told in a moment.
    released: BTreeSet<FileUuid>,
    /// Relayed files in the store.
    kept: Kept,
    /// Files to be read for keeping, newest last.
    to_gather: BTreeMap<u64, FileUuid>,
    /// Commits that the others are still to be told of, and whether they are no new ones: by who told them, in their order.
    to_announce: BTreeMap<StationUuid, BTreeMap<(u64, FileUuid), bool>>,
    /// Whose turn it was last.
    announced_last: Option<StationUuid>,
    /// Since when commits are counted that the others are told of, and how many were since.
    announced: (Duration, usize),
    agenda: Agenda<Timer>,
    limits_told: Vec<LimitReached>,
    moving: Option<moves::Move>,
    /// The move that was declined last, and by whom it was proposed: it is not told again.
    declined: Option<(StationUuid, SessionTarget)>,
    /// Who succeeds us, as it was told last.
    succession_told: Option<Vec<mvrx_message::Successor>>,
    /// The host for whom we end.
    successor: Option<mvrx_message::Successor>,
    next: u64,
    /// When the first step was taken.
    started: Option<Duration>,
    ended: bool,
    out: VecDeque<Output>,
}

/// How much a host holds, for checks and for reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Connections.
    pub connections: usize,
    /// Joined stations.
    pub stations: usize,
    /// Who waits for a sign of life of the station that it wants to be.
    pub waiting: usize,
    /// Commits known.
    pub commits: usize,
    /// What they take in memory, about, in bytes.
    pub commit_bytes: usize,
    /// Commits that the others are still to be told of; of those that are known.
    pub commits_to_announce: usize,
    /// REQUESTs not answered yet.
    pub asks: usize,
    /// Reads from owners, waiting ones included.
    pub relays: usize,
    /// Relayed files kept.
    pub kept_files: usize,
    /// Their bytes.
    pub kept_bytes: u64,
}

impl Host {
    /// A host to whom nobody has connected yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            now: Duration::ZERO,
            links: BTreeMap::new(),
            members: BTreeMap::new(),
            contests: BTreeMap::new(),
            asks: BTreeMap::new(),
            relays: BTreeMap::new(),
            history: History::default(),
            withdrawn: ToTell::default(),
            released: BTreeSet::new(),
            kept: Kept::default(),
            to_gather: BTreeMap::new(),
            to_announce: BTreeMap::new(),
            announced_last: None,
            announced: (Duration::ZERO, 0),
            agenda: Agenda::default(),
            limits_told: Vec::new(),
            moving: None,
            declined: None,
            succession_told: None,
            successor: None,
            next: 0,
            started: None,
            ended: false,
            out: VecDeque::new(),
        }
    }

    /// Takes one thing that happened, and gives what is to be done now, in order.
    ///
    /// `now` counts from any moment, never goes backwards (an earlier one counts as the last one).
    pub fn step(&mut self, now: Duration, input: Input) -> Outputs<'_> {
        self.now = self.now.max(now);
        let started = *self.started.get_or_insert(self.now);
        if self.now >= started.saturating_add(self.config.timers.first_round) {
            self.history.settle();
        }
        while let Some(timer) = self.agenda.take_due(self.now) {
            self.on_timer(timer);
        }
        self.on_input(input);
        self.settle_contests();
        // In this order nothing is left that could go on: an answer may end a read, an ended read makes room for another.
        self.run_turns();
        self.sweep_relays();
        self.run_gathering();
        self.run_owners();
        self.shrink_kept();
        Outputs { queue: &mut self.out }
    }

    /// When to call `step` with [`Input::Tick`] at the latest; `None`: nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.agenda.next()
    }

    /// The timers that run, for checks and for reading.
    pub fn timers(&self) -> impl Iterator<Item = Timer> + '_ {
        self.agenda.timers()
    }

    /// Every joined station, in the order of StationUUIDs.
    pub fn stations(&self) -> impl Iterator<Item = StationView<'_>> {
        self.members.iter().map(|(station, member)| {
            member.view(*station, self.links.get(&member.conn).map(|link| link.peer))
        })
    }

    /// The [`order`](mvrx_message::Commit::order) of a commit of ours that is about to be made.
    #[must_use]
    pub fn next_order(&mut self) -> u64 {
        self.history.promise(0)
    }

    /// Every commit known that was not withdrawn, in the order of all stations of ours; also those that are not for our own station.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = CommitView<'_>> {
        self.history.views()
    }

    /// What a connection is; `None` for one that is forgotten.
    #[must_use]
    pub fn standing(&self, conn: ConnId) -> Option<Standing> {
        self.links.get(&conn).map(|link| link.standing)
    }

    /// Whose a connection is: that of a joined station, for messages or for files.
    #[must_use]
    pub fn station(&self, conn: ConnId) -> Option<StationUuid> {
        let station = self.links.get(&conn)?.station?;
        let member = self.members.get(&station)?;
        (member.conn == conn || member.files == Some(conn)).then_some(station)
    }

    /// What we take the application on a connection for; [`Product::Other`] before its JOIN.
    #[must_use]
    pub fn product(&self, conn: ConnId) -> Product {
        self.links.get(&conn).map(|link| link.product).unwrap_or_default()
    }

    /// The identity and limits given at the start, with the present name.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether our store has a file.
    #[must_use]
    pub fn holds(&self, file: FileUuid) -> bool {
        self.history.entry(file).is_some_and(|e| e.held)
    }

    /// Whether a commit tells of a file, as far as it is remembered.
    #[must_use]
    pub fn knows(&self, file: FileUuid) -> bool {
        self.history.entry(file).is_some()
    }

    /// What a commit tells of a file, as far as it is remembered.
    #[must_use]
    pub fn commit(&self, file: FileUuid) -> Option<&mvrx_message::Commit> {
        self.history.entry(file).map(|entry| &entry.commit)
    }

    /// How much is held.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            commits_to_announce: self.to_announce.values().map(BTreeMap::len).sum(),
            connections: self.links.len(),
            stations: self.members.len(),
            waiting: self.newcomers(),
            commits: self.history.len(),
            commit_bytes: self.history.bytes(),
            asks: self.asks.len(),
            relays: self.relays.len(),
            kept_files: self.kept.len(),
            kept_bytes: self.kept.bytes(),
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Command(command) => self.on_command(command),
            Input::Accepted { conn, peer } => self.on_accepted(conn, peer),
            Input::Attached { conn, station } => self.on_attached(conn, station),
            Input::Alive { conn } => self.on_alive(conn),
            Input::Received { conn, parsed } => self.on_received(conn, &parsed),
            Input::Malformed { conn, kind, what } => self.on_malformed(conn, kind, what),
            Input::FileBegins { conn } => self.on_file_begins(conn),
            Input::FileArrived { conn, length, hash, archive } => {
                self.on_file_arrived(conn, late::Arrived { length, hash, archive });
            }
            Input::PartWrong { conn } => self.on_part_wrong(conn),
            Input::NotStored { conn, what } => self.on_not_stored(conn, &what),
            Input::ReceiveFailed { conn, what, local } => self.on_receive_failed(conn, &what, local),
            Input::FileSent { ask, length } => self.on_file_sent(ask, length),
            Input::SendFailed { ask, what, begun } => self.on_send_failed(ask, &what, begun),
            Input::Kept { relay } => self.on_kept(relay),
            Input::KeepFailed { relay, what } => self.on_keep_failed(relay, &what),
            Input::Damaged { relay, what } => self.on_damaged(relay, &what),
            Input::Exported { ask, commit } => self.on_exported(ask, commit),
            Input::Closed { conn, what } => self.on_closed(conn, &what),
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(commit) => self.publish(commit, None),
            Command::Restore(commit) => self.restore(commit),
            Command::RestoreWithdrawn(commit) => self.restore_withdrawn(commit),
            Command::Withdraw(file) => self.withdraw(file),
            Command::Release(file) => self.release(file),
            Command::Request { request, file } => self.request(request, file),
            Command::Cancel(request) => self.cancel(request),
            Command::Rename(name) => self.config.station_name = name,
            Command::Move { to, force } => self.move_wanted(to, force),
            Command::AcceptMove(proposal) => self.accept_move(proposal),
            Command::RefuseMove(proposal) => self.refuse_move(proposal),
            Command::EndFor(next) => self.end_for(next),
            Command::End => self.end(),
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Join(conn) | Timer::Left(conn) => self.on_silence(conn),
            Timer::SignOfLife(station) => self.on_no_sign(station),
            Timer::Queue(relay) => self.on_read_deadline(relay, "its turn to be asked did not come in time"),
            Timer::Answer(relay) => self.on_read_deadline(relay, "it did not answer MVR_REQUEST in time"),
            Timer::Export(ask) => self.on_exported(ask, None),
            Timer::Announce => self.announce_more(),
            Timer::Released => self.tell_released(),
            Timer::Move => self.on_move_deadline(),
        }
    }

    fn on_received(&mut self, conn: ConnId, parsed: &mvrx_message::Parsed) {
        if !self.links.contains_key(&conn) {
            return;
        }
        match &parsed.message {
            Message::Join(join) => self.on_join(conn, join),
            Message::Leave(leave) => self.on_leave(conn, leave),
            Message::Commit(commit) => self.on_commit(conn, commit),
            Message::Request(request) => self.on_request(conn, request),
            Message::NewSessionHost(proposal) => self.on_new_session_host(conn, proposal),
            Message::NewSessionHostRet(ret) => self.on_move_ret(conn, ret),
            Message::CommitRet(reply) => self.on_commit_ret(conn, reply),
            Message::RequestRet(reply) => self.on_request_ret(conn, reply),
            other => {
                let what = format!("a message of the type {}, which nobody asked for", other.kind());
                self.peer_error(conn, what);
            }
        }
        self.note_quirks(conn, parsed.quirks);
    }

    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Tells a limit the first time it keeps something out, not each time.
    fn limit(&mut self, limit: LimitReached) {
        if !self.limits_told.contains(&limit) {
            self.limits_told.push(limit);
            self.event(Event::LimitReached(limit));
        }
    }

    fn send(&mut self, conn: ConnId, message: Message) {
        let product = self.links.get(&conn).map_or(Product::Other, |link| link.product);
        let dialect = Dialect::in_session(product);
        self.out.push_back(Output::Send { conn, message: Box::new(message), dialect });
    }

    /// Something senseless came on a connection; too much of it closes the connection.
    fn peer_error(&mut self, conn: ConnId, what: String) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let errors = link.errors.one_more(self.now, self.config.timers.forgiven);
        let (station, address) = (link.station, link.peer);
        let too_many = errors > self.config.limits.errors;
        let last =
            too_many.then(|| format!("too many messages without sense on this connection, the last: {what}"));
        self.event(Event::PeerError { station, address, what });
        if let Some(why) = last {
            self.close(conn, POLICY, &why);
        }
    }

    /// A message that cannot be read is answered where it is clear what it was meant to be: its sender waits.
    // req: HST-23
    fn on_malformed(&mut self, conn: ConnId, kind: Option<MessageType>, what: String) {
        if !self.links.contains_key(&conn) {
            return;
        }
        let why = format!("this message cannot be read: {what}");
        let reply = || refuse(&why);
        let answered =
            [MessageType::Leave, MessageType::Commit, MessageType::Request, MessageType::NewSessionHost];
        if let Some(kind) = kind.filter(|kind| answered.contains(kind)) {
            self.refused(conn, kind, &why);
        }
        match kind {
            Some(MessageType::Join) => self.answer_unread_join(conn, reply()),
            Some(MessageType::Leave) => self.send(conn, Message::LeaveRet(reply())),
            Some(MessageType::Commit) => self.send(conn, Message::CommitRet(reply())),
            Some(MessageType::Request) => self.answer_unread_request(conn, reply()),
            Some(MessageType::NewSessionHost) => self.send(conn, Message::NewSessionHostRet(reply().into())),
            _ => {}
        }
        self.peer_error(conn, what);
    }

    /// Tells that a message was refused.
    // req: AUD-01
    fn refused(&mut self, conn: ConnId, kind: MessageType, message: &str) {
        let Some(link) = self.links.get(&conn) else { return };
        let (station, address) = (link.station, link.peer);
        self.event(Event::MessageRefused {
            station,
            address,
            kind: kind.to_string(),
            message: message.to_owned(),
        });
    }

    /// What a station calls itself, for people.
    fn name_of(&self, station: StationUuid) -> String {
        let name = self.members.get(&station).map(|member| member.name.as_str()).unwrap_or_default();
        if name.is_empty() { station.to_string() } else { name.to_owned() }
    }

    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn refuse(message: &str) -> Reply {
    Reply::refused(message)
}

/// Close codes of RFC 6455 (7.4.1): the session is over; a rule was broken; there is no room now; we failed in the middle of a file.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TRY_LATER: u16 = 1013;
const FAILED: u16 = 1011;
/// What a connection is told that has not joined.
const JOIN_FIRST: &str = "send MVR_JOIN first: this connection has not joined the session";
/// What is told on a connection that is for files.
const FILES_ONLY: &str = "this connection is for files: use the other one";
