//! The thread that reads a folder.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mvrx_file::whole;
use mvrx_store::Store;
use tokio::sync::mpsc::Sender;

use super::listing::{self, Look};
use super::note::{Judged, Note};
use super::rest::Rest;
use super::words::{self, Words};
use super::{Finished, Found, Options, Verdict};
use crate::share::hash_of;

/// Reads the folder until nobody wants to hear of it.
#[derive(Debug)]
pub(super) struct Runner {
    folder: PathBuf,
    store: Arc<dyn Store>,
    options: Options,
    tell: Sender<Found>,
    verdicts: Receiver<Verdict>,
    began: Instant,
    note: Note,
    rest: Rest,
    /// Told of already, with this look.
    unfinished: BTreeMap<OsString, Look>,
    /// What was said of a folder that cannot be read.
    unreadable: Option<String>,
}

/// Nobody wants to hear more.
struct Ended;

/// What a look into a file found.
enum Seen {
    /// It changed meanwhile, or went.
    Moved(Option<Look>),
    Whole([u8; 32]),
    NotWhole(String),
}

impl Runner {
    pub(super) fn new(
        (folder, data): (&Path, &Path),
        store: Arc<dyn Store>,
        options: Options,
        (tell, verdicts): (Sender<Found>, Receiver<Verdict>),
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            store,
            tell,
            verdicts,
            began: Instant::now(),
            note: Note::read(data, folder),
            rest: Rest::new(options.rest),
            unfinished: BTreeMap::new(),
            unreadable: None,
            options,
        }
    }

    pub(super) fn run(mut self) {
        while self.look_once().is_ok() {
            // A verdict that nobody waits for says nothing; that no more can come says that it is over.
            if let Err(RecvTimeoutError::Disconnected) = self.verdicts.recv_timeout(self.options.every) {
                return;
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn tell(&self, found: Found) -> Result<(), Ended> {
        self.tell.blocking_send(found).map_err(|_| Ended)
    }

    fn look_once(&mut self) -> Result<(), Ended> {
        let listing = match listing::list(&self.folder, self.options.files) {
            Ok(listing) => listing,
            Err(error) => return self.is_unreadable(error.to_string()),
        };
        if self.unreadable.take().is_some() {
            self.tell(Found::Readable)?;
        }
        if self.note.is_first() {
            self.begin(&listing)?;
        }
        let due = self.rest.see(&listing, self.now());
        self.unfinished.retain(|name, look| listing.get(name) == Some(look));
        // Once for all of a look. Of what is not written when a process dies the store tells that it is committed.
        let judged = due.iter().try_for_each(|name| self.judge(name));
        self.keep(&listing);
        judged
    }

    fn keep(&mut self, listing: &BTreeMap<OsString, Look>) {
        self.note.keep(&|| listing.keys().map(|name| text(name)).collect());
    }

    /// Tells once of a folder that cannot be read, for as long as the reason is the same.
    fn is_unreadable(&mut self, why: String) -> Result<(), Ended> {
        if self.unreadable.as_ref() == Some(&why) {
            // Nothing is told, so whether anybody listens has to be looked for.
            return if self.tell.is_closed() { Err(Ended) } else { Ok(()) };
        }
        self.unreadable = Some(why.clone());
        self.tell(Found::Unreadable { why })
    }

    /// What lies there from before is left alone.
    fn begin(&mut self, listing: &BTreeMap<OsString, Look>) -> Result<(), Ended> {
        let judged = listing.iter().map(|(name, look)| {
            let side = words::side_look(&self.folder.join(name));
            (text(name), Judged { look: Some(*look), hash: None, side })
        });
        self.note.add(judged.collect::<Vec<_>>());
        self.keep(listing);
        self.tell(Found::First { there: listing.len() })
    }

    fn judge(&mut self, name: &OsStr) -> Result<(), Ended> {
        let Some(look) = self.rest.look(name) else { return Ok(()) };
        let noted = self.note.judged(&text(name)).cloned().unwrap_or_default();
        if noted.look == Some(look) {
            self.rest.settled(name);
            return Ok(());
        }
        match self.look_into(name, look) {
            Seen::Moved(Some(new)) => self.rest.changed(name, new, self.now()),
            Seen::Moved(None) => {}
            Seen::NotWhole(why) => self.is_not_whole(name, look, why)?,
            Seen::Whole(hash) => {
                self.is_whole(name, (look, hash), &noted)?;
            }
        }
        Ok(())
    }

    fn is_not_whole(&mut self, name: &OsStr, look: Look, why: String) -> Result<(), Ended> {
        let rested = self.rest.rested(name, self.now());
        self.rest.again(name, self.now(), LONGEST_LOOK);
        if rested >= self.options.patience && self.unfinished.insert(name.to_owned(), look) != Some(look) {
            self.tell(Found::Unfinished { path: self.folder.join(name), why })?;
        }
        Ok(())
    }

    fn is_whole(
        &mut self,
        name: &OsStr,
        (look, hash): (Look, [u8; 32]),
        noted: &Judged,
    ) -> Result<(), Ended> {
        let hex = hex(&hash);
        let (path, shown) = (self.folder.join(name), text(name));
        let mut side = noted.side;
        if noted.hash.as_ref() != Some(&hex) {
            let words = Words { store: self.store.as_ref(), path: &path, name: &shown, used: noted.side };
            let (comment, used) = words.find(self.options.message.as_deref());
            self.tell(Found::Finished(Finished { path, name: shown.clone(), hash, comment }))?;
            match self.verdicts.recv() {
                Ok(Verdict::Settled) => side = used,
                Ok(Verdict::Later) => {
                    self.rest.again(name, self.now(), LONGEST_PAUSE);
                    return Ok(());
                }
                Err(_) => return Err(Ended),
            }
        }
        self.rest.settled(name);
        let judged = Judged { look: Some(look), hash: Some(hex), side };
        self.note.add([(shown, judged)]);
        Ok(())
    }

    /// Reads it, and tells whether it is whole and had the same look all the while.
    fn look_into(&self, name: &OsStr, look: Look) -> Seen {
        let path = self.folder.join(name);
        let look_now =
            || fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file).map(|about| Look::of(&about));
        let read = self.read(&path);
        match look_now() {
            Some(now) if now == look => {
                read.unwrap_or_else(|error| Seen::NotWhole(format!("it cannot be read: {error}")))
            }
            other => Seen::Moved(other),
        }
    }

    fn read(&self, path: &Path) -> std::io::Result<Seen> {
        let mut file = File::open(path)?;
        if !self.options.any_file {
            // What a limit hides is no damage; the store looks again, with its own limits.
            let looked = whole::look(&file, &mvrx_file::Limits::default(), &mut |_| true);
            if let Err(damage) = looked
                && damage.is_damage()
            {
                return Ok(Seen::NotWhole(damage.to_string()));
            }
        } else if file.metadata()?.len() == 0 {
            return Ok(Seen::NotWhole("it is empty".to_owned()));
        }
        file.rewind()?;
        hash_of(file).map(Seen::Whole)
    }
}

/// A name as it is shown and noted.
fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// A file that is not whole is looked into so often at least, though it does not change: some systems tell of a change late.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// So often at least is a commit tried that did not work.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
