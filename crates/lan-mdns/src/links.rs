//! What waits to be sent on one link, and messages packed to size.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Name;
use crate::io::{Link, ServiceId};
use crate::record::{Kind, Question, Record};
use crate::service::What;
use crate::wire::{MESSAGE_BYTES, Message};

/// One of our records.
pub(crate) type Own = (ServiceId, What);

#[derive(Debug, Default)]
pub(crate) struct LinkState {
    pub(crate) info: Link,
    /// Answers to be said to all.
    pub(crate) pending: BTreeMap<Own, Pending>,
    /// When each record was last said to all.
    pub(crate) said: BTreeMap<Own, Duration>,
    /// Answers to be said to one.
    pub(crate) replies: Vec<Reply>,
    /// Questions whose asker still tells what it knows.
    pub(crate) held: Vec<Held>,
    /// Questions to be asked.
    pub(crate) asks: BTreeMap<(Name, Kind), Ask>,
    /// When we last asked for a type.
    pub(crate) asked: BTreeMap<Name, Duration>,
    /// When somebody else last asked for a type that we look for, and knew no more than we do.
    pub(crate) overheard: BTreeMap<Name, Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) due: Duration,
    /// It only comes along with an answer.
    pub(crate) along: bool,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) due: Duration,
    pub(crate) to: SocketAddr,
    pub(crate) answers: Vec<Own>,
    pub(crate) along: Vec<Own>,
    /// The asker knows unicast DNS only: its message's number and questions.
    pub(crate) legacy: Option<(u16, Vec<Question>)>,
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) due: Duration,
    pub(crate) source: SocketAddr,
    pub(crate) query: Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) due: Duration,
    pub(crate) unicast: bool,
}

impl LinkState {
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let pending = self.pending.values().map(|p| p.due);
        let replies = self.replies.iter().map(|r| r.due);
        let held = self.held.iter().map(|h| h.due);
        pending.chain(replies).chain(held).chain(self.asks.values().map(|a| a.due)).min()
    }

    /// Has these said to all, together, `delay` from now but each a second after it was last said: an answer is late rather than in
    /// pieces.
    // req: MDNS-ONCE-A-SECOND, MDNS-TOGETHER
    pub(crate) fn say(
        &mut self,
        now: Duration,
        delay: Duration,
        gap: Duration,
        answers: &[Own],
        along: &[Own],
    ) {
        let allowed = |own: &Own| self.said.get(own).map_or(Duration::ZERO, |at| *at + gap);
        let strict = answers.iter().chain(along.iter().filter(|(_, what)| !what.is_nsec()));
        let due = strict.map(allowed).fold(now + delay, Duration::max);
        for (owns, along) in [(answers, false), (along, true)] {
            for own in owns {
                let waiting = self.pending.entry(*own).or_insert(Pending { due, along });
                waiting.due =
                    waiting.due.min(due).max(self.said.get(own).map_or(Duration::ZERO, |at| *at + gap));
                waiting.along &= along;
            }
        }
    }

    /// What is to be said to all now: answers, and what comes along. What is due a little later goes with it, if it may. What would come
    /// along with an answer that is not given is not said.
    pub(crate) fn take_due(&mut self, now: Duration) -> (Vec<Own>, Vec<Own>) {
        if !self.pending.values().any(|p| p.due <= now) {
            return (Vec::new(), Vec::new());
        }
        let may =
            |own: &Own, said: &BTreeMap<Own, Duration>| said.get(own).is_none_or(|at| *at + SECOND <= now);
        let takes = |(own, p): (&Own, &Pending)| {
            (p.due <= now || (p.due <= now + TOGETHER && may(own, &self.said))).then_some((*own, p.along))
        };
        let taken: Vec<(Own, bool)> = self.pending.iter().filter_map(takes).collect();
        let any_answer = taken.iter().any(|(_, along)| !along);
        for (own, _) in &taken {
            self.pending.remove(own);
            if any_answer {
                self.said.insert(*own, now);
            }
        }
        let (along, answers): (Vec<_>, Vec<_>) = taken.into_iter().partition(|(_, along)| *along);
        let owns = |taken: Vec<(Own, bool)>| taken.into_iter().map(|(own, _)| own).collect();
        (owns(answers), owns(along))
    }

    /// Nothing of this service is said any more.
    pub(crate) fn forget(&mut self, service: ServiceId) {
        self.pending.retain(|(of, _), _| *of != service);
        self.said.retain(|(of, _), _| *of != service);
    }
}

/// Answers in as few messages as go: what comes along is left out before answers are parted.
pub(crate) fn pack_answers(message: Message, limit: usize) -> Vec<Vec<u8>> {
    let bytes = message.encode();
    if bytes.len() <= limit || (message.answers.len() <= 1 && message.additionals.is_empty()) {
        return if bytes.len() <= MESSAGE_BYTES { vec![bytes] } else { Vec::new() };
    }
    let mut message = message;
    if message.additionals.is_empty() {
        let mut second = Message { questions: Vec::new(), ..message.clone() };
        second.answers = message.answers.split_off(message.answers.len() / 2);
        let mut all = pack_answers(message, limit);
        all.extend(pack_answers(second, limit));
        return all;
    }
    let fewer = message.additionals.len() - 1;
    message.additionals.truncate(fewer);
    pack_answers(message, limit)
}

/// Questions with what we know already; what does not fit follows in further messages (RFC 6762, 7.2).
// req: MDNS-TC-SENT
pub(crate) fn pack_questions(questions: Vec<Question>, known: Vec<Record>, limit: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut message = Message { questions, answers: known, ..Message::default() };
    loop {
        let bytes = message.encode();
        if bytes.len() <= limit {
            all.push(bytes);
            return all;
        }
        if message.answers.is_empty() {
            if message.questions.len() <= 1 {
                return all;
            }
            let rest = message.questions.split_off(message.questions.len() / 2);
            all.extend(pack_questions(message.questions, Vec::new(), limit));
            all.extend(pack_questions(rest, Vec::new(), limit));
            return all;
        }
        // The largest number that fits, found by halving.
        let (mut fits, mut too_many) = (0, message.answers.len());
        while too_many - fits > 1 {
            let middle = fits.midpoint(too_many);
            let mut tried = message.clone();
            tried.answers.truncate(middle);
            if tried.encode().len() <= limit { fits = middle } else { too_many = middle }
        }
        let rest = message.answers.split_off(fits);
        if fits == 0 && message.questions.is_empty() {
            return all;
        }
        message.truncated = fits > 0 || !rest.is_empty();
        if message.encode().len() > limit {
            message.truncated = false;
            all.extend(pack_questions(message.questions, Vec::new(), limit));
            return all;
        }
        all.push(message.encode());
        message = Message { answers: rest, ..Message::default() };
    }
}

/// No record is said to all twice within a second (RFC 6762, 6).
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What is due within this goes along with what is due now.
const TOGETHER: Duration = Duration::from_millis(120);
