//! Protocol-free tokio plumbing: capped accept loop, deadlines, shutdown, byte-budgeted outbox.
//!
//! Turns a bare TCP listener into one that cannot be exhausted, a queue into one that cannot grow without
//! bound, and a set of tasks into one that ends. It deliberately knows no protocol: no package, no message,
//! no room. Both protocols of this workspace stand on it and share nothing else.
//!
//! | module | protects against |
//! |---|---|
//! | [`bind`] | a taken port, a machine without IPv6 |
//! | [`accept`] | connection floods, descriptor exhaustion |
//! | [`deadline`] | peers that stop in the middle |
//! | [`outbox`] | peers that do not read |
//! | [`shutdown`] | tasks that outlive their owner |
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use lan_net::accept::{AcceptLimits, CappedListener};
//! use lan_net::bind::{self, BindOptions};
//!
//! let listener = bind::listen(&BindOptions::any(42424))?;
//! let mut listener = CappedListener::new(listener, AcceptLimits::default());
//! loop {
//!     match listener.accept().await {
//!         Ok(accepted) => drop(accepted.stream), // serve it, and keep `accepted.permit` as long
//!         Err(event) => eprintln!("{event}"),    // told, and the loop goes on
//!     }
//! }
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod accept;
pub mod bind;
pub mod deadline;
pub mod outbox;
pub mod shutdown;
