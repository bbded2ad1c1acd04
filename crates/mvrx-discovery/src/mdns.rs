//! [`MdnsDiscovery`]: stations found and announced by multicast DNS (RFC 6762, RFC 6763), with mdns-sd as responder and querier.
//!
//! ```text
//!  network ⇄ mdns-sd's thread ─ resolved, removed ─► Sightings ─ events ─► next()
//!                 ▲  └───────── errors, renames ───────────────────────►
//!                 └─ browse, register, verify ── MdnsDiscovery ◄── advertise, withdraw, suspect
//! ```
//!
//! It announces one instance `Station.Group` under `_mvrxchange._tcp.local.` and `Station` under the group's own type
//! `Group._mvrxchange._tcp.local.`, and looks for both types. Table 65 is the TXT record. What the names of others mean is
//! [`InstanceName`](crate::InstanceName)'s, who is who the table of sightings'. It deliberately does not know groups to join: it shows all.
//!
//! Rules the caller keeps: those of [`Discovery`](crate::Discovery); [`next`](crate::Discovery::next) is polled within a tokio runtime with time enabled.
//!
//! Limits: [`MdnsOptions::limits`] bounds what is held here. mdns-sd's own cache has no bound but the TTLs of what others announce.
//!
//! What mdns-sd does not do, and what is done about it:
//! * it pairs the newest SRV and TXT record of an instance name that several stations share, so a sighting may have addresses of
//!   another station of its group as further choices: JOIN_RET's StationUUID decides;
//! * it detects no conflict of names with a dot in them: a namesake that is seen makes this station change its name;
//! * it takes a goodbye for a shared name as the end of all its stations: that is not believed, all are asked anew;
//! * its goodbye for one group takes the host's addresses back too, and the announcement for the other brings them again: who hears that more
//!   than a second later, on a busy machine, sees the station go and come;
//! * it repeats the first announcement only for names in lower case: it is repeated here;
//! * it knows types of 30 bytes at most: longer groups are announced under the base type only.

use std::fmt;
use std::future;
use std::time::Duration;

use mdns_sd::{DaemonEvent, Error, IfKind, RRType, Receiver, ServiceDaemon, ServiceEvent};
use mvrx_message::SERVICE_TYPE;
use tokio::time::{Instant, sleep_until};

use crate::instance::Announced;
use crate::queue::EventQueue;
use crate::sightings::{Observed, Removal, Sightings};
use crate::{Advertisement, DiscoveryError, DiscoveryProblem, SightingKey};

mod browser;
mod discovery;
mod here;
mod options;
mod registration;

use browser::Browser;
use here::Here;
pub use options::{Interface, Interfaces, MdnsOptions, Requery};
use registration::{
    LONGEST_GROUP_TYPE, LONGEST_SERVICE_NAME, Registration, announced_group_type, group_type,
};

/// Discovery by mDNS. Has a thread of its own, which ends with it.
pub struct MdnsDiscovery {
    daemon: ServiceDaemon,
    monitor: Receiver<DaemonEvent>,
    options: MdnsOptions,
    here: Here,
    table: Sightings,
    queue: EventQueue,
    base: Browser,
    group: Option<Browser>,
    registration: Option<Registration>,
    /// The second one while the group is changed.
    also: Option<Registration>,
    announce_again: Repeat,
    generation: u64,
    /// Who has not answered by then in this generation is gone.
    sweep: Option<(Instant, u64)>,
    verifying: Vec<(SightingKey, Instant)>,
    renamed: Option<DiscoveryProblem>,
    stopped: bool,
}

/// RFC 6762, 8.3: an announcement is said at least twice, a second apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// After the first one is out.
    AfterFirst,
    At(Instant),
    Done,
}

enum Woken {
    Base(Option<(u64, ServiceEvent)>),
    Group(Option<(u64, ServiceEvent)>),
    Monitor(Option<DaemonEvent>),
    Due,
}

impl MdnsDiscovery {
    /// Begins to look for stations.
    ///
    /// # Errors
    /// When the responder's thread cannot be started. What the network does not allow comes later, as [`DiscoveryProblem`]s.
    pub fn start(options: MdnsOptions) -> Result<Self, DiscoveryError> {
        let daemon = ServiceDaemon::new_with_port(options.udp_port).map_err(refusal)?;
        let started = Self::set_up(daemon.clone(), options);
        if started.is_err() {
            let _ = daemon.shutdown();
        }
        started
    }

