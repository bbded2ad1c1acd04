#!/usr/bin/env bash
# The program compiles for Windows and macOS, where visualizers live: type checks only, nothing is linked or run. Left out where a target cannot be installed.
set -euo pipefail
for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
    if ! rustup target list --installed | grep -qx "$target" && ! timeout 120 rustup target add "$target"; then
        printf 'not checked, since its target cannot be installed: %s\n' "$target"
        continue
    fi
    # Two dependencies have parts in C, and a C compiler for these systems is not at hand: one does without, and nothing of the other one's is
    # looked at by a type check.
    underscored=${target//-/_}
    env CARGO_FEATURE_PURE=1 "CC_$underscored=true" "AR_$underscored=true" SDKROOT=/ \
        timeout 550 cargo check --locked --target "$target" -p mvrx-cli
done
