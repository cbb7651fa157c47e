# SPDX-License-Identifier: BSD-2-Clause
"""Packetized transfers (--packetized) with real processes: what is agreed on, what is on the bus, what is mirrored beside them."""

import struct

import frames as fr
from command import run
from frames import I_COMMAND, I_DATA_OUT, I_MSG_OUT, I_SELECT, Wire
from lab import Lab, noise, passes, statuses, tenures, until
from tap import main, test

MIB = 1 << 20
IU = "Fast-160 (Ultra320) wide IU"
TOLD = ("--packetized",)
# What a tenure without attention condition has no phases of.
PLAIN = ("COMMAND", "STATUS", "MESSAGE OUT", "MESSAGE IN")


def start(lab, n, daemon=True, target=True, **options):
    return lab.start(n, bus_options=("--profile", "spi4"), daemon_options=TOLD if daemon else (),
                     target_options=TOLD if target else (), **options)


def packetized(trace):
    return [t for t in tenures(trace).values() if any("units" in e for e in t)]


def named(events):
    return [u["name"] for e in events for u in e.get("units", ())]


@test("agreed on where both sides are told to, and shown; with one side only all is as without")
def agreement():
    kinds = {}
    for daemon in (False, True):
        for target in (False, True):
            with Lab() as lab:
                names = start(lab, 3, daemon, target)
                image = lab.image(MIB)
                lab.run_job("mirror", image=image, window=1, transfer_bytes=128 << 10)
                lab.assert_copies(image, names)
                shown = {t["transfer"]["name"] for t in lab.call("target.list")["targets"]}
                ports = {p["transfer"]["name"] for p in lab.call("bus.show")["ports"] if p["role"] == "target"}
                printed = lab.ctl("bus", "show")
                trace = lab.trace()
            both = daemon and target
            assert shown == ports == {IU if both else "Fast-80 (Ultra160) wide"}, (shown, ports)
            assert (IU in printed) == both, printed
            assert bool(packetized(trace)) == both
            kinds[daemon, target] = [[(e["phase"], e["bytes"], e["driver"], e["dur_ns"]) for e in t] for t in passes(trace)]
    assert len({str(k) for k in kinds.values()}) == 1, "silent passes differ"


@test("a packetized command has no phases but SELECTION, RESELECTION and DATA, and the units say what it is")
def commands():
    with Lab() as lab:
        (name,) = start(lab, 1, group=None)
        content = noise(64 * 512, 3)
        at = len(lab.trace())
        done = run(lab, "2a000000000000004000", out=content, target=name)
        assert (done["status"], done["sense"]) == (0, ""), done
        done = run(lab, "28000000000000004000", room=len(content), target=name)
        assert done["data"] == content
        trace = lab.trace()[at:]
    assert not [e for e in trace if e["phase"] in PLAIN or e["atn"]], trace
    assert all("units" in e for e in trace if e["phase"].startswith("DATA"))
    assert named(trace) == ["L_Q", "COMMAND", "L_Q", "DATA", "L_Q", "L_Q", "COMMAND", "L_Q", "DATA", "L_Q"], named(trace)
    first = [u for e in trace for u in e.get("units", ())]
    assert (first[0]["type"], first[0]["length"], first[0]["bytes"]) == ("LAST COMMAND", 20, 20), first[0]
    assert (first[1]["command"], first[1]["attribute"]) == ("WRITE(10)", "SIMPLE"), first[1]
    assert (first[2]["type"], first[2]["length"]) == ("DATA", len(content)), first[2]
    assert (first[4]["type"], first[4]["length"]) == ("STATUS", 0), first[4]


@test("CHECK CONDITION: the sense data come with the status, and nobody asks for them")
def autosense():
    with Lab() as lab:
        (name,) = start(lab, 1, group=None)
        at = len(lab.trace())
        done = run(lab, "2800ffffffff00000100", room=512, target=name)
        sense = bytes.fromhex(done["sense"])
        assert done["status"] == 2 and (sense[2] & 15, sense[12], sense[13]) == (5, 0x21, 0), done
        trace = lab.trace()[at:]
        (unit,) = [u for e in trace for u in e.get("units", ()) if u["name"] == "STATUS"]
        assert unit["status"] == "CHECK CONDITION" and bytes.fromhex(unit["sense"]) == sense, unit
        assert [u["command"] for e in trace for u in e.get("units", ()) if u["name"] == "COMMAND"] == ["READ(10)"], named(trace)
        done = run(lab, "030000001200", room=18, target=name)
        assert done["data"][2] & 15 == 0, "the sense was kept"


@test("a group whose members agreed on information units mirrors silently, by broadcast and conventionally, with resends")
def mirroring():
    for mode in ("silent", "broadcast", "conventional"):
        with Lab() as lab:
            names = start(lab, 3, mode=mode, faults={1: ["medium-error:lba=100,blocks=2,times=1"]})
            image = lab.image(MIB + 5 * 512)
            lab.run_job("mirror", image=image)
            lab.assert_copies(image, names)
            trace = lab.trace()
        for tenure in passes(trace) + statuses(trace):
            assert not any("units" in e for e in tenure), tenure
        assert bool(passes(trace)) == (mode != "conventional")
        moved = sum(u["bytes"] for e in trace if e["phase"] == "DATA OUT" for u in e.get("units", ()) if u["name"] == "DATA")
        assert mode != "conventional" or moved >= 3 * (MIB + 5 * 512), (mode, moved)


