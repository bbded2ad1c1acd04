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
use tokio::sync::watch;
use ws_support::{Client, LIMIT, commit, content, dial, file, hear, hosting, join_as, kept, say, until};

const LENGTH: usize = 50_000_000;

/// Takes 10 MB/s at most, whatever it missed before, and tells how far it is.
#[derive(Debug)]
struct Held {
    bytes: Arc<watch::Sender<u64>>,
}

impl FileSink for Held {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        std::thread::sleep(Duration::from_nanos(bytes.len() as u64 * 100));
        self.bytes.send_modify(|all| *all += bytes.len() as u64);
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

/// Which commits came, when, and how far the file was then.
#[derive(Debug, Clone)]
struct Arrivals {
    came: Arc<Mutex<Vec<(FileUuid, Instant, u64)>>>,
    bytes: Arc<watch::Sender<u64>>,
}

impl Arrivals {
    fn beside(bytes: &Arc<watch::Sender<u64>>) -> Self {
        Self { came: Arc::default(), bytes: Arc::clone(bytes) }
    }

    fn note(&self, file: FileUuid) {
        self.came.lock().unwrap().push((file, Instant::now(), *self.bytes.borrow()));
    }

    fn hear(&self, incoming: Incoming) {
        if let Incoming::Message { parsed, .. } = incoming
            && let Message::Commit(commit) = parsed.message
        {
            self.note(commit.file);
        }
    }

    /// All that was sent came before the file was through, 30 MB at 10 MB/s later; the times are for people.
    fn all_came_before_the_end(&self, sent: &[(FileUuid, Instant)], what: &str) {
        let came = self.came.lock().unwrap();
        for (file, at) in sent {
            let (_, when, bytes) =
                came.iter().find(|(other, ..)| other == file).expect("a commit did not come");
            println!("{what}: after {:?}, at byte {bytes}", when.saturating_duration_since(*at));
            assert!(*bytes < LENGTH as u64, "{what}: it waited behind the file");
        }
    }
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
async fn watch_author(author: &Client, count: usize, arrivals: &Arrivals) {
    let mut known = 0;
    while known < count {
        let files: Vec<FileUuid> = author.told.lock().unwrap().commits.iter().map(|c| c.file).collect();
        for file in files.iter().skip(known) {
            arrivals.note(*file);
        }
        known = files.len();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A station fetches a file at 10 MB/s; meanwhile another one commits, and so does it.
async fn commits_beside_a_file(second_connection: bool) {
    let (rack, mut events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let author = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    author.commit(commit(1, 1, LENGTH), content(1, LENGTH));
    assert_eq!(until(&mut events, kept).await, file(1));
    let (main, mut files) = fetcher(rack.address(), second_connection).await;

    let bytes = Arc::new(watch::Sender::new(0));
    let (arrivals, seen) = (Arrivals::beside(&bytes), Arrivals::beside(&bytes));
    let (heard, sink) = (arrivals.clone(), Box::new(Held { bytes: Arc::clone(&bytes) }));
    let mut between = move |incoming| {
        heard.hear(incoming);
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
                incoming = reader.next() => arrivals.hear(incoming.unwrap()),
            }
        }
    };
    let committing = async {
        for n in 0..6 {
            let mut progress = bytes.subscribe();
            progress.wait_for(|bytes| *bytes > u64::from(n) * 3_000_000).await.unwrap();
            sent.push((numbered(n), Instant::now()));
            author.commit(Commit { file: numbered(n), ..commit(7, 1, 5) }, vec![0; 5]);
            own.push((numbered(1_000 + n), Instant::now()));
            let ours = Message::Commit(Commit { file: numbered(1_000 + n), ..commit(8, 2, 5) });
            writer.send(&ours, &Dialect::strict()).await.unwrap();
        }
    };
    let all = async { tokio::join!(moving, committing, watch_author(&author, 6, &seen)) };
    let (length, (), ()) = tokio::time::timeout(LIMIT, all).await.expect("it took too long");
    assert_eq!(length, LENGTH as u64);
    let what = if second_connection { "with a second connection" } else { "on one connection" };
    arrivals.all_came_before_the_end(&sent, &format!("{what}, to who fetches"));
    seen.all_came_before_the_end(&own, &format!("{what}, from who fetches"));
}

// proves: HDR-06
#[tokio::test]
async fn on_one_connection_commits_pass_between_the_pieces_of_a_file() {
    commits_beside_a_file(false).await;
}

// proves: HDR-08
#[tokio::test]
async fn with_a_second_connection_commits_do_not_meet_the_file_at_all() {
    commits_beside_a_file(true).await;
}
