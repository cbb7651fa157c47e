# SPDX-License-Identifier: BSD-2-Clause
"""Bad input of every kind: a clear error that names what and where, no crash, and nobody else notices."""

import json
import os
import random
import socket
import struct
import subprocess

from lab import LIMIT_S, Lab, Rpc, until
from tap import cases, main, test

MIB = 1 << 20


def port(lab):
    """A raw connection to the bus server."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(LIMIT_S)
    sock.connect(lab.path("bus.sock"))
    return sock


def frame(kind, head=b"", data=b"", head_len=None, data_len=None, reserved=b"\0\0\0"):
    return (bytes([kind]) + reserved + struct.pack(">II", len(head) if head_len is None else head_len,
                                                   len(data) if data_len is None else data_len) + head + data)


def drained(sock):
    """What the server still says until it closes the connection."""
    text = b""
    try:
        while chunk := sock.recv(65536):
            text += chunk
    except ConnectionResetError:
        pass
    return text


ATTACH = 1
RANDOM = random.Random(7)
ROGUES = {
    "nothing, then the end": b"",
    "half a header": b"\x01\0\0",
    "an unknown type": frame(200, b"hello"),
    "reserved bytes": frame(ATTACH, b"", reserved=b"abc"),
    "a head of 4 GiB": frame(ATTACH, head_len=0xFFFFFFFF),
    "data of 4 GiB": frame(10, data_len=0xFFFFFFFF),
    "a cut attach": frame(ATTACH, b"\0\1"),
    "an attach with trailing bytes": frame(ATTACH, bytes(200)),
    "a script before the attach": frame(10, b"\0\0\0\1" + bytes(40)),
    "text": b"GET / HTTP/1.0\r\n\r\n",
    "noise": RANDOM.randbytes(100000),
}


@cases("a port that sends {} is turned away, and a job beside it succeeds", ROGUES)
def rogue(kind):
    with Lab() as lab:
        names = lab.start(2, group="g0")
        image = lab.image(MIB)
        job = lab.create_job("mirror", image=image)
        for _ in range(5):
            with port(lab) as sock:
                try:
                    sock.sendall(ROGUES[kind])
                    sock.shutdown(socket.SHUT_WR)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                drained(sock)
        assert lab.wait_job(job)["conclusion"] == "success"
        lab.assert_copies(image, names)
        assert lab.bus_process.running()


@test("a duplicate SCSI ID is refused, and the message names the holder")
def duplicate_id():
    with Lab() as lab:
        lab.bus()
        lab.target("alpha", 3)
        second = lab.target("beta", 3, wait=False)
        assert second.wait() == 1
        assert "alpha" in second.stderr() and "3" in second.stderr(), second.stderr()
        assert lab.targets["alpha"].running()


@test("a store that is in use is refused to a second process")
def locked_store():
    with Lab() as lab:
        lab.bus()
        lab.target("alpha", 3)
        done = subprocess.run([lab.program("smirror-target"), "--bus", lab.unix, "--id", "4", "--store", lab.store("alpha")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        assert done.returncode == 1 and b"alpha.img" in done.stderr, done


GARBAGE = {
    "no JSON": b"hello\n",
    "half a value": b'{"jsonrpc":"2.0","id":1,"method":\n',
    "an empty line": b"\n",
    "NUL bytes": b"\0\0\0\0\n",
    "bad UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}\n',
    "a number": b"42\n",
    "a string": b'"hello"\n',
    "no method": b'{"jsonrpc":"2.0","id":1}\n',
    "another version": b'{"jsonrpc":"1.0","id":1,"method":"daemon.info"}\n',
    "a method that is a number": b'{"jsonrpc":"2.0","id":1,"method":7}\n',
    "parameters that are a string": b'{"jsonrpc":"2.0","id":1,"method":"daemon.info","params":"x"}\n',
    "depth": b"[" * 100000 + b"\n",
    "deep parameters": b'{"jsonrpc":"2.0","id":1,"method":"daemon.info","params":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"\n",
}


@cases("the control socket answers {} with an error, and goes on", GARBAGE)
def garbage(kind):
    with Lab() as lab:
        lab.start(1, group=None)
        with lab.rpc() as bystander, lab.rpc() as rpc:
            rpc.send_raw(GARBAGE[kind])
            if kind != "an empty line":
                answer = rpc.message()
                assert answer["error"]["code"] in (-32700, -32600, -32602), answer
                assert answer["error"]["message"], answer
            assert bystander.call("daemon.info")["pid"] == lab.daemon_process.pid
            with lab.rpc() as fresh:
                assert fresh.call("daemon.info")["pid"] == lab.daemon_process.pid


@test("a line without an end is cut off at its limit, with an error, and memory is bounded")
def endless_line():
    with Lab() as lab:
        lab.start(1, group=None)
        with lab.rpc() as rpc:
            chunk = b"x" * MIB
            try:
                for _ in range(40):
                    rpc.send_raw(chunk)
                assert "error" in rpc.message()
            except (BrokenPipeError, ConnectionResetError, EOFError):
                pass
        assert lab.call("daemon.info")["pid"] == lab.daemon_process.pid


@test("unknown methods and parameters, missing and mistyped ones: each by name")
def wrong_requests():
    with Lab() as lab:
        lab.start(1)
        for method, params, code, word in (
                ("group.explode", {}, -32601, "group.explode"),
                ("group.show", {"group": "g0", "colour": 1}, -32602, "colour"),
                ("group.show", {}, -32602, "group"),
                ("group.show", {"group": 7}, -32602, "group"),
                ("job.show", {"id": "x"}, -32602, "id"),
                ("scsi.execute", {"target": "disk0", "lun": 0, "cdb": "zz", "data_in_length": 0}, -32602, "cdb"),
                ("job.create", {"type": "paint", "group": "g0"}, -32602, "type")):
            error = lab.refused(method, **params)
            assert error["code"] == code and word in json.dumps(error), (method, params, error)


@test("groups that cannot be: each refusal says why")
def wrong_groups():
    with Lab() as lab:
        lab.start(2, group=None)
        lab.target("big", 5, size="4M", block_size=4096)
        lab.wait_targets(["big"])
        for params, kind in (({"name": "g1", "members": []}, "no_members"),
                             ({"name": "g1", "members": ["disk0", "nobody"]}, "no_such_target"),
                             ({"name": "g1", "members": ["disk0", "disk0"]}, "duplicate"),
                             ({"name": "g1", "members": ["disk0", "big"]}, "mixed_block_size"),
                             ({"name": "../x", "members": ["disk0"]}, "bad_name")):
            error = lab.refused("group.create", **params)
            assert error["data"]["kind"] in (kind, "bad_value", "invalid_params", "too_few_items", "bad_pattern"), (params, error)
        lab.call("group.create", name="g1", members=["disk0", "disk1"])
        assert lab.refused("group.create", name="g1", members=["big"])["data"]["kind"] == "exists"
        assert lab.refused("group.create", name="g2", members=["disk0"])["data"]["kind"] == "member_of_other"
        assert lab.refused("group.show", group="g9")["data"]["kind"] == "no_such_group"
        assert not [g for g in lab.call("group.list")["groups"] if g["name"] != "g1"]


@test("jobs that cannot be: an image that is too large, empty or absent; a member that is missing")
def wrong_jobs():
    with Lab() as lab:
        lab.start(2)
        large, empty = lab.image(4 * MIB + 1, "large"), lab.image(0, "empty")
        fd = os.open(large, os.O_RDONLY)
        assert lab.refused("job.create", [fd], type="mirror", group="g0", image=large)["data"]["kind"] == "image_too_large"
        os.close(fd)
        fd = os.open(empty, os.O_RDONLY)
        assert lab.refused("job.create", [fd], type="mirror", group="g0", image=empty)["data"]["kind"] == "image_empty"
        os.close(fd)
        assert "image" in json.dumps(lab.refused("job.create", type="mirror", group="g0"))
        assert lab.refused("job.show", id=99)["data"]["kind"] == "no_such_job"
        lab.targets["disk1"].kill()
        until("disk1 gone", lambda: "disk1" not in lab.ready_targets())
        fd = os.open(empty, os.O_RDONLY)
        os.close(fd)
        image = lab.image(65536)
        fd = os.open(image, os.O_RDONLY)
        error = lab.refused("job.create", [fd], type="mirror", group="g0", image=image)
        os.close(fd)
        assert error["data"]["kind"] == "member_missing" and "disk1" in json.dumps(error), error


ARGUMENTS = (
    ("smirror-bus", [], "--listen"),
    ("smirror-bus", ["--listen", "tcp:10.1.2.3:5"], "10.1.2.3"),
    ("smirror-bus", ["--listen", "pigeon:1"], "pigeon:1"),
    ("smirror-bus", ["--listen", "unix:x", "--profile", "scsi9"], "scsi9"),
    ("smirror-bus", ["--explode"], "explode"),
    ("smirror-target", ["--bus", "unix:x", "--id", "16", "--store", "s"], "16"),
    ("smirror-target", ["--bus", "unix:x", "--id", "3"], "--store"),
    ("smirror-target", ["--bus", "unix:x", "--id", "3", "--store", "s", "--size", "12Q"], "12Q"),
    ("smirror-target", ["--bus", "unix:x", "--id", "3", "--store", "s", "--size", "1M", "--block-size", "1000"], "1000"),
    ("smirror-target", ["--bus", "unix:x", "--id", "3", "--store", "s", "--size", "1M", "--fault", "explode"], "explode"),
    ("smirrord", ["--bus", "unix:x"], "--"),
    ("smirrord", ["--bus", "unix:x", "--id", "77", "--state-dir", "d", "--control", "c"], "77"),
    ("smirrord", ["--bus", "unix:x", "--chain-limit-us", "1000001", "--state-dir", "d", "--control", "c"], "1000000"),
    ("smirrord", ["--bus", "unix:x", "--state-dir", "d", "--control", "c", "--ring", "512K"], "--ring: 512K is neither 0 nor at least 1M"),
    ("smirrord", ["--bus", "unix:x", "--state-dir", "d", "--control", "c", "--ring", "257M"], "--ring: 257M is out of range"),
    ("smirrord", ["--bus", "unix:x", "--state-dir", "d", "--control", "c", "--ring", "1Q"], "--ring: \"1Q\" is no size"),
    ("smirrord", ["--bus", "unix:x", "--state-dir", "d", "--control", "c", "--ring", "-1"], "--ring: \"-1\" is no size"),
    ("smirrord", ["--bus", "unix:x", "--state-dir", "d", "--control", "c", "--ring"], "--ring"),
    ("smirrorctl", ["paint"], "paint"),
    ("smirrorctl", ["mirror", "g0"], "IMAGE"),
)


@cases("wrong arguments end with 2 and say what is wrong: {0[0]} {0[1]}", ARGUMENTS)
def arguments(case):
    program, words, named = case
    with Lab() as lab:
        done = subprocess.run([lab.program(program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=lab.directory, timeout=LIMIT_S, check=False)
        text = (done.stdout + done.stderr).decode()
        assert done.returncode == 2 and named in text, (done.returncode, text)
        assert not os.listdir(lab.directory), os.listdir(lab.directory)


@cases("a configuration error in {} names file and line, and touches nothing", ("smirror-bus", "smirror-target", "smirrord"))
def configuration(program):
    with Lab() as lab:
        with open(lab.path("bad.conf"), "w", encoding="ascii") as file:
            file.write("# fine\n\nno-such-option = 7\n")
        words = {"smirror-bus": ["--listen", lab.unix],
                 "smirror-target": ["--bus", lab.unix, "--id", "3", "--store", lab.path("s"), "--size", "1M"],
                 "smirrord": ["--bus", lab.unix, "--state-dir", lab.path("state"), "--control", lab.path("c")]}[program]
        done = subprocess.run([lab.program(program), "--config", lab.path("bad.conf"), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        text = done.stderr.decode()
        assert done.returncode in (1, 2) and "bad.conf:3" in text and "no-such-option" in text, (done.returncode, text)
        assert os.listdir(lab.directory) == ["bad.conf"]


@cases("the configuration's ring = {0[0]} is refused with file, line and reason",
       (("\"512K\"", "512K is neither 0 nor at least 1M"), ("\"257M\"", "\"257M\" is out of range"), ("1", "1 is neither 0"),
        ("\"1Q\"", "\"1Q\" is no size"), ("\"\"", "\"\" is no size"), ("-4096", "\"-4096\" is no size")))
def wrong_ring(case):
    value, reason = case
    with Lab() as lab:
        with open(lab.path("bad.conf"), "w", encoding="ascii") as file:
            file.write(f"id = 7\n\nring = {value}\nwindow = 4\n")
        done = subprocess.run([lab.program("smirrord"), "--config", lab.path("bad.conf"), "--bus", lab.unix, "--state-dir",
                               lab.path("state"), "--control", lab.path("c")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        text = done.stderr.decode()
        assert done.returncode == 2 and "bad.conf:3: ring: " in text and reason in text, (done.returncode, text)
        assert os.listdir(lab.directory) == ["bad.conf"]


@test("a damaged state file is refused with a clear word, never guessed at")
def damaged_state():
    with Lab() as lab:
        lab.start(1)
        lab.daemon_process.stop()
        path = os.path.join(lab.path("state"), "state.json")
        with open(path, "r+b") as file:
            whole = file.read()
            file.seek(len(whole) // 2)
            byte = file.read(1)
            file.seek(len(whole) // 2)
            file.write(bytes([byte[0] ^ 1]))
        again = lab.daemon(wait=False)
        assert again.wait() == 1
        assert "state.json" in again.stderr(), again.stderr()


@test("a second daemon on one state directory is refused")
def second_daemon():
    with Lab() as lab:
        lab.start(1, group=None)
        second = lab.daemon("--control", lab.path("other.sock"), "--id", "6", wait=False)
        assert second.wait() == 1 and "state" in second.stderr(), second.stderr()
        assert Rpc(lab.path("control.sock")).greeting["product"] == "smirror"


@test("a second bus server by mistake: it is refused, and leaves the trace of the first one alone")
def second_bus():
    with Lab() as lab:
        lab.start(2)
        second = subprocess.run([lab.program("smirror-bus"), "--listen", lab.unix, "--trace", lab.path("trace")], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        assert second.returncode == 1 and b"listening there already" in second.stderr, second
        lab.run_job("mirror", image=lab.image(MIB))
        lab.trace()
        with open(lab.path("trace"), "rb") as file:
            trace = file.read()
        assert b"\0" not in trace and trace.startswith(b"{") and len(trace) > 10000, (trace[:80], len(trace))


@cases("a FIFO as a {}: an error at once", ("store", "trace"))
def fifo(what):
    with Lab() as lab:
        path = lab.path("fifo")
        os.mkfifo(path)
        if what == "store":
            lab.bus()
            argv = [lab.program("smirror-target"), "--bus", lab.unix, "--id", "1", "--store", path, "--write-protect"]
        else:
            argv = [lab.program("smirror-bus"), "--listen", lab.unix, "--trace", path]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        assert done.returncode == 1 and path.encode() in done.stderr, done


if __name__ == "__main__":
    main()
