/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/medium.h"

#include "base/assert.h"

#include <string.h>

static const uint8_t *data_of(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	size_t at = a->offset + (a->repeat ? 0 : (size_t)i * m->block_size);
	sm_assert(a->block && at + m->block_size <= a->block->len);
	return a->block->data + at;
}

static void change(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	uint8_t *at = m->bytes + (a->lba + i) * m->block_size;
	if (a->kind == TGT_STORE_ZERO)
		memset(at, 0, m->block_size);
	else if (a->kind == TGT_STORE_WRITE || a->kind == TGT_STORE_ATOMIC)
		memcpy(at, data_of(m, a, i), m->block_size);
	else
		for (uint32_t k = 0; k < m->block_size; k++)
			at[k] |= data_of(m, a, i)[k];
	if (m->mapped)
		m->mapped[a->lba + i] = a->kind != TGT_STORE_ZERO;
}

/* False when block i differs, with where. */
static bool equal(const struct medium *m, const struct tgt_action *a, uint32_t i,
                  struct tgt_event *ev)
{
	const uint8_t *at = m->bytes + (a->lba + i) * m->block_size, *with = data_of(m, a, i);
	uint32_t k = 0;
	while (k < m->block_size && at[k] == with[k])
		k++;
	if (k == m->block_size)
		return true;
	ev->store.result = STORE_MISCOMPARE;
	ev->store.good_blocks = i;
	ev->store.differs = k;
	return false;
}

static struct block *map(const struct medium *m, const struct tgt_action *a)
{
	struct lba_status v[TGT_MAP_MAX];
	uint8_t all[LBA_STATUS_HEAD_LEN + TGT_MAP_MAX * LBA_STATUS_DESCRIPTOR_LEN];
	struct wr w = wr_init(all, sizeof(all));
	size_t n = 0, fit = 1;
	if (a->room > LBA_STATUS_HEAD_LEN + LBA_STATUS_DESCRIPTOR_LEN)
		fit = (a->room - LBA_STATUS_HEAD_LEN + LBA_STATUS_DESCRIPTOR_LEN - 1) /
		      LBA_STATUS_DESCRIPTOR_LEN;
	for (lba_t at = a->lba; at < m->blocks; at++) {
		bool mapped = !m->mapped || m->mapped[at];
		enum lba_provisioning is = mapped ? LBA_MAPPED : LBA_DEALLOCATED;
		bool another = n == 0 || v[n - 1].status != is;
		if (another && n == fit)
			break;
		sm_assert(n < TGT_MAP_MAX);
		if (another)
			v[n++] = (struct lba_status){.lba = at, .status = is};
		v[n - 1].blocks++;
	}
	lba_status_put(&w, v, n);
	sm_assert(wr_ok(&w) && a->room > 0);
	struct block *b = block_new(w.n < a->room ? w.n : a->room);
	memcpy(b->data, all, b->len);
	return b;
}

void medium_do(const struct medium *m, const struct tgt_action *a, uint32_t n, struct tgt_event *ev)
{
	sm_assert(a->lba <= m->blocks && n <= m->blocks - a->lba);
	switch (a->kind) {
	case TGT_STORE_READ:
		ev->store.block = block_new((size_t)n * m->block_size);
		memcpy(ev->store.block->data, m->bytes + a->lba * m->block_size,
		       ev->store.block->len);
		break;
	case TGT_STORE_WRITE:
	case TGT_STORE_ATOMIC:
	case TGT_STORE_OR:
	case TGT_STORE_ZERO:
		for (uint32_t i = 0; i < n; i++)
			change(m, a, i);
		break;
	case TGT_STORE_COMPARE:
		for (uint32_t i = 0; i < n && equal(m, a, i, ev); i++)
			continue;
		break;
	case TGT_STORE_MAP:
		ev->store.block = map(m, a);
		break;
	case TGT_STORE_VERIFY:
	case TGT_STORE_FLUSH:
	case TGT_META_SAVE:
	case TGT_SEND:
	case TGT_DIE:
		break;
	}
}
