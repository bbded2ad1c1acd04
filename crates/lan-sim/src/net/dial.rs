//! Dials: from the first packet to an open link, a refusal, or nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Action, Net};
use crate::event::{DialFailure, Event, PortTaken};
use crate::fault::Effect;
use crate::host::{HostId, HostState, PortUse};
use crate::link::{Conn, EndState};
use crate::pipe::{Freight, Segment};
use crate::time::Time;
use crate::trace::What;

impl Net {
    /// Begins a dial. Always gives a handle; what comes of it is told later.
    pub(crate) fn dial(&mut self, from: HostId, to: SocketAddr) -> Option<Conn> {
        let at = self.local_now(from);
        let target = if to.ip().is_loopback() { Some(from) } else { self.routes.get(&to.ip()).copied() };
        let there = self.hosts.get_mut(from.index())?;
        let near_ip = there.near_ip(to.ip());
        let near = SocketAddr::new(near_ip, there.own_port());
        let seed = there.seed.child("dial").nth(there.dials);
        there.dials += 1;
        let conn = self.links.insert((from, near), (target, to), seed, at);
        self.list_conn(from, conn);
        self.record(Some(from), What::Dials { link: conn.number(), port: to.port() });
        let way = self.way_time(conn);
        self.queue.push(at + way, Action::Syn { conn, attempt: 0 });
        Some(conn)
    }

    pub(crate) fn listen(&mut self, host: HostId, port: u16) -> Result<u16, PortTaken> {
        let taken = PortTaken { port };
        let there = self.host_mut(host).ok_or(taken)?;
        let port = if port == 0 { there.own_port() } else { port };
        if there.ports.contains_key(&port) {
            return Err(taken);
        }
        there.ports.insert(port, PortUse::Node);
        Ok(port)
    }

    pub(crate) fn unlisten(&mut self, host: HostId, port: u16) {
        if let Some(there) = self.host_mut(host)
            && there.ports.get(&port) == Some(&PortUse::Node)
        {
            there.ports.remove(&port);
        }
    }

