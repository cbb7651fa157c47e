/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/fake_hba.h"

#include "base/assert.h"
#include "base/crc.h"

#include "unit/checks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_NS NS_PER_MS

struct answer {
	enum { ANSWER_STATUS, ANSWER_SILENT, ANSWER_NOT_TAKEN, ANSWER_DIED } kind;
	uint8_t status;
	bool has_sense;
	struct scsi_sense sense;
	bool aborted;
	uint32_t moved;
};

struct hba *fake_new(void)
{
	struct hba *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		h->target[i].unit = h->target[i].id = i;
	h->up = true;
	h->own_uuid[0] = 0xa1;
	h->other_uuid[0] = 0xb2;
	h->latency_ns = 100 * NS_PER_US;
	return h;
}

void fake_drop(struct hba *h)
{
	for (unsigned i = 0; i < h->n_ops; i++) {
		if (h->op[i].pass)
			block_unref(h->op[i].pass->data);
		if (h->op[i].task)
			block_unref(h->op[i].task->data_out);
		if (h->op[i].set)
			block_unref(h->op[i].set->param);
	}
	h->n_ops = 0;
	h->in_flight = 0;
}

void fake_free(struct hba *h)
{
	fake_drop(h);
	for (unsigned i = 0; i < WIRE_IDS; i++)
		free(h->disk[i].store);
	free(h);
}

static void tell(struct hba *h, uint8_t id)
{
	if (h->on_target)
		h->on_target(h->target_ctx, id);
}

void fake_add(struct hba *h, uint8_t id, const char *name, uint64_t blocks, uint32_t block_size)
{
	struct hba_target *t = &h->target[id];

	*t = (struct hba_target){.unit = id,
	                         .id = id,
	                         .state = HBA_READY,
	                         .attach = ++h->epochs,
	                         .block_size = block_size,
	                         .blocks = blocks,
	                         .mirror = true};
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->uuid[15] = (uint8_t)(id + 1);
	t->vpd = (struct vpd_mirror){
	        .version = 1, .silent = true, .broadcast = true, .max_transfer = 1U << 20};
	t->xfer = XFER_ULTRA160;
	free(h->disk[id].store);
	h->disk[id] = (struct fake_disk){.store = calloc(blocks, block_size)};
	ck_assert_ptr_nonnull(h->disk[id].store);
	tell(h, id);
}

void fake_fault(struct hba *h, uint8_t id, struct fake_fault f)
{
	for (unsigned i = 0; i < FAKE_FAULTS; i++) {
		if (h->disk[id].fault[i].kind == FAULT_NONE) {
			h->disk[id].fault[i] = f;
			return;
		}
	}
	ck_abort_msg("no room for another fault");
}

void fake_clear_faults(struct hba *h, uint8_t id)
{
	memset(h->disk[id].fault, 0, sizeof(h->disk[id].fault));
}

void fake_gone(struct hba *h, uint8_t id)
{
	h->target[id].state = HBA_ABSENT;
	tell(h, id);
}

void fake_other(struct hba *h, const char *name)
{
	h->other = name;
	tell(h, WIRE_NO_ID);
}

void fake_back(struct hba *h, uint8_t id)
{
	h->target[id].state = HBA_READY;
	h->target[id].attach = ++h->epochs;
	tell(h, id);
}

void fake_started(struct hba *h, uint8_t id)
{
	fake_back(h, id);
	h->target[id].power_on = h->target[id].attach;
}

void fake_move(struct hba *h, uint8_t from, uint8_t to)
{
	ck_assert_int_eq(h->target[to].state, HBA_ABSENT);
	h->target[to] = h->target[from];
	h->target[to].unit = h->target[to].id = to;
	h->disk[to] = h->disk[from];
	h->disk[from] = (struct fake_disk){0};
	h->target[from] = (struct hba_target){.unit = from, .id = from};
	tell(h, from);
	fake_back(h, to);
}

static void lose_all(struct hba *h)
{
	for (unsigned i = 0; i < h->n_ops; i++)
		h->op[i].lost = true;
}

void fake_bus_down(struct hba *h)
{
	h->up = false;
	lose_all(h);
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (h->target[i].state != HBA_ABSENT)
			fake_gone(h, i);
}

void fake_bus_up(struct hba *h)
{
	h->up = true;
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (h->disk[i].store)
			fake_back(h, i);
}

void hba_scan(struct hba *h)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		if (h->target[i].state != HBA_READY)
			continue;
		h->target[i].state = HBA_SCANNING;
		tell(h, i);
	}
	h->scan_ends = h->now + SCAN_NS;
}

