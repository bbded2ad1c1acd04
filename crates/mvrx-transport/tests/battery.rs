//! The shared battery on everything this crate has.
#![allow(missing_docs, clippy::unwrap_used)]

use mvrx_transport::battery::Fixture;
use mvrx_transport::middleware::{FaultPlan, Faulty, recorded, traced};
use mvrx_transport::{FilePump, MemoryNetwork, TcpTransport, WsTransport, transport_battery};

fn tcp(pump: FilePump) -> Fixture {
    // A port that was asked for is not there for long; the system chooses, so that tests run side by side.
    let tcp = TcpTransport::default().with_file_pump(pump);
    Fixture::new(tcp, tcp, ([127, 0, 0, 1], 0).into())
}

fn ws(pump: FilePump) -> Fixture {
    let ws = WsTransport::default().with_file_pump(pump);
    Fixture::new(ws.clone(), ws, ([127, 0, 0, 1], 0).into())
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
transport_battery!(in_memory, memory());

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
