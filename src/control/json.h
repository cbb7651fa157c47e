/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of compact JSON into a growing buffer. What is put is always well-formed UTF-8: bytes
 * of a peer that are none become U+FFFD. `key` is NULL inside arrays. Out of memory is sticky
 * (`failed`), tested once at the end.
 */
#ifndef CONTROL_JSON_H
#define CONTROL_JSON_H

#include "base/units.h"

struct jw {
	char *p;
	size_t n, cap;
	bool failed;
	bool comma; /* the next value follows another one */
};

struct jw jw_init(void);
void jw_free(struct jw *w);
/* Room for n more bytes; false when out of memory. */
bool jw_room(struct jw *w, size_t n);
/* Bytes as they are, without separators. */
void jw_raw(struct jw *w, const char *p, size_t n);

void jw_obj(struct jw *w, const char *key);
void jw_end_obj(struct jw *w);
void jw_arr(struct jw *w, const char *key);
void jw_end_arr(struct jw *w);
void jw_str(struct jw *w, const char *key, const char *s);
/* null when s is empty */
void jw_str_or_null(struct jw *w, const char *key, const char *s);
void jw_strn(struct jw *w, const char *key, const char *s, size_t n);
void jw_u64(struct jw *w, const char *key, uint64_t v);
void jw_bool(struct jw *w, const char *key, bool v);
void jw_null(struct jw *w, const char *key);
/* thousandths, without trailing zeros: 12500 is 12.5 */
void jw_milli(struct jw *w, const char *key, uint64_t thousandths);
void jw_hex(struct jw *w, const char *key, const void *p, size_t n);
void jw_base64(struct jw *w, const char *key, const void *p, size_t n);
/* 16 bytes */
void jw_uuid(struct jw *w, const char *key, const uint8_t *uuid);
/* A value that is JSON already. */
void jw_json(struct jw *w, const char *key, const char *p, size_t n);

#endif
