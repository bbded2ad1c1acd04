//! Archives and scenes that were made to hurt their reader: each gets a clear error, none gets memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Cursor;

use common::{archive, check, fixture, mvr, open, rules, scene};
use mvrx_file::generate::{MemberOptions, Recipe, ZipWriter};
use mvrx_file::{
    ArchiveError, Diff, Limits, MemberError, MvrFile, OpenError, Rule, SceneError, version_of_reader,
};

const ROOT: &[u8] = b"GeneralSceneDescription.xml";

/// Most memory that this process may have held when all tests of this file are through.
#[cfg(target_os = "linux")]
const PEAK_KIB: u64 = 160 * 1024;

/// One test, so that nothing runs beside it while it looks at the memory of the process.
#[test]
fn every_hostile_file_gets_its_error_in_bounded_memory() {
    zip_bomb_is_refused_by_its_ratio();
    bomb_that_lies_about_its_size_is_stopped_at_the_declared_byte();
    declared_4_gib_are_not_believed();
    overlapping_members_are_refused();
    billion_laughs_are_refused_at_the_doctype();
    entity_without_doctype_is_refused();
    deep_nesting_is_refused();
    endless_token_is_refused();
    long_text_is_cut_and_the_rest_is_read();
    endless_attributes_are_refused();
    too_many_objects_are_refused();
    nodes_of_a_gltf_are_not_all_kept();
    modes_of_a_gdtf_are_not_all_kept();
    symbols_that_multiply_are_given_up();
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        let peak: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(peak < PEAK_KIB, "peak memory was {peak} KiB, allowed are {PEAK_KIB}");
    }
}

// proves: MVR-LIMIT-MESH
fn nodes_of_a_gltf_are_not_all_kept() {
    let nodes = format!(r#"{{"nodes":[{}{{}}]}}"#, "{},".repeat(1_300_000));
    let truss = r#"<Truss uuid="00000000-0000-4000-8000-000000000001" name="T"><FixtureID>1</FixtureID><Geometries><Geometry3D fileName="a.gltf"/></Geometries></Truss>"#;
    let root = scene("", truss);
    let file =
        open(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), ("a.gltf", nodes.as_bytes())]));
    assert_eq!(mvrx_file::Plan::of(&file.unwrap()).meshes_unread, 1);
}

// proves: MVR-LIMIT-GDTF
fn modes_of_a_gdtf_are_not_all_kept() {
    let modes = "<DMXMode/>".repeat(100_000);
    let description = format!(
        r#"<GDTF><FixtureType Name="T"><DMXModes>{modes}<DMXMode Name="m"/></DMXModes></FixtureType></GDTF>"#
    );
    let gdtf = archive(&[("description.xml", description.as_bytes())]);
    let names: Vec<String> = (0..60).map(|number| format!("{number}.gdtf")).collect();
    let device = |(number, name): (u32, &String)| {
        fixture(number + 1, &format!("<GDTFSpec>{name}</GDTFSpec><GDTFMode>m</GDTFMode>"))
    };
    let root = scene("", &(0..).zip(&names).map(device).collect::<String>());
    let mut members = vec![("GeneralSceneDescription.xml", root.as_bytes())];
    members.extend(names.iter().map(|name| (name.as_str(), gdtf.as_slice())));
    let summary = mvrx_file::Summary::of(&open(archive(&members)).unwrap());
    assert_eq!(summary.device_types.iter().filter(|device| device.footprint.is_some()).count(), 60);
}

