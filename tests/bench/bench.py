# SPDX-License-Identifier: BSD-2-Clause
"""make bench: how fast images and small writes are mirrored to 3 targets, beside peers in the same run.

See README.md here. Prints tables, and writes everything to bench.json; a peer that is not installed is skipped, and said so.
Options from the environment: MIB (size of the image, 1024), RUNS (5 that overwrite), SECONDS_EACH (3, of each random-write run),
TRANSPORTS ("unix tcp"), PEERS=1 (install the peers that are missing, as root), BENCH_JSON (where the JSON goes).
"""

import contextlib
import os
import subprocess

import peers
import report
import writes
from benchlab import BUILD, Bench, machine, median, numbers, room_or_die, setting, show_machine, timed

MIB = setting("MIB", 1024)
RUNS = setting("RUNS", 5)
SECONDS = setting("SECONDS_EACH", 3)
TRANSPORTS = (os.environ.get("TRANSPORTS") or "unix tcp").split()
DEPTHS = numbers("DEPTHS", "1 32")
OUT = os.environ.get("BENCH_JSON") or os.path.join(BUILD, "bench.json")
COUNT = peers.COPIES
GIB = MIB / 1024


def renew(files):
    """Empties files: who writes them next gets fresh pages."""
    for name in files:
        with open(name, "wb") as file:
            file.truncate(MIB << 20)


class Way:
    """One way to write the image to 3 places: what each turn took."""

    def __init__(self, what, transport, turn, files=None):
        self.what, self.transport, self.turn, self.files = what, transport, turn, files
        self.seconds, self.bus_cpu, self.cpu = [], [], []

    def take(self, fresh, image):
        """One turn. Where the files were new, they must hold the image now: who does not write it is not measured."""
        if fresh and self.files:
            renew(self.files)
        seconds, *cpu = self.turn()
        if fresh and self.files:
            for name in self.files:
                subprocess.run(["cmp", image, name], check=True)
        self.seconds.append(seconds)
        self.cpu.append(cpu[-1] / GIB if cpu else None)
        self.bus_cpu.append(cpu[0] / GIB if len(cpu) == 2 else None)

    def rate(self, seconds):
        """MB/s summed over the copies."""
        return round(COUNT * MIB * 1.048576 / seconds)

    def row(self):
        def middle(values):
            return None if None in values else round(median(values[1:]), 3)

        return {
            "what": self.what, "transport": self.transport, "targets": COUNT, "image_mib": MIB, "seconds": self.seconds,
            "fresh_mb_per_s": self.rate(self.seconds[0]), "mb_per_s": self.rate(median(self.seconds[1:])),
            "bus_cpu_s_per_gib": middle(self.bus_cpu), "cpu_s_per_gib": middle(self.cpu),
        }


def start_lab(stack, over):
    lab = stack.enter_context(Bench())
    return lab, lab.start(COUNT, size=f"{MIB}M", over=lambda i: over)


def peer_ways(stack, lab, image):
    """Those that are installed, and in words those that are not. They write the same files, one after the other."""
    files = [lab.path(f"peer{i}") for i in range(COUNT)]
    renew(files)
    ways, why = [], {}
    for over in TRANSPORTS:
        why[f"quorum {over}"] = peers.missing(*peers.QUORUM, "nbdcopy")
        if not why[f"quorum {over}"]:
            quorum = stack.enter_context(peers.Quorum(lab.directory, over, files))
            ways.append(Way("quorum", over, lambda q=quorum: q.copy(image), files))
    for local in (peers.dcfldd, peers.cat):
        why[local.__name__] = peers.missing(local.__name__)
        if not why[local.__name__]:
            ways.append(Way(local.__name__, None, lambda w=local: (timed(lambda: w(image, files)),), files))
    return ways, why


def images(ratios):
    """All ways in turn, so that all see the same machine: first into fresh files, then RUNS times over them."""
    room_or_die((COUNT * (len(TRANSPORTS) + 1) + 1) * MIB)
    with contextlib.ExitStack() as stack:
        labs = {over: start_lab(stack, over) for over in TRANSPORTS}
        first = labs[TRANSPORTS[0]][0]
        image = first.random_image(MIB)
        ways = [Way("mirror", over, lambda lab=lab: lab.measured(lambda: lab.run_job("mirror", image=image)))
                for over, (lab, _) in labs.items()]
        others, why = peer_ways(stack, first, image)
        # each of ours beside what it is compared with
        ways = sorted(ways + others, key=lambda way: {"unix": 0, None: 1, "tcp": 2}[way.transport])
        for number in range(RUNS + 1):
            for way in ways:
                way.take(number == 0, image)
        for lab, names in labs.values():
            lab.assert_copies(image, names)
    compare_images({(w.what, w.transport): w for w in ways}, why, ratios)
    return [way.row() for way in ways], why


def compare_images(ways, why, ratios):
    """MB/s of ours to theirs, run by run: the seconds the other way round. The first turn, into fresh files, is no pair."""
    for key, over, other in (("image_unix_quorum", "unix", ("quorum", "unix")), ("image_unix_dcfldd", "unix", ("dcfldd", None)),
                             ("image_tcp_quorum", "tcp", ("quorum", "tcp"))):
        name = other[0] if other[1] is None else f"{other[0]} {other[1]}"
        if ("mirror", over) in ways and other in ways:
            ratios.add(key, ways[other].seconds[1:], ways["mirror", over].seconds[1:])
        elif why.get(name):
            ratios.missing(key, why[name])
    if ("mirror", "unix") in ways and ("mirror", "tcp") in ways:
        ratios.add("bus_cpu", ways["mirror", "unix"].bus_cpu[1:], ways["mirror", "tcp"].bus_cpu[1:])


def show_images(rows):
    print(f"\n{MIB} MiB to {COUNT} targets, stores on tmpfs, no trace; MB/s summed over the targets, medians of {RUNS} runs that overwrite;\n"
          "fresh: the first run; CPU in user and system seconds a GiB of image: of the bus server, and of all servers, daemons and copiers")
    report.table(("way", "transport", "MB/s", "fresh", "bus CPU", "all CPU"),
                 [(r["what"], r["transport"], r["mb_per_s"], r["fresh_mb_per_s"], r["bus_cpu_s_per_gib"], r["cpu_s_per_gib"]) for r in rows])


def show_writes(rows):
    print(f"\n4-KiB random writes to {COUNT} targets, medians of {RUNS} runs of {SECONDS} s, latencies in us")
    report.table(("by", "transport", "in flight", "writes/s", "p50", "p99"),
                 [(r["by"], r["transport"], r["in_flight"], round(r["writes_per_s"]), r["p50_us"], r["p99_us"]) for r in rows])


def main():
    if os.environ.get("PEERS") == "1":
        peers.install()
    info, ratios = machine(), report.Ratios()
    show_machine(info)
    image_rows, why = images(ratios)
    show_images(image_rows)
    write_rows = []
    for over in TRANSPORTS:
        rows, lost = writes.one_transport(over, DEPTHS, RUNS, SECONDS)
        write_rows += rows
        why.update(lost)
    writes.compare(write_rows, why, ratios)
    show_writes(write_rows)
    for name, reason in why.items():
        if reason:
            print(f"skipped: {name}: {reason}")
    requirements = report.judge(ratios)
    report.show_requirements(requirements)
    report.save(OUT, {"machine": info, "peers": peers.versions(), "settings": {"mib": MIB, "runs": RUNS, "seconds_each": SECONDS},
                      "images": image_rows, "writes": write_rows, "skipped": {k: v for k, v in why.items() if v},
                      "requirements": requirements})


if __name__ == "__main__":
    main()
