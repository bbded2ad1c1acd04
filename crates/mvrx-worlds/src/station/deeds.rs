//! What the people at a station do.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use lan_sim::HostCtx;
use mvrx_core::{Command, ConnId, Input, RequestId, Requested, Source};
use mvrx_message::{
    FileUuid, GroupName, Message, NewSessionHost, Parsed, QuirkSet, SessionTarget, StationUuid,
};

use super::{Station, draft, group_in, is_present, link, nth_of, random_bytes};
use crate::planted::Planted;
use crate::{Act, Audience};

impl Station {
    pub(crate) fn act(&mut self, act: &Act, hosts: &[StationUuid], net: &mut HostCtx<'_>) {
        match *act {
            Act::Commit { .. } if self.held_back.is_some() => {
                self.held_back.iter_mut().for_each(|held| held.push((act.clone(), hosts.to_vec())));
            }
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
            Act::TakeBack { nth, .. } => self.take_back(nth, net),
            Act::LetGo { nth, .. } => self.let_file_go(nth, net),
            Act::Leave { .. } => self.step(Input::Command(Command::Leave), net),
            Act::Rejoin { .. } => self.rejoin(net),
            Act::Rename { name, .. } => {
                self.names += 1;
                let name = format!("{} {name}.{}", self.setup.name, self.names);
                self.step(Input::Command(Command::Rename(name)), net);
            }
            Act::Move { to, .. } => {
                let places = self.setup.places.all();
                if let Some(to) = places.get(to as usize % places.len()).cloned() {
                    if self.setup.alone {
                        return self.move_with(to, BTreeSet::new(), net);
                    }
                    self.leads |= self.makes_its_own_way();
                    self.step(Input::Command(Command::Move { to, force: false }), net);
                }
            }
            Act::Mislead { .. } => self.mislead(net),
            Act::Refresh { .. } => self.step(Input::Command(Command::Refresh), net),
            // Nobody does that: it happens to the machine.
            Act::CrashIn { .. } | Act::MoveAndCrash { .. } | Act::Of { .. } | Act::Mix { .. } => {}
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

    /// Who comes back to a group joins everybody who is shown there, as one does that starts.
    fn rejoin(&mut self, net: &mut HostCtx<'_>) {
        if !is_present(self)
            && group_in(&self.core.place()).is_some()
            && let Some(view) = self.setup.ledger.borrow_mut().view(net.host())
        {
            view.comes_back();
        }
        self.step(Input::Command(Command::Rejoin), net);
    }

    /// Somebody who is nobody of the crew proposes a group in which nobody is. What it hears nobody reads.
    fn mislead(&mut self, net: &mut HostCtx<'_>) {
        let Ok(group) = GroupName::create("Nowhere") else { return };
        if self.setup.planted == Planted::ProposalsAreWishes {
            let to = SessionTarget::Group(group);
            return self.step(Input::Command(Command::MoveWith { to, others: BTreeSet::new() }), net);
        }
        let conn = ConnId::Accepted(self.next_accepted);
        self.next_accepted += 1;
        self.step(Input::Accepted { conn, peer: STRANGER }, net);
        let message = Message::NewSessionHost(NewSessionHost::to_group(&group));
        let parsed = Arc::new(Parsed { message, quirks: QuirkSet::default() });
        self.step(Input::Received { conn, parsed }, net);
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
        commit.group = self.label();
        let imported = self.shelf.import(self.next_request, content, &commit);
        commit.group = None;
        if imported.is_ok() {
            if !self.shelf.had_trouble() {
                self.setup.ledger.borrow_mut().published(file);
            }
            self.step(Input::Command(Command::Publish(commit)), net);
        }
    }
}

/// No machine of the world is there.
const STRANGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 50_000);
