#!/usr/bin/env bash
# The fuzz targets compile; what they once found is replayed by the tests of their crates.
set -euo pipefail
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo check --locked --manifest-path fuzz/Cargo.toml
