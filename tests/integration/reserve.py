#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two initiators on one bus: reservations between them, who may write, what a mirroring job meets, what a restart keeps; allegiances."""

import os

from command import CHECK, CONFLICT, GOOD, READY, run
from lab import Lab, Process, Rpc, until
from tap import cases, main, test

MIB = 1 << 20
WRITE_EXCLUSIVE = 1
WRITE = "2a000000000000000100"


class Initiator:
    """A daemon of its own; initiator 7 is the lab's."""

    def __init__(self, lab, scsi_id=None):
        self.path = lab.path("control.sock")
        if scsi_id is not None:
            self.path = lab.path(f"control{scsi_id}.sock")
            state = lab.path(f"state{scsi_id}")
            os.makedirs(state, exist_ok=True)
            Process(lab, f"initiator{scsi_id}", [lab.program("smirrord"), "--bus", lab.unix, "--id", scsi_id,
                                                 "--state-dir", state, "--control", self.path])

    def call(self, method, **params):
        with Rpc(self.path) as rpc:
            return rpc.call(method, **params)

    def wait_targets(self, names):
        until(f"targets {names} ready", lambda: set(names) <= {
            t["name"] for t in self.call("target.list")["targets"] if t["state"] == "ready"})

    def command(self, target, cdb, data_in=0, data_out=None):
        done = run(self, cdb, data_out, data_in, target)
        assert done["outcome"] == "completed", done
        return done

    def status(self, target, cdb, **data):
        return self.command(target, cdb, **data)["status"]

    def persistent_out(self, target, action, kind=0, key=0, action_key=0, flags=0):
        data = key.to_bytes(8, "big") + action_key.to_bytes(8, "big") + bytes(4) + bytes([flags]) + bytes(3)
        return self.status(target, f"5f{action:02x}{kind:02x}00000000001800", data_out=data)

    def persistent_in(self, target, action):
        done = self.command(target, f"5e{action:02x}00000000000400" + "00", data_in=1024)
        assert done["status"] == GOOD, done
        return done["data"].hex()

    def settle(self, target):
        """Takes the UNIT ATTENTIONs that are pending."""
        until("no UNIT ATTENTION", lambda: self.status(target, READY) != CHECK)


def two(lab, names):
    other = Initiator(lab, 6)
    other.wait_targets(names)
    ours = Initiator(lab)
    for initiator in (ours, other):
        for name in names:
            initiator.settle(name)
    return ours, other


@cases("{}: its status in a mirroring job is that member's alone; the others are whole", ("RESERVE", "PERSISTENT RESERVE OUT"))
def one_member(how):
    with Lab() as lab:
        names = lab.start(3, size="1M")
        image = lab.image(MIB)
        ours, other = two(lab, names)
        if how == "RESERVE":
            assert other.status("disk1", "160000000000") == GOOD
        else:
            assert other.persistent_out("disk1", 0, action_key=0x66) == GOOD
            assert other.persistent_out("disk1", 1, WRITE_EXCLUSIVE, key=0x66) == GOOD
        assert ours.status("disk1", WRITE, data_out=bytes(512)) == CONFLICT
        job = lab.run_job("mirror", image=image, expect="partial", transfer_bytes=65536)
        targets = {t["name"]: t for t in job["targets"]}
        lab.assert_copies(image, ["disk0", "disk2"])
        assert targets["disk1"]["good_blocks"] == 0 and targets["disk1"]["bad_blocks"] == MIB // 512, targets["disk1"]
        assert {run["status_name"] for run in targets["disk1"]["runs"]} == {"RESERVATION CONFLICT"}, targets["disk1"]
        for name in ("disk0", "disk2"):
            assert (targets[name]["bad_blocks"], targets[name]["resent_blocks"]) == (0, 0), targets[name]
        with open(lab.store("disk1"), "rb") as store:
            assert not any(store.read()), "who has it reserved finds nothing changed"
        if how == "RESERVE":
            assert other.status("disk1", "170000000000") == GOOD
        else:
            assert other.persistent_out("disk1", 3, key=0x66) == GOOD
        lab.run_job("mirror", image=image)
        lab.assert_copies(image, names)


