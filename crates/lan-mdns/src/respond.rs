//! Answering questions (RFC 6762, 6 and 7).
//!
//! | asked | answered |
//! |---|---|
//! | for what is ours alone | at once, to all |
//! | for what others answer too | after 20 to 120 ms, to all |
//! | by one that has more to tell (TC) | after 400 to 500 ms; its probes meanwhile at once |
//! | with QU, and all heard it within a quarter of its time to live | to the asker alone, if its address is of this link |
//! | from another port than mDNS's | to the asker alone, as unicast DNS would: its number and question, 10 s to live, no cache-flush bit |
//! | as a probe for a name of ours | at once, to all, four times a second at most |
//!
//! Everything that an asker needs next comes along in the same message.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::io::{LinkId, To};
use crate::links::{Held, Own, Reply, SECOND, pack_answers};
use crate::machine::Mdns;
use crate::record::{Data, Question, Record, kind};
use crate::wire::Message;

/// What one question is answered with.
#[derive(Debug, Default)]
struct Answer {
    owns: Vec<Own>,
    along: Vec<Own>,
    shared: bool,
}

impl Mdns {
    pub(crate) fn on_query(&mut self, link: LinkId, source: SocketAddr, unicast: bool, query: Message) {
        if source.port() != self.config.port {
            self.answer_legacy(link, source, &query);
            return;
        }
        self.suppress_asks(link, source, &query);
        if !query.authorities.is_empty() {
            self.break_ties(link, &query.authorities);
        }
        let limits = self.config.limits.clone();
        let due = self.now + self.rng.between(400, 500);
        let Some(state) = self.links.get_mut(&link) else { return };
        // A probe is no part of a question in pieces, and who probes does not wait.
        let probe = !query.authorities.is_empty();
        // req: MDNS-TC-RECEIVED
        if let Some(held) = state.held.iter_mut().find(|held| !probe && held.source == source) {
            // What this asker knows besides, or another question; all are answered together.
            let room = limits.records_per_message.saturating_sub(held.query.answers.len());
            held.query.answers.extend(query.answers.into_iter().take(room));
            held.query.questions.extend(query.questions.into_iter().take(limits.questions));
            held.query.questions.truncate(limits.questions);
        } else if query.truncated && !probe && state.held.len() < limits.replies {
            state.held.push(Held { due, source, query });
        } else {
            let delay = self.rng.between(20, 120);
            self.answer(link, source, unicast, &query, delay);
        }
    }

    pub(crate) fn on_held_due(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let now = self.now;
        let mut due = Vec::new();
        while let Some(at) = state.held.iter().position(|held| held.due <= now) {
            due.push(state.held.swap_remove(at));
        }
        for held in due {
            self.answer(link, held.source, false, &held.query, Duration::ZERO);
        }
    }

    // req: MDNS-PROBE-DEFENCE
    fn answer(
        &mut self,
        link: LinkId,
        source: SocketAddr,
        unicast: bool,
        query: &Message,
        shared_delay: Duration,
    ) {
        let probe = !query.authorities.is_empty();
        let gap = if probe { PROBE_DEFENCE } else { SECOND };
        // What is sent to an address of another network goes to a router, and not to who asked on this link.
        let near = self.links.get(&link).is_some_and(|state| state.info.holds(source.ip()));
        for question in query.questions.iter().take(self.config.limits.questions) {
            let answer = self.answer_to(link, question, &query.answers);
            let Answer { owns, along, shared } = answer;
            if owns.is_empty() {
                continue;
            }
            // req: MDNS-SHARED-DELAY
            let delay = if shared { shared_delay } else { Duration::ZERO };
            let alone = (question.unicast || unicast) && near && !probe && self.was_said_lately(link, &owns);
            let now = self.now;
            let limit = self.config.limits.replies;
            let Some(state) = self.links.get_mut(&link) else { return };
            if !alone {
                state.say(now, delay, gap, &owns, &along);
                continue;
            }
            // req: MDNS-QU
            let due = now + delay;
            if let Some(waiting) = state.replies.iter_mut().find(|r| r.to == source && r.legacy.is_none()) {
                waiting.answers.extend(owns);
                waiting.along.extend(along);
            } else if state.replies.len() < limit {
                state.replies.push(Reply { due, to: source, answers: owns, along, legacy: None });
            }
        }
    }

    // req: MDNS-LEGACY
    fn answer_legacy(&mut self, link: LinkId, source: SocketAddr, query: &Message) {
        let mut all = Answer::default();
        for question in query.questions.iter().take(self.config.limits.questions) {
            let Answer { owns, along, .. } = self.answer_to(link, question, &query.answers);
            all.owns.extend(owns);
            all.along.extend(along);
        }
        let Some(state) = self.links.get_mut(&link) else { return };
        if all.owns.is_empty() || state.replies.len() >= self.config.limits.replies {
            return;
        }
        let legacy = Some((query.id, query.questions.clone()));
        state.replies.push(Reply { due: self.now, to: source, answers: all.owns, along: all.along, legacy });
    }

    /// Our answer to one question, without what the asker knows.
    fn answer_to(&self, link: LinkId, question: &Question, known: &[Record]) -> Answer {
        let mut answer = Answer::default();
        let Some(state) = self.links.get(&link) else { return answer };
        for (id, service) in &self.services {
            if !service.claims.get(&link).is_some_and(crate::service::Claim::is_ours) {
                continue;
            }
            for what in service.answers(&question.name, question.kind, &state.info) {
                let Some(record) = service.record(what, &state.info) else { continue };
                answer.shared |= what.is_shared();
                if is_known(&record, known) {
                    continue;
                }
                answer.owns.push((*id, what));
                for along in service.along(what, &state.info) {
                    let own = (*id, along);
                    let new = !answer.along.contains(&own) && !answer.owns.contains(&own);
                    // What the asker knows of it need not come along.
                    let unknown = service.record(along, &state.info).is_some_and(|r| !is_known(&r, known));
                    if new && unknown {
                        answer.along.push(own);
                    }
                }
            }
        }
        let Answer { owns, along, .. } = &mut answer;
        along.retain(|own| !owns.contains(own));
        answer
    }

