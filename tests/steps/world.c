/* SPDX-License-Identifier: BSD-2-Clause */
#include "steps/world.h"

#include "base/assert.h"
#include "sim/medium.h"

#include "unit/checks.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_NS (50 * NS_PER_MS) /* until what was cut dials, and what was killed is started */

const char *const fault_names[FAULTS] = {
#define FAULT(sym, name) name,
#include "steps/faults.def"
#undef FAULT
};

/* ---- bytes ---- */

static void bytes_put(struct bytes *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (b->n + n > b->room) {
		b->room = (b->n + n) * 2;
		b->p = realloc(b->p, b->room);
		must(b->p != NULL, "no memory");
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_frame(struct bytes *b, const struct wire_frame *f)
{
	static uint8_t head[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wr w = wr_init(head, sizeof(head));

	wire_put(&w, f);
	must(wr_ok(&w), "%s does not fit", wire_type_name((uint8_t)f->type));
	bytes_put(b, head, w.n);
	if (f->data)
		bytes_put(b, f->data->data, f->data->len);
	else
		bytes_put(b, f->small.p, f->small.n);
}

enum got { GOT_FRAME, GOT_NONE, GOT_NO_MEMORY };

/* The next frame; its data are the caller's to drop. */
static enum got take_frame(struct bytes *b, struct wire_frame *f)
{
	static uint8_t head[WIRE_HEAD_MAX];
	struct wire_header h;
	struct block *data = NULL;
	char why[200];

	if (b->n < WIRE_HEADER_LEN)
		return GOT_NONE;
	must(wire_header_get(b->p, &h, why, sizeof(why)), "%s", why);
	size_t all = WIRE_HEADER_LEN + (size_t)h.head_len + h.data_len;
	must(b->n >= all, "cut short");
	memcpy(head, b->p + WIRE_HEADER_LEN, h.head_len);
	if (h.data_len && !(data = block_new(h.data_len)))
		return GOT_NO_MEMORY;
	if (data)
		memcpy(data->data, b->p + WIRE_HEADER_LEN + h.head_len, h.data_len);
	memmove(b->p, b->p + all, b->n - all);
	b->n -= all;
	must(wire_get(&h, (struct span){head, h.head_len}, data, f, why, sizeof(why)), "%s", why);
	f->data = data;
	return GOT_FRAME;
}

/* ---- faults on demand ---- */

/* The fault of this class strikes now. */
static bool strikes(struct world *w, enum fault f)
{
	if (!w->armed || w->fault != f)
		return false;
	w->struck = true;
	w->armed = w->good;
	return true;
}

/* ---- the bus server ---- */

static void link_lost(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];

	l->up = false;
	l->to_bus.n = 0;
	l->dial_at = w->now + AGAIN_NS;
}

static void bus_perform(struct world *w, const struct bus_actions *out)
{
	w->bus_due |= out->more;
	for (unsigned k = 0; k < out->n; k++) {
		const struct bus_action *a = &out->action[k];
		struct link *l = &w->link[BUS_HANDLE_SLOT(a->handle)];
		if (!l->bus_open || l->handle != a->handle)
			continue;
		if (a->kind == BUS_ACT_SEND)
			put_frame(&l->from_bus, &a->frame);
		else if (a->kind == BUS_ACT_CLOSE)
			l->bus_open = false;
	}
	bus_check(w->bus);
}

static void bus_event(struct world *w, enum bus_event_kind kind, uint32_t handle,
                      const struct wire_frame *f)
{
	struct bus_event ev = {
	        .kind = kind, .now = w->now, .handle = handle, .frame = f, .why = "it is gone"};
	struct bus_actions out;

	bus_step(w->bus, &ev, &out);
	w->bus_due |= kind != BUS_EV_GO;
	bus_perform(w, &out);
}

static void bus_start(struct world *w)
{
	struct bus_config cfg = bus_config_default();

	cfg.boot = ++w->boot;
	cfg.heartbeat_ms = 0;
	w->bus = bus_new(&cfg);
	must(w->bus != NULL, "no memory");
	w->bus_due = false;
}

/* Both ends lose it, with what was on its way. */
static void cut(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];

	l->from_bus.n = 0;
	if (l->up)
		link_lost(w, i);
	if (l->bus_open) {
		l->bus_open = false;
		bus_event(w, BUS_EV_CLOSED, l->handle, NULL);
	}
}

static void bus_kill(struct world *w)
{
	for (unsigned i = 0; i < LINKS; i++) {
		w->link[i].bus_open = false;
		w->link[i].from_bus.n = 0;
		if (w->link[i].up)
			link_lost(w, i);
	}
	bus_free(w->bus);
	w->bus = NULL;
	w->bus_at = w->now + AGAIN_NS;
}

static bool bus_turn(struct world *w)
{
	struct wire_frame f;

	if (!w->bus)
		return false;
	for (unsigned i = 0; i < LINKS; i++) {
		struct link *l = &w->link[i];
		if (!l->bus_open)
			continue;
		switch (take_frame(&l->to_bus, &f)) {
		case GOT_FRAME:
			bus_event(w, BUS_EV_FRAME, l->handle, &f);
			block_unref(f.data);
			return true;
		case GOT_NO_MEMORY:
			cut(w, i);
			return true;
		case GOT_NONE:
			break;
		}
	}
	if (w->bus_due) {
		w->bus_due = false;
		bus_event(w, BUS_EV_GO, 0, NULL);
		return true;
	}
	return false;
}

/* ---- connections ---- */

static void dial(struct world *w, unsigned i, const struct wire_attach *a)
{
	struct link *l = &w->link[i];
	struct wire_frame f = {.type = WIRE_ATTACH, .attach = *a};

	if (!w->bus) {
		l->dial_at = w->now + AGAIN_NS;
		return;
	}
	l->up = l->bus_open = true;
	l->handle = i | ++w->generation << 8;
	l->to_bus.n = l->from_bus.n = 0;
	bus_event(w, BUS_EV_OPEN, l->handle, NULL);
	put_frame(&l->to_bus, &f);
}

/* ---- disks ---- */

static void identity(unsigned i, uint8_t *uuid, char *name, size_t n)
{
	memset(uuid, (int)(0xd0 + i), UUID_LEN);
	(void)snprintf(name, n, "disk%u", i);
}

static void disk_start(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct tgt_config c = {.lu.block_size = BLOCK,
	                       .lu.blocks = BLOCKS,
	                       .lu.saved = {d->saved, d->n_saved},
	                       .queue_depth = 8,
	                       .xfer = XFER_ULTRA160};
	char why[200];

	identity(i, c.lu.uuid, c.lu.name, sizeof(c.lu.name));
	d->t = tgt_new(&c, why, sizeof(why));
	if (!d->t) { /* there was no memory */
		must(memory_struck(), "%s", why);
		d->start_at = w->now + AGAIN_NS;
		return;
	}
	d->attached = d->dead = false;
	d->n_done = 0;
	w->link[i].dial_at = w->now;
}

static void disk_kill(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];

	cut(w, i);
	for (unsigned k = 0; k < d->n_done; k++)
		if (d->done[k].kind == TGT_EV_STORE_DONE)
			block_unref(d->done[k].store.block);
	d->n_done = 0;
	tgt_free(d->t);
	d->t = NULL;
	d->start_at = w->now + AGAIN_NS;
}

