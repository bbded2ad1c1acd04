//! The loop that runs the core: whatever happens becomes an [`Input`], each [`Output`] becomes a task, a job or an event.
//!
//! It decides nothing and holds no rule of the protocol. It owns one thread with a current-thread runtime, whatever runtime the
//! application has: a hop to another core costs several times the work of a control message.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mvrx_core::parts::Parts;
use mvrx_core::{
    Command, ConnId, Core, Ending, Event, Input, LimitReached, Output, PlaceId, RequestFailure, RequestId,
};
use mvrx_discovery::{Advertisement, Discovery, DiscoveryEvent, SightingKey};
use mvrx_message::{Commit, FileUuid, GroupName, Product, SessionTarget, StationUuid};
use mvrx_store::{Cancel, ListError, Pending, Store, StoredCommit};
use mvrx_transport::{Connection, FileStyle, WsUrl};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::beside::AskedByHost;
use crate::change::{Changing, Shown};
use crate::commit::{CommitError, Copied};
use crate::connection::{Job, Kind, Link, Report};
use crate::events::Told;
use crate::fetches::Fetches;
use crate::keeping::Keeping;
use crate::looking::{Checked, Look, Looked};
use crate::moves::{HeldBack, Led, Opened, Ways};
use crate::orders::Order;
use crate::transfer::{Fetched, Progress};
use crate::withdrawing::{self, WithdrawError};
use crate::{Exporter, Seen};

/// What the driver's own tasks tell it.
pub(crate) enum Done {
    Accepted(Connection),
    /// Further connections are closed at once.
    NotAccepted(LimitReached),
    Dialed(ConnId, Connection),
    DialFailed(ConnId),
    HostReached(ConnId, Connection),
    HostUnreachable(ConnId, String),
    Copied(Result<Copied, CommitError>, oneshot::Sender<Result<Commit, CommitError>>),
    Imported(Result<Commit, CommitError>, String, oneshot::Sender<Result<Commit, CommitError>>),
    /// By the group in which it lies.
    Exported(ConnId, String, Option<Commit>),
    Kept(RequestId, Box<Looked>),
    Told(Box<Event>),
    Listed(Result<Vec<StoredCommit>, ListError>),
    Opened(Result<Opened, String>),
    /// By the number that the driver gave it.
    PlaceSaved(u64, Result<(), String>),
    Withdrawn(FileUuid, Result<bool, WithdrawError>, withdrawing::Told),
    Problem(String),
}

pub(crate) struct Driver {
    pub(crate) core: Core,
    /// Whether the core has heard the others.
    pub(crate) heard: watch::Sender<bool>,
    pub(crate) started: Instant,
    pub(crate) group: String,
    pub(crate) port: u16,
    pub(crate) ways: Ways,
    /// How files go to hosts of other products.
    pub(crate) file_style: FileStyle,
    pub(crate) discovery: Box<dyn Discovery>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) exporter: Option<Arc<dyn Exporter>>,
    pub(crate) look: Look,
    pub(crate) parts: Parts,
    /// Files that are being looked through.
    pub(crate) looking: HashMap<RequestId, Cancel>,
    /// What was found out of the file that is being told to be here.
    pub(crate) checked: Option<(FileUuid, Checked)>,
    pub(crate) events: broadcast::Sender<Told>,
    pub(crate) problems: HashSet<String>,
    pub(crate) seen: HashMap<FileUuid, SystemTime>,
    pub(crate) fetched: Fetches,
    pub(crate) places: HashMap<SightingKey, PlaceId>,
    /// Bounded by discovery's own limit.
    pub(crate) shown: HashMap<PlaceId, Shown>,
    pub(crate) changing: Option<Changing>,
    /// How many commits of ours are being listed in the group where we are.
    pub(crate) listing: usize,
    pub(crate) led: Option<Led>,
    pub(crate) keeping: Keeping,
    pub(crate) asked_by_host: AskedByHost,
    pub(crate) held_back: HeldBack,
    pub(crate) links: HashMap<ConnId, Link>,
    pub(crate) dials: HashMap<ConnId, AbortHandle>,
    pub(crate) arrived: HashMap<RequestId, Box<dyn Pending>>,
    pub(crate) requests: HashMap<RequestId, (Progress, oneshot::Sender<Result<Fetched, RequestFailure>>)>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) done: mpsc::Sender<Done>,
    pub(crate) next_place: u64,
    pub(crate) next_accepted: u64,
    pub(crate) stopping: Vec<oneshot::Sender<()>>,
    pub(crate) stopped: bool,
    pub(crate) discovery_ended: bool,
}

