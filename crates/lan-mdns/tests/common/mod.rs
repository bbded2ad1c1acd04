//! A network of machines with a clock of its own: datagrams take a moment, get lost, and cables can be pulled. Everything follows from a
//! seed, by the streams of `lan-sim`.
#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use lan_mdns::record::{Data, Record};
use lan_mdns::wire::Message;
use lan_mdns::{Config, Input, Link, LinkId, Mdns, Name, Output, Seen, SeenId, Service, ServiceId, To};
use lan_sim::{Chance, Rng, Seed};

pub const LINK: LinkId = LinkId(1);
pub const OURS: ServiceId = ServiceId(1);
pub const PORT: u16 = 5353;
pub const MULTICAST: To = To::Multicast;

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn name(text: &str) -> Name {
    Name::from_dotted(text).unwrap()
}

pub fn service_type() -> Name {
    name("_show._tcp.local")
}

/// `Desk` of `Default`, on the host `desk`.
pub fn service(station: &str, host: &str, port: u16) -> Service {
    Service {
        instance: vec![station.to_owned(), "Default".to_owned()],
        service_type: service_type(),
        also_under: vec![name("Default._show._tcp.local")],
        host: host.to_owned(),
        port,
        txt: vec![format!("id={host}").into_bytes()],
    }
}

pub fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

pub fn link(n: u8) -> Link {
    Link { addresses: vec![(address(n).into(), 24)] }
}

pub fn config(seed: u64) -> Config {
    let mut config = Config::default();
    config.seed = seed;
    config.identity_key = Some("id");
    config
}

/// One message somebody sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Duration,
    pub by: usize,
    pub to: To,
    pub message: Message,
    pub bytes: Vec<u8>,
}

pub struct Host {
    pub mdns: Mdns,
    pub ip: IpAddr,
    pub seen: BTreeMap<SeenId, Seen>,
    pub told: Vec<(Duration, Output)>,
    pub plugged: bool,
    pub alive: bool,
}

impl Host {
    /// The instances seen now.
    pub fn instances(&self) -> BTreeSet<String> {
        self.seen.values().map(|seen| seen.instance.flat()).collect()
    }
}

/// For whom, from where, whether to it alone, and what.
type Arrival = (usize, SocketAddr, bool, Vec<u8>);

pub struct Lan {
    pub now: Duration,
    pub hosts: Vec<Host>,
    pub log: Vec<Sent>,
    pub loss: Chance,
    rng: Rng,
    seed: u64,
    under_way: BTreeMap<(Duration, u64), Arrival>,
    count: u64,
}

impl Lan {
    pub fn new(seed: u64) -> Self {
        eprintln!("seed {seed}");
        let rng = Seed::new(seed).child("lan").rng();
        Self {
            now: Duration::ZERO,
            hosts: Vec::new(),
            log: Vec::new(),
            loss: Chance::NEVER,
            rng,
            seed,
            under_way: BTreeMap::new(),
            count: 0,
        }
    }

    /// Another host, which looks for the type.
    pub fn add(&mut self) -> usize {
        let n = self.hosts.len();
        let seed = Seed::new(self.seed).child("host").nth(n as u64).value();
        self.add_with(config(seed))
    }

    pub fn add_with(&mut self, config: Config) -> usize {
        let n = self.hosts.len();
        let number = u8::try_from(n + 1).unwrap();
        self.hosts.push(Host {
            mdns: Mdns::new(config),
            ip: address(number).into(),
            seen: BTreeMap::new(),
            told: Vec::new(),
            plugged: true,
            alive: true,
        });
        self.input(n, Input::LinkUp(LINK, link(number)));
        self.input(n, Input::Browse(service_type()));
        n
    }

    /// Another host that announces `station`.
    pub fn add_station(&mut self, station: &str, host: &str) -> usize {
        let n = self.add();
        self.input(n, Input::Register(OURS, Box::new(service(station, host, 1000 + n as u16))));
        n
    }

    pub fn input(&mut self, host: usize, input: Input<'_>) {
        let outputs: Vec<Output> = self.hosts[host].mdns.step(self.now, input).collect();
        for output in outputs {
            self.work_off(host, output);
        }
    }

