//! Rooms that outlive the server, also when it is killed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mixer::{Client, ClientOptions, Fsync, SavedRoom, Server, StartError};
use mixer_proto::frame::Frames;
use mixer_proto::json::Object;
use mixer_proto::message::{ClientMessage, JoinRoom};
use support::{PythonClient, command, within};

const SERVE: &str = "MIXER_TEST_SERVE";

fn serve(directory: &Path, fsync: Fsync) -> Server {
    Server::builder().address("127.0.0.1:0".parse().unwrap()).data(directory, fsync).spawn().unwrap()
}

// proves: MIX-KEEP-2
#[tokio::test]
async fn kept_room_comes_back_joinable_and_a_deleted_one_does_not() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        for fsync in [Fsync::Always, Fsync::Interval(Duration::from_millis(20))] {
            let server = serve(directory.path(), fsync);
            let mut client =
                Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
            for room in ["gone", "kept"] {
                let commands =
                    [command(201, "/a", 1), command(201, "/a", 2), command(101, "b", 100_000)].concat();
                let saved = SavedRoom { attributes: Object::new(), commands: commands.into() };
                client.load_room(room, &saved).await.unwrap();
            }
            client.delete_room("gone").await.unwrap();
            server.shutdown().await;

            let server = serve(directory.path(), fsync);
            let mut client =
                Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
            let rooms = client.list_rooms().await.unwrap();
            assert_eq!(rooms.len(), 1);
            assert!(rooms[0].to_string().starts_with("kept: 2 commands"), "{}", rooms[0]);
            let saved = client.save_room("kept").await.unwrap();
            let lengths: Vec<usize> = Frames::new(&saved.commands).map(|frame| frame.payload.len()).collect();
            assert_eq!(lengths, [8, 100_005]);
            client.delete_room("kept").await.unwrap();
            server.shutdown().await;
        }
        assert!(
            std::fs::read_dir(directory.path()).unwrap().all(|entry| entry.unwrap().file_name() == "lock")
        );
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn rooms_and_their_passwords_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("rooms");
        let server = serve(&directory, Fsync::Always);
        let mut client =
            Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
        let saved = SavedRoom { attributes: Object::new(), commands: command(201, "/a", 1) };
        client.load_room("r", &saved).await.unwrap();
        server.shutdown().await;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("room-0.log")), 0o600);
    })
    .await;
}

