# SPDX-License-Identifier: BSD-2-Clause
"""Initiators, taps, crowds of connections and of clients that break the rules; healthy jobs beside them succeed."""

import os
import select
import socket
import struct

import frames as fr
from beside import HEALTHY, KIB, MIB, Beside, bench, counted, does, initiator, membership, resident, shown, sound
from crc import crc32c
from frames import I_COMMAND, I_DATA_IN, I_DATA_OUT, I_FREE, I_MSG_OUT, I_SELECT, I_STATUS, Disk, Wire
from lab import RpcError, until
from tap import main, test


# ---- attaching ----


@test("an attach with the daemon's ID, or as another device in its role, is refused by name; 100 attaches that vanish leave nothing")
@does("somebody attaches", "as a target with the daemon's ID", "as an initiator with it", "with its UUID, too", "with its UUID and another ID", "and vanishes, 100 times")
def attaches():
    with bench() as lab, Beside(lab):
        with Wire(lab) as probe:
            probe.attach(fr.TARGET, 12, "probe").sync()
            daemon = probe.ports[7]
        for role, number, identity, code in ((fr.TARGET, 7, bytes(16), fr.ID_HELD), (fr.INITIATOR, 7, bytes(16), fr.ID_HELD),
                                             (fr.TARGET, 7, daemon[2], fr.ID_HELD), (fr.TARGET, 9, daemon[2], fr.UUID_HELD)):
            with Wire(lab) as rogue:
                rogue.send(fr.attach(role, number, identity, "rogue"))
                assert rogue.drain()[0] == code, rogue.refused
                assert "smirrord" in rogue.refused[1] and "7" in rogue.refused[1], rogue.refused
        for number in range(100):
            with Wire(lab) as rogue:
                rogue.send(fr.attach(fr.TARGET, 8 + number % 4, struct.pack(">IIII", 1, 2, 3, number), "vanishing"))
        until("all have gone", lambda: {p["id"] for p in shown(lab)["ports"]} == {0, 1, 7})
    # and the healthy ones are as they were


@test("70 connections that say nothing: a healthy target still attaches; live taps are bounded, one that never reads costs lines only")
@does("somebody", "connects 70 times and says nothing", "has 12 taps, and reads none")
def crowd():
    with bench() as lab:
        quiet = [Wire(lab) for _ in range(70)]
        with Beside(lab):
            lab.target("late", 4)
            lab.wait_targets(["late"])
            taps = []
            for number in range(12):
                tap = Wire(lab)
                tap.send(fr.attach(fr.TAP, fr.NO_ID, bytes(16), "tap"))
                taps.append(tap)
            answers = [tap.await_frame(fr.ATTACHED, fr.REFUSED)[0] for tap in taps]
            assert answers == [fr.ATTACHED] * 8 + [fr.REFUSED] * 4, answers
            assert taps[-1].refused[0] == fr.FLOOD, taps[-1].refused
            lab.target("later", 5)
            lab.wait_targets(["later"])
        for tap in taps + quiet:
            tap.close()
        sound(lab)


@test("ports that never read: what they leave unread is bounded, the job beside succeeds")
@does("a port never reads:", "of a target", "of an initiator")
def deaf():
    with bench() as lab:
        with Beside(lab):
            before = resident(lab.bus_process)
            ping = fr.frame(fr.PING, bytes(8)) * 3000
            rogues = [Wire(lab).attach(fr.TARGET, 9, "deaf"), Wire(lab).attach(fr.INITIATOR, 6, "mute")]
            for rogue in rogues:
                for _ in range(150):
                    if not rogue.offer(ping):
                        break
            assert resident(lab.bus_process) - before < 64 * MIB, resident(lab.bus_process) - before
        for rogue in rogues:
            rogue.close()
        sound(lab)


# ---- a second initiator ----

TUR = [(I_SELECT, 0, fr.ATN), (I_MSG_OUT, b"\xc0\x20\x01"), (I_COMMAND, bytes(6))]


def write16(lba, blocks):
    return struct.pack(">BBQIBB", 0x8A, 0, lba, blocks, 0, 0)


