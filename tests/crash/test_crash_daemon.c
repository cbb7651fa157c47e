/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash points of the daemon's state directory: identity and groups, the journal of jobs,
 * write-intent logs. A history of writes, jobs, losses and returns of members is run with the
 * shell's own files; from each state that the end of the machine can leave the daemon is started
 * again, and once more from each that its end in that recovery leaves. The disks stay, or lose what
 * they had not flushed. Then:
 *
 *   - nothing is refused; the identity, groups and jobs that were answered for are there;
 *   - a member that counts as in sync holds every write that was acknowledged;
 *   - where members in sync differ, or could if they lost what they have not flushed, the log says
 * so, and where a stale member differs of which the log is said to know all;
 *   - when the recovery is over the members are equal, and nothing that was acknowledged is lost.
 */
#include "crash/points.h"
#include "initiator/core.h"
#include "scenario/fake_hba.h"
#include "shell/daemon_core.h"
#include "shell/log.h"
#include "unit/must.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISKS      5 /* 3 of group g0, 2 of g1 */
#define MEMBERS    3
#define BLOCKS     64
#define REGION     8 /* blocks */
#define HISTORY    24
#define IMAGE      16 /* blocks of the mirror job's image, and what is in it */
#define IMAGE_FILL 4
#define JOBS       16
#define LIMIT_NS   (60 * NS_PER_S)
#define SYNC_ALL   0x100 /* a value of nobody's write: what is before was flushed */

/* ---- what was promised ---- */

enum note {
	NOTE_IDENTITY, /* bytes: its UUID */
	NOTE_GROUP,    /* g0 is there */
	NOTE_OTHER,    /* g1 is to be there, is, is to go, is gone: bytes: 1, 2, 3, 4 */
	NOTE_BEGUN,    /* struct area: a client's write begins; was acknowledged */
	NOTE_ACKED,
	NOTE_FLUSHED,     /* all that was acknowledged is durable on all members in sync */
	NOTE_MEDIUM,      /* struct area with its bytes: it came to a disk */
	NOTE_FLUSH_BEGUN, /* what it has then is flushed at the end */
	NOTE_DISK_FLUSHED,
	NOTE_PAGE,
	NOTE_JOB, /* struct job_note: its creation was answered; its end; it was dismissed */
	NOTE_JOB_OVER,
	NOTE_JOB_TO_GO,
};

struct area {
	uint32_t disk, lba, blocks, fill;
	uint8_t bytes[BLOCKS];
};

struct page_note {
	uint32_t disk;
	struct mode_mirror page;
};

struct job_note {
	uint32_t id;
	enum ini_conclusion conclusion;
};

struct model {
	bool identified, grouped, lost;
	uint8_t uuid[UUID_LEN];
	unsigned other;
	struct {
		uint8_t cached[BLOCKS], flushing[BLOCKS], flushed[BLOCKS];
		unsigned flushes; /* under way */
		struct mode_mirror page;
	} disk[DISKS];
	struct {
		unsigned n;
		struct {
			uint16_t value;
			bool acked;
		} write[HISTORY];
	} block[BLOCKS];
	struct {
		bool there, over, to_go;
		enum ini_conclusion conclusion;
	} job[JOBS];
};

static void note_write(struct model *m, const struct area *a, bool acked)
{
	for (uint32_t i = a->lba; i < a->lba + a->blocks; i++) {
		unsigned *n = &m->block[i].n;
		if (acked) {
			m->block[i].write[*n - 1].acked = true;
			continue;
		}
		must(*n < HISTORY, "too many writes");
		m->block[i].write[*n].value = (uint16_t)a->fill;
		m->block[i].write[(*n)++].acked = false;
	}
}

/* What is before the last acknowledged one cannot come back. */
static void note_flushed(struct model *m)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned last = m->block[i].n;
		while (last > 0 && !m->block[i].write[last - 1].acked)
			last--;
		if (last == 0)
			continue;
		m->block[i].n -= last - 1;
		memmove(m->block[i].write, m->block[i].write + last - 1,
		        m->block[i].n * sizeof(m->block[i].write[0]));
	}
}

