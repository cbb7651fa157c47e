/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One attempt: a run of blocks goes out to some members, by one mirroring pass
 * (silent, broadcast) or one command each (conventional, and what moves no data to them). Outcomes
 * are noted in done(); what follows is decided when the io is stepped.
 */
#include "initiator/core.h"

#include "base/assert.h"
#include "base/crc.h"

#include <string.h>

static struct scsi_cdb cdb_of(enum scsi_op op, lba_t lba, uint32_t blocks)
{
	const struct scsi_op_info *info = scsi_op_info(op);

	return (struct scsi_cdb){.op = op,
	                         .opcode = info->opcode,
	                         .len = info->cdb_len,
	                         .lba = lba,
	                         .blocks = blocks,
	                         .bytchk = op == OP_VERIFY_16 ? 1 : 0};
}

static struct scsi_cdb run_cdb(const struct io *io)
{
	switch (io->kind) {
	case IO_WRITE:
		return cdb_of(OP_WRITE_16, io->try.lba, io->try.blocks);
	case IO_VERIFY:
		return cdb_of(OP_VERIFY_16, io->try.lba, io->try.blocks);
	case IO_READ: /* has a command of its own */
	case IO_FLUSH:
		break;
	}
	return cdb_of(OP_SYNCHRONIZE_CACHE_16, 0, 0); /* the whole medium */
}

static void count(struct io *io, enum ini_mode mode, uint64_t n, bool resend)
{
	if (!io->job)
		return;
	io->job->pub.passes[mode] += n;
	if (resend)
		io->job->pub.resend_passes += n;
}

static void landed(struct io *io, unsigned member, struct verdict *v, bool answered)
{
	struct member *x = &io->g->x[member];

	bool ready = hba_target(io->ini->hba, x->last_unit)->state == HBA_READY;

	if (v->loose && ready && io->kind == IO_WRITE)
		x->loose = true;
	if (x->loose || !answered)
		revive_touch(io->ini);
	/* Not its fault when it, or the whole bus, has just gone. */
	if (!answered && v->kind == V_HARD && !ready)
		v->kind = V_SOFT;

	sm_assert(io->flying >> member & 1);
	io->flying &= (uint16_t) ~(1U << member);
	if (answered)
		x->mute = 0;
	else if (v->kind == V_HARD && x->mute < INI_MUTE_LIMIT)
		x->mute++;
	resend_outcome(io, member, io->try.lba, io->try.blocks, v);
}

static void attempt_over(struct io *io, ns_t bus_ns)
{
	if (io->job)
		io->job->pub.bus_ns += bus_ns;
	if (io->flying)
		return;
	if (io->try.view)
		block_unref(&io->try.view->b);
	io->try.view = NULL;
	io_due(io);
}

/* ---- silent, broadcast: one pass ---- */

static unsigned by_id(const struct io *io, const struct hba_pass_member *m)
{
	for (unsigned i = 0; i < io->g->pub.n; i++)
		if (io->g->pub.m[i].device == m->device)
			return i;
	sm_assert(false);
	return 0;
}

static void pass_done(struct hba_pass *p)
{
	struct io *io = p->ctx;

	/* A leader that skips a broadcast's data leaves all others without: another one is to lead.
	 */
	bool refused =
	        p->broadcast && p->n > 1 && p->m[0].outcome == PASS_STATUS && p->m[0].moved == 0;
	if (p->leader_failed || refused)
		io->g->x[by_id(io, &p->m[0])].leader_fail = true;
	for (unsigned k = 0; k < p->n; k++) {
		const struct hba_pass_member *m = &p->m[k];
		struct verdict v = verdict_pass(m, p, io->kind, io->try.lba, io->try.blocks);
		landed(io, by_id(io, m), &v, m->outcome == PASS_STATUS);
	}
	attempt_over(io, p->bus_ns);
}

/* The same leader again and again, so that passes can be chained; another one when it failed. */
static unsigned elect(struct group *g, uint16_t members)
{
	unsigned first = INI_MEMBERS_MAX;

	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!(members >> i & 1))
			continue;
		if (!g->x[i].leader_fail)
			return i;
		if (first == INI_MEMBERS_MAX)
			first = i;
	}
	sm_assert(first < INI_MEMBERS_MAX);
	for (unsigned i = 0; i < g->pub.n; i++) /* all have failed once: begin again */
		if (members >> i & 1)
			g->x[i].leader_fail = false;
	return first;
}

static void add_member(struct hba_pass *p, const struct ini_member *m)
{
	p->m[p->n++] =
	        (struct hba_pass_member){.target = m->id, .lun = m->lun, .device = m->device};
}

static void start_pass(struct io *io, enum ini_mode mode, uint16_t members, struct block *data,
                       uint32_t len)
{
	struct group *g = io->g;
	struct hba_pass *p = &io->u.pass;
	unsigned leader = elect(g, members);

	/* Members are filled in below, and what follows them by hba_pass_start(). */
	memset(p, 0, offsetof(struct hba_pass, m));
	p->broadcast = mode == INI_BROADCAST;
	p->group = g->pub.id;
	p->cdb = run_cdb(io);
	p->data = data;
	p->data_len = len;
	p->crc = crc_data(0, data->data, len);
	add_member(p, &g->pub.m[leader]);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (i != leader && (members >> i & 1))
			add_member(p, &g->pub.m[i]);
	p->done = pass_done;
	p->ctx = io;
	hba_pass_start(io->ini->hba, p);
}

