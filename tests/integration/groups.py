# SPDX-License-Identifier: BSD-2-Clause
"""Whole mirror jobs by real processes: numbers of targets, sizes, block sizes, transports, modes."""

import base64
import filecmp
import os

from lab import Lab, passes, until
from tap import cases, main, test

MIB = 1 << 20


def mirror_and_compare(count, image_bytes, **options):
    job_options = options.pop("job", {})
    with Lab() as lab:
        names = lab.start(count, **options)
        image = lab.image(image_bytes)
        job = lab.run_job("mirror", image=image, **job_options)
        lab.assert_copies(image, names)
        blocks = -(-image_bytes // (options.get("block_size") or 512))
        for target in job["targets"]:
            assert (target["good_blocks"], target["bad_blocks"]) == (blocks, 0), target
        assert job["done_bytes"] == job["total_bytes"] == image_bytes, job
        members = lab.call("group.show", group="g0")["members"]
        assert [m["state"] for m in members] == ["in_sync"] * count, members
        return job, lab.trace()


@cases("a group of {} is mirrored, and each copy equals the image", (1, 2, 3, 8, 15))
def sizes_of_groups(count):
    mirror_and_compare(count, 2 * MIB + 512 * 7)


@cases("an image of {} bytes, no multiple of the transfer length", (1, 511, 512, 513, 65535, 65537, MIB - 1, 3 * MIB + 12345))
def sizes_of_images(size):
    with Lab() as lab:
        names = lab.start(2)
        image = lab.image(size)
        lab.run_job("mirror", image=image, transfer_bytes=65536)
        lab.assert_copies(image, names)
        # the rest of the last block is zeros, and nothing beyond it was touched
        with open(lab.store("disk0"), "rb") as file:
            file.seek(size)
            assert not any(file.read()), "bytes behind the image's end"


@cases("blocks of {} bytes", (512, 4096))
def block_sizes(block_size):
    job, _ = mirror_and_compare(3, 1 * MIB + 100, block_size=block_size)
    assert job["targets"][0]["good_blocks"] == -(-(MIB + 100) // block_size)


@test("two targets over TCP and two over UNIX sockets, one group")
def transports():
    mirror_and_compare(4, 3 * MIB, over=lambda i: "tcp" if i % 2 else "unix")


@test("an image as large as the members fills them to the last block")
def full_size():
    mirror_and_compare(2, 4 * MIB)


@test("a group that was made for conventional mode is mirrored by one command a target, without a mirroring message")
def conventional_group():
    job, trace = mirror_and_compare(3, MIB, mode="conventional")
    assert not passes(trace)
    assert job["mode"] == "conventional"


@test("a job may choose the mode; both leave the same copies, and silent costs less bus time")
def both_modes():
    with Lab() as lab:
        names = lab.start(3)
        one, two = lab.image(2 * MIB, "one", seed=1), lab.image(2 * MIB, "two", seed=2)
        silent = lab.run_job("mirror", image=one, mode="silent", transfer_bytes=4096)
        lab.assert_copies(one, names)
        conventional = lab.run_job("mirror", image=two, mode="conventional", transfer_bytes=4096)
        lab.assert_copies(two, names)
        assert 0 < silent["bus_time_ns"] < conventional["bus_time_ns"], (silent["bus_time_ns"], conventional["bus_time_ns"])


@cases("window {}", (1, 2, 32))
def windows(window):
    mirror_and_compare(3, 2 * MIB, job={"window": window, "transfer_bytes": 32768})


@test("targets that run unarmed (each phase waits for the process) leave the same copies and the same kinds of phases")
def unarmed():
    _, armed = mirror_and_compare(3, 256 * 1024, job={"window": 1, "transfer_bytes": 65536})
    _, plain = mirror_and_compare(3, 256 * 1024, job={"window": 1, "transfer_bytes": 65536}, target_options=("--unarmed",))

    def shape(trace):
        return [[(e["phase"], e["driver"], e["bsy"]) for e in p] for p in passes(trace)]

    assert shape(armed) == shape(plain)


@test("verify finds no difference after a mirror, and each difference after it was made")
def verify():
    with Lab() as lab:
        lab.start(3)
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0
        assert lab.run_job("verify")["differing_blocks"] == 0
        with open(lab.store("disk1"), "r+b") as file:
            for lba in (5, 6, 1000):
                file.seek(lba * 512 + 17)
                file.write(b"\x5a\xa5")
        job = lab.run_job("verify", image=image, expect=None)
        assert job["conclusion"] != "success" and job["differing_blocks"] == 3, job
        runs = {t["name"]: [(r["lba"], r["blocks"]) for r in t["runs"]] for t in job["targets"]}
        assert runs == {"disk0": [], "disk1": [(5, 2), (1000, 1)], "disk2": []}, runs


@test("read brings a group back into a file that equals the image")
def read():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(4 * MIB)
        lab.run_job("mirror", image=image)
        lab.run_job("read", image=lab.path("back"))
        assert os.path.getsize(lab.path("back")) == 4 * MIB
        assert filecmp.cmp(image, lab.path("back"), shallow=False)


@test("group.write, group.read and group.flush reach every member")
def group_io():
    with Lab() as lab:
        names = lab.start(3)
        image = lab.image(4 * MIB)
        lab.run_job("mirror", image=image)
        data = lab.path("data")
        with open(data, "wb") as file:
            file.write(os.urandom(8192))
        with open(data, "rb") as file:
            piece = file.read()
        lab.call("group.write", group="g0", offset_bytes=65536, data=base64.b64encode(piece).decode())
        lab.call("group.flush", group="g0")
        answer = lab.call("group.read", group="g0", offset_bytes=65536, length_bytes=8192)
        assert base64.b64decode(answer["data"]) == piece
        for name in names:
            with open(lab.store(name), "rb") as file:
                file.seek(65536)
                assert file.read(8192) == piece, name
        error = lab.refused("group.read", group="g0", offset_bytes=4 * MIB, length_bytes=512)
        assert error["data"]["kind"] == "bad_range", error


def start_again(lab, names, end):
    for name in names:
        end(lab.targets[name])
    until("they are away", lambda: not lab.ready_targets())
    for scsi_id, name in enumerate(names):
        lab.target(name, scsi_id, wait=False)
    for name in names:
        lab.targets[name].wait_ready()
    lab.wait_targets(names)
    until("all are in sync", lambda: {m["state"] for m in lab.call("group.show", group="g0")["members"]} == {"in_sync"})


@cases("all members are {}: the next group.flush", ("stopped in good order", "killed"))
def started_again(how):
    """Who ends in good order has made durable what was written; of one that is killed it is not known."""
    with Lab() as lab:
        names = lab.start(2)
        lab.run_job("mirror", image=lab.image(4 * MIB))
        lab.call("group.flush", group="g0")
        for _ in range(2):
            lab.call("group.write", group="g0", offset_bytes=0, data=base64.b64encode(os.urandom(512)).decode())
            if how == "killed":
                start_again(lab, names, lambda target: target.kill())
                error = lab.refused("group.flush", group="g0")
                assert error["data"]["kind"] == "data_lost", error
            else:
                start_again(lab, names, lambda target: target.stop())
                assert os.path.exists(lab.store("disk1")) and not os.path.exists(lab.store("disk0") + ".ended")
            lab.call("group.flush", group="g0")


@test("resync brings a new member up to date from a good one")
def resync():
    with Lab() as lab:
        names = lab.start(2)
        image = lab.image(4 * MIB)
        lab.run_job("mirror", image=image)
        lab.target("disk9", 9)
        lab.wait_targets(["disk9"])
        lab.call("group.add_member", group="g0", target="disk9")
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert states == {"disk0": "in_sync", "disk1": "in_sync", "disk9": "stale"}, states
        lab.run_job("resync")
        lab.assert_copies(image, names + ["disk9"])
        assert {m["state"] for m in lab.call("group.show", group="g0")["members"]} == {"in_sync"}


@test("smirrord --resync-rate: a resync that is given no speed has that one, others have none; clients write beside it; set_speed lifts it")
def resync_rate():
    with Lab() as lab:
        names = lab.start(2, daemon_options=("--resync-rate", "128K"))
        image = lab.image(4 * MIB)
        assert lab.run_job("mirror", image=image)["speed_bytes_per_s"] == 0
        lab.target("disk9", 9)
        lab.wait_targets(["disk9"])
        lab.call("group.add_member", group="g0", target="disk9")
        job = lab.create_job("resync")  # half a minute
        until("the resync copies something", lambda: lab.job(job)["done_bytes"])
        for i in range(8):
            data = bytes([0x41 + i]) * 4096
            lab.call("group.write", group="g0", offset_bytes=i * 512 * 1024, data=base64.b64encode(data).decode())
        shown = lab.job(job)
        assert (shown["state"], shown["speed_bytes_per_s"]) == ("running", 128 * 1024), shown
        assert shown["done_bytes"] < shown["total_bytes"], shown
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        shown = lab.wait_job(job)
        assert (shown["conclusion"], shown["speed_bytes_per_s"]) == ("success", 0), shown
        lab.call("group.flush", group="g0")
        for other in (names[1], "disk9"):
            assert filecmp.cmp(lab.store(names[0]), lab.store(other), shallow=False), other
        assert lab.run_job("resync", speed_bytes_per_s=MIB)["speed_bytes_per_s"] == MIB


if __name__ == "__main__":
    main()
