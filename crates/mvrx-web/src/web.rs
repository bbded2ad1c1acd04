//! The server: started, asked where it is, ended.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lan_net::accept::{AcceptLimits, CappedListener, Places};
use lan_net::bind::{self, BindError, BindOptions};
use mvrx_station::{Heard, Station};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::guard::Guard;
use crate::options::{Listen, Options};
use crate::shared::Shared;
use crate::token::{self, Token};
use crate::{routes, serving, transfers, uploads};

/// The port that is tried first.
pub const PORT: u16 = 42481;

/// A running server. Dropped, it ends at once.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
    listening: Vec<JoinHandle<()>>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot listen there.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// What the system says of its own listening socket.
    #[error("cannot listen: {0}")]
    Socket(io::Error),
    /// The token can neither be read nor made.
    #[error("cannot keep the token in {}: {error}", directory.display())]
    Token {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Web {
    /// Listens, and serves from then on. Has to be called within a tokio runtime; blocks on the disk for the token.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: Options, at: Listen) -> Result<Self, StartError> {
        let listener = listen(at)?;
        let address = listener.local_addr().map_err(StartError::Socket)?;
        let token = Token::of(&options.data)
            .map_err(|error| StartError::Token { directory: options.data.clone(), error })?;
        let guard = Guard::new(token, &options.names, address, &options.limits);
        let instance = token::random().get(..16).unwrap_or_default().to_owned();
        let (closing, closed) = watch::channel(false);
        let connections = options.limits.connections;
        let each = if guard.is_local() { connections } else { options.limits.connections_per_address };
        let accept = AcceptLimits {
            connections,
            connections_per_ip: each,
            places: Places::Networks,
            ..AcceptLimits::default()
        };
        let shared = Arc::new(Shared::new(options, guard, instance, closed.clone()));
        uploads::clear(&shared.data);
        let mut listening = Vec::new();
        if let Some(station) = shared.running.clone() {
            listening.push(tokio::spawn(hear(station, Arc::clone(&shared))));
            listening.push(tokio::spawn(transfers::watch(Arc::clone(&shared))));
        }
        let router = routes::router(&shared);
        let listener = CappedListener::new(listener, accept);
        let serving = tokio::spawn(serving::serve(listener, router, shared.limits.clone(), closed));
        Ok(Self { address, shared, closing, serving: Some(serving), listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for a person's browser on this machine, with the token behind `#`, which no browser sends anywhere.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}/#token={}", self.shared.guard.token())
    }

    /// Takes no more, closes event streams, lets open answers finish for a moment ([`Limits::grace`](crate::Limits)), and ends.
    pub async fn stop(mut self) {
        self.closing.send_replace(true);
        if let Some(serving) = self.serving.take() {
            // Ended either way.
            let _ = serving.await;
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        for task in self.serving.take().into_iter().chain(self.listening.drain(..)) {
            task.abort();
        }
    }
}

/// What happens at the station, as far as answers need it.
async fn hear(station: Station, shared: Arc<Shared>) {
    let mut events = station.events();
    // It ends with the station, whoever holds a handle.
    drop(station);
    while let Some(heard) = events.next().await {
        match &heard {
            Heard::Event(seen) => {
                shared.seen.hear(seen.at, &seen.event);
                shared.transfers.hear(&seen.event, shared.limits.transfers_ended);
            }
            Heard::Lagged { .. } => shared.transfers.lagged(),
            _ => {}
        }
    }
}

fn listen(at: Listen) -> Result<tokio::net::TcpListener, BindError> {
    match at {
        Listen::At(address) => bind::listen(&BindOptions::at(address).attempts(1)),
        Listen::Usual => {
            let usual = Listen::usual();
            bind::listen(&BindOptions::at(usual).attempts(PORTS)).or_else(|error| match error {
                BindError::NoFreePort { .. } => {
                    bind::listen(&BindOptions::at(SocketAddr::new(usual.ip(), 0)))
                }
                error => Err(error),
            })
        }
    }
}

/// Ports that are tried before any will do.
const PORTS: u16 = 16;
