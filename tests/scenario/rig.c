/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/rig.h"

#include "base/prng.h"
#include "control/state.h"

#include "unit/checks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ini_config rig_config = {
        .resend_delay_ns = 10 * NS_PER_MS,
        .resend_delay_max_ns = NS_PER_S,
        .max_passes = 5,
        .window = 4,
        .transfer = 64 * FAKE_BLOCK,
        .region_bytes = 32 * FAKE_BLOCK,
};

struct rig *rig_new(unsigned n, uint64_t blocks)
{
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->h = fake_new();
	r->ini = ini_new(&rig_config, r->h);
	ck_assert_ptr_nonnull(r->ini);
	r->file = calloc(blocks, FAKE_BLOCK);
	r->file_len = blocks * FAKE_BLOCK;
	r->now = NS_PER_S;
	for (unsigned i = 0; i < n; i++) {
		char name[16];
		snprintf(name, sizeof(name), "disk%u", i);
		fake_add(r->h, (uint8_t)i, name, blocks, FAKE_BLOCK);
	}
	rig_step(r);
	return r;
}

void rig_free(struct rig *r)
{
	fake_free(r->h);
	ini_free(r->ini);
	for (unsigned i = 0; i < r->n_replies; i++)
		free(r->reply[i].data);
	free(r->image);
	free(r->file);
	free(r);
}

static struct rig_log *find_log(struct rig *r, const uint8_t *uuid)
{
	struct rig_log *unused = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(r->log); i++) {
		if (r->log[i].n && memcmp(r->log[i].uuid, uuid, UUID_LEN) == 0)
			return &r->log[i];
		if (!r->log[i].n)
			unused = &r->log[i];
	}
	return unused;
}

static struct jw jobs_text(const struct rig *r)
{
	struct ctl_jobs jobs = {.n = ini_jobs(r->ini)};
	struct jw text = jw_init();

	for (unsigned i = 0; i < jobs.n; i++)
		jobs.j[i] = ini_job_at(r->ini, i);
	ctl_jobs_put(&text, &jobs);
	ck_assert(!text.failed);
	return text;
}

static void restore_jobs(struct rig *r, const struct jw *text)
{
	struct ctl_jobs jobs;
	struct ini_error e;
	char why[200];

	ck_assert_msg(ctl_jobs_get(text->p, text->n, &jobs, why, sizeof(why)), "%s", why);
	for (unsigned i = 0; i < jobs.n; i++) {
		struct ini_job *j = (struct ini_job *)(uintptr_t)jobs.j[i];
		j->kept.reopened = r->files_kept && j->kept.file;
		j->kept.handle = 77;
		j->kept.size = r->image_len;
		ck_assert_msg(ini_restore_job(r->ini, j, &e), "%s", e.text);
	}
	ctl_jobs_free(&jobs);
}

void rig_restart(struct rig *r)
{
	struct ini_error e;
	uint32_t next = ini_next_job(r->ini);
	struct jw jobs = jobs_text(r);

	fake_drop(r->h);
	ini_free(r->ini);
	r->ini = ini_new(&rig_config, r->h);
	for (unsigned i = 0; i < r->n_saved; i++)
		ck_assert_msg(ini_restore_group(r->ini, &r->saved[i], &e), "%s", e.text);
	for (unsigned i = 0; i < r->n_saved; i++) {
		const struct rig_log *l = find_log(r, r->saved[i].uuid);
		bool good = ini_restore_intent(r->ini, r->saved[i].name,
		                               l && l->n ? l->bytes : NULL, l ? l->n : 0, &e);
		ck_assert(good == (l && l->n > 0));
	}
	restore_jobs(r, &jobs);
	jw_free(&jobs);
	ini_restore_next_job(r->ini, next);
	rig_step(r);
}

static void save(struct rig *r, const struct ini_action *a)
{
	uint64_t seq = a->op;

	r->saves++;
	if (r->saves_held) {
		r->held_save = seq;
		return;
	}
	if (!r->save_err) {
		r->n_saved = ini_groups(r->ini);
		for (unsigned i = 0; i < r->n_saved; i++)
			ini_group_save(r->ini, i, &r->saved[i]);
	}
	ini_saved(r->ini, seq, r->save_err);
}

