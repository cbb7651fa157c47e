/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data (SPC-4, 4.5) as one value, which handlers return. */
#ifndef SCSI_SENSE_H
#define SCSI_SENSE_H

#include "base/cursor.h"

#define SCSI_SENSE_MAX       64 /* bytes that we send or keep */
#define SCSI_SENSE_FIXED_LEN 18

enum scsi_sense_key {
	KEY_NO_SENSE = 0x0,
	KEY_RECOVERED_ERROR = 0x1,
	KEY_NOT_READY = 0x2,
	KEY_MEDIUM_ERROR = 0x3,
	KEY_HARDWARE_ERROR = 0x4,
	KEY_ILLEGAL_REQUEST = 0x5,
	KEY_UNIT_ATTENTION = 0x6,
	KEY_DATA_PROTECT = 0x7,
	KEY_BLANK_CHECK = 0x8,
	KEY_COPY_ABORTED = 0xa,
	KEY_ABORTED_COMMAND = 0xb,
	KEY_MISCOMPARE = 0xe,
};

struct scsi_sense {
	uint8_t key, asc, ascq;
	bool deferred; /* response code 71h / 73h */
	/* INFORMATION: an LBA, for medium errors and miscompares the first bad one. */
	bool info_valid;
	uint64_t info;
	bool csi_valid; /* COMMAND-SPECIFIC INFORMATION */
	uint32_t csi;
	bool sks_valid;  /* sense-key specific: field pointer */
	bool sks_cd;     /* the pointer is into the CDB, else into the parameter data */
	uint8_t sks_bit; /* 0..7, or 0xff: no bit pointer */
	uint16_t sks_field;
	bool has_progress; /* sense-key specific: progress indication */
	uint16_t progress; /* of 65536 */
};

/* sense.def: SCSI_SENSE(symbol, key, asc, ascq, "TEXT") -> values such as SENSE_INVALID_OPCODE. */
#define SCSI_SENSE(sym, key_, asc_, ascq_, text) extern const struct scsi_sense SENSE_##sym;
#include "scsi/sense.def"
#undef SCSI_SENSE

/* Key, ASC and ASCQ are equal. */
bool scsi_sense_is(const struct scsi_sense *s, const struct scsi_sense *what);
/* A block is not what it should be, and INFORMATION names the first such: MEDIUM ERROR, or
 * protection information that is wrong (SPC-4, ASC 10h). */
bool scsi_sense_names_block(const struct scsi_sense *s);
/* The same with INFORMATION. */
struct scsi_sense scsi_sense_info(struct scsi_sense s, uint64_t info);
/* The same with COMMAND-SPECIFIC INFORMATION. */
struct scsi_sense scsi_sense_specific(struct scsi_sense s, uint32_t csi);
/* The same with a field pointer; bit 0xff: none. Only ILLEGAL REQUEST has one: others stay as they
 * are. */
struct scsi_sense scsi_sense_field(struct scsi_sense s, bool in_cdb, uint16_t field, uint8_t bit);

/* The same with a progress indication. Only NO SENSE and NOT READY have one: others stay as they
 * are.
 */
struct scsi_sense scsi_sense_progress(struct scsi_sense s, uint16_t progress);

/* Fixed format 70h/71h (18 bytes; an INFORMATION of more than 32 bits leaves VALID 0), or
 * descriptor format 72h/73h. Returns the length written, 0 when cap is too small. */
size_t scsi_sense_put(const struct scsi_sense *s, bool descriptor, uint8_t *out, size_t cap);

/* Reads either format. False (out untouched) for other response codes or data too short to hold
 * key, ASC and ASCQ; INFORMATION and field pointer are taken where they came whole. */
bool scsi_sense_get(struct span data, struct scsi_sense *out);

/* "MEDIUM ERROR"; never NULL. */
const char *scsi_sense_key_name(uint8_t key);
/* The text of sense.def, or NULL when the table does not have it. */
const char *scsi_sense_text(uint8_t asc, uint8_t ascq);

#endif
