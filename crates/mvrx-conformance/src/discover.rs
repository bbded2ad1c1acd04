//! Stations by multicast DNS, through mdns-sd: what is announced, and an announcement of the judge's own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mdns_sd::{IfKind, Receiver, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};

/// Where to look.
#[derive(Debug, Clone)]
pub struct Lookout {
    /// Names or addresses of interfaces; all where there are none; `lo` is loopback alone.
    pub interfaces: Vec<String>,
    /// The UDP port; 5353 unless a test has another one.
    pub udp_port: u16,
    /// How long to look; some products answer after three seconds. 5 s by default.
    pub wait: Duration,
}

impl Default for Lookout {
    fn default() -> Self {
        Self { interfaces: Vec::new(), udp_port: 5353, wait: Duration::from_secs(5) }
    }
}

/// What a station's announcement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The whole name of the service.
    pub name: String,
    /// The group in which it was looked for.
    pub group: String,
    /// The host of its SRV record.
    pub host: String,
    /// The port of its SRV record.
    pub port: u16,
    /// Of its A and AAAA records, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// StationName of its TXT record.
    pub station_name: Option<String>,
    /// StationUUID of its TXT record.
    pub station_uuid: Option<String>,
    /// It answers the question for the group's own name as well; not known where the name is too long to be asked for.
    pub by_group: Option<bool>,
}

/// Discovery does not work here.
#[derive(Debug)]
pub struct DiscoverError {
    /// What mdns-sd says.
    pub reason: String,
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look for stations: {}", self.reason)
    }
}

impl std::error::Error for DiscoverError {}

impl From<mdns_sd::Error> for DiscoverError {
    fn from(error: mdns_sd::Error) -> Self {
        Self { reason: error.to_string() }
    }
}

/// Looks for the stations of a group, for [`Lookout::wait`]. At most 1,024 are told.
///
/// # Errors
/// [`DiscoverError`] where multicast DNS cannot be used.
pub fn look(group: &str, lookout: &Lookout) -> Result<Vec<Announced>, DiscoverError> {
    let daemon = daemon(lookout)?;
    let seen = listen(&daemon, group, lookout.wait);
    // It ends by itself; nothing is to be waited for.
    let _ = daemon.shutdown();
    seen
}

/// An announcement of the judge's own; it ends when this is dropped.
pub(crate) struct Shown {
    daemon: ServiceDaemon,
    name: String,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // Said once more that it is gone, where that can still be said.
        if let Ok(done) = self.daemon.unregister(&self.name) {
            let _ = done.recv_timeout(GOODBYE);
        }
        let _ = self.daemon.shutdown();
    }
}

/// Shows a scripted station in a group.
pub(crate) fn show(
    group: &str,
    station: &str,
    address: SocketAddr,
    lookout: &Lookout,
) -> Result<Shown, DiscoverError> {
    let daemon = daemon(lookout)?;
    let txt = [("StationName", crate::mvr::messages::NAME), ("StationUUID", station)];
    let host = format!("conformance-{}.local.", station.get(..8).unwrap_or_default());
    let instance = format!("{}.{group}", crate::mvr::messages::NAME);
    let service = if address.ip().is_unspecified() {
        ServiceInfo::new(SERVICE, &instance, &host, (), address.port(), &txt[..])?.enable_addr_auto()
    } else {
        ServiceInfo::new(SERVICE, &instance, &host, address.ip(), address.port(), &txt[..])?
    };
    let name = service.get_fullname().to_owned();
    daemon.register(service)?;
    Ok(Shown { daemon, name })
}

fn daemon(lookout: &Lookout) -> Result<ServiceDaemon, DiscoverError> {
    let daemon = ServiceDaemon::new_with_port(lookout.udp_port)?;
    // The group's own type is longer than names of services usually are.
    daemon.set_service_name_len_max(LONGEST_TYPE)?;
    if !lookout.interfaces.is_empty() {
        daemon.disable_interface(IfKind::All)?;
        let chosen: Vec<IfKind> = lookout.interfaces.iter().map(|text| interface(text)).collect();
        daemon.enable_interface(chosen)?;
    }
    Ok(daemon)
}

