#!/usr/bin/env bash
# What happens when disks, lines, clocks, descriptors and other people fail: the real programs under real faults (root). A bounded share;
# MVRX_FAULTS=long MVRX_EVERY_CALL=1 takes all of it.
set -euo pipefail
"$(dirname "$0")/../need" strace=strace nft=nftables
mvrx=$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")

# A store at its system calls, one in so many: killed, EIO, ENOSPC.
MVRX_EVERY_CALL=${MVRX_EVERY_CALL:-30} timeout 900 cargo test --locked -q -p mvrx-store --test every_call

# Mounts and loopback of its own.
unshare --net --mount sh -euc "ip link set lo up; python3 .ci/namespaces/faults.py '$mvrx' announced idle slow descriptors full_disk killed clock"
python3 .ci/namespaces/faults.py "$mvrx" impaired
