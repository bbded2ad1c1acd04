//! What is known of another station, and the lane on which we talk to it.
//!
//! A lane carries one JOIN, LEAVE or COMMIT at a time, in order; files have connections of their own, so that a COMMIT never waits behind a file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mvrx_message::{BridgeMark, FileUuid, MvrVersion, Product, QuirkSet, StationUuid};

use crate::change::Side;
use crate::released::ReleasedTold;
use crate::{ConnId, Membership, PlaceId};

/// A station as the application sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StationView<'a> {
    /// Its StationUUID.
    pub station: StationUuid,
    /// Its StationName.
    pub name: &'a str,
    /// Its application, empty as long as no JOIN told it.
    pub provider: &'a str,
    /// What we take that application for.
    pub product: Product,
    /// The MVR version it reads, as its JOIN told.
    pub version: MvrVersion,
    /// Where it stands.
    pub membership: Membership,
    /// Whether it answered the last time we tried.
    pub reachable: bool,
    /// Where it listens, the one that answered last first.
    pub addresses: Vec<SocketAddr>,
    /// It is a bridge, or one stands in for it, by the JOIN or JOIN_RET that came last under its name, or by the word of our session's host.
    pub bridge: Option<BridgeMark>,
}

/// Whom an exchange is with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Station(StationUuid),
    /// Somebody whose StationUUID the JOIN_RET will tell.
    Place(PlaceId),
    /// A station of a group that we left.
    Former(StationUuid),
}

/// What is to be said to a target, and what is being said.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) running: Option<ConnId>,
    pub(crate) join: bool,
    pub(crate) leave: bool,
    pub(crate) commits: VecDeque<(FileUuid, u32)>,
    /// Queued among those that wait for a free exchange.
    pub(crate) queued: bool,
    /// Failed exchanges in a row.
    pub(crate) failures: u32,
    /// A pause runs before the next try.
    pub(crate) pausing: bool,
}

impl Lane {
    /// Something waits, and nothing keeps it from being said now.
    pub(crate) fn has_something_to_say(&self) -> bool {
        let waits = self.leave || self.join || !self.commits.is_empty();
        waits && self.running.is_none() && !self.pausing
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) product: Product,
    pub(crate) version: MvrVersion,
    pub(crate) membership: Membership,
    pub(crate) side: Side,
    pub(crate) places: BTreeMap<PlaceId, Vec<SocketAddr>>,
    /// Discovery showed it once and no longer does.
    pub(crate) vanished: bool,
    /// It was told as left, and was no member since.
    pub(crate) told_as_left: bool,
    /// The address that answered last.
    pub(crate) good: Option<SocketAddr>,
    /// Addresses where another station answers in its place.
    pub(crate) wrong: BTreeSet<SocketAddr>,
    /// Where its messages came from.
    pub(crate) inbound_ips: BTreeSet<IpAddr>,
    /// How often in a row it refused our JOIN.
    pub(crate) refusals: u32,
    /// On which incoming connection its latest JOIN came, in the order in which they were made.
    pub(crate) joined_on: Option<u64>,
    /// When our JOIN was last accepted.
    pub(crate) join_accepted: Option<Duration>,
    /// It took our JOIN, or sent its own, since it is on its side.
    pub(crate) met: bool,
    /// While it has left: whatever group it may be shown in, it has left that one, too.
    pub(crate) left_every_group: bool,
    pub(crate) reachable: bool,
    pub(crate) lane: Lane,
    pub(crate) quirks: QuirkSet,
    pub(crate) bridge: Option<BridgeMark>,
    pub(crate) voices: Voices,
    pub(crate) released_told: ReleasedTold,
}

/// Who was heard under its name, by a JOIN or by taking ours, and has not said LEAVE since: the station itself, or bridges that stand in for
/// it. Who spoke last is the last one; the latest few are kept.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    heard: Vec<Option<BridgeMark>>,
}

impl Voices {
    pub(crate) fn spoke(&mut self, mark: Option<BridgeMark>) {
        // The station itself is one, whatever it says of itself.
        let itself = |mark: Option<BridgeMark>| !mark.is_some_and(|mark| mark.is_stand_in());
        self.heard.retain(|other| *other != mark && !(itself(mark) && itself(*other)));
        if self.heard.len() >= VOICES {
            self.heard.remove(0);
        }
        self.heard.push(mark);
    }

