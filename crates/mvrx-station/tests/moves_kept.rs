//! Aim: a station that cannot keep its new place for the next start stays where it was and says why; what was kept of a move that ended here is
//! forgotten.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::TcpStream;

use mvrx_discovery::MemoryBus;
use mvrx_station::{
    Event, KeptPlace, MoveAnswer, MoveError, Moves, SessionTarget, Source, Station, keep_place, kept_place,
};
use support::places::{commit, group, host, propose, station, until_joined, until_known, until_moved, url};
use support::{HERE, is_well, loopback, until};

// proves: MOV-07, MOV-08, MOV-12
#[tokio::test]
async fn a_place_that_cannot_be_kept_is_no_place_to_move_to_and_the_answer_says_why() {
    for in_the_way in ["place", "place.new"] {
        let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
        let (desk, mut events) = station(&bus, folder.path(), "desk", Moves::Always).await;
        let (other, mut at_other) = station(&bus, folder.path(), "other", Moves::Never).await;
        let (rack, _at_rack) = host(folder.path(), "rack", Moves::Ask).await;
        // Somebody is where it is led to.
        let stage = Station::builder("stage").group("Stage").listen(loopback());
        let (stage, _at_stage) = stage.discovery(bus.attach(HERE)).spawn().await.unwrap();
        until_joined(&mut at_other, &desk).await;
        until_joined(&mut events, &other).await;
        // A folder where a file is to be: nobody can write it, whoever one is.
        let clash = folder.path().join("desk").join(in_the_way);
        fs::create_dir(&clash).unwrap();
        fs::write(clash.join("full"), "").unwrap();
        let (address, to) = (desk.address(), format!("ws://{}/", rack.address()));
        let raw = tokio::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(address).unwrap();
            for (name, url) in [("", to.as_str()), ("Stage._mvrxchange._tcp.local.", "")] {
                let (ok, why) = propose(&mut socket, name, url);
                assert!(!ok && why.contains("cannot be kept for the next start"), "{ok} {why}");
            }
            is_well(address);
        });
        for _ in 0..2 {
            let why = until(&mut events, |e| match e {
                Event::NotMoved { why, .. } => Some(why.clone()),
                Event::Moved { .. } => panic!("it has moved"),
                _ => None,
            })
            .await;
            assert!(why.contains("cannot be kept"), "{why}");
        }
        raw.await.unwrap();
        let Err(MoveError::NotMoved { why }) = desk.move_to(group("Stage"), false).await else { panic!() };
        assert!(why.contains("cannot be kept"), "{why}");

        // Whole where it was.
        assert!(rack.stations().await.unwrap().is_empty(), "it has left again");
        let file = commit(&desk, folder.path(), "whole.mvr").await;
        until_known(&other, &mut at_other, file).await;
        other.request(file, Source::Any).await.unwrap().await.unwrap();

        // The disk is in order again.
        fs::remove_dir_all(&clash).unwrap();
        desk.move_to(url(rack.address()), false).await.unwrap();
        assert!(kept_place(&folder.path().join("desk")).unwrap().unwrap().session.is_some());
        for station in [desk, other, rack, stage] {
            station.stop().await;
        }
    }
}

// proves: MOV-08, MOV-12
#[tokio::test]
async fn who_stops_while_it_leads_starts_where_it_was_before() {
    for before in [None, Some("Tour")] {
        let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
        let data = folder.path().join("leader");
        let (leader, mut at_leader) = station(&bus, folder.path(), "leader", Moves::Ask).await;
        let (fellow, mut at_fellow) = station(&bus, folder.path(), "fellow", Moves::Ask).await;
        let before = before.map(|name| KeptPlace { group: name.parse().unwrap(), session: None });
        if let Some(before) = &before {
            keep_place(&data, before).unwrap();
        }
        until_joined(&mut at_leader, &fellow).await;
        until_joined(&mut at_fellow, &leader).await;
        let going = leader.clone();
        let moving = tokio::spawn(async move { going.move_to(group("Stage"), false).await });
        // It stands in the new place, has kept it, and asks.
        until(&mut at_fellow, |e| matches!(e, Event::MoveProposed { .. }).then_some(())).await;
        assert_eq!(kept_place(&data).unwrap().unwrap().group.as_str(), "Stage");
        leader.stop().await;
        assert!(moving.await.unwrap().is_err());
        assert_eq!(kept_place(&data).unwrap(), before);
        fellow.stop().await;
    }
}

// proves: MOV-09, MOV-12
#[tokio::test]
async fn who_cannot_keep_the_place_asks_nobody_to_follow() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (leader, mut at_leader) = station(&bus, folder.path(), "leader", Moves::Ask).await;
    let (fellow, mut at_fellow) = station(&bus, folder.path(), "fellow", Moves::Always).await;
    until_joined(&mut at_leader, &fellow).await;
    until_joined(&mut at_fellow, &leader).await;
    let clash = folder.path().join("leader").join("place");
    fs::create_dir(&clash).unwrap();
    assert!(leader.move_to(group("Stage"), false).await.is_err());
    fs::remove_dir(&clash).unwrap();
    let report = leader.move_to(group("Hall"), false).await.unwrap();
    assert_eq!(report.answers, [(fellow.uuid(), MoveAnswer::Moved)]);
    let first = until(&mut at_fellow, |e| match e {
        Event::MoveBegun { to, .. } => Some(to.clone()),
        _ => None,
    })
    .await;
    assert_eq!(first, group("Hall"), "it was not asked before");
    until_moved(&mut at_fellow, &group("Hall")).await;
    assert!(matches!(report.to, SessionTarget::Group(_)));
    leader.stop().await;
    fellow.stop().await;
}
