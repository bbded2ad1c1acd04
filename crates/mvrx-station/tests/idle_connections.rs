//! Connections by the thousand that have said something once and say no more: what each takes. A file of its own, since the memory is the whole
//! process's. `MVRX_IDLE` says how many; each takes two descriptors here.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![cfg(target_os = "linux")]

mod support;

use std::io::Write;
use std::net::TcpStream;

use mvrx_discovery::FixedDiscovery;
use mvrx_station::{Limits, Station};
use mvrx_store::FsStore;
use mvrx_transport::TcpTransport;

// proves: TRA-15
#[tokio::test]
async fn an_idle_connection_takes_less_than_16_kib() {
    let many = std::env::var("MVRX_IDLE").ok().and_then(|many| many.parse().ok()).unwrap_or(1_000);
    let transport = mvrx_transport::Limits {
        connections: many + 100,
        connections_per_ip: many + 100,
        ..mvrx_transport::Limits::default()
    };
    let limits = Limits { inbound: many + 100, quiet_from_one: many + 100, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let (station, _events) = Station::builder("desk")
        .listen(support::loopback())
        .discovery(FixedDiscovery::new([]))
        .transport(TcpTransport::default().with_limits(transport))
        .limits(limits)
        .store(FsStore::open(folder.path()).unwrap())
        .spawn()
        .await
        .unwrap();
    // What the first ones take is nobody's own.
    let mut held: Vec<TcpStream> = (0..50).map(|_| asked(&station)).collect();
    held.reserve(many);
    let before = resident();
    for _ in 0..many {
        held.push(asked(&station));
    }
    let each = (resident() - before) / many as u64;
    println!("{many} idle connections take {each} bytes each");
    assert!(each < 16 << 10, "{each} bytes each");
    // And another one is served.
    asked(&station);
}

/// A connection on which something was asked and answered.
fn asked(station: &Station) -> TcpStream {
    let mut socket = TcpStream::connect(station.address()).unwrap();
    socket.set_read_timeout(Some(support::LIMIT)).unwrap();
    socket.write_all(&support::message(&support::join())).unwrap();
    assert_eq!(support::read_package(&mut socket).unwrap().0, 0);
    socket
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
