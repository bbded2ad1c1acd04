//! A service of ours: its names, its records, and how far each link is with claiming them.
//!
//! ```text
//!  Probing{0..3} ─ 3 probes, 250 ms each, unanswered ─► Announcing{0..4} ─ said 4 times ─► Settled
//!     ▲  │ ▲  └─ somebody else has the name ─► (another name) ─► Probing{0} on every link
//!     │  └─┘ a simultaneous probe beats ours: wait 1 s, begin again
//!     └───────────── somebody else speaks for the name ──────────── Announcing, Settled
//! ```
//! Waited for is in every state only time; its end is [`Claim::due`].

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::io::{Link, LinkId, Role, Service};
use crate::name::LABEL_BYTES;
use crate::record::{Data, Kind, Record, kind};
use crate::{Name, NameError};

/// One of a service's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// From the type (0) or a further name.
    Pointer(usize),
    /// From `_services._dns-sd._udp.local.` to the type.
    TypeList,
    Srv,
    Txt,
    Address(IpAddr),
    /// Which types the instance has.
    InstanceNsec,
    /// Which types the host has.
    HostNsec,
}

#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) spec: Service,
    pub(crate) instance: Name,
    pub(crate) host: Name,
    pub(crate) pointers: Vec<Name>,
    pub(crate) claims: BTreeMap<LinkId, Claim>,
    instance_number: u32,
    host_number: u32,
    conflicts: VecDeque<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) phase: Phase,
    /// When it goes on; `None`: it is settled.
    pub(crate) due: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Probing { sent: u8 },
    Announcing { sent: u8 },
    Settled,
}

impl Registered {
    pub(crate) fn new(spec: Service) -> Result<Self, NameError> {
        let instance = instance_name(&spec, 1)?;
        let host = host_name(&spec, 1)?;
        let mut pointers = vec![spec.service_type.clone()];
        pointers.extend(spec.also_under.iter().cloned());
        Ok(Self {
            spec,
            instance,
            host,
            pointers,
            claims: BTreeMap::new(),
            instance_number: 1,
            host_number: 1,
            conflicts: VecDeque::new(),
        })
    }

    /// Takes the next name for this role: the former and the new one.
    // req: MDNS-RENAME
    pub(crate) fn rename(&mut self, role: Role) -> (Name, Name) {
        let slot = match role {
            Role::Instance => {
                self.instance_number += 1;
                let next = instance_name(&self.spec, self.instance_number);
                next.map(|next| std::mem::replace(&mut self.instance, next))
            }
            Role::Host => {
                self.host_number += 1;
                let next = host_name(&self.spec, self.host_number);
                next.map(|next| std::mem::replace(&mut self.host, next))
            }
        };
        let now = self.name(role).clone();
        // The name was possible with a shorter label, so it is with this one, which is cut to fit.
        (slot.unwrap_or_else(|_| now.clone()), now)
    }

    pub(crate) fn name(&self, role: Role) -> &Name {
        match role {
            Role::Instance => &self.instance,
            Role::Host => &self.host,
        }
    }

    /// After how long it may probe again: RFC 6762, 8.1 wants five seconds after 15 conflicts in ten.
    pub(crate) fn note_conflict(&mut self, now: Duration) -> Duration {
        self.conflicts.retain(|at| now.saturating_sub(*at) < CONFLICTS_WITHIN);
        self.conflicts.push_back(now);
        if self.conflicts.len() >= CONFLICTS {
            self.conflicts.pop_front();
            AFTER_CONFLICTS
        } else {
            Duration::ZERO
        }
    }

    /// The records of an announcement.
    // req: MDNS-TOGETHER
    pub(crate) fn announced(&self, link: &Link) -> Vec<What> {
        let pointers = (0..self.pointers.len()).map(What::Pointer);
        let addresses = link.addresses.iter().map(|(ip, _)| What::Address(*ip));
        pointers.chain([What::Srv, What::Txt]).chain(addresses).collect()
    }

    /// What answers a question; nothing if the name is not ours.
    // req: MDNS-NEGATIVE
    pub(crate) fn answers(&self, name: &Name, wanted: Kind, link: &Link) -> Vec<What> {
        let wants = |k: Kind| wanted == k || wanted == kind::ANY;
        let mut found = Vec::new();
        if wants(kind::PTR) {
            let pointers = self.pointers.iter().enumerate().filter(|(_, pointer)| *pointer == name);
            found.extend(pointers.map(|(at, _)| What::Pointer(at)));
            if is_type_list(name) {
                found.push(What::TypeList);
            }
        }
        if *name == self.instance {
            found.extend(wants(kind::SRV).then_some(What::Srv));
            found.extend(wants(kind::TXT).then_some(What::Txt));
            if found.is_empty() {
                found.push(What::InstanceNsec);
            }
        }
        if *name == self.host {
            let addresses = link.addresses.iter().map(|(ip, _)| *ip);
            let before = found.len();
            found.extend(addresses.filter(|ip| wants(kind_of(*ip))).map(What::Address));
            if found.len() == before {
                found.push(What::HostNsec);
            }
        }
        found
    }

