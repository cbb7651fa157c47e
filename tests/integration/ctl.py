# SPDX-License-Identifier: BSD-2-Clause
"""smirrorctl with the real programs: every command, its exit status, its text and its JSON."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lab import LIMIT_S, Lab, until
from tap import Skip, cases, main, test

MIB = 1 << 20


def started(lab, *words, **options):
    """smirrorctl in the background."""
    return subprocess.Popen([lab.program("smirrorctl"), "--control", lab.path("control.sock"), *map(str, words)],
                            stdin=subprocess.DEVNULL, cwd=lab.directory, env=dict(os.environ, LC_ALL="C"), **options)


def run(lab, *words, data=None):
    """Exit status, standard output, standard error."""
    done = subprocess.run([lab.program("smirrorctl"), "--control", lab.path("control.sock"), *map(str, words)],
                          input=data or b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S,
                          cwd=lab.directory, env=dict(os.environ, LC_ALL="C"), check=False)
    lab.look(done.stderr.decode(errors="replace"), "smirrorctl")
    return done.returncode, done.stdout, done.stderr.decode()


def as_json(lab, *words, expect=0):
    """The object that --json prints: one line of ASCII."""
    status, out, errors = run(lab, "--json", *words)
    assert status == expect, (words, status, out, errors)
    assert out.count(b"\n") == 1 and out.endswith(b"\n") and out.isascii(), out
    answer = json.loads(out)
    assert answer["version"] == 1 or words == ("daemon", "info"), answer
    return answer


def rows(text, first):
    """The lines of the table whose title line begins with `first`, as lists of words."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == [first])
    result = []
    for line in lines[at + 1:]:
        if not line:
            break
        result.append(line.split())
    return result


@test("an image is mirrored: progress, a table of the targets, one clear last line, status 0; verify finds it equal")
def mirror():
    with Lab() as lab:
        names = lab.start(3, size="16M")
        image = lab.image(16 * MIB)
        status, out, errors = run(lab, "mirror", "g0", image, "--block", "256K", "--window", "4")
        text = out.decode()
        assert status == 0, (status, text, errors)
        assert [r[:4] for r in rows(text, "TARGET")] == [[n, "32768", "0", "0"] for n in names], text
        assert re.fullmatch(r"mirrored 16 MiB to 3 of 3 targets in [\d.]+ m?s, [\d.]+ .B/s each, [\d.]+ .B/s summed",
                            text.splitlines()[-1]), text
        assert "\x1b" not in errors + text and "\r" not in errors + text
        lab.assert_copies(image, names)
        job = as_json(lab, "job", "show", 1)
        assert (job["id"], job["type"], job["conclusion"], job["transfer_bytes"]) == (1, "mirror", "success", 262144), job
        assert job["image"] == image and job["passes"]["silent"] >= 64, job
        assert run(lab, "verify", "g0", image)[1].decode().splitlines()[-1].endswith(": all equal")
        assert run(lab, "scrub", "g0")[0] == 0
        assert as_json(lab, "mirror", "g0", image, "--mode", "conventional")["mode"] == "conventional"


@test("blocks that were sent again are told; verify that finds differences ends with 1 and names them")
def resent():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(4 * MIB)
        assert run(lab, "target", "fault", "disk1", "medium-error:lba=2000,blocks=2,times=1")[0] == 0
        assert b"medium-error" in run(lab, "target", "fault", "disk1", "--list")[1]
        status, out, errors = run(lab, "mirror", "g0", image)
        text = out.decode()
        assert status == 0, (text, errors)
        disk1 = rows(text, "TARGET")[1]
        assert disk1[0] == "disk1" and int(disk1[2]) >= 2 and disk1[3] == "0" and "resends" in disk1, text
        assert re.search(r"; \d+ blocks resent$", text.rstrip()), text
        with open(lab.store("disk1"), "r+b") as store:
            store.seek(77 * 512)
            store.write(b"\xa5" * 512)
        status, out, errors = run(lab, "verify", "g0", image)
        assert status == 1 and "1 block differs" in errors, (status, out, errors)
        assert [r[:3] for r in rows(out.decode().split("Bad blocks:\n")[1], "TARGET")] == [["disk1", "77", "1"]], out


@test("scrub repairs what one of three has not as the others, tells it, and ends with 0; of two that differ it repairs none")
def scrub():
    with Lab() as lab:
        names = lab.start(3)
        image = lab.image(4 * MIB)
        assert run(lab, "mirror", "g0", image)[0] == 0
        for disk, lba in (("disk0", 8), ("disk2", 77), ("disk2", 78)):
            with open(lab.store(disk), "r+b") as store:
                store.seek(lba * 512)
                store.write(b"\xa5" * 512)
        status, out, errors = run(lab, "scrub", "g0")
        text = out.decode()
        assert status == 0 and text.rstrip().endswith(": 3 blocks repaired"), (status, text, errors)
        table = {r[0]: r[1:] for r in rows(text, "TARGET")}
        assert [table[n][:3] for n in names] == [["8192", "1", "0"], ["8192", "0", "0"], ["8192", "2", "0"]], text
        assert table["disk0"][3:] == ["good,", "after", "repairs"], text
        lab.assert_copies(image, names)
        assert run(lab, "scrub", "g0")[1].decode().rstrip().endswith(": all equal")
        assert run(lab, "group", "remove-member", "g0", "disk2")[0] == 0
        with open(lab.store("disk1"), "r+b") as store:
            store.seek(9 * 512)
            store.write(b"\xa5" * 512)
        status, out, errors = run(lab, "scrub", "g0")
        assert status == 3 and "1 block bad" in errors + out.decode() and "no majority" in out.decode(), (status, out, errors)
        states = {m["name"]: m["state"] for m in as_json(lab, "group", "show", "g0")["members"]}
        assert states == {"disk0": "in_sync", "disk1": "stale"}, states
        assert run(lab, "resync", "g0")[0] == 0
        lab.assert_copies(image, names[:2])


