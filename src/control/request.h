/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of a client, decoded into a plain struct: what the rest of the daemon sees of a request.
 * ctl_decode() may run in any thread; it allocates the request and its data block.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "control/schema.h"
#include "initiator/hba.h"

#include <smirror/control.h>

#define CTL_LINE_MAX   ((unsigned)SMIRROR_CONTROL_LINE_MAX)
#define CTL_DEPTH_MAX  32
#define CTL_VALUES_MAX 1000 /* more than any request has */
#define CTL_ID_MAX     128  /* bytes of a request's id, as JSON */
#define CTL_NAME_MAX   64   /* bytes that name a target: name, UUID text or SCSI ID */
#define CTL_SPEC_MAX   256

/* Bits of ctl_request.has. */
enum ctl_has {
#define CTL_PARAM(sym, name, take) HAS_##sym##_BIT,
#include "control/params.def"
#undef CTL_PARAM
	HAS_BITS
};
#define CTL_HAS(r, sym) (((r)->has >> HAS_##sym##_BIT & 1U) != 0)

struct ctl_request {
	enum ctl_method method;
	bool notification;       /* no answer is wanted */
	char id[CTL_ID_MAX + 1]; /* JSON */
	uint64_t has;            /* which of the following came */
	char target[CTL_NAME_MAX + 1];
	char name[INI_NAME_MAX + 1], group[INI_NAME_MAX + 1];
	uint8_t uuid[UUID_LEN];
	unsigned n_members;
	char members[INI_MEMBERS_MAX][CTL_NAME_MAX + 1];
	enum ini_mode mode; /* INI_MODE_DEFAULT */
	uint32_t transfer;  /* bytes */
	unsigned window, max_passes;
	uint64_t speed, offset;
	uint32_t length; /* length_bytes, data_in_length */
	uint32_t timeout_ms;
	enum hba_attribute attribute; /* HBA_SIMPLE */
	uint32_t job;
	enum ini_job_type type;
	char image[INI_TEXT_MAX];
	struct ini_load_spec load;
	uint32_t block;     /* block_bytes */
	unsigned in_flight; /* in_flight */
	char spec[CTL_SPEC_MAX + 1];
	bool assume_clean, force, clear, list, live, overwrite;
	unsigned objects; /* bits of 1 << enum ini_object */
	uint8_t lun;
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_len;
	struct span data_text; /* of the line, while it is decoded */
	struct block *data;    /* data, data_out; NULL when empty */
	uint32_t data_len;
};

struct ctl_decoded {
	struct ctl_request *request; /* NULL: error says why */
	bool silent;                 /* an erroneous notification: not to be answered */
	char id[CTL_ID_MAX + 1];     /* for the answer to an error; "" for null */
	struct ctl_error error;
};

/* Decodes and checks a line. */
void ctl_decode(const struct ctl_schema *s, const char *line, size_t n, struct ctl_decoded *out);
void ctl_request_free(struct ctl_request *r);

#endif
