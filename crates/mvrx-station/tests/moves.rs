//! Aim: stations that are told to move do so in all four directions and lose nothing on the way; one that is told nonsense, a thousand times, is whole.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::{SocketAddr, TcpStream};

use mvrx_discovery::MemoryBus;
use mvrx_message::{Message, Reply};
use mvrx_station::{
    Event, Heard, HostEvent, MoveAnswer, MoveError, Moves, SessionTarget, Source, Station, kept_place,
};
use mvrx_store::FsStore;
use mvrx_transport::{Connection, Incoming, Transport, WsTransport};
use support::places::{
    Client, commit, group, host, nowhere, propose, station, until_all_joined, until_joined, until_known,
    until_moved, url,
};
use support::{HERE, LIMIT, is_well, loopback, until};

fn answer(report: &mvrx_station::MoveReport, of: &Station) -> Option<MoveAnswer> {
    report.answers.iter().find(|(station, _)| *station == of.uuid()).map(|(_, answer)| answer.clone())
}

// proves: MOV-06, MOV-07, MOV-09, MOV-11, MOV-12
#[tokio::test]
async fn a_crew_moves_in_all_four_directions_and_keeps_what_it_commits_on_the_way() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let (leader, mut at_leader) = station(&bus, at, "leader", Moves::Ask).await;
    let (fellow, mut at_fellow) = station(&bus, at, "fellow", Moves::Always).await;
    let (homely, mut at_homely) = station(&bus, at, "homely", Moves::Never).await;
    let (one, _one_events) = host(at, "one", Moves::Always).await;
    let (two, _two_events) = host(at, "two", Moves::Always).await;
    until_all_joined(&mut at_leader, &[&fellow, &homely]).await;
    until_joined(&mut at_fellow, &leader).await;
    let first = commit(&leader, at, "first.mvr").await;
    until_known(&fellow, &mut at_fellow, first).await;

    // From a group to a session, with a commit on the way.
    let place = url(one.address());
    let (report, second) =
        tokio::join!(leader.move_to(place.clone(), false), commit(&leader, at, "second.mvr"));
    let report = report.unwrap();
    assert_eq!(report.to, place);
    assert_eq!(answer(&report, &fellow), Some(MoveAnswer::Moved));
    assert!(matches!(answer(&report, &homely), Some(MoveAnswer::Refused { .. })), "{report:?}");
    until_moved(&mut at_fellow, &place).await;
    until_known(&fellow, &mut at_fellow, second).await;
    let gone = fellow.uuid();
    until(&mut at_homely, |e| matches!(e, Event::StationLeft { station } if *station == gone).then_some(()))
        .await;
    let fetched = fellow.request(second, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(fetched.commit.station, Some(leader.uuid()));
    let kept = kept_place(&at.join("fellow")).unwrap().unwrap();
    assert_eq!((kept.group.as_str(), kept.session), ("Default", Some(format!("ws://{}/", one.address()))));

    // From a session to another one: the host asks.
    let place = url(two.address());
    let report = leader.move_to(place.clone(), false).await.unwrap();
    assert_eq!(answer(&report, &fellow), Some(MoveAnswer::Moved));
    assert!(matches!(answer(&report, &one), Some(MoveAnswer::Refused { .. })), "a host stays: {report:?}");
    until_moved(&mut at_fellow, &place).await;
    let third = commit(&fellow, at, "third.mvr").await;
    until_known(&leader, &mut at_leader, third).await;

    // From a session to a group, and on to the one where somebody stayed.
    for name in ["Stage", "Default"] {
        let place = group(name);
        let report = leader.move_to(place.clone(), false).await.unwrap();
        assert_eq!(answer(&report, &fellow), Some(MoveAnswer::Moved), "{report:?}");
        until_moved(&mut at_fellow, &place).await;
    }
    until_all_joined(&mut at_homely, &[&leader, &fellow]).await;
    for file in [first, second] {
        until_known(&homely, &mut at_homely, file).await;
    }
    assert!(one.stations().await.unwrap().is_empty() && two.stations().await.unwrap().is_empty());
    let kept = kept_place(&at.join("leader")).unwrap().unwrap();
    assert_eq!((kept.group.as_str(), kept.session), ("Default", None));
    for station in [leader, fellow, homely, one, two] {
        station.stop().await;
    }
}

// proves: MOV-06, MOV-12
#[tokio::test]
async fn a_station_that_began_in_a_session_listens_once_it_is_in_a_group() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, mut at_rack) = host(folder.path(), "rack", Moves::Ask).await;
    let (home, mut at_home) = station(&bus, folder.path(), "home", Moves::Never).await;
    let later = bus.clone();
    let (guest, mut at_guest) = Station::builder("guest")
        .any_file(true)
        .session(format!("ws://{}/", rack.address()))
        .listen(loopback())
        .discovery_after_move(move || Ok(later.attach(HERE)))
        .moves(Moves::Always)
        .spawn()
        .await
        .unwrap();
    until_joined(&mut at_guest, &rack).await;
    assert_eq!(guest.address().port(), 0);
    let report = rack.move_to(group("Default"), false).await.unwrap();
    assert_eq!(report.answers, [(guest.uuid(), MoveAnswer::Moved)]);
    until_joined(&mut at_home, &guest).await;
    assert_ne!(guest.address().port(), 0);
    loop {
        let heard = tokio::time::timeout(LIMIT, at_rack.next()).await.unwrap().unwrap();
        if let Heard::Session(seen) = heard
            && let HostEvent::MoveEnded { moved, stayed, .. } = seen.event
        {
            assert_eq!((moved, stayed), (1, 0));
            break;
        }
    }
    for station in [guest, home, rack] {
        station.stop().await;
    }
}

