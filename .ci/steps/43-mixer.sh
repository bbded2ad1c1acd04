#!/usr/bin/env bash
# Mixer's bench compiles and runs once against the plain relay: that it runs is checked here, not how fast. The servers that are killed, flooded and
# restarted as processes are tests of the workspace.
set -euo pipefail
MIXER_BENCH_ROUNDS=1 timeout 900 cargo bench --locked -p mixer --bench room
