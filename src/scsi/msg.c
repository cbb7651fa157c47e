/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/msg.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

/* Codes (SPI-3, table 66). */
#define CODE_EXTENDED      0x01
#define CODE_TWO_FIRST     0x20 /* 20h..2Fh: two bytes */
#define CODE_TWO_LAST      0x2f
#define CODE_IDENTIFY      0x80
#define IDENTIFY_DISC_PRIV 0x40
#define IDENTIFY_LUN       0x3f

#define EXT_SDTR 0x01
#define EXT_WDTR 0x03
#define EXT_PPR  0x04

/* Bytes that an extended length counts. */
#define EXT_SDTR_LEN         3
#define EXT_WDTR_LEN         2
#define EXT_PPR_LEN          6
#define EXT_OTHER_LEN        1
#define MIRROR_LEN           10
#define MIRROR_BROADCAST_LEN (MIRROR_LEN + 4)
#define MIRROR_STATUS_LEN    (MIRROR_LEN + 2) /* and the sense data */

#define MIRROR_FLAGS (MIRROR_FLAG_LAST | MIRROR_FLAG_BROADCAST)

_Static_assert(2 + MIRROR_STATUS_LEN + SCSI_SENSE_MAX <= SCSI_MSG_MAX, "SCSI_MSG_MAX");

/* Messages whose code says all: one byte, or two with an argument (20h..2Fh). The commonest first.
 */
static const struct {
	uint8_t code;
	enum scsi_msg_kind kind;
} short_kinds[] = {
        {0x20, MSG_SIMPLE},
        {0x00, MSG_COMMAND_COMPLETE},
        {0x02, MSG_SAVE_DATA_POINTER},
        {0x03, MSG_RESTORE_POINTERS},
        {0x04, MSG_DISCONNECT},
        {0x05, MSG_INITIATOR_DETECTED_ERROR},
        {0x06, MSG_ABORT_TASK_SET},
        {0x07, MSG_MESSAGE_REJECT},
        {0x08, MSG_NO_OPERATION},
        {0x09, MSG_MESSAGE_PARITY_ERROR},
        {0x0c, MSG_TARGET_RESET},
        {0x0d, MSG_ABORT_TASK},
        {0x0e, MSG_CLEAR_TASK_SET},
        {0x16, MSG_CLEAR_ACA},
        {0x17, MSG_LOGICAL_UNIT_RESET},
        {0x21, MSG_HEAD_OF_QUEUE},
        {0x22, MSG_ORDERED},
        {0x23, MSG_IGNORE_WIDE_RESIDUE},
        {0x24, MSG_ACA},
};

static const char *const names[] = {
        [MSG_COMMAND_COMPLETE] = "COMMAND COMPLETE",
        [MSG_EXT_PPR] = "PARALLEL PROTOCOL REQUEST",
        [MSG_EXT_WDTR] = "WIDE DATA TRANSFER REQUEST",
        [MSG_EXT_SDTR] = "SYNCHRONOUS DATA TRANSFER REQUEST",
        [MSG_EXT_MIRROR] = "SILENT MIRRORING",
        [MSG_EXT_OTHER] = "EXTENDED MESSAGE",
        [MSG_SAVE_DATA_POINTER] = "SAVE DATA POINTER",
        [MSG_RESTORE_POINTERS] = "RESTORE POINTERS",
        [MSG_DISCONNECT] = "DISCONNECT",
        [MSG_INITIATOR_DETECTED_ERROR] = "INITIATOR DETECTED ERROR",
        [MSG_ABORT_TASK_SET] = "ABORT TASK SET",
        [MSG_MESSAGE_REJECT] = "MESSAGE REJECT",
        [MSG_NO_OPERATION] = "NO OPERATION",
        [MSG_MESSAGE_PARITY_ERROR] = "MESSAGE PARITY ERROR",
        [MSG_TARGET_RESET] = "TARGET RESET",
        [MSG_ABORT_TASK] = "ABORT TASK",
        [MSG_CLEAR_TASK_SET] = "CLEAR TASK SET",
        [MSG_CLEAR_ACA] = "CLEAR ACA",
        [MSG_LOGICAL_UNIT_RESET] = "LOGICAL UNIT RESET",
        [MSG_SIMPLE] = "SIMPLE",
        [MSG_HEAD_OF_QUEUE] = "HEAD OF QUEUE",
        [MSG_ORDERED] = "ORDERED",
        [MSG_IGNORE_WIDE_RESIDUE] = "IGNORE WIDE RESIDUE",
        [MSG_ACA] = "ACA",
        [MSG_IDENTIFY] = "IDENTIFY",
        [MSG_OTHER] = "UNKNOWN MESSAGE",
};

