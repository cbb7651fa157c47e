# SPDX-License-Identifier: BSD-2-Clause
"""Broadcast passes of real processes: one DATA OUT phase for all members, each with a status of its own; who missed it
gets it by a silent pass. Read off the trace, and told by cmp."""

import os

from lab import Lab, messages, operations, passes, statuses, until
from tap import cases, main, test

MIB = 1 << 20
TRANSFER = 64 * 1024
BROADCAST = 0x02


def flags(message):
    return bytes.fromhex(message["hex"])[4]


def one(events, phase):
    found = [e for e in events if e["phase"] == phase]
    assert len(found) == 1, f"{len(found)} {phase} phases in tenure {events[0]['tenure']}"
    return found[0]


def identification(events):
    (message,) = [m for e in events for m in messages(e) if m["name"] == "TARGET LEADER IDENTIFICATION"]
    return message


def is_broadcast(events):
    return bool(flags(identification(events)) & BROADCAST)


def data_passes(trace):
    """The events of each pass that came to its COMMAND; of a chained one, its part of the tenure."""
    return [p for t in passes(trace) for p in operations(t) if any(e["phase"] == "COMMAND" for e in p)]


def broadcasts(trace):
    return [p for p in data_passes(trace) if is_broadcast(p)]


def silents(trace):
    return [p for p in data_passes(trace) if not is_broadcast(p)]


def takers(events):
    """The SCSI IDs that drove a DATA OUT phase."""
    return [e["driver"] for e in events if e["phase"] == "DATA OUT"]


def check_broadcast(events, devices, length=None):
    """One pass, as the protocol says, to these device ids: a tenure, or the part of one chained to the pass before it, and
    with the one after it chained to it."""
    first, final = events[0]["phase"] == "ARBITRATION", events[-1]["phase"] == "BUS FREE"
    leader = events[0]["leader"]
    lead = identification(events)
    raw = bytes.fromhex(lead["hex"])
    assert raw[1] == 14 and len(raw) == 16, lead
    bitmap = int.from_bytes(raw[12:16], "big")
    assert [d for d in range(32) if bitmap >> d & 1] == sorted(devices) == lead["devices"], (lead, devices)
    assert lead["last"] is True and bitmap >> lead["device"] & 1
    # everything between selection and BUS FREE is the leader's: BSY and the phase lines
    before, after = (["ARBITRATION", "SELECTION"] if first else []), (["MESSAGE OUT", "BUS FREE"] if final else [])
    assert [e["phase"] for e in events] == before + ["MESSAGE OUT", "COMMAND", "DATA OUT"] + after, events
    assert not first or one(events, "SELECTION")["target"] == leader
    for event in events[2 if first else 0:-1 if final else None]:
        assert event["bsy"] == [leader] and event["driver"] == leader and event["leader"] == leader, event
    data = one(events, "DATA OUT")
    assert data["crc_ok"] is not False and (length is None or data["bytes"] == length), data
    if final:
        (release,) = messages(events[-2])
        assert release["name"] == "BUS RELEASE" and flags(release) & BROADCAST and release["devices"] == sorted(devices)
    assert [m["name"] for e in events for m in messages(e)].count("IDENTIFY") == (1 if first else 0)


def start(lab, count, faults=None, unarmed=(), daemon_options=()):
    """A group in broadcast mode; the targets `unarmed` answer each phase from their process."""
    lab.bus()
    ids = [i for i in range(16) if i != 7]
    names = [f"disk{i}" for i in range(count)]
    for i, name in enumerate(names):
        lab.target(name, ids[i], *(["--unarmed"] if name in unarmed else []), faults=(faults or {}).get(name, ()), wait=False)
    for name in names:
        lab.targets[name].wait_ready()
    lab.daemon(*daemon_options)
    lab.wait_targets(names)
    lab.call("group.create", name="g0", members=names, mode="broadcast")
    return names


def devices_of(lab):
    return {m["name"]: m["device"] for m in lab.call("group.show", group="g0")["members"]}


