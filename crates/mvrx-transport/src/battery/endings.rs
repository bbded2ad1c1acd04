//! Ends, wanted and unwanted.

use super::{Fixture, Sink, Source, expect_file, expect_message, leave, send};
use crate::{
    Blame, Connection, DialError, Incoming, Progress, ReceiveError, Scope, SendFileError, WriteError,
};

/// Longer than whatever lies between two stations.
const LONG: u64 = 1 << 30;

pub async fn a_closed_side_is_the_end_for_the_other_and_not_for_itself(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    send(&mut near, &leave(1)).await;
    near.writer.close().await.expect("it closes");
    let again = near.writer.send(&leave(2), &super::wide()).await.expect_err("closed");
    assert!(matches!(again, WriteError::AlreadyClosed), "{again:?}");
    expect_message(&mut far, &leave(1)).await;
    for _ in 0..2 {
        assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)));
    }
    send(&mut far, &leave(3)).await;
    expect_message(&mut near, &leave(3)).await;
    far.writer.close().await.expect("it closes");
    assert!(matches!(near.reader.next().await, Ok(Incoming::Closed)));
}

pub async fn a_dropped_connection_is_closed(fixture: Fixture) {
    let (near, mut far) = fixture.pair().await;
    drop(near);
    assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)));
}

