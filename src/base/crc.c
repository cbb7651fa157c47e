/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/crc.h"

#include <isa-l/crc.h>

#include <limits.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	/* isa-l's crc32_iscsi neither complements its start nor its result, and counts in int. */
	unsigned char *at = (unsigned char *)(uintptr_t)p;
	crc = ~crc;
	for (; n > INT_MAX; n -= INT_MAX, at += INT_MAX)
		crc = crc32_iscsi(at, INT_MAX, crc);
	return ~crc32_iscsi(at, (int)n, crc);
}

uint16_t crc16_guard(const void *p, size_t n)
{
	return crc16_t10dif(0, p, n);
}
