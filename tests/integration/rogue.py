# SPDX-License-Identifier: BSD-2-Clause
"""Targets that attach properly and then break the rules: refused, counted, put out; healthy jobs beside them succeed."""

import os
import random
import struct
import threading
import time
import uuid

import frames as fr
from beside import (DAEMON, KIB, MIB, Beside, bench, counted, does, execute, membership, refused_of, resident, shown, sound, stats,
                    together)
from frames import (I_COMMAND, I_DATA_IN, I_DATA_OUT, I_FREE, I_MSG_IN, I_MSG_OUT, I_PASS, I_SELECT, I_STATUS, I_TOKEN,
                    Disk, Wire)
from lab import LIMIT_S, RpcError, until
from tap import main, test

INQUIRY = "120000006000"


# ---- answers that are not one's to give ----


def wrong_tenure(self, burst, listed, data=b""):
    self.send(fr.program(fr.CONTINUE, listed, tenure=burst.tenure - 1, token=burst.token, data=data))
    Disk.reply(self, burst, listed, data)


def wrong_token(self, burst, listed, data=b""):
    self.send(fr.program(fr.CONTINUE, listed, tenure=burst.tenure, token=burst.token ^ 1, data=data))
    Disk.reply(self, burst, listed, data)


def old_token(self, burst, listed, data=b""):
    old = getattr(self, "old", burst)
    self.old = burst
    self.send(fr.program(fr.CONTINUE, listed, tenure=old.tenure, token=old.token if old is not burst else 0, data=data))
    Disk.reply(self, burst, listed, data)


def twice(self, burst, listed, data=b""):
    Disk.reply(self, burst, listed, data)
    Disk.reply(self, burst, listed, data)


def for_initiators(self, burst, listed, data=b""):
    self.send(fr.script(1, [(I_SELECT, 0)]), fr.frame(fr.CANCEL, struct.pack(">I", 1)))
    Disk.reply(self, burst, listed, data)


def for_the_server(self, burst, listed, data=b""):
    self.send(fr.attach(fr.TARGET, self.id, self.uuid, self.name))
    Disk.reply(self, burst, listed, data)


def misplaced(self, burst, listed, data=b""):
    self.send(fr.program(fr.CONTINUE, [(I_PASS,)], tenure=burst.tenure, token=burst.token))
    Disk.reply(self, burst, listed, data)


ANSWERS = {
    "with an old tenure's number": (wrong_tenure, fr.NOT_YOURS),
    "with a wrong token": (wrong_token, fr.NOT_YOURS),
    "with an old token": (old_token, fr.NOT_YOURS),
    "twice": (twice, fr.NOT_YOURS),
    "with frames for initiators": (for_initiators, fr.BAD_FRAME),
    "with another attach": (for_the_server, fr.BAD_STATE),
    "by passing a token that it has not": (misplaced, fr.BAD_STATE),
}


@together("a target that answers wrongly is refused, counted, in the end put out", ANSWERS)
@does("a target answers", *ANSWERS)
def answers(case):
    reply, code = ANSWERS[case]
    with bench() as lab, Beside(lab):
        rogue = Disk(lab, 2, reply=reply)
        until("its inquiry is over or it is out", lambda: rogue.gone() or "rogue" in lab.ready_targets())
        before = stats(lab)["refused_frames"]
        assert before > 0 and (rogue.gone() or refused_of(lab, 2) in (None, before)), (before, rogue.errors)
        for _ in range(20):
            if rogue.gone():
                break
            execute(lab, INQUIRY, length=96)
        until("the rogue is out", rogue.gone)
        assert rogue.refused and rogue.refused[0] == code, rogue.refused
        assert {e[0] for e in rogue.errors} == {code}, rogue.errors
        assert stats(lab)["refused_frames"] >= 16
        assert refused_of(lab, 2) is None
        assert 2 not in shown(lab)["bsy"], shown(lab)
        rogue.stop()


@test("a target that answers for another's tenure, and without being asked, changes nothing")
@does("a target answers", "for the tenure of another", "without being asked")
def unasked():
    with bench() as lab, Beside(lab):
        with Wire(lab).attach(fr.TARGET, 2) as rogue:
            show = shown(lab)
            for i in range(40):
                number = show["tenure"] + i
                if not rogue.offer(fr.program(fr.CONTINUE, [(I_FREE,)], tenure=number, token=number)):
                    break
            assert rogue.drain()[0] == fr.NOT_YOURS, rogue.refused