@test("a target that stays bad makes the job partial: status 3, and LBA, count, status and sense of each run")
def partial():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(4 * MIB)
        run(lab, "target", "fault", 0, "medium-error:lba=100,blocks=3,times=0")
        status, out, errors = run(lab, "mirror", "g0", image)
        text = out.decode()
        assert status == 3, (status, text, errors)
        bad = rows(text.split("Bad blocks:\n")[1], "TARGET")
        assert bad[0][:3] == ["disk0", "100", "3"] and "CHECK CONDITION" in text and "MEDIUM ERROR, 0Ch/" in text, text
        assert re.search(r"smirrorctl: job 1 partial: .*to 1 of 2 targets.*3 blocks bad", errors), errors
        shown = run(lab, "job", "show", 1)[1].decode()
        assert "partial" in shown and "MEDIUM ERROR" in shown, shown
        members = {r[1]: " ".join(r) for r in rows(run(lab, "group", "show", "g0")[1].decode(), "DEVICE")}
        assert "stale" in members["disk0"] and "in sync" in members["disk1"], members
        assert as_json(lab, "group", "list")["groups"][0]["state"] == "degraded"


@test("groups: create, list, show, set, add and remove members, delete, import")
def groups():
    with Lab() as lab:
        lab.start(3, group=None)
        text = run(lab, "group", "create", "g0", "--members", "disk0,disk1", "--assume-clean")[1].decode()
        assert [r[1] for r in rows(text, "DEVICE")] == ["disk0", "disk1"], text
        uuid = as_json(lab, "group", "show", "g0")["uuid"]
        assert len(rows(run(lab, "group", "add-member", "g0", "disk2")[1].decode(), "DEVICE")) == 3
        assert len(rows(run(lab, "group", "remove-member", "g0", "disk2")[1].decode(), "DEVICE")) == 2
        assert as_json(lab, "group", "set", "g0", "--window", 3, "--block", "64K")["window"] == 3
        assert rows(run(lab, "group", "list")[1].decode(), "NAME")[0][0] == "g0"
        assert run(lab, "group", "flush", "g0") == (0, b"", "")
        for word in ("disk0", "disk1"):
            assert word in run(lab, "target", "list")[1].decode()
        assert as_json(lab, "target", "show", "disk0")["group"] == "g0"
        lab.daemon_process.stop()
        os.unlink(os.path.join(lab.path("state"), "state.json"))
        lab.daemon()
        lab.wait_targets(["disk0", "disk1"])
        assert run(lab, "group", "list")[1] == b"no groups\n"
        assert as_json(lab, "group", "import", "again", "--uuid", uuid)["uuid"] == uuid
        assert run(lab, "group", "delete", "again")[0] == 0
        assert as_json(lab, "group", "list")["groups"] == []


@test("a group is one daemon's: another one's import is refused, naming the first; forced it is done, and the first refuses the group, by its old state too, until it imports it")
def two_daemons():
    with Lab() as lab:
        names = lab.start(4, group=None)
        uuids = [as_json(lab, "group", "create", f"g{i}", "--members", ",".join(names[2 * i:2 * i + 2]), "--assume-clean")["uuid"] for i in range(2)]
        first = lab.daemon_process
        os.mkdir(lab.path("state2"))
        second = lab.daemon("--id", 6, "--state-dir", lab.path("state2"), "--control", lab.path("second.sock"))
        to_first = ["--control", lab.path("control.sock")]
        to_second = ["--control", lab.path("second.sock")]

        def served(group, by, socket):
            until(f"{group} is served by {by}", lambda: as_json(lab, *socket, "group", "show", group)["served_by"] == by)

        def write(socket, group, data):
            return run(lab, *socket, "group", "write", group, 0, data=data)

        until("the second sees all", lambda: sum(t["state"] == "ready" for t in as_json(lab, *to_second, "target", "list")["targets"]) == 4)
        for uuid in uuids:
            text = lab.ctl(*to_second, "group", "import", "h1", "--uuid", uuid, expect=1)
            assert "initiator smirrord (SCSI ID 7) serves this group: stop it first, or import with force" in text, text
        assert as_json(lab, *to_second, "group", "list")["groups"] == []
        assert write(to_first, "g0", b"1" * 512)[0] == 0
        assert as_json(lab, *to_second, "group", "import", "h0", "--uuid", uuids[0], "--force")["uuid"] == uuids[0]
        # Its next command to a member is told.
        status, _, errors = write(to_first, "g0", b"2" * 512)
        assert status == 1, errors
        served("g0", "smirrord", to_first)
        status, _, errors = write(to_first, "g0", b"2" * 512)
        assert status == 1 and "group g0 is served by initiator smirrord (SCSI ID 6)" in errors and "busy" in errors, errors
        assert write(to_second, "h0", b"3" * 512)[0] == 0
        assert write(to_first, "g1", b"4" * 512)[0] == 0  # that one is nobody else's
        first.stop()
        first = lab.daemon()
        lab.wait_targets(names)
        served("g0", "smirrord", to_first)
        assert write(to_first, "g0", b"2" * 512)[0] == 1
        assert run(lab, *to_second, "group", "read", "h0", 0, 512)[1] == b"3" * 512
        second.stop()
        until("the second has gone", lambda: 6 not in {p["id"] for p in lab.call("bus.show")["ports"]})
        status, _, errors = write(to_first, "g0", b"2" * 512)
        assert status == 1 and "was taken over by initiator" in errors and "delete it here, and import it" in errors, errors
        assert run(lab, "group", "delete", "g0")[0] == 0
        assert as_json(lab, "group", "import", "g0", "--uuid", uuids[0])["members_in_sync"] == 2
        until("what the second may have had in flight is copied", lambda: as_json(lab, "group", "show", "g0")["intent_log"]["dirty_regions"] == 0)
        assert run(lab, "group", "read", "g0", 0, 512)[1] == b"3" * 512
        assert write(to_first, "g0", b"5" * 512)[0] == 0
        job = as_json(lab, "verify", "g0")
        assert job["conclusion"] == "success", job


