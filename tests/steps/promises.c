/* SPDX-License-Identifier: BSD-2-Clause */
/* What was acknowledged is there, and what jobs say of members is so. */
#include "steps/scenario.h"

#include <string.h>

#define WRITES 16

static struct {
	unsigned n;
	struct {
		uint8_t value;
		bool acked;
	} write[WRITES];
} blocks[BLOCKS];

void promises_new(void)
{
	memset(blocks, 0, sizeof(blocks));
	for (unsigned i = 0; i < BLOCKS; i++)
		blocks[i].write[blocks[i].n++].acked = true;
}

void promise_begun(uint32_t lba, uint32_t n, uint8_t fill)
{
	for (uint32_t i = lba; i < lba + n; i++) {
		must(blocks[i].n < WRITES, "too many");
		blocks[i].write[blocks[i].n].value = fill;
		blocks[i].write[blocks[i].n++].acked = false;
	}
}

void promise_acked(uint32_t lba, uint32_t n)
{
	for (uint32_t i = lba; i < lba + n; i++)
		blocks[i].write[blocks[i].n - 1].acked = true;
}

/* The write that was acknowledged last, or one after it. */
static bool may_be(uint32_t lba, uint8_t value)
{
	unsigned first = 0;

	for (unsigned i = 0; i < blocks[lba].n; i++)
		if (blocks[lba].write[i].acked)
			first = i;
	for (unsigned i = first; i < blocks[lba].n; i++)
		if (blocks[lba].write[i].value == value)
			return true;
	return false;
}

static uint8_t value_of(unsigned disk, uint32_t lba)
{
	const uint8_t *p = world.disk[disk].media + (size_t)lba * BLOCK;

	must(memcmp(p, p + 1, BLOCK - 1) == 0, "%s: disk%u: block %u is mixed", where, disk, lba);
	return p[0];
}

void promise_read(uint32_t lba, uint32_t n, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < n; i++, bytes += BLOCK) {
		must(memcmp(bytes, bytes + 1, BLOCK - 1) == 0, "%s: block %u is read mixed", where,
		     lba + i);
		must(may_be(lba + i, bytes[0]), "%s: block %u is read as %u", where, lba + i,
		     bytes[0]);
	}
}

/* ---- members ---- */

const struct ini_group *the_group(void)
{
	return world.host.ini ? ini_group_find(world.host.ini, "g0") : NULL;
}

static bool is_synced(const struct ini_group *g, unsigned i)
{
	return g->m[i].state == MEMBER_IN_SYNC;
}

unsigned members_synced(void)
{
	const struct ini_group *g = the_group();
	unsigned n = 0;

	for (unsigned i = 0; g && i < g->n; i++)
		n += is_synced(g, i);
	return n;
}

void promise_check(void)
{
	const struct ini_group *g = the_group();

	for (unsigned i = 0; g && i < g->n; i++)
		for (uint32_t b = 0; is_synced(g, i) && b < BLOCKS; b++)
			must(may_be(b, value_of(i, b)),
			     "%s: disk%u counts as in sync, block %u is %u", where, i, b,
			     value_of(i, b));
}

bool members_equal(void)
{
	const struct ini_group *g = the_group();
	int first = -1;

	for (unsigned i = 0; g && i < g->n; i++) {
		const uint8_t *media = world.disk[i].media;
		if (!is_synced(g, i))
			continue;
		if (first >= 0 &&
		    memcmp(world.disk[first].media, media, sizeof(world.disk[i].media)) != 0)
			return false;
		first = (int)i;
	}
	return true;
}

bool members_readable(void)
{
	const struct ini_group *g = the_group();

	for (unsigned i = 0; g && i < g->n; i++)
		if (is_synced(g, i) && memchr(world.disk[i].bad, true, BLOCKS))
			return false;
	return true;
}

/* ---- jobs ---- */

static void check_mirror(const struct ini_job *j)
{
	for (unsigned i = 0; i < j->n_targets; i++) {
		const struct ini_job_target *t = &j->t[i];
		bool good = t->bad == 0 && t->good == IMAGE;
		unsigned disk = t->uuid[0] - 0xd0U;
		if (j->conclusion == JOB_SUCCESS)
			must(good, "%s: success, but not of %s", where, t->name);
		for (uint32_t b = 0; good && b < IMAGE; b++)
			must(value_of(disk, b) == IMAGE_FILL,
			     "%s: %s is said to have the image, block %u is %u", where, t->name, b,
			     value_of(disk, b));
	}
}

void promise_check_job(const struct ini_job *j)
{
	bool success = j->conclusion == JOB_SUCCESS;

	if (j->type == JOB_MIRROR && j->conclusion != JOB_CANCELLED)
		check_mirror(j);
	if (j->type == JOB_RESYNC && success)
		must(members_equal(), "%s: a resync succeeded, and members differ", where);
	if (j->type == JOB_VERIFY && success)
		must(j->differing > 0 || members_equal(),
		     "%s: a verify found nothing, and members differ", where);
	if (j->type == JOB_SCRUB && success)
		must(members_equal() && members_readable(),
		     "%s: a scrub succeeded, and left something", where);
	if (j->conclusion == JOB_FAILED)
		must(j->error.kind != INI_OK && j->error.text[0],
		     "%s: a job failed, and does not say why", where);
}
