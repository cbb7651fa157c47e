# SPDX-License-Identifier: BSD-2-Clause
"""SIGKILL in mid job, of each program: a truthful end, a free bus, no hang, and success after a restart."""

import signal
import time

from lab import Lab, RpcError, until
from tap import cases, main, test

MIB = 1 << 20
SIZE = 8 * MIB


def started(lab, count=3, **options):
    """A job that runs slowly enough to be killed in its middle: (names, image, job id) once it has made progress."""
    names = lab.start(count, size="8M", **options)
    image = lab.image(SIZE)
    job = lab.create_job("mirror", image=image, transfer_bytes=65536, speed_bytes_per_s=4 * MIB)
    until("progress", lambda: lab.job(job)["done_bytes"] > 0)
    return names, image, job


def assert_free(lab, within_s=1.0):
    """No line is asserted within a second of now."""
    end = time.monotonic() + within_s
    while lab.call("bus.show")["bsy"]:
        assert time.monotonic() < end, "the bus is not free"


def run_again(lab, names, image):
    lab.run_job("mirror", image=image)
    lab.assert_copies(image, names)


@cases("{} is killed: the job ends partial, the rest are whole; after its restart the job succeeds", ("disk0", "disk1", "disk2"))
def target_killed(victim):
    with Lab() as lab:
        names, image, job = started(lab)
        lab.targets[victim].kill()
        assert_free(lab)
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        done = lab.wait_job(job)
        assert done["conclusion"] == "partial", done["conclusion"]
        lab.assert_copies(image, [n for n in names if n != victim])
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert states[victim] == "stale", states
        lab.target(victim, names.index(victim))
        lab.wait_targets([victim])
        run_again(lab, names, image)


@test("all targets are killed: the job fails; after their restart it succeeds")
def all_targets_killed():
    with Lab() as lab:
        names, image, job = started(lab)
        for name in names:
            lab.targets[name].kill()
        assert_free(lab)
        assert lab.wait_job(job)["conclusion"] == "failed"
        for i, name in enumerate(names):
            lab.target(name, i)
        lab.wait_targets(names)
        run_again(lab, names, image)


@test("the daemon is killed: targets and bus go on; it comes back, says what became of the job, and a new one succeeds")
def daemon_killed():
    with Lab() as lab:
        names, image, job = started(lab)
        lab.daemon_process.kill()
        lab.daemon()
        lab.wait_targets(names)
        assert_free(lab)
        group = lab.call("group.show", group="g0")
        assert {m["state"] for m in group["members"]} == {"stale"}, group
        old = lab.job(job)
        assert old["state"] == "concluded" and old["conclusion"] == "failed", old
        run_again(lab, names, image)


@test("the bus server is killed: nothing hangs; it comes back, all attach again, and the job is run to success")
def bus_killed():
    with Lab() as lab:
        names, image, job = started(lab)
        lab.bus_process.kill()
        lab.bus(tcp=False)
        lab.wait_targets(names)
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        done = lab.wait_job(job)
        assert done["conclusion"] in ("success", "partial", "failed"), done
        if done["conclusion"] == "success":
            lab.assert_copies(image, names)
        assert_free(lab)
        run_again(lab, names, image)


@test("the bus server stays away: the job ends failed within its limit")
def bus_gone():
    with Lab() as lab:
        _, _, job = started(lab, daemon_options=("--bus-wait-ms", "500"))
        lab.bus_process.kill()
        done = lab.wait_job(job)
        assert done["conclusion"] == "failed", done
        error = lab.refused("scsi.execute", target="0", lun=0, cdb="000000000000", data_in_length=0)
        assert error["data"]["kind"] == "bus_down", error


@test("a target that is stopped (SIGSTOP) with the bus in its hand loses it to the watchdog")
def stopped():
    with Lab() as lab:
        names = lab.start(3, bus_options=("--phase-timeout-ms", "300", "--tenure-limit-ms", "800"),
                          daemon_options=("--status-timeout-ms", "500"), target_options=("--unarmed",))
        image = lab.image(MIB)
        job = lab.create_job("mirror", image=image, transfer_bytes=65536, speed_bytes_per_s=MIB)
        until("progress", lambda: lab.job(job)["done_bytes"] > 0)
        lab.targets["disk1"].signal(signal.SIGSTOP)
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        done = lab.wait_job(job)
        assert done["conclusion"] == "partial", done
        lab.assert_copies(image, ["disk0", "disk2"])
        assert_free(lab)
        lab.targets["disk1"].signal(signal.SIGCONT)
        lab.wait_targets(names)
        run_again(lab, names, image)


@test("a bus server that is stopped (SIGSTOP) is left by who hears nothing of it, and found again when it goes on")
def bus_stopped():
    with Lab() as lab:
        names = lab.start(2, daemon_options=("--bus-wait-ms", "500"))
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        lab.bus_process.signal(signal.SIGSTOP)
        for process in (lab.targets["disk0"], lab.targets["disk1"], lab.daemon_process):
            until("it is left", lambda: "it is silent" in process.stderr(), limit_s=30)
        lab.bus_process.signal(signal.SIGCONT)
        lab.wait_targets(names)
        run_again(lab, names, image)


@test("SIGTERM drains: each program ends with 0, and what was mirrored is there after all of them were started again")
def terminated():
    with Lab() as lab:
        names = lab.start(2)
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        lab.daemon_process.stop()
        for name in names:
            lab.targets[name].stop()
        lab.bus_process.stop()
        lab.bus()
        for i, name in enumerate(names):
            lab.target(name, i)
        lab.daemon()
        lab.wait_targets(names)
        group = lab.call("group.show", group="g0")
        assert [m["state"] for m in group["members"]] == ["in_sync"] * 2, group
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0


@test("members are known by their UUID: with other SCSI IDs after a restart, the group is the same")
def other_ids():
    with Lab() as lab:
        names = lab.start(2)
        image = lab.image(MIB)
        lab.run_job("mirror", image=image)
        for name in names:
            lab.targets[name].stop()
        for i, name in enumerate(names):
            lab.target(name, 12 - i)
        lab.wait_targets(names)
        ids = {m["name"]: m["id"] for m in lab.call("group.show", group="g0")["members"]}
        assert ids == {"disk0": 12, "disk1": 11}, ids
        assert lab.run_job("verify", image=image)["differing_blocks"] == 0


@test("a job is cancelled in mid work: its members are stale, the bus is free, and the next one succeeds")
def cancelled():
    with Lab() as lab:
        names, image, job = started(lab)
        lab.call("job.cancel", id=job)
        assert lab.wait_job(job)["conclusion"] == "cancelled"
        assert {m["state"] for m in lab.call("group.show", group="g0")["members"]} == {"stale"}
        try:
            lab.call("job.cancel", id=job)
        except RpcError as error:
            assert error.kind == "bad_state", error
        run_again(lab, names, image)


@test("a job is paused and resumed: no progress in between, paused time is not counted")
def paused():
    with Lab() as lab:
        names, image, job = started(lab)
        lab.call("job.pause", id=job)
        until("paused", lambda: lab.job(job)["state"] == "paused")
        before = lab.job(job)["done_bytes"]
        with lab.rpc() as rpc:
            rpc.call("daemon.info")
            assert rpc.call("job.show", id=job)["done_bytes"] == before
        assert lab.call("job.resume", id=job)["state"] == "running"
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        assert lab.wait_job(job)["conclusion"] == "success"
        lab.assert_copies(image, names)


if __name__ == "__main__":
    main()
