# SPDX-License-Identifier: BSD-2-Clause
"""Frames of a bus port, encoded and decoded by hand, and a target made of them: for tests that break the rules.

Written from the layout in src/wire/wire.h, not from its code, so that a test can send what our own code would not.
"""

import os
import select
import socket
import struct
import threading
import time
import uuid

LIMIT_S = float(os.environ.get("LAB_LIMIT_S", "60"))

ATTACH, ATTACHED, REFUSED, ERROR, PING, PONG, PORT, ARM, MEMBERS = range(1, 10)
SCRIPT, CANCEL, TENURE, BURST, PROGRAM, RESET, MGMT, TRACE, RING = range(10, 19)
TARGET, INITIATOR, TAP, NO_ID = 1, 2, 3, 0xFF
(I_SELECT, I_MSG_OUT, I_COMMAND, I_DATA_OUT, I_DATA_IN, I_STATUS, I_MSG_IN, I_FREE, I_LATCH, I_TOKEN,
 I_PASS) = range(1, 12)
ATN, CUT = 1, 2
BYTES = (I_MSG_OUT, I_COMMAND, I_MSG_IN, I_LATCH)
CONTINUE, RESELECT = 1, 2
LEADER_ID, SELECTION, RELEASE, MIRROR_STATUS = 1, 2, 3, 4
OUTCOMES = (None, "complete", "disconnected", "released", "selection_timeout", "unexpected_free", "reset", "cancelled",
            "bad_script", "no_nexus", "more")
(VERSION, ID_HELD, UUID_HELD, BAD_FRAME, BAD_STATE, NOT_YOURS, FLOOD, CONFLICT, NO_PORT, BAD_VALUE, SUPERSEDED,
 SHUTDOWN) = range(1, 13)


IN_RING = 1  # byte 1 of a header: the data are in shared memory, and the head begins with a reference to them


class Ref:
    """Data in a ring, where a frame has its data: number of the ring, offset, length, generation."""

    def __init__(self, ring, off, length, generation=0):
        self.ring, self.off, self.length, self.generation = ring, off, length, generation


def frame(kind, head=b"", data=b""):
    if isinstance(data, Ref):
        head = struct.pack(">III", data.ring, data.off, data.generation) + head
        return struct.pack(">BB2xII", kind, IN_RING, len(head), data.length) + head
    return struct.pack(">B3xII", kind, len(head), len(data)) + head + data


def ring(number, size):
    return frame(RING, struct.pack(">IQ", number, size))


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def item(kind, arg=0, flags=0, off=0, length=None, crc=0, octets=b""):
    tail = octets if kind in BYTES else b""
    return struct.pack(">BBBxIII", kind, arg, flags, off, len(tail) if length is None else length, crc) + tail


def items(listed):
    """Items as tuples: (kind,) or (kind, arg) or (kind, bytes); data phases (kind, offset, length)."""
    result = b""
    for entry in listed:
        kind, rest = entry[0], entry[1:]
        if kind in BYTES:
            result += item(kind, octets=rest[0] if rest else b"")
        elif kind in (I_DATA_OUT, I_DATA_IN):
            off, length, crc = (*rest, 0, 0)[:3] if len(rest) > 1 else (0, rest[0], 0)
            result += item(kind, off=off, length=length, crc=crc)
        else:
            result += item(kind, *rest)
    return result


def read_items(data):
    """[(kind, arg, flags, length, bytes)]"""
    result, at = [], 0
    while at < len(data):
        kind, arg, flags, _, length, _ = struct.unpack_from(">BBBxIII", data, at)
        at += 16
        octets = b""
        if kind in BYTES:
            octets = data[at:at + length]
            at += length
        result.append((kind, arg, flags, length, octets))
    return result


def attach(role, scsi_id, identity, name, version=1):
    return frame(ATTACH, struct.pack(">HBB", version, role, scsi_id) + identity + text(name))


def script(number, listed, data=b""):
    return frame(SCRIPT, struct.pack(">I", number) + text(listed if isinstance(listed, bytes) else items(listed)), data)


def program(kind, listed, number=0, tenure=0, token=0, initiator=NO_ID, epoch=0, data=b""):
    head = struct.pack(">BIIIBI", kind, number, tenure, token, initiator, epoch)
    return frame(PROGRAM, head + text(listed if isinstance(listed, bytes) else items(listed)), data)


def arm(mode, luns=()):
    """luns: (lun, block size, blocks, most data, opcodes)"""
    head = bytes([mode, len(luns)])
    for lun, size, blocks, most, ops in luns:
        head += struct.pack(">BIQIB", lun, size, blocks, most, len(ops)) + bytes(ops)
    return frame(ARM, head)


