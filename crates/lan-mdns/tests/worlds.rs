//! Worlds of machines on `lan-sim`'s datagrams: lost, late, doubled; hosts cut off, deaf, mute, paused, killed and started anew; services that
//! come, change and go; names that several want. Then all of that ends, and everybody has to know the truth in time, and to be quiet.
//!
//! A failure prints its seed; `LAN_MDNS_SEED=7` runs that one alone, `LAN_MDNS_SEEDS=10000` so many.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lan_mdns::{Config, Input, Link, LinkId, Mdns, Name, Output, Seen, SeenId, Service, ServiceId, To};
use lan_sim::{
    Choices, DatagramProfile, Event, FaultKind, FaultPlan, HostCtx, HostId, HostSpec, Node, Seed, Settings,
    Time, World, interleave,
};

/// A machine, what it shows, and what it was seen to do.
struct Endpoint {
    mdns: Mdns,
    seen: BTreeMap<SeenId, Seen>,
    /// The port of what is announced; `None`: nothing is.
    port: Option<u16>,
    renamed: usize,
    /// When each message was sent.
    sent: Vec<Time>,
    /// It does not listen to others.
    stubborn: bool,
}

const LINK: LinkId = LinkId(1);
const OURS: ServiceId = ServiceId(1);
const PORT: u16 = 5353;

fn service_type() -> Name {
    Name::from_dotted("_show._tcp.local").unwrap()
}

/// Every second host wants the name of another one, and every third its host name.
fn service(host: u32, port: u16) -> Service {
    Service {
        instance: vec![format!("Desk {}", host / 2), "Default".to_owned()],
        service_type: service_type(),
        also_under: vec![Name::from_dotted("Default._show._tcp.local").unwrap()],
        host: format!("host{}", host - u32::from(host % 3 == 1)),
        port,
        txt: vec![format!("id={host}").into_bytes()],
    }
}

impl Endpoint {
    fn start(net: &mut HostCtx<'_>, stubborn: bool) -> Self {
        net.hear_datagrams(PORT);
        let mut config = Config::default();
        (config.seed, config.identity_key) = (net.random(), Some("id"));
        let (seen, sent) = (BTreeMap::new(), Vec::new());
        let mdns = Mdns::new(config);
        let mut this = Self { mdns, seen, port: None, renamed: 0, sent, stubborn };
        let addresses = net.addresses().into_iter().map(|ip| (ip, 8)).collect();
        this.input(Input::LinkUp(LINK, Link { addresses }), net);
        this.input(Input::Browse(service_type()), net);
        this.announce(net);
        this
    }

    /// Another port than before, so that what is outdated is seen to be.
    fn announce(&mut self, net: &mut HostCtx<'_>) {
        let port = 1 + (net.random() % 60_000) as u16;
        self.port = Some(port);
        self.input(Input::Register(OURS, Box::new(service(net.host().0, port))), net);
    }

    fn input(&mut self, input: Input<'_>, net: &mut HostCtx<'_>) {
        let now = net.now().since_start();
        let outputs: Vec<Output> = self.mdns.step(now, input).collect();
        for output in outputs {
            match output {
                Output::Send { to, bytes, .. } => {
                    self.sent.push(net.now());
                    match to {
                        To::Multicast => net.multicast(PORT, PORT, &bytes),
                        To::Unicast(to) => net.send_datagram(PORT, to, &bytes),
                    }
                }
                Output::Found(seen) => drop(self.seen.insert(seen.id, *seen)),
                Output::Lost { id, .. } => drop(self.seen.remove(&id)),
                Output::Renamed { .. } => self.renamed += 1,
                _ => {}
            }
        }
    }

    fn shown(&self) -> BTreeSet<(String, u16)> {
        self.seen.values().map(|seen| (seen.instance.flat(), seen.port)).collect()
    }

    fn names(&self) -> Option<(String, String)> {
        self.mdns.names(OURS).map(|(instance, host)| (instance.flat(), host.flat()))
    }
}

impl Node for Endpoint {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Datagram(heard) if !self.stubborn => {
                let (source, unicast) = (heard.from, heard.unicast);
                self.input(Input::Datagram { link: LINK, source, unicast, bytes: &heard.bytes }, net);
            }
            Event::Wake => self.input(Input::Time, net),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.mdns.deadline().map(Time::from)
    }
}

/// What a user does.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Withdraw(HostId),
    Announce(HostId),
    Wake(HostId),
}

fn act(world: &mut World<Endpoint>, deed: Deed) {
    match deed {
        Deed::Withdraw(host) => world.with(host, |node, net| {
            node.port = None;
            node.input(Input::Withdraw(OURS), net);
        }),
        Deed::Announce(host) => world.with(host, Endpoint::announce),
        Deed::Wake(host) => world.with(host, |node, net| node.input(Input::Woke, net)),
    };
}

fn plan() -> FaultPlan {
    [
        FaultKind::Partition,
        FaultKind::Deaf,
        FaultKind::Mute,
        FaultKind::ProcessCrash,
        FaultKind::PowerLoss,
        FaultKind::Pause,
        FaultKind::AddressDown,
    ]
    .into_iter()
    .fold(FaultPlan::calm(), |plan, kind| plan.every(kind, Duration::from_secs(20)))
    .longest(Duration::from_secs(20))
}

