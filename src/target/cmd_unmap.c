/* SPDX-License-Identifier: BSD-2-Clause */
/* UNMAP and GET LBA STATUS (SBC-3, clause 5), of thin provisioned disks. Which blocks are mapped is
 * the store's to know. */
#include "target/core.h"

/* The parameter list of UNMAP (SBC-3, UNMAP parameter list). */
#define HEAD_LEN       8
#define DESCRIPTOR_LEN 16
#define LENGTHS_AT     2 /* behind UNMAP DATA LENGTH: what that counts */

struct descriptor {
	lba_t lba;
	uint32_t blocks;
};

static uint16_t offset_of(unsigned i)
{
	return (uint16_t)(HEAD_LEN + i * DESCRIPTOR_LEN);
}

/* Whole descriptors that came: of as many as both lengths and the CDB's say. One that is cut off is
 * ignored. */
static unsigned count(const struct task *k)
{
	if (!k->data)
		return 0;
	struct rd r = rd_init(k->data->data + k->data_off, k->want_out);
	uint32_t all = rd_u16(&r), blocks = rd_u16(&r), there = k->want_out - HEAD_LEN;
	all = all > HEAD_LEN - LENGTHS_AT ? all - (HEAD_LEN - LENGTHS_AT) : 0;
	blocks = blocks < all ? blocks : all;
	return (blocks < there ? blocks : there) / DESCRIPTOR_LEN;
}

static struct descriptor get(const struct task *k, unsigned i)
{
	struct rd r = rd_init(k->data->data + k->data_off + offset_of(i), DESCRIPTOR_LEN);
	struct descriptor d = {.lba = rd_u64(&r)};
	d.blocks = rd_u32(&r);
	return d;
}

/* ANCHOR is refused: there are no anchored blocks (VPD page B2h, ANC_SUP). */
bool tgt_cmd_accept_unmap(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	(void)t;
	if (!tgt_cdb_only(k, 1, c->byte1, 0))
		return false;
	if (c->alloc > 0 && c->alloc < HEAD_LEN) {
		tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, 7, 0xff));
		return false;
	}
	if (!tgt_cmd_may_write(k))
		return false;
	k->want_out = c->alloc;
	return true;
}

static bool bad(struct task *k, struct scsi_sense sense, uint16_t field)
{
	tgt_task_fail(k, scsi_sense_field(sense, false, field, 0xff));
	return false;
}

/* All are found right before the first is done. */
static bool list_ok(struct task *k, unsigned n)
{
	uint64_t total = 0;
	if (n > TGT_UNMAP_DESCRIPTORS_MAX)
		return bad(k, SENSE_INVALID_FIELD_IN_PARAMETERS, 2);
	for (unsigned i = 0; i < n; i++) {
		struct descriptor d = get(k, i);
		if (d.lba > k->lu->cfg.blocks || d.blocks > k->lu->cfg.blocks - d.lba)
			return bad(k, SENSE_LBA_OUT_OF_RANGE, offset_of(i));
		total += d.blocks;
		if (total > TGT_UNMAP_BLOCKS_MAX)
			return bad(k, SENSE_INVALID_FIELD_IN_PARAMETERS,
			           (uint16_t)(offset_of(i) + 8));
	}
	return true;
}

bool tgt_cmd_run_unmap(struct tgt *t, struct task *k)
{
	return list_ok(k, count(k)) && tgt_unmap_next(t, k);
}

bool tgt_unmap_next(struct tgt *t, struct task *k)
{
	unsigned n = count(k);
	while (k->step < n) {
		struct descriptor d = get(k, k->step++);
		if (d.blocks == 0)
			continue;
		tgt_cmd_start(t, k, d.lba, d.blocks, WORK_ZERO);
		return true;
	}
	/* What is not to be in a cache is flushed once, at the end. */
	if (k->step == n && n > 0 && !k->lu->modes.current.wce) {
		k->step++;
		k->work = WORK_FLUSH;
		return true;
	}
	return false;
}

void tgt_unmap_extent(const struct task *k, lba_t *lba, uint64_t *blocks)
{
	unsigned n = count(k);
	lba_t first = UINT64_MAX, end = 0;
	for (unsigned i = 0; i < n && i < TGT_UNMAP_DESCRIPTORS_MAX; i++) {
		struct descriptor d = get(k, i);
		if (d.blocks == 0 || d.lba > k->lu->cfg.blocks)
			continue;
		first = d.lba < first ? d.lba : first;
		end = d.lba + d.blocks > end ? d.lba + d.blocks : end;
	}
	*lba = first;
	*blocks = end > first ? end - first : 0;
}

/* ---- GET LBA STATUS ---- */

bool tgt_cmd_accept_get_lba_status(struct tgt *t, struct task *k)
{
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	if (k->cdb.lba < k->lu->cfg.blocks)
		return true;
	tgt_task_fail(k, scsi_sense_field(SENSE_LBA_OUT_OF_RANGE, true, 2, 0xff));
	return false;
}

bool tgt_cmd_run_get_lba_status(struct tgt *t, struct task *k)
{
	(void)t;
	k->first = k->cdb.lba;
	if (k->cdb.alloc > 0)
		k->work = WORK_MAP;
	return k->cdb.alloc > 0;
}
