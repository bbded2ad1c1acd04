//! The table of links. A link has two ends, each with a handle of its own, and a pipe in each direction.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::host::HostId;
use crate::pipe::Pipe;
use crate::rng::Seed;
use crate::time::Time;

/// One end of a link, as its host knows it. Never used again for another link; a handle of a link that is
/// over is simply over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn {
    // The order of handles is the order of dials: first field first.
    serial: u32,
    slot: u32,
}

impl Conn {
    /// A number of its own in this world: `2n` for the end that dialled the `n`th link, `2n + 1` for the
    /// other one.
    pub const fn number(self) -> u32 {
        self.serial
    }

    /// The end of no link.
    pub(crate) const fn nowhere() -> Self {
        Self { serial: u32::MAX, slot: u32::MAX }
    }

    /// The other end.
    pub(crate) const fn other(self) -> Self {
        Self { serial: self.serial ^ 1, slot: self.slot }
    }

    /// 0 for the end that dialled, 1 for the other one.
    const fn side(self) -> usize {
        (self.serial & 1) as usize
    }
}

impl fmt::Display for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}{}", self.serial / 2, if self.side() == 0 { 'a' } else { 'b' })
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an end knows of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndState {
    /// It dialled and waits; or nobody has been asked yet on the other side.
    Opening,
    Open,
    /// Its host closed it, lost it or died.
    Gone,
}

#[derive(Debug)]
pub(crate) struct End {
    /// `None` where no host has the dialled address.
    pub(crate) host: Option<HostId>,
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) state: EndState,
    /// Where the handle stands in its host's list.
    pub(crate) place: u32,
    /// What this end sends.
    pub(crate) out: Pipe,
}

impl End {
    pub(crate) const fn addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    number: u32,
    ends: [End; 2],
    pub(crate) dialled: Time,
    /// Nothing passes any more, in either direction.
    pub(crate) silent: bool,
    /// Nothing passes before.
    pub(crate) stalled_until: Time,
}

impl Link {
    /// The end of `conn` and the one across.
    pub(crate) const fn ends(&self, conn: Conn) -> (&End, &End) {
        let [dialler, other] = &self.ends;
        if conn.side() == 0 { (dialler, other) } else { (other, dialler) }
    }

    /// The end of `conn` and the one across.
    pub(crate) const fn ends_mut(&mut self, conn: Conn) -> (&mut End, &mut End) {
        let [dialler, other] = &mut self.ends;
        if conn.side() == 0 { (dialler, other) } else { (other, dialler) }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.state == EndState::Gone)
    }
}

/// All links that at least one end still has.
#[derive(Debug, Default)]
pub(crate) struct Links {
    slots: Vec<Option<Link>>,
    free: Vec<u32>,
    made: u32,
    open: usize,
}

impl Links {
    /// Makes a link whose ends are both opening. Returns the dialler's handle.
    pub(crate) fn insert(
        &mut self,
        dialler: (HostId, SocketAddr),
        dialled: (Option<HostId>, SocketAddr),
        seed: Seed,
        now: Time,
    ) -> Conn {
        let end = |host, addr: SocketAddr, side| End {
            host,
            ip: addr.ip(),
            port: addr.port(),
            state: EndState::Opening,
            place: 0,
            out: Pipe::new(seed.nth(side).rng(), now),
        };
        let number = self.made;
        self.made = self.made.wrapping_add(1);
        self.open += 1;
        let link = Link {
            number,
            ends: [end(Some(dialler.0), dialler.1, 0), end(dialled.0, dialled.1, 1)],
            dialled: now,
            silent: false,
            stalled_until: Time::ZERO,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(link);
        }
        Conn { serial: number.wrapping_mul(2), slot }
    }

    pub(crate) fn get(&self, conn: Conn) -> Option<&Link> {
        self.slots.get(conn.slot as usize)?.as_ref().filter(|link| link.number == conn.serial / 2)
    }

    pub(crate) fn get_mut(&mut self, conn: Conn) -> Option<&mut Link> {
        self.slots.get_mut(conn.slot as usize)?.as_mut().filter(|link| link.number == conn.serial / 2)
    }

    /// Forgets the link once neither end has it.
    pub(crate) fn sweep(&mut self, conn: Conn) {
        if self.get(conn).is_some_and(Link::is_over) {
            if let Some(slot) = self.slots.get_mut(conn.slot as usize) {
                *slot = None;
            }
            self.free.push(conn.slot);
            self.open -= 1;
        }
    }

    pub(crate) const fn open(&self) -> usize {
        self.open
    }
}
