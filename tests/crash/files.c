/* SPDX-License-Identifier: BSD-2-Clause */
#include "crash/files.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#include "crash/inside.h"

/* ---- images ---- */

static void *grown(void *p, size_t n, size_t size)
{
	void *q = realloc(p, (n ? n : 1) * size);

	sm_assert(q);
	return q;
}

static void image_free(struct image *m)
{
	for (uint32_t i = 0; i < m->n_files; i++)
		free(m->file[i].bytes);
	free(m->file);
	*m = (struct image){0};
}

static struct image image_copy(const struct image *m)
{
	struct image c = *m;

	c.file = grown(NULL, m->n_files, sizeof(*c.file));
	for (uint32_t i = 0; i < m->n_files; i++) {
		c.file[i] = (struct image_file){.n = m->file[i].n};
		if (c.file[i].n == 0)
			continue;
		c.file[i].bytes = grown(NULL, c.file[i].n, 1);
		memcpy(c.file[i].bytes, m->file[i].bytes, c.file[i].n);
	}
	return c;
}

static unsigned find(const struct image *m, const char *name)
{
	unsigned i = 0;

	while (i < m->n && strcmp(m->entry[i].name, name) != 0)
		i++;
	return i;
}

bool image_find(const struct image *m, const char *name, uint32_t *file)
{
	unsigned i = find(m, name);

	if (i < m->n)
		*file = m->entry[i].file;
	return i < m->n;
}

/* Of no further use, unless it has another name. */
static void forget_file(struct image *m, uint32_t file)
{
	unsigned names = 0;

	for (unsigned i = 0; i < m->n; i++)
		names += m->entry[i].file == file;
	if (names > 1)
		return;
	free(m->file[file].bytes);
	m->file[file] = (struct image_file){0};
}

static void put_name(struct image *m, const char *name, uint32_t file)
{
	unsigned i = find(m, name);

	if (i < m->n && m->entry[i].file != file)
		forget_file(m, m->entry[i].file);

	sm_assert(i < FILES_MOST);
	if (i == m->n)
		m->n++;
	memset(&m->entry[i], 0, sizeof(m->entry[i]));
	strncpy(m->entry[i].name, name, FILES_NAME - 1);
	m->entry[i].file = file;
}

static void take_name(struct image *m, const char *name)
{
	unsigned i = find(m, name);

	if (i < m->n)
		m->entry[i] = m->entry[--m->n];
}

static void set_size(struct image_file *f, size_t n)
{
	f->bytes = grown(f->bytes, n, 1);
	if (n > f->n)
		memset(f->bytes + f->n, 0, n - f->n);
	f->n = n;
}

static void put_bytes(struct image_file *f, size_t at, const uint8_t *p, size_t n)
{
	if (at + n > f->n)
		set_size(f, at + n);
	if (n > 0) /* else there may be none at all */
		memcpy(f->bytes + at, p, n);
}

/* A file that is made where there may be none of its name in the image: its number is kept. */
static void make_file(struct image *m, uint32_t file)
{
	while (m->n_files <= file) {
		m->file = grown(m->file, m->n_files + 1, sizeof(*m->file));
		m->file[m->n_files++] = (struct image_file){0};
	}
}

/* ---- what happens ---- */

struct image files_now;
static struct history history;

void files_reset(void)
{
	history_free(&history);
	image_free(&files_now);
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].bytes);
	free(h->v);
	image_free(&h->before);
	*h = (struct history){0};
}

struct history files_take(void)
{
	files_look_at_memory();
	struct history h = history;

	history = (struct history){.before = image_copy(&files_now), .boot = h.boot};
	return h;
}

size_t files_records(void)
{
	return history.n;
}

/* The operation, done to an image; of a write the first n bytes. */
static void apply(struct image *m, const struct record *r, size_t n)
{
	switch (r->kind) {
	case RECORD_CREATE:
		make_file(m, r->file);
		put_name(m, r->name, r->file);
		break;
	case RECORD_RENAME:
		make_file(m, r->file);
		put_name(m, r->to, r->file);
		take_name(m, r->name);
		break;
	case RECORD_UNLINK:
		take_name(m, r->name);
		break;
	case RECORD_WRITE:
		make_file(m, r->file);
		put_bytes(&m->file[r->file], r->at, r->bytes, n);
		break;
	case RECORD_TRUNCATE:
		make_file(m, r->file);
		set_size(&m->file[r->file], r->at);
		break;
	case RECORD_SYNC:
	case RECORD_SYNC_DIR:
	case RECORD_NOTE:
		break;
	}
}

unsigned files_boot(void)
{
	return history.boot;
}

void files_do(const struct record *r)
{
	if (!r->memory)
		files_look_at_memory();
	if (history.n == history.room) {
		history.room = history.room ? history.room * 2 : 256;
		history.v = grown(history.v, history.room, sizeof(*history.v));
	}
	struct record *to = &history.v[history.n++];
	*to = *r;
	to->bytes = NULL;
	if (r->n) {
		to->bytes = grown(NULL, r->n, 1);
		memcpy(to->bytes, r->bytes, r->n);
	}
	apply(&files_now, r, r->n);
}