@cases("a mirror job to {} targets by broadcast passes", (1, 3, 8))
def mirror(count):
    with Lab() as lab:
        names = start(lab, count)
        devices = devices_of(lab)
        image = lab.image(16 * TRANSFER + 1536)
        job = lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
        lab.assert_copies(image, names)
        assert job["mode"] == "broadcast"
        assert (job["passes"]["broadcast"], job["passes"]["silent"], job["passes"]["resend"]) == (17, 0, 0), job["passes"]
        trace = lab.trace()
        found = broadcasts(trace)
        assert len(found) == 17 and not silents(trace), (len(found), len(silents(trace)))
        for events in found:
            check_broadcast(events, devices.values())
        assert sum(one(p, "DATA OUT")["bytes"] for p in found) == os.path.getsize(image), "each block once"
        # each target returns a status of its own, of each operation
        answered = {}
        for events in statuses(trace):
            (message,) = [m for e in events for m in messages(e) if m["name"] == "MIRROR STATUS"]
            assert one(events, "STATUS")["status"] == "GOOD"
            answered.setdefault(message["op"], set()).add(one(events, "RESELECTION")["target"])
        ids = {t["id"] for t in lab.ready_targets().values()}
        ops = {identification(p)["op"] for p in found}
        assert set(answered) == ops and all(a == ids for a in answered.values()), answered
        # the bus's own totals: all under broadcast, statuses, too
        stats = lab.call("bus.stats")
        tenures = {e["tenure"] for p in found for e in p}
        assert stats["tenures"]["broadcast"] == len(tenures) + 17 * count and stats["tenures"]["silent"] == 0, stats["tenures"]
        data = stats["phases"]["broadcast"]["DATA OUT"]
        assert data["count"] == 17 and data["bytes"] == os.path.getsize(image), data


def mended(faults, victim="disk1", unarmed=()):
    """A job of which `victim` misses something: (job, its result, the silent passes, the trace); the copies are compared."""
    with Lab() as lab:
        names = start(lab, 3, faults=faults, unarmed=unarmed)
        devices = devices_of(lab)
        ids = {n: t["id"] for n, t in lab.ready_targets().items()}
        image = lab.image(MIB)
        job = lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
        lab.assert_copies(image, names)
        trace = lab.trace()
        found, resends = broadcasts(trace), silents(trace)
        assert len(found) == 16 and job["passes"]["broadcast"] == 16, (len(found), job["passes"])
        if victim != names[0]:
            for events in found:
                check_broadcast(events, devices.values(), TRANSFER)
        assert resends and job["passes"]["silent"] == len(resends) >= job["passes"]["resend"] > 0, (len(resends), job["passes"])
        result = next(t for t in job["targets"] if t["name"] == victim)
        assert result["bad_blocks"] == 0, result
        if victim != names[0]:
            assert result["resent_blocks"] > 0, result
            assert all(takers(p) in ([], [ids[victim]]) for p in resends), [takers(p) for p in resends]
            assert all(t["resent_blocks"] == 0 for t in job["targets"] if t["name"] != victim)
        return job, result, resends, trace


@test("a CRC error: that member alone gets the block again, by a silent pass")
def crc_error():
    _, result, resends, _ = mended({"disk1": ["crc-error:times=2"]})
    assert len(resends) >= 1 and result["resent_blocks"] >= TRANSFER // 512, result


@test("a medium error: what was not written goes out again, to that member alone")
def medium_error():
    _, result, resends, _ = mended({"disk1": ["medium-error:lba=300,blocks=3,times=1"]})
    assert 3 <= result["resent_blocks"] < MIB // 512 // 4, result
    assert len(resends) < 4, len(resends)


@test("a busy member cannot be asked in the middle of the data: it misses them, and gets them by silent passes")
def busy():
    _, _, _, trace = mended({"disk2": ["busy:times=3"]}, victim="disk2")
    said = [one(p, "STATUS")["status"] for p in statuses(trace)]
    assert said.count("BUSY") == 3 and set(said) == {"BUSY", "GOOD"}, said


@test("an unarmed member misses every broadcast, and its copy is whole all the same")
def unarmed_member():
    _, result, resends, _ = mended({}, unarmed=("disk1",))
    assert len(resends) == 16 and result["resent_blocks"] == MIB // 512, (len(resends), result)


@test("an unarmed leader drives the pass phase by phase; the others latch the data")
def unarmed_leader():
    with Lab() as lab:
        names = start(lab, 3, unarmed=("disk0",))
        devices = devices_of(lab)
        image = lab.image(4 * TRANSFER)
        job = lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
        lab.assert_copies(image, names)
        assert (job["passes"]["broadcast"], job["passes"]["silent"]) == (4, 0), job["passes"]
        for events in broadcasts(lab.trace()):
            check_broadcast(events, devices.values(), TRANSFER)


@test("a leader that refuses skips the data: nobody has them, and another one leads the silent passes")
def leader_refuses():
    job, _, resends, _ = mended({"disk0": ["busy:times=1"]}, victim="disk0")
    assert any(len(takers(p)) == 2 for p in resends), "the two others, in one silent pass"
    others = [t for t in job["targets"] if t["name"] != "disk0"]
    assert all(t["bad_blocks"] == 0 and t["resent_blocks"] > 0 for t in others), others


