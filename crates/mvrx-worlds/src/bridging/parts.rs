//! The stations of a bridge, as its machine is told of them.

use std::net::SocketAddr;

use lan_sim::Content;
use mvrx_bridge::{Known, Through};
use mvrx_message::{BridgeMark, Commit, StationUuid};

use super::unread;
use crate::Station;
use crate::station::Setup;

/// What makes a station one of a bridge.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The StationUUID: the bridge's, or that of the station it stands in for.
    pub(crate) id: StationUuid,
    pub(crate) mark: BridgeMark,
    /// It lists the files of this author; `None`: of nobody.
    pub(crate) lists: Option<StationUuid>,
    /// Where the numbers of its requests begin.
    pub(crate) requests: u64,
}

pub(super) fn describe(setup: &Setup, name: &str, session: Option<SocketAddr>, part: Part) -> Setup {
    Setup {
        name: name.to_owned(),
        session,
        shares_instance: false,
        moves_port: false,
        moving: false,
        part: Some(part),
        ledger: unread(),
        ..setup.clone()
    }
}

pub(super) fn known_by(station: &Station, through: Through) -> Vec<Known> {
    let known = station.core().commits().map(|view| Known {
        commit: view.commit.clone(),
        through,
        available: view.held || !view.holders.is_empty(),
        held: view.held,
    });
    known.collect()
}

/// The commit with the length and the hash that its file has; `None`: it is not the file that was announced.
pub(crate) fn as_it_is((commit, content): (Commit, Content)) -> Option<Commit> {
    let (length, hash) = (content.len(), content.digest());
    let sound = match commit.blake3 {
        Some(announced) => announced == hash,
        None => commit.file_size == 0 || commit.file_size == length,
    };
    sound.then_some(Commit { file_size: length, blake3: Some(hash), ..commit })
}
