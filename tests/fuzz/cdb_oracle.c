/* SPDX-License-Identifier: BSD-2-Clause */
/* What a status may be, how long its data are, and what sense data may say of a command. */
#include "fuzz/cdb_world.h"

#include "base/assert.h"
#include "scsi/status.h"

#include <string.h>

/* ---- what the disk says that it has ---- */

static struct {
	bool known;
	bool opcode[256];
	bool action[256][32];
} supports[2];

static unsigned kind_of(const struct world *w)
{
	return w->how & HOW_THIN;
}

bool oracle_knows(const struct world *w)
{
	return supports[kind_of(w)].known;
}

void oracle_learn(const struct world *w, uint8_t opcode, uint8_t action, bool has)
{
	supports[kind_of(w)].action[opcode][action] = has;
	supports[kind_of(w)].opcode[opcode] |= has;
}

void oracle_learned(const struct world *w)
{
	supports[kind_of(w)].known = true;
}

/* The service action of a CDB, as far as there is one; 32: not one of the first ones. */
static unsigned action_of(const struct expected *e)
{
	if (e->raw[0] != SCSI_OP_VARIABLE)
		return e->n_raw > 1 ? e->raw[1] & 31 : 32;
	return e->n_raw > 9 && e->raw[8] == 0 && e->raw[9] < 32 ? e->raw[9] : 32;
}

static bool is_supported(const struct world *w, const struct expected *e)
{
	const uint8_t *cdb = e->raw;

	if (!oracle_knows(w))
		return true;
	if (scsi_opcode_has_actions(cdb[0]))
		return action_of(e) < 32 && supports[kind_of(w)].action[cdb[0]][action_of(e)];
	return supports[kind_of(w)].opcode[cdb[0]];
}

/* ---- data in ---- */

/* Where parameter data say how long they are, all of them: a big-endian field, and what it does
 * not count. */
static const struct {
	enum scsi_op op;
	uint8_t at, width, more;
} lengths[] = {
        {OP_MODE_SENSE_6, 0, 1, 1},
        {OP_MODE_SENSE_10, 0, 2, 2},
        {OP_REPORT_LUNS, 0, 4, 8},
        {OP_LOG_SENSE, 2, 2, 4},
        {OP_PR_IN_READ_KEYS, 4, 4, 8},
        {OP_PR_IN_READ_RESERVATION, 4, 4, 8},
        {OP_PR_IN_REPORT_CAPABILITIES, 0, 2, 0},
        {OP_PR_IN_READ_FULL_STATUS, 4, 4, 8},
        {OP_GET_LBA_STATUS, 0, 4, 4},
        {OP_COPY_STATUS, 0, 4, 4},
        {OP_COPY_PARAMETERS, 0, 4, 4},
        {OP_COPY_FAILED, 0, 4, 4},
};

static void check_length(const struct expected *e, struct span data)
{
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		if (lengths[i].op != e->cdb.op || data.n < lengths[i].at + lengths[i].width)
			continue;
		for (unsigned k = 0; k < lengths[i].width; k++)
			all = all << 8 | data.p[lengths[i].at + k];
		all += lengths[i].more;
		sm_assert(data.n == (all < e->room ? all : e->room));
		return;
	}
	if (e->cdb.op == OP_INQUIRY && data.n >= 5) {
		all = e->cdb.byte1 & 1 ? get_be16(data.p + 2) + 4U : data.p[4] + 5U;
		sm_assert(data.n == (all < e->room ? all : e->room));
	}
	if (e->cdb.op == OP_READ_CAPACITY_10)
		sm_assert(data.n == 8);
	if (e->cdb.op == OP_READ_CAPACITY_16)
		sm_assert(data.n == (e->room < 32 ? e->room : 32));
}

/* Descriptors one behind the other, from the block that was asked for. */
static void check_map(const struct expected *e, struct span data)
{
	uint64_t next_lba = e->cdb.lba;

	for (size_t at = 8; at + 16 <= data.n; at += 16) {
		uint64_t lba = get_be64(data.p + at), blocks = get_be32(data.p + at + 8);
		sm_assert(lba == next_lba && blocks > 0 && data.p[at + 12] <= 1);
		next_lba += blocks;
		sm_assert(next_lba <= BLOCKS);
	}
}

static void check_data(const struct expected *e, struct span data)
{
	sm_assert(data.n <= e->room);
	if (e->effect == EFFECT_READS) {
		sm_assert(data.n == e->room);
		model_read(e, data);
		return;
	}
	check_length(e, data);
	if (e->cdb.op == OP_GET_LBA_STATUS)
		check_map(e, data);
}

/* ---- statuses ---- */

static bool protected(const struct world *w)
{
	return (w->how & HOW_PROTECTED) == HOW_PROTECTED;
}

static bool touches_what_is_not(const struct expected *e)
{
	const struct scsi_cdb *c = &e->cdb;

	if (e->effect == EFFECT_NONE || e->bg || e->copies || c->op == OP_UNMAP)
		return false;
	return c->lba > BLOCKS || c->blocks > BLOCKS - c->lba;
}

/* Tasks that it has there, and what aborted ones have left in the store. */
static unsigned crowd(const struct world *w, uint8_t lun)
{
	unsigned n = w->n_held;

	for (unsigned i = 0; i < INITIATORS; i++)
		for (unsigned tag = 0; tag < TAGS; tag++)
			n += w->task[i][lun][tag].out;
	return n;
}

bool oracle_crowded(const struct world *w, uint8_t lun)
{
	return crowd(w, lun) > DEPTH;
}

