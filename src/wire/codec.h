/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the codecs of the frames share. Reading goes through struct wire_in: a
 * cursor that knows which field it reads, so that the first thing wrong is told
 * by name; after it, further reads yield 0, as with the plain cursor. Writing
 * uses the plain cursor: what does not fit a field there is our own bug.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "wire/wire.h"

#define WIRE_LUN_MOST 63 /* IDENTIFY has six bits for a LUN */

struct wire_in {
	struct rd r;
	uint32_t data_len; /* of the frame, for items that refer to its data */
	const char *frame; /* its name, for the text */
	char *why;         /* n bytes */
	size_t n;
};

/* Takes note of the first failure: "SCRIPT: " and the text. */
void in_fail(struct wire_in *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One of whose bits is a flag, which is told apart from the value. */
uint8_t in_u8_flagged(struct wire_in *in, const char *field, uint8_t least, uint8_t most,
                      uint8_t flag, bool *set);
bool in_bool(struct wire_in *in, const char *field);
uint8_t in_u8(struct wire_in *in, const char *field);
uint8_t in_u8_range(struct wire_in *in, const char *field, uint8_t least, uint8_t most);
/* A SCSI ID. */
uint8_t in_id(struct wire_in *in, const char *field);
/* A SCSI ID or WIRE_NO_ID. */
uint8_t in_id_or_none(struct wire_in *in, const char *field);
uint16_t in_u16(struct wire_in *in, const char *field);
uint32_t in_u32(struct wire_in *in, const char *field);
uint32_t in_u32_range(struct wire_in *in, const char *field, uint32_t least, uint32_t most);
uint64_t in_u64(struct wire_in *in, const char *field);
void in_copy(struct wire_in *in, const char *field, void *out, size_t n);
/* A 16-bit length, at most `most`, and as many bytes. */
struct span in_span(struct wire_in *in, const char *field, size_t most);
/* The same as a string of at most `most` bytes without control characters; out has room for one
 * more. */
void in_text(struct wire_in *in, const char *field, char *out, size_t most);
/* The same without blanks and beyond ASCII: names of targets and profiles. */
void in_name(struct wire_in *in, const char *field, char out[TARGET_NAME_MAX + 1]);
/* A list of items, each of a kind in the mask (1 << kind); those in data_kinds lie within the
 * frame's data. *seen: the kinds that are there. */
struct span in_items(struct wire_in *in, unsigned kinds, unsigned data_kinds, unsigned *seen);

void out_bool(struct wr *w, bool v);
void out_span(struct wr *w, struct span s, size_t most);
/* Control characters (of something quoted) become '?': the reader refuses them. */
void out_text(struct wr *w, const char *text, size_t most);
#define out_name(w, name) out_text(w, name, TARGET_NAME_MAX)
#define out_items(w, s)   out_span(w, s, WIRE_HEAD_MAX)

/* One pair a message. */
#define WIRE_PAIR(member)                                                                          \
	void wire_get_##member(struct wire_in *in, struct wire_##member *out);                     \
	void wire_put_##member(struct wr *w, const struct wire_##member *m)
WIRE_PAIR(attach);
WIRE_PAIR(attached);
WIRE_PAIR(error);
WIRE_PAIR(ping);
WIRE_PAIR(port);
WIRE_PAIR(arm);
WIRE_PAIR(members);
WIRE_PAIR(script);
WIRE_PAIR(cancel);
WIRE_PAIR(tenure);
WIRE_PAIR(burst);
WIRE_PAIR(program);
WIRE_PAIR(reset);
WIRE_PAIR(mgmt);
WIRE_PAIR(trace);
WIRE_PAIR(ring);
WIRE_PAIR(limits);
#undef WIRE_PAIR

/* Shared by MEMBERS and the payload of BUS_SHOW. */
void wire_get_member(struct wire_in *in, struct wire_member *out);
void wire_put_member(struct wr *w, const struct wire_member *m);

#endif