impl Driver {
    /// Runs until the station is stopped or its last handle is gone, then leaves the group. Gives those who wait for that; they
    /// are told when everything is released.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut reports: mpsc::Receiver<Report>,
        mut done: mpsc::Receiver<Done>,
    ) -> Vec<oneshot::Sender<()>> {
        let group = self.core.config().group.clone();
        self.look_in(&group);
        self.step(Input::Start);
        while !self.stopped {
            let deadline = self.core.deadline().map(|at| self.started + at);
            tokio::select! {
                Some(report) = reports.recv() => self.on_report(report),
                Some(done) = done.recv() => self.on_done(done),
                event = self.discovery.next(), if !self.discovery_ended => self.on_discovery(event),
                order = orders.recv(), if self.stopping.is_empty() => self.on_order(order),
                () = sleep_until(deadline) => self.step(Input::Tick),
            }
        }
        // Nothing is left to be said; what waits in a writer is let out, discovery says goodbye.
        let Self { discovery, links, dials, stopping, keeping, .. } = self;
        drop(done);
        keeping.finish().await;
        for dial in dials.into_values() {
            dial.abort();
        }
        for link in links.into_values() {
            link.close();
        }
        discovery.shutdown().await;
        stopping
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn step(&mut self, input: Input) {
        let now = self.now();
        // The outputs are few; carrying them out needs the whole driver.
        let outputs: Vec<Output> = self.core.step(now, input).collect();
        self.heard.send_if_modified(|heard| {
            !*heard && std::mem::replace(heard, self.core.has_heard_the_others()) != *heard
        });
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Input(input) => {
                if let Input::Closed { conn, .. }
                | Input::HostLost { conn, .. }
                | Input::FileFailed { conn, .. } = &input
                {
                    self.unlink(*conn);
                }
                let from = if let Input::Received { conn, .. } = &input { Some(*conn) } else { None };
                if !self.is_of_parts(&input) {
                    self.step(input);
                }
                if let Some(link) = from.and_then(|conn| self.links.get(&conn)) {
                    link.answered();
                }
            }
            Report::Arrived { request, pending, going } => self.arrived((request, pending), going),
            Report::Broke { conn, request, bytes, what } => {
                self.unlink(conn);
                self.step(Input::PartKept { request, bytes });
                self.step(Input::FileFailed { conn, what, local: false });
            }
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::NotAccepted(limit) => self.on_event(Event::LimitReached(limit)),
            Done::Accepted(connection) => {
                let conn = ConnId::Accepted(self.next_accepted);
                self.next_accepted += 1;
                let peer = connection.peer;
                self.link((conn, Kind::Station), connection);
                self.step(Input::Accepted { conn, peer });
            }
            Done::Dialed(conn, connection) => {
                // A dial that was aborted in the same moment is no longer among them.
                if self.dials.remove(&conn).is_some() {
                    self.link((conn, Kind::Station), connection);
                    self.step(Input::Dialed { conn });
                }
            }
            Done::HostReached(conn, connection) => {
                if self.dials.remove(&conn).is_some() {
                    let address = connection.peer;
                    self.link((conn, Kind::Host), connection);
                    self.step(Input::HostReached { conn, address });
                }
            }
            Done::HostUnreachable(conn, what) => {
                if self.dials.remove(&conn).is_some() {
                    self.step(Input::HostUnreachable { conn, what });
                }
            }
            Done::DialFailed(conn) => {
                if self.dials.remove(&conn).is_some() {
                    self.step(Input::DialFailed { conn });
                }
            }
            Done::Copied(Ok(copied), told) => self.copied(copied, told),
            Done::Copied(Err(error), told) => drop(told.send(Err(error))),
            Done::Imported(result, group, told) => {
                if let Ok(commit) = &result {
                    self.came_along(&group, commit.file);
                    self.seen.insert(commit.file, SystemTime::now());
                    self.step(Input::Command(Command::Publish(commit.clone())));
                }
                let _ = told.send(result);
                self.listed_one();
            }
            Done::Exported(conn, group, commit) => self.exported(conn, &group, commit),
            Done::Listed(listed) => self.begin_change(listed),
            Done::Opened(opened) => self.opened(opened),
            Done::Kept(request, looked) => self.kept(request, *looked),
            Done::Told(event) => self.on_event(*event),
            Done::Withdrawn(file, marked, told) => self.withdrawn(file, marked, told),
            Done::PlaceSaved(number, kept) => self.place_saved(number, kept),
            Done::Problem(what) => self.problem(what),
        }
    }

    fn on_discovery(&mut self, event: Option<DiscoveryEvent>) {
        match event {
            Some(DiscoveryEvent::Sighted(sighting)) => self.sighted(sighting),
            Some(DiscoveryEvent::Vanished { key }) => {
                if let Some(place) = self.places.remove(&key) {
                    self.shown.remove(&place);
                    self.step(Input::Vanished { place });
                }
            }
            // req: DIS-WAKE
            Some(DiscoveryEvent::Woke) => self.step(Input::Command(Command::Reannounce)),
            Some(DiscoveryEvent::Problem(problem)) => self.problem(problem.to_string()),
            Some(_) => {}
            None => self.discovery_ended = true,
        }
    }

    /// Sees also who is announced under this group's own type only, though we are not announced ourselves.
    pub(crate) fn look_in(&mut self, group: &GroupName) {
        if self.core.config().session.is_none() {
            self.discovery.look_in(group);
        }
    }

    /// Tells what keeps stations from finding each other, each thing once.
    pub(crate) fn problem(&mut self, what: String) {
        tracing::warn!(problem = %what, "discovery");
        if self.problems.len() < PROBLEMS && self.problems.insert(what.clone()) {
            // Nobody listens: fine.
            let _ = self.events.send(Told::DiscoveryProblem { what });
        }
    }

    pub(crate) fn place(&mut self, key: &SightingKey) -> PlaceId {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = PlaceId(self.next_place);
        self.next_place += 1;
        self.places.insert(key.clone(), place);
        place
    }

    fn key(&self, place: PlaceId) -> Option<SightingKey> {
        self.places.iter().find(|(_, p)| **p == place).map(|(key, _)| key.clone())
    }

    fn link(&mut self, (conn, kind): (ConnId, Kind), connection: Connection) {
        let link = Link::start((conn, kind), connection, Arc::clone(&self.store), self.reports.clone());
        self.links.insert(conn, link);
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Dial { conn, address } => {
                let (transport, done) = (Arc::clone(&self.ways.tcp), self.done.clone());
                let task = tokio::spawn(async move {
                    let made = transport.dial(address.into()).await;
                    let told = match made {
                        Ok(connection) => Done::Dialed(conn, connection),
                        Err(error) => {
                            tracing::debug!(%address, %error, "no connection");
                            Done::DialFailed(conn)
                        }
                    };
                    // The driver is gone: nobody needs it any more.
                    let _ = done.send(told).await;
                });
                self.dials.insert(conn, task.abort_handle());
            }
            Output::DialHost { conn, url } => self.dial_host(conn, url),
            Output::Send { conn, message, dialect } => self.send((conn, message), dialect),
            Output::SendFile { conn, file } => self.send_file(conn, file),
            Output::ReceiveFile { conn, request, expected } => self.receive((conn, request), expected),
            Output::KeepFile { request, commit } => self.keep(request, *commit),
            Output::PutAside { request, file, from, what } => self.put_aside(request, file, (from, what)),
            Output::DropFile { request } => self.drop_file(request),
            Output::Export { conn } => self.export(conn),
            Output::Close { conn } => {
                if let Some(dial) = self.dials.remove(&conn) {
                    dial.abort();
                }
                self.unlink(conn);
            }
            Output::Advertise { station_name, group } => self.advertise(station_name, group),
            Output::AdvertiseAlso { station_name, group } => self.advertise_also(station_name, group),
            Output::PrepareMove { to } => self.prepare_move(&to),
            Output::SavePlace { to, group, along, passing } => {
                self.save_place((&to, passing), group, along);
            }
            Output::KeepAlong { group, files } => self.keep_along(group, files),
            Output::ForgetSavedPlace => self.forget_saved_place(),
            Output::Withdraw => self.discovery.withdraw(),
            Output::Suspect { place } => {
                if let Some(key) = self.key(place) {
                    self.discovery.suspect(&key);
                }
            }
            Output::Confirm { place } => {
                if let Some(key) = self.key(place) {
                    self.discovery.confirm(&key);
                }
            }
            Output::Event(event) => self.on_event(event),
            _ => {}
        }
    }

    // req: SEC-02, SEC-05
    fn dial_host(&mut self, conn: ConnId, url: String) {
        let (transport, done) = (Arc::clone(&self.ways.web), self.done.clone());
        let task = tokio::spawn(async move {
            let told = match url.parse::<WsUrl>() {
                Ok(url) => match transport.dial(url.into()).await {
                    Ok(connection) => Done::HostReached(conn, connection),
                    Err(error) => Done::HostUnreachable(conn, error.to_string()),
                },
                Err(error) => Done::HostUnreachable(conn, error.to_string()),
            };
            // The driver is gone: nobody needs it any more.
            let _ = done.send(told).await;
        });
        self.dials.insert(conn, task.abort_handle());
    }

    fn send_file(&mut self, conn: ConnId, file: FileUuid) {
        // req: SEC-03, SEC-04
        let style = if self.core.leaves_room(conn) { PIECES } else { self.file_style };
        let part = self.parts.wanted(conn, file);
        if !self.links.get(&conn).is_some_and(|link| link.order(Job::SendFile(file, style, part))) {
            let what = "the connection is gone, or too much waits on it".to_owned();
            self.step(Input::FileFailed { conn, what, local: false });
        }
    }

    pub(crate) fn order(&mut self, conn: ConnId, job: Job) {
        // A reader waits for the answers to what it read, so that more than fits is never ordered but towards a host that does not read.
        let Some(link) = self.links.get(&conn) else { return };
        if link.order(job) {
            return;
        }
        tracing::debug!(?conn, "a message has no room; the connection is closed");
        let to_host = link.is_to_host();
        // Without the message those behind it would be taken for it.
        self.unlink(conn);
        if to_host {
            // What is not said to the host is said to nobody, but the JOIN after a new connection makes up for it.
            let what = "it does not read what we say".to_owned();
            self.step(Input::HostLost { conn, what });
        } else {
            self.step(Input::Closed { conn, ending: Ending::Broken });
        }
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        let at = SystemTime::now();
        match &event {
            Event::CommitSeen { file, .. } => {
                self.seen.entry(*file).or_insert(at);
            }
            Event::CommitWithdrawn { file, .. } => self.note_withdrawn(*file),
            Event::RequestDone { request, file, from } => {
                if self.core.is_withdrawn(*file) {
                    // It was on its way when its author took it back.
                    self.note_withdrawn(*file);
                }
                let commit = self.core.commit(*file).map(|view| view.commit.clone());
                if let (Some((_, end)), Some(commit)) = (self.requests.remove(request), commit) {
                    let checked = self.checked.as_ref().filter(|(of, _)| of == file);
                    let checked = checked.map(|(_, checked)| checked.clone());
                    let _ = end.send(Ok(Fetched { file: *file, commit, from: *from, checked }));
                }
            }
            Event::RequestFailed { request, failure } => {
                if let Some((_, end)) = self.requests.remove(request) {
                    let _ = end.send(Err(failure.clone()));
                }
            }
            Event::LeftGroup if !self.stopping.is_empty() => self.stopped = true,
            Event::FetchedFromHost { file, .. } => self.note_fetched(*file),
            Event::Served { file, station, .. } if !self.is_copy_of_host(*station) => {
                self.note_fetched(*file);
            }
            _ => {}
        }
        self.note_change(&event);
        self.note_move(&event);
        tracing::debug!(?event);
        // Nobody listens: fine.
        let _ = self.events.send(Told::Seen(Seen { at, event }));
    }

    fn note_fetched(&mut self, file: FileUuid) {
        self.fetched.note(file, |file| self.core.holds(file));
    }

    /// A host of ours keeps a copy, and tells who takes the file from there.
    fn is_copy_of_host(&self, station: Option<StationUuid>) -> bool {
        let product = station.and_then(|station| self.core.station(station)).map(|view| view.product);
        matches!(self.core.place(), SessionTarget::Url(_)) && product == Some(Product::Mvrx)
    }

    fn advertise(&mut self, station_name: String, group: GroupName) {
        let station = self.core.config().station;
        let advertisement = Advertisement::new(group, station, station_name, self.port)
            .with_candidate(self.core.config().candidate)
            .with_bridge(self.core.config().bridge);
        if let Err(error) = self.discovery.advertise(&advertisement) {
            let what = error.to_string();
            self.problem(format!("this station is not announced: {what}"));
            self.step(Input::NotAdvertised { what });
        }
    }
}

pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How files go on a connection that carries messages, too, to a host that reads that.
const PIECES: FileStyle = FileStyle::Messages { most: 1 << 20 };

/// More different problems of discovery are not told.
const PROBLEMS: usize = 64;
