# SPDX-License-Identifier: BSD-2-Clause
"""A bus server for one target: a socket, and the frames that it would send."""

import contextlib
import os
import socket
import struct

from crc import crc32c
from lab import LIMIT_S

TYPES = {"ATTACH": 1, "ATTACHED": 2, "REFUSED": 3, "ERROR": 4, "PING": 5, "PONG": 6, "PORT": 7, "ARM": 8, "MEMBERS": 9,
         "BURST": 13, "PROGRAM": 14, "RESET": 15, "MGMT": 16}
NAMES = {number: name for name, number in TYPES.items()}
SELECT, MSG_OUT, COMMAND, DATA_OUT, STATUS, FREE = 1, 2, 3, 4, 6, 8
ARM_MODES = ("none", "front", "full")


def counted(data):
    return struct.pack(">H", len(data)) + data


def item(kind, data=b"", arg=0, flags=0):
    return struct.pack(">BBBBIII", kind, arg, flags, 0, 0, len(data), 0) + data


def items_of(data):
    """(kind, arg, bytes or length) of each item of a program."""
    found = []
    while data:
        kind, arg, _, _, _, length, _ = struct.unpack(">BBBBIII", data[:16])
        data = data[16:]
        if kind in (MSG_OUT, COMMAND, 7, 9):
            found.append((kind, arg, data[:length]))
            data = data[length:]
        else:
            found.append((kind, arg, length))
    return found


class Server:
    """The other end of a target's connection."""

    def __init__(self, lab):
        self.path = lab.path("bus.sock")
        self.listener = None
        self.conn = None

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(8)
        return self

    def accept(self):
        self.listener.settimeout(LIMIT_S)
        self.conn, _ = self.listener.accept()
        self.conn.settimeout(LIMIT_S)
        return self.get("ATTACH")

    def attach(self, boot=1, heartbeat_ms=0, epoch=1):
        asked = self.accept()
        self.put("ATTACHED", struct.pack(">IQBI", epoch, boot, asked[3], heartbeat_ms) + counted(b"spi3"))
        return asked

    def put(self, name, head, data=b""):
        self.conn.sendall(struct.pack(">BBBBII", TYPES[name], 0, 0, 0, len(head), len(data)) + head + data)

    def bytes(self, n):
        got = b""
        while len(got) < n:
            chunk = self.conn.recv(n - len(got))
            if not chunk:
                raise EOFError("the target closed")
            got += chunk
        return got

    def frame(self):
        kind, _, _, _, head, data = struct.unpack(">BBBBII", self.bytes(12))
        return NAMES[kind], self.bytes(head), self.bytes(data)

    def get(self, name):
        """The head of the next frame of that name; others before it are dropped."""
        while True:
            kind, head, data = self.frame()
            if kind == name:
                self.data = data
                return head

    def burst(self, tenure, items, data=b"", wanted=False, token=0):
        head = struct.pack(">IIIBBIBB", tenure, token, 0, 1, 7, 3, int(wanted), 0)
        self.put("BURST", head + counted(items), data)

    def program(self):
        """(kind, items) of the next program."""
        head = self.get("PROGRAM")
        kind, _, _, _, _, _, length = struct.unpack(">BIIIBIH", head[:20])
        return ("continue", "reselect")[kind - 1], items_of(head[20:20 + length])

    def write(self, tenure, lba, data, tag=5, lun=0):
        """What an armed port delivers: a WRITE(10) that has disconnected."""
        cdb = struct.pack(">BBIBHB", 0x2A, 0, lba, 0, len(data) // 512, 0)
        self.burst(tenure, item(SELECT, flags=1) + item(MSG_OUT, bytes([0xC0 | lun, 0x20, tag])) + item(COMMAND, cdb) +
                   struct.pack(">BBBBIII", DATA_OUT, 0, 0, 0, 0, len(data), crc32c(data)) + item(FREE), data)

    def command(self, tenure, cdb, lun=0):
        self.burst(tenure, item(SELECT, flags=1) + item(MSG_OUT, bytes([0x80 | lun])) + item(COMMAND, cdb), wanted=True, token=9)
        return self.program()

    def no_attention(self):
        """Takes the UNIT ATTENTION of initiator 7."""
        self.command(1, b"\x03\0\0\0\x12\0")

    def fault(self, spec):
        self.put("MGMT", struct.pack(">IBBBBB", 1, 0, 7, 3, 3, 0) + counted(spec.encode()))
        head = self.get("MGMT")
        return head[8], head[11:].decode()

    def close(self):
        for end in (self.conn, self.listener):
            if end:
                end.close()
        self.conn = self.listener = None
        os.unlink(self.path)


def started(lab, *options, **named):
    """A server, and a target of ID 3 that is attached to it."""
    server = Server(lab).listen()
    target = lab.target("disk", 3, *options, wait=False, **named)
    server.attach()
    target.wait_ready()
    return server, target


@contextlib.contextmanager
def attached(lab, *options, attention=True, **named):
    """The same while it lasts: at its end the target ends cleanly. Without attention: that of power on has been taken."""
    server, target = started(lab, *options, **named)
    if not attention:
        server.no_attention()
    yield server, target
    target.stop()
    server.close()
