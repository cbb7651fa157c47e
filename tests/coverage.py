#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What of the cores the tests of a build ran: coverage.py BUILD-DIRECTORY.

The build is one with --coverage, in which tests have run. Prints lines and branches by directory, then the files with the
most branches that were not taken (--files: all files; --lines FILE: what was not run of one). The branch on which an assertion fails is
none: no test can take it."""
import collections
import glob
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIRECTORIES = ["base", "scsi", "wire", "bus", "mirror", "target", "initiator"]
GOAL_LINES, GOAL_BRANCHES = 95, 90


def asserting_lines(text):
    """Numbers of the lines of calls of sm_assert(): they may go over several."""
    found, depth = set(), 0
    for number, line in enumerate(text.splitlines(), 1):
        at = line.find("sm_assert(")
        if depth == 0 and at < 0:
            continue
        found.add(number)
        part = line if depth else line[at:]
        depth += part.count("(") - part.count(")")
    return found


class File:
    def __init__(self, name):
        self.name = name
        self.lines = {}
        self.branches = collections.defaultdict(dict)
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            self.asserting = asserting_lines(f.read())

    def add(self, lines):
        for line in lines:
            number = line["line_number"]
            self.lines[number] = max(self.lines.get(number, 0), line["count"])
            if number in self.asserting:
                continue
            for i, branch in enumerate(b for b in line["branches"] if not b["throw"]):
                seen = self.branches[number]
                seen[i] = max(seen.get(i, 0), branch["count"])

    def counts(self):
        all_branches = [n for line in self.branches.values() for n in line.values()]
        return (len(self.lines), sum(n > 0 for n in self.lines.values()),
                len(all_branches), sum(n > 0 for n in all_branches))

    def missed(self):
        for number in sorted(self.lines):
            if self.lines[number] == 0:
                yield number, "not run"
            elif any(n == 0 for n in self.branches.get(number, {}).values()):
                yield number, "a branch not taken"


def read(build):
    files = {}
    for directory in DIRECTORIES:
        data = sorted(glob.glob(os.path.join(build, "src", directory, "*.gcda")))
        if not data:
            sys.exit(f"coverage.py: {build}: nothing of src/{directory} has run")
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout",
                              *[os.path.abspath(d) for d in data]],
                             cwd=build, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        for document in out.splitlines():
            for file in json.loads(document)["files"]:
                path = os.path.realpath(os.path.join(build, file["file"]))
                name = os.path.relpath(path, os.path.realpath(TOP))
                if not re.match(r"src/(%s)/" % "|".join(DIRECTORIES), name):
                    continue
                files.setdefault(name, File(name)).add(file["lines"])
    return files


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def row(name, counts):
    lines, lines_run, branches, taken = counts
    print(f"{name:28} {lines_run:6} of {lines:6} lines {percent(lines_run, lines):6.2f} %"
          f" {taken:6} of {branches:6} branches {percent(taken, branches):6.2f} %")


def main():
    args = sys.argv[1:]
    if not args or {a for a in args if a.startswith("-")} - {"--files", "--lines"}:
        sys.exit(__doc__)
    files = read(args[0])
    if "--lines" in args:
        for number, what in files[args[args.index("--lines") + 1]].missed():
            print(f"{number}: {what}")
        return
    total = [0, 0, 0, 0]
    for directory in DIRECTORIES:
        counts = [0, 0, 0, 0]
        for name, file in files.items():
            if name.startswith(f"src/{directory}/"):
                counts = [a + b for a, b in zip(counts, file.counts())]
        row("src/" + directory, counts)
        total = [a + b for a, b in zip(total, counts)]
    row("all", total)
    print(f"goals: {GOAL_LINES} % of lines, {GOAL_BRANCHES} % of branches")
    worst = sorted(files.values(), key=lambda f: f.counts()[3] - f.counts()[2])
    for file in worst if "--files" in args else worst[:12]:
        row(file.name, file.counts())


main()