// proves: MVR-LIMIT-MESH
fn symbols_that_multiply_are_given_up() {
    let uuid = |number: usize| format!("00000000-0000-4000-8000-{number:012x}");
    let symbol =
        |to: usize| format!(r#"<Symbol uuid="{}" symdef="{}"/>"#, uuid(0xa000 + to), uuid(0xb000 + to));
    let symdefs: String = (0..5)
        .map(|level| {
            let inside = if level < 4 { symbol(level + 1).repeat(48) } else { String::new() };
            format!(
                r#"<Symdef uuid="{}" name="S"><ChildList>{inside}</ChildList></Symdef>"#,
                uuid(0xb000 + level)
            )
        })
        .collect();
    let object = |number: usize| {
        format!(
            r#"<SceneObject uuid="{}" name="O"><Geometries>{}</Geometries></SceneObject>"#,
            uuid(number),
            symbol(0)
        )
    };
    let file = open(mvr(&scene(&symdefs, &(1..200).map(object).collect::<String>()))).unwrap();
    let begun = std::time::Instant::now();
    assert!(mvrx_file::Summary::of(&file).extents.is_some());
    // Unbounded it takes hours.
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}

fn root_member(data: &[u8], options: &MemberOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    zip.add(ROOT, data, options).unwrap();
    zip.finish().unwrap()
}

// proves: MVR-LIMIT-RATIO
fn zip_bomb_is_refused_by_its_ratio() {
    let bytes = root_member(&vec![b' '; 64 << 20], &MemberOptions::deflate());
    assert!(bytes.len() < 128 << 10);
    let error = open(bytes.clone()).unwrap_err();
    assert!(
        matches!(error, OpenError::RootFile(MemberError::RatioAboveLimit { size: 67_108_864, .. })),
        "{error}"
    );
    assert_eq!(rules(bytes), [Rule::AboveLimit]);
}

fn bomb_that_lies_about_its_size_is_stopped_at_the_declared_byte() {
    let options = MemberOptions { claim_size: Some(1000), ..MemberOptions::deflate() };
    let error = open(root_member(&vec![b' '; 64 << 20], &options)).unwrap_err();
    assert!(matches!(error, OpenError::RootFile(MemberError::SizeDiffers { declared: 1000, .. })), "{error}");
}

fn declared_4_gib_are_not_believed() {
    for claim in [u64::from(u32::MAX) - 1, 1 << 32, 1 << 40] {
        let options = MemberOptions { claim_size: Some(claim), ..MemberOptions::deflate() };
        let error = open(root_member(b"<x/>", &options)).unwrap_err();
        assert!(
            matches!(error, OpenError::RootFile(MemberError::SizeAboveLimit { size, .. }) if size == claim),
            "{error}"
        );
    }
    let options =
        MemberOptions { claim_size: Some(1 << 32), claim_packed: Some(1 << 32), ..MemberOptions::default() };
    let error = open(root_member(b"<x/>", &options)).unwrap_err();
    assert!(matches!(error, OpenError::Archive(ArchiveError::MemberOutsideArchive { .. })), "{error}");
    let mut zip = ZipWriter::new(Vec::new());
    zip.add(ROOT, scene("", "").as_bytes(), &MemberOptions::default()).unwrap();
    let lie = MemberOptions { claim_size: Some(1 << 32), ..MemberOptions::deflate() };
    zip.add(b"huge.glb", b"glTF", &lie).unwrap();
    let rules = rules(zip.finish().unwrap());
    assert!(rules.contains(&Rule::AboveLimit), "{rules:?}");
}

// proves: MVR-LIMIT-OVERLAP
fn overlapping_members_are_refused() {
    let mut zip = ZipWriter::new(Vec::new());
    zip.add(ROOT, &[7; 5000], &MemberOptions::default()).unwrap();
    for _ in 0..50 {
        let inside =
            MemberOptions { claim_offset: Some(0), claim_packed: Some(5000), ..MemberOptions::default() };
        zip.add(ROOT, &[7; 5000], &inside).unwrap();
    }
    let bytes = zip.finish().unwrap();
    let error = open(bytes.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Archive(ArchiveError::MembersOverlap { .. })), "{error}");
    assert_eq!(rules(bytes), [Rule::NotAnArchive]);
}

// proves: MVR-LIMIT-ENTITIES
fn billion_laughs_are_refused_at_the_doctype() {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY a \"lol\">");
    for (name, inner) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].into_iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        xml += &format!("<!ENTITY {name} \"{}\">", format!("&{inner};").repeat(10));
    }
    xml += "]>\n<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\">&i;</GeneralSceneDescription>";
    let error = open(mvr(&xml)).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::DoctypePresent { line: 2 })), "{error}");
    assert!(version_of_reader(Cursor::new(mvr(&xml)), &Limits::default()).is_err());
}

fn entity_without_doctype_is_refused() {
    for inside in ["<FixtureID>&i;</FixtureID>", "<Gobo rotation=\"&i;\"/>"] {
        let error = open(mvr(&scene("", &fixture(1, inside)))).unwrap_err();
        assert!(matches!(error, OpenError::Scene(SceneError::EntityUnknown { .. })), "{error}");
    }
}

