# SPDX-License-Identifier: BSD-2-Clause
"""Healthy targets, a daemon, and jobs that run beside what a test does to the bus: they must not notice."""

import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from frames import INITIATOR, Wire
from lab import Lab, RpcError, until
from tap import test

KIB = 1024
MIB = 1 << 20
HEALTHY = ("disk0", "disk1")
BUS = ("--phase-timeout-ms", "300", "--tenure-limit-ms", "1000")
DAEMON = ("--status-timeout-ms", "500", "--task-timeout-ms", "2000")


@contextmanager
def bench(bus=BUS, daemon=DAEMON, before=None, ids=(0, 1)):
    """Two healthy targets, a daemon, and a group g0 of the two; before(lab) runs ahead of the daemon."""
    with Lab() as lab:
        lab.bus(*bus)
        for scsi_id, name in zip(ids, HEALTHY):
            lab.target(name, scsi_id, wait=False)
        for name in HEALTHY:
            lab.targets[name].wait_ready()
        extra = before(lab) if before else None
        lab.daemon(*daemon)
        lab.wait_targets(HEALTHY)
        lab.call("group.create", name="g0", members=[str(i) for i in ids])
        lab.before = extra
        yield lab


def together(name, values, workers=8):
    """Registers one test that runs its function for each of `values`, several at once: most of their time is waiting."""

    def register(function):
        def run():
            def one(value):
                try:
                    function(value)
                except BaseException as why:  # told with the others', below
                    return f"{value}: {''.join(traceback.format_exception(why))}"
                return None

            chosen = [v for v in values if os.environ.get("CASE", "") in str(v)]
            with ThreadPoolExecutor(workers) as pool:
                failed = [text for text in pool.map(one, chosen) if text]
            assert not failed, f"{len(failed)} of {len(chosen)}:\n" + "\n".join(failed)

        return test(name)(run)

    return register


class Beside:
    """Mirror jobs onto g0, one after another, for as long as the block runs; each must succeed, copies equal."""

    def __init__(self, lab, size=MIB, expect="success", most=1000, **params):
        self.lab, self.expect, self.most, self.size = lab, expect, most, size
        self.params = dict({"transfer_bytes": 32 * KIB}, **params)
        self.over = threading.Event()
        self.failed = None
        self.jobs = []

    def _run(self):
        try:
            while len(self.jobs) < self.most and (not self.jobs or not self.over.is_set()):
                image = self.lab.image(self.size, f"image{len(self.jobs)}", seed=len(self.jobs))
                try:
                    self.jobs.append(self.lab.run_job("mirror", image=image, expect=self.expect, **self.params))
                except RpcError as refusal:  # a member is being inquired anew
                    if self.expect or refusal.kind != "member_missing":
                        raise
                if self.expect == "success":
                    self.lab.assert_copies(image, HEALTHY)
                os.unlink(image)
                self.over.wait(0.05)
        except BaseException as why:  # told by __exit__ in the test's own thread
            self.failed = why

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if self.failed and not kind:
            raise self.failed


def shown(lab):
    return lab.call("bus.show")


def initiator(lab):
    """
    A second initiator, on ID 6, once the last one has gone. A child that a job's cmp forked meanwhile has our sockets
    until its exec: what was closed here is not closed for the server before that.
    """
    until("ID 6 is free", lambda: 6 not in {p["id"] for p in shown(lab)["ports"]})
    return Wire(lab).attach(INITIATOR, 6)


def refused_of(lab, scsi_id):
    """How many frames of this port the server has refused; None when it is not attached."""
    return next((p["refused_frames"] for p in shown(lab)["ports"] if p["id"] == scsi_id), None)


def stats(lab):
    return lab.call("bus.stats")


def sound(lab):
    """Nothing has crashed, the bus is free, and a job on the healthy ones runs to success."""
    for process in lab.processes:
        assert process.running(), f"{process.name} has ended\n{process.stderr()}"
    until("the bus is free", lambda: shown(lab)["bsy"] == [], 2)
    lab.wait_targets(HEALTHY)
    image = lab.image(256 * KIB, "after", seed=99)
    lab.run_job("mirror", image=image)
    lab.assert_copies(image, HEALTHY)


def execute(lab, cdb, target="2", length=0, data=None, timeout_ms=1000):
    params = {"target": target, "lun": 0, "cdb": cdb, "data_in_length": length, "timeout_ms": timeout_ms}
    if data is not None:
        params["data_out"] = data
    return lab.call("scsi.execute", **params)


def membership(lab, group="g0"):
    """{member: (group id, device)} as the bus server has them."""
    return {p["name"]: (p["memberships"][0]["group"], p["memberships"][0]["device"]) for p in shown(lab)["ports"]
            if p["memberships"]}


def resident(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096
