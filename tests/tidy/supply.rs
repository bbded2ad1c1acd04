//! What comes into the tree from others: its sources, its licences, and what must not be there. The lists are those of `deny.toml`, so that
//! `cargo deny` and these tests say the same; these need no tool and no network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tree::{crates, files, relative, root};

/// Both trees: the workspace's, and that of the fuzz targets.
const TREES: &[&str] = &["Cargo.toml", "fuzz/Cargo.toml"];

fn deny() -> toml::Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

/// A list of `deny.toml`; of tables what they say under `key`.
fn list(section: &str, name: &str, key: &str) -> BTreeSet<String> {
    let table = deny();
    let list = table[section][name].as_array().unwrap();
    let one = |value: &toml::Value| value.as_str().or_else(|| value[key].as_str()).unwrap().to_owned();
    list.iter().map(one).collect()
}

fn packages(lock: &Path) -> Vec<toml::Table> {
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone()).collect()
}

/// Every package of a tree with its licence, as far as cargo has it here: (name, licence).
fn licences(manifest: &str) -> Vec<(String, Option<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path", manifest])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = said["packages"].as_array().unwrap();
    let outside = packages.iter().filter(|package| !package["source"].is_null());
    outside
        .map(|package| {
            (package["name"].as_str().unwrap().to_owned(), package["license"].as_str().map(str::to_owned))
        })
        .collect()
}

#[test]
fn every_package_from_outside_is_of_the_one_registry_and_has_a_checksum() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let all = packages(&root().join(lock));
        let mut sources = BTreeSet::new();
        for package in all.iter().filter(|package| package.contains_key("source")) {
            assert!(package.contains_key("checksum"), "{lock}: {} has no checksum", package["name"]);
            sources.insert(package["source"].as_str().unwrap());
        }
        assert_eq!(sources.len(), 1, "{lock}: {sources:?}");
        assert!(sources.iter().all(|source| source.starts_with("registry+")), "{lock}: {sources:?}");
    }
}

#[test]
fn what_must_not_come_in_is_not_there() {
    let banned = list("bans", "deny", "crate");
    assert!(!banned.is_empty());
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        for package in packages(&root().join(lock)) {
            let name = package["name"].as_str().unwrap();
            assert!(!banned.contains(name), "{lock} has {name}: see deny.toml");
        }
    }
}

#[test]
fn every_licence_is_one_that_we_may_use() {
    let allowed = list("licenses", "allow", "");
    let excepted = list("licenses", "exceptions", "crate");
    let mut exceptions = BTreeSet::new();
    // The fuzz targets are not given to anybody, and cargo may not have fetched what only they use.
    for (name, licence) in licences(TREES[0]) {
        let licence = licence.unwrap_or_else(|| panic!("{name} says no licence"));
        if !is_allowed(&licence, &allowed) {
            assert!(excepted.contains(&name), "{name} is under {licence}: see deny.toml");
            exceptions.insert(name);
        }
    }
    assert_eq!(exceptions, excepted, "exceptions that nothing needs any more");
}

/// Whether one may choose such a licence: of `OR` one is enough, of `AND` all. `MIT/Apache-2.0` is an older way to say `OR`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    if let Some(sides) = split(&expression.replace('/', " OR "), " OR ") {
        return sides.iter().any(|side| is_allowed(side, allowed));
    }
    if let Some(sides) = split(expression, " AND ") {
        return sides.iter().all(|side| is_allowed(side, allowed));
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner, allowed),
        None => allowed.contains(expression),
    }
}

/// Splits at an operator outside of brackets; `None` where there is none.
fn split(expression: &str, operator: &str) -> Option<Vec<String>> {
    let (mut depth, mut sides, mut at) = (0_i32, Vec::new(), 0);
    for (place, character) in expression.char_indices() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        if depth == 0 && place >= at && expression[place..].starts_with(operator) {
            sides.push(expression[at..place].to_owned());
            at = place + operator.len();
        }
    }
    (!sides.is_empty()).then(|| {
        sides.push(expression[at..].to_owned());
        sides
    })
}

#[test]
fn a_licence_is_read_as_it_is_written() {
    let allowed: BTreeSet<String> =
        ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND ISC", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR MIT) AND GPL-2.0", false),
        ("GPL-3.0 OR (MIT AND ISC)", true),
        ("GPL-3.0 OR (MIT AND GPL-2.0)", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn no_version_of_a_dependency_is_left_open() {
    let mut manifests: Vec<(String, toml::Table)> = crates();
    for manifest in TREES {
        let table = fs::read_to_string(root().join(manifest)).unwrap().parse().unwrap();
        manifests.push(((*manifest).to_owned(), table));
    }
    for (name, manifest) in manifests {
        let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
        let tables = [Some(&manifest), workspace].into_iter().flatten();
        for table in tables.flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| table.get(kind))
        }) {
            for (used, how) in table.and_then(toml::Value::as_table).into_iter().flatten() {
                let version = how.as_str().or_else(|| how.get("version").and_then(toml::Value::as_str));
                let ours = how.get("path").is_some() || how.get("workspace").is_some();
                assert!(
                    ours || version.is_some_and(|version| version != "*"),
                    "{name}: {used} in any version"
                );
                assert!(how.get("git").is_none(), "{name}: {used} from a repository, not the registry");
            }
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere_and_nowhere_let_in_again() {
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    // It holds for tests, benches and examples of every crate that takes the workspace's lints, and each does (arrows.rs); the root too.
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    assert_eq!(workspace["lints"]["workspace"].as_bool(), Some(true));
    let forbid = "#![forbid(unsafe_code)]";
    for path in files(&root().join("fuzz/fuzz_targets"), "rs") {
        assert!(fs::read_to_string(&path).unwrap().contains(forbid), "{} may be unsafe", relative(&path));
    }
    let keyword = ["un", "safe"].concat();
    for path in files(root(), "rs") {
        let text = fs::read_to_string(&path).unwrap().replace(forbid, "");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for after in [" {", " fn", " impl", " extern", "("] {
                let word = format!("{keyword}{after}");
                let found = code.find(&word).is_some_and(|at| {
                    !code[..at]
                        .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '"')
                });
                assert!(!found, "{}:{}: {line}", relative(&path), number + 1);
            }
        }
    }
}