// proves: MOV-05
#[tokio::test]
async fn a_station_follows_when_its_operator_says_so() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (leader, mut at_leader) = station(&bus, folder.path(), "leader", Moves::Ask).await;
    let (fellow, mut at_fellow) = station(&bus, folder.path(), "fellow", Moves::Ask).await;
    for (to, accept) in [("Stage", false), ("Default", true), ("Hall", true)] {
        let here = !accept || to == "Hall";
        if here {
            until_joined(&mut at_leader, &fellow).await;
            until_joined(&mut at_fellow, &leader).await;
        }
        let operator = async {
            if !here {
                // It stayed here: this move only brings the other one back.
                return;
            }
            let (proposal, by) = until(&mut at_fellow, |e| match e {
                Event::MoveProposed { proposal, station, .. } => Some((*proposal, *station)),
                _ => None,
            })
            .await;
            assert_eq!(by, Some(leader.uuid()));
            if accept {
                fellow.accept_move(proposal).await.unwrap();
            } else {
                fellow.refuse_move(proposal).await.unwrap();
            }
        };
        let (report, ()) = tokio::join!(leader.move_to(group(to), false), operator);
        let answer = answer(&report.unwrap(), &fellow);
        match (here, accept) {
            (false, _) => assert_eq!(answer, None),
            (true, true) => assert_eq!(answer, Some(MoveAnswer::Moved)),
            (true, false) => assert!(matches!(answer, Some(MoveAnswer::Refused { .. })), "{answer:?}"),
        }
    }
    until_moved(&mut at_fellow, &group("Hall")).await;
    leader.stop().await;
    fellow.stop().await;
}

// proves: MOV-08
#[tokio::test]
async fn where_the_new_place_cannot_be_had_nobody_is_asked() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (leader, mut at_leader) = station(&bus, folder.path(), "leader", Moves::Ask).await;
    let (fellow, mut at_fellow) = station(&bus, folder.path(), "fellow", Moves::Always).await;
    until_joined(&mut at_leader, &fellow).await;
    for (to, why) in [
        (nowhere(), "refused"),
        (SessionTarget::Url("rack".to_owned()), "URL"),
        (group("Default"), "already"),
    ] {
        let Err(MoveError::NotMoved { why: told }) = leader.move_to(to, false).await else { panic!() };
        assert!(told.contains(why), "{told}");
    }
    let file = commit(&leader, folder.path(), "still.mvr").await;
    until_known(&fellow, &mut at_fellow, file).await;
    fellow.request(file, Source::Any).await.unwrap().await.unwrap();
    leader.stop().await;
    fellow.stop().await;
}

/// A host that lets nobody in.
async fn full_house() -> SocketAddr {
    let mut listener = WsTransport::default().listen(loopback()).await.unwrap();
    let address = listener.local_addr();
    tokio::spawn(async move {
        while let Ok(connection) = listener.accept().await {
            tokio::spawn(turn_away(connection));
        }
    });
    address
}

async fn turn_away(mut connection: Connection) {
    while let Ok(Incoming::Message { parsed, .. }) = connection.reader.next().await {
        if let Message::Join(join) = parsed.message {
            let ret = mvrx_message::JoinRet {
                reply: Reply::refused("the house is full"),
                provider: "House".to_owned(),
                station_name: "House".to_owned(),
                version: join.version,
                station: None,
                commits: vec![],
                ours: None,
                group: None,
                ticket: None,
                roster: None,
            };
            let _ = connection.writer.send(&Message::JoinRet(ret), &mvrx_message::Dialect::strict()).await;
        }
    }
}