# ---- phases that make no sense ----


def command_twice(self, burst):
    return [(I_COMMAND,), (I_COMMAND,)],


def status_then_data(self, burst):
    return [(I_STATUS, 0), (I_DATA_IN, 0, 96), (I_MSG_IN, b"\0"), (I_FREE,)], bytes(96)


def free_in_the_middle(self, burst):
    return [(I_FREE,)],


def much_data(self, burst):
    return [(I_DATA_IN, 0, 16 * MIB), (I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)], bytes(16 * MIB)


def much_data_often(self, burst):
    return [(I_DATA_IN, 0, 16 * MIB)] * 300 + [(I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)], bytes(16 * MIB)


def restored_data(self, burst):
    return [(I_MSG_IN, b"\x03"), (I_DATA_IN, 0, 16 * MIB)] * 150 + [(I_FREE,)], bytes(16 * MIB)


def endless_messages(self, burst):
    return [(I_MSG_IN, b"\x08")] * 300,


def endless_data_out(self, burst):
    return [(I_DATA_OUT, MIB)] * 300,


def endless_nothing(self, burst):
    return [],


def endless_rejects(self, burst):
    return [(I_MSG_IN, bytes([1, 3, 1, 10, 10]))] * 300,


def long_messages(self, burst):
    return [(I_MSG_IN, b"\x08" * 15000), (I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)],


def command_complete_first(self, burst):
    return [(I_MSG_IN, b"\0"), (I_FREE,)],


def disconnects_for_good(self, burst):
    return [(I_MSG_IN, b"\x02\x04"), (I_FREE,)],


def noise_as_messages(self, burst):
    return [(I_MSG_IN, random.Random(3).randbytes(400)), (I_STATUS, 0xFF), (I_MSG_IN, b"\0"), (I_FREE,)],


def silent(self, burst):
    return None


PHASES = {
    "COMMAND twice": command_twice,
    "STATUS, then DATA IN": status_then_data,
    "BUS FREE in the middle": free_in_the_middle,
    "16 MiB for an INQUIRY": much_data,
    "300 times 16 MiB for an INQUIRY": much_data_often,
    "16 MiB from restored pointers, again and again": restored_data,
    "messages without end": endless_messages,
    "DATA OUT without end": endless_data_out,
    "programs of nothing without end": endless_nothing,
    "negotiation without end": endless_rejects,
    "messages of 15000 bytes": long_messages,
    "COMMAND COMPLETE without STATUS": command_complete_first,
    "DISCONNECT for good": disconnects_for_good,
    "noise as messages, a status that is none": noise_as_messages,
    "nothing at all": silent,
}
ENDLESS = {"messages without end", "DATA OUT without end", "programs of nothing without end", "negotiation without end",
           "nothing at all"}


@together("a target that asks for phases that make no sense: its command ends, the bus is free, jobs beside it succeed", PHASES)
@does("a target asks for", *PHASES)
def phases(case):
    with bench() as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue"])
        answer = PHASES[case].__get__(rogue)
        rogue.on_command = answer
        if case in ENDLESS:
            rogue.on_wanted = answer
        with Beside(lab):
            start = time.monotonic()
            answer = execute(lab, INQUIRY, length=96)
            if os.environ.get("TALK"):
                print("#", case, {k: str(v)[:40] for k, v in answer.items()}, rogue.refused, rogue.errors, time.monotonic() - start)
            assert time.monotonic() - start < 5, time.monotonic() - start
            assert answer["outcome"] != "completed" or len(answer["data_in"]) <= 128, answer
        if case in ENDLESS:
            until("it is put out", rogue.gone)
            assert rogue.refused and rogue.refused[0] == fr.BAD_STATE, rogue.refused
        sound(lab)
        rogue.stop()


# ---- members of a group ----


