/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums, by isa-l. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/units.h"

/* CRC-32C (Castagnoli, as iSCSI has it): of all formats that are our own. crc is 0 at first, or the
 * result so far. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/*
 * The CRC of a data phase, as frames carry it from whoever has the data to whoever takes them. A
 * parallel bus with DT transfers guards each data group by CRC-32 (SPI-3, polynomial 04C11DB7h),
 * which is spent in the bus time of the phase; how our frames guard the whole of it end to end is
 * ours to choose, and CRC-32C takes half the time: processors compute it.
 */
static inline uint32_t crc_data(uint32_t crc, const void *p, size_t n)
{
	return crc32c(crc, p, n);
}

/* The CRC-16 of protection information (SBC-3, logical block guard: polynomial 8BB7h, from 0). */
uint16_t crc16_guard(const void *p, size_t n);

#endif
