use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::from_dotted(text).unwrap()
}

fn whole() -> Message {
    let instance = name("Desk.Default._show._tcp.local");
    let record = |owner: &Name, data| Record { name: owner.clone(), data, ttl: 120, flush: true };
    let host = name("host.local");
    Message {
        response: true,
        answers: vec![
            record(&name("_show._tcp.local"), Data::Ptr(instance.clone())),
            record(&instance, Data::Srv { priority: 1, weight: 2, port: 3, target: host.clone() }),
            record(&instance, Data::Txt(vec![b"a=1".to_vec(), b"b".to_vec(), b"c=".to_vec()])),
            record(&instance, Data::Txt(Vec::new())),
        ],
        additionals: vec![
            record(&host, Data::A([10, 0, 0, 1].into())),
            record(&host, Data::Aaaa("fe80::1".parse().unwrap())),
            record(&host, Data::Nsec { next: host.clone(), kinds: vec![kind::A, kind::AAAA] }),
        ],
        ..Message::default()
    }
}

#[test]
fn what_is_written_is_read_again() {
    let message = whole();
    assert_eq!(Message::parse(&message.encode()), Ok(message));
    let query = Message {
        id: 7,
        truncated: true,
        questions: vec![Question { name: name("Desk.local"), kind: kind::ANY, unicast: true }],
        ..Message::default()
    };
    assert_eq!(Message::parse(&query.encode()), Ok(query));
}

#[test]
fn the_spelling_of_names_survives_compression() {
    let mut message = whole();
    message.additionals[0].name = name("HOST.local");
    let read = Message::parse(&message.encode()).unwrap();
    assert_eq!(read.additionals[0].name.to_string(), "HOST.local.");
    assert_eq!(read.additionals[1].name.to_string(), "host.local.");
}

#[test]
fn a_label_with_a_dot_stays_one_label() {
    let instance = name("_show._tcp.local").below(&["Desk 1.5", "Bühne"]).unwrap();
    let mut message = whole();
    message.answers[0].data = Data::Ptr(instance.clone());
    let read = Message::parse(&message.encode()).unwrap();
    let Data::Ptr(read) = &read.answers[0].data else { panic!() };
    assert_eq!(read.labels().collect::<Vec<_>>(), instance.labels().collect::<Vec<_>>());
}

#[test]
fn a_message_that_counts_more_than_it_holds_is_refused_before_room_is_made() {
    let mut bytes = whole().encode();
    bytes[6] = 0xff;
    let refused = Message::parse(&bytes);
    assert!(matches!(refused, Err(WireError::MoreEntriesThanBytes { .. })), "{refused:?}");
}

/// Where a record of a written message begins: the `nth` name that is a pointer or labels before type A, say.
fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|w| w == wanted).expect("it is there")
}

// proves: MDNS-SALVAGE
#[test]
fn one_bad_record_does_not_hide_the_others() {
    let message = whole();
    let bytes = message.encode();
    // The A record says it has five bytes, of which the fifth is the next record's: what follows leads nowhere.
    let a = position(&bytes, &[0, 4, 10, 0, 0, 1]);
    let mut longer = bytes.clone();
    longer[a + 1] = 5;
    let read = Message::parse(&longer).unwrap();
    assert_eq!(read.answers, message.answers);
    assert!(read.additionals.is_empty(), "{read:?}");
    // The SRV record's target is a pointer to itself.
    let srv = position(&bytes, &[0, 1, 0, 2, 0, 3]);
    let mut looping = bytes;
    let target = u16::try_from(srv + 6).unwrap() | 0xc000;
    looping[srv + 6..srv + 8].copy_from_slice(&target.to_be_bytes());
    let read = Message::parse(&looping);
    // Its labels may be of another length than a pointer: then the record does not end where it says, and is left out as well.
    let read = read.unwrap();
    assert!(!read.answers.iter().any(|r| r.data.kind() == kind::SRV), "{read:?}");
    assert_eq!(read.answers[0], message.answers[0]);
    assert!(read.answers.contains(&message.answers[2]));
}

// proves: MDNS-SALVAGE
#[test]
fn a_message_cut_off_anywhere_says_what_was_before() {
    let message = whole();
    let bytes = message.encode();
    let all = |m: &Message| m.answers.iter().chain(&m.additionals).cloned().collect::<Vec<_>>();
    let mut most = 0;
    for length in 0..bytes.len() {
        let Ok(read) = Message::parse(&bytes[..length]) else { continue };
        let read = all(&read);
        assert!(all(&message).starts_with(&read), "{length}: {read:?}");
        most = most.max(read.len());
    }
    assert_eq!(most, 6, "all but the last");
}

#[test]
fn other_opcodes_and_refusals_are_not_for_us() {
    for (at, bits) in [(2, 0x28), (3, 0x03)] {
        let mut bytes = whole().encode();
        bytes[at] |= bits;
        assert_eq!(Message::parse(&bytes), Err(WireError::NotAQuery));
    }
}

#[test]
fn a_message_ends_at_9000_bytes() {
    let mut bytes = whole().encode();
    bytes.resize(MESSAGE_BYTES, 0);
    assert!(Message::parse(&bytes).is_ok());
    bytes.push(0);
    assert_eq!(Message::parse(&bytes), Err(WireError::MessageTooLong { bytes: 9001, max: 9000 }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = Message::parse(&bytes) {
            let again = message.encode();
            prop_assert!(Message::parse(&again).is_ok() || again.len() > MESSAGE_BYTES);
        }
    }

    // proves: MDNS-SALVAGE
    #[test]
    fn what_is_well_formed_is_salvaged_as_it_is_read(strings in proptest::collection::vec("[a-z]{1,9}(=.{0,20})?", 0..4), port: u16, v4: u32, v6: u128) {
        let mut message = whole();
        message.answers[1].data = Data::Srv { priority: port, weight: port, port, target: name("host.local") };
        message.answers[2].data = Data::Txt(strings.into_iter().map(String::into_bytes).collect());
        message.additionals[0].data = Data::A(v4.into());
        message.additionals[1].data = Data::Aaaa(v6.into());
        let bytes = message.encode();
        prop_assert_eq!(salvage::salvage(&bytes), Message::parse(&bytes).unwrap());
    }

    #[test]
    fn a_message_with_a_changed_byte_is_read_or_refused(at in 0usize..200, byte in any::<u8>()) {
        let mut bytes = whole().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::parse(&bytes);
    }
}