    fn set_up(daemon: ServiceDaemon, options: MdnsOptions) -> Result<Self, DiscoveryError> {
        let monitor = daemon.monitor().map_err(refusal)?;
        choose_interfaces(&daemon, &options.interfaces).map_err(refusal)?;
        daemon.set_service_name_len_max(LONGEST_SERVICE_NAME).map_err(refusal)?;
        let mut base = Browser::new(SERVICE_TYPE.to_owned(), options.requery.clone());
        base.ask(&daemon, 0).map_err(refusal)?;
        let mut this = Self {
            daemon,
            monitor,
            here: Here::default(),
            table: Sightings::new(options.limits.clone()),
            queue: EventQueue::new(options.limits.queued_events),
            base,
            group: None,
            registration: None,
            also: None,
            announce_again: Repeat::Done,
            generation: 0,
            sweep: None,
            verifying: Vec::new(),
            renamed: None,
            stopped: false,
            options,
        };
        this.look_around();
        Ok(this)
    }

    fn look_around(&mut self) {
        self.here = Here::look();
        self.table.set_networks(self.here.networks());
    }

    /// Waits for anything to happen. Cancel-safe: what has happened is taken only as the result.
    async fn wait(&mut self) -> Woken {
        let due = self.due();
        tokio::select! {
            heard = self.base.next() => Woken::Base(heard),
            heard = next_of(self.group.as_mut()) => Woken::Group(heard),
            event = self.monitor.recv_async() => Woken::Monitor(event.ok()),
            () = sleep_until(due) => Woken::Due,
        }
    }

    fn due(&self) -> Instant {
        let repeat = if let Repeat::At(at) = self.announce_again { Some(at) } else { None };
        let group = self.group.as_ref().map(Browser::ask_at);
        let sweep = self.sweep.map(|(at, _)| at);
        [repeat, group, sweep].into_iter().flatten().fold(self.base.ask_at(), Instant::min)
    }

    fn handle(&mut self, woken: Woken) {
        match woken {
            Woken::Base(Some((generation, event))) | Woken::Group(Some((generation, event))) => {
                self.heard(event, generation);
            }
            // The stream overflowed while nobody polled; asking again replays what the daemon knows.
            Woken::Base(None) => {
                let asked = self.base.ask(&self.daemon, self.generation);
                self.check(asked);
            }
            Woken::Group(None) => self.ask_group(),
            Woken::Monitor(Some(event)) => self.told(event),
            Woken::Monitor(None) => self.stop(),
            Woken::Due => self.on_time(),
        }
    }

