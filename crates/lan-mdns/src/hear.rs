//! What comes in: messages into questions and records, records into the cache, the cache into services that are there or not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::Name;
use crate::cache::{Entry, EntryId, GRACE, Speaker, Watch};
use crate::io::{LinkId, Lost, Output, Seen, SeenId};
use crate::machine::Mdns;
use crate::record::{Data, Kind, Record, kind};
use crate::wire::Message;

impl Mdns {
    pub(crate) fn on_datagram(&mut self, link: LinkId, source: SocketAddr, unicast: bool, bytes: &[u8]) {
        self.counts.datagrams += 1;
        let Some(state) = self.links.get(&link) else { return };
        if !state.info.holds(source.ip()) {
            self.counts.foreign += 1;
            return;
        }
        let Ok(message) = Message::parse(bytes) else {
            self.counts.malformed += 1;
            return;
        };
        if !message.response {
            self.on_query(link, source, unicast, message);
        } else if source.port() == self.config.port {
            self.on_response(link, source.ip(), message);
        } else {
            // RFC 6762, 6: answers come from the port of mDNS.
            self.counts.foreign += 1;
        }
    }

    fn on_response(&mut self, link: LinkId, source: IpAddr, message: Message) {
        let mut records = message.answers;
        records.extend(message.additionals);
        records.truncate(self.config.limits.records_per_message);
        self.check_conflicts(link, &records);
        self.hear_own(link, source, &records);
        self.datagrams += 1;
        let speaker = Speaker { now: self.now, link, source, datagram: self.datagrams };
        self.take_in(speaker, &records);
    }

    /// Takes in what is of a type that is looked for: pointers first, then services, then their hosts' addresses.
    fn take_in(&mut self, speaker: Speaker, records: &[Record]) {
        let identities = self.identities(records);
        let mut touched = BTreeSet::new();
        let mut why = Lost::Silent;
        let of_kind = |kinds: &'static [Kind]| records.iter().filter(|r| kinds.contains(&r.data.kind()));
        for record in of_kind(&[kind::PTR]).chain(of_kind(&[kind::SRV, kind::TXT])) {
            if !self.is_looked_for(record) {
                continue;
            }
            let instance = if let Data::Ptr(to) = &record.data { to } else { &record.name };
            touched.insert(instance.clone());
            let identity = identities.get(&record.name);
            if record.ttl == 0 {
                why = Lost::Goodbye;
            }
            self.take_one(speaker, record, identity);
        }
        for record in of_kind(&[kind::A, kind::AAAA]) {
            let services: Vec<Name> = self
                .cache
                .to(speaker.link, &record.name, kind::SRV)
                .map(|(_, srv)| srv.name.clone())
                .collect();
            // What is no news touches nobody: many services may have one host, and be told of by one record.
            if !services.is_empty() && self.take_one(speaker, record, None) {
                touched.extend(services);
            }
        }
        for record in of_kind(&[kind::NSEC]) {
            if let Data::Nsec { kinds, .. } = &record.data {
                // What is not there need not be waited for.
                let missing = |k: &Kind| !kinds.contains(k);
                for kind in [kind::A, kind::AAAA, kind::TXT].iter().filter(|k| missing(k)) {
                    self.wanted.remove(&(speaker.link, record.name.clone(), *kind));
                }
            }
        }
        self.flush(speaker, records, &identities);
        for instance in touched {
            self.look_at(speaker.link, &instance, why);
        }
    }

    /// Whether it is news.
    fn take_one(&mut self, speaker: Speaker, record: &Record, identity: Option<&Vec<u8>>) -> bool {
        if record.ttl == 0 {
            if let Some(known) = self.cache.find(speaker.link, speaker.source, record) {
                self.cache.leave(known, speaker.now, Lost::Goodbye);
                self.doubt_namesakes(speaker, record);
            }
            return false;
        }
        if self.cache.find(speaker.link, speaker.source, record).is_none() {
            let limits = self.config.limits.clone();
            for entry in self.cache.surplus(speaker.link, speaker.source, &limits) {
                self.counts.evicted += 1;
                self.drop_entry(entry, Lost::Evicted);
            }
        }
        let limits = &self.config.limits;
        let longest = match record.data {
            Data::Srv { .. } | Data::A(_) | Data::Aaaa(_) => limits.longest_host_ttl.min(limits.longest_ttl),
            _ => limits.longest_ttl,
        };
        let ttl = Duration::from_secs(record.ttl.into()).min(longest);
        self.cache.hear(speaker, record, ttl, identity, &mut self.rng)
    }

