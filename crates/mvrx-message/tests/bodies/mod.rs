//! What the fuzz targets and the corpus replay run: one body per fuzz target.
//!
//! `fuzz/fuzz_targets/` includes this file by path, so it uses nothing but `mvrx_message` and std.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_message::{
    Commit, Dialect, GroupName, Limits, Message, NamedStation, ParseError, Product, QuirkSet, Txt, numbered,
    safe_file_name,
};

/// Any bytes as a message: no panic, no limit crossed, and what was understood can be passed on to every product, which
/// understands the same.
pub fn message_bytes(data: &[u8]) {
    let small = Limits { bytes: 4_096, depth: 4, commits: 2, stations: 2, string_bytes: 40 };
    match Message::parse_with(data, &small) {
        Ok(parsed) => within(&parsed.message, &small),
        Err(error) => blames_truly(&error, data, &small),
    }
    let limits = Limits::default();
    match Message::parse(data) {
        Ok(parsed) => {
            within(&parsed.message, &limits);
            Product::ALL.iter().for_each(|product| passes_on(&parsed.message, &Dialect::towards(*product)));
        }
        Err(error) => blames_truly(&error, data, &limits),
    }
}

/// Any text as a file name, a group or a TXT record: no panic, and what comes out keeps its promise.
pub fn message_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let name = safe_file_name(&text);
    is_file_name(&name);
    assert_eq!(safe_file_name(&name), name);
    let (second, third) = (numbered(&text, 2), numbered(&text, 3));
    is_file_name(&second);
    assert_ne!(second, third);
    if let Ok(group) = GroupName::join(&text) {
        assert_eq!(GroupName::from_service_name(&group.service_name()), Ok(group));
    }
    let _ = GroupName::from_service_name(&text);
    let cut = data.len() / 2;
    let (txt, _) = Txt::parse([
        ("StationName", &data[..cut]),
        ("stationuuid", &data[cut..]),
        ("mvrx", &data[..cut.min(3)]),
    ]);
    let (again, _) = Txt::parse(txt.to_pairs());
    assert_eq!((again.station, again.ours), (txt.station, txt.ours));
    assert!(txt.to_pairs().iter().all(|(key, value)| key.len() + 1 + value.len() <= 255));
}

fn passes_on(message: &Message, dialect: &Dialect) {
    if matches!(message, Message::Unknown { kind } if kind.len() > dialect.string_bytes()) {
        // Cut, it may be another type. Nobody passes on what he does not know.
        return;
    }
    let json = message.to_json(dialect);
    let again = Message::parse(&json).expect("what we write, we read");
    assert_eq!(again.message.kind(), message.kind());
    assert_eq!(again.message.to_json(dialect), json, "written again it stays the same");
    let list_limit = match message {
        Message::Join(_) => dialect.join_bytes(),
        Message::JoinRet(_) => dialect.join_ret_bytes(),
        _ => usize::MAX,
    };
    assert!(json.len() <= list_limit || commits(&again.message).is_empty(), "{} of {list_limit}", json.len());
    texts(&again.message, &mut |text| assert!(text.len() <= dialect.string_bytes(), "{} bytes", text.len()));
    for commit in commits(&again.message) {
        is_file_name(&commit.file_name);
    }
    let strict = Message::parse(&again.message.to_json(&Dialect::strict())).expect("the strict form is read");
    assert_eq!(strict.quirks.without(allowed()), QuirkSet::EMPTY);
}

/// What even a strict text may have: it cannot invent a station or a name that was never told.
fn allowed() -> QuirkSet {
    use mvrx_message::Quirk;
    [Quirk::StationUuidMissing, Quirk::UuidEmpty, Quirk::ProviderMissing, Quirk::StationNameMissing]
        .into_iter()
        .collect()
}

fn commits(message: &Message) -> &[Commit] {
    match message {
        Message::Join(join) => &join.commits,
        Message::JoinRet(ret) => &ret.commits,
        Message::Commit(commit) => std::slice::from_ref(commit),
        _ => &[],
    }
}

fn listed(message: &Message) -> impl Iterator<Item = &NamedStation> {
    let roster = if let Message::JoinRet(ret) = message { ret.roster.as_ref() } else { None };
    roster.into_iter().flat_map(|roster| &roster.stations)
}

fn texts(message: &Message, check: &mut dyn FnMut(&str)) {
    let own: Vec<&String> = match message {
        Message::Join(join) => vec![&join.provider, &join.station_name],
        Message::JoinRet(ret) => vec![&ret.provider, &ret.station_name, &ret.reply.message],
        Message::LeaveRet(reply) | Message::CommitRet(reply) | Message::RequestRet(reply) => {
            vec![&reply.message]
        }
        Message::NewSessionHostRet(ret) => {
            std::iter::once(&ret.reply.message).chain(ret.answers.iter().map(|a| &a.message)).collect()
        }
        Message::NewSessionHost(host) => vec![&host.service_name, &host.service_url],
        Message::Unknown { kind } => vec![kind],
        _ => vec![],
    };
    let of_commits = commits(message).iter().flat_map(|commit| [&commit.comment, &commit.file_name]);
    let authors = commits(message).iter().filter_map(|commit| commit.author.as_ref());
    let authors = authors.chain(listed(message).map(|named| &named.author));
    let of_authors = authors.flat_map(|author| [&author.name, &author.provider]);
    own.into_iter().chain(of_commits).chain(of_authors).for_each(|text| check(text));
}

fn within(message: &Message, limits: &Limits) {
    texts(message, &mut |text| assert!(text.len() <= limits.string_bytes));
    assert!(commits(message).len() <= limits.commits.max(1));
    assert!(commits(message).iter().all(|c| c.for_stations.len() <= limits.stations));
    assert!(listed(message).count() <= limits.stations);
    if let Message::Request(request) = message {
        assert!(request.from.len() <= limits.stations);
    }
}

/// An error says what is so.
fn blames_truly(error: &ParseError, data: &[u8], limits: &Limits) {
    match error {
        ParseError::MessageLargerThanLimit { bytes, allowed } => {
            assert_eq!((*bytes, *allowed), (data.len(), limits.bytes));
            assert!(bytes > allowed);
        }
        ParseError::NotUtf8 { offset } => {
            assert_eq!(std::str::from_utf8(data).map_err(|e| e.valid_up_to()), Err(*offset));
        }
        ParseError::NestingDeeperThanLimit { offset, allowed } => {
            assert_eq!(*allowed, limits.depth);
            assert!(matches!(data[*offset], b'{' | b'['));
            let opened = data[..=*offset].iter().filter(|b| matches!(b, b'{' | b'[')).count();
            assert!(opened > limits.depth);
        }
        _ => assert!(data.len() <= limits.bytes && std::str::from_utf8(data).is_ok()),
    }
}

fn is_file_name(name: &str) {
    assert!(name.len() <= 255 && name.len() > 4 && name.ends_with(".mvr"), "{name:?}");
    assert!(!name.starts_with(['.', ' ']), "{name:?}");
    assert!(!name.chars().any(|c| c.is_control() || "/\\:<>\"|?*\u{202e}\u{2066}".contains(c)), "{name:?}");
}
