/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command descriptor blocks (SPC-4, 4.2; SBC-3, clause 5). Raw CDB bytes stop
 * here: a handler gets struct scsi_cdb, an initiator fills one.
 */
#ifndef SCSI_CDB_H
#define SCSI_CDB_H

#include "base/cursor.h"

#define SCSI_CDB_MAX 32

#define SCSI_OP_VARIABLE 0x7f /* the opcode of all CDBs that say their length themselves */

/* Of the control byte (SAM-5): NACA; the vendor's bits. The others are reserved, or obsolete (LINK,
 * FLAG). */
#define SCSI_CONTROL_NACA   0x04
#define SCSI_CONTROL_VENDOR 0xc0

enum scsi_op {
#define SCSI_OP(sym, code, sa, len, name, layout, dir, changes) OP_##sym,
#include "scsi/opcodes.def"
#undef SCSI_OP
	OP_COUNT,
	OP_UNKNOWN = OP_COUNT, /* an opcode (or service action) that the table does not have */
};

enum scsi_dir { D_NONE, D_IN, D_OUT };

/* What a command may change of what a mirror relies on (opcodes.def). */
enum scsi_changes { C_NONE, C_MEDIUM, C_UNIT, C_TARGET, C_MODES, C_OFFLINE, C_BUFFER };

struct scsi_cdb {
	enum scsi_op op;
	uint8_t opcode; /* byte 0 as it came */
	uint8_t len;    /* the CDB's length, by its group code or as it says */
	lba_t lba;      /* L_RW* and the like, else 0; READ DEFECT DATA(12): the index; buffers: the
	                   offset */
	uint32_t blocks; /* L_RW*: logical blocks. READ/WRITE(6): 0 was read as 256 */
	uint32_t alloc;  /* L_ALLOC*, L_PARAM*, L_INQUIRY: bytes; READ CAPACITY(10): 8 */
	/* The bits of byte 1 that no other field here holds: EVPD, DBD, PF, SP, LLBAADDR, IMMED,
	 * SELFTEST. */
	uint8_t byte1;
	/* Byte 2. INQUIRY, RECEIVE DIAGNOSTIC RESULTS: page code; READ DEFECT DATA(10): lists and
	 * format; READ BUFFER, WRITE BUFFER: the buffer; MODE SENSE, LOG SENSE: PC and page code;
	 * PERSISTENT RESERVE OUT: SCOPE and TYPE; REPORT LUNS: select report; REPORT SUPPORTED
	 * OPERATION CODES: RCTD and options; ... FUNCTIONS: REPD; else 0.
	 */
	uint8_t page;
	/* Byte 3. MODE SENSE, LOG SENSE; REPORT SUPPORTED OPERATION CODES: the
	 * opcode asked for. */
	uint8_t subpage;
	/* LOG SENSE: parameter pointer. WRITE ATOMIC: boundary. REPORT SUPPORTED OPERATION CODES:
	 * service action. */
	uint16_t selector;
	uint8_t byte4; /* START STOP UNIT: power condition, LOEJ, START; PREVENT; READ CAPACITY: PMI
	                */
	uint8_t wrprotect; /* byte 1 bits 7-5 of reads and writes: RDPROTECT, WRPROTECT, ... */
	uint8_t bytchk;    /* VERIFY, WRITE AND VERIFY: byte 1 bits 2-1 */
	bool dpo, fua;     /* reads and writes: byte 1 bits 4, 3 */
	uint8_t control;   /* NACA is bit 2 */
	/* L_*32: what the protection information is expected to be: the reference tag of the first
	 * block; the application tag in the bits of the mask. */
	uint32_t ref;
	uint16_t app, app_mask;
	/* Where what is called byte 1 here stands (10 in the variable length ones), the LBA, the
	 * number of blocks, the control byte. 0: nowhere. */
	uint8_t flags_at, lba_at, blocks_at, control_at;
	/* The first byte from 2 on that is reserved and not 0: where (0: none) and what. */
	uint8_t reserved_at, reserved;
};

/* A table row: what is known of an operation. NULL for OP_UNKNOWN. */
struct scsi_op_info {
	enum scsi_op op;
	uint8_t opcode;
	int service_action; /* -1: none */
	uint8_t cdb_len;
	const char *name;
	enum scsi_dir dir;
	enum scsi_changes changes;
};
const struct scsi_op_info *scsi_op_info(enum scsi_op op);

/* Length of a CDB: by its group code (SPC-4, 4.2.5.1) 6, 10, 12, 16; one of variable length says it
 * itself, in byte 7: cdb holds as much as there is, at least one byte. 0: not known (groups 3, 6
 * and 7; too short to say). It may be more than there is, and more than SCSI_CDB_MAX. */
unsigned scsi_cdb_len(struct span cdb);
/* Where the control byte of such a CDB is, of which the length is known. */
unsigned scsi_cdb_control_at(struct span cdb);

/* True when operations of this opcode are told apart by a service action: an unknown one is then an
 * invalid field in the CDB, not an invalid opcode (SPC-4, 4.2.5.2). */
bool scsi_opcode_has_actions(uint8_t opcode);

/*
 * Decodes a CDB. False when it is shorter than its group code, or itself, says or longer
 * than SCSI_CDB_MAX (out untouched); an unknown opcode is no failure (op = OP_UNKNOWN).
 */
bool scsi_cdb_get(struct span cdb, struct scsi_cdb *out);

/* Encodes c into out, which has room for SCSI_CDB_MAX bytes; returns the length. c->op must be
 * known and its values must fit the layout (our own bug otherwise: asserted). opcode and len are
 * not read. */
size_t scsi_cdb_put(const struct scsi_cdb *c, uint8_t *out);

/* The CDB usage data of a known operation (SPC-4, 6.34.3): its opcode and service action, and a 1
 * in each other bit that is looked at. out has room for SCSI_CDB_MAX bytes; returns the CDB's
 * length. */
size_t scsi_cdb_usage(enum scsi_op op, uint8_t *out);

/* Bytes that the command moves, for reads and writes (blocks * block_size, with BYTCHK=3 one block,
 * VERIFY with BYTCHK=0 none, WRITE SAME one block or with NDOB none, COMPARE AND WRITE twice); for
 * the others alloc. Direction D_OUT or D_IN as in the table, D_NONE for VERIFY without BYTCHK and
 * WRITE SAME with NDOB. */
uint64_t scsi_cdb_data_len(const struct scsi_cdb *c, uint32_t block_size, enum scsi_dir *dir);

/* True for commands that have a RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT field. */
bool scsi_op_protects(enum scsi_op op);

/* True for commands that write blocks of the medium that they are sent to, or make them differ from
 * what was read before (C_MEDIUM). What a mirror has to know is more: scsi/reach.h. */
bool scsi_op_writes_medium(enum scsi_op op);

/* The operation's name by the raw CDB ("WRITE(16)"), or "OPCODE xxh" written to buf (at least 16
 * bytes). */
const char *scsi_cdb_name(struct span cdb, char *buf, size_t n);

#endif
