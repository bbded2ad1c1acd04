#!/usr/bin/env bash
# Simulated worlds with every checker on: 700 seeds of 20 stations and 20 of 100, quirky peers among them in part of them, each kind of world, and all kinds at once. A failure prints its replay command.
set -euo pipefail
cargo build --locked --release -p mvrx-worlds
worlds="${CARGO_TARGET_DIR:-target}/release/mvrx-worlds"
timeout 600 "$worlds" --seed 1 --seeds 600 --stations 20
timeout 300 "$worlds" --seed 5001 --seeds 100 --stations 20 --minutes 1 --quirky --fault-every 20
# Sessions of WebSocket Mode, each with a host of its own.
timeout 300 "$worlds" --seed 1 --seeds 300 --stations 10 --session
# The same beside products of the group, which are none of the session.
timeout 300 "$worlds" --seed 1 --seeds 30 --stations 6 --minutes 1 --session --quirky
# Stations that move between two groups and two sessions.
timeout 300 "$worlds" --seed 0 --seeds 200 --stations 6 --moving
# The same, and half of the moves lose a machine at one of their steps.
timeout 300 "$worlds" --seed 0 --seeds 200 --stations 6 --crashing
# Stations that elect who hosts their session.
timeout 300 "$worlds" --seed 1 --seeds 200 --stations 5 --electing
# Two groups and two sessions that bridges join in a ring, without faults but the death of a bridge.
timeout 300 "$worlds" --seed 0 --seeds 60 --stations 6 --bridging --calm
timeout 300 "$worlds" --seed 0 --seeds 50 --stations 6 --bridging
timeout 600 "$worlds" --seed 1 --seeds 20 --stations 100 --minutes 1 --fault-every 15
# All of these at once, and Mixer's rooms, on one network: crews of 200 stations in all.
timeout 300 "$worlds" --seed 1 --seeds 2 --stations 200 --everything
timeout 60 "$worlds" --seed 1 --seeds 300 --stations 6 --mixing
# What a join, a commit and a leave cost as the group grows, to 1,000 stations.
timeout 900 "$worlds" --seed 1 --stations 1000 --grow