static enum tgt_store_result store_result(struct world *w, unsigned i, enum tgt_action_kind kind)
{
	bool read = kind == TGT_STORE_READ || kind == TGT_STORE_COMPARE || kind == TGT_STORE_VERIFY;
	bool write = kind == TGT_STORE_WRITE || kind == TGT_STORE_ZERO || kind == TGT_STORE_OR ||
	             kind == TGT_STORE_ATOMIC;

	if (i != 1)
		return STORE_OK;
	if (w->disk[i].dead && (write || kind == TGT_STORE_FLUSH))
		return STORE_DEAD;
	if (write && strikes(w, FAULT_WRITE_ERROR))
		return STORE_ERROR;
	if (write && strikes(w, FAULT_NO_SPACE))
		return STORE_NO_SPACE;
	if (read && strikes(w, FAULT_READ_ERROR))
		return STORE_ERROR;
	if (kind == TGT_STORE_FLUSH && strikes(w, FAULT_FLUSH_DEAD)) {
		w->disk[i].dead = true;
		return STORE_DEAD;
	}
	return STORE_OK;
}

/* As shell/target_io.c: what brings data needs a block. */
static bool has_room(enum tgt_action_kind kind)
{
	struct block *b;

	if (kind != TGT_STORE_READ && kind != TGT_STORE_MAP)
		return true;
	b = block_new(1);
	block_unref(b);
	return b != NULL;
}

