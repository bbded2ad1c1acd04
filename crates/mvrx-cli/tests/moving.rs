//! A crew that moves, as people do it: `mvrx move`, `mvrx accept`, and a start where the station moved last.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Crew, Running, code, json, stderr, stdout};

/// A running host at a port of its own, and its URL.
fn host(crew: &Crew, name: &str) -> (Running, String) {
    let mut host = crew.start(&[
        "host",
        "--name",
        name,
        "--json",
        "--hidden",
        "--listen",
        "127.0.0.1:0",
        "--moves",
        "always",
    ]);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let url = up["urls"][0].as_str().unwrap().to_owned();
    (host, url)
}

/// `mvrx accept` or `refuse`.
fn answer(crew: &Crew, word: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command
        .arg(word)
        .args(more)
        .env("HOME", crew.folder.path())
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("MVRX_CONFIG")
        .env_remove("MVRX_DATA");
    command.output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn where_to_is_asked_for_with_both_ways_of_saying_it() {
    let crew = Crew::new();
    let said = crew.run(&["move"]);
    assert_eq!(code(&said), 2, "{said:?}");
    assert!(stderr(&said).contains("--to URL or --to-group GROUP"), "{said:?}");
    let both = crew.run(&["move", "--to", "ws://10.0.0.1", "--to-group", "Tour"]);
    assert_eq!(code(&both), 2, "{both:?}");
    // Before anybody is looked for, and though nobody is there.
    let urls = ["http://rack/", "ws://rack:0/", "ws://"].map(|url| ("--to", url));
    let groups = ["a.b", "a@b"].map(|group| ("--to-group", group));
    for (option, wrong) in urls.into_iter().chain(groups) {
        let said = crew.run(&["move", option, wrong, "--wait", "60"]);
        assert!(code(&said) == 2 && stderr(&said).contains(wrong), "{said:?}");
    }
}

#[test]
fn the_group_that_is_left_is_no_place_to_go_to() {
    let crew = Crew::new();
    for (to, why) in [("Stage", "the group that is left"), ("stage", "upper and lower case")] {
        let said = crew.run(&["move", "--group", "Stage", "--to-group", to, "--wait", "60"]);
        assert!(code(&said) == 2 && stderr(&said).contains(why), "{said:?}");
    }
    let help = stdout(&crew.run(&["move", "--help"]));
    assert!(help.contains("The group that is left") && !help.contains("The group to join"), "{help}");
}

// proves: MOV-22
#[cfg(unix)]
#[test]
fn answers_are_told_as_they_come_and_also_where_the_command_is_stopped() {
    let crew = Crew::new();
    let (_rack, url) = host(&crew, "Rack");
    let [willing, asked] = ["willing", "asked"].map(|name| crew.path(name));
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&willing), "--moves", "always"]);
    let mut b = crew.start(&["up", "--name", "B", "--data", text(&asked)]);
    for up in [&mut a, &mut b] {
        up.until("is up in the group Default");
    }
    let mut moving = crew.start(&["move", "--to", &url, "--name", "Boss", "--wait", "8"]);
    // While B is still asked at its screen.
    moving.until("A: it has moved");
    b.until("Boss proposes to move");
    let signalled = Command::new("kill").args(["-INT", &moving.child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    moving.until("B: it did not answer: the command was stopped before");
    moving.until("1 moved to the session");
    assert_eq!(moving.child.wait().unwrap().code(), Some(130));
}

#[test]
// proves: MOV-18
fn a_crew_follows_who_asks_and_who_stays_behind_is_told() {
    let crew = Crew::new();
    let (_rack, url) = host(&crew, "Rack");
    let [willing, asked, homely] = ["willing", "asked", "homely"].map(|name| crew.path(name));
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&willing), "--moves", "always"]);
    let mut b = crew.start(&["up", "--name", "B", "--data", text(&asked)]);
    let mut c = crew.start(&["up", "--name", "C", "--data", text(&homely), "--moves", "never"]);
    for up in [&mut a, &mut b, &mut c] {
        up.until("is up in the group Default");
    }
    let nothing = answer(&crew, "accept", &["--data", text(&asked)]);
    assert_eq!(code(&nothing), 5, "{nothing:?}");

    let mut moving = crew.start(&["move", "--to", &url, "--name", "Boss", "--wait", "8", "--json"]);
    let proposed = b.until(&format!("Boss proposes to move to the session at {url}"));
    // What it says to type is what reaches it: it has a directory of its own.
    for word in ["accept", "refuse"] {
        assert!(proposed.contains(&format!("`mvrx {word} --data {}`", text(&asked))), "{proposed}");
    }
    let elsewhere = answer(&crew, "accept", &[]);
    assert!(code(&elsewhere) == 5 && stderr(&elsewhere).contains("the same --data"), "{elsewhere:?}");
    // What was meant is no longer what is proposed.
    let other = answer(&crew, "accept", &["--data", text(&asked), "--to", "Elsewhere"]);
    assert!(code(&other) == 5 && stderr(&other).contains(&url), "{other:?}");
    let accepted = answer(&crew, "accept", &["--data", text(&asked), "--to", &url, "--json"]);
    assert_eq!((code(&accepted), &json(&accepted)["accepted"]), (0, &Value::Bool(true)), "{accepted:?}");
    for up in [&mut a, &mut b] {
        up.until(&format!("now in the session at {url}, no longer in the group Default"));
    }
    c.until("this station stays");
    let told: Value = serde_json::from_str(&moving.until("answers")).unwrap();
    assert_eq!(
        (&told["moved"], &told["stayed"], &told["session"]),
        (&2.into(), &1.into(), &url.as_str().into())
    );
    let mut all: Vec<_> = told["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["name"].as_str().unwrap().to_owned(), a["answer"].as_str().unwrap().to_owned()))
        .collect();
    all.sort();
    let expected =
        [("A", "moved"), ("B", "moved"), ("C", "refused")].map(|(n, a)| (n.to_owned(), a.to_owned()));
    assert_eq!(all, expected);
    assert_eq!(moving.child.wait().unwrap().code(), Some(1), "somebody stayed");

    // The next start is there; who says where to be is there.
    drop(a);
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&willing)]);
    a.until(&format!("this station moved to the session at {url}"));
    a.until("joined the session");
    // What stands in the environment is said for every start, and what happened since counts.
    drop(a);
    let again = ["up", "--name", "A", "--data", text(&willing)];
    let mut a = crew.start_with(crew.command(&again).env("MVRX_GROUP", "Elsewhere"));
    a.until(&format!("this station moved to the session at {url}"));
    a.until("joined the session");
    drop(a);
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&willing), "--group", "Default"]);
    a.until(&format!("this station moved to the session at {url} in an earlier run; the command says otherwise, and that is forgotten"));
    a.until("is up in the group Default");
    drop(a);
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&willing)]);
    a.until("is up in the group Default");
}

