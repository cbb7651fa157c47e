#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Devices that would have the bus for themselves, by attaching anew, by RST, by late answers, or in another one's name."""

import json
import os
import signal
import struct
import threading
import time
import uuid

import frames as fr
from beside import BUS, HEALTHY, MIB, bench, initiator, resident, shown, sound
from frames import I_COMMAND, I_DATA_OUT, I_FREE, I_MSG_IN, I_MSG_OUT, I_STATUS, Wire
from lab import Lab, until
from tap import main, test

PARITY = 16
RST = fr.frame(fr.RESET, b"\x09" + fr.text(""))


class Mute:
    """A target of ID 9 that is never heard, and attaches anew each time it is put out, as another device."""

    def __init__(self, lab):
        self.lab, self.over, self.attaches, self.said = lab, threading.Event(), 0, []

    def _run(self):
        while not self.over.is_set():
            with Wire(self.lab) as wire:
                try:
                    wire.attach(fr.TARGET, 9, identity=uuid.uuid4().bytes)
                    self.attaches += 1
                    while not self.over.is_set():
                        wire.frame(10)
                except (OSError, fr.Ended):
                    pass
                self.said.append(wire.refused)
            self.over.wait(0.02)

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def waits(self):
        return any(refused and refused[0] == fr.FLOOD for refused in self.said)


@test("a target that is mute, put out, and back at once: from the second time on it waits, jobs go on, another device of its ID waits, too")
def mute():
    with bench() as lab:
        with Mute(lab) as rogue:
            until("it has to wait", rogue.waits)
            begun, before = time.monotonic(), rogue.attaches
            while time.monotonic() - begun < 2:
                sound(lab)
            assert rogue.attaches == before, rogue.attaches
        late = lab.target("late", 9, wait=False)
        until("it is told", lambda: "SCSI ID 9 has kept the bus from others" in late.stderr())
        late.wait_ready()
        sound(lab)


@test("a target that asserts RST where it is to answer is out")
def dodges():
    with bench(BUS + ("--hold-limit-ms", "1200")) as lab:
        with Wire(lab).attach(fr.TARGET, 9) as rogue:
            try:
                while True:
                    if rogue.frame(10)[0] == fr.BURST:
                        time.sleep(0.11)
                        rogue.send(RST)
            except (OSError, fr.Ended):
                pass
            assert "kept the bus waiting in many tenures" in rogue.refused[1], rogue.refused
        sound(lab)


@test("a target whose answers are late, each below its limits, while others want the bus, is out")
def late():
    with bench(("--phase-timeout-ms", "1000", "--hold-limit-ms", "1200")) as lab, initiator(lab) as host:
        with Wire(lab).attach(fr.TARGET, 9) as rogue:
            try:
                for number in range(1, 200):
                    # The first is the daemon's, which wants to know what it is.
                    burst = fr.Burst(*rogue.await_frame(fr.BURST)[1:])
                    if not burst.wanted:
                        continue
                    rogue.send(fr.program(fr.RESELECT, [(I_MSG_IN, b"\x80")], number=number, initiator=6, epoch=rogue.ports[6][1]))
                    host.send(fr.script(number, fr.conventional(0, bytes(6), tag=number)))
                    time.sleep(0.4)
                    rogue.send(fr.program(fr.CONTINUE, [(I_FREE,)], tenure=burst.tenure, token=burst.token))
            except (OSError, fr.Ended):
                pass
            assert "kept the bus waiting in many tenures" in rogue.refused[1], rogue.refused
        sound(lab)


@test("an ATTACH with the ID and the UUID of the daemon, or of a target, takes the place of neither; one that was killed is back at once")
def in_their_name():
    with bench() as lab:
        with Wire(lab).attach(fr.TARGET, 12, "probe") as probe:
            probe.sync()
            ports = dict(probe.ports)
        for role, number in ((fr.INITIATOR, 7), (fr.TARGET, 0)):
            with Wire(lab) as rogue:
                rogue.send(fr.attach(role, number, ports[number][2], "x"))
                code, text = rogue.drain()
                assert code == fr.UUID_HELD and "by another process" in text, (code, text)
        assert {p["id"]: p["epoch"] for p in shown(lab)["ports"] if p["id"] in (0, 7)} == {i: ports[i][1] for i in (0, 7)}
        begun = time.monotonic()
        lab.targets["disk0"].kill()
        lab.target("disk0", 0)
        assert time.monotonic() - begun < 5, time.monotonic() - begun
        lab.wait_targets(HEALTHY)
        lab.run_job("mirror", image=lab.image(MIB))


@test("a bus server that was stopped blames nobody whose answer lay in the socket")
def stopped():
    with Lab() as lab:
        lab.bus("--phase-timeout-ms", "500", trace=False)
        with Wire(lab).attach(fr.INITIATOR, 7) as host, Wire(lab).attach(fr.TARGET, 2) as target:
            host.sync()
            target.sync()
            for number in range(1, 4):
                host.send(fr.script(number, fr.conventional(2, bytes(6))))
                burst = fr.Burst(*target.await_frame(fr.BURST)[1:])
                lab.bus_process.signal(signal.SIGSTOP)
                target.send(fr.program(fr.CONTINUE, [(I_FREE,)], tenure=burst.tenure, token=burst.token))
                time.sleep(0.8)
                lab.bus_process.signal(signal.SIGCONT)
                assert host.await_frame(fr.TENURE, fr.RESET)[0] == fr.TENURE
            target.sync()


