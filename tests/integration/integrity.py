# SPDX-License-Identifier: BSD-2-Clause
"""Checksums of the disks' blocks (--integrity): damage is told, not given to anybody, and repaired; a crash is no damage."""

import base64
import os

from lab import Lab
from recovery import crash_and_scrub, started
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


if __name__ == "__main__":
    main()
