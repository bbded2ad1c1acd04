//! What `up` and `commit` share: names for people, a line or a JSON document for each event.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mvrx_message::{FileUuid, StationUuid};
use mvrx_node::exec::Exec;
use mvrx_node::revision::Revision;
use mvrx_station::{Event, Heard, RequestId, SessionTarget, Station};
use mvrx_web::Feed;
use serde_json::{Map, Value, json};

use crate::events::{self, Names};
use crate::failure::Failure;
use crate::{event_json, hooks, moving, session_events, show};

/// Shows events as they come, with the names that people know.
#[derive(Debug)]
pub(crate) struct Watching {
    json: bool,
    in_session: bool,
    place: &'static str,
    hosts: bool,
    /// The data directory through which proposals to move are answered.
    answered_in: Option<PathBuf>,
    /// The move under way.
    moving_to: Option<SessionTarget>,
    stations: BTreeMap<StationUuid, String>,
    /// How many of them are there.
    here: usize,
    addresses: BTreeMap<SocketAddr, StationUuid>,
    files: BTreeMap<FileUuid, FileNames>,
    requests: BTreeMap<RequestId, FileUuid>,
    /// Files whose further tries are told to programs only: people know that they do not come.
    quiet: BTreeSet<FileUuid>,
    /// When the names were read last.
    read: Option<SystemTime>,
    /// Commands that are run when something happens.
    exec: Option<Exec>,
    /// What event streams of the page read.
    feed: Option<Feed>,
}

#[derive(Debug)]
struct FileNames {
    name: String,
    comment: String,
}

