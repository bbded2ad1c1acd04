#!/usr/bin/env bash
# The page of a running station in headless Chromium: two stations, shared files, a comparison, a transfer, a move, a station that is lost and comes
# back; how it looks and how smooth it is. Pictures of each state end in target/browser-pictures.
set -euo pipefail
timeout 300 "$(dirname "$0")/../need" python3=python3 chromium=chromium,fonts-dejavu-core
target=$(realpath "${CARGO_TARGET_DIR:-target}")
cargo build --release --locked -p mvrx-file --example make_mvr
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 600 python3 "$(dirname "$0")/../browser/page.py" "$target/release/mvrx" "$target/release/examples/make_mvr" "$folder" "$target/browser-pictures"
