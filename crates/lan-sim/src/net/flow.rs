//! Bytes on their way: writes are cut into segments, segments arrive in order, reads make room.

use super::dial::after;
use super::ways::Way;
use super::{Action, Net};
use crate::content::Bulk;
use crate::event::{Break, ConnGone, Event, Read, Take};
use crate::fault::Effect;
use crate::hash;
use crate::link::{Conn, EndState};
use crate::pipe::{Freight, Pipe, Segment};
use crate::profile::{LinkProfile, Segmentation};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::What;

/// What a write carries.
#[derive(Clone, Copy)]
pub(crate) enum Load<'a> {
    Bytes(&'a [u8]),
    Bulk(Bulk),
}

impl Load<'_> {
    const fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Bulk(bulk) => bulk.length,
        }
    }

    /// Its first `length` bytes.
    fn cut(self, length: u64) -> Self {
        match self {
            Self::Bytes(bytes) => {
                Self::Bytes(bytes.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(bytes))
            }
            Self::Bulk(bulk) => Self::Bulk(bulk.split_at(length).0),
        }
    }

    fn hash(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => hash::bytes(0, bytes),
            Self::Bulk(bulk) => hash::word(hash::word(bulk.seed, bulk.offset), bulk.length),
        }
    }
}

/// What became of the segments of a write.
struct Launched {
    broken: bool,
    silenced: bool,
}

impl Net {
    /// Takes as much of `load` as the receiver's window has room for.
    pub(crate) fn write(&mut self, conn: Conn, load: Load<'_>) -> Result<u64, ConnGone> {
        let gone = ConnGone { conn };
        let link = self.links.get_mut(conn).ok_or(gone)?;
        let (near, far) = link.ends_mut(conn);
        match near.state {
            EndState::Gone => return Err(gone),
            EndState::Opening => return Ok(0),
            EndState::Open if near.out.flags.finished => return Err(gone),
            EndState::Open if near.out.flags.swallows => return Ok(load.len()),
            EndState::Open => {}
        }
        let sender = near.host.and_then(|host| self.hosts.get(host.index())).ok_or(gone)?;
        let receiver = far.host.and_then(|host| self.hosts.get(host.index())).ok_or(gone)?;
        let out = &mut near.out;
        let window = match load {
            Load::Bytes(_) => receiver.profile.window,
            Load::Bulk(_) => receiver.profile.bulk_window,
        };
        let taken = load.len().min(window.max(1).saturating_sub(out.unread()));
        if taken < load.len() {
            out.flags.sender_waits = true;
        }
        if taken == 0 {
            return Ok(0);
        }
        let load = load.cut(taken);
        match load {
            Load::Bytes(bytes) => out.push_bytes(bytes),
            Load::Bulk(bulk) => out.push_bulk(bulk),
        }
        let at = self.now + sender.disk.spent();
        let launched = launch(out, &sender.profile, load, at);
        let host = near.host;
        if launched.silenced {
            link.silent = true;
        }
        let hears = at + sender.profile.delay * 2;
        self.trace.record(at, host, What::Writes { link: conn.number(), length: taken, hash: load.hash() });
        if launched.silenced {
            self.count(Effect::LinkSilenced);
        }
        if launched.broken {
            self.count(Effect::LinkBroken);
            self.queue.push(hears, Action::Break { conn, why: Break::Reset });
        }
        self.schedule_arrival(conn);
        Ok(taken)
    }

    /// How many bytes a write of real bytes would take now.
    pub(crate) fn room(&self, conn: Conn) -> u64 {
        let Some(link) = self.links.get(conn) else { return 0 };
        let (near, far) = link.ends(conn);
        let window = far.host.and_then(|host| self.host(host)).map_or(0, |host| host.profile.window.max(1));
        if near.state == EndState::Open { window.saturating_sub(near.out.unread()) } else { 0 }
    }

    pub(crate) fn read(&mut self, conn: Conn, out: &mut Vec<u8>, most: usize) -> Read {
        let Some(pipe) = self.incoming(conn) else { return Read::Gone };
        match pipe.read(out, most) {
            0 if is_at_end(pipe) => Read::End,
            0 => Read::Empty,
            read => {
                self.after_read(conn);
                Read::Bytes(read)
            }
        }
    }

    pub(crate) fn take(&mut self, conn: Conn, most: u64) -> Take {
        let Some(pipe) = self.incoming(conn) else { return Take::Gone };
        match pipe.take(most) {
            None if is_at_end(pipe) => Take::End,
            None => Take::Empty,
            Some(payload) => {
                self.after_read(conn);
                Take::Payload(payload)
            }
        }
    }

    /// Sees to it that the front segment of what `sender` sent has its arrival in the queue.
    pub(super) fn schedule_arrival(&mut self, sender: Conn) {
        let Some(link) = self.links.get_mut(sender) else { return };
        let out = &mut link.ends_mut(sender).0.out;
        if let Some(front) = out.front()
            && !out.flags.scheduled
            && !out.flags.stuck
        {
            out.flags.scheduled = true;
            self.queue.push(front.arrives.max(self.now), Action::Arrive { to: sender.other() });
        }
    }

