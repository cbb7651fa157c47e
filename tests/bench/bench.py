# SPDX-License-Identifier: BSD-2-Clause
"""make bench: how fast images and small writes are mirrored, beside `tee` to as many files in the same run.

Whole processes, stores on tmpfs, each figure the median of RUNS runs, the first run of each (fresh files) apart from those
that overwrite. Prints a table, and writes everything to bench.json. Options from the environment: MIB (size of the image, 1024),
RUNS (5), SECONDS_EACH (3, of each random-write run).
"""

import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from lab import Lab  # noqa: E402  (the path is set above)

MIB = int(os.environ.get("MIB", "1024"))
RUNS = int(os.environ.get("RUNS", "5"))
SECONDS = os.environ.get("SECONDS_EACH", "3")
BUILD = os.environ.get("top_builddir", ".")
OUT = os.environ.get("BENCH_JSON", os.path.join(BUILD, "bench.json"))


def timed(function):
    start = time.monotonic()
    function()
    return time.monotonic() - start


def cpu_seconds(pid):
    """User and system time of a process, so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tee(lab, image, count):
    """The yardstick: one reader, `count` writers of files, no protocol."""
    files = [lab.path(f"tee{i}") for i in range(count)]
    with open(image, "rb") as source:
        subprocess.run(["tee", *files], stdin=source, stdout=subprocess.DEVNULL, check=True)


def throughput(count, over, results):
    """MB/s summed over the targets: mirror and tee in turn, so that both see the same machine."""
    with Lab() as lab:
        names = lab.start(count, size=f"{MIB}M", over=lambda i: over)
        image = lab.image(1 << 20, "seed")
        image = lab.path("image")
        subprocess.run(["sh", "-c", f"head -c {MIB}M /dev/urandom > image"], cwd=lab.directory, check=True)
        mirror, yard, bus_cpu = [], [], []
        for _ in range(RUNS + 1):
            before = cpu_seconds(lab.bus_process.pid)
            mirror.append(timed(lambda: lab.run_job("mirror", image=image)))
            bus_cpu.append(cpu_seconds(lab.bus_process.pid) - before)
            yard.append(timed(lambda: tee(lab, image, count)))
        lab.assert_copies(image, names)
    total = count * MIB * 1.048576

    def rate(seconds):
        return round(total / seconds)

    row = {
        "what": "mirror", "targets": count, "transport": over, "image_mib": MIB, "runs": RUNS,
        "fresh_mb_per_s": rate(mirror[0]), "mb_per_s": rate(statistics.median(mirror[1:])),
        "tee_fresh_mb_per_s": rate(yard[0]), "tee_mb_per_s": rate(statistics.median(yard[1:])),
        "ratio_to_tee": round(statistics.median(y / m for y, m in zip(yard[1:], mirror[1:])), 3),
        "bus_cpu_s_per_gib": round(statistics.median(bus_cpu[1:]) / (MIB / 1024), 3),
    }
    results.append(row)
    print(f"{count:>8} {over:>10} {row['mb_per_s']:>10} {row['tee_mb_per_s']:>10} {row['ratio_to_tee']:>8} "
          f"{row['fresh_mb_per_s']:>10} {row['tee_fresh_mb_per_s']:>10} {row['bus_cpu_s_per_gib']:>12}", flush=True)


def random_writes(depth, over, results):
    """4-KiB writes to 3 targets at random places, each acknowledged when all have it."""
    with Lab() as lab:
        lab.start(3, size="256M", over=lambda i: over, daemon_options=())
        subprocess.run(["sh", "-c", "head -c 256M /dev/zero > image"], cwd=lab.directory, check=True)
        lab.run_job("mirror", image=lab.path("image"))
        runs = []
        for _ in range(RUNS):
            done = subprocess.run([os.path.join(BUILD, "tests/bench/bench_writes"), lab.path("control.sock"), "g0", str(256 << 20),
                                   "4096", str(depth), SECONDS], stdout=subprocess.PIPE, check=True)
            runs.append(json.loads(done.stdout))
    row = {"what": "random 4-KiB writes", "targets": 3, "transport": over, "in_flight": depth, "runs": RUNS}
    for key in ("writes_per_s", "p50_us", "p99_us"):
        row[key] = statistics.median(r[key] for r in runs)
    results.append(row)
    print(f"{depth:>8} {over:>10} {row['writes_per_s']:>10.0f} {row['p50_us']:>10.0f} {row['p99_us']:>10.0f}", flush=True)


def main():
    results = []
    print(f"{MIB} MiB to N targets, stores on tmpfs; MB/s summed over the targets, medians of {RUNS} runs")
    print(f"{'targets':>8} {'transport':>10} {'mirror':>10} {'tee':>10} {'ratio':>8} {'fresh':>10} {'tee fresh':>10} {'bus CPU s/GiB':>12}")
    for over in ("unix", "tcp"):
        for count in range(1, 5):
            throughput(count, over, results)
    print(f"\n4-KiB random writes to 3 targets, medians of {RUNS} runs of {SECONDS} s")
    print(f"{'depth':>8} {'transport':>10} {'writes/s':>10} {'p50 us':>10} {'p99 us':>10}")
    for over in ("unix", "tcp"):
        for depth in (1, 32):
            random_writes(depth, over, results)
    with open(OUT, "w", encoding="ascii") as file:
        json.dump({"cpus": os.cpu_count(), "results": results}, file, indent=1)
        file.write("\n")
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
