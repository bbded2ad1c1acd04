use super::*;
use crate::{Blame, Quirk, Scope, encode_json, file_header};

const SMALL: Limits =
    Limits { json_bytes: 10, file_bytes: 100, packages_per_message: 4, strict_version: false };

/// Feeds headers, each followed by its whole payload of zeros unless it is longer than 1,000 bytes, and returns how
/// that ended.
fn end_of(limits: Limits, headers: &[PackageHeader]) -> Result<(), DecodeError> {
    let mut stream = Vec::new();
    for header in headers {
        stream.extend_from_slice(&header.to_bytes());
        if header.payload_length <= 1_000 {
            stream.resize(stream.len() + usize::try_from(header.payload_length).unwrap(), 0);
        }
    }
    let mut decoder = Decoder::new(limits);
    let mut rest = stream.as_slice();
    loop {
        let (consumed, step) = decoder.decode(rest)?;
        let done = matches!(step, Step::Incomplete { .. });
        rest = &rest[consumed..];
        if done {
            return decoder.finish();
        }
    }
}

fn json(number: u32, count: u32, payload_length: u64) -> PackageHeader {
    PackageHeader { number, count, ..PackageHeader::single(PackageType::Json, payload_length) }
}

fn file(number: u32, count: u32, payload_length: u64) -> PackageHeader {
    PackageHeader { number, count, ..PackageHeader::single(PackageType::File, payload_length) }
}

// proves: PKG-09
#[test]
fn refuses_json_above_its_limit_on_the_header() {
    assert_eq!(end_of(SMALL, &[json(0, 1, 10)]), Ok(()));
    for got in [11, 100 << 20, 1 << 63, u64::MAX] {
        assert_eq!(
            end_of(SMALL, &[json(0, 1, got)]),
            Err(DecodeError::JsonLongerThanLimit { got, limit: 10 })
        );
        assert_eq!(
            end_of(SMALL, &[json(0, 2, got)]),
            Err(DecodeError::JsonLongerThanLimit { got, limit: 10 })
        );
    }
    let limit = 1 << 20;
    let error = DecodeError::JsonLongerThanLimit { got: 100 << 20, limit };
    assert_eq!(end_of(Limits::default(), &[json(0, 1, 100 << 20)]), Err(error));
}

// proves: PKG-09
#[test]
fn refuses_file_above_its_limit_on_the_header() {
    assert_eq!(end_of(SMALL, &[file(0, 1, 100)]), Ok(()));
    for got in [101, 1 << 63, u64::MAX] {
        assert_eq!(
            end_of(SMALL, &[file(0, 1, got)]),
            Err(DecodeError::FileLongerThanLimit { got, limit: 100 })
        );
        assert_eq!(
            end_of(SMALL, &[file(0, 2, got)]),
            Err(DecodeError::FileLongerThanLimit { got, limit: 100 })
        );
    }
}

// proves: PKG-09
#[test]
fn limits_hold_for_all_packages_of_a_message_together() {
    assert_eq!(end_of(SMALL, &[json(0, 3, 4), json(1, 3, 0), json(2, 3, 6)]), Ok(()));
    let error = DecodeError::JsonLongerThanLimit { got: 11, limit: 10 };
    assert_eq!(end_of(SMALL, &[json(0, 3, 4), json(1, 3, 7)]), Err(error));
    assert_eq!(end_of(SMALL, &[file(0, 3, 60), file(1, 3, 0), file(2, 3, 40)]), Ok(()));
    let error = DecodeError::FileLongerThanLimit { got: 101, limit: 100 };
    assert_eq!(end_of(SMALL, &[file(0, 3, 60), file(1, 3, 41)]), Err(error));
}

