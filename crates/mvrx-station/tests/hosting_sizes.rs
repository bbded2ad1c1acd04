//! Aim: whatever FileSize a product announces, everybody gets the bytes that its owner has or is told why not, and no connection suffers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::net::SocketAddr;

use mvrx_message::{Commit, Message, Request};
use mvrx_station::{Event, Events, Heard, HostOptions, Source, Station};
use mvrx_transport::{Connection, FileEnding, FileStyle};
use ws_support::{Client, archive, commit, content, file, hear, hosting, join, kept, say, take_file, until};

fn differs(heard: &Heard) -> Option<(u64, u64)> {
    match heard {
        Heard::Event(seen) => match &seen.event {
            Event::FileSizeDiffers { announced, received, .. } => Some((*announced, *received)),
            _ => None,
        },
        _ => None,
    }
}

async fn seen(events: &mut Events) {
    let seen = |heard: &Heard| match heard {
        Heard::Event(seen) => matches!(seen.event, Event::CommitSeen { .. }).then_some(()),
        _ => None,
    };
    until(events, seen).await;
}

fn announced(n: u8, author: u8, size: u64) -> Commit {
    Commit { file_size: size, ..commit(n, author, 0) }
}

/// Somebody who takes one message for the file, whatever its length.
async fn asker(address: SocketAddr, n: u8) -> Connection {
    let (mut asker, _) = join(address, n, "the-pult", vec![]).await;
    asker.reader.set_file_ending(FileEnding::WithMessage);
    asker
}

async fn ask(asker: &mut Connection, n: u8) -> Result<Vec<u8>, String> {
    say(asker, &Message::Request(Request::new(Some(file(n)), vec![]))).await;
    take_file(asker, None).await
}

// proves: HDR-10, HST-21
#[tokio::test]
async fn an_owner_that_sends_more_than_it_announced_in_many_messages_costs_nobody_anything() {
    for gather in [true, false] {
        let (rack, mut events) = hosting(HostOptions::default().gather(gather)).spawn().await.unwrap();
        let pieces = FileStyle::Messages { most: 8_192 };
        let owner = Client::join(rack.address(), 1, "BlenderDMX", pieces).await;
        let (first, second) = (archive(1, 100_000), archive(2, 60_000));
        owner.commit(announced(1, 1, 16_384), first.clone());
        owner.commit(announced(2, 1, second.len() as u64), second.clone());
        for _ in 0..2 {
            seen(&mut events).await;
        }
        let (mut one, mut two) = (asker(rack.address(), 2).await, asker(rack.address(), 3).await);
        // Both are asked for before the first one is through: its rest is not the second.
        let (got_first, got_second) = tokio::join!(ask(&mut one, 1), ask(&mut two, 2));
        assert!(got_second.unwrap() == second);
        assert!(got_first.unwrap() == first);
        assert!(owner.fetch(file(9), 0).await.is_err(), "its connection is in order");
    }
}

// proves: HDR-10
#[tokio::test]
async fn bytes_that_are_no_archive_and_more_than_announced_are_given_to_nobody() {
    let (rack, mut events) = hosting(HostOptions::default().gather(false)).spawn().await.unwrap();
    let owner = Client::join(rack.address(), 1, "MVRApplication", FileStyle::Messages { most: 1_024 }).await;
    let second = content(2, 5_000);
    owner.commit(announced(1, 1, 1_024), content(1, 9_000));
    owner.commit(announced(2, 1, second.len() as u64), second.clone());
    for _ in 0..2 {
        seen(&mut events).await;
    }
    let (mut one, mut two) = (asker(rack.address(), 2).await, asker(rack.address(), 3).await);
    let (got_first, got_second) = tokio::join!(ask(&mut one, 1), ask(&mut two, 2));
    assert!(got_first.is_err(), "nothing shows that it is whole");
    assert!(got_second.unwrap() == second);
    assert!(owner.fetch(file(9), 0).await.is_err(), "its connection is in order");
}

