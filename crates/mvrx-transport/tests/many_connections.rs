//! A thousand connections that say nothing, and one that does; a file of its own for the descriptors it takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::{
    AcceptError, Connection, Incoming, Limits, Listener, NotTaken, ReadError, TcpTransport, Transport,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

const MANY: usize = 1000;

#[tokio::test]
// proves: TRA-07
async fn a_thousand_silent_connections_are_ended_and_a_good_one_is_served_meanwhile() {
    let limits = Limits {
        connections: MANY + 1,
        connections_per_ip: MANY + 1,
        first_byte: Some(Duration::from_millis(300)),
        ..Limits::default()
    };
    let mut listener = listen(limits).await;
    let at = listener.local_addr();
    let (endings, mut ended) = mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        loop {
            let connection = listener.accept().await.unwrap();
            let endings = endings.clone();
            tokio::spawn(async move { endings.send(serve(connection).await).unwrap() });
        }
    });
    let mut silent = Vec::new();
    for _ in 0..MANY {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let mut good = TcpTransport::default().dial(at.into()).await.unwrap();
    ask(&mut good).await;
    let mut silenced = 0;
    while silenced < MANY {
        match ended.recv().await.unwrap() {
            ReadError::NothingAfterConnecting { .. } => silenced += 1,
            other => panic!("{other:?}"),
        }
    }
    for stream in &mut silent {
        assert!(!matches!(stream.read(&mut [0; 1]).await, Ok(1..)), "closed");
    }
    ask(&mut good).await;
    serving.abort();
}

#[tokio::test]
// proves: TRA-11
async fn one_address_with_a_thousand_connections_leaves_room_for_another() {
    let mut listener = listen(Limits::default()).await;
    let at = listener.local_addr();
    let (mut held, mut connecting, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..MANY {
        connecting.push(TcpStream::connect(at).await.unwrap());
        match listener.accept().await {
            Ok(connection) => held.push(connection),
            Err(AcceptError::NotTaken(NotTaken::TooManyConnectionsFromPeer {
                open: 32,
                allowed: 32,
                refused: total,
                ..
            })) => {
                refused += 1;
                assert_eq!(total, refused);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((held.len(), refused), (32, 968));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let _other = socket.connect(at).await.unwrap();
    let served = listener.accept().await.unwrap();
    assert_eq!(served.peer.ip().to_string(), "127.0.0.2");

    drop(held.pop());
    let _again = TcpStream::connect(at).await.unwrap();
    listener.accept().await.unwrap();
}

#[tokio::test]
// proves: TRA-11
async fn the_place_of_a_connection_is_free_when_both_its_halves_are_gone() {
    let mut listener = listen(Limits { connections: 1, ..Limits::default() }).await;
    let at = listener.local_addr();
    let _one = TcpStream::connect(at).await.unwrap();
    let Connection { reader, writer, .. } = listener.accept().await.unwrap();
    drop(reader);
    let _two = TcpStream::connect(at).await.unwrap();
    let refusal = listener.accept().await;
    assert!(
        matches!(
            refusal,
            Err(AcceptError::NotTaken(NotTaken::TooManyConnections { open: 1, allowed: 1, .. }))
        ),
        "{refusal:?}"
    );
    drop(writer);
    let _three = TcpStream::connect(at).await.unwrap();
    listener.accept().await.unwrap();
}

async fn listen(limits: Limits) -> Box<dyn Listener> {
    let before = getrlimit(Resource::Nofile);
    let wanted = (3 * MANY) as u64;
    if before.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: before.maximum }).unwrap();
    }
    let at = SocketAddr::from(([127, 0, 0, 1], 0));
    TcpTransport::default().with_limits(limits).listen(at).await.unwrap()
}

/// Answers every message with itself, and says how the connection ended.
async fn serve(mut connection: Connection) -> ReadError {
    loop {
        match connection.reader.next().await {
            Ok(Incoming::Message { parsed, .. }) => {
                connection.writer.send(&parsed.message, &Dialect::strict()).await.unwrap();
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => return error,
        }
    }
}

async fn ask(connection: &mut Connection) {
    let message = Message::Leave(Leave::new(StationUuid::from_random_bytes([1; 16])));
    connection.writer.send(&message, &Dialect::strict()).await.unwrap();
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, message),
        other => panic!("{other:?}"),
    }
}
