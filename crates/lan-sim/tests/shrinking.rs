//! Planted bugs in a toy protocol: each is found by seeds and shrunk to a handful of steps.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use lan_sim::{
    Announcement, Choices, Conn, Event, FaultKind, FaultPlan, HostCtx, HostId, HostSpec, LinkProfile, Node,
    Outcome, Read, Settings, Shrunk, Simpler, Step, Time, World, interleave, shrink,
};

/// Which mistake a gossip node makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bug {
    None,
    /// Takes what one read gives for one message.
    FrameIsARead,
    /// Forgets to write a value to its disk before it tells others.
    TellsBeforeStoring,
    /// Takes an older value for a newer one when it comes later.
    LastArrivalWins,
}

/// Every value anybody set goes to everybody: key, version and value, three bytes a message. One dial per
/// message round.
struct Gossip {
    bug: Bug,
    values: BTreeMap<u8, (u8, u8)>,
    peers: BTreeMap<String, SocketAddr>,
    inbox: BTreeMap<Conn, Vec<u8>>,
    next: Time,
}

impl Gossip {
    fn birth(bug: Bug, net: &mut HostCtx<'_>) -> Self {
        let port = net.listen(0).unwrap();
        net.browse();
        net.announce(Announcement::new(net.name().to_owned(), port));
        let stored = net.disk().open("values").and_then(|file| file.contents());
        let stored = stored.map(|content| content.to_bytes()).unwrap_or_default();
        let mut values = BTreeMap::new();
        for [key, version, value] in stored.as_chunks::<3>().0 {
            values.insert(*key, (*version, *value));
        }
        Self { bug, values, peers: BTreeMap::new(), inbox: BTreeMap::new(), next: net.now() + PERIOD }
    }

    fn set(&mut self, key: u8, value: u8, net: &mut HostCtx<'_>) {
        let version = self.values.get(&key).map_or(0, |(version, _)| *version) + 1;
        self.learn([key, version, value], net);
    }

    fn learn(&mut self, [key, version, value]: [u8; 3], net: &mut HostCtx<'_>) {
        let known = self.values.get(&key).copied().unwrap_or_default();
        if (version, value) > known || self.bug == Bug::LastArrivalWins && version > 0 {
            self.values.insert(key, (version, value));
            if self.bug != Bug::TellsBeforeStoring {
                let disk = net.disk();
                let file = disk.open("values").or_else(|_| disk.create("values"));
                file.and_then(|file| file.append(&[key, version, value]).and_then(|()| file.sync())).unwrap();
                disk.sync_dir("").unwrap();
            }
        }
    }

    fn read(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        let mut bytes = self.inbox.remove(&conn).unwrap_or_default();
        let whole_reads = self.bug == Bug::FrameIsARead;
        loop {
            match net.read(conn, &mut bytes, 1_000) {
                Read::Bytes(_) if whole_reads => {
                    let mut message = [0; 3];
                    message.iter_mut().zip(bytes.drain(..)).for_each(|(place, byte)| *place = byte);
                    self.learn(message, net);
                }
                Read::Bytes(_) => {}
                Read::End => {
                    net.close(conn);
                    break;
                }
                Read::Empty | Read::Gone => break,
            }
        }
        let (messages, rest) = bytes.as_chunks::<3>();
        for message in messages {
            self.learn(*message, net);
        }
        self.inbox.insert(conn, rest.to_vec());
    }
}

impl Node for Gossip {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Sighted(what) if what.instance != net.name() => {
                self.peers.insert(what.instance.clone(), (what.addresses[0], what.port).into());
            }
            Event::Wake => {
                self.next = net.now() + PERIOD;
                for peer in self.peers.values() {
                    net.dial(*peer);
                }
            }
            Event::Connected { conn } => {
                for (key, (version, value)) in &self.values {
                    let _ = net.write(conn, &[*key, *version, *value]);
                }
                net.close(conn);
            }
            Event::Readable { conn } => self.read(conn, net),
            Event::Broken { conn, .. } => drop(self.inbox.remove(&conn)),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }
}

/// A user sets a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    host: HostId,
    key: u8,
    value: u8,
}

impl Simpler for Set {
    fn simpler(&self) -> Vec<Self> {
        let keys = self.key.simpler().into_iter().map(|key| Self { key, ..*self });
        keys.chain(
            self.value.simpler().into_iter().filter(|value| *value > 0).map(|value| Self { value, ..*self }),
        )
        .collect()
    }
}

const PERIOD: Duration = Duration::from_secs(2);
const HOSTS: u32 = 5;