pub async fn nobody_listening_refuses(fixture: Fixture) {
    let listener = fixture.listen().await;
    let at = listener.local_addr();
    drop(listener);
    match fixture.dialer.dial(at.into()).await {
        Err(error @ DialError::Refused { address }) => {
            assert_eq!(address, at);
            assert_eq!(error.scope(), Scope::Connection);
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_dropped_listener_refuses_and_its_connections_live_on(fixture: Fixture) {
    let mut listener = fixture.listen().await;
    let at = listener.local_addr();
    let (dialed, accepted) = tokio::join!(fixture.dial(at), listener.accept());
    drop(listener);
    assert!(fixture.dialer.dial(at.into()).await.is_err());
    let (mut near, mut far) = (dialed, accepted.expect("it accepts"));
    send(&mut near, &leave(1)).await;
    expect_message(&mut far, &leave(1)).await;
}

pub async fn a_source_that_fails_at_once_leaves_the_connection_usable(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let broken = [
        Source { fails_at: Some(0), ..Source::new(1000) },
        Source { fails_at: Some(900), ..Source::new(1000) },
        Source { ends_at: 900, ..Source::new(1000) },
    ];
    for source in broken {
        let error = near.writer.send_file(Box::new(source), Progress::new()).await.expect_err("it is broken");
        assert_eq!(error.scope(), Scope::Message, "{error:?}");
        assert_eq!(error.blame(), Blame::Local, "{error:?}");
        send(&mut near, &leave(1)).await;
        expect_message(&mut far, &leave(1)).await;
    }
}

pub async fn a_source_that_fails_later_is_never_taken_for_whole(fixture: Fixture) {
    let source = Source { fails_at: Some(2_000_000), ..Source::new(3_000_000) };
    let error = broken_source(fixture, source).await;
    match error {
        SendFileError::SourceFailed { sent, error } => {
            assert_eq!(sent, 2_000_000);
            assert_eq!(error.to_string(), "the disk of the source is broken");
        }
        other => panic!("{other:?}"),
    }
}

// proves: TRA-10
pub async fn a_source_shorter_than_announced_is_never_padded(fixture: Fixture) {
    let source = Source { ends_at: 2_999_999, ..Source::new(3_000_000) };
    let error = broken_source(fixture, source).await;
    let named = matches!(
        error,
        SendFileError::SourceEndedEarly { found: 2_999_999, announced: 3_000_000, sent: 2_999_999 }
    );
    assert!(named, "{error:?}");
}

pub async fn a_source_that_panics_ends_its_transfer_alone(fixture: Fixture) {
    let source = Source { panics_at: Some(2_000_000), ..Source::new(3_000_000) };
    let error = broken_source(fixture, source).await;
    assert!(matches!(error, SendFileError::WorkerEnded { .. }), "{error:?}");
}

async fn broken_source(fixture: Fixture, source: Source) -> SendFileError {
    let (mut near, mut far) = fixture.pair().await;
    let announced = source.length;
    let (sink, seen) = Sink::of(announced);
    let sending = async {
        let outcome = near.writer.send_file(Box::new(source), Progress::new()).await;
        let again = near.writer.send(&leave(1), &super::wide()).await;
        assert!(matches!(again, Err(WriteError::ConnectionBroken)), "{again:?}");
        outcome
    };
    let receiving = async {
        expect_file(&mut far, Some(announced)).await;
        far.reader
            .receive_file(Box::new(sink), Some(announced), &mut super::unexpected, Progress::new())
            .await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    let received = received.expect_err("it never was whole");
    assert_eq!(received.scope(), Scope::Connection, "{received:?}");
    assert_eq!(received.blame(), Blame::Network, "{received:?}");
    assert!(!seen.finished());
    assert!(seen.bytes() < announced);
    let error = sent.expect_err("the source is broken");
    assert_eq!((error.scope(), error.blame()), (Scope::Connection, Blame::Local), "{error:?}");
    error
}

// proves: TRA-13
pub async fn a_sink_that_fails_ends_its_transfer_alone(fixture: Fixture) {
    let mut listener = fixture.listen().await;
    let at = listener.local_addr();
    let (other_near, other_far) = tokio::join!(fixture.dial(at), listener.accept());
    let (dialed, accepted) = tokio::join!(fixture.dial(at), listener.accept());
    let (mut sink, seen) = Sink::of(LONG);
    sink.fails_at = Some(5_000_000);
    let error = end_of_a_long_file(dialed, accepted.expect("it accepts"), sink).await;
    match error {
        ReceiveError::SinkFailed { received, error } => {
            assert_eq!(error.to_string(), "the disk is full");
            assert_eq!(received, seen.bytes());
        }
        other => panic!("{other:?}"),
    }
    let (mut near, mut far) = (other_near, other_far.expect("it accepts"));
    send(&mut near, &leave(1)).await;
    expect_message(&mut far, &leave(1)).await;
}

pub async fn a_sink_that_cannot_finish_fails_the_transfer(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let (mut sink, seen) = Sink::of(100_000);
    sink.cannot_finish = true;
    let sending = near.writer.send_file(Box::new(Source::new(100_000)), Progress::new());
    let receiving = async {
        expect_file(&mut far, Some(100_000)).await;
        far.reader.receive_file(Box::new(sink), Some(100_000), &mut super::unexpected, Progress::new()).await
    };
    let (_, received) = tokio::join!(sending, receiving);
    match received {
        Err(ReceiveError::SinkFailed { received: 100_000, error }) => {
            assert_eq!(error.to_string(), "the disk did not sync");
        }
        other => panic!("{other:?}"),
    }
    assert!(!seen.finished());
}

/// A file that the receiver cannot keep: what the receiver says, after the sender ended too.
async fn end_of_a_long_file(mut near: Connection, mut far: Connection, sink: Sink) -> ReceiveError {
    let sending = near.writer.send_file(Box::new(Source::new(LONG)), Progress::new());
    let receiving = async {
        expect_file(&mut far, Some(LONG)).await;
        let outcome = far
            .reader
            .receive_file(Box::new(sink), Some(LONG), &mut super::unexpected, Progress::new())
            .await;
        let error = outcome.expect_err("it cannot be kept");
        assert_eq!((error.scope(), error.blame()), (Scope::Connection, Blame::Local), "{error:?}");
        assert!(far.reader.next().await.is_err(), "nobody reads the rest");
        let write = far.writer.send(&leave(1), &super::wide()).await;
        assert!(matches!(write, Err(WriteError::ConnectionBroken)), "{write:?}");
        error
    };
    let (sent, error) = tokio::join!(sending, receiving);
    let sent = sent.expect_err("the connection closed");
    assert_eq!((sent.scope(), sent.blame()), (Scope::Connection, Blame::Network), "{sent:?}");
    error
}

// proves: TRA-13
pub async fn a_dropped_receive_ends_both_sides(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let (sink, mut seen) = Sink::of(LONG);
    let sending = near.writer.send_file(Box::new(Source::new(LONG)), Progress::new());
    let receiving = async {
        expect_file(&mut far, Some(LONG)).await;
        let mut between = super::unexpected;
        tokio::select! {
            biased;
            outcome = far.reader.receive_file(Box::new(sink), Some(LONG), &mut between, Progress::new()) => {
                panic!("it is too long to end: {outcome:?}");
            }
            () = seen.written.notified() => {}
        }
        (&mut seen.gone).await.expect_err("the sink is dropped");
        assert!(far.reader.next().await.is_err());
    };
    let (sent, ()) = tokio::join!(sending, receiving);
    assert_eq!(sent.expect_err("nobody takes it").blame(), Blame::Network);
    assert!(!seen.finished());
}

// proves: TRA-13
pub async fn a_dropped_send_ends_both_sides(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let mut source = Source::new(LONG);
    let (_, gone) = source.watch();
    let (sink, seen) = Sink::of(LONG);
    let written = std::sync::Arc::clone(&seen.written);
    let sending = async {
        tokio::select! {
            biased;
            outcome = near.writer.send_file(Box::new(source), Progress::new()) => {
                panic!("it is too long to end: {outcome:?}");
            }
            () = written.notified() => {}
        }
        gone.await.expect_err("the source is dropped");
        let write = near.writer.send(&leave(1), &super::wide()).await;
        assert!(matches!(write, Err(WriteError::ConnectionBroken)), "{write:?}");
    };
    let receiving = async {
        expect_file(&mut far, Some(LONG)).await;
        far.reader.receive_file(Box::new(sink), Some(LONG), &mut super::unexpected, Progress::new()).await
    };
    let ((), received) = tokio::join!(sending, receiving);
    assert_eq!(received.expect_err("it stopped").blame(), Blame::Network);
    assert!(!seen.finished());
}

pub async fn a_peer_that_vanishes_in_a_file_is_an_error(fixture: Fixture) {
    let (mut near, mut far) = fixture.pair().await;
    let (sink, seen) = Sink::of(LONG);
    let written = std::sync::Arc::clone(&seen.written);
    let vanishing = tokio::spawn(async move {
        let sending = near.writer.send_file(Box::new(Source::new(LONG)), Progress::new());
        tokio::select! {
            biased;
            outcome = sending => panic!("it is too long to end: {outcome:?}"),
            () = written.notified() => {}
        }
        drop(near);
    });
    expect_file(&mut far, Some(LONG)).await;
    let received =
        far.reader.receive_file(Box::new(sink), Some(LONG), &mut super::unexpected, Progress::new()).await;
    let error = received.expect_err("it stopped");
    assert_eq!((error.scope(), error.blame()), (Scope::Connection, Blame::Network), "{error:?}");
    assert!(!seen.finished());
    vanishing.await.expect("it vanished");
}
