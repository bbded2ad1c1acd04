//! A station's files on its simulated disk: imported or received under a temporary name, published whole with a record beside them.
//!
//! It knows just enough of a store to be broken in the ways a store can be: every operation may fail, what was not synced is lost or torn with the
//! power. A commit is there when its record and its file are.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use lan_sim::{Bulk, Content, Digest, Disk, DiskError, DiskFile, Payload};
use mvrx_message::{Commit, Dialect, FileUuid, GroupName, Message, StationUuid};

#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    disk: Disk,
    /// Where everything lies: on a machine that hosts, too, there are two.
    root: &'static str,
    trouble: Rc<Cell<bool>>,
    /// Which of its commits were taken back.
    taken_back: Rc<RefCell<BTreeSet<FileUuid>>>,
}

/// Files, by the groups that they are of besides.
pub(crate) type Along = BTreeSet<(String, FileUuid)>;

/// A file on its way in.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: DiskFile,
    path: String,
}

impl Shelf {
    pub(crate) fn new(disk: Disk) -> Self {
        Self::at_root(disk, "")
    }

    /// That of the host beside a station.
    pub(crate) fn hosted(disk: Disk) -> Self {
        Self::at_root(disk, "hosted/")
    }

    fn at_root(disk: Disk, root: &'static str) -> Self {
        let shelf = Self { disk, root, trouble: Rc::default(), taken_back: Rc::default() };
        let text = shelf.text(TAKEN_BACK).unwrap_or_default();
        shelf.taken_back.borrow_mut().extend(text.lines().filter_map(|line| line.parse::<FileUuid>().ok()));
        shelf
    }

    fn at(&self, path: impl std::fmt::Display) -> String {
        format!("{}{path}", self.root)
    }

