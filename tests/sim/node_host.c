/* SPDX-License-Identifier: BSD-2-Clause */
/* What the initiator daemon's shell does: the bus, the state file, images. */
#include "base/assert.h"
#include "mirror/intent.h"
#include "sim/mutant.h"
#include "sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_NS  (100 * NS_PER_MS)
#define RETRY_MOST_NS   (1 * NS_PER_S)
#define ATTACH_LIMIT_NS (5 * NS_PER_S)
#define SILENCE_MIN_NS  (5 * NS_PER_S)
#define ROUNDS_MOST     64

static void copy_log(struct host_intent *to, const struct host_intent *from)
{
	to->len = from->len;
	memcpy(to->bytes, from->bytes, from->len);
}

static unsigned in_sync(const struct ini_group *g)
{
	unsigned n = 0;

	for (unsigned i = 0; g && i < g->n; i++)
		n += g->m[i].state == MEMBER_IN_SYNC;
	return n;
}

/* What is marked in the durable log now; what it lets go of is durable on all that are in sync (one
 * alone agrees with itself). */
static void look_at_log(struct sim *s)
{
	static struct intent l;
	struct sim_host *h = &s->host;
	const struct ini_group *g = host_group(s);
	char why[128];
	bool was = h->knows_marks;

	intent_init(&l, h->disk.g.uuid, s->blocks, 0);
	h->knows_marks = h->log.len && intent_load(&l, h->log.bytes, h->log.len, why, sizeof(why));
	for (lba_t lba = 0; h->knows_marks && lba < s->blocks; lba++) {
		uint64_t r = lba >> l.shift, bit = 1ULL << r % 64;
		bool let_go = was && h->dirty[lba] && !(l.dirty[r / 64] & bit);
		h->dirty[lba] = l.dirty[r / 64] & bit;
		for (unsigned i = 0; let_go && in_sync(g) > 1 && i < g->n; i++)
			if (g->m[i].state == MEMBER_IN_SYNC)
				store_let_go(s, g->m[i].uuid[0] - 0xd0U, lba);
	}
}

/* A repair needs no mark: it writes what another member has, or an only one had. */
static bool another_has_it(const struct sim *s, unsigned disk, lba_t lba)
{
	const struct ini_group *g = &s->host.disk.g;
	const uint8_t *p = s->d[disk].store.cache + lba * SIM_BLOCK;

	for (unsigned i = 0; i < g->n; i++) {
		unsigned other = g->m[i].uuid[0] - 0xd0U;
		if (other != disk &&
		    memcmp(p, s->d[other].store.cache + lba * SIM_BLOCK, SIM_BLOCK) == 0)
			return true;
	}
	return in_sync(g) == 1;
}

void host_node_written(struct sim *s, unsigned disk, lba_t lba)
{
	const struct sim_host *h = &s->host;

	if (!s->created || !h->knows_marks || h->dirty[lba] || another_has_it(s, disk, lba))
		return;
	for (unsigned i = 0; i < h->disk.g.n; i++) {
		const struct ini_member *m = &h->disk.g.m[i];
		if (m->uuid[0] == 0xd0 + disk && m->state == MEMBER_IN_SYNC)
			sim_fail(s,
			         "block %llu of disk %u is written, and the durable log has no "
			         "mark of it",
			         (unsigned long long)lba, disk);
	}
}

/* A log in which nothing is marked. */
static void clean_log(struct sim_host *h)
{
	static struct intent l;
	const struct ini_group *g = &h->disk.g;
	char why[128];

	intent_init(&l, g->uuid, g->blocks, 0);
	if (!h->log.len || !intent_load(&l, h->log.bytes, h->log.len, why, sizeof(why)))
		return;
	intent_init(&l, g->uuid, g->blocks, l.shift);
	h->log.len = intent_save(&l, h->log.bytes);
}

