# SPDX-License-Identifier: BSD-2-Clause
"""Some rounds of tests/soak/nemesis.py: real processes under faults of all kinds, nothing acknowledged lost."""

import os
import subprocess
import sys

from lab import SOURCE
from tap import cases, main, test

SOAK = os.path.join(SOURCE, "tests/soak/nemesis.py")


def soak(**settings):
    return subprocess.run([sys.executable, SOAK], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True, timeout=300,
                          env=dict(os.environ, **settings))


@cases("{}: what was acknowledged is there, members in sync are equal", (
    "kill-target kill-targets", "kill-bus stop-bus reset-bus", "kill-daemon kill-all", "cut-socket stop-target",
    "full-store medium-error crc-error"))
def rounds(faults):
    done = soak(FAULTS=faults, ROUNDS="8", SEED="7")
    print("".join(f"# {line}\n" for line in done.stdout.splitlines()[-60 if done.returncode else -1:]), end="")
    assert done.returncode == 0
    assert "nothing acknowledged was lost" in done.stdout


@test("a fault that does not exist is told")
def unknown():
    done = soak(FAULTS="kill-time")
    assert done.returncode == 1 and "kill-time: no such fault" in done.stdout, done.stdout


main()