@cases("a target dies at {}: partial, the others are whole", ("selected", "data", "status"))
def dies(step):
    for victim in ("disk0", "disk2"):
        with Lab() as lab:
            names = start(lab, 3)
            image = lab.image(MIB)
            lab.call("target.fault", target=victim, spec=f"die:at={step}")
            job = lab.run_job("mirror", image=image, expect="partial", transfer_bytes=TRANSFER)
            rest = [n for n in names if n != victim]
            lab.assert_copies(image, rest)
            lab.targets[victim].killed = True
            lab.targets[victim].wait()
            dead = next(t for t in job["targets"] if t["name"] == victim)
            assert dead["bad_blocks"] > 0, dead
            assert lab.call("bus.show")["bsy"] == []
            lab.target(victim, names.index(victim))
            lab.wait_targets([victim])
            again = lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
            assert again["passes"]["broadcast"] == 16, again["passes"]
            lab.assert_copies(image, names)


@test("a target killed in the middle of a job: the others are whole")
def killed():
    with Lab() as lab:
        names = start(lab, 3)
        image = lab.image(4 * MIB)
        number = lab.create_job("mirror", image=image, transfer_bytes=8192, speed_bytes_per_s=4 * MIB)
        until("some blocks to be written", lambda: lab.job(number)["done_bytes"] > MIB // 4)
        lab.targets["disk1"].kill()
        job = lab.wait_job(number)
        assert job["conclusion"] == "partial", job["conclusion"]
        lab.assert_copies(image, ["disk0", "disk2"])
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert states == {"disk0": "in_sync", "disk1": "stale", "disk2": "in_sync"}, states
        lab.target("disk1", 1)
        lab.wait_targets(["disk1"])
        lab.run_job("resync")
        lab.assert_copies(image, names)


@test("verify by broadcast: VERIFY(16) with BYTCHK, one DATA OUT phase for all; a difference is found, and whose")
def verify():
    with Lab() as lab:
        names = start(lab, 3)
        devices = devices_of(lab)
        image = lab.image(4 * TRANSFER)
        lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
        before = len(broadcasts(lab.trace()))
        job = lab.run_job("verify", image=image, transfer_bytes=TRANSFER)
        found = broadcasts(lab.trace())[before:]
        assert len(found) == 4 and job["passes"]["broadcast"] == 4, (len(found), job["passes"])
        for events in found:
            check_broadcast(events, devices.values(), TRANSFER)
            command = one(events, "COMMAND")
            assert command["name"] == "VERIFY(16)" and int(command["cdb"][2:4], 16) & 6 == 2, command
        with open(lab.store("disk1"), "r+b") as store:
            store.seek(77 * 512)
            byte = store.read(1)
            store.seek(77 * 512)
            store.write(bytes([byte[0] ^ 1]))
        job = lab.run_job("verify", image=image, transfer_bytes=TRANSFER, expect=None)
        bad = {t["name"]: [(r["lba"], r["blocks"]) for r in t["runs"]] for t in job["targets"]}
        assert bad == {"disk0": [], "disk1": [(77, 1)], "disk2": []}, bad


@test("a group's mode can be set to broadcast, and a job may choose another way")
def modes():
    with Lab() as lab:
        names = lab.start(2)
        assert "broadcast" in lab.rpc().greeting["features"]
        assert all(t["mirror"]["broadcast"] for t in lab.ready_targets().values())
        image = lab.image(MIB)
        assert lab.run_job("mirror", image=image, mode="broadcast")["passes"]["broadcast"] > 0
        lab.call("group.set", group="g0", mode="broadcast")
        assert lab.run_job("mirror", image=image)["mode"] == "broadcast"
        silent = lab.run_job("mirror", image=image, mode="silent")
        assert silent["passes"]["broadcast"] == 0 and silent["passes"]["silent"] > 0
        lab.ctl("mirror", "g0", image, "--mode", "broadcast")
        lab.assert_copies(image, names)


@test("the bus time of eight copies by broadcast is about that of one")
def bus_time():
    times = {}
    for count, mode in ((1, "silent"), (8, "broadcast"), (8, "silent")):
        with Lab() as lab:
            lab.start(count)
            job = lab.run_job("mirror", image=lab.image(MIB), mode=mode, transfer_bytes=TRANSFER)
            times[count, mode] = job["bus_time_ns"]
    print(f"# bus time of 1 MiB: {times}")
    assert times[8, "broadcast"] < 1.5 * times[1, "silent"], times
    assert times[8, "silent"] > 7 * times[1, "silent"], times


if __name__ == "__main__":
    main()