static void restore(struct sim *s)
{
	struct sim_host *h = &s->host;
	struct ini_error e;

	if (!h->disk.there)
		return;
	look_at_log(s); /* it may have been saved before the state file knew its group */
	for (lba_t lba = 0; h->disk.n > 0 && lba < s->blocks; lba++)
		if (!h->knows_marks || h->dirty[lba])
			model_recovers(&s->model, lba);
	if (MUTANT(NO_RECOVERY))
		clean_log(h);
	if (h->disk.n > 0 && !ini_restore_group(h->ini, &h->disk.g, &e))
		sim_fail(s, "the saved state is refused: %s", e.text);
	if (h->disk.n > 0 && !ini_restore_intent(h->ini, SIM_GROUP,
	                                         h->log.len ? h->log.bytes : NULL, h->log.len, &e))
		SAY(s, "there is no write-intent log: %s", e.text);
	ini_restore_next_job(h->ini, h->disk.next_job);
}

void host_node_start(struct sim *s)
{
	struct sim_host *h = &s->host;

	sim_wraps = (struct sim_wraps){.lowest = s->lowest_tags};
	s->hba_cfg.seed = prng_u64(&s->sched);
	s->ini_cfg.seed = prng_u64(&s->sched);
	h->h = hba_new(&s->hba_cfg);
	h->ini = h->h ? ini_new(&s->ini_cfg, h->h) : NULL;
	if (!h->ini)
		sim_fail(s, "out of memory");
	h->link = HOST_DOWN;
	h->retry_at = s->now;
	h->retry_delay = 0;
	h->changed = true;
	h->frozen_until = 0;
	h->run_due = h->is_saving = h->save_again = h->log_is_saving = false;
	memset(h->op, 0, sizeof(h->op));
	restore(s);
	SAY(s, "the initiator is there");
}

static void hang_up(struct sim *s)
{
	if (s->host.conn) {
		net_keep(s, s->host.conn); /* what is on its way outlives the initiator */
		net_close(s, s->host.conn, false);
	}
	s->host.conn = NULL;
}

void host_node_kill(struct sim *s)
{
	struct sim_host *h = &s->host;

	SAY(s, "the initiator is killed");
	if (h->conn && sim_chance(&s->net, 2))
		net_cut(s, h->conn, false, true);
	if (h->conn)
		net_keep(s, h->conn);
	hang_up(s);
	if (h->is_saving && !h->save_fails) {
		bool done = sim_chance(&s->disk, 2);
		sim_mark(s, done ? MARK_HOST_SAVE_NEW : MARK_HOST_SAVE_OLD);
		if (done)
			h->disk = h->saving;
	}
	if (h->log_is_saving && sim_chance(&s->disk, 2) && !MUTANT(LOG_NOT_SAVED)) {
		copy_log(&h->log, &h->log_saving);
		look_at_log(s);
	}
	hba_free(h->h);
	ini_free(h->ini);
	h->ini = NULL;
	h->h = NULL;
	h->life++;
	h->frozen_until = 0;
	work_host_gone(s);
}

void host_node_forget(struct sim *s)
{
	struct sim_host *h = &s->host;

	h->disk.there = h->knows_marks = false;
	h->disk.n = 0;
	h->log.len = 0;
}

const struct ini_group *host_group(const struct sim *s)
{
	return s->host.ini ? ini_group_find(s->host.ini, SIM_GROUP) : NULL;
}

/* ---- the state file ---- */

static void start_save(struct sim *s, uint64_t seq)
{
	struct sim_host *h = &s->host;

	h->is_saving = true;
	h->save_seq = seq;
	h->save_fails = sim_strikes(s, MARK_HOST_SAVE_FAIL);
	h->saving.there = true;
	h->saving.next_job = ini_next_job(h->ini);
	h->saving.n = ini_groups(h->ini);
	sm_assert(h->saving.n <= 1);
	if (h->saving.n)
		ini_group_save(h->ini, 0, &h->saving.g);
	sim_at(s, s->now + sim_about(&s->disk, s->store_delay), SIM_SAVE, 0, h->life);
}

