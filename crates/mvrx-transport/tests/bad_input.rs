//! Bytes that a peer should not send, and bytes it may send in ways that break others, over real sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, ParseError, StationUuid};
use mvrx_transport::battery::{Sink, Source, unexpected};
use mvrx_transport::{
    Blame, Connection, DecodeError, DiscardSink, FilePump, Incoming, Limits, Progress, ReadError,
    ReceiveError, Scope, TcpTransport, Transport,
};
use mvrx_wire::{PackageHeader, PackageType, encode_json, file_header, json_header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PUMPS: [FilePump; 2] = [FilePump::Blocking, FilePump::Portable];

/// A connection that was accepted, and its peer who writes what it likes.
async fn accepted(limits: Limits, pump: FilePump) -> (Connection, TcpStream) {
    let tcp = TcpTransport::default().with_limits(limits).with_file_pump(pump);
    let mut listener = tcp.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    peer.set_nodelay(true).unwrap();
    (listener.accept().await.unwrap(), peer)
}

/// With deadlines that a test can wait for.
fn short() -> Limits {
    let short = Duration::from_millis(50);
    Limits { header: short, json_idle: short, file_idle: short, ..Limits::default() }
}

async fn connection() -> (Connection, TcpStream) {
    accepted(Limits::default(), FilePump::default()).await
}

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

fn package(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_json(&message.to_json(&Dialect::strict()), &mut bytes);
    bytes
}

fn header(number: u32, count: u32, package_type: PackageType, payload_length: u64) -> [u8; 28] {
    PackageHeader { version: 1, number, count, package_type, payload_length }.to_bytes()
}

async fn expect(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("{other:?}"),
    }
}

/// The first error of a connection that gets these bytes and nothing after.
async fn error_for(bytes: &[u8]) -> ReadError {
    let (mut connection, mut peer) = connection().await;
    peer.write_all(bytes).await.unwrap();
    match connection.reader.next().await {
        Err(error) => {
            assert_eq!(error.scope(), Scope::Connection);
            error
        }
        other => panic!("{other:?}"),
    }
}

