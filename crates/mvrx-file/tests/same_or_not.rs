//! What is only written otherwise is no change; what only looks the same is one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{archive, check, fixture, mvr, open, scene};
use mvrx_file::generate::Recipe;
use mvrx_file::plan::{Plan, SvgOptions};
use mvrx_file::{Diff, Rule, Summary};

fn between(old: &str, new: &str) -> Diff {
    Diff::between(&open(mvr(old)).unwrap(), &open(mvr(new)).unwrap())
}

// proves: MVR-DIFF-SPELLING
#[test]
fn another_way_to_write_the_same_value_is_no_change() {
    for (old, new) in [
        ("<GDTFSpec>Wash.gdtf</GDTFSpec>", "<GDTFSpec>Wash</GDTFSpec>"),
        ("<Color>0.3127,0.3290,100</Color>", "<Color>0.312700, 0.329,100.0</Color>"),
        ("<CastShadow>true</CastShadow>", "<CastShadow> 1 </CastShadow>"),
        ("<DMXInvertPan>false</DMXInvertPan>", "<DMXInvertPan>0</DMXInvertPan>"),
        ("<ChainLength>1.50</ChainLength>", "<ChainLength>1.5</ChainLength>"),
    ] {
        let diff = between(&scene("", &fixture(1, old)), &scene("", &fixture(1, new)));
        assert!(diff.is_same(), "{old} {new}: {diff}");
    }
    for (old, new) in [
        ("<GDTFSpec>Wash.gdtf</GDTFSpec>", "<GDTFSpec>Wash2</GDTFSpec>"),
        ("<Color>0.3127,0.3290,100</Color>", "<Color>0.3127,0.3290,99</Color>"),
        ("<Color>0.3127,0.3290,100</Color>", "<Color>0.3127,0.3290</Color>"),
        ("<CastShadow>true</CastShadow>", "<CastShadow>0</CastShadow>"),
        ("<ChainLength>1.5</ChainLength>", "<ChainLength>1.6</ChainLength>"),
    ] {
        let diff = between(&scene("", &fixture(1, old)), &scene("", &fixture(1, new)));
        assert_eq!(diff.objects.len(), 1, "{old} {new}: {diff}");
    }
}

#[test]
fn a_fixture_is_recognized_although_its_type_lost_the_ending() {
    let old = scene("", &fixture(1, "<GDTFSpec>Wash.gdtf</GDTFSpec>"));
    let new = scene("", &fixture(1, "<GDTFSpec>Wash</GDTFSpec>")).replace("000000000001\"", "00000000abcd\"");
    assert_eq!(between(&old, &new).sentence, "1 with a new UUID; 0 of 1 members unchanged");
}

// proves: MVR-DIFF-SCENE-UUID
#[test]
fn layers_and_classes_with_new_uuids_are_told_once_per_kind() {
    let classes: String = (1..=5)
        .map(|number| {
            format!(r#"<Class uuid="00000000-0000-4000-8000-0000000c000{number}" name="C{number}"/>"#)
        })
        .collect();
    let old = scene(&classes, &fixture(1, ""));
    let new = old.replace("0000000c000", "0000000d000").replace("0000000000ff", "00000000ffff");
    let diff = between(&old, &new);
    assert!(!diff.is_same() && diff.objects.is_empty(), "{diff}");
    let told: Vec<String> = diff.scene.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "~ layer Layer → the same with a new UUID",
            "~ class C1, C2, C3 and 2 more → the same with new UUIDs"
        ]
    );
}

#[test]
fn a_layer_that_is_lifted_or_turned_is_told() {
    let layer =
        |matrix: &str| scene("", "").replace("<ChildList>", &format!("<Matrix>{matrix}</Matrix><ChildList>"));
    let level = layer("{1,0,0}{0,1,0}{0,0,1}{0,0,0}");
    let told = |matrix: &str| {
        let diff = between(&level, &layer(matrix));
        diff.scene.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told("{1,0,0}{0,1,0}{0,0,1}{0,0,2000}"), ["~ layer height Layer 0.000 m → 2.000 m"]);
    assert_eq!(
        told("{0,1,0}{-1,0,0}{0,0,1}{0,0,0}"),
        ["~ layer Layer → Layer turned, scaled or moved sideways"]
    );
    assert_eq!(told("{1.0,0,1e-9}{0,1,0}{0,0,1}{0.1,0,0}"), [] as [&str; 0]);
}

