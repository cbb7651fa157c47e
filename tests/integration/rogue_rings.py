# SPDX-License-Identifier: BSD-2-Clause
"""Targets and initiators that misuse shared memory: refused by the kernel or by name; healthy jobs beside them succeed."""

import contextlib
import os
import struct

import frames as fr
import memory
from beside import DAEMON, MIB, Beside, bench, counted, does, initiator, resident, sound
from crc import crc32c
from frames import I_COMMAND, I_DATA_IN, I_DATA_OUT, I_MSG_OUT, I_SELECT, Disk, Wire
from lab import until
from memory import PAGE, Memory
from tap import cases, main, test


def open_fds(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


@contextlib.contextmanager
def nothing_left(lab):
    """What the block did has left no descriptor and no memory with the bus server."""
    before = open_fds(lab.bus_process)
    yield
    until("all descriptors closed", lambda: open_fds(lab.bus_process) == before)
    with open(f"/proc/{lab.bus_process.pid}/maps", encoding="utf-8") as file:
        assert "by-hand" not in file.read()


# ---- targets ----


def maps_it(self, number, size):
    """As it should be: maps what is offered, and says so. What was withdrawn stays mapped, whoever likes it or not."""
    if size:
        self.rings[number] = memory.mapped(self.fds[-1], size)
        self.send(fr.ring(number, size))


def other_numbers(self, number, size):
    for other in (number + 1, number - 1, 0, 0xFFFFFFFF):
        self.send(fr.ring(other, size))


def many_answers(self, number, size):
    maps_it(self, number, size)
    self.send(fr.ring(number, size) * 2000)


def other_lengths(self, number, size):
    maps_it(self, number, size)
    self.send(fr.ring(number, 0), fr.ring(number, 1), fr.ring(number, 1 << 63))


def with_descriptors(self, number, size):
    for _ in range(20):
        self.send_fds(fr.ring(number + 1, size), *[0] * 4)


RIGHT = "as it should"
RING_ANSWERS = {
    RIGHT: (maps_it, True),
    "not at all": (lambda self, number, size: None, False),
    "of rings that there are not": (other_numbers, False),
    "2000 times": (many_answers, True),
    "of other lengths": (other_lengths, True),
    "with descriptors of its own": (with_descriptors, False),
}


@cases("a target that answers {}: its copy is right, by reference or inline, and so are the others'", RING_ANSWERS)
@does("a target answers a RING", *(what for what in RING_ANSWERS if what != RIGHT))
def ring_answers(case):
    on_ring, by_reference = RING_ANSWERS[case]
    with bench(before=lambda lab: lab.target("other", 3)) as lab:
        lab.wait_targets(["other"])
        before = open_fds(lab.bus_process)
        rogue = Disk(lab, 2, on_ring=on_ring)
        lab.wait_targets(["rogue"])
        lab.call("group.create", name="g1", members=["other", "2"])
        with Beside(lab):
            image = lab.image(MIB)
            lab.run_job("mirror", group="g1", image=image)
        lab.assert_copies(image, ["other"])
        with open(image, "rb") as file:
            assert bytes(rogue.media[:MIB]) == file.read()
        assert rogue.by_reference == (MIB if by_reference else 0), rogue.by_reference
        assert not rogue.gone() and not rogue.errors, (rogue.refused, rogue.errors)
        sound(lab)
        rogue.stop()
        until("its descriptors closed", lambda: open_fds(lab.bus_process) == before)


@test("a target that tries to write into the ring, to shrink, grow, empty or reopen it is refused by the kernel, and outlives the daemon with it")
@does("a target tries to", "write into the ring", "shrink it", "grow it", "empty it", "reopen it", "outlive the daemon with it")
def thief():
    with bench() as lab:
        rogue = Disk(lab, 9, "thief", told=[], on_ring=lambda self, number, size: self.told.append((number, size)))
        lab.wait_targets(["thief"])
        (number, size), (fd,) = rogue.told[0], rogue.fds
        assert os.fstat(fd).st_size == size, size
        with Beside(lab, size=2 * MIB):
            memory.attack(fd, size)
        kept = memory.mapped(fd, size)
        assert struct.unpack_from("=Q", kept)[0] == memory.MAGIC
        lab.daemon_process.stop()
        until("it is told that the ring is no more", lambda: rogue.told[1:] == [(number, 0)])
        memory.attack(fd, size)
        before = bytes(kept)
        lab.daemon(*DAEMON)
        lab.wait_targets(["disk0", "disk1", "thief"])
        lab.run_job("mirror", image=lab.image(MIB, "again", 5))
        lab.assert_copies(lab.path("again"), ["disk0", "disk1"])
        assert len(rogue.told) == 3 and rogue.told[2][0] != number, rogue.told
        assert bytes(kept) == before, "the memory of an old ring is used again"
        assert not rogue.gone() and not rogue.errors
        sound(lab)
        rogue.stop()


# ---- initiators: the ring ----


def offer(wire, made, number=None, size=None, fds=None):
    """RING with a descriptor; what came of it: None, or the text of the ERROR."""
    told = len(wire.errors)
    wire.send_fds(fr.ring(wire.epoch if number is None else number, made.size if size is None else size),
                  *([made.fd] if fds is None else fds))
    kind = wire.await_frame(fr.RING, fr.ERROR)[0]
    if kind == fr.RING:
        return None
    code, about, _, text = wire.errors[told]
    assert about == fr.RING and code == fr.BAD_VALUE, wire.errors
    return text


SEALED = memory.SEALS
WRONG_RINGS = {
    "without a descriptor": ({}, {"fds": []}, "no descriptor came with it"),
    "with a descriptor of /dev/null": ({}, {"fds": "null"}, "no sealed memory"),
    "with one of a file": ({}, {"fds": "file"}, "no sealed memory"),
    "with memory without seals": ({"seals": 0}, {}, "no sealed memory"),
    "with memory that can shrink": ({"seals": SEALED & ~2}, {}, "no sealed memory"),
    "with memory that can grow": ({"seals": SEALED & ~4}, {}, "no sealed memory"),
    "with memory that others can write": ({"seals": SEALED & ~0x10}, {}, "no sealed memory"),
    "with memory of which not all is there": ({"holes": True}, {}, "not all there"),
    "with the number of another attach": ({}, {"number": 1}, "not the epoch of this attach"),
    "with number 0": ({}, {"number": 0}, "not the epoch of this attach"),
    "of a length that is too small": ({}, {"size": 4 * PAGE}, "not of the length"),
    "of a length that is too large": ({}, {"size": 2 * MIB}, "not of the length"),
    "of no length": ({}, {"size": 0}, "no such length"),
    "of half a page": ({}, {"size": 2048}, "no such length"),
    "of 2^63 bytes": ({}, {"size": 1 << 63}, "no such length"),
    "of a form that is none": ({"magic": 5}, {}, "not the form of a ring"),
    "of no pages": ({"told": 0}, {}, "not the form of a ring"),
    "of more pages than there are": ({"told": 256}, {}, "not the form of a ring"),
    "of 2^32 pages": ({"told": 0xFFFFFFFF}, {}, "not the form of a ring"),
}


@test("a ring that is none is refused, and it is said what is wrong with it; one that is in order is taken then, and no second one")
@does("an initiator offers a ring", *WRONG_RINGS, "twice")
def wrong_rings():
    with bench() as lab, Beside(lab), open("/dev/null", "rb") as null, open(lab.path("file"), "w+b") as file, nothing_left(lab):
        file.truncate(MIB)
        files = {"null": [null.fileno()], "file": [file.fileno()]}
        for what, (form, how, text) in WRONG_RINGS.items():
            with initiator(lab) as rogue, Memory(**form) as made, Memory() as good:
                fds = how.get("fds")
                answer = offer(rogue, made, **dict(how, fds=files[fds] if isinstance(fds, str) else fds))
                assert answer and text in answer and answer.startswith("RING "), (what, answer)
                assert offer(rogue, good) is None, what
                assert "has a ring already" in offer(rogue, good), what
                rogue.sync()


@test("a ring before the attach, before its answer, over TCP, by a tap: refused; who goes on is put out, and its descriptors closed")
@does("somebody offers a ring", "before the attach", "before its answer", "over TCP", "as a tap", "5000 times")
def misplaced_rings():
    with bench() as lab, Beside(lab), Memory() as made, nothing_left(lab):
        with Wire(lab) as rogue:
            rogue.send_fds(fr.ring(1, made.size), made.fd)
            assert rogue.drain() == (fr.BAD_STATE, "RING before ATTACH")
        with Wire(lab) as rogue:
            rogue.send_fds(fr.attach(fr.INITIATOR, 5, bytes(16), "early") + fr.ring(1, made.size), made.fd)
            rogue.await_frame(fr.ERROR)
            assert rogue.errors[0][:2] == (fr.BAD_STATE, fr.RING), rogue.errors
            rogue.await_frame(fr.ATTACHED)
            rogue.sync()
        with Wire(lab, tcp=True) as rogue:
            rogue.attach(fr.INITIATOR, 4)
            rogue.send(fr.ring(rogue.epoch, made.size))
            rogue.await_frame(fr.ERROR)
            assert "no shared memory over this connection" in rogue.errors[0][3], rogue.errors
            rogue.send(fr.script(1, fr.conventional(0, bytes(6)), fr.Ref(rogue.epoch, made.data_at, 512)))
            assert rogue.drain()[0] == fr.BAD_FRAME and "which is not known" in rogue.refused[1], rogue.refused
        with Wire(lab) as rogue:
            rogue.send(fr.attach(fr.TAP, fr.NO_ID, bytes(16), "tap"))
            rogue.await_frame(fr.ATTACHED)
            rogue.send_fds(fr.ring(rogue.epoch, made.size), made.fd)
            rogue.await_frame(fr.ERROR)
            assert rogue.errors[0][0] == fr.BAD_FRAME, rogue.errors
        before = resident(lab.bus_process)
        with initiator(lab) as rogue:
            with contextlib.suppress(OSError):
                for _ in range(5000):
                    rogue.send_fds(fr.ring(rogue.epoch, made.size), *[0] * 4)
            assert rogue.drain()[0] == fr.BAD_VALUE and len(rogue.errors) == 16, (rogue.refused, len(rogue.errors))
        assert resident(lab.bus_process) - before < 16 * MIB
        log = lab.bus_process.stderr()
        assert log.count("RING") < 50, log[:2000]


@test("an ATTACH that is refused does not change what the port is: a target cannot become the owner of a ring by a second one")
@does("a target attaches", "again, as an initiator")
def second_attach():
    with bench() as lab, Memory() as made, nothing_left(lab):
        with Wire(lab) as rogue:
            rogue.send(fr.attach(fr.TARGET, 6, bytes(16), "twice"), fr.attach(fr.INITIATOR, 6, bytes(16), "twice"))
            rogue.await_frame(fr.ATTACHED)
            rogue.await_frame(fr.RING)  # it is offered the daemon's, as a target
            rogue.send_fds(fr.ring(rogue.epoch, made.size), made.fd)
            rogue.sync()
            with open(f"/proc/{lab.bus_process.pid}/maps", encoding="utf-8") as file:
                assert "by-hand" not in file.read()
        sound(lab)


# ---- initiators: references ----

LBA = 6000  # beyond what the jobs beside write


def write16(lba, blocks):
    return struct.pack(">BBQIBB", 0x8A, 0, lba, blocks, 0, 0)


def attached(lab):
    """An initiator with a ring, to whom disk0 has told its UNIT ATTENTION."""
    rogue = initiator(lab)
    rogue.number = 0
    made = Memory()
    assert offer(rogue, made) is None
    for _ in range(3):
        execute(rogue, bytes(6))
    return rogue, made


def execute(rogue, cdb, data=b"", out=0, crc=0, into=0):
    """A command to disk0: (outcome, status, data in)."""
    rogue.number += 1
    phases = [(I_DATA_OUT, 0, out, crc)] if out else [(I_DATA_IN, 0, into)] if into else []
    rogue.send(fr.script(rogue.number, [(I_SELECT, 0, fr.ATN), (I_MSG_OUT, fr.IDENTIFY + bytes([1])), (I_COMMAND, cdb)] + phases, data))
    got = b""
    while True:
        _, head, more = rogue.await_frame(fr.TENURE)
        script, _, _, _, _, outcome, has_status, status = struct.unpack_from(">IIBBIBBB", head)
        if script == rogue.number:
            got += more
            if fr.OUTCOMES[outcome] not in ("disconnected", "more"):
                return fr.OUTCOMES[outcome], status if has_status else None, got


def sense(rogue):
    """(key, ASC, ASCQ)"""
    _, status, data = execute(rogue, b"\x03\0\0\0\x12\0", into=18)
    assert status == 0, status
    return data[2] & 0xF, data[12], data[13]


MODE_CHANGED = (0x06, 0x2A, 0x01)  # the daemon writes page 30h when its job ends


def write_sense(rogue, cdb, ref, out, crc):
    """The sense of a write that fails, by itself: a UNIT ATTENTION that came in between is not its."""
    while True:
        assert execute(rogue, cdb, ref, out, crc)[:2] == ("complete", 2)
        got = sense(rogue)
        if got != MODE_CHANGED:
            return got


def write_good(rogue, cdb, ref, out, crc):
    while True:
        got = execute(rogue, cdb, ref, out, crc)
        if got[1] != 2 or sense(rogue) != MODE_CHANGED:
            return got == ("complete", 0, b"")


def stored(lab, blocks):
    with open(lab.store("disk0"), "rb") as file:
        file.seek(LBA * 512)
        return file.read(blocks * 512)


@test("two initiators with a ring each: what the second writes by reference arrives; a wrong CRC, or memory that was given to others, does not")
@does("an initiator writes by reference", "with a wrong CRC", "what was given to others meanwhile")
def second_initiator():
    with bench() as lab, Beside(lab, size=2 * MIB):
        rogue, made = attached(lab)
        with rogue, made:
            data = bytes(range(256)) * 32
            good = fr.Ref(rogue.epoch, made.put(5, data, 77), len(data), 77)
            assert write_good(rogue, write16(LBA, 16), good, len(data), crc32c(data))
            assert stored(lab, 16) == data
            # a part of a page, and what the daemon has at the same place of its own ring
            odd = fr.Ref(rogue.epoch, good.off + 512, 1024, 77)
            assert write_good(rogue, write16(LBA, 2), odd, 1024, crc32c(data[512:1536]))
            assert stored(lab, 16) == data[512:1536] + data[1024:]
            was = stored(lab, 16)
            other = made.put(9, data[::-1], 78)
            wrong = fr.Ref(rogue.epoch, other, len(data), 78)
            assert write_sense(rogue, write16(LBA, 16), wrong, len(data), 1) == (0x0B, 0x47, 0x01)
            # its CRC is right: that the memory has another generation meanwhile is what tells
            late = fr.Ref(rogue.epoch, other, len(data), 77)
            assert write_sense(rogue, write16(LBA, 16), late, len(data), crc32c(data[::-1])) == (0x0B, 0x4B, 0x00)
            assert stored(lab, 16) == was
            assert not rogue.errors
        lab.take("disk0", LBA * 512, 16 * 512)
    # and what the daemon's job wrote is what it should be: Beside has compared


OUTSIDE = {
    "before its data": lambda r, m: fr.Ref(r.epoch, m.data_at - 1, 512),
    "in its header": lambda r, m: fr.Ref(r.epoch, 0, 512),
    "over its end": lambda r, m: fr.Ref(r.epoch, m.size - 511, 512),
    "behind its end": lambda r, m: fr.Ref(r.epoch, m.size, 512),
    "at 4 GiB": lambda r, m: fr.Ref(r.epoch, 0xFFFFFFFF, 512),
    "longer than it": lambda r, m: fr.Ref(r.epoch, m.data_at, m.size),
    "in the daemon's ring": lambda r, m: fr.Ref(r.ports[7][1], m.data_at, 512),
    "in a ring that there is not": lambda r, m: fr.Ref(0xFFFFFFFF, m.data_at, 512),
    "of no length": lambda r, m: fr.Ref(r.epoch, m.data_at, 0),
    "of 4 GiB": lambda r, m: fr.Ref(r.epoch, m.data_at, 0xFFFFFFFF),
}
SAYS = {"in the daemon's ring": "which is not known", "in a ring that there is not": "which is not known",
        "of no length": "their length is 0", "of 4 GiB": "data length is 4294967295"}


@test("data at references that lead nowhere: the port is out, and is told which; nothing is written")
@does("an initiator refers to data", *OUTSIDE)
def references_outside():
    with bench() as lab, Beside(lab), nothing_left(lab):
        before = stored(lab, 8)
        for what, make in OUTSIDE.items():
            rogue, made = attached(lab)
            with rogue, made:
                ref = make(rogue, made)
                rogue.send(fr.script(99, fr.conventional(0, write16(LBA, 1), data=[(I_DATA_OUT, 0, 512)]), ref))
                assert rogue.drain()[0] == fr.BAD_FRAME, (what, rogue.refused)
                text = SAYS.get(what, f"do not lie in ring {rogue.epoch} of {made.size} bytes")
                assert text in rogue.refused[1], (what, rogue.refused)
        assert stored(lab, 8) == before


@test("frames without data that have them in a ring, and a byte 1 that means nothing, are refused")
@does("an initiator sends", "a PING with data in a ring", "a byte 1 of 2", "a byte 1 of 255")
def odd_headers():
    with bench() as lab, Beside(lab):
        for bytes_, text in ((fr.frame(fr.PING, bytes(8), fr.Ref(1, PAGE, 512)), "PING"),
                             (b"\x0a\x02" + fr.script(1, [(I_SELECT, 0)])[2:], "reserved bytes are 020000h"),
                             (b"\x0a\xff" + fr.script(1, [(I_SELECT, 0)])[2:], "reserved bytes are ff0000h")):
            with initiator(lab) as rogue:
                rogue.send(bytes_)
                assert rogue.drain()[0] == fr.BAD_FRAME and text in rogue.refused[1], rogue.refused


@test("an initiator that vanishes with its ring, scripts by reference waiting and on their way: no other job notices")
@does("an initiator vanishes", "with its ring, and scripts by reference on their way")
def vanishing():
    with bench() as lab:
        with Beside(lab, size=2 * MIB), nothing_left(lab):
            for round_ in range(10):
                rogue, made = attached(lab)
                with rogue, made:
                    data = bytes([round_]) * 65536
                    ref = fr.Ref(rogue.epoch, made.put(0, data, 5), len(data), 5)
                    listed = [(I_SELECT, 0, fr.ATN), (I_MSG_OUT, fr.IDENTIFY + b"\x20"), (I_COMMAND, write16(LBA, 128)),
                              (I_DATA_OUT, 0, len(data), crc32c(data))]
                    rogue.send(*[fr.script(100 + n, [listed[0], (I_MSG_OUT, fr.IDENTIFY + bytes([n + 2]))] + listed[2:], ref)
                                 for n in range(12)])
        lab.take("disk0", LBA * 512, 128 * 512)
        sound(lab)


counted()

if __name__ == "__main__":
    main()
