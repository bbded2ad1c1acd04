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

    #[test]
    fn a_message_with_a_changed_byte_is_read_or_refused(at in 0usize..200, byte in any::<u8>()) {
        let mut bytes = whole().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::parse(&bytes);
    }
}