@test("a bus reset ends the agreement, and the scan after it makes it anew")
def reset():
    with Lab() as lab:
        (name,) = start(lab, 1, group=None)
        lab.call("bus.reset")
        until("the target to be scanned again", lambda: {t["transfer"]["name"] for t in lab.ready_targets().values()} == {IU})
        at = len(lab.trace())
        done = run(lab, "120000002400", room=36, target=name)
        assert done["status"] == 0, done
        assert len(packetized(lab.trace()[at:])) >= 1


I_UNIT = 13
PPR = b"\xc0\x01\x06\x04\x08\x00\x7f\x01\x43"


def l_q(kind=1, tag=5, lun=bytes(8), length=20):
    return struct.pack(">BxH8sxBHxxH", kind, tag, lun, length >> 16, length & 0xFFFF, 0)


def unit(attribute=0, function=0, more=0, cdb=bytes(6)):
    return struct.pack(">xBBB16s", attribute, function, more, cdb)


# what is sent: packetized failure code, None for BUS FREE, 0 for a status that is one
WRONG = {
    "nothing wrong": (l_q() + unit(), 0),
    "half an L_Q": (l_q()[:9], None),
    "an L_Q alone": (l_q(), None),
    "half a command": (l_q() + unit()[:7], None),
    "a status": (l_q(kind=8, length=0), 6),
    "a type that there is not": (l_q(kind=0xEE) + unit(), 6),
    "several commands": (l_q(kind=2) + unit() + l_q() + unit(), 6),
    "a command of 16 MiB": (l_q(length=0xFFFFFF) + unit(), 7),
    "a command of no byte": (l_q(length=0) + unit(), 7),
    "a tag of 16 bits": (l_q(tag=0xFFFF) + unit(), 7),
    "a LUN of four levels": (l_q(lun=b"\x01\x02\x03\x04\x05\x06\x07\x08") + unit(), 7),
    "a LUN that there is not": (l_q(lun=b"\x00\x05" + bytes(6)) + unit(), 0),
    "a reserved attribute": (l_q() + unit(attribute=7), 2),
    "a CDB that is longer than its unit": (l_q() + unit(more=0x80), 2),
    "a function that there is not": (l_q() + unit(function=0x10), 4),
    "a CDB of noise": (l_q() + unit(cdb=b"\xff" * 16), 0),
}


def ended(rogue, number):
    """Outcome, status or None, status information unit of a script."""
    while True:
        _, head, _ = rogue.await_frame(fr.TENURE)
        script, _, _, _, _, outcome, has_status, status = struct.unpack_from(">IIBBIBBB", head)
        if script != number or fr.OUTCOMES[outcome] == "disconnected":
            continue
        size = 0
        if has_status == 2:
            size = next(n for n in range(12, len(head)) if head[-n - 2:-n] == struct.pack(">H", n))
        return fr.OUTCOMES[outcome], status if has_status else None, head[len(head) - size:] if size else b""


@test("information units that are wrong, from another initiator: the packetized failure of each, or BUS FREE; jobs beside it succeed")
def wrong_units():
    with Lab() as lab:
        names = start(lab, 2)
        with Wire(lab).attach(fr.INITIATOR, 6) as rogue:
            rogue.send(fr.script(1000, [(I_SELECT, 0, fr.ATN), (I_MSG_OUT, PPR), (I_COMMAND, bytes(6))]))
            assert ended(rogue, 1000)[:2] == ("complete", None)
            image = lab.image(MIB)
            for number, (what, (octets, failure)) in enumerate(WRONG.items(), 1):
                sent = struct.pack(">BBBxIII", I_UNIT, 0, 0, 0, len(octets), 0) + octets
                rogue.send(fr.script(number, fr.items([(I_SELECT, 0)]) + sent))
                outcome, status, got = ended(rogue, number)
                if failure is None:
                    assert (outcome, status) == ("unexpected_free", None), (what, outcome, status)
                    continue
                assert outcome == "complete", (what, outcome)
                failed = bool(got) and got[2] == 1
                assert failed == bool(failure) and (not failed or got[-1] == failure), (what, got)
                if number % 4 == 0:
                    lab.run_job("mirror", image=image)
            # More data than the script has: pad bytes, and the target says so.
            write = struct.pack(">BBIBHB", 0x2A, 0, 0, 0, 4, 0)
            for number in range(500, 505):
                listed = [(I_SELECT, 0, fr.ATN), (I_MSG_OUT, b"\xc0\x20\x07"), (I_COMMAND, write), (I_DATA_OUT, 0, 512)]
                rogue.send(fr.script(number, listed, bytes(512)))
                outcome, status, got = ended(rogue, number)
                assert (outcome, status) == ("complete", 2) and got[2] == 2, (outcome, status, got)
                sense = got[12:]
                if sense[2] & 15 != 6:  # UNIT ATTENTION, of the daemon's doing
                    break
            assert (sense[2] & 15, sense[12]) == (0xB, 0x4B), sense
        lab.run_job("mirror", image=image)
        lab.assert_copies(image, names)


main()
