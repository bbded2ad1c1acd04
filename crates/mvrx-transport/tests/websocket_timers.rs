//! How long a WebSocket connection waits for what; over streams that keep to tokio's clock.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::ws::Opcode;
use mvrx_transport::{
    BoxError, Connection, FileSource, Incoming, Limits, Progress, ReadError, SourceRead, WsUrl,
};
use raw::{REQUEST, masked, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

fn ends() -> (SocketAddr, SocketAddr) {
    (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into())
}

/// A client and a server, both ours.
async fn pair(limits: Limits) -> (Connection, Connection) {
    let (one, other) = duplex(64 << 10);
    let (ws, url) = (with(limits), WsUrl::at(ends().0));
    let (client, server) = tokio::join!(ws.connect_over(one, &url, ends()), ws.accept_over(other, ends()));
    (client.unwrap(), server.unwrap())
}

/// A server of ours, and a client that writes what it likes.
async fn server(limits: Limits) -> (Connection, DuplexStream) {
    let (mut peer, other) = duplex(64 << 10);
    let ws = with(limits);
    let shaking = async {
        peer.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
    };
    let ((), ours) = tokio::join!(shaking, ws.accept_over(other, ends()));
    (ours.unwrap(), peer)
}

fn patient() -> Limits {
    Limits { first_byte: None, ..Limits::default() }
}

/// The error that ends a connection, and after how long.
async fn end(ours: &mut Connection) -> (ReadError, Duration) {
    let start = Instant::now();
    let error = ours.reader.next().await.unwrap_err();
    (error, start.elapsed())
}

#[tokio::test(start_paused = true)]
// proves: WSK-12
async fn a_silent_peer_that_answers_pings_is_kept_for_hours() {
    let (client, mut server) = pair(patient()).await;
    let Connection { mut reader, mut writer, .. } = client;
    let answering = tokio::spawn(async move { reader.next().await });
    let speaking = async {
        tokio::time::sleep(SECOND * 7200).await;
        writer.send(&leave(1), &Dialect::strict()).await.unwrap();
    };
    let (heard, ()) = tokio::join!(server.reader.next(), speaking);
    assert!(matches!(heard, Ok(Incoming::Message { .. })), "{heard:?}");
    assert!(!answering.is_finished());
}

#[tokio::test(start_paused = true)]
// proves: WSK-12
async fn a_peer_that_answers_no_ping_is_given_up() {
    let (mut ours, mut peer) = server(patient()).await;
    let (error, after) = end(&mut ours).await;
    assert!(matches!(error, ReadError::PingNotAnswered { .. }), "{error:?}");
    assert_eq!(after.as_secs(), 90);
    let mut ping = [0; 2];
    peer.read_exact(&mut ping).await.unwrap();
    assert_eq!(ping, [0x89, 0]);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_peer_sends_answers_the_ping() {
    let (mut ours, mut peer) = server(patient()).await;
    let speaking = async {
        for _ in 0..5 {
            tokio::time::sleep(SECOND * 85).await;
            peer.write_all(&masked(Opcode::Pong, true, b"unasked")).await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(end(&mut ours), speaking);
    assert_eq!(ended.1.as_secs(), 85 * 5 + 90);
}

#[tokio::test(start_paused = true)]
async fn without_pings_a_connection_may_be_idle_for_minutes() {
    let (mut ours, _peer) = server(Limits { ping_after: None, ..patient() }).await;
    let (error, after) = end(&mut ours).await;
    assert!(matches!(error, ReadError::Idle { .. }), "{error:?}");
    assert_eq!(after.as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_is_given_up_sooner() {
    let (mut ours, _peer) = server(Limits::default()).await;
    let (error, after) = end(&mut ours).await;
    assert!(matches!(error, ReadError::NothingAfterConnecting { .. }), "{error:?}");
    assert_eq!(after.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
// proves: WSK-12
async fn what_comes_in_one_segment_with_the_handshake_is_not_nothing() {
    let (mut peer, other) = duplex(64 << 10);
    let mut json = Vec::new();
    leave(1).append_json(&Dialect::strict(), &mut json);
    let mut bytes = REQUEST.as_bytes().to_vec();
    bytes.extend_from_slice(&masked(Opcode::Text, true, &json));
    peer.write_all(&bytes).await.unwrap();
    let mut ours = with(Limits::default()).accept_over(other, ends()).await.unwrap();
    assert!(matches!(ours.reader.next().await, Ok(Incoming::Message { .. })));
    let (error, after) = end(&mut ours).await;
    assert!(matches!(error, ReadError::PingNotAnswered { .. }), "{error:?}");
    assert_eq!(after.as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_has_to_be_answered() {
    let (mut ours, _peer) = server(patient()).await;
    ours.writer.close().await.unwrap();
    let (error, after) = end(&mut ours).await;
    assert!(matches!(error, ReadError::CloseNotAnswered { .. }), "{error:?}");
    assert_eq!(after.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_stops_is_told_with_1008() {
    let stalls: [(&[u8], &str, u64); 4] = [
        (&[0x81], "HeaderTooSlow", 5),
        (&masked(Opcode::Ping, true, b"half")[..8], "HeaderTooSlow", 5),
        (&masked(Opcode::Text, true, b"half")[..8], "JsonStalled { missing: 2", 10),
        (&masked(Opcode::Text, false, b"half"), "JsonStalled { missing: 0", 10),
    ];
    for (bytes, named, seconds) in stalls {
        let (mut ours, mut peer) = server(patient()).await;
        peer.write_all(bytes).await.unwrap();
        let (error, after) = end(&mut ours).await;
        assert!(format!("{error:?}").starts_with(named), "{error:?}");
        assert_eq!(after.as_secs(), seconds);
        let mut close = [0; 4];
        peer.read_exact(&mut close).await.unwrap();
        assert_eq!((close[0], close[2..4].to_vec()), (0x88, vec![0x03, 0xf0]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_trickles_ends() {
    let (mut ours, mut peer) = server(patient()).await;
    let trickling = async {
        peer.write_all(&masked(Opcode::Text, false, b"a")).await.unwrap();
        while peer.write_all(&masked(Opcode::Continuation, false, b"a")).await.is_ok() {
            // A ping between does not help.
            let _ = peer.write_all(&masked(Opcode::Ping, true, b"")).await;
            tokio::time::sleep(SECOND * 4).await;
        }
    };
    let ended = tokio::select! {
        ended = end(&mut ours) => ended,
        () = trickling => panic!("it goes on"),
    };
    assert!(matches!(ended.0, ReadError::JsonTooSlow { .. }), "{ended:?}");
    assert_eq!(ended.1.as_secs(), 60);
}

/// Has little at first, and the rest after it was asked often.
#[derive(Debug)]
struct Slow {
    asked: u32,
}

impl FileSource for Slow {
    fn length(&self) -> u64 {
        100_000
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        self.asked += 1;
        let most = if offset == 0 { 20_000 } else { buffer.len() };
        if offset > 0 && self.asked < 1000 {
            return Ok(SourceRead::NotYet);
        }
        Ok(SourceRead::Bytes(most.min(buffer.len())))
    }
}

#[tokio::test(start_paused = true)]
// proves: WSK-12
async fn a_peer_that_is_sent_a_file_may_be_deaf() {
    let limits = Limits { ping_after: Some(SECOND), pong_within: SECOND, ..patient() };
    let (ours, mut peer) = server(limits).await;
    let Connection { mut reader, mut writer, .. } = ours;
    let start = Instant::now();
    let reading = async {
        let error = reader.next().await.unwrap_err();
        (error, start.elapsed())
    };
    let sending = async {
        writer.send_file(Box::new(Slow { asked: 0 }), Progress::new()).await.unwrap();
        start.elapsed()
    };
    let draining = async {
        let mut bytes = vec![0; 100_000];
        peer.read_exact(&mut bytes).await.unwrap();
    };
    let ((error, ended), sent, ()) = tokio::join!(reading, sending, draining);
    assert!(matches!(error, ReadError::PingNotAnswered { .. }), "{error:?}");
    assert!(sent > SECOND * 4 && ended > sent, "{ended:?} {sent:?}");
}
