# SPDX-License-Identifier: BSD-2-Clause
"""Who writes to a group, several at once, and knows what each block may hold."""

import base64
import collections
import random
import struct
import time

MIB = 1 << 20
SIZE = 8 * MIB
BLOCK = 4096


class Writer:
    """Writes blocks that say which write they are; .may[b] is what block b may hold: acknowledged, then unanswered ones."""

    def __init__(self, lab, seed, blocks=SIZE // BLOCK):
        self.lab = lab
        self.random = random.Random(seed)
        self.blocks = blocks
        self.may = collections.defaultdict(lambda: [b"\0" * BLOCK])
        self.number = 0
        self.acknowledged = 0

    def data(self, block):
        self.number += 1
        return struct.pack(">QQ", self.number, block) * (BLOCK // 16)

    def run(self, rpc, until_acknowledged, in_flight=8, after=None):
        """Writes until so many were acknowledged, then calls after(); ends when the connection does, or nothing is in flight."""
        flying, target, errors = {}, self.acknowledged + until_acknowledged, 0
        try:
            while flying or self.acknowledged < target:
                while len(flying) < in_flight and (self.acknowledged < target or after):
                    block = self.random.randrange(self.blocks)
                    if block in [b for b, _ in flying.values()]:
                        continue
                    data = self.data(block)
                    self.may[block].append(data)
                    params = {"group": "g0", "offset_bytes": block * BLOCK, "data": base64.b64encode(data).decode()}
                    flying[rpc.start("group.write", params)] = (block, data)
                answer = rpc.message()
                if answer.get("id") not in flying:
                    continue
                block, data = flying.pop(answer["id"])
                if "result" in answer:
                    self.acknowledged += 1
                    self.may[block] = [data]
                else:
                    errors += 1
                    assert errors < 1000, answer
                    time.sleep(0.001)
                if after and self.acknowledged >= target:
                    after()
                    after = None
        except (EOFError, OSError):
            return

    def check(self, names):
        """All stores are equal, and each block is one that it may be; it is then known what it is."""
        stores = []
        for name in names:
            with open(self.lab.store(name), "rb") as file:
                stores.append(file.read())
        for name, store in zip(names[1:], stores[1:]):
            if store != stores[0]:
                first = next(i for i in range(0, SIZE, BLOCK) if store[i:i + BLOCK] != stores[0][i:i + BLOCK])
                raise AssertionError(f"{name} and {names[0]} differ, first at block {first // BLOCK}")
        for block, may in list(self.may.items()):
            is_there = stores[0][block * BLOCK:(block + 1) * BLOCK]
            assert is_there in may, (f"block {block}: write {struct.unpack('>Q', is_there[:8])[0]} is there, not one of "
                                     f"{[struct.unpack('>Q', m[:8])[0] for m in may]}")
            self.may[block] = [is_there]
