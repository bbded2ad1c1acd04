//! One connection of the host as two tasks: a reader that reports what comes, a writer that sends what waits in its outbox.
//!
//! They decide nothing. A file that begins waits in the reader until the driver says where its bytes go. While a file goes out, messages
//! pass it where the peer can read that ([`FileStyle::Messages`]), and wait where it cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mvrx_core::ConnId;
use mvrx_core::host::{Input, RelayId};
use mvrx_core::parts::from_of;
use mvrx_store::Store;
use mvrx_transport::ws::MayBe;
use mvrx_transport::{
    AskAlive, Blame, BoxFuture, Connection, FileEnding, FileSink, FileStyle, Incoming, MessageReader,
    MessageWriter, Progress,
};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::draining::{DrainingSink, Trouble};
use super::growing::{Growing, GrowingSink};
use super::outbox::{Bounds, Job, Outbox, TooMuch};
use super::pace::Pace;
use super::paced;
use super::sending::FileJob;
use crate::resume::{Rest, say};
use mvrx_message::{Dialect, Message, StationUuid};

/// What a connection's tasks tell the driver.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are inputs, and each is moved once")]
pub(super) enum Report {
    Input(Input),
    /// The whole file of a read lies in its [`Growing`], to be kept or not.
    Arrived {
        conn: ConnId,
        relay: Option<RelayId>,
        /// What came, bytes.
        length: u64,
    },
    /// It is made to wait, the first time: it is faster than a station may be, in this.
    Slowed {
        conn: ConnId,
        by: &'static str,
    },
    /// A message could not pass a file: the peer does not read.
    NotReading {
        conn: ConnId,
        what: String,
    },
}

/// Where the file that begins goes.
#[derive(Debug)]
pub(super) struct Receive {
    /// `None`: nowhere.
    pub(super) into: Option<(RelayId, Arc<Growing>)>,
    /// How much of it is here already, and does not come.
    pub(super) from: u64,
    /// What comes, as far as it is known.
    pub(super) expected: Option<u64>,
    pub(super) ending: FileEnding,
    pub(super) progress: Progress,
}

/// The driver's end of a connection.
#[derive(Debug)]
pub(super) struct Link {
    peer: SocketAddr,
    may_be: MayBe,
    pace: Arc<Pace>,
    outbox: Arc<Outbox>,
    receive: mpsc::Sender<Box<Receive>>,
    reader: AbortHandle,
    life: Option<Box<dyn AskAlive>>,
}

impl Link {
    pub(super) fn start(
        conn: ConnId,
        connection: Connection,
        (bounds, pace): (Bounds, Arc<Pace>),
        (store, reports): (Arc<dyn Store>, mpsc::Sender<Report>),
        writers: &mut JoinSet<()>,
    ) -> Self {
        let Connection { peer, reader, writer, passed, .. } = connection;
        let outbox = Arc::new(Outbox::new(bounds));
        // Boxed: a channel has room for dozens from its beginning, and most connections never take one.
        let (receive, receive_in) = mpsc::channel(1);
        let ends = Ends { conn, pace: Arc::clone(&pace), store, reports };
        let life = writer.life();
        let reading = Reading(ends.clone());
        let reader = tokio::spawn(reading.run(reader, receive_in)).abort_handle();
        writers.spawn(Writing { ends, outbox: Arc::clone(&outbox) }.run(writer));
        Self { peer, may_be: passed.may_be, pace, outbox, receive, reader, life }
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Whether it knows the password of this station, if there is one.
    pub(super) fn may_be(&self, station: StationUuid) -> bool {
        self.may_be.includes(station)
    }

    /// Whether what it said of a password lets in certain stations and nobody else.
    pub(super) fn is_of_certain(&self) -> bool {
        matches!(self.may_be, MayBe::Only(_))
    }

    pub(super) fn send(&self, message: Box<Message>, dialect: Dialect) -> Result<(), TooMuch> {
        self.outbox.send(message, dialect)
    }

    pub(super) fn send_file(&self, job: FileJob) {
        self.outbox.send_file(job);
    }

    /// Asks whether the peer is still there; it is told when that is answered. A question that is asked anew, or whose connection ends, is
    /// over, so there is one task for each connection.
    // req: HST-30
    pub(super) fn ask_alive(&self, conn: ConnId, reports: mpsc::Sender<Report>) {
        let Some(answered) = self.life.as_ref().map(|life| life.ask()) else { return };
        tokio::spawn(async move {
            if answered.await {
                // Nobody listens any more: then it ends.
                let _ = reports.send(Report::Input(Input::Alive { conn })).await;
            }
        });
    }

    /// Says why it ends; the first reason counts.
    pub(super) fn end(self, code: u16, reason: &str) {
        self.outbox.set_last_words(code, reason);
    }

    pub(super) fn receive(&self, receive: Receive) {
        // The reader waits for nothing else.
        let _ = self.receive.try_send(Box::new(receive));
    }
}

impl Drop for Link {
    /// Ends reading at once and any file under way; what else was ordered still goes out, then the connection closes.
    fn drop(&mut self) {
        self.reader.abort();
        self.pace.end();
        self.outbox.close();
    }
}

/// What both tasks have.
#[derive(Clone)]
struct Ends {
    conn: ConnId,
    pace: Arc<Pace>,
    store: Arc<dyn Store>,
    reports: mpsc::Sender<Report>,
}

impl Ends {
    /// Does this, and tells meanwhile, once, that the station is made to wait.
    async fn telling<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                by = self.pace.slowed() => {
                    // Nobody listens any more: then it ends.
                    let _ = self.reports.send(Report::Slowed { conn: self.conn, by }).await;
                }
            }
        }
    }
}

