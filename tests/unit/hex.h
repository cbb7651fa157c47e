/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes written as hexadecimal digits, as the standards print them: "8a 00 00000001 ...". */
#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include "base/units.h"

/* Reads digits, blanks between bytes allowed, into out; returns the count. Fails the test when the
 * text is no such thing or holds more than cap bytes. */
size_t hex_get(const char *text, uint8_t *out, size_t cap);

/* Fails the test unless the n bytes at p are those of the text. */
void hex_assert(const uint8_t *p, size_t n, const char *text);

#endif
