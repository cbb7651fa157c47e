/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/cdb.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

/* What stands in byte 1 of a CDB, bit by bit. Bits that a layout does not name go to byte1. */
#define B1_LBA     0x1f /* bits 20-16 of a 21-bit LBA */
#define B1_ACTION  0x1f /* service action */
#define B1_PROTECT 0xe0
#define B1_DPO     0x10
#define B1_FUA     0x08
#define B1_BYTCHK  0x06
#define B1_NDOB    0x01

/* SBC-3, grouping function. No groups are kept (GROUP_SUP of VPD page 86h): a number is ignored. */
#define GROUP_NUMBER 0x1f

/* CDBs of variable length (SPC-4, 4.2.3): control byte in byte 1, length in byte 7, service action
 * in bytes 8 and 9; what the others have in byte 1 is in byte 10 of those that we know. */
#define V_CONTROL   1
#define V_GROUP     6
#define V_LENGTH    7
#define V_ACTION    8
#define V_FLAGS     10
#define V_LENGTH_OF 8 /* bytes that the length does not count */
#define V_HEAD_LEN  11

#define PROTECT_SHIFT 5
#define BYTCHK_SHIFT  1

/* A big-endian number in a CDB. Byte 0 is the opcode, so at = 0 says that there is none. */
struct field {
	uint8_t at, width;
};

/* Where the fields of struct scsi_cdb stand. */
struct layout {
	uint8_t byte1; /* B1_*: the bits that are decoded to fields of their own */
	struct field lba, blocks, alloc;
	struct field page, subpage, selector, byte4;
	uint8_t fixed;       /* bytes of data where the CDB has no length */
	bool zero_is_256;    /* the 6-byte reads and writes */
	bool one_block_at_3; /* BYTCHK=3: one block is compared with all */
	bool none_at_0;      /* BYTCHK=0: no data */
	bool same;           /* one block for all; NDOB: no data */
	bool twice;          /* the blocks to compare and the blocks to write */
	bool variable;       /* of variable length */
	struct field ref, app, app_mask;
	uint8_t group; /* byte with the GROUP NUMBER (bits 4-0), which is ignored; 0: none */
};

enum layout_id {
	L_NONE,
	L_CAPACITY10,
	L_CAPACITY16,
	L_ALLOC6,
	L_ALLOC10,
	L_ALLOC12,
	L_ALLOC16,
	L_PARAM6,
	L_PARAM10,
	L_PAGE6,
	L_PAGE10,
	L_SELECT12,
	L_INQUIRY,
	L_START6,
	L_PREVENT6,
	L_DEFECTS10,
	L_DEFECTS12,
	L_BUFFER10,
	L_DIAG6,
	L_RW6,
	L_RW10,
	L_RW12,
	L_RW16,
	L_VERIFY10,
	L_VERIFY12,
	L_VERIFY16,
	L_WRVER10,
	L_WRVER12,
	L_WRVER16,
	L_SAME10,
	L_SAME16,
	L_FORMAT6,
	L_SANITIZE10,
	L_UNMAP10,
	L_ATOMIC16,
	L_MATCH16,
	L_RANGE10,
	L_RANGE16,
	L_SAI16,
	L_REPORT12,
	L_ACTION12,
	L_SETLOG10,
	L_LOG10,
	L_ACTION10,
	L_PR_OUT10,
	L_COPY_OUT16,
	L_COPY_IN16,
	L_RW32,
	L_VERIFY32,
	L_WRVER32,
	L_SAME32,
};

#define RW_BYTE1     (B1_PROTECT | B1_DPO | B1_FUA)
#define VERIFY_BYTE1 (B1_PROTECT | B1_DPO | B1_BYTCHK)
/* SBC-3, READ(32) and the like. */
#define V_FIELDS                                                                                   \
	.variable = true, .group = V_GROUP, .lba = {12, 8}, .ref = {20, 4}, .app = {24, 2},        \
	.app_mask = {26, 2}, .blocks = {28, 4}

