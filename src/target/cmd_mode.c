/* SPDX-License-Identifier: BSD-2-Clause */
/* MODE SENSE and MODE SELECT (SPC-4, 6.9 to 6.12). */
#include "base/assert.h"
#include "target/core.h"

#define DBD      0x08 /* MODE SENSE, byte 1 */
#define LLBAA    0x10
#define PF       0x10 /* MODE SELECT, byte 1 */
#define SP       0x01
#define WP       0x80 /* device-specific parameter (SBC-3, 6.4.2.1) */
#define DPOFUA   0x10
#define LONGLBA  0x01
#define PAGE     0x3f
#define PC_SHIFT 6
#define SUBPAGES 0xff

#define PARAM_MAX 512 /* bytes of a parameter list; all that we take is shorter */

static bool is_ten(const struct task *k)
{
	return k->cdb.op == OP_MODE_SENSE_10 || k->cdb.op == OP_MODE_SELECT_10;
}

/* ---- MODE SENSE ---- */

bool tgt_cmd_accept_mode_sense(struct tgt *t, struct task *k)
{
	uint8_t page[MODE_PAGE_MAX];
	uint8_t code = k->cdb.page & PAGE;
	(void)t;
	uint8_t allowed = is_ten(k) ? DBD | LLBAA : DBD;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, allowed))
		return false;
	if (code != MODE_PAGE_ALL && mode_page_put(&k->lu->modes, code, PC_CURRENT, page) == 0)
		return tgt_cdb_field_bad(k, 2, 5);
	/* No page has subpages: all of them is the page (SPC-4, table 131). */
	if (k->cdb.subpage != 0 && k->cdb.subpage != SUBPAGES)
		return tgt_cdb_field_bad(k, 3, 0xff);
	return true;
}

static void put_descriptor(struct wr *w, const struct tgt_lu *lu, bool is_long)
{
	uint64_t blocks = lu->cfg.blocks;
	if (is_long) {
		wr_u64(w, blocks);
		wr_u32(w, 0);
		wr_u32(w, lu->cfg.block_size);
	} else {
		wr_u32(w, blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks);
		wr_u8(w, 0);
		wr_u24(w, lu->cfg.block_size);
	}
}

static void put_header(struct wr *w, const struct task *k, bool is_long, uint8_t descriptor_len)
{
	bool wp = k->lu->cfg.write_protect || k->lu->modes.current.swp;
	uint8_t specific = DPOFUA | (wp ? WP : 0);
	if (is_ten(k)) {
		wr_u16(w, 0); /* the length, at the end */
		wr_u8(w, 0);
		wr_u8(w, specific);
		wr_u8(w, is_long ? LONGLBA : 0);
		wr_u8(w, 0);
		wr_u16(w, descriptor_len);
	} else {
		wr_u8(w, 0);
		wr_u8(w, 0);
		wr_u8(w, specific);
		wr_u8(w, descriptor_len);
	}
}

/* Who asks for all pages may know nothing of this one; who asks for what is saved of it is about to
 * write it, and may have sent more meanwhile that was meant for what was there before. */
static void asked_for_members(struct nexus *x)
{
	x->asks_members = true;
	x->members_changed = false;
}

/*
 * What is being saved holds soon, also if its initiator is gone by then. Who read page 30h now, and
 * that can be a daemon that has been started again, would take a member for what it is no more.
 */
static const struct mode_mirror *members_soon(const struct tgt_lu *lu)
{
	return lu->selecting ? &lu->pending.current.mirror : &lu->modes.current.mirror;
}

