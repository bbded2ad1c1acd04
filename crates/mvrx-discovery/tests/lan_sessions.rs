//! Aim: a session is found by who looks for it, with what it says of itself, and by nobody who looks for stations.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
mod common;

use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryEvent, LanDiscovery, SessionAdvertisement, find_sessions};
use mvrx_message::StationUuid;

const PATIENCE: Duration = Duration::from_secs(60);

fn shown(n: u8, name: &str) -> SessionAdvertisement {
    let mut shown = SessionAdvertisement::new(StationUuid::from_random_bytes([n; 16]), name, 42_480);
    shown.group = "Tour".to_owned();
    shown
}

/// Answers for its session until it is to end.
fn run(mut host: LanDiscovery) -> tokio::sync::oneshot::Sender<()> {
    let (end, ended) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            () = async { while host.next().await.is_some() {} } => {}
            _ = ended => {}
        }
        Box::new(host).shutdown().await;
    });
    end
}

// proves: DIS-SESSION
#[tokio::test]
async fn sessions_are_found_by_who_looks_for_them_and_vanish_with_a_goodbye() {
    let port = common::free_port();
    let mut hosts = Vec::new();
    // Two with one name: the second gets a number.
    for n in [1, 2] {
        let mut host = common::start_lan(port);
        host.announce_session(&shown(n, "Rack")).unwrap();
        hosts.push(run(host));
    }
    let mut looking = common::start_lan(port);
    let found = find_sessions(&mut looking, PATIENCE, 2).await.unwrap();
    let told: Vec<_> = found.iter().map(|s| (s.station_name.as_str(), s.group.as_str())).collect();
    assert_eq!(told, [("Rack", "Tour"), ("Rack", "Tour")]);
    assert!(found.iter().all(|s| s.addresses.iter().all(|a| a.port() == 42_480)));
    assert!(found[0].station != found[1].station);
    let gone = found[0].station;
    let first = usize::from(gone == StationUuid::from_random_bytes([2; 16]));
    hosts.remove(first).send(()).unwrap();
    let vanished = async {
        loop {
            match looking.next().await.unwrap() {
                DiscoveryEvent::SessionVanished { station } => break station,
                DiscoveryEvent::Sighted(station) => panic!("a session is no station: {station:?}"),
                _ => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, vanished).await.unwrap(), gone);
}

// proves: DIS-SESSION
#[tokio::test]
async fn two_hosts_with_one_station_uuid_are_told_as_two() {
    let port = common::free_port();
    let mut hosts = Vec::new();
    for (name, at) in [("Rack", 42_480), ("Copy", 42_481)] {
        let mut host = common::start_lan(port);
        let mut shown = shown(1, name);
        shown.port = at;
        host.announce_session(&shown).unwrap();
        hosts.push(run(host));
    }
    let mut looking = common::start_lan(port);
    looking.look_for_sessions().unwrap();
    let both = async {
        loop {
            if let DiscoveryEvent::Session(seen) = looking.next().await.unwrap()
                && seen.doubles == 1
            {
                break seen;
            }
        }
    };
    let seen = tokio::time::timeout(PATIENCE, both).await.unwrap();
    let ports: std::collections::BTreeSet<u16> =
        seen.addresses.iter().map(std::net::SocketAddr::port).collect();
    assert_eq!(ports, [42_480, 42_481].into());
}
