//! What keeps a command from starting, and how it ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Crew, code, stderr};

// proves: DIS-INTERFACE-NAMED
#[test]
fn an_interface_that_is_not_there_is_refused_with_a_list_and_waited_for_by_what_runs_on() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let show = show.to_str().unwrap();
    for (command, running) in [(&["up"][..], "is up"), (&["host", "--listen", "0.0.0.0:0"], "ws://")] {
        let odd = ["--interface", "nowhere7", "--interface", "192.0.2.77"];
        let mut station = crew.start(&[command, &odd].concat());
        station.until(running);
        station.kill();
    }
    let commands: [&[&str]; 4] = [&["ls"], &["get", "latest"], &["commit", show, "-m", "x"], &["groups"]];
    for command in commands {
        for odd in ["nowhere7", "192.0.2.77"] {
            let refused = crew.run(&[command, &["--interface", odd]].concat());
            let words = stderr(&refused);
            assert_eq!(code(&refused), 2, "{command:?}: {words}");
            assert!(words.contains(odd) && words.contains("127.0.0.1"), "{command:?}: {words}");
        }
    }
}

#[cfg(unix)]
#[test]
fn each_signal_that_ends_a_station_lets_it_leave_first() {
    let crew = Crew::new();
    for signal in ["-TERM", "-HUP", "-INT", "-QUIT"] {
        let mut running = crew.start(&["up", "--name", "Desk"]);
        running.until("is up");
        let id = running.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        running.ends_well();
    }
}

#[test]
fn a_station_is_never_without_a_name() {
    let crew = Crew::new();
    for blank in ["", "  "] {
        let mut running = crew.start(&["up", "--name", blank]);
        let up = running.until(" is up");
        assert!(up.contains("mvrx on ") && !up.contains("mvrx on  "), "{up}");
    }
}
