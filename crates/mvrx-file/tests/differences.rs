//! What a difference says, edit by edit.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{archive, fixture, mvr, open, open_recipe, scene};
use mvrx_file::Diff;
use mvrx_file::diff::{Change, MatchedBy, What};
use mvrx_file::generate::{Changes, Recipe, UuidStyle};

fn between(old: &str, new: &str) -> Diff {
    Diff::between(&open(mvr(old)).unwrap(), &open(mvr(new)).unwrap())
}

/// The edits of one fixture, from these elements to those.
fn edits(old: &str, new: &str) -> String {
    let diff = between(&scene("", &fixture(1, old)), &scene("", &fixture(1, new)));
    diff.objects.iter().map(|object| object.to_string() + "\n").collect()
}

#[test]
fn generated_pair_gives_exactly_its_changes() {
    for seed in 0..8 {
        let first = Recipe::new(seed).fixtures(76).trusses(4).meshes(892);
        let second = first.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
        let diff = Diff::between(&open_recipe(&first), &open_recipe(&second));
        assert_eq!(
            diff.sentence, "20 re-addressed, 12 moved, 3 removed; 896 of 897 members unchanged",
            "seed {seed}"
        );
        assert_eq!(
            (diff.counts.unchanged, diff.counts.added, diff.groups[0].count),
            (76 + 4 * 3 + 892 - 35, 0, 20)
        );
        assert!(!diff.is_same());
    }
}

// proves: MVR-UUID-CASE
#[test]
fn uuids_in_another_case_are_the_same() {
    let recipe = Recipe::new(3).fixtures(30);
    let diff = Diff::between(&open_recipe(&recipe), &open_recipe(&recipe.clone().uuids(UuidStyle::Upper)));
    assert!(diff.is_same(), "{diff}");
    assert_eq!(diff.members.changed.len(), 1);
}

// proves: MVR-DIFF-REGENERATED
#[test]
fn fixtures_with_new_uuids_are_recognized_and_marked() {
    let first = Recipe::new(5).fixtures(60).trusses(3);
    let changes = Changes { readdressed: 20, moved: 12, removed: 3 };
    let second = first.clone().uuids(UuidStyle::Regenerated).revised(changes);
    let diff = Diff::between(&open_recipe(&first), &open_recipe(&second));
    let expected = "20 re-addressed, 12 moved, 3 removed, 57 recognized in spite of a new UUID; 16 of 17 members unchanged";
    assert_eq!(diff.sentence, expected);
    let by = |wanted| diff.objects.iter().filter(|object| object.matched_by == Some(wanted)).count();
    assert_eq!((by(MatchedBy::Place), by(MatchedBy::FixtureId), by(MatchedBy::Uuid)), (20, 12, 0));
}

#[test]
fn same_file_is_the_same() {
    let recipe = Recipe::new(5).fixtures(20).trusses(2);
    let file = open_recipe(&recipe);
    let diff = Diff::between(&file, &file);
    assert!(diff.is_same());
    assert_eq!(diff.to_string(), "no object changed; 17 of 17 members unchanged\n");
}

#[test]
fn swapping_the_files_swaps_added_and_removed() {
    let first = Recipe::new(6).fixtures(40);
    let second = first.clone().revised(Changes { readdressed: 5, moved: 4, removed: 3 });
    let back = Diff::between(&open_recipe(&second), &open_recipe(&first));
    assert_eq!(
        (back.counts.added, back.counts.removed, back.counts.readdressed, back.counts.moved),
        (3, 0, 5, 4)
    );
    assert_eq!(
        back.groups.iter().find(|group| group.label.starts_with("universe")).unwrap().label,
        "universe -1"
    );
}

#[test]
fn each_edit_is_told_in_its_own_words() {
    let address = |text: &str| format!("<Addresses><Address break=\"0\">{text}</Address></Addresses>");
    let matrix = |text: &str| format!("<Matrix>{text}</Matrix>");
    for (old, new, expected) in [
        (address("216"), address("2.216"), "1.216 → 2.216"),
        (address("0"), address("5"), "unpatched → 1.5"),
        (address("5"), String::new(), "1.5 → unpatched"),
        (
            matrix("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"),
            matrix("{1,0,0}{0,1,0}{0,0,1}{3000,0,-4000}"),
            "moved 5.000 m (x +3.000 m, z -4.000 m)",
        ),
        (matrix("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"), matrix("{0,1,0}{-1,0,0}{0,0,1}{0,0,0}"), "turned 90.0°"),
        (
            matrix("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"),
            matrix("{2,0,0}{0,2,0}{0,0,2}{0,0,0}"),
            "scaled 1.000 × 1.000 × 1.000 → 2.000 × 2.000 × 2.000",
        ),
        ("<GDTFMode>a</GDTFMode>".into(), "<GDTFMode>b</GDTFMode>".into(), "mode a → b"),
        ("<GDTFSpec>a.gdtf</GDTFSpec>".into(), "<GDTFSpec>b.gdtf</GDTFSpec>".into(), "type a.gdtf → b.gdtf"),
        ("<CustomId>1</CustomId>".into(), "<CustomId>2</CustomId>".into(), "custom ID 1 → 2"),
        (String::new(), "<Function>Key</Function>".into(), "function none → Key"),
        (
            "<CastShadow>true</CastShadow>".into(),
            "<CastShadow>false</CastShadow>".into(),
            "CastShadow changed",
        ),
        (
            "<Gobo rotation=\"1\">a.png</Gobo>".into(),
            "<Gobo rotation=\"1\">b.png</Gobo>".into(),
            "Gobo changed",
        ),
        (
            "<Alignments><Alignment geometry=\"a\"/></Alignments>".into(),
            "<Alignments><Alignment geometry=\"b\"/></Alignments>".into(),
            "Alignments changed",
        ),
    ] {
        assert_eq!(edits(&old, &new), format!("~ fixture 1 “F1”: {expected}\n"));
    }
}

