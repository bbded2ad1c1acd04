//! Clients that say no password in their handshake: one JOIN with the right one, or nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, Join, JoinPassword, Leave, Message, MvrVersion, StationUuid};
use mvrx_transport::ws::{Door, Login, MayBe, Opcode, Password, Shut};
use mvrx_transport::{
    AcceptError, Connection, DialError, Endpoint, HandshakeError, Incoming, Limits, Transport, WsTransport,
    WsUrl,
};
use raw::{REQUEST, head, masked, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(20);
const HERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn desk() -> StationUuid {
    StationUuid::from_random_bytes([7; 16])
}

fn password() -> Password {
    Password::new("open sesame").unwrap()
}

fn join(said: Option<JoinPassword>, name: &str) -> Message {
    Message::Join(Join { password: said, ..Join::new(desk(), name, "ThePult", MvrVersion::CURRENT) })
}

fn text(message: &Message) -> Vec<u8> {
    masked(Opcode::Text, true, &message.to_json(&Dialect::strict()))
}

type Accepted = Result<Connection, AcceptError>;

/// A host that accepts all the time, as hosts do.
struct Host {
    at: SocketAddr,
    accepted: mpsc::Receiver<Accepted>,
}

impl Host {
    async fn new(limits: Limits) -> Self {
        let door = Door::new(password());
        let ws = with(limits).with_door(door).with_note(|| Some("secret".to_owned()));
        let mut listener = ws.listen(HERE.into()).await.unwrap();
        let at = listener.local_addr();
        let (tell, accepted) = mpsc::channel(8);
        tokio::spawn(async move { while tell.send(listener.accept().await).await.is_ok() {} });
        Self { at, accepted }
    }

    async fn next(&mut self) -> Accepted {
        tokio::time::timeout(LIMIT, self.accepted.recv()).await.unwrap().unwrap()
    }

    /// A foreign client behind its handshake.
    async fn stranger(&self) -> TcpStream {
        let mut peer = TcpStream::connect(self.at).await.unwrap();
        peer.write_all(REQUEST.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(LIMIT, head(&mut peer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        assert!(answer.contains("mvrx-password: wanted") && !answer.contains("secret"), "{answer}");
        peer
    }

    /// What a stranger gets that sends this first, and how the host sees it.
    async fn met(&mut self, first: &[u8]) -> (Accepted, String) {
        let mut peer = self.stranger().await;
        peer.write_all(first).await.unwrap();
        let accepted = self.next().await;
        if accepted.is_ok() {
            return (accepted, String::new());
        }
        let mut all = Vec::new();
        let _ = tokio::time::timeout(LIMIT, peer.read_to_end(&mut all)).await.unwrap();
        (accepted, String::from_utf8_lossy(&all).into_owned())
    }
}

fn kept_out(accepted: &Accepted) -> Option<Shut> {
    match accepted {
        Err(AcceptError::NotUpgraded { error: HandshakeError::KeptOut { why, .. }, .. }) => Some(*why),
        _ => None,
    }
}

#[tokio::test]
// proves: PWD-06
async fn a_foreign_client_comes_in_by_its_join_and_that_join_comes_first() {
    let mut host = Host::new(Limits::default()).await;
    let said = join(Some(password().for_join(desk())), "Desk");
    let (accepted, _) = host.met(&text(&said)).await;
    let mut accepted = accepted.unwrap();
    assert!(accepted.passed.may_be.includes(desk()));
    assert!(matches!(&accepted.passed.may_be, MayBe::Only(stations) if stations.len() == 1));
    match accepted.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, said),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
// proves: PWD-06
async fn anything_else_than_the_right_join_is_refused_in_words_and_tells_nothing() {
    let mut host = Host::new(Limits::default()).await;
    let right = text(&join(Some(password().for_join(desk())), "Desk"));
    let leave = text(&Message::Leave(Leave::new(desk())));
    let nonsense = masked(Opcode::Text, true, b"nonsense");
    let file = masked(Opcode::Binary, true, &[b'x'; 64]);
    // What comes before the JOIN counts, not what comes behind.
    let late: Vec<u8> = [&leave[..], &right[..]].concat();
    for first in [&leave[..], &nonsense, &file, &late, &text(&join(None, "Desk"))] {
        let (accepted, told) = host.met(first).await;
        assert_eq!(kept_out(&accepted), Some(Shut::NoPassword), "{accepted:?}");
        assert!(told.contains("MVR_JOIN_RET") && told.contains("wants a password"), "{told}");
        assert!(!told.contains("secret") && told.contains(r#""StationName":"""#), "{told}");
    }
    let wrong = text(&join(Some(Password::new("open barley").unwrap().for_join(desk())), "Desk"));
    for n in 0..6 {
        let (accepted, told) = host.met(&wrong).await;
        match kept_out(&accepted) {
            Some(Shut::WrongPassword) => assert!(n < 5 && told.contains("the password is wrong"), "{told}"),
            Some(Shut::TooManyGuesses(_)) => {
                panic!("{n} guesses were enough, and the handshake was not refused")
            }
            other => panic!("{other:?}"),
        }
        if n == 4 {
            break;
        }
    }
    // Five guesses in JOINs are as good as five in handshakes: the next handshake is refused.
    let mut peer = TcpStream::connect(host.at).await.unwrap();
    peer.write_all(REQUEST.as_bytes()).await.unwrap();
    let (accepted, answer) = tokio::join!(host.next(), head(&mut peer));
    assert!(matches!(kept_out(&accepted), Some(Shut::TooManyGuesses(_))), "{accepted:?}");
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
}

#[tokio::test]
// proves: PWD-06
async fn a_strangers_join_is_bounded_in_bytes_until_it_is_in() {
    let said = || Some(password().for_join(desk()));
    let plain = join(said(), "").to_json(&Dialect::strict()).len();
    let limits = Limits { stranger_bytes: plain + 100, ..Limits::default() };
    let mut host = Host::new(limits).await;
    let named = |length: usize| text(&join(said(), &"n".repeat(length)));
    let (accepted, told) = host.met(&named(101)).await;
    assert!(kept_out(&accepted).is_some(), "{accepted:?}");
    assert!(!told.contains("secret"), "{told}");
    let mut peer = host.stranger().await;
    // Once it is in, it may say as much as everybody.
    peer.write_all(&[named(100), named(900)].concat()).await.unwrap();
    let mut accepted = host.next().await.unwrap();
    for length in [100, 900] {
        match accepted.reader.next().await {
            Ok(Incoming::Message { parsed, .. }) => {
                assert_eq!(parsed.message, join(said(), &"n".repeat(length)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
// proves: PWD-06
async fn a_stranger_that_says_nothing_is_let_go_in_time_and_holds_up_nobody() {
    let limits = Limits { handshake: Duration::from_millis(300), ..Limits::default() };
    let mut host = Host::new(limits).await;
    let mut silent = host.stranger().await;
    let (accepted, _) = host.met(&text(&join(Some(password().for_join(desk())), "Desk"))).await;
    accepted.unwrap();
    let gone = host.next().await;
    assert!(
        matches!(gone, Err(AcceptError::NotUpgraded { error: HandshakeError::TooSlow { .. }, .. })),
        "{gone:?}"
    );
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection ended");
}

#[tokio::test]
// proves: PWD-06, PWD-07
async fn a_client_of_ours_without_a_password_says_so_and_with_one_has_told_it() {
    let mut host = Host::new(Limits::default()).await;
    let url: WsUrl = format!("ws://{}/", host.at).parse().unwrap();
    let without = WsTransport::default();
    let (dialed, accepted) = tokio::join!(without.dial(Endpoint::Url(url.clone())), host.next());
    assert!(
        matches!(dialed, Err(DialError::NotUpgraded { error: HandshakeError::PasswordWanted, .. })),
        "{dialed:?}"
    );
    assert_eq!(kept_out(&accepted), Some(Shut::NoPassword), "{accepted:?}");
    let with = WsTransport::default().with_login(Login::new(password(), &url).in_the_clear());
    let (dialed, accepted) = tokio::join!(with.dial(Endpoint::Url(url.clone())), host.next());
    let told = dialed.unwrap().passed.told.unwrap();
    assert_eq!(told.for_join(desk()), password().for_join(desk()));
    assert_eq!(accepted.unwrap().passed.may_be, MayBe::Anyone);
    // It is told nowhere where the handshake must not tell it: there the client says none at all.
    let silent = WsTransport::default().with_login(Login::new(password(), &url));
    let (dialed, accepted) = tokio::join!(silent.dial(Endpoint::Url(url)), host.next());
    assert!(dialed.is_err() && kept_out(&accepted) == Some(Shut::NoPassword), "{dialed:?} {accepted:?}");
}
