#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds and runs the model: each configuration, and each mutant, whose fault has to be found.

    run.py                 all configurations, then all mutants
    run.py NAME...         these only
    run.py --list          what there is
    run.py --trace NAME    how a mutant (or a configuration) goes wrong, step by step

What is printed is a table: states, time, memory, result. The exit status is 1 when anything is not as it is to be.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_MB = 5000
LIMIT_S = 1800
OPTIMIZE = "-O0"                # pan.c is one huge function: it takes longer to optimize than to run

ONE = "ARMED NT=2 NB=1"         # one operation, armed ports
TWO = "ARMED NT=2 NB=2"         # two operations in flight
ASKED = "NT=2 NB=1"             # ports that ask their process at each phase
KILL, CUT, INI, BUS, HANG, BAD, STAT, SLOW = (1 << i for i in range(8))


class Run:
    """A configuration, or a mutant: name, what it is about, definitions, and how it is to end."""

    def __init__(self, name, text, defs, found=None, live=False):
        self.name, self.text, self.found, self.live = name, text, found, live
        self.defs = ["-D" + d for d in defs.split()]


# Rules, as the model states them: what an assertion's text contains. "healed" stands for what the monitor asks
# for when nothing happens any more: bus free, nothing left, all members in sync.
ACKED, DRIVER, BSY, STATUS, TAG, HEALED, LATCH = "ack", "driver", "bsy", "status", "tag", "healed", "latch"
RULES = {
    DRIVER: ("one driver of the phase lines", r"t==drv"),
    BSY: ("BSY is the leader's until BUS RELEASE", r"\|\|relmsg"),
    STATUS: ("a status belongs to one task", r"pop\["),
    TAG: ("no two live tasks have one tag", r"ts\[.*\]==0\)&&"),
    ACKED: ("acknowledged data are on all members in sync, these are equal where the log is clean, and one is there",
            r"vol\["),
    HEALED: ("when the faults stop, all heals: the bus is free, nothing waits, all members are in sync", r"nextv\["),
    LATCH: ("who drives has heard the CDB, in this attach", r"heard>>"),
}

CONFIGURATIONS = [
    Run("small", "one operation, armed ports, any one fault", ONE + " NW=1 MAXFAULT=1"),
    Run("one", "one operation, two writes, any two faults", ONE + " NW=2 MAXFAULT=2"),
    Run("asked", "ports that ask at each phase: tokens, phase limits; any two faults", ASKED + " NW=1 MAXFAULT=2 RIQ=0"),
    Run("three", "three targets, any one fault", "ARMED NT=3 NB=1 NW=1 MAXFAULT=1"),
    Run("three-asked", "three targets that ask, one dies, hangs, is slow or cut off", f"NT=3 NB=1 NW=1 MAXFAULT=1 RIQ=0 FAULTS={KILL | CUT | HANG | SLOW}"),
    Run("broadcast", "broadcast passes to three targets, any one fault", "ARMED BCAST NT=3 NB=1 NW=1 MAXFAULT=1"),
    Run("two-target", "two operations, chained passes, a target's kill or cut", TWO + f" CHAIN NW=1 MAXFAULT=1 RIQ=1 FAULTS={KILL | CUT}"),
    Run("two-daemon", "two operations, chained passes, the daemon's kill", TWO + f" CHAIN NW=1 MAXFAULT=1 RIQ=0 FAULTS={INI}"),
    Run("two-bus", "two operations, chained passes, the bus server's kill", TWO + f" CHAIN NW=1 MAXFAULT=1 RIQ=0 FAULTS={BUS}"),
    Run("two-status", "two operations, chained passes, refusals and early status timeouts", TWO + f" CHAIN NW=1 MAXFAULT=2 RIQ=0 FAULTS={BAD | STAT}"),
    Run("live", "under weak fairness the bus becomes free again", ASKED + f" NW=1 MAXFAULT=1 RIQ=0 LIVE", live=True),
]

