//! Joins a group of MVR-xchange's TCP mode on a local network with a session of its WebSocket mode anywhere: the stations of each side
//! appear on the other one with their own StationUUID, name and application, and their commits with their own FileUUID, comment and name.
//!
//! Each station of the other side has a *stand-in*: in the group a station with a port and an mDNS instance of its own, on the host a
//! connection of its own, since messages of TCP mode name no target station and a host of another product knows one station per connection.
//! Stand-ins are marked ([`mvrx_message::BridgeMark`]); what a bridge brought into a group no bridge carries on. A bridge fetches each commit
//! once, keeps it, and only then lets the stand-in of its author commit it: a file that is not whole is never offered.
//!
//! The rules are [`Machine`] and [`table`], which know no socket and no clock; [`Bridge`] does what they say. It does not know how a session
//! is reached: [`Options::session`] describes a station of it.
//!
//! Rules the caller keeps: read the [`News`], or drop their receiver; end with [`Bridge::stop`]. What bounds it: [`Limits`], and the limits
//! of its store.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mvrx_bridge::{Bridge, Options};
//! use mvrx_discovery::{LanDiscovery, MdnsOptions};
//!
//! let options = Options::new("Bridge", "Default", "ws://rack.example:42480/")
//!     .discovery(|| Ok(Box::new(LanDiscovery::start(MdnsOptions::default())?)));
//! let (bridge, mut news) = Bridge::start(options).await?;
//! while let Some(news) = news.recv().await {
//!     println!("{news:?}");
//! }
//! bridge.stop().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "driver")]
mod again;
#[cfg(feature = "driver")]
mod answers;
#[cfg(feature = "driver")]
mod driver;
#[cfg(feature = "driver")]
mod eyes;
#[cfg(feature = "driver")]
mod gone;
#[cfg(feature = "driver")]
mod kept;
mod machine;
#[cfg(feature = "driver")]
mod news;
#[cfg(feature = "driver")]
mod options;
#[cfg(feature = "driver")]
mod sides;
pub mod table;
#[cfg(feature = "driver")]
mod told;

#[cfg(feature = "driver")]
pub use driver::{Bridge, StartBridgeError};
pub use machine::{Action, Known, Limits, Machine, Seen, Side, Through, View};
#[cfg(feature = "driver")]
pub use news::News;
#[cfg(feature = "driver")]
pub use options::Options;
