# SPDX-License-Identifier: BSD-2-Clause
"""Passes that wait for the bus go on under one tenure: what smirrord queues, as the trace of the real processes shows it."""

from lab import Lab, messages, operations, passes, statuses, tenures, until
from tap import cases, main, test

MIB = 1 << 20
BLOCK = 4096


class Run:
    """A finished mirror job, window 8: its trace, the passes by tenure, what was answered by operation."""

    def __init__(self, count=3, size=MIB, mode=None, daemon_options=(), target_options=(), faults=None, **params):
        with Lab() as lab:
            names = lab.start(count, mode=mode, daemon_options=daemon_options, target_options=target_options, faults=faults)
            image = lab.image(size)
            self.job = lab.run_job("mirror", image=image, window=8, transfer_bytes=BLOCK, **params)
            lab.assert_copies(image, names)
            self.ids = {m["id"] for m in lab.call("group.show", group="g0")["members"]}
            self.trace = lab.trace()
            self.stats = lab.call("bus.stats")
        # a flush at the end of a job is a command to each, no pass
        self.tenures = passes(self.trace)
        self.chains = [t for t in self.tenures if len(operations(t)) > 1]
        print(f"# {sum(len(operations(t)) for t in self.tenures)} passes in {len(self.tenures)} tenures, "
              f"at most {max(len(operations(t)) for t in self.tenures)} in one")


def names_of(events):
    return [m["name"] for e in events for m in messages(e)]


def check_tenure(events):
    """One selection, one leader, one BUS RELEASE; each operation begins with its identification and has its own COMMAND."""
    parts = operations(events)
    phases = [e["phase"] for e in events]
    assert phases[:2] == ["ARBITRATION", "SELECTION"] and phases[-2:] == ["MESSAGE OUT", "BUS FREE"], phases
    assert not {"ARBITRATION", "SELECTION", "RESELECTION", "BUS FREE"} & set(phases[2:-1]), phases
    leader = events[1]["target"]
    assert all(e["bsy"] == [leader] and e["leader"] == leader for e in events[2:-1]), "BSY is the leader's throughout"
    assert [n for n in names_of(events) if n in ("IDENTIFY", "BUS RELEASE")] == ["IDENTIFY", "BUS RELEASE"]
    assert len({p[0]["op"] for p in parts}) == len(parts), "an operation comes back"
    tags = []
    for i, part in enumerate(parts):
        first = part[2 if i == 0 else 0]
        assert first["phase"] == "MESSAGE OUT" and first["atn"] is True, first
        assert [m["name"] for m in messages(first)] == (["IDENTIFY"] if i == 0 else []) + ["SIMPLE", "TARGET LEADER IDENTIFICATION"]
        lead = messages(first)[-1]
        assert lead["op"] == part[0]["op"], (lead, part[0])
        # who had the phase lines last drives it; they are the leader's again from the COMMAND on
        assert first["driver"] == (leader if i == 0 else parts[i - 1][-1]["driver"])
        (command,) = [e for e in part if e["phase"] == "COMMAND"]
        assert command["driver"] == leader, command
        tags.append(messages(first)[-2]["hex"])
    assert len(set(tags)) == len(tags), "two tasks of one tag"


def answered(trace):
    """By operation, the targets that returned GOOD for it."""
    result = {}
    for events in statuses(trace):
        (message,) = [m for e in events for m in messages(e) if m["name"] == "MIRROR STATUS"]
        (status,) = [e for e in events if e["phase"] == "STATUS"]
        assert status["status"] == "GOOD", status
        (reselection,) = [e for e in events if e["phase"] == "RESELECTION"]
        result.setdefault(message["op"], []).append(reselection["target"])
    return result


