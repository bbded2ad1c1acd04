//! A person moves the session of an elected host, the network being in order: whoever is willing goes, whoever stays has one host, and nobody is pulled
//! back. In another group they elect a host at once, and are moved back from there; who was moved out of the session into its own group takes part when
//! it starts again.

use std::time::Duration;

use lan_sim::{Crash, Deed, HostId, Step};
use mvrx_core::Moves;
use mvrx_core::election::ElectionPhase;
use mvrx_message::{GroupName, SessionTarget};

use super::Candidacy;
use super::trial::{Goes, Trial};
use crate::crew::{Among, Places};
use crate::plan::{act_in, check};
use crate::station::rule_of;
use crate::{Act, quiet};

impl Trial<'_> {
    /// Whoever was moved to another group is moved back to where all of them began; who does not want that, or was moved out of all groups, starts
    /// again there.
    pub(super) fn come_home(&mut self, steps: &[Step<Act>]) -> Goes {
        self.ledger.borrow_mut().brings_home = true;
        if steps.iter().any(|step| matches!(step.deed, Deed::Command(Act::Move { .. }))) {
            // Moves that are under way come to their end first.
            self.watch.keeps_all(&self.all, self.world.now());
            self.pass(ANSWERED)?;
        }
        let home = self.places.group.clone();
        let elsewhere = |there: &Candidacy| *there.group() != home;
        while let Some(host) =
            self.all.iter().copied().find(|host| self.candidate(*host).is_some_and(elsewhere))
        {
            let there = self
                .those_in(&self.candidate(host).map_or_else(|| home.clone(), |there| there.group().clone()));
            act_in(self.world, self.ledger, &Act::Move { host: host.0, to: 0 });
            self.watch.keeps_all(&self.all, self.world.now());
            self.pass(ANSWERED)?;
            if there.iter().all(|host| self.candidate(*host).is_some_and(elsewhere)) {
                break;
            }
        }
        for host in self.all.clone() {
            let away =
                |there: &Candidacy| there.phase() == ElectionPhase::Elsewhere || *there.group() != home;
            if self.candidate(host).is_some_and(away) {
                self.world.crash(host, Crash::Process);
                self.world.restart(host);
            }
        }
        Ok(())
    }

    /// One of them has all of them go to the other group, or back to their own, or where nobody is.
    pub(super) fn a_person_moves_them(&mut self) -> Goes {
        self.ledger.borrow_mut().brings_home = false;
        let Places { group: home, stage, .. } = self.places.clone();
        let all = self.all.clone();
        let ([host], Some(mover)) = (&self.hosts_among(&all)[..], self.pick_of(&all)) else { return Ok(()) };
        let host = *host;
        let (to, target) = match self.pick(8) {
            0 => (0, Some(home.clone())),
            1 => (2, None),
            _ => (1, Some(stage)),
        };
        act_in(self.world, self.ledger, &Act::Move { host: mover.0, to });
        self.pass(ANSWERED)?;
        let Some(target) = target else {
            self.one_host_for_all("after a move to where nobody is", &all)?;
            return self.rest();
        };
        let (gone, stayed): (Vec<HostId>, Vec<HostId>) =
            all.iter().partition(|host| self.has_gone(**host, &target));
        self.all_went_who_would((host, mover), (&all, &gone), &target)?;
        let hosts = gone.iter().find(|gone| self.candidate(**gone).is_some_and(Candidacy::has_a_host));
        if let Some(hosts) = hosts.filter(|_| target == home) {
            self.violate(MOVED, &format!("{hosts} was moved to {target} and hosts where it was"))?;
        }
        if target != home {
            self.one_host_for_all("where a person moved them", &gone)?;
        }
        self.one_host_for_all("after a person moved the others away", &stayed)?;
        self.rest()?;
        let back = gone.iter().find(|gone| !self.has_gone(**gone, &target));
        if let Some(back) = back {
            self.violate(MOVED, &format!("{back} was moved to {target} and has not stayed there"))?;
        }
        if target != home {
            return self.a_person_moves_them_back(mover, &gone, &stayed);
        }
        for gone in &gone {
            self.world.crash(*gone, Crash::Process);
            self.world.restart(*gone);
        }
        self.pass(RETURN)?;
        self.one_host_for_all("where they start again after a move", &all)?;
        self.rest()
    }

    /// Who moved them has them come back to where the others are.
    fn a_person_moves_them_back(&mut self, mover: HostId, gone: &[HostId], stayed: &[HostId]) -> Goes {
        let home = self.places.group.clone();
        let host = self.hosts_among(gone).first().copied();
        act_in(self.world, self.ledger, &Act::Move { host: mover.0, to: 0 });
        self.pass(ANSWERED)?;
        let back = self.those_in(&home);
        let came: Vec<HostId> = gone.iter().copied().filter(|host| back.contains(host)).collect();
        self.all_went_who_would((host.unwrap_or(mover), mover), (gone, &came), &home)?;
        if let Some(lost) = stayed.iter().find(|stayed| !back.contains(stayed)) {
            self.violate(MOVED, &format!("{lost} stayed in {}, and is elsewhere", home))?;
        }
        self.one_host_for_all("after a person moved some back", &back)?;
        let there: Vec<HostId> = gone.iter().copied().filter(|host| !back.contains(host)).collect();
        self.one_host_for_all("where some were moved from", &there)?;
        self.rest()
    }

    fn those_in(&self, group: &GroupName) -> Vec<HostId> {
        let there = |host: &HostId| self.candidate(*host).is_some_and(|there| there.group() == group);
        self.all.iter().copied().filter(there).collect()
    }

    fn rest(&mut self) -> Goes {
        self.pass(quiet::REST)?;
        quiet::look(Among::all(self.world), &mut self.ledger.borrow_mut());
        check(self.ledger)
    }

    fn pick_of(&mut self, all: &[HostId]) -> Option<HostId> {
        let nth = usize::try_from(self.pick(all.len() as u64)).unwrap_or(0);
        all.get(nth).copied()
    }

    /// In another group it takes part.
    fn has_gone(&self, host: HostId, target: &GroupName) -> bool {
        let there = |candidate: &Candidacy| {
            let away = candidate.phase() == ElectionPhase::Elsewhere;
            let place = candidate.station().core().place();
            match away {
                true => place == SessionTarget::Group(target.clone()),
                false => *target != self.places.group && candidate.group() == target,
            }
        };
        self.candidate(host).is_some_and(there)
    }

    /// Who moves goes in any case; all who follow everybody, where the host let them be asked; nobody else who follows nobody.
    fn all_went_who_would(
        &self,
        (host, mover): (HostId, HostId),
        (all, gone): (&[HostId], &[HostId]),
        target: &GroupName,
    ) -> Goes {
        let asked = match rule_of(host) {
            Moves::Always => true,
            Moves::Never => false,
            // Its people said yes, for their own station, too.
            _ => gone.iter().any(|gone| *gone != mover),
        };
        for station in all {
            let goes = match rule_of(*station) {
                _ if *station == mover => Some(true),
                _ if !asked => Some(false),
                Moves::Always => Some(true),
                Moves::Never => Some(false),
                _ if *station == host => Some(true),
                _ => None,
            };
            if goes.is_some_and(|goes| goes != gone.contains(station)) {
                let phase = self.candidate(*station).map(Candidacy::phase);
                let place = self.candidate(*station).map(|there| there.station().core().place());
                let text = format!(
                    "{mover} moved all to {target}, {host} hosted: {station} is in {place:?} ({phase:?}), {gone:?} went"
                );
                self.violate(MOVED, &text)?;
            }
        }
        Ok(())
    }
}

/// People have a minute, a new place 40 s, all answers together two minutes; then whoever stayed has a host.
const ANSWERED: Duration = Duration::from_mins(5);
/// Who starts again has found the others, and elected.
const RETURN: Duration = Duration::from_mins(1);
const MOVED: &str = "whoever-is-willing-is-moved";
