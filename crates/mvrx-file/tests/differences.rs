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
    let expected = "57 with a new UUID, 20 re-addressed, 12 moved, 3 removed; 16 of 17 members unchanged";
    assert_eq!(diff.sentence, expected);
    let by = |wanted| diff.objects.iter().filter(|object| object.matched_by == Some(wanted)).count();
    assert_eq!((by(MatchedBy::Place), by(MatchedBy::FixtureId), by(MatchedBy::Uuid)), (45, 12, 0));
    // Removed ones come first, then those that consoles will not recognize, each with its mark.
    let what: Vec<What> = diff.objects.iter().map(|object| object.what).collect();
    assert!(what[..3].iter().all(|what| *what == What::Removed), "{what:?}");
    let text = diff.to_string();
    assert_eq!(text.lines().filter(|line| line.contains(": new UUID ")).count(), 57, "{text}");
    assert!(text.contains("(recognized by its place)") && text.contains("(recognized by its fixture ID)"));
    assert_eq!((diff.groups[0].label.as_str(), diff.groups[0].count), ("new UUID", 57));
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
        (
            matrix("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"),
            matrix("{0,1,0}{-1,0,0}{0,0,1}{0,0,0}"),
            "turned +90.0° about z",
        ),
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
    assert!(diff.sentence.starts_with("1 moved and 2 more with their parents;"), "{}", diff.sentence);
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
    assert_eq!(diff.objects.first().unwrap().what, What::Removed);
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

const UUID: &str = "00000000-0000-4000-8000-0000000000";

