//! The sans-IO state machine of an MVR-xchange station: typed [`Input`]s and the time go in, ordered [`Output`]s come out.
//!
//! It is one station in both modes: in TCP mode it talks to every station of its group, in WebSocket mode ([`Config::session`]) to the host
//! of a session, by whom it reaches the others. Its commits, requests, events and what it serves are the same.
//!
//! ```text
//!  discovery ─ Sighted ─►┌──────┐─ Dial, Send, SendFile, ReceiveFile, Close ─► connections
//!  sockets ─ Received ──►│ Core │─ KeepFile, DropFile, PutAside, Export ─────► store, exporter
//!  application ─ Command►└──────┘─ Advertise, Withdraw, Suspect ─────────────► discovery
//!                            └──── Event ────────────────────────────────────► application
//! ```
//!
//! The core decides who is a station of the group, what is told to whom, who is asked for a file and what follows when
//! the answer is no. It deliberately does not know sockets, bytes, files, a clock or a random number: all ids come in
//! from outside, `now` is an argument, so the same inputs give the same outputs and a simulated world can replay them.
//!
//! Rules the caller keeps:
//! * drain every [`Outputs`] in order before the next [`Core::step`] (the borrow enforces it);
//! * call `step(now, Input::Tick)` when [`Core::deadline`] has come; `now` never goes backwards;
//! * answer each `Dial` with `Dialed` or `DialFailed`, each `DialHost` with `HostReached` or `HostUnreachable`, each `ReceiveFile` with `FileArrived` or `FileFailed`, each `KeepFile` with
//!   `Kept`, `KeepFailed` or `Damaged`, each `SendFile` with `FileSent`, `FileFailed` or `FileUnreadable`, each `Export` with `Exported`, each `PrepareMove` with
//!   `MovePrepared` or `MoveNotPrepared`, each `SavePlace` with `PlaceSaved` or `PlaceNotSaved`;
//! * tell `Closed`, or `HostLost` of one made by `DialHost`, once for a connection that ended by itself; after an `Output::Close` the core has forgotten it.
//!
//! Everything held is bounded by [`Limits`]; everything waited for by a [`Timer`] with a default in [`Timers`].
//!
//! The host of a session in WebSocket mode is a machine of its own: [`host::Host`].
//! By which rule a file that broke off goes on is [`parts`], which drivers use.
//!
//! ```
//! use std::time::Duration;
//! use mvrx_core::{Config, Core, Input, Output};
//! use mvrx_message::{GroupName, StationUuid};
//!
//! let me = StationUuid::from_random_bytes([7; 16]);
//! let mut core = Core::new(Config::new(me, "FOH desk", "MyApp", GroupName::create("Default")?));
//! let outputs: Vec<Output> = core.step(Duration::ZERO, Input::Start).collect();
//! assert!(matches!(outputs[..], [Output::Advertise { .. }, ..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod change;
mod company;
mod config;
pub mod election;
mod event;
mod exchange;
mod farewells;
mod fetch;
mod fetching;
mod history;
pub mod host;
mod inbound;
mod input;
mod lanes;
mod membership;
mod missed;
mod moves;
mod output;
pub mod parts;
mod peer;
mod receive;
mod released;
mod serving;
mod session;
mod sightings;
mod step;
mod timer;
mod withdrawn;

pub use change::{ChangeAction, ChangeEvent, ChangePhase};
pub use config::{Config, Limits};
pub use event::{CommitSource, Event, LimitReached, RequestFailure};
pub use exchange::{ExchangeAction, ExchangeEvent, ExchangeFailure, ExchangePhase};
pub use fetch::{FetchAction, FetchEvent, FetchPhase};
pub use history::CommitView;
pub use input::{Command, Ending, Input, Requested, Sighting, Source};
pub use membership::{Membership, MembershipAction, MembershipEvent};
pub use moves::{MoveAction, MoveAnswer, MoveEvent, MovePhase, Moves, ProposalId, can_be_a_place};
pub use output::{ConnId, Output, Outputs, PlaceId, RequestId};
pub use peer::StationView;
pub use session::{
    FilesLink, FilesLinkAction, FilesLinkEvent, SessionConfig, SessionView, Stay, StayAction, StayEvent,
};
pub use step::{Core, Presence};
pub use timer::{Timer, Timers};