void fake_reset(struct hba *h)
{
	lose_all(h);
	hba_scan(h);
	if (h->on_reset)
		h->on_reset(h->reset_ctx, WIRE_NO_ID);
}

void hba_reset_bus(struct hba *h)
{
	h->resets++;
	fake_reset(h);
}

/* ---- disks ---- */

static void see(const struct hba *h, uint8_t id, enum scsi_op op, lba_t lba, uint32_t blocks)
{
	if (h->seen)
		h->seen(h->seen_ctx, id, op, lba, blocks);
}

static bool strikes(struct fake_fault *f, bool hit)
{
	if (f->kind == FAULT_NONE || !hit)
		return false;
	if (f->skip > 0) {
		f->skip--;
		return false;
	}
	return true;
}

static void used(struct fake_fault *f)
{
	if (f->times > 0 && --f->times == 0)
		f->kind = FAULT_NONE;
}

static struct answer check_condition(uint8_t key, uint8_t asc, uint8_t ascq, bool info, lba_t lba)
{
	return (struct answer){
	        .status = SCSI_CHECK_CONDITION,
	        .has_sense = true,
	        .sense = {.key = key, .asc = asc, .ascq = ascq, .info_valid = info, .info = lba}};
}

/* True when a fault answers instead of the disk; *end: blocks of the command that are done. */
static bool fault_answers(struct hba *h, uint8_t id, const struct scsi_cdb *c, bool leads,
                          struct answer *a, uint32_t *end)
{
	bool read = c->op == OP_READ_16;

	for (unsigned i = 0; i < FAKE_FAULTS; i++) {
		struct fake_fault *f = &h->disk[id].fault[i];
		lba_t from = f->lba > c->lba ? f->lba : c->lba;
		bool touched = from < f->lba + f->blocks && from < c->lba + c->blocks;
		bool hit = f->kind == FAULT_MEDIUM   ? touched && (read || !f->reads)
		           : f->kind == FAULT_LEADER ? leads
		           : f->kind == FAULT_DEAF   ? h->broadcasting
		                                     : true;
		enum fake_fault_kind kind = f->kind;
		if (!strikes(f, hit))
			continue;
		uint8_t status = f->status, key = f->key;
		bool unaborted = f->unaborted, deferred = f->deferred;
		used(f);
		*end = 0;
		switch (kind) {
		case FAULT_NONE:
			break;
		case FAULT_MEDIUM:
			*a = check_condition(KEY_MEDIUM_ERROR, read ? 0x11 : 0x0c, 0, true, from);
			*end = (uint32_t)(from - c->lba);
			return true;
		case FAULT_CRC:
			*a = check_condition(KEY_ABORTED_COMMAND, 0x47, 1, false, 0);
			return true;
		case FAULT_SENSE:
			*a = check_condition(key, 0, 0, false, 0);
			a->sense.deferred = deferred;
			return true;
		case FAULT_STATUS:
			*a = (struct answer){.status = status};
			return true;
		case FAULT_NO_STATUS:
			*a = (struct answer){.kind = ANSWER_SILENT, .aborted = !unaborted};
			return true;
		case FAULT_NOT_TAKEN:
		case FAULT_DEAF:
		case FAULT_LEADER:
			*a = (struct answer){.kind = ANSWER_NOT_TAKEN};
			return true;
		case FAULT_DIE:
			*a = (struct answer){.kind = ANSWER_DIED};
			fake_gone(h, id);
			return true;
		}
	}
	return false;
}

/* Does a command at a disk. data: of the command, or where a read's go. */
static struct answer perform(struct hba *h, uint8_t id, const struct scsi_cdb *c, uint8_t *data,
                             bool leads)
{
	const struct hba_target *t = &h->target[id];
	struct fake_disk *d = &h->disk[id];
	struct answer a = {.status = SCSI_GOOD};
	uint32_t end = c->blocks, bs = t->block_size;

	if (t->state != HBA_READY)
		return (struct answer){.kind = ANSWER_DIED};
	bool faulty = fault_answers(h, id, c, leads, &a, &end);
	if (a.kind != ANSWER_STATUS)
		return a;
	a.moved = a.status == SCSI_BUSY || a.status == SCSI_TASK_SET_FULL ? 0 : c->blocks * bs;
	if (c->op == OP_SYNCHRONIZE_CACHE_16) {
		a.moved = 0;
		d->flushes += !faulty;
		if (!faulty)
			see(h, id, c->op, 0, 0);
		return a;
	}
	ck_assert(c->lba + c->blocks <= t->blocks);
	uint8_t *at = d->store + c->lba * bs;
	if (c->op == OP_WRITE_16) {
		memcpy(at, data, (size_t)end * bs);
		d->written += end;
		see(h, id, c->op, c->lba, end);
	} else if (c->op == OP_READ_16) {
		memcpy(data, at, (size_t)end * bs);
		a.moved = end * bs;
	} else {
		for (uint32_t i = 0; i < end; i++)
			if (memcmp(at + (size_t)i * bs, data + (size_t)i * bs, bs) != 0) {
				uint32_t moved = a.moved;
				a = check_condition(KEY_MISCOMPARE, 0x1d, 0, true, c->lba + i);
				a.moved = moved;
				break;
			}
	}
	return a;
}