#[test]
fn a_crew_moves_back_from_a_session_to_a_group() {
    let crew = Crew::new();
    let (mut rack, url) = host(&crew, "Rack");
    let show = crew.make_show("show.mvr", 1);
    let data = crew.path("A");
    let mut a = crew.start(&[
        "up",
        "--name",
        "A",
        "--data",
        text(&data),
        "--host",
        &url,
        "--moves",
        "always",
        text(&show),
    ]);
    a.until("committed");
    let moved = crew.run(&["move", "--to-group", "Default", "--host", &url, "--name", "Boss", "--wait", "3"]);
    assert_eq!(code(&moved), 0, "that the host stays is as it should be: {moved:?}");
    let words = stdout(&moved);
    assert!(
        words.contains("A: it has moved")
            && words.contains(
                "1 moved to the group Default, 1 stayed behind, 1 of them the session's host or a bridge"
            ),
        "{words}"
    );
    a.until("now in the group Default");
    let begun = rack.until("\"event\":\"move_begun\"");
    assert!(
        begun.contains("asking the stations of this session to move") && begun.contains("this host goes on"),
        "{begun}"
    );
    let listed = json(&crew.run(&["ls", "--json", "--wait", "5"]));
    assert_eq!(listed["stations"][0]["name"], "A", "{listed}");
    assert_eq!(listed["stations"][0]["files"][0]["file_name"], "show.mvr", "{listed}");
}