static void disk_do(struct world *w, unsigned i, const struct tgt_action *a)
{
	struct disk *d = &w->disk[i];
	const struct medium m = {.bytes = d->media, .block_size = BLOCK, .blocks = BLOCKS};
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};

	must(d->n_done < OPS, "too many");
	if (a->kind == TGT_META_SAVE) {
		ev.kind = TGT_EV_META_DONE;
		ev.meta.op = a->op;
		ev.meta.ok = i != 1 || !strikes(w, FAULT_META_ERROR);
		if (ev.meta.ok) {
			memcpy(d->saved, a->bytes.p, a->bytes.n);
			d->n_saved = a->bytes.n;
		}
	} else {
		ev.store.op = a->op;
		ev.store.result = has_room(a->kind) ? store_result(w, i, a->kind) : STORE_ERROR;
		if (ev.store.result == STORE_OK)
			medium_do(&m, a, a->blocks, &ev);
	}
	d->done[d->n_done++] = ev;
}

static void disk_event(struct world *w, unsigned i, struct tgt_event ev)
{
	struct tgt_actions out;

	ev.now = w->now;
	tgt_step(w->disk[i].t, &ev, &out);
	for (unsigned k = 0; k < out.n; k++) {
		const struct tgt_action *a = &out.v[k];
		must(a->kind != TGT_DIE, "it dies");
		if (a->kind != TGT_SEND)
			disk_do(w, i, a);
		else if (w->link[i].up)
			put_frame(&w->link[i].to_bus, &a->frame);
	}
	tgt_check(w->disk[i].t);
}

static void disk_frame(struct world *w, unsigned i, const struct wire_frame *f)
{
	if (f->type == WIRE_ATTACHED) {
		w->disk[i].attached = true;
		disk_event(w, i,
		           (struct tgt_event){.kind = TGT_EV_ATTACHED, .attached = &f->attached});
	} else if (f->type == WIRE_REFUSED) {
		cut(w, i);
	} else if (f->type != WIRE_ERROR && f->type != WIRE_RING) {
		disk_event(w, i, (struct tgt_event){.kind = TGT_EV_FRAME, .frame = f});
	}
}

static bool stays_cut(const struct world *w, unsigned i)
{
	return w->struck && w->good &&
	       ((w->fault == FAULT_CUT_DISK0 && i == 0) ||
	        (w->fault == FAULT_CUT_DISK2 && i == 2) ||
	        (w->fault == FAULT_CUT_HOST && i == HOST));
}

static bool stays_dead(const struct world *w, enum fault f)
{
	return w->struck && w->good && w->fault == f;
}

static bool disk_dials(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct wire_attach a = {.version = WIRE_VERSION, .role = ROLE_TARGET, .id = (uint8_t)i};

	if (w->link[i].up || w->now < w->link[i].dial_at || tgt_store_ops(d->t) > 0 ||
	    stays_cut(w, i) || !w->bus)
		return false;
	identity(i, a.uuid, a.name, sizeof(a.name));
	dial(w, i, &a);
	return true;
}

static bool disk_turn(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct link *l = &w->link[i];
	struct wire_frame f;

	if (!d->t)
		return false;
	if (d->attached && !l->up) {
		d->attached = false;
		disk_event(w, i, (struct tgt_event){.kind = TGT_EV_DETACHED});
		return true;
	}
	enum got got = l->up ? take_frame(&l->from_bus, &f) : GOT_NONE;
	if (got == GOT_FRAME) {
		disk_frame(w, i, &f);
		block_unref(f.data);
		return true;
	}
	if (got == GOT_NO_MEMORY || (l->up && !l->bus_open)) {
		cut(w, i);
		return true;
	}
	if (d->n_done > 0) {
		struct tgt_event ev = d->done[0];
		memmove(d->done, d->done + 1, --d->n_done * sizeof(ev));
		disk_event(w, i, ev);
		if (ev.kind == TGT_EV_STORE_DONE)
			block_unref(ev.store.block);
		return true;
	}
	return disk_dials(w, i);
}