    /// What comes along with an answer (RFC 6763, 12).
    pub(crate) fn along(&self, what: What, link: &Link) -> Vec<What> {
        let addresses = link.addresses.iter().map(|(ip, _)| What::Address(*ip));
        let with_addresses = |first: &[What]| {
            first.iter().copied().chain(addresses).chain([What::InstanceNsec, What::HostNsec]).collect()
        };
        match what {
            What::Pointer(_) => with_addresses(&[What::Srv, What::Txt]),
            What::Srv => with_addresses(&[]),
            What::Address(ip) => {
                let other = link.addresses.iter().map(|(ip, _)| *ip).filter(|other| *other != ip);
                other.map(What::Address).chain([What::HostNsec]).collect()
            }
            _ => Vec::new(),
        }
    }

    // req: MDNS-TTL, MDNS-FLUSH
    pub(crate) fn record(&self, what: What, link: &Link) -> Option<Record> {
        let (name, data, ttl, flush) = match what {
            What::Pointer(at) => {
                (self.pointers.get(at)?.clone(), Data::Ptr(self.instance.clone()), OTHER_TTL, false)
            }
            What::TypeList => (type_list()?, Data::Ptr(self.spec.service_type.clone()), OTHER_TTL, false),
            What::Srv => (self.instance.clone(), self.srv(), HOST_TTL, true),
            What::Txt => (self.instance.clone(), self.txt(), OTHER_TTL, true),
            What::Address(ip) => (self.host.clone(), Data::address(ip), HOST_TTL, true),
            What::InstanceNsec => {
                let kinds = vec![kind::TXT, kind::SRV];
                let next = self.instance.clone();
                (self.instance.clone(), Data::Nsec { next, kinds }, HOST_TTL, true)
            }
            What::HostNsec => {
                let mut kinds: Vec<Kind> = link.addresses.iter().map(|(ip, _)| kind_of(*ip)).collect();
                kinds.sort_unstable();
                kinds.dedup();
                (self.host.clone(), Data::Nsec { next: self.host.clone(), kinds }, HOST_TTL, true)
            }
        };
        Some(Record { name, data, ttl, flush })
    }

    pub(crate) fn srv(&self) -> Data {
        Data::Srv { priority: 0, weight: 0, port: self.spec.port, target: self.host.clone() }
    }

    pub(crate) fn txt(&self) -> Data {
        let cut = |s: &Vec<u8>| s.get(..s.len().min(TXT_STRING)).unwrap_or_default().to_vec();
        // Strings without a key mean nothing, and readers leave them out.
        let means = |s: &&Vec<u8>| s.first().is_some_and(|first| *first != b'=');
        Data::Txt(self.spec.txt.iter().filter(means).map(cut).collect())
    }
}

impl What {
    /// Others may say the same or something else under the same name.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Pointer(_) | Self::TypeList)
    }

    pub(crate) fn is_nsec(self) -> bool {
        matches!(self, Self::InstanceNsec | Self::HostNsec)
    }
}

impl Claim {
    pub(crate) fn begin(at: Duration) -> Self {
        Self { phase: Phase::Probing { sent: 0 }, due: Some(at) }
    }

    /// Whether questions are answered: the name is ours.
    pub(crate) fn is_ours(&self) -> bool {
        !matches!(self.phase, Phase::Probing { .. })
    }
}

fn kind_of(ip: IpAddr) -> Kind {
    if ip.is_ipv4() { kind::A } else { kind::AAAA }
}

fn instance_name(spec: &Service, number: u32) -> Result<Name, NameError> {
    let mut labels = spec.instance.clone();
    if let (Some(first), 2..) = (labels.first_mut(), number) {
        *first = numbered(first, &format!(" ({number})"));
    }
    spec.service_type.below(&labels)
}

fn host_name(spec: &Service, number: u32) -> Result<Name, NameError> {
    let label = if number > 1 { numbered(&spec.host, &format!("-{number}")) } else { spec.host.clone() };
    Name::from_labels([label.as_str(), "local"])
}

/// The label with something behind it, cut between two characters to fit.
fn numbered(label: &str, tail: &str) -> String {
    let mut end = label.len().min(LABEL_BYTES.saturating_sub(tail.len()));
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{tail}", label.get(..end).unwrap_or_default())
}

pub(crate) fn is_type_list(name: &Name) -> bool {
    name.labels().map(<[u8]>::to_ascii_lowercase).eq(TYPE_LIST.iter().map(|label| label.as_bytes().to_vec()))
}

pub(crate) fn type_list() -> Option<Name> {
    Name::from_labels(TYPE_LIST).ok()
}

/// RFC 6763, 9.
const TYPE_LIST: [&str; 4] = ["_services", "_dns-sd", "_udp", "local"];

/// Seconds, of records that name a host (RFC 6762, 10).
pub(crate) const HOST_TTL: u32 = 120;

/// Seconds, of others.
pub(crate) const OTHER_TTL: u32 = 4500;

const TXT_STRING: usize = 255;

const CONFLICTS: usize = 15;
const CONFLICTS_WITHIN: Duration = Duration::from_secs(10);
const AFTER_CONFLICTS: Duration = Duration::from_secs(5);
