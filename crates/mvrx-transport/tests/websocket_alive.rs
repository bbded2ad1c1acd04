//! Whether a peer is still there: a question is answered by the pong to its own ping, and by nothing else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::battery::{Source, unexpected};
use mvrx_transport::ws::Opcode;
use mvrx_transport::{Connection, DiscardSink, Incoming, Limits, Progress, WsTransport};
use raw::{client_of, masked, plain, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A ping that carries a question has so many bytes of payload.
const PAYLOAD: usize = 8;

/// The payload of the ping that comes next.
async fn pinged(peer: &mut TcpStream) -> Vec<u8> {
    let mut frame = vec![0; 2 + PAYLOAD];
    peer.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, plain(Opcode::Ping, true, &frame[2..]));
    frame.split_off(2)
}

/// Reads until the leave that a peer says last.
async fn read_to_leave(ours: &mut Connection) {
    match ours.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, leave()),
        other => panic!("{other:?}"),
    }
}

fn leave() -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([1; 16])))
}

fn said() -> Vec<u8> {
    let mut json = Vec::new();
    leave().append_json(&Dialect::strict(), &mut json);
    masked(Opcode::Text, true, &json)
}

// proves: WSK-24
#[tokio::test]
async fn a_question_is_answered_by_the_pong_to_its_own_ping_alone() {
    let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
    let life = ours.writer.life().unwrap();
    let mut answered = tokio::spawn(life.ask());
    let payload = pinged(&mut peer).await;
    // Other pongs and messages are signs of life, too, but may be older than the question.
    for other in [&b""[..], b"12345678", &payload[1..]] {
        peer.write_all(&masked(Opcode::Pong, true, other)).await.unwrap();
    }
    peer.write_all(&said()).await.unwrap();
    read_to_leave(&mut ours).await;
    assert!(still_open(&mut answered).await);
    peer.write_all(&masked(Opcode::Pong, true, &payload)).await.unwrap();
    peer.write_all(&said()).await.unwrap();
    read_to_leave(&mut ours).await;
    assert!(answered.await.unwrap());
    // It can be asked again, by another ping.
    let again = tokio::spawn(life.ask());
    let second = pinged(&mut peer).await;
    assert_ne!(second, payload);
    peer.write_all(&masked(Opcode::Pong, true, &second)).await.unwrap();
    peer.write_all(&said()).await.unwrap();
    read_to_leave(&mut ours).await;
    assert!(again.await.unwrap());
}

/// Whether it is not answered, as far as this runtime's tasks have had their turns.
async fn still_open(answered: &mut tokio::task::JoinHandle<bool>) -> bool {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    !answered.is_finished()
}

// proves: WSK-24
#[tokio::test]
async fn who_asks_anew_or_loses_the_connection_has_no_answer() {
    let (ours, mut peer) = client_of(&WsTransport::default()).await;
    let life = ours.writer.life().unwrap();
    let first = life.ask();
    let second = life.ask();
    assert!(!first.await);
    assert_ne!(pinged(&mut peer).await, pinged(&mut peer).await);
    drop(ours);
    assert!(!second.await);
    assert!(!life.ask().await, "there is nobody to ask");
}

// proves: WSK-24
#[tokio::test]
async fn who_has_closed_asks_nobody() {
    let (mut ours, _peer) = client_of(&WsTransport::default()).await;
    ours.writer.close().await.unwrap();
    assert!(!ours.writer.life().unwrap().ask().await);
}

// proves: WSK-24
#[tokio::test]
async fn a_later_ping_carries_the_question_that_is_open() {
    let limits = Limits { first_byte: None, ping_after: Some(Duration::from_millis(1)), ..Limits::default() };
    let (mut ours, mut peer) = client_of(&with(limits)).await;
    let answered = tokio::spawn(ours.writer.life().unwrap().ask());
    let speaking = async {
        // The peer answers the latest of two pings, as it may.
        let (asked, kept_alive) = (pinged(&mut peer).await, pinged(&mut peer).await);
        assert_eq!(asked, kept_alive);
        peer.write_all(&masked(Opcode::Pong, true, &kept_alive)).await.unwrap();
        peer.write_all(&said()).await.unwrap();
    };
    tokio::join!(speaking, read_to_leave(&mut ours));
    assert!(answered.await.unwrap());
}

// proves: WSK-24
#[tokio::test]
async fn a_question_is_asked_between_two_frames_of_a_file() {
    let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
    let life = ours.writer.life().unwrap();
    let length = 3_000_000;
    let sending = ours.writer.send_file(Box::new(Source::new(length)), Progress::new());
    let reading = async {
        let mut bytes = vec![0; 10];
        peer.read_exact(&mut bytes).await.unwrap();
        // The file has begun, and its end is not written yet: sockets do not take so much.
        drop(life.ask());
        let mut more = vec![0; 64 << 10];
        while bytes.len() < usize::try_from(length).unwrap() {
            let count = peer.read(&mut more).await.unwrap();
            bytes.extend_from_slice(&more[..count]);
        }
        bytes
    };
    let (sent, bytes) = tokio::join!(sending, reading);
    assert_eq!(sent.unwrap(), length);
    let ping = plain(Opcode::Ping, true, &1_u64.to_be_bytes());
    let at = bytes.windows(ping.len()).position(|window| window == ping).unwrap();
    assert!(at < bytes.len() - (256 << 10), "it waited for the end of the file");
}

// proves: WSK-24
#[tokio::test]
async fn an_answer_between_two_frames_of_a_file_is_told_while_the_file_goes_on() {
    let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
    let answered = tokio::spawn(ours.writer.life().unwrap().ask());
    let speaking = async {
        let payload = pinged(&mut peer).await;
        peer.write_all(&masked(Opcode::Binary, false, &[7; 1000])).await.unwrap();
        peer.write_all(&masked(Opcode::Pong, true, &payload)).await.unwrap();
        assert!(answered.await.unwrap());
        peer.write_all(&masked(Opcode::Continuation, true, &[7; 1000])).await.unwrap();
    };
    let receiving = async {
        assert!(matches!(ours.reader.next().await, Ok(Incoming::File { .. })));
        let sink = Box::new(DiscardSink);
        let taken = ours.reader.receive_file(sink, None, &mut unexpected, Progress::new()).await;
        assert_eq!(taken.unwrap(), 2000);
    };
    tokio::join!(speaking, receiving);
}