@test("a unit that is somebody else's while it is scanned: it is probed until it can be used")
def found_later():
    with Lab() as lab:
        lab.start(2, group=None)
        ours = Initiator(lab)
        ours.settle("disk0")
        ours.settle("disk1")
        assert ours.status("disk0", "160000000000") == GOOD
        other = Initiator(lab, 6)
        seen = {t["name"]: t for t in other.call("target.list")["targets"]}
        assert seen["disk1"]["state"] == "ready", seen
        assert seen["disk0"]["state"] == "failed" and "RESERVATION CONFLICT" in seen["disk0"]["why"], seen
        assert other.status("disk0", READY) == CONFLICT, "what failed its scan is on the bus and has a name"
        assert ours.status("disk0", "170000000000") == GOOD
        other.wait_targets(["disk0"])
        assert other.status("disk0", READY) == GOOD


@test("APTPL: registrations and reservation are there after a restart of the target; without, they are not")
def restart():
    with Lab() as lab:
        names = lab.start(1, group=None)
        ours, other = two(lab, names)
        for flags, kept in ((1, True), (0, False)):
            assert ours.persistent_out("disk0", 6, action_key=0x77, flags=flags) == GOOD
            assert ours.persistent_out("disk0", 1, WRITE_EXCLUSIVE, key=0x77) == GOOD
            assert other.status("disk0", WRITE, data_out=bytes(512)) == CONFLICT
            lab.targets["disk0"].stop()
            lab.target("disk0", 0)
            for initiator in (ours, other):
                initiator.wait_targets(names)
                initiator.settle("disk0")
            keys = ours.persistent_in("disk0", 0)
            assert keys == ("00000000000000080000000000000077" if kept else "0000000000000000"), keys
            held = ours.persistent_in("disk0", 1)
            assert (held[16:32] == "0000000000000077") == kept, held
            assert other.status("disk0", WRITE, data_out=bytes(512)) == (CONFLICT if kept else GOOD)
            assert ours.persistent_out("disk0", 3, key=0x77) == (GOOD if kept else CONFLICT)


@test("RESERVE ends with its initiator's process; a registration does not, and is whoever's takes the SCSI ID")
def initiators_that_go():
    with Lab() as lab:
        names = lab.start(1, group=None)
        ours, other = two(lab, names)
        process = lab.processes[-1]
        assert other.status("disk0", "160000000000") == GOOD
        assert ours.status("disk0", "160000000000") == CONFLICT
        process.stop()
        until("it is free", lambda: ours.status("disk0", "160000000000") == GOOD)
        assert ours.status("disk0", "170000000000") == GOOD
        third = Initiator(lab, 6)
        third.wait_targets(names)
        third.settle("disk0")
        assert third.persistent_out("disk0", 0, action_key=0x66) == GOOD
        assert third.persistent_out("disk0", 1, WRITE_EXCLUSIVE, key=0x66) == GOOD
        lab.processes[-1].kill()
        assert ours.status("disk0", WRITE, data_out=bytes(512)) == CONFLICT
        fourth = Initiator(lab, 6)
        fourth.wait_targets(names)
        fourth.settle("disk0")
        assert fourth.status("disk0", WRITE, data_out=bytes(512)) == GOOD
        assert fourth.persistent_out("disk0", 3, key=0x66) == GOOD


@test("NACA: the ACA condition of a command that failed is ended by its daemon, which has its sense; others go on")
def auto_contingent_allegiance():
    with Lab() as lab:
        names = lab.start(2)
        image = lab.image(4 * MIB)
        ours, other = two(lab, names)
        job = lab.create_job("mirror", image=image, transfer_bytes=4096)
        for _ in range(50):
            bad = ours.command("disk0", "020000000004")
            sense = bytes.fromhex(bad["sense"])
            assert bad["status"] == CHECK and (sense[2], sense[12]) == (5, 0x20), bad
            assert ours.status("disk0", READY) == GOOD
            until("nothing stands in the way", lambda: other.status("disk0", READY) == GOOD)
        assert lab.wait_job(job)["conclusion"] == "success"
        lab.assert_copies(image, names)


if __name__ == "__main__":
    main()
