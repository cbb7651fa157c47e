/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that reply later: their table, waiting for jobs, callers that go. */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

struct cmd *cmd_new(struct ini *ini, enum cmd_kind kind, uint64_t token, struct ini_error *e)
{
	struct cmd *c = TAILQ_FIRST(&ini->cmd_free);

	if (kind == CMD_WAIT && ini->n_waits >= INI_WAITS) {
		(void)ini_refuse(e, INI_E_TOO_MANY, "%d requests wait for jobs already", INI_WAITS);
		return NULL;
	}
	if (!c) {
		(void)ini_refuse(e, INI_E_TOO_MANY, "%d commands are in work already", INI_CMDS);
		return NULL;
	}
	TAILQ_REMOVE(&ini->cmd_free, c, link);
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->token = token;
	ini->n_waits += kind == CMD_WAIT;
	TAILQ_INSERT_TAIL(&ini->cmd_live, c, link);
	ini->moves++;
	return c;
}

void cmd_reply(struct ini *ini, struct cmd *c)
{
	sm_assert(!c->replying && c->ios == 0);
	ini->moves++; /* a job may wait for its end */
	TAILQ_REMOVE(&ini->cmd_live, c, link);
	c->replying = true;
	TAILQ_INSERT_TAIL(&ini->replies, c, link);
}

/* Of one that is in no list any more. */
void cmd_free(struct ini *ini, struct cmd *c)
{
	block_unref(c->data);
	c->data = NULL;
	ini->n_waits -= c->kind == CMD_WAIT;
	c->kind = CMD_FREE;
	TAILQ_INSERT_TAIL(&ini->cmd_free, c, link);
}

static void wait_step(struct ini *ini, struct cmd *c)
{
	if (c->over == ini->jobs_over)
		return;
	c->over = ini->jobs_over;
	const struct job *j = job_find(ini, c->job);
	if (!j) {
		(void)ini_refuse(&c->error, INI_E_NO_SUCH_JOB, "job %u is not listed any more",
		                 c->job);
		cmd_reply(ini, c);
	} else if (j->pub.state == JOB_CONCLUDED || j->pub.state == JOB_DISMISSED) {
		cmd_reply(ini, c);
	}
}

static void step(struct ini *ini, struct cmd *c)
{
	switch (c->kind) {
	case CMD_FREE:
		sm_assert(false);
		break;
	case CMD_CREATE:
	case CMD_DELETE:
	case CMD_ADD:
	case CMD_REMOVE:
	case CMD_SET:
	case CMD_IMPORT:
		group_cmd_step(ini, c);
		break;
	case CMD_WRITE:
	case CMD_READ:
	case CMD_FLUSH:
		group_io_step(ini, c);
		break;
	case CMD_WAIT:
		wait_step(ini, c);
		break;
	case CMD_BYPASS:
		bypass_step(ini, c);
		break;
	}
}

void cmd_run(struct ini *ini)
{
	struct cmd *c = TAILQ_FIRST(&ini->cmd_live);

	while (c) {
		struct cmd *next = TAILQ_NEXT(c, link);
		step(ini, c);
		c = next;
	}
}

bool ini_job_wait(struct ini *ini, uint32_t id, uint64_t token, struct ini_error *e)
{
	if (!job_find(ini, id))
		return ini_refuse(e, INI_E_NO_SUCH_JOB, "there is no job %u", id);
	struct cmd *c = cmd_new(ini, CMD_WAIT, token, e);
	if (!c)
		return false;
	c->job = id;
	c->over = ini->jobs_over - 1;
	return true;
}

void ini_forget(struct ini *ini, uint64_t token)
{
	struct cmd *c, *next;

	TAILQ_FOREACH (c, &ini->replies, link)
		if (c->token == token)
			c->forgotten = true;
	for (c = TAILQ_FIRST(&ini->cmd_live); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->token != token)
			continue;
		c->forgotten = true;
		if (c->kind != CMD_WAIT)
			continue; /* what was begun is brought to its end */
		TAILQ_REMOVE(&ini->cmd_live, c, link);
		cmd_free(ini, c);
	}
}
