//! A deterministic world for tests: virtual clock, byte links, discovery bus, disks, faults, seed, trace.
//!
//! It turns state machines without input and output of their own, written as [`Node`]s, and one seed into a
//! run that is the same on every machine: hosts start, dial, talk, lose links and power, and start again, an
//! hour of it in a second. A run that fails is a seed, or a list of steps that [`shrink`] makes short.
//!
//! It deliberately knows no protocol, no thread, no real clock and no runtime. Links carry bytes, the bus
//! carries announcements, datagrams get through or not, disks keep files; what they mean is the nodes' affair.
//!
//! ```text
//!  Choices ─► FaultPlan ─┐                        ┌──────── Node (yours) ───────┐
//!  your commands ────────┴► [Step] ─► World::play │ handle(event, &mut HostCtx) │
//!                                       │         │ deadline()                  │
//!        ┌──────────────────────────────┘         └──▲───────────────────┬──────┘
//!        ▼                                     Event │                   │ dial, read, write, announce, disk
//!   queue of actions ─► links, bus, hosts, disks ────┘◄──────────────────┘
//!        └────────────► Trace (hash, records), FaultCounts, your check after everything that happens
//! ```
//!
//! # A node
//! ```
//! use std::time::Duration;
//! use lan_sim::{Event, HostCtx, HostSpec, Node, Read, Settings, Time, World};
//!
//! /// Dials its neighbour after a second and says hello; keeps what others say.
//! struct Greeter { at: Option<Time>, heard: Vec<u8> }
//!
//! impl Node for Greeter {
//!     fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
//!         match event {
//!             Event::Wake => {
//!                 self.at = None;
//!                 net.dial(([10, 0, 0, 2], 7).into());
//!             }
//!             Event::Connected { conn } => {
//!                 let _ = net.write(conn, b"hello");
//!             }
//!             Event::Readable { conn } => {
//!                 while let Read::Bytes(_) = net.read(conn, &mut self.heard, 4096) {}
//!             }
//!             _ => {}
//!         }
//!     }
//!     fn deadline(&self) -> Option<Time> {
//!         self.at
//!     }
//! }
//!
//! let run = |seed| {
//!     let mut world = World::new(Settings::new(seed));
//!     world.add_host(HostSpec::new("a"), |_| Greeter { at: Some(Time::from_secs(1)), heard: Vec::new() });
//!     let b = world.add_host(HostSpec::new("b"), |net| {
//!         net.listen(7).expect("a fresh host has its ports to itself");
//!         Greeter { at: None, heard: Vec::new() }
//!     });
//!     world.run_for(Duration::from_secs(2));
//!     assert_eq!(world.node(b).expect("it runs").heard, b"hello");
//!     world.trace().hash()
//! };
//! assert_eq!(run(7), run(7));
//! assert_ne!(run(7), run(8));
//! ```
//! For a core with `step(now, input)` and `deadline()` a node is an adaptor: `now` is
//! `net.now().since_start()`, received bytes go through the real decoder, outputs become calls of
//! [`HostCtx`], a [`SendQueue`] per link keeps what a window has no room for, and `deadline` is passed on.
//! `examples/echo_under_faults.rs` shows a whole round under faults.
//!
//! # Rules a node and its owner keep
//! * Nothing in a node comes from outside the world: no clock but [`HostCtx::now`] and
//!   [`HostCtx::wall_clock`], no randomness but [`HostCtx::random`] and [`HostCtx::stream`], no map that
//!   iterates in a random order where order shows. Running a seed twice and comparing [`Trace::hash`] finds
//!   who breaks this.
//! * [`Event::Readable`] is told once per arrival: read until [`Read::Empty`], or remember that bytes were
//!   left.
//! * Hosts have names of their own: a host's randomness hangs on its name, so that one host more shifts
//!   nobody else's.
//! * Draw steps first, play them then ([`World::play`]): a step left out must not change the others.
//!
//! # What it costs Costs are by segment, not by byte: a file of 4 GiB written as [`Bulk`] flows in some
//! hundred steps and lies on a [`Disk`] as one extent; [`Content`] compares it without making it. An
//! optimised build works off some three million events per second of processor time, with 5,000 hosts as with
//! 100 (`examples/speed.rs`). Bounded are a link's bytes by its windows, the trace by [`Keep`], shrinking by
//! its tries. The queue is as long as nodes make it; [`World::queued`] tells.
//!
//! # What it is not Links are TCP as its users see it, not its packets: no congestion, no keep-alives, no
//! urgent data; rates are per link, not per machine, and a machine runs one node. The bus is not multicast
//! DNS but what that does to those who use it; a machine for multicast DNS has the datagrams. Disks have no links, permissions or times.
#![forbid(unsafe_code)]

mod bus;
mod choices;
mod content;
mod ctx;
mod datagrams;
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
pub use datagrams::Datagram;
pub use disk::{Condition, DirEntry, Disk, DiskCounts, DiskError, DiskFile, DiskOp};
pub use event::{Break, ConnGone, DialFailure, Event, PortTaken, Read, Take};
pub use fault::{Crash, DiskFate, DiskTrouble, Effect, Fault, FaultCounts, FaultKind, LinkTrouble};
pub use host::{HostId, HostSpec, HostState};
pub use link::Conn;
pub use net::Settings;
pub use plan::FaultPlan;
pub use profile::{BusProfile, DatagramProfile, LinkProfile, Segmentation};
pub use rng::{Chance, Rng, Seed};
pub use send_queue::SendQueue;
pub use shrink::{Shrunk, Simpler, shrink, shrink_bytes};
pub use steps::{Deed, Outcome, Step, interleave};
pub use time::Time;
pub use trace::{Keep, Record, Trace, What};
pub use world::{Node, Stepped, World};
