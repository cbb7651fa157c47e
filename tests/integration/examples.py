# SPDX-License-Identifier: BSD-2-Clause
"""Every command in the README and in the EXAMPLES of the man pages is run, in order, page by page, as it is printed.

A command is a line that begins with "$ " or "# " in a literal block (man) or a ```console block (README); one that ends with
a backslash or a bar goes on in the next line. Only places are changed: what is in PLACES are directories of the test, and
/usr/local/share/doc/smirror has the samples, as if they were installed. A line that ends with & starts a program, and the next
one waits until it says that it is ready. Output that a page shows is for the reader and is not compared, but each command has to
succeed.
"""

import os
import re
import shutil
import subprocess

from lab import BUILD, LIMIT_S, SOURCE, Lab, until
from tap import Skip, main, test

DOC = "/usr/local/share/doc/smirror"
PLACES = ("/run/smirror", "/var/lib/smirror", "/var/log/smirror", "/usr/local/etc/smirror", DOC, "/tmp")
PLACE = re.compile("|".join(f"(?<![A-Za-z0-9_.]){p}(?=[/ \"'\n]|$)" for p in PLACES))
SAMPLES = ("bus.conf", "target.conf", "smirrord.conf")
# Commands that belong to the machine, not to the page: they are checked elsewhere (services, bootstrap).
ELSEWHERE = re.compile(r"(\./bootstrap|systemctl|systemd-|apt-get|make install|sudo|git clone|usermod|journalctl|man )")


def joined(lines):
    """The commands among lines: "$ ..." or "# ...". What ends with a backslash or a bar goes on in the next line."""
    commands, more = [], False
    for line in lines:
        if more:
            commands[-1] += " " + line.strip()
        elif line[:2] in ("$ ", "# "):
            commands.append(line[2:])
        else:
            continue
        more = commands[-1].endswith(("\\", "|"))
        commands[-1] = commands[-1].removesuffix("\\").rstrip()
    return commands


def man_commands(path):
    """The commands of the literal blocks of a page's EXAMPLES."""
    commands, inside, block = [], False, None
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith(".Sh "):
                inside = line == ".Sh EXAMPLES"
            elif line.startswith(".Bd -literal"):
                block = [] if inside else None
            elif line.startswith(".Ed"):
                commands += joined(block or [])
                block = None
            elif block is not None:
                block.append(line.replace("\\(ti", "~").replace("\\(dq", '"').replace("\\e", "\\").replace("\\-", "-"))
    return commands


def readme_commands(path):
    """The commands of the ```console blocks, continued lines joined."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [c for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S) for c in joined(block.splitlines())]


def moved(lab, text):
    return PLACE.sub(lambda m: lab.path("root") + m.group(0), text)


def prepare(lab):
    for place in PLACES:
        os.makedirs(lab.path("root") + place)
    os.makedirs(lab.path("root") + "/usr/local/etc/smirror/targets")
    for sample in SAMPLES:
        with open(os.path.join(SOURCE, "conf", sample), encoding="utf-8") as file:
            text = moved(lab, file.read())
        with open(os.path.join(lab.path("root") + DOC, sample), "w", encoding="utf-8") as file:
            file.write(text)


class Session:
    """A reader's shell: where it is, and what it has started."""

    def __init__(self, lab):
        self.lab = lab
        self.cwd = lab.path("root")
        self.environment = dict(os.environ, LC_ALL="C", PATH=f"{BUILD}:{os.environ['PATH']}",
                                SMIRROR_CONTROL=lab.path("root") + "/run/smirror/control.sock")
        self.started = []

    def start(self, command, there):
        out = self.lab.path(f"out.{len(self.started)}")
        with open(out, "wb") as file:
            child = subprocess.Popen(["bash", "-c", "exec " + there.rstrip().rstrip("&")], stdin=subprocess.DEVNULL, stdout=file,
                                     stderr=file, cwd=self.cwd, env=self.environment)
        self.started.append((command, child, out))

        def ready():
            with open(out, encoding="utf-8", errors="replace") as file:
                text = file.read()
            assert child.poll() is None, f"{command}: ended with {child.returncode}\n{text}"
            return re.search("^ready", text, re.M)

        until(command + " to be ready", ready)

    def run(self, command, there):
        done = subprocess.run(["timeout", str(LIMIT_S), "bash", "-o", "pipefail", "-c", there], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.cwd, env=self.environment, check=False)
        text = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"{command}: ended with {done.returncode}\n{text}"
        self.lab.look(text, command)

    def command(self, command):
        there = moved(self.lab, command)
        print(f"# $ {command}", flush=True)
        if ELSEWHERE.match(command):
            return
        if command.startswith("cd "):
            if there != command:
                self.cwd = there[3:].strip()
        elif there.rstrip().endswith("&"):
            self.start(command, there)
        else:
            self.run(command, there)

    def end(self):
        """SIGTERM to all: each ends with 0, and nothing that it said was bad."""
        for _, child, _ in self.started:
            child.terminate()
        for command, child, out in self.started:
            code = child.wait(LIMIT_S)
            with open(out, encoding="utf-8", errors="replace") as file:
                text = file.read()
            self.lab.look(text, command)
            assert code == 0, f"{command}: ended with {code}\n{text}"


def run_all(commands):
    with Lab() as lab:
        prepare(lab)
        session = Session(lab)
        try:
            for command in commands:
                session.command(command)
        finally:
            session.end()


def need_jq(commands):
    if any(re.search(r"\bjq\b", c) for c in commands) and not shutil.which("jq"):
        raise Skip("jq is missing")


def page(name):
    path = os.path.join(SOURCE, "man", name)

    def run():
        commands = man_commands(path)
        assert commands, f"{name} has no examples"
        need_jq(commands)
        run_all(commands)

    test(f"the examples of {name} run")(run)


for name in sorted(os.listdir(os.path.join(SOURCE, "man"))):
    if re.fullmatch(r".*\.[1578]", name):
        page(name)


@test("the commands of README.md run")
def readme():
    commands = readme_commands(os.path.join(SOURCE, "README.md"))
    assert len(commands) > 5, commands
    need_jq(commands)
    run_all(commands)


if __name__ == "__main__":
    main()
