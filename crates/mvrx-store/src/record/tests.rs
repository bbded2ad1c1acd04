use proptest::prelude::*;

use super::*;
use crate::battery::commit;

fn any_stored() -> impl Strategy<Value = StoredCommit> {
    let ids = (
        any::<[u8; 16]>(),
        proptest::option::of(any::<[u8; 16]>()),
        prop::collection::vec(any::<[u8; 16]>(), 0..5),
    );
    let texts = (any::<String>(), any::<String>(), any::<String>());
    let numbers = (any::<u64>(), 0..253_402_300_800_000_u64, any::<u64>(), any::<u64>(), any::<(u32, u32)>());
    let hashes = (any::<[u8; 32]>(), proptest::option::of(any::<[u8; 32]>()));
    let author = proptest::option::of(any::<(String, String)>());
    let whole = (ids, texts, numbers, hashes, author, any::<Option<u64>>());
    whole.prop_map(|(ids, texts, numbers, hashes, author, order)| StoredCommit {
        commit: Commit {
            file: FileUuid::from_random_bytes(ids.0),
            station: ids.1.and_then(StationUuid::from_bytes),
            version: MvrVersion { major: numbers.4.0, minor: numbers.4.1 },
            file_size: numbers.2,
            for_stations: ids.2.into_iter().filter_map(StationUuid::from_bytes).collect(),
            comment: texts.0,
            file_name: texts.1,
            blake3: hashes.1,
            author: author.map(|(name, provider)| Author { name, provider }),
            group: None,
            order,
            missed: false,
        },
        sequence: numbers.0,
        seen: from_millis(numbers.1).unwrap(),
        hash: hashes.0,
        length: numbers.3,
        group: texts.2,
    })
}

proptest! {
    #[test]
    fn reads_back_every_commit_that_it_writes(stored in any_stored()) {
        let bytes = encode(&stored);
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2);
        prop_assert_eq!(decode(&bytes).unwrap(), stored);
    }

    #[test]
    fn takes_no_changed_record(stored in any_stored(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = encode(&stored);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        match decode(&bytes) {
            Err(NotUsable::Damaged(_)) => {}
            // The checksum may be spelled in upper case; nothing else may differ.
            other => prop_assert_eq!(other.unwrap(), stored),
        }
    }

    #[test]
    fn any_bytes_are_damaged_and_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(matches!(decode(&bytes), Err(NotUsable::Damaged(_))));
        prop_assert!(matches!(check_schema(&bytes), Err(NotUsable::Damaged(_))));
    }

    #[test]
    fn any_framed_json_is_damaged_or_newer_and_causes_no_panic(schema in 0..4_u64, rest in "[a-z]{0,8}") {
        let bytes = frame(&serde_json::json!({ "schema": schema, "rest": rest }));
        let expected = match schema {
            2.. => NotUsable::Newer { found: schema },
            _ => NotUsable::Damaged(RecordDamage::FieldsNotUnderstood),
        };
        prop_assert_eq!(decode(&bytes).unwrap_err(), expected);
    }
}

// proves: STO-04
#[test]
fn tells_newer_from_damaged() {
    assert_eq!(check_schema(&encode_schema()), Ok(()));
    let newer = frame(&SchemaOnly { schema: u64::MAX });
    assert_eq!(check_schema(&newer), Err(NotUsable::Newer { found: u64::MAX }));
    let mut damaged = newer;
    damaged[3] ^= 1;
    assert_eq!(check_schema(&damaged), Err(NotUsable::Damaged(RecordDamage::ChecksumDiffers)));
}

#[test]
fn passes_over_keys_that_were_added_later() {
    let stored = StoredCommit {
        commit: commit(1),
        sequence: 4,
        seen: from_millis(5).unwrap(),
        hash: [6; 32],
        length: 7,
        group: "Default".to_owned(),
    };
    let bytes = encode(&stored);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(line).unwrap();
    value.as_object_mut().unwrap().insert("colour".to_owned(), "red".into());
    assert_eq!(decode(&frame(&value)).unwrap(), stored);
}

/// The bytes on disk: whoever changes them has to raise the schema.
#[test]
fn the_record_is_written_as_schema_1_is() {
    let stored = StoredCommit {
        commit: Commit { blake3: Some([0xcd; 32]), ..commit(1) },
        sequence: 4,
        seen: from_millis(1_763_700_000_123).unwrap(),
        hash: [0xab; 32],
        length: 7,
        group: "Default".to_owned(),
    };
    let expected = format!(
        concat!(
            r#"{{"schema":1,"sequence":4,"file":"01010101-0101-4101-8101-010101010101","#,
            r#""seen_ms":1763700000123,"length":7,"blake3":"{}","group":"Default","#,
            r#""station":"01010101-0101-0101-0101-010101010101","version":[1,6],"file_size":77,"#,
            r#""for_stations":["09090909-0909-0909-0909-090909090909"],"#,
            r#""comment":"re-hung LX1 – \"now\"\nwith two lines","file_name":"rig 1.mvr","#,
            r#""told_blake3":"{}"}}"#
        ),
        "ab".repeat(32),
        "cd".repeat(32)
    );
    let checksum = blake3::hash(expected.as_bytes()).to_hex();
    assert_eq!(String::from_utf8(encode(&stored)).unwrap(), format!("{expected}\n{checksum}\n"));
}

// proves: STO-23
#[test]
fn the_place_in_the_order_is_kept_and_a_record_without_one_reads_as_before() {
    let stored = |order| StoredCommit {
        commit: Commit { order, ..commit(1) },
        sequence: 4,
        seen: from_millis(5).unwrap(),
        hash: [6; 32],
        length: 7,
        group: "Default".to_owned(),
    };
    let with = String::from_utf8(encode(&stored(Some(9)))).unwrap();
    assert!(with.contains(r#","order":9}"#), "{with}");
    let without = String::from_utf8(encode(&stored(None))).unwrap();
    assert!(!without.contains("order"), "{without}");
    for (text, order) in [(with, Some(9)), (without, None)] {
        assert_eq!(decode(text.as_bytes()).unwrap(), stored(order));
    }
}
