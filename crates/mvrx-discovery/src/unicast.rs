//! Sessions of WebSocket mode in the ordinary DNS (RFC 6763, RFC 2782): a service URL or a domain becomes places to connect to.
//!
//! ```text
//!  wss://host:port/path ──────────────────────────────────────────────► A, AAAA of the host
//!  ws://domain[/path], domain ─ PTR _mvrxchange._tcp.domain ─► instances ─ SRV, TXT ─► A, AAAA of each target
//!                             └ SRV _mvrxchange._tcp.domain ─────────────────────────► the same
//!                             └ (a URL alone) ───────────────────────────────────────► A, AAAA of the domain, port 80 or 443
//!  Session._mvrxchange._tcp.domain ─ SRV, TXT; or PTR, if it is a group's type ──────► the same
//! ```
//! It mirrors the specification's "WebSocket Mode of protocol": "discovery works with the normal DNS according to RFC 6763; the service
//! name needs to be a valid URL". The TXT key `path` (RFC 6763's for web servers) tells the path, `StationName` and `StationUUID` (Table 65)
//! who hosts there; a path in the URL itself counts more. It deliberately does not know how questions travel ([`Dns`], [`SystemDns`] with
//! the feature `dns`), opens no connection, and believes no name: who really hosts there, JOIN_RET tells.
//!
//! Rules a caller keeps: the places are tried in their order, each with all its addresses. Limits that protect it: [`UnicastLimits`].
//!
//! ```
//! use mvrx_discovery::unicast::ServiceName;
//!
//! let name: ServiceName = "wss://lighting.example/show".parse()?;
//! assert_eq!((name.host(), name.port(), name.path()), ("lighting.example", None, Some("/show")));
//! let name: ServiceName = "FOH._mvrxchange._tcp.venue.example".parse()?;
//! assert_eq!(name.host(), "FOH._mvrxchange._tcp.venue.example");
//! # Ok::<(), mvrx_discovery::unicast::ServiceNameError>(())
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use lan_mdns::Name;
use lan_mdns::record::Data;
pub use lan_mdns::record::Data as Answer;
use mvrx_message::{StationUuid, Txt};
use thiserror::Error;
use tokio::time::timeout;

use crate::BoxFuture;

mod name;
#[cfg(feature = "dns")]
mod system;

pub use name::{ServiceName, ServiceNameError};
#[cfg(feature = "dns")]
pub use system::{NoDns, SystemDns};

/// Asks the DNS.
pub trait Dns: Send + Sync {
    /// All records of this name and type; none if there are none.
    ///
    /// # Errors
    /// When nobody answers, or the answer is no: in words.
    fn ask<'a>(&'a self, name: &'a Name, question: Question) -> BoxFuture<'a, Result<Vec<Answer>, String>>;
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// PTR: the instances of a service.
    Instances,
    /// SRV: host and port of an instance.
    Service,
    /// TXT: what else is said of it.
    Text,
    /// A.
    AddressV4,
    /// AAAA.
    AddressV6,
}

/// Where a session may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicePlace {
    /// Whether the URL asked for TLS.
    pub secure: bool,
    /// The host's name, or its address as text.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, at least `/`.
    pub path: String,
    /// The host's addresses with the port, IPv4 first. Never empty.
    pub addresses: Vec<SocketAddr>,
    /// What the session is called: its StationName, or its instance's first label. `None`: a URL alone.
    pub name: Option<String>,
    /// TXT `StationUUID` of its host.
    pub station: Option<StationUuid>,
}

impl ServicePlace {
    /// It as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { secure, host, port, path, .. } = self;
        let scheme = if *secure { "wss" } else { "ws" };
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}{path}")
        } else {
            format!("{scheme}://{host}:{port}{path}")
        }
    }
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No record of the DNS tells of a service there.
    #[error("the DNS knows no session under {name}")]
    NothingFound {
        /// What was asked for.
        name: String,
    },
    /// There is a service, on hosts without an address.
    #[error("the session's host {host} has no address")]
    HostWithoutAddress {
        /// The first of them.
        host: String,
    },
    /// The DNS says that the service is not to be had there (RFC 2782: the target is the root).
    #[error("the DNS says that {name} offers no session")]
    ServiceNotOffered {
        /// What was asked for.
        name: String,
    },
    /// The DNS did not answer.
    #[error("the DNS cannot be asked for {name}: {why}")]
    NotAnswered {
        /// What was asked for.
        name: String,
        /// Why, in words.
        why: String,
    },
    /// It took too long.
    #[error("the DNS took longer than {} s to answer for {name}", within.as_secs())]
    TookTooLong {
        /// What was asked for.
        name: String,
        /// How long it may take.
        within: Duration,
    },
}

