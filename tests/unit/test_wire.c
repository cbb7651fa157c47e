/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: decode(encode(m)) = m; whatever is cut, too long or out of range is refused by name. */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "unit/frame_samples.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (WIRE_HEADER_LEN + WIRE_HEAD_MAX)

static uint8_t encoded[FRAME_MAX];

/* Encodes sample i; returns its length without data. */
static size_t encode_sample(unsigned i, struct wire_frame *f)
{
	struct wr w = wr_init(encoded, sizeof(encoded));
	frame_sample(i, f);
	wire_put(&w, f);
	ck_assert_msg(wr_ok(&w), "sample %u does not fit", i);
	return w.n;
}

/* Decodes n bytes of head from memory of exactly that size, so that a read beyond it is seen. */
static bool decode(struct wire_header h, const uint8_t *head, size_t n, struct wire_frame *out,
                   char *why, size_t why_len)
{
	uint8_t *exact = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(exact);
	if (n > 0)
		memcpy(exact, head, n);
	h.head_len = (uint32_t)n;
	bool ok = wire_get(&h, (struct span){exact, n}, NULL, out, why, why_len);
	free(exact);
	return ok;
}

static void same_span(struct span *got, struct span want)
{
	ck_assert_uint_eq(got->n, want.n);
	if (want.n > 0)
		ck_assert_mem_eq(got->p, want.p, want.n);
	got->p = want.p;
}

/* Compares what spans hold, then makes them the same pointers for the comparison of the rest. */
static void same_spans(struct wire_frame *got, const struct wire_frame *want)
{
	switch (want->type) {
	case WIRE_SCRIPT:
		same_span(&got->script.items, want->script.items);
		break;
	case WIRE_TENURE:
		same_span(&got->tenure.msg_in, want->tenure.msg_in);
		same_span(&got->tenure.unit, want->tenure.unit);
		break;
	case WIRE_BURST:
		same_span(&got->burst.items, want->burst.items);
		break;
	case WIRE_PROGRAM:
		same_span(&got->program.items, want->program.items);
		break;
	case WIRE_MGMT:
		same_span(&got->mgmt.payload, want->mgmt.payload);
		break;
	case WIRE_TRACE:
		same_span(&got->trace.text, want->trace.text);
		break;
	case WIRE_ATTACH:
	case WIRE_ATTACHED:
	case WIRE_REFUSED:
	case WIRE_ERROR:
	case WIRE_PING:
	case WIRE_PONG:
	case WIRE_PORT:
	case WIRE_ARM:
	case WIRE_MEMBERS:
	case WIRE_LIMITS:
	case WIRE_CANCEL:
	case WIRE_RESET:
	case WIRE_RING:
		break;
	}
}