def a_pass(group, devices, op, leader=0, tag=1, cdb=None, release=True, size=512, crc=0):
    listed = [(I_SELECT, leader, fr.ATN),
              (I_MSG_OUT, fr.IDENTIFY + bytes([tag]) + fr.mirror_message(fr.LEADER_ID, group, devices[0], op, len(devices) == 1)),
              (I_COMMAND, cdb or write16(6000, 1)), (I_DATA_OUT, 0, size, crc)]
    for device in devices[1:]:
        listed += [(I_MSG_OUT, fr.mirror_message(fr.SELECTION, group, device, op, device == devices[-1])), (I_DATA_OUT, 0, size, crc)]
    return listed + ([(I_MSG_OUT, fr.mirror_message(fr.RELEASE, group, devices[0], op))] if release else [])


BLOCK = bytes(512)
REFUSED_SCRIPTS = {
    "nothing": (fr.BAD_FRAME, b""),
    "no selection": (fr.BAD_FRAME, [(I_MSG_OUT, b"\xc0"), (I_COMMAND, bytes(6))]),
    "half an item": (fr.BAD_FRAME, fr.item(I_SELECT, 0, 1) + b"\2\0\0"),
    "an item of 4 GiB": (fr.BAD_FRAME, fr.item(I_SELECT, 0, 1) + fr.item(I_MSG_OUT, length=0xFFFFFFFF)),
    "an item of no kind": (fr.BAD_FRAME, fr.item(I_SELECT, 0, 1) + fr.item(77)),
    "items of a target": (fr.BAD_FRAME, [(I_SELECT, 0), (I_STATUS, 0), (I_FREE,)]),
    "data beyond its data": (fr.BAD_FRAME, fr.conventional(0, write16(6000, 1), data=[(I_DATA_OUT, 4, 512)])),
    "321 items": (fr.BAD_FRAME, [(I_SELECT, 0, 1)] + [(I_MSG_OUT, b"\x08")] * 320),
    "an ID of 16": (fr.BAD_FRAME, [(I_SELECT, 16)]),
    "a selection of itself": (fr.BAD_VALUE, [(I_SELECT, 6)]),
    "two selections": (fr.BAD_VALUE, [(I_SELECT, 0), (I_SELECT, 1)]),
    "two commands": (fr.BAD_VALUE, TUR + [(I_COMMAND, bytes(6))]),
    "a CDB of 33 bytes": (fr.BAD_VALUE, fr.conventional(0, bytes(33))),
    "a CDB of no byte": (fr.BAD_VALUE, fr.conventional(0, b"")),
    "a pass without BUS RELEASE": (fr.BAD_VALUE, a_pass(1, [0, 1], 5, release=False)),
    "a pass without COMMAND": (fr.BAD_VALUE, [i for i in a_pass(1, [0, 1], 5) if i[0] != I_COMMAND]),
    "a pass of two groups": (fr.BAD_VALUE, a_pass(1, [0, 1], 5)[:4] + a_pass(2, [0, 1], 5)[4:]),
    "a pass of 65 legs": (fr.BAD_VALUE, a_pass(1, list(range(65)), 5)),
    "a MIRROR STATUS": (fr.BAD_VALUE, a_pass(1, [0], 5)[:4] + [(I_MSG_OUT, fr.mirror_message(fr.MIRROR_STATUS, 1, 0, 5))]),
}


@test("scripts that cannot be are refused, each with the reason; the port is out when it goes on, jobs beside it succeed")
@does("an initiator sends a script of", *REFUSED_SCRIPTS, "itself, again and again", "1000 others at once")
def bad_scripts():
    with bench() as lab, Beside(lab):
        for what, (code, listed) in REFUSED_SCRIPTS.items():
            with initiator(lab) as rogue:
                rogue.offer(fr.script(9, listed, BLOCK))
                kind, _, _ = rogue.await_frame(fr.ERROR, fr.REFUSED)
                told = rogue.errors[0] if kind == fr.ERROR else rogue.refused
                assert told[0] == code, (what, told)
        with initiator(lab) as rogue:
            rogue.offer(*[fr.script(n, [(I_SELECT, 6)]) for n in range(1, 40)])
            assert rogue.drain()[0] == fr.BAD_VALUE and len(rogue.errors) == 16, (rogue.refused, len(rogue.errors))
        with initiator(lab) as rogue:
            rogue.offer(*[fr.script(n, TUR) for n in range(1, 1001)])
            assert rogue.drain()[0] == fr.FLOOD, rogue.refused