static const char *const mirror_names[] = {
        [MIRROR_LEADER] = "TARGET LEADER IDENTIFICATION",
        [MIRROR_SELECT] = "TARGET SELECTION",
        [MIRROR_RELEASE] = "BUS RELEASE",
        [MIRROR_STATUS] = "MIRROR STATUS",
};

/* Messages that the standards name and nobody here sends or takes: they are rejected by their
 * names.
 */
static const struct {
	uint8_t code;
	const char *name;
} other_names[] =
        {
                {0x0a, "LINKED COMMAND COMPLETE"}, {0x0b, "LINKED COMMAND COMPLETE WITH FLAG"},
                {0x0f, "INITIATE RECOVERY"},       {0x10, "RELEASE RECOVERY"},
                {0x11, "TERMINATE TASK"},          {0x12, "CONTINUE TASK"},
                {0x13, "TARGET TRANSFER DISABLE"}, {0x55, "QAS REQUEST"},
},
  extended_names[] = {
          {0x00, "MODIFY DATA POINTER"},
          {0x02, "EXTENDED IDENTIFY"},
          {0x05, "MODIFY BIDIRECTIONAL DATA POINTER"},
};

static const char *other_name(const struct scsi_msg *m)
{
	if (m->kind == MSG_EXT_OTHER) {
		for (size_t i = 0; i < ARRAY_LEN(extended_names); i++)
			if (extended_names[i].code == m->code)
				return extended_names[i].name;
	} else if (m->kind == MSG_OTHER) {
		for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
			if (other_names[i].code == m->code)
				return other_names[i].name;
	}
	return NULL;
}

static bool is_two_byte(uint8_t code)
{
	return code >= CODE_TWO_FIRST && code <= CODE_TWO_LAST;
}

/* ---- SILENT MIRRORING ---- */

/* Bytes that the extended length must count; 0 when function and flags do not go together. */
static size_t mirror_len(uint8_t function, uint8_t flags, size_t sense_len)
{
	switch (function) {
	case MIRROR_LEADER:
	case MIRROR_SELECT:
	case MIRROR_RELEASE:
		if (flags & ~MIRROR_FLAGS)
			return 0;
		return flags & MIRROR_FLAG_BROADCAST ? MIRROR_BROADCAST_LEN : MIRROR_LEN;
	case MIRROR_STATUS:
		/* LAST and BROADCAST are the initiator's to say. */
		if (flags || sense_len > SCSI_SENSE_MAX)
			return 0;
		return MIRROR_STATUS_LEN + sense_len;
	default:
		return 0;
	}
}

/* body: what the extended length counts, with the code already read. */
static void mirror_get(struct rd *body, size_t len, struct scsi_msg_mirror *m)
{
	uint8_t function = rd_u8(body);
	uint8_t flags = rd_u8(body);
	m->group = rd_u16(body);
	m->device = rd_u8(body);
	m->op = rd_u32(body);
	if (function == MIRROR_STATUS) {
		m->status = rd_u8(body);
		m->sense_len = rd_u8(body);
	}
	if (mirror_len(function, flags, m->sense_len) != len) {
		rd_fail(body);
		return;
	}
	m->function = (enum mirror_function)function;
	m->last = flags & MIRROR_FLAG_LAST;
	m->broadcast = flags & MIRROR_FLAG_BROADCAST;
	if (m->broadcast)
		m->devices = rd_u32(body);
	rd_copy(body, m->sense, m->sense_len);
}

