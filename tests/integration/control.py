#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The daemon's control socket and state directory, with the real daemon; most of it needs no bus."""

import base64
import grp
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from command import clear, disks, run, short
from lab import LIMIT_S, Lab, Rpc, RpcError, until
from tap import Skip, cases, main, test

KIB = 1024
MIB = 1 << 20


def alone(lab, *options):
    """A daemon without a bus server: its control socket is there, it is not ready."""
    process = lab.daemon(*options, wait=False)
    path = lab.path("control.sock")

    def answers():
        assert process.running(), process.stderr()
        try:
            with Rpc(path):
                return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    until("the control socket", answers)
    return process


def request(method, number=1, **params):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


@test("the greeting names product, version, API and features; daemon.info says who and where")
def greeting():
    with Lab() as lab:
        process = alone(lab)
        with lab.rpc() as rpc:
            assert rpc.greeting["product"] == "smirror" and rpc.greeting["api"]["major"] == 1, rpc.greeting
            assert isinstance(rpc.greeting["features"], list)
            info = rpc.call("daemon.info")
            assert info["pid"] == process.pid and info["attached"] is False and info["id"] == 7, info
            assert info["bus"] == lab.unix and info["state_dir"] == lab.path("state"), info
            assert info["counts"]["connections"] == 1, info


@test("rpc.discover serves the schema that is in the source tree")
def discover():
    with Lab() as lab:
        alone(lab)
        with open(os.path.join(os.environ.get("top_srcdir", "."), "conf/control-schema.json"), encoding="utf-8") as file:
            assert lab.call("rpc.discover") == json.load(file)


@test("requests of one connection are answered in the order that they came in, however they are cut")
def order():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc:
            stream = b"".join(request("job.show", i, id=99) for i in range(1, 301))
            for i in range(0, len(stream), 1013):
                rpc.send_raw(stream[i:i + 1013])
            assert [rpc.message()["id"] for _ in range(300)] == list(range(1, 301))


@test("a notification is carried out and not answered")
def notification():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc:
            for line in (b'{"jsonrpc":"2.0","method":"daemon.info"}\n', b'{"jsonrpc":"2.0","method":"nope"}\n',
                         b'{"jsonrpc":"2.0","method":"job.show","params":{"id":5}}\n', request("daemon.info", 77)):
                rpc.send_raw(line)
            assert rpc.message()["id"] == 77


@test("a line of 22 MiB is decoded off the loop: others are answered meanwhile, and its own connection keeps its order")
def long_line():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc, lab.rpc() as other:
            data = "A" * (22 * MIB - MIB)
            rpc.send_raw(request("group.write", 1, group="g", offset_bytes=0, data=data) + request("daemon.info", 2))
            assert other.call("daemon.info")
            answer = rpc.message()
            assert answer["id"] == 1 and answer["error"]["data"]["kind"] == "no_such_group", answer
            assert rpc.message()["id"] == 2


@test("a line beyond the limit is answered with an error, and the connection goes on behind its end")
def too_long():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc:
            for _ in range(33):
                rpc.send_raw(b"x" * MIB)
            assert rpc.message()["error"]["data"]["kind"] == "too_long"
            rpc.send_raw(b"\n" + request("daemon.info", 5))
            assert rpc.message()["id"] == 5


@test("connections are bounded; those that are there go on, and a place that was left is taken again")
def connections():
    with Lab() as lab:
        alone(lab)
        limit = lab.call("daemon.info")["limits"]["connections"]
        held = [lab.rpc() for _ in range(limit)]
        refused = lab.rpc()
        assert refused.greeting["error"]["data"]["kind"] == "too_many_connections", refused.greeting
        assert held[-1].call("daemon.info")["counts"]["connections"] == limit
        held.pop().close()

        def admitted():
            rpc = lab.rpc()
            held.append(rpc)
            return "error" not in rpc.greeting

        until("a place for a connection", admitted)
        for rpc in held:
            rpc.close()


