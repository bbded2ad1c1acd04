//! What is known of a service, put together from the records held, and compared with what was told of it.
//!
//! A record that comes or goes touches the services of its own source and name, and a service that is alone with its name; so the work it
//! causes is bounded by [`Limits::records_per_name`](crate::Limits), whoever else uses the name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::Name;
use crate::cache::{Entry, EntryId, Watch};
use crate::io::{LinkId, Lost, Output, Seen, SeenId};
use crate::machine::Mdns;
use crate::record::{Data, kind};

/// What else is known now of these.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Names of which something was said.
    pub(crate) instances: BTreeSet<(LinkId, Name)>,
    /// Hosts of which a source told something.
    hosts: BTreeSet<Host>,
    /// The SRV records whose services are to be looked at.
    pub(crate) services: BTreeSet<EntryId>,
}

/// A host's name as one source uses it.
type Host = (LinkId, IpAddr, Name);

/// What a source tells of a host. Hosts' names are as little unique as instances': of a name without the cache-flush bit, or with more
/// addresses than a host has, a service has those that were told together with it.
#[derive(Debug, Default)]
struct Addresses {
    unique: bool,
    all: Vec<IpAddr>,
    together: BTreeMap<u64, Vec<IpAddr>>,
}

impl Addresses {
    /// Those of the service of this SRV record.
    fn of(&self, srv: &Entry) -> &[IpAddr] {
        let together = self.together.get(&srv.datagram).filter(|_| !self.unique);
        together.unwrap_or(&self.all)
    }
}

impl Mdns {
    /// Notes the services of which something else is known when this record comes, goes or says something else.
    pub(crate) fn touch(&self, touched: &mut Touched, source: IpAddr, id: EntryId) {
        let Some(entry) = self.cache.entries.get(&id) else { return };
        self.touch_by(touched, entry.link, source, &entry.name, &entry.data, entry.identity.as_ref());
    }

    pub(crate) fn touch_by(
        &self,
        touched: &mut Touched,
        link: LinkId,
        source: IpAddr,
        name: &Name,
        data: &Data,
        identity: Option<&Vec<u8>>,
    ) {
        let services = &mut touched.services;
        let instance = match data {
            Data::Ptr(instance) => instance,
            Data::Srv { .. } | Data::Txt(_) => name,
            _ => {
                touched.hosts.insert((link, source, name.clone()));
                return;
            }
        };
        touched.instances.insert((link, instance.clone()));
        let own = || self.cache.of_source(link, instance, kind::SRV, source);
        match data {
            // Another pointer of this source changes nothing.
            Data::Ptr(_) if self.cache.to_source(link, instance, kind::PTR, source).nth(1).is_some() => {}
            Data::Ptr(_) => services.extend(own().map(|(id, _)| id)),
            Data::Txt(_) => {
                let sole = own().nth(1).is_none();
                let may_be =
                    |srv: &Entry| sole || srv.identity.is_none() || srv.identity.as_ref() == identity;
                let of_it = own().filter(|(_, srv)| may_be(srv));
                services.extend(of_it.map(|(id, _)| id));
            }
            _ => {}
        }
        // What others say counts for one that is alone with its name, and so does whether it is.
        if self.cache.count(link, instance, kind::SRV) <= 2 {
            services.extend(self.cache.of(link, instance, kind::SRV).map(|(id, _)| id));
        }
    }

    fn has_own_address(&self, srv: &Entry, host: &Name) -> bool {
        let has = |kind| self.cache.of_source(srv.link, host, kind, srv.source).next().is_some();
        has(kind::A) || has(kind::AAAA)
    }

