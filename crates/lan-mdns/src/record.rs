//! Records and questions, of the kinds that service discovery is made of; others are known by number only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Name;

/// The number of a record's type.
pub type Kind = u16;

/// The numbers that matter here.
pub mod kind {
    use super::Kind;

    /// An IPv4 address.
    pub const A: Kind = 1;
    /// A pointer to another name.
    pub const PTR: Kind = 12;
    /// Strings.
    pub const TXT: Kind = 16;
    /// An IPv6 address.
    pub const AAAA: Kind = 28;
    /// Host and port of a service.
    pub const SRV: Kind = 33;
    /// Which types a name has, and so which it has not.
    pub const NSEC: Kind = 47;
    /// In a question: all of them.
    pub const ANY: Kind = 255;
}

/// One record of class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// What it says.
    pub data: Data,
    /// For how many seconds it may be believed; 0 takes it back.
    pub ttl: u32,
    /// The cache-flush bit: its owner has this name for itself.
    pub flush: bool,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name.
    Ptr(Name),
    /// Strings of at most 255 bytes each.
    Txt(Vec<Vec<u8>>),
    /// A service's host and port.
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// Share among equal priorities.
        weight: u16,
        /// The port.
        port: u16,
        /// The host's name.
        target: Name,
    },
    /// The types this name has.
    Nsec {
        /// In mDNS the name itself.
        next: Name,
        /// The types.
        kinds: Vec<Kind>,
    },
    /// Anything else.
    Other {
        /// Its type.
        kind: Kind,
    },
}

/// One question of class IN or ANY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub kind: Kind,
    /// The asker would like the answer for itself (QU).
    pub unicast: bool,
}

impl Data {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::A(_) => kind::A,
            Self::Aaaa(_) => kind::AAAA,
            Self::Ptr(_) => kind::PTR,
            Self::Txt(_) => kind::TXT,
            Self::Srv { .. } => kind::SRV,
            Self::Nsec { .. } => kind::NSEC,
            Self::Other { kind } => *kind,
        }
    }

    /// An address as a record.
    #[must_use]
    pub fn address(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::A(v4),
            IpAddr::V6(v6) => Self::Aaaa(v6),
        }
    }

    /// The address it is.
    #[must_use]
    pub fn as_address(&self) -> Option<IpAddr> {
        match self {
            Self::A(v4) => Some((*v4).into()),
            Self::Aaaa(v6) => Some((*v6).into()),
            _ => None,
        }
    }

    /// The bytes by which two records are put in order (RFC 6762, 8.2): uncompressed.
    pub(crate) fn to_rdata(&self) -> Vec<u8> {
        match self {
            Self::A(v4) => v4.octets().to_vec(),
            Self::Aaaa(v6) => v6.octets().to_vec(),
            Self::Ptr(name) => name.to_wire(),
            Self::Txt(strings) if strings.is_empty() => vec![0],
            Self::Txt(strings) => {
                let mut out = Vec::new();
                for string in strings {
                    out.push(u8::try_from(string.len()).unwrap_or(u8::MAX));
                    out.extend_from_slice(string);
                }
                out
            }
            Self::Srv { priority, weight, port, target } => {
                let mut out: Vec<u8> =
                    [priority, weight, port].iter().flat_map(|n| n.to_be_bytes()).collect();
                out.extend(target.to_wire());
                out
            }
            Self::Nsec { next, .. } => next.to_wire(),
            Self::Other { .. } => Vec::new(),
        }
    }
}
