//! `mvrx mixer` as people use it: a server in a process of its own, and the commands against it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(unix)]

#[path = "mixer/support.rs"]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use mixer::SavedRoom;
use serde_json::Value;
use support::*;

fn document(output: &std::process::Output) -> Value {
    assert_eq!(code(output), 0, "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn room_is_loaded_listed_watched_saved_and_deleted() {
    let server = Running::serve(&[]);
    let (folder, file) = folder_with_room(300, 1000);
    assert_eq!(stdout(&ask(&server, &["rooms"])), "");
    let loaded = ask(&server, &["load", file.to_str().unwrap()]);
    assert_eq!((code(&loaded), stdout(&loaded).as_str()), (0, "stage\n"), "{}", stderr(&loaded));

    let rooms = ask(&server, &["rooms"]);
    assert!(stdout(&rooms).starts_with("stage: 300 commands, ") && stdout(&rooms).contains("kept open"));
    let rooms = document(&ask(&server, &["rooms", "--json"]));
    assert_eq!(rooms["rooms"][0]["name"], "stage");
    assert_eq!(rooms["rooms"][0]["studio"], serde_json::json!([1, "NaN"]));
    assert_eq!(document(&ask(&server, &["clients", "--json"]))["clients"], serde_json::json!([]));

    let lines = stdout(&ask(&server, &["tail", "stage", "--history"]));
    assert_eq!(lines.lines().filter(|line| line.starts_with("DELETE, ")).count(), 300);
    assert_eq!(lines.lines().last(), Some("history of stage is complete"));
    let lines = stdout(&ask(&server, &["tail", "stage", "--history", "--json"]));
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commands = events.iter().filter(|event| event["event"] == "command");
    assert_eq!(commands.filter(|event| event["name"] == "DELETE" && event["history"] == true).count(), 300);

    let copy = folder.path().join("copy.bin");
    let written = ask(&server, &["save", "stage", copy.to_str().unwrap()]);
    assert_eq!(code(&written), 0, "{}", stderr(&written));
    let again = SavedRoom::decode(&fs::read(&copy).unwrap().into()).unwrap();
    let payloads = |room: &SavedRoom| room.commands.chunks(14).map(<[u8]>::to_vec).count();
    assert_eq!((again.command_count(), payloads(&again)), (300, payloads(&saved(300, 1000))));
    assert_eq!(again.attributes.find("name").and_then(|name| name.as_str()), Some("stage"));

    assert_eq!(code(&ask(&server, &["keep-open", "stage", "off"])), 0);
    assert!(!stdout(&ask(&server, &["rooms"])).contains("kept open"));
    assert_eq!(code(&ask(&server, &["keep-open", "stage"])), 0);
    assert!(stdout(&ask(&server, &["rooms"])).contains("kept open"));
    assert_eq!(code(&ask(&server, &["delete", "stage"])), 0);
    assert_eq!(stdout(&ask(&server, &["rooms"])), "");
    // What was saved by us loads as well, under another name too.
    let loaded = ask(&server, &["load", copy.to_str().unwrap(), "--room", "other"]);
    assert_eq!(stdout(&loaded), "other\n", "{}", stderr(&loaded));
    server.signal("-INT");
    server.ends_well();
}

#[test]
fn failures_are_told_in_words_with_their_numbers() {
    let server = Running::serve(&["--max-room", "100k"]);
    let (folder, file) = folder_with_room(3, 10);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = file.to_str().unwrap();
    let whole = saved(3, 10).encode();
    fs::write(path("half"), &whole[..whole.len() - 1]).unwrap();
    fs::write(path("large"), saved(300, 1000).encode()).unwrap();
    fs::write(path("taken"), "precious").unwrap();
    let loaded = ask(&server, &["load", file, "--room", "stage"]);
    assert_eq!(code(&loaded), 0, "{}", stderr(&loaded));
    for (arguments, number, words) in [
        (&["load", &path("none")][..], 3, "none: "),
        (&["load", &path("half")], 3, "ends inside a command"),
        (&["load", file, "--room", "stage"], 4, "room stage exists already"),
        (&["load", &path("large"), "--room", "large"], 4, "room large is full"),
        (&["tail", "none"], 5, "room none does not exist"),
        (&["save", "none", &path("new")], 5, "room none does not exist"),
        (&["save", "stage", &path("taken")], 2, "--force"),
        (&["save", "stage", &path("none/x")], 2, "is not there"),
        (&["save", "stage", folder.path().to_str().unwrap()], 2, "is a folder"),
        (&["delete", "none"], 5, "room none does not exist"),
        (&["keep-open", "none"], 5, "room none does not exist"),
    ] {
        let output = ask(&server, arguments);
        assert_eq!(code(&output), number, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(fs::read_to_string(path("taken")).unwrap(), "precious");
    // A room that does not fit is not there in part.
    assert!(!stdout(&ask(&server, &["rooms"])).contains("large"));
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["half", "large", "stage.bin", "taken"]);
    let forced = ask(&server, &["save", "stage", &path("taken"), "--force"]);
    assert_eq!(code(&forced), 0, "{}", stderr(&forced));
    assert!(SavedRoom::decode(&fs::read(path("taken")).unwrap().into()).is_ok());

    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let refused = mvrx(&["mixer", "rooms", "--server", &unused]).output().unwrap();
    assert_eq!(code(&refused), 5, "{}", stderr(&refused));
    let wrong = mvrx(&["mixer", "rooms", "--server", "host:port"]).output().unwrap();
    assert_eq!(code(&wrong), 2, "{}", stderr(&wrong));
    let port = server.address.port().to_string();
    let taken = mvrx(&["mixer", "serve", "--host", "127.0.0.1", "--port", &port]).output().unwrap();
    assert_eq!(code(&taken), 4, "{}", stderr(&taken));
    let policy = mvrx(&["mixer", "serve", "--data", &path("d"), "--policy", "never"]).output().unwrap();
    assert_eq!(code(&policy), 2, "{}", stderr(&policy));
}

#[test]
fn programs_are_told_of_failures_in_json() {
    let server = Running::serve(&[]);
    let (folder, file) = folder_with_room(3, 10);
    let missing = folder.path().join("none").to_str().unwrap().to_owned();
    let file = file.to_str().unwrap();
    assert_eq!(code(&ask(&server, &["load", file])), 0);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, number) in [
        (&["rooms", "--server", &closed][..], 5),
        (&["clients", "--server", &closed], 5),
        (&["tail", "none"], 5),
        (&["save", "none", "x"], 5),
        (&["save", "stage", file], 2),
        (&["load", &missing], 3),
        (&["load", file], 4),
        (&["keep-open", "none"], 5),
        (&["delete", "none"], 5),
        (&["serve", "--host", "127.0.0.1", "--port", "0", "--room-passwords", &missing], 3),
    ] {
        let mut command = mvrx(&["mixer"]);
        command.args(arguments).arg("--json");
        if !arguments.contains(&"--server") && arguments[0] != "serve" {
            command.args(["--server", &server.address.to_string()]);
        }
        let output = command.output().unwrap();
        assert_eq!(code(&output), number, "{arguments:?}: {}", stderr(&output));
        let last: Value = serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["exit_code"]), (&"error".into(), &number.into()), "{arguments:?}");
        assert!(stderr(&output).contains(last["error"].as_str().unwrap()), "{arguments:?}");
    }
    let kept = document(&ask(&server, &["keep-open", "stage", "off", "--json"]));
    assert_eq!((&kept["room"], &kept["keep_open"]), (&"stage".into(), &false.into()));
    let deleted = document(&ask(&server, &["delete", "stage", "--json"]));
    assert_eq!((&deleted["room"], &deleted["deleted"]), (&"stage".into(), &true.into()));
}

