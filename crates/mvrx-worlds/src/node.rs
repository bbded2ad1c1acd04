//! What runs on a host of a world.

use lan_sim::{Event, HostCtx, Time};

use crate::{QuirkyHost, SessionHost, Station};

/// A station of ours, or a quirky peer.
#[derive(Debug)]
pub enum Node {
    /// Ours.
    Ours(Box<Station>),
    /// The host of a session.
    Rack(Box<SessionHost>),
    /// Another product's double.
    Quirky(Box<QuirkyHost>),
}

impl Node {
    /// The station, if it is one of ours.
    pub fn station(&self) -> Option<&Station> {
        match self {
            Self::Ours(station) => Some(station),
            Self::Rack(_) | Self::Quirky(_) => None,
        }
    }

    /// The host of a session, if it is one.
    pub fn rack(&self) -> Option<&SessionHost> {
        match self {
            Self::Rack(rack) => Some(rack),
            Self::Ours(_) | Self::Quirky(_) => None,
        }
    }

    /// The quirky peer, if it is one.
    pub fn quirky(&self) -> Option<&QuirkyHost> {
        match self {
            Self::Quirky(quirky) => Some(quirky),
            Self::Rack(_) | Self::Ours(_) => None,
        }
    }
}

impl lan_sim::Node for Node {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match self {
            Self::Ours(station) => station.handle(event, net),
            Self::Rack(rack) => rack.handle(&event, net),
            Self::Quirky(quirky) => quirky.handle(event, net),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Ours(station) => station.deadline(),
            Self::Rack(rack) => rack.deadline(),
            Self::Quirky(_) => None,
        }
    }
}
