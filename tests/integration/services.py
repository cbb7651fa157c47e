# SPDX-License-Identifier: BSD-2-Clause
"""What is installed: units, snippets, samples; and that man pages have the options and values of the programs (tests/check_man.sh has their lint)."""

import os
import re
import shutil
import subprocess

from lab import BUILD, LIMIT_S, SOURCE, Lab, Process
from tap import Skip, cases, main, test

UNITS = ("smirror-bus.service", "smirror-target@.service", "smirrord.service")


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


def page_text(name):
    with open(os.path.join(SOURCE, "man", name), encoding="utf-8") as file:
        return file.read().replace("\\-", "-")


def help_options(program):
    with Lab() as lab:
        return set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", run(lab.program(program), "--help").stdout))


@cases("{} documents each option that the program has, and no other", ("smirror-bus", "smirror-target", "smirrord"))
def options(program):
    helped = help_options(program)
    documented = set(re.findall(r"^\.It Fl -([a-z][a-z-]+)", page_text(program + ".8"), re.M))
    assert helped == documented, (helped - documented, documented - helped)


@cases("smirror.conf(5) and the sample have each option of {0[0]}, and no other",
       (("smirror-bus", "BUS.CONF", "bus.conf"), ("smirror-target", "TARGETS/NAME.CONF", "target.conf"),
        ("smirrord", "SMIRRORD.CONF", "smirrord.conf")))
def file_options(case):
    program, section, sample = case
    wanted = help_options(program) - {"config", "help", "version"}
    text = page_text("smirror.conf.5").split(f".Sh {section}\n")[1].split("\n.Sh ")[0]
    documented = set(re.findall(r"^\.It Cm ([a-z-]+) =", text, re.M))
    assert documented == wanted, (wanted - documented, documented - wanted)
    with open(os.path.join(SOURCE, "conf", sample), encoding="utf-8") as file:
        shown = set(re.findall(r"^#?([a-z-]+) = ", file.read(), re.M))
    assert shown == wanted, (wanted - shown, shown - wanted)


def time_ps(text):
    """"2400 ns", "0", "1000 ns from spi3 on": picoseconds."""
    words = text.split()
    return int(words[0]) * {"ns": 10**3, "us": 10**6, "ms": 10**9, "": 0}[words[1] if len(words) > 1 else ""]


@test("smirror.conf(5) has each timing value, with the times that the profiles have")
def timing_values():
    with open(os.path.join(SOURCE, "src/bus/profiles.def"), encoding="utf-8") as file:
        built_in = {m[0]: [int(v) for v in m[1:]] for m in
                    re.findall(r'^BUS_VALUE\(\w+, "(\w+)", (\d+), (\d+), (\d+), (\d+)\)', file.read(), re.M)}
    rows = dict((m[0], m[1:]) for m in re.findall(r"^\.It (\w+_\w+) Ta (.*) Ta (.*)$", page_text("smirror.conf.5"), re.M))
    assert set(rows) == set(built_in), set(rows) ^ set(built_in)
    for name, (scsi2, spi) in rows.items():
        at_first = 0 if "from spi3 on" in spi else time_ps(spi)
        assert built_in[name] == [time_ps(scsi2), at_first, time_ps(spi), time_ps(spi)], name


@cases("the sample {0[1]} with all that is commented out in it is accepted as well",
       (("smirror-bus", "bus.conf"), ("smirror-target", "target.conf"), ("smirrord", "smirrord.conf")))
def whole_sample(case):
    program, sample = case
    with Lab() as lab:
        with open(os.path.join(SOURCE, "conf", sample), encoding="utf-8") as file:
            text = re.sub(r"^#([a-z-]+ = )", r"\1", file.read(), flags=re.M)
        # an unknown option behind all others is the one error that there is
        with open(lab.path(sample), "w", encoding="utf-8") as file:
            file.write(text + "the-end = 1\n")
        done = run(lab.program(program), "--config", lab.path(sample))
        assert done.returncode == 2 and "the-end" in done.stdout, done.stdout
        assert f"{sample}:{text.count(chr(10)) + 1}:" in done.stdout, done.stdout


