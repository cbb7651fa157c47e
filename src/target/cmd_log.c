/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE (SPC-4, 6.6) and the log pages (SPC-4, 7.3). A page is a row of the table. */
#include "base/assert.h"
#include "target/core.h"

#define SP       0x01 /* byte 1 */
#define PPC      0x02
#define PAGE     0x3f /* byte 2 */
#define PC_SHIFT 6

/* PC (table 120). */
enum { PC_THRESHOLD, PC_CUMULATIVE, PC_DEFAULT_THRESHOLD, PC_DEFAULT_CUMULATIVE };

#define DS       0x80 /* byte 0 of a page: nothing of it is saved */
#define HEAD_LEN 4
/* Byte 2 of a parameter: TSD, and its format. */
#define COUNTER 0x22
#define LIST    0x23

#define NO_TEMPERATURE 0xff /* a file has none */

/* Of an error counter page (table 309). */
#define TOTAL_CORRECTED   0x0003
#define TOTAL_BYTES       0x0005
#define TOTAL_UNCORRECTED 0x0006

/* What is asked for: parameters from this code on. */
struct ask {
	uint8_t pc;
	uint16_t from;
};

static bool param(struct wr *w, const struct ask *a, uint16_t code, uint8_t control, uint8_t len)
{
	if (code < a->from)
		return false;
	wr_u16(w, code);
	wr_u8(w, control);
	wr_u8(w, len);
	return true;
}

/* No threshold is kept: it is one that is never met. */
static void counter(struct wr *w, const struct ask *a, uint16_t code, uint64_t now)
{
	if (a->pc == PC_DEFAULT_CUMULATIVE)
		now = 0;
	else if (a->pc != PC_CUMULATIVE)
		now = UINT64_MAX;
	if (param(w, a, code, COUNTER, 8))
		wr_u64(w, now);
}

/* Nothing is ever corrected: the store reads right or fails. */
static void put_counters(struct wr *w, const struct ask *a, const struct log_counters *c)
{
	counter(w, a, TOTAL_CORRECTED, 0);
	counter(w, a, TOTAL_BYTES, c->bytes);
	counter(w, a, TOTAL_UNCORRECTED, c->uncorrected);
}

static void put_writes(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	put_counters(w, a, &lu->log[LOG_WRITE]);
}

static void put_reads(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	put_counters(w, a, &lu->log[LOG_READ]);
}

static void put_verifies(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	put_counters(w, a, &lu->log[LOG_VERIFY]);
}

/* SPC-4, 7.3.21: the temperature, and the reference that it may not exceed. */
static void put_temperature(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	(void)lu;
	for (uint16_t code = 0; code <= 1; code++) {
		if (!param(w, a, code, LIST, 2))
			continue;
		wr_u8(w, 0);
		wr_u8(w, NO_TEMPERATURE);
	}
}

/* SPC-4, 7.3.11: no exception, as mode page 1Ch says (DEXCPT). */
static void put_exceptions(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	(void)lu;
	if (param(w, a, 0, LIST, 3)) {
		wr_u16(w, 0);
		wr_u8(w, NO_TEMPERATURE);
	}
}

static void put_supported(struct wr *w, const struct tgt_lu *lu, const struct ask *a);

/* Ascending by code; last: its last parameter; put writes what follows the header. */
static const struct log_page {
	uint8_t code, flags;
	uint16_t last;
	void (*put)(struct wr *w, const struct tgt_lu *lu, const struct ask *a);
} pages[] = {
        {0x00, 0, 0, put_supported},
        {0x02, DS, TOTAL_UNCORRECTED, put_writes},
        {0x03, DS, TOTAL_UNCORRECTED, put_reads},
        {0x05, DS, TOTAL_UNCORRECTED, put_verifies},
        {0x0d, DS, 1, put_temperature},
        {0x2f, DS, 0, put_exceptions},
};

static void put_supported(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	(void)lu;
	(void)a;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		wr_u8(w, pages[i].code);
}

static const struct log_page *find(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (pages[i].code == code)
			return &pages[i];
	return NULL;
}

bool tgt_cmd_accept_log_sense(struct tgt *t, struct task *k)
{
	(void)t;
	const struct scsi_cdb *c = &k->cdb;
	if (c->byte1 & ~(SP | PPC))
		return tgt_cdb_field_bad(k, 1, 7);
	/* Nothing can be saved; only what has changed is not told apart (obsolete). */
	if (c->byte1)
		return tgt_cdb_field_bad(k, 1, c->byte1 & PPC ? 1 : 0);
	const struct log_page *page = find(c->page & PAGE);
	if (!page)
		return tgt_cdb_field_bad(k, 2, 5);
	if (c->subpage != 0)
		return tgt_cdb_field_bad(k, 3, 0xff);
	/* SPC-4, 6.6: beyond the last parameter there is none. */
	return c->selector > page->last ? tgt_cdb_field_bad(k, 5, 0xff) : true;
}

bool tgt_cmd_run_log_sense(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	const struct log_page *page = find(k->cdb.page & PAGE);
	const struct ask a = {.pc = k->cdb.page >> PC_SHIFT, .from = k->cdb.selector};
	sm_assert(page);
	wr_u8(&w, page->flags | page->code);
	wr_u8(&w, 0);
	wr_u16(&w, 0); /* the length, below */
	page->put(&w, k->lu, &a);
	wr_at_u16(&w, 2, (uint16_t)(w.n - HEAD_LEN));
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- counting ---- */

static struct log_counters *counters(struct tgt_lu *lu, enum task_work work)
{
	switch (work) {
	case WORK_READ:
		return &lu->log[LOG_READ];
	case WORK_WRITE:
	case WORK_ZERO:
		return &lu->log[LOG_WRITE];
	case WORK_MATCH:
	case WORK_COMPARE:
	case WORK_VERIFY:
		return &lu->log[LOG_VERIFY];
	case WORK_FLUSH:
	case WORK_SAVE:
	case WORK_MAP:
		break;
	}
	return NULL;
}

void tgt_log_done(struct tgt_lu *lu, enum task_work work, uint32_t blocks)
{
	struct log_counters *c = counters(lu, work);
	if (c)
		c->bytes += (uint64_t)blocks * lu->cfg.block_size;
}

void tgt_log_error(struct tgt_lu *lu, enum task_work work)
{
	struct log_counters *c = counters(lu, work);
	if (c)
		c->uncorrected++;
}
