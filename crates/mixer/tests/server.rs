//! The server and the client over loopback.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mixer::{Client, ClientError, ClientEvent, ClientOptions, Limits, SavedRoom, Server};
use mixer_proto::frame;
use mixer_proto::message::{ClientMessage, JoinRoom};
use support::{PythonClient, command, within};

fn server() -> Server {
    Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap()
}

async fn client(server: &Server) -> Client {
    Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap()
}

fn saved(commands: &[Bytes]) -> SavedRoom {
    let attributes =
        mixer_proto::json::Json::parse(r#"{"vrtist_protocol": false, "blender_version": "2.93"}"#);
    SavedRoom {
        attributes: attributes.unwrap().as_object().unwrap().clone(),
        commands: commands.concat().into(),
    }
}

// proves: MIX-FILE-1
#[tokio::test]
async fn room_is_loaded_listed_saved_kept_and_deleted() {
    within(async {
        let server = server();
        let mut client = client(&server).await;
        let commands: Vec<Bytes> = (0..3000).map(|n| command(101, &format!("/{n}"), n)).collect();
        client.load_room("r", &saved(&commands)).await.unwrap();
        assert!(matches!(client.load_room("r", &saved(&[])).await, Err(ClientError::RoomExists { .. })));
        let rooms = client.list_rooms().await.unwrap();
        assert_eq!(rooms[0].name, "r");
        let line = rooms[0].to_string();
        assert!(line.starts_with("r: 3000 commands") && line.ends_with("kept open, blender 2.93"), "{line}");
        let again = client.save_room("r").await.unwrap();
        let payloads =
            |bytes: &Bytes| frame::Frames::new(bytes).map(|f| f.payload.to_vec()).collect::<Vec<_>>();
        assert_eq!(payloads(&again.commands), payloads(&commands.concat().into()));
        assert_eq!(again.attributes.find("vrtist_protocol"), Some(&false.into()));
        client.keep_open("r", false).await.unwrap();
        assert!(matches!(client.keep_open("none", true).await, Err(ClientError::NoSuchRoom { .. })));
        client.delete_room("r").await.unwrap();
        assert!(client.list_rooms().await.unwrap().is_empty());
        assert_eq!(client.list_clients().await.unwrap().len(), 1);
        server.shutdown().await;
        assert!(client.list_rooms().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn tail_shows_the_history_and_then_what_happens() {
    within(async {
        let server = server();
        let address = server.local_addresses()[0];
        let mut writer = PythonClient::connect(address);
        writer.create_room("r", &[command(201, "/a", 1)]);
        let mut client = client(&server).await;
        let mut tail = client.tail("r").await.unwrap();
        let mut lines = Vec::new();
        let mut written = false;
        while lines.len() < 3 {
            let event = tail.next().await.unwrap();
            if matches!(event, ClientEvent::Command { .. } | ClientEvent::Joined { .. }) {
                lines.push(mixer::describe(&event));
            }
            if lines.len() == 2 && !written {
                written = true;
                writer.send(&frame::encode(205, 1, &7_i32.to_le_bytes()));
            }
        }
        assert_eq!(lines, ["TRANSFORM /a, 7 bytes", "history of r is complete", "FRAME 7"]);
        tail.leave().await.unwrap();
    })
    .await;
}

// proves: MIX-BUG-8
#[tokio::test]
async fn server_restarts_at_once_on_the_same_port_while_old_connections_linger() {
    within(async {
        let first = server();
        let address = first.local_addresses()[0];
        let _lingering = client(&first).await;
        first.shutdown().await;
        let second = Server::builder().address(address).spawn().unwrap();
        client(&second).await;
    })
    .await;
}

// proves: MIX-NET-1
#[tokio::test]
async fn server_takes_ipv4_and_ipv6() {
    within(async {
        let server = Server::builder().port(0).spawn().unwrap();
        let port = server.local_addresses()[0].port();
        let v4 = Client::connect(("127.0.0.1", port), ClientOptions::default()).await.unwrap();
        assert!(v4.id().unwrap().starts_with("127.0.0.1:"));
        if let Ok(v6) = Client::connect(("::1", port), ClientOptions::default()).await {
            assert!(v6.id().unwrap().starts_with("[::1]:"));
        }
    })
    .await;
}

// proves: MIX-BUG-5, MIX-BUG-7
#[test]
fn client_with_half_a_frame_sent_still_receives_and_relaying_starts_before_a_sender_pauses() {
    let server = server();
    let address = server.local_addresses()[0];
    let mut creator = PythonClient::connect(address);
    creator.create_room("r", &[]);
    let mut member = PythonClient::connect(address);
    member.join_room("r");
    // Half a frame, then silence.
    member.send(&frame::encode(101, 1, &[0; 100])[..50]);
    // Whole frames and the half of a large one, without a pause in between.
    let mut burst = [command(101, "a", 10), command(101, "b", 10)].concat();
    burst.extend_from_slice(&frame::encode(101, 1, &vec![0; 1 << 20])[..1 << 19]);
    creator.send(&burst);
    member.read_commands(2);
}

// proves: MIX-BUG-2, MIX-BUG-6
#[test]
fn huge_room_name_of_a_client_that_does_not_read_delays_nobody() {
    let server = server();
    let address = server.local_addresses()[0];
    let mut deaf = TcpStream::connect(address).unwrap();
    let join = JoinRoom { room: "x".repeat(16 << 20), ..JoinRoom::default() };
    deaf.write_all(&ClientMessage::JoinRoom(join).encode(1)).unwrap();
    let mut other = PythonClient::connect(address);
    other.create_room("r", &[]);
}

// proves: MIX-ROW-20
#[test]
fn frame_above_the_limit_is_answered_and_closes_the_connection() {
    let mut limits = Limits::default();
    limits.frame_bytes = 1000;
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
    let mut just_fits = PythonClient::connect(server.local_addresses()[0]);
    just_fits.create_room("r", &[frame::encode(101, 1, &[0; 1000])]);
    let mut stream = TcpStream::connect(server.local_addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&frame::encode(101, 1, &[0; 1001])[..14]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("1001 bytes, 1000 are allowed"));
}

// proves: MIX-LIMIT-3
#[test]
fn client_too_many_is_told_so() {
    let mut limits = Limits::default();
    limits.clients = 1;
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
    let address: SocketAddr = server.local_addresses()[0];
    let _first = PythonClient::connect(address);
    let mut second = TcpStream::connect(address).unwrap();
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    second.read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("1 clients are connected, 1 are allowed"));
}

// proves: MIX-NET-2
#[test]
fn client_that_has_sent_more_than_was_read_still_reads_why_it_is_closed() {
    let mut limits = Limits::default();
    limits.frame_bytes = 1000;
    limits.clients = 1;
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
    let told = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let address = server.local_addresses()[0];
    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(&frame::encode(101, 1, &vec![0; 2 << 20])).unwrap();
    let mut second = TcpStream::connect(address).unwrap();
    second.write_all(&frame::encode(101, 1, &vec![0; 2 << 20])).unwrap();
    let (first, second) = (told(&mut first), told(&mut second));
    assert!(first.contains("1000 are allowed"), "{first}");
    // The first may be gone by now; then the second is told the same.
    assert!(second.contains("are allowed"), "{second}");
}

// proves: MIX-FILE-2
#[tokio::test]
async fn room_that_does_not_fit_is_not_left_there_in_part() {
    within(async {
        let mut limits = Limits::default();
        limits.room_bytes = 3 << 20;
        let server =
            Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
        let mut client = client(&server).await;
        let commands: Vec<Bytes> = (0..50).map(|n| command(101, &format!("/{n}"), 100_000)).collect();
        let refused = client.load_room("r", &saved(&commands)).await;
        assert!(
            matches!(&refused, Err(ClientError::Refused { text }) if text.contains("is full")),
            "{refused:?}"
        );
        assert!(client.list_rooms().await.unwrap().is_empty());
        client.load_room("r", &saved(&commands[..20])).await.unwrap();
        assert_eq!(client.save_room("r").await.unwrap().command_count(), 20);
    })
    .await;
}

#[tokio::test]
async fn leaving_is_not_mistaken_for_refused_when_others_errors_come_meanwhile() {
    within(async {
        let server = server();
        let mut other = PythonClient::connect(server.local_addresses()[0]);
        other.create_room("r", &[]);
        let mut client = client(&server).await;
        for _ in 0..20 {
            client.tail("r").await.unwrap();
            other.request(&ClientMessage::SendError { text: "x".into() });
            client.leave().await.unwrap();
        }
    })
    .await;
}

// proves: MIX-STAY-2
#[tokio::test]
async fn entering_is_not_mistaken_for_refused_when_others_errors_come_meanwhile() {
    within(async {
        let server = server();
        let address = server.local_addresses()[0];
        let mut creator = PythonClient::connect(address);
        creator.create_room("r", &[]);
        let over = Arc::new(AtomicBool::new(false));
        let (until, mut other) = (Arc::clone(&over), PythonClient::connect(address));
        let errors = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                other.request(&ClientMessage::SendError { text: "not about you".into() });
                other.request(&ClientMessage::ClientId);
                other.wait(18);
            }
        });
        let mut client = client(&server).await;
        for _ in 0..50 {
            client.tail("r").await.unwrap().leave().await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
        errors.join().unwrap();
        // Who is refused is told so, in the server's words.
        let refused = client.load_room("", &saved(&[])).await;
        assert!(matches!(&refused, Err(ClientError::Refused { text }) if text == "a room needs a name"));
    })
    .await;
}

// proves: MIX-FILE-4
#[tokio::test]
async fn room_is_loaded_kept_and_deleted_though_others_send_errors_to_everybody() {
    within(async {
        let server = server();
        let mut other = PythonClient::connect(server.local_addresses()[0]);
        let mut client = client(&server).await;
        // Some merge, some are not stored.
        let commands: Vec<Bytes> = (0..60_u16)
            .map(|n| command([101, 202, 205, 202][usize::from(n % 4)], &format!("/{}", n / 4), 100_000))
            .collect();
        let mut told = 0;
        let loaded = client
            .load_room_watched("r", &saved(&commands), |_| {
                told += 1;
                other.request(&ClientMessage::SendError { text: "not about you".into() });
                // The server has taken it.
                other.request(&ClientMessage::ClientId);
                other.wait(18);
            })
            .await;
        assert!(told > 2 && loaded.is_ok(), "{told}: {loaded:?}");
        let again = client.save_room("r").await.unwrap();
        assert_eq!(again.command_count(), 30, "as it is accumulated");
    })
    .await;
}

// proves: MIX-LIMIT-6
#[test]
fn unfinished_frames_of_all_clients_together_are_bounded() {
    let mut limits = Limits::default();
    limits.unfinished_bytes = 8 << 20;
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
    let address = server.local_addresses()[0];
    let mut other = PythonClient::connect(address);
    other.create_room("r", &[]);
    let part = &frame::encode(101, 1, &vec![0; 100 << 20])[..3 << 20];
    let mut streams: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut streams {
        // Who is closed meanwhile cannot write everything.
        let _ = stream.write_all(part);
    }
    let told = streams
        .iter()
        .filter(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let mut answer = Vec::new();
            let _ = { *stream }.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).contains("unfinished frames")
        })
        .count();
    assert!((2..=4).contains(&told), "{told}");
    // Nobody else is any worse off, and what they held is given back.
    drop(streams);
    let mut large = PythonClient::connect(address);
    large.create_room("large", &[frame::encode(101, 1, &vec![0; 7 << 20])]);
    other.leave_room("r");
}
