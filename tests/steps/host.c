/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: its cores, and what its shell does with the bus and its files. */
#include "steps/inside.h"

#include "unit/checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_EVERY 8 /* the adapter looks at each of its many slots */

/* ---- life ---- */

static void restore(struct host *h)
{
	struct ini_error e;

	if (h->n_groups > 0) {
		must(ini_restore_group(h->ini, &h->group, &e), "%s", e.text);
		(void)ini_restore_intent(h->ini, h->group.name, h->n_log ? h->log : NULL, h->n_log,
		                         &e);
	}
	if (h->has_state)
		ini_restore_next_job(h->ini, h->next_job);
	host_jobs_restore(h);
}

void host_start(struct world *w)
{
	const struct hba_config hc = {.id = HOST_ID,
	                              .uuid = {0x77},
	                              .xfer = XFER_ULTRA160,
	                              .task_timeout_ns = 5 * NS_PER_S,
	                              .status_timeout_ns = 3 * NS_PER_S,
	                              .tenure_chain_limit_ns = 10 * NS_PER_MS};
	const struct ini_config ic = {
	        .transfer = 8 * BLOCK, .window = 2, .max_passes = 3, .region_bytes = 8 * BLOCK};
	struct host *h = &w->host;

	h->h = hba_new(&hc);
	h->ini = h->h ? ini_new(&ic, h->h) : NULL;
	if (!h->ini) {
		must(memory_struck(), "no");
		hba_free(h->h);
		h->h = NULL;
		h->start_at = w->now + LATER_NS;
		return;
	}
	h->attached = false;
	h->epoch = 0;
	h->boot = 0;
	h->lives++;
	h->due = true;
	w->link[HOST].dial_at = w->now;
	restore(h);
}

void host_kill(struct world *w)
{
	struct host *h = &w->host;

	wires_cut(w, HOST);
	for (unsigned i = 0; i < h->n_work; i++)
		free(h->work[i].bytes);
	h->n_work = 0;
	h->jobs_are_saving = false;
	hba_free(h->h);
	ini_free(h->ini);
	h->h = NULL;
	h->ini = NULL;
	h->start_at = w->now + AGAIN_NS;
}

/* ---- its files ---- */

void host_work(struct host *h, const struct work *k)
{
	must(h->n_work < OPS, "too many");
	h->work[h->n_work++] = *k;
}

static void put_save(struct host *h, const struct ini_action *a)
{
	struct work k = {.kind = WORK_SAVE, .op = a->op};

	k.n_groups = ini_groups(h->ini);
	k.next_job = ini_next_job(h->ini);
	if (k.n_groups)
		ini_group_save(h->ini, 0, &k.group);
	host_work(h, &k);
}

static void put_intent(struct host *h, const struct ini_action *a)
{
	struct work k = {.kind = WORK_INTENT, .op = a->op, .len = a->len};

	if (a->len) {
		k.bytes = memory_own(a->len);
		memcpy(k.bytes, a->bytes, a->len);
	}
	host_work(h, &k);
}

static void act(struct host *h, ns_t now, const struct ini_action *a)
{
	const struct work read = {
	        .kind = WORK_FILE_READ, .op = a->op, .offset = a->offset, .len = a->len};

	switch (a->kind) {
	case INI_ACT_SAVE:
		put_save(h, a);
		break;
	case INI_ACT_INTENT:
		put_intent(h, a);
		break;
	case INI_ACT_FILE_READ:
		host_work(h, &read);
		break;
	case INI_ACT_REPLY:
		if (a->token == h->token) {
			h->replied = true;
			h->error = a->error;
		}
		break;
	case INI_ACT_LOG:
		if (getenv("STEPS_LOG"))
			fprintf(stderr, "%8.3f %s\n", (double)now / 1e9, a->text);
		break;
	case INI_ACT_CHANGED:
		if (a->object == OBJ_JOB)
			host_jobs_changed(h);
		break;
	case INI_ACT_FILE_CLOSE:
		h->file_open = false;
		break;
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
	case INI_ACT_BLOCK:
		ck_abort_msg("action %d", (int)a->kind);
	}
}

