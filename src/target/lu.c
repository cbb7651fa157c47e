/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical units: which are there, and what events do to one as a whole. */
#include "base/assert.h"
#include "target/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is kept: records of a code, a length, and the bytes, each only if it says something; then
 * the saved mode pages. No page has these codes: they stand for pages with a subpage format (and of
 * those that we have none).
 */
#define RESERVATIONS 0x7f
#define MEDIUM       0x7e /* a format or a sanitize that did not come to its end */
#define PROTECTION   0x7d /* type of protection that it is formatted with */

static const struct {
	uint8_t code;
	const char *name;
} records[] = {
        {RESERVATIONS, "reservations"},
        {MEDIUM, "state of the medium"},
        {PROTECTION, "type of protection"},
};

void tgt_lu_saved_put(const struct tgt_lu *lu, const struct mode_values *modes,
                      const struct reserve *resv, struct wr *w)
{
	uint8_t medium = tgt_bg_kept(&lu->bg);
	uint8_t bytes[RESERVE_SAVED_MAX];
	struct wr record = wr_init(bytes, sizeof(bytes));
	reserve_put(resv, &record);
	if (record.n > 0) {
		wr_u8(w, RESERVATIONS);
		wr_u8(w, (uint8_t)record.n);
		wr_bytes(w, bytes, record.n);
	}
	if (medium) {
		wr_u8(w, MEDIUM);
		wr_u8(w, 1);
		wr_u8(w, medium);
	}
	if (lu->cfg.protects) {
		wr_u8(w, PROTECTION);
		wr_u8(w, 1);
		wr_u8(w, lu->protection_kept);
	}
	modes_saved_put(modes, w);
}

static bool protection_get(struct tgt_lu *lu, struct span record)
{
	if (record.n != 1 || record.p[0] > PROTECT_TYPE_MAX)
		return false;
	lu->protection = lu->protection_kept = record.p[0];
	return true;
}

static bool record_get(struct tgt_lu *lu, unsigned i, struct span record, char *why, size_t n)
{
	uint8_t code = records[i].code;
	bool ok = code == RESERVATIONS ? reserve_get(record, &lu->resv)
	          : code == PROTECTION ? protection_get(lu, record)
	                               : record.n == 1 && tgt_bg_keep(&lu->bg, record.p[0]);
	if (!ok)
		(void)snprintf(why, n, "saved %s: damaged", records[i].name);
	return ok;
}

/* ARRAY_LEN(records): the pages begin here. */
static unsigned record_at(struct span bytes, size_t at)
{
	unsigned i = 0;
	while (i < ARRAY_LEN(records) && (at >= bytes.n || records[i].code != bytes.p[at]))
		i++;
	return i;
}

bool tgt_lu_saved_get(struct tgt_lu *lu, struct span bytes, char *why, size_t n)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	unsigned i;
	while ((i = record_at(bytes, bytes.n - rd_left(&r))) < ARRAY_LEN(records)) {
		rd_skip(&r, 1);
		uint8_t len = rd_u8(&r);
		struct span record = rd_bytes(&r, len);
		if (r.error)
			record.n = 0;
		if (!record_get(lu, i, record, why, n))
			return false;
	}
	size_t left = rd_left(&r);
	if (left > 0 && !modes_saved_get(rd_bytes(&r, left), &lu->modes.saved)) {
		(void)snprintf(why, n, "saved mode pages: not of this version");
		return false;
	}
	return true;
}

size_t tgt_saved_protection(uint8_t type, uint8_t *saved, size_t len)
{
	const uint8_t record[] = {PROTECTION, 1, type};
	const struct span bytes = {saved, len};
	size_t at = 0;
	unsigned i;
	sm_assert(type <= PROTECT_TYPE_MAX);
	while ((i = record_at(bytes, at)) < ARRAY_LEN(records) && at + 1 < len) {
		if (records[i].code == PROTECTION)
			return len;
		at += 2U + saved[at + 1];
	}
	sm_assert(len + sizeof(record) <= TGT_SAVED_MAX);
	memmove(saved + sizeof(record), saved, len);
	memcpy(saved, record, sizeof(record));
	return len + sizeof(record);
}

