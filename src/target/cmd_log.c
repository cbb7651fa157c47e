/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE (SPC-4, 6.6), LOG SELECT (6.5) and the log pages (7.3). A page is a row of the table.
 */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

#define SP       0x01 /* byte 1 */
#define PCR      0x02 /* of LOG SELECT */
#define PAGE     0x3f /* byte 2 */
#define PC_SHIFT 6

/* PC (table 120). */
enum { PC_THRESHOLD, PC_CUMULATIVE, PC_DEFAULT_THRESHOLD, PC_DEFAULT_CUMULATIVE };

#define DS           0x80 /* byte 0 of a page: nothing of it is saved */
#define SPF          0x40 /* ... it has a subpage code */
#define ALL_SUBPAGES 0xff
#define HEAD_LEN     4
#define SELECT_MAX   256 /* bytes of a parameter list: all that can be set is shorter */
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

/* SPC-4, 7.3.11: the exception that mode page 1Ch tests, or none. */
static void put_exceptions(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	const struct scsi_sense s = tgt_exception_is(lu) ? SENSE_FALSE_EXCEPTION : SENSE_NONE;
	if (param(w, a, 0, LIST, 3)) {
		wr_u8(w, s.asc);
		wr_u8(w, s.ascq);
		wr_u8(w, NO_TEMPERATURE);
	}
}

static void put_supported(struct wr *w, const struct tgt_lu *lu, const struct ask *a);

/* Ascending by code; last: its last parameter; put writes what follows the header. */
static const struct log_page {
	uint8_t code, flags;
	uint16_t last;
	void (*put)(struct wr *w, const struct tgt_lu *lu, const struct ask *a);
	enum log_kind kind; /* of error counters, which LOG SELECT sets; else LOG_KINDS */
} pages[] = {
        {0x00, 0, 0, put_supported, LOG_KINDS},
        {0x02, DS, TOTAL_UNCORRECTED, put_writes, LOG_WRITE},
        {0x03, DS, TOTAL_UNCORRECTED, put_reads, LOG_READ},
        {0x05, DS, TOTAL_UNCORRECTED, put_verifies, LOG_VERIFY},
        {0x0d, DS, 1, put_temperature, LOG_KINDS},
        {0x2f, DS, 0, put_exceptions, LOG_KINDS},
};

static void put_supported(struct wr *w, const struct tgt_lu *lu, const struct ask *a)
{
	(void)lu;
	(void)a;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		wr_u8(w, pages[i].code);
}

/* SPC-4, 7.3.19: pages and subpages. It is itself a subpage, the only one. */
static void put_subpages(struct wr *w)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		wr_u8(w, pages[i].code);
		wr_u8(w, 0);
		if (i == 0) {
			wr_u8(w, 0);
			wr_u8(w, ALL_SUBPAGES);
		}
	}
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
	/* Nothing can be saved (SP); only what has changed is not told apart (PPC, which is
	 * obsolete). */
	if (!tgt_cdb_only(k, 1, c->byte1, 0))
		return false;
	const struct log_page *page = find(c->page & PAGE);
	if (!page)
		return tgt_cdb_field_bad(k, 2, 5);
	if (c->subpage != 0 && !(page->code == 0 && c->subpage == ALL_SUBPAGES))
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
	bool sub = k->cdb.subpage != 0;
	wr_u8(&w, (uint8_t)(page->flags | (sub ? SPF : 0) | page->code));
	wr_u8(&w, k->cdb.subpage);
	wr_u16(&w, 0); /* the length, below */
	if (sub)
		put_subpages(&w);
	else
		page->put(&w, k->lu, &a);
	wr_at_u16(&w, 2, (uint16_t)(w.n - HEAD_LEN));
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- LOG SELECT ---- */

/* What a parameter list does to the counters, before anything is done. */
struct select {
	struct log_counters log[LOG_KINDS];
};

