//! Messages.

use mvrx_message::{Message, NewSessionHost, Reply, Request};

use super::{Fixture, commit, expect_message, join, leave, send, station, wide};
use crate::Incoming;

pub async fn carries_every_kind_of_message(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let reply = || Reply { ok: false, message: "not today".to_owned(), from: None };
    let Message::Join(join) = join(3) else { unreachable!("it is one") };
    let all = [
        Message::Join(join),
        leave(1),
        Message::LeaveRet(Reply::ok()),
        Message::Commit(commit(7)),
        Message::CommitRet(reply()),
        Message::Request(Request::new(Some(commit(7).file), vec![station(3)])),
        Message::RequestRet(reply()),
        Message::NewSessionHost(NewSessionHost {
            service_name: String::new(),
            service_url: "wss://example.org/mvrx".to_owned(),
            station: None,
        }),
        Message::NewSessionHostRet(Reply::ok().into()),
    ];
    for message in &all {
        send(&mut near, message).await;
        expect_message(&mut far, message).await;
        send(&mut far, message).await;
        expect_message(&mut near, message).await;
    }
}

pub async fn carries_messages_of_any_length_up_to_the_limit(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    for commits in [0, 1, 20, 250, 1000, 2400] {
        let message = join(commits);
        let dialect = wide();
        let (written, read) = tokio::join!(near.writer.send(&message, &dialect), far.reader.next());
        match read {
            Ok(Incoming::Message { parsed, bytes }) => {
                assert_eq!(parsed.message, message);
                assert_eq!(bytes, written.expect("it is written"));
            }
            other => panic!("{commits} commits: {other:?}"),
        }
    }
}

pub async fn keeps_the_order_of_many_messages(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let writing = tokio::spawn(async move {
        for round in 0..1000_u32 {
            let seed = u8::try_from(round % 256).expect("below 256");
            send(&mut near, &if round % 100 == 0 { join(100) } else { leave(seed) }).await;
        }
        near
    });
    for round in 0..1000_u32 {
        let seed = u8::try_from(round % 256).expect("below 256");
        expect_message(&mut far, &if round % 100 == 0 { join(100) } else { leave(seed) }).await;
    }
    drop(writing.await.expect("it wrote"));
    assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)));
}

pub async fn carries_messages_both_ways_at_once(fixture: Fixture) {
    let (near, far) = fixture.pair().await;
    // Longer than what either direction holds by itself: each side must read while it writes.
    let message = join(1000);
    let one = tokio::spawn(talk(near, message.clone(), 5));
    let other = tokio::spawn(talk(far, message, 5));
    one.await.expect("one side read everything");
    other.await.expect("the other side read everything");
}

async fn talk(connection: crate::Connection, message: Message, times: usize) {
    let crate::Connection { mut reader, mut writer, .. } = connection;
    let sent = message.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..times {
            writer.send(&sent, &wide()).await.expect("it is written");
        }
        writer
    });
    for _ in 0..times {
        match reader.next().await {
            Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, message),
            other => panic!("{other:?}"),
        }
    }
    drop(writing.await.expect("it wrote"));
}

pub async fn loses_nothing_when_a_read_is_dropped(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let message = join(1000);
    let sent = message.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..5 {
            send(&mut near, &sent).await;
        }
        near
    });
    let (mut whole, mut dropped) = (0, 0_u32);
    while whole < 5 {
        tokio::select! {
            biased;
            read = far.reader.next() => match read {
                Ok(Incoming::Message { parsed, .. }) => {
                    assert_eq!(parsed.message, message);
                    whole += 1;
                }
                other => panic!("{other:?}"),
            },
            () = std::future::ready(()) => dropped += 1,
        }
        tokio::task::yield_now().await;
    }
    assert!(dropped > 0, "no read was dropped, so nothing was tried");
    drop(writing.await.expect("it wrote"));
}

pub async fn refuses_to_write_a_message_above_the_limit(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let error = near.writer.send(&join(4000), &wide()).await.expect_err("it is too long");
    assert!(matches!(error, crate::WriteError::MessageLongerThanLimit { .. }), "{error:?}");
    assert_eq!(error.scope(), crate::Scope::Message);
    send(&mut near, &leave(4)).await;
    expect_message(&mut far, &leave(4)).await;
}

pub async fn names_both_ends(fixture: Fixture) {
    let mut listener = fixture.listen().await;
    let (dialed, accepted) = tokio::join!(fixture.dial(listener.local_addr()), listener.accept());
    let accepted = accepted.expect("it accepts");
    assert_eq!(dialed.peer, listener.local_addr());
    assert_eq!(dialed.peer, accepted.local);
    assert_eq!(dialed.local, accepted.peer);
}
