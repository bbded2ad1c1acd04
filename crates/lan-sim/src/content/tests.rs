use super::*;
use crate::rng::Seed;

fn bytes_of(bulk: Bulk) -> Vec<u8> {
    let mut out = vec![0; usize::try_from(bulk.length).unwrap()];
    bulk.fill(0, &mut out);
    out
}

#[test]
fn any_cut_of_bulk_gives_the_same_bytes() {
    let bulk = Bulk::new(9, 100);
    let whole = bytes_of(bulk);
    assert!(whole.iter().collect::<std::collections::HashSet<_>>().len() > 20, "looks random: {whole:?}");
    for at in 0..=100 {
        let (first, rest) = bulk.split_at(at);
        assert!(first.is_followed_by(&rest));
        assert_eq!([bytes_of(first), bytes_of(rest)].concat(), whole, "cut at {at}");
        let mut tail = vec![0; usize::try_from(100 - at).unwrap()];
        bulk.fill(at, &mut tail);
        assert_eq!(tail, whole[usize::try_from(at).unwrap()..], "filled from {at}");
    }
    assert_eq!(bytes_of(Bulk::zeros(3)), [0; 3]);
}

#[test]
fn a_file_of_four_gib_is_one_extent() {
    let mut content = Content::new();
    let mut rest = Bulk::new(1, 4 << 30);
    while rest.length > 0 {
        let (piece, more) = rest.split_at(16 << 20);
        content.push_bulk(piece);
        rest = more;
    }
    assert_eq!(content.as_bulk(), Some(Bulk::new(1, 4 << 30)));
    assert!(content.same_as(&Content::from(Bulk::new(1, 4 << 30))));
    assert_eq!(content.first_difference(&Content::from(Bulk::new(1, 4 << 29))), Some(4 << 29));
    assert_eq!(content.first_difference(&Content::from(Bulk::new(2, 4 << 30))), Some(0));
}

#[test]
fn materialised_pieces_melt_back_into_their_bulk() {
    let bulk = Bulk::new(4, 1_000);
    let whole = bytes_of(bulk);
    for (a, b) in [(0, 10), (1, 999), (500, 1_000), (0, 1_000), (13, 14)] {
        let mut content = Content::new();
        content.push_bulk(bulk.split_at(a as u64).0);
        content.push_bytes(&whole[a..b]);
        content.push_bulk(bulk.split_at(b as u64).1);
        assert!(content.same_as(&bulk.into()), "{a}..{b}");
        if (a, b) != (0, 1_000) {
            assert_eq!(content.as_bulk(), Some(bulk), "{a}..{b}");
        }
    }
}

#[test]
fn agrees_with_a_plain_vector_under_random_operations() {
    for seed in 0..200 {
        let mut rng = Seed::new(seed).rng();
        let (mut content, mut model) = (Content::new(), Vec::new());
        for _ in 0..30 {
            let length = rng.below(40);
            let payload = if rng.below(2) == 0 {
                Payload::Bytes((0..length).map(|_| rng.next_u64().to_le_bytes()[0]).collect())
            } else {
                Payload::Bulk(Bulk { seed: rng.below(3), offset: rng.below(20), length })
            };
            let bytes = match &payload {
                Payload::Bytes(bytes) => bytes.clone(),
                Payload::Bulk(bulk) => bytes_of(*bulk),
            };
            match rng.below(3) {
                0 => {
                    content.push(&payload);
                    model.extend_from_slice(&bytes);
                }
                1 => {
                    let keep = rng.below(model.len() as u64 + 10);
                    content.truncate(keep);
                    model.truncate(usize::try_from(keep).unwrap());
                }
                _ => {
                    let at = usize::try_from(rng.below(model.len() as u64 + 10)).unwrap();
                    content.write_at(at as u64, &payload);
                    model.resize(model.len().max(at + bytes.len()), 0);
                    model.resize(model.len().max(at), 0);
                    model[at..at + bytes.len()].copy_from_slice(&bytes);
                }
            }
            assert_eq!(content.to_bytes(), model, "seed {seed}");
            assert_eq!(content.len(), model.len() as u64, "seed {seed}");
            assert!(content.same_as(&model.as_slice().into()), "seed {seed}");
            assert_eq!(content.digest(), Content::from(model.as_slice()).digest(), "seed {seed}");
            let (from, length) = (rng.below(60), rng.below(60));
            let end = usize::try_from(from + length).unwrap().min(model.len());
            let expected = model.get(usize::try_from(from).unwrap()..end).unwrap_or(&[]);
            assert_eq!(content.part(from, length).to_bytes(), expected, "seed {seed}");
        }
    }
}

#[test]
fn one_flipped_bit_changes_digest_and_sameness() {
    let whole = bytes_of(Bulk::new(3, 70_000));
    let original = Content::from(whole.as_slice());
    for at in [0, 31, 32, 65_535, 65_536, 69_999] {
        let mut other = whole.clone();
        other[at] ^= 1;
        let other = Content::from(other.as_slice());
        assert_ne!(original.digest(), other.digest(), "bit at {at}");
        assert_eq!(original.first_difference(&other), Some(at as u64));
        assert_ne!(original, other);
    }
    assert_ne!(Content::from(&[0; 3][..]).digest(), Content::from(&[0; 4][..]).digest());
    assert_eq!(DigestMemo::new().digest(&original), original.digest());
}
