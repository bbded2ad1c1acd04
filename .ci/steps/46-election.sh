#!/usr/bin/env bash
# Five stations that elect their host, on machines of their own: the host is killed, comes back, and loses its cable; two more speak TCP mode alone and stay
# reachable. Then five that exchange large files meanwhile, and four stations on two networks. Prints how long each take-over took.
set -euo pipefail
cd "$(dirname "$0")/../.."
id=mvre$$
clean() { for name in hub 1 2 3 4 5 6 7; do ip netns del "$id$name" 2>/dev/null || true; done; }
trap clean EXIT

ip netns add "${id}hub"
ip -n "${id}hub" link add br0 type bridge
ip -n "${id}hub" link set br0 up
for number in 1 2 3 4 5 6 7; do
    ip netns add "$id$number"
    ip link add "${id: -6}$number" netns "${id}hub" type veth peer name eth0 netns "$id$number"
    ip -n "${id}hub" link set "${id: -6}$number" master br0 up
    ip -n "$id$number" link set lo up
    ip -n "$id$number" addr add "10.78.0.$number/24" dev eth0
    ip -n "$id$number" link set eth0 up
    ip -n "$id$number" route add default dev eth0
done
mvrx="${MVRX:-$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")}"
timeout 700 python3 .ci/namespaces/election.py "$mvrx" "$id" "${id: -6}"
timeout 700 python3 .ci/namespaces/election_files.py "$mvrx"
timeout 100 python3 .ci/namespaces/election_nets.py "$mvrx"
