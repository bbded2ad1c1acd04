//! Other Rust stacks against ours, both roles: messages, files of 16 MiB in one frame and in fragments, close codes.
//! Python's, npm's and a browser's are in foreign/.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use fastwebsockets::{Frame as FastFrame, OpCode, Payload, Role as FastRole, WebSocket};
use futures_util::{SinkExt, StreamExt};
use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::battery::{Sink, Source, unexpected};
use mvrx_transport::{Connection, FileStyle, Incoming, Progress, ReadError, Transport, WsTransport};
use raw::{client_of, server_of};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode as TheirOpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message as TheirMessage, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

const LENGTH: u64 = 16 << 20;

fn leave() -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([7; 16])))
}

fn json() -> String {
    let mut json = Vec::new();
    leave().append_json(&Dialect::strict(), &mut json);
    String::from_utf8(json).unwrap()
}

fn file() -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(LENGTH).unwrap()];
    Source::new(LENGTH).pattern.fill(0, &mut bytes);
    bytes
}

/// A message and two files come; a message and a file in either style go. The peer closes with 1001.
async fn our_side(ours: Connection) {
    let Connection { mut reader, mut writer, .. } = ours;
    let taking = async {
        match reader.next().await {
            Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, leave()),
            other => panic!("{other:?}"),
        }
        for _ in 0..2 {
            assert!(matches!(reader.next().await, Ok(Incoming::File { .. })));
            let (sink, seen) = Sink::of(LENGTH);
            let taken =
                reader.receive_file(Box::new(sink), Some(LENGTH), &mut unexpected, Progress::new()).await;
            assert_eq!(taken.unwrap(), LENGTH);
            assert!(seen.finished());
        }
        let end = reader.next().await;
        let told =
            matches!(&end, Err(ReadError::ClosedByPeer { code: 1001, reason }) if reason == "that was all");
        assert!(told, "{end:?}");
    };
    let giving = async {
        writer.send(&leave(), &Dialect::strict()).await.unwrap();
        for style in [FileStyle::OneMessage, FileStyle::Messages { most: 1 << 16 }] {
            writer.set_file_style(style);
            writer.send_file(Box::new(Source::new(LENGTH)), Progress::new()).await.unwrap();
        }
    };
    tokio::join!(taking, giving);
    // The peer ended it and was answered: there may be nothing left to close.
    let _ = writer.close().await;
}

/// The same, seen by tungstenite.
async fn tungstenite_side(socket: WebSocketStream<TcpStream>) {
    let (mut to, mut from) = socket.split();
    let giving = async {
        to.send(TheirMessage::text(json())).await.unwrap();
        to.send(TheirMessage::binary(file())).await.unwrap();
        let bytes = file();
        let pieces = bytes.chunks(700_000).count();
        for (number, piece) in bytes.chunks(700_000).enumerate() {
            let data = if number == 0 { Data::Binary } else { Data::Continue };
            let last = number + 1 == pieces;
            let frame = Frame::message(piece.to_vec(), TheirOpCode::Data(data), last);
            to.send(TheirMessage::Frame(frame)).await.unwrap();
        }
    };
    let taking = async {
        assert_eq!(from.next().await.unwrap().unwrap().into_text().unwrap().as_str(), json());
        let whole = from.next().await.unwrap().unwrap().into_data();
        assert!(whole == file(), "one message is the file");
        let mut all = Vec::new();
        while all.len() < whole.len() {
            let piece = from.next().await.unwrap().unwrap().into_data();
            assert!(piece.len() <= 1 << 16);
            all.extend_from_slice(&piece);
        }
        assert!(all == whole, "many messages are the file");
    };
    tokio::join!(giving, taking);
    let close = CloseFrame { code: CloseCode::Away, reason: "that was all".into() };
    to.send(TheirMessage::Close(Some(close))).await.unwrap();
    let answer = from.next().await.unwrap().unwrap();
    assert!(
        matches!(&answer, TheirMessage::Close(Some(close)) if close.code == CloseCode::Away),
        "{answer:?}"
    );
}

fn endless() -> WebSocketConfig {
    WebSocketConfig::default().max_frame_size(None).max_message_size(None)
}

#[tokio::test]
async fn tungstenite_is_our_client() {
    let mut listener = WsTransport::default().listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let url = format!("ws://{}/session", listener.local_addr());
    let shaking = client_async_with_config(url, stream, Some(endless()));
    let (theirs, ours) = tokio::join!(shaking, listener.accept());
    tokio::join!(our_side(ours.unwrap()), tungstenite_side(theirs.unwrap().0));
}

#[tokio::test]
async fn tungstenite_is_our_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ws = WsTransport::default();
    let dialing = ws.dial(listener.local_addr().unwrap().into());
    let shaking = async {
        let (stream, _) = listener.accept().await.unwrap();
        accept_async_with_config(stream, Some(endless())).await.unwrap()
    };
    let (ours, theirs) = tokio::join!(dialing, shaking);
    tokio::join!(our_side(ours.unwrap()), tungstenite_side(theirs));
}

/// The same, seen by fastwebsockets, which has frames and no more.
async fn fast_side(socket: TcpStream, role: FastRole) {
    let socket = WebSocket::after_handshake(socket, role);
    let (read, mut write) = socket.split(tokio::io::split);
    let mut read = read;
    read.set_auto_close(false);
    read.set_auto_pong(false);
    read.set_max_message_size(usize::MAX);
    let mut nothing = |frame: FastFrame<'_>| {
        let opcode = frame.opcode;
        async move {
            let told: Result<(), std::io::Error> = Err(std::io::Error::other(format!("it sends {opcode:?}")));
            told
        }
    };
    let giving = async {
        let text = json();
        let bytes = file();
        write.write_frame(FastFrame::text(Payload::Borrowed(text.as_bytes()))).await.unwrap();
        write.write_frame(FastFrame::binary(Payload::Borrowed(&bytes))).await.unwrap();
        let pieces = bytes.chunks(1 << 20).count();
        for (number, piece) in bytes.chunks(1 << 20).enumerate() {
            let opcode = if number == 0 { OpCode::Binary } else { OpCode::Continuation };
            let last = number + 1 == pieces;
            write.write_frame(FastFrame::new(last, opcode, None, Payload::Borrowed(piece))).await.unwrap();
        }
    };
    let taking = async {
        let text = read.read_frame::<_, std::io::Error>(&mut nothing).await.unwrap();
        assert_eq!(&*text.payload, json().as_bytes());
        for _ in 0..2 {
            let (mut all, whole) = (Vec::new(), file());
            while all.len() < whole.len() {
                let frame = read.read_frame::<_, std::io::Error>(&mut nothing).await.unwrap();
                all.extend_from_slice(&frame.payload);
            }
            assert!(all == whole, "the frames are the file");
        }
    };
    tokio::join!(giving, taking);
    write.write_frame(FastFrame::close(1001, b"that was all")).await.unwrap();
    let answer = read.read_frame::<_, std::io::Error>(&mut nothing).await.unwrap();
    assert_eq!((answer.opcode, &answer.payload[..2]), (OpCode::Close, &[0x03, 0xe9][..]));
}

#[tokio::test]
async fn fastwebsockets_is_our_client() {
    let (ours, peer) = client_of(&WsTransport::default()).await;
    tokio::join!(our_side(ours), fast_side(peer, FastRole::Client));
}

#[tokio::test]
async fn fastwebsockets_is_our_server() {
    let (ours, peer) = server_of(&WsTransport::default()).await;
    tokio::join!(our_side(ours), fast_side(peer, FastRole::Server));
}
