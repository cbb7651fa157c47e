/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/protect.h"

#include "base/crc.h"

#define ESCAPE_APP 0xffff
#define ESCAPE_REF 0xffffffff

struct protect_tuple protect_get(const uint8_t *p)
{
	return (struct protect_tuple){
	        .guard = (uint16_t)(p[0] << 8 | p[1]),
	        .app = (uint16_t)(p[2] << 8 | p[3]),
	        .ref = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7],
	};
}

void protect_put(uint8_t *p, struct protect_tuple t)
{
	p[0] = (uint8_t)(t.guard >> 8);
	p[1] = (uint8_t)t.guard;
	p[2] = (uint8_t)(t.app >> 8);
	p[3] = (uint8_t)t.app;
	p[4] = (uint8_t)(t.ref >> 24);
	p[5] = (uint8_t)(t.ref >> 16);
	p[6] = (uint8_t)(t.ref >> 8);
	p[7] = (uint8_t)t.ref;
}

bool protect_is_none(struct protect_tuple t)
{
	return t.guard == 0xffff && t.app == ESCAPE_APP && t.ref == ESCAPE_REF;
}

bool protect_escapes(const struct protect *r, struct protect_tuple t)
{
	return t.app == ESCAPE_APP && (r->type != 3 || t.ref == ESCAPE_REF);
}

unsigned protect_wrong(const struct protect *r, unsigned fields, uint32_t i, const uint8_t *data,
                       size_t n, struct protect_tuple t)
{
	if ((fields & PROTECT_GUARD) && t.guard != crc16_guard(data, n))
		return PROTECT_GUARD;
	if ((fields & PROTECT_APP) && ((t.app ^ r->app) & r->mask))
		return PROTECT_APP;
	if ((fields & PROTECT_REF) && t.ref != r->ref + r->index + i)
		return PROTECT_REF;
	return 0;
}

struct protect_tuple protect_make(const struct protect *r, lba_t lba, const uint8_t *data, size_t n)
{
	if (r->none)
		return PROTECT_NONE;
	return (struct protect_tuple){
	        .guard = crc16_guard(data, n),
	        .app = r->made,
	        .ref = r->type == 1 ? (uint32_t)lba : ESCAPE_REF,
	};
}

struct protect_tuple protect_repeat(const struct protect *r, uint32_t i, struct protect_tuple t)
{
	if (r->type != 3 && !protect_is_none(t))
		t.ref += r->index + i;
	return t;
}

unsigned protect_differs(const struct protect *r, struct protect_tuple a, struct protect_tuple b)
{
	if ((r->compare & PROTECT_GUARD) && a.guard != b.guard)
		return PROTECT_GUARD;
	if ((r->compare & PROTECT_APP) && a.app != b.app)
		return PROTECT_APP;
	if ((r->compare & PROTECT_REF) && a.ref != b.ref)
		return PROTECT_REF;
	return 0;
}
