use bytes::Bytes;
use proptest::prelude::*;

use super::History;
use crate::frame::{Frames, encode};
use crate::primitive::put_string;

fn command(code: u16, path: &str, tail: usize) -> Bytes {
    let mut payload = Vec::new();
    put_string(&mut payload, path);
    payload.resize(payload.len() + tail, 7);
    encode(code, 1, &payload)
}

fn contents(history: &mut History) -> Vec<u8> {
    history.pieces().concat()
}

/// The rule, written once more as plainly as possible.
#[derive(Default)]
struct Model(Vec<Vec<u8>>);

impl Model {
    fn store(&mut self, frame: &[u8]) {
        let code = u16::from_le_bytes([frame[12], frame[13]]);
        let path = |frame: &[u8]| -> Vec<u8> {
            let payload = &frame[14..];
            let mut word = [0; 4];
            let have = payload.len().min(4);
            word[..have].copy_from_slice(&payload[..have]);
            let rest = &payload[have..];
            rest[..rest.len().min(u32::from_le_bytes(word) as usize)].to_vec()
        };
        if (201..=208).contains(&code)
            && self.0.last().is_some_and(|last| last[12..14] == frame[12..14] && path(last) == path(frame))
        {
            self.0.pop();
        }
        if ![205, 139, 1000].contains(&code) {
            self.0.push(frame.to_vec());
        }
    }
}

/// Bytes whose memory tells when it is given back.
struct Watched(Vec<u8>, #[allow(dead_code)] std::sync::Arc<()>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn watched(frames: &[Bytes]) -> (Bytes, std::sync::Weak<()>) {
    let alive = std::sync::Arc::new(());
    let watch = std::sync::Arc::downgrade(&alive);
    (Bytes::from_owner(Watched(frames.concat(), alive)), watch)
}

// proves: MIX-LIMIT-7
#[test]
fn memory_of_a_large_command_is_given_back_when_a_small_one_replaces_it() {
    let mut history = History::default();
    let (run, memory) = watched(&[command(101, "", 0), command(202, "a", 200_000)]);
    history.append(&run, true, |_| {});
    drop(run);
    assert!(memory.upgrade().is_some(), "a run that fills its memory is shared");
    let small = command(202, "a", 1);
    history.append(&small, true, |_| {});
    assert!(memory.upgrade().is_none());
    assert_eq!(contents(&mut history), [command(101, "", 0), small].concat());
    assert_eq!(history.command_count(), 2);
}

// proves: MIX-LIMIT-7
#[test]
fn small_stored_command_keeps_nothing_of_the_transient_ones_around_it() {
    let mut history = History::default();
    let (run, memory) = watched(&[command(101, "", 0), command(1000, "", 200_000)]);
    let mut logged = Vec::new();
    history.append(&run, true, |slice| logged.push(slice));
    drop(run);
    assert!(memory.upgrade().is_none());
    assert_eq!(logged, [command(101, "", 0)]);
}

// proves: MIX-CMD-2
#[test]
fn last_command_of_same_type_and_path_is_replaced_and_no_earlier_one() {
    let mut history = History::default();
    for frame in [command(201, "/a", 1), command(201, "/b", 1), command(201, "/a", 2), command(201, "/a", 3)]
    {
        history.append(&frame, false, |_| {});
    }
    assert_eq!(
        contents(&mut history),
        [command(201, "/a", 1), command(201, "/b", 1), command(201, "/a", 3)].concat()
    );
    assert_eq!(history.command_count(), 3);
}

// proves: MIX-CMD-6
#[test]
fn paths_that_are_no_text_are_compared_as_bytes_and_clamped() {
    let mut history = History::default();
    let floats = encode(208, 1, &[0, 0, 128, 63, 1, 2, 255]);
    history.append(&floats, false, |_| {});
    history.append(&floats, false, |_| {});
    assert_eq!(contents(&mut history), floats);
    // PLAY and PAUSE have no payload, hence the same empty path.
    let (play, pause) = (encode(206, 1, b""), encode(207, 1, b""));
    for frame in [&play, &play, &pause, &play] {
        history.append(frame, false, |_| {});
    }
    assert_eq!(contents(&mut history), [&floats[..], &play, &pause, &play].concat());
}

// proves: MIX-BUG-10
#[test]
fn what_a_joiner_has_got_is_not_changed_by_a_merge() {
    let mut history = History::default();
    history.append(&command(201, "/a", 1), false, |_| {});
    let mut position = 0;
    let mut got = Vec::new();
    history.share_from(&mut position, 1 << 20, |piece| got.push(piece));
    history.append(&command(201, "/a", 30), false, |_| {});
    assert_eq!(got.concat(), command(201, "/a", 1));
    assert_eq!(contents(&mut history), command(201, "/a", 30));
}

proptest! {
    // proves: MIX-CMD-2, MIX-CMD-3
    #[test]
    fn any_grouping_into_runs_stores_what_the_plain_rule_stores(
        commands in prop::collection::vec((prop::sample::select(vec![101_u16, 139, 201, 201, 202, 205, 206, 1000, 999]), 0_usize..3, 0_usize..20_000), 1..40),
        groups in prop::collection::vec((1_usize..6, any::<bool>(), any::<bool>()), 1..10),
    ) {
        let frames: Vec<Bytes> = commands.iter().map(|(code, path, tail)| command(*code, ["", "/a", "/b"][*path], *tail)).collect();
        let (mut history, mut model, mut logged) = (History::default(), Model::default(), Model::default());
        let mut rest = &frames[..];
        for (count, dense, share) in groups.iter().cycle() {
            let (now, later) = rest.split_at((*count).min(rest.len()));
            let run = Bytes::from(now.concat());
            history.append(&run, *dense, |slice| Frames::new(&slice).for_each(|frame| logged.store(&slice[frame.range])));
            now.iter().for_each(|frame| model.store(frame));
            if *share { history.share_from(&mut 0, 1, |_| {}); }
            rest = later;
            if rest.is_empty() { break; }
        }
        prop_assert_eq!(contents(&mut history), model.0.concat());
        prop_assert_eq!(history.command_count(), model.0.len() as u64);
        prop_assert_eq!(history.byte_size(), model.0.concat().len() as u64);
        // What was logged, stored again by the same rule, is the same room.
        prop_assert_eq!(logged.0.concat(), model.0.concat());
    }
}
