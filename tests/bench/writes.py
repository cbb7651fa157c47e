# SPDX-License-Identifier: BSD-2-Clause
"""Random writes of 4 KiB to 3 targets, each answered when all have it: two ways of ours, and fio on the quorum, in turn."""

import json
import os
import subprocess

import peers
from benchlab import BUILD, Bench, median

SIZE_MIB = 256
WRITE = 4096
COUNT = peers.COPIES
KEYS = ("writes_per_s", "p50_us", "p99_us")


def through_socket(lab, depth, seconds):
    """Requests of a client on the control socket (group.write): JSON and base64 are in it."""
    done = subprocess.run([os.path.join(BUILD, "tests/bench/bench_writes"), lab.path("control.sock"), "g0", str(SIZE_MIB << 20), str(WRITE),
                           str(depth), str(seconds)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def has_load(lab):
    """Whether the daemon knows jobs that make their own writes."""
    methods = {m["name"]: m for m in lab.call("rpc.discover")["methods"]}
    kinds = next(p for p in methods["job.create"]["params"] if p["name"] == "type")
    return "load" in kinds["schema"].get("enum", ())


def load_figures(job):
    """What a concluded load job says of itself, as KEYS. The one place that knows its fields."""
    load = job["load"]
    return {"writes_per_s": load["writes_per_s"], "p50_us": load["latency_us"]["p50"], "p99_us": load["latency_us"]["p99"]}


def by_load_job(lab, depth, seconds):
    """Writes that the daemon makes itself: the passes, without a client."""
    text = lab.ctl("load", "g0", "--overwrite", "--block", "4K", "--in-flight", depth, "--seconds", seconds, "--json")
    return load_figures(json.loads(text.splitlines()[-1]))


def one_transport(over, depths, runs, seconds):
    """Rows, one for each depth and way; and why a way has none."""
    why = {}
    with Bench() as lab:
        lab.start(COUNT, size=f"{SIZE_MIB}M", over=lambda i: over)
        image = lab.random_image(SIZE_MIB)
        lab.run_job("mirror", image=image)
        ways = {"group.write": lambda depth: through_socket(lab, depth, seconds)}
        if has_load(lab):
            ways["load"] = lambda depth: by_load_job(lab, depth, seconds)
        else:
            why["load"] = "this daemon has no load jobs"
        why["fio"] = peers.missing(*peers.QUORUM, "fio", "nbdcopy")
        if why["fio"]:
            return measure(over, depths, runs, ways), why
        del why["fio"]
        files = [lab.path(f"quorum{i}") for i in range(COUNT)]
        for name in files:
            with open(name, "wb") as file:
                file.truncate(SIZE_MIB << 20)
        with peers.Quorum(lab.directory, over, files) as quorum:
            quorum.copy(image)  # so that fio overwrites, too
            ways["fio"] = lambda depth: quorum.random_writes(f"{SIZE_MIB}M", depth, seconds)
            return measure(over, depths, runs, ways), why


def measure(over, depths, runs, ways):
    rows = []
    for depth in depths:
        taken = {way: [] for way in ways}
        for _ in range(runs):
            for way, run in ways.items():
                taken[way].append(run(depth))
        for way, results in taken.items():
            row = {"what": "random 4-KiB writes", "transport": over, "targets": COUNT, "in_flight": depth, "by": way, "runs": results}
            row.update({key: round(median(r[key] for r in results), 1) for key in KEYS})
            rows.append(row)
    return rows


def compare(rows, why, ratios):
    """The required ratios, over UNIX sockets; by the daemon's own writes where it makes some."""
    found = {(row["in_flight"], row["by"]): row["runs"] for row in rows if row["transport"] == "unix"}
    for depth, keys in ((1, KEYS), (32, KEYS[:1])):
        by = "load" if (depth, "load") in found else "group.write"
        ours = found.get((depth, by))
        theirs = found.get((depth, "fio"))
        for key in keys:
            name = f"writes_{depth}_" + {"writes_per_s": "iops", "p50_us": "p50", "p99_us": "p99"}[key]
            if ours and theirs:
                ratios.add(name, [r[key] for r in ours], [r[key] for r in theirs], f"(by {by})")
            else:
                ratios.missing(name, why.get("fio", "not in this run"))
