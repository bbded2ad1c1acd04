//! Sessions of WebSocket mode, announced and seen: what the specification's discovery does not have.
//!
//! A session stands under a service type of its own, `_mvrx-session._tcp.local.`, so that nobody who looks for stations of TCP mode takes it
//! for one. Its TXT record has keys of our own. It is a hint, not a proof: who really hosts there, JOIN_RET tells.
//!
//! | TXT key | meaning |
//! |---|---|
//! | `StationName` | the host's name, for people |
//! | `StationUUID` | the host's StationUUID |
//! | `Group` | what the session is called |
//! | `Elected` | of a host that was elected: its priority, when it began, and whether nobody is there but its own station |
//! | `TLS` | `1`: the announced address is reached by `wss://` |
//! | `URL` | how the session wants to be reached, where that is another way than the announced address and port |
//!
//! ```
//! use mvrx_discovery::SessionAdvertisement;
//! use mvrx_message::StationUuid;
//!
//! let rack = SessionAdvertisement::new(StationUuid::from_random_bytes([7; 16]), "Rack", 42_480);
//! assert_eq!(rack.url, None);
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mvrx_message::StationUuid;
use tokio::time::{Instant, timeout_at};

use crate::{Discovery, DiscoveryError, DiscoveryEvent};

/// The service type of sessions.
pub const SESSION_TYPE: &str = "_mvrx-session._tcp.local.";

/// What others are to see of a session that we host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionAdvertisement {
    /// TXT `StationUUID`: the host's.
    pub station: StationUuid,
    /// TXT `StationName`: the host's.
    pub station_name: String,
    /// TXT `Group`; may be empty.
    pub group: String,
    /// TXT `URL`: how the host wants to be reached. `None`: at the announced address.
    pub url: Option<String>,
    /// TXT `Elected`: this host was elected.
    pub elected: Option<Elected>,
    /// TXT `TLS`: the announced address is reached by `wss://`.
    pub secure: bool,
    /// The TCP port on which the host listens; not 0.
    pub port: u16,
}

/// How an elected host stands beside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elected {
    /// Its priority.
    pub priority: u32,
    /// When it began, by its own clock, in seconds since 1970.
    pub since: u64,
    /// Nobody is in its session but its own station.
    pub alone: bool,
}

impl Elected {
    /// As the TXT record has it: `100:1732240000:0`.
    #[must_use]
    pub fn text(self) -> String {
        format!("{}:{}:{}", self.priority, self.since, u8::from(self.alone))
    }

    /// The same, read; `None`: it is something else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let elected = Self {
            priority: parts.next()?.parse().ok()?,
            since: parts.next()?.parse().ok()?,
            alone: parts.next()? == "1",
        };
        Some(elected)
    }
}

impl SessionAdvertisement {
    /// A session without TLS, a group's name or a URL of its own.
    #[must_use]
    pub fn new(station: StationUuid, station_name: impl Into<String>, port: u16) -> Self {
        let (station_name, group) = (station_name.into(), String::new());
        Self { station, station_name, group, url: None, elected: None, secure: false, port }
    }
}

/// A session as discovery sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSighting {
    /// The host's StationUUID.
    pub station: StationUuid,
    /// The host's name; may be empty.
    pub station_name: String,
    /// What the session is called; may be empty.
    pub group: String,
    /// How the host wants to be reached, if it says so.
    pub url: Option<String>,
    /// It was elected; `None`: a person started it.
    pub elected: Option<Elected>,
    /// Its addresses are reached by `wss://`.
    pub secure: bool,
    /// Where it listens, best first. Never empty.
    pub addresses: Vec<SocketAddr>,
    /// So many other hosts show themselves with the same StationUUID, as a copied data directory has it: the addresses are of all of them.
    pub doubles: usize,
}

impl SessionSighting {
    /// The URLs to try, in order: the one that the host wants, then its addresses.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.secure { "wss" } else { "ws" };
        let at = |address: &SocketAddr| match address {
            SocketAddr::V4(v4) => format!("{scheme}://{}:{}/", v4.ip(), v4.port()),
            SocketAddr::V6(v6) => format!("{scheme}://[{}]:{}/", v6.ip(), v6.port()),
        };
        self.url.clone().into_iter().chain(self.addresses.iter().map(at)).collect()
    }
}

