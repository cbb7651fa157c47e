/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/crc.h"

#include <isa-l/crc.h>

uint32_t crc32_spi(uint32_t crc, const void *p, size_t n)
{
	return crc32_gzip_refl(crc, p, n);
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	/* isa-l's crc32_iscsi neither complements its start nor its result. */
	return ~crc32_iscsi((unsigned char *)(uintptr_t)p, (int)n, ~crc);
}