@test("a client that closes its sending side still gets its answers, and then the end")
def half_closed():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc:
            rpc.send_raw(b"".join(request("daemon.info", i) for i in range(50)))
            rpc.sock.shutdown(socket.SHUT_WR)
            assert [rpc.message()["id"] for _ in range(50)] == list(range(50))
            assert rpc.sock.recv(1) == b""


@test("a client that reads nothing is not read from either, and harms nobody; its memory in the daemon is bounded")
def reads_nothing():
    with Lab() as lab:
        process = alone(lab)
        with lab.rpc() as deaf:
            deaf.sock.settimeout(1)
            sent = 0
            try:
                while sent < 4 * MIB:
                    sent += deaf.sock.send(request("rpc.discover") * 100)
            except TimeoutError:
                pass
            # about 60,000 requests of 33 KiB of answer each, had they been taken
            assert sent < 4 * MIB, "it was read from for ever"
            assert lab.call("daemon.info")
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
            assert rss < (64 if os.environ.get("SANITIZE") != "yes" else 1500) * KIB, f"{rss} KiB"


@test("a subscriber hears exists, end, and changes with rising numbers and the boot id")
def events():
    with Lab() as lab:
        alone(lab)
        with lab.rpc() as rpc:
            first = rpc.call("events.subscribe")
            rpc.events += [rpc.message(), rpc.message()]
            seen = [e["params"] for e in rpc.events]
            assert [(e["event"], e["object"]) for e in seen] == [("exists", "bus"), ("end", None)], seen
            assert [e["seq"] for e in seen] == [first["seq"] + 1, first["seq"] + 2], seen
            assert {e["boot_id"] for e in seen} == {lab.call("daemon.info")["boot_id"]}
            try:
                rpc.call("events.subscribe")
                raise AssertionError("subscribed twice")
            except RpcError as error:
                assert error.kind == "exists", error
        with lab.rpc() as rpc:
            rpc.call("events.subscribe", objects=["job"])
            assert rpc.message()["params"]["event"] == "end"


def as_user(uid, gid, groups, path, lines):
    """What another user gets of the control socket: the lines that came back."""
    script = ("import os,socket,sys,json\n"
              f"os.setgroups({groups!r}); os.setgid({gid}); os.setuid({uid})\n"
              f"s=socket.socket(socket.AF_UNIX); s.settimeout({LIMIT_S}); s.connect({path!r})\n"
              f"try: s.sendall({lines!r}); s.shutdown(socket.SHUT_WR)\n"
              "except OSError: pass\n"
              "data=b''\n"
              "while True:\n"
              "    try: part=s.recv(65536)\n"
              "    except ConnectionResetError: break\n"
              "    if not part: break\n"
              "    data+=part\n"
              "sys.stdout.buffer.write(data)\n")
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=LIMIT_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@test("others than root, the daemon's user and the group smirror get nothing")
def strangers():
    if os.getuid() != 0:
        raise Skip("only root can try other users")
    with Lab() as lab:
        process = alone(lab)
        os.chmod(lab.directory, 0o755)
        os.chmod(lab.path("control.sock"), 0o666)
        answers = as_user(65534, 65534, [], lab.path("control.sock"), request("daemon.info"))
        assert len(answers) == 1 and answers[0]["error"]["data"]["kind"] == "permission_denied", answers
        until("the refusal in the log", lambda: "65534" in process.stderr())
        assert "product" in as_user(0, 0, [], lab.path("control.sock"), request("daemon.info"))[0]


@test("members of the group smirror may look and run jobs, and no more")
def members():
    if os.getuid() != 0:
        raise Skip("only root can try other users")
    try:
        gid = grp.getgrnam("smirror").gr_gid
    except KeyError:
        raise Skip("there is no group smirror here") from None
    with Lab() as lab:
        alone(lab)
        os.chmod(lab.directory, 0o755)
        assert os.stat(lab.path("control.sock")).st_gid == gid
        for main_group, groups in ((gid, []), (65534, [gid])):
            answers = as_user(65534, main_group, groups, lab.path("control.sock"),
                              request("daemon.info", 1) + request("job.pause", 2, id=1) + request("group.delete", 3, group="g"))
            kinds = {a["id"]: a.get("error", {}).get("data", {}).get("kind") for a in answers[1:]}
            assert kinds == {1: None, 2: "no_such_job", 3: "permission_denied"}, answers