/// The log of room `r`, with its password and thirty commands in ten records.
async fn log_of_a_locked_room(directory: &Path) -> Vec<u8> {
    let server = serve(directory, Fsync::Always);
    let address = server.local_addresses()[0];
    let writer = thread::spawn(move || {
        let mut writer = PythonClient::connect(address);
        writer.create_room("r", &[]);
        let set = |text: &str| ClientMessage::SetRoomCustomAttributes {
            room: "r".into(),
            attributes: mixer_proto::json::Json::parse(text).unwrap().as_object().unwrap().clone(),
        };
        writer.request(&set(r#"{"mvrx_password": "secret"}"#));
        for record in 0..10 {
            let commands: Vec<_> = (0..3).map(|n| command(101, &format!("{record} {n}"), 50)).collect();
            writer.send(&commands.concat());
            // One after the other, so that each is a record of its own.
            writer.request(&set(&format!("{{\"seen\": {record}}}")));
        }
        writer.request(&ClientMessage::SetRoomKeepOpen { room: "r".into(), keep_open: true });
        writer.leave_room("r");
    });
    writer.join().unwrap();
    server.shutdown().await;
    std::fs::read(directory.join("room-0.log")).unwrap()
}

// proves: MIX-KEEP-10
#[tokio::test]
async fn damage_in_the_middle_of_a_log_costs_only_what_is_damaged_and_the_file_is_set_aside() {
    within(async {
        let log = log_of_a_locked_room(tempfile::tempdir().unwrap().path()).await;
        let at = |part: &str| log.windows(part.len()).position(|found| found == part.as_bytes()).unwrap();
        // Where the record of a command begins: two headers and a length before its name.
        let record = at("4 0") - 4 - 14 - 9;
        for (damaged, lost, what) in [
            (at("4 1"), 3, "a payload"),
            (record, 0, "a length, now too small"),
            (record + 2, 0, "a length, now beyond the end"),
            (record + 5, 3, "a checksum"),
            (record + 8, 3, "a kind"),
            (9, 0, "the name"),
            (at("\"seen\": 9"), 0, "the last attributes"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mut broken = log.clone();
            broken[damaged] ^= 0x15;
            std::fs::write(directory.path().join("room-0.log"), &broken).unwrap();
            for start in 0..2 {
                let server = serve(directory.path(), Fsync::Always);
                let mut options = ClientOptions::default();
                options.password = Some("secret".into());
                let mut client = Client::connect(server.local_addresses()[0], options).await.unwrap();
                let saved = client.save_room("r").await.unwrap();
                assert_eq!(saved.command_count(), 30 - lost, "{what}, start {start}");
                let lock = saved.attributes.find("mvrx_locked").and_then(mixer_proto::json::Json::as_bool);
                assert_eq!(lock, Some(true), "{what}");
                server.shutdown().await;
            }
            let mut names: Vec<_> = std::fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            assert_eq!(names, ["lock", "room-0.damaged", "room-0.log"], "{what}");
            assert_eq!(std::fs::read(directory.path().join("room-0.damaged")).unwrap(), broken, "{what}");
        }
    })
    .await;
}

/// A room of ours with these attributes, whose sender and server ended without a word.
async fn left_behind(directory: &Path, before: &[ClientMessage], after: &[ClientMessage]) {
    let server = serve(directory, Fsync::Always);
    let mut sender = TcpStream::connect(server.local_addresses()[0]).unwrap();
    let join = JoinRoom { room: "r".into(), ..JoinRoom::default() };
    sender.write_all(&ClientMessage::JoinRoom(join).encode(1)).unwrap();
    for request in before {
        sender.write_all(&request.encode(1)).unwrap();
    }
    sender.write_all(&[command(101, "a", 100), command(101, "b", 20_000)].concat()).unwrap();
    for request in after {
        sender.write_all(&request.encode(1)).unwrap();
    }
    // The last of it is there, and on the disk once the server has ended.
    let observed = server.metrics_reader();
    while observed.read().await.unwrap().frames_received < (3 + before.len() + after.len()) as u64 {
        tokio::task::yield_now().await;
    }
    server.shutdown().await;
}

// proves: MIX-KEEP-13
#[tokio::test]
async fn room_that_was_sent_in_part_comes_back_without_it_and_is_begun_anew_by_the_next_client() {
    within(async {
        let keep = ClientMessage::SetRoomKeepOpen { room: "r".into(), keep_open: true };
        for kept in [&[][..], &[keep]] {
            let directory = tempfile::tempdir().unwrap();
            left_behind(directory.path(), kept, &[]).await;
            for start in 0..2 {
                let server = serve(directory.path(), Fsync::Always);
                let mut client =
                    Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
                let rooms = client.list_rooms().await.unwrap();
                let shown: Vec<String> = rooms.iter().map(ToString::to_string).collect();
                assert_eq!(shown, ["r: 0 commands, 0 bytes, not joinable yet, kept open"], "start {start}");
                server.shutdown().await;
            }
            let server = serve(directory.path(), Fsync::Always);
            let mut client =
                Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
            let saved = SavedRoom { attributes: Object::new(), commands: command(101, "whole", 1) };
            client.load_room("r", &saved).await.unwrap();
            server.shutdown().await;
            let server = serve(directory.path(), Fsync::Always);
            let mut client =
                Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
            assert_eq!(client.save_room("r").await.unwrap().command_count(), 1);
            server.shutdown().await;
        }
    })
    .await;
}

// proves: MIX-KEEP-13
#[tokio::test]
async fn room_that_was_sent_to_its_end_comes_back_joinable_though_that_is_damaged_in_its_log() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        left_behind(directory.path(), &[], &[ClientMessage::Content]).await;
        let log = directory.path().join("room-0.log");
        let mut bytes = std::fs::read(&log).unwrap();
        let at = bytes.windows(16).rposition(|found| found == b"\"joinable\": true").unwrap();
        for damaged in [false, true] {
            bytes[at] ^= u8::from(damaged);
            std::fs::write(&log, &bytes).unwrap();
            let server = serve(directory.path(), Fsync::Always);
            let mut client =
                Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
            assert_eq!(client.save_room("r").await.unwrap().command_count(), 2);
            server.shutdown().await;
        }
    })
    .await;
}

// proves: MIX-KEEP-4
#[tokio::test]
async fn two_servers_cannot_keep_rooms_in_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = serve(directory.path(), Fsync::Always);
    let builder =
        Server::builder().address("127.0.0.1:0".parse().unwrap()).data(directory.path(), Fsync::Always);
    let Err(StartError::RoomsUnreadable(error)) = builder.spawn() else { panic!("two servers") };
    assert!(error.to_string().contains("another server"), "{error}");
    first.shutdown().await;
}

