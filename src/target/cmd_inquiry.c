/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY (SPC-4, 6.6). The vital product data pages are in vpd.c. */
#include "target/core.h"

#define REVISION "0001"

#define EVPD             0x01
#define QUALIFIER_NONE   0x7f /* 011b: nothing is or can be at this LUN; type 1Fh */
#define VERSION_SPC4     0x06
#define FORMAT           0x32 /* NORMACA, HISUP, response data format 2 */
#define STANDARD_LEN     96
#define THIRD_PARTY_COPY 0x08 /* byte 5: 3PC */
#define PROTECT          0x01 /* byte 5 */
#define ADDR16           0x01 /* byte 6 */
#define WBUS16_SYNC_CMDQ 0x32 /* byte 7 */
#define CLOCKING_ST_DT   0x0c /* byte 56: ST and DT */
#define QAS              0x02
#define IUS              0x01

/* SPC-4, table 142: each without a version claimed; in the order that 6.6.2 recommends. */
static const uint16_t standards[] = {
        0x00a0, /* SAM-5 */
        0x0b60, /* SPI-5 */
        0x0460, /* SPC-4 */
        0x04c0, /* SBC-3 */
};

bool tgt_cmd_accept_inquiry(struct tgt *t, struct task *k)
{
	(void)t;
	bool evpd = k->cdb.byte1 & EVPD;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, EVPD))
		return false;
	if (!evpd)
		return k->cdb.page != 0 ? tgt_cdb_field_bad(k, 2, 0xff) : true;
	if (!k->lu->present || !tgt_vpd_known(k->cdb.page))
		return tgt_cdb_field_bad(k, 2, 0xff);
	return true;
}

/* SPC-4, INQUIRY: what of the parallel bus's options is there. */
static uint8_t transfers(struct xfer x)
{
	unsigned options =
	        (x.options & XFER_QAS_REQ ? QAS : 0U) | (x.options & XFER_IU_REQ ? IUS : 0U);
	return (uint8_t)(CLOCKING_ST_DT | options);
}

static void put_standard(struct wr *w, const struct tgt_lu *lu, struct xfer x)
{
	wr_u8(w, lu->present ? 0 : QUALIFIER_NONE);
	wr_u8(w, 0); /* not removable */
	wr_u8(w, VERSION_SPC4);
	wr_u8(w, FORMAT);
	wr_u8(w, STANDARD_LEN - 5);
	wr_u8(w, THIRD_PARTY_COPY | (lu->cfg.protects ? PROTECT : 0));
	wr_u8(w, ADDR16);
	wr_u8(w, WBUS16_SYNC_CMDQ);
	wr_bytes(w, TGT_VENDOR, 8);
	wr_bytes(w, TGT_PRODUCT, 16);
	wr_bytes(w, REVISION, 4);
	wr_zero(w, 20);
	wr_u8(w, transfers(x));
	wr_u8(w, 0);
	for (size_t i = 0; i < ARRAY_LEN(standards); i++)
		wr_u16(w, standards[i]);
	wr_zero(w, STANDARD_LEN - w->n);
}

bool tgt_cmd_run_inquiry(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	if (k->cdb.byte1 & EVPD)
		tgt_vpd_put(k->lu, k->cdb.page, &w);
	else
		put_standard(&w, k->lu, t->cfg.xfer);
	tgt_cmd_reply(t, k, &w);
	return false;
}