static void save(struct sim *s, uint64_t seq)
{
	struct sim_host *h = &s->host;

	if (h->is_saving) {
		h->save_again = true;
		h->save_again_seq = seq;
	} else {
		start_save(s, seq);
	}
}

static void save_log(struct sim *s, const struct ini_action *a)
{
	struct sim_host *h = &s->host;

	sm_assert(!h->log_is_saving && a->len <= SIM_INTENT_MAX);
	h->log_is_saving = true;
	h->log_op = a->op;
	h->log_saving.len = a->len;
	if (a->len)
		memcpy(h->log_saving.bytes, a->bytes, a->len);
	sim_at(s, s->now + sim_about(&s->disk, s->store_delay), SIM_SAVE, 1, h->life);
}

static void log_saved(struct sim *s)
{
	struct sim_host *h = &s->host;

	h->log_is_saving = false;
	if (!MUTANT(LOG_NOT_SAVED) || h->log.len == 0)
		copy_log(&h->log, &h->log_saving);
	look_at_log(s);
	ini_intent_saved(h->ini, h->log_op, 0);
	host_node_wake(s);
}

void host_node_saved(struct sim *s, bool log)
{
	struct sim_host *h = &s->host;

	if (log) {
		log_saved(s);
		return;
	}
	h->is_saving = false;
	if (!h->save_fails && !MUTANT(STATE_NOT_SAVED))
		h->disk = h->saving;
	if (!h->disk.there)
		h->disk = h->saving;
	look_at_log(s);
	ini_saved(h->ini, h->save_seq, h->save_fails ? EIO : 0);
	if (h->save_again) {
		h->save_again = false;
		start_save(s, h->save_again_seq);
	}
	host_node_wake(s);
}

/* ---- images ---- */

static void start_file(struct sim *s, const struct ini_action *a)
{
	struct host_file_op *o = s->host.op;

	while (o->used)
		sm_assert(++o < s->host.op + SIM_FILE_OPS);
	*o = (struct host_file_op){.used = true,
	                           .op = a->op,
	                           .kind = a->kind,
	                           .file = a->file,
	                           .offset = a->offset,
	                           .len = a->len};
	if (a->kind == INI_ACT_FILE_WRITE)
		work_copy_written(s, a->file, a->offset, a->data->data + a->data_off, a->len);
	sim_at(s, s->now + sim_about(&s->disk, s->store_delay), SIM_FILE,
	       (uint32_t)(o - s->host.op), s->host.life);
}

void host_node_filed(struct sim *s, uint32_t op)
{
	struct host_file_op o = s->host.op[op];
	int err = sim_strikes(s, MARK_HOST_FILE_FAIL) ? EIO : 0;

	sm_assert(o.used);
	s->host.op[op].used = false;
	if (o.kind == INI_ACT_FILE_READ) {
		struct block *b = block_new(o.len);
		work_image_read(s, o.file, o.offset, b);
		ini_file_read_done(s->host.ini, o.op, err, err ? NULL : b);
		block_unref(b);
	} else {
		ini_file_done(s->host.ini, o.op, err);
	}
	host_node_wake(s);
}

/* ---- running the cores ---- */

static void act(struct sim *s, const struct ini_action *a)
{
	switch (a->kind) {
	case INI_ACT_FILE_READ:
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
		start_file(s, a);
		break;
	case INI_ACT_FILE_CLOSE:
		work_file_closed(s, a->file);
		break;
	case INI_ACT_SAVE:
		save(s, a->op);
		break;
	case INI_ACT_INTENT:
		save_log(s, a);
		break;
	case INI_ACT_REPLY:
		work_reply(s, a);
		break;
	case INI_ACT_LOG:
		SAY(s, "initiator: %s", a->text);
		if (s->created && strstr(a->text, " is stale"))
			sim_mark(s, MARK_STALE_SEEN);
		break;
	case INI_ACT_CHANGED:
		break;
	case INI_ACT_BLOCK:
		sim_fail(s, "a block is wanted, and no load runs");
	}
}

