# SPDX-License-Identifier: BSD-2-Clause
"""What the nemesis strikes: two groups on one bus, each with clients, and relays on all connections to the bus server."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import lab as laboratory
from lab import BUILD, Lab

from clients import SLOTS, Client
from relays import Relays
from stores import Orders

SILENT_S = 1.2  # three heartbeats: a port that says nothing for longer is gone
LEFT_S = 5      # a bus server that says nothing for longer is left (CONN_SILENCE_MIN_NS)
IDS = [i for i in range(16) if i != 7]


class Group:
    """How it is, its members and its clients."""

    def __init__(self, name, names, clients, **how):
        self.name, self.names = name, names
        self.clients_wanted = clients
        self.clients = []
        self.mode = how.get("mode", "silent")
        self.block_size = how.get("block_size", 512)
        self.options = how.get("options", [])  # of all of its targets
        self.settings = how.get("settings", {})  # group.set


def groups_of(targets):
    """The first one as it comes; the other one with checksums, large blocks, broadcast passes, without mapped stores."""
    names = [f"disk{i}" for i in range(2 * targets)]
    return [Group("g0", names[:targets], 3),
            Group("g1", names[targets:], 2, mode="broadcast", block_size=4096, options=["--integrity", "crc32c", "--no-map"],
                  settings={"transfer_bytes": 65536, "window": 4})]


class SoakLab(Lab):
    """Its targets are on file systems that fail as they are told to."""

    def __init__(self):
        super().__init__()
        self.orders = self.path("orders")
        os.mkdir(self.orders)
        self.environment = {"ORDERS": self.orders}

    def program(self, name):
        return os.path.join(BUILD, "tests/soak/failing_target") if name == "smirror-target" else super().program(name)


class Rig:
    def __init__(self, lab, targets, seed):
        self.lab, self.seed = lab, seed
        self.groups = groups_of(targets)
        self.names = [name for group in self.groups for name in group.names]
        self.ends = [*self.names, "daemon"]  # of connections
        self.relays = None

    def group_of(self, name):
        return next(g for g in self.groups if name in g.names)

    def clients(self):
        return [client for group in self.groups for client in group.clients]

    # what runs

    def over_tcp(self, name):
        """The second one of each group."""
        return name in self.group_of(name).names[1:2]

    def start_target(self, name, wait=True):
        group = self.group_of(name)
        self.lab.target(name, IDS[self.names.index(name)], "--bus", self.relays.address[name], *group.options, size="16M",
                        block_size=group.block_size, wait=wait)

    def start_bus(self):
        tcp = getattr(self.lab, "tcp", "tcp:127.0.0.1:0")  # who was there comes back to the same port
        self.lab.bus("--listen", tcp, "--phase-timeout-ms", "500", "--tenure-limit-ms", "1000",
                     "--heartbeat-ms", str(round(SILENT_S * 1000 / 3)), tcp=False, trace=False)
        self.lab.tcp = [w for w in self.lab.bus_process.ready if w.startswith("tcp:")][0]

    def start_daemon(self):
        self.lab.daemon("--status-timeout-ms", "1000", "--region", "256K", "--bus", self.relays.address["daemon"])

    def start_relays(self):
        ends = {}
        for name in self.ends:
            tcp = name != "daemon" and self.over_tcp(name)
            ends[name] = ("tcp:127.0.0.1:0", self.lab.tcp) if tcp else ("unix:" + self.lab.path(name + ".relay"), self.lab.unix)
        self.relays = Relays(ends)

    def start(self):
        self.start_bus()
        self.start_relays()
        for name in self.names:
            self.start_target(name)
        self.start_daemon()
        self.lab.wait_targets(self.names)
        for group in self.groups:
            self.lab.call("group.create", name=group.name, members=group.names, mode=group.mode, assume_clean=True)
            if group.settings:
                self.lab.call("group.set", group=group.name, **group.settings)
            for number in range(group.clients_wanted):
                group.clients.append(Client(self.lab.path("control.sock"), group.name, number, self.seed))
        for client in self.clients():
            client.start()

    def stop(self):
        for client in self.clients():
            client.ending.set()
        for client in self.clients():
            client.join(1)
        if self.relays:
            self.relays.close()

    # how it is

    def store_orders(self, name):
        """What its file system is told."""
        return Orders(self.lab.orders, self.lab.targets[name].pid)

    def shown(self, group):
        return self.lab.call("group.show", group=group.name)

    def states(self, group):
        return {m["name"]: m["state"] for m in self.shown(group)["members"]}

    def count(self, what):
        return sum(client.count[what] for client in self.clients())
