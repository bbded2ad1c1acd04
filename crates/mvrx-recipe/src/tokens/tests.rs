use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use std::io::Write;

use super::{of_stream, to_stream};
use crate::streams::{packed, text};

#[test]
fn streams_of_every_level_come_back() {
    for level in 0..=9 {
        for content in [Vec::new(), b"a".to_vec(), vec![0; 100_000], text(3000)] {
            let stream = packed(&content, level);
            let words = of_stream(&stream, usize::MAX).unwrap();
            assert_eq!(to_stream(&words, stream.len()).unwrap(), stream, "level {level}");
        }
    }
}

#[test]
fn a_stream_with_flushes_comes_back() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    for part in text(500).chunks(1000) {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
    }
    let stream = encoder.finish().unwrap();
    let words = of_stream(&stream, usize::MAX).unwrap();
    assert_eq!(to_stream(&words, usize::MAX).unwrap(), stream);
}

/// Length 258 told as code 284 with 31, which no common packer writes; then 258 as 285; padding that is not zero.
#[test]
fn what_a_stream_leaves_open_is_kept() {
    let mut bits = super::BitWriter::new(100);
    // Last block, fixed codes: "a", twice 258 bytes from 1 back, the end.
    let codes = super::Codes::new(&super::fixed_literals()).unwrap();
    let distances = super::Codes::new(&super::FIXED_DISTANCES).unwrap();
    bits.put(1, 1).unwrap();
    bits.put(1, 2).unwrap();
    codes.write(u16::from(b'a'), &mut bits).unwrap();
    for (symbol, told, count) in [(284, 31, 5), (285, 0, 0)] {
        codes.write(symbol, &mut bits).unwrap();
        bits.put(told, count).unwrap();
        distances.write(0, &mut bits).unwrap();
    }
    codes.write(256, &mut bits).unwrap();
    // 3 + 8 + (8 + 5 + 5) + (8 + 5) + 7 bits are 49, which leaves seven.
    bits.fill_byte(0x7F).unwrap();
    let stream = bits.finish().unwrap();
    let words = of_stream(&stream, usize::MAX).unwrap();
    assert_eq!(to_stream(&words, usize::MAX).unwrap(), stream);
    assert_eq!(words.len(), 2 * (1 + 1 + 2 + 2 + 1 + 1));
}

#[test]
fn limits_hold_at_their_edge() {
    let stream = packed(&text(100), 6);
    let words = of_stream(&stream, usize::MAX).unwrap();
    assert!(of_stream(&stream, words.len()).is_some());
    assert!(of_stream(&stream, words.len() - 1).is_none());
    assert!(to_stream(&words, stream.len()).is_some());
    assert!(to_stream(&words, stream.len() - 1).is_none());
}

#[test]
fn what_is_no_whole_stream_is_refused() {
    let stream = packed(&text(100), 6);
    assert!(of_stream(&stream[..stream.len() - 1], usize::MAX).is_none());
    assert!(of_stream(&[&stream[..], b"x"].concat(), usize::MAX).is_none());
    assert!(of_stream(&[7], usize::MAX).is_none());
    let words = of_stream(&stream, usize::MAX).unwrap();
    assert!(to_stream(&words[..words.len() - 1], usize::MAX).is_none());
    assert!(to_stream(&words[..words.len() - 2], usize::MAX).is_none());
    assert!(to_stream(&[&words[..], &[0, 0]].concat(), usize::MAX).is_none());
}

proptest! {
    #[test]
    fn any_content_comes_back(content in prop::collection::vec(0_u8..6, 0..3000), level in 0_u32..10) {
        let stream = packed(&content, level);
        let words = of_stream(&stream, usize::MAX).unwrap();
        prop_assert_eq!(to_stream(&words, stream.len()).unwrap(), stream);
    }

    #[test]
    fn any_bytes_are_read_or_refused(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(words) = of_stream(&stream, 1 << 16) {
            prop_assert_eq!(to_stream(&words, stream.len()).unwrap(), stream);
        }
    }

    #[test]
    fn edited_words_are_written_or_refused(at: prop::sample::Index, byte: u8, level in 0_u32..10) {
        let mut words = of_stream(&packed(&text(40), level), usize::MAX).unwrap();
        let at = at.index(words.len());
        words[at] = byte;
        if let Some(stream) = to_stream(&words, 1 << 16) {
            prop_assert!(stream.len() <= 1 << 16);
        }
    }
}
