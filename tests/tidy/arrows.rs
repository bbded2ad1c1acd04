//! Which crate may use which, and which foreign ones stay out of the pure crates.

use std::collections::BTreeMap;

use crate::tree::{crates, root};

/// crate, what of ours it may use. The same table stands in ARCHITECTURE.md.
const MAY_USE: &[(&str, &[&str])] = &[
    ("lan-mdns", &[]),
    ("lan-net", &[]),
    ("lan-sim", &[]),
    ("mixer", &["mixer-proto", "lan-net"]),
    ("mixer-proto", &[]),
    ("mvrx-bridge", &["mvrx-station", "mvrx-discovery", "mvrx-store", "mvrx-message"]),
    (
        "mvrx-cli",
        &[
            "mvrx-bridge",
            "mvrx-conformance",
            "mvrx-discovery",
            "mvrx-file",
            "mvrx-message",
            "mvrx-node",
            "mvrx-station",
            "mvrx-store",
            "mvrx-transport",
            "mvrx-web",
            "mixer",
        ],
    ),
    ("mvrx-conformance", &[]),
    ("mvrx-core", &["mvrx-message"]),
    ("mvrx-discovery", &["mvrx-message", "lan-mdns"]),
    ("mvrx-file", &[]),
    ("mvrx-message", &[]),
    (
        "mvrx-node",
        &[
            "mvrx-bridge",
            "mvrx-discovery",
            "mvrx-station",
            "mvrx-store",
            "mvrx-message",
            "mvrx-file",
            "mixer",
        ],
    ),
    ("mvrx-recipe", &["mvrx-file"]),
    ("mvrx-station", &["mvrx-core", "mvrx-discovery", "mvrx-transport", "mvrx-store", "mvrx-message"]),
    ("mvrx-store", &["mvrx-message", "mvrx-file", "mvrx-recipe"]),
    ("mvrx-transport", &["mvrx-wire", "mvrx-message", "lan-net"]),
    (
        "mvrx-web",
        &[
            "lan-net",
            "mixer",
            "mvrx-bridge",
            "mvrx-discovery",
            "mvrx-file",
            "mvrx-message",
            "mvrx-node",
            "mvrx-station",
            "mvrx-store",
        ],
    ),
    ("mvrx-wire", &[]),
    ("mvrx-worlds", &["lan-sim", "mvrx-bridge", "mvrx-core", "mvrx-wire", "mvrx-message", "mixer-proto"]),
];

/// No runtime in these: a simulated world runs them.
const WITHOUT_TOKIO: &[&str] = &[
    "mvrx-wire",
    "mvrx-message",
    "mvrx-core",
    "mvrx-file",
    "mvrx-recipe",
    "mixer-proto",
    "lan-mdns",
    "lan-sim",
    "mvrx-worlds",
];

#[test]
fn arrows_between_crates_point_one_way() {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    for (name, manifest) in crates() {
        let may =
            allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in the table of arrows"));
        for used in dependencies(&manifest) {
            let ours = allowed.contains_key(used.as_str());
            assert!(!ours || may.contains(&used.as_str()), "{name} may not use {used}");
        }
    }
}

#[test]
fn the_judge_shares_nothing_with_what_it_judges() {
    let (_, manifest) = crates().into_iter().find(|(name, _)| name == "mvrx-conformance").unwrap();
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for used in manifest.get(kind).and_then(toml::Value::as_table).into_iter().flat_map(|t| t.keys()) {
            let ours = ["mvrx", "lan-", "mixer"].iter().any(|prefix| used.starts_with(prefix));
            assert!(!ours, "a judge that uses {used} does not see its mistakes");
        }
    }
}

#[test]
fn pure_crates_have_no_runtime() {
    for (name, manifest) in crates() {
        if WITHOUT_TOKIO.contains(&name.as_str()) {
            let normal =
                manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
            for (used, how) in &normal {
                let optional = how.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
                assert!(!used.starts_with("tokio") || optional, "{name} must not use {used}");
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_and_forbids_unsafe_code() {
    for (name, manifest) in crates() {
        let lints = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(lints, Some(true), "{name} has no `[lints] workspace = true`");
        let source = root().join("crates").join(&name).join("src");
        let main = [source.join("lib.rs"), source.join("main.rs")].into_iter().find(|p| p.is_file()).unwrap();
        let text = std::fs::read_to_string(main).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
    }
}

#[test]
fn serde_json_keeps_the_meaning_of_messages() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--workspace", "-e", "features", "-i", "serde_json", "--depth", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("serde_json"), "cargo tree said: {}", String::from_utf8_lossy(&output.stderr));
    for feature in ["preserve_order", "arbitrary_precision"] {
        assert!(
            !tree.contains(feature),
            "serde_json's {feature} is on: features unify, and it changes what messages mean"
        );
    }
}

#[test]
fn one_version_of_tungstenite_is_in_the_tree() {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock.get("package").and_then(toml::Value::as_array).unwrap();
    for wanted in ["tungstenite", "tokio-tungstenite"] {
        let named = packages.iter().filter(|p| p.get("name").and_then(toml::Value::as_str) == Some(wanted));
        assert_eq!(
            named.count(),
            1,
            "{wanted}: a framework's WebSocket feature, axum's `ws` for one, brings its own"
        );
    }
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let direct = manifest.get("dependencies").and_then(toml::Value::as_table).into_iter();
    let of_targets = manifest
        .get("target")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|t| t.values())
        .filter_map(|t| t.get("dependencies").and_then(toml::Value::as_table));
    direct.chain(of_targets).flat_map(|t| t.keys().cloned()).collect()
}
