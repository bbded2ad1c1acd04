//! The driver that applications use to run an MVR-xchange station: a [`Builder`], a [`Station`] handle, [`Events`].
//!
//! It turns the decisions of [`mvrx_core`] into connections, files and announcements. It holds no rule of the protocol itself, and it does not
//! know how connections, stores or discovery work: each is a trait with several implementations.
//!
//! Rules the caller keeps: read the events, or live with [`Heard::Lagged`]; keep one clone of the handle as long as the station is to run; nothing
//! is fetched unless asked for, and nothing is ever imported by itself.
//!
//! Everything held is bounded: by [`mvrx_core::Limits`], by the transport's limits, and by queues of 256 whose senders wait.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mvrx_station::{CommitDraft, Source, Station};
//!
//! let (station, mut events) = Station::builder("FOH desk").provider("MyApp").group("Default").spawn().await?;
//! station.commit(CommitDraft::from_path("show.mvr").comment("re-hung LX2")).await?;
//! while let Some(heard) = events.next().await {
//!     println!("{heard:?}");
//! }
//! let fetched = station.request_latest(Source::Any).await?.await?;
//! println!("{} is {} bytes long", fetched.file, fetched.commit.file_size);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod accepting;
mod along;
mod beside;
mod builder;
mod certificate;
mod change;
mod commit;
mod connection;
mod driver;
mod election;
mod events;
mod export;
mod fetches;
mod files;
mod handle;
mod host;
mod identity;
mod keeping;
mod letting_go;
mod looking;
mod marked;
mod moves;
mod orders;
mod resume;
mod secure;
mod session_url;
mod transfer;
mod ways;
mod withdrawing;

pub use builder::{Builder, StartError};
pub use certificate::{KeptCertificateError, load_or_make_certificate};
pub use change::ChangeGroupError;
pub use commit::CommitError;
pub use election::{Election, ElectionNews};
pub use events::{Events, Heard, Seen, SessionSeen};
pub use export::{CommitDraft, Exporter};
pub use handle::{CommitInfo, SessionInfo, Station, StationInfo, Stopped};
pub use host::{Audit, HostOptions, Rate};
pub use identity::{IdentityError, load, load_or_create, random_bytes};
pub use keeping::{KeptPlace, forget_place, keep_place, kept_place};
pub use letting_go::LetGo;
pub use looking::Checked;
pub use moves::{MoveError, MoveReport};
pub use mvrx_core::host::{Access, Event as HostEvent};
pub use mvrx_core::{
    CommitSource, Event, ExchangeFailure, LimitReached, Limits, Membership, MoveAnswer, Moves, ProposalId,
    RequestFailure, RequestId, Source, Timers, can_be_a_place,
};
pub use mvrx_message::{BridgeMark, Candidate, SessionTarget};
pub use mvrx_store::{ArchiveLimits, Condition};
pub use mvrx_transport::middleware::{Direction, Observer, Record, What};
pub use mvrx_transport::tls;
pub use mvrx_transport::ws::{Login, NotAPassword, Origins, Password};
pub use mvrx_transport::{WsUrl, url_without_user};
pub use secure::wants_password;
pub use session_url::{secure_session_url, session_url};
pub use transfer::{Fetched, Progress, Transfer};
pub use withdrawing::WithdrawError;