// proves: PKG-09
#[test]
fn refuses_more_packages_than_the_limit() {
    assert_eq!(end_of(SMALL, &[json(0, 4, 0), json(1, 4, 0), json(2, 4, 0), json(3, 4, 0)]), Ok(()));
    for count in [5, u32::MAX] {
        let error = DecodeError::PackageCountAboveLimit { count, limit: 4 };
        assert_eq!(end_of(SMALL, &[json(0, count, 0)]), Err(error));
        assert_eq!(end_of(SMALL, &[file(0, count, 0)]), Err(error));
    }
    let error = DecodeError::PackageCountAboveLimit { count: u32::MAX, limit: 65_536 };
    assert_eq!(end_of(Limits::default(), &[file(0, u32::MAX, 0)]), Err(error));
}

// proves: PKG-12
#[test]
fn refuses_lengths_that_add_up_to_more_than_64_bits() {
    let limits = Limits { file_bytes: u64::MAX, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    let mut step = |header: PackageHeader| decoder.decode(&header.to_bytes()).map(|(consumed, _)| consumed);
    assert_eq!(step(file(0, 2, u64::MAX)), Ok(28));
    decoder.file_bytes_moved(u64::MAX).unwrap();
    let error = DecodeError::MessageLengthOverflows { before: u64::MAX, length: 1 };
    assert_eq!(decoder.decode(&file(1, 2, 1).to_bytes()), Err(error));
}

// proves: PKG-10
#[test]
fn packages_of_a_message_come_in_order_with_the_same_type_and_count() {
    let out_of_order = |got, expected| Err(DecodeError::PackageNumberOutOfOrder { got, expected });
    assert_eq!(end_of(SMALL, &[json(1, 3, 0)]), out_of_order(1, 0));
    assert_eq!(end_of(SMALL, &[file(1, 3, 0)]), out_of_order(1, 0));
    assert_eq!(end_of(SMALL, &[json(0, 3, 2), json(2, 3, 2)]), out_of_order(2, 1));
    assert_eq!(end_of(SMALL, &[json(0, 3, 2), json(0, 3, 2)]), out_of_order(0, 1));
    assert_eq!(end_of(SMALL, &[file(0, 3, 2), file(1, 3, 2), file(1, 3, 2)]), out_of_order(1, 2));

    let count = |got, expected| Err(DecodeError::PackageCountChangedWithinMessage { got, expected });
    assert_eq!(end_of(SMALL, &[json(0, 3, 2), json(1, 4, 2)]), count(4, 3));
    assert_eq!(end_of(SMALL, &[file(0, 2, 2), json(0, 1, 2)]), {
        let (got, expected) = (PackageType::Json, PackageType::File);
        Err(DecodeError::PackageTypeChangedWithinMessage { got, expected })
    });
    assert_eq!(end_of(SMALL, &[json(0, 2, 2), json(0, 0, 2)]), count(0, 2));
}

// proves: PKG-05, PKG-06
#[test]
fn tolerated_deviations_are_counted() {
    let mut decoder = Decoder::new(SMALL);
    assert!(decoder.quirks().is_empty());
    for (version, count) in [(1, 1), (0, 1), (0x0100_4d0a, 1), (1, 0), (7, 0), (1, 1)] {
        let header = PackageHeader { version, count, ..json(0, 1, 0) };
        assert_eq!(decoder.decode(&header.to_bytes()), Ok((28, Step::Json(b""))));
    }
    let seen: Vec<_> = decoder.quirks().seen().collect();
    assert_eq!(seen, [(Quirk::PackageVersionNotOne, 3), (Quirk::PackageCountZero, 2)]);
    assert_eq!(decoder.quirks().last_version(), Some(7));
    assert_eq!(Quirk::ALL.map(Quirk::name), ["package-version-not-one", "package-count-zero"]);
}

// proves: PKG-05
#[test]
fn strict_mode_refuses_other_versions() {
    let strict = Limits { strict_version: true, ..SMALL };
    assert_eq!(end_of(strict, &[json(0, 1, 3)]), Ok(()));
    for got in [0, 2, u32::MAX] {
        let header = PackageHeader { version: got, ..json(0, 1, 3) };
        assert_eq!(end_of(strict, &[header]), Err(DecodeError::PackageVersionRefused { got, allowed: 1 }));
        assert_eq!(end_of(SMALL, &[header]), Ok(()));
    }
}

// proves: PKG-13
#[test]
fn end_of_stream_says_what_is_missing() {
    let mut stream = json(0, 2, 3).to_bytes().to_vec();
    stream.extend_from_slice(b"abc");
    stream.extend_from_slice(&json(1, 2, 4).to_bytes());
    stream.extend_from_slice(b"defg");
    stream.extend_from_slice(&json(0, 1, 5).to_bytes());
    stream.extend_from_slice(b"hijkl");
    stream.extend_from_slice(&file(0, 1, 6).to_bytes());
    stream.extend_from_slice(b"mnopqr");
    let in_header = |missing| Err(DecodeError::StreamEndedInHeader { missing });
    let in_json =
        |missing| Err(DecodeError::StreamEndedInPayload { package_type: PackageType::Json, missing });
    let in_file =
        |missing| Err(DecodeError::StreamEndedInPayload { package_type: PackageType::File, missing });
    for (at, expected) in [
        (0, Ok(())),
        (1, in_header(27)),
        (27, in_header(1)),
        (28, in_json(3)),
        (30, in_json(1)),
        (31, Err(DecodeError::StreamEndedWithinMessage { received: 1, count: 2 })),
        (32, in_header(27)),
        (59, in_json(4)),
        (63, Ok(())),
        (90, in_header(1)),
        (91, in_json(5)),
        (95, in_json(1)),
        (96, Ok(())),
        (124, in_file(6)),
        (129, in_file(1)),
        (130, Ok(())),
    ] {
        let mut decoder = Decoder::new(Limits::default());
        let mut rest = &stream[..at];
        loop {
            let (consumed, step) = decoder.decode(rest).unwrap();
            let done = matches!(step, Step::Incomplete { .. });
            rest = &rest[consumed..];
            if done {
                break;
            }
        }
        assert_eq!(decoder.finish(), expected, "after {at} bytes");
        assert_eq!(decoder.at_boundary(), expected.is_ok(), "after {at} bytes");
    }
}

#[test]
fn what_is_plainly_no_package_is_refused_after_four_bytes() {
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(decoder.decode(b"GET"), Ok((0, Step::Incomplete { missing: 25 })));
    let error = DecodeError::MagicIsNotThatOfAPackage { got: 0x4745_5420, expected: MAGIC };
    assert_eq!(decoder.decode(b"GET "), Err(error));
    assert_eq!(decoder.finish(), Err(error));
    assert_eq!(error.to_string(), "not a package: it starts with 0x47455420 and not with 0x000be1ba");
}

// proves: PKG-14
#[test]
fn a_file_goes_past_the_decoder_without_being_held() {
    const LENGTH: u64 = 10 << 30;
    let mut decoder = Decoder::new(Limits::default());
    let header = file_header(LENGTH);
    let start = Step::FileStart { length: Some(LENGTH), packages: 1 };
    assert_eq!(decoder.decode(&header), Ok((28, start)));
    // Nothing of it is here, and yet the caller learns that it may begin.
    assert_eq!(decoder.decode(&[]), Ok((0, Step::FilePayload { held: &[], on_socket: LENGTH })));
    assert_eq!(decoder.decode(&[]), Ok((0, Step::Incomplete { missing: 1 })));
    decoder.file_bytes_moved(LENGTH - 2).unwrap();
    assert_eq!(decoder.buffered(), 0);
    assert!(!decoder.at_boundary());

    let mut last = b"ab".to_vec();
    encode_json(b"{}", &mut last);
    assert_eq!(decoder.decode(&last), Ok((2, Step::FilePayload { held: b"ab", on_socket: 0 })));
    assert_eq!(decoder.decode(&last[2..]), Ok((0, Step::FileEnd { length: LENGTH })));
    assert_eq!(decoder.decode(&last[2..]), Ok((30, Step::Json(b"{}"))));
}

// proves: PKG-14
#[test]
fn refuses_more_moved_bytes_than_are_to_come() {
    let mut decoder = Decoder::new(Limits::default());
    let no_file = Err(BytesMovedError::NoFileIsBeingReceived { moved: 1 });
    assert_eq!(decoder.file_bytes_moved(1), no_file);
    assert_eq!(decoder.file_bytes_moved(0), Ok(()));
    let _ = decoder.decode(&file_header(5)).unwrap();
    assert_eq!(
        decoder.file_bytes_moved(6),
        Err(BytesMovedError::MoreThanThePayloadHas { moved: 6, remaining: 5 })
    );
    assert_eq!(decoder.file_bytes_moved(5), Ok(()));
    assert_eq!(decoder.file_bytes_moved(1), no_file);
    assert_eq!(decoder.decode(&[]), Ok((0, Step::FileEnd { length: 5 })));
    assert_eq!(decoder.finish(), Ok(()));
}

// proves: PKG-13
#[test]
fn a_package_that_came_whole_after_all_leaves_nothing_open() {
    let mut package = Vec::new();
    encode_json(b"{}", &mut package);
    let mut decoder = Decoder::new(Limits::default());
    for (part, missing) in [(1, 27), (27, 1)] {
        assert_eq!(decoder.decode(&package[..part]), Ok((0, Step::Incomplete { missing })));
        assert!(!decoder.at_boundary());
        assert!(decoder.finish().is_err());
    }
    assert_eq!(decoder.decode(&package), Ok((30, Step::Json(b"{}"))));
    assert!(decoder.at_boundary());
    assert_eq!(decoder.finish(), Ok(()));
}

#[test]
fn an_empty_file_starts_and_ends() {
    let mut decoder = Decoder::new(Limits::default());
    let start = Step::FileStart { length: Some(0), packages: 1 };
    assert_eq!(decoder.decode(&file_header(0)), Ok((28, start)));
    assert_eq!(decoder.decode(&[]), Ok((0, Step::FileEnd { length: 0 })));
    assert!(decoder.at_boundary());
}

// proves: PKG-11
#[test]
fn a_split_json_message_is_held_only_until_it_was_read() {
    let mut decoder = Decoder::new(SMALL);
    let mut stream = json(0, 2, 4).to_bytes().to_vec();
    stream.extend_from_slice(b"{\"a\"");
    assert_eq!(decoder.decode(&stream), Ok((32, Step::Incomplete { missing: 28 })));
    assert_eq!(decoder.buffered(), 4);
    let mut stream = json(1, 2, 3).to_bytes().to_vec();
    stream.extend_from_slice(b":1}");
    assert_eq!(decoder.decode(&stream), Ok((31, Step::Json(b"{\"a\":1}"))));
    assert!(decoder.at_boundary());
    assert_eq!(decoder.decode(&[]), Ok((0, Step::Incomplete { missing: 28 })));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn every_error_tells_whose_it_is() {
    let blames = [
        (DecodeError::MagicIsNotThatOfAPackage { got: 0, expected: MAGIC }, Blame::Peer),
        (DecodeError::PackageVersionRefused { got: 0, allowed: 1 }, Blame::Peer),
        (DecodeError::PackageTypeUnknown { got: 2 }, Blame::Peer),
        (DecodeError::PackageNumberNotBelowCount { number: 1, count: 1 }, Blame::Peer),
        (DecodeError::PackageNumberOutOfOrder { got: 1, expected: 0 }, Blame::Peer),
        (DecodeError::PackageCountChangedWithinMessage { got: 1, expected: 2 }, Blame::Peer),
        (DecodeError::MessageLengthOverflows { before: 1, length: u64::MAX }, Blame::Peer),
        (DecodeError::PackageCountAboveLimit { count: 2, limit: 1 }, Blame::Limit),
        (DecodeError::JsonLongerThanLimit { got: 2, limit: 1 }, Blame::Limit),
        (DecodeError::FileLongerThanLimit { got: 2, limit: 1 }, Blame::Limit),
        (DecodeError::StreamEndedInHeader { missing: 1 }, Blame::Network),
        (DecodeError::StreamEndedWithinMessage { received: 1, count: 2 }, Blame::Network),
    ];
    for (error, blame) in blames {
        assert_eq!((error.blame(), error.scope()), (blame, Scope::Connection), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
    }
}
