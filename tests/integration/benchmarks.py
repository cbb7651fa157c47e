# SPDX-License-Identifier: BSD-2-Clause
"""The benchmarks themselves, on next to no data: that they run, judge as they should, and print no figure they did not measure."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from lab import BUILD, LIMIT_S, SOURCE
from tap import main, test

sys.path.insert(0, os.path.join(SOURCE, "tests/bench"))
import report  # noqa: E402  (the path is set above)

TOOLS = ("sh", "head", "cmp", "cat")  # what the benchmarks use besides peers
FEW = {"MIB": "2", "RUNS": "1", "SECONDS_EACH": "1", "TRANSPORTS": "unix tcp", "DEPTHS": "1", "TARGETS": "1 2", "BLOCKS": "4 64",
       "WINDOWS": "1 4", "SIZES": "1 4", "GROUP_COUNTS": "1 2", "IDLE_S": "1", "PEERS": ""}


def run(program, output, expect=0, **environment):
    """The text and the JSON of a benchmark that finds no program but TOOLS."""
    with tempfile.TemporaryDirectory() as directory:
        for tool in TOOLS:
            os.symlink(shutil.which(tool), os.path.join(directory, tool))
        path = os.path.join(directory, "out.json")
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests/bench", program)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2 * LIMIT_S, check=False, text=True,
                              env={**os.environ, **FEW, "PATH": directory, output: path, **environment})
        assert done.returncode == expect, done.stdout
        if expect:
            return done.stdout, None
        with open(path, encoding="utf-8") as file:
            return done.stdout, json.load(file)


def judged(key, ours, theirs):
    ratios = report.Ratios()
    ratios.add(key, ours, theirs)
    return next(row for row in report.judge(ratios) if row["key"] == key)


@test("a requirement holds by the median of its ratios, run by run")
def by_median():
    # ratios 5, 3, 4, 1, 8: the median is 4; that of the medians is 4.5
    row = judged("image_unix_quorum", [10, 9, 12, 2, 8], [2, 3, 3, 2, 1])
    assert (row["ratio"], row["holds"]) == (4, True), row
    assert judged("image_unix_quorum", [10, 9, 11.9, 2, 8], [2, 3, 3, 2, 1])["holds"] is False
    assert judged("bus_cpu", [1, 1, 1, 1, 1], [10] * 5)["holds"] is True
    assert judged("bus_cpu", [1, 1, 1.1, 2, 2], [10] * 5)["holds"] is False
    assert judged("writes_1_p99", [3] * 5, [3] * 5)["holds"] is False
    assert judged("writes_1_p99", [2.9] * 5, [3] * 5)["holds"] is True


@test("fewer than five pairs are no verdict, and no pair is no figure")
def no_verdict():
    row = judged("bus_cpu", [1] * 4, [10] * 4)
    assert (row["ratio"], row["holds"]) == (0.1, None), row
    row = judged("bus_cpu", [1, 1], [10, 0])
    assert "ratio" not in row and row["not_measured"], row
    assert all("ratio" not in row and row["not_measured"] for row in report.judge(report.Ratios()))


@test("bench measures ours where no peer is installed, says which are missing, and has no figure of theirs")
def without_peers():
    text, made = run("bench.py", "BENCH_JSON")
    for peer in ("quorum unix", "quorum tcp", "dcfldd", "fio"):
        assert f"skipped: {peer}: not installed: " in text, text
    assert {(row["what"], row["transport"]) for row in made["images"]} == {("mirror", "unix"), ("mirror", "tcp"), ("cat", None)}, made
    assert all(row["mb_per_s"] > 0 for row in made["images"]), made
    assert all(row["writes_per_s"] > 0 and row["p50_us"] <= row["p99_us"] for row in made["writes"]), made
    assert {row["by"] for row in made["writes"]} <= {"group.write", "load"}, made
    measured = {row["key"] for row in made["requirements"] if "ratio" in row}
    assert measured == {"bus_cpu"}, made["requirements"]
    assert made["peers"]["dcfldd"] is None and made["peers"]["cat"], made["peers"]


@test("bench-commands measures each row, and judges the rate of one client that waits for each answer")
def commands():
    for required, holds in ((1, True), (10**9, False)):
        text, made = run("commands.py", "COMMANDS_JSON", expect=0 if holds else 1, OVER="unix", REQUIRED=str(required))
        assert text.count("one after another") == 3 and ("NOT the" in text) is not holds, text
        if not made:
            continue
        assert {(r["in_flight"], r["clients"]) for r in made["rows"]} == {(1, 1), (32, 1), (8, 4)}, made
        assert all(r["commands_per_s"] > 0 and r["p50_us"] <= r["p99_us"] for r in made["rows"]), made
        assert {r["what"]: r["holds"] for r in made["rows"] if "holds" in r} == {
            "TEST UNIT READY": True, "READ(10), 4 KiB": True, "WRITE(10), 4 KiB": True}, made


@test("bench-holder measures both ways to lose the holder, and judges them")
def holder():
    for limit_ms, good in (("5000", True), ("0", False)):
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests/bench/holder.py")], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2 * LIMIT_S, check=False,
                              env={**os.environ, "ROUNDS": "2", "LIMIT_MS": limit_ms})
        assert done.returncode == (0 if good else 1), done.stdout
        rows = {line.split("  ")[0]: [float(n) for n in line.split()[-4:]] for line in done.stdout.splitlines()[1:3]}
        assert {what: row[0] for what, row in rows.items()} == {"the holder is killed": 2, "it is stopped; its limit is 300 ms": 1}, done.stdout
        assert all(0 < p50 <= p99 <= most for _, p50, p99, most in rows.values()), done.stdout
        assert rows["it is stopped; its limit is 300 ms"][1] > 250, done.stdout
        assert done.stdout.rstrip().endswith("yes" if good else "NO"), done.stdout


@test("bench-scaling measures each of its parts")
def scaling():
    _, made = run("scaling.py", "SCALING_JSON")
    assert [row["targets"] for row in made["targets"]] == [1, 2], made
    assert [row["block"] for row in made["block"]] == [4, 64] and [row["window"] for row in made["window"]] == [1, 4], made
    assert [(row["groups"], row["jobs"]) for row in made["groups"]] == [(1, 1), (1, 1), (2, 1), (2, 2)], made
    for part in ("targets", "block", "window", "groups"):
        assert all(row["mb_per_s"] > 0 and row["cpu_s_per_gib"] > 0 for row in made[part]), made[part]
    assert set(made["image"]["growth"]) == {"bus", "daemon", "target"}, made["image"]
    assert [row["process"] for row in made["idle"]] == ["bus", "daemon", "target", "target", "target"], made["idle"]


@test("bench-scaling refuses a part that it does not have")
def unknown_part():
    text, _ = run("scaling.py", "SCALING_JSON", expect=1, ONLY="idle sleep")
    assert "ONLY=sleep is not among" in text, text


main()
