//! The codec says the same as the decoder it stands on, however the bytes come.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;

use bodies::{Message, Whole, read, write_message};
use bytes::{Bytes, BytesMut};
use mvrx_wire::codec::{PackageCodec, ReceiveError, Received, SendError, ToSend};
use mvrx_wire::{Blame, DecodeError, Limits, PackageType, Quirk, Scope};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

proptest! {
    #[test]
    fn codec_and_decoder_read_the_same(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(0..200usize, 1..4)), 0..5),
        cut in 1..400usize,
        end: prop::sample::Index,
    ) {
        let mut stream = Vec::new();
        for (is_file, lengths) in &messages {
            let pieces: Vec<Vec<u8>> = lengths.iter().map(|&n| (0..=255).cycle().take(n).collect()).collect();
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let package_type = if *is_file { PackageType::File } else { PackageType::Json };
            write_message(package_type, 1, false, &pieces, &mut stream);
        }
        stream.truncate(end.index(stream.len() + 1));
        let expected = read(&stream, Limits::default(), &mut Whole);
        let (messages, end) = run(&stream, cut);
        prop_assert_eq!(messages, expected.messages);
        prop_assert_eq!(end, expected.end);
    }
}

// proves: PKG-15
#[test]
fn header_and_json_are_written_together() {
    let mut codec = PackageCodec::default();
    let mut wire = BytesMut::new();
    codec.encode(ToSend::Json(Bytes::from_static(b"{}")), &mut wire).unwrap();
    assert_eq!(wire.len(), 30);
    assert_eq!(codec.decode(&mut wire).unwrap(), Some(Received::Json(Bytes::from_static(b"{}"))));
    assert_eq!(codec.decode_eof(&mut wire).unwrap(), None);
}

#[test]
fn a_file_is_sent_to_its_announced_length_and_no_further() {
    let mut codec = PackageCodec::default();
    let mut wire = BytesMut::new();
    let chunk = |n: usize| ToSend::FileChunk(vec![0; n].into());
    codec.encode(ToSend::FileStart { length: 5 }, &mut wire).unwrap();
    codec.encode(chunk(3), &mut wire).unwrap();
    let before = wire.len();

    let error = codec.encode(chunk(3), &mut wire).unwrap_err();
    assert!(matches!(error, SendError::FileChunkBeyondLength { got: 3, remaining: 2 }), "{error:?}");
    assert_eq!((error.blame(), error.scope()), (Blame::Local, Scope::Message));
    for early in [ToSend::Json(Bytes::new()), ToSend::FileStart { length: 1 }] {
        let error = codec.encode(early, &mut wire).unwrap_err();
        assert!(matches!(error, SendError::FileNotWhole { missing: 2 }), "{error:?}");
    }
    assert_eq!(wire.len(), before, "what was refused was not written");

    codec.encode(chunk(2), &mut wire).unwrap();
    codec.encode(ToSend::Json(Bytes::from_static(b"{}")), &mut wire).unwrap();
    assert_eq!(run(&wire, 7).1, None);
}

#[test]
fn a_violation_is_told_with_its_blame() {
    let mut codec = PackageCodec::new(Limits { json_bytes: 1, ..Limits::default() });
    let mut wire = BytesMut::new();
    codec.encode(ToSend::Json(Bytes::from_static(b"{}")), &mut wire).unwrap();
    wire[4] = 9;
    let error = codec.decode(&mut wire).unwrap_err();
    assert!(matches!(error, ReceiveError::Decode(DecodeError::JsonLongerThanLimit { got: 2, limit: 1 })));
    assert_eq!((error.blame(), error.scope()), (Blame::Limit, Scope::Connection));
    assert_eq!(codec.quirks().packages(Quirk::PackageVersionNotOne), 1);
}

/// Feeds the codec in pieces of `cut` bytes.
fn run(stream: &[u8], cut: usize) -> (Vec<Message>, Option<DecodeError>) {
    let mut codec = PackageCodec::default();
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for piece in stream.chunks(cut) {
        buffer.extend_from_slice(piece);
        while let Some(received) = codec.decode(&mut buffer).unwrap() {
            note(received, &mut messages);
        }
    }
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(received)) => note(received, &mut messages),
            Ok(None) => return (messages, None),
            Err(ReceiveError::Decode(error)) => return (messages, Some(error)),
            Err(other) => panic!("{other}"),
        }
    }
}

fn note(received: Received, messages: &mut Vec<Message>) {
    match (received, messages.last_mut()) {
        (Received::Json(json), _) => messages.push(Message::Json(json.to_vec())),
        (Received::FileStart { length, packages }, _) => {
            messages.push(Message::File { length, packages, bytes: Vec::new(), whole: false });
        }
        (Received::FileChunk(chunk), Some(Message::File { bytes, whole: false, .. })) => {
            assert!(!chunk.is_empty());
            bytes.extend_from_slice(&chunk);
        }
        (Received::FileEnd { length }, Some(Message::File { bytes, whole: whole @ false, .. })) => {
            assert_eq!(length, bytes.len() as u64);
            *whole = true;
        }
        (other, last) => panic!("{other:?} after {last:?}"),
    }
}
