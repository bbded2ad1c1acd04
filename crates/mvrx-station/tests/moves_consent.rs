//! Aim: a station that follows certain others follows nobody who says that it is one of them, over real sockets; and follows those.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use mvrx_discovery::MemoryBus;
use mvrx_message::{Dialect, Message, NewSessionHost, Reply, SessionTarget, StationUuid};
use mvrx_station::{Event, Events, HostOptions, MoveAnswer, Moves, Station, kept_place};
use socket2::{Domain, Socket, Type};
use support::{HERE, LIMIT, join, loopback, package, read_package, until};

/// An address of this machine at which discovery shows nobody: all of 127.0.0.0/8 is here.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

fn said(socket: &mut TcpStream, what: &Message) -> Message {
    socket.write_all(&package(0, &what.to_json(&Dialect::strict()))).unwrap();
    let (_, payload) = read_package(socket).expect("no answer");
    Message::parse(&payload).unwrap().message
}

/// JOIN under this StationUUID, whoever it is.
fn join_as(socket: &mut TcpStream, station: StationUuid) {
    let Message::Join(honest) = join() else { unreachable!() };
    let ret = said(socket, &Message::Join(mvrx_message::Join { station, ..honest }));
    assert!(matches!(ret, Message::JoinRet(ret) if ret.reply.ok), "TCP mode takes everybody");
}

fn proposes(socket: &mut TcpStream, station: Option<StationUuid>, to: &str) -> Reply {
    let proposal = NewSessionHost { station, ..NewSessionHost::to_url(to) };
    match said(socket, &Message::NewSessionHost(proposal)) {
        Message::NewSessionHostRet(ret) => ret.reply,
        other => panic!("{other:?}"),
    }
}

async fn until_declined(events: &mut Events) -> (Option<StationUuid>, SocketAddr) {
    until(events, |e| match e {
        Event::MoveDeclined { station, address, .. } => Some((*station, *address)),
        _ => None,
    })
    .await
}

// proves: MOV-13
#[tokio::test]
async fn one_forged_join_opens_no_listed_stations_way_and_the_listed_station_itself_is_followed() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let data = folder.path().join("desk");
    std::fs::create_dir(&data).unwrap();
    let (boss, mut at_boss) =
        Station::builder("boss").listen(loopback()).discovery(bus.attach(HERE)).spawn().await.unwrap();
    let (desk, mut events) = Station::builder("desk")
        .listen(loopback())
        .discovery(bus.attach(HERE))
        .moves(Moves::Listed(BTreeSet::from([boss.uuid()])))
        .keep_place_in(&data)
        .spawn()
        .await
        .unwrap();
    // Where the forger would have us: a session that lets everybody in.
    let options = HostOptions::default().announce(false);
    let (trap, _at_trap) = Station::builder("trap").listen(loopback()).host(options).spawn().await.unwrap();
    let to = format!("ws://{}/", trap.address());
    let joined = |wanted: StationUuid| {
        move |e: &Event| matches!(e, Event::StationJoined { station, .. } if *station == wanted).then_some(())
    };
    until(&mut events, joined(boss.uuid())).await;
    until(&mut at_boss, joined(desk.uuid())).await;

    let (address, name) = (desk.address(), boss.uuid());
    let forged = tokio::task::spawn_blocking(move || {
        let mut socket = connect_from(ELSEWHERE, address);
        join_as(&mut socket, name);
        for named in [Some(name), None] {
            let reply = proposes(&mut socket, named, &to);
            assert!(!reply.ok && reply.message.contains("certain others"), "{named:?}: {reply:?}");
            let reply = proposes(&mut connect_from(ELSEWHERE, address), named, &to);
            assert!(!reply.ok && reply.message.contains("certain others"), "{named:?}: {reply:?}");
        }
    });
    let (by, from) = until_declined(&mut events).await;
    assert_eq!((by, from.ip()), (None, ELSEWHERE.into()), "nobody is told as if it were the listed one");
    forged.await.unwrap();
    assert!(trap.stations().await.unwrap().is_empty());
    assert_eq!(kept_place(&data).unwrap(), None);

    let stage = SessionTarget::Group("Stage".parse().unwrap());
    let report = tokio::time::timeout(LIMIT, boss.move_to(stage.clone(), false)).await.unwrap().unwrap();
    assert_eq!(report.answers, [(desk.uuid(), MoveAnswer::Moved)]);
    let here = SessionTarget::Group("Default".parse().unwrap());
    let moved =
        |e: &Event| matches!(e, Event::Moved { from, to, .. } if *from == here && *to == stage).then_some(());
    until(&mut events, moved).await;
    for station in [desk, boss, trap] {
        station.stop().await;
    }
}
