//! What the bus does with announcements, withdrawals and their fates.

use std::sync::Arc;
use std::time::Duration;

use super::{Announcement, BitSet, BusAction, Entry, EntryId, Mail, Parcel};
use crate::event::Event;
use crate::fault::Effect;
use crate::host::HostId;
use crate::net::{Action, Net};
use crate::rng::{Chance, Rng, Seed};
use crate::trace::What;

impl Net {
    pub(crate) fn announce(&mut self, host: HostId, mut announcement: Announcement) {
        let at = self.local_now(host);
        let Some(there) = self.hosts.get_mut(host.index()) else { return };
        if announcement.addresses.is_empty() {
            announcement.addresses = there.addresses.iter().map(|address| address.ip).collect();
        }
        let seed = there.seed.child("announcement").nth(there.announcements);
        there.announcements += 1;
        let before = there.on_bus.clone().into_iter().rev().find(|id| {
            self.bus.get(*id).is_some_and(|entry| entry.announcement.instance == announcement.instance)
        });
        if let Some(before) = before {
            self.outdate(before, None);
        }
        let (hash, domain) = (announcement.hash(), self.domain_of(host));
        let announcement = Arc::new(announcement);
        let heard = BitSet::default();
        let entry = self.bus.insert(Entry {
            serial: 0,
            domain,
            host,
            announcement,
            hash,
            live: true,
            before,
            heard,
            seed,
        });
        if let Some(there) = self.hosts.get_mut(host.index()) {
            there.on_bus.push(entry);
        }
        self.record(Some(host), What::Announces { hash });
        let profile = &self.settings.bus;
        let waves = profile.waves.max(1);
        for wave in 0..waves {
            let at = at + profile.delay + profile.jitter / waves * wave;
            self.queue.push(at, Action::Bus(BusAction::Wave { entry, wave }));
        }
    }

    pub(crate) fn withdraw(&mut self, host: HostId, instance: &str) {
        let at = self.local_now(host) + self.settings.bus.delay;
        let on_bus = self.host(host).map(|there| there.on_bus.clone()).unwrap_or_default();
        for entry in on_bus {
            if self.bus.get(entry).is_some_and(|entry| entry.live && entry.announcement.instance == instance)
            {
                let hash = self.bus.get(entry).map_or(0, |entry| entry.hash);
                self.record(Some(host), What::Withdraws { hash });
                self.outdate(entry, None);
                self.queue.push(at, Action::Bus(BusAction::Goodbye { entry }));
            }
        }
    }

    pub(crate) fn browse(&mut self, host: HostId) {
        let Some(there) = self.hosts.get_mut(host.index()) else { return };
        if !there.browsing {
            there.browsing = true;
            let boot = there.boot;
            let at = self.now + self.settings.bus.delay + there.rng.span(self.settings.bus.jitter);
            self.queue.push(at, Action::Bus(BusAction::Answer { host, boot }));
        }
    }

    /// The host doubts that what it heard under that name is still true: within three seconds it hears it
    /// again or that it vanished.
    pub(crate) fn suspect(&mut self, host: HostId, instance: &str) {
        let Some(there) = self.host_mut(host) else { return };
        let span = Duration::from_millis(there.rng.between(1_000, 3_000));
        self.post(host, span, Parcel::Verify(instance.to_owned()));
    }

    /// The host stopped: nobody says so, and what it heard is forgotten.
    pub(crate) fn bus_host_stopped(&mut self, host: HostId) {
        let on_bus = self.host(host).map(|there| there.on_bus.clone()).unwrap_or_default();
        for entry in on_bus {
            // The records of the others were refreshed at some time between now and a fifth of their life
            // ago.
            let part =
                self.bus.get(entry).map_or(0, |entry| entry.seed.child("expiry").rng().between(20, 100));
            self.outdate(entry, Some(u32::try_from(part).unwrap_or(100)));
        }
        let domain = self.domain_of(host);
        for entry in self.bus.ids(domain) {
            if let Some(entry) = self.bus.get_mut(entry) {
                entry.heard.remove(host);
            }
        }
    }

    pub(crate) fn bus_action(&mut self, action: BusAction) {
        match action {
            BusAction::Wave { entry, wave } => self.wave(entry, wave),
            BusAction::Answer { host, boot } => {
                if self.host(host).is_some_and(|there| there.boot == boot && there.browsing) {
                    self.bus.ids(self.domain_of(host)).into_iter().for_each(|entry| self.offer(host, entry));
                }
            }
            BusAction::Goodbye { entry } => self.goodbye(entry),
            BusAction::Expire { entry } => self.expire(entry),
            BusAction::Mail { slot } => self.mail(slot),
            BusAction::Recheck { forget, host } => self.recheck(forget, host),
        }
    }

