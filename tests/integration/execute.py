# SPDX-License-Identifier: BSD-2-Clause
"""scsi.execute to the byte: what moved and what did not, CDBs of any length, outcomes, what is refused, many clients."""

import base64
import os

from command import CHECK, GOOD, READY, clear, disks, run, short
from lab import RpcError, until
from tap import main, test

MIB = 1 << 20
INQUIRY = "120000006000"  # 96 bytes
READ_2 = "28000000000000000200"
WRITE_2 = "2a000000000000000200"
OUT_OF_RANGE = "21/00"
PHASE, CDB_PHASE = "4b/00", "4a/00"

# (what, CDB, bytes out or None, room in), (status, code, bytes in, residual, overflow)
MOVES = [
    (("no data, none asked for", READY, None, 0), (GOOD, None, 0, 0, 0)),
    (("no data, room for some", READY, None, 512), (GOOD, None, 0, 512, 0)),
    (("no data, some given", READY, 512, 0), (GOOD, None, 0, 512, 0)),
    (("no data, some given and room for some", READY, 1024, 512), (GOOD, None, 0, 1536, 0)),
    (("data in, all", INQUIRY, None, 96), (GOOD, None, 96, 0, 0)),
    (("data in, room for more", INQUIRY, None, 200), (GOOD, None, 96, 104, 0)),
    (("data in, room for less", INQUIRY, None, 20), (GOOD, None, 20, 0, 76)),
    (("data in, room for none", INQUIRY, None, 0), (GOOD, None, 0, 0, 96)),
    (("an allocation length of 0", "120000000000", None, 96), (GOOD, None, 0, 96, 0)),
    (("a read, all", READ_2, None, 1024), (GOOD, None, 1024, 0, 0)),
    (("a read, room for half of a block", READ_2, None, 768), (GOOD, None, 768, 0, 256)),
    (("a read, room for a block more", READ_2, None, 1536), (GOOD, None, 1024, 512, 0)),
    (("a read with data out for room", READ_2, 1024, 0), (GOOD, None, 0, 1024, 1024)),
    (("a read, both ways", READ_2, 1024, 1024), (GOOD, None, 1024, 1024, 0)),
    (("a read of no blocks", "28000000000000000000", None, 512), (GOOD, None, 0, 512, 0)),
    (("a read that fails", "28000fffffff00000200", None, 1024), (CHECK, OUT_OF_RANGE, 0, 1024, 0)),
    (("a write, all", WRITE_2, 1024, 0), (GOOD, None, 0, 0, 0)),
    (("a write, a block too much", WRITE_2, 1536, 0), (GOOD, None, 0, 512, 0)),
    (("a write, both ways", WRITE_2, 1024, 1024), (GOOD, None, 0, 1024, 0)),
    (("a write, a block too little", WRITE_2, 512, 0), (CHECK, PHASE, 0, 0, 0)),
    (("a write, half of a block too little", WRITE_2, 768, 0), (CHECK, PHASE, 0, 0, 0)),
    (("a write without data", WRITE_2, None, 0), (CHECK, PHASE, 0, 0, 0)),
    (("a write with room for data in", WRITE_2, None, 1024), (CHECK, PHASE, 0, 1024, 0)),
    (("a write of no blocks", "2a000000000000000000", 512, 0), (GOOD, None, 0, 512, 0)),
    (("a write that fails", "2a000fffffff00000200", 1024, 0), (CHECK, OUT_OF_RANGE, 0, 1024, 0)),
    (("a parameter list, too short", "551000000000000064" + "00", 8, 0), (CHECK, PHASE, 0, 0, 0)),
    (("a parameter list of no bytes", "151000000000", 4, 0), (GOOD, None, 0, 4, 0)),
]


@test("what moved, what did not, and what was too much, for each way that a command and its caller may differ")
def moves():
    with disks() as (_, rpc):
        wrong = []
        for (what, cdb, out, room), wanted in MOVES:
            done = run(rpc, cdb, None if out is None else os.urandom(out), room)
            got = (done["status"], done["code"], len(done["data"]), done["residual"], done["overflow_bytes"])
            if got != wanted or done["outcome"] != "completed":
                wrong.append(f"{what}: {short(done)}, not {wanted}")
        assert not wrong, "\n".join(wrong)


@test("a command that gets too little data is not done, not even in part")
def not_in_part():
    with disks() as (_, rpc):
        before = os.urandom(1024)
        assert run(rpc, WRITE_2, before)["status"] == GOOD
        for n in (0, 1, 511, 512, 1023):
            assert run(rpc, WRITE_2, bytes(n))["code"] == PHASE
            assert run(rpc, READ_2, room=1024)["data"] == before, n


