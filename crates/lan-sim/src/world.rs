//! The world: hosts with a node on each, and the loop that lets things happen one at a time.

use std::fmt;
use std::time::Duration;

use crate::ctx::HostCtx;
use crate::disk::Disk;
use crate::event::Event;
use crate::fault::{Crash, DiskFate, Effect, Fault, FaultCounts};
use crate::host::{HostId, HostSpec, HostState};
use crate::link::Conn;
use crate::net::{Action, Letter, Net, Settings};
use crate::profile::{BusProfile, DatagramProfile, LinkProfile};
use crate::time::Time;
use crate::trace::{Trace, What};

/// What runs on a host: an adaptor around a sans-IO state machine, a double of somebody else's product, or a
/// toy.
///
/// For a core with `step(now, input)` and `deadline()` it is this much: turn the event into inputs, step,
/// turn the outputs into calls of `net`, and pass the deadline on.
pub trait Node {
    /// Something happened. What the node does about it happens now, or where its disk takes time, soon.
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>);

    /// When it wants [`Event::Wake`], asked after every event; one that is past is due at once. A node whose
    /// deadline is still not in the future after a wake-up is woken again one microsecond later and counted
    /// in [`World::spins`]: time passes even for a node that never gets done.
    fn deadline(&self) -> Option<Time> {
        None
    }
}

impl<N: Node + ?Sized> Node for Box<N> {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        (**self).handle(event, net);
    }

    fn deadline(&self) -> Option<Time> {
        (**self).deadline()
    }
}

/// Makes a host's node at each start: reads its disk, listens, announces, browses.
type Birth<N> = Box<dyn FnMut(&mut HostCtx<'_>) -> N>;

/// One thing that happened in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// When.
    pub at: Time,
    /// The host whose node was told of it, or that started; `None` for what concerns no node.
    pub host: Option<HostId>,
}

/// A deterministic world. `N` is the kind of node: an enum or `Box<dyn Node>` where there are several.
pub struct World<N> {
    net: Net,
    places: Vec<Place<N>>,
    delivered: u64,
    actions: u64,
    spins: u64,
}

struct Place<N> {
    node: Option<N>,
    /// The node as it was when its host stopped, until the next start.
    fallen: Option<N>,
    birth: Birth<N>,
}

impl<N: Node> World<N> {
    /// An empty world.
    pub fn new(settings: Settings) -> Self {
        Self { net: Net::new(settings), places: Vec::new(), delivered: 0, actions: 0, spins: 0 }
    }

    /// Adds a host. It starts now, or when its specification says; `birth` makes its node at this and every
    /// later start.
    pub fn add_host(&mut self, spec: HostSpec, birth: impl FnMut(&mut HostCtx<'_>) -> N + 'static) -> HostId {
        let boots_at = spec.boots_at;
        let host = self.net.add_host(spec);
        self.places.push(Place { node: None, fallen: None, birth: Box::new(birth) });
        match boots_at {
            Some(at) => self.net.queue.push(at.max(self.net.now), Action::Boot { host, boot: 0 }),
            None => self.boot(host),
        }
        host
    }

    /// Lets the next thing happen: one event for one node, or something that concerns none. `None` when
    /// nothing will ever happen again.
    pub fn step(&mut self) -> Option<Stepped> {
        if let Some(letter) = self.net.pending.pop_front() {
            return Some(self.deliver(letter));
        }
        let (at, action) = self.net.queue.pop()?;
        self.net.now = self.net.now.max(at);
        self.actions += 1;
        match action {
            Action::Wake { host } => return Some(self.wake(host)),
            Action::Drain { host } => self.drain(host),
            Action::Boot { host, boot } => {
                if self.net.host(host).is_some_and(|there| there.boot == boot && !there.is_running()) {
                    self.boot(host);
                    return Some(Stepped { at: self.net.now, host: Some(host) });
                }
            }
            other => self.net.process(other),
        }
        match self.net.pending.pop_front() {
            Some(letter) => Some(self.deliver(letter)),
            None => Some(Stepped { at: self.net.now, host: None }),
        }
    }

    /// As [`World::step`], for what happens not later than `until`.
    pub fn step_until(&mut self, until: Time) -> Option<Stepped> {
        let due = !self.net.pending.is_empty() || self.net.queue.next_at().is_some_and(|at| at <= until);
        if due { self.step() } else { None }
    }

    /// Lets everything happen that happens not later than `until`; it is `until` then.
    pub fn run_until(&mut self, until: Time) {
        while self.step_until(until).is_some() {}
        self.net.now = self.net.now.max(until);
    }

    /// As [`World::run_until`], from now on.
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(self.net.now + span);
    }

