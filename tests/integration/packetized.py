# SPDX-License-Identifier: BSD-2-Clause
"""Packetized transfers (--packetized) with real processes: what is agreed on, what is on the bus, what is mirrored beside them."""

import base64

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


def execute(lab, target, cdb, out=None, room=0):
    params = {"target": target, "cdb": cdb, "data_in_length": room}
    if out is not None:
        params["data_out"] = base64.b64encode(out).decode()
    return lab.call("scsi.execute", **params)


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
        done = execute(lab, name, "2a000000000000004000", out=content)
        assert (done["status"], done["sense"]) == (0, ""), done
        done = execute(lab, name, "28000000000000004000", room=len(content))
        assert base64.b64decode(done["data_in"]) == content
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
        done = execute(lab, name, "2800ffffffff00000100", room=512)
        sense = bytes.fromhex(done["sense"])
        assert done["status"] == 2 and (sense[2] & 15, sense[12], sense[13]) == (5, 0x21, 0), done
        trace = lab.trace()[at:]
        (unit,) = [u for e in trace for u in e.get("units", ()) if u["name"] == "STATUS"]
        assert unit["status"] == "CHECK CONDITION" and bytes.fromhex(unit["sense"]) == sense, unit
        assert [u["command"] for e in trace for u in e.get("units", ()) if u["name"] == "COMMAND"] == ["READ(10)"], named(trace)
        done = execute(lab, name, "030000001200", room=18)
        assert base64.b64decode(done["data_in"])[2] & 15 == 0, "the sense was kept"


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
        done = execute(lab, name, "120000002400", room=36)
        assert done["status"] == 0, done
        assert len(packetized(lab.trace()[at:])) >= 1


main()
