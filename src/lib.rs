//! MVR-xchange for applications: find the stations of a lighting crew's group, announce commits, exchange .mvr files.
//!
//! This crate is a guided tour of its parts; it has no logic of its own. Most applications need [`Station`] alone:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mvrx::{CommitDraft, Event, Heard, Source, Station};
//!
//! // One station, found by the others through mDNS, on a thread of its own.
//! let (station, mut events) = Station::builder("FOH desk").provider("MyApp").group("Default").spawn().await?;
//!
//! // Announce a file. It is copied first: later edits of the original change nothing.
//! station.commit(CommitDraft::from_path("show.mvr").comment("re-hung LX2")).await?;
//!
//! // Nothing is fetched unless asked for, and nothing is ever imported by itself.
//! while let Some(heard) = events.next().await {
//!     if let Heard::Event(seen) = heard
//!         && let Event::CommitSeen { file, .. } = seen.event
//!     {
//!         let fetched = station.request(file, Source::Any).await?.await?;
//!         println!("{} has {} bytes", fetched.commit.file_name, fetched.commit.file_size);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The parts, for those who need one of them:
//!
//! | module | for |
//! |---|---|
//! | [`wire`] | the 28-byte package header and what follows it, without IO |
//! | [`message`] | the JSON messages and the TXT record as types |
//! | [`mod@core`] | the station as a sans-IO state machine, to drive it yourself |
//! | [`discovery`] | finding and announcing stations |
//! | [`transport`] | messages and files over one connection |
//! | [`store`] | keeping commits and files |
//! | [`station`] | the driver that puts them together |
//! | [`mod@file`] | what is in an .mvr, and what changed |
#![forbid(unsafe_code)]

pub use mvrx_core as core;
pub use mvrx_discovery as discovery;
pub use mvrx_file as file;
pub use mvrx_message as message;
pub use mvrx_station as station;
pub use mvrx_store as store;
pub use mvrx_transport as transport;
pub use mvrx_wire as wire;

pub use mvrx_station::{
    Builder, CommitDraft, CommitInfo, Event, Events, Exporter, Fetched, Heard, RequestFailure, Source,
    Station, StationInfo, Transfer,
};