async fn framing_error_for(bytes: &[u8]) -> DecodeError {
    match error_for(bytes).await {
        ReadError::Framing(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
// proves: TRA-02
async fn something_else_than_packages_ends_the_connection_after_four_bytes() {
    let error = framing_error_for(b"GET ").await;
    assert!(matches!(error, DecodeError::MagicIsNotThatOfAPackage { .. }), "{error:?}");
}

#[tokio::test]
// proves: TRA-12
async fn absurd_lengths_are_refused_on_the_header() {
    let json = framing_error_for(&header(0, 1, PackageType::Json, 1 << 63)).await;
    assert!(matches!(json, DecodeError::JsonLongerThanLimit { .. }), "{json:?}");
    let json = framing_error_for(&header(0, 1, PackageType::Json, 100 << 20)).await;
    assert!(matches!(json, DecodeError::JsonLongerThanLimit { .. }), "{json:?}");
    let file = framing_error_for(&header(0, 1, PackageType::File, 1 << 63)).await;
    assert!(matches!(file, DecodeError::FileLongerThanLimit { .. }), "{file:?}");
    let file = framing_error_for(&header(0, 1, PackageType::File, u64::MAX)).await;
    assert!(matches!(file, DecodeError::FileLongerThanLimit { .. }), "{file:?}");
}

#[tokio::test]
// proves: TRA-12
async fn lengths_at_the_limit_are_taken_and_above_it_refused() {
    let limits = Limits { json_bytes: 100, file_bytes: 1000, ..Limits::default() };
    for (length, taken) in [(100, true), (101, false)] {
        let (mut connection, mut peer) = accepted(limits, FilePump::default()).await;
        let mut bytes = json_header(length).to_vec();
        bytes.resize(28 + usize::try_from(length).unwrap(), b' ');
        peer.write_all(&bytes).await.unwrap();
        let read = connection.reader.next().await;
        assert_eq!(matches!(read, Ok(Incoming::Malformed { .. })), taken, "{read:?}");
    }
    for (length, taken) in [(1000, true), (1001, false)] {
        let (mut connection, mut peer) = accepted(limits, FilePump::default()).await;
        peer.write_all(&file_header(length)).await.unwrap();
        let read = connection.reader.next().await;
        assert_eq!(matches!(read, Ok(Incoming::File { .. })), taken, "{read:?}");
        if let Err(error) = read {
            assert_eq!(error.blame(), Blame::Limit);
        }
    }
}

#[tokio::test]
// proves: TRA-02
async fn a_package_number_not_below_its_count_ends_the_connection() {
    for (number, count) in [(1_u32, 1_u32), (5, 5), (u32::MAX, 1), (1, 0)] {
        let mut bytes = header(0, 1, PackageType::Json, 0);
        bytes[8..12].copy_from_slice(&number.to_be_bytes());
        bytes[12..16].copy_from_slice(&count.to_be_bytes());
        let error = framing_error_for(&bytes).await;
        assert!(matches!(error, DecodeError::PackageNumberNotBelowCount { .. }), "{error:?}");
    }
    let unknown = {
        let mut bytes = header(0, 1, PackageType::Json, 0);
        bytes[16..20].copy_from_slice(&7_u32.to_be_bytes());
        framing_error_for(&bytes).await
    };
    assert!(matches!(unknown, DecodeError::PackageTypeUnknown { got: 7 }), "{unknown:?}");
}

#[tokio::test]
// proves: TRA-02
async fn messages_that_cannot_be_understood_leave_the_connection_in_order() {
    let (mut connection, mut peer) = connection().await;
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let cases: [&[u8]; 7] = [
        b"",
        b"{",
        b"nonsense",
        b"{\"Type\":\"MVR_LEAVE\",\"x\":\"\xff\xfe\"}",
        &deep,
        b"[]",
        b"{\"Type\":7}",
    ];
    for (seed, json) in (0..).zip(cases) {
        let mut bytes = Vec::new();
        encode_json(json, &mut bytes);
        bytes.extend(package(&leave(seed)));
        peer.write_all(&bytes).await.unwrap();
        match connection.reader.next().await {
            Ok(Incoming::Malformed { error, bytes, .. }) => {
                assert_eq!(bytes, json.len());
                match seed {
                    3 => assert!(matches!(error, ParseError::NotUtf8 { .. }), "{error:?}"),
                    4 => assert!(matches!(error, ParseError::NestingDeeperThanLimit { .. }), "{error:?}"),
                    _ => {}
                }
            }
            other => panic!("{other:?}"),
        }
        expect(&mut connection, &leave(seed)).await;
    }
}

#[tokio::test]
// proves: TRA-01
async fn header_and_payload_may_come_apart() {
    let (mut connection, mut peer) = connection().await;
    for seed in 0..20 {
        let bytes = package(&leave(seed));
        let at = [1, 4, 27, 28, 29, bytes.len() - 1][usize::from(seed % 6)];
        let (first, second) = bytes.split_at(at);
        peer.write_all(first).await.unwrap();
        // Polled once with the first part alone, so that the parts are really read apart.
        tokio::select! {
            biased;
            read = connection.reader.next() => panic!("{read:?}"),
            () = tokio::task::yield_now() => {}
        }
        peer.write_all(second).await.unwrap();
        expect(&mut connection, &leave(seed)).await;
    }
}

#[tokio::test]
// proves: TRA-01
async fn bytes_may_come_one_by_one() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        let mut bytes = package(&leave(1));
        bytes.extend(file_header(700));
        bytes.extend(vec![7; 700]);
        bytes.extend(package(&leave(2)));
        let writing = tokio::spawn(async move {
            for byte in bytes {
                peer.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            peer
        });
        expect(&mut connection, &leave(1)).await;
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { length: Some(700) })));
        let received = connection
            .reader
            .receive_file(Box::new(DiscardSink), None, &mut unexpected, Progress::new())
            .await;
        assert_eq!(received.unwrap(), 700);
        expect(&mut connection, &leave(2)).await;
        drop(writing.await.unwrap());
        assert!(matches!(connection.reader.next().await, Ok(Incoming::Closed)));
    }
}

#[tokio::test]
// proves: TRA-01
async fn many_packages_may_come_in_one_segment() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        let mut bytes = package(&leave(1));
        bytes.extend(package(&leave(2)));
        bytes.extend(file_header(3));
        bytes.extend(b"abc");
        bytes.extend(file_header(0));
        bytes.extend(package(&leave(3)));
        peer.write_all(&bytes).await.unwrap();
        expect(&mut connection, &leave(1)).await;
        expect(&mut connection, &leave(2)).await;
        for length in [3, 0] {
            let read = connection.reader.next().await;
            assert!(matches!(read, Ok(Incoming::File { length: Some(l) }) if l == length), "{read:?}");
            let received = connection
                .reader
                .receive_file(Box::new(DiscardSink), None, &mut unexpected, Progress::new())
                .await;
            assert_eq!(received.unwrap(), length);
        }
        expect(&mut connection, &leave(3)).await;
    }
}

#[tokio::test]
// proves: TRA-01
async fn messages_and_files_may_come_in_many_packages() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        let json = leave(1).to_json(&Dialect::strict());
        let mut bytes = Vec::new();
        for (number, part) in (0..).zip([&json[..10], &[], &json[10..]]) {
            bytes.extend(header(number, 3, PackageType::Json, part.len() as u64));
            bytes.extend(part);
        }
        let length = 3_000_000;
        let source = Source::new(length);
        let mut file = vec![0; 3_000_000];
        source.pattern.fill(0, &mut file);
        let parts: Vec<&[u8]> =
            [&file[..1], &[], &file[1..10], &file[10..2_000_000], &file[2_000_000..]].to_vec();
        for (number, part) in (0..).zip(parts) {
            bytes.extend(header(number, 5, PackageType::File, part.len() as u64));
            bytes.extend(part);
        }
        bytes.extend(package(&leave(2)));
        let writing = tokio::spawn(async move {
            peer.write_all(&bytes).await.unwrap();
            peer
        });
        expect(&mut connection, &leave(1)).await;
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { length: None })));
        let (sink, seen) = Sink::of(length);
        let received =
            connection.reader.receive_file(Box::new(sink), None, &mut unexpected, Progress::new()).await;
        assert_eq!(received.unwrap(), length);
        assert!(seen.finished());
        expect(&mut connection, &leave(2)).await;
        drop(writing.await.unwrap());
    }
}