fn draw(seed: u64) -> Vec<Step<Set>> {
    let mut choices = Choices::seeded(seed);
    let mut commands = Vec::new();
    let mut at = Time::ZERO;
    for _ in 0..30 {
        at += choices.span(Duration::from_secs(4));
        let host = HostId(u32::try_from(choices.below(HOSTS.into())).unwrap());
        let [key, value] = [1 + choices.below(5), 1 + choices.below(200)].map(|n| u8::try_from(n).unwrap());
        commands.push((at, Set { host, key, value }));
    }
    let plan = FaultPlan::calm()
        .every(FaultKind::PowerLoss, Duration::from_secs(20))
        .every(FaultKind::ProcessCrash, Duration::from_secs(20))
        .every(FaultKind::Partition, Duration::from_secs(30))
        .every(FaultKind::Reset, Duration::from_secs(5))
        .every(FaultKind::Pause, Duration::from_secs(20))
        .every(FaultKind::Trouble, Duration::from_secs(10))
        .wipes(lan_sim::Chance::NEVER);
    interleave(commands, plan.draw(&mut choices, HOSTS, Time::ZERO, Duration::from_mins(1)))
}

/// Plays the steps, lets everything calm down, and looks whether everybody agrees on what was set.
fn run(seed: u64, bug: Bug, steps: &[Step<Set>]) -> Outcome {
    let mut world = World::new(Settings { link: LinkProfile::odd(), ..Settings::new(seed) });
    for n in 0..HOSTS {
        world.add_host(HostSpec::new(format!("h{n}")), move |net| Gossip::birth(bug, net));
    }
    // The reference model: the highest version of each key that any node ever acknowledged to its user.
    let mut model: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
    let outcome = world.play(
        steps,
        Duration::from_secs(10),
        |world, set| {
            let acknowledged = world.with(set.host, |node, net| {
                node.set(set.key, set.value, net);
                node.values[&set.key]
            });
            if let Some(acknowledged) = acknowledged {
                let known = model.entry(set.key).or_default();
                *known = acknowledged.max(*known);
            }
        },
        |_, _| Ok(()),
    );
    world.heal();
    world.run_for(Duration::from_mins(1));
    for (host, node) in world.nodes() {
        for (key, expected) in &model {
            let found = node.values.get(key).copied().unwrap_or_default();
            if found != *expected {
                return Outcome::failed(
                    "converged",
                    format!("{host} has {found:?} for {key}, not {expected:?}"),
                );
            }
        }
        if let Some(key) = node.values.keys().find(|key| !model.contains_key(key)) {
            return Outcome::failed("invented", format!("{host} has {key}, which nobody set"));
        }
    }
    outcome
}

fn find(bug: Bug) -> (u64, Shrunk<Step<Set>>) {
    let seed =
        (0..1_000).find(|seed| run(*seed, bug, &draw(*seed)) != Outcome::Passed).expect("a seed finds it");
    let shrunk = shrink(&draw(seed), 2_000, |steps| run(seed, bug, steps)).unwrap();
    (seed, shrunk)
}

#[test]
fn the_toy_without_bugs_passes() {
    for seed in 0..30 {
        assert_eq!(run(seed, Bug::None, &draw(seed)), Outcome::Passed, "seed {seed}");
    }
}

#[test]
fn a_frame_taken_for_a_read_shrinks_to_a_single_command() {
    let (seed, shrunk) = find(Bug::FrameIsARead);
    assert!(shrunk.steps.len() <= 2 && shrunk.is_minimal, "seed {seed}: {:#?}", shrunk.steps);
}

#[test]
fn a_value_told_before_it_is_stored_shrinks_to_setting_it_and_stopping() {
    let (seed, shrunk) = find(Bug::TellsBeforeStoring);
    assert!(shrunk.steps.len() <= 4 && shrunk.is_minimal, "seed {seed}: {:#?}", shrunk.steps);
    assert!(shrunk.steps.iter().any(|step| format!("{step}").contains("Crash")), "{:#?}", shrunk.steps);
}

#[test]
fn a_late_old_value_shrinks_to_a_handful_of_steps() {
    let (seed, shrunk) = find(Bug::LastArrivalWins);
    assert!(shrunk.steps.len() <= 5, "seed {seed}: {:#?}", shrunk.steps);
    let replayed = run(seed, Bug::LastArrivalWins, &shrunk.steps);
    assert_eq!(replayed, shrunk.outcome, "the shrunk run fails the same way again");
}
