//! The casebook of RFC 6455 (casebook/rfc6455.txt), on the decoder alone and on whole connections, in both roles.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod casebook;
mod raw;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use casebook::{Case, Outcome, cases};
use mvrx_transport::battery::unexpected;
use mvrx_transport::ws::{FrameDecoder, FrameLimits, Role, Step};
use mvrx_transport::{
    BoxError, Connection, FileSink, Incoming, Progress, ReadError, ReceiveError, WsTransport,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROLES: [Role; 2] = [Role::Server, Role::Client];

#[test]
// proves: WSK-01, WSK-02, WSK-03, WSK-04, WSK-05, WSK-06, WSK-07, WSK-08
fn the_decoder_meets_the_casebook_however_its_bytes_are_cut() {
    for case in cases() {
        for role in ROLES {
            let bytes = case.bytes(role);
            let piece = if bytes.len() <= 70_000 { 1 } else { 997 };
            for piece in [bytes.len().max(1), piece, 65_535] {
                let seen = decode(role, &bytes, piece, is_ping);
                assert_eq!(seen, case.outcomes, "case {} to a {role:?}, {piece} bytes at a time", case.id);
            }
        }
    }
}

fn is_ping(step: &Step<'_>) -> bool {
    matches!(step, Step::Ping(_))
}

fn is_pong(step: &Step<'_>) -> bool {
    matches!(step, Step::Pong(_))
}

/// What the decoder makes of bytes that come in pieces; `told` says which of pings and pongs count as pongs.
fn decode(role: Role, bytes: &[u8], piece: usize, told: fn(&Step<'_>) -> bool) -> Vec<Outcome> {
    let mut decoder = FrameDecoder::new(role, FrameLimits::default());
    let (mut held, mut seen, mut binary) = (Vec::new(), Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        held.extend_from_slice(piece);
        loop {
            let mut closed = None;
            let (consumed, step) = match decoder.decode(&mut held) {
                Ok(decoded) => decoded,
                Err(error) => {
                    seen.push(Outcome::Fail(error.close_code()));
                    return seen;
                }
            };
            let more = match step {
                Step::Incomplete => false,
                Step::Text(text) => push(&mut seen, Outcome::Text(text.len())),
                Step::BinaryBegins { .. } => {
                    binary = 0;
                    true
                }
                Step::Payload(count) => {
                    binary += count;
                    true
                }
                Step::BinaryEnds => push(&mut seen, Outcome::Binary(binary)),
                Step::Ping(payload) | Step::Pong(payload) if told(&step) => {
                    push(&mut seen, Outcome::Pong(payload.to_vec()))
                }
                Step::Ping(_) | Step::Pong(_) => true,
                Step::Close { code, .. } => {
                    closed = Some(code);
                    true
                }
            };
            if let Some(code) = closed {
                let cut = decoder.is_in_message();
                seen.push(if cut { Outcome::Cut(code) } else { Outcome::Close(code) });
            }
            held.drain(..consumed);
            if !more {
                break;
            }
        }
    }
    seen
}

fn push(seen: &mut Vec<Outcome>, outcome: Outcome) -> bool {
    seen.push(outcome);
    true
}

#[tokio::test]
// proves: WSK-05, WSK-09, WSK-10, WSK-11
async fn a_server_meets_the_casebook() {
    for case in cases() {
        let (ours, peer) = raw::client_of(&WsTransport::default()).await;
        judge(&case, Role::Server, ours, peer).await;
    }
}

#[tokio::test]
// proves: WSK-05, WSK-09, WSK-10, WSK-11
async fn a_client_meets_the_casebook() {
    for case in cases() {
        let (ours, peer) = raw::server_of(&WsTransport::default()).await;
        judge(&case, Role::Client, ours, peer).await;
    }
}

/// Plays a case against one end of ours, and compares what the application saw and what went over the wire.
async fn judge(case: &Case, role: Role, ours: Connection, peer: TcpStream) {
    let mut bytes = case.bytes(role);
    let mut expected = case.outcomes.clone();
    let ends = |outcome: &Outcome| matches!(outcome, Outcome::Close(_) | Outcome::Cut(_) | Outcome::Fail(_));
    if !expected.iter().any(ends) {
        bytes.extend_from_slice(&casebook::close(role, 1000));
        expected.push(Outcome::Close(Some(1000)));
    }
    let playing = async { tokio::join!(application(ours), raw_peer(peer, &bytes, role)) };
    let played = tokio::time::timeout(Duration::from_secs(60), playing).await;
    let (saw, wire) = played.unwrap_or_else(|_| panic!("case {} to a {role:?} hangs", case.id));

    let told = |outcome: &Outcome| !matches!(outcome, Outcome::Pong(_));
    let to_application: Vec<Outcome> = expected.iter().filter(|outcome| told(outcome)).cloned().collect();
    let heard = |outcome: &Outcome| match outcome {
        Outcome::Text(_) | Outcome::Binary(_) => None,
        Outcome::Pong(payload) => Some(Outcome::Pong(payload.clone())),
        Outcome::Close(code) | Outcome::Cut(code) | Outcome::Fail(code) => Some(Outcome::Close(*code)),
    };
    let over_the_wire: Vec<Outcome> = expected.iter().filter_map(heard).collect();
    assert_eq!(wire, over_the_wire, "case {} to a {role:?}: what went over the wire", case.id);
    assert_eq!(saw.len(), to_application.len(), "case {} to a {role:?}: {saw:?}", case.id);
    for (saw, expected) in saw.iter().zip(&to_application) {
        let same = match (saw, expected) {
            // What the peer closed with is told as an end or as an error.
            (Outcome::Close(_), Outcome::Close(_) | Outcome::Cut(_)) => true,
            (saw, expected) => saw == expected,
        };
        assert!(same, "case {} to a {role:?}: {saw:?} instead of {expected:?}", case.id);
    }
}

/// Reads to the end, as an application does.
async fn application(ours: Connection) -> Vec<Outcome> {
    let Connection { mut reader, mut writer, .. } = ours;
    let mut saw = Vec::new();
    loop {
        match reader.next().await {
            Ok(Incoming::Malformed { bytes, .. } | Incoming::Message { bytes, .. }) => {
                saw.push(Outcome::Text(bytes));
            }
            Ok(Incoming::File { .. }) => {
                let all_letters = Letters::default();
                let wrong = Arc::clone(&all_letters.0);
                let received =
                    reader.receive_file(Box::new(all_letters), None, &mut unexpected, Progress::new()).await;
                match received {
                    Ok(length) => saw.push(Outcome::Binary(usize::try_from(length).unwrap())),
                    Err(ReceiveError::Stream { error, .. }) => {
                        saw.push(ended(&error));
                        return saw;
                    }
                    Err(other) => panic!("{other:?}"),
                }
                assert_eq!(*wrong.lock().unwrap(), 0, "bytes are not what was sent");
            }
            Ok(Incoming::Closed) => {
                saw.push(Outcome::Close(None));
                writer.close().await.unwrap();
                return saw;
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                saw.push(ended(&error));
                return saw;
            }
        }
    }
}

fn ended(error: &ReadError) -> Outcome {
    match error {
        ReadError::Frame(error) if error.close_code().is_some() => Outcome::Fail(error.close_code()),
        ReadError::Frame(_) | ReadError::ClosedByPeer { .. } => Outcome::Close(None),
        other => panic!("{other:?}"),
    }
}

/// Counts the bytes of long files that are not the letter that all of them are.
#[derive(Debug, Default)]
struct Letters(Arc<Mutex<usize>>);

impl FileSink for Letters {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        if bytes.len() > 100 {
            *self.0.lock().unwrap() += bytes.iter().filter(|byte| **byte != b'a').count();
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Writes the bytes, and reads frames to the end of the stream.
async fn raw_peer(peer: TcpStream, bytes: &[u8], role: Role) -> Vec<Outcome> {
    let (mut from, mut to) = peer.into_split();
    let writing = async {
        // Whoever fails the connection does not read all of it.
        let _ = to.write_all(bytes).await;
        to
    };
    let reading = async {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all).await;
        all
    };
    let (_, all) = tokio::join!(writing, reading);
    let theirs = if role == Role::Server { Role::Client } else { Role::Server };
    decode(theirs, &all, all.len().max(1), is_pong)
}
