//! Every tolerated deviation: what it means and which quirk tells of it.

use super::*;
use crate::{Author, Commit, FileUuid, FilesConnection, NamedStation, Ours, Roster};

const A: &str = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
const B: &str = "a7669ff9-bd61-4486-aea6-c190f8ba6b8c";
const FILE: &str = "0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn parsed(json: &str) -> Parsed {
    Message::parse(json.as_bytes()).unwrap_or_else(|e| panic!("{e}: {json}"))
}

fn refused(json: &str) -> ParseError {
    Message::parse(json.as_bytes()).expect_err(json)
}

fn station(text: &str) -> StationUuid {
    text.parse().unwrap()
}

fn file() -> FileUuid {
    FILE.parse().unwrap()
}

/// A message of one type with these further members, and the quirks it has.
fn quirks_of(kind: &str, members: &str) -> (Message, Vec<Quirk>) {
    let comma = if members.is_empty() { "" } else { "," };
    let parsed = parsed(&format!(r#"{{"Type":"{kind}"{comma}{members}}}"#));
    (parsed.message, parsed.quirks.iter().collect())
}

fn join(members: &str) -> (Join, Vec<Quirk>) {
    let common = format!(
        r#""Provider":"P","StationName":"N","verMajor":1,"verMinor":6,"StationUUID":"{A}","Commits":[]"#
    );
    match quirks_of("MVR_JOIN", &format!("{common}{members}")) {
        (Message::Join(join), quirks) => (join, quirks),
        other => panic!("{other:?}"),
    }
}

/// A COMMIT with all members, these in place of or beside the usual ones (the last of two counts).
fn commit(replaced: &[(&str, &str)]) -> (Commit, Vec<Quirk>) {
    match parsed(&format!(r#"{{"Type":"MVR_COMMIT",{}}}"#, commit_members(replaced))) {
        Parsed { message: Message::Commit(commit), quirks } => (commit, quirks.iter().collect()),
        other => panic!("{other:?}"),
    }
}

fn commit_members(replaced: &[(&str, &str)]) -> String {
    let mut members = vec![
        ("verMajor", "1".to_owned()),
        ("verMinor", "6".to_owned()),
        ("FileSize", "256".to_owned()),
        ("FileUUID", format!("\"{FILE}\"")),
        ("StationUUID", format!("\"{A}\"")),
        ("ForStationsUUID", "[]".to_owned()),
        ("Comment", "\"c\"".to_owned()),
        ("FileName", "\"f.mvr\"".to_owned()),
    ];
    for (key, value) in replaced {
        members.retain(|(k, _)| k != key);
        if !value.is_empty() {
            members.push((key, (*value).to_owned()));
        }
    }
    members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(",")
}

fn request(members: &str) -> (Request, Vec<Quirk>) {
    match quirks_of("MVR_REQUEST", members) {
        (Message::Request(request), quirks) => (request, quirks),
        other => panic!("{other:?}"),
    }
}

// proves: MSG-TYPE
#[test]
fn reads_the_type_wherever_it_stands_and_however_it_is_called() {
    let leave = Message::Leave(Leave::new(station(A)));
    let last = parsed(&format!(r#"{{"FromStationUUID":"{A}","Type":"MVR_LEAVE"}}"#));
    assert_eq!((last.message, last.quirks.is_empty()), (leave.clone(), true));
    let legacy = parsed(&format!(r#"{{"MessageType":"MVR_LEAVE","FromStationUUID":"{A}"}}"#));
    assert_eq!(legacy.message, leave);
    assert_eq!(legacy.quirks, QuirkSet::from_iter([Quirk::MessageTypeKey]));
    let both = parsed(&format!(r#"{{"MessageType":"MVR_JOIN","Type":"MVR_LEAVE","FromStationUUID":"{A}"}}"#));
    assert_eq!((both.message, both.quirks.is_empty()), (leave, true));
}

// proves: MSG-TYPE
#[test]
fn reads_the_misprint_of_table_74_as_request() {
    let (message, quirks) = quirks_of("MVR_REQUEST-", r#""FileUUID":"","FromStationUUID":[]"#);
    assert_eq!(message, Message::Request(Request::new(None, vec![])));
    assert_eq!(quirks, [Quirk::TypeMisspelled]);
}

// proves: MSG-TYPE
#[test]
fn refuses_an_object_without_a_readable_type() {
    for json in
        ["{}", r#"{"Type":null}"#, r#"{"Type":7}"#, r#"{"Type":["MVR_JOIN"]}"#, r#"{"type":"MVR_JOIN"}"#]
    {
        assert_eq!(refused(json), ParseError::TypeMissing, "{json}");
    }
}

// proves: MSG-UNKNOWN
#[test]
fn keeps_the_kind_of_an_unknown_message_and_ignores_unknown_keys() {
    let (message, quirks) = quirks_of("MVR_TOMORROW", r#""x":{"y":[1e999,"\ud800"]},"\ud800":1"#);
    assert_eq!(message, Message::Unknown { kind: "MVR_TOMORROW".to_owned() });
    assert_eq!(message.kind(), "MVR_TOMORROW");
    assert_eq!(quirks, []);
    let (_, quirks) = join(r#","Passwords":"secret","x":{"Type":"MVR_LEAVE"}"#);
    assert_eq!(quirks, []);
}

#[test]
fn names_what_is_not_a_message() {
    assert_eq!(refused(""), ParseError::NotJson { line: 1, column: 0 });
    assert_eq!(refused("nonsense"), ParseError::NotJson { line: 1, column: 2 });
    assert_eq!(refused("{\"Type\":\"MVR_LEAVE\",\n}"), ParseError::NotJson { line: 2, column: 1 });
    assert!(matches!(refused(r#"{"Type":"MVR_LEAVE"} {}"#), ParseError::NotJson { .. }));
    assert!(matches!(refused("{\"Type\":\"a\nb\"}"), ParseError::NotJson { .. }));
    for json in ["[]", "3", "\"MVR_JOIN\"", "null", "true"] {
        assert_eq!(refused(json), ParseError::TopLevelNotAnObject, "{json}");
    }
}

// proves: MSG-UTF8
#[test]
fn refuses_what_is_not_utf8() {
    assert_eq!(Message::parse(b"{\"Type\":\"\xff\"}"), Err(ParseError::NotUtf8 { offset: 9 }));
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(r#"{"Type":"MVR_LEAVE"}"#.encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(Message::parse(&utf16), Err(ParseError::NotUtf8 { offset: 0 }));
}

#[test]
fn counts_the_last_of_a_key_that_comes_twice() {
    let (join, quirks) = join(r#","StationName":"M""#);
    assert_eq!((join.station_name.as_str(), quirks), ("M", vec![Quirk::DuplicateKey]));
}

// proves: MSG-JOIN
#[test]
fn reads_a_join_that_says_little() {
    let (message, quirks) = quirks_of("MVR_JOIN", &format!(r#""StationUUID":"{A}""#));
    let Message::Join(join) = message else { panic!("{message:?}") };
    assert_eq!(join.station, station(A));
    assert_eq!((join.version, join.commits.len(), join.ours), (MvrVersion::default(), 0, None));
    assert_eq!(quirks, [Quirk::VersionMissing, Quirk::ProviderMissing, Quirk::StationNameMissing]);
}

// proves: MSG-JOIN
#[test]
fn refuses_a_join_that_names_no_station() {
    let missing = ParseError::StationUuidMissing { message_type: MessageType::Join };
    for uuid in [
        "",
        r#","StationUUID":"""#,
        &format!(r#","StationUUID":"{NIL}""#),
        r#","StationUUID":"me""#,
        r#","StationUUID":null"#,
    ] {
        let error = refused(&format!(r#"{{"Type":"MVR_JOIN","Provider":"P"{uuid}}}"#));
        assert_eq!(error, missing, "{uuid}");
        assert_eq!(error.message_type().and_then(MessageType::reply), Some(MessageType::JoinRet));
    }
}

// proves: MSG-JOIN-RET
#[test]
fn reads_a_join_ret_without_its_station() {
    let (message, quirks) = quirks_of(
        "MVR_JOIN_RET",
        r#""OK":true,"Message":"","Provider":"P","StationName":"N","verMajor":1,"verMinor":6,"Commits":[]"#,
    );
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!((ret.station, ret.reply), (None, Reply::ok()));
    assert_eq!(quirks, [Quirk::StationUuidMissing]);
}

// proves: MSG-COMMITS-KEY
#[test]
fn reads_either_list_key_and_both() {
    let entry = format!("[{{{}}}]", commit_members(&[]));
    let with = |members: &str| {
        let base =
            format!(r#""StationUUID":"{A}","Provider":"P","StationName":"N","verMajor":1,"verMinor":6"#);
        match quirks_of("MVR_JOIN", &format!("{base}{members}")) {
            (Message::Join(join), quirks) => (join.commits.len(), quirks),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(""), (0, vec![]));
    assert_eq!(with(&format!(r#","Commits":{entry}"#)), (1, vec![]));
    assert_eq!(with(&format!(r#","Files":{entry}"#)), (1, vec![Quirk::FilesKey]));
    assert_eq!(with(&format!(r#","Files":{entry},"Commits":{entry}"#)), (1, vec![Quirk::FilesKey]));
    assert_eq!(with(&format!(r#","Files":{entry},"Commits":[]"#)), (1, vec![Quirk::FilesKey]));
    assert_eq!(with(r#","Commits":null"#), (0, vec![Quirk::NullField]));
    assert_eq!(with(r#","Commits":{}"#), (0, vec![Quirk::FieldOfWrongKind]));
    assert_eq!(with(r#","Commits":"none""#), (0, vec![Quirk::FieldOfWrongKind]));
}

// proves: MSG-BAD-ENTRY
#[test]
fn drops_one_bad_entry_of_commits_and_keeps_the_others() {
    let good = commit_members(&[]);
    let typed = format!(r#""Type":"MVR_COMMIT",{good}"#);
    for bad in [
        "5",
        "null",
        "\"x\"",
        "[]",
        "1e999",
        "{}",
        r#"{"FileUUID":""}"#,
        r#"{"FileUUID":"broken"}"#,
        r#"{"FileUUID":null}"#,
        &format!(r#"{{"FileUUID":"{NIL}"}}"#),
        &format!("{{{}}}", commit_members(&[("ForStationsUUID", r#"["nobody"]"#)])),
    ] {
        let (join, quirks) = join(&format!(r#","Commits":[{{{good}}},{bad},{{{typed}}}]"#));
        assert_eq!(join.commits.len(), 2, "{bad}");
        assert!(quirks.contains(&Quirk::CommitEntryDropped), "{bad}: {quirks:?}");
    }
}

#[test]
fn keeps_an_entry_of_commits_that_claims_another_type() {
    let (join, quirks) = join(&format!(r#","Commits":[{{"Type":"MVR_FILE",{}}}]"#, commit_members(&[])));
    assert_eq!(join.commits.len(), 1);
    assert_eq!(quirks, [Quirk::DuplicateKey, Quirk::CommitEntryOfOtherType]);
}

// proves: MSG-COMMIT
#[test]
fn reads_a_whole_commit() {
    let (commit, quirks) = commit(&[("ForStationsUUID", &format!(r#"["{A}","{B}"]"#))]);
    let expected = Commit {
        file: file(),
        station: Some(station(A)),
        version: MvrVersion::CURRENT,
        file_size: 256,
        for_stations: vec![station(A), station(B)],
        comment: "c".to_owned(),
        file_name: "f.mvr".to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    };
    assert_eq!((commit, quirks), (expected, vec![]));
}

// proves: MSG-COMMIT
#[test]
fn reads_a_commit_without_what_is_optional() {
    let (bare, quirks) =
        commit(&[("ForStationsUUID", ""), ("Comment", ""), ("FileName", ""), ("StationUUID", "")]);
    assert_eq!((bare.station, bare.for_stations.len()), (None, 0));
    assert_eq!((bare.comment.as_str(), bare.file_name.as_str()), ("", ""));
    assert_eq!(quirks, [Quirk::StationUuidMissing]);
    let (_, quirks) = commit(&[("ForStationsUUID", "null"), ("Comment", "null"), ("FileName", "null")]);
    assert_eq!(quirks, [Quirk::NullField]);
}

// proves: MSG-COMMIT
#[test]
fn refuses_a_commit_that_names_no_file() {
    for (uuid, error) in [
        ("\"\"", ParseError::FileUuidMissing),
        ("null", ParseError::FileUuidMissing),
        (&format!("\"{NIL}\""), ParseError::FileUuidMissing),
        ("\"latest\"", ParseError::FileUuidNotAUuid { message_type: MessageType::Commit }),
        ("17", ParseError::FileUuidNotAUuid { message_type: MessageType::Commit }),
    ] {
        let json = format!(r#"{{"Type":"MVR_COMMIT",{}}}"#, commit_members(&[("FileUUID", uuid)]));
        assert_eq!(refused(&json), error, "{uuid}");
    }
}

// proves: MSG-FOR-STATIONS
#[test]
fn does_not_show_to_everybody_what_is_for_stations_it_cannot_read() {
    for list in [r#"["nobody"]"#, "[5]", r#""nobody""#, r#"{"a":"b"}"#] {
        let json = format!(r#"{{"Type":"MVR_COMMIT",{}}}"#, commit_members(&[("ForStationsUUID", list)]));
        assert_eq!(refused(&json), ParseError::ForStationsNotReadable, "{list}");
    }
    let (some, quirks) = commit(&[("ForStationsUUID", &format!(r#"["nobody","{B}"]"#))]);
    assert_eq!(some.for_stations, [station(B)]);
    assert_eq!(quirks, [Quirk::UuidUnreadable, Quirk::StationEntryDropped]);
}

// proves: MSG-FOR-STATIONS
#[test]
fn takes_the_ways_to_name_no_station_for_everybody() {
    for (list, expected) in [
        ("[\"\"]", vec![Quirk::UuidEmpty]),
        ("\"\"", vec![Quirk::UuidEmpty, Quirk::ForStationsAsString]),
        (&format!("[\"{NIL}\"]"), vec![Quirk::UuidNil]),
        ("[null]", vec![Quirk::NullField]),
        ("{}", vec![Quirk::FieldOfWrongKind]),
        ("false", vec![Quirk::FieldOfWrongKind]),
    ] {
        let (commit, quirks) = commit(&[("ForStationsUUID", list)]);
        assert_eq!((commit.for_stations.len(), quirks), (0, expected), "{list}");
    }
    let (one, quirks) = commit(&[("ForStationsUUID", &format!("\"{B}\""))]);
    assert_eq!((one.for_stations, quirks), (vec![station(B)], vec![Quirk::ForStationsAsString]));
}

// proves: MSG-VERSION
#[test]
fn reads_versions_of_every_kind() {
    for (major, expected, quirk) in [
        ("1", 1, None),
        ("0", 0, None),
        ("\"1\"", 1, Some(Quirk::VersionAsString)),
        ("\" 1 \"", 1, Some(Quirk::VersionAsString)),
        ("1.0", 1, Some(Quirk::VersionAsFloat)),
        ("1e0", 1, Some(Quirk::VersionAsFloat)),
        ("", 0, Some(Quirk::VersionMissing)),
        ("-1", 0, Some(Quirk::VersionMissing)),
        ("\"one\"", 0, Some(Quirk::VersionMissing)),
        ("4294967296", 0, Some(Quirk::VersionMissing)),
        ("1e999", 0, Some(Quirk::VersionMissing)),
        ("[1]", 0, Some(Quirk::VersionMissing)),
    ] {
        let (commit, quirks) = commit(&[("verMajor", major)]);
        assert_eq!(commit.version, MvrVersion { major: expected, minor: 6 }, "{major}");
        assert_eq!(quirks, Vec::from_iter(quirk), "{major}");
    }
}

// proves: MSG-FILESIZE
#[test]
fn reads_file_sizes_of_every_kind() {
    for (size, expected, quirk) in [
        ("0", 0, None),
        ("18446744073709551615", u64::MAX, None),
        ("\"41246814\"", 41_246_814, Some(Quirk::FileSizeAsString)),
        ("\"4.1246814e7\"", 41_246_814, Some(Quirk::FileSizeAsString)),
        ("41246814.0", 41_246_814, Some(Quirk::FileSizeAsFloat)),
        ("4.1246814e7", 41_246_814, Some(Quirk::FileSizeAsFloat)),
        ("256.9", 256, Some(Quirk::FileSizeAsFloat)),
        ("-2147483648", 0, Some(Quirk::FileSizeMissing)),
        ("18446744073709551616", 0, Some(Quirk::FileSizeMissing)),
        ("1e999", 0, Some(Quirk::FileSizeMissing)),
        ("\"NaN\"", 0, Some(Quirk::FileSizeMissing)),
        ("\"inf\"", 0, Some(Quirk::FileSizeMissing)),
        ("\"12 MB\"", 0, Some(Quirk::FileSizeMissing)),
        ("", 0, Some(Quirk::FileSizeMissing)),
        ("true", 0, Some(Quirk::FileSizeMissing)),
    ] {
        let (commit, quirks) = commit(&[("FileSize", size)]);
        assert_eq!((commit.file_size, quirks), (expected, Vec::from_iter(quirk)), "{size}");
    }
}

// proves: MSG-OK
#[test]
fn reads_ok_of_every_kind() {
    for (ok, expected, quirk) in [
        ("true", true, None),
        ("false", false, None),
        ("\"true\"", true, Some(Quirk::OkAsString)),
        ("\"False\"", false, Some(Quirk::OkAsString)),
        ("\"1\"", true, Some(Quirk::OkAsString)),
        ("\"0\"", false, Some(Quirk::OkAsString)),
        ("1", true, Some(Quirk::OkAsNumber)),
        ("0", false, Some(Quirk::OkAsNumber)),
        ("0.0", false, Some(Quirk::OkAsNumber)),
        ("\"yes\"", true, Some(Quirk::OkMissing)),
        ("{}", true, Some(Quirk::OkMissing)),
    ] {
        let (message, quirks) = quirks_of("MVR_COMMIT_RET", &format!(r#""OK":{ok},"Message":"m""#));
        assert_eq!(
            message,
            Message::CommitRet(Reply { ok: expected, message: "m".to_owned(), from: None }),
            "{ok}"
        );
        assert_eq!(quirks, Vec::from_iter(quirk), "{ok}");
    }
}

// proves: MSG-OK, MSG-RET
#[test]
fn takes_a_missing_ok_for_yes_except_in_the_reply_that_only_refuses() {
    let yes = Reply::ok();
    let no = Reply { ok: false, ..Reply::ok() };
    for (kind, expected) in [
        ("MVR_LEAVE_RET", Message::LeaveRet(yes.clone())),
        ("MVR_COMMIT_RET", Message::CommitRet(yes.clone())),
        ("MVR_NEW_SESSION_HOST_RET", Message::NewSessionHostRet(yes.into())),
        ("MVR_REQUEST_RET", Message::RequestRet(no)),
    ] {
        assert_eq!(quirks_of(kind, ""), (expected.clone(), vec![Quirk::OkMissing]));
        assert_eq!(quirks_of(kind, r#""OK":null"#), (expected, vec![Quirk::NullField, Quirk::OkMissing]));
    }
}

// proves: MSG-LEAVE-KEYS
#[test]
fn reads_leave_under_either_key_and_both() {
    let cases = [
        (format!(r#""FromStationUUID":"{A}""#), vec![]),
        (format!(r#""StationUUID":"{A}""#), vec![Quirk::LeaveStationUuidKey]),
        (format!(r#""StationUUID":"{A}","FromStationUUID":"{A}""#), vec![Quirk::LeaveBothKeys]),
        (
            format!(r#""StationUUID":"{B}","FromStationUUID":"{A}""#),
            vec![Quirk::LeaveBothKeys, Quirk::LeaveKeysDisagree],
        ),
        (format!(r#""StationUUID":"{A}","FromStationUUID":"""#), vec![Quirk::LeaveBothKeys]),
        (
            format!(r#""StationUUID":"{A}","FromStationUUID":null"#),
            vec![Quirk::NullField, Quirk::LeaveStationUuidKey],
        ),
    ];
    for (members, expected) in cases {
        let (message, quirks) = quirks_of("MVR_LEAVE", &members);
        assert_eq!(message, Message::Leave(Leave::new(station(A))), "{members}");
        assert_eq!(quirks, expected, "{members}");
    }
    let missing = ParseError::StationUuidMissing { message_type: MessageType::Leave };
    assert_eq!(refused(r#"{"Type":"MVR_LEAVE"}"#), missing);
    assert_eq!(refused(r#"{"Type":"MVR_LEAVE","StationUUID":""}"#), missing);
}

// proves: MSG-REQUEST, MSG-REQUEST-LATEST
#[test]
fn reads_every_way_to_ask_for_the_current_state() {
    for (uuid, expected) in [
        ("", vec![]),
        (r#""FileUUID":"","#, vec![]),
        (r#""FileUUID":null,"#, vec![Quirk::NullField]),
        (r#""FileUUID":"latest","#, vec![Quirk::LatestAsWord]),
        (r#""FileUUID":"LATEST","#, vec![Quirk::LatestAsWord]),
        (&format!(r#""FileUUID":"{NIL}","#), vec![Quirk::UuidNil]),
    ] {
        let (request, quirks) = request(&format!(r#"{uuid}"FromStationUUID":["{A}"]"#));
        assert_eq!(request, Request::new(None, vec![station(A)]), "{uuid}");
        assert_eq!(quirks, expected, "{uuid}");
    }
}

// proves: MSG-REQUEST-LATEST
#[test]
fn does_not_take_an_unreadable_file_for_the_current_state() {
    for uuid in ["\"newest\"", "0", "[]", "true", r#""0e8b1a3f-51ba-4b1e-8f2f""#] {
        let error = refused(&format!(r#"{{"Type":"MVR_REQUEST","FileUUID":{uuid}}}"#));
        assert_eq!(error, ParseError::FileUuidNotAUuid { message_type: MessageType::Request }, "{uuid}");
    }
}

// proves: MSG-REQUEST-FROM
#[test]
fn reads_every_way_to_name_the_station_asked() {
    let cases = [
        (format!(r#""FromStationUUID":["{A}"]"#), vec![A], vec![]),
        (format!(r#""FromStationUUID":"{A}""#), vec![A], vec![Quirk::FromStationAsString]),
        (r#""FromStationUUID":[]"#.to_owned(), vec![], vec![]),
        (r#""FromStationUUID":"""#.to_owned(), vec![], vec![Quirk::UuidEmpty, Quirk::FromStationAsString]),
        (r#""x":0"#.to_owned(), vec![], vec![Quirk::FromStationMissing]),
        (format!(r#""FromStationsUUID":["{A}","{B}"]"#), vec![A, B], vec![Quirk::FromStationsKey]),
        (
            format!(r#""FromStationUUID":["{A}"],"FromStationsUUID":["{A}"],"StationUUID":"{B}""#),
            vec![A],
            vec![Quirk::FromStationsKey, Quirk::SenderStationUuid],
        ),
        (
            format!(r#""FromStationUUID":["{A}","x",null]"#),
            vec![A],
            vec![Quirk::NullField, Quirk::UuidUnreadable, Quirk::StationEntryDropped],
        ),
        (r#""FromStationUUID":17"#.to_owned(), vec![], vec![Quirk::FieldOfWrongKind]),
    ];
    for (members, from, expected) in cases {
        let (request, quirks) = request(&format!(r#""FileUUID":"{FILE}",{members}"#));
        assert_eq!(request.file, Some(file()));
        assert_eq!(request.from, from.into_iter().map(station).collect::<Vec<_>>(), "{members}");
        assert_eq!(quirks, expected, "{members}");
        assert_eq!(request.station.is_some(), members.contains("\"StationUUID\""));
    }
}

// proves: MSG-UUID
#[test]
fn reads_every_spelling_of_a_uuid() {
    let upper = A.to_uppercase();
    for (text, quirk) in [
        (A.to_owned(), None),
        (upper.clone(), Some(Quirk::UuidUpperCase)),
        (format!("{{{A}}}"), Some(Quirk::UuidOddlySpelled)),
        (format!("{{{upper}}}"), Some(Quirk::UuidOddlySpelled)),
        (A.replace('-', ""), Some(Quirk::UuidOddlySpelled)),
        (format!("{{{}}}", upper.replace('-', "")), Some(Quirk::UuidOddlySpelled)),
        (format!("urn:uuid:{A}"), Some(Quirk::UuidOddlySpelled)),
        (format!(" {A} "), Some(Quirk::UuidOddlySpelled)),
    ] {
        let (message, quirks) = quirks_of("MVR_LEAVE", &format!(r#""FromStationUUID":"{text}""#));
        assert_eq!(message, Message::Leave(Leave::new(station(A))), "{text}");
        assert_eq!(quirks, Vec::from_iter(quirk), "{text}");
    }
}

// proves: MSG-UUID
#[test]
fn takes_empty_and_nil_stations_for_none() {
    for (uuid, quirk) in [
        ("\"\"", Quirk::UuidEmpty),
        (&format!("\"{NIL}\""), Quirk::UuidNil),
        ("\"unknown\"", Quirk::UuidUnreadable),
        ("null", Quirk::NullField),
    ] {
        let (commit, quirks) = commit(&[("StationUUID", uuid)]);
        assert_eq!(commit.station, None, "{uuid}");
        assert!(quirks.contains(&quirk) && quirks.contains(&Quirk::StationUuidMissing), "{uuid}: {quirks:?}");
    }
}

#[test]
fn keeps_a_message_whose_text_is_of_a_wrong_kind() {
    for value in ["5", "true", "[\"a\"]", "{\"a\":1}", "1e999"] {
        let (commit, quirks) = commit(&[("Comment", value)]);
        assert_eq!((commit.comment.as_str(), quirks), ("", vec![Quirk::FieldOfWrongKind]), "{value}");
    }
}

#[test]
fn replaces_half_of_a_surrogate_pair() {
    let (commit, quirks) = commit(&[("Comment", r#""a\ud800b \ud83d\ude00""#)]);
    assert!(commit.comment.starts_with('a') && commit.comment.ends_with("b 😀"), "{}", commit.comment);
    assert_eq!(quirks, [Quirk::UnpairedSurrogate]);
}

// proves: MSG-NSH
#[test]
fn reads_new_session_host_with_whatever_is_set() {
    let (message, quirks) = quirks_of("MVR_NEW_SESSION_HOST", r#""ServiceName":null,"ServiceURL":"ws://h/""#);
    assert_eq!(message, Message::NewSessionHost(NewSessionHost::to_url("ws://h/")));
    assert_eq!(quirks, [Quirk::NullField]);
    let (message, quirks) = quirks_of("MVR_NEW_SESSION_HOST", &format!(r#""StationUUID":"{A}""#));
    let Message::NewSessionHost(host) = message else { panic!("{message:?}") };
    assert_eq!(
        (host.service_name.as_str(), host.service_url.as_str(), host.station),
        ("", "", Some(station(A)))
    );
    assert_eq!(quirks, [Quirk::SenderStationUuid]);
}

// proves: MSG-MVRX
#[test]
fn reads_the_mvrx_object() {
    let hex = "0123456789abcdef".repeat(4);
    let (commit, quirks) =
        commit(&[("mvrx", &format!(r#"{{"v":1,"blake3":"{hex}","mvr":"1.5","later":[1]}}"#))]);
    let hash = commit.blake3.unwrap();
    assert_eq!((hash[0], hash[7], hash[31]), (0x01, 0xef, 0xef));
    assert_eq!(commit.version, MvrVersion { major: 1, minor: 5 });
    assert_eq!(quirks, []);
    let (join, quirks) = join(r#","mvrx":{"v":7}"#);
    assert_eq!((join.ours, quirks), (Some(Ours { version: 7, ..Ours::CURRENT }), vec![]));
    assert_eq!(join.product(), crate::Product::Mvrx);
}

// proves: MSG-MVRX
#[test]
fn ignores_an_mvrx_object_that_is_malformed() {
    for object in [
        "null",
        "7",
        "\"v\"",
        "[1]",
        "{}",
        r#"{"v":"1"}"#,
        r#"{"v":-1}"#,
        r#"{"v":1e999}"#,
        r#"{"v":1,"v":2}"#,
        r#"{"blake3":"00"}"#,
    ] {
        let (join, quirks) = join(&format!(r#","mvrx":{object}"#));
        assert_eq!((join.ours, quirks), (None, vec![Quirk::MvrxObjectUnreadable]), "{object}");
    }
    for part in [
        r#""blake3":"00""#,
        r#""blake3":5"#,
        &format!(r#""blake3":"{}""#, "é".repeat(32)),
        r#""mvr":"16""#,
        r#""mvr":{}"#,
    ] {
        let (commit, quirks) = commit(&[("mvrx", &format!(r#"{{"v":1,{part}}}"#))]);
        assert_eq!((commit.blake3, commit.version), (None, MvrVersion::CURRENT), "{part}");
        assert_eq!(quirks, [Quirk::MvrxObjectUnreadable], "{part}");
    }
}

// proves: MSG-MVRX-FILES, MSG-MVRX-ROSTER, MSG-MVRX-NAMES, MSG-LIMITS
#[test]
fn takes_of_a_malformed_mvrx_object_what_can_be_read() {
    let (read, quirks) = join(r#","mvrx":{"v":1,"files":1}"#);
    assert_eq!((read.files, quirks), (None, vec![Quirk::MvrxObjectUnreadable]));
    // A ticket of somebody else's making is nobody's, but it is one: this is no new stay.
    let (read, quirks) = join(&format!(r#","mvrx":{{"v":1,"files":true,"ticket":"{}"}}"#, "x".repeat(99)));
    let Some(FilesConnection::Of(ticket)) = read.files else { panic!("{read:?}") };
    assert_eq!((ticket.as_str(), quirks), ("x".repeat(64).as_str(), vec![]));
    let roster = |object: &str, limits: &Limits| {
        let json = format!(r#"{{"Type":"MVR_JOIN_RET","OK":true,"mvrx":{{"v":1,{object}}}}}"#);
        match Message::parse_with(json.as_bytes(), limits).unwrap() {
            Parsed { message: Message::JoinRet(ret), quirks } => {
                (ret.roster, quirks.contains(Quirk::MvrxObjectUnreadable))
            }
            other => panic!("{other:?}"),
        }
    };
    let limits = Limits::default();
    assert_eq!(roster(r#""news":true"#, &limits), (None, false));
    assert_eq!(roster(r#""stations":7"#, &limits), (Some(Roster::default()), true));
    let entry = format!(r#"{{"StationUUID":"{A}","StationName":"N"}}"#);
    let named = NamedStation { station: A.parse().unwrap(), author: Author::new("N", ""), bridge: None };
    let (read, unreadable) = roster(&format!(r#""stations":[0,{entry},{{}}],"gone":["{A}","x"]"#), &limits);
    let expected =
        Roster { stations: vec![named.clone()], gone: vec![A.parse().unwrap()], ..Roster::default() };
    assert_eq!((read, unreadable), (Some(expected), true));
    let fetched = format!(r#"{{"FileUUID":"{A}","StationUUID":"{A}"}}"#);
    let (read, unreadable) =
        roster(&format!(r#""news":true,"fetched":[{fetched},7,{{}},{fetched}]"#), &limits);
    let known = crate::FetchedFile { file: A.parse().unwrap(), station: A.parse().unwrap() };
    assert_eq!((read.unwrap().fetched, unreadable), (vec![known, known], true));
    let few = Limits { stations: 2, ..limits };
    let (read, unreadable) = roster(&format!(r#""stations":[{entry},{entry},{entry}]"#), &few);
    assert_eq!((read.unwrap().stations, unreadable), (vec![named.clone(), named], true));
}

#[test]
fn every_quirk_has_its_own_kebab_name_and_bit() {
    let mut names: Vec<_> = Quirk::ALL.iter().map(|q| q.name()).collect();
    assert!(
        names.iter().all(|n| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Quirk::ALL.len());
    let all: QuirkSet = Quirk::ALL.iter().copied().collect();
    assert_eq!((all.len(), all.iter().count()), (Quirk::ALL.len(), Quirk::ALL.len()));
    for quirk in Quirk::ALL {
        let one = QuirkSet::from_iter([*quirk]);
        assert_eq!(one.iter().collect::<Vec<_>>(), [*quirk]);
        assert!(!all.without(one).contains(*quirk));
    }
}