WRONG = (
    ("smirror-bus", "bus.conf", "listen", '{"tcp:192.0.2.1:1"}'), ("smirror-bus", "bus.conf", "profile", '"spi9"'),
    ("smirror-bus", "bus.conf", "set", '{"async_byte=160"}'), ("smirror-bus", "bus.conf", "set", '{"sync_byte=160ns"}'),
    ("smirror-bus", "bus.conf", "pace", '"slow"'), ("smirror-bus", "bus.conf", "unfair", "7"),
    ("smirror-bus", "bus.conf", "phase-timeout-ms", "0"), ("smirror-bus", "bus.conf", "log-level", '"loud"'),
    ("smirror-target", "target.conf", "id", "16"), ("smirror-target", "target.conf", "size", '"1.5M"'),
    ("smirror-target", "target.conf", "block-size", "1024"), ("smirror-target", "target.conf", "name", '"a disk"'),
    ("smirror-target", "target.conf", "uuid", '"7"'), ("smirror-target", "target.conf", "fault", '{"flood"}'),
    ("smirror-target", "target.conf", "queue-depth", "257"), ("smirror-target", "target.conf", "write-protect", '"maybe"'),
    ("smirror-target", "target.conf", "workers", "17"), ("smirror-target", "target.conf", "direct", "2"),
    ("smirrord", "smirrord.conf", "bus", '"/run/bus"'), ("smirrord", "smirrord.conf", "transfer", '"1000"'),
    ("smirrord", "smirrord.conf", "chain-limit-us", "1000001"), ("smirrord", "smirrord.conf", "window", "65"), ("smirrord", "smirrord.conf", "max-passes", "0"),
)


@cases("{0[0]}: the wrong value {0[2]} = {0[3]} in a file is named with file and line, and nothing is touched", WRONG)
def wrong_value(case):
    program, sample, option, value = case
    with Lab() as lab:
        with open(os.path.join(SOURCE, "conf", sample), encoding="utf-8") as file:
            lines = file.read().replace("/var/lib/smirror", lab.directory).replace("/run/smirror", lab.directory).splitlines()
        lines.insert(1, f"{option} = {value}")
        with open(lab.path(sample), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        done = run(lab.program(program), "--config", lab.path(sample))
        assert done.returncode == 2 and f"{sample}:2: " in done.stdout and option in done.stdout, done.stdout
        assert os.listdir(lab.directory) == [sample]


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


INSTALLED = (
    "bin/smirrorctl", "sbin/smirror-bus", "sbin/smirror-target", "sbin/smirrord", "man1/smirrorctl.1", "man5/smirror.conf.5",
    "man7/smirror-protocol.7", "man8/smirror-bus.8", "man8/smirror-target.8", "man8/smirrord.8", "/bus.conf", "/smirrord.conf",
    "/target.conf", "/control-schema.json", "sysusers.d/smirror.conf", "tmpfiles.d/smirror.conf", *UNITS)


@test("make install puts everything below DESTDIR, units start what is there, and make uninstall takes it away")
def install():
    make = os.environ.get("MAKE") or "make"
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with Lab() as lab:
        root = lab.path("root")

        def files():
            return [os.path.join(f, n) for f, _, names in os.walk(root) for n in names]

        done = run(make, "-C", BUILD, "install", "DESTDIR=" + root, env=environment)
        assert done.returncode == 0, done.stdout[-3000:]
        found = files()
        headers = ["include/smirror/" + h for h in os.listdir(os.path.join(SOURCE, "include/smirror")) if h.endswith(".h")]
        for name in INSTALLED + tuple(headers):
            assert any(f.endswith(name) for f in found), f"{name} is missing: {found}"
        for unit in (f for f in found if f.endswith(".service")):
            with open(unit, encoding="utf-8") as file:
                text = file.read()
            assert not re.search("@[a-z]+@", text), text
            program, config = re.search(r"^ExecStart=(\S+) --config (\S+)$", text, re.M).groups()
            assert run(root + program, "--version").returncode == 0, program
            assert os.path.isdir(root + os.path.dirname(config)), config
        done = run(make, "-C", BUILD, "uninstall", "DESTDIR=" + root, env=environment)
        assert done.returncode == 0, done.stdout[-3000:]
        assert not files(), files()


if __name__ == "__main__":
    main()
