/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands as the input decides: mostly right, in the fields that they have. */
#include "fuzz/cdb_world.h"

#include "base/assert.h"
#include "target/copy.h"
#include "target/mode.h"

#include <string.h>

bool choose_is_same(enum scsi_op op)
{
	return op == OP_WRITE_SAME_10 || op == OP_WRITE_SAME_16 || op == OP_WRITE_SAME_32;
}

/* ---- CDBs ---- */

static uint32_t room_of(uint8_t n)
{
	static const uint32_t rooms[] = {0,  1,  2,  3,  4,  5,  6,   7,   8,   9,    12,   16,
	                                 18, 24, 32, 36, 64, 96, 252, 255, 512, 1024, 4096, 4097};
	return rooms[n % ARRAY_LEN(rooms)];
}

static uint8_t page_of(uint8_t n)
{
	static const uint8_t pages[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x08, 0x0a, 0x0d,
	                                0x1c, 0x2f, 0x30, 0x3f, 0x80, 0x83, 0x86, 0x8f,
	                                0xb0, 0xb1, 0xb2, 0xc0, 0x41, 0x82, 0xbf};
	return n < 0xc0 ? pages[n % ARRAY_LEN(pages)] : n;
}

/* Which fields it has: those that come out of a CDB of ones. */
static struct scsi_cdb fields_of(const struct scsi_op_info *info)
{
	uint8_t ones[SCSI_CDB_MAX];
	struct scsi_cdb c;

	memset(ones, 0xff, sizeof(ones));
	ones[0] = info->opcode;
	if (info->opcode == SCSI_OP_VARIABLE) {
		ones[7] = (uint8_t)(info->cdb_len - 8);
		ones[8] = 0;
		ones[9] = (uint8_t)info->service_action;
	} else if (info->service_action >= 0)
		ones[1] = (uint8_t)(0xe0 | info->service_action);
	bool ok = scsi_cdb_get((struct span){ones, info->cdb_len}, &c);
	sm_assert(ok && c.op == info->op);
	return c;
}

static void fill(struct source *in, const struct scsi_op_info *info, struct scsi_cdb *c)
{
	const struct scsi_cdb has = fields_of(info);
	uint8_t usage[SCSI_CDB_MAX];

	(void)scsi_cdb_usage(info->op, usage);
	*c = (struct scsi_cdb){.op = info->op, .alloc = has.alloc == 8 ? 8 : 0};
	if (has.lba)
		c->lba = next(in) % (BLOCKS + 3);
	if (has.blocks) {
		uint8_t n = next(in);
		c->blocks = n < 0xe0 ? n % 9 : n - 0xd0U;
		c->blocks = info->cdb_len == 6 && c->blocks == 0 ? 256 : c->blocks;
	}
	if (has.alloc && has.alloc != 8)
		c->alloc = room_of(next(in)) & has.alloc;
	if (has.page)
		c->page = page_of(next(in)) & has.page;
	if (has.subpage)
		c->subpage = next(in) < 0xe0 ? 0 : 0xff;
	if (has.selector)
		c->selector = next(in) & 3;
	if (has.byte4)
		c->byte4 = next(in) & usage[4];
	if (has.byte1)
		c->byte1 = next(in) & usage[has.flags_at ? has.flags_at : 1] & has.byte1;
	if (has.bytchk) {
		uint8_t flags = next(in);
		c->bytchk = flags & has.bytchk & 3;
		c->bytchk = c->bytchk == 2 ? 1 : c->bytchk;
	}
	if (has.fua)
		c->fua = next(in) & 1;
}

/* Bytes that are wrong in some way; its length; NACA. */
static size_t spoil(struct source *in, uint8_t *cdb, size_t n)
{

	uint8_t change = next(in);

	if (change < 0xa0)
		return n;
	if (change < 0xc0) {
		cdb[cdb[0] == SCSI_OP_VARIABLE ? 1 : n - 1] |= SCSI_CONTROL_NACA;
		return n;
	}
	for (unsigned i = 0; i < change % 4; i++)
		cdb[1 + next(in) % (n - 1)] = next(in);
	return change >= 0xfc ? 1U + next(in) % SCSI_CDB_MAX : n;
}

/* ---- parameter lists ---- */

/* A mode page as it is by default, with some bits of it changed. */
static uint32_t mode_list(struct world *w, bool ten)
{
	struct modes m;
	size_t n = ten ? 8 : 4;

	modes_init(&m);
	memset(w->list, 0, n);
	n += mode_page_put(&m, mode_page_code(next(&w->in) % MODE_PAGES), PC_DEFAULT, w->list + n);
	for (unsigned changed = next(&w->in) % 4; changed > 0; changed--) {
		uint8_t at = next(&w->in), to = next(&w->in);
		w->list[at % n] = to < 0xc0 ? to & 0x7f : to;
	}
	return (uint32_t)n;
}