#[test]
fn changes_that_nobody_can_see_are_none() {
    let matrix = |text: &str| format!("<Matrix>{text}</Matrix>");
    assert_eq!(
        edits(
            &matrix("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"),
            &matrix("{1,0,8.5e-08}{0,1,0}{0,0,1.0000004}{0.4,0,-0.4}")
        ),
        ""
    );
    assert_eq!(edits("", "<Matrix>{1,0,0}{0,1,0}{0,0,1}{0,0,0}</Matrix>"), "");
    assert_eq!(edits("<Addresses/>", "<Addresses><Address break=\"0\">0</Address></Addresses>"), "");
    let one = "<CustomCommands><CustomCommand>x</CustomCommand></CustomCommands>";
    assert_eq!(edits(one, "<CustomCommands>\n <CustomCommand>x</CustomCommand>\n</CustomCommands>"), "");
    assert_eq!(
        edits(
            "<FixtureTypeId>1</FixtureTypeId><CustomId>1</CustomId>",
            "<CustomId>1</CustomId><FixtureTypeId>1</FixtureTypeId>"
        ),
        ""
    );
}

// proves: MVR-MATRIX-CHAIN, MVR-DIFF-WORLD
#[test]
fn what_hangs_on_a_moved_group_moved_along() {
    let group = |x: u32| {
        let matrix = format!("<Matrix>{{0,1,0}}{{-1,0,0}}{{0,0,1}}{{{x},0,0}}</Matrix>");
        let inner = fixture(1, "<Matrix>{1,0,0}{0,1,0}{0,0,1}{100,0,0}</Matrix>") + &fixture(2, "");
        scene(
            "",
            &format!(
                "<GroupObject uuid=\"00000000-0000-4000-8000-000000000099\" name=\"G\">{matrix}<ChildList>{inner}</ChildList></GroupObject>"
            ),
        )
    };
    let diff = between(&group(0), &group(1000));
    assert_eq!((diff.counts.moved, diff.counts.moved_with_parent), (1, 2));
    assert!(diff.sentence.starts_with("1 moved and 2 more along with them;"), "{}", diff.sentence);
    let fixture = diff.objects.iter().find(|object| object.object.fixture_id == "1").unwrap();
    let Change::Moved { from, to, with_parent: true, .. } = fixture.changes[0] else { panic!("{fixture}") };
    // A quarter turn takes x to y: 100 mm along the fixture's x are 100 mm along the world's y.
    assert_eq!((from, to), ([0.0, 0.1, 0.0], [1.0, 0.1, 0.0]));
}

#[test]
fn layers_classes_and_parents_are_followed() {
    let class =
        |name: &str| format!("<Class uuid=\"00000000-0000-4000-8000-0000000000c1\" name=\"{name}\"/>");
    let in_class = fixture(1, "<Classing>00000000-0000-4000-8000-0000000000c1</Classing>");
    let diff = between(&scene(&class("Old"), &in_class), &scene(&class("New"), &in_class));
    assert!(diff.objects.is_empty() && diff.scene.len() == 1, "{diff}");
    assert_eq!(diff.scene[0].to_string(), "~ class Old → New");
    let diff = between(&scene(&class("C"), &fixture(1, "")), &scene(&class("C"), &in_class));
    assert_eq!(diff.objects[0].to_string(), "~ fixture 1 “F1”: class none → C");
    let layer =
        |name: &str| scene("", &fixture(1, "")).replace("name=\"Layer\"", &format!("name=\"{name}\""));
    let diff = between(&layer("A"), &layer("B"));
    assert_eq!((diff.objects.len(), diff.scene[0].to_string()), (0, "~ layer A → B".to_owned()));
    let nested = format!(
        "<GroupObject uuid=\"00000000-0000-4000-8000-000000000099\" name=\"G\"><ChildList>{}</ChildList></GroupObject>",
        fixture(1, "")
    );
    let flat = format!(
        "<GroupObject uuid=\"00000000-0000-4000-8000-000000000099\" name=\"G\"><ChildList/></GroupObject>{}",
        fixture(1, "")
    );
    assert_eq!(
        between(&scene("", &nested), &scene("", &flat)).objects[0].to_string(),
        "~ fixture 1 “F1”: parent group “G” → none"
    );
    assert!(between(&scene("", &nested), &scene("", &nested)).is_same());
}