@test("group write and read carry bytes by files, standard input and standard output")
def group_bytes():
    with Lab() as lab:
        lab.start(2, group=None)
        run(lab, "group", "create", "g0", "--members", "disk0,disk1", "--assume-clean")
        piece = os.urandom(8192)
        with open(lab.path("piece"), "wb") as file:
            file.write(piece)
        assert run(lab, "group", "write", "g0", "64K", lab.path("piece"))[1] == b"8192 bytes written\n"
        assert run(lab, "group", "read", "g0", "64K", 8192) == (0, piece, "")
        assert run(lab, "group", "write", "g0", 0, data=piece[:512])[0] == 0
        assert run(lab, "group", "read", "g0", 0, 512, lab.path("back"))[0] == 0
        with open(lab.path("back"), "rb") as file:
            assert file.read() == piece[:512]
        assert run(lab, "group", "write", "g0", 0, data=b"odd")[0] in (1, 2)
        status, _, errors = run(lab, "group", "read", "g0", "4M", 512)
        assert status in (1, 2) and "range" in errors, errors
        assert run(lab, "group", "write", "g0", 0, lab.path("absent"))[2].startswith("smirrorctl: ")


@test("read brings a group into a file, and gives it its size; a refused one neither makes nor changes a file")
def read():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(4 * MIB)
        with open(lab.path("back"), "wb") as file:
            file.write(os.urandom(5 * MIB))
        for group, kind in (("g9", "no_such_group"), ("g0", "unsynced")):
            for name in ("back", "new"):
                status, _, errors = run(lab, "read", group, lab.path(name))
                assert status == 1 and kind in errors, errors
            assert os.path.getsize(lab.path("back")) == 5 * MIB and not os.path.exists(lab.path("new"))
        assert run(lab, "mirror", "g0", image)[0] == 0
        for name in ("back", "new"):
            status, out, errors = run(lab, "read", "g0", lab.path(name))
            assert status == 0 and out.decode().splitlines()[-1].startswith("read 4 MiB into"), (out, errors)
            assert subprocess.run(["cmp", image, lab.path(name)], check=False).returncode == 0
        status, _, errors = run(lab, "read", "g0", "/dev/null")
        assert status == 1 and "/dev/null" in errors, errors


@test("a job in the background: detach, list, pause, set-speed, resume, cancel, wait, dismiss")
def background():
    with Lab() as lab:
        lab.start(2, size="32M")
        image = lab.image(32 * MIB)
        status, out, errors = run(lab, "mirror", "g0", image, "--speed", "1M", "--detach")
        assert status == 0 and out.startswith(b"job 1: mirror g0, "), (status, out, errors)
        assert run(lab, "job", "pause", 1)[0] == 0
        until("the job to be paused", lambda: as_json(lab, "job", "show", 1)["state"] == "paused")
        assert rows(run(lab, "job", "list", "--live")[1].decode(), "ID")[0][:4] == ["1", "mirror", "g0", "paused"]
        status, _, errors = run(lab, "job", "wait", 1, "--timeout-ms", 10)
        assert status == 1 and "timeout" in errors, errors
        assert as_json(lab, "job", "set-speed", 1, "2M")["speed_bytes_per_s"] == 2 * MIB
        assert run(lab, "job", "resume", 1)[0] == 0
        assert run(lab, "job", "cancel", 1)[0] == 0
        status, out, errors = run(lab, "job", "wait", 1)
        assert status == 1 and "cancelled" in errors, (status, out, errors)
        assert as_json(lab, "job", "dismiss", 1)["state"] == "dismissed"
        job = as_json(lab, "job", "create", "mirror", "g0", image)
        assert job["id"] == 2 and as_json(lab, "job", "wait", 2)["conclusion"] == "success"
        assert as_json(lab, "job", "list", "--live")["jobs"] == []
        assert len(as_json(lab, "job", "list", "--group", "g0")["jobs"]) == 2


