use proptest::prelude::*;

use super::{content, of_stream, to_stream};
use crate::streams::{packed, text};

#[test]
fn streams_of_every_level_come_back_and_take_little_beside_their_content() {
    for level in 0..=9 {
        for plain in [Vec::new(), b"a".to_vec(), vec![0; 100_000], text(3000)] {
            let stream = packed(&plain, level);
            assert_eq!(content(&stream, plain.len()).unwrap(), plain);
            let bytes = of_stream(&stream, 1 << 20).unwrap();
            assert_eq!(to_stream(&bytes, stream.len()).unwrap(), stream, "level {level}");
            let beside = bytes.len() - plain.len();
            println!(
                "level {level}: {} bytes packed to {}, {beside} beside the content",
                plain.len(),
                stream.len()
            );
            // The fastest levels of this library take what a table of hashes happens to hold; nothing guesses that.
            assert!(
                level < 4 || beside < 200 + stream.len() / 4,
                "level {level}: {beside} beside {}",
                stream.len()
            );
        }
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let plain = text(100);
    let stream = packed(&plain, 6);
    let bytes = of_stream(&stream, 1 << 20).unwrap();
    assert!(of_stream(&stream, bytes.len()).is_some());
    assert!(of_stream(&stream, bytes.len() - 1).is_none());
    assert!(content(&stream, plain.len()).is_some());
    assert!(content(&stream, plain.len() - 1).is_none());
    assert!(to_stream(&bytes, stream.len()).is_some());
    assert!(to_stream(&bytes, stream.len() - 1).is_none());
}

#[test]
fn what_is_no_whole_stream_is_refused() {
    let stream = packed(&text(100), 6);
    assert!(of_stream(&stream[..stream.len() - 1], 1 << 20).is_none());
    assert!(of_stream(&[&stream[..], b"x"].concat(), 1 << 20).is_none());
    let bytes = of_stream(&stream, 1 << 20).unwrap();
    assert!(to_stream(&bytes[..bytes.len() - 1], 1 << 20).is_none());
    assert!(to_stream(&[&bytes[..], &[0]].concat(), 1 << 20).is_none());
    assert!(to_stream(&[], 1 << 20).is_none());
}

proptest! {
    #[test]
    fn any_content_comes_back(plain in prop::collection::vec(0_u8..6, 0..3000), level in 0_u32..10) {
        let stream = packed(&plain, level);
        let bytes = of_stream(&stream, 1 << 16).unwrap();
        prop_assert_eq!(to_stream(&bytes, stream.len()).unwrap(), stream);
    }

    #[test]
    fn any_bytes_are_read_or_refused(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(bytes) = of_stream(&stream, 1 << 16) {
            prop_assert_eq!(to_stream(&bytes, stream.len()).unwrap(), stream);
        }
    }

    #[test]
    fn edited_packing_is_carried_out_or_refused(at: prop::sample::Index, byte: u8, level in 0_u32..10) {
        let mut bytes = of_stream(&packed(&text(40), level), 1 << 16).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(stream) = to_stream(&bytes, 1 << 16) {
            prop_assert!(stream.len() <= 1 << 16);
        }
    }
}

/// Members of real files, where they are at hand: not a part of the repository. Two programs packed them, neither of them ours.
#[test]
fn real_members_come_back() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    for name in ["scene_objects.mvr", "basic_fixture.mvr"] {
        let Ok(bytes) = std::fs::read(samples.join(name)) else { return };
        let archive =
            mvrx_file::Archive::open(std::io::Cursor::new(&bytes), &mvrx_file::Limits::default()).unwrap();
        let (mut count, mut packed, mut beside) = (0, 0, 0);
        for (place, member) in archive.members().iter().enumerate().filter(|(_, member)| member.method == 8) {
            let range = archive.packed_range(place).unwrap();
            let stream = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            let form = of_stream(stream, 1 << 24).unwrap();
            assert_eq!(to_stream(&form, stream.len()).unwrap(), stream, "{}", member.name);
            let told = form.len() - usize::try_from(member.size).unwrap();
            if member.name == mvrx_file::ROOT_FILE {
                println!(
                    "{name}: scene of {} bytes packed to {}, {told} beside the content",
                    member.size,
                    stream.len()
                );
            }
            (count, packed, beside) = (count + 1, packed + stream.len(), beside + told);
        }
        println!("{name}: {count} members packed to {packed} bytes, {beside} beside their contents");
        assert!(beside * 2 < packed);
    }
}
