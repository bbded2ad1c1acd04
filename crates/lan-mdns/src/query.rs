//! Asking: which types are looked for, what is missing of a service, what is doubted or grows old.
//!
//! Questions that are due at about the same time go in one message, with the answers that are known already.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Name;
use crate::cache::{Due, Entry, Watch};
use crate::io::{LinkId, SeenId, To};
use crate::links::{Ask, SECOND, pack_questions};
use crate::machine::Mdns;
use crate::record::{Data, Kind, Question, Record, kind};
use crate::respond::is_about_many;
use crate::service::type_list;
use crate::wire::Message;

/// A type that is looked for.
#[derive(Debug)]
pub(crate) struct Browse {
    /// When it is asked for next, on all links.
    pub(crate) due: Duration,
    began: Duration,
    pause: Duration,
    asked: bool,
}

/// Something that is missing of a service.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) due: Duration,
    asked: u8,
}

impl Mdns {
    pub(crate) fn on_browse(&mut self, name: Name) {
        if !self.browses.contains_key(&name) {
            let due = self.now + self.rng.between(20, 120);
            let browse = Browse { due, began: self.now, pause: FIRST_PAUSE, asked: false };
            self.browses.insert(name, browse);
        }
    }

    pub(crate) fn on_stop_browse(&mut self, name: &Name) {
        if self.browses.remove(name).is_some() {
            self.forget_type(name);
        }
    }

    /// Asks which types there are, too.
    pub(crate) fn on_browse_types(&mut self) {
        if let Some(list) = type_list() {
            self.on_browse(list);
        }
    }

    pub(crate) fn ask_again(&mut self) {
        let due = self.now + self.rng.between(20, 120);
        for browse in self.browses.values_mut() {
            *browse = Browse { due, began: self.now, pause: FIRST_PAUSE, asked: true };
        }
    }

    /// A link has come: everything is asked for there, and quickly again.
    pub(crate) fn ask_on(&mut self, link: LinkId) {
        let (now, delay) = (self.now, self.rng.between(20, 120));
        let names: Vec<Name> = self.browses.keys().cloned().collect();
        for name in names {
            let asked = self.browses.get(&name).is_some_and(|browse| browse.asked);
            if asked {
                self.ask(link, name, kind::PTR, now + delay, self.config.unicast_first);
            }
        }
        for browse in self.browses.values_mut().filter(|browse| browse.asked) {
            (browse.began, browse.pause) = (now, FIRST_PAUSE * 2);
            browse.due = browse.due.min(now + delay + FIRST_PAUSE);
        }
    }

    // req: MDNS-BROWSE
    pub(crate) fn on_browses_due(&mut self) {
        let (now, asking) = (self.now, self.config.asking.clone());
        let mut due = Vec::new();
        for (name, browse) in &mut self.browses {
            if browse.due <= now {
                let young = now.saturating_sub(browse.began) < asking.fast_for;
                due.push((name.clone(), !browse.asked, young));
                let longest = if young { asking.fast_every } else { asking.every };
                browse.due = now + browse.pause.min(longest);
                browse.pause = (browse.pause * 2).min(asking.every);
                browse.asked = true;
            }
        }
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for (name, first, young) in due {
            for link in &links {
                let overheard = self.links.get(link).and_then(|state| state.overheard.get(&name)).copied();
                // In a bad network the answers to another may be lost: at first it asks itself.
                if !young && overheard.is_some_and(|at| now.saturating_sub(at) < OVERHEARD) {
                    continue;
                }
                self.ask(*link, name.clone(), kind::PTR, now, first && self.config.unicast_first);
            }
        }
    }

