use proptest::prelude::*;

use super::{FrameHeader, Frames, HEADER_LEN, Ids, Next, encode, number_frames_without_id, scan};

// proves: MIX-FRAME-1, MIX-ROW-19
#[test]
fn header_is_little_endian_without_padding() {
    let header = FrameHeader { size: 0x0102_0304, id: 0xA0B0_C0D0, code: 0x1234 };
    let bytes = [4, 3, 2, 1, 0, 0, 0, 0, 0xD0, 0xC0, 0xB0, 0xA0, 0x34, 0x12];
    assert_eq!(header.to_bytes(), bytes);
    assert_eq!(FrameHeader::parse(&bytes), header);
}

// proves: MIX-FRAME-3, MIX-ROW-20
#[test]
fn payload_at_the_limit_passes_and_one_byte_more_does_not() {
    let frame = encode(101, 1, &[7; 32]);
    assert_eq!(scan(&frame, 32).next, Next::Boundary);
    assert_eq!(scan(&frame[..HEADER_LEN], 31).next, Next::Oversized { size: 32 });
    let endless = FrameHeader { size: u64::MAX, id: 0, code: 101 }.to_bytes();
    assert_eq!(scan(&endless, u64::MAX).next, Next::Oversized { size: u64::MAX });
}

// proves: MIX-FRAME-2
#[test]
fn only_frames_without_id_are_numbered() {
    let mut bytes = [encode(201, 0, b"x"), encode(202, 9, b""), encode(203, 0, b"yz")].concat();
    number_frames_without_id(&mut bytes, &mut Ids::new());
    let ids: Vec<u32> = Frames::new(&bytes).map(|frame| frame.header.id).collect();
    assert_eq!(ids, [100, 9, 101]);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        payloads in prop::collection::vec((any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
        cuts in prop::collection::vec(1_usize..30, 1..20),
    ) {
        let stream: Vec<u8> = payloads.iter().flat_map(|(code, id, payload)| encode(*code, *id, payload)).collect();
        let (mut buffer, mut found, mut rest) = (Vec::new(), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            buffer.extend_from_slice(now);
            rest = later;
            let whole = scan(&buffer, 40).whole;
            found.extend(Frames::new(&buffer[..whole]).map(|f| (f.header.code, f.header.id, f.payload.to_vec())));
            buffer.drain(..whole);
            if rest.is_empty() { break; }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(found, payloads);
    }

    #[test]
    fn no_bytes_make_scanning_or_walking_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in any::<u64>()) {
        let whole = scan(&bytes, limit).whole;
        let walked: usize = Frames::new(&bytes[..whole]).map(|frame| frame.range.len()).sum();
        prop_assert_eq!(walked, whole);
    }
}
