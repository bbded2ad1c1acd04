//! Peers that speak WebSocket byte by byte.
#![allow(dead_code, reason = "each test file uses some of it")]

use mvrx_transport::ws::{Opcode, append_frame};
use mvrx_transport::{Connection, Endpoint, Limits, Transport, WsTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Ours as the server, and a client.
pub(crate) async fn client_of(ws: &WsTransport) -> (Connection, TcpStream) {
    let mut listener = ws.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let peer = TcpStream::connect(listener.local_addr()).await.unwrap();
    let (peer, ours) = tokio::join!(shake_as_client(peer), listener.accept());
    (ours.unwrap(), peer)
}

/// Ours as the client, and a server.
pub(crate) async fn server_of(ws: &WsTransport) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::Address(listener.local_addr().unwrap());
    let accepting = async { shake_as_server(listener.accept().await.unwrap().0, &[]).await };
    let (ours, peer) = tokio::join!(ws.dial(to), accepting);
    (ours.unwrap(), peer)
}

pub(crate) fn with(limits: Limits) -> WsTransport {
    WsTransport::default().with_limits(limits)
}

pub(crate) async fn shake_as_client(mut peer: TcpStream) -> TcpStream {
    peer.write_all(REQUEST.as_bytes()).await.unwrap();
    let answer = head(&mut peer).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    peer
}

/// Writes `early` in one segment with the answer.
pub(crate) async fn shake_as_server(mut peer: TcpStream, early: &[u8]) -> TcpStream {
    let request = head(&mut peer).await;
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(early);
    peer.write_all(&answer).await.unwrap();
    peer
}

pub(crate) async fn head(peer: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A frame of a client.
pub(crate) fn masked(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_frame(opcode, fin, Some(KEY), payload, &mut out);
    out
}

/// A frame of a server.
pub(crate) fn plain(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_frame(opcode, fin, None, payload, &mut out);
    out
}
