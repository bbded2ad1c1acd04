//! Mixer's rooms beside a node, or alone: a server, and its page of metrics where one is wished for.
//!
//! It turns a described server into a running one with a page, and tells when it ends without having been asked to. It knows nothing of what
//! is in a room, and nothing of stations: a room is a matter of Blenders.
//!
//! Rules the caller keeps: end with [`Rooms::stop`], which alone waits for the disk. What bounds it: the server's limits; of the page 32
//! connections, of which each has 5 s and 8 KiB.

mod page;
pub mod plain;

use std::io;
use std::net::SocketAddr;

use mixer::{Metrics, MetricsReader, Server, ServerBuilder, StartError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use page::numbers;

/// Mixer's rooms, served.
#[derive(Debug)]
pub struct Rooms {
    server: Server,
    page: Option<Page>,
    /// That it has ended is told once.
    told: bool,
}

/// Ends when it is dropped.
#[derive(Debug)]
struct Page {
    address: SocketAddr,
    answering: JoinHandle<()>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

/// What becomes of the rooms by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomsNews {
    /// They are served no longer, though nobody ended them.
    Ended,
}

/// Why rooms are not served. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The page cannot be where it is to be.
    #[error("cannot answer for metrics at {address}: {error}")]
    Page {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The server does not start.
    #[error("Mixer: {0}")]
    Server(#[from] StartError),
}

impl Rooms {
    /// Starts the server, and a page at `metrics`: Prometheus text over HTTP, for whoever reaches that address. Blocks as
    /// [`ServerBuilder::spawn`] does.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn start(described: ServerBuilder, metrics: Option<SocketAddr>) -> Result<Self, ServeError> {
        let listener = match metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let server = described.spawn()?;
        let page = listener.map(|(address, listener)| {
            let answering = tokio::spawn(page::answer(listener, server.metrics_reader()));
            Page { address, answering }
        });
        Ok(Self { server, page, told: false })
    }

    /// Where Blenders reach it.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.local_addresses()
    }

    /// Where the page is.
    #[must_use]
    pub fn metrics_at(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(|page| page.address)
    }

    /// Asks how things stand, from wherever; does not keep it running.
    #[must_use]
    pub fn reader(&self) -> MetricsReader {
        self.server.metrics_reader()
    }

    /// How things stand; `None` when it has ended. May be dropped at any time.
    pub async fn metrics(&self) -> Option<Metrics> {
        self.server.metrics().await
    }

    /// What becomes of it by itself; waits for ever where nothing does, and when all was told. Cancel-safe.
    pub async fn next(&mut self) -> RoomsNews {
        if self.told {
            std::future::pending::<()>().await;
        }
        self.server.ended().await;
        self.told = true;
        RoomsNews::Ended
    }

    /// Closes all connections, waits for the disk, and says how things stood; `None` when it had ended before.
    pub async fn stop(self) -> Option<Metrics> {
        let metrics = self.server.metrics().await;
        self.server.shutdown().await;
        metrics
    }
}

async fn listen(address: SocketAddr) -> Result<(SocketAddr, TcpListener), ServeError> {
    let listener = TcpListener::bind(address).await;
    let listening = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    listening.map_err(|error| ServeError::Page { address, error })
}
