//! `mvrx mixer serve` and `mvrx up --mixer` as processes: killed, restarted, flooded, beside a station.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(unix)]

#[path = "mixer/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mixer::{Client, ClientEvent, ClientOptions, SavedRoom};
use support::*;
use tokio::net::TcpStream;

#[test]
fn rooms_come_back_after_a_stop_and_the_folder_is_locked_meanwhile() {
    let (folder, file) = folder_with_room(50, 100);
    let data = folder.path().join("rooms");
    let data = data.to_str().unwrap();
    for (policy, round) in [(&["always"][..], 0), (&["interval", "0.2"], 1)] {
        let with = [&["--data", data, "--policy"], policy].concat();
        let mut server = Running::serve(&with);
        let line = server.until("rooms are kept in");
        assert!(line.contains(&format!("{} ", if round == 0 { "0 rooms" } else { "1 room" })), "{line}");
        let second = mvrx(&["mixer", "serve", "--port", "0", "--data", data]).output().unwrap();
        assert_eq!(code(&second), 1);
        assert!(stderr(&second).contains("another server"), "{}", stderr(&second));
        if round == 0 {
            assert_eq!(code(&ask(&server, &["load", file.to_str().unwrap()])), 0);
        }
        server.signal("-TERM");
        server.ends_well();
    }
    let server = Running::serve(&["--data", data]);
    let rooms = stdout(&ask(&server, &["rooms"]));
    assert!(rooms.starts_with("stage: 50 commands, ") && rooms.contains("kept open"), "{rooms}");
    assert!(!rooms.contains("not joinable"), "{rooms}");
}

const WRITERS: u32 = 20;
const BURST: usize = 16;
const PAYLOAD: usize = 4000;

/// Who wrote it, its number, and when somebody else had it.
type Received = Arc<Mutex<Vec<(u32, u32, Instant)>>>;

#[test]
fn killed_server_brings_back_everything_that_any_member_had() {
    for (policy, slack) in
        // The interval, and what a busy machine may keep the disk's thread waiting.
        [(&["always"][..], Duration::ZERO), (&["interval", "0.2"], Duration::from_secs(2))]
    {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let mut server = Running::serve(&[&["--data", data, "--policy"], policy].concat());
        let received = Received::default();
        let killed = block_on(write_until_killed(&mut server, &received, slack * 5 / 4));
        let server = Running::serve(&["--data", data]);
        let saved = block_on(async { server.client().await.save_room("r").await.unwrap() });
        let mut kept: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (writer, number) in numbers(&saved) {
            kept.entry(writer).or_default().push(number);
        }
        for (writer, numbers) in &kept {
            assert!(numbers.iter().copied().eq((0..).take(numbers.len())), "{writer}: not a prefix");
        }
        let received = received.lock().unwrap();
        assert!(received.len() > 1000, "{policy:?}: only {} received", received.len());
        for (writer, number, at) in received.iter().filter(|(_, _, at)| *at + slack < killed) {
            let count = kept.get(writer).map_or(0, Vec::len);
            assert!(
                (*number as usize) < count,
                "{policy:?}: {writer} wrote {number}, seen {at:?}; {count} came back"
            );
        }
    }
}

/// Twenty members write and note what they get, until the server is gone; tells when it was killed.
async fn write_until_killed(server: &mut Running, received: &Received, at_least: Duration) -> Instant {
    let empty = SavedRoom { attributes: mixer::Object::new(), commands: Vec::new().into() };
    server.client().await.load_room("r", &empty).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut client = server.client().await;
        let received = Arc::clone(received);
        writers.push(tokio::spawn(async move { write_and_note(&mut client, writer, &received).await }));
    }
    let begun = Instant::now();
    while received.lock().unwrap().len() < 10_000 || begun.elapsed() < at_least {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.child.kill().unwrap();
    let killed = Instant::now();
    server.child.wait().unwrap();
    for writer in writers {
        let _ = writer.await;
    }
    killed
}