/* ---- the daemon ---- */

static void host_start(struct world *w)
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
	struct ini_error e;

	h->h = hba_new(&hc);
	h->ini = h->h ? ini_new(&ic, h->h) : NULL;
	if (!h->ini) {
		must(memory_struck(), "no");
		hba_free(h->h);
		h->h = NULL;
		h->start_at = w->now + AGAIN_NS;
		return;
	}
	h->attached = false;
	h->lives++;
	h->due = true;
	w->link[HOST].dial_at = w->now;
	if (h->n_groups > 0) {
		must(ini_restore_group(h->ini, &h->group, &e), "%s", e.text);
		(void)ini_restore_intent(h->ini, h->group.name, h->n_log ? h->log : NULL, h->n_log,
		                         &e);
	}
	if (h->has_state)
		ini_restore_next_job(h->ini, h->next_job);
}

static void host_kill(struct world *w)
{
	struct host *h = &w->host;

	cut(w, HOST);
	for (unsigned i = 0; i < h->n_work; i++)
		free(h->work[i].bytes);
	h->n_work = 0;
	hba_free(h->h);
	ini_free(h->ini);
	h->h = NULL;
	h->ini = NULL;
	h->start_at = w->now + AGAIN_NS;
}

static void put_work(struct world *w, const struct ini_action *a)
{
	struct host *h = &w->host;
	struct work k = {.kind = a->kind, .op = a->op, .offset = a->offset, .len = a->len};

	must(h->n_work < OPS, "too many");
	if (a->kind == INI_ACT_SAVE) {
		k.n_groups = ini_groups(h->ini);
		k.next_job = ini_next_job(h->ini);
		if (k.n_groups)
			ini_group_save(h->ini, 0, &k.group);
	} else if (a->kind == INI_ACT_INTENT && a->len) {
		k.bytes = malloc(a->len);
		must(k.bytes != NULL, "no memory");
		memcpy(k.bytes, a->bytes, a->len);
	}
	h->work[h->n_work++] = k;
}

static void host_act(struct world *w, const struct ini_action *a)
{
	struct host *h = &w->host;

	switch (a->kind) {
	case INI_ACT_SAVE:
	case INI_ACT_INTENT:
	case INI_ACT_FILE_READ:
		put_work(w, a);
		break;
	case INI_ACT_REPLY:
		if (a->token == h->token) {
			h->replied = true;
			h->error = a->error;
		}
		break;
	case INI_ACT_LOG:
		if (getenv("STEPS_LOG"))
			fprintf(stderr, "%8.3f %s\n", (double)w->now / 1e9, a->text);
		break;
	case INI_ACT_FILE_CLOSE:
	case INI_ACT_CHANGED:
		break;
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
	case INI_ACT_BLOCK:
		ck_abort_msg("action %d", (int)a->kind);
	}
}

static void file_read(struct world *w, const struct work *k)
{
	struct block *b = block_new(k->len);
	int err = strikes(w, FAULT_IMAGE_ERROR) ? EIO : b ? 0 : ENOMEM;

	if (b)
		memset(b->data, w->image, b->len);
	ini_file_read_done(w->host.ini, k->op, err, err ? NULL : b);
	block_unref(b);
}

static void host_done(struct world *w)
{
	struct host *h = &w->host;
	struct work k = h->work[0];
	int err = 0;

	memmove(h->work, h->work + 1, --h->n_work * sizeof(k));
	h->due = true;
	if (k.kind == INI_ACT_FILE_READ) {
		file_read(w, &k);
	} else if (k.kind == INI_ACT_SAVE) {
		err = strikes(w, FAULT_STATE_ERROR) ? EIO : 0;
		if (!err) {
			h->has_state = true;
			h->n_groups = k.n_groups;
			h->group = k.group;
			h->next_job = k.next_job;
		}
		ini_saved(h->ini, k.op, err);
	} else {
		err = strikes(w, FAULT_LOG_ERROR) ? EIO : 0;
		if (!err) {
			h->n_log = k.len;
			if (k.len)
				memcpy(h->log, k.bytes, k.len);
		}
		ini_intent_saved(h->ini, k.op, err);
	}
	free(k.bytes);
}

