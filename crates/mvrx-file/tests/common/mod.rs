//! Small .mvr files made by hand, and where real ones may be found.
#![allow(clippy::print_stderr, reason = "a note for whoever runs the tests")]
#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::io::Cursor;
use std::path::PathBuf;

use mvrx_file::check::{self, Report};
use mvrx_file::generate::{MemberOptions, Recipe, ZipWriter};
use mvrx_file::{Limits, MvrFile, OpenError, Rule};

/// An archive of the given members.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    for (name, data) in members {
        zip.add(name.as_bytes(), data, &MemberOptions::deflate()).unwrap();
    }
    zip.finish().unwrap()
}

/// An .mvr with this root file.
pub(crate) fn mvr(xml: &str) -> Vec<u8> {
    archive(&[("GeneralSceneDescription.xml", xml.as_bytes())])
}

/// A root file with these nodes in its only layer and these in AUXData.
pub(crate) fn scene(auxiliary: &str, children: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<GeneralSceneDescription verMajor="1" verMinor="6" provider="test" providerVersion="1"><Scene>
<AUXData>{auxiliary}</AUXData>
<Layers><Layer uuid="00000000-0000-4000-8000-0000000000ff" name="Layer"><ChildList>
{children}
</ChildList></Layer></Layers></Scene></GeneralSceneDescription>"#
    )
}

/// A fixture whose UUID ends in `number`; `inside` replaces what else it has.
pub(crate) fn fixture(number: u32, inside: &str) -> String {
    format!(
        r#"<Fixture uuid="00000000-0000-4000-8000-{number:012x}" name="F{number}"><FixtureID>{number}</FixtureID><UnitNumber>1</UnitNumber>{inside}</Fixture>"#
    )
}

pub(crate) fn open(bytes: Vec<u8>) -> Result<MvrFile<Cursor<Vec<u8>>>, OpenError> {
    MvrFile::read(Cursor::new(bytes), &Limits::default())
}

pub(crate) fn open_recipe(recipe: &Recipe) -> MvrFile<Cursor<Vec<u8>>> {
    open(recipe.to_bytes()).unwrap()
}

pub(crate) fn check(bytes: Vec<u8>) -> Report {
    check::reader(Cursor::new(bytes), &Limits::default())
}

/// Rules that a file breaks, each once, sorted by name.
pub(crate) fn rules(bytes: Vec<u8>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = check(bytes).findings.into_iter().map(|finding| finding.rule).collect();
    rules.sort_unstable_by_key(|rule| rule.name());
    rules.dedup();
    rules
}

/// A sample of a real application, when this checkout has them beside it.
pub(crate) fn sample(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("note: {name} is not there, so nothing was compared with it");
    None
}
