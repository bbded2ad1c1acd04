#!/usr/bin/env bash
# pymvr and the official schema's checker read .mvr files as we do.
set -euo pipefail
"$(dirname "$0")/../need" xmllint=libxml2-utils python:ensurepip=python3-venv
bash crates/mvrx-file/tests/pymvr.sh
cargo test --locked -p mvrx-file --test schema --test samples
# 10,000 fixtures are read, compared and drawn once; how fast is a matter of `cargo bench`.
cargo bench --locked -p mvrx-file --bench revisions -- --test
