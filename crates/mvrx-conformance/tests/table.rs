//! The table of cases: whole, tied to the requirements, and told in the documentation as it is.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use mvrx_conformance::{Subject, cases};

fn docs(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(path)
}

#[test]
fn every_case_says_what_it_asks_and_belongs_to_requirements_that_exist() {
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(docs("spec")).unwrap() {
        let table: toml::Table = fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap();
        for requirement in table["requirement"].as_array().unwrap() {
            known.insert(requirement["id"].as_str().unwrap().to_owned());
        }
    }
    for subject in Subject::ALL {
        let mut ids = BTreeSet::new();
        for case in cases(subject) {
            assert!(ids.insert(case.id), "{} stands twice", case.id);
            assert!(case.id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{}", case.id);
            assert!(case.sentence.ends_with('.') && !case.section.is_empty(), "{}", case.id);
            assert!(!case.requirements.is_empty(), "{} belongs to no requirement", case.id);
            for id in case.requirements {
                assert!(known.contains(*id), "{}: docs/spec has no {id}", case.id);
            }
        }
        assert!(!ids.is_empty());
    }
}

/// With `MVRX_WRITE=1` in the environment it writes the list anew.
#[test]
fn the_documentation_lists_the_cases_as_they_are() {
    const BEGIN: &str = "<!-- cases -->\n";
    let path = docs("protocol/conformance.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once(BEGIN).expect("no mark for the list");
    let wanted = format!("{before}{BEGIN}{}", listed());
    if std::env::var_os("MVRX_WRITE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text == wanted, "run this test with MVRX_WRITE=1, and look at what it changed");
}

fn listed() -> String {
    let mut text = String::new();
    for subject in Subject::ALL {
        let _ = write!(
            text,
            "\n### {}\n| case | binds | section | asks | needs |\n|---|---|---|---|---|\n",
            subject.word()
        );
        for case in cases(subject) {
            let needs: Vec<String> = case.needs.iter().map(|need| format!("`{}`", need.option())).collect();
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                case.id,
                case.binding.word(),
                case.section,
                case.sentence,
                needs.join(" ")
            );
        }
    }
    text
}
