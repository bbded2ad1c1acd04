//! Mixer servers under the judge: one without a fault passes everything, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use doubles::mixer::{Fault, listen};
use doubles::{Row, all_found, assert_found, judge};

const ROWS: &[Row<Fault>] = &[
    (Fault::None, &[], &[]),
    (Fault::IdWithLength, &[], &["client-id-raw"]),
    (Fault::NoPort, &["client-has-port"], &[]),
    (
        Fault::TellsSameAgain,
        &[
            "attributes-only-changes",
            "attributes-same-again",
            "keep-open-same-again",
            "room-attributes-same-again",
        ],
        &[],
    ),
    (
        Fault::TellsAllAttributes,
        &["attributes-only-changes", "content-makes-joinable", "keep-open-told", "room-attributes-told"],
        &[],
    ),
    (Fault::TakesServerAttributes, &["attributes-of-the-server", "room-attributes-of-the-server"], &[]),
    (Fault::NoGoodbye, &["disconnected-told"], &[]),
    (Fault::ContentFirst, &["create-answered"], &[]),
    (Fault::HistoryLast, &["join-order"], &[]),
    (Fault::JoinsTwice, &["join-twice"], &[]),
    (Fault::AnyName, &["join-without-name"], &[]),
    (Fault::LeaveUnanswered, &[], &["leave-answered"]),
    (Fault::RoomsStay, &["leave-ends-the-room"], &[]),
    (Fault::DeletesOccupied, &["delete-occupied"], &[]),
    (Fault::SilentAboutUnknown, &["keep-open-unknown", "delete-unknown", "room-attributes-unknown"], &[]),
    (Fault::EchoesCommands, &["command-not-back"], &[]),
    (Fault::TellsEverybody, &["command-in-its-room"], &[]),
    (Fault::KeepsFrames, &[], &["command-not-kept"]),
    (Fault::NoMerging, &[], &["command-replaces"]),
    (Fault::NoNameAttribute, &[], &["room-has-name"]),
    (Fault::CompactJson, &[], &["json-blanks"]),
];

// proves: CNF-01
#[test]
fn faults_of_mixer_servers_are_found_where_they_are() {
    all_found(ROWS, listen);
}

#[test]
fn a_wrong_count_is_found_wherever_it_is_told() {
    let report = judge(&listen(Fault::Miscounts), &["command-count", "command-bytes"]);
    assert_found("Miscounts", &report, &["command-count"], &[]);
}

#[test]
fn a_room_that_never_is_joinable_fails_whatever_needs_one() {
    let report = judge(&listen(Fault::NeverJoinable), &["create", "content", "still-there"]);
    assert_found("NeverJoinable", &report, &["content-makes-joinable", "still-there"], &[]);
    let report = judge(&listen(Fault::NewRoomJoinable), &["create", "join-too-early"]);
    assert_found("NewRoomJoinable", &report, &["create-told"], &["join-too-early"]);
}
