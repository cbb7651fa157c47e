/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FORMAT UNIT and SANITIZE (SBC-3, clause 5). Both leave the whole medium with one pattern, in the
 * background; the command waits for it, or not (IMMED).
 *
 * FORMAT UNIT has no length of its parameter list in the CDB: how much comes is said by what came.
 * So its data phase goes in pieces: the header, an initialization pattern descriptor, the pattern.
 */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

/* ---- FORMAT UNIT ---- */

/* CDB, byte 1. */
#define FMTPINFO      0xc0
#define FMTPINFO_AT   6
#define LONGLIST      0x20
#define FMTDATA       0x10
#define CMPLST        0x08
#define DEFECT_FORMAT 0x07
#define FORMATS       6 /* above are a vendor's and a reserved one */

/* Header, byte 0: PROTECTION FIELD USAGE. Byte 1: */
#define USAGE          0x07
#define FOV            0x80
#define DPRY_DCRT_STPF 0x70
#define IP             0x08
#define IMMED          0x02
#define NOT_HERE       0x05 /* DSP, which is obsolete; a vendor's */

#define SHORT_HEADER 4
#define LONG_HEADER  8
#define PATTERN_HEAD 4
_Static_assert(LONG_HEADER + PATTERN_HEAD <= TGT_FORMAT_HEAD, "head");

enum pattern_type { PATTERN_DEFAULT, PATTERN_REPEAT };

static uint8_t header_len(const struct task *k)
{
	return k->cdb.byte1 & LONGLIST ? LONG_HEADER : SHORT_HEADER;
}

bool tgt_cmd_accept_format(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	bool data = c->byte1 & FMTDATA;
	unsigned allowed = k->lu->cfg.protects ? FMTPINFO : 0;
	(void)t;
	/* Without a list nothing about one means anything. */
	if (data)
		allowed |= LONGLIST | FMTDATA | CMPLST | DEFECT_FORMAT;
	if (!tgt_cdb_only(k, 1, c->byte1, (uint8_t)allowed))
		return false;
	if (tgt_protect_format(c->byte1 >> FMTPINFO_AT, 0) < 0)
		return tgt_cdb_field_bad(k, 1, 7);
	if ((c->byte1 & DEFECT_FORMAT) >= FORMATS)
		return tgt_cdb_field_bad(k, 1, 2);
	if (!tgt_cmd_may_write(k))
		return false;
	k->want_out = data ? header_len(k) : 0;
	return true;
}

static bool param_bad(struct task *k, uint16_t field, uint8_t bit)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_FIELD_IN_PARAMETERS, false, field, bit));
	return false;
}

/* True when byte `at` of the list has no bits but the allowed ones. */
static bool param_only(struct task *k, uint16_t at, uint8_t allowed)
{
	unsigned bad = k->head[at] & ~(unsigned)allowed;
	uint8_t bit = 7;
	while (bad && !(bad >> bit & 1))
		bit--;
	return bad ? param_bad(k, at, bit) : true;
}

/* That it is to be formatted with. */
static int protection(const struct task *k)
{
	return tgt_protect_format(k->cdb.byte1 >> FMTPINFO_AT, k->head[0] & USAGE);
}

/* There are no defects: the lists that it would add are empty, those that it would leave out, too.
 */
static bool header_ok(struct task *k)
{
	bool is_long = header_len(k) == LONG_HEADER;
	uint8_t flags = k->head[1];
	uint8_t allowed = flags & FOV ? FOV | DPRY_DCRT_STPF | IP | IMMED : IMMED;
	if (!param_only(k, 0, USAGE))
		return false;
	if (protection(k) < 0)
		return param_bad(k, 0, 2);
	if (!param_only(k, 1, allowed))
		return false;
	for (uint16_t at = 2; at < header_len(k); at++) {
		uint16_t field = is_long && at >= 4 ? 4 : is_long ? at : 2;
		if (k->head[at] != 0)
			return param_bad(k, field, 0xff);
	}
	return true;
}

static uint16_t pattern_len(const struct task *k)
{
	const uint8_t *d = k->head + header_len(k);
	return (uint16_t)(d[2] << 8 | d[3]);
}

static bool descriptor_ok(struct task *k)
{
	uint16_t at = header_len(k);
	uint16_t most = (uint16_t)k->lu->cfg.block_size, n = pattern_len(k);
	if (!param_only(k, at, 0)) /* IP MODIFIER, SI */
		return false;
	if (k->head[at + 1] > PATTERN_REPEAT)
		return param_bad(k, (uint16_t)(at + 1), 0xff);
	bool none = k->head[at + 1] == PATTERN_DEFAULT;
	if (none ? n != 0 : n == 0 || n > most)
		return param_bad(k, (uint16_t)(at + 2), 0xff);
	return true;
}

