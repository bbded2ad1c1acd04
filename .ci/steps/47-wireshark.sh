#!/usr/bin/env bash
# The program's own traffic, captured in a network namespace, as tshark shows it with our dissector.
set -euo pipefail
"$(dirname "$0")/../need" tcpdump=tcpdump tshark=tshark
target=$(realpath "${CARGO_TARGET_DIR:-target}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# tcpdump writes under a user of its own.
chmod 777 "$folder"
# Segments of an Ethernet's size, so that messages and heads are cut anywhere.
unshare --net sh -euc "ip link set lo up mtu 1500 gso_max_size 1500 gso_max_segs 1; timeout 400 python3 .ci/wireshark.py '$target/release/mvrx' wireshark/mvrx.lua '$folder'"