static const struct layout layouts[] = {
        [L_NONE] = {0},
        [L_CAPACITY10] = {.lba = {2, 4}, .byte4 = {8, 1}, .fixed = 8},
        [L_CAPACITY16] = {.byte1 = B1_ACTION, .lba = {2, 8}, .alloc = {10, 4}, .byte4 = {14, 1}},
        [L_ALLOC6] = {.alloc = {4, 1}},
        [L_ALLOC10] = {.alloc = {7, 2}},
        [L_ALLOC12] = {.alloc = {6, 4}},
        [L_ALLOC16] = {.alloc = {10, 4}},
        [L_PARAM6] = {.alloc = {4, 1}},
        [L_PARAM10] = {.alloc = {7, 2}},
        [L_PAGE6] = {.page = {2, 1}, .subpage = {3, 1}, .alloc = {4, 1}},
        [L_PAGE10] = {.page = {2, 1}, .subpage = {3, 1}, .alloc = {7, 2}},
        [L_SELECT12] = {.page = {2, 1}, .alloc = {6, 4}},
        [L_INQUIRY] = {.page = {2, 1}, .alloc = {3, 2}},
        [L_START6] = {.byte4 = {4, 1}},
        [L_PREVENT6] = {.byte4 = {4, 1}},
        [L_DEFECTS10] = {.page = {2, 1}, .alloc = {7, 2}},
        [L_DEFECTS12] = {.lba = {2, 4}, .alloc = {6, 4}},
        [L_BUFFER10] = {.page = {2, 1}, .lba = {3, 3}, .alloc = {6, 3}},
        [L_DIAG6] = {.alloc = {3, 2}},
        [L_RW6] = {.byte1 = B1_LBA, .lba = {1, 3}, .blocks = {4, 1}, .zero_is_256 = true},
        [L_RW10] = {.byte1 = RW_BYTE1, .lba = {2, 4}, .group = 6, .blocks = {7, 2}},
        [L_RW12] = {.byte1 = RW_BYTE1, .lba = {2, 4}, .group = 10, .blocks = {6, 4}},
        [L_RW16] = {.byte1 = RW_BYTE1, .lba = {2, 8}, .group = 14, .blocks = {10, 4}},
        [L_VERIFY10] = {.byte1 = VERIFY_BYTE1,
                        .lba = {2, 4},
                        .group = 6,
                        .blocks = {7, 2},
                        .none_at_0 = true,
                        .one_block_at_3 = true},
        [L_VERIFY12] = {.byte1 = VERIFY_BYTE1,
                        .lba = {2, 4},
                        .group = 10,
                        .blocks = {6, 4},
                        .none_at_0 = true,
                        .one_block_at_3 = true},
        [L_VERIFY16] = {.byte1 = VERIFY_BYTE1,
                        .lba = {2, 8},
                        .group = 14,
                        .blocks = {10, 4},
                        .none_at_0 = true,
                        .one_block_at_3 = true},
        [L_WRVER10] = {.byte1 = VERIFY_BYTE1, .lba = {2, 4}, .group = 6, .blocks = {7, 2}},
        [L_WRVER12] = {.byte1 = VERIFY_BYTE1, .lba = {2, 4}, .group = 10, .blocks = {6, 4}},
        [L_WRVER16] = {.byte1 = VERIFY_BYTE1, .lba = {2, 8}, .group = 14, .blocks = {10, 4}},
        [L_SAME10] =
                {.byte1 = B1_PROTECT, .lba = {2, 4}, .group = 6, .blocks = {7, 2}, .same = true},
        [L_SAME16] =
                {.byte1 = B1_PROTECT, .lba = {2, 8}, .group = 14, .blocks = {10, 4}, .same = true},
        [L_ATOMIC16] = {.byte1 = RW_BYTE1,
                        .lba = {2, 8},
                        .group = 14,
                        .selector = {10, 2},
                        .blocks = {12, 2}},
        [L_FORMAT6] = {0},
        [L_SANITIZE10] = {.byte1 = B1_ACTION, .alloc = {7, 2}},
        [L_UNMAP10] = {.alloc = {7, 2}, .group = 6},
        [L_MATCH16] =
                {.byte1 = RW_BYTE1, .lba = {2, 8}, .group = 14, .blocks = {13, 1}, .twice = true},
        [L_RANGE10] = {.lba = {2, 4}, .group = 6, .blocks = {7, 2}},
        [L_RANGE16] = {.lba = {2, 8}, .group = 14, .blocks = {10, 4}},
        [L_SAI16] = {.byte1 = B1_ACTION, .lba = {2, 8}, .alloc = {10, 4}},
        [L_REPORT12] = {.byte1 = B1_ACTION,
                        .page = {2, 1},
                        .subpage = {3, 1},
                        .selector = {4, 2},
                        .alloc = {6, 4}},
        [L_ACTION12] = {.byte1 = B1_ACTION, .page = {2, 1}, .alloc = {6, 4}},
        [L_SETLOG10] = {.page = {2, 1}, .subpage = {3, 1}, .alloc = {7, 2}},
        [L_LOG10] = {.page = {2, 1}, .subpage = {3, 1}, .selector = {5, 2}, .alloc = {7, 2}},
        [L_ACTION10] = {.byte1 = B1_ACTION, .alloc = {7, 2}},
        [L_PR_OUT10] = {.byte1 = B1_ACTION, .page = {2, 1}, .alloc = {5, 4}},
        [L_COPY_OUT16] = {.byte1 = B1_ACTION, .alloc = {10, 4}},
        [L_COPY_IN16] = {.byte1 = B1_ACTION, .page = {2, 1}, .alloc = {10, 4}},
        [L_RW32] = {.byte1 = RW_BYTE1, V_FIELDS},
        [L_VERIFY32] = {.byte1 = VERIFY_BYTE1, V_FIELDS, .none_at_0 = true, .one_block_at_3 = true},
        [L_WRVER32] = {.byte1 = VERIFY_BYTE1, V_FIELDS},
        [L_SAME32] = {.byte1 = B1_PROTECT, V_FIELDS, .same = true},
};