static void note_job(struct model *m, enum note what, const struct job_note *j)
{
	must(j->id < JOBS, "too many jobs");
	m->job[j->id].there = true;
	if (what == NOTE_JOB_OVER) {
		m->job[j->id].over = true;
		m->job[j->id].conclusion = j->conclusion;
	}
	m->job[j->id].to_go |= what == NOTE_JOB_TO_GO;
}

static void take_note(struct model *m, const struct record *r)
{
	const void *p = r->bytes;
	const struct area *a = p;
	const struct page_note *page = p;

	switch ((enum note)r->file) {
	case NOTE_IDENTITY:
		m->identified = true;
		for (unsigned i = 0; i < DISKS; i++)
			m->disk[i].flushes = 0; /* of the daemon before */
		memcpy(m->uuid, p, UUID_LEN);
		break;
	case NOTE_GROUP:
		m->grouped = true;
		break;
	case NOTE_OTHER:
		m->other = *(const uint8_t *)p;
		break;
	case NOTE_BEGUN:
	case NOTE_ACKED:
		note_write(m, a, r->file == NOTE_ACKED);
		break;
	case NOTE_FLUSHED:
		note_flushed(m);
		break;
	case NOTE_MEDIUM:
		memcpy(m->disk[a->disk].cached + a->lba, a->bytes, a->blocks);
		break;
	case NOTE_FLUSH_BEGUN:
		if (m->disk[a->disk].flushes++ == 0)
			memcpy(m->disk[a->disk].flushing, m->disk[a->disk].cached, BLOCKS);
		break;
	case NOTE_DISK_FLUSHED:
		m->disk[a->disk].flushes--;
		memcpy(m->disk[a->disk].flushed, m->disk[a->disk].flushing, BLOCKS);
		break;
	case NOTE_PAGE:
		m->disk[page->disk].page = page->page;
		break;
	case NOTE_JOB:
	case NOTE_JOB_OVER:
	case NOTE_JOB_TO_GO:
		note_job(m, (enum note)r->file, p);
		break;
	}
}

static uint64_t notes(const struct history *h, size_t cut)
{
	uint64_t n = 0;

	for (size_t i = 0; i < cut; i++)
		n += h->v[i].kind == RECORD_NOTE;
	return n;
}

static void take_notes(struct model *m, const struct history *h, size_t cut)
{
	for (size_t i = 0; i < cut; i++)
		if (h->v[i].kind == RECORD_NOTE)
			take_note(m, &h->v[i]);
}

/* Whether a client may read this: the write that was acknowledged last, or a later one. When disks
 * lost what they had not flushed: one of those before, too. */
static bool may_be(const struct model *m, unsigned block, unsigned value)
{
	unsigned first = 0;

	for (unsigned i = 0; i < m->block[block].n; i++)
		if (m->block[block].write[i].acked && !m->lost)
			first = i;
	for (unsigned i = first; i < m->block[block].n; i++)
		if (m->block[block].write[i].value == value)
			return true;
	return false;
}

static void new_model(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned i = 0; i < BLOCKS; i++) {
		m->block[i].n = 1;
		m->block[i].write[0].acked = true;
	}
}

/* ---- a daemon ---- */

static STAILQ_HEAD(, work) threads = STAILQ_HEAD_INITIALIZER(threads);

/* What the threads are given is done when the test says so (shell/workers.c, shell/loop.c are not
 * linked). */
void workers_add(struct workers *p, struct work *w)
{
	(void)p;
	STAILQ_INSERT_TAIL(&threads, w, link);
}

void loop_wake(struct loop *l)
{
	(void)l;
}

static ns_t shell_now;

ns_t loop_now(void)
{
	return shell_now;
}

/* Nor shell/daemon_files.c: nobody keeps the files of jobs. */
void files_reopen(struct daemon *d, struct ini_job *j)
{
	(void)d;
	(void)j;
}

void files_act(struct daemon *d, const struct ini_action *a)
{
	(void)d;
	(void)a;
}

/* Nor is shell/log.c: a log of a group that is just being made is missing in many a state. */
void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

struct shell {
	struct daemon *d;
	struct hba *h;
	ns_t now;
	uint64_t token, replied;
	struct ini_error error;
	uint8_t image;
	enum ini_kind kind;
};