/// How much an answer may make us do.
// req: DNS-LIMITS
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnicastLimits {
    /// Instances of one domain that are looked at.
    pub instances: usize,
    /// Places that are shown.
    pub places: usize,
    /// Addresses of one place.
    pub addresses: usize,
    /// Bytes of a path.
    pub path_bytes: usize,
    /// All questions together may take this long.
    pub within: Duration,
}

impl Default for UnicastLimits {
    fn default() -> Self {
        Self { instances: 32, places: 32, addresses: 16, path_bytes: 255, within: Duration::from_secs(10) }
    }
}

/// The places of a service, best first: by priority, and among those of one priority by chance as their weights say. `chance` gives a
/// number from 0 up to the one it is given, that one included.
///
/// Dropping the future stops it.
///
/// # Errors
/// [`ResolveError`].
// req: DNS-RESOLVE
pub async fn resolve(
    dns: &dyn Dns,
    service: &ServiceName,
    limits: &UnicastLimits,
    mut chance: impl FnMut(u32) -> u32,
) -> Result<Vec<ServicePlace>, ResolveError> {
    let search = Search { dns, service, limits };
    match timeout(limits.within, search.places(&mut chance)).await {
        Ok(found) => found,
        Err(_) => Err(ResolveError::TookTooLong { name: search.wanted(), within: limits.within }),
    }
}

/// One search.
struct Search<'a> {
    dns: &'a dyn Dns,
    service: &'a ServiceName,
    limits: &'a UnicastLimits,
}

/// An SRV record's place in the order, and where it leads.
struct Target {
    priority: u16,
    weight: u16,
    port: u16,
    host: Name,
    /// Whose it is.
    instance: Option<Name>,
}

