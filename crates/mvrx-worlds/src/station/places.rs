//! Where stations are: what discovery shows of them, and the places to which they move.

use std::net::SocketAddr;

use lan_sim::{HostCtx, HostId};
use mvrx_core::election::ElectionConfig;
use mvrx_core::{Config, Input, MovePhase, Moves, PlaceId, Sighting};
use mvrx_message::SessionTarget;

use super::{Setup, Station, group_of, rule_of, sights};

impl Setup {
    /// Whose word it follows where a session is moved.
    pub(super) fn consents(&self, host: HostId, config: &mut Config) {
        if let Some(part) = &self.part {
            (config.bridge, config.moves) = (Some(part.mark), Moves::Never);
        }
        if self.candidate.is_some() {
            config.timers.host_dial = config.timers.host_dial.min(ElectionConfig::ATTEMPT);
            config.moves = rule_of(host);
        } else if self.moving {
            // Every other one asks its people.
            config.moves = if self.slow && host.0.is_multiple_of(2) { Moves::Ask } else { Moves::Always };
        }
    }
}

impl Station {
    /// Where it is.
    pub(crate) fn place(&self) -> SessionTarget {
        self.core.place()
    }

    /// Whether a move of its own can begin now: none is under way, and a question that is open gives way.
    pub(super) fn makes_its_own_way(&self) -> bool {
        self.core.moving_to().is_none_or(|(_, phase)| phase == MovePhase::Asking)
    }

    pub(super) fn sighted(&mut self, place: PlaceId, net: &mut HostCtx<'_>) {
        let Some(sighting) = self.sighting(place, None) else { return };
        let to = self.core.moving_to().and_then(|(to, _)| group_in(to));
        let place_of_ours = self.core.place();
        let counts = [group_in(&place_of_ours), to]
            .into_iter()
            .flatten()
            .any(|ours| sighting.group.as_deref() == Some(ours));
        if let Some(view) = self.setup.ledger.borrow_mut().view(net.host()) {
            if to.is_some() {
                // Who left the old group may be in the new one.
                view.is_on_the_way();
            }
            if counts {
                view.sighted(place, sighting.station, sighting.group.as_deref(), &sighting.addresses);
            } else {
                view.vanished(place);
            }
        }
        self.step(Input::Sighted(sighting), net);
    }

    /// What a place shows, in the group that counts or in this one; `None`: nothing there.
    pub(super) fn sighting(&self, place: PlaceId, of: Option<&str>) -> Option<Sighting> {
        let shown = self.sights.shown(place);
        let groups = shown.iter().filter_map(|seen| group_of(&seen.instance));
        let group = match of {
            Some(of) => groups.into_iter().find(|group| *group == of)?,
            None => self.core.group_that_counts(groups)?,
        };
        let seen = shown.iter().find(|seen| group_of(&seen.instance) == Some(group))?;
        let txt = sights::txt(seen);
        let mut addresses = sights::addresses(seen);
        if self.setup.among_bridges {
            // A station and who stands in for it, or two that do, for a moment: as on a network, all of them may be tried.
            for other in shown.iter().filter(|other| group_of(&other.instance) == Some(group)) {
                let more = sights::addresses(other).into_iter();
                let more: Vec<_> = more.filter(|address| !addresses.contains(address)).collect();
                addresses.extend(more);
            }
        }
        Some(Sighting {
            place,
            station: txt.station,
            station_name: txt.station_name,
            group: Some(group.to_owned()),
            addresses,
        })
    }

    pub(super) fn vanished(&mut self, place: PlaceId, net: &mut HostCtx<'_>) {
        if let Some(view) = self.setup.ledger.borrow_mut().view(net.host()) {
            view.vanished(place);
        }
        self.step(Input::Vanished { place }, net);
    }
}

/// Where the host of a session is, by its URL.
pub(crate) fn address_of(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("ws://")?.trim_end_matches('/').parse().ok()
}

/// The group that a place is.
pub(crate) fn group_in(place: &SessionTarget) -> Option<&str> {
    match place {
        SessionTarget::Group(group) => Some(group.as_str()),
        _ => None,
    }
}

/// Whether a place's text is a session's.
pub(crate) fn is_session(text: &str) -> bool {
    text.contains("://")
}

pub(crate) fn place_text(place: &SessionTarget) -> String {
    match place {
        SessionTarget::Group(group) => group.as_str().to_owned(),
        SessionTarget::Url(url) => url.clone(),
        _ => String::new(),
    }
}
