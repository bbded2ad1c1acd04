//! The shared battery on everything this crate has.
#![allow(missing_docs, clippy::unwrap_used)]

use mvrx_transport::battery::Fixture;
use mvrx_transport::{FilePump, MemoryNetwork, TcpTransport, transport_battery};

fn tcp(pump: FilePump) -> Fixture {
    // A port that was asked for is not there for long; the system chooses, so that tests run side by side.
    let tcp = TcpTransport::default().with_file_pump(pump);
    Fixture::new(tcp, tcp, ([127, 0, 0, 1], 0).into())
}

fn memory() -> Fixture {
    let network = MemoryNetwork::new();
    let at = ([10, 0, 0, 1], 0).into();
    Fixture::new(network.station([10, 0, 0, 2]), network.station([10, 0, 0, 1]), at)
}

transport_battery!(tcp_with_the_blocking_pump, tcp(FilePump::Blocking));
transport_battery!(tcp_with_the_portable_pump, tcp(FilePump::Portable));
transport_battery!(in_memory, memory());
