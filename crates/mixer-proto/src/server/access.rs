//! Who may connect, and who may enter a room: opt-in, by attributes that existing clients can set.
//!
//! The protocol knows no rights at all. A room becomes locked when a member sets the room attribute [`PASSWORD`] (a string) or [`ALLOW`] (a list of
//! addresses or networks), or when the operator locked its name. To enter, a client first sets its own attribute [`PASSWORD`]. None of these is ever listed or
//! sent to anyone; a locked room shows [`LOCKED`] instead. Passwords cross the network in the clear, as everything in this protocol does.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use super::attributes::{ObjectWriter, kept_bytes};
use crate::json::{Json, Object};

/// Attribute of a room: its password; of a client: the password it knows. `null` removes it.
pub const PASSWORD: &str = "mvrx_password";
/// Attribute of a room: addresses and networks its members come from. `null` removes the list.
pub const ALLOW: &str = "mvrx_allow";
/// Attribute of a room, set by the server: whether it has a password or a list.
pub const LOCKED: &str = "mvrx_locked";
/// Attribute of a room: `true` lets commands of unknown types through. A Python client dies of them.
pub const FORWARD_UNKNOWN: &str = "mvrx_forward_unknown";

/// A network: an address and how many of its leading bits count. Written `10.0.0.0/8`, `fd00::/8` or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address lies in the network. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        (own ^ other).checked_shr(width - u32::from(self.prefix)).unwrap_or(0) == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address.to_canonical(), self.prefix)
    }
}

/// A text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an address or a network such as 10.0.0.0/8")]
pub struct ParseNetworkError;

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| ParseNetworkError)?;
        let width = if address.to_canonical().is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), str::parse).map_err(|_| ParseNetworkError)?;
        if prefix > width {
            return Err(ParseNetworkError);
        }
        Ok(Self { address, prefix })
    }
}

/// What a room asks of those who want to enter.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Lock {
    /// What the operator gave to the room's name: stands above the room's own and is never stored.
    operators: Option<String>,
    password: Option<String>,
    networks: Option<Vec<Network>>,
    /// What the list counts among attributes.
    list_bytes: usize,
}

/// A password never reaches a log.
impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("operators", &self.operators.is_some())
            .field("password", &self.password.is_some())
            .field("networks", &self.networks)
            .finish()
    }
}

impl Lock {
    pub(super) fn of_operator(password: Option<&String>) -> Self {
        Self { operators: password.cloned(), ..Self::default() }
    }

    pub(super) fn is_operators(&self) -> bool {
        self.operators.is_some()
    }

    pub(super) fn is_set(&self) -> bool {
        self.operators.is_some() || self.password.is_some() || self.networks.is_some()
    }

    /// What that counts among attributes which clients have set.
    pub(super) fn bytes(&self) -> usize {
        password_bytes(self.password.as_deref()) + self.list_bytes
    }

    pub(super) fn admits(&self, address: IpAddr, password: Option<&str>) -> bool {
        let wanted = self.operators.as_ref().or(self.password.as_ref());
        let known = wanted.is_none_or(|wanted| password.is_some_and(|given| same(wanted, given)));
        known
            && self.networks.as_ref().is_none_or(|list| list.iter().any(|network| network.contains(address)))
    }

    /// The lock with the private attributes among the changes; the text says what is wrong with them.
    pub(super) fn changed(&self, changes: &Object) -> Result<Self, String> {
        let mut lock = self.clone();
        let password = changes.find(PASSWORD).map(password_in).transpose()?;
        let networks = changes.find(ALLOW).map(networks_in).transpose()?;
        if let Some(password) = password {
            lock.password = password;
        }
        if let Some(networks) = networks {
            let list = changes.find(ALLOW).filter(|_| networks.is_some());
            lock.list_bytes = list.map_or(0, |list| kept_bytes(&ALLOW.into(), list));
            lock.networks = networks;
        }
        Ok(lock)
    }

    /// What makes the lock, to be stored and never to be shown.
    pub(super) fn write(&self, out: &mut ObjectWriter) {
        if let Some(password) = &self.password {
            out.field(PASSWORD, &Json::from(password.as_str()));
        }
        if let Some(networks) = &self.networks {
            let list = networks.iter().map(|network| Json::from(network.to_string().as_str()));
            out.field(ALLOW, &Json::Array(list.collect()));
        }
    }
}

/// What a password counts among attributes.
pub(super) fn password_bytes(password: Option<&str>) -> usize {
    password.map_or(0, |password| kept_bytes(&PASSWORD.into(), &password.into()))
}

pub(super) fn password_in(value: &Json) -> Result<Option<String>, String> {
    match (value, value.as_str()) {
        (Json::Null, _) => Ok(None),
        (_, Some(text)) => Ok(Some(text.to_owned())),
        _ => Err(format!("{PASSWORD} is a string or null")),
    }
}

fn networks_in(value: &Json) -> Result<Option<Vec<Network>>, String> {
    let wrong = || format!("{ALLOW} is null or a list of addresses and networks");
    match value {
        Json::Null => Ok(None),
        Json::Array(items) => items
            .iter()
            .map(|item| item.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong))
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(wrong()),
    }
}

/// Compares without telling by its duration how much is right.
fn same(one: &str, two: &str) -> bool {
    one.len() == two.len()
        && one.bytes().zip(two.bytes()).fold(0, |differing, (one, two)| differing | (one ^ two)) == 0
}

#[cfg(test)]
mod tests {
    use super::Network;

    // proves: MIX-ACCESS-1
    #[test]
    fn network_contains_exactly_the_addresses_with_its_leading_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
            ("::1", "::1", "::2"),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.to_string().parse(), Ok(network));
            assert!(network.contains(inside.parse().unwrap()));
            assert!(!network.contains(outside.parse().unwrap()));
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a/1", "1.2.3.4/"] {
            assert!(wrong.parse::<Network>().is_err());
        }
    }
}
