/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical units: which are there, and what events do to one as a whole. */
#include "target/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is kept: the reservations, if there are any, as one record: RESERVATIONS, a length, the
 * bytes; then the saved mode pages. No page has this code: it stands for all pages, with a subpage
 * format.
 */
#define RESERVATIONS 0x7f

void tgt_lu_saved_put(const struct mode_values *modes, const struct reserve *resv, struct wr *w)
{
	uint8_t bytes[RESERVE_SAVED_MAX];
	struct wr record = wr_init(bytes, sizeof(bytes));
	reserve_put(resv, &record);
	if (record.n > 0) {
		wr_u8(w, RESERVATIONS);
		wr_u8(w, (uint8_t)record.n);
		wr_bytes(w, bytes, record.n);
	}
	modes_saved_put(modes, w);
}

bool tgt_lu_saved_get(struct tgt_lu *lu, struct span bytes, char *why, size_t n)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	if (bytes.n > 0 && bytes.p[0] == RESERVATIONS) {
		rd_skip(&r, 1);
		uint8_t len = rd_u8(&r);
		struct span record = rd_bytes(&r, len);
		if (r.error || !reserve_get(record, &lu->resv)) {
			(void)snprintf(why, n, "saved reservations: damaged");
			return false;
		}
	}
	size_t left = rd_left(&r);
	if (left > 0 && !modes_saved_get(rd_bytes(&r, left), &lu->modes.saved)) {
		(void)snprintf(why, n, "saved mode pages: not of this version");
		return false;
	}
	return true;
}

struct tgt_lu *tgt_lu_new(uint8_t lun, const struct tgt_lu_config *cfg, unsigned queue_depth,
                          char *why, size_t n)
{
	struct tgt_lu *lu = calloc(1, sizeof(*lu));
	if (lu)
		lu->zeros = block_new(cfg->block_size);
	if (!lu || !lu->zeros) {
		(void)snprintf(why, n, "out of memory");
		tgt_lu_free(lu);
		return NULL;
	}
	memset(lu->zeros->data, 0, cfg->block_size);
	lu->present = true;
	lu->lun = lun;
	lu->queue_depth = queue_depth;
	lu->cfg = *cfg;
	lu->cfg.saved = (struct span){0};
	modes_init(&lu->modes);
	reserve_init(&lu->resv);
	if (!tgt_lu_saved_get(lu, cfg->saved, why, n)) {
		tgt_lu_free(lu);
		return NULL;
	}
	lu->modes.current = lu->modes.saved;
	tgt_lu_attention(lu, WIRE_NO_ID, UA_POWER_ON);
	return lu;
}

void tgt_lu_free(struct tgt_lu *lu)
{
	if (!lu)
		return;
	block_unref(lu->zeros);
	free(lu);
}

struct tgt_lu *tgt_lu_at(struct tgt *t, uint8_t lun)
{
	return lun < SCSI_LUNS && t->lu[lun] ? t->lu[lun] : &t->absent;
}

struct tgt_lu *tgt_lu_next(const struct tgt *t, unsigned *lun)
{
	while (*lun < SCSI_LUNS && !t->lu[*lun])
		++*lun;
	return *lun < SCSI_LUNS ? t->lu[*lun] : NULL;
}

void tgt_lu_attention(struct tgt_lu *lu, uint8_t but, enum ua_kind ua)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (i != but)
			ua_post(&lu->nexus[i].ua, ua);
}

void tgt_lu_lose_nexus(struct tgt_lu *lu, uint8_t initiator, enum ua_kind ua)
{
	lu->nexus[initiator].ca = false;
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
}
