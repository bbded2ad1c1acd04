use super::*;
use crate::content::Content;
use crate::rng::Seed;

fn pipe() -> Pipe {
    Pipe::new(Seed::new(0).rng(), Time::ZERO)
}

fn fly(pipe: &mut Pipe, length: u64) {
    pipe.launch(Segment { arrives: Time::ZERO, what: Freight::Data(length) });
}

#[test]
fn reading_stops_before_bulk_and_makes_it_when_it_comes_first() {
    let mut pipe = pipe();
    pipe.push_bytes(b"head");
    pipe.push_bulk(Bulk::new(1, 10));
    pipe.push_bytes(b"tail");
    fly(&mut pipe, 18);
    pipe.land();
    let mut out = Vec::new();
    assert_eq!(pipe.read(&mut out, 100), 4);
    assert_eq!(pipe.read(&mut out, 3), 3);
    assert_eq!(pipe.take(100), Some(Payload::Bulk(Bulk { seed: 1, offset: 3, length: 7 })));
    assert_eq!(pipe.take(2), Some(Payload::Bytes(b"ta".to_vec())));
    assert_eq!(pipe.take(2), Some(Payload::Bytes(b"il".to_vec())));
    assert_eq!((pipe.take(2), pipe.unread()), (None, 0));
}

#[test]
fn only_what_landed_can_be_read() {
    let mut pipe = pipe();
    pipe.push_bytes(b"abcdef");
    fly(&mut pipe, 2);
    fly(&mut pipe, 4);
    let mut out = Vec::new();
    assert_eq!(pipe.read(&mut out, 10), 0);
    pipe.land();
    assert_eq!(pipe.read(&mut out, 10), 2);
    assert_eq!((out.as_slice(), pipe.in_flight()), (&b"ab"[..], 4));
}

/// Whatever is pushed, landed, read and cut, what comes out is a prefix of what went in, cut where it was
/// cut.
#[test]
fn gives_back_what_went_in_under_random_operations() {
    for seed in 0..300 {
        let mut rng = Seed::new(seed).rng();
        let (mut pipe, mut sent, mut got) = (pipe(), Content::new(), Content::new());
        let mut out = Vec::new();
        for _ in 0..40 {
            let length = rng.between(1, 30);
            match rng.below(6) {
                0 => {
                    let bytes = vec![7; usize::try_from(length).unwrap()];
                    pipe.push_bytes(&bytes);
                    sent.push_bytes(&bytes);
                    fly(&mut pipe, length);
                }
                1 => {
                    let bulk = Bulk { seed: rng.between(1, 2), offset: rng.below(5), length };
                    pipe.push_bulk(bulk);
                    sent.push_bulk(bulk);
                    fly(&mut pipe, length);
                }
                2 => drop(pipe.land()),
                3 => {
                    out.clear();
                    pipe.read(&mut out, usize::try_from(length).unwrap());
                    got.push_bytes(&out);
                }
                4 => {
                    if let Some(payload) = pipe.take(length) {
                        got.push(&payload);
                    }
                }
                _ => {
                    let keep = rng.below(pipe.in_flight() + 3);
                    sent.truncate(sent.len() - pipe.in_flight().saturating_sub(keep));
                    pipe.cut_flight(keep);
                }
            }
            assert_eq!(got.len() + pipe.unread(), sent.len(), "seed {seed}");
        }
        while pipe.land().is_some() {}
        while let Some(payload) = pipe.take(1_000) {
            got.push(&payload);
        }
        assert_eq!(got, sent, "seed {seed}");
        assert_eq!(pipe.unread(), 0, "seed {seed}");
    }
}