START_TEST(what_is_encoded_is_decoded)
{
	struct wire_frame want, got;
	struct wire_header h;
	char why[256] = "";
	size_t n = encode_sample((unsigned)_i, &want);

	memset(&got, 0, sizeof(got)); /* what no field is of stays as it was */

	ck_assert_msg(wire_header_get(encoded, &h, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(h.type, want.type);
	ck_assert_uint_eq(h.head_len, n - WIRE_HEADER_LEN);
	ck_assert_uint_eq(h.data_len, want.data ? want.data->len : 0);
	struct span head = {encoded + WIRE_HEADER_LEN, h.head_len};
	ck_assert_msg(wire_get(&h, head, want.data, &got, why, sizeof(why)), "%s", why);
	same_spans(&got, &want);
	ck_assert_mem_eq(&got, &want, sizeof(want));
}
END_TEST

/* Data in a ring: the head begins with where they are, and none follow. */
START_TEST(data_in_a_ring_are_a_reference)
{
	static const uint8_t want_ref[WIRE_REF_LEN] = {0, 0, 0, 9, 0, 0x12, 0x30, 0, 0, 0, 0, 77};
	const struct wire_ref ref = {.ring = 9, .off = 0x123000, .gen = 77};
	struct wire_frame want, got;
	struct wire_header h;
	char why[256] = "";

	frame_sample(11, &want);
	struct wr w = wr_init(encoded, sizeof(encoded));
	wire_put_ref(&w, &want, &ref);
	ck_assert(wr_ok(&w));
	ck_assert_uint_eq(encoded[1], SMIRROR_DATA_IN_RING);
	ck_assert_mem_eq(encoded + WIRE_HEADER_LEN, want_ref, sizeof(want_ref));
	ck_assert_msg(wire_header_get(encoded, &h, why, sizeof(why)), "%s", why);
	ck_assert(h.in_ring);
	ck_assert_uint_eq(h.data_len, want.data->len);
	ck_assert_uint_eq(h.head_len, w.n - WIRE_HEADER_LEN);
	struct span head = {encoded + WIRE_HEADER_LEN, h.head_len};
	ck_assert_msg(wire_get(&h, head, NULL, &got, why, sizeof(why)), "%s", why);
	ck_assert(got.in_ring && !got.data);
	ck_assert_uint_eq(got.ref.ring, 9);
	ck_assert_uint_eq(got.ref.off, 0x123000);
	ck_assert_uint_eq(got.ref.gen, 77);
	same_span(&got.script.items, want.script.items);
	for (uint32_t n = 0; n < h.head_len; n++) {
		struct wire_header cut = h;
		cut.head_len = n;
		head.n = n;
		ck_assert(!wire_get(&cut, head, NULL, &got, why, sizeof(why)));
	}
	encoded[1] = SMIRROR_DATA_IN_RING + 1;
	ck_assert(!wire_header_get(encoded, &h, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: reserved bytes are 020000h, not zero");
	encoded[1] = SMIRROR_DATA_IN_RING;
	memset(encoded + 8, 0, 4);
	ck_assert(!wire_header_get(encoded, &h, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: data in a ring, but their length is 0");
}
END_TEST

START_TEST(each_type_has_a_sample)
{
	bool seen[256] = {false};
	struct wire_frame f;

	for (unsigned i = 0; i < FRAME_SAMPLES; i++) {
		frame_sample(i, &f);
		seen[f.type] = true;
	}
	for (unsigned type = 0; type < ARRAY_LEN(seen); type++)
		ck_assert_msg(seen[type] == (wire_type_name((uint8_t)type) != NULL), "type %u",
		              type);
}
END_TEST

START_TEST(what_is_cut_short_is_refused)
{
	struct wire_frame f, got;
	struct wire_header h;
	char why[256];
	size_t n = encode_sample((unsigned)_i, &f) - WIRE_HEADER_LEN;

	ck_assert(wire_header_get(encoded, &h, why, sizeof(why)));
	for (size_t cut = 0; cut < n; cut++) {
		why[0] = '\0';
		ck_assert_msg(!decode(h, encoded + WIRE_HEADER_LEN, cut, &got, why, sizeof(why)),
		              "%zu of %zu bytes are taken", cut, n);
		ck_assert_ptr_eq(strstr(why, wire_type_name(h.type)), why);
	}
}
END_TEST

START_TEST(what_follows_the_end_is_refused)
{
	struct wire_frame f, got;
	struct wire_header h;
	char why[256] = "", want[64];
	size_t n = encode_sample((unsigned)_i, &f) - WIRE_HEADER_LEN;

	ck_assert(wire_header_get(encoded, &h, why, sizeof(why)));
	encoded[WIRE_HEADER_LEN + n] = 0;
	ck_assert(!decode(h, encoded + WIRE_HEADER_LEN, n + 1, &got, why, sizeof(why)));
	(void)snprintf(want, sizeof(want), "%s: 1 bytes follow its end", wire_type_name(h.type));
	ck_assert_str_eq(why, want);
}
END_TEST

START_TEST(what_does_not_fit_is_an_error)
{
	struct wire_frame f;
	uint8_t small[FRAME_MAX];
	size_t n = encode_sample((unsigned)_i, &f);

	for (size_t cap = 0; cap < n; cap++) {
		struct wr w = wr_init(small, cap);
		wire_put(&w, &f);
		ck_assert_msg(!wr_ok(&w), "%zu bytes written into %zu", n, cap);
	}
}
END_TEST

START_TEST(bad_headers_are_named)
{
	static const struct {
		uint8_t bytes[WIRE_HEADER_LEN];
		const char *why;
	} rows[] = {
	        {{0}, "frame type 0 is unknown"},
	        {{77}, "frame type 77 is unknown"},
	        {{255}, "frame type 255 is unknown"},
	        {{5, 0, 1, 0}, "PING: reserved bytes are 000100h, not zero"},
	        {{5, 0, 0, 0, 0, 0, 0x40, 1}, "PING: head length is 16385, the most is 16384"},
	        {{5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
	         "PING: head length is 4294967295, the most is 16384"},
	        {{10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1},
	         "SCRIPT: data length is 16777217, the most is 16777216"},
	        {{5, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1},
	         "PING: data length is 1, but this type has no data"},
	};
	struct wire_header h;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[256] = "";
		ck_assert(!wire_header_get(rows[i].bytes, &h, why, sizeof(why)));
		ck_assert_str_eq(why, rows[i].why);
	}
}
END_TEST

START_TEST(values_out_of_range_are_named)
{
	/* A byte of a sample's head is set to a value. */
	static const struct {
		unsigned sample;
		size_t at;
		uint8_t value;
		const char *why;
	} rows[] = {
	        {0, 2, 0, "ATTACH: role is 0, the least is 1"},
	        {0, 2, 4, "ATTACH: role is 4, the most is 3"},
	        {0, 3, 16, "ATTACH: id is 16, the most is 15"},
	        {0, 3, 255, "ATTACH: id is 255, the most is 15"},
	        {1, 3, 3, "ATTACH: id is 3, the least is 255"},
	        {0, 21, 33, "ATTACH: length of name is 33, the most is 32"},
	        {0, 25, ' ', "ATTACH: name holds a byte 20h at 3"},
	        {0, 25, 0xc3, "ATTACH: name holds a byte c3h at 3"},
	        {3, 0, 200, "REFUSED: code is 200, the most is 12"},
	        {3, 8, '\n', "REFUSED: text holds a byte 0ah at 0"},
	        {4, 6, 4, NULL},
	        {4, 6, 8, "ERROR: length of text is 2048, the most is 1024"},
	        {7, 0, 2, "PORT: up is 2, the most is 1"},
	        {7, 2, ROLE_TAP, "PORT: role is 3, the most is 2"},
	        {8, 0, 3, "ARM: mode is 3, the most is 2"},
	        {8, 1, 9, "ARM: n_luns is 9, the most is 8"},
	        {8, 2, 64, "ARM: lun is 64, the most is 63"},
	        {8, 15, 2, "ARM: max_data is 34603008, the most is 16777216"},
	        {8, 19, 33, "ARM: n_ops is 33, the most is 32"},
	        {10, 0, 65, "MEMBERS: n is 65, the most is 64"},
	        {14, 8, 7, "TENURE: reselected is 7, the most is 1"},
	        {14, 9, 16, "TENURE: target is 16, the most is 15"},
	        {14, 14, 0, "TENURE: outcome is 0, the least is 1"},
	        {14, 14, 12, "TENURE: outcome is 12, the most is 11"},
	        {14, 41, 3, "TENURE: length of msg_in is 774, the most is 512"},
	        {14, 49, 65, "TENURE: n_legs is 65, the most is 64"},
	        {14, 55, 16, "TENURE: port of a leg is 16, the most is 15"},
	        {14, 56, 7, "TENURE: result of a leg is 7, the most is 6"},
	        {16, 12, 0, "BURST: role is 0, the least is 1"},
	        {17, 0, 3, "PROGRAM: kind is 3, the most is 2"},
	        {18, 13, 255, "PROGRAM: initiator is 255, the most is 15"},
	        {19, 0, 99, "RESET: by is 99, the most is 15"},
	        {28, 2, 0x80, "ATTACH: role is 0, the least is 1"},
	        {28, 2, 0x84, "ATTACH: role is 4, the most is 3"},
	        {21, 6, 16, "MGMT: to is 16, the most is 15"},
	        {21, 7, 6, "MGMT: kind is 6, the most is 5"},
	        {21, 9, 0x30, "MGMT: length of payload is 12300, the most is 8192"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire_frame f, got;
		struct wire_header h;
		char why[256] = "";
		size_t n = encode_sample(rows[i].sample, &f) - WIRE_HEADER_LEN;

		ck_assert(wire_header_get(encoded, &h, why, sizeof(why)));
		encoded[WIRE_HEADER_LEN + rows[i].at] = rows[i].value;
		bool ok = decode(h, encoded + WIRE_HEADER_LEN, n, &got, why, sizeof(why));
		ck_assert_msg(ok == !rows[i].why, "row %zu: %s", i, why);
		if (rows[i].why)
			ck_assert_str_eq(why, rows[i].why);
	}
}
END_TEST

START_TEST(zero_ids_are_refused)
{
	static const unsigned samples[] = {11, 13}; /* SCRIPT, CANCEL */

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct wire_frame f, got;
		struct wire_header h;
		char why[256] = "";
		size_t n = encode_sample(samples[i], &f) - WIRE_HEADER_LEN;

		ck_assert(wire_header_get(encoded, &h, why, sizeof(why)));
		memset(encoded + WIRE_HEADER_LEN, 0, 4);
		ck_assert(!decode(h, encoded + WIRE_HEADER_LEN, n, &got, why, sizeof(why)));
		ck_assert_ptr_nonnull(strstr(why, ": id is 0, the least is 1"));
	}
}
END_TEST

/* An ATTACH of another version is decoded as far as its version, whatever follows. */
START_TEST(another_version_can_be_told)
{
	const uint8_t head[] = {0, 2, 0xff, 0xff, 0xff};
	struct wire_header h = {.type = WIRE_ATTACH};
	struct wire_frame f;
	char why[256] = "";

	ck_assert(decode(h, head, sizeof(head), &f, why, sizeof(why)));
	ck_assert_uint_eq(f.attach.version, 2);
	ck_assert(decode(h, head, 2, &f, why, sizeof(why)));
	ck_assert(!decode(h, head, 1, &f, why, sizeof(why)));
}
END_TEST

/* A SCRIPT with these items and so many bytes of data, decoded. */
static bool script_with(const struct wr *items, uint32_t data_len, char *why, size_t n)
{
	uint8_t head[FRAME_MAX];
	struct wr w = wr_init(head, sizeof(head));
	struct wire_header h = {.type = WIRE_SCRIPT, .data_len = data_len};
	struct wire_frame f;

	wr_u32(&w, 1);
	wr_u16(&w, (uint16_t)items->n);
	wr_bytes(&w, items->p, items->n);
	ck_assert(wr_ok(&w));
	why[0] = '\0';
	return decode(h, head, w.n, &f, why, n);
}

START_TEST(bad_items_are_named)
{
	static const struct {
		struct wire_item item;
		const char *why;
	} rows[] = {
	        {{.kind = ITEM_STATUS}, "SCRIPT: item 1 is of kind 6, which has no place here"},
	        {{.kind = ITEM_SENSE}, "SCRIPT: item 1 is of kind 12, which has no place here"},
	        {{.kind = 14}, "SCRIPT: item 1 is malformed"},
	        {{.kind = ITEM_DATA_IN, .flags = ITEM_UNITS},
	         "SCRIPT: item 1 is no selection, but has information units"},
	        {{.kind = 0}, "SCRIPT: item 1 is malformed"},
	        {{.kind = ITEM_SELECT, .flags = 0x80}, "SCRIPT: item 1 is malformed"},
	        {{.kind = ITEM_SELECT, .flags = ITEM_AGAIN},
	         "SCRIPT: item 1 is no MESSAGE OUT, but is to be sent again"},
	        {{.kind = ITEM_DATA_OUT, .flags = ITEM_PARITY},
	         "SCRIPT: item 1 is of kind 4, which has no parity to be wrong"},
	        {{.kind = ITEM_SELECT, .off = 0x10000},
	         "SCRIPT: item 1 selects by the IDs 10000h, of which there are 16"},
	        {{.kind = ITEM_SELECT, .flags = ITEM_CHAIN},
	         "SCRIPT: chaining limit of item 1 is 0 ns, 1 to 1000000000 are possible"},
	        {{.kind = ITEM_SELECT, .flags = ITEM_CHAIN, .len = WIRE_CHAIN_NS_MAX + 1},
	         "SCRIPT: chaining limit of item 1 is 1000000001 ns, 1 to 1000000000 are possible"},
	        {{.kind = ITEM_DATA_OUT, .flags = ITEM_CHAIN},
	         "SCRIPT: item 1 is no selection, but is to be chained"},
	        {{.kind = ITEM_SELECT, .flags = ITEM_CHAIN, .len = WIRE_CHAIN_NS_MAX}, NULL},
	        {{.kind = ITEM_SELECT, .arg = 16}, "SCRIPT: item 1 selects ID 16, the most is 15"},
	        {{.kind = ITEM_DATA_OUT, .len = 101},
	         "SCRIPT: item 1 has 101 bytes at 0, but the frame has 100 bytes of data"},
	        {{.kind = ITEM_DATA_OUT, .off = 101},
	         "SCRIPT: item 1 has 0 bytes at 101, but the frame has 100 bytes of data"},
	        {{.kind = ITEM_DATA_OUT, .off = UINT32_MAX, .len = 1},
	         "SCRIPT: item 1 has 1 bytes at 4294967295, but the frame has 100 bytes of data"},
	        {{.kind = ITEM_DATA_IN, .len = WIRE_DATA_MAX + 1},
	         "SCRIPT: length of item 1 is 16777217, the most is 16777216"},
	        {{.kind = ITEM_DATA_OUT, .off = 40, .len = 60}, NULL},
	        {{.kind = ITEM_DATA_IN, .len = WIRE_DATA_MAX}, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t list[256];
		char why[256];
		struct wr w = wr_init(list, sizeof(list));
		wire_put_plain(&w, ITEM_SELECT, 2, ITEM_ATN);
		wire_item_put(&w, &rows[i].item);
		bool ok = script_with(&w, 100, why, sizeof(why));
		ck_assert_msg(ok == !rows[i].why, "row %zu: %s", i, why);
		if (rows[i].why)
			ck_assert_str_eq(why, rows[i].why);
	}
}
END_TEST

START_TEST(item_bytes_lie_within_the_list)
{
	uint8_t list[256];
	char why[256];
	struct wr w = wr_init(list, sizeof(list));

	wire_put_plain(&w, ITEM_SELECT, 2, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "abc", 3);
	ck_assert(script_with(&w, 0, why, sizeof(why)));
	wr_at_u32(&w, WIRE_ITEM_LEN + 8, 4);
	ck_assert(!script_with(&w, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: item 1 is malformed");
	wr_at_u32(&w, WIRE_ITEM_LEN + 8, UINT32_MAX);
	ck_assert(!script_with(&w, 0, why, sizeof(why)));
	wr_at_u32(&w, WIRE_ITEM_LEN + 8, 3);
	wr_at_u8(&w, WIRE_ITEM_LEN + 3, 1); /* reserved */
	ck_assert(!script_with(&w, 0, why, sizeof(why)));
}
END_TEST

START_TEST(items_have_a_most)
{
	uint8_t list[WIRE_HEAD_MAX];
	char why[256];
	struct wr w = wr_init(list, sizeof(list));

	wire_put_plain(&w, ITEM_SELECT, 2, 0);
	for (unsigned i = 1; i < WIRE_ITEMS_MAX; i++)
		wire_put_data(&w, ITEM_DATA_IN, 0, 1, 0);
	ck_assert_msg(script_with(&w, 0, why, sizeof(why)), "%s", why);
	wire_put_data(&w, ITEM_DATA_IN, 0, 1, 0);
	ck_assert(!script_with(&w, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: more than 320 items");
}
END_TEST

START_TEST(a_script_begins_with_a_selection)
{
	uint8_t list[64];
	char why[256];
	struct wr w = wr_init(list, sizeof(list));

	ck_assert(!script_with(&w, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: item 0 is not a selection");
	wire_put_data(&w, ITEM_DATA_IN, 0, 1, 0);
	ck_assert(!script_with(&w, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "SCRIPT: item 0 is not a selection");
}
END_TEST

START_TEST(items_are_walked)
{
	struct wire_frame f;
	struct wire_item it;
	unsigned n = 0;

	frame_sample(11, &f);
	struct rd r = rd_init(f.script.items.p, f.script.items.n);
	static const uint8_t kinds[] = {ITEM_SELECT, ITEM_MSG_OUT,  ITEM_COMMAND,
	                                ITEM_UNIT,   ITEM_DATA_OUT, ITEM_DATA_IN};
	for (; wire_item_get(&r, &it); n++) {
		ck_assert_uint_lt(n, ARRAY_LEN(kinds));
		ck_assert_uint_eq(it.kind, kinds[n]);
		if (it.kind == ITEM_SELECT)
			ck_assert(it.arg == 3 && it.flags == (ITEM_ATN | ITEM_CHAIN) &&
			          it.len == 10000000);
		if (it.kind == ITEM_MSG_OUT)
			ck_assert(it.bytes.n == 6 && it.len == 6 && it.bytes.p[0] == 0xc0);
		if (it.kind == ITEM_DATA_OUT)
			ck_assert(it.off == 88 && it.len == 512 && it.crc == 0xdeadbeef);
	}
	ck_assert_uint_eq(n, ARRAY_LEN(kinds));
	ck_assert(rd_done(&r));
}
END_TEST

/* What is taken of random bytes is a frame: encoding it gives the same bytes again. */
static void decode_and_return(const struct wire_header *h, const uint8_t *head, size_t n)
{
	static uint8_t again[FRAME_MAX];
	struct wire_frame f;
	char why[64] = "";
	uint8_t *exact = malloc(n ? n : 1);

	ck_assert_ptr_nonnull(exact);
	if (n > 0)
		memcpy(exact, head, n);
	struct wire_header sized = *h;
	sized.head_len = (uint32_t)n;
	if (wire_get(&sized, (struct span){exact, n}, NULL, &f, why, sizeof(why))) {
		struct wr w = wr_init(again, sizeof(again));
		wire_put(&w, &f);
		ck_assert(wr_ok(&w));
		if (f.type != WIRE_ATTACH || f.attach.version == WIRE_VERSION) {
			ck_assert_uint_eq(w.n - WIRE_HEADER_LEN, n);
			ck_assert_mem_eq(again + WIRE_HEADER_LEN, exact, n);
		}
	} else {
		ck_assert_uint_gt(strlen(why), 0);
	}
	free(exact);
}

START_TEST(random_bytes_do_no_harm)
{
	struct prng g = prng_init(20260101);
	uint8_t head[512];

	for (unsigned round = 0; round < 40000; round++) {
		struct wire_header h = {.type = (uint8_t)(1 + prng_below(&g, WIRE_TRACE)),
		                        .data_len = (uint32_t)prng_below(&g, 1000)};
		size_t n = prng_below(&g, sizeof(head));
		for (size_t i = 0; i < n; i++)
			head[i] = (uint8_t)prng_u64(&g) & (prng_below(&g, 3) ? 0x0f : 0xff);
		decode_and_return(&h, head, n);
	}
}
END_TEST

START_TEST(damaged_frames_do_no_harm)
{
	struct prng g = prng_init((uint64_t)_i);
	struct wire_frame f;
	struct wire_header h;
	uint8_t head[FRAME_MAX];
	char why[64];
	size_t n = encode_sample((unsigned)_i, &f) - WIRE_HEADER_LEN;

	ck_assert(wire_header_get(encoded, &h, why, sizeof(why)));
	for (unsigned round = 0; round < 2000; round++) {
		memcpy(head, encoded + WIRE_HEADER_LEN, n);
		for (uint64_t hits = 1 + prng_below(&g, 3); hits > 0 && n > 0; hits--)
			head[prng_below(&g, n)] = (uint8_t)prng_u64(&g);
		decode_and_return(&h, head, n);
	}
}
END_TEST

START_TEST(short_data_are_counted)
{
	uint8_t buf[256];
	struct wire_header h;
	char why[64];
	struct wire_frame f;

	frame_sample(12, &f); /* a script without data */
	f.small = (struct span){(const uint8_t *)"12345", 5};
	struct wr w = wr_init(buf, sizeof(buf));
	wire_put(&w, &f);
	ck_assert(wr_ok(&w));
	ck_assert(wire_header_get(buf, &h, why, sizeof(why)));
	ck_assert_uint_eq(h.data_len, 5);
}
END_TEST

START_TEST(control_characters_are_not_sent)
{
	struct wire_frame f = {.type = WIRE_RESET, .reset = {.by = 1, .text = "a\nb\x1b[1m\x7f"}};
	uint8_t buf[256];
	struct wire_header h;
	char why[64];

	struct wr w = wr_init(buf, sizeof(buf));
	wire_put(&w, &f);
	ck_assert(wire_header_get(buf, &h, why, sizeof(why)));
	struct wire_frame got;
	ck_assert(wire_get(&h, (struct span){buf + WIRE_HEADER_LEN, h.head_len}, NULL, &got, why,
	                   sizeof(why)));
	ck_assert_str_eq(got.reset.text, "a?b?[1m?");
}
END_TEST

START_TEST(who_may_send_what)
{
	static const struct {
		uint8_t type;
		bool server, target, initiator, tap;
	} rows[] = {
	        {WIRE_ATTACH, false, true, true, true},
	        {WIRE_ATTACHED, true, false, false, false},
	        {WIRE_PING, true, true, true, true},
	        {WIRE_ARM, false, true, false, false},
	        {WIRE_SCRIPT, false, false, true, false},
	        {WIRE_TENURE, true, false, false, false},
	        {WIRE_BURST, true, false, false, false},
	        {WIRE_PROGRAM, false, true, false, false},
	        {WIRE_RESET, true, true, true, false},
	        {WIRE_MGMT, true, true, true, false},
	        {99, false, false, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert(wire_may_send(rows[i].type, 0) == rows[i].server);
		ck_assert(wire_may_send(rows[i].type, ROLE_TARGET) == rows[i].target);
		ck_assert(wire_may_send(rows[i].type, ROLE_INITIATOR) == rows[i].initiator);
		ck_assert(wire_may_send(rows[i].type, ROLE_TAP) == rows[i].tap);
		ck_assert(!wire_may_send(rows[i].type, 4));
	}
}
END_TEST

START_TEST(codes_and_outcomes_have_names)
{
	for (unsigned i = CODE_OK; i <= CODE_SHUTDOWN; i++)
		ck_assert_ptr_nonnull(wire_code_name((uint8_t)i));
	ck_assert_ptr_null(wire_code_name(CODE_SHUTDOWN + 1));
	for (unsigned i = OUTCOME_COMPLETE; i <= OUTCOME_CHAINED; i++)
		ck_assert_ptr_nonnull(wire_outcome_name((uint8_t)i));
	ck_assert_ptr_null(wire_outcome_name(0));
	ck_assert_ptr_null(wire_outcome_name(OUTCOME_CHAINED + 1));
	ck_assert_str_eq(wire_outcome_name(OUTCOME_SELECTION_TIMEOUT), "selection_timeout");
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const all_samples[] = {
	        what_is_encoded_is_decoded, what_is_cut_short_is_refused,
	        what_follows_the_end_is_refused, what_does_not_fit_is_an_error,
	        damaged_frames_do_no_harm};
	const TTest *const once[] = {
	        each_type_has_a_sample,           bad_headers_are_named,
	        values_out_of_range_are_named,    zero_ids_are_refused,
	        another_version_can_be_told,      bad_items_are_named,
	        item_bytes_lie_within_the_list,   items_have_a_most,
	        a_script_begins_with_a_selection, items_are_walked,
	        random_bytes_do_no_harm,          short_data_are_counted,
	        control_characters_are_not_sent,  who_may_send_what,
	        codes_and_outcomes_have_names,    data_in_a_ring_are_a_reference,
	};
	Suite *s = tap_suite("wire", once, ARRAY_LEN(once));
	TCase *t = tcase_create("samples");

	for (size_t i = 0; i < ARRAY_LEN(all_samples); i++)
		tcase_add_loop_test(t, all_samples[i], 0, FRAME_SAMPLES);
	suite_add_tcase(s, t);
	return s;
}

TAP_MAIN_SUITE(make_suite);
