# SPDX-License-Identifier: BSD-2-Clause
"""Clients that write to a group all the while, read what they wrote now and then, and remember what became of each write."""

import base64
import collections
import random
import threading
import time

from lab import Rpc, RpcError

KIB = 1 << 10
SLOT = 4 * KIB  # what a client writes at once
SLOTS = 64      # of each client
APART = 4       # slots lie in so many times their size, for more regions of the log to be in play
READS = 8       # one in so many is a read
BROKEN = (RpcError, OSError, EOFError, ValueError)


def used(clients):
    """Bytes of a group that so many write to."""
    return clients * SLOTS * SLOT * APART


class Slot:
    """What a read of it may find."""

    def __init__(self):
        self.possible = {bytes(SLOT)}

    def tried(self, data):
        self.possible.add(data)

    def acknowledged(self, data):
        self.possible = {data}


class Client(threading.Thread):
    """Has its own slots, and writes one at a time."""

    def __init__(self, path, group, number, seed):
        super().__init__(daemon=True)
        self.path, self.group, self.number = path, group, number
        self.random = random.Random(f"{seed} client {group} {number}")
        self.slots = [Slot() for _ in range(SLOTS)]
        self.count = collections.Counter()
        self.longest = 0  # seconds, since the nemesis set it to 0
        self.ending = threading.Event()
        self.pause = threading.Event()
        self.resting = threading.Event()
        self.rpc = None
        self.failure = None

    def offset(self, slot):
        return (self.number * SLOTS + slot) * SLOT * APART

    def data(self):
        self.count["tried"] += 1
        text = f"{self.group} client {self.number} write {self.count['tried']} ".encode()
        return (text * (SLOT // len(text) + 1))[:SLOT]

    def call(self, method, **params):
        if not self.rpc:
            self.rpc = Rpc(self.path)
        try:
            return self.rpc.call(method, group=self.group, **params)
        except (OSError, EOFError, ValueError):
            self.rpc.close()
            self.rpc = None
            raise

    def write(self, number):
        slot, data = self.slots[number], self.data()
        slot.tried(data)
        try:
            self.call("group.write", offset_bytes=self.offset(number), data=base64.b64encode(data).decode())
        except BROKEN as error:
            self.count["refused" if isinstance(error, RpcError) else "cut off"] += 1
            time.sleep(0.005)
            return
        slot.acknowledged(data)
        self.count["acknowledged"] += 1

    def read(self, number):
        try:
            self.look(number, self.call)
        except BROKEN:
            self.count["not read"] += 1
            time.sleep(0.005)

    def step(self):
        number, began = self.random.randrange(SLOTS), time.monotonic()
        (self.write if self.random.randrange(READS) else self.read)(number)
        self.longest = max(self.longest, time.monotonic() - began)

    def run(self):
        while not self.ending.is_set():
            if self.pause.is_set():
                self.resting.set()
                time.sleep(0.002)
                continue
            try:
                self.step()
            except Exception as error:  # told by the main thread
                self.failure = error
                self.resting.set()
                return

    def look(self, number, call):
        slot = self.slots[number]
        found = base64.b64decode(call("group.read", offset_bytes=self.offset(number), length_bytes=SLOT)["data"])
        self.count["read"] += 1
        if found not in slot.possible:
            raise AssertionError(f"{self.group}, client {self.number}, offset {self.offset(number)}: found {found[:60]!r}, "
                                 f"possible are {[p[:60] for p in slot.possible]}")

    def check(self, rpc):
        for number in range(SLOTS):
            self.look(number, lambda method, **params: rpc.call(method, group=self.group, **params))
