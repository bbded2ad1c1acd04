//! Which ways are open: partitions, stalls, dead machines and addresses, and the segments that wait for them.

use std::time::Duration;

use super::{Action, Net};
use crate::bus::BusAction;
use crate::fault::Effect;
use crate::host::{Host, HostId, HostState};
use crate::link::Conn;
use crate::time::Time;
use crate::trace::What;

/// Whether a segment reaches the end it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    OpenAt(Time),
    Cut,
}

impl Net {
    /// The way to this end.
    pub(super) fn way(&self, to: Conn) -> Way {
        let Some(link) = self.links.get(to) else { return Way::Cut };
        let (near, far) = link.ends(to);
        let (Some(near_host), Some(far_host)) = (near.host, far.host) else { return Way::Cut };
        let Some(there) = self.host(near_host) else { return Way::Cut };
        let unplugged = |host: &Host, ip| host.has_address_down() && !host.address_is_up(ip);
        if link.silent || there.state == HostState::Off {
            return Way::Cut;
        }
        if near_host != far_host {
            let Some(sender) = self.host(far_host) else { return Way::Cut };
            if !sender.reaches(there) || unplugged(there, near.ip) || unplugged(sender, far.ip) {
                return Way::Cut;
            }
        }
        if link.stalled_until > self.now { Way::OpenAt(link.stalled_until) } else { Way::Open }
    }

    /// Whether packets pass between two hosts, as far as partitions go.
    pub(super) fn ways_meet(&self, a: HostId, b: HostId) -> bool {
        a == b || matches!((self.host(a), self.host(b)), (Some(a), Some(b)) if a.reaches(b))
    }

    /// What is under way to this end stands still until the way is open, or the sender gives up.
    pub(super) fn get_stuck(&mut self, to: Conn) {
        let Some(link) = self.links.get_mut(to) else { return };
        let (near, far) = link.ends_mut(to);
        far.out.flags.stuck = true;
        far.out.stuck_stamp = far.out.stuck_stamp.wrapping_add(1);
        let (stamp, host) = (far.out.stuck_stamp, near.host);
        self.stuck.push(to);
        self.count(Effect::LinkStuck);
        self.record(host, What::GetsStuck { link: to.number() });
        self.queue.push(self.now + self.settings.give_up, Action::GiveUp { to, stamp });
    }

    /// Some way may be open again: what was stuck on it is sent once more soon.
    pub(crate) fn unstick_all(&mut self) {
        let stuck = std::mem::take(&mut self.stuck);
        for to in stuck {
            self.unstick(to);
        }
    }

    fn unstick(&mut self, to: Conn) {
        let open = self.way(to) != Way::Cut;
        let Some(link) = self.links.get_mut(to) else { return };
        let pipe = &mut link.ends_mut(to).1.out;
        if !pipe.flags.stuck {
            return;
        }
        if !open {
            return self.stuck.push(to);
        }
        pipe.flags.stuck = false;
        pipe.flags.scheduled = true;
        let again = Duration::from_millis(pipe.rng.between(50, 1_000));
        self.queue.push(self.now + again, Action::Arrive { to });
    }

    /// Lets the bus notice what changed for one host or for all: soon if ways opened, after the
    /// announcements' time to live if they closed.
    pub(super) fn recheck_bus(&mut self, opened: bool, host: Option<HostId>) {
        let after = if opened { self.settings.bus.refresh / 2 } else { self.bus.longest_ttl() };
        self.queue.push(self.now + after, Action::Bus(BusAction::Recheck { forget: !opened, host }));
    }
}