/* ---- hba.h ---- */

bool hba_settled(const struct hba *h)
{
	for (uint8_t id = 0; id < WIRE_IDS; id++)
		if (hba_target(h, id)->state == HBA_SCANNING)
			return false;
	return hba_up(h);
}

const char *hba_other_initiator(const struct hba *h, uint8_t *id)
{
	*id = h->other ? 6 : WIRE_NO_ID;
	return h->other;
}

const char *hba_initiator(const struct hba *h, const uint8_t uuid[UUID_LEN], uint8_t *id)
{
	const char *name = memcmp(uuid, h->other_uuid, UUID_LEN) == 0 ? h->other : NULL;

	*id = name ? 6 : WIRE_NO_ID;
	return name;
}

const uint8_t *hba_own_uuid(const struct hba *h)
{
	return h->own_uuid;
}

bool hba_up(const struct hba *h)
{
	return h->up;
}

const struct hba_target *hba_target(const struct hba *h, uint8_t id)
{
	static const struct hba_target none = {.state = HBA_ABSENT};
	ck_assert(id < HBA_UNITS);
	return id < WIRE_IDS ? &h->target[id] : &none;
}

uint8_t hba_unit_at(const struct hba *h, uint8_t id, uint8_t lun)
{
	(void)h;
	return lun == 0 ? id : WIRE_NO_ID;
}

const struct hba_target *hba_find(const struct hba *h, const uint8_t uuid[UUID_LEN])
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (h->target[i].state == HBA_READY &&
		    memcmp(h->target[i].uuid, uuid, UUID_LEN) == 0)
			return &h->target[i];
	return NULL;
}

void hba_on_target(struct hba *h, hba_target_fn fn, void *ctx)
{
	h->on_target = fn;
	h->target_ctx = ctx;
}

void hba_on_reset(struct hba *h, hba_reset_fn fn, void *ctx)
{
	h->on_reset = fn;
	h->reset_ctx = ctx;
}

/* Its disks carry out each abort. */
void hba_on_drained(struct hba *h, hba_drained_fn fn, void *ctx)
{
	(void)h;
	(void)fn;
	(void)ctx;
}

static struct fake_op *queue(struct hba *h)
{
	ck_assert(h->n_ops < ARRAY_LEN(h->op));
	struct fake_op *o = &h->op[h->n_ops++];
	*o = (struct fake_op){.at = h->now + h->latency_ns};
	return o;
}

static void note(struct hba *h, const struct scsi_cdb *c, uint16_t ids, uint8_t leader, bool silent)
{
	ck_assert(h->n_trace < FAKE_TRACE_MAX);
	h->trace[h->n_trace++] = (struct fake_pass){.op = c->op,
	                                            .lba = c->lba,
	                                            .blocks = c->blocks,
	                                            .ids = ids,
	                                            .leader = leader,
	                                            .silent = silent,
	                                            .at = h->now};
	if (++h->in_flight > h->in_flight_most)
		h->in_flight_most = h->in_flight;
}

static bool writes(const struct scsi_cdb *c)
{
	return c->op == OP_WRITE_16;
}

static struct scsi_cdb task_cdb(const struct hba_task *t)
{
	struct scsi_cdb c;

	ck_assert(scsi_cdb_get((struct span){t->cdb, t->cdb_len}, &c));
	return c;
}