static void seen(void *ctx, uint8_t id, enum scsi_op op, lba_t lba, uint32_t blocks)
{
	struct shell *s = ctx;
	struct area a = {.disk = id, .lba = (uint32_t)lba, .blocks = blocks};
	struct page_note p = {.disk = id, .page = s->h->target[id].member};

	if (op == OP_MODE_SELECT_10) {
		files_note(NOTE_PAGE, &p, sizeof(p));
		return;
	}
	for (uint32_t i = 0; op == OP_WRITE_16 && i < blocks; i++)
		a.bytes[i] = s->h->disk[id].store[(lba + i) * FAKE_BLOCK];
	files_note(op == OP_WRITE_16 ? NOTE_MEDIUM
	           : blocks          ? NOTE_FLUSH_BEGUN
	                             : NOTE_DISK_FLUSHED,
	           &a, sizeof(a));
}

static const struct ini_config cores = {
        .resend_delay_ns = 10 * NS_PER_MS,
        .resend_delay_max_ns = NS_PER_S,
        .max_passes = 3,
        .window = 2,
        .transfer = 8 * FAKE_BLOCK,
        .region_bytes = REGION * FAKE_BLOCK,
};

static void plug_disks(struct shell *s, const struct model *m)
{
	for (uint8_t id = 0; id < DISKS; id++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "disk%u", id);
		fake_add(s->h, id, name, BLOCKS, FAKE_BLOCK);
		for (unsigned i = 0; m && i < BLOCKS; i++)
			memset(s->h->disk[id].store + i * FAKE_BLOCK, m->disk[id].cached[i],
			       FAKE_BLOCK);
		if (m)
			s->h->target[id].member = m->disk[id].page;
	}
}

/* The daemon is started on what is in the directory. */
static void start(struct shell *s, const struct model *m)
{
	char why[400] = "";

	*s = (struct shell){.now = NS_PER_S, .token = 100};
	s->d = calloc(1, sizeof(*s->d));
	s->d->dir_fd = -1;
	s->d->cfg.state_dir = FILES_DIR;
	must(state_start(s->d, why, sizeof(why)), "%s: %s", points_where(), why);
	files_note(NOTE_IDENTITY, s->d->uuid, UUID_LEN);
	s->h = fake_new();
	plug_disks(s, m);
	s->h->seen = seen;
	s->h->seen_ctx = s;
	s->d->hba = s->h;
	s->d->ini = ini_new(&cores, s->h);
	must(s->d->ini, "no memory");
	must(state_restore(s->d, why, sizeof(why)), "%s: %s", points_where(), why);
}

/* As if it were killed. */
static void stop(struct shell *s)
{
	struct work *w;

	s->d->stopped = true;
	while ((w = STAILQ_FIRST(&threads)) != NULL) {
		STAILQ_REMOVE_HEAD(&threads, link);
		w->run(w);
		w->done(w);
	}
	fake_free(s->h);
	ini_free(s->d->ini);
	state_stop(s->d);
	free(s->d);
}

static void act(struct shell *s, const struct ini_action *a)
{
	struct block *b;

	switch (a->kind) {
	case INI_ACT_SAVE:
		state_save(s->d, a->op);
		break;
	case INI_ACT_INTENT:
		logs_save(s->d, a);
		break;
	case INI_ACT_REPLY:
		s->replied = a->token;
		s->kind = a->error.kind;
		break;
	case INI_ACT_FILE_READ:
		b = block_new(a->len);
		memset(b->data, s->image, a->len);
		ini_file_read_done(s->d->ini, a->op, 0, b);
		block_unref(b);
		break;
	case INI_ACT_CHANGED:
		s->d->jobs_touched = true;
		break;
	case INI_ACT_LOG:
		if (getenv("CRASH_LOG"))
			fprintf(stderr, "%8.3f %s\n", (double)s->now / 1e9, a->text);
		break;
	case INI_ACT_FILE_CLOSE:
		break;
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
	case INI_ACT_BLOCK:
		ck_abort_msg("action %u", a->kind);
	}
}

/* The jobs file is as new as the core: what it says was answered for. */
static void note_jobs(struct shell *s)
{
	if (s->d->jobs_version != s->d->jobs_done || s->d->jobs_touched)
		return;
	for (unsigned i = 0; i < ini_jobs(s->d->ini); i++) {
		const struct ini_job *j = ini_job_at(s->d->ini, i);
		struct job_note n = {j->id, j->conclusion};
		if (!j->recovery)
			files_note(j->state == JOB_CONCLUDED ? NOTE_JOB_OVER : NOTE_JOB, &n,
			           sizeof(n));
	}
}

