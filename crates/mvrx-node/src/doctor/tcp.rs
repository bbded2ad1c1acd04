//! Whether our own TCP port answers, or can be had.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::interfaces::Card;
use super::network::Seen;
use super::own::Own;
use super::report::Report;

pub(super) async fn check(own: &[Own], seen: &Seen, cards: &[Card], report: &mut Report) {
    let mut facts = Vec::new();
    for (own, port) in running(own, seen) {
        let answers = answers(port, cards).await;
        facts.push(fact(port, &answers));
        let (well, silent): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, failure)| failure.is_none());
        let told = |all: &[(IpAddr, Option<String>)]| {
            let one = |(ip, failure): &(IpAddr, Option<String>)| match failure {
                Some(failure) => format!("{ip} ({failure})"),
                None => ip.to_string(),
            };
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        if silent.is_empty() {
            report.well(format!("our station answers at TCP port {port} of {}", told(&well)));
        } else {
            report.problem(
                "own-port-silent",
                format!("our station in {} does not answer at TCP port {port} of {}", own.directory.display(), told(&silent)),
                format!("start it without --listen, or with an address of the network; allow TCP port {port} in this machine's firewall"),
            );
        }
    }
    if facts.is_empty() {
        free(cards, report).await;
    }
    report.fact("tcp", json!({ "stations": facts }));
    report.note("whether firewalls let others in cannot be seen from here: run `mvrx doctor` on the other machine too");
}

/// Our stations that run, with the ports that they announce.
fn running<'a>(own: &'a [Own], seen: &Seen) -> Vec<(&'a Own, u16)> {
    let port = |own: &'a Own| {
        let sighting = seen.sightings.iter().find(|s| s.station == Some(own.station))?;
        Some((own, sighting.addresses.first()?.port()))
    };
    own.iter().filter(|own| own.running).filter_map(port).collect()
}

/// Connects to the port on each of our addresses that discovery tells others; `None`: it answers.
async fn answers(port: u16, cards: &[Card]) -> Vec<(IpAddr, Option<String>)> {
    let used = cards.iter().filter(|card| card.up && (card.chosen.0 || card.chosen.1));
    // IPv6 addresses of one link mean nothing without it, and stations try the others first.
    let told = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_loopback());
    let mut all: BTreeSet<IpAddr> =
        used.flat_map(|card| card.addresses.iter().copied()).filter(told).collect();
    all.insert(Ipv4Addr::LOCALHOST.into());
    let mut answers = Vec::new();
    for ip in all.into_iter().take(ADDRESSES) {
        let failure = match timeout(PATIENCE, TcpStream::connect(SocketAddr::new(ip, port))).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer".to_owned()),
        };
        answers.push((ip, failure));
    }
    answers
}

fn fact(port: u16, answers: &[(IpAddr, Option<String>)]) -> Value {
    let one = |(ip, failure): &(IpAddr, Option<String>)| json!({ "address": ip.to_string(), "answers": failure.is_none() });
    json!({ "port": port, "addresses": answers.iter().map(one).collect::<Vec<_>>() })
}

/// No station of ours was seen to run: could one have its port?
async fn free(cards: &[Card], report: &mut Report) {
    let anywhere = |ip: IpAddr| TcpListener::bind(SocketAddr::new(ip, PORT));
    let bound = match anywhere(Ipv6Addr::UNSPECIFIED.into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => anywhere(Ipv4Addr::UNSPECIFIED.into()),
        bound => bound,
    };
    report.fact("tcp_port_free", json!(bound.is_ok()));
    match bound {
        Ok(_) => report.well(format!("TCP port {PORT} is free for a station")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let answers = answers(PORT, cards).await;
            let at: Vec<String> = answers
                .iter()
                .filter(|(_, failure)| failure.is_none())
                .map(|(ip, _)| ip.to_string())
                .collect();
            let at = if at.is_empty() { "none of our addresses".to_owned() } else { at.join(", ") };
            report.note(format!(
                "TCP port {PORT} is in use, by another program or a station not seen here, and answers at {at}; a station takes the next free port"
            ));
        }
        Err(error) => report.problem(
            "tcp-port-not-to-be-had",
            format!("no station can listen at TCP port {PORT}: {error}"),
            "see what this user is allowed to do; --listen IP:PORT takes another port",
        ),
    }
}

/// Where a station listens unless told otherwise.
const PORT: u16 = 42_424;

/// More of our addresses tell nothing new.
const ADDRESSES: usize = 16;

const PATIENCE: Duration = Duration::from_secs(2);
