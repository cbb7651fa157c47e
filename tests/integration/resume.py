# SPDX-License-Identifier: BSD-2-Clause
"""Jobs that were not over when smirrord ended: verify, scrub and resync go on when it is back, others have failed and
say why; and jobs.json that could not be written is written later."""

import json
import os
import socket
import sys
import time

from lab import Lab, Process, RpcError, until
from tap import cases, main, test

MIB = 1 << 20
SIZE = 8 * MIB


def journal(lab):
    """The jobs as jobs.json has them: {id: job}."""
    with open(os.path.join(lab.path("state"), "jobs.json"), encoding="utf-8") as file:
        return {job["id"]: job for job in json.load(file)["content"]["jobs"]}


def swept(lab, job):
    return journal(lab)[job]["live"]["swept"] * 512


def started(lab, kind):
    """A job of this kind that takes long, some of it done, and not at its beginning: (its ID, bytes that are not done anew)."""
    names = lab.start(3, size="8M", group=None)
    lab.call("group.create", name="g0", members=names[:2], assume_clean=True)
    if kind == "resync":
        lab.call("group.add_member", group="g0", target=names[2])
    job = lab.create_job(kind, transfer_bytes=65536, speed_bytes_per_s=MIB)
    until("progress", lambda: lab.job(job)["done_bytes"] > 0)
    if kind != "resync":
        until("its place to be written down", lambda: swept(lab, job) > 0)
        return job, swept(lab, job)
    return job, 0


