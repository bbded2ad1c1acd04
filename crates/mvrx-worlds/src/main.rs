//! `mvrx-worlds`: runs simulated worlds and says what it saw. `--help` tells how.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program that prints")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lan_sim::{FaultCounts, FaultPlan, Keep};
use mvrx_worlds::doubles::Quirky;
use mvrx_worlds::{Plan, Planted, Report};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            eprintln!("{what}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if options.grow {
        grow(&options);
        return ExitCode::SUCCESS;
    }
    if options.seeds == 1 { one(&options) } else { many(&options) }
}

/// One seed, with all that can be said of it.
fn one(options: &Options) -> ExitCode {
    let plan = options.plan(options.seed);
    let steps = plan.steps();
    let begun = Instant::now();
    let report = plan.play(&steps);
    let took = begun.elapsed();
    println!("seed {}: {} steps, hash {:016x}", options.seed, steps.len(), report.hash);
    println!("{}\n{}", report.faults, report.tally);
    println!(
        "{} node events in {:.2} s: {} per second",
        report.events,
        took.as_secs_f64(),
        per_second(report.events, took)
    );
    if report.outcome.check().is_none() {
        if options.trace {
            println!("{}", plan.keep(Keep::All).play(&steps).trace);
        }
        println!("nothing was found wrong");
        return ExitCode::SUCCESS;
    }
    tell_failure(options, options.seed, &report);
    ExitCode::FAILURE
}

/// What many worlds came to.
#[derive(Default)]
struct Sum {
    faults: FaultCounts,
    events: u64,
    messages: u64,
    steps: u64,
    hosts: u64,
    commands: u64,
    takeover: Duration,
    split: Duration,
    failed: Vec<(u64, Report)>,
}

