#!/usr/bin/env bash
# Foreign WebSocket stacks against ours, both roles: run.sh PEER, the built example websocket_peer. PYTHON has the package websockets, NODE_PATH the
# package ws; Chromium takes part where it is installed.
set -euo pipefail
peer=$1
here=$(dirname "$0")
python=${PYTHON:-python3}
folder=$(mktemp -d)
pid=
clean() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    rm -rf "$folder"
}
trap clean EXIT

# Starts a server in the background and sets `port` to what it prints first.
start() {
    : >"$folder/out"
    timeout 180 "$@" >"$folder/out" &
    pid=$!
    for _ in $(seq 200); do
        port=$(head -n 1 "$folder/out")
        [ -z "$port" ] || return 0
        kill -0 "$pid" || return 1
        sleep 0.1
    done
    return 1
}

# The server ends by itself, in order.
finish() {
    wait "$pid"
    pid=
}

echo "-- Python's websockets, ours the server"
start "$peer" serve
timeout 150 "$python" "$here/python_client.py" "ws://127.0.0.1:$port/"
finish
echo "-- Python's websockets, ours the client"
start "$python" "$here/python_server.py"
timeout 150 "$peer" dial "ws://127.0.0.1:$port/"
finish
echo "-- npm's ws, ours the server"
start "$peer" serve
timeout 150 node "$here/node_client.js" "ws://127.0.0.1:$port/"
finish
echo "-- npm's ws, ours the client"
start node "$here/node_server.js"
timeout 150 "$peer" dial "ws://127.0.0.1:$port/"
finish
if command -v chromium >/dev/null; then
    echo "-- Chromium, ours the server"
    start "$peer" serve
    timeout 150 "$python" "$here/chromium.py" "ws://127.0.0.1:$port/"
    finish
else
    echo "-- Chromium is not installed"
fi
