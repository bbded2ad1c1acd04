//! Aim: an observer is told of all that passes, in a group, in a session, at its host, and after a move from one to the other.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::{Arc, Mutex};

use mvrx_discovery::{FixedDiscovery, MemoryBus};
use mvrx_station::{
    Builder, Direction, Event, Events, HostOptions, Moves, Observer, Record, SessionTarget, Source, Station,
    What,
};
use support::{HERE, loopback, until};

/// What was told: connection, direction and a word or a message's type.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<(u64, Direction, String)>>>);

impl Observer for Log {
    fn observe(&self, record: &Record<'_>) {
        let word = match &record.what {
            What::Message { message, .. } => message.kind().to_owned(),
            other => other.name().to_owned(),
        };
        self.0.lock().unwrap().push((record.connection, record.direction, word));
    }
}

impl Log {
    fn has(&self, direction: Direction, word: &str) -> bool {
        self.0.lock().unwrap().iter().any(|(_, d, w)| *d == direction && w == word)
    }

    /// What passed on the connection on which this was told last.
    fn beside(&self, direction: Direction, word: &str) -> Vec<(Direction, String)> {
        let log = self.0.lock().unwrap();
        let on = log.iter().rev().find(|(_, d, w)| *d == direction && w == word).map(|(c, ..)| *c);
        log.iter().filter(|(c, ..)| Some(*c) == on).map(|(_, d, w)| (*d, w.clone())).collect()
    }
}

fn describe(name: &str, log: &Log) -> Builder {
    Station::builder(name).any_file(true).listen(loopback()).observe(log.clone())
}

async fn joined(events: &mut Events, other: &Station) {
    let uuid = other.uuid();
    until(events, |e| matches!(e, Event::StationJoined { station, .. } if *station == uuid).then_some(()))
        .await;
}

/// One commits and the other fetches.
async fn exchange(from: &Station, to: &Station, events: &mut Events) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rig.mvr");
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    let file = from.commit(mvrx_station::CommitDraft::from_path(path)).await.unwrap().file;
    until(events, |e| matches!(e, Event::CommitSeen { file: f, .. } if *f == file).then_some(())).await;
    to.request(file, Source::Any).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn an_observer_is_told_of_all_that_passes_in_a_group() {
    let (a_log, b_log) = (Log::default(), Log::default());
    let bus = MemoryBus::new();
    let (a, mut a_events) = describe("a", &a_log).discovery(bus.attach(HERE)).spawn().await.unwrap();
    let (b, mut b_events) = describe("b", &b_log).discovery(bus.attach(HERE)).spawn().await.unwrap();
    joined(&mut a_events, &b).await;
    joined(&mut b_events, &a).await;
    exchange(&a, &b, &mut b_events).await;
    b.stop().await;
    a.stop().await;
    let (came, went) = (Direction::In, Direction::Out);
    for (log, join, commit) in [(&a_log, came, went), (&b_log, went, came)] {
        assert!(log.has(join, "MVR_JOIN") && log.has(commit, "MVR_COMMIT"), "{log:?}");
    }
    let file = b_log.beside(came, "file-moved");
    let on_one: Vec<(Direction, &str)> = file.iter().map(|(d, w)| (*d, w.as_str())).take(4).collect();
    assert_eq!(
        on_one,
        [(went, "connected"), (went, "MVR_REQUEST"), (came, "file-begins"), (came, "file-moved")]
    );
    assert!(a_log.has(went, "file-moved") && a_log.has(came, "MVR_LEAVE"), "{a_log:?}");
}

#[tokio::test]
async fn an_observer_of_a_host_and_of_who_moves_into_its_session_is_told() {
    let (host_log, log) = (Log::default(), Log::default());
    let options = HostOptions::default().announce(false);
    let (host, mut host_events) = describe("host", &host_log).host(options).spawn().await.unwrap();
    let (b, mut b_events) =
        describe("b", &log).discovery(FixedDiscovery::new([])).moves(Moves::Always).spawn().await.unwrap();
    let to = SessionTarget::Url(format!("ws://{}/", host.address()));
    b.move_to(to, false).await.unwrap();
    exchange(&host, &b, &mut b_events).await;
    b.stop().await;
    host.stop().await;
    drop((host_events.next_at_once(), b_events));
    let (came, went) = (Direction::In, Direction::Out);
    assert!(log.has(went, "MVR_JOIN") && log.has(came, "MVR_JOIN_RET"), "{log:?}");
    assert!(log.has(came, "MVR_COMMIT") && log.has(came, "file-moved"), "{log:?}");
    assert!(host_log.has(came, "MVR_JOIN") && host_log.has(went, "file-moved"), "{host_log:?}");
    assert!(host_log.has(came, "MVR_LEAVE"), "{host_log:?}");
}