    /// Has a question asked on a link, at this time at the latest.
    pub(crate) fn ask(&mut self, link: LinkId, name: Name, kind: Kind, due: Duration, unicast: bool) {
        let limit = self.config.limits.questions;
        let Some(state) = self.links.get_mut(&link) else { return };
        let room = state.asks.len() < limit;
        // RFC 6762, 5.2: once a second at most, however many doubts there are.
        let last = state.asked.get(&name).filter(|_| kind == kind::PTR);
        let due = last.map_or(due, |at| due.max(*at + SECOND));
        match state.asks.entry((name, kind)) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                // What is asked of all answers who asks alone as well.
                *known = Ask { due: known.due.min(due), unicast: known.unicast && unicast };
            }
            // Questions for a type are few, and are what everything hangs on.
            std::collections::btree_map::Entry::Vacant(slot) if room || kind == kind::PTR => {
                slot.insert(Ask { due, unicast });
            }
            std::collections::btree_map::Entry::Vacant(_) => {}
        }
    }

    /// Has something asked for that is missing: three times, a second apart and then two.
    pub(crate) fn want(&mut self, link: LinkId, name: &Name, kind: Kind) {
        let key = (link, name.clone(), kind);
        if !self.wanted.contains_key(&key) && self.wanted.len() < self.config.limits.questions {
            let due = self.now + self.rng.between(20, 120);
            self.wanted.insert(key, Wanted { due, asked: 0 });
        }
    }

    pub(crate) fn on_wanted_due(&mut self) {
        let now = self.now;
        let due: Vec<(LinkId, Name, Kind)> =
            self.wanted.iter().filter(|(_, wanted)| wanted.due <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            let (link, name, kind) = key.clone();
            if self.cache.of(link, &name, kind).next().is_some() {
                self.wanted.remove(&key);
                continue;
            }
            let Some(wanted) = self.wanted.get_mut(&key) else { continue };
            let (asked, is_address) = (wanted.asked, matches!(kind, kind::A | kind::AAAA));
            if asked == TRIES {
                self.wanted.remove(&key);
                // A service without a TXT record is shown without one now.
                self.look_at_incomplete(link, &name);
                continue;
            }
            wanted.due = now + FIRST_PAUSE * (1 << wanted.asked);
            wanted.asked += 1;
            if asked == IN_VAIN && is_address {
                self.look_at_unreachable(link, &name);
            }
            self.ask(link, name, kind, now, false);
        }
    }

    pub(crate) fn on_cache_due(&mut self) {
        let (mut going, mut asked) = (Vec::new(), Vec::new());
        while let Some(due) = self.cache.due(self.now, &mut self.rng) {
            match due {
                Due::Ask { link, name, kind } => asked.push((link, name, kind)),
                Due::Gone(id, why) => going.push((id, why)),
            }
        }
        // First what goes: a question does not name it as known.
        self.drop_entries(going);
        for (link, name, kind) in asked {
            self.ask(link, name, kind, self.now, false);
        }
    }

    // req: MDNS-KNOWN-ANSWER-SENT
    pub(crate) fn on_asks_due(&mut self, link: LinkId) {
        let now = self.now;
        let Some(state) = self.links.get_mut(&link) else { return };
        if !state.asks.values().any(|ask| ask.due <= now) {
            return;
        }
        // What is longer ago says nothing any more.
        state.asked.retain(|_, at| now < *at + SECOND);
        state.overheard.retain(|_, at| now < *at + OVERHEARD);
        let due: Vec<(Name, Kind)> = state
            .asks
            .iter()
            .filter(|(_, ask)| ask.due <= now + TOGETHER)
            .map(|(key, _)| key.clone())
            .collect();
        let mut questions = Vec::new();
        for key in due {
            if let Some(ask) = state.asks.remove(&key) {
                if key.1 == kind::PTR {
                    state.asked.insert(key.0.clone(), now);
                }
                questions.push(Question { name: key.0, kind: key.1, unicast: ask.unicast });
            }
        }
        let known: Vec<Record> =
            questions.iter().filter(|q| is_about_many(q)).flat_map(|q| self.known(link, q)).collect();
        self.send(link, To::Multicast, pack_questions(questions, known, self.config.message_bytes));
    }

    /// The answers that need not be given again.
    fn known(&self, link: LinkId, question: &Question) -> Vec<Record> {
        let mut known: Vec<Record> = Vec::new();
        let mut told: BTreeSet<&Name> = BTreeSet::new();
        for (_, entry) in self.cache.of(link, &question.name, question.kind) {
            let age = self.now.saturating_sub(entry.heard);
            let young = age < entry.ttl / 2 && matches!(entry.watch, Watch::Believed { .. });
            let Some(left) = entry.ttl.checked_sub(age).filter(|_| young) else { continue };
            // Only pointers are told: see `is_about_many`.
            let Data::Ptr(to) = &entry.data else { continue };
            if !told.insert(to) || self.is_shared(link, to) {
                continue;
            }
            let ttl = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
            known.push(Record { name: entry.name.clone(), data: entry.data.clone(), ttl, flush: false });
            if known.len() == KNOWN {
                break;
            }
        }
        known
    }

    /// Whether several services have this instance name, so that to say that we know it would silence those we do not know.
    // req: MDNS-SHARED-NAMES
    fn is_shared(&self, link: LinkId, instance: &Name) -> bool {
        (self.config.shared)(instance) || self.cache.count(link, instance, kind::SRV) > 1
    }

    /// Somebody else asks to all what we are about to ask, and knows no more than we do (RFC 6762, 7.3).
    // req: MDNS-DUPLICATE-QUESTION
    pub(crate) fn suppress_asks(&mut self, link: LinkId, source: SocketAddr, query: &Message) {
        // Our own questions come back to us.
        if self.is_this_host(source.ip()) {
            return;
        }
        if query.truncated || !query.authorities.is_empty() {
            return;
        }
        let now = self.now;
        let Some(state) = self.links.get(&link) else { return };
        let is_looked_for = |name: &Name, kind: u16| kind == kind::PTR && self.browses.contains_key(name);
        let is_waiting =
            |key: &(Name, u16)| state.asks.get(key).is_some_and(|ask| ask.due > now && !ask.unicast);
        // Each question that is ours as well, once; each of their answers is looked at once.
        let mut ours: BTreeSet<(Name, u16)> = query
            .questions
            .iter()
            .take(self.config.limits.questions)
            .filter(|question| !question.unicast)
            .map(|question| (question.name.clone(), question.kind))
            .filter(|key| is_looked_for(&key.0, key.1) || is_waiting(key))
            .collect();
        for theirs in query.answers.iter().take(self.config.limits.records_per_message) {
            if ours.is_empty() {
                return;
            }
            if ours.iter().any(|(name, _)| *name == theirs.name) && !self.is_known_here(link, theirs) {
                ours.retain(|(name, _)| *name != theirs.name);
            }
        }
        let looked_for: Vec<Name> =
            ours.iter().filter(|key| is_looked_for(&key.0, key.1)).map(|key| key.0.clone()).collect();
        let waiting: Vec<(Name, u16)> = ours.into_iter().filter(is_waiting).collect();
        let Some(state) = self.links.get_mut(&link) else { return };
        state.overheard.extend(looked_for.into_iter().map(|name| (name, now)));
        for key in waiting {
            state.asks.remove(&key);
        }
    }

    /// Whether we would say that we know this, too.
    fn is_known_here(&self, link: LinkId, theirs: &Record) -> bool {
        let kind = theirs.data.kind();
        let most = self.config.limits.records_per_name;
        let same = |entry: &Entry| {
            let age = self.now.saturating_sub(entry.heard);
            let young = age < entry.ttl / 2 && matches!(entry.watch, Watch::Believed { .. });
            young && entry.name == theirs.name && entry.data == theirs.data
        };
        match &theirs.data {
            Data::Ptr(to) => {
                !self.is_shared(link, to) && self.cache.to(link, to, kind).take(most).any(|(_, e)| same(e))
            }
            _ => self.cache.of(link, &theirs.name, kind).take(most).any(|(_, e)| same(e)),
        }
    }

    // req: MDNS-RECONFIRM
    pub(crate) fn on_reconfirm(&mut self, id: SeenId) {
        let Some((link, source, instance, target)) = self.place_of(id) else { return };
        let pointers = self.cache.to_source(link, &instance, kind::PTR, source);
        let texts = self.cache.of_source(link, &instance, kind::TXT, source);
        let addresses = [kind::A, kind::AAAA].map(|kind| self.cache.of_source(link, &target, kind, source));
        let all = pointers.chain(texts).chain(addresses.into_iter().flatten()).map(|(id, _)| id);
        for entry in all.chain([id.0]).collect::<Vec<_>>() {
            self.cache.doubt(entry, self.now, self.config.doubt);
        }
    }

    /// Everything is asked for, and gone unless it answers.
    pub(crate) fn doubt_all(&mut self) {
        let all: Vec<_> = self.cache.entries.keys().copied().collect();
        for entry in all {
            self.cache.doubt(entry, self.now, self.config.doubt);
        }
    }

    fn place_of(&self, id: SeenId) -> Option<(LinkId, std::net::IpAddr, Name, Name)> {
        let entry = self.cache.entries.get(&id.0)?;
        let Data::Srv { target, .. } = &entry.data else { return None };
        Some((entry.link, entry.source, entry.name.clone(), target.clone()))
    }

    pub(crate) fn on_pin(&mut self, id: SeenId) {
        if self.place_of(id).is_some() {
            self.cache.pin(id.0, self.config.limits.pins);
        }
    }
}