static void save_log(struct rig *r, const struct ini_action *a)
{
	uint64_t op = a->op;

	r->log_saves++;
	if (r->logs_held) {
		r->held_log = op;
		return;
	}
	if (!r->log_err) {
		struct rig_log *l = find_log(r, a->uuid);
		ck_assert_ptr_nonnull(l);
		memcpy(l->uuid, a->uuid, UUID_LEN);
		memcpy(l->bytes, a->bytes, a->len);
		l->n = a->len;
	}
	ini_intent_saved(r->ini, op, r->log_err);
}

static void file_read(struct rig *r, const struct ini_action *a)
{
	uint64_t op = a->op, offset = a->offset;
	uint32_t len = a->len;

	r->reads++;
	if (r->read_err) {
		ini_file_read_done(r->ini, op, r->read_err, NULL);
		return;
	}
	struct block *b = block_new(len);
	memset(b->data, 0, len);
	if (offset < r->image_len) {
		uint64_t n = r->image_len - offset;
		memcpy(b->data, r->image + offset, n < len ? n : len);
	}
	ini_file_read_done(r->ini, op, 0, b);
	block_unref(b);
}

static void give_block(struct rig *r, const struct ini_action *a)
{
	struct block *b = r->no_blocks ? NULL : block_new(a->len);

	if (b)
		memset(b->data, 0xa5, b->len);
	ini_block_done(r->ini, a->op, b);
	block_unref(b);
}

static void file_write(struct rig *r, const struct ini_action *a)
{
	uint64_t op = a->op;

	ck_assert(a->offset + a->len <= r->file_len);
	memcpy(r->file + a->offset, a->data->data + a->data_off, a->len);
	ini_file_done(r->ini, op, r->write_err);
}

static void reply(struct rig *r, const struct ini_action *a)
{
	ck_assert(r->n_replies < ARRAY_LEN(r->reply));
	struct rig_reply *p = &r->reply[r->n_replies++];
	*p = (struct rig_reply){.token = a->token, .error = a->error, .len = a->len};
	if (a->data) {
		p->data = malloc(a->len);
		memcpy(p->data, a->data->data + a->data_off, a->len);
	}
}

static void act(struct rig *r, const struct ini_action *a)
{
	switch (a->kind) {
	case INI_ACT_FILE_READ:
		file_read(r, a);
		break;
	case INI_ACT_BLOCK:
		give_block(r, a);
		break;
	case INI_ACT_FILE_WRITE:
		file_write(r, a);
		break;
	case INI_ACT_FILE_SYNC:
		r->syncs++;
		ini_file_done(r->ini, a->op, r->sync_err);
		break;
	case INI_ACT_FILE_CLOSE:
		r->closes++;
		break;
	case INI_ACT_SAVE:
		save(r, a);
		break;
	case INI_ACT_INTENT:
		save_log(r, a);
		break;
	case INI_ACT_REPLY:
		reply(r, a);
		break;
	case INI_ACT_CHANGED:
		r->changed_jobs += a->object == OBJ_JOB;
		break;
	case INI_ACT_LOG:
		if (getenv("RIG_LOG"))
			fprintf(stderr, "%8.3f %s\n", (double)r->now / 1e9, a->text);
		break;
	}
}

static void watch(struct rig *r)
{
	const struct ini_job *j = r->watched ? ini_job_find(r->ini, r->watched) : NULL;

	if (!j)
		return;
	ck_assert(j->done >= r->done_before && j->done <= j->total);
	r->done_before = j->done;
}

void rig_step(struct rig *r)
{
	const struct ini_action *a;

	fake_run(r->h, r->now);
	ini_run(r->ini, r->now);
	ini_check(r->ini);
	while ((a = ini_output(r->ini))) {
		act(r, a);
		watch(r);
	}
	ini_check(r->ini);
}

