//! Every example of the specification, as it is printed there. Those that are not valid JSON as printed give a named error, and are
//! read once the one fault of the print is mended.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_message::{
    Commit, GroupName, Message, MessageType, MvrVersion, NewSessionHost, ParseError, Quirk, QuirkSet, Reply,
    Request, SessionTarget, SessionTargetError,
};

fn read(json: &str) -> (Message, QuirkSet) {
    let parsed = Message::parse(json.as_bytes()).unwrap_or_else(|e| panic!("{e}: {json}"));
    (parsed.message, parsed.quirks)
}

fn error(json: &str) -> ParseError {
    Message::parse(json.as_bytes()).expect_err(json)
}

/// The examples print this in place of the members of a commit.
const COMMIT_ARGS: &str = "...MVR_COMMIT_MESSAGE_ARGS";

const A_COMMIT: &str =
    r#""verMajor":1, "verMinor":6, "FileUUID":"0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01", "FileSize":256"#;

const JOIN: &str = r#"{
  "Type": "MVR_JOIN",
  "Provider":"MVRApplication", 
  "verMajor":"1", 
  "verMinor":"6", 
  "StationUUID":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8", 
  "StationName":"MVR Application from user A at location B",
  "Files": [
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    },
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    },
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    }
  ]

}"#;

const JOIN_RET: &str = r#"{
  "Type": "MVR_JOIN_RET",
  "OK": "true",
  "Message": "",
  "verMajor":"1", 
  "verMinor":"6", 
  "StationUUID":"a7669ff9-bd61-4486-aea6-c190f8ba6b8c", 
  "StationName":"MVR Application from user A at location B",
  "Files": [
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    },
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    },
    {
      ...MVR_COMMIT_MESSAGE_ARGS
    }
  ]
}"#;

const LEAVE: &str = r#"{
  "Type": "MVR_LEAVE",
  "StationUUID":"", 
}"#;

const COMMIT: &str = r#"{
  "Type": "MVR_COMMIT",
  "verMajor":1, 
  "verMinor":6, 
  "FileUUID":"", 
  "ForStationsUUID":[], 
  "FileSize":256, 
  "Comment":"My complete description of what I have changed",
}"#;

const REQUEST: &str = r#"{
  "Type": "MVR_REQUEST",
  "FromStationUUID":"", 
  "FileUUID":"", 
}"#;

const NEW_SESSION_HOST: &str = r#"{
  "Type": "MVR_NEW_SESSION_HOST",
  "ServiceName":"fancyProjectGroup._mvrxchange._tcp.local.", 
  "ServiceURL":"", 
}"#;

/// Three of the examples end in a comma before the brace.
fn without_trailing_comma(json: &str) -> String {
    let (before, after) = json.rsplit_once(',').unwrap();
    format!("{before}{after}")
}

// proves: MSG-JOIN, MSG-COMMITS-KEY, MSG-VERSION
#[test]
fn reads_the_example_of_join() {
    // As printed it has a placeholder, which is not JSON.
    assert_eq!(error(JOIN), ParseError::NotJson { line: 10, column: 7 });
    let (message, quirks) = read(&JOIN.replace(COMMIT_ARGS, A_COMMIT));
    let Message::Join(join) = message else { panic!("{message:?}") };
    assert_eq!(join.provider, "MVRApplication");
    assert_eq!(join.station_name, "MVR Application from user A at location B");
    assert_eq!(join.station.to_string(), "4aa291a1-1a62-45fe-aabc-e90e5e2399a8");
    assert_eq!(join.version, MvrVersion::CURRENT);
    assert_eq!(join.commits.len(), 3);
    // The commits of the placeholder are ours, and name no station.
    let expected = [Quirk::FilesKey, Quirk::VersionAsString, Quirk::StationUuidMissing];
    assert_eq!(quirks, QuirkSet::from_iter(expected));
}

// proves: MSG-JOIN-RET, MSG-OK
#[test]
fn reads_the_example_of_join_ret() {
    assert!(matches!(error(JOIN_RET), ParseError::NotJson { line: 11, .. }));
    let (message, quirks) = read(&JOIN_RET.replace(COMMIT_ARGS, A_COMMIT));
    let Message::JoinRet(ret) = message else { panic!("{message:?}") };
    assert_eq!(ret.reply, Reply::ok());
    assert_eq!(ret.station.unwrap().to_string(), "a7669ff9-bd61-4486-aea6-c190f8ba6b8c");
    assert_eq!((ret.provider.as_str(), ret.commits.len()), ("", 3));
    let expected = [
        Quirk::FilesKey,
        Quirk::OkAsString,
        Quirk::VersionAsString,
        Quirk::ProviderMissing,
        Quirk::StationUuidMissing,
    ];
    assert_eq!(quirks, QuirkSet::from_iter(expected));
}

