#!/usr/bin/env bash
# The program compiles for Windows and macOS, where visualizers live: type checks only, nothing is linked or run. Left out where a target cannot be installed.
set -euo pipefail
for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
    if ! rustup target list --installed | grep -qx "$target" && ! timeout 120 rustup target add "$target"; then
        printf 'not checked, since its target cannot be installed: %s\n' "$target"
        continue
    fi
    # One dependency has C for some processors and Rust for all: a C compiler for macOS is not at hand.
    CARGO_FEATURE_PURE=1 timeout 550 cargo check --locked --target "$target" -p mvrx-cli
done