/// Ends with the connection.
async fn write_and_note(client: &mut Client, writer: u32, received: &Received) -> Option<()> {
    let mut tail = client.tail("r").await.ok()?;
    while !matches!(tail.next().await.ok()?, ClientEvent::Joined { .. }) {}
    let mut number = 0_u32;
    loop {
        // Much at a time, so that the disk is behind what members could be sent when the end comes.
        for _ in 0..BURST {
            let mut payload = [writer.to_le_bytes(), number.to_le_bytes()].concat();
            payload.resize(PAYLOAD, 7);
            client.command(101, &payload).ok()?;
            number += 1;
        }
        client.flush().await.ok()?;
        // What is there by now; a pause when there is nothing, lest a fast writer fills the room with its own.
        while let Ok(event) = tokio::time::timeout(Duration::from_millis(2), client.next()).await {
            if let ClientEvent::Command { frame, .. } = event.ok()? {
                let word = |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().unwrap());
                received.lock().unwrap().push((word(14), word(18), Instant::now()));
            }
        }
    }
}

fn numbers(saved: &SavedRoom) -> Vec<(u32, u32)> {
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    saved.commands.chunks(14 + PAYLOAD).map(|frame| (word(frame, 14), word(frame, 18))).collect()
}

/// Resident memory of a process in bytes, at its highest.
#[cfg(target_os = "linux")]
fn peak_memory(process: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A large command among small ones kept the whole file in memory beside the copies of the small ones.
#[cfg(target_os = "linux")]
#[test]
fn rooms_that_came_back_take_no_more_than_a_third_above_what_they_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("rooms");
    let data = data.to_str().unwrap();
    let mut server = Running::serve(&["--data", data]);
    let empty = peak_memory(&server);
    let (large, small) = (frame(102, &vec![7; 17 << 10]), frame(101, &[7; 400]));
    let commands = [&large[..], &small.repeat(100_000), &large, &small.repeat(50_000)].concat();
    let bytes = commands.len() as u64;
    let saved = SavedRoom { attributes: mixer::Object::new(), commands: commands.into() };
    block_on(async { server.client().await.load_room("r", &saved).await.unwrap() });
    for signal in ["-TERM", "-KILL"] {
        server.signal(signal);
        server.child.wait().unwrap();
        server = Running::serve(&["--data", data]);
        let grown = peak_memory(&server) - empty;
        assert!(grown * 10 <= bytes * 13, "after {signal}: {grown} bytes for {bytes}");
        let room = block_on(async { server.client().await.list_rooms().await.unwrap() }).remove(0);
        assert!(room.to_string().starts_with("r: 150002 commands"), "{room}");
    }
}

/// The reference grew by every byte that a member did not read.
#[cfg(target_os = "linux")]
#[test]
fn members_that_do_not_read_cost_no_more_than_was_allowed_and_are_dropped_by_name() {
    const DEAF: usize = 5;
    let server = Running::run({
        let mut command =
            mvrx(&["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--max-waiting", "4M"]);
        command.stderr(std::process::Stdio::null());
        command
    });
    let before = peak_memory(&server);
    block_on(async {
        let mut writer = server.client().await;
        let empty = SavedRoom { attributes: mixer::Object::new(), commands: Vec::new().into() };
        writer.load_room("r", &empty).await.unwrap();
        let mut deaf = Vec::new();
        for _ in 0..DEAF {
            let mut options = ClientOptions::default();
            options.user_name = "Deaf".to_owned();
            let mut client = Client::connect(server.address, options).await.unwrap();
            client.tail("r").await.unwrap();
            deaf.push(client);
        }
        let mut reader = server.client().await;
        reader.tail("r").await.unwrap();
        writer.tail("r").await.unwrap();
        // Transient commands are relayed and not stored: nothing else grows.
        // One after the other, so that the one who reads is never behind, however slow this machine is.
        for _ in 0..300 {
            writer.command(139, &vec![7; 1 << 20]).unwrap();
            writer.flush().await.unwrap();
            while !matches!(reader.next().await.unwrap(), ClientEvent::Command { code: 139, .. }) {}
        }
        let mut observer = server.client().await;
        let clients = observer.list_clients().await.unwrap();
        assert!(clients.iter().all(|client| !client.to_string().contains("Deaf")), "{clients:?}");
    });
    let grown = peak_memory(&server) - before;
    // What waits for the deaf and what is on its way to the one who reads, with slack for an allocator.
    assert!(grown < (DEAF as u64 * 5 + 40) << 20, "{grown} bytes");
}

