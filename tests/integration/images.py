#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Image files that give no answer, as on a file system whose server is gone: each holds up its own job, and nothing else.

The file is so where the test wants it to be: see gated_daemon.c.
"""

import base64
import os
import signal

from lab import BUILD, Lab, until
from tap import cases, main, test

MIB = 1 << 20
BLOCK = base64.b64encode(b"x" * 512).decode()


class Gated(Lab):
    """A lab whose daemon waits at an image's gate."""

    def __init__(self):
        super().__init__()
        self.gates = []

    def program(self, name):
        return os.path.join(BUILD, "tests/integration/gated_daemon") if name == "smirrord" else super().program(name)

    def gated(self, name, size, gate="-shut"):
        """An image, and a gate of it."""
        image = self.path(f"{name}.gated")
        with open(image, "wb") as file:
            file.write(os.urandom(size))
        os.mkfifo(image + gate)
        self.gates.append(image + gate)
        return image

    def await_waiting(self):
        """Somebody is at each gate."""
        for gate in self.gates:
            until(f"a call waits at {gate}", lambda: os.path.exists(gate + ".waits"))

    def open_gates(self):
        """Whoever waits goes on, and nobody waits any more."""
        while self.gates:
            gate = self.gates.pop()
            fd = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
            os.unlink(gate)
            os.close(fd)

    def two_groups(self):
        self.start(2, size="4M", group=None)
        for i in range(2):
            self.call("group.create", name=f"g{i}", members=[f"disk{i}"], assume_clean=True)


def write(lab, group, at):
    lab.call("group.write", group=group, offset_bytes=at, data=BLOCK)


def concluded(lab, job, limit_s=None):
    return until(f"job {job} has concluded", lambda: (lab.job(job)["state"] == "concluded") and lab.job(job), limit_s)


@test("an image that cannot be read: other groups write, are changed and run jobs; its job is cancelled at once")
def unreadable():
    with Gated() as lab:
        lab.two_groups()
        hung = lab.gated("hung", 4 * MIB)
        job = lab.create_job("mirror", "g1", hung)
        lab.await_waiting()
        for i in range(4):
            write(lab, "g0", i * MIB)  # each in a region that has no mark in the write-intent log yet
        lab.call("group.set", group="g0", window=3)
        image = lab.image(4 * MIB)
        assert lab.run_job("mirror", "g0", image)["conclusion"] == "success"
        lab.assert_copies(image, ["disk0"])
        assert lab.job(job)["state"] == "running", lab.job(job)
        lab.call("job.cancel", id=job)
        assert concluded(lab, job, 10)["conclusion"] == "cancelled"
        again = lab.create_job("verify", "g1", lab.image(4 * MIB, name="other"))
        assert concluded(lab, again)["conclusion"] != "cancelled"
        lab.open_gates()
        assert lab.run_job("mirror", "g1", hung)["conclusion"] == "success"
        lab.assert_copies(hung, ["disk1"])


@cases("a read job's file that cannot be {}: it is cancelled at once", ("written", "flushed"))
def unwritable(what):
    with Gated() as lab:
        lab.two_groups()
        job = lab.create_job("read", "g1", lab.gated("copy", 0, "-shut" if what == "written" else "-unflushed"))
        lab.await_waiting()
        write(lab, "g0", 0)
        assert lab.job(job)["state"] == "running", lab.job(job)
        lab.call("job.cancel", id=job)
        assert concluded(lab, job, 10)["conclusion"] == "cancelled"
        lab.open_gates()


@test("the end of the daemon does not wait for an image that gives no answer, and the state is kept")
def the_end():
    with Gated() as lab:
        lab.two_groups()
        job = lab.create_job("mirror", "g1", lab.gated("hung", MIB))
        lab.await_waiting()
        lab.call("job.cancel", id=job)
        concluded(lab, job, 10)
        lab.call("group.set", group="g0", window=3)
        lab.daemon_process.signal(signal.SIGTERM)
        until("the daemon has ended", lambda: not lab.daemon_process.running(), 15)
        lab.open_gates()
        with open(lab.daemon_process.errors, encoding="utf-8") as errors:
            assert "gives no answer" in errors.read()
        lab.daemon()
        assert lab.call("group.show", group="g0")["window"] == 3


if __name__ == "__main__":
    main()
