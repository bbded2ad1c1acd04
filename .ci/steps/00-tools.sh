#!/usr/bin/env bash
# What the next steps need beyond the Rust toolchain.
set -euo pipefail
"$(dirname "$0")/../need" ip=iproute2 python3=python3
ip -V
python3 --version
