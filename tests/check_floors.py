#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The floors of the architecture: a file of src/ includes its own directory and lower floors, nothing else.

A library of the system stops at a floor, too: the cores know no event loop, no JSON, no socket and no clock.
"""

import os
import re
import sys
import tempfile

FLOORS = {
    "base": 0,
    "scsi": 1,
    "wire": 2,
    "bus": 3,
    "mirror": 3,
    "target": 4,
    "initiator": 4,
    "control": 5,
    "shell": 6,
    "programs": 7,
}

# The lowest floor that may include a header of the system.
SYSTEM = [
    (r"jansson\.h", 5),
    (r"nettle/.*", 5),
    (r"sys/(socket|un|epoll|eventfd|timerfd|signalfd|mman|uio|stat|file|sendfile)\.h", 5),
    (r"(netinet|arpa|net)/.*", 5),
    (r"(fcntl|poll|signal|unistd|pthread|threads|netdb|time|sys/time|sys/random)\.h", 5),
    (r"event2?/.*|event\.h", 6),
    (r"confuse\.h", 6),
    (r"systemd/.*", 6),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')
SUFFIXES = (".c", ".h", ".def", ".inc")


def sources(root):
    for directory, subdirectories, names in os.walk(root):
        subdirectories.sort()
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                yield os.path.join(directory, name)


def includes(path):
    with open(path, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)


def judge(own, local, system):
    """What is wrong with one include in a file of the directory own, or None."""
    floor = FLOORS[own]
    if system is not None:
        for pattern, lowest in SYSTEM:
            if re.fullmatch(pattern, system) and floor < lowest:
                return f"<{system}> is for floor {lowest} and above, {own} is floor {floor}"
        return None
    if local == "config.h":
        return None
    directory = local.split("/")[0] if "/" in local else None
    if directory not in FLOORS:
        return f'"{local}" does not start with a directory of src/'
    if directory != own and FLOORS[directory] >= floor:
        return f'"{local}" is floor {FLOORS[directory]}, {own} is floor {floor}'
    return None


def check(top):
    """All that is wrong below top, and how many files were read."""
    errors, count = [], 0
    root = os.path.join(top, "src")
    for path in sources(root):
        count += 1
        shown = os.path.relpath(path, top)
        own = os.path.relpath(path, root).split(os.sep)[0]
        if own not in FLOORS:
            errors.append(f"{shown}: {own} is no directory of the floors")
            continue
        for number, local, system in includes(path):
            error = judge(own, local, system)
            if error:
                errors.append(f"{shown}:{number}: {error}")
    # What is installed stands below all floors.
    root = os.path.join(top, "include")
    for path in sources(root):
        count += 1
        for number, local, system in includes(path):
            if local is not None and not os.path.exists(os.path.join(os.path.dirname(path), local)):
                errors.append(f'{os.path.relpath(path, top)}:{number}: "{local}" is not installed')
    return errors, count


def self_test():
    """(name, passed) for examples whose verdict is known."""
    examples = [
        ("base/a.h", '#include "base/b.h"', True),
        ("target/a.c", '#include "mirror/group.h"', True),
        ("target/a.c", '#include "scsi/opcodes.def"', True),
        ("programs/a.c", "#include <event2/event.h>", True),
        ("control/a.c", "#include <jansson.h>", True),
        ("bus/a.c", "#include <smirror/wire.h>", True),
        ("base/a.h", '#include "scsi/b.h"', False),
        ("bus/a.c", '#include "mirror/b.h"', False),
        ("mirror/a.c", '#include "bus/b.h"', False),
        ("bus/a.c", '  #  include "target/b.h" /* why */', False),
        ("target/a.h", '#include "initiator/b.h"', False),
        ("initiator/a.c", '#include "target/b.h"', False),
        ("scsi/a.def", '#include "shell/b.h"', False),
        ("bus/a.c", '#include "line.h"', False),
        ("bus/a.c", '#include "../target/b.h"', False),
        ("bus/a.c", "#include <event2/event.h>", False),
        ("initiator/a.c", "#include <jansson.h>", False),
        ("target/a.c", "#include <time.h>", False),
        ("attic/a.c", "", False),
    ]
    for name, line, good in examples:
        with tempfile.TemporaryDirectory() as top:
            path = os.path.join(top, "src", name)
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as text:
                text.write(f"\n{line}\n")
            errors, count = check(top)
            yield f"{'passes' if good else 'is refused'}: {name}: {line}", (not errors) == good and count == 1


def main():
    top = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    results = list(self_test())
    errors, count = check(top)
    results.append((f"all {count} files keep to their floors", not errors))
    print(f"1..{len(results)}")
    for number, (name, passed) in enumerate(results, 1):
        name = name.replace("#", "")
        print(f"{'ok' if passed else 'not ok'} {number} - {name}")
    for error in errors:
        print(f"# {error}")
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
