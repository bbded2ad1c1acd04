//! `mvrx conform` against our own products, as processes: the verdicts are those that are checked in.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Crew, Running, code, json, stderr, stdout};

const ANYWHERE: &str = "127.0.0.1:0";

fn conform(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mvrx")).arg("conform").args(arguments).output().unwrap()
}

/// The verdicts are those of the file; with `MVRX_WRITE=1` in the environment the file is written anew.
fn assert_as_checked_in(name: &str, judged: &Output) {
    assert_verdicts(name, &json(judged));
}

fn assert_verdicts(name: &str, report: &Value) {
    let lines: Vec<String> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| format!("{} {}\n", case["verdict"].as_str().unwrap(), case["case"].as_str().unwrap()))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conform").join(name);
    if std::env::var_os("MVRX_WRITE").is_some() {
        std::fs::write(&path, lines.concat()).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    let odd: Vec<&Value> =
        report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] != "pass").collect();
    assert_eq!(lines.concat(), wanted, "{odd:#?}");
}

fn station(crew: &Crew) -> (Running, String) {
    let show = crew.make_show("show.mvr", 1);
    let mut up =
        crew.start(&["up", "--listen", ANYWHERE, "--moves", "always", "--json", show.to_str().unwrap()]);
    let said: Value = serde_json::from_str(&up.until("\"event\":\"up\"")).unwrap();
    let address = format!("tcp://{}", said["address"].as_str().unwrap());
    up.until("\"event\":\"commit_published\"");
    (up, address)
}

// proves: CNF-05
#[test]
fn our_station_passes_every_case() {
    let crew = Crew::new();
    let (_up, address) = station(&crew);
    let junit = crew.path("junit.xml");
    let judged = conform(&[&address, "--all", "--json", "--wait", "20", "--junit", junit.to_str().unwrap()]);
    assert_as_checked_in("station.txt", &judged);
    assert_eq!(code(&judged), 0);
    let xml = std::fs::read_to_string(junit).unwrap();
    let count = json(&judged)["cases"].as_array().unwrap().len();
    assert!(xml.contains(&format!("tests=\"{count}\" failures=\"0\" skipped=\"0\"")), "{xml}");
}

#[test]
fn our_station_is_found_by_what_it_announces_and_passes() {
    let crew = Crew::new();
    let (_up, address) = station(&crew);
    let judged = crew.run(&["conform", "--discover", "Default", "--only", "dns-", "--json", "--wait", "20"]);
    assert_as_checked_in("announced.txt", &judged);
    assert_eq!(code(&judged), 0);
    let port = address.rsplit(':').next().unwrap();
    assert!(json(&judged)["target"].as_str().unwrap().ends_with(port), "{judged:?}");
    let nobody = crew.run(&["conform", "--discover", "Another", "--json"]);
    assert_eq!(code(&nobody), 5, "{nobody:?}");
}

#[test]
fn our_station_passes_as_a_client_of_the_scripted_station() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 3);
    let folder = crew.folder("fetched");
    // Announced, as products find it that are given no address.
    let arguments =
        ["conform", "--serve", "--listen", ANYWHERE, "--group", "Default", "--for", "60", "--json"];
    let mut serve = crew.start(&arguments);
    serve.until("\"event\":\"serving\"");
    let arguments = [
        "up",
        "--listen",
        ANYWHERE,
        "--json",
        "--get",
        "all",
        "--dir",
        folder.to_str().unwrap(),
        show.to_str().unwrap(),
    ];
    let mut up = crew.start(&arguments);
    up.until("\"event\":\"saved\"");
    // Its own file is told by COMMIT once it has heard what is there; or in its JOIN, where it sees the group a second after its start or later.
    ends_as_judged(&up, serve, "client");
}

/// Stops the client; what the script says of it is as expected, whether its own file was told by COMMIT or in its JOIN.
fn ends_as_judged(client: &Running, mut serve: Running, subject: &str) {
    let interrupt = Command::new("kill").args(["-INT", &client.child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let report = serve.until(&format!("\"subject\":\"{subject}\""));
    let mut report: Value = serde_json::from_str(&report).unwrap();
    let cases = report["cases"].as_array_mut().unwrap().iter_mut();
    for case in cases.filter(|case| case["case"].as_str().unwrap().starts_with("client-commit-")) {
        if case["verdict"] == "not-offered" {
            case["verdict"] = "pass".into();
        }
    }
    assert_verdicts(&format!("{subject}.txt"), &report);
    serve.ends_well();
}

#[test]
fn our_station_passes_as_a_client_of_the_scripted_session() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 4);
    let folder = crew.folder("fetched");
    let mut serve = crew.start(&["conform", "--serve", "ws", "--listen", ANYWHERE, "--for", "60", "--json"]);
    let serving: Value = serde_json::from_str(&serve.until("\"event\":\"serving\"")).unwrap();
    let url = format!("ws://{}/", serving["address"].as_str().unwrap());
    let mut up = crew.start(&[
        "up",
        "--host",
        &url,
        "--json",
        "--get",
        "all",
        "--dir",
        folder.to_str().unwrap(),
        show.to_str().unwrap(),
    ]);
    // Both files of the script are here, and the own one is there.
    let (mut saved, mut served) = (0, 0);
    while saved < 2 || served < 1 {
        let event = up.until("\"event\":");
        saved += u32::from(event.contains("\"event\":\"saved\""));
        served += u32::from(event.contains("\"event\":\"served\""));
    }
    // Its own file is told by COMMIT, or in its JOIN where it was committed before that.
    ends_as_judged(&up, serve, "session-client");
}