@test("a trace that nobody reads does not stop the bus: whole lines are lost, what comes is in order")
def trace_fifo():
    with Lab() as lab:
        os.mkfifo(lab.path("fifo"))
        reader = os.open(lab.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        lab.bus("--trace", lab.path("fifo"), trace=False)
        for number in (0, 1):
            lab.target(f"disk{number}", number)
        lab.daemon()
        lab.wait_targets(HEALTHY)
        lab.call("group.create", name="g0", members=["0", "1"])
        got = b""
        for _ in range(2):
            lab.run_job("mirror", image=lab.image(2 * MIB), transfer_bytes=4096)
        until("it is said", lambda: "its reader is behind; events are lost" in lab.bus_process.stderr())

        def read():
            nonlocal got
            try:
                while True:
                    got += os.read(reader, 1 << 20)
            except BlockingIOError:
                return len(got)

        until("all has come", lambda: read() == (time.sleep(0.2), read())[1])
        lab.run_job("mirror", image=lab.image(64 * 1024))
        until("more comes", lambda: read() > 0 and got.endswith(b"\n"))
        seqs = [json.loads(line)["seq"] for line in got.splitlines()]
        assert seqs == sorted(set(seqs)) and len(seqs) < seqs[-1], (len(seqs), seqs[-1])
        os.close(reader)


@test("an initiator that asks the bus server again and again and reads no answer costs some MiB")
def reads_no_answer():
    with bench() as lab, initiator(lab) as rogue:
        before = resident(lab.bus_process)
        ask = fr.frame(fr.MGMT, struct.pack(">IBBBBBH", 1, 0, 6, fr.NO_ID, 1, 0, 0)) * 2000
        for _ in range(60):
            if not rogue.offer(ask):
                break
        assert resident(lab.bus_process) - before < 64 * MIB, (resident(lab.bus_process) - before) >> 20
        sound(lab)


@test("connections that are closed for nonsense and stay open at the other end cost no more than 64 descriptors")
def lingering():
    with bench() as lab:
        nonsense = []
        for _ in range(400):
            wire = Wire(lab)
            wire.sock.sendall(b"\xff" * 12)
            nonsense.append(wire)
        begun = time.monotonic()
        lab.target("late", 4)
        assert len(os.listdir(f"/proc/{lab.bus_process.pid}/fd")) < 64 + 64 and time.monotonic() - begun < 1.5
        for wire in nonsense:
            wire.close()
        sound(lab)


def phases_without_end(host, rogue):
    host.sync()
    rogue.sync()

    def asked():
        while True:
            burst = fr.Burst(*rogue.await_frame(fr.BURST)[1:])
            if burst.wanted:
                return burst

    def program(number, body, tag):
        return fr.program(fr.RESELECT, fr.item(I_MSG_IN, octets=bytes([0x80, 0x20, tag])) + body + fr.item(I_FREE),
                          number=number, initiator=6, epoch=rogue.ports[6][1])

    pieces = [(I_DATA_OUT, i, 1) for i in range(8)]
    host.send(fr.script(1, fr.conventional(5, bytes(6), tag=1, data=pieces), data=bytes(8)))
    burst = asked()
    rogue.send(fr.program(fr.CONTINUE, [(I_MSG_OUT,), (I_COMMAND,), (I_MSG_IN, b"\x04"), (I_FREE,)], tenure=burst.tenure,
                          token=burst.token))
    host.await_frame(fr.TENURE)
    host.send(fr.script(2, fr.conventional(5, bytes(6), tag=2)))
    burst = asked()
    status = fr.item(I_STATUS, 0, PARITY)
    pair = fr.item(I_MSG_IN, 0, PARITY, octets=b"\x03") + fr.item(I_DATA_OUT, length=8)
    rogue.send(*[program(n, status * 200, 99) for n in range(1, 6)], program(7, pair * 159, 1))
    rogue.send(fr.program(fr.CONTINUE, [(I_FREE,)], tenure=burst.tenure, token=burst.token))
    assert "more phases than a program may" in rogue.drain()[1], rogue.refused


@test("programs of more phases than a step has room for end their port, not the bus server")
def phases():
    with Lab() as lab:
        lab.bus()
        lab.target("disk0", 0)
        with Wire(lab).attach(fr.INITIATOR, 6) as host, Wire(lab).attach(fr.TARGET, 5) as rogue:
            phases_without_end(host, rogue)
            host.send(fr.script(3, fr.conventional(0, bytes(6), tag=3)))
            while host.await_frame(fr.TENURE)[1][:4] != struct.pack(">I", 3):
                pass


if __name__ == "__main__":
    main()