    pub(super) fn syn(&mut self, conn: Conn, attempt: u32) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let dialled = link.dialled;
        let (near, far) = link.ends_mut(conn);
        let (from, target, ip, port) = (near.host, far.host, far.ip, far.port);
        let given_up = near.state == EndState::Gone;
        let Some(profile) = from.and_then(|from| self.hosts.get(from.index())).map(|host| &host.profile)
        else {
            return;
        };
        let lost = attempt == 0 && near.out.rng.hits(profile.lose_dial);
        let refused = attempt == 0 && near.out.rng.hits(profile.refuse);
        let coin = near.out.rng.below(2) == 0;
        if lost {
            self.count(Effect::DialLost);
            self.queue.push(
                dialled + self.settings.dial_timeout,
                Action::DialFails { conn, why: DialFailure::TimedOut },
            );
        } else if !self.machine_answers(from, target, ip) {
            self.syn_unanswered(conn, attempt, coin);
        } else if refused || !self.listens(target, port) {
            if refused && self.listens(target, port) {
                self.count(Effect::DialRefused);
            }
            let way = self.way_time(conn.other());
            self.queue.push(self.now + way, Action::DialFails { conn, why: DialFailure::Refused });
        } else if given_up && coin {
            // The dialler is gone; half of the time the listener never hears of it.
            self.dial_fails(conn, DialFailure::TimedOut);
        } else if let Some(target) = target {
            self.accept(conn, target, port, given_up);
        }
    }

    pub(super) fn syn_ack(&mut self, conn: Conn) {
        let Some(link) = self.links.get(conn) else { return };
        let (near, far) = link.ends(conn);
        let (Some(from), Some(target), state) = (near.host, far.host, near.state) else { return };
        match state {
            EndState::Open => {}
            EndState::Gone => self.launch_mark(conn, Freight::Reset),
            EndState::Opening if !self.ways_meet(from, target) => {
                if self.now >= link.dialled + self.settings.dial_timeout {
                    self.dialler_gives_up(conn);
                } else {
                    self.queue.push(self.now + Duration::from_secs(1), Action::SynAck { conn });
                }
            }
            EndState::Opening => self.open_dialler(conn, from),
        }
    }

    /// The dialling end is open from now on.
    pub(super) fn open_dialler(&mut self, conn: Conn, host: HostId) {
        if let Some(link) = self.links.get_mut(conn) {
            link.ends_mut(conn).0.state = EndState::Open;
        }
        self.record(Some(host), What::Connects { link: conn.number() });
        self.tell(host, Event::Connected { conn });
    }

    /// Neither end gets anywhere: the dialler is told, the other one never knew.
    pub(super) fn dial_fails(&mut self, conn: Conn, why: DialFailure) {
        if let Some(link) = self.links.get_mut(conn) {
            link.ends_mut(conn).1.state = EndState::Gone;
        }
        self.end_dial(conn, why);
    }

    /// The dialler gives up while the other end is open and does not know.
    fn dialler_gives_up(&mut self, conn: Conn) {
        self.end_dial(conn, DialFailure::TimedOut);
    }

    fn end_dial(&mut self, conn: Conn, why: DialFailure) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let near = link.ends_mut(conn).0;
        let (waiting, host) = (near.state == EndState::Opening, near.host);
        near.state = EndState::Gone;
        if waiting {
            self.record(host, What::DialFails { link: conn.number(), why });
            self.unlist_conn(conn);
            if let Some(host) = host {
                self.tell(host, Event::DialFailed { conn, why });
            }
        }
        self.links.sweep(conn);
    }

    fn accept(&mut self, conn: Conn, target: HostId, port: u16, dialler_left: bool) {
        let other = conn.other();
        let back = self.way_time(other);
        let Some(link) = self.links.get_mut(conn) else { return };
        let (near, far) = link.ends_mut(conn);
        far.state = EndState::Open;
        // What the listener sends arrives after the dialler knows that it is open.
        far.out.last_arrival = self.now + back;
        let peer = near.addr();
        self.list_conn(target, other);
        self.record(Some(target), What::Accepts { link: other.number(), port });
        self.tell(target, Event::Accepted { conn: other, port, peer });
        if dialler_left {
            self.launch_mark(conn, Freight::End);
        } else {
            self.queue.push(self.now + back, Action::SynAck { conn });
        }
    }

    /// Nobody answered this attempt: the next one follows as systems do it, after 1, 2, 4... seconds.
    fn syn_unanswered(&mut self, conn: Conn, attempt: u32, coin: bool) {
        let Some(link) = self.links.get(conn) else { return };
        let (near, far) = link.ends(conn);
        let deadline = link.dialled + self.settings.dial_timeout;
        let next = self.now + Duration::from_secs(1 << attempt.min(16));
        let nobody = far.host.and_then(|host| self.host(host)).is_none_or(|host| {
            host.state == HostState::Off || (!host.address_is_up(far.ip) && !far.ip.is_loopback())
        });
        let (at, action) = if near.state == EndState::Gone {
            (self.now, Action::DialFails { conn, why: DialFailure::TimedOut })
        } else if nobody && coin && attempt >= 2 {
            // No machine answers for the address on this network: systems say so after some seconds, or not
            // at all.
            (self.now, Action::DialFails { conn, why: DialFailure::Unreachable })
        } else if next >= deadline {
            (deadline.max(self.now), Action::DialFails { conn, why: DialFailure::TimedOut })
        } else {
            (next, Action::Syn { conn, attempt: attempt + 1 })
        };
        self.queue.push(at, action);
    }

    /// Whether a packet from one host reaches the machine that has the address.
    fn machine_answers(&self, from: Option<HostId>, target: Option<HostId>, ip: IpAddr) -> bool {
        let (Some(from), Some(target)) = (from, target) else { return false };
        let Some(there) = self.host(target) else { return false };
        self.ways_meet(from, target)
            && there.state != HostState::Off
            && (ip.is_loopback() || there.address_is_up(ip))
    }

    fn listens(&self, target: Option<HostId>, port: u16) -> bool {
        target
            .and_then(|target| self.host(target))
            .is_some_and(|there| there.is_running() && there.ports.get(&port) == Some(&PortUse::Node))
    }

    /// How long a packet of this end takes, drawn from the end's own stream.
    fn way_time(&mut self, conn: Conn) -> Duration {
        let Some(link) = self.links.get_mut(conn) else { return Duration::ZERO };
        let (near, far) = link.ends_mut(conn);
        if near.host == far.host {
            return Duration::from_micros(20);
        }
        let host = near.host.and_then(|host| self.hosts.get(host.index()));
        host.map_or(Duration::ZERO, |host| host.profile.delay + near.out.rng.span(host.profile.jitter))
    }

    /// Sends a mark that follows everything sent before it.
    pub(super) fn launch_mark(&mut self, conn: Conn, what: Freight) {
        let way = self.way_time(conn);
        let Some(host) = self.links.get(conn).and_then(|link| link.ends(conn).0.host) else { return };
        let at = self.local_now(host);
        let Some(link) = self.links.get_mut(conn) else { return };
        let out = &mut link.ends_mut(conn).0.out;
        let arrives = (at.max(out.free_at) + way).max(after(out.last_arrival));
        out.launch(Segment { arrives, what });
        self.schedule_arrival(conn);
    }
}

/// The first moment after `time`: segments of one direction arrive one by one.
pub(super) fn after(time: Time) -> Time {
    time + Duration::from_nanos(1)
}
