#!/usr/bin/env bash
# Sessions in the ordinary DNS, asked of a real server (knot) on loopback of a namespace of its own.
set -euo pipefail
"$(dirname "$0")/../need" knotd=knot
exec python3 "$(dirname "$0")/../namespaces/unicast.py" "$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")"
