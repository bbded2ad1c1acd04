#!/usr/bin/env bash
# Stations on machines of their own: namespaces joined by a bridge in a third one, so that nothing reaches this machine's network.
set -euo pipefail
mvrx=$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")
id=mvrx$$
folder=$(mktemp -d)
pids=()
clean() {
    # Each runs below a shell of its own, which does not pass a signal on.
    for name in a b c; do ip netns pids "$id$name" 2>/dev/null | xargs -r kill 2>/dev/null || true; done
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    for name in hub a b c; do ip netns del "$id$name" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap clean EXIT

ip netns add "${id}hub"
ip -n "${id}hub" link add br0 type bridge
ip -n "${id}hub" link set br0 up
number=1
for name in a b c; do
    ip netns add "$id$name"
    ip link add "${id: -6}$name" netns "${id}hub" type veth peer name eth0 netns "$id$name"
    ip -n "${id}hub" link set "${id: -6}$name" master br0 up
    ip -n "$id$name" link set lo up
    ip -n "$id$name" addr add "10.77.0.$number/24" dev eth0
    ip -n "$id$name" link set eth0 up
    ip -n "$id$name" route add default dev eth0
    number=$((number + 1))
done

in_ns() { local name=$1; shift; mkdir -p "$folder/$name"; HOME="$folder/$name" ip netns exec "$id$name" "$@"; }
wait_for() { # file, words
    for _ in $(seq 300); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "no line with \"$2\" in:"; cat "$1"; return 1
}

python3 -c 'import os, sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr("GeneralSceneDescription.xml", os.urandom(3000000))' "$folder/show.mvr"
mkdir "$folder/received"
in_ns a "$mvrx" up --name A "$folder/show.mvr" >"$folder/a.log" 2>&1 & pids+=($!)
in_ns b "$mvrx" up --name B --get all --dir "$folder/received" >"$folder/b.log" 2>&1 & pids+=($!)
wait_for "$folder/b.log" saved
cmp "$folder/show.mvr" "$folder"/received/*.mvr
echo "A's file is B's, over the bridge"

in_ns c "$mvrx" ls --json >"$folder/c.json"
python3 - "$folder/c.json" <<'P'
import json, sys
listed = json.load(open(sys.argv[1]))
found = {s["name"]: s["addresses"] for s in listed["stations"]}
print("C lists", found)
assert set(found) == {"A", "B"}, found
for name, address in [("A", "10.77.0.1:"), ("B", "10.77.0.2:")]:
    assert any(a.startswith(address) for a in found[name]), found
P
