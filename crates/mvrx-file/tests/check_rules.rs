//! Each rule of the check: a file that breaks it and nothing else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{archive, check, fixture, mvr, rules, scene};
use mvrx_file::generate::{Changes, Recipe, UuidStyle};
use mvrx_file::{Rule, Severity};

fn of_children(children: &str) -> Vec<Rule> {
    rules(mvr(&scene("", children)))
}

#[test]
fn generated_files_break_no_rule() {
    let recipe = Recipe::new(11).fixtures(80).trusses(4).payload_bytes(5000);
    let revised = recipe.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
    for recipe in [recipe.clone(), recipe.clone().deflate(true), recipe.uuids(UuidStyle::Upper), revised] {
        let report = check(recipe.to_bytes());
        assert_eq!(report.findings, [], "{report}");
        assert_eq!(report.to_string(), "nothing found\n");
    }
}

// proves: MVR-UUID-UNIQUE, MVR-UUID-CASE
#[test]
fn uuids_must_be_there_readable_proper_and_unique() {
    let with =
        |uuid: &str| of_children(&fixture(1, "").replace("00000000-0000-4000-8000-000000000001", uuid));
    assert_eq!(with("00000000-0000-4000-8000-00000000000A"), []);
    assert_eq!(with(""), [Rule::UuidMissing]);
    assert_eq!(with("not a uuid"), [Rule::UuidUnreadable]);
    assert_eq!(with("00000000-0000-0000-0000-000000000000"), [Rule::UuidNil]);
    assert_eq!(with("{00000000-0000-4000-8000-000000000001}"), [Rule::UuidForm]);
    assert_eq!(with("00000000 0000 4000 8000 0000 0000 0001"), [Rule::UuidForm]);
    let lower = fixture(0xabc, "");
    let upper = fixture(0xabc, "").replace("000000000abc", "000000000ABC").replace(">2748<", ">2749<");
    assert_eq!(of_children(&(lower + &upper)), [Rule::UuidDuplicate]);
    // The layer's own UUID counts, too.
    assert_eq!(of_children(&fixture(0xff, "")), [Rule::UuidDuplicate]);
    let class = r#"<Class uuid="00000000-0000-4000-8000-000000000001" name="C"/>"#;
    assert_eq!(rules(mvr(&scene(&class.repeat(2), ""))), [Rule::UuidDuplicate]);
}

