//! A toy protocol in a world that breaks: clients send numbered lines, a server echoes them, everything goes
//! wrong for two minutes.
//!
//! Run it with `cargo run -p lan-sim --example echo_under_faults -- [SEED]`; the same seed prints the same
//! every time. It shows the whole round: nodes, hosts, a fault plan, a check after everything that happens,
//! and what to look at when a run fails.
#![allow(clippy::print_stdout)]

use std::collections::VecDeque;
use std::time::Duration;

use lan_sim::{
    Announcement, Choices, Conn, Event, FaultPlan, HostCtx, HostId, HostSpec, Keep, LinkProfile, Node,
    Outcome, Read, SendQueue, Settings, Time, World, interleave,
};

/// Sends everything back.
#[derive(Default)]
struct Server {
    open: Vec<(Conn, SendQueue)>,
}

/// Sends one line after another over one link, and dials anew when it breaks.
struct Client {
    server: Option<std::net::SocketAddr>,
    link: Option<Conn>,
    out: SendQueue,
    /// Lines sent over this link and not echoed yet, oldest first.
    waiting: VecDeque<String>,
    partial: Vec<u8>,
    next_line: u32,
    next_try: Time,
    echoed: u32,
    wrong: Option<String>,
}

enum Toy {
    Server(Server),
    Client(Client),
}

impl Server {
    fn birth(net: &mut HostCtx<'_>) -> Toy {
        // A real server would tell its user; here the host has the port to itself.
        if let Ok(port) = net.listen(7) {
            net.announce(Announcement::new("echo", port));
        }
        Toy::Server(Self::default())
    }

    fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        match *event {
            Event::Accepted { conn, .. } => self.open.push((conn, SendQueue::new())),
            Event::Readable { conn } => self.pump(conn, net, |conn, queue, net| {
                let mut bytes = Vec::new();
                let ended = loop {
                    match net.read(conn, &mut bytes, 4_096) {
                        Read::Bytes(_) => {}
                        Read::End => break true,
                        Read::Empty | Read::Gone => break false,
                    }
                };
                queue.push(bytes);
                if ended {
                    queue.finish();
                }
            }),
            Event::Writable { conn } => self.pump(conn, net, |_, _, _| ()),
            Event::Broken { conn, .. } => self.open.retain(|(open, _)| *open != conn),
            _ => {}
        }
    }

    fn pump(
        &mut self,
        conn: Conn,
        net: &mut HostCtx<'_>,
        fill: impl FnOnce(Conn, &mut SendQueue, &mut HostCtx<'_>),
    ) {
        if let Some((_, queue)) = self.open.iter_mut().find(|(open, _)| *open == conn) {
            fill(conn, queue, net);
            // A link that is gone is told as broken; nothing is left to do here.
            let _ = queue.flush(conn, net);
        }
    }
}

impl Client {
    fn birth(net: &mut HostCtx<'_>) -> Toy {
        net.browse();
        Toy::Client(Self {
            server: None,
            link: None,
            out: SendQueue::new(),
            waiting: VecDeque::new(),
            partial: Vec::new(),
            next_line: 0,
            next_try: net.now(),
            echoed: 0,
            wrong: None,
        })
    }

    fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Sighted(what) => {
                self.server = what.addresses.first().map(|ip| (*ip, what.port).into());
            }
            Event::Wake => self.tick(net),
            Event::Readable { conn } if self.link == Some(*conn) => self.read(*conn, net),
            Event::Connected { conn } | Event::Writable { conn } if self.link == Some(*conn) => {
                self.flush(*conn, net);
            }
            Event::DialFailed { conn, .. } | Event::Broken { conn, .. } if self.link == Some(*conn) => {
                self.drop_link();
            }
            _ => {}
        }
    }

    /// Every 100 ms: a line, or a dial when there is no link. A link that did not echo for ten seconds is
    /// given up.
    fn tick(&mut self, net: &mut HostCtx<'_>) {
        self.next_try = net.now() + Duration::from_millis(100);
        match (self.link, self.server) {
            (Some(conn), _) if self.waiting.len() > 100 => {
                net.abort(conn);
                self.drop_link();
            }
            (Some(conn), _) => {
                let line = format!("line {}\n", self.next_line);
                self.next_line += 1;
                self.out.push(line.as_bytes());
                self.waiting.push_back(line);
                self.flush(conn, net);
            }
            (None, Some(server)) => self.link = Some(net.dial(server)),
            (None, None) => {}
        }
    }

    fn flush(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        if self.out.flush(conn, net).is_err() {
            self.drop_link();
        }
    }

    fn read(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        loop {
            match net.read(conn, &mut self.partial, 4_096) {
                Read::Bytes(_) => {}
                Read::Empty => break,
                Read::End | Read::Gone => {
                    net.close(conn);
                    return self.drop_link();
                }
            }
        }
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let expected = self.waiting.pop_front();
            if expected.as_ref().is_none_or(|expected| expected.as_bytes() != line) {
                self.wrong = Some(format!("{expected:?} came back as {:?}", String::from_utf8_lossy(&line)));
            }
            self.echoed += 1;
        }
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.out = SendQueue::new();
        self.waiting.clear();
        self.partial.clear();
    }
}

impl Node for Toy {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match self {
            Self::Server(server) => server.handle(&event, net),
            Self::Client(client) => client.handle(&event, net),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Server(_) => None,
            Self::Client(client) => Some(client.next_try),
        }
    }
}

/// The check: nothing ever came back changed, out of order or twice. Looks only at the node that something
/// happened to.
fn check(world: &World<Toy>, host: Option<HostId>) -> Result<(), Outcome> {
    match host.and_then(|host| world.node(host)) {
        Some(Toy::Client(Client { wrong: Some(wrong), .. })) => {
            Err(Outcome::failed("echo is faithful", wrong))
        }
        _ => Ok(()),
    }
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let settings = Settings { link: LinkProfile::odd(), keep: Keep::Last(20), ..Settings::new(seed) };
    let mut world = World::new(settings);
    world.add_host(HostSpec::new("server"), Server::birth);
    for n in 1..=5 {
        world.add_host(HostSpec::new(format!("client {n}")), Client::birth);
    }

    let plan = FaultPlan::everything(Duration::from_secs(20)).longest(Duration::from_secs(5));
    let faults = plan.draw(&mut Choices::seeded(seed), 6, Time::ZERO, Duration::from_mins(2));
    let steps = interleave(std::iter::empty::<(Time, ())>(), faults);
    let outcome = world.play(&steps, Duration::ZERO, |_, ()| (), |world, stepped| check(world, stepped.host));

    // Afterwards nothing is broken any more, and echoes must flow again.
    world.heal();
    let total = |world: &World<Toy>| -> u32 {
        let echoed =
            world.nodes().map(|(_, node)| if let Toy::Client(client) = node { client.echoed } else { 0 });
        echoed.sum()
    };
    let before = total(&world);
    world.run_for(Duration::from_mins(2));
    println!("the last things that happened:\n{}\n", world.trace());
    println!("{}\n", world.counts());
    println!(
        "seed {seed}: {outcome:?}; {before} lines were echoed amid {} faults, {} after",
        steps.len(),
        total(&world) - before
    );
}