/// Who announces what, as it is.
fn truth(world: &World<Endpoint>) -> BTreeSet<(String, u16)> {
    let of = |node: &Endpoint| Some((node.names()?.0, node.port?));
    world.nodes().filter_map(|(_, node)| of(node)).collect()
}

/// What a world came to.
#[derive(Debug, Default)]
struct Came {
    renamed: usize,
    within: Duration,
    busiest: usize,
    trace: u64,
}

fn run(seed: u64, one_is_stubborn: bool) -> Result<Came, String> {
    let mut choices = Choices::seeded(seed);
    let count = 3 + choices.below(5) as u32;
    let datagrams = DatagramProfile::rough();
    let mut world = World::new(Settings { datagrams, ..Settings::new(seed) });
    let hosts: Vec<HostId> = (0..count)
        .map(|n| {
            let at = Time::from(choices.span(Duration::from_secs(5)));
            world.add_host(HostSpec::new(format!("h{n}")).boots_at(at), move |net| {
                Endpoint::start(net, one_is_stubborn && n == 0)
            })
        })
        .collect();
    let faults = plan().draw(&mut choices, count, Time::from_secs(1), Duration::from_mins(1));
    let mut rng = Seed::new(seed).child("deeds").rng();
    let mut deeds: Vec<(Time, Deed)> = (0..8)
        .map(|_| {
            let host = *rng.pick(&hosts).unwrap();
            let deed = [Deed::Withdraw(host), Deed::Announce(host), Deed::Wake(host)];
            (Time::from(rng.span(Duration::from_mins(1))), *rng.pick(&deed).unwrap())
        })
        .collect();
    deeds.sort_by_key(|(at, _)| *at);
    let steps = interleave(deeds, faults);
    world.play(&steps, Duration::ZERO, |world, deed| act(world, *deed), |_, _| Ok(()));

    world.run_until(Time::from_secs(62));
    world.heal();
    world.set_datagrams(DatagramProfile::calm());
    let quiet = world.now();
    let is_known = |world: &World<Endpoint>| {
        let truth = truth(world);
        world.nodes().all(|(_, node)| node.shown() == truth)
    };
    let known = world.run_until_true(KNOWN_WITHIN, is_known);
    let within = world.now().since_start() - quiet.since_start();
    let told = |world: &World<Endpoint>| {
        let each =
            world.nodes().map(|(host, node)| format!("{host}: {:?} shows {:?}", node.names(), node.shown()));
        each.collect::<Vec<_>>().join("\n")
    };
    if !known {
        return Err(format!("after {KNOWN_WITHIN:?} not everybody knows everybody:\n{}", told(&world)));
    }
    // Names are their owners' alone, and stay so; and then there is little to say.
    world.run_for(Duration::from_mins(2));
    let at_rest = world.now();
    world.run_for(AT_REST);
    if !is_known(&world) {
        return Err(format!("it was known and is no more:\n{}", told(&world)));
    }
    let names: Vec<_> =
        world.nodes().filter_map(|(_, node)| node.names().filter(|_| node.port.is_some())).collect();
    let (instances, owners): (BTreeSet<_>, BTreeSet<_>) = names.iter().cloned().unzip();
    if instances.len() < names.len() || owners.len() < names.len() {
        return Err(format!("two have one name:\n{}", told(&world)));
    }
    let messages = |node: &Endpoint| node.sent.iter().filter(|at| **at >= at_rest).count();
    let busiest = world.nodes().map(|(_, node)| messages(node)).max().unwrap_or_default();
    if busiest > MESSAGES_AT_REST {
        return Err(format!("{busiest} messages of one host within {AT_REST:?} of rest"));
    }
    let renamed = world.nodes().map(|(_, node)| node.renamed).sum();
    Ok(Came { renamed, within, busiest, trace: world.trace().hash() })
}

// proves: MDNS-BROWSE, MDNS-CONFLICT, MDNS-GOODBYE, MDNS-REFRESH
#[test]
fn whatever_happened_everybody_knows_the_truth_once_it_is_over_and_is_quiet() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("LAN_MDNS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LAN_MDNS_SEEDS").unwrap_or(SEEDS),
    };
    let (mut renamed, mut worlds, mut slowest, mut busiest) = (0, 0, Duration::ZERO, 0);
    for seed in seeds {
        let came = run(seed, false).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        worlds += 1;
        renamed += came.renamed;
        (slowest, busiest) = (slowest.max(came.within), busiest.max(came.busiest));
    }
    println!(
        "{worlds} worlds, {renamed} renamed, known within {slowest:?}, at most {busiest} messages at rest"
    );
    assert!(renamed >= worlds / 2, "conflicts are part of it");
}

#[test]
fn one_that_does_not_listen_to_others_is_found_out() {
    for seed in 0..3 {
        let why = run(seed, true).unwrap_err();
        assert!(why.contains("not everybody knows everybody"), "seed {seed}: {why}");
    }
}

#[test]
fn a_world_is_its_seed() {
    for seed in 0..5 {
        assert_eq!(run(seed, false).unwrap().trace, run(seed, false).unwrap().trace, "seed {seed}");
    }
}

const SEEDS: u64 = 60;

/// The longest belief in a host or service, two minutes, and two rounds of questions, one a minute.
const KNOWN_WITHIN: Duration = Duration::from_mins(4);

const AT_REST: Duration = Duration::from_mins(5);

const MESSAGES_AT_REST: usize = 60;
