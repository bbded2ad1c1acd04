//! The application's end of a running station.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mvrx_core::{
    Command, CommitView, Event, Membership, ProposalId, RequestId, Requested, SessionView, Source,
    StationView, Stay,
};
use mvrx_message::{
    BridgeMark, Commit, FileUuid, GroupName, MvrVersion, Product, SessionTarget, StationUuid, Successor,
};
use mvrx_store::Store;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::beside::HostTells;
use crate::change::ChangeGroupError;
use crate::commit::CommitError;
use crate::events::Told;
use crate::identity::random_bytes;
use crate::moves::{MoveError, MoveReport};
use crate::orders::Order;
use crate::transfer::Progress;
use crate::withdrawing::WithdrawError;
use crate::{Builder, CommitDraft, Events, Transfer};

/// A running station. Cheap to clone; when the last clone is gone, the station leaves its group and stops.
///
/// Its methods may be awaited on any runtime.
#[derive(Debug, Clone)]
pub struct Station {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) station: StationUuid,
    pub(crate) address: Arc<Mutex<SocketAddr>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) orders: mpsc::Sender<Order>,
    /// Weak: who holds a handle does not keep the events from ending with the station.
    pub(crate) events: broadcast::WeakSender<Told>,
    pub(crate) next_request: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        station: StationUuid,
        address: Arc<Mutex<SocketAddr>>,
        store: Arc<dyn Store>,
        orders: mpsc::Sender<Order>,
        events: &broadcast::Sender<Told>,
    ) -> Self {
        Self { station, address, store, orders, events: events.downgrade(), next_request: AtomicU64::new(0) }
    }
}

/// A station of the group as it stands now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StationInfo {
    /// Its StationUUID.
    pub station: StationUuid,
    /// Its StationName.
    pub name: String,
    /// Its application, empty as long as no JOIN told it.
    pub provider: String,
    /// What we take that application for.
    pub product: Product,
    /// The MVR version it reads.
    pub version: MvrVersion,
    /// Where it stands.
    pub membership: Membership,
    /// Whether it answered the last time we tried.
    pub reachable: bool,
    /// Where it listens, the address that answered last first.
    pub addresses: Vec<SocketAddr>,
    /// It is a bridge, or one stands in for it, as far as the host of our session tells.
    pub bridge: Option<BridgeMark>,
}

/// The session that a station is or wants to be one of, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Whether its host has let us in.
    pub joined: bool,
    /// Its host, once it told who it is.
    pub host: Option<StationUuid>,
    /// Whether the host tells who is one of the session; otherwise only those are known that committed.
    pub tells_stations: bool,
}

/// A commit as it stands now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommitInfo {
    /// What was announced; `station` is its author.
    pub commit: Commit,
    /// Its place in the order in which they reached us; which one is later the order of [`Station::commits`] tells, not this.
    pub arrival: u64,
    /// Whether our store has the file.
    pub held: bool,
    /// The stations that list it.
    pub holders: Vec<StationUuid>,
    places: BTreeMap<StationUuid, u64>,
    /// When this machine saw it first.
    pub seen: Option<SystemTime>,
    /// How often a station got the file whole since we began: from us, or from the copy that the host of our session keeps; that copy itself
    /// does not count.
    pub fetched: u64,
}

/// The station has stopped, so it can do nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the station has stopped")]
pub struct Stopped;