@test("the control socket is for user and group only")
def mode():
    with Lab() as lab:
        alone(lab)
        assert os.stat(lab.path("control.sock")).st_mode & 0o777 == 0o660


@test("each change is logged with uid and pid")
def audit():
    with Lab() as lab:
        process = alone(lab)
        lab.refused("group.delete", group="g77")
        assert f"uid {os.getuid()} pid {os.getpid()}: group.delete g77" in process.stderr(), process.stderr()
        lab.call("group.list")
        assert "group.list" not in process.stderr()


@test("descriptors: a job that names an image takes one; others are closed, also when they are many")
def descriptors():
    with Lab() as lab:
        process = alone(lab)
        image = lab.image(64 * KIB)

        def opened():
            return len(os.listdir(f"/proc/{process.pid}/fd"))

        with lab.rpc() as rpc:
            rpc.call("daemon.info")
            before = opened()
            with open(image, "rb") as file:
                fd = file.fileno()
                for _ in range(20):
                    rpc.call("daemon.info", [fd, fd, fd])
                assert opened() == before, "unclaimed descriptors stay open"
                # what came with one line is not for a later one
                rpc.call("daemon.info", [fd])
                error = lab_error(rpc, "job.create", type="mirror", group="g", image="image")
                assert error["data"]["kind"] == "missing_descriptor", error
                assert opened() == before
                error = lab_error(rpc, "job.create", [fd], type="mirror", group="g", image="image")
                assert error["data"]["kind"] in ("no_such_group", "bus_down"), error
                assert opened() == before
                error = lab_error(rpc, "job.create", [fd], type="read", group="g", image="image")
                assert error["data"]["kind"] == "bad_descriptor" and "writing" in error["message"], error
                # two requests in one piece, the descriptors of both with it, in order
                with open(os.devnull, "rb") as null:
                    rpc.send_raw(request("job.create", 71, type="mirror", group="g", image="a") +
                                 request("job.create", 72, type="mirror", group="g", image="b"), [null.fileno(), fd])
                    kinds = [rpc.message()["error"]["data"]["kind"] for _ in range(2)]
                assert kinds[0] == "bad_descriptor" and kinds[1] in ("no_such_group", "bus_down"), kinds
            ends = os.pipe()
            error = lab_error(rpc, "job.create", [ends[0]], type="mirror", group="g", image="pipe")
            assert error["data"]["kind"] == "bad_descriptor", error
            with open(image, "rb") as file:
                rpc.send_raw(request("daemon.info"), [file.fileno()] * 30)
                assert rpc.message()["error"]["data"]["kind"] == "too_many_descriptors"
            for end in ends:
                os.close(end)
        until("all descriptors to be closed", lambda: opened() <= before)


def lab_error(rpc, method, fds=(), **params):
    try:
        rpc.call(method, fds, **params)
    except RpcError as error:
        return error.error
    raise AssertionError(f"{method} was not refused")


@test("identity: the same UUID after a restart, another boot id")
def identity():
    with Lab() as lab:
        process = alone(lab)
        first = lab.call("daemon.info")
        assert process.stop() == 0
        alone(lab)
        second = lab.call("daemon.info")
        assert first["uuid"] == second["uuid"] and first["boot_id"] != second["boot_id"]


@cases("a damaged {} is refused by name, and left as it is", ("state.json", "jobs.json"))
def damaged(name):
    with Lab() as lab:
        assert alone(lab).stop() == 0
        path = os.path.join(lab.path("state"), name)
        with open(path, "rb") as file:
            whole = file.read()
        for text, word in ((whole[:-5], "cut short"), (b"", "cut short"), (whole.replace(b'"version":1', b'"version":2'), "version"),
                           (whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:], "damaged")):
            with open(path, "wb") as file:
                file.write(text)
            process = lab.daemon(wait=False)
            assert process.wait() == 1, process.stderr()
            assert name in process.stderr() and word in process.stderr(), process.stderr()
            with open(path, "rb") as file:
                assert file.read() == text
            assert not os.path.exists(lab.path("control.sock"))
        with open(path, "wb") as file:
            file.write(whole)
        assert alone(lab).stop() == 0


