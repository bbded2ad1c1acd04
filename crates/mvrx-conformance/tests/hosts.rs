//! Hosts of WebSocket Mode under the judge: one without a fault passes everything, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use doubles::host::{Fault, listen};
use doubles::{Row, all_found};

const CONNECTIONS: &[Row<Fault>] = &[
    (Fault::None, &[], &[]),
    (Fault::BadAccept, &["ws-accept"], &[]),
    (Fault::UnaskedExtension, &["ws-nothing-unasked"], &[]),
    (Fault::BinaryMessages, &[], &["ws-text"]),
    (Fault::Masks, &["ws-unmasked"], &[]),
    (Fault::BadUtf8, &["ws-utf8"], &[]),
    // Its magic number is no UTF-8.
    (Fault::PackageHeader, &["ws-utf8"], &["ws-no-package-header"]),
    (Fault::NoFragments, &["ws-reads-fragments"], &[]),
    (Fault::NoPong, &["ws-pong"], &[]),
    (Fault::NoClose, &["ws-close"], &[]),
    (Fault::AnyMask, &["ws-refuses-unmasked"], &[]),
    (Fault::AnyBits, &["ws-refuses-reserved-bits"], &[]),
];

const TOLD: &[&str] = &[
    "host-passes-commits-on",
    "host-keeps-the-author",
    "host-keeps-the-fields",
    "host-does-not-echo",
    "host-lists-for-newcomers",
    "host-for-one",
    "host-for-one-alone",
    "host-fetches",
    "host-gives",
    "host-tells-refusals",
];

const SESSIONS: &[Row<Fault>] = &[
    (Fault::PassesNothing, TOLD, &["host-tells-listed"]),
    (Fault::Echoes, &["host-does-not-echo"], &[]),
    (Fault::OtherAuthor, &["host-keeps-the-author"], &[]),
    (Fault::LosesSize, &["host-keeps-the-fields"], &[]),
    (Fault::ListsNothing, &["host-lists-for-newcomers"], &[]),
    (Fault::TellsEverybody, &["host-for-one-alone"], &[]),
    (Fault::TellsWhoLeft, &["host-after-leave"], &[]),
    (Fault::AsksNobody, &["host-fetches", "host-gives"], &[]),
    (Fault::OtherBytes, &["host-gives"], &[]),
    (Fault::MovesBlind, &["host-move-to-nowhere", "move-both", "move-neither", "move-ret-ok"], &[]),
];

// proves: CNF-01
#[test]
fn faults_of_connections_are_found_where_they_are() {
    all_found(CONNECTIONS, listen);
}

// proves: CNF-01
#[test]
fn faults_of_sessions_are_found_where_they_are() {
    all_found(SESSIONS, listen);
}
