//! Rules and commands in the configuration file: what they fit is fetched and put where they say, and no command is anybody else's trouble.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mvrx_file::generate::{Changes, Recipe};
use serde_json::Value;
use support::peer::{Listed, Peer};
use support::{Crew, Running, code, stderr};

/// A configuration file, and a station that has it.
fn up(crew: &Crew, config: &str, peers: &[&Peer], more: &[&str]) -> Running {
    let file = crew.path("config.toml");
    fs::write(&file, config).unwrap();
    let addresses: Vec<String> = peers.iter().map(|peer| peer.at()).collect();
    let mut arguments = vec!["up", "--name", "Y", "--listen", "127.0.0.1:0"];
    addresses.iter().for_each(|address| arguments.extend(["--peer", address]));
    arguments.extend(more);
    crew.start_with(crew.command(&arguments).env("MVRX_CONFIG", &file).env("MVRX_PASSWORD", "hunter2"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until a file is there, and gives what is in it.
fn once_there(path: &Path) -> String {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ if Instant::now() > end => panic!("{} is not there", path.display()),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[test]
fn a_rule_fetches_by_application_and_size_and_puts_it_where_it_says() {
    let crew = Crew::of_any_files();
    let (ma, rest) = (crew.folder("ma"), crew.folder("rest"));
    let (desk, other) = (Peer::of("grandMA3", 1, "Desk"), Peer::of("Vision", 2, "Plan"));
    let small = Listed::new(1, &desk, "small.mvr", b"ten bytes!");
    let large = Listed::new(2, &desk, "large.mvr", b"eleven byte");
    // One says that it is small, and is not.
    let liar = Listed { announced: 10, ..Listed::new(3, &desk, "liar.mvr", &[7; 5_000]) };
    let test = Listed { comment: "a Test".to_owned(), ..Listed::new(4, &desk, "test.mvr", b"test") };
    let foreign = Listed::new(5, &other, "foreign.mvr", b"foreign");
    desk.lists(&[&large, &liar, &test, &small]);
    other.lists(&[&foreign]);
    let config = "[[fetch]]\ncomment = '*test*'\nfetch = false\n\
                  [[fetch]]\nprovider = 'GRANDma*'\nmax = 10\nto = 'ma'\n\
                  [[fetch]]\nstation = 'Plan'\nfile = '*.mvr'\n";
    let dir = ["--dir", rest.to_str().unwrap()];
    let mut running = up(&crew, config, &[&desk, &other], &dir);
    // Three are fetched in any order; one of them is too long.
    for _ in 0..2 {
        running.until("  saved ");
    }
    let told = running.heard.iter().find(|line| line.contains("no rule takes that")).cloned();
    let told = told.unwrap_or_else(|| running.until("no rule takes that"));
    assert!(told.contains("liar.mvr") && told.contains("5.0 kB"), "{told}");
    assert_eq!((names(&ma), names(&rest)), (vec!["small.mvr".to_owned()], vec!["foreign.mvr".to_owned()]));
    running.kill();

    // Everything is wished for: rules go first, and the rest has its folder.
    let mut running = up(&crew, config, &[&desk, &other], &[&dir[..], &["--get", "all"]].concat());
    running.until("large.mvr, 11 B");
    running.kill();
    assert!(!names(&rest).contains(&"test.mvr".to_owned()), "what a rule leaves is left");
    assert_eq!(names(&ma), ["small.mvr"]);

    for (config, words) in [
        ("[[fetch]]\nto = 'nowhere'", "line 1: the folder"),
        (
            "\n[[fetch]]\nprovder = 'x'",
            "line 3: there is no `provder` in [[fetch]]; did you mean `provider`?",
        ),
    ] {
        fs::write(crew.path("config.toml"), config).unwrap();
        let wrong = crew.command(&["up"]).env("MVRX_CONFIG", crew.path("config.toml")).output().unwrap();
        assert!(code(&wrong) == 2 && stderr(&wrong).contains(words), "{wrong:?}");
    }
}

#[test]
fn a_command_gets_the_event_with_what_changed_and_no_password() {
    let crew = Crew::new();
    let (folder, shows) = (crew.folder("foh"), crew.folder("shows"));
    let (event, environment) = (crew.path("event"), crew.path("environment"));
    let config = format!(
        "[[exec]]\non = 'revision'\nshell = \"env > '{}.new'; cat >> '{}'; mv '{0}.new' '{0}'; echo to nobody\"\n",
        environment.display(),
        event.display()
    );
    let mut station =
        up(&crew, &config, &[], &["--get", "all", "--dir", shows.to_str().unwrap(), "--interface", "lo"]);
    station.until("is up in");
    let first = Recipe::new(7).fixtures(40);
    let second = first.clone().revised(Changes { readdressed: 0, moved: 12, removed: 3 });
    // What is there before it looks first is left alone, so that it says when it has looked.
    fs::write(folder.join("old.mvr"), Recipe::new(1).to_bytes()).unwrap();
    let mut foh = crew.start(&["watch", folder.to_str().unwrap(), "--name", "FOH"]);
    foh.until("1 .mvr file in");
    fs::write(folder.join("show.mvr"), first.to_bytes()).unwrap();
    assert!(station.until("FOH committed").ends_with("FOH committed 'first commit of show.mvr'"));
    fs::write(folder.join("show.mvr.txt"), "hang LX2").unwrap();
    fs::write(folder.join("show.mvr"), second.to_bytes()).unwrap();
    let line = station.until("FOH committed 'hang LX2'");
    assert!(line.ends_with("FOH committed 'hang LX2': 12 moved, 3 removed"), "{line}");
    let end = Instant::now() + Duration::from_secs(60);
    while once_there(&event).lines().count() < 2 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = once_there(&event);
    let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = documents.last().unwrap();
    assert_eq!(last["event"], "revision");
    assert_eq!(last["roll_up"], "12 moved, 3 removed");
    assert_eq!(last["text"], "FOH committed 'hang LX2': 12 moved, 3 removed");
    assert_eq!((&last["name"], &last["since"]), (&Value::from("FOH"), &documents[0]["file"]));
    assert_eq!((&documents[0]["roll_up"], &documents[0]["since"]), (&Value::Null, &Value::Null));
    let environment = once_there(&environment);
    assert!(environment.contains("MVRX_EVENT=revision") && environment.contains("MVRX_CONFIG="));
    assert!(!environment.contains("hunter2"), "{environment}");
    assert!(station.heard.iter().all(|line| !line.contains("to nobody")), "{:?}", station.heard);
}

#[test]
fn commands_that_hang_fail_or_print_a_megabyte_harm_nothing() {
    let crew = Crew::of_any_files();
    let (shows, child) = (crew.folder("shows"), crew.path("child"));
    let peer = Peer::new(1, "Desk");
    let listed: Vec<Listed> =
        (1..=6).map(|number| Listed::new(number, &peer, &format!("{number}.mvr"), &[number; 64])).collect();
    peer.lists(&listed.iter().collect::<Vec<_>>());
    let config = format!(
        "[[exec]]\non = 'saved'\nlimit = 1\nshell = \"sleep 1000 & echo $! > '{}'; wait\"\n\
         [[exec]]\non = 'saved'\nshell = 'echo no such lamp >&2; exit 3'\n\
         [[exec]]\non = 'all'\nshell = 'head -c 1000000 /dev/zero'\n\
         [[exec]]\non = 'saved'\ncommand = ['/nowhere/at/all', 'hunter3']\n",
        child.display()
    );
    let dir = shows.to_str().unwrap().to_owned();
    let good = crew.path("good");
    let exec: PathBuf = crew.path("exec.sh");
    fs::write(&exec, format!("#!/bin/sh\ncat >> '{}'\n", good.display())).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&exec, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let more = ["--get", "all", "--dir", &dir, "--exec", exec.to_str().unwrap(), "--exec-on", "saved"];
    let mut running = up(&crew, &config, &[&peer], &more);
    for _ in 0..6 {
        running.until("saved ");
    }
    assert_eq!(names(&shows).len(), 6);
    let mut told = |words: &str| match running.heard.iter().position(|line| line.contains(words)) {
        Some(at) => running.heard.remove(at),
        None => running.until(words),
    };
    assert!(told("exit code 3").ends_with("it ended with exit code 3; it wrote: no such lamp"));
    let missing = told("cannot be started");
    assert!(missing.contains("/nowhere/at/all at saved") && !missing.contains("hunter3"), "{missing}");
    assert!(told("longer than 1 s").contains("was killed"));
    // One that works had all of them, in their order.
    let end = Instant::now() + Duration::from_secs(60);
    while once_there(&good).lines().count() < 6 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(once_there(&good).matches("\"event\":\"saved\"").count(), 6);
    // It ends in time, though a command hangs, and leaves nobody behind.
    let number = running.child.id().to_string();
    let began = Instant::now();
    assert!(std::process::Command::new("kill").arg(&number).status().unwrap().success());
    running.ends_well();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let left = fs::read_to_string(&child).unwrap();
    let stat = || fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
    let end = Instant::now() + Duration::from_secs(60);
    while !(stat().is_empty() || stat().contains(") Z ")) {
        assert!(Instant::now() < end, "{}", stat());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_host_runs_commands_and_puts_what_a_rule_fits_into_its_folder() {
    let crew = Crew::new();
    let shows = crew.folder("shows");
    let show = crew.make_show("lx.mvr", 3);
    let file = crew.path("config.toml");
    let event = crew.path("event");
    fs::write(&file, "[[fetch]]\nfile = 'LX*'\nto = 'shows'\n").unwrap();
    let line = format!("cat > '{}'", event.display());
    let listen = "127.0.0.1:0";
    let arguments = ["host", "--hidden", "--listen", listen, "--exec-shell", &line, "--exec-on", "revision"];
    let mut host = crew.start_with(crew.command(&arguments).env("MVRX_CONFIG", &file));
    let up = host.until("hosts the session");
    let url = up.split_whitespace().find(|word| word.starts_with("ws://")).unwrap().trim_end_matches(',');
    let mut author =
        crew.start(&["commit", show.to_str().unwrap(), "-m", "hung", "--name", "LX", "--host", url]);
    host.until("LX committed 'hung'");
    host.until("saved");
    assert_eq!(fs::read(shows.join("lx.mvr")).unwrap(), fs::read(&show).unwrap());
    let document: Value = serde_json::from_str(&once_there(&event)).unwrap();
    assert_eq!((&document["event"], &document["comment"]), (&Value::from("revision"), &Value::from("hung")));
    author.until("committed");
}

#[test]
fn what_the_store_does_with_the_history_runs_a_command_like_any_event() {
    let crew = Crew::new();
    let event = crew.path("event");
    let first = Recipe::new(7).fixtures(40);
    let second = first.clone().revised(Changes { readdressed: 0, moved: 3, removed: 0 });
    let shows = [("one.mvr", first), ("two.mvr", second)].map(|(name, recipe)| {
        let path = crew.path(name);
        fs::write(&path, recipe.to_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let config = format!("[[exec]]\non = 'history_compacted'\nshell = \"cat >> '{}'\"\n", event.display());
    let mut station = up(&crew, &config, &[], &["--whole", "1", &shows[0], &shows[1]]);
    let line = station.until("kept as a recipe now");
    assert!(line.contains("1 older file is kept as a recipe now, which saves"), "{line}");
    let document: Value = serde_json::from_str(&once_there(&event)).unwrap();
    assert_eq!((&document["event"], &document["files"]), (&"history_compacted".into(), &1.into()));
    assert!(document["saved_bytes"].as_u64().unwrap() > 0, "{document}");
}
