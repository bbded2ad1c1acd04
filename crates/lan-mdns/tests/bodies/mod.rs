//! What a fuzzer, the corpus replay and the property tests run.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use lan_mdns::record::{Data, Record};
use lan_mdns::wire::{MESSAGE_BYTES, Message};
use lan_mdns::{
    Config, Counts, Input, Limits, Link, LinkId, Mdns, Name, Output, Seen, SeenId, Service, ServiceId,
};

/// Any bytes as datagrams of several sources into a machine that announces and looks: no panic, nothing above its limit, no standstill,
/// nothing lost that was not found, and all that it sends can be read.
///
/// Each datagram is a byte for source and pause, a byte of length in units of four, and so many bytes. One of length 0 is something else that
/// happens instead, or a large message of a crowd that is alike, of which two more bytes say how.
pub fn dns_datagrams(data: &[u8]) {
    play(data);
}

/// The same, and what it came to.
pub fn play(data: &[u8]) -> Counts {
    let mut machine = Machine::new();
    let mut rest = data;
    while let Some(((how, length), behind)) =
        rest.split_first().and_then(|(h, r)| Some(((*h, *r.first()?), r.get(1..)?)))
    {
        rest = behind;
        if length == 0 {
            rest = machine.happens(how, rest);
            continue;
        }
        let (bytes, behind) = rest.split_at(rest.len().min(usize::from(length) * 4));
        rest = behind;
        machine.hear(how, bytes);
        if how & 0x20 != 0 {
            machine.rest(Duration::from_millis(u64::from(length) * 20));
        }
        if how & 0x40 != 0 {
            machine.step(Input::Reconfirm(SeenId(u64::from(length))));
            machine.step(Input::Pin(SeenId(u64::from(how))));
        }
    }
    machine.rest(Duration::from_secs(5));
    machine.step(Input::Withdraw(OURS));
    machine.rest(Duration::from_secs(130));
    machine.mdns.counts()
}

struct Machine {
    mdns: Mdns,
    now: Duration,
    seen: BTreeMap<SeenId, Seen>,
}

const LINK: LinkId = LinkId(1);
const LINK6: LinkId = LinkId(2);
const OURS: ServiceId = ServiceId(1);
const RECORDS: usize = 64;

fn service_type() -> Name {
    Name::from_dotted("_x._tcp.local").unwrap()
}

impl Machine {
    fn new() -> Self {
        let mut config = Config::default();
        let mut limits = Limits::default();
        (limits.records, limits.records_per_source, limits.questions) = (RECORDS, 32, 16);
        (limits.records_per_name, limits.pins, limits.replies) = (8, 4, 4);
        config.limits = limits;
        config.identity_key = Some("id");
        config.shared = |name| name.labels().count() == 4;
        let mut machine = Self { mdns: Mdns::new(config), now: Duration::ZERO, seen: BTreeMap::new() };
        machine.plug(1);
        machine.plug6();
        machine.step(Input::Browse(service_type()));
        machine.register();
        machine.rest(Duration::from_secs(2));
        machine
    }

