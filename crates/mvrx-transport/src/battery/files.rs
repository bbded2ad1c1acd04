//! Files.

use super::{Fixture, Sink, Source, expect_file, expect_message, join, leave, send};
use crate::{Connection, DiscardSink, Progress, ReadError, ReceiveError, Scope};

/// Sends a file over a connection and checks that it came.
async fn carry(near: &mut Connection, far: &mut Connection, length: u64) {
    let (sink, seen) = Sink::of(length);
    let sending = near.writer.send_file(Box::new(Source::new(length)), Progress::new());
    let receiving = async {
        expect_file(far, Some(length)).await;
        far.reader.receive_file(Box::new(sink), Some(length), &mut super::unexpected, Progress::new()).await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!(sent.expect("it is sent"), length);
    assert_eq!(received.expect("it is received"), length);
    assert_eq!(seen.bytes(), length);
    assert!(seen.finished());
}

pub async fn carries_files_of_any_length(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let lengths = [
        0,
        1,
        27,
        28,
        4095,
        16_383,
        16_384,
        16_385,
        65_536,
        (1 << 20) - 28,
        1 << 20,
        (1 << 20) + 1,
        7_654_321,
    ];
    for length in lengths {
        carry(&mut near, &mut far, length).await;
    }
}

pub async fn counts_the_progress_on_both_sides(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let (ours, theirs) = (Progress::new(), Progress::new());
    let sending = near.writer.send_file(Box::new(Source::new(3_000_000)), ours.clone());
    let receiving = async {
        expect_file(&mut far, Some(3_000_000)).await;
        far.reader
            .receive_file(Box::new(DiscardSink), Some(3_000_000), &mut super::unexpected, theirs.clone())
            .await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.expect("sent"), received.expect("received")), (3_000_000, 3_000_000));
    assert_eq!((ours.moved(), theirs.moved()), (3_000_000, 3_000_000));
}

// proves: TRA-05
pub async fn carries_messages_while_a_file_goes_the_other_way(fixture: Fixture) {
    let (near, far) = fixture.pair().await;
    let length = 20_000_000;
    let Connection { reader: mut near_reader, writer: mut near_writer, .. } = near;
    let Connection { reader: mut far_reader, writer: mut far_writer, .. } = far;
    let file = tokio::spawn(async move {
        near_writer.send_file(Box::new(Source::new(length)), Progress::new()).await.expect("it is sent");
        near_writer
    });
    let (sink, seen) = Sink::of(length);
    assert!(matches!(far_reader.next().await, Ok(crate::Incoming::File { .. })));
    let receiving = tokio::spawn(async move {
        far_reader
            .receive_file(Box::new(sink), Some(length), &mut super::unexpected, Progress::new())
            .await
            .expect("it is received")
    });
    for seed in 0..50 {
        far_writer.send(&leave(seed), &super::wide()).await.expect("it is written");
        match near_reader.next().await {
            Ok(crate::Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, leave(seed)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(receiving.await.expect("no panic"), length);
    drop(file.await.expect("no panic"));
    assert!(seen.finished());
}

// proves: TRA-05
pub async fn carries_files_both_ways_at_once(fixture: Fixture) {
    let (near, far) = fixture.pair().await;
    let one = tokio::spawn(exchange(near, 5_000_000, 3_000_000));
    let other = tokio::spawn(exchange(far, 3_000_000, 5_000_000));
    drop((one.await.expect("one side is done"), other.await.expect("the other side is done")));
}

async fn exchange(connection: Connection, gives: u64, takes: u64) -> Connection {
    let Connection { peer, local, mut reader, mut writer, passed } = connection;
    let (sink, seen) = Sink::of(takes);
    let receiving = async {
        assert!(matches!(reader.next().await, Ok(crate::Incoming::File { .. })));
        reader.receive_file(Box::new(sink), Some(takes), &mut super::unexpected, Progress::new()).await
    };
    let sending = writer.send_file(Box::new(Source::new(gives)), Progress::new());
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.expect("sent"), received.expect("received")), (gives, takes));
    assert!(seen.finished());
    Connection { peer, local, reader, writer, passed }
}

pub async fn carries_messages_after_a_file(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    for round in 0..10 {
        carry(&mut near, &mut far, 100_000 + u64::from(round)).await;
        send(&mut near, &leave(round)).await;
        expect_message(&mut far, &leave(round)).await;
        send(&mut far, &join(5)).await;
        expect_message(&mut near, &join(5)).await;
    }
}

pub async fn carries_a_file_that_is_still_growing(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let length = 50_000;
    let source = Source { trickle: Some(3_333), ..Source::new(length) };
    let (sink, seen) = Sink::of(length);
    let sending = near.writer.send_file(Box::new(source), Progress::new());
    let receiving = async {
        expect_file(&mut far, Some(length)).await;
        far.reader.receive_file(Box::new(sink), Some(length), &mut super::unexpected, Progress::new()).await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.expect("sent"), received.expect("received")), (length, length));
    assert!(seen.finished());
}

