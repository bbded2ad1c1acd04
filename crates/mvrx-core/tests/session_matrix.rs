//! Aim: every state of our stay in a session and of its second connection meets every event, and what follows is written down.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::{Debug, Write};

use mvrx_core::{FilesLink, FilesLinkEvent, Stay, StayEvent};

fn matrix<S: Copy + Debug, E: Copy + Debug, A: Debug>(
    states: &[S],
    events: &[E],
    on: impl Fn(S, E) -> (S, A),
) -> String {
    let mut text = String::new();
    for state in states {
        for event in events {
            let (next, action) = on(*state, *event);
            let (state, event, next) = (format!("{state:?}"), format!("{event:?}"), format!("{next:?}"));
            writeln!(text, "{state:<10} {event:<14} -> {next:<10} {action:?}").unwrap();
        }
    }
    text
}

#[test]
fn a_stay_is_as_declared() {
    insta::assert_snapshot!(matrix(&Stay::ALL, &StayEvent::ALL, Stay::on));
}

#[test]
fn the_second_connection_is_as_declared() {
    insta::assert_snapshot!(matrix(&FilesLink::ALL, &FilesLinkEvent::ALL, FilesLink::on));
}
