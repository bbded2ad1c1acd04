//! Files on their way in and out, as events tell of them, and how far those are that were begun here.
//!
//! ```text
//! waiting ──a station is asked──► running ──all of it came──► checking ──listed──► done
//!    ╰───────────────┴───────────────────────┴──nobody gave it──► failed; cancelled here──► cancelled
//! ```
//! Of what others begin (rules, another command, another station that fetches) nobody tells how far it is: its `bytes` are null until it ends.
//! An answer that was not given to its end ends as failed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mvrx_message::{FileUuid, StationUuid};
use mvrx_node::shown::unix_millis;
use mvrx_station::{Event, Progress, RequestFailure, RequestId, Source, Station, Transfer};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::SCHEMA;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// All that run, and the last that ended.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By its number; newer ones are greater.
    all: BTreeMap<u64, One>,
    next: u64,
    done: u64,
    failed: u64,
}

#[derive(Debug)]
struct One {
    request: Option<RequestId>,
    file: Option<FileUuid>,
    file_name: String,
    station: Option<StationUuid>,
    name: String,
    state: State,
    total: Option<u64>,
    progress: Option<Progress>,
    /// Bytes it ended with.
    ended_bytes: Option<u64>,
    /// When its bytes were counted, and how many: for the rate.
    counted: Option<(Instant, u64)>,
    rate: Option<u64>,
    begun: SystemTime,
    ended: Option<SystemTime>,
    reason: Option<String>,
    cancel: Option<Arc<Notify>>,
    told: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl One {
    fn new(request: Option<RequestId>, file: Option<FileUuid>, state: State) -> Self {
        Self {
            request,
            file,
            file_name: String::new(),
            station: None,
            name: String::new(),
            state,
            total: None,
            progress: None,
            ended_bytes: None,
            counted: None,
            rate: None,
            begun: SystemTime::now(),
            ended: None,
            reason: None,
            cancel: None,
            told: None,
        }
    }

    fn end(&mut self, state: State, reason: Option<String>) {
        if self.ended.is_none() {
            self.ended_bytes = self.ended_bytes.or_else(|| self.progress.as_ref().map(Progress::received));
            (self.state, self.reason, self.ended) = (state, reason, Some(SystemTime::now()));
            (self.rate, self.cancel) = (None, None);
        }
    }

    fn total(&self) -> Option<u64> {
        let told = self.progress.as_ref().and_then(Progress::total);
        told.or(self.total).filter(|total| *total > 0)
    }

    fn bytes(&self) -> Option<u64> {
        self.ended_bytes.or_else(|| self.progress.as_ref().map(Progress::received))
    }

    /// Counts, for the rate: over a second or so.
    fn count(&mut self, now: Instant) {
        let (Some(bytes), None) = (self.bytes(), self.ended) else { return };
        let Some((at, before)) = self.counted else {
            self.counted = Some((now, bytes));
            return;
        };
        let passed = now.saturating_duration_since(at);
        if passed >= RATE {
            let each = u128::from(bytes.saturating_sub(before)) * 1_000 / passed.as_millis().max(1);
            self.rate = Some(u64::try_from(each).unwrap_or(u64::MAX));
            self.counted = Some((now, bytes));
        }
    }

    fn state(&self) -> &'static str {
        match self.state {
            State::Waiting => "waiting",
            State::Running if self.progress.as_ref().is_some_and(|progress| progress.checked() > 0) => {
                "checking"
            }
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    fn json(&self, number: u64) -> Value {
        json!({
            "id": number.to_string(),
            "direction": if self.request.is_some() { "in" } else { "out" },
            "file": self.file.map(|file| file.to_string()),
            "file_name": self.file_name,
            "station": self.station.map(|station| station.to_string()),
            "name": self.name,
            "state": self.state(),
            "bytes": self.bytes(),
            "total": self.total(),
            "bytes_per_second": self.rate,
            "started_unix_ms": unix_millis(self.begun),
            "ended_unix_ms": self.ended.map(unix_millis),
            "reason": self.reason,
        })
    }
}

impl Transfers {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, the newest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.lock().all.iter().rev().map(|(number, one)| one.json(*number)).collect()
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().all.values().filter(|one| one.ended.is_none()).count()
    }

    /// How many came to their end, and how many did not.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let known = self.lock();
        let told = known.all.values().filter(|one| one.ended.is_some());
        let (done, failed): (Vec<_>, Vec<_>) = told.partition(|one| one.state == State::Done);
        let count = |ended: &Vec<&One>| u64::try_from(ended.len()).unwrap_or(u64::MAX);
        (known.done.saturating_add(count(&done)), known.failed.saturating_add(count(&failed)))
    }

