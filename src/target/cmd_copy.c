/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY(LID1) between logical units of this target, and RECEIVE COPY RESULTS(LID1) (SPC-4,
 * "Third-party copies"). The copy manager is the target: no bus time is spent on the data. One copy
 * runs at a time, and nothing else in the stores with it (order.c).
 *
 *   next segment -> READ of a piece -> WRITE of it [-> FLUSH] -> next piece ... -> GOOD
 */
#include "base/assert.h"
#include "target/copy.h"
#include "target/core.h"

#include <string.h>

static struct span list_of(const struct task *k)
{
	return (struct span){k->data->data + k->data_off, k->want_out};
}

static struct copy_list parsed(const struct task *k)
{
	struct copy_list l = {0};
	struct scsi_sense ignored;
	bool ok = copy_list_get(list_of(k), &l, &ignored);
	sm_assert(ok);
	return l;
}

/* ---- EXTENDED COPY ---- */

bool tgt_cmd_accept_extended_copy(struct tgt *t, struct task *k)
{
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	if (k->cdb.alloc > COPY_LIST_MAX) {
		tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, 10, 0xff));
		return false;
	}
	k->want_out = k->cdb.alloc;
	return true;
}

static void act_on(struct task *k, struct tgt_lu *lu)
{
	if (lu)
		lu->n_copies++; /* it stays as long as we point to it */
	if (k->on)
		k->on->n_copies--;
	k->on = lu;
}

/* SPC-4: the third and fourth byte of COMMAND-SPECIFIC INFORMATION are the segment. */
static bool aborted(struct task *k, struct scsi_sense sense)
{
	tgt_task_fail(k, scsi_sense_specific(sense, k->step));
	return false;
}

/* The logical unit that has this designator. */
static struct tgt_lu *unit_of(struct tgt *t, const struct copy_cscd *c)
{
	struct tgt_lu *lu;
	uint8_t uuid[2 + UUID_LEN] = {0x10, 0};
	uint8_t naa[TGT_NAA_LEN];
	if (c->code_set != 1 || c->association != 0)
		return NULL;
	LU_FOREACH (lu, t) {
		memcpy(uuid + 2, lu->cfg.uuid, UUID_LEN);
		tgt_vpd_naa(lu, naa);
		struct span id = c->type == 0x0a   ? (struct span){uuid, sizeof(uuid)}
		                 : c->type == 0x03 ? (struct span){naa, sizeof(naa)}
		                                   : (struct span){0};
		if (id.n == c->id.n && id.n > 0 && memcmp(id.p, c->id.p, id.n) == 0)
			return lu;
	}
	return NULL;
}

/* What a command to it from this initiator would meet. */
static bool usable(struct task *k, const struct tgt_lu *lu, bool write)
{
	bool formatting = lu->bg.kind == BG_FORMAT || lu->bg.kind == BG_SANITIZE;
	if (lu->stopped || lu->store_dead || formatting || lu->bg.medium != MEDIUM_GOOD)
		return aborted(k, SENSE_COPY_NOT_REACHABLE);
	bool protected = write && (lu->cfg.write_protect || lu->modes.current.swp);
	if (protected || lu->nexus[k->initiator].members_changed ||
	    !reserve_allows(&lu->resv, k->initiator, write ? ACCESS_CHANGES : ACCESS_READS))
		return aborted(k, SENSE_COPY_DEVICE_FAILED);
	return true;
}

/* A segment as it is to be done. */
struct move {
	struct tgt_lu *from, *to;
	lba_t source, destination;
	uint64_t bytes;
	bool backwards; /* it overlaps itself, upwards */
};

static struct tgt_lu *end_of(struct tgt *t, struct task *k, const struct copy_list *l,
                             uint16_t index, bool write)
{
	if (index >= l->n_cscds) {
		(void)aborted(k, SENSE_COPY_UNREACHABLE);
		return NULL;
	}
	const struct copy_cscd c = copy_cscd(l, index);
	struct tgt_lu *lu = unit_of(t, &c);
	if (!lu || (c.block_size != 0 && c.block_size != lu->cfg.block_size)) {
		(void)aborted(k, SENSE_COPY_NOT_REACHABLE);
		return NULL;
	}
	if (c.device_type != 0) {
		(void)aborted(k, SENSE_COPY_DEVICE_TYPE);
		return NULL;
	}
	return usable(k, lu, write) ? lu : NULL;
}

