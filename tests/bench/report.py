# SPDX-License-Identifier: BSD-2-Clause
"""Tables, the list of what is required, and the JSON. A figure that was not measured is not printed: its place has the reason."""

import json

from benchlab import median

# What must be seen. Each is a median of ratios, taken run by run: "least" and "most" say which way it has to lie from the floor.
REQUIREMENTS = (
    ("image_unix_quorum", "image to 3 targets, UNIX: MB/s, of the quorum's", "least", 4),
    ("image_unix_dcfldd", "image to 3 targets, UNIX: MB/s, of dcfldd's", "least", 0.8),
    ("image_tcp_quorum", "image to 3 targets, TCP: MB/s, of the quorum's", "least", 2),
    ("writes_1_iops", "4-KiB writes, 1 in flight: writes/s, of fio's on the quorum", "least", 1.5),
    ("writes_1_p50", "4-KiB writes, 1 in flight: p50, of fio's", "below", 1),
    ("writes_1_p99", "4-KiB writes, 1 in flight: p99, of fio's", "below", 1),
    ("writes_32_iops", "4-KiB writes, 32 in flight: writes/s, of fio's", "least", 6),
    ("bus_cpu", "bus server's CPU a GiB, UNIX, of its own with TCP", "most", 0.1),
)
PAIRS_LEAST = 5  # fewer are a trial: no verdict

HOLDS = {
    "least": lambda value, floor: value >= floor,
    "most": lambda value, floor: value <= floor,
    "below": lambda value, floor: value < floor,
}


class Ratios:
    """Ratios by key, or why there are none."""

    def __init__(self):
        self.runs = {}
        self.why = {}
        self.notes = {}

    def add(self, key, ours, theirs, note=""):
        """Run by run; ours[i] and theirs[i] were taken one after the other."""
        assert len(ours) == len(theirs)
        pairs = list(zip(ours, theirs))
        if not pairs or any(not b for _, b in pairs):
            self.why[key] = "nothing to compare with was measured"
            return
        self.runs[key] = [a / b for a, b in pairs]
        self.notes[key] = note

    def missing(self, key, why):
        self.why[key] = why


def judge(ratios):
    """A row for each requirement."""
    rows = []
    for key, what, way, floor in REQUIREMENTS:
        row = {"key": key, "what": what, "way": way, "floor": floor}
        if key in ratios.runs:
            row["ratios"] = [round(r, 4) for r in ratios.runs[key]]
            row["ratio"] = round(median(ratios.runs[key]), 4)
            row["note"] = ratios.notes[key]
            row["holds"] = HOLDS[way](median(ratios.runs[key]), floor) if len(ratios.runs[key]) >= PAIRS_LEAST else None
        else:
            row["not_measured"] = ratios.why.get(key, "not in this run")
        rows.append(row)
    return rows


def show_requirements(rows):
    words = {"least": "at least", "most": "at most", "below": "below"}
    print(f"\n{'What must be seen (median ratio, run by run)':<62} {'required':>13} {'measured':>9}  holds")
    for row in rows:
        floor = f"{words[row['way']]} {row['floor']:g}"
        if "ratio" in row:
            verdict = {True: "yes", False: "NO", None: f"- (fewer than {PAIRS_LEAST} pairs)"}[row["holds"]]
            print(f"{row['what']:<62} {floor:>13} {row['ratio']:>9.3g}  {verdict} {row['note']}".rstrip())
        else:
            print(f"{row['what']:<62} {floor:>13} {'-':>9}  {row['not_measured']}")


def table(heads, rows):
    """Columns as wide as they need; the first left, others right. None is a place without a figure."""
    cells = [[("-" if cell is None else str(cell)) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        line = row[0].ljust(widths[0])
        for cell, width in zip(row[1:], widths[1:]):
            line += "  " + cell.rjust(width)
        print(line.rstrip(), flush=True)


def save(path, document):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    print(f"\nwritten to {path}")
