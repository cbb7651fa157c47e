/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/couple_check.h"

#include "base/crc.h"
#include "base/prng.h"

#include <check.h>
#include <string.h>

unsigned couple_told;

void couple_pass_done(struct hba_pass *p)
{
	(void)p;
	couple_told++;
}

void couple_task_done(struct hba_task *t)
{
	(void)t;
	couple_told++;
}

void couple_take(struct hba_task *t, uint32_t at, struct block *data, uint32_t n)
{
	uint8_t *to = t->ctx;

	ck_assert_uint_le(at + n, t->data_in_len);
	memcpy(to + at, data->data, n);
}

void couple_start(struct couple *c, struct hba_task *t, const struct scsi_cdb *cdb)
{
	t->cdb_len = (uint8_t)scsi_cdb_put(cdb, t->cdb);
	t->done = couple_task_done;
	hba_task_start(c->h, t);
}

struct block *couple_pattern(size_t len, uint64_t seed)
{
	struct block *b = block_new(len);
	struct prng g = prng_init(seed);

	ck_assert_ptr_nonnull(b);
	for (size_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)prng_u64(&g);
	return b;
}

void couple_pass(struct hba_pass *p, unsigned n, lba_t lba, struct block *data)
{
	uint32_t len = (uint32_t)data->len;

	*p = (struct hba_pass){
	        .group = 1,
	        .cdb = {.op = OP_WRITE_16, .lba = lba, .blocks = len / COUPLE_BLOCK_SIZE},
	        .data = data,
	        .data_len = len,
	        .crc = crc_data(0, data->data, len),
	        .n = n,
	        .done = couple_pass_done,
	};
	for (unsigned i = 0; i < n; i++)
		p->m[i].target = p->m[i].device = (uint8_t)i;
}

bool couple_holds(const struct couple *c, unsigned disk, lba_t lba, const struct block *data)
{
	return memcmp(c->disk[disk].media + lba * COUPLE_BLOCK_SIZE, data->data, data->len) == 0;
}

void couple_quiet(const struct couple *c)
{
	for (uint8_t id = 0; id < WIRE_IDS; id++)
		ck_assert_uint_eq(hba_target(c->h, id)->in_flight, 0);
	ck_assert_uint_eq(hba_stats(c->h)->protocol_errors, 0);
	ck_assert_uint_eq(hba_stats(c->h)->internal_errors, 0);
	ck_assert_msg(c->n_errors == 0, "%s", c->why);
}
