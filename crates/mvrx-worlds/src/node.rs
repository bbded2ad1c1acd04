//! What runs on a host of a world.

use lan_sim::{Event, HostCtx, Time};

use crate::Station;

/// A station of ours, or a quirky peer.
#[derive(Debug)]
pub enum Node {
    /// Ours.
    Ours(Box<Station>),
}

impl Node {
    /// The station, if it is one of ours.
    pub fn station(&self) -> Option<&Station> {
        match self {
            Self::Ours(station) => Some(station),
        }
    }
}

impl lan_sim::Node for Node {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match self {
            Self::Ours(station) => station.handle(event, net),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Ours(station) => station.deadline(),
        }
    }
}
