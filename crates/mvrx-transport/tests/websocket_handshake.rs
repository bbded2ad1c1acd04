//! The opening handshake.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::ws::{Opcode, Refusal};
use mvrx_transport::{
    AcceptError, Blame, Connection, DialError, Endpoint, HandshakeError, Incoming, Limits, Listener,
    Transport, WsTransport, WsUrl,
};
use raw::{REQUEST, head, masked, plain, shake_as_server, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

fn json(message: &Message) -> Vec<u8> {
    let mut json = Vec::new();
    message.append_json(&Dialect::strict(), &mut json);
    json
}

async fn expect(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
// proves: WSK-18
async fn frames_in_one_segment_with_the_answer_are_not_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::Address(listener.local_addr().unwrap());
    let mut early = plain(Opcode::Text, true, &json(&leave(1)));
    early.extend_from_slice(&plain(Opcode::Text, true, &json(&leave(2)))[..20]);
    let accepting = async {
        let mut peer = shake_as_server(listener.accept().await.unwrap().0, &early).await;
        peer.write_all(&plain(Opcode::Text, true, &json(&leave(2)))[20..]).await.unwrap();
        peer
    };
    let ws = WsTransport::default();
    let (ours, _peer) = tokio::join!(ws.dial(to), accepting);
    let mut ours = ours.unwrap();
    expect(&mut ours, &leave(1)).await;
    expect(&mut ours, &leave(2)).await;
}

#[tokio::test]
// proves: WSK-18
async fn frames_in_one_segment_with_the_request_are_not_lost() {
    let mut listener = WsTransport::default().listen(HERE.into()).await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    let mut bytes = REQUEST.as_bytes().to_vec();
    bytes.extend_from_slice(&masked(Opcode::Text, true, &json(&leave(1))));
    peer.write_all(&bytes).await.unwrap();
    let mut ours = listener.accept().await.unwrap();
    expect(&mut ours, &leave(1)).await;
}

#[tokio::test]
// proves: WSK-18
async fn a_head_may_come_byte_by_byte() {
    let mut listener = WsTransport::default().listen(HERE.into()).await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    peer.set_nodelay(true).unwrap();
    let writing = async {
        for byte in REQUEST.bytes() {
            peer.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        head(&mut peer).await
    };
    let (answer, accepted) = tokio::join!(writing, listener.accept());
    assert!(answer.starts_with("HTTP/1.1 101"));
    accepted.unwrap();
}

/// What a server of ours says to these bytes, over the wire and to its application.
async fn refused(limits: Limits, bytes: &[u8]) -> (String, HandshakeError) {
    let mut listener = with(limits).listen(HERE.into()).await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    let talking = async {
        let _ = peer.write_all(bytes).await;
        let mut all = Vec::new();
        let _ = peer.read_to_end(&mut all).await;
        String::from_utf8_lossy(&all).into_owned()
    };
    match tokio::join!(talking, listener.accept()) {
        (answer, Err(AcceptError::NotUpgraded { error, .. })) => (answer, error),
        (answer, other) => panic!("{answer} {other:?}"),
    }
}

#[tokio::test]
// proves: WSK-18
async fn a_handshake_is_bounded_in_bytes_and_time() {
    let short = Limits { handshake_bytes: 300, handshake: Duration::from_millis(50), ..Limits::default() };
    let (answer, error) =
        refused(short, &REQUEST.replace("Host: x", &"X: y\r\n".repeat(100)).into_bytes()).await;
    assert!(matches!(error, HandshakeError::HeadLongerThanLimit { allowed: 300 }), "{error:?}");
    assert_eq!(error.blame(), Blame::Limit);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let (answer, error) = refused(short, &REQUEST.as_bytes()[..20]).await;
    assert!(matches!(error, HandshakeError::TooSlow { .. }), "{error:?}");
    assert_eq!(answer, "");
}

#[tokio::test]
async fn who_is_no_websocket_client_is_told_so() {
    let (answer, error) = refused(Limits::default(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(matches!(error, HandshakeError::NotWebSocket { .. }), "{error:?}");
    assert_eq!(error.blame(), Blame::Peer);
    let wrong_version = REQUEST.replace("Version: 13", "Version: 8");
    assert!(
        refused(Limits::default(), wrong_version.as_bytes()).await.0.contains("Sec-WebSocket-Version: 13")
    );
    let (_, error) = refused(Limits::default(), b"\x16\x03\x01 hello, TLS\r\n\r\n").await;
    assert!(matches!(error, HandshakeError::TlsNotSpoken), "{error:?}");
    assert_eq!(error.blame(), Blame::Peer);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_handshake_is_named() {
    let mut listener = WsTransport::default().listen(HERE.into()).await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    peer.write_all(&REQUEST.as_bytes()[..33]).await.unwrap();
    drop(peer);
    match listener.accept().await {
        Err(AcceptError::NotUpgraded { error: HandshakeError::StreamEnded { received: 33 }, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
// proves: WSK-19
async fn the_application_refuses_by_path_host_and_origin() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let ws = WsTransport::default().with_check(move |upgrade| {
        let of = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let line = format!("{} {} {}", upgrade.path, of(upgrade.host), of(upgrade.origin));
        noted.lock().unwrap().push(line);
        match (upgrade.path, upgrade.origin) {
            (_, Some("http://evil.example")) => Err(Refusal { status: 403 }),
            ("/session?group=Default", _) => Ok(()),
            _ => Err(Refusal { status: 404 }),
        }
    });
    let mut listener = ws.listen(HERE.into()).await.unwrap();
    let port = listener.local_addr().port();
    let url = |path: &str| format!("ws://localhost:{port}{path}").parse::<WsUrl>().unwrap();

    let (dialed, accepted) = both(&ws, &mut listener, url("/session?group=Default")).await;
    assert!(dialed.is_ok() && accepted.is_ok(), "{dialed:?} {accepted:?}");
    let (dialed, accepted) = both(&ws, &mut listener, url("/elsewhere")).await;
    let answered = matches!(
        dialed,
        Err(DialError::NotUpgraded { error: HandshakeError::AnsweredWith { status: 404 }, .. })
    );
    assert!(answered, "{dialed:?}");
    assert!(matches!(
        accepted,
        Err(AcceptError::NotUpgraded { error: HandshakeError::RefusedByCheck { status: 404 }, .. })
    ));

    let mut browser = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = REQUEST.replace("Host: x", "Host: x:1\r\nOrigin: http://evil.example");
    browser.write_all(request.as_bytes()).await.unwrap();
    let (accepted, answer) = tokio::join!(listener.accept(), head(&mut browser));
    assert!(accepted.is_err());
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let host = format!("localhost:{port}");
    let expected = [
        format!("/session?group=Default {host} -"),
        format!("/elsewhere {host} -"),
        "/ x:1 http://evil.example".to_owned(),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

async fn both(
    ws: &WsTransport,
    listener: &mut Box<dyn Listener>,
    url: WsUrl,
) -> (Result<Connection, DialError>, Result<Connection, AcceptError>) {
    tokio::join!(ws.dial(Endpoint::Url(url)), listener.accept())
}

#[tokio::test]
async fn a_client_names_what_came_instead_of_a_session() {
    let dial = async |url: &str| {
        let limits = Limits { handshake: Duration::from_millis(200), ..Limits::default() };
        let error = with(limits).dial(Endpoint::Url(url.parse().unwrap())).await.unwrap_err();
        match error {
            DialError::NotUpgraded { error, .. } => error,
            other => panic!("{other:?}"),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    for (answer, named) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "AnsweredWith { status: 404 }"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "NotWebSocket"),
        ("HTTP/1.0 200 OK\r\n\r\n", "the other side speaks HTTP older than 1.1"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "NotWebSocket",
        ),
        ("HTTP/1.1 101 Switch", "TooSlow"),
    ] {
        let answering = async {
            let mut peer = listener.accept().await.unwrap().0;
            head(&mut peer).await;
            peer.write_all(answer.as_bytes()).await.unwrap();
            peer
        };
        let (error, _peer) = tokio::join!(dial(&url), answering);
        assert!(format!("{error:?}").contains(named), "{error:?} instead of {named}");
    }
    let error = dial(&url.replace("ws://", "wss://")).await;
    // Nobody answers there; the handshake of TLS has the same time.
    assert!(matches!(error, HandshakeError::TooSlow { .. }), "{error:?}");
}

#[tokio::test]
async fn a_slow_handshake_holds_up_nobody_else() {
    let mut listener = WsTransport::default().listen(HERE.into()).await.unwrap();
    let _slow = TcpStream::connect(listener.local_addr()).await.unwrap();
    let ws = WsTransport::default();
    let (dialed, accepted) = tokio::join!(ws.dial(listener.local_addr().into()), listener.accept());
    let (mut dialed, mut accepted) = (dialed.unwrap(), accepted.unwrap());
    dialed.writer.send(&leave(1), &Dialect::strict()).await.unwrap();
    expect(&mut accepted, &leave(1)).await;
}

#[tokio::test]
// proves: WSK-23
async fn a_host_says_of_itself_what_is_so_when_it_is_asked_and_others_read_on() {
    let said = Arc::new(Mutex::new(Some("one".to_owned())));
    let now = Arc::clone(&said);
    let ws = WsTransport::default().with_note(move || now.lock().unwrap().clone());
    let mut listener = ws.listen(HERE.into()).await.unwrap();
    let at = WsUrl::at(listener.local_addr());
    let accepting = tokio::spawn(async move {
        let mut all = Vec::new();
        for _ in 0..5 {
            all.push(listener.accept().await);
        }
        all.into_iter().filter(Result::is_ok).count()
    });
    let asks = WsTransport::default();
    assert_eq!(asks.note_of(at.clone()).await.unwrap().as_deref(), Some("one"));
    *said.lock().unwrap() = Some("two".to_owned());
    assert_eq!(asks.note_of(at.clone()).await.unwrap().as_deref(), Some("two"));
    for nothing in [None, Some("two\r\nlines".to_owned()), Some("x".repeat(257))] {
        *said.lock().unwrap() = nothing;
        assert_eq!(asks.note_of(at.clone()).await.unwrap(), None);
    }
    assert_eq!(accepting.await.unwrap(), 5, "what is said of a host never keeps anybody out");
}
