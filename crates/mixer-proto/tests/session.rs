//! What a client makes of what it is told while it asks to join.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use mixer_proto::client::{ClientEvent, ClientSession};
use mixer_proto::code::control;
use mixer_proto::frame::Frames;
use mixer_proto::message::{JoinRoom, ServerMessage};
use mixer_proto::stay::Stay;

fn asks(room: &str) -> ClientSession {
    let mut session = ClientSession::new();
    session.hello();
    told(&mut session, &[id()]);
    session.take_outgoing();
    session.join(JoinRoom { room: room.into(), ..JoinRoom::default() }).unwrap();
    session
}

fn id() -> ServerMessage {
    ServerMessage::ClientId { id: "192.0.2.1:5".into() }
}

fn error(text: &str) -> ServerMessage {
    ServerMessage::SendError { text: text.into() }
}

fn told(session: &mut ClientSession, messages: &[ServerMessage]) -> Vec<ClientEvent> {
    let frames: Vec<u8> = messages.iter().flat_map(|message| message.encode(1).to_vec()).collect();
    session.receive(&Bytes::from(frames)).collect()
}

fn said(text: &str) -> ClientEvent {
    ClientEvent::Refused { text: text.into() }
}

// proves: MIX-STAY-2
#[test]
fn error_of_another_client_before_the_answer_to_a_join_is_no_refusal() {
    let mut session = asks("r");
    let sent: Vec<u16> = Frames::new(&session.take_outgoing()).map(|frame| frame.header.code).collect();
    assert_eq!(sent, [control::JOIN_ROOM, control::CLIENT_ID]);
    assert_eq!(told(&mut session, &[error("not about you")]), [said("not about you")]);
    assert_eq!(session.stay(), Stay::Asked);
    let joined = ServerMessage::JoinRoom { room: "r".into() };
    let events = told(&mut session, &[ServerMessage::ClearContent, id(), joined]);
    assert_eq!(events, [ClientEvent::ContentCleared, ClientEvent::Joined { room: "r".into() }]);
    // The same when the room is new.
    let mut session = asks("r");
    told(&mut session, &[error("not about you"), ServerMessage::JoinRoom { room: "r".into() }]);
    let events = told(&mut session, &[ServerMessage::Content, id()]);
    assert_eq!(events, [ClientEvent::ContentWanted { room: "r".into() }]);
}

// proves: MIX-STAY-2
#[test]
fn join_is_refused_when_what_was_asked_after_it_is_answered_and_it_is_not() {
    let refused = |text: &str| ClientEvent::JoinRefused { room: "stage".into(), text: text.into() };
    for (errors, text) in [
        (&["room stage is locked"][..], "room stage is locked"),
        (&["one", "two"], "two"),
        (&["one", "room stage is locked"], "room stage is locked"),
        (&["room stage is locked", "one"], "room stage is locked"),
        (&[], "the server does not say why"),
    ] {
        let mut session = asks("stage");
        let messages: Vec<ServerMessage> = errors.iter().map(|text| error(text)).chain([id()]).collect();
        let events: Vec<ClientEvent> = errors.iter().map(|text| said(text)).chain([refused(text)]).collect();
        assert_eq!(told(&mut session, &messages), events);
        assert_eq!(session.stay(), Stay::Outside);
        session.join(JoinRoom { room: "stage".into(), ..JoinRoom::default() }).unwrap();
    }
}

// proves: MIX-STAY-2
#[test]
fn id_that_was_asked_for_before_the_join_says_nothing_about_it() {
    let mut session = ClientSession::new();
    session.hello();
    session.join(JoinRoom { room: "r".into(), ..JoinRoom::default() }).unwrap();
    let events = told(&mut session, &[id()]);
    assert_eq!(events, [ClientEvent::Identified { id: "192.0.2.1:5".into() }]);
    assert_eq!(session.stay(), Stay::Asked);
    assert_eq!(told(&mut session, &[ServerMessage::ClearContent]), [ClientEvent::ContentCleared]);
}
