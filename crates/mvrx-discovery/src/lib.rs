//! Finds and announces MVR-xchange stations: what the network says becomes [`Sighting`]s, an [`Advertisement`] becomes what it hears.
//!
//! | implementation of [`Discovery`] | for |
//! |---|---|
//! | [`LanDiscovery`] | a network with multicast; nothing to configure. By this project's own responder |
//! | [`MdnsDiscovery`] | the same by the crate mdns-sd, with fewer abilities (`docs/protocol/discovery.md`) |
//! | [`FixedDiscovery`] | addresses known in advance |
//! | [`MemoryBus`] | stations of one process, tests |
//! | [`Merged`] | several of them as one |
//!
//! Sessions of WebSocket mode in the ordinary DNS are [`unicast`]'s.
//!
//! It mirrors the specification's "TCP Mode of protocol" with the TXT record of Table 65. It deliberately does not know messages,
//! connections or membership: it shows the stations of all groups, and whether one is really there, and who it is, tells only JOIN_RET.
//!
//! Rules a caller keeps: those of [`Discovery`]. Limits that protect it: [`Limits`].
//!
//! ```no_run
//! use mvrx_discovery::{Advertisement, Discovery, DiscoveryEvent, LanDiscovery, MdnsOptions};
//! use mvrx_message::{GroupName, StationUuid};
//!
//! # async fn example(station: StationUuid) -> Result<(), Box<dyn std::error::Error>> {
//! let mut discovery = Box::new(LanDiscovery::start(MdnsOptions::default())?);
//! discovery.advertise(&Advertisement::new(GroupName::create("Default")?, station, "FOH desk", 42424))?;
//! while let Some(event) = discovery.next().await {
//!     if let DiscoveryEvent::Sighted(sighting) = event {
//!         println!("{:?} of {:?} at {:?}", sighting.station_name, sighting.group, sighting.addresses);
//!         break;
//!     }
//! }
//! discovery.shutdown().await;
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "battery")]
pub mod battery;
mod discovery;
mod fixed;
mod instance;
mod lan;
mod limits;
mod mdns;
mod memory;
mod merged;
mod problem;
mod queue;
mod session;
mod sightings;
pub mod unicast;

pub use discovery::{Advertisement, BoxFuture, Discovery, DiscoveryEvent, Sighting, SightingKey};
pub use fixed::FixedDiscovery;
pub use instance::{
    Announced, InstanceName, InstanceNameError, InstanceShape, LABEL_BYTES, LONGEST_GROUP, check_group,
};
pub use lan::LanDiscovery;
pub use limits::Limits;
pub use mdns::{Interface, Interfaces, MdnsDiscovery, MdnsOptions, Requery};
pub use memory::{MemoryBus, MemoryDiscovery};
pub use merged::Merged;
pub use problem::{DiscoveryError, DiscoveryProblem, UnusableReason};
pub use session::{Elected, SESSION_TYPE, SessionAdvertisement, SessionSighting, find_sessions};
