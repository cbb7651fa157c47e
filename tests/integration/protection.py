# SPDX-License-Identifier: BSD-2-Clause
"""Protection information (SBC-3) with real processes: a disk's option and FORMAT UNIT, restarts and ends in mid writes, a medium that rots, members of a
group with and without it."""

import base64
import signal

from command import CHECK, GOOD, clear, disks, run
from lab import Lab
from recovery import REGIONS, crash_and_scrub
from tap import main, test

BLOCKS = 8192  # of 4M
TUPLES_AT = 8192


def back(lab, rpc):
    lab.wait_targets(["disk0"])
    clear(rpc)


def crc16(data):
    """T10 DIF, polynomial 8BB7h."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x18bb7 if crc & 0x8000 else 0)
    return crc


def tuple_of(data, app, ref):
    return crc16(data).to_bytes(2, "big") + app.to_bytes(2, "big") + ref.to_bytes(4, "big")


def cdb10(opcode, lba, blocks, protect=0):
    return f"{opcode:02x}{protect << 5:02x}{lba:08x}00{blocks:04x}00"


def cdb32(action, lba, blocks, protect, ref, app=0, mask=0):
    return f"7f0000000000{0:02x}18{action:04x}{protect << 5:02x}00{lba:016x}{ref:08x}{app:04x}{mask:04x}{blocks:08x}"


def block(n):
    return bytes((n * 31 + i * 7) & 0xff for i in range(512))


def capacity(rpc, target="disk0"):
    done = run(rpc, "9e10" + "00" * 11 + "200000", room=32, target=target)
    return done["data"][12]


def kept(lab, lba, name="disk0"):
    with open(lab.path(name + ".img.protection"), "rb") as f:
        f.seek(TUPLES_AT + 8 * lba)
        return bytes(b ^ 0xff for b in f.read(8))


def rot(lab, lba, name="disk0"):
    with open(lab.path(name + ".img"), "r+b") as f:
        f.seek(512 * lba + 100)
        byte = f.read(1)[0]
        f.seek(512 * lba + 100)
        f.write(bytes([byte ^ 0x40]))


@test("a disk of type 1: what is written with and without protection information, and read back")
def type_1():
    with disks(target_options=("--protection", "1")) as (lab, rpc):
        assert run(rpc, "120000006000", room=96)["data"][5] & 1 and capacity(rpc) == 1
        assert run(rpc, "1201860040" + "00", room=64)["data"][4] == 0x3f
        one, two = block(1), block(2)
        both = one + tuple_of(one, 0x1234, 7) + two + tuple_of(two, 0x5678, 8)
        assert run(rpc, cdb10(0x2a, 7, 2, 1), both)["status"] == GOOD
        assert kept(lab, 8) == tuple_of(two, 0x5678, 8)
        done = run(rpc, cdb10(0x28, 7, 2, 1), room=1040)
        assert done["status"] == GOOD and done["data"] == both and done["residual"] == 0
        assert run(rpc, cdb10(0x28, 7, 2), room=1024)["data"] == one + two
        # without: it is made
        assert run(rpc, cdb10(0x2a, 9, 1), one)["status"] == GOOD
        assert kept(lab, 9) == tuple_of(one, 0, 9)
        # wrong: nothing is written, and the first wrong block is named
        for spoiled, code in ((512, "10/01"), (512 + 5, "10/03")):
            bad = bytearray(both)
            bad[520 + spoiled] ^= 1
            done = run(rpc, cdb10(0x2a, 7, 2, 1), bytes(bad))
            assert done["status"] == CHECK and done["code"] == code and done["block"] == 8, done
        # as much data as the command has blocks, and not with what goes with them, is too little
        assert run(rpc, cdb10(0x2a, 7, 2, 1), one + two)["status"] == CHECK
        assert run(rpc, cdb10(0x28, 7, 2, 1), room=1040)["data"] == both
        # what was never written has none, and is not checked
        done = run(rpc, cdb10(0x28, 100, 1, 1), room=520)
        assert done["data"] == bytes(512) + b"\xff" * 8
        assert run(rpc, cdb32(9, 7, 1, 1, 7), room=520)["code"] == "20/00"
        with open(lab.path("disk0.img"), "rb") as f:
            image = f.read()
        assert len(image) == BLOCKS * 512 and image[7 * 512:10 * 512] == one + two + one


@test("a disk of type 2: commands of 32 bytes, with what tags are expected to be")
def type_2():
    with disks(target_options=("--protection", "2")) as (_, rpc):
        assert capacity(rpc) == 3
        one = block(5)
        data = one + tuple_of(one, 0x1234, 0xcafe)
        assert run(rpc, cdb10(0x2a, 7, 1, 1), data)["code"] == "20/00"
        assert run(rpc, cdb32(0x0b, 7, 1, 1, 0xcafe), data)["status"] == GOOD
        assert run(rpc, cdb32(9, 7, 1, 1, 0xcafe), room=520)["data"] == data
        assert run(rpc, cdb32(9, 7, 1, 1, 0xcaff), room=520)["code"] == "10/03"
        assert run(rpc, cdb10(0x28, 7, 1), room=512)["data"] == one
        # application tags are looked at with ATO of the control mode page
        assert run(rpc, cdb32(9, 7, 1, 1, 0xcafe, 0x1235, 0xffff), room=520)["status"] == GOOD
        page = run(rpc, "1a080a00ff00", room=255)["data"]
        select = bytes(4) + bytes([0x0a]) + page[5:9] + bytes([page[9] | 0x80]) + page[10:16]
        assert run(rpc, f"15100000{len(select):02x}00", select)["status"] == GOOD
        assert run(rpc, cdb32(9, 7, 1, 1, 0xcafe, 0x1235, 0xffff), room=520)["code"] == "10/02"
        assert run(rpc, cdb32(9, 7, 1, 1, 0xcafe, 0x1235, 0xfff0), room=520)["data"] == data


@test("FORMAT UNIT gives a disk another type, which a restart keeps whatever the option says")
def formatted():
    with disks(target_options=("--protection", "0")) as (lab, rpc):
        assert capacity(rpc) == 0 and run(rpc, cdb10(0x28, 0, 1, 1), room=520)["code"] == "24/00"
        assert run(rpc, cdb10(0x2a, 3, 1), block(3))["status"] == GOOD
        for cdb, out, says in (("048000000000", None, 1), ("04d000000000", b"\1\0\0\0", 5), ("04c000000000", None, 3), ("040000000000", None, 0),
                               ("049000000000", bytes(4), 1)):
            assert run(rpc, cdb, out)["status"] == GOOD, cdb
            assert capacity(rpc) == says, cdb
            assert run(rpc, cdb10(0x28, 3, 1), room=512)["data"] == bytes(512)
            assert run(rpc, cdb10(0x2a, 3, 1), block(3))["status"] == GOOD
        lab.targets["disk0"].stop()
        lab.target("disk0", 0, "--protection", "2")
        back(lab, rpc)
        assert capacity(rpc) == 1
        rot(lab, 3)
        assert run(rpc, cdb10(0x28, 3, 1), room=512)["code"] == "10/01"


@test("a medium that rots is found out; a write that SIGKILL cuts off is none of that")
def rots():
    with disks(target_options=("--protection", "1")) as (lab, rpc):
        for lba in range(4):
            assert run(rpc, cdb10(0x2a, lba, 1), block(lba))["status"] == GOOD
        rot(lab, 2)
        done = run(rpc, cdb10(0x28, 0, 4), room=2048)
        assert done["code"] == "10/01" and done["data"] == b"" and done["block"] == 2
        assert run(rpc, cdb10(0x2f, 0, 4))["code"] == "10/01"
        assert run(rpc, cdb10(0x28, 2, 1, 3), room=520)["status"] == GOOD
        # one that is killed may have been at any block
        lab.targets["disk0"].signal(signal.SIGKILL)
        lab.targets["disk0"].wait()
        lab.target("disk0", 0)
        back(lab, rpc)
        assert run(rpc, cdb10(0x28, 0, 4), room=2048)["status"] == GOOD and kept(lab, 2) == b"\xff" * 8
        assert run(rpc, cdb10(0x2a, 2, 1), block(2))["status"] == GOOD
        # ended as it should, nothing is in doubt
        lab.targets["disk0"].stop()
        rot(lab, 2)
        lab.target("disk0", 0)
        back(lab, rpc)
        assert run(rpc, cdb10(0x28, 0, 4), room=2048)["code"] == "10/01"


@test("members with and without it in one group: copies, and a member that rots, the others unharmed")
def members():
    with Lab() as lab:
        lab.bus()
        for i in range(3):
            lab.target(f"disk{i}", i, *(("--protection", str(i)) if i else ()))
        lab.daemon()
        names = ["disk0", "disk1", "disk2"]
        lab.wait_targets(names)
        lab.call("group.create", name="g0", members=names)
        image = lab.image(2 << 20)
        lab.run_job("mirror", image=image)
        lab.assert_copies(image, names)
        with open(image, "rb") as f:
            first = f.read(512)
        assert kept(lab, 0, "disk1") == tuple_of(first, 0, 0)
        assert kept(lab, 0, "disk2") == tuple_of(first, 0xffff, 0xffffffff)
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0
        # what rots at one member is told of that one, and of that block
        rot(lab, 77, "disk1")
        job = lab.run_job("verify", image=image, expect=None)
        bad = {t["name"]: t["bad_blocks"] for t in job["targets"]}
        assert bad == {"disk0": 0, "disk1": 1, "disk2": 0}, job
        # a job that reads takes it from another one
        out = lab.path("out")
        lab.run_job("read", image=out)
        with open(out, "rb") as f, open(image, "rb") as g:
            assert f.read(2 << 20) == g.read()
        # and what is written is whole again
        lab.run_job("mirror", image=image)
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0
        with lab.rpc() as rpc:
            clear(rpc, "disk1")
            assert run(rpc, cdb10(0x28, 77, 1), room=512, target="disk1")["status"] == GOOD


CHECKSUMS = ("--integrity", "crc32c")


def rot_tuple(lab, lba, name="disk0"):
    with open(lab.path(name + ".img.protection"), "r+b") as f:
        f.seek(TUPLES_AT + 8 * lba + 1)
        byte = f.read(1)[0]
        f.seek(TUPLES_AT + 8 * lba + 1)
        f.write(bytes([byte ^ 0x40]))


@test("with checksums, too: which of the two says what has rotted, and that a scrub gives both back")
def with_checksums():
    with Lab() as lab:
        lab.bus()
        lab.target("disk0", 0, "--protection", "1", *CHECKSUMS)
        lab.target("disk1", 1, *CHECKSUMS)
        lab.target("disk2", 2)
        lab.daemon()
        names = ["disk0", "disk1", "disk2"]
        lab.wait_targets(names)
        image = lab.image(4 << 20)
        with open(image, "rb") as f:
            content = f.read()

        def right(lba):
            return content[512 * lba:512 * lba + 512]

        with lab.rpc() as rpc:
            clear(rpc)
            for lba in range(40, 60):
                assert run(rpc, cdb10(0x2a, lba, 1), right(lba))["status"] == GOOD
            # with protection information of its own
            assert run(rpc, cdb10(0x2a, 40, 1, 1), right(40) + tuple_of(right(40), 0x4711, 40))["status"] == GOOD
            assert run(rpc, cdb10(0x28, 40, 1, 1), room=520)["data"] == right(40) + tuple_of(right(40), 0x4711, 40)
            bad = right(41) + tuple_of(right(41), 0, 42)
            assert run(rpc, cdb10(0x2a, 41, 1, 1), bad)["code"] == "10/03"
            # WRITE SAME, ORWRITE, COMPARE AND WRITE and WRITE ATOMIC keep both right
            for cdb, out in ((cdb10(0x41, 50, 2), right(50)), ("8b00" + f"{52:016x}{1:08x}0000", bytes(512)),
                             ("8900" + f"{53:016x}0000000100" + "00", right(53) + right(54)),
                             ("9c00" + f"{54:016x}0000{2:04x}0000", right(55) + right(54))):
                assert run(rpc, cdb, out)["status"] == GOOD, cdb
            assert run(rpc, cdb10(0x28, 50, 6), room=3072)["data"] == right(50) * 2 + right(52) + right(54) + right(55) + right(54)
        # a group's: their writes make the protection information
        lab.call("group.create", name="g0", members=names)
        lab.run_job("mirror", image=image)
        lab.assert_copies(image, names)
        with lab.rpc() as rpc:
            # data that rot are the medium's, whatever is asked of the protection information; protection information that rots is its own
            for lba in (60, 62):
                rot(lab, lba)
                rot_tuple(lab, lba + 1)
            for protect in (0, 1, 3):
                done = run(rpc, cdb10(0x28, 60, 1, protect), room=520)
                assert (done["status"], done["code"], done["block"], done["data"]) == (CHECK, "11/0c", 60, b""), done
            done = run(rpc, cdb10(0x28, 61, 1), room=512)
            assert (done["status"], done["code"], done["block"], done["data"]) == (CHECK, "10/01", 61, b""), done
            assert run(rpc, cdb10(0x28, 61, 1, 3), room=520)["data"][:512] == right(61)
        # who reads from the group is given what is right, and so is the member; a scrub finds what nobody has read
        for lba in (60, 61):
            got = lab.call("group.read", group="g0", offset_bytes=512 * lba, length_bytes=512)
            assert base64.b64decode(got["data"]) == right(lba)
        members = {m["name"]: m["repaired_blocks"] for m in lab.call("group.show", group="g0")["members"]}
        assert members == {"disk0": 2, "disk1": 0, "disk2": 0}, members
        job = lab.run_job("scrub")
        assert {t["name"]: t["repaired_blocks"] for t in job["targets"]} == {"disk0": 2, "disk1": 0, "disk2": 0}, job
        assert lab.run_job("scrub")["differing_blocks"] == 0
        lab.assert_copies(image, names)
        with lab.rpc() as rpc:
            for lba in range(60, 64):
                assert run(rpc, cdb10(0x28, lba, 1, 1), room=520)["data"] == right(lba) + tuple_of(right(lba), 0, lba)
            # and a type that it is formatted with leaves checksums that fit
            assert run(rpc, "04c000000000")["status"] == GOOD and capacity(rpc) == 3
            assert run(rpc, "2f00" + "00000000" + "00" + "2000" + "00")["status"] == GOOD


@test("with checksums, too: all are killed (SIGKILL) in mid writes, three times; nothing is taken for damaged, nothing acknowledged is lost")
def killed_with_checksums():
    options = {"disk0": ("--protection", "1", *CHECKSUMS), "disk1": ("--protection", "3", *CHECKSUMS), "disk2": CHECKSUMS}
    with Lab() as lab:
        names = sorted(options)
        lab.bus()
        for i, name in enumerate(names):
            lab.target(name, i, *options[name], size="8M")
        lab.daemon(*REGIONS)
        lab.wait_targets(names)
        lab.call("group.create", name="g0", members=names, assume_clean=True)
        crash_and_scrub(lab, options, seed=11, rounds=3)


main()
