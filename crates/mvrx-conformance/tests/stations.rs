//! Stations of TCP Mode under the judge: one without a fault passes everything, each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use doubles::station::{Fault, listen};
use doubles::{Row, all_found, assert_found, judge, with};
use mvrx_conformance::{Judge, Options, Target, Verdict};

const PACKAGES: &[Row<Fault>] = &[
    (Fault::None, &[], &[]),
    (Fault::OtherHeader, &["package-header"], &[]),
    (Fault::LittleEndian, &["package-byte-order"], &[]),
    (Fault::OtherVersion, &["package-version"], &[]),
    (Fault::NumberOne, &["package-number", "package-count"], &[]),
    (Fault::CountNought, &["package-count"], &["package-single"]),
    (Fault::OtherType, &["package-type"], &[]),
    (Fault::BadUtf8, &["message-utf8"], &[]),
    (Fault::MessageInTwo, &[], &["package-single"]),
    (Fault::HeaderInOneRead, &["reads-in-pieces"], &[]),
    (Fault::OneMessagePerRead, &["reads-two-at-once", "reads-several-packages"], &[]),
    (Fault::StrictVersion, &[], &["reads-any-version"]),
    (Fault::AnyHeader, &[], &["refuses-other-header"]),
    (Fault::FirstPackageOnly, &["reads-several-packages"], &[]),
];

const MESSAGES: &[Row<Fault>] = &[
    (
        Fault::OkAsText,
        &[],
        &["join-ret-ok", "leave-ret-ok", "request-ret-ok", "commit-ret-ok", "move-ret-ok"],
    ),
    (Fault::NoName, &["join-ret-name"], &[]),
    (Fault::NoProvider, &[], &["join-ret-provider"]),
    (Fault::NilUuid, &["join-ret-uuid"], &[]),
    (Fault::UpperCaseUuid, &[], &["join-ret-uuid"]),
    (Fault::VersionsAsText, &[], &["join-ret-major", "join-ret-minor"]),
    (Fault::NoVersions, &["join-ret-major", "join-ret-minor"], &[]),
    (Fault::FilesKey, &[], &["join-ret-commits", "join-ret-commits-there"]),
    (Fault::NoMessage, &[], &["join-ret-message-there", "request-ret-reason"]),
    (Fault::LongName, &[], &["join-ret-string-length"]),
    (Fault::ListedWithoutSize, &["listed-size"], &[]),
    (Fault::ListedWithoutStation, &["listed-station"], &[]),
    (Fault::ListedPath, &[], &["listed-name-is-no-path"]),
    (Fault::ListedTwice, &[], &["listed-once"]),
    (Fault::ListedAudienceAsText, &["listed-audience"], &[]),
    (Fault::UuidChanges, &["uuid-stays"], &[]),
    (Fault::NoSecondJoin, &["join-again"], &[]),
    (Fault::AsciiOnly, &["join-unicode-name", "join-escaped-name"], &[]),
    (Fault::StrictKeys, &[], &["join-other-keys", "join-long"]),
    (
        Fault::LeaveUnanswered,
        &[
            "leave-answered",
            "leave-ret-type",
            "leave-ret-ok",
            "leave-ret-message",
            "join-after-leave",
            "leave-as-the-example",
        ],
        &["leave-twice"],
    ),
    (Fault::LeaveByTableOnly, &["leave-as-the-example"], &[]),
];

const FILES: &[Row<Fault>] = &[
    (
        Fault::RefusalSilent,
        &[
            "request-refused",
            "request-ret-type",
            "request-ret-ok",
            "request-ret-message",
            "request-without-joining",
        ],
        &["request-ret-reason", "request-from-as-text", "request-next-edition"],
    ),
    (Fault::RefusalOk, &["request-ret-ok"], &[]),
    (
        Fault::GivesAnything,
        &["request-refused", "request-ret-type", "request-ret-ok", "request-ret-message"],
        &["request-ret-reason", "request-from-as-text", "request-next-edition"],
    ),
    (Fault::FileCut, &["request-file-size", "request-file-whole"], &[]),
    (Fault::FileSizeWrong, &["request-file-size"], &[]),
    (Fault::FileNoArchive, &["request-file-is-an-archive"], &[]),
    (Fault::FileInTwo, &[], &["request-file-in-one"]),
    (Fault::FileChanges, &["request-same-twice"], &[]),
    (
        Fault::CommitRefused,
        &["commit-ret-ok", "commit-for-one", "commit-without-the-optional"],
        &["commit-told-again"],
    ),
    (Fault::MoveBoth, &["move-both", "move-ret-ok"], &[]),
    (Fault::MoveBlind, &["move-to-nowhere"], &[]),
    (
        Fault::DiesOfList,
        &["survives-no-object", "survives-missing-fields", "survives-wrong-kinds", "still-there"],
        &["survives-unknown-type", "survives-unasked-answer"],
    ),
];