    pub(super) fn arrive(&mut self, to: Conn) {
        let way = self.way(to);
        let Some(link) = self.links.get_mut(to) else { return };
        let (near, far) = link.ends_mut(to);
        far.out.flags.scheduled = false;
        match way {
            Way::Cut => return self.get_stuck(to),
            Way::OpenAt(at) => {
                far.out.flags.scheduled = true;
                return self.queue.push(at, Action::Arrive { to });
            }
            Way::Open => {}
        }
        let state = near.state;
        let Some(host) = near.host else { return };
        let (mut bytes, mut end, mut reset) = (0, false, false);
        while far.out.front().is_some_and(|front| front.arrives <= self.now) {
            match far.out.land() {
                Some(Freight::Data(length)) => bytes += length,
                Some(Freight::End) => end = true,
                Some(Freight::Reset) => reset = true,
                None => break,
            }
        }
        if end {
            far.out.flags.end_arrived = true;
        }
        if state == EndState::Gone {
            return self.answer_with_reset(to, bytes > 0);
        }
        if state == EndState::Opening {
            self.open_dialler(to, host);
        }
        if bytes > 0 {
            self.record(Some(host), What::Arrives { link: to.number(), length: bytes });
        }
        if end {
            self.record(Some(host), What::EndArrives { link: to.number() });
        }
        if reset {
            return self.break_end(to, Break::Reset);
        }
        if bytes > 0 || end {
            self.tell(host, Event::Readable { conn: to });
        }
        self.schedule_arrival(to.other());
    }

    pub(super) fn writable(&mut self, conn: Conn) {
        let Some(near) = self.links.get(conn).map(|link| link.ends(conn).0) else { return };
        if let (EndState::Open, Some(host)) = (near.state, near.host) {
            self.record(Some(host), What::HasRoom { link: conn.number() });
            self.tell(host, Event::Writable { conn });
        }
    }

    /// Lets the sender know of room, when it waits for it and there is some worth the while.
    pub(super) fn after_read(&mut self, conn: Conn) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let (near, far) = link.ends_mut(conn);
        if !far.out.flags.sender_waits {
            return;
        }
        let Some(reader) = near.host.and_then(|host| self.hosts.get(host.index())) else { return };
        let window = reader.profile.window.max(1);
        if far.out.unread() <= window - window.div_ceil(4) {
            far.out.flags.sender_waits = false;
            let at = self.now + reader.disk.spent() + reader.profile.delay;
            self.queue.push(at, Action::Writable { conn: conn.other() });
        }
    }

    /// What `conn` receives, unless its handle is over.
    fn incoming(&mut self, conn: Conn) -> Option<&mut Pipe> {
        let (near, far) = self.links.get_mut(conn)?.ends_mut(conn);
        (near.state != EndState::Gone).then_some(&mut far.out)
    }
}

const fn is_at_end(pipe: &Pipe) -> bool {
    pipe.flags.end_arrived && pipe.unread() == 0
}

/// Cuts a write into segments and sends them off, each with its own fate.
fn launch(out: &mut Pipe, profile: &LinkProfile, load: Load<'_>, at: Time) -> Launched {
    let longest = match load {
        Load::Bytes(_) => profile.segment,
        Load::Bulk(_) => profile.bulk_segment,
    };
    let mut launched = Launched { broken: false, silenced: false };
    let mut left = load.len();
    let mut cuts = Cuts::draw(profile.segmentation, &mut out.rng, left);
    if cuts.merges && out.merge_into_last(left) {
        return launched;
    }
    while left > 0 {
        let mut length = cuts.next(&mut out.rng, left).min(longest.max(1));
        launched.silenced |= out.rng.hits(profile.silence);
        launched.broken = out.rng.hits(profile.reset);
        if launched.broken {
            length = out.rng.below(length);
        }
        let leaves = at.max(out.free_at);
        out.free_at = leaves + profile.sending_time(length);
        let arrives = out.free_at + profile.delay + out.rng.span(profile.jitter);
        let arrives = arrives.max(after(out.last_arrival));
        if length > 0 {
            out.launch(Segment { arrives, what: Freight::Data(length) });
        }
        left -= length;
        if launched.broken {
            out.drop_tail(left);
            out.launch(Segment { arrives: after(arrives), what: Freight::Reset });
            out.flags.swallows = true;
            break;
        }
    }
    launched
}

/// How a write is cut.
struct Cuts {
    merges: bool,
    single_bytes: u64,
    odd_places: u64,
}

impl Cuts {
    fn draw(segmentation: Segmentation, rng: &mut Rng, length: u64) -> Self {
        let whole = Self { merges: false, single_bytes: 0, odd_places: 0 };
        match segmentation {
            Segmentation::Whole => whole,
            Segmentation::Bytewise => Self { single_bytes: SINGLE_BYTES, ..whole },
            Segmentation::Odd => match rng.below(8) {
                0..=3 => whole,
                4 | 5 => Self { odd_places: rng.between(1, 4), ..whole },
                6 => Self { single_bytes: rng.between(1, SINGLE_BYTES.min(length)), ..whole },
                _ => Self { merges: true, ..whole },
            },
        }
    }

    fn next(&mut self, rng: &mut Rng, left: u64) -> u64 {
        if self.single_bytes > 0 {
            self.single_bytes -= 1;
            1
        } else if self.odd_places > 0 && left > 1 {
            self.odd_places -= 1;
            rng.between(1, left - 1)
        } else {
            left
        }
    }
}

/// How many of a write's first bytes travel alone at most: more than any header has.
const SINGLE_BYTES: u64 = 64;
