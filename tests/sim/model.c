/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/model.h"

#include "base/assert.h"

#include <string.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

#define LANES 4 /* side by side: each word of one follows from the one before */

void model_fill(uint64_t value, lba_t lba, uint8_t *out, size_t len)
{
	uint64_t w[LANES];

	sm_assert(len % sizeof(w) == 0);
	if (value == 0) {
		memset(out, 0, len);
		return;
	}
	for (unsigned k = 0; k < LANES; k++)
		w[k] = mix(value * 0x9E3779B97F4A7C15ULL + lba * LANES + k);
	for (size_t i = 0; i < len; i += sizeof(w)) {
		for (unsigned k = 0; k < LANES; k++)
			w[k] += 0x9E3779B97F4A7C15ULL;
		memcpy(out + i, w, sizeof(w));
	}
}

uint64_t model_hash(const uint8_t *p, size_t len)
{
	uint64_t sum[LANES] = {1, 2, 3, 4}, w[LANES];

	sm_assert(len % sizeof(w) == 0);
	for (size_t i = 0; i < len; i += sizeof(w)) {
		memcpy(w, p + i, sizeof(w));
		for (unsigned k = 0; k < LANES; k++) {
			sum[k] = (sum[k] ^ w[k]) * 0x9E3779B97F4A7C15ULL;
			sum[k] ^= sum[k] >> 29;
		}
	}
	for (unsigned k = 1; k < LANES; k++)
		sum[0] = mix(sum[0] ^ sum[k]);
	return sum[0];
}

static void add(struct model_block *b, const struct model_entry *e)
{
	sm_assert(b->n < MODEL_ENTRIES);
	b->e[b->n++] = *e;
}

/* Room for more by forgetting what no read can see any more. */
static void prune(const struct model *m, struct model_block *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->n; i++)
		if (!b->e[i].removed || b->e[i].removed > m->oldest_read)
			b->e[kept++] = b->e[i];
	b->n = kept;
}

void model_init(struct model *m, lba_t blocks, size_t block_len)
{
	static const uint8_t zeros[4096];

	sm_assert(blocks <= MODEL_BLOCKS && block_len <= sizeof(zeros));
	m->blocks = blocks;
	m->clock = 1;
	m->oldest_read = 0;
	m->next_write = 1;
	for (lba_t i = 0; i < blocks; i++) {
		m->b[i].n = 0;
		m->b[i].wild = m->b[i].tamed = 0;
		add(&m->b[i], &(struct model_entry){.hash = model_hash(zeros, block_len),
		                                    .acked = true,
		                                    .began = 1,
		                                    .ended = 1});
	}
}

uint64_t model_now(struct model *m)
{
	return ++m->clock;
}

bool model_room(const struct model *m, lba_t lba, lba_t blocks)
{
	for (lba_t i = lba; i < lba + blocks; i++) {
		unsigned n = 0;
		for (unsigned k = 0; k < m->b[i].n; k++)
			n += !m->b[i].e[k].removed || m->b[i].e[k].removed > m->oldest_read;
		if (n + 8 > MODEL_ENTRIES)
			return false;
	}
	return true;
}

uint32_t model_begin(struct model *m, lba_t lba, lba_t blocks, const uint8_t *p, size_t block_len)
{
	struct model_entry e = {.write = m->next_write++, .began = ++m->clock};

	for (lba_t i = 0; i < blocks; i++) {
		prune(m, &m->b[lba + i]);
		if (m->b[lba + i].n == MODEL_ENTRIES) {
			m->b[lba + i].n--;
			m->b[lba + i].wild = m->clock;
		}
		e.hash = model_hash(p + i * block_len, block_len);
		add(&m->b[lba + i], &e);
	}
	return e.write;
}

static struct model_entry *entry_of(struct model_block *b, uint32_t write)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->e[i].write == write)
			return &b->e[i];
	return NULL;
}

/* What had ended before this write began is over. */
static void supersede(const struct model *m, struct model_block *b, const struct model_entry *by)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct model_entry *e = &b->e[i];
		if (!e->removed && e->ended && e->ended < by->began)
			e->removed = m->clock;
	}
	if (b->wild > 0 && b->wild < by->began) {
		b->wild = 0;
		b->tamed = m->clock;
	}
}

void model_end(struct model *m, lba_t lba, lba_t blocks, uint32_t write, bool acked)
{
	m->clock++;
	for (lba_t i = lba; i < lba + blocks; i++) {
		struct model_entry *e = entry_of(&m->b[i], write);
		if (!e) /* a job's: settled meanwhile */
			continue;
		e->ended = m->clock;
		e->acked = acked;
		if (acked)
			supersede(m, &m->b[i], e);
	}
}

void model_undo(struct model *m, lba_t lba, lba_t blocks, uint32_t write)
{
	for (lba_t i = lba; i < lba + blocks; i++) {
		struct model_block *b = &m->b[i];
		struct model_entry *e = entry_of(b, write);
		sm_assert(e);
		*e = b->e[--b->n];
	}
}

bool model_allows(const struct model *m, lba_t lba, uint64_t hash, uint64_t began)
{
	const struct model_block *b = &m->b[lba];

	for (unsigned i = 0; i < b->n; i++)
		if (b->e[i].hash == hash && (!b->e[i].removed || b->e[i].removed >= began))
			return true;
	return b->wild > 0 || (b->tamed > 0 && b->tamed >= began);
}

void model_excuse(struct model *m, lba_t lba, uint64_t hash)
{
	struct model_block *b = &m->b[lba];

	prune(m, b);
	m->clock++;
	if (b->n + 2 > MODEL_ENTRIES)
		b->wild = m->clock;
	else
		add(b, &(struct model_entry){.hash = hash,
		                             .write = m->next_write++,
		                             .excuse = true,
		                             .began = m->clock,
		                             .ended = m->clock});
}

bool model_may_differ(const struct model *m, lba_t lba)
{
	const struct model_block *b = &m->b[lba];

	for (unsigned i = 0; i < b->n; i++)
		if (!b->e[i].removed && b->e[i].excuse)
			return true;
	return b->wild > 0;
}

void model_recovers(struct model *m, lba_t lba, uint64_t begun)
{
	struct model_block *b = &m->b[lba];

	for (unsigned i = 0; i < b->n; i++)
		b->e[i].excuse &= b->e[i].began > begun;
}

void model_wild(struct model *m)
{
	m->clock++;
	for (lba_t lba = 0; lba < m->blocks; lba++)
		m->b[lba].wild = m->clock;
}

void model_settle(struct model *m, lba_t lba, uint64_t hash)
{
	struct model_block *b = &m->b[lba];

	m->clock++;
	b->n = 0;
	b->wild = 0;
	add(b, &(struct model_entry){
	               .hash = hash, .acked = true, .began = m->clock, .ended = m->clock});
}
