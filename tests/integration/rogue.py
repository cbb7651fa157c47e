# SPDX-License-Identifier: BSD-2-Clause
"""Devices that attach properly and then break the rules: refused, counted, put out; healthy jobs beside them succeed."""

import os
import random
import struct
import threading
import time
from contextlib import contextmanager

import frames as fr
from frames import (I_COMMAND, I_DATA_IN, I_DATA_OUT, I_FREE, I_MSG_IN, I_MSG_OUT, I_PASS, I_SELECT, I_STATUS, I_TOKEN,
                    Disk, Ended, Wire)
from lab import Lab, RpcError, until
from tap import cases, main, test

KIB = 1024
MIB = 1 << 20
HEALTHY = ("disk0", "disk1")
BUS = ("--phase-timeout-ms", "300", "--tenure-limit-ms", "1000")
DAEMON = ("--status-timeout-ms", "500", "--task-timeout-ms", "2000")


@contextmanager
def bench(bus=BUS, daemon=DAEMON, before=None):
    """Two healthy targets on IDs 0 and 1, a daemon, and a group g0 of the two."""
    with Lab() as lab:
        lab.bus(*bus)
        for scsi_id, name in enumerate(HEALTHY):
            lab.target(name, scsi_id, wait=False)
        for name in HEALTHY:
            lab.targets[name].wait_ready()
        extra = before(lab) if before else None
        lab.daemon(*daemon)
        lab.wait_targets(HEALTHY)
        lab.call("group.create", name="g0", members=list(HEALTHY))
        lab.before = extra
        yield lab


class Beside:
    """Mirror jobs onto g0, one after another, for as long as the block runs; each must succeed, copies equal."""

    def __init__(self, lab, size=MIB, expect="success", most=1000, **params):
        self.lab, self.expect, self.most, self.size = lab, expect, most, size
        self.params = dict({"transfer_bytes": 32 * KIB}, **params)
        self.over = threading.Event()
        self.failed = None
        self.jobs = []

    def _run(self):
        try:
            while len(self.jobs) < self.most and (not self.jobs or not self.over.is_set()):
                image = self.lab.image(self.size, f"image{len(self.jobs)}", seed=len(self.jobs))
                self.jobs.append(self.lab.run_job("mirror", image=image, expect=self.expect, **self.params))
                if self.expect == "success":
                    self.lab.assert_copies(image, HEALTHY)
        except BaseException as why:  # told by __exit__ in the test's own thread
            self.failed = why

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if self.failed and not kind:
            raise self.failed


def shown(lab):
    return lab.call("bus.show")


def refused_of(lab, scsi_id):
    """How many frames of this port the server has refused; None when it is not attached."""
    return next((p["refused_frames"] for p in shown(lab)["ports"] if p["id"] == scsi_id), None)


def stats(lab):
    return lab.call("bus.stats")


def sound(lab):
    """Nothing has crashed, the bus is free, and a job on the healthy ones runs to success."""
    for process in lab.processes:
        assert process.running(), f"{process.name} has ended\n{process.stderr()}"
    until("the bus is free", lambda: shown(lab)["bsy"] == [], 2)
    lab.wait_targets(HEALTHY)
    image = lab.image(256 * KIB, "after", seed=99)
    lab.run_job("mirror", image=image)
    lab.assert_copies(image, HEALTHY)


def execute(lab, cdb, target="2", length=0, data=None, timeout_ms=1000):
    params = {"target": target, "lun": 0, "cdb": cdb, "data_in_length": length, "timeout_ms": timeout_ms}
    if data is not None:
        params["data_out"] = data
    return lab.call("scsi.execute", **params)


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


@cases("a target that answers {}: refused, counted, in the end put out", ANSWERS)
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
        sound_now = shown(lab)
        assert 2 not in sound_now["bsy"], sound_now
        rogue.stop()


@test("a target that answers for another's tenure, and without being asked, changes nothing")
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


@cases("a target asks for {}: its command ends, the bus is free, the job beside succeeds", PHASES)
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
            for what, wrong in STATUSES.items() for place in (0, 1)])


def member_job(lab, rogue, wrong, place):
    """A job onto g1, of which the rogue is a member; what it says of each member must be true."""
    names = ["rogue", "other"] if place == 0 else ["other", "rogue"]
    lab.call("group.create", name="g1", members=names)
    for name, function in wrong.items():
        setattr(rogue, name, function.__get__(rogue))
    image = lab.image(256 * KIB, "image-of-g1", seed=5)
    start = time.monotonic()
    job = lab.run_job("mirror", group="g1", image=image, expect=None, transfer_bytes=64 * KIB)
    took = time.monotonic() - start
    result = {t["name"]: t for t in job["targets"]}
    states = {m["name"]: m["state"] for m in lab.call("group.show", group="g1")["members"]}
    if os.environ.get("TALK"):
        print("#", round(took, 2), job["conclusion"], {n: (t["good_blocks"], t["bad_blocks"]) for n, t in result.items()}, states,
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


@cases("{0[0]}: its job ends with the truth, the other member's copy is whole, jobs beside it succeed", MEMBERS)
def member(case):
    _, place, wrong = case

    def other(lab):
        lab.target("other", 3)

    with bench(before=other) as lab:
        rogue = Disk(lab, 2)
        lab.wait_targets(["rogue", "other"])
        with Beside(lab):
            member_job(lab, rogue, wrong, place)
        sound(lab)
        rogue.stop()


if __name__ == "__main__":
    main()