static void host_run(struct world *w)
{
	struct host *h = &w->host;
	const struct wire_frame *f;
	const struct ini_action *a;

	h->due = false;
	hba_run(h->h, w->now);
	ini_run(h->ini, w->now);
	hba_check(h->h);
	ini_check(h->ini);
	while ((a = ini_output(h->ini)))
		host_act(w, a);
	while ((f = hba_output(h->h)))
		if (w->link[HOST].up)
			put_frame(&w->link[HOST].to_bus, f);
	h->due = hba_deadline(h->h) <= w->now || ini_deadline(h->ini) <= w->now;
}

static void host_detach(struct world *w)
{
	w->host.attached = false;
	hba_detached(w->host.h, w->now);
	hba_check(w->host.h);
	w->host.due = true;
}

static void host_frame(struct world *w, const struct wire_frame *f)
{
	struct host *h = &w->host;

	h->due = true;
	if (f->type == WIRE_ATTACHED) {
		h->attached = true;
		hba_attached(h->h, &f->attached, w->now);
	} else if (f->type == WIRE_REFUSED) {
		cut(w, HOST);
	} else if (h->attached && f->type != WIRE_MGMT) {
		hba_frame(h->h, f, w->now);
	}
}

static bool host_dials(struct world *w)
{
	struct wire_attach a = {
	        .version = WIRE_VERSION, .role = ROLE_INITIATOR, .id = HOST_ID, .name = "host"};

	if (w->link[HOST].up || w->now < w->link[HOST].dial_at || stays_cut(w, HOST) || !w->bus)
		return false;
	a.uuid[0] = 0x77;
	dial(w, HOST, &a);
	return true;
}

static bool host_turn(struct world *w)
{
	struct host *h = &w->host;
	struct link *l = &w->link[HOST];
	struct wire_frame f;

	if (!h->ini)
		return false;
	if (h->attached && !l->up) {
		host_detach(w);
		return true;
	}
	enum got got = l->up ? take_frame(&l->from_bus, &f) : GOT_NONE;
	if (got == GOT_FRAME) {
		host_frame(w, &f);
		block_unref(f.data);
		return true;
	}
	if (got == GOT_NO_MEMORY || (l->up && !l->bus_open) ||
	    (h->attached && hba_server_lost(h->h))) {
		cut(w, HOST);
		return true;
	}
	if (h->due) {
		host_run(w);
		return true;
	}
	if (h->n_work > 0) {
		host_done(w);
		return true;
	}
	return host_dials(w);
}

/* ---- what is killed is started again ---- */

static bool start_again(struct world *w)
{
	if (!w->bus && w->now >= w->bus_at && !stays_dead(w, FAULT_KILL_BUS)) {
		bus_start(w);
		return true;
	}
	for (unsigned i = 0; i < DISKS; i++) {
		bool stays = (i == 0 && stays_dead(w, FAULT_KILL_DISK0)) ||
		             (i == 2 && stays_dead(w, FAULT_KILL_DISK2));
		if (!w->disk[i].t && w->now >= w->disk[i].start_at && !stays) {
			disk_start(w, i);
			return true;
		}
	}
	if (!w->host.ini && w->now >= w->host.start_at && !stays_dead(w, FAULT_KILL_HOST)) {
		host_start(w);
		return true;
	}
	return false;
}

/* ---- a step ---- */

void world_strike(struct world *w, enum fault f, bool good)
{
	w->fault = f;
	w->good = good;
	w->struck = true;
	switch (w->fault) {
	case FAULT_CUT_DISK0:
		cut(w, 0);
		break;
	case FAULT_CUT_DISK2:
		cut(w, 2);
		break;
	case FAULT_CUT_HOST:
		cut(w, HOST);
		break;
	case FAULT_KILL_DISK0:
		if (w->disk[0].t)
			disk_kill(w, 0);
		break;
	case FAULT_KILL_DISK2:
		if (w->disk[2].t)
			disk_kill(w, 2);
		break;
	case FAULT_KILL_BUS:
		if (w->bus)
			bus_kill(w);
		break;
	case FAULT_KILL_HOST:
		if (w->host.ini)
			host_kill(w);
		break;
	case FAULT_NO_MEMORY:
		memory_fail(w->good ? UINT32_MAX : 1);
		break;
	case FAULT_WRITE_ERROR:
	case FAULT_READ_ERROR:
	case FAULT_NO_SPACE:
	case FAULT_FLUSH_DEAD:
	case FAULT_META_ERROR:
	case FAULT_STATE_ERROR:
	case FAULT_LOG_ERROR:
	case FAULT_IMAGE_ERROR:
		w->struck = false; /* with the next operation of that kind */
		w->armed = true;
		break;
	case FAULTS:
		break;
	}
}

