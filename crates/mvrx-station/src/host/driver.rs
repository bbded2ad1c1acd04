//! The loop that runs the host: whatever happens becomes an [`Input`], each [`mvrx_core::host::Output`] becomes a task, a job or an event.
//!
//! It decides nothing. It owns one thread with a current-thread runtime; files move on blocking threads of that runtime.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mvrx_core::host::{AskId, Command, Event, Host, Input, Output, RelayId, Standing};
use mvrx_core::parts::Parts;
use mvrx_core::{ConnId, RequestFailure, RequestId};
use mvrx_discovery::{Discovery, DiscoveryEvent};
use mvrx_message::{Commit, FileUuid, Message, SessionTarget, StationUuid};
use mvrx_store::{Cancel, Pending, Store};
use mvrx_transport::{Connection, Listener};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accepting::{self, Knock};
use super::audit::{Audit, Repeated};
use super::growing::Growing;
use super::link::{Link, Report};
use super::options::HostOptions;
use super::outbox::Bounds;
use super::pace::Paces;
use super::rest::PuttingDown;
use super::sending::{FileJob, Stop};
use super::tickets::Tickets;
use super::times::Times;
use crate::commit::{self, CommitError, Maker};
use crate::driver::sleep_until;
use crate::events::Told;
use crate::fetches::Fetches;
use crate::handle::{CommitInfo, StationInfo};
use crate::looking::{Checked, Look, Looked};
use crate::moves::{Led, MoveTold};
use crate::orders::Order;
use crate::transfer::{Fetched, Progress};
use crate::withdrawing::{self, Stored, WithdrawError};
use crate::{ChangeGroupError, CommitDraft, Exporter};

/// What the driver's own tasks tell it.
#[derive(Debug)]
pub(crate) enum Done {
    Knock(Knock),
    Imported(Result<Commit, CommitError>, oneshot::Sender<Result<Commit, CommitError>>),
    Exported(AskId, Option<Commit>),
    Kept(RelayId, Box<Looked>),
    Forgotten,
    /// What is kept of a file that broke off is the store's.
    PutDown(FileUuid),
    Withdrawn(FileUuid, Result<bool, WithdrawError>, withdrawing::Told),
}

/// What the store does, one thing after another: a file that is thrown away and kept anew must not change places.
#[derive(Debug)]
pub(super) enum Work {
    Keep(RelayId, Box<dyn Pending>, Box<Commit>),
    Forget(FileUuid),
}

/// A sending that waits until the length of its file is known.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) conn: ConnId,
    pub(super) relay: RelayId,
    pub(super) job: FileJob,
}

/// A sending under way.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) conn: ConnId,
    pub(super) stop: Stop,
}

pub(crate) struct HostDriver {
    pub(super) host: Host,
    pub(super) options: HostOptions,
    pub(super) started: Instant,
    pub(super) group: String,
    pub(super) port: u16,
    pub(super) discovery: Option<Box<dyn Discovery>>,
    pub(super) store: Arc<dyn Store>,
    pub(super) exporter: Option<Arc<dyn Exporter>>,
    pub(super) look: Look,
    pub(super) stop_looking: Cancel,
    pub(super) parts: Parts,
    pub(super) putting_down: PuttingDown,
    /// What was found out of the file that is being told to be here.
    pub(super) checked: Option<(FileUuid, Checked)>,
    pub(super) events: broadcast::Sender<Told>,
    pub(super) problems: HashSet<String>,
    pub(super) seen: Times,
    pub(super) fetched: Fetches,
    pub(super) links: HashMap<ConnId, Link>,
    pub(super) writers: JoinSet<()>,
    pub(super) bounds: Bounds,
    pub(super) paces: Paces,
    pub(super) repeated: Repeated,
    pub(super) led: Option<Led>,
    pub(super) tickets: Tickets,
    pub(super) growing: HashMap<RelayId, Arc<Growing>>,
    pub(super) parked: Vec<Parked>,
    pub(super) sending: HashMap<AskId, Sending>,
    /// What each owner was asked for last.
    pub(super) asked: HashMap<ConnId, FileUuid>,
    pub(super) requests: HashMap<RequestId, Requested>,
    pub(super) work: VecDeque<Work>,
    pub(super) working: bool,
    /// What follows from an output, to be told to the host when all outputs are carried out.
    pub(super) next: VecDeque<Input>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) done: mpsc::Sender<Done>,
    pub(super) next_accepted: u64,
    pub(super) stopping: Vec<oneshot::Sender<()>>,
    pub(super) stopped: bool,
}

