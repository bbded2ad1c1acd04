//! What comes in: messages into questions and records, records into the cache, the cache into services that are there or not.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::Name;
use crate::cache::{Entry, EntryId, GRACE, Speaker};
use crate::io::{LinkId, Lost, Output, SeenId};
use crate::look::Touched;
use crate::machine::Mdns;
use crate::record::{Data, Kind, Record, kind};
use crate::service::is_type_list;
use crate::wire::Message;

mod together;

use together::Together;

impl Mdns {
    pub(crate) fn on_datagram(&mut self, link: LinkId, source: SocketAddr, unicast: bool, bytes: &[u8]) {
        self.counts.datagrams += 1;
        let Some(state) = self.links.get(&link) else { return };
        // req: MDNS-ON-LINK
        // What was sent to all crossed no router, whatever address its sender gave itself.
        let near = state.info.holds(source.ip());
        if unicast && !near {
            self.counts.foreign += 1;
            return;
        }
        let Ok(message) = Message::parse(bytes) else {
            self.counts.malformed += 1;
            return;
        };
        if !message.response && !near && source.port() != self.config.port {
            // Answers go to all or stay on the link: who knows unicast DNS only cannot be answered there.
            self.counts.foreign += 1;
        } else if !message.response {
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
        let link = speaker.link;
        let together = Together::of(records, self.config.identity_key);
        let (mut touched, mut bereft) = (Touched::default(), Touched::default());
        let mut heard = vec![None; records.len()];
        let mut why = Lost::Silent;
        let of_kind = |kinds: &'static [Kind]| {
            records.iter().enumerate().filter(|(_, r)| kinds.contains(&r.data.kind()))
        };
        for (at, record) in of_kind(&[kind::PTR]).chain(of_kind(&[kind::TXT])).chain(of_kind(&[kind::SRV])) {
            self.note_type(record);
            if !self.is_looked_for(record) {
                continue;
            }
            let instance = if let Data::Ptr(to) = &record.data { to } else { &record.name };
            touched.instances.insert((link, instance.clone()));
            if record.ttl == 0 {
                why = Lost::Goodbye;
            }
            let taken = self.take_one(speaker, record, together.identity(at), &mut bereft);
            let Some((id, news)) = taken else { continue };
            if let Some(slot) = heard.get_mut(at) {
                *slot = Some(id);
            }
            if matches!(record.data, Data::Srv { .. }) {
                let text = together.text(at).and_then(|text| heard.get(text).copied().flatten());
                if let Some(entry) = self.cache.entries.get_mut(&id) {
                    entry.text = text.or(entry.text);
                }
                touched.services.insert(id);
            }
            if news {
                self.touch(&mut touched, speaker.source, id);
            }
        }
        for (_, record) in of_kind(&[kind::A, kind::AAAA]) {
            // What is no news touches nobody: many services may have one host, and be told of by one record.
            if self.cache.to(link, &record.name, kind::SRV).next().is_some()
                && let Some((id, true)) = self.take_one(speaker, record, None, &mut bereft)
            {
                self.touch(&mut touched, speaker.source, id);
            }
        }
        for (_, record) in of_kind(&[kind::NSEC]) {
            if let Data::Nsec { kinds, .. } = &record.data {
                // What is not there need not be waited for.
                let missing = |k: &Kind| !kinds.contains(k);
                for kind in [kind::A, kind::AAAA, kind::TXT].iter().filter(|k| missing(k)) {
                    self.wanted.remove(&(link, record.name.clone(), *kind));
                }
            }
        }
        self.flush(speaker, records, &together, &mut touched);
        self.look(touched, why);
        self.look(bereft, Lost::Evicted);
    }

    /// The entry it is now, and whether it is news; `None` when it was taken back. What else is known now where room was made is `bereft`'s:
    /// that is looked at once for all records of a message.
    fn take_one(
        &mut self,
        speaker: Speaker,
        record: &Record,
        identity: Option<&Vec<u8>>,
        bereft: &mut Touched,
    ) -> Option<(EntryId, bool)> {
        let known = self.cache.find(speaker.link, speaker.source, record);
        if record.ttl == 0 {
            if let Some(known) = known {
                self.cache.leave(known, speaker.now, Lost::Goodbye);
                self.doubt_namesakes(speaker, record);
            }
            self.take_back_below(speaker, record);
            return None;
        }
        if known.is_none() {
            let limits = self.config.limits.clone();
            let surplus = self.cache.surplus(speaker.link, speaker.source, record, identity, &limits);
            self.counts.evicted += surplus.as_ref().map_or(1, Vec::len) as u64;
            for id in surplus? {
                if let Some(entry) = self.remove(id, Lost::Evicted) {
                    self.touch_gone(bereft, &entry);
                }
            }
        }
        let limits = &self.config.limits;
        let longest = match record.data {
            Data::Srv { .. } | Data::A(_) | Data::Aaaa(_) => limits.longest_host_ttl.min(limits.longest_ttl),
            _ => limits.longest_ttl,
        };
        let ttl = Duration::from_secs(record.ttl.into()).min(longest);
        Some(self.cache.hear(speaker, record, ttl, identity, &mut self.rng))
    }

