# SPDX-License-Identifier: BSD-2-Clause
"""make bench-commands: SCSI commands through scsi.execute, one after another, many in flight, and of several clients.

Prints a table, and writes everything to bench-commands.json; ends with 1 where a rate is below what is required. Options from the
environment: RUNS (3), SECONDS_EACH (2), CLIENTS (4, of the last rows), OVER ("unix tcp"), REQUIRED (5000), COMMANDS_JSON (where the
JSON goes).
"""

import json
import os
import subprocess
import sys

import report
from benchlab import BUILD, Bench, machine, median, setting, show_machine

RUNS = setting("RUNS", 3)
SECONDS = setting("SECONDS_EACH", 2)
CLIENTS = setting("CLIENTS", 4)
OVER = (os.environ.get("OVER") or "unix tcp").split()
OUT = os.environ.get("COMMANDS_JSON") or os.path.join(BUILD, "bench-commands.json")
REQUIRED = setting("REQUIRED", 5000)  # commands a second of one client that sends the next one when it has the answer; over UNIX sockets
MIB_BLOCKS = 2048
KINDS = [("ready", 1), ("read", 8), ("write", 8)]
# (command, blocks, in flight, clients)
ROWS = ([(*kind, depth, 1) for kind in KINDS for depth in (1, 32)] + [(what, MIB_BLOCKS * n, 1, 1) for n in (1, 16) for what in ("read", "write")] +
        [(*kind, 8, CLIENTS) for kind in KINDS])


def name(what, blocks):
    if what == "ready":
        return "TEST UNIT READY"
    size = f"{blocks // MIB_BLOCKS} MiB" if blocks >= MIB_BLOCKS else f"{blocks // 2} KiB"
    return f"{what.upper()}(10), {size}"


def once(lab, what, blocks, depth, clients):
    """One run of all clients at once: their rates together, the slowest client's latencies."""
    argv = [os.path.join(BUILD, "tests/bench/bench_execute"), lab.path("control.sock"), "disk0", what, str(blocks), str(depth), str(SECONDS)]
    children = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(clients)]
    texts = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        sys.exit(f"bench-commands: {' '.join(argv)} failed")
    made = [json.loads(text) for text in texts]
    return {"commands_per_s": sum(m["commands_per_s"] for m in made), "p50_us": max(m["p50_us"] for m in made),
            "p99_us": max(m["p99_us"] for m in made)}


def measure(over):
    rows = []
    with Bench() as lab:
        lab.start(1, size="64M", over=lambda i: over, group=None)
        for what, blocks, depth, clients in ROWS:
            runs = [once(lab, what, blocks, depth, clients) for _ in range(RUNS)]
            row = {"what": name(what, blocks), "target_over": over, "in_flight": depth, "clients": clients, "runs": runs}
            row.update({key: round(median(run[key] for run in runs), 1) for key in runs[0]})
            row["mb_per_s"] = 0 if what == "ready" else round(row["commands_per_s"] * blocks * 512 / 1e6, 1)
            rows.append(row)
    return rows


def main():
    info = machine()
    show_machine(info)
    rows = [row for over in OVER for row in measure(over)]
    report.table(("command", "target", "in flight", "clients", "commands/s", "MB/s", "p50 us", "p99 us"),
                 [(r["what"], r["target_over"], r["in_flight"], r["clients"], round(r["commands_per_s"]), r["mb_per_s"], r["p50_us"], r["p99_us"])
                  for r in rows])
    judged = [r for r in rows if (r["target_over"], r["in_flight"], r["clients"]) == ("unix", 1, 1) and "MiB" not in r["what"]]
    for row in judged:
        row["holds"] = row["commands_per_s"] >= REQUIRED
        print(f"{row['what']}, one after another: {round(row['commands_per_s'])} a second, "
              f"{'' if row['holds'] else 'NOT '}the {REQUIRED} that are required")
    report.save(OUT, {"machine": info, "required_per_s": REQUIRED, "rows": rows})
    return 0 if all(row["holds"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