static void read_done(struct world *w, const struct work *k)
{
	struct block *b = block_new(k->len);
	int err = strikes(w, IMAGE_ERROR, HOST) ? EIO : b ? 0 : ENOMEM;

	if (b)
		memset(b->data, w->image, b->len);
	ini_file_read_done(w->host.ini, k->op, err, err ? NULL : b);
	block_unref(b);
}

static void save_done(struct world *w, const struct work *k)
{
	struct host *h = &w->host;
	int err = strikes(w, STATE_ERROR, HOST) ? EIO : 0;

	if (!err) {
		h->has_state = true;
		h->n_groups = k->n_groups;
		h->group = k->group;
		h->next_job = k->next_job;
	}
	ini_saved(h->ini, k->op, err);
}

static void intent_done(struct world *w, const struct work *k)
{
	struct host *h = &w->host;
	int err = strikes(w, LOG_ERROR, HOST) ? EIO : 0;

	if (!err) {
		h->n_log = k->len;
		if (k->len)
			memcpy(h->log, k->bytes, k->len);
	}
	ini_intent_saved(h->ini, k->op, err);
}

static void work_done(struct world *w)
{
	struct host *h = &w->host;
	struct work k = h->work[0];

	memmove(h->work, h->work + 1, --h->n_work * sizeof(k));
	h->due = true;
	if (k.kind == WORK_FILE_READ)
		read_done(w, &k);
	else if (k.kind == WORK_SAVE)
		save_done(w, &k);
	else if (k.kind == WORK_INTENT)
		intent_done(w, &k);
	else
		host_jobs_saved(h);
	free(k.bytes);
}

/* ---- the bus ---- */

ns_t host_deadline(const struct host *h)
{
	return earlier(hba_deadline(h->h), ini_deadline(h->ini));
}

static void run_cores(struct world *w)
{
	struct host *h = &w->host;
	const struct wire_frame *f;
	const struct ini_action *a;

	h->due = false;
	hba_run(h->h, w->now);
	ini_run(h->ini, w->now);
	if (w->steps % CHECK_EVERY == 0)
		hba_check(h->h);
	ini_check(h->ini);
	while ((a = ini_output(h->ini)))
		act(h, w->now, a);
	while ((f = hba_output(h->h)))
		wires_send(w, HOST, f);
	h->due = host_deadline(h) <= w->now;
}

static void detach(struct world *w)
{
	w->host.attached = false;
	hba_detached(w->host.h, w->now);
	hba_check(w->host.h);
	w->host.due = true;
}

static void came(struct world *w, const struct wire_frame *f)
{
	struct host *h = &w->host;

	h->due = true;
	if (wires_frame(w, HOST, f))
		return;
	if (f->type == WIRE_ATTACHED) {
		h->attached = true;
		h->epoch = f->attached.epoch;
		h->boot = f->attached.boot;
		hba_attached(h->h, &f->attached, w->now);
	} else if (h->attached && f->type != WIRE_MGMT) {
		hba_frame(h->h, f, w->now);
	}
}

static bool dials(struct world *w)
{
	struct wire_attach a = {.version = WIRE_VERSION,
	                        .role = ROLE_INITIATOR,
	                        .id = HOST_ID,
	                        .name = "host",
	                        .own = true,
	                        .epoch = w->host.epoch,
	                        .boot = w->host.boot};

	if (w->link[HOST].up || w->now < w->link[HOST].dial_at || stays(w, CUT, HOST) || !w->bus)
		return false;
	a.uuid[0] = 0x77;
	wires_dial(w, HOST, &a);
	return true;
}

bool host_turn(struct world *w)
{
	struct host *h = &w->host;
	struct link *l = &w->link[HOST];
	struct wire_frame f;

	if (!h->ini || world_stopped(w, HOST))
		return false;
	if (h->attached && !l->up) {
		detach(w);
		return true;
	}
	enum got got = l->up ? wires_take(&l->from_bus, &f) : GOT_NONE;
	if (got == GOT_FRAME) {
		came(w, &f);
		block_unref(f.data);
		return true;
	}
	if (got == GOT_NO_MEMORY || wires_server_closed(l) ||
	    (h->attached && hba_server_lost(h->h))) {
		wires_cut(w, HOST);
		return true;
	}
	if (h->due) {
		run_cores(w);
		return true;
	}
	if (h->n_work > 0) {
		work_done(w);
		return true;
	}
	return dials(w) || wires_ping(w, HOST);
}
