//! A station that can be elected to host, with its election and, while it hosts, the host beside it: on one simulated machine, as
//! `mvrx_station::Election` is on a real one.
//!
//! It decides nothing: what discovery shows, what the station tells ([`ElectionInput::of`] says what it means, there as here) and what the host counts become
//! inputs of the [`Election`]; hosts are started and ended, and the station is moved, as that says. A host asks another one how it stands
//! by a message of its own on a link of its own, which stands for the handshake that carries it on a real network. That machines
//! start a host takes a moment, in which they may crash.
//!
//! | checker | promises | when |
//! |---|---|---|
//! | `one-host-for-all` | each connected group of two candidates or more has one host, and all are in its session | at rest, whole and parted |
//! | `two-hosts-become-one` | two hosts that nothing keeps from each other, and that ask nobody to go elsewhere, are one within [`MEETING`] | always |
//! | `a-successor-acts-in-time` | a host that is killed, with none, one or two of those who succeed it first, is succeeded within [`NOTICED`] and [`ACTS`] | once |
//! | `the-incumbent-stays` | neither a flapping newcomer of the highest priority nor a former host that returns displaces the host | at rest |
//! | `the-returning-host-joins` | it becomes one of its successor's session, and never hosts | once |
//! | `whoever-is-willing-is-moved` | who a person's move found willing is in that place, and nobody hosts who left; the others have one host | once |
//! | `no-commit-is-lost` | what any station of a session holds, all of the session list | at rest |
//! | `nobody-spins` | no deadline stays in the past | always |

mod ask;
mod person;
mod sees;
pub(crate) mod trial;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use lan_sim::{Announcement, Event, HostCtx, Time};
use mvrx_core::election::{
    ElectedHost, Election, ElectionConfig, ElectionInput, ElectionOutput, ElectionPhase,
};
use mvrx_core::host::Event as HostEvent;
use mvrx_core::{Event as CoreEvent, MovePhase, PlaceId};
use mvrx_message::{Candidate, GroupName, SessionTarget, StationUuid, Successor, Txt};

use crate::planted::Planted;
use crate::shelf::Shelf;
use crate::station::Setup;
use crate::station::sights::Sights;
use crate::{Act, SessionHost, Station};
use ask::Asking;
use sees::Who;

pub(crate) use trial::play;
pub(crate) use watch::{EVERY, Watch, keeps};

/// A station that can be elected, and what belongs to it.
#[derive(Debug)]
pub struct Candidacy {
    station: Station,
    election: Election,
    setup: Setup,
    host: Option<SessionHost>,
    /// It is asking its stations to go elsewhere.
    host_moves: bool,
    /// One whose own station has gone, while others are still on their way.
    departed: Option<SessionHost>,
    /// A host that has ended, while its last words go out.
    ending: Option<SessionHost>,
    host_id: StationUuid,
    port: u16,
    /// What discovery shows of candidates and of hosts, apart from what it shows to the station.
    sights: Sights,
    known: BTreeMap<PlaceId, Who>,
    candidates: BTreeSet<StationUuid>,
    /// The errand under way, and what its failure is to the election.
    led: Option<(SessionTarget, ElectionInput)>,
    /// Somebody proposed the same, and was not answered yet: that is declined first.
    after_question: bool,
    asking: Option<Asking>,
    /// How many were in our session when that was told last, and of which of our hosts.
    counted: Option<(u64, usize)>,
    inputs: VecDeque<ElectionInput>,
    shown: Option<String>,
    hosts_since: Option<Time>,
}

