/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer may send on a port, as libFuzzer feeds it: a stream of frames. Each frame is decoded,
 * its items are walked and its management payload is read; what is a frame must be the same bytes
 * when encoded again. The stream goes in again through the input buffer, cut into pieces: it must
 * give as many frames.
 */
#include "base/assert.h"
#include "shell/inbuf.h"
#include "wire/wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define FRAME_MAX (WIRE_HEADER_LEN + WIRE_HEAD_MAX)
#define WHY_LEN   160

static void walk(struct span list, uint32_t data_len, bool whole)
{
	struct rd r = rd_init(list.p, list.n);
	struct wire_item it;
	unsigned n = 0;

	while (wire_item_get(&r, &it)) {
		sm_assert(++n <= WIRE_ITEMS_MAX);
		sm_assert(!whole || it.kind != ITEM_DATA_OUT || it.len <= data_len);
	}
	sm_assert(rd_done(&r));
}

static void read_payload(struct span payload)
{
	static struct wire_stats stats;
	static struct wire_show show;
	static uint8_t again[WIRE_MGMT_MAX];
	struct wr w = wr_init(again, sizeof(again));

	if (wire_stats_get(payload, &stats)) {
		wire_stats_put(&w, &stats);
		sm_assert(wr_ok(&w) && w.n == payload.n && memcmp(again, payload.p, w.n) == 0);
	}
	w = wr_init(again, sizeof(again));
	if (wire_show_get(payload, &show)) {
		wire_show_put(&w, &show);
		sm_assert(wr_ok(&w) && w.n == payload.n && memcmp(again, payload.p, w.n) == 0);
	}
}

static void look_into(const struct wire_frame *f, uint32_t data_len)
{
	if (f->type == WIRE_SCRIPT)
		walk(f->script.items, data_len, true);
	else if (f->type == WIRE_BURST)
		walk(f->burst.items, data_len, true);
	else if (f->type == WIRE_PROGRAM)
		walk(f->program.items, data_len, false);
	else if (f->type == WIRE_MGMT)
		read_payload(f->mgmt.payload);
}

/* An ATTACH of another version is read as far as its version: it is not the same when encoded. */
static bool comes_back(const struct wire_frame *f)
{
	return f->type != WIRE_ATTACH || f->attach.version == WIRE_VERSION;
}

static void encode_again(const struct wire_frame *f, struct span head)
{
	static uint8_t again[FRAME_MAX];
	struct wr w = wr_init(again, sizeof(again));

	if (f->in_ring)
		wire_put_ref(&w, f, &f->ref);
	else
		wire_put(&w, f);
	sm_assert(wr_ok(&w) && w.n == WIRE_HEADER_LEN + head.n);
	sm_assert(head.n == 0 || memcmp(again + WIRE_HEADER_LEN, head.p, head.n) == 0);
}

/* Decodes the stream by hand: how many whole frames it begins with; *bad: then there is none. */
static unsigned decode(const uint8_t *p, size_t n, bool *bad)
{
	struct rd r = rd_init(p, n);
	unsigned frames = 0;

	*bad = false;
	while (rd_left(&r) >= WIRE_HEADER_LEN) {
		struct wire_header h;
		struct wire_frame f;
		char why[WHY_LEN] = "";
		struct span header = rd_bytes(&r, WIRE_HEADER_LEN);
		if (!wire_header_get(header.p, &h, why, sizeof(why))) {
			sm_assert(why[0] != '\0');
			*bad = true;
			return frames;
		}
		struct span head = rd_bytes(&r, h.head_len);
		if (!h.in_ring) /* else nothing follows */
			(void)rd_bytes(&r, h.data_len);
		if (r.error)
			return frames;
		if (!wire_get(&h, head, NULL, &f, why, sizeof(why))) {
			sm_assert(why[0] != '\0');
			*bad = true;
			return frames;
		}
		look_into(&f, h.data_len);
		if (comes_back(&f))
			encode_again(&f, head);
		frames++;
	}
	return frames;
}

/* The same through the input buffer, in pieces. */
static unsigned decode_in_pieces(const uint8_t *p, size_t n, size_t piece, bool *bad)
{
	struct inbuf in;
	unsigned frames = 0;

	*bad = false;
	sm_assert(inbuf_init(&in));
	while (n > 0 && !*bad) {
		struct iovec v[2];
		struct wire_frame f;
		char why[WHY_LEN] = "";
		(void)inbuf_room(&in, v);
		size_t take = n < piece ? n : piece;
		if (take > v[0].iov_len)
			take = v[0].iov_len;
		memcpy(v[0].iov_base, p, take);
		inbuf_added(&in, take);
		p += take;
		n -= take;
		enum inbuf_result r;
		while ((r = inbuf_next(&in, &f, why, sizeof(why))) == INBUF_FRAME)
			frames++;
		*bad = r == INBUF_BAD;
	}
	inbuf_free(&in);
	return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	bool bad, bad_in_pieces;
	size_t piece = n % 2 ? 1 + n % 97 : 4096;
	unsigned frames = decode(p, n, &bad);

	sm_assert(decode_in_pieces(p, n, piece, &bad_in_pieces) == frames);
	sm_assert(bad == bad_in_pieces);
	return 0;
}
