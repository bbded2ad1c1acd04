//! Turns any pair of byte streams into a [`Connection`]: packages in, packages out, files past both.
//!
//! TCP and memory share all of it; they differ in their [`Link`] alone. It does not know how bytes travel, and not
//! what messages mean.

mod buffer;
mod link;
mod reader;
mod timers;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) use buffer::ReadBuffer;
pub(crate) use link::{Link, Origin, Shared};
pub(crate) use reader::understand;
pub(crate) use writer::Busy;

use crate::limits::Limits;
use crate::pump::FilePump;
use crate::traits::Connection;
use crate::ws::Passed;

// req: TRA-05
/// Ends of a link, and everything its two halves have in common.
pub(crate) fn connection<L: Link>(
    link: L,
    (local, peer): (SocketAddr, SocketAddr),
    limits: Limits,
    pump: FilePump,
    origin: Origin,
) -> Connection {
    let shared = Arc::new(Shared::new(link, limits, pump, origin));
    Connection {
        peer,
        local,
        reader: Box::new(reader::Reader::new(Arc::clone(&shared))),
        writer: Box::new(writer::Writer::new(shared)),
        passed: Passed::default(),
    }
}

#[cfg(test)]
mod tests;