    /// The host hears a former announcement, now. Returns whether there was one.
    pub(crate) fn stale_sighting(&mut self, host: HostId, nth: u32) -> bool {
        let mut former = self.bus.former(self.domain_of(host));
        let nth = nth as usize % former.len().max(1);
        let Some(announcement) = former.nth(nth).cloned() else { return false };
        drop(former);
        if !self.host(host).is_some_and(|there| there.is_running() && there.browsing) {
            return false;
        }
        self.hear_stale(host, announcement);
        true
    }

    fn wave(&mut self, id: EntryId, wave: u32) {
        let waves = u64::from(self.settings.bus.waves.max(1));
        let Some((seed, domain)) = self.bus.get(id).map(|entry| (entry.seed.child("waves"), entry.domain))
        else {
            return;
        };
        for host in self.bus.hosts(domain) {
            if waves == 1 || seed.nth(host.0.into()).value() % waves == u64::from(wave) {
                self.offer(host, id);
            }
        }
    }

    /// The host hears it, unless it cannot or chance has it otherwise.
    fn offer(&mut self, host: HostId, id: EntryId) {
        if !self.hears(host, id) {
            return;
        }
        let Some(entry) = self.bus.get(id).filter(|entry| entry.live && !entry.heard.contains(host)) else {
            return;
        };
        let fate = Fate::draw(&self.settings.bus, entry.seed, host);
        let announcement = entry.announcement.clone();
        if fate.lost {
            self.count(Effect::SightingLost);
            return self.post(host, self.settings.bus.refresh, Parcel::Again(id));
        }
        let domain = entry.domain;
        if let Some(stale) = fate.stale
            && let Some(old) = self.former_of(domain, &announcement)
        {
            self.post(host, stale, Parcel::Stale(old));
        }
        if let Some(again) = fate.again {
            self.count(Effect::SightingDoubled);
            self.post(host, again, Parcel::Late(id, announcement.clone()));
        }
        match fate.late {
            Some(late) => {
                self.count(Effect::SightingLate);
                self.post(host, late, Parcel::Late(id, announcement));
            }
            None => self.hear(host, id),
        }
    }

    fn goodbye(&mut self, id: EntryId) {
        let Some(entry) = self.bus.get(id) else { return };
        let seed = entry.seed.child("goodbye");
        // It ends what was said under this name, whichever of it somebody has heard.
        let mut ends = Some(id);
        while let Some(id) = ends
            && let Some(entry) = self.bus.get(id)
        {
            ends = entry.before;
            for host in entry.heard.iter().collect::<Vec<_>>() {
                if !self.hears(host, id) {
                    continue;
                }
                if seed.nth(host.0.into()).rng().hits(self.settings.bus.lost) {
                    self.count(Effect::SightingLost);
                } else {
                    self.forget(host, id);
                }
            }
        }
    }

    fn expire(&mut self, id: EntryId) {
        let Some(entry) = self.bus.get(id).filter(|entry| !entry.live) else { return };
        let announcer = entry.host;
        for host in entry.heard.iter().collect::<Vec<_>>() {
            self.forget(host, id);
        }
        self.bus.remove(id);
        if let Some(there) = self.host_mut(announcer) {
            there.on_bus.retain(|other| *other != id);
        }
    }

    fn mail(&mut self, slot: u32) {
        let Some(Mail { host, boot, what }) = self.bus.collect(slot) else { return };
        if !self.host(host).is_some_and(|there| there.boot == boot && there.is_running()) {
            return;
        }
        match what {
            Parcel::Again(id) => {
                let missed = |entry: &Entry| entry.live && !entry.heard.contains(host);
                if self.hears(host, id) && self.bus.get(id).is_some_and(missed) {
                    self.hear(host, id);
                }
            }
            Parcel::Late(id, announcement) => match self.bus.get(id) {
                Some(entry) if entry.live && self.hears(host, id) => self.hear(host, id),
                Some(entry) if entry.live => {}
                _ => self.hear_stale(host, announcement),
            },
            Parcel::Stale(announcement) => self.hear_stale(host, announcement),
            Parcel::Verify(instance) => self.verify(host, &instance),
        }
    }

    fn verify(&mut self, host: HostId, instance: &str) {
        let named = |entry: &Entry| entry.heard.contains(host) && entry.announcement.instance == instance;
        let mut ids = self.bus.ids(self.domain_of(host));
        ids.retain(|id| self.bus.get(*id).is_some_and(named));
        for id in ids {
            if self.bus.get(id).is_some_and(|entry| entry.live) && self.hears(host, id) {
                self.hear(host, id);
            } else {
                self.forget(host, id);
            }
        }
    }