def lead(**moments):
    """on_leader(): the answers at these moments (the name of the last item's kind); the others honestly."""

    def on_leader(self, burst, last):
        kind = last[0] if last else None
        if kind == I_MSG_OUT:
            kind = {fr.LEADER_ID: "identified", fr.SELECTION: "named", fr.RELEASE: "released"}[fr.read_mirror(last[4])[0]]
        else:
            kind = {I_COMMAND: "command", I_DATA_OUT: "data", I_TOKEN: "back", None: "nothing"}[kind]
        if kind not in moments:
            return ([(I_FREE,)],) if kind == "nothing" else Disk.on_leader(self, burst, last)
        if kind == "data":
            self.write(burst.data)
            self.owe(burst)
        return None if moments[kind] is None else (moments[kind],)

    return {"on_leader": on_leader}


def follow(*listed, honest_first=False):
    def on_participant(self, burst, last):
        if honest_first and last and last[0] != I_DATA_OUT:
            return Disk.on_participant(self, burst, last)
        return None if listed == (None,) else (list(listed),)

    return {"on_participant": on_participant}


def follow_and_close(self, burst, last):
    self.sock.close()


def owes(**wrong):
    def owe(self, burst):
        self.send(self.mirror_status(burst, **{k: v(self) for k, v in wrong.items()}))

    return {"owe": owe}


def owes_for_all(self, burst):
    """Its own status, and before it those of all others that it can think of."""
    for device in range(4):
        if device != self.device:
            self.send(self.mirror_status(burst, device=device), self.mirror_status(burst, group=self.group ^ 1, device=device))
    for op in (self.op - 1, self.op + 1, 0, 0xFFFFFFFF):
        self.send(self.mirror_status(burst, op=op & 0xFFFFFFFF), self.mirror_status(burst, tag=(self.tag + op) & 0xFF))
    Disk.owe(self, burst)


def owes_twice(self, burst):
    Disk.owe(self, burst)
    Disk.owe(self, burst)


def owes_noise(self, burst):
    noise = random.Random(self.bursts)
    for size in (1, 5, 14, 60, 255):
        self.send(fr.program(fr.RESELECT, [(I_MSG_IN, b"\x80\x20" + bytes([self.tag, 1, size]) + noise.randbytes(size)),
                                           (I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)], number=size,
                             initiator=burst.initiator, epoch=burst.epoch))
    Disk.owe(self, burst)


LEADERS = {
    "drives DATA OUT before COMMAND": lead(identified=[(I_DATA_OUT, MIB), (I_COMMAND,)]),
    "drives COMMAND twice": lead(identified=[(I_COMMAND,), (I_COMMAND,)]),
    "sends STATUS in the tenure": lead(data=[(I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)]),
    "sends DATA IN in the tenure": lead(data=[(I_DATA_IN, 0, 0), (I_FREE,)]),
    "lets the bus go after its own data": lead(data=[(I_FREE,)]),
    "passes before anybody was named": lead(data=[(I_PASS,)]),
    "keeps the phase lines": lead(named=[(I_MSG_OUT,)]),
    "keeps BSY after BUS RELEASE": lead(released=None),
    "says nothing when it has its data": lead(data=None),
    "says nothing when the token is back": lead(back=None),
    "sends messages without end": lead(command=[(I_MSG_IN, b"\x08")] * 300, nothing=[(I_MSG_IN, b"\x08")] * 300),
    "skips the data, always": lead(command=[(I_MSG_OUT,)]),
}
PARTICIPANTS = {
    "drives COMMAND": follow((I_COMMAND,)),
    "sends STATUS": follow((I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)),
    "releases BSY": follow((I_FREE,)),
    "says nothing with the token": follow(None),
    "says nothing with the data": follow(None, honest_first=True),
    "takes its data again and again": follow((I_DATA_OUT, MIB), (I_DATA_OUT, MIB), (I_DATA_OUT, MIB), (I_MSG_OUT,)),
    "takes one byte": follow((I_DATA_OUT, 1), (I_MSG_OUT,)),
    "passes at once": follow((I_PASS,)),
    "sends messages without end": follow(*[(I_MSG_IN, b"\x08")] * 300),
    "closes with the token": {"on_participant": follow_and_close},
}
STATUSES = {
    "statuses of all others": {"owe": owes_for_all},
    "its status twice": {"owe": owes_twice},
    "noise for its status": {"owe": owes_noise},
    "a status of another operation": owes(op=lambda disk: disk.op - 1),
    "a status of another group": owes(group=lambda disk: disk.group + 1),
    "a status of another device": owes(device=lambda disk: disk.device ^ 1),
    "no status": {"owe": lambda self, burst: None},
}
MEMBERS = ([(f"a leader that {what}", 0, wrong) for what, wrong in LEADERS.items()] +
           [(f"a participant that {what}", 1, wrong) for what, wrong in PARTICIPANTS.items()] +
           [(f"a {('leader', 'participant')[place]} that returns {what}", place, wrong)
            for number, (what, wrong) in enumerate(STATUSES.items()) for place in ((0, 1) if number < 3 else (number % 2,))])