bool tgt_cmd_run_mode_sense(struct tgt *t, struct task *k)
{
	if ((k->cdb.page & PAGE) == MODE_MIRROR_PAGE &&
	    !mode_mirror_equal(&k->lu->modes.current.mirror, members_soon(k->lu))) {
		k->status = SCSI_BUSY;
		return false;
	}
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	uint8_t code = k->cdb.page & PAGE;
	enum mode_pc pc = (enum mode_pc)(k->cdb.page >> PC_SHIFT);
	bool described = !(k->cdb.byte1 & DBD);
	bool is_long = described && is_ten(k) && (k->cdb.byte1 & LLBAA);
	put_header(&w, k, is_long, (uint8_t)(!described ? 0 : is_long ? 16 : 8));
	if (described)
		put_descriptor(&w, k->lu, is_long);
	for (unsigned i = 0; i < MODE_PAGES; i++) {
		uint8_t page[MODE_PAGE_MAX];
		if (code != MODE_PAGE_ALL && code != mode_page_code(i))
			continue;
		size_t n = mode_page_put(&k->lu->modes, mode_page_code(i), pc, page);
		wr_bytes(&w, page, n);
		if (code == MODE_MIRROR_PAGE && pc == PC_CURRENT)
			asked_for_members(tgt_nexus(k));
	}
	if (is_ten(k))
		wr_at_u16(&w, 0, (uint16_t)(w.n - 2));
	else
		wr_at_u8(&w, 0, (uint8_t)(w.n - 1));
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- MODE SELECT ---- */

bool tgt_cmd_accept_mode_select(struct tgt *t, struct task *k)
{
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, PF | SP))
		return false;
	if (!(k->cdb.byte1 & PF) && k->cdb.alloc > 0)
		return tgt_cdb_field_bad(k, 1, 4);
	if (k->cdb.alloc > PARAM_MAX) {
		tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true,
		                                  is_ten(k) ? 7 : 4, 0xff));
		return false;
	}
	k->want_out = k->cdb.alloc;
	return true;
}

static bool param_bad(struct task *k, uint16_t field, uint8_t bit)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_FIELD_IN_PARAMETERS, false, field, bit));
	return false;
}

static bool length_bad(struct task *k)
{
	tgt_task_fail(k,
	              scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, is_ten(k) ? 7 : 4, 0xff));
	return false;
}

/* The block descriptor says what is so already: the disk cannot be given another format. */
static bool descriptor_ok(struct task *k, struct rd *r, uint16_t at, bool is_long)
{
	uint64_t blocks = is_long ? rd_u64(r) : rd_u32(r);
	rd_skip(r, is_long ? 4 : 1);
	uint32_t size = is_long ? rd_u32(r) : rd_u24(r);
	uint64_t all = is_long ? UINT64_MAX : UINT32_MAX;
	if (blocks != 0 && blocks != k->lu->cfg.blocks && blocks != all)
		return param_bad(k, at, 0xff);
	if (size != k->lu->cfg.block_size)
		return param_bad(k, (uint16_t)(at + (is_long ? 12 : 5)), 0xff);
	return true;
}

/* Header and descriptor; leaves r at the pages. */
static bool head_ok(struct task *k, struct rd *r)
{
	bool ten = is_ten(k);
	rd_skip(r, ten ? 2 : 1); /* mode data length: reserved here */
	uint8_t medium = rd_u8(r);
	rd_skip(r, 1); /* WP and DPOFUA are not for us to take */
	bool is_long = ten && (rd_u8(r) & LONGLBA);
	rd_skip(r, ten ? 1 : 0);
	uint16_t descriptor_len = ten ? rd_u16(r) : rd_u8(r);
	uint16_t head_len = ten ? 8 : 4;
	if (r->error)
		return length_bad(k);
	if (medium != 0)
		return param_bad(k, ten ? 2 : 1, 0xff);
	if (descriptor_len == 0)
		return true;
	if (descriptor_len != (is_long ? 16 : 8))
		return param_bad(k, ten ? 6 : 3, 0xff);
	if (rd_left(r) < descriptor_len)
		return length_bad(k);
	return descriptor_ok(k, r, head_len, is_long);
}

