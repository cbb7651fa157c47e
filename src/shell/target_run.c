/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/target_run.h"

#include "shell/conn.h"
#include "shell/loop.h"
#include "shell/notify.h"
#include "shell/pool.h"
#include "shell/target_io.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_NS  (20 * NS_PER_MS)
#define RETRY_MOST_NS   (1 * NS_PER_S)
#define WAIT_MOST_NS    (10 * NS_PER_S)       /* the bus server may have been started anew */
#define TWIN_LIMIT_NS   (3 * 3600 * NS_PER_S) /* whatever the bus server says */
#define ATTACH_LIMIT_NS (5 * NS_PER_S)        /* for ATTACHED to come */
#define DRAIN_LIMIT_NS  (5 * NS_PER_S)        /* for tasks to end at SIGTERM */
/* What may wait for the bus server to read it. What reads hold is bounded, below that
 * (target_io.c); the rest are statuses and short data of as many tasks as there are. */
#define OUT_MAX (512 * MIB)

enum link_state { LINK_WAITING, LINK_ASKED, LINK_UP };

struct run {
	const struct target_opts *o;
	struct loop *loop;
	struct tgt *t;
	struct target_io *io;
	struct disk_list luns; /* that are there, beside LUN 0 */
	struct disk_list want; /* that are to be, as was said last */
	uint64_t to_open;      /* of these, a bit for each LUN: not begun yet */
	uint64_t opening;      /* the LUNs that are; maybe not as was said last */
	bool reloading;
	struct conn *conn;
	enum link_state link;
	ns_t retry_at, pause; /* WAITING */
	ns_t asked_until;     /* ASKED */
	bool ever_up, told_waiting;
	/* The last attach; until when another process that is this device, too, is waited for to be
	 * silent, 0: there is none. */
	uint32_t epoch;
	uint64_t boot;
	ns_t twin_until;
	unsigned told_ops; /* of the store, while they are waited for */
	ns_t heartbeat_ns, ping_at, heard_at;
	bool ending;
	ns_t end_by;
	int status;
};

static void schedule(struct run *r);