#[test]
fn hostile_and_half_open_connections_do_not_disturb_a_room() {
    let server = Running::run({
        let mut command =
            mvrx(&["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--max-message", "1M"]);
        command.stderr(std::process::Stdio::null());
        command
    });
    let (_folder, file) = folder_with_room(20, 100);
    assert_eq!(code(&ask(&server, &["load", file.to_str().unwrap()])), 0);
    block_on(async {
        let hostile: Vec<Vec<u8>> = vec![
            vec![0xFF; 1000],
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            [&u64::MAX.to_le_bytes()[..], &[0; 6]].concat(),
            frame(1, &string("stage")),
            frame(1, &[0xFF; 100]),
            frame(1, &[&string(&"x".repeat(100_000))[..], &string("")].concat()),
            frame(1, &string("a\u{1b}[2J\nb")),
            frame(15, &string(&"[".repeat(100_000))),
            frame(15, &string("{\"id\": \"spoofed\", \"room\": \"stage\"}")),
            frame(16, &string("stage")),
            (0..10_000).flat_map(|_| frame(4, b"")).collect(),
            (0..10_000_u16).flat_map(|code| frame(code, b"\x01")).collect(),
            frame(101, &[7; 1000])[..500].to_vec(),
            Vec::new(),
        ];
        let mut held = Vec::new();
        for bytes in &hostile {
            for _ in 0..5 {
                let stream = TcpStream::connect(server.address).await.unwrap();
                // Who does not read its answers may be dropped while it writes.
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let wrote = tokio::time::timeout(Duration::from_millis(200), stream.writable()).await;
                    match wrote.map(|_| stream.try_write(rest)) {
                        Ok(Ok(count)) => rest = &rest[count..],
                        Ok(Err(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        _ => break,
                    }
                }
                held.push(stream);
            }
        }
        let mut client = server.client().await;
        let saved = client.save_room("stage").await.unwrap();
        assert_eq!(saved.command_count(), 20);
        drop(held);
        while client.list_clients().await.unwrap().len() > 1 {}
        let rooms = client.list_rooms().await.unwrap();
        assert!(rooms.iter().any(|room| room.name == "stage"), "{rooms:?}");
    });
    let rooms = stdout(&ask(&server, &["rooms"]));
    assert!(!rooms.contains('\u{1b}'), "{rooms}");
    server.signal("-INT");
    server.ends_well();
}

#[test]
fn one_process_serves_both_protocols() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody else had it, and it is shared only as mDNS does.
    let held = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket2::SockRef::from(&held).set_reuse_address(true).unwrap();
    held.connect("127.0.0.1:9").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let show = folder.path().join("show.mvr");
    fs::write(&show, mvrx_file::generate::Recipe::new(1).fixtures(30).to_bytes()).unwrap();
    let rooms = folder.path().join("rooms");
    let place = |command: &mut std::process::Command| {
        command.args(["--interface", "lo", "--mdns-port", &port]);
        command
            .env("HOME", folder.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("MVRX_CONFIG")
            .env_remove("MVRX_DATA");
    };
    let start = || {
        let mut command = mvrx(&["up", "--name", "Both", "--mixer=127.0.0.1:0", "--mixer-data"]);
        command.arg(&rooms).arg(&show);
        place(&mut command);
        Running::run(command)
    };
    let mut both = start();
    both.until("commit");
    let (_folder, file) = folder_with_room(7, 100);
    assert_eq!(code(&ask(&both, &["load", file.to_str().unwrap()])), 0);
    let mut get = mvrx(&["get", "latest", "-o", folder.path().join("got.mvr").to_str().unwrap()]);
    place(&mut get);
    let got = get.output().unwrap();
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    assert_eq!(fs::read(folder.path().join("got.mvr")).unwrap(), fs::read(&show).unwrap());
    assert!(stdout(&ask(&both, &["rooms"])).starts_with("stage: 7 commands, "));
    both.signal("-INT");
    both.ends_well();

    let again = start();
    assert!(stdout(&ask(&again, &["rooms"])).starts_with("stage: 7 commands, "));
    again.signal("-TERM");
    again.ends_well();
}

/// Everything a room server can be told, it can be told beside a station, too.
#[test]
fn rooms_beside_a_station_have_the_options_of_those_alone() {
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let passwords = folder.path().join("passwords");
    fs::write(&passwords, "locked=sesame\r\n").unwrap();
    let up = |arguments: &[&str]| {
        let mut command = mvrx(&["up", "--name", "Both", "--interface", "lo", "--mdns-port", &port]);
        command.args(arguments).env("HOME", folder.path());
        command
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("MVRX_CONFIG")
            .env_remove("MVRX_DATA");
        command
    };
    let mut command = up(&["--mixer", "--mixer-host", "127.0.0.1", "--mixer-port", "0", "--mixer-data"]);
    command.arg(folder.path().join("rooms")).args(["--mixer-policy", "always", "--mixer-room-passwords"]);
    command.arg(&passwords).args(["--mixer-max-rooms", "1", "--mixer-metrics", "127.0.0.1:0"]);
    let both = Running::run(command);
    let (_folder, file) = folder_with_room(7, 100);
    let file = file.to_str().unwrap();
    assert_eq!(code(&ask(&both, &["load", file, "--room", "locked"])), 4);
    assert_eq!(code(&ask(&both, &["load", file, "--room", "locked", "--password", "sesame"])), 0);
    let second = ask(&both, &["load", file]);
    assert!(stderr(&second).contains("1 exist and 1 are allowed"), "{}", stderr(&second));
    assert!(folder.path().join("rooms/room-0.log").exists());
    both.signal("-INT");
    both.ends_well();

    for (arguments, words) in [
        (&["--mixer-max-rooms", "1"][..], "--mixer"),
        (&["--mixer", "--mixer-policy", "always"], "--mixer-data"),
        (&["--mixer=127.0.0.1:0", "--mixer-port", "1"], "says where already"),
        (&["--mixer=127.0.0.1:x"], "no host"),
    ] {
        let output = up(arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
    }
    // Without a port it is Mixer's own, which another server may have.
    let _other = std::net::TcpListener::bind("127.0.0.1:12800");
    let taken = up(&["--mixer=127.0.0.1"]).output().unwrap();
    assert_eq!(code(&taken), 4, "{}", stderr(&taken));
    assert!(stderr(&taken).contains("port 12800 is in use"), "{}", stderr(&taken));
}

/// What goes into a file or a journal has no colours, and what was damaged on the disk is told there.
#[test]
fn operator_reads_plain_words_of_what_was_damaged() {
    let (folder, file) = folder_with_room(50, 100);
    let data = folder.path().join("rooms");
    let data = data.to_str().unwrap();
    let server = Running::serve(&["--data", data]);
    assert_eq!(code(&ask(&server, &["load", file.to_str().unwrap()])), 0);
    server.signal("-TERM");
    server.ends_well();
    let log = folder.path().join("rooms/room-0.log");
    let whole = fs::read(&log).unwrap();
    fs::create_dir(folder.path().join("rooms/room-5.log")).unwrap();
    let older = "Its attributes may be those of an earlier moment, its password and its list of networks as well: look at them";
    let last = whole.windows(9).rposition(|found| found == b"keep_open").unwrap();
    for (at, of_attributes) in [(whole.len() / 2, false), (last, true)] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&log, &bytes).unwrap();
        let told = folder.path().join("told");
        let server = Running::run({
            let mut command = mvrx(&["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--data", data]);
            command.stderr(fs::File::create(&told).unwrap());
            command
        });
        server.signal("-TERM");
        server.ends_well();
        let told = fs::read_to_string(&told).unwrap();
        for words in [
            "the log of room \"stage\" was damaged",
            "room-0.damaged",
            "room-5.log has the name of a room but is no file; the server goes on without it",
        ] {
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(told.contains(older), of_attributes, "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
        let aside = folder.path().join("rooms/room-0.damaged");
        assert_eq!(fs::read(&aside).unwrap(), bytes);
        fs::remove_file(aside).unwrap();
    }
}

/// Systems start programs with room for few descriptors; the reference ended at 1024.
#[test]
fn more_clients_come_than_the_system_first_had_descriptors_for() {
    let server = Running::run({
        let mut command = std::process::Command::new("sh");
        let program = env!("CARGO_BIN_EXE_mvrx");
        let line = format!("ulimit -Sn 128; exec '{program}' mixer serve --host 127.0.0.1 --port 0");
        command.args(["-c", &line]);
        command
    });
    block_on(async {
        let mut clients = Vec::new();
        for _ in 0..300 {
            clients.push(server.client().await);
        }
        assert_eq!(clients[0].list_clients().await.unwrap().len(), 300);
    });
}
