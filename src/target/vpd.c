/* SPDX-License-Identifier: BSD-2-Clause */
/* The vital product data pages (SPC-4, 7.8; SBC-3, 6.6). A page is a row of the table at the end.
 */
#include "base/assert.h"
#include "target/copy.h"
#include "target/core.h"

#include <string.h>

#define HEAD_LEN 4

/* 86h, byte 4: SPT (types 1 to 3), GRD_CHK, APP_CHK, REF_CHK. Bytes 5 and 6. */
#define SPT_ALL_CHECKS         0x3f
#define HEADSUP_ORDSUP_SIMPSUP 0x07
#define V_SUP                  0x01 /* a volatile cache */

#define STORE_PAGE   4096 /* what the store's file system handles at once, bytes */
#define NON_ROTATING 0x0001

#define WABEREQ            0x40       /* B1h, byte 7: 01b */
#define WSNZ               0x01       /* B0h, byte 4 */
#define UGAVALID           0x80000000 /* B0h, bytes 32 to 35 */
#define LBPU_LBPWS_LBPWS10 0xe0       /* B2h, byte 5 */
#define LBPRZ              0x04
#define TYPE_THIN          0x02 /* byte 6 */

/* The UUID in hexadecimal: 32 characters. */
static void put_serial(struct wr *w, const struct tgt_lu *lu)
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < UUID_LEN; i++) {
		wr_u8(w, (uint8_t)digits[lu->cfg.uuid[i] >> 4]);
		wr_u8(w, (uint8_t)digits[lu->cfg.uuid[i] & 0x0f]);
	}
}

/* Locally assigned (SPC-4, NAA Locally Assigned designator format): what of a random UUID has
 * nothing but chance in it. */
void tgt_vpd_naa(const struct tgt_lu *lu, uint8_t out[TGT_NAA_LEN])
{
	memcpy(out, lu->cfg.uuid + UUID_LEN - TGT_NAA_LEN, TGT_NAA_LEN);
	out[0] = (uint8_t)(0x30 | (out[0] & 0x0f));
}

/* A UUID designator, an NAA designator and a T10 vendor ID designator (SPC-5, 7.7.6.11), of the
 * logical unit. */
static void put_designators(struct wr *w, const struct tgt_lu *lu)
{
	wr_u8(w, 0x01); /* binary */
	wr_u8(w, 0x0a); /* UUID */
	wr_u8(w, 0);
	wr_u8(w, 2 + UUID_LEN);
	wr_u8(w, 0x10); /* a UUID of RFC 4122 follows */
	wr_u8(w, 0);
	wr_bytes(w, lu->cfg.uuid, UUID_LEN);
	uint8_t naa[TGT_NAA_LEN];
	tgt_vpd_naa(lu, naa);
	wr_u8(w, 0x01); /* binary */
	wr_u8(w, 0x03); /* NAA */
	wr_u8(w, 0);
	wr_u8(w, TGT_NAA_LEN);
	wr_bytes(w, naa, TGT_NAA_LEN);
	wr_u8(w, 0x02); /* ASCII */
	wr_u8(w, 0x01); /* T10 vendor ID */
	wr_u8(w, 0);
	wr_u8(w, 8 + 16 + 32);
	wr_bytes(w, TGT_VENDOR, 8);
	wr_bytes(w, TGT_PRODUCT, 16);
	put_serial(w, lu);
}

/* SPC-4, 7.8.7: protection, the task attributes and the cache; no groups, no priorities. */
static void put_extended(struct wr *w, const struct tgt_lu *lu)
{
	wr_u8(w, lu->cfg.protects ? SPT_ALL_CHECKS : 0);
	wr_u8(w, HEADSUP_ORDSUP_SIMPSUP);
	wr_u8(w, V_SUP);
	wr_zero(w, 57);
}

/* SBC-3, 6.6.3. Zero where a command that the field limits is not there. */
static void put_block_limits(struct wr *w, const struct tgt_lu *lu)
{
	uint32_t size = lu->cfg.block_size;
	wr_u8(w, WSNZ);
	wr_u8(w, UINT8_MAX); /* COMPARE AND WRITE */
	wr_u16(w, (uint16_t)(size < STORE_PAGE ? STORE_PAGE / size : 1));
	/* With its protection information, too, a transfer fits in. */
	wr_u32(w, TGT_TRANSFER_MAX / (size + (lu->protection ? PROTECT_LEN : 0)));
	wr_u32(w, 0); /* no transfer is better than others */
	wr_u32(w, 0); /* PRE-FETCH */
	bool thin = lu->cfg.thin;
	wr_u32(w, thin ? TGT_UNMAP_BLOCKS_MAX : 0);
	wr_u32(w, thin ? TGT_UNMAP_DESCRIPTORS_MAX : 0);
	wr_u32(w, thin && size < STORE_PAGE ? STORE_PAGE / size : thin);
	wr_u32(w, thin ? UGAVALID : 0); /* from block 0 on */
	wr_u64(w, TGT_SAME_BLOCKS_MAX); /* WRITE SAME */
	/* WRITE ATOMIC: from any block on, in any number of them; no boundaries (SBC-4) */
	wr_u32(w, TGT_ATOMIC_MAX / size);
	wr_zero(w, 16);
}

