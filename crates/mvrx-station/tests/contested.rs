//! Who joins as a station that is in the session from another address: over sockets, with pings and pongs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mvrx_message::{JoinRet, Message, Request};
use mvrx_station::{Audit, Events, Heard, HostEvent, HostOptions, Rate, Station};
use mvrx_transport::{Connection, Incoming, WsTransport, WsUrl};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use ws_support::{LIMIT, file, hear, hosting, join, join_as, say, station, until};

/// Longer than the test may take: what is decided is decided by an answer.
const FOR_EVER: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(300);

async fn dial_from(host: &Station, last: u8) -> Connection {
    let to = SocketAddr::from(([127, 0, 0, 1], host.address().port()));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    let stream = socket.connect(to).await.unwrap();
    let ends = (stream.local_addr().unwrap(), to);
    WsTransport::default().connect_over(stream, &WsUrl::at(to), ends).await.unwrap()
}

/// Somebody from another address joins as station `n`; what it is told, when, and whether its connection is over then.
async fn come(host: &Station, last: u8, n: u8) -> (Connection, JoinRet, Duration) {
    let mut conn = dial_from(host, last).await;
    let begun = Instant::now();
    say(&mut conn, &join_as(n, "MVRApplication", vec![])).await;
    match hear(&mut conn).await {
        Message::JoinRet(ret) => (conn, ret, begun.elapsed()),
        other => panic!("no JOIN_RET: {other:?}"),
    }
}

/// Reads, and so answers pings, as a station does; gives what comes.
fn living(conn: Connection) -> (mpsc::UnboundedReceiver<Message>, Box<dyn mvrx_transport::MessageWriter>) {
    let Connection { mut reader, writer, .. } = conn;
    let (heard, hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Incoming::Message { parsed, .. }) = reader.next().await {
            let _ = heard.send(parsed.message);
        }
    });
    (hears, writer)
}

async fn session(events: &mut Events, wanted: impl Fn(&HostEvent) -> bool) {
    until(events, |heard| match heard {
        Heard::Session(seen) => wanted(&seen.event).then_some(()),
        _ => None,
    })
    .await;
}

fn asking(after: Duration) -> HostOptions {
    let mut options = HostOptions::default();
    options.timers.sign_of_life = after;
    options
}

// proves: HST-30
#[tokio::test]
async fn a_living_station_is_not_thrown_out_from_another_address_and_the_operator_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path, Audit::MOST).unwrap();
    let (rack, mut events) = hosting(asking(FOR_EVER).audit(Some(audit))).spawn().await.unwrap();
    let (here, ret) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    assert!(ret.reply.ok);
    let (mut hears, mut writer) = living(here);
    for last in [2, 3, 2] {
        let (mut conn, ret, _) = come(&rack, last, 1).await;
        assert!(!ret.reply.ok && ret.reply.message.contains("answers there"), "{ret:?}");
        let over = async { while let Ok(Incoming::Message { .. }) = conn.reader.next().await {} };
        tokio::time::timeout(LIMIT, over).await.expect("the connection is kept");
        session(&mut events, |event| match event {
            HostEvent::JoinRefused { station: of, address, message } => {
                let from = SocketAddr::from(([127, 0, 0, last], address.port()));
                *of == station(1) && *address == from && message.contains("answers there")
            }
            _ => false,
        })
        .await;
    }
    // It is served as before, on the connection that it has.
    let request = Message::Request(Request::new(Some(file(9)), vec![station(1)]));
    writer.send(&request, &mvrx_message::Dialect::strict()).await.unwrap();
    let answer = tokio::time::timeout(LIMIT, hears.recv()).await.unwrap();
    assert!(matches!(answer, Some(Message::RequestRet(_))), "{answer:?}");
    rack.stop().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let refused = |line: &&str| {
        line.contains("\"join\"")
            && line.contains("refused")
            && line.contains("answers there")
            && line.contains("127.0.0.3")
    };
    assert_eq!(text.lines().filter(refused).count(), 1, "{text}");
}

// proves: HST-30
#[tokio::test]
async fn a_station_whose_old_connection_is_dead_is_in_again_from_its_new_address_within_seconds() {
    let (rack, mut events) = hosting(HostOptions::default()).spawn().await.unwrap();
    // Nobody reads it any more: the cable is out.
    let (dead, ret) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    assert!(ret.reply.ok);
    let (_conn, ret, after) = come(&rack, 2, 1).await;
    assert!(ret.reply.ok, "{ret:?}");
    assert!(after >= Duration::from_secs(2) && after < Duration::from_secs(10), "{after:?}");
    session(
        &mut events,
        |event| matches!(event, HostEvent::StationReplaced { to, .. } if to.ip().to_string() == "127.0.0.2"),
    )
    .await;
    drop(dead);
}

#[tokio::test]
async fn from_its_own_address_a_station_is_in_again_at_once() {
    let (rack, _events) = hosting(asking(FOR_EVER)).spawn().await.unwrap();
    let (_left_open, ret) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    assert!(ret.reply.ok);
    let (_conn, ret, _) = come(&rack, 1, 1).await;
    assert!(ret.reply.ok, "{ret:?}");
}

// proves: HST-30
#[tokio::test]
async fn when_the_present_connection_ends_meanwhile_the_newcomer_is_in_at_once() {
    let (rack, _events) = hosting(asking(FOR_EVER)).spawn().await.unwrap();
    let (here, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let mut conn = dial_from(&rack, 2).await;
    say(&mut conn, &join_as(1, "MVRApplication", vec![])).await;
    drop(here);
    match hear(&mut conn).await {
        Message::JoinRet(ret) => assert!(ret.reply.ok, "{ret:?}"),
        other => panic!("{other:?}"),
    }
}

// proves: QUO-01
#[tokio::test]
async fn who_is_let_in_later_has_the_pace_of_its_station() {
    let mut options = asking(SOON);
    options.messages_each = Rate { burst: 12, per_second: 1 };
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let (mut dead, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let request = Message::Request(Request::new(Some(file(9)), vec![station(1)]));
    for _ in 0..11 {
        say(&mut dead, &request).await;
    }
    for _ in 0..11 {
        // All are read before anybody else comes; the ping comes later.
        assert!(matches!(hear(&mut dead).await, Message::RequestRet(_)));
    }
    let (mut conn, ret, _) = come(&rack, 2, 1).await;
    assert!(ret.reply.ok);
    for _ in 0..3 {
        say(&mut conn, &request).await;
    }
    session(&mut events, |event| match event {
        HostEvent::StationSlowed { station: of, address, .. } => {
            *of == station(1) && address.ip().to_string() == "127.0.0.2"
        }
        _ => false,
    })
    .await;
}