impl Search<'_> {
    async fn places(&self, chance: &mut dyn FnMut(u32) -> u32) -> Result<Vec<ServicePlace>, ResolveError> {
        if let Some(port) = self.service.port() {
            return self.host(port).await;
        }
        let targets = self.targets().await?;
        if targets.is_empty() {
            return match self.service.usual_port() {
                Some(port) => self.host(port).await,
                None => Err(ResolveError::NothingFound { name: self.wanted() }),
            };
        }
        let mut places = Vec::new();
        let mut without = None;
        // RFC 2782: a target that is the root says that there is none.
        let offered: Vec<Target> =
            targets.into_iter().filter(|target| target.host.labels().next().is_some()).collect();
        for target in in_order(offered, chance).into_iter().take(self.limits.places) {
            let addresses = self.addresses(&target.host, target.port).await?;
            let host = text_of(&target.host);
            if addresses.is_empty() {
                without.get_or_insert(host);
                continue;
            }
            let (path, txt) = self.told(target.instance.as_ref()).await?;
            let first =
                |name: &Name| name.labels().next().map(|label| String::from_utf8_lossy(label).into_owned());
            let name = txt.station_name.or_else(|| target.instance.as_ref().and_then(first));
            let (secure, port, station) = (self.service.is_secure(), target.port, txt.station);
            places.push(ServicePlace { secure, host, port, path, addresses, name, station });
        }
        match (places.is_empty(), without) {
            (false, _) => Ok(places),
            (true, Some(host)) => Err(ResolveError::HostWithoutAddress { host }),
            (true, None) => Err(ResolveError::ServiceNotOffered { name: self.wanted() }),
        }
    }

    /// The URL's own host.
    async fn host(&self, port: u16) -> Result<Vec<ServicePlace>, ResolveError> {
        let host = self.service.host().to_owned();
        let addresses = match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => self.addresses(&self.name(&host)?, port).await?,
        };
        if addresses.is_empty() {
            return Err(ResolveError::NothingFound { name: host });
        }
        let path = self.service.path().unwrap_or("/").to_owned();
        let secure = self.service.is_secure();
        Ok(vec![ServicePlace { secure, host, port, path, addresses, name: None, station: None }])
    }

    /// Where the service's records lead.
    async fn targets(&self) -> Result<Vec<Target>, ResolveError> {
        let host = self.service.host();
        if host.parse::<IpAddr>().is_ok() {
            return Ok(Vec::new());
        }
        let name = self.name(host)?;
        let is_of_service = |pair: &[&[u8]]| matches!(pair, [service, tcp] if service.eq_ignore_ascii_case(SERVICE) && tcp.eq_ignore_ascii_case(TCP));
        let labels: Vec<&[u8]> = name.labels().collect();
        if labels.windows(2).any(is_of_service) {
            // An instance, or the service of a domain or group.
            let own = self
                .services(&name, labels.first().is_none_or(|first| !first.eq_ignore_ascii_case(SERVICE)))
                .await?;
            return if own.is_empty() { self.of_instances(&name).await } else { Ok(own) };
        }
        let Ok(service) = name.below(&[SERVICE, TCP]) else {
            return Err(ResolveError::NothingFound { name: self.wanted() });
        };
        let found = self.of_instances(&service).await?;
        if found.is_empty() { self.services(&service, false).await } else { Ok(found) }
    }

    async fn of_instances(&self, service: &Name) -> Result<Vec<Target>, ResolveError> {
        let mut found = Vec::new();
        let instances = self.ask(service, Question::Instances).await?;
        for instance in instances.into_iter().take(self.limits.instances) {
            if let Data::Ptr(instance) = instance {
                found.extend(self.services(&instance, true).await?);
            }
        }
        Ok(found)
    }

    async fn services(&self, name: &Name, is_instance: bool) -> Result<Vec<Target>, ResolveError> {
        let instance = is_instance.then(|| name.clone());
        let target = |answer| match answer {
            Data::Srv { priority, weight, port, target } if port != 0 => {
                Some(Target { priority, weight, port, host: target, instance: instance.clone() })
            }
            _ => None,
        };
        Ok(self.ask(name, Question::Service).await?.into_iter().filter_map(target).collect())
    }

    async fn addresses(&self, host: &Name, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
        let mut addresses = Vec::new();
        for question in [Question::AddressV4, Question::AddressV6] {
            let answers = self.ask(host, question).await?;
            addresses.extend(answers.iter().filter_map(Data::as_address).map(|ip| SocketAddr::new(ip, port)));
        }
        addresses.truncate(self.limits.addresses);
        Ok(addresses)
    }

    /// What the TXT record of an instance says.
    async fn told(&self, instance: Option<&Name>) -> Result<(String, Txt), ResolveError> {
        let mut strings = Vec::new();
        if let Some(instance) = instance {
            for answer in self.ask(instance, Question::Text).await? {
                if let Data::Txt(more) = answer {
                    strings.extend(more);
                }
            }
        }
        let pairs = strings.iter().map(|string| match string.iter().position(|byte| *byte == b'=') {
            Some(at) => (string.get(..at).unwrap_or_default(), string.get(at + 1..).unwrap_or_default()),
            None => (string.as_slice(), &[][..]),
        });
        let pairs: Vec<(&[u8], &[u8])> = pairs.collect();
        let told = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(PATH)).map(|(_, value)| *value);
        let told = told.and_then(|value| std::str::from_utf8(value).ok());
        let told = told.filter(|path| name::is_path(path) && path.len() <= self.limits.path_bytes);
        let path = self.service.path().or(told).unwrap_or("/").to_owned();
        Ok((path, Txt::parse(pairs).0))
    }

    async fn ask(&self, name: &Name, question: Question) -> Result<Vec<Answer>, ResolveError> {
        let answered = self.dns.ask(name, question).await;
        answered.map_err(|why| ResolveError::NotAnswered { name: text_of(name), why })
    }

    fn name(&self, text: &str) -> Result<Name, ResolveError> {
        let name = name::labels(text).and_then(|labels| Name::from_labels(labels).ok());
        name.ok_or_else(|| ResolveError::NothingFound { name: self.wanted() })
    }

    fn wanted(&self) -> String {
        self.service.host().to_owned()
    }
}

/// RFC 2782: by priority; among those of one, each as often first as its weight is of all.
// req: DNS-ORDER
fn in_order(targets: Vec<Target>, chance: &mut dyn FnMut(u32) -> u32) -> Vec<Target> {
    let mut by_priority: BTreeMap<u16, Vec<Target>> = BTreeMap::new();
    for target in targets {
        by_priority.entry(target.priority).or_default().push(target);
    }
    let mut ordered = Vec::new();
    for mut equal in by_priority.into_values() {
        // Those of weight 0 come first in the list, so that they are taken only where nothing else is left or chance gives 0.
        equal.sort_by_key(|target| Reverse(target.weight == 0));
        while !equal.is_empty() {
            let all: u32 = equal.iter().map(|target| u32::from(target.weight)).fold(0, u32::saturating_add);
            let picked = chance(all);
            let mut sum = 0_u32;
            let reaches = |target: &Target| {
                sum = sum.saturating_add(u32::from(target.weight));
                sum >= picked
            };
            let at = equal.iter().position(reaches).unwrap_or_default();
            ordered.push(equal.remove(at));
        }
    }
    ordered
}

fn text_of(name: &Name) -> String {
    let flat = name.flat();
    flat.strip_suffix('.').unwrap_or(&flat).to_owned()
}

const SERVICE: &[u8] = b"_mvrxchange";

const TCP: &[u8] = b"_tcp";

/// The TXT key of a path.
const PATH: &[u8] = b"path";

#[cfg(test)]
mod tests;
