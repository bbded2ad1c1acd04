use super::*;
use tokio::io::AsyncReadExt;

fn limits(bytes: usize) -> OutboxLimits {
    OutboxLimits { bytes }
}

fn message(length: usize) -> Bytes {
    Bytes::from(vec![7; length])
}

#[tokio::test]
async fn writes_everything_in_order_before_it_ends() {
    let (outbox, writer) = channel(limits(1 << 20));
    let mut expected = Vec::new();
    for n in 0..300_u16 {
        let text = format!("{n},");
        expected.extend_from_slice(text.as_bytes());
        outbox.push(text.into()).unwrap();
    }
    outbox.push(Bytes::new()).unwrap();
    drop(outbox);
    // A small pipe makes every write a partial one.
    let (mut near, mut far) = tokio::io::duplex(5);
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        got
    });
    writer.write_to(&mut near).await.unwrap();
    drop(near);
    assert_eq!(reading.await.unwrap(), expected);
}

#[tokio::test]
async fn accepts_exactly_the_budget_and_names_the_slow_peer_above_it() {
    let (outbox, _writer) = channel(limits(2 * (100 + MESSAGE_COST)));
    outbox.push(message(100)).unwrap();
    outbox.push(message(100)).unwrap();
    assert_eq!(outbox.queued(), 328);
    match outbox.push(Bytes::new()) {
        Err(OutboxError::SlowPeer { queued: 328, length: 64, allowed: 328 }) => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(outbox.push(Bytes::new()), Err(OutboxError::Closed)));
}

#[tokio::test]
async fn an_overflow_ends_a_write_that_the_peer_does_not_take() {
    let (outbox, writer) = channel(limits(4096));
    let (mut near, _far_never_reads) = tokio::io::duplex(16);
    let writing = tokio::spawn(async move { writer.write_to(&mut near).await });
    outbox.push(message(1000)).unwrap();
    while !outbox.shared.lock().messages.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(outbox.queued(), 1064, "a message in the middle of being written is still charged");
    while outbox.push(message(1000)).is_ok() {}
    assert!(matches!(writing.await.unwrap(), Err(OutboxError::SlowPeer { .. })));
}

#[tokio::test]
async fn what_is_written_is_no_longer_charged() {
    let (outbox, writer) = channel(limits(2000));
    let (mut near, mut far) = tokio::io::duplex(1 << 20);
    let writing = tokio::spawn(async move { writer.write_to(&mut near).await });
    for _ in 0..10 {
        outbox.push(message(1500)).unwrap();
        far.read_exact(&mut [0; 1500]).await.unwrap();
        while outbox.queued() > 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(outbox);
    writing.await.unwrap().unwrap();
}

#[test]
fn a_message_above_the_whole_budget_is_not_the_peers_fault() {
    let (outbox, _writer) = channel(limits(100));
    assert!(matches!(
        outbox.push(message(37)),
        Err(OutboxError::MessageAboveBudget { length: 101, allowed: 100 })
    ));
    outbox.push(message(36)).unwrap();
}

#[test]
fn a_dropped_writer_frees_the_queue() {
    let (outbox, writer) = channel(limits(1000));
    let shared = message(500);
    outbox.push(shared.clone()).unwrap();
    drop(writer);
    assert!(shared.is_unique());
    assert!(matches!(outbox.push(shared), Err(OutboxError::Closed)));
}

#[tokio::test]
async fn clones_feed_one_queue_and_the_last_one_ends_it() {
    let (outbox, writer) = channel(limits(1000));
    let other = outbox.clone();
    other.push("one".into()).unwrap();
    drop(outbox);
    other.push("two".into()).unwrap();
    drop(other);
    let mut written = Vec::new();
    writer.write_to(&mut written).await.unwrap();
    assert_eq!(written, b"onetwo");
}
