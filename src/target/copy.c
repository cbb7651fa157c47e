/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/copy.h"

/* Byte 1 of the header. */
#define USAGE_SHIFT 3
#define USAGE       0x03
#define USAGE_NONE  0x03 /* 11b: no list identifier, nothing is kept */
#define USAGE_RSVD  0x01

#define DC 0x02 /* byte 1 of a segment */

static bool bad(struct scsi_sense *out, struct scsi_sense sense, size_t field)
{
	*out = scsi_sense_field(sense, false, (uint16_t)field, 0xff);
	return false;
}

static bool cscds_ok(const struct copy_list *l, struct scsi_sense *sense)
{
	for (unsigned i = 0; i < l->n_cscds; i++) {
		const uint8_t *d = l->cscds.p + (size_t)i * COPY_CSCD_LEN;
		size_t at = COPY_HEAD_LEN + (size_t)i * COPY_CSCD_LEN;
		if (d[0] != COPY_CSCD_IDENT)
			return bad(sense, SENSE_UNSUPPORTED_CSCD, at);
		if (d[7] == 0 || d[7] > 20)
			return bad(sense, SENSE_INVALID_FIELD_IN_PARAMETERS, at + 7);
	}
	return true;
}

/* All are of one type, and so of one length. */
static bool segments_ok(struct copy_list *l, size_t base, struct scsi_sense *sense)
{
	struct rd r = rd_init(l->segments.p, l->segments.n);
	while (rd_left(&r) > 0) {
		size_t at = base + l->segments.n - rd_left(&r);
		uint8_t type = rd_u8(&r);
		rd_skip(&r, 1);
		uint16_t length = rd_u16(&r);
		if (type != COPY_SEGMENT_BLOCKS)
			return bad(sense, SENSE_UNSUPPORTED_SEGMENT, at);
		if (r.error || length != COPY_SEGMENT_LEN - 4)
			return bad(sense, SENSE_INVALID_FIELD_IN_PARAMETERS, at + 2);
		rd_skip(&r, length);
		if (r.error)
			return bad(sense, SENSE_INVALID_FIELD_IN_PARAMETERS, 8);
		if (++l->n_segments > COPY_SEGMENTS)
			return bad(sense, SENSE_TOO_MANY_SEGMENTS, at);
	}
	return true;
}

bool copy_list_get(struct span bytes, struct copy_list *out, struct scsi_sense *sense)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct copy_list l = {.id = rd_u8(&r)};
	uint8_t usage = (uint8_t)(rd_u8(&r) >> USAGE_SHIFT & USAGE);
	uint16_t cscds = rd_u16(&r);
	rd_skip(&r, 4);
	uint32_t segments = rd_u32(&r), inline_data = rd_u32(&r);
	if (r.error) {
		*sense = SENSE_PARAMETER_LIST_LENGTH;
		return false;
	}
	if (usage == USAGE_RSVD || (usage == USAGE_NONE && l.id != 0))
		return bad(sense, SENSE_INVALID_FIELD_IN_PARAMETERS, usage == USAGE_RSVD ? 1 : 0);
	if (cscds % COPY_CSCD_LEN != 0)
		return bad(sense, SENSE_INVALID_FIELD_IN_PARAMETERS, 2);
	if ((uint64_t)cscds + segments > COPY_LISTS_MAX) {
		*sense = SENSE_PARAMETER_LIST_LENGTH;
		return false;
	}
	if (inline_data > 0)
		return bad(sense, SENSE_INLINE_DATA_LENGTH, 12);
	if (rd_left(&r) < cscds + segments) {
		*sense = SENSE_PARAMETER_LIST_LENGTH;
		return false;
	}
	l.keeps = usage != USAGE_NONE;
	l.n_cscds = cscds / COPY_CSCD_LEN;
	l.cscds = rd_bytes(&r, cscds);
	l.segments = rd_bytes(&r, segments);
	if (l.n_cscds > COPY_CSCDS_MAX)
		return bad(sense, SENSE_TOO_MANY_CSCDS, 2);
	if (!cscds_ok(&l, sense) || !segments_ok(&l, COPY_HEAD_LEN + cscds, sense))
		return false;
	*out = l;
	return true;
}

struct copy_cscd copy_cscd(const struct copy_list *l, unsigned i)
{
	const uint8_t *d = l->cscds.p + (size_t)i * COPY_CSCD_LEN;
	return (struct copy_cscd){
	        .device_type = d[1] & 0x1f,
	        .code_set = d[4] & 0x0f,
	        .association = d[5] >> 4 & 0x03,
	        .type = d[5] & 0x0f,
	        .id = {d + 8, d[7]},
	        .block_size = get_be24(d + 29),
	};
}

struct copy_segment copy_segment(const struct copy_list *l, unsigned i)
{
	const uint8_t *d = l->segments.p + (size_t)i * COPY_SEGMENT_LEN;
	return (struct copy_segment){
	        .counts_destination = d[1] & DC,
	        .source = get_be16(d + 4),
	        .destination = get_be16(d + 6),
	        .blocks = get_be16(d + 10),
	        .from = get_be64(d + 12),
	        .to = get_be64(d + 20),
	};
}
