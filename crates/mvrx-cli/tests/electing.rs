//! `mvrx up --session-host auto` beside stations that speak TCP mode alone: who hosts has them in its session, and the session in their group.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Crew, Running, stdout};

/// Both tests host at the first free port of sessions, and which is free they see before they use it.
static PORTS: Mutex<()> = Mutex::new(());

/// Takes part in elections; gives itself and the folder with what it fetched.
fn candidate(crew: &Crew, name: &str, priority: &str, shares: &Path) -> (Running, PathBuf) {
    let folder = crew.folder(name);
    let to = folder.to_str().unwrap();
    let arguments = ["up", "--name", name, "--session-host", "auto", "--priority", priority, "--json"];
    let running =
        crew.start(&[&arguments[..], &["--get", "all", "--dir", to, shares.to_str().unwrap()]].concat());
    (running, folder)
}

/// Speaks TCP mode alone.
fn desk(crew: &Crew, name: &str, shares: &Path) -> (Running, PathBuf) {
    let folder = crew.folder(name);
    let to = folder.to_str().unwrap();
    let running =
        crew.start(&["up", "--name", name, "--json", "--get", "all", "--dir", to, shares.to_str().unwrap()]);
    (running, folder)
}

/// Waits until a folder has these shows, byte by byte.
fn has(folder: &Path, shows: &[&Path]) {
    let wanted: BTreeSet<Vec<u8>> = shows.iter().map(|path| fs::read(path).unwrap()).collect();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let shows = paths.filter(|path| path.extension().is_some_and(|end| end == "mvr"));
        let found: Vec<Vec<u8>> = shows.filter_map(|path| fs::read(path).ok()).collect();
        if wanted.iter().all(|show| found.contains(show)) {
            let different: BTreeSet<_> = found.iter().collect();
            assert_eq!(different.len(), found.len(), "something was fetched twice");
            return;
        }
        assert!(Instant::now() < end, "{} has {} shows of {}", folder.display(), found.len(), wanted.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The session that it was elected to host.
fn elected(running: &mut Running) -> String {
    let event: Value = serde_json::from_str(&running.until("\"event\":\"elected\"")).unwrap();
    event["session"].as_str().unwrap().to_owned()
}

/// What a host says of itself to somebody who asks without a JOIN.
fn note(url: &str) -> String {
    let at = url.trim_start_matches("ws://").trim_end_matches('/');
    let mut asking = TcpStream::connect(at).unwrap();
    asking.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    write!(
        asking,
        "GET / HTTP/1.1\r\nHost: {at}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        asking.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).unwrap();
    let line = answer.lines().find(|line| line.to_lowercase().starts_with("mvrx-note:"));
    line.unwrap_or_else(|| panic!("no note in {answer}")).to_owned()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_alone(url: &str) -> bool {
    let note = note(url);
    match note.rsplit_once(':').unwrap().1 {
        "1 Default" => true,
        "0 Default" => false,
        other => panic!("{other:?} in {note}"),
    }
}

/// How often each name is listed in the group, as somebody of TCP mode sees it.
fn group(crew: &Crew) -> Vec<String> {
    let listed = crew.run(&["ls", "--json", "--wait", "3"]);
    let listed: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let mut names: Vec<String> = listed["stations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

// proves: ELE-08
#[test]
fn a_station_of_tcp_mode_exchanges_files_with_the_elected_session_also_after_its_host_was_killed() {
    let _alone = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let crew = Crew::new();
    let shows: Vec<PathBuf> = (1..=5).map(|n| crew.make_show(&format!("{n}.mvr"), n)).collect();
    let show = |n: usize| shows[n - 1].as_path();
    let (mut t, t_has) = desk(&crew, "T", show(1));
    t.until("commit_published");
    let (mut b, b_has) = candidate(&crew, "B", "10", show(2));
    b.until("commit_published");
    let (mut a, a_has) = candidate(&crew, "A", "20", show(3));
    elected(&mut a);
    has(&t_has, &[show(2), show(3)]);
    has(&a_has, &[show(1), show(2)]);
    has(&b_has, &[show(1), show(3)]);

    // While the session is up: one more of TCP mode commits and stays.
    let (_u, u_has) = desk(&crew, "U", show(4));
    has(&a_has, &[show(1), show(2), show(4)]);
    has(&b_has, &[show(1), show(3), show(4)]);
    has(&t_has, &[show(2), show(3), show(4)]);
    assert_eq!(group(&crew), ["A", "A (bridge)", "B", "T", "U"], "each once");

    a.kill();
    elected(&mut b);
    // And after the host was killed, in both directions; what B had committed is still to be had.
    let (_v, v_has) = desk(&crew, "V", show(5));
    has(&b_has, &[show(1), show(3), show(4), show(5)]);
    has(&v_has, &[show(2)]);
    has(&u_has, &[show(2)]);
}

// proves: ELE-08
#[test]
fn a_host_whose_session_has_nobody_but_who_is_bridged_says_that_it_is_alone() {
    let _alone = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let crew = Crew::new();
    let shows: Vec<PathBuf> = (1..=3).map(|n| crew.make_show(&format!("{n}.mvr"), n)).collect();
    let (mut t, _) = desk(&crew, "T", &shows[0]);
    t.until("commit_published");
    let (mut b, _) = candidate(&crew, "B", "10", &shows[1]);
    b.until("commit_published");
    let (mut a, a_has) = candidate(&crew, "A", "20", &shows[2]);
    let url = elected(&mut a);
    has(&a_has, &[&shows[0], &shows[1]]);
    b.until("\"event\":\"elected_host\"");
    until("B counts", || !is_alone(&url));
    b.kill();
    until("B no longer counts, nor does T, which is there by a bridge", || is_alone(&url));
    // T is still there.
    let more = crew.make_show("more.mvr", 9);
    let (_u, _) = desk(&crew, "U", &more);
    has(&a_has, &[&shows[0], &shows[1], &more]);
    assert!(is_alone(&url));
}

// proves: ELE-04
#[test]
fn an_elected_host_ends_at_once_on_a_signal_and_the_next_one_hosts() {
    let _alone = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let crew = Crew::new();
    let shows: Vec<PathBuf> = (1..=2).map(|n| crew.make_show(&format!("{n}.mvr"), n)).collect();
    let (mut b, _) = candidate(&crew, "B", "10", &shows[0]);
    b.until("commit_published");
    let (mut a, _) = candidate(&crew, "A", "20", &shows[1]);
    elected(&mut a);
    b.until("\"event\":\"elected_host\"");
    let interrupt = Command::new("kill").args(["-INT", &a.child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let begun = Instant::now();
    a.ends_well();
    let took = begun.elapsed();
    // What a loaded machine needs for it, and far from the 10 s after which a host that does not end is given up.
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    elected(&mut b);
}

#[test]
fn an_election_and_the_bridge_beside_its_host_run_commands_like_any_event() {
    let _alone = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let crew = Crew::new();
    let (event, file) = (crew.path("event"), crew.path("config.toml"));
    let line = format!("cat >> '{}'", event.display());
    fs::write(&file, format!("[[exec]]\non = ['elected', 'bridge']\nshell = \"{line}\"\n")).unwrap();
    let show = crew.make_show("1.mvr", 1);
    let (mut b, _) = candidate(&crew, "B", "10", &show);
    b.until("commit_published");
    let arguments = ["up", "--name", "A", "--session-host", "auto", "--priority", "20", "--json"];
    let mut a = crew.start_with(crew.command(&arguments).env("MVRX_CONFIG", &file));
    let url = elected(&mut a);
    let documents = || -> Vec<Value> {
        let text = fs::read_to_string(&event).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    until("both commands have run", || documents().len() == 2);
    let documents = documents();
    assert_eq!((&documents[0]["event"], &documents[1]["event"]), (&"elected".into(), &"bridge".into()));
    assert_eq!(documents[0]["session"], url.as_str());
}