    /// The StationUUID of this disk; `fresh` becomes it where there is none. A disk that fails now leaves it unsaved: the station is another one
    /// after the next start.
    pub(crate) fn identity(&self, fresh: [u8; 16]) -> StationUuid {
        let known =
            self.disk.open(&self.at(IDENTITY)).and_then(|file| file.contents()).ok().map(|c| c.to_bytes());
        let known =
            known.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).and_then(StationUuid::from_bytes);
        known.unwrap_or_else(|| {
            let id = StationUuid::from_random_bytes(fresh);
            // A torn identity is replaced; without a disk the station runs all the same.
            let _ = self.write_whole(&self.at(IDENTITY), &id.to_bytes());
            id
        })
    }

    /// The place to which the station moved, if it did: a group's name or a session's URL.
    pub(crate) fn place(&self) -> Option<String> {
        self.text(PLACE).filter(|place| !place.is_empty())
    }

    /// Where its next start is; an empty one: where its setting says. A disk that fails now leaves it where it was before.
    pub(crate) fn keep_place(&self, place: &str) -> Result<(), DiskError> {
        self.write_whole(&self.at(PLACE), place.as_bytes())
    }

    /// The files that are of other groups than the one under which they lie here, too.
    pub(crate) fn along(&self) -> Along {
        let text = self.text(ALONG).unwrap_or_default();
        let one = |line: &str| {
            let (file, group) = line.split_once(' ')?;
            Some((group.to_owned(), file.parse().ok()?))
        };
        text.lines().filter_map(one).collect()
    }

    pub(crate) fn keep_along(&self, along: &Along) -> Result<(), DiskError> {
        let lines = along.iter().map(|(group, file)| format!("{file} {group}\n"));
        self.write_whole(&self.at(ALONG), lines.collect::<String>().as_bytes())
    }

    /// Marks a commit as taken back: it stays here, and is listed no more.
    pub(crate) fn take_back(&self, file: FileUuid) -> Result<(), DiskError> {
        let mut all = self.taken_back.borrow().clone();
        all.insert(file);
        self.write_whole(
            &self.at(TAKEN_BACK),
            all.iter().map(|file| format!("{file}\n")).collect::<String>().as_bytes(),
        )?;
        *self.taken_back.borrow_mut() = all;
        Ok(())
    }

    pub(crate) fn has_taken_back_any(&self) -> bool {
        !self.taken_back.borrow().is_empty()
    }

    pub(crate) fn is_taken_back(&self, file: FileUuid) -> bool {
        self.taken_back.borrow().contains(&file)
    }

    /// Whether something that is here could not be read since the start.
    pub(crate) fn had_trouble(&self) -> bool {
        self.trouble.get()
    }

    fn noted<T>(&self, read: Result<T, DiskError>) -> Option<T> {
        self.trouble.set(self.trouble.get() || read.is_err());
        read.ok()
    }

    fn text(&self, name: &str) -> Option<String> {
        let path = self.at(name);
        if !self.disk.exists(&path) {
            return None;
        }
        let bytes = self.noted(self.disk.open(&path).and_then(|file| file.contents()))?.to_bytes();
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// The commits whose files are here.
    pub(crate) fn recover(&self) -> Vec<(Commit, Content)> {
        self.recover_of(|_, _| true)
    }

    /// Those of them that are wanted, of all and the groups under which they lie here.
    pub(crate) fn recover_of(
        &self,
        is_wanted: impl Fn(&Commit, Option<&GroupName>) -> bool,
    ) -> Vec<(Commit, Content)> {
        let entries = self.noted(self.disk.list(&self.at(SHELF))).unwrap_or_default();
        let records = entries.iter().filter_map(|entry| entry.name.strip_suffix(".json"));
        let all = records.filter_map(|name| self.noted(self.read(name)).flatten());
        all.filter_map(|(mut commit, content)| {
            let group = commit.group.take();
            is_wanted(&commit, group.as_ref()).then_some((commit, content))
        })
        .collect()
    }

    /// A commit whose file is here.
    pub(crate) fn commit(&self, file: FileUuid) -> Option<(Commit, Content)> {
        let found = self.read(&file.to_string()).ok().flatten();
        found.map(|(commit, content)| (Commit { group: None, ..commit }, content))
    }

    fn read(&self, name: &str) -> Result<Option<(Commit, Content)>, DiskError> {
        let record = self.disk.open(&self.at(format_args!("{SHELF}/{name}.json")))?.contents()?.to_bytes();
        let file = self.disk.open(&self.at(format_args!("{SHELF}/{name}.mvr")))?.contents()?;
        let commit = Message::parse(&record).ok().and_then(|parsed| match parsed.message {
            Message::Commit(commit) => Some(commit),
            _ => None,
        });
        Ok(commit.map(|commit| (commit, file)))
    }

    /// A file of this station.
    pub(crate) fn import(&self, number: u64, content: Bulk, commit: &Commit) -> Result<(), DiskError> {
        let mut incoming = self.begin(number)?;
        incoming.append(&Payload::Bulk(content))?;
        self.keep(&incoming, commit)
    }

    /// Room for a file that begins.
    pub(crate) fn begin(&self, number: u64) -> Result<Incoming, DiskError> {
        let path = self.at(format_args!("{SHELF}/{number}.tmp"));
        if self.disk.exists(&path) {
            self.disk.remove(&path)?;
        }
        Ok(Incoming { file: self.disk.create(&path)?, path })
    }

    /// Publishes a file that is whole.
    pub(crate) fn keep(&self, incoming: &Incoming, commit: &Commit) -> Result<(), DiskError> {
        incoming.file.sync()?;
        let name = commit.file.to_string();
        self.disk.rename(&incoming.path, &self.at(format_args!("{SHELF}/{name}.mvr")))?;
        let record = Message::Commit(commit.clone()).to_json(&Dialect::strict());
        self.write_whole(&self.at(format_args!("{SHELF}/{name}.json")), &record)
    }

    /// Throws away a file that is not wanted.
    pub(crate) fn drop_file(&self, incoming: &Incoming) {
        // What cannot be removed lies there under a temporary name and is overwritten some day.
        let _ = self.disk.remove(&incoming.path);
    }

    /// Takes a file out; one that cannot be removed is found again at the next start.
    pub(crate) fn remove(&self, file: FileUuid) {
        let _ = self.disk.remove(&self.at(format_args!("{SHELF}/{file}.json")));
        let _ = self.disk.remove(&self.at(format_args!("{SHELF}/{file}.mvr")));
    }

    pub(crate) fn open(&self, file: FileUuid) -> Result<Content, DiskError> {
        self.disk.open(&self.at(format_args!("{SHELF}/{file}.mvr")))?.contents()
    }

    fn write_whole(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let temporary = format!("{path}.tmp");
        if self.disk.exists(&temporary) {
            self.disk.remove(&temporary)?;
        }
        let file = self.disk.create(&temporary)?;
        file.append(bytes)?;
        file.sync()?;
        self.disk.rename(&temporary, path)?;
        self.disk.sync_dir(path.rsplit_once('/').map_or("", |(dir, _)| dir))
    }
}

impl Incoming {
    pub(crate) fn append(&mut self, payload: &Payload) -> Result<(), DiskError> {
        match payload {
            Payload::Bytes(bytes) => self.file.append(bytes),
            Payload::Bulk(bulk) => self.file.append_bulk(*bulk),
        }
    }

    /// The first bytes of it, which are here already.
    pub(crate) fn begins_with(&mut self, first: &Content) -> Result<(), DiskError> {
        first.payloads().try_for_each(|payload| self.append(&payload))
    }

    /// What has arrived so far.
    pub(crate) fn contents(&self) -> Result<Content, DiskError> {
        self.file.contents()
    }

    /// What arrived, its length and its hash.
    pub(crate) fn finish(&self) -> Result<(Content, Digest), DiskError> {
        let content = self.file.contents()?;
        let digest = content.digest();
        Ok((content, digest))
    }

    /// For a bug planted on purpose.
    pub(crate) fn lose_last_byte(&self) {
        if let Ok(length) = self.file.length() {
            let _ = self.file.truncate(length.saturating_sub(1));
        }
    }
}

const IDENTITY: &str = "identity";
const PLACE: &str = "place";
const ALONG: &str = "along";
const TAKEN_BACK: &str = "taken-back";
const SHELF: &str = "shelf";