static bool saves(const struct world *w)
{
	for (unsigned i = 0; i < w->n_held; i++)
		if (w->held[i].a.kind == TGT_META_SAVE)
			return true;
	return false;
}

static bool is_reserving(const struct expected *e)
{
	return e->raw[0] == 0x5f || e->raw[0] == 0x5e;
}

static bool may_have(const struct world *w, uint8_t lun, const struct expected *e, uint8_t status)
{
	switch ((enum scsi_status)status) {
	case SCSI_GOOD:
		/* SAM-5: GOOD only for what there is. */
		return e->known && e->cdb.op != OP_UNKNOWN && is_supported(w, e) && !e->bad &&
		       !touches_what_is_not(e) &&
		       !(protected(w) && scsi_op_writes_medium(e->cdb.op));
	case SCSI_CONDITION_MET:
		return e->known && (e->cdb.op == OP_PRE_FETCH_10 || e->cdb.op == OP_PRE_FETCH_16);
	case SCSI_CHECK_CONDITION:
		return true;
	case SCSI_BUSY:
		return w->faults || w->naca || saves(w) || e->crowded || oracle_crowded(w, lun);
	case SCSI_RESERVATION_CONFLICT:
		return w->reserves || is_reserving(e);
	case SCSI_TASK_SET_FULL:
		return w->faults || e->crowded || oracle_crowded(w, lun);
	case SCSI_TASK_ABORTED:
		return w->modes && e->maybe;
	case SCSI_ACA_ACTIVE:
		return w->naca;
	}
	return false;
}

void oracle_status(const struct world *w, uint8_t lun, const struct expected *e, uint8_t status,
                   struct span data)
{
	sm_assert(e && e->out);
	sm_assert(may_have(w, lun, e, status));
	sm_assert(status == SCSI_GOOD || data.n == 0);
	if (status == SCSI_GOOD)
		check_data(e, data);
	if (e == &w->sense)
		sm_assert(status == SCSI_GOOD || w->naca); /* it may be for an ACA task only */
}

/* ---- sense data ---- */

static bool in_table(const struct scsi_sense *s)
{
	static const struct scsi_sense *const all[] = {
#define SCSI_SENSE(sym, key, asc, ascq, text) &SENSE_##sym,
#include "scsi/sense.def"
#undef SCSI_SENSE
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (scsi_sense_is(s, all[i]))
			return true;
	return false;
}

static bool may_be_out_of_range(const struct expected *e)
{
	const struct scsi_cdb *c = &e->cdb;

	if (c->op == OP_UNMAP)
		return true;
	return c->lba >= BLOCKS || c->blocks > BLOCKS - c->lba;
}

static bool may_differ(const struct expected *e)
{
	if (e->effect != EFFECT_COMPARES)
		return e->cdb.op == OP_COMPARE_AND_WRITE || e->effect == EFFECT_WRITES;
	for (unsigned b = 0; b < BLOCKS; b++)
		if ((e->touch >> b & 1) && e->what[b] != UINT64_C(1) << e->with_at[b])
			return true;
	return false;
}

static void check_information(const struct expected *e, const struct scsi_sense *s)
{
	const struct scsi_cdb *c = &e->cdb;
	bool blocks = e->effect != EFFECT_NONE && !e->bg && !e->copies && c->op != OP_UNMAP;

	if (!s->info_valid || !blocks)
		return;
	if (c->op == OP_COMPARE_AND_WRITE && s->key == KEY_MISCOMPARE)
		sm_assert(s->info < (uint64_t)c->blocks * BLOCK);
	else if (s->key == KEY_MEDIUM_ERROR || s->key == KEY_MISCOMPARE)
		sm_assert(s->info >= c->lba && s->info - c->lba < BLOCKS);
}

static void check_request(const struct world *w, const struct expected *e,
                          const struct scsi_sense *s)
{
	bool pointer = s->sks_valid && s->sks_cd;

	/* SBC-3: those of 32 bytes are such where there is no protection information of type 2. */
	if (s->asc == 0x20 && e->raw[0] != SCSI_OP_VARIABLE)
		sm_assert(!is_supported(w, e) && !scsi_opcode_has_actions(e->raw[0]));
	if (s->asc == 0x24 && pointer && s->sks_field > 1)
		sm_assert(is_supported(w, e));
	if (s->asc == 0x21 && e->known)
		sm_assert(may_be_out_of_range(e));
	if (pointer && e->known && e->cdb.len > 0)
		sm_assert(s->sks_field < e->cdb.len);
}

void oracle_sense(const struct world *w, const struct unasked *u)
{
	struct scsi_sense s;

	sm_assert(w->n_got >= 8 && w->n_got <= SCSI_SENSE_MAX);
	sm_assert(scsi_sense_get((struct span){w->got, w->n_got}, &s));
	sm_assert(in_table(&s) && !s.deferred);
	/* An allegiance ends by itself, after a while, or by what ends its initiator's tasks. */
	sm_assert(s.key != KEY_NO_SENSE || w->now != u->since || u->e.maybe);
	if (w->now != u->since)
		return;
	if (s.key == KEY_ILLEGAL_REQUEST)
		check_request(w, &u->e, &s);
	if (s.key == KEY_MISCOMPARE)
		sm_assert(u->e.stale || may_differ(&u->e));
	if (s.key == KEY_DATA_PROTECT && s.asc == 0x27 && s.ascq == 0)
		sm_assert(protected(w) && scsi_op_writes_medium(u->e.cdb.op));
	check_information(&u->e, &s);
}