static bool inside(const struct tgt_lu *lu, lba_t lba, uint64_t bytes)
{
	uint64_t blocks = bytes / lu->cfg.block_size;
	return lba <= lu->cfg.blocks && blocks <= lu->cfg.blocks - lba;
}

static bool plan(struct tgt *t, struct task *k, struct move *m)
{
	const struct copy_list l = parsed(k);
	const struct copy_segment s = copy_segment(&l, k->step);
	*m = (struct move){.source = s.from, .destination = s.to};
	m->from = end_of(t, k, &l, s.source, false);
	m->to = m->from ? end_of(t, k, &l, s.destination, true) : NULL;
	if (!m->to)
		return false;
	uint32_t unit = (s.counts_destination ? m->to : m->from)->cfg.block_size;
	m->bytes = (uint64_t)s.blocks * unit;
	if (m->bytes % m->from->cfg.block_size != 0 || m->bytes % m->to->cfg.block_size != 0)
		return aborted(k, SENSE_COPY_INEXACT);
	/* What is asked of them they cannot do: for the copy they are not there. */
	if (!inside(m->from, s.from, m->bytes) || !inside(m->to, s.to, m->bytes))
		return aborted(k, SENSE_COPY_NOT_REACHABLE);
	m->backwards = m->from == m->to && s.to > s.from;
	return true;
}

/* The next piece of it, from the end that does not overwrite what is still to be read. */
static void piece_of(const struct move *m, const struct task *k, uint64_t *at, uint32_t *bytes)
{
	uint64_t left = m->bytes - k->copied;
	*bytes = left < COPY_PIECE ? (uint32_t)left : COPY_PIECE;
	*at = m->backwards ? left - *bytes : k->copied;
}

static bool start(struct tgt *t, struct task *k, struct tgt_lu *lu, lba_t first, uint32_t bytes,
                  uint16_t work)
{
	lba_t bad;
	act_on(k, lu);
	k->first = first;
	k->count = bytes / lu->cfg.block_size;
	k->pos = 0;
	k->work = work;
	if (!fault_strike_medium(&t->faults, lu->lun, first, k->count, &bad))
		return true;
	k->work = 0;
	return aborted(k, SENSE_COPY_DEVICE_FAILED);
}

/* A piece was read: it is written. */
static bool write_piece(struct tgt *t, struct task *k, const struct move *m)
{
	uint64_t at;
	uint32_t bytes;
	piece_of(m, k, &at, &bytes);
	uint16_t work = m->to->modes.current.wce ? WORK_WRITE : WORK_WRITE | WORK_FLUSH;
	k->copied += bytes;
	return start(t, k, m->to, m->destination + at / m->to->cfg.block_size, bytes, work);
}

/* In the middle of a segment: the unit that was read or written last. One that is there in its
 * place by now, with its designator, has not had the pieces before. */
static bool end_is_gone(const struct task *k)
{
	return k->on && !k->on->present && (k->in || k->copied > 0);
}

bool tgt_copy_next(struct tgt *t, struct task *k)
{
	const struct copy_list l = parsed(k);
	struct move m;
	if (end_is_gone(k)) {
		tgt_copy_drop(t, k);
		return aborted(k, SENSE_COPY_NOT_REACHABLE);
	}
	if (k->in && !k->copy_wrote) {
		k->copy_wrote = true;
		return plan(t, k, &m) && write_piece(t, k, &m);
	}
	tgt_copy_drop(t, k);
	while (k->step < l.n_segments) {
		if (!plan(t, k, &m))
			return false;
		if (k->copied < m.bytes) {
			uint64_t at;
			uint32_t bytes;
			piece_of(&m, k, &at, &bytes);
			return start(t, k, m.from, m.source + at / m.from->cfg.block_size, bytes,
			             WORK_READ);
		}
		k->copied = 0;
		k->step++;
	}
	return false;
}

void tgt_copy_drop(struct tgt *t, struct task *k)
{
	tgt_out_hold(t, k->in);
	k->in = NULL;
	k->copy_wrote = false;
}