/// The sessions that are seen within this time, or as soon as `enough` of them are there. Stations that are seen meanwhile are lost: give it a
/// discovery of its own.
///
/// # Errors
/// When this way of discovery has no sessions.
pub async fn find_sessions(
    discovery: &mut dyn Discovery,
    within: Duration,
    enough: usize,
) -> Result<Vec<SessionSighting>, DiscoveryError> {
    discovery.look_for_sessions()?;
    let end = Instant::now() + within;
    let mut found: Vec<SessionSighting> = Vec::new();
    while found.len() < enough {
        match timeout_at(end, discovery.next()).await {
            Ok(Some(DiscoveryEvent::Session(seen))) => {
                found.retain(|other| other.station != seen.station);
                found.push(seen);
            }
            Ok(Some(DiscoveryEvent::SessionVanished { station })) => {
                found.retain(|other| other.station != station);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    found.sort_by(|a, b| (&a.station_name, a.station).cmp(&(&b.station_name, b.station)));
    Ok(found)
}

/// The pairs of a TXT record; what does not fit a string of 255 bytes is cut, a URL left out.
pub(crate) fn pairs(shown: &SessionAdvertisement) -> impl Iterator<Item = (&'static str, String)> {
    let cut_to = |text: &str, key: &str| cut(text, STRING_BYTES - key.len() - 1).to_owned();
    let url = shown.url.clone().filter(|url| url.len() < STRING_BYTES - URL.len());
    [
        (NAME, Some(cut_to(&shown.station_name, NAME))),
        (UUID, Some(shown.station.to_string())),
        (GROUP, Some(cut_to(&shown.group, GROUP))),
        (URL, url),
        (ELECTED, shown.elected.map(Elected::text)),
        (TLS, shown.secure.then(|| "1".to_owned())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
}

/// Reads such a record; `None`: it does not tell whose it is, or where.
pub(crate) fn read<'a>(
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    addresses: Vec<SocketAddr>,
) -> Option<SessionSighting> {
    let (mut name, mut uuid, mut group, mut url, mut elected) = (None, None, None, None, None);
    let mut tls: Option<String> = None;
    for (key, value) in pairs.take(PAIRS) {
        let is = |wanted: &str| key.eq_ignore_ascii_case(wanted.as_bytes());
        let slot = match () {
            () if is(NAME) => &mut name,
            () if is(UUID) => &mut uuid,
            () if is(GROUP) => &mut group,
            () if is(URL) => &mut url,
            () if is(ELECTED) => &mut elected,
            () if is(TLS) => &mut tls,
            () => continue,
        };
        slot.get_or_insert_with(|| String::from_utf8_lossy(value).trim().to_owned());
    }
    let is_url = |url: &String| {
        (url.starts_with("ws://") || url.starts_with("wss://")) && url.bytes().all(|b| b.is_ascii_graphic())
    };
    let station = uuid?.parse().ok()?;
    let (station_name, group) = (name.unwrap_or_default(), group.unwrap_or_default());
    let elected = elected.as_deref().and_then(Elected::read);
    let url = url.filter(is_url);
    let secure = tls.as_deref() == Some("1");
    let sighting =
        SessionSighting { station, station_name, group, url, elected, secure, addresses, doubles: 0 };
    Some(sighting).filter(|sighting| !sighting.addresses.is_empty())
}

/// The first label of the service's name.
pub(crate) fn label(station_name: &str) -> String {
    let cleaned: String = station_name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let short = cut(cleaned.trim(), LABEL_BYTES).trim();
    if short.is_empty() { "mvrx".to_owned() } else { short.to_owned() }
}

/// Addresses that most machines can use come first.
pub(crate) fn rank(ip: IpAddr) -> u8 {
    match ip {
        ip if ip.is_loopback() => 4,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => 3,
        IpAddr::V4(v4) if v4.is_link_local() => 2,
        IpAddr::V6(_) => 1,
        IpAddr::V4(_) => 0,
    }
}

fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

const NAME: &str = "StationName";
const UUID: &str = "StationUUID";
const GROUP: &str = "Group";
const URL: &str = "URL";
const ELECTED: &str = "Elected";
const TLS: &str = "TLS";

/// The length of one string of a TXT record (RFC 1035).
const STRING_BYTES: usize = 255;
/// Shorter than a label, so that a number fits behind it.
const LABEL_BYTES: usize = 48;
/// More pairs than this are not looked at.
const PAIRS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(shown: &SessionAdvertisement) -> Option<SessionSighting> {
        let pairs: Vec<_> = pairs(shown).collect();
        assert!(pairs.iter().all(|(key, value)| key.len() + value.len() < 255));
        let bytes = pairs.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        read(bytes, vec!["10.0.0.1:42480".parse().unwrap()])
    }

    // proves: DIS-SESSION
    #[test]
    fn what_is_shown_is_what_is_read() {
        let station = StationUuid::from_random_bytes([7; 16]);
        let mut shown = SessionAdvertisement::new(station, "Rack", 42_480);
        shown.group = "Tour".to_owned();
        assert_eq!(read_back(&shown).unwrap().urls(), ["ws://10.0.0.1:42480/"]);
        shown.url = Some("wss://rack.show/".to_owned());
        let seen = read_back(&shown).unwrap();
        assert_eq!((seen.station, seen.group.as_str()), (station, "Tour"));
        assert_eq!(seen.urls(), ["wss://rack.show/", "ws://10.0.0.1:42480/"]);
        shown.secure = true;
        let seen = read_back(&shown).unwrap();
        assert_eq!(seen.urls(), ["wss://rack.show/", "wss://10.0.0.1:42480/"]);
        shown.station_name = "ü".repeat(300);
        shown.url = Some(format!("ws://{}", "a".repeat(300)));
        let seen = read_back(&shown).unwrap();
        assert!(seen.station_name.len() < 255 && seen.url.is_none());
    }

    #[test]
    fn who_it_is_and_where_must_be_told_and_a_url_must_be_one() {
        let of = |pairs: &[(&str, &str)], at: &[&str]| {
            let bytes = pairs.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
            read(bytes, at.iter().map(|at| at.parse().unwrap()).collect())
        };
        let uuid = ("stationuuid", "07070707-0707-4707-8707-070707070707");
        assert!(of(&[uuid], &["10.0.0.1:1"]).is_some());
        assert_eq!(of(&[uuid], &[]), None);
        assert_eq!(of(&[("StationUUID", "x")], &["10.0.0.1:1"]), None);
        for url in ["http://a", "ws://a b", "ws://\u{1b}[2J"] {
            assert_eq!(of(&[uuid, ("URL", url)], &["10.0.0.1:1"]).unwrap().url, None);
        }
    }

    #[test]
    fn any_name_makes_a_label() {
        assert_eq!((label("Rack 1").as_str(), label("\n").as_str()), ("Rack 1", "mvrx"));
        assert!(label(&"灯".repeat(60)).len() <= LABEL_BYTES);
    }
}