static void mirror_put(struct wr *w, const struct scsi_msg_mirror *m)
{
	unsigned flags =
	        (m->last ? MIRROR_FLAG_LAST : 0U) | (m->broadcast ? MIRROR_FLAG_BROADCAST : 0U);
	size_t len = mirror_len((uint8_t)m->function, (uint8_t)flags, m->sense_len);
	sm_assert(len > 0);
	wr_u8(w, CODE_EXTENDED);
	wr_u8(w, (uint8_t)len);
	wr_u8(w, MSG_MIRROR_CODE);
	wr_u8(w, (uint8_t)m->function);
	wr_u8(w, (uint8_t)flags);
	wr_u16(w, m->group);
	wr_u8(w, m->device);
	wr_u32(w, m->op);
	if (m->broadcast)
		wr_u32(w, m->devices);
	if (m->function == MIRROR_STATUS) {
		wr_u8(w, m->status);
		wr_u8(w, m->sense_len);
		wr_bytes(w, m->sense, m->sense_len);
	}
}

/* ---- extended messages ---- */

static void ppr_get(struct rd *body, struct xfer *x)
{
	x->period = rd_u8(body);
	rd_skip(body, 1);
	x->offset = rd_u8(body);
	x->wide = rd_u8(body);
	x->options = rd_u8(body);
}

static void ppr_put(struct wr *w, struct xfer x)
{
	wr_u8(w, CODE_EXTENDED);
	wr_u8(w, EXT_PPR_LEN);
	wr_u8(w, EXT_PPR);
	wr_u8(w, x.period);
	wr_u8(w, 0);
	wr_u8(w, x.offset);
	wr_u8(w, x.wide);
	wr_u8(w, x.options);
}

static void sdtr_put(struct wr *w, struct xfer x)
{
	wr_u8(w, CODE_EXTENDED);
	wr_u8(w, EXT_SDTR_LEN);
	wr_u8(w, EXT_SDTR);
	wr_u8(w, x.period);
	wr_u8(w, x.offset);
}

static void wdtr_put(struct wr *w, struct xfer x)
{
	wr_u8(w, CODE_EXTENDED);
	wr_u8(w, EXT_WDTR_LEN);
	wr_u8(w, EXT_WDTR);
	wr_u8(w, x.wide);
}

static void other_put(struct wr *w, uint8_t code)
{
	wr_u8(w, CODE_EXTENDED);
	wr_u8(w, EXT_OTHER_LEN);
	wr_u8(w, code);
}

/* Fills *m from a body that is there in full; marks it bad when its length is not its code's. */
static void extended_body_get(struct rd *body, struct scsi_msg *m)
{
	size_t len = rd_left(body);
	uint8_t code = rd_u8(body);
	switch (code) {
	case EXT_SDTR:
		m->kind = MSG_EXT_SDTR;
		m->xfer.period = rd_u8(body);
		m->xfer.offset = rd_u8(body);
		break;
	case EXT_WDTR:
		m->kind = MSG_EXT_WDTR;
		m->xfer.wide = rd_u8(body);
		break;
	case EXT_PPR:
		m->kind = MSG_EXT_PPR;
		ppr_get(body, &m->xfer);
		break;
	case MSG_MIRROR_CODE:
		m->kind = MSG_EXT_MIRROR;
		mirror_get(body, len, &m->mirror);
		break;
	default:
		m->kind = MSG_EXT_OTHER;
		m->code = code;
		rd_skip(body, rd_left(body));
		break;
	}
}

/* Room for sense data is most of a message, and most messages have none: it is neither cleared nor
 * copied for them. */
#define ALL_BUT_SENSE offsetof(struct scsi_msg, mirror.sense)

static bool extended_get(struct rd *r, struct scsi_msg *out)
{
	struct scsi_msg m;
	memset(&m, 0, ALL_BUT_SENSE);
	size_t len = rd_u8(r);
	struct span s = rd_bytes(r, len ? len : 256); /* SPI-3: zero stands for 256 */
	struct rd body = rd_init(s.p, s.n);
	extended_body_get(&body, &m);
	if (!rd_done(&body))
		rd_fail(r);
	if (r->error)
		return false;
	memcpy(out, &m, ALL_BUT_SENSE);
	if (m.kind == MSG_EXT_MIRROR && m.mirror.sense_len > 0)
		memcpy(out->mirror.sense, m.mirror.sense, m.mirror.sense_len);
	return true;
}

/* ---- all messages ---- */

static enum scsi_msg_kind short_kind(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(short_kinds); i++)
		if (short_kinds[i].code == code)
			return short_kinds[i].kind;
	return MSG_OTHER;
}