// proves: MIX-KEEP-5
#[tokio::test]
async fn log_full_of_replaced_commands_is_written_anew() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        let server = serve(directory.path(), Fsync::Interval(Duration::from_millis(20)));
        let address = server.local_addresses()[0];
        let writer = thread::spawn(move || {
            let mut writer = PythonClient::connect(address);
            writer.create_room("r", &[command(101, "first", 0)]);
            for n in 0..400 {
                writer.send(&command(201, "/a", 100_000 + n));
            }
            writer.request(&ClientMessage::SetRoomKeepOpen { room: "r".into(), keep_open: true });
            writer.leave_room("r");
        });
        writer.join().unwrap();
        server.shutdown().await;
        let bytes: u64 = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(bytes < 30_000_000, "{bytes}");
        let server = serve(directory.path(), Fsync::Always);
        let mut client =
            Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap();
        let saved = client.save_room("r").await.unwrap();
        let lengths: Vec<usize> = Frames::new(&saved.commands).map(|frame| frame.payload.len()).collect();
        assert_eq!(lengths, [9, 100_405]);
        server.shutdown().await;
    })
    .await;
}

/// No test of its own, though it counts as one that passes at once: the process that the tests below run, and kill. It serves when told so by the environment.
#[test]
fn serve_until_killed() {
    let Ok(serving) = std::env::var(SERVE) else { return };
    let (policy, directory) = serving.split_once(':').unwrap();
    let fsync = if policy == "always" { Fsync::Always } else { Fsync::Interval(INTERVAL) };
    let server = serve(Path::new(directory), fsync);
    let mut out = std::io::stdout();
    writeln!(out, "\nserving {}", server.local_addresses()[0]).unwrap();
    out.flush().unwrap();
    thread::sleep(Duration::from_secs(120));
}

const INTERVAL: Duration = Duration::from_millis(200);
const WRITERS: usize = 20;

// proves: MIX-KEEP-1
#[test]
fn killed_server_comes_back_with_everything_any_member_had_received_under_always() {
    kill_while_writing("always", Duration::ZERO);
}

// proves: MIX-KEEP-6
#[test]
fn killed_server_comes_back_with_everything_received_an_interval_before_the_kill() {
    kill_while_writing("interval", INTERVAL);
}

fn kill_while_writing(policy: &str, slack: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--nocapture", "--test-threads=1"])
        .env(SERVE, format!("{policy}:{}", directory.path().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address: SocketAddr = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("serving ").map(|a| a.parse().unwrap()))
        .unwrap();
    let mut creator = PythonClient::connect(address);
    creator.create_room("r", &[]);
    let received = Arc::new(Mutex::new(Vec::new()));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (received, over) = (Arc::clone(&received), Arc::clone(&over));
            thread::spawn(move || write_and_note(address, writer, &received, &over))
        })
        .collect();
    // Until much is on its way: so many commands, or on a very slow machine as many as come in this time, which the end of the test looks at.
    let started = Instant::now();
    while received.lock().unwrap().len() < 20_000 && started.elapsed() < Duration::from_secs(20) {
        thread::yield_now();
    }
    over.store(true, Ordering::Relaxed);
    process.kill().unwrap();
    let killed = Instant::now();
    process.wait().unwrap();
    for writer in writers {
        let _ = writer.join();
    }
    let server = serve(directory.path(), Fsync::Always);
    let mut joiner = PythonClient::connect(server.local_addresses()[0]);
    joiner.join_room("r");
    let mut kept: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
    for frame in joiner.commands() {
        let (writer, number) = named(frame);
        kept.entry(writer).or_default().push(number);
    }
    for (writer, numbers) in &kept {
        assert!(
            numbers.iter().copied().eq((0..).take(numbers.len())),
            "writer {writer}: not a prefix of what it sent"
        );
    }
    let received = received.lock().unwrap();
    assert!(received.len() > 1000, "{}", received.len());
    for (writer, number, at) in received.iter() {
        if *at + slack < killed {
            let count = kept.get(writer).map_or(0, Vec::len);
            assert!((*number as usize) < count, "writer {writer}: {number} was received, {count} came back");
        }
    }
}

/// Writes numbered commands and notes those of others as they come.
fn write_and_note(
    address: SocketAddr,
    writer: usize,
    received: &Mutex<Vec<(u8, u32, Instant)>>,
    over: &AtomicBool,
) {
    let mut client = PythonClient::connect(address);
    client.join_room("r");
    let mut looked_at = client.messages.len();
    let mut number: u32 = 0;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..4 {
            let name = format!("{writer} {number}");
            number += 1;
            client.send(&command(101, &name, 20));
        }
        client.receive();
        let now = Instant::now();
        let seen = client.messages.get(looked_at..).unwrap();
        let others: Vec<_> =
            seen.iter().filter(|(code, _)| *code > 100).map(|(_, frame)| named(frame)).collect();
        looked_at = client.messages.len();
        received.lock().unwrap().extend(others.into_iter().map(|(writer, number)| (writer, number, now)));
    }
}

fn named(frame: &[u8]) -> (u8, u32) {
    let length = u32::from_le_bytes(frame[14..18].try_into().unwrap()) as usize;
    let name = std::str::from_utf8(&frame[18..18 + length]).unwrap();
    let (writer, number) = name.split_once(' ').unwrap();
    (writer.parse().unwrap(), number.parse().unwrap())
}
