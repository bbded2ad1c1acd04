#!/usr/bin/env bash
# A file is cut at fifty places on its way, over TCP, from a session's host and to it: it arrives with its hash right, and less than 1.1 of it is moved. MVRX_RESUME_MIB sets the size.
# Over TLS, both ways and with the pauses of a program, it is smaller in the tests; MVRX_RESUME_TLS_MIB and MVRX_RESUME_TLS_CUTS set it.
set -euo pipefail
export MVRX_RESUME_MIB=${MVRX_RESUME_MIB:-1024} MVRX_RESUME_CUTS=${MVRX_RESUME_CUTS:-50}
timeout 900 cargo test --locked -p mvrx-station --test resume again_and_again -- --nocapture --test-threads 1
timeout 900 cargo test --locked -p mvrx-station --test host_resume again_and_again -- --nocapture --test-threads 1
