# SPDX-License-Identifier: BSD-2-Clause
"""One test for each claim of US 7,085,903, read off the trace of real processes.

Claims 1 to 10 are a method; 11 to 20 are the apparatus and the program with the same limitations, which the same
processes are: each is a test of its own over the traces of the same three runs.
"""

import functools

from lab import Lab, messages, operations, passes, statuses
from tap import cases, main

CODE = 0xE0  # SILENT MIRRORING, the vendor-unique extended message
BLOCK = 512
TRANSFER = 64 * 1024
IMAGE = 10 * TRANSFER + 3 * BLOCK  # the last block is a short one


class Run:
    """A finished mirror job of three targets: its trace, its job, the SCSI IDs by device id."""

    def __init__(self, faults=None):
        with Lab() as lab:
            names = lab.start(3, faults=faults)
            image = lab.image(IMAGE)
            self.job = lab.run_job("mirror", image=image, transfer_bytes=TRANSFER)
            lab.assert_copies(image, names)
            group = lab.call("group.show", group="g0")
            self.group = group["id"]
            self.ids = {m["device"]: m["id"] for m in group["members"]}
            self.names = {m["device"]: m["name"] for m in group["members"]}
            self.trace = lab.trace()
        # the tenures, and the passes in them: some go on under the tenure of another
        self.tenures = [p for p in passes(self.trace) if any(e["phase"] == "COMMAND" and e["name"] == "WRITE(16)" for e in p)]
        self.writes = [p for t in self.tenures for p in operations(t)]
        assert self.tenures, "no silent mirroring pass in the trace"


@functools.cache
def plain():
    return Run()


@functools.cache
def faulty():
    """Device 2 fails three blocks of the image twice: a resend pass, and another."""
    return Run({"disk1": ["medium-error:lba=130,blocks=3,times=2"]})


def one(events, phase):
    found = [e for e in events if e["phase"] == phase]
    assert len(found) == 1, f"{len(found)} {phase} phases in tenure {events[0]['tenure']}"
    return found[0]


def named(events, name):
    return [(e, m) for e in events for m in messages(e) if m["name"] == name]


def receivers(run, events):
    """The SCSI IDs that took data, in order."""
    return [e["driver"] for e in events if e["phase"] == "DATA OUT"]


def claim_1(run):
    """Arbitration and selection with attention of the leader only; each participant takes its block without a nexus."""
    for events in run.tenures:
        arbitration, selection = one(events, "ARBITRATION"), one(events, "SELECTION")
        assert arbitration["winner"] == selection["init"] == 7
        assert selection["atn"] is True
        for part in operations(events):
            (_, lead), = named(part, "TARGET LEADER IDENTIFICATION")
            leader = run.ids[lead["device"]]
            assert selection["target"] == leader, (selection, lead)
            assert len([e for e in part if e["phase"] == "COMMAND"]) == 1
            chosen = [run.ids[m["device"]] for _, m in named(part, "TARGET SELECTION")]
            assert len(chosen) == 2 and leader not in chosen and len(set(chosen)) == 2
            assert receivers(run, part) == [leader] + chosen
        # from the leader's selection to BUS FREE: no arbitration or (re)selection for anyone else
        phases = [e["phase"] for e in events]
        rest = phases[phases.index("SELECTION") + 1:]
        assert not {"ARBITRATION", "SELECTION", "RESELECTION"} & set(rest), rest
        assert rest[-1] == "BUS FREE", rest
        # a nexus would need an IDENTIFY: there is one, the leader's
        assert len(named(events, "IDENTIFY")) == 1


def claim_2(run):
    """The leader holds the bus for the whole operation."""
    for events in run.tenures:
        leader = one(events, "SELECTION")["target"]
        after = events[[e["phase"] for e in events].index("SELECTION") + 1:-1]
        assert after and all(e["leader"] == leader for e in after), after


def claim_3(run):
    """Holding it is asserting BSY: the leader, and it alone, while anyone's data are transferred."""
    for events in run.tenures:
        leader = one(events, "SELECTION")["target"]
        after = events[[e["phase"] for e in events].index("SELECTION") + 1:-1]
        for event in after:
            assert event["bsy"] == [leader], event
            assert event["sel"] == [], event
        assert any(e["phase"] == "DATA OUT" and e["driver"] != leader for e in after)
        free = events[-1]
        assert free["phase"] == "BUS FREE" and free["bsy"] == [] and free["driver"] is None


def claim_4(run):
    """A bus release message tells the leader to let the bus go: BUS FREE follows it at once."""
    for events in run.tenures:
        (event, message), = named(events, "BUS RELEASE")
        assert event is events[-2] and events[-1]["phase"] == "BUS FREE"
        assert run.ids[message["device"]] == one(events, "SELECTION")["target"]


def claim_5(run):
    """A participant drives the phase lines in its data phase; then it takes the message that names the next."""
    for events in run.tenures:
        leader = one(events, "SELECTION")["target"]
        for selections in (named(part, "TARGET SELECTION") for part in operations(events)):
            for i, (event, message) in enumerate(selections):
                participant = run.ids[message["device"]]
                following = events[events.index(event) + 1]
                assert following["phase"] == "DATA OUT"
                assert following["driver"] == participant and following["bsy"] == [leader]
                nxt = events[events.index(following) + 1]
                assert nxt["phase"] == "MESSAGE OUT" and nxt["driver"] == participant and nxt["atn"] is True
                assert event["driver"] == (leader if i == 0 else run.ids[selections[i - 1][1]["device"]])


