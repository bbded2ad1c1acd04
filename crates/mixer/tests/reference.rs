//! Our server with the reference's client, our client with the reference's server: doubles of them, and the real ones where `MIXER_REFERENCE` names a
//! checkout of the reference.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mixer::{Client, ClientError, ClientEvent, ClientOptions, SavedRoom, Server};
use mixer_proto::frame::{self, Frames};
use mixer_proto::json::Object;
use mixer_proto::message::ClientMessage;
use support::{PythonClient, command, python_server, within};

fn checkout() -> Option<String> {
    std::env::var("MIXER_REFERENCE").ok()
}

// proves: MIX-INV-1, MIX-INV-2, MIX-INV-3, MIX-LIFE-1, MIX-LIFE-3, MIX-LIFE-4
#[test]
fn doubles_of_the_python_client_share_a_room_on_our_server() {
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
    let address = server.local_addresses()[0];
    let mut creator = PythonClient::connect(address);
    let content: Vec<_> = (0..200).map(|n| command(101, &format!("/{n}"), n * 10)).collect();
    creator.create_room("r", &content);
    let mut members: Vec<PythonClient> = (0..5)
        .map(|_| {
            let mut member = PythonClient::connect(address);
            member.join_room("r");
            assert_eq!(member.commands(), content.iter().collect::<Vec<_>>());
            member
        })
        .collect();
    for n in 0..100 {
        creator.send(&command(201, "/a", n));
        creator.send(&frame::encode(205, 1, &42_i32.to_le_bytes()));
    }
    for member in &mut members {
        let got = member.read_commands(200);
        assert!(got.iter().step_by(2).enumerate().all(|(n, frame)| *frame == command(201, "/a", n)));
    }
    for member in &mut members {
        member.leave_room("r");
    }
    creator.request(&ClientMessage::LeaveRoom { room: "r".into() });
    for client in members.iter_mut().chain([&mut creator]) {
        client.wait(mixer_proto::code::control::ROOM_DELETED);
        assert!(client.rooms.is_empty());
    }
}

async fn use_server(address: SocketAddr) {
    let mut client = Client::connect(address, ClientOptions::default()).await.unwrap();
    let commands: Vec<_> = (0..50).map(|n| command(101, &format!("/{n}"), n)).collect();
    let saved = SavedRoom { attributes: Object::new(), commands: commands.concat().into() };
    client.load_room("r", &saved).await.unwrap();
    assert!(client.list_rooms().await.unwrap()[0].to_string().starts_with("r: 50 commands"));
    let mut other = Client::connect(address, ClientOptions::default()).await.unwrap();
    let mut tail = other.tail("r").await.unwrap();
    let mut seen = 0;
    while !matches!(tail.next().await.unwrap(), ClientEvent::Joined { .. }) {
        seen += 1;
    }
    assert!(seen >= 50);
    assert!(matches!(client.delete_room("r").await, Err(ClientError::Refused { .. })), "not empty");
    tail.leave().await.unwrap();
    let again = client.save_room("r").await.unwrap();
    assert_eq!(Frames::new(&again.commands).count(), 50);
    client.keep_open("r", false).await.unwrap();
    client.delete_room("r").await.unwrap();
    assert!(client.list_clients().await.unwrap().len() >= 2);
}

// proves: MIX-ROW-4, MIX-ROW-5
#[tokio::test]
async fn our_client_uses_a_double_of_the_python_server() {
    within(use_server(python_server::start())).await;
}

#[tokio::test]
async fn our_client_uses_our_server() {
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
    within(use_server(server.local_addresses()[0])).await;
}

#[tokio::test]
async fn our_client_uses_the_real_python_server() {
    let Some(checkout) = checkout() else { return };
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut process = Command::new("python3")
        .args(["-m", "mixer.broadcaster.apps.server", "--port", &address.port().to_string()])
        .current_dir(checkout)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the reference server does not start");
        tokio::task::yield_now().await;
    }
    within(use_server(address)).await;
    process.kill().unwrap();
    process.wait().unwrap();
}

/// The reference's own client class joins a room that our double has filled, and reports what it got.
#[test]
fn the_real_python_client_uses_our_server() {
    let Some(checkout) = checkout() else { return };
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
    let address = server.local_addresses()[0];
    let mut creator = PythonClient::connect(address);
    creator.create_room("r", &[command(101, "/a", 5), command(201, "/b", 5)]);
    let script = format!(
        "import time\n\
         from mixer.broadcaster.client import Client\n\
         from mixer.broadcaster.common import MessageType\n\
         client = Client('127.0.0.1', {})\n\
         client.connect()\n\
         client.join_room('r', '2.93.5', '1.0.1', False, True)\n\
         seen = []\n\
         while MessageType.JOIN_ROOM not in seen:\n\
         \x20   seen += [command.type for command in client.fetch_incoming_commands() or []]\n\
         \x20   client.fetch_outgoing_commands()\n\
         \x20   time.sleep(0.01)\n\
         assert seen.count(MessageType.DELETE) == 1 and seen.count(MessageType.TRANSFORM) == 1, seen\n",
        address.port()
    );
    let run = Command::new("timeout")
        .args(["20", "python3", "-c", &script])
        .current_dir(checkout)
        .status()
        .unwrap();
    assert!(run.success());
}