bool tgt_cmd_accept_log_select(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	uint8_t pc = c->page >> PC_SHIFT, code = c->page & PAGE;
	(void)t;
	if (!tgt_cdb_only(k, 1, c->byte1, PCR | SP))
		return false;
	if (c->byte1 & SP)
		return tgt_cdb_field_bad(k, 1, 0); /* nothing can be saved */
	/* With PCR, and for default values, there is no list (SPC-4, 6.5). Thresholds are not kept.
	 */
	if (c->alloc > 0 && (c->byte1 & PCR || pc != PC_CUMULATIVE))
		return c->byte1 & PCR ? tgt_cdb_field_bad(k, 1, 1) : tgt_cdb_field_bad(k, 2, 7);
	/* A page that is named here is the one whose default values are to be; a list names its
	 * own. */
	if (code != 0 && (c->alloc > 0 || !find(code)))
		return tgt_cdb_field_bad(k, 2, 5);
	if (c->subpage != 0)
		return tgt_cdb_field_bad(k, 3, 7);
	if (c->alloc > SELECT_MAX) {
		tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, 7, 0xff));
		return false;
	}
	k->want_out = c->alloc;
	return true;
}

static bool list_bad(struct task *k, size_t at, uint8_t bit)
{
	tgt_task_fail(
	        k, scsi_sense_field(SENSE_INVALID_FIELD_IN_PARAMETERS, false, (uint16_t)at, bit));
	return false;
}

static bool list_short(struct task *k)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, 7, 0xff));
	return false;
}

/* The parameters of one page; at: where they begin in the list. */
static bool take_counters(struct task *k, struct log_counters *c, struct span params, size_t at)
{
	struct rd r = rd_init(params.p, params.n);
	uint16_t before = 0;
	while (rd_left(&r) > 0) {
		size_t here = at + params.n - rd_left(&r);
		uint16_t code = rd_u16(&r);
		rd_skip(&r, 1); /* its control byte says what is so: no bit of it can be changed */
		uint8_t len = rd_u8(&r);
		uint64_t value = rd_u64(&r);
		if (r.error)
			return list_short(k);
		if (code <= before) /* they ascend */
			return list_bad(k, here, 0xff);
		if (len != 8)
			return list_bad(k, here + 3, 0xff);
		if (code == TOTAL_BYTES)
			c->bytes = value;
		else if (code == TOTAL_UNCORRECTED)
			c->uncorrected = value;
		else if (code != TOTAL_CORRECTED || value != 0)
			return list_bad(k, code == TOTAL_CORRECTED ? here + 4 : here, 0xff);
		before = code;
	}
	return true;
}

static bool take_pages(struct task *k, struct select *s)
{
	struct rd r = rd_init(k->data->data + k->data_off, k->want_out);
	uint8_t before = 0;
	while (rd_left(&r) > 0) {
		size_t here = k->want_out - rd_left(&r);
		uint8_t code = rd_u8(&r), subpage = rd_u8(&r);
		uint16_t len = rd_u16(&r);
		struct span params = rd_bytes(&r, len);
		if (r.error)
			return list_short(k);
		const struct log_page *page = find(code & PAGE);
		if (code & SPF || !page || page->kind == LOG_KINDS || page->code <= before)
			return list_bad(k, here, code & SPF ? 6 : 5);
		if (subpage != 0)
			return list_bad(k, here + 1, 0xff);
		if (!take_counters(k, &s->log[page->kind], params, here + HEAD_LEN))
			return false;
		before = page->code;
	}
	return true;
}

/* Of all pages, or of the one that the CDB names. */
static void reset(const struct task *k, struct select *s)
{
	const struct log_page *one = find(k->cdb.page & PAGE);
	for (unsigned kind = 0; kind < LOG_KINDS; kind++)
		if (one->code == 0 || one->kind == kind)
			s->log[kind] = (struct log_counters){0};
}

bool tgt_cmd_run_log_select(struct tgt *t, struct task *k)
{
	struct select s;
	uint8_t pc = k->cdb.page >> PC_SHIFT;
	(void)t;
	memcpy(s.log, k->lu->log, sizeof(s.log));
	if (k->want_out > 0 && !take_pages(k, &s))
		return false;
	if (k->cdb.byte1 & PCR || pc == PC_DEFAULT_CUMULATIVE)
		reset(k, &s);
	if (memcmp(s.log, k->lu->log, sizeof(s.log)) != 0) {
		memcpy(k->lu->log, s.log, sizeof(s.log));
		tgt_lu_attention(k->lu, k->initiator, UA_LOG_CHANGED);
	}
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
