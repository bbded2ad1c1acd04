#!/usr/bin/env bash
# Discovery on networks of namespaces: families, cables, loss, many stations, python-zeroconf, avahi, and a casebook judged on raw packets.
set -euo pipefail
need=()
command -v nft >/dev/null || need+=(nftables)
command -v avahi-daemon >/dev/null || need+=(avahi-daemon avahi-utils)
command -v dbus-daemon >/dev/null || need+=(dbus)
python3 -c 'import ensurepip' 2>/dev/null || need+=(python3-venv)
if [ ${#need[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi
target=${CARGO_TARGET_DIR:-target}
venv=$target/zeroconf-venv
if ! "$venv/bin/python3" -c 'import zeroconf' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install zeroconf
fi
exec python3 "$(dirname "$0")/../namespaces/mdns.py" "$(realpath "$target/release/mvrx")" "$(realpath -s "$venv/bin/python3")"