    /// Who is no longer of a type is not of one below it either: some take back the type's own pointer alone.
    fn take_back_below(&mut self, speaker: Speaker, pointer: &Record) {
        let Data::Ptr(instance) = &pointer.data else { return };
        let pointers = self.cache.to_source(speaker.link, instance, kind::PTR, speaker.source);
        let below = pointers.filter(|(_, e)| e.name != pointer.name && e.name.is_within(&pointer.name));
        let below: Vec<EntryId> = below.map(|(id, _)| id).collect();
        for id in below {
            self.cache.leave(id, speaker.now, Lost::Goodbye);
        }
    }

    /// A pointer taken back by a source that has several services of that name may be meant for each of them: who answers stays.
    fn doubt_namesakes(&mut self, speaker: Speaker, pointer: &Record) {
        let Data::Ptr(instance) = &pointer.data else { return };
        let services = self.cache.of_source(speaker.link, instance, kind::SRV, speaker.source);
        let services: Vec<EntryId> = services.map(|(id, _)| id).collect();
        if services.len() > 1 {
            for id in services {
                self.cache.doubt(id, speaker.now, self.config.doubt);
            }
            self.ask(speaker.link, pointer.name.clone(), kind::PTR, speaker.now, false);
        }
    }

    /// A cache-flush bit ends what the same source said before under that name and kind, if it is of the same service.
    // req: MDNS-FLUSH-HEARD
    fn flush(&mut self, speaker: Speaker, records: &[Record], together: &Together, touched: &mut Touched) {
        let mut flushing: BTreeMap<(Name, Kind), Vec<Option<&Vec<u8>>>> = BTreeMap::new();
        for (at, record) in records.iter().enumerate().filter(|(_, r)| r.flush && r.ttl > 0) {
            let key = (record.name.clone(), record.data.kind());
            flushing.entry(key).or_default().push(together.identity(at));
        }
        let mut outdated = Vec::new();
        for ((name, kind), said) in flushing {
            let shared = (self.config.shared)(&name);
            for (id, entry) in self.cache.of_source(speaker.link, &name, kind, speaker.source) {
                let old = entry.datagram != speaker.datagram && entry.heard + GRACE < speaker.now;
                let same_service = said.iter().any(|said| match (said, &entry.identity) {
                    (Some(a), Some(b)) => *a == b,
                    _ => !shared,
                });
                if old && same_service {
                    outdated.push(id);
                }
            }
        }
        for id in outdated {
            self.cache.leave(id, speaker.now, Lost::Replaced);
            self.touch(touched, speaker.source, id);
        }
    }

    /// A pointer from below a type that is looked for, a subtype's, tells of an instance as good as the type's own does.
    fn is_looked_for(&self, record: &Record) -> bool {
        match &record.data {
            Data::Ptr(_) if is_type_list(&record.name) => false,
            Data::Ptr(_) => self.browses.contains_key(&record.name) || self.is_below_browsed(&record.name),
            _ => self.is_below_browsed(&record.name),
        }
    }

    fn is_below_browsed(&self, name: &Name) -> bool {
        self.browses.keys().any(|of| name != of && name.is_within(of))
    }

    /// Tells of a type below one that is looked for.
    // req: MDNS-SUBTYPES
    fn note_type(&mut self, record: &Record) {
        let Data::Ptr(to) = &record.data else { return };
        let kind = if is_type_list(&record.name) { to } else { &record.name };
        if record.ttl > 0 && !self.browses.contains_key(kind) && self.is_below_browsed(kind) {
            self.out.push_back(Output::TypeSeen(kind.clone()));
        }
    }

    /// Removes entries, and then tells what that ends: each service is looked at once, however many of its records went. Of a crowd with
    /// one name that expires together, looking after each record would take for ever.
    pub(crate) fn drop_entries(&mut self, going: impl IntoIterator<Item = (EntryId, Lost)>) {
        let mut gone: Vec<(Lost, Vec<Entry>)> = Vec::new();
        for (id, why) in going {
            let Some(entry) = self.remove(id, why) else { continue };
            match gone.iter_mut().find(|(of, _)| *of == why) {
                Some((_, entries)) => entries.push(entry),
                None => gone.push((why, vec![entry])),
            }
        }
        for (why, entries) in gone {
            let mut touched = Touched::default();
            for entry in &entries {
                self.touch_gone(&mut touched, entry);
            }
            self.look(touched, why);
        }
    }

    fn remove(&mut self, id: EntryId, why: Lost) -> Option<Entry> {
        let entry = self.cache.remove(id)?;
        if entry.told.is_some() {
            self.out.push_back(Output::Lost { id: SeenId(id), why });
        }
        Some(entry)
    }

    fn touch_gone(&self, touched: &mut Touched, entry: &Entry) {
        let Entry { link, source, name, data, identity, .. } = entry;
        self.touch_by(touched, *link, *source, name, data, identity.as_ref());
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
