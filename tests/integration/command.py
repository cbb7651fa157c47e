# SPDX-License-Identifier: BSD-2-Clause
"""SCSI commands to a disk, through a daemon."""

import base64
import contextlib

from lab import Lab, until

GOOD, CHECK, CONFLICT = 0x00, 0x02, 0x18
READY = "00" * 6


def run(who, cdb, out=None, room=0, target="disk0", **more):
    """scsi.execute of `who`, a Lab or an Rpc: the answer, with the data as bytes, and of the sense "asc/ascq" and the block it names; `cdb` may have blanks."""
    params = dict({"target": target, "cdb": cdb.replace(" ", ""), "data_in_length": room}, **more)
    if out is not None:
        params["data_out"] = base64.b64encode(out).decode()
    done = who.call("scsi.execute", **params)
    done["data"] = base64.b64decode(done["data_in"])
    sense = bytes.fromhex(done["sense"])
    done["code"] = f"{sense[12]:02x}/{sense[13]:02x}" if sense else None
    done["block"] = int.from_bytes(sense[3:7], "big") if sense else None
    return done


def short(done):
    """What a message can show of an answer."""
    return {k: v for k, v in done.items() if k not in ("data", "data_in")}


def clear(who, target="disk0"):
    """Takes the UNIT ATTENTIONs that wait for this initiator."""
    until("no UNIT ATTENTION", lambda: run(who, READY, target=target)["status"] == GOOD)


@contextlib.contextmanager
def disks(count=1, **options):
    """(lab, rpc) with disk0.. that are ready, in no group; the options are those of Lab.start()."""
    with Lab() as lab:
        names = lab.start(count, group=None, **options)
        with lab.rpc() as rpc:
            for name in names:
                clear(rpc, name)
            yield lab, rpc
