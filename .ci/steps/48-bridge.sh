#!/usr/bin/env bash
# Two local networks that cannot reach each other, a session on a third, two bridges on each: files go across, also after a bridge was killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
timeout 400 python3 .ci/namespaces/bridge.py "${MVRX:-$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")}"