/* Nothing that overlaps on one disk is in flight beside a write. */
static void assert_alone(struct hba *h, const struct scsi_cdb *c, uint16_t ids)
{
	for (unsigned i = 0; i < h->n_ops; i++) {
		const struct fake_op *o = &h->op[i];
		struct scsi_cdb other;
		uint16_t to = 0;
		if (o->pass) {
			other = o->pass->cdb;
			for (unsigned k = 0; k < o->pass->n; k++)
				to |= (uint16_t)(1U << o->pass->m[k].target);
		} else if (o->task) {
			other = task_cdb(o->task);
			to = (uint16_t)(1U << o->task->target);
		} else {
			continue;
		}
		bool overlap = c->lba < other.lba + other.blocks && other.lba < c->lba + c->blocks;
		ck_assert_msg(!(overlap && (to & ids) && (writes(c) || writes(&other))),
		              "overlapping passes side by side at LBA %llu",
		              (unsigned long long)c->lba);
	}
}

void hba_pass_start(struct hba *h, struct hba_pass *p)
{
	uint16_t ids = 0;

	ck_assert(p->n >= 1 && p->n <= HBA_PASS_MEMBERS && p->data && p->done);
	ck_assert(p->data_len <= p->data->len);
	ck_assert_uint_eq(p->crc, crc_data(0, p->data->data, p->data_len));
	for (unsigned i = 0; i < p->n; i++) {
		const struct hba_target *t = &h->target[p->m[i].target];
		ck_assert(!(ids >> p->m[i].target & 1));
		ids |= (uint16_t)(1U << p->m[i].target);
		if (t->state == HBA_READY) { /* it must know that it is a member */
			ck_assert(t->member.member && t->member.group == p->group);
			ck_assert_uint_eq(t->member.device, p->m[i].device);
			ck_assert_uint_eq(p->data_len, p->cdb.blocks * t->block_size);
		}
	}
	assert_alone(h, &p->cdb, ids);
	note(h, &p->cdb, ids, p->m[0].target, true);
	h->trace[h->n_trace - 1].broadcast = p->broadcast;
	block_ref(p->data);
	p->op = 0;
	p->bus_ns = 0;
	p->leader_failed = false;
	queue(h)->pass = p;
}

void hba_task_start(struct hba *h, struct hba_task *t)
{
	struct scsi_cdb c = task_cdb(t);

	ck_assert(t->done);
	if (c.op == OP_SYNCHRONIZE_CACHE_16)
		see(h, t->target, c.op, 0, 1);
	else
		assert_alone(h, &c, (uint16_t)(1U << t->target));
	note(h, &c, (uint16_t)(1U << t->target), t->target, false);
	if (t->data_out)
		block_ref(t->data_out);
	queue(h)->task = t;
}

void hba_set_member(struct hba *h, uint8_t target, struct hba_set_member *s)
{
	struct fake_op *o = queue(h);

	ck_assert(s->param && s->param->len >= MODE_MIRROR_LEN + 8);
	o->set = s;
	o->target = target;
}

/* ---- completing ---- */

static void finish_pass(struct hba *h, struct fake_op *o)
{
	struct hba_pass *p = o->pass;
	struct answer a;

	p->bus_ns = 1000;
	for (unsigned i = 0; i < p->n; i++) {
		struct hba_pass_member *m = &p->m[i];
		if (o->lost) {
			m->outcome = PASS_LOST;
			continue;
		}
		if (p->leader_failed) {
			m->outcome = PASS_NOT_TAKEN;
			continue;
		}
		/* Without a leader that clocks the data nobody has them. */
		if (p->broadcast && i > 0 && p->m[0].moved == 0) {
			m->outcome = PASS_NOT_TAKEN;
			continue;
		}
		h->broadcasting = p->broadcast;
		a = perform(h, m->target, &p->cdb, p->data->data, i == 0);
		h->broadcasting = false;
		m->status = a.status;
		m->has_sense = a.has_sense;
		m->sense = a.sense;
		m->moved = a.moved;
		m->aborted = a.aborted;
		switch (a.kind) {
		case ANSWER_STATUS:
			m->outcome = PASS_STATUS;
			break;
		case ANSWER_SILENT:
			m->outcome = PASS_TIMEOUT;
			break;
		case ANSWER_NOT_TAKEN:
			m->outcome = PASS_NOT_TAKEN;
			p->leader_failed = i == 0;
			break;
		case ANSWER_DIED:
			m->outcome = PASS_LOST;
			p->leader_failed = i == 0;
			break;
		}
	}
	block_unref(p->data);
	p->done(p);
}