    /// Compares what is known of services with what was told of them.
    // req: MDNS-TOGETHER-HEARD
    pub(crate) fn look(&mut self, touched: Touched, why: Lost) {
        for (link, instance) in touched.instances {
            let nowhere = self.cache.count(link, &instance, kind::SRV) == 0;
            if nowhere && self.cache.to(link, &instance, kind::PTR).next().is_some() {
                self.want(link, &instance, kind::SRV);
                self.want(link, &instance, kind::TXT);
            }
        }
        let Touched { hosts, mut services, .. } = touched;
        let mut known = BTreeMap::new();
        for host in hosts {
            let addresses = self.addresses(&host);
            services.extend(self.at_host(&host, &addresses));
            known.insert(host, addresses);
        }
        for id in services {
            self.look_at(id, why, &mut known);
        }
    }

    /// The services at a host that have other addresses now.
    fn at_host(&self, host: &Host, addresses: &Addresses) -> Vec<EntryId> {
        let (link, source, name) = host;
        let own = self.cache.to_source(*link, name, kind::SRV, *source);
        let other_now =
            |srv: &Entry| srv.told.as_ref().is_none_or(|told| told.addresses != addresses.of(srv));
        let own = own.filter(|(_, srv)| other_now(srv)).map(|(id, _)| id);
        // Those of other sources that tell no address of their own take what there is.
        let others = self.cache.to(*link, name, kind::SRV).take(self.config.limits.records_per_name);
        let others = others.filter(|(_, srv)| srv.source != *source && !self.has_own_address(srv, name));
        own.chain(others.map(|(id, _)| id)).collect()
    }

    /// Looks at all services of a name that were not told of yet: something was waited for in vain.
    pub(crate) fn look_at_incomplete(&mut self, link: LinkId, instance: &Name) {
        let services = self.cache.of(link, instance, kind::SRV).filter(|(_, srv)| srv.told.is_none());
        let services: Vec<EntryId> = services.map(|(id, _)| id).collect();
        let mut known = BTreeMap::new();
        for id in services {
            self.look_at(id, Lost::Silent, &mut known);
        }
    }

    /// Tells of services at a host whose address was asked for in vain.
    // req: MDNS-NO-ADDRESS
    pub(crate) fn look_at_unreachable(&mut self, link: LinkId, host: &Name) {
        let most = self.config.limits.records_per_name;
        let services = self.cache.to(link, host, kind::SRV).take(most);
        let services = services.filter(|(_, srv)| srv.told.is_none() && !srv.unreachable_told);
        let services: Vec<EntryId> = services.map(|(id, _)| id).collect();
        for id in services {
            let known = self.known_of(id, &mut BTreeMap::new());
            let Some(known) = known.filter(|known| known.addresses.is_empty()) else { continue };
            if let Some(entry) = self.cache.entries.get_mut(&id) {
                entry.unreachable_told = true;
                self.out.push_back(Output::NoAddress(Box::new(known)));
            }
        }
    }

