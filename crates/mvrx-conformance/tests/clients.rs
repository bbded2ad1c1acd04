//! Clients of a scripted station: one without a fault passes, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use doubles::{assert_found, with};
use mvrx_conformance::{Limits, Lookout, Report, Script, Scripted, Serving, Verdict};
use serde_json::{Value, json};

const ME: &str = "6f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const FILE: &str = "7f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";

/// What is said wrongly: of the messages, and of each package's bytes.
type Change = (fn(&mut Vec<Value>), fn(&mut Vec<u8>));
/// A fault, the cases that fail, the cases that are tolerated.
type Row = (Change, &'static [&'static str], &'static [&'static str]);

const fn said(change: fn(&mut Vec<Value>)) -> Change {
    (change, |_| {})
}

const fn framed(change: fn(&mut Vec<u8>)) -> Change {
    (|_| {}, change)
}

const ROWS: &[Row] = &[
    (said(|_| {}), &[], &[]),
    (framed(|bytes| bytes[0] = 9), &["client-header"], &[]),
    (framed(|bytes| bytes[7] = 2), &["client-version"], &[]),
    (framed(|bytes| bytes[15] = 0), &["client-count"], &[]),
    (framed(|bytes| bytes[19] = 5), &["client-type"], &[]),
    (framed(|bytes| little_endian(bytes)), &["client-byte-order"], &[]),
    (said(|all| all[0]["Provider"] = json!("")), &["client-join-provider"], &[]),
    (said(|all| all[0]["StationName"] = json!(7)), &["client-join-name"], &[]),
    (said(|all| all[0]["verMajor"] = json!("1")), &[], &["client-join-version"]),
    (said(|all| all[0]["Commits"] = json!("none")), &["client-join-commits"], &[]),
    (said(|all| all[0]["StationUUID"] = json!("me")), &["client-join-uuid", "client-one-uuid"], &[]),
    (said(|all| all.swap(0, 1)), &["client-join-first"], &[]),
    (said(|all| all[1]["FileUUID"] = json!("show")), &["client-commit-file"], &[]),
    (said(|all| all[1]["StationUUID"] = Value::Null), &["client-commit-station"], &[]),
    (said(|all| all[1]["FileSize"] = json!(-1)), &["client-commit-size"], &[]),
    (said(|all| all[1]["verMinor"] = Value::Null), &["client-commit-version"], &[]),
    (said(|all| all[2]["FileUUID"] = json!(7)), &["client-request-file"], &[]),
    (said(|all| all[2]["FileUUID"] = json!(FILE)), &["client-request-known"], &[]),
    (said(|all| all[2]["FromStationUUID"] = json!(ME)), &[], &["client-request-from"]),
    (said(|all| all[3] = json!({ "Type": "MVR_LEAVE", "StationUUID": ME })), &[], &["client-leave-station"]),
    (said(|all| all[3]["FromStationUUID"] = json!(FILE)), &["client-one-uuid"], &[]),
];

fn little_endian(bytes: &mut [u8]) {
    (0..5).for_each(|at| bytes[4 * at..4 * at + 4].reverse());
    bytes[20..28].reverse();
}

fn serve(time: Duration) -> Scripted {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (script, lookout) = (Script::Station, Lookout::default());
    let serving = Serving { script, listen, group: None, lookout, time, limits: Limits::default() };
    Scripted::start(serving).unwrap()
}

/// A client that joins, commits, asks and leaves, each on a connection of its own.
fn client(address: SocketAddr, (change, frame): Change) {
    let mut all = vec![
        json!({
            "Type": "MVR_JOIN", "Provider": "A double", "StationName": "Double", "verMajor": 1, "verMinor": 6,
            "StationUUID": ME, "Commits": [],
        }),
        json!({
            "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": 9, "FileUUID": FILE, "StationUUID": ME,
            "ForStationsUUID": [], "Comment": "", "FileName": "show.mvr",
        }),
        json!({ "Type": "MVR_REQUEST", "FileUUID": "", "FromStationUUID": [] }),
        json!({ "Type": "MVR_LEAVE", "FromStationUUID": ME }),
    ];
    change(&mut all);
    for message in all {
        let json = message.to_string().into_bytes();
        let mut bytes = [doubles::station::header(json.len()), json].concat();
        frame(&mut bytes);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut head = [0; 28];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[..4], 778_682_u32.to_be_bytes());
        let kind = head[19];
        // What is no text asks for no certain file.
        let any = message["FileUUID"].as_str().unwrap_or_default().is_empty();
        assert_eq!(kind == 1, message["Type"] == "MVR_REQUEST" && any, "{message}");
    }
}

fn judge(change: Change) -> Report {
    let scripted = serve(Duration::from_secs(30));
    let address = scripted.address();
    let client = std::thread::spawn(move || client(address, change));
    let report = scripted.run(&mut |_| {});
    client.join().unwrap();
    report
}

// proves: CNF-01, CNF-06
#[test]
fn faults_of_clients_are_found_where_they_are() {
    std::thread::scope(|scope| {
        for (number, (change, fails, tolerates)) in ROWS.iter().enumerate() {
            scope.spawn(move || assert_found(&format!("row {number}"), &judge(*change), fails, tolerates));
        }
    });
}

#[test]
fn nobody_came_is_a_failure_and_nothing_else_is_judged() {
    let report = serve(Duration::from_millis(50)).run(&mut |_| {});
    assert_eq!(with(&report, Verdict::Fail), ["client-joins"]);
    assert_eq!(report.count(Verdict::NotOffered) + 1, report.judged().len());
}