# CDB in hex: the code of the sense, None for GOOD
LENGTHS = {
    "00" * 6: None, "00" * 10: None, "00" * 12: None, "00" * 16: None,  # the target takes 6
    "12" + "00" * 3 + "6000": None, "12" + "00" * 3 + "60" + "00" * 11: None,
    "28" + "00" * 5: CDB_PHASE, "28" + "00" * 9: None, "28" + "00" * 15: None,
    "88" + "00" * 5: CDB_PHASE, "88" + "00" * 9: CDB_PHASE, "88" + "00" * 11: CDB_PHASE, "88" + "00" * 15: None,
    "a0" + "00" * 9: CDB_PHASE, "a0" + "00" * 8 + "100000": None,
    # groups 3, 6 and 7: reserved or of the vendor; nothing says how long a CDB is
    "60" + "00" * 5: "20/00", "7f" + "00" * 15: "20/00", "7f" + "00" * 31: "20/00",
    # a variable length one says it itself, in byte 7
    "7f" + "00" * 6 + "18" + "00" * 24: "20/00", "7f" + "00" * 6 + "18" + "00" * 8: CDB_PHASE, "7f" + "00" * 5: CDB_PHASE,
    "c0" + "00" * 9: "20/00", "ff" + "00" * 11: "20/00",
}


ACA_ACTIVE = 0x30
READY_NACA = "000000000004"
UNKNOWN, UNKNOWN_NACA = "020000000000", "020000000004"


def fails(rpc, cdb, code, **more):
    done = run(rpc, cdb, **more)
    assert (done["status"], done["code"]) == (CHECK, code), short(done)


@test("task attributes: ACA stands against all but tasks that have it, until one of them fails without NACA")
def attributes():
    with disks() as (_, rpc):
        for attribute in ("simple", "ordered", "head_of_queue"):
            assert run(rpc, READ_2, room=1024, attribute=attribute)["status"] == GOOD
        fails(rpc, READY, "49/00", attribute="aca")
        # whoever knows of no attributes is not left with an ACA
        fails(rpc, UNKNOWN_NACA, "20/00")
        assert run(rpc, READY)["status"] == GOOD
        fails(rpc, UNKNOWN_NACA, "20/00", attribute="simple")
        for cdb in (READY, READY_NACA, INQUIRY):
            refused = run(rpc, cdb, attribute="simple")
            assert refused["status"] == ACA_ACTIVE, (cdb, short(refused))
        assert run(rpc, READY, attribute="aca")["status"] == GOOD
        assert run(rpc, READY, attribute="ordered")["status"] == ACA_ACTIVE
        fails(rpc, UNKNOWN, "20/00", attribute="aca")
        assert run(rpc, READY)["status"] == GOOD


@test("CDBs of 6, 10, 12, 16 and 32 bytes, whatever their operation code asks for")
def lengths():
    with disks() as (_, rpc):
        wrong = [(cdb, short(done)) for cdb, code in LENGTHS.items()
                 for done in [run(rpc, cdb, room=96)] if done["code"] != code or (code is None) != (done["status"] == GOOD)]
        assert not wrong, wrong
        assert run(rpc, READY.upper())["status"] == GOOD and run(rpc, "1A00" + "0A" + "00FF00", room=255)["status"] == GOOD


