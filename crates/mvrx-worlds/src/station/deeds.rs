//! What the people at a station do.

use std::collections::BTreeSet;

use lan_sim::HostCtx;
use mvrx_core::{Command, Input, RequestId, Requested, Source};
use mvrx_message::{FileUuid, GroupName, SessionTarget, StationUuid};

use super::{Station, draft, link, nth_of, random_bytes};
use crate::plan::{Planted, SESSIONS};
use crate::{Act, Audience};

impl Station {
    pub(crate) fn act(&mut self, act: &Act, hosts: &[StationUuid], net: &mut HostCtx<'_>) {
        match *act {
            Act::Commit { length, audience, hashed, .. } => self.commit(length, audience, hashed, hosts, net),
            Act::Request { nth, .. } => {
                let wanted: Vec<FileUuid> =
                    self.core.commits().filter(|view| !view.held).map(|view| view.commit.file).collect();
                if let Some(file) = nth_of(&wanted, nth) {
                    self.request(Requested::File(file), net);
                }
            }
            Act::RequestLatest { .. } => {
                let fresh = FileUuid::from_random_bytes(random_bytes(net));
                self.setup.ledger.borrow_mut().may_come(fresh, self.id());
                self.request(Requested::Latest { fresh }, net);
            }
            Act::Cancel { nth, .. } => {
                let host = net.host();
                let open: Vec<RequestId> = self
                    .setup
                    .ledger
                    .borrow_mut()
                    .view(host)
                    .map(|view| view.open.iter().copied().collect())
                    .unwrap_or_default();
                if let Some(request) = nth_of(&open, nth) {
                    self.step(Input::Command(Command::Cancel(request)), net);
                }
            }
            Act::Leave { .. } => self.step(Input::Command(Command::Leave), net),
            Act::Rejoin { .. } => self.step(Input::Command(Command::Rejoin), net),
            Act::Rename { name, .. } => {
                self.names += 1;
                let name = format!("{} {name}.{}", self.setup.name, self.names);
                self.step(Input::Command(Command::Rename(name)), net);
            }
            Act::Move { to, .. } => {
                let groups =
                    ["Default", "Stage"].map(|name| GroupName::create(name).map(SessionTarget::Group));
                let sessions = SESSIONS.map(|at| SessionTarget::Url(format!("ws://{at}/")));
                let places: Vec<SessionTarget> = groups.into_iter().flatten().chain(sessions).collect();
                if let Some(to) = places.get(to as usize % places.len()).cloned() {
                    if self.setup.alone {
                        return self.move_with(to, BTreeSet::new(), net);
                    }
                    self.step(Input::Command(Command::Move { to, force: false }), net);
                }
            }
            Act::Refresh { .. } => self.step(Input::Command(Command::Refresh), net),
            // Nobody does that: it happens to the machine.
            Act::CrashIn { .. } | Act::MoveAndCrash { .. } => {}
            Act::JoinAsked { nth, .. } => {
                let known: Vec<StationUuid> = self.core.stations().map(|view| view.station).collect();
                if let Some(station) = nth_of(&known, nth) {
                    if let Some(view) = self.setup.ledger.borrow_mut().view(net.host()) {
                        view.is_back(station);
                    }
                    self.step(Input::Command(Command::Join(station)), net);
                }
            }
        }
    }

    fn request(&mut self, requested: Requested, net: &mut HostCtx<'_>) {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.setup.ledger.borrow_mut().requested(net.host(), request);
        self.step(Input::Command(Command::Request { request, requested, source: Source::Any }), net);
    }

    fn commit(
        &mut self,
        length: u64,
        audience: Audience,
        hashed: bool,
        hosts: &[StationUuid],
        net: &mut HostCtx<'_>,
    ) {
        let file = FileUuid::from_random_bytes(random_bytes(net));
        let content = link::made(net.random() | 1, length);
        let mut commit = draft(file, self.id(), content, audience.among(hosts), hashed);
        self.next_request += 1;
        commit.order = Some(match self.setup.planted {
            Planted::OthersNotCounted => self.next_request,
            _ => self.core.next_order(),
        });
        let known = self.core.commits().map(|view| view.commit.file).collect();
        self.setup.ledger.borrow_mut().knew(file, known);
        // The ledger first: should the disk fail half way, the file may still be found at the next start.
        self.setup.ledger.borrow_mut().committed(&commit, self.id(), content);
        if self.shelf.import(self.next_request, content, &commit).is_ok() {
            self.step(Input::Command(Command::Publish(commit)), net);
        }
    }
}
