# SPDX-License-Identifier: BSD-2-Clause
"""Nothing acknowledged is lost: SIGKILL of daemon, bus server and targets, each and together, in mid writes.

A writer keeps several writes to a group in flight and notes what was acknowledged. After the kill all is started again, in
any order; when the group says that it is recovered, all stores must be equal byte for byte, and hold in each block what
was acknowledged last, or what was written since and not answered.
"""

import glob
import os
import random
import time

from command import run
from lab import Lab, until
from recovery import REGIONS, bring_back, group, started
from tap import cases, main, test
from writer import BLOCK, SIZE, Writer

MIB = 1 << 20
REGION = 64 * 1024


def kill(lab, what, names):
    for word in what.split("+"):
        if word == "daemon":
            lab.daemon_process.kill()
        elif word == "bus":
            lab.bus_process.kill()
        else:
            for name in (names if word == "targets" else [word]):
                lab.targets[name].kill()


def revive(lab, what, names, order):
    """Starts what was killed again, in any order, without waiting in between."""
    words = what.split("+")
    order.shuffle(words)
    waits = []
    for word in words:
        if word == "daemon":
            waits.append(lab.daemon(*REGIONS, wait=False))
        elif word == "bus":
            waits.append(lab.bus(tcp=False, wait=False))
        else:
            some = list(names) if word == "targets" else [word]
            order.shuffle(some)
            waits += [lab.target(n, names.index(n), wait=False) for n in some]
    for process in waits:
        process.wait_ready()
    lab.wait_targets(names)


@cases("{} killed in mid writes: all members are equal after a restart, and hold what was acknowledged",
       ("daemon", "bus", "targets", "disk0", "disk2", "daemon+bus", "daemon+targets", "bus+targets", "daemon+disk1",
        "daemon+bus+targets"))
def killed(what):
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=what)
        order = random.Random(what)

        def strike():  # what the daemon has in flight goes on when the others are back
            kill(lab, what, names)
            if "daemon" not in what:
                revive(lab, what, names, order)

        for turn in range(3):
            with lab.rpc() as rpc:
                writer.run(rpc, 60 + 20 * turn, after=strike)
            if "daemon" in what:
                revive(lab, what, names, order)
            bring_back(lab)
            writer.check(names)
        with lab.rpc() as rpc:
            writer.run(rpc, 20)
        writer.check(names)


@test("the daemon killed again and again, in its recoveries, too")
def again_and_again():
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=1)
        order = random.Random(1)
        for _ in range(6):
            with lab.rpc() as rpc:
                writer.run(rpc, 30, after=lambda: kill(lab, "daemon", names))
            for _ in range(order.randrange(3)):
                lab.daemon(*REGIONS, wait=False)
                time.sleep(order.random() * 0.1)  # at any moment, which is what is tested: its start, its recovery
                lab.daemon_process.kill()
            revive(lab, "daemon", names, order)
            bring_back(lab)
            writer.check(names)


@test("a member that was away gets what was written meanwhile, no more, after a restart of the daemon, too")
def behind():
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=2, blocks=32)
        lab.targets["disk1"].kill()
        with lab.rpc() as rpc:
            writer.run(rpc, 40)
        lab.daemon_process.kill()
        lab.target("disk1", 1)
        lab.daemon(*REGIONS)
        lab.wait_targets(names)
        bring_back(lab)
        resync = [j for j in lab.call("job.list")["jobs"] if j["type"] == "resync"]
        assert resync and all(j["total_bytes"] <= 2 * REGION for j in resync), resync
        writer.check(names)


@cases("a write-intent log that is {}: it is refused with a word, and all of the group is copied",
       ("damaged", "cut short", "missing", "another group's"))
def bad_log(how):
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=3)
        with lab.rpc() as rpc:
            writer.run(rpc, 10)
        lab.daemon_process.kill()
        path, = glob.glob(lab.path("state/intent-*.log"))
        with open(path, "rb") as file:
            data = bytearray(file.read())
        if how == "damaged":
            data[len(data) // 2] ^= 4
        elif how == "cut short":
            del data[20:]
        elif how == "another group's":
            data[16] ^= 1
        os.unlink(path)
        if how != "missing":
            with open(path, "wb") as file:
                file.write(data)
        with open(lab.store("disk2"), "r+b") as file:  # a difference that only a copy of all can mend
            file.seek(SIZE - BLOCK)
            file.write(b"x" * BLOCK)
        lab.daemon(*REGIONS)
        lab.wait_targets(names)
        bring_back(lab)
        text = lab.daemon_process.stderr()
        assert "is refused" in text and {"damaged": "checksum", "cut short": "cut short", "missing": "missing",
                                         "another group's": "checksum"}[how] in text, text
        writer.check(names)


@test("a store that is gone is not made anew where its metadata would vouch for it, nor is one of another size taken for it")
def lost_store():
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=5)
        with lab.rpc() as rpc:
            writer.run(rpc, 10)
        lab.targets["disk1"].stop()
        store = lab.store("disk1")
        os.rename(store, store + ".away")
        for state in "is not there", "is empty":
            if state == "is empty":
                open(store, "x", encoding="ascii").close()
            refused = lab.target("disk1", 1, "--size", SIZE, size=None, wait=False)
            refused.wait(expect=1)
            assert f"{store}: {state}, but" in refused.stderr() and ".meta" in refused.stderr(), refused.stderr()
            assert state == "is empty" or not os.path.exists(store), "made all the same"
            assert state == "is not there" or os.path.getsize(store) == 0, "given its size all the same"
        had = os.path.getsize(store + ".away")
        os.truncate(store, had // 2)
        refused = lab.target("disk1", 1, size=None, wait=False)
        refused.wait(expect=1)
        assert f"{store}: has {had // 2} bytes, not {had} as it had" in refused.stderr(), refused.stderr()
        os.truncate(store, 0)
        os.unlink(store + ".meta")
        lab.target("disk1", 1, "--size", SIZE, size=None)
        lab.wait_targets(names)
        other = next(m for m in group(lab)["members"] if m["name"] == "disk1")
        assert other["id"] is None, other  # the new disk is not the member
        writer.check(["disk0", "disk2"])


@test("a target that was started again, and has lost nothing by that, is told so")
def start_that_cost_nothing():
    with Lab() as lab:
        names = started(lab)

        def page():
            return run(lab, "12 01 c0 00 44 00", room=68, target="disk1")["data"]

        before = page()
        assert not before[5] & 4, before
        lab.targets["disk1"].kill()
        lab.target("disk1", 1)
        lab.wait_targets(names)
        until("disk1 to say no more that it was started since its page 30h was written", lambda: not page()[5] & 4)
        assert page()[12:16] != before[12:16], "it was not started again"
        assert {m["state"] for m in group(lab)["members"]} == {"in_sync"} and not lab.call("job.list")["jobs"]


@test("a clean end leaves nothing to recover")
def clean_end():
    with Lab() as lab:
        names = started(lab)
        writer = Writer(lab, seed=4)
        with lab.rpc() as rpc:
            writer.run(rpc, 20)
        assert group(lab)["intent_log"]["dirty_regions"] > 0
        lab.daemon_process.stop()
        lab.daemon(*REGIONS)
        lab.wait_targets(names)
        log = group(lab)["intent_log"]
        assert log["dirty_regions"] == 0 and not log["recovering"], log
        assert not lab.call("job.list")["jobs"]
        lab.call("group.delete", group="g0")
        until("the log to go with its group", lambda: not glob.glob(lab.path("state/intent-*.log")))


if __name__ == "__main__":
    main()
