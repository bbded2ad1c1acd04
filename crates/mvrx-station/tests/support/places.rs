//! Stations and hosts that move, and proposals letter by letter.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::{CommitDraft, Event, Events, HostOptions, Moves, SessionTarget, Station};
use mvrx_store::FsStore;
use serde_json::Value;

use super::{HERE, loopback, package, read_package, until};

pub fn url(address: SocketAddr) -> SessionTarget {
    SessionTarget::Url(format!("ws://{address}/"))
}

pub fn group(name: &str) -> SessionTarget {
    SessionTarget::Group(name.parse().unwrap())
}

pub async fn station(bus: &MemoryBus, folder: &Path, name: &str, moves: Moves) -> (Station, Events) {
    let data = folder.join(name);
    let store = FsStore::open(&data).unwrap();
    let builder =
        Station::builder(name).any_file(true).listen(loopback()).discovery(bus.attach(HERE)).store(store);
    builder.moves(moves).keep_place_in(data).spawn().await.unwrap()
}

pub async fn host(folder: &Path, name: &str, moves: Moves) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    let options = HostOptions::default().announce(false);
    Station::builder(name)
        .any_file(true)
        .listen(loopback())
        .host(options)
        .moves(moves)
        .store(store)
        .spawn()
        .await
        .unwrap()
}

pub async fn commit(station: &Station, folder: &Path, name: &str) -> FileUuid {
    let path = folder.join(name);
    fs::write(&path, name).unwrap();
    station.commit(CommitDraft::from_path(&path)).await.unwrap().file
}

pub async fn until_joined(events: &mut Events, other: &Station) {
    let wanted = other.uuid();
    until(events, |e| matches!(e, Event::StationJoined { station, .. } if *station == wanted).then_some(()))
        .await;
}

pub async fn until_moved(events: &mut Events, place: &SessionTarget) {
    until(events, |e| matches!(e, Event::Moved { to, .. } if to == place).then_some(())).await;
}

pub async fn until_known(station: &Station, events: &mut Events, file: FileUuid) {
    let knows = async || station.commits().await.unwrap().iter().any(|info| info.commit.file == file);
    if !knows().await {
        until(events, |e| matches!(e, Event::CommitSeen { file: seen, .. } if *seen == file).then_some(()))
            .await;
    }
}

/// A URL where nobody listens.
pub fn nowhere() -> SessionTarget {
    let listener = TcpListener::bind(loopback()).unwrap();
    url(listener.local_addr().unwrap())
}

/// A proposal, letter by letter.
pub fn proposal(name: &str, url: &str) -> String {
    format!(r#"{{"Type":"MVR_NEW_SESSION_HOST","ServiceName":"{name}","ServiceURL":"{url}"}}"#)
}

/// The answer to one: whether it is yes, and why not.
pub fn answer_in(json: &[u8]) -> (bool, String) {
    let ret: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(ret["Type"], "MVR_NEW_SESSION_HOST_RET");
    (ret["OK"].as_bool().unwrap(), ret["Message"].as_str().unwrap_or_default().to_owned())
}

/// Says it in a package and reads the answer.
pub fn propose(socket: &mut TcpStream, name: &str, url: &str) -> (bool, String) {
    socket.write_all(&package(0, proposal(name, url).as_bytes())).unwrap();
    let (_, payload) = read_package(socket).expect("no answer");
    answer_in(&payload)
}