static bool parse(struct task *k, struct mode_values *v, bool *renews)
{
	struct rd r = rd_init(k->data->data + k->data_off, k->want_out);
	struct scsi_sense sense;
	uint16_t field = 0;
	uint8_t bit = 0xff;
	if (!head_ok(k, &r))
		return false;
	size_t pages_at = k->want_out - rd_left(&r);
	struct span list = rd_bytes(&r, rd_left(&r));
	if (mode_pages_get(v, list, &sense, &field, &bit)) {
		*renews = mode_pages_have(list, MODE_MIRROR_PAGE);
		return true;
	}
	if (scsi_sense_is(&sense, &SENSE_PARAMETER_LIST_LENGTH))
		return length_bad(k);
	return param_bad(k, (uint16_t)(pages_at + field), bit);
}

/* A pass names a target once: of its logical units one is in a group. */
static bool group_free(const struct tgt *t, const struct task *k, const struct mode_mirror *m)
{
	const struct tgt_lu *lu;
	LU_FOREACH (lu, t) {
		const struct mode_mirror *now = &lu->modes.current.mirror;
		const struct mode_mirror *soon = members_soon(lu);
		bool taken = (now->member && now->group == m->group) ||
		             (soon->member && soon->group == m->group);
		if (lu != k->lu && m->member && taken)
			return false;
	}
	return true;
}

/*
 * Whose group this is may have changed. UNIT ATTENTION tells the first command of who had it; those
 * that are on their way behind that one would still be carried out. So until an initiator that has
 * ever asked for the page asks for it again, its commands hear of the change, each of them
 * (tgt_members_unread()).
 */
static void members_changed(struct tgt_lu *lu, uint8_t by)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		if (i == by || !lu->nexus[i].asks_members)
			continue;
		lu->nexus[i].members_changed = true;
		lu->nexus[i].members_changes++;
	}
}

static bool matters(const struct task *k, unsigned flags)
{
	bool selects = k->cdb.op == OP_MODE_SELECT_6 || k->cdb.op == OP_MODE_SELECT_10;
	return (flags & CMD_MEDIUM) || selects;
}

bool tgt_members_unread(const struct task *k, unsigned flags)
{
	return matters(k, flags) && tgt_nexus(k)->members_changed;
}

bool tgt_members_before(const struct task *k, unsigned flags)
{
	return matters(k, flags) && tgt_nexus(k)->members_changes != k->members_changes;
}

/* The new values hold from here on, for everybody. */
static void apply(struct tgt *t, const struct task *k)
{
	bool changed = !mode_values_equal(&k->lu->modes.current, &k->lu->pending.current);
	const struct mode_mirror *was = &k->lu->modes.current.mirror;
	if (changed)
		k->lu->exceptions = (struct exceptions){0};
	if (!mode_mirror_equal(was, &k->lu->pending.current.mirror))
		members_changed(k->lu, k->initiator);
	/* What is the same but for who is about to import it says nothing of the data. */
	if (k->lu->renews)
		k->lu->started &= k->lu->pending.current.mirror.importing;
	k->lu->modes = k->lu->pending;
	/* SPC-4, 6.9: they are told of what changed, not of what was written as it was. */
	if (changed)
		tgt_lu_attention(k->lu, k->initiator, UA_MODE_CHANGED);
	tgt_port_members(t);
}

bool tgt_cmd_run_mode_select(struct tgt *t, struct task *k)
{
	if (k->lu->saving) {
		k->status = SCSI_BUSY; /* another one is being saved */
		return false;
	}
	k->lu->pending = k->lu->modes;
	if (k->want_out > 0 && !parse(k, &k->lu->pending.current, &k->lu->renews))
		return false;
	if (k->want_out == 0)
		return false;
	if (!group_free(t, k, &k->lu->pending.current.mirror)) {
		tgt_task_fail(k, SENSE_INVALID_FIELD_IN_PARAMETERS);
		return false;
	}
	if (k->cdb.byte1 & SP) {
		k->lu->pending.saved = k->lu->pending.current;
		k->lu->saving = k->lu->selecting = true;
		k->work = WORK_SAVE;
		return true;
	}
	apply(t, k);
	return false;
}

void tgt_cmd_mode_saved(struct tgt *t, struct task *k, bool ok)
{
	k->lu->selecting = false;
	if (ok)
		apply(t, k);
	else
		tgt_task_fail(k, SENSE_INTERNAL_TARGET_FAILURE);
}