/// What is known beyond this is not told, and answered again: better than questions of a hundred messages in a flood.
const KNOWN: usize = 512;

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A question that another has asked so lately is not asked again.
const OVERHEARD: Duration = Duration::from_secs(1);

/// How often something missing is asked for.
const TRIES: u8 = 3;

/// An address that was asked for so often is missing; it is told, and asked for once more.
const IN_VAIN: u8 = 2;

/// Questions due within this go in one message.
const TOGETHER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Input, Link, Mdns};

    #[test]
    fn when_a_type_was_asked_for_is_forgotten_once_it_says_nothing() {
        let mut mdns = Mdns::new(Config::default());
        let link = Link { addresses: vec![("10.0.0.1".parse().unwrap(), 24)] };
        mdns.step(Duration::ZERO, Input::LinkUp(LinkId(1), link)).for_each(drop);
        for n in 0..100 {
            let name = Name::from_dotted(&format!("_t{n}._tcp.local")).unwrap();
            mdns.step(Duration::from_secs(n * 3), Input::Browse(name.clone())).for_each(drop);
            mdns.step(Duration::from_secs(n * 3 + 2), Input::StopBrowse(name)).for_each(drop);
        }
        let state = &mdns.links[&LinkId(1)];
        assert!(!state.asked.is_empty() && state.asked.len() < 3, "{:?}", state.asked);
    }
}
