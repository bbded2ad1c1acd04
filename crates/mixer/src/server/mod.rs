//! Turns TCP connections into clients of a room server.
//!
//! One thread with a runtime of its own does all the work, whatever runtime the application has: handing messages between cores costs more than
//! handling them. What came in one round of readiness is decided together and written together, one vectored write per recipient, straight from the
//! shared bytes. A connection without traffic holds no buffer and is never woken.
//!
//! [`Limits`] protects it, and says what a client may cost.

mod connection;
mod descriptors;
mod disk;
mod hub;
mod log;
mod memory;
mod store;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lan_net::accept::{AcceptError, AcceptLimits, CappedListener};
use lan_net::bind::{self, BindError, BindOptions};
use mixer_proto::server::{Keeping, Limits, Metrics, Network, RoomServer};
use thiserror::Error;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::DEFAULT_PORT;
use disk::{Disk, RealDisk};
use hub::Hub;
pub use store::DiskLimits;
use store::{OpenStoreError, Store};

/// A running room server. Dropping it asks it to stop; [`Server::shutdown`] also waits until it has.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    commands: mpsc::UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

/// Asks a server how things stand, from wherever; does not keep it running.
#[derive(Clone, Debug)]
pub struct MetricsReader {
    commands: mpsc::WeakUnboundedSender<Command>,
}

impl MetricsReader {
    /// How things stand; `None` when the server has ended. May be dropped at any time.
    pub async fn read(&self) -> Option<Metrics> {
        let (answer, metrics) = oneshot::channel();
        self.commands.upgrade()?.send(Command::Metrics(answer)).ok()?;
        metrics.await.ok()
    }
}

/// How to run a server.
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    addresses: Vec<SocketAddr>,
    port: u16,
    limits: Limits,
    data: Option<(PathBuf, Fsync)>,
    disk: Arc<dyn Disk>,
    disk_limits: DiskLimits,
    passwords: Vec<(String, String)>,
    networks: Vec<Network>,
}

/// When what is stored of a room is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before any member is sent a command: nothing anybody has seen is ever lost.
    Always,
    /// So often: what came later than this before a crash of the machine may be lost, from the end. A killed process loses nothing it had handed
    /// to the system, which is everything older than a moment.
    Interval(Duration),
}

