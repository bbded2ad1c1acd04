//! Products made of a socket and the specification's text, each with one planted fault at most.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "no test uses all of it")]

use mvrx_conformance::{Consent, Judge, Options, Report, Target, Verdict};
use std::fmt::Debug;
use std::time::Duration;

pub mod host;
pub mod member;
pub mod mixer;
pub mod station;

/// Judges with every consent.
pub fn judge(address: &str, only: &[&str]) -> Report {
    let options = Options {
        wait: Duration::from_millis(2500),
        quiet: Duration::from_millis(60),
        consent: vec![Consent::Commits, Consent::Rough, Consent::Moves],
        only: only.iter().map(|&part| part.to_owned()).collect(),
        ..Options::default()
    };
    Judge::new(Target::parse(address).unwrap(), options).run(&mut |_| {}).unwrap()
}

/// A fault, the cases that fail, the cases that are tolerated.
pub type Row<F> = (F, &'static [&'static str], &'static [&'static str]);

/// Each fault is found where it is and nowhere else. At once: what takes long is waiting.
pub fn all_found<F: Copy + Debug + Send + Sync>(rows: &[Row<F>], listen: fn(F) -> String) {
    std::thread::scope(|scope| {
        for (fault, fails, tolerates) in rows {
            scope.spawn(move || {
                assert_found(&format!("{fault:?}"), &judge(&listen(*fault), &[]), fails, tolerates);
            });
        }
    });
}

/// The cases with this verdict.
pub fn with(report: &Report, verdict: Verdict) -> Vec<&'static str> {
    report.judged().iter().filter(|one| one.verdict == verdict).map(|one| one.case.id).collect()
}

/// What failed and what was tolerated are these cases and no others.
pub fn assert_found(fault: &str, report: &Report, fails: &[&str], tolerates: &[&str]) {
    let told: Vec<String> = report
        .judged()
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Fail | Verdict::Tolerated))
        .map(mvrx_conformance::Judged::text)
        .collect();
    assert_eq!(with(report, Verdict::Fail), fails, "{fault} fails others:\n{}", told.join("\n"));
    assert_eq!(with(report, Verdict::Tolerated), tolerates, "{fault} tolerates others:\n{}", told.join("\n"));
}
