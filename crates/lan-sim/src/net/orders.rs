//! Faults on order, and their ends.

use std::net::IpAddr;
use std::time::Duration;

use super::{Action, Net};
use crate::event::Break;
use crate::fault::{DiskTrouble, Fault, LinkTrouble};
use crate::hash;
use crate::host::HostId;
use crate::link::Conn;
use crate::pipe::Freight;
use crate::trace::What;

/// How a fault that lasts ends.
#[derive(Debug)]
pub(crate) enum Undo {
    Partition { side: u64 },
    Address { host: HostId, ip: IpAddr },
    Trouble { host: HostId },
    Deaf { host: HostId },
    Mute { host: HostId },
    Disk { host: HostId },
}

impl Net {
    /// Injects a fault. Returns whether there was something to break. Crashes are the world's.
    pub(crate) fn order(&mut self, fault: &Fault) -> bool {
        let done = match *fault {
            Fault::Reset { host, nth, keep } => {
                self.with_link(host, nth, |net, conn| net.reset_link(conn, keep))
            }
            Fault::Silence { host, nth } => self.with_link(host, nth, |net, conn| {
                if let Some(link) = net.links.get_mut(conn) {
                    link.silent = true;
                }
            }),
            Fault::HalfOpen { host, nth } => {
                self.with_link(host, nth, |net, conn| net.break_end(conn, Break::Reset))
            }
            Fault::Stall { host, nth, span } => self.with_link(host, nth, |net, conn| {
                let until = net.now + span;
                if let Some(link) = net.links.get_mut(conn) {
                    link.stalled_until = link.stalled_until.max(until);
                }
            }),
            Fault::Partition { ref hosts, span, breaks } => self.partition(hosts, span, breaks),
            Fault::Crash { .. } => false,
            Fault::Pause { host, span } => self.pause(host, span),
            Fault::ClockJump { host, seconds } => self.host_mut(host).is_some_and(|there| {
                there.wall_offset = there.wall_offset.saturating_add(seconds);
                true
            }),
            Fault::AddressDown { host, nth, span } => self.address_down(host, nth, span),
            Fault::Trouble { host, trouble, span } => self.trouble(host, trouble, span),
            Fault::Deaf { host, span } => self.deafen(host, span, Undo::Deaf { host }),
            Fault::Mute { host, span } => self.deafen(host, span, Undo::Mute { host }),
            Fault::StaleSighting { host, nth } => self.stale_sighting(host, nth),
            Fault::Disk { host, trouble, span } => self.disk_trouble(host, trouble, span),
        };
        if done {
            self.note_fault(fault);
        }
        done
    }

    pub(crate) fn note_fault(&mut self, fault: &Fault) {
        let kind = fault.kind();
        self.counts.count_fault(kind);
        let text = self.trace.is_kept().then(|| format!("{fault:?}").into());
        let detail = fault.fingerprint();
        self.trace.record_text(self.now, None, What::FaultBegins { kind, detail }, text);
    }

    pub(crate) fn end_fault(&mut self, id: u32) {
        let Some(undo) = self.undo.remove(&id) else { return };
        self.record(None, What::FaultEnds { id });
        match undo {
            Undo::Partition { side } => {
                self.open_partitions &= !side;
                self.hosts.iter_mut().for_each(|host| host.sides &= !side);
                self.unstick_all();
                self.recheck_bus(true, None);
            }
            Undo::Address { host, ip } => {
                let addresses = self.host_mut(host).map(|there| there.addresses.iter_mut());
                for address in addresses.into_iter().flatten().filter(|address| address.ip == ip) {
                    address.down = address.down.saturating_sub(1);
                }
                self.unstick_all();
            }
            Undo::Trouble { host } => self.end_trouble(host, id),
            Undo::Deaf { host } => {
                if let Some(there) = self.host_mut(host) {
                    there.deaf = there.deaf.saturating_sub(1);
                }
                self.recheck_bus(true, Some(host));
            }
            Undo::Mute { host } => {
                if let Some(there) = self.host_mut(host) {
                    there.mute = there.mute.saturating_sub(1);
                }
                self.recheck_bus(true, Some(host));
            }
            Undo::Disk { host } => {
                if let Some(there) = self.host(host) {
                    there.disk.end_trouble(id);
                }
            }
        }
    }

    /// Files how a fault ends, and when.
    fn lasts(&mut self, span: Duration, undo: Undo) -> u32 {
        self.orders += 1;
        let id = self.orders;
        self.undo.insert(id, undo);
        self.queue.push(self.now + span, Action::Undo { id });
        id
    }