fn interface(text: &str) -> IfKind {
    match text.parse::<IpAddr>() {
        Ok(address) => IfKind::Addr(address),
        Err(_) if text == "lo" => IfKind::LoopbackV4,
        Err(_) => IfKind::Name(text.to_owned()),
    }
}

fn listen(daemon: &ServiceDaemon, group: &str, wait: Duration) -> Result<Vec<Announced>, DiscoverError> {
    let until = Instant::now() + wait;
    let all = daemon.browse(SERVICE)?;
    let askable = group.len() <= LONGEST_GROUP;
    let of_group = if askable { Some(daemon.browse(&format!("{group}.{SERVICE}"))?) } else { None };
    let mut seen = BTreeMap::new();
    while Instant::now() < until {
        take(&all, group, false, &mut seen);
        if let Some(of_group) = &of_group {
            take(of_group, group, true, &mut seen);
        }
    }
    let known = |one: Announced| Announced { by_group: one.by_group.filter(|_| askable), ..one };
    Ok(seen.into_values().map(known).collect())
}

type Seen = BTreeMap<(u16, String), Announced>;

/// What the one question brings within a moment.
fn take(events: &Receiver<ServiceEvent>, group: &str, by_group: bool, seen: &mut Seen) {
    let Ok(ServiceEvent::ServiceResolved(service)) = events.recv_timeout(TURN) else { return };
    if group_of(&service.fullname).as_deref() != Some(group) {
        return;
    }
    let announced = read(&service, group);
    // One station under both names is one; several of one name differ by their ports.
    let key = (announced.port, announced.station_uuid.clone().unwrap_or_else(|| announced.host.clone()));
    if seen.len() >= MOST && !seen.contains_key(&key) {
        return;
    }
    let known = seen.entry(key).or_insert_with(|| announced.clone());
    let by_group = Some(by_group || known.by_group == Some(true));
    // The newest word counts, and of the two names that of the plain question.
    let name =
        if known.name.len() < announced.name.len() { known.name.clone() } else { announced.name.clone() };
    *known = Announced { by_group, name, ..announced };
}

fn read(service: &ResolvedService, group: &str) -> Announced {
    let mut addresses: Vec<IpAddr> = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
    addresses.sort();
    let text = |key: &str| service.txt_properties.get_property_val_str(key).map(str::to_owned);
    Announced {
        name: service.fullname.clone(),
        group: group.to_owned(),
        host: service.host.clone(),
        port: service.port,
        addresses,
        station_name: text("StationName"),
        station_uuid: text("StationUUID"),
        by_group: Some(false),
    }
}

/// The part of a service's name that is the group, in all the shapes that products write.
pub(crate) fn group_of(name: &str) -> Option<String> {
    let before = name.strip_suffix(SERVICE)?.strip_suffix('.')?.replace('\\', "");
    let last = before.rsplit('.').next()?;
    Some(last.rsplit('@').next().unwrap_or(last).to_owned())
}

/// The service of the specification.
pub(crate) const SERVICE: &str = "_mvrxchange._tcp.local.";
/// What mdns-sd can ask for at most.
const LONGEST_TYPE: u8 = 30;
/// So many bytes has a group that it can ask for.
const LONGEST_GROUP: usize = LONGEST_TYPE as usize + 1 - "._mvrxchange".len();
const GOODBYE: Duration = Duration::from_millis(500);
const MOST: usize = 1024;
const TURN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_read_from_every_shape_of_name() {
        for (name, group) in [
            ("Desk.Tour._mvrxchange._tcp.local.", Some("Tour")),
            ("Desk\\.Tour._mvrxchange._tcp.local.", Some("Tour")),
            ("Tour._mvrxchange._tcp.local.", Some("Tour")),
            ("Desk@Tour._mvrxchange._tcp.local.", Some("Tour")),
            ("Desk._other._tcp.local.", None),
        ] {
            assert_eq!(group_of(name).as_deref(), group, "{name}");
        }
    }
}