// proves: CNF-01
#[test]
fn faults_of_packages_are_found_where_they_are() {
    all_found(PACKAGES, listen);
}

// proves: CNF-01
#[test]
fn faults_of_messages_are_found_where_they_are() {
    all_found(MESSAGES, listen);
}

// proves: CNF-01
#[test]
fn faults_of_files_and_moves_and_broken_input_are_found_where_they_are() {
    all_found(FILES, listen);
}

#[test]
fn a_length_beyond_what_comes_is_found() {
    let report = judge(&listen(Fault::LengthTooLong), &["package-", "message-"]);
    assert_found("LengthTooLong", &report, &["package-length"], &[]);
}

#[test]
fn an_answer_of_another_type_fails_wherever_it_is_the_answer() {
    let report = judge(&listen(Fault::OtherAnswer), &["join-ret", "join-again", "still-there"]);
    assert_found("OtherAnswer", &report, &["join-ret-type", "join-again", "still-there"], &[]);
}

#[test]
fn what_is_not_there_is_not_offered() {
    let report = judge(&listen(Fault::ListsNothing), &[]);
    assert_found("ListsNothing", &report, &[], &[]);
    let not_offered = with(&report, Verdict::NotOffered);
    assert_eq!(not_offered.len(), 15, "{not_offered:?}");
    assert!(
        not_offered.iter().all(|id| id.starts_with("listed-") || id.starts_with("request-")),
        "{not_offered:?}"
    );

    let report = judge(&listen(Fault::RefusesAll), &["join-", "leave-", "request-", "commit-"]);
    // The form of the refusal itself is judged.
    assert_found("RefusesAll", &report, &[], &[]);
    assert!(with(&report, Verdict::NotOffered).contains(&"join-ret-ok"));
    assert!(with(&report, Verdict::Pass).contains(&"join-ret-uuid"));
}

// proves: CNF-02
#[test]
fn nothing_that_needs_consent_is_tried_without_it() {
    let judge = Judge::new(Target::parse(&listen(Fault::None)).unwrap(), Options::default());
    let report = judge.run(&mut |_| {}).unwrap();
    for one in report.judged() {
        assert_eq!(one.verdict == Verdict::NotAsked, !one.case.needs.is_empty(), "{}", one.case.id);
    }
    let words = judge.announcement();
    assert!(words.contains("commits nothing (--commits would)"), "{words}");
    assert!(
        words.contains("nothing broken (--rough would)") && words.contains("no move (--moves would)"),
        "{words}"
    );
}

// proves: CNF-03
#[test]
fn who_never_answers_and_who_never_stops_are_judged_in_bounded_time_and_memory() {
    let flood = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [&flood, &silent].map(|listener| format!("tcp://{}", listener.local_addr().unwrap()));
    std::thread::spawn(move || {
        for mut stream in flood.incoming().map_while(Result::ok) {
            // Its own questions, without an end.
            let json = br#"{"Type":"MVR_COMMIT"}"#;
            let package = [&doubles::station::header(json.len())[..], json].concat().repeat(100);
            std::thread::spawn(move || while std::io::Write::write_all(&mut stream, &package).is_ok() {});
        }
    });
    let silent =
        std::thread::spawn(move || silent.incoming().map_while(Result::ok).take(4).collect::<Vec<_>>());
    for address in &addresses {
        let options = Options {
            wait: std::time::Duration::from_millis(300),
            only: vec!["join-answered".to_owned()],
            ..Options::default()
        };
        let report = Judge::new(Target::parse(address).unwrap(), options).run(&mut |_| {}).unwrap();
        assert_eq!(report.failed(), 1, "{}", report.judged()[0].text());
        let why = &report.judged()[0].words;
        assert!(why.contains("no answer within 0.3 s") || why.contains("256 messages of its own"), "{why}");
    }
    drop(silent);
}
