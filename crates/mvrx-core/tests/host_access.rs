//! Stations on a list, stations that only read, and files that are too large.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::collections::BTreeSet;

use host_support::{Rack, commit, file, request_for, station};
use mvrx_core::Moves;
use mvrx_core::host::{Config, Event};
use mvrx_message::{Commit, Message, NewSessionHost, Request};

fn large(n: u8, author: u8, file_size: u64) -> Commit {
    Commit { file_size, ..commit(n, author) }
}

// proves: ACC-01
#[test]
fn a_station_on_no_list_is_refused_in_words_and_its_connection_ends() {
    let listed = |config: &mut Config| config.access.stations = Some(BTreeSet::from([station(1)]));
    let mut rack = Rack::with(listed);
    rack.join(1, vec![]);
    let (conn, ret) = rack.join_with(2, "MVRApplication", vec![commit(1, 2)]);
    assert!(!ret.reply.ok && ret.reply.message.contains("certain stations"), "{ret:?}");
    assert!(ret.commits.is_empty());
    assert!(rack.closed(conn).is_some());
    let refused = |e: &Event| matches!(e, Event::JoinRefused { station: s, .. } if *s == station(2));
    assert!(rack.saw(refused));
    assert!(!rack.saw(|e| matches!(e, Event::LimitReached(_) | Event::CommitSeen { .. })));
    assert_eq!(rack.host.stations().count(), 1);
}

// proves: ACC-02
#[test]
fn a_station_that_only_reads_lists_and_fetches_and_changes_nothing() {
    let mut rack = Rack::with(|config| {
        config.access.read_only = BTreeSet::from([station(2)]);
        config.moves = Moves::Always;
    });
    let author = rack.join(1, vec![commit(1, 1)]);
    let (reader, ret) = rack.join_with(2, "MVRApplication", vec![commit(2, 2), commit(3, 2)]);
    assert!(ret.reply.ok, "it may come in: {ret:?}");
    assert_eq!(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [file(1)]);
    let not_taken = |e: &Event| matches!(e, Event::CommitNotTaken { .. });
    assert_eq!(rack.events().into_iter().filter(not_taken).count(), 1, "one word for a whole list");
    rack.receive(reader, Message::Commit(commit(4, 2)));
    let reply = rack.take_reply(reader);
    assert!(!reply.ok && reply.message.contains("only read"), "{reply:?}");
    assert!(!rack.host.knows(file(2)) && !rack.host.knows(file(4)));
    assert!(!rack.sent_anything_on(author), "nobody is told of it");
    rack.receive(reader, Message::NewSessionHost(NewSessionHost::to_url("ws://there/")));
    let reply = rack.take_reply(reader);
    assert!(!reply.ok && reply.message.contains("only read"), "{reply:?}");
    assert!(!rack.sent_anything_on(author), "nobody is asked to move");
    rack.receive(reader, request_for(1));
    assert_eq!(rack.asked(author), Some(file(1)), "it may fetch");
}

// proves: ACC-02
#[test]
fn nothing_is_read_from_a_station_that_only_reads_even_where_a_request_names_it() {
    let mut rack = Rack::with(|config| config.access.read_only = BTreeSet::from([station(2)]));
    let asker = rack.join(1, vec![]);
    let reader = rack.join(2, vec![]);
    rack.receive(asker, Message::Request(Request::new(Some(file(9)), vec![station(2)])));
    assert!(!rack.take_reply(asker).ok);
    assert!(!rack.sent_anything_on(reader));
    // The same from one that may give it.
    let giver = rack.join(3, vec![]);
    rack.receive(asker, Message::Request(Request::new(Some(file(9)), vec![station(3)])));
    assert_eq!(rack.asked(giver), Some(file(9)));
}

// proves: ACC-03
#[test]
fn a_file_above_the_largest_is_refused_in_words_and_nothing_of_it_is_read() {
    const MOST: u64 = 1 << 30;
    let mut rack = Rack::with(|config| {
        config.gather = true;
        config.limits.largest_file = MOST;
    });
    let listed = vec![large(1, 1, MOST + 1)];
    let (author, ret) = rack.join_with(1, "MVRApplication", listed);
    assert!(ret.reply.ok);
    for (n, size) in [(2, 10 << 30), (3, MOST + 1)] {
        rack.receive(author, Message::Commit(large(n, 1, size)));
        let reply = rack.take_reply(author);
        assert!(!reply.ok && reply.message.contains(&size.to_string()), "{reply:?}");
        assert!(!rack.host.knows(file(n)));
    }
    assert_eq!(rack.asked(author), None, "nothing is read");
    rack.receive(author, Message::Commit(large(4, 1, MOST)));
    assert!(rack.take_reply(author).ok, "at the edge it is taken");
    assert_eq!(rack.asked(author), Some(file(4)));
    assert!(!rack.host.knows(file(1)));
}
