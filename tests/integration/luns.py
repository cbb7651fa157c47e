#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Targets with several logical units, by real processes: found, mirrored to, gone and back, each a member of its own."""

import base64
import os
import signal
import struct
import time

from lab import Lab, passes, until
from tap import cases, main, test

MIB = 1 << 20
TEST_UNIT_READY = "00" * 6
READ_CAPACITY = "25" + "00" * 9


def three_targets(lab, *daemon_options):
    """Targets a (LUN 0), b (LUNs 0 and 1) and c (LUNs 0, 5 and 63); a daemon."""
    lab.bus()
    for name, scsi_id, luns in (("a", 0, ()), ("b", 1, (1,)), ("c", 2, (5, 63))):
        options = []
        for lun in luns:
            options += ["--lun", f"{lun}={lab.path(f'{name}-{lun}.img')},size=4M"]
        lab.target(name, scsi_id, *options)
    lab.daemon()
    lab.wait_targets(["a", "b", "b:1", "c", "c:5", "c:63"])


def assert_copy(lab, image, *files):
    with open(image, "rb") as file:
        wanted = file.read()
    for name in files:
        with open(lab.path(name), "rb") as file:
            assert file.read(len(wanted)) == wanted, name


def assert_empty(lab, *files):
    for name in files:
        with open(lab.path(name), "rb") as file:
            assert not any(file.read()), name


@test("each logical unit is a target of its own in the list, found by name, address and UUID")
def listed():
    with Lab() as lab:
        three_targets(lab)
        targets = lab.ready_targets()
        places = {name: (t["id"], t["lun"]) for name, t in targets.items()}
        assert places == {"a": (0, 0), "b": (1, 0), "b:1": (1, 1), "c": (2, 0), "c:5": (2, 5), "c:63": (2, 63)}, places
        assert len({t["uuid"] for t in targets.values()}) == 6
        for word in ("c:63", "2:63", targets["c:63"]["uuid"]):
            assert lab.call("target.show", target=word)["lun"] == 63
        for word in ("c:6", "2:6", "2:64", "9:1", "c:", ":5", "2:5:1", "a:1"):
            assert lab.refused("target.show", target=word)["data"]["kind"] == "no_such_target", word
        text = lab.ctl("target", "list")
        assert "c:63" in text and "b:1" in text, text


@test("scsi.execute goes to the LUN of the name, or to the one that it is given")
def execute():
    with Lab() as lab:
        lab.bus()
        lab.target("a", 0, "--lun", f"3={lab.path('a-3.img')},size=1M,block-size=4096")
        lab.daemon()
        lab.wait_targets(["a", "a:3"])

        def capacity(**where):
            done = lab.call("scsi.execute", cdb=READ_CAPACITY, data_in_length=8, **where)
            assert done["status"] == 0, done
            return done["data_in"]

        assert capacity(target="a") != capacity(target="a:3")
        assert capacity(target="a", lun=3) == capacity(target="a:3") == capacity(target=0, lun=3)
        assert capacity(target="a:3", lun=0) == capacity(target="a")
        gone = lab.call("scsi.execute", target="a", lun=4, cdb=TEST_UNIT_READY)
        assert gone["status"] == 2 and gone["sense"][4:6] == "05" and gone["sense"][24:28] == "2500", gone
        for words, wanted in ((("a", "--lun", 3), "a:3"), (("a:3",), "a:3"), (("a",), "a")):
            lab.ctl("scsi", words[0], READ_CAPACITY, "--in", 8, "--raw", lab.path("raw"), *words[1:])
            with open(lab.path("raw"), "rb") as file:
                assert base64.b64encode(file.read()).decode() == capacity(target=wanted), words


@cases("{}: a group of logical units behind different LUNs; only those are written", ("silent", "broadcast", "conventional"))
def mirrors(mode):
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "b:1", "c:63"], mode=mode)
        image = lab.image(3 * MIB + 512)
        lab.run_job("mirror", image=image)
        assert_copy(lab, image, "a.img", "b-1.img", "c-63.img")
        assert_empty(lab, "b.img", "c.img", "c-5.img")
        members = lab.call("group.show", group="g0")["members"]
        assert [(m["name"], m["id"], m["lun"], m["state"]) for m in members] == [
            ("a", 0, 0, "in_sync"), ("b:1", 1, 1, "in_sync"), ("c:63", 2, 63, "in_sync")], members
        assert lab.run_job("verify", image=image)["conclusion"] == "success"
        out = lab.path("back")
        lab.run_job("read", image=out)
        assert_copy(lab, image, "back")


