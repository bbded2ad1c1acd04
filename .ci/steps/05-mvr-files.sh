#!/usr/bin/env bash
# pymvr and the official schema's checker read .mvr files as we do.
set -euo pipefail
need=()
command -v xmllint >/dev/null || need+=(libxml2-utils)
python3 -c 'import ensurepip' 2>/dev/null || need+=(python3-venv)
if [ ${#need[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${need[@]}" >/dev/null
fi
bash crates/mvrx-file/tests/pymvr.sh
cargo test --locked -p mvrx-file --test schema --test samples
# 10,000 fixtures are read, compared and drawn once; how fast is a matter of `cargo bench`.
cargo bench --locked -p mvrx-file --bench revisions -- --test