#[test]
fn room_without_a_name_is_wrong_use() {
    let (_folder, file) = folder_with_room(3, 10);
    let file = file.to_str().unwrap();
    for arguments in [
        &["tail", ""][..],
        &["save", "", "x"],
        &["keep-open", " "],
        &["delete", ""],
        &["load", file, "--room", ""],
    ] {
        let output = mvrx(&["mixer"]).args(arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("it is empty"), "{}", stderr(&output));
    }
}

/// Whether a client with these versions is let in, and what it is told else.
fn enters(server: &Running, room: &str, blender: &str, mixer: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let flags = [0; 8];
    let join = [&string(room)[..], &string(blender), &string(mixer), &flags].concat();
    stream.write_all(&frame(1, &join)).unwrap();
    loop {
        let mut header = [0; 14];
        stream.read_exact(&mut header).unwrap();
        let mut payload =
            vec![0; usize::try_from(u64::from_le_bytes(header[..8].try_into().unwrap())).unwrap()];
        stream.read_exact(&mut payload).unwrap();
        match header[12] {
            6 => return Ok(()),
            12 => return Err(String::from_utf8(payload[4..].to_vec()).unwrap()),
            _ => {}
        }
    }
}

// proves: MIX-FILE-3
#[test]
fn loaded_room_takes_the_clients_it_is_meant_for() {
    let server = Running::serve(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x").to_str().unwrap().to_owned();
    let (ours, others) = (("2.93.5", "v1.0.1"), ("3.0.0", "v1.0.1"));
    for (number, (saved, options, ours_enter, others_enter)) in [
        ("{}", &[][..], true, true),
        (r#"{"blender_version": "2.93.5"}"#, &[], true, true),
        (r#"{"blender_version": "2.93.5", "mixer_version": "v1.0.1"}"#, &[], true, false),
        (r#"{"blender_version": "2.93.5", "mixer_version": "v1.0.1"}"#, &["--ignore-versions"], true, true),
        (
            r#"{"blender_version": "2.93.5", "mixer_version": "v1.0.1"}"#,
            &["--blender-version", "3.0.0"],
            false,
            true,
        ),
        ("{}", &["--blender-version", "2.93.5", "--mixer-version", "v1.0.1"], true, false),
        (r#"{"ignore_version_check": true, "blender_version": "1", "mixer_version": "1"}"#, &[], true, true),
        (
            r#"{"ignore_version_check": true, "mixer_version": "v1.0.1"}"#,
            &["--blender-version", "2.93.5"],
            true,
            false,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&path, [string(saved), frame(101, b"x")].concat()).unwrap();
        let room = format!("r{number}");
        let loaded =
            document(&ask(&server, &[&["load", &path, "--room", &room, "--json"], options].concat()));
        assert_eq!(loaded["every_version"], ours_enter && others_enter, "{saved} {options:?}");
        assert_eq!(enters(&server, &room, ours.0, ours.1).is_ok(), ours_enter, "{saved} {options:?}");
        assert_eq!(enters(&server, &room, others.0, others.1).is_ok(), others_enter, "{saved} {options:?}");
    }
    fs::write(&path, [string("{}"), frame(101, b"x")].concat()).unwrap();
    let told = stderr(&ask(&server, &["load", &path, "--room", "told"]));
    assert!(told.contains("takes clients of every version; --blender-version"), "{told}");
}

/// A server that breaks off in the middle of a history.
fn breaks_off() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = accepting.accept().unwrap();
        let rooms = string(r#"{"stage": {"joinable": true, "byte_size": 1000, "command_count": 9}}"#);
        let answers = [
            frame(18, b"127.0.0.1:1"),
            frame(14, &string("{}")),
            frame(4, &rooms),
            frame(4, &rooms),
            frame(6, b""),
            frame(101, &[7; 100]),
            frame(101, &[7; 100])[..50].to_vec(),
        ];
        stream.write_all(&answers.concat()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    listener
}

#[test]
fn save_that_breaks_off_leaves_no_file() {
    let server = breaks_off();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let at = server.local_addr().unwrap().to_string();
    let saved = mvrx(&["mixer", "save", "stage", file.to_str().unwrap(), "--server", &at]).output().unwrap();
    assert_eq!(code(&saved), 4, "{}", stderr(&saved));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn room_asks_for_its_password_and_the_server_for_its_networks() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    fs::write(&passwords, "stage=open sesame\n\nother=x\n").unwrap();
    let server = Running::serve(&["--room-passwords", passwords.to_str().unwrap(), "--allow", "127.0.0.0/8"]);
    let (_folder, file) = folder_with_room(3, 10);
    let load = ["load", file.to_str().unwrap()];
    let refused = ask(&server, &load);
    assert_eq!(code(&refused), 4, "{}", stderr(&refused));
    assert!(stderr(&refused).contains("locked"), "{}", stderr(&refused));
    let loaded = ask(&server, &[&load[..], &["--password", "open sesame"]].concat());
    assert_eq!(code(&loaded), 0, "{}", stderr(&loaded));
    assert!(stdout(&ask(&server, &["rooms"])).contains("locked"));
    assert_eq!(code(&ask(&server, &["tail", "stage", "--history"])), 4);
    assert_eq!(code(&ask(&server, &["delete", "stage"])), 4);
    assert_eq!(code(&ask(&server, &["tail", "stage", "--history", "--password", "open sesame"])), 0);

    let elsewhere = Running::serve(&["--allow", "192.0.2.0/24"]);
    let refused = ask(&elsewhere, &["rooms"]);
    assert_eq!(code(&refused), 4);
    assert!(stderr(&refused).contains("none of the 1 allowed networks"), "{}", stderr(&refused));
}

#[test]
fn metrics_are_told_over_http_and_on_the_way() {
    let mut server = Running::serve(&["--metrics", "127.0.0.1:0", "--stats", "1"]);
    let line = server.until("metrics at http://");
    let address = line.rsplit("//").next().unwrap().strip_suffix("/metrics").unwrap().to_owned();
    let (_folder, file) = folder_with_room(5, 100);
    ask(&server, &["load", file.to_str().unwrap()]);
    let get = |request: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // Many who connect and say nothing, or a little at a time, do not keep the next one from its answer.
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
    silent.iter().for_each(|mut stream| drop(stream.write(b"GET /me")));
    let asked = Instant::now();
    let page = get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("\nmixer_rooms 1\n"), "{page}");
    assert!(get("GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(get("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    server.until("0 clients in 1 room, ");
    server.signal("-TERM");
    server.until("stopped; ");
    server.ends_well();
}

#[test]
fn tail_ends_well_when_stopped_and_leaves_the_room() {
    let server = Running::serve(&[]);
    let (_folder, file) = folder_with_room(3, 10);
    ask(&server, &["load", file.to_str().unwrap()]);
    let at = server.address.to_string();
    let mut tail = mvrx(&["mixer", "tail", "stage", "--server", &at, "--name", "Watcher"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(tail.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap() == "history of stage is complete"));
    let clients = stdout(&ask(&server, &["clients"]));
    assert!(clients.ends_with(" (Watcher) in stage\n"), "{clients}");
    let signalled = std::process::Command::new("kill").args(["-INT", &tail.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    assert!(tail.wait().unwrap().success());
    assert_eq!(code(&ask(&server, &["delete", "stage"])), 0);
}

#[test]
fn save_replaces_only_regular_files_whatever_is_forced() {
    let server = Running::serve(&[]);
    let (folder, file) = folder_with_room(3, 10);
    let at = |name: &str| folder.path().join(name);
    assert_eq!(code(&ask(&server, &["load", file.to_str().unwrap(), "--room", "stage"])), 0);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    fs::write(at("precious"), "mine").unwrap();
    std::os::unix::fs::symlink(at("precious"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nothing"), at("dangling")).unwrap();
    let kind = |name: &str| fs::symlink_metadata(at(name)).unwrap().file_type();
    for name in ["pipe", "link", "dangling"] {
        let before = kind(name);
        let refused = ask(&server, &["save", "stage", at(name).to_str().unwrap(), "--force"]);
        assert_eq!(code(&refused), 2, "{name}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("no regular file"), "{name}: {}", stderr(&refused));
        assert_eq!(kind(name), before, "{name}");
    }
    assert_eq!(fs::read_to_string(at("precious")).unwrap(), "mine");
}