// proves: MVR-DIFF-SYMDEF
#[test]
fn a_symbol_that_is_made_of_something_else_changes_what_uses_it() {
    let outer = |content: &str| {
        format!("<Symdef uuid=\"{UUID}d1\" name=\"Tower\"><ChildList>{content}</ChildList></Symdef>")
    };
    let inner = |matrix: &str| {
        format!(
            "<Symdef uuid=\"{UUID}d2\" name=\"Leg\"><ChildList><Geometry3D fileName=\"a.glb\">{matrix}</Geometry3D></ChildList></Symdef>"
        )
    };
    let symbol = |number: u32| format!("<Symbol uuid=\"{UUID}e{number}\" symdef=\"{UUID}d{number}\"/>");
    let tower = format!(
        "<Truss uuid=\"{UUID}01\" name=\"T\"><Geometries>{}</Geometries><FixtureID>T1</FixtureID></Truss>",
        symbol(1)
    );
    let show = |auxiliary: &str, mesh: &[u8]| {
        let root = scene(auxiliary, &tower);
        open(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.glb", mesh)])).unwrap()
    };
    let leg = outer(&symbol(2)) + &inner("");
    let old = show(&leg, b"one");
    assert!(Diff::between(&old, &show(&leg, b"one")).is_same());
    let lifted = outer(&symbol(2)) + &inner("<Matrix>{1,0,0}{0,1,0}{0,0,1}{0,0,3000}</Matrix>");
    for new in [show(&lifted, b"one"), show(&leg, b"two"), show(&outer(""), b"one")] {
        let diff = Diff::between(&old, &new);
        assert_eq!(diff.objects.len(), 1, "{diff}");
        assert_eq!(
            diff.objects[0].to_string(),
            "~ truss T1 “T”: shape symbol Tower → symbol Tower, other content"
        );
        assert!(diff.to_string().contains("~ symdef Tower → Tower with another shape"), "{diff}");
    }
    // A symdef with a new UUID and the same content is no other shape.
    let renamed = leg.replace("00d1", "00d7");
    let root = scene(&renamed, &tower.replace("00d1", "00d7"));
    let new = open(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.glb", b"one")])).unwrap();
    assert!(Diff::between(&old, &new).objects.is_empty());
}

#[test]
fn pieces_of_a_shape_are_told_apart() {
    let pieces = |names: &[&str], x: u32| {
        let piece = |name: &&str| {
            format!(
                "<Geometry3D fileName=\"{name}\"><Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{x},0,0}}</Matrix></Geometry3D>"
            )
        };
        let list: String = names.iter().map(piece).collect();
        scene(
            "",
            &format!(
                "<SceneObject uuid=\"{UUID}01\" name=\"S\"><Geometries>{list}</Geometries></SceneObject>"
            ),
        )
    };
    let told = |old: &str, new: &str| {
        let diff = between(old, new);
        diff.objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told(&pieces(&["a", "b"], 0), &pieces(&["b", "a"], 0)), "");
    assert_eq!(
        told(&pieces(&["a", "b"], 0), &pieces(&["a", "c"], 0)),
        "~ scene object “S”: shape a and b → a and c"
    );
    assert_eq!(
        told(&pieces(&["a", "b"], 0), &pieces(&["a", "b"], 500)),
        "~ scene object “S”: shape a and b → a and b, placed otherwise"
    );
}

// proves: MVR-DIFF-NETWORK
#[test]
fn network_addresses_are_compared() {
    let network =
        |attributes: &str| format!("<Addresses><Network geometry=\"eth0\" {attributes}/></Addresses>");
    let (old, new) = (network("ipv4=\"10.0.0.1\""), network("ipv4=\"10.0.0.2\" subnetmask=\"255.0.0.0\""));
    assert_eq!(edits(&old, &new), "~ fixture 1 “F1”: network eth0 10.0.0.1 → 10.0.0.2, mask 255.0.0.0\n");
    assert_eq!(edits("", &new), "~ fixture 1 “F1”: network eth0 not set → 10.0.0.2, mask 255.0.0.0\n");
    assert_eq!(edits(&old, &old), "");
    let diff = between(&scene("", &fixture(1, &old)), &scene("", &fixture(1, &new)));
    assert!(diff.sentence.starts_with("1 re-addressed;"), "{}", diff.sentence);
}

// proves: MVR-DIFF-MIRRORED
#[test]
fn mirrored_turned_and_scaled_are_three_things() {
    let matrix = |axes: &str| format!("<Matrix>{axes}{{0,0,0}}</Matrix>");
    let plain = matrix("{1,0,0}{0,1,0}{0,0,1}");
    for (axes, told, sentence) in [
        ("{-1,0,0}{0,1,0}{0,0,1}", "mirrored along its x", "1 mirrored;"),
        ("{0,-1,0}{1,0,0}{0,0,1}", "turned -90.0° about z", "1 turned;"),
        ("{1,0,0}{0,-1,0}{0,0,-1}", "turned +180.0° about x", "1 turned;"),
        ("{1,0,0}{0,0,1}{0,-1,0}", "turned +90.0° about x", "1 turned;"),
        ("{0,1,0}{0,0,1}{1,0,0}", "turned 120.0° about (0.58, 0.58, 0.58)", "1 turned;"),
        ("{1,0,0}{0,1,0}{0,0,2}", "scaled 1.000 × 1.000 × 1.000 → 1.000 × 1.000 × 2.000", "1 scaled;"),
        ("{1,0,0}{0,-1,0}{0,0,1}", "mirrored along its y", "1 mirrored;"),
        (
            "{0,2,0}{1,0,0}{0,0,1}",
            "mirrored along its x; turned -90.0° about z; scaled 1.000 × 1.000 × 1.000 → 2.000 × 1.000 × 1.000",
            "1 turned, 1 mirrored, 1 scaled;",
        ),
    ] {
        let new = matrix(axes);
        assert_eq!(edits(&plain, &new), format!("~ fixture 1 “F1”: {told}\n"), "{axes}");
        let diff = between(&scene("", &fixture(1, &plain)), &scene("", &fixture(1, &new)));
        assert!(diff.sentence.starts_with(sentence), "{}", diff.sentence);
    }
    let turned = |sign: &str| matrix(&format!("{{0.7071068,{sign}0.7071068,0}}{{0,0,1}}{{0.7071068,0,0}}"));
    assert_eq!(edits(&turned(""), &turned("")), "");
}

// proves: MVR-DIFF-DEVICE
#[test]
fn a_gdtf_that_changed_under_its_name_is_told_for_each_fixture() {
    let gdtf = |channels: u32| {
        let channel = |offset| format!("<DMXChannel DMXBreak=\"1\" Offset=\"{offset}\" Geometry=\"Base\"/>");
        let channels: String = (1..=channels).map(channel).collect();
        let xml = format!(
            "<GDTF DataVersion=\"1.2\"><FixtureType Name=\"A\"><Geometries><Geometry Name=\"Base\"/></Geometries><DMXModes><DMXMode Name=\"m\" Geometry=\"Base\"><DMXChannels>{channels}</DMXChannels></DMXMode><DMXMode Name=\"n\" Geometry=\"Base\"><DMXChannels/></DMXMode></DMXModes></FixtureType></GDTF>"
        );
        archive(&[("description.xml", xml.as_bytes())])
    };
    let show = |mode: &str, gdtf: &[u8]| {
        let inside = format!("<GDTFSpec>a.gdtf</GDTFSpec><GDTFMode>{mode}</GDTFMode>");
        let root = scene("", &(fixture(1, &inside) + &fixture(2, &inside) + &fixture(3, "")));
        open(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.gdtf", gdtf)])).unwrap()
    };
    let diff = Diff::between(&show("m", &gdtf(16)), &show("m", &gdtf(20)));
    assert_eq!(
        diff.sentence,
        "2 whose GDTF has other content, 2 with another footprint; 1 of 2 members unchanged"
    );
    assert_eq!(
        diff.objects[0].to_string(),
        "~ fixture 1 “F1”: type a.gdtf has other content; footprint 16 slots → 20 slots"
    );
    let diff = Diff::between(&show("m", &gdtf(16)), &show("n", &gdtf(16)));
    assert_eq!(diff.objects[0].to_string(), "~ fixture 1 “F1”: mode m → n; footprint 16 slots → no DMX");
    let diff = Diff::between(&show("m", &gdtf(16)), &show("m", b"nonsense"));
    assert_eq!(
        diff.objects[0].to_string(),
        "~ fixture 1 “F1”: type a.gdtf has other content; footprint 16 slots → unknown"
    );
}

// proves: MVR-DIFF-REST
#[test]
fn whatever_differs_is_named_and_the_same_is_not() {
    let whole = include_str!("common/everything.xml");
    let data = |content: &str| whole.replace("<Data provider=\"test\" ver=\"1\"/>", content);
    for (old, new, named) in [
        (
            data("<Data provider=\"a\"><x y=\"1\">t</x></Data>"),
            data("<Data provider=\"a\"><x y=\"1\">u</x></Data>"),
            "~ user data of a 1 → of a 1 with other content",
        ),
        (
            data("<Data provider=\"a\" ver=\"1\"/>"),
            data("<Data provider=\"a\" ver=\"2\"/>"),
            "~ user data of a 1 → of a 2",
        ),
        (data(""), data("<Data provider=\"a\"/>"), "+ user data of a 1"),
        (
            whole.to_owned(),
            whole.replace("1920", "1280"),
            "~ mapping definition Wall (1920 × 1080, File a.mov) → Wall (1280 × 1080, File a.mov)",
        ),
        (
            whole.to_owned(),
            whole.replace("ScaleIgnoreRatio", "KeepSizeCenter"),
            "~ mapping definition Wall → Wall with other settings",
        ),
        (
            whole.to_owned(),
            whole.replace("</AUXData>", "<Nonsense/></AUXData>"),
            "~ content that MVR does not know",
        ),
        (
            whole.to_owned(),
            whole.replace(
                "provider=\"test\" providerVersion=\"1\"",
                "provider=\"test\" providerVersion=\"2\"",
            ),
            "~ provider test 1 → test 2",
        ),
        (
            whole.to_owned(),
            whole.replace("<Gobo rotation=\"32.5\"/>", "<Gobo rotation=\"32.5\"/><Vendor>1</Vendor>"),
            "Vendor changed",
        ),
        (
            whole.to_owned(),
            whole.replace("name=\"Fixture\"", "name=\"Fixture\" vendor=\"1\""),
            "attribute vendor changed",
        ),
        (
            whole.replace("</Address>", "</Address><Address break=\"0\">5</Address>"),
            whole.replace("</Address>", "</Address><Address break=\"0\">6</Address>"),
            "1.5 → 1.6",
        ),
    ] {
        let diff = between(&old, &new);
        assert!(!diff.is_same(), "{named}");
        assert!(diff.to_string().contains(named), "{named}: {diff}");
        assert!(!diff.sentence.starts_with("no object changed;"), "{named}: {}", diff.sentence);
        let same = between(&new, &new.replace("><", ">\n<"));
        assert!(same.is_same(), "{same}");
        assert!(same.to_string().contains("is written in another way and says the same"), "{same}");
    }
}

#[test]
fn every_damage_that_readers_see_is_seen_by_a_comparison() {
    // Each value of a file with everything in it, made another one.
    let whole = include_str!("common/everything.xml");
    for (from, to) in [
        ("<CastShadow>true", "<CastShadow>false"),
        ("<DMXInvertPan>false", "<DMXInvertPan>true"),
        ("<ChildPosition>Base", "<ChildPosition>Head"),
        ("version=\"1\" transmission", "version=\"2\" transmission"),
        ("up=\"0,0,1\"", "up=\"0,1,0\""),
        ("Body.Height,2", "Body.Height,3"),
        ("target=\"Wheel\"", "target=\"Other\""),
        ("own=\"in\"", "own=\"out\""),
        ("<ox>16", "<ox>17"),
        ("rotation=\"32.5\"", "rotation=\"0\""),
        ("<ChainLength>3.5", "<ChainLength>4.5"),
        (">stream<", ">other<"),
        (">feed<", ">other<"),
        ("Enum=\"ScaleKeepRatio\"", "Enum=\"KeepSizeCenter\""),
        ("0.3127,0.329,100", "0.3,0.3,100"),
        ("<FixtureTypeId>0", "<FixtureTypeId>1"),
        ("<Focus>00000000-0000-4000-8000-000000000002</Focus>", ""),
        ("dhcp=\"off\"", "dhcp=\"on\""),
        ("multipatch=\"\"", "multipatch=\"00000000-0000-4000-8000-000000000009\""),
    ] {
        assert!(whole.contains(from), "{from}");
        let diff = between(whole, &whole.replacen(from, to, 1));
        assert_eq!(diff.objects.len(), 1, "{from}: {diff}");
    }
    let diff = between(whole, &whole.replace("<Focus>00000000-0000-4000-8000-000000000002</Focus>", ""));
    assert_eq!(diff.objects[0].to_string(), "~ fixture 1 “Fixture”: focus “Focus” → none");
}
