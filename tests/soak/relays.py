# SPDX-License-Identifier: BSD-2-Clause
"""Sockets between the programs and the bus server, which can be cut in the middle of whatever passes, or held up.

They live in a process of their own, so that they are as fast as they can be here: `python3 relays.py NAME=LISTEN,TO ...`, with
addresses as the programs take them, prints a line of JSON with where each listens, then does what the lines of its standard input say,
and prints a line for each. Descriptors go along, so programs share memory through a UNIX one.

    cut NAME BYTES      each connection ends after so many bytes more, or a tenth of a second; prints how many there were
    hold NAME SECONDS   nothing passes, and the connections stay
    counts              {NAME: connections that came so far}
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time

CHUNK = 64 << 10
FDS = 16


def parse(address):
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))


class Pair:
    def __init__(self, near, far):
        self.sockets = near, far
        self.left = None  # bytes until it is cut
        self.lock = threading.Lock()

    def share(self, n):
        """Of n bytes so many may pass."""
        with self.lock:
            if self.left is None:
                return n
            part = min(n, self.left)
            self.left -= part
            return part

    def drop(self):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Relay:
    def __init__(self, listen, to):
        self.to = parse(to)
        self.pairs = set()
        self.count = 0
        self.held_until = 0
        family, where = parse(listen)
        self.family = family
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(where)
        self.listener.listen(8)
        self.address = listen if family == socket.AF_UNIX else "tcp:%s:%d" % self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near = self.listener.accept()[0]
            far = socket.socket(self.to[0], socket.SOCK_STREAM)
            try:
                far.connect(self.to[1])
            except OSError:
                near.close()
                far.close()
                continue
            if self.family == socket.AF_INET:
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(near, far)
            self.pairs.add(pair)
            self.count += 1
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b, pair), daemon=True).start()

    def receive(self, a):
        if self.family == socket.AF_INET:
            return a.recv(CHUNK), []
        data, fds, _, _ = socket.recv_fds(a, CHUNK, FDS)
        return data, fds

    def carry(self, a, b, pair):
        fds = []
        try:
            while True:
                data, fds = self.receive(a)
                while (pause := self.held_until - time.monotonic()) > 0:
                    time.sleep(pause)
                part = pair.share(len(data))
                if part == 0:
                    break
                sent = socket.send_fds(b, [data[:part]], fds) if fds else 0
                b.sendall(data[sent:part])
                while fds:
                    os.close(fds.pop())
        except OSError:
            pass
        for fd in fds:
            os.close(fd)
        pair.drop()
        self.pairs.discard(pair)

    def cut(self, after):
        pairs = list(self.pairs)
        for pair in pairs:
            with pair.lock:
                pair.left = after
            if after == 0:
                pair.drop()
        end = time.monotonic() + 0.1
        while any(p.left for p in pairs) and self.pairs.intersection(pairs) and time.monotonic() < end:
            time.sleep(0.001)
        for pair in pairs:
            pair.drop()
        return len(pairs)


def serve(relays):
    for line in sys.stdin:
        order, *words = line.split()
        answer = None
        if order == "cut":
            answer = relays[words[0]].cut(int(words[1]))
        elif order == "hold":
            relays[words[0]].held_until = time.monotonic() + float(words[1])
        else:
            answer = {name: relay.count for name, relay in relays.items()}
        print(json.dumps(answer), flush=True)


class Relays:
    """The process, from outside: {name: (listen, to)}; .address has where each is."""

    def __init__(self, ends):
        words = [f"{name}={listen},{to}" for name, (listen, to) in ends.items()]
        self.child = subprocess.Popen([sys.executable, os.path.abspath(__file__), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.address = json.loads(self.child.stdout.readline())

    def ask(self, *words):
        self.child.stdin.write(" ".join(map(str, words)) + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


def main():
    relays = {}
    for word in sys.argv[1:]:
        name, _, ends = word.partition("=")
        relays[name] = Relay(*ends.split(","))
    print(json.dumps({name: relay.address for name, relay in relays.items()}), flush=True)
    serve(relays)


if __name__ == "__main__":
    main()