impl Watching {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            in_session: false,
            place: "group",
            hosts: false,
            answered_in: None,
            moving_to: None,
            stations: BTreeMap::new(),
            here: 0,
            addresses: BTreeMap::new(),
            files: BTreeMap::new(),
            requests: BTreeMap::new(),
            quiet: BTreeSet::new(),
            read: None,
            exec: None,
            feed: None,
        }
    }

    /// From now on these commands are run.
    pub(crate) fn runs(&mut self, exec: Exec) {
        self.exec = Some(exec);
    }

    /// From now on whoever reads the page's events is told as well.
    pub(crate) fn feeds(&mut self, feed: Feed) {
        self.feed = Some(feed);
    }

    /// From now on it is told when a session has us, or has us again.
    pub(crate) fn in_session(&mut self) {
        self.in_session = true;
        self.place = "session";
    }

    /// We host a session ourselves.
    pub(crate) fn hosts_session(&mut self) {
        self.hosts = true;
        self.place = "session";
    }

    /// From now on proposals to move can be answered through this data directory.
    pub(crate) fn asks_in(&mut self, data: &Path) {
        self.answered_in = Some(data.to_owned());
    }

    /// Reads the present names: once for all that happened until now, so that a flood of events costs a few readings and not one each.
    pub(crate) async fn refresh(&mut self, station: &Station) -> Result<(), Failure> {
        self.read = Some(SystemTime::now());
        let stations = station.stations().await?;
        let here: BTreeSet<StationUuid> = stations.iter().map(|info| info.station).collect();
        self.here = here.len();
        self.addresses.clear();
        for info in stations {
            self.addresses.extend(info.addresses.iter().map(|address| (*address, info.station)));
            self.stations.insert(info.station, info.name);
        }
        let commits = station.commits().await?;
        let known: BTreeSet<FileUuid> = commits.iter().map(|info| info.commit.file).collect();
        for info in commits {
            let names = FileNames { name: cut(info.commit.file_name), comment: cut(info.commit.comment) };
            self.files.insert(info.commit.file, names);
        }
        // Those who are gone, and what is forgotten, are spoken of a little longer, but not for ever.
        prune(&mut self.stations, &here);
        if prune(&mut self.files, &known) {
            self.quiet.retain(|file| known.contains(file));
        }
        Ok(())
    }

    pub(crate) async fn heard(&mut self, heard: &Heard, station: &Station) -> Result<(), Failure> {
        let seen = match heard {
            Heard::Event(seen) => seen,
            Heard::Session(seen) => {
                let words = session_events::words(&seen.event, self);
                let (kind, mut fields) = session_events::fields(&seen.event);
                self.name_ids(&mut fields);
                self.tell(seen.at, kind, (words.as_deref(), false), fields);
                return Ok(());
            }
            Heard::DiscoveryProblem { what } => {
                let words = format!("finding others: {what}");
                self.say("discovery_problem", &words, json!({ "reason": what }));
                return Ok(());
            }
            Heard::Lagged { missed } => {
                self.refresh(station).await?;
                let (stations, files) = (self.here, self.files.len());
                let words = format!(
                    "{missed} events went by too fast to show; {stations} {} and {files} {} are known now",
                    show::plural(stations, "station"),
                    show::plural(files, "file")
                );
                self.say("lagged", &words, json!({ "missed": missed, "stations": stations, "files": files }));
                return Ok(());
            }
        };
        if needs_names(&seen.event) && !covers(self.read, seen.at) {
            self.refresh(station).await?;
        }
        match &seen.event {
            Event::MoveBegun { to, .. } => self.moving_to = Some(to.clone()),
            Event::Moved { .. } | Event::NotMoved { .. } => self.moving_to = None,
            _ => {}
        }
        if let Event::Moved { to, .. } = &seen.event {
            self.in_session = matches!(to, SessionTarget::Url(_));
            self.place = if self.in_session { "session" } else { "group" };
        }
        if let Event::RequestStarted { request, file: Some(file), .. } = &seen.event {
            self.requests.insert(*request, *file);
        }
        let words = match &seen.event {
            Event::JoinedGroup if self.in_session => Some("joined the session".to_owned()),
            Event::CommitWithdrawn { file, station: by } if *by == station.uuid() => {
                Some(format!("withdrew {}: the others are told; who has fetched it has it", self.file(*file)))
            }
            event => events::words(event, self),
        };
        let (kind, mut fields) = event_json::fields(&seen.event);
        self.add_names(&mut fields, &seen.event);
        self.tell(seen.at, kind, (words.as_deref(), self.is_quiet(&seen.event)), fields);
        if let Event::RequestDone { request, .. } | Event::RequestFailed { request, .. } = &seen.event {
            self.requests.remove(request);
        }
        Ok(())
    }

    /// Something of our own to say, now: words for people, fields for programs.
    #[allow(clippy::needless_pass_by_value, reason = "made in place, everywhere")]
    pub(crate) fn say(&self, kind: &str, words: &str, fields: Value) {
        let fields = fields.as_object().cloned().unwrap_or_default();
        self.tell(SystemTime::now(), kind, (Some(words), false), fields);
    }

    /// A revision of somebody else is here, and what it changed.
    pub(crate) fn revision(&self, revision: &Revision) {
        let commit = &revision.stored.commit;
        let author = commit.station.map(|station| self.station(station));
        let (name, comment) = (show::file_name(&commit.file_name), show::name(&commit.comment));
        let who = author.unwrap_or_else(|| "somebody".to_owned());
        let change = revision.change.as_ref();
        let roll_up = change.map(|change| change.roll_up.as_str());
        let words = match (comment.is_empty() || roll_up == Some(&commit.comment), roll_up) {
            (true, Some(roll_up)) => format!("{who} committed {name}: {roll_up}"),
            (true, None) => format!("{who} committed {name}"),
            (false, Some(roll_up)) => format!("{who} committed '{comment}': {roll_up}"),
            (false, None) => format!("{who} committed '{comment}'"),
        };
        let mut fields = Map::new();
        fields.insert("file".to_owned(), commit.file.to_string().into());
        fields.insert("file_name".to_owned(), cut(commit.file_name.clone()).into());
        fields.insert("comment".to_owned(), cut(commit.comment.clone()).into());
        fields.insert("station".to_owned(), commit.station.map(|station| station.to_string()).into());
        fields.insert("bytes".to_owned(), revision.stored.length.into());
        fields.insert("roll_up".to_owned(), roll_up.into());
        fields.insert("since".to_owned(), change.map(|change| change.since.to_string()).into());
        self.name_ids(&mut fields);
        self.tell(SystemTime::now(), "revision", (Some(&words), false), fields);
    }

    /// Tells which file a request is for, before its first event comes. That it failed, the caller tells people.
    pub(crate) fn expect(&mut self, request: RequestId, file: FileUuid) {
        self.requests.insert(request, file);
    }

    /// From now on people are not told of each try to fetch this file; or they are again.
    pub(crate) fn hush(&mut self, file: FileUuid, quiet: bool) {
        if quiet {
            self.quiet.insert(file);
        } else {
            self.quiet.remove(&file);
        }
    }

    /// What the commit calls the file.
    pub(crate) fn file_name(&self, file: FileUuid) -> &str {
        self.files.get(&file).map_or("", |names| names.name.as_str())
    }

    fn is_quiet(&self, event: &Event) -> bool {
        match event {
            Event::RequestStarted { request, .. }
            | Event::RequestBroke { request, .. }
            | Event::RequestAttemptFailed { request, .. } => {
                self.requests.get(request).is_some_and(|file| self.quiet.contains(file))
            }
            // Who asked tells it, and what follows.
            Event::RequestFailed { request, .. } => self.requests.contains_key(request),
            // The move tells it.
            Event::GroupChanged { to, .. } => {
                matches!(&self.moving_to, Some(SessionTarget::Group(group)) if group == to)
            }
            _ => false,
        }
    }

    /// Adds what only we know: the names of what the event tells by id.
    fn add_names(&self, fields: &mut Map<String, Value>, event: &Event) {
        if let Event::RequestAttemptFailed { request, .. }
        | Event::RequestBroke { request, .. }
        | Event::RequestFailed { request, .. } = event
            && let Some(file) = self.requests.get(request)
        {
            fields.insert("file".to_owned(), file.to_string().into());
        }
        self.name_ids(fields);
    }

    fn name_ids(&self, fields: &mut Map<String, Value>) {
        let id = |fields: &Map<String, Value>, key: &str| {
            fields.get(key).and_then(Value::as_str).map(ToOwned::to_owned)
        };
        if let Some(file) = id(fields, "file").and_then(|text| text.parse::<FileUuid>().ok())
            && let Some(names) = self.files.get(&file)
        {
            fields.insert("file_name".to_owned(), names.name.clone().into());
            fields.insert("comment".to_owned(), names.comment.clone().into());
        }
        if let Some(station) = id(fields, "station").and_then(|text| text.parse::<StationUuid>().ok())
            && let Some(name) = self.stations.get(&station)
        {
            fields.entry("name").or_insert_with(|| name.clone().into());
        }
    }

    /// For people a line, unless it is quiet for them; for programs and commands a document.
    fn tell(
        &self,
        at: SystemTime,
        kind: &str,
        (words, quiet): (Option<&str>, bool),
        fields: Map<String, Value>,
    ) {
        let exec = self.exec.as_ref().filter(|exec| hooks::is_for_commands(kind) && exec.wants(kind));
        // Until somebody has read the page's events, none is built for it.
        let feed = self.feed.as_ref().filter(|feed| feed.wanted());
        if self.json || exec.is_some() || feed.is_some() {
            let document = document(at, kind, words, fields);
            if self.json {
                show::document(&document);
            }
            let text = Value::Object(document).to_string();
            if let Some(exec) = exec {
                exec.offer(kind, &text);
            }
            if let Some(feed) = feed {
                feed.tell(kind, &text);
            }
        }
        if let (false, false, Some(words)) = (self.json, quiet, words) {
            line(at, words);
        }
    }
}

