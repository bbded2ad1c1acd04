//! A node on loopback: what it does by itself, and that all of it comes out of one stream.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_discovery::{Discovery, FixedDiscovery, MemoryBus};
use mvrx_message::FileUuid;
use mvrx_node::collect::{Collected, Plan};
use mvrx_node::consent;
use mvrx_node::folder::{Found, Options};
use mvrx_node::history::rounds;
use mvrx_node::node::{News, Node, NodeError};
use mvrx_node::watched::WatchNews;
use mvrx_station::{CommitDraft, Event, Events, Heard, Moves, SessionTarget, Station};
use mvrx_store::{FsOptions, FsStore};
use tokio::time::{Instant, timeout};

/// No test here takes longer when it works.
const LIMIT: Duration = Duration::from_secs(60);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn of(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

async fn station(name: &str, data: &Path, options: FsOptions, peers: &[SocketAddr]) -> (Station, Events) {
    shown_by(FixedDiscovery::new(peers.iter().copied()), name, data, options).await
}

async fn shown_by(
    discovery: impl Discovery + 'static,
    name: &str,
    data: &Path,
    options: FsOptions,
) -> (Station, Events) {
    Station::builder(name)
        .any_file(true)
        .moves(Moves::Ask)
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .discovery(discovery)
        .store(FsStore::open_with(data, options).unwrap())
        .spawn()
        .await
        .unwrap()
}

async fn until<T>(node: &mut Node, mut wanted: impl FnMut(&News) -> Option<T>) -> T {
    let mut told = Vec::new();
    loop {
        match timeout(LIMIT, node.next()).await {
            Ok(Ok(news)) => match wanted(&news) {
                Some(found) => return found,
                None => told.push(news),
            },
            Ok(Err(error)) => panic!("{error}; told {told:#?}"),
            Err(_) => panic!("waited too long; told {told:#?}"),
        }
    }
}

#[tokio::test]
async fn what_is_collected_is_told_once_and_in_order_though_nobody_ever_waits_for_long() {
    let folder = Folder::new();
    let (desk, _events) = station("desk", &folder.of("desk"), FsOptions::default(), &[]).await;
    let mut files = Vec::new();
    for number in 0..20_u8 {
        let path = folder.0.path().join(format!("{number}.mvr"));
        fs::write(&path, vec![number; 10_000]).unwrap();
        files.push(desk.commit(CommitDraft::from_path(&path)).await.unwrap().file);
    }
    let (data, shows) = (folder.of("node"), folder.of("shows"));
    let (own, events) = station("node", &data, FsOptions::default(), &[desk.address()]).await;
    let mut node = Node::new(own, events, &data);
    node.collect(Plan { rest: true, folder: shows.clone(), ..Plan::default() });
    node.compare();
    let (mut asked, mut saved, mut revisions) = (Vec::new(), Vec::new(), Vec::new());
    let end = Instant::now() + LIMIT;
    while saved.len() < files.len() || revisions.len() < files.len() {
        assert!(Instant::now() < end, "asked {asked:?}, saved {saved:?}, revisions {revisions:?}");
        // Given up wherever it waits.
        let Ok(news) = timeout(Duration::from_micros(200), node.next()).await else { continue };
        match news.unwrap() {
            News::Collected(Collected::Asked { file, .. }) => asked.push(file),
            News::Collected(Collected::Saved { file, path, bytes, already_there }) => {
                assert!(asked.contains(&file) && !already_there);
                assert_eq!((fs::read(&path).unwrap().len(), bytes), (10_000, 10_000));
                saved.push(file);
            }
            News::Revision(revision) => revisions.push(revision.stored.commit.file),
            News::Collected(Collected::NotFetched { why, .. }) => panic!("{why}"),
            _ => {}
        }
    }
    for mut told in [asked, saved, revisions] {
        told.sort();
        files.sort();
        assert_eq!(told, files, "each once");
    }
    assert_eq!(fs::read_dir(&shows).unwrap().count(), 20);
    node.stop().await;
    desk.stop().await;
}

#[tokio::test]
async fn a_watched_folder_and_the_history_are_told_beside_the_stations_own_events() {
    let folder = Folder::new();
    let (data, watched) = (folder.of("data"), folder.of("watched"));
    let (told, history) = rounds();
    let options = FsOptions { whole: Some(1), told: Some(told), ..FsOptions::default() };
    let (own, events) = station("node", &data, options, &[]).await;
    let mut node = Node::new(own, events, &data).history(history);
    fs::write(watched.join("before.mvr"), b"before").unwrap();
    let mut quick = Options::default();
    (quick.any_file, quick.every, quick.rest) = (true, Duration::from_millis(10), Duration::from_millis(50));
    node.watch(&watched, quick).unwrap();
    let first = |news: &News| match news {
        News::Watched(WatchNews::Found { found: Found::First { there }, .. }) => Some(*there),
        _ => None,
    };
    assert_eq!(until(&mut node, first).await, 1);
    let published = |news: &News| -> Option<FileUuid> {
        match news {
            News::Heard(Heard::Event(seen)) => match &seen.event {
                Event::CommitPublished { file, .. } => Some(*file),
                _ => None,
            },
            _ => None,
        }
    };
    let recipe = mvrx_file::generate::Recipe::new(7).fixtures(40);
    for recipe in [recipe.clone(), recipe.fixtures(41)] {
        fs::write(watched.join("show.mvr"), recipe.to_bytes()).unwrap();
        until(&mut node, published).await;
    }
    let compacted = |news: &News| match news {
        News::History(round) => Some((round.compaction.compacted, round.problem.clone())),
        _ => None,
    };
    let (compacted, problem) = until(&mut node, compacted).await;
    assert_eq!((compacted, problem.is_none()), (1, true));
    let own = node.station().clone();
    // It can be read by a task of its own, on any thread.
    tokio::spawn(async move {
        let news = timeout(Duration::from_millis(1), node.next()).await;
        assert!(!matches!(news, Ok(Err(_))), "{news:?}");
        node.stop().await;
    })
    .await
    .unwrap();
    own.stations().await.unwrap_err();
}

#[tokio::test]
async fn a_proposal_is_answered_through_the_data_directory_and_the_end_is_told() {
    let folder = Folder::new();
    let data = folder.of("node");
    let (own, events) = station("node", &data, FsOptions::default(), &[]).await;
    let (person, _events) =
        station("person", &folder.of("person"), FsOptions::default(), &[own.address()]).await;
    let mut node = Node::new(own.clone(), events, &data).asks();
    until(&mut node, |news| match news {
        News::Heard(Heard::Event(seen)) => matches!(seen.event, Event::StationJoined { .. }).then_some(()),
        _ => None,
    })
    .await;
    let to = SessionTarget::Group("Side".parse().unwrap());
    let moving = tokio::spawn({
        let to = to.clone();
        async move { person.move_to(to, true).await }
    });
    until(&mut node, |news| match news {
        News::Heard(Heard::Event(seen)) => matches!(seen.event, Event::MoveProposed { .. }).then_some(()),
        _ => None,
    })
    .await;
    let proposed = consent::proposed_in(&data).unwrap();
    assert_eq!(proposed.to(), Some(to));
    let answering = data.clone();
    // It waits until the station has taken the answer, or stands first.
    let counts = tokio::task::spawn_blocking(move || consent::answer(&answering, &proposed, false));
    let why = until(&mut node, |news| match news {
        News::Heard(Heard::Event(seen)) => match &seen.event {
            Event::NotMoved { why, .. } | Event::MoveDeclined { why, .. } => Some(why.clone()),
            _ => None,
        },
        _ => None,
    })
    .await;
    assert!(counts.await.unwrap().unwrap(), "{why}");
    assert_eq!(consent::proposed_in(&data), None);
    let _report = moving.await.unwrap();
    own.stop().await;
    let end = loop {
        match node.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, NodeError::Stopped(_)), "{end}");
}

