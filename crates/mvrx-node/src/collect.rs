//! Every commit of the others that is wished for is fetched, and lies in its folder.
//!
//! It turns commits of the group into files in folders, by a [`Plan`]: it looks at what there is at the start, on every event that may
//! bring something, when a fetch or a save ended, and when the pause after a failure is over. A commit that is not held is fetched as long
//! as somebody lists it; one that is held and not in the folder is saved there, also when a process that was killed fetched it, or when the
//! folder is another one than before. Failures are tried again after longer and longer pauses, 150 times, and once more whenever a station
//! comes.
//!
//! It prints nothing and knows no words: what comes of it is [`Collected`], in the order in which it happened. Whoever keeps one calls
//! [`Collect::review`] first, and again when [`Collect::heard`] says so and after each [`Collect::wait`], and takes what
//! [`Collect::told`] gives before he reads on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{
    CommitInfo, Event, Fetched, Heard, Membership, RequestFailure, RequestId, Source, Station, Stopped,
};
use mvrx_store::{Cancel, PutAway, PutAwayError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::retaining::Unsaved;
use crate::rules::{self, Offered, Rule};
use crate::saved::Saved;

/// Which commits of others are fetched, and where they go.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The first that fits counts.
    pub rules: Vec<Rule>,
    /// Whether what no rule fits is fetched, too.
    pub rest: bool,
    /// Where that goes, and what a rule has no folder for.
    pub folder: PathBuf,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Collected {
    /// A file was asked for; events of this request follow.
    Asked {
        /// The request.
        request: RequestId,
        /// The file.
        file: FileUuid,
    },
    /// It is here, and is saved next.
    Came {
        /// The file.
        file: FileUuid,
    },
    /// It has not come.
    NotFetched {
        /// The file.
        file: FileUuid,
        /// Why.
        why: RequestFailure,
        /// What follows.
        next: Again,
    },
    /// It lies in its folder.
    Saved {
        /// The file.
        file: FileUuid,
        /// Where.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// Nothing was written: the same bytes were there.
        already_there: bool,
    },
    /// It is here, and could not be saved.
    NotSaved {
        /// The file.
        file: FileUuid,
        /// Where it was to be.
        folder: PathBuf,
        /// Why; `None`: the thread that saved it ended early.
        why: Option<PutAwayError>,
        /// What follows.
        next: Again,
    },
    /// It was asked for, and now that its true length is known no rule takes it: it stays in the store alone.
    NotWanted {
        /// The file.
        file: FileUuid,
        /// Its bytes, where they are known.
        bytes: Option<u64>,
    },
    /// It came, and its author took it back before it was saved: it stays in the store alone.
    TakenBack {
        /// The file.
        file: FileUuid,
    },
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The pause until the next try; `None`: it is tried when a station comes.
    pub after: Option<Duration>,
    /// Whether it is news: the first failure, or one for another reason, or the last before nobody tries any more.
    pub new: bool,
}

/// Fetches and saves of one running station.
#[derive(Debug)]
pub struct Collect {
    plan: Plan,
    /// Names and applications of authors, where the rules ask for them.
    authors: BTreeMap<StationUuid, (String, String)>,
    /// What the rules say of a commit, with what was known of it then: whether its author was, and whether it is here.
    decided: BTreeMap<FileUuid, ((bool, bool), Option<PathBuf>)>,
    /// Asked for by this run.
    asked: BTreeSet<FileUuid>,
    tasks: JoinSet<(FileUuid, Ended)>,
    just_ended: Vec<(FileUuid, Ended)>,
    under_way: BTreeSet<FileUuid>,
    /// Fetched by this run and not saved yet.
    came: BTreeSet<FileUuid>,
    /// Of what is fetched and saved, what its author took back.
    taken_back: BTreeSet<FileUuid>,
    saving: usize,
    /// In the folder, as far as this run knows.
    there: BTreeSet<FileUuid>,
    failed: BTreeMap<FileUuid, Failures>,
    saved: Saved,
    /// What must not go from the store meanwhile.
    unsaved: Unsaved,
    reviewed: Instant,
    cancel: Cancel,
    told: VecDeque<Collected>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, taken as it comes")]
enum Ended {
    Fetched(Result<Fetched, RequestFailure>),
    Saved(PathBuf, Result<PutAway, PutAwayError>),
    /// The thread that saved it ended early.
    Lost(PathBuf),
}

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    /// When it is tried again; `None`: when a station comes.
    again: Option<Instant>,
    /// The words that a person has read, without what differs from try to try.
    told: String,
}

impl Collect {
    /// Clears what killed processes left in the folders, and reads which files lie there. `data` is the data directory.
    #[must_use]
    pub fn begin(plan: Plan, data: &Path, unsaved: Unsaved) -> Self {
        let own = (!plan.folder.as_os_str().is_empty()).then_some(&plan.folder);
        let folders: BTreeSet<&PathBuf> =
            plan.rules.iter().filter_map(|rule| rule.to.as_ref()).chain(own).collect();
        for folder in folders {
            mvrx_store::clear_leftovers(folder);
        }
        Self {
            plan,
            authors: BTreeMap::new(),
            decided: BTreeMap::new(),
            asked: BTreeSet::new(),
            tasks: JoinSet::new(),
            just_ended: Vec::new(),
            under_way: BTreeSet::new(),
            came: BTreeSet::new(),
            taken_back: BTreeSet::new(),
            saving: 0,
            there: BTreeSet::new(),
            failed: BTreeMap::new(),
            saved: Saved::read(data),
            unsaved,
            reviewed: Instant::now(),
            cancel: Cancel::new(),
            told: VecDeque::new(),
        }
    }

    /// What came of it since, the oldest first.
    pub fn told(&mut self) -> Option<Collected> {
        self.told.pop_front()
    }

    /// Takes notice of an event, and tells whether it is time to [`Collect::review`].
    pub fn heard(&mut self, heard: &Heard) -> bool {
        let seen = match heard {
            Heard::Event(seen) => seen,
            Heard::Lagged { .. } => return true,
            Heard::Session(_) | Heard::DiscoveryProblem { .. } => return false,
        };
        match &seen.event {
            Event::CommitSeen { .. } | Event::RequestDone { .. } => true,
            Event::CommitWithdrawn { file, .. } => {
                self.taken_back(*file);
                true
            }
            Event::StationJoined { .. } | Event::StationReachable { .. } => {
                // It may have what the others did not give. Not at once: one that comes and goes is not to be asked without a pause.
                let soon = Instant::now() + FIRST_PAUSE;
                for failures in self.failed.values_mut() {
                    failures.again = Some(failures.again.map_or(soon, |again| again.min(soon)));
                }
                true
            }
            _ => false,
        }
    }

    pub(crate) fn taken_back(&mut self, file: FileUuid) {
        if self.under_way.contains(&file) || self.came.contains(&file) {
            self.taken_back.insert(file);
        }
    }

    /// Starts what is to be started now. Not cancel-safe: a request that was made may not be known here.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn review(&mut self, running: &Station) -> Result<(), Stopped> {
        let now = Instant::now();
        self.reviewed = now;
        let commits = running.commits().await?;
        self.know_authors(running, &commits).await?;
        self.tell_taken_back(running, &commits).await;
        for commit in commits {
            let file = commit.commit.file;
            let of_others = commit.commit.station != Some(running.uuid());
            let waits = self.failed.get(&file).is_some_and(|f| f.again.is_none_or(|again| again > now));
            if !of_others || waits || self.there.contains(&file) || self.under_way.contains(&file) {
                continue;
            }
            let Some(folder) = self.folder_for(&commit, running) else {
                self.unsaved.remove(file);
                self.came.remove(&file);
                continue;
            };
            self.unsaved.add(file);
            // The store may have let it go since.
            if self.saved.still_has(file, &folder) {
                self.is_saved(file);
            } else if commit.held {
                self.save(running, &commit, folder);
            } else if !commit.holders.is_empty() && self.tasks.len() < FETCHES {
                let transfer = running.request(file, Source::Any).await?;
                self.told.push_back(Collected::Asked { request: transfer.id(), file });
                self.under_way.insert(file);
                self.asked.insert(file);
                self.tasks.spawn(async move { (file, Ended::Fetched(transfer.await)) });
            }
        }
        Ok(())
    }

    /// Waits for the next end of a fetch, of a save, or of a pause; [`Collect::take_ended`] and [`Collect::review`] follow. Cancel-safe.
    pub async fn wait(&mut self) {
        let again = self.failed.iter().filter(|(file, _)| !self.under_way.contains(file));
        // What was due by then, the review has started, or it waits for something else.
        let again = again.filter_map(|(_, failures)| failures.again).filter(|at| *at > self.reviewed).min();
        let pause = async {
            match again {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = self.tasks.join_next() => self.just_ended.extend(ended.ok()),
            () = pause => {}
        }
    }

    /// Notes what has ended, and tells of it.
    pub fn take_ended(&mut self) {
        for (file, ended) in std::mem::take(&mut self.just_ended) {
            self.under_way.remove(&file);
            self.ended(file, ended);
        }
    }

    fn ended(&mut self, file: FileUuid, ended: Ended) {
        match ended {
            // It is saved by the next review.
            Ended::Fetched(Ok(_)) => {
                self.failed.remove(&file);
                self.came.insert(file);
                self.told.push_back(Collected::Came { file });
            }
            Ended::Fetched(Err(RequestFailure::Cancelled | RequestFailure::LeftGroup)) => {
                self.taken_back.remove(&file);
            }
            Ended::Fetched(Err(failure)) => {
                if self.taken_back.remove(&file) {
                    self.unsaved.remove(file);
                }
                self.not_fetched(file, failure);
            }
            Ended::Saved(folder, saved) => {
                self.saving = self.saving.saturating_sub(1);
                match saved {
                    Ok(saved) => self.is_there(file, saved),
                    Err(PutAwayError::PutAwayCancelled) => {}
                    Err(error) => self.not_saved(file, folder, Some(error)),
                }
            }
            Ended::Lost(folder) => {
                self.saving = self.saving.saturating_sub(1);
                self.not_saved(file, folder, None);
            }
        }
    }

    /// What came and is listed no more is not saved, and that is told where its author took it back.
    async fn tell_taken_back(&mut self, running: &Station, listed: &[CommitInfo]) {
        let listed: BTreeSet<FileUuid> = listed.iter().map(|commit| commit.commit.file).collect();
        let is_gone = |file: &&FileUuid| !listed.contains(*file) && !self.under_way.contains(*file);
        let gone: Vec<FileUuid> = self.came.iter().filter(is_gone).copied().collect();
        if gone.is_empty() {
            return;
        }
        let store = running.store();
        let marked = tokio::task::spawn_blocking(move || store.withdrawn().unwrap_or_default());
        let marked = marked.await.unwrap_or_default();
        for file in gone {
            if marked.contains(&file) || self.taken_back.contains(&file) {
                self.forget(file);
                self.told.push_back(Collected::TakenBack { file });
            }
        }
    }

    /// It needs no folder any more.
    fn forget(&mut self, file: FileUuid) {
        self.unsaved.remove(file);
        self.came.remove(&file);
        self.taken_back.remove(&file);
    }

    /// Rules may ask who the authors are; those who are gone are known on for a while.
    async fn know_authors(&mut self, running: &Station, commits: &[CommitInfo]) -> Result<(), Stopped> {
        if self.plan.rules.is_empty() {
            return Ok(());
        }
        let files: BTreeSet<FileUuid> = commits.iter().map(|commit| commit.commit.file).collect();
        self.decided.retain(|file, _| files.contains(file));
        self.asked.retain(|file| files.contains(file));
        let authors: BTreeSet<StationUuid> =
            commits.iter().filter_map(|commit| commit.commit.station).collect();
        self.authors.retain(|station, _| authors.contains(station));
        for info in running.stations().await? {
            // What no JOIN told yet is not known.
            if authors.contains(&info.station) && info.membership == Membership::Member {
                self.authors.insert(info.station, (info.name, info.provider));
            }
        }
        Ok(())
    }

    /// The folder of a commit, as the rules have it; `None`: it is left alone. A file that came is judged by its true length.
    fn folder_for(&mut self, commit: &CommitInfo, running: &Station) -> Option<PathBuf> {
        if self.plan.rules.is_empty() {
            return self.plan.rest.then(|| self.plan.folder.clone());
        }
        let file = commit.commit.file;
        let author = commit.commit.station.and_then(|author| self.authors.get(&author));
        let known = (author.is_some(), commit.held);
        if let Some((_, folder)) = self.decided.get(&file).filter(|(then, _)| *then == known) {
            return folder.clone();
        }
        let counted = || {
            let stored = running.store().commits().unwrap_or_default();
            stored.into_iter().find(|stored| stored.commit.file == file).map(|stored| stored.length)
        };
        let announced = Some(commit.commit.file_size).filter(|size| *size > 0);
        let bytes = if commit.held { counted().or(announced) } else { announced };
        let station = commit.commit.station.map(|station| station.to_string());
        let offered = Offered {
            provider: author.map(|(_, provider)| begin_of(provider)),
            name: author.map(|(name, _)| begin_of(name)),
            station: station.as_deref(),
            comment: begin_of(&commit.commit.comment),
            file: begin_of(&commit.commit.file_name),
            bytes,
        };
        let folder = match rules::first(&self.plan.rules, &offered).and_then(|at| self.plan.rules.get(at)) {
            Some(rule) if rule.leaves => None,
            Some(rule) => Some(rule.to.clone().unwrap_or_else(|| self.plan.folder.clone())),
            None => self.plan.rest.then(|| self.plan.folder.clone()),
        };
        self.decided.insert(file, (known, folder.clone()));
        if folder.is_none() && commit.held && self.asked.remove(&file) {
            self.told.push_back(Collected::NotWanted { file, bytes });
        }
        folder
    }

    fn save(&mut self, running: &Station, commit: &CommitInfo, folder: PathBuf) {
        let file = commit.commit.file;
        // One at a time: a disk is not faster with several.
        if self.saving > 0 {
            return;
        }
        self.saving += 1;
        self.under_way.insert(file);
        let (store, cancel) = (running.store(), self.cancel.clone());
        let hint = commit.commit.file_name.clone();
        self.tasks.spawn(async move {
            let into = folder.clone();
            let saving = tokio::task::spawn_blocking(move || store.put_away(file, &into, &hint, &cancel));
            match saving.await {
                Ok(saved) => (file, Ended::Saved(folder, saved)),
                Err(_) => (file, Ended::Lost(folder)),
            }
        });
    }

    fn is_saved(&mut self, file: FileUuid) {
        self.there.insert(file);
        self.forget(file);
    }

    fn is_there(&mut self, file: FileUuid, saved: PutAway) {
        self.is_saved(file);
        self.failed.remove(&file);
        self.saved.note(file, &saved.path);
        let bytes = std::fs::metadata(&saved.path).map_or(0, |about| about.len());
        let (path, already_there) = (saved.path, saved.already_there);
        self.told.push_back(Collected::Saved { file, path, bytes, already_there });
    }

    fn not_saved(&mut self, file: FileUuid, folder: PathBuf, why: Option<PutAwayError>) {
        let words = why.as_ref().map_or_else(String::new, ToString::to_string);
        let next = self.again(file, &words);
        self.told.push_back(Collected::NotSaved { file, folder, why, next });
    }

    fn not_fetched(&mut self, file: FileUuid, why: RequestFailure) {
        let words = match &why {
            // Each refusal was told when it came.
            RequestFailure::EveryoneFailed { .. } => "nobody gave it".to_owned(),
            other => other.to_string(),
        };
        let next = self.again(file, &words);
        self.told.push_back(Collected::NotFetched { file, why, next });
    }

    /// Notes a failure.
    fn again(&mut self, file: FileUuid, why: &str) -> Again {
        let failures = self.failed.entry(file).or_default();
        failures.count = failures.count.saturating_add(1);
        let pause = (failures.count < TRIES).then(|| pause_after(failures.count));
        failures.again = pause.map(|pause| Instant::now() + pause);
        let gist = gist_of(why);
        let new = failures.told != gist || failures.count == TRIES;
        failures.told = gist;
        Again { after: pause, new }
    }
}

impl Drop for Collect {
    fn drop(&mut self) {
        // A save that is under way takes its half file away and ends.
        self.cancel.cancel();
    }
}

/// A reason without its numbers and paths: how much room is left, and where a temporary file was to be, differ from try to try.
pub(crate) fn gist_of(why: &str) -> String {
    let differs = |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '/' || c == '\\');
    why.split_whitespace().filter(|word| !differs(word)).collect::<Vec<_>>().join(" ")
}

/// What of a name or a comment is compared with rules: nobody writes longer ones.
fn begin_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

/// Failures in a row after which only the coming of a station counts: half a day of pauses.
const TRIES: u32 = 150;

/// Bytes of a name or a comment that rules see.
const LONGEST: usize = 1_000;

const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Fetches asked for at once; the station itself carries out some of them at a time.
const FETCHES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_whatever_the_numbers_and_paths_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut collect = Collect::begin(Plan::default(), folder.path(), Unsaved::default());
        let file = FileUuid::from_random_bytes([1; 16]);
        let mut told = |why: &str| collect.again(file, why).new;
        assert!(told("no space left to write /data/tmp/a1f3.part (12 of 400 bytes)"));
        assert!(!told("no space left to write /data/tmp/77b0.part (16 of 400 bytes)"));
        assert!(told("nobody who lists it gave it"));
        assert!(told("no space left to write /data/tmp/77b1.part (16 of 400 bytes)"));
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses: Vec<u64> = (1..=12).map(|n| pause_after(n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