    /// Looks at who hears whom: at all pairs, or at those that `only` is one of.
    fn recheck(&mut self, forget: bool, only: Option<HostId>) {
        let domains: Vec<u32> = match only {
            Some(only) => vec![self.domain_of(only)],
            None => self.bus.domains.keys().copied().collect(),
        };
        domains.into_iter().for_each(|domain| self.recheck_domain(domain, forget, only));
    }

    fn recheck_domain(&mut self, domain: u32, forget: bool, only: Option<HostId>) {
        let all = self.bus.hosts(domain);
        for id in self.bus.ids(domain) {
            let announcer = self.bus.get(id).map(|entry| entry.host);
            let hearers = match &only {
                Some(only) if announcer != Some(*only) => std::slice::from_ref(only),
                _ => &all,
            };
            for host in hearers.iter().copied() {
                let Some(entry) = self.bus.get(id) else { break };
                let (live, heard) = (entry.live, entry.heard.contains(host));
                if !forget && live && !heard && self.hears(host, id) {
                    self.hear(host, id);
                } else if forget && heard && !self.hears(host, id) {
                    self.forget(host, id);
                }
            }
        }
    }

    /// Whether packets of the announcer reach the host.
    fn hears(&self, host: HostId, id: EntryId) -> bool {
        let Some(announcer) = self.bus.get(id).map(|entry| entry.host) else { return false };
        let (Some(here), Some(there)) = (self.host(host), self.host(announcer)) else { return false };
        let own = host == announcer;
        here.is_running()
            && here.browsing
            && if own {
                self.settings.bus.echo
            } else {
                here.deaf == 0 && there.mute == 0 && here.reaches(there)
            }
    }

    fn hear(&mut self, host: HostId, id: EntryId) {
        let Some(entry) = self.bus.get_mut(id) else { return };
        entry.heard.insert(host);
        let (announcement, hash) = (entry.announcement.clone(), entry.hash);
        let mut before = entry.before;
        // Who hears the new one forgets all older ones without being told that they vanished.
        while let Some(old) = before.and_then(|old| self.bus.get_mut(old)) {
            old.heard.remove(host);
            before = old.before;
        }
        self.record(Some(host), What::Sights { hash });
        self.tell(host, Event::Sighted(announcement));
    }

    fn hear_stale(&mut self, host: HostId, announcement: Arc<Announcement>) {
        if self.host(host).is_some_and(|there| there.browsing && there.deaf == 0) {
            self.count(Effect::SightingStale);
            self.record(Some(host), What::Sights { hash: announcement.hash() });
            self.tell(host, Event::Sighted(announcement));
        }
    }

    fn forget(&mut self, host: HostId, id: EntryId) {
        let Some(entry) = self.bus.get_mut(id) else { return };
        if entry.heard.remove(host) {
            let (announcement, hash) = (entry.announcement.clone(), entry.hash);
            self.record(Some(host), What::LosesSight { hash });
            self.tell(host, Event::Vanished(announcement));
        }
    }

    /// Its host no longer stands by it: it is believed for so many hundredths of its time to live at most.
    fn outdate(&mut self, id: EntryId, percent: Option<u32>) {
        let Some(entry) = self.bus.get_mut(id).filter(|entry| entry.live) else { return };
        entry.live = false;
        let (announcement, domain) = (entry.announcement.clone(), entry.domain);
        let ttl = announcement.ttl * percent.unwrap_or(100) / 100;
        self.bus.remember(domain, announcement);
        self.queue.push(self.now + ttl, Action::Bus(BusAction::Expire { entry: id }));
    }

    /// An older announcement of the same name that says something else.
    fn former_of(&self, domain: u32, new: &Announcement) -> Option<Arc<Announcement>> {
        self.bus.former(domain).rev().find(|old| old.instance == new.instance && ***old != *new).cloned()
    }

    fn domain_of(&self, host: HostId) -> u32 {
        self.host(host).map_or(0, |there| there.domain)
    }

    fn post(&mut self, host: HostId, after: Duration, what: Parcel) {
        let Some(boot) = self.host(host).map(|there| there.boot) else { return };
        let slot = self.bus.post(Mail { host, boot, what });
        self.queue.push(self.now + after, Action::Bus(BusAction::Mail { slot }));
    }
}

/// What chance has for one announcement and one host.
struct Fate {
    lost: bool,
    late: Option<Duration>,
    again: Option<Duration>,
    stale: Option<Duration>,
}

impl Fate {
    fn draw(profile: &crate::profile::BusProfile, seed: Seed, host: HostId) -> Self {
        let mut rng = seed.nth(host.0.into()).rng();
        let within = |chance: Chance, rng: &mut Rng| rng.hits(chance).then(|| rng.span(profile.late_by));
        Self {
            lost: rng.hits(profile.lost),
            late: within(profile.late, &mut rng),
            again: within(profile.duplicate, &mut rng),
            stale: within(profile.stale, &mut rng),
        }
    }
}
