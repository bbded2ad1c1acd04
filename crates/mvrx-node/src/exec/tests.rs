#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::*;

fn hook(line: &str, limit: Duration) -> Hook {
    Hook { on: None, run: Run::Shell(line.to_owned()), limit }
}

const LONG: Duration = Duration::from_secs(60);

fn start(hooks: Vec<Hook>, options: Options) -> (Exec, mpsc::Receiver<Told>) {
    Exec::start(hooks, options).unwrap()
}

/// Whether the process whose number a command wrote there ends; one that is killed takes a moment for it.
fn ends(at: &Path) -> bool {
    let number = fs::read_to_string(at).unwrap();
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        // A corpse that nobody has buried yet runs no more.
        let state = fs::read_to_string(format!("/proc/{}/stat", number.trim()));
        let dead = |text: &str| text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
        if state.map_or(true, |text| dead(&text)) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn a_command_gets_the_event_and_each_hook_keeps_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let line = format!("cat >> {0}; echo $MVRX_EVENT >> {0}", out.display());
    let only = Hook { on: Some(["saved".to_owned()].into()), ..hook(&line, LONG) };
    let (exec, mut told) = start(vec![only, hook("exit 3", LONG)], Options::default());
    assert!(exec.wants("saved") && exec.wants("other"));
    for number in 0..20 {
        exec.offer("saved", &format!("{{\"n\":{number}}}"));
        exec.offer("other", "{}");
    }
    // Told once, though it failed forty times.
    let failed = told.blocking_recv().unwrap();
    let Told::Failed { command, why, .. } = failed else { panic!("{failed:?}") };
    assert_eq!((command.as_str(), why.as_str()), ("sh: exit", "it ended with exit code 3"));
    let wanted: String = (0..20).map(|number| format!("{{\"n\":{number}}}\nsaved\n")).collect();
    let end = Instant::now() + LONG;
    while fs::read_to_string(&out).unwrap_or_default() != wanted && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(&out).unwrap(), wanted);
    drop(exec);
    assert!(told.blocking_recv().is_none());
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children_and_the_next_event_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (child, out) = (folder.path().join("child"), folder.path().join("out"));
    let line = format!(
        "if [ $MVRX_EVENT = hang ]; then sleep 1000 & echo $! > {}; wait; fi; echo done > {}",
        child.display(),
        out.display()
    );
    let limit = Duration::from_millis(600);
    let (exec, mut told) = start(vec![hook(&line, limit)], Options::default());
    let began = Instant::now();
    exec.offer("hang", "{}");
    exec.offer("work", "{}");
    let late = told.blocking_recv().unwrap();
    assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
    let Told::Failed { event, why, .. } = &late else { panic!("{late:?}") };
    assert!(event == "hang" && why.contains("longer than 0.6 s"), "{late:?}");
    assert_eq!(told.blocking_recv().unwrap(), Told::WorksAgain { command: "sh: if".to_owned() });
    assert_eq!(fs::read_to_string(out).unwrap(), "done\n");
    assert!(!Path::new("/proc/self").exists() || ends(&child), "its child goes with it");
}

#[test]
fn what_a_command_wrote_before_it_was_killed_is_told() {
    let limit = Duration::from_millis(600);
    let (exec, mut told) =
        start(vec![hook("echo half; echo no answer >&2; sleep 1000", limit)], Options::default());
    exec.offer("x", "{}");
    let late = told.blocking_recv().unwrap();
    let Told::Failed { why, output, .. } = &late else { panic!("{late:?}") };
    assert!(why.contains("longer than 0.6 s") && output == "no answer\n", "{late:?}");
}

#[test]
fn children_that_a_command_leaves_behind_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let line = format!("sleep 1000 & echo $! > {}; echo bad >&2; exit 4", child.display());
    let (exec, mut told) = start(vec![hook(&line, LONG)], Options::default());
    exec.offer("x", "{}");
    let failed = told.blocking_recv().unwrap();
    let Told::Failed { why, output, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((why.as_str(), output.as_str()), ("it ended with exit code 4", "bad\n"));
    assert!(!Path::new("/proc/self").exists() || ends(&child), "it holds the pipes, and would for ever");
}

#[test]
fn what_a_command_writes_is_kept_up_to_a_limit_and_read_to_its_end() {
    let line = "head -c 1000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' y >&2; exit 1";
    let (exec, mut told) = start(vec![hook(line, LONG)], Options::default());
    exec.offer("x", &"z".repeat(200_000));
    let failed = told.blocking_recv().unwrap();
    let Told::Failed { why, output, .. } = failed else { panic!("{failed:?}") };
    assert_eq!((why.as_str(), output), ("it ended with exit code 1", "y".repeat(4_000)));
}

#[test]
fn what_is_not_there_is_told_and_what_is_too_much_is_dropped_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let options = Options { queue: 3, document: 10, ..Options::default() };
    // It goes on when somebody opens the gate, once for each event.
    let slow = hook(&format!("cat {}", gate.display()), LONG);
    let missing = Hook { run: Run::Program(vec![folder.path().join("none").into()]), ..hook("", LONG) };
    let (exec, mut told) =
        start(vec![slow, Hook { on: Some(["missing".to_owned()].into()), ..missing }], options);
    exec.offer("missing", "{}");
    let failed = told.blocking_recv().unwrap();
    assert!(matches!(&failed, Told::Failed { why, .. } if why.contains("cannot be started")), "{failed:?}");
    // The slow one has that event, too, and is at work; three more wait.
    for _ in 0..8 {
        exec.offer("x", "0123456789");
    }
    exec.offer("x", "0123456789a");
    for _ in 0..2 {
        fs::write(&gate, b"").unwrap();
    }
    let dropped = told.blocking_recv().unwrap();
    let Told::Dropped { command, events } = &dropped else { panic!("{dropped:?}") };
    assert!(command == "sh: cat" && (6..=7).contains(events), "{dropped:?}");
    drop(exec);
}

#[test]
fn the_end_waits_for_what_runs_for_a_moment_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let began = folder.path().join("began");
    let options = Options { grace: Duration::from_millis(300), ..Options::default() };
    let line = format!("echo $$ > {}.new; mv {0}.new {0}; sleep 1000", began.display());
    let (exec, mut told) = start(vec![hook(&line, LONG)], options);
    exec.offer("x", "{}");
    let end = Instant::now() + LONG;
    while !began.exists() && Instant::now() < end {
        std::thread::yield_now();
    }
    let ended = Instant::now();
    drop(exec);
    assert!(ended.elapsed() >= Duration::from_millis(300) && ended.elapsed() < Duration::from_secs(30));
    assert!(!Path::new("/proc/self").exists() || ends(&began));
    assert!(matches!(told.blocking_recv(), Some(Told::Failed { why, .. }) if why == "the station ended"));
}