@test("a second daemon on the state directory is refused, a killed one's lock is gone")
def lock():
    with Lab() as lab:
        first = alone(lab)
        second = lab.daemon("--control", lab.path("other.sock"), wait=False)
        assert second.wait() == 1 and "in use" in second.stderr(), second.stderr()
        first.kill()
        alone(lab)


def copied(lab, *options):
    """A daemon with a copy of the state directory, on a control socket of its own."""
    shutil.rmtree(lab.path("copy"), ignore_errors=True)
    shutil.copytree(lab.path("state"), lab.path("copy"))
    return lab.daemon("--state-dir", lab.path("copy"), "--control", lab.path("copy.sock"), wait=False)


@test("a second daemon with a copy of the state directory is refused, and the first one goes on; a killed one comes back at once")
def copied_state():
    with Lab() as lab:
        names = lab.start(2, group=None, bus_options=("--heartbeat-ms", 400))
        lab.call("group.create", name="g0", members=names, assume_clean=True)
        first = lab.daemon_process
        with lab.rpc() as rpc:
            second = copied(lab)
            assert second.wait() == 1, second.stderr()
            assert "waiting for that to be silent" in second.stderr() and "a copy of it?" in second.stderr(), second.stderr()
            assert rpc.call("daemon.info")["attaches"] == 1
        lab.call("group.write", group="g0", offset_bytes=0, data=base64.b64encode(b"1" * 512).decode())
        first.kill()
        again = lab.daemon()
        assert "refuses" not in again.stderr(), again.stderr()
        lab.wait_targets(names)


@test("a daemon that is stopped is found silent, and one with a copy of its state directory has its place")
def stopped_twin():
    with Lab() as lab:
        lab.start(2, bus_options=("--heartbeat-ms", 400))
        first = lab.daemon_process
        first.signal(signal.SIGSTOP)
        second = copied(lab)
        second.wait_ready()
        first.signal(signal.SIGCONT)
        assert first.wait() == 1, first.stderr()
        assert "smirrord, by another process" in first.stderr(), first.stderr()
        with Rpc(lab.path("copy.sock")) as rpc:
            assert rpc.call("daemon.info")["attaches"] == 1


@test("a live control socket is not taken over; a dead one is replaced")
def socket_in_use():
    with Lab() as lab:
        alone(lab)
        second = lab.daemon("--state-dir", lab.path("state2"), wait=False)
        assert second.wait() == 1 and "control.sock" in second.stderr(), second.stderr()
        assert lab.call("daemon.info")