/// A request of our application.
#[derive(Debug)]
pub(super) struct Requested {
    pub(super) file: FileUuid,
    pub(super) progress: Progress,
    pub(super) end: oneshot::Sender<Result<Fetched, RequestFailure>>,
}

impl HostDriver {
    /// Runs until the host is stopped or its last handle is gone, then ends the session. Gives those who wait for that; they are told when
    /// everything is released.
    pub(crate) async fn run(
        mut self,
        listener: Box<dyn Listener>,
        mut orders: mpsc::Receiver<Order>,
        mut reports: mpsc::Receiver<Report>,
        mut done: mpsc::Receiver<Done>,
    ) -> Vec<oneshot::Sender<()>> {
        let accepting = tokio::spawn(accepting::accept(listener, self.done.clone()));
        self.announce();
        self.tell_start();
        let mut audit = self.options.audit.as_ref().map(Audit::trouble);
        while !self.stopped {
            let minute = self.repeated.deadline();
            let deadline = self.host.deadline().map(|at| self.started + at);
            tokio::select! {
                Some(report) = reports.recv() => self.on_report(report),
                Some(done) = done.recv() => self.on_done(done),
                event = found(&mut self.discovery) => self.on_discovery(event),
                order = orders.recv(), if self.stopping.is_empty() => self.on_order(order),
                () = sleep_until(deadline) => self.step(Input::Tick),
                () = sleep_until(minute) => self.end_minutes(false),
                Some(trouble) = changed(&mut audit) => self.on_audit(trouble),
                Some(_) = self.writers.join_next() => {}
            }
        }
        accepting.abort();
        self.stop_looking.cancel();
        let Self { discovery, links, mut writers, stopping, growing, .. } = self;
        drop(links);
        for growing in growing.into_values() {
            drop(growing.give_up("the host has stopped"));
        }
        // The last words of each connection, as far as its peer listens.
        let _ =
            tokio::time::timeout(LAST_WORDS, async { while writers.join_next().await.is_some() {} }).await;
        if let Some(discovery) = discovery {
            discovery.shutdown().await;
        }
        stopping
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn step(&mut self, input: Input) {
        self.next.push_back(input);
        while let Some(input) = self.next.pop_front() {
            let now = self.now();
            // The outputs are few; carrying them out needs the whole driver.
            let outputs: Vec<Output> = self.host.step(now, input).collect();
            for output in outputs {
                self.carry_out(output);
            }
        }
    }

    fn on_order(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Command(command)) => self.on_command(command),
            // Nothing runs beside a host.
            Some(Order::HostTells(told)) => drop(told),
            Some(Order::Commit { draft, done }) => self.import(draft, done),
            Some(Order::Request { request, command, progress, end }) => {
                self.request(request, &command, progress, end);
            }
            Some(Order::Cancel(request)) => {
                if let Some(requested) = self.requests.remove(&request) {
                    // The transfer may be dropped.
                    let _ = requested.end.send(Err(RequestFailure::Cancelled));
                }
                self.step(Input::Command(Command::Cancel(request)));
            }
            Some(Order::Withdraw(file, told)) => self.withdraw(file, told),
            Some(Order::LetGo(going, told)) => self.let_go(&going, &told),
            Some(Order::ChangeGroup(_, told)) => {
                // Who asked may have stopped waiting.
                let _ = told.send(Err(ChangeGroupError::NotInTcpMode));
            }
            Some(Order::Move { to, force, told }) => self.move_stations(to, force, told),
            Some(Order::MoveWith { told, .. }) => Led::refuse(told),
            Some(Order::EndFor(next, told)) => {
                self.step(Input::Command(Command::EndFor(next)));
                self.stop(told);
            }
            // A host is one of no session.
            Some(Order::Session(reply)) => drop(reply.send(None)),
            Some(Order::Stations(reply)) => {
                let stations = self.host.stations().map(|view| StationInfo::of_session(&view)).collect();
                let _ = reply.send(stations);
            }
            Some(Order::Commits(reply)) => {
                let _ = reply.send(self.commits());
            }
            Some(Order::Stop(told) | Order::GiveWay(told)) => self.stop(told),
            // The last handle is gone: nobody waits, but the stations are told.
            None => self.stop(oneshot::channel().0),
        }
    }

    /// The stations are asked; we stay what we are.
    fn move_stations(&mut self, to: SessionTarget, force: bool, told: MoveTold) {
        if self.led.is_some() {
            return Led::refuse(told);
        }
        self.led = Some(Led::new(to.clone(), told));
        self.step(Input::Command(Command::Move { to, force }));
    }

    fn stop(&mut self, told: oneshot::Sender<()>) {
        self.stopping.push(told);
        self.end_minutes(true);
        self.step(Input::Command(Command::End));
        self.stopped = true;
    }

    /// What makes no sense for a host is nothing: it has nobody to join.
    fn on_command(&mut self, command: mvrx_core::Command) {
        match command {
            mvrx_core::Command::Rename(name) => {
                self.step(Input::Command(Command::Rename(name)));
                self.announce();
            }
            mvrx_core::Command::AcceptMove(id) => self.step(Input::Command(Command::AcceptMove(id))),
            mvrx_core::Command::RefuseMove(id) => self.step(Input::Command(Command::RefuseMove(id))),
            mvrx_core::Command::Leave => self.step(Input::Command(Command::End)),
            mvrx_core::Command::Release(file) => self.step(Input::Command(Command::Release(file))),
            other => tracing::debug!(?other, "nothing to do for a host"),
        }
    }

    fn request(
        &mut self,
        request: RequestId,
        command: &mvrx_core::Command,
        progress: Progress,
        end: oneshot::Sender<Result<Fetched, RequestFailure>>,
    ) {
        let newest = || self.commits().last().map(|info| info.commit.file);
        let wanted = match command {
            mvrx_core::Command::Request { requested: mvrx_core::Requested::File(file), .. } => Ok(*file),
            mvrx_core::Command::Request { requested: mvrx_core::Requested::Latest { .. }, .. } => {
                newest().ok_or(RequestFailure::NothingCommitted)
            }
            mvrx_core::Command::Request { source: mvrx_core::Source::Station(station), .. } => {
                Err(RequestFailure::StationCannotExport { station: *station })
            }
            _ => Err(RequestFailure::NothingCommitted),
        };
        match wanted {
            Ok(file) => {
                self.requests.insert(request, Requested { file, progress, end });
                self.step(Input::Command(Command::Request { request, file }));
            }
            Err(failure) => {
                let _ = end.send(Err(failure.clone()));
                self.tell(mvrx_core::Event::RequestFailed { request, failure });
            }
        }
    }

    /// The commits that are for everybody or for us.
    fn commits(&self) -> Vec<CommitInfo> {
        let us = self.host.config().station;
        let ours = |commit: &Commit| {
            commit.for_stations.is_empty() || commit.for_stations.contains(&us) || commit.station == Some(us)
        };
        let seen = |file| self.seen.of(file);
        let views = self.host.commits().filter(|view| ours(view.commit));
        let of = |view: mvrx_core::CommitView<'_>| {
            let file = view.commit.file;
            CommitInfo::of(&view, seen(file), self.fetched.of(file))
        };
        views.map(of).collect()
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Input(input) => self.on_input(input),
            Report::Arrived { conn, relay, length } => self.on_arrived(conn, relay, length),
            Report::Slowed { conn, by } => self.slowed(conn, by),
            Report::NotReading { conn, what } => {
                self.not_reading(conn, &what);
                self.step(Input::Tick);
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        let mut joins = None;
        match &input {
            Input::Closed { conn, what } | Input::ReceiveFailed { conn, what, .. } => {
                self.ends_unjoined(*conn, what);
                self.unlink(*conn);
            }
            Input::FileSent { ask, .. } | Input::SendFailed { ask, .. } => {
                self.sending.remove(ask);
            }
            Input::Received { conn, parsed } => match &parsed.message {
                Message::Request(request) => self.parts.wants(*conn, request),
                Message::RequestRet(_) if self.says_where(*conn, &parsed.message) => return,
                Message::Join(join) => {
                    if self.is_another(*conn, join) || self.is_second(*conn, join) {
                        return self.set_pace(*conn);
                    }
                    joins = Some(*conn);
                }
                _ => {}
            },
            _ => {}
        }
        self.step(input);
        if let Some(conn) = joins {
            self.set_pace(conn);
        }
    }

    fn on_arrived(&mut self, conn: ConnId, relay: Option<RelayId>, length: u64) {
        let growing = relay.and_then(|relay| self.growing.get(&relay)).map(Arc::clone);
        let measured = growing.as_ref().and_then(|growing| growing.measure());
        let (length, hash, archive) =
            measured.map_or((length, None, false), |(length, hash, archive)| (length, Some(hash), archive));
        if growing.as_ref().zip(hash).is_some_and(|(growing, hash)| growing.part_is_wrong(&hash)) {
            return self.step(Input::PartWrong { conn });
        }
        self.step(Input::FileArrived { conn, length, hash, archive });
        // The host would have had it dropped if it were another file than the announced one.
        if let (Some(relay), Some(growing)) = (relay, growing)
            && self.growing.get(&relay).is_some_and(|now| Arc::ptr_eq(now, &growing))
        {
            growing.verify();
            self.unpark(relay);
        }
    }

    /// A connection that ends without anybody having joined on it is told of as one that was refused.
    // req: AUD-01
    pub(super) fn ends_unjoined(&mut self, conn: ConnId, why: &str) {
        let unjoined = matches!(self.host.standing(conn), Some(Standing::Unjoined | Standing::Waiting));
        if let Some(peer) = self.links.get(&conn).filter(|_| unjoined).map(Link::peer) {
            self.refused(peer, self.host.waits_to_be(conn), format!("nobody joined on it: {why}"));
        }
    }

    /// The peer does not read: its connection ends, by name, and the host hears of it next.
    // req: HDR-05
    pub(super) fn not_reading(&mut self, conn: ConnId, what: &str) {
        if self.links.contains_key(&conn) {
            let what = format!("it does not read: {what}");
            self.part(conn, POLICY, &what);
            self.next.push_back(Input::Closed { conn, what });
        }
    }

    /// Closes a connection, and says why.
    pub(super) fn part(&mut self, conn: ConnId, code: u16, why: &str) {
        self.told_policy(conn, code, why);
        if let Some(link) = self.links.remove(&conn) {
            link.end(code, why);
        }
        self.unlink(conn);
    }

    pub(super) fn unlink(&mut self, conn: ConnId) {
        drop(self.links.remove(&conn));
        self.asked.remove(&conn);
        self.parts.over(conn);
        self.putting_down.forget(conn);
        self.tickets.withdraw(conn);
        self.parked.retain(|parked| parked.conn != conn);
        self.sending.retain(|_, sending| {
            let other = sending.conn != conn;
            if !other {
                sending.stop.stop("its connection ended");
            }
            other
        });
    }

    fn on_knock(&mut self, knock: Knock) {
        match knock {
            Knock::Accepted(connection) => self.on_accepted(connection),
            Knock::Refused(from, station, why) => self.refused(from, station, why),
            Knock::NoneLeft(why) => self.on_event(Event::ConnectionsFail { why }),
            Knock::SomeAgain => self.on_event(Event::ConnectionsWork),
        }
    }

    fn on_accepted(&mut self, connection: Connection) {
        self.next_accepted += 1;
        let conn = ConnId::Accepted(self.next_accepted);
        let peer = connection.peer;
        let with = (Arc::clone(&self.store), self.reports.clone());
        let of = (self.bounds.clone(), self.paces.start());
        let link = Link::start(conn, connection, of, with, &mut self.writers);
        self.links.insert(conn, link);
        self.step(Input::Accepted { conn, peer });
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Knock(knock) => self.on_knock(knock),
            Done::Imported(result, told) => {
                if let Ok(commit) = &result {
                    self.seen.note(commit.file, SystemTime::now());
                    self.step(Input::Command(Command::Publish(commit.clone())));
                }
                let _ = told.send(result);
            }
            Done::Exported(ask, commit) => {
                if let Some(commit) = &commit {
                    self.seen.note(commit.file, SystemTime::now());
                }
                self.step(Input::Exported { ask, commit });
            }
            Done::Kept(relay, kept) => {
                self.working = false;
                self.go_on_working();
                self.kept(relay, *kept);
            }
            Done::Forgotten => {
                self.working = false;
                self.go_on_working();
            }
            Done::PutDown(file) => self.is_put_down(file),
            Done::Withdrawn(file, marked, told) => self.withdrawn(file, marked, told),
        }
    }

    fn on_discovery(&mut self, event: Option<DiscoveryEvent>) {
        match event {
            Some(DiscoveryEvent::Problem(problem)) => self.problem(problem.to_string()),
            Some(_) => {}
            None => self.discovery = None,
        }
    }

    pub(super) fn problem(&mut self, what: String) {
        tracing::warn!(problem = %what, "discovery");
        if self.problems.len() < PROBLEMS && self.problems.insert(what.clone()) {
            // Nobody listens: fine.
            let _ = self.events.send(Told::DiscoveryProblem { what });
        }
    }

    fn import(&mut self, draft: CommitDraft, told: oneshot::Sender<Result<Commit, CommitError>>) {
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        let (group, look) = (self.group.clone(), self.look);
        let by = (self.maker(), self.host.next_order());
        tokio::spawn(async move {
            let result = commit::import((store, look), draft, by, group).await;
            let _ = done.send(Done::Imported(result, told)).await;
        });
    }

    pub(super) fn maker(&self) -> Maker {
        let config = self.host.config();
        Maker::new(config.station, &config.station_name, &config.provider)
    }

    /// Tells the host of the files of its group that lie whole in the store, so that they are listed from the first JOIN on.
    // req: HDR-07
    pub(crate) fn restore(&mut self, stored: Stored) {
        let mut known = HashSet::new();
        let Stored { commits, withdrawn } = stored;
        for stored in commits {
            if stored.group == self.group && known.insert(stored.commit.file) {
                self.seen.note(stored.commit.file, stored.seen);
                let commit = Commit { file_size: stored.length, blake3: Some(stored.hash), ..stored.commit };
                self.step(Input::Command(match withdrawn.contains(&commit.file) {
                    true => Command::RestoreWithdrawn(commit),
                    false => Command::Restore(commit),
                }));
            }
        }
    }

    /// Where a station comes from.
    pub(super) fn address_of(&self, station: StationUuid) -> Option<SocketAddr> {
        self.host.stations().find(|view| view.station == station).and_then(|view| view.address)
    }

    /// A request of ours has ended: who waits for it is told, and everybody as of any station.
    pub(super) fn end_request(&mut self, event: &Event) -> Option<mvrx_core::Event> {
        match event {
            Event::RequestDone { request, file } => {
                let commit = self.host.commit(*file).cloned();
                let from = commit.as_ref().and_then(|commit| commit.station);
                let checked = self.checked.as_ref().filter(|(of, _)| of == file);
                let checked = checked.map(|(_, checked)| checked.clone());
                if let (Some(requested), Some(commit)) = (self.requests.remove(request), commit) {
                    let _ = requested.end.send(Ok(Fetched { file: *file, commit, from, checked }));
                }
                Some(mvrx_core::Event::RequestDone { request: *request, file: *file, from })
            }
            Event::RequestFailed { request, why } => {
                if let Some(requested) = self.requests.remove(request) {
                    let _ = requested.end.send(Err(RequestFailure::NotGiven { why: why.clone() }));
                }
                None
            }
            _ => None,
        }
    }
}

async fn found(discovery: &mut Option<Box<dyn Discovery>>) -> Option<DiscoveryEvent> {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for news of the audit file; `None`: it has ended, and nothing more comes.
async fn changed(audit: &mut Option<watch::Receiver<Option<String>>>) -> Option<Option<String>> {
    let Some(state) = audit else { return std::future::pending().await };
    if state.changed().await.is_err() {
        *audit = None;
        return None;
    }
    Some(state.borrow_and_update().clone())
}

/// The close code of a peer that breaks a rule of ours.
pub(super) const POLICY: u16 = 1008;
/// More different problems of discovery are not told.
const PROBLEMS: usize = 64;
/// How long a stopping host waits for its connections to close.
const LAST_WORDS: Duration = Duration::from_secs(2);
