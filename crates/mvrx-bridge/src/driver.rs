//! Does what [`Machine`] says: starts and stops stand-ins, fetches files into the bridge's store, lets them be committed on the other side.
//!
//! It holds no rule of its own. Each pass reads both sides whole; a pass follows each event of the bridge's own stations, and the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_station::{Event, Events, Heard, RequestFailure, Source, StartError, Station, Stopped};
use mvrx_store::{ListError, Store, StoredCommit};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::again::{Again, Waiting, Wanted};
use crate::answers::Answers;
use crate::gone::Gone;
use crate::kept::as_it_is;
use crate::sides::Sides;
use crate::told::Told;
use crate::{Action, Machine, News, Options, Side, Through};

/// A running bridge. Dropped, it ends without saying LEAVE for those that it stands in for.
#[derive(Debug)]
pub struct Bridge {
    station: StationUuid,
    stop: mpsc::Sender<oneshot::Sender<()>>,
}

/// Why a bridge did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartBridgeError {
    /// Its store cannot be read.
    #[error("cannot read the bridge's store: {0}")]
    Store(#[from] ListError),
    /// Its station of the session cannot be started.
    #[error(transparent)]
    Station(#[from] StartError),
}

impl Bridge {
    /// Starts it on this runtime. It joins the session first, and the group once it knows the session's host.
    ///
    /// # Errors
    /// When its store cannot be read or its station cannot start. That the session or the group is out of reach is [`News`].
    pub async fn start(mut options: Options) -> Result<(Self, mpsc::Receiver<News>), StartBridgeError> {
        let store = Arc::clone(&options.store);
        let reading = Arc::clone(&store);
        let kept = tokio::task::spawn_blocking(move || offered(reading.as_ref())).await;
        let kept = kept.map_err(|error| StartError::Thread(std::io::Error::other(error)))??;
        let kept = kept.into_iter().filter_map(as_it_is).map(|stored| (stored.commit.file, stored));
        let kept: BTreeMap<FileUuid, StoredCommit> = kept.collect();
        let commits = kept.values().map(|stored| stored.commit.clone());
        let mut machine = Machine::new(options.station, options.limits.clone(), commits);
        if !options.host_too {
            machine.leave_out_host();
        }
        let (station, look, probe) = (options.station, options.look, options.probe);
        let most = (options.limits.stand_ins, options.limits.stand_ins_each);
        let (wanted, asked) = mpsc::channel(ASKED);
        options.again = Some(Again { wanted, at_most: options.limits.asked });
        let (remember, group) = (options.remember.take(), options.group.clone());
        let opening = tokio::task::spawn_blocking(move || Gone::open(remember, &group)).await;
        let gone = opening.map_err(|error| StartError::Thread(std::io::Error::other(error)))?;
        gone.all().iter().for_each(|stored| machine.made_room_before(stored.commit.file));
        options.gone = gone.clone();
        let (sides, host_events) = Sides::start(options).await?;
        let (tell, news) = mpsc::channel(NEWS);
        let (stop, stopping) = mpsc::channel(1);
        let (done, fetched) = mpsc::channel(FETCHES);
        let (answers, answered) = Answers::new();
        let driver = Driver {
            machine,
            sides,
            store,
            tell,
            done,
            began: Instant::now(),
            told: Told::default(),
            answers,
            most,
            probe,
            probed: Instant::now(),
            waiting: Waiting::default(),
            fetched_by: BTreeMap::new(),
            withdrawn: Vec::new(),
            taken_back: BTreeSet::new(),
            store_changed: false,
            kept,
            gone,
        };
        tokio::spawn(driver.run(look, host_events, stopping, (fetched, asked, answered)));
        Ok((Self { station, stop }, news))
    }

    /// Its StationUUID.
    #[must_use]
    pub fn uuid(&self) -> StationUuid {
        self.station
    }

    /// Leaves on both sides, for everybody it stands in for, and ends. Returns within a few seconds.
    pub async fn stop(&self) {
        let (told, stopped) = oneshot::channel();
        if self.stop.send(told).await.is_ok() {
            // Ended either way.
            let _ = stopped.await;
        }
    }
}

/// What lies in the store and was not taken back.
fn offered(store: &dyn Store) -> Result<Vec<StoredCommit>, ListError> {
    let withdrawn = store.withdrawn()?;
    let mut commits = store.commits()?;
    commits.retain(|stored| !withdrawn.contains(&stored.commit.file));
    Ok(commits)
}

/// So many withdrawn commits are remembered.
const TAKEN_BACK: usize = 1_024;

struct Driver {
    machine: Machine,
    sides: Sides,
    store: Arc<dyn Store>,
    tell: mpsc::Sender<News>,
    done: mpsc::Sender<Done>,
    began: Instant,
    told: Told,
    answers: Answers,
    most: (usize, usize),
    probe: Duration,
    probed: Instant,
    /// Who waits for a file that made room.
    waiting: Waiting,
    /// Who fetched a file, and has it listed since.
    fetched_by: BTreeMap<FileUuid, (Side, Through)>,
    /// Commits that their authors took back, since the last look.
    withdrawn: Vec<(FileUuid, StationUuid)>,
    /// What was taken back while it was on its way, perhaps; the lowest of more than [`TAKEN_BACK`] are forgotten.
    taken_back: BTreeSet<(FileUuid, StationUuid)>,
    /// Files may have made room since the last look.
    store_changed: bool,
    /// What is in the store, to be listed on should it make room.
    kept: BTreeMap<FileUuid, StoredCommit>,
    gone: Gone,
}

/// How a fetch ended.
struct Done {
    side: Side,
    through: Through,
    file: FileUuid,
    result: Result<StoredCommit, Missed>,
}

/// Why a file that was to be fetched is not there.
struct Missed {
    why: String,
    /// All of it came, and is damaged or another one than announced.
    wrong: bool,
}

/// What comes in beside the events of the bridge's own stations.
type Ears = (mpsc::Receiver<Done>, mpsc::Receiver<Wanted>, mpsc::Receiver<(StationUuid, Event)>);

impl Driver {
    async fn run(
        mut self,
        look: Duration,
        mut host_events: Events,
        mut stopping: mpsc::Receiver<oneshot::Sender<()>>,
        (mut fetched, mut asked, mut answered): Ears,
    ) {
        let mut lan_events: Option<Events> = None;
        let mut next = Instant::now();
        let waits = loop {
            let soon = Instant::now() + AFTER_EVENT;
            tokio::select! {
                told = stopping.recv() => break told,
                heard = host_events.next() => match heard {
                    Some(heard) => { self.hear(heard); next = next.min(soon); }
                    None => break None,
                },
                heard = next_of(&mut lan_events) => match heard {
                    Some(heard) => { self.hear_in_group(&heard); self.hear(heard); next = next.min(soon); }
                    None => break None,
                },
                Some((station, event)) = answered.recv() => {
                    let news = self.answers.hear(station, event, Instant::now());
                    news.into_iter().for_each(|news| self.tell_of_session(station, news));
                }
                Some(done) = fetched.recv() => { self.fetched(done); next = next.min(soon); }
                Some(wanted) = asked.recv() => {
                    self.waiting.add(wanted);
                    self.store_changed = true;
                    next = Instant::now();
                }
                () = tokio::time::sleep_until(next) => {
                    match self.pass(&mut lan_events).await {
                        Ok(()) => next = Instant::now() + look,
                        Err(Stopped) => break None,
                    }
                }
            }
        };
        // Nobody waits for a file any more.
        drop((asked, self.waiting));
        self.sides.stop().await;
        if let Some(waits) = waits {
            // He may have stopped waiting.
            let _ = waits.send(());
        }
    }

    /// Looks at both sides and does what follows.
    // req: BRG-14
    async fn pass(&mut self, lan_events: &mut Option<Events>) -> Result<(), Stopped> {
        let (session, host) = self.sides.view_session().await?;
        if let Some(host) = host {
            self.machine.set_host(host);
            if session.joined && !std::mem::replace(&mut self.told.joined, true) {
                self.tell(News::SessionJoined { host });
            }
            if self.sides.lan.is_none() {
                match self.sides.join_group(host).await {
                    Ok(events) => *lan_events = Some(events),
                    Err(error) => self.no_group(error.to_string()),
                }
            }
            self.sides.mark(host).await?;
        }
        self.told.joined &= session.joined;
        let group = self.sides.view_group().await?;
        if self.probed.elapsed() >= self.probe {
            self.probed = Instant::now();
            self.sides.probe(&group).await;
        }
        self.look_into_store().await;
        self.pass_on_withdrawals().await;
        let actions = if self.sides.lan.is_some() {
            self.machine.look(self.began.elapsed(), &group, &session)
        } else {
            Vec::new()
        };
        self.tell_state();
        for (station, news) in self.answers.settled(Instant::now()) {
            self.tell_of_session(station, news);
        }
        for action in actions {
            self.act(action).await;
        }
        for file in self.waiting.files() {
            if !self.machine.will_fetch(file) {
                self.waiting.answer(file, false);
            }
        }
        self.remember().await;
        Ok(())
    }

    /// Which files made room since the last look; those that somebody asks for are wanted again.
    // req: BRG-23
    async fn look_into_store(&mut self) {
        if !std::mem::take(&mut self.store_changed) {
            return;
        }
        let Some(there) = all_files(&self.store).await else { return };
        let gone: Vec<FileUuid> = self.machine.kept().filter(|file| !there.contains(file)).collect();
        for file in gone {
            self.machine.made_room(file);
            let forgotten = self.kept.remove(&file).and_then(|stored| self.gone.note(stored));
            forgotten.into_iter().for_each(|file| self.machine.forget_room(file));
            if let Some((side, through)) = self.fetched_by.remove(&file)
                && let Some(by) = self.sides.of(side, through)
            {
                // It has stopped: it lists nothing.
                let _ = by.release(file).await;
            }
            self.tell(News::MadeRoom { file });
        }
        for file in self.waiting.files() {
            if there.contains(&file) {
                self.waiting.answer(file, true);
            } else {
                self.machine.asked_again(file);
            }
        }
    }

    /// What its author took back is taken back by whoever stands in for him on the other side, and by nobody listed on. Of what was not
    /// carried he may say so as often as he likes.
    // req: BRG-27
    async fn pass_on_withdrawals(&mut self) {
        for (file, author) in std::mem::take(&mut self.withdrawn) {
            self.taken_back.insert((file, author));
            if self.taken_back.len() > TAKEN_BACK {
                self.taken_back.pop_first();
            }
            let kept = self.kept.get(&file).is_some_and(|stored| stored.commit.station == Some(author));
            let made_room = self.gone.is_of(file, author);
            if !kept && !made_room {
                continue;
            }
            self.machine.was_withdrawn(file);
            self.kept.remove(&file);
            self.gone.forget(file);
            if kept {
                // Also for a stand-in that begins after this.
                take_back(&self.store, file).await;
            }
            for side in [Side::Lan, Side::Host] {
                if let Some(stand_in) = self.sides.stand_ins.get(&(side, author)) {
                    // It has stopped, or has none of it: it lists nothing then.
                    let _ = stand_in.station.withdraw(file).await;
                    if made_room {
                        // What is not in the store can be listed no longer, and not be said to be withdrawn.
                        let _ = stand_in.station.release(file).await;
                        let _ = stand_in.station.refresh().await;
                    }
                }
                if let Some(own) = self.sides.of(side, Through::Bridge) {
                    let _ = own.release(file).await;
                    let _ = own.refresh().await;
                }
            }
        }
    }

    /// What made room is written down for the next start.
    // req: BRG-26
    async fn remember(&self) {
        let gone = self.gone.clone();
        // Where that fails it is fetched once more after the next start.
        let _ = tokio::task::spawn_blocking(move || gone.save()).await;
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Start { side, station, name, provider } => {
                match self.sides.stand_in(side, station, (&name, &provider)).await {
                    Ok(events) if side == Side::Host => self.answers.begins(station, &name, events),
                    Ok(_) => self.tell(News::Appeared { side, station, name }),
                    Err(error) => {
                        self.machine.not_started(side, station);
                        self.tell(News::NotStanding { side, station, why: error.to_string() });
                    }
                }
            }
            Action::Stop { side, station, quietly } => {
                if let Some(stand_in) = self.sides.stand_ins.remove(&(side, station)) {
                    let leaving = stand_in.station;
                    tokio::spawn(async move {
                        if quietly { leaving.give_way().await } else { leaving.stop().await }
                    });
                    self.told.forgets(side, station);
                    if side == Side::Lan || self.answers.ends(station) {
                        self.tell(News::Disappeared { side, station, name: stand_in.name });
                    }
                }
            }
            Action::Rename { side, station, name } => {
                if let Some(stand_in) = self.sides.stand_ins.get_mut(&(side, station)) {
                    name.clone_into(&mut stand_in.name);
                    if side == Side::Host {
                        self.answers.renamed(station, &name);
                    }
                    // It has stopped: it is seen at the next look.
                    let _ = stand_in.station.rename(name).await;
                }
            }
            Action::Again { side, station } => {
                if let Some(stand_in) = self.sides.stand_ins.get(&(side, station)) {
                    // It has stopped: it is seen at the next look.
                    let _ = stand_in.station.refresh().await;
                }
            }
            Action::Fetch { side, through, file } => {
                let Some(by) = self.sides.of(side, through) else {
                    return self.machine.not_fetched(file, self.began.elapsed());
                };
                self.fetch(side, through, by, file);
            }
            Action::Withdraw { side, through, file } => {
                self.gone.forget(file);
                if let Some(station) = self.sides.of(side, through) {
                    // It has stopped: it lists nothing.
                    let _ = station.release(file).await;
                    let _ = station.refresh().await;
                    self.tell(News::Withdrawn { side, file });
                }
            }
            Action::Offer { side, station, file } => self.offer(side, station, file).await,
            Action::List { side, file } => self.list(side, file).await,
        }
    }

    fn fetch(&self, side: Side, through: Through, by: Station, file: FileUuid) {
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        tokio::spawn(async move {
            let result = fetch(&store, &by, file).await;
            // The bridge has ended.
            let _ = done.send(Done { side, through, file, result }).await;
        });
    }

    fn fetched(&mut self, done: Done) {
        let Done { side, through, file, result } = done;
        // What came, and what did not in the end, may have driven others out.
        self.store_changed = true;
        self.waiting.answer(file, result.is_ok());
        match result {
            Ok(stored) => {
                self.fetched_by.insert(file, (side, through));
                self.machine.fetched(&stored.commit);
                self.gone.forget(file);
                let author = stored.commit.station;
                if author.is_some_and(|author| self.taken_back.contains(&(file, author))) {
                    self.machine.was_withdrawn(file);
                } else {
                    self.kept.insert(file, stored);
                }
            }
            Err(Missed { why, wrong: true }) if self.machine.came_wrong(file, self.began.elapsed()) => {
                self.tell(News::GivenUp { side, file, why });
            }
            Err(Missed { why, wrong }) => {
                if !wrong {
                    self.machine.not_fetched(file, self.began.elapsed());
                }
                self.tell(News::NotCarried { side, file, why });
            }
        }
    }

    /// The stand-in of its author commits a file.
    async fn offer(&mut self, side: Side, station: StationUuid, file: FileUuid) {
        let Some(stored) = self.stored(file).await else { return self.machine.forgotten(file) };
        let Some(stand_in) = self.sides.stand_ins.get(&(side, station)) else { return };
        let (commit, length) = (Commit { group: None, ..stored.commit }, stored.length);
        let file_name = commit.file_name.clone();
        if side == Side::Host {
            self.answers.offers(station, file, (file_name.clone(), length));
        }
        let announced = stand_in.station.announce(commit).await.is_ok();
        if announced && side == Side::Lan && self.told.carries(side, station, file) {
            self.tell(News::Carried { side, file, file_name, station, length });
        }
    }

    /// The bridge lists a file whose author is nowhere.
    async fn list(&mut self, side: Side, file: FileUuid) {
        let Some(stored) = self.stored(file).await else { return self.machine.forgotten(file) };
        let Some(own) = self.sides.of(side, Through::Bridge) else { return };
        let commit = Commit { group: None, ..stored.commit };
        // It has stopped with the bridge.
        if own.list(commit).await.is_ok() {
            let _ = own.refresh().await;
        }
    }

    async fn stored(&self, file: FileUuid) -> Option<StoredCommit> {
        look_up(&self.store, file).await
    }

    fn hear_in_group(&mut self, heard: &Heard) {
        if let Heard::Event(seen) = heard
            && let Event::StationLeft { station } | Event::StationLost { station } = &seen.event
        {
            self.machine.left(*station, self.began.elapsed());
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::DiscoveryProblem { what } => self.tell(News::Problem { what }),
            Heard::Event(seen) => match seen.event {
                Event::CommitWithdrawn { file, station } => self.withdrawn.push((file, station)),
                Event::SessionUnreachable { why, .. } => self.tell(News::SessionLost { why }),
                Event::SessionRefused { message, .. } => {
                    self.tell(News::SessionLost { why: format!("the host does not let us in: {message}") });
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn tell_state(&mut self) {
        let active = self.machine.active();
        if self.sides.lan.is_some() && self.told.active != Some(active) {
            self.told.active = Some(active);
            self.tell(active.map_or(News::AtWork, |bridge| News::Waits { bridge }));
        }
        if self.told.is_newly_crowded(self.machine.crowded()) {
            self.tell(News::TooManyStations { most: self.most.0, each: self.most.1 });
        }
    }

    fn no_group(&mut self, what: String) {
        if self.told.no_group != what {
            self.told.no_group.clone_from(&what);
            self.tell(News::Problem { what });
        }
    }

    /// What the session's host answered; what is there is told once.
    fn tell_of_session(&mut self, station: StationUuid, news: News) {
        let carried = match &news {
            News::Carried { file, .. } => Some(*file),
            _ => None,
        };
        if carried.is_none_or(|file| self.told.carries(Side::Host, station, file)) {
            self.tell(news);
        }
    }

    /// Whoever does not read misses it.
    fn tell(&self, news: News) {
        let _ = self.tell.try_send(news);
    }
}

/// Fetches a file into the bridge's store, and looks whether it is what was announced.
// req: BRG-12
async fn fetch(store: &Arc<dyn Store>, by: &Station, file: FileUuid) -> Result<StoredCommit, Missed> {
    let transfer = by.request(file, Source::Any).await;
    let transfer = transfer.map_err(|error| Missed { why: error.to_string(), wrong: false })?;
    let progress = transfer.progress();
    if let Err(failure) = transfer.await {
        // Of who did not send all of it nothing is known.
        let all_came = progress.total().is_some_and(|total| progress.received() >= total);
        let wrong = all_came && matches!(failure, RequestFailure::EveryoneFailed { .. });
        return Err(Missed { why: failure.to_string(), wrong });
    }
    let found = look_up(store, file).await;
    found.ok_or_else(|| Missed { why: "what came has not the announced length".to_owned(), wrong: true })
}

async fn look_up(store: &Arc<dyn Store>, file: FileUuid) -> Option<StoredCommit> {
    let store = Arc::clone(store);
    let looking = tokio::task::spawn_blocking(move || store.commit(file).ok().flatten().and_then(as_it_is));
    looking.await.ok().flatten()
}

/// Where that fails it is listed again after the next start, until its author says so again.
async fn take_back(store: &Arc<dyn Store>, file: FileUuid) {
    let store = Arc::clone(store);
    let _ = tokio::task::spawn_blocking(move || store.withdraw(file)).await;
}

async fn all_files(store: &Arc<dyn Store>) -> Option<BTreeSet<FileUuid>> {
    let store = Arc::clone(store);
    let looking = tokio::task::spawn_blocking(move || store.commits().ok());
    let stored = looking.await.ok().flatten()?;
    Some(stored.into_iter().map(|stored| stored.commit.file).collect())
}

async fn next_of(events: &mut Option<Events>) -> Option<Heard> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// News that wait for a slow reader.
const NEWS: usize = 1_024;
/// Askers that wait for a pass; more are refused at once.
const ASKED: usize = 256;
/// Ended fetches that wait for a pass.
const FETCHES: usize = 64;
/// Between an event and the pass that follows it: others come with it.
const AFTER_EVENT: Duration = Duration::from_millis(50);
