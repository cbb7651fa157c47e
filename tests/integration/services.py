# SPDX-License-Identifier: BSD-2-Clause
"""What is installed: units, snippets, samples, man pages."""

import os
import re
import shutil
import subprocess

from lab import BUILD, LIMIT_S, SOURCE, Lab, Process
from tap import Skip, cases, main, test

UNITS = ("smirror-bus.service", "smirror-target@.service", "smirrord.service")
PAGES = ("smirrorctl.1", "smirror.conf.5", "smirror-protocol.7", "smirror-bus.8", "smirror-target.8", "smirrord.8")


def tool(name):
    path = os.environ.get(name.upper().replace("-", "_")) or shutil.which(name)
    if not path:
        raise Skip(f"{name} is missing")
    return path


def run(*words, **options):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LIMIT_S, check=False, text=True, **options)


@test("systemd-analyze verify has nothing to say about the units")
def units():
    analyze = tool("systemd-analyze")
    with Lab() as lab:
        # an installation of its own: the units with the paths of the programs that were built
        for unit in UNITS:
            with open(os.path.join(BUILD, "conf", unit), encoding="utf-8") as file:
                text = file.read()
            text = re.sub(r"^ExecStart=\S+/(smirror\S*)", lambda m: "ExecStart=" + lab.program(m.group(1)), text, flags=re.M)
            with open(lab.path(unit.replace("@.", "@disk0.")), "w", encoding="utf-8") as file:
                # man pages are not installed here, and --man=no still wants Documentation= to be a URI
                file.write(text)
        done = run(analyze, "verify", "--man=no", *(lab.path(u.replace("@.", "@disk0.")) for u in UNITS))
        ours = [line for line in done.stdout.splitlines() if "smirror" in line]
        assert done.returncode == 0 and not ours, done.stdout


@test("the sandbox of each unit scores well by systemd-analyze security")
def security():
    analyze = tool("systemd-analyze")
    for unit in UNITS:
        path = os.path.join(BUILD, "conf", unit)
        done = run(analyze, "security", "--offline=true", "--threshold=30", path)
        assert done.returncode == 0, done.stdout[-2000:]


@test("systemd-sysusers and systemd-tmpfiles accept the snippets")
def snippets():
    sysusers, tmpfiles = tool("systemd-sysusers"), tool("systemd-tmpfiles")
    with Lab() as lab:
        os.makedirs(lab.path("root/etc"))
        done = run(sysusers, "--root=" + lab.path("root"), os.path.join(SOURCE, "conf/smirror.sysusers.conf"))
        assert done.returncode == 0, done.stdout
        with open(lab.path("root/etc/passwd"), encoding="ascii") as file:
            assert re.search("^smirror:", file.read(), re.M)
        if os.geteuid() != 0:
            raise Skip("tmpfiles needs root")
        done = run(tmpfiles, "--create", "--root=" + lab.path("root"), os.path.join(SOURCE, "conf/smirror.tmpfiles.conf"))
        assert done.returncode == 0, done.stdout
        for directory in ("run", "var/lib", "var/log"):
            assert os.path.isdir(lab.path(f"root/{directory}/smirror")), directory


@cases("mandoc -T lint has nothing to say about {}", PAGES)
def lint(name):
    mandoc = tool("mandoc")
    with Lab() as lab:
        # all pages in one place, so that they find each other
        for page in PAGES:
            section = lab.path("man/man" + page[-1])
            os.makedirs(section, exist_ok=True)
            shutil.copy(os.path.join(SOURCE, "man", page), section)
        done = run(mandoc, "-T", "lint", "-W", "style", lab.path(f"man/man{name[-1]}/{name}"), env=dict(os.environ, MANPATH=lab.path("man")))
        assert not done.stdout.strip(), done.stdout


@cases("{} documents each option that the program has, and no other", ("smirror-bus", "smirror-target", "smirrord"))
def options(program):
    with Lab() as lab:
        helped = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", run(lab.program(program), "--help").stdout))
    with open(os.path.join(SOURCE, "man", program + ".8"), encoding="utf-8") as file:
        text = file.read().replace("\\-", "-")
    documented = set(re.findall(r"Fl -([a-z][a-z-]+)", text))
    assert helped == documented, (helped - documented, documented - helped)


@test("the sample configurations are accepted: a bus, a target and a daemon start from them")
def samples():
    with Lab() as lab:
        places = {"/run/smirror": lab.path("run"), "/var/lib/smirror": lab.path("lib"), "/var/log/smirror": lab.path("log")}
        for place in places.values():
            os.makedirs(place)
        started = []
        for program, sample in (("smirror-bus", "bus.conf"), ("smirror-target", "target.conf"), ("smirrord", "smirrord.conf")):
            with open(os.path.join(SOURCE, "conf", sample), encoding="utf-8") as file:
                text = file.read()
            for old, new in places.items():
                text = text.replace(old, new)
            with open(lab.path(sample), "w", encoding="utf-8") as file:
                file.write(text)
            started.append(Process(lab, program, [lab.program(program), "--config", lab.path(sample)]))
        for process in reversed(started):
            process.stop()


if __name__ == "__main__":
    main()
