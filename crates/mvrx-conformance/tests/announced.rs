//! What stations announce, under the judge: each planted fault is found where it is and nowhere else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubles;

use std::time::Duration;

use doubles::assert_found;
use doubles::station::{Fault, listen};
use mvrx_conformance::{Announced, Judge, Options};

/// What is announced wrongly, the cases that fail, the cases that are tolerated.
type Row = (fn(&mut Announced), &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    (|_| {}, &[], &[]),
    (|a| a.name = "Double\\.Tour._mvrxchange._tcp.local.".to_owned(), &[], &["dns-group"]),
    (|a| a.name = "Double@Tour._mvrxchange._tcp.local.".to_owned(), &[], &["dns-group"]),
    (|a| a.name = "Tour._mvrxchange._tcp.local.".to_owned(), &[], &[]),
    (|a| a.by_group = Some(false), &[], &["dns-group-asked"]),
    (|a| a.by_group = None, &[], &[]),
    (|a| a.host = "double.example.".to_owned(), &["dns-srv"], &[]),
    (|a| a.station_name = None, &[], &["dns-txt-name"]),
    (|a| a.station_uuid = None, &[], &["dns-txt-uuid"]),
    (|a| a.station_uuid = a.station_uuid.as_ref().map(|u| u.to_uppercase()), &[], &["dns-same-spelling"]),
    (
        |a| a.station_uuid = Some("5f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b".to_owned()),
        &["dns-right-station"],
        &["dns-same-spelling"],
    ),
    (|a| a.station_name = Some("Another".to_owned()), &[], &["dns-same-name"]),
];

// proves: CNF-01
#[test]
fn faults_of_announcements_are_found_where_they_are() {
    let address = listen(Fault::None);
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    for (number, (change, fails, tolerates)) in ROWS.iter().enumerate() {
        let mut announced = Announced {
            name: "Double.Tour._mvrxchange._tcp.local.".to_owned(),
            group: "Tour".to_owned(),
            host: "double.local.".to_owned(),
            port,
            addresses: vec!["127.0.0.1".parse().unwrap()],
            station_name: Some("Double".to_owned()),
            station_uuid: Some("1f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b".to_owned()),
            by_group: Some(true),
        };
        change(&mut announced);
        let options =
            Options { wait: Duration::from_secs(2), only: vec!["dns-".to_owned()], ..Options::default() };
        let report = Judge::of_announced(announced, options).unwrap().run(&mut |_| {}).unwrap();
        assert_found(&format!("row {number}"), &report, fails, tolerates);
    }
}
