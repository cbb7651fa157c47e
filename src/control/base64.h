/* SPDX-License-Identifier: BSD-2-Clause */
/* Base64 (RFC 4648, clause 4), fast enough for transfers of many MiB, strict: no blanks, no line
 * ends, padding as it must be, unused bits zero. */
#ifndef CONTROL_BASE64_H
#define CONTROL_BASE64_H

#include "base/units.h"

static inline size_t base64_encoded_len(size_t n)
{
	return (n + 2) / 3 * 4;
}
/* Writes base64_encoded_len(n) characters, no NUL; returns how many. */
size_t base64_encode(const void *p, size_t n, char *out);

/* Bytes that the text stands for, if it is well-formed; false when its length or padding is wrong.
 */
bool base64_decoded_len(const char *text, size_t n, size_t *out);
/* Decodes to out, which has room for base64_decoded_len(). False with the offset of the first wrong
 * character in *at. */
bool base64_decode(const char *text, size_t n, uint8_t *out, size_t *at);

#endif
