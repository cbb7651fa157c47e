/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads, writes and flushes of a group: cut into runs of the group's transfer
 * length, the group's window of them at once.
 */
#include "initiator/core.h"

#include "base/assert.h"

static bool check_range(const struct group *g, uint64_t offset, uint32_t len,
                        const struct block *data, struct ini_error *e)
{
	uint32_t bs = g->pub.block_size;

	if (len == 0 || len % bs || offset % bs)
		return ini_refuse(e, INI_E_BAD_RANGE,
		                  "offset and length must be multiples of the block size, %u", bs);
	if (len > WIRE_DATA_MAX)
		return ini_refuse(e, INI_E_BAD_RANGE, "%u bytes at once, at most %u", len,
		                  WIRE_DATA_MAX);
	if (offset / bs >= g->pub.blocks || len / bs > g->pub.blocks - offset / bs)
		return ini_refuse(e, INI_E_BAD_RANGE,
		                  "bytes %llu to %llu go beyond the end of group %s, %llu bytes",
		                  (unsigned long long)offset, (unsigned long long)(offset + len),
		                  g->pub.name, (unsigned long long)(g->pub.blocks * bs));
	if (!data || data->len < len)
		return ini_refuse(e, INI_E_BAD_VALUE, "fewer data than the length says");
	return true;
}

static struct group *usable(struct ini *ini, const char *name, struct ini_error *e)
{
	struct group *g = group_need(ini, name, e);

	if (!g)
		return NULL;
	if (ini->draining) {
		(void)ini_refuse(e, INI_E_SHUTDOWN, "the daemon is shutting down");
		return NULL;
	}
	if (g->command) {
		(void)ini_refuse(e, INI_E_BUSY, "group %s is being changed", name);
		return NULL;
	}
	if (!ini->bus_up) {
		(void)ini_refuse(e, INI_E_BUS_DOWN, "there is no bus server");
		return NULL;
	}
	if (!group_is_ours(g, e))
		return NULL;
	if (members_in_sync(g) == 0) {
		(void)ini_refuse(e, INI_E_UNSYNCED,
		                 "no member of group %s is in sync: mirror an image to it first",
		                 name);
		return NULL;
	}
	return g;
}

static bool start(struct ini *ini, struct group *g, enum cmd_kind kind, uint64_t offset,
                  uint32_t len, struct block *data, uint64_t token, struct ini_error *e)
{
	struct cmd *c = cmd_new(ini, kind, token, e);
	if (!c)
		return false;
	c->g = g;
	c->first = c->next = offset / g->pub.block_size;
	c->end = c->first + len / g->pub.block_size;
	c->data = data ? block_ref(data) : NULL;
	return true;
}

bool group_is_written(const struct group *g)
{
	const struct cmd *c;

	TAILQ_FOREACH (c, &g->ini->cmd_live, link)
		if (c->g == g && c->kind == CMD_WRITE)
			return true;
	return false;
}

bool ini_group_write(struct ini *ini, const char *name, uint64_t offset, uint32_t len,
                     struct block *data, uint64_t token, struct ini_error *e)
{
	struct group *g = usable(ini, name, e);

	if (!g || !check_range(g, offset, len, data, e))
		return false;
	const struct job *j;
	TAILQ_FOREACH (j, &ini->job_live, live)
		if (j->g == g && j->pub.type == JOB_MIRROR &&
		    (j->phase > PHASE_QUEUED || j->bars_writes))
			return ini_refuse(e, INI_E_BUSY, "job %u is mirroring an image to group %s",
			                  j->pub.id, name);
	return start(ini, g, CMD_WRITE, offset, len, data, token, e);
}

bool ini_group_read(struct ini *ini, const char *name, uint64_t offset, uint32_t len,
                    struct block *into, uint64_t token, struct ini_error *e)
{
	struct group *g = usable(ini, name, e);

	return g && check_range(g, offset, len, into, e) &&
	       start(ini, g, CMD_READ, offset, len, into, token, e);
}

bool ini_group_flush(struct ini *ini, const char *name, uint64_t token, struct ini_error *e)
{
	struct group *g = usable(ini, name, e);

	return g && start(ini, g, CMD_FLUSH, 0, g->pub.block_size, NULL, token, e);
}

