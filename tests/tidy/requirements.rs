//! Every requirement of `docs/spec/*.toml` is marked `req:` in the code that meets it and `proves:` in a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::tree::{files, relative, root};

#[test]
fn every_requirement_is_met_by_code_and_proved_by_a_test() {
    let known = known();
    assert!(!known.is_empty(), "no requirements in docs/spec");
    let (met, proved) = (marks("req:"), marks("proves:"));
    let mut wrong = Vec::new();
    for id in &known {
        if !met.contains_key(id) {
            wrong.push(format!("{id}: no code says `req: {id}`"));
        }
        if !proved.contains_key(id) {
            wrong.push(format!("{id}: no test says `proves: {id}`"));
        }
    }
    for (id, file) in met.iter().chain(&proved) {
        if !known.contains(id) {
            wrong.push(format!("{file} marks {id}, which docs/spec does not have"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn requirements_are_whole() {
    for path in files(&root().join("docs/spec"), "toml") {
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for requirement in table["requirement"].as_array().unwrap() {
            for key in ["id", "section", "level", "text"] {
                let value = requirement.get(key).and_then(toml::Value::as_str).unwrap_or("");
                assert!(!value.is_empty(), "{}: {requirement:?} has no {key}", relative(&path));
            }
            let level = requirement["level"].as_str().unwrap();
            assert!(
                ["must", "should", "may", "field"].contains(&level),
                "{}: level {level}",
                relative(&path)
            );
        }
    }
}

fn known() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for path in files(&root().join("docs/spec"), "toml") {
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for requirement in table["requirement"].as_array().unwrap() {
            let id = requirement["id"].as_str().unwrap().to_owned();
            assert!(ids.insert(id.clone()), "{id} stands twice");
        }
    }
    ids
}

/// The ids behind a mark in comments, with a file that has each.
fn marks(mark: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files(root(), "rs") {
        let name = relative(&path);
        if name.starts_with("tests/tidy/") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((before, after)) = line.split_once(mark) else { continue };
            if before.contains("//") {
                for id in after.split(',') {
                    let id = id.trim().trim_end_matches('.');
                    found.insert(id.to_owned(), name.clone());
                }
            }
        }
    }
    found
}