@test("the trace: IDENTIFY names the leader's LUN in the pass, and each one's own with its status")
def identified():
    with Lab() as lab:
        three_targets(lab)
        # the leader is the first of them
        lab.call("group.create", name="g0", members=["c:5", "b:1", "a"], mode="silent")
        lab.run_job("mirror", image=lab.image(65536))
        trace = lab.trace()
        first = passes(trace)[0]
        outs = [e for e in first if e["phase"] == "MESSAGE OUT"]
        assert outs[0]["msg"][0]["hex"] == "c5", outs[0]
        assert not any(m["name"] == "IDENTIFY" for e in outs[1:] for m in e["msg"]), outs
        ins = [e["msg"] for e in trace if e["phase"] == "MESSAGE IN" and any(m["name"] == "MIRROR STATUS" for m in e["msg"])]
        pairs = {(m[0]["hex"], next(x["device"] for x in m if x["name"] == "MIRROR STATUS")) for m in ins}
        assert pairs == {("85", 1), ("81", 2), ("80", 3)}, pairs


@test("several groups on the same targets, one logical unit each: side by side")
def groups():
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "b", "c"])
        lab.call("group.create", name="g1", members=["b:1", "c:5"])
        images = [lab.image(2 * MIB, name=f"i{n}", seed=n + 5) for n in range(2)]
        jobs = [lab.create_job("mirror", f"g{n}", images[n]) for n in range(2)]
        for job in jobs:
            assert lab.wait_job(job)["conclusion"] == "success"
        assert_copy(lab, images[0], "a.img", "b.img", "c.img")
        assert_copy(lab, images[1], "b-1.img", "c-5.img")


@test("two logical units of one target in one group are refused, by name")
def one_target_twice():
    with Lab() as lab:
        three_targets(lab)
        error = lab.refused("group.create", name="g0", members=["a", "c:5", "c:63"])
        assert error["data"]["kind"] == "duplicate" and "c:5 and c:63 are logical units of one target" in error["message"], error
        lab.call("group.create", name="g0", members=["a", "c:5"])
        error = lab.refused("group.add_member", group="g0", target="c")
        assert error["data"]["kind"] == "duplicate", error


@test("a write behind the group's back makes that logical unit stale, and no other")
def behind_its_back():
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "b:1"], assume_clean=True)
        lab.call("group.create", name="g1", members=["b", "c"], assume_clean=True)
        write = "2a" + "00" * 6 + "0001" + "00"
        done = lab.call("scsi.execute", target="b", lun=1, cdb=write, data_out="A" * 684)
        assert done["status"] == 0, done
        assert [m["state"] for m in lab.call("group.show", group="g0")["members"]] == ["in_sync", "stale"]
        assert [m["state"] for m in lab.call("group.show", group="g1")["members"]] == ["in_sync", "in_sync"]


@test("a medium error of one LUN is that one's; the resend goes to it alone")
def medium_error():
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "c:5"])
        assert "medium-error:lba=100,blocks=1,times=1,lun=5" in str(lab.call("target.fault", target="c:5", spec="medium-error:lba=100,times=1"))
        image = lab.image(MIB)
        job = lab.run_job("mirror", image=image)
        assert [t["resent_blocks"] > 0 for t in job["targets"]] == [False, True], job["targets"]
        assert_copy(lab, image, "a.img", "c-5.img")


def designator(lab, target):
    """The NAA designator of VPD page 83h."""
    page = base64.b64decode(lab.call("scsi.execute", target=target, cdb="12018300ff00", data_in_length=255)["data_in"])
    at = 4
    while page[at + 1] & 0x0F != 3:
        at += 4 + page[at + 3]
    return page[at + 4:at + 4 + page[at + 3]]


