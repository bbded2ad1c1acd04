//! Each test that SECURITY.md names for a claim is there: a function of a test, or of a script of the checks; and each file.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::tree::{files, root};

#[test]
fn every_test_that_security_md_names_is_there() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let quoted: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let sources = sources();
    let read: Vec<String> = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let (mut tests, mut missing) = (0, Vec::new());
    for name in quoted {
        let there = if name.ends_with(".rs") || name.ends_with(".py") {
            sources.iter().any(|path| path.ends_with(name))
        } else if is_a_tests_name(name) {
            tests += 1;
            let (test, script) = (format!("fn {name}("), format!("def {name}("));
            read.iter().any(|source| source.contains(&test) || source.contains(&script))
        } else {
            continue;
        };
        if !there {
            missing.push(name);
        }
    }
    assert!(tests > 60, "only {tests} claims have a test");
    assert!(missing.is_empty(), "SECURITY.md names what is not there: {missing:#?}");
}

/// A sentence in one word: three words at least, so that nothing else is meant by it.
fn is_a_tests_name(name: &str) -> bool {
    name.matches('_').count() >= 2
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

fn sources() -> Vec<PathBuf> {
    let mut all = files(&root().join("crates"), "rs");
    all.extend(files(&root().join("tests"), "rs"));
    all.extend(files(&root().join(".ci"), "py"));
    all
}
