//! One connection to the host: what it is, what is asked on it and what moves on it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mvrx_message::{MvrVersion, Product, QuirkSet, StationUuid};

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
    pub(super) owes: Option<Owed>,
    /// The file that comes in on it.
    pub(super) taking: Option<Owed>,
    pub(super) errors: u32,
}

/// What a REQUEST of ours or its file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    To(RelayId),
    /// To nobody: it took too long. What comes is read away, as far as the commit said that it goes.
    Nobody {
        expected: Option<u64>,
    },
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
            taking: None,
            errors: 0,
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
}