def report(rogue, number):
    """The outcome of a script, (None: refused)."""
    while True:
        _, head, _ = rogue.await_frame(fr.TENURE)
        script, _, _, target, _, outcome, has_status, status = struct.unpack_from(">IIBBIBBB", head)
        if script == number and fr.OUTCOMES[outcome] != "disconnected":
            return fr.OUTCOMES[outcome], status if has_status else None


def command_ended(rogue, number, listed):
    """
    Sends a command until what ends it is its own: (outcome, status, sense key, ASC). A UNIT ATTENTION comes in between, as the
    daemon writes page 30h when its jobs end; and the sense of a CHECK CONDITION is taken, or it holds up the others for a while.
    """
    while True:
        rogue.send(fr.frame(fr.CANCEL, struct.pack(">I", 400000 + number[0])))
        number[0] += 1
        rogue.send(fr.script(number[0], listed, BLOCK))
        try:
            outcome, status = report(rogue, number[0])
        except TimeoutError as why:
            raise AssertionError(f"script {number[0]}: no end of {listed[:4]}, {rogue.errors[-2:]}") from why
        if status != CHECK:
            return outcome, status, None, None
        number[0] += 1
        rogue.send(fr.script(number[0], fr.conventional(listed[0][1], b"\x03\0\0\0\x12\0", data=[(I_DATA_IN, 0, 18)])))
        sense = b""
        while not sense:
            _, head, sense = rogue.await_frame(fr.TENURE)
        if sense[2] & 0xF != ATTENTION:
            return outcome, status, sense[2] & 0xF, sense[12]


CHECK, ATTENTION, ILLEGAL, ABORTED = 2, 6, 5, 11
GOOD_END = {("complete", 0, None, None)}
ODD_PHASES = {("complete", 0, None, None), ("unexpected_free", None, None, None), ("bad_script", None, None, None)}
PASS_ENDS = {("released", None, None, None), ("unexpected_free", None, None, None)}


def pass_of(devices, op, other=0, **more):
    return lambda group: a_pass(group + other, devices, op, **more)


RIGHT = "to write, as it should"
# what it sends, and how that may end (None: as it likes)
ODD_COMMANDS = {
    "to nobody": (fr.conventional(12, bytes(6)), {("selection_timeout", None, None, None)}),
    "to the daemon": (fr.conventional(7, bytes(6)), {("selection_timeout", None, None, None)}),
    "of no known code": (fr.conventional(0, bytes([0xFF] * 16)), {("complete", CHECK, ILLEGAL, 0x20)}),
    RIGHT: (fr.conventional(0, write16(6000, 1), data=[(I_DATA_OUT, 0, 512, crc32c(BLOCK))]), GOOD_END),
    "to write, with a wrong CRC": (fr.conventional(0, write16(6000, 1), data=[(I_DATA_OUT, 0, 512, crc32c(BLOCK) ^ 1)]),
                                   {("complete", CHECK, ABORTED, 0x47)}),
    "to write 3 bytes of a block": (fr.conventional(0, write16(6000, 1), data=[(I_DATA_OUT, 0, 3)]), None),
    "to write without data": (fr.conventional(0, write16(6000, 1)), None),
    "to write four blocks without data": (fr.conventional(0, write16(6000, 4)), None),
    "to write no block, with data": (fr.conventional(0, write16(6000, 0), data=[(I_DATA_OUT, 0, 512)]), GOOD_END),
    "to write behind the end": (fr.conventional(0, write16(1 << 60, 1), data=[(I_DATA_OUT, 0, 512)]), {("complete", CHECK, ILLEGAL, 0x21)}),
    "to read without room": (fr.conventional(0, b"\x12\0\0\0\x60\0"), None),
    "of no message and no command": ([(I_SELECT, 0, fr.ATN)], ODD_PHASES),
    "of a selection without ATN": ([(I_SELECT, 0)], ODD_PHASES),
    "of half a message": ([(I_SELECT, 0, fr.ATN), (I_MSG_OUT, b"\x01\xff\xe0")], ODD_PHASES),
    "behind 500 messages": ([(I_SELECT, 0, fr.ATN), (I_MSG_OUT, b"\x08" * 500), (I_COMMAND, bytes(6))], ODD_PHASES),
    "in a pass of 64 devices": (pass_of(list(range(64)), 5), PASS_ENDS),
    "in a pass of a group that is none": (pass_of([0, 1], 6, other=1), PASS_ENDS),
    "in a pass of more blocks than data": (pass_of([0, 1], 7, cdb=write16(6000, 9)), PASS_ENDS),
    "in a pass that is no write": (pass_of([0, 1], 8, cdb=bytes(6)), PASS_ENDS),
    "in a pass that names each twice": (pass_of([0, 0, 1, 1], 9), PASS_ENDS),
}


