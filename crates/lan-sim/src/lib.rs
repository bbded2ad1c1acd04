//! A deterministic world for tests: virtual clock, byte links, discovery bus, disks, faults, seed, trace.
#![forbid(unsafe_code)]

mod bus;
mod choices;
mod content;
mod ctx;
mod disk;
mod event;
mod fault;
mod hash;
mod host;
mod link;
mod net;
mod pipe;
mod plan;
mod profile;
mod queue;
mod rng;
mod send_queue;
mod shrink;
mod steps;
mod time;
mod trace;
mod world;

pub use bus::Announcement;
pub use choices::Choices;
pub use content::{Bulk, Content, Digest, DigestMemo, Payload};
pub use ctx::HostCtx;
pub use disk::{Condition, DirEntry, Disk, DiskCounts, DiskError, DiskFile, DiskOp};
pub use event::{Break, ConnGone, DialFailure, Event, PortTaken, Read, Take};
pub use fault::{Crash, DiskFate, DiskTrouble, Effect, Fault, FaultCounts, FaultKind, LinkTrouble};
pub use host::{HostId, HostSpec, HostState};
pub use link::Conn;
pub use net::Settings;
pub use plan::FaultPlan;
pub use profile::{BusProfile, LinkProfile, Segmentation};
pub use rng::{Chance, Rng, Seed};
pub use send_queue::SendQueue;
pub use shrink::{Shrunk, Simpler, shrink, shrink_bytes};
pub use steps::{Deed, Outcome, Step, interleave};
pub use time::Time;
pub use trace::{Keep, Record, Trace, What};
pub use world::{Node, Stepped, World};