/// An owner that lets its first REQUEST go by, and answers the later ones: the second with all of `sends`, the others with the first of them.
/// What the two got that asked for both of its files.
async fn late_owner(provider: &str, files: [&[u8]; 2], sends: &[&[u8]]) -> [Result<Vec<u8>, String>; 2] {
    let mut options = HostOptions::default().gather(false);
    options.timers.answer = std::time::Duration::from_secs(3);
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let commits = [1, 2].map(|n| commit(n, 1, files[usize::from(n) - 1].len()));
    let (mut owner, _) = join(rack.address(), 1, provider, commits.to_vec()).await;
    owner.writer.set_file_style(FileStyle::Messages { most: 1_024 });
    for _ in 0..2 {
        seen(&mut events).await;
    }
    let (mut one, mut two) = (asker(rack.address(), 2).await, asker(rack.address(), 3).await);
    let giving = async {
        for count in [0, sends.len(), 1, 1] {
            let Message::Request(request) = hear(&mut owner).await else { panic!("no REQUEST") };
            let asked = request.file.unwrap();
            let all = if count == 1 { &[files[usize::from(asked == file(2))]][..] } else { &sends[..count] };
            for bytes in all {
                let source = ws_support::Bytes::whole(bytes.to_vec());
                owner.writer.send_file(source, mvrx_transport::Progress::new()).await.unwrap();
            }
        }
        std::future::pending::<()>().await;
    };
    let asking = async {
        let (one, two) = tokio::join!(ask(&mut one, 1), ask(&mut two, 2));
        [one, two]
    };
    tokio::select! {
        got = asking => got,
        () = giving => unreachable!(),
    }
}

// proves: HST-14
#[tokio::test]
async fn a_piece_of_a_file_is_not_taken_for_the_small_one_that_was_late() {
    for provider in ["mvrx", "MVRApplication"] {
        let (small, large) = (content(1, 1_024), content(2, 5_000));
        let [first, second] = late_owner(provider, [&small, &large], &[&large]).await;
        assert!(first.is_err() && second == Ok(large), "{provider}: {:?}", second.map(|got| got.len()));
    }
}

// proves: HST-14
#[tokio::test]
async fn a_late_answer_joined_to_the_next_one_costs_the_next_one_nothing() {
    for provider in ["mvrx", "MVRApplication"] {
        let (small, large) = (content(1, 1_500), content(2, 5_000));
        let [first, second] = late_owner(provider, [&small, &large], &[&small, &large]).await;
        assert!(first.is_err() && second == Ok(large), "{provider}: {:?}", second.map(|got| got.len()));
    }
}

// proves: HDR-10, HST-21
#[tokio::test]
async fn a_product_of_one_message_per_file_is_served_in_the_length_that_came() {
    for gather in [true, false] {
        for wrong in [5_000_000, 1_000] {
            let (rack, mut events) = hosting(HostOptions::default().gather(gather)).spawn().await.unwrap();
            let owner = Client::join(rack.address(), 1, "the-pult", FileStyle::OneMessage).await;
            let bytes = archive(1, 700_000);
            owner.commit(announced(1, 1, wrong), bytes.clone());
            seen(&mut events).await;
            let mut early = asker(rack.address(), 2).await;
            assert!(ask(&mut early, 1).await.unwrap() == bytes, "announced as {wrong}");
            let mut found = (None, false);
            while found != (Some((wrong, bytes.len() as u64)), true) {
                let heard = until(&mut events, |heard| Some(heard.clone())).await;
                found = (found.0.or(differs(&heard)), found.1 || kept(&heard).is_some());
            }
            // From then on it is listed with its real length, and goes to those who count, too.
            let (mut late, ret) = join(rack.address(), 3, "BlenderDMX", vec![]).await;
            assert_eq!(ret.commits[0].file_size, bytes.len() as u64);
            say(&mut late, &Message::Request(Request::new(Some(file(1)), vec![]))).await;
            assert!(take_file(&mut late, Some(bytes.len() as u64)).await.unwrap() == bytes);
            assert!(owner.fetch(file(9), 0).await.is_err(), "its connection is in order");
        }
    }
}