def finish(lab, job):
    lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
    done = lab.wait_job(job)
    assert done["conclusion"] == "success" and done["done_bytes"] == done["total_bytes"] == SIZE, json.dumps(done, indent=1)
    assert all(t["good_blocks"] == SIZE // 512 and t["bad_blocks"] == 0 for t in done["targets"]), done
    return done


@cases("{0[0]}, and smirrord ends by {0[1]}: the same job goes on near where it was, as fast as before, and succeeds",
       [(kind, how) for kind in ("verify", "scrub", "resync") for how in ("SIGKILL", "SIGTERM")])
def goes_on(case):
    kind, how = case
    with Lab() as lab:
        job, place = started(lab, kind)
        if how == "SIGKILL":
            lab.daemon_process.kill()
        else:
            lab.daemon_process.stop()
        lab.daemon()
        now = until("the job to go on", lambda: (j := lab.job(job))["state"] == "running" and j)
        assert now["type"] == kind and now["speed_bytes_per_s"] == MIB, now
        assert place <= now["done_bytes"] < SIZE, (now, place)
        finish(lab, job)
        group = lab.call("group.show", group="g0")
        assert {m["state"] for m in group["members"]} == {"in_sync"}, group
        if kind == "resync":
            lab.assert_copies(lab.store("disk0"), ["disk1", "disk2"])
        lab.daemon_process.kill()
        lab.daemon()
        assert lab.job(job)["conclusion"] == "success", lab.job(job)


@cases("a paused {} stays paused, whatever ends smirrord, until it is resumed", ("verify", "resync"))
def paused(kind):
    with Lab() as lab:
        job, _ = started(lab, kind)
        lab.call("job.pause", id=job)
        for end in (lambda: lab.daemon_process.kill(), lambda: lab.daemon_process.stop()):
            end()
            lab.daemon()
            lab.wait_targets(["disk0", "disk1", "disk2"])
            time.sleep(0.5)  # it would go on within that
            assert lab.job(job)["state"] == "paused", lab.job(job)
        lab.call("job.resume", id=job)
        until("the job to go on", lambda: lab.job(job)["state"] == "running")
        lab.daemon_process.kill()
        lab.daemon()
        until("the job to go on, since that was asked for", lambda: lab.job(job)["state"] == "running")
        finish(lab, job)


@test("a mirror, a read, a verify with an image and a load have failed, and say why and what to do")
def others():
    with Lab() as lab:
        lab.start(2, size="8M", daemon_options=("--bus-wait-ms", "1000"))
        image = lab.image(SIZE)
        lab.run_job("mirror", image=image)
        jobs = []
        for kind, options in (("mirror", {"image": image}), ("read", {"image": lab.path("copy")}), ("verify", {"image": image}),
                              ("load", {"overwrite": True, "seconds": 60})):
            job = lab.create_job(kind, speed_bytes_per_s=MIB, **options)
            until(f"progress of the {kind}", lambda: lab.job(job)["done_bytes"] > 0)
            lab.daemon_process.kill()
            lab.daemon()
            lab.wait_targets(["disk0", "disk1"])
            jobs.append((kind, job))
            if kind == "mirror":  # nobody is in sync
                lab.run_job("mirror", image=image)
        for kind, job in jobs:
            done = lab.job(job)
            text = done["error"]["text"]
            assert done["conclusion"] == "failed" and done["error"]["kind"] == "shutdown", done
            assert ("measured" if kind == "load" else "file that the client had opened") in text, text
            assert text.endswith("start the job again"), text


class Manager:
    """What a service manager does for a daemon: it keeps the descriptors that it is sent (FDSTORE=1, FDSTOREREMOVE=1), and
    gives them to the next one. Closed at the end of a `with`."""

    def __init__(self, path):
        self.path = path
        self.kept = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def names(self):
        """Takes what has come: the names of what is kept now."""
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
            except BlockingIOError:
                return sorted(self.kept)
            words = dict(line.split("=", 1) for line in text.decode().splitlines())
            name = words.get("FDNAME")
            if words.get("FDSTORE") == "1":
                assert len(fds) == 1 and name not in self.kept, (words, fds)
                self.kept[name] = fds[0]
            elif words.get("FDSTOREREMOVE") == "1":
                os.close(self.kept.pop(name))

    def start(self, lab, *options):
        """smirrord, with all that is kept."""
        names = self.names()
        argv = [lab.program("smirrord"), "--bus", lab.unix, "--state-dir", lab.path("state"), "--control",
                lab.path("control.sock"), *options]
        fds = [self.kept[name] for name in names]
        # They are 3 and so on there, and the number of the process is known there only.
        script = f"""
import fcntl, os, sys
high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in {fds}]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.environ.update(LISTEN_FDS="{len(fds)}", LISTEN_FDNAMES="{":".join(names)}", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])"""
        lab.daemon_process = Process(lab, "daemon", [sys.executable, "-c", script, *argv], pass_fds=fds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.names()
        for fd in self.kept.values():
            os.close(fd)
        self.socket.close()


@cases("a service manager keeps the image of a {}: the same job begins anew when smirrord is back, and succeeds",
       ("mirror", "read", "verify"))
def kept(kind):
    with Lab() as lab, Manager(lab.path("notify")) as manager:
        lab.environment["NOTIFY_SOCKET"] = manager.path
        names = lab.start(2, size="8M")
        image = lab.image(SIZE)
        lab.run_job("mirror", image=image)
        assert manager.names() == [], manager.kept
        file = lab.path("copy") if kind == "read" else image
        if kind == "mirror":
            image = file = lab.image(SIZE, name="other", seed=2)
        if kind == "read":
            open(file, "wb").close()
        job = lab.create_job(kind, image=file, transfer_bytes=65536, speed_bytes_per_s=MIB)
        until("progress", lambda: lab.job(job)["done_bytes"] > 0)
        assert manager.names() == [f"job-{job}"], manager.kept
        for end in (lab.daemon_process.kill, lambda: lab.daemon_process.stop()):
            end()
            assert manager.names() == [f"job-{job}"], manager.kept
            manager.start(lab)
            now = until("the job to go on", lambda: (j := lab.job(job))["state"] == "running" and j)
            assert now["type"] == kind and now["image"] == file and now["total_bytes"] == SIZE, now
        if kind != "read":
            finish(lab, job)
        else:
            lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
            assert lab.wait_job(job)["conclusion"] == "success"
        lab.assert_copies(image, names)
        if kind == "read":
            with open(file, "rb") as copy, open(image, "rb") as original:
                assert copy.read() == original.read()
        until("the image to be given back", lambda: manager.names() == [])


@test("what a service manager has kept for no job of ours, or what is no image any more, is given back, and the job has failed")
def kept_in_vain():
    with Lab() as lab, Manager(lab.path("notify")) as manager:
        lab.environment["NOTIFY_SOCKET"] = manager.path
        lab.start(2, size="8M")
        job = lab.create_job("mirror", image=lab.image(SIZE), transfer_bytes=65536, speed_bytes_per_s=MIB)
        until("progress", lambda: lab.job(job)["done_bytes"] > 0)
        assert manager.names() == [f"job-{job}"], manager.kept
        lab.daemon_process.kill()
        with socket.socket() as nothing:
            os.dup2(nothing.fileno(), manager.kept[f"job-{job}"])
            manager.kept["job-77"] = os.dup(nothing.fileno())
        manager.start(lab)
        until("both to be given back", lambda: manager.names() == [])
        done = lab.job(job)
        assert done["conclusion"] == "failed" and "start the job again" in done["error"]["text"], done
        assert "neither a regular file nor a block device" in lab.daemon_process.stderr()


@test("members that do not come: the job that would go on fails within its limit, and names one")
def nobody():
    with Lab() as lab:
        job, _ = started(lab, "verify")
        lab.daemon_process.kill()
        for name in ("disk0", "disk1"):
            lab.targets[name].kill()
        lab.daemon("--bus-wait-ms", "300")
        assert lab.job(job)["state"] in ("waiting", "concluded"), lab.job(job)
        done = lab.wait_job(job)
        assert done["conclusion"] == "failed" and done["error"]["kind"] == "member_missing", done
        assert "after the daemon was restarted" in done["error"]["text"] and "disk0" in done["error"]["text"], done


@test("a job that waits for its members after a restart can be cancelled, and stays so")
def cancelled():
    with Lab() as lab:
        job, _ = started(lab, "verify")
        lab.daemon_process.kill()
        lab.targets["disk1"].kill()
        lab.daemon()
        until("it waits", lambda: lab.job(job)["state"] == "waiting")
        lab.call("job.cancel", id=job)
        assert lab.wait_job(job)["conclusion"] == "cancelled"
        lab.daemon_process.kill()
        lab.daemon()
        assert lab.job(job)["conclusion"] == "cancelled", lab.job(job)


def shut(lab, name):
    """The file cannot be written (by root, either)."""
    os.mkdir(os.path.join(lab.path("state"), name + ".new"))


def open_again(lab, name):
    os.rmdir(os.path.join(lab.path("state"), name + ".new"))


def finish_unwritten(lab, job):
    """The job ends, and jobs.json cannot be written."""
    shut(lab, "jobs.json")
    finish(lab, job)
    until("the error in the log", lambda: "jobs.json could not be written" in lab.daemon_process.stderr())


@test("jobs.json cannot be written when a job ends: it is written as soon as it can be, without another job, and is right")
def written_later():
    with Lab() as lab:
        job, _ = started(lab, "verify")
        finish_unwritten(lab, job)
        assert journal(lab)[job]["conclusion"] == "none", journal(lab)
        open_again(lab, "jobs.json")
        until("jobs.json to be written", lambda: journal(lab)[job]["conclusion"] == "success", 10)
        lab.daemon_process.kill()
        lab.daemon()
        assert lab.job(job)["conclusion"] == "success", lab.job(job)


@test("SIGTERM while jobs.json cannot be written: smirrord ends at once")
def ends_at_once():
    with Lab() as lab:
        job, _ = started(lab, "verify")
        finish_unwritten(lab, job)
        begun = time.monotonic()
        lab.daemon_process.stop()
        assert time.monotonic() - begun < 5
        open_again(lab, "jobs.json")


@test("neither file can be written: a job is refused, and its number is nobody's; with one of them, it is taken")
def numbers():
    with Lab() as lab:
        names = lab.start(2, group=None)
        lab.call("group.create", name="g0", members=names, assume_clean=True)
        first = lab.run_job("verify")["id"]
        shut(lab, "jobs.json")
        second = lab.run_job("verify")["id"]  # state.json has it
        shut(lab, "state.json")
        try:
            lab.create_job("verify")
            raise AssertionError("a job whose number is not saved is taken")
        except RpcError as error:
            assert error.kind == "state_dir" and "number" in error.error["message"], error
        lab.daemon_process.kill()
        open_again(lab, "jobs.json")
        open_again(lab, "state.json")
        lab.daemon()
        lab.wait_targets(names)
        assert lab.job(first)["conclusion"] == "success"
        assert lab.run_job("verify")["id"] > second


main()
