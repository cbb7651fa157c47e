/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actions. None is queued: ini_output() looks what is due and makes one of it, so there
 * is no queue that could overflow.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdio.h>

static bool out_log(struct ini *ini, struct ini_action *a)
{
	if (ini->log_n == 0 && ini->log_lost == 0)
		return false;
	a->kind = INI_ACT_LOG;
	if (ini->log_n == 0) {
		a->level = 4;
		(void)snprintf(a->text, sizeof(a->text), "%llu lines of the log were lost",
		               (unsigned long long)ini->log_lost);
		ini->log_lost = 0;
		return true;
	}
	const struct log_line *line = &ini->log[ini->log_first];
	a->level = line->level;
	copy_text(a->text, sizeof(a->text), line->text);
	ini->log_first = (ini->log_first + 1) % INI_LOG_LINES;
	ini->log_n--;
	return true;
}

/* One save at a time; what was asked for meanwhile goes with the next one. */
static bool out_save(struct ini *ini, struct ini_action *a)
{
	if (ini->save_flying || ini->save_out == ini->save_wanted)
		return false;
	ini->save_flying = true;
	ini->save_out = ini->save_wanted;
	ini->next_out = ini->next_job;
	a->kind = INI_ACT_SAVE;
	a->op = ini->save_out;
	return true;
}

static bool out_file(struct ini *ini, struct ini_action *a)
{
	struct io *io = TAILQ_FIRST(&ini->io_files);

	if (!io)
		return false;
	TAILQ_REMOVE(&ini->io_files, io, file);
	io->wants_file = false;
	sm_assert(io->job && (io->state == IO_FILE || io->state == IO_SINK));
	a->kind = io->state == IO_SINK            ? INI_ACT_FILE_WRITE
	          : io->job->pub.type == JOB_LOAD ? INI_ACT_BLOCK
	                                          : INI_ACT_FILE_READ;
	a->op = io->file_op;
	a->file = io->job->file;
	a->offset = io->file_offset;
	a->len = io->blocks * io->g->pub.block_size;
	a->data = io->state == IO_SINK ? io->data : NULL;
	a->data_off = io->data_off;
	return true;
}

static bool out_job_file(struct ini *ini, struct ini_action *a)
{
	struct job *j;

	if (!ini->syncs_due && !ini->closes_due)
		return false;
	TAILQ_FOREACH (j, &ini->job_list, link) {
		if (j->sync_wanted) {
			j->sync_wanted = false;
			j->sync_flying = true;
			a->kind = INI_ACT_FILE_SYNC;
			/* No io has index INI_IOS: this is the job's own. */
			j->sync_op = (uint64_t)j->pub.id << 32 | INI_IOS;
			a->op = j->sync_op;
			a->file = j->file;
			return true;
		}
		if (j->close_due) {
			j->close_due = false;
			a->kind = INI_ACT_FILE_CLOSE;
			a->file = j->file;
			return true;
		}
	}
	ini->syncs_due = ini->closes_due = false;
	return false;
}

static bool out_reply(struct ini *ini, struct ini_action *a)
{
	struct cmd *c;

	while ((c = TAILQ_FIRST(&ini->replies))) {
		TAILQ_REMOVE(&ini->replies, c, link);
		if (c->forgotten) {
			cmd_free(ini, c);
			continue;
		}
		ini->out_cmd = c;
		a->kind = INI_ACT_REPLY;
		a->token = c->token;
		a->error = c->error;
		a->id = c->job;
		a->data = c->kind == CMD_READ && c->error.kind == INI_OK ? c->data : NULL;
		a->data_off = 0;
		a->len = a->data ? (uint32_t)a->data->len : 0;
		return true;
	}
	return false;
}

static bool out_gone(struct ini *ini, struct ini_action *a)
{
	if (ini->gone_n == 0)
		return false;
	const struct gone *x = &ini->gone[ini->gone_first];
	a->kind = INI_ACT_CHANGED;
	a->object = x->object;
	copy_text(a->name, sizeof(a->name), x->name);
	a->id = x->id;
	a->gone = true;
	ini->gone_first = (ini->gone_first + 1) % INI_GONE_MAX;
	ini->gone_n--;
	return true;
}

