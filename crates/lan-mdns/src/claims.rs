//! Claiming names: probing, announcing, renaming, goodbyes. The chart is [`service`](crate::service)'s.

use std::time::Duration;

use crate::Name;
use crate::io::{Link, LinkId, Output, Role, Service, ServiceId, To};
use crate::links::{SECOND, pack_answers};
use crate::machine::Mdns;
use crate::record::{Data, Question, Record, kind};
use crate::service::{Claim, Phase, Registered, What};
use crate::wire::Message;

/// Records that are taken back once more.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub(crate) due: Duration,
    link: LinkId,
    records: Vec<Record>,
    left: u8,
}

impl Mdns {
    // req: MDNS-HOT-PLUG
    pub(crate) fn on_link(&mut self, link: LinkId, info: Link) {
        match self.links.get(&link).map(|state| state.info.clone()) {
            Some(before) if before == info => {}
            Some(before) => self.on_addresses(link, &before, info),
            None => {
                self.links.entry(link).or_default().info = info;
                self.claim_all(link);
                self.ask_on(link);
            }
        }
    }

    /// The names stay ours; what addresses they have is said anew, and what was said of those that are gone is taken back.
    fn on_addresses(&mut self, link: LinkId, before: &Link, info: Link) {
        let gone = |(ip, _): &&(std::net::IpAddr, u8)| !info.addresses.iter().any(|(now, _)| now == ip);
        let gone: Vec<What> =
            before.addresses.iter().filter(gone).map(|(ip, _)| What::Address(*ip)).collect();
        let ids: Vec<ServiceId> = self.services.keys().copied().collect();
        for id in ids {
            let Some(service) = self.services.remove(&id) else { continue };
            let ours = service.claims.get(&link).is_some_and(Claim::is_ours) && !info.addresses.is_empty();
            if ours {
                self.farewell(&service, link, &gone);
            }
            self.services.insert(id, service);
            if let Some(state) = self.links.get_mut(&link) {
                state.info = info.clone();
            }
            let now = self.now;
            match self.services.get_mut(&id).and_then(|service| service.claims.get_mut(&link)) {
                Some(claim) if ours => {
                    *claim = Claim { phase: Phase::Announcing { sent: 0 }, due: Some(now) }
                }
                _ => {
                    let at = now + self.rng.between(0, PROBE_DELAY);
                    self.claim(id, link, at);
                }
            }
        }
        if let Some(state) = self.links.get_mut(&link) {
            state.info = info;
        }
    }

    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.farewells.retain(|farewell| farewell.link != link);
        self.wanted.retain(|(on, _, _), _| *on != link);
        for service in self.services.values_mut() {
            service.claims.remove(&link);
        }
        self.forget_link(link);
    }

    /// Everything of ours is claimed on this link from the beginning.
    pub(crate) fn claim_all(&mut self, link: LinkId) {
        let services: Vec<ServiceId> = self.services.keys().copied().collect();
        let at = self.now + self.rng.between(0, PROBE_DELAY);
        for id in services {
            self.claim(id, link, at);
        }
    }

    // req: MDNS-PROBE
    fn claim(&mut self, id: ServiceId, link: LinkId, at: Duration) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.forget(id);
        let Some(service) = self.services.get_mut(&id) else { return };
        if state.info.addresses.is_empty() {
            service.claims.remove(&link);
        } else {
            service.claims.insert(link, Claim::begin(at));
        }
    }

    pub(crate) fn on_register(&mut self, id: ServiceId, spec: Service) {
        let Ok(next) = Registered::new(spec) else { return };
        let before = self.services.remove(&id);
        let same_names = before.as_ref().is_some_and(|before| {
            before.spec.instance == next.spec.instance
                && before.spec.host == next.spec.host
                && before.spec.service_type == next.spec.service_type
        });
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        if let (Some(before), true) = (&before, same_names) {
            // req: MDNS-UPDATE
            // The names stay ours, also those taken in a conflict: only what they say changes.
            let gone: Vec<&Name> = before.pointers.iter().filter(|p| !next.pointers.contains(p)).collect();
            let gone: Vec<usize> = (0..before.pointers.len())
                .filter(|at| before.pointers.get(*at).is_some_and(|p| gone.contains(&p)))
                .collect();
            for link in &links {
                self.farewell(before, *link, &gone.iter().map(|at| What::Pointer(*at)).collect::<Vec<_>>());
            }
        } else if let Some(before) = &before {
            for link in &links {
                self.leave(before, *link, Some(&next));
            }
        }
        match before {
            Some(mut before) if same_names => {
                before.pointers = next.pointers;
                before.spec = next.spec;
                for claim in before.claims.values_mut().filter(|claim| claim.is_ours()) {
                    *claim = Claim { phase: Phase::Announcing { sent: 0 }, due: Some(self.now) };
                }
                self.services.insert(id, before);
            }
            _ => {
                self.services.insert(id, next);
                let at = self.now + self.rng.between(0, PROBE_DELAY);
                for link in links {
                    self.claim(id, link, at);
                }
            }
        }
    }

    pub(crate) fn on_withdraw(&mut self, id: ServiceId) {
        let Some(service) = self.services.remove(&id) else { return };
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.leave(&service, link, None);
            if let Some(state) = self.links.get_mut(&link) {
                state.forget(id);
            }
        }
    }

    /// Takes back what was said of a service, save for what `next` says as well.
    fn leave(&mut self, service: &Registered, link: LinkId, next: Option<&Registered>) {
        let Some(state) = self.links.get(&link) else { return };
        if service.claims.get(&link).is_none_or(|claim| !claim.is_ours()) {
            return;
        }
        let host_stays = next.is_some_and(|next| next.host == service.host)
            || self.services.values().any(|other| other.host == service.host);
        let gone = |what: &What| !(host_stays && matches!(what, What::Address(_)));
        let whats: Vec<What> = service.announced(&state.info).into_iter().filter(gone).collect();
        self.farewell(service, link, &whats);
    }

    // req: MDNS-GOODBYE
    fn farewell(&mut self, service: &Registered, link: LinkId, whats: &[What]) {
        let Some(state) = self.links.get(&link) else { return };
        let records: Vec<Record> = whats
            .iter()
            .filter_map(|what| service.record(*what, &state.info))
            // Without the cache-flush bit: the name may be somebody else's by now.
            .map(|record| Record { ttl: 0, flush: false, ..record })
            .collect();
        if !records.is_empty() {
            self.farewells.push(Farewell { due: self.now, link, records, left: FAREWELLS });
        }
    }

    pub(crate) fn on_farewells_due(&mut self) {
        let now = self.now;
        let due: Vec<(LinkId, Vec<Record>)> = self
            .farewells
            .iter_mut()
            .filter(|farewell| farewell.due <= now)
            .map(|farewell| {
                farewell.left = farewell.left.saturating_sub(1);
                farewell.due = now + FAREWELL_GAP;
                (farewell.link, farewell.records.clone())
            })
            .collect();
        self.farewells.retain(|farewell| farewell.left > 0);
        for (link, answers) in due {
            let message = Message { response: true, answers, ..Message::default() };
            self.send(link, To::Multicast, pack_answers(message, self.config.message_bytes));
        }
    }

    pub(crate) fn on_claims_due(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let probing = self.probes_due(link);
            if !probing.is_empty() {
                self.send_probe(link, &probing);
            }
            let due: Vec<ServiceId> = self
                .services
                .iter()
                .filter(|(_, service)| {
                    service
                        .claims
                        .get(&link)
                        .is_some_and(|c| c.is_ours() && c.due.is_some_and(|at| at <= self.now))
                })
                .map(|(id, _)| *id)
                .collect();
            for id in due {
                self.announce(id, link);
            }
        }
    }

    /// Whose next probe is due; who has waited after the third is moved on to announcing.
    fn probes_due(&mut self, link: LinkId) -> Vec<ServiceId> {
        let mut probing = Vec::new();
        for (id, service) in &mut self.services {
            let Some(claim) = service.claims.get_mut(&link) else { continue };
            let (Phase::Probing { sent }, true) = (claim.phase, claim.due.is_some_and(|at| at <= self.now))
            else {
                continue;
            };
            if sent < PROBES {
                *claim = Claim { phase: Phase::Probing { sent: sent + 1 }, due: Some(self.now + PROBE_GAP) };
                probing.push(*id);
            } else {
                *claim = Claim { phase: Phase::Announcing { sent: 0 }, due: Some(self.now) };
            }
        }
        probing
    }

    // req: MDNS-PROBE
    fn send_probe(&mut self, link: LinkId, services: &[ServiceId]) {
        let mut message = Message::default();
        for service in services.iter().filter_map(|id| self.services.get(id)) {
            let Some(state) = self.links.get(&link) else { return };
            for name in [&service.instance, &service.host] {
                if !message.questions.iter().any(|q| q.name == *name) {
                    // QU: whoever has the name may say so at once to us alone.
                    message.questions.push(Question { name: name.clone(), kind: kind::ANY, unicast: true });
                }
            }
            let claimed = service.announced(&state.info).into_iter().filter(|what| !what.is_shared());
            let claimed = claimed.filter_map(|what| service.record(what, &state.info));
            // RFC 6762, 10.2: never with the cache-flush bit, as they are not ours yet.
            let claimed: Vec<Record> = claimed.map(|record| Record { flush: false, ..record }).collect();
            message.authorities.extend(claimed);
        }
        self.send(link, To::Multicast, vec![message.encode()]);
    }

    // req: MDNS-ANNOUNCE
    fn announce(&mut self, id: ServiceId, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let Some(service) = self.services.get_mut(&id) else { return };
        let whats = service.announced(&state.info);
        let Some(claim) = service.claims.get_mut(&link) else { return };
        let Phase::Announcing { sent } = claim.phase else { return };
        let sent = sent + 1;
        *claim = if sent < ANNOUNCEMENTS {
            // After 1 s, then 2, then 4.
            let due = self.now + SECOND * (1 << (sent - 1));
            Claim { phase: Phase::Announcing { sent }, due: Some(due) }
        } else {
            Claim { phase: Phase::Settled, due: None }
        };
        let owns: Vec<_> = whats.into_iter().map(|what| (id, what)).collect();
        let along = [(id, What::InstanceNsec), (id, What::HostNsec)];
        // A change is said at once: what was said a moment ago is not true any more.
        let gap = if sent == 1 { Duration::ZERO } else { SECOND };
        state.say(self.now, Duration::ZERO, gap, &owns, &along);
        if sent == 1 {
            self.out.push_back(Output::Announced(id, link));
        }
    }

    /// Whether a record is one that we say ourselves, on this link or another: bridges and several interfaces in one network bring our
    /// own words back to us.
    pub(crate) fn is_own(&self, service: &Registered, record: &Record) -> bool {
        match &record.data {
            Data::A(_) | Data::Aaaa(_) => {
                let ip = record.data.as_address();
                self.links.values().flat_map(|state| &state.info.addresses).any(|(ours, _)| Some(*ours) == ip)
            }
            Data::Srv { .. } => record.data == service.srv(),
            Data::Txt(_) => record.data == service.txt(),
            Data::Nsec { .. } => true,
            _ => false,
        }
    }

    /// Compares what a response says with what is ours.
    // req: MDNS-CONFLICT
    pub(crate) fn check_conflicts(&mut self, link: LinkId, records: &[Record]) {
        let mut conflicts = Vec::new();
        for (id, service) in &self.services {
            let Some(claim) = service.claims.get(&link) else { continue };
            for role in [Role::Instance, Role::Host] {
                let against =
                    |r: &&Record| r.ttl > 0 && r.name == *service.name(role) && !self.is_own(service, r);
                let has = |r: &Record| match role {
                    Role::Instance => matches!(r.data, Data::Srv { .. } | Data::Txt(_)),
                    Role::Host => r.data.as_address().is_some(),
                };
                // Before the name is ours any record of it is a no (RFC 6762, 8.1), later one of a kind that we have (9).
                if records.iter().filter(against).any(|r| !claim.is_ours() || has(r)) {
                    conflicts.push((*id, role, claim.is_ours()));
                }
            }
        }
        for (id, role, ours) in conflicts {
            if ours {
                self.reclaim(id, link, role);
            } else {
                self.rename(id, role);
            }
        }
    }

    fn reclaim(&mut self, id: ServiceId, link: LinkId, role: Role) {
        let Some(service) = self.services.get_mut(&id) else { return };
        let wait = service.note_conflict(self.now);
        self.out.push_back(Output::Conflict { service: id, role });
        self.claim(id, link, self.now + wait);
    }

    // req: MDNS-RENAME
    fn rename(&mut self, id: ServiceId, role: Role) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        if let Some(before) = self.services.remove(&id) {
            // What other links believe to be there under the former name is taken back.
            for link in &links {
                let whats = match role {
                    Role::Instance => before.announced(&Link::default()),
                    Role::Host => vec![],
                };
                if before.claims.get(link).is_some_and(Claim::is_ours) {
                    self.farewell(&before, *link, &whats);
                }
            }
            self.services.insert(id, before);
        }
        let delay = self.rng.between(0, PROBE_DELAY);
        let Some(service) = self.services.get_mut(&id) else { return };
        let wait = service.note_conflict(self.now);
        let (from, to) = service.rename(role);
        self.out.push_back(Output::Renamed { service: id, role, from, to });
        let at = self.now + wait.max(delay);
        for link in links {
            self.claim(id, link, at);
        }
    }

    /// Another host claims names at the same time: who has the lexicographically later records wins (RFC 6762, 8.2).
    // req: MDNS-TIE-BREAK
    pub(crate) fn break_ties(&mut self, link: LinkId, theirs: &[Record]) {
        let Some(state) = self.links.get(&link) else { return };
        let mut lost = Vec::new();
        for (id, service) in &self.services {
            let probing =
                service.claims.get(&link).is_some_and(|c| matches!(c.phase, Phase::Probing { sent: 1.. }));
            let ours: Vec<Record> = service
                .announced(&state.info)
                .iter()
                .filter_map(|what| service.record(*what, &state.info))
                .collect();
            let loses = |role: Role| {
                let of = |r: &&Record| r.name == *service.name(role);
                let theirs: Vec<&Record> = theirs.iter().filter(of).collect();
                let foreign = theirs.iter().any(|r| !self.is_own(service, r));
                foreign && sorted(ours.iter().filter(of)) < sorted(theirs.into_iter())
            };
            if probing && (loses(Role::Instance) || loses(Role::Host)) {
                lost.push(*id);
            }
        }
        for id in lost {
            self.claim(id, link, self.now + TIE_LOST);
        }
    }
}

fn sorted<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<(u16, Vec<u8>)> {
    let mut all: Vec<_> = records.map(|r| (r.data.kind(), r.data.to_rdata())).collect();
    all.sort_unstable();
    all
}

/// Milliseconds that the first probe waits at most.
const PROBE_DELAY: u64 = 250;

const PROBES: u8 = 3;

const PROBE_GAP: Duration = Duration::from_millis(250);

/// RFC 6762, 8.3 wants two to eight; of four one arrives in a bad network.
const ANNOUNCEMENTS: u8 = 4;

const TIE_LOST: Duration = Duration::from_secs(1);

const FAREWELLS: u8 = 2;

const FAREWELL_GAP: Duration = Duration::from_millis(120);