def members(claims):
    """claims: (lun, group, device)"""
    return frame(MEMBERS, bytes([len(claims)]) + b"".join(struct.pack(">BHB", *c) for c in claims))


def mirror_message(function, group, device, op, last=False, status=0, sense=b""):
    body = struct.pack(">BBBHBI", 0xE0, function, 1 if last else 0, group, device, op)
    if function == MIRROR_STATUS:
        body += bytes([status, len(sense)]) + sense
    return bytes([1, len(body)]) + body


def read_messages(data):
    """[(code, bytes)]; of an extended message the code is ("ext", code)."""
    result, at = [], 0
    while at < len(data):
        first = data[at]
        size = 2 + data[at + 1] if first == 1 else 2 if 0x20 <= first <= 0x2F else 1
        one = data[at:at + size]
        result.append((("ext", one[2]) if first == 1 else first, one))
        at += size
    return result


def read_mirror(data):
    """(function, group, device, operation id) of the mirroring message among these, or None."""
    for code, one in read_messages(data):
        if code == ("ext", 0xE0):
            return struct.unpack_from(">BxHBI", one, 3)
    return None


IDENTIFY = b"\xc0\x20"


def conventional(target, cdb, tag=1, data=()):
    return [(I_SELECT, target, ATN), (I_MSG_OUT, IDENTIFY + bytes([tag])), (I_COMMAND, cdb), *data]


class Ended(Exception):
    """The server closed the connection; .refused holds the REFUSED frame's (code, text), if one came."""


