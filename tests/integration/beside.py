# SPDX-License-Identifier: BSD-2-Clause
"""Healthy targets, a daemon, and jobs that run beside what a test does to the bus: they must not notice.

What may change meanwhile is known to the byte: the stores of the healthy disks, their page 30h, and what smirrorctl shows of
their group. All of it is compared, and the kinds of misbehaviour are counted.
"""

import json
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from command import GOOD, run
from frames import INITIATOR, Wire
from lab import Lab, RpcError, until
from tap import test

KIB = 1024
MIB = 1 << 20
HEALTHY = ("disk0", "disk1")
SIZE = 4 * MIB
BUS = ("--phase-timeout-ms", "300", "--tenure-limit-ms", "1000")
DAEMON = ("--status-timeout-ms", "500", "--task-timeout-ms", "2000")


class Bench(Lab):
    """
    A lab that knows what is on the healthy disks, and what their group is like: a job that mirrors to it changes the beginning
    of both, makes the members stale before it writes, and in sync when it has: two generations. Nothing else does.
    """

    def __init__(self):
        super().__init__()
        self.stored = {}
        self.changes = []

    def begin(self):
        """From here on it is known."""
        self.run_job("mirror", image=self.image(SIZE, "all", seed=4711))
        os.unlink(self.path("all"))
        self.changes.clear()
        self.group = self._group()
        self.pages = [self._page30(member) for member in self.group["members"]]
        assert [m["state"] for m in self.group["members"]] == ["in_sync"] * 2, self.group

    def create_job(self, kind, group="g0", image=None, **params):
        job = super().create_job(kind, group, image, **params)
        if kind == "mirror" and group == "g0":
            self.changes += ["stale", "in sync"]
        return job

    def run_job(self, kind, group="g0", image=None, expect="success", **params):
        job = super().run_job(kind, group, image, expect, **params)
        if kind == "mirror" and group == "g0":
            if job["conclusion"] == "success":
                self.wrote(image)
            else:
                for name in HEALTHY:
                    self.take(name, 0, os.path.getsize(image))
        return job

    def wrote(self, image):
        """The image is at the beginning of both."""
        with open(image, "rb") as file:
            data = file.read()
        for name in HEALTHY:
            self.stored.setdefault(name, bytearray(SIZE))[:len(data)] = data

    def take(self, name, offset, length):
        """What is there is what the test itself has put there, or a job that failed."""
        self.stored[name][offset:offset + length] = self._read(name)[offset:offset + length]

    def _read(self, name):
        with open(self.store(name), "rb") as file:
            return file.read()

    def _group(self):
        group = json.loads(self.ctl("--json", "group", "show", "g0"))
        for member in group["members"]:  # a bus that is held up for a while has passes sent again, and that is counted
            del member["resent_blocks"], member["failed_blocks"]
        return group

    def _page30(self, member):
        """The saved values: to ask for these does not count as having looked at the page. And its generation."""
        done = until(f"page 30h of {member['name']}", lambda: next(
            (d for d in [run(self, "5a 00 f0 00 00 00 00 00 ff 00", room=255, target=member["uuid"])] if d["status"] == GOOD), None))
        page = done["data"][-48:]
        return page[:24] + page[32:], int.from_bytes(page[24:32], "big")

    def unwritten(self):
        """Nothing is on the disks but what the jobs wrote."""
        for name in HEALTHY:
            was, is_ = self.stored[name], self._read(name)
            assert len(is_) == len(was), (name, len(is_))
            wrong = [block for block in range(0, len(was), 512) if was[block:block + 512] != is_[block:block + 512]]
            assert not wrong, f"{name}: nobody was to write to {len(wrong)} blocks, from {wrong[0] // 512} to {wrong[-1] // 512}"

    def unharmed(self):
        """All is as it was, but for what the jobs did."""
        self.unwritten()
        group = self._group()
        wanted = dict(self.group, generation=self.group["generation"] + len(self.changes))
        assert group == wanted, f"the group is\n{group}\nand was to be\n{wanted}"
        pages = [self._page30(member) for member in group["members"]]
        assert pages == [(page, wanted["generation"]) for page, _ in self.pages], (pages, self.pages, wanted)


@contextmanager
def bench(bus=BUS, daemon=DAEMON, before=None, ids=(0, 1), trace=True):
    """Two healthy targets, a daemon, and a group g0 of the two; before(lab) runs ahead of the daemon. In the end all is sound."""
    with Bench() as lab:
        lab.bus(*bus, trace=trace)
        for scsi_id, name in zip(ids, HEALTHY):
            lab.target(name, scsi_id, size=SIZE, wait=False)
        for name in HEALTHY:
            lab.targets[name].wait_ready()
        extra = before(lab) if before else None
        lab.daemon(*daemon)
        lab.wait_targets(HEALTHY)
        lab.call("group.create", name="g0", members=[str(i) for i in ids])
        lab.before = extra
        lab.begin()
        yield lab
        sound(lab)


KINDS = []  # what is done wrong, by name


def does(who, *names):
    """Of a test: what it does wrong, in each of its cases; a case is named by its key, or by its first word."""
    KINDS.extend(f"{who} {name[0] if isinstance(name, tuple) else name}" for name in names)
    return lambda function: function


def counted(least=25):
    """Registers the last test of a file: how many kinds of misbehaviour it has, by the tables that it goes through."""

    def enough():
        for name in KINDS:
            print("#", name)
        assert len(set(KINDS)) == len(KINDS), "a name is there twice"
        assert len(KINDS) >= least, f"{len(KINDS)} kinds"

    test(f"{len(KINDS)} kinds of misbehaviour, {least} or more")(enough)


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
    """Nothing has crashed, the bus is free, nothing was harmed, and a job on the healthy ones runs to success, and changes what it should."""
    for process in (lab.bus_process, lab.daemon_process, *lab.targets.values()):
        assert process.running(), f"{process.name} has ended\n{process.stderr()}"
    until("the bus is free", lambda: shown(lab)["bsy"] == [], 2)
    lab.wait_targets(HEALTHY)
    lab.unharmed()
    image = lab.image(256 * KIB, "after", seed=99)
    lab.run_job("mirror", image=image)
    lab.assert_copies(image, HEALTHY)
    lab.unharmed()


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