def member_job(lab, rogue, what, wrong, place):
    """A job onto g1, of which the rogue is a member; what it says of each member must be true."""
    names = ["rogue", "other"] if place == 0 else ["other", "rogue"]
    lab.call("group.create", name="g1", members=names)
    lab.call("group.set", group="g1", max_passes=3)
    for name, function in wrong.items():
        setattr(rogue, name, function.__get__(rogue))
    rogue.prepare()
    image = lab.image(256 * KIB, "image-of-g1", seed=5)
    start = time.monotonic()
    job = lab.run_job("mirror", group="g1", image=image, expect=None, transfer_bytes=64 * KIB)
    took = time.monotonic() - start
    result = {t["name"]: t for t in job["targets"]}
    states = {m["name"]: m["state"] for m in lab.call("group.show", group="g1")["members"]}
    if os.environ.get("TALK"):
        print("#", what, round(took, 2), job["conclusion"], {n: (t["good_blocks"], t["bad_blocks"]) for n, t in result.items()}, states,
              rogue.refused, rogue.errors[-1:])
    for name, target in result.items():
        assert target["good_blocks"] + target["bad_blocks"] == 512, target
        assert states[name] == ("stale" if target["bad_blocks"] else "in_sync"), (states, target)
    assert (job["conclusion"] == "success") == (not any(t["bad_blocks"] for t in result.values())), job
    lab.assert_copies(image, ["other"])
    assert result["other"]["bad_blocks"] == 0, result["other"]
    with open(image, "rb") as file:
        if result["rogue"]["bad_blocks"] == 0:
            assert rogue.media.startswith(file.read()), "reported good, and is not"


@together("a member that breaks the rules of a pass: its job tells the truth, the other member's copy is whole", MEMBERS)
@does("a member is", *MEMBERS)
def member(case):
    what, place, wrong = case

    def other(lab):
        lab.target("other", 3)

    with bench(before=other) as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue", "other"])
        with Beside(lab):
            member_job(lab, rogue, what, wrong, place)
        sound(lab)
        rogue.stop()


# ---- floods of reconnections ----


def reconnect(number, initiator, epoch, listed=None):
    return fr.program(fr.RESELECT, listed or [(I_MSG_IN, b"\x80\x20" + bytes([number & 0xFF])), (I_STATUS, 0),
                                              (I_MSG_IN, b"\0"), (I_FREE,)], number=number, initiator=initiator, epoch=epoch)


def to_nobody(port, epoch, number):
    return reconnect(number, 5, 1)


def to_the_dead(port, epoch, number):
    return reconnect(number, 7, epoch - 1)


def to_a_target(port, epoch, number):
    return reconnect(number, 0, port.ports[0][1])


def to_itself(port, epoch, number):
    return reconnect(number, port.id, port.epoch)


def unknown_tags(port, epoch, number):
    return reconnect(number, 7, epoch)


def unknown_data(port, epoch, number):
    return reconnect(number, 7, epoch, [(I_MSG_IN, b"\x80\x20" + bytes([number & 0xFF])), (I_DATA_OUT, MIB), (I_FREE,)])


def made_up_statuses(port, epoch, number):
    body = fr.mirror_message(fr.MIRROR_STATUS, number % 4, number % 3, number)
    return reconnect(number, 7, epoch, [(I_MSG_IN, b"\x80\x20" + bytes([number & 0xFF]) + body), (I_STATUS, 0),
                                        (I_MSG_IN, b"\0"), (I_FREE,)])


def no_identify(port, epoch, number):
    return reconnect(number, 7, epoch, [(I_STATUS, 0), (I_FREE,)])


