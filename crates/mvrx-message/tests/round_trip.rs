//! What is written reads back as the same, and no bytes make the reader panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_message::{
    Author, BridgeMark, Commit, Dialect, FileUuid, FilesConnection, GroupName, Join, JoinPassword, JoinRet,
    Leave, Message, MoveAnswered, MoveOutcome, MvrVersion, NamedStation, NewSessionHost, NewSessionHostRet,
    Ours, Product, QuirkSet, Reply, Request, Roster, StationUuid, Ticket, safe_file_name,
};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 ._-]{0,40}".prop_map(|s| s),
        2 => any::<String>(),
        1 => (prop::sample::select(vec!["\"", "\\", "\u{0}", "é", "😀", "/"]), 0..1_200_usize).prop_map(|(s, n)| s.repeat(n)),
    ]
}

/// A text that the strict form carries whole, and that says something.
fn short_text() -> impl Strategy<Value = String> {
    text().prop_map(|mut s| {
        s.truncate(s.floor_char_boundary(999));
        s.push('x');
        s
    })
}

fn group() -> impl Strategy<Value = Option<GroupName>> {
    prop::option::of("\\PC{1,15}".prop_filter_map("a name", |name| GroupName::join(&name).ok()))
}

fn station() -> impl Strategy<Value = StationUuid> {
    (1..=u128::MAX).prop_map(|n| StationUuid::from_bytes(n.to_be_bytes()).unwrap())
}

fn file() -> impl Strategy<Value = FileUuid> {
    (1..=u128::MAX).prop_map(|n| FileUuid::from_bytes(n.to_be_bytes()).unwrap())
}

fn version() -> impl Strategy<Value = MvrVersion> {
    prop_oneof![
        2 => Just(MvrVersion::CURRENT),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(major, minor)| MvrVersion { major, minor }),
    ]
}

fn commit() -> impl Strategy<Value = Commit> {
    let who = (file(), station(), prop::collection::vec(station(), 0..4));
    let what =
        (version(), any::<u64>(), text(), text(), any::<Option<[u8; 32]>>(), prop::option::of(author()));
    let place = (prop::option::of(1..=Commit::LAST), any::<bool>());
    (who, what, place).prop_map(
        |(
            (file, station, for_stations),
            (version, file_size, comment, hint, blake3, author),
            (order, missed),
        )| Commit {
            file,
            station: Some(station),
            version,
            file_size,
            for_stations,
            comment: {
                let end = comment.floor_char_boundary(1_000);
                comment[..end].to_owned()
            },
            file_name: safe_file_name(&hint),
            blake3,
            author,
            group: None,
            order,
            missed,
        },
    )
}

/// One that is carried whole.
fn author() -> impl Strategy<Value = Author> {
    let word = || "[a-zA-Z0-9 é\"\\\\]{1,40}";
    (word(), word()).prop_map(|(name, provider)| Author { name, provider })
}

fn ticket() -> impl Strategy<Value = Ticket> {
    any::<[u8; 16]>().prop_map(Ticket::from_random_bytes)
}

fn files() -> impl Strategy<Value = Option<FilesConnection>> {
    prop_oneof![
        Just(None),
        Just(Some(FilesConnection::Offered)),
        ticket().prop_map(|ticket| Some(FilesConnection::Of(ticket))),
    ]
}

fn bridge() -> impl Strategy<Value = Option<BridgeMark>> {
    prop_oneof![
        Just(None),
        station().prop_map(|host| Some(BridgeMark::Bridge { host })),
        station().prop_map(|bridge| Some(BridgeMark::StandIn { bridge })),
    ]
}

fn roster() -> impl Strategy<Value = Option<Roster>> {
    let named = (station(), author(), bridge());
    let named = named.prop_map(|(station, author, bridge)| NamedStation { station, author, bridge });
    let lists = (
        any::<(bool, bool)>(),
        prop::collection::vec(named, 0..Roster::MOST),
        prop::collection::vec(station(), 0..4),
    );
    prop::option::of(lists.prop_map(|((news, more), stations, gone)| Roster {
        news,
        more,
        stations,
        gone,
        ..Roster::default()
    }))
}

fn move_answered() -> impl Strategy<Value = MoveAnswered> {
    let outcomes = [MoveOutcome::Moved, MoveOutcome::Refused, MoveOutcome::Unanswered, MoveOutcome::NotAsked];
    (station(), prop::sample::select(outcomes.to_vec()), "[a-z ]{0,40}")
        .prop_map(|(station, outcome, message)| MoveAnswered { station, outcome, message })
}

fn join_password() -> impl Strategy<Value = Option<JoinPassword>> {
    prop::option::of("[0-9a-f]{64}".prop_map(|text| JoinPassword::new(&text)))
}

fn reply() -> impl Strategy<Value = Reply> {
    (any::<bool>(), short_text()).prop_map(|(ok, message)| Reply { ok, message, from: None })
}

