//! Aim: whoever is on the network can harm their own connection at most; the host lives and serves the others.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mvrx_message::{Message, Request};
use mvrx_station::{Event, Heard, HostEvent, HostOptions};
use mvrx_store::{Clock, Limits, MemStore};
use mvrx_transport::{FileStyle, Incoming, Progress, WsTransport, WsUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite;
use ws_support::{
    Bytes, Client, LIMIT, commit, content, dial, file, hear, hosting, join, join_as, kept, say, take_file,
    until,
};

/// Somebody from another address joins, commits and fetches.
async fn is_well(address: SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let ends = (stream.local_addr().unwrap(), address);
    let well = async {
        let mut conn = WsTransport::default().connect_over(stream, &WsUrl::at(address), ends).await.unwrap();
        say(&mut conn, &join_as(200, "MVRApplication", vec![])).await;
        loop {
            if let Message::JoinRet(ret) = hear(&mut conn).await {
                break assert!(ret.reply.ok);
            }
        }
    };
    tokio::time::timeout(LIMIT, well).await.expect("the host does not answer");
}

async fn ends(stream: &mut TcpStream) {
    let mut waste = [0; 4_096];
    let ended = async { while matches!(stream.read(&mut waste).await, Ok(1..)) {} };
    tokio::time::timeout(LIMIT, ended).await.expect("it is kept");
}

// proves: HDR-09
#[tokio::test]
async fn a_flood_of_connections_from_one_address_leaves_room_for_others() {
    let mut options = HostOptions::default();
    options.transport.connections_per_ip = 20;
    let (rack, _events) = hosting(options).spawn().await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..200 {
        // Above the cap it is closed at once, some before they know that they were connected.
        flood.extend(TcpStream::connect(rack.address()).await.ok());
    }
    is_well(rack.address()).await;
    let mut last = TcpStream::connect(rack.address()).await.ok();
    if let Some(last) = &mut last {
        ends(last).await;
    }
}

// proves: HDR-09
#[tokio::test]
async fn half_a_handshake_and_a_connection_that_never_joins_are_ended() {
    let mut options = HostOptions::default();
    options.transport.handshake = Duration::from_millis(300);
    options.transport.first_byte = Some(Duration::from_millis(300));
    options.timers.join = Duration::from_millis(300);
    let (rack, _events) = hosting(options).spawn().await.unwrap();
    let mut half = TcpStream::connect(rack.address()).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: rack\r\nUpgrade: webs").await.unwrap();
    let mut silent = dial(rack.address()).await;
    let mut chatty = dial(rack.address()).await;
    say(&mut chatty, &Message::Request(Request::new(Some(file(1)), vec![]))).await;
    assert!(matches!(hear(&mut chatty).await, Message::RequestRet(reply) if !reply.ok));
    ends(&mut half).await;
    for conn in [&mut silent, &mut chatty] {
        let end = tokio::time::timeout(LIMIT, conn.reader.next()).await.unwrap();
        assert!(!matches!(end, Ok(Incoming::Message { .. })), "{end:?}");
    }
    is_well(rack.address()).await;
}

// proves: HDR-09
#[tokio::test]
async fn a_giant_text_ends_the_connection_that_brought_it_and_nothing_else() {
    let (rack, _events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let (mut other, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let stream = TcpStream::connect(rack.address()).await.unwrap();
    let url = format!("ws://{}/", rack.address());
    let (mut giant, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    // The host may be gone before all of it is out.
    let _ = giant.send(tungstenite::Message::text("x".repeat(3 << 20))).await;
    let code = async {
        loop {
            match giant.next().await {
                Some(Ok(tungstenite::Message::Close(Some(frame)))) => return Some(u16::from(frame.code)),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    };
    let code = tokio::time::timeout(LIMIT, code).await.expect("it is kept");
    assert!(matches!(code, Some(1009) | None), "{code:?}");
    say(&mut other, &Message::Commit(commit(1, 1, 5))).await;
    assert!(matches!(hear(&mut other).await, Message::CommitRet(reply) if reply.ok));
    is_well(rack.address()).await;
}

// proves: HDR-09
#[tokio::test]
async fn senseless_messages_and_unasked_files_end_their_connection_after_a_while() {
    let (rack, _events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let stream = TcpStream::connect(rack.address()).await.unwrap();
    let url = format!("ws://{}/", rack.address());
    let (mut noisy, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let noise = async {
        for _ in 0..1_000 {
            if noisy.send(tungstenite::Message::text("{\"Type\": 7")).await.is_err() {
                return;
            }
        }
        while let Some(Ok(_)) = noisy.next().await {}
    };
    tokio::time::timeout(LIMIT, noise).await.expect("it is kept");
    let (mut generous, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let gifts = async {
        for _ in 0..1_000 {
            if generous.writer.send_file(Bytes::whole(content(1, 50_000)), Progress::new()).await.is_err() {
                return;
            }
        }
        panic!("a thousand files were taken");
    };
    tokio::time::timeout(LIMIT, gifts).await.expect("it is kept");
    is_well(rack.address()).await;
}

// proves: HDR-09, HDR-11
#[tokio::test]
async fn a_full_store_is_told_to_who_asks_and_smaller_files_of_the_same_owner_go_on() {
    // What is announced shows at once that there is no room; what is not, only in the middle.
    for told in [5_000_000, 0] {
        let store = MemStore::with(Limits { total_bytes: 1_000_000, ..Limits::default() }, Clock::default());
        let (rack, mut events) =
            hosting(HostOptions::default().gather(false)).store(store).spawn().await.unwrap();
        let owner = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
        owner.commit(commit(1, 1, told), content(1, 5_000_000));
        owner.commit(commit(3, 1, 400_000), content(3, 400_000));
        let seen = |heard: &Heard| match heard {
            Heard::Event(seen) => matches!(seen.event, Event::CommitSeen { .. }).then_some(()),
            _ => None,
        };
        for _ in 0..2 {
            until(&mut events, seen).await;
        }
        let (mut asker, _) = join(rack.address(), 2, "MVRApplication", vec![]).await;
        say(&mut asker, &Message::Request(Request::new(Some(file(1)), vec![]))).await;
        let refused = take_file(&mut asker, Some(5_000_000)).await.unwrap_err();
        assert!(refused.contains("store"), "{refused}");
        until(&mut events, |heard| match heard {
            Heard::Session(seen) => matches!(seen.event, HostEvent::ReadFailed { .. }).then_some(()),
            _ => None,
        })
        .await;
        say(&mut asker, &Message::Request(Request::new(Some(file(3)), vec![]))).await;
        assert!(take_file(&mut asker, Some(400_000)).await.unwrap() == content(3, 400_000));
        assert_eq!(until(&mut events, kept).await, file(3));
        assert!(owner.fetch(file(9), 0).await.is_err(), "its connection is in order");
    }
}
