# SPDX-License-Identifier: BSD-2-Clause
"""A bus, targets and a daemon as real processes in a temporary directory, and what tests ask of them.

Nothing here sleeps for luck: a program is ready when it says so, a state is awaited by asking for it, and each
wait has a limit that names what was awaited.
"""

import functools
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
LIMIT_S = float(os.environ.get("LAB_LIMIT_S", "60"))
BAD_WORDS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|assertion failed|UndefinedBehavior")


def until(what, condition, limit_s=None):
    """The first true value of condition(), or a failure that says what did not come."""
    limit_s = limit_s or LIMIT_S
    end = time.monotonic() + limit_s
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class RpcError(Exception):
    """An error answer; .error is its object."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error}")
        self.error = error
        self.kind = error.get("data", {}).get("kind")


@functools.cache
def error_kinds():
    """By method, the kinds of errors that the schema says it has."""
    path = os.path.join(SOURCE, "conf/control-schema.json")
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    common = schema["components"]["schemas"]["ErrorData"]["properties"]["kind"]["x-common-error-kinds"]
    return {m["name"]: {*m.get("x-error-kinds", ()), *common} for m in schema["methods"]}


class Rpc:
    """A connection to a control socket. Greeting in .greeting; events that came between answers in .events."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(str(path))
        self.buffer = b""
        self.next_id = 1
        self.events = []
        self.greeting = json.loads(self.line())

    def line(self):
        while b"\n" not in self.buffer:
            chunk = self.sock.recv(1 << 20)
            if not chunk:
                raise EOFError("the control socket was closed")
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def send_raw(self, data, fds=()):
        if fds:
            sent = socket.send_fds(self.sock, [data], list(fds))
            data = data[sent:]
        if data:
            self.sock.sendall(data)

    def message(self):
        return json.loads(self.line())

    def start(self, method, params=None, fds=()):
        number = self.next_id
        self.next_id += 1
        request = {"jsonrpc": "2.0", "id": number, "method": method}
        if params is not None:
            request["params"] = params
        self.send_raw(json.dumps(request).encode() + b"\n", fds)
        return number

    def finish(self, number, method="?"):
        while True:
            answer = self.message()
            if answer.get("id") == number:
                break
            self.events.append(answer)
        if "error" in answer:
            kind = answer["error"].get("data", {}).get("kind")
            if kind not in error_kinds().get(method, (kind,)):
                raise AssertionError(f"{method}: an error of a kind that the schema does not say it has: {answer['error']}")
            raise RpcError(method, answer["error"])
        return answer["result"]

    def call(self, method, fds=(), **params):
        return self.finish(self.start(method, params, fds), method)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Process:
    """A program of ours. `ready` holds the words of its ready line."""

    def __init__(self, lab, name, argv, wait=True, pass_fds=()):
        self.lab = lab
        self.name = name
        self.argv = [str(a) for a in argv]
        self.errors = lab.path(f"{name}.{len(lab.processes)}.err")
        self.killed = False
        with open(self.errors, "wb") as errors:
            self.child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd=lab.directory, pass_fds=pass_fds,
                env=dict(os.environ, LC_ALL="C", **lab.environment))
        lab.processes.append(self)
        self.ready = None
        if wait:
            self.wait_ready()

    @property
    def pid(self):
        return self.child.pid

    def wait_ready(self):
        selector = selectors.DefaultSelector()
        selector.register(self.child.stdout, selectors.EVENT_READ)
        end = time.monotonic() + LIMIT_S
        text = b""
        while b"\n" not in text:
            if not selector.select(max(0, end - time.monotonic())):
                raise AssertionError(f"{self.name} was not ready within {LIMIT_S:g} s\n{self.stderr()}")
            chunk = os.read(self.child.stdout.fileno(), 4096)
            if not chunk:
                self.child.wait(LIMIT_S)
                raise AssertionError(f"{self.name} ended with {self.child.returncode} before it was ready\n{self.stderr()}")
            text += chunk
        words = text.split(b"\n")[0].decode().split()
        assert words and words[0] == "ready", f"{self.name} printed {text!r}"
        self.ready = words[1:]
        return self.ready

    def stderr(self):
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        """As a crash: SIGKILL, and reaped."""
        self.killed = True
        self.child.kill()
        self.child.wait(LIMIT_S)

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self, expect=0):
        """SIGTERM; it ends cleanly within the limit."""
        self.child.terminate()
        return self.wait(expect)

    def wait(self, expect=None):
        try:
            code = self.child.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {LIMIT_S:g} s\n{self.stderr()}") from None
        if expect is not None:
            assert code == expect, f"{self.name} ended with {code}, not {expect}\n{self.stderr()}"
        return code

    def running(self):
        return self.child.poll() is None


