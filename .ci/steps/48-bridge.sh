#!/usr/bin/env bash
# Two local networks that cannot reach each other, a session behind TLS on a third, two bridges on each: files of other products' doubles go across, also
# after a bridge was killed; what a bridge takes of memory and threads. MVRX_MEMORY_MIB sets the size of the large file.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --release -p mvrx-worlds --bin double
target=$(realpath "${CARGO_TARGET_DIR:-target}/release")
timeout 900 python3 .ci/namespaces/bridge.py "${MVRX:-$target/mvrx}" "$target/double" "${MVRX_MEMORY_MIB:-1024}"
