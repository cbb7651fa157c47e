# SPDX-License-Identifier: BSD-2-Clause
"""Commands that change a disk's medium, and what its backing file holds then: compared, repeated, merged, unmapped, formatted, sanitized."""

import os
import struct

from command import CHECK, GOOD, READY, disks, run, short
from lab import until
from tap import main, test


def good(rpc, cdb, out=None, room=0, status=GOOD):
    """The data in of a command that moves all that it is given, and has room for no more."""
    done = run(rpc, cdb, out, room)
    assert (done["outcome"], done["status"], done["residual"]) == ("completed", status, 0), (cdb, short(done))
    return done["data"]


@test("commands of a disk that compare, repeat, merge and try the wires; holes in the backing file")
def disk_commands():
    with disks() as (lab, rpc):
        first, second = os.urandom(512), os.urandom(512)

        def read(lba, blocks=1):
            return run(rpc, f"2800{lba:08x}00{blocks:04x}00", room=512 * blocks)["data"]

        good(rpc, "41000000000800001000", first)  # WRITE SAME(10): 16 blocks from 8
        assert read(8, 16) == first * 16 and read(24) == bytes(512)
        good(rpc, "8900000000000000000900000001" + "0000", first + second)  # COMPARE AND WRITE
        assert read(8, 3) == first + second + first
        wrong = bytes([second[0], second[1], second[2] ^ 1]) + second[3:]
        miscompare = run(rpc, "8900000000000000000900000001" + "0000", wrong + first)
        sense = bytes.fromhex(miscompare["sense"])
        assert miscompare["status"] == CHECK and sense[2] & 15 == 0xe and sense[12:14] == b"\x1d\0", short(miscompare)
        assert int.from_bytes(sense[3:7], "big") == 2 and read(9) == second, sense
        good(rpc, "8b000000000000000009000000010000", first)  # ORWRITE(16)
        assert read(9) == bytes(x | y for x, y in zip(first, second))
        good(rpc, "af060000000a0000000e0000", first)  # VERIFY(12), BYTCHK=11b
        good(rpc, "340000000008000010" + "00", status=4)  # PRE-FETCH(10): CONDITION MET
        good(rpc, "1d0400000000")  # the self test
        good(rpc, "3b0a0000000000020000", second)
        assert good(rpc, "3c0a0000000000020000", room=512) == second  # the echo buffer
        good(rpc, "41000000010000" + "0800" + "00", first)  # 2048 blocks: 1 MiB
        good(rpc, "910000000000000000000000000000" + "00")
        image = lab.path("disk0.img")
        full = os.stat(image).st_blocks
        good(rpc, "930100000000000001000000080000" + "00")  # WRITE SAME(16), NDOB
        assert os.stat(image).st_blocks <= full - 2048 and read(256, 2048) == bytes(1 << 20)