static uint32_t unmap_list(struct world *w)
{
	unsigned n = next(&w->in) % 4;
	struct wr l = wr_init(w->list, sizeof(w->list));

	wr_u16(&l, (uint16_t)(6 + 16 * n));
	wr_u16(&l, (uint16_t)(16 * n));
	wr_u32(&l, 0);
	for (unsigned i = 0; i < n; i++) {
		uint8_t lba = next(&w->in), blocks = next(&w->in);
		wr_u64(&l, lba < 0xf8 ? lba % BLOCKS : lba);
		wr_u32(&l, blocks % 12);
		wr_u32(&l, 0);
	}
	return (uint32_t)l.n;
}

static uint32_t reserve_list(struct world *w, bool move)
{
	struct wr l = wr_init(w->list, sizeof(w->list));
	uint8_t how = next(&w->in);

	wr_u64(&l, how & 3);
	wr_u64(&l, how >> 2 & 3);
	if (!move) {
		wr_u32(&l, 0);
		wr_u8(&l, how >> 4 & 0x05);
		wr_zero(&l, 3);
		return (uint32_t)l.n;
	}
	wr_u8(&l, 0);
	wr_u8(&l, how >> 4 & 3);
	wr_u16(&l, 1);
	wr_u32(&l, 24);
	wr_u16(&l, 0x0100);
	wr_u16(&l, (uint16_t)(FIRST_ID + (how >> 6)));
	wr_u16(&l, 0);
	wr_u16(&l, 1);
	wr_zero(&l, 16);
	return (uint32_t)l.n;
}

static void put_cscd(const struct world *w, struct wr *l, uint8_t lun)
{
	struct tgt_lu_config c = world_unit_config(w, lun);

	wr_u8(l, COPY_CSCD_IDENT);
	wr_zero(l, 3);
	wr_u8(l, 1);
	wr_u8(l, 0x0a);
	wr_u8(l, 0);
	wr_u8(l, 2 + UUID_LEN);
	wr_u8(l, 0x10);
	wr_u8(l, 0);
	wr_bytes(l, c.uuid, UUID_LEN);
	wr_zero(l, 3);
	wr_u24(l, BLOCK);
}

static uint32_t copy_list(struct world *w, struct expected *e)
{
	struct wr l = wr_init(w->list, sizeof(w->list));
	uint8_t how = next(&w->in), blocks = next(&w->in) % 9;
	uint8_t from = next(&w->in) % BLOCKS, to = next(&w->in) % BLOCKS;

	wr_u8(&l, how >> 4);
	wr_u8(&l, how & 4 ? 0x00 : 0x10); /* whether what becomes of it is kept */
	wr_u16(&l, 2 * COPY_CSCD_LEN);
	wr_u32(&l, 0);
	wr_u32(&l, COPY_SEGMENT_LEN);
	wr_u32(&l, 0);
	put_cscd(w, &l, how & 1);
	put_cscd(w, &l, how >> 1 & 1);
	wr_u8(&l, COPY_SEGMENT_BLOCKS);
	wr_u8(&l, 0);
	wr_u16(&l, COPY_SEGMENT_LEN - 4);
	wr_u16(&l, 0);
	wr_u16(&l, 1);
	wr_u16(&l, 0);
	wr_u16(&l, blocks);
	wr_u64(&l, from);
	wr_u64(&l, to);
	e->copies = true;
	e->from = how & 1;
	e->on = how >> 1 & 1;
	e->from_lba = from;
	e->to_lba = to;
	return (uint32_t)l.n;
}

/* A FORMAT UNIT says by what comes how much comes. */
static uint32_t format_list(struct world *w, struct expected *e, bool is_long)
{
	struct wr l = wr_init(w->list, sizeof(w->list));
	uint8_t how = next(&w->in);
	bool pattern = how & 0x40;

	wr_u8(&l, 0);
	wr_u8(&l, (uint8_t)((pattern ? 0x88 : 0) | (how & 0x80 ? 0x02 : 0)));
	wr_zero(&l, is_long ? 6 : 2);
	e->immediate = how & 0x80;
	e->base = pattern ? e->base : 0;
	if (!pattern)
		return (uint32_t)l.n;
	wr_u8(&l, 0);
	wr_u8(&l, 1);
	wr_u16(&l, (uint16_t)(1 + how % 4));
	for (unsigned i = 0; i <= how % 4U; i++)
		wr_u8(&l, e->base);
	return (uint32_t)l.n;
}