static void step(struct shell *s)
{
	const struct ini_action *a;
	struct work *w;
	bool jobs = false;

	shell_now = s->now;
	fake_run(s->h, s->now);
	ini_run(s->d->ini, s->now);
	ini_check(s->d->ini);
	while ((a = ini_output(s->d->ini)))
		act(s, a);
	if (s->d->jobs_touched || s->d->jobs_version != s->d->jobs_done) {
		state_jobs(s->d);
		jobs = true;
	}
	while ((w = STAILQ_FIRST(&threads)) != NULL) {
		STAILQ_REMOVE_HEAD(&threads, link);
		w->run(w);
		w->done(w);
	}
	if (jobs)
		note_jobs(s);
}

static bool next(struct shell *s, ns_t end)
{
	ns_t at = ini_deadline(s->d->ini), fake = fake_deadline(s->h);

	if (fake < at)
		at = fake;
	if (at > end)
		return false;
	if (at > s->now)
		s->now = at;
	step(s);
	return true;
}

static void run_for(struct shell *s, ns_t ns)
{
	ns_t end = s->now + ns;

	step(s);
	for (unsigned i = 0; next(s, end); i++)
		must(i < 1000000, "%s: it never comes to rest", points_where());
	s->now = end;
	step(s);
}

/* Until the command with the token of now is answered. */
static void reply(struct shell *s, bool ok, const struct ini_error *e)
{
	ns_t end = s->now + LIMIT_NS;

	must(ok, "%s: %s", points_where(), e->text);
	for (step(s); s->replied != s->token;)
		must(next(s, end), "%s: no reply", points_where());
	s->token++;
}

static void done(struct shell *s, bool ok, const struct ini_error *e)
{
	reply(s, ok, e);
	must(s->kind == INI_OK, "%s: %s", points_where(), ini_kind_name(s->kind));
}

/* ---- recovery ---- */

static const struct group *group_g0(const struct shell *s)
{
	for (unsigned k = 0; k < INI_GROUPS_MAX; k++)
		if (s->d->ini->group[k].used && strcmp(s->d->ini->group[k].pub.name, "g0") == 0)
			return &s->d->ini->group[k];
	return NULL;
}

static bool marked(const uint64_t *map, unsigned block)
{
	return map[block / REGION / 64] >> (block / REGION % 64) & 1;
}

static void check_files(const struct shell *s, const struct model *m)
{
	const struct ini_group *other = ini_group_find(s->d->ini, "g1");

	if (m->identified)
		must(memcmp(s->d->uuid, m->uuid, UUID_LEN) == 0, "%s: another identity",
		     points_where());
	must(!m->grouped || group_g0(s), "%s: the group is gone", points_where());
	must(m->other != 2 || other, "%s: group g1 is gone", points_where());
	must((m->other > 0 && m->other < 4) || !other, "%s: group g1 is there", points_where());
	for (uint32_t id = 1; id < JOBS; id++) {
		const struct ini_job *j = ini_job_find(s->d->ini, id);
		if (!m->job[id].there)
			continue;
		must(ini_next_job(s->d->ini) > id, "%s: number %u is used again", points_where(),
		     id);
		must(j || m->job[id].to_go, "%s: job %u is forgotten", points_where(), id);
		bool over = j && (j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED);
		must(!j || over || ini_job_goes_on(j), "%s: job %u goes on", points_where(), id);
		must(!j || !ini_job_goes_on(j) || j->conclusion != JOB_FAILED,
		     "%s: job %u does not go on", points_where(), id);
		must(!j || !m->job[id].over || j->conclusion == m->job[id].conclusion,
		     "%s: job %u ended otherwise", points_where(), id);
	}
}

static bool in_sync(const struct group *g, unsigned i)
{
	return g->pub.m[i].state == MEMBER_IN_SYNC;
}

