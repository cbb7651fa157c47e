/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the state directory share: the envelope, and taking values out of JSON. */
#ifndef CONTROL_SAVED_H
#define CONTROL_SAVED_H

#include "control/json.h"
#include "initiator/initiator.h"

#include <jansson.h>

/* The content in its envelope, and a line end. */
void saved_put(struct jw *w, const char *format, const struct jw *content);
/* The content, for json_decref(); NULL with why when any byte is not as it was written. */
json_t *saved_get(const char *text, size_t n, const char *format, char *why, size_t why_n);

/* The first thing that is wrong is remembered; one test at the end. */
struct saved {
	char *why;
	size_t why_n;
	bool failed;
};

void saved_wrong(struct saved *g, const char *key);
/* Of what grows: it can still be written as an integer of JSON. */
#define SAVED_COUNT_MAX ((uint64_t)INT64_MAX / 2)
uint64_t saved_u64(struct saved *g, const json_t *o, const char *key, uint64_t max);
bool saved_bool(struct saved *g, const json_t *o, const char *key);
void saved_text(struct saved *g, const json_t *o, const char *key, char *out, size_t n);
/* For texts to people, which may have grown when they were written: cut to fit. */
void saved_cut_text(struct saved *g, const json_t *o, const char *key, char *out, size_t n);
/* 16 bytes */
void saved_hex16(struct saved *g, const json_t *o, const char *key, uint8_t *out);
enum ini_mode saved_mode(struct saved *g, const json_t *o);
enum ini_job_type saved_type(struct saved *g, const json_t *o);
enum ini_pattern saved_pattern(struct saved *g, const json_t *o);
enum ini_conclusion saved_conclusion(struct saved *g, const json_t *o);
enum ini_kind saved_kind(struct saved *g, const json_t *o);

#endif
