# SPDX-License-Identifier: BSD-2-Clause
"""The faults: what each does, and by which effects it is known to have struck (effects.py)."""

import errno
import random
import resource
import signal
import time

from lab import RpcError

from clients import BROKEN, used
from rig import LEFT_S, SILENT_S
from stores import drop

LEAVES_S = 20  # a member whose store fails is not in sync by then
FAULTS = {}    # {name: (function, effects)}


def fault(*effects):
    def enter(function):
        FAULTS[function.__name__.replace("_", "-")] = function, frozenset(effects)
        return function

    return enter


class Strike:
    """One fault of one round: what it picks follows from the seed and the number of the round."""

    def __init__(self, rig, number):
        self.rig, self.lab = rig, rig.lab
        self.random = random.Random(f"{rig.seed} round {number}")
        self.said = []  # what it picked, for who looks into a failure
        self.had = set()
        self.given = {}
        self.stopped_s = 0

    def strike(self, name):
        for client in self.rig.clients():
            client.longest = 0
        self.pause(0.02, 0.1)
        FAULTS[name][0](self)

    def effects(self):
        """By what clients have met; they rest."""
        if self.stopped_s and max(c.longest for c in self.rig.clients()) > self.stopped_s / 2:
            self.had.add("waited")
        return self.had

    # what they are made of

    def say(self, what):
        self.said.append(str(what))

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def a_target(self):
        name = self.random.choice(self.rig.names)
        self.say(name)
        return name

    def a_group(self):
        group = self.random.choice(self.rig.groups)
        self.say(group.name)
        return group

    def shuffled(self, items):
        return self.random.sample(items, len(items))

    def seen(self, condition, limit_s):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.01)
        return False

    def left(self, name):
        """It is not in sync, before long."""
        return self.seen(lambda: self.rig.states(self.rig.group_of(name))[name] != "in_sync", LEAVES_S)

    # processes

    @fault("anew")
    def kill_target(self):
        name = self.a_target()
        self.lab.targets[name].kill()
        self.pause(0, 0.05)
        self.rig.start_target(name)

    @fault("left")
    def kill_targets(self):
        for name in self.rig.names:
            self.lab.targets[name].kill()
        self.pause(0, 0.05)
        for name in self.shuffled(self.rig.names):
            self.rig.start_target(name)

    @fault("anew")
    def kill_bus(self):
        self.lab.bus_process.kill()
        self.pause(0, 0.05)
        self.rig.start_bus()

    @fault("cut off")
    def kill_daemon(self):
        self.lab.daemon_process.kill()
        self.pause(0, 0.05)
        self.rig.start_daemon()

    @fault("cut off")
    def kill_all(self):
        processes = self.shuffled([self.lab.bus_process, self.lab.daemon_process, *self.lab.targets.values()])
        for process in processes:
            process.kill()
            self.say(process.name)
        self.rig.start_bus()
        for name in self.shuffled(self.rig.names):
            self.rig.start_target(name)
        self.rig.start_daemon()

    def stop(self, process, least, most):
        process.signal(signal.SIGSTOP)
        began = time.monotonic()
        self.pause(least, most)
        process.signal(signal.SIGCONT)
        self.stopped_s = time.monotonic() - began
        self.say(f"stopped for {self.stopped_s:.2f} s")

    @fault("waited", "left")
    def stop_target(self):
        self.stop(self.lab.targets[self.a_target()], 0.02, SILENT_S * 0.7)

    @fault("anew")
    def stop_target_long(self):
        """Its connection is found silent, and ended."""
        self.stop(self.lab.targets[self.a_target()], SILENT_S * 1.1, SILENT_S * 2)

    @fault("waited")
    def stop_bus(self):
        self.stop(self.lab.bus_process, 0.02, SILENT_S * 0.7)

    @fault("anew")
    def stop_bus_long(self):
        """Ports leave it."""
        self.stop(self.lab.bus_process, LEFT_S + 0.2, LEFT_S + 1)

    @fault("waited")
    def stop_daemon(self):
        self.stop(self.lab.daemon_process, 0.02, SILENT_S * 0.7)

    @fault("anew")
    def stop_daemon_long(self):
        self.stop(self.lab.daemon_process, SILENT_S * 1.1, SILENT_S * 2)

    # connections

    def cut(self, names):
        for name in names:
            after = self.random.choice((0, 1, self.random.randrange(100), self.random.randrange(20000)))
            self.say(f"{name} after {after} bytes")
            self.rig.relays.ask("cut", name, after)

    @fault("anew")
    def cut_target(self):
        self.cut([self.random.choice(self.rig.names)])

    @fault("anew")
    def cut_tcp(self):
        self.cut([self.random.choice([name for name in self.rig.names if self.rig.over_tcp(name)])])

    @fault("anew")
    def cut_daemon(self):
        self.cut(["daemon"])

    @fault("anew")
    def cut_several(self):
        self.cut(self.random.sample(self.rig.ends, self.random.randrange(2, len(self.rig.ends) + 1)))

    @fault("anew")
    def hold_connection(self):
        """Nothing comes any more, and nobody is told: until it is found silent."""
        name = self.random.choice(self.rig.ends)
        seconds = self.random.uniform(SILENT_S * 1.3, SILENT_S * 2)
        self.say(f"{name} held for {seconds:.2f} s")
        self.rig.relays.ask("hold", name, seconds)
        time.sleep(seconds)

    # stores

    def tell(self, names, **orders):
        """Their file systems, until it is taken back: what it was given then, {name: {what: how often}}."""
        told = {name: self.rig.store_orders(name) for name in names}
        self.given = {name: one.given() for name, one in told.items()}
        for one in told.values():
            for what, value in orders.items():
                setattr(one, what, value)
        return told

    def given_more(self, told, what):
        return sum(getattr(one, what) - self.given[name][what] for name, one in told.items())

    def take_back(self, told):
        for one in told.values():
            for what in ("write", "read", "sync", "record"):
                setattr(one, what, 0)
        given = {name: {what: n - self.given[name][what] for what, n in one.given().items() if n > self.given[name][what]}
                 for name, one in told.items()}
        self.say(given)
        if any(given.values()):
            self.had.add("given")

    def refuses_writes(self, error):
        """One store, until its member has left."""
        name = self.a_target()
        told = self.tell([name], write=error)
        if self.left(name):
            self.had.add("left at once")
        self.pause(0, 0.3)
        self.take_back(told)

    @fault("left at once")
    def full_store(self):
        self.refuses_writes(errno.ENOSPC)

    @fault("left at once")
    def failing_writes(self):
        self.refuses_writes(errno.EIO)

    @fault("refused")
    def full_stores(self):
        """All of a group, as when they are on one file system: nobody has room for what clients write."""
        group = self.a_group()
        refused = sum(c.count["refused"] for c in group.clients)
        told = self.tell(group.names, write=errno.ENOSPC)
        self.seen(lambda: sum(c.count["refused"] for c in group.clients) > refused + 2, LEAVES_S)
        self.pause(0, 0.3)
        self.take_back(told)

    @fault("repaired")
    def failing_reads(self):
        """Of all of a group's members but one, for it reads from the same one as long as it can."""
        group = self.a_group()
        names = self.shuffled(group.names)[1:]
        told = self.tell(names, read=errno.EIO)
        self.seen(lambda: self.given_more(told, "reads") > 2, 3)
        self.pause(0, 0.3)
        self.take_back(told)

    @fault("left at once")
    def failing_sync(self):
        """Once a sync has failed nobody knows what is there: the member is out until the target is started again."""
        name = self.a_target()
        group = self.rig.group_of(name)
        told = self.tell([name], record=1)
        self.pause(0, 0.3)
        told[name].sync = errno.EIO
        try:
            self.lab.call("group.flush", group=group.name)
        except RpcError as error:
            self.say(error)
        if self.left(name):
            self.had.add("left at once")
        told[name].sync = 0
        self.stays_out(group, name)
        self.take_back(told)
        process = self.lab.targets[name]
        if self.random.random() < 0.5:
            process.kill()
        else:
            process.stop(expect=None)
        dropped = drop(self.lab.directory, told[name].undone(), self.random)
        self.say(f"dropped {dropped} pages")
        if dropped:
            self.had.add("dropped")
        self.rig.start_target(name)

    def stays_out(self, group, name):
        """The file system is well again; the store is not."""
        try:
            self.lab.wait_job(self.lab.create_job("resync", group=group.name))
        except BROKEN as error:
            self.say(error)
        state = self.rig.states(group)[name]
        assert state != "in_sync", f"{name} is {state}, and its store could not be synced"

    @fault("given", "resent")
    def file_limit(self):
        """The file system takes no more beyond some place: EFBIG, until it does again, soon."""
        name = self.a_target()
        most = used(len(self.rig.group_of(name).clients))
        told = self.tell([name])
        pid = self.lab.targets[name].pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self.random.randrange(most // 2), resource.RLIM_INFINITY))
        self.pause(0.02, 0.2)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.take_back(told)

    # the bus, and faults that targets make on demand

    @fault("resent", "failed", "repaired")
    def medium_error(self):
        name = self.a_target()
        group = self.rig.group_of(name)
        lba = self.random.randrange(used(len(group.clients)) // group.block_size)
        blocks = (1 << 20) // group.block_size
        self.lab.call("target.fault", target=name, spec=f"medium-error:lba={lba},blocks={blocks},times=3")
        self.pause(0.02, 0.2)

    @fault("crc error", "resent")
    def crc_error(self):
        self.lab.call("target.fault", target=self.a_target(), spec="crc-error:times=5")
        self.pause(0.02, 0.2)

    @fault("reset")
    def reset_bus(self):
        self.lab.call("bus.reset")
        self.pause(0, 0.05)

    @fault()
    def nothing(self):
        """To see that nothing has the effects of faults."""
        self.pause(0.1, 0.3)
