//! Files that real applications wrote, when they are there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::sample;
use mvrx_file::plan::{Plan, SvgOptions};
use mvrx_file::scene::Kind;
use mvrx_file::{Diff, MvrFile, Rule, Summary, check};

// proves: MVR-DIFF-UUID, MVR-DIFF-WORLD
#[test]
fn finds_exactly_what_was_changed_between_two_revisions_of_a_real_show() {
    let (Some(old), Some(new)) = (sample("capture_demo_show.mvr"), sample("capture_demo_show.rev2.mvr"))
    else {
        return;
    };
    let (old, new) = (MvrFile::open(old).unwrap(), MvrFile::open(new).unwrap());
    let diff = Diff::between(&old, &new);
    assert_eq!(diff.sentence, "20 re-addressed, 12 moved, 3 removed; 896 of 897 members unchanged");
    assert_eq!((diff.counts.readdressed, diff.counts.moved, diff.counts.removed), (20, 12, 3));
    assert_eq!(diff.objects.len(), 35);
    assert_eq!((diff.groups[0].label.as_str(), diff.groups[0].count), ("universe +1", 20));
    assert_eq!((diff.groups[1].label.as_str(), diff.groups[1].count), ("moved x +0.500 m", 12));
    assert!(Diff::between(&old, &old).is_same());
    let svg = Plan::of_change(&old, &new, &diff).svg(&SvgOptions::default());
    assert_eq!(svg.matches(r##"href="#m-del" class="del" x"##).count(), 3 * 3);
}

#[test]
fn sums_real_files_up() {
    let counts = |name: &str| {
        let summary = Summary::of(&MvrFile::open(sample(name)?).unwrap());
        Some((summary.version.minor, Kind::ALL.map(|kind| summary.count(kind))))
    };
    for (name, expected) in [
        ("basic_fixture.mvr", (5, [1, 0, 0, 0, 0, 0, 0, 0])),
        ("scene_objects.mvr", (5, [72, 0, 0, 0, 0, 28, 0, 72])),
        ("capture_demo_show.mvr", (4, [76, 13, 0, 0, 0, 2078, 63, 0])),
        ("capture_demo_show.rev2.mvr", (4, [73, 13, 0, 0, 0, 2078, 63, 0])),
    ] {
        if let Some(found) = counts(name) {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn finds_no_error_in_what_real_applications_wrote() {
    for name in
        ["basic_fixture.mvr", "scene_objects.mvr", "capture_demo_show.mvr", "capture_demo_show.rev2.mvr"]
    {
        let Some(path) = sample(name) else { continue };
        let report = check::file(path).unwrap();
        assert!(!report.has_errors(), "{name}: {report}");
        let collisions = report.of(Rule::AddressCollision).count();
        assert_eq!(collisions > 0, name.contains("rev2"), "{name}: {report}");
    }
}

#[test]
fn reads_the_footprint_of_a_real_device() {
    let Some(path) = sample("capture_demo_show.mvr") else { return };
    let summary = Summary::of(&MvrFile::open(path).unwrap());
    let slots = |name: &str| {
        let device = summary.device_types.iter().find(|device| device.gdtf.starts_with(name)).unwrap();
        device.footprint.as_ref().unwrap().iter().map(|part| part.slots).sum::<u32>()
    };
    assert_eq!(
        [slots("Robe@Robin MMX Spot"), slots("Robe@Robin MMX WashBeam"), slots("ADB@ALC4")],
        [38, 34, 5]
    );
    assert_eq!(summary.footprint_unknown, 0);
}