// proves: MVR-REFERENCES
#[test]
fn references_must_lead_somewhere() {
    let nowhere = "00000000-0000-4000-8000-00000000dead";
    for inside in [
        format!("<Classing>{nowhere}</Classing>"),
        format!("<Focus>{nowhere}</Focus>"),
        format!("<Position>{nowhere}</Position>"),
        format!(r#"<Mappings><Mapping linkedDef="{nowhere}"/></Mappings>"#),
        format!(r#"<Connections><Connection own="1" other="2" toObject="{nowhere}"/></Connections>"#),
        r#"<Mappings><Mapping linkedDef="oops"/></Mappings>"#.to_owned(),
        r#"<Connections><Connection own="1" other="2" toObject="oops"/></Connections>"#.to_owned(),
        "<Focus>00000000-0000-4000-8000-000000000001</Focus>".to_owned(),
        "<Classing>oops</Classing>".to_owned(),
    ] {
        assert_eq!(of_children(&fixture(1, &inside)), [Rule::ReferenceBroken], "{inside}");
    }
    let multipatch = fixture(1, "").replace("<Fixture ", "<Fixture multipatch=\"oops\" ");
    assert_eq!(of_children(&multipatch), [Rule::ReferenceBroken]);
    for inside in
        ["<Classing/>", "<Focus> </Focus>", "<Classing>00000000-0000-0000-0000-000000000000</Classing>"]
    {
        assert_eq!(of_children(&fixture(1, inside)), [], "{inside}");
    }
}

// proves: MVR-REQUIRED-CHILDREN
#[test]
fn demanded_elements_must_be_there() {
    let uuid = r#"uuid="00000000-0000-4000-8000-000000000001""#;
    for node in [
        format!("<Fixture {uuid}><FixtureID>1</FixtureID></Fixture>"),
        format!("<Fixture {uuid}><UnitNumber>1</UnitNumber><FixtureID>1</FixtureID></Fixture>")
            .replace("<FixtureID>1</FixtureID>", ""),
        format!("<Truss {uuid}/>"),
        format!("<SceneObject {uuid}/>"),
        format!("<FocusPoint {uuid}/>"),
        format!("<GroupObject {uuid}/>"),
        format!("<Support {uuid}><Geometries/></Support>"),
        format!("<Projector {uuid}><Geometries/></Projector>"),
    ] {
        let found = of_children(&node);
        assert!(found.contains(&Rule::ElementMissing), "{node}: {found:?}");
    }
    // Files older than MVR 1.6 have trusses without it, and importers get along.
    let truss = scene("", &format!("<Truss {uuid}><Geometries/></Truss>"));
    assert_eq!(rules(mvr(&truss)), [Rule::ElementMissing]);
    assert_eq!(rules(mvr(&truss.replace("verMinor=\"6\"", "verMinor=\"4\""))), [Rule::SchemaStricter]);
}

#[test]
fn unknown_and_repeated_elements_are_told_apart() {
    assert_eq!(of_children(&fixture(1, "<Nonsense><Deep/></Nonsense>")), [Rule::ElementUnknown]);
    assert_eq!(
        of_children(&fixture(1, "<Matrix>{1,0,0}{0,1,0}{0,0,1}{0,0,0}</Matrix>".repeat(2).as_str())),
        [Rule::ElementRepeated]
    );
    assert_eq!(of_children("stray text"), [Rule::TextUnexpected]);
    assert_eq!(
        of_children(&fixture(1, "").replace("<Fixture ", "<Fixture size=\"1\" ")),
        [Rule::AttributeUnknown]
    );
    assert_eq!(of_children(&fixture(1, "<Overwrites><Overwrite/></Overwrites>")), [Rule::AttributeMissing]);
    let newer = scene("", &fixture(1, "<Nonsense/>")).replace("verMinor=\"6\"", "verMinor=\"7\"");
    assert_eq!(rules(mvr(&newer)), [Rule::SchemaStricter, Rule::VersionUnknown]);
    // Products leave device elements behind in layers.
    let layer = scene("", "").replace("<ChildList>", "<GDTFSpec/><ChildList>");
    assert_eq!(rules(mvr(&layer)), [Rule::SchemaStricter]);
    assert_eq!(Rule::SchemaStricter.severity(), Severity::Note);
}

#[test]
fn values_must_be_what_their_type_says() {
    for inside in [
        "<CustomId>x</CustomId>",
        "<FixtureIDNumeric>-1</FixtureIDNumeric>",
        "<Color>red</Color>",
        "<CustomIdType>1.5</CustomIdType>",
    ] {
        assert_eq!(of_children(&fixture(1, inside)), [Rule::ValueMalformed], "{inside}");
    }
    for matrix in
        ["", "{1,0,0}{0,1,0}{0,0,1}", "{1,0,0}{0,1,0}{0,0,1}{0,0,NaN}", "{1,0}{0,1,0}{0,0,1}{0,0,0}", "1,0,0"]
    {
        assert_eq!(
            of_children(&fixture(1, &format!("<Matrix>{matrix}</Matrix>"))),
            [Rule::MatrixMalformed],
            "{matrix}"
        );
    }
    assert_eq!(of_children(&fixture(1, "<Matrix>{1,0,0}{0,1,0}{0,0,1}{1e3,-8.5e-08,0}</Matrix>")), []);
    let spaced = "<Matrix> {1,0,0}{0,1,0} {0,0,1}{1e3,-8.5e-08,0} </Matrix>";
    assert_eq!(of_children(&fixture(1, spaced)), [Rule::SchemaStricter]);
}

// proves: MVR-ADDRESS-FORMS, MVR-BREAK-UNIQUE
#[test]
fn addresses_must_be_numbers_once_per_break() {
    let with = |addresses: &str| of_children(&fixture(1, &format!("<Addresses>{addresses}</Addresses>")));
    for bad in ["-1", "x", "1.0", "0.5", "1.513", "99999999999", "1.2.3"] {
        assert_eq!(with(&format!("<Address>{bad}</Address>")), [Rule::AddressMalformed], "{bad}");
    }
    assert_eq!(with(r#"<Address break="x">0</Address>"#), [Rule::AddressMalformed]);
    assert_eq!(
        with(r#"<Address break="0">0</Address><Address break="0">0</Address>"#),
        [Rule::BreakRepeated]
    );
    assert_eq!(with(r#"<Address break="0">0</Address><Address break="1">0</Address>"#), []);
    assert_eq!(with("<Address>2.512</Address>"), [Rule::FootprintUnknown]);
}

// proves: MVR-ADDRESS-COLLISION
#[test]
fn devices_that_share_slots_are_told_with_the_slots() {
    let patched = |number: u32, address: &str| {
        fixture(number, &format!("<Addresses><Address break=\"0\">{address}</Address></Addresses>"))
    };
    let report = check(mvr(&scene("", &(patched(1, "1.5") + &patched(2, "5") + &patched(3, "6")))));
    let collisions: Vec<String> = report.of(Rule::AddressCollision).map(ToString::to_string).collect();
    assert_eq!(collisions.len(), 1, "{report}");
    assert!(collisions[0].contains("shares slot 1.5 with fixture 1 “F1” on line 5"), "{}", collisions[0]);
    let child =
        patched(2, "5").replace("<Fixture ", "<Fixture multipatch=\"00000000-0000-4000-8000-000000000001\" ");
    assert_eq!(of_children(&(patched(1, "5") + &child)), [Rule::FootprintUnknown]);
}

// proves: MVR-GDTFMODE-EXISTS, MVR-GDTFSPEC-ENDING, MVR-MEMBERS-PRESENT
#[test]
fn devices_are_looked_up_in_the_archive() {
    let show = mvrx_file::MvrFile::read(std::io::Cursor::new(Recipe::new(1).to_bytes()), &Default::default())
        .unwrap();
    let place =
        show.archive().members().iter().position(|member| member.name == "Generic@Wash.gdtf").unwrap();
    let gdtf = show.archive().unpack(place, 1 << 20).unwrap().read_all().unwrap();
    let with = |name: &str, inside: &str| {
        let root = scene("", &fixture(1, inside));
        check(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), (name, &gdtf)]))
    };
    let found = |name: &str, inside: &str| {
        with(name, inside).findings.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    let mode = "<GDTFMode>Standard 16ch</GDTFMode>";
    assert_eq!(found("a.gdtf", &format!("<GDTFSpec>a.gdtf</GDTFSpec>{mode}")), []);
    assert_eq!(found("a.gdtf", &format!("<GDTFSpec>a</GDTFSpec>{mode}")), [Rule::GdtfEnding]);
    assert_eq!(
        found("a.gdtf", &format!("<GDTFSpec>A.gdtf</GDTFSpec>{mode}")),
        [Rule::MemberCase, Rule::MemberUnused]
    );
    assert_eq!(
        found("a.gdtf", "<GDTFSpec>b.gdtf</GDTFSpec><GDTFMode>x</GDTFMode>"),
        [Rule::GdtfMissing, Rule::MemberUnused]
    );
    assert_eq!(
        found("a.gdtf", "<GDTFSpec>a.gdtf</GDTFSpec><GDTFMode>No such</GDTFMode>"),
        [Rule::GdtfModeUnknown]
    );
    assert_eq!(found("a.gdtf", "<GDTFSpec>a.gdtf</GDTFSpec><GDTFMode/>"), [Rule::GdtfModeMissing]);
    let over = format!("<GDTFSpec>a.gdtf</GDTFSpec>{mode}<Addresses><Address>500</Address></Addresses>");
    assert_eq!(found("a.gdtf", &over), [Rule::AddressOverflow]);
    let root = scene("", &fixture(1, &format!("<GDTFSpec>a.gdtf</GDTFSpec>{mode}")));
    let broken = rules(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.gdtf", b"no zip")]));
    assert_eq!(broken, [Rule::GdtfUnreadable]);
    let texture = fixture(1, "<Gobo>gobo.png</Gobo>");
    assert_eq!(of_children(&texture), [Rule::MemberMissing]);
}

// proves: MVR-VERSION, MVR-PROVIDER
#[test]
fn version_and_provider_are_looked_at() {
    let with = |attributes: &str| {
        let old = "verMajor=\"1\" verMinor=\"6\" provider=\"test\" providerVersion=\"1\"";
        rules(mvr(&scene("", "").replace(old, attributes)))
    };
    assert_eq!(with("verMajor=\"1\" verMinor=\"5\""), []);
    assert_eq!(with("verMajor=\"1\" verMinor=\"6\""), [Rule::ProviderMissing]);
    assert_eq!(
        with("verMajor=\"1\" verMinor=\"7\" provider=\"x\" providerVersion=\"1\""),
        [Rule::VersionUnknown]
    );
    assert_eq!(
        with("verMajor=\"2\" verMinor=\"0\" provider=\"x\" providerVersion=\"1\""),
        [Rule::VersionUnknown]
    );
    assert_eq!(with("verMinor=\"5\""), [Rule::SceneUnreadable]);
    assert_eq!(with("verMajor=\"one\" verMinor=\"5\""), [Rule::SceneUnreadable]);
}

// proves: MVR-LAYER-ELEVATION, MVR-MAPPING-ONCE
#[test]
fn layers_may_only_be_lifted_and_mappings_linked_once() {
    let layer = |matrix: &str| {
        rules(mvr(&scene("", "").replace("<ChildList>", &format!("<Matrix>{matrix}</Matrix><ChildList>"))))
    };
    assert_eq!(layer("{1,0,0}{0,1,0}{0,0,1}{0,0,4000}"), []);
    assert_eq!(layer("{1,0,0}{0,1,0}{0,0,1}{100,0,0}"), [Rule::LayerMatrix]);
    assert_eq!(layer("{0,1,0}{-1,0,0}{0,0,1}{0,0,0}"), [Rule::LayerMatrix]);
    assert_eq!(layer("{2,0,0}{0,2,0}{0,0,2}{0,0,0}"), [Rule::LayerMatrix]);
    let definition = r#"<MappingDefinition uuid="00000000-0000-4000-8000-0000000000dd" name="M"><SizeX>1</SizeX><SizeY>1</SizeY><Source linkedGeometry="x" type="NDI">s</Source></MappingDefinition>"#;
    let link = r#"<Mapping linkedDef="00000000-0000-4000-8000-0000000000dd"/>"#;
    let of =
        |links: String| rules(mvr(&scene(definition, &fixture(1, &format!("<Mappings>{links}</Mappings>")))));
    assert_eq!(of(link.to_owned()), []);
    assert_eq!(of(link.repeat(2)), [Rule::MappingRepeated]);
}

#[test]
fn xml_that_is_not_well_formed_is_an_error_with_its_line() {
    for (broken, line) in [
        (scene("", "<Fixture></Truss>"), 5),
        (scene("", "<Fixture uuid=a/>"), 5),
        (scene("", "<Fixture uuid=\"a\" uuid=\"a\"/>"), 5),
        (scene("", "<1x/>"), 5),
        (scene("", "a & b"), 5),
        (scene("", "&#0;"), 5),
        (scene("", "\u{1}"), 4),
        (scene("", "") + "<second/>", 6),
        (scene("", "") + "text", 6),
    ] {
        let report = check(mvr(&broken));
        let first = report.findings.first().unwrap();
        assert_eq!(first.rule, Rule::SceneUnreadable, "{broken}");
        assert!(first.detail.contains(&format!("line {line}: ")), "{}: {broken}", first.detail);
    }
    let cut = scene("", "").replace("</Scene></GeneralSceneDescription>", "");
    assert_eq!(rules(mvr(&cut)), [Rule::SceneUnreadable]);
    let root = [scene("", "").into_bytes(), b"<!-- \xff -->".to_vec()].concat();
    assert_eq!(rules(archive(&[("GeneralSceneDescription.xml", &root)])), [Rule::SceneUnreadable]);
}

#[test]
fn prolog_is_looked_at() {
    let without = scene("", "").replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "");
    assert_eq!(rules(mvr(&without)), [Rule::DeclarationMissing]);
    let latin = scene("", "").replace("UTF-8", "ISO-8859-1");
    assert_eq!(rules(mvr(&latin)), [Rule::EncodingNotUtf8]);
    let marked = format!("\u{feff}{}", scene("", ""));
    assert_eq!(rules(mvr(&marked)), []);
}

#[test]
fn identifiers_that_occur_twice_or_not_at_all_are_told() {
    let twin = fixture(2, "").replace("<FixtureID>2<", "<FixtureID>1<");
    assert_eq!(of_children(&(fixture(1, "") + &twin)), [Rule::FixtureIdDuplicate]);
    let nameless = fixture(2, "").replace("<FixtureID>2<", "<FixtureID><");
    assert_eq!(of_children(&nameless), [Rule::FixtureIdEmpty]);
    let zero = |number: u32| fixture(number, "").replace(&format!("<FixtureID>{number}<"), "<FixtureID>0<");
    assert_eq!(of_children(&(zero(1) + &zero(2))), []);
}

#[test]
fn findings_beyond_the_limit_are_counted_but_not_kept() {
    let many: String = (1..=50).map(|number| fixture(number, "<CIEColor/>")).collect();
    let limits = mvrx_file::Limits { findings: 10, ..Default::default() };
    let report = mvrx_file::check::reader(std::io::Cursor::new(mvr(&scene("", &many))), &limits);
    assert_eq!((report.findings.len(), report.omitted, report.counts.notes), (10, 40, 50));
    assert!(report.to_string().contains("and 7 more like this"), "{report}");
    assert!(report.to_string().contains("and 40 findings not shown"), "{report}");
}

#[test]
fn no_number_of_warnings_keeps_an_error_out() {
    let many: String = (1..=50).map(|number| fixture(number, "<CIEColor/>")).collect();
    let twice = many + &fixture(7, "");
    let limits = mvrx_file::Limits { findings: 10, ..Default::default() };
    let report = mvrx_file::check::reader(std::io::Cursor::new(mvr(&scene("", &twice))), &limits);
    assert!(report.counts.errors > 0, "{report}");
    let first = report.findings.first().map(|finding| finding.severity);
    assert_eq!(first, Some(Severity::Error), "{report}");
    assert_eq!(report.findings.len(), 10);
    let counts = report.counts;
    assert_eq!(report.omitted, counts.errors + counts.warnings + counts.notes - 10);
}

#[test]
fn names_of_the_file_cannot_command_a_terminal() {
    let evil = fixture(1, "<Nonsense/>").replace("name=\"F1\"", "name=\"&#x202e;x\u{9b}2J\"");
    let text = check(mvr(&scene("", &evil))).to_string();
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
}
