//! The shared battery on everything this crate has.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;

use mvrx_transport::battery::Fixture;
use mvrx_transport::middleware::{FaultPlan, Faulty, recorded, traced};
use mvrx_transport::tls::{ClientTls, SelfSigned, ServerTls};
use mvrx_transport::{
    AcceptError, BoxFuture, Connection, DialError, Endpoint, FilePump, ListenError, Listener, MemoryNetwork,
    TcpTransport, Transport, WsTransport, WsUrl, transport_battery,
};

fn tcp(pump: FilePump) -> Fixture {
    // A port that was asked for is not there for long; the system chooses, so that tests run side by side.
    let tcp = TcpTransport::default().with_file_pump(pump);
    Fixture::new(tcp, tcp, ([127, 0, 0, 1], 0).into())
}

fn ws(pump: FilePump) -> Fixture {
    let ws = WsTransport::default().with_file_pump(pump);
    Fixture::new(ws.clone(), ws, ([127, 0, 0, 1], 0).into())
}

/// WebSocket over any stream of tokio's, as over one of TLS.
#[derive(Debug)]
struct OverAnyStream;

#[derive(Debug)]
struct OverAnyListener(tokio::net::TcpListener);

impl Transport for OverAnyStream {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(async move {
            let Endpoint::Address(address) = to else { panic!("{to}") };
            let stream = tokio::net::TcpStream::connect(address).await;
            let stream = stream.map_err(|_| DialError::Refused { address })?;
            let ends = (stream.local_addr().unwrap(), address);
            let joined = WsTransport::default().connect_over(stream, &WsUrl::at(address), ends).await;
            joined.map_err(|error| DialError::NotUpgraded { address, error })
        })
    }

    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move {
            let listener = tokio::net::TcpListener::bind(at).await.unwrap();
            Ok(Box::new(OverAnyListener(listener)) as Box<dyn Listener>)
        })
    }
}

impl Listener for OverAnyListener {
    fn local_addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await.unwrap();
            let ends = (stream.local_addr().unwrap(), peer);
            let admitted = WsTransport::default().accept_over(stream, ends).await;
            admitted.map_err(|error| AcceptError::NotUpgraded { peer, error })
        })
    }
}

fn over_any_stream() -> Fixture {
    Fixture::new(OverAnyStream, OverAnyStream, ([127, 0, 0, 1], 0).into())
}

/// `wss://`, by a pinned certificate.
#[derive(Debug)]
struct Secure(WsTransport);

impl Transport for Secure {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        self.0.dial(Endpoint::Url(format!("wss://{to}/").parse().unwrap()))
    }

    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        self.0.listen(at)
    }
}

fn wss(pump: FilePump) -> Fixture {
    let made = SelfSigned::make(&[]).unwrap();
    let tls = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
    let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
    let ws = WsTransport::default().with_file_pump(pump).with_tls(tls).with_trust(trust);
    Fixture::new(Secure(ws.clone()), Secure(ws), ([127, 0, 0, 1], 0).into())
}

fn memory() -> Fixture {
    let network = MemoryNetwork::new();
    let at = ([10, 0, 0, 1], 0).into();
    Fixture::new(network.station([10, 0, 0, 2]), network.station([10, 0, 0, 1]), at)
}

transport_battery!(tcp_with_the_blocking_pump, tcp(FilePump::Blocking));
transport_battery!(tcp_with_the_portable_pump, tcp(FilePump::Portable));
transport_battery!(ws_with_the_blocking_pump, ws(FilePump::Blocking));
transport_battery!(ws_with_the_portable_pump, ws(FilePump::Portable));
transport_battery!(ws_over_any_stream, over_any_stream());
// proves: TLS-06
transport_battery!(wss, wss(FilePump::Blocking));
transport_battery!(in_memory, memory());
transport_battery!(ws_in_memory, websockets_in_memory());

fn websockets_in_memory() -> Fixture {
    let network = MemoryNetwork::new();
    let station = |ip: [u8; 4]| network.station(ip).with_websockets();
    Fixture::new(station([10, 0, 0, 2]), station([10, 0, 0, 1]), ([10, 0, 0, 1], 0).into())
}

/// Middleware that has nothing to do must not be noticed.
fn wrapped() -> Fixture {
    let network = MemoryNetwork::new();
    let wrap = |ip: [u8; 4]| {
        let faulty = Faulty::new(network.station(ip), FaultPlan::default());
        recorded(traced(faulty, |_| {}), std::io::sink())
    };
    Fixture::new(wrap([10, 0, 0, 2]), wrap([10, 0, 0, 1]), ([10, 0, 0, 1], 0).into())
}

transport_battery!(in_memory_through_all_middleware, wrapped());
