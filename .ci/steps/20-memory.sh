#!/usr/bin/env bash
# A large sparse file goes from one process to another; each one's peak memory stays under 64 MiB. MVRX_MEMORY_MIB sets the size.
set -euo pipefail
target=${CARGO_TARGET_DIR:-target}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unshare --net sh -euc "ip link set lo up; timeout 900 python3 .ci/memory.py '$target/release/mvrx' '$folder' '${MVRX_MEMORY_MIB:-1024}' 64"