static void check_block(const struct group *g, const struct model *m, unsigned b)
{
	bool dirty = marked(g->log->dirty, b), known = dirty || marked(g->log->behind, b);
	int first = -1;

	for (unsigned i = 0; i < g->pub.n; i++) {
		unsigned value = m->disk[i].cached[b];
		if (!in_sync(g, i))
			continue;
		must(may_be(m, b, value), "%s: disk%u counts as in sync, block %u is %u",
		     points_where(), i, b, value);
		must(dirty || value == m->disk[i].flushed[b],
		     "%s: disk%u may lose block %u, and the log does not say so", points_where(), i,
		     b);
		must(dirty || first < 0 || (unsigned)first == value,
		     "%s: block %u differs, and the log does not say so", points_where(), b);
		first = (int)value;
	}
	for (unsigned i = 0; i < g->pub.n && first >= 0; i++)
		must(in_sync(g, i) || !g->pub.m[i].logged || known || m->disk[i].cached[b] == first,
		     "%s: stale disk%u differs in block %u, and the log does not say so",
		     points_where(), i, b);
}

static unsigned synced(const struct shell *s)
{
	const struct group *g = group_g0(s);
	unsigned n = 0;

	for (unsigned i = 0; g && i < g->pub.n; i++)
		n += in_sync(g, i);
	return n;
}

/* It runs until nothing is to be done any more; then the stale members are copied to. */
static void check_end(struct shell *s, const struct model *m)
{
	struct ini_job_spec spec = {.type = JOB_RESYNC, .mode = INI_MODE_DEFAULT, .group = "g0"};
	struct ini_error e;

	run_for(s, 8 * NS_PER_S);
	for (unsigned i = 0; i < ini_jobs(s->d->ini); i++) {
		const struct ini_job *j = ini_job_at(s->d->ini, i);
		must(j->conclusion != JOB_NONE, "%s: job %u does not end", points_where(), j->id);
	}
	if (!group_g0(s))
		return;
	if (synced(s) ==
	    0) { /* a mirror job was cut off: it is for whoever started it to do it again */
		spec.type = JOB_MIRROR;
		spec.has_image = true;
		spec.image_size = (uint64_t)IMAGE * FAKE_BLOCK;
		s->image = IMAGE_FILL;
	}
	if (synced(s) < group_g0(s)->pub.n) {
		must(ini_job_create(s->d->ini, &spec, &e), "%s: %s", points_where(), e.text);
		run_for(s, 8 * NS_PER_S);
	}
	must(synced(s) == MEMBERS, "%s: %u in sync at the end", points_where(), synced(s));
	for (unsigned b = 0; b < BLOCKS; b++) {
		uint8_t *first = s->h->disk[0].store + b * FAKE_BLOCK;
		must(may_be(m, b, first[0]), "%s: block %u is %u at the end", points_where(), b,
		     first[0]);
		for (unsigned i = 1; i < MEMBERS; i++)
			must(memcmp(first, s->h->disk[i].store + b * FAKE_BLOCK, FAKE_BLOCK) == 0,
			     "%s: block %u differs at the end", points_where(), b);
	}
}

struct run {
	struct points points;
	const struct model *model;
	uint64_t starts;
};

static void start_and_check(struct run *r, const struct model *m)
{
	struct shell s;
	const struct group *g;

	r->starts++;
	start(&s, m);
	check_files(&s, m);
	g = group_g0(&s);
	for (unsigned b = 0; g && b < BLOCKS; b++)
		check_block(g, m, b);
	check_end(&s, m);
	stop(&s);
}

/* The disks of the mask lose what they had not flushed. */
static struct model after_loss(const struct model *m, unsigned mask)
{
	struct model lost = *m;

	lost.lost = mask != 0;
	for (unsigned i = 0; i < DISKS; i++)
		if (mask >> i & 1)
			memcpy(lost.disk[i].cached, lost.disk[i].flushed, BLOCKS);
	return lost;
}

static void again(void *ctx, struct history *h, size_t cut)
{
	struct run *r = ctx;
	struct model m = *r->model;

	take_notes(&m, h, cut);
	start_and_check(r, &m);
}