impl Candidacy {
    /// Starts a candidate of some priority: the one that it is given, else it is drawn anew at each start.
    pub(crate) fn start(mut setup: Setup, net: &mut HostCtx<'_>) -> Self {
        let shelf = Shelf::new(net.disk());
        let at_home = setup.ledger.borrow().brings_home;
        let kept = shelf.place().and_then(|kept| GroupName::join(kept.lines().nth(1)?).ok());
        let elsewhere = kept.is_some();
        match kept.filter(|_| !at_home) {
            Some(group) => setup.group = group,
            // A disk that refuses leaves it where a person moved it, until the next start.
            None => drop(shelf.keep_place("")),
        }
        let drawn = u32::try_from(net.random() % 3).unwrap_or(0);
        let priority = setup.ledger.borrow().priority_of(net.host()).unwrap_or(drawn);
        setup.candidate = Some(Candidate { priority, port: SESSION_PORT });
        let host_id = SessionHost::elected_id(net);
        for ip in net.addresses() {
            setup.ledger.borrow_mut().routes_at(SocketAddr::new(ip, SESSION_PORT));
        }
        let station = Station::start(setup.clone(), net);
        if elsewhere && at_home || shelf.had_trouble() {
            // What it committed where it was moved stays there.
            setup.ledger.borrow_mut().loses_track(net.host());
        }
        let mut candidacy = Self {
            election: Election::new(ElectionConfig::new(
                station.id(),
                host_id,
                priority,
                setup.group.clone(),
            )),
            station,
            setup,
            host: None,
            ending: None,
            host_moves: false,
            departed: None,
            host_id,
            port: SESSION_PORT,
            sights: Sights::default(),
            known: BTreeMap::new(),
            candidates: BTreeSet::new(),
            led: None,
            after_question: false,
            counted: None,
            asking: None,
            inputs: VecDeque::from([ElectionInput::Tick]),
            shown: None,
            hosts_since: None,
        };
        // Whom a person moved into a session in an earlier run is there.
        if matches!(candidacy.station.place(), SessionTarget::Url(_)) {
            candidacy.inputs.push_front(ElectionInput::MovedAway);
        }
        candidacy.settle(net);
        candidacy
    }

    /// The station.
    pub const fn station(&self) -> &Station {
        &self.station
    }

    /// The host beside it, while it runs.
    pub const fn host(&self) -> Option<&SessionHost> {
        self.host.as_ref()
    }

    /// Where its election stands.
    pub const fn phase(&self) -> ElectionPhase {
        self.election.phase()
    }

    /// Whether a host runs on its machine, on its way out or not.
    pub(crate) const fn has_a_host(&self) -> bool {
        self.host.is_some() || self.departed.is_some()
    }

    /// Whether its host asks its stations to go elsewhere.
    pub(crate) const fn asks_to_go(&self) -> bool {
        self.host_moves
    }

    /// The group whose session it would host.
    pub(crate) const fn group(&self) -> &GroupName {
        &self.setup.group
    }

    /// Its priority since its start.
    pub fn priority(&self) -> u32 {
        self.setup.candidate.map_or(0, |candidate| candidate.priority)
    }

    /// Since when its host runs.
    pub(crate) const fn hosts_since(&self) -> Option<Time> {
        self.hosts_since
    }