/* One io; false: none is free at this moment. */
static bool next_io(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;
	struct io *io = io_new(ini, g, NULL, c);

	if (!io)
		return false;
	uint32_t bs = g->pub.block_size;
	uint16_t sync = members_in_sync(g);
	uint32_t most = group_transfer(g, 0, UINT16_MAX) / bs; /* whoever it will go to */
	lba_t left = c->end - c->next;

	io->lba = c->next;
	io->blocks = left < most ? (uint32_t)left : most;
	io->data = c->data ? block_ref(c->data) : NULL;
	io->data_off = (uint32_t)(c->next - c->first) * bs;
	if (c->kind == CMD_WRITE) {
		io->kind = IO_WRITE;
		io->want = sync | members_syncing(g);
	} else if (c->kind == CMD_READ) {
		io->kind = IO_READ;
		io->from = sync;
	} else {
		io->kind = IO_FLUSH;
		/* Who comes in sync with what it holds promises it, too. */
		io->want = sync | members_syncing(g);
		c->log_ticket = intent_ticket(g->log);
	}
	c->next += io->blocks;
	c->ios++;
	io_start(io);
	return true;
}

static void device_error(struct cmd *c, const struct io *io)
{
	const struct group *g = c->g;
	const char *member = g->pub.m[io->last_member].name;
	const char *what = c->kind == CMD_READ    ? "be read"
	                   : c->kind == CMD_WRITE ? "be written"
	                                          : "be flushed";
	char text[128];

	(void)ini_refuse(&c->error, INI_E_DEVICE, "group %s could not %s: %s: %s", g->pub.name,
	                 what, member, why_text(&io->last, text, sizeof(text)));
	ini_error_why(&c->error, member, &io->last);
}

/* Once: what it was to make durable may not be there any more. */
static bool tell_lost(struct cmd *c)
{
	struct group *g = c->g;

	if (c->kind != CMD_FLUSH || c->forgotten || !g->pub.unflushed_lost)
		return false;
	g->pub.unflushed_lost = false;
	(void)save_request(g->ini);
	(void)ini_refuse(
	        &c->error, INI_E_LOST,
	        "writes to group %s that were acknowledged may be lost: all of its members "
	        "in sync were started again before they were flushed",
	        g->pub.name);
	return true;
}

void group_io_done(struct cmd *c, struct io *io)
{
	struct group *g = c->g;

	sm_assert(c->ios > 0);
	c->ios--;
	/* One that was started again meanwhile had lost it when it confirmed that. */
	if (io->kind == IO_FLUSH && !io->bad)
		log_flushed(g, c->log_ticket,
		            io->want & (uint16_t)~io->restarted & members_in_sync(g));
	if (c->clean)
		log_clean_done(g, !io->bad);
	if (c->error.kind != INI_OK || !group_is_ours(g, &c->error))
		return;
	if (io->log_failed)
		(void)ini_refuse(&c->error, INI_E_STATE_DIR,
		                 "the write-intent log of group %s could not be saved",
		                 g->pub.name);
	else if (io->ticket && g->change_error.kind != INI_OK)
		c->error = g->change_error;
	else if (c->kind == CMD_READ ? io->bad != 0 : !(io->sync & ~io->bad))
		device_error(c, io);
	else if (!tell_lost(c) && c->kind != CMD_READ && !io_lasts(io))
		(void)ini_refuse(&c->error, INI_E_UNSYNCED,
		                 "the members of group %s that took it are not in sync any more",
		                 g->pub.name);
}

void group_io_step(struct ini *ini, struct cmd *c)
{
	if (c->next < c->end && c->error.kind == INI_OK && members_in_sync(c->g) == 0)
		(void)ini_refuse(&c->error, INI_E_UNSYNCED, "no member of group %s is in sync",
		                 c->g->pub.name);
	while (c->error.kind == INI_OK && c->next < c->end && c->ios < c->g->pub.window)
		if (!next_io(ini, c))
			break;
	if (c->ios > 0 || (c->next < c->end && c->error.kind == INI_OK))
		return;
	if (c->clean && c->next < c->end)
		log_clean_done(c->g, false); /* it was not even begun */
	cmd_reply(ini, c);
}