/* ---- conventional: a command each ---- */

static void task_done(struct hba_task *t)
{
	struct io *io = t->ctx;
	unsigned member = (unsigned)(t - io->u.task);
	struct verdict v = verdict_task(t, io->kind, io->try.lba, io->try.blocks);

	landed(io, member, &v, t->outcome == HBA_COMPLETED);
	attempt_over(io, t->bus_ns);
}

static struct hba_task *prepare_task(struct io *io, unsigned member, const struct scsi_cdb *cdb)
{
	struct hba_task *t = &io->u.task[member];

	memset(t, 0, sizeof(*t));
	t->target = io->g->pub.m[member].id;
	t->lun = io->g->pub.m[member].lun;
	t->takes_attention = true;
	t->cdb_len = (uint8_t)scsi_cdb_put(cdb, t->cdb);
	t->ctx = io;
	return t;
}

static void start_tasks(struct io *io, uint16_t members, struct block *data, uint32_t len)
{
	struct scsi_cdb cdb = run_cdb(io);

	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(members >> i & 1))
			continue;
		struct hba_task *t = prepare_task(io, i, &cdb);
		t->data_out = data;
		t->data_out_len = len;
		t->done = task_done;
		hba_task_start(io->ini->hba, t);
	}
}

/* A broadcast is for all at once; who missed it then gets it by silent passes. */
static enum ini_mode mode_of(struct io *io, uint16_t members)
{
	enum ini_mode mode = io->kind == IO_FLUSH ? INI_CONVENTIONAL : io_mode(io);

	if (mode != INI_BROADCAST)
		return mode;
	if (io->broadcast || !broadcast_fits(io->g, members))
		return INI_SILENT;
	io->broadcast = true;
	return INI_BROADCAST;
}

bool attempt_start(struct io *io, int run, uint16_t members)
{
	const struct mir_run *r = &io->set.run[run];
	uint32_t bs = io->g->pub.block_size, len = r->blocks * bs;
	bool resend = (r->before & members) != 0;
	struct block *data = NULL;

	io->try.lba = r->lba;
	io->try.blocks = r->blocks;
	io->try.members = members;
	io->try.view = NULL;
	if (io->kind == IO_FLUSH) {
		len = 0;
	} else {
		uint32_t off = io->data_off + (uint32_t)(r->lba - io->lba) * bs;
		data = io->data;
		sm_assert(off + len <= data->len);
		if (off > 0) {
			io->try.view = view_get(io->ini, data, off, len);
			if (!io->try.view)
				return false;
			data = &io->try.view->b;
		}
	}
	mir_set_send(&io->set, run, members);
	io->flying = members;
	io->sent |= members;
	enum ini_mode mode = mode_of(io, members);
	if (mode != INI_CONVENTIONAL) {
		count(io, mode, 1, resend);
		start_pass(io, mode, members, data, len);
	} else {
		unsigned n = (unsigned)__builtin_popcount(members);
		count(io, INI_CONVENTIONAL, n, resend);
		start_tasks(io, members, data, len);
	}
	return true;
}

/* ---- reading ---- */

static void read_data(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len)
{
	struct io *io = t->ctx;
	uint32_t want = io->try.blocks * io->g->pub.block_size;
	uint32_t at = io->data_off + (uint32_t)(io->try.lba - io->lba) * io->g->pub.block_size;

	/* More than was asked for is the target's fault: its residual will show it. */
	if (offset > want || len > want - offset || len > data->len)
		return;
	memcpy(io->data->data + at + offset, data->data, len);
}

static void read_done(struct hba_task *t)
{
	struct io *io = t->ctx;
	struct verdict v = verdict_task(t, IO_READ, io->try.lba, io->try.blocks);

	if (v.kind == V_GOOD && t->moved_in != t->data_in_len) {
		v.kind = V_HARD;
		v.why.what = "the target sent fewer data than were asked for";
	}
	io->flying = 0;
	if (t->outcome == HBA_COMPLETED)
		io->g->x[io->rd.member].mute = 0;
	source_outcome(io, &v);
	attempt_over(io, t->bus_ns);
}

void attempt_command(struct io *io, unsigned member, enum scsi_op op,
                     void (*data_in)(struct hba_task *t, uint32_t offset, struct block *data,
                                     uint32_t len),
                     void (*done)(struct hba_task *t))
{
	struct scsi_cdb cdb = cdb_of(op, io->try.lba, io->try.blocks);
	struct hba_task *t = prepare_task(io, member, &cdb);

	count(io, INI_CONVENTIONAL, 1, false);
	t->data_in_len = io->try.blocks * io->g->pub.block_size;
	t->data_in = data_in;
	t->done = done;
	hba_task_start(io->ini->hba, t);
}

void attempt_read(struct io *io)
{
	io->try.lba = io->rd.lba;
	io->try.blocks = io->rd.blocks;
	io->try.view = NULL;
	io->flying = (uint16_t)(1U << io->rd.member);
	attempt_command(io, io->rd.member, OP_READ_16, read_data, read_done);
}
