/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/mode.h"

#include "base/assert.h"

#include <string.h>

/* Byte 0 of a page. */
#define PS   0x80
#define SPF  0x40
#define CODE 0x3f

#define CACHING_LEN 20 /* SBC-3, 6.4.5 */
#define CONTROL_LEN 12 /* SPC-4, 7.5.8 */

#define WCE     0x04 /* caching, byte 2 */
#define D_SENSE 0x04 /* control, byte 2 */
#define SWP     0x08 /* control, byte 4 */
/* control, byte 3: unrestricted reordering; QERR = 0: other tasks go on after a CHECK CONDITION */
#define QUEUE_ALGORITHM 0x10

#define DEXCPT 0x08 /* informational exceptions, byte 2: none are ever reported */

const uint8_t mode_page_codes[MODE_PAGES] = {
        MODE_PAGE_ERRORS,  MODE_PAGE_DISCONNECT, MODE_PAGE_CACHING,
        MODE_PAGE_CONTROL, MODE_PAGE_EXCEPTIONS, MODE_MIRROR_PAGE,
};

/* Pages of which nothing can be changed, and so nothing saved: PS is 0. What is not named is 0. */
static const struct fixed_page {
	uint8_t code, len;
	uint8_t byte2;
} fixed_pages[] = {
        /* SBC-3, 6.4.8: no retries, no reallocation: what the store says holds */
        {.code = MODE_PAGE_ERRORS, .len = 12},
        /* SPC-4, 7.5.10: no limits; it disconnects when it has to wait */
        {.code = MODE_PAGE_DISCONNECT, .len = 16},
        {.code = MODE_PAGE_EXCEPTIONS, .len = 12, .byte2 = DEXCPT}, /* SPC-4, 7.5.11 */
};

static const struct mode_values defaults = {.wce = true};
/* All that can be set is set: the mask of what can be changed. The membership is apart. */
static const struct mode_values changeable = {.wce = true, .d_sense = true, .swp = true};

void modes_init(struct modes *m)
{
	m->current = defaults;
	m->saved = defaults;
}

static const struct mode_values *values_of(const struct modes *m, enum mode_pc pc)
{
	switch (pc) {
	case PC_CURRENT:
		return &m->current;
	case PC_CHANGEABLE:
		return &changeable;
	case PC_DEFAULT:
		return &defaults;
	case PC_SAVED:
		return &m->saved;
	}
	return &m->current;
}

static void caching_put(struct wr *w, const struct mode_values *v)
{
	wr_u8(w, PS | MODE_PAGE_CACHING);
	wr_u8(w, CACHING_LEN - 2);
	wr_u8(w, v->wce ? WCE : 0);
	wr_zero(w, CACHING_LEN - 3);
}

static void control_put(struct wr *w, const struct mode_values *v, bool mask)
{
	wr_u8(w, PS | MODE_PAGE_CONTROL);
	wr_u8(w, CONTROL_LEN - 2);
	wr_u8(w, v->d_sense ? D_SENSE : 0);
	wr_u8(w, mask ? 0 : QUEUE_ALGORITHM);
	wr_u8(w, v->swp ? SWP : 0);
	wr_zero(w, CONTROL_LEN - 5);
}

/* The bytes of the membership that may be changed: all but the reserved ones. */
static void mirror_mask_put(struct wr *w)
{
	wr_u8(w, PS | MODE_MIRROR_PAGE);
	wr_u8(w, MODE_MIRROR_LEN - 2);
	wr_u8(w, 0x01);
	uint8_t mask[32 - 3]; /* from byte 3 on */
	memset(mask, 0xff, sizeof(mask));
	mask[6 - 3] = mask[7 - 3] = 0;
	wr_bytes(w, mask, sizeof(mask));
	wr_zero(w, 16);
}

static const struct fixed_page *fixed_page(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed_pages); i++)
		if (fixed_pages[i].code == code)
			return &fixed_pages[i];
	return NULL;
}

