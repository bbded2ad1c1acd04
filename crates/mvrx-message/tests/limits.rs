//! Each limit at its edge, and inputs made to exhaust a reader.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_message::{Blame, Limits, Message, ParseError, Quirk, Scope};

const A: &str = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
const FILE: &str = "0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01";

fn limits() -> Limits {
    Limits::default()
}

fn join_with(commits: &str) -> String {
    format!(
        r#"{{"Type":"MVR_JOIN","Provider":"P","StationName":"N","verMajor":1,"verMinor":6,"StationUUID":"{A}","Commits":{commits}}}"#
    )
}

fn is_limit(error: &ParseError) -> bool {
    error.blame() == Blame::Limit && error.scope() == Scope::Connection
}

// proves: MSG-LIMITS
#[test]
fn reads_a_message_of_exactly_the_allowed_length() {
    let json = join_with("[]");
    let limits = Limits { bytes: json.len(), ..limits() };
    assert!(Message::parse_with(json.as_bytes(), &limits).is_ok());
    let longer = format!("{json} ");
    let error = Message::parse_with(longer.as_bytes(), &limits).unwrap_err();
    assert_eq!(error, ParseError::MessageLargerThanLimit { bytes: longer.len(), allowed: json.len() });
    assert!(is_limit(&error));
}

