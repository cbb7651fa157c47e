# SPDX-License-Identifier: BSD-2-Clause
"""Real processes under a nemesis, with clients that write all the while; nothing acknowledged may be lost.

Each round one of the faults below strikes, everything comes back, stale members are brought up to date, and each block that
clients have written is read back: it holds what was acknowledged last, or what was written since and not acknowledged. Every so
often, and at the end, the clients pause and the members' stores are compared byte by byte, from outside of our programs.

make soak [ROUNDS=n] [SECONDS_MOST=n] [SEED=n] [FAULTS='kill-target kill-bus ...'] [TARGETS=n]
"""

import base64
import collections
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import lab as laboratory
from lab import Lab, Rpc, RpcError, until

KIB = 1 << 10
MIB = 1 << 20
SIZE = 16 * MIB
SLOT = 4 * KIB  # what a client writes at once
SLOTS = 64      # of each client
CLIENTS = 3
APART = 4       # slots lie in so many times their size, for more regions of the log to be in play
USED = CLIENTS * SLOTS * SLOT * APART
BROKEN = (RpcError, OSError, EOFError, ValueError)


class Relay:
    """A socket between a target and the bus server, which can be cut in the middle of whatever passes."""

    def __init__(self, path, to):
        self.path, self.to = path, to
        self.pairs = set()
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                far.connect(self.to)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.pairs.add((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b, (near, far)), daemon=True).start()

    def carry(self, a, b, pair):
        try:
            while data := a.recv(64 * KIB):
                b.sendall(data)
        except OSError:
            pass
        self.drop(pair)

    def drop(self, pair):
        with self.lock:
            self.pairs.discard(pair)
        for one in pair:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in list(self.pairs):
            self.drop(pair)


class Slot:
    """What a read of it may find."""

    def __init__(self):
        self.possible = {bytes(SLOT)}

    def tried(self, data):
        self.possible.add(data)

    def acknowledged(self, data):
        self.possible = {data}