    /// A pointer taken back by a source that has several services of that name may be meant for each of them: who answers stays.
    fn doubt_namesakes(&mut self, speaker: Speaker, pointer: &Record) {
        let Data::Ptr(instance) = &pointer.data else { return };
        let services = self.cache.of(speaker.link, instance, kind::SRV);
        let services: Vec<EntryId> =
            services.filter(|(_, e)| e.source == speaker.source).map(|(id, _)| id).collect();
        if services.len() > 1 {
            for id in services {
                self.cache.doubt(id, speaker.now, self.config.doubt);
            }
            self.ask(speaker.link, pointer.name.clone(), kind::PTR, speaker.now, false);
        }
    }

    /// What each TXT record of a message says of who its service is.
    fn identities(&self, records: &[Record]) -> BTreeMap<Name, Vec<u8>> {
        let mut found = BTreeMap::new();
        let Some(key) = self.config.identity_key else { return found };
        for record in records {
            if let Data::Txt(strings) = &record.data {
                let mut pairs = strings.iter().filter_map(|s| {
                    let at = s.iter().position(|b| *b == b'=')?;
                    Some((s.get(..at)?, s.get(at + 1..)?))
                });
                let value =
                    pairs.find(|(k, _)| k.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| value);
                if let Some(value) = value {
                    found.insert(record.name.clone(), value.to_ascii_lowercase());
                }
            }
        }
        found
    }

    /// A cache-flush bit ends what the same source said before under that name and kind, if it is of the same service.
    // req: MDNS-FLUSH-HEARD
    fn flush(&mut self, speaker: Speaker, records: &[Record], identities: &BTreeMap<Name, Vec<u8>>) {
        let mut outdated = Vec::new();
        let flushing = records.iter().filter(|r| r.flush && r.ttl > 0);
        for record in flushing {
            let identity = identities.get(&record.name);
            let shared = (self.config.shared)(&record.name);
            for (id, entry) in self.cache.of(speaker.link, &record.name, record.data.kind()) {
                let old = entry.datagram != speaker.datagram && entry.heard + GRACE < speaker.now;
                let same_service = match (identity, &entry.identity) {
                    (Some(a), Some(b)) => a == b,
                    _ => !shared,
                };
                if entry.source == speaker.source && old && same_service {
                    outdated.push(id);
                }
            }
        }
        for id in outdated {
            self.cache.leave(id, speaker.now, Lost::Replaced);
        }
    }

    fn is_looked_for(&self, record: &Record) -> bool {
        match &record.data {
            Data::Ptr(_) => self.browses.contains_key(&record.name),
            _ => self.browses.keys().any(|of| record.name != *of && record.name.is_within(of)),
        }
    }

    /// Compares what is known of an instance's services with what was told of them.
    // req: MDNS-TOGETHER-HEARD
    pub(crate) fn look_at(&mut self, link: LinkId, instance: &Name, why: Lost) {
        let services: Vec<EntryId> = self.cache.of(link, instance, kind::SRV).map(|(id, _)| id).collect();
        let pointed = self.cache.to(link, instance, kind::PTR).next().is_some();
        if services.is_empty() && pointed {
            self.want(link, instance, kind::SRV);
            self.want(link, instance, kind::TXT);
        }
        let alone = services.len() == 1;
        for id in services {
            let now = self.seen(id, alone);
            let Some(entry) = self.cache.entries.get_mut(&id) else { continue };
            match (&entry.told, now) {
                (before, Some(now)) if before.as_ref() != Some(&now) => {
                    entry.told = Some(now.clone());
                    self.out.push_back(Output::Found(Box::new(now)));
                }
                (Some(_), None) => {
                    entry.told = None;
                    self.out.push_back(Output::Lost { id: SeenId(id), why });
                }
                _ => {}
            }
        }
    }

