//! Transports around transports: see everything ([`Observed`], [`traced`], [`recorded`]) or break something ([`Faulty`]).
//!
//! Each passes every call on and changes nothing else, so they stack in any order and pass the battery themselves.
//! They do not look into files.

mod faulty;
mod observed;
mod recorded;
mod traced;

pub use faulty::{FaultPlan, Faulty};
pub use observed::{Direction, Observed, Observer, Record, Tap, What};
pub use recorded::recorded;
pub use traced::traced;

#[cfg(test)]
mod tests;