static void fixed_put(struct wr *w, const struct fixed_page *p, bool mask)
{
	wr_u8(w, p->code);
	wr_u8(w, (uint8_t)(p->len - 2));
	wr_u8(w, mask ? 0 : p->byte2);
	wr_zero(w, p->len - 3U);
}

size_t mode_page_put(const struct modes *m, uint8_t code, enum mode_pc pc, uint8_t *out)
{
	struct wr w = wr_init(out, MODE_PAGE_MAX);
	const struct mode_values *v = values_of(m, pc);
	const struct fixed_page *fixed = fixed_page(code);
	if (fixed)
		fixed_put(&w, fixed, pc == PC_CHANGEABLE);
	else if (code == MODE_PAGE_CACHING)
		caching_put(&w, v);
	else if (code == MODE_PAGE_CONTROL)
		control_put(&w, v, pc == PC_CHANGEABLE);
	else if (code == MODE_MIRROR_PAGE && pc == PC_CHANGEABLE)
		mirror_mask_put(&w);
	else if (code == MODE_MIRROR_PAGE)
		mode_mirror_put(&w, &v->mirror);
	sm_assert(wr_ok(&w));
	return w.n;
}

/* Copies a page, whose bytes were found good, into the values. */
static bool page_take(struct mode_values *v, uint8_t code, struct span page)
{
	if (code == MODE_PAGE_CACHING) {
		v->wce = page.p[2] & WCE;
	} else if (code == MODE_PAGE_CONTROL) {
		v->d_sense = page.p[2] & D_SENSE;
		v->swp = page.p[4] & SWP;
	} else if (code == MODE_MIRROR_PAGE) {
		struct mode_mirror mirror;
		if (!mode_mirror_get(page, &mirror))
			return false;
		/* Without the flag nothing else means anything: one form of "no membership". */
		v->mirror = mirror.member ? mirror : (struct mode_mirror){0};
	}
	return true;
}

static uint8_t highest_bit(unsigned b)
{
	uint8_t bit = 7;
	while (bit > 0 && !(b & (1U << bit)))
		bit--;
	return bit;
}

/* One page at the beginning of pages. False with where it is wrong. */
static bool page_get(struct mode_values *v, struct span pages, size_t *len, uint16_t *at,
                     uint8_t *bit)
{
	struct modes m = {.current = *v};
	uint8_t now[MODE_PAGE_MAX], mask[MODE_PAGE_MAX];
	uint8_t code = pages.p[0] & CODE;
	*len = mode_page_put(&m, code, PC_CURRENT, now);
	*at = 0;
	*bit = 5;
	if (*len == 0)
		return false;
	*bit = 6;
	if (pages.p[0] & SPF)
		return false;
	*at = 1;
	*bit = 0xff;
	if (pages.n < 2 || pages.p[1] != *len - 2)
		return false;
	if (pages.n < *len)
		return true; /* cut short: the caller sees it by *len */
	sm_assert(mode_page_put(&m, code, PC_CHANGEABLE, mask) == *len);
	for (size_t i = 2; i < *len; i++) {
		unsigned wrong = (unsigned)(pages.p[i] ^ now[i]) & ~(unsigned)mask[i] & 0xff;
		if (wrong) {
			*at = (uint16_t)i;
			*bit = highest_bit(wrong);
			return false;
		}
	}
	*at = 2;
	return page_take(v, code, (struct span){pages.p, *len});
}

bool mode_pages_get(struct mode_values *v, struct span pages, struct scsi_sense *sense,
                    uint16_t *field, uint8_t *bit)
{
	struct mode_values out = *v;
	size_t done = 0;
	while (done < pages.n) {
		struct span rest = {pages.p + done, pages.n - done};
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

void modes_saved_put(const struct mode_values *v, struct wr *w)
{
	struct modes m = {.saved = *v};
	for (size_t i = 0; i < MODE_PAGES; i++) {
		uint8_t page[MODE_PAGE_MAX];
		if (fixed_page(mode_page_codes[i]))
			continue; /* another version may have another one */
		size_t n = mode_page_put(&m, mode_page_codes[i], PC_SAVED, page);
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