// proves: MOV-01, MOV-02, MOV-03, MOV-08
#[tokio::test]
async fn a_raw_client_is_answered_rightly_whatever_it_proposes_and_the_station_is_whole() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (desk, mut events) = station(&bus, folder.path(), "desk", Moves::Always).await;
    let full = full_house().await;
    let SessionTarget::Url(nowhere) = nowhere() else { panic!() };
    let house = format!("ws://{full}/");
    let mine = "Default._mvrxchange._tcp.local.";
    let address = desk.address();
    let raw = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        for (name, url, ok, why) in [
            (mine, house.as_str(), false, "both"),
            ("", "", false, "neither"),
            ("", "http://house/", false, "ServiceURL"),
            ("", nowhere.as_str(), false, "refused"),
            ("", house.as_str(), false, "the house is full"),
            (mine, "", true, ""),
        ] {
            let (said, message) = propose(&mut socket, name, url);
            assert!(said == ok && message.contains(why), "{name:?} {url:?}: {message}");
        }
        for n in 0..1_000 {
            let url = if n % 2 == 0 { &nowhere } else { &house };
            let (ok, message) = propose(&mut socket, "", url);
            assert!(!ok && !message.contains("another move"), "{n}: {message}");
        }
        is_well(address);
    });
    // Read meanwhile, so that none is missed.
    let mut failed = 0;
    while failed < 1_002 {
        match tokio::time::timeout(LIMIT, events.next()).await.expect("it goes on").unwrap() {
            Heard::Event(seen) if matches!(seen.event, Event::NotMoved { .. }) => failed += 1,
            Heard::Lagged { missed } => panic!("{missed} events missed"),
            _ => {}
        }
    }
    raw.await.unwrap();
    let (other, mut at_other) = station(&bus, folder.path(), "other", Moves::Never).await;
    until_joined(&mut at_other, &desk).await;
    let file = commit(&desk, folder.path(), "whole.mvr").await;
    until_known(&other, &mut at_other, file).await;
    other.request(file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(kept_place(&folder.path().join("desk")).unwrap(), None);
    desk.stop().await;
    other.stop().await;
}

// proves: MOV-01, MOV-02, MOV-03, MOV-08, MOV-11
#[tokio::test]
async fn a_host_answers_a_raw_client_rightly_whatever_it_proposes_and_its_session_is_whole() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, mut at_rack) = host(folder.path(), "rack", Moves::Always).await;
    let data = folder.path().join("fellow");
    let fellow =
        Station::builder("fellow").any_file(true).listen(loopback()).store(FsStore::open(&data).unwrap());
    // Somebody is in the group to which it is led in the end.
    let home = Station::builder("home").listen(loopback()).discovery(bus.attach(HERE));
    let (home, _at_home) = home.spawn().await.unwrap();
    let fellow = fellow.discovery_after_move(move || Ok(bus.attach(HERE)));
    let fellow = fellow.moves(Moves::Always).keep_place_in(&data);
    let here = format!("ws://{}/", rack.address());
    let (fellow, mut at_fellow) = fellow.session(&here).spawn().await.unwrap();
    until_joined(&mut at_fellow, &rack).await;

    let full = full_house().await;
    let SessionTarget::Url(nowhere) = nowhere() else { panic!() };
    let house = format!("ws://{full}/");
    let (mine, address) = ("Default._mvrxchange._tcp.local.", rack.address());
    let raw = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(address);
        let (ok, message) = client.propose("", &here);
        assert!(!ok && message.contains("MVR_JOIN"), "{message}");
        client.join();
        for (name, url, ok, why) in [
            (mine, house.as_str(), false, "both"),
            ("", "", false, "neither"),
            ("", "http://house/", false, "ServiceURL"),
            ("", nowhere.as_str(), false, "refused"),
            ("", house.as_str(), false, "the house is full"),
            // Where the session is already everybody is.
            ("", here.as_str(), true, ""),
        ] {
            let (said, message) = client.propose(name, url);
            assert!(said == ok && message.contains(why), "{name:?} {url:?}: {message}");
        }
        for n in 0..1_000 {
            let url = if n % 2 == 0 { &nowhere } else { &house };
            let (ok, message) = client.propose("", url);
            assert!(!ok && !message.contains("another move"), "{n}: {message}");
        }
        client
    });
    // Read meanwhile, so that none is missed.
    let mut failed = 0;
    while failed < 1_002 {
        match tokio::time::timeout(LIMIT, at_fellow.next()).await.expect("it goes on").unwrap() {
            Heard::Event(seen) if matches!(seen.event, Event::NotMoved { .. }) => failed += 1,
            Heard::Lagged { missed } => panic!("{missed} events missed"),
            _ => {}
        }
    }
    let mut client = raw.await.unwrap();
    let file = commit(&fellow, folder.path(), "whole.mvr").await;
    let knows = async || rack.commits().await.unwrap().iter().any(|info| info.commit.file == file);
    while !knows().await {
        tokio::time::timeout(LIMIT, at_rack.next()).await.expect("it goes on").unwrap();
    }
    rack.request(file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(kept_place(&data).unwrap(), None, "it stayed where it was");
    // By its group's name the session becomes one of TCP mode; the host goes on for who stays.
    let said = tokio::task::spawn_blocking(move || (client.propose(mine, ""), client)).await.unwrap();
    assert!(said.0.0, "{}", said.0.1);
    until_moved(&mut at_fellow, &group("Default")).await;
    let there = async || rack.stations().await.unwrap().iter().any(|info| info.station == fellow.uuid());
    while there().await {
        tokio::time::timeout(LIMIT, at_rack.next()).await.expect("it goes on").unwrap();
    }
    for station in [fellow, rack, home] {
        station.stop().await;
    }
}