    pub(crate) fn act(&mut self, act: &Act, hosts: &[StationUuid], net: &mut HostCtx<'_>) {
        self.station.act(act, hosts, net);
        self.settle(net);
    }

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match &event {
            Event::Wake => {
                self.look_again(net);
                self.ask_no_longer(net);
                self.inputs.push_back(ElectionInput::Tick);
            }
            Event::Deferred { .. } => self.start_host(net),
            Event::Sighted(seen) => self.sighted(seen, net),
            Event::Vanished(gone) => self.gone(gone, net),
            _ => {}
        }
        let asked = self.asked(&event, net);
        let is_host = matches!(event, Event::Accepted { port, .. } if port == self.port);
        let is_session =
            matches!(&event, Event::Sighted(seen) | Event::Vanished(seen) if sees::is_host(seen));
        if !asked && !matches!(event, Event::Sighted(_) | Event::Vanished(_)) {
            for host in self.host.iter_mut().chain(&mut self.departed).chain(&mut self.ending) {
                if is_host || !matches!(event, Event::Accepted { .. }) {
                    host.handle(&event, net);
                }
            }
        }
        if !asked && !is_host && !is_session {
            self.station.handle(event, net);
        }
        self.settle(net);
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let hosts = self.host.iter().chain(&self.departed).chain(&self.ending);
        let host = hosts.filter_map(SessionHost::deadline).min();
        let asking = self.asking.as_ref().map(|asking| asking.until);
        let mut election = self.election.deadline().map(Time::from);
        if self.setup.planted == Planted::WokenForNothing
            && self.election.phase() == ElectionPhase::Succeeding
        {
            election = Some(Time::ZERO);
        }
        [self.station.deadline(), host, asking, election, self.sights.deadline()].into_iter().flatten().min()
    }

    /// Takes what has come of it, until nothing more comes of it.
    fn settle(&mut self, net: &mut HostCtx<'_>) {
        loop {
            self.hosts_tell(net);
            if self.host_moves != self.election.session_moves() {
                self.step(ElectionInput::SessionMoves(self.host_moves), net);
            }
            while let Some(event) = self.station.heard() {
                if matches!(event, CoreEvent::Moved { errand: true, .. }) {
                    self.station.takes_part_again(net.host());
                }
                self.heard(&event);
            }
            if let (Some(host), Some(own)) = (&self.host, self.election.own()) {
                let counted = (own.since, host.members_but(self.station.id()));
                if self.counted.replace(counted) != Some(counted) {
                    self.inputs.push_back(ElectionInput::Members(counted.1));
                }
            }
            let Some(input) = self.inputs.pop_front() else { break };
            self.step(input, net);
        }
        if !self.host_moves {
            self.end_departed(net);
        }
        if self.ending.as_ref().is_some_and(SessionHost::has_ended) {
            self.ending = None;
        }
    }

    fn step(&mut self, input: ElectionInput, net: &mut HostCtx<'_>) {
        if self.setup.planted == Planted::LossNotTold && input == ElectionInput::Lost {
            return;
        }
        let before = self.election.phase();
        let quiet = input == ElectionInput::Tick;
        let text = if quiet { String::new() } else { format!("{input:?}") };
        let outputs = self.election.step(net.now().since_start(), input);
        let after = self.election.phase();
        if !quiet || before != after || !outputs.is_empty() {
            net.note(format_args!("election {before:?} -> {after:?} {text} => {outputs:?}"));
        }
        for output in outputs {
            self.carry_out(output, net);
        }
    }

    /// What the station tells: how an errand ended, and what else its election has to know.
    fn heard(&mut self, event: &CoreEvent) {
        match event {
            CoreEvent::Moved { .. } => self.led = None,
            CoreEvent::NotMoved { .. } if std::mem::take(&mut self.after_question) => {}
            CoreEvent::NotMoved { to, .. } => {
                let failed = self.led.take_if(|(led, _)| led == to).map(|(_, failed)| failed);
                self.inputs.extend(failed.filter(|failed| self.is_news(failed)));
            }
            _ => {}
        }
        let input = ElectionInput::of(event).map(|input| match input {
            ElectionInput::MovedTo(_) if self.setup.planted == Planted::NoPartThere => {
                ElectionInput::MovedAway
            }
            input => input,
        });
        self.inputs.extend(input);
    }

    /// Who is in its group already is not sent there in vain.
    fn is_news(&self, failed: &ElectionInput) -> bool {
        *failed != ElectionInput::NotBack || matches!(self.station.place(), SessionTarget::Url(_))
    }

    // ---- what is to be done

    fn carry_out(&mut self, output: ElectionOutput, net: &mut HostCtx<'_>) {
        match output {
            ElectionOutput::Start => {
                let takes = Duration::from_millis(1 + net.random() % 60);
                net.defer(takes, 0);
            }
            ElectionOutput::Join { .. } if self.setup.planted == Planted::JoinsNobody => {}
            ElectionOutput::Join { url } => {
                self.go(SessionTarget::Url(url), BTreeSet::new(), ElectionInput::NotJoined, net);
            }
            ElectionOutput::Lead { url, others } => {
                self.go(SessionTarget::Url(url), others, ElectionInput::NotJoined, net);
            }
            ElectionOutput::GoBack => {
                let group = SessionTarget::Group(self.setup.group.clone());
                self.go(group, BTreeSet::new(), ElectionInput::NotBack, net);
            }
            ElectionOutput::Show(host) => self.show(&host, net),
            ElectionOutput::Companions(stations) => self.station.companions(stations, net),
            ElectionOutput::TakesPart(takes_part) => self.station.takes_part(takes_part, net),
            ElectionOutput::Group(group) => self.look_in(group, net),
            ElectionOutput::Probe { host, url } => self.ask(host, &url, net),
            ElectionOutput::End { next } => self.end_host(next, net),
            _ => {}
        }
    }

    fn go(
        &mut self,
        to: SessionTarget,
        others: BTreeSet<StationUuid>,
        failed: ElectionInput,
        net: &mut HostCtx<'_>,
    ) {
        if self.led.is_some() {
            // Another one is under way.
            let failed = Some(failed).filter(|failed| self.is_news(failed));
            return self.inputs.extend(failed);
        }
        // A question of somebody else to the same place is declined first.
        let open = self.station.core().moving_to();
        self.after_question = open.is_some_and(|(open, phase)| phase == MovePhase::Asking && *open == to);
        self.led = Some((to.clone(), failed));
        self.station.move_with(to, others, net);
    }

    /// What the host has to do with people is asked by the station.
    fn hosts_tell(&mut self, net: &mut HostCtx<'_>) {
        while let Some((proposal, yes)) = self.station.answer_for_host(net) {
            if let Some(host) = &mut self.host {
                host.answer(proposal, yes, net);
            }
        }
        for host in self.host.iter_mut().chain(&mut self.departed) {
            while let Some(event) = host.heard() {
                match event {
                    HostEvent::MoveBegun { .. } => self.host_moves = true,
                    HostEvent::MoveEnded { .. } => self.host_moves = false,
                    HostEvent::MoveProposed { proposal, to, .. } => {
                        self.station.answer_for_host_later(proposal, to, net);
                    }
                    _ => {}
                }
            }
        }
    }

    fn start_host(&mut self, net: &mut HostCtx<'_>) {
        self.end_departed(net);
        let setup = Setup { name: format!("{} hosts", self.setup.name), moving: false, ..self.setup.clone() };
        let beside = self.station.id();
        let started = match SessionHost::elected(self.host_id, beside, self.port, setup, net) {
            Some(host) if self.host.is_none() => {
                self.host = Some(host);
                self.hosts_since = Some(net.now());
                let url = format!("ws://{}/", SocketAddr::new(our_address(net), self.port));
                let since = net.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                self.setup.ledger.borrow_mut().tally.hosts += 1;
                ElectionInput::Started { url, since }
            }
            _ => ElectionInput::NotStarted,
        };
        self.inputs.push_back(started);
    }

    fn end_host(&mut self, next: Option<ElectedHost>, net: &mut HostCtx<'_>) {
        if next.is_none() && self.setup.planted == Planted::HostStays {
            return;
        }
        self.hosts_tell(net);
        let Some(mut host) = self.host.take() else { return };
        (self.hosts_since, self.counted) = (None, None);
        if let Some(shown) = self.shown.take() {
            net.withdraw(&shown);
        }
        let next =
            next.map(|ElectedHost { host, priority, url, .. }| Successor { station: host, priority, url });
        host.says_of_itself(None);
        if next.is_none() && self.host_moves {
            self.departed = Some(host);
            return;
        }
        self.host_moves = false;
        net.unlisten(self.port);
        host.end(next, net);
        self.ending = Some(host);
    }

    /// Everybody has answered, or there is to be another host.
    fn end_departed(&mut self, net: &mut HostCtx<'_>) {
        let Some(mut host) = self.departed.take() else { return };
        self.host_moves = false;
        net.unlisten(self.port);
        host.end(None, net);
        self.ending = Some(host);
    }

    fn show(&mut self, host: &ElectedHost, net: &mut HostCtx<'_>) {
        let Some(running) = self.host.as_mut() else { return };
        running.says_of_itself(Some(ask::note(host, &self.setup.group)));
        let instance = format!("{} hosts.{}", self.setup.name, self.setup.group.as_str());
        let mut announcement = Announcement::new(instance.clone(), self.port);
        announcement.ttl = self.setup.ttl;
        for (key, value) in Txt::new(&self.setup.name, host.host).to_pairs() {
            announcement = announcement.text(key, value);
        }
        net.announce(announcement.text(sees::ELECTED, ask::standing(host)));
        self.shown = Some(instance);
    }
}

fn our_address(net: &HostCtx<'_>) -> std::net::IpAddr {
    net.addresses().first().copied().unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
}

/// Where a candidate hosts.
pub(crate) const SESSION_PORT: u16 = 42_480;
