use super::*;
use crate::{
    Author, Commit, CurrentState, FilesConnection, Join, JoinPassword, JoinRet, Leave, LeaveKeys,
    MoveOutcome, MvrVersion, NewSessionHost, NewSessionHostRet, Ours, Product, Reply, Request,
};

const A: &str = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
const FILE: &str = "0e8b1a3f-51ba-4b1e-8f2f-1f7c2e1e2a01";

fn strict(message: &Message) -> String {
    written(message, &Dialect::strict())
}

fn written(message: &Message, dialect: &Dialect) -> String {
    String::from_utf8(message.to_json(dialect)).unwrap()
}

fn commit() -> Commit {
    Commit {
        file: FILE.parse().unwrap(),
        station: Some(A.parse().unwrap()),
        version: MvrVersion::CURRENT,
        file_size: 256,
        for_stations: vec![],
        comment: "re-hung LX2".to_owned(),
        file_name: "Show.mvr".to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

fn join(commits: Vec<Commit>) -> Join {
    Join { commits, ..Join::new(A.parse().unwrap(), "N", "P", MvrVersion::CURRENT) }
}

fn files(count: u8) -> Vec<crate::FileUuid> {
    (0..count).map(|n| crate::FileUuid::from_random_bytes([n; 16])).collect()
}

fn withdrawn(count: u8) -> Vec<crate::WithdrawnFile> {
    let station = A.parse().unwrap();
    files(count).into_iter().map(|file| crate::WithdrawnFile { file, station }).collect()
}

// proves: MSG-MVRX-WITHDRAWN
#[test]
fn a_join_tells_the_latest_commits_that_its_station_withdrew() {
    let said = |withdrawn: Vec<_>| {
        let join = Join { ours: Some(Ours::default()), withdrawn, ..join(vec![commit()]) };
        let parsed = Message::parse(strict(&Message::Join(join)).as_bytes()).unwrap();
        assert!(parsed.quirks.is_empty());
        let Message::Join(read) = parsed.message else { panic!("no JOIN") };
        read.withdrawn
    };
    assert_eq!(said(vec![]), []);
    let most = u8::try_from(Join::WITHDRAWN).unwrap();
    assert_eq!(said(files(most)), files(most));
    assert_eq!(said(files(most + 1)), files(most + 1)[1..]);
    let nobody = Message::Join(Join { withdrawn: files(1), ..join(vec![]) });
    assert!(!strict(&nobody).contains("withdrawn"), "another product says no word of ours");
    let odd = format!(
        r#"{{"Type":"MVR_JOIN","StationUUID":"{A}","mvrx":{{"v":1,"withdrawn":["{}",7,"x"]}},"Commits":[]}}"#,
        files(1)[0]
    );
    let parsed = Message::parse(odd.as_bytes()).unwrap();
    assert!(parsed.quirks.contains(crate::Quirk::MvrxObjectUnreadable));
    let Message::Join(read) = parsed.message else { panic!("no JOIN") };
    assert_eq!(read.withdrawn, files(1));
}

// proves: MSG-MVRX-RELEASED
#[test]
fn a_join_and_a_hosts_news_tell_the_latest_files_that_are_let_go() {
    let most = u8::try_from(Join::RELEASED).unwrap();
    for count in [0, 1, most, most + 1] {
        let latest = &files(count)[usize::from(count.saturating_sub(most))..];
        let join = Join { ours: Some(Ours::default()), released: files(count), ..join(vec![commit()]) };
        let parsed = Message::parse(strict(&Message::Join(join)).as_bytes()).unwrap();
        let Message::Join(read) = parsed.message else { panic!("no JOIN") };
        assert_eq!((read.released.as_slice(), read.withdrawn), (latest, vec![]));
        assert!(parsed.quirks.is_empty());
    }
    let nobody = Message::Join(Join { released: files(1), ..join(vec![]) });
    assert!(!strict(&nobody).contains("released"), "another product says no word of ours");
    let odd = format!(
        r#"{{"Type":"MVR_JOIN_RET","OK":true,"mvrx":{{"v":1,"news":true,"released":["{}",7]}},"Commits":[]}}"#,
        files(1)[0]
    );
    let parsed = Message::parse(odd.as_bytes()).unwrap();
    assert!(parsed.quirks.contains(crate::Quirk::MvrxObjectUnreadable));
    let Message::JoinRet(read) = parsed.message else { panic!("no JOIN_RET") };
    assert_eq!(read.roster.unwrap().released, files(1));
}

/// Commits that differ in size, oldest first.
fn history(length: u32) -> Vec<Commit> {
    let one = |n: u32| Commit {
        file: crate::FileUuid::from_bytes(u128::from(n + 1).to_be_bytes()).unwrap(),
        comment: "c".repeat((n % 7) as usize),
        ..commit()
    };
    (0..length).map(one).collect()
}

fn listed(message: &Message, dialect: &Dialect) -> Vec<Commit> {
    match Message::parse(&message.to_json(dialect)).unwrap().message {
        Message::Join(join) => join.commits,
        Message::JoinRet(ret) => ret.commits,
        other => panic!("{other:?}"),
    }
}

// proves: MSG-STRICT
#[test]
fn writes_every_field_of_every_message() {
    let reply = Reply::refused("no");
    let ret = JoinRet {
        reply: reply.clone(),
        provider: "P".to_owned(),
        station_name: "N".to_owned(),
        version: MvrVersion::CURRENT,
        station: Some(A.parse().unwrap()),
        commits: vec![],
        ours: Some(Ours::default()),
        group: None,
        ticket: None,
        roster: None,
    };
    let a_commit = format!(
        r#"{{"Type":"MVR_COMMIT","verMajor":1,"verMinor":6,"FileSize":256,"FileUUID":"{FILE}","StationUUID":"{A}","ForStationsUUID":[],"Comment":"re-hung LX2","FileName":"Show.mvr"}}"#
    );
    let cases = [
        (
            Message::Join(join(vec![commit(), commit()])),
            format!(
                r#"{{"Type":"MVR_JOIN","Provider":"P","StationName":"N","verMajor":1,"verMinor":6,"StationUUID":"{A}","Commits":[{a_commit},{a_commit}]}}"#
            ),
        ),
        (
            Message::JoinRet(ret),
            format!(
                r#"{{"Type":"MVR_JOIN_RET","OK":false,"Message":"no","Provider":"P","StationName":"N","verMajor":1,"verMinor":6,"StationUUID":"{A}","mvrx":{{"v":1}},"Commits":[]}}"#
            ),
        ),
        (Message::Commit(commit()), a_commit),
        (
            Message::Leave(Leave::new(A.parse().unwrap())),
            format!(r#"{{"Type":"MVR_LEAVE","FromStationUUID":"{A}"}}"#),
        ),
        (
            Message::Request(Request::new(Some(FILE.parse().unwrap()), vec![A.parse().unwrap()])),
            format!(r#"{{"Type":"MVR_REQUEST","FileUUID":"{FILE}","FromStationUUID":["{A}"]}}"#),
        ),
        (
            Message::NewSessionHost(NewSessionHost::to_url("ws://h/")),
            r#"{"Type":"MVR_NEW_SESSION_HOST","ServiceName":"","ServiceURL":"ws://h/"}"#.to_owned(),
        ),
        (Message::LeaveRet(Reply::ok()), r#"{"Type":"MVR_LEAVE_RET","OK":true,"Message":""}"#.to_owned()),
        (
            Message::CommitRet(reply.clone()),
            r#"{"Type":"MVR_COMMIT_RET","OK":false,"Message":"no"}"#.to_owned(),
        ),
        (
            Message::RequestRet(reply.clone()),
            r#"{"Type":"MVR_REQUEST_RET","OK":false,"Message":"no"}"#.to_owned(),
        ),
        (
            Message::NewSessionHostRet(reply.into()),
            r#"{"Type":"MVR_NEW_SESSION_HOST_RET","OK":false,"Message":"no"}"#.to_owned(),
        ),
        (Message::Unknown { kind: "MVR_X".to_owned() }, r#"{"Type":"MVR_X"}"#.to_owned()),
    ];
    for (message, expected) in cases {
        assert_eq!(strict(&message), expected);
    }
}

// proves: MSG-STRICT
#[test]
fn writes_no_field_as_null_and_leaves_none_out() {
    let mut empty = commit();
    empty.station = None;
    empty.comment.clear();
    empty.file_name.clear();
    assert_eq!(
        strict(&Message::Commit(empty)),
        format!(
            r#"{{"Type":"MVR_COMMIT","verMajor":1,"verMinor":6,"FileSize":256,"FileUUID":"{FILE}","StationUUID":"","ForStationsUUID":[],"Comment":"","FileName":"unnamed.mvr"}}"#
        )
    );
}

// proves: MSG-STRICT, MSG-COMMIT-VERSION
#[test]
fn writes_a_commits_own_version_but_1_6_where_none_is_known_or_nothing_else_is_read() {
    let mut older = commit();
    older.version = MvrVersion { major: 1, minor: 5 };
    let json = strict(&Message::Commit(older.clone()));
    assert!(json.contains(r#""verMajor":1,"verMinor":5"#) && !json.contains("mvrx"), "{json}");
    let json = written(&Message::Commit(older.clone()), &Dialect::towards(Product::Mvr4j));
    assert!(json.contains(r#""verMajor":1,"verMinor":6"#), "{json}");
    older.version = MvrVersion { major: 0, minor: 0 };
    let json = strict(&Message::Commit(older));
    assert!(json.contains(r#""verMajor":1,"verMinor":6"#), "{json}");
}

// proves: MSG-MVRX
#[test]
fn tells_the_true_version_beside_the_written_one_where_they_differ() {
    let mut older = commit();
    older.version = MvrVersion { major: 1, minor: 5 };
    older.blake3 = Some([0xa7; 32]);
    let dialect = Dialect::strict().with_only_current_version(true);
    let json = written(&Message::Commit(older), &dialect);
    let hash = "a7".repeat(32);
    assert!(json.contains(r#""verMajor":1,"verMinor":6"#), "{json}");
    assert!(json.ends_with(&format!(r#","mvrx":{{"v":1,"mvr":"1.5","blake3":"{hash}"}}}}"#)), "{json}");
}

// proves: MSG-LEAVE
#[test]
fn writes_both_leave_keys_only_where_asked() {
    let leave = Message::Leave(Leave::new(A.parse().unwrap()));
    let both = format!(r#"{{"Type":"MVR_LEAVE","FromStationUUID":"{A}","StationUUID":"{A}"}}"#);
    assert_eq!(written(&leave, &Dialect::strict().with_leave_keys(LeaveKeys::Both)), both);
    assert_eq!(written(&leave, &Dialect::towards(Product::GrandMa3)), both);
    assert!(!strict(&leave).contains("\"StationUUID\""));
}

// proves: MSG-REQUEST-LATEST, MSG-REQUEST-FROM
#[test]
fn asks_for_the_current_state_and_never_says_who_asks() {
    let mut request = Request::new(None, vec![]);
    request.station = Some(A.parse().unwrap());
    let request = Message::Request(request);
    assert_eq!(strict(&request), r#"{"Type":"MVR_REQUEST","FileUUID":"","FromStationUUID":[]}"#);
    let absent = Dialect::strict().with_current_state(CurrentState::NoFileUuid);
    assert_eq!(written(&request, &absent), r#"{"Type":"MVR_REQUEST","FromStationUUID":[]}"#);
}

// proves: MSG-STRINGS
#[test]
fn cuts_every_string_at_1000_bytes_of_whole_characters() {
    let long = "é".repeat(501);
    let cut = "é".repeat(500);
    let mut long_join = join(vec![Commit { comment: long.clone(), file_name: "n".repeat(300), ..commit() }]);
    long_join.provider = format!("x{long}");
    long_join.station_name.clone_from(&long);
    let Message::Join(read) = Message::parse(strict(&Message::Join(long_join)).as_bytes()).unwrap().message
    else {
        panic!("not a join")
    };
    assert_eq!(read.provider, format!("x{}", "é".repeat(499)));
    assert_eq!((&read.station_name, &read.commits[0].comment), (&cut, &cut));
    assert_eq!(read.commits[0].file_name, format!("{}.mvr", "n".repeat(251)));
    for message in [
        Message::LeaveRet(Reply::refused(&long)),
        Message::NewSessionHost(NewSessionHost::to_url(&long)),
        Message::Unknown { kind: long.clone() },
    ] {
        let json = strict(&message);
        assert!(json.contains(&format!("\"{cut}\"")), "{json}");
    }
    assert_eq!(Dialect::strict().with_string_bytes(5_000).string_bytes(), 1_000);
}

// proves: MSG-STRINGS, MSG-FILENAME
#[test]
fn writes_a_file_name_without_a_path() {
    let mut hinted = commit();
    hinted.file_name = r"C:\Shows\..\Tour".to_owned();
    assert!(strict(&Message::Commit(hinted)).contains(r#""FileName":"Tour.mvr""#));
}

// proves: MSG-LIST-FIT
#[test]
fn lists_exactly_the_newest_commits_that_fit() {
    let commits = history(9);
    let message = Message::Join(join(commits.clone()));
    let whole = message.to_json(&Dialect::strict()).len();
    let mut kept = None;
    for limit in (0..=whole + 1).rev() {
        let dialect = Dialect::strict().with_join_bytes(limit);
        let json = message.to_json(&dialect);
        let shown = listed(&message, &dialect);
        assert_eq!(shown, commits[commits.len() - shown.len()..], "{limit}: oldest first, the newest kept");
        if shown.is_empty() {
            break;
        }
        assert!(json.len() <= limit, "{} bytes of {limit}", json.len());
        // One commit less only where one more would not have fitted.
        if let Some((kept, length)) = kept.replace((shown.len(), json.len()))
            && kept != shown.len()
        {
            assert_eq!((kept - 1, length), (shown.len(), limit + 1));
        }
    }
    assert_eq!(listed(&message, &Dialect::strict().with_join_bytes(whole)).len(), 9);
    assert_eq!(listed(&message, &Dialect::strict().with_join_bytes(whole - 1)).len(), 8);
}

// proves: MSG-LIST-FIT
#[test]
fn lists_nothing_rather_than_too_much_even_if_the_rest_alone_is_too_long() {
    for limit in [0, 1, 100] {
        let dialect = Dialect::strict().with_join_bytes(limit);
        assert_eq!(listed(&Message::Join(join(history(3))), &dialect), []);
    }
}

// proves: MSG-LIST-FIT
#[test]
fn keeps_join_within_64_kib_and_join_ret_within_32_kib_and_both_within_1000_bytes_for_mvr4j() {
    let many = history(10_000);
    let ret = |commits| {
        Message::JoinRet(JoinRet {
            reply: Reply::ok(),
            provider: "P".to_owned(),
            station_name: "N".to_owned(),
            version: MvrVersion::CURRENT,
            station: Some(A.parse().unwrap()),
            commits,
            ours: Some(Ours::default()),
            group: None,
            ticket: None,
            roster: None,
        })
    };
    let largest = 256;
    for (message, dialect, limit) in [
        (Message::Join(join(many.clone())), Dialect::strict(), 65_536),
        (ret(many.clone()), Dialect::strict(), 32_768),
        (Message::Join(join(many.clone())), Dialect::towards(Product::Mvr4j), 1_024 - 28),
        (ret(many.clone()), Dialect::towards(Product::Mvr4j), 1_024 - 28),
    ] {
        let length = message.to_json(&dialect).len();
        assert!(length <= limit && length > limit - largest, "{length} of {limit}");
        assert_eq!(listed(&message, &dialect).last(), many.last());
    }
}

// proves: MSG-LIST-FIT
#[test]
fn the_largest_commit_that_can_be_read_still_fits_join_ret() {
    let limits = crate::Limits::default();
    let largest = Commit {
        file_size: u64::MAX,
        for_stations: vec![A.parse().unwrap(); limits.stations],
        comment: "\u{1}".repeat(limits.string_bytes),
        file_name: "\"".repeat(300),
        version: MvrVersion { major: u32::MAX, minor: u32::MAX },
        blake3: Some([0; 32]),
        ..commit()
    };
    let mut join = join(vec![largest]);
    join.provider = "\u{1}".repeat(1_000);
    join.station_name = "\u{1}".repeat(1_000);
    let dialect = Dialect::strict().with_join_bytes(Dialect::strict().join_ret_bytes());
    assert_eq!(listed(&Message::Join(join), &dialect).len(), 1);
}

// proves: MSG-LIST-FIT
#[test]
fn never_lists_more_commits_than_it_tells_beforehand() {
    let least =
        Commit { station: None, file_size: 0, comment: String::new(), file_name: "x".to_owned(), ..commit() };
    let message = Message::Join(join(vec![least; 1_000]));
    for dialect in [Dialect::strict(), Dialect::towards(Product::Mvr4j)] {
        let shown = listed(&message, &dialect).len();
        assert!(shown > 0 && shown <= dialect.most_commits(), "{shown} of {}", dialect.most_commits());
    }
}

#[test]
fn a_full_commit_for_mvr4j_fits_its_first_read() {
    let full = Commit {
        comment: "c".repeat(1_000),
        file_name: "n".repeat(1_000),
        file_size: u64::MAX,
        for_stations: vec![A.parse().unwrap(); 4],
        ..commit()
    };
    let json = written(&Message::Commit(full), &Dialect::towards(Product::Mvr4j));
    assert!(json.len() <= 1_000, "{} bytes", json.len());
}

#[test]
fn appends_behind_what_is_there() {
    let message = Message::Join(join(history(3)));
    let mut out = b"header".to_vec();
    message.append_json(&Dialect::strict(), &mut out);
    assert_eq!(out, [b"header", message.to_json(&Dialect::strict()).as_slice()].concat());
    let mut tight = b"header".to_vec();
    let dialect = Dialect::strict().with_join_bytes(message.to_json(&Dialect::strict()).len());
    message.append_json(&dialect, &mut tight);
    assert_eq!(tight, out);
}

// proves: MSG-MVRX-NAMES
#[test]
fn tells_who_the_station_of_a_commit_is() {
    let named = Commit { author: Some(Author::new("FOH \"desk\"", "MyApp")), ..commit() };
    let json = strict(&Message::Commit(named.clone()));
    assert!(json.ends_with(r#","mvrx":{"v":1,"StationName":"FOH \"desk\"","Provider":"MyApp"}}"#), "{json}");
    assert_eq!(
        listed(&Message::Join(join(vec![named.clone()])), &Dialect::strict()),
        std::slice::from_ref(&named)
    );
    // Not to a product that reads little, not of nobody, and not if it says nothing.
    for (commit, dialect) in [
        (named.clone(), Dialect::towards(Product::Mvr4j)),
        (Commit { station: None, ..named.clone() }, Dialect::strict()),
        (Commit { author: Some(Author::default()), ..named }, Dialect::strict()),
    ] {
        let json = written(&Message::Commit(commit), &dialect);
        assert!(!json.contains("mvrx"), "{json}");
    }
}

// proves: MSG-MVRX-NAMES, MSG-STRINGS
#[test]
fn cuts_names_by_what_they_take_as_json() {
    for (character, kept) in [('x', 120), ('é', 60), ('"', 60), ('\u{1}', 20), ('\u{7f}', 120)] {
        let author = Author::new(&character.to_string().repeat(200), "P");
        let json = strict(&Message::Commit(Commit { author: Some(author), ..commit() }));
        let Message::Commit(read) = Message::parse(json.as_bytes()).unwrap().message else {
            panic!("{json}")
        };
        assert_eq!(read.author.unwrap().name, character.to_string().repeat(kept), "{character:?}");
    }
}

// proves: MSG-MVRX-FILES
#[test]
fn agrees_on_a_second_connection_with_a_ticket_that_is_not_shown() {
    let ticket = crate::Ticket::from_random_bytes([0xa7; 16]);
    let text = "a7".repeat(16);
    let with =
        |files| Message::Join(Join { ours: Some(Ours::default()), files: Some(files), ..join(vec![]) });
    assert!(strict(&with(FilesConnection::Offered)).contains(r#""mvrx":{"v":1,"files":true}"#));
    let second = with(FilesConnection::Of(ticket));
    assert!(strict(&second).contains(&format!(r#""mvrx":{{"v":1,"ticket":"{text}"}}"#)));
    assert_eq!(Message::parse(strict(&second).as_bytes()).unwrap().message, second);
    let shown = format!("{second:?}");
    assert!(shown.contains("Ticket(..)") && !shown.contains(&text), "{shown}");
    // Without the mark of our own nothing of it is said.
    let unmarked = Message::Join(Join { files: Some(FilesConnection::Offered), ..join(vec![]) });
    assert!(!strict(&unmarked).contains("mvrx"));
}

// proves: MSG-JOIN-PASSWORD
#[test]
fn a_join_says_a_password_that_is_not_shown() {
    let said = "ab".repeat(32);
    let message =
        Message::Join(Join { password: Some(JoinPassword::new(&said)), ..join(vec![commit(), commit()]) });
    let json = strict(&message);
    assert!(json.contains(&format!(r#""Password":"{said}""#)), "{json}");
    let read = Message::parse(json.as_bytes()).unwrap().message;
    assert_eq!(read, message);
    assert!(!format!("{read:?}").contains(&said[..8]));
    // Nobody else's is this long; it is kept short.
    let long = json.replace(&said, &said.repeat(3));
    let Message::Join(long) = Message::parse(long.as_bytes()).unwrap().message else { panic!("a JOIN") };
    assert_eq!(long.password.map(|p| p.as_str().len()), Some(JoinPassword::BYTES));
    assert!(!strict(&Message::Join(join(vec![]))).contains("Password"));
}

// proves: MSG-MVRX-ROSTER
#[test]
fn lists_as_many_stations_as_fit_and_news_answer_no_join() {
    let id = |n: u128| crate::StationUuid::from_bytes((n + 1).to_be_bytes()).unwrap();
    let worst = Author::new(&"\u{1}".repeat(999), &"\u{1}".repeat(999));
    let named = |n| crate::NamedStation { station: id(n), author: worst.clone(), bridge: None };
    let mut ret = JoinRet {
        reply: Reply::ok(),
        provider: "P".to_owned(),
        station_name: "N".to_owned(),
        version: MvrVersion::CURRENT,
        station: Some(A.parse().unwrap()),
        commits: vec![commit()],
        ours: Some(Ours::default()),
        group: None,
        ticket: None,
        roster: Some(crate::Roster {
            news: true,
            more: false,
            stations: (0..100).map(named).collect(),
            gone: (0..100).map(id).collect(),
            fetched: (0..100)
                .map(|n| crate::FetchedFile {
                    file: crate::FileUuid::from_random_bytes([7; 16]),
                    station: id(n),
                })
                .collect(),
            succession: None,
            withdrawn: withdrawn(100),
            released: files(100),
        }),
    };
    assert!(!ret.answers_join());
    let json = strict(&Message::JoinRet(ret.clone()));
    // Who fetched, and what was let go, is never told beside commits.
    assert!(json.len() < 19 * 1024, "{} bytes", json.len());
    let parsed = Message::parse(json.as_bytes()).unwrap();
    assert!(parsed.quirks.is_empty());
    let Message::JoinRet(read) = parsed.message else { panic!("{json}") };
    let roster = read.roster.as_ref().unwrap();
    assert_eq!((roster.stations.len(), roster.gone.len()), (crate::Roster::MOST, crate::Roster::MOST));
    assert_eq!(roster.fetched.len(), crate::Roster::MOST);
    assert_eq!(roster.fetched[3].station, id(3));
    assert_eq!(roster.withdrawn, withdrawn(100)[100 - Join::WITHDRAWN..]);
    assert_eq!(roster.released, files(100)[100 - Join::RELEASED..]);
    assert!(!read.answers_join());
    ret.roster.as_mut().unwrap().news = false;
    assert!(ret.answers_join());
    ret.roster = None;
    assert!(ret.answers_join() && !strict(&Message::JoinRet(ret)).contains("stations"));
}

// proves: MSG-MVRX-MOVE
#[test]
fn a_move_tells_who_proposes_it_and_what_each_station_answered() {
    let station: crate::StationUuid = A.parse().unwrap();
    let proposal = NewSessionHost { station: Some(station), ..NewSessionHost::to_url("ws://h/") };
    let json = strict(&Message::NewSessionHost(proposal.clone()));
    assert_eq!(
        json,
        format!(
            r#"{{"Type":"MVR_NEW_SESSION_HOST","ServiceName":"","ServiceURL":"ws://h/","mvrx":{{"v":1,"StationUUID":"{A}"}}}}"#
        )
    );
    let parsed = Message::parse(json.as_bytes()).unwrap();
    assert_eq!((parsed.message, parsed.quirks.is_empty()), (Message::NewSessionHost(proposal.clone()), true));
    let bare = Message::NewSessionHost(proposal).to_json(&Dialect::towards(Product::Mvr4j));
    assert!(!String::from_utf8(bare).unwrap().contains("mvrx"));

    let answered = |outcome| crate::MoveAnswered { station, outcome, message: "\u{1}".repeat(500) };
    let all = [MoveOutcome::Moved, MoveOutcome::Refused, MoveOutcome::Unanswered, MoveOutcome::NotAsked];
    let answers: Vec<_> = all.into_iter().cycle().map(answered).take(1_000).collect();
    let json = strict(&Message::NewSessionHostRet(NewSessionHostRet { reply: Reply::ok(), answers }));
    assert!(json.len() < 64 * 1024, "{} bytes", json.len());
    let Message::NewSessionHostRet(ret) = Message::parse(json.as_bytes()).unwrap().message else {
        panic!("{json}")
    };
    let outcomes: Vec<_> = ret.answers.iter().map(|answered| answered.outcome).collect();
    assert_eq!((outcomes.len(), &outcomes[..4]), (crate::MoveAnswered::MOST, &all[..]));
    let odd = r#"{"Type":"MVR_NEW_SESSION_HOST_RET","OK":true,"Message":"","mvrx":{"v":1,"answers":[7,{"StationUUID":"00000000-0000-4000-8000-000000000001","outcome":"flew"}]}}"#;
    let parsed = Message::parse(odd.as_bytes()).unwrap();
    let Message::NewSessionHostRet(ret) = parsed.message else { panic!("{odd}") };
    assert_eq!(ret.answers.iter().map(|a| a.outcome).collect::<Vec<_>>(), [MoveOutcome::Unanswered]);
    assert_eq!(parsed.quirks.iter().collect::<Vec<_>>(), [crate::Quirk::MvrxObjectUnreadable]);
}

// proves: MSG-MVRX-GROUP
#[test]
fn a_join_tells_in_which_group_it_is_said() {
    let group: crate::GroupName = "Stage 2".parse().unwrap();
    let join = Join { ours: Some(Ours::default()), group: Some(group), ..join(vec![]) };
    let json = strict(&Message::Join(join.clone()));
    assert!(json.contains(r#""mvrx":{"v":1,"group":"Stage 2"}"#), "{json}");
    let parsed = Message::parse(json.as_bytes()).unwrap();
    assert!(parsed.quirks.is_empty());
    assert_eq!(parsed.message, Message::Join(join));
    let odd = json.replace("\"Stage 2\"", "\"\"");
    let parsed = Message::parse(odd.as_bytes()).unwrap();
    assert!(matches!(parsed.message, Message::Join(join) if join.group.is_none()));
    assert!(parsed.quirks.contains(crate::Quirk::MvrxObjectUnreadable));
}

// proves: MSG-MVRX-SUCCESSION
#[test]
fn who_can_host_says_so_and_an_elected_host_tells_who_succeeds_it() {
    let candidate = crate::Candidate { priority: 7, port: 42_480 };
    let ours = Ours::CURRENT.with_candidate(Some(candidate));
    let join = Join { ours: Some(ours), ..join(vec![]) };
    let json = strict(&Message::Join(join.clone()));
    assert!(json.contains(r#""mvrx":{"v":1,"host":"7:42480"}"#), "{json}");
    assert_eq!(Message::parse(json.as_bytes()).unwrap().message, Message::Join(join));
    for wrong in ["7", "7:0", "x:1", "7:70000", ""] {
        wrong.parse::<crate::Candidate>().unwrap_err();
    }

    let next = |n: u128| crate::Successor {
        station: crate::StationUuid::from_bytes((n + 1).to_be_bytes()).unwrap(),
        priority: 9,
        url: format!("ws://10.0.0.{n}:42480/"),
    };
    let roster = |succession| crate::Roster { news: true, succession, ..crate::Roster::default() };
    let ret = |succession| {
        let ret = r#"{"Type":"MVR_JOIN_RET","OK":true,"Message":"","mvrx":{"v":1}}"#;
        let Message::JoinRet(ret) = Message::parse(ret.as_bytes()).unwrap().message else { unreachable!() };
        Message::JoinRet(JoinRet { roster: Some(roster(succession)), ..ret })
    };
    let json = strict(&ret(Some((0..99).map(next).collect())));
    let Message::JoinRet(read) = Message::parse(json.as_bytes()).unwrap().message else { panic!("{json}") };
    assert_eq!(read.roster, Some(roster(Some((0..5).map(next).collect()))), "{json}");
    assert!(!strict(&ret(None)).contains("succession"), "no elected host");
    let odd = r#"{"Type":"MVR_JOIN_RET","OK":true,"mvrx":{"v":1,"succession":[7],"host":3}}"#;
    let parsed = Message::parse(odd.as_bytes()).unwrap();
    assert!(parsed.quirks.contains(crate::Quirk::MvrxObjectUnreadable));
}

// proves: MSG-MVRX-GROUP
#[test]
fn a_commit_tells_in_which_group_it_is_said() {
    let said = Commit { group: Some("Stage 2".parse().unwrap()), ..commit() };
    let json = strict(&Message::Commit(said.clone()));
    assert!(json.contains(r#""mvrx":{"v":1,"group":"Stage 2"}"#), "{json}");
    assert_eq!(Message::parse(json.as_bytes()).unwrap().message, Message::Commit(said));
}

// proves: MSG-MVRX-GROUP
#[test]
fn a_leave_tells_which_group_is_left() {
    let said = Leave { group: Some("Stage 2".parse().unwrap()), ..Leave::new(A.parse().unwrap()) };
    let json = strict(&Message::Leave(said.clone()));
    assert_eq!(
        json,
        format!(r#"{{"Type":"MVR_LEAVE","FromStationUUID":"{A}","mvrx":{{"v":1,"group":"Stage 2"}}}}"#)
    );
    assert_eq!(Message::parse(json.as_bytes()).unwrap().message, Message::Leave(said.clone()));
    // Products that read only so much get none, and one that cannot be read spoils nothing.
    let short = written(&Message::Leave(said), &Dialect::towards(Product::Mvr4j));
    assert!(!short.contains("mvrx"), "{short}");
    let odd = Message::parse(json.replace("\"Stage 2\"", "7").as_bytes()).unwrap();
    assert_eq!(odd.message, Message::Leave(Leave::new(A.parse().unwrap())));
    assert_eq!(odd.quirks.iter().collect::<Vec<_>>(), [crate::Quirk::MvrxObjectUnreadable]);
}

// proves: BRG-24
#[test]
fn a_leave_tells_which_bridge_says_it_in_place_of_its_station() {
    let bridge = Some(crate::BridgeMark::StandIn { bridge: A.parse().unwrap() });
    let said = Leave { bridge, ..Leave::new(A.parse().unwrap()) };
    let json = strict(&Message::Leave(said.clone()));
    assert_eq!(
        json,
        format!(r#"{{"Type":"MVR_LEAVE","FromStationUUID":"{A}","mvrx":{{"v":1,"bridge":"by {A}"}}}}"#)
    );
    assert_eq!(Message::parse(json.as_bytes()).unwrap().message, Message::Leave(said));
    let odd = Message::parse(json.replace("by ", "for ").as_bytes()).unwrap();
    assert_eq!(odd.message, Message::Leave(Leave::new(A.parse().unwrap())));
    assert_eq!(odd.quirks.iter().collect::<Vec<_>>(), [crate::Quirk::MvrxObjectUnreadable]);
}

// proves: MSG-MVRX-PART
#[test]
fn a_part_is_asked_for_and_answered_in_the_mvrx_object() {
    use crate::{FilePart, FileUuid};
    let part = FilePart { from: 7, blake3: [0xab; 32] };
    let file = FileUuid::from_random_bytes([1; 16]);
    let asks = Message::Request(Request { part: Some(part), ..Request::new(Some(file), vec![]) });
    let text = String::from_utf8(asks.to_json(&Dialect::strict())).unwrap();
    assert!(text.contains(r#""from":7"#) && text.contains(&"ab".repeat(32)), "{text}");
    assert_eq!(Message::parse(text.as_bytes()).unwrap().message, asks);
    let answers = Message::RequestRet(Reply { ok: true, message: String::new(), from: Some(7) });
    let text = answers.to_json(&Dialect::strict());
    assert_eq!(Message::parse(&text).unwrap().message, answers);
    // What asks for no part is as the specification has it.
    let text = Message::Request(Request::new(Some(file), vec![])).to_json(&Dialect::strict());
    assert!(!String::from_utf8(text).unwrap().contains("mvrx"));
}

// proves: MSG-MVRX-PART
#[test]
fn a_part_that_makes_no_sense_is_none() {
    let hash = "ab".repeat(32);
    let read = |object: &str| {
        let text = format!(
            r#"{{"Type":"MVR_REQUEST","FileUUID":"","FromStationUUID":[],"mvrx":{{"v":1,{object}}}}}"#
        );
        match Message::parse(text.as_bytes()).unwrap().message {
            Message::Request(request) => request.part.map(|part| part.from),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(&format!(r#""from":0,"blake3":"{hash}""#)), Some(0));
    assert_eq!(read(&format!(r#""from":{},"blake3":"{hash}""#, u64::MAX)), Some(u64::MAX));
    for bad in ["-1", "1.5", "\"7\"", "null", "[7]", "18446744073709551616", "1e3"] {
        assert_eq!(read(&format!(r#""from":{bad},"blake3":"{hash}""#)), None, "{bad}");
    }
    assert_eq!(read(r#""from":7"#), None, "without a hash it means nothing");
    assert_eq!(read(r#""from":7,"blake3":"ab""#), None);
    let refused = br#"{"Type":"MVR_REQUEST_RET","OK":false,"Message":"","mvrx":{"v":1,"from":7}}"#;
    let Message::RequestRet(reply) = Message::parse(refused).unwrap().message else { panic!() };
    assert_eq!(reply.from, None, "a refusal gives nothing");
}

// proves: MSG-MVRX-ORDER
#[test]
fn a_commit_tells_its_place_in_the_order_and_whether_it_was_missed() {
    for order in [1, 7, Commit::LAST] {
        let placed = Commit { order: Some(order), missed: true, ..commit() };
        let json = strict(&Message::Commit(placed.clone()));
        assert!(json.ends_with(&format!(r#","mvrx":{{"v":1,"order":{order},"missed":true}}}}"#)), "{json}");
        assert_eq!(Message::parse(json.as_bytes()).unwrap().message, Message::Commit(placed));
    }
    let bare = strict(&Message::Commit(commit()));
    assert!(!bare.contains("mvrx"), "{bare}");
    for order in [0, Commit::LAST + 1, u64::MAX] {
        let json = strict(&Message::Commit(Commit { order: Some(order), ..commit() }));
        assert!(!json.contains("order"), "{json}");
    }
}

// proves: MSG-MVRX-ORDER
#[test]
fn a_place_in_the_order_that_cannot_be_is_none_and_spoils_nothing_else() {
    let read = |object: &str| {
        let text = format!(r#"{{"Type":"MVR_COMMIT","FileUUID":"{FILE}","mvrx":{{"v":1,{object}}}}}"#);
        let parsed = Message::parse(text.as_bytes()).unwrap();
        let unreadable = parsed.quirks.contains(crate::Quirk::MvrxObjectUnreadable);
        match parsed.message {
            Message::Commit(commit) => (commit.order, commit.missed, unreadable),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(r#""order":9007199254740991"#), (Some(Commit::LAST), false, false));
    for bad in ["0", "-1", "9007199254740992", "18446744073709551616", "1.5", "\"7\"", "[7]", "true"] {
        assert_eq!(read(&format!(r#""order":{bad},"missed":true"#)), (None, true, true), "{bad}");
    }
    assert_eq!(read(r#""order":7,"missed":1"#), (Some(7), false, true));
}
