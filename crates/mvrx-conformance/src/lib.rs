//! Judges any product that speaks MVR-xchange or Mixer, at an address, by what it sends: a case for each sentence of the specifications that binds,
//! and for what was found in the field.
//!
//! It knows nothing of our codecs, messages and machines: the framing is its own, messages are plain JSON values. A judge that shared a parser
//! with what it judges would share its mistakes.
//!
//! Rules that a caller keeps: tell the operator [`Judge::announcement`] before [`Judge::run`], and never run against a product in a show with
//! more consent than its operator gave ([`Consent`]).
//!
//! Every wait ends ([`Options::wait`]), every read is bounded ([`Limits`]), each case has connections of its own.
//!
//! ```no_run
//! use mvrx_conformance::{Judge, Options, Target};
//!
//! let judge = Judge::new(Target::parse("tcp://10.0.0.5:42424")?, Options::default());
//! println!("{}", judge.announcement());
//! let report = judge.run(&mut |finding| println!("{:9} {}", finding.verdict.word(), finding.case.id))?;
//! assert_eq!(report.failed(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod case;
mod discover;
mod judge;
mod mixer;
mod mvr;
mod report;
mod serve;
mod target;
mod transcript;
mod verdict;
mod visit;
mod wire;
mod ws;

pub use case::{Binding, Case, Consent, Subject, cases};
pub use discover::{Announced, DiscoverError, Lookout, look};
pub use judge::{Judge, JudgeError, Limits, Options};
pub use report::{Judged, Report, junit};
pub use serve::{Script, Scripted, ServeError, Serving};
pub use target::{Target, TargetError};
pub use verdict::Verdict;
