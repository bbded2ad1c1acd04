//! A transport that fails on purpose, for tests of whoever uses one.
//!
//! The plan's numbers are drawn from its seed: the same seed, the same calls, the same faults. It does not corrupt
//! bytes: TCP does not either.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mvrx_message::{Dialect, Message};
use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::error::{
    AcceptError, BoxError, DialError, ListenError, ReadError, ReceiveError, SendFileError, WriteError,
};
use crate::file::{FileSink, FileSource, Progress, SourceRead};
use crate::traits::{
    Aside, AskAlive, Between, BoxFuture, Connection, FileEnding, FileStyle, Incoming, Listener,
    MessageReader, MessageWriter, Transport,
};

/// How often what fails: chances are in thousandths of the times it could happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultPlan {
    /// Where all chance comes from.
    pub seed: u64,
    /// A dialed connection is refused.
    pub refuse: u32,
    /// A message that is sent vanishes.
    pub lose_message: u32,
    /// The connection is cut instead of sending a message.
    pub cut: u32,
    /// The connection is cut somewhere in a file that is sent.
    pub cut_file: u32,
    /// A message waits up to so long before it is sent.
    pub longest_delay: Duration,
}

/// A transport that follows a [`FaultPlan`] in what it sends.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    plan: FaultPlan,
    connections: AtomicU64,
}

impl<T: Transport> Faulty<T> {
    /// Makes `inner` fail as planned.
    pub fn new(inner: T, plan: FaultPlan) -> Self {
        Self { inner, plan, connections: AtomicU64::new(0) }
    }

    fn chance(&self) -> Chance {
        Chance::new(&self.plan, self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

impl<T: Transport> Transport for Faulty<T> {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(async move {
            let mut chance = self.chance();
            if chance.of(self.plan.refuse) {
                let address = match &to {
                    Endpoint::Address(address) => *address,
                    // The plan looks up no names.
                    Endpoint::Url(url) => SocketAddr::from(([0, 0, 0, 0], url.port())),
                };
                return Err(DialError::Refused { address });
            }
            Ok(wrap(self.inner.dial(to).await?, self.plan, chance))
        })
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move {
            let inner = self.inner.listen(addr).await?;
            // Accepted connections draw from a chance of their own, whatever is dialed meanwhile.
            let chance = self.chance();
            Ok(Box::new(FaultyListener { inner, plan: self.plan, chance }) as Box<dyn Listener>)
        })
    }
}

#[derive(Debug)]
struct FaultyListener {
    inner: Box<dyn Listener>,
    plan: FaultPlan,
    chance: Chance,
}

impl Listener for FaultyListener {
    fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr()
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move {
            let connection = self.inner.accept().await?;
            let chance = Chance { state: self.chance.next() };
            Ok(wrap(connection, self.plan, chance))
        })
    }
}

fn wrap(connection: Connection, plan: FaultPlan, chance: Chance) -> Connection {
    let Connection { peer, local, reader, writer, passed } = connection;
    let (cut, is_cut) = watch::channel(false);
    Connection {
        peer,
        local,
        reader: Box::new(FaultyReader { inner: Some(reader), is_cut }),
        writer: Box::new(FaultyWriter { inner: Some(writer), plan, chance, cut }),
        passed,
    }
}

#[derive(Debug)]
struct FaultyReader {
    /// `None` once the connection is cut.
    inner: Option<Box<dyn MessageReader>>,
    is_cut: watch::Receiver<bool>,
}

impl MessageReader for FaultyReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Incoming, ReadError>> {
        Box::pin(async move {
            let Some(inner) = &mut self.inner else { return Err(ReadError::ConnectionBroken) };
            tokio::select! {
                biased;
                Ok(_) = self.is_cut.wait_for(|cut| *cut) => {}
                incoming = inner.next() => return incoming,
            }
            self.inner = None;
            Err(ReadError::Network(io::ErrorKind::ConnectionReset.into()))
        })
    }

    fn set_file_ending(&mut self, ending: FileEnding) {
        if let Some(inner) = &mut self.inner {
            inner.set_file_ending(ending);
        }
    }

    fn receive_file<'a>(
        &'a mut self,
        sink: Box<dyn FileSink>,
        expected: Option<u64>,
        between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>> {
        Box::pin(async move {
            let counted = progress.clone();
            let Some(inner) = &mut self.inner else { return Err(ReceiveError::NoFileBegan) };
            tokio::select! {
                biased;
                Ok(_) = self.is_cut.wait_for(|cut| *cut) => {}
                received = inner.receive_file(sink, expected, between, progress) => return received,
            }
            self.inner = None;
            let error = ReadError::Network(io::ErrorKind::ConnectionReset.into());
            Err(ReceiveError::Stream { received: counted.moved(), error })
        })
    }
}

