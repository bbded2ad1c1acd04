//! Where one crew is in a world: its groups and its sessions, and which machines are its.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use lan_sim::{HostId, Time, World};
use mvrx_message::{GroupName, SessionTarget};

use crate::Node;
use crate::station::PORT;

/// The two groups and the two sessions of a crew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) group: GroupName,
    pub(crate) stage: GroupName,
    pub(crate) sessions: [SocketAddr; 2],
}

impl Places {
    /// Those of a world with one crew, which is 0, or of one of many.
    pub(crate) fn of(crew: u16) -> Self {
        let named = |name: &str| if crew == 0 { named(name) } else { named(&format!("{name}-{crew}")) };
        let [low, high] = [crew.to_le_bytes()[0], 255 - crew.to_le_bytes()[1]];
        let at = |nth| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, high, low, nth)), PORT);
        Self { group: named("Default"), stage: named("Stage"), sessions: [at(1), at(2)] }
    }

    /// All of them, as people name them.
    pub(crate) fn all(&self) -> [SessionTarget; 4] {
        let [group, stage] = [&self.group, &self.stage].map(|group| SessionTarget::Group(group.clone()));
        let [first, second] = self.sessions.map(|at| SessionTarget::Url(format!("ws://{at}/")));
        [group, stage, first, second]
    }
}

fn named(name: &str) -> GroupName {
    match GroupName::create(name) {
        Ok(group) => group,
        Err(error) => unreachable!("the name of the group is in order: {error}"),
    }
}

/// Some machines of a world, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Among<'a> {
    world: &'a World<Node>,
    first: u32,
    count: u32,
}

impl<'a> Among<'a> {
    pub(crate) fn new(world: &'a World<Node>, hosts: &Range<u32>) -> Self {
        Self { world, first: hosts.start, count: hosts.end - hosts.start }
    }

    pub(crate) fn all(world: &'a World<Node>) -> Self {
        Self::new(world, &(0..hosts_of(world)))
    }

    /// Those of their nodes that run.
    pub(crate) fn nodes(self) -> impl Iterator<Item = (HostId, &'a Node)> {
        let Self { world, first, count } = self;
        (first..first + count).map(HostId).filter_map(move |host| Some((host, world.node(host)?)))
    }

    pub(crate) fn node(self, host: HostId) -> Option<&'a Node> {
        self.world.node(host)
    }

    pub(crate) fn now(self) -> Time {
        self.world.now()
    }

    pub(crate) fn name(self, host: HostId) -> Option<&'a str> {
        self.world.name(host)
    }
}

/// How many machines a world has.
pub(crate) fn hosts_of(world: &World<Node>) -> u32 {
    u32::try_from(world.hosts().len()).unwrap_or(u32::MAX)
}
