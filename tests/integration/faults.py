# SPDX-License-Identifier: BSD-2-Clause
"""Every fault that a target injects on demand, in a mirror job of real processes: what is sent again, and what is said."""

import time

from lab import Lab, passes, statuses
from tap import cases, main, test

MIB = 1 << 20


def mirror_with(fault, size=MIB, expect="success", at_run_time=False, count=3, victim="disk1", **params):
    """A mirror job of which one target has a fault: (lab's job, its result of the victim, trace); copies are compared."""
    with Lab() as lab:
        names = lab.start(count, faults=None if at_run_time else {victim: [fault]})
        if at_run_time:
            lab.call("target.fault", target=victim, spec=fault)
        image = lab.image(size)
        params.setdefault("transfer_bytes", 65536)
        job = lab.run_job("mirror", image=image, expect=expect, **params)
        good = names if expect == "success" else [n for n in names if n != victim]
        lab.assert_copies(image, good)
        for target in job["targets"]:
            if target["name"] != victim:
                assert target["bad_blocks"] == 0 and target["good_blocks"] == size // 512, target
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert states == {n: "in_sync" if n in good else "stale" for n in names}, states
        return job, next(t for t in job["targets"] if t["name"] == victim), lab.trace()


@cases("medium error {} times: the blocks are sent again, and the copy is whole", (1, 3))
def medium_error(times):
    for at_run_time in (False, True):
        job, target, _ = mirror_with(f"medium-error:lba=300,blocks=5,times={times}", at_run_time=at_run_time)
        assert target["resent_blocks"] >= 5 and job["passes"]["resend"] >= times, (job["passes"]["resend"], target)


@test("medium error for good: just those blocks are bad, with status, sense and LBA; the job is partial")
def medium_error_for_good():
    job, target, _ = mirror_with("medium-error:lba=300,blocks=5,times=0", expect="partial")
    assert target["bad_blocks"] == 5, target
    assert target["good_blocks"] == MIB // 512 - 5
    assert [(r["lba"], r["blocks"]) for r in target["runs"]] == [(300, 5)], target["runs"]
    run = target["runs"][0]
    assert run["status_name"] == "CHECK CONDITION"
    assert (run["sense"]["key"], run["sense"]["asc"], run["sense"]["ascq"]) == (3, 0x0C, 0), run


@cases("CRC error in the next {} data phases", (1, 4))
def crc_error(times):
    job, target, trace = mirror_with(f"crc-error:times={times}")
    assert target["resent_blocks"] > 0 and job["passes"]["resend"] >= 1
    sense = [m["hex"] for p in statuses(trace) for e in p for m in (e["msg"] or []) if m["name"] == "MIRROR STATUS" and len(m["hex"]) > 28]
    assert len(sense) == times, sense


@cases("{} is no error, just a reason to try again", ("busy:times=3", "task-set-full:times=3"))
def busy(fault):
    _, target, trace = mirror_with(fault)
    assert target["bad_blocks"] == 0
    wanted = fault.split(":")[0].replace("-", " ").upper()
    assert wanted in [e["status"] for p in statuses(trace) for e in p if e["phase"] == "STATUS"]


@test("a status that never comes is a timeout: aborted, and sent again")
def no_status():
    with Lab() as lab:
        names = lab.start(3, faults={"disk1": ["no-status:times=1"]}, daemon_options=("--status-timeout-ms", "300"))
        image = lab.image(MIB)
        lab.run_job("mirror", image=image, transfer_bytes=65536)
        lab.assert_copies(image, names)
        assert any(m["name"] == "ABORT TASK" for e in lab.trace() for m in (e["msg"] or []))


@test("a slow target delays its own status only")
def slow():
    with Lab() as lab:
        names = lab.start(3, faults={"disk1": ["slow:ms=40"]})
        image = lab.image(MIB)
        start = time.monotonic()
        lab.run_job("mirror", image=image, transfer_bytes=65536, window=4)
        assert time.monotonic() - start > 4 * 0.04, "16 passes, 4 in flight, 40 ms each"
        lab.assert_copies(image, names)


@test("the leader fails: another member leads the resend to those that missed it")
def leader_fails():
    job, target, trace = mirror_with("crc-error:times=2", victim="disk0", window=1)
    assert target["resent_blocks"] > 0 and job["conclusion"] == "success"
    assert len(passes(trace)) > 16


@cases("a target dies at {}: partial, the others are whole, the bus is free again", ("selected", "command", "data", "status"))
def dies(step):
    for victim in ("disk0", "disk1", "disk2"):
        with Lab() as lab:
            names = lab.start(3)
            image = lab.image(MIB)
            lab.call("target.fault", target=victim, spec=f"die:at={step}")
            job = lab.run_job("mirror", image=image, expect="partial", transfer_bytes=65536)
            rest = [n for n in names if n != victim]
            lab.assert_copies(image, rest)
            lab.targets[victim].killed = True
            lab.targets[victim].wait()
            dead = next(t for t in job["targets"] if t["name"] == victim)
            assert dead["bad_blocks"] > 0 and dead["good_blocks"] + dead["bad_blocks"] == MIB // 512, dead
            free = lab.call("bus.show")
            assert free["bsy"] == [], free
            # it comes back, and the job can be run to success
            lab.target(victim, names.index(victim))
            lab.wait_targets([victim])
            lab.run_job("mirror", image=image)
            lab.assert_copies(image, names)


@test("two targets fail different blocks: each gets just what it misses")
def two_victims():
    with Lab() as lab:
        names = lab.start(3, faults={"disk0": ["medium-error:lba=10,blocks=1,times=1"],
                                     "disk2": ["medium-error:lba=1000,blocks=2,times=1"]})
        image = lab.image(MIB)
        job = lab.run_job("mirror", image=image, transfer_bytes=65536)
        lab.assert_copies(image, names)
        resent = {t["name"]: t["resent_blocks"] for t in job["targets"]}
        assert resent["disk0"] > 0 and resent["disk2"] > 0 and resent["disk1"] == 0, resent


@test("faults can be listed and cleared; a bad specification names what is wrong with it")
def fault_listing():
    with Lab() as lab:
        lab.start(1)
        for spec, word in (("medium-error:lba=x,blocks=1,times=1", "lba"), ("explode", "explode"), ("slow", "ms"),
                           ("busy:times=-1", "times"), ("die:at=lunch", "lunch"), ("busy:times=1,colour=2", "colour")):
            error = lab.refused("target.fault", target="disk0", spec=spec)
            assert word in error["message"] + str(error.get("data")), (spec, error)
        lab.call("target.fault", target="disk0", spec="medium-error:lba=1,blocks=1,times=0")
        image = lab.image(65536)
        lab.run_job("mirror", image=image, expect=None)
        lab.call("target.fault", target="disk0", clear=True)
        lab.run_job("mirror", image=image)
        lab.assert_copies(image, ["disk0"])


if __name__ == "__main__":
    main()
