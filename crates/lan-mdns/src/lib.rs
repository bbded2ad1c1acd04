//! Multicast DNS service discovery (RFC 6762, RFC 6763) as one state machine: responder, querier and record cache.
//!
//! It turns datagrams, interfaces and the time into datagrams, services that are there and services that are not. It deliberately knows no
//! socket, clock, thread or source of randomness, and no particular service: what a type or a TXT record means is the caller's affair.
//!
//! ```text
//!  datagram, link, time ─► Mdns::step ─┬─ query ────► respond ─► Send (unique at once, shared after 20-120 ms, once a second)
//!  register, browse, doubt ─►          ├─ response ─► conflicts ─► Renamed        cache ─► Found, Lost
//!                                      └─ deadline ─► probes, announcements, goodbyes, questions, refreshes
//! ```
//! How it differs from other implementations:
//! * names that several services share by design are kept apart, by source, by datagram, and by a TXT key if one is given (see `cache.rs`);
//! * instances may have several labels, and further names may point to one instance;
//! * an answer is late rather than in pieces: what was said less than a second ago is said again, whole, when the second is over;
//! * everything that others can make grow has a limit in [`Limits`].
//!
//! Rules the caller keeps:
//! * [`Mdns::step`] is called at [`Mdns::deadline`] at the latest, and all that it gives is taken;
//! * a [`LinkId`] is one interface in one address family; the addresses of both families are given with it;
//! * datagrams go out with an IP time to live of 255 and from [`Config::port`];
//! * after [`Input::Withdraw`] it goes on until [`Mdns::said_goodbye`], or the goodbye is said only once.
//!
//! It mirrors RFC 6762 sections 5 to 11 and RFC 6763 sections 4 to 12; `docs/spec/mdns.toml` lists what it holds to.
//!
//! ```
//! use std::time::Duration;
//! use lan_mdns::{Config, Input, Link, LinkId, Mdns, Name, Output, Service, ServiceId};
//!
//! let mut mdns = Mdns::new(Config::default());
//! let link = Link { addresses: vec![("10.0.0.1".parse().unwrap(), 24)] };
//! mdns.step(Duration::ZERO, Input::LinkUp(LinkId(2), link)).for_each(drop);
//! let service = Service {
//!     instance: vec!["Lamp".to_owned()],
//!     service_type: Name::from_dotted("_osc._udp.local")?,
//!     also_under: vec![],
//!     host: "lamp".to_owned(),
//!     port: 7000,
//!     txt: vec![],
//! };
//! mdns.step(Duration::ZERO, Input::Register(ServiceId(1), Box::new(service))).for_each(drop);
//! while let Some(at) = mdns.deadline() {
//!     for output in mdns.step(at, Input::Time) {
//!         if let Output::Announced(..) = output {
//!             println!("announced after {at:?}: three probes were not answered");
//!         }
//!     }
//! }
//! # Ok::<(), lan_mdns::NameError>(())
//! ```
#![forbid(unsafe_code)]

mod cache;
mod claims;
mod config;
mod hear;
mod io;
mod links;
mod look;
mod machine;
mod name;
mod query;
pub mod record;
mod respond;
mod rng;
mod service;
pub mod wire;

pub use config::{Asking, Config, Limits};
pub use io::{Input, Link, LinkId, Lost, Output, Role, Seen, SeenId, Service, ServiceId, To};
pub use machine::{Counts, Mdns, Outputs};
pub use name::{LABEL_BYTES, NAME_BYTES, Name, NameError};
