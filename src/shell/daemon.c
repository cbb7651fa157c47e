/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's life:
 *
 *   state restored --> attached, scanned --> ready --SIGTERM--> draining --> stopped
 *
 * and its one loop: whatever comes (frames, requests, completions) only notes itself and wakes it;
 * then the cores run until they want nothing more, and everything goes out together.
 */
#include "shell/daemon_core.h"

#include "shell/fdstore.h"
#include "shell/log.h"
#include "shell/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define ROUNDS_MOST 64 /* of one turn; sockets are looked at in between */
#define NO_BUS_NS   (500 * NS_PER_MS)
#define TICK_NS     (1 * NS_PER_S)
#define THREADS     2
#define POOL_BYTES  (64 * MIB)

/* ---- running the core ---- */

static void log_action(const struct ini_action *a)
{
	int level = a->level < LOG_LEVEL_ERROR   ? LOG_LEVEL_ERROR
	            : a->level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG
	                                         : a->level;

	log_line((enum log_level)level, "%s", a->text);
}

/* Memory for a write of a load. */
static void give_block(struct daemon *d, const struct ini_action *a)
{
	struct block *b = daemon_bus_block(d, a->len);

	ini_block_done(d->ini, a->op, b);
	block_unref(b);
}

static void act(struct daemon *d, const struct ini_action *a)
{
	switch (a->kind) {
	case INI_ACT_BLOCK:
		give_block(d, a);
		return;
	case INI_ACT_FILE_READ:
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
	case INI_ACT_FILE_CLOSE:
		files_act(d, a);
		return;
	case INI_ACT_SAVE:
		state_save(d, a->op);
		return;
	case INI_ACT_INTENT:
		logs_save(d, a);
		return;
	case INI_ACT_REPLY:
		call_reply(d, a);
		return;
	case INI_ACT_CHANGED:
		events_note(d, a->object, a->id, a->name, a->gone);
		d->jobs_touched = true;
		return;
	case INI_ACT_LOG:
		log_action(a);
		return;
	}
}

