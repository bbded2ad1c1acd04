//! Aim: a station and a session's host whose stores drop commits by limits of their own list nothing that they cannot give, tell the others, and drop
//! nothing from under a transfer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crew;
mod support;
mod ws_support;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crew::{LIMIT, Mode, commit, content, loopback, read, until_seen};
use mvrx_message::{FileUuid, Message, Request};
use mvrx_station::{CommitInfo, Event, Events, Heard, HostOptions, LetGo, Source, Station};
use mvrx_store::{FsOptions, FsStore, Keep, MayGo, Retention, Tags};

/// A store that keeps so much of each group, and asks the station as soon as there is one.
fn keeping(folder: &Path, keep: Keep) -> (FsStore, Arc<OnceLock<LetGo>>) {
    let station = Arc::new(OnceLock::<LetGo>::new());
    let asked = Arc::clone(&station);
    let may_go = MayGo::new(move |going| {
        asked.get().is_some_and(|station| station.ask(going, Duration::from_secs(5)))
    });
    let options =
        FsOptions { retention: Retention::of_each_group(keep), may_go: Some(may_go), ..FsOptions::default() };
    (FsStore::open_with(folder, options).unwrap(), station)
}

/// Waits, by whatever happens at a station, until this is so of a commit there.
async fn until_it_is(station: &Station, file: FileUuid, so: impl Fn(&CommitInfo) -> bool) {
    let wait = async {
        loop {
            let commits = station.commits().await.unwrap();
            if commits.iter().any(|info| info.commit.file == file && so(info)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it did not come to it");
}

fn is_given(info: &CommitInfo) -> bool {
    info.held || !info.holders.is_empty()
}

fn kept(station: &Station) -> Vec<FileUuid> {
    station.store().commits().unwrap().iter().map(|stored| stored.commit.file).collect()
}

async fn sees(station: &Station, name: &str) {
    let seen = async {
        while station.stations().await.unwrap().iter().all(|info| info.name != name || !info.reachable) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.unwrap();
}

/// The author keeps two: with the third the first goes, in everybody's list.
async fn goes_from_all_lists(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let two = Keep { newest: Some(2), ..Keep::default() };
    let (store, asks) = keeping(&folder.path().join("desk"), two);
    let (desk, _at_desk) = mode.describe("desk").store(store).spawn().await.unwrap();
    asks.set(desk.let_go()).unwrap();
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    let (late, mut at_late) = mode.start("late", folder.path()).await;
    for (station, other) in [(&plan, "desk"), (&late, "desk"), (&desk, "plan"), (&desk, "late")] {
        sees(station, other).await;
    }
    let mut files = Vec::new();
    for n in 1..=2 {
        let file = commit(&desk, folder.path(), n, 50_000).await.file;
        until_seen(&mut at_plan, file).await;
        until_seen(&mut at_late, file).await;
        files.push(file);
    }
    assert_eq!(kept(&desk), files, "exactly as many as are kept");
    let third = commit(&desk, folder.path(), 3, 50_000).await.file;
    until_seen(&mut at_plan, third).await;
    // Nobody but its author had the first one, in a session not even the host.
    for station in [&desk, &plan, &late] {
        until_it_is(station, files[0], |info| !is_given(info)).await;
        until_it_is(station, files[1], is_given).await;
    }
    until_kept(&desk, &[files[1], third]).await;
    plan.request(files[0], Source::Any).await.unwrap().await.unwrap_err();
    plan.request(files[1], Source::Any).await.unwrap().await.unwrap();
    assert_eq!(read(&plan, files[1]), content(2, 50_000));
    for station in [desk, plan, late] {
        station.stop().await;
    }
}

/// The store removes it a moment after the station has let go.
async fn until_kept(station: &Station, files: &[FileUuid]) {
    let wait = async {
        while kept(station) != files {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it did not go");
}

// proves: STA-35, STA-36, STA-37
#[tokio::test]
async fn what_its_author_keeps_no_more_is_given_by_nobody_in_a_group() {
    goes_from_all_lists(Mode::tcp()).await;
}

// proves: STA-35, STA-37, HST-31, SES-16
#[tokio::test]
async fn what_its_author_keeps_no_more_is_given_by_nobody_in_a_session() {
    let rack = Station::builder("Rack")
        .any_file(true)
        .listen(loopback())
        .host(HostOptions::default().announce(false).gather(false));
    goes_from_all_lists(Mode::Session(rack.spawn().await.unwrap().0)).await;
}

// proves: STA-37
#[tokio::test]
async fn another_one_that_has_it_gives_it_on_and_a_tagged_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mode = Mode::tcp();
    let at = folder.path().join("desk");
    let (store, asks) = keeping(&at, Keep { newest: Some(1), ..Keep::default() });
    let (desk, _at_desk) = mode.describe("desk").store(store).spawn().await.unwrap();
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    let (late, _at_late) = mode.start("late", folder.path()).await;
    sees(&plan, "desk").await;
    sees(&late, "desk").await;
    sees(&late, "plan").await;
    let first = commit(&desk, folder.path(), 1, 20_000).await.file;
    let second = commit(&desk, folder.path(), 2, 20_000).await.file;
    until_seen(&mut at_plan, first).await;
    plan.request(first, Source::Any).await.unwrap().await.unwrap();
    plan.refresh().await.unwrap();
    until_it_is(&late, first, |info| info.holders.contains(&plan.uuid())).await;
    Tags::of(&at).give("premiere", second).unwrap();
    let third = commit(&desk, folder.path(), 3, 20_000).await.file;
    assert_eq!(kept(&desk).len(), 3, "nothing goes before the station was asked");
    asks.set(desk.let_go()).unwrap();
    until_kept(&desk, &[second, third]).await;
    until_it_is(&late, first, |info| !info.holders.contains(&desk.uuid())).await;
    until_it_is(&late, first, is_given).await;
    late.request(first, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(read(&late, first), content(1, 20_000));
    for station in [desk, plan, late] {
        station.stop().await;
    }
}

/// Waits until the station has begun to send it.
async fn until_serving(events: &mut Events, file: FileUuid) {
    let wait = async {
        loop {
            if let Some(Heard::Event(seen)) = events.next().await
                && matches!(seen.event, Event::Serving { file: served, .. } if served == file)
            {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it was not sent");
}

/// The first is being sent to somebody who does not read, and a second one makes it too many.
async fn is_too_many(station: &Station, first: FileUuid, folder: &Path, asks: &OnceLock<LetGo>) -> FileUuid {
    let (going, ask) = (station.store().commit(first).unwrap().unwrap(), station.let_go());
    // It blocks its thread, as the store's does.
    let goes = tokio::task::spawn_blocking(move || ask.ask(&going, LIMIT)).await.unwrap();
    assert!(!goes, "it was let go from under the transfer");
    asks.set(station.let_go()).unwrap();
    commit(station, folder, 2, 1_000).await.file
}

/// It goes when it is out.
async fn goes_then(station: Station, first: FileUuid, second: FileUuid) {
    until_kept(&station, &[second]).await;
    until_it_is(&station, first, |info| !info.held).await;
    station.stop().await;
}

// proves: STA-37
#[tokio::test]
async fn a_file_under_way_is_not_dropped_by_a_station() {
    let folder = tempfile::tempdir().unwrap();
    let (store, asks) = keeping(&folder.path().join("desk"), Keep { newest: Some(1), ..Keep::default() });
    let (desk, mut events) = Mode::tcp().describe("desk").store(store).spawn().await.unwrap();
    let first = commit(&desk, folder.path(), 1, LONG).await.file;
    let mut socket = TcpStream::connect(desk.address()).unwrap();
    socket.write_all(&support::message(&Message::Request(Request::new(Some(first), vec![])))).unwrap();
    until_serving(&mut events, first).await;
    let second = is_too_many(&desk, first, folder.path(), &asks).await;
    let came = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        while bytes.len() < LONG {
            bytes.extend(support::read_package(&mut socket).unwrap().1);
        }
        bytes
    });
    assert!(came.await.unwrap() == content(1, LONG), "it came otherwise");
    goes_then(desk, first, second).await;
}

// proves: HDR-14
#[tokio::test]
async fn a_file_under_way_is_not_dropped_by_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let (store, asks) = keeping(&folder.path().join("rack"), Keep { newest: Some(1), ..Keep::default() });
    let rack = Station::builder("Rack").any_file(true).listen(loopback()).store(store);
    let (rack, mut events) = rack.host(HostOptions::default().announce(false)).spawn().await.unwrap();
    let first = commit(&rack, folder.path(), 1, LONG).await.file;
    let (mut reader, _) = ws_support::join(rack.address(), 1, "MVRApplication", vec![]).await;
    ws_support::say(&mut reader, &Message::Request(Request::new(Some(first), vec![]))).await;
    until_serving(&mut events, first).await;
    let second = is_too_many(&rack, first, folder.path(), &asks).await;
    let came = ws_support::take_file(&mut reader, Some(LONG as u64)).await.unwrap();
    assert!(came == content(1, LONG), "it came otherwise");
    goes_then(rack, first, second).await;
}

/// More than all buffers on the way.
const LONG: usize = 40_000_000;

// proves: HST-31, HDR-14
#[tokio::test]
async fn what_a_host_keeps_no_more_is_given_by_its_author_as_long_as_he_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (store, asks) = keeping(&folder.path().join("rack"), Keep { bytes: Some(30_000), ..Keep::default() });
    let rack = Station::builder("Rack").any_file(true).listen(loopback()).store(store);
    let (rack, _events) = rack.host(HostOptions::default().announce(false)).spawn().await.unwrap();
    asks.set(rack.let_go()).unwrap();
    let mode = Mode::Session(rack.clone());
    let (desk, _at_desk) = mode.start("desk", folder.path()).await;
    let (plan, _at_plan) = mode.start("plan", folder.path()).await;
    sees(&plan, "desk").await;
    let first = commit(&desk, folder.path(), 1, 15_000).await.file;
    let second = commit(&desk, folder.path(), 2, 15_000).await.file;
    until_kept(&rack, &[first, second]).await;
    let third = commit(&desk, folder.path(), 3, 1).await.file;
    until_kept(&rack, &[second, third]).await;
    until_it_is(&rack, first, |info| !info.held && info.holders.contains(&desk.uuid())).await;
    until_it_is(&plan, first, is_given).await;
    plan.request(first, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(read(&plan, first), content(1, 15_000));
    desk.refresh().await.unwrap();
    until_kept(&rack, &[second, third]).await;
    for station in [desk, plan, rack] {
        station.stop().await;
    }
}
