# SPDX-License-Identifier: BSD-2-Clause
"""The CRC of a data phase in our frames: CRC-32C (Castagnoli), by the definition and not by the code that it is to check."""

POLYNOMIAL = 0x82F63B78  # 1EDC6F41h, its lowest power first


def _of_byte(value):
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = [_of_byte(value) for value in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C, and no other CRC's
