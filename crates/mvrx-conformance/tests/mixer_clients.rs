//! Clients of a scripted Mixer server: one without a fault passes, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use doubles::{assert_found, with};
use mvrx_conformance::{Limits, Lookout, Report, Script, Scripted, Serving, Verdict};
use serde_json::{Value, json};

/// What is sent: type and payload of each frame, in order.
type Said = Vec<(u16, Vec<u8>)>;
/// What is said wrongly, the cases that fail, the cases that are tolerated.
type Row = (fn(&mut Said), &'static [&'static str], &'static [&'static str]);

/// Where they stand in what a client says that has no fault.
const ID: usize = 0;
const NAME: usize = 3;
const CLIENT: usize = 4;
const JOIN: usize = 5;
const COMMAND: usize = 6;
const CONTENT: usize = 7;
const ROOM: usize = 8;
const KEEP: usize = 9;
const LEAVE: usize = 10;

const ROWS: &[Row] = &[
    (|_| {}, &[], &[]),
    (|all| all[ID].0 = 2, &["client-frame-type"], &[]),
    (|all| all[ID].0 = 20, &["client-frame-type"], &[]),
    (|all| all[ID].1 = b"me".to_vec(), &[], &["client-asks-empty"]),
    (|all| all[JOIN].1.truncate(12), &[], &["client-join-versions"]),
    (|all| all[JOIN].1.truncate(26), &[], &["client-join-flags"]),
    (|all| all[JOIN].1[23] = 2, &[], &["client-join-flags"]),
    (|all| all.insert(COMMAND, join("other")), &["client-join-once"], &[]),
    (|all| all.push(all[LEAVE].clone()), &["client-leave-inside"], &[]),
    (|all| all[LEAVE].1 = text("mine"), &[], &["client-raw-names"]),
    (|all| all[NAME].1 = vec![0xff], &[], &["client-raw-names"]),
    (|all| all[CONTENT] = all[COMMAND].clone(), &["client-content"], &[]),
    (|all| all.insert(ROOM, all[CONTENT].clone()), &["client-content-once"], &[]),
    (|all| all.push(all[COMMAND].clone()), &["client-commands-inside"], &[]),
    (|all| all[CLIENT].1 = b"{}".to_vec(), &["client-attributes"], &[]),
    (|all| all[CLIENT].1 = text("[]"), &["client-attributes"], &[]),
    (|all| all[CLIENT].1 = text("{\"id\": \"me\"}"), &["client-own-attributes"], &[]),
    (|all| all[ROOM].1 = [text("mine"), text("{")].concat(), &["client-room-attributes"], &[]),
    (|all| all[KEEP].1.truncate(8), &["client-room-attributes"], &[]),
    (|all| all[KEEP].1[4] = b'x', &["client-room-known"], &[]),
];

fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn join(room: &str) -> (u16, Vec<u8>) {
    (1, [text(room), text("2.93"), text("1.0"), vec![0; 4], vec![1, 0, 0, 0]].concat())
}

/// One that makes a room.
fn said() -> Said {
    let empty = |kind| (kind, Vec::new());
    vec![
        empty(18),
        empty(14),
        empty(4),
        (11, b"Double".to_vec()),
        (15, text("{\"user_color\": [1.0, NaN]}")),
        join("mine"),
        (131, b"\x01\0\0\0a\x01\0\0\0".to_vec()),
        empty(5),
        (16, [text("mine"), text("{\"scenes\": {}}")].concat()),
        (17, [text("mine"), vec![0; 4]].concat()),
        (3, b"mine".to_vec()),
    ]
}

fn serve(time: Duration) -> Scripted {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (script, lookout) = (Script::Mixer, Lookout::default());
    let serving = Serving { script, listen, group: None, lookout, time, limits: Limits::default() };
    Scripted::start(serving).unwrap()
}

fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u64).to_le_bytes()[..], &[1, 0, 0, 0], &kind.to_le_bytes(), payload].concat()
}

fn receive(stream: &mut TcpStream) -> (u16, Vec<u8>) {
    let mut header = [0; 14];
    stream.read_exact(&mut header).unwrap();
    let size = u64::from_le_bytes(header[..8].try_into().unwrap());
    let mut payload = vec![0; usize::try_from(size).unwrap()];
    stream.read_exact(&mut payload).unwrap();
    (u16::from_le_bytes(header[12..].try_into().unwrap()), payload)
}

