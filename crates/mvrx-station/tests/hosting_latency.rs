//! Aim: a COMMIT does not wait behind a file that is held to 10 MB/s, in either direction.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod ws_support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mvrx_message::{Commit, Dialect, FileUuid, FilesConnection, Join, JoinRet, Message, Ours, Request};
use mvrx_station::HostOptions;
use mvrx_transport::{BoxError, BoxFuture, Connection, FileSink, FileStyle, Incoming, Progress};
use ws_support::{Client, LIMIT, commit, content, dial, file, hear, hosting, join_as, kept, say, until};

const LENGTH: usize = 50_000_000;

/// Takes 10 MB/s.
#[derive(Debug)]
struct Held {
    began: Instant,
    bytes: u64,
}

impl FileSink for Held {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.bytes += bytes.len() as u64;
        let due = self.began + Duration::from_nanos(self.bytes * 100);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

async fn join_ours(conn: &mut Connection, n: u8, files: Option<FilesConnection>) -> JoinRet {
    let Message::Join(join) = join_as(n, "Desk", vec![]) else { unreachable!() };
    say(conn, &Message::Join(Join { ours: Some(Ours::CURRENT), files, ..join })).await;
    match hear(conn).await {
        Message::JoinRet(ret) => ret,
        other => panic!("{other:?}"),
    }
}

fn numbered(n: u32) -> FileUuid {
    FileUuid::from_random_bytes((u128::from(n) << 64).to_le_bytes())
}

type Arrivals = Arc<Mutex<Vec<(FileUuid, Instant)>>>;

fn note(arrivals: &Arrivals, incoming: Incoming) {
    if let Incoming::Message { parsed, .. } = incoming
        && let Message::Commit(commit) = parsed.message
    {
        arrivals.lock().unwrap().push((commit.file, Instant::now()));
    }
}

/// The median of how long commits took.
fn median(sent: &[(FileUuid, Instant)], arrivals: &Arrivals, what: &str) -> Duration {
    let arrivals = arrivals.lock().unwrap();
    let mut took: Vec<Duration> = sent
        .iter()
        .map(|(file, at)| {
            let (_, came) = arrivals.iter().find(|(other, _)| other == file).expect("a commit did not come");
            came.saturating_duration_since(*at)
        })
        .collect();
    took.sort_unstable();
    println!(
        "{what}: {} commits, median {:?}, longest {:?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1]
    );
    took[took.len() / 2]
}

/// A station of ours with its file on the way: its connections, and whether the file comes on the second one.
async fn fetcher(address: std::net::SocketAddr, second_connection: bool) -> (Connection, Option<Connection>) {
    let mut main = dial(address).await;
    let ret = join_ours(&mut main, 2, second_connection.then_some(FilesConnection::Offered)).await;
    let mut files = None;
    if let Some(ticket) = ret.ticket {
        let mut second = dial(address).await;
        assert!(join_ours(&mut second, 2, Some(FilesConnection::Of(ticket))).await.reply.ok);
        files = Some(second);
    }
    let fetching = files.as_mut().unwrap_or(&mut main);
    say(fetching, &Message::Request(Request::new(Some(file(1)), vec![]))).await;
    assert!(matches!(fetching.reader.next().await, Ok(Incoming::File { .. })));
    (main, files)
}

/// When the author heard of each commit of the others.
async fn watch(author: &Client, count: usize) -> Arrivals {
    let arrivals = Arrivals::default();
    let mut known = 0;
    while known < count {
        let files: Vec<FileUuid> = author.told.lock().unwrap().commits.iter().map(|c| c.file).collect();
        for file in files.iter().skip(known) {
            arrivals.lock().unwrap().push((*file, Instant::now()));
        }
        known = files.len();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    arrivals
}

/// A station fetches a file at 10 MB/s; meanwhile another one commits, and so does it. How long the commits took to and from it.
async fn commits_beside_a_file(second_connection: bool) -> (Duration, Duration) {
    let (rack, mut events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let author = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    author.commit(commit(1, 1, LENGTH), content(1, LENGTH));
    assert_eq!(until(&mut events, kept).await, file(1));
    let (main, mut files) = fetcher(rack.address(), second_connection).await;

    let arrivals = Arrivals::default();
    let (heard, sink) = (Arc::clone(&arrivals), Box::new(Held { began: Instant::now(), bytes: 0 }));
    let mut between = move |incoming| {
        note(&heard, incoming);
        Box::pin(async {}) as BoxFuture<'static, ()>
    };
    let (mut sent, mut own) = (Vec::new(), Vec::new());
    let Connection { mut reader, mut writer, .. } = main;
    let moving = async {
        let expected = Some(LENGTH as u64);
        let Some(files) = &mut files else {
            return reader.receive_file(sink, expected, &mut between, Progress::new()).await.unwrap();
        };
        let mut receiving = files.reader.receive_file(sink, expected, &mut between, Progress::new());
        loop {
            tokio::select! {
                done = &mut receiving => return done.unwrap(),
                incoming = reader.next() => note(&arrivals, incoming.unwrap()),
            }
        }
    };
    let committing = async {
        for n in 0..6 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sent.push((numbered(n), Instant::now()));
            author.commit(Commit { file: numbered(n), ..commit(7, 1, 5) }, vec![0; 5]);
            own.push((numbered(1_000 + n), Instant::now()));
            let ours = Message::Commit(Commit { file: numbered(1_000 + n), ..commit(8, 2, 5) });
            writer.send(&ours, &Dialect::strict()).await.unwrap();
        }
    };
    let all = async { tokio::join!(moving, committing, watch(&author, 6)) };
    let (length, (), seen) = tokio::time::timeout(LIMIT, all).await.expect("it took too long");
    assert_eq!(length, LENGTH as u64);
    let what = if second_connection { "with a second connection" } else { "on one connection" };
    let to = median(&sent, &arrivals, &format!("{what}, to who fetches"));
    (to, median(&own, &seen, &format!("{what}, from who fetches")))
}

// proves: HDR-06
#[tokio::test]
async fn on_one_connection_commits_pass_between_the_pieces_of_a_file() {
    let (to, from) = commits_beside_a_file(false).await;
    assert!(to < Duration::from_secs(1) && from < Duration::from_secs(1), "{to:?} {from:?}");
}

// proves: HDR-08
#[tokio::test]
async fn with_a_second_connection_commits_do_not_meet_the_file_at_all() {
    let (to, from) = commits_beside_a_file(true).await;
    assert!(to < Duration::from_secs(1) && from < Duration::from_secs(1), "{to:?} {from:?}");
}