    /// Whether all have heard these records within a quarter of their time to live (RFC 6762, 5.4).
    fn was_said_lately(&self, link: LinkId, owns: &[Own]) -> bool {
        let Some(state) = self.links.get(&link) else { return false };
        owns.iter().all(|own| {
            let ttl = self
                .services
                .get(&own.0)
                .and_then(|service| service.record(own.1, &state.info))
                .map(|r| r.ttl);
            let lately = Duration::from_secs(u64::from(ttl.unwrap_or_default()) / 4);
            state.said.get(own).is_some_and(|at| self.now.saturating_sub(*at) < lately)
        })
    }

    pub(crate) fn on_replies_due(&mut self, link: LinkId) {
        let now = self.now;
        let Some(state) = self.links.get_mut(&link) else { return };
        let mut due = Vec::new();
        while let Some(at) = state.replies.iter().position(|reply| reply.due <= now) {
            due.push(state.replies.swap_remove(at));
        }
        for mut reply in due {
            reply.along.retain(|own| !reply.answers.contains(own));
            let mut message = self.message(link, &dedup(reply.answers), &dedup(reply.along));
            if let Some((id, questions)) = reply.legacy {
                (message.id, message.questions) = (id, questions);
                for record in message.answers.iter_mut().chain(&mut message.additionals) {
                    (record.ttl, record.flush) = (record.ttl.min(LEGACY_TTL), false);
                }
            }
            if !message.answers.is_empty() {
                self.send(link, To::Unicast(reply.to), pack_answers(message, self.config.message_bytes));
            }
        }
    }

    pub(crate) fn on_pending_due(&mut self, link: LinkId) {
        let now = self.now;
        let Some(state) = self.links.get_mut(&link) else { return };
        let (answers, along) = state.take_due(now);
        if answers.is_empty() {
            return;
        }
        let message = self.message(link, &answers, &along);
        if !message.answers.is_empty() {
            self.send(link, To::Multicast, pack_answers(message, self.config.message_bytes));
        }
    }

    fn message(&self, link: LinkId, answers: &[Own], along: &[Own]) -> Message {
        let records = |owns: &[Own]| {
            let record = |own: &Own| {
                let state = self.links.get(&link)?;
                self.services.get(&own.0)?.record(own.1, &state.info)
            };
            owns.iter().filter_map(record).collect::<Vec<Record>>()
        };
        let mut message = Message {
            response: true,
            answers: records(answers),
            additionals: records(along),
            ..Message::default()
        };
        // Two services may have a host and so its records in common.
        message.answers = distinct(message.answers, &[]);
        message.additionals = distinct(message.additionals, &message.answers);
        message
    }

    /// Somebody else has said what we were about to say (RFC 6762, 7.4), or something that is ours for too short a time (6.6).
    // req: MDNS-DUPLICATE-ANSWER
    pub(crate) fn hear_own(&mut self, link: LinkId, source: IpAddr, records: &[Record]) {
        let now = self.now;
        // Our own words coming back answer nobody's later question.
        if self.is_this_host(source) {
            return;
        }
        let Some(state) = self.links.get_mut(&link) else { return };
        let (mut said, mut short) = (Vec::new(), Vec::new());
        for (id, service) in &self.services {
            if !service.claims.get(&link).is_some_and(crate::service::Claim::is_ours) {
                continue;
            }
            let whats = service.announced(&state.info).into_iter().chain([crate::service::What::TypeList]);
            for what in whats {
                let Some(ours) = service.record(what, &state.info) else { continue };
                let same = |r: &&Record| r.name == ours.name && r.data == ours.data;
                for theirs in records.iter().filter(same) {
                    if theirs.ttl >= ours.ttl {
                        said.push((*id, what));
                    } else {
                        short.push((*id, what, theirs.ttl, ours.ttl));
                    }
                }
            }
        }
        for own in said {
            // Only what others may say for us.
            if own.1.is_shared() && state.pending.get(&own).is_some_and(|p| !p.along) {
                state.pending.remove(&own);
            }
        }
        for (id, what, theirs, ours) in short {
            if theirs < ours / 2 {
                state.say(now, Duration::ZERO, SECOND, &[(id, what)], &[]);
            }
        }
    }
}

/// RFC 6762, 7.1: known for at least half of its time to live.
// req: MDNS-KNOWN-ANSWER
fn is_known(record: &Record, known: &[Record]) -> bool {
    known.iter().any(|k| k.name == record.name && k.data == record.data && k.ttl >= record.ttl / 2)
        && !matches!(record.data, Data::Nsec { .. })
}

fn dedup(mut owns: Vec<Own>) -> Vec<Own> {
    owns.sort_unstable();
    owns.dedup();
    owns
}

fn distinct(records: Vec<Record>, besides: &[Record]) -> Vec<Record> {
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        if !kept.contains(&record) && !besides.contains(&record) {
            kept.push(record);
        }
    }
    kept
}

/// Whether a question of this kind is about many.
pub(crate) fn is_about_many(question: &Question) -> bool {
    question.kind == kind::PTR
}

/// How soon a record may be said again to a probe for it (RFC 6762, 6).
const PROBE_DEFENCE: Duration = Duration::from_millis(250);

/// Seconds, of records told to who knows unicast DNS only (RFC 6762, 6.7).
const LEGACY_TTL: u32 = 10;