#[test]
fn what_cannot_be_is_told() {
    let crew = Crew::new();
    let nobody = crew.run(&["move", "--to", "ws://127.0.0.1:9/", "--wait", "1"]);
    assert_eq!(code(&nobody), 5, "{nobody:?}");
    for wrong in
        [&["move"][..], &["move", "--to", "ws://x/", "--to-group", "Y"], &["up", "--moves", "listed"]]
    {
        assert_eq!(code(&crew.run(wrong)), 2, "{wrong:?}");
    }
    let odd = crew.run(&["up", "--moves", "always", "--follow", "4aa291a1-1a62-45fe-aabc-e90e5e2399a8"]);
    assert!(code(&odd) == 2 && stderr(&odd).contains("--follow"), "{odd:?}");
    let mut a = crew.start(&["up", "--name", "A", "--moves", "always"]);
    a.until("is up");
    let unreachable = crew.run(&["move", "--to", "ws://127.0.0.1:9/", "--wait", "5"]);
    assert_eq!(code(&unreachable), 4, "{unreachable:?}");
    assert!(stderr(&unreachable).contains("nobody was moved"), "{unreachable:?}");
    assert_eq!(code(&answer(&crew, "refuse", &[])), 5);
}

#[test]
fn who_follows_certain_stations_alone_sees_that_a_mover_is_one_of_them() {
    let crew = Crew::new();
    let [boss, stranger, here] = ["boss", "stranger", "here"].map(|name| crew.path(name));
    let id = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
    std::fs::create_dir_all(&boss).unwrap();
    std::fs::write(boss.join("station-uuid"), id).unwrap();
    let mut a = crew.start(&[
        "up",
        "--name",
        "A",
        "--data",
        text(&here),
        "--moves",
        "listed",
        "--follow",
        id,
        "--json",
    ]);
    a.until("\"event\":\"up\"");
    let to = |group, data, name| {
        crew.run(&["move", "--to-group", group, "--data", data, "--name", name, "--wait", "4", "--json"])
    };
    let other = to("Tour", text(&stranger), "Stranger");
    assert_eq!((code(&other), &json(&other)["stayed"]), (1, &1.into()), "{other:?}");
    let listed = to("Stage", text(&boss), "Boss");
    assert_eq!((code(&listed), &json(&listed)["moved"]), (0, &1.into()), "{listed:?}");
    let moved: Value = serde_json::from_str(&a.until("\"event\":\"moved\"")).unwrap();
    assert_eq!(moved["group"], "Stage", "{moved}");
}

// proves: MOV-17
#[test]
fn who_is_there_for_an_errand_stays_and_says_so_at_once() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let data = crew.path("errand");
    let mut author =
        crew.start(&["commit", text(&show), "-m", "hung", "--name", "Errand", "--data", text(&data)]);
    author.until("serving it until stopped");
    let began = std::time::Instant::now();
    let moved = crew.run(&["move", "--to-group", "Tour", "--name", "Boss", "--wait", "6", "--json"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(40), "{moved:?}");
    assert_eq!(json(&moved)["answers"][0]["answer"], "refused", "{moved:?}");
    let told = author.until("proposed to move to the group Tour");
    assert!(told.ends_with("; this command stays where it is"), "{told}");
    assert!(!author.heard.iter().any(|line| line.contains("mvrx accept")), "{:?}", author.heard);
}

#[test]
fn a_move_from_group_to_group_is_told_once() {
    let crew = Crew::new();
    let data = crew.path("A");
    let mut a = crew.start(&["up", "--name", "A", "--data", text(&data), "--moves", "always"]);
    a.until("is up in the group Default");
    let moved = crew.run(&["move", "--to-group", "Tour", "--name", "Boss", "--wait", "6"]);
    assert_eq!(code(&moved), 0, "{moved:?}");
    a.until("now in the group Tour, no longer in the group Default");
    let told = a.heard.iter().filter(|line| line.contains("Tour") && !line.contains("moving to"));
    let told: Vec<_> = told.filter(|line| !line.contains("--moves")).collect();
    assert!(told.is_empty(), "{told:?}");
}

// proves: MOV-03
#[test]
fn a_session_is_not_moved_to_where_it_is() {
    let crew = Crew::new();
    let (_rack, url) = host(&crew, "Rack");
    let data = crew.path("A");
    let mut a =
        crew.start(&["up", "--name", "A", "--data", text(&data), "--host", &url, "--moves", "always"]);
    a.until("joined the session");
    let other = url.replace("127.0.0.1", "localhost");
    let moved = crew.run(&["move", "--host", &url, "--to", &other, "--name", "Boss", "--wait", "3"]);
    let said = format!("{}{}", stdout(&moved), stderr(&moved));
    assert!(code(&moved) != 0 && said.contains("there already"), "{moved:?}");
    assert!(!a.heard.iter().any(|line| line.contains("moving to")), "{:?}", a.heard);
    let listed = json(&crew.run(&["ls", "--host", &url, "--json", "--wait", "3"]));
    assert!(listed.to_string().contains("\"A\""), "{listed}");
}