/// Many seeds on all processors.
fn many(options: &Options) -> ExitCode {
    let next = AtomicU64::new(options.seed);
    let end = options.seed + options.seeds;
    let stop = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    let begun = Instant::now();
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let plan = options.plan(seed);
            let steps = plan.steps();
            let report = plan.play(&steps);
            let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sum.faults.add(&report.faults);
            sum.events += report.events;
            sum.messages += report.tally.messages;
            sum.steps += steps.len() as u64;
            sum.hosts += report.tally.hosts;
            sum.commands += report.tally.commands;
            sum.takeover = sum.takeover.max(report.tally.takeover);
            sum.split = sum.split.max(report.tally.split);
            if report.outcome.check().is_some() {
                sum.failed.push((seed, report));
                if !options.go_on {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let took = begun.elapsed();
    let Sum { faults, events, messages, steps, hosts, commands, takeover, split, mut failed } =
        sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!(
        "{} seeds of {} stations on {threads} threads in {:.1} s",
        options.seeds,
        options.stations,
        took.as_secs_f64()
    );
    println!(
        "{steps} steps, {messages} messages, {events} node events, {} of them per second\n{faults}",
        per_second(events, took)
    );
    if hosts > 0 {
        println!("{hosts} hosts elected, takeover {takeover:?} at most, two hosts {split:?} at most");
    }
    if commands > 0 {
        println!("{commands} commands of rooms were told to members");
    }
    failed.sort_by_key(|(seed, _)| *seed);
    for (seed, report) in &failed {
        println!("seed {seed} fails: {:?}", report.outcome);
    }
    match failed.first() {
        None => {
            println!("nothing was found wrong");
            ExitCode::SUCCESS
        }
        Some((seed, report)) => {
            tell_failure(options, *seed, report);
            ExitCode::FAILURE
        }
    }
}

fn tell_failure(options: &Options, seed: u64, report: &Report) {
    println!("FAILED: {:?} at {}", report.outcome, report.end);
    println!("replay: cargo run --release -p mvrx-worlds -- {}", options.replay(seed));
    let plan = options.plan(seed);
    if let Some(shrunk) = plan.shrink(&plan.steps(), options.tries) {
        println!(
            "shrunk to {} steps in {} runs (minimal: {}): {:?}",
            shrunk.steps.len(),
            shrunk.tries,
            shrunk.is_minimal,
            shrunk.outcome
        );
        for step in &shrunk.steps {
            println!("{step}");
        }
        println!("{}", plan.keep(Keep::Last(options.lines)).play(&shrunk.steps).trace);
    }
}

/// What a join, a commit and a leave cost each station as their number grows.
fn grow(options: &Options) {
    println!(
        "stations   join: messages/station  us/message   commit: messages  us   leave: messages  us   wall s"
    );
    let mut count = 10;
    while count <= options.stations {
        let begun = Instant::now();
        let cost = mvrx_worlds::grow(options.seed, count);
        println!(
            "{count:>8}   {:>21.1}  {:>10.1}   {:>16}  {:>4.0}   {:>15}  {:>4.0}   {:>6.1}",
            cost.join_messages as f64 / f64::from(count),
            cost.join_time.as_secs_f64() * 1e6 / cost.join_messages.max(1) as f64,
            cost.commit_messages,
            cost.commit_time.as_secs_f64() * 1e6,
            cost.leave_messages,
            cost.leave_time.as_secs_f64() * 1e6,
            begun.elapsed().as_secs_f64(),
        );
        count = if count == options.stations {
            count + 1
        } else {
            (count * 10).min(options.stations.max(count + 1))
        };
    }
}

fn per_second(count: u64, took: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / took.as_micros().max(1)).unwrap_or(u64::MAX)
}

struct Options {
    seed: u64,
    seeds: u64,
    stations: u32,
    minutes: u64,
    fault_every: Duration,
    calm: bool,
    trace: bool,
    go_on: bool,
    grow: bool,
    quirky: bool,
    session: bool,
    moving: bool,
    crashing: bool,
    electing: bool,
    bridging: bool,
    letting_go: bool,
    everything: bool,
    mixing: bool,
    lines: usize,
    tries: usize,
    planted: Planted,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seed: 1,
            seeds: 1,
            stations: 20,
            minutes: 2,
            fault_every: Duration::from_secs(30),
            calm: false,
            trace: false,
            go_on: false,
            grow: false,
            quirky: false,
            session: false,
            moving: false,
            crashing: false,
            electing: false,
            bridging: false,
            letting_go: false,
            everything: false,
            mixing: false,
            lines: 200,
            tries: 2_000,
            planted: Planted::Nothing,
        };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or(format!("{word} needs a number"))?;
                value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"))
            };
            match word.as_str() {
                "--seed" => options.seed = number()?,
                "--seeds" => options.seeds = number()?,
                "--stations" => options.stations = small(number()?).max(1),
                "--minutes" => options.minutes = number()?,
                "--fault-every" => options.fault_every = time(words.next().as_deref())?,
                "--lines" => options.lines = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--tries" => options.tries = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--calm" => options.calm = true,
                "--quirky" => options.quirky = true,
                "--session" => options.session = true,
                "--moving" => options.moving = true,
                "--crashing" => options.crashing = true,
                "--electing" => options.electing = true,
                "--bridging" => options.bridging = true,
                "--letting-go" => options.letting_go = true,
                "--everything" => options.everything = true,
                "--mixing" => options.mixing = true,
                "--trace" => options.trace = true,
                "--go-on" => options.go_on = true,
                "--grow" => options.grow = true,
                "--planted" => options.planted = Planted::of(number()?),
                _ => return Err(format!("{word} is not known")),
            }
        }
        Ok(options)
    }

    fn plan(&self, seed: u64) -> Plan {
        let plan = Plan::new(seed)
            .stations(self.stations)
            .span(Duration::from_mins(self.minutes))
            .planted(self.planted)
            .quirky(if self.quirky { &Quirky::ALL } else { &[] });
        let plan = if self.session { plan.session() } else { plan };
        let plan = if self.moving { plan.moving() } else { plan };
        let plan = if self.crashing { plan.crashing() } else { plan };
        let plan = if self.electing { plan.electing() } else { plan };
        let plan = if self.bridging { plan.bridging() } else { plan };
        let plan = if self.letting_go { plan.letting_go() } else { plan };
        let plan = if self.mixing { plan.mixing() } else { plan };
        let plan = if self.everything { plan.everything() } else { plan };
        if self.calm {
            return plan.calm();
        }
        if self.everything {
            return plan.faults_everywhere(self.fault_every);
        }
        let mut interval = self.fault_every;
        if self.electing {
            // Hosts come to rest in between in some of the worlds, and never in others.
            interval *= 1 << (seed % 4);
        }
        plan.faults(FaultPlan::everything(interval).longest(Duration::from_secs(20)))
    }

    fn replay(&self, seed: u64) -> String {
        let mut words = format!(
            "--seed {seed} --stations {} --minutes {} --fault-every {}ms",
            self.stations,
            self.minutes,
            self.fault_every.as_millis()
        );
        if self.calm {
            words.push_str(" --calm");
        }
        if self.quirky {
            words.push_str(" --quirky");
        }
        if self.session {
            words.push_str(" --session");
        }
        if self.moving {
            words.push_str(" --moving");
        }
        if self.crashing {
            words.push_str(" --crashing");
        }
        if self.electing {
            words.push_str(" --electing");
        }
        if self.bridging {
            words.push_str(" --bridging");
        }
        if self.letting_go {
            words.push_str(" --letting-go");
        }
        if self.everything {
            words.push_str(" --everything");
        }
        if self.mixing {
            words.push_str(" --mixing");
        }
        if self.planted != Planted::Nothing {
            words.push_str(&format!(" --planted {}", self.planted as u8));
        }
        words
    }
}

