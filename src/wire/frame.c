/* SPDX-License-Identifier: BSD-2-Clause */
/* The header, and the way from a frame's type to its codec. */
#include "base/assert.h"
#include "wire/codec.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct frame_info {
	const char *name;
	const char *who; /* as in frames.def */
};

/* NULL for a type that frames.def does not have. */
static const struct frame_info *frame_info(uint8_t type)
{
	static const struct frame_info table[] = {
#define WIRE_FRAME(sym, value, member, who) [value] = {#sym, who},
#include "wire/frames.def"
#undef WIRE_FRAME
	};
	return type < ARRAY_LEN(table) && table[type].name ? &table[type] : NULL;
}

const char *wire_type_name(uint8_t type)
{
	const struct frame_info *f = frame_info(type);
	return f ? f->name : NULL;
}

static bool has_data(const struct frame_info *f)
{
	return strpbrk(f->who, "TIPS") != NULL;
}

bool wire_may_send(uint8_t type, uint8_t role)
{
	static const char letters[][3] = {
	        [0] = "sS", [ROLE_TARGET] = "tT", [ROLE_INITIATOR] = "iI", [ROLE_TAP] = "pP"};
	const struct frame_info *f = frame_info(type);
	return f && role < ARRAY_LEN(letters) && strpbrk(f->who, letters[role]) != NULL;
}

bool wire_header_get(const uint8_t *p, struct wire_header *out, char *why, size_t n)
{
	struct wire_header h = {
	        .type = p[0],
	        .in_ring = p[1] == SMIRROR_DATA_IN_RING,
	        .head_len = get_be32(p + 4),
	        .data_len = get_be32(p + 8),
	};
	const struct frame_info *f = frame_info(h.type);

	if (!f)
		(void)snprintf(why, n, "frame type %u is unknown", h.type);
	else if (p[1] > SMIRROR_DATA_IN_RING || get_be16(p + 2) != 0)
		(void)snprintf(why, n, "%s: reserved bytes are %06xh, not zero", f->name,
		               get_be24(p + 1));
	else if (h.in_ring && h.data_len == 0)
		(void)snprintf(why, n, "%s: data in a ring, but their length is 0", f->name);
	else if (h.head_len > WIRE_HEAD_MAX)
		(void)snprintf(why, n, "%s: head length is %u, the most is %u", f->name, h.head_len,
		               WIRE_HEAD_MAX);
	else if (h.data_len > WIRE_DATA_MAX)
		(void)snprintf(why, n, "%s: data length is %u, the most is %u", f->name, h.data_len,
		               WIRE_DATA_MAX);
	else if (h.data_len > 0 && !has_data(f))
		(void)snprintf(why, n, "%s: data length is %u, but this type has no data", f->name,
		               h.data_len);
	else {
		*out = h;
		return true;
	}
	return false;
}

static void get_ref(struct wire_in *in, struct wire_ref *out)
{
	out->ring = in_u32(in, "ring");
	out->off = in_u32(in, "ring offset");
	out->gen = in_u32(in, "ring generation");
}

static void put_ref(struct wr *w, const struct wire_ref *ref)
{
	wr_u32(w, ref->ring);
	wr_u32(w, ref->off);
	wr_u32(w, ref->gen);
}

/* A report's legs are most of a frame, and there are as many as it says: clearing them would cost
 * more than reading the rest. */
#define CLEARED(type, member)                                                                      \
	((type) == WIRE_TENURE ? offsetof(struct wire_tenure, legs)                                \
	                       : sizeof(((struct wire_frame *)0)->member))

bool wire_get(const struct wire_header *h, struct span head, struct block *data,
              struct wire_frame *out, char *why, size_t n)
{
	struct wire_in in = {.r = rd_init(head.p, head.n),
	                     .data_len = h->data_len,
	                     .frame = wire_type_name(h->type),
	                     .why = why,
	                     .n = n};

	sm_assert(in.frame && head.n == h->head_len);
	out->type = (enum wire_type)h->type;
	out->in_ring = h->in_ring;
	out->ref = (struct wire_ref){0};
	out->data = data;
	out->small = (struct span){NULL, 0};
	if (h->in_ring)
		get_ref(&in, &out->ref);
	switch (out->type) {
#define WIRE_FRAME(sym, value, member, who)                                                        \
	case WIRE_##sym:                                                                           \
		memset(&out->member, 0, CLEARED(value, member));                                   \
		wire_get_##member(&in, &out->member);                                              \
		break;
#include "wire/frames.def"
#undef WIRE_FRAME
	}
	if (!in.r.error && rd_left(&in.r) > 0)
		in_fail(&in, "%zu bytes follow its end", rd_left(&in.r));
	return rd_done(&in.r);
}

/* Length of the data of a frame that is to be sent. */
static uint32_t data_len(const struct wire_frame *f)
{
	sm_assert(!f->data || f->small.n == 0);
	size_t n = f->data ? f->data->len : f->small.n;
	sm_assert(n <= WIRE_DATA_MAX);
	return (uint32_t)n;
}

static void put_frame(struct wr *w, const struct wire_frame *f, const struct wire_ref *ref)
{
	const struct frame_info *info = frame_info((uint8_t)f->type);
	size_t at = w->n;
	uint32_t data = data_len(f);

	sm_assert(info && (data == 0 || has_data(info)));
	sm_assert(!ref || data > 0);
	wr_u8(w, (uint8_t)f->type);
	wr_u8(w, ref ? SMIRROR_DATA_IN_RING : SMIRROR_DATA_FOLLOW);
	wr_zero(w, 2);
	wr_u32(w, 0);
	wr_u32(w, data);
	if (ref)
		put_ref(w, ref);
	switch (f->type) {
#define WIRE_FRAME(sym, value, member, who)                                                        \
	case WIRE_##sym:                                                                           \
		wire_put_##member(w, &f->member);                                                  \
		break;
#include "wire/frames.def"
#undef WIRE_FRAME
	}
	if (!wr_ok(w))
		return;
	size_t head = w->n - at - WIRE_HEADER_LEN;
	if (head > WIRE_HEAD_MAX)
		w->error = true;
	else
		wr_at_u32(w, at + 4, (uint32_t)head);
}

void wire_put(struct wr *w, const struct wire_frame *f)
{
	put_frame(w, f, NULL);
}

void wire_put_ref(struct wr *w, const struct wire_frame *f, const struct wire_ref *ref)
{
	put_frame(w, f, ref);
}
