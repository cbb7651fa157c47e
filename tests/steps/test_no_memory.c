/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever a core or a part of a shell allocates when it is made can fail: then it is not made, and
 * nothing of it is left. Each allocation of it in turn. */
#include "shell/inbuf.h"
#include "shell/outq.h"
#include "shell/pool.h"
#include "steps/world.h"
#include "unit/tap_main.h"

#include <string.h>

#define ALLOCATIONS_MOST 400

static bool try_bus(void)
{
	const struct bus_config c = bus_config_default();
	struct bus *b = bus_new(&c);

	bus_free(b);
	return b != NULL;
}

static const struct hba_config host = {
        .id = HOST_ID, .task_timeout_ns = NS_PER_S, .status_timeout_ns = NS_PER_S};

static bool try_hba(void)
{
	struct hba *h = hba_new(&host);

	hba_free(h);
	return h != NULL;
}

static bool try_ini(void)
{
	static struct hba *h;
	const struct ini_config none = {.window = 1};

	if (!h)
		h = hba_new(&host);
	struct ini *ini = h ? ini_new(&none, h) : NULL;
	ini_free(ini);
	return ini != NULL;
}

static struct tgt_lu_config lu(void)
{
	return (struct tgt_lu_config){
	        .uuid = {1}, .name = "disk", .block_size = BLOCK, .blocks = BLOCKS};
}

static bool try_tgt(void)
{
	const struct tgt_config c = {.lu = lu(), .queue_depth = 4, .xfer = XFER_ULTRA160};
	char why[200] = "";
	struct tgt *t = tgt_new(&c, why, sizeof(why));

	must(t || why[0], "a target is not made, and nobody says why");
	tgt_free(t);
	return t != NULL;
}

static bool try_lu(void)
{
	const struct tgt_lu_config c = lu();
	char why[200] = "";
	struct tgt_lu *l = tgt_lu_new(3, &c, why, sizeof(why));

	must(l || why[0], "a logical unit is not made, and nobody says why");
	if (l)
		tgt_lu_free(l);
	return l != NULL;
}

static bool try_inbuf(void)
{
	struct inbuf in;
	bool ok = inbuf_init(&in);

	if (ok)
		inbuf_free(&in);
	return ok;
}

static bool try_pool(void)
{
	struct pool *p = pool_new(MIB);
	struct block *b = p ? pool_get(p, 4096) : NULL;

	block_unref(b);
	if (p)
		pool_free(p);
	return b != NULL;
}

static const struct {
	const char *name;
	bool (*make)(void);
} rows[] = {
        {"bus", try_bus},
        {"host adapter", try_hba},
        {"initiator", try_ini},
        {"target", try_tgt},
        {"logical unit", try_lu},
        {"input buffer", try_inbuf},
        {"pool of blocks", try_pool},
};

START_TEST(what_cannot_be_made_leaves_nothing)
{
	bool made;
	unsigned at = 0;

	must(rows[_i].make(), "%s: it cannot be made at all", rows[_i].name);
	do {
		long before = memory_live();
		memory_fail(++at);
		made = rows[_i].make();
		bool struck = memory_struck();
		memory_fail(0);
		must(made != struck, "%s, allocation %u: %s", rows[_i].name, at,
		     struck ? "it fails, and is not missed" : "it does not come to it");
		must(memory_live() == before, "%s, allocation %u fails: %ld pieces are left",
		     rows[_i].name, at, memory_live() - before);
	} while (!made && at < ALLOCATIONS_MOST);
	must(made && at > 1, "%s: %u allocations", rows[_i].name, at);
}
END_TEST

TAP_MAIN_TABLE("no memory", NULL, NULL, TAP_EACH(what_cannot_be_made_leaves_nothing, rows));