@test("commands of another initiator that do not fit: their own end, and no harm to the daemon's jobs")
@does("an initiator sends a command", *(what for what in ODD_COMMANDS if what != RIGHT))
def odd_commands():
    with bench() as lab, Wire(lab).attach(fr.INITIATOR, 6) as rogue:
        group, number = next(iter(membership(lab).values()))[0], [0]
        with Beside(lab, size=2 * MIB):  # LBA 6000 lies beyond it
            for what, (listed, ends) in ODD_COMMANDS.items():
                ended = command_ended(rogue, number, listed(group) if callable(listed) else listed)
                if os.environ.get("TALK"):
                    print("#", what, ended, rogue.errors[-1:])
                assert ends is None or ended in ends, (what, ended, rogue.errors)
        lab.take("disk0", 6000 * 512, 512)
        sound(lab)


@test("passes of another initiator into the daemon's group: their statuses go to it, the daemon's jobs tell the truth")
@does("an initiator writes", "to the members of the group of the daemon, by passes")
def foreign_passes():
    with bench() as lab, Wire(lab).attach(fr.INITIATOR, 6) as rogue:
        members = membership(lab)
        group, (first, second) = members["disk0"][0], (members["disk0"][1], members["disk1"][1])
        with Beside(lab, size=2 * MIB):
            statuses = released = 0
            for op in range(1, 101):
                rogue.send(fr.script(op, a_pass(group, [first, second], op, tag=op % 200 + 1), BLOCK))
                while True:
                    _, head, _ = rogue.await_frame(fr.TENURE)
                    statuses += head[:4] == bytes(4)
                    if struct.unpack_from(">I", head)[0] == op:
                        released += fr.OUTCOMES[struct.unpack_from(">IIBBIB", head)[5]] == "released"
                        break
            while statuses < 200:
                statuses += rogue.await_frame(fr.TENURE)[1][:4] == bytes(4)
            assert released == 100, released
        for name in HEALTHY:
            lab.take(name, 6000 * 512, 512)
        sound(lab)


@test("RST every 10 ms for a second: jobs end with the truth, and run to success when it is over")
@does("an initiator sends", "RST every 10 ms")
def resets():
    with bench() as lab, Wire(lab).attach(fr.INITIATOR, 6) as rogue:
        with Beside(lab, size=4 * MIB, expect=None) as beside:
            for _ in range(100):
                rogue.send(fr.frame(fr.RESET, b"\x06" + fr.text("")))
                select.select([], [], [], 0.01)
        for job in beside.jobs:
            assert job["conclusion"] in ("success", "partial", "failed"), job
            assert (job["conclusion"] == "success") == (not any(t["bad_blocks"] for t in job["targets"])), job
        if os.environ.get("TALK"):
            print("#", [j["conclusion"] for j in beside.jobs])
        sound(lab)


# ---- the control socket ----


@test("100 clients at once, half lines, clients that close in the middle of a wait, hundreds of requests: jobs go on")
@does("clients are", "100 at once", "those that send half lines", "those that close while they wait", "those that send hundreds of requests")
def clients():
    with bench() as lab:
        with Beside(lab, size=2 * MIB):
            crowd = [lab.rpc() for _ in range(50)]
            late = []
            for _ in range(50):
                with lab.rpc() as client:
                    late.append(client.greeting.get("error", {}).get("data", {}).get("kind"))
            assert set(late) <= {None, "too_many_connections"}, late
            for number, client in enumerate(crowd):
                client.send_raw((b'{"jsonrpc":"2.0","id":1,"method":"job.list"' if number % 2 else
                                 b'{"jsonrpc":"2.0","id":1,"method":"job.wait","params":{"id":1}}\n'))
            for client in crowd[::3]:
                client.close()
            for client in crowd[1::2]:
                if client.sock.fileno() >= 0:
                    client.send_raw(b"}\n")
                    assert "result" in client.message()
            for client in crowd:
                client.close()
        slow = lab.image(MIB, "slow")
        job = lab.create_job("mirror", image=slow, speed_bytes_per_s=2 * MIB)
        with lab.rpc() as many:
            started = [many.start("job.wait", {"id": job}) for _ in range(64)] + [many.start("job.show", {"id": job}) for _ in range(64)]
            ended = {}
            while len(ended) < len(started):
                answer = many.message()
                ended[answer["id"]] = answer
        waited = [ended[n] for n in started[:64]]
        assert all("result" in ended[n] for n in started[64:])
        for answer in waited:
            assert answer.get("result", {}).get("conclusion") == "success" or answer["error"]["data"]["kind"], answer
        lab.wrote(slow)
        sound(lab)