/* Bits that mean something in the bytes that a handler gets as they are: of byte 1, those that the
 * layout does not decode; of the others, all where there is no row. */
static const struct {
	uint8_t byte1, page, byte4;
} meanings[] = {
        [L_CAPACITY10] = {.byte4 = 0x01}, /* PMI */
        [L_CAPACITY16] = {.byte4 = 0x01},
        [L_ALLOC6] = {.byte1 = 0x01},  /* DESC */
        [L_PARAM6] = {.byte1 = 0x11},  /* PF, SP */
        [L_PARAM10] = {.byte1 = 0x11}, /* PF, SP */
        [L_PAGE6] = {.byte1 = 0x08},   /* DBD */
        [L_PAGE10] = {.byte1 = 0x18},  /* LLBAA, DBD */
        [L_INQUIRY] = {.byte1 = 0x01}, /* EVPD */
        [L_START6] = {.byte1 = 0x01,
                      .byte4 = 0xf7}, /* IMMED; POWER CONDITION, NO_FLUSH, LOEJ, START */
        [L_PREVENT6] = {.byte4 = 0x01},
        [L_DEFECTS10] = {.page = 0x1f},
        [L_DEFECTS12] = {.byte1 = 0x1f},
        [L_BUFFER10] = {.byte1 = 0x1f},
        [L_DIAG6] = {.byte1 = 0xf7},
        /* FMTPINFO, LONGLIST, FMTDATA, CMPLST, DEFECT LIST FORMAT */
        [L_FORMAT6] = {.byte1 = 0xff},
        [L_SANITIZE10] = {.byte1 = 0xa0}, /* IMMED, AUSE */
        [L_SAME10] = {.byte1 = 0x08},     /* UNMAP */
        [L_SAME16] = {.byte1 = 0x09},     /* UNMAP, NDOB */
        [L_RANGE10] = {.byte1 = 0x02},    /* IMMED */
        [L_RANGE16] = {.byte1 = 0x02},    /* IMMED */
        [L_REPORT12] = {.page = 0x87},    /* RCTD, REPORTING OPTIONS */
        [L_ACTION12] = {.page = 0x80},    /* REPD */
        [L_SETLOG10] = {.byte1 = 0x03},   /* PCR, SP */
        [L_LOG10] = {.byte1 = 0x01},      /* SP */
        [L_SAME32] = {.byte1 = 0x09},     /* UNMAP, NDOB */
};

static const struct scsi_op_info infos[OP_COUNT] = {
#define SCSI_OP(sym, code, sa, len, name_, layout, dir_, changes_)                                 \
	[OP_##sym] = {.op = OP_##sym,                                                              \
	              .opcode = (code),                                                            \
	              .service_action = (sa),                                                      \
	              .cdb_len = (len),                                                            \
	              .name = (name_),                                                             \
	              .dir = (dir_),                                                               \
	              .changes = (changes_)},
#include "scsi/opcodes.def"
#undef SCSI_OP
};

