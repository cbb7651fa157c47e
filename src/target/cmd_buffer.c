/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ BUFFER, WRITE BUFFER (SPC-4, 6.16 and 6.39): a data buffer, which is everybody's, and an
 * echo buffer, which initiators try their wires with. Its owner is who wrote it last; to another
 * one whom it belonged to before it says so.
 */
#include "target/core.h"

#include <string.h>

#define MODE 0x1f /* of byte 1; the others are the mode's own and reserved here */

enum buffer_mode {
	BUFFER_DATA = 0x02,
	BUFFER_DESCRIPTOR = 0x03,
	BUFFER_ECHO = 0x0a,
	BUFFER_ECHO_DESCRIPTOR = 0x0b,
};

#define EBOS 0x01 /* "echo buffer overwritten" is told */

/* The data buffer is number 0, the only one; the echo buffer has no number and no offset. */
static bool place_ok(struct task *k, uint64_t *room)
{
	const struct scsi_cdb *c = &k->cdb;
	*room = 0;
	if (c->page != 0)
		return tgt_cdb_field_bad(k, 2, 0xff);
	if (c->lba > TGT_BUFFER_MAX)
		return tgt_cdb_field_bad(k, 3, 0xff);
	*room = TGT_BUFFER_MAX - c->lba;
	return true;
}

bool tgt_cmd_accept_write_buffer(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	uint64_t room = TGT_BUFFER_MAX;
	(void)t;
	if (!tgt_cdb_only(k, 1, c->byte1, MODE))
		return false;
	if (c->byte1 != BUFFER_DATA && c->byte1 != BUFFER_ECHO)
		return tgt_cdb_field_bad(k, 1, 4);
	if (c->byte1 == BUFFER_DATA && !place_ok(k, &room))
		return false;
	if (c->alloc > room)
		return tgt_cdb_field_bad(k, 6, 0xff);
	k->want_out = c->alloc;
	return true;
}

bool tgt_cmd_run_write_buffer(struct tgt *t, struct task *k)
{
	(void)t;
	bool echo = k->cdb.byte1 == BUFFER_ECHO;
	struct tgt_echo *e = &k->lu->echo;
	if (k->want_out > 0)
		memcpy(echo ? e->bytes : k->lu->buffer + k->cdb.lba, k->data->data + k->data_off,
		       k->want_out);
	if (!echo)
		return false;
	e->len = k->want_out;
	e->owner = k->initiator;
	e->wrote |= 1U << k->initiator;
	return false;
}

static bool echo_ok(struct task *k)
{
	const struct tgt_echo *e = &k->lu->echo;
	if (!(e->wrote >> k->initiator & 1)) {
		tgt_task_fail(k, SENSE_COMMAND_SEQUENCE);
		return false;
	}
	if (e->owner != k->initiator) {
		tgt_task_fail(k, SENSE_ECHO_OVERWRITTEN);
		return false;
	}
	return true;
}

bool tgt_cmd_accept_read_buffer(struct tgt *t, struct task *k)
{
	(void)t;
	uint64_t room;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, MODE))
		return false;
	switch (k->cdb.byte1) {
	case BUFFER_DATA:
		return place_ok(k, &room);
	case BUFFER_ECHO:
		return echo_ok(k);
	case BUFFER_DESCRIPTOR: /* of one that is not there: zeros */
	case BUFFER_ECHO_DESCRIPTOR:
		return true;
	default:
		return tgt_cdb_field_bad(k, 1, 4);
	}
}

bool tgt_cmd_run_read_buffer(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	switch (c->byte1) {
	case BUFFER_DATA:
		wr_bytes(&w, k->lu->buffer + c->lba, (size_t)(TGT_BUFFER_MAX - c->lba));
		break;
	case BUFFER_ECHO:
		wr_bytes(&w, k->lu->echo.bytes, k->lu->echo.len);
		break;
	case BUFFER_DESCRIPTOR: /* any offset, 24 bits of capacity */
		wr_u32(&w, c->page == 0 ? TGT_BUFFER_MAX : 0);
		break;
	default:
		wr_u8(&w, EBOS);
		wr_u8(&w, 0);
		wr_u16(&w, TGT_BUFFER_MAX);
		break;
	}
	tgt_cmd_reply(t, k, &w);
	return false;
}
