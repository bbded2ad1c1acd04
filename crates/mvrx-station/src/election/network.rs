//! What the network shows an election, and what is shown of it: candidates and hosts as discovery finds them, what a host says of itself to whoever
//! asks, and at which address each sees the other.
//!
//! It knows nothing of who is to host.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::PoisonError;
use std::time::Instant;

use mvrx_core::election::{ElectedHost, ElectionConfig, ElectionInput};
use mvrx_discovery::{Discovery, DiscoveryEvent, Elected, SessionAdvertisement, SightingKey};
use mvrx_message::{GroupName, StationUuid};
use mvrx_transport::{WsTransport, WsUrl};

use super::{ElectionNews, Outcome, Runner, Says};

impl Runner {
    pub(super) async fn found(&mut self, found: Option<DiscoveryEvent>) {
        match found {
            Some(DiscoveryEvent::Sighted(seen)) => {
                let Some(station) = seen.station else { return };
                let here = seen.group.as_deref() == Some(self.wanted.group.as_str());
                match seen.ours.and_then(|ours| ours.candidate).filter(|_| here) {
                    Some(candidate) => {
                        self.note_peer(seen.addresses.iter().copied().find(is_whole));
                        self.candidates.insert(station, seen.addresses);
                        let priority = candidate.priority;
                        self.step(ElectionInput::StationSeen { station, priority }).await;
                    }
                    None => self.candidate_gone(station).await,
                }
            }
            Some(DiscoveryEvent::Vanished { key: SightingKey::Station(station) }) => {
                self.candidate_gone(station).await;
            }
            // It hosts for another group now.
            Some(DiscoveryEvent::Session(seen)) if seen.group != self.wanted.group.as_str() => {
                self.step(ElectionInput::HostGone { host: seen.station }).await;
            }
            Some(DiscoveryEvent::Session(seen)) => {
                let mut seen = seen;
                if seen.addresses.iter().any(is_whole) {
                    seen.addresses.retain(is_whole);
                }
                let (Some(elected), Some(url)) = (seen.elected, seen.urls().into_iter().next()) else {
                    return;
                };
                if seen.station != self.wanted.host {
                    self.note_peer(seen.addresses.first().copied());
                }
                let Elected { priority, since, alone } = elected;
                let host = ElectedHost { host: seen.station, priority, since, alone, url };
                self.step(ElectionInput::HostSeen(host)).await;
            }
            Some(DiscoveryEvent::SessionVanished { station }) => {
                self.step(ElectionInput::HostGone { host: station }).await;
            }
            Some(_) => {}
            None => {
                self.discovery = None;
                self.tell(ElectionNews::Problem { what: "discovery has ended".to_owned() });
            }
        }
    }

    async fn candidate_gone(&mut self, station: StationUuid) {
        if self.candidates.remove(&station).is_some() {
            self.step(ElectionInput::StationGone { station }).await;
        }
    }

    pub(super) fn probe(&self, host: StationUuid, url: String) {
        let (told, group) = (self.told.clone(), self.wanted.group.clone());
        tokio::spawn(async move {
            let ask = async {
                let at: WsUrl = url.parse().ok()?;
                read_note(&WsTransport::default().note_of(at).await.ok()??, url, &group)
            };
            let says = tokio::time::timeout(ElectionConfig::ATTEMPT, ask).await.ok().flatten();
            // The election has ended.
            let _ = told.send(Outcome::Input(ElectionInput::Probed { host, says })).await;
        });
    }

    pub(super) fn look(&mut self) {
        let made = (self.wanted.make_discovery)().and_then(|mut discovery| {
            discovery.look_for_sessions()?;
            discovery.look_in(&self.wanted.group);
            Ok(discovery)
        });
        match made {
            Ok(discovery) => self.discovery = Some(discovery),
            Err(error) => self.tell(ElectionNews::Problem { what: error.to_string() }),
        }
    }

    /// The election is this group's from now on: whoever is there is seen anew.
    // req: ELE-16
    pub(super) async fn look_in(&mut self, group: GroupName) {
        self.wanted.group = group;
        self.candidates.clear();
        self.seen_at.clear();
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
        self.look();
    }

    pub(super) fn say(&self, what: Option<&ElectedHost>) {
        let says = what.map(|host| (note(host, &self.wanted.group), Instant::now()));
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// What our host says of itself is so still.
    // req: ELE-15
    pub(super) fn still_says(&self) {
        if let Some((_, at)) = self.says.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *at = Instant::now();
        }
    }

    pub(super) fn show(&mut self, host: &ElectedHost) {
        self.say(Some(host));
        let (Some((running, _)), Some(discovery)) = (&self.hosting, self.discovery.as_mut()) else { return };
        let mut shown =
            SessionAdvertisement::new(host.host, self.wanted.name.clone(), running.address().port());
        self.wanted.group.as_str().clone_into(&mut shown.group);
        shown.elected = Some(elected(host));
        if let Err(error) = discovery.announce_session(&shown) {
            self.tell(ElectionNews::Problem { what: error.to_string() });
        }
    }

    pub(super) fn note_address(&mut self, url: &str) {
        self.note_peer(socket_of(url));
    }

    fn note_peer(&mut self, at: Option<SocketAddr>) {
        if let Some(at) = at.filter(|at| !at.ip().is_loopback() && is_whole(at)) {
            self.seen_at.retain(|other| *other != at);
            self.seen_at.push_front(at);
            self.seen_at.truncate(PEERS);
        }
    }

