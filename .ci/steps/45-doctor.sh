#!/usr/bin/env bash
# Everything that `mvrx doctor` can find, brought about on networks of namespaces.
set -euo pipefail
need=()
command -v nft >/dev/null || need+=(nftables)
command -v avahi-daemon >/dev/null || need+=(avahi-daemon)
command -v dbus-daemon >/dev/null || need+=(dbus)
if [ ${#need[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi
exec timeout 300 python3 "$(dirname "$0")/../namespaces/doctor.py" "$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")"
