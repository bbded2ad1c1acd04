//! The official schema and our check agree, where `xmllint` and the schema are there: on generated files, and on every file that one
//! damage to a file with everything in it makes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, reason = "a note for whoever runs the tests")]

mod common;
#[path = "common/tree.rs"]
mod tree;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{archive, check, open_recipe};
use mvrx_file::check::Report;
use mvrx_file::generate::{Changes, Recipe, UuidStyle};
use mvrx_file::{Rule, Severity};
use tree::Element;

fn schema() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/schema/mvr.xsd");
    let tool = Command::new("xmllint").arg("--version").output().is_ok();
    if tool && path.exists() {
        return Some(path);
    }
    eprintln!("note: xmllint or the official schema is not there, so nothing was compared with it");
    None
}

/// For each document whether the schema accepts it.
fn valid_by_schema(schema: &Path, documents: &[String]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let name = |index: usize| format!("{index}.xml");
    for (index, document) in documents.iter().enumerate() {
        std::fs::write(folder.path().join(name(index)), document).unwrap();
    }
    let mut valid = HashSet::new();
    let names: Vec<String> = (0..documents.len()).map(name).collect();
    for some in names.chunks(500) {
        let output = Command::new("xmllint")
            .args(["--noout", "--schema"])
            .arg(schema.canonicalize().unwrap())
            .args(some)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stderr).unwrap();
        valid.extend(lines.lines().filter_map(|line| line.strip_suffix(" validates")).map(str::to_owned));
    }
    names.iter().map(|name| valid.contains(name)).collect()
}

fn report(document: &str) -> Report {
    let members: [(&str, &[u8]); 5] = [
        ("GeneralSceneDescription.xml", document.as_bytes()),
        ("a.glb", b"x"),
        ("a.gdtf", b"x"),
        ("a.mov", b"x"),
        ("a.png", b"x"),
    ];
    check(archive(&members))
}

#[test]
fn generated_files_are_valid_by_schema_and_by_check() {
    let Some(schema) = schema() else { return };
    let recipe = Recipe::new(21).fixtures(90).trusses(3).payload_bytes(100);
    let revised = recipe.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
    for recipe in [
        recipe.clone(),
        recipe.uuids(UuidStyle::Upper),
        revised,
        Recipe::new(1).fixtures(0).trusses(0).meshes(0),
    ] {
        let file = open_recipe(&recipe);
        let place =
            file.archive().members().iter().position(|member| member.name == mvrx_file::ROOT_FILE).unwrap();
        let xml = file.archive().unpack(place, 1 << 24).unwrap().read_all().unwrap();
        assert_eq!(valid_by_schema(&schema, &[String::from_utf8(xml).unwrap()]), [true]);
        assert!(!check(recipe.to_bytes()).has_errors());
    }
}

