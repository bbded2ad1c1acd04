//! One direction of a link: the bytes between a sender's write and a receiver's read.
//!
//! Real bytes lie in one buffer, bulk in a list of runs between them; segments under way are only lengths
//! over the two. The bytes that arrived are the front of the buffer. All counting is by segment, so a long
//! run of bulk costs what a short one does.

use std::collections::VecDeque;

use crate::content::{Bulk, Payload};
use crate::rng::Rng;
use crate::time::Time;

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    /// Each with the number of real bytes between it and the run before it.
    runs: VecDeque<(u64, Bulk)>,
    /// Real bytes after the last run; counts only while there is one.
    tail: u64,
    flight: VecDeque<Segment>,
    /// Bytes that arrived and are not read.
    arrived: u64,
    /// Bytes written and not read: arrived or under way.
    unread: u64,
    /// When the last segment under way arrives: the next one comes later.
    pub(crate) last_arrival: Time,
    /// When the wire is free for the next segment.
    pub(crate) free_at: Time,
    pub(crate) rng: Rng,
    /// Counts how often the pipe got stuck, so that a timer knows whether it still means this time.
    pub(crate) stuck_stamp: u32,
    pub(crate) flags: Flags,
}

/// The states of a pipe that are either so or not.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own life")]
pub(crate) struct Flags {
    /// An arrival is in the queue.
    pub(crate) scheduled: bool,
    /// Segments stand still because the way is cut.
    pub(crate) stuck: bool,
    /// The sender was refused a byte and wants to know when there is room.
    pub(crate) sender_waits: bool,
    /// The sender said that nothing follows.
    pub(crate) finished: bool,
    /// The receiver knows that nothing follows.
    pub(crate) end_arrived: bool,
    /// What is written vanishes, because the link broke and the sender does not know yet.
    pub(crate) swallows: bool,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) arrives: Time,
    pub(crate) what: Freight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freight {
    Data(u64),
    /// Nothing follows in this direction.
    End,
    /// The link is gone.
    Reset,
}

impl Pipe {
    pub(crate) const fn new(rng: Rng, now: Time) -> Self {
        Self {
            bytes: VecDeque::new(),
            runs: VecDeque::new(),
            tail: 0,
            flight: VecDeque::new(),
            arrived: 0,
            unread: 0,
            last_arrival: now,
            free_at: now,
            rng,
            stuck_stamp: 0,
            flags: Flags {
                scheduled: false,
                stuck: false,
                sender_waits: false,
                finished: false,
                end_arrived: false,
                swallows: false,
            },
        }
    }

    pub(crate) const fn unread(&self) -> u64 {
        self.unread
    }