@test("a thin disk: what is unmapped is a hole of the file, and GET LBA STATUS tells of the file as it is")
def thin_disk():
    with disks(target_options=("--thin",)) as (lab, rpc):
        image = lab.path("disk0.img")

        def unmap(*ranges):
            body = b"".join(struct.pack(">QLL", lba, blocks, 0) for lba, blocks in ranges)
            out = struct.pack(">HHL", len(body) + 6, len(body), 0) + body
            good(rpc, f"42 00 00000000 00 {len(out):04x} 00", out)

        def told(lba):
            """The runs as the disk tells them: (first, blocks, mapped)."""
            done = run(rpc, f"9e 12 {lba:016x} 00001000 00 00", room=4096)
            assert (done["outcome"], done["status"]) == ("completed", GOOD), short(done)
            got = done["data"]
            assert int.from_bytes(got[:4], "big") == len(got) - 4, got
            return [(*struct.unpack(">QL", got[i:i + 12]), got[i + 12] == 0) for i in range(8, len(got), 16)]

        def holes():
            """The same, read off the file."""
            runs, at, end = [], 0, os.stat(image).st_size
            with open(image, "rb") as file:
                while at < end:
                    try:
                        data = os.lseek(file.fileno(), at, os.SEEK_DATA)
                    except OSError:
                        data = end
                    if data > at:
                        runs.append((at // 512, (data - at) // 512, False))
                        at = data
                    else:
                        hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
                        runs.append((at // 512, (hole - at) // 512, True))
                        at = hole
            return runs

        capacity = good(rpc, "9e 10 0000000000000000 00000020 00 00", room=32)
        assert capacity[14] == 0xc0, capacity
        assert told(0) == holes() == [(0, 8192, False)], told(0)
        data = os.urandom(512 * 64)
        good(rpc, "2a 00 00000100 00 0040 00", data)
        assert told(0) == holes() == [(0, 256, False), (256, 64, True), (320, 7872, False)], told(0)
        unmap((264, 8), (280, 16), (8191, 1), (300, 1))
        assert told(0) == holes(), (told(0), holes())
        assert [r for r in told(256) if not r[2]] == [(264, 8, False), (280, 16, False), (320, 7872, False)], told(256)
        want = bytearray(data)
        for lba, blocks in ((264, 8), (280, 16), (300, 1)):
            want[(lba - 256) * 512:(lba - 256 + blocks) * 512] = bytes(blocks * 512)
        assert good(rpc, "28 00 00000100 00 0040 00", room=512 * 64) == bytes(want)
        good(rpc, "93 08 0000000000000100 00000040 00 00", bytes(512))  # WRITE SAME(16), UNMAP
        assert told(0) == holes() == [(0, 8192, False)], told(0)
        good(rpc, "93 01 0000000000000100 00000040 00 00")  # ... NDOB, which is to be mapped
        assert told(0) == holes() and (256, 64, True) in told(0), told(0)


@test("FORMAT UNIT and SANITIZE: what the file holds after them, with a list that comes in pieces, and IMMED")
def whole_medium():
    with disks(size="64M", target_options=("--thin",)) as (lab, rpc):
        image = lab.path("disk0.img")

        def holds(pattern):
            with open(image, "rb") as file:
                assert file.read() == pattern * ((64 << 20) // len(pattern))

        good(rpc, "48 01 00 00 00 00 00 02 04 00", bytes((1, 0, 2, 0)) + b"\x5a" * 512)  # overwrite
        holds(b"\x5a" * 512)
        assert os.stat(image).st_blocks >= 64 << 11
        good(rpc, "04 10 00 00 00 00", bytes((0, 0x88, 0, 0)) + bytes((0, 1, 0, 4)) + b"abcd")  # FORMAT UNIT, a pattern
        holds(b"abcd" * 128)
        good(rpc, "48 01 00 00 00 00 00 00 05 00", bytes((0x83, 0, 0, 1, 0xf0)))  # three passes, inverted
        holds(b"\xf0" * 512)
        good(rpc, "48 02 00 00 00 00 00 00 00 00")  # block erase
        holds(bytes(512))
        assert os.stat(image).st_blocks == 0, os.stat(image)
        good(rpc, "48 81 00 00 00 00 00 00 05 00", bytes((31, 0, 0, 1, 0x77)))  # 31 passes, IMMED
        seen = set()

        def over():
            done = run(rpc, READY)
            assert done["outcome"] == "completed", done
            sense = bytes.fromhex(done["sense"])
            if done["status"] == CHECK:
                assert sense[2] & 15 == 2 and sense[12:14] == b"\x04\x1b" and sense[15] & 0x80, sense.hex()
                seen.add(int.from_bytes(sense[16:18], "big"))
                asked = run(rpc, "03 00 00 00 12 00", room=18)
                assert asked["outcome"] == "completed" and asked["data"][12:14] in (b"\x04\x1b", b"\0\0")
            return done["status"] == GOOD

        until("the sanitize is over", over)
        assert len(seen) > 1, "it went on for a while"
        holds(b"\x77" * 512)


@test("a target killed in a sanitize: the next one says so until it is done again")
def sanitize_cut_off():
    with disks(size="64M") as (lab, rpc):
        def call(cdb, out=None):
            return run(rpc, cdb, out, timeout_ms=30000)

        overwrite = "48010000000000000500"
        assert call("48810000000000000500", bytes((31, 0, 0, 1, 0x77)))["status"] == GOOD  # IMMED
        lab.targets["disk0"].kill()
        lab.targets["disk0"].wait()
        lab.target("disk0", 0)
        lab.wait_targets(["disk0"])

        def failed():
            done = call(READY)
            return done["outcome"] == "completed" and done["status"] == CHECK and bytes.fromhex(done["sense"])[2] & 15 == 3

        until("it says what happened", failed)
        sense = bytes.fromhex(call("28000000000000000100")["sense"] or "00" * 18)
        assert sense[2] & 15 == 3 and sense[12:14] == b"\x31\x03", sense.hex()
        assert call(overwrite, bytes((1, 0, 0, 1, 0x55)))["status"] == GOOD
        assert call(READY)["status"] == GOOD


if __name__ == "__main__":
    main()
