# SPDX-License-Identifier: BSD-2-Clause
"""The parallel bus's own rules, with real processes: disconnection by mode page 02h, quick arbitration, wrong parity."""

from command import GOOD, run, short
from lab import Lab, messages, noise, passes, statuses, tenures
from tap import cases, main, test

MIB = 1 << 20
KIB = 1 << 10


def limit(lab, names, burst=0, wait=0):
    """Mode page 02h of each: maximum burst size in bytes, disconnect time limit in units of 100 us."""
    page = bytearray(8 + 16)
    page[8:10] = 2, 14
    page[14:16] = wait.to_bytes(2, "big")
    page[18:20] = (burst // 512).to_bytes(2, "big")
    for name in names:
        assert run(lab, "55100000000000001800", bytes(page), target=name)["status"] == GOOD


def said(events):
    return [m["name"] for e in events for m in messages(e)]


def data(trace, phase, least=0):
    return [e for e in trace if e["phase"] == phase and e["bytes"] >= least]


@test("a conventional mirror job with a maximum burst size: each data phase is as long as that and ends with SAVE DATA POINTER, DISCONNECT")
def bursts():
    for over in ("unix", "tcp"):
        with Lab() as lab:
            names = lab.start(2, mode="conventional", over=lambda i: over)
            limit(lab, names, burst=64 * KIB)
            image = lab.image(MIB + 3 * 4096)
            lab.run_job("mirror", image=image)
            lab.assert_copies(image, names)
            trace = lab.trace()
        moved = data(trace, "DATA OUT", 4096)
        assert max(e["bytes"] for e in moved) == 64 * KIB, moved
        assert sum(e["bytes"] for e in moved) == 2 * (MIB + 3 * 4096)
        split = [t for t in tenures(trace).values() if "SAVE DATA POINTER" in said(t)]
        assert len(split) >= 2 * 15, len(split)
        for events in split:
            assert said(events)[-2:] == ["SAVE DATA POINTER", "DISCONNECT"], said(events)
            assert [e["phase"] for e in events][-3:] == ["DATA OUT", "MESSAGE IN", "BUS FREE"]
        back = [t for t in tenures(trace).values() if t[1]["phase"] == "RESELECTION" and data(t, "DATA OUT")]
        assert len(back) == len(split) and all(said(t)[0] == "IDENTIFY" for t in back)


@test("a read with a maximum burst size comes in pieces, with the disconnect time limit between them, and is whole")
def reads():
    with Lab() as lab:
        names = lab.start(1, group=None)
        content = noise(256 * 512, 3)
        assert run(lab, "2a000000000000010000", content)["status"] == GOOD
        limit(lab, names, burst=16 * KIB, wait=20)
        before = len(lab.trace())
        done = run(lab, "28000000000000010000", room=len(content))
        assert (done["status"], done["data"]) == (GOOD, content)
        trace = lab.trace()[before:]
    pieces = data(trace, "DATA IN", 16 * KIB)
    assert [e["bytes"] for e in pieces] == [16 * KIB] * 8, pieces
    gaps = [b["t_ns"] - a["t_ns"] for a, b in zip(pieces, pieces[1:])]
    assert min(gaps) >= 2_000_000, gaps


@test("the limits of page 02h do not touch silent passes")
def silent():
    shapes = []
    for burst in (0, 4096):
        with Lab() as lab:
            names = lab.start(3)
            limit(lab, names, burst=burst)
            image = lab.image(MIB)
            lab.run_job("mirror", image=image, window=1, transfer_bytes=128 * KIB)
            lab.assert_copies(image, names)
            shapes.append([[(e["phase"], e["bytes"], e["driver"], said([e])) for e in t] for t in passes(lab.trace())])
    assert shapes[0] == shapes[1] and len(shapes[0]) == 8


def took(tenure):
    """Whether another device took the bus at its end, without BUS FREE."""
    return "QAS REQUEST" in said(tenure) and tenure[-1]["phase"] != "BUS FREE"


@test("QAS on both sides: statuses follow each other without BUS FREE; asked for by one side only, all is as without")
def quick():
    kinds = {}
    for daemon in (False, True):
        for target in (False, True):
            with Lab() as lab:
                names = lab.start(3, bus_options=("--profile", "spi4"), daemon_options=("--qas",) if daemon else (),
                                  target_options=("--qas",) if target else ())
                image = lab.image(MIB)
                # many statuses: that some of them wait for each other depends on when targets run
                lab.run_job("mirror", image=image, window=1, transfer_bytes=16 * KIB)
                lab.assert_copies(image, names)
                shown = [t["transfer"]["name"] for t in lab.call("target.list")["targets"]]
                trace = more = lab.trace()
                for _ in range(20 if daemon and target else 0):
                    if any(took(t) for t in statuses(more)):
                        break
                    lab.run_job("mirror", image=image, window=1, transfer_bytes=16 * KIB)
                    more = lab.trace()
            handed = [t for t in tenures(trace).values() if "QAS REQUEST" in said(t)]
            assert bool(handed) == (daemon and target), (daemon, target, len(handed))
            assert all(n.endswith(" QAS") == bool(handed) for n in shown), shown
            kinds[daemon, target] = [[(e["phase"], e["bytes"], e["driver"]) for e in t] for t in passes(trace)]
            if not handed:
                continue
            assert all(said(t)[-1] == "QAS REQUEST" and said(t)[-2] in ("COMMAND COMPLETE", "DISCONNECT") for t in handed)
            taken = [t for t in tenures(more).values() if took(t)]
            assert taken, "nobody ever took the bus so"
            events = [e for t in tenures(more).values() for e in t]
            for t in taken:
                after = events[events.index(t[-1]) + 1]
                assert (after["phase"], after["dur_ns"]) == ("ARBITRATION", 1800), after
            assert any(took(t) for t in statuses(more)), "no status was followed by another one so"
    assert len({str(k) for k in kinds.values()}) == 1, "silent passes differ"


# phase, times, what is said of it, how often, status and sense of a write and of the read of it
PARITY = [
    ("message-out", 1, "IDENTIFY", 1, 0, None),
    ("command", 2, "RESTORE POINTERS", 2, 0, None),
    ("command", 4, "RESTORE POINTERS", 3, 2, "47/00"),
    ("data-out", 1, "RESTORE POINTERS", 1, 0, None),
    ("data-out", 4, "RESTORE POINTERS", 3, 2, "47/00"),
    ("status", 1, "INITIATOR DETECTED ERROR", 1, 0, None),
    ("message-in", 2, "MESSAGE PARITY ERROR", 2, 0, None),
]


@cases("wrong parity on demand is tried again, or ends in SCSI PARITY ERROR: {0[0]}, {0[1]} times", PARITY)
def parity(case):
    phase, times, word, count, status, code = case
    with Lab() as lab:
        names = lab.start(1, group=None)
        lab.call("target.fault", target=names[0], spec=f"parity-error:phase={phase},times={times}")
        before = len(lab.trace())
        content = noise(4096, 5)
        done = run(lab, "2a000000000000000800", content)
        assert (done["status"], done["code"]) == (status, code), done
        trace = lab.trace()[before:]
        heard = said(trace).count(word)
        if word == "IDENTIFY":
            first = next(iter(tenures(trace).values()))
            assert [e["phase"] for e in first][2:4] == ["MESSAGE OUT", "MESSAGE OUT"] and first[2]["msg"] == first[3]["msg"], first
        else:
            assert heard == count, (heard, said(trace))
        if status == GOOD:
            done = run(lab, "28000000000000000800", room=4096)
            assert (done["status"], done["code"], done["data"]) == (GOOD, None, content), short(done)


main()