static bool run_cores(struct daemon *d, ns_t now)
{
	const struct ini_action *a;
	bool some = false;

	hba_run(d->hba, now);
	ini_run(d->ini, now);
	d->core_runs++;
	while ((a = ini_output(d->ini)) != NULL) {
		act(d, a);
		some = true;
	}
	return daemon_bus_output(d) || some;
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

/* One core has left work for the other: it is done in this turn, not after another look at all
 * sockets. */
static bool work_left(const struct daemon *d, ns_t now)
{
	return earlier(hba_deadline(d->hba), ini_deadline(d->ini)) <= now;
}

/* ---- ready, drained ---- */

static void look_ready(struct daemon *d)
{
	if (d->ready || d->bus_state != BUS_ATTACHED || !hba_settled(d->hba))
		return;
	d->ready = true;
	notify_ready(&d->cfg.control, 1);
}

static void look_drained(struct daemon *d, ns_t now)
{
	bool idle = ini_drained(d->ini) && state_idle(d) && !files_busy(d) && !d->logs_saving;

	/* Without the bus nothing in flight will end; it may be back at once. */
	if (d->draining && d->bus_state != BUS_ATTACHED)
		d->drain_until = earlier(d->drain_until, now + NO_BUS_NS);
	if (!d->draining || d->stopped || (!idle && now < d->drain_until))
		return;
	if (!idle)
		log_warning("not everything in flight has ended within the limit");
	daemon_stop(d, 0);
}

static void arm(struct daemon *d, ns_t now)
{
	ns_t at = earlier(hba_deadline(d->hba), ini_deadline(d->ini));

	at = earlier(at, daemon_bus_deadline(d));
	at = earlier(at, calls_deadline(d));
	at = earlier(at, d->events_at);
	at = earlier(at, state_deadline(d));
	if (d->draining)
		at = earlier(at, d->drain_until);
	if (d->n_clients)
		at = earlier(at, now + TICK_NS);
	loop_deadline(d->loop, at);
}

static void run(void *ctx, ns_t now)
{
	struct daemon *d = ctx;
	unsigned rounds = 0;

	daemon_bus_run(d, now);
	do {
		calls_run(d, now);
	} while ((run_cores(d, now) || work_left(d, now)) && ++rounds < ROUNDS_MOST);
	calls_run(d, now);
	if (d->jobs_touched || d->jobs_version != d->jobs_done)
		state_jobs(d);
	if (rounds == ROUNDS_MOST)
		loop_wake(d->loop);
	look_ready(d);
	events_run(d, now);
	if (now >= d->tick_at) {
		clients_tick(d, now);
		d->tick_at = now + TICK_NS;
	}
	clients_turn(d);
	look_drained(d, now);
	if (!d->stopped)
		arm(d, now);
}

/* ---- signals ---- */

static void terminate(void *ctx, int signo)
{
	struct daemon *d = ctx;
	(void)signo;

	log_notice("ending");
	notify_stopping();
	d->draining = true;
	d->drain_until = loop_now() + d->cfg.drain_limit_ns;
	ini_drain(d->ini);
	state_end(d);
	loop_wake(d->loop);
}

static void reload(void *ctx)
{
	struct daemon *d = ctx;

	if (d->cfg.reload)
		d->cfg.reload(d->cfg.ctx);
}

static const struct loop_ops loop_ops = {.run = run, .terminate = terminate, .reload = reload};

void daemon_stop(struct daemon *d, int status)
{
	if (d->stopped)
		return;
	d->stopped = true;
	d->exit_status = status;
	server_stop(d);
	loop_wake(d->loop);
	loop_break(d->loop);
}

/* ---- life ---- */

static bool make_cores(struct daemon *d)
{
	struct hba_config h = {.id = d->cfg.id,
	                       .xfer = d->cfg.packetized ? XFER_ULTRA320 : XFER_ULTRA160,
	                       .task_timeout_ns = d->cfg.task_timeout_ns,
	                       .status_timeout_ns = d->cfg.status_timeout_ns,
	                       .tenure_chain_limit_ns = d->cfg.chain_limit_ns,
	                       .seed = d->cfg.ini.seed};

	if (d->cfg.qas)
		h.xfer.options |= XFER_QAS_REQ;
	memcpy(h.uuid, d->uuid, UUID_LEN);
	d->hba = hba_new(&h);
	d->ini = d->hba ? ini_new(&d->cfg.ini, d->hba) : NULL;
	return d->ini != NULL;
}

static void name_boot(struct daemon *d)
{
	uuid_t id;

	uuid_generate_random(id);
	uuid_unparse_lower(id, d->boot_id);
	memcpy(&d->cfg.ini.seed, id, sizeof(d->cfg.ini.seed));
}

static bool start(struct daemon *d, char *why, size_t n)
{
	fdstore_start();
	name_boot(d);
	if (!state_start(d, why, n))
		return false;
	d->loop = loop_new(&loop_ops, d);
	d->workers = d->loop ? workers_new(loop_base(d->loop), THREADS) : NULL;
	d->pool = pool_new(POOL_BYTES);
	if (!d->workers || !d->pool || !make_cores(d)) {
		snprintf(why, n, "the daemon could not be set up: %s", strerror(errno));
		return false;
	}
	d->schema = ctl_schema_new(ctl_schema_text, ctl_schema_text_len, why, n);
	if (!d->schema)
		return false;
	return state_restore(d, why, n) && server_start(d, why, n) && daemon_bus_start(d);
}

/* The state is saved, and clients have what there is to say. */
static _Noreturn void leave(struct daemon *d)
{
	log_error("an image file gives no answer: %llu operations on it are given up",
	          (unsigned long long)d->files_open);
	_exit(d->exit_status);
}

/* Threads first: what they finish is still looked at. Then nothing new can come. */
static void stop(struct daemon *d)
{
	struct call *c;

	d->stopped = true;
	server_stop(d);
	workers_free(d->workers);
	bool ended = files_end(d);
	clients_free(d);
	if (!ended)
		leave(d);
	while ((c = TAILQ_FIRST(&d->calls)) != NULL && c->wait != CALL_TASK)
		call_free(c);
	/* In this order: tags may still have data that are the upper half's. */
	if (d->hba)
		hba_free(d->hba);
	if (d->ini)
		ini_free(d->ini);
	d->ini = NULL;
	while ((c = TAILQ_FIRST(&d->calls)) != NULL)
		call_free(c);
	files_free(d);
	state_stop(d);
	ctl_schema_free(d->schema);
	jw_free(&d->scratch);
}

int daemon_run(const struct daemon_config *cfg)
{
	struct daemon *d = calloc(1, sizeof(*d));
	char why[400];
	bool ok;

	if (!d) {
		log_error("out of memory");
		return 1;
	}
	d->cfg = *cfg;
	d->dir_fd = -1;
	d->events_at = NS_NEVER;
	d->started_ns = loop_now();
	d->scratch = jw_init();
	TAILQ_INIT(&d->clients);
	TAILQ_INIT(&d->calls);
	for (unsigned i = 0; i < DAEMON_BUCKETS; i++)
		TAILQ_INIT(&d->buckets[i]);
	ok = start(d, why, sizeof(why));
	if (!ok) {
		log_error("%s", why);
		d->exit_status = 1;
	} else {
		loop_wake(d->loop);
		loop_busy_poll(d->loop, d->cfg.busy_poll_ns);
		if (!loop_run(d->loop) && !d->exit_status)
			d->exit_status = 1;
	}
	if (d->bus)
		conn_flush(d->bus);
	if (d->bus)
		conn_free(d->bus);
	d->bus = NULL;
	ring_unref(d->ring);
	stop(d);
	if (d->pool)
		pool_free(d->pool);
	loop_free(d->loop);
	int status = d->exit_status;
	free(d);
	return status;
}
