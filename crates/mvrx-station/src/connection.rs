//! One connection as two tasks: a reader that reports what comes, a writer that sends what is ordered, in order.
//!
//! They decide nothing. A file that begins waits in the reader until the driver says where its bytes go; a file that is sent occupies
//! this writer only, so that a COMMIT on another connection never waits behind it. Where the wire has room for messages between the pieces
//! of a file, those of the same connection go there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mvrx_core::parts::{Going, from_of};
use mvrx_core::{ConnId, Ending, Input, RequestId};
use mvrx_message::{Dialect, FilePart, FileUuid, Message};
use mvrx_store::{Pending, Store};
use mvrx_transport::ws::Password;
use mvrx_transport::{
    Aside, Blame, BoxFuture, Connection, FileEnding, FileSource as _, FileStyle, Incoming, MessageReader,
    MessageWriter, Progress, ReadError, Scope,
};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::files::{NotBegun, StoreSink, StoreSource};
use crate::resume::{Rest, say};

/// What a connection's tasks tell the driver.
pub(crate) enum Report {
    Input(Input),
    /// A whole file lies in the store, not published yet.
    Arrived {
        request: RequestId,
        pending: Box<dyn Pending>,
        /// What it went on from.
        going: Option<Going>,
    },
    /// A file broke off, and more of it is kept than before. The connection is unusable.
    Broke {
        conn: ConnId,
        request: RequestId,
        bytes: u64,
        what: String,
    },
}

/// What the writer is to do.
pub(crate) enum Job {
    Send(Box<Message>, Dialect),
    SendFile(FileUuid, FileStyle, Option<FilePart>),
    Close,
}

/// Where the file that begins goes.
pub(crate) struct Receive {
    pub(crate) request: RequestId,
    pub(crate) expected: Option<u64>,
    pub(crate) going: Option<Going>,
    pub(crate) ending: FileEnding,
    pub(crate) progress: Progress,
}

/// Whose a connection is, and how its end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of a station of TCP mode.
    Station,
    /// Of the host of our session: everything that we say goes there.
    Host,
}

impl Kind {
    fn lost(self, conn: ConnId, what: String) -> Input {
        match self {
            Self::Station => Input::Closed { conn, ending: Ending::Broken },
            Self::Host => Input::HostLost { conn, what },
        }
    }
}

/// The driver's end of a connection.
pub(crate) struct Link {
    kind: Kind,
    jobs: mpsc::Sender<Job>,
    receive: mpsc::Sender<Box<Receive>>,
    reader: AbortHandle,
    unanswered: Arc<Unanswered>,
}

/// Holds the reader up while replies wait for the writer: who does not read what we answer is not read either, and who asks faster than
/// we answer waits.
#[derive(Debug, Default)]
struct Unanswered {
    /// Messages on which the driver has not worked yet.
    given: AtomicUsize,
    changed: Notify,
}

impl Unanswered {
    async fn room(&self, jobs: &mpsc::WeakSender<Job>) {
        loop {
            let changed = self.changed.notified();
            // Without a writer the connection ends; whatever still comes is read.
            let Some(jobs) = jobs.upgrade() else { return };
            let taken = jobs.max_capacity() - jobs.capacity();
            if taken + self.given.load(Ordering::Acquire) < AHEAD {
                return;
            }
            drop(jobs);
            changed.await;
        }
    }

    fn give(&self) {
        self.given.fetch_add(1, Ordering::AcqRel);
    }

    fn done(&self) {
        self.given.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_one();
    }
}

impl Link {
    pub(crate) fn start(
        (conn, kind): (ConnId, Kind),
        connection: Connection,
        store: Arc<dyn Store>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let Connection { reader, writer, passed, .. } = connection;
        let (jobs, jobs_in) = mpsc::channel(if kind == Kind::Host { HOST_JOBS } else { JOBS });
        // Boxed: a channel has room for dozens from its beginning, and most connections never take one.
        let (receive, receive_in) = mpsc::channel(1);
        let unanswered = Arc::new(Unanswered::default());
        let ahead = (kind == Kind::Station).then(|| (Arc::clone(&unanswered), jobs.downgrade()));
        let reading = read((conn, kind), reader, receive_in, ahead, Arc::clone(&store), reports.clone());
        let reader = tokio::spawn(reading).abort_handle();
        let taken = Arc::clone(&unanswered);
        let writing = Writing {
            conn,
            kind,
            writer,
            told: passed.told,
            jobs: jobs_in,
            taken,
            later: VecDeque::new(),
            store,
            reports,
        };
        tokio::spawn(writing.run());
        Self { kind, jobs, receive, reader, unanswered }
    }

    /// Whether it leads to the host of our session.
    pub(crate) fn is_to_host(&self) -> bool {
        self.kind == Kind::Host
    }

    /// The driver has worked on a message that was received: its answer, if there is one, is ordered.
    pub(crate) fn answered(&self) {
        self.unanswered.done();
    }

    /// Orders a job; `false` when the writer has too many already or is gone.
    pub(crate) fn order(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }

    pub(crate) fn receive(&self, receive: Receive) -> bool {
        self.receive.try_send(Box::new(receive)).is_ok()
    }