// proves: MVR-LIMIT-DEPTH
fn deep_nesting_is_refused() {
    let groups = "<GroupObject><ChildList>".repeat(100_000);
    let error = open(mvr(&scene("", &groups))).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::DepthAboveLimit { allowed: 256, .. })), "{error}");
    assert_eq!(rules(mvr(&scene("", &groups))), [Rule::AboveLimit]);
}

fn endless_token_is_refused() {
    let xml = format!("<{}", "x".repeat(3 << 20));
    let error = open(mvr(&xml)).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::TokenAboveLimit { line: 1, .. })), "{error}");
    for (xml, open_elements) in [
        (
            format!("<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\"><!--{}", "x".repeat(3 << 20)),
            false,
        ),
        (format!("<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\">{}", "x".repeat(3 << 20)), true),
    ] {
        let error = open(mvr(&xml)).unwrap_err();
        let expected = match error {
            OpenError::Scene(SceneError::ElementsLeftOpen { .. }) => open_elements,
            OpenError::Scene(SceneError::NotWellFormed { .. }) => !open_elements,
            _ => false,
        };
        assert!(expected, "{error}");
    }
}

// proves: MVR-LIMIT-TEXT
fn long_text_is_cut_and_the_rest_is_read() {
    let blob = |last: char| "ä\n".repeat(400_000) + &"]".repeat(3) + &last.to_string();
    let plain = |text: String| text;
    let section = |text: String| format!("<![CDATA[{text}]]>");
    let pieces = |text: String| text.replace('\n', "&#10;");
    let wraps: [fn(String) -> String; 3] = [plain, section, pieces];
    let show =
        |text: &str| scene("", &(fixture(1, &format!("<Function>{text}</Function>")) + &fixture(2, "")));
    for wrap in wraps {
        let xml = show(&wrap(blob('a')));
        let report = check(mvr(&xml));
        let found: Vec<Rule> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, [Rule::AboveLimit], "{report}");
        let old = open(mvr(&xml)).unwrap();
        assert_eq!((old.scene().objects.len(), old.scene().objects[1].fixture_id.as_str()), (2, "2"));
        assert!(old.scene().objects[0].function.len() < (1 << 20) + 100);
        assert!(Diff::between(&old, &old).is_same());
    }
    // What is behind the cut is still compared, and no finding when nobody reads it.
    let data = |last: char| {
        let all = format!(
            "<UserData><Data provider=\"p\">{}<!--{}--></Data></UserData><Scene>",
            blob(last),
            "-x".repeat(600_000)
        );
        scene("", &fixture(1, "")).replace("<Scene>", &all)
    };
    let (old, new) = (open(mvr(&data('a'))).unwrap(), open(mvr(&data('b'))).unwrap());
    assert!(!Diff::between(&old, &new).is_same() && Diff::between(&old, &old).is_same());
    assert_eq!(rules(mvr(&data('a'))), []);
    // Where the cut falls must not matter.
    let limits = Limits { xml_token_bytes: 1000, ..Limits::default() };
    for length in 990..1010 {
        for (before, after) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("", "")] {
            let text = format!("{before}{}]]{after}", "x".repeat(length - before.len()));
            let text = if before == "<!--" { text.replace("]]", "x") } else { text };
            let file = MvrFile::read(Cursor::new(mvr(&show(&text))), &limits).unwrap();
            assert_eq!(file.scene().objects.len(), 2, "{length} {before}");
        }
    }
}

fn endless_attributes_are_refused() {
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=\"\"")).collect();
    let error = open(mvr(&format!("<GeneralSceneDescription{attributes}/>"))).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::NotWellFormed { .. })), "{error}");
}

fn too_many_objects_are_refused() {
    let limits = Limits { objects: 100, ..Limits::default() };
    let read = |fixtures: u32| {
        let xml = scene("", &(0..fixtures).map(|number| fixture(number + 1, "")).collect::<String>());
        MvrFile::read(Cursor::new(mvr(&xml)), &limits)
    };
    assert_eq!(read(100).unwrap().scene().objects.len(), 100);
    let error = read(101).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::ObjectsAboveLimit { allowed: 100, .. })), "{error}");
    let limits = Limits { scene_bytes: 64 << 10, ..Limits::default() };
    let error = MvrFile::read(Cursor::new(Recipe::new(1).fixtures(2000).to_bytes()), &limits).unwrap_err();
    assert!(matches!(error, OpenError::Scene(SceneError::SceneAboveLimit { .. })), "{error}");
}