// proves: MSG-LEAVE-KEYS
#[test]
fn reads_the_example_of_leave() {
    assert_eq!(error(LEAVE), ParseError::NotJson { line: 4, column: 1 });
    // The example leaves open who leaves.
    let mended = without_trailing_comma(LEAVE);
    assert_eq!(error(&mended), ParseError::StationUuidMissing { message_type: MessageType::Leave });
    let (message, quirks) = read(&mended.replace(r#":"""#, r#":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8""#));
    assert!(matches!(message, Message::Leave(_)));
    assert_eq!(quirks, QuirkSet::from_iter([Quirk::LeaveStationUuidKey]));
}

// proves: MSG-COMMIT
#[test]
fn reads_the_example_of_commit() {
    assert_eq!(error(COMMIT), ParseError::NotJson { line: 9, column: 1 });
    // The example leaves open which file.
    let mended = without_trailing_comma(COMMIT);
    assert_eq!(error(&mended), ParseError::FileUuidMissing);
    let file = "0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01";
    let (message, quirks) = read(&mended.replace(r#""FileUUID":"""#, &format!(r#""FileUUID":"{file}""#)));
    let expected = Commit {
        file: file.parse().unwrap(),
        station: None,
        version: MvrVersion::CURRENT,
        file_size: 256,
        for_stations: vec![],
        comment: "My complete description of what I have changed".to_owned(),
        file_name: String::new(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    };
    assert_eq!(message, Message::Commit(expected));
    assert_eq!(quirks, QuirkSet::from_iter([Quirk::StationUuidMissing]));
}

// proves: MSG-REQUEST, MSG-REQUEST-LATEST, MSG-REQUEST-FROM
#[test]
fn reads_the_example_of_request() {
    assert_eq!(error(REQUEST), ParseError::NotJson { line: 5, column: 1 });
    let (message, quirks) = read(&without_trailing_comma(REQUEST));
    assert_eq!(message, Message::Request(Request::new(None, vec![])));
    assert_eq!(quirks, QuirkSet::from_iter([Quirk::FromStationAsString, Quirk::UuidEmpty]));
}

// proves: MSG-RET, MSG-OK
#[test]
fn reads_the_examples_of_the_replies() {
    let string_ok = QuirkSet::from_iter([Quirk::OkAsString]);
    for (json, expected) in [
        (
            "{\n  \"Type\": \"MVR_LEAVE_RET\",\n  \"OK\": \"true\",\n  \"Message\": \"\"\n}",
            Message::LeaveRet(Reply::ok()),
        ),
        (
            "{\n  \"Type\": \"MVR_COMMIT_RET\",\n  \"OK\": \"true\",\n  \"Message\": \"\"\n}",
            Message::CommitRet(Reply::ok()),
        ),
        (
            "{\n  \"Type\": \"MVR_REQUEST_RET\",\n  \"OK\": \"false\",\n  \"Message\": \"The MVR is not available on this client\"\n}",
            Message::RequestRet(Reply::refused("The MVR is not available on this client")),
        ),
        (
            "{\n  \"Type\": \"MVR_NEW_SESSION_HOST_RET\",\n  \"OK\": \"true\",\n  \"Message\": \"\"\n\n}",
            Message::NewSessionHostRet(Reply::ok().into()),
        ),
    ] {
        assert_eq!(read(json), (expected, string_ok));
    }
}

// proves: MSG-NSH, MSG-NSH-ONE, MSG-GROUP
#[test]
fn reads_the_example_of_new_session_host() {
    assert_eq!(error(NEW_SESSION_HOST), ParseError::NotJson { line: 5, column: 1 });
    let (message, quirks) = read(&without_trailing_comma(NEW_SESSION_HOST));
    let Message::NewSessionHost(host) = message else { panic!("{message:?}") };
    assert!(quirks.is_empty());
    let group = GroupName::join("fancyProjectGroup").unwrap();
    assert_eq!(host.target(), Ok(SessionTarget::Group(group.clone())));
    assert_eq!(host, NewSessionHost::to_group(&group));
}

// proves: MSG-NSH-ONE
#[test]
fn refuses_to_move_to_both_or_nowhere() {
    let url = NewSessionHost::to_url("ws://previz.local:8080/mvrxchange");
    assert_eq!(url.target(), Ok(SessionTarget::Url("ws://previz.local:8080/mvrxchange".to_owned())));
    let both = NewSessionHost { service_name: "g._mvrxchange._tcp.local.".to_owned(), ..url.clone() };
    assert_eq!(both.target(), Err(SessionTargetError::BothSet));
    let none = NewSessionHost { service_url: " ".to_owned(), ..url };
    assert_eq!(none.target(), Err(SessionTargetError::NoneSet));
    let nobody = NewSessionHost { service_name: "_mvrxchange._tcp.local.".to_owned(), ..none };
    assert!(matches!(nobody.target(), Err(SessionTargetError::NotAGroup(_))));
}
