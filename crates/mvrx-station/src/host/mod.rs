//! The host of a session (WebSocket mode) as an application runs it: [`crate::Builder::host`].
//!
//! ```text
//!  stations ⇄ Link (reader, writer, Outbox) ─ Report ─► HostDriver ─ Input ─► mvrx_core::host::Host
//!                   │  ▲                                   └──────── Output ◄──┘
//!        GrowingSink ▼  │ GrowingSource, each reader at its own pace
//!                  store: a file that grows, then a kept one
//! ```
//! It turns the decisions of [`mvrx_core::host`] into connections and files, and knows no rule of the exchange. One read of an owner serves all
//! who ask: the owner's bytes go to the disk, and each asker's sending reads them from there ([`growing`]). Messages wait in an [`outbox`]
//! bounded in bytes; files wait on the disk.
//!
//! [`HostOptions`] has every limit. Requirements are in `docs/spec/host-driver.toml`.

mod accepting;
mod access;
mod audit;
mod carry;
mod draining;
mod driver;
mod growing;
mod letting_go;
mod link;
mod options;
mod outbox;
mod pace;
mod paced;
mod rest;
mod sending;
mod start;
mod tally;
mod tell;
mod tickets;
mod times;
mod withdrawing;

pub use audit::Audit;
pub use options::HostOptions;
pub use pace::Rate;
pub(crate) use start::{Prepared, Starting, start};