/* Goes to the next deadline, at most to `end`; false: nothing is due before. */
static bool next(struct rig *r, ns_t end)
{
	ns_t at = ini_deadline(r->ini), fake = fake_deadline(r->h);

	if (fake < at)
		at = fake;
	if (at > end)
		return false;
	if (at > r->now)
		r->now = at;
	rig_step(r);
	return true;
}

void rig_lose_state(struct rig *r)
{
	r->n_saved = 0;
	memset(r->log, 0, sizeof(r->log));
	rig_restart(r);
}

void rig_run(struct rig *r, ns_t ns)
{
	ns_t end = r->now + ns;

	for (unsigned i = 0; next(r, end); i++)
		ck_assert_msg(i < 1000000, "it never comes to rest");
	r->now = end;
	rig_step(r);
}

const struct ini_job *rig_job(struct rig *r, uint32_t id, ns_t limit)
{
	ns_t end = r->now + limit;
	const struct ini_job *j = ini_job_find(r->ini, id);

	ck_assert_ptr_nonnull(j);
	r->watched = id;
	r->done_before = j->done;
	for (unsigned i = 0; j->state != JOB_CONCLUDED; i++) {
		ck_assert_msg(i < 1000000 && next(r, end), "job %u hangs (%llu of %llu bytes)", id,
		              (unsigned long long)j->done, (unsigned long long)j->total);
	}
	r->watched = 0;
	rig_step(r);
	return j;
}

const struct ini_job *rig_concludes(struct rig *r, uint32_t id, ns_t limit,
                                    enum ini_conclusion conclusion)
{
	const struct ini_job *j = rig_job(r, id, limit);

	ck_assert_msg(j->conclusion == conclusion, "%s (%s), not %s",
	              ini_conclusion_name(j->conclusion), j->error.text,
	              ini_conclusion_name(conclusion));
	return j;
}

const struct rig_reply *rig_reply(struct rig *r, uint64_t token, ns_t limit)
{
	ns_t end = r->now + limit;

	for (;;) {
		for (unsigned i = 0; i < r->n_replies; i++)
			if (r->reply[i].token == token)
				return &r->reply[i];
		ck_assert_msg(next(r, end), "no reply to %llu", (unsigned long long)token);
	}
}

void rig_refused(bool taken, const struct ini_error *e, enum ini_kind kind, const char *says)
{
	ck_assert(!taken);
	ck_assert_str_eq(ini_kind_name(e->kind), ini_kind_name(kind));
	ck_assert(e->text[0]);
	ck_assert_msg(strstr(e->text, says) != NULL, "%s", e->text);
}

void rig_fails(struct rig *r, bool taken, const struct ini_error *e, uint64_t token,
               enum ini_kind kind, const char *says)
{
	if (taken)
		e = &rig_reply(r, token, 100 * NS_PER_S)->error;
	rig_refused(false, e, kind, says);
}

static const struct rig_reply *replied(struct rig *r, uint64_t token, ns_t within,
                                       enum ini_kind kind)
{
	const struct rig_reply *p = rig_reply(r, token, within);

	ck_assert_msg(p->error.kind == kind, "%s (%s), not %s", ini_kind_name(p->error.kind),
	              p->error.text, ini_kind_name(kind));
	return p;
}

const struct rig_reply *rig_replies(struct rig *r, bool taken, const struct ini_error *e,
                                    uint64_t token, ns_t within, enum ini_kind kind)
{
	ck_assert_msg(taken, "%s", e->text);
	return replied(r, token, within, kind);
}

void rig_group(struct rig *r, unsigned n, bool assume_clean)
{
	static const uint8_t uuid[UUID_LEN] = {0xaa, 1};
	char names[INI_MEMBERS_MAX][16];
	const char *members[INI_MEMBERS_MAX];
	struct ini_error e;

	for (unsigned i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "disk%u", i);
		members[i] = names[i];
	}
	ck_assert_msg(ini_group_create(r->ini, "g0", members, n, INI_SILENT, assume_clean, uuid,
	                               1000, &e),
	              "%s", e.text);
	const struct rig_reply *p = rig_reply(r, 1000, 10 * NS_PER_S);
	ck_assert_msg(p->error.kind == INI_OK, "%s", p->error.text);
}