/* SBC-3, 6.6.2. */
static void put_characteristics(struct wr *w, const struct tgt_lu *lu)
{
	(void)lu;
	wr_u16(w, NON_ROTATING);
	wr_u8(w, 0); /* product type: not said */
	/* What a block erase leaves is read; no form factor is said. */
	wr_u8(w, lu->cfg.thin ? WABEREQ : 0);
	wr_zero(w, 56);
}

/* SBC-3, 6.6.4: of a thin provisioned disk, what unmaps, and that unmapped blocks read as zeros. No
 * thresholds, no anchored blocks. A fully provisioned one says nothing. */
static void put_provisioning(struct wr *w, const struct tgt_lu *lu)
{
	(void)lu;
	bool thin = lu->cfg.thin;
	wr_u8(w, 0);
	wr_u8(w, thin ? LBPU_LBPWS_LBPWS10 | LBPRZ : 0);
	wr_u8(w, thin ? TYPE_THIN : 0);
	wr_u8(w, 0);
}

static void put_mirror(struct wr *w, const struct tgt_lu *lu)
{
	uint8_t page[128];
	struct wr whole = wr_init(page, sizeof(page));
	struct vpd_mirror p = {
	        .version = MIRROR_PROTOCOL_VERSION,
	        .silent = true,
	        .broadcast = true,
	        .started = lu->started,
	        .queue_depth = (uint16_t)lu->queue_depth,
	        .max_transfer = TGT_TRANSFER_MAX,
	        .boot = lu->boot,
	};
	memcpy(p.uuid, lu->cfg.uuid, UUID_LEN);
	memcpy(p.name, lu->cfg.name, sizeof(p.name));
	vpd_mirror_put(&whole, &p);
	sm_assert(wr_ok(&whole));
	wr_bytes(w, page + HEAD_LEN, whole.n - HEAD_LEN);
}

/* Pads what was written since `from` to a multiple of 4, and writes its length behind its type. */
static void end_descriptor(struct wr *w, size_t from)
{
	while ((w->n - from) % 4 != 0)
		wr_u8(w, 0);
	wr_at_u16(w, from + 2, (uint16_t)(w->n - from - 4));
}

static size_t begin_descriptor(struct wr *w, uint16_t type)
{
	size_t at = w->n;
	wr_u16(w, type);
	wr_u16(w, 0);
	return at;
}

/* SPC-4, "Third-party Copy VPD page": the commands, the limits of parameter lists, the descriptors,
 * what a copy is limited to. */
static void put_third_party_copy(struct wr *w, const struct tgt_lu *lu)
{
	static const uint8_t commands[] = {0x83, 1, 0x00, 0x84, 3, 0x00, 0x03, 0x04};
	(void)lu;
	size_t at = begin_descriptor(w, 0x0001);
	wr_u8(w, sizeof(commands));
	wr_bytes(w, commands, sizeof(commands));
	end_descriptor(w, at);
	at = begin_descriptor(w, 0x0004);
	wr_zero(w, 4);
	wr_u16(w, COPY_CSCDS_MAX);
	wr_u16(w, COPY_SEGMENTS);
	wr_u32(w, COPY_LISTS_MAX);
	wr_u32(w, 0); /* inline data */
	wr_zero(w, 12);
	end_descriptor(w, at);
	at = begin_descriptor(w, 0x0008);
	wr_u8(w, 2);
	wr_u8(w, COPY_SEGMENT_BLOCKS);
	wr_u8(w, COPY_CSCD_IDENT);
	end_descriptor(w, at);
	at = begin_descriptor(w, 0x8001);
	wr_u32(w, 1); /* copies at once */
	wr_u32(w, 1); /* of them with a list identifier */
	wr_u32(w, COPY_SEGMENT_BYTES_MAX);
	wr_u8(w, 9); /* in units of 2^9 bytes */
	wr_u8(w, 0);
	wr_zero(w, 18);
	end_descriptor(w, at);
}

static void put_supported(struct wr *w, const struct tgt_lu *lu);

/* Ascending by code (SPC-4, 7.8.14); put writes what follows the header. */
static const struct vpd_page {
	uint8_t code;
	void (*put)(struct wr *w, const struct tgt_lu *lu);
} pages[] = {
        {0x00, put_supported},       {0x80, put_serial},           {0x83, put_designators},
        {0x86, put_extended},        {0x8f, put_third_party_copy}, {0xb0, put_block_limits},
        {0xb1, put_characteristics}, {0xb2, put_provisioning},     {VPD_MIRROR_PAGE, put_mirror},
};

static void put_supported(struct wr *w, const struct tgt_lu *lu)
{
	(void)lu;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		wr_u8(w, pages[i].code);
}

static const struct vpd_page *find(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (pages[i].code == code)
			return &pages[i];
	return NULL;
}

bool tgt_vpd_known(uint8_t code)
{
	return find(code) != NULL;
}

void tgt_vpd_put(const struct tgt_lu *lu, uint8_t code, struct wr *w)
{
	const struct vpd_page *page = find(code);
	sm_assert(page && w->n == 0);
	wr_u8(w, 0); /* a disk, connected */
	wr_u8(w, code);
	wr_u16(w, 0); /* the length, below */
	page->put(w, lu);
	wr_at_u16(w, 2, (uint16_t)(w->n - HEAD_LEN));
}