    /// Ends reading at once (a file under way is dropped) and closes after all that was ordered is out.
    pub(crate) fn close(self) {
        self.reader.abort();
        // A full or gone writer closes by itself once its jobs are out: its channel ends here.
        let _ = self.jobs.try_send(Job::Close);
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

async fn read(
    (conn, kind): (ConnId, Kind),
    mut reader: Box<dyn MessageReader>,
    mut receive: mpsc::Receiver<Box<Receive>>,
    ahead: Option<(Arc<Unanswered>, mpsc::WeakSender<Job>)>,
    store: Arc<dyn Store>,
    reports: mpsc::Sender<Report>,
) {
    loop {
        if let Some((unanswered, jobs)) = &ahead {
            unanswered.room(jobs).await;
        }
        let (input, more) = match reader.next().await {
            Ok(Incoming::Closed) if kind == Kind::Host => {
                (kind.lost(conn, "the host closed the connection".to_owned()), false)
            }
            Ok(Incoming::Closed) => (Input::Closed { conn, ending: Ending::Clean }, false),
            Ok(incoming) => match heard(conn, incoming) {
                Some(input) => (input, true),
                None => continue,
            },
            Err(error) => (ended(conn, kind, &error), false),
        };
        if let (Some((unanswered, _)), Input::Received { .. }) = (&ahead, &input) {
            unanswered.give();
        }
        let begun = if let Input::FileBegins { length, .. } = input { Some(length) } else { None };
        if reports.send(Report::Input(input)).await.is_err() || !more {
            return;
        }
        if let Some(length) = begun {
            // The driver answers with a place for it, or closes the connection, which ends this task.
            let Some(order) = receive.recv().await else { return };
            let report = receive_file(conn, reader.as_mut(), length, *order, &store, &reports).await;
            let failed = !matches!(report, Report::Arrived { .. });
            if reports.send(report).await.is_err() || failed {
                return;
            }
        }
    }
}

/// What the core is told of something that came; the end it is told elsewhere.
fn heard(conn: ConnId, incoming: Incoming) -> Option<Input> {
    match incoming {
        Incoming::Message { parsed, .. } => Some(Input::Received { conn, parsed: Arc::new(parsed) }),
        Incoming::Malformed { error, .. } => Some(Input::Malformed { conn, what: error.to_string() }),
        Incoming::File { length } => Some(Input::FileBegins { conn, length }),
        other => {
            tracing::debug!(?conn, ?other, "tolerated");
            None
        }
    }
}

/// What the core is told of a connection that cannot be read on: what the peer did wrong has a name, what the network did has none.
fn ended(conn: ConnId, kind: Kind, error: &ReadError) -> Input {
    tracing::debug!(?conn, %error, "the connection ended");
    if kind == Kind::Host {
        kind.lost(conn, error.to_string())
    } else if matches!(error, ReadError::Framing(_)) || error.blame() == Blame::Peer {
        Input::Malformed { conn, what: error.to_string() }
    } else {
        Input::Closed { conn, ending: Ending::Broken }
    }
}

async fn receive_file(
    conn: ConnId,
    reader: &mut dyn MessageReader,
    length: Option<u64>,
    order: Receive,
    store: &Arc<dyn Store>,
    reports: &mpsc::Sender<Report>,
) -> Report {
    let failed = |what: String, local| Report::Input(Input::FileFailed { conn, what, local });
    let (making_room, going, request) = (Arc::clone(store), order.going, order.request);
    let begun =
        tokio::task::spawn_blocking(move || StoreSink::begin(making_room.as_ref(), length, going)).await;
    let (sink, arrived) = match begun {
        Ok(Ok(begun)) => begun,
        Ok(Err(NotBegun::Here(what))) => return failed(what, true),
        Ok(Err(NotBegun::Other(what))) => return failed(what, false),
        Ok(Err(NotBegun::Gone(what))) => return Report::Broke { conn, request, bytes: 0, what },
        Err(error) => return failed(error.to_string(), true),
    };
    // In WebSocket Mode messages may come between the pieces of a file.
    let mut between = |incoming| {
        let reports = reports.clone();
        Box::pin(async move {
            if let Some(input) = heard(conn, incoming) {
                // Nobody listens any more: the file ends with the driver, too.
                let _ = reports.send(Report::Input(input)).await;
            }
        }) as BoxFuture<'static, ()>
    };
    reader.set_file_ending(order.ending);
    let received = reader.receive_file(Box::new(sink), order.expected, &mut between, order.progress).await;
    if let Err(error) = received {
        let (local, what) = (error.blame() == Blame::Local, error.to_string());
        // The sink has gone with the transfer: what came is in the store's hands.
        return match going.filter(|_| !local && arrived.taken() > 0) {
            Some(going) => Report::Broke { conn, request, bytes: going.from + arrived.taken(), what },
            None => failed(what, local),
        };
    }
    match arrived.take() {
        Some(pending) => Report::Arrived { request, pending, going },
        None => failed("the store lost it".to_owned(), true),
    }
}

/// The writing half of a connection.
struct Writing {
    conn: ConnId,
    kind: Kind,
    writer: Box<dyn MessageWriter>,
    /// The password that the host at the other end was told.
    told: Option<Password>,
    jobs: mpsc::Receiver<Job>,
    /// Told whenever one was taken.
    taken: Arc<Unanswered>,
    /// Jobs that came while a file went out and could not be done beside it, in order.
    later: VecDeque<Job>,
    store: Arc<dyn Store>,
    reports: mpsc::Sender<Report>,
}

impl Writing {
    async fn run(mut self) {
        while let Some(job) = self.next().await {
            let conn = self.conn;
            let report = match job {
                Job::Send(mut message, dialect) => {
                    say_password(&mut message, self.told.as_ref());
                    match self.writer.send(&message, &dialect).await {
                        Ok(_) => continue,
                        Err(error) => {
                            tracing::debug!(?conn, %error, "a message was not sent");
                            self.kind.lost(conn, error.to_string())
                        }
                    }
                }
                Job::SendFile(file, style, part) => match self.send_file(file, style, part).await {
                    Ok(length) => Input::FileSent { conn, length },
                    Err(Unsent::Unreadable(what)) => Input::FileUnreadable { conn, what },
                    Err(Unsent::Broken { what, local }) => Input::FileFailed { conn, what, local },
                },
                Job::Close => break,
            };
            let goes_on = matches!(report, Input::FileSent { .. } | Input::FileUnreadable { .. });
            if self.reports.send(Report::Input(report)).await.is_err() || !goes_on {
                break;
            }
        }
        self.end().await;
    }

    async fn next(&mut self) -> Option<Job> {
        match self.later.pop_front() {
            Some(job) => Some(job),
            None => {
                let job = self.jobs.recv().await;
                self.taken.changed.notify_one();
                job
            }
        }
    }

    async fn send_file(
        &mut self,
        file: FileUuid,
        style: FileStyle,
        part: Option<FilePart>,
    ) -> Result<u64, Unsent> {
        let opening = Arc::clone(&self.store);
        let opened = tokio::task::spawn_blocking(move || StoreSource::open(opening.as_ref(), file)).await;
        let source = match opened {
            Ok(Ok(source)) => source,
            Ok(Err(error)) => return Err(Unsent::Unreadable(error.to_string())),
            Err(error) => return Err(Unsent::Unreadable(error.to_string())),
        };
        let from = from_of(part, source.hash(), source.length());
        say(self.writer.as_mut(), from)
            .await
            .map_err(|error| Unsent::Broken { what: error.to_string(), local: false })?;
        self.writer.set_file_style(style);
        let aside = self.writer.aside();
        let sending = self.writer.send_file(Rest::of(Box::new(source), from), Progress::new());
        tokio::pin!(sending);
        let mut ended = false;
        let sent = loop {
            let takes = aside.is_some() && self.later.is_empty() && !ended;
            tokio::select! {
                sent = &mut sending => break sent,
                job = self.jobs.recv(), if takes => match job {
                    Some(job) => self.later.extend(beside(aside.as_deref(), job, self.told.as_ref())),
                    None => ended = true,
                },
            }
        };
        sent.map_err(|error| match error.scope() {
            Scope::Message => Unsent::Unreadable(error.to_string()),
            _ => Unsent::Broken { what: error.to_string(), local: error.blame() == Blame::Local },
        })
    }

    async fn end(mut self) {
        // It may be closed already.
        let _ = self.writer.close().await;
        // Whatever was still ordered does not happen, and the core waits to hear how a file went.
        self.jobs.close();
        while let Some(job) = self.next().await {
            if let Job::SendFile(..) = job {
                let (conn, what) = (self.conn, "the connection ended before".to_owned());
                let report = Report::Input(Input::FileFailed { conn, what, local: false });
                // The driver is gone: nobody waits.
                let _ = self.reports.send(report).await;
            }
        }
    }
}

/// Does a job beside the file that goes out; gives it back if that cannot be.
fn beside(aside: Option<&dyn Aside>, job: Job, told: Option<&Password>) -> Option<Job> {
    match (aside, job) {
        (Some(aside), Job::Send(mut message, dialect)) => {
            say_password(&mut message, told);
            let sent = aside.send(&message, &dialect);
            sent.is_err().then_some(Job::Send(message, dialect))
        }
        (_, job) => Some(job),
    }
}

/// A JOIN says the password where the handshake has told it: a foreign host may look for it there.
// req: PWD-07
fn say_password(message: &mut Message, told: Option<&Password>) {
    if let (Message::Join(join), Some(told)) = (message, told) {
        join.password = Some(told.for_join(join.station));
    }
}

/// Why a file did not go out.
enum Unsent {
    /// Nothing of it did; the connection is in order.
    Unreadable(String),
    /// The connection is over.
    Broken { what: String, local: bool },
}

/// Messages that may wait for one connection's writer: those for which its reader did not wait, and all that waited behind a file.
const JOBS: usize = 512;

/// Messages that are read before the answers to earlier ones are out.
const AHEAD: usize = 64;

/// The same for the host of a session, to whom everything goes that is said.
const HOST_JOBS: usize = 1_024;