static uint32_t overwrite_list(struct world *w, struct expected *e)
{
	struct wr l = wr_init(w->list, sizeof(w->list));
	uint8_t how = next(&w->in);

	wr_u8(&l, (how & 0x80) | (1 + how % 3));
	wr_u8(&l, 0);
	wr_u16(&l, 2);
	wr_u8(&l, e->base);
	wr_u8(&l, e->base);
	e->ors = how & 0x80; /* for now: inverted */
	return (uint32_t)l.n;
}

/* No copy comes of one: what that does has to be known. */
static uint32_t any_list(struct world *w, enum scsi_op op, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < sizeof(w->list); i++)
		w->list[i] = op == OP_EXTENDED_COPY ? 0 : next(&w->in);
	return n < sizeof(w->list) ? n : (uint32_t)sizeof(w->list);
}

static bool reserves(enum scsi_op op)
{
	return op >= OP_PR_OUT_REGISTER && op <= OP_PR_OUT_REGISTER_AND_MOVE;
}

/* The list that fits the command, if it has one; 0: it has none of its own. */
static uint32_t choose_list(struct world *w, struct expected *e, struct scsi_cdb *c)
{
	static const uint8_t types[] = {1, 3, 5, 6, 7, 8, 1, 0};

	if (c->op == OP_MODE_SELECT_6 || c->op == OP_MODE_SELECT_10) {
		c->byte1 |= 0x10; /* PF */
		return mode_list(w, c->op == OP_MODE_SELECT_10);
	}
	if (c->op == OP_UNMAP)
		return unmap_list(w);
	if (c->op == OP_EXTENDED_COPY)
		return copy_list(w, e);
	if (c->op == OP_SANITIZE_OVERWRITE)
		return overwrite_list(w, e);
	if (!reserves(c->op))
		return 0;
	c->page = types[next(&w->in) % ARRAY_LEN(types)];
	return reserve_list(w, c->op == OP_PR_OUT_REGISTER_AND_MOVE);
}

/* ---- effects ---- */

static uint64_t value(unsigned v)
{
	return UINT64_C(1) << v % VALUES;
}

/* Blocks from lba on; none where they are not all there. */
static uint64_t range(uint64_t lba, uint64_t n)
{
	if (lba > BLOCKS || n > BLOCKS - lba || n == 0)
		return 0;
	return (n == BLOCKS ? UINT64_MAX : (UINT64_C(1) << n) - 1) << lba;
}

static void leaves(struct expected *e, bool same, unsigned v)
{
	e->effect = EFFECT_WRITES;
	for (unsigned b = 0; b < BLOCKS; b++)
		e->what[b] = value(same ? v : v + b);
}

static void effect_of_list(const struct world *w, struct expected *e)
{
	uint32_t n = e->small ? e->out_len : 0; /* else it is no list */
	uint32_t all = 2U + get_be16(w->list), blocks = 8U + get_be16(w->list + 2);

	/* What is behind what either length counts is of a list before. */
	n = n < all ? n : all;
	n = n < blocks ? n : blocks;
	for (uint32_t at = 8; at + 16 <= n; at += 16)
		e->touch |= range(get_be64(w->list + at), get_be32(w->list + at + 8));
	leaves(e, true, 0);
}

static void effect_of_unit(struct expected *e)
{
	bool inverted = e->ors;

	e->bg = true;
	e->ors = false;
	e->touch = UINT64_MAX;
	if (e->cdb.op == OP_SANITIZE_BLOCK_ERASE ||
	    (e->cdb.op == OP_FORMAT_UNIT && !(e->cdb.byte1 & 0x10)))
		e->base = 0;
	if (e->cdb.op != OP_FORMAT_UNIT)
		e->immediate = e->cdb.byte1 & 0x80;
	leaves(e, true, e->base);
	for (unsigned b = 0; b < BLOCKS && (inverted || e->odd); b++)
		e->what[b] = ANY;
}

static void effect_of_blocks(struct expected *e)
{
	const struct scsi_cdb *c = &e->cdb;
	enum scsi_dir dir;
	bool data = scsi_cdb_data_len(c, BLOCK, &dir) > 0;
	bool same = choose_is_same(c->op);

	e->touch = range(c->lba, c->blocks);
	if (dir == D_IN)
		e->effect = EFFECT_READS;
	else if (same)
		leaves(e, true, data ? e->base : 0);
	else if (scsi_op_writes_medium(c->op))
		leaves(e, false, e->base);
	else if (data)
		e->effect = EFFECT_COMPARES;
	for (unsigned b = 0; b < BLOCKS && e->effect == EFFECT_COMPARES; b++)
		e->with_at[b] = (uint8_t)((e->base + (c->bytchk == 3 ? 0 : b)) % VALUES);
	if (c->op == OP_ORWRITE_16) {
		e->ors = true;
		memset(e->what, 0, sizeof(e->what));
	}
	if (e->effect == EFFECT_READS || e->effect == EFFECT_COMPARES)
		memset(e->what, 0, sizeof(e->what));
}

