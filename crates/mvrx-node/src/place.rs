//! Where a station is and who it is there: its name and group, and how it finds the others.
//!
//! It turns a [`Place`] into what a station, a host or a bridge is made of. It knows nothing of passwords and certificates: whoever needs
//! them adds them to the [`Builder`] between [`Place::station`] and [`Place::join`].

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_discovery::{
    Discovery, DiscoveryError, FixedDiscovery, Interface, Interfaces, LanDiscovery, MdnsOptions, Merged,
};
use mvrx_station::{Builder, Moves, Station, Timers};

/// A place on the network, and our name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Our name as the others see it.
    pub name: String,
    /// The group.
    pub group: String,
    /// Only these addresses or interfaces are used for discovery; none: all; `lo` alone stays on this machine.
    pub interfaces: Vec<String>,
    /// Stations that discovery need not find.
    pub peers: Vec<SocketAddr>,
    /// The UDP port of discovery.
    pub mdns_port: u16,
    /// Any bytes are taken, not only whole .mvr files.
    pub any_file: bool,
}

impl Place {
    /// A station of that name and group, which is nowhere yet.
    #[must_use]
    pub fn station(&self) -> Builder {
        Station::builder(self.name.as_str())
            .provider("mvrx")
            .group(self.group.as_str())
            .any_file(self.any_file)
    }

    /// It is in the group, found by discovery; or in the session at this URL, and discovery begins when it moves into a group.
    ///
    /// # Errors
    /// Where discovery does not start.
    pub fn join(&self, station: Builder, session: Option<&str>) -> Result<Builder, DiscoveryError> {
        Ok(match session {
            Some(url) => {
                let later = self.options();
                station.session(url).discovery_after_move(move || LanDiscovery::start(later))
            }
            None => station.discovery(self.discovery()?),
        })
    }

    /// The same of a station that only looks: it is not announced, so nobody can tell it news, and it asks for them every 2 s instead. It
    /// follows nobody. In a session the host tells news.
    ///
    /// # Errors
    /// Where discovery does not start.
    pub fn looking(&self, session: Option<&str>) -> Result<Builder, DiscoveryError> {
        let station = self.join(self.station().moves(Moves::Never), session)?;
        Ok(as_looking(station, session.is_some()))
    }

    /// How stations and sessions are looked for on the local network.
    #[must_use]
    pub fn options(&self) -> MdnsOptions {
        let interfaces = match self.interfaces.as_slice() {
            [] => Interfaces::All,
            [only] if only == "lo" => Interfaces::LoopbackOnly,
            several => Interfaces::Only(several.iter().map(|text| interface(text)).collect()),
        };
        MdnsOptions { interfaces, udp_port: self.mdns_port, ..MdnsOptions::default() }
    }

    /// What finds the others: the local network, and those that are named.
    ///
    /// # Errors
    /// Where the local network cannot be listened to.
    pub fn discovery(&self) -> Result<Merged, DiscoveryError> {
        let mut all: Vec<Box<dyn Discovery>> = vec![Box::new(LanDiscovery::start(self.options())?)];
        if !self.peers.is_empty() {
            all.push(Box::new(FixedDiscovery::new(self.peers.clone())));
        }
        Ok(Merged::new(all))
    }

    /// The same, as often as somebody asks.
    pub fn finder(
        &self,
    ) -> impl Fn() -> Result<Box<dyn Discovery>, DiscoveryError> + Send + Sync + use<> + 'static {
        let place = self.clone();
        move || {
            let found = place.discovery().map_err(|error| DiscoveryError::ResponderRefused {
                reason: format!("cannot look for other stations: {error}"),
            })?;
            Ok(Box::new(found) as Box<dyn Discovery>)
        }
    }
}

/// Makes of a described station one that only looks; see [`Place::looking`].
#[must_use]
pub fn as_looking(station: Builder, in_session: bool) -> Builder {
    let refresh = (!in_session).then_some(Duration::from_secs(2));
    station.advertise(false).timers(Timers { refresh, ..Timers::default() })
}

fn interface(text: &str) -> Interface {
    text.parse().map_or_else(|_| Interface::Name(text.to_owned()), Interface::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_addresses_names_or_this_machine_alone() {
        let of = |interfaces: &[&str]| {
            let interfaces = interfaces.iter().map(|&text| text.to_owned()).collect();
            let place = Place {
                name: "A".to_owned(),
                group: "Default".to_owned(),
                interfaces,
                peers: Vec::new(),
                mdns_port: 5353,
                any_file: false,
            };
            place.options().interfaces
        };
        assert!(matches!(of(&[]), Interfaces::All));
        assert!(matches!(of(&["lo"]), Interfaces::LoopbackOnly));
        let Interfaces::Only(only) = of(&["10.0.0.1", "lo"]) else { panic!("two are said") };
        assert!(matches!(&only[..], [Interface::Address(_), Interface::Name(name)] if name == "lo"));
    }
}
