//! Simulated worlds of stations and of quirky peers, with their reference model and checkers.
//!
//! A [`Plan`] (a seed, how many stations, what goes wrong) becomes a list of [`Step`](lan_sim::Step)s; [`Plan::play`] lets them happen in a
//! `lan-sim` world whose hosts are real stations: [`mvrx_core::Core`], [`mvrx_wire::Decoder`] and [`mvrx_message`], with a store on
//! the simulated disk. Beside them stands a [`Ledger`], which is told every fact the moment it happens and says the first thing that should
//! not be; it holds its own, much simpler idea of what a station may do and shares no code with the core.
//!
//! It deliberately does not know sockets, threads or the real clock. Same plan, same steps: same trace hash.
//!
//! ```
//! use mvrx_worlds::Plan;
//! let plan = Plan::new(7).stations(2).calm();
//! let report = plan.play(&plan.steps());
//! assert_eq!(report.outcome.check(), None);
//! ```
#![forbid(unsafe_code)]

mod act;
mod bridging;
mod crew;
pub mod doubles;
mod draw;
mod electing;
mod everything;
mod grow;
mod ledger;
mod moves;
mod node;
mod parts;
mod plan;
mod planted;
mod poser;
mod quiet;
mod quirky;
mod rooms;
mod session;
mod shelf;
mod station;

pub use act::{Act, Audience, Casualty, MoveStep};
pub use bridging::Bridge;
pub use electing::Candidacy;
pub use grow::{Cost, grow};
pub use ledger::{Ledger, Violation};
pub use node::Node;
pub use plan::{Plan, Report, act_in, play, report};
pub use planted::Planted;
pub use poser::Poser;
pub use quirky::QuirkyHost;
pub use rooms::{Artist, Mix, RoomsHost};
pub use session::SessionHost;
pub use station::Station;
