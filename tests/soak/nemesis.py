# SPDX-License-Identifier: BSD-2-Clause
"""Real processes under a nemesis, with clients that write all the while; nothing acknowledged may be lost.

Two groups are on one bus (rig.py). Each round one of the faults (strikes.py) strikes, everything comes back, stale members are brought
up to date, and each block that clients (clients.py) have written is read back: it holds what was acknowledged last, or what was written
since and not acknowledged. Then, while the clients pause, the members' stores are compared byte by byte, from outside of our
programs. At the end a table says what the faults have done (effects.py): one that ran ENOUGH rounds and never did what it is for
is a failure, too.

make soak [ROUNDS=n (100, or as many as there is time for)] [SECONDS_MOST=n] [SEED=n] [FAULTS='kill-target kill-bus ...'] [TARGETS=n, of each group]
"""

import collections
import os
import random
import subprocess
import sys
import time

from rig import Rig, SoakLab, laboratory
from lab import RpcError, until

from clients import BROKEN
from effects import Seen, Table
from strikes import FAULTS, Strike

EVERY = 20  # rounds between two lines of how far it is
HEAL_S = 60


class Soak:
    def __init__(self, rig, faults):
        self.rig, self.lab, self.faults = rig, rig.lab, faults
        self.random = random.Random(f"{rig.seed} nemesis")
        self.table = Table({name: effects for name, (_, effects) in FAULTS.items()})
        self.count = collections.Counter()
        self.found = self.last = ""
        self.strike = None
        self.coming = self.random.sample(faults, len(faults))

    def next(self):
        """Each fault once, in some order, then any."""
        return self.coming.pop() if self.coming else self.random.choice(self.faults)

    # what must hold

    def states(self):
        try:
            return {group.name: self.rig.states(group) for group in self.rig.groups}
        except BROKEN:
            return {}

    def resync(self, group):
        try:
            self.last = self.lab.wait_job(self.lab.create_job("resync", group=group.name))
            self.count["resyncs"] += 1
        except BROKEN:
            pass

    def heal(self):
        """All are there again, and all in sync."""
        self.lab.wait_targets(self.rig.names)
        self.found = f"members after it: {self.states()}"

        def in_sync(group):
            states = self.states().get(group.name, {}).values()
            if states and all(s == "in_sync" for s in states):
                return True
            if "in_sync" in states and not self.lab.call("job.list", live=True)["jobs"]:
                self.resync(group)
            return False

        for group in self.rig.groups:
            until(f"all members of {group.name} in sync", lambda group=group: in_sync(group), HEAL_S)

    def quiet(self, on):
        clients = self.rig.clients()
        for client in clients:
            client.resting.clear()
            (client.pause.set if on else client.pause.clear)()
        if on:
            until("the clients rest", lambda: all(c.resting.is_set() for c in clients))
        for client in clients:
            if client.failure:
                raise client.failure

    def read_back(self):
        with self.lab.rpc() as rpc:
            for client in self.rig.clients():
                client.check(rpc)

    def flush(self, group):
        """Where all members were killed before a flush, the next one says so, once; being killed they have lost nothing."""
        try:
            self.lab.call("group.flush", group=group.name)
        except RpcError as error:
            if error.kind != "data_lost":
                raise
            self.count["told that data may be lost"] += 1
            self.lab.call("group.flush", group=group.name)

    def compare(self, group):
        self.flush(group)
        first, *others = group.names
        for name in others:
            done = subprocess.run(["cmp", self.lab.store(first), self.lab.store(name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=False)
            assert done.returncode == 0, f"in sync, but different: {done.stdout.decode()}"
        self.count["comparisons"] += 1

    def goes_on(self):
        before = {client: client.count["acknowledged"] for client in self.rig.clients()}
        self.quiet(False)
        until("each client's writes to be acknowledged again", lambda: all(c.count["acknowledged"] > n for c, n in before.items()))

    def round(self, fault):
        before = Seen(self.rig)
        self.strike.strike(fault)
        self.quiet(True)
        self.heal()
        self.table.add(fault, self.strike.effects() | Seen(self.rig).since(before))
        self.read_back()
        for group in self.rig.groups:
            self.compare(group)
        self.goes_on()

    def run(self, rounds, seconds):
        """How many there were."""
        began = time.monotonic()
        for done in range(rounds):
            if time.monotonic() - began > seconds:
                return done
            fault = self.next()
            self.strike = Strike(self.rig, done + 1)
            start = time.monotonic()
            try:
                self.round(fault)
            except BaseException:
                print(f"FAILED in round {done + 1}, {fault} ({'; '.join(self.strike.said)}); again: make soak SEED={self.rig.seed} "
                      f"ROUNDS={done + 1} FAULTS='{' '.join(self.faults)}'")
                print(f"{self.found}; now: {self.states()}; {self.last} {self.summary()}", flush=True)
                raise
            if os.environ.get("VERBOSE"):
                print(f"{done + 1}: {fault} ({'; '.join(self.strike.said)}), {time.monotonic() - start:.1f} s, {self.found}", flush=True)
            if (done + 1) % EVERY == 0:
                print(f"{done + 1} rounds, {time.monotonic() - began:.0f} s: {self.summary()}", flush=True)
        return rounds

    def summary(self):
        total = sum((c.count for c in self.rig.clients()), collections.Counter())
        return "; ".join(f"{k} {v}" for k, v in [*self.count.items(), *sorted(total.items())])


def settings():
    seconds = float(os.environ.get("SECONDS_MOST", "0")) or float("inf")
    rounds = int(os.environ.get("ROUNDS", "0")) or (100 if seconds == float("inf") else sys.maxsize)
    seed = os.environ.get("SEED", str(random.randrange(1 << 32)))
    faults = os.environ.get("FAULTS", "").split() or [name for name, (_, effects) in FAULTS.items() if effects]
    unknown = [f for f in faults if f not in FAULTS]
    if unknown:
        sys.exit(f"FAULTS: {' '.join(unknown)}: no such fault; there are: {' '.join(FAULTS)}")
    return rounds, seconds, seed, faults


def main():
    rounds, seconds, seed, faults = settings()
    laboratory.LIMIT_S = max(laboratory.LIMIT_S, 60)
    bounds = [f"{rounds} rounds"] * (rounds < sys.maxsize) + [f"{seconds:g} s"] * (seconds < float("inf"))
    print(f"seed {seed}, {' or '.join(bounds)}, faults: {' '.join(faults)}", flush=True)
    began = time.monotonic()
    with SoakLab() as lab:
        rig = Rig(lab, int(os.environ.get("TARGETS", "3")), seed)
        soak = Soak(rig, faults)
        try:
            rig.start()
            done = soak.run(rounds, seconds)
        finally:
            rig.stop()
    for line in soak.table.lines():
        print(line)
    idle = soak.table.idle()
    if idle:
        sys.exit(f"without effect in all their rounds: {' '.join(idle)}")
    print(f"{done} rounds in {time.monotonic() - began:.0f} s, nothing acknowledged was lost: {soak.summary()}")


if __name__ == "__main__":
    main()