// proves: HDR-10
#[tokio::test]
async fn a_station_of_ours_gets_a_file_of_another_length_whole_and_is_told() {
    for gather in [true, false] {
        for wrong in [5_000_000, 1_000] {
            let (rack, mut events) = hosting(HostOptions::default().gather(gather)).spawn().await.unwrap();
            let owner = Client::join(rack.address(), 1, "the-pult", FileStyle::OneMessage).await;
            let bytes = archive(1, 700_000);
            owner.commit(announced(1, 1, wrong), bytes.clone());
            seen(&mut events).await;
            let url = format!("ws://{}/", rack.address());
            let (desk, mut at_desk) =
                Station::builder("desk").any_file(true).session(url).spawn().await.unwrap();
            until(&mut at_desk, |heard| match heard {
                Heard::Event(seen) => matches!(seen.event, Event::JoinedGroup).then_some(()),
                _ => None,
            })
            .await;
            let fetched = desk.request(file(1), Source::Any).await.unwrap().await.unwrap();
            assert_eq!(
                fetched.commit.file_size,
                bytes.len() as u64,
                "announced as {wrong}, kept by the host: {gather}"
            );
        }
    }
}

// proves: HST-21
#[tokio::test]
async fn half_a_file_in_one_message_is_given_to_nobody_and_its_owner_stays() {
    let (rack, mut events) = hosting(HostOptions::default().gather(false)).spawn().await.unwrap();
    let owner = Client::join(rack.address(), 1, "the-pult", FileStyle::OneMessage).await;
    let bytes = archive(1, 300_000);
    owner.commit(announced(1, 1, bytes.len() as u64), bytes[..200_000].to_vec());
    seen(&mut events).await;
    let mut early = asker(rack.address(), 2).await;
    ask(&mut early, 1).await.unwrap_err();
    let mut late = asker(rack.address(), 3).await;
    ask(&mut late, 1).await.unwrap_err();
    assert!(owner.fetch(file(9), 0).await.is_err(), "its connection is in order");
}

// proves: HST-23
#[tokio::test]
async fn a_broken_request_is_refused_and_its_connection_goes_on() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message as Raw;
    let (rack, _events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let url = format!("ws://{}/", rack.address());
    let stream = tokio::net::TcpStream::connect(rack.address()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    for (broken, answer) in [
        (r#"{"Type": "MVR_REQUEST", "FileUUID": oops"#, "MVR_REQUEST_RET"),
        (r#"{"Type": "MVR_JOIN", "StationName": "nobody"}"#, "MVR_JOIN_RET"),
        (r#"{"Type": "MVR_COMMIT", "FileUUID": "x", "StationUUID": 7}"#, "MVR_COMMIT_RET"),
    ] {
        socket.send(Raw::text(broken)).await.unwrap();
        let Some(Ok(Raw::Text(text))) = socket.next().await else { panic!("no answer to {broken}") };
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((said["Type"].as_str(), said["OK"].as_bool()), (Some(answer), Some(false)), "{text}");
        assert!(said["Message"].as_str().unwrap().contains("cannot be read"), "{text}");
    }
}

// proves: HDR-08
#[tokio::test]
async fn a_ticket_on_a_connection_that_has_joined_is_refused_and_changes_nothing() {
    use mvrx_message::{FilesConnection, Join, Ours, Ticket};
    let (rack, _events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let (mut conn, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let Message::Join(plain) = ws_support::join_as(1, "MVRApplication", vec![]) else { panic!() };
    let files = Some(FilesConnection::Of(Ticket::from_random_bytes([7; 16])));
    let with_ticket = Message::Join(Join { ours: Some(Ours::CURRENT), files, ..plain });
    conn.writer
        .send(&with_ticket, &mvrx_message::Dialect::towards(mvrx_message::Product::Mvrx))
        .await
        .unwrap();
    match hear(&mut conn).await {
        Message::JoinRet(ret) => assert!(!ret.reply.ok && ret.reply.message.contains("second connection")),
        other => panic!("{other:?}"),
    }
    say(&mut conn, &Message::Commit(commit(1, 1, 5))).await;
    assert!(matches!(hear(&mut conn).await, Message::CommitRet(reply) if reply.ok), "it is joined as before");
}
