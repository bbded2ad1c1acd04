//! Aim: a commit that was a mistake is withdrawn in a group and in a session, over real sockets and real folders, and stays so after a restart of
//! anybody.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crew;
mod ws_support;

use std::path::Path;

use crew::{LIMIT, Mode, commit, content, read, until, until_seen};
use mvrx_message::FileUuid;
use mvrx_station::{Event, Events, RequestFailure, Source, Station, WithdrawError, load_or_create};
use mvrx_store::{Cancel, FsStore, MemStore, Store};

async fn until_withdrawn(events: &mut Events, file: FileUuid) {
    until(events, |event| {
        matches!(event, Event::CommitWithdrawn { file: withdrawn, .. } if *withdrawn == file).then_some(())
    })
    .await;
}

/// The same station at each start.
async fn start(mode: &Mode, name: &str, folder: &Path) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    let identity = load_or_create(&folder.join(name)).unwrap();
    mode.describe(name).identity(identity).store(store).spawn().await.unwrap()
}

async fn sees(station: &Station, name: &str) {
    let mut events = station.events();
    let seen = async {
        while station.stations().await.unwrap().iter().all(|info| info.name != name || !info.reachable) {
            let _ = events.next().await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.unwrap();
}

async fn lists(station: &Station, file: FileUuid) -> bool {
    station.commits().await.unwrap().iter().any(|info| info.commit.file == file)
}

async fn stays_withdrawn(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = start(&mode, "desk", folder.path()).await;
    let (plan, mut at_plan) = start(&mode, "plan", folder.path()).await;
    let (late, mut at_late) = start(&mode, "late", folder.path()).await;
    sees(&plan, "desk").await;
    sees(&late, "desk").await;
    sees(&desk, "plan").await;
    let mistake = commit(&desk, folder.path(), 1, 100_000).await.file;
    let right = commit(&desk, folder.path(), 2, 100_000).await.file;
    for events in [&mut at_plan, &mut at_late] {
        until_seen(events, right).await;
    }
    // One has it, and does not lose it.
    plan.request(mistake, Source::Any).await.unwrap().await.unwrap();

    assert!(matches!(plan.withdraw(mistake).await, Err(WithdrawError::NotOurs { .. })));
    let nothing = FileUuid::from_random_bytes([0xee; 16]);
    assert!(matches!(desk.withdraw(nothing).await, Err(WithdrawError::NotKept { .. })));
    assert!(desk.withdraw(mistake).await.unwrap());
    assert!(!desk.withdraw(mistake).await.unwrap(), "once is enough");
    for events in [&mut at_desk, &mut at_plan, &mut at_late] {
        until_withdrawn(events, mistake).await;
    }
    for station in [&desk, &plan, &late] {
        assert!(!lists(station, mistake).await && lists(station, right).await, "{}", station.uuid());
    }
    assert_eq!(read(&plan, mistake), content(1, 100_000), "what was fetched is his");
    let refused = late.request(mistake, Source::Any).await.unwrap().await.unwrap_err();
    assert_eq!(refused, RequestFailure::Withdrawn);
    let latest = late.request_latest(Source::Any).await.unwrap().await.unwrap();
    assert_eq!(latest.file, right);

    // After a restart of all who have it nobody lists it.
    let marked = |station: &Station| station.store().withdrawn().unwrap().contains(&mistake);
    assert!(marked(&desk));
    while !marked(&plan) {
        tokio::task::yield_now().await;
    }
    for (station, events) in [(desk, at_desk), (plan, at_plan)] {
        station.stop().await;
        drop((station, events));
    }
    let (desk, _at_desk) = start(&mode, "desk", folder.path()).await;
    let (plan, _at_plan) = start(&mode, "plan", folder.path()).await;
    sees(&desk, "plan").await;
    sees(&desk, "late").await;
    let (fresh, mut at_fresh) = start(&mode, "fresh", folder.path()).await;
    sees(&fresh, "plan").await;
    sees(&fresh, "desk").await;
    until_seen(&mut at_fresh, right).await;
    for station in [&desk, &plan, &late, &fresh] {
        assert!(!lists(station, mistake).await, "{}", station.uuid());
    }
    assert_eq!(desk.store().commits().unwrap().len(), 2, "it is a part of the history");
    for station in [desk, plan, late, fresh] {
        station.stop().await;
    }
}

// proves: STA-31, STA-32, STA-33
#[tokio::test]
async fn a_withdrawn_commit_is_in_nobodys_list_in_a_group() {
    stays_withdrawn(Mode::tcp()).await;
}

// proves: STA-31, STA-33, HST-29, SES-15
#[tokio::test]
async fn a_withdrawn_commit_is_in_nobodys_list_in_a_session() {
    stays_withdrawn(Mode::session().await).await;
}

// proves: STA-33
#[tokio::test]
async fn what_was_withdrawn_in_one_group_is_said_in_the_next_one_too() {
    let (folder, mode) = (tempfile::tempdir().unwrap(), Mode::tcp());
    let (desk, events) = start(&mode, "desk", folder.path()).await;
    let mistake = commit(&desk, folder.path(), 1, 100_000).await;
    assert!(desk.withdraw(mistake.file).await.unwrap());
    desk.stop().await;
    drop((desk, events));
    // Somebody brought it along into the other group, and has not heard of it.
    let brought = MemStore::new();
    let path = folder.path().join("show1.mvr");
    let pending = brought.import(&path, &|_| (), &Cancel::new()).unwrap();
    pending.publish(&mistake, "Side").unwrap();
    let plan = mode.describe("plan").group("Side").store(brought);
    let (plan, mut at_plan) = plan.spawn().await.unwrap();
    assert!(lists(&plan, mistake.file).await);
    let identity = load_or_create(&folder.path().join("desk")).unwrap();
    let store = FsStore::open(folder.path().join("desk")).unwrap();
    let desk = mode.describe("desk").group("Side").identity(identity).store(store);
    let (desk, _at_desk) = desk.spawn().await.unwrap();
    until_withdrawn(&mut at_plan, mistake.file).await;
    for station in [desk, plan] {
        assert!(!lists(&station, mistake.file).await, "{}", station.uuid());
        station.stop().await;
    }
}