class Lab:
    """Used as `with Lab() as lab:`; ends all processes and looks through what they said."""

    def __init__(self, environment=None):
        self.directory = tempfile.mkdtemp(prefix="smirror-", dir=os.environ.get("LAB_TMP", "/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.processes = []
        self.environment = environment or {}
        self.bus_process = None
        self.daemon_process = None
        self.targets = {}
        self._bus_argv = None

    def path(self, name):
        return os.path.join(self.directory, name)

    # programs

    def program(self, name):
        return os.path.join(BUILD, name)

    def bus(self, *options, tcp=True, trace=True, wait=True):
        argv = [self.program("smirror-bus"), "--listen", "unix:" + self.path("bus.sock")]
        if tcp:
            argv += ["--listen", "tcp:127.0.0.1:0"]
        if trace:
            argv += ["--trace", self.path("trace")]
        self.bus_process = Process(self, "bus", argv + list(options), wait)
        if wait:
            for word in self.bus_process.ready:
                if word.startswith("tcp:"):
                    self.tcp = word
        return self.bus_process

    @property
    def unix(self):
        return "unix:" + self.path("bus.sock")

    def target(self, name, scsi_id, *options, size="4M", block_size=None, over="unix", faults=(), wait=True):
        argv = [self.program("smirror-target"), "--bus", self.tcp if over == "tcp" else self.unix, "--id", scsi_id,
                "--store", self.path(name + ".img"), "--name", name]
        if size and not os.path.exists(self.path(name + ".img")):
            argv += ["--size", size]
        if block_size:
            argv += ["--block-size", block_size]
        for fault in faults:
            argv += ["--fault", fault]
        process = Process(self, name, argv + list(options), wait)
        self.targets[name] = process
        return process

    def daemon(self, *options, wait=True):
        argv = [self.program("smirrord"), "--bus", self.unix, "--state-dir", self.path("state"), "--control",
                self.path("control.sock")]
        os.makedirs(self.path("state"), exist_ok=True)
        self.daemon_process = Process(self, "daemon", argv + list(options), wait)
        return self.daemon_process

    def start(self, count=2, size="4M", block_size=None, over=lambda i: "unix", group="g0", faults=None, mode=None,
              bus_options=(), daemon_options=(), target_options=()):
        """A bus, targets disk0.. on the lowest IDs but the daemon's 7, a daemon, and a group of all of them."""
        self.bus(*bus_options)
        ids = [i for i in range(16) if i != 7]
        faults = faults or {}
        names = [f"disk{i}" for i in range(count)]
        for i, name in enumerate(names):
            self.target(name, ids[i], *target_options, size=size, block_size=block_size, over=over(i),
                        faults=faults.get(name, ()), wait=False)
        for name in names:
            self.targets[name].wait_ready()
        self.daemon(*daemon_options)
        self.wait_targets(names)
        if group:
            params = {"name": group, "members": names}
            if mode:
                params["mode"] = mode
            self.call("group.create", **params)
        return names

    # the daemon

    def rpc(self):
        return Rpc(self.path("control.sock"))

    def call(self, method, fds=(), **params):
        with self.rpc() as rpc:
            return rpc.call(method, fds, **params)

    def refused(self, method, fds=(), **params):
        """The error object of a call that must fail."""
        try:
            result = self.call(method, fds, **params)
        except RpcError as error:
            return error.error
        raise AssertionError(f"{method} {params} was not refused: {result}")

    def ready_targets(self):
        return {t["name"]: t for t in self.call("target.list")["targets"] if t["state"] == "ready"}

    def wait_targets(self, names):
        return until(f"targets {names} ready", lambda: set(names) <= set(self.ready_targets()))

    def ctl(self, *words, expect=0, stdin=None):
        """smirrorctl; its standard output, once it ended with `expect`."""
        done = subprocess.run([self.program("smirrorctl"), "--control", self.path("control.sock"), *map(str, words)],
                              stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT_S, cwd=self.directory, env=dict(os.environ, LC_ALL="C", **self.environment), check=False)
        text = done.stdout.decode() + done.stderr.decode()
        self.look(text, "smirrorctl")
        assert done.returncode == expect, f"smirrorctl {words} ended with {done.returncode}, not {expect}:\n{text}"
        return text if expect else done.stdout.decode()

    def create_job(self, kind, group="g0", image=None, **params):
        """Starts a job on a file (opened here and passed as a descriptor); its id."""
        fds = []
        if image:
            fds = [os.open(image, os.O_RDWR | os.O_CREAT if kind == "read" else os.O_RDONLY, 0o600)]
            params["image"] = image
        try:
            return self.call("job.create", fds, type=kind, group=group, **params)["id"]
        finally:
            for fd in fds:
                os.close(fd)

    def wait_job(self, job):
        return self.call("job.wait", id=job)

    def job(self, job):
        return self.call("job.show", id=job)

    def run_job(self, kind, group="g0", image=None, expect="success", **params):
        job = self.wait_job(self.create_job(kind, group, image, **params))
        assert job["state"] == "concluded", job
        assert expect is None or job["conclusion"] == expect, json.dumps(job, indent=1)
        return job

    # files

    def image(self, size, name="image", seed=1):
        """A file of `size` bytes that no two blocks of are alike."""
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(noise(size, seed))
        return path

    def store(self, name):
        return self.path(name + ".img")

    def assert_copies(self, image, names):
        """Each store begins with the image, told by cmp, outside of our code."""
        size = os.path.getsize(image)
        for name in names:
            done = subprocess.run(["cmp", "-n", str(size), image, self.store(name)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            assert done.returncode == 0, f"{name} differs: {done.stdout.decode()}"

    # the trace

    def trace(self):
        """All events so far: what the bus did is in the file within 100 ms, so wait until it is still."""
        path = self.path("trace")
        last = [-1, time.monotonic()]

        def still():
            size = os.path.getsize(path)
            if size != last[0]:
                last[:] = [size, time.monotonic()]
            return time.monotonic() - last[1] > 0.15

        until("the trace to be written", still)
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    # the end

    def look(self, text, who):
        assert not BAD_WORDS.search(text), f"{who}:\n{text}"

    def close(self, failed):
        for process in reversed(self.processes):
            if process.running():
                process.child.send_signal(signal.SIGCONT)
                process.child.terminate()
        problems = []
        for process in reversed(self.processes):
            try:
                code = process.child.wait(20)
            except subprocess.TimeoutExpired:
                process.child.kill()
                process.child.wait()
                problems.append(f"{process.name} did not end at SIGTERM")
                code = 0
            process.child.stdout.close()
            text = process.stderr()
            if BAD_WORDS.search(text) or code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL):
                problems.append(f"{process.name} ended with {code}:\n{text}")
            if failed:
                for line in text.splitlines()[-25:]:
                    print(f"# {process.name}: {line}")
        if os.environ.get("LAB_KEEP"):
            print(f"# kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        assert failed or not problems, "\n".join(problems)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(kind is not None)


def noise(size, seed=1):
    """`size` bytes that are the same for the same seed, and in which each 512-byte block differs from all others."""
    import random

    return random.Random(seed).randbytes(size)


def tenures(trace):
    """The trace cut at its tenures: {number: [events]}, in order."""
    result = {}
    for event in trace:
        result.setdefault(event["tenure"], []).append(event)
    return result


def messages(event):
    return event["msg"] or []


def passes(trace):
    """The tenures in which a target leader was identified: those of mirroring passes, one or more of them chained."""
    return [events for events in tenures(trace).values()
            if any(m["name"] == "TARGET LEADER IDENTIFICATION" for e in events for m in messages(e))]


def operations(tenure):
    """A mirroring tenure cut at its operations, one for each of the passes that are chained in it: [[events]], in order."""
    result = []
    for event in tenure:
        if not result or result[-1][0]["op"] != event["op"]:
            result.append([])
        result[-1].append(event)
    return result


def statuses(trace):
    """The tenures in which a target returned a MIRROR STATUS."""
    return [events for events in tenures(trace).values()
            if any(m["name"] == "MIRROR STATUS" for e in events for m in messages(e))]
