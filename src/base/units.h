/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units that all floors share. A name of a quantity carries its unit last
 * (select_timeout_ns, data_len in bytes) unless its type does.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t ns_t;  /* nanoseconds: of bus time or of the machine's monotonic clock */
typedef uint64_t lba_t; /* logical block address */

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL
#define NS_NEVER  UINT64_MAX /* "no deadline": what *_deadline() returns when nothing is awaited */

#define KIB 1024ULL
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A borrowed run of bytes. Whoever receives one keeps no pointer into it past the call. */
struct span {
	const uint8_t *p;
	size_t n;
};

#endif