static void finish_task(struct hba *h, struct fake_op *o)
{
	struct hba_task *t = o->task;
	struct scsi_cdb c = task_cdb(t);
	struct block *in = t->data_in_len ? block_new(t->data_in_len) : NULL;
	uint8_t *data = t->data_out ? t->data_out->data : in ? in->data : NULL;
	struct answer a = {.kind = ANSWER_DIED};

	if (!o->lost)
		a = perform(h, t->target, &c, data, false);
	t->bus_ns = 3000;
	t->aborted = a.aborted;
	t->status = a.status;
	t->has_sense = a.has_sense;
	t->sense = a.sense;
	if (a.kind == ANSWER_STATUS && in && a.moved > 0) {
		/* in two parts, as a long DATA IN comes */
		uint32_t half = a.moved / 2;
		struct block part = *in;
		part.refs = 1;
		part.release = NULL;
		if (half > 0)
			t->data_in(t, 0, &part, half);
		part.data += half;
		part.len -= half;
		t->data_in(t, half, &part, a.moved - half);
		t->moved_in = a.moved;
	}
	t->moved_out = t->data_out ? a.moved : 0;
	t->outcome = a.kind == ANSWER_STATUS   ? HBA_COMPLETED
	             : a.kind == ANSWER_SILENT ? HBA_COMMAND_TIMEOUT
	             : o->lost                 ? HBA_BUS_RESET
	                                       : HBA_ABORTED;
	block_unref(in);
	block_unref(t->data_out);
	t->done(t);
}

/* The page is another one than the caller takes it to be, and not by us. */
static bool is_anothers(struct hba *h, const struct fake_op *o)
{
	struct mode_mirror *page = &h->target[o->target].member;

	if (h->disk[o->target].unread)
		*page = h->disk[o->target].page;
	h->disk[o->target].unread = false;
	return page->member && memcmp(page->owner, h->own_uuid, UUID_LEN) != 0 &&
	       !mode_mirror_equal(page, &o->set->was);
}

static void finish_set(struct hba *h, struct fake_op *o)
{
	struct hba_set_member *s = o->set;
	struct hba_target *t = &h->target[o->target];
	bool ok = !o->lost && t->state == HBA_READY && !h->disk[o->target].page_fails;

	s->busy = ok && h->disk[o->target].page_busy > 0;
	if (s->busy) {
		h->disk[o->target].page_busy--;
		ok = false;
	}
	if (ok && is_anothers(h, o)) {
		s->conflict = true;
		ok = false;
		h->disk[o->target].untold = true;
	}
	bool lost = ok && h->disk[o->target].page_lost;
	if (lost) {
		t->member = s->page;
		s->may_have = true;
		ok = false;
	}
	if (ok) {
		t->member = s->page;
		t->vpd.started &= s->page.importing;
		see(h, o->target, OP_MODE_SELECT_10, 0, 0);
		tell(h, o->target);
	}
	block_unref(s->param);
	s->done(s, ok, ok ? NULL : "refused");
	if (lost)
		fake_gone(h, o->target);
}

void fake_run(struct hba *h, ns_t now)
{
	h->now = now;
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		if (!h->disk[i].untold || h->disk[i].mute)
			continue;
		tell(h, i);
		h->disk[i].untold = false;
	}
	for (uint8_t i = 0; i < WIRE_IDS && now >= h->scan_ends; i++) {
		if (h->target[i].state != HBA_SCANNING || h->disk[i].scanning)
			continue;
		h->target[i].state = HBA_READY;
		if (h->disk[i].unread)
			h->target[i].member = h->disk[i].page;
		h->disk[i].unread = false;
		tell(h, i);
	}
	for (unsigned i = 0; i < h->n_ops && !h->held;) {
		struct fake_op o = h->op[i];
		if (o.at > now && !o.lost) {
			i++;
			continue;
		}
		memmove(&h->op[i], &h->op[i + 1], (h->n_ops - i - 1) * sizeof(o));
		h->n_ops--;
		if (!o.set)
			h->in_flight--;
		if (o.pass)
			finish_pass(h, &o);
		else if (o.task)
			finish_task(h, &o);
		else
			finish_set(h, &o);
	}
}

ns_t fake_deadline(const struct hba *h)
{
	ns_t at = NS_NEVER;

	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (h->target[i].state == HBA_SCANNING && !h->disk[i].scanning)
			at = h->scan_ends;

	for (unsigned i = 0; i < h->n_ops && !h->held; i++)
		if (h->op[i].at < at)
			at = h->op[i].lost ? h->now : h->op[i].at;
	return at;
}

unsigned fake_count(const struct hba *h, enum scsi_op op, int id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_trace; i++)
		n += h->trace[i].op == op && (id < 0 || (h->trace[i].ids >> id & 1));
	return n;
}