pub async fn carries_a_file_while_others_wait(fixture: Fixture) {
    let mut listener = fixture.listen().await;
    let at = listener.local_addr();
    let mut pairs = Vec::new();
    for _ in 0..8 {
        let (dialed, accepted) = tokio::join!(fixture.dial(at), listener.accept());
        pairs.push((dialed, accepted.expect("it accepts")));
    }
    // Files that nobody takes yet, on all but the last connection.
    let mut last = pairs.pop().expect("eight");
    let mut held = Vec::new();
    for (mut near, far) in pairs {
        let (mut source, length) = (Source::new(30_000_000), 30_000_000);
        let (read, _gone) = source.watch();
        let sending = tokio::spawn(async move {
            near.writer.send_file(Box::new(source), Progress::new()).await.expect("it is sent");
            near
        });
        read.notified().await;
        held.push((sending, far, length));
    }
    carry(&mut last.0, &mut last.1, 200_000).await;
    for (sending, mut far, length) in held {
        expect_file(&mut far, Some(length)).await;
        let received = far
            .reader
            .receive_file(Box::new(DiscardSink), Some(length), &mut super::unexpected, Progress::new())
            .await;
        assert_eq!(received.expect("received"), length);
        drop(sending.await.expect("it sent"));
    }
}

pub async fn sends_no_more_of_a_source_than_it_announced(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let source = Source { ends_at: 1_000_000, length: 70_000, ..Source::new(70_000) };
    let (sink, seen) = Sink::of(70_000);
    let sending = near.writer.send_file(Box::new(source), Progress::new());
    let receiving = async {
        expect_file(&mut far, Some(70_000)).await;
        far.reader.receive_file(Box::new(sink), Some(70_000), &mut super::unexpected, Progress::new()).await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.expect("sent"), received.expect("received")), (70_000, 70_000));
    assert!(seen.finished());
    send(&mut near, &leave(1)).await;
    expect_message(&mut far, &leave(1)).await;
}

pub async fn a_file_must_be_received_before_the_next_message(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let sending = tokio::spawn(async move {
        near.writer.send_file(Box::new(Source::new(10)), Progress::new()).await.expect("it is sent");
        near
    });
    expect_file(&mut far, Some(10)).await;
    let error = far.reader.next().await.expect_err("the file comes first");
    assert!(matches!(error, ReadError::FileNotReceived), "{error:?}");
    assert_eq!(error.scope(), Scope::Message);
    let received = far
        .reader
        .receive_file(Box::new(DiscardSink), Some(10), &mut super::unexpected, Progress::new())
        .await;
    assert_eq!(received.expect("nothing was lost"), 10);
    drop(sending.await.expect("it sent"));
}

pub async fn no_file_can_be_received_where_none_began(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let error = far
        .reader
        .receive_file(Box::new(DiscardSink), None, &mut super::unexpected, Progress::new())
        .await
        .expect_err("none began");
    assert!(matches!(error, ReceiveError::NoFileBegan), "{error:?}");
    assert_eq!(error.scope(), Scope::Message);
    send(&mut near, &leave(1)).await;
    expect_message(&mut far, &leave(1)).await;
}
