//! The stations of a bridge, as its machine is told of them.

use std::cell::RefCell;
use std::net::SocketAddr;

use lan_sim::{Content, Digest, DigestMemo};
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

/// What a station of a bridge knows.
pub(super) fn known_by(station: &Station, through: Through) -> impl Iterator<Item = Known> + '_ {
    station.core().commits().map(move |view| Known {
        file: view.commit.file,
        author: view.commit.station,
        for_all: view.commit.for_stations.is_empty(),
        through,
        available: view.held || !view.holders.is_empty(),
        held: view.held,
    })
}

/// The commit with the length and the hash that its file has; `None`: it is not the file that was announced.
pub(crate) fn as_it_is((commit, content): (Commit, Content)) -> Option<Commit> {
    let (length, hash) = (content.len(), digest_of(&content));
    let sound = match commit.blake3 {
        Some(announced) => announced == hash,
        None => commit.file_size == 0 || commit.file_size == length,
    };
    sound.then_some(Commit { file_size: length, blake3: Some(hash), ..commit })
}

/// Each stand-in that starts reads all its files anew: most are known.
fn digest_of(content: &Content) -> Digest {
    thread_local! {
        static KNOWN: RefCell<(DigestMemo, usize)> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|(memo, asked)| {
        *asked += 1;
        if asked.is_multiple_of(1 << 16) {
            *memo = DigestMemo::new();
        }
        memo.digest(content)
    })
}
