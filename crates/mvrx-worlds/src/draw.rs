//! Draws what happens in a world, from a seed or from the bytes of a fuzz target.

use std::time::Duration;

use lan_sim::{Choices, Step, Time, interleave};

use crate::{Act, Audience, Casualty, MoveStep, Plan, everything, rooms};

/// Commands and faults of a plan, in the order of time.
pub(crate) fn steps(plan: &Plan, choices: &mut Choices<'_>) -> Vec<Step<Act>> {
    if plan.everything {
        return everything::steps(plan, choices);
    }
    let acts = acts(plan, choices);
    let faults = plan.faults.draw(choices, plan.hosts(), Time::ZERO, plan.span);
    interleave(acts, faults)
}

/// What people do.
pub(crate) fn acts(plan: &Plan, choices: &mut Choices<'_>) -> Vec<(Time, Act)> {
    let mut acts = Vec::new();
    let mut at = Time::ZERO;
    while !choices.is_spent() {
        at += choices.span(plan.acts_every * 2).max(Duration::from_millis(1));
        if at >= Time::ZERO + plan.span {
            break;
        }
        let act = if plan.mixing {
            rooms::draw(choices, plan.people())
        } else if plan.letting_go && choices.below(6) == 0 {
            gives_up(choices, plan.people())
        } else if plan.electing {
            election_act(choices, plan.hosts(), plan.restless())
        } else if plan.bridging {
            bridged_act(choices, plan.people())
        } else if plan.moving && choices.below(8) == 0 {
            let deed = a_move(choices, plan.hosts());
            if choices.below(6) == 0 {
                Act::Mislead { host: deed.host() }
            } else if plan.crashing {
                and_crash(choices, deed)
            } else {
                deed
            }
        } else {
            act(choices, plan.hosts())
        };
        acts.push((at, act));
    }
    acts
}

/// Two of three times a file is let go, else a commit is taken back.
fn gives_up(choices: &mut Choices<'_>, hosts: u32) -> Act {
    let (host, nth) = (small(choices.below(hosts.into())), small(choices.below(256)));
    if choices.below(3) == 0 { Act::TakeBack { host, nth } } else { Act::LetGo { host, nth } }
}

fn a_move(choices: &mut Choices<'_>, hosts: u32) -> Act {
    let host = small(choices.below(hosts.into()));
    Act::Move { host, to: small(choices.below(4)) }
}

/// Half of the moves lose a machine at one of their steps.
fn and_crash(choices: &mut Choices<'_>, deed: Act) -> Act {
    let Act::Move { host, to } = deed else { return deed };
    if choices.below(2) == 0 {
        return deed;
    }
    let step = pick(choices, MoveStep::ALL);
    let who = pick(choices, Casualty::ALL);
    // At once, between two messages, or when it is about over.
    let after = match choices.below(3) {
        0 => Duration::ZERO,
        1 => Duration::from_micros(choices.below(5_000)),
        _ => Duration::from_millis(choices.below(2_000)),
    };
    let down = match choices.below(2) {
        0 => Duration::from_millis(choices.below(2_000)),
        _ => Duration::from_millis(choices.below(60_000)),
    };
    Act::MoveAndCrash { host, to, step, who, after, power: choices.below(2) == 0, down }
}

fn pick<T: Copy, const N: usize>(choices: &mut Choices<'_>, all: [T; N]) -> T {
    let place = usize::try_from(choices.below(N as u64)).unwrap_or(0);
    all.get(place).copied().unwrap_or(all[0])
}

/// One deed of people whose stations elect a host, or a crash at a moment that matters.
fn election_act(choices: &mut Choices<'_>, hosts: u32, restless: bool) -> Act {
    if restless && choices.below(16) == 0 {
        return a_move(choices, hosts);
    }
    if choices.below(16) == 0 {
        let down = match choices.below(3) {
            0 => Duration::from_millis(choices.below(500)),
            1 => Duration::from_millis(choices.below(5_000)),
            _ => Duration::from_millis(choices.below(40_000)),
        };
        return Act::CrashIn { phase: small(choices.below(7)), power: choices.below(2) == 0, down };
    }
    match act(choices, hosts) {
        // Who leaves or is asked to join somebody is in the group alone; these are in it for moments.
        Act::Leave { host } | Act::Rejoin { host } | Act::JoinAsked { host, .. } => Act::Refresh { host },
        act => act,
    }
}

/// One deed of people on both sides of bridges; who moves does it alone in most worlds.
fn bridged_act(choices: &mut Choices<'_>, people: u32) -> Act {
    if choices.below(10) == 0 {
        return a_move(choices, people);
    }
    match act(choices, people) {
        // What comes then has a FileUUID that is nobody's commit.
        Act::RequestLatest { host } => Act::Refresh { host },
        act => act,
    }
}

/// One deed.
pub(crate) fn act(choices: &mut Choices<'_>, hosts: u32) -> Act {
    let host = small(choices.below(hosts.into()));
    let nth = |choices: &mut Choices<'_>| small(choices.below(256));
    match choices.below(32) {
        0..=9 => Act::Commit {
            host,
            length: length(choices),
            audience: if choices.below(4) == 3 { Audience::Some(choices.any()) } else { Audience::All },
            hashed: choices.below(2) == 0,
        },
        10..=18 => Act::Request { host, nth: nth(choices) },
        19 | 20 => Act::RequestLatest { host },
        21..=23 => Act::Cancel { host, nth: nth(choices) },
        24 | 25 => Act::Leave { host },
        26..=28 => Act::Rejoin { host },
        29 => Act::Rename { host, name: nth(choices) },
        30 => Act::Refresh { host },
        _ => Act::JoinAsked { host, nth: nth(choices) },
    }
}

/// Small files mostly; empty ones and some that take a while.
fn length(choices: &mut Choices<'_>) -> u64 {
    match choices.below(16) {
        0 => choices.below(2),
        1..=8 => 1 + choices.below(20_000),
        9..=14 => 1 + choices.below(400_000),
        _ => 1 + choices.below(5_000_000),
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