# parameters: what the error names
BAD = [
    ({"cdb": ""}, "cdb"), ({"cdb": "00"}, "cdb"), ({"cdb": "0" * 11}, "cdb"), ({"cdb": "0" * 13}, "cdb"), ({"cdb": "0" * 14}, "cdb"),
    ({"cdb": "0" * 18}, "cdb"), ({"cdb": "0" * 31}, "cdb"), ({"cdb": "0" * 34}, "cdb"), ({"cdb": "0" * 48}, "cdb"), ({"cdb": "0" * 66}, "cdb"), ({"cdb": "00000000000g"}, "cdb"),
    ({"cdb": "0x0000000000"}, "cdb"), ({"cdb": "00 00 00 00 "}, "cdb"), ({"cdb": 0}, "cdb"), ({"cdb": None}, "cdb"), ({"cdb": ["00"] * 6}, "cdb"),
    ({"data_out": "A"}, "data_out"), ({"data_out": "AA=A"}, "data_out"), ({"data_out": "A==="}, "data_out"), ({"data_out": "AAA-"}, "data_out"),
    ({"data_out": "AAAA\n"}, "data_out"), ({"data_out": "AB=="}, "data_out"), ({"data_out": 5}, "data_out"),
    ({"data_out": "A" * 400 + "!AAA"}, "data_out"), ({"data_out": "A" * (4 * (16 * MIB // 3 + 1))}, "data_out"),
    ({"data_in_length": -1}, "data_in_length"), ({"data_in_length": 16 * MIB + 1}, "data_in_length"), ({"data_in_length": 1.5}, "data_in_length"),
    ({"timeout_ms": 0}, "timeout_ms"), ({"timeout_ms": -1}, "timeout_ms"), ({"timeout_ms": 1 << 32}, "timeout_ms"),
    ({"lun": -1}, "lun"), ({"lun": 64}, "lun"), ({"target": ""}, "target"), ({"target": "x" * 65}, "target"),
    ({"target": 16}, "target"), ({"target": -1}, "target"), ({"sense": ""}, "sense"),
]


@test("what scsi.execute refuses, and that the error names the parameter")
def refused():
    with disks() as (lab, rpc):
        for params, name in BAD:
            try:
                done = rpc.call("scsi.execute", **dict({"target": "disk0", "cdb": READY}, **params))
            except RpcError as refusal:
                assert refusal.error["code"] == -32602, refusal
                assert name in refusal.error["message"] and refusal.error["data"]["parameter"] == name, refusal
            else:
                raise AssertionError(f"{params}: {done}")
        for target, kind in (("nobody", "no_such_target"), (7, "bad_value")):
            assert lab.refused("scsi.execute", target=target, cdb=READY)["data"]["kind"] == kind
        assert run(rpc, READY, timeout_ms=(1 << 32) - 1)["status"] == GOOD


@test("selection time-out, command time-out, bus reset and aborted are told apart; nothing of the data moved then")
def outcomes():
    with disks(2) as (lab, rpc), lab.rpc() as other:
        def ended(done, outcome):
            assert (done["outcome"], done["status"], done["sense"], done["data"]) == (outcome, None, "", b""), done

        nobody = run(rpc, READ_2, room=1024, target=12)
        ended(nobody, "selection_timeout")
        assert nobody["residual"] == 1024, nobody
        other.call("target.fault", target="disk0", spec="no-status:times=1")
        ended(run(rpc, READ_2, room=1024, timeout_ms=100), "command_timeout")
        clear(rpc)

        def during(interfere, outcome):
            """A command that disk0 takes but does not answer, and what becomes of it."""
            other.call("target.fault", target="disk0", spec="no-status:times=1")
            params = {"target": "disk0", "cdb": READ_2, "data_in_length": 1024, "timeout_ms": 60000}
            number = rpc.start("scsi.execute", params)
            until("the command at the target", lambda: other.call("target.show", target="disk0")["in_flight"] > 0)
            interfere()
            done = rpc.finish(number)
            assert (done["outcome"], done["status"], done["residual"]) == (outcome, None, 1024), done

        during(lambda: other.call("bus.reset"), "bus_reset")
        lab.wait_targets(["disk0", "disk1"])
        clear(rpc)
        during(lab.targets["disk0"].kill, "aborted")
        ended(run(rpc, READ_2, room=1024, target=0), "selection_timeout")
        clear(rpc, "disk1")


@test("16 MiB in one command, out and in, of several clients at once")
def large():
    with disks(2, size="64M") as (lab, _):
        clients = [(lab.rpc(), f"disk{i % 2}", i // 2 * 32768, os.urandom(16 * MIB)) for i in range(4)]
        for rpc, target, lba, data in clients:
            rpc.number = rpc.start("scsi.execute", {"target": target, "cdb": f"8a00{lba:016x}000080000000",
                                                    "data_out": base64.b64encode(data).decode()})
        for rpc, _, _, _ in clients:
            done = rpc.finish(rpc.number)
            assert (done["status"], done["residual"]) == (GOOD, 0), done
        for rpc, target, lba, _ in clients:
            rpc.number = rpc.start("scsi.execute", {"target": target, "cdb": f"8800{lba:016x}000080000000", "data_in_length": 16 * MIB})
        for rpc, _, _, data in clients:
            done = rpc.finish(rpc.number)
            assert (done["status"], done["residual"], done["overflow_bytes"]) == (GOOD, 0, 0), short(done)
            assert base64.b64decode(done["data_in"]) == data
            rpc.close()


@test("answers of many clients that send far ahead: each its own, and none is lost")
def many():
    with disks(2) as (lab, first):
        for i in range(8):
            assert run(first, f"0a{i:06x}0100", bytes([i]) * 512)["status"] == GOOD
        clients = [lab.rpc() for _ in range(8)]
        for i, rpc in enumerate(clients):
            for _ in range(100):
                rpc.last = rpc.start("scsi.execute", {"target": "disk0", "cdb": f"08{i:06x}0100", "data_in_length": 512})
        for i, rpc in enumerate(clients):
            answers = [rpc.message() for _ in range(100)]
            assert sorted(a["id"] for a in answers) == list(range(1, 101))
            assert {base64.b64decode(a["result"]["data_in"]) for a in answers} == {bytes([i]) * 512}
            rpc.close()


main()
