# SPDX-License-Identifier: BSD-2-Clause
"""Shared memory of the ring's form, made and looked at by hand: for tests that offer what is none, and that try to harm one.

Written from the layout in src/shell/ring.c and smirror-protocol(7), not from their code.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import struct

PAGE = 4096
MAGIC = 0x736D6972726F7231
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | 0x10  # F_SEAL_FUTURE_WRITE
PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
REFUSALS = (errno.EPERM, errno.EACCES)

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


class Memory:
    """A ring of `pages` pages of data, as its maker has it."""

    def __init__(self, pages=255, seals=SEALS, magic=MAGIC, told=None, holes=False):
        self.data_at = -(-(16 + 4 * pages) // PAGE) * PAGE
        self.size = self.data_at + pages * PAGE
        self.fd = os.memfd_create("by-hand", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, self.size)
        if not holes:
            os.posix_fallocate(self.fd, 0, self.size)
        self.map = mmap.mmap(self.fd, self.size)
        struct.pack_into("=QII", self.map, 0, magic, pages if told is None else told, 0)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)

    def put(self, page, data, generation):
        """Data at a page, and the generation of all the pages that they take; their offset."""
        for i in range(-(-len(data) // PAGE)):
            struct.pack_into("=I", self.map, 16 + 4 * (page + i), generation)
        off = self.data_at + page * PAGE
        self.map[off:off + len(data)] = data
        return off

    def close(self):
        self.map.close()
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def mapped(fd, size):
    """Somebody else's, to be read."""
    return mmap.mmap(fd, size, prot=mmap.PROT_READ)


def _refused(what, result):
    number = ctypes.get_errno()
    assert result in (-1, ctypes.c_void_p(-1).value), f"{what} was let happen"
    assert number in REFUSALS, f"{what}: {os.strerror(number)}"


def _refused_call(what, function, *args):
    try:
        function(*args)
    except OSError as error:
        assert error.errno in REFUSALS, f"{what}: {error}"
        return
    raise AssertionError(f"{what} was let happen")


def attack(fd, size):
    """All that whoever has the descriptor could try; the kernel refuses each."""
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    for which in (fd, again):
        _refused_call("a write", os.pwrite, which, b"x", size - 1)
        _refused_call("shrinking", os.ftruncate, which, PAGE)
        _refused_call("shrinking to nothing", os.truncate, f"/proc/self/fd/{which}", 0)
        _refused_call("growing", os.ftruncate, which, size + PAGE)
        _refused_call("a write beyond the end", os.pwrite, which, b"x", size)
        _refused_call("new seals", fcntl.fcntl, which, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        _refused("a hole", libc.fallocate(which, PUNCH_HOLE, 0, size))
        _refused("a mapping to write to", libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, which, 0))
        at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, which, 0)
        assert at != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
        _refused("making it writable", libc.mprotect(at, size, mmap.PROT_READ | mmap.PROT_WRITE))
        _refused("taking its pages away", libc.madvise(at, size, mmap.MADV_REMOVE))
        libc.munmap(at, size)
    _refused_call("opening it with O_TRUNC", os.open, f"/proc/self/fd/{fd}", os.O_RDWR | os.O_TRUNC)
    os.close(again)
