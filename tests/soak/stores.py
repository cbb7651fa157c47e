# SPDX-License-Identifier: BSD-2-Clause
"""What a file system is told to refuse (failing_target.c), and what a kernel drops that could not write it."""

import mmap
import os
import struct

ORDERS = ("write", "read", "sync", "record", "writes", "reads", "syncs", "limits")
UNDO = struct.Struct("=IIQ48s")
WRITE, SYNCED, FAILED = range(3)
PAGE = 4096


class Orders:
    """Those of one process, by number; attributes are the fields of struct orders."""

    def __init__(self, directory, pid):
        self.__dict__["path"] = os.path.join(directory, str(pid))
        with open(self.path, "r+b") as file:
            self.__dict__["map"] = mmap.mmap(file.fileno(), 4 * len(ORDERS))

    def __getattr__(self, name):
        return struct.unpack_from("=I", self.map, 4 * ORDERS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("=I", self.map, 4 * ORDERS.index(name), value)

    def given(self):
        return {name: getattr(self, name) for name in ORDERS[4:]}

    def undone(self):
        """{file: [(where, bytes that were there)]} of files whose sync has failed: what was written since one that did not."""
        with open(self.path + ".undo", "rb") as file:
            data = file.read()
        files, failed, at = {}, set(), 0
        while at + UNDO.size <= len(data):
            what, length, where, name = UNDO.unpack_from(data, at)
            name = name.rstrip(b"\0").decode()
            at += UNDO.size
            if what == WRITE:
                files.setdefault(name, []).append((where, data[at:at + length]))
            elif what == SYNCED and name not in failed:
                files[name] = []
            elif what == FAILED:
                failed.add(name)
            at += length
        return {name: files.get(name, []) for name in failed}


def drop(directory, undone, random):
    """Half of the pages, at random, are as they were; their number. The process has ended."""
    dropped = 0
    for name, writes in undone.items():
        pages = sorted({p for where, old in writes for p in range(where // PAGE, (where + len(old) - 1) // PAGE + 1)})
        lost = {p for p in pages if random.random() < 0.5}
        with open(os.path.join(directory, name), "r+b", buffering=0) as file:
            for where, old in reversed(writes):
                for p in lost:
                    first, end = max(where, p * PAGE), min(where + len(old), (p + 1) * PAGE)
                    if first < end:
                        file.seek(first)
                        file.write(old[first - where:end - where])
        dropped += len(lost)
    return dropped
