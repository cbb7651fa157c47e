# SPDX-License-Identifier: BSD-2-Clause
"""make bench: how fast images and small writes are mirrored, beside local writers of as many files in the same run.

See README.md here. Prints tables, and writes everything to bench.json; a yardstick that is not installed is skipped, and said so.
Options from the environment: MIB (size of the image, 1024), RUNS (5), SECONDS_EACH (3, of each random-write run), TRANSPORTS
("unix tcp"), TARGETS ("1 2 3 4").
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from lab import Lab  # noqa: E402  (the path is set above)

MIB = int(os.environ.get("MIB", "1024"))
RUNS = int(os.environ.get("RUNS", "5"))
SECONDS = os.environ.get("SECONDS_EACH", "3")
TRANSPORTS = os.environ.get("TRANSPORTS", "unix tcp").split()
TARGETS = [int(n) for n in os.environ.get("TARGETS", "1 2 3 4").split()]
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


class Bench(Lab):
    """A lab whose bus server writes no trace: with one, it would read all data once more, for the CRC of each phase."""

    def bus(self, *options, **words):
        return super().bus(*options, trace=False, **words)

    def cpu(self):
        """Seconds so far: of the bus server, and of all processes."""
        bus = cpu_seconds(self.bus_process.pid)
        return bus, bus + sum(cpu_seconds(p.pid) for p in [self.daemon_process, *self.targets.values()])


# Yardsticks: the image to `files`, no protocol. Each overwrites what is there; `tee` could not, it cuts its files off first.

def cat(image, files):
    """A process for each file, side by side."""
    children = []
    for name in files:
        sink = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
        children.append(subprocess.Popen(["cat", image], stdout=sink))
        os.close(sink)
    for child in children:
        assert child.wait() == 0, "cat failed"


def dcfldd(image, files):
    subprocess.run(["dcfldd", "if=" + image, "bs=262144", "conv=notrunc", "status=off", *("of=" + f for f in files)],
                   stderr=subprocess.DEVNULL, check=True)


YARDSTICKS = (cat, dcfldd)


def throughput(count, over, yardsticks, results):
    """MB/s summed over the targets: mirror and the yardsticks in turn, so that all see the same machine."""
    total = count * MIB * 1.048576
    with Bench() as lab:
        names = lab.start(count, size=f"{MIB}M", over=lambda i: over)
        image = lab.path("image")
        subprocess.run(["sh", "-c", f"head -c {MIB}M /dev/urandom > image"], cwd=lab.directory, check=True)
        mirror, yard, cpu = [], {y.__name__: [] for y in yardsticks}, []
        for _ in range(RUNS + 1):
            before = lab.cpu()
            mirror.append(timed(lambda: lab.run_job("mirror", image=image)))
            cpu.append([(b - a) / (MIB / 1024) for a, b in zip(before, lab.cpu())])
            for yardstick in yardsticks:
                files = [lab.path(f"{yardstick.__name__}{i}") for i in range(count)]
                yard[yardstick.__name__].append(timed(lambda: yardstick(image, files)))
        lab.assert_copies(image, names)

    def rate(seconds):
        return round(total / seconds)

    row = {
        "what": "mirror", "targets": count, "transport": over, "image_mib": MIB, "runs": RUNS,
        "fresh_mb_per_s": rate(mirror[0]), "mb_per_s": rate(statistics.median(mirror[1:])),
        "bus_cpu_s_per_gib": round(statistics.median(c[0] for c in cpu[1:]), 3),
        "cpu_s_per_gib": round(statistics.median(c[1] for c in cpu[1:]), 3), "yardsticks": {},
    }
    line = f"{count:>8} {over:>10} {row['mb_per_s']:>10} {row['fresh_mb_per_s']:>8} {row['bus_cpu_s_per_gib']:>8} {row['cpu_s_per_gib']:>8}"
    for name, seconds in yard.items():
        row["yardsticks"][name] = {
            "fresh_mb_per_s": rate(seconds[0]), "mb_per_s": rate(statistics.median(seconds[1:])),
            "ratio": round(statistics.median(y / m for y, m in zip(seconds[1:], mirror[1:])), 3),
        }
        line += f" {row['yardsticks'][name]['mb_per_s']:>10} {row['yardsticks'][name]['ratio']:>7}"
    results.append(row)
    print(line, flush=True)


def random_writes(depth, over, results):
    """4-KiB writes to 3 targets at random places, each acknowledged when all have it."""
    with Bench() as lab:
        lab.start(3, size="256M", over=lambda i: over)
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
    yardsticks = [y for y in YARDSTICKS if shutil.which(y.__name__)]
    for yardstick in YARDSTICKS:
        if yardstick not in yardsticks:
            print(f"{yardstick.__name__}: not installed, skipped")
    print(f"{MIB} MiB to N targets, stores on tmpfs, no trace; MB/s summed over the targets, medians of {RUNS} runs that overwrite;\n"
          "CPU in seconds a GiB of image; `ratio`: mirror to that yardstick, run by run")
    print(f"{'targets':>8} {'transport':>10} {'mirror':>10} {'fresh':>8} {'bus CPU':>8} {'all CPU':>8}"
          + "".join(f" {y.__name__:>10} {'ratio':>7}" for y in yardsticks))
    for over in TRANSPORTS:
        for count in TARGETS:
            throughput(count, over, yardsticks, results)
    print(f"\n4-KiB random writes to 3 targets, medians of {RUNS} runs of {SECONDS} s")
    print(f"{'depth':>8} {'transport':>10} {'writes/s':>10} {'p50 us':>10} {'p99 us':>10}")
    for over in TRANSPORTS:
        for depth in (1, 32):
            random_writes(depth, over, results)
    with open(OUT, "w", encoding="ascii") as file:
        json.dump({"cpus": os.cpu_count(), "results": results}, file, indent=1)
        file.write("\n")
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
