//! Our server with the reference's client, our client with the reference's server: doubles of them, and the real ones where `MIXER_REFERENCE` names a
//! checkout of the reference.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mixer::{Client, ClientError, ClientEvent, ClientOptions, SavedRoom, Server};
use mixer_proto::frame::{self, Frames};
use mixer_proto::json::Object;
use mixer_proto::message::ClientMessage;
use support::{PythonClient, command, python_server, within};

/// Where the reference is. A test that needs it and does not have it says so, past the capture of output; the doubles have run in its place.
fn checkout() -> Option<String> {
    let checkout = std::env::var("MIXER_REFERENCE").ok();
    if checkout.is_none() {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: {name}: MIXER_REFERENCE names no checkout of the reference"
        );
    }
    checkout
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

/// Two clients of the reference's own class: one creates a room and fills it, the other joins, and both see the same.
const PYTHON_CLIENTS: &str = r"
import sys, time
import mixer.broadcaster.common as common
from mixer.broadcaster.client import Client
from mixer.broadcaster.common import Command, MessageType

def until(client, wanted, commands):
    while True:
        client.fetch_outgoing_commands()
        for command in client.fetch_incoming_commands():
            commands.append(command)
        if wanted(client, commands):
            return
        time.sleep(0.001)

def has(message_type):
    return lambda client, commands: any(command.type == message_type for command in commands)

port = int(sys.argv[1])
creator, joiner = Client('127.0.0.1', port), Client('127.0.0.1', port)
created, joined = [], []
creator.connect()
creator.set_client_attributes({'user_name': 'Creator', 'user_color': [0.1, float('nan'), 1.0]})
creator.join_room('r', '2.93.5', '1.0.1', False, True)
until(creator, has(MessageType.CONTENT), created)
assert creator.current_room == 'r'
creator.set_room_attributes('r', {'studio': {'a': [1, 2]}, 'joinable': True, 'byte_size': 7})
for number in range(200):
    creator.add_command(Command(MessageType.DELETE, common.encode_string('/%d' % number)))
for number in range(50):
    creator.add_command(Command(MessageType.TRANSFORM, common.encode_string('/a') + b'x' * number))
creator.add_command(Command(MessageType.CONTENT))
until(creator, lambda client, _: client.rooms_attributes['r']['joinable'], created)

joiner.connect()
sizes = []
joiner.join_room('r', '2.92', '1.0.1', False, True)
until(joiner, has(MessageType.SEND_ERROR), joined)
joined.clear()
joiner.join_room('r', '2.93.5', '1.0.1', False, True)
until(joiner, has(MessageType.JOIN_ROOM), joined)
kinds = [command.type for command in joined if command.type.value > 100 or command.type in (MessageType.CLEAR_CONTENT, MessageType.JOIN_ROOM)]
assert kinds == [MessageType.CLEAR_CONTENT] + [MessageType.DELETE] * 200 + [MessageType.TRANSFORM, MessageType.JOIN_ROOM], kinds
room = joiner.rooms_attributes['r']
assert room['byte_size'] > 0 and room['command_count'] == 201 and room['studio'] == {'a': [1, 2]} and room['name'] == 'r', room
assert joiner.clients_attributes[creator.client_id]['user_name'] == 'Creator'
color = joiner.clients_attributes[creator.client_id]['user_color']
assert color[1] != color[1], color

joined.clear()
for number in range(100):
    creator.add_command(Command(MessageType.FRAME, common.encode_int(number)))
until(creator, lambda client, _: not client.pending_commands, created)
until(joiner, lambda _, commands: sum(c.type == MessageType.FRAME for c in commands) == 100, joined)
assert [common.decode_int(c.data, 0)[0] for c in joined if c.type == MessageType.FRAME] == list(range(100))

until(joiner, lambda client, _: client.clients_attributes[client.client_id]['room'] == 'r', joined)
joiner.leave_room('r')
assert joiner.wait(MessageType.LEAVE_ROOM)
until(creator, lambda client, _: client.clients_attributes[joiner.client_id]['room'] is None, created)
joiner_id = joiner.client_id
joiner.disconnect()
until(creator, lambda client, _: joiner_id not in client.clients_attributes, created)
creator.leave_room('r')
assert creator.wait(MessageType.LEAVE_ROOM)
until(creator, lambda client, _: 'r' not in client.rooms_attributes, created)
creator.disconnect()
";

#[test]
fn real_python_clients_share_a_room_on_our_server() {
    let Some(checkout) = checkout() else { return };
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
    let port = server.local_addresses()[0].port().to_string();
    let run = Command::new("timeout")
        .args(["60", "python3", "-c", PYTHON_CLIENTS, &port])
        .current_dir(checkout)
        .status()
        .unwrap();
    assert!(run.success());
}
