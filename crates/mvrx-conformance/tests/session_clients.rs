//! Clients of a scripted session: one without a fault passes, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use std::net::SocketAddr;
use std::time::Duration;

use doubles::member::{Fault, visit};
use doubles::{assert_found, with};
use mvrx_conformance::{Limits, Lookout, Report, Script, Scripted, Serving, Verdict};

/// A fault, the cases that fail, the cases that are tolerated.
type Row = (Fault, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    (Fault::None, &[], &[]),
    (Fault::OldHttp, &["client-ws-get"], &[]),
    (Fault::NoHost, &["client-ws-host"], &[]),
    (Fault::NoConnection, &["client-ws-upgrade"], &[]),
    (Fault::ShortKey, &["client-ws-key"], &[]),
    (Fault::OldVersion, &["client-ws-version"], &[]),
    (Fault::NoMask, &["client-ws-masked"], &[]),
    (Fault::OneMask, &["client-ws-new-mask"], &[]),
    (Fault::Reserved, &["client-ws-reserved"], &[]),
    (Fault::UnknownOpcode, &["client-ws-opcode"], &[]),
    (Fault::LooseLength, &["client-ws-length"], &[]),
    (Fault::LongPing, &["client-ws-control"], &[]),
    (Fault::LooseEnd, &["client-ws-fragments"], &[]),
    (Fault::BeginsInside, &["client-ws-fragments"], &[]),
    (Fault::BinaryMessages, &[], &["client-ws-text"]),
    (Fault::NoJson, &["client-ws-json"], &[]),
    (Fault::BadUtf8, &["client-utf8"], &[]),
    (Fault::PackageHeader, &[], &["client-ws-no-package-header"]),
    (Fault::NoPong, &["client-ws-pong"], &[]),
    (Fault::OtherPong, &["client-ws-pong"], &[]),
    (Fault::NoCommitRet, &["client-answers-commit"], &[]),
    (Fault::NoFile, &["client-answers-request"], &[]),
    (Fault::RefusesFile, &[], &[]),
    (Fault::ShortFile, &["client-file-size"], &[]),
    (Fault::LongFile, &["client-file-size"], &[]),
    (Fault::FileInPieces, &[], &["client-file-at-once"]),
    (Fault::NoClose, &[], &["client-ws-close"]),
    (Fault::CloseCode, &["client-ws-close-body"], &[]),
    (Fault::CloseReason, &["client-ws-close-body"], &[]),
    (Fault::NoProvider, &["client-join-provider"], &[]),
    (Fault::CommitsFirst, &["client-join-first"], &[]),
    (Fault::AsksUnknown, &["client-request-known"], &[]),
    (Fault::AnotherLeaves, &["client-one-uuid"], &[]),
];

fn serve(time: Duration) -> Scripted {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (script, lookout) = (Script::Host, Lookout::default());
    let serving = Serving { script, listen, group: None, lookout, time, limits: Limits::default() };
    Scripted::start(serving).unwrap()
}

fn judge(fault: Fault) -> Report {
    let scripted = serve(Duration::from_secs(30));
    let address = scripted.address();
    let client = std::thread::spawn(move || visit(address, fault));
    let report = scripted.run(&mut |_| {});
    client.join().unwrap();
    report
}

// proves: CNF-01, CNF-06
#[test]
fn faults_of_clients_of_a_session_are_found_where_they_are() {
    std::thread::scope(|scope| {
        for (fault, fails, tolerates) in ROWS {
            scope.spawn(move || assert_found(&format!("{fault:?}"), &judge(*fault), fails, tolerates));
        }
    });
}

#[test]
fn what_was_not_done_is_not_judged() {
    let report = judge(Fault::None);
    // One connection has no second key, and what passed is the rest.
    assert_eq!(with(&report, Verdict::NotOffered), ["client-ws-new-key"]);
    let refused = judge(Fault::RefusesFile);
    let not_offered = ["client-ws-new-key", "client-file-size", "client-file-at-once"];
    assert_eq!(with(&refused, Verdict::NotOffered), not_offered);
}

#[test]
fn a_key_that_comes_twice_is_found() {
    let scripted = serve(Duration::from_secs(30));
    let address = scripted.address();
    let clients = std::thread::spawn(move || {
        visit(address, Fault::GoneEarly);
        visit(address, Fault::None);
    });
    let report = scripted.run(&mut |_| {});
    clients.join().unwrap();
    // What the first one was asked and could not answer any more is not held against it; that it went without a word is told.
    assert_found("one key", &report, &["client-ws-new-key"], &["client-ws-close"]);
}

#[test]
fn nobody_came_is_a_failure_and_nothing_else_is_judged() {
    let report = serve(Duration::from_millis(50)).run(&mut |_| {});
    assert_eq!(with(&report, Verdict::Fail), ["client-joins"]);
    assert_eq!(report.count(Verdict::NotOffered) + 1, report.judged().len());
}

/// Whoever connects and says no more than this ends with the time, and is judged by what it said.
// proves: CNF-03
#[test]
fn half_a_word_keeps_nobody() {
    use std::io::Write;
    for (said, fails) in [
        (&b"GET / HT"[..], &["client-joins"][..]),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            &["client-joins", "client-ws-host", "client-ws-upgrade", "client-ws-key", "client-ws-version"],
        ),
    ] {
        let scripted = serve(Duration::from_millis(500));
        let mut stream = std::net::TcpStream::connect(scripted.address()).unwrap();
        stream.write_all(said).unwrap();
        let report = scripted.run(&mut |_| {});
        let mut found = with(&report, Verdict::Fail);
        let mut wanted = fails.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }
}