class Terminal:
    """smirrorctl on a pseudo-terminal of 100 columns: what it drew so far is in .text."""

    def __init__(self, lab, *words):
        try:
            self.master, slave = pty.openpty()
        except OSError as error:
            raise Skip(f"no pseudo-terminal: {error}") from None
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.child = subprocess.Popen([lab.program("smirrorctl"), "--control", lab.path("control.sock"), *map(str, words)],
                                      stdin=slave, stdout=slave, stderr=slave, cwd=lab.directory, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env=dict(os.environ, LC_ALL="C"))
        os.close(slave)
        self.text = ""

    def pump(self, seconds=0.05):
        """Takes what is there; false at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            return False
        self.text += chunk.decode()
        return bool(chunk)

    def until(self, what, condition):
        end = time.monotonic() + LIMIT_S
        while not condition(self.text):
            assert self.pump() and time.monotonic() < end, f"{what} did not come: {self.text!r}"

    def end(self):
        end = time.monotonic() + LIMIT_S
        while self.pump():
            assert time.monotonic() < end, self.text
        os.close(self.master)
        return self.child.wait(LIMIT_S)


@test("on a terminal a bar is drawn in its place, at most 10 times a second, and cleared for the result")
def bar():
    with Lab() as lab:
        lab.start(2, size="16M")
        image = lab.image(16 * MIB)
        begin = time.monotonic()
        terminal = Terminal(lab, "mirror", "g0", image, "--speed", "16M")
        assert terminal.end() == 0, terminal.text
        seconds = time.monotonic() - begin
        bars = re.findall(r"\r(mirror g0 \[[#.]+\] +[\d.]+ %  [^\x1b\r\n]*)\x1b\[K", terminal.text)
        assert 3 <= len(bars) <= 10 * seconds + 2, (len(bars), seconds, terminal.text)
        assert all(len(b) < 100 for b in bars), bars
        done = [float(re.search(r"([\d.]+) %", b).group(1)) for b in bars]
        assert done == sorted(done) and done[-1] <= 100, done
        assert any("B/s, ETA " in b for b in bars), bars
        shown = terminal.text.split("\r\x1b[K")[-1]
        assert "TARGET" in shown and "mirrored 16 MiB to 2 of 2 targets" in shown.splitlines()[-1], terminal.text


@test("Ctrl-C detaches with status 130 and a message; the job goes on")
def detach():
    with Lab() as lab:
        names = lab.start(2, size="16M")
        image = lab.image(16 * MIB)
        terminal = Terminal(lab, "mirror", "g0", image, "--speed", "1M")
        terminal.until("a bar", lambda text: "[" in text and "%" in text)
        os.write(terminal.master, b"\x03")
        assert terminal.end() == 130, terminal.text
        assert "detached from job 1, which goes on" in terminal.text, terminal.text
        assert as_json(lab, "job", "show", 1)["state"] in ("running", "created")
        assert run(lab, "job", "set-speed", 1, 0)[0] == 0
        assert run(lab, "job", "wait", 1)[0] == 0
        lab.assert_copies(image, names)


@test("load wants --overwrite, shows writes per second and latencies, tells them in JSON, and detaches at Ctrl-C")
def load():
    with Lab() as lab:
        names = lab.start(2, group=None)
        run(lab, "group", "create", "g0", "--members", "disk0,disk1", "--assume-clean")
        status, out, errors = run(lab, "load", "g0", "--writes", 5)
        assert status == 2 and out == b"" and "overwrites what group g0 holds" in errors and "--overwrite" in errors, errors
        status, _, errors = run(lab, "job", "create", "load", "g0", "--writes", 5)
        assert status == 2 and "'overwrite' must be true" in errors, (status, errors)
        assert as_json(lab, "job", "list")["jobs"] == []
        status, out, errors = run(lab, "load", "g0", "--overwrite", "--writes", 300, "--block", "8K", "--in-flight", 16, "--seed", 9)
        text = out.decode()
        assert status == 0, (status, text, errors)
        assert [r[:4] for r in rows(text, "TARGET")] == [[n, "4800", "0", "0"] for n in names], text
        assert len(rows(text, "LATENCY:")) == 1 and re.search(r"^LATENCY: MIN +MEAN +50 % +90 % +99 % +99.9 % +MAX$", text, re.M), text
        assert re.fullmatch(r"wrote 2.3 MiB to 2 of 2 targets in (less than 1 ms|[\d.]+ m?s, [\d.]+ .B/s each, [\d.]+ .B/s summed): "
                            r"300 writes, \d+ a second, median [\d.]+ [um]?s, 99 % within [\d.]+ [um]?s", text.splitlines()[-1]), text
        text = run(lab, "job", "show", 1)[1].decode()
        assert re.search(r"^Load +random writes of 8 KiB, 16 in flight, seed 9$", text, re.M), text
        assert re.search(r"^Until +300 writes$", text, re.M) and "LATENCY: MIN" in text, text
        answer = as_json(lab, "load", "g0", "--overwrite", "--seconds", 1, "--pattern", "sequential", "--mode", "conventional")
        assert (answer["mode"], answer["load"]["pattern"], answer["load"]["seconds"]) == ("conventional", "sequential", 1), answer
        assert answer["load"]["writes"] > 0 and answer["load"]["latency_us"]["p99"] > 0, answer
        terminal = Terminal(lab, "load", "g0", "--overwrite", "--seconds", 3600)
        terminal.until("a bar", lambda text: "load g0 [" in text and "ETA" in text)
        os.write(terminal.master, b"\x03")
        assert terminal.end() == 130 and "detached from job 3, which goes on" in terminal.text, terminal.text
        assert as_json(lab, "job", "show", 3)["state"] == "running"
        assert run(lab, "job", "cancel", 3)[0] == 0
        status, _, errors = run(lab, "job", "wait", 3)
        assert status == 1 and re.search(r"job 3 cancelled; [\d.]+ .*B of [\d.]+ .*B were done in ", errors), errors
        status, _, errors = run(lab, "load", "g0", "--overwrite", "--in-flight", 0)
        assert status == 2 and "--in-flight" in errors, errors
        status, _, errors = run(lab, "load", "g0", "--overwrite", "--pattern", "zigzag")
        assert status == 2 and "random, sequential" in errors, errors


@test("elsewhere progress is lines: one for each 10 %, without control characters")
def lines():
    with Lab() as lab:
        lab.start(2, size="16M")
        begin = time.monotonic()
        status, _, errors = run(lab, "mirror", "g0", lab.image(16 * MIB), "--speed", "8M")
        assert status == 0, errors
        shown = errors.splitlines()
        assert 2 <= len(shown) <= 11 + (time.monotonic() - begin) / 5, errors
        for line in shown:
            assert re.fullmatch(r"mirror g0: \d+ %, [\d.]+ .*B of 16 MiB, .*", line), line


@test("scsi: data in as hex dump and raw, data out, status and sense decoded, status 0 only for GOOD")
def scsi():
    with Lab() as lab:
        lab.start(1, group=None)
        status, out, errors = run(lab, "scsi", "disk0", "12", "00", "00", "00", "60", "00", "--in", 96)
        text = out.decode()
        assert status == 0 and re.match(r"disk0: Inquiry: GOOD, residual \d+, bus time ", text, re.I), (text, errors)
        assert re.search(r"^00000000  00 00 ", text, re.M) and re.search(r"\|.*\|$", text, re.M), text
        with open(lab.path("blocks"), "wb") as file:
            file.write(os.urandom(1024))
        wanted = open(lab.path("blocks"), "rb").read()
        while run(lab, "scsi", 0, "000000000000")[0] != 0:
            pass  # UNIT ATTENTIONs go to the caller
        assert run(lab, "scsi", 0, "2a000000000500000200", "--out", "blocks")[0] == 0
        assert run(lab, "scsi", 0, "28000000000500000200", "--in", "1K", "--raw", "-") == (0, wanted, "")
        assert run(lab, "scsi", 0, "28000000000500000200", "--in", "1K", "--raw", "back")[0] == 0
        assert open(lab.path("back"), "rb").read() == wanted
        status, out, errors = run(lab, "scsi", "disk0", "28007fffffff00000100", "--in", 512)
        assert status == 1 and b"CHECK CONDITION" in out and b"Illegal Request" in out, (status, out, errors)
        answer = as_json(lab, "scsi", "disk0", "28007fffffff00000100", "--in", 512, expect=1)
        assert answer["outcome"] == "completed" and answer["status"] == 2 and answer["sense"], answer
        assert run(lab, "scsi", 0, "000000000000", "--attribute", "ordered")[0] == 0
        status, out, errors = run(lab, "scsi", 0, "000000000000", "--attribute", "aca")
        assert status == 1 and b"CHECK CONDITION" in out and b"nvalid message error" in out, (out, errors)
        assert run(lab, "scsi", "nobody", "000000000000")[0] == 1


@test("a daemon that is stopped: Ctrl-C ends with 130 before it has greeted, too")
def stopped_daemon():
    with Lab() as lab:
        lab.start(1)
        lab.daemon_process.signal(signal.SIGSTOP)
        try:
            waits = started(lab, "events", stderr=subprocess.PIPE)
            until("it is waiting", lambda: "poll" in open(f"/proc/{waits.pid}/wchan", encoding="utf-8").read()
                  or int(open(f"/proc/{waits.pid}/status", encoding="utf-8").read().split("SigBlk:")[1].split()[0], 16))
            waits.send_signal(signal.SIGINT)
            assert waits.wait(LIMIT_S) == 130, waits.returncode
            assert b"interrupted" in waits.stderr.read()
            waits.stderr.close()
        finally:
            lab.daemon_process.signal(signal.SIGCONT)


@test("events that nobody reads: SIGINT ends it all the same")
def unread_events():
    with Lab() as lab:
        lab.start(8, size="1M")
        out, into = os.pipe()
        fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 8192)
        with os.fdopen(out, "rb") as reader:
            follower = started(lab, "--json", "events", stdout=into)
            os.close(into)
            until("the pipe is full", lambda: struct.unpack("i", fcntl.ioctl(out, termios.FIONREAD, bytes(4)))[0] > 4096)
            follower.send_signal(signal.SIGINT)
            assert follower.wait(LIMIT_S) == 0
            reader.read()


@test("bus trace is live: whole lines of the trace, until a number of them or SIGINT")
def trace():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(MIB)
        tap = started(lab, "bus", "trace", "--count", 50, stdout=subprocess.PIPE)
        other = started(lab, "bus", "trace", stdout=subprocess.PIPE)
        until("two taps", lambda: [p["role"] for p in lab.call("bus.show")["ports"]].count("tap") in (0, 2))
        seen = b""
        end = time.monotonic() + LIMIT_S
        while seen.count(b"\n") < 50:
            assert time.monotonic() < end, seen
            assert run(lab, "mirror", "g0", image)[0] == 0
            if select.select([tap.stdout], [], [], 0.1)[0]:
                seen += os.read(tap.stdout.fileno(), 1 << 20)
        assert tap.wait(LIMIT_S) == 0
        events = [json.loads(line) for line in seen.splitlines()]
        assert len(events) == 50
        assert [e["seq"] for e in events] == list(range(events[0]["seq"], events[0]["seq"] + 50)), events
        assert {"DATA OUT", "ARBITRATION"} & {e["phase"] for e in events}, events
        until("lines at the other tap", lambda: select.select([other.stdout], [], [], 0)[0])
        other.send_signal(signal.SIGINT)
        other.stdout.read()
        assert other.wait(LIMIT_S) == 0
        tap.stdout.close()
        other.stdout.close()


@test("bus trace whose reader pauses: it stays attached, goes on when that reads again, and SIGINT ends it")
def paused_trace():
    with Lab() as lab:
        lab.start(2, bus_options=("--heartbeat-ms", 400))
        image = lab.image(MIB)
        out, into = os.pipe()
        fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
        tap = started(lab, "bus", "trace", stdout=into, stderr=subprocess.PIPE)
        os.close(into)
        with os.fdopen(out, "rb") as reader:
            silent_until = time.monotonic() + 3  # more than twice what the bus server allows
            while time.monotonic() < silent_until:
                assert run(lab, "mirror", "g0", image)[0] == 0
            assert tap.poll() is None, tap.stderr.read()
            seqs = [json.loads(reader.readline())["seq"] for _ in range(500)]
            assert seqs == list(range(seqs[0], seqs[0] + 500))
            until("the pipe is full again", lambda: struct.unpack("i", fcntl.ioctl(out, termios.FIONREAD, bytes(4)))[0] > 2048)
            tap.send_signal(signal.SIGINT)
            assert tap.wait(LIMIT_S) == 0
            said = tap.stderr.read()  # of a long pause more than it holds is lost, and it says so
            assert re.fullmatch(rb"(smirrorctl: \d+ lines were lost: [^\n]*\n)*", said), said
            tap.stderr.close()
            reader.read()


@test("events: what there is, an end mark, what changes; as text and as JSON")
def events():
    with Lab() as lab:
        lab.start(2)
        text = run(lab, "events", "--count", 5)[1].decode()
        assert re.search(r"^\d+ exists target disk0: ready$", text, re.M) and re.search(r"^\d+ end$", text, re.M), text
        follower = started(lab, "--json", "events", "--objects", "job", stdout=subprocess.PIPE)
        assert json.loads(follower.stdout.readline())["event"] == "end"
        run(lab, "mirror", "g0", lab.image(MIB))
        while True:
            event = json.loads(follower.stdout.readline())
            assert event["version"] == 1 and event["object"] == "job", event
            if event["job"]["state"] == "concluded":
                break
        follower.send_signal(signal.SIGINT)
        assert follower.wait(LIMIT_S) == 0
        follower.stdout.close()


LOOKS = ("status", "daemon info", "bus show", "bus scan", "bus stats", "target list", "target show 1", "group list",
         "group show g0", "job list", "job show 1", "rpc discover", "call group.list", "target inquiry 1", "target vpd 1", "target modes 1",
         "target log 1", "target sense 1", "target opcodes 1", "target vpd 1 b0", "target modes 1 0x0a", "target log 1 02h")


@cases("{} speaks to people and to programs", LOOKS)
def looks(words):
    with Lab() as lab:
        lab.start(2)
        run(lab, "mirror", "g0", lab.image(65536))
        status, out, errors = run(lab, *words.split())
        assert status == 0 and len(out) > 40 and not errors, (status, out, errors)
        as_json(lab, *words.split())


# words: lines that stand in what they print, in this order
DEVICE = {
    "target inquiry disk0": ["Standard INQUIRY data", "  peripheral device type  0 (disk)", "  version                 6",
                             "  vendor                  SMIRROR", "  product                 EMULATED DISK"],
    "target vpd disk0": ["00h  Supported VPD pages", "  83h  Device identification", "83h  Device identification", "86h  Extended INQUIRY data",
                         "  SIMPSUP                     1", "B0h  Block limits", "  maximum transfer length              32768",
                         "C0h  Silent mirroring", "  name                    disk0"],
    "target vpd disk0 b1": ["B1h  Block device characteristics", "  medium rotation rate  1"],
    "target modes disk0": ["write protected: no, DPO and FUA: yes", "01h  Read-write error recovery  (savable)", "08h  Caching  (savable)",
                           "WCE           1        1      1         yes", "MF            0        0      0          no",
                           "0Ah  Control  (savable)", "1Ch  Informational exceptions control  (savable)", "30h  Silent mirroring  (savable)"],
    "target log disk0": ["02h  Write error counters", "  total bytes processed     1024", "03h  Read error counters",
                         "  total bytes processed     512", "0Dh  Temperature", "  temperature            not available",
                         "2Fh  Informational exceptions", "  informational exception  No additional sense information"],
    "target sense disk0": ["No Sense (0h): No additional sense information", "fixed format, current"],
    "target sense disk0 --descriptor": ["No Sense (0h): No additional sense information", "descriptor format, current"],
    "target opcodes disk0": ["00h      Test Unit Ready", "12h      Inquiry", "28h      Read(10)", "9Eh/10h  Read capacity(16)",
                             "A3h/0Ch  Report supported operation codes"],
    "scsi disk0 0 0 0 0 0 0": ["disk0: Test Unit Ready: GOOD, residual 0, bus time "],
}


@test("what a disk says of itself, decoded, by known lines; and the same for programs")
def device():
    with Lab() as lab:
        lab.start(1, group=None)
        run(lab, "scsi", "disk0", "2a000000000000000200", "--out", lab.image(1024))
        run(lab, "scsi", "disk0", "28000000000000000100", "--in", "512")
        for words, lines in DEVICE.items():
            status, out, errors = run(lab, *words.split())
            text, at = out.decode(), 0
            assert status == 0 and not errors, (words, status, errors)
            for line in lines:
                at = text.find(line, at)
                assert at >= 0, f"{words}: {line!r} is not, or not there, in\n{text}"
        doc = as_json(lab, "target", "inquiry", "disk0")
        fields = {f["name"]: f["value"] for f in doc["pages"][0]["fields"]}
        assert (doc["target"], doc["lun"], doc["pages"][0]["page"]) == ("disk0", 0, None), doc
        assert (fields["vendor"], fields["CmdQue"], fields["response data format"]) == ("SMIRROR", 1, 2), fields
        uuid = lab.call("target.list")["targets"][0]["uuid"].replace("-", "")
        doc = as_json(lab, "target", "vpd", "disk0", "83")["pages"][0]
        assert doc["page"] == 0x83 and doc["designators"][0]["designator"] == "1000" + uuid, doc
        assert as_json(lab, "target", "vpd", "disk0", "80")["pages"][0]["serial"] == uuid
        doc = as_json(lab, "target", "modes", "disk0", "8")
        assert doc["write_protected"] is False and doc["pages"][0]["fields"]["WCE"] == {
            "current": 1, "changeable": 1, "default": 1, "saved": 1}, doc
        doc = as_json(lab, "target", "log", "disk0", "2")["pages"][0]
        assert [(p["code"], p["value"]) for p in doc["parameters"]] == [(3, 0), (5, 1024), (6, 0)], doc
        doc = as_json(lab, "target", "sense", "disk0")["sense"]
        assert (doc["key"], doc["asc"], doc["ascq"], doc["descriptor_format"]) == (0, 0, 0, False), doc
        commands = {(c["opcode"], c["service_action"]): c for c in as_json(lab, "target", "opcodes", "disk0")["commands"]}
        assert commands[0x28, None]["cdb_bytes"] == 10 and commands[0x9e, 0x10]["name"] == "Read capacity(16)", commands


@test("what a disk says of itself: refusals, UNIT ATTENTIONs, pages that are none, a target that is not there")
def device_refusals():
    with Lab() as lab:
        lab.start(1, group=None)
        for words, why in (("target vpd disk0 7f", "disk0: Illegal Request, Invalid field in cdb"),
                           ("target modes disk0 3e", "disk0: Illegal Request, Invalid field in cdb"),
                           ("target log disk0 1", "disk0: Log sense: CHECK CONDITION"),
                           ("target modes disk0 --lun 5", "disk0: Illegal Request, Logical unit not supported"),
                           ("target inquiry nobody", "no target nobody"), ("target inquiry 12", "12: Inquiry: selection_timeout")):
            status, out, errors = run(lab, *words.split())
            assert status == 1 and not out and why in errors, (words, status, out, errors)
        assert "hexadecimal, up to 3f" in run(lab, "target", "log", "disk0", "99")[2]
        for words in ("target vpd disk0 zz", "target vpd disk0 100", "target vpd disk0 -1", "target modes disk0 40", "target log disk0 8x", "target vpd"):
            status, out, errors = run(lab, *words.split())
            assert status == 2 and not out and errors, (words, status, out, errors)
        # TEST of page 1Ch, reported by UNIT ATTENTION: told, and the command tried again
        assert 0 == run(lab, "scsi", "disk0", "151000001000", "--out", hexfile(lab, "000000009c0a04020000000000000000"))[0]
        status, out, errors = run(lab, "target", "modes", "disk0", "1c")
        assert status == 0 and b"TEST" in out and "disk0: Unit Attention, Failure prediction threshold exceeded (false)" in errors, (out, errors)


@test("an image whose name is no UTF-8; a wait of no time for a job that is over; a trace that cannot be written")
def odd_calls():
    with Lab() as lab:
        lab.start(2)
        odd = os.fsencode(lab.path("image-")) + b"\xff\xfe"
        os.rename(lab.image(MIB), odd)
        status, out, errors = run(lab, "mirror", "g0", os.fsdecode(odd))
        assert status == 0, (status, out, errors)
        job = lab.call("job.list")["jobs"][-1]["id"]
        status, out, errors = run(lab, "job", "wait", job, "--timeout-ms", "0")
        assert status == 0, (status, out, errors)
        with open("/dev/full", "wb") as full, subprocess.Popen(
                [lab.program("smirrorctl"), "--control", lab.path("control.sock"), "bus", "trace"], stdout=full, stderr=subprocess.PIPE) as tap:
            until("it has something to write", lambda: lab.call("bus.scan") is None or tap.poll() is not None)
            assert tap.returncode == 1 and b"standard output" in tap.stderr.read(), tap


def hexfile(lab, text):
    path = lab.path("list")
    with open(path, "wb") as file:
        file.write(bytes.fromhex(text))
    return path


@test("bus stats tell bus time by kind of tenure and phase; bus reset and the values of the profile")
def stats():
    with Lab() as lab:
        lab.start(2)
        run(lab, "mirror", "g0", lab.image(MIB))
        text = run(lab, "bus", "stats", "--values")[1].decode()
        assert re.search(r"^silent +DATA OUT +\d+ +[\d.]+ [KM]iB +[\d.]+ .?s +[\d.]+ %$", text, re.M), text
        assert re.search(r"^conventional +\(all\) ", text, re.M) and re.search(r"^all +\(all\) .* 100.00 %$", text, re.M), text
        assert re.search(r"^arbitration.delay +2400", text, re.M | re.I), text
        assert run(lab, "bus", "reset")[0] == 0
        assert as_json(lab, "bus", "stats")["resets"] == 1


@test("the status of a system shows its targets, groups and running jobs")
def status_screen():
    with Lab() as lab:
        lab.start(2, size="16M")
        run(lab, "mirror", "g0", lab.image(16 * MIB), "--speed", "1M", "--detach")
        until("the job to run", lambda: lab.job(1)["state"] == "running")
        text = run(lab, "status")[1].decode()
        assert re.search(r"^Daemon   smirrord ", text) and re.search(r"^Bus      unix:.*profile ", text, re.M), text
        assert re.search(r"^ *0  disk0 +ready +16 MiB +512 ", text, re.M), text
        assert re.search(r"^g0 +", text, re.M) and re.search(r"^ *1  mirror +g0 +running ", text, re.M), text
        whole = as_json(lab, "status")
        assert [len(whole[k]) for k in ("targets", "groups", "jobs")] == [2, 1, 1] and whole["bus"]["ports"], whole
        run(lab, "job", "cancel", 1)


@test("names cannot act on the terminal")
def names():
    with Lab() as lab:
        lab.start(1)
        path = lab.path("x\u00f6\x1b[31m\n\u202e.img")
        with open(path, "wb") as file:
            file.write(bytes(MIB))
        assert run(lab, "mirror", "g0", path)[0] == 0
        for words in (("job", "list"), ("job", "show", 1), ("--json", "job", "show", 1)):
            out = run(lab, *words)[1].decode()
            assert "\x1b" not in out and "\u202e" not in out and ("x\u00f6" in out or words[0] == "--json"), out
        assert "x\u00f6" in as_json(lab, "job", "show", 1)["image"]
        status, _, errors = run(lab, "mirror", "g0", lab.path("no\x1b[31m"))
        assert status == 1 and "\x1b" not in errors and "\\x1b" in errors, errors


@test("a daemon that is not there, and one that goes away in mid job: status 1, and the text says what to do")
def no_daemon():
    with Lab() as lab:
        for words in (["status"], ["mirror", "g0", "x"], ["bus", "trace"], ["events"]):
            status, out, errors = run(lab, *words)
            assert status == 1 and not out and "control.sock" in errors and "smirrord" in errors, (words, errors)
            error = as_json(lab, *words, expect=1)["error"]
            assert error["data"]["kind"] == "no_daemon" and "control.sock" in error["message"], error
        done = subprocess.run([lab.program("smirrorctl"), "status"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=dict(os.environ, SMIRROR_CONTROL="/nowhere/else"))
        assert done.returncode == 1 and b"/nowhere/else" in done.stderr, done
        lab.start(2, size="16M")
        terminal = Terminal(lab, "mirror", "g0", lab.image(16 * MIB), "--speed", "1M")
        terminal.until("a bar", lambda text: "[" in text and "%" in text)
        lab.daemon_process.kill()
        assert terminal.end() == 1 and "lost sight of job 1" in terminal.text, terminal.text
        lab.daemon()
        follower = started(lab, "--json", "mirror", "g0", lab.image(16 * MIB), "--speed", "1M", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        until("it follows a job", lambda: [j for j in as_json(lab, "job", "list")["jobs"] if j["state"] == "running"])
        lab.daemon_process.kill()
        error = json.loads(follower.communicate(timeout=LIMIT_S)[0])["error"]
        assert follower.returncode == 1 and error["data"]["kind"] == "connection_lost" and "lost sight of job" in error["message"], error


@test("standard output that cannot be written is a failure")
def full():
    with Lab() as lab:
        lab.start(1)
        with open("/dev/full", "wb") as sink:
            follower = started(lab, "target", "list", stdout=sink, stderr=subprocess.PIPE)
            errors = follower.communicate(timeout=LIMIT_S)[1].decode()
        assert follower.returncode == 1 and "standard output" in errors, (follower.returncode, errors)


if __name__ == "__main__":
    main()
