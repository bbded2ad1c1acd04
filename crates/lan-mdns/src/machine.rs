//! The machine's state, and the door through which everything comes in.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::cache::Cache;
use crate::claims::Farewell;
use crate::config::Config;
use crate::io::{Input, LinkId, Output, ServiceId, To};
use crate::links::LinkState;
use crate::query::{Browse, Wanted};
use crate::record::Kind;
use crate::rng::Rng;
use crate::service::Registered;
use crate::{Name, NameError};

/// Responder, querier and cache. See the crate's page for its contract.
#[derive(Debug)]
pub struct Mdns {
    pub(crate) config: Config,
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) links: BTreeMap<LinkId, LinkState>,
    pub(crate) services: BTreeMap<ServiceId, Registered>,
    pub(crate) farewells: Vec<Farewell>,
    pub(crate) cache: Cache,
    pub(crate) browses: BTreeMap<Name, Browse>,
    pub(crate) wanted: BTreeMap<(LinkId, Name, Kind), Wanted>,
    pub(crate) datagrams: u64,
    pub(crate) counts: Counts,
    pub(crate) out: VecDeque<Output>,
}

/// How often something happened that nobody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Datagrams that came in.
    pub datagrams: u64,
    /// Those of them that were no DNS messages.
    pub malformed: u64,
    /// Those of them that came to us alone from beyond the link, answers from another port, and questions from another port and network.
    pub foreign: u64,
    /// Records that made room for others, or found none.
    pub evicted: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// How often a record held was looked at: the work that others cause.
    pub visited: u64,
}

/// What [`Mdns::step`] wants done, in order. What is not taken is lost.
#[derive(Debug)]
pub struct Outputs<'a>(&'a mut VecDeque<Output>);

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

impl Drop for Outputs<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Mdns {
    /// One that knows no link and does nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            rng: Rng::new(config.seed),
            config,
            now: Duration::ZERO,
            links: BTreeMap::new(),
            services: BTreeMap::new(),
            farewells: Vec::new(),
            cache: Cache::default(),
            browses: BTreeMap::new(),
            wanted: BTreeMap::new(),
            datagrams: 0,
            counts: Counts::default(),
            out: VecDeque::new(),
        }
    }

    /// Takes one thing that happened, and gives what is to be done now, in order.
    ///
    /// `now` counts from any moment and never goes backwards; an earlier one counts as the last one. A service whose names are no DNS
    /// names is not registered: ask [`check`](Self::check) before.
    pub fn step(&mut self, now: Duration, input: Input<'_>) -> Outputs<'_> {
        self.now = self.now.max(now);
        self.on_time();
        match input {
            Input::Time => {}
            Input::Datagram { link, source, unicast, bytes } => {
                self.on_datagram(link, source, unicast, bytes);
            }
            Input::LinkUp(link, info) => self.on_link(link, info),
            Input::LinkGone(link) => self.on_link_gone(link),
            Input::Woke => self.on_woke(),
            Input::Register(id, service) => self.on_register(id, *service),
            Input::Withdraw(id) => self.on_withdraw(id),
            Input::Browse(name) => self.on_browse(name),
            Input::StopBrowse(name) => self.on_stop_browse(&name),
            Input::BrowseTypes => self.on_browse_types(),
            Input::Ask => self.ask_again(),
            Input::Reconfirm(id) => self.on_reconfirm(id),
            Input::Pin(id) => self.on_pin(id),
        }
        self.on_time();
        Outputs(&mut self.out)
    }

    /// When [`step`](Self::step) has to be called at the latest, with [`Input::Time`] if nothing else happens; `None`: when something does.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let links = self.links.values().filter_map(LinkState::deadline);
        let claims = self.services.values().flat_map(|service| service.claims.values());
        let claims = claims.filter_map(|claim| claim.due);
        let farewells = self.farewells.iter().map(|farewell| farewell.due);
        let browses = self.browses.values().map(|browse| browse.due);
        let wanted = self.wanted.values().map(|wanted| wanted.due);
        links.chain(claims).chain(farewells).chain(browses).chain(wanted).chain(self.cache.deadline()).min()
    }

    /// Whether every goodbye is said, as far as this machine can tell.
    #[must_use]
    pub fn said_goodbye(&self) -> bool {
        self.farewells.is_empty()
    }

    /// Whether a service's names are DNS names.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn check(service: &crate::Service) -> Result<(), NameError> {
        Registered::new(service.clone()).map(|_| ())
    }

    /// The names by which a service is, or is about to be, announced: instance and host.
    #[must_use]
    pub fn names(&self, service: ServiceId) -> Option<(&Name, &Name)> {
        self.services.get(&service).map(|of| (&of.instance, &of.host))
    }

    /// Whether the first question for a type asks for answers to this host alone from now on ([`Config::unicast_first`]): other processes
    /// may come to the port and go.
    pub fn ask_unicast_first(&mut self, unicast: bool) {
        self.config.unicast_first = unicast;
    }

    /// What happened that nobody was told of.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { visited: self.cache.visited(), ..self.counts }
    }

    /// How many records of others are held.
    #[must_use]
    pub fn records_held(&self) -> usize {
        self.cache.entries.len()
    }

    fn on_time(&mut self) {
        self.on_claims_due();
        self.on_farewells_due();
        self.on_cache_due();
        self.on_browses_due();
        self.on_wanted_due();
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.on_held_due(link);
            self.on_replies_due(link);
            self.on_pending_due(link);
            self.on_asks_due(link);
        }
    }

    fn on_woke(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.claim_all(link);
        }
        self.doubt_all();
        self.ask_again();
    }

    /// Whether this is an address of ours on any link.
    pub(crate) fn is_this_host(&self, source: std::net::IpAddr) -> bool {
        self.links.values().any(|state| state.info.addresses.iter().any(|(ip, _)| *ip == source))
    }

    pub(crate) fn send(&mut self, link: LinkId, to: To, messages: Vec<Vec<u8>>) {
        for bytes in messages {
            self.counts.sent += 1;
            self.out.push_back(Output::Send { link, to, bytes });
        }
    }
}