static void recover(void *ctx, struct history *h, size_t cut)
{
	struct run *r = ctx;
	struct model m, lost;

	new_model(&m);
	take_notes(&m, h, cut);
	struct image there = files_copy();
	uint64_t noted = notes(h, cut);
	const unsigned losses[] = {1U << noted % MEMBERS, (1U << DISKS) - 1};
	bool thorough = r->points.distinct % 16 == 0 || (points_all() && !points_torn());
	for (unsigned i = 0; thorough && i < ARRAY_LEN(losses); i++) {
		lost = after_loss(&m, losses[i]);
		start_and_check(r, &lost);
		files_restore(&there);
	}
	start_and_check(r, &m);
	struct history second = files_take();
	r->model = &m;
	for (size_t i = 1; thorough && i < second.n; i += points_all() ? 1 : 1 + second.n / 3)
		points_at(&r->points, &second, i, true, (noted << 20 | notes(&second, i)) << 1 | 1,
		          again, r);
	history_free(&second);
	files_drop(&there);
}

/* ---- the history ---- */

static void write_blocks(struct shell *s, uint32_t lba, uint32_t blocks, uint8_t fill)
{
	struct ini_error e;
	struct area a = {.lba = lba, .blocks = blocks, .fill = fill};
	struct block *b = block_new((size_t)blocks * FAKE_BLOCK);

	memset(b->data, fill, b->len);
	files_note(NOTE_BEGUN, &a, sizeof(a));
	done(s,
	     ini_group_write(s->d->ini, "g0", (uint64_t)lba * FAKE_BLOCK, (uint32_t)b->len, b,
	                     s->token, &e),
	     &e);
	files_note(NOTE_ACKED, &a, sizeof(a));
	block_unref(b);
}

static void flush_all(struct shell *s)
{
	struct ini_error e;

	done(s, ini_group_flush(s->d->ini, "g0", s->token, &e), &e);
	files_note(NOTE_FLUSHED, NULL, 0);
}

static void create(struct shell *s, const char *name, unsigned first, unsigned n, uint8_t id)
{
	static const char *const disks[] = {"disk0", "disk1", "disk2", "disk3", "disk4"};
	const uint8_t uuid[UUID_LEN] = {0xaa, id};
	struct ini_error e;

	done(s,
	     ini_group_create(s->d->ini, name, disks + first, n, INI_SILENT, true, uuid, s->token,
	                      &e),
	     &e);
}

static uint32_t job(struct shell *s, enum ini_job_type type, uint32_t blocks, uint8_t fill)
{
	struct ini_job_spec spec = {.type = type, .mode = INI_MODE_DEFAULT, .group = "g0"};
	struct area a = {.blocks = blocks, .fill = fill};
	struct ini_error e;

	spec.has_image = type == JOB_MIRROR;
	spec.image_size = (uint64_t)blocks * FAKE_BLOCK;
	s->image = fill;
	if (blocks)
		files_note(NOTE_BEGUN, &a, sizeof(a));
	uint32_t id = ini_job_create(s->d->ini, &spec, &e);
	must(id, "%s", e.text);
	done(s, ini_job_wait(s->d->ini, id, s->token, &e), &e);
	ck_assert_int_eq(ini_job_find(s->d->ini, id)->conclusion, JOB_SUCCESS);
	if (blocks)
		files_note(NOTE_ACKED, &a, sizeof(a));
	return id;
}

static void other(uint8_t what)
{
	files_note(NOTE_OTHER, &what, 1);
}

/* Killed and started again, the disks as they are. */
static void restart(struct shell *s)
{
	struct model m;
	struct hba *old = s->h;

	new_model(&m);
	for (unsigned i = 0; i < DISKS; i++) {
		m.disk[i].page = old->target[i].member;
		for (unsigned b = 0; b < BLOCKS; b++)
			m.disk[i].cached[b] = old->disk[i].store[b * FAKE_BLOCK];
	}
	stop(s);
	start(s, &m);
}

/* The group is flushed since it is idle, slowly; a write meanwhile is not what was flushed. */
static void write_while_flushing(struct shell *s)
{
	write_blocks(s, 8, 2, 11);
	s->h->latency_ns = 100 * NS_PER_MS;
	run_for(s, 5 * NS_PER_S + NS_PER_MS);
	s->h->latency_ns = 100 * NS_PER_US;
	write_blocks(s, 8, 2, 12);
	run_for(s, 200 * NS_PER_MS);
}

