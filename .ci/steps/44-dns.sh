#!/usr/bin/env bash
# Sessions in the ordinary DNS, asked of a real server (knot) on loopback of a namespace of its own.
set -euo pipefail
if ! command -v knotd >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends knot >/dev/null
fi
exec python3 "$(dirname "$0")/../namespaces/unicast.py" "$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")"