#[test]
fn numbers_shifted_alike_are_one_group() {
    let show = |shift: u32| {
        let one = |number: u32| {
            fixture(number, "")
                .replace(&format!("<FixtureID>{number}"), &format!("<FixtureID>{}", number + shift))
        };
        scene("", &(1..=5).map(one).collect::<String>())
    };
    let diff = between(&show(0), &show(100));
    assert_eq!(
        (diff.groups.len(), diff.groups[0].label.as_str(), diff.groups[0].count),
        (1, "fixture ID +100", 5)
    );
    assert_eq!(diff.counts.renumbered, 5);
}

#[test]
fn members_are_told_by_what_happened_to_them() {
    let root = scene("", "");
    let with = |members: &[(&str, &[u8])]| {
        let all: Vec<(&str, &[u8])> =
            [("GeneralSceneDescription.xml", root.as_bytes())].iter().chain(members).copied().collect();
        open(archive(&all)).unwrap()
    };
    let old = with(&[("a.png", b"a"), ("b.png", b"bb"), ("c.png", b"ccc"), ("d.png", b"d")]);
    let new = with(&[("d.png", b"d"), ("b2.png", b"bb"), ("c.png", b"CCC"), ("e.png", b"eeeee")]);
    let diff = Diff::between(&old, &new);
    assert_eq!(diff.sentence, "no object changed; 2 of 5 members unchanged, 1 renamed, 1 added, 1 removed");
    assert_eq!(
        (diff.members.changed[0].name.as_str(), diff.members.renamed[0].to.as_str()),
        ("c.png", "b2.png")
    );
    assert_eq!((diff.members.added[0].as_str(), diff.members.removed[0].as_str()), ("e.png", "a.png"));
    assert!(!diff.is_same());
}

#[test]
fn objects_that_come_and_go_are_told_with_their_type() {
    let spec = "<GDTFSpec>a.gdtf</GDTFSpec><GDTFMode>m</GDTFMode>";
    let diff = between(&scene("", &fixture(1, spec)), &scene("", &(fixture(2, spec) + &fixture(3, spec))));
    let labels: Vec<(&str, usize)> =
        diff.groups.iter().map(|group| (group.label.as_str(), group.count)).collect();
    assert_eq!(labels, [("added fixture a.gdtf", 2), ("removed fixture a.gdtf", 1)]);
    assert_eq!(diff.objects.last().unwrap().what, What::Removed);
    assert!(diff.stat().to_string().contains("fixtures      2        1"), "{}", diff.stat());
}

#[test]
fn duplicate_uuids_are_paired_in_order_and_none_is_lost() {
    let twins = |x: u32| {
        let one = |x: u32| fixture(1, &format!("<Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{x},0,0}}</Matrix>"));
        scene("", &(one(0) + &one(x)))
    };
    let diff = between(&twins(1000), &twins(2000));
    assert_eq!((diff.counts.moved, diff.counts.unchanged, diff.objects.len()), (1, 1, 1));
}

#[test]
fn difference_serializes_with_its_schema() {
    let first = Recipe::new(6).fixtures(10);
    let second = first.clone().revised(Changes { readdressed: 2, moved: 1, removed: 1 });
    let json = serde_json::to_value(Diff::between(&open_recipe(&first), &open_recipe(&second))).unwrap();
    assert_eq!((json["schema"].as_u64(), json["counts"]["readdressed"].as_u64()), (Some(1), Some(2)));
    let changed = json["objects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["changes"][0]["change"] == "readdressed")
        .unwrap();
    assert_eq!(
        (changed["what"].as_str(), changed["object"]["kind"].as_str()),
        (Some("changed"), Some("fixture"))
    );
    assert!(changed["changes"][0]["breaks"][0]["from"]["absolute"].is_number());
}

#[test]
fn objects_without_a_readable_uuid_are_the_same_in_the_same_file() {
    let truss = r#"<Truss uuid="nonsense" name="T"><Geometries/><FixtureID>1</FixtureID></Truss>"#;
    let diff = between(&scene("", truss), &scene("", truss));
    assert!(diff.is_same(), "{diff}");
    let diff = between(
        &scene("", truss),
        &scene("", &truss.replace("nonsense", "00000000-0000-4000-8000-000000000001")),
    );
    assert_eq!((diff.counts.identity_changed, diff.is_same()), (1, false));
}
