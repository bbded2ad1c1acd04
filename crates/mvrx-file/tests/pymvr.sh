#!/usr/bin/env bash
# Reads generated files, and samples if they are there, with pymvr and with this crate, and compares. Needs python3 with venv; installs pymvr into the target folder.
set -euo pipefail
crate=$(cd "$(dirname "$0")/.." && pwd)
cd "$crate"
target=${CARGO_TARGET_DIR:-$crate/../../target}
[ -x "$target/pymvr/bin/python" ] || python3 -m venv "$target/pymvr"
"$target/pymvr/bin/python" -c 'import pymvr' 2>/dev/null || "$target/pymvr/bin/pip" install --quiet 'pymvr==1.0.7'
cargo build --locked --quiet -p mvrx-file --examples
samples=()
for file in ../../../shared/samples/*.mvr; do
    [ ! -e "$file" ] || samples+=("$file")
done
[ ${#samples[@]} -gt 0 ] || echo "note: no samples are there, only generated files are compared"
"$target/pymvr/bin/python" tests/same_as_pymvr.py "$target/debug/examples/inspect" "$target/debug/examples/make_mvr" ${samples[@]+"${samples[@]}"}