#[derive(Debug)]
struct FaultyWriter {
    /// `None` once the connection is cut.
    inner: Option<Box<dyn MessageWriter>>,
    plan: FaultPlan,
    chance: Chance,
    cut: watch::Sender<bool>,
}

impl FaultyWriter {
    fn cut(&mut self) -> io::Error {
        self.inner = None;
        self.cut.send_replace(true);
        io::ErrorKind::ConnectionReset.into()
    }
}

impl MessageWriter for FaultyWriter {
    fn send<'a>(
        &'a mut self,
        message: &'a Message,
        dialect: &'a Dialect,
    ) -> BoxFuture<'a, Result<usize, WriteError>> {
        Box::pin(async move {
            let delay = self.chance.up_to(self.plan.longest_delay);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if self.chance.of(self.plan.cut) && self.inner.is_some() {
                return Err(WriteError::Network(self.cut()));
            }
            let lost = self.chance.of(self.plan.lose_message);
            let Some(inner) = &mut self.inner else { return Err(WriteError::ConnectionBroken) };
            if lost { Ok(message.to_json(dialect).len()) } else { inner.send(message, dialect).await }
        })
    }

    fn send_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> BoxFuture<'_, Result<u64, SendFileError>> {
        Box::pin(async move {
            let Some(inner) = &mut self.inner else {
                return Err(SendFileError::Unusable(WriteError::ConnectionBroken));
            };
            let length = source.length();
            if length == 0 || !self.chance.of(self.plan.cut_file) {
                return inner.send_file(source, progress).await;
            }
            let source = CutSource { inner: source, at: self.chance.next() % length };
            match inner.send_file(Box::new(source), progress).await {
                Err(SendFileError::SourceFailed { sent, error }) if error.is::<Cut>() => {
                    Err(SendFileError::Network { sent, error: self.cut() })
                }
                outcome => outcome,
            }
        })
    }

    fn set_file_style(&mut self, style: FileStyle) {
        if let Some(inner) = &mut self.inner {
            inner.set_file_style(style);
        }
    }

    fn aside(&self) -> Option<Box<dyn Aside>> {
        self.inner.as_ref()?.aside()
    }

    fn life(&self) -> Option<Box<dyn AskAlive>> {
        self.inner.as_ref()?.life()
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            match &mut self.inner {
                Some(inner) => inner.close().await,
                None => Err(WriteError::ConnectionBroken),
            }
        })
    }

    fn close_with<'a>(&'a mut self, code: u16, reason: &'a str) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            match &mut self.inner {
                Some(inner) => inner.close_with(code, reason).await,
                None => Err(WriteError::ConnectionBroken),
            }
        })
    }
}

/// A source that ends where the plan cuts the connection.
#[derive(Debug)]
struct CutSource {
    inner: Box<dyn FileSource>,
    at: u64,
}

impl FileSource for CutSource {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    fn settled_length(&self) -> Option<u64> {
        self.inner.settled_length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        let left = usize::try_from(self.at.saturating_sub(offset)).unwrap_or(usize::MAX);
        match buffer.get_mut(..left.min(buffer.len())) {
            Some(part) if !part.is_empty() => self.inner.read_at(offset, part),
            _ => Err(Box::new(Cut)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the plan of faults cuts the connection here")]
struct Cut;

/// splitmix64: small, and the same everywhere.
#[derive(Debug)]
struct Chance {
    state: u64,
}

impl Chance {
    fn new(plan: &FaultPlan, connection: u64) -> Self {
        Self { state: plan.seed ^ connection.wrapping_mul(0xA076_1D64_78BD_642F) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn of(&mut self, thousandths: u32) -> bool {
        self.next() % 1000 < u64::from(thousandths)
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let thousandths = u32::try_from(self.next() % 1001).unwrap_or(0);
        longest.saturating_mul(thousandths) / 1000
    }
}
