use std::time::Duration;

use lan_sim::{
    Announcement, Bulk, BusProfile, Choices, DatagramProfile, Event, FaultPlan, HostCtx, HostSpec, Keep,
    LinkProfile, Node, Read, Settings, Take, Time, World, interleave,
};

/// Dials everybody it hears of, talks nonsense, keeps what it hears on its disk: touches everything a world
/// has.
struct Chatter {
    next: Time,
    file: Option<lan_sim::DiskFile>,
}

impl Chatter {
    fn birth(net: &mut HostCtx<'_>) -> Self {
        let port = net.listen(0).unwrap();
        net.browse();
        net.hear_datagrams(5353);
        net.announce(Announcement::new(net.name().to_owned(), port).text("boot", net.boot().to_le_bytes()));
        let disk = net.disk();
        let file = disk.open("log").or_else(|_| disk.create("log")).ok();
        Self { next: net.now() + Duration::from_secs(1), file }
    }
}

impl Node for Chatter {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Sighted(what) if net.random().is_multiple_of(4) => {
                net.dial((what.addresses[0], what.port).into());
            }
            Event::Connected { conn } | Event::Writable { conn } => {
                let length = usize::try_from(net.random() % 3_000).unwrap();
                let _ = net.write(conn, &vec![7; length]);
                let bulk = Bulk::new(net.random(), 5_000);
                let _ = net.write_bulk(conn, bulk);
            }
            Event::Readable { conn } => {
                let mut bytes = Vec::new();
                while let Read::Bytes(_) = net.read(conn, &mut bytes, 100) {}
                let done = matches!(net.take(conn, 9), Take::End);
                if let Some(file) = &self.file {
                    let _ = file.append(&bytes).and_then(|()| file.sync());
                }
                match net.random() % 8 {
                    0 => net.abort(conn),
                    _ if done => net.close(conn),
                    _ => drop(net.write(conn, &bytes)),
                }
            }
            Event::Wake => {
                self.next = net.now() + Duration::from_millis(500 + net.random() % 2_000);
                net.mark("tick", net.now().as_nanos());
                let said = net.random().to_le_bytes();
                net.multicast(5353, 5353, &said);
                if net.random().is_multiple_of(10) {
                    net.suspect("h3");
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }
}

fn settings(seed: u64, keep: Keep) -> Settings {
    let datagrams = DatagramProfile::rough();
    Settings {
        keep,
        bus: BusProfile::rough(),
        link: LinkProfile::wireless(),
        datagrams,
        ..Settings::new(seed)
    }
}

fn run(seed: u64, hosts: u32, keep: Keep) -> World<Chatter> {
    let mut world = World::new(settings(seed, keep));
    for n in 0..hosts {
        world.add_host(HostSpec::new(format!("h{n}")), Chatter::birth);
    }
    let plan = FaultPlan::everything(Duration::from_secs(5));
    let faults = plan.draw(&mut Choices::seeded(seed), hosts, Time::ZERO, Duration::from_mins(2));
    let steps = interleave(std::iter::empty::<(Time, ())>(), faults);
    world.play(&steps, Duration::from_secs(30), |_, ()| (), |_, _| Ok(()));
    world
}

#[test]
fn equal_seeds_give_equal_traces_and_different_seeds_different_ones() {
    let mut hashes = std::collections::HashSet::new();
    for seed in 0..20 {
        let (first, second) = (run(seed, 8, Keep::Nothing), run(seed, 8, Keep::Nothing));
        assert_eq!(first.trace().hash(), second.trace().hash(), "seed {seed} is not deterministic");
        assert_eq!(first.trace().count(), second.trace().count());
        assert_eq!(first.counts(), second.counts());
        assert!(first.delivered() > 500, "seed {seed} delivers only {}", first.delivered());
        assert!(hashes.insert(first.trace().hash()), "seed {seed} repeats another one");
    }
}

#[test]
fn every_kind_of_fault_and_effect_happens() {
    let mut counts = lan_sim::FaultCounts::default();
    for seed in 0..20 {
        counts.add(&run(seed, 8, Keep::Nothing).counts());
    }
    for kind in lan_sim::FaultKind::ALL {
        assert!(counts.of(kind) > 0, "{kind:?} never happens:\n{counts}");
    }
    for effect in lan_sim::Effect::ALL {
        assert!(counts.effects(effect) > 0, "{effect:?} never happens:\n{counts}");
    }
}

#[test]
fn nothing_is_left_when_all_hosts_have_stopped_whatever_went_wrong() {
    for seed in 0..20 {
        let mut world = run(seed, 8, Keep::Nothing);
        for (host, how) in
            world.hosts().zip([lan_sim::Crash::Process, lan_sim::Crash::Power].into_iter().cycle())
        {
            world.crash(host, how);
        }
        world.run_for(Duration::from_mins(1));
        for host in world.hosts() {
            world.crash(host, lan_sim::Crash::Process);
        }
        world.run_for(Duration::from_mins(10));
        assert_eq!((world.links(), world.queued()), (0, 0), "seed {seed}");
    }
}

#[test]
fn keeping_records_changes_nothing_and_prints_every_one_of_them() {
    let (silent, kept) = (run(3, 5, Keep::Nothing), run(3, 5, Keep::All));
    assert_eq!(silent.trace().hash(), kept.trace().hash());
    let text = kept.trace().to_string();
    assert_eq!(text.lines().count() as u64, kept.trace().count() + 1);
    for word in ["h0", "FAULT", "accepts", "writes", "sights", "loses power", "hash "] {
        assert!(text.contains(word), "{word:?} is missing");
    }
    assert_eq!(silent.trace().records().count(), 0);
    let last = run(3, 5, Keep::Last(10));
    assert_eq!(last.trace().hash(), kept.trace().hash());
    let whole: Vec<_> = kept.trace().records().collect();
    let ring: Vec<_> = last.trace().records().collect();
    assert_eq!(ring, whole[whole.len() - 10..]);
}

/// Sends one message a second to the host before it, and writes down when answers come.
struct Talker {
    next: Time,
    port: u16,
    heard: Vec<Time>,
}

impl Node for Talker {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Wake => {
                net.dial(([10, 0, 0, 1], self.port).into());
                self.next = net.now() + Duration::from_secs(1);
            }
            Event::Connected { conn } => {
                let bytes = net.random().to_le_bytes();
                let _ = net.write(conn, &bytes);
            }
            Event::Readable { conn } => {
                let mut bytes = Vec::new();
                while let Read::Bytes(_) = net.read(conn, &mut bytes, 100) {}
                self.heard.push(net.now());
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }
}

#[test]
fn one_host_more_shifts_nobody_elses_randomness() {
    let heard = |hosts: u16| {
        let mut world = World::new(settings(1, Keep::Nothing));
        for n in 0..hosts {
            // Everybody talks to the first host on a port of its own, so that only randomness could tell them
            // of each other.
            world.add_host(HostSpec::new(format!("h{n}")), move |net| {
                for port in 1..20 {
                    net.listen(port).unwrap();
                }
                Talker { next: Time::from_secs(1), port: n + 1, heard: Vec::new() }
            });
        }
        world.run_for(Duration::from_secs(60));
        world.nodes().map(|(_, node)| node.heard.clone()).collect::<Vec<_>>()
    };
    let times = |all: &[Vec<Time>]| all[0].clone();
    let (few, many) = (heard(4), heard(9));
    let (few, many) = (times(&few), times(&many));
    assert!(few.len() > 150);
    assert!(few.iter().all(|time| many.contains(time)), "what happened with four hosts happens with nine");
}
