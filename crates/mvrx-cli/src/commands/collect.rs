//! What `up --get all` and the rules promise: every commit of the others that is wished for is fetched, and lies in its folder.
//!
//! It looks at what there is at the start, on every event that may bring something, when a fetch or a save ended, and when the pause
//! after a failure is over. A commit that is not held is fetched as long as somebody lists it; one that is held and not in the folder is
//! saved there, also when a process that was killed fetched it, or when the folder is another one than before. Failures are tried again
//! after longer and longer pauses, [`TRIES`] times, and once more whenever a station comes; a person is told of them once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_node::rules::{self, Offered};
use mvrx_node::saved::Saved;
use mvrx_station::{CommitInfo, Event, Fetched, Heard, Membership, RequestFailure, Source, Station};
use mvrx_store::{Cancel, PutAway, PutAwayError};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::commands::offer::disk_words;
use crate::commands::watching::Watching;
use crate::events::Names;
use crate::failure::Failure;
use crate::hooks::Plan;
use crate::retaining::Unsaved;
use crate::show;

/// Fetches and saves of one running station.
#[derive(Debug)]
pub(crate) struct Collect {
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
    saving: usize,
    /// In the folder, as far as this run knows.
    there: BTreeSet<FileUuid>,
    failed: BTreeMap<FileUuid, Failures>,
    saved: Saved,
    /// What must not go from the store meanwhile.
    unsaved: Unsaved,
    reviewed: Instant,
    cancel: Cancel,
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
    pub(crate) fn begin(plan: Plan, data: &Path, unsaved: Unsaved) -> Self {
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
            saving: 0,
            there: BTreeSet::new(),
            failed: BTreeMap::new(),
            saved: Saved::read(data),
            unsaved,
            reviewed: Instant::now(),
            cancel: Cancel::new(),
        }
    }

    /// Takes notice of an event, and tells whether it is time to [`Collect::review`].
    pub(crate) fn heard(&mut self, heard: &Heard) -> bool {
        let seen = match heard {
            Heard::Event(seen) => seen,
            Heard::Lagged { .. } => return true,
            Heard::Session(_) | Heard::DiscoveryProblem { .. } => return false,
        };
        match &seen.event {
            Event::CommitSeen { .. } | Event::RequestDone { .. } => true,
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

    /// Starts what is to be started now.
    pub(crate) async fn review(&mut self, running: &Station, watching: &mut Watching) -> Result<(), Failure> {
        let now = Instant::now();
        self.reviewed = now;
        let commits = running.commits().await?;
        self.know_authors(running, &commits).await?;
        for commit in commits {
            let file = commit.commit.file;
            let of_others = commit.commit.station != Some(running.uuid());
            let waits = self.failed.get(&file).is_some_and(|f| f.again.is_none_or(|again| again > now));
            if !of_others || waits || self.there.contains(&file) || self.under_way.contains(&file) {
                continue;
            }
            let Some(folder) = self.folder_for(&commit, running, watching) else {
                self.unsaved.remove(file);
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
                watching.expect(transfer.id(), file);
                self.under_way.insert(file);
                self.asked.insert(file);
                self.tasks.spawn(async move { (file, Ended::Fetched(transfer.await)) });
            }
        }
        Ok(())
    }

    /// Waits for the next end of a fetch, of a save, or of a pause; [`Collect::take_ended`] and [`Collect::review`] follow. Cancel-safe.
    pub(crate) async fn wait(&mut self) {
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
    pub(crate) fn take_ended(&mut self, watching: &mut Watching) {
        for (file, ended) in std::mem::take(&mut self.just_ended) {
            self.under_way.remove(&file);
            self.ended(file, ended, watching);
        }
    }

    fn ended(&mut self, file: FileUuid, ended: Ended, watching: &mut Watching) {
        match ended {
            // It is saved by the next review.
            Ended::Fetched(Ok(_)) => {
                self.failed.remove(&file);
                watching.hush(file, false);
            }
            Ended::Fetched(Err(RequestFailure::Cancelled | RequestFailure::LeftGroup)) => {}
            Ended::Fetched(Err(failure)) => self.not_fetched(file, &failure, watching),
            Ended::Saved(folder, saved) => {
                self.saving = self.saving.saturating_sub(1);
                match saved {
                    Ok(saved) => self.is_there(file, &saved, watching),
                    Err(PutAwayError::PutAwayCancelled) => {}
                    Err(error) => self.not_saved((file, &folder), &put_away_words(&error), watching),
                }
            }
            Ended::Lost(folder) => {
                self.saving = self.saving.saturating_sub(1);
                self.not_saved((file, &folder), "its thread ended early", watching);
            }
        }
    }

    /// Rules may ask who the authors are; those who are gone are known on for a while.
    async fn know_authors(&mut self, running: &Station, commits: &[CommitInfo]) -> Result<(), Failure> {
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
    fn folder_for(&mut self, commit: &CommitInfo, running: &Station, watching: &Watching) -> Option<PathBuf> {
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
            let why =
                format!("it has {}, and no rule takes that", bytes.map_or_else(String::new, show::size));
            let words = format!("{} is fetched, but not saved: {why}", watching.file(file));
            let fields = json!({
                "file": file.to_string(), "file_name": watching.file_name(file), "path": null, "reason": why,
            });
            watching.say("not_saved", &words, fields);
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
        self.unsaved.remove(file);
    }

    fn is_there(&mut self, file: FileUuid, saved: &PutAway, watching: &mut Watching) {
        self.is_saved(file);
        self.failed.remove(&file);
        self.saved.note(file, &saved.path);
        let bytes = std::fs::metadata(&saved.path).map_or(0, |about| about.len());
        let path = saved.path.display().to_string();
        let words = if saved.already_there {
            format!("{path} is there already, with the same {}", show::size(bytes))
        } else {
            format!("saved {path}, {}", show::size(bytes))
        };
        let fields = json!({
            "file": file.to_string(), "file_name": watching.file_name(file), "path": path, "bytes": bytes,
            "already_there": saved.already_there,
        });
        watching.say("saved", &words, fields);
    }

    fn not_saved(&mut self, (file, folder): (FileUuid, &Path), why: &str, watching: &mut Watching) {
        let folder = folder.display().to_string();
        let name = watching.file(file);
        let (pause, new) = self.again(file, why);
        if new {
            let words = format!("{name} is fetched, but not saved into {folder}: {why}; {}", words_of(pause));
            let fields = json!({
                "file": file.to_string(), "file_name": watching.file_name(file), "path": folder, "reason": why,
            });
            watching.say("not_saved", &words, fields);
        }
    }

    fn not_fetched(&mut self, file: FileUuid, failure: &RequestFailure, watching: &mut Watching) {
        let why = match failure {
            // Each refusal was told when it came.
            RequestFailure::EveryoneFailed { .. } => "nobody who lists it gave it".to_owned(),
            other => crate::events::request_failure(other, &|station| watching.station(station)),
        };
        let (pause, new) = self.again(file, &why);
        if new {
            let words = format!("{} has not come ({why}); {}", watching.file(file), words_of(pause));
            let fields = json!({
                "file": file.to_string(), "file_name": watching.file_name(file), "reason": why,
                "again_after_ms": pause.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
            });
            watching.say("not_fetched", &words, fields);
        }
        watching.hush(file, true);
    }

    /// Notes a failure; gives the pause until the next try, and whether it is worth telling.
    fn again(&mut self, file: FileUuid, why: &str) -> (Option<Duration>, bool) {
        let failures = self.failed.entry(file).or_default();
        failures.count = failures.count.saturating_add(1);
        let pause = (failures.count < TRIES).then(|| pause_after(failures.count));
        failures.again = pause.map(|pause| Instant::now() + pause);
        let gist = gist_of(why);
        let new = failures.told != gist || failures.count == TRIES;
        failures.told = gist;
        (pause, new)
    }
}

impl Drop for Collect {
    fn drop(&mut self) {
        // A save that is under way takes its half file away and ends.
        self.cancel.cancel();
    }
}

/// A reason without its numbers and paths: how much room is left, and where a temporary file was to be, differ from try to try.
fn gist_of(why: &str) -> String {
    let differs = |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '/' || c == '\\');
    why.split_whitespace().filter(|word| !differs(word)).collect::<Vec<_>>().join(" ")
}

/// What of a name or a comment is compared with rules: nobody writes longer ones.
fn begin_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

fn words_of(pause: Option<Duration>) -> &'static str {
    match pause {
        Some(_) => "it is tried again, less and less often",
        None => "it is tried again when a station comes",
    }
}

fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

fn put_away_words(error: &PutAwayError) -> String {
    match error {
        PutAwayError::Disk(disk) => disk_words(disk),
        other => other.to_string(),
    }
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
        let mut told = |why: &str| collect.again(file, why).1;
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