def no_end(port, epoch, number):
    return reconnect(number, 7, epoch, [(I_MSG_IN, b"\x80")])


FLOODS = {f.__name__: f for f in (to_nobody, to_the_dead, to_a_target, to_itself, unknown_tags, unknown_data, made_up_statuses,
                                  no_identify, no_end)}


@together("1000 reconnections to nobody, to the dead, for unknown tasks: bounded, and nobody else notices", FLOODS)
@does("a target reconnects 1000 times,", *FLOODS)
def floods(case):
    with bench() as lab:
        rogue = Wire(lab).attach(fr.TARGET, 9)
        rogue.sync()
        epoch = rogue.ports[7][1]
        with Beside(lab):
            rogue.offer(*[FLOODS[case](rogue, epoch, number) for number in range(1, 1001)])
            try:
                rogue.drain(1)
            except TimeoutError:
                pass
        if os.environ.get("TALK"):
            print("#", case, rogue.refused, rogue.errors[-1:], stats(lab)["refused_frames"])
        assert rogue.refused or all(e[0] == fr.FLOOD for e in rogue.errors), rogue.errors
        rogue.close()
        sound(lab)


# ---- claims, armings ----


@test("who claims the place of a member: both are told, neither takes the token, the job tells the truth; in the end it is out")
@does("a target claims", "the place of a member")
def conflict():
    with bench() as lab:
        claims = [(0, *m) for m in membership(lab).values()]
        assert len(claims) == 2, claims
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue"])
        rogue.send(fr.members(claims))
        until("both are told", lambda: rogue.errors and "claimed by" in rogue.errors[0][3])
        assert rogue.errors[0][0] == fr.CONFLICT, rogue.errors
        image = lab.image(256 * KIB)
        job = lab.run_job("mirror", image=image, expect=None, transfer_bytes=64 * KIB)
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        for target in job["targets"]:
            assert (states[target["name"]] == "in_sync") == (target["bad_blocks"] == 0), (states, target)
            if target["bad_blocks"] == 0:
                lab.assert_copies(image, [target["name"]])
        assert job["targets"][0]["bad_blocks"] == 0, "each can still lead a pass to itself"
        for _ in range(40):
            if not rogue.offer(fr.members([]), fr.members(claims)):
                break
        until("it is out", rogue.gone)
        assert rogue.refused[0] == fr.CONFLICT, rogue.refused
        sound(lab)


ALL = 0xFFFFFFFFFFFFFFFF
ARMINGS = {
    "everything": fr.arm(2, [(0, 512, ALL, 1 << 24, list(range(0x80, 0xA0)))]),
    "blocks of one byte": fr.arm(2, [(0, 1, ALL, 1 << 24, [0x8A, 0x12, 0x00, 0x2A])]),
    "blocks of 16 MiB": fr.arm(2, [(0, 1 << 24, ALL, 1 << 24, [0x8A, 0x2A])]),
    "nothing": fr.arm(2, []),
    "the same LUN eight times": fr.arm(2, [(0, 512, 0, 0, [0x8A])] * 8),
    "the front": fr.arm(1, []),
    "LUN 77": fr.arm(2, [(77, 512, 1, 1, [0x8A])]),
    "nine LUNs": fr.frame(fr.ARM, bytes([2, 9]) + bytes(200)),
    "blocks of no byte": fr.arm(2, [(0, 0, 1, 1, [0x8A])]),
    "a mode that is none": fr.arm(3, []),
}


@together("a target that arms its port with nonsense: nothing is believed that was not taken", ARMINGS)
@does("a target arms its port for", *ARMINGS)
def armings(case):
    def other(lab):
        lab.target("other", 3)

    with bench(before=other) as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue", "other"])
        lab.call("group.create", name="g1", members=["rogue", "other"])
        with Beside(lab):
            rogue.offer(ARMINGS[case])
            execute(lab, "8a000000000000000000000000010000", data="AAAA" * 170 + "AAA=", timeout_ms=300)
            image = lab.image(256 * KIB, "image-of-g1", seed=5)
            try:
                job = lab.run_job("mirror", group="g1", image=image, expect=None, transfer_bytes=64 * KIB)
            except RpcError as refusal:
                assert refusal.kind == "member_missing", refusal
                until("it is out", rogue.gone)
                assert rogue.refused[0] == fr.BAD_FRAME, (refusal, rogue.refused)
                return
            result = {t["name"]: t for t in job["targets"]}
            if os.environ.get("TALK"):
                print("#", case, job["conclusion"], rogue.refused, rogue.errors[-1:])
            assert result["other"]["bad_blocks"] == 0, result["other"]
            lab.assert_copies(image, ["other"])
            with open(image, "rb") as file:
                assert result["rogue"]["bad_blocks"] or rogue.media.startswith(file.read())
        sound(lab)
        rogue.stop()


