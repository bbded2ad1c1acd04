//! Runs as lists of steps: what the users of a world do, and what goes wrong, each at its time.
//!
//! A run is wholly told by its settings and its steps. Drawing the steps first and playing them then, instead
//! of drawing while playing, is what makes a failing run something that can be printed, kept as a test and
//! shrunk.

use std::fmt;
use std::time::Duration;

use crate::fault::Fault;
use crate::time::Time;
use crate::world::{Node, Stepped, World};

/// One step of a run. `C` is whatever the owner of the world lets its users do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<C> {
    /// When.
    pub at: Time,
    /// What.
    pub deed: Deed<C>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed<C> {
    /// Something a user does.
    Command(C),
    /// Something that goes wrong.
    Fault(Fault),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found wrong.
    Passed,
    /// A checker found something wrong.
    Failed {
        /// Which checker: the same name for the same bug, so that a shrinker does not slip from one bug to
        /// another.
        check: String,
        /// What it saw.
        detail: String,
    },
}

impl Outcome {
    /// A failure.
    pub fn failed(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Failed { check: check.into(), detail: detail.into() }
    }

    /// The checker that found something, if any.
    pub fn check(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed { check, .. } => Some(check),
        }
    }
}

impl<C> Step<C> {
    /// A command at a time.
    pub const fn command(at: Time, command: C) -> Self {
        Self { at, deed: Deed::Command(command) }
    }

    /// A fault at a time.
    pub const fn fault(at: Time, fault: Fault) -> Self {
        Self { at, deed: Deed::Fault(fault) }
    }
}

/// Puts commands and faults into one list in the order of time; commands first where times are equal.
pub fn interleave<C>(
    commands: impl IntoIterator<Item = (Time, C)>,
    faults: impl IntoIterator<Item = (Time, Fault)>,
) -> Vec<Step<C>> {
    let commands = commands.into_iter().map(|(at, command)| Step::command(at, command));
    let mut steps: Vec<_> =
        commands.chain(faults.into_iter().map(|(at, fault)| Step::fault(at, fault))).collect();
    steps.sort_by_key(|step| step.at);
    steps
}

impl<N: Node> World<N> {
    /// Plays steps, then goes on for `rest`. `command` does what a user does; `check` looks at the world
    /// after everything that happens and ends the run by an error. Steps must be in the order of time; one
    /// whose time has passed happens at once.
    pub fn play<C>(
        &mut self,
        steps: &[Step<C>],
        rest: Duration,
        mut command: impl FnMut(&mut Self, &C),
        mut check: impl FnMut(&Self, &Stepped) -> Result<(), Outcome>,
    ) -> Outcome {
        for step in steps {
            if let Err(outcome) = self.play_until(step.at, &mut check) {
                return outcome;
            }
            match &step.deed {
                Deed::Command(what) => command(self, what),
                Deed::Fault(fault) => drop(self.inject(fault)),
            }
            if let Err(outcome) = check(self, &Stepped { at: self.now(), host: None }) {
                return outcome;
            }
        }
        let end = self.now() + rest;
        self.play_until(end, &mut check).err().unwrap_or(Outcome::Passed)
    }

    fn play_until(
        &mut self,
        until: Time,
        check: &mut impl FnMut(&Self, &Stepped) -> Result<(), Outcome>,
    ) -> Result<(), Outcome> {
        while let Some(stepped) = self.step_until(until) {
            check(self, &stepped)?;
        }
        self.advance_to(until);
        Ok(())
    }
}

impl<C: fmt::Debug> fmt::Display for Step<C> {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.deed {
            Deed::Command(command) => write!(f, "{:>16}  {command:?}", self.at.to_string()),
            Deed::Fault(fault) => write!(f, "{:>16}  {fault:?}", self.at.to_string()),
        }
    }
}