    fn look_at(&mut self, id: EntryId, why: Lost, hosts: &mut BTreeMap<Host, Addresses>) {
        let now = self.known_of(id, hosts).filter(|known| !known.addresses.is_empty());
        let Some(entry) = self.cache.entries.get_mut(&id) else { return };
        match (&entry.told, now) {
            (before, Some(now)) if !before.as_ref().is_some_and(|before| before.is_exactly(&now)) => {
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

    /// What is known of the service with this SRV record; `None` as long as something other than its addresses is missing.
    /// `hosts` are those looked at already.
    fn known_of(&mut self, id: EntryId, hosts: &mut BTreeMap<Host, Addresses>) -> Option<Seen> {
        let entry = self.cache.entries.get(&id)?;
        let (link, instance) = (entry.link, entry.name.clone());
        let Data::Srv { port, target, .. } = &entry.data else { return None };
        let (port, target, source) = (*port, target.clone(), entry.source);
        let alone = self.cache.count(link, &instance, kind::SRV) == 1;
        let pointed = self.cache.to_source(link, &instance, kind::PTR, source).next().is_some();
        // Another's pointer counts for one that is alone with its name.
        let pointed = pointed || (alone && self.cache.to(link, &instance, kind::PTR).next().is_some());
        if !pointed {
            return None;
        }
        let waited = self.now.saturating_sub(entry.first_heard) >= TEXT_WITHIN;
        let txt = match self.text(entry, alone).map(|txt| &txt.data) {
            Some(Data::Txt(strings)) => Some(strings.clone()),
            _ => waited.then(Vec::new),
        };
        let host = (link, source, target.clone());
        let addresses = hosts.entry(host).or_insert_with_key(|host| self.addresses(host)).of(entry).to_vec();
        if txt.is_none() {
            self.want(link, &instance, kind::TXT);
        }
        if addresses.is_empty() {
            self.want(link, &target, kind::A);
            self.want(link, &target, kind::AAAA);
        }
        Some(Seen { id: SeenId(id), link, source, instance, host: target, port, txt: txt?, addresses })
    }

    /// The TXT record that belongs to this SRV record: that of the same identity, or what was said together with it. Of several stations
    /// with one name another's text is worse than none.
    fn text(&self, srv: &Entry, alone: bool) -> Option<&Entry> {
        // What went with it the last time, as long as it is there.
        let known = srv.text.and_then(|id| self.cache.entries.get(&id));
        if let Some(known) = known.filter(|txt| txt.identity == srv.identity) {
            return Some(known);
        }
        let mut namesakes = self.cache.of_source(srv.link, &srv.name, kind::SRV, srv.source);
        let sole = namesakes.nth(1).is_none();
        let goes_with = |id: EntryId, txt: &Entry| match (&txt.identity, &srv.identity) {
            (Some(theirs), Some(ours)) if theirs == ours => Some(3),
            (Some(_), Some(_)) => sole.then_some(0),
            _ if srv.text == Some(id) => Some(2),
            _ if srv.datagram == txt.datagram => Some(1),
            _ => sole.then_some(0),
        };
        let own = self.cache.of_source(srv.link, &srv.name, kind::TXT, srv.source);
        let own = own.filter_map(|(id, txt)| Some((goes_with(id, txt)?, id, txt)));
        let best = own.max_by_key(|(how, id, txt)| {
            (*how, srv.text == Some(*id), txt.datagram == srv.datagram, txt.heard)
        });
        let others = || {
            let all = self.cache.of(srv.link, &srv.name, kind::TXT).take(self.config.limits.records_per_name);
            all.map(|(_, txt)| txt).max_by_key(|txt| txt.heard)
        };
        best.map(|(_, _, txt)| txt).or_else(|| alone.then(others).flatten())
    }

    /// What this source tells of a host, or else what others do.
    fn addresses(&self, (link, source, name): &Host) -> Addresses {
        let stays = |e: &&Entry| !matches!(e.watch, Watch::Leaving(Lost::Replaced));
        let mut found = Addresses::default();
        let own = [kind::A, kind::AAAA].map(|kind| self.cache.of_source(*link, name, kind, *source));
        for entry in own.into_iter().flatten().map(|(_, e)| e).filter(stays) {
            if let Some(ip) = entry.data.as_address() {
                found.unique |= entry.flush;
                found.all.push(ip);
                found.together.entry(entry.datagram).or_default().push(ip);
            }
        }
        found.unique &= found.all.len() <= OF_ONE_HOST;
        if found.all.is_empty() {
            let most = self.config.limits.records_per_name;
            let all = [kind::A, kind::AAAA].map(|kind| self.cache.of(*link, name, kind).take(most));
            found.all = all
                .into_iter()
                .flatten()
                .map(|(_, e)| e)
                .filter(stays)
                .filter_map(|e| e.data.as_address())
                .collect();
        }
        found.together.values_mut().chain([&mut found.all]).for_each(|ips| ips.sort_unstable());
        found.all.dedup();
        found
    }
}

/// More addresses than this are those of several hosts of one name.
const OF_ONE_HOST: usize = 32;

/// How long a service is not shown for want of a TXT record.
const TEXT_WITHIN: Duration = Duration::from_secs(2);
