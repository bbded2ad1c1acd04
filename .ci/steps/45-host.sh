#!/usr/bin/env bash
# Python's websockets and mvrx itself as stations of `mvrx host`: the host killed and started again, commits beside a file held to 10 MB/s, and a
# large file through it: the host's peak memory stays under 96 MiB, each station's under 64. MVRX_MEMORY_MIB sets the size. Step 42 has installed Python's package.
set -euo pipefail
target=$(realpath "${CARGO_TARGET_DIR:-target}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 1100 "$target/websocket-tools/python/bin/python" .ci/host.py "$target/release/mvrx" "$folder" "${MVRX_MEMORY_MIB:-1024}" 96 64 "$@"
