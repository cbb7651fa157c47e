/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/protected.h"

#include "base/crc.h"
#include "target/mode.h"

#include "unit/checks.h"
#include <stdio.h>
#include <string.h>

struct disk *protected_disk(uint8_t type, struct mode_bits bits)
{
	uint8_t saved[TGT_SAVED_MAX];
	struct tgt_config c = disk_config();
	struct modes m;
	struct wr w = wr_init(saved, sizeof(saved));
	modes_init(&m);
	m.saved.ato = bits.ato;
	m.saved.dpicz = bits.dpicz;
	m.saved.rwwp = bits.rwwp;
	modes_saved_put(&m.saved, &w);
	c.lu.protects = true;
	c.lu.thin = true;
	c.lu.saved = (struct span){saved, tgt_saved_protection(type, saved, w.n)};
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	return d;
}

uint8_t protected_byte(lba_t lba, size_t i)
{
	return (uint8_t)(lba * 31 + i * 7 + 1);
}

void protected_fill(uint8_t *p, lba_t lba)
{
	for (size_t i = 0; i < BS; i++)
		p[i] = protected_byte(lba, i);
}

struct protect_tuple protected_right(uint8_t type, lba_t lba, const uint8_t *p)
{
	return (struct protect_tuple){
	        .guard = crc16_guard(p, BS),
	        .app = APP,
	        .ref = type == 1   ? (uint32_t)lba
	               : type == 2 ? REF2 + (uint32_t)(lba - LBA)
	                           : 0xabcdef01,
	};
}

struct protect_tuple protected_tuple(const struct disk *d, lba_t lba)
{
	return protect_get(d->tuples + lba * PROTECT_LEN);
}

void protected_put(struct disk *d, uint8_t type)
{
	for (lba_t lba = LBA; lba < LBA + 2; lba++) {
		protected_fill(d->media + lba * BS, lba);
		d->mapped[lba] = true;
		protect_put(d->tuples + lba * PROTECT_LEN,
		            protected_right(type, lba, d->media + lba * BS));
	}
}

struct protect_tuple protected_spoil(struct protect_tuple t, uint8_t type, char what)
{
	if (what == 'g' || what == '*')
		t.guard ^= 0x0100;
	if (what == 'a')
		t.app ^= 0x0010;
	if (what == 'r')
		t.ref ^= 0x01000000;
	if (what == '*') {
		t.app = 0xffff;
		t.ref = type == 3 ? 0xffffffff : t.ref;
	}
	return t;
}

const char *protected_command(struct disk *d, const struct scsi_cdb *c, const uint8_t *data,
                              size_t n)
{
	static char words[40000];
	uint8_t raw[SCSI_CDB_MAX];
	size_t len = scsi_cdb_put(c, raw);
	size_t at = (size_t)snprintf(words, sizeof(words), "t=500 want sel msg=80 cmd=");
	for (size_t i = 0; i < len; i++)
		at += (size_t)snprintf(words + at, sizeof(words) - at, "%02x", raw[i]);
	if (n > 0)
		at += (size_t)snprintf(words + at, sizeof(words) - at, " out=x");
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(words + at, sizeof(words) - at, "%02x", data[i]);
	return disk_burst(d, words);
}

void protected_is(const struct disk *d, lba_t lba, unsigned guard, unsigned app, unsigned ref)
{
	struct protect_tuple t = protected_tuple(d, lba);
	ck_assert_msg(t.guard == guard && t.app == app && t.ref == ref,
	              "block %u: %04x.%04x.%08x, not %04x.%04x.%08x", (unsigned)lba, t.guard, t.app,
	              t.ref, guard, app, ref);
}
