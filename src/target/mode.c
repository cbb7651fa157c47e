/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/mode.h"

#include "base/assert.h"

#include <string.h>

/* Byte 0 of a page. */
#define PS   0x80
#define SPF  0x40
#define CODE 0x3f

static const struct page {
	uint8_t code, len;
} pages[] = {
#define MODE_PAGE(code, len) {code, len},
#define MODE_FIELD(page, member, byte, low, bits, def, most, name)
#include "target/modes.def"
#undef MODE_PAGE
#undef MODE_FIELD
        {MODE_MIRROR_PAGE, MODE_MIRROR_LEN},
};
_Static_assert(ARRAY_LEN(pages) == MODE_PAGES, "the pages that mode.h counts");

static const struct field {
	uint8_t page;
	uint8_t byte, low, bits; /* the byte that holds its lowest bit */
	uint16_t member;         /* where it is in struct mode_values */
	uint32_t start, most;
} fields[] = {
#define MODE_PAGE(code, len)
#define MODE_FIELD(page, member, byte, low, bits, def, most, name)                                 \
	{page, byte, low, bits, offsetof(struct mode_values, member), def, most},
#include "target/modes.def"
#undef MODE_PAGE
#undef MODE_FIELD
};

static const struct mode_values defaults = {
#define MODE_PAGE(code, len)
#define MODE_FIELD(page, member, byte, low, bits, def, most, name) .member = (def),
#include "target/modes.def"
#undef MODE_PAGE
#undef MODE_FIELD
};

uint8_t mode_page_code(unsigned i)
{
	sm_assert(i < MODE_PAGES);
	return pages[i].code;
}

void modes_init(struct modes *m)
{
	m->current = defaults;
	m->saved = defaults;
}

static const struct mode_values *values_of(const struct modes *m, enum mode_pc pc)
{
	switch (pc) {
	case PC_SAVED:
		return &m->saved;
	case PC_DEFAULT:
		return &defaults;
	case PC_CURRENT:
	case PC_CHANGEABLE:
		break;
	}
	return &m->current;
}

static uint32_t all_ones(const struct field *f)
{
	return (uint32_t)((1ULL << f->bits) - 1);
}

static uint32_t field_value(const struct field *f, const struct mode_values *v)
{
	uint32_t value;

	memcpy(&value, (const uint8_t *)v + f->member, sizeof(value));
	return value;
}

static void field_put(const struct field *f, uint32_t value, uint8_t *page)
{
	uint64_t bits = (uint64_t)value << f->low;

	for (unsigned at = f->byte; bits; bits >>= 8)
		page[at--] |= (uint8_t)bits;
}

static uint32_t field_get(const struct field *f, const uint8_t *page)
{
	uint64_t bits = 0;
	unsigned n = (f->low + f->bits + 7U) / 8;

	for (unsigned i = 0; i < n; i++)
		bits |= (uint64_t)page[f->byte - i] << 8 * i;
	return (uint32_t)(bits >> f->low) & all_ones(f);
}

static bool is_of(const struct field *f, uint8_t page)
{
	return f->page == page;
}

/* PS of a page: some of it can be changed, and so saved. */
static uint8_t first_byte(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (is_of(&fields[i], code) && fields[i].most > 0)
			return PS | code;
	return code;
}

static void fields_put(const struct page *p, const struct mode_values *v, bool mask, uint8_t *out)
{
	memset(out, 0, p->len);
	out[0] = first_byte(p->code);
	out[1] = (uint8_t)(p->len - 2);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		if (is_of(f, p->code) && !mask)
			field_put(f, field_value(f, v), out);
		else if (is_of(f, p->code) && f->most > 0)
			field_put(f, all_ones(f), out);
	}
}

/* All bits of the membership may be changed. */
static void mirror_mask_put(struct wr *w)
{
	wr_u8(w, PS | MODE_MIRROR_PAGE);
	wr_u8(w, MODE_MIRROR_LEN - 2);
	uint8_t mask[MODE_MIRROR_LEN - 2];
	memset(mask, 0xff, sizeof(mask));
	wr_bytes(w, mask, sizeof(mask));
}

static const struct page *page_of(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (pages[i].code == code)
			return &pages[i];
	return NULL;
}

size_t mode_page_put(const struct modes *m, uint8_t code, enum mode_pc pc, uint8_t *out)
{
	struct wr w = wr_init(out, MODE_PAGE_MAX);
	const struct mode_values *v = values_of(m, pc);
	const struct page *p = page_of(code);
	if (!p)
		return 0;
	if (code != MODE_MIRROR_PAGE) {
		fields_put(p, v, pc == PC_CHANGEABLE, out);
		return p->len;
	}
	if (pc == PC_CHANGEABLE)
		mirror_mask_put(&w);
	else
		mode_mirror_put(&w, &v->mirror);
	sm_assert(wr_ok(&w));
	return w.n;
}

/* SPC-4, informational exceptions: a test of what is disabled makes no sense; of the ways to report
 * one, those that would end a command that was done with CHECK CONDITION are not there. */
static bool exceptions_ok(const struct mode_values *v, uint16_t *at, uint8_t *bit)
{
	*at = 2;
	*bit = 2;
	if (v->test && v->dexcpt)
		return false;
	*at = 3;
	*bit = 3;
	return v->mrie == MRIE_NONE || v->mrie == MRIE_ATTENTION || v->mrie == MRIE_ON_REQUEST;
}

