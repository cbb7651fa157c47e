#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A target whose store is slow: it delays its own status, and nothing else.

The store is slow where the test wants it to be, for as long as it wants: see gated_target.c.
"""

import os
import select
import signal
import struct
import time

from lab import BUILD, Lab, until
from server import COMMAND, FREE, MSG_OUT, SELECT, STATUS, attached, item, started
from tap import main, test

CDB = ">BBIBHB"


class Gated(Lab):
    """A lab whose targets have gates in their stores."""

    def __init__(self):
        super().__init__()
        self.gates = self.path("gates")
        self.environment = {"GATES": self.gates}
        os.mkdir(self.gates)

    def program(self, name):
        if name == "smirror-target":
            return os.path.join(BUILD, "tests/integration/gated_target")
        return super().program(name)

    def gate(self, name):
        return os.path.join(self.gates, str(name))

    def shut(self, name):
        os.mkfifo(self.gate(name))

    def await_waiting(self, name):
        until(f"a call waits at gate {name}", lambda: os.path.exists(self.gate(name) + ".waits"))

    def open(self, name):
        """Lets one go that waits (or comes), and takes the gate away."""
        fd = os.open(self.gate(name), os.O_WRONLY)
        os.unlink(self.gate(name))
        os.close(fd)

    def stored(self, lba):
        with open(self.store("disk"), "rb") as file:
            file.seek(lba * 512)
            return file.read(512)


def queued(server, tenure, cdb, tag):
    """A command without data out, that has disconnected."""
    server.burst(tenure, item(SELECT, flags=1) + item(MSG_OUT, bytes([0xC0, 0x20, tag])) + item(COMMAND, cdb) + item(FREE))


def ended(server):
    """(tag, status) of the next task that ends by reselection."""
    kind, items = server.program()
    assert kind == "reselect", (kind, items)
    status = [i for i in items if i[0] == STATUS]
    return items[0][2][2], status[0][1]


def goes_on(server):
    """All but what is slow: other writes and reads, commands, management, heartbeats."""
    server.write(20, 200, b"\x22" * 512, tag=6)
    assert ended(server) == (6, 0)
    queued(server, 21, struct.pack(CDB, 0x28, 0, 200, 0, 1, 0), 7)
    assert ended(server) == (7, 0) and server.data == b"\x22" * 512
    kind, items = server.command(22, bytes(6))
    assert (kind, items[0]) == ("continue", (STATUS, 0, 0)), (kind, items)
    assert server.fault("crc-error") == (0, "ok")
    server.put("MGMT", struct.pack(">IBBBBB", 2, 0, 7, 3, 5, 0) + b"\0\0")  # FAULT_CLEAR
    server.get("MGMT")
    server.put("PING", struct.pack(">Q", 77))
    assert server.get("PONG") == struct.pack(">Q", 77)


@test("blocks that the disk is slow with delay only their own status")
def slow_blocks():
    with Gated() as lab, attached(lab, attention=False) as (server, _):
        lab.shut(100)
        server.write(2, 100, b"\x11" * 512)
        lab.await_waiting(100)
        for _ in range(30):  # a disk that has proved fast is trusted: with others, too
            goes_on(server)
        lab.open(100)
        assert ended(server) == (5, 0) and lab.stored(100) == b"\x11" * 512
        lab.shut(300)
        queued(server, 3, struct.pack(CDB, 0x28, 0, 300, 0, 1, 0), 5)
        lab.await_waiting(300)
        goes_on(server)
        lab.open(300)
        assert ended(server) == (5, 0) and server.data == bytes(512)


@test("a slow SYNCHRONIZE CACHE delays only its own status")
def slow_flush():
    with Gated() as lab, attached(lab, attention=False) as (server, _):
        lab.shut("flush")
        queued(server, 2, b"\x35" + bytes(9), 5)
        lab.await_waiting("flush")
        goes_on(server)
        # those that come meanwhile end together, with the next flush
        queued(server, 3, b"\x35" + bytes(9), 8)
        queued(server, 4, b"\x35" + bytes(9), 9)
        lab.open("flush")
        assert [ended(server) for _ in range(3)] == [(5, 0), (8, 0), (9, 0)]


@test("a later write to the same blocks waits for the slow one, and lands last")
def same_blocks():
    with Gated() as lab, attached(lab, attention=False) as (server, _):
        lab.shut(100)
        server.write(2, 100, b"\x11" * 1024, tag=5)
        lab.await_waiting(100)
        server.write(3, 101, b"\x22" * 512, tag=8)
        goes_on(server)
        assert lab.stored(101) == bytes(512)
        lab.open(100)
        assert [ended(server), ended(server)] == [(5, 0), (8, 0)]
        assert lab.stored(100) == b"\x11" * 512 and lab.stored(101) == b"\x22" * 512


@test("a connection lost with a write in the store: it attaches again when that has landed")
def lost():
    with Gated() as lab, attached(lab, attention=False) as (server, target):
        lab.shut(100)
        server.write(2, 100, b"\x11" * 512)
        lab.await_waiting(100)
        server.close()
        server.listen()
        until("it waits for its store", lambda: "1 operation of the store is under way" in target.stderr())
        assert not select.select([server.listener], [], [], 0)[0], "it attached"
        lab.open(100)
        server.attach(boot=2)
        server.no_attention()
        assert lab.stored(100) == b"\x11" * 512
        goes_on(server)


def abort(server, tenure, tag):
    """What the target answers to ABORT TASK: its messages, without BUS FREE behind them."""
    server.burst(tenure, item(SELECT, flags=1) + item(MSG_OUT, bytes([0xC0, 0x20, tag, 0x0D])), wanted=True, token=9)
    kind, items = server.program()
    assert kind == "continue" and items[-1][0] == FREE, (kind, items)
    return b"".join(i[2] for i in items[:-1])


@test("ABORT TASK of what hangs in the store is rejected, and the bus free; it is confirmed when that has come back")
def aborted():
    with Gated() as lab, attached(lab, attention=False) as (server, _):
        lab.shut(100)
        server.write(2, 100, b"\x11" * 512)
        lab.await_waiting(100)
        assert abort(server, 3, 5) == b"\x07"
        assert abort(server, 4, 6) == b""  # there is none
        goes_on(server)
        lab.open(100)
        for tenure in range(30, 1000):
            if abort(server, tenure, 5) == b"":
                break
        assert lab.stored(100) == b"\x11" * 512


@test("commands that time out in a store that hangs: the bus is not reset for it, and when it comes back all go on")
def timed_out():
    with Gated() as lab:
        names = lab.start(2, group="g0")
        resets = lab.call("bus.stats")["resets"]
        lab.shut(100)
        answer = lab.call("scsi.execute", target=names[0], cdb="28000000006400000100", data_in_length=512, timeout_ms=200)
        assert answer["outcome"] == "command_timeout", answer
        assert lab.call("scsi.execute", target=names[1], cdb="000000000000")["outcome"] == "completed"
        lab.open(100)
        image = lab.image(1 << 20)
        lab.run_job("mirror", "g0", image)
        lab.assert_copies(image, names)
        assert lab.call("bus.stats")["resets"] == resets and "attach anew" not in lab.bus_process.stderr()


@test("SIGTERM with a write in the store: its status is sent, then it ends")
def terminated():
    with Gated() as lab:
        server, target = started(lab)
        server.no_attention()
        lab.shut(100)
        server.write(2, 100, b"\x11" * 512)
        lab.await_waiting(100)
        target.signal(signal.SIGTERM)
        until("it is told", lambda: "signal 15: ending" in target.stderr())
        lab.open(100)
        assert ended(server) == (5, 0)
        server.conn.close()
        server.conn = None
        assert target.wait() == 0 and lab.stored(100) == b"\x11" * 512
        server.close()


@test("one disk of the bus is slow: a job on another group is done meanwhile")
def other_group():
    with Gated() as lab:
        names = lab.start(2, group=None)
        for group, name in zip("ab", names):
            lab.call("group.create", name=group, members=[name])
        image = lab.image(1 << 20)
        # both disks have the gate: the one whose job comes first waits
        lab.shut(0)
        slow = lab.create_job("mirror", "a", image)
        lab.await_waiting(0)
        os.rename(lab.gate(0), lab.gate("aside"))
        lab.run_job("mirror", "b", image)
        assert lab.job(slow)["state"] == "running", lab.job(slow)
        os.rename(lab.gate("aside"), lab.gate(0))
        lab.open(0)
        assert lab.wait_job(slow)["conclusion"] == "success"
        lab.assert_copies(image, names)


class Reloaded(Gated):
    """A bus, a target "disk" whose configuration file names its further logical units, and a daemon."""

    def __enter__(self):
        super().__enter__()
        self.configure()
        self.bus()
        self.disk = self.target("disk", 0, "--config", self.path("disk.conf"))
        self.daemon()
        self.wait_targets(["disk"])
        return self

    def configure(self, *luns):
        """(LUN, file)"""
        listed = ", ".join(f'"{lun}={self.path(name)},size=4M"' for lun, name in luns)
        with open(self.path("disk.conf"), "w", encoding="ascii") as file:
            file.write(f"lun = {{{listed}}}\n")

    def reload(self, *luns):
        self.configure(*luns)
        self.disk.signal(signal.SIGHUP)

    def answers(self, lun=0):
        """TEST UNIT READY; whose LUN is not there is told 05/2500."""
        for _ in range(8):  # UNIT ATTENTIONs
            begun = time.monotonic()
            done = self.call("scsi.execute", target="disk", lun=lun, cdb="00" * 6)
            assert time.monotonic() - begun < 2, "it was held up"
            if done["status"] != 2 or done["sense"][4:6] != "06":
                break
        return "not there" if done["status"] == 2 and done["sense"][24:28] == "2500" else done["status"]

    def until_said(self, *words):
        until(f"it says {words}", lambda: all(w in self.disk.stderr() for w in words))


@test("a logical unit whose store is slow to open, or to close, holds up no other one")
def slow_to_open():
    with Reloaded() as lab:
        lab.shut("open")
        lab.reload((1, "one.img"))
        lab.await_waiting("open")
        assert lab.answers() == 0 and lab.answers(1) == "not there"
        lab.reload((1, "one.img"))  # it is under way
        assert lab.answers() == 0
        lab.open("open")
        lab.until_said("LUN 1 is there")
        assert lab.answers(1) == 0
        lab.shut("flush")
        lab.reload()
        lab.await_waiting("flush")
        lab.reload((1, "one.img"))  # before it is closed
        assert lab.answers() == 0 and lab.answers(1) == "not there"
        assert "LUN 1 is closed" not in lab.disk.stderr()
        lab.open("flush")
        until("it is there again", lambda: lab.disk.stderr().count("LUN 1 is there") == 2)
        assert lab.answers(1) == 0 and "in use" not in lab.disk.stderr(), lab.disk.stderr()


@test("a logical unit that is left out while it is opened does not come; what is said last counts")
def left_out_while_opened():
    with Reloaded() as lab:
        lab.shut("open")
        lab.reload((1, "one.img"), (2, "two.img"))
        lab.await_waiting("open")
        lab.reload((2, "two.img"))
        lab.answers()
        lab.reload((1, "other.img"), (2, "two.img"))
        lab.answers()
        lab.open("open")
        lab.until_said("other.img: LUN 1 is there", "two.img: LUN 2 is there")
        assert "one.img: LUN 1 is there" not in lab.disk.stderr()
        assert lab.answers(1) == lab.answers(2) == 0
        lab.reload((2, "two.img"), (3, "one.img"))  # nobody has it
        lab.until_said("one.img: LUN 3 is there", "other.img: LUN 1 is closed")


@test("a target that ends while a logical unit is opened, or closed, ends when that is done")
def ends_while_opened():
    with Reloaded() as lab:
        lab.reload((1, "one.img"))
        lab.until_said("LUN 1 is there")
        for gate, luns in (("open", ((1, "one.img"), (2, "two.img"))), ("flush", ())):
            lab.shut(gate)
            lab.reload(*luns)
            lab.await_waiting(gate)
            os.unlink(lab.gate(gate) + ".waits")
            lab.disk.signal(signal.SIGTERM)
            time.sleep(0.3)
            lab.open(gate)
            lab.disk.wait(0)
            lab.configure((1, "one.img"), (2, "two.img"))
            lab.disk = lab.target("disk", 0, "--config", lab.path("disk.conf"))
            lab.wait_targets(["disk", "disk:1", "disk:2"])


if __name__ == "__main__":
    main()