static const uint8_t op_layouts[OP_COUNT] = {
#define SCSI_OP(sym, code, sa, len, name, layout, dir, changes) [OP_##sym] = (layout),
#include "scsi/opcodes.def"
#undef SCSI_OP
};

const struct scsi_op_info *scsi_op_info(enum scsi_op op)
{
	return (unsigned)op < OP_COUNT ? &infos[op] : NULL;
}

unsigned scsi_cdb_len(struct span cdb)
{
	/* Of group 3 the variable length CDBs (7Fh) are known, 6 and 7 are vendor specific. */
	static const uint8_t by_group[8] = {6, 10, 10, 0, 16, 12, 0, 0};
	if (cdb.p[0] != SCSI_OP_VARIABLE)
		return by_group[cdb.p[0] >> 5];
	return cdb.n > V_LENGTH ? (unsigned)cdb.p[V_LENGTH] + V_LENGTH_OF : 0;
}

unsigned scsi_cdb_control_at(struct span cdb)
{
	return cdb.p[0] == SCSI_OP_VARIABLE ? V_CONTROL : scsi_cdb_len(cdb) - 1;
}

/* The first row of the opcode, or of what comes after it: the table is in the order of opcodes. */
static size_t first_of(uint8_t opcode)
{
	size_t low = 0, high = OP_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (infos[middle].opcode < opcode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool scsi_opcode_has_actions(uint8_t opcode)
{
	size_t i = first_of(opcode);

	return i < OP_COUNT && infos[i].opcode == opcode && infos[i].service_action >= 0;
}

/* -1: too short to have one. */
static int action_of(struct span cdb)
{
	if (cdb.p[0] != SCSI_OP_VARIABLE)
		return cdb.n > 1 ? cdb.p[1] & B1_ACTION : -1;
	bool whole = cdb.n >= V_HEAD_LEN && scsi_cdb_len(cdb) == SCSI_CDB_MAX;
	return whole ? cdb.p[V_ACTION] << 8 | cdb.p[V_ACTION + 1] : -1;
}

/* The operation by opcode and service action; cdb holds at least one byte. */
static enum scsi_op op_of(struct span cdb)
{
	int action = action_of(cdb);
	for (size_t i = first_of(cdb.p[0]); i < OP_COUNT && infos[i].opcode == cdb.p[0]; i++)
		if (infos[i].service_action < 0 || infos[i].service_action == action)
			return infos[i].op;
	return OP_UNKNOWN;
}

static uint64_t field_get(const uint8_t *cdb, struct field f)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < f.width; i++)
		v = v << 8 | cdb[f.at + i];
	return v;
}

/* Adds to what is there: byte 1 is shared. A value without a place is our own bug. */
static void field_put(uint8_t *cdb, struct field f, uint64_t v)
{
	for (unsigned i = f.width; i > 0; i--) {
		cdb[f.at + i - 1] |= (uint8_t)v;
		v >>= 8;
	}
	sm_assert(v == 0);
}

/* An LBA that begins in byte 1 has 5 bits of it. */
static uint64_t lba_mask(const struct layout *l)
{
	return l->lba.at == 1 ? (1U << 21) - 1 : UINT64_MAX;
}

static void byte1_get(uint8_t b, const struct layout *l, struct scsi_cdb *c)
{
	c->byte1 = (uint8_t)(b & ~l->byte1);
	/* One bit of a flag's mask says whether the layout has it: LBA and action overlap them. */
	if ((l->byte1 & B1_PROTECT) == B1_PROTECT) {
		c->wrprotect = b >> PROTECT_SHIFT;
		c->dpo = b & l->byte1 & B1_DPO;
		c->fua = b & l->byte1 & B1_FUA;
		c->bytchk = (uint8_t)((b & l->byte1 & B1_BYTCHK) >> BYTCHK_SHIFT);
	}
}

