//! What discovery shows of candidates and of elected hosts, for a candidate's election.

use std::net::SocketAddr;
use std::sync::Arc;

use lan_sim::{Announcement, HostCtx};
use mvrx_core::PlaceId;
use mvrx_core::election::{ElectedHost, ElectionInput};
use mvrx_message::{GroupName, StationUuid};

use super::{Candidacy, ask};
use crate::planted::Planted;
use crate::station::group_of;
use crate::station::sights::{Change, Due, txt};

/// Who is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Station(StationUuid),
    Host(StationUuid),
}

impl Candidacy {
    pub(super) fn sighted(&mut self, seen: &Arc<Announcement>, net: &mut HostCtx<'_>) {
        let (place, doubted) = self.sights.heard(Arc::clone(seen), net.now());
        doubted.iter().for_each(|instance| net.suspect(instance));
        self.look_at(place, net);
    }

    pub(super) fn gone(&mut self, gone: &Announcement, net: &mut HostCtx<'_>) {
        match self.sights.gone(gone) {
            Change::Shows(place) => self.look_at(place, net),
            Change::Gone(place) => self.forget(place),
            Change::Nothing => {}
        }
    }

    /// Records that grow old are asked for again.
    pub(super) fn look_again(&mut self, net: &mut HostCtx<'_>) {
        while let Some(due) = self.sights.due(net.now()) {
            match due {
                Due::Ask(instances) => instances.iter().for_each(|instance| net.suspect(instance)),
                Due::Shows(place) => self.look_at(place, net),
                Due::Gone(place) => self.forget(place),
            }
        }
    }

    /// The election is this group's from now on: whoever is there is seen anew.
    pub(super) fn look_in(&mut self, group: GroupName, net: &mut HostCtx<'_>) {
        self.setup.group = group;
        self.known.clear();
        self.candidates.clear();
        let all: Vec<PlaceId> = self.sights.all().map(|(place, _)| place).collect();
        all.into_iter().for_each(|place| self.look_at(place, net));
    }

    fn look_at(&mut self, place: PlaceId, net: &mut HostCtx<'_>) {
        let shown = self.sights.shown(place);
        let ours = self.setup.group.as_str();
        let here = shown.iter().find(|seen| group_of(&seen.instance) == Some(ours));
        let Some((station, seen)) = here.and_then(|seen| Some((txt(seen).station?, seen))) else {
            return self.forget(place);
        };
        if let Some(host) = elected(station, seen) {
            self.known.insert(place, Who::Host(station));
            if self.setup.planted != Planted::HostsNotSeen || net.boot() == 1 {
                self.inputs.push_back(ElectionInput::HostSeen(host));
            }
            return;
        }
        let Some(candidate) = txt(seen).ours.and_then(|ours| ours.candidate) else {
            return self.forget(place);
        };
        self.known.insert(place, Who::Station(station));
        self.candidates.insert(station);
        self.inputs.push_back(ElectionInput::StationSeen { station, priority: candidate.priority });
        let higher = self.election.own().is_some_and(|own| candidate.priority > own.priority);
        if self.setup.planted == Planted::GivesWayToPriority && higher {
            self.end_host(None, net);
        }
    }

    fn forget(&mut self, place: PlaceId) {
        match self.known.remove(&place) {
            Some(Who::Host(host)) => self.inputs.push_back(ElectionInput::HostGone { host }),
            Some(Who::Station(station)) if self.candidates.remove(&station) => {
                self.inputs.push_back(ElectionInput::StationGone { station });
            }
            _ => {}
        }
    }
}

/// Whether an announcement is an elected host's.
pub(super) fn is_host(seen: &Announcement) -> bool {
    seen.value(ELECTED).is_some()
}

fn elected(host: StationUuid, seen: &Announcement) -> Option<ElectedHost> {
    let at = SocketAddr::new(*seen.addresses.first()?, seen.port);
    ask::read_standing(std::str::from_utf8(seen.value(ELECTED)?).ok()?, host, format!("ws://{at}/"))
}

/// The key of the TXT record.
pub(super) const ELECTED: &str = "Elected";