# Each breaks one rule of the protocol or of the daemon, and says where the rule is kept.
MUTANTS = [
    Run("M_TOKEN", "bus/run.c: a program with a token that was taken back is run", ASKED + f" NW=1 MAXFAULT=2 RIQ=0 FAULTS={KILL | INI | SLOW}", DRIVER),
    Run("M_BSYFREE", "target/silent.c: a leader lets BSY go when it hears LAST", ASKED + " NW=1 MAXFAULT=0", BSY),
    Run("M_NOLATCH", "bus/silent.c: a port is given the token that did not hear the CDB", ASKED + f" NW=1 MAXFAULT=1 FAULTS={CUT}", LATCH),
    Run("M_NOBACK", "bus/silent.c: the token stays with a participant that died", ONE + f" NW=1 MAXFAULT=1 FAULTS={KILL}", LATCH),
    Run("M_LEADERHOLDS", "bus/attach.c: BSY stays when the leader's port goes", ONE + f" NW=1 MAXFAULT=1 FAULTS={KILL}", LATCH),
    Run("M_WATCHDOG", "bus/limit.c: nobody looks for who is stopped", ASKED + f" NW=1 MAXFAULT=1 FAULTS={HANG}", HEALED),
    Run("M_NOEPOCH", "bus/program.c: a status of an earlier attach of the daemon is delivered", ONE + f" NW=1 MAXFAULT=1 FAULTS={INI}", STATUS),
    Run("M_OPID", "initiator/hba_pass.c: a status is matched without the operation id", ONE + f" NW=1 MAXFAULT=2 FAULTS={STAT}", STATUS),
    Run("M_TAGEARLY", "initiator/hba_tag.c: a tag is free while its task may still speak", TWO + f" NW=1 MAXFAULT=1 RIQ=0 FAULTS={STAT}", TAG),
    Run("M_RSTKEEPS", "target/target.c: tasks survive RST", ASKED.replace("NB=1", "NB=2") + f" NW=1 MAXFAULT=1 RIQ=0 BTQ=0 FAULTS={SLOW}", TAG),
    Run("M_DETACH", "target/target.c: tasks survive the loss of the connection", TWO + f" NW=1 MAXFAULT=1 RIQ=0 FAULTS={CUT}", TAG),
    Run("M_ORDER", "target/order.c: a write starts while an aborted one is in the store", ONE + f" NW=1 MAXFAULT=2 FAULTS={STAT | INI | CUT}", ACKED),
    Run("M_CUTGOOD", "target/port.c: a target whose data were cut off says GOOD", ONE + f" NW=1 MAXFAULT=1 FAULTS={BAD}", ACKED),
    Run("M_BCASTONE", "initiator/hba_pass.c: one status of a broadcast counts for all", ONE + f" BCAST NW=1 MAXFAULT=1 FAULTS={KILL | CUT}", ACKED),
    Run("M_CHAINLEGS", "bus/chain.c: a chained pass has the legs of the one before it", TWO + f" CHAIN NW=1 MAXFAULT=1 RIQ=0 FAULTS={KILL}", HEALED),
    Run("M_LOGLATE", "the log is set after the first data were sent", ONE + f" NW=1 MAXFAULT=1 FAULTS={INI}", ACKED),
    Run("M_CLEAREARLY", "the log is cleared while a member of the group is not in sync", ONE + f" NW=1 MAXFAULT=2 FAULTS={KILL | CUT}", ACKED),
    Run("M_NORECOVER", "a daemon that starts does not look at the log", ONE + f" NW=1 MAXFAULT=1 FAULTS={INI}", ACKED),
    Run("M_RECOVERY", "recovery reads past writes that are in the store, and does not write the source", ONE + f" NW=1 MAXFAULT=1 FAULTS={INI}", ACKED),
    Run("M_TRUSTED", "a member that comes back is trusted without resync", ONE + f" NW=1 MAXFAULT=1 FAULTS={KILL | CUT}", ACKED),
    Run("M_WANTSYNC", "initiator/group_io.c: writes leave out a member that is being copied to", ONE + f" NW=2 MAXFAULT=1 FAULTS={KILL | CUT}", ACKED),
    Run("M_SPOILED", "initiator/io.c: a write that a member missed while it was being copied to is forgotten", ONE + f" NW=2 MAXFAULT=2 FAULTS={KILL | BAD | CUT}", ACKED),
    Run("M_ALLLEAVE", "initiator/io.c: when all members fail, all leave the in-sync set", ONE + f" NW=1 MAXFAULT=2 FAULTS={KILL}", ACKED),
    Run("M_ACKEARLY", "initiator/io.c: a write is acknowledged before the membership without the failed is durable", ONE + f" NW=1 MAXFAULT=1 FAULTS={KILL}", ACKED),
    Run("M_ACKOTHER", "initiator/io.c: ... when it was another write's failure that took the member out", TWO + f" NW=1 MAXFAULT=1 RIQ=0 FAULTS={KILL | CUT}", ACKED),
    Run("M_ACKSTART", "initiator/group_io.c: a write is acknowledged for a member that has left the in-sync set meanwhile", TWO + f" NW=1 MAXFAULT=2 RIQ=0 MAXPASS=1 FAULTS={BAD}", ACKED),
    Run("M_ADOPT", "initiator/member.c: who is stale by a newer page is not made durable", ONE + f" NW=2 MAXFAULT=3 RIQ=0 MAXPASS=1 FAULTS={KILL | INI}", ACKED),
    Run("M_JOINEARLY", "initiator/job_end.c: a member that was copied to is in sync before its page is written", ONE + f" NW=2 MAXFAULT=2 FAULTS={KILL | BUS}", ACKED),
]
CHECKED = [r for r in CONFIGURATIONS + MUTANTS if r.name in ("small", "M_ACKEARLY", "M_OPID")]
EXTRA = {"M_RECOVERY": ["-DM_READRACE", "-DM_SOURCEKEPT"]}


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def limit():
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, ((MEMORY_MB + 1000) << 20,) * 2)


class Result:
    def __init__(self):
        self.states, self.seconds, self.mb, self.error, self.complete, self.why = 0, 0.0, 0.0, "", False, ""