def copy_parameters(lab, units, segments):
    """EXTENDED COPY of (blocks, source, destination), counted in blocks of the source, from the first to the second of (name, block size)."""
    cscds = b"".join(struct.pack(">BBHBBBB20sB3s", 0xE4, 0, 0, 1, 3, 0, 8, designator(lab, name), 0, size.to_bytes(3, "big")) for name, size in units)
    moves = b"".join(struct.pack(">BBHHHHHQQ", 2, 0, 24, 0, 1, 0, *segment) for segment in segments)
    return struct.pack(">BBHIII", 5, 0, len(cscds), 0, len(moves), 0) + cscds + moves


def send_copy(lab, target, parameters):
    return lab.call("scsi.execute", target=target, cdb="83" + "00" * 9 + f"{len(parameters):08x}" + "0000",
                    data_out=base64.b64encode(parameters).decode())


@test("EXTENDED COPY moves blocks between logical units, of two block sizes, and takes no bus time for them")
def extended_copy():
    with Lab() as lab:
        lab.bus()
        image = lab.image(8 * MIB, name="x.img")
        lab.target("x", 0, "--lun", f"1={lab.path('x-1.img')},size=16M,block-size=4096", size=None)
        lab.daemon()
        lab.wait_targets(["x", "x:1"])
        # 4 MiB, then the last 2 MiB to the end
        parameters = copy_parameters(lab, (("x", 512), ("x:1", 4096)), ((8192, 0, 8), (4096, 12288, 3584)))
        done = send_copy(lab, "x", parameters)
        assert done["status"] == 0 and done["bus_time_ns"] < 1000000, done
        with open(image, "rb") as file:
            data = file.read()
        with open(lab.path("x-1.img"), "rb") as file:
            copied = file.read()
        assert copied[:32768] == bytes(32768) and copied[32768:32768 + 4 * MIB] == data[:4 * MIB]
        assert copied[14 * MIB:] == data[6 * MIB:] and not any(copied[32768 + 4 * MIB:14 * MIB])
        status = lab.call("scsi.execute", target="x", cdb="840005" + "00" * 7 + "000000400000", data_in_length=64)
        assert base64.b64decode(status["data_in"]).hex() == "000000080100020000000000", status
        # nine blocks of 512 bytes are no whole blocks there
        odd = parameters[:16 + 64 + 10] + b"\0\x09" + parameters[16 + 64 + 12:]
        done = send_copy(lab, "x", odd)
        assert done["status"] == 2 and done["sense"][4:6] == "0a" and done["sense"][24:28] == "260a", done


@test("EXTENDED COPY to one logical unit: each one of that target that is a member is stale, since the list may name it")
def extended_copy_members():
    with Lab() as lab:
        lab.bus()
        for i, name in enumerate(("x", "y")):
            lab.target(name, i, "--lun", f"1={lab.path(f'{name}-1.img')},size=4M", "--lun", f"2={lab.path(f'{name}-2.img')},size=4M")
        lab.daemon()
        lab.wait_targets([f"{name}{lun}" for name in "xy" for lun in ("", ":1", ":2")])
        for lun in (1, 2):
            lab.call("group.create", name=f"g{lun}", members=[f"x:{lun}", f"y:{lun}"])
            lab.run_job("mirror", f"g{lun}", lab.image(4 * MIB, name=f"i{lun}", seed=lun))
        done = send_copy(lab, "x", copy_parameters(lab, (("x", 512), ("x:1", 512)), ((64, 0, 100),)))
        assert done["status"] == 0, done
        for lun in (1, 2):
            members = lab.call("group.show", group=f"g{lun}")["members"]
            assert [(m["name"], m["state"]) for m in members] == [(f"x:{lun}", "stale"), (f"y:{lun}", "in_sync")], members
        assert lab.run_job("resync", "g1")["total_bytes"] == 4 * MIB
        assert_copy(lab, lab.path("i1"), "x-1.img")


