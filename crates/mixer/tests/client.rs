//! Our client beside servers and rooms that are not as they should be.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mixer::{Client, ClientError, ClientOptions, Server};
use mixer_proto::frame;
use mixer_proto::message::{ClientMessage, JoinRoom};
use support::{command, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

// proves: MIX-NET-3
#[tokio::test]
async fn a_server_that_talks_without_answering_is_waited_for_no_longer_than_told() {
    within(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let talk = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let update =
                frame::encode(mixer_proto::code::control::CLIENT_UPDATE, 1, &[2, 0, 0, 0, b'{', b'}']);
            while stream.write_all(&update).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let mut options = ClientOptions::default();
        options.answer_within = Duration::from_millis(200);
        // It asks for its id first.
        let answer = Client::connect(address, options).await.map(drop);
        assert!(matches!(answer, Err(ClientError::NoAnswer { .. })), "{answer:?}");
        talk.await.unwrap();
    })
    .await;
}

// proves: MIX-FILE-5
#[tokio::test]
async fn a_room_whose_sender_is_gone_is_not_begun_anew_by_looking_at_it() {
    within(async {
        let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
        let address = server.local_addresses()[0];
        let mut creator = TcpStream::connect(address).await.unwrap();
        let join = JoinRoom {
            room: "half".to_owned(),
            blender_version: String::new(),
            mixer_version: String::new(),
            ignore_version_check: true,
            generic_protocol: false,
        };
        let keep = ClientMessage::SetRoomKeepOpen { room: "half".to_owned(), keep_open: true };
        let sent = [
            ClientMessage::JoinRoom(join).encode(1),
            keep.encode(2),
            command(101, "/scene", 100),
            command(101, "/scene/lamp", 100),
            ClientMessage::ListRooms.encode(3),
        ];
        creator.write_all(&sent.concat()).await.unwrap();
        // Everything before the answer has arrived when it comes.
        let mut heard = Vec::<u8>::new();
        while !String::from_utf8_lossy(&heard).contains("\"command_count\": 2") {
            assert!(creator.read_buf(&mut heard).await.unwrap() > 0, "{}", String::from_utf8_lossy(&heard));
        }
        drop(creator);
        let mut client = Client::connect(address, ClientOptions::default()).await.unwrap();
        let saved = client.save_room("half").await;
        assert!(
            matches!(&saved, Err(ClientError::Refused { text }) if text.contains("not whole")),
            "{saved:?}"
        );
        let room = &client.list_rooms().await.unwrap()[0];
        assert!(room.to_string().contains("2 commands"), "{room}");
        server.shutdown().await;
    })
    .await;
}
