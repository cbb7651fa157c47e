# SPDX-License-Identifier: BSD-2-Clause
"""Some rounds of tests/soak/nemesis.py: real processes under faults of all kinds, nothing acknowledged lost."""

import os
import re
import subprocess
import sys

from lab import SOURCE
from tap import cases, main, test

SOAK = os.path.join(SOURCE, "tests/soak/nemesis.py")


def soak(**settings):
    return subprocess.run([sys.executable, SOAK], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True, timeout=300,
                          env=dict(os.environ, **settings))


def told(done, lines):
    print("".join(f"# {line}\n" for line in done.stdout.splitlines()[-60 if done.returncode else -lines:]), end="")
    assert done.returncode == 0
    assert "nothing acknowledged was lost" in done.stdout


@cases("{}: what was acknowledged is there, members in sync are equal", (
    "kill-target kill-targets kill-bus kill-daemon kill-all reset-bus",
    "stop-target stop-target-long stop-bus stop-bus-long stop-daemon stop-daemon-long",
    "cut-target cut-tcp cut-daemon cut-several hold-connection",
    "full-store full-stores failing-writes failing-reads failing-sync file-limit medium-error crc-error"))
def rounds(faults):
    """Each of them once."""
    done = soak(FAULTS=faults, ROUNDS=str(len(faults.split())), SEED="7")
    told(done, len(faults.split()) + 2)


@test("what has no fault has no effect")
def nothing():
    done = soak(FAULTS="nothing", ROUNDS="5", SEED="7")
    told(done, 2)
    assert re.search(r"^nothing +5 +0 *$", done.stdout, re.MULTILINE), done.stdout


@test("a fault that does not exist is told")
def unknown():
    done = soak(FAULTS="kill-time")
    assert done.returncode == 1 and "kill-time: no such fault" in done.stdout, done.stdout


main()
