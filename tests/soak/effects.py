# SPDX-License-Identifier: BSD-2-Clause
"""What a fault has done, by counters of the programs, of the relays and of the clients; and the table of it at the end."""

import collections

ENOUGH = 5  # rounds of a fault, one of which at least has to have its effect


class Seen:
    """Counters at one moment, all of which grow, or begin anew with the program that has them."""

    def __init__(self, rig):
        stats = rig.lab.call("bus.stats")
        shown = [rig.shown(group) for group in rig.groups]
        members = [m for group in shown for m in group["members"]]
        self.generations = [group["generation"] for group in shown]
        self.connections = rig.relays.ask("counts")
        self.numbers = {
            "reset": stats["resets"],
            "bus timeout": stats["phase_timeouts"] + stats["selection_timeouts"],
            "crc error": stats["crc_errors"],
            **{kind: sum(m[kind + "_blocks"] for m in members) for kind in ("resent", "failed", "repaired")},
            **{kind: rig.count(kind) for kind in ("refused", "cut off", "not read")},
        }

    def since(self, before):
        """What has come about; how often, or which."""
        had = {kind for kind, n in self.numbers.items() if n != before.numbers[kind] and n > 0}
        if self.generations != before.generations:
            had.add("left")  # a member was not in sync
        if self.connections != before.connections:
            had.add("anew")  # a connection has come anew
        return had


class Table:
    """{fault: rounds, rounds with the effect that it is for, other effects}."""

    def __init__(self, wanted):
        self.wanted = wanted  # {fault: effects, one of which it has to have}
        self.rounds = collections.Counter()
        self.effective = collections.Counter()
        self.effects = collections.defaultdict(collections.Counter)

    def add(self, fault, had):
        self.rounds[fault] += 1
        self.effective[fault] += bool(had.intersection(self.wanted[fault]))
        self.effects[fault].update(had)

    def idle(self):
        """Those that never had their effect."""
        return [f for f, n in self.rounds.items() if n >= ENOUGH and self.wanted[f] and self.effective[f] == 0]

    def lines(self):
        yield f"{'fault':16}  rounds  had effect  (which)"
        for fault in sorted(self.rounds):
            which = ", ".join(f"{'*' if e in self.wanted[fault] else ''}{e} {n}" for e, n in sorted(self.effects[fault].items()))
            yield f"{fault:16}  {self.rounds[fault]:6}  {self.effective[fault]:10}  {which}"
