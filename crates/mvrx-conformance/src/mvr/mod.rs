//! MVR-xchange: packages, messages, and the cases for those who speak it.

pub(crate) mod line;
pub(crate) mod look;
pub(crate) mod messages;
pub(crate) mod package;

mod announced;
mod committing;
mod hosting;
mod joining;
mod leaving;
mod moving;
mod packages;
mod requesting;
mod rough;

use crate::case::Case;
use crate::visit::Visit;
use crate::ws;

/// What is done without any further consent.
pub(crate) const DOES: &str = "The judge joins again and again as the station \"Conformance test\", \
    asks for a file that nobody has and for the smallest file that is listed, and leaves.";
pub(crate) const COMMITS: &str = "It commits \"conformance-test.mvr\", a few hundred bytes that mean nothing; in a session everybody sees it.";
pub(crate) const ROUGH: &str = "It sends unusual and broken messages, which have been seen to end products.";
pub(crate) const MOVES: &str = "It proposes moves to places that do not exist.";

/// What a station announces.
pub(crate) fn announced_cases() -> Vec<Case> {
    announced::CASES.to_vec()
}

/// A station of TCP Mode.
pub(crate) fn station_cases() -> Vec<Case> {
    [
        packages::CASES,
        joining::CASES,
        leaving::CASES,
        requesting::CASES,
        requesting::PACKAGES,
        committing::CASES,
        moving::CASES,
        moving::STATION,
        rough::PACKAGES,
        rough::MESSAGES,
    ]
    .concat()
}

/// The host of a session.
pub(crate) fn host_cases() -> Vec<Case> {
    [
        ws::cases::CASES,
        joining::CASES,
        leaving::CASES,
        requesting::CASES,
        committing::CASES,
        hosting::CASES,
        moving::CASES,
        rough::MESSAGES,
    ]
    .concat()
}

/// The judge's station leaves for good; whether that is answered is no matter any more.
pub(crate) fn farewell(visit: &Visit<'_>) {
    if let Ok(mut line) = visit.line() {
        let _ = line.ask(&messages::leave(&visit.ids.first));
    }
}
