//! What a world of many crews goes through: everything that is drawn for it; then, with the network in order, the death of a host in each crew that elects
//! one and of a bridge in each that has another beside it, all at once, and a cut through everybody; and what must be true in between and at the end.

use std::cell::RefCell;
use std::time::Duration;

use lan_sim::{BusProfile, Deed, Fault, HostId, LinkProfile, Outcome, Rng, Seed, Step, Stepped, Time, World};

use super::{Crew, crews};
use crate::bridging::trial as bridges;
use crate::crew::{Among, Places};
use crate::electing::trial as elections;
use crate::electing::{EVERY, Watch, keeps};
use crate::moves::Strike;
use crate::plan::{act_among, check};
use crate::{Act, Ledger, Node, Plan, quiet, rooms};

/// Lets it all happen.
pub(crate) fn play(
    plan: &Plan,
    world: &mut World<Node>,
    ledger: &RefCell<Ledger>,
    steps: &[Step<Act>],
) -> Outcome {
    let rng = Seed::new(plan.seed).child("trial").rng();
    let mut teams: Vec<Team> = crews(plan).into_iter().map(Team::new).collect();
    expect(&mut teams, steps);
    let mut trial =
        Trial { world, ledger, rng, teams, strikes: Vec::new(), due: Vec::new(), looked: Time::ZERO };
    trial.run(steps).err().unwrap_or(Outcome::Passed)
}

/// A crew, and what is known of it.
struct Team {
    crew: Crew,
    hosts: Vec<HostId>,
    watch: Watch,
    rng: Rng,
}

impl Team {
    fn new(crew: Crew) -> Self {
        let hosts = crew.hosts.clone().map(HostId).collect();
        let rng = Seed::new(crew.plan.seed).child("trial").rng();
        let mut watch = Watch::default();
        watch.meeting = elections::MEETING_ROUGH;
        Self { crew, hosts, watch, rng }
    }

    fn elects(&self) -> bool {
        self.crew.plan.electing
    }

    fn bridges(&self) -> bool {
        self.crew.plan.bridging
    }
}

/// Those that elect have to know what will keep their machines from each other.
fn expect(teams: &mut [Team], steps: &[Step<Act>]) {
    for step in steps.iter().rev() {
        let Deed::Fault(fault) = &step.deed else { continue };
        match keeps(fault, &[]) {
            (whom, span) if whom.is_empty() && !span.is_zero() => {
                for team in teams.iter_mut().filter(|team| team.elects()) {
                    team.watch.expects(step.at, team.hosts.clone(), span);
                }
            }
            (whom, span) => {
                for host in whom {
                    if let Some(team) = team_of(teams, host).filter(|team| team.elects()) {
                        team.watch.expects(step.at, vec![host], span);
                    }
                }
            }
        }
    }
}

fn team_of(teams: &mut [Team], host: HostId) -> Option<&mut Team> {
    let nth = teams.partition_point(|team| team.crew.hosts.end <= host.0);
    teams.get_mut(nth)
}

struct Trial<'a> {
    world: &'a mut World<Node>,
    ledger: &'a RefCell<Ledger>,
    rng: Rng,
    teams: Vec<Team>,
    /// Crashes that wait for a move to come to a step.
    strikes: Vec<Strike>,
    /// Those that do not any more, and when they are.
    due: Vec<(Time, HostId, Strike)>,
    looked: Time,
}

type Goes = Result<(), Outcome>;