static uint64_t next_token(struct rig *r)
{
	return 2000 + r->tokens++; /* tests take small ones */
}

void rig_add(struct rig *r, const char *name)
{
	uint64_t token = next_token(r);
	struct ini_error e;

	rig_replies(r, ini_group_add_member(r->ini, "g0", name, token, &e), &e, token, NS_PER_S,
	            INI_OK);
}

void rig_bypass(struct rig *r, uint8_t id)
{
	struct ini_bypass b = {.id = id};
	uint64_t token = next_token(r);
	struct ini_error e;

	ini_bypass_begin(r->ini, &b);
	rig_replies(r, ini_bypass_ready(r->ini, &b, token, &e), &e, token, NS_PER_S, INI_OK);
	ini_bypass_end(r->ini, &b, false);
}

struct block *rig_bytes(uint32_t len, uint8_t seed)
{
	struct block *b = block_new(len);

	for (uint32_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(seed + i / FAKE_BLOCK * 3 + i);
	return b;
}

uint64_t rig_begin_write(struct rig *r, uint64_t offset, struct block *b)
{
	uint64_t token = next_token(r);
	struct ini_error e;

	ck_assert_msg(ini_group_write(r->ini, "g0", offset, (uint32_t)b->len, b, token, &e), "%s",
	              e.text);
	return token;
}

const struct rig_reply *rig_write(struct rig *r, uint64_t offset, struct block *b, ns_t within,
                                  enum ini_kind kind)
{
	return replied(r, rig_begin_write(r, offset, b), within, kind);
}

void rig_image(struct rig *r, uint64_t bytes, uint64_t seed)
{
	struct prng g = prng_init(seed);

	free(r->image);
	r->image = malloc(bytes ? bytes : 1);
	r->image_len = bytes;
	for (uint64_t i = 0; i < bytes; i++)
		r->image[i] =
		        (uint8_t)(1 + prng_below(&g, 255)); /* no zeros: fresh disks are zero */
}

struct ini_job_spec rig_spec(const struct rig *r, enum ini_job_type type)
{
	struct ini_job_spec s = {.type = type, .mode = INI_MODE_DEFAULT};

	snprintf(s.group, sizeof(s.group), "g0");
	if (type == JOB_MIRROR || type == JOB_READ) {
		s.has_image = true;
		s.image = 77;
		s.image_size = r->image_len;
		snprintf(s.image_name, sizeof(s.image_name), "image");
	}
	return s;
}

uint32_t rig_start(struct rig *r, const struct ini_job_spec *spec)
{
	struct ini_error e;
	uint32_t id = ini_job_create(r->ini, spec, &e);

	ck_assert_msg(id != 0, "%s", e.text);
	return id;
}

uint32_t rig_begin(struct rig *r, enum ini_job_type type)
{
	const struct ini_job_spec s = rig_spec(r, type);

	return rig_start(r, &s);
}

const struct ini_job *rig_do(struct rig *r, enum ini_job_type type, ns_t limit,
                             enum ini_conclusion conclusion)
{
	return rig_concludes(r, rig_begin(r, type), limit, conclusion);
}

uint32_t rig_mirror(struct rig *r, uint64_t bytes)
{
	rig_image(r, bytes, bytes + 1);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	return rig_start(r, &s);
}

bool rig_holds(const struct rig *r, uint8_t id)
{
	const uint8_t *store = r->h->disk[id].store;
	uint64_t end = (r->image_len + FAKE_BLOCK - 1) / FAKE_BLOCK * FAKE_BLOCK;

	if (memcmp(store, r->image, r->image_len) != 0)
		return false;
	for (uint64_t i = r->image_len; i < end; i++)
		if (store[i] != 0)
			return false;
	return true;
}

const struct ini_member *rig_member(const struct rig *r, unsigned i)
{
	const struct ini_group *g = ini_group_find(r->ini, "g0");

	ck_assert(g && i < g->n);
	return &g->m[i];
}

bool rig_in_sync(const struct rig *r, unsigned i)
{
	return rig_member(r, i)->state == MEMBER_IN_SYNC;
}