struct Reading(Ends);

impl Reading {
    async fn run(self, mut reader: Box<dyn MessageReader>, mut receive: mpsc::Receiver<Box<Receive>>) {
        let Ends { conn, pace, reports, .. } = &self.0;
        let (conn, mut bytes) = (*conn, 0);
        loop {
            self.0.telling(pace.keep(bytes)).await;
            let next = reader.next().await;
            bytes = next.as_ref().map_or(0, length);
            let (input, more) = match next {
                Ok(Incoming::Closed) => (closed(conn, "it closed the connection"), false),
                Ok(incoming) => match heard(conn, incoming) {
                    Some(input) => (input, true),
                    None => continue,
                },
                Err(error) => (closed(conn, &error.to_string()), false),
            };
            let begins = matches!(input, Input::FileBegins { .. });
            if reports.send(Report::Input(input)).await.is_err() || !more {
                return;
            }
            if begins {
                // The driver answers with a place for it, or closes the connection, which ends this task.
                let Some(order) = receive.recv().await else { return };
                let report = self.receive(reader.as_mut(), *order).await;
                let failed = matches!(report, Report::Input(_));
                if reports.send(report).await.is_err() || failed {
                    return;
                }
            }
        }
    }

    async fn receive(&self, reader: &mut dyn MessageReader, order: Receive) -> Report {
        let Ends { conn, pace, store, reports } = self.0.clone();
        let failed = |what, local| Report::Input(Input::ReceiveFailed { conn, what, local });
        let Receive { into, from, expected, ending, progress } = order;
        reader.set_file_ending(ending);
        let trouble = Trouble::new(conn, reports.clone());
        let sink: Box<dyn FileSink> = match &into {
            None => Box::new(DrainingSink::nowhere()),
            Some((_, growing)) => {
                let growing = Arc::clone(growing);
                let opening = tokio::task::spawn_blocking(move || {
                    (GrowingSink::open(&growing, store.as_ref(), from), growing)
                });
                match opening.await {
                    Ok((Ok(sink), growing)) => Box::new(DrainingSink::into(sink, growing, trouble.clone())),
                    Ok((Err(fault), _)) if fault.local => {
                        trouble.tell(fault.what).await;
                        Box::new(DrainingSink::nowhere())
                    }
                    Ok((Err(fault), _)) => return failed(fault.what, false),
                    Err(error) => return failed(error.to_string(), true),
                }
            }
        };
        let sink = paced::sink(sink, &pace);
        // In WebSocket Mode messages may come between the pieces of a file.
        let mut between = |incoming| {
            let (reports, pace) = (reports.clone(), Arc::clone(&pace));
            Box::pin(async move {
                pace.keep(length(&incoming)).await;
                if let Some(input) = heard(conn, incoming) {
                    // Nobody listens any more: the file ends with the driver, too.
                    let _ = reports.send(Report::Input(input)).await;
                }
            }) as BoxFuture<'static, ()>
        };
        match self.0.telling(reader.receive_file(sink, expected, &mut between, progress)).await {
            Ok(length) => {
                let relay = into.map(|(relay, _)| relay).filter(|_| !trouble.is_told());
                Report::Arrived { conn, relay, length }
            }
            Err(error) => match into.and_then(|(_, growing)| growing.take_fault()) {
                Some(fault) => failed(fault.what, fault.local),
                None => failed(error.to_string(), error.blame() == Blame::Local),
            },
        }
    }
}

