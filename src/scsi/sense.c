/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/sense.h"

#define SCSI_SENSE(sym, key_, asc_, ascq_, text)                                                   \
	const struct scsi_sense SENSE_##sym = {.key = (key_), .asc = (asc_), .ascq = (ascq_)};
#include "scsi/sense.def"
#undef SCSI_SENSE

/* Response codes (SPC-4, 4.5.1). */
#define FIXED_CURRENT       0x70
#define FIXED_DEFERRED      0x71
#define DESCRIPTOR_CURRENT  0x72
#define DESCRIPTOR_DEFERRED 0x73

#define RESPONSE_MASK 0x7f
#define FIXED_VALID   0x80 /* byte 0 of the fixed format */

/* Both formats count their ADDITIONAL SENSE LENGTH from byte 8 on. */
#define LENGTH_AT 7
#define HEAD_LEN  8

/* Fixed format: offsets. */
#define FIXED_KEY  2
#define FIXED_INFO 3
#define FIXED_ASC  12
#define FIXED_ASCQ 13
#define FIXED_SKS  15

/* Descriptors: type, additional length, then a body. */
#define DESC_INFO      0x00
#define DESC_INFO_BODY 0x0a
#define DESC_CSI       0x01
#define DESC_SKS       0x02
#define DESC_SKS_BODY  0x06
#define DESC_VALID     0x80 /* byte 2 of the information descriptor */

/* Field pointer (SPC-4, 4.5.2.4.2): 3 bytes, the same in both formats. */
#define SKS_LEN 3
#define SKSV    0x80
#define SKS_CD  0x40
#define SKS_BPV 0x08
#define SKS_BIT 0x07

bool scsi_sense_is(const struct scsi_sense *s, const struct scsi_sense *what)
{
	return s->key == what->key && s->asc == what->asc && s->ascq == what->ascq;
}

bool scsi_sense_names_block(const struct scsi_sense *s)
{
	bool protection = s->key == KEY_ABORTED_COMMAND && s->asc == SENSE_GUARD_CHECK.asc;
	return s->info_valid && (s->key == KEY_MEDIUM_ERROR || protection);
}

struct scsi_sense scsi_sense_info(struct scsi_sense s, uint64_t info)
{
	s.info_valid = true;
	s.info = info;
	return s;
}

struct scsi_sense scsi_sense_specific(struct scsi_sense s, uint32_t csi)
{
	s.csi_valid = true;
	s.csi = csi;
	return s;
}

struct scsi_sense scsi_sense_field(struct scsi_sense s, bool in_cdb, uint16_t field, uint8_t bit)
{
	/* With other keys these bytes mean something else (a retry count, progress). */
	if (s.key != KEY_ILLEGAL_REQUEST)
		return s;
	s.sks_valid = true;
	s.sks_cd = in_cdb;
	s.sks_field = field;
	s.sks_bit = bit <= SKS_BIT ? bit : 0xff;
	return s;
}

static bool key_has_progress(uint8_t key)
{
	return key == KEY_NO_SENSE || key == KEY_NOT_READY;
}

struct scsi_sense scsi_sense_progress(struct scsi_sense s, uint16_t progress)
{
	if (!key_has_progress(s.key))
		return s;
	s.has_progress = true;
	s.progress = progress;
	return s;
}

static bool has_field_pointer(const struct scsi_sense *s)
{
	return s->sks_valid && s->key == KEY_ILLEGAL_REQUEST;
}

static bool has_progress(const struct scsi_sense *s)
{
	return s->has_progress && key_has_progress(s->key);
}

/* The key says what they are (SPC-4, 4.5.2.4). */
static void sks_put(struct wr *w, const struct scsi_sense *s)
{
	if (has_progress(s)) {
		wr_u8(w, SKSV);
		wr_u16(w, s->progress);
		return;
	}
	unsigned b = SKSV | (s->sks_cd ? SKS_CD : 0U);
	if (s->sks_bit <= SKS_BIT)
		b |= SKS_BPV | s->sks_bit;
	wr_u8(w, (uint8_t)b);
	wr_u16(w, s->sks_field);
}

static void sks_get(struct rd *r, struct scsi_sense *s)
{
	uint8_t b = rd_u8(r);
	uint16_t field = rd_u16(r);
	if (r->error || !(b & SKSV))
		return;
	if (key_has_progress(s->key))
		*s = scsi_sense_progress(*s, field);
	else
		*s = scsi_sense_field(*s, b & SKS_CD, field, b & SKS_BPV ? b & SKS_BIT : 0xff);
}

static void fixed_put(struct wr *w, const struct scsi_sense *s)
{
	bool info = s->info_valid && s->info <= UINT32_MAX;
	unsigned code = s->deferred ? FIXED_DEFERRED : FIXED_CURRENT;
	wr_u8(w, (uint8_t)(code | (info ? FIXED_VALID : 0U)));
	wr_u8(w, 0);
	wr_u8(w, s->key & 0x0f);
	wr_u32(w, info ? (uint32_t)s->info : 0);
	wr_u8(w, SCSI_SENSE_FIXED_LEN - HEAD_LEN);
	wr_u32(w, s->csi_valid ? s->csi : 0);
	wr_u8(w, s->asc);
	wr_u8(w, s->ascq);
	wr_u8(w, 0); /* FIELD REPLACEABLE UNIT CODE */
	if (has_field_pointer(s) || has_progress(s))
		sks_put(w, s);
	else
		wr_zero(w, SKS_LEN);
}