/* From byte 2 on: what no field of the layout covers, the first byte that is not 0 there. */
static void reserved_get(const uint8_t *cdb, const struct layout *l, struct scsi_cdb *c)
{
	const struct field fields[] = {l->lba,      l->blocks, l->alloc, l->page, l->subpage,
	                               l->selector, l->byte4,  l->ref,   l->app,  l->app_mask};
	uint64_t covered = UINT64_C(0x3) | UINT64_C(1) << c->control_at;
	if (l->variable)
		covered |= UINT64_C(0xf) << V_LENGTH; /* length, service action, flags */
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		covered |= ((UINT64_C(1) << fields[i].width) - 1) << fields[i].at;
	for (uint64_t open = ~covered & ((UINT64_C(1) << c->len) - 1); open; open &= open - 1) {
		unsigned at = (unsigned)__builtin_ctzll(open);
		uint8_t bits = cdb[at];
		if (at == l->group)
			bits &= 0xff & ~GROUP_NUMBER;
		if (bits != 0) {
			c->reserved_at = (uint8_t)at;
			c->reserved = bits;
			return;
		}
	}
}

bool scsi_cdb_get(struct span cdb, struct scsi_cdb *out)
{
	if (cdb.n == 0 || cdb.n > SCSI_CDB_MAX)
		return false;
	unsigned len = scsi_cdb_len(cdb);
	if (cdb.n < len || (len == 0 && cdb.p[0] == SCSI_OP_VARIABLE))
		return false;
	struct scsi_cdb c = {.op = op_of(cdb), .opcode = cdb.p[0], .len = (uint8_t)len};
	if (len > 0) {
		c.control_at = (uint8_t)scsi_cdb_control_at(cdb);
		c.control = cdb.p[c.control_at];
	}
	if (c.op != OP_UNKNOWN) {
		const struct layout *l = &layouts[op_layouts[c.op]];
		c.flags_at = l->variable ? V_FLAGS : 1;
		c.lba_at = l->lba.at;
		c.blocks_at = l->blocks.at;
		byte1_get(cdb.p[c.flags_at], l, &c);
		reserved_get(cdb.p, l, &c);
		c.lba = field_get(cdb.p, l->lba) & lba_mask(l);
		c.blocks = (uint32_t)field_get(cdb.p, l->blocks);
		if (l->zero_is_256 && c.blocks == 0)
			c.blocks = 256;
		c.alloc = l->fixed ? l->fixed : (uint32_t)field_get(cdb.p, l->alloc);
		c.page = (uint8_t)field_get(cdb.p, l->page);
		c.subpage = (uint8_t)field_get(cdb.p, l->subpage);
		c.selector = (uint16_t)field_get(cdb.p, l->selector);
		c.byte4 = (uint8_t)field_get(cdb.p, l->byte4);
		c.ref = (uint32_t)field_get(cdb.p, l->ref);
		c.app = (uint16_t)field_get(cdb.p, l->app);
		c.app_mask = (uint16_t)field_get(cdb.p, l->app_mask);
	}
	*out = c;
	return true;
}

static uint8_t byte1_put(const struct scsi_cdb *c, const struct layout *l, int action)
{
	unsigned named = (unsigned)c->wrprotect << PROTECT_SHIFT | (c->dpo ? B1_DPO : 0U) |
	                 (c->fua ? B1_FUA : 0U) | (unsigned)c->bytchk << BYTCHK_SHIFT;
	bool flags = (l->byte1 & B1_PROTECT) == B1_PROTECT;
	sm_assert(c->bytchk <= B1_BYTCHK >> BYTCHK_SHIFT);
	sm_assert((named & ~(flags ? l->byte1 : 0U)) == 0);
	sm_assert((c->byte1 & l->byte1) == 0);
	return (uint8_t)(c->byte1 | named | (action >= 0 ? (unsigned)action : 0U));
}

/* All zeros but for what says which command it is, and the byte with the flags. */
static void begin_put(uint8_t *out, const struct scsi_op_info *info, const struct layout *l,
                      uint8_t flags)
{
	memset(out, 0, info->cdb_len);
	out[0] = info->opcode;
	out[l->variable ? V_FLAGS : 1] = flags;
	if (!l->variable)
		return;
	out[V_LENGTH] = (uint8_t)(info->cdb_len - V_LENGTH_OF);
	out[V_ACTION] = (uint8_t)(info->service_action >> 8);
	out[V_ACTION + 1] = (uint8_t)info->service_action;
}