static bool changed(struct ini_action *a, enum ini_object object, const char *name, uint32_t id,
                    bool gone)
{
	a->kind = INI_ACT_CHANGED;
	a->object = object;
	copy_text(a->name, sizeof(a->name), name);
	a->id = id;
	a->gone = gone;
	return true;
}

static bool out_changed(struct ini *ini, struct ini_action *a)
{
	struct job *j;

	if (ini->bus_changed) {
		ini->bus_changed = false;
		return changed(a, OBJ_BUS, "", 0, false);
	}
	if (ini->targets_changed) {
		uint8_t id = (uint8_t)__builtin_ctzll(ini->targets_changed);
		ini->targets_changed &= ini->targets_changed - 1;
		return changed(a, OBJ_TARGET, "", id,
		               hba_target(ini->hba, id)->state == HBA_ABSENT);
	}
	if (!ini->announce)
		return false;
	if (out_gone(ini, a))
		return true;
	for (unsigned i = 0; i < ini->n_listed; i++) {
		struct group *g = ini->listed[i];
		if (!g->changed)
			continue;
		g->changed = false;
		return changed(a, OBJ_GROUP, g->pub.name, 0, false);
	}
	TAILQ_FOREACH (j, &ini->job_list, link) {
		if (!j->changed)
			continue;
		j->changed = false;
		return changed(a, OBJ_JOB, "", j->pub.id, false);
	}
	ini->announce = false;
	return false;
}

const struct ini_action *ini_output(struct ini *ini)
{
	struct ini_action *a = &ini->out;

	if (ini->out_cmd)
		cmd_free(ini, ini->out_cmd);
	ini->out_cmd = NULL;
	if (out_log(ini, a) || out_intent(ini, a) || out_save(ini, a) || out_file(ini, a) ||
	    out_job_file(ini, a) || out_changed(ini, a) || out_reply(ini, a))
		return a;
	return NULL;
}

/* ---- completions of file operations ---- */

static void ready(struct io *io)
{
	if (!io->data || io->abandon) {
		io_finish(io);
		return;
	}
	io->state = IO_FREADY;
	TAILQ_INSERT_TAIL(&io->job->ready, io, link);
	io->ini->moves++;
}

void ini_block_done(struct ini *ini, uint64_t op, struct block *block)
{
	struct io *io = io_by_op(ini, op);

	if (!io || io->state != IO_FILE || io->job->pub.type != JOB_LOAD)
		return;
	if (!block || block->len < io->blocks * io->g->pub.block_size)
		job_fail(io->job, INI_E_IO, "there is no memory for the data of write %llu",
		         (unsigned long long)io->number);
	else
		load_data(io, block);
	ready(io);
}

void ini_file_read_done(struct ini *ini, uint64_t op, int err, struct block *data)
{
	struct io *io = io_by_op(ini, op);

	if (!io || io->state != IO_FILE || io->job->pub.type == JOB_LOAD)
		return;
	uint32_t len = io->blocks * io->g->pub.block_size;
	if (err || !data || data->len < len)
		job_fail(io->job, INI_E_IO, "image %.100s could not be read at byte %llu: %s",
		         io->job->pub.image, (unsigned long long)io->file_offset,
		         err ? errno_text(err) : "it ends there");
	else
		io->data = block_ref(data);
	ready(io);
}

static void synced(struct ini *ini, uint64_t op, int err)
{
	struct job *j = job_find(ini, (uint32_t)(op >> 32));

	if (!j || !j->sync_flying || j->sync_op != op)
		return;
	j->sync_flying = false;
	ini->moves++;
	if (err)
		job_fail(j, INI_E_IO, "file %.100s could not be flushed: %s", j->pub.image,
		         errno_text(err));
}

void ini_file_done(struct ini *ini, uint64_t op, int err)
{
	if ((uint32_t)op == INI_IOS) {
		synced(ini, op, err);
		return;
	}
	struct io *io = io_by_op(ini, op);
	if (!io || io->state != IO_SINK)
		return;
	if (err)
		job_fail(io->job, INI_E_IO, "file %.100s could not be written at byte %llu: %s",
		         io->job->pub.image, (unsigned long long)io->file_offset, errno_text(err));
	io_finish(io);
}
