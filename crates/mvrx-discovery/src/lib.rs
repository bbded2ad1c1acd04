//! Finds and announces MVR-xchange stations: mDNS, fixed list, in-memory.

#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "battery")]
pub mod battery;
mod discovery;
mod fixed;
mod instance;
mod limits;
mod mdns;
mod memory;
mod merged;
mod problem;
mod queue;
mod sightings;

pub use discovery::{Advertisement, BoxFuture, Discovery, DiscoveryEvent, Sighting, SightingKey};
pub use fixed::FixedDiscovery;
pub use instance::{Announced, InstanceName, InstanceNameError, InstanceShape, LABEL_BYTES, LONGEST_GROUP};
pub use limits::Limits;
pub use mdns::{Interface, Interfaces, MdnsDiscovery, MdnsOptions, Requery};
pub use memory::{MemoryBus, MemoryDiscovery};
pub use merged::Merged;
pub use problem::{DiscoveryError, DiscoveryProblem, UnusableReason};