    /// Ends one that runs.
    pub(crate) fn cancel(&self, id: &str) -> Result<(), Refusal> {
        let number: Option<u64> = id.parse().ok();
        let known = self.lock();
        let one = number.and_then(|number| known.all.get(&number));
        let one = one.ok_or_else(|| Refusal::not_found("no transfer has this number"))?;
        if one.ended.is_some() {
            return Err(Refusal::conflict("this transfer has ended"));
        }
        let cancel = one.cancel.as_ref().ok_or_else(|| {
            Refusal::conflict("this transfer was not begun from here, so it cannot be ended from here")
        })?;
        cancel.notify_one();
        Ok(())
    }

    /// Takes notice of an event.
    pub(crate) fn hear(&self, event: &Event, kept: usize) {
        let mut known = self.lock();
        match event {
            Event::RequestStarted { request, file, from } => {
                let one = known.request(*request, *file);
                (one.station, one.file) = (Some(*from), one.file.or(*file));
                if one.ended.is_none() {
                    one.state = State::Running;
                }
            }
            Event::RequestDone { request, file, from } => {
                let one = known.request(*request, Some(*file));
                (one.file, one.station) = (Some(*file), from.or(one.station));
                one.end(State::Done, None);
            }
            Event::RequestFailed { request, failure } => {
                let one = known.request(*request, None);
                let cancelled = matches!(failure, RequestFailure::Cancelled);
                let state = if cancelled { State::Cancelled } else { State::Failed };
                one.end(state, (!cancelled).then(|| failure.to_string()));
            }
            Event::Serving { file, station, .. } => {
                let mut one = One::new(None, Some(*file), State::Running);
                one.station = *station;
                known.add(one);
            }
            Event::Served { file, station, length } => {
                if let Some(one) = known.serving(*file, *station) {
                    one.ended_bytes = Some(*length);
                    one.end(State::Done, None);
                }
            }
            Event::ServeFailed { file, station, why } => {
                if let Some(one) = known.serving(*file, *station) {
                    one.end(State::Failed, Some(why.clone()));
                }
            }
            _ => return,
        }
        known.prune(kept);
    }

    /// Events were missed: how those end that others began may never be told, so they are not told of any more.
    pub(crate) fn lagged(&self) {
        self.lock().all.retain(|_, one| one.ended.is_some() || one.cancel.is_some());
    }

    /// What is new since the last time, to be told.
    fn news(&self, now: Instant) -> Vec<(u64, String)> {
        let mut known = self.lock();
        let mut news = Vec::new();
        for (number, one) in &mut known.all {
            one.count(now);
            let document =
                json!({ "schema": SCHEMA, "event": "transfer", "transfer": one.json(*number) }).to_string();
            if one.told.as_ref() != Some(&document) {
                one.told = Some(document.clone());
                news.push((*number, document));
            }
        }
        news
    }

    /// Whose names are not known yet.
    fn nameless(&self) -> bool {
        self.lock().all.values().any(|one| one.is_nameless())
    }

    fn name(&self, commits: &[mvrx_station::CommitInfo], stations: &[mvrx_station::StationInfo]) {
        for one in self.lock().all.values_mut().filter(|one| one.is_nameless()) {
            let commit = commits.iter().find(|info| Some(info.commit.file) == one.file);
            if let Some(info) = commit {
                one.file_name.clone_from(&info.commit.file_name);
                one.total = Some(info.commit.file_size);
            }
            let station = stations.iter().find(|info| Some(info.station) == one.station);
            if let Some(info) = station {
                one.name.clone_from(&info.name);
            }
        }
    }
}

impl One {
    fn is_nameless(&self) -> bool {
        self.ended.is_none()
            && ((self.file.is_some() && self.total.is_none())
                || (self.station.is_some() && self.name.is_empty()))
    }
}

impl Known {
    fn add(&mut self, one: One) -> u64 {
        self.next += 1;
        self.all.insert(self.next, one);
        self.next
    }