// proves: MVR-LIMIT-MEMBERS
#[test]
fn limits_of_the_directory_hold_at_their_edge() {
    let bytes = Recipe::new(1).meshes(6).to_bytes();
    let read = |limits: Limits| MvrFile::read(Cursor::new(bytes.clone()), &limits);
    assert!(read(Limits { members: 11, ..Limits::default() }).is_ok());
    let error = read(Limits { members: 10, ..Limits::default() }).unwrap_err();
    assert!(matches!(error, OpenError::Archive(ArchiveError::MembersAboveLimit { allowed: 10 })), "{error}");
    let names: usize =
        read(Limits::default()).unwrap().archive().members().iter().map(|member| member.name.len()).sum();
    assert!(read(Limits { name_bytes: names, ..Limits::default() }).is_ok());
    let error = read(Limits { name_bytes: names - 1, ..Limits::default() }).unwrap_err();
    assert!(matches!(error, OpenError::Archive(ArchiveError::NamesAboveLimit { .. })), "{error}");
}

// proves: MVR-NAMES-SAFE
#[test]
fn names_that_climb_out_are_errors() {
    for name in [
        "../evil.glb",
        "a/../../evil.glb",
        "/etc/passwd",
        "\\windows\\x",
        "C:\\x.glb",
        "..\\x.glb",
        "a\0b.glb",
    ] {
        let root = scene("", "");
        let report = check(archive(&[("GeneralSceneDescription.xml", root.as_bytes()), (name, b"x")]));
        assert_eq!(report.of(Rule::NameClimbsOut).count(), 1, "{name}: {report}");
        assert!(report.has_errors());
    }
}

// proves: MVR-NAMES-CASE, MVR-NO-FOLDERS, MVR-NAMES-RESERVED
#[test]
fn names_that_clash_or_cannot_be_are_errors() {
    let root = scene("", "");
    let of = |names: &[&str]| {
        let mut members = vec![("GeneralSceneDescription.xml", root.as_bytes())];
        members.extend(names.iter().map(|name| (*name, &b"x"[..])));
        rules(archive(&members)).into_iter().filter(|rule| *rule != Rule::MemberUnused).collect::<Vec<_>>()
    };
    assert_eq!(of(&["GEO1.glb", "geo1.glb"]), [Rule::NameCaseClash]);
    assert_eq!(of(&["geo1.glb", "geo1.glb"]), [Rule::NameDuplicate]);
    assert_eq!(of(&["sub/geo1.glb"]), [Rule::MemberInFolder]);
    for name in ["a?.glb", "ab:c.glb", "CON.glb", "com1.glb", "x.glb.", ".glb", "a\u{7}.glb"] {
        assert_eq!(of(&[name]), [Rule::NameReserved], "{name}");
    }
    assert_eq!(of(&["Custom@Light_1.gdtf", "console.glb"]), []);
}

// proves: MVR-NO-CYCLES
#[test]
fn cyclic_references_are_errors_and_harm_nobody() {
    let symdef = |number: u32, to: u32| {
        format!(
            r#"<Symdef uuid="00000000-0000-4000-8000-{number:012x}" name="S"><ChildList><Symbol uuid="00000000-0000-4000-8000-0000000000aa" symdef="00000000-0000-4000-8000-{to:012x}"/></ChildList></Symdef>"#
        )
    };
    let truss = r#"<Truss uuid="00000000-0000-4000-8000-000000000077" name="T"><Geometries><Symbol uuid="00000000-0000-4000-8000-0000000000ab" symdef="00000000-0000-4000-8000-000000000001"/></Geometries><FixtureID>1</FixtureID></Truss>"#;
    let bytes = mvr(&scene(&(symdef(1, 2) + &symdef(2, 3) + &symdef(3, 1) + &symdef(4, 1)), truss));
    let report = check(bytes.clone());
    assert_eq!(report.of(Rule::ReferenceCyclic).count(), 4, "{report}");
    let file = open(bytes).unwrap();
    assert!(mvrx_file::Plan::of(&file).svg(&Default::default()).ends_with("</svg>\n"));
    let multipatch = |number: u32, to: u32| {
        fixture(number, "")
            .replace("<Fixture ", &format!("<Fixture multipatch=\"00000000-0000-4000-8000-{to:012x}\" "))
    };
    let report = check(mvr(&scene("", &(multipatch(1, 2) + &multipatch(2, 1) + &multipatch(3, 1)))));
    assert_eq!(report.of(Rule::ReferenceCyclic).count(), 1, "{report}");
}