    /// What is known of the service with this SRV record; `None` as long as something is missing.
    fn seen(&mut self, id: EntryId, alone: bool) -> Option<Seen> {
        let entry = self.cache.entries.get(&id)?;
        let (link, instance) = (entry.link, entry.name.clone());
        let Data::Srv { port, target, .. } = &entry.data else { return None };
        let (port, target, source) = (*port, target.clone(), entry.source);
        if !self.cache.to(link, &instance, kind::PTR).any(|(_, ptr)| alone || ptr.source == source) {
            return None;
        }
        let text = self.cache.of(link, &instance, kind::TXT).map(|(_, txt)| txt).max_by_key(|txt| {
            let same = txt.source == source;
            let same_identity = txt.identity.is_some() && txt.identity == entry.identity;
            (same && same_identity, same && txt.datagram == entry.datagram, same, txt.heard)
        });
        // Of several stations with one name another's text is worse than none.
        let text = text.filter(|txt| alone || txt.source == source);
        let waited = self.now.saturating_sub(entry.first_heard) >= TEXT_WITHIN;
        let txt = match text.map(|txt| &txt.data) {
            Some(Data::Txt(strings)) => Some(strings.clone()),
            _ => waited.then(Vec::new),
        };
        let addresses = self.addresses(entry, &target);
        if txt.is_none() {
            self.want(link, &instance, kind::TXT);
        }
        if addresses.is_empty() {
            self.want(link, &target, kind::A);
            self.want(link, &target, kind::AAAA);
            return None;
        }
        Some(Seen { id: SeenId(id), link, source, instance, host: target, port, txt: txt?, addresses })
    }

    /// The addresses that belong to this SRV record. Hosts' names are as little unique as instances': what the same source said, and of
    /// that, for a name without the cache-flush bit, what it said in the same datagram.
    fn addresses(&self, srv: &Entry, target: &Name) -> Vec<IpAddr> {
        let all = || {
            let of = |kind| self.cache.of(srv.link, target, kind).map(|(_, entry)| entry);
            of(kind::A).chain(of(kind::AAAA))
        };
        let same = |e: &&Entry| e.source == srv.source;
        let leaving = |e: &&Entry| !matches!(e.watch, Watch::Leaving(Lost::Replaced));
        let ips = |chosen: Vec<&Entry>| chosen.iter().filter_map(|e| e.data.as_address()).collect::<Vec<_>>();
        let unique = all().filter(same).any(|e| e.flush);
        let together = |e: &&Entry| unique || e.datagram == srv.datagram;
        let mut found = ips(all().filter(same).filter(together).filter(leaving).collect());
        if found.is_empty() {
            found = ips(all().filter(same).filter(leaving).collect());
        }
        if found.is_empty() {
            found = ips(all().filter(leaving).collect());
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Removes an entry, and tells what that ends.
    pub(crate) fn drop_entry(&mut self, id: EntryId, why: Lost) {
        self.drop_entries([(id, why)]);
    }

    /// Removes entries, and then tells what that ends: each service is looked at once, however many of its records went. Of a crowd with
    /// one name that expires together, looking after each record would take for ever.
    pub(crate) fn drop_entries(&mut self, going: impl IntoIterator<Item = (EntryId, Lost)>) {
        let mut instances: BTreeMap<(LinkId, Name), Lost> = BTreeMap::new();
        let mut hosts: BTreeMap<(LinkId, Name), Lost> = BTreeMap::new();
        for (id, why) in going {
            let Some(entry) = self.cache.remove(id) else { continue };
            if entry.told.is_some() {
                self.out.push_back(Output::Lost { id: SeenId(id), why });
            }
            match entry.data {
                Data::Ptr(instance) => instances.insert((entry.link, instance), why),
                Data::Srv { .. } | Data::Txt(_) => instances.insert((entry.link, entry.name), why),
                _ => hosts.insert((entry.link, entry.name), why),
            };
        }
        for ((link, host), why) in hosts {
            for (_, service) in self.cache.to(link, &host, kind::SRV) {
                instances.insert((link, service.name.clone()), why);
            }
        }
        for ((link, instance), why) in instances {
            self.look_at(link, &instance, why);
        }
    }

    pub(crate) fn forget_link(&mut self, link: LinkId) {
        let gone: Vec<EntryId> =
            self.cache.entries.iter().filter(|(_, e)| e.link == link).map(|(id, _)| *id).collect();
        self.drop_entries(gone.into_iter().map(|id| (id, Lost::NotWatched)));
        self.wanted.retain(|(on, _, _), _| *on != link);
    }

    /// A type is no longer looked for: what only it pointed to is forgotten.
    pub(crate) fn forget_type(&mut self, name: &Name) {
        let gone: Vec<EntryId> = self
            .cache
            .entries
            .iter()
            .filter(|(_, e)| matches!(e.data, Data::Ptr(_)) && e.name == *name)
            .map(|(id, _)| *id)
            .collect();
        self.drop_entries(gone.into_iter().map(|id| (id, Lost::NotWatched)));
    }
}

/// How long a service is not shown for want of a TXT record.
const TEXT_WITHIN: Duration = Duration::from_secs(2);
