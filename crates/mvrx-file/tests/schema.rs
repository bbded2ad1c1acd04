//! The official schema and our check agree on generated files, where `xmllint` and the schema are there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, reason = "a note for whoever runs the tests")]

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::{check, fixture, mvr, open_recipe, scene};
use mvrx_file::generate::{Changes, Recipe, UuidStyle};

fn schema() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/schema/mvr.xsd");
    let tool = Command::new("xmllint").arg("--version").output().is_ok();
    if tool && path.exists() {
        return Some(path);
    }
    eprintln!("note: xmllint or the official schema is not there, so nothing was compared with it");
    None
}

fn valid_by_schema(schema: &PathBuf, xml: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), xml).unwrap();
    let output =
        Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(file.path()).output().unwrap();
    output.status.success()
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
        assert!(valid_by_schema(&schema, &xml));
        assert!(!check(recipe.to_bytes()).has_errors());
    }
}

#[test]
fn schema_and_check_refuse_the_same_faults() {
    let Some(schema) = schema() else { return };
    let uuid = r#"uuid="00000000-0000-4000-8000-000000000001""#;
    let good = [
        fixture(1, ""),
        fixture(1, "<Matrix>{1,0,0}{0,1,0}{0,0,1}{0.5,-2e-3,0}</Matrix><Classing></Classing>"),
        fixture(1, r#"<Addresses><Address break="0">5</Address></Addresses>"#),
        format!("<SceneObject {uuid}><Geometries/></SceneObject>"),
    ];
    let bad = [
        fixture(1, "").replace(&uuid[5..], "\"nonsense\""),
        fixture(1, "").replace(uuid, ""),
        fixture(1, "").replace("<FixtureID>1</FixtureID>", ""),
        fixture(1, "").replace("<UnitNumber>1</UnitNumber>", ""),
        fixture(1, "").replace("<UnitNumber>1<", "<UnitNumber>one<"),
        fixture(1, "<Matrix>{1,0,0}{0,1,0}{0,0,1}</Matrix>"),
        fixture(1, "<Focus>nonsense</Focus>"),
        fixture(1, "<Color>red</Color>"),
        fixture(1, "<CustomId>1.5</CustomId>"),
        fixture(1, "<FixtureIDNumeric>-4</FixtureIDNumeric>"),
        fixture(1, r#"<Addresses><Address break="0">x</Address></Addresses>"#),
        fixture(1, r#"<Addresses><Address break="-1">5</Address></Addresses>"#),
        fixture(1, &"<Function>twice</Function>".repeat(2)),
        format!("<SceneObject {uuid}/>"),
        format!("<FocusPoint {uuid}/>"),
        format!("<GroupObject {uuid}/>"),
        format!("<Support {uuid}><Geometries/><FixtureID>1</FixtureID></Support>"),
        format!("<Projector {uuid}><Geometries/><FixtureID>1</FixtureID></Projector>"),
        "<Fixture>".to_owned(),
    ];
    for (children, expected) in good.iter().map(|one| (one, true)).chain(bad.iter().map(|one| (one, false))) {
        // Elements of AUXData are none here, and an empty one is allowed.
        let xml = scene("", children);
        assert_eq!(valid_by_schema(&schema, xml.as_bytes()), expected, "the schema on {children}");
        let report = check(mvr(&xml));
        assert_eq!(!report.has_errors(), expected, "check on {children}: {report}");
    }
}