// proves: MVR-NO-ENCRYPTION, MVR-METHODS
#[test]
fn encrypted_or_otherwise_packed_members_are_errors() {
    let encrypted = MemberOptions { flags: 1, ..MemberOptions::default() };
    assert!(matches!(
        open(root_member(b"<x/>", &encrypted)),
        Err(OpenError::RootFile(MemberError::Encrypted))
    ));
    let other = MemberOptions { method: 12, ..MemberOptions::default() };
    let error = open(root_member(b"<x/>", &other)).unwrap_err();
    assert!(matches!(error, OpenError::RootFile(MemberError::MethodNotAllowed { method: 12 })), "{error}");
}

#[test]
fn members_that_are_not_what_the_directory_says_are_errors() {
    let member = |options: MemberOptions| {
        let mut zip = ZipWriter::new(Vec::new());
        zip.add(ROOT, scene("", "").as_bytes(), &MemberOptions::default()).unwrap();
        zip.add(b"a.png", b"some bytes of a picture", &options).unwrap();
        rules(zip.finish().unwrap())
    };
    assert_eq!(member(MemberOptions::default()), []);
    assert_eq!(
        member(MemberOptions { claim_crc: Some(1), ..MemberOptions::default() }),
        [Rule::MemberDamaged]
    );
    assert_eq!(
        member(MemberOptions { claim_size: Some(22), ..MemberOptions::deflate() }),
        [Rule::MemberDamaged]
    );
    assert_eq!(
        member(MemberOptions { claim_size: Some(24), ..MemberOptions::deflate() }),
        [Rule::MemberDamaged]
    );
    assert_eq!(
        member(MemberOptions { local_name: Some(b"b.png".to_vec()), ..MemberOptions::default() }),
        [Rule::MemberDamaged]
    );
    let damaged = MemberOptions { method: 8, claim_size: Some(9), ..MemberOptions::default() };
    let mut zip = ZipWriter::new(Vec::new());
    zip.add(ROOT, b"<x/>", &damaged).unwrap();
    let mut bytes = zip.finish().unwrap();
    bytes[60] ^= 0xFF;
    assert!(open(bytes).is_err());
}

// proves: MVR-ROOT-FILE
#[test]
fn root_file_must_be_there_exactly_once() {
    assert!(matches!(
        open(archive(&[("generalscenedescription.xml", b"<x/>")])),
        Err(OpenError::RootFileMissing)
    ));
    let twice =
        archive(&[("GeneralSceneDescription.xml", b"<x/>"), ("GeneralSceneDescription.xml", b"<x/>")]);
    assert!(matches!(open(twice), Err(OpenError::RootFileNotUnique { count: 2 })));
    assert!(matches!(open(b"hello".to_vec()), Err(OpenError::Archive(ArchiveError::EndRecordMissing))));
    assert_eq!(rules(Vec::new()), [Rule::NotAnArchive]);
    assert!(rules(archive(&[])).contains(&Rule::NotAnMvr));
}

#[test]
fn any_cut_of_a_good_file_is_an_error_and_no_panic() {
    let bytes = Recipe::new(4).fixtures(3).meshes(1).to_bytes();
    for length in (0..bytes.len()).step_by(61) {
        assert!(check(bytes[..length].to_vec()).has_errors(), "cut at {length}");
    }
}

#[test]
fn flipping_any_byte_never_panics() {
    let bytes = Recipe::new(4).fixtures(2).meshes(1).deflate(true).to_bytes();
    for place in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        let _ = check(damaged.clone()).to_string();
        if let Ok(file) = open(damaged) {
            let _ = mvrx_file::Summary::of(&file).to_string();
            let _ = mvrx_file::Plan::of(&file).svg(&Default::default());
        }
    }
}
