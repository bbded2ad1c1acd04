//! A node that writes down what it is told, and reads what it gets unless asked not to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lan_sim::{
    Conn, Content, Event, HostCtx, HostId, HostSpec, LinkProfile, Node, Read, Settings, Take, Time, World,
};

pub const PORT: u16 = 42_424;

#[derive(Debug, Default)]
pub struct Probe {
    pub log: Vec<(Time, Event)>,
    pub got: BTreeMap<Conn, Content>,
    pub reads: Vec<usize>,
    pub ended: Vec<Conn>,
    /// Leaves what arrives where it is.
    pub lazy: bool,
    /// Takes payloads as they are instead of reading bytes.
    pub takes: bool,
    pub wake_at: Option<Time>,
}

impl Probe {
    pub fn read_all(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        loop {
            if self.takes {
                match net.take(conn, u64::MAX) {
                    Take::Payload(payload) => self.got.entry(conn).or_default().push(&payload),
                    Take::End => return self.ended.push(conn),
                    Take::Empty | Take::Gone => return,
                }
            } else {
                let mut bytes = Vec::new();
                match net.read(conn, &mut bytes, 64 * 1024) {
                    Read::Bytes(read) => {
                        assert_eq!(read, bytes.len());
                        self.reads.push(read);
                        self.got.entry(conn).or_default().push_bytes(&bytes);
                    }
                    Read::End => return self.ended.push(conn),
                    Read::Empty | Read::Gone => return,
                }
            }
        }
    }

    pub fn text(&self, conn: Conn) -> String {
        self.got.get(&conn).map(|content| String::from_utf8(content.to_bytes()).unwrap()).unwrap_or_default()
    }

    pub fn accepted(&self) -> Vec<Conn> {
        let accepted = self.log.iter().filter_map(|(_, event)| match event {
            Event::Accepted { conn, .. } => Some(*conn),
            _ => None,
        });
        accepted.collect()
    }

    pub fn happened(&self, what: impl Fn(&Event) -> bool) -> Vec<Time> {
        self.log.iter().filter(|(_, event)| what(event)).map(|(at, _)| *at).collect()
    }
}

impl Node for Probe {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match &event {
            Event::Readable { conn } if !self.lazy => self.read_all(*conn, net),
            Event::Wake => self.wake_at = None,
            _ => {}
        }
        self.log.push((net.now(), event));
    }

    fn deadline(&self) -> Option<Time> {
        self.wake_at
    }
}

pub fn settings(seed: u64) -> Settings {
    let link = LinkProfile { delay: Duration::from_millis(1), jitter: Duration::ZERO, ..LinkProfile::lan() };
    Settings { link, ..Settings::new(seed) }
}

pub fn birth(net: &mut HostCtx<'_>) -> Probe {
    net.listen(PORT).unwrap();
    net.browse();
    Probe::default()
}

pub fn add(world: &mut World<Probe>, name: &str) -> HostId {
    world.add_host(HostSpec::new(name), birth)
}

/// Two hosts that listen.
pub fn pair(settings: Settings) -> (World<Probe>, HostId, HostId) {
    let mut world = World::new(settings);
    let (a, b) = (add(&mut world, "a"), add(&mut world, "b"));
    (world, a, b)
}

pub fn address(world: &mut World<Probe>, host: HostId) -> SocketAddr {
    SocketAddr::new(addresses(world, host)[0], PORT)
}

pub fn addresses(world: &mut World<Probe>, host: HostId) -> Vec<IpAddr> {
    world.with(host, |_, net| net.addresses()).unwrap()
}

pub fn dial(world: &mut World<Probe>, from: HostId, to: HostId) -> Conn {
    let to = address(world, to);
    world.with(from, |_, net| net.dial(to)).unwrap()
}

/// An open link: the ends of `from` and `to`.
pub fn link(world: &mut World<Probe>, from: HostId, to: HostId) -> (Conn, Conn) {
    let before = world.node(to).unwrap().accepted().len();
    let near = dial(world, from, to);
    world.run_for(Duration::from_secs(1));
    let accepted = world.node(to).unwrap().accepted();
    assert_eq!(accepted.len(), before + 1, "the dial is accepted once");
    (near, accepted[before])
}

pub fn write(world: &mut World<Probe>, host: HostId, conn: Conn, bytes: &[u8]) -> usize {
    world.with(host, |_, net| net.write(conn, bytes)).unwrap().unwrap()
}
