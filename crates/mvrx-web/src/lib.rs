//! The HTTP and event API of a running node, and its page.
//!
//! It turns a [`Station`](mvrx_station::Station) with its data directory into JSON documents, files and a stream of server-sent events at one
//! address, and orders that come there into calls on that station. It deliberately knows nothing of a command line and prints nothing: what is
//! told elsewhere comes in by a [`Feed`]. What each path answers is one table (`routes.rs`), from which the router and the OpenAPI description
//! are both made; `docs/web.md` tells it to people.
//!
//! | part | one sentence |
//! |---|---|
//! | [`Options`], [`Web`] | described, started, ended |
//! | [`Feed`] | numbered documents, bounded, which event streams read and go on with |
//! | [`Limits`] | every bound of it |
//! | `guard` | who may ask: Host, Origin, token, pace |
//!
//! Rules the caller keeps: end with [`Web::stop`] before the station ends, and give the printed address ([`Web::url`]) to the person alone
//! who may change things: it carries the token.
//!
//! What bounds it: [`Limits`]. Nothing of the specification is mirrored here.
//!
//! ```no_run
//! # async fn example(station: mvrx_station::Station) -> Result<(), mvrx_web::StartError> {
//! use mvrx_web::{Feed, Listen, Options, Web};
//!
//! let feed = Feed::default();
//! let options = Options::station(station, "/var/lib/mvrx").named("FOH desk", "Default").feed(feed.clone());
//! let web = Web::start(options, Listen::Usual)?;
//! println!("{}", web.url());
//! feed.tell("up", r#"{"schema":1,"event":"up"}"#);
//! web.stop().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answers;
mod assets;
mod body;
mod events;
mod feed;
mod finding;
mod guard;
mod limits;
mod names;
mod openapi;
mod options;
mod pace;
mod refusal;
mod roll_ups;
mod routes;
mod seen;
mod serving;
mod shared;
mod stalling;
mod tickets;
mod token;
mod transfers;
mod uploads;
mod web;

pub use feed::{Feed, FeedLimits};
pub use limits::Limits;
pub use options::{Kind, Listen, Options};
pub use seen::Sides;
pub use token::TOKEN_FILE;
pub use web::{PORT, StartError, Web};

/// Version of every document; grows when a field changes its meaning, not when one is added.
pub const SCHEMA: u32 = 1;