size_t scsi_cdb_put(const struct scsi_cdb *c, uint8_t *out)
{
	const struct scsi_op_info *info = scsi_op_info(c->op);
	sm_assert(info);
	const struct layout *l = &layouts[op_layouts[c->op]];
	begin_put(out, info, l, byte1_put(c, l, l->variable ? -1 : info->service_action));
	sm_assert((c->lba & ~lba_mask(l)) == 0);
	field_put(out, l->lba, c->lba);
	sm_assert(!l->zero_is_256 || (c->blocks >= 1 && c->blocks <= 256));
	field_put(out, l->blocks, l->zero_is_256 ? c->blocks % 256 : c->blocks);
	field_put(out, l->alloc, c->alloc == l->fixed ? 0 : c->alloc);
	field_put(out, l->page, c->page);
	field_put(out, l->subpage, c->subpage);
	field_put(out, l->selector, c->selector);
	field_put(out, l->byte4, c->byte4);
	field_put(out, l->ref, c->ref);
	field_put(out, l->app, c->app);
	field_put(out, l->app_mask, c->app_mask);
	out[l->variable ? V_CONTROL : info->cdb_len - 1] = c->control;
	return info->cdb_len;
}

static uint64_t ones(struct field f)
{
	return f.width < 8 ? (UINT64_C(1) << 8 * f.width) - 1 : UINT64_MAX;
}

size_t scsi_cdb_usage(enum scsi_op op, uint8_t *out)
{
	const struct scsi_op_info *info = scsi_op_info(op);
	sm_assert(info);
	unsigned id = op_layouts[op];
	const struct layout *l = &layouts[id];
	uint8_t page = 0, byte4 = 0, byte1 = l->byte1;
	if (id < ARRAY_LEN(meanings)) {
		page = meanings[id].page;
		byte4 = meanings[id].byte4;
		byte1 |= meanings[id].byte1;
	}
	if (info->service_action >= 0 && !l->variable)
		byte1 = (uint8_t)((byte1 & ~B1_ACTION) | info->service_action);
	begin_put(out, info, l, byte1);
	field_put(out, l->lba, ones(l->lba) & lba_mask(l));
	field_put(out, l->blocks, ones(l->blocks));
	field_put(out, l->alloc, ones(l->alloc));
	field_put(out, l->page, page ? page & ones(l->page) : ones(l->page));
	field_put(out, l->subpage, ones(l->subpage));
	field_put(out, l->selector, ones(l->selector));
	field_put(out, l->byte4, byte4 ? byte4 & ones(l->byte4) : ones(l->byte4));
	field_put(out, l->ref, ones(l->ref));
	field_put(out, l->app, ones(l->app));
	field_put(out, l->app_mask, ones(l->app_mask));
	/* all that is looked at there */
	out[l->variable ? V_CONTROL : info->cdb_len - 1] = SCSI_CONTROL_NACA;
	return info->cdb_len;
}

uint64_t scsi_cdb_data_len(const struct scsi_cdb *c, uint32_t block_size, enum scsi_dir *dir)
{
	*dir = D_NONE;
	const struct scsi_op_info *info = scsi_op_info(c->op);
	if (!info || info->dir == D_NONE)
		return 0;
	const struct layout *l = &layouts[op_layouts[c->op]];
	if ((l->none_at_0 && c->bytchk == 0) || (l->same && (c->byte1 & B1_NDOB)))
		return 0;
	*dir = info->dir;
	if (l->fixed)
		return l->fixed;
	if (!l->blocks.width)
		return c->alloc;
	uint64_t blocks = c->blocks;
	if (l->one_block_at_3 && c->bytchk == 3 && blocks > 1)
		blocks = 1;
	if (l->same)
		blocks = 1;
	if (l->twice)
		blocks *= 2;
	return blocks * block_size;
}

bool scsi_op_protects(enum scsi_op op)
{
	return (unsigned)op < OP_COUNT &&
	       (layouts[op_layouts[op]].byte1 & B1_PROTECT) == B1_PROTECT;
}

bool scsi_op_writes_medium(enum scsi_op op)
{
	return (unsigned)op < OP_COUNT && infos[op].changes == C_MEDIUM;
}

const char *scsi_cdb_name(struct span cdb, char *buf, size_t n)
{
	enum scsi_op op = cdb.n > 0 ? op_of(cdb) : OP_UNKNOWN;
	if (op != OP_UNKNOWN)
		return infos[op].name;
	if (cdb.n > 0)
		(void)snprintf(buf, n, "OPCODE %02Xh", cdb.p[0]);
	else
		(void)snprintf(buf, n, "NO OPCODE");
	return buf;
}