bool world_step(struct world *w)
{
	if (w->before)
		w->before(w);
	w->steps++;
	if (start_again(w))
		return true;
	for (unsigned i = 0; i < LINKS + 1; i++) {
		unsigned who = (w->turn + i) % (LINKS + 1);
		bool moved = who == LINKS  ? bus_turn(w)
		             : who == HOST ? host_turn(w)
		                           : disk_turn(w, who);
		if (moved) {
			w->turn = (who + 1) % (LINKS + 1);
			return true;
		}
	}
	w->steps--;
	return false;
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static ns_t next_deadline(const struct world *w)
{
	ns_t at = NS_NEVER;

	if (w->bus)
		at = earlier(at, bus_deadline(w->bus));
	else if (!stays_dead(w, FAULT_KILL_BUS))
		at = earlier(at, w->bus_at);
	for (unsigned i = 0; i < DISKS; i++)
		at = earlier(at, w->disk[i].t ? tgt_deadline(w->disk[i].t) : w->disk[i].start_at);
	if (w->host.ini)
		at = earlier(at, earlier(hba_deadline(w->host.h), ini_deadline(w->host.ini)));
	else
		at = earlier(at, w->host.start_at);
	for (unsigned i = 0; i < LINKS; i++)
		if (!w->link[i].up)
			at = earlier(at, w->link[i].dial_at);
	return at;
}

/* Time passes to the next thing that is due; what is due and cannot be is looked at later. */
static void pass_time(struct world *w, ns_t end)
{
	ns_t at = next_deadline(w);

	if (at <= w->now)
		at = w->now + NS_PER_MS;
	w->now = earlier(at, end);
	if (w->bus && bus_deadline(w->bus) <= w->now)
		bus_event(w, BUS_EV_DEADLINE, 0, NULL);
	for (unsigned i = 0; i < DISKS; i++)
		if (w->disk[i].t && tgt_deadline(w->disk[i].t) <= w->now)
			disk_event(w, i, (struct tgt_event){.kind = TGT_EV_DEADLINE});
	w->host.due |= w->host.ini &&
	               earlier(hba_deadline(w->host.h), ini_deadline(w->host.ini)) <= w->now;
}

bool world_until(struct world *w, ns_t limit, bool (*cond)(const struct world *w))
{
	ns_t end = w->now + limit;

	for (uint64_t n = 0; !cond || !cond(w); n++) {
		must(n < 1000000, "it never comes to rest");
		if (world_step(w))
			continue;
		if (w->now >= end)
			return !cond;
		pass_time(w, end);
	}
	return true;
}

/* ---- life ---- */

void world_new(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = NS_PER_S;
	bus_start(w);
	for (unsigned i = 0; i < DISKS; i++)
		disk_start(w, i);
	host_start(w);
}

void world_repair(struct world *w)
{
	w->before = NULL;
	w->armed = w->good = w->struck = false;
	w->disk[1].dead = false;
	memory_fail(0);
	if (w->disk[1].t)
		disk_kill(w, 1);
}

void world_free(struct world *w)
{
	if (w->host.ini)
		host_kill(w);
	for (unsigned i = 0; i < DISKS; i++)
		if (w->disk[i].t)
			disk_kill(w, i);
	if (w->bus)
		bus_kill(w);
	for (unsigned i = 0; i < LINKS; i++) {
		free(w->link[i].to_bus.p);
		free(w->link[i].from_bus.p);
	}
}

void world_kill_disk(struct world *w, unsigned i)
{
	if (w->disk[i].t)
		disk_kill(w, i);
}
