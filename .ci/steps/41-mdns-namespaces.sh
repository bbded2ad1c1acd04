#!/usr/bin/env bash
# Discovery on networks of namespaces: families, cables, loss, many stations, python-zeroconf, avahi, and a casebook judged on raw packets.
set -euo pipefail
"$(dirname "$0")/../need" nft=nftables avahi-daemon=avahi-daemon,avahi-utils dbus-daemon=dbus python:ensurepip=python3-venv
target=${CARGO_TARGET_DIR:-target}
venv=$target/zeroconf-venv
if ! "$venv/bin/python3" -c 'import zeroconf' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install zeroconf
fi
exec python3 "$(dirname "$0")/../namespaces/mdns.py" "$(realpath "$target/release/mvrx")" "$(realpath -s "$venv/bin/python3")"