    /// Steps until `done`, for at most `span`. Returns whether it came to that.
    pub fn run_until_true(&mut self, span: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.net.now + span;
        loop {
            if done(self) {
                return true;
            }
            if self.step_until(until).is_none() {
                self.net.now = until;
                return done(self);
            }
        }
    }

    /// Moves the clock to `at` without anything happening; for what a schedule does between steps. Not
    /// backwards, and not past what is due.
    pub(crate) fn advance_to(&mut self, at: Time) {
        self.net.now = self.net.now.max(at);
    }

    /// Lets the owner of the world do something with a host's node, now, even while the host is paused or
    /// busy: a user's click, a look inside. `None` when it does not run.
    pub fn with<R>(&mut self, host: HostId, act: impl FnOnce(&mut N, &mut HostCtx<'_>) -> R) -> Option<R> {
        let node = self.places.get_mut(host.index())?.node.as_mut()?;
        let result = act(node, &mut HostCtx::new(&mut self.net, host));
        self.settle(host);
        Some(result)
    }

    /// Injects a fault. Returns whether there was something to break.
    pub fn inject(&mut self, fault: &Fault) -> bool {
        let Fault::Crash { host, how, down, disk } = *fault else { return self.net.order(fault) };
        if !self.crash(host, how) {
            return false;
        }
        self.net.note_fault(fault);
        let Some(there) = self.net.host(host) else { return true };
        if disk == DiskFate::Wiped {
            there.disk.wipe();
        }
        let boot = there.boot;
        if let Some(down) = down {
            self.net.queue.push(self.net.now + down, Action::Boot { host, boot });
        }
        true
    }

    /// Stops a host. Returns whether it ran. Not counted as a fault; see [`World::inject`].
    pub fn crash(&mut self, host: HostId, how: Crash) -> bool {
        if !self.net.host(host).is_some_and(|there| there.is_running()) {
            return false;
        }
        self.net.stop_host(host, how);
        if let Some(place) = self.places.get_mut(host.index()) {
            place.fallen = place.node.take();
        }
        true
    }

    /// Starts a host that does not run, now. Returns whether it did not.
    pub fn restart(&mut self, host: HostId) -> bool {
        let stopped = self.net.host(host).is_some_and(|there| !there.is_running());
        if stopped {
            self.boot(host);
        }
        stopped
    }

    /// Ends all faults that last: partitions, troubles, pauses; and starts the hosts that stopped. Stalls and
    /// silent links stay.
    pub fn heal(&mut self) {
        for id in self.net.undo.keys().copied().collect::<Vec<_>>() {
            self.net.end_fault(id);
        }
        let now = self.net.now;
        for host in self.hosts() {
            if let Some(there) = self.net.host_mut(host).filter(|there| there.busy_until > Time::ZERO) {
                there.busy_until = there.busy_until.min(now);
                self.net.queue.push(now, Action::Drain { host });
                self.queue_wake(host);
            }
            if self.net.host(host).is_some_and(|there| there.boot > 0) {
                self.restart(host);
            }
        }
    }

    /// Gives a host another network from now on, below the troubles it has.
    pub fn set_profile(&mut self, host: HostId, profile: LinkProfile) {
        if let Some(there) = self.net.host_mut(host) {
            there.base_profile = profile;
            there.apply_troubles();
        }
        self.net.windows_changed(host);
    }

    /// Has datagrams fare otherwise from now on.
    pub fn set_datagrams(&mut self, profile: DatagramProfile) {
        self.net.settings.datagrams = profile;
    }

    /// Has what is announced be heard otherwise from now on.
    pub fn set_bus(&mut self, profile: BusProfile) {
        self.net.settings.bus = profile;
    }

    /// The time.
    pub const fn now(&self) -> Time {
        self.net.now
    }

    /// The node of a host, while it runs.
    pub fn node(&self, host: HostId) -> Option<&N> {
        self.places.get(host.index())?.node.as_ref()
    }

    /// The node of a host that stopped, as it was then, until the next start.
    pub fn fallen(&self, host: HostId) -> Option<&N> {
        self.places.get(host.index())?.fallen.as_ref()
    }

    /// All hosts.
    pub fn hosts(&self) -> impl DoubleEndedIterator<Item = HostId> + ExactSizeIterator + use<N> {
        (0..u32::try_from(self.places.len()).unwrap_or(u32::MAX)).map(HostId)
    }

    /// All nodes that run.
    pub fn nodes(&self) -> impl Iterator<Item = (HostId, &N)> {
        (0..).map(HostId).zip(&self.places).filter_map(|(host, place)| Some((host, place.node.as_ref()?)))
    }

    /// Whether a host runs.
    pub fn state(&self, host: HostId) -> Option<HostState> {
        self.net.host(host).map(|there| there.state)
    }

    /// The ends that a host has, in no particular order.
    pub fn conns(&self, host: HostId) -> &[Conn] {
        self.net.host(host).map_or(&[], |there| &there.conns)
    }

    /// How many links there are, dials and half-open ones included.
    pub const fn links(&self) -> usize {
        self.net.links.open()
    }

    /// A host's disk.
    pub fn disk(&self, host: HostId) -> Option<&Disk> {
        self.net.host(host).map(|there| &there.disk)
    }

    /// The name of a host.
    pub fn name(&self, host: HostId) -> Option<&str> {
        self.net.host(host).map(|there| &*there.name)
    }

    /// The record of what happened.
    pub const fn trace(&self) -> &Trace {
        &self.net.trace
    }

    /// How often each fault was injected and each effect happened, those of the disks included.
    pub fn counts(&self) -> FaultCounts {
        let mut counts = self.net.counts.clone();
        for host in &self.net.hosts {
            let disk = host.disk.counts();
            counts.count(Effect::DiskFailed, disk.failed);
            counts.count(Effect::DiskNoRoom, disk.no_room);
            counts.count(Effect::DiskTorn, disk.torn);
        }
        counts
    }

    /// How many events nodes were told.
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many entries of the queue were worked off: arrivals, wake-ups, ends of faults.
    pub const fn actions(&self) -> u64 {
        self.actions
    }

    /// How many entries the queue has.
    pub fn queued(&self) -> usize {
        self.net.queue.len()
    }

    /// How often a node asked to be woken at a time that was not in the future.
    pub const fn spins(&self) -> u64 {
        self.spins
    }

    fn boot(&mut self, host: HostId) {
        let Some(there) = self.net.host_mut(host) else { return };
        there.state = HostState::Running;
        there.boot += 1;
        let boot = there.boot;
        self.net.record(Some(host), What::Boots { boot });
        self.net.unstick_all();
        if let Some(place) = self.places.get_mut(host.index()) {
            place.fallen = None;
            place.node = Some((place.birth)(&mut HostCtx::new(&mut self.net, host)));
        }
        self.settle(host);
    }

    fn deliver(&mut self, letter: Letter) -> Stepped {
        let Letter { host, boot, event } = letter;
        let stepped = Stepped { at: self.net.now, host: Some(host) };
        let now = self.net.now;
        let Some(there) = self.net.host_mut(host).filter(|there| there.boot == boot && there.is_running())
        else {
            return stepped;
        };
        if there.busy_until > now || !there.inbox.is_empty() {
            if there.inbox.is_empty() {
                let at = there.busy_until;
                there.inbox.push_back(event);
                self.net.queue.push(at, Action::Drain { host });
            } else {
                there.inbox.push_back(event);
            }
            return Stepped { host: None, ..stepped };
        }
        self.hand_over(host, event);
        stepped
    }

    fn hand_over(&mut self, host: HostId, event: Event) {
        let Some(node) = self.places.get_mut(host.index()).and_then(|place| place.node.as_mut()) else {
            return;
        };
        self.delivered += 1;
        node.handle(event, &mut HostCtx::new(&mut self.net, host));
        self.settle(host);
    }

    /// Charges the time the node took and asks for its deadline.
    fn settle(&mut self, host: HostId) {
        let now = self.net.now;
        let Some(there) = self.net.host_mut(host) else { return };
        let spent = there.disk.take_spent();
        if !spent.is_zero() {
            there.busy_until = there.busy_until.max(now + spent);
            let nanos = crate::time::nanos(spent);
            self.net.record(Some(host), What::SpendsTime { nanos });
        }
        self.queue_wake(host);
    }

    /// Queues a wake-up, unless one is queued that is early enough.
    fn queue_wake(&mut self, host: HostId) {
        let Some(node) = self.places.get(host.index()).and_then(|place| place.node.as_ref()) else { return };
        let Some(deadline) = node.deadline() else { return };
        let now = self.net.now;
        let Some(there) = self.net.host_mut(host) else { return };
        let at = deadline.max(there.busy_until).max(now);
        if there.wake_queued.is_none_or(|queued| at < queued) {
            there.wake_queued = Some(at);
            self.net.queue.push(at, Action::Wake { host });
        }
    }

    fn wake(&mut self, host: HostId) -> Stepped {
        let now = self.net.now;
        let nothing = Stepped { at: now, host: None };
        let Some(there) = self.net.host_mut(host).filter(|there| there.wake_queued == Some(now)) else {
            return nothing;
        };
        there.wake_queued = None;
        let busy = there.busy_until > now;
        let deadline = self.node(host).and_then(Node::deadline);
        if busy || deadline.is_none_or(|deadline| deadline > now) {
            self.queue_wake(host);
            return nothing;
        }
        self.net.record(Some(host), What::Wakes);
        if let Some(node) = self.places.get_mut(host.index()).and_then(|place| place.node.as_mut()) {
            self.delivered += 1;
            node.handle(Event::Wake, &mut HostCtx::new(&mut self.net, host));
            if node.deadline().is_some_and(|deadline| deadline <= now) {
                self.spins += 1;
                if let Some(there) = self.net.host_mut(host) {
                    there.busy_until = there.busy_until.max(now + Duration::from_micros(1));
                }
            }
        }
        self.settle(host);
        Stepped { at: now, host: Some(host) }
    }

    /// What waited for a busy host is due, before anything newer.
    fn drain(&mut self, host: HostId) {
        let now = self.net.now;
        let Some(there) = self.net.host_mut(host).filter(|there| !there.inbox.is_empty()) else { return };
        if there.busy_until > now {
            let at = there.busy_until;
            return self.net.queue.push(at, Action::Drain { host });
        }
        let boot = there.boot;
        let inbox = std::mem::take(&mut there.inbox);
        for event in inbox.into_iter().rev() {
            self.net.pending.push_front(Letter { host, boot, event });
        }
    }
}

impl<N> fmt::Debug for World<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.net.now)
            .field("hosts", &self.places.len())
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}
