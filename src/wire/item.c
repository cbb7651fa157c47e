/* SPDX-License-Identifier: BSD-2-Clause */
/* Items: the one form of scripts, programs and bursts. */
#include "base/assert.h"
#include "wire/codec.h"

#define ITEM_FLAGS                                                                                 \
	(ITEM_ATN | ITEM_CUT | ITEM_CHAIN | ITEM_AGAIN | ITEM_PARITY | ITEM_PARK | ITEM_UNITS)

static bool may_have_parity(uint8_t kind)
{
	return kind == ITEM_MSG_OUT || kind == ITEM_COMMAND || kind == ITEM_MSG_IN ||
	       kind == ITEM_STATUS || kind == ITEM_DATA_IN || kind == ITEM_UNIT;
}

static bool has_bytes(uint8_t kind)
{
	const unsigned kinds = 1U << ITEM_MSG_OUT | 1U << ITEM_COMMAND | 1U << ITEM_MSG_IN |
	                       1U << ITEM_LATCH | 1U << ITEM_SENSE | 1U << ITEM_UNIT;
	return kinds >> kind & 1;
}

bool wire_item_get(struct rd *r, struct wire_item *out)
{
	if (rd_left(r) == 0)
		return false;
	const uint8_t *p = rd_take(r, WIRE_ITEM_LEN);
	if (!p)
		return false;
	if (p[0] < ITEM_SELECT || p[0] > ITEM_UNIT || (p[2] & ~ITEM_FLAGS) != 0 || p[3] != 0) {
		rd_fail(r);
		return false;
	}
	out->kind = p[0];
	out->arg = p[1];
	out->flags = p[2];
	out->off = get_be32(p + 4);
	out->len = get_be32(p + 8);
	out->crc = get_be32(p + 12);
	out->bytes = has_bytes(p[0]) ? rd_bytes(r, out->len) : (struct span){NULL, 0};
	return !r->error;
}

void wire_item_put(struct wr *w, const struct wire_item *item)
{
	uint8_t *p = wr_room(w, WIRE_ITEM_LEN);
	if (!p)
		return;
	p[0] = item->kind;
	p[1] = item->arg;
	p[2] = item->flags;
	p[3] = 0;
	put_be32(p + 4, item->off);
	put_be32(p + 8, item->len);
	put_be32(p + 12, item->crc);
	if (has_bytes(item->kind)) {
		sm_assert(item->bytes.n == item->len);
		wr_bytes(w, item->bytes.p, item->bytes.n);
	}
}

void wire_put_bytes(struct wr *w, uint8_t kind, const void *p, size_t n)
{
	sm_assert(has_bytes(kind) && n <= WIRE_HEAD_MAX);
	struct wire_item it = {.kind = kind, .len = (uint32_t)n, .bytes = {p, n}};
	wire_item_put(w, &it);
}

void wire_put_plain(struct wr *w, uint8_t kind, uint8_t arg, uint8_t flags)
{
	struct wire_item it = {.kind = kind, .arg = arg, .flags = flags};
	wire_item_put(w, &it);
}

void wire_put_data(struct wr *w, uint8_t kind, uint32_t off, uint32_t len, uint32_t crc)
{
	sm_assert(!has_bytes(kind));
	struct wire_item it = {.kind = kind, .off = off, .len = len, .crc = crc};
	wire_item_put(w, &it);
}

void wire_put_select(struct wr *w, uint8_t target, uint32_t chain_ns)
{
	sm_assert(chain_ns <= WIRE_CHAIN_NS_MAX);
	struct wire_item it = {.kind = ITEM_SELECT,
	                       .arg = target,
	                       .flags = chain_ns ? ITEM_ATN | ITEM_CHAIN : ITEM_ATN,
	                       .len = chain_ns};
	wire_item_put(w, &it);
}

void wire_select_known(struct wr *w, uint32_t epoch)
{
	wr_at_u32(w, WIRE_ITEM_LEN - 4, epoch);
}

/* What of an item depends on the frame that holds it. */
static void check_item(struct wire_in *in, unsigned i, const struct wire_item *it, unsigned kinds,
                       unsigned data_kinds)
{
	unsigned bit = 1U << it->kind;

	if (!(kinds & bit))
		in_fail(in, "item %u is of kind %u, which has no place here", i, it->kind);
	else if (it->kind == ITEM_SELECT && it->arg >= WIRE_IDS)
		in_fail(in, "item %u selects ID %u, the most is %d", i, it->arg, WIRE_IDS - 1);
	else if (it->kind == ITEM_SELECT && it->off > UINT16_MAX)
		in_fail(in, "item %u selects by the IDs %xh, of which there are 16", i, it->off);
	else if ((it->flags & ITEM_AGAIN) && it->kind != ITEM_MSG_OUT)
		in_fail(in, "item %u is no MESSAGE OUT, but is to be sent again", i);
	else if ((it->flags & ITEM_PARITY) && !may_have_parity(it->kind))
		in_fail(in, "item %u is of kind %u, which has no parity to be wrong", i, it->kind);
	else if ((it->flags & ITEM_UNITS) && it->kind != ITEM_SELECT)
		in_fail(in, "item %u is no selection, but has information units", i);
	else if (it->kind == ITEM_SENSE && it->len > SCSI_SENSE_MAX)
		in_fail(in, "item %u has %u bytes of sense data, the most is %d", i, it->len,
		        SCSI_SENSE_MAX);
	else if ((it->flags & ITEM_CHAIN) && it->kind != ITEM_SELECT)
		in_fail(in, "item %u is no selection, but is to be chained", i);
	else if ((it->flags & ITEM_CHAIN) && (it->len == 0 || it->len > WIRE_CHAIN_NS_MAX))
		in_fail(in, "chaining limit of item %u is %u ns, 1 to %u are possible", i, it->len,
		        WIRE_CHAIN_NS_MAX);
	else if ((it->kind == ITEM_DATA_OUT || it->kind == ITEM_DATA_IN) && it->len > WIRE_DATA_MAX)
		in_fail(in, "length of item %u is %u, the most is %u", i, it->len, WIRE_DATA_MAX);
	else if ((data_kinds & bit) && (it->off > in->data_len || it->len > in->data_len - it->off))
		in_fail(in, "item %u has %u bytes at %u, but the frame has %u bytes of data", i,
		        it->len, it->off, in->data_len);
}

struct span in_items(struct wire_in *in, unsigned kinds, unsigned data_kinds, unsigned *seen)
{
	struct span s = in_span(in, "items", WIRE_HEAD_MAX);
	struct rd r = rd_init(s.p, s.n);
	struct wire_item it;
	unsigned i = 0;

	*seen = 0;
	while (!in->r.error && wire_item_get(&r, &it)) {
		if (i >= WIRE_ITEMS_MAX)
			in_fail(in, "more than %d items", WIRE_ITEMS_MAX);
		else
			check_item(in, i, &it, kinds, data_kinds);
		*seen |= 1U << it.kind;
		i++;
	}
	if (r.error)
		in_fail(in, "item %u is malformed", i);
	return in->r.error ? (struct span){NULL, 0} : s;
}