    fn plug(&mut self, n: u8) {
        let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, n));
        self.step(Input::LinkUp(LINK, Link { addresses: vec![(address, 24)] }));
    }

    fn plug6(&mut self) {
        let addresses = vec![(v6(1), 64), (IpAddr::from(Ipv4Addr::new(10, 0, 0, 1)), 24)];
        self.step(Input::LinkUp(LINK6, Link { addresses }));
    }

    fn register(&mut self) {
        let service = Service {
            instance: vec!["A".into(), "B".into()],
            service_type: service_type(),
            also_under: vec![Name::from_dotted("B._x._tcp.local").unwrap()],
            host: "h".into(),
            port: 1,
            txt: vec![b"id=1".to_vec()],
        };
        self.step(Input::Register(OURS, Box::new(service)));
    }

    fn hear(&mut self, how: u8, bytes: &[u8]) {
        let port = if how & 0x10 == 0 { 5353 } else { 1024 };
        let n = 2 + (how & 7);
        let (link, ip) =
            if how & 0x80 == 0 { (LINK, Ipv4Addr::new(10, 0, 0, n).into()) } else { (LINK6, v6(n)) };
        let source = SocketAddr::new(ip, port);
        self.step(Input::Datagram { link, source, unicast: how & 8 != 0, bytes });
    }

    fn happens<'a>(&mut self, how: u8, rest: &'a [u8]) -> &'a [u8] {
        match how & 0x0f {
            0 => self.step(Input::BrowseTypes),
            1 => self.step(Input::Woke),
            2 => self.step(Input::Ask),
            3 => self.step(Input::LinkGone(if how & 0x10 == 0 { LINK } else { LINK6 })),
            4 => self.plug(1 + (how >> 6)),
            5 => self.plug6(),
            6 => self.step(Input::StopBrowse(service_type())),
            7 => self.step(Input::Browse(service_type())),
            8 => self.step(Input::Withdraw(OURS)),
            9 => self.register(),
            10 => self.rest(Duration::from_secs(u64::from(how >> 4) * 10)),
            11 => {
                let known: Vec<SeenId> = self.seen.keys().copied().collect();
                known.into_iter().for_each(|id| self.step(Input::Pin(id)));
            }
            _ => {
                let [what, count, behind @ ..] = rest else { return &[] };
                self.hear(how & 0xf0 | what >> 5, &crowd(*what, *count));
                return behind;
            }
        }
        rest
    }

    fn step(&mut self, input: Input<'_>) {
        for output in self.mdns.step(self.now, input) {
            match output {
                Output::Send { bytes, .. } => {
                    assert!(bytes.len() <= MESSAGE_BYTES);
                    Message::parse(&bytes).expect("what is sent can be read");
                }
                Output::Found(seen) => {
                    assert!(!seen.addresses.is_empty(), "{seen:?}");
                    self.seen.insert(seen.id, *seen);
                }
                Output::Lost { id, .. } => {
                    assert!(self.seen.remove(&id).is_some(), "{id:?} was not there");
                }
                _ => {}
            }
        }
        assert!(self.mdns.records_held() <= RECORDS, "{} records", self.mdns.records_held());
        assert!(self.seen.len() <= RECORDS, "{} seen", self.seen.len());
    }

    fn rest(&mut self, span: Duration) {
        let end = self.now + span;
        for steps in 0.. {
            assert!(steps < 5000, "no rest");
            match self.mdns.deadline() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            self.step(Input::Time);
        }
        self.now = end;
    }
}

fn v6(n: u8) -> IpAddr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()).into()
}

/// Up to 510 records that have a name, a host or a type in common, whole stations or one kind of record, with or without the cache-flush bit,
/// alive or taken back.
fn crowd(what: u8, count: u8) -> Vec<u8> {
    let base = service_type();
    let (flush, ttl) = (what & 0x08 != 0, if what & 0x10 == 0 { 120 } else { 0 });
    let record = |name: &Name, data| Record { name: name.clone(), data, ttl, flush };
    let each = |n: u16| {
        let own = format!("n{}", n % 64);
        let name = base.below(&[if what & 1 == 0 { "G" } else { own.as_str() }]).unwrap();
        let host = Name::from_labels([if what & 2 == 0 { "h" } else { own.as_str() }, "local"]).unwrap();
        let address = Data::A(Ipv4Addr::new(10, 0, 1, u8::try_from(n % 256).unwrap()));
        let srv = Data::Srv { priority: 0, weight: 0, port: n, target: host.clone() };
        let text = Data::Txt(vec![format!("id={n}").into_bytes()]);
        let all = [
            record(&base, Data::Ptr(name.clone())),
            record(&name, srv),
            record(&name, text),
            record(&host, address),
        ];
        if what & 4 == 0 { all.to_vec() } else { all[usize::from(count % 4)..][..1].to_vec() }
    };
    let answers = (0..u16::from(count)).flat_map(each).take(510).collect();
    let mut message = Message { response: true, answers, ..Message::default() };
    // As many as a message holds, but for the largest crowd, which is too large.
    while count < u8::MAX && message.encode().len() > MESSAGE_BYTES {
        message.answers.truncate(message.answers.len() * 7 / 8);
    }
    message.encode()
}
