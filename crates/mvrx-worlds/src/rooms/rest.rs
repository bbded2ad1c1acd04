//! What must be true of rooms at rest.

use std::ops::Range;

use lan_sim::{HostId, World};
use mixer_proto::json::Json;

use super::RoomsHost;
use crate::crew::Among;
use crate::{Ledger, Node};

/// Has the server of a crew, if it has one, say what its rooms are: to be looked at.
pub(crate) fn asks(world: &mut World<Node>, hosts: &Range<u32>) {
    for host in hosts.clone().map(HostId) {
        if let Some(Node::Rooms(_)) = world.node(host) {
            world.with(host, |node, _| {
                if let Node::Rooms(server) = node {
                    let keys = server.server.rooms().into_iter();
                    server.at_rest = keys.filter_map(|key| server.server.content(key)).collect();
                }
            });
        }
    }
}

/// Looks at the server and the clients of a crew.
pub(crate) fn look(among: Among<'_>, ledger: &mut Ledger) {
    let Some((host, server)) = among.nodes().find_map(|(host, node)| match node {
        Node::Rooms(server) => Some((host, server)),
        _ => None,
    }) else {
        return;
    };
    let model = server.model.borrow();
    if let Some((check, text)) = model.are(&server.at_rest).or_else(|| server.waits()) {
        ledger.violate(check, format_args!("{host}: {text}"));
    }
    let mut first: Option<Json> = None;
    for (host, artist) in among.nodes().filter_map(|(host, node)| match node {
        Node::Artist(artist) => Some((host, artist)),
        _ => None,
    }) {
        if let Some((check, text)) = artist.look(&model) {
            ledger.violate(check, format_args!("{host} {text}"));
        }
        let Some(rooms) = artist.rooms() else { continue };
        match &first {
            Some(first) if !first.python_eq(&rooms) => {
                ledger.violate(ALIKE, format_args!("{host} lists {rooms}, others {first}"));
            }
            _ => first = Some(rooms),
        }
    }
}

impl RoomsHost {
    /// What it waits for at rest. Bytes for a client whose machine went while its window was shut may wait for ever: these links have no keep-alive.
    fn waits(&self) -> Option<(&'static str, String)> {
        self.deadline().map(|until| (WAITED_FOR, format!("waits for {until}")))
    }
}

const ALIKE: &str = "rooms-are-seen-alike";
const WAITED_FOR: &str = "nothing-is-waited-for";
