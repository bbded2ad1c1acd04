//! The shared tests that every implementation of the traits has to pass (feature `battery`).
//!
//! A case is an async function over a [`Fixture`]; it panics when the implementation fails it. Nothing in it sleeps
//! or measures time, so it runs on any clock.
//!
//! ```
//! use mvrx_transport::battery::Fixture;
//! use mvrx_transport::{MemoryNetwork, transport_battery};
//!
//! fn memory() -> Fixture {
//!     let network = MemoryNetwork::new();
//!     let at = ([10, 0, 0, 1], 42424).into();
//!     Fixture::new(network.station([10, 0, 0, 2]), network.station([10, 0, 0, 1]), at)
//! }
//! transport_battery!(in_memory, memory());
//! ```
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "these are tests: a panic is how they speak"
)]

pub mod endings;
pub mod files;
pub mod messages;

mod doubles;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

pub use doubles::{Pattern, Seen, Sink, Source};
use mvrx_message::{Commit, Dialect, FileUuid, Join, Leave, Message, MvrVersion, StationUuid};

use crate::{BoxFuture, Connection, Incoming, Listener, Transport};

/// An implementation to be tested.
#[derive(Debug)]
pub struct Fixture {
    dialer: Box<dyn Transport>,
    listener: Box<dyn Transport>,
    at: SocketAddr,
}

impl Fixture {
    /// `dialer` reaches `listener` when that listens at `at`; port 0 is fine.
    pub fn new(dialer: impl Transport, listener: impl Transport, at: SocketAddr) -> Self {
        Self { dialer: Box::new(dialer), listener: Box::new(listener), at }
    }

    pub async fn listen(&self) -> Box<dyn Listener> {
        self.listener.listen(self.at).await.expect("it listens")
    }

    pub async fn dial(&self, to: SocketAddr) -> Connection {
        self.dialer.dial(to.into()).await.expect("it connects")
    }

    /// A connection: the end that dialed and the end that accepted.
    pub async fn pair(&self) -> (Connection, Connection) {
        let mut listener = self.listen().await;
        let (dialed, accepted) = tokio::join!(self.dial(listener.local_addr()), listener.accept());
        (dialed, accepted.expect("it accepts"))
    }
}

/// Runs a case; a case that hangs has failed.
pub async fn run<F: Future<Output = ()>>(case: F) {
    tokio::time::timeout(PATIENCE, case).await.expect("the case ended in time");
}

/// Turns every case of the battery into a test: `transport_battery!(name_of_module, fixture)`.
#[macro_export]
macro_rules! transport_battery {
    ($module:ident, $fixture:expr) => {
        $crate::transport_battery! { @module $module, $fixture,
            messages: [
                carries_every_kind_of_message,
                carries_messages_of_any_length_up_to_the_limit,
                keeps_the_order_of_many_messages,
                carries_messages_both_ways_at_once,
                loses_nothing_when_a_read_is_dropped,
                refuses_to_write_a_message_above_the_limit,
                names_both_ends,
            ]
            files: [
                carries_files_of_any_length,
                counts_the_progress_on_both_sides,
                carries_messages_while_a_file_goes_the_other_way,
                carries_files_both_ways_at_once,
                carries_messages_after_a_file,
                carries_a_file_that_is_still_growing,
                carries_a_file_while_others_wait,
                sends_no_more_of_a_source_than_it_announced,
                a_file_must_be_received_before_the_next_message,
                no_file_can_be_received_where_none_began,
            ]
            endings: [
                a_closed_side_is_the_end_for_the_other_and_not_for_itself,
                a_dropped_connection_is_closed,
                nobody_listening_refuses,
                a_dropped_listener_refuses_and_its_connections_live_on,
                a_source_that_fails_at_once_leaves_the_connection_usable,
                a_source_that_fails_later_is_never_taken_for_whole,
                a_source_shorter_than_announced_is_never_padded,
                a_source_that_panics_ends_its_transfer_alone,
                a_sink_that_fails_ends_its_transfer_alone,
                a_sink_that_cannot_finish_fails_the_transfer,
                a_dropped_receive_ends_both_sides,
                a_dropped_send_ends_both_sides,
                a_peer_that_vanishes_in_a_file_is_an_error,
            ]
        }
    };
    (@module $module:ident, $fixture:expr, $($group:ident: [$($case:ident,)*])*) => {
        mod $module {
            use super::*;
            $($(
                #[tokio::test]
                async fn $case() {
                    let case = $crate::battery::$group::$case($fixture);
                    $crate::battery::run(case).await;
                }
            )*)*
        }
    };
}

pub(crate) fn station(seed: u8) -> StationUuid {
    StationUuid::from_random_bytes([seed; 16])
}

pub(crate) fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(station(seed)))
}

pub(crate) fn commit(seed: u8) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([seed; 16]),
        station: Some(station(seed)),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: u64::from(seed) << 20,
        for_stations: vec![station(1), station(2)],
        comment: "re-hung LX2".to_owned(),
        file_name: "show.mvr".to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

pub(crate) fn join(commits: usize) -> Message {
    let commits = (0..commits).map(|n| commit(u8::try_from(n % 251).expect("below 251"))).collect();
    Message::Join(Join {
        commits,
        ..Join::new(station(9), "FOH desk", "Test", MvrVersion { major: 1, minor: 6 })
    })
}

/// Writes lists of any length, unlike [`Dialect::strict`].
pub(crate) fn wide() -> Dialect {
    Dialect::strict().with_join_bytes(4 << 20)
}

/// For [`crate::MessageReader::receive_file`] where nothing is to come between.
pub fn unexpected(incoming: Incoming) -> BoxFuture<'static, ()> {
    panic!("nothing was sent between, and this came: {incoming:?}")
}

pub(crate) async fn send(connection: &mut Connection, message: &Message) {
    connection.writer.send(message, &wide()).await.expect("it is written");
}

pub(crate) async fn expect_message(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("a message was sent, and this came: {other:?}"),
    }
}

pub(crate) async fn expect_file(connection: &mut Connection, expected: Option<u64>) {
    match connection.reader.next().await {
        Ok(Incoming::File { length }) => assert!(length.is_none() || length == expected, "{length:?}"),
        other => panic!("a file was sent, and this came: {other:?}"),
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
