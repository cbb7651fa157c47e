# SPDX-License-Identifier: BSD-2-Clause
"""Checksums of the disks' blocks (--integrity): damage is told, not given to anybody, and repaired; a crash is no damage."""

import base64
import os

from lab import Lab
from recovery import at_rest, bring_back, crash, crash_and_scrub, started
from tap import main, test

MIB = 1 << 20
OPTIONS = ("--integrity", "crc32c")


def damage(lab, disk, block, data):
    with open(lab.store(disk), "r+b") as store:
        store.seek(block * 512)
        store.write(data)


def block_of(lab, disk, block):
    with open(lab.store(disk), "rb") as store:
        store.seek(block * 512)
        return store.read(512)


def read(lab, block):
    got = lab.call("group.read", group="g0", offset_bytes=block * 512, length_bytes=512)
    return base64.b64decode(got["data"])


@test("rot, a lost write and one that went astray, on one of two members: clients read what is right; what they read, and what a scrub finds, is given back")
def repaired():
    with Lab() as lab:
        names = lab.start(2, size="4M", target_options=OPTIONS)
        old, image = lab.image(2 * MIB, "old", seed=1), lab.image(2 * MIB, "new", seed=2)
        lab.run_job("mirror", image=old)
        before = block_of(lab, "disk0", 200)
        lab.run_job("mirror", image=image)
        right = {b: block_of(lab, "disk1", b) for b in (100, 200, 300, 5000)}
        damage(lab, "disk0", 100, bytes([right[100][0] ^ 0x10]))
        damage(lab, "disk0", 200, before)  # the write of the second image was lost
        damage(lab, "disk0", 300, block_of(lab, "disk0", 301))  # that of the next block came here
        damage(lab, "disk0", 5000, b"\x01")  # nothing was ever written here
        answer = lab.call("scsi.execute", target="0", lun=0, cdb="28000000006400000100", data_in_length=512)
        assert answer["status"] == 2 and answer["sense"][4:6] == "03" and answer["sense"][24:28] == "110c", answer
        for block in (100, 5000):
            assert read(lab, block) == right[block], block
            assert block_of(lab, "disk0", block) == right[block], block
        members = {m["name"]: m["repaired_blocks"] for m in lab.call("group.show", group="g0")["members"]}
        assert members == {"disk0": 2, "disk1": 0}, members
        assert block_of(lab, "disk0", 200) == before  # nobody has read it
        assert lab.run_job("verify", expect=None)["conclusion"] != "success"
        lab.call("group.flush", group="g0")  # else what was repaired would be copied again, with all that lies beside it
        lab.targets["disk0"].stop()
        lab.target("disk0", 0, *OPTIONS)  # a start does not whitewash it
        lab.wait_targets(names)
        job = lab.run_job("scrub")
        repairs = {t["name"]: t["repaired_blocks"] for t in job["targets"]}
        assert repairs == {"disk0": 2, "disk1": 0}, repairs
        assert lab.run_job("scrub")["differing_blocks"] == 0
        lab.assert_copies(image, names)
        assert block_of(lab, "disk0", 5000) == bytes(512)
        assert "block 200 is not what was written there" in lab.targets["disk0"].stderr()
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert set(states.values()) == {"in_sync"}, states


@test("a target that has never had checksums gets them of what it holds, and finds damage from then on")
def late():
    with Lab() as lab:
        lab.start(2, size="4M")
        image = lab.image(4 * MIB)
        lab.run_job("mirror", image=image)
        lab.targets["disk1"].stop()
        assert not os.path.exists(lab.store("disk1") + ".integrity")
        lab.target("disk1", 1, *OPTIONS)
        lab.wait_targets(["disk1"])
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0
        damage(lab, "disk1", 77, b"\xff\xfe")
        job = lab.run_job("scrub")
        assert [t["repaired_blocks"] for t in job["targets"]] == [0, 1], job
        lab.assert_copies(image, ["disk0", "disk1"])


@test("all are killed (SIGKILL) in mid writes, five times: no block is taken for damaged, and nothing acknowledged is lost")
def killed():
    with Lab() as lab:
        names = started(lab, 3, target_options=OPTIONS)
        crash_and_scrub(lab, dict.fromkeys(names, OPTIONS), seed=5, rounds=5)


def in_doubt(lab, disk):
    """Its first region is marked: it was written to since a flush."""
    with open(lab.store(disk) + ".integrity", "rb") as beside:
        beside.seek(4096)
        return beside.read(1)[0] & 1


def rot_and_crash(lab):
    """Block 100 of disk0 rots, block 5 is written beside it, and all are killed before a flush; what block 100 is."""
    names = lab.start(2, size="4M", daemon_options=("--region", "64K"), target_options=OPTIONS)
    lab.run_job("mirror", image=lab.image(2 * MIB, seed=1))
    right = block_of(lab, "disk1", 100)
    damage(lab, "disk0", 100, bytes([right[0] ^ 0x10]))
    lab.call("group.write", group="g0", offset_bytes=5 * 512, data=base64.b64encode(bytes(range(256)) * 2).decode())
    assert in_doubt(lab, "disk0") and in_doubt(lab, "disk1")
    crash(lab)
    return names, right


def start_again(lab, names):
    lab.bus(tcp=False)
    for i, name in enumerate(names):
        lab.target(name, i, *OPTIONS)


@test("all are killed beside a block that has rotted on one member: it is noticed, repaired from the other one, and not copied over that")
def killed_beside_rot():
    with Lab() as lab:
        names, right = rot_and_crash(lab)
        damage(lab, "disk0", 5, b"\xaa\xbb")  # that write was cut off here
        start_again(lab, names)
        said = lab.targets["disk0"].stderr()
        assert "disk0.img.integrity: was not closed: of 1 blocks that were being written, or not flushed, 1 were given new checksums: LBA 5\n" in said, said
        lab.daemon("--region", "64K")
        lab.wait_targets(names)
        bring_back(lab)
        assert block_of(lab, "disk1", 100) == right
        assert read(lab, 100) == right
        assert lab.run_job("scrub")["conclusion"] == "success"
        for name in names:
            assert block_of(lab, name, 100) == right, name
        assert block_of(lab, "disk0", 5) == block_of(lab, "disk1", 5)
        assert "block 100 is not what was written there" in lab.targets["disk0"].stderr()


@test("where the record of what was begun is gone, as after the end of the machine, the whole region is taken as it is, and that is said")
def lost_record():
    with Lab() as lab:
        names, _ = rot_and_crash(lab)
        for name in names:
            os.unlink(lab.store(name) + ".integrity.begun")
        start_again(lab, names)
        said = lab.targets["disk0"].stderr()
        assert "is not known (there is no record of them): of all 8192 in their regions 1 were given new checksums: LBA 100; any" in said, said
        assert "of all 8192 in their regions 0 were given new checksums\n" in lab.targets["disk1"].stderr()
        lab.daemon("--region", "64K")
        lab.wait_targets(names)
        at_rest(lab)


if __name__ == "__main__":
    main()