    fn work_off(&mut self, host: usize, output: Output) {
        match &output {
            Output::Send { to, bytes, .. } => {
                let message = Message::parse(bytes).expect("what is sent can be read");
                self.log.push(Sent { at: self.now, by: host, to: *to, message, bytes: bytes.clone() });
                self.carry(host, SocketAddr::new(self.hosts[host].ip, PORT), *to, bytes);
                return;
            }
            Output::Found(seen) => drop(self.hosts[host].seen.insert(seen.id, (**seen).clone())),
            Output::Lost { id, .. } => drop(self.hosts[host].seen.remove(id)),
            _ => {}
        }
        self.hosts[host].told.push((self.now, output));
    }

    /// Puts a datagram on the wire that seems to come from there.
    pub fn inject(&mut self, source: SocketAddr, to: To, message: &Message) {
        self.carry(usize::MAX, source, to, &message.encode());
    }

    fn carry(&mut self, from: usize, source: SocketAddr, to: To, bytes: &[u8]) {
        for n in 0..self.hosts.len() {
            let addressed = match to {
                To::Multicast => true,
                To::Unicast(to) => to.ip() == self.hosts[n].ip && to.port() == PORT,
            };
            // One hears one's own multicasts, pulled cable or not.
            let connected =
                n == from || (self.hosts[n].plugged && self.hosts.get(from).is_none_or(|host| host.plugged));
            let lost = n != from && self.rng.hits(self.loss);
            if addressed && connected && !lost && self.hosts[n].alive {
                let at = self.now + Duration::from_micros(self.rng.between(50, 2000));
                self.count += 1;
                let unicast = to != To::Multicast;
                self.under_way.insert((at, self.count), (n, source, unicast, bytes.to_vec()));
            }
        }
    }

    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        self.run_until(end, |_| false);
    }

    /// Until `done`, or `end`; tells whether it was done.
    pub fn run_until(&mut self, end: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let mut at_once = 0;
        loop {
            if done(self) {
                return true;
            }
            let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let alive = self.hosts.iter().enumerate().filter(|(_, host)| host.alive);
            let timer = alive.filter_map(|(n, host)| Some((host.mdns.deadline()?, n))).min();
            let next = arrival.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.now = end;
                return false;
            };
            at_once = if next > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 10_000, "time stands still at {:?}", self.now);
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let ((_, _), (n, source, unicast, bytes)) = self.under_way.pop_first().unwrap();
                if self.hosts[n].alive {
                    self.input(n, Input::Datagram { link: LINK, source, unicast, bytes: &bytes });
                }
            } else if let Some((_, n)) = timer {
                self.input(n, Input::Time);
            }
        }
    }

    /// Messages sent by a host since a moment.
    pub fn sent(&self, by: usize, since: Duration) -> Vec<&Sent> {
        self.log.iter().filter(|sent| sent.by == by && sent.at >= since).collect()
    }
}

pub fn say(answers: Vec<Record>) -> Message {
    Message { response: true, answers, ..Message::default() }
}

pub fn record(owner: &Name, data: Data, ttl: u32, flush: bool) -> Record {
    Record { name: owner.clone(), data, ttl, flush }
}

pub fn srv(port: u16, host: &str) -> Data {
    Data::Srv { priority: 0, weight: 0, port, target: name(host) }
}

/// All records of a station that uses this name, in one message.
pub fn station(instance: &Name, id: &str, port: u16, host: &str, ip: IpAddr, flush: bool) -> Message {
    say(vec![
        record(&service_type(), Data::Ptr(instance.clone()), 120, false),
        record(instance, srv(port, host), 120, flush),
        record(instance, Data::Txt(vec![format!("id={id}").into_bytes()]), 120, flush),
        record(&name(host), Data::address(ip), 120, flush),
    ])
}

pub fn watcher(seed: u64, shared: fn(&Name) -> bool) -> Lan {
    let mut lan = Lan::new(seed);
    let mut config = config(seed);
    config.shared = shared;
    lan.add_with(config);
    lan.run_for(ms(500));
    lan
}

pub fn shown(lan: &Lan) -> Vec<(String, u16, Vec<String>)> {
    let of = |seen: &Seen| {
        let id = String::from_utf8_lossy(seen.txt.first().map_or(&[][..], Vec::as_slice)).into_owned();
        (id, seen.port, seen.addresses.iter().map(IpAddr::to_string).collect())
    };
    let mut all: Vec<_> = lan.hosts[0].seen.values().map(of).collect();
    all.sort();
    all
}
