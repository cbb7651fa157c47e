# SPDX-License-Identifier: BSD-2-Clause
"""Load jobs with the real programs: what they write and where, told by a model of its own; their results; what becomes
of members that fail."""

import os
import struct

from lab import Lab, until
from tap import cases, main, test

BLOCK = 512
MIB = 1 << 20
MASK = (1 << 64) - 1


def started(lab, count=3, **options):
    """Targets, a daemon, and a group of which all members are in sync."""
    names = lab.start(count, group=None, **options)
    lab.call("group.create", name="g0", members=names, assume_clean=True)
    return names


def states(lab):
    return {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}


def store(lab, name):
    with open(lab.store(name), "rb") as file:
        return file.read()


def assert_equal(lab, names):
    first = store(lab, names[0])
    for name in names[1:]:
        assert store(lab, name) == first, f"{name} differs from {names[0]}"


def places(seed, slots):
    """Splitmix64, and of each value what is left by the number of places: the short last stretch is left out."""
    reject = (1 << 64) % slots
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        if z >= reject:
            yield z % slots


def assert_written(content, seed, writes, block, pattern="random"):
    """Each logical block says which write it is of: the last one that went there, if any did."""
    slots = len(content) // block
    where = places(seed, slots) if pattern == "random" else (n % slots for n in range(writes))
    last = {next(where): n + 1 for n in range(writes)}
    assert len(last) > 1
    for lba in range(len(content) // BLOCK):
        piece = content[lba * BLOCK:(lba + 1) * BLOCK]
        number = last.get(lba * BLOCK // block, 0)
        if number == 0:
            assert piece == bytes(BLOCK), f"LBA {lba} was written, and is not among the places"
        else:
            assert struct.unpack(">QQQ", piece[:24]) == (number, lba, seed), (lba, piece[:24].hex(), number)
            assert len(set(piece[24:])) > 100, f"LBA {lba} is not filled"


def assert_plausible(job, writes, block):
    load = job["load"]
    assert (load["writes"], load["bytes"]) == (writes, writes * block), job
    assert job["done_bytes"] == job["total_bytes"] == writes * block and job["percent"] == 100, job
    t = load["latency_us"]
    assert 0 < t["min"] <= t["p50"] <= t["p90"] <= t["p99"] <= t["p99_9"] <= t["max"], t
    assert t["min"] <= t["mean"] <= t["max"] <= load["measured_ms"] * 1000 + 1, load
    # as many at once as were asked for, at most: Little's law
    assert t["mean"] * writes <= load["measured_ms"] * 1000 * load["in_flight"] * 1.02, load
    # measured_ms is told to the microsecond
    assert abs(load["writes_per_s"] - writes * 1000 / load["measured_ms"]) <= 1 + load["writes_per_s"] / 1000, load
    assert load["bytes_per_s"] // block in range(load["writes_per_s"] - 1, load["writes_per_s"] + 2), load


@cases("a load writes to all members where its seed says, and each block says of which write it is: {0[mode]}, {0[pattern]}", [
    dict(mode="silent", pattern="random", block=4096, in_flight=32, writes=1500, seed=7),
    dict(mode="silent", pattern="sequential", block=65536, in_flight=4, writes=70, seed=0),
    dict(mode="conventional", pattern="random", block=512, in_flight=256, writes=500, seed=(1 << 53) - 1),
    dict(mode="broadcast", pattern="random", block=8192, in_flight=8, writes=300, seed=1),
])
def written(case):
    with Lab() as lab:
        names = started(lab)
        job = lab.run_job("load", overwrite=True, mode=case["mode"], pattern=case["pattern"], block_bytes=case["block"],
                          in_flight=case["in_flight"], writes=case["writes"], seed=case["seed"])
        assert_plausible(job, case["writes"], case["block"])
        assert (job["mode"], job["load"]["pattern"]) == (case["mode"], case["pattern"]), job
        assert (job["load"]["in_flight"], job["load"]["seed"]) == (case["in_flight"], case["seed"]), job
        passes = case["writes"] * (3 if case["mode"] == "conventional" else 1)
        assert job["passes"][case["mode"]] == passes + job["passes"]["resend"], job
        for target in job["targets"]:
            assert (target["good_blocks"], target["bad_blocks"]) == (case["writes"] * case["block"] // BLOCK, 0), job
        assert set(states(lab).values()) == {"in_sync"}
        for name in names:
            assert_written(store(lab, name), case["seed"], case["writes"], case["block"], case["pattern"])


@test("left out, there are 4096 bytes, 32 in flight and seed 0; by time it ends when that is over, and shows no total before")
def by_time():
    with Lab() as lab:
        names = started(lab, 2)
        job = lab.create_job("load", overwrite=True, seconds=2)
        seen = until("its progress", lambda: (j := lab.job(job))["percent"] >= 25 and j)
        assert seen["total_bytes"] is None and seen["done_bytes"] > 0 and seen["eta_s"] in (1, 2), seen
        done = lab.wait_job(job)
        load = done["load"]
        assert done["conclusion"] == "success" and done["percent"] == 100, done
        assert (load["block_bytes"], load["in_flight"], load["seed"], load["pattern"]) == (4096, 32, 0, "random"), load
        assert (load["seconds"], load["writes_most"]) == (2, None), load
        assert 2000 <= load["measured_ms"], load
        assert_plausible(done, load["writes"], 4096)
        assert_equal(lab, names)
        assert lab.daemon_process.stop() == 0
        lab.daemon()
        assert lab.job(job)["load"] == load, "its results are not what they were before the restart"


@test("pauses are not measured; cancelled, it brings what is in flight to its end, and its members stay in sync")
def pause_and_cancel():
    with Lab() as lab:
        names = started(lab)
        job = lab.create_job("load", overwrite=True, seconds=3600)
        until("some writes", lambda: lab.job(job)["done_bytes"] > MIB)
        lab.call("job.pause", id=job)
        until("the pause", lambda: lab.job(job)["state"] == "paused")
        before = lab.job(job)
        assert_equal(lab, names)  # nothing is in flight
        again = until("time to pass", lambda: (j := lab.job(job))["elapsed_ms"] > before["elapsed_ms"] + 50 and j)
        assert again["load"]["writes"] == before["load"]["writes"], (before, again)
        assert again["load"]["measured_ms"] == before["load"]["measured_ms"], (before, again)
        lab.call("job.resume", id=job)
        until("more writes", lambda: lab.job(job)["load"]["writes"] > before["load"]["writes"] + 100)
        lab.call("job.cancel", id=job)
        done = lab.wait_job(job)
        assert done["conclusion"] == "cancelled" and done["load"]["writes"] > before["load"]["writes"] + 100, done
        assert set(states(lab).values()) == {"in_sync"}
        assert_equal(lab, names)
        assert lab.run_job("verify")["differing_blocks"] == 0


@test("blocks that fail are sent again; a member that stays without some is stale, and the job partial")
def failing():
    with Lab() as lab:
        names = started(lab)
        lab.call("target.fault", target="disk1", spec="crc-error:times=3")
        job = lab.run_job("load", overwrite=True, writes=400, in_flight=8)
        assert job["passes"]["resend"] >= 1 and job["targets"][1]["resent_blocks"] > 0, job
        assert set(states(lab).values()) == {"in_sync"}
        assert_equal(lab, names)
        lab.call("target.fault", target="disk2", spec="medium-error:lba=0,blocks=4096,times=0")
        job = lab.run_job("load", overwrite=True, writes=400, in_flight=8, seed=1, expect="partial")
        bad = job["targets"][2]
        assert job["load"]["writes"] == 400 and bad["bad_blocks"] > 0, job
        assert bad["good_blocks"] + bad["bad_blocks"] == 400 * 8, job
        assert job["error"]["member"] == "disk2" and "disk2" in job["error"]["text"], job
        assert bad["runs"][0]["sense"]["key_name"] == "MEDIUM ERROR", job
        assert states(lab) == {"disk0": "in_sync", "disk1": "in_sync", "disk2": "stale"}, states(lab)
        assert_equal(lab, names[:2])
        lab.call("target.fault", target="disk2", clear=True)
        lab.run_job("resync")
        assert_equal(lab, names)


@test("a target that dies in mid load leaves the group, the others go on and stay equal")
def dying():
    with Lab() as lab:
        names = started(lab)
        job = lab.create_job("load", overwrite=True, seconds=3600)
        until("some writes", lambda: lab.job(job)["load"]["writes"] > 100)
        lab.targets["disk0"].kill()
        until("it to be stale", lambda: states(lab)["disk0"] == "stale")
        at = lab.job(job)["load"]["writes"]
        until("further writes", lambda: lab.job(job)["load"]["writes"] > at + 100)
        lab.call("job.cancel", id=job)
        assert lab.wait_job(job)["conclusion"] == "cancelled"
        assert_equal(lab, names[1:])
        assert states(lab) == {"disk0": "stale", "disk1": "in_sync", "disk2": "in_sync"}


@test("other writing jobs of the group wait for it, group.write does not")
def beside_others():
    with Lab() as lab:
        names = started(lab, 2)
        job = lab.create_job("load", overwrite=True, seconds=3600)
        until("some writes", lambda: lab.job(job)["load"]["writes"] > 100)
        image = lab.image(4 * MIB)
        mirror = lab.create_job("mirror", image=image)
        assert lab.call("group.write", group="g0", offset_bytes=0, data="AAAA" * 2730 + "AAA=")["bytes"] == 8192
        assert lab.job(mirror)["state"] in ("created", "waiting")
        lab.call("job.cancel", id=job)
        assert lab.wait_job(mirror)["conclusion"] == "success"
        lab.assert_copies(image, names)


# what is wrong, its parameters, the error's kind, the parameter that it names
WRONG = [
    ("without overwrite", dict(), "missing_parameter", "overwrite"),
    ("with overwrite false", dict(overwrite=False), "bad_value", "overwrite"),
    ("with transfer_bytes", dict(overwrite=True, transfer_bytes=4096), "unknown_parameter", "transfer_bytes"),
    ("with window", dict(overwrite=True, window=4), "unknown_parameter", "window"),
    ("with an image", dict(overwrite=True, image="x"), "unknown_parameter", "image"),
    ("with 257 in flight", dict(overwrite=True, in_flight=257), "bad_value", "in_flight"),
    ("with none in flight", dict(overwrite=True, in_flight=0), "bad_value", "in_flight"),
    ("with another pattern", dict(overwrite=True, pattern="zigzag"), "bad_value", "pattern"),
    ("of 0 seconds", dict(overwrite=True, seconds=0), "bad_value", "seconds"),
    ("of no write", dict(overwrite=True, writes=0), "bad_value", "writes"),
    ("with a seed below 0", dict(overwrite=True, seed=-1), "bad_value", "seed"),
    ("with a block of 2 MiB", dict(overwrite=True, block_bytes=2 * MIB), "bad_value", "block_bytes"),
    ("with a block of 1000 bytes", dict(overwrite=True, block_bytes=1000), "bad_value", None),
]


@test("loads that cannot be are refused, and told which parameter is wrong; nothing is written then")
def wrong():
    with Lab() as lab:
        names = started(lab, 2)
        for what, params, kind, parameter in WRONG:
            error = lab.refused("job.create", type="load", group="g0", **params)
            assert error["data"]["kind"] == kind, (what, error)
            assert error["data"].get("parameter") == parameter, (what, error)
            assert (parameter or str(params["block_bytes"])) in error["message"], (what, error)
        for parameter, value in (("overwrite", True), ("pattern", "random"), ("block_bytes", 4096), ("in_flight", 4),
                                 ("seconds", 1), ("writes", 1), ("seed", 1)):
            error = lab.refused("job.create", type="resync", group="g0", **{parameter: value})
            assert (error["data"]["kind"], error["data"]["parameter"]) == ("unknown_parameter", parameter), error
        assert lab.call("job.list")["jobs"] == []
        for name in names:
            assert store(lab, name) == bytes(4 * MIB)
        lab.call("group.delete", group="g0")
        lab.call("group.create", name="g0", members=names)
        assert lab.refused("job.create", type="load", group="g0", overwrite=True)["data"]["kind"] == "unsynced"


@test("logical blocks of 4096 bytes, and members over TCP and UNIX sockets")
def blocks_and_transports():
    with Lab() as lab:
        names = started(lab, block_size=4096, over=lambda i: "tcp" if i == 1 else "unix")
        job = lab.run_job("load", overwrite=True, writes=200, block_bytes=8192, seed=3)
        assert_plausible(job, 200, 8192)
        assert_equal(lab, names)
        assert os.path.getsize(lab.store("disk0")) == 4 * MIB


if __name__ == "__main__":
    main()