/* What came is kept; whether the next piece is there, too, is said by it. */
bool tgt_format_more(struct tgt *t, struct task *k)
{
	bool header = k->head_len == 0, descriptor = k->head_len == header_len(k);
	if (k->cdb.op != OP_FORMAT_UNIT || !(header || descriptor))
		return false;
	sm_assert(k->want_out <= sizeof(k->head) - k->head_len);
	memcpy(k->head + k->head_len, k->data->data + k->data_off, k->want_out);
	k->head_len = (uint8_t)(k->head_len + k->want_out);
	k->want_out = 0;
	if (header && header_ok(k) && (k->head[1] & IP))
		k->want_out = PATTERN_HEAD;
	else if (descriptor && descriptor_ok(k))
		k->want_out = pattern_len(k);
	if (k->status == SCSI_CHECK_CONDITION || k->want_out == 0)
		return false;
	tgt_out_hold(t, k->data);
	k->data = NULL;
	return true;
}

bool tgt_cmd_run_format(struct tgt *t, struct task *k)
{
	struct background *b = &k->lu->bg;
	if (k->lu->saving) {
		k->status = SCSI_BUSY; /* somebody's is being saved */
		return false;
	}
	b->invert = false;
	b->zeros = true;
	if (k->data && k->head_len == header_len(k) + PATTERN_HEAD && pattern_len(k) > 0)
		tgt_bg_fill(k->lu, (struct span){k->data->data + k->data_off, k->want_out});
	b->by = k->initiator;
	b->protection = (uint8_t)protection(k);
	tgt_bg_start(t, k->lu, BG_FORMAT, 1);
	k->parked = !(k->head[1] & IMMED);
	return k->parked;
}

/* ---- SANITIZE ---- */

/* CDB, byte 1. */
#define SANITIZE_IMMED 0x80
#define AUSE           0x20

/* The parameter list of an overwrite. */
#define INVERT         0x80
#define COUNT          0x1f
#define OVERWRITE_HEAD 4

bool tgt_cmd_accept_sanitize(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	bool overwrite = c->op == OP_SANITIZE_OVERWRITE;
	(void)t;
	if (!tgt_cdb_only(k, 1, c->byte1, SANITIZE_IMMED | AUSE))
		return false;
	if (overwrite ? c->alloc <= OVERWRITE_HEAD ||
	                        c->alloc > OVERWRITE_HEAD + k->lu->cfg.block_size
	              : c->alloc != 0)
		return tgt_cdb_field_bad(k, 7, 0xff);
	if (c->op != OP_SANITIZE_EXIT_FAILURE && !tgt_cmd_may_write(k))
		return false;
	k->want_out = c->alloc;
	return true;
}

/* TEST has no value but 00b, what is written is written. */
static bool overwrite(struct task *k, unsigned *passes)
{
	const uint8_t *p = k->data->data + k->data_off;
	uint16_t n = (uint16_t)(p[2] << 8 | p[3]);
	*passes = p[0] & COUNT;
	if (p[0] & ~(unsigned)(INVERT | COUNT))
		return param_bad(k, 0, 6);
	if (*passes == 0)
		return param_bad(k, 0, 4);
	if (p[1] != 0)
		return param_bad(k, 1, 0xff);
	if (n == 0 || n > k->want_out - OVERWRITE_HEAD)
		return param_bad(k, 2, 0xff);
	k->lu->bg.invert = p[0] & INVERT;
	tgt_bg_fill(k->lu, (struct span){p + OVERWRITE_HEAD, n});
	return true;
}

bool tgt_cmd_run_sanitize(struct tgt *t, struct task *k)
{
	struct background *b = &k->lu->bg;
	unsigned passes = 1;
	if (k->lu->saving) {
		k->status = SCSI_BUSY;
		return false;
	}
	b->invert = false;
	b->zeros = true;
	if (k->cdb.op == OP_SANITIZE_OVERWRITE && !overwrite(k, &passes))
		return false;
	b->ause = k->cdb.byte1 & AUSE;
	tgt_bg_start(t, k->lu, BG_SANITIZE, passes);
	k->parked = !(k->cdb.byte1 & SANITIZE_IMMED);
	return k->parked;
}

/* Only what began with AUSE may be left; where nothing failed there is nothing to leave. */
bool tgt_cmd_run_sanitize_exit(struct tgt *t, struct task *k)
{
	struct background *b = &k->lu->bg;
	if (b->medium != MEDIUM_SANITIZE_FAILED)
		return false;
	if (!b->ause)
		return tgt_cdb_field_bad(k, 1, 4);
	if (k->lu->saving) {
		k->status = SCSI_BUSY;
		return false;
	}
	tgt_bg_start(t, k->lu, BG_LEAVE, 0);
	k->parked = true;
	return true;
}
