/* SPDX-License-Identifier: BSD-2-Clause */
/* State files: what was written comes back, and nothing else is ever taken for it. */
#include "unit/tap_main.h"

#include "control/saved.h"
#include "control/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ctl_state *sample_state(void)
{
	struct ctl_state *s = calloc(1, sizeof(*s));

	memset(s->uuid, 0x5a, UUID_LEN);
	s->next_job = 4000000000;
	s->n = 2;
	for (unsigned i = 0; i < s->n; i++) {
		struct ini_group *g = &s->groups[i];

		snprintf(g->name, sizeof(g->name), "group-%u", i);
		g->id = (uint16_t)(65535 - i);
		memset(g->uuid, (int)i + 1, UUID_LEN);
		g->generation = 77 + i;
		g->used = i ? 99 : 0;
		g->log_lost = g->unflushed_lost = i == 1;
		g->mode = i ? INI_CONVENTIONAL : INI_SILENT;
		g->block_size = 4096;
		g->blocks = 1ULL << 40;
		g->transfer = 65536;
		g->window = 64;
		g->max_passes = 5;
		g->n = i ? INI_MEMBERS_MAX : 1;
		for (unsigned k = 0; k < g->n; k++) {
			g->m[k].device = (uint8_t)(31 - k);
			memset(g->m[k].uuid, (int)(16 * i + k), UUID_LEN);
			snprintf(g->m[k].name, sizeof(g->m[k].name), "disk%u", k);
			g->m[k].state = k % 2 ? MEMBER_STALE : MEMBER_IN_SYNC;
			snprintf(g->m[k].why, sizeof(g->m[k].why), "%s",
			         k % 2 ? "it was \"away\" \\" : "");
			g->m[k].boot = UINT32_MAX - k;
			g->m[k].restarted = k == 2;
			g->m[k].id = WIRE_NO_ID;
		}
	}
	return s;
}

START_TEST(state_round_trip)
{
	struct ctl_state *s = sample_state(), *again = calloc(1, sizeof(*again));
	struct jw w = jw_init();
	char why[200];

	ctl_state_put(&w, s);
	ck_assert(!w.failed);
	ck_assert_msg(ctl_state_get(w.p, w.n, again, why, sizeof(why)), "%s", why);
	ck_assert_int_eq(memcmp(s->uuid, again->uuid, UUID_LEN), 0);
	ck_assert_uint_eq(again->next_job, s->next_job);
	ck_assert_uint_eq(again->n, s->n);
	/* written once more it is the same text, so nothing was lost or invented */
	struct jw w2 = jw_init();
	ctl_state_put(&w2, again);
	ck_assert_uint_eq(w.n, w2.n);
	ck_assert_int_eq(memcmp(w.p, w2.p, w.n), 0);
	ck_assert_str_eq(again->groups[1].m[1].why, "it was \"away\" \\");
	ck_assert_int_eq(again->groups[1].m[1].state, MEMBER_STALE);
	ck_assert_uint_eq(again->groups[1].m[1].boot, UINT32_MAX - 1);
	ck_assert(!again->groups[1].m[1].restarted && again->groups[1].m[2].restarted);
	ck_assert_uint_eq(again->groups[1].blocks, 1ULL << 40);
	ck_assert_uint_eq(again->groups[1].used, 99);
	ck_assert(again->groups[1].log_lost && again->groups[1].unflushed_lost);
	ck_assert(!again->groups[0].log_lost && !again->groups[0].unflushed_lost);
	jw_free(&w);
	jw_free(&w2);
	free(s);
	free(again);
}
END_TEST

