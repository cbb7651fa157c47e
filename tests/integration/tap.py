# SPDX-License-Identifier: BSD-2-Clause
"""Tests that print TAP: one line a test, and for a failed one what failed, as comment lines."""

import os
import sys
import time
import traceback

_tests = []


class Skip(Exception):
    """Raised by a test that cannot run here; its text says what is missing."""


def test(name):
    """Registers a function as a test; it fails by raising."""

    def register(function):
        _tests.append((name, function))
        return function

    return register


def cases(name, values):
    """Registers one test for each of `values`; `name` is a format string for it."""

    def register(function):
        for value in values:
            _tests.append((name.format(value), lambda value=value: function(value)))
        return function

    return register


def _comment(text):
    for line in text.rstrip().splitlines():
        print("# " + line)


def main():
    """Runs all registered tests (or those whose names hold $ONLY) and exits."""
    only = os.environ.get("ONLY", "")
    chosen = [t for t in _tests if only in t[0]]
    print(f"1..{len(chosen)}")
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            function()
            print(f"ok {number} - {name}")
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}")
        except BaseException:  # a test may fail in any way; the next one still runs
            failed += 1
            print(f"not ok {number} - {name}")
            _comment(traceback.format_exc())
        print(f"# {time.monotonic() - start:.2f} s", flush=True)
    sys.exit(1 if failed else 0)