class Client(threading.Thread):
    """Writes its own slots, one write at a time, and remembers what became of each."""

    def __init__(self, path, number, seed):
        super().__init__(daemon=True)
        self.path, self.number = path, number
        self.random = random.Random(f"{seed} client {number}")
        self.slots = [Slot() for _ in range(SLOTS)]
        self.count = collections.Counter()
        self.ending = threading.Event()
        self.pause = threading.Event()
        self.resting = threading.Event()
        self.rpc = None
        self.failure = None

    def offset(self, slot):
        return (self.number * SLOTS + slot) * SLOT * APART

    def data(self):
        self.count["tried"] += 1
        text = f"client {self.number} write {self.count['tried']} ".encode()
        return (text * (SLOT // len(text) + 1))[:SLOT]

    def call(self, method, **params):
        if not self.rpc:
            self.rpc = Rpc(self.path)
        try:
            return self.rpc.call(method, **params)
        except (OSError, EOFError, ValueError):
            self.rpc.close()
            self.rpc = None
            raise

    def write(self):
        number = self.random.randrange(SLOTS)
        slot, data = self.slots[number], self.data()
        slot.tried(data)
        try:
            self.call("group.write", group="g0", offset_bytes=self.offset(number), data=base64.b64encode(data).decode())
        except BROKEN:
            self.count["not acknowledged"] += 1
            time.sleep(0.005)
            return
        slot.acknowledged(data)
        self.count["acknowledged"] += 1

    def run(self):
        while not self.ending.is_set():
            if self.pause.is_set():
                self.resting.set()
                time.sleep(0.002)
                continue
            try:
                self.write()
            except Exception as error:  # told by the main thread
                self.failure = error
                self.resting.set()
                return

    def check(self, call):
        for number, slot in enumerate(self.slots):
            found = base64.b64decode(call("group.read", group="g0", offset_bytes=self.offset(number), length_bytes=SLOT)["data"])
            self.count["read"] += 1
            if found not in slot.possible:
                raise AssertionError(f"client {self.number}, offset {self.offset(number)}: found {found[:40]!r}, "
                                     f"possible are {[p[:40] for p in slot.possible]}")


class Soak:
    def __init__(self, lab, targets, seed):
        self.lab, self.seed = lab, seed
        self.random = random.Random(f"{seed} nemesis")
        self.names = [f"disk{i}" for i in range(targets)]
        self.count = collections.Counter()
        self.relay = None
        self.last = self.found = ""
        self.clients = []

    # what runs

    def start_target(self, name, wait=True):
        i = self.names.index(name)
        options = ["--bus", "unix:" + self.relay.path] if i == 0 else []
        self.lab.target(name, i, *options, size="16M", over="tcp" if i == 1 else "unix", wait=wait)

    def start_bus(self):
        tcp = getattr(self.lab, "tcp", "tcp:127.0.0.1:0")  # targets come back to the same port
        self.lab.bus("--listen", tcp, "--phase-timeout-ms", "500", "--tenure-limit-ms", "1000", tcp=False, trace=False)
        self.lab.tcp = [w for w in self.lab.bus_process.ready if w.startswith("tcp:")][0]

    def start_daemon(self):
        self.lab.daemon("--status-timeout-ms", "1000")

    def start(self):
        self.start_bus()
        self.relay = Relay(self.lab.path("relay.sock"), self.lab.path("bus.sock"))
        for name in self.names:
            self.start_target(name)
        self.start_daemon()
        self.lab.wait_targets(self.names)
        self.lab.call("group.create", name="g0", members=self.names, assume_clean=True)
        for number in range(CLIENTS):
            self.clients.append(Client(self.lab.path("control.sock"), number, self.seed))
            self.clients[-1].start()

    # faults

    def delay(self):
        time.sleep(self.random.uniform(0, 0.05))

    def a_target(self):
        return self.random.choice(self.names)

    def kill_target(self):
        name = self.a_target()
        self.lab.targets[name].kill()
        self.delay()
        self.start_target(name)

    def kill_targets(self):
        for name in self.names:
            self.lab.targets[name].kill()
        self.delay()
        for name in self.random.sample(self.names, len(self.names)):
            self.start_target(name)

    def kill_bus(self):
        self.lab.bus_process.kill()
        self.delay()
        self.start_bus()

    def kill_daemon(self):
        self.lab.daemon_process.kill()
        self.delay()
        self.start_daemon()

    def kill_all(self):
        processes = [self.lab.bus_process, self.lab.daemon_process, *self.lab.targets.values()]
        order = self.random.sample(processes, len(processes))
        for process in order:
            process.kill()
        self.last = f"killed in this order: {' '.join(p.name for p in order)}"
        self.start_bus()
        for name in self.random.sample(self.names, len(self.names)):
            self.start_target(name)
        self.start_daemon()

    def stop_target(self):
        process = self.lab.targets[self.a_target()]
        process.signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0, 1.6))
        process.signal(signal.SIGCONT)

    def stop_bus(self):
        self.lab.bus_process.signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0, 0.5))
        self.lab.bus_process.signal(signal.SIGCONT)

    def cut_socket(self):
        self.relay.cut()

    def full_store(self):
        """The file system takes no more beyond some place: EFBIG, until it does again."""
        pid = self.lab.targets[self.a_target()].pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self.random.randrange(USED // 2), resource.RLIM_INFINITY))
        time.sleep(self.random.uniform(0.02, 0.2))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def medium_error(self):
        lba = self.random.randrange(USED // 512)
        self.lab.call("target.fault", target=self.a_target(), spec=f"medium-error:lba={lba},blocks=2000,times=3")

    def crc_error(self):
        self.lab.call("target.fault", target=self.a_target(), spec="crc-error:times=5")

    def reset_bus(self):
        self.lab.call("bus.reset")

    FAULTS = {name.replace("_", "-"): name for name in (
        "kill_target", "kill_targets", "kill_bus", "kill_daemon", "kill_all", "stop_target", "stop_bus", "cut_socket", "full_store",
        "medium_error", "crc_error", "reset_bus")}

    # what must hold

    def members(self):
        try:
            return {m["name"]: m["state"] for m in self.lab.call("group.show", group="g0")["members"]}
        except BROKEN:
            return {}

    def heal(self):
        """All are there again, and all in sync."""
        self.lab.wait_targets(self.names)
        self.found = f"members after it: {self.members()}"

        def in_sync():
            states = self.members()
            if states and all(s == "in_sync" for s in states.values()):
                return True
            if "in_sync" in states.values() and not self.lab.call("job.list", live=True)["jobs"]:
                try:
                    self.lab.wait_job(self.lab.create_job("resync"))
                    self.count["resyncs"] += 1
                except BROKEN:
                    pass
            return False

        until("all members in sync", in_sync, 60)

    def quiet(self, on):
        for client in self.clients:
            client.resting.clear()
            (client.pause.set if on else client.pause.clear)()
        if on:
            until("the clients rest", lambda: all(c.resting.is_set() for c in self.clients))
        for client in self.clients:
            if client.failure:
                raise client.failure

    def acknowledged(self):
        return sum(c.count["acknowledged"] for c in self.clients)

    def read_back(self):
        with self.lab.rpc() as rpc:
            for client in self.clients:
                client.check(rpc.call)

    def compare(self):
        self.lab.call("group.flush", group="g0")
        for name in self.names[1:]:
            done = subprocess.run(["cmp", self.lab.store(self.names[0]), self.lab.store(name)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            assert done.returncode == 0, f"in sync, but different: {done.stdout.decode()}"
        self.count["comparisons"] += 1

    def round(self, fault):
        time.sleep(self.random.uniform(0.02, 0.1))
        getattr(self, self.FAULTS[fault])()
        self.count[fault] += 1
        self.quiet(True)
        self.heal()
        self.read_back()
        self.compare()
        before = self.acknowledged()
        self.quiet(False)
        until("writes to be acknowledged again", lambda: self.acknowledged() > before)

    def summary(self):
        total = sum((c.count for c in self.clients), collections.Counter())
        return "; ".join(f"{k} {v}" for k, v in [*self.count.items(), *total.items()])


def main():
    rounds = int(os.environ.get("ROUNDS", "100"))
    most = float(os.environ.get("SECONDS_MOST", "0")) or float("inf")
    seed = os.environ.get("SEED", str(random.randrange(1 << 32)))
    faults = os.environ.get("FAULTS", "").split() or list(Soak.FAULTS)
    unknown = [f for f in faults if f not in Soak.FAULTS]
    if unknown:
        sys.exit(f"FAULTS: {' '.join(unknown)}: no such fault; there are: {' '.join(Soak.FAULTS)}")
    laboratory.LIMIT_S = max(laboratory.LIMIT_S, 60)
    print(f"seed {seed}, {rounds} rounds, faults: {' '.join(faults)}", flush=True)
    began, done = time.monotonic(), 0
    with Lab() as lab:
        soak = Soak(lab, int(os.environ.get("TARGETS", "3")), seed)
        soak.start()
        try:
            while done < rounds and time.monotonic() - began < most:
                fault = soak.random.choice(faults)
                try:
                    soak.round(fault)
                except BaseException:
                    print(f"FAILED in round {done + 1}, {fault}; again: make soak SEED={seed} ROUNDS={rounds} FAULTS='{' '.join(faults)}'")
                    print(f"{soak.last}; {soak.found}; {soak.summary()}", flush=True)
                    raise
                done += 1
                if done % 20 == 0:
                    print(f"{done} rounds, {time.monotonic() - began:.0f} s: {soak.summary()}", flush=True)
        finally:
            for client in soak.clients:
                client.ending.set()
    print(f"{done} rounds in {time.monotonic() - began:.0f} s, nothing acknowledged was lost: {soak.summary()}")


if __name__ == "__main__":
    main()