@test("a target that ends and comes back: its logical units are the members that they were")
def comes_back():
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "b:1"])
        lab.run_job("mirror", image=lab.image(MIB))
        lab.targets["b"].kill()
        until("it is away", lambda: "b:1" not in lab.ready_targets())
        lab.target("b", 4, "--lun", f"9={lab.path('b-1.img')}")  # another ID, another LUN: the UUID counts
        lab.wait_targets(["b", "b:9"])
        member = lab.call("group.show", group="g0")["members"][1]
        assert (member["name"], member["id"], member["lun"], member["state"]) == ("b:9", 4, 9, "in_sync"), member
        image = lab.image(2 * MIB, name="second", seed=9)
        lab.run_job("mirror", image=image)
        assert_copy(lab, image, "a.img", "b-1.img")


@test("the daemon comes back: the group is as it was")
def daemon_restarts():
    with Lab() as lab:
        three_targets(lab)
        lab.call("group.create", name="g0", members=["a", "c:63"])
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        lab.daemon_process.stop()
        lab.daemon()
        lab.wait_targets(["a", "c:63"])
        members = lab.call("group.show", group="g0")["members"]
        assert [(m["name"], m["state"]) for m in members] == [("a", "in_sync"), ("c:63", "in_sync")], members
        lab.run_job("verify", image=image)


@test("a logical unit that comes at run time is found by its UNIT ATTENTION; one that goes is away")
def inventory():
    with Lab() as lab:
        def configure(*luns):
            listed = ", ".join(f'"{lun}={lab.path(f"x-{lun}.img")},size=4M"' for lun in luns)
            with open(lab.path("x.conf"), "w", encoding="ascii") as file:
                file.write(f"lun = {{{listed}}}\n")

        configure(1)
        lab.bus()
        lab.target("a", 0)
        target = lab.target("x", 1, "--config", lab.path("x.conf"))
        lab.daemon("--bus-wait-ms", "600000")
        lab.wait_targets(["a", "x", "x:1"])
        configure(1, 2)
        target.signal(signal.SIGHUP)
        until("it is there", lambda: "LUN 2 is there" in target.stderr())
        lab.call("scsi.execute", target="x", cdb=TEST_UNIT_READY)  # who asks is told
        lab.wait_targets(["x:2"])
        lab.call("group.create", name="g0", members=["a", "x:2"])
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        assert_copy(lab, image, "x-2.img")
        configure(1)
        target.signal(signal.SIGHUP)
        until("it is closed", lambda: "LUN 2 is closed" in target.stderr())
        lab.call("scsi.execute", target="x:1", cdb=TEST_UNIT_READY)
        until("it is away", lambda: "x:1" in lab.ready_targets() and "x:2" not in lab.ready_targets())
        assert lab.call("group.show", group="g0")["members"][1]["id"] is None
        # nobody waits for it: it is known not to be there
        lab.call("group.write", group="g0", offset_bytes=0, data=base64.b64encode(bytes(512)).decode())
        members = lab.call("group.show", group="g0")["members"]
        assert [m["state"] for m in members] == ["in_sync", "stale"], members
        assert os.path.getsize(lab.path("x-2.img")) == 4 * MIB


@test("a store that is looked through for long when its logical unit comes: the others are in use meanwhile, and the target can end")
def looked_through():
    with Lab() as lab:
        lab.bus()
        with open(lab.path("x.conf"), "w", encoding="ascii"):
            pass
        with open(lab.path("large.img"), "wb") as file:
            file.truncate(400 << 30)
        target = lab.target("x", 1, "--config", lab.path("x.conf"))
        lab.daemon()
        lab.wait_targets(["x"])
        with open(lab.path("x.conf"), "w", encoding="ascii") as file:
            file.write(f'lun = {{"1={lab.path("large.img")},block-size=4096,integrity=crc32c"}}\n')
        target.signal(signal.SIGHUP)
        for _ in range(5):
            time.sleep(0.2)
            begun = time.monotonic()
            assert lab.call("scsi.execute", target="x", cdb=TEST_UNIT_READY)["status"] == 0
            assert time.monotonic() - begun < 2
        assert "LUN 1" not in target.stderr(), target.stderr()
        begun = time.monotonic()
        target.stop()
        assert time.monotonic() - begun < 5


if __name__ == "__main__":
    main()