static bool output(struct sim *s)
{
	const struct wire_frame *f;
	bool some = false;

	while ((f = hba_output(s->host.h)) != NULL) {
		some = true;
		if (s->host.link == HOST_ATTACHED)
			net_send(s, s->host.conn, true, f);
	}
	return some;
}

static ns_t cores_due(const struct sim *s)
{
	ns_t a = hba_deadline(s->host.h), b = ini_deadline(s->host.ini);

	return a < b ? a : b;
}

/* Its page says that it is in sync: a mirror job that was cut off may have begun to say otherwise.
 */
static bool says_so(const struct sim_host *h, const struct ini_group *g, unsigned i)
{
	return g->m[i].state == MEMBER_IN_SYNC && g->m[i].unit != WIRE_NO_ID && i < h->disk.g.n &&
	       h->disk.g.m[i].state == MEMBER_IN_SYNC &&
	       hba_target(h->h, g->m[i].unit)->member.generation == g->generation;
}

/* Somebody stays in sync, whatever happens, until a mirror job overwrites all members. */
static void look_at_members(struct sim *s)
{
	struct sim_host *h = &s->host;
	const struct ini_group *g = ini_groups(h->ini) ? ini_group_at(h->ini, 0) : NULL;

	if (!g)
		h->may_have_none = true;
	else if (in_sync(g) == 0 && !h->may_have_none)
		sim_fail(s, "no member is in sync any more");
	for (unsigned i = 0; g && h->may_have_none && i < g->n; i++)
		h->may_have_none = !says_so(h, g, i) || work_mirrors(s);
}

static bool run_cores(struct sim *s)
{
	const struct ini_action *a;
	bool some = false;

	hba_run(s->host.h, s->now);
	ini_run(s->host.ini, s->now);
	if (sim_stepped(s)) {
		hba_check(s->host.h);
		ini_check(s->host.ini);
	}
	while ((a = ini_output(s->host.ini)) != NULL) {
		act(s, a);
		some = true;
	}
	look_at_members(s);
	return output(s) || some || cores_due(s) <= s->now;
}

/* ---- the bus ---- */

static void down(struct sim *s)
{
	struct sim_host *h = &s->host;
	bool was = h->link == HOST_ATTACHED;

	hang_up(s);
	h->link = HOST_DOWN;
	h->retry_delay = was || !h->retry_delay ? RETRY_FIRST_NS : h->retry_delay * 2;
	if (h->retry_delay > RETRY_MOST_NS)
		h->retry_delay = RETRY_MOST_NS;
	h->retry_at = s->now + h->retry_delay;
	if (was) {
		hba_detached(h->h, s->now);
		if (sim_looks(s))
			hba_check(h->h);
	}
	host_node_wake(s);
}

void host_node_closed(struct sim *s)
{
	down(s);
}

static void attached(struct sim *s, const struct wire_attached *a)
{
	struct sim_host *h = &s->host;

	if (h->link != HOST_ATTACHING)
		return;
	h->link = HOST_ATTACHED;
	h->epoch = a->epoch;
	h->retry_delay = 0;
	h->heartbeat_ns = a->heartbeat_ms * NS_PER_MS;
	h->ping_at = s->now + h->heartbeat_ns / 3;
	SAY(s, "the initiator is attached, epoch %u", a->epoch);
	hba_attached(h->h, a, s->now);
	if (sim_looks(s))
		hba_check(h->h);
}

void host_node_frame(struct sim *s, const struct wire_frame *f)
{
	struct sim_host *h = &s->host;
	const struct wire_frame pong = {.type = WIRE_PONG, .ping = f->ping};

	h->heard_at = s->now;
	if (f->type == WIRE_RESET)
		sim_mark(s, MARK_BUS_RST_SEEN);
	if (f->type == WIRE_ATTACHED) {
		attached(s, &f->attached);
	} else if (f->type == WIRE_REFUSED) {
		SAY(s, "the initiator is refused: %s", f->error.text);
		down(s);
	} else if (f->type == WIRE_PING) {
		net_send(s, h->conn, true, &pong);
	} else if (h->link == HOST_ATTACHED) {
		if (f->type == WIRE_ERROR)
			SAY(s, "the initiator: error: %s", f->error.text);
		hba_frame(h->h, f, s->now);
		if (sim_stepped(s))
			hba_check(h->h);
	}
}