    fn with_link(&mut self, host: HostId, nth: u32, act: impl FnOnce(&mut Self, Conn)) -> bool {
        let Some(there) = self.host(host) else { return false };
        let Some(conn) = there.conns.get(nth as usize % there.conns.len().max(1)).copied() else {
            return false;
        };
        act(self, conn);
        true
    }

    /// Of what is under way to this end `keep` bytes arrive, then a reset; the other end hears of it as soon
    /// as a packet can tell.
    fn reset_link(&mut self, conn: Conn, keep: u32) {
        let other = conn.other();
        let Some(link) = self.links.get_mut(conn) else { return };
        let far = link.ends_mut(conn).1;
        far.out.cut_flight(keep.into());
        self.launch_mark(other, Freight::Reset);
        let Some(link) = self.links.get_mut(conn) else { return };
        let far = link.ends_mut(conn).1;
        far.out.flags.swallows = true;
        let delay = far.host.and_then(|host| self.hosts.get(host.index())).map(|host| host.profile.delay);
        self.queue
            .push(self.now + delay.unwrap_or_default(), Action::Break { conn: other, why: Break::Reset });
    }

    fn partition(&mut self, hosts: &[HostId], span: Duration, breaks: bool) -> bool {
        let side = !self.open_partitions & self.open_partitions.wrapping_add(1);
        let inside = hosts.iter().filter(|host| host.index() < self.hosts.len()).count();
        if side == 0 || inside == 0 {
            return false;
        }
        self.open_partitions |= side;
        for host in hosts {
            if let Some(there) = self.host_mut(*host) {
                there.sides |= side;
            }
        }
        self.lasts(span, Undo::Partition { side });
        if breaks {
            self.break_across(hosts, side);
        }
        self.recheck_bus(false, None);
        true
    }

    /// Breaks every link between the sides, for both ends.
    fn break_across(&mut self, hosts: &[HostId], side: u64) {
        for host in hosts {
            let conns = self.host(*host).map(|there| there.conns.clone()).unwrap_or_default();
            for conn in conns {
                let across = self.links.get(conn).and_then(|link| link.ends(conn).1.host);
                if across.and_then(|across| self.host(across)).is_some_and(|across| across.sides & side == 0)
                {
                    for conn in [conn, conn.other()] {
                        self.queue.push(self.now, Action::Break { conn, why: Break::Reset });
                    }
                }
            }
        }
    }

    fn pause(&mut self, host: HostId, span: Duration) -> bool {
        let until = self.now + span;
        let Some(there) = self.host_mut(host).filter(|there| there.is_running()) else { return false };
        there.busy_until = there.busy_until.max(until);
        true
    }

    fn address_down(&mut self, host: HostId, nth: u32, span: Duration) -> bool {
        let Some(there) = self.host_mut(host) else { return false };
        let place = nth as usize % there.addresses.len().max(1);
        let Some(address) = there.addresses.get_mut(place).filter(|address| !address.dead) else {
            return false;
        };
        address.down += 1;
        let ip = address.ip;
        self.lasts(span, Undo::Address { host, ip });
        true
    }

    fn trouble(&mut self, host: HostId, trouble: LinkTrouble, span: Duration) -> bool {
        if self.host(host).is_none() {
            return false;
        }
        let id = self.lasts(span, Undo::Trouble { host });
        if let Some(there) = self.host_mut(host) {
            there.troubles.push((id, trouble));
            there.apply_troubles();
        }
        true
    }

    fn end_trouble(&mut self, host: HostId, id: u32) {
        let Some(there) = self.host_mut(host) else { return };
        there.troubles.retain(|(other, _)| *other != id);
        there.apply_troubles();
        self.windows_changed(host);
    }

    /// Windows may have grown: who waits for room towards the host hears of it.
    pub(crate) fn windows_changed(&mut self, host: HostId) {
        let conns = self.host(host).map(|there| there.conns.clone()).unwrap_or_default();
        for conn in conns {
            self.after_read(conn);
        }
    }

    fn deafen(&mut self, host: HostId, span: Duration, undo: Undo) -> bool {
        let Some(there) = self.host_mut(host) else { return false };
        match undo {
            Undo::Mute { .. } => there.mute += 1,
            _ => there.deaf += 1,
        }
        self.lasts(span, undo);
        self.recheck_bus(false, Some(host));
        true
    }

    fn disk_trouble(&mut self, host: HostId, trouble: DiskTrouble, span: Duration) -> bool {
        if self.host(host).is_none() {
            return false;
        }
        let id = self.lasts(span, Undo::Disk { host });
        if let Some(there) = self.host(host) {
            there.disk.add_trouble(id, trouble);
        }
        true
    }
}

impl Fault {
    /// A number for the trace that tells faults of one kind apart.
    fn fingerprint(&self) -> u64 {
        hash::bytes(0, format!("{self:?}").as_bytes())
    }
}