// proves: MSG-LIMITS
#[test]
fn reads_exactly_the_allowed_depth() {
    let nested = |depth: usize| {
        // The message itself is the first level.
        format!(r#"{{"Type":"MVR_X","deep":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    let limits = Limits { depth: 5, ..limits() };
    assert!(Message::parse_with(nested(5).as_bytes(), &limits).is_ok());
    let error = Message::parse_with(nested(6).as_bytes(), &limits).unwrap_err();
    assert_eq!(error, ParseError::NestingDeeperThanLimit { offset: 27, allowed: 5 });
    assert!(is_limit(&error));
    // Brackets in a string are only text.
    let text = r#"{"Type":"MVR_X","s":"[[[[[[[[\"[[[[[[[["}"#;
    assert!(Message::parse_with(text.as_bytes(), &limits).is_ok());
}

// proves: MSG-LIMITS
#[test]
fn reads_exactly_the_allowed_number_of_commits() {
    let list = |count: usize| {
        join_with(&format!("[{}]", vec![format!(r#"{{"FileUUID":"{FILE}"}}"#); count].join(",")))
    };
    let limits = Limits { commits: 3, ..limits() };
    let parsed = Message::parse_with(list(3).as_bytes(), &limits).unwrap();
    assert!(matches!(parsed.message, Message::Join(join) if join.commits.len() == 3));
    let error = Message::parse_with(list(4).as_bytes(), &limits).unwrap_err();
    assert_eq!(error, ParseError::MoreCommitsThanLimit { allowed: 3 });
    assert!(is_limit(&error));
    // Entries that are dropped count as well: they cost the same.
    assert!(Message::parse_with(join_with("[0,0,0,0]").as_bytes(), &limits).is_err());
}

// proves: MSG-LIMITS
#[test]
fn reads_exactly_the_allowed_number_of_stations() {
    let stations = |count: usize| format!("[{}]", vec![format!("\"{A}\""); count].join(","));
    let limits = Limits { stations: 3, ..limits() };
    let request = |count| format!(r#"{{"Type":"MVR_REQUEST","FromStationUUID":{}}}"#, stations(count));
    assert!(Message::parse_with(request(3).as_bytes(), &limits).is_ok());
    let error = Message::parse_with(request(4).as_bytes(), &limits).unwrap_err();
    assert_eq!(error, ParseError::MoreStationsThanLimit { allowed: 3 });
    assert!(is_limit(&error));
    let commit = |count| {
        format!(r#"{{"Type":"MVR_COMMIT","FileUUID":"{FILE}","ForStationsUUID":{}}}"#, stations(count))
    };
    assert!(Message::parse_with(commit(3).as_bytes(), &limits).is_ok());
    assert_eq!(Message::parse_with(commit(4).as_bytes(), &limits), Err(error));
    // In a list it costs its entry only.
    let parsed =
        Message::parse_with(join_with(&format!("[{},{}]", commit(4), commit(3))).as_bytes(), &limits)
            .unwrap();
    assert!(parsed.quirks.contains(Quirk::CommitEntryDropped));
    assert!(matches!(parsed.message, Message::Join(join) if join.commits.len() == 1));
}

// proves: MSG-LIMITS
#[test]
fn keeps_exactly_the_allowed_length_of_a_string() {
    let limits = Limits { string_bytes: 4, ..limits() };
    let read = |comment: &str| {
        let json = format!(r#"{{"Type":"MVR_LEAVE_RET","OK":true,"Message":"{comment}"}}"#);
        let parsed = Message::parse_with(json.as_bytes(), &limits);
        // The type is a string as well.
        assert!(
            matches!(parsed, Ok(ref p) if matches!(p.message, Message::Unknown { ref kind } if kind == "MVR_"))
        );
        let limits = Limits { string_bytes: 13, ..limits };
        let parsed = Message::parse_with(json.as_bytes(), &limits).unwrap();
        match parsed.message {
            Message::LeaveRet(reply) => (reply.message, parsed.quirks.contains(Quirk::StringCut)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read("thirteen byte"), ("thirteen byte".to_owned(), false));
    assert_eq!(read("fourteen bytes"), ("fourteen byte".to_owned(), true));
    assert_eq!(read("ééééééé"), ("éééééé".to_owned(), true));
    assert_eq!(read(r"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"), ("éééééé".to_owned(), true));
}

// proves: MSG-LIMITS
#[test]
fn survives_what_is_made_to_exhaust_it() {
    let open = Limits { bytes: usize::MAX, ..limits() };
    let many = 1 << 18;
    // As deep as it goes: refused at once, and not by a stack that ends.
    for deep in ["[", "{\"a\":", "[{\"Commits\":", "{\"Commits\":["] {
        let json = deep.repeat(many);
        let error = Message::parse_with(json.as_bytes(), &open).unwrap_err();
        assert!(matches!(error, ParseError::NestingDeeperThanLimit { allowed: 64, .. }), "{deep}");
    }
    // Also with a depth limit that somebody raised without thinking.
    let unwise = Limits { depth: usize::MAX, ..open };
    for (deep, shut) in [("[", "]"), ("{\"mvrx\":", "}"), ("{\"Commits\":[", "]}")] {
        let nested = deep.repeat(many);
        assert!(Message::parse_with(nested.as_bytes(), &unwise).is_err());
        let closed = format!(r#"{{"Type":"MVR_X","Commits":{nested}0{}}}"#, shut.repeat(many));
        assert!(Message::parse_with(closed.as_bytes(), &unwise).is_ok());
        let closed = join_with(&format!("[{nested}0{}]", shut.repeat(many)));
        assert!(Message::parse_with(closed.as_bytes(), &unwise).is_ok());
    }
    // A hundred MiB are refused by their length, and where that is allowed, by what is in them.
    let huge = vec![b'['; 100 * 1024 * 1024];
    assert!(matches!(
        Message::parse(&huge),
        Err(ParseError::MessageLargerThanLimit { allowed: 1_048_576, .. })
    ));
    let list = join_with(&format!("[{}0]", "0,".repeat(2 * many)));
    assert!(matches!(
        Message::parse_with(list.as_bytes(), &open),
        Err(ParseError::MoreCommitsThanLimit { .. })
    ));
    let digits = format!(r#"{{"Type":"MVR_COMMIT","FileUUID":"{FILE}","FileSize":{}}}"#, "9".repeat(many));
    assert!(Message::parse_with(digits.as_bytes(), &open).unwrap().quirks.contains(Quirk::FileSizeMissing));
    let text = format!(r#"{{"Type":"MVR_LEAVE_RET","OK":true,"Message":"{}"}}"#, "\\u0041".repeat(many));
    let parsed = Message::parse_with(text.as_bytes(), &open).unwrap();
    assert!(matches!(parsed.message, Message::LeaveRet(reply) if reply.message.len() == 4_096));
    let keys = format!(r#"{{"Type":"MVR_X"{}}}"#, ",\"OK\":1".repeat(many));
    assert!(Message::parse_with(keys.as_bytes(), &open).unwrap().quirks.contains(Quirk::DuplicateKey));
}