def check_run(run):
    """All of it: every pass is in some tenure, each target answers each, and the bus time is told once."""
    for events in run.tenures:
        check_tenure(events)
    ops = [p[0]["op"] for t in run.tenures for p in operations(t)]
    assert len(ops) == len(set(ops)) == MIB // BLOCK
    answers = answered(run.trace)
    assert set(answers) == set(ops), "a status for each operation"
    assert all(sorted(a) == sorted(run.ids) for a in answers.values()), "of each target one"
    spent = sum(e["dur_ns"] for t in tenures(run.trace).values() for e in t if t[0]["op"] is not None)
    assert run.job["bus_time_ns"] >= spent, (run.job["bus_time_ns"], spent)
    # and no more than that, but for the flush: a command to each
    assert run.job["bus_time_ns"] < spent + 100_000 * len(run.ids), (run.job["bus_time_ns"], spent)


@cases("a mirror job by {} passes, window 8: several operations under one tenure, a status of each target for each",
       ("silent", "broadcast"))
def mirrored(mode):
    run = Run(mode=mode)
    check_run(run)
    assert run.chains, "no pass was chained"
    assert run.job["passes"][mode] == MIB // BLOCK, run.job["passes"]
    assert run.stats["tenures"][mode] == len(run.tenures) + len(run.ids) * MIB // BLOCK, run.stats["tenures"]
    assert max(len(operations(t)) for t in run.tenures) <= 8, "more than the window"


@test("targets that run unarmed are asked for each phase, and their passes are chained, too")
def unarmed():
    run = Run(target_options=("--unarmed",))
    check_run(run)
    assert run.chains, "no pass was chained"


@test("--chain-limit-us 0: each pass has a tenure of its own; the same copies take more bus time")
def not_chained():
    alone = Run(daemon_options=("--chain-limit-us", "0"))
    check_run(alone)
    assert not alone.chains and len(alone.tenures) == MIB // BLOCK
    chained = Run()
    spared = sum(len(operations(t)) - 1 for t in chained.tenures)
    # BUS FREE, ARBITRATION, SELECTION, BUS RELEASE and IDENTIFY of each
    assert alone.job["bus_time_ns"] - chained.job["bus_time_ns"] == 7860 * spared, (
        alone.job["bus_time_ns"], chained.job["bus_time_ns"], spared)


@test("the limit is of bus time: no chain goes on beyond it, and the statuses come between chains")
def limited():
    run = Run(daemon_options=("--chain-limit-us", "200"))
    check_run(run)
    longest = max(e["t_ns"] + e["dur_ns"] - t[0]["t_ns"] for t in run.tenures for p in operations(t)[:-1] for e in p[-1:])
    assert run.chains and longest < 200_000, longest
    for events in run.tenures:
        for part in operations(events)[1:]:
            assert part[0]["t_ns"] - events[0]["t_ns"] < 200_000, part[0]


@test("a member fails in chained passes: its blocks alone are sent again, the other passes of the chain are done")
def faulty():
    run = Run(faults={"disk1": ["medium-error:lba=130,blocks=3,times=2"]})
    for events in run.tenures:
        check_tenure(events)
    assert run.chains and run.job["passes"]["resend"] > 0, run.job["passes"]
    resent = {t["name"]: t["resent_blocks"] for t in run.job["targets"]}
    assert resent["disk1"] > 0 and resent["disk0"] == resent["disk2"] == 0, resent


@test("the leader is killed in the middle of chains: the others are whole, and it is, after a resync")
def killed():
    with Lab() as lab:
        names = lab.start(3, size="8M")
        image = lab.image(8 * MIB)
        number = lab.create_job("mirror", image=image, transfer_bytes=BLOCK, window=8)
        until("some blocks to be written", lambda: lab.job(number)["done_bytes"] > MIB)
        lab.targets["disk0"].kill()
        job = lab.wait_job(number)
        assert job["conclusion"] == "partial", job["conclusion"]
        lab.assert_copies(image, names[1:])
        found = passes(lab.trace())
        assert any(len(operations(t)) > 1 for t in found if t[-1]["leader"] == 0), "no pass of the one that was killed was chained"
        lab.target("disk0", 0)
        lab.wait_targets(["disk0"])
        lab.run_job("resync")
        lab.assert_copies(image, names)


if __name__ == "__main__":
    main()
