//! Aim: every state meets every event, and what follows is written down; a change of a table shows as a change of its snapshot.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::{Debug, Write};

use mvrx_core::election::{ElectionEvent, ElectionPhase};
use mvrx_core::{
    ChangeEvent, ChangePhase, ExchangeEvent, ExchangePhase, FetchEvent, FetchPhase, Membership,
    MembershipEvent, MoveEvent, MovePhase,
};

fn matrix<S: Copy + Debug, E: Copy + Debug, A: Debug>(
    states: &[S],
    events: &[E],
    on: impl Fn(S, E) -> (S, A),
) -> String {
    let mut text = String::new();
    for state in states {
        for event in events {
            let (next, action) = on(*state, *event);
            writeln!(
                text,
                "{:<14} {:<14} -> {:<14} {action:?}",
                format!("{state:?}"),
                format!("{event:?}"),
                format!("{next:?}")
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn membership_is_as_declared() {
    insta::assert_snapshot!(matrix(&Membership::ALL, &MembershipEvent::ALL, Membership::on));
}

#[test]
fn a_change_of_group_is_as_declared() {
    insta::assert_snapshot!(matrix(&ChangePhase::ALL, &ChangeEvent::ALL, ChangePhase::on));
}

#[test]
fn an_exchange_is_as_declared() {
    insta::assert_snapshot!(matrix(&ExchangePhase::ALL, &ExchangeEvent::ALL, ExchangePhase::on));
}

#[test]
fn a_fetch_is_as_declared() {
    insta::assert_snapshot!(matrix(&FetchPhase::ALL, &FetchEvent::ALL, FetchPhase::on));
}

#[test]
fn a_move_is_as_declared() {
    insta::assert_snapshot!(matrix(&MovePhase::ALL, &MoveEvent::ALL, MovePhase::on));
}

#[test]
fn an_election_is_as_declared() {
    insta::assert_snapshot!(matrix(&ElectionPhase::ALL, &ElectionEvent::ALL, ElectionPhase::on));
}