impl Trial<'_> {
    fn run(&mut self, steps: &[Step<Act>]) -> Goes {
        for step in steps {
            self.pass_until(step.at)?;
            match &step.deed {
                Deed::Command(act) => self.act(act),
                Deed::Fault(fault) => drop(self.world.inject(fault)),
            }
            check(self.ledger)?;
        }
        self.pass(Duration::from_secs(1))?;
        self.strikes.clear();
        self.due.clear();
        self.world.heal();
        for host in self.world.hosts() {
            self.world.set_profile(host, LinkProfile::lan());
        }
        self.world.set_bus(BusProfile::calm());
        self.nothing_is_between(Duration::ZERO);
        self.pass(quiet::REST)?;
        self.is_at_rest("at rest")?;
        for team in &mut self.teams {
            team.watch.meeting = elections::MEETING;
        }
        self.hosts_and_bridges_die()?;
        self.network_parts()?;
        self.pass(quiet::REST)?;
        self.is_at_rest("at the end")?;
        self.all_is_available()
    }

    fn act(&mut self, act: &Act) {
        let Act::Of { crew, act } = act else { return };
        let Some(team) = self.teams.get(*crew as usize % self.teams.len().max(1)) else { return };
        let hosts = team.crew.hosts.clone();
        match Strike::order(self.world, self.ledger, &hosts, act) {
            Some(strike) => self.strikes.push(strike),
            None => act_among(self.world, self.ledger, &hosts, act),
        }
    }

    fn pass(&mut self, time: Duration) -> Goes {
        self.pass_until(self.world.now() + time)
    }

    fn pass_until(&mut self, until: Time) -> Goes {
        loop {
            let crash = self.due.iter().map(|(at, ..)| *at).min().filter(|at| *at <= until);
            let before = self.due.len();
            while let Some(stepped) = self.world.step_until(crash.unwrap_or(until)) {
                self.look(&stepped)?;
                if self.due.len() > before {
                    break;
                }
            }
            if self.due.len() > before {
                continue;
            }
            self.world.run_until(crash.unwrap_or(until));
            let Some(crash) = crash else { return Ok(()) };
            for (_, at_it, strike) in self.due.extract_if(.., |(at, ..)| *at <= crash) {
                strike.falls(at_it, self.world, self.ledger);
            }
        }
    }

    /// What is looked at after everything that happens.
    fn look(&mut self, stepped: &Stepped) -> Goes {
        let world = &*self.world;
        if let Some(host) = stepped.host
            && !self.strikes.is_empty()
        {
            let due = &mut self.due;
            self.strikes.retain_mut(|strike| match strike.concerns(host).then(|| strike.look(world)) {
                Some(Ok(Some(at_it))) => {
                    due.push((stepped.at + strike.after(), at_it, strike.clone()));
                    false
                }
                Some(Err(_)) => false,
                _ => true,
            });
        }
        if world.now() >= self.looked + EVERY {
            self.looked = world.now();
            for team in self.teams.iter_mut().filter(|team| team.elects()) {
                team.watch.look(Among::new(world, &team.crew.hosts), self.ledger);
            }
            if world.spins() > SPINS * u64::from(crate::crew::hosts_of(world)) {
                let text = format_args!("{} deadlines were in the past", world.spins());
                self.ledger.borrow_mut().violate(elections::SPINNING, text);
            }
        }
        check(self.ledger)
    }

    fn nothing_is_between(&mut self, for_so_long: Duration) {
        let until = self.world.now() + for_so_long;
        self.teams.iter_mut().for_each(|team| team.watch.keeps_all(&team.hosts, until));
    }

    // ---- what is looked at

    fn is_at_rest(&mut self, when: &str) -> Goes {
        for team in self.teams.iter().filter(|team| !team.bridges()) {
            rooms::asks(self.world, &team.crew.hosts);
            quiet::look(Among::new(self.world, &team.crew.hosts), &mut self.ledger.borrow_mut());
        }
        check(self.ledger)?;
        self.elections(|trial| {
            trial.one_host_for_all(when, &trial.all)?;
            trial.no_commit_is_lost();
            check(trial.ledger)
        })?;
        let before = self.bridges(|trial| trial.looks(when))?;
        self.pass(bridges::QUIET)?;
        let mut before = before.into_iter();
        self.bridges(|trial| trial.is_quiet_since(&before.next().unwrap_or_default(), when))?;
        check(self.ledger)
    }

    /// Each crew that elects, one after the other.
    fn elections<T>(
        &mut self,
        mut look: impl FnMut(&mut elections::Trial<'_>) -> Result<T, Outcome>,
    ) -> Result<Vec<T>, Outcome> {
        let mut found = Vec::new();
        for team in self.teams.iter_mut().filter(|team| team.elects()) {
            let mut trial = elections::Trial {
                world: self.world,
                ledger: self.ledger,
                watch: std::mem::take(&mut team.watch),
                rng: team.rng.clone(),
                all: team.hosts.clone(),
                places: Places::of(team.crew.plan.crew),
            };
            let one = look(&mut trial);
            (team.watch, team.rng) = (trial.watch, trial.rng);
            found.push(one?);
        }
        Ok(found)
    }

    /// Each crew that has bridges.
    fn bridges<T>(
        &mut self,
        mut look: impl FnMut(&mut bridges::Trial<'_>) -> Result<T, Outcome>,
    ) -> Result<Vec<T>, Outcome> {
        let mut found = Vec::new();
        for team in self.teams.iter_mut().filter(|team| team.bridges()) {
            let mut trial = bridges::Trial {
                world: self.world,
                ledger: self.ledger,
                rng: team.rng.clone(),
                hosts: team.crew.hosts.clone(),
                rest: quiet::REST,
            };
            let one = look(&mut trial);
            team.rng = trial.rng;
            found.push(one?);
        }
        Ok(found)
    }

    // ---- what happens

    fn hosts_and_bridges_die(&mut self) -> Goes {
        let begun = self.world.now();
        let bridges_dead = self.bridges(|trial| Ok(trial.kills_a_bridge()))?;
        self.somebody_succeeds()?;
        let within = bridges_dead.iter().flatten().map(|death| death.within).max().unwrap_or_default();
        self.pass_until(begun + within)?;
        self.bridges(|trial| trial.one_bridge_works(bridges::AFTER_DEATH))?;
        self.pass(bridges::TOGETHER)?;
        self.bridges(|trial| trial.nobody_is_there_twice(bridges::AFTER_DEATH))?;
        let mut deaths = bridges_dead.into_iter();
        self.bridges(|trial| {
            deaths.next().flatten().into_iter().for_each(|death| trial.returns(death));
            Ok(())
        })?;
        self.pass(bridges::RETURNS)
    }

    /// The host of each crew that elects one dies, another one acts, and those that died return.
    fn somebody_succeeds(&mut self) -> Goes {
        let deaths = self.elections(|trial| Ok(trial.kills_the_host()))?;
        let mut next: Vec<Option<HostId>> = vec![None; deaths.len()];
        let wanted = deaths.iter().flatten().count();
        while next.iter().flatten().count() < wanted {
            self.pass(Duration::from_millis(20))?;
            let mut pairs = deaths.iter().zip(&mut next);
            self.elections(|trial| {
                if let Some((Some(death), next @ None)) = pairs.next() {
                    *next = trial.successor(death)?;
                }
                Ok(())
            })?;
        }
        self.pass(elections::TOGETHER)?;
        let mut pairs = deaths.iter().zip(&next);
        self.elections(|trial| {
            let Some((Some(death), Some(next))) = pairs.next() else { return Ok(()) };
            trial.one_host_for_all("after the death of the host", &death.alive)?;
            trial.they_return(death, *next);
            Ok(())
        })?;
        self.pass(elections::RETURN)?;
        let mut pairs = deaths.iter().zip(&next);
        self.elections(|trial| match pairs.next() {
            Some((Some(death), Some(next))) => {
                trial.have_returned(death, *next)?;
                trial.watch.incumbent = None;
                Ok(())
            }
            _ => Ok(()),
        })?;
        Ok(())
    }

    /// The network parts in two for a while, through all crews.
    fn network_parts(&mut self) -> Goes {
        let hosts: Vec<HostId> = self.world.hosts().filter(|_| self.rng.below(2) == 0).collect();
        let breaks = self.rng.below(2) == 0;
        self.nothing_is_between(elections::PARTED);
        self.world.inject(&Fault::Partition { hosts: hosts.clone(), span: elections::PARTED, breaks });
        self.pass(elections::PARTED - Duration::from_secs(1))?;
        self.elections(|trial| {
            let parts: (Vec<HostId>, Vec<HostId>) =
                trial.all.iter().partition(|host| hosts.binary_search(host).is_ok());
            trial.one_host_for_all("while the network is parted", &parts.0)?;
            trial.one_host_for_all("while the network is parted", &parts.1)
        })?;
        self.pass(Duration::from_secs(1) + elections::MEETING + elections::TOGETHER)?;
        self.elections(|trial| trial.one_host_for_all("after the cut", &trial.all))?;
        Ok(())
    }

    fn all_is_available(&mut self) -> Goes {
        let wanted = self.bridges(|trial| Ok(trial.everybody_fetches()))?;
        self.pass(bridges::FETCHING)?;
        let mut wanted = wanted.into_iter();
        self.bridges(|trial| trial.have_fetched(wanted.next().unwrap_or_default()))?;
        check(self.ledger)
    }
}

/// So many deadlines may be in the past for each machine, where something else happened at the same moment.
const SPINS: u64 = 20;
