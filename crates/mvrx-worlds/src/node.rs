//! What runs on a host of a world.

use lan_sim::{Event, HostCtx, Time};

use crate::{Artist, Bridge, Candidacy, Poser, QuirkyHost, RoomsHost, SessionHost, Station};

/// A station of ours, or a quirky peer.
#[derive(Debug)]
pub enum Node {
    /// Ours.
    Ours(Box<Station>),
    /// Ours, and it can be elected to host.
    Candidate(Box<Candidacy>),
    /// The host of a session.
    Rack(Box<SessionHost>),
    /// A bridge between a group and a session.
    Bridge(Box<Bridge>),
    /// Another product's double.
    Quirky(Box<QuirkyHost>),
    /// Somebody who joins as others.
    Poser(Box<Poser>),
    /// A server of Mixer's rooms.
    Rooms(Box<RoomsHost>),
    /// A Mixer client.
    Artist(Box<Artist>),
}

impl Node {
    /// The station, if it is one of ours.
    pub fn station(&self) -> Option<&Station> {
        match self {
            Self::Ours(station) => Some(station),
            Self::Candidate(candidate) => Some(candidate.station()),
            _ => None,
        }
    }

    /// The host of a session, if it is one.
    pub fn rack(&self) -> Option<&SessionHost> {
        match self {
            Self::Rack(rack) => Some(rack),
            Self::Candidate(candidate) => candidate.host(),
            _ => None,
        }
    }

    /// The candidate, if it is one.
    pub fn candidate(&self) -> Option<&Candidacy> {
        match self {
            Self::Candidate(candidate) => Some(candidate),
            _ => None,
        }
    }

    /// The bridge, if it is one.
    pub fn bridge(&self) -> Option<&Bridge> {
        match self {
            Self::Bridge(bridge) => Some(bridge),
            _ => None,
        }
    }

    /// The quirky peer, if it is one.
    pub fn quirky(&self) -> Option<&QuirkyHost> {
        match self {
            Self::Quirky(quirky) => Some(quirky),
            _ => None,
        }
    }

    /// Who joins as others, if it is one.
    pub fn poser(&self) -> Option<&Poser> {
        match self {
            Self::Poser(poser) => Some(poser),
            _ => None,
        }
    }
}

impl lan_sim::Node for Node {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match self {
            Self::Ours(station) => station.handle(event, net),
            Self::Candidate(candidate) => candidate.handle(event, net),
            Self::Rack(rack) => rack.handle(&event, net),
            Self::Bridge(bridge) => bridge.handle(event, net),
            Self::Quirky(quirky) => quirky.handle(event, net),
            Self::Poser(poser) => poser.handle(&event, net),
            Self::Rooms(rooms) => rooms.handle(&event, net),
            Self::Artist(artist) => artist.handle(&event, net),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Ours(station) => station.deadline(),
            Self::Candidate(candidate) => candidate.deadline(),
            Self::Rack(rack) => rack.deadline(),
            Self::Bridge(bridge) => bridge.deadline(),
            Self::Rooms(rooms) => rooms.deadline(),
            Self::Artist(artist) => artist.deadline(),
            Self::Quirky(_) | Self::Poser(_) => None,
        }
    }
}