/* Of before generations that are used were saved; some have what comes behind it. */
static void older_file(bool owed)
{
	struct ctl_state *s = sample_state(), *again = calloc(1, sizeof(*again));
	struct jw w = jw_init(), old = jw_init(), file = jw_init();
	char why[200];

	ctl_state_put(&w, s);
	jw_raw(&w, "", 1);
	const char *at = strstr(w.p, "\"content\":") + 10, *end = strstr(at, "}\n");
	unsigned n = 0;
	for (const char *used; (used = strstr(at, ",\"used\":")); n++) {
		jw_raw(&old, at, (size_t)(used - at));
		if (owed)
			jw_raw(&old, ",\"owed\":100", 11);
		at = strchr(used + 1, ',');
	}
	jw_raw(&old, at, (size_t)(end - at));
	ck_assert_uint_eq(n, 2);
	saved_put(&file, "smirror-state", &old);
	ck_assert_msg(ctl_state_get(file.p, file.n, again, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(again->groups[1].used, owed ? 99 : 0);
	ck_assert_uint_eq(again->groups[1].generation, 78);
	jw_free(&w);
	jw_free(&old);
	jw_free(&file);
	free(s);
	free(again);
}

START_TEST(an_older_file_is_taken)
{
	older_file(false);
	older_file(true);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	struct ctl_state *s = sample_state(), *again = calloc(1, sizeof(*again));
	struct jw w = jw_init();
	char why[200];

	ctl_state_put(&w, s);
	for (size_t n = 0; n < w.n; n++) {
		*why = '\0';
		ck_assert_msg(!ctl_state_get(w.p, n, again, why, sizeof(why)), "%zu bytes", n);
		ck_assert_msg(*why != '\0', "%zu bytes", n);
	}
	jw_raw(&w, "\n", 1);
	ck_assert(!ctl_state_get(w.p, w.n, again, why, sizeof(why)));
	jw_free(&w);
	free(s);
	free(again);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	struct ctl_state *s = sample_state(), *again = calloc(1, sizeof(*again));
	struct jw w = jw_init();
	char why[200];

	ctl_state_put(&w, s);
	for (size_t i = 0; i < w.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			w.p[i] = (char)(w.p[i] ^ (1 << bit));
			ck_assert_msg(!ctl_state_get(w.p, w.n, again, why, sizeof(why)),
			              "byte %zu bit %u", i, bit);
			w.p[i] = (char)(w.p[i] ^ (1 << bit));
		}
	}
	ck_assert(ctl_state_get(w.p, w.n, again, why, sizeof(why)));
	jw_free(&w);
	free(s);
	free(again);
}
END_TEST

START_TEST(what_is_wrong_is_told)
{
	struct ctl_state *s = sample_state(), *again = calloc(1, sizeof(*again));
	struct ctl_jobs jobs;
	struct jw w = jw_init();
	char why[200], *version;

	ctl_state_put(&w, s);
	ck_assert(!ctl_state_get("{}\n", 3, again, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "cut short"));
	ck_assert(!ctl_jobs_get(w.p, w.n, &jobs, why, sizeof(why)));
	ck_assert_msg(strstr(why, "format") != NULL, "%s", why);
	jw_raw(&w, "", 1);
	version = strstr(w.p, "\"version\":1");
	version[10] = '2';
	ck_assert(!ctl_state_get(w.p, w.n - 1, again, why, sizeof(why)));
	ck_assert_msg(strstr(why, "version") != NULL, "%s", why);
	version[10] = '1';
	w.p[w.n / 2] ^= 1;
	ck_assert(!ctl_state_get(w.p, w.n - 1, again, why, sizeof(why)));
	ck_assert_msg(strstr(why, "checksum") != NULL, "%s", why);
	jw_free(&w);
	free(s);
	free(again);
}
END_TEST

static struct ini_job *sample_job(uint32_t id, enum ini_job_state state, enum ini_conclusion c)
{
	struct ini_job *j = calloc(1, sizeof(*j));

	j->id = id;
	j->type = JOB_MIRROR;
	j->state = state;
	j->conclusion = c;
	snprintf(j->group, sizeof(j->group), "g0");
	snprintf(j->image, sizeof(j->image), "image.raw");
	j->transfer = 65536;
	j->window = 8;
	j->total = 1 << 20;
	j->done = 1 << 19;
	j->started_ns = 5000;
	j->ended_ns = 9000;
	j->running_ns = 3000;
	j->passes[INI_SILENT] = 12;
	j->resend_passes = 2;
	j->n_targets = 1;
	snprintf(j->t[0].name, sizeof(j->t[0].name), "disk0");
	j->t[0].good = 100;
	j->t[0].resent = 7;
	j->t[0].bad = 3;
	if (c == JOB_PARTIAL) {
		j->error.kind = INI_E_DEVICE;
		memset(j->error.text, 'x', sizeof(j->error.text) - 1);
		/* a text that was cut within a character grows when it is written */
		memset(j->error.text + 200, 0xc3, sizeof(j->error.text) - 201);
	}
	return j;
}

static struct ini_job *sample_load(uint32_t id, enum ini_job_state state, enum ini_conclusion c)
{
	struct ini_job *j = sample_job(id, state, c);

	j->type = JOB_LOAD;
	/* each another value: none may take the place of another */
	j->load = (struct ini_load){
	        .spec = {.pattern = INI_SEQUENTIAL, .seed = 11, .for_ns = 12, .writes = 13},
	        .writes = 14,
	        .ran_ns = 15,
	        .latency = {16, 17, 18, 19, 20, 21, 22}};
	return j;
}

static struct ini_job *sample_live(uint32_t id, enum ini_job_type type)
{
	struct ini_job *j = sample_job(id, JOB_RUNNING, JOB_NONE);

	j->type = type;
	j->image[0] = '\0';
	j->speed_limit = 12345;
	j->t[0].repaired = 9;
	j->kept = (struct ini_kept){.known = true, .group = {0xaa, 1}, .swept = 77, .mended = 5};
	return j;
}

START_TEST(jobs_round_trip)
{
	struct ini_job *a = sample_job(1, JOB_CONCLUDED, JOB_PARTIAL);
	struct ini_job *b = sample_job(2, JOB_RUNNING, JOB_NONE);
	struct ini_job *c = sample_job(3, JOB_DISMISSED, JOB_SUCCESS);
	struct ini_job *d = sample_load(4, JOB_CONCLUDED, JOB_CANCELLED);
	struct ini_job *e = sample_load(5, JOB_RUNNING, JOB_NONE);
	struct ctl_jobs jobs = {.n = 5, .j = {a, b, c, d, e}}, again;
	struct jw w = jw_init();
	char why[200];

	ctl_jobs_put(&w, &jobs);
	ck_assert(!w.failed);
	ck_assert_msg(ctl_jobs_get(w.p, w.n, &again, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(again.n, 5);
	ck_assert_int_eq(again.j[0]->state, JOB_CONCLUDED);
	ck_assert_int_eq(again.j[0]->conclusion, JOB_PARTIAL);
	ck_assert_int_eq(again.j[0]->error.kind, INI_E_DEVICE);
	ck_assert_uint_eq(again.j[0]->ended_ns - again.j[0]->started_ns, 4000);
	ck_assert_uint_eq(again.j[0]->t[0].resent, 7);
	ck_assert_uint_eq(again.j[0]->passes[INI_SILENT], 12);
	/* the one that was running is not over */
	ck_assert_int_eq(again.j[1]->state, JOB_CREATED);
	ck_assert_int_eq(again.j[1]->conclusion, JOB_NONE);
	ck_assert(again.j[1]->kept.known);
	ck_assert_int_eq(again.j[2]->state, JOB_DISMISSED);
	ck_assert_int_eq(again.j[2]->conclusion, JOB_SUCCESS);
	ck_assert_int_eq(again.j[3]->type, JOB_LOAD);
	ck_assert_mem_eq(&again.j[3]->load, &d->load, sizeof(d->load));
	/* of one that was not over, only what was asked for */
	ck_assert_mem_eq(&again.j[4]->load.spec, &e->load.spec, sizeof(e->load.spec));
	ck_assert_uint_eq(again.j[4]->load.writes, 0);
	ck_assert_uint_eq(again.j[4]->load.latency.max, 0);
	ctl_jobs_free(&again);
	for (size_t n = 0; n < w.n; n++)
		ck_assert(!ctl_jobs_get(w.p, n, &again, why, sizeof(why)));
	for (size_t i = 0; i < w.n; i++) {
		w.p[i] ^= 0x10;
		ck_assert_msg(!ctl_jobs_get(w.p, w.n, &again, why, sizeof(why)), "byte %zu", i);
		w.p[i] ^= 0x10;
	}
	jw_free(&w);
	free(a);
	free(b);
	free(c);
	free(d);
	free(e);
}
END_TEST

/* One of each that goes on, with all that it needs for that. */
START_TEST(live_jobs_round_trip)
{
	struct ini_job *a = sample_live(1, JOB_RESYNC), *b = sample_live(2, JOB_SCRUB);
	struct ini_job *c = sample_live(3, JOB_VERIFY), *d = sample_live(4, JOB_RESYNC);
	struct ctl_jobs jobs = {.n = 4, .j = {a, b, c, d}}, again;
	struct jw w = jw_init();
	char why[200];

	b->kept.paused = true;
	c->kept.cancelled = true;
	d->recovery = true;
	ctl_jobs_put(&w, &jobs);
	ck_assert_msg(ctl_jobs_get(w.p, w.n, &again, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(again.n, 4);
	for (unsigned i = 0; i < 4; i++) {
		const struct ini_job *x = jobs.j[i], *y = again.j[i];
		ck_assert_int_eq(y->state, JOB_CREATED);
		ck_assert_int_eq(y->conclusion, JOB_NONE);
		ck_assert_int_eq(y->type, x->type);
		ck_assert_int_eq(y->recovery, x->recovery);
		ck_assert(y->kept.known && !y->kept.file);
		ck_assert_int_eq(y->kept.paused, x->kept.paused);
		ck_assert_int_eq(y->kept.cancelled, x->kept.cancelled);
		ck_assert_mem_eq(y->kept.group, x->kept.group, UUID_LEN);
		ck_assert_uint_eq(y->kept.swept, 77);
		ck_assert_uint_eq(y->kept.mended, 5);
		ck_assert_uint_eq(y->speed_limit, 12345);
		ck_assert_uint_eq(y->window, 8);
		ck_assert_uint_eq(y->transfer, 65536);
		/* what it has cost, and who it is about; of a recovery, that does not go on, not */
		ck_assert_uint_eq(y->running_ns, x->recovery ? 0 : 3000);
		ck_assert_uint_eq(y->passes[INI_SILENT], x->recovery ? 0 : 12);
		ck_assert_uint_eq(y->n_targets, x->recovery ? 0 : 1);
		ck_assert_uint_eq(y->t[0].repaired, x->recovery ? 0 : 9);
	}
	ctl_jobs_free(&again);
	jw_free(&w);
	for (unsigned i = 0; i < 4; i++)
		free((struct ini_job *)(uintptr_t)jobs.j[i]);
}
END_TEST

/* The file with one member of its content made another one, or left out, and the checksum right. */
static bool taken(const char *key, json_t *value, char *why, size_t n)
{
	struct ini_job *a = sample_live(1, JOB_VERIFY);
	struct ctl_jobs jobs = {.n = 1, .j = {a}};
	struct jw w = jw_init(), c = jw_init(), out = jw_init();
	char unused[200];

	ctl_jobs_put(&w, &jobs);
	json_t *doc = saved_get(w.p, w.n, "smirror-jobs", unused, sizeof(unused));
	json_t *o = json_array_get(json_object_get(doc, "jobs"), 0);
	json_t *live = json_object_get(o, "live");
	json_t *of = json_object_get(live, key) ? live : o;
	ck_assert_ptr_nonnull(json_object_get(of, key));
	if (value)
		json_object_set_new(of, key, value);
	else
		json_object_del(of, key);
	char *text = json_dumps(doc, JSON_COMPACT);
	jw_raw(&c, text, strlen(text));
	saved_put(&out, "smirror-jobs", &c);
	bool good = ctl_jobs_get(out.p, out.n, &jobs, why, n);
	if (good) { /* an older daemon's: as it always was */
		ck_assert_int_eq(jobs.j[0]->conclusion, JOB_FAILED);
		ck_assert(!jobs.j[0]->kept.known);
		snprintf(why, n, "%s", jobs.j[0]->error.text);
		ctl_jobs_free(&jobs);
	}
	json_decref(doc);
	free(text);
	jw_free(&w);
	jw_free(&c);
	jw_free(&out);
	free(a);
	return good;
}

START_TEST(a_live_job_that_makes_no_sense_is_refused)
{
	static const char *const needed[] = {"group",     "file",        "recovery", "paused",
	                                     "cancelled", "speed_limit", "swept",    "mended"};
	const struct {
		const char *key;
		json_t *value;
	} wrong[] = {
	        {"live", json_true()},
	        {"live", json_object()},
	        {"dismissed", json_true()},
	        {"swept", json_integer(-1)},
	        {"swept", json_integer((1 << 20) + 1)}, /* more than there is of it */
	        {"mended", json_string("5")},
	        {"paused", json_integer(1)},
	        {"group", json_string("aa")},
	        {"window", json_integer(0)},
	        {"window", json_integer(INI_LOAD_WINDOW_MAX + 1)},
	        {"transfer", json_integer(INI_BLOCK_MAX + 1)},
	        /* what it would grow to could not be written */
	        {"mended", json_integer(INT64_MAX)},
	        {"running_ns", json_integer(INT64_MAX)},
	        {"bus_ns", json_integer(INT64_MAX)},
	        {"silent", json_integer(INT64_MAX)},
	};
	char why[INI_TEXT_MAX];

	for (unsigned i = 0; i < ARRAY_LEN(needed); i++) {
		ck_assert_msg(!taken(needed[i], NULL, why, sizeof(why)), "without %s", needed[i]);
		ck_assert_ptr_nonnull(strstr(why, needed[i]));
	}
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		ck_assert_msg(!taken(wrong[i].key, wrong[i].value, why, sizeof(why)), "%s",
		              wrong[i].key);
		ck_assert_ptr_nonnull(strstr(why, "is missing or wrong"));
	}
}
END_TEST

START_TEST(a_live_job_of_an_older_daemon_has_failed)
{
	char why[INI_TEXT_MAX];

	ck_assert_msg(taken("live", NULL, why, sizeof(why)), "%s", why);
	ck_assert_ptr_nonnull(strstr(why, "restarted"));
}
END_TEST

TAP_MAIN("state", state_round_trip, an_older_file_is_taken, every_truncation_is_refused,
         every_flipped_bit_is_refused, what_is_wrong_is_told, jobs_round_trip, live_jobs_round_trip,
         a_live_job_that_makes_no_sense_is_refused, a_live_job_of_an_older_daemon_has_failed);
