use mvrx_message::{Join, JoinRet, Leave, MvrVersion, NewSessionHost, QuirkSet, Reply};

use super::*;

fn station(byte: u8) -> StationUuid {
    StationUuid::from_random_bytes([byte; 16])
}

fn join(station: StationUuid) -> Join {
    Join {
        provider: "Test".to_owned(),
        station_name: "FOH".to_owned(),
        version: MvrVersion { major: 1, minor: 6 },
        station,
        commits: Vec::new(),
        ours: None,
        group: None,
        files: None,
        password: None,
        withdrawn: Vec::new(),
        released: Vec::new(),
    }
}

fn leave(byte: u8) -> Message {
    Message::Leave(Leave::new(station(byte)))
}

fn note(messages: &Messages, connection: u64, direction: Direction, message: &Message) {
    let peer = Some(([10, 0, 0, 1], 42424).into());
    let what = What::Message { message, quirks: QuirkSet::default(), dialect: None, bytes: 80 };
    messages.observe(&Record { connection, peer, direction, what });
}

fn numbers(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.number).collect()
}

#[test]
fn the_oldest_are_forgotten_and_numbers_go_on() {
    let messages = Messages::new(MessageLimits { entries: 3, ..MessageLimits::default() });
    assert_eq!(messages.after(0, 10), Page { entries: Vec::new(), first: 1, last: 0 });
    let mut changed = messages.changed();
    for byte in 1..=5 {
        note(&messages, 1, Direction::In, &leave(byte));
    }
    assert_eq!(*changed.borrow_and_update(), 5);
    let page = messages.after(0, 10);
    assert_eq!((numbers(&page), page.first, page.last), (vec![3, 4, 5], 3, 5));
    assert_eq!(numbers(&messages.after(3, 10)), [4, 5]);
    assert_eq!(numbers(&messages.after(3, 1)), [4]);
    assert_eq!(numbers(&messages.after(5, 10)), [0_u64; 0]);
    assert_eq!(numbers(&messages.after(u64::MAX, 10)), [0_u64; 0]);
    assert_eq!(numbers(&messages.newest(2)), [4, 5]);
}

#[test]
fn texts_take_no_more_than_they_may_and_the_newest_stays() {
    let text = String::from_utf8(leave(1).to_json(&whole())).unwrap();
    let each = text.len() + "MVR_LEAVE".len();
    let messages = Messages::new(MessageLimits { bytes: 2 * each, ..MessageLimits::default() });
    for byte in 1..=3 {
        note(&messages, 1, Direction::In, &leave(byte));
    }
    assert_eq!(numbers(&messages.after(0, 10)), [2, 3]);
    let tight = Messages::new(MessageLimits { bytes: 1, text: 10, ..MessageLimits::default() });
    note(&tight, 1, Direction::In, &leave(1));
    note(&tight, 1, Direction::In, &leave(2));
    let page = tight.after(0, 10);
    assert_eq!(numbers(&page), [2]);
    assert_eq!((page.entries[0].text.as_deref(), page.entries[0].cut), (text.get(..10), true));
}

#[test]
fn a_text_of_the_very_length_is_whole() {
    let text = String::from_utf8(leave(1).to_json(&whole())).unwrap();
    let messages = Messages::new(MessageLimits { text: text.len(), ..MessageLimits::default() });
    note(&messages, 1, Direction::Out, &leave(1));
    assert_eq!(messages.after(0, 1).entries[0].text.as_deref(), Some(text.as_str()));
    assert!(!messages.after(0, 1).entries[0].cut);
}

#[test]
fn passwords_and_tickets_are_not_kept() {
    let secret = "open sesame";
    let ticket = Ticket::from_random_bytes([0xab; 16]);
    let answer = JoinRet {
        reply: Reply { ok: true, message: String::new(), from: None },
        provider: String::new(),
        station_name: String::new(),
        version: MvrVersion { major: 1, minor: 6 },
        station: Some(station(2)),
        commits: Vec::new(),
        ours: Some(mvrx_message::Ours::default()),
        group: None,
        ticket: Some(ticket.clone()),
        roster: None,
    };
    let with_ticket = Join {
        files: Some(FilesConnection::Of(ticket.clone())),
        password: Some(JoinPassword::new(secret)),
        ours: Some(mvrx_message::Ours::default()),
        ..join(station(1))
    };
    let url = "ws://crew:open sesame@10.0.0.1:42480/".to_owned();
    let host = NewSessionHost { service_name: String::new(), service_url: url, station: None };
    let messages = Messages::default();
    for message in [Message::Join(with_ticket), Message::JoinRet(answer), Message::NewSessionHost(host)] {
        let written = String::from_utf8(message.to_json(&whole())).unwrap();
        assert!(written.contains(secret) || written.contains(ticket.as_str()), "{written}");
        note(&messages, 1, Direction::Out, &message);
    }
    for entry in messages.after(0, 10).entries {
        let shown = entry.json().to_string();
        assert!(!shown.contains(secret) && !shown.contains(ticket.as_str()), "{shown}");
    }
}

#[test]
fn who_is_at_the_other_end_is_known_once_he_said_so() {
    let messages = Messages::new(MessageLimits { connections: 1, ..MessageLimits::default() });
    note(&messages, 1, Direction::Out, &Message::Join(join(station(9))));
    note(&messages, 1, Direction::In, &leave(1));
    note(&messages, 1, Direction::Out, &leave(9));
    note(&messages, 2, Direction::In, &leave(2));
    note(&messages, 1, Direction::Out, &leave(9));
    let known: Vec<_> = messages.after(0, 10).entries.iter().map(|entry| entry.station).collect();
    assert_eq!(known, [None, Some(station(1)), Some(station(1)), Some(station(2)), None]);
}