// proves: STO-28
#[tokio::test]
async fn what_its_author_took_back_while_it_came_is_no_revision_and_that_it_is_not_saved_is_told_once() {
    let folder = Folder::new();
    let (bus, here) = (MemoryBus::new(), Ipv4Addr::LOCALHOST.into());
    let (desk, _events) = shown_by(bus.attach(here), "desk", &folder.of("desk"), FsOptions::default()).await;
    let commit = async |name: &str| {
        let path = folder.0.path().join(name);
        fs::write(&path, name).unwrap();
        desk.commit(CommitDraft::from_path(&path)).await.unwrap().file
    };
    let mistake = commit("mistake.mvr").await;
    let (data, shows) = (folder.of("node"), folder.of("shows"));
    let (own, events) = shown_by(bus.attach(here), "node", &data, FsOptions::default()).await;
    let mut node = Node::new(own.clone(), events, &data);
    node.collect(Plan { rest: true, folder: shows.clone(), ..Plan::default() });
    node.compare();
    until(&mut node, |news| matches!(news, News::Collected(Collected::Asked { .. })).then_some(())).await;
    // It comes, and is taken back, while nobody reads what the node tells, who saves nothing meanwhile.
    let until_listed = async |held: bool| {
        let listed =
            async || own.commits().await.unwrap().iter().any(|info| info.commit.file == mistake && info.held);
        let at_last = async {
            while listed().await != held {
                tokio::task::yield_now().await;
            }
        };
        let came = timeout(LIMIT, at_last).await;
        came.unwrap_or_else(|_| panic!("it is not {held} that it is listed and here"));
    };
    until_listed(true).await;
    desk.withdraw(mistake).await.unwrap();
    until_listed(false).await;
    let good = commit("good.mvr").await;
    let (mut told, mut saved, mut revision) = (0, false, false);
    while !(told > 0 && saved && revision) {
        match timeout(LIMIT, node.next()).await.unwrap().unwrap() {
            News::Collected(Collected::TakenBack { file }) => {
                assert_eq!(file, mistake);
                told += 1;
            }
            News::Collected(Collected::Saved { file, .. }) => {
                assert_eq!(file, good);
                saved = true;
            }
            News::Revision(news) => {
                assert_eq!(news.stored.commit.file, good);
                revision = true;
            }
            _ => {}
        }
    }
    assert_eq!((told, fs::read_dir(&shows).unwrap().count()), (1, 1));
    node.stop().await;
    desk.stop().await;
}