#[test]
fn objects_that_share_a_uuid_are_told_apart_by_their_places() {
    let at = |x: u32, inside: &str| {
        let matrix = format!("<Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{x},0,0}}</Matrix>{inside}");
        fixture(1, &matrix).replace("<FixtureID>1<", &format!("<FixtureID>{x}<"))
    };
    let old = scene("", &(at(1000, "") + &at(2000, "") + &at(3000, "")));
    let diff = between(&old, &scene("", &(at(3000, "") + &at(1000, "") + &at(2000, ""))));
    assert!(diff.is_same(), "{diff}");
    let function = "<Function>Key</Function>";
    let diff = between(&old, &scene("", &(at(3000, "") + &at(1000, function) + &at(2000, ""))));
    assert_eq!(diff.sentence, "1 otherwise changed; 0 of 1 members unchanged", "{diff}");
}

// proves: MVR-LIMIT-PLACES
#[test]
fn a_thing_out_of_the_world_is_told_and_spoils_neither_extents_nor_plan() {
    let at = |number: u32, x: &str| {
        fixture(number, &format!("<Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{x},0,0}}</Matrix>"))
    };
    let root = scene("", &(at(1, "1000") + &at(2, "3000") + &at(3, "1e300")));
    let report = check(mvr(&root));
    assert_eq!(report.of(Rule::PlaceTooFar).count(), 1, "{report}");
    let file = open(mvr(&root)).unwrap();
    let summary = Summary::of(&file);
    assert_eq!(summary.rig.map(|rig| (rig.min[0], rig.max[0])), Some((1.0, 3.0)));
    let plan = Plan::of(&file);
    assert_eq!((plan.items.len(), plan.too_far, plan.max[0]), (2, 1, 3000.0));
    assert!(plan.svg(&SvgOptions::default()).contains("1 thing is too far away to be drawn"));
    let diff = between(&scene("", &at(3, "1000")), &scene("", &at(3, "-1.7e308")));
    assert!(diff.to_string().contains("moved 1.7e305 m (x -1.7e305 m)"), "{diff}");
    let whole = between(&scene("", &at(3, "1.7e308")), &scene("", &at(3, "-1.7e308")));
    assert!(!serde_json::to_string(&whole).unwrap().contains("\"distance\":null"), "{whole}");
}

// proves: MVR-BREAK-EXISTS
#[test]
fn an_address_at_a_break_that_the_mode_does_not_have_is_told_and_counted() {
    let show = open(Recipe::new(1).to_bytes()).unwrap();
    let place =
        show.archive().members().iter().position(|member| member.name == "Generic@Wash.gdtf").unwrap();
    let gdtf = show.archive().unpack(place, 1 << 20).unwrap().read_all().unwrap();
    let inside = "<GDTFSpec>a.gdtf</GDTFSpec><GDTFMode>Standard 16ch</GDTFMode><Addresses><Address break=\"1\">5</Address></Addresses>";
    let root = scene("", &fixture(1, inside));
    let bytes = archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.gdtf", &gdtf)]);
    let report = check(bytes.clone());
    assert_eq!(report.of(Rule::BreakUnknown).count(), 1, "{report}");
    let summary = Summary::of(&open(bytes).unwrap());
    let universe = summary.universes[0];
    assert_eq!((universe.number, universe.used, universe.footprint_unknown), (1, 1, 1));
}

#[test]
fn a_root_file_of_another_name_or_place_is_pointed_out() {
    for name in ["generalSceneDescription.XML", "show/GeneralSceneDescription.xml"] {
        let report = check(archive(&[(name, scene("", "").as_bytes())]));
        let told = report.of(Rule::NotAnMvr).any(|finding| finding.member.as_deref() == Some(name));
        assert!(told, "{report}");
    }
}
