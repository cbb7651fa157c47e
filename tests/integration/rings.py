# SPDX-License-Identifier: BSD-2-Clause
"""Shared memory between daemon and targets: data that do not cross the sockets, the same trace, and no trace of it afterwards."""

import os
import re
import resource
import signal
import socket
import threading

import frames as fr
from lab import Lab, messages, passes, statuses, until
from tap import cases, main, test

KIB, MIB = 1024, 1 << 20
PASS = 128 * KIB


class Proxy:
    """Stands between a device and the bus server's UNIX socket, hands on bytes and descriptors, and counts them."""

    def __init__(self, lab, name):
        self.lab, self.path = lab, lab.path(name)
        self.address = "unix:" + self.path
        self.up = self.down = self.fds = 0
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(self.path)
        self.listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            device = self.listening.accept()[0]
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(self.lab.path("bus.sock"))
            except OSError:  # at the end of a test, the bus server goes first
                device.close()
                continue
            for source, sink, up in ((device, server, True), (server, device, False)):
                threading.Thread(target=self._pump, args=(source, sink, up), daemon=True).start()

    def _pump(self, source, sink, up):
        try:
            while True:
                data, fds, _, _ = socket.recv_fds(source, MIB, 16)
                if not data:
                    break
                if up:
                    self.up += len(data)
                else:
                    self.down += len(data)
                self.fds += len(fds)
                sent = socket.send_fds(sink, [data], fds) if fds else 0
                for fd in fds:
                    os.close(fd)
                sink.sendall(data[sent:])
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other direction has seen the end
            pass


def rings_of(process):
    """The rings that a process has mapped, by their inode."""
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as file:
        return {line.split()[4] for line in file if "/memfd:smirror-ring" in line}


