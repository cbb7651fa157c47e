# SPDX-License-Identifier: BSD-2-Clause
"""make bench-scaling: what costs grow with, and what they must not grow with. See README.md here.

Prints tables, and writes everything to bench-scaling.json. Options from the environment: MIB (size of the image, 256), RUNS (3 that
overwrite), TARGETS, BLOCKS (KiB), WINDOWS, SIZES (MiB), GROUP_COUNTS (lists of numbers), IDLE_S (10), ONLY (names of parts), SCALING_JSON.
"""

import os
import sys
import time

import report
from benchlab import BUILD, Bench, cpu_seconds, machine, median, numbers, room_or_die, setting, show_machine, status_number, timed

MIB = setting("MIB", 256)
RUNS = setting("RUNS", 3)
IDLE_S = setting("IDLE_S", 10)
COUNT = 3  # targets, where their number is not what varies
OUT = os.environ.get("SCALING_JSON") or os.path.join(BUILD, "bench-scaling.json")
HEADS = ("MB/s", "fresh", "bus CPU", "all CPU", "all CPU a copy")


def job(lab, image, **params):
    return lambda: lab.run_job("mirror", image=image, **params)


def row_of(runs, mib, copies):
    """Of (seconds, bus CPU, CPU of all), the first of which was into fresh stores; CPU in seconds a GiB of image."""
    gib = mib / 1024
    bus, everything = (median(run[i] for run in runs[1:]) / gib for i in (1, 2))
    rates = [copies * mib * 1.048576 / run[0] for run in runs]
    return {
        "image_mib": mib, "copies": copies, "runs": runs, "fresh_mb_per_s": round(rates[0]), "mb_per_s": round(median(rates[1:])),
        "bus_cpu_s_per_gib": round(bus, 3), "cpu_s_per_gib": round(everything, 3), "cpu_s_per_gib_copy": round(everything / copies, 3),
    }


def cells(row):
    return (row["mb_per_s"], row["fresh_mb_per_s"], row["bus_cpu_s_per_gib"], row["cpu_s_per_gib"], row["cpu_s_per_gib_copy"])


def show(title, head, rows, key):
    print(f"\n{title}")
    report.table((head, *HEADS), [(row[key], *cells(row)) for row in rows])


def mirrored(lab, work, mib, copies):
    return row_of([lab.measured(work) for _ in range(RUNS + 1)], mib, copies)


# ---- what grows with ----

def by_targets():
    """One lab for each number of targets."""
    rows = []
    for count in numbers("TARGETS", "1 2 3 4 6 8 12 15"):
        room_or_die((count + 1) * MIB)
        with Bench() as lab:
            names = lab.start(count, size=f"{MIB}M")
            image = lab.random_image(MIB)
            rows.append({"targets": count, **mirrored(lab, job(lab, image), MIB, count)})
            lab.assert_copies(image, names)
    show(f"By number of targets: {MIB} MiB to each", "targets", rows, "targets")
    return rows


def in_turn(head, key, values, params):
    """Job settings, in turn in one lab, so that all see the same machine."""
    room_or_die((COUNT + 1) * MIB)
    rows = []
    with Bench() as lab:
        names = lab.start(COUNT, size=f"{MIB}M")
        image = lab.random_image(MIB)
        runs = {value: [] for value in values}
        for _ in range(RUNS + 1):
            for value in values:
                runs[value].append(lab.measured(job(lab, image, **params(value))))
        lab.assert_copies(image, names)
    for value, taken in runs.items():
        row = row_of(taken, MIB, COUNT)
        row["fresh_mb_per_s"] = None  # only the very first job's stores were
        rows.append({key: value, **row})
    show(f"{head}: {MIB} MiB to {COUNT} targets", key, rows, key)
    return rows


def by_block():
    return in_turn("By block, in KiB", "block", numbers("BLOCKS", "4 16 64 256 1024"), lambda kib: {"transfer_bytes": kib << 10})


def by_window():
    return in_turn("By passes in flight", "window", numbers("WINDOWS", "1 2 4 8 16 32"), lambda window: {"window": window})