    pub(crate) const fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Takes real bytes in; they are under way only once segments say so.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.tail += bytes.len() as u64;
        self.unread += bytes.len() as u64;
    }

    /// Takes bulk in.
    pub(crate) fn push_bulk(&mut self, bulk: Bulk) {
        self.unread += bulk.length;
        let before = if self.runs.is_empty() { self.bytes.len() as u64 } else { self.tail };
        match self.runs.back_mut() {
            Some((_, last)) if before == 0 && last.is_followed_by(&bulk) => last.length += bulk.length,
            _ => self.runs.push_back((before, bulk)),
        }
        self.tail = 0;
    }

    /// Puts a segment on its way. The caller sees to it that data segments sum up to what was pushed.
    pub(crate) fn launch(&mut self, segment: Segment) {
        self.last_arrival = segment.arrives;
        self.flight.push_back(segment);
    }

    /// Makes the last segment under way longer, if it is data: a later write that travels with an earlier
    /// one.
    pub(crate) fn merge_into_last(&mut self, length: u64) -> bool {
        match self.flight.back_mut() {
            Some(Segment { what: Freight::Data(last), .. }) => {
                *last += length;
                true
            }
            _ => false,
        }
    }

    /// The segment that arrives next.
    pub(crate) fn front(&self) -> Option<Segment> {
        self.flight.front().copied()
    }

    /// Takes the next segment off the wire; data is readable from now on.
    pub(crate) fn land(&mut self) -> Option<Freight> {
        let segment = self.flight.pop_front()?;
        if let Freight::Data(length) = segment.what {
            self.arrived += length;
        }
        Some(segment.what)
    }

    /// Whether the next unread byte is bulk.
    fn bulk_is_next(&self) -> bool {
        self.runs.front().is_some_and(|(before, _)| *before == 0)
    }

    /// How many real bytes can be read before bulk or the end of what arrived.
    fn real_bytes_ready(&self) -> u64 {
        self.runs.front().map_or(self.arrived, |(before, _)| self.arrived.min(*before))
    }

    /// Appends up to `most` bytes of what arrived to `out`. Stops before bulk; begins with bulk by making its
    /// bytes.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>, most: usize) -> usize {
        if self.bulk_is_next() {
            let Some(Payload::Bulk(bulk)) = self.take(most as u64) else { return 0 };
            let before = out.len();
            let made = usize::try_from(bulk.length).unwrap_or(0);
            out.resize(before + made, 0);
            if let Some(place) = out.get_mut(before..) {
                bulk.fill(0, place);
            }
            return made;
        }
        let ready = usize::try_from(self.real_bytes_ready()).unwrap_or(usize::MAX).min(most);
        let (front, back) = self.bytes.as_slices();
        let first = ready.min(front.len());
        out.extend_from_slice(front.get(..first).unwrap_or(&[]));
        out.extend_from_slice(back.get(..ready - first).unwrap_or(&[]));
        self.bytes.drain(..ready.min(self.bytes.len()));
        self.was_read(ready as u64);
        ready
    }

    /// Takes up to `most` bytes of what arrived in the form they are in.
    pub(crate) fn take(&mut self, most: u64) -> Option<Payload> {
        if self.arrived == 0 || most == 0 {
            return None;
        }
        if !self.bulk_is_next() {
            let mut bytes = Vec::new();
            self.read(&mut bytes, usize::try_from(most).unwrap_or(usize::MAX));
            return Some(Payload::Bytes(bytes));
        }
        let (_, run) = self.runs.front_mut()?;
        let (taken, rest) = run.split_at(most.min(self.arrived));
        *run = rest;
        if rest.length == 0 {
            self.runs.pop_front();
        }
        self.arrived -= taken.length;
        self.unread -= taken.length;
        Some(Payload::Bulk(taken))
    }

    fn was_read(&mut self, length: u64) {
        self.arrived -= length;
        self.unread -= length;
        if let Some((before, _)) = self.runs.front_mut() {
            *before -= length;
        }
        // Thousands of idle links must not each keep the room of their longest message.
        if self.unread == 0 && self.bytes.capacity() > 4096 {
            self.bytes = VecDeque::new();
        }
    }

    /// Bytes under way.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.unread - self.arrived
    }

    /// Forgets everything under way beyond its first `keep` bytes, ends and resets included.
    pub(crate) fn cut_flight(&mut self, keep: u64) {
        let mut kept = 0;
        self.flight.retain_mut(|segment| match &mut segment.what {
            Freight::Data(length) => {
                *length = (*length).min(keep - kept);
                kept += *length;
                *length > 0
            }
            Freight::End | Freight::Reset => false,
        });
        self.drop_tail(self.in_flight() - kept);
        self.last_arrival = self.flight.back().map_or(self.last_arrival, |last| last.arrives);
    }

    /// Forgets what arrived and was not read, and what is under way.
    pub(crate) fn clear(&mut self) {
        self.bytes = VecDeque::new();
        self.runs = VecDeque::new();
        self.flight = VecDeque::new();
        (self.tail, self.arrived, self.unread) = (0, 0, 0);
    }

    /// Forgets the last `length` bytes pushed.
    pub(crate) fn drop_tail(&mut self, mut length: u64) {
        self.unread -= length;
        while length > 0 {
            let real = if self.runs.is_empty() { self.bytes.len() as u64 } else { self.tail };
            if real > 0 {
                let dropped = real.min(length);
                self.bytes.truncate(self.bytes.len() - usize::try_from(dropped).unwrap_or(0));
                self.tail = real - dropped;
                length -= dropped;
            } else {
                let Some((before, run)) = self.runs.back_mut() else { break };
                let dropped = run.length.min(length);
                run.length -= dropped;
                length -= dropped;
                if run.length == 0 {
                    self.tail = *before;
                    self.runs.pop_back();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
