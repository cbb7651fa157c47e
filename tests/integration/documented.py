# SPDX-License-Identifier: BSD-2-Clause
"""Every command of the READMEs of tests/ is run with small values, or, where it takes long or a tool that may be missing, shown by make -n.

A command is a line that is indented by four columns; what follows two blanks and "#" is a comment. A target or an option that there is
not, and a variable that nobody reads, fail. RULES says how each is run: one that has no rule fails, too.
"""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from lab import BUILD, SOURCE
from tap import Skip, main, test

FILES = ("tests/README.md", "tests/bench/README.md", "tests/model/README.md")
MAKE = os.environ.get("MAKE", "make")
LIMIT_S = 120
FEW = {
    "sim": "SEEDS=2",
    "bench": "MIB=2 RUNS=1 SECONDS_EACH=1 TRANSPORTS=unix DEPTHS=1 PEERS= BENCH_JSON={place}/bench.json",
    "bench-commands": "RUNS=1 SECONDS_EACH=1 OVER=unix REQUIRED=1 COMMANDS_JSON={place}/commands.json",
    "bench-holder": "ROUNDS=1 LIMIT_MS=5000",
    "bench-scaling": "MIB=2 RUNS=1 ONLY=targets TARGETS=1 SCALING_JSON={place}/scaling.json",
}
# what takes minutes, clang's runtime, gcov, spin, or the rights of root (another test has some of it)
SHOWN = re.compile(r"(sim-mutants|fault-steps|crash-points|coverage|conformance|soak|model|model-mutants|fuzz-\w+|format|check[\w-]*|"
                   r"distcheck|bench-bus-time)$")


def made(words, place):
    """How a `make` line is run: (in which directory, what)."""
    target = next((w for w in words[1:] if "=" not in w), "all")
    if target in FEW and "PEERS=1" not in words and (len(words) > 2 or target == "sim"):
        return BUILD, [MAKE, *words[1:], *FEW[target].format(place=place).split()]
    assert target in FEW or SHOWN.match(target), f"no rule for {' '.join(words)}"
    return BUILD, [MAKE, "-n", *words[1:], "MAKE=:"]  # a make that make calls would have to have been built


# first words: directory, what to change in the line, and how it ends
RULES = (
    (r"tests/sim/sim --mutant \S+ .*--until-found$", BUILD, (), 1),
    (r"tests/sim/sim ", BUILD, ((r"--seeds \S+", "--seeds 1..2"),), 0),
    (r"(\w+=\S+ )*tests/steps/test_fault_steps$", BUILD, (), 0),
    (r"python3 tests/coverage\.py build/coverage ", SOURCE, ((r"python3 (\S+) build/coverage", r"PATH={place}:$PATH python3 \1 {place}"),), 0),
    (r"(ONLY='claim 10' LAB_KEEP=1 )?top_builddir=build top_srcdir=\. python3 tests/integration/claims\.py$", SOURCE,
     ((r"top_builddir=build", "ONLY='claim 10' LAB_TMP={place} top_builddir=" + shlex.quote(BUILD)),), 0),
    (r"tests/model/run\.py ", SOURCE, (), 0),
)


def commands(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
        text = re.sub(r"^```.*?^```$", "", file.read(), flags=re.M | re.S)
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in re.findall(r"^ {4}(\S.*)$", text, re.M)]


def inline(name):
    """The `make ...` in the text, as far as the target."""
    with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
        found = re.findall(r"`make ([a-z][a-z-]*(?: [A-Z_]+=[^`]*)?)`", file.read())
    return sorted({f"make {words}" for words in found})


def readers():
    """The names of all variables that a makefile or a program of the tests reads."""
    names = set()
    for path in [os.path.join(BUILD, "Makefile"), *glob.glob(SOURCE + "/tests/**/*", recursive=True)]:
        if path.endswith((".py", ".c", ".h", ".mk", "Makefile")) and not path.endswith(("documented.py", "benchmarks.py")):
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            names |= set(re.findall(r'(?:environ\.get\(|environ\[|getenv\()"([A-Z_a-z]+)"', text)) | set(re.findall(r"^([A-Z_]+) *=", text, re.M))
            names |= set(re.findall(r'(?:option|number|words|env|_env|setting)\w*\("([A-Z_]+)"', text))
    return names


def clean():
    """An environment that does not tell of the make that runs this test."""
    out = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ONLY", "CASE", "SEEDS", "ROUNDS", "TESTS")}
    return dict(out, LC_ALL="C", PYTHONDONTWRITEBYTECODE="1")


