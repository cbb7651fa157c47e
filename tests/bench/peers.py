# SPDX-License-Identifier: BSD-2-Clause
"""What smirror is measured beside. None of it is needed to build or to use smirror.

`cat` and `dcfldd` are local writers of as many files, with no protocol. The quorum is three nbdkit file servers, over
which a qemu-storage-daemon writes each block to all (its `quorum` driver, vote-threshold 2); nbdcopy and fio are its
clients. A peer that is not installed is skipped, in words; PEERS=1 installs what is missing, as root.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys

from benchlab import cpu_seconds, first_line, timed
from lab import until

# program: (Debian package, argument that asks for the version)
PROGRAMS = {
    "cat": ("coreutils", "--version"),
    "dcfldd": ("dcfldd", "--version"),
    "qemu-storage-daemon": ("qemu-system-common", "--version"),
    "nbdkit": ("nbdkit", "--version"),
    "nbdcopy": ("libnbd-bin", "--version"),
    "fio": ("fio", "--version"),
}
QUORUM = ("qemu-storage-daemon", "nbdkit")
COPIES = 3


def install():
    """The packages of what is missing, as the user asked for by PEERS=1. Ends the program where that cannot be."""
    packages = sorted({package for program, (package, _) in PROGRAMS.items() if not shutil.which(program)})
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"bench: PEERS=1 needs root and apt-get, to install {' '.join(packages)}")
    print(f"installing {' '.join(packages)}", flush=True)
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))


def versions():
    return {program: first_line(program, option) for program, (_, option) in PROGRAMS.items()}


def missing(*programs):
    """Why these cannot be used, in words; None when all are installed."""
    lost = [f"{p} (package {PROGRAMS[p][0]})" for p in programs if not shutil.which(p)]
    return f"not installed: {', '.join(lost)}" if lost else None


# ---- local writers: the image to files that are there, so that they overwrite (`tee` could not: it cuts its files off first) ----

def cat(image, files):
    """A process for each file, side by side."""
    children = []
    for name in files:
        sink = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
        children.append(subprocess.Popen(["cat", image], stdout=sink))
        os.close(sink)
    for child in children:
        assert child.wait() == 0, "cat failed"


def dcfldd(image, files):
    subprocess.run(["dcfldd", "if=" + image, "bs=262144", "conv=notrunc", "status=off", *("of=" + f for f in files)],
                   stderr=subprocess.DEVNULL, check=True)


# ---- the quorum ----

def free_port():
    """A TCP port that nobody listens on. Somebody may take it before we do: who starts a server sees that it did not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(family, address):
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


class Quorum:
    """Used as a context. The servers' stores are `files`, which it shares with whoever else writes them in turn."""

    def __init__(self, directory, over, files):
        self.directory, self.over, self.files = directory, over, files
        self.children = []

    def server(self, name, argv, endpoint):
        """Starts one and waits until it can be connected to."""
        with open(os.path.join(self.directory, f"{self.over}-{name}.log"), "wb") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        family = socket.AF_INET if self.over == "tcp" else socket.AF_UNIX

        def up():
            if child.poll() is not None:
                with open(log.name, encoding="utf-8", errors="replace") as file:
                    raise AssertionError(f"{argv[0]} ended with {child.returncode}:\n{file.read()}")
            return answers(family, endpoint)

        until(f"{name} at {endpoint}", up, 20)

    def endpoint(self, name):
        return ("127.0.0.1", free_port()) if self.over == "tcp" else os.path.join(self.directory, f"{name}.sock")

    def start(self):
        blockdevs = []
        for i, store in enumerate(self.files):
            endpoint = self.endpoint(f"nbdkit{i}")
            where = ["-i", endpoint[0], "-p", str(endpoint[1])] if self.over == "tcp" else ["-U", endpoint]
            self.server(f"nbdkit{i}", ["nbdkit", "-f", "--exit-with-parent", *where, "file", store], endpoint)
            server = (f"server.type=inet,server.host={endpoint[0]},server.port={endpoint[1]}" if self.over == "tcp"
                      else f"server.type=unix,server.path={endpoint}")
            blockdevs += ["--blockdev", f"driver=nbd,node-name=n{i},{server}"]
        children = ",".join(f"children.{i}=n{i}" for i in range(len(self.files)))
        endpoint = self.endpoint("quorum")
        address = (f"addr.type=inet,addr.host={endpoint[0]},addr.port={endpoint[1]}" if self.over == "tcp"
                   else f"addr.type=unix,addr.path={endpoint}")
        self.server("quorum", ["qemu-storage-daemon", *blockdevs,
                               "--blockdev", f"driver=quorum,node-name=q,vote-threshold=2,{children}",
                               "--nbd-server", address, "--export", "type=nbd,id=e,node-name=q,name=q,writable=on"], endpoint)
        self.uri = f"nbd://127.0.0.1:{endpoint[1]}/q" if self.over == "tcp" else f"nbd+unix:///q?socket={endpoint}"

    def cpu(self):
        """CPU seconds so far of the servers, and of clients that have ended."""
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(cpu_seconds(child.pid) for child in self.children) + clients.ru_utime + clients.ru_stime

    def copy(self, image):
        """(seconds, CPU seconds) that nbdcopy and the servers took for the image."""
        before = self.cpu()
        seconds = timed(lambda: subprocess.run(["nbdcopy", image, self.uri], check=True))
        return seconds, self.cpu() - before

    def random_writes(self, size, depth, seconds):
        """fio's nbd engine: what random_writes of ours gives, too."""
        done = subprocess.run(
            ["fio", "--name=w", "--ioengine=nbd", "--uri=" + self.uri, "--rw=randwrite", "--norandommap", "--bs=4k", f"--size={size}",
             f"--iodepth={depth}", "--time_based", f"--runtime={seconds}", "--lat_percentiles=1", "--clat_percentiles=0",
             "--percentile_list=50:99", "--output-format=json"], stdout=subprocess.PIPE, cwd=self.directory, check=True)
        text = done.stdout.decode()
        write = json.loads(text[text.index("{"):])["jobs"][0]["write"]
        percentile = write["lat_ns"]["percentile"]
        return {"writes_per_s": write["iops"], "p50_us": percentile["50.000000"] / 1000, "p99_us": percentile["99.000000"] / 1000}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