static ns_t least(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

/* ---- the core ---- */

static void send_frame(struct run *r, const struct wire_frame *f)
{
	if (!r->conn)
		return;
	conn_send(r->conn, f);
	if (r->heartbeat_ns > 0)
		r->ping_at = loop_now() + r->heartbeat_ns / 3;
}

/* As if killed at this point: what was sent before is on its way. */
static _Noreturn void die(struct run *r)
{
	if (r->conn)
		conn_flush(r->conn);
	(void)raise(SIGKILL);
	abort();
}

static void perform(struct run *r, const struct tgt_actions *out)
{
	for (unsigned i = 0; i < out->n; i++) {
		const struct tgt_action *a = &out->v[i];
		switch (a->kind) {
		case TGT_SEND:
			send_frame(r, &a->frame);
			break;
		case TGT_DIE:
			die(r);
		case TGT_STORE_READ:
		case TGT_STORE_WRITE:
		case TGT_STORE_ATOMIC:
		case TGT_STORE_OR:
		case TGT_STORE_ZERO:
		case TGT_STORE_COMPARE:
		case TGT_STORE_VERIFY:
		case TGT_STORE_MAP:
		case TGT_STORE_FLUSH:
		case TGT_META_SAVE:
			target_io_do(r->io, a);
			break;
		}
	}
}

/* All that the store has to say. */
static void take_done(struct run *r)
{
	struct tgt_actions out;
	struct tgt_event done;
	while (target_io_next(r->io, &done)) {
		done.now = loop_now();
		tgt_step(r->t, &done, &out);
		target_io_taken(r->io);
		perform(r, &out);
	}
}

/* One event, and what the store has done at once. */
static void step(struct run *r, struct tgt_event *ev)
{
	struct tgt_actions out;
	ev->now = loop_now();
	tgt_step(r->t, ev, &out);
	perform(r, &out);
	take_done(r);
}

static void on_done(void *ctx)
{
	struct run *r = ctx;
	loop_wake(r->loop);
}

/* ---- the link ---- */

static void wait_again(struct run *r)
{
	r->link = LINK_WAITING;
	r->retry_at = loop_now() + r->pause;
	r->pause = r->pause * 3 / 2 < RETRY_MOST_NS ? r->pause * 3 / 2 : RETRY_MOST_NS;
	schedule(r);
}

/* The connection is gone, or is to go. */
static void unlink_conn(struct run *r)
{
	bool was_up = r->link == LINK_UP;
	if (r->conn)
		conn_free(r->conn);
	r->conn = NULL;
	r->heartbeat_ns = 0;
	if (was_up) {
		struct tgt_event ev = {.kind = TGT_EV_DETACHED};
		step(r, &ev);
	}
	wait_again(r);
}

static void give_up(struct run *r, const char *text)
{
	log_error("%s", text);
	r->status = EXIT_FAILURE;
	r->link = LINK_WAITING;
	r->retry_at = NS_NEVER;
	if (r->conn)
		conn_free(r->conn);
	r->conn = NULL;
	loop_break(r->loop);
}

/* The ID has to wait: targets that had it kept the bus from others. */
static bool is_to_wait(const struct wire_error *e)
{
	return e->code == CODE_FLOOD && e->ref != 0;
}

/* Another process is this device: one that went and is not missed yet, perhaps, which is given the
 * time to be found silent, twice, as a bus server that was stopped begins to listen anew. False: it
 * has had it. */
static bool await_twin(struct run *r, const struct wire_error *e)
{
	ns_t now = loop_now(), silence = least(e->ref * NS_PER_MS, TWIN_LIMIT_NS);

	if (r->twin_until == 0)
		r->twin_until = now + 2 * silence + 2 * RETRY_MOST_NS;
	return now < r->twin_until;
}

/* It may be taken later. */
static bool may_pass(struct run *r, const struct wire_error *e)
{
	/* Superseded: another process is this device now. To attach again would only take it away
	 * from that one, which would take it back. (An old connection of our own is closed before
	 * the next.)
	 */
	if (e->code == CODE_SUPERSEDED)
		return false;
	if (e->code == CODE_UUID_HELD && e->ref != 0)
		return await_twin(r, e);
	return r->ever_up || e->code == CODE_SHUTDOWN || is_to_wait(e);
}

static void refused(struct run *r, const struct wire_error *e)
{
	char text[WIRE_TEXT_MAX + 200];

	if (!may_pass(r, e)) {
		(void)snprintf(text, sizeof(text), "%s refuses: %s", r->o->bus.text, e->text);
		give_up(r, text);
		return;
	}
	log_warning("%s refuses: %s; trying again", r->o->bus.text, e->text);
	r->pause = RETRY_MOST_NS;
	if (is_to_wait(e) && e->ref * NS_PER_MS > r->pause)
		r->pause = least(e->ref * NS_PER_MS, WAIT_MOST_NS);
	unlink_conn(r);
}

static void attached(struct run *r, const struct wire_attached *a)
{
	struct tgt_event ev = {.kind = TGT_EV_ATTACHED};
	if (r->link != LINK_ASKED)
		return;
	r->link = LINK_UP;
	r->epoch = a->epoch;
	r->boot = a->boot;
	r->twin_until = 0;
	r->pause = RETRY_FIRST_NS;
	r->heartbeat_ns = a->heartbeat_ms * NS_PER_MS;
	r->ping_at = r->heartbeat_ns ? loop_now() + r->heartbeat_ns / 3 : NS_NEVER;
	ev.attached = a;
	step(r, &ev);
	const char *addr = r->o->bus.text;
	log_info("%s: attached as ID %u", addr, r->o->id);
	if (!r->ever_up)
		notify_ready(&addr, 1);
	r->ever_up = true;
	r->told_waiting = false;
	r->told_ops = 0;
	notify_status("attached to %s as ID %u", addr, r->o->id);
}

/* Data of an initiator on this machine need not travel: they are read where it put them. */
static void ring(struct run *r, const struct wire_ring *f)
{
	const struct wire_frame answer = {.type = WIRE_RING, .ring = *f};
	char why[160];
	int fd = f->bytes ? conn_take_fd(r->conn) : -1;

	if (f->bytes == 0)
		ring_set_remove(conn_rings_in(r->conn), f->number);
	if (fd < 0)
		return;
	struct ring *ring = ring_open(f->number, f->bytes, fd, why, sizeof(why));
	if (!ring) {
		log_notice("%s: ring %u: %s; data come over the socket", r->o->bus.text, f->number,
		           why);
		return;
	}
	if (ring_set_add(conn_rings_in(r->conn), ring))
		send_frame(r, &answer);
	ring_unref(ring);
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct run *r = ctx;
	struct tgt_event ev = {.kind = TGT_EV_FRAME};
	r->heard_at = loop_now();
	switch (f->type) {
	case WIRE_ATTACHED:
		attached(r, &f->attached);
		return;
	case WIRE_REFUSED:
		refused(r, &f->error);
		return;
	case WIRE_ERROR:
		log_warning("%s: %s", r->o->bus.text, f->error.text);
		return;
	case WIRE_PING: {
		struct wire_frame pong = {.type = WIRE_PONG};
		pong.ping.cookie = f->ping.cookie;
		send_frame(r, &pong);
		return;
	}
	case WIRE_RING:
		ring(r, &f->ring);
		return;
	case WIRE_BURST:
	case WIRE_PORT:
	case WIRE_RESET:
	case WIRE_MGMT:
	case WIRE_ATTACH:
	case WIRE_PONG:
	case WIRE_ARM:
	case WIRE_MEMBERS:
	case WIRE_LIMITS:
	case WIRE_SCRIPT:
	case WIRE_CANCEL:
	case WIRE_TENURE:
	case WIRE_PROGRAM:
	case WIRE_TRACE:
		break;
	}
	if (r->link != LINK_UP)
		return;
	ev.frame = f;
	step(r, &ev);
}

static void on_batch(void *ctx)
{
	struct run *r = ctx;
	loop_active(r->loop);
	schedule(r);
	if (r->ending)
		loop_wake(r->loop);
}

static void on_bad(void *ctx, const char *why)
{
	struct run *r = ctx;
	log_warning("%s: not understood: %s", r->o->bus.text, why);
	unlink_conn(r);
}

static void on_closed(void *ctx, const char *why)
{
	struct run *r = ctx;
	if (r->link == LINK_UP || !r->told_waiting)
		log_notice("%s: %s; waiting for the bus server", r->o->bus.text, why);
	r->told_waiting = true;
	r->twin_until = 0; /* it may be another bus server */
	notify_status("waiting for %s", r->o->bus.text);
	unlink_conn(r);
}

static const struct conn_ops conn_ops = {on_frame, on_bad, on_batch, on_closed};

static void ask(struct run *r)
{
	struct wire_frame f = {.type = WIRE_ATTACH};
	f.attach = (struct wire_attach){.version = WIRE_VERSION,
	                                .role = ROLE_TARGET,
	                                .id = r->o->id,
	                                .own = true,
	                                .epoch = r->epoch,
	                                .boot = r->boot};
	memcpy(f.attach.uuid, target_io_uuid(r->io), UUID_LEN);
	memcpy(f.attach.name, r->o->disk.name, sizeof(f.attach.name));
	r->link = LINK_ASKED;
	r->asked_until = loop_now() + ATTACH_LIMIT_NS;
	conn_send(r->conn, &f);
}

static void link_conn(struct run *r)
{
	char why[256];
	int fd = addr_connect(&r->o->bus, why, sizeof(why));
	if (fd >= 0) {
		r->conn = conn_new(loop_base(r->loop), fd, &conn_ops, r, OUT_MAX);
		if (r->conn) {
			ask(r);
			return;
		}
		(void)snprintf(why, sizeof(why), "%s: out of memory", r->o->bus.text);
	}
	if (!r->told_waiting)
		log_notice("%s; waiting for the bus server", why);
	r->told_waiting = true;
	wait_again(r);
}

/* What was asked for in the attach before may still land: not among what comes in the next. */
static void link_again(struct run *r)
{
	unsigned n = tgt_store_ops(r->t);
	if (n == 0) {
		link_conn(r);
		return;
	}
	if (r->told_ops != n)
		log_notice("%s: %u operation%s of the store %s under way; attaching after that",
		           r->o->disk.store, n, n > 1 ? "s" : "", n > 1 ? "are" : "is");
	r->told_ops = n;
}

/* ---- logical units ---- */

static uint64_t bit(uint8_t lun)
{
	return 1ULL << lun;
}

static bool lun_added(struct run *r, struct tgt_lu *lu, const char *spec, char *why, size_t n)
{
	struct tgt_event ev = {.kind = TGT_EV_LU_ADDED};
	ev.added = lu;
	step(r, &ev);
	return disk_list_add(&r->luns, spec, why, n);
}

static void lun_removed(struct run *r, uint8_t lun)
{
	struct tgt_event ev = {.kind = TGT_EV_LU_REMOVED};
	ev.removed = lun;
	step(r, &ev);
	target_io_remove(r->io, lun);
	disk_list_remove(&r->luns, lun);
}

/* Those that nothing stands in the way of: neither what was to be in their place before, nor one
 * that goes and has their store still. */
static void begin_opening(struct run *r)
{
	char why[PATH_MAX + 400];
	for (unsigned i = 0; i < r->want.n; i++) {
		const struct disk_opts *d = &r->want.v[i];
		if (!(r->to_open & ~r->opening & bit(d->lun)) || target_io_closing(r->io, d->store))
			continue;
		r->to_open &= ~bit(d->lun);
		if (target_io_add_later(r->io, d, why, sizeof(why)))
			r->opening |= bit(d->lun);
		else
			log_error("LUN %u: %s", d->lun, why);
	}
	if (r->reloading && !r->to_open && !r->opening) {
		r->reloading = false;
		notify_reloaded();
	}
}

/* Some are open now, or closed. */
static void take_luns(struct run *r)
{
	char why[PATH_MAX + 400];
	struct tgt_lu *lu;
	uint8_t lun;
	while (target_io_added(r->io, &lun, &lu, why, sizeof(why))) {
		const struct disk_opts *d = disk_list_find(&r->want, lun);
		r->opening &= ~bit(lun);
		if (lu && lun_added(r, lu, d->spec, why, sizeof(why)))
			log_info("%s: LUN %u is there", d->store, lun);
		else if (why[0])
			log_error("LUN %u: %s", lun, why);
	}
	begin_opening(r);
}

/* As it is to be. One that is given otherwise now stays what it was: another disk under the LUN of
 * one that is in use would be a surprise. */
static void change_lun(struct run *r, uint8_t lun)
{
	const struct disk_opts *now = disk_list_find(&r->luns, lun);
	const struct disk_opts *then = disk_list_find(&r->want, lun);
	if (r->opening & bit(lun)) {
		if (then && target_io_adds(r->io, lun, then->spec))
			return;
		target_io_add_stop(r->io, lun);
	}
	if (now && !then) {
		log_info("%s: LUN %u goes", now->store, lun);
		lun_removed(r, lun);
	} else if (now && strcmp(now->spec, then->spec) != 0) {
		log_error("LUN %u: %s is %s than %s: take it out first", lun, then->spec,
		          strcmp(now->store, then->store) == 0 ? "given otherwise" : "another disk",
		          now->spec);
	} else if (!now && then) {
		r->to_open |= bit(lun);
	}
}

/* ---- time ---- */

static void schedule(struct run *r)
{
	ns_t at = tgt_deadline(r->t);
	/* Operations that are waited for end with a wake. */
	if (r->link == LINK_WAITING && (tgt_store_ops(r->t) == 0 || r->told_ops == 0))
		at = least(at, r->retry_at);
	if (r->link == LINK_ASKED)
		at = least(at, r->asked_until);
	if (r->link == LINK_UP && r->heartbeat_ns > 0)
		at = least(at, r->ping_at);
	if (r->ending)
		at = least(at, r->end_by);
	loop_deadline(r->loop, at);
}

static void ping(struct run *r, ns_t now)
{
	struct wire_frame f = {.type = WIRE_PING};
	if (now > r->heard_at + conn_silence_limit(r->heartbeat_ns)) {
		log_warning("%s: it is silent", r->o->bus.text);
		unlink_conn(r);
		return;
	}
	send_frame(r, &f);
}

/* All tasks have ended, or their time is up: flush, say goodbye. */
static void end(struct run *r)
{
	if (!target_io_end(r->io))
		r->status = EXIT_FAILURE;
	if (r->conn)
		conn_close(r->conn);
	r->conn = NULL;
	r->link = LINK_WAITING;
	r->retry_at = NS_NEVER;
	loop_stop(r->loop);
}

static void on_run(void *ctx, ns_t now)
{
	struct run *r = ctx;
	if (tgt_deadline(r->t) <= now) {
		struct tgt_event ev = {.kind = TGT_EV_DEADLINE};
		step(r, &ev);
	}
	take_done(r);
	if (!r->ending)
		take_luns(r);
	if (r->ending && (tgt_tasks(r->t) == 0 || r->end_by <= now)) {
		end(r);
		return;
	}
	if (r->link == LINK_WAITING && r->retry_at <= now)
		link_again(r);
	if (r->link == LINK_ASKED && r->asked_until <= now) {
		log_warning("%s: no answer", r->o->bus.text);
		unlink_conn(r);
	}
	if (r->link == LINK_UP && r->heartbeat_ns > 0 && r->ping_at <= now)
		ping(r, now);
	schedule(r);
}

static void on_terminate(void *ctx, int signo)
{
	struct run *r = ctx;
	log_info("signal %d: ending", signo);
	notify_stopping();
	r->ending = true;
	r->end_by = loop_now() + DRAIN_LIMIT_NS;
	loop_wake(r->loop);
}

static void on_reload(void *ctx)
{
	struct run *r = ctx;
	struct target_again again;
	char why[PATH_MAX + 400];
	notify_reloading();
	r->reloading = true;
	if (target_opts_reread(r->o, &again, why, sizeof(why))) {
		log_set_level(again.level);
		disk_list_free(&r->want);
		r->want = again.luns;
		r->to_open = 0;
		for (uint8_t lun = 1; lun < SCSI_LUNS; lun++)
			change_lun(r, lun);
	} else {
		log_error("%s; what was in force stays", why);
	}
	begin_opening(r);
}

static const struct loop_ops loop_ops = {on_run, on_terminate, on_reload};

/* ---- all ---- */

static bool start(struct run *r)
{
	char why[PATH_MAX + 400];
	r->loop = loop_new(&loop_ops, r);
	if (!r->loop) {
		log_error("the event loop cannot be made");
		return false;
	}
	r->io = target_io_open(r->o, loop_base(r->loop), on_done, r, &r->t, why, sizeof(why));
	if (!r->io) {
		log_error("%s", why);
		return false;
	}
	for (unsigned i = 0; i < r->o->luns.n; i++) {
		const struct disk_opts *o = &r->o->luns.v[i];
		struct tgt_lu *lu = target_io_add(r->io, o, why, sizeof(why));
		if (!lu || !lun_added(r, lu, o->spec, why, sizeof(why))) {
			log_error("LUN %u: %s", o->lun, why);
			return false;
		}
	}
	for (unsigned i = 0; i < r->o->n_faults; i++) {
		if (!tgt_fault_add(r->t, r->o->fault[i], why, sizeof(why))) {
			log_error("--fault: %s", why);
			return false;
		}
	}
	return true;
}

int target_run(const struct target_opts *o)
{
	struct run r = {.o = o, .status = EXIT_SUCCESS, .pause = RETRY_FIRST_NS};
	if (start(&r)) {
		loop_wake(r.loop);
		loop_busy_poll(r.loop, o->busy_poll_ns);
		if (!loop_run(r.loop))
			r.status = EXIT_FAILURE;
	} else {
		r.status = EXIT_FAILURE;
	}
	if (r.conn)
		conn_free(r.conn);
	tgt_free(r.t);
	target_io_close(r.io);
	disk_list_free(&r.luns);
	disk_list_free(&r.want);
	loop_free(r.loop);
	return r.status;
}
