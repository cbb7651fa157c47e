/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/runs.h"

#include "base/assert.h"

#include <string.h>

static lba_t end_of(const struct mir_span *s)
{
	return s->lba + s->blocks;
}

void mir_list_clear(struct mir_list *l)
{
	l->n = 0;
}

/* The first run that ends at or after lba. */
static unsigned first_reaching(const struct mir_list *l, lba_t lba)
{
	unsigned i = 0;

	while (i < l->n && end_of(&l->run[i]) < lba)
		i++;
	return i;
}

/* Replaces runs i..j-1 by the `n` (0..2) runs of `with`. False when they do not fit. */
static bool replace(struct mir_list *l, unsigned i, unsigned j, const struct mir_span *with,
                    unsigned n)
{
	sm_assert(i <= j && j <= l->n);
	if (l->n - (j - i) + n > MIR_LIST_MAX)
		return false;
	memmove(&l->run[i + n], &l->run[j], (l->n - j) * sizeof(l->run[0]));
	for (unsigned k = 0; k < n; k++)
		l->run[i + k] = with[k];
	l->n = l->n - (j - i) + n;
	return true;
}

bool mir_list_add(struct mir_list *l, lba_t lba, uint64_t blocks)
{
	if (blocks == 0)
		return true;
	lba_t end = lba + blocks;
	unsigned i = first_reaching(l, lba), j = i;
	while (j < l->n && l->run[j].lba <= end) {
		if (l->run[j].lba < lba)
			lba = l->run[j].lba;
		if (end_of(&l->run[j]) > end)
			end = end_of(&l->run[j]);
		j++;
	}
	struct mir_span joined = {lba, end - lba};
	return replace(l, i, j, &joined, 1);
}

bool mir_list_remove(struct mir_list *l, lba_t lba, uint64_t blocks)
{
	if (blocks == 0)
		return true;
	lba_t end = lba + blocks;
	unsigned i = 0;
	while (i < l->n && end_of(&l->run[i]) <= lba)
		i++;
	unsigned j = i;
	while (j < l->n && l->run[j].lba < end)
		j++;
	if (i == j)
		return true;
	struct mir_span left[2];
	unsigned n = 0;
	if (l->run[i].lba < lba)
		left[n++] = (struct mir_span){l->run[i].lba, lba - l->run[i].lba};
	if (end_of(&l->run[j - 1]) > end)
		left[n++] = (struct mir_span){end, end_of(&l->run[j - 1]) - end};
	return replace(l, i, j, left, n);
}

bool mir_list_meets(const struct mir_list *l, lba_t lba, uint64_t blocks)
{
	struct mir_span s;

	return mir_list_next(l, lba, &s) && s.lba - lba < blocks;
}

uint64_t mir_list_blocks(const struct mir_list *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->n; i++)
		sum += l->run[i].blocks;
	return sum;
}

bool mir_list_next(const struct mir_list *l, lba_t from, struct mir_span *out)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (end_of(&l->run[i]) <= from)
			continue;
		lba_t lba = l->run[i].lba > from ? l->run[i].lba : from;
		*out = (struct mir_span){lba, end_of(&l->run[i]) - lba};
		return true;
	}
	return false;
}

void mir_list_check(const struct mir_list *l)
{
	sm_assert(l->n <= MIR_LIST_MAX);
	for (unsigned i = 0; i < l->n; i++) {
		sm_assert(l->run[i].blocks > 0);
		sm_assert(i == 0 || end_of(&l->run[i - 1]) < l->run[i].lba);
	}
}
