//! One connection as two tasks: a reader that reports what comes, a writer that sends what is ordered, in order.
//!
//! They decide nothing. A file that begins waits in the reader until the driver says where its bytes go; a file that is sent occupies
//! this writer only, so that a COMMIT on another connection never waits behind it.

use std::sync::Arc;

use mvrx_core::{ConnId, Ending, Input, RequestId};
use mvrx_message::{Dialect, FileUuid, Message};
use mvrx_store::{Pending, Store};
use mvrx_transport::{
    Blame, BoxFuture, Connection, Incoming, MessageReader, MessageWriter, Progress, ReadError,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::files::{StoreSink, StoreSource};

/// What a connection's tasks tell the driver.
pub(crate) enum Report {
    Input(Input),
    /// A whole file lies in the store, not published yet.
    Arrived {
        request: RequestId,
        pending: Box<dyn Pending>,
    },
}

/// What the writer is to do.
pub(crate) enum Job {
    Send(Box<Message>, Dialect),
    SendFile(FileUuid),
    Close,
}

/// Where the file that begins goes.
pub(crate) struct Receive {
    pub(crate) request: RequestId,
    pub(crate) expected: Option<u64>,
    pub(crate) progress: Progress,
}

/// The driver's end of a connection.
pub(crate) struct Link {
    jobs: mpsc::Sender<Job>,
    receive: mpsc::Sender<Receive>,
    reader: AbortHandle,
}

impl Link {
    pub(crate) fn start(
        conn: ConnId,
        connection: Connection,
        store: Arc<dyn Store>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let Connection { reader, writer, .. } = connection;
        let (jobs, jobs_in) = mpsc::channel(JOBS);
        let (receive, receive_in) = mpsc::channel(1);
        let reading = read(conn, reader, receive_in, Arc::clone(&store), reports.clone());
        let reader = tokio::spawn(reading).abort_handle();
        tokio::spawn(write(conn, writer, jobs_in, store, reports));
        Self { jobs, receive, reader }
    }

    /// Orders a job; `false` when the writer has too many already or is gone.
    pub(crate) fn order(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }

    pub(crate) fn receive(&self, receive: Receive) -> bool {
        self.receive.try_send(receive).is_ok()
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
    conn: ConnId,
    mut reader: Box<dyn MessageReader>,
    mut receive: mpsc::Receiver<Receive>,
    store: Arc<dyn Store>,
    reports: mpsc::Sender<Report>,
) {
    loop {
        let (input, more) = match reader.next().await {
            Ok(Incoming::Closed) => (Input::Closed { conn, ending: Ending::Clean }, false),
            Ok(incoming) => match heard(conn, incoming) {
                Some(input) => (input, true),
                None => continue,
            },
            Err(error) => (ended(conn, &error), false),
        };
        let begun = if let Input::FileBegins { length, .. } = input { Some(length) } else { None };
        if reports.send(Report::Input(input)).await.is_err() || !more {
            return;
        }
        if let Some(length) = begun {
            // The driver answers with a place for it, or closes the connection, which ends this task.
            let Some(order) = receive.recv().await else { return };
            let report = receive_file(conn, reader.as_mut(), length, order, &store, &reports).await;
            let failed = matches!(report, Report::Input(_));
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
fn ended(conn: ConnId, error: &ReadError) -> Input {
    tracing::debug!(?conn, %error, "the connection ended");
    if matches!(error, ReadError::Framing(_)) || error.blame() == Blame::Peer {
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
    let making_room = Arc::clone(store);
    let begun = tokio::task::spawn_blocking(move || StoreSink::begin(making_room.as_ref(), length)).await;
    let (sink, arrived) = match begun {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => return failed(error.to_string(), true),
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
    let received = reader.receive_file(Box::new(sink), order.expected, &mut between, order.progress).await;
    if let Err(error) = received {
        let local = error.blame() == Blame::Local;
        return failed(error.to_string(), local);
    }
    match arrived.take() {
        Some(pending) => Report::Arrived { request: order.request, pending },
        None => failed("the store lost it".to_owned(), true),
    }
}

async fn write(
    conn: ConnId,
    mut writer: Box<dyn MessageWriter>,
    mut jobs: mpsc::Receiver<Job>,
    store: Arc<dyn Store>,
    reports: mpsc::Sender<Report>,
) {
    while let Some(job) = jobs.recv().await {
        let report = match job {
            Job::Send(message, dialect) => match writer.send(&message, &dialect).await {
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(?conn, %error, "a message was not sent");
                    Input::Closed { conn, ending: Ending::Broken }
                }
            },
            Job::SendFile(file) => match send_file(writer.as_mut(), file, &store).await {
                Ok(length) => Input::FileSent { conn, length },
                Err((what, local)) => Input::FileFailed { conn, what, local },
            },
            Job::Close => break,
        };
        let failed = !matches!(report, Input::FileSent { .. });
        if reports.send(Report::Input(report)).await.is_err() || failed {
            break;
        }
    }
    // It may be closed already.
    let _ = writer.close().await;
    // Whatever was still ordered does not happen, and the core waits to hear how a file went.
    jobs.close();
    while let Some(job) = jobs.recv().await {
        if let Job::SendFile(_) = job {
            let what = "the connection ended before".to_owned();
            // The driver is gone: nobody waits.
            let _ = reports.send(Report::Input(Input::FileFailed { conn, what, local: false })).await;
        }
    }
}

async fn send_file(
    writer: &mut dyn MessageWriter,
    file: FileUuid,
    store: &Arc<dyn Store>,
) -> Result<u64, (String, bool)> {
    let opening = Arc::clone(store);
    let source = match tokio::task::spawn_blocking(move || StoreSource::open(opening.as_ref(), file)).await {
        Ok(Ok(source)) => source,
        Ok(Err(error)) => return Err((error.to_string(), true)),
        Err(error) => return Err((error.to_string(), true)),
    };
    let sent = writer.send_file(Box::new(source), Progress::new()).await;
    sent.map_err(|error| (error.to_string(), error.blame() == Blame::Local))
}

/// Messages that may wait for one connection's writer; its peer does not read when they do not go out.
const JOBS: usize = 64;