#[tokio::test]
// proves: TRA-07, TRA-08
async fn a_peer_that_stops_in_a_header_or_a_message_is_named() {
    let (mut connection, mut peer) = accepted(short(), FilePump::default()).await;
    peer.write_all(&json_header(100)[..20]).await.unwrap();
    let read = connection.reader.next().await;
    assert!(matches!(read, Err(ReadError::HeaderTooSlow { received: 20, .. })), "{read:?}");

    let (mut connection, mut peer) = accepted(short(), FilePump::default()).await;
    peer.write_all(&json_header(100)).await.unwrap();
    peer.write_all(b"{\"Type\":").await.unwrap();
    let read = connection.reader.next().await;
    assert!(matches!(read, Err(ReadError::JsonStalled { missing: 92, .. })), "{read:?}");
    assert_eq!(read.unwrap_err().blame(), Blame::Peer);
}

#[tokio::test]
// proves: TRA-09
async fn a_peer_that_stops_in_a_file_is_named() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(short(), pump).await;
        peer.write_all(&file_header(100_000)).await.unwrap();
        peer.write_all(&[7; 90_000]).await.unwrap();
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
        let received = connection
            .reader
            .receive_file(Box::new(DiscardSink), None, &mut unexpected, Progress::new())
            .await;
        let named = matches!(received, Err(ReceiveError::FileStalled { received: 90_000, .. }));
        assert!(named, "{pump:?}: {received:?}");
    }
}

#[tokio::test]
async fn a_peer_that_closes_in_the_middle_is_named() {
    for (bytes, missing) in
        [(&json_header(100)[..20], 8), (&[json_header(100).as_slice(), b"{}"].concat(), 98)]
    {
        let (mut connection, mut peer) = connection().await;
        peer.write_all(bytes).await.unwrap();
        drop(peer);
        match connection.reader.next().await {
            Err(ReadError::Framing(
                DecodeError::StreamEndedInHeader { missing: got }
                | DecodeError::StreamEndedInPayload { missing: got, .. },
            )) => assert_eq!(got, missing),
            other => panic!("{other:?}"),
        }
    }
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        peer.write_all(&file_header(100)).await.unwrap();
        peer.write_all(&[7; 40]).await.unwrap();
        drop(peer);
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
        let received = connection
            .reader
            .receive_file(Box::new(DiscardSink), None, &mut unexpected, Progress::new())
            .await;
        match received {
            Err(ReceiveError::Stream { received: 40, error: ReadError::Framing(error) }) => {
                assert!(matches!(error, DecodeError::StreamEndedInPayload { missing: 60, .. }), "{error:?}");
            }
            other => panic!("{pump:?}: {other:?}"),
        }
    }
}

#[tokio::test]
// proves: TRA-02
async fn a_split_file_that_goes_wrong_in_a_later_header_is_never_whole() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        peer.write_all(&header(0, 2, PackageType::File, 5)).await.unwrap();
        peer.write_all(b"abcde").await.unwrap();
        peer.write_all(&header(1, 2, PackageType::Json, 5)).await.unwrap();
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
        let (sink, seen) = Sink::of(5);
        let received =
            connection.reader.receive_file(Box::new(sink), None, &mut unexpected, Progress::new()).await;
        match received {
            Err(ReceiveError::Stream { received: 5, error: ReadError::Framing(error) }) => {
                assert!(matches!(error, DecodeError::PackageTypeChangedWithinMessage { .. }), "{error:?}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!seen.finished());
    }
}

#[tokio::test]
// proves: TRA-13
async fn a_transfer_that_waits_for_its_peer_ends_when_it_is_dropped() {
    for pump in PUMPS {
        let (mut connection, mut peer) = accepted(Limits::default(), pump).await;
        let (mut source, sink) = (Source::new(64 << 20), Sink::of(0));
        let ((sink, seen), (_, source_gone)) = (sink, source.watch());
        peer.write_all(&file_header(1 << 30)).await.unwrap();
        assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
        let Connection { mut reader, mut writer, .. } = connection;
        let progress = Progress::new();
        let mut between = unexpected;
        let both = async {
            tokio::join!(
                reader.receive_file(Box::new(sink), None, &mut between, Progress::new()),
                writer.send_file(Box::new(source), progress.clone()),
            )
        };
        // The peer takes a little and sends nothing: both directions wait in the middle of a file.
        let taking = async {
            let mut taken = vec![0; 100_000];
            peer.read_exact(&mut taken).await.unwrap();
        };
        tokio::select! {
            outcome = both => panic!("{outcome:?}"),
            () = taking => {}
        }
        seen.gone.await.unwrap_err();
        source_gone.await.unwrap_err();
        // And the peer is told, after what was on the way.
        while let Ok(1..) = peer.read(&mut [0; 65_536]).await {}
    }
}
