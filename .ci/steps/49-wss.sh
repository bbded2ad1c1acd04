#!/usr/bin/env bash
# A session behind TLS with a password, between network namespaces: who comes in, who does not, and what is written down of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
timeout 200 python3 .ci/namespaces/wss.py "${MVRX:-$(realpath "${CARGO_TARGET_DIR:-target}/release/mvrx")}"
