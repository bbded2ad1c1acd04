//! One connection to the host: what it is, what is asked on it and what moves on it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{BridgeMark, Candidate, MvrVersion, Product, QuirkSet, StationUuid};

use super::late::Owed;
use super::{AskId, RelayId, Standing};
use crate::ConnId;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    pub(super) standing: Standing,
    /// Whose it is or was.
    pub(super) station: Option<StationUuid>,
    pub(super) product: Product,
    /// Its REQUESTs that are not answered yet, in order.
    pub(super) asks: VecDeque<AskId>,
    /// The REQUEST of ours that it has to answer.
    pub(super) owes: Option<RelayId>,
    /// Answers that did not come in time.
    pub(super) late: Owed,
    /// The file that comes in on it.
    pub(super) taking: Option<Taking>,
    pub(super) errors: Errors,
}

/// What a file that comes in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    For(RelayId),
    /// Nobody: it took too long, or was never asked for. It is read away.
    Nobody,
}

/// Messages without sense, each forgiven after a while.
#[derive(Debug, Default)]
pub(super) struct Errors {
    count: u32,
    /// Until when forgiving is done.
    since: Duration,
}

impl Errors {
    /// One more; how many are not forgiven yet, one being forgiven in each `forgiven_in`.
    pub(super) fn one_more(&mut self, now: Duration, forgiven_in: Duration) -> u32 {
        while self.count > 0 && !forgiven_in.is_zero() && now.saturating_sub(self.since) >= forgiven_in {
            self.count -= 1;
            self.since += forgiven_in;
        }
        if self.count == 0 {
            self.since = now;
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

impl Link {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            standing: Standing::Unjoined,
            station: None,
            product: Product::Other,
            asks: VecDeque::new(),
            owes: None,
            late: Owed::default(),
            taking: None,
            errors: Errors::default(),
        }
    }

    /// Nothing is asked on it and no file comes: REQUEST may go out.
    pub(super) fn is_free(&self) -> bool {
        self.owes.is_none() && self.taking.is_none()
    }
}

/// A joined station.
#[derive(Debug)]
pub(super) struct Member {
    /// Where its messages go.
    pub(super) conn: ConnId,
    /// Where its files go, if it has a connection for them.
    pub(super) files: Option<ConnId>,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) product: Product,
    pub(super) version: MvrVersion,
    pub(super) quirks: QuirkSet,
    /// Its JOIN had our own object.
    pub(super) ours: bool,
    /// It can host when we are gone.
    pub(super) candidate: Option<Candidate>,
    pub(super) bridge: Option<BridgeMark>,
}

impl Member {
    /// Where it is asked for files.
    pub(super) fn file_conn(&self) -> ConnId {
        self.files.unwrap_or(self.conn)
    }

    pub(super) fn view(&self, station: StationUuid, address: Option<SocketAddr>) -> StationView<'_> {
        StationView {
            station,
            name: &self.name,
            provider: &self.provider,
            product: self.product,
            version: self.version,
            address,
            has_files_connection: self.files.is_some(),
            bridge: self.bridge,
        }
    }
}

/// A joined station as the application sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationView<'a> {
    /// Its StationUUID.
    pub station: StationUuid,
    /// Its StationName.
    pub name: &'a str,
    /// Its application.
    pub provider: &'a str,
    /// What we take that application for.
    pub product: Product,
    /// The MVR version it reads, as its JOIN told.
    pub version: MvrVersion,
    /// Where it comes from.
    pub address: Option<SocketAddr>,
    /// Whether its files have a connection of their own.
    pub has_files_connection: bool,
    /// It is a bridge, or one stands in for it.
    pub bridge: Option<BridgeMark>,
}