/* The copy that copy_list() has put together; one that is not right copies nothing. */
static void effect_of_copy(const struct world *w, struct expected *e)
{
	unsigned blocks = w->list[COPY_HEAD_LEN + 2 * COPY_CSCD_LEN + 11];

	e->effect = EFFECT_WRITES;
	if (e->copies && range(e->from_lba, blocks))
		e->touch = range(e->to_lba, blocks);
}

static void effect(const struct world *w, struct expected *e)
{
	const struct scsi_op_info *info = scsi_op_info(e->cdb.op);
	enum scsi_op op = e->cdb.op;

	if (op == OP_UNMAP)
		effect_of_list(w, e);
	else if (op == OP_EXTENDED_COPY)
		effect_of_copy(w, e);
	else if (op == OP_FORMAT_UNIT || op == OP_SANITIZE_OVERWRITE ||
	         op == OP_SANITIZE_BLOCK_ERASE)
		effect_of_unit(e);
	else if (info && fields_of(info).blocks)
		effect_of_blocks(e);
}

/* Data that compare equal with what is there, if all is. */
static void match(const struct world *w, struct expected *e)
{
	const struct scsi_cdb *c = &e->cdb;

	if (e->on >= UNITS || c->lba >= BLOCKS)
		return;
	unsigned there = w->unit[e->on].bytes[c->lba * BLOCK];
	uint8_t base = (uint8_t)((there - (c->bytchk == 3 ? 0 : (unsigned)c->lba)) % VALUES);
	if (c->op == OP_COMPARE_AND_WRITE)
		e->with = base;
	else if (e->effect == EFFECT_COMPARES || !scsi_op_writes_medium(c->op))
		e->base = base;
}

/* ---- all of it ---- */

void choose_given(struct expected *e, const uint8_t *cdb, size_t n)
{
	enum scsi_dir dir = D_NONE;

	memcpy(e->raw, cdb, n);
	e->n_raw = n;
	e->known = scsi_cdb_get((struct span){cdb, n}, &e->cdb);
	if (!e->known || e->cdb.op == OP_UNKNOWN)
		return;
	uint64_t bytes = scsi_cdb_data_len(&e->cdb, BLOCK, &dir);
	e->room = dir == D_IN ? bytes : 0;
	e->out_len = dir == D_OUT && bytes < DATA_MAX ? (uint32_t)bytes : 0;
}

void choose_command(struct world *w, struct expected *e)
{
	uint8_t which = next(&w->in), cdb[SCSI_CDB_MAX] = {0};
	uint32_t list = 0;
	size_t n;

	*e = (struct expected){.on = w->lun, .base = next(&w->in) % VALUES};
	if (which < 250) {
		const struct scsi_op_info *info = scsi_op_info((enum scsi_op)(which % OP_COUNT));
		struct scsi_cdb c;
		fill(&w->in, info, &c);
		list = choose_list(w, e, &c);
		if (list > 0 && c.alloc != 255)
			c.alloc = list;
		n = scsi_cdb_put(&c, cdb);
		if (info->op == OP_FORMAT_UNIT)
			list = format_list(w, e, cdb[1] & 0x20);
	} else {
		cdb[0] = next(&w->in);
		n = cdb[0] == SCSI_OP_VARIABLE ? 32 : scsi_cdb_len((struct span){cdb, 1});
		n = n ? n : 6;
	}
	uint8_t byte1 = cdb[1];
	n = spoil(&w->in, cdb, n);
	e->odd = which >= 250 || cdb[1] != byte1;
	choose_given(e, cdb, n);
	e->how = next(&w->in) % 16;
	if (e->known && (e->how & 1))
		match(w, e);
	e->small = list > 0;
	if (e->known && e->cdb.op != OP_UNKNOWN && !e->small && e->out_len > 0 &&
	    e->out_len < BLOCK) {
		e->small = true;
		list = any_list(w, e->cdb.op, e->out_len);
	}
	if (e->small)
		e->out_len = e->cdb.op == OP_FORMAT_UNIT ? list
		             : e->out_len < list         ? e->out_len
		                                         : list;
	w->list_at = 0;
	if (e->known && e->cdb.op != OP_UNKNOWN)
		effect(w, e);
	bool no_list = e->copies && e->cdb.alloc == 0;
	if (e->on >= UNITS || no_list) {
		e->effect = EFFECT_NONE;
		e->ors = e->copies = false;
	}
	if (e->how == 3)
		e->out_len /= 2;
	else if (e->how == 4)
		e->out_len = 0;
}
