//! How many events per second a world works off: small messages between many hosts, each answered.
//!
//! `cargo run --release -p lan-sim --example speed -- [HOSTS] [SECONDS OF VIRTUAL TIME]`
#![allow(clippy::print_stdout)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use lan_sim::{Announcement, Conn, Event, HostCtx, HostSpec, LinkProfile, Node, Read, Settings, Time, World};

/// Has links to some neighbours and sends 300 bytes over one of them every now and then; answers what it gets
/// with 100 bytes.
struct Peer {
    links: Vec<Conn>,
    dial: Vec<SocketAddr>,
    next: Time,
    buffer: Vec<u8>,
    sighted: u32,
}

impl Node for Peer {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Wake => {
                self.next = net.now() + Duration::from_micros(5_000 + net.random() % 10_000);
                if let Some(to) = self.dial.pop() {
                    net.dial(to);
                }
                let place = usize::try_from(net.random()).unwrap_or(0) % self.links.len().max(1);
                if let Some(conn) = self.links.get(place) {
                    let _ = net.write(*conn, &[1; 300]);
                }
            }
            Event::Connected { conn } => self.links.push(conn),
            Event::Readable { conn } => {
                self.buffer.clear();
                while let Read::Bytes(_) = net.read(conn, &mut self.buffer, 4_096) {}
                if self.buffer.first() == Some(&1) {
                    let _ = net.write(conn, &[2; 100]);
                }
            }
            Event::Sighted(_) => self.sighted += 1,
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let hosts = arguments.next().and_then(Result::ok).unwrap_or(1_000).max(1);
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(10);
    let mut world = World::new(Settings { link: LinkProfile::odd(), ..Settings::new(1) });
    let address = move |n: u32| SocketAddr::new(Ipv4Addr::from(0x0a00_0001 + n % hosts).into(), 7);
    let started = Instant::now();
    for n in 0..hosts {
        world.add_host(HostSpec::new(format!("h{n}")), move |net| {
            let _ = net.listen(7);
            net.browse();
            net.announce(Announcement::new(net.name().to_owned(), 7));
            let dial = (1..=20).map(|k| address(n + k * k)).collect();
            Peer { links: Vec::new(), dial, next: net.now(), buffer: Vec::new(), sighted: 0 }
        });
    }
    let mut last = (started, 0, 0);
    for second in 1..=seconds {
        world.run_until(Time::from_secs(second.into()));
        let (actions, delivered) = (world.actions(), world.delivered());
        let took = last.0.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let [actions_rate, delivered_rate] =
            [actions - last.1, delivered - last.2].map(|n| n as f64 / took / 1e6);
        println!(
            "second {second}: {delivered_rate:.2} M node events/s, {actions_rate:.2} M queue entries/s, {} links, {} queued",
            world.links(),
            world.queued()
        );
        last = (Instant::now(), actions, delivered);
    }
    println!("{hosts} hosts, {} node events, hash {:016x}", world.delivered(), world.trace().hash());
}
