#!/usr/bin/env bash
# Every bench compiles and runs once, small: that it runs is checked here, not how fast.
set -euo pipefail
MVRX_BENCH_MIB=32 MVRX_BENCH_ROUNDS=1 cargo bench --locked --bench disk_to_disk
MVRX_BENCH_MIB=16 MVRX_BENCH_ROUNDS=1 cargo bench --locked --bench websocket
for bench in packages messages; do
    [ ! -e "benches/$bench.rs" ] || cargo bench --locked --bench "$bench" -- --test
done
