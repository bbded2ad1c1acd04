//! Simulated worlds of clients against a reference model of what each of them must have received.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;

use bodies::world::{Action, run};
use proptest::prelude::*;

fn action() -> impl Strategy<Value = Action> {
    let client = 0_u8..6;
    let room = 0_u8..3;
    prop_oneof![
        2 => Just(Action::Connect),
        2 => Just(Action::ConnectQuietly),
        3 => (client.clone(), any::<bool>()).prop_map(|(client, rooms)| Action::List(client, rooms)),
        2 => client.clone().prop_map(Action::Disconnect),
        4 => (client.clone(), room.clone()).prop_map(|(client, room)| Action::Join(client, room)),
        2 => client.clone().prop_map(Action::Leave),
        4 => client.clone().prop_map(Action::Content),
        12 => (client.clone(), 0_u8..8, any::<u8>()).prop_map(|(client, kind, tail)| Action::Command(client, kind, tail)),
        3 => (client.clone(), 0_u8..4).prop_map(|(client, value)| Action::ClientAttribute(client, value)),
        3 => (client.clone(), room.clone(), 0_u8..4).prop_map(|(client, room, value)| Action::RoomAttribute(client, room, value)),
        2 => (client.clone(), room.clone(), any::<bool>()).prop_map(|(client, room, keep)| Action::KeepOpen(client, room, keep)),
        1 => (client.clone(), room).prop_map(|(client, room)| Action::Delete(client, room)),
        6 => (client, any::<u16>()).prop_map(|(client, count)| Action::Read(client, count)),
        4 => any::<u8>().prop_map(Action::Round),
        1 => (0_u8..6).prop_map(Action::Error),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    // proves: MIX-WORLD-1
    #[test]
    fn every_client_sees_what_the_model_says(actions in prop::collection::vec(action(), 1..150), small in any::<bool>()) {
        run(&actions, small);
    }
}

/// As many as `PROPTEST_CASES` says, by default more than others have: each is small.
fn cases() -> u32 {
    let wished = std::env::var("PROPTEST_CASES").ok();
    wished.and_then(|cases| cases.parse().ok()).unwrap_or(400)
}