/// Why a server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened at.
    #[error(transparent)]
    AddressUnusable(#[from] BindError),
    /// The rooms on disk cannot be opened.
    #[error(transparent)]
    RoomsUnreadable(#[from] OpenStoreError),
    /// The system gives no thread or no runtime.
    #[error("the system gives no thread: {0}")]
    NoThread(#[from] io::Error),
    /// The server ended while it started.
    #[error("the server ended while it started")]
    EndedEarly,
}

#[derive(Debug)]
pub(crate) enum Command {
    Metrics(oneshot::Sender<Metrics>),
    Stop,
}

impl ServerBuilder {
    /// Listens at this address instead of at every address of the machine. May be called again for further ones.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Listens at this port of every address of the machine, IPv6 and IPv4; [`DEFAULT_PORT`] unless told otherwise, 0 for any.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets all limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps rooms in this directory, so that they survive a restart. One server per directory. Frames are then limited to 1 GiB at most.
    #[must_use]
    pub fn data(mut self, directory: impl Into<PathBuf>, fsync: Fsync) -> Self {
        self.data = Some((directory.into(), fsync));
        self
    }

    /// Sets what bounds how rooms are kept on disk.
    #[must_use]
    pub fn disk_limits(mut self, limits: DiskLimits) -> Self {
        self.disk_limits = limits;
        self
    }

    /// Keeps rooms on this disk instead of the machine's.
    #[cfg(test)]
    fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Every room of this name asks for this password, see [`mixer_proto::server::PASSWORD`].
    #[must_use]
    pub fn room_password(mut self, room: &str, password: &str) -> Self {
        self.passwords.push((room.to_owned(), password.to_owned()));
        self
    }

    /// Takes clients from this network alone. May be called again for further ones.
    #[must_use]
    pub fn allow(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Starts the server. Blocks for the moment it takes to read the rooms on disk and to listen. Raises the soft limit of the process's descriptors to
    /// what the clients that are allowed need, as far as the hard one lets it. With glibc, the process keeps up to 64 MiB of freed memory for each arena
    /// of its allocator from then on: reading into it is faster than into memory that the system has yet to clear.
    ///
    /// # Errors
    /// When it cannot; nothing stays open then.
    pub fn spawn(self) -> Result<Server, StartError> {
        let (commands, receiver) = mpsc::unbounded_channel();
        let (started, start) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name("mixer".into()).spawn(move || {
            let runtime = match runtime::Builder::new_current_thread().enable_io().enable_time().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(StartError::from(error)))),
            };
            let work = LocalSet::new();
            work.block_on(&runtime, async move {
                match self.open() {
                    Ok((listeners, hub)) => {
                        let addresses =
                            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
                        let _ = started.send(Ok(addresses));
                        serve(listeners, hub, receiver).await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
        let addresses = start.recv().map_err(|_| StartError::EndedEarly)??;
        Ok(Server { addresses, commands, thread })
    }

    // req: MIX-BUG-8, MIX-NET-1
    fn open(mut self) -> Result<(Vec<CappedListener>, Rc<Hub>), StartError> {
        if self.data.is_some() {
            // The length of a record has 32 bits.
            self.limits.frame_bytes = self.limits.frame_bytes.min(LARGEST_RECORD);
        }
        let mut rooms = RoomServer::new(self.limits.clone());
        rooms.allow_only(self.networks);
        for (room, password) in &self.passwords {
            rooms.lock_room(room, password);
        }
        let mut addresses = self.addresses;
        if addresses.is_empty() {
            addresses.push(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), self.port));
        }
        // Some more than allowed, so that who is too many can be told so.
        let connections = self.limits.clients.saturating_add(REFUSED_AT_ONCE);
        let limits = AcceptLimits { connections, connections_per_ip: connections, ..AcceptLimits::default() };
        let listeners = addresses
            .into_iter()
            .map(|address| bind::listen(&BindOptions::at(address).attempts(1)))
            .map(|listener| listener.map(|listener| CappedListener::new(listener, limits)))
            .collect::<Result<_, _>>()?;
        descriptors::make_room_for(connections);
        memory::keep_freed();
        let store = match self.data {
            Some((directory, fsync)) => {
                let store = Store::open(&directory, fsync, self.disk_limits, self.disk, &mut rooms)?;
                rooms.keep(if fsync == Fsync::Always {
                    Keeping::DurableBeforeRelay
                } else {
                    Keeping::Logged
                });
                Some(store)
            }
            None => None,
        };
        Ok((listeners, Hub::new(rooms, self.limits, store)))
    }
}

impl Server {
    /// A server at every address of the machine, port [`DEFAULT_PORT`], rooms in memory alone.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            addresses: Vec::new(),
            port: DEFAULT_PORT,
            limits: Limits::default(),
            data: None,
            disk: Arc::new(RealDisk),
            disk_limits: DiskLimits::default(),
            passwords: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// Where it listens.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How things stand; `None` when the server has ended. May be dropped at any time.
    pub async fn metrics(&self) -> Option<Metrics> {
        self.metrics_reader().read().await
    }

    /// What asks for the same without the server at hand.
    pub fn metrics_reader(&self) -> MetricsReader {
        MetricsReader { commands: self.commands.downgrade() }
    }

    /// Waits until the server has ended, which it does by itself only where something in it is broken. May be dropped at any time.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Closes all connections and waits until everything stored is on the disk.
    pub async fn shutdown(self) {
        let _ = self.commands.send(Command::Stop);
        // The channel closes when the thread is done with it, just before it ends.
        self.commands.closed().await;
        if self.thread.is_finished() {
            return;
        }
        let (done, ended) = oneshot::channel();
        let Self { thread, .. } = self;
        thread::spawn(move || {
            let _ = thread.join();
            let _ = done.send(());
        });
        let _ = ended.await;
    }
}

async fn serve(listeners: Vec<CappedListener>, hub: Rc<Hub>, mut commands: mpsc::UnboundedReceiver<Command>) {
    for listener in listeners {
        tokio::task::spawn_local(accept(listener, Rc::clone(&hub)));
    }
    tokio::task::spawn_local(Rc::clone(&hub).end_rounds());
    if hub.has_store() {
        tokio::task::spawn_local(Rc::clone(&hub).take_store_reports());
    }
    while let Some(command) = commands.recv().await {
        match command {
            Command::Metrics(answer) => drop(answer.send(hub.metrics())),
            Command::Stop => break,
        }
    }
    hub.stop();
}

async fn accept(mut listener: CappedListener, hub: Rc<Hub>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => connection::serve(accepted, &hub),
            // Told, and the loop goes on.
            Err(error) => log_accept_error(&error),
        }
    }
}

fn log_accept_error(error: &AcceptError) {
    tracing::warn!("{error}");
}

const LARGEST_RECORD: u64 = 1 << 30;
const REFUSED_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn that_it_has_ended_is_known_as_soon_as_it_has_and_not_before() {
        let server = Server::builder().address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).spawn().unwrap();
        timeout(Duration::from_millis(20), server.ended()).await.unwrap_err();
        server.commands.send(Command::Stop).unwrap();
        timeout(Duration::from_secs(30), server.ended()).await.unwrap();
        assert_eq!(server.metrics().await, None);
    }
}
