#!/usr/bin/env bash
# Everything that `mvrx doctor` can find, brought about on networks of namespaces.
set -euo pipefail
"$(dirname "$0")/../need" nft=nftables avahi-daemon=avahi-daemon dbus-daemon=dbus
exec timeout 300 python3 "$(dirname "$0")/../namespaces/doctor.py" "$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")"