class Wire:
    """
    A connection to the bus server. What came is looked through for ERROR and REFUSED. Descriptors that came are in
    .fds; data by reference are found in .rings (number: what is there to be read), into which a test puts memory.
    """

    def __init__(self, lab, tcp=False):
        if tcp:
            host, _, number = lab.tcp[4:].rpartition(":")
            self.sock = socket.create_connection((host, int(number)), LIMIT_S)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.connect(lab.path("bus.sock"))
            self.sock.settimeout(LIMIT_S)
        self.buffer = bytearray()
        self.lock = threading.Lock()
        self.errors = []  # (code, frame type, ref, text)
        self.refused = None
        self.epoch = None
        self.ports = {}  # id: (role, epoch, uuid, name) of those that are up
        self.fds = []
        self.rings = {}
        self.by_reference = 0  # bytes that came so

    def send(self, *frames):
        with self.lock:
            self.sock.sendall(b"".join(frames))

    def send_fds(self, data, *fds):
        """A frame with descriptors, which stay the caller's."""
        with self.lock:
            sent = socket.send_fds(self.sock, [data], list(fds))
            assert sent == len(data), (sent, len(data))

    def offer(self, *frames):
        """send() to a server that may have closed; whether all was taken."""
        try:
            self.send(*frames)
            return True
        except OSError:  # broken, reset, or closed by the thread that saw its end
            return False

    def _fill(self, count, limit_s):
        end = time.monotonic() + limit_s
        while len(self.buffer) < count:
            wait = end - time.monotonic()
            if wait <= 0 or not select.select([self.sock], [], [], wait)[0]:
                raise TimeoutError("no frame came")
            try:
                if self.sock.family == socket.AF_UNIX:
                    chunk, fds, _, _ = socket.recv_fds(self.sock, 1 << 20, 16)
                    self.fds += fds
                else:
                    chunk = self.sock.recv(1 << 20)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise Ended(self.refused)
            self.buffer += chunk

    def frame(self, limit_s=LIMIT_S):
        """The next frame: (type, head, data)."""
        self._fill(12, limit_s)
        kind, where, head_len, data_len = struct.unpack_from(">BB2xII", self.buffer)
        inline = 0 if where == IN_RING else data_len
        self._fill(12 + head_len + inline, LIMIT_S)
        head = bytes(self.buffer[12:12 + head_len])
        data = bytes(self.buffer[12 + head_len:12 + head_len + inline])
        del self.buffer[:12 + head_len + inline]
        if where == IN_RING:
            number, off, _ = struct.unpack_from(">III", head)
            head = head[12:]
            data = bytes(self.rings[number][off:off + data_len])
            self.by_reference += data_len
        if kind in (ERROR, REFUSED):
            code, what, ref, size = struct.unpack_from(">BBIH", head)
            words = head[8:8 + size].decode(errors="replace")
            if kind == ERROR:
                self.errors.append((code, what, ref, words))
            else:
                self.refused = (code, words)
        elif kind == ATTACHED:
            self.epoch = struct.unpack_from(">I", head)[0]
        elif kind == PORT:
            up, number, role, epoch = struct.unpack_from(">BBBI", head)
            if up:
                self.ports[number] = (role, epoch, head[7:23], head[25:].decode())
            else:
                self.ports.pop(number, None)
        return kind, head, data

    def await_frame(self, *kinds, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while True:
            got = self.frame(max(0.001, end - time.monotonic()))
            if got[0] in kinds:
                return got

    def sync(self):
        """All that was sent is done with: a PING came back."""
        self.send(frame(PING, bytes(8)))
        self.await_frame(PONG)

    def attach(self, role, scsi_id, name="rogue", identity=None):
        self.id = scsi_id
        self.uuid = identity or uuid.uuid4().bytes
        self.name = name
        self.send(attach(role, scsi_id, self.uuid, name))
        self.await_frame(ATTACHED)
        return self

    def drain(self, limit_s=LIMIT_S):
        """Reads until the server closes; the (code, text) of its REFUSED."""
        try:
            while True:
                self.frame(limit_s)
        except Ended:
            return self.refused

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Burst:
    def __init__(self, head, data):
        (self.tenure, self.token, self.program, self.role, self.initiator, self.epoch, self.wanted,
         self.atn) = struct.unpack_from(">IIIBBIBB", head)
        size = struct.unpack_from(">H", head, 20)[0]
        self.items = read_items(head[22:22 + size])
        self.data = data

    def last(self, kind):
        found = [i for i in self.items if i[0] == kind]
        return found[-1] if found else None


class Disk(Wire):
    """
    A target without an armed port, in a thread: it does what a disk does, one phase at a time, until a test
    overrides one of the on_*() functions, each of which answers a moment of a tenure with a list of items (None:
    with nothing). `answer` is given to reply() as it is, for answers that are wrong themselves.
    """

    BLOCK = 512

    def __init__(self, lab, scsi_id, name="rogue", blocks=8192, identity=None, role=TARGET, **wrong):
        super().__init__(lab)
        self.blocks = blocks
        self.media = bytearray(blocks * self.BLOCK)
        self.page30 = bytes(46)
        self.attention = True
        self.wrong = wrong
        self.cdb = None
        self.tag = self.op = self.group = self.device = None
        self.bursts = 0
        self.ended = None
        self.pending = b""
        self.attach(role, scsi_id, name, identity)
        for key, value in wrong.items():
            setattr(self, key, value.__get__(self) if callable(value) else value)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while True:
                kind, head, data = self.frame(3600)
                if kind == PING:
                    self.send(frame(PONG, head))
                elif kind == BURST:
                    self.bursts += 1
                    self.on_burst(Burst(head, data))
                elif kind == MGMT:
                    self.on_mgmt(head)
                elif kind == RING:
                    self.on_ring(*struct.unpack(">IQ", head))
        except (Ended, OSError, ValueError) as why:
            self.ended = repr(why)
            self.sock.close()

    def gone(self):
        """Whether the server closed the connection; what it said is in .refused."""
        return self.ended is not None

    def stop(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(LIMIT_S)
        self.close()

    # what a disk does

    def prepare(self):
        pass

    def on_mgmt(self, head):
        pass

    def on_ring(self, number, size):
        """A ring is offered, or (size 0) withdrawn; without an answer, data come inline."""

    def on_burst(self, burst):
        for kind, _, flags, _, octets in burst.items:
            if kind == I_SELECT:
                self.cdb = self.tag = None
            elif kind in (I_MSG_OUT, I_LATCH):
                self.on_messages(octets)
            elif kind == I_COMMAND:
                self.cdb = octets
        if burst.wanted:
            answer = self.on_wanted(burst)
            if answer is not None:
                self.reply(burst, *answer)
        self.after(burst)

    def after(self, burst):
        pass

    def on_messages(self, octets):
        for code, one in read_messages(octets):
            if code == 0x20:
                self.tag = one[1]
        mirror = read_mirror(octets)
        if mirror:
            function, group, device, op = mirror
            if function in (LEADER_ID, SELECTION):
                self.group, self.device, self.op = group, device, op

    def reply(self, burst, listed, data=b""):
        self.offer(program(CONTINUE, listed, tenure=burst.tenure, token=burst.token, data=data))

    def on_wanted(self, burst):
        last = burst.items[-1] if burst.items else None
        if burst.role == 2:
            return self.on_leader(burst, last)
        if burst.role == 3:
            return self.on_participant(burst, last)
        if last is None:
            return [(I_FREE,)],
        if last[0] == I_SELECT:
            return [(I_MSG_OUT,) if last[2] & ATN else (I_COMMAND,)],
        if last[0] == I_MSG_OUT:
            codes = [c for c, _ in read_messages(last[4])]
            if 0x0D in codes or 0x06 in codes or 0x0C in codes:
                return [(I_FREE,)],
            if any(isinstance(c, tuple) for c in codes):
                return [(I_MSG_IN, b"\x07"), (I_COMMAND,)],
            return [(I_COMMAND,)],
        if last[0] == I_COMMAND:
            return self.on_command(burst)
        if last[0] == I_DATA_OUT:
            return self.on_data(burst)
        return [(I_FREE,)],

    def status(self, status, data=b""):
        listed = [(I_DATA_IN, 0, len(data))] if data else []
        return listed + [(I_STATUS, status), (I_MSG_IN, b"\0"), (I_FREE,)], data

    def inquiry(self, page):
        if page is None:
            return b"\0\0\x06\x12\x5b\0\0\x02" + b"ROGUE   " + b"Hand made       " + b"1.0 " + bytes(60)
        body = {0x80: b"serial", 0x83: b"\x01\x0a\0\x12\x10\0" + self.uuid,
                0xC0: struct.pack(">BBHI4x", 1, 1, 16, 1 << 20) + self.uuid + self.name.encode().ljust(32, b"\0") + bytes(4)}[page]
        return bytes([0, page]) + struct.pack(">H", len(body)) + body

    def capacity(self):
        return struct.pack(">QI", self.blocks - 1, self.BLOCK) + bytes(20)

    def mode_sense(self):
        return bytes(8) + b"\xb0\x2e" + self.page30

    def on_command(self, burst):
        op = self.cdb[0]
        if op == 0x12:
            return self.status(0, self.inquiry(self.cdb[2] if self.cdb[1] & 1 else None)[:struct.unpack_from(">H", self.cdb, 3)[0]])
        if op == 0x9E:
            return self.status(0, self.capacity())
        if op == 0x5A:
            return self.status(0, self.mode_sense())
        if op == 0x03:
            return self.status(0, bytes([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]))
        if op in (0x55, 0x8A):
            return [(I_DATA_OUT, 1 << 24)],
        if op == 0x88:
            lba, count = struct.unpack_from(">QI", self.cdb, 2)
            return self.status(0, bytes(self.media[lba * self.BLOCK:(lba + count) * self.BLOCK]))
        return self.status(0 if op in (0x00, 0x35, 0x91) else 2)

    def on_data(self, burst):
        if self.cdb[0] == 0x55:
            at = 8 + struct.unpack_from(">H", burst.data, 6)[0] + 2
            self.page30 = burst.data[at:at + 46]
            flags, device, group = struct.unpack_from(">BBH", self.page30)
            self.send(members([(0, group, device)] if flags & 1 else []))
        else:
            self.write(burst.data)
        return self.status(0)

    def write(self, data):
        lba = struct.unpack_from(">Q", self.cdb, 2)[0]
        self.media[lba * self.BLOCK:lba * self.BLOCK + len(data)] = data

    def on_leader(self, burst, last):
        if last[0] == I_COMMAND:
            return ([(I_DATA_OUT, 1 << 24)] if self.cdb[0] == 0x8A else [(I_MSG_OUT,)]),
        if last[0] == I_DATA_OUT:
            self.write(burst.data)
            self.owe(burst)
            return [(I_MSG_OUT,)],
        if last[0] == I_TOKEN:
            return [(I_MSG_OUT,)],
        function = read_mirror(last[4])[0]
        if function == LEADER_ID:
            return [(I_COMMAND,)],
        return [(I_PASS,) if function == SELECTION else (I_FREE,)],

    def on_participant(self, burst, last):
        if last[0] == I_DATA_OUT:
            self.write(burst.data)
            self.owe(burst)
            return [(I_MSG_OUT,)],
        if self.cdb[0] != 0x8A:
            self.owe(burst)
            return [(I_MSG_OUT,)],
        return [(I_DATA_OUT, 1 << 24)],

    def owe(self, burst):
        """The mirror status of what it took: queued at once, run when the bus is free."""
        self.send(self.mirror_status(burst))

    def mirror_status(self, burst, status=0, **other):
        what = dict(group=self.group, device=self.device, op=self.op, tag=self.tag, number=self.bursts)
        what.update(other)
        return program(RESELECT, [(I_MSG_IN, b"\x80\x20" + bytes([what["tag"]]) +
                                   mirror_message(MIRROR_STATUS, what["group"], what["device"], what["op"], status=status)),
                                  (I_STATUS, status), (I_MSG_IN, b"\0"), (I_FREE,)],
                       number=what["number"], initiator=burst.initiator, epoch=burst.epoch)