bool tgt_cmd_run_extended_copy(struct tgt *t, struct task *k)
{
	struct copy_list l;
	struct scsi_sense sense;
	if (k->want_out == 0)
		return false;
	if (!copy_list_get(list_of(k), &l, &sense)) {
		tgt_task_fail(k, sense);
		return false;
	}
	if (l.keeps)
		tgt_nexus(k)->copy =
		        (struct copy_result){.kept = true, .list = l.id, .manager = COPY_RUNNING};
	k->copies = true;
	return tgt_copy_next(t, k);
}

void tgt_copy_end(struct task *k)
{
	struct copy_result *r = &tgt_nexus(k)->copy;
	if (!k->copies)
		return;
	k->copies = false;
	act_on(k, NULL);
	const struct copy_list l = parsed(k);
	if (!l.keeps || !r->kept || r->list != l.id)
		return;
	r->manager = k->status == SCSI_GOOD ? COPY_DONE : COPY_FAILED;
	r->segments = k->step;
	r->status = k->status;
	r->sense = k->sense;
}

void tgt_copy_aborted(struct task *k)
{
	if (!k->copies)
		return;
	k->status = SCSI_TASK_ABORTED;
	tgt_copy_end(k);
}

/* ---- RECEIVE COPY RESULTS ---- */

bool tgt_cmd_accept_copy_status(struct tgt *t, struct task *k)
{
	const struct copy_result *r = &tgt_nexus(k)->copy;
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	return r->kept && r->list == k->cdb.page ? true : tgt_cdb_field_bad(k, 2, 0xff);
}

bool tgt_cmd_accept_copy_parameters(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, 0) && tgt_cdb_only(k, 2, k->cdb.page, 0);
}

bool tgt_cmd_run_copy_status(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	const struct copy_result *r = &tgt_nexus(k)->copy;
	wr_u32(&w, 8); /* AVAILABLE DATA */
	wr_u8(&w, r->manager);
	wr_u16(&w, r->segments);
	wr_u8(&w, 0); /* bytes, none of which is counted */
	wr_u32(&w, 0);
	tgt_cmd_reply(t, k, &w);
	return false;
}

bool tgt_cmd_run_copy_failed(struct tgt *t, struct task *k)
{
	uint8_t sense[SCSI_SENSE_MAX];
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	const struct copy_result *r = &tgt_nexus(k)->copy;
	wr_u32(&w, 0); /* AVAILABLE DATA, below */
	if (r->manager == COPY_FAILED) {
		size_t n = scsi_sense_put(&r->sense, k->lu->modes.current.d_sense, sense,
		                          sizeof(sense));
		wr_zero(&w, 52);
		wr_u8(&w, r->status);
		wr_u8(&w, 0);
		wr_u16(&w, (uint16_t)n);
		wr_bytes(&w, sense, n);
		wr_at_u32(&w, 0, (uint32_t)w.n - 4);
	}
	tgt_cmd_reply(t, k, &w);
	return false;
}

bool tgt_cmd_run_copy_parameters(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	wr_u32(&w, 0); /* AVAILABLE DATA, below */
	wr_u8(&w, 0);  /* SNLID: list identifiers are looked at */
	wr_zero(&w, 3);
	wr_u16(&w, COPY_CSCDS_MAX);
	wr_u16(&w, COPY_SEGMENTS);
	wr_u32(&w, COPY_LISTS_MAX);
	wr_u32(&w, COPY_SEGMENT_BYTES_MAX);
	wr_u32(&w, 0); /* inline data */
	wr_u32(&w, 0); /* held data */
	wr_u32(&w, 0); /* stream devices */
	wr_zero(&w, 2);
	wr_u16(&w, 1); /* copies at once, of all */
	wr_u8(&w, 1);
	wr_u8(&w, 9); /* in units of 2^9 bytes */
	wr_u8(&w, 0);
	wr_u8(&w, 0);
	wr_zero(&w, 3);
	wr_u8(&w, 2);
	wr_u8(&w, COPY_SEGMENT_BLOCKS);
	wr_u8(&w, COPY_CSCD_IDENT);
	wr_at_u32(&w, 0, (uint32_t)w.n - 4);
	tgt_cmd_reply(t, k, &w);
	return false;
}