    /// Ours on the way to the others.
    pub(super) fn our_address(&self) -> IpAddr {
        let ways = self.seen_at.iter().filter_map(|at| address_towards(*at));
        ways.into_iter().next().unwrap_or(IpAddr::from([127, 0, 0, 1]))
    }
}

/// Whether an address alone leads there: one of a link needs its interface besides, which no URL says.
fn is_whole(at: &SocketAddr) -> bool {
    !matches!(at.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn elected(host: &ElectedHost) -> Elected {
    let ElectedHost { priority, since, alone, .. } = *host;
    Elected { priority, since, alone }
}

/// Which host it is, how it stands, and for which group: at that address, and under that StationUUID, one of another group may have been before.
// req: ELE-16
fn note(host: &ElectedHost, group: &GroupName) -> String {
    format!("{} {} {}", host.host, elected(host).text(), plain(group))
}

/// The group's name as a header can have it: other bytes than letters, digits and -._~ as %XX.
fn plain(group: &GroupName) -> String {
    let mut text = String::new();
    for byte in group.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// What our host says at this moment: nothing, where it did not run for so long that it may not be so any more. Whoever asks may be served before
/// our election has noticed.
// req: ELE-15
pub(super) fn said(says: &Says, now: Instant) -> Option<String> {
    let says = says.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = |at: &Instant| now.saturating_duration_since(*at) <= ElectionConfig::LOST_WITHIN;
    says.as_ref().filter(|(_, at)| fresh(at)).map(|(text, _)| text.clone())
}

/// What a host of this group says of itself; one of another group is none.
fn read_note(text: &str, url: String, group: &GroupName) -> Option<ElectedHost> {
    let (host, elected) = text.split_once(' ')?;
    let (elected, _) = elected.split_once(' ').filter(|(_, of)| *of == plain(group))?;
    let Elected { priority, since, alone } = Elected::read(elected)?;
    Some(ElectedHost { host: host.parse().ok()?, priority, since, alone, url })
}

/// Whether who is at these addresses sees us at the one in this URL. Who is on another network than that would try in vain for as long as a move
/// may take, and comes sooner by itself: the announced session has our address on its own network.
// req: ELE-09
pub(super) fn lead_to(url: &str, at: &[SocketAddr]) -> bool {
    let Some(ours) = socket_of(url).map(|at| at.ip()) else { return true };
    ours.is_loopback() || at.iter().any(|at| address_towards(*at) == Some(ours))
}

fn socket_of(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("ws://")?.trim_end_matches('/').parse().ok()
}

/// Sends nothing: the system says which address it would use.
fn address_towards(at: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if at.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(at).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

pub(super) async fn next_of(discovery: &mut Option<Box<dyn Discovery>>) -> Option<DiscoveryEvent> {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}

/// Addresses of others that are remembered.
const PEERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: ELE-16
    #[test]
    fn what_a_host_says_of_itself_counts_in_the_group_for_which_it_was_elected() {
        let group = |name: &str| GroupName::join(name).unwrap();
        let station = StationUuid::from_random_bytes([7; 16]);
        let url = "ws://10.0.0.7:42480/".to_owned();
        let host = ElectedHost { host: station, priority: 100, since: 1_732_240_000, alone: false, url };
        let longest = "\u{e4}".repeat(31) + "x";
        for name in ["Default", "Main Stage", "B\u{fc}hne 100%", longest.as_str()] {
            let said = note(&host, &group(name));
            assert!(
                said.len() <= 256 && said.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
                "{said}"
            );
            assert_eq!(read_note(&said, host.url.clone(), &group(name)), Some(host.clone()));
            assert_eq!(read_note(&said, host.url.clone(), &group("Tour")), None, "{name}");
        }
        let unsaid = format!("{station} 100:1732240000:0");
        assert_eq!(read_note(&unsaid, host.url, &group("Default")), None);
    }

    // proves: ELE-15
    #[test]
    fn what_a_host_said_before_it_slept_is_said_to_nobody() {
        let begun = Instant::now();
        let says = Says::default();
        assert_eq!(said(&says, begun), None);
        *says.lock().unwrap() = Some(("it is so".to_owned(), begun));
        let lost = ElectionConfig::LOST_WITHIN;
        assert_eq!(said(&says, begun + lost).as_deref(), Some("it is so"));
        assert_eq!(said(&says, begun + lost + std::time::Duration::from_millis(1)), None);
    }

    // proves: ELE-09
    #[test]
    fn who_sees_us_at_another_address_than_the_sessions_is_not_asked_to_come_there() {
        let here = SocketAddr::from(([127, 0, 0, 1], 42424));
        assert!(lead_to("ws://127.0.0.1:42480/", &[here]), "all are on this machine");
        assert!(!lead_to("ws://203.0.113.7:42480/", &[here]), "nobody sees us there");
        assert!(!lead_to("ws://203.0.113.7:42480/", &[]));
        // Wherever there is a way out, we are seen at its address by whoever is at its other end.
        let out = SocketAddr::from(([192, 0, 2, 77], 42424));
        if let Some(ours) = address_towards(out) {
            assert!(lead_to(&format!("ws://{}/", SocketAddr::new(ours, 42_480)), &[here, out]));
        }
    }
}
