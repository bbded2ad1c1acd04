//! 10,000 TLS handshakes that are left open, while a good crew works.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mvrx_message::{Message, Request};
use mvrx_station::tls::{ClientTls, Fingerprint, SelfSigned, ServerTls};
use mvrx_station::{Events, Heard, HostEvent, HostOptions};
use mvrx_transport::{Connection, Endpoint, Progress, Transport, WsTransport, WsUrl};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use ws_support::{
    Bytes, LIMIT, archive, commit, file, hear, hosting, join_as, kept, say, station, take_file, until,
};

const HANDSHAKES: usize = 10_000;
/// Kept open on the attacker's side at once: below the usual limit of descriptors, with the host in the same process.
const AT_ONCE: usize = 400;
const ADDRESSES: usize = 40;

/// The beginning of a handshake that never goes on, from one of many addresses.
async fn half_open(n: usize, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 0, 7, u8::try_from(1 + n % ADDRESSES).unwrap());
    socket.bind((from, 0).into()).unwrap();
    // Above the caps it is closed at once, sometimes before we know that we were connected.
    let mut stream = socket.connect(to).await.ok()?;
    stream.write_all(&[0x16, 3, 1, 0, 200]).await.ok()?;
    Some(stream)
}

async fn dial(to: SocketAddr, pin: Fingerprint) -> Connection {
    let url: WsUrl = format!("wss://{to}/").parse().unwrap();
    let ws = WsTransport::default().with_trust(ClientTls::pinned(pin).unwrap());
    tokio::time::timeout(LIMIT, ws.dial(Endpoint::Url(url))).await.expect("no answer").expect("kept out")
}

async fn join(to: SocketAddr, pin: Fingerprint, n: u8) -> Connection {
    let mut conn = dial(to, pin).await;
    say(&mut conn, &join_as(n, "MVRApplication", vec![])).await;
    loop {
        if let Message::JoinRet(ret) = hear(&mut conn).await {
            assert!(ret.reply.ok, "{ret:?}");
            return conn;
        }
    }
}

/// One file goes from its author to who asks for it.
async fn exchange(author: &mut Connection, asker: &mut Connection, events: &mut Events, n: u8) {
    let show = archive(n, 200_000);
    say(author, &Message::Commit(commit(n, 1, show.len()))).await;
    loop {
        if let Message::Request(_) = hear(author).await {
            break;
        }
    }
    author.writer.send_file(Bytes::whole(show.clone()), Progress::new()).await.unwrap();
    until(events, kept).await;
    say(asker, &Message::Request(Request::new(Some(file(n)), vec![station(1)]))).await;
    assert_eq!(take_file(asker, Some(show.len() as u64)).await.unwrap(), show);
}

// proves: TLS-09, TLS-14
#[tokio::test]
async fn ten_thousand_half_open_handshakes_keep_nobody_out_and_disturb_nobody() {
    let made = SelfSigned::make(&["127.0.0.1".to_owned()]).unwrap();
    let tls = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
    let pin = tls.fingerprint();
    let (rack, mut events) =
        hosting(HostOptions::default().tls(Some(tls))).event_buffer(65_536).spawn().await.unwrap();
    let at = rack.address();
    let mut author = join(at, pin, 1).await;
    let (begun, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let attack = {
        let (begun, stop) = (Arc::clone(&begun), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut open = VecDeque::new();
            let mut n = 0;
            // It goes on until the crew is done, too.
            while n < HANDSHAKES || !stop.load(Ordering::SeqCst) {
                open.push_back(half_open(n, at).await);
                if open.len() > AT_ONCE {
                    open.pop_front();
                }
                n += 1;
                begun.store(n, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            n
        })
    };
    // New stations come in and files go through while the attack goes on, from its beginning to its end.
    let mut rounds = 0_u8;
    for n in 2..12 {
        let from = HANDSHAKES * usize::from(n - 2) / 10;
        while begun.load(Ordering::SeqCst) < from {
            tokio::task::yield_now().await;
        }
        let mut asker = join(at, pin, n).await;
        exchange(&mut author, &mut asker, &mut events, n).await;
        rounds += 1;
    }
    stop.store(true, Ordering::SeqCst);
    let begun = attack.await.unwrap();
    assert!(begun >= HANDSHAKES && rounds == 10, "{begun} handshakes, {rounds} rounds");
    // Nobody of the crew was lost for it, and who looks is told of it, in parts.
    let mut told = 0;
    rack.stop().await;
    drop(rack);
    while let Some(heard) = events.next().await {
        match heard {
            Heard::Session(seen) => match seen.event {
                HostEvent::ConnectionRefused { .. } => told += 1,
                HostEvent::StationReplaced { .. } => panic!("somebody came anew"),
                _ => {}
            },
            Heard::Lagged { missed } => panic!("{missed} events were missed"),
            _ => {}
        }
    }
    // In each minute sixty, and one for each kind that was only counted.
    assert!(told <= (60 + 81) * 4, "{told} refusals were told");
}