    fn heard(&mut self, event: ServiceEvent, generation: u64) {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let mut observation = self.here.observation(&service);
                if !observation.same_host && self.table.is_own(observation.txt.station) {
                    // Before another host is said to have our StationUUID: maybe this one has a new address.
                    self.look_around();
                    observation = self.here.observation(&service);
                }
                if self.table.observe(&observation, generation, &mut self.queue) == Observed::Namesake {
                    self.give_way();
                }
            }
            ServiceEvent::ServiceRemoved(_, owner) => {
                let removal = self.table.removed(&owner, &mut self.queue);
                if removal == Removal::Shared {
                    self.ask_all_anew();
                }
            }
            _ => {}
        }
    }

    fn told(&mut self, event: DaemonEvent) {
        match event {
            DaemonEvent::Announce(name, _) => {
                let ours = self.registration.as_ref().is_some_and(|registration| registration.has(&name));
                if ours && self.announce_again == Repeat::AfterFirst {
                    self.announce_again = Repeat::At(Instant::now() + ANNOUNCE_GAP);
                }
            }
            DaemonEvent::Error(error) => {
                self.queue.problem(DiscoveryProblem::ResponderError { text: error.to_string() });
            }
            DaemonEvent::IpAdd(_) | DaemonEvent::IpDel(_) => self.look_around(),
            DaemonEvent::NameChange(change) if matches!(change.rr_type, RRType::A | RRType::AAAA) => {
                let renamed = DiscoveryProblem::HostRenamed { from: change.original, to: change.new_name };
                // Once for each interface and record.
                if self.renamed.as_ref() != Some(&renamed) {
                    self.renamed = Some(renamed.clone());
                    self.queue.problem(renamed);
                }
            }
            DaemonEvent::NameChange(_) => self.give_way(),
            _ => {}
        }
    }

    // req: DIS-REQUERY
    fn on_time(&mut self) {
        let now = Instant::now();
        if self.base.ask_at() <= now && !self.base.is_fast() && self.table.has_shared() {
            // Of several stations with one name the goodbye of one is not noticed: the others' answers keep its records alive.
            self.ask_all_anew();
        }
        if self.base.ask_at() <= now {
            let asked = self.base.ask(&self.daemon, self.generation);
            self.check(asked);
        }
        if self.group.as_ref().is_some_and(|group| group.ask_at() <= now) {
            self.ask_group();
        }
        if let Repeat::At(at) = self.announce_again
            && at <= now
        {
            self.announce_again = Repeat::Done;
            let again =
                self.registration.as_ref().map_or(Ok(()), |registration| registration.register(&self.daemon));
            self.check(again);
        }
        if let Some((_, generation)) = self.sweep.take_if(|(at, _)| *at <= now) {
            self.table.sweep(generation, &mut self.queue);
        }
    }

    fn ask_group(&mut self) {
        let asked = self.group.as_mut().map_or(Ok(()), |group| group.ask(&self.daemon, self.generation));
        self.check(asked);
    }

    /// Forgets what the daemon knows and asks who is there; who does not answer in time is gone.
    fn ask_all_anew(&mut self) {
        if self.sweep.is_some() {
            return;
        }
        let next = self.generation + 1;
        let mut forgot = self.base.ask_anew(&self.daemon, next);
        if let (Ok(true), Some(group)) = (&forgot, &mut self.group) {
            forgot = group.ask_anew(&self.daemon, next);
        }
        match forgot {
            Ok(true) => {
                self.generation = next;
                self.sweep = Some((Instant::now() + self.options.verify_timeout, next));
            }
            Ok(false) => self.check(Err(Error::Again)),
            Err(error) => self.check(Err(error)),
        }
    }

    /// Another station has our instance name: take one that it cannot have. Both may do so; neither is seen as the other then.
    fn give_way(&mut self) {
        let Some(registration) = &self.registration else { return };
        let Ok(announced) = Announced::beside_namesake(&registration.advertisement) else { return };
        if announced.instance == registration.announced.instance {
            return;
        }
        let (taken, now) = (registration.announced.instance.clone(), announced.instance.clone());
        let advertisement = registration.advertisement.clone();
        self.queue.problem(DiscoveryProblem::InstanceNameTaken { taken, now });
        let replaced = Registration::new(&advertisement, announced).and_then(|next| self.replace(next));
        if let Err(error) = replaced {
            self.queue.problem(DiscoveryProblem::ResponderError { text: error.to_string() });
        }
    }

    fn replace(&mut self, next: Registration) -> Result<(), DiscoveryError> {
        if let Some(before) = &self.registration {
            // First: a goodbye names the host too, and the announcement that follows brings it back.
            before.unregister(&self.daemon, Some(&next)).map_err(refusal)?;
        }
        next.register(&self.daemon).map_err(refusal)?;
        let Advertisement { station, port, .. } = next.advertisement;
        self.table.set_own(station, &[&next.announced.instance], port, &mut self.queue);
        self.registration = Some(next);
        self.announce_again = Repeat::AfterFirst;
        Ok(())
    }

    // req: DIS-SUBSERVICE
    fn look_for_group(&mut self, advertisement: &Advertisement) {
        if announced_group_type(&advertisement.group).is_none() {
            let bytes = advertisement.group.as_str().len();
            self.queue.problem(DiscoveryProblem::GroupTypeNotAnnounced { bytes, max: LONGEST_GROUP_TYPE });
        }
        let wanted = group_type(&advertisement.group);
        if self.group.as_ref().map(Browser::service_type) == wanted.as_deref() {
            return;
        }
        let before = self.group.take();
        self.group = wanted.map(|wanted| Browser::new(wanted, self.options.requery.clone()));
        if let Some(before) = before {
            // The daemon forgets the instances of the former group with its type, though they are under the base type as well.
            let stopped = self.daemon.stop_browse(before.service_type());
            self.check(stopped);
            self.ask_all_anew();
        }
    }

    fn check(&mut self, done: Result<(), Error>) {
        match done {
            Ok(()) => {}
            Err(Error::DaemonShutdown) => self.stop(),
            Err(error) => self.queue.problem(DiscoveryProblem::ResponderError { text: error.to_string() }),
        }
    }

    fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.queue.problem(DiscoveryProblem::ResponderStopped);
        }
    }
}

impl fmt::Debug for MdnsDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MdnsDiscovery")
            .field("options", &self.options)
            .field("registration", &self.registration)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

async fn next_of(browser: Option<&mut Browser>) -> Option<(u64, ServiceEvent)> {
    match browser {
        Some(browser) => browser.next().await,
        None => future::pending().await,
    }
}

// req: DIS-LOOPBACK-ONLY
fn choose_interfaces(daemon: &ServiceDaemon, interfaces: &Interfaces) -> Result<(), Error> {
    let chosen = match interfaces {
        Interfaces::All => return Ok(()),
        Interfaces::LoopbackOnly => vec![IfKind::LoopbackV4],
        Interfaces::Only(chosen) => chosen
            .iter()
            .map(|one| match one {
                Interface::Name(name) => IfKind::Name(name.clone()),
                Interface::Address(address) => IfKind::Addr(*address),
            })
            .collect(),
    };
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(chosen)
}

fn refusal(error: Error) -> DiscoveryError {
    match error {
        Error::Again => DiscoveryError::ResponderBusy,
        Error::DaemonShutdown => DiscoveryError::ResponderStopped,
        error => DiscoveryError::ResponderRefused { reason: error.to_string() },
    }
}

/// A record is not sent twice within a second.
const ANNOUNCE_GAP: Duration = Duration::from_millis(1200);

#[cfg(test)]
mod tests;