def open_fds(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def one_ring(lab, names):
    """The daemon's ring is all that bus server and targets on UNIX sockets have mapped."""
    until("one ring, the same for all", lambda: len(rings_of(lab.daemon_process)) == 1 and all(
        rings_of(p) == rings_of(lab.daemon_process) for p in [lab.bus_process] + [lab.targets[n] for n in names]))
    return rings_of(lab.daemon_process)


# ---- where data travel ----


def through_proxies(ring):
    """Mirrors 8 MiB to two targets; bytes that the daemon sent, and that a target got."""
    with Lab() as lab:
        lab.bus()
        proxies = [Proxy(lab, f"proxy{i}.sock") for i in range(3)]
        for i in range(2):
            lab.target(f"disk{i}", i, "--bus", proxies[i].address, size="8M")
        lab.daemon("--bus", proxies[2].address, *(() if ring is None else ("--ring", ring)))
        lab.wait_targets(["disk0", "disk1"])
        if ring != "0":
            one_ring(lab, ["disk0", "disk1"])
        lab.call("group.create", name="g0", members=["disk0", "disk1"])
        image = lab.image(8 * MIB)
        before = [(p.up, p.down) for p in proxies]
        lab.run_job("mirror", image=image, transfer_bytes=PASS)
        lab.assert_copies(image, ["disk0", "disk1"])
        after = [(p.up, p.down) for p in proxies]
        assert [p.fds for p in proxies] == ([0, 0, 0] if ring == "0" else [1, 1, 1]), [p.fds for p in proxies]
        return after[2][0] - before[2][0], [after[i][1] - before[i][1] for i in range(2)]


@cases("data of a mirror do not cross the sockets: --ring {}", ("32M", "256M", None))
def not_over_sockets(ring):
    up, down = through_proxies(ring)
    passes_made = 8 * MIB // PASS
    # a script, a burst: some hundred bytes a pass
    assert up < 1000 * passes_made and max(down) < 1000 * passes_made, (up, down)


@test("with --ring 0 they do: all of them, once to the bus server, once to each target")
def over_sockets():
    up, down = through_proxies("0")
    assert 8 * MIB < up < 9 * MIB and all(8 * MIB < d < 9 * MIB for d in down), (up, down)


@test("a ring of less than the window: what has no room in it goes over the socket, copies are equal")
def small_ring():
    with Lab() as lab:
        names = lab.start(3, size="16M", daemon_options=("--ring", "1M", "--window", "32"))
        image = lab.image(16 * MIB)
        lab.run_job("mirror", image=image, transfer_bytes=MIB)
        lab.run_job("mirror", image=lab.image(16 * MIB, "other", 2), transfer_bytes=64 * KIB)
        lab.assert_copies(lab.path("other"), names)


@test("targets on UNIX sockets and TCP in one group: equal copies, by silent and by broadcast passes")
def mixed():
    with Lab() as lab:
        names = lab.start(5, size="8M", over=lambda i: "tcp" if i in (1, 4) else "unix")
        one_ring(lab, ["disk0", "disk2", "disk3"])
        assert not rings_of(lab.targets["disk1"]) and not rings_of(lab.targets["disk4"])
        for seed, mode in enumerate(("silent", "broadcast")):
            image = lab.image(8 * MIB, mode, seed)
            lab.call("group.set", group="g0", mode=mode)
            lab.run_job("mirror", image=image)
            lab.assert_copies(image, names)
        lab.run_job("verify", image=image)
        data = [e["crc_ok"] for e in lab.trace() if e["phase"] == "DATA OUT" and e["leader"] is not None]
        assert data and set(data) == {None}, set(data)


# ---- the same trace ----


VARIANTS = {"with a ring": ("unix", "unix", "32M"), "without": ("unix", "unix", "0"),
            "beside TCP": ("tcp", "unix", "32M"), "over TCP": ("tcp", "tcp", "32M")}


def run_traced(count, variant):
    """The trace of eight mirrors of one pass each (several would go out as they are read); a single target fails a block once."""
    over, daemon_over, ring = VARIANTS[variant]
    with Lab() as lab:
        lab.bus()
        names = [f"disk{i}" for i in range(count)]
        for i, name in enumerate(names):
            lab.target(name, i, over=over, faults=["medium-error:lba=70,blocks=2,times=1"] if count == 1 else ())
        lab.daemon("--window", "1", "--ring", ring, *(("--bus", lab.tcp) if daemon_over == "tcp" else ()))
        lab.wait_targets(names)
        assert bool(rings_of(lab.targets["disk0"])) == (variant == "with a ring"), variant
        lab.call("group.create", name="g0", members=names)
        for seed in range(8):
            image = lab.image(PASS, seed=seed)
            lab.run_job("mirror", image=image, transfer_bytes=PASS)
            lab.assert_copies(image, names)
        return lab.trace()


def from_first_pass(trace):
    start = passes(trace)[0][0]
    events = [dict(e) for e in trace if e["seq"] >= start["seq"]]
    for event in events:
        event["crc_ok"] = None if event["crc_ok"] is not False else False
        for key in ("seq", "t_ns", "tenure"):
            event[key] -= start[key]
    return events


@test("the trace is the same event for event, to the nanosecond, with a ring, without, and over TCP: all but crc_ok")
def same_trace():
    seen = {variant: run_traced(1, variant) for variant in VARIANTS}
    first = from_first_pass(seen["with a ring"])
    assert len(first) > 100 and len(passes(first)) == 9, (len(first), len(passes(first)))
    for what, trace in seen.items():
        events = from_first_pass(trace)
        for ours, theirs in zip(first, events):
            assert ours == theirs, f"with a ring:\n{ours}\n{what}:\n{theirs}"
        assert len(events) == len(first), (what, len(events), len(first))
    crc = {what: {e["crc_ok"] for e in trace if e["phase"] == "DATA OUT" and e["leader"] is not None} for what, trace in seen.items()}
    assert crc == {"with a ring": {None}, "without": {True}, "beside TCP": {None}, "over TCP": {True}}, crc


def normal(events):
    """Tenures by themselves: time from their start, and no word of who else arbitrated."""
    result = []
    for event in events:
        result.append({k: v for k, v in event.items() if k not in ("seq", "tenure", "crc_ok", "ids")})
        result[-1]["t_ns"] -= events[0]["t_ns"]
        if event["phase"] == "ARBITRATION":
            result[-1]["bsy"] = [event["winner"]]
    return result


@test("passes to four targets, and their statuses in whatever order they come: the same tenures")
def same_tenures():
    def parts(trace):
        return ([normal(t) for t in passes(trace)],
                sorted((normal(t) for t in statuses(trace)),
                       key=lambda t: (next(m["op"] for e in t for m in messages(e) if "op" in m), t[0]["winner"])))

    ours = parts(run_traced(4, "with a ring"))
    assert len(ours[0]) == 8 and len(ours[1]) == 32, [len(p) for p in ours]
    for variant in VARIANTS:
        for here, there in zip(ours, parts(run_traced(4, variant))):
            assert len(here) == len(there), variant
            for one, other in zip(here, there):
                assert one == other, f"with a ring:\n{one}\n{variant}:\n{other}"


# ---- when processes end ----


def started(lab, count=3, **options):
    names = lab.start(count, size="8M", **options)
    one_ring(lab, names)
    image = lab.image(8 * MIB)
    job = lab.create_job("mirror", image=image, transfer_bytes=65536, speed_bytes_per_s=4 * MIB)
    until("progress", lambda: lab.job(job)["done_bytes"] > 0)
    return names, image, job


def run_again(lab, names, image):
    lab.run_job("mirror", image=image)
    lab.assert_copies(image, names)


@cases("the daemon ends by {} in mid job: no ring stays, and the next one has its own", ("SIGKILL", "SIGTERM"))
def daemon_ends(how):
    with Lab() as lab:
        names, image, _ = started(lab)
        old = rings_of(lab.daemon_process)
        if how == "SIGKILL":
            lab.daemon_process.kill()
        else:
            lab.daemon_process.stop()
        rest = [lab.bus_process] + [lab.targets[n] for n in names]
        until("the ring is gone", lambda: not any(rings_of(p) for p in rest))
        lab.daemon()
        lab.wait_targets(names)
        assert one_ring(lab, names) != old
        run_again(lab, names, image)


@test("a target is killed in mid job: the others' jobs end well; it comes back and maps the ring again")
def target_killed():
    with Lab() as lab:
        names, image, job = started(lab)
        ring = rings_of(lab.daemon_process)
        lab.targets["disk1"].kill()
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        assert lab.wait_job(job)["conclusion"] == "partial"
        lab.assert_copies(image, ["disk0", "disk2"])
        lab.target("disk1", 1)
        lab.wait_targets(names)
        assert one_ring(lab, names) == ring
        run_again(lab, names, image)


@test("a target is stopped while data lie before it: its memory is not given to others, and it harms nobody when it goes on")
def target_stopped():
    with Lab() as lab:
        names, image, job = started(lab, daemon_options=("--status-timeout-ms", "300", "--ring", "1M"))
        lab.targets["disk1"].signal(signal.SIGSTOP)
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        done = lab.wait_job(job)
        assert done["conclusion"] == "partial", done["conclusion"]
        lab.assert_copies(image, ["disk0", "disk2"])
        lab.targets["disk1"].signal(signal.SIGCONT)
        lab.wait_targets(names)
        run_again(lab, names, image)
        one_ring(lab, names)


@test("the bus server is killed in mid job: all attach again, with a new ring")
def bus_killed():
    with Lab() as lab:
        names, image, job = started(lab)
        old = rings_of(lab.daemon_process)
        lab.bus_process.kill()
        lab.bus(tcp=False)
        lab.wait_targets(names)
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        assert lab.wait_job(job)["conclusion"] in ("success", "partial", "failed")
        assert one_ring(lab, names) != old
        run_again(lab, names, image)


@test("50 attaches of a target and 20 of an initiator with a ring: not one descriptor stays with the bus server")
def no_leak():
    with Lab() as lab:
        names = lab.start(2)
        one_ring(lab, names)
        before = open_fds(lab.bus_process)
        for number in range(50):
            with fr.Wire(lab).attach(fr.TARGET, 9, "passing") as device:
                if number % 2:
                    device.await_frame(fr.RING)
        for _ in range(20):
            lab.daemon_process.kill()
            lab.daemon()
        lab.wait_targets(names)
        one_ring(lab, names)
        until("all descriptors closed", lambda: open_fds(lab.bus_process) == before)


# ---- when it cannot be had ----


@test("no memory for a ring: the daemon says so, and mirrors over the socket")
def no_memory():
    with Lab() as lab:
        names = lab.start(2)
        one_ring(lab, names)
        resource.prlimit(lab.daemon_process.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        lab.bus_process.kill()
        lab.bus(tcp=False)
        lab.wait_targets(names)
        assert re.search(r"no shared memory for data: .*File too large; they go over the socket", lab.daemon_process.stderr())
        run_again(lab, names, lab.image(MIB))
        assert not rings_of(lab.bus_process) and not rings_of(lab.targets["disk0"])


@test("a target that can open no more files: it gets its data inline, the others by the ring")
def no_descriptor():
    with Lab() as lab:
        lab.bus()
        for i in range(2):
            lab.target(f"disk{i}", i)
        most = max(map(int, os.listdir(f"/proc/{lab.targets['disk0'].pid}/fd"))) + 1
        limits = resource.prlimit(lab.targets["disk0"].pid, resource.RLIMIT_NOFILE)
        resource.prlimit(lab.targets["disk0"].pid, resource.RLIMIT_NOFILE, (most, limits[1]))
        lab.daemon()
        lab.wait_targets(["disk0", "disk1"])
        one_ring(lab, ["disk1"])
        assert not rings_of(lab.targets["disk0"])
        resource.prlimit(lab.targets["disk0"].pid, resource.RLIMIT_NOFILE, limits)  # for what it writes itself
        lab.call("group.create", name="g0", members=["disk0", "disk1"])
        run_again(lab, ["disk0", "disk1"], lab.image(MIB))


if __name__ == "__main__":
    main()
