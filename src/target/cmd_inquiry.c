/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY (SPC-4, 6.6) and the vital product data pages (SPC-4, 7.8). */
#include "target/core.h"

#include <string.h>

#define VENDOR   "SMIRROR "
#define PRODUCT  "EMULATED DISK   "
#define REVISION "0001"

#define EVPD             0x01
#define QUALIFIER_NONE   0x7f /* 011b: nothing is or can be at this LUN; type 1Fh */
#define VERSION_SPC4     0x06
#define FORMAT_HISUP     0x12 /* response data format 2, HISUP */
#define STANDARD_LEN     96
#define ADDR16           0x01 /* byte 6 */
#define WBUS16_SYNC_CMDQ 0x32 /* byte 7 */
#define CLOCKING_ST_DT   0x0c /* byte 56: ST and DT; no QAS, no IUS */

#define VPD_SUPPORTED 0x00
#define VPD_SERIAL    0x80
#define VPD_DEVICE_ID 0x83

/* SPC-4, table 142: each without a version claimed. */
static const uint16_t standards[] = {
        0x00a0, /* SAM-5 */
        0x0460, /* SPC-4 */
        0x04c0, /* SBC-3 */
        0x0b40, /* SPI-4 */
};

bool tgt_cmd_accept_inquiry(struct tgt *t, struct task *k)
{
	(void)t;
	bool evpd = k->cdb.byte1 & EVPD;
	if (k->cdb.byte1 & ~EVPD)
		return tgt_cdb_field_bad(k, 1, k->cdb.byte1 & 0x02 ? 1 : 0xff); /* CMDDT */
	if (!evpd && k->cdb.page != 0)
		return tgt_cdb_field_bad(k, 2, 0xff);
	bool known = k->cdb.page == VPD_SUPPORTED || k->cdb.page == VPD_SERIAL ||
	             k->cdb.page == VPD_DEVICE_ID || k->cdb.page == VPD_MIRROR_PAGE;
	if (evpd && (!known || k->lun != 0))
		return tgt_cdb_field_bad(k, 2, 0xff);
	return true;
}

static void put_standard(struct wr *w, bool present)
{
	wr_u8(w, present ? 0 : QUALIFIER_NONE);
	wr_u8(w, 0); /* not removable */
	wr_u8(w, VERSION_SPC4);
	wr_u8(w, FORMAT_HISUP);
	wr_u8(w, STANDARD_LEN - 5);
	wr_u8(w, 0);
	wr_u8(w, ADDR16);
	wr_u8(w, WBUS16_SYNC_CMDQ);
	wr_bytes(w, VENDOR, 8);
	wr_bytes(w, PRODUCT, 16);
	wr_bytes(w, REVISION, 4);
	wr_zero(w, 20);
	wr_u8(w, CLOCKING_ST_DT);
	wr_u8(w, 0);
	for (size_t i = 0; i < ARRAY_LEN(standards); i++)
		wr_u16(w, standards[i]);
	wr_zero(w, STANDARD_LEN - w->n);
}

/* The UUID in hexadecimal: 32 characters. */
static void put_serial(struct wr *w, const uint8_t uuid[UUID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < UUID_LEN; i++) {
		wr_u8(w, (uint8_t)digits[uuid[i] >> 4]);
		wr_u8(w, (uint8_t)digits[uuid[i] & 0x0f]);
	}
}

/* VPD 83h: a T10 vendor ID designator and a UUID designator (SPC-5, 7.7.6.11), of the logical
 * unit. */
static void put_designators(struct wr *w, const uint8_t uuid[UUID_LEN])
{
	wr_u8(w, 0x01); /* binary */
	wr_u8(w, 0x0a); /* UUID */
	wr_u8(w, 0);
	wr_u8(w, 2 + UUID_LEN);
	wr_u8(w, 0x10); /* a UUID of RFC 4122 follows */
	wr_u8(w, 0);
	wr_bytes(w, uuid, UUID_LEN);
	wr_u8(w, 0x02); /* ASCII */
	wr_u8(w, 0x01); /* T10 vendor ID */
	wr_u8(w, 0);
	wr_u8(w, 8 + 16 + 32);
	wr_bytes(w, VENDOR, 8);
	wr_bytes(w, PRODUCT, 16);
	put_serial(w, uuid);
}

static void put_mirror(struct wr *w, const struct tgt *t)
{
	struct vpd_mirror p = {
	        .version = MIRROR_PROTOCOL_VERSION,
	        .silent = true,
	        .broadcast = true,
	        .queue_depth = (uint16_t)t->cfg.queue_depth,
	        .max_transfer = TGT_TRANSFER_MAX,
	};
	memcpy(p.uuid, t->cfg.uuid, UUID_LEN);
	memcpy(p.name, t->cfg.name, sizeof(p.name));
	vpd_mirror_put(w, &p);
}

static void put_page(struct wr *w, const struct tgt *t, uint8_t page)
{
	static const uint8_t pages[] = {VPD_SUPPORTED, VPD_SERIAL, VPD_DEVICE_ID, VPD_MIRROR_PAGE};
	if (page == VPD_MIRROR_PAGE) {
		put_mirror(w, t);
		return;
	}
	wr_u8(w, 0);
	wr_u8(w, page);
	wr_u16(w, 0); /* the length, below */
	if (page == VPD_SUPPORTED)
		wr_bytes(w, pages, sizeof(pages));
	else if (page == VPD_SERIAL)
		put_serial(w, t->cfg.uuid);
	else
		put_designators(w, t->cfg.uuid);
	wr_at_u16(w, 2, (uint16_t)(w->n - 4));
}

bool tgt_cmd_run_inquiry(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	if (k->cdb.byte1 & EVPD)
		put_page(&w, t, k->cdb.page);
	else
		put_standard(&w, k->lun == 0);
	tgt_cmd_reply(t, k, &w);
	return false;
}
