//! What a station knows of a file that is to be shared, and that it reads the disk for that beside everything else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_node::share::{Known, ShareError, known};
use mvrx_station::{CommitDraft, Source, Station};
use mvrx_store::{
    Cancel, Expect, FsStore, ImportError, ListError, Pending, Problem, PutAway, PutAwayError, ReadError,
    RemoveError, Store, StoredCommit, StoredFile, WithdrawError, WriteError, Writer,
};

/// A store that counts how often its disk is asked on this thread what was withdrawn.
#[derive(Debug)]
struct Watched {
    store: FsStore,
    own: ThreadId,
    asked: Arc<AtomicUsize>,
}

impl Store for Watched {
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError> {
        self.store.commits()
    }

    fn import(
        &self,
        source: &Path,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Box<dyn Pending>, ImportError> {
        self.store.import(source, progress, cancel)
    }

    fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, WriteError> {
        self.store.begin(expect)
    }

    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        self.store.open(file)
    }

    fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.store.remove(file)
    }

    fn withdraw(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        self.store.withdraw(file)
    }

    fn withdrawn(&self) -> Result<HashSet<FileUuid>, ListError> {
        let here = thread::current().id() == self.own;
        self.asked.fetch_add(usize::from(here), Ordering::Relaxed);
        self.store.withdrawn()
    }

    fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        hint: &str,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        self.store.put_away(file, folder, hint, cancel)
    }

    fn problems(&self) -> Vec<Problem> {
        self.store.problems()
    }
}

async fn station(bus: &MemoryBus, name: &str, store: impl Store) -> Station {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let station = Station::builder(name).any_file(true).store(store).discovery(bus.attach(here));
    station.listen(SocketAddr::new(here, 0)).spawn().await.unwrap().0
}

// proves: STO-28
#[tokio::test]
async fn of_a_file_it_is_known_whether_it_is_committed_here_or_was_taken_back() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    let asked = Arc::new(AtomicUsize::new(0));
    let store = Watched {
        store: FsStore::open(at("data")).unwrap(),
        own: thread::current().id(),
        asked: Arc::clone(&asked),
    };
    let desk = station(&bus, "Desk", store).await;
    let other = station(&bus, "Other", FsStore::open(at("other")).unwrap()).await;
    for (name, bytes) in [("a.mvr", 1), ("copy.mvr", 1), ("b.mvr", 2), ("theirs.mvr", 3)] {
        fs::write(at(name), vec![bytes; 10_000]).unwrap();
    }
    assert_eq!(known(&desk, &at("a.mvr")).await.unwrap(), None);
    let commit = desk.commit(CommitDraft::from_path(at("a.mvr"))).await.unwrap();
    for name in ["a.mvr", "copy.mvr"] {
        let found = known(&desk, &at(name)).await.unwrap();
        assert_eq!(found, Some(Known::Committed(Box::new(commit.clone()))), "{name}");
    }
    assert_eq!(known(&desk, &at("b.mvr")).await.unwrap(), None);

    // What somebody else has committed is his, also when it is here.
    let theirs = other.commit(CommitDraft::from_path(at("theirs.mvr"))).await.unwrap();
    let mut events = desk.events();
    while !desk.commits().await.unwrap().iter().any(|info| info.commit.file == theirs.file) {
        events.next().await.unwrap();
    }
    desk.request(theirs.file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(known(&desk, &at("theirs.mvr")).await.unwrap(), None);

    // The latest of several is told, and what is committed again is not taken back.
    assert!(desk.withdraw(commit.file).await.unwrap());
    assert_eq!(known(&desk, &at("copy.mvr")).await.unwrap(), Some(Known::TakenBack(commit.file)));
    let again = desk.commit(CommitDraft::from_path(at("a.mvr"))).await.unwrap();
    assert_eq!(known(&desk, &at("a.mvr")).await.unwrap(), Some(Known::Committed(Box::new(again.clone()))));
    assert!(desk.withdraw(again.file).await.unwrap());
    assert_eq!(known(&desk, &at("a.mvr")).await.unwrap(), Some(Known::TakenBack(again.file)));

    assert_eq!(asked.load(Ordering::Relaxed), 0, "the disk is read on another thread");

    let missing = known(&desk, &at("missing.mvr")).await.unwrap_err();
    assert!(matches!(&missing, ShareError::File { path, .. } if *path == at("missing.mvr")), "{missing}");
    assert!(missing.to_string().contains("missing.mvr: "), "{missing}");
    other.stop().await;
    desk.stop().await;
    let stopped = known(&desk, &at("b.mvr")).await.unwrap_err();
    assert!(matches!(stopped, ShareError::Stopped(_)), "{stopped}");
}