/// Messages that the strict form carries whole.
fn message() -> impl Strategy<Value = Message> {
    let introduction =
        || (short_text(), short_text(), version(), station(), prop::collection::vec(commit(), 0..4));
    prop_oneof![
        (introduction(), files(), join_password()).prop_map(
            |((provider, station_name, version, station, commits), files, password)| {
                let ours = Some(Ours::default());
                let plain = Join::new(station, station_name, provider, version);
                Message::Join(Join { commits, ours, files, password, ..plain })
            }
        ),
        (reply(), introduction(), prop::option::of(ticket()), roster()).prop_map(
            |(reply, (provider, station_name, version, station, commits), ticket, roster)| {
                let station = Some(station);
                let ours = Some(Ours::default());
                Message::JoinRet(JoinRet {
                    reply,
                    provider,
                    station_name,
                    version,
                    station,
                    commits,
                    ours,
                    group: None,
                    ticket,
                    roster,
                })
            }
        ),
        (station(), group(), bridge()).prop_map(|(station, group, bridge)| Message::Leave(Leave {
            station,
            group,
            bridge
        })),
        reply().prop_map(Message::LeaveRet),
        commit().prop_map(Message::Commit),
        reply().prop_map(Message::CommitRet),
        (prop::option::of(file()), prop::collection::vec(station(), 0..3))
            .prop_map(|(file, from)| Message::Request(Request::new(file, from))),
        reply().prop_map(Message::RequestRet),
        (short_text(), short_text(), prop::option::of(station())).prop_map(
            |(service_name, service_url, station)| {
                Message::NewSessionHost(NewSessionHost { service_name, service_url, station })
            }
        ),
        (reply(), prop::collection::vec(move_answered(), 0..3))
            .prop_map(|(reply, answers)| Message::NewSessionHostRet(NewSessionHostRet { reply, answers })),
        "MVR_[A-Z]{1,4}X".prop_map(|kind| Message::Unknown { kind }),
    ]
}

proptest! {
    // proves: MSG-STRICT
    #[test]
    fn what_is_written_reads_back_the_same_without_quirks(message in message()) {
        let json = message.to_json(&Dialect::strict());
        let parsed = Message::parse(&json).unwrap();
        prop_assert_eq!(parsed.quirks, QuirkSet::EMPTY);
        prop_assert_eq!(parsed.message, message);
    }

    // proves: MSG-STRICT
    #[test]
    fn every_dialect_reads_back_and_writing_it_again_changes_nothing(
        message in message(),
        product in prop::sample::select(Product::ALL),
    ) {
        let dialect = Dialect::towards(product);
        let json = message.to_json(&dialect);
        let again = Message::parse(&json).unwrap().message;
        prop_assert_eq!(again.kind(), message.kind());
        prop_assert_eq!(again.to_json(&dialect), json);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn no_change_of_one_byte_makes_the_reader_panic(message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = message.to_json(&Dialect::strict());
        let at = at.index(json.len());
        json[at] = byte;
        let _ = Message::parse(&json);
        json.truncate(at);
        let _ = Message::parse(&json);
    }

    #[test]
    fn no_values_of_any_kind_make_the_reader_panic_or_the_message_unwritable(
        kind in prop::sample::select(vec![
            "MVR_JOIN", "MVR_JOIN_RET", "MVR_LEAVE", "MVR_COMMIT", "MVR_COMMIT_RET", "MVR_REQUEST", "MVR_REQUEST_RET",
            "MVR_NEW_SESSION_HOST",
        ]),
        members in prop::collection::vec((key(), value()), 0..12),
    ) {
        let mut json = format!(r#"{{"Type":"{kind}""#);
        for (key, value) in members {
            json.push_str(&format!(",\"{key}\":{value}"));
        }
        json.push('}');
        if let Ok(parsed) = Message::parse(json.as_bytes()) {
            let again = Message::parse(&parsed.message.to_json(&Dialect::strict())).unwrap();
            prop_assert_eq!(again.message.kind(), kind);
        }
    }
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "MessageType",
        "OK",
        "Message",
        "Provider",
        "StationName",
        "verMajor",
        "verMinor",
        "StationUUID",
        "FromStationUUID",
        "FromStationsUUID",
        "Commits",
        "Files",
        "FileUUID",
        "FileSize",
        "ForStationsUUID",
        "Comment",
        "FileName",
        "ServiceName",
        "ServiceURL",
        "mvrx",
        "v",
        "blake3",
        "mvr",
        "files",
        "ticket",
        "stations",
        "gone",
        "news",
        "more",
    ])
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "1.5",
        "1e999",
        "-0",
        "18446744073709551616",
        "\"\"",
        "\"true\"",
        "\"1\"",
        "\"1.6\"",
        "\"latest\"",
        "\"\\ud800\"",
        "\"4aa291a1-1a62-45fe-aabc-e90e5e2399a8\"",
        "\"{4AA291A1-1A62-45FE-AABC-E90E5E2399A8}\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"MVR_COMMIT\"",
        "\"../x\"",
        "\"g._mvrxchange._tcp.local.\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((key(), inner), 0..6).prop_map(|v| {
                let members: Vec<_> = v.into_iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