def claim_6(run):
    """Identification and selection carry the vendor's code, by which a target knows silent mirroring."""
    for events in run.writes:
        found = named(events, "TARGET LEADER IDENTIFICATION") + named(events, "TARGET SELECTION")
        assert len(found) == 3
        for _, message in found:
            raw = bytes.fromhex(message["hex"])
            assert raw[0] == 0x01 and raw[1] == len(raw) - 2 and raw[2] == CODE, message


def claim_7(run):
    """Both carry the group's and the target's identification."""
    for events in run.writes:
        devices = []
        for name, function in (("TARGET LEADER IDENTIFICATION", 1), ("TARGET SELECTION", 2)):
            for _, message in named(events, name):
                raw = bytes.fromhex(message["hex"])
                assert raw[3] == function
                assert message["group"] == run.group == int.from_bytes(raw[5:7], "big")
                assert message["device"] == raw[7]
                assert message["op"] == int.from_bytes(raw[8:12], "big") == events[0]["op"]
                devices.append(message["device"])
        assert sorted(devices) == sorted(run.ids), devices


def claim_8(run):
    """The selection of the last participant says so, and no other does."""
    for events in run.writes:
        last = [m["last"] for _, m in named(events, "TARGET SELECTION")]
        assert last == [False] * (len(last) - 1) + [True], last
        assert all(bytes.fromhex(m["hex"])[4] & 1 == m["last"] for _, m in named(events, "TARGET SELECTION"))


def claim_9(run):
    """Each target reselects the initiator by itself and returns a status of its own."""
    by_op = {}
    for events in statuses(run.trace):
        arbitration, reselection = one(events, "ARBITRATION"), one(events, "RESELECTION")
        (_, message), = named(events, "MIRROR STATUS")
        target = reselection["target"]
        assert arbitration["winner"] == target and reselection["init"] == 7
        assert run.ids[message["device"]] == target and message["group"] == run.group
        status = one(events, "STATUS")
        assert status["driver"] == target and status["status"], status
        assert named(events, "COMMAND COMPLETE")
        by_op.setdefault(message["op"], []).append(target)
    for events in run.writes:
        op = named(events, "TARGET LEADER IDENTIFICATION")[0][1]["op"]
        assert sorted(by_op[op]) == sorted(receivers(run, events)), (op, by_op.get(op))


def extent(events):
    cdb = bytes.fromhex(one(events, "COMMAND")["cdb"])
    return int.from_bytes(cdb[2:10], "big"), int.from_bytes(cdb[10:14], "big")


def claim_10(_):
    """Unsuccessful blocks are found by their status and sent again by silent mirroring, to those that miss them."""
    run = faulty()
    bad = next(i for d, i in run.ids.items() if run.names[d] == "disk1")
    seen, resends = {}, []
    for events in run.writes:
        lba, blocks = extent(events)
        again = [i for i in receivers(run, events) if any((i, b) in seen for b in range(lba, lba + blocks))]
        if again:
            resends.append((lba, blocks, receivers(run, events), events))
        for i in receivers(run, events):
            for b in range(lba, lba + blocks):
                seen.setdefault((i, b), 0)
                seen[(i, b)] += 1
    assert resends, "nothing was sent again"
    for lba, blocks, to, events in resends:
        assert to == [bad], f"blocks {lba}+{blocks} went to {to} again, only {bad} misses them"
        (_, lead), = named(events, "TARGET LEADER IDENTIFICATION")
        assert lead["last"] is True and not named(events, "TARGET SELECTION")
        # from the first failed block on to the end of the run that failed, nothing before it
        assert 130 <= lba and lba + blocks <= 256, (lba, blocks)
    assert all(count == 1 for (i, b), count in seen.items() if i != bad or not 130 <= b < 256)
    checks = [one(e, "STATUS")["status"] for e in statuses(run.trace) if one(e, "RESELECTION")["target"] == bad]
    assert "CHECK CONDITION" in checks and checks[-1] == "GOOD"
    mine = next(t for t in run.job["targets"] if t["name"] == "disk1")
    assert mine["resent_blocks"] > 0 and mine["bad_blocks"] == 0
    assert all(t["resent_blocks"] == 0 for t in run.job["targets"] if t["name"] != "disk1")
    resends_are_passes(run)


def resends_are_passes(run):
    """The resend passes are passes as the claims say: leader alone on BSY, release, status."""
    for events in run.tenures:
        leader = one(events, "SELECTION")["target"]
        for event in events[[e["phase"] for e in events].index("SELECTION") + 1:-1]:
            assert event["bsy"] == [leader] and event["leader"] == leader
        assert named(events, "BUS RELEASE")


CLAIMS = {n: globals()[f"claim_{n}"] for n in range(1, 11)}


@cases("claim {}", range(1, 21))
def claim(number):
    CLAIMS[(number - 1) % 10 + 1](plain())


if __name__ == "__main__":
    main()