/* SPC-4, control: 10b of QERR and 01b of UA_INTLCK_CTRL are reserved. */
static bool control_ok(const struct mode_values *v, uint16_t *at, uint8_t *bit)
{
	*at = 3;
	*bit = 2;
	if (v->qerr == 2)
		return false;
	*at = 4;
	*bit = 5;
	return v->ua_intlck != 1;
}

/* Copies a page, no bit of which is other than it was but those that can be changed. False with
 * where it is wrong. */
static bool page_take(struct mode_values *v, uint8_t code, struct span page, uint16_t *at,
                      uint8_t *bit)
{
	if (code == MODE_MIRROR_PAGE) {
		struct mode_mirror mirror;
		*at = 2;
		*bit = 0xff;
		if (!mode_mirror_get(page, &mirror))
			return false;
		/* Without the flag nothing else means anything: one form of "no membership". */
		v->mirror = mirror.member ? mirror : (struct mode_mirror){0};
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		uint32_t value = field_get(f, page.p);
		if (!is_of(f, code) || f->most == 0)
			continue;
		*at = (uint16_t)(f->byte - (f->low + f->bits - 1) / 8);
		*bit = (uint8_t)((f->low + f->bits - 1) % 8);
		if (value > f->most)
			return false;
		memcpy((uint8_t *)v + f->member, &value, sizeof(value));
	}
	if (code == MODE_PAGE_CONTROL)
		return control_ok(v, at, bit);
	return code != MODE_PAGE_EXCEPTIONS || exceptions_ok(v, at, bit);
}

static uint8_t highest_bit(unsigned b)
{
	uint8_t bit = 7;
	while (bit > 0 && !(b & (1U << bit)))
		bit--;
	return bit;
}

/* One page at the beginning of the list. False with where it is wrong. */
static bool page_get(struct mode_values *v, struct span list, size_t *len, uint16_t *at,
                     uint8_t *bit)
{
	struct modes m = {.current = *v};
	uint8_t now[MODE_PAGE_MAX], mask[MODE_PAGE_MAX];
	uint8_t code = list.p[0] & CODE;
	*len = mode_page_put(&m, code, PC_CURRENT, now);
	*at = 0;
	*bit = 5;
	if (*len == 0)
		return false;
	*bit = 6;
	if (list.p[0] & SPF)
		return false;
	*at = 1;
	*bit = 0xff;
	if (list.n < 2 || list.p[1] != *len - 2)
		return false;
	if (list.n < *len)
		return true; /* cut short: the caller sees it by *len */
	sm_assert(mode_page_put(&m, code, PC_CHANGEABLE, mask) == *len);
	for (size_t i = 2; i < *len; i++) {
		unsigned wrong = (unsigned)(list.p[i] ^ now[i]) & ~(unsigned)mask[i] & 0xff;
		if (wrong) {
			*at = (uint16_t)i;
			*bit = highest_bit(wrong);
			return false;
		}
	}
	return page_take(v, code, (struct span){list.p, *len}, at, bit);
}

bool mode_pages_get(struct mode_values *v, struct span list, struct scsi_sense *sense,
                    uint16_t *field, uint8_t *bit)
{
	struct mode_values out = *v;
	size_t done = 0;
	while (done < list.n) {
		struct span rest = {list.p + done, list.n - done};
		size_t len = 0;
		uint16_t at = 0;
		bool ok = page_get(&out, rest, &len, &at, bit);
		*field = (uint16_t)(done + at);
		if (rest.n < 2 || (ok && len > rest.n)) {
			*sense = SENSE_PARAMETER_LIST_LENGTH;
			return false;
		}
		if (!ok) {
			*sense = SENSE_INVALID_FIELD_IN_PARAMETERS;
			return false;
		}
		done += len;
	}
	*v = out;
	return true;
}

bool mode_pages_have(struct span list, uint8_t code)
{
	size_t at = 0;
	while (at + 2 <= list.n && (list.p[at] & CODE) != code)
		at += 2U + list.p[at + 1];
	return at + 2 <= list.n;
}

void modes_saved_put(const struct mode_values *v, struct wr *w)
{
	struct modes m = {.saved = *v};
	for (size_t i = 0; i < MODE_PAGES; i++) {
		uint8_t page[MODE_PAGE_MAX];
		size_t n = mode_page_put(&m, pages[i].code, PC_SAVED, page);
		wr_bytes(w, page, n);
	}
}

bool mode_values_equal(const struct mode_values *a, const struct mode_values *b)
{
	uint8_t bytes[2][MODE_PAGES * MODE_PAGE_MAX];
	struct wr x = wr_init(bytes[0], sizeof(bytes[0])), y = wr_init(bytes[1], sizeof(bytes[1]));
	modes_saved_put(a, &x);
	modes_saved_put(b, &y);
	return x.n == y.n && memcmp(bytes[0], bytes[1], x.n) == 0;
}

bool modes_saved_get(struct span bytes, struct mode_values *v)
{
	struct scsi_sense sense;
	uint16_t field = 0;
	uint8_t bit = 0;
	return mode_pages_get(v, bytes, &sense, &field, &bit);
}
