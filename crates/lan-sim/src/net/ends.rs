//! How links end: politely, rudely, by a crash, or by nobody answering.

use super::{Action, Net};
use crate::event::{Break, Event};
use crate::fault::Crash;
use crate::host::{HostId, HostState};
use crate::link::{Conn, EndState};
use crate::pipe::Freight;
use crate::time::Time;
use crate::trace::What;

impl Net {
    /// Says that nothing follows in this direction. The other direction goes on.
    pub(crate) fn finish(&mut self, conn: Conn) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let near = link.ends_mut(conn).0;
        if near.state != EndState::Open || near.out.flags.finished {
            return;
        }
        near.out.flags.finished = true;
        let host = near.host;
        self.record(host, What::Finishes { link: conn.number() });
        self.launch_mark(conn, Freight::End);
    }

    /// Closes the end as a system does: what was written still arrives, unless something unread makes it a
    /// reset.
    pub(crate) fn close(&mut self, conn: Conn) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let (near, far) = link.ends_mut(conn);
        let (state, host, finished) = (near.state, near.host, near.out.flags.finished);
        let unread = far.out.arrived() > 0;
        if state == EndState::Gone {
            return;
        }
        self.record(host, What::Closes { link: conn.number() });
        self.give_end_up(conn);
        if state == EndState::Open && unread {
            self.launch_mark(conn, Freight::Reset);
        } else if state == EndState::Open && !finished {
            self.launch_mark(conn, Freight::End);
        }
        self.links.sweep(conn);
    }

    /// Resets the link: half of the time what is under way still arrives, otherwise a part of it.
    pub(crate) fn abort(&mut self, conn: Conn) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let near = link.ends_mut(conn).0;
        let (state, host) = (near.state, near.host);
        if state == EndState::Gone {
            return;
        }
        if near.out.rng.below(2) == 0 {
            let keep = near.out.rng.between(0, near.out.in_flight());
            near.out.cut_flight(keep);
        }
        self.record(host, What::Aborts { link: conn.number() });
        self.give_end_up(conn);
        if state == EndState::Open {
            self.launch_mark(conn, Freight::Reset);
        }
        self.links.sweep(conn);
    }

    /// The end is gone and its node is told.
    pub(super) fn break_end(&mut self, conn: Conn, why: Break) {
        let Some(near) = self.links.get(conn).map(|link| link.ends(conn).0) else { return };
        let (EndState::Open, Some(host)) = (near.state, near.host) else { return };
        self.give_end_up(conn);
        self.record(Some(host), What::Breaks { link: conn.number(), why });
        self.tell(host, Event::Broken { conn, why });
        self.links.sweep(conn);
    }

    /// A reset from a machine that knows no such link.
    pub(super) fn rst(&mut self, conn: Conn) {
        if !matches!(self.way(conn), super::ways::Way::Cut) {
            self.break_end(conn, Break::Reset);
        }
    }

    /// Something arrived at an end that is gone.
    pub(super) fn answer_with_reset(&mut self, to: Conn, had_bytes: bool) {
        let Some(link) = self.links.get_mut(to) else { return };
        let (near, far) = link.ends_mut(to);
        if had_bytes {
            far.out.clear();
            far.out.flags.swallows = true;
            let delay =
                near.host.and_then(|host| self.hosts.get(host.index())).map(|host| host.profile.delay);
            self.queue.push(self.now + delay.unwrap_or_default(), Action::Rst { conn: to.other() });
        } else {
            self.schedule_arrival(to.other());
        }
    }

    pub(super) fn give_up(&mut self, to: Conn, stamp: u32) {
        let stuck = self.links.get(to).map(|link| &link.ends(to).1.out);
        if stuck.is_some_and(|pipe| pipe.flags.stuck && pipe.stuck_stamp == stamp) {
            self.break_end(to.other(), Break::TimedOut);
        }
    }

    /// The host stops: its links end as the crash has it, its ports are free, and what waited for its node is
    /// forgotten.
    pub(crate) fn stop_host(&mut self, host: HostId, how: Crash) {
        let Some(there) = self.host_mut(host) else { return };
        let conns = std::mem::take(&mut there.conns);
        match how {
            Crash::Process => there.disk.kill(),
            Crash::Power => there.disk.lose_power(),
        }
        there.disk.take_spent();
        self.record(Some(host), What::Stops { power_lost: how == Crash::Power });
        for conn in conns {
            match how {
                Crash::Process => self.close(conn),
                Crash::Power => self.lose_end(conn),
            }
        }
        let Some(there) = self.host_mut(host) else { return };
        there.state = if how == Crash::Power { HostState::Off } else { HostState::Stopped };
        there.ports.retain(|_, user| *user == crate::host::PortUse::Other);
        there.inbox.clear();
        there.busy_until = Time::ZERO;
        there.wake_queued = None;
        there.browsing = false;
        there.hears.clear();
        self.pending.retain(|letter| letter.host != host);
        self.bus_host_stopped(host);
    }

    /// The end vanishes with its machine: a part of what was queued has left, and nothing says that it was
    /// the last.
    fn lose_end(&mut self, conn: Conn) {
        if let Some(link) = self.links.get_mut(conn) {
            let out = &mut link.ends_mut(conn).0.out;
            let keep = out.rng.between(0, out.in_flight());
            out.cut_flight(keep);
        }
        self.give_end_up(conn);
        self.links.sweep(conn);
    }

    fn give_end_up(&mut self, conn: Conn) {
        self.unlist_conn(conn);
        if let Some(link) = self.links.get_mut(conn) {
            link.ends_mut(conn).0.state = EndState::Gone;
        }
    }
}
