# SPDX-License-Identifier: BSD-2-Clause
"""Real SCSI software against a disk: sg3_utils and libiscsi's conformance suite, through SG_IO (sgio.c). SKIP where they are not installed."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lab import BUILD, LIMIT_S, Lab
from tap import Skip, cases, main, test

SHIM = os.path.join(BUILD, "tests/integration/sgio.so")
DISK = "/dev/smirror/disk0"
SUITE = "iscsi-test-cu"

# program and options: exit status, what it prints. Of the statuses of sg3_utils: 5 illegal request, 22 LBA out of range.
UTILITIES = {
    "sg_inq": (0, "Product identification: EMULATED DISK"),
    "sg_inq --page=sn": (0, "Unit serial number: "),
    "sg_vpd --page=di": (0, "Device Identification"),
    "sg_vpd --page=bl": (0, "Maximum transfer length: 32768 blocks"),
    "sg_vpd --page=bdc": (0, "Non-rotating medium"),
    "sg_vpd --force --page=0x77": (5, ""),
    "sg_turs --num=5": (0, "Completed 5 Test Unit Ready commands with 0 errors"),
    "sg_requests": (0, "No additional sense information"),
    "sg_requests --desc": (0, "Descriptor format"),
    "sg_readcap": (0, "Logical block length=512 bytes"),
    "sg_readcap --long": (0, "Last LBA=65535"),
    "sg_luns": (0, "0000000000000000"),
    "sg_modes --all": (0, ">> Control, page_control: current"),
    "sg_modes --page=8 --control=1": (0, "Caching, page_control: changeable"),
    "sg_modes --page=0x3e": (5, ""),
    "sg_wr_mode --page=8 --contents=88,12,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0 --mask=0,0,4": (0, ""),
    "sg_wr_mode --page=8 --contents=88,12,ff,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0": (5, ""),
    "sg_logs --all": (0, "Informational Exceptions page"),
    "sg_logs --page=2": (0, "Total bytes processed"),
    "sg_logs --reset": (0, ""),
    "sg_logs --page=0x15": (5, ""),
    "sg_opcodes": (0, "Report supported operation codes"),
    "sg_opcodes --rctd --opcode=0x28": (0, "Read(10)"),
    "sg_opcodes --opcode=0x7f,0": (0, "Command is NOT supported"),
    "sg_verify --lba=0 --count=64": (0, ""),
    "sg_verify --lba=65536 --count=1": (22, "LBA out of range"),
    "sg_sync": (0, ""),
    "sg_start --stop": (0, ""),
    "sg_start --start": (0, ""),
    "sg_prevent --allow": (0, ""),
    "sg_senddiag --test": (0, ""),
    "sg_read_buffer --mode=desc": (0, ""),
    "sg_write_same --lba=8 --num=8 --in=/dev/zero --xferlen=512": (0, ""),
    "sg_persist --in --read-keys": (0, "NO registered reservation keys"),
    "sg_persist --in --report-capabilities": (0, "Report capabilities response"),
}

# The same of a disk with type 1 protection, in this order.
PROTECTED = {
    "sg_inq": (0, "Protect=1"),
    "sg_readcap --16": (0, "prot_en=1, p_type=0, p_i_exponent=0 [type 1 protection]"),
    "sg_vpd --page=ei": (0, "SPT=7 GRD_CHK=1 APP_CHK=1 REF_CHK=1"),
    "sg_vpd --page=bl": (0, "Maximum transfer length: 32263 blocks"),
    "sg_write_same --lba=8 --num=8 --in=/dev/zero --xferlen=512": (0, ""),
    "sg_verify --lba=0 --count=64": (0, ""),
    "sg_verify --lba=0 --count=64 --vrprotect=1": (0, ""),
    "sg_verify --lba=0 --count=64 --vrprotect=6": (5, ""),
    "sg_format --format --quick --wait --fmtpinfo=3": (0, ""),
    "sg_readcap --16 --verbose": (0, "prot_en=1, p_type=1, p_i_exponent=0 [type 2 protection]"),
    "sg_opcodes --opcode=0x7f,9": (0, "Read(32)"),
    "sg_write_same --lba=8 --num=8 --in=/dev/zero --xferlen=512 --32": (0, ""),
    "sg_verify --lba=0 --count=8 --vrprotect=1": (9, ""),
    "sg_format --format --quick --wait --fmtpinfo=3 --pfu=1": (0, ""),
    "sg_readcap --long": (0, "[type 3 protection]"),
    "sg_format --format --quick --wait": (0, ""),
    "sg_readcap -l": (0, "prot_en=0"),
}

# Of the suite in Debian 12: their CDBs say 0 blocks where they mean 256, so they fail everywhere.
NOT_OURS = {"CompareAndWrite.Simple", "CompareAndWrite.Miscompare"}
# Those that reach for an iSCSI session where there is none, and end by a signal.
CRASHES = {"Sanitize.OverwriteReserved"}

# What reads, writes and compares by blocks, and says what a disk is like.
TRANSFERS = r"Read\d+|Write|Verify|OrWrite|CompareAndWrite|Inquiry|ReadCapacity|Prefetch|ReportSupp|Unmap|GetLBA|ModeSense"
# What has to work on a disk that may not be written. (The others write, and go by what they have written.)
READING = r"Inquiry|GetLBA|Mandatory|ModeSense|NoMedia|Prefetch|PreventAllow|Prin|Prout|Read|ReportSupp|Reserve|StartStop|TestUnit|Unmap|Verify"
# Where it may matter which logical unit it is, and who else is there.
UNITS = r"CompareAndWrite|ExtendedCopy|Inquiry|Prout|ReadCapacity|Reserve6|Sanitize|Write10|WriteSame16"

# What the suite runs against. `target`: of the lab's target; `also`: its further options; `least`: tests that have to run. `families`: those that such a
# disk can have, None: all; `selection`: those of them that `make check` runs, None: all of them. `make conformance` runs all.
KINDS = {
    "a disk as it is": {"least": 150},
    "information units": {"also": ("--packetized",), "daemon": ("--packetized",), "selection": r"CompareAndWrite|ExtendedCopy|Inquiry|ModeSense|OrWrite|Pr|Read|Write1",
                          "least": 60},
    "type 1 protection": {"also": ("--protection", "1"), "families": TRANSFERS, "least": 90},
    # libiscsi reads CDB usage data of 16 bytes at most: it does not see those of the 32-byte commands.
    "type 2 protection": {"also": ("--protection", "2"), "families": TRANSFERS.replace("|ReportSupp", ""),
                          "selection": r"Read10|Write16|WriteSame|Verify12|OrWrite|CompareAndWrite|ReadCapacity", "least": 40},
    "thin provisioning": {"also": ("--thin",), "selection": r"CompareAndWrite|GetLBA|Inquiry|ReadCapacity|Sanitize|Unmap|WriteSame", "least": 40},
    "blocks of 4096 bytes": {"target": {"block_size": 4096}, "selection": r"CompareAndWrite|ExtendedCopy|Inquiry|Prefetch|ReadCapacity|Sanitize|WriteSame10", "least": 30},
    "write-protected": {"also": ("--write-protect",), "families": READING, "selection": r"Inquiry|Mandatory|ModeSense|Prefetch|Read10|ReadOnly|Verify10", "least": 20},
    "one of several logical units": {"units": {1: "32M", 5: "16M"}, "disk": DISK + "/1", "selection": UNITS, "least": 50},
}
SIZE = "32M"


def needed(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")
    if not os.path.exists(SHIM):
        raise Skip(f"{SHIM} was not built")


def through(lab, *argv):
    """A program that finds the disk at DISK: (exit status, what it printed)."""
    environment = dict(os.environ, LC_ALL="C", LD_PRELOAD=SHIM, SMIRROR_CONTROL=lab.path("control.sock"))
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10 * LIMIT_S, check=False,
                              cwd=lab.directory, env=environment)
    except subprocess.TimeoutExpired as slow:
        raise AssertionError(f"not within {10 * LIMIT_S:g} s: {' '.join(argv)}\n{(slow.stdout or b'').decode(errors='replace')}") from None
    return done.returncode, done.stdout.decode(errors="replace")


def run_all(lab, programs):
    wrong = []
    for words, (status, text) in programs.items():
        got, printed = through(lab, *words.split(), DISK)
        if got != status or text not in printed:
            wrong.append(f"{words}: {got}, not {status}:\n{printed}")
    assert not wrong, "\n".join(wrong)


@test("sg3_utils: each program ends as it should, and prints what it should")
def utilities():
    needed("sg_inq")
    with Lab() as lab:
        lab.start(1, size="32M", group=None)
        run_all(lab, UTILITIES)


@test("sg3_utils with protection information: types, FORMAT UNIT, VERIFY and WRITE SAME")
def utilities_protected():
    needed("sg_inq")
    with Lab() as lab:
        lab.start(1, size="32M", group=None, target_options=("--protection", "1"))
        run_all(lab, PROTECTED)


@test("sg_raw and sg_dd: data both ways, through READ and WRITE of any size")
def data():
    needed("sg_dd")
    with Lab() as lab:
        lab.start(1, size="32M", group=None)
        image = lab.image(8 << 20)
        for cdb, bpt in (("6", "64"), ("10", "128"), ("12", "1000"), ("16", "4096")):
            status, text = through(lab, "sg_dd", "if=" + image, "of=" + DISK, "bs=512", "blk_sgio=1", "cdbsz=" + cdb, "bpt=" + bpt)
            assert status == 0, text
            lab.assert_copies(image, ["disk0"])
            back = lab.path("back")
            status, text = through(lab, "sg_dd", "if=" + DISK, "of=" + back, "bs=512", "blk_sgio=1", "cdbsz=" + cdb, "bpt=" + bpt, "count=16384")
            assert status == 0, text
            assert subprocess.run(["cmp", image, back], check=False).returncode == 0
        status, text = through(lab, "sg_raw", "-r", "1k", DISK, *"12 00 00 00 24 00".split())
        assert status == 0 and "Received 36 bytes of data" in text and "EMULATED DISK" in text.replace(" " * 3, " "), text
        status, text = through(lab, "sg_raw", "-r", "512", DISK, *"28 00 ff ff ff ff 00 00 01 00".split())
        assert status != 0 and "Logical block address out of range" in text, text


def counts(printed):
    """(run, passed, failed) of the suite's tests; None where it ended before its summary."""
    found = re.search(r"^ +tests +\d+ +(\d+) +(\d+) +(\d+)", printed, re.M)
    return tuple(map(int, found.groups())) if found else None


