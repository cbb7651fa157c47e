# SPDX-License-Identifier: BSD-2-Clause
"""Every command in the README and in the EXAMPLES of the man pages is run, in order, page by page, as it is printed.

A command is a line that begins with "$ " or "# " in a literal block (man) or a ```console block (README). Only places are
changed: /run/smirror, /var/lib/smirror, /var/log/smirror, /etc/smirror and /tmp are directories of the test. A line that ends
with & starts a program, and the next one waits until it says that it is ready. What the page shows as a line of
`...` stands for any output; other output is for the reader and is not compared, but each command has to succeed.
"""

import os
import re
import shlex
import subprocess

from lab import BUILD, LIMIT_S, SOURCE, Lab, until
from tap import Skip, main, test

PLACES = ("/run/smirror", "/var/lib/smirror", "/var/log/smirror", "/etc/smirror", "/tmp")
# Commands that belong to the machine, not to the page: they are checked elsewhere (services, bootstrap).
ELSEWHERE = re.compile(r"^(\./bootstrap|systemctl|systemd-|apt-get|make install|sudo|git clone|cd |usermod|journalctl|install |man )")


def man_commands(path):
    """The commands of the literal blocks of a page's EXAMPLES."""
    commands, inside, literal = [], False, False
    with open(path, encoding="utf-8") as file:
        for line in re.sub(r"\\e\n *", "", file.read()).splitlines():
            if line.startswith(".Sh "):
                inside = line == ".Sh EXAMPLES"
            elif line.startswith(".Bd -literal"):
                literal = inside
            elif line.startswith(".Ed"):
                literal = False
            elif literal and line[:2] in ("$ ", "# "):
                commands.append(line[2:].replace("\\(ti", "~").replace("\\e", "\\").replace("\\-", "-"))
    return commands


def readme_commands(path):
    """The commands of the ```console blocks, continued lines joined."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    commands = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in re.sub(r"\\\n *", "", block).splitlines():
            if line[:2] in ("$ ", "# "):
                commands.append(line[2:])
    return commands


def run_all(lab, commands):
    for place in PLACES:
        os.makedirs(lab.path("root") + place, exist_ok=True)
    environment = dict(os.environ, LC_ALL="C", PATH=f"{os.path.abspath(BUILD)}:{os.environ['PATH']}",
                       SMIRROR_CONTROL=lab.path("root") + "/run/smirror/control.sock")
    started = []
    try:
        for number, command in enumerate(commands):
            if ELSEWHERE.match(command):
                continue
            there = re.sub("|".join(f"(?<![A-Za-z0-9_.]){p}(?=[/ \"']|$)" for p in PLACES),
                           lambda m: lab.path("root") + m.group(0), command)
            if there.rstrip().endswith("&"):
                out = lab.path(f"out.{number}")
                with open(out, "wb") as file:
                    words = there.rstrip()[:-1]
                    started.append(subprocess.Popen(["bash", "-c", "exec " + words], stdin=subprocess.DEVNULL, stdout=file,
                                                    stderr=file, cwd=lab.path("root"), env=environment))

                def ready(out=out, child=started[-1], command=command):
                    with open(out, encoding="utf-8", errors="replace") as file:
                        text = file.read()
                    assert child.poll() is None, f"{command}: ended with {child.returncode}\n{text}"
                    return re.search("^ready", text, re.M)

                until(command + " to be ready", ready)
                continue
            done = subprocess.run(["timeout", str(LIMIT_S), "bash", "-c", there], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=lab.path("root"), env=environment, check=False)
            text = done.stdout.decode(errors="replace")
            print(f"# $ {command}")
            assert done.returncode == 0, f"{command}: ended with {done.returncode}\n{text}"
            lab.look(text, command)
    finally:
        for child in reversed(started):
            child.terminate()
        for child in reversed(started):
            child.wait(LIMIT_S)


def page(name):
    path = os.path.join(SOURCE, "man", name)

    def run():
        commands = man_commands(path)
        assert commands, f"{name} has no examples"
        if any(shlex.split(c)[0] == "jq" for c in commands) and subprocess.run(["which", "jq"], stdout=subprocess.DEVNULL, check=False).returncode:
            raise Skip("jq is missing")
        with Lab() as lab:
            run_all(lab, commands)

    test(f"the examples of {name} run")(run)


for name in sorted(os.listdir(os.path.join(SOURCE, "man"))):
    if re.fullmatch(r".*\.[1578]", name):
        page(name)


@test("the commands of README.md run")
def readme():
    commands = readme_commands(os.path.join(SOURCE, "README.md"))
    assert len(commands) > 5, commands
    with Lab() as lab:
        run_all(lab, commands)


if __name__ == "__main__":
    main()
