#!/usr/bin/env bash
# Other people's WebSocket stacks against ours: Python's websockets, npm's ws, and Chromium where Debian's package can be had in time.
set -euo pipefail
"$(dirname "$0")/../need" node=nodejs npm=npm python:ensurepip=python3-venv
timeout 300 "$(dirname "$0")/../need" chromium=chromium ||
    echo "Chromium cannot be installed here; the others are tried without it"
target=$(realpath "${CARGO_TARGET_DIR:-target}")
tools=$target/websocket-tools
mkdir -p "$tools"
[ -x "$tools/python/bin/python" ] || python3 -m venv "$tools/python"
"$tools/python/bin/pip" install --quiet --disable-pip-version-check 'websockets==17.*'
[ -d "$tools/node_modules/ws" ] || npm install --prefix "$tools" --silent --no-audit --no-fund --ignore-scripts ws@8
cargo build --locked -p mvrx-transport --example websocket_peer
PYTHON=$tools/python/bin/python NODE_PATH=$tools/node_modules bash crates/mvrx-transport/tests/foreign/run.sh "$target/debug/examples/websocket_peer"
