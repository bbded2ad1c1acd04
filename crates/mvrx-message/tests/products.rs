//! What running products sent, byte for byte, and what others were seen to send.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_message::{Dialect, Message, MvrVersion, Product, Quirk, QuirkSet, Reply, Request};

const PACKAGE_HEADER: usize = 28;

macro_rules! golden {
    ($name:literal) => {
        read(&include_bytes!(concat!("golden/", $name, ".bin"))[PACKAGE_HEADER..])
    };
}

fn read(json: &[u8]) -> (Message, QuirkSet) {
    let parsed = Message::parse(json).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(json)));
    // Whatever a product sent can be passed on.
    let again = Message::parse(&parsed.message.to_json(&Dialect::strict())).unwrap();
    assert!(again.quirks.is_empty(), "{again:?}");
    (parsed.message, parsed.quirks)
}

fn quirks<const N: usize>(quirks: [Quirk; N]) -> QuirkSet {
    quirks.into_iter().collect()
}

#[test]
fn reads_join_and_join_ret_of_blenderdmx() {
    let (message, found) = golden!("blenderdmx_tcp_join");
    let Message::Join(join) = message else { panic!("{message:?}") };
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));
    assert_eq!(join.product(), Product::BlenderDmx);
    assert_eq!(join.station_name, "BlenderDMX_station_hostA");
    assert_eq!(join.version, MvrVersion::CURRENT);
    let commit = &join.commits[0];
    assert_eq!(commit.file.to_string(), "5acf841b-9127-451c-8cbd-4bd7f54521a4");
    assert_eq!((commit.file_size, commit.file_name.as_str()), (274, "First_pass.mvr"));
    assert_eq!(commit.station, Some(join.station));

    let (message, found) = golden!("blenderdmx_tcp_join_ret");
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));
    assert_eq!((ret.reply.ok, ret.commits.len(), ret.station), (true, 1, Some(join.station)));
}

#[test]
fn reads_the_other_messages_of_blenderdmx() {
    let (message, found) = golden!("blenderdmx_tcp_commit");
    let Message::Commit(commit) = message else { panic!("{message:?}") };
    assert_eq!((commit.file_size, commit.comment.as_str()), (2_100_380, "Big one"));
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));
    assert_eq!(golden!("blenderdmx_tcp_commit_ret"), (Message::CommitRet(Reply::ok()), QuirkSet::EMPTY));
    assert_eq!(golden!("blenderdmx_tcp_leave_ret"), (Message::LeaveRet(Reply::ok()), QuirkSet::EMPTY));

    let (message, found) = golden!("blenderdmx_tcp_request");
    let Message::Request(request) = message else { panic!("{message:?}") };
    assert_eq!(request.file.unwrap().to_string(), "fecaad0b-cdab-0000-0040-000001000000");
    assert_eq!(request.from, ["fecaad0b-2222-1111-4444-3333aaaa5555".parse().unwrap()]);
    assert_eq!(request.station, Some("4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse().unwrap()));
    assert_eq!(found, quirks([Quirk::UuidUpperCase, Quirk::FromStationsKey, Quirk::SenderStationUuid]));
}

#[test]
fn reads_join_and_join_ret_of_libmvrgdtf() {
    let (message, found) = golden!("libmvrgdtf_join");
    let Message::Join(join) = message else { panic!("{message:?}") };
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));
    assert_eq!((join.product(), join.station_name.as_str()), (Product::LibMvrGdtf, "Station A"));
    assert_eq!(join.commits[0].comment, "Moved the truss");

    let (message, _) = golden!("libmvrgdtf_join_ret");
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!((ret.reply, ret.commits), (Reply::ok(), join.commits));

    let (message, _) = golden!("libmvrgdtf_wire_join_ret_garbage_version");
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!((ret.product(), ret.commits.len()), (Product::LibMvrGdtf, 0));
    assert_eq!(ret.provider, "libMVRgdtf test station");
}

#[test]
fn reads_the_other_messages_of_libmvrgdtf() {
    let upper = quirks([Quirk::UuidUpperCase]);
    for ((message, found), size) in
        [(golden!("libmvrgdtf_commit"), 12), (golden!("libmvrgdtf_wire_commit_garbage_version"), 2_100_380)]
    {
        let Message::Commit(commit) = message else { panic!("{message:?}") };
        assert_eq!((commit.file_size, found), (size, upper));
    }
    for (message, found) in [golden!("libmvrgdtf_leave"), golden!("libmvrgdtf_wire_leave")] {
        assert!(matches!(message, Message::Leave(_)));
        assert_eq!(found, upper);
    }
    for (message, found) in [golden!("libmvrgdtf_request"), golden!("libmvrgdtf_wire_request")] {
        assert!(
            matches!(message, Message::Request(Request { file: Some(_), ref from, station: None, part: None }) if from.len() == 1)
        );
        assert_eq!(found, upper);
    }
    assert_eq!(golden!("libmvrgdtf_commit_ret"), (Message::CommitRet(Reply::ok()), QuirkSet::EMPTY));
    assert_eq!(golden!("libmvrgdtf_leave_ret"), (Message::LeaveRet(Reply::ok()), QuirkSet::EMPTY));
    let refused = Reply::refused("The MVR is not available on this client");
    assert_eq!(golden!("libmvrgdtf_request_ret_fail"), (Message::RequestRet(refused), QuirkSet::EMPTY));
}