    /// A bridge says LEAVE: who spoke last of those that are there still.
    // req: BRG-24
    pub(crate) fn left(&mut self, bridge: BridgeMark) -> Option<Option<BridgeMark>> {
        self.heard.retain(|other| *other != Some(bridge));
        self.heard.last().copied()
    }

    pub(crate) fn all_left(&mut self) {
        self.heard.clear();
    }
}

impl Peer {
    pub(crate) fn new(membership: Membership, side: Side) -> Self {
        Self {
            name: String::new(),
            provider: String::new(),
            product: Product::Other,
            version: MvrVersion { major: 0, minor: 0 },
            membership,
            side,
            places: BTreeMap::new(),
            vanished: false,
            told_as_left: false,
            good: None,
            wrong: BTreeSet::new(),
            inbound_ips: BTreeSet::new(),
            refusals: 0,
            joined_on: None,
            join_accepted: None,
            met: false,
            left_every_group: false,
            reachable: true,
            lane: Lane::default(),
            quirks: QuirkSet::default(),
            bridge: None,
            voices: Voices::default(),
            released_told: ReleasedTold::default(),
        }
    }

    /// Where to try it, the address that answered last first, at most `limit`.
    pub(crate) fn addresses(&self, limit: usize) -> VecDeque<SocketAddr> {
        let mut all: VecDeque<SocketAddr> = VecDeque::new();
        let known = self.places.values().flatten().copied();
        for address in self.good.into_iter().chain(known) {
            if !self.wrong.contains(&address) && !all.contains(&address) && all.len() < limit {
                all.push_back(address);
            }
        }
        all
    }

    /// Notes where a message of this station came from; the newest few addresses are kept.
    pub(crate) fn heard_from(&mut self, ip: IpAddr) {
        if self.inbound_ips.len() >= INBOUND_IPS {
            self.inbound_ips.pop_first();
        }
        self.inbound_ips.insert(ip);
    }

    /// It never answered anything of ours, or has left: nothing but its own word shows that it exists.
    pub(crate) fn is_unproven(&self) -> bool {
        match self.membership {
            Membership::Sighted | Membership::Member => self.join_accepted.is_none() && self.good.is_none(),
            Membership::Left => {
                self.places.is_empty() || (self.join_accepted.is_none() && self.good.is_none())
            }
            Membership::Refused => false,
        }
    }

    /// Where it was told of first.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        let shown = || self.places.values().flatten().next().map(SocketAddr::ip);
        self.inbound_ips.first().copied().or_else(shown)
    }

    /// To our own kind LEAVE says its group, and to whom nothing was heard of yet: it had our JOIN alone, which said it, too.
    pub(crate) fn reads_group_of_leave(&self) -> bool {
        self.product == Product::Mvrx || self.provider.is_empty()
    }

    pub(crate) fn has_address(&self) -> bool {
        !self.addresses(1).is_empty()
    }

    /// It came by its own JOIN, and nothing has shown yet where it listens.
    pub(crate) fn is_yet_to_be_shown(&self) -> bool {
        self.places.is_empty() && !self.has_address()
    }

    /// Whether messages from `ip` may be this station's.
    pub(crate) fn may_be_at(&self, ip: IpAddr) -> bool {
        self.inbound_ips.contains(&ip)
            || self.good.is_some_and(|a| a.ip() == ip)
            || self.places.values().flatten().any(|a| a.ip() == ip)
    }

    /// Whether `ip` is this station's by more than its own word: discovery shows it there, or showed it last, or it answered us there. What a
    /// message says of its sender is not among it. Discovery proves nobody's name either.
    // req: MOV-13
    pub(crate) fn is_vouched_for_at(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let mut seen = self.good.iter().chain(self.places.values().flatten());
        seen.any(|at| at.ip().to_canonical() == ip)
    }

    pub(crate) fn view(&self, station: StationUuid, limit: usize) -> StationView<'_> {
        StationView {
            station,
            name: &self.name,
            provider: &self.provider,
            product: self.product,
            version: self.version,
            membership: self.membership,
            reachable: self.reachable,
            addresses: self.addresses(limit).into(),
            bridge: self.bridge,
        }
    }
}

/// A sighting without a StationUUID, or the station that one turned out to be.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) side: Side,
    pub(crate) station: Option<StationUuid>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) lane: Lane,
}

/// More source addresses of one station are not remembered.
const INBOUND_IPS: usize = 8;
/// More of those who speak under one name are not remembered.
const VOICES: usize = 4;
