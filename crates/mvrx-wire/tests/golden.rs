//! What running products put on the wire is read, all of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;

use std::fs;
use std::path::Path;

use bodies::{Message, Transcript, Whole, read};
use mvrx_wire::{DecodeError, Limits, PackageType, encode_json};

// proves: PKG-05
#[test]
fn accepts_every_package_that_products_were_seen_to_send() {
    let mut files = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "bin") {
            continue;
        }
        files += 1;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        let Transcript { messages, end, quirks } = read(&bytes, Limits::default(), &mut Whole);
        let [message] = messages.as_slice() else { panic!("{name}: {messages:?}") };
        let cut = name.ends_with("_first4096.bin");
        match message {
            Message::Json(json) => {
                assert!(json.starts_with(b"{") && json.ends_with(b"}"), "{name}");
                assert_eq!(end, None, "{name}");
            }
            Message::File { length, packages, bytes, whole } => {
                assert!(bytes.starts_with(b"PK"), "{name}");
                assert_eq!((*packages, *whole), (1, !cut), "{name}");
                assert_eq!(*length, Some(if cut { 2_100_380 } else { bytes.len() as u64 }), "{name}");
                let missing = 2_100_380 - (4096 - 28);
                let package_type = PackageType::File;
                let truncated = DecodeError::StreamEndedInPayload { package_type, missing };
                assert_eq!(end, cut.then_some(truncated), "{name}");
            }
        }
        // One of the two products never sets the version.
        assert_eq!(quirks, [u64::from(name.starts_with("libmvrgdtf_")), 0], "{name}");
    }
    assert_eq!(files, 22);
}

#[test]
fn file_payload_is_the_file() {
    let package = fs::read(folder().join("blenderdmx_tcp_file_small_mvr.bin")).unwrap();
    let file = fs::read(folder().join("small.mvr")).unwrap();
    let length = Some(file.len() as u64);
    let expected = Message::File { length, packages: 1, bytes: file, whole: true };
    assert_eq!(read(&package, Limits::default(), &mut Whole).messages, [expected]);
}

// proves: PKG-01, PKG-02, PKG-03, PKG-04, PKG-08, PKG-15
#[test]
fn writes_the_same_bytes_as_a_product_that_follows_the_specification() {
    for name in ["blenderdmx_tcp_join.bin", "blenderdmx_tcp_request.bin"] {
        let package = fs::read(folder().join(name)).unwrap();
        let mut ours = Vec::new();
        encode_json(&package[28..], &mut ours);
        assert_eq!(ours, package);
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
