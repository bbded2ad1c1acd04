//! What a fuzzer, the corpus replay and the property tests run.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use lan_mdns::wire::{MESSAGE_BYTES, Message};
use lan_mdns::{Config, Input, Limits, Link, LinkId, Mdns, Name, Output, SeenId, Service, ServiceId};

/// Any bytes as datagrams of several sources into a machine that announces and looks: no panic, nothing above its limit, no standstill,
/// and all that it sends can be read.
///
/// Each datagram is a byte for source and pause, a byte of length in units of four, and so many bytes.
pub fn dns_datagrams(data: &[u8]) {
    let mut machine = Machine::new();
    let mut rest = data;
    while let Some(((how, length), behind)) =
        rest.split_first().and_then(|(h, r)| Some(((*h, *r.first()?), r.get(1..)?)))
    {
        let (bytes, behind) = behind.split_at(behind.len().min(usize::from(length) * 4));
        rest = behind;
        let port = if how & 0x10 == 0 { 5353 } else { 1024 };
        let source = SocketAddr::new(Ipv4Addr::new(10, 0, 0, 2 + (how & 7)).into(), port);
        let input = Input::Datagram { link: LINK, source, unicast: how & 8 != 0, bytes };
        machine.step(input);
        if how & 0x20 != 0 {
            machine.rest(Duration::from_millis(u64::from(length) * 20));
        }
        if how & 0x40 != 0 {
            machine.step(Input::Reconfirm(SeenId(u64::from(length))));
            machine.step(Input::Pin(SeenId(u64::from(how))));
        }
    }
    machine.rest(Duration::from_secs(5));
    machine.step(Input::Withdraw(ServiceId(1)));
    machine.rest(Duration::from_secs(130));
}

struct Machine {
    mdns: Mdns,
    now: Duration,
}

const LINK: LinkId = LinkId(1);
const RECORDS: usize = 64;

impl Machine {
    fn new() -> Self {
        let mut config = Config::default();
        let mut limits = Limits::default();
        (limits.records, limits.records_per_source, limits.questions) = (RECORDS, 32, 16);
        config.limits = limits;
        config.identity_key = Some("id");
        let mut machine = Self { mdns: Mdns::new(config), now: Duration::ZERO };
        let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
        machine.step(Input::LinkUp(LINK, Link { addresses: vec![(address, 24)] }));
        let service_type = Name::from_dotted("_x._tcp.local").unwrap();
        machine.step(Input::Browse(service_type.clone()));
        let service = Service {
            instance: vec!["A".into(), "B".into()],
            service_type,
            also_under: vec![Name::from_dotted("B._x._tcp.local").unwrap()],
            host: "h".into(),
            port: 1,
            txt: vec![b"id=1".to_vec()],
        };
        machine.step(Input::Register(ServiceId(1), Box::new(service)));
        machine.rest(Duration::from_secs(2));
        machine
    }

    fn step(&mut self, input: Input<'_>) {
        for output in self.mdns.step(self.now, input) {
            if let Output::Send { bytes, .. } = output {
                assert!(bytes.len() <= MESSAGE_BYTES);
                Message::parse(&bytes).expect("what is sent can be read");
            }
        }
        assert!(self.mdns.records_held() <= RECORDS, "{} records", self.mdns.records_held());
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
