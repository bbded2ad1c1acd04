"""What happens to the programs when the world around them fails: see `PARTS`. Needs root, and a namespace whose loopback is up.

usage: faults.py MVRX [PART…]      MVRX_FAULTS=long takes the long versions
"""
import os
import shutil
import subprocess
import sys
import time

import faults_crowd
import faults_disk
import faults_net
from faults_kit import FOLDER, MVRX, Running, more_descriptors, say

PARTS = {
    "announced": faults_crowd.announced,
    "idle": faults_crowd.idle,
    "slow": faults_crowd.slow,
    "descriptors": faults_crowd.descriptors,
    "full_disk": faults_disk.full_disk,
    "killed": faults_disk.killed,
    "clock": faults_disk.clock,
    "impaired": faults_net.impaired,
}


def main():
    more_descriptors()
    try:
        for name in sys.argv[2:] or PARTS:
            begun = time.monotonic()
            say(f"-- {name}")
            PARTS[name]()
            say(f"   {time.monotonic() - begun:.1f} s")
    finally:
        for running in Running.all:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()
        with open("/proc/self/mounts") as mounts:
            for mount in [line.split()[1] for line in mounts if FOLDER in line]:
                subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    assert os.path.exists(MVRX), MVRX
    main()
