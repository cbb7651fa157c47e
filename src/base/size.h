/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes, durations and numbers as users write them. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include "base/units.h"

/* A whole number in decimal, or in hexadecimal after 0x, of least..most: no sign, no blanks. */
bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *out);
/* "512", "64K", "1G": bytes, with K, M, G or T (powers of 1024, either case). False, out
 * untouched, for anything else and what exceeds 64 bits. */
bool size_parse(const char *text, uint64_t *out);
/* "250ms", "10s", "50us", "2min": a number always has its unit. */
bool duration_parse(const char *text, ns_t *out);
/* "1 GiB", "1.5 MiB", "512 B": three digits at most before the unit. Returns buf. */
const char *size_text(uint64_t bytes, char *buf, size_t n);

#endif