/// What the host is told of something that came; the end it is told elsewhere.
fn heard(conn: ConnId, incoming: Incoming) -> Option<Input> {
    match incoming {
        Incoming::Message { parsed, .. } => Some(Input::Received { conn, parsed: Arc::new(parsed) }),
        Incoming::Malformed { error, kind, .. } => {
            Some(Input::Malformed { conn, kind, what: error.to_string() })
        }
        Incoming::File { .. } => Some(Input::FileBegins { conn }),
        other => {
            tracing::debug!(?conn, ?other, "tolerated");
            None
        }
    }
}

/// Bytes of a message.
fn length(incoming: &Incoming) -> usize {
    match incoming {
        Incoming::Message { bytes, .. } | Incoming::Malformed { bytes, .. } => *bytes,
        _ => 0,
    }
}

fn closed(conn: ConnId, what: &str) -> Input {
    Input::Closed { conn, what: what.to_owned() }
}

struct Writing {
    ends: Ends,
    outbox: Arc<Outbox>,
}

impl Writing {
    async fn run(self, mut writer: Box<dyn MessageWriter>) {
        let Ends { conn, reports, .. } = &self.ends;
        let conn = *conn;
        while let Some(job) = self.outbox.next().await {
            let (report, more) = match job {
                Job::Send(message, dialect) => match writer.send(&message, &dialect).await {
                    Ok(_) => continue,
                    Err(error) => (Report::Input(closed(conn, &error.to_string())), false),
                },
                Job::SendFile(job) => match self.ends.telling(self.send_file(writer.as_mut(), job)).await {
                    Some(told) => told,
                    None => break,
                },
            };
            if reports.send(report).await.is_err() || !more {
                break;
            }
        }
        // It may be closed already, or its peer may not read.
        let (code, reason) = self.outbox.last_words();
        let _ = tokio::time::timeout(FAREWELL, writer.close_with(code, &reason)).await;
    }

    /// Sends a file, and messages past it; whether the connection can be used further. `None`: the driver has let it go.
    async fn send_file(&self, writer: &mut dyn MessageWriter, job: FileJob) -> Option<(Report, bool)> {
        let FileJob { ask, from, style, stop, part, hash } = job;
        let failed = |what: String, begun| Report::Input(Input::SendFailed { ask, what, begun });
        let store = Arc::clone(&self.ends.store);
        let opening =
            tokio::task::spawn_blocking(move || FileJob::open(from, style, stop, (store.as_ref(), hash)));
        let (source, hash) = match opening.await {
            Ok(Ok(source)) => source,
            Ok(Err(error)) => return Some((failed(error.to_string(), false), true)),
            Err(error) => return Some((failed(error.to_string(), false), true)),
        };
        let from = from_of(part, hash, source.length());
        if let Err(error) = say(writer, from).await {
            return Some((failed(error.to_string(), true), false));
        }
        let source = paced::source(Rest::of(source, from), &self.ends.pace);
        writer.set_file_style(style);
        let aside = if style == FileStyle::OneMessage { None } else { writer.aside() };
        let mut sending = writer.send_file(source, Progress::new());
        loop {
            let passing = async {
                match &aside {
                    Some(aside) => self.outbox.next_message().await.map(|message| (aside, message)),
                    None => {
                        self.outbox.closed().await;
                        None
                    }
                }
            };
            tokio::select! {
                sent = &mut sending => return Some(match sent {
                    Ok(length) => (Report::Input(Input::FileSent { ask, length }), true),
                    Err(error) => {
                        let begun = error.scope() == mvrx_transport::Scope::Connection;
                        (failed(error.to_string(), begun), !begun)
                    }
                }),
                message = passing => {
                    // The driver has closed: what is half out is broken off.
                    let (aside, (message, dialect)) = message?;
                    if let Err(error) = aside.send(&message, &dialect) {
                        let (conn, what) = (self.ends.conn, error.to_string());
                        // Nobody listens: then it ends, too.
                        let _ = self.ends.reports.send(Report::NotReading { conn, what }).await;
                    }
                }
            }
        }
    }
}

/// How long a peer may take to be told the end.
const FAREWELL: Duration = Duration::from_secs(5);