def by_groups():
    """Groups of 3: one job while the others idle, and a job in each at once."""
    rows = []
    mib = max(MIB // 2, 1)
    for count in numbers("GROUP_COUNTS", "1 2 3 5"):
        room_or_die((COUNT * count + 1) * mib)
        with Bench() as lab:
            names = lab.start(COUNT * count, size=f"{mib}M", group=None)
            for i in range(count):
                lab.call("group.create", name=f"g{i}", members=names[i * COUNT:(i + 1) * COUNT])
            image = lab.random_image(mib)

            def all_at_once():
                jobs = [lab.create_job("mirror", group=f"g{i}", image=image) for i in range(count)]
                for number in jobs:
                    done = lab.wait_job(number)
                    assert done["conclusion"] == "success", done

            one = mirrored(lab, job(lab, image), mib, COUNT)
            each = mirrored(lab, all_at_once, mib, COUNT * count)
            lab.assert_copies(image, names)
        rows += [{"groups": count, "jobs": 1, **one}, {"groups": count, "jobs": count, **each}]
    print(f"\nBy groups of {COUNT} and by jobs at once, an image of {mib} MiB each")
    report.table(("groups", "jobs", *HEADS), [(r["groups"], r["jobs"], *cells(r)) for r in rows])
    return rows


# ---- what does not grow ----

def by_image_size():
    """Peak memory (VmHWM) of each process after one image, in processes of their own."""
    sizes = numbers("SIZES", "64 256 1024")
    rows = []
    for mib in sizes:
        room_or_die((COUNT + 1) * mib)
        with Bench() as lab:
            names = lab.start(COUNT, size=f"{mib}M")
            image = lab.random_image(mib)
            before = dict(peaks(lab))
            seconds = timed(job(lab, image))
            lab.assert_copies(image, names)
            rows.append({"image_mib": mib, "seconds": seconds, "before_kib": before, "peak_kib": dict(peaks(lab))})
    print("\nPeak memory by size of image, in KiB: VmHWM, of targets the greatest; idle is before the job")
    report.table(("image MiB", "bus", "daemon", "target", "bus idle", "daemon idle", "target idle"),
                 [(r["image_mib"], *r["peak_kib"].values(), *r["before_kib"].values()) for r in rows])
    growth = {kind: round(rows[-1]["peak_kib"][kind] / rows[0]["peak_kib"][kind], 3) for kind in rows[0]["peak_kib"]}
    print(f"{sizes[-1]} MiB to {sizes[0]} MiB: " + ", ".join(f"{kind} {ratio}" for kind, ratio in growth.items()))
    return {"sizes": rows, "growth": growth}


def peaks(lab):
    greatest = {}
    for kind, pid in lab.pids():
        greatest[kind] = max(greatest.get(kind, 0), status_number(pid, "VmHWM"))
    return greatest.items()


def switches(pid):
    return sum(status_number(pid, key) for key in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"))


def idle():
    """What each process does while nobody asks for anything: all are attached, a job has been."""
    with Bench() as lab:
        lab.start(COUNT, size="16M")
        lab.run_job("mirror", image=lab.random_image(16))
        time.sleep(1)  # what the job leaves to do is done
        before = [(kind, pid, cpu_seconds(pid), switches(pid)) for kind, pid in lab.pids()]
        time.sleep(IDLE_S)
        rows = [{"process": kind, "seconds": IDLE_S, "cpu_ms": round((cpu_seconds(pid) - cpu) * 1000, 3), "switches": switches(pid) - count}
                for kind, pid, cpu, count in before]
    print(f"\nIdle for {IDLE_S} s, {COUNT} targets and a daemon attached: CPU in ms, and context switches of the main thread")
    report.table(("process", "CPU ms", "switches"), [(r["process"], r["cpu_ms"], r["switches"]) for r in rows])
    return rows


PARTS = {"targets": by_targets, "block": by_block, "window": by_window, "groups": by_groups, "image": by_image_size, "idle": idle}


def main():
    only = (os.environ.get("ONLY") or " ".join(PARTS)).split()
    unknown = [name for name in only if name not in PARTS]
    if unknown:
        sys.exit(f"bench-scaling: ONLY={' '.join(unknown)} is not among {' '.join(PARTS)}")
    info = machine()
    show_machine(info)
    print(f"Over UNIX sockets, stores on tmpfs, no trace; MB/s summed over the copies, medians of {RUNS} runs that overwrite; CPU in user and\n"
          "system seconds a GiB of image, of the bus server, of all processes, and of all for each copy")
    results = {name: PARTS[name]() for name in only}
    report.save(OUT, {"machine": info, "settings": {"mib": MIB, "runs": RUNS, "idle_s": IDLE_S}, **results})


if __name__ == "__main__":
    main()