/// Saves the room of the scripted server, and loads it into another one.
#[test]
fn our_mixer_client_passes_at_the_scripted_server() {
    let crew = Crew::new();
    let file = crew.path("room.bin");
    let file = file.to_str().unwrap();
    for (verdicts, arguments) in [
        ("mixer-client-saves.txt", ["save", "conformance test", file].as_slice()),
        ("mixer-client-loads.txt", &["load", file, "--room", "another"]),
    ] {
        let mut serve =
            crew.start(&["conform", "--serve", "mixer", "--listen", ANYWHERE, "--for", "60", "--json"]);
        let serving: Value = serde_json::from_str(&serve.until("\"event\":\"serving\"")).unwrap();
        let mut client = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        client.args(["mixer", arguments[0], "--server", serving["address"].as_str().unwrap()]);
        let done = client.args(&arguments[1..]).output().unwrap();
        assert_eq!(code(&done), 0, "{done:?}");
        let report = serve.until("\"subject\":\"mixer-client\"");
        assert_verdicts(verdicts, &serde_json::from_str(&report).unwrap());
        serve.ends_well();
    }
}

#[test]
fn our_host_passes_every_case() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 2);
    let arguments =
        ["host", "--listen", ANYWHERE, "--hidden", "--moves", "always", "--json", show.to_str().unwrap()];
    let mut host = crew.start(&arguments);
    let said: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    host.until("\"event\":\"commit_published\"");
    let judged = conform(&[said["urls"][0].as_str().unwrap(), "--all", "--json", "--wait", "20"]);
    assert_as_checked_in("host.txt", &judged);
    assert_eq!(code(&judged), 0);
}

#[test]
fn our_mixer_server_passes_every_case() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    server.args(["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--json"]).stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = format!("mixer://{}", said["addresses"][0].as_str().unwrap());
    let judged = conform(&[&address, "--all", "--json", "--wait", "20"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_as_checked_in("mixer.txt", &judged);
    assert_eq!(code(&judged), 0);
}

#[test]
fn what_will_be_done_is_said_first_and_nothing_more_is_done() {
    let crew = Crew::new();
    let (_up, address) = station(&crew);
    let judged = conform(&[&address]);
    assert_eq!(code(&judged), 0, "{judged:?}");
    assert!(stderr(&judged).contains("It commits nothing (--commits would)."), "{judged:?}");
    let lines = stdout(&judged);
    assert!(lines.contains("not-asked    commit-answered"), "{lines}");
    assert!(lines.contains(" 0 fail, 0 tolerated, 0 not-offered, "), "{lines}");
    let listed =
        json(&crew.run(&["ls", "--peer", address.trim_start_matches("tcp://"), "--json", "--wait", "2"]));
    assert!(!listed.to_string().contains("Conformance"), "{listed}");
}

#[test]
fn what_cannot_be_judged_ends_with_its_exit_code() {
    assert_eq!(code(&conform(&[])), 2);
    assert_eq!(code(&conform(&["http://127.0.0.1:80"])), 2);
    assert_eq!(code(&conform(&["tcp://127.0.0.1:1", "--only", "no such case"])), 2);
    assert_eq!(code(&conform(&["tcp://127.0.0.1:1", "--wait", "0"])), 2);
    assert_eq!(code(&conform(&["--serve", "--rough"])), 2);
    assert_eq!(code(&conform(&["--serve", "ws", "--group", "Default"])), 2);
    assert_eq!(code(&conform(&["--serve", "http"])), 2);
    assert_eq!(code(&conform(&["tcp://127.0.0.1:1", "--for", "3"])), 2);
    let tls = conform(&["wss://127.0.0.1:1/"]);
    assert_eq!(code(&tls), 2);
    assert!(stderr(&tls).contains("TLS is not offered"), "{tls:?}");
    // A port that nobody has any more.
    let free = std::net::TcpListener::bind(ANYWHERE).unwrap().local_addr().unwrap();
    let nobody = conform(&[&format!("tcp://{free}"), "--json"]);
    assert_eq!(code(&nobody), 4, "{nobody:?}");
    assert_eq!(json(&nobody)["exit_code"], 4);
}

// proves: CNF-04
#[test]
fn who_keeps_to_nothing_fails_with_the_bytes_seen() {
    let listener = std::net::TcpListener::bind(ANYWHERE).unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            use std::io::{Read, Write};
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"\x1b[2JHTTP/1.1 400 Bad Request, which is nobody's answer");
        }
    });
    let judged = conform(&[&address, "--only", "join-answered", "--wait", "5"]);
    assert_eq!(code(&judged), 1, "{judged:?}");
    let lines = stdout(&judged);
    assert!(lines.contains("fail         join-answered"), "{lines}");
    assert!(lines.contains("asked: A JOIN is answered on its connection."), "{lines}");
    assert!(lines.contains("< header, 28 bytes: 1b 5b 32 4a 48 54 54 50"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "{lines:?}");
}

#[test]
fn the_list_of_cases_needs_nobody() {
    let listed = json(&conform(&["--list", "--json"]));
    let cases = listed["cases"].as_array().unwrap();
    assert!(
        cases.iter().any(|case| case["case"] == "still-there" && case["subject"] == "station"),
        "{listed}"
    );
    let lines = stdout(&conform(&["--list"]));
    assert_eq!(lines.lines().count(), cases.len(), "{lines}");
}