def measured(place):
    """A little of what `make coverage` leaves behind: each directory, one line that ran and one that did not."""
    for directory in os.listdir(os.path.join(SOURCE, "src")):
        os.makedirs(os.path.join(place, "src", directory))
        with open(os.path.join(place, "src", directory, "a.gcda"), "wb"):
            pass
    lines = [{"line_number": n, "count": n - 1, "branches": []} for n in (1, 2)]
    gcov = os.path.join(place, "gcov")
    with open(gcov, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho " + shlex.quote(json.dumps({"files": [{"file": SOURCE + "/src/bus/qas.c", "lines": lines}]})) + "\n")
    os.chmod(gcov, 0o755)


def built(program):
    """`make check` has built it; who runs this file alone may not."""
    if not os.path.exists(os.path.join(BUILD, program)):
        subprocess.run([MAKE, program], stdout=subprocess.DEVNULL, check=True, cwd=BUILD, env=clean())


def perform(command, place):
    """(whether it ended as it should, text)"""
    words, expect = shlex.split(command), 0
    if words[0] == "make":
        where, what = made(words, place)
    else:
        where, changes, expect = next((rule[1:] for rule in RULES if re.match(rule[0], command)), (None, None, None))
        assert where, f"no rule for {command}"
        for pattern, by in changes:
            command = re.sub(pattern, by.format(place=place), command)
        what = ["bash", "-c", command]
        if where == BUILD:
            built(next(w for w in words if w.startswith("tests/")))
        elif "coverage" in command:
            measured(place)
    done = subprocess.run(what, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False,
                          cwd=where, env=clean())
    return done.returncode == expect, f"{' '.join(what)}: ended with {done.returncode}\n" + done.stdout.decode(errors="replace")[-3000:]


def known_variables(command, names):
    for name in re.findall(r"(?:^|\s)([A-Za-z_]+)=", command):
        assert name in names, f"{command}: nobody reads {name}"


def documented(command):
    names = readers()

    def run():
        known_variables(command, names)
        if command.startswith("tests/model/run.py") and "--list" not in command and not shutil.which("spin"):
            raise Skip("spin is missing")
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as place:
            good, text = perform(command, place)
        assert good, text

    test(command.replace("#", ""))(run)


for command in dict.fromkeys(c for name in FILES for c in commands(name)):
    documented(command)


@test("every make target in the text of these files is there")
def targets():
    asked = sorted({re.match(r"make [a-z-]+", c).group() for name in FILES for c in inline(name)})
    assert len(asked) > 5, asked
    with tempfile.TemporaryDirectory() as place:
        for command in asked:
            good, text = perform(command.replace("make ", "make PEERS=1 ") if command.split()[1] in FEW else command, place)
            assert good, text
    names = readers()
    for name in FILES:
        for command in inline(name):
            known_variables(re.sub(r"'[^']*'", "", command), names)


@test("a target, an option, a variable and a command that there are not are told")
def told():
    with tempfile.TemporaryDirectory() as place:
        for command in ("make fuzz-nothing", "make check-nothing", "tests/sim/sim --sees 1..10", "tests/model/run.py --lost"):
            good, _ = perform(command, place)
            assert not good, command
        for command in ("make nothing", "tests/sim/simulator --seed 1"):
            try:
                perform(command, place)
            except AssertionError:
                continue
            raise RuntimeError(f"{command} is run")
    try:
        known_variables("make sim SEETS=10", readers())
    except AssertionError:
        return
    raise RuntimeError("SEETS is taken")


@test("make sim runs SEEDS seeds from FIRST on, 10,000 from 1 as it is; plain make builds the simulator")
def seeds():
    for words, wanted in ((["SEEDS=5", "FIRST=100"], "100..104"), (["SEEDS=2"], "1..2"), ([], "1..10000")):
        done = subprocess.run([MAKE, "-n", "sim", *words], stdout=subprocess.PIPE, check=True, cwd=BUILD, env=clean(), timeout=LIMIT_S)
        line = next(line for line in done.stdout.decode().splitlines() if "--seeds" in line)
        shown = subprocess.run(["sh", "-c", "echo " + line], stdout=subprocess.PIPE, check=True, timeout=LIMIT_S).stdout.decode()
        assert f"--seeds {wanted} " in shown, shown
    # -W: as if its library were new, so that who is to link it, does
    done = subprocess.run([MAKE, "-n", "all-am", "-W", "tests/sim/libsimulator.a"], stdout=subprocess.PIPE, check=True, cwd=BUILD,
                          env=clean(), timeout=LIMIT_S)
    assert "-o tests/sim/sim " in done.stdout.decode(), done.stdout.decode()[-2000:]


if __name__ == "__main__":
    main()