#[test]
fn reads_what_grandma3_was_seen_to_send() {
    // UUIDs made of an address, of no version; versions 0; eight keys in COMMIT; an empty list in REQUEST.
    let (message, found) = read(
        br#"{"Type":"MVR_JOIN","Provider":"GrandMA3","StationName":"Desk-gMA3","verMajor":0,"verMinor":0,
            "StationUUID":"0100007F-0200-0004-845C-AABA000269BC","Commits":[]}"#,
    );
    let Message::Join(join) = message else { panic!("{message:?}") };
    assert_eq!((join.product(), join.version), (Product::GrandMa3, MvrVersion { major: 0, minor: 0 }));
    assert_eq!(join.station.to_string(), "0100007f-0200-0004-845c-aaba000269bc");
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));

    let (message, _) = read(
        br#"{"Type":"MVR_COMMIT","verMajor":0,"verMinor":0,"FileSize":41246814,
            "FileUUID":"843F8933-C55B-0005-85D0-000000000000","StationUUID":"0100007F-0200-0004-845C-AABA000269BC",
            "Comment":"final","FileName":"tour_mvr_final.mvr"}"#,
    );
    let Message::Commit(commit) = message else { panic!("{message:?}") };
    assert_eq!(commit.file.to_string(), "843f8933-c55b-0005-85d0-000000000000");
    assert_eq!((commit.station, commit.file_name.as_str()), (Some(join.station), "tour_mvr_final.mvr"));

    let (message, found) = read(
        br#"{"Type":"MVR_REQUEST","FileUUID":"843F8933-C55B-0005-85D0-000000000000","FromStationUUID":[]}"#,
    );
    assert_eq!(message, Message::Request(Request::new(Some(commit.file), vec![])));
    assert_eq!(found, quirks([Quirk::UuidUpperCase]));

    let (message, found) =
        read(br#"{"Type":"MVR_LEAVE","StationUUID":"0100007F-0200-0004-845C-AABA000269BC"}"#);
    assert!(matches!(message, Message::Leave(leave) if leave.station == join.station));
    assert_eq!(found, quirks([Quirk::LeaveStationUuidKey, Quirk::UuidUpperCase]));
}

#[test]
fn reads_what_the_others_were_seen_to_write() {
    // the-pult: a bare string and no FileUUID for the current state.
    let (message, _) =
        read(br#"{"Type":"MVR_REQUEST","FromStationUUID":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8"}"#);
    assert!(matches!(message, Message::Request(Request { file: None, ref from, .. }) if from.len() == 1));
    // MVR4J: pretty-printed, 0.0 in the commits of JOIN_RET, FileName may be absent.
    let (message, found) = read(
        b"{\n  \"Type\": \"MVR_JOIN_RET\",\n  \"OK\": true,\n  \"Message\": \"\",\n  \"Provider\": \"MVR4J\",\n  \"StationName\": \
          \"Java\",\n  \"verMajor\": 1,\n  \"verMinor\": 6,\n  \"StationUUID\": \"4aa291a1-1a62-45fe-aabc-e90e5e2399a8\",\n  \
          \"Commits\": [\n    {\n      \"verMajor\": 0,\n      \"verMinor\": 0,\n      \"FileSize\": 5,\n      \"FileUUID\": \
          \"0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01\",\n      \"StationUUID\": \"4aa291a1-1a62-45fe-aabc-e90e5e2399a8\",\n      \
          \"ForStationsUUID\": [],\n      \"Comment\": \"\"\n    }\n  ]\n}\n",
    );
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!((ret.product(), ret.commits.len(), found), (Product::Mvr4j, 1, QuirkSet::EMPTY));
    // Perastage: empty Comment and FileName left out, an older one says MessageType and Files.
    let (message, found) = read(
        br#"{"Files":[{"FileUUID":"0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01","FileSize":5,"StationUUID":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8",
            "verMajor":1,"verMinor":6}],"MessageType":"MVR_JOIN","Provider":"Perastage","StationName":"P",
            "StationUUID":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8","verMajor":1,"verMinor":6}"#,
    );
    assert!(matches!(message, Message::Join(ref join) if join.commits.len() == 1));
    assert_eq!(found, quirks([Quirk::FilesKey, Quirk::MessageTypeKey]));
}
