//! Whether multicast that is sent on an interface is heard there: a question of our own, from one socket to another.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, SockAddr, Socket, Type};

use super::interfaces::Card;
use super::report::Report;
use super::udp;
use crate::shown;

/// One interface in one address family.
#[derive(Debug, Clone, Copy)]
enum Way {
    V4(Ipv4Addr),
    /// The interface's number.
    V6(u32),
}

pub(super) async fn check(cards: &[Card], port: u16, report: &mut Report) {
    let mut probes = Vec::new();
    for card in cards {
        let (v4, v6) = card.ways();
        let v6 = card.index.filter(|_| v6).map(Way::V6);
        for way in v4.map(Way::V4).into_iter().chain(v6) {
            probes.push((card, way, tokio::task::spawn_blocking(move || probe(way, port))));
        }
    }
    let mut facts = Vec::new();
    for (card, way, probe) in probes {
        let name = &card.name;
        let heard = probe.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let family = if matches!(way, Way::V4(_)) { "IPv4" } else { "IPv6" };
        facts.push(json!({ "interface": name, "family": family, "heard": matches!(heard, Ok(true)) }));
        match heard {
            Ok(true) => report.well(format!("multicast by {family} on {name}: what we send we hear")),
            // Stations are seldom behind these, and many of them carry no multicast.
            Ok(false) | Err(_) if card.attached => report.note(format!(
                "multicast by {family} on {name} does not work; it is a tunnel or part of a bridge, so that may be as it should be"
            )),
            Ok(false) => report.problem(
                "multicast-not-heard",
                format!("multicast by {family} on {name}: what we send we do not hear"),
                format!("allow UDP port {port} in this machine's firewall; if it is a VPN or a tunnel, choose another with --interface"),
            ),
            Err(error) => report.problem(
                "multicast-not-sent",
                format!("multicast by {family} on {name} is not possible: {error}"),
                "choose an interface that can, with --interface; a firewall or a missing route may be the reason",
            ),
        }
    }
    report.fact("multicast", json!(facts));
}

/// Sends a question that nobody answers, and waits a second for it.
fn probe(way: Way, port: u16) -> io::Result<bool> {
    let (ear, mouth, to): (Socket, Socket, SocketAddr) = match way {
        Way::V4(address) => {
            let ear = udp::share(Domain::IPV4, port)?;
            ear.join_multicast_v4(&GROUP_V4, &address)?;
            let mouth = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            mouth.set_multicast_if_v4(&address)?;
            mouth.set_multicast_loop_v4(true)?;
            (ear, mouth, (GROUP_V4, port).into())
        }
        Way::V6(index) => {
            let ear = udp::share(Domain::IPV6, port)?;
            ear.join_multicast_v6(&GROUP_V6, index)?;
            let mouth = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
            mouth.set_multicast_if_v6(index)?;
            mouth.set_multicast_loop_v6(true)?;
            (ear, mouth, SocketAddrV6::new(GROUP_V6, port, 0, index).into())
        }
    };
    let question = question(&shown::hex(&mvrx_station::random_bytes()));
    mouth.send_to(&question, &SockAddr::from(to))?;
    hear(&UdpSocket::from(ear), &question)
}

fn hear(ear: &UdpSocket, question: &[u8]) -> io::Result<bool> {
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; 2048];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        ear.set_read_timeout(Some(left))?;
        match ear.recv(&mut buffer) {
            Ok(length) if buffer.get(..length) == Some(question) => return Ok(true),
            // Something else; an error is the end of the time, or of no account: a datagram too long to be ours.
            Ok(_) | Err(_) => {}
        }
    }
}

/// A question of multicast DNS for a name that nobody has: responders stay silent.
fn question(token: &str) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [&format!("mvrx-doctor-{token}"), "local"] {
        // The labels are ours: 44 bytes and 5.
        message.push(u8::try_from(label.len()).unwrap_or_default());
        message.extend(label.as_bytes());
    }
    // The root, type PTR, class IN.
    message.extend([0, 0, 12, 0, 1]);
    message
}

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// It takes microseconds; a loaded machine more.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_itself_and_not_others() {
        let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mouth = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = ear.local_addr().unwrap();
        mouth.send_to(&question("other"), to).unwrap();
        mouth.send_to(&question("ours"), to).unwrap();
        assert!(hear(&ear, &question("ours")).unwrap());
        assert!(!hear(&ear, &question("ours")).unwrap());
    }

    #[test]
    fn the_question_is_one_of_dns() {
        let question = question("ab");
        assert_eq!(&question[12..], b"\x0emvrx-doctor-ab\x05local\x00\x00\x0c\x00\x01");
    }
}