@test("SIGHUP rereads the log level; a configuration that is wrong changes nothing and is named by line")
def reload():
    with Lab() as lab:
        config = lab.path("d.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write("log-level = error\n")
        process = alone(lab, "--config", config)
        lab.refused("group.delete", group="quiet")
        with open(config, "w", encoding="ascii") as file:
            file.write("log-level = info\nbogus = 1\n")
        process.signal(signal.SIGHUP)
        until("the error in the log", lambda: "d.conf:2" in process.stderr())
        lab.refused("group.delete", group="quiet")
        assert "quiet" not in process.stderr()
        with open(config, "w", encoding="ascii") as file:
            file.write("log-level = info\n")
        process.signal(signal.SIGHUP)

        def loud():
            lab.refused("group.delete", group="loud")
            return "loud" in process.stderr()

        until("the new log level", loud)


@test("SIGTERM ends it with 0 within its limit, also while clients wait, and removes the socket")
def terminate():
    with Lab() as lab:
        process = alone(lab)
        with lab.rpc() as rpc:
            rpc.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"events.subscribe"}\n{"half')
            rpc.message()
            start = time.monotonic()
            assert process.stop() == 0
            assert time.monotonic() - start < 12
        assert not os.path.exists(lab.path("control.sock"))


@test("scsi.execute: data both ways, residuals, sense, an ID that nobody has, and many clients at once")
def execute():
    with Lab() as lab:
        lab.start(2, group=None)
        with lab.rpc() as rpc:
            inquiry = rpc.call("scsi.execute", target="disk0", lun=0, cdb="120000002400", data_in_length=64)
            assert inquiry["outcome"] == "completed" and inquiry["status"] in (0, 2), inquiry
            inquiry = run(rpc, "120000002400", room=64, target=0, lun=0)
            assert len(inquiry["data"]) == 36 and inquiry["residual"] == 28 and inquiry["sense"] == "", inquiry
            block = os.urandom(512)
            for target, lba in (("disk0", 5), ("1", 5)):
                clear(rpc, target)
                done = run(rpc, f"2a00{lba:08x}00000100", block, target=target, lun=0)
                assert done["status"] == 0 and done["residual"] == 0, done
                back = run(rpc, f"2800{lba:08x}00000100", room=512, target=target, lun=0)
                assert back["data"] == block, back
            bad = rpc.call("scsi.execute", target="disk0", lun=0, cdb="2800ffffffff00000100", data_in_length=512)
            assert bad["status"] == 2 and bad["sense"] and bad["residual"] == 512, bad
            nobody = rpc.call("scsi.execute", target=13, lun=0, cdb="000000000000")
            assert nobody["outcome"] == "selection_timeout" and nobody["status"] is None, nobody
            assert lab_error(rpc, "scsi.execute", target="nobody", lun=0, cdb="000000000000")["data"]["kind"] == "no_such_target"
            assert lab_error(rpc, "scsi.execute", target=7, lun=0, cdb="000000000000")["data"]["kind"] == "bad_value"
        clients = [lab.rpc() for _ in range(8)]
        for rpc in clients:
            rpc.send_raw(b"".join(request("scsi.execute", i, target=i % 2, cdb="000000000000") for i in range(200)))
        for rpc in clients:
            answers = [rpc.message() for _ in range(200)]
            assert {a["result"]["outcome"] for a in answers} == {"completed"}
            assert sorted(a["id"] for a in answers) == list(range(200))
            rpc.close()


@test("scsi.execute: a command without a status times out, one that a reset meets says so; a client that leaves harms nobody")
def execute_outcomes():
    with Lab() as lab:
        lab.start(2, group=None)
        with lab.rpc() as rpc, lab.rpc() as other:
            clear(rpc, "disk0")
            rpc.call("target.fault", target="disk0", spec="no-status:times=1")
            late = rpc.call("scsi.execute", target="disk0", cdb="28000000000000000100", data_in_length=512, timeout_ms=200)
            assert late["outcome"] == "command_timeout" and late["status"] is None, late
            clear(rpc, "disk0")
            rpc.call("target.fault", target="disk0", spec="no-status:times=2")
            number = rpc.start("scsi.execute", {"target": "disk0", "cdb": "28000000000000000100", "data_in_length": 512, "timeout_ms": 30000})
            until("the command at the target", lambda: other.call("target.show", target="disk0")["in_flight"] > 0)
            other.call("bus.reset")
            assert rpc.finish(number)["outcome"] == "bus_reset"
            leaving = lab.rpc()
            leaving.start("scsi.execute", {"target": "disk0", "cdb": "28000000000000000100", "data_in_length": 512, "timeout_ms": 300})
            leaving.close()
            lab.wait_targets(["disk0", "disk1"])
            clear(rpc, "disk1")
            other.call("target.fault", target="disk0", clear=True)
            clear(rpc, "disk0")


@test("a SCSI ID that another device holds ends the daemon at once, and the message names the holder")
def id_held():
    with Lab() as lab:
        lab.bus()
        lab.target("holder", 7)
        process = lab.daemon(wait=False)
        assert process.wait() == 1 and "holder" in process.stderr(), process.stderr()


@test("the bus server goes and comes back: the daemon says so, and everything that needs it meanwhile is refused by kind")
def bus_returns():
    with Lab() as lab:
        lab.start(1, group=None)
        with lab.rpc() as rpc, lab.rpc() as watcher:
            watcher.call("events.subscribe", objects=["bus"])

            def attached(value):
                while True:
                    p = watcher.message()["params"]
                    if p["object"] == "bus" and p["bus"]["attached"] is value:
                        return

            attached(True)
            lab.bus_process.kill()
            attached(False)
            for method, params in (("bus.show", {}), ("bus.stats", {}), ("bus.scan", {}), ("bus.reset", {}),
                                   ("scsi.execute", {"target": 0, "cdb": "000000000000"}), ("target.fault", {"target": 0, "list": True})):
                assert lab_error(rpc, method, **params)["data"]["kind"] == "bus_down", method
            lab.bus(tcp=False)
            attached(True)
            lab.wait_targets(["disk0"])
            assert rpc.call("daemon.info")["attaches"] == 2


@test("scsi.execute: 16 MiB in and out, in transfers of 8 MiB each way at once")
def execute_large():
    with disks(size="32M") as (_, rpc):
        blocks = 8 * MIB // 512
        data = os.urandom(8 * MIB)
        done = run(rpc, f"8a00{0:016x}{blocks:08x}0000", data)
        assert done["status"] == 0 and done["residual"] == 0, short(done)
        back = run(rpc, f"8800{0:016x}{blocks:08x}0000", room=8 * MIB)
        assert back["status"] == 0 and back["data"] == data


@test("scsi.execute that changes a member's medium makes it stale first, durably")
def execute_member():
    with Lab() as lab:
        names = lab.start(2)
        lab.run_job("mirror", image=lab.image(64 * KIB))
        with lab.rpc() as rpc:
            clear(rpc, "disk1")
            states = {m["name"]: m["state"] for m in rpc.call("group.show", group="g0")["members"]}
            assert set(states.values()) == {"in_sync"}, states
            done = run(rpc, "2a000000000000000100", bytes(512), target="disk1", lun=0)
            assert done["status"] == 0, done
            lab.daemon_process.kill()
        lab.daemon()
        lab.wait_targets(names)
        states = {m["name"]: m["state"] for m in lab.call("group.show", group="g0")["members"]}
        assert states == {"disk0": "in_sync", "disk1": "stale"}, states


@test("scsi.execute that changes a stale member's medium: a resync copies all of it, not what the log knows of")
def execute_stale_member():
    with Lab() as lab:
        lab.bus()
        disks = [lab.target(f"disk{i}", i) for i in range(2)]
        lab.daemon()
        lab.wait_targets(["disk0", "disk1"])
        lab.call("group.create", name="g0", members=["disk0", "disk1"])
        lab.run_job("mirror", image=lab.image(4 * MIB))
        disks[1].kill()
        until("the daemon to miss disk1", lambda: "disk1" not in lab.ready_targets())
        lab.call("group.write", group="g0", offset_bytes=0, data=base64.b64encode(bytes(4096)).decode())
        lab.target("disk1", 1)
        lab.wait_targets(["disk0", "disk1"])
        members = lab.call("group.show", group="g0")["members"]
        assert [(m["state"], m["logged"]) for m in members] == [("in_sync", True), ("stale", True)], members
        with lab.rpc() as rpc:
            clear(rpc, "disk1")
            assert run(rpc, "04" + "00" * 5, target="disk1")["status"] == 0
            lab.daemon_process.kill()
        lab.daemon()
        lab.wait_targets(["disk0", "disk1"])
        job = lab.run_job("resync")
        assert job["total_bytes"] == 4 * MIB, job
        with open(lab.path("disk0.img"), "rb") as a, open(lab.path("disk1.img"), "rb") as b:
            assert a.read() == b.read()


@test("bus.show, bus.stats and bus.scan tell what is there; target.fault sets, lists and clears")
def queries():
    with Lab() as lab:
        lab.start(2, group=None)
        show = lab.call("bus.show")
        assert {p["id"]: p["role"] for p in show["ports"]} == {0: "target", 1: "target", 7: "initiator"}, show
        stats = lab.call("bus.stats")
        assert stats["totals"]["COMMAND"]["count"] > 0 and stats["bus_time_ns"] > 0 and stats["profile_ns"], stats
        assert stats["total"]["ns"] == sum(p["ns"] for p in stats["totals"].values())
        lab.target("late", 9)
        assert "late" in {t["name"] for t in lab.call("bus.scan")["targets"]}
        faults = lab.call("target.fault", target="late", spec="slow:ms=5")
        assert any(f.startswith("slow") for f in faults["faults"]), faults
        assert lab.call("target.fault", target="late", list=True)["faults"] == faults["faults"]
        assert lab.call("target.fault", target="late", clear=True)["faults"] == []
        assert lab.refused("target.fault", target="late", spec="explode")["data"]["kind"] == "bad_value"
        assert lab.refused("target.fault", target="late")["data"]["kind"] == "bad_value"
        lab.call("bus.reset")
        lab.wait_targets(["disk0", "disk1", "late"])


@test("job.wait with a limit gives up and leaves the job; jobs and their numbers survive a restart")
def jobs():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(4 * MIB)
        job = lab.create_job("mirror", image=image, speed_bytes_per_s=512 * KIB)
        assert lab.refused("job.wait", id=job, timeout_ms=50)["data"]["kind"] == "timeout"
        assert lab.refused("job.dismiss", id=job)["data"]["kind"] == "bad_state"
        lab.call("job.set_speed", id=job, speed_bytes_per_s=0)
        done = lab.wait_job(job)
        assert done["conclusion"] == "success" and done["percent"] == 100, done
        assert lab.call("job.dismiss", id=job)["state"] == "dismissed"
        assert lab.daemon_process.stop() == 0
        lab.daemon()
        old = lab.job(job)
        assert (old["state"], old["conclusion"], old["done_bytes"]) == ("dismissed", "success", 4 * MIB), old
        lab.wait_targets(["disk0", "disk1"])
        assert lab.create_job("verify", image=image) > job


@test("events follow a job from its creation to its conclusion, and a target that goes")
def job_events():
    with Lab() as lab:
        lab.start(2)
        image = lab.image(MIB)
        with lab.rpc() as rpc:
            rpc.call("events.subscribe")
            while rpc.message()["params"]["event"] != "end":
                pass
            job = lab.create_job("mirror", image=image)
            seen = []

            def concluded(event):
                seen.append(event["params"])
                p = event["params"]
                return p["object"] == "job" and p["job"]["id"] == job and p["job"]["state"] == "concluded"

            while not concluded(rpc.message()):
                pass
            numbers = [e["seq"] for e in seen]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
            lab.targets["disk1"].kill()
            while True:
                p = rpc.message()["params"]
                if p["object"] == "target" and (p["event"] == "gone" or p["target"]["state"] != "ready"):
                    break


@test("a subscriber that does not read loses events, hears how many, and hears the next ones again")
def lost_events():
    with Lab() as lab:
        lab.start(1)
        with lab.rpc() as deaf, lab.rpc() as other, lab.rpc() as healthy:
            deaf.call("events.subscribe", objects=["group"])
            healthy.call("events.subscribe", objects=["group"])

            def hear(rpc, window):
                """Events up to the one that shows this window of the group; answers are passed over."""
                events = []
                while True:
                    message = rpc.message()
                    if message.get("method") != "event":
                        continue
                    events.append(message["params"])
                    if events[-1]["event"] == "changed" and events[-1]["group"]["window"] == window:
                        return events

            other.call("group.set", group="g0", window=11)
            hear(healthy, 11)
            seq = hear(deaf, 11)[-1]["seq"]
            # its answers fill what may wait for it
            deaf.send_raw(request("rpc.discover") * 400)
            until("many answers to wait", lambda: other.call("daemon.info")["counts"]["requests"] > 100)
            for window in (12, 13, 14):
                other.call("group.set", group="g0", window=window)
                hear(healthy, window)
            lost = None
            while not lost:
                message = deaf.message()
                if message.get("method") == "event":
                    lost = message["params"]
            assert lost["event"] == "lost" and lost["count"] == 3 and lost["seq"] == seq + 1, lost
            other.call("group.set", group="g0", window=15)
            assert [e["event"] for e in hear(deaf, 15)] == ["changed"]


if __name__ == "__main__":
    main()