static void descriptor_put(struct wr *w, const struct scsi_sense *s)
{
	wr_u8(w, s->deferred ? DESCRIPTOR_DEFERRED : DESCRIPTOR_CURRENT);
	wr_u8(w, s->key & 0x0f);
	wr_u8(w, s->asc);
	wr_u8(w, s->ascq);
	wr_zero(w, 4); /* the last of them becomes the length */
	if (s->info_valid) {
		wr_u8(w, DESC_INFO);
		wr_u8(w, DESC_INFO_BODY);
		wr_u8(w, DESC_VALID);
		wr_u8(w, 0);
		wr_u64(w, s->info);
	}
	if (s->csi_valid) {
		wr_u8(w, DESC_CSI);
		wr_u8(w, DESC_INFO_BODY);
		wr_zero(w, 2);
		wr_u64(w, s->csi);
	}
	if (has_field_pointer(s) || has_progress(s)) {
		wr_u8(w, DESC_SKS);
		wr_u8(w, DESC_SKS_BODY);
		wr_zero(w, 2);
		sks_put(w, s);
		wr_u8(w, 0);
	}
	if (wr_ok(w))
		wr_at_u8(w, LENGTH_AT, (uint8_t)(w->n - HEAD_LEN));
}

size_t scsi_sense_put(const struct scsi_sense *s, bool descriptor, uint8_t *out, size_t cap)
{
	struct wr w = wr_init(out, cap);
	if (descriptor)
		descriptor_put(&w, s);
	else
		fixed_put(&w, s);
	return wr_ok(&w) ? w.n : 0;
}

/* The bytes that the device says it has set, of those that came. */
static struct span meaningful(struct span data)
{
	if (data.n > LENGTH_AT && data.n > HEAD_LEN + (size_t)data.p[LENGTH_AT])
		data.n = HEAD_LEN + (size_t)data.p[LENGTH_AT];
	return data;
}

static bool fixed_get(struct span data, struct scsi_sense *s)
{
	if (data.n <= FIXED_ASCQ)
		return false;
	s->key = data.p[FIXED_KEY] & 0x0f;
	s->asc = data.p[FIXED_ASC];
	s->ascq = data.p[FIXED_ASCQ];
	s->info_valid = data.p[0] & FIXED_VALID;
	if (s->info_valid)
		s->info = get_be32(data.p + FIXED_INFO);
	if (data.n > FIXED_SKS) {
		struct rd r = rd_init(data.p + FIXED_SKS, data.n - FIXED_SKS);
		sks_get(&r, s);
	}
	return true;
}

static void one_descriptor_get(uint8_t type, struct span body, struct scsi_sense *s)
{
	struct rd r = rd_init(body.p, body.n);
	if (type == DESC_INFO && body.n == DESC_INFO_BODY) {
		s->info_valid = rd_u8(&r) & DESC_VALID;
		rd_skip(&r, 1);
		s->info = s->info_valid ? rd_u64(&r) : 0;
	} else if (type == DESC_SKS && body.n == DESC_SKS_BODY) {
		rd_skip(&r, 2);
		sks_get(&r, s);
	}
}

static bool descriptor_get(struct span data, struct scsi_sense *s)
{
	struct rd r = rd_init(data.p, data.n);
	rd_skip(&r, 1);
	s->key = rd_u8(&r) & 0x0f;
	s->asc = rd_u8(&r);
	s->ascq = rd_u8(&r);
	if (r.error)
		return false;
	rd_skip(&r, HEAD_LEN - 4);
	/* A descriptor that was cut off has no body and ends the list: key and ASC still count. */
	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);
		struct span body = rd_bytes(&r, rd_u8(&r));
		one_descriptor_get(type, body, s);
	}
	return true;
}

bool scsi_sense_get(struct span data, struct scsi_sense *out)
{
	if (data.n == 0)
		return false;
	struct scsi_sense s = {0};
	bool ok = false;
	data = meaningful(data);
	switch (data.p[0] & RESPONSE_MASK) {
	case FIXED_DEFERRED:
		s.deferred = true;
		ok = fixed_get(data, &s);
		break;
	case FIXED_CURRENT:
		ok = fixed_get(data, &s);
		break;
	case DESCRIPTOR_DEFERRED:
		s.deferred = true;
		ok = descriptor_get(data, &s);
		break;
	case DESCRIPTOR_CURRENT:
		ok = descriptor_get(data, &s);
		break;
	default:
		break;
	}
	if (ok)
		*out = s;
	return ok;
}

const char *scsi_sense_key_name(uint8_t key)
{
	static const char *const names[16] = {
	        "NO SENSE",       "RECOVERED ERROR", "NOT READY",      "MEDIUM ERROR",
	        "HARDWARE ERROR", "ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT",
	        "BLANK CHECK",    "VENDOR SPECIFIC", "COPY ABORTED",   "ABORTED COMMAND",
	        "RESERVED",       "VOLUME OVERFLOW", "MISCOMPARE",     "COMPLETED",
	};
	return key < ARRAY_LEN(names) ? names[key] : "RESERVED";
}

static const struct {
	uint8_t asc, ascq;
	const char *text;
} texts[] = {
#define SCSI_SENSE(sym, key, asc, ascq, text) {(asc), (ascq), (text)},
#include "scsi/sense.def"
#undef SCSI_SENSE
};

const char *scsi_sense_text(uint8_t asc, uint8_t ascq)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].asc == asc && texts[i].ascq == ascq)
			return texts[i].text;
	return NULL;
}
