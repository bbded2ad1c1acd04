"""Commits a sparse file in one process, fetches it in another, and prints the peak memory of both.

usage: memory.py MVRX FOLDER MIB LIMIT_MIB
"""

import hashlib
import os
import subprocess
import sys

from sparse import sparse

mvrx, folder, mib, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
show = sparse(folder, "large.mvr", mib)
environment = dict(os.environ, HOME=folder)
common = ["--interface", "lo", "--mdns-port", "15353"]


def start(*arguments):
    return subprocess.Popen([mvrx, *arguments, *common], env=environment, stdout=subprocess.DEVNULL)


def peak_mib(process, name):
    """Waits for a process and gives its own peak of resident memory."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{name} ended with {process.returncode}"
    return usage.ru_maxrss / 1024


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


fetched = os.path.join(folder, "fetched.mvr")
sender = start("commit", show, "-m", "large", "--name", "A", "--until-fetched", "1")
receiver = start("get", "latest", "--from", "A", "-o", fetched, "--wait", "600")
peaks = {"receiver": peak_mib(receiver, "receiver"), "sender": peak_mib(sender, "sender")}
same = digest(show) == digest(fetched)
print(f"{mib} MiB arrived, sha256 {'equal' if same else 'DIFFERS'};", ", ".join(f"{k} peak {v:.1f} MiB" for k, v in peaks.items()))
sys.exit(0 if same and max(peaks.values()) < limit else 1)
