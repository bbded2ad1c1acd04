//! What TCP alone has: ports, address families, calls that nobody answers.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::battery::{Sink, Source};
use mvrx_transport::{
    AcceptError, BindError, Incoming, ListenError, MemoryNetwork, Progress, Scope, TcpTransport, Transport,
};

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[tokio::test]
// proves: TRA-14
async fn the_next_free_port_is_taken_unless_only_one_may_be_tried() {
    let tcp = TcpTransport::default();
    let first = tcp.listen(loopback(0)).await.unwrap();
    let taken = first.local_addr().port();
    let second = tcp.listen(loopback(taken)).await.unwrap();
    assert!(second.local_addr().port() > taken);
    match tcp.with_port_attempts(1).listen(loopback(taken)).await {
        Err(error @ ListenError(BindError::NoFreePort { first, last })) => {
            assert_eq!((first, last), (taken, taken));
            assert_eq!(error.scope(), Scope::Station);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_ipv4_peer_of_a_listener_for_both_families_is_an_ipv4_peer() {
    let tcp = TcpTransport::default();
    let mut listener = tcp.listen("[::]:0".parse().unwrap()).await.unwrap();
    let near = tcp.dial(loopback(listener.local_addr().port()).into()).await.unwrap();
    let far = listener.accept().await.unwrap();
    assert_eq!(far.peer, near.local);
    assert_eq!(far.peer.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(far.local, near.peer);
}

#[test]
fn transfers_work_on_a_runtime_of_one_thread_and_end_with_it() {
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = runtime.block_on(async {
            let tcp = TcpTransport::default();
            let mut listener = tcp.listen(loopback(0)).await.unwrap();
            let mut near = tcp.dial(listener.local_addr().into()).await.unwrap();
            let mut far = listener.accept().await.unwrap();
            let (sink, seen) = Sink::of(1 << 30);
            tokio::spawn(async move {
                near.writer.send_file(Box::new(Source::new(1 << 30)), Progress::new()).await
            });
            assert!(matches!(far.reader.next().await, Ok(Incoming::File { .. })));
            tokio::spawn(async move {
                far.reader
                    .receive_file(
                        Box::new(sink),
                        None,
                        &mut mvrx_transport::battery::unexpected,
                        Progress::new(),
                    )
                    .await
            });
            seen.written.notified().await;
            seen
        });
        // Waits for every thread: it would hang if one did not end.
        drop(runtime);
        assert!(!seen.finished());
    }
}

#[tokio::test]
async fn a_network_in_memory_that_is_gone_is_final() {
    let network = MemoryNetwork::new();
    let station = network.station([10, 0, 0, 1]);
    let mut listener = station.listen("[::]:42424".parse().unwrap()).await.unwrap();
    let second = station.listen("[::]:42424".parse().unwrap()).await.unwrap();
    assert_eq!(second.local_addr().port(), 42425);
    let foreign = station.listen("10.0.0.9:1".parse().unwrap()).await;
    assert!(matches!(foreign, Err(ListenError(BindError::AddressRefused { .. }))));

    let mut near = network.station([10, 0, 0, 2]).dial(listener.local_addr().into()).await.unwrap();
    let mut far = listener.accept().await.unwrap();
    drop((network, station));
    match listener.accept().await {
        Err(error @ AcceptError::NetworkGone) => assert!(error.is_final()),
        other => panic!("{other:?}"),
    }
    let leave = Message::Leave(Leave::new(StationUuid::from_random_bytes([1; 16])));
    near.writer.send(&leave, &Dialect::strict()).await.unwrap();
    assert!(matches!(far.reader.next().await, Ok(Incoming::Message { .. })), "connections outlive it");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use mvrx_transport::{DialError, Limits, TcpTransport, Transport};
    use socket2::{Domain, Socket, Type};

    use super::loopback;

    #[tokio::test]
    async fn a_call_that_nobody_answers_ends_in_time() {
        // A full queue: the system lets further calls wait.
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&loopback(0).into()).unwrap();
        full.listen(0).unwrap();
        let at = full.local_addr().unwrap().as_socket().unwrap();
        let limits = Limits { connect: Duration::from_millis(100), ..Limits::default() };
        let tcp = TcpTransport::default().with_limits(limits);
        let mut answered = Vec::new();
        for _ in 0..8 {
            match tcp.dial(at.into()).await {
                Ok(connection) => answered.push(connection),
                Err(DialError::NoAnswer { address, allowed }) => {
                    assert_eq!((address, allowed), (at, limits.connect));
                    return;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        panic!("{} calls were answered", answered.len());
    }
}

#[tokio::test]
async fn a_url_reaches_a_station_in_memory_in_websocket_mode_alone() {
    let network = MemoryNetwork::new();
    let host = network.station([10, 0, 0, 1]).with_websockets();
    let mut listener = host.listen(([10, 0, 0, 1], 8080).into()).await.unwrap();
    let url = |text: &str| mvrx_transport::Endpoint::Url(text.parse().unwrap());
    let client = network.station([10, 0, 0, 2]);
    let error = client.dial(url("ws://10.0.0.1:8080/")).await.unwrap_err();
    assert!(matches!(error, mvrx_transport::DialError::NotThisMode { .. }), "{error:?}");
    let client = client.with_websockets();
    let error = client.dial(url("ws://desk:8080/")).await.unwrap_err();
    assert!(matches!(error, mvrx_transport::DialError::NameNotFound { .. }), "{error:?}");
    client.dial(url("ws://10.0.0.1:8080/")).await.unwrap();
    listener.accept().await.unwrap();
}