// proves: MVR-SCHEMA
#[test]
fn schema_and_check_refuse_the_same_damages() {
    let Some(schema) = schema() else { return };
    let whole = Element::parse(EVERYTHING);
    let damages = damages(&whole);
    assert!(damages.len() > 2_000, "{}", damages.len());
    let documents: Vec<String> = damages.iter().map(|damage| damage.document.write()).collect();
    assert_eq!(valid_by_schema(&schema, &[whole.write()]), [true]);
    let found = about_the_schema(&report(&whole.write()));
    assert!(found.is_empty(), "{found:?}");
    let mut wrong = Vec::new();
    let mut verdicts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    for (damage, valid) in damages.iter().zip(valid_by_schema(&schema, &documents)) {
        let found = about_the_schema(&report(&damage.document.write()));
        let error = found.iter().any(|(rule, _)| rule.severity() == Severity::Error);
        *verdicts.entry((valid, error)).or_default() += 1;
        let agreed = match valid {
            true => found.is_empty(),
            // Only what nobody minds may be less than an error.
            false if damage.tolerable => !found.is_empty(),
            false => error,
        };
        if !agreed && !(if valid { damage.check_is_stricter() } else { damage.text_allows() }) {
            wrong.push(format!("schema accepts: {valid}; {}; check: {found:?}", damage.what));
        }
    }
    eprintln!("accepted by the schema, error by check: {verdicts:?}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), damages.len(), wrong.join("\n"));
}

/// Findings that the schema could have made as well.
fn about_the_schema(report: &Report) -> Vec<(Rule, String)> {
    let rules = [
        Rule::ElementMissing,
        Rule::ElementRepeated,
        Rule::ElementUnknown,
        Rule::AttributeMissing,
        Rule::AttributeUnknown,
        Rule::TextUnexpected,
        Rule::ValueMalformed,
        Rule::UuidMissing,
        Rule::UuidUnreadable,
        Rule::UuidForm,
        Rule::MatrixMalformed,
        Rule::AddressMalformed,
        Rule::SchemaStricter,
        Rule::SceneUnreadable,
    ];
    let unreadable =
        |rule: Rule, detail: &str| rule == Rule::ReferenceBroken && detail.contains("not a UUID");
    let of = report.findings.iter().map(|finding| (finding.rule, finding.detail.clone()));
    of.filter(|(rule, detail)| rules.contains(rule) || unreadable(*rule, detail)).collect()
}

/// A document with one fault, or with none that matters.
struct Damage {
    what: String,
    document: Element,
    /// Readers get along with it, so a warning is enough.
    tolerable: bool,
}

impl Damage {
    /// What the text of the format forbids and the schema cannot say, or forgot.
    fn check_is_stricter(&self) -> bool {
        [
            " uuid := ``",
            " uuid := ` `",
            "ipv4 := `999.1.1.1`",
            "subnetmask := `999.1.1.1`",
            "fileName := ``",
            "fileName := ` `",
            "Address := `-1`",
            // Numbers that no console can keep.
            "rz := `NaN`",
            "rotation := `NaN`",
            "ChainLength := `NaN`",
            ":= `99999999999999999999`",
        ]
        .iter()
        .any(|known| self.what.contains(known))
    }

    /// What the text allows and the schema forbids: content of `Data`, a gobo's picture, scaling as text, any IPv6 address,
    /// `universe.slot`, a blank in an element that is empty.
    fn text_allows(&self) -> bool {
        if self.what.ends_with(" := ` `") && self.what.split(' ').count() == 4 {
            return EMPTY.iter().any(|name| self.what.starts_with(name));
        }
        let into = ["into Data", "of Data", "text in Gobo", "text in Data"];
        into.iter().any(|known| self.what.contains(known))
            || [
                "Gobo :=",
                "Data :=",
                "ipv6 := `fe80::1`",
                "Address := `1.5`",
                "ScaleHandeling := `KeepSizeCenter`",
            ]
            .iter()
            .any(|known| self.what.starts_with(known) || self.what.contains(&format!(" {known}")))
    }
}

/// Every element left out, doubled, swapped, filled; every attribute left out, renamed; every value replaced by each of a list.
fn damages(whole: &Element) -> Vec<Damage> {
    let mut damages = Vec::new();
    for way in whole.ways() {
        let element = whole.at(&way);
        let name = element.name.as_str();
        let mut add = |what: String, tolerable: bool, document: Element| {
            damages.push(Damage { what, document, tolerable });
        };
        add(
            format!("unknown attribute of {name}"),
            false,
            whole.with(&way, |element| element.attributes.push(("nonsense".into(), "1".into()))),
        );
        add(
            format!("unknown element into {name}"),
            false,
            whole.with(&way, |element| element.children.push(Element::named("Nonsense"))),
        );
        if !element.children.is_empty() || element.text.is_empty() {
            add(format!("text in {name}"), false, whole.with(&way, |element| element.text.push_str("stray")));
        }
        if element.children.is_empty() {
            for value in VALUES {
                let blanks = value.starts_with(' ') || value.ends_with(' ');
                add(
                    format!("{name} := `{value}`"),
                    blanks || UNUSUAL.contains(value),
                    whole.with(&way, |element| (*value).clone_into(&mut element.text)),
                );
            }
        }
        for (place, (key, _)) in element.attributes.iter().enumerate() {
            add(
                format!("{name} without {key}"),
                false,
                whole.with(&way, |element| drop(element.attributes.remove(place))),
            );
            add(
                format!("{name}, {key} in capitals"),
                true,
                whole.with(&way, |element| element.attributes[place].0 = key.to_uppercase()),
            );
            for value in VALUES {
                let blanks = value.starts_with(' ') || value.ends_with(' ');
                add(
                    format!("{name} {key} := `{value}`"),
                    blanks || UNUSUAL.contains(value),
                    whole.with(&way, |element| (*value).clone_into(&mut element.attributes[place].1)),
                );
            }
        }
        let Some((last, above)) = way.split_last() else { continue };
        add(
            format!("{} without {name}", whole.at(above).name),
            false,
            whole.with(above, |parent| drop(parent.children.remove(*last))),
        );
        add(
            format!("{name} twice"),
            false,
            whole.with(above, |parent| parent.children.insert(*last, element.clone())),
        );
        if *last > 0 {
            add(
                format!("{name} before its neighbour"),
                true,
                whole.with(above, |parent| parent.children.swap(*last - 1, *last)),
            );
        }
    }
    damages
}

const VALUES: &[&str] = &[
    "",
    " ",
    "x",
    "-1",
    "+1",
    "1.5",
    "1e3",
    " 1 ",
    "true",
    "TRUE",
    "2",
    "NaN",
    "99999999999999999999",
    "00000000-0000-4000-8000-00000000beef",
    " 00000000-0000-4000-8000-00000000beef ",
    "{00000000-0000-4000-8000-00000000beef}",
    "00000000-0000-4000-8000-00000000bee",
    "{1,0,0}{0,1,0}{0,0,1}{0,0,0}",
    "{1, 0, 0}{0,1,0}{0,0,1}{0,0,0}",
    "{1,0,0}{0,1,0}{0,0,1}{0,0}",
    "{1,0,0}{0,1,0}{0,0,1}{0,0,1E3}",
    "0.3,0.3,50",
    "0.3,0.3",
    "10.0.0.1",
    "999.1.1.1",
    "10.0.0",
    "fe80::1",
    "NDI",
    "Multicast",
    "multicast",
    "KeepSizeCenter",
];
const EMPTY: [&str; 10] = [
    "Class",
    "Data",
    "Gobo",
    "Position",
    "ScaleHandeling",
    "Network",
    "Protocol",
    "Alignment",
    "Overwrite",
    "Connection",
];
/// Values that are readable for some types although the schema refuses them.
const UNUSUAL: &[&str] = &["{1, 0, 0}{0,1,0}{0,0,1}{0,0,0}", "{1,0,0}{0,1,0}{0,0,1}{0,0,1E3}"];

/// Every element and every attribute of the format once.
const EVERYTHING: &str = include_str!("common/everything.xml");