fn document(
    at: SystemTime,
    kind: &str,
    words: Option<&str>,
    fields: Map<String, Value>,
) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("schema".to_owned(), show::SCHEMA.into());
    document.insert("at_unix_ms".to_owned(), show::unix_millis(at).into());
    document.insert("event".to_owned(), kind.into());
    document.extend(fields);
    if let Some(words) = words {
        document.insert("text".to_owned(), words.into());
    }
    document
}

impl Names for Watching {
    fn may_follow(&self) -> bool {
        self.answered_in.is_some()
    }

    fn hosts(&self) -> bool {
        self.hosts
    }

    fn reached_with(&self) -> String {
        self.answered_in.as_deref().map(moving::reached_with).unwrap_or_default()
    }

    fn station(&self, station: StationUuid) -> String {
        match self.stations.get(&station) {
            Some(name) if !name.is_empty() => show::name(name),
            _ => show::short(&station),
        }
    }

    fn file(&self, file: FileUuid) -> String {
        match self.files.get(&file) {
            Some(FileNames { name, comment }) => {
                let name = if name.is_empty() { "a file".to_owned() } else { show::name(name) };
                let comment =
                    if comment.is_empty() { String::new() } else { format!(" \"{}\"", show::name(comment)) };
                format!("{name}{comment} [{}]", show::short(&file))
            }
            None => show::short(&file),
        }
    }