static uint8_t short_code(enum scsi_msg_kind kind)
{
	size_t i = 0;
	while (i < ARRAY_LEN(short_kinds) && short_kinds[i].kind != kind)
		i++;
	sm_assert(i < ARRAY_LEN(short_kinds));
	return short_kinds[i].code;
}

static bool short_get(struct rd *r, uint8_t code, struct scsi_msg *m)
{
	uint8_t arg = is_two_byte(code) ? rd_u8(r) : 0;
	if (r->error)
		return false;
	m->kind = short_kind(code);
	if (m->kind == MSG_OTHER)
		m->code = code;
	else if (m->kind == MSG_IGNORE_WIDE_RESIDUE)
		m->code = arg;
	else
		m->tag = arg;
	return true;
}

bool scsi_msg_get(struct rd *r, struct scsi_msg *out)
{
	uint8_t code = rd_u8(r);
	if (r->error)
		return false;
	if (code == CODE_EXTENDED)
		return extended_get(r, out);
	if (!(code & CODE_IDENTIFY))
		return short_get(r, code, out);
	out->kind = MSG_IDENTIFY;
	out->identify.disc_priv = code & IDENTIFY_DISC_PRIV;
	out->identify.lun = code & IDENTIFY_LUN;
	return true;
}

void scsi_msg_put(struct wr *w, const struct scsi_msg *m)
{
	switch (m->kind) {
	case MSG_EXT_PPR:
		ppr_put(w, m->xfer);
		break;
	case MSG_EXT_WDTR:
		wdtr_put(w, m->xfer);
		break;
	case MSG_EXT_SDTR:
		sdtr_put(w, m->xfer);
		break;
	case MSG_EXT_MIRROR:
		mirror_put(w, &m->mirror);
		break;
	case MSG_EXT_OTHER:
		other_put(w, m->code);
		break;
	case MSG_IDENTIFY:
		msg_put_identify(w, m->identify.lun, m->identify.disc_priv);
		break;
	case MSG_OTHER:
		wr_u8(w, m->code);
		wr_zero(w, is_two_byte(m->code) ? 1 : 0);
		break;
	case MSG_SIMPLE:
	case MSG_HEAD_OF_QUEUE:
	case MSG_ORDERED:
	case MSG_ACA:
		wr_u8(w, short_code(m->kind));
		wr_u8(w, m->tag);
		break;
	case MSG_IGNORE_WIDE_RESIDUE:
		wr_u8(w, short_code(m->kind));
		wr_u8(w, m->code);
		break;
	case MSG_COMMAND_COMPLETE:
	case MSG_SAVE_DATA_POINTER:
	case MSG_RESTORE_POINTERS:
	case MSG_DISCONNECT:
	case MSG_INITIATOR_DETECTED_ERROR:
	case MSG_ABORT_TASK_SET:
	case MSG_MESSAGE_REJECT:
	case MSG_NO_OPERATION:
	case MSG_MESSAGE_PARITY_ERROR:
	case MSG_TARGET_RESET:
	case MSG_ABORT_TASK:
	case MSG_CLEAR_TASK_SET:
	case MSG_CLEAR_ACA:
	case MSG_LOGICAL_UNIT_RESET:
		wr_u8(w, short_code(m->kind));
		break;
	}
}

const char *scsi_msg_name(const struct scsi_msg *m)
{
	const char *name = other_name(m);
	if (name)
		return name;
	if (m->kind == MSG_EXT_MIRROR && (size_t)m->mirror.function < ARRAY_LEN(mirror_names))
		name = mirror_names[m->mirror.function];
	else if ((size_t)m->kind < ARRAY_LEN(names))
		name = names[m->kind];
	return name ? name : names[MSG_OTHER];
}

void msg_put_identify(struct wr *w, uint8_t lun, bool disc_priv)
{
	sm_assert(lun <= IDENTIFY_LUN);
	wr_u8(w, (uint8_t)(CODE_IDENTIFY | (disc_priv ? IDENTIFY_DISC_PRIV : 0U) | lun));
}

void msg_put_simple(struct wr *w, uint8_t tag)
{
	wr_u8(w, short_code(MSG_SIMPLE));
	wr_u8(w, tag);
}

void msg_put_byte(struct wr *w, uint8_t code)
{
	wr_u8(w, code);
}
