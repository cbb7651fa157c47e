# SPDX-License-Identifier: BSD-2-Clause
"""A group after a crash: when it is at rest, all members in sync again, and what a crash of everything must leave."""

import signal

from lab import until
from writer import Writer

REGIONS = ("--region", "64K")


def group(lab):
    return lab.call("group.show", group="g0")


def started(lab, count=3, target_options=()):
    """A group g0 of disks of 8 MiB that are alike."""
    names = lab.start(count, size="8M", group=None, daemon_options=REGIONS, target_options=target_options)
    lab.call("group.create", name="g0", members=names, assume_clean=True)
    return names


def at_rest(lab):
    """Recovered, with no job at work."""
    def look():
        jobs = [j for j in lab.call("job.list")["jobs"] if j["state"] not in ("concluded", "dismissed")]
        return not jobs and not group(lab)["intent_log"]["recovering"]

    until("the group to be recovered", look)


def bring_back(lab):
    """Members that had to leave come back by a resync."""
    at_rest(lab)
    if {m["state"] for m in group(lab)["members"]} != {"in_sync"}:
        lab.run_job("resync")


def crash(lab):
    """SIGKILL of all, and only then is one of them waited for."""
    processes = (lab.daemon_process, lab.bus_process, *lab.targets.values())
    for process in processes:
        process.signal(signal.SIGKILL)
    for process in processes:
        process.kill()


def crash_and_scrub(lab, options, seed, rounds):
    """In mid writes to g0 all are killed and started again, disks with the options of {name: options}: nothing acknowledged is lost, and a scrub finds nothing to
    repair."""
    names = sorted(options)
    writer = Writer(lab, seed)
    for _ in range(rounds):
        with lab.rpc() as rpc:
            writer.run(rpc, 60, after=lambda: crash(lab))
        lab.bus(tcp=False)
        for i, name in enumerate(names):
            lab.target(name, i, *options[name])
        lab.daemon(*REGIONS)
        lab.wait_targets(names)
        bring_back(lab)
        job = lab.run_job("scrub")
        assert job["differing_blocks"] == 0 and all(t["repaired_blocks"] == 0 for t in job["targets"]), job
        writer.check(names)