/* ---- coming and going ---- */

static bool config_ok(uint8_t lun, const struct tgt_lu_config *c, char *why, size_t n)
{
	if (lun >= SCSI_LUNS) {
		(void)snprintf(why, n, "LUN %u: must be below %d", lun, SCSI_LUNS);
		return false;
	}
	if (c->block_size != 512 && c->block_size != 4096) {
		(void)snprintf(why, n, "block size %u: must be 512 or 4096",
		               (unsigned)c->block_size);
		return false;
	}
	if (c->blocks == 0 || c->blocks > UINT64_MAX / 2 / c->block_size) {
		(void)snprintf(why, n, "%llu blocks: too few or too many",
		               (unsigned long long)c->blocks);
		return false;
	}
	if (!target_name_ok(c->name, strnlen(c->name, sizeof(c->name)))) {
		(void)snprintf(why, n, "name: at most %d printable characters without blanks",
		               TARGET_NAME_MAX);
		return false;
	}
	return true;
}

struct tgt_lu *tgt_lu_new(uint8_t lun, const struct tgt_lu_config *cfg, char *why, size_t why_len)
{
	if (!config_ok(lun, cfg, why, why_len))
		return NULL;
	struct tgt_lu *lu = calloc(1, sizeof(*lu));
	if (lu)
		lu->zeros = block_new(cfg->block_size);
	if (lu)
		lu->bg.pattern = block_new(cfg->block_size);
	if (!lu || !lu->zeros || !lu->bg.pattern) {
		(void)snprintf(why, why_len, "out of memory");
		tgt_lu_free(lu);
		return NULL;
	}
	memset(lu->zeros->data, 0, cfg->block_size);
	lu->present = true;
	lu->lun = lun;
	lu->cfg = *cfg;
	lu->cfg.saved = (struct span){0};
	modes_init(&lu->modes);
	reserve_init(&lu->resv);
	if (!tgt_lu_saved_get(lu, cfg->saved, why, why_len)) {
		tgt_lu_free(lu);
		return NULL;
	}
	if (lu->protection && !cfg->protects) {
		(void)snprintf(why, why_len,
		               "is formatted with type %u protection, which is not there",
		               lu->protection);
		tgt_lu_free(lu);
		return NULL;
	}
	lu->modes.current = lu->modes.saved;
	lu->started = lu->modes.saved.mirror.member;
	tgt_lu_attention(lu, WIRE_NO_ID, UA_POWER_ON);
	return lu;
}

void tgt_lu_free(struct tgt_lu *lu)
{
	if (!lu)
		return;
	block_unref(lu->zeros);
	block_unref(lu->bg.pattern);
	free(lu);
}

/* SPC-4, 6.33: initiators that may know the old inventory are told, by each logical unit. */
static void inventory_changed(struct tgt *t, const struct tgt_lu *but)
{
	struct tgt_lu *lu;
	LU_FOREACH (lu, t)
		if (t->was_attached && lu != but)
			tgt_lu_attention(lu, WIRE_NO_ID, UA_LUNS_CHANGED);
	t->luns_changed = true;
}

/* Whoever asks for memberships at all may have served this unit when it was here before, and may
 * not know that it was away. */
static void ask_for_members(const struct tgt *t, struct tgt_lu *lu)
{
	const struct tgt_lu *other;

	LU_FOREACH (other, t)
		for (unsigned i = 0; i < WIRE_IDS; i++)
			if (other->nexus[i].asks_members)
				lu->nexus[i].asks_members = lu->nexus[i].members_changed = true;
}

/* The store of one that is put in while others are in use was opened anew: that what was written
 * before could not be synced when it was taken out, only whoever closed it has heard. */
