//! Finds and announces MVR-xchange stations: mDNS, fixed list, in-memory.

#![forbid(unsafe_code)]

mod address;
mod discovery;
mod fixed;
mod instance;
mod limits;
mod memory;
mod problem;
mod queue;
mod sightings;

pub use discovery::{Advertisement, BoxFuture, Discovery, DiscoveryEvent, Sighting, SightingKey};
pub use fixed::FixedDiscovery;
pub use instance::{Announced, InstanceName, InstanceNameError, InstanceShape, LABEL_BYTES, LONGEST_GROUP};
pub use limits::Limits;
pub use memory::{MemoryBus, MemoryDiscovery};
pub use problem::{DiscoveryError, DiscoveryProblem, UnusableReason};