def build(run, where):
    """spin and the C compiler; the error as a text, or None."""
    defs = run.defs + (["-D" + run.name] if run.found else []) + EXTRA.get(run.name, [])
    spin = subprocess.run(["spin", "-a", *defs, os.path.join(HERE, "mirror.pml")], cwd=where, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if not os.path.exists(os.path.join(where, "pan.c")) or "Error" in spin.stdout:
        return "spin: " + spin.stdout
    # Hash compaction (64 bits a state): COLLAPSE gains little where all state is global.
    flags = ["-DNFAIR=8"] if run.live else ["-DSAFETY"]
    cc = subprocess.run([*os.environ.get("CC", "cc").split(), OPTIMIZE, "-w", "-DHC4",
                         "-DVECTORSZ=2048", f"-DMEMLIM={MEMORY_MB}", *flags, "-o", "pan", "pan.c"],
                        cwd=where, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limit)
    return "cc: " + cc.stdout if cc.returncode else None


def verify(run, where):
    r = Result()
    r.why = build(run, where)
    if r.why:
        return r
    begin = time.monotonic()
    args = ["./pan", "-m1000000", "-n"] + (["-a", "-f"] if run.live else [])
    try:
        pan = subprocess.run(args, cwd=where, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=LIMIT_S, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        r.why = f"not done in {LIMIT_S} s"
        return r
    r.seconds = time.monotonic() - begin
    number = lambda what: (re.search(r"([\d.e+]+)\s+" + what, pan.stdout) or [0, 0])[1]
    r.states, r.mb = int(float(number("states, stored"))), float(number("total actual memory"))
    error = re.search(r"^pan:1: (.*?)(?: \(at depth.*)?$", pan.stdout, re.M)
    r.error = error[1] if error else ""
    r.complete = bool(re.search(r"errors: 0$", pan.stdout, re.M)) and pan.returncode == 0 and \
        "Search not completed" not in pan.stdout and "max search depth too small" not in pan.stdout
    if not r.error and not r.complete:
        r.why = "the search is not complete: " + pan.stdout[-400:]
    return r


def rule_of(error):
    text = error.replace(" ", "")
    for name, (_, pattern) in RULES.items():
        if re.search(pattern, text):
            return name
    return ""


def judge(run, r):
    """What came of it, as a text, and whether it is as it is to be."""
    if r.why:
        return r.why, False
    if not run.found:
        return (("no error", True) if r.complete else ("ERROR: " + (rule_of(r.error) or r.error)[:60], False))
    if not r.error:
        return "NOT FOUND", False
    rule = rule_of(r.error)
    return ("found: " + rule, True) if rule == run.found else (f"found: {rule or r.error[:60]}, not {run.found}", False)


def trace(run, where):
    out = subprocess.run(["spin", "-k", "mirror.pml.trail", "-t", "-p", "-g", *run.defs,
                          *(["-D" + run.name] if run.found else []), *EXTRA.get(run.name, []),
                          os.path.join(HERE, "mirror.pml")], cwd=where, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    print(out.stdout)


def run_all(runs, show=False):
    surprises = 0
    row("name", "what", "states", "s", "MB", "result")
    row("---", "---", "---", "---", "---", "---")
    for run in runs:
        with tempfile.TemporaryDirectory(prefix="smirror-model-") as where:
            r = verify(run, where)
            text, as_expected = judge(run, r)
            row(run.name, run.text, f"{r.states:,}", f"{r.seconds:.1f}", f"{r.mb:.0f}", text)
            surprises += not as_expected
            if show and r.error:
                trace(run, where)
    print(f"\n{len(runs)} runs, {surprises} surprises")
    return surprises == 0


def check(runs):
    """As TAP."""
    print(f"1..{len(runs)}")
    bad = False
    for n, run in enumerate(runs, 1):
        what = f"model: {run.name}: {run.text}"
        if not shutil.which("spin"):
            print(f"ok {n} - {what} # SKIP spin is not installed")
            continue
        with tempfile.TemporaryDirectory(prefix="smirror-model-") as where:
            r = verify(run, where)
            text, as_expected = judge(run, r)
        bad |= not as_expected
        print(f"{'ok' if as_expected else 'not ok'} {n} - {what}\n# {r.states:,} states, {r.seconds:.1f} s: {text}", flush=True)
    return not bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", nargs="*", help="a configuration or a mutant")
    p.add_argument("--list", action="store_true", help="what there is")
    p.add_argument("--trace", action="store_true", help="print the way to the error")
    p.add_argument("--mutants", action="store_true", help="the mutants only")
    o = p.parse_args()
    both = {r.name: r for r in CONFIGURATIONS + MUTANTS}
    if o.list:
        for r in both.values():
            print(f"{r.name:14} {r.text} ({' '.join(r.defs)})")
        return 0
    for n in o.name:
        if n not in both:
            p.error(f"there is no {n}: see --list")
    if not shutil.which("spin"):
        p.error("spin is not installed (Debian package spin)")
    return 0 if run_all([both[n] for n in o.name] or (MUTANTS if o.mutants else list(both.values())), o.trace) else 1


if __name__ == "__main__":
    sys.exit(main())