    fn at(&self, address: SocketAddr) -> String {
        let known = self.addresses.get(&address).map(|station| self.station(*station));
        known.unwrap_or_else(|| address.to_string())
    }

    fn place(&self) -> &'static str {
        self.place
    }

    fn requested(&self, request: RequestId) -> Option<String> {
        self.requests.get(&request).map(|file| self.file(*file))
    }
}

/// Whether names that were read then are as new as this event. A clock that was set back says nothing.
fn covers(read: Option<SystemTime>, event: SystemTime) -> bool {
    let since = read.and_then(|read| read.duration_since(event).ok());
    since.is_some_and(|since| !since.is_zero() && since < BEHIND)
}

/// Lets go what is no longer known, once that is much; whether it did.
fn prune<K: Ord, V>(map: &mut BTreeMap<K, V>, known: &BTreeSet<K>) -> bool {
    let much = map.len() > 2 * known.len() + SPARE;
    if much {
        map.retain(|key, _| known.contains(key));
    }
    much
}

/// What is held of a name or a comment: nobody reads more in a line.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

fn line(at: SystemTime, words: &str) {
    show::line(&format!("{}  {words}", show::time(at)));
}

fn needs_names(event: &Event) -> bool {
    matches!(
        event,
        Event::StationJoined { .. }
            | Event::StationSighted { .. }
            | Event::StationRenamed { .. }
            | Event::CommitSeen { .. }
            | Event::CommitPublished { .. }
            | Event::RequestDone { .. }
            | Event::Moved { .. }
    )
}

/// Nobody is further behind his events: the clock was set.
const BEHIND: Duration = Duration::from_secs(60);
/// So many names of what is no longer there are held before they are let go.
const SPARE: usize = 256;
/// Bytes of a name or a comment that are held.
const LONGEST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_once_for_all_events_until_then() {
        let now = SystemTime::now();
        let ago = |seconds| now - Duration::from_secs(seconds);
        assert!(!covers(None, now));
        assert!(covers(Some(now), ago(1)) && covers(Some(now), ago(59)), "a flood that is behind");
        assert!(!covers(Some(now), now) && !covers(Some(ago(1)), now), "it came after they were read");
        assert!(!covers(Some(now), ago(3600)), "the clock was set back since");
    }

    #[test]
    fn names_of_what_is_forgotten_are_held_for_a_while_and_not_for_ever() {
        let mut names = BTreeMap::new();
        for n in 0..10_000_usize {
            names.insert(n, ());
            // The newest ten are known.
            prune(&mut names, &(n.saturating_sub(9)..=n).collect());
            assert!(names.len() <= 20 + SPARE && names.contains_key(&n.saturating_sub(9)));
        }
        assert_eq!(cut("é".repeat(600)), "é".repeat(500));
    }
}
