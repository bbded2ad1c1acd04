//! Frames as they come: any that can be written are read back, however they are cut; any bytes at all are read as the
//! model reads them. The corpus of the fuzz target is replayed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod bodies;

use std::path::Path;

use bodies::{Said, model, read, websocket_frames};
use mvrx_transport::ws::{Opcode, Role, append_close, append_frame};
use proptest::prelude::*;

#[test]
fn the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/websocket_frames");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // shown when the body fails
        websocket_frames(&std::fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{inputs} inputs in {}", folder.display());
}

/// A message in fragments, with control frames between.
fn message() -> impl Strategy<Value = Vec<Said>> {
    let text = "[a-zß€𝄞]{0,60}".prop_map(Said::Text);
    let binary = prop::collection::vec(any::<u8>(), 0..400).prop_map(Said::Binary);
    let control = prop::collection::vec(any::<u8>(), 0..126);
    let ping = control.clone().prop_map(Said::Ping);
    let pong = control.prop_map(Said::Pong);
    prop::collection::vec(prop_oneof![text, binary, ping, pong], 0..8)
}

/// Writes what is to be said: messages in `pieces` fragments, pings between fragments where there are any.
fn write(said: &[Said], key: Option<[u8; 4]>, pieces: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for one in said {
        let (opcode, payload) = match one {
            Said::Text(text) => (Opcode::Text, text.as_bytes()),
            Said::Binary(bytes) => (Opcode::Binary, &bytes[..]),
            Said::Ping(bytes) => (Opcode::Ping, &bytes[..]),
            Said::Pong(bytes) => (Opcode::Pong, &bytes[..]),
            other => panic!("{other:?}"),
        };
        if matches!(opcode, Opcode::Ping | Opcode::Pong) {
            append_frame(opcode, true, key, payload, &mut out);
            continue;
        }
        let mut parts: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(pieces).max(1)).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        for (number, part) in parts.into_iter().enumerate() {
            let opcode = if number == 0 { opcode } else { Opcode::Continuation };
            append_frame(opcode, number == last, key, part, &mut out);
        }
    }
    append_close(Some(1000), key, &mut out);
    out
}

proptest! {
    #[test]
    // proves: WSK-04, WSK-05
    fn what_is_written_is_read_however_it_is_cut(
        said in message(),
        client in any::<bool>(),
        key in any::<[u8; 4]>(),
        pieces in 1..8_usize,
        cuts in prop::collection::vec(1..50_usize, 1..20),
    ) {
        let (role, key) = if client { (Role::Server, Some(key)) } else { (Role::Client, None) };
        let bytes = write(&said, key, pieces);
        let mut cuts = cuts.into_iter().cycle();
        let (heard, end) = read(role, &bytes, &mut |_| cuts.next().unwrap());
        let mut expected = said;
        expected.push(Said::Close(Some(1000), String::new()));
        prop_assert_eq!(&heard, &expected);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(model(role, &bytes), (heard, end));
    }

    #[test]
    fn any_bytes_are_read_as_the_model_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        websocket_frames(&bytes);
    }

    #[test]
    fn frames_with_a_few_wrong_bytes_are_read_as_the_model_reads_them(
        said in message(),
        client in any::<bool>(),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = vec![u8::from(!client)];
        bytes.extend_from_slice(&write(&said, client.then_some([9, 8, 7, 6]), 3));
        for (at, byte) in wrong {
            let at = at.index(bytes.len() - 1) + 1;
            bytes[at] = byte;
        }
        websocket_frames(&bytes);
    }
}