static void run_history(struct shell *s)
{
	struct ini_error e;

	unsigned syncs = files_parent_syncs();

	start(s, NULL);
	must(files_parent_syncs() == syncs + 1, "the directory's own name is not durable");
	step(s);
	create(s, "g0", 0, MEMBERS, 1);
	files_note(NOTE_GROUP, NULL, 0);
	write_blocks(s, 0, 8, 1);
	write_blocks(s, 30, 4, 2);
	flush_all(s);
	write_blocks(s, 2, 2, 3);
	run_for(s, 7 * NS_PER_S); /* idle: the log lets go */
	uint32_t first = job(s, JOB_MIRROR, IMAGE, IMAGE_FILL);
	fake_fault(s->h, 2, (struct fake_fault){.kind = FAULT_DIE, .times = 1});
	write_blocks(s, 4, 8, 5); /* disk2 leaves */
	write_blocks(s, 40, 8, 6);
	run_for(s, 7 * NS_PER_S); /* what it lacks is `behind` now */
	write_blocks(s, 56, 4, 7);
	fake_back(s->h, 2);
	step(s);
	(void)job(s, JOB_RESYNC, 0, 0);
	write_blocks(s, 1, 2, 8);
	restart(s);
	run_for(s, 7 * NS_PER_S);
	other(1);
	create(s, "g1", MEMBERS, 2, 2);
	other(2);
	(void)job(s, JOB_VERIFY, 0, 0);
	write_while_flushing(s);
	fake_fault(s->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 20, .blocks = 1});
	write_blocks(s, 18, 4, 9); /* disk0 leaves: its medium is bad */
	flush_all(s);
	other(3);
	done(s, ini_group_delete(s->d->ini, "g1", s->token, &e), &e);
	other(4);
	struct job_note gone = {first, JOB_SUCCESS};
	files_note(NOTE_JOB_TO_GO, &gone, sizeof(gone));
	ck_assert(ini_job_dismiss(s->d->ini, first, &e));
	fake_clear_faults(s->h, 0);
	(void)job(s, JOB_RESYNC, 0, 0);
	write_blocks(s, 19, 2, 10);
	ini_drain(s->d->ini);
	run_for(s, 7 * NS_PER_S);
	ck_assert(ini_drained(s->d->ini));
	stop(s);
}

static uint64_t salt(const struct history *h, size_t cut)
{
	return notes(h, cut) << 20;
}

START_TEST(each_crash_state_is_recovered_right)
{
	struct run r = {0};
	struct shell s;

	files_reset();
	run_history(&s);
	struct history h = files_take();
	points_history(&r.points, &h,
	               &(struct points_of){.name = "daemon",
	                                   .fn = recover,
	                                   .salt = salt,
	                                   .few = !points_all(),
	                                   .slow = true,
	                                   .distinct = 300},
	               &r);
	printf("# %llu starts of the daemon\n", (unsigned long long)r.starts);
	(void)fflush(stdout);
}
END_TEST

/* The daemon is killed behind `cut` records. A name that it had given, and not made durable, is so
 * when another one has read it, and goes by what is in it: or the end of the machine would bring
 * back a file that does not know of what was acknowledged since. */
static void kill_at(struct history *h, size_t cut)
{
	struct model m;
	struct shell s;
	size_t loose[LOOSE_MAX];

	new_model(&m);
	take_notes(&m, h, cut);
	files_kill(h, cut);
	size_t before = files_records();
	start(&s, &m);
	struct history second = files_take();
	unsigned n = history_loose(&second, second.n, loose);
	for (unsigned i = 0; i < n; i++)
		must(loose[i] >= before || second.v[loose[i]].kind != RECORD_RENAME,
		     "killed behind %zu records: the name of %s is not durable", cut,
		     second.v[loose[i]].to);
	history_free(&second);
	stop(&s);
}

START_TEST(what_a_killed_daemon_left_is_durable_before_it_is_believed)
{
	struct shell s;

	files_reset();
	run_history(&s);
	struct history h = files_take();
	for (size_t cut = 1; cut <= h.n; cut++)
		kill_at(&h, cut);
	history_free(&h);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("crash points of the daemon");

	points_add(s, each_crash_state_is_recovered_right, 1);
	points_add(s, what_a_killed_daemon_left_is_durable_before_it_is_believed, 1);
	return s;
}

TAP_MAIN_SUITE(make_suite);