void host_node_batch(struct sim *s)
{
	host_node_wake(s);
}

void host_node_wake(struct sim *s)
{
	if (s->host.run_due || !s->host.ini)
		return;
	s->host.run_due = true;
	sim_at(s, s->now + prng_below(&s->sched, 10 * NS_PER_US), SIM_HOST_RUN, 0, s->host.life);
}

static void attach(struct sim *s)
{
	struct sim_host *h = &s->host;
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = ROLE_INITIATOR,
	                                  .id = SIM_HOST,
	                                  .name = "host"}};

	h->conn = net_dial(s, SIM_HOST);
	if (!h->conn) {
		down(s);
		return;
	}
	memset(f.attach.uuid, 0x77, UUID_LEN);
	h->link = HOST_ATTACHING;
	h->attach_until = s->now + ATTACH_LIMIT_NS;
	h->heard_at = s->now;
	net_send(s, h->conn, true, &f);
}

static void ping(struct sim *s)
{
	struct sim_host *h = &s->host;
	const struct wire_frame f = {.type = WIRE_PING};
	ns_t limit = 4 * h->heartbeat_ns > SILENCE_MIN_NS ? 4 * h->heartbeat_ns : SILENCE_MIN_NS;

	if (s->now > h->heard_at + limit) {
		down(s);
		return;
	}
	net_send(s, h->conn, true, &f);
	h->ping_at = s->now + h->heartbeat_ns / 3;
}

static void link_run(struct sim *s)
{
	struct sim_host *h = &s->host;

	if (h->link == HOST_DOWN && s->now >= h->retry_at)
		attach(s);
	else if (h->link == HOST_ATTACHING && s->now >= h->attach_until)
		down(s);
	else if (h->link == HOST_ATTACHED && hba_server_lost(h->h))
		down(s);
	else if (h->link == HOST_ATTACHED && h->heartbeat_ns && s->now >= h->ping_at)
		ping(s);
}

static void note_wraps(struct sim *s)
{
	if (sim_wraps.tags > 0)
		sim_mark(s, MARK_HOST_TAG_WRAP);
	if (sim_wraps.ops > 0)
		sim_mark(s, MARK_HOST_OP_WRAP);
	sim_wraps.tags = sim_wraps.ops = 0;
}

void host_node_run(struct sim *s)
{
	unsigned rounds = 0;

	s->host.run_due = false;
	s->host.changed = true;
	link_run(s);
	while (run_cores(s) && ++rounds < ROUNDS_MOST)
		continue;
	note_wraps(s);
	if (rounds == ROUNDS_MOST)
		host_node_wake(s);
}

static ns_t due(const struct sim *s)
{
	const struct sim_host *h = &s->host;
	ns_t at = cores_due(s);

	if (h->link == HOST_DOWN && h->retry_at < at)
		at = h->retry_at;
	if (h->link == HOST_ATTACHING && h->attach_until < at)
		at = h->attach_until;
	if (h->link == HOST_ATTACHED && h->heartbeat_ns && h->ping_at < at)
		at = h->ping_at;
	return at;
}

/* Whatever changes the cores has them run after it, so that it is the same until then. */
ns_t host_node_due(struct sim *s)
{
	struct sim_host *h = &s->host;

	if (!h->ini || h->run_due)
		return NS_NEVER;
	if (h->changed)
		h->due = due(s);
	h->changed = false;
	if (sim_looks(s))
		sm_assert(h->due == due(s));
	return h->due > h->frozen_until ? h->due : h->frozen_until;
}