/// Says all of it, and goes once the server has heard that.
fn visit(address: SocketAddr, frames: &[Vec<u8>]) -> Vec<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).unwrap();
    frames.iter().for_each(|frame| stream.write_all(frame).unwrap());
    stream.write_all(&frame(18, b"")).unwrap();
    let own = stream.local_addr().unwrap().to_string().into_bytes();
    // Also where it is the wrong way round.
    let asked = frames.iter().filter(|one| matches!(one[12..14], [18, 0] | [0, 18])).count();
    let mut heard = Vec::new();
    while heard.iter().filter(|(kind, id)| *kind == 18 && *id == own).count() <= asked {
        heard.push(receive(&mut stream));
    }
    heard
}

fn judge(frames: Vec<Vec<u8>>) -> (Report, Vec<(u16, Vec<u8>)>) {
    let scripted = serve(Duration::from_secs(30));
    let address = scripted.address();
    let client = std::thread::spawn(move || visit(address, &frames));
    let report = scripted.run(&mut |_| {});
    (report, client.join().unwrap())
}

fn frames(said: &Said) -> Vec<Vec<u8>> {
    said.iter().map(|(kind, payload)| frame(*kind, payload)).collect()
}

// proves: CNF-01, CNF-06
#[test]
fn faults_of_mixers_clients_are_found_where_they_are() {
    std::thread::scope(|scope| {
        for (number, (change, fails, tolerates)) in ROWS.iter().enumerate() {
            scope.spawn(move || {
                let mut said = said();
                change(&mut said);
                assert_found(&format!("row {number}"), &judge(frames(&said)).0, fails, tolerates);
            });
        }
    });
}

#[test]
fn a_frame_the_wrong_way_round_is_found() {
    let mut all = frames(&said());
    // CLIENT_ID, 18, is of type 4,608 for who reads it the right way.
    all[0][..8].reverse();
    all[0][8..12].reverse();
    all[0][12..].reverse();
    assert_found("order", &judge(all).0, &["client-frame-order"], &[]);
}

#[test]
fn a_room_without_a_name_is_no_room() {
    let all = frames(&vec![
        (1, vec![9, 0, 0, 0, b'x']),
        join("conformance test"),
        (3, b"conformance test".to_vec()),
    ]);
    let (report, heard) = judge(all);
    assert_found("name", &report, &["client-join-room"], &[]);
    let kinds: Vec<u16> = heard.iter().map(|(kind, _)| *kind).collect();
    // Refused; the room's history between CLEAR_CONTENT and JOIN_ROOM; left; the own id.
    assert_eq!(kinds, [12, 6, 131, 1, 19, 3, 19, 18]);
    assert!(with(&report, Verdict::NotOffered).contains(&"client-content"));
}

#[test]
fn what_a_room_has_is_told() {
    let (report, heard) = judge(frames(&said()));
    assert_eq!(with(&report, Verdict::NotOffered), [""; 0]);
    let told: Vec<Value> = heard
        .iter()
        .filter(|(kind, _)| *kind == 20)
        .map(|(_, payload)| serde_json::from_slice::<Value>(&payload[4..]).unwrap()["mine"].clone())
        .collect();
    assert_eq!((&told[0]["joinable"], &told[0]["blender_version"]), (&json!(false), &json!("2.93")));
    assert_eq!(told[1], json!({ "byte_size": 23, "command_count": 1 }));
    assert_eq!(told[2], json!({ "joinable": true }));
    assert_eq!(told[3], json!({ "scenes": {} }));
    assert_eq!(told[4], json!({ "keep_open": false }));
}

// proves: CNF-03
#[test]
fn nobody_came_is_a_failure_and_nothing_else_is_judged() {
    let scripted = serve(Duration::from_millis(300));
    // Half a header keeps nobody.
    let mut stream = TcpStream::connect(scripted.address()).unwrap();
    stream.write_all(&[0; 7]).unwrap();
    let report = scripted.run(&mut |_| {});
    assert_eq!(with(&report, Verdict::Fail), ["client-comes"]);
    assert_eq!(report.count(Verdict::NotOffered) + 1, report.judged().len());
}
