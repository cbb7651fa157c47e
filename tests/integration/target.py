#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""smirror-target by itself, with a bus server made of a socket and the frames that it would send."""

import os
import select
import signal
import struct
import subprocess
import time

from crc import crc32c
from lab import LIMIT_S, Lab, Process, until
from server import ARM_MODES, COMMAND, DATA_OUT, FREE, MSG_OUT, SELECT, STATUS, Server, attached, counted, item, started
from tap import cases, main, test


def run(lab, *words):
    return subprocess.run([lab.program("smirror-target"), "--bus", lab.unix, "--id", "3", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)


@test("waits for the bus server, attaches with its identity, says so, arms and names its memberships")
def attaches():
    with Lab() as lab:
        target = lab.target("disk", 3, "--uuid", "00112233-4455-6677-8899-aabbccddeeff", wait=False)
        until("it waits", lambda: "waiting for the bus server" in target.stderr())
        assert target.running()
        server = Server(lab).listen()
        asked = server.attach()
        assert asked == b"\0\x01\x81\x03" + bytes.fromhex("00112233445566778899aabbccddeeff") + counted(b"disk") + bytes(12), asked
        assert target.wait_ready() == [lab.unix]
        assert server.get("MEMBERS") == b"\0"
        assert ARM_MODES[server.get("ARM")[0]] == "full"
        target.stop()
        server.close()


@test("a write reaches the store, its status comes by reselection, reads bring it back")
def writes():
    with Lab() as lab, attached(lab, attention=False) as (server, _):
        data = os.urandom(4096)
        server.write(2, 100, data)
        kind, items = server.program()
        assert kind == "reselect" and items[0] == (7, 0, b"\x80\x20\x05") and items[1][:2] == (STATUS, 0), (kind, items)
        with open(lab.path("disk.img"), "rb") as file:
            file.seek(100 * 512)
            assert file.read(4096) == data
        kind, items = server.command(3, struct.pack(">BBIBHB", 0x28, 0, 100, 0, 8, 0))
        assert kind == "continue" and items[0] == (5, 0, 4096) and server.data == data, (kind, items)


@test("--direct: the same past the page cache; a file system that has no direct I/O is named")
def direct():
    with Lab() as lab:
        done = run(lab, "--store", "/sys/kernel/uevent_seqnum", "--write-protect", "--direct")
        assert done.returncode == 1 and b"uevent_seqnum: its file system takes no direct I/O" in done.stderr, done
        server = Server(lab).listen()
        target = lab.target("disk", 3, "--direct", wait=False)
        # where the test's own files are, there may be none
        if select.select([server.listener, target.child.stdout], [], [], LIMIT_S)[0] == [target.child.stdout]:
            assert target.wait() == 1 and "its file system takes no direct I/O" in target.stderr(), target.stderr()
        else:
            server.attach()
            server.no_attention()
            data = os.urandom(4096)
            server.write(2, 101, data)
            assert server.program()[1][1][:2] == (STATUS, 0)
            kind, items = server.command(3, struct.pack(">BBIBHB", 0x28, 0, 101, 0, 8, 0))
            assert server.data == data, (kind, items)
            target.stop()
        server.close()


@test("attaches again when the server comes back, with the same identity")
def attaches_again():
    with Lab() as lab, attached(lab) as (server, target):
        server.close()
        until("it waits again", lambda: target.stderr().count("waiting for the bus server") == 1)
        server.listen()
        first = server.attach(boot=2)
        # a connection that says nonsense is left, too
        server.conn.sendall(b"\xff" * 64)
        again = server.attach(boot=2)
        # it supersedes its own last attach only
        assert (first[-12:], again[-12:]) == (struct.pack(">IQ", 1, 1), struct.pack(">IQ", 1, 2))
        assert again[:-12] == first[:-12]
        until("it is attached", lambda: target.stderr().count("attached as ID 3") == 3)


@test("a first attach that is refused ends it with the server's words; a later one is tried again")
def refused():
    with Lab() as lab:
        server = Server(lab).listen()
        target = lab.target("disk", 3, wait=False)
        server.accept()
        no = struct.pack(">BBI", 2, 1, 0) + counted(b"ID 3 is held by alpha")
        server.put("REFUSED", no)
        assert target.wait() == 1 and "ID 3 is held by alpha" in target.stderr()
        target = lab.target("disk", 3, wait=False)
        server.attach()
        target.wait_ready()
        server.conn.close()
        server.accept()
        server.put("REFUSED", no)
        server.attach()
        until("it is attached", lambda: target.stderr().count("attached as ID 3") == 2)
        assert "ID 3 is held by alpha; trying again" in target.stderr()
        target.stop()
        server.close()


@test("superseded by another process, it ends: it does not take its place back")
def superseded():
    with Lab() as lab:
        server, target = started(lab)
        server.put("REFUSED", struct.pack(">BBI", 11, 0, 0) + counted(b"the same device attached anew"))
        assert target.wait() == 1 and "the same device attached anew" in target.stderr(), target.stderr()
        server.close()


@test("another process that is this device is waited for, for the time that it takes to be found silent, twice; then it ends")
def twin():
    held = struct.pack(">BBI", 3, 1, 200) + counted(b"UUID is attached already, by another process")
    for ends in (False, True):
        with Lab() as lab:
            server = Server(lab).listen()
            target = lab.target("disk", 3, wait=False)
            begun = time.monotonic()
            for _ in range(2):
                server.accept()
                server.put("REFUSED", held)
                server.conn.close()
            if not ends:
                server.attach()
                assert target.wait_ready() == [lab.unix]
                target.stop()
            while ends and target.running():
                if select.select([server.listener], [], [], 0.1)[0]:
                    server.accept()
                    server.put("REFUSED", held)
                    server.conn.close()
            if ends:
                assert target.wait() == 1 and "by another process" in target.stderr(), target.stderr()
                assert time.monotonic() - begun > 2
            server.close()


@test("an ID that has to wait is asked for again, not before that time has passed")
def waits():
    with Lab() as lab:
        server = Server(lab).listen()
        target = lab.target("disk", 3, wait=False)
        server.accept()
        server.put("REFUSED", struct.pack(">BBI", 7, 1, 2000) + counted(b"SCSI ID 3 has kept the bus"))
        server.conn.close()
        begun = time.monotonic()
        server.attach()
        assert 1.9 < time.monotonic() - begun < 6
        target.stop()
        server.close()


@test("answers PING, and sends something before the heartbeat limit")
def heartbeats():
    with Lab() as lab:
        server = Server(lab).listen()
        target = lab.target("disk", 3, wait=False)
        server.attach(heartbeat_ms=150)
        server.put("PING", struct.pack(">Q", 77))
        assert server.get("PONG") == struct.pack(">Q", 77)
        start = time.monotonic()
        for _ in range(3):
            server.get("PING")
        assert time.monotonic() - start < 0.45
        target.stop()
        server.close()


@test("a second process on the same store is refused, and names it")
def locked():
    with Lab() as lab, attached(lab) as (server, _):
        done = run(lab, "--store", lab.path("disk.img"))
        assert done.returncode == 1 and b"disk.img: in use by another process" in done.stderr, done


@test("identity and block size are kept; a damaged metadata file is refused with a clear word")
def metadata():
    with Lab() as lab:
        server, target = started(lab, "--block-size", "4096")
        target.stop()
        server.close()
        with open(lab.path("disk.img.meta"), "rb") as file:
            kept = file.read()
        server, target = started(lab)
        kind, items = server.command(1, b"\x03\0\0\0\x12\0")
        kind, items = server.command(2, b"\x25" + bytes(9))
        assert server.data == struct.pack(">II", 1023, 4096), (kind, items, server.data)
        target.stop()
        server.close()
        with open(lab.path("disk.img.meta"), "rb") as file:
            assert file.read() == kept
        for words, named in ((("--block-size", "512"), b"4096"), (("--uuid", "12345678-1234-1234-1234-123456789abc"), b"UUID"),
                             (("--size", "8M"), b"8388608")):
            done = run(lab, "--store", lab.path("disk.img"), *words)
            assert done.returncode == 1 and named in done.stderr, (words, done)
        with open(lab.path("disk.img.meta"), "r+b") as file:
            file.seek(20)
            file.write(bytes([kept[20] ^ 1]))
        done = run(lab, "--store", lab.path("disk.img"))
        assert done.returncode == 1 and b"disk.img.meta: damaged" in done.stderr, done


@test("a membership survives a restart")
def membership():
    with Lab() as lab:
        server, target = started(lab)
        server.no_attention()
        page = bytes([0x30, 0x2E, 1, 2]) + struct.pack(">H", 5) + bytes(2) + b"G" * 16 + struct.pack(">Q", 1) + bytes(16)
        parameters = bytes(8) + page
        cdb = struct.pack(">BB5xHB", 0x55, 0x11, len(parameters), 0)
        server.burst(2, item(SELECT, flags=1) + item(MSG_OUT, b"\x80") + item(COMMAND, cdb), wanted=True, token=9)
        assert server.program() == ("continue", [(DATA_OUT, 0, len(parameters))])
        server.burst(2, struct.pack(">BBBBIII", DATA_OUT, 0, 0, 0, 0, len(parameters), crc32c(parameters)), parameters,
                     wanted=True, token=10)
        assert server.get("MEMBERS") == struct.pack(">BBHB", 1, 0, 5, 2)
        kind, items = server.program()
        assert items[0] == (STATUS, 0, 0), items
        target.kill()
        server.close()
        with attached(lab) as (server, _):
            assert server.get("MEMBERS") == struct.pack(">BBHB", 1, 0, 5, 2)


@test("SIGTERM: a status that is on its way is sent, then it ends")
def terminates():
    with Lab() as lab:
        server, target = started(lab, faults=["slow:ms=300"])
        server.no_attention()
        server.write(2, 0, bytes(512))
        with open(lab.path("disk.img"), "rb"):
            target.signal(signal.SIGTERM)
        kind, items = server.program()
        assert kind == "reselect" and items[1][:2] == (STATUS, 0)
        assert select.select([server.conn], [], [], LIMIT_S)[0]
        server.conn.close()
        server.conn = None
        assert target.wait() == 0
        server.close()


@cases("die:at={}: it ends as if killed", ("selected", "command", "data", "status"))
def dies(step):
    with Lab() as lab:
        server, target = started(lab)
        server.no_attention()
        assert server.fault("die:at=" + step) == (0, "ok")
        server.write(2, 0, b"\x11" * 512)
        assert target.wait() == -signal.SIGKILL
        with open(lab.path("disk.img"), "rb") as file:
            assert file.read(512) == (b"\x11" if step == "status" else b"\0") * 512
        server.close()


@test("faults at run time: refused ones name key and value")
def faults():
    with Lab() as lab, attached(lab, attention=False) as (server, _):
        assert server.fault("medium-error:lba=x") == (10, "lba=x: not a number")
        assert server.fault("medium-error:lba=1") == (0, "ok")
        server.write(2, 0, bytes(1024))
        assert server.program()[1][1][:2] == (STATUS, 2)
        server.write(3, 0, bytes(1024))
        until("CHECK CONDITION is asked after", lambda: server.command(4, b"\x03\0\0\0\x12\0")[0] == "continue")
        assert server.data[2] == 3 and server.data[12] == 0x0C, server.data


@test("options come from a file; the command line goes before it")
def configuration():
    with Lab() as lab:
        with open(lab.path("t.conf"), "w", encoding="ascii") as file:
            file.write(f'bus = "{lab.unix}"\nid = 4\nstore = "{lab.path("c.img")}"\nsize = "1M"\nname = "from-file"\n'
                       'fault = {"slow:ms=1", "crc-error"}\nqueue-depth = 9\n')
        server = Server(lab).listen()
        target = Process(lab, "target", [lab.program("smirror-target"), "--config", lab.path("t.conf"), "--id", "5"], wait=False)
        asked = server.attach()
        assert asked[3] == 5 and asked[:-12].endswith(b"from-file"), asked
        target.wait_ready()
        target.stop()
        server.close()


def luns(server, tenure):
    """What REPORT LUNS lists."""
    server.command(tenure, struct.pack(">B5xIBB", 0xA0, 4096, 0, 0))
    assert struct.unpack(">I", server.data[:4])[0] == len(server.data) - 8
    return [server.data[i + 1] for i in range(8, len(server.data), 8)]


def sense(server, tenure, lun):
    server.command(tenure, b"\x03\0\0\0\x12\0", lun)
    return server.data[2], server.data[12], server.data[13]


@test("--lun: further logical units, each with its store, its metadata, its size")
def logical_units():
    with Lab() as lab:
        server, target = started(lab, "--lun", f"1={lab.path('one.img')},size=1M,block-size=4096,name=One",
                                 "--lun", f"63={lab.path('last.img')},size=2M")
        assert luns(server, 1) == [0, 1, 63]
        for lun in (0, 1, 63):
            assert sense(server, 2, lun) == (6, 0x29, 1)
        server.command(3, b"\x25" + bytes(9), 1)
        assert server.data == struct.pack(">II", 255, 4096), server.data
        server.command(4, b"\x12\x01\xc0\0\xff\0", 1)
        assert b"One" in server.data, server.data
        serial = []
        for lun in (0, 1, 63):
            server.command(5, b"\x12\x01\x80\0\xff\0", lun)
            serial.append(server.data)
        assert len(set(serial)) == 3, serial
        data = os.urandom(4096)
        cdb = struct.pack(">BBIBHB", 0x2A, 0, 3, 0, 1, 0)
        server.burst(6, item(SELECT, flags=1) + item(MSG_OUT, b"\xc1\x20\x05") + item(COMMAND, cdb) +
                     struct.pack(">BBBBIII", DATA_OUT, 0, 0, 0, 0, len(data), crc32c(data)) + item(FREE), data)
        kind, items = server.program()
        assert kind == "reselect" and items[0] == (7, 0, b"\x81\x20\x05") and items[1][:2] == (STATUS, 0), (kind, items)
        with open(lab.path("one.img"), "rb") as file:
            assert file.read()[3 * 4096:4 * 4096] == data
        assert os.path.getsize(lab.path("last.img")) == 2 << 20
        for name in ("one", "last"):
            assert os.path.exists(lab.path(name + ".img.meta"))
        target.stop()
        server.close()
        # the same again: what is kept is each one's own
        server, target = started(lab, "--lun", f"1={lab.path('one.img')}", "--lun", f"63={lab.path('last.img')},write-protect")
        for lun, was in zip((0, 1, 63), serial):
            server.command(5, b"\x12\x01\x80\0\xff\0", lun)
            assert server.data == was
            assert sense(server, 6, lun) == (6, 0x29, 1)
        server.write(7, 0, bytes(512), lun=63)
        assert server.program()[1][1][:2] == (STATUS, 2)
        assert sense(server, 8, 63) == (7, 0x27, 0)
        target.stop()
        server.close()


@cases("--lun {}: refused, and it says why", (
    ("1", b"LUN=FILE is wanted"), ("0=x.img", b"with a LUN of 1 to 63"), ("64=x.img", b"with a LUN of 1 to 63"),
    ("1=", b"its file is missing"), ("1=x.img,size=1000", b"not a multiple of the block size"),
    ("1=x.img,size=", b"size=: must be a size"), ("1=x.img,thin=1", b"thin takes no value"),
    ("1=x.img,size", b"size: a value is missing"), ("1=x.img,colour=red", b"no such option of a disk"),
    ("1=x.img,block-size=1024", b"1024 is neither 512 nor 4096"), ("1=x.img,uuid=7", b"is no UUID")))
def bad_lun(case):
    spec, named = case
    with Lab() as lab:
        done = run(lab, "--store", lab.path("disk.img"), "--size", "1M", "--lun", spec)
        assert done.returncode == 2 and named in done.stderr, done
        assert not os.path.exists(lab.path("disk.img"))


@test("--lun twice is refused; two logical units on one store, too")
def lun_twice():
    with Lab() as lab:
        twice = ("--lun", f"1={lab.path('a.img')},size=1M", "--lun", f"1={lab.path('b.img')},size=1M")
        done = run(lab, "--store", lab.path("disk.img"), "--size", "1M", *twice)
        assert done.returncode == 2 and b"LUN 1 is given twice" in done.stderr, done
        with open(lab.path("target.conf"), "w") as file:
            file.write(f'lun = {{"1={lab.path("a.img")},size=1M", "1={lab.path("b.img")},size=1M"}}\n')
        done = run(lab, "--store", lab.path("disk.img"), "--size", "1M", "--config", lab.path("target.conf"))
        assert done.returncode == 2 and done.stderr.count(b"target.conf: lun: 1=") == 1 and b"b.img" in done.stderr, done
        assert b"LUN 1 is given twice" in done.stderr, done
        done = run(lab, "--store", lab.path("disk.img"), "--size", "1M", "--lun", f"1={lab.path('disk.img')}")
        assert done.returncode == 1 and b"LUN 1: " in done.stderr and b"in use by another process" in done.stderr, done


@test("SIGHUP: logical units of the file come and go, and initiators are told")
def inventory():
    with Lab() as lab:
        def configure(*specs):
            listed = ", ".join(f'"{spec}"' for spec in specs)
            with open(lab.path("t.conf"), "w", encoding="ascii") as file:
                file.write(f'bus = "{lab.unix}"\nid = 3\nstore = "{lab.path("c.img")}"\nsize = "1M"\nlun = {{{listed}}}\n')

        def reload(told):
            before = target.stderr().count(told)
            target.signal(signal.SIGHUP)
            until(told, lambda: target.stderr().count(told) > before)

        one, two = (f"{n}={lab.path(f'lun{n}.img')},size=1M" for n in (1, 2))
        configure(one)
        server = Server(lab).listen()
        target = Process(lab, "target", [lab.program("smirror-target"), "--config", lab.path("t.conf"),
                                         "--lun", f"9={lab.path('lun9.img')},size=1M"], wait=False)
        server.attach()
        target.wait_ready()
        assert luns(server, 1) == [0, 1, 9]
        for lun in (0, 1, 9):
            assert sense(server, 2, lun) == (6, 0x29, 1)
        configure(one, two)
        reload("LUN 2 is there")
        assert sense(server, 3, 1) == (6, 0x3F, 0x0E)
        assert sense(server, 4, 2) == (6, 0x29, 1)
        assert luns(server, 5) == [0, 1, 2, 9]
        server.write(6, 0, b"\x22" * 512, lun=2)
        assert server.program()[1][1][:2] == (STATUS, 0)
        # a LUN that is there is not given otherwise; one that cannot be opened stays away
        configure(one + ",thin", two, f"3={lab.path('none')}/x.img,size=1M")
        reload("LUN 3: ")
        assert "LUN 1: " in target.stderr() and "is given otherwise than" in target.stderr(), target.stderr()
        assert luns(server, 7) == [0, 1, 2, 9]
        configure(one)
        reload("LUN 2 is closed")
        assert sense(server, 8, 0) == (6, 0x3F, 0x0E)
        assert luns(server, 9) == [0, 1, 9]
        assert sense(server, 10, 2) == (5, 0x25, 0)
        with open(lab.path("lun2.img"), "rb") as file:
            assert file.read(512) == b"\x22" * 512
        configure(one, two)
        reload("LUN 2 is there")
        server.command(11, struct.pack(">BBIBHB", 0x28, 0, 0, 0, 1, 0), 2)
        server.command(12, b"\x03\0\0\0\x12\0", 2)
        server.command(13, struct.pack(">BBIBHB", 0x28, 0, 0, 0, 1, 0), 2)
        assert server.data == b"\x22" * 512
        target.stop()
        server.close()


if __name__ == "__main__":
    main()
