//! What a peer claims costs no memory; what it sends costs none either, unless it splits JSON.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use allocation_counter::{AllocationInfo, measure};
use mvrx_wire::{Decoder, Limits, PackageHeader, PackageType, Step, encode_json, file_header};

// proves: PKG-14
#[test]
fn messages_and_files_of_one_package_are_read_without_allocating() {
    let mut stream = Vec::new();
    for _ in 0..100 {
        encode_json(&[b' '; 300], &mut stream);
        stream.extend_from_slice(&file_header(1_000));
        stream.extend_from_slice(&[7; 1_000]);
    }
    let mut decoder = Decoder::new(Limits::default());
    let (mut messages, mut file_bytes) = (0, 0);
    let info = measure(|| {
        let mut rest = stream.as_slice();
        loop {
            let (consumed, step) = decoder.decode(rest).unwrap();
            match step {
                Step::Incomplete { .. } => break,
                Step::Json(_) => messages += 1,
                Step::FilePayload { held, .. } => file_bytes += held.len(),
                Step::FileStart { .. } | Step::FileEnd { .. } => {}
            }
            rest = &rest[consumed..];
        }
    });
    assert_eq!((messages, file_bytes), (100, 100_000));
    assert_eq!(info.count_total, 0);
}

// proves: PKG-09
#[test]
fn a_header_alone_never_allocates_whatever_it_claims() {
    for package_type in [PackageType::Json, PackageType::File] {
        for count in [0, 1, 2, 65_536, u32::MAX] {
            for payload_length in [0, 1 << 20, 100 << 20, 1 << 63, u64::MAX] {
                let single = PackageHeader::single(package_type, payload_length);
                let header = PackageHeader { count, ..single }.to_bytes();
                let mut decoder = Decoder::new(Limits::default());
                let info = measure(|| {
                    let _ = decoder.decode(&header);
                });
                assert_eq!(info.count_total, 0, "{package_type} {count} {payload_length}");
            }
        }
    }
}

// proves: PKG-09
#[test]
fn split_json_takes_memory_only_for_bytes_that_came() {
    let mut bytes =
        PackageHeader { count: 2, ..PackageHeader::single(PackageType::Json, 1 << 20) }.to_bytes().to_vec();
    bytes.extend_from_slice(&[b' '; 1_000]);
    let mut decoder = Decoder::new(Limits::default());
    let AllocationInfo { bytes_max, .. } = measure(|| {
        let _ = decoder.decode(&bytes);
    });
    assert_eq!(decoder.buffered(), 1_000);
    assert!(bytes_max <= 2_000, "{bytes_max}");
}