def names(of=None):
    """Families of the suite, or the tests of one."""
    listed = subprocess.run([SUITE, "-l"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True).stdout.split()
    parts = [line.split(".") for line in listed if line.startswith("SCSI.")]
    return list(dict.fromkeys(p[1] for p in parts)) if of is None else [p[2] for p in parts if p[1] == of and len(p) > 2]


def suite_run(lab, disk, name):
    """One call of the suite, for a family or a test of one."""
    # Two paths to one disk: what the kernel would make two devices of.
    disks = [disk, disk] if name.startswith("MultipathIO") else [disk]
    return through(lab, SUITE, "--dataloss", "--allow-sanitize", "-t", "SCSI." + name, *disks)


def run_test(lab, disk, name):
    status, printed = suite_run(lab, disk, name)
    got = counts(printed)
    assert got is not None, f"{name} ended with {status}:\n{printed}"
    assert got[2] == 0, f"{name}:\n{printed}"
    return got


def start(lab, kind):
    also = tuple(kind.get("also", ()))
    for lun, size in kind.get("units", {}).items():
        also += ("--lun", f"{lun}={lab.path(f'unit{lun}.img')},size={size}")
    with open(lab.path("disk0.img"), "wb") as image:  # one that may not be written is not made, either
        image.truncate(int(SIZE[:-1]) << 20)
    lab.start(1, size=SIZE, group=None, target_options=also, daemon_options=kind.get("daemon", ()), **kind.get("target", {}))
    assert (" IU" in lab.call("target.list")["targets"][0]["transfer"]["name"]) == ("daemon" in kind)


def run_family(family, kind):
    """Adds up (run, passed, failed); each family has a disk of its own."""
    tests = names(family)
    disk = kind.get("disk", DISK)
    with Lab() as lab:
        start(lab, kind)
        if not {f"{family}.{t}" for t in tests} & (NOT_OURS | CRASHES):
            _, printed = suite_run(lab, disk, family)
            got = counts(printed)
            assert got is not None, f"{family}:\n{printed}"
            assert got[2] == 0, f"{family}: {got[2]} of {got[0]} failed:\n" + "\n".join(
                line for line in printed.splitlines() if "Test:" in line or "FAILED" in line)
            return got
        each = [run_test(lab, disk, f"{family}.{t}") for t in tests if f"{family}.{t}" not in NOT_OURS | CRASHES]
        return tuple(map(sum, zip(*each)))


def families_of(kind):
    found = names()
    assert len(found) > 30, found
    wanted = [kind.get("families")] + ([] if os.environ.get("CONFORMANCE") == "all" else [kind.get("selection")])
    return [f for f in found if all(w is None or re.match(w, f) for w in wanted)]


@cases("libiscsi's conformance suite, no test of any family fails: {}", KINDS)
def suite(name):
    needed(SUITE)
    kind = KINDS[name]

    def one(family):
        try:
            return family, run_family(family, kind), None
        except AssertionError as why:
            return family, None, str(why)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(one, families_of(kind)))
    for family, got, _ in results:
        if got:
            print(f"# {family}: {got[1]} of {got[0]} passed")
            assert got[0] == got[1] + got[2], (family, got)
    failed = [why for _, _, why in results if why]
    assert not failed, "\n".join(failed)
    assert sum(got[0] for _, got, _ in results) >= kind["least"], results


main()
