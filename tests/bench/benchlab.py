# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks share: the lab without a trace, what the kernel says of a process, medians, the machine.

Settings come from the environment, so that `make bench MIB=256` works.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

os.environ.setdefault("LAB_LIMIT_S", "900")  # a job may take minutes on a slow machine
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from lab import BUILD, SOURCE, Lab  # noqa: E402  (the path is set above)


def setting(name, default):
    return type(default)(os.environ.get(name) or default)


def numbers(name, default):
    """A list of numbers, as in TARGETS="1 2 3"."""
    return [int(n) for n in (os.environ.get(name) or default).split()]


def timed(function):
    start = time.monotonic()
    function()
    return time.monotonic() - start


def cpu_seconds(pid):
    """User and system time of a process so far, its threads that ended included: its clock of clock_getcpuclockid(3).

    /proc/PID/stat has the same in ticks of 10 ms, which is too coarse for a bus server that copies nothing.
    """
    return time.clock_gettime((~pid << 3) | 2)


def status_number(pid, key):
    """A number of /proc/PID/status: VmHWM (KiB), voluntary_ctxt_switches, ..."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise KeyError(f"/proc/{pid}/status has no {key}")


class Bench(Lab):
    """A lab whose bus server writes no trace: with one, it would read all data once more, for the CRC of each phase."""

    def bus(self, *options, **words):
        return super().bus(*options, trace=False, **words)

    def pids(self):
        """(kind, pid) of each process of ours."""
        return [("bus", self.bus_process.pid), ("daemon", self.daemon_process.pid),
                *(("target", process.pid) for process in self.targets.values())]

    def cpu(self):
        """Seconds so far: of the bus server, and of all processes."""
        each = [(kind, cpu_seconds(pid)) for kind, pid in self.pids()]
        return each[0][1], sum(seconds for _, seconds in each)

    def measured(self, work):
        """(seconds, CPU seconds of the bus server, CPU seconds of all) that work() took."""
        before = self.cpu()
        seconds = timed(work)
        bus, everything = (b - a for a, b in zip(before, self.cpu()))
        return seconds, bus, everything

    def random_image(self, mib, name="image"):
        subprocess.run(["sh", "-c", f"head -c {mib}M /dev/urandom >{name}"], cwd=self.directory, check=True)
        return self.path(name)


def median(values):
    return statistics.median(values)


def room_or_die(directory_mib):
    """Ends the program when /dev/shm has not that much room: a benchmark that fills it would take others down."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    free = shutil.disk_usage(where).free >> 20
    if free < directory_mib:
        sys.exit(f"bench: {directory_mib} MiB are needed in {where}, {free} MiB are free; a smaller MIB= needs less")


# ---- the machine ----

def first_line(*argv):
    """Of what a program prints when asked for its version; None where it is not installed."""
    if not shutil.which(argv[0]):
        return None
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()
    return lines[0].strip() if lines else None


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    """Of the source tree, with -dirty where it differs; None outside of a git checkout."""
    try:
        done = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty", "--exclude=*"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode().strip()


def machine():
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "kernel": platform.release(), "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)), "load_average": os.getloadavg(), "commit": commit(),
        "smirror": first_line(os.path.join(BUILD, "smirrord"), "--version"),
    }


def show_machine(info):
    load = " ".join(f"{x:.1f}" for x in info["load_average"])
    print(f"{info['cpus']} CPUs, {info['cpu']}; Linux {info['kernel']}; commit {info['commit'] or 'unknown'}; load {load} at the start")