static uint32_t boot_of(struct tgt *t)
{
	if (t->cfg.boot == 0)
		return 0;
	if (t->was_attached)
		t->put_in++;
	uint32_t boot = t->cfg.boot + t->put_in * 0x9e3779b1U; /* odd: none comes twice */
	return boot ? boot : 1;
}

void tgt_lu_added(struct tgt *t, struct tgt_lu *lu)
{
	sm_assert(!t->lu[lu->lun]);
	ask_for_members(t, lu);
	lu->queue_depth = t->cfg.queue_depth;
	lu->boot = boot_of(t);
	t->lu[lu->lun] = lu;
	t->luns |= 1ULL << lu->lun;
	inventory_changed(t, lu);
}

/* Tasks that wait for their turn end at once; those in the store when it has answered. */
void tgt_lu_removed(struct tgt *t, uint8_t lun)
{
	struct tgt_lu *lu = t->lu[lun];
	sm_assert(lun != 0 && lu);
	lu->present = false;
	t->lu[lun] = NULL;
	t->luns &= ~(1ULL << lun);
	SLIST_INSERT_HEAD(&t->gone, lu, link);
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->lu == lu && k->state == TASK_WAITING) {
			tgt_task_fail(k, SENSE_LUN_NOT_SUPPORTED);
			tgt_task_finish(t, k);
		}
		k = next;
	}
	inventory_changed(t, NULL);
}

void tgt_lu_reap(struct tgt *t)
{
	struct tgt_lu *lu = SLIST_FIRST(&t->gone);
	while (lu) {
		struct tgt_lu *next = SLIST_NEXT(lu, link);
		if (lu->n_tasks == 0 && lu->n_copies == 0 && !lu->bg.busy) {
			SLIST_REMOVE(&t->gone, lu, tgt_lu, link);
			tgt_lu_free(lu);
		}
		lu = next;
	}
}

/* ---- finding ---- */

bool tgt_has_lun(const struct tgt *t, uint8_t lun)
{
	return lun < SCSI_LUNS && t->lu[lun];
}

const struct tgt_lu *tgt_lu_of_group(const struct tgt *t, uint16_t group)
{
	const struct tgt_lu *lu;
	LU_FOREACH (lu, t) {
		const struct mode_mirror *m = &lu->modes.current.mirror;
		if (m->member && m->group == group)
			return lu;
	}
	return NULL;
}

struct tgt_lu *tgt_lu_at(struct tgt *t, uint8_t lun)
{
	return lun < SCSI_LUNS && t->lu[lun] ? t->lu[lun] : &t->absent;
}

struct tgt_lu *tgt_lu_next(const struct tgt *t, unsigned *lun)
{
	uint64_t rest = *lun < SCSI_LUNS ? t->luns >> *lun : 0;

	if (rest == 0)
		return NULL;
	*lun += (unsigned)__builtin_ctzll(rest);
	return t->lu[*lun];
}

/* ---- what happens to one ---- */

void tgt_lu_inventory_told(struct tgt *t, uint8_t initiator)
{
	struct tgt_lu *lu;
	LU_FOREACH (lu, t)
		ua_clear(&lu->nexus[initiator].ua, UA_LUNS_CHANGED);
}

void tgt_lu_attention(struct tgt_lu *lu, uint8_t but, enum ua_kind ua)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (i != but)
			ua_post(&lu->nexus[i].ua, ua);
}

void tgt_lu_lose_nexus(struct tgt_lu *lu, uint8_t initiator, enum ua_kind ua)
{
	tgt_allegiance_end(lu, initiator);
	reserve_lost(&lu->resv, initiator);
	lu->echo.wrote &= ~(1U << initiator);
	ua_post(&lu->nexus[initiator].ua, ua);
}

void tgt_lu_reset(struct tgt_lu *lu, enum ua_kind ua)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		tgt_lu_lose_nexus(lu, i, ua);
	/* SPC-4, 5.11: current values become the saved ones again. */
	lu->modes.current = lu->modes.saved;
	lu->exceptions = (struct exceptions){0};
}
