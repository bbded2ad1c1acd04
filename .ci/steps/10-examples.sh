#!/usr/bin/env bash
# The examples run; those that look for other stations do it in a namespace of their own, so that nothing leaves the machine.
set -euo pipefail
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --examples
"$target"/debug/examples/decode_capture
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -c 'import os, sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr("GeneralSceneDescription.xml", os.urandom(5000))' "$folder/show.mvr"
unshare --net sh -euc "
    ip link set lo up
    timeout 60 $target/debug/examples/embed '$folder/show.mvr'
    timeout 60 $target/debug/examples/watch_group Default 1
"
