#!/usr/bin/env bash
# A history on a disk that is really full: a small tmpfs. Clear errors, nothing lost, and it goes on when there is room again.
set -euo pipefail
folder=$(mktemp -d)
if ! mount -t tmpfs -o size=6m mvrx-full "$folder" 2>/dev/null; then
  rmdir "$folder"
  echo "skipped: no small disk can be mounted here (it takes root)"
  exit 0
fi
trap 'umount "$folder"; rmdir "$folder"' EXIT
MVRX_SMALL_DISK=$folder timeout 600 cargo test --locked -p mvrx-store --test full_disk -- --nocapture
