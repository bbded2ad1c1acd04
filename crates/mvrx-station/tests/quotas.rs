//! Aim: who is faster than a station may be, or brings more than one may, is slowed or makes room with its own; nobody else is touched.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mvrx_message::{Dialect, Message, StationUuid};
use mvrx_station::{Audit, Heard, HostEvent, HostOptions, Rate};
use mvrx_transport::FileStyle;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use ws_support::{Client, LIMIT, archive, commit, file, hosting, join_as, kept, station, until};

const RATE: Rate = Rate { burst: 64 << 10, per_second: 512 << 10 };
const LARGE: usize = 512 << 10;
/// How long a large file has to take: all but the burst waits, but for what is behind the last piece.
const SLOW: Duration = Duration::from_millis(720);

fn slowed(heard: &Heard) -> Option<(StationUuid, String)> {
    match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::StationSlowed { station, what, .. } => Some((*station, what.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// The file's lines once one has these words: it is written by a thread of its own.
async fn noted(path: &Path, words: &[&str]) -> String {
    let there = async {
        loop {
            let text = std::fs::read_to_string(path).unwrap();
            if words.iter().all(|words| text.contains(words)) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, there).await.expect("it is not noted")
}

// proves: QUO-02
#[tokio::test]
async fn who_sends_or_fetches_faster_than_a_station_may_waits_and_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let mut options = HostOptions::default().audit(Some(Audit::open(&path, Audit::MOST).unwrap()));
    options.bytes_each = Some(RATE);
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let [greedy, other, third] =
        [1, 2, 3].map(|n| Client::join(rack.address(), n, "MVR App", FileStyle::OneMessage));
    let (greedy, other, third) = tokio::join!(greedy, other, third);
    let (large, small) = (archive(1, LARGE), archive(2, 40_000));
    let from = Instant::now();
    greedy.commit(commit(1, 1, large.len()), large.clone());
    other.knows(1).await;
    other.commit(commit(2, 2, small.len()), small.clone());
    let (who, what) = until(&mut events, slowed).await;
    assert_eq!((who, what.contains("more than 524288 bytes a second")), (station(1), true), "{what}");
    assert_eq!(until(&mut events, kept).await, file(2), "what came later is not held up");
    assert_eq!(until(&mut events, kept).await, file(1));
    assert!(from.elapsed() >= SLOW, "sent within {:?}", from.elapsed());

    let from = Instant::now();
    let fetching =
        tokio::spawn(async move { (third.fetch(file(1), LARGE as u64 + 200).await, Instant::now()) });
    assert_eq!(other.fetch(file(2), small.len() as u64).await.unwrap(), small);
    let small_at = Instant::now();
    let (got, large_at) = fetching.await.unwrap();
    assert_eq!(got.unwrap(), large);
    assert!(small_at < large_at && large_at - from >= SLOW, "fetched within {:?}", large_at - from);
    let (who, what) = until(&mut events, slowed).await;
    assert_eq!((who, what.contains("more than 524288 bytes a second")), (station(3), true), "{what}");
    let text = noted(&path, &[&station(3).to_string()]).await;
    for n in [1, 3] {
        let line =
            text.lines().find(|line| line.contains("\"slowed\"") && line.contains(&station(n).to_string()));
        assert!(line.is_some_and(|line| line.contains("it waits")), "{text}");
    }
    assert!(
        !text.lines().any(|line| line.contains("slowed") && line.contains(&station(2).to_string())),
        "{text}"
    );
    rack.stop().await;
}

// proves: QUO-02
#[tokio::test]
async fn all_stations_together_are_no_faster_than_they_may() {
    let mut options = HostOptions::default();
    options.bytes_in_all = Some(RATE);
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let [one, other] = [1, 2].map(|n| Client::join(rack.address(), n, "MVR App", FileStyle::OneMessage));
    let (one, other) = tokio::join!(one, other);
    let from = Instant::now();
    one.commit(commit(1, 1, LARGE / 2), archive(1, LARGE / 2));
    other.commit(commit(2, 2, LARGE / 2), archive(2, LARGE / 2));
    until(&mut events, kept).await;
    until(&mut events, kept).await;
    assert!(from.elapsed() >= SLOW, "sent within {:?}", from.elapsed());
    rack.stop().await;
}

// proves: QUO-01
#[tokio::test]
async fn messages_between_the_pieces_of_a_file_are_no_faster_than_others() {
    let mut options = HostOptions::default();
    options.messages_each = Rate { burst: 5, per_second: 20 };
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let stream = TcpStream::connect(rack.address()).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{}/", rack.address()), stream).await.unwrap();
    let text = |message: &Message| {
        tungstenite::Message::text(String::from_utf8(message.to_json(&Dialect::strict())).unwrap())
    };
    let show = archive(1, 24_000);
    socket.send(text(&join_as(1, "MVR App", vec![]))).await.unwrap();
    socket.send(text(&Message::Commit(commit(1, 1, show.len())))).await.unwrap();
    loop {
        let heard = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
        if heard.to_text().is_ok_and(|text| text.contains("MVR_REQUEST")) {
            break;
        }
    }
    let from = Instant::now();
    for piece in show.chunks(1_000) {
        socket.send(tungstenite::Message::binary(piece.to_vec())).await.unwrap();
        socket.send(text(&Message::Commit(commit(1, 1, show.len())))).await.unwrap();
    }
    let (who, what) = until(&mut events, slowed).await;
    assert!(who == station(1) && what.contains("more than 20 messages a second"), "{what}");
    assert_eq!(until(&mut events, kept).await, file(1));
    // 24 of them came before its end, of which five at most cost nothing.
    assert!(from.elapsed() >= Duration::from_millis(850), "within {:?}", from.elapsed());
    rack.stop().await;
}

// proves: QUO-03, QUO-04
#[tokio::test]
async fn what_one_station_has_too_much_of_makes_room_for_its_own_and_is_noted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let mut options = HostOptions::default().audit(Some(Audit::open(&path, Audit::MOST).unwrap()));
    options.limits.kept_bytes_each = 30_000;
    options.limits.commits_each = 3;
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let [greedy, other] = [1, 2].map(|n| Client::join(rack.address(), n, "MVR App", FileStyle::OneMessage));
    let (greedy, other) = tokio::join!(greedy, other);
    let show = |n| archive(n, 12_000);
    let length = show(1).len();
    other.commit(commit(20, 2, length), show(20));
    until(&mut events, kept).await;
    for n in 1..=4 {
        greedy.commit(commit(n, 1, length), show(n));
        assert_eq!(until(&mut events, kept).await, file(n));
    }
    let listed: Vec<_> =
        rack.commits().await.unwrap().into_iter().map(|info| (info.commit.file, info.held)).collect();
    let wanted = [(20, true), (2, false), (3, true), (4, true)].map(|(n, held)| (file(n), held));
    assert_eq!(listed, wanted);
    // Who lists what is not kept any more still gives it.
    assert_eq!(other.fetch(file(2), length as u64).await.unwrap(), show(2));
    let text = noted(
        &path,
        &["\"file\",\"result\":\"dropped\"", "as many commits of one station", "one station's files"],
    )
    .await;
    assert!(
        !text.lines().any(|line| line.contains("dropped") && line.contains(&station(2).to_string())),
        "{text}"
    );
    rack.stop().await;
}