/// Seconds, or milliseconds where that is said.
fn time(word: Option<&str>) -> Result<Duration, String> {
    let word = word.unwrap_or_default();
    let (number, unit) = word.strip_suffix("ms").map_or((word, 1_000), |number| (number, 1));
    let number: u64 = number.parse().map_err(|error| format!("{word} is no time: {error}"))?;
    Ok(Duration::from_millis(number * unit))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const HELP: &str = "usage: mvrx-worlds [--seed S | --seeds N] [--stations M] [--minutes T]
  --seed S         the first seed (1); alone, it is replayed with everything that can be said
  --seeds N        so many seeds from there on (1), on all processors
  --stations M     (20)
  --minutes T      of virtual time with faults (2)
  --fault-every S  each of the 17 kinds of faults once in S virtual seconds (30), or milliseconds: 200ms
  --calm           no faults
  --quirky         one quirky peer of each product beside the stations
  --session        WebSocket Mode: the stations are in a session, with a host of its own
  --moving         stations that move between two groups and two sessions
  --crashing       the same, and half of the moves lose a machine at one of their steps
  --electing       stations that elect the host of their session; the faults come once, twice, four or eight times as seldom, by the seed
  --bridging       stations in two groups and two sessions that bridges join in a ring
  --mixing         clients of one Mixer server in its rooms
  --everything     crews of all of these and of Mixer at once on one network; each kind of fault for every 20 machines that often
  --letting-go     with any of these but --bridging: commits are taken back by their authors, and stores let files go
  --trace          print everything that happens
  --go-on          go on after a failure
  --lines N        of the trace of a shrunk failure (200)
  --tries N        runs for shrinking (2000)
  --planted N      with a bug: 1 LEAVE is forgotten, 2 a request never ends, 3 a byte is lost, 4 a host keeps a COMMIT back,
                   5 it echoes them, 6 it forgets what it kept; of elections: 7 hosts do not ask, 8 a loss is not told,
                   9 a host gives way to a priority, 10 hosts are not seen, 11 only own commits are brought, 12 hosts are not joined, 13 woken for nothing;
                   of bridges: 14 brings files back, 15 forgets what it fetched, 16 reads no marks, 17 stand-ins stay, 18 others are not seen,
                   19 dead ones count, 20 does not offer all, 21 stand-ins that give way say LEAVE; of elections again: 22 a host stays whose session was moved;
                   of bridges again: 23 a new host under the session's URL is not told; 24 a station numbers its commits as if it knew of no others;
                   of elections again: 25 who was moved to another group takes no part there;
                   of moves: 30 what strangers propose is taken for an own wish, 31 which files came along is not kept;
                   with --letting-go: 32 what was taken back is not said, 33 what was let go is listed on
  --grow           the cost of join, commit and leave for 10, 100, ... M stations";