# ---- lies in the scan ----


def vpd(page, body, length=None):
    def inquiry(self, asked):
        own = body(self) if callable(body) else body
        if asked != page:
            return Disk.inquiry(self, asked)
        return own if page is None else bytes([0, page]) + struct.pack(">H", len(own) if length is None else length) + own

    return {"inquiry": inquiry}


def mirror_page(depth=16, most=MIB, name=b"rogue", version=1):
    return vpd(0xC0, lambda self: struct.pack(">BBHI4x", version, 1, depth, most) + self.uuid + name.ljust(32, b"\0")[:32] + bytes(4))


def says(function, data):
    return {function: lambda self: data}


def cap(last, size):
    return says("capacity", struct.pack(">QI", last, size) + bytes(20))


def as_disk1(self, page):
    own, self.uuid = self.uuid, self.ports[5][2]
    try:
        return Disk.inquiry(self, page)
    finally:
        self.uuid = own


LIES = {
    "INQUIRY of no byte": vpd(None, b""),
    "INQUIRY of 35 bytes": vpd(None, bytes(35)),
    "INQUIRY of a tape": vpd(None, b"\x01" + bytes(95)),
    "INQUIRY of noise": vpd(None, b"\0" + random.Random(1).randbytes(95)),
    "VPD 83h of no byte": {"inquiry": lambda self, page: b"" if page == 0x83 else Disk.inquiry(self, page)},
    "VPD 83h longer than it is": vpd(0x83, b"\x01\x0a\0\x12\x10\0" + bytes(16), length=60000),
    "VPD 83h with a cut designator": vpd(0x83, b"\x01\x0a\0\xff\x10\0" + bytes(16)),
    "VPD 83h without a designator": vpd(0x83, b""),
    "VPD 83h with the UUID of disk1": vpd(0x83, lambda self: b"\x01\x0a\0\x12\x10\0" + self.ports[5][2]),
    "VPD 83h and C0h with the UUID of disk1": {"inquiry": as_disk1},
    "VPD 80h of no byte": {"inquiry": lambda self, page: b"" if page == 0x80 else Disk.inquiry(self, page)},
    "VPD C0h that is short": vpd(0xC0, b"\1\1"),
    "VPD C0h with another UUID": vpd(0xC0, lambda self: struct.pack(">BBHI4x", 1, 1, 16, MIB) + self.ports[5][2] + bytes(36)),
    "VPD C0h with a name of noise": mirror_page(name=b"\x1b[2J\xff\n"),
    "VPD C0h of version 255": mirror_page(version=255),
    "VPD C0h with the name of disk1": mirror_page(name=b"disk1"),
    "a queue of none": mirror_page(depth=0),
    "a queue of 65535": mirror_page(depth=65535),
    "transfers of no byte": mirror_page(most=0),
    "transfers of one byte": mirror_page(most=1),
    "blocks of no byte": cap(8191, 0),
    "blocks of 3 bytes": cap(8191, 3),
    "blocks of 2 GiB": cap(8191, 1 << 31),
    "one block": cap(0, 512),
    "2^64 blocks": cap(ALL, 512),
    "2^64 bytes": cap(ALL // 512, 512),
    "almost 2^64 bytes": cap(ALL // 512 - 1, 512),
    "a capacity of 4 bytes": says("capacity", b"\0\0\1\0"),
    "16 MiB of capacity": says("capacity", bytes(16 * MIB)),
    "a mode page of no byte": says("mode_sense", b""),
    "a mode page that is cut": says("mode_sense", bytes(8) + b"\xb0\x2e" + bytes(10)),
    "64 KiB of block descriptors": says("mode_sense", bytes(6) + b"\xff\xff" + b"\xb0\x2e" + bytes(46)),
    "a mode page with reserved bits": says("mode_sense", bytes(8) + b"\xb0\x2e" + b"\xff" * 46),
    "membership of every group": says("mode_sense", bytes(8) + b"\xb0\x2e\1\0\0\1\0\0" + b"\xaa" * 16 + b"\xff" * 8 + bytes(16)),
}


@together("a target that lies in the scan is told apart; nobody is taken for another", LIES)
@does("a target says in the scan:", *LIES)
def lies(case):
    def first(lab):
        return Disk(lab, 2, **LIES[case])

    with bench(bus=(), before=first, ids=(4, 5)) as lab:
        rogue = lab.before
        state = until("the scan to end", lambda: next(
            (t for t in lab.call("target.list")["targets"] if t["id"] == 2 and t["state"] in ("ready", "failed")), None))
        if os.environ.get("TALK"):
            print("#", case, state["state"], state["why"], state["name"], state["block_size_bytes"], state["blocks"])
        assert state["state"] == "ready" or state["why"], state
        assert state["uuid"] == str(uuid.UUID(bytes=rogue.uuid)), state
        with Beside(lab, expect="success"):
            try:
                lab.call("group.create", name="g1", members=["2"])
                image = lab.image(64 * KIB, "image-of-g1", seed=5)
                job = lab.run_job("mirror", group="g1", image=image, expect=None)
                with open(image, "rb") as file:
                    assert job["conclusion"] != "success" or rogue.media.startswith(file.read()), job
            except RpcError as refusal:
                assert refusal.error["data"]["kind"], refusal.error
        sound(lab)
        rogue.stop()


# ---- closing in each phase ----


def close_at(function, **when):
    def closing(self, *words):
        if all(self.closes(words, k, v) for k, v in when.items()):
            self.sock.shutdown(2)
            return None
        return getattr(Disk, function)(self, *words)

    return {function: closing, "closes": lambda self, words, k, v: words[-1] is not None and words[-1][0] == v}


CLOSES = {
    "selected": (close_at("on_wanted"), None),
    "after the command": (close_at("on_command"), None),
    "after the data": (close_at("on_data"), None),
    "as leader, with the command": (close_at("on_leader", kind=I_COMMAND), 0),
    "as leader, with its data": (close_at("on_leader", kind=I_DATA_OUT), 0),
    "as leader, at a message": (close_at("on_leader", kind=I_MSG_OUT), 0),
    "as participant, with the token": (close_at("on_participant", kind=I_TOKEN), 1),
    "as participant, with its data": (close_at("on_participant", kind=I_DATA_OUT), 1),
    "when it owes its status": ({"owe": lambda self, burst: self.sock.shutdown(2)}, 1),
}


@together("a target that closes in the middle of a phase: the bus is free at once, its job tells the truth", CLOSES)
@does("a target closes", *CLOSES)
def closes(case):
    wrong, place = CLOSES[case]
    with bench(before=lambda lab: lab.target("other", 3)) as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue", "other"])
        with Beside(lab):
            if place is None:
                for name, function in wrong.items():
                    setattr(rogue, name, function.__get__(rogue))
                answer = execute(lab, "8a000000000000000000000000010000", data="AAAA" * 170 + "AAA=")
                assert answer["outcome"] in ("aborted", "selection_timeout"), answer
            else:
                member_job(lab, rogue, case, wrong, place)
        sound(lab)


# ---- never reading ----


@test("a target that brings more than there is room for, while another one has the bus, waits with it: nothing is refused")
@does("a target brings", "24 times 16 MiB while another one has the bus")
def brings_much():
    with bench(bus=("--phase-timeout-ms", "20000", "--tenure-limit-ms", "20000"), trace=False) as lab:
        lab.daemon_process.stop()  # it would look at them, and wait
        with Wire(lab).attach(fr.INITIATOR, 7) as host, Wire(lab).attach(fr.TARGET, 2) as brings, \
                Wire(lab).attach(fr.TARGET, 3) as holds:
            brings.sync()
            holds.sync()
            host.send(fr.script(1, fr.conventional(3, bytes(6))))
            burst = fr.Burst(*holds.await_frame(fr.BURST)[1:])
            read = [(I_MSG_IN, b"\x80"), (I_DATA_IN, 0, 16 * MIB), (I_STATUS, 0), (I_MSG_IN, b"\0"), (I_FREE,)]
            data = bytes(16 * MIB)
            frames = [fr.program(fr.RESELECT, read, number=i + 1, initiator=7, epoch=brings.ports[7][1], data=data)
                      for i in range(24)]
            sender = threading.Thread(target=lambda: [brings.send(f) for f in frames])
            sender.start()
            until("as many wait as may", lambda: resident(lab.bus_process) > 250 * MIB)
            for _ in range(200):  # time in which more would be read
                host.sync()
            assert resident(lab.bus_process) < 330 * MIB and sender.is_alive(), resident(lab.bus_process)
            holds.send(fr.program(fr.CONTINUE, [(I_FREE,)], tenure=burst.tenure, token=burst.token))
            for _ in range(len(frames)):
                host.await_frame(fr.TENURE)
            sender.join(LIMIT_S)
            brings.sync()
            assert not brings.errors and not brings.refused, (brings.errors, brings.refused)
        lab.daemon(*DAEMON)


def reselects_late(rogue):
    """Again and again, in the limits of a phase and of a tenure, until it is out: in how many tenures."""
    rogue.sync()
    tenures = 0
    try:
        while tenures < 100:
            rogue.offer(fr.program(fr.RESELECT, [(I_MSG_IN, b"\x80")], number=1, initiator=7, epoch=rogue.ports[7][1]))
            for listed in ([(I_MSG_IN, b"\x02")], [(I_FREE,)]):
                burst = fr.Burst(*rogue.await_frame(fr.BURST)[1:])
                time.sleep(0.7)  # what it does wrong
                rogue.offer(fr.program(fr.CONTINUE, listed, tenure=burst.tenure, token=burst.token))
            tenures += 1
    except fr.Ended:
        pass
    assert "kept the bus waiting in many tenures" in rogue.refused[1], rogue.refused
    return tenures


@test("a target that keeps the bus by answers that are late, but not too late, is out; a new attach is no new start")
@does("a target answers", "late, but not too late, again and again")
def late_again_and_again():
    with bench(bus=("--phase-timeout-ms", "1000", "--hold-limit-ms", "1200"), trace=False) as lab:
        lab.daemon_process.stop()  # it would inquire it, in tenures between these
        identity = uuid.uuid4().bytes
        with Wire(lab).attach(fr.INITIATOR, 7) as host:
            for most in (2, 1):
                with Wire(lab).attach(fr.TARGET, 3, identity=identity) as rogue:
                    assert reselects_late(rogue) <= most
            host.send(fr.script(1, fr.conventional(0, bytes(6))))
            host.await_frame(fr.TENURE, limit_s=1)
        lab.daemon(*DAEMON)


@test("an initiator that never reads what it asked for, and an armed target that never reads what it took")
@does("somebody never reads:", "an initiator what it asked for", "an armed target what it took")
def never_read():
    with bench(before=lambda lab: lab.target("other", 3)) as lab, Wire(lab).attach(fr.INITIATOR, 6) as rogue:
        taker, over = Disk(lab, 2), threading.Event()
        lab.wait_targets(["rogue", "other"])
        with Beside(lab):
            before = resident(lab.bus_process)
            read = fr.conventional(0, struct.pack(">BBQIBB", 0x88, 0, 0, 8192, 0, 0), data=[(I_DATA_IN, 0, 4 * MIB)])
            rogue.offer(*[fr.script(n, read[:1] + [(I_MSG_OUT, fr.IDENTIFY + bytes([n]))] + read[2:]) for n in range(1, 60)])

            def deaf(self, burst):
                over.wait(LIMIT_S)

            member_job(lab, taker, "never reads", {"on_burst": deaf, "prepare": lambda self: self.send(
                fr.arm(2, [(0, 512, 8192, 1 << 24, [0x8A])]))}, 1)
            assert resident(lab.bus_process) - before < 1024 * MIB
        over.set()
        rogue.close()
        taker.stop()
        sound(lab)


counted()

if __name__ == "__main__":
    main()