ODD_FILES = {
    "a directory": lambda lab: os.open(lab.directory, os.O_RDONLY),
    "a socket": lambda lab: socket.socket(socket.AF_UNIX).detach(),
    "a pipe": lambda lab: os.open(lab.path("fifo"), os.O_RDONLY | os.O_NONBLOCK),
    "/dev/null": lambda lab: os.open("/dev/null", os.O_RDONLY),
    "/dev/zero": lambda lab: os.open("/dev/zero", os.O_RDONLY),
    "a file for writing only": lambda lab: os.open(lab.image(MIB, "written"), os.O_WRONLY),
    "a mere path": lambda lab: os.open(lab.path("image"), os.O_PATH),
    "/proc/self/mem": lambda lab: os.open("/proc/self/mem", os.O_RDONLY),
}


@test("descriptors that are no image: each refused; an image that shrinks under a job fails it, no more")
@does("a client gives as an image", *ODD_FILES, "a file that shrinks")
def descriptors():
    with bench() as lab:
        image = lab.image(2 * MIB)
        os.mkfifo(lab.path("fifo"))
        odd = {what: make(lab) for what, make in ODD_FILES.items()}
        opened = len(os.listdir(f"/proc/{lab.daemon_process.pid}/fd"))
        for what, fd in odd.items():
            for kind in ("mirror", "verify", "read"):
                try:
                    with lab.rpc() as rpc:
                        job = rpc.call("job.create", [fd], type=kind, group="g0", image="odd")["id"]
                    done = lab.wait_job(job)
                    assert done["conclusion"] != "success" or (what, kind) == ("a file for writing only", "read"), (what, kind, done)
                except RpcError as refusal:
                    assert refusal.kind in ("bad_descriptor", "image_empty", "unsynced"), (what, kind, refusal)
        for fd in odd.values():
            os.close(fd)
        for _ in range(20):
            with lab.rpc() as rpc, open(image, "rb") as file:
                rpc.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"daemon.info"', [file.fileno()] * 8)
        until("no descriptor stays", lambda: len(os.listdir(f"/proc/{lab.daemon_process.pid}/fd")) <= opened + 1)
        lab.unharmed()
        job = lab.create_job("mirror", image=image, speed_bytes_per_s=2 * MIB, transfer_bytes=64 * KIB)
        until("the job to go", lambda: lab.job(job)["done_bytes"])
        os.truncate(image, 4096)
        done = lab.wait_job(job)
        assert done["conclusion"] == "failed" and done["error"], done
        assert {m["state"] for m in lab.call("group.show", group="g0")["members"]} == {"stale"}
        for name in HEALTHY:
            lab.take(name, 0, 2 * MIB)
        lab.unwritten()
        lab.begin()  # that they are stale is how it should be
        sound(lab)


@test("requests to a target that answers none are bounded, and end in time")
@does("a target answers", "no request of management")
def no_answer():
    with bench() as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue"])
        with lab.rpc() as rpc:
            started = [rpc.start("target.fault", {"target": "rogue", "list": True}) for _ in range(40)]
            kinds = set()
            for number in started[-8:]:
                try:
                    rpc.finish(number)
                except RpcError as refusal:
                    kinds.add(refusal.kind)
            if os.environ.get("TALK"):
                print("#", kinds)
        rogue.stop()
        until("its places to be free", lambda: 2 not in {p["id"] for p in shown(lab)["ports"]})
        assert lab.call("target.fault", target="disk0", list=True)["faults"] == []
        sound(lab)


counted()

if __name__ == "__main__":
    main()
