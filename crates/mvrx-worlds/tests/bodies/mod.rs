//! The body of the fuzz target, shared with the tests (decision 12).

use std::time::Duration;

use mvrx_worlds::Plan;

/// The bytes are the schedule of a world of five stations: what people do, and what goes wrong. Nothing may be found wrong.
pub(crate) fn worlds(bytes: &[u8]) {
    let plan = Plan::new(1).stations(5).span(Duration::from_secs(60));
    let report = plan.play(&plan.steps_from(bytes));
    assert_eq!(report.outcome.check(), None, "{:?}", report.outcome);
}