void files_note(uint32_t what, const void *bytes, size_t n)
{
	files_do(&(struct record){
	        .kind = RECORD_NOTE, .file = what, .n = n, .bytes = (uint8_t *)(uintptr_t)bytes});
}

/* ---- what the end of the machine leaves ---- */

static bool of_directory(const struct record *r)
{
	return r->kind == RECORD_CREATE || r->kind == RECORD_RENAME || r->kind == RECORD_UNLINK;
}

static bool of_file(const struct record *r)
{
	return r->kind == RECORD_WRITE || r->kind == RECORD_TRUNCATE;
}

unsigned history_loose(const struct history *h, size_t cut, size_t loose[LOOSE_MAX])
{
	uint32_t synced[LOOSE_MAX * 4];
	unsigned n_synced = 0, n = 0;
	bool dir_synced = false;

	for (size_t i = cut; i-- > h->n_before;) {
		const struct record *r = &h->v[i];
		unsigned k = 0;
		if (r->memory)
			continue;
		while (k < n_synced && synced[k] != r->file)
			k++;
		dir_synced |= r->kind == RECORD_SYNC_DIR;
		if (r->kind == RECORD_SYNC && k == n_synced && n_synced < LOOSE_MAX * 4)
			synced[n_synced++] = r->file;
		if (of_directory(r) ? dir_synced : !of_file(r) || k < n_synced)
			continue;
		sm_assert(n < LOOSE_MAX);
		memmove(loose + 1, loose, n * sizeof(*loose));
		loose[0] = i;
		n++;
	}
	return n;
}

static void tear(struct image *m, const struct record *r, const struct fates *f)
{
	if (!f->torn_mask) {
		apply(m, r, f->torn_at);
		return;
	}
	/* The length is there, and of the sectors some. */
	make_file(m, r->file);
	struct image_file *to = &m->file[r->file];
	if (r->at + r->n > to->n)
		set_size(to, r->at + r->n);
	for (size_t i = 0; i < r->n; i++)
		if (f->torn_mask >> ((r->at % SECTOR + i) / SECTOR % 64) & 1)
			to->bytes[r->at + i] = r->bytes[i];
}

/* What is durable in any case is there; from which record on others need not be. */
static size_t begin_with_sure(struct history *h, size_t sure)
{
	for (; h->n_before < sure; h->n_before++)
		apply(&h->before, &h->v[h->n_before], h->v[h->n_before].n);
	files_reset();
	files_now = image_copy(&h->before);
	return sure;
}

void files_kill(struct history *h, size_t cut)
{
	size_t loose[LOOSE_MAX];
	unsigned n = history_loose(h, cut, loose);
	size_t sure = begin_with_sure(h, n ? loose[0] : cut);

	history.before = image_copy(&files_now);
	history.boot = h->boot;
	for (size_t i = sure; i < cut; i++)
		if (h->v[i].kind != RECORD_NOTE)
			files_do(&h->v[i]);
}

/* As it was, nothing, its first half, or its second. */
static void spoil_memory(struct image *m, uint64_t how)
{
	for (unsigned i = 0; i < m->n; i++) {
		struct image_file *f = &m->file[m->entry[i].file];
		if (!files_memory(m->entry[i].name) || f->n == 0)
			continue;
		if (how % 4 == 1)
			set_size(f, 0);
		else if (how % 4 > 1)
			memset(f->bytes + (how % 4 == 2 ? f->n / 2 : 0), 0, f->n / 2);
	}
}

void files_crash(struct history *h, size_t cut, const struct fates *f)
{
	size_t loose[LOOSE_MAX];
	unsigned n = history_loose(h, cut, loose), k = 0;
	size_t sure = begin_with_sure(h, n ? loose[0] : cut);

	for (size_t i = sure; i < cut; i++) {
		bool is_loose = k < n && loose[k] == i;
		if (is_loose && f->torn == i)
			tear(&files_now, &h->v[i], f);
		else if (!is_loose || (f->kept >> k & 1))
			apply(&files_now, &h->v[i], h->v[i].n);
		k += is_loose;
	}
	spoil_memory(&files_now, cut ^ f->kept);
	history.before = image_copy(&files_now);
	history.boot = h->boot + 1;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), b += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, b, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3ULL;
	return h ^ n << 17;
}

bool files_memory(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, ".begun") == 0;
}

bool files_scratch(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && (strcmp(name + n - 4, ".new") == 0 || strcmp(name + n - 4, ".tmp") == 0);
}

/* Bytes that make a difference. Of memory that the end of the machine has left: the beginning, for
 * nobody is to go by the rest. */
static size_t telling(const char *name, const struct image_file *f)
{
	return files_memory(name) && f->n > SECTOR ? SECTOR : f->n;
}

uint64_t files_hash(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < files_now.n; i++) {
		const char *name = files_now.entry[i].name;
		const struct image_file *f = &files_now.file[files_now.entry[i].file];
		uint64_t one = mix(0xcbf29ce484222325ULL, name, strlen(name));
		sum += files_scratch(name) ? one : mix(one, f->bytes, telling(name, f));
	}
	return sum;
}

struct image files_copy(void)
{
	return image_copy(&files_now);
}

void files_restore(const struct image *m)
{
	files_reset();
	files_now = image_copy(m);
	history.before = image_copy(m);
}

void files_drop(struct image *m)
{
	image_free(m);
}