    fn request(&mut self, request: RequestId, file: Option<FileUuid>) -> &mut One {
        let found = self.all.iter().rev().find(|(_, one)| one.request == Some(request)).map(|(n, _)| *n);
        let number = found.unwrap_or_else(|| self.add(One::new(Some(request), file, State::Waiting)));
        self.all.entry(number).or_insert_with(|| One::new(Some(request), file, State::Waiting))
    }

    fn serving(&mut self, file: FileUuid, station: Option<StationUuid>) -> Option<&mut One> {
        let is_it = |one: &&mut One| {
            one.request.is_none() && one.ended.is_none() && one.file == Some(file) && one.station == station
        };
        self.all.values_mut().find(is_it)
    }

    /// Lets go the oldest of those that have ended.
    fn prune(&mut self, kept: usize) {
        let ended: Vec<u64> =
            self.all.iter().filter(|(_, one)| one.ended.is_some()).map(|(number, _)| *number).collect();
        for number in ended.iter().take(ended.len().saturating_sub(kept)) {
            // They are counted on.
            match self.all.remove(number).map(|one| one.state) {
                Some(State::Done) => self.done += 1,
                Some(_) => self.failed += 1,
                None => {}
            }
        }
    }
}

/// Asks for a file, and follows it to its end.
pub(crate) async fn fetch(shared: &Arc<Shared>, file: FileUuid, source: Source) -> Result<Value, Refusal> {
    let station = shared.station()?;
    if shared.transfers.running() >= shared.limits.transfers {
        return Err(Refusal::busy("so many transfers run already; wait for one to end"));
    }
    let transfer = station.request(file, source).await?;
    let cancel = Arc::new(Notify::new());
    let number = {
        let mut known = shared.transfers.lock();
        let one = known.request(transfer.id(), Some(file));
        (one.progress, one.cancel) = (Some(transfer.progress()), Some(Arc::clone(&cancel)));
        let request = one.request;
        known.all.iter().find(|(_, one)| one.request == request).map(|(number, _)| *number)
    };
    tokio::spawn(follow(Arc::clone(shared), transfer, cancel));
    look(shared, station).await;
    let known = shared.transfers.lock();
    let told = number.and_then(|number| known.all.get(&number).map(|one| one.json(number)));
    Ok(told.unwrap_or(Value::Null))
}

async fn follow(shared: Arc<Shared>, mut transfer: Transfer, cancel: Arc<Notify>) {
    let (request, mut closing) = (transfer.id(), shared.closing.clone());
    let mut cancelled = false;
    let ended = loop {
        tokio::select! {
            ended = &mut transfer => break ended,
            () = cancel.notified(), if !cancelled => {
                cancelled = true;
                transfer.cancel().await;
            }
            // The request goes on without us.
            () = crate::shared::closed(&mut closing) => return,
        }
    };
    {
        let mut known = shared.transfers.lock();
        let one = known.request(request, None);
        match ended {
            Ok(fetched) => {
                one.station = fetched.from.or(one.station);
                one.ended_bytes = Some(fetched.commit.file_size);
                one.total = Some(fetched.commit.file_size);
                one.end(State::Done, None);
            }
            Err(RequestFailure::Cancelled) => one.end(State::Cancelled, None),
            Err(failure) => one.end(State::Failed, Some(failure.to_string())),
        }
        known.prune(shared.limits.transfers_ended);
    }
    tell(&shared);
}

/// Tells what is new, four times a second at most.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let Ok(station) = shared.station().cloned() else { return };
    let mut closing = shared.closing.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = crate::shared::closed(&mut closing) => return,
        }
        look(&shared, &station).await;
        tell(&shared);
    }
}

/// Finds the names of what has none yet.
async fn look(shared: &Shared, station: &Station) {
    if shared.transfers.nameless()
        && let (Ok(commits), Ok(stations)) = (station.commits().await, station.stations().await)
    {
        shared.transfers.name(&commits, &stations);
    }
}

fn tell(shared: &Shared) {
    if shared.feed.wanted() {
        for (number, document) in shared.transfers.news(Instant::now()) {
            shared.feed.tell_latest("transfer", number, &document);
        }
    }
}

/// Between two looks.
const PACE: Duration = Duration::from_millis(250);
/// Bytes of so long make a rate.
const RATE: Duration = Duration::from_millis(900);