impl Station {
    /// Begins to describe a station with this name.
    #[must_use]
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }

    /// Our StationUUID.
    #[must_use]
    pub fn uuid(&self) -> StationUuid {
        self.shared.station
    }

    /// Where we listen; the port is the one announced. A station of a session that was never in a group listens nowhere: port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.shared.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another stream of events, from now on; at its end at once when the station has stopped.
    #[must_use]
    pub fn events(&self) -> Events {
        let running = self.shared.events.upgrade();
        Events::new(running.map_or_else(|| broadcast::channel(1).1, |events| events.subscribe()))
    }

    /// The stations known now.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn stations(&self) -> Result<Vec<StationInfo>, Stopped> {
        self.ask(Order::Stations).await
    }

    /// The session that we are or want to be one of; `None` in TCP mode, and of one that hosts.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn session(&self) -> Result<Option<SessionInfo>, Stopped> {
        self.ask(Order::Session).await
    }

    /// The commits known now, in the order that all stations of ours have: the last is the latest.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn commits(&self) -> Result<Vec<CommitInfo>, Stopped> {
        self.ask(Order::Commits).await
    }

    /// Copies a file into the store and announces it. Returns when it is safely stored and being announced; who took it, events tell.
    /// Dropping the future does not undo it.
    ///
    /// Other stations of ours have it after those commits that are known here at that moment ([`Commit::order`]). A station that
    /// has just begun hears of those first: until its host or those whom it sees have told what they have, and no longer than
    /// [`Timers::first_round`](mvrx_core::Timers::first_round) after its start.
    ///
    /// While the group is changed it waits for the end of the change, and is a commit of the group in which we are then.
    ///
    /// # Errors
    /// When the file cannot be copied, or the station has stopped; then nothing is announced.
    pub async fn commit(&self, draft: CommitDraft) -> Result<Commit, CommitError> {
        let (done, told) = oneshot::channel();
        let order = Order::Commit { draft, done };
        self.shared.orders.send(order).await.map_err(|_| CommitError::Stopped)?;
        told.await.unwrap_or(Err(CommitError::Stopped))
    }

    /// Announces a commit whose file lies in our store already, as ours: the same FileUUID, comment, name and audience.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn announce(&self, commit: Commit) -> Result<(), Stopped> {
        self.tell(Command::Publish(commit)).await
    }

    /// Lists a commit of any station whose file lies in our store already, from the next JOIN on; nobody is told at once.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn list(&self, commit: Commit) -> Result<(), Stopped> {
        self.tell(Command::Restore(commit)).await
    }

    /// The file of a commit was taken out of our store: it is neither listed nor given any more, and can be asked for again. Stations of ours are told
    /// so, by a JOIN or by the host; others learn it when they ask and are refused. A store that drops files by itself asks before
    /// ([`Station::let_go`]).
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn release(&self, file: FileUuid) -> Result<(), Stopped> {
        self.tell(Command::Release(file)).await
    }

    /// Takes back a commit of ours that was a mistake. When this returns it is marked in the store, for good, and a JOIN is on its way that tells the
    /// others: our stations and hosts take it out of their lists, other products may show it until they ask for it and are refused. Who has
    /// fetched it keeps it; a transfer under way comes to its end. The same file committed again is another commit. `false`: it was
    /// withdrawn already. Dropping the future does not undo it.
    ///
    /// # Errors
    /// See [`WithdrawError`]: another station's, or one that the store does not have, stays as it is.
    // req: STA-32
    pub async fn withdraw(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        let (told, withdrawn) = oneshot::channel();
        let order = Order::Withdraw(file, told);
        self.shared.orders.send(order).await.map_err(|_| WithdrawError::Stopped)?;
        withdrawn.await.unwrap_or(Err(WithdrawError::Stopped))
    }

    /// Asks for a file, from the station that has it; if one refuses, the next that lists it is asked.
    ///
    /// # Errors
    /// When the station has stopped. How the request ends, the [`Transfer`] tells.
    pub async fn request(&self, file: FileUuid, source: Source) -> Result<Transfer, Stopped> {
        self.start(Requested::File(file), source).await
    }

    /// Asks for the latest commit, the last of [`Station::commits`] or of what a station lists; where none is known, for the current state of a station that can be asked for it.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn request_latest(&self, source: Source) -> Result<Transfer, Stopped> {
        self.start(Requested::Latest { fresh: fresh() }, source).await
    }

    /// Asks a station for what it would export now.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn request_current_state(&self, station: StationUuid) -> Result<Transfer, Stopped> {
        self.start(Requested::CurrentState { fresh: fresh() }, Source::Station(station)).await
    }

    /// JOIN to every station again: tells our commits, brings theirs.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn refresh(&self) -> Result<(), Stopped> {
        self.tell(Command::Refresh).await
    }

    /// JOIN to one station, even one that left or refused.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn join(&self, station: StationUuid) -> Result<(), Stopped> {
        self.tell(Command::Join(station)).await
    }

    /// Takes another name and tells everybody.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn rename(&self, name: impl Into<String>) -> Result<(), Stopped> {
        self.tell(Command::Rename(name.into())).await
    }

    /// Tells a station of a session that its host is found at another URL now, as after a restart at another port: the next connection
    /// goes there, at once if the host cannot be reached at the moment. A URL that cannot be one is tried and told as unreachable.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn session_at(&self, url: impl Into<String>) -> Result<(), Stopped> {
        self.tell(Command::SessionAt(url.into())).await
    }

    /// Joins another group and leaves this one, in this order: the station is announced in both and has joined the stations of the new group
    /// before it leaves those of the old one. Returns when the new group is joined (10 seconds at most, [`mvrx_core::Timers::change`]);
    /// those of the old group are told after that. Stations and commits are those of the new group then; each group has its own.
    /// Requests under way end with [`mvrx_core::RequestFailure::LeftGroup`]. Dropping the future does not stop it.
    ///
    /// A group in which nobody is seen is begun. Names are as [`Builder::group`] takes them.
    ///
    /// # Errors
    /// When the new group cannot be announced, or stations are there and none took our JOIN: the station stays in the old group then,
    /// nothing is changed there.
    pub async fn change_group(&self, group: impl Into<String>) -> Result<(), ChangeGroupError> {
        let group = group.into();
        let to = GroupName::join(&group);
        let to = to.map_err(|error| ChangeGroupError::GroupName { group, error })?;
        let (told, ended) = oneshot::channel();
        let order = Order::ChangeGroup(to, told);
        self.shared.orders.send(order).await.map_err(|_| ChangeGroupError::Stopped)?;
        ended.await.unwrap_or(Err(ChangeGroupError::Stopped))
    }

    /// Moves to another place, a group of TCP mode or the session at a URL, and asks everybody here to come along. The new place is joined
    /// first; only when all have answered, or had their time (2 minutes; in a session 200 s), the old one is left. Stations and commits are
    /// those of the new place then. Who stayed behind, the report tells. Dropping the future does not stop it.
    ///
    /// Products that are not known to understand the question are not asked, since it ends some of them, unless `force`.
    ///
    /// The host of a session asks its stations, and stays itself what it is.
    ///
    /// # Errors
    /// When the new place cannot be joined: nobody is asked then, and nothing changed.
    pub async fn move_to(&self, to: SessionTarget, force: bool) -> Result<MoveReport, MoveError> {
        let (told, ended) = oneshot::channel();
        let order = Order::Move { to, force, told };
        self.shared.orders.send(order).await.map_err(|_| MoveError::Stopped)?;
        ended.await.unwrap_or(Err(MoveError::Stopped))
    }

    /// Moves to another place, and asks these and nobody else to come along, as a station does that was elected to host or follows one that was.
    ///
    /// # Errors
    /// As those of [`Station::move_to`].
    pub async fn move_with(
        &self,
        to: SessionTarget,
        others: BTreeSet<StationUuid>,
    ) -> Result<MoveReport, MoveError> {
        let (told, ended) = oneshot::channel();
        let order = Order::MoveWith { to, others, told };
        self.shared.orders.send(order).await.map_err(|_| MoveError::Stopped)?;
        ended.await.unwrap_or(Err(MoveError::Stopped))
    }

    /// These stations can be elected as this one can ([`Builder::candidate`]): a move that one of them leads into its own session is followed.
    pub(crate) async fn companions(&self, stations: BTreeSet<StationUuid>) -> Result<(), Stopped> {
        self.tell(Command::Companions(stations)).await
    }

    /// Whether this station follows them at the moment.
    pub(crate) async fn takes_part(&self, takes_part: bool) -> Result<(), Stopped> {
        self.tell(Command::TakesPart(takes_part)).await
    }

    /// What the host beside this station tells, as far as its operator has to know.
    pub(crate) async fn host_tells(&self, host: Self, event: Event) -> Result<(), Stopped> {
        let told = Box::new(HostTells { host, event });
        self.shared.orders.send(Order::HostTells(told)).await.map_err(|_| Stopped)
    }

    /// Ends the session that we host; its stations are told who hosts it now.
    pub(crate) async fn end_for(&self, next: Successor) {
        let (told, stopped) = oneshot::channel();
        if self.shared.orders.send(Order::EndFor(next, told)).await.is_ok() {
            // Ended either way.
            let _ = stopped.await;
        }
    }

    /// Follows a move that somebody proposes ([`mvrx_core::Event::MoveProposed`]). How it ends, events tell.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn accept_move(&self, proposal: ProposalId) -> Result<(), Stopped> {
        self.tell(Command::AcceptMove(proposal)).await
    }

    /// Does not follow it; who proposed it is told so.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn refuse_move(&self, proposal: ProposalId) -> Result<(), Stopped> {
        self.tell(Command::RefuseMove(proposal)).await
    }

    /// Leaves the group; the station stays running and can [`Station::rejoin`].
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn leave(&self) -> Result<(), Stopped> {
        self.tell(Command::Leave).await
    }

    /// Joins the group again after [`Station::leave`].
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn rejoin(&self) -> Result<(), Stopped> {
        self.tell(Command::Rejoin).await
    }

    /// The store of this station: to read a fetched file, or to save it with [`Store::put_away`].
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.shared.store)
    }

    /// Leaves the group, takes the announcement back and ends. Returns when all of it is out, within a few seconds.
    pub async fn stop(&self) {
        let (told, stopped) = oneshot::channel();
        if self.shared.orders.send(Order::Stop(told)).await.is_ok() {
            // Ended either way.
            let _ = stopped.await;
        }
    }

    /// Takes the announcement back and ends, and says no LEAVE: for a station that stands in for another one, which is there by itself now. A
    /// LEAVE would be taken for that one's. Files under way break off. Returns when it has ended, within a few seconds.
    pub async fn give_way(&self) {
        let (told, stopped) = oneshot::channel();
        if self.shared.orders.send(Order::GiveWay(told)).await.is_ok() {
            // Ended either way.
            let _ = stopped.await;
        }
    }

    async fn start(&self, requested: Requested, source: Source) -> Result<Transfer, Stopped> {
        let request = RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed));
        let progress = Progress::default();
        let (end, ended) = oneshot::channel();
        let command = Command::Request { request, requested, source };
        let order = Order::Request { request, command, progress: progress.clone(), end };
        self.shared.orders.send(order).await.map_err(|_| Stopped)?;
        Ok(Transfer { id: request, progress, end: ended, orders: self.shared.orders.clone() })
    }

    pub(crate) async fn tell(&self, command: Command) -> Result<(), Stopped> {
        self.shared.orders.send(Order::Command(command)).await.map_err(|_| Stopped)
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.shared.orders.send(order(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl SessionInfo {
    pub(crate) fn of(view: &SessionView<'_>) -> Self {
        Self { joined: view.stay == Stay::Joined, host: view.host, tells_stations: view.tells_stations }
    }
}

impl StationInfo {
    pub(crate) fn of(view: &StationView<'_>) -> Self {
        Self {
            station: view.station,
            name: view.name.to_owned(),
            provider: view.provider.to_owned(),
            product: view.product,
            version: view.version,
            membership: view.membership,
            reachable: view.reachable,
            addresses: view.addresses.clone(),
            bridge: view.bridge,
        }
    }
}

impl StationInfo {
    /// A station of the session that we host.
    pub(crate) fn of_session(view: &mvrx_core::host::StationView<'_>) -> Self {
        Self {
            station: view.station,
            name: view.name.to_owned(),
            provider: view.provider.to_owned(),
            product: view.product,
            version: view.version,
            membership: Membership::Member,
            reachable: true,
            addresses: view.address.into_iter().collect(),
            bridge: view.bridge,
        }
    }
}

impl CommitInfo {
    /// Its place in what this station told, `None` when it does not list it: of two commits, the one with the higher place is later by
    /// that station's own order, whatever the order in which they reached us.
    #[must_use]
    pub fn place_at(&self, station: StationUuid) -> Option<u64> {
        self.places.get(&station).copied()
    }

    pub(crate) fn of(view: &CommitView<'_>, seen: Option<SystemTime>, fetched: u64) -> Self {
        Self {
            commit: view.commit.clone(),
            arrival: view.arrival,
            held: view.held,
            holders: view.holders.keys().copied().collect(),
            places: view.holders.clone(),
            seen,
            fetched,
        }
    }
}

fn fresh() -> FileUuid {
    FileUuid::from_random_bytes(random_bytes())
}
