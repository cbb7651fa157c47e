/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums, by isa-l. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/units.h"

/*
 * CRC-32 of a data phase as SPI-3 and later print it: polynomial 04C11DB7h,
 * reflected, initial value and final complement of all ones (the CRC-32 of
 * Ethernet). crc is 0 at first, or the result so far.
 */
uint32_t crc32_spi(uint32_t crc, const void *p, size_t n);

/* CRC-32C, for formats of our own (state files, metadata beside a store). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
