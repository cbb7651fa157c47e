/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/fake_bus.h"

#include "unit/checks.h"
#include <stdio.h>
#include <string.h>

void fake_uuid(uint8_t id, uint8_t uuid[UUID_LEN])
{
	memset(uuid, 0xa0 + id, UUID_LEN);
}

void fake_unit_uuid(uint8_t id, uint8_t lun, uint8_t uuid[UUID_LEN])
{
	fake_uuid(id, uuid);
	uuid[UUID_LEN - 1] = lun;
}

struct hba_config fake_config(void)
{
	struct hba_config cfg = {
	        .id = FAKE_OUR_ID,
	        .xfer = XFER_ULTRA160,
	        .task_timeout_ns = 10 * NS_PER_S,
	        .status_timeout_ns = 5 * NS_PER_S,
	};

	return cfg;
}

void fake_attach(struct fake *f)
{
	struct wire_attached a = {.epoch = ++f->epoch, .boot = 1, .id = FAKE_OUR_ID};

	hba_attached(f->h, &a, f->now);
	fake_run(f);
	fake_frame(f, &(struct wire_frame){.type = WIRE_PONG, .ping = {f->epoch}});
}

void fake_init(struct fake *f, const struct hba_config *cfg)
{
	struct hba_config plain = fake_config();

	*f = (struct fake){.now = 1000 * NS_PER_S, .epoch = 0};
	f->h = hba_new(cfg ? cfg : &plain);
	ck_assert_ptr_nonnull(f->h);
	fake_attach(f);
}

void fake_end(struct fake *f)
{
	hba_check(f->h);
	hba_free(f->h);
	f->h = NULL;
}

/* ---- what the adapter sends ---- */

static void read_messages(struct fake_script *s, struct span bytes)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;

	while (rd_left(&r)) {
		ck_assert(scsi_msg_get(&r, &m));
		if (m.kind == MSG_IDENTIFY) {
			s->lun = m.identify.lun;
			ck_assert(m.identify.disc_priv);
		} else if (m.kind == MSG_SIMPLE) {
			s->tagged = true;
			s->tag = m.tag;
		} else if (m.kind == MSG_ACA) {
			s->tagged = s->aca = true;
			s->tag = m.tag;
		} else if (m.kind == MSG_CLEAR_ACA) {
			s->clear_aca = true;
		} else if (m.kind == MSG_ABORT_TASK) {
			s->abort = true;
		} else if (m.kind == MSG_EXT_MIRROR && m.mirror.function == MIRROR_RELEASE) {
			ck_assert(!m.mirror.last);
			ck_assert_uint_eq(m.mirror.op, s->leg[0].op);
			ck_assert_uint_eq(m.mirror.device, s->leg[0].device);
			ck_assert_int_eq(m.mirror.broadcast, s->broadcast);
			ck_assert_uint_eq(m.mirror.devices, s->devices);
			s->release = true;
		} else if (m.kind == MSG_EXT_MIRROR) {
			ck_assert_int_eq(m.mirror.function,
			                 s->n_legs ? MIRROR_SELECT : MIRROR_LEADER);
			ck_assert(!s->release);
			s->mirror = true;
			s->group = m.mirror.group;
			s->broadcast = m.mirror.broadcast;
			s->devices = m.mirror.devices;
			s->leg[s->n_legs++] = (struct fake_leg){
			        .device = m.mirror.device,
			        .op = m.mirror.op,
			        .last = m.mirror.last,
			};
		} else {
			s->negotiation = m;
		}
	}
}

static void read_script(struct fake *f, const struct wire_frame *frame)
{
	ck_assert_uint_lt(f->n, FAKE_SCRIPTS);
	struct fake_script *s = &f->script[f->n++];
	struct rd r = rd_init(frame->script.items.p, frame->script.items.n);
	struct wire_item item;

	*s = (struct fake_script){.id = frame->script.id, .negotiation.kind = MSG_OTHER};
	ck_assert_uint_ne(s->id, 0);
	for (unsigned i = 0; i + 1 < f->n; i++)
		ck_assert_uint_ne(f->script[i].id, s->id);
	s->data_block = frame->data ? (uint32_t)frame->data->len : 0;
	while (wire_item_get(&r, &item)) {
		if (item.kind == ITEM_SELECT) {
			s->target = item.arg;
			ck_assert(item.flags & ITEM_ATN);
			s->chain_ns = item.flags & ITEM_CHAIN ? item.len : 0;
			s->known = item.crc;
		} else if (item.kind == ITEM_MSG_OUT) {
			read_messages(s, item.bytes);
		} else if (item.kind == ITEM_COMMAND) {
			s->cdb_len = item.bytes.n;
			memcpy(s->cdb, item.bytes.p, item.bytes.n);
		} else if (item.kind == ITEM_DATA_OUT) {
			ck_assert_uint_eq(item.off, 0);
			ck_assert_uint_le(item.len, s->data_block);
			s->data_out += item.len;
			if (s->mirror)
				s->leg[s->n_legs - 1].data_len = item.len;
		} else if (item.kind == ITEM_DATA_IN) {
			s->data_in += item.len;
		} else {
			ck_abort_msg("item %u in a script", item.kind);
		}
	}
	ck_assert(rd_done(&r));
}

static void take_frame(struct fake *f, const struct wire_frame *frame)
{
	if (frame->type == WIRE_SCRIPT)
		read_script(f, frame);
	else if (frame->type == WIRE_CANCEL)
		f->cancel[f->n_cancel++ % FAKE_SCRIPTS] = frame->cancel.id;
	else if (frame->type == WIRE_RESET)
		f->n_reset++;
	else if (frame->type == WIRE_PING)
		f->n_ping++;
	else if (frame->type == WIRE_PONG)
		f->n_pong++;
	else
		ck_abort_msg("frame type %d from the adapter", frame->type);
}

void fake_run(struct fake *f)
{
	const struct wire_frame *frame;

	hba_check(f->h);
	hba_run(f->h, f->now);
	hba_check(f->h);
	for (unsigned n = 0; (frame = hba_output(f->h)); n++) {
		ck_assert_uint_lt(n, 1000);
		take_frame(f, frame);
	}
	hba_check(f->h);
	for (unsigned n = 0; hba_deadline(f->h) <= f->now; n++) {
		ck_assert_uint_lt(n, 1000); /* it comes to rest */
		hba_run(f->h, f->now);
		hba_check(f->h);
		while ((frame = hba_output(f->h)))
			take_frame(f, frame);
	}
}

void fake_wait(struct fake *f, ns_t ns)
{
	ns_t end = f->now + ns;

	for (ns_t at = hba_deadline(f->h); at <= end; at = hba_deadline(f->h)) {
		if (at > f->now)
			f->now = at;
		fake_run(f);
	}
	f->now = end;
	fake_run(f);
}

void fake_frame(struct fake *f, const struct wire_frame *frame)
{
	hba_frame(f->h, frame, f->now);
	fake_run(f);
}

struct fake_script fake_take(struct fake *f)
{
	ck_assert_msg(f->n > 0, "the adapter has sent no script");
	struct fake_script s = f->script[0];

	f->n--;
	memmove(f->script, f->script + 1, f->n * sizeof(s));
	return s;
}

/* ---- reports ---- */

struct wire_tenure fake_tenure(struct fake *f, const struct fake_script *s, uint8_t outcome)
{
	struct wire_tenure tn = {
	        .script = s->id,
	        .tenure = ++f->tenure,
	        .target = s->target,
	        .epoch = f->disk[s->target].epoch,
	        .outcome = outcome,
	        .start_ns = f->bus_ns,
	        .end_ns = f->bus_ns + 1000,
	};

	f->bus_ns += 1000;
	return tn;
}

void fake_send(struct fake *f, const struct wire_tenure *tn, const void *data, size_t n)
{
	struct wire_frame frame = {.type = WIRE_TENURE, .tenure = *tn};

	if (n) {
		frame.data = block_new(n);
		memcpy(frame.data->data, data, n);
		if (!frame.tenure.data_in)
			frame.tenure.data_in = (uint32_t)n;
	}
	fake_frame(f, &frame);
	block_unref(frame.data);
}

void fake_outcome(struct fake *f, const struct fake_script *s, uint8_t outcome)
{
	struct wire_tenure tn = fake_tenure(f, s, outcome);

	fake_send(f, &tn, NULL, 0);
}

void fake_end_task(struct fake *f, const struct fake_script *s, uint8_t status, const void *data,
                   size_t n)
{
	struct wire_tenure tn = fake_tenure(f, s, OUTCOME_COMPLETE);
	static const uint8_t command_complete[] = {0};

	tn.has_status = true;
	tn.status = status;
	tn.data_out = s->data_out;
	tn.msg_in = (struct span){command_complete, 1};
	fake_send(f, &tn, data, n);
}

struct wire_tenure fake_released(struct fake *f, const struct fake_script *s)
{
	struct wire_tenure tn = fake_tenure(f, s, OUTCOME_RELEASED);

	ck_assert(s->mirror);
	tn.n_legs = (uint8_t)s->n_legs;
	for (unsigned i = 0; i < s->n_legs; i++)
		tn.legs[i] = (struct wire_leg){
		        .op = s->leg[i].op,
		        .device = s->leg[i].device,
		        .result = LEG_TAKEN,
		        .moved = s->leg[i].data_len,
		};
	return tn;
}

struct fake_status fake_status_of(struct fake *f, const struct fake_script *s, unsigned leg,
                                  uint8_t target)
{
	return (struct fake_status){
	        .target = target,
	        .device = s->leg[leg].device,
	        .tag = s->tag,
	        .group = s->group,
	        .op = s->leg[leg].op,
	        .epoch = f->disk[target].epoch,
	};
}

void fake_send_status(struct fake *f, const struct fake_status *s)
{
	struct fake_script none = {.target = s->target};
	struct wire_tenure tn = fake_tenure(f, &none, OUTCOME_COMPLETE);
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR,
	                     .mirror = {.function = MIRROR_STATUS,
	                                .group = s->group,
	                                .device = s->device,
	                                .op = s->op,
	                                .status = s->status}};
	uint8_t msg[128];
	struct wr w = wr_init(msg, sizeof(msg));

	if (s->sense)
		m.mirror.sense_len =
		        (uint8_t)scsi_sense_put(s->sense, false, m.mirror.sense, SCSI_SENSE_MAX);
	msg_put_identify(&w, 0, false);
	msg_put_simple(&w, s->tag);
	scsi_msg_put(&w, &m);
	msg_put_byte(&w, 0x00);
	tn.epoch = s->epoch;
	tn.reselected = true;
	tn.has_status = true;
	tn.status = s->status;
	tn.msg_in = (struct span){msg, w.n};
	fake_send(f, &tn, NULL, 0);
}

/* ---- disks ---- */

void fake_pass(struct hba_pass *p, unsigned n, struct block *data, void (*done)(struct hba_pass *))
{
	*p = (struct hba_pass){
	        .group = 77,
	        .cdb = {.op = OP_WRITE_16, .lba = 8, .blocks = 8},
	        .data = data,
	        .data_len = 4096,
	        .crc = 0x12345678,
	        .n = n,
	        .done = done,
	};
	for (unsigned i = 0; i < n; i++) {
		p->m[i].target = (uint8_t)(1 + i);
		p->m[i].device = (uint8_t)(11 + i);
	}
}

void fake_port(struct fake *f, uint8_t id, bool up)
{
	struct wire_frame frame = {.type = WIRE_PORT,
	                           .port = {.up = up, .id = id, .role = ROLE_TARGET}};
	struct fake_disk *d = &f->disk[id];

	if (up)
		d->epoch = 100U * id + d->epoch % 100 + 1;
	d->up = up;
	frame.port.epoch = d->epoch;
	fake_uuid(id, frame.port.uuid);
	snprintf(frame.port.name, sizeof(frame.port.name), "disk%u", id);
	fake_frame(f, &frame);
}

static uint8_t unit_at(const struct fake_disk *d, uint8_t lun)
{
	return lun < ARRAY_LEN(d->at) && d->at[lun] ? d->at[lun] : lun;
}

static size_t inquiry_data(const struct fake *f, const struct fake_script *s, struct wr *w)
{
	const struct fake_disk *d = &f->disk[s->target];
	uint8_t uuid[UUID_LEN];
	struct vpd_mirror vpd = {.version = 1, .silent = true, .max_transfer = 1U << 20};

	if (d->luns >> s->lun & 1)
		fake_unit_uuid(s->target, unit_at(d, s->lun), uuid);
	else
		fake_uuid(s->target, uuid);
	if (!(s->cdb[1] & 1)) {
		wr_zero(w, 8);
		wr_padded(w, "SMIRROR", 7, 8, ' ');
		wr_padded(w, "VIRTUAL DISK", 12, 16, ' ');
		wr_padded(w, "0001", 4, 4, ' ');
	} else if (s->cdb[2] == 0x83) {
		wr_u16(w, 0x0083);
		wr_u16(w, 4 + 18);
		wr_u32(w, 0x010a0012);
		wr_u16(w, 0x1000);
		wr_bytes(w, uuid, UUID_LEN);
	} else if (s->cdb[2] == 0x80) {
		wr_u16(w, 0x0080);
		wr_u16(w, 6);
		wr_bytes(w, "SN0001", 6);
	} else if (s->cdb[2] == 0xc0 && !d->no_mirror) {
		vpd.queue_depth = d->queue_depth;
		memcpy(vpd.uuid, uuid, UUID_LEN);
		vpd.uuid[0] ^= d->liar;
		snprintf(vpd.name, sizeof(vpd.name), "disk%u", s->target);
		vpd_mirror_put(w, &vpd);
	}
	return w->n;
}

/* Without further units it does not know the command. */
static size_t luns_data(const struct fake_disk *d, struct wr *w)
{
	if (!d->luns)
		return 0;
	wr_u32(w, 8U * (1U + (unsigned)__builtin_popcountll(d->luns)));
	wr_zero(w, 4 + 8);
	for (uint64_t rest = d->luns; rest; rest &= rest - 1)
		wr_u64(w, (uint64_t)__builtin_ctzll(rest) << 48);
	return w->n;
}

static size_t command_data(struct fake *f, const struct fake_script *s, struct wr *w)
{
	switch (s->cdb[0]) {
	case 0x12:
		return inquiry_data(f, s, w);
	case 0x9e:
		wr_u64(w, 9999);
		wr_u32(w, f->disk[s->target].block_size ? f->disk[s->target].block_size : 512);
		wr_zero(w, 20);
		return w->n;
	case 0x5a:
		wr_zero(w, 8);
		mode_mirror_put(w, &f->disk[s->target].member);
		return w->n;
	case 0xa0:
		return luns_data(&f->disk[s->target], w);
	default:
		return 0;
	}
}

/* The answer to the negotiation that the script carries, if any. */
static size_t negotiate(const struct fake *f, const struct fake_script *s, uint8_t *to, size_t cap)
{
	const struct fake_disk *d = &f->disk[s->target];
	struct wr w = wr_init(to, cap);
	struct scsi_msg m = s->negotiation;

	if (m.kind == MSG_OTHER)
		return 0;
	if (d->reject_all || (d->reject_ppr && m.kind == MSG_EXT_PPR)) {
		msg_put_byte(&w, 0x07);
	} else {
		if (m.xfer.offset > 31)
			m.xfer.offset = 31;
		scsi_msg_put(&w, &m);
	}
	return w.n;
}

/* What stands against the command, of a unit that is not as the others: a status, GOOD: nothing.
 * INQUIRY is answered all the same, and REPORT LUNS if nothing stands against that itself. */
static uint8_t hindrance(const struct fake_disk *d, const struct fake_script *s)
{
	if (s->cdb[0] == 0xa0 && d->busy_list)
		return SCSI_BUSY;
	if (s->cdb[0] == 0x12 || s->cdb[0] == 0xa0)
		return SCSI_GOOD;
	if (d->busy >> s->lun & 1)
		return SCSI_BUSY;
	if ((d->reserved >> s->lun & 1) && s->cdb[0] != 0x9e)
		return SCSI_RESERVATION_CONFLICT;
	return d->formatting >> s->lun & 1 ? SCSI_CHECK_CONDITION : SCSI_GOOD;
}

static const struct scsi_sense *sense_of(const struct fake_disk *d, const struct fake_script *s)
{
	if (d->ua)
		return &SENSE_POWER_ON;
	if (d->luns_changed)
		return &SENSE_LUNS_CHANGED;
	if (d->size_changed)
		return &SENSE_CAPACITY_CHANGED;
	if (d->pages_changed)
		return &SENSE_MODE_PARAMETERS_CHANGED;
	return d->formatting >> s->lun & 1 ? &SENSE_FORMAT_IN_PROGRESS
	                                   : &SENSE_INVALID_FIELD_IN_CDB;
}

/* A UNIT ATTENTION stands against the command. */
static bool attention(const struct fake_disk *d, const struct fake_script *s)
{
	bool news = d->luns_changed || d->size_changed || d->pages_changed;

	return s->cdb[0] != 0x12 && (d->ua || (news && s->cdb[0] != 0xa0));
}

static void serve_one(struct fake *f, const struct fake_script *s)
{
	struct fake_disk *d = &f->disk[s->target];
	uint8_t data[256], msg[32];
	struct wr w = wr_init(data, sizeof(data));
	struct wire_tenure tn = fake_tenure(f, s, OUTCOME_COMPLETE);

	if (!d->up) {
		tn.outcome = OUTCOME_SELECTION_TIMEOUT;
		fake_send(f, &tn, NULL, 0);
		return;
	}
	size_t n = 0;
	tn.has_status = true;
	if (s->cdb[0] == 0x03) {
		n = scsi_sense_put(sense_of(d, s), false, data, sizeof(data));
		d->pages_changed =
		        d->pages_changed && (d->size_changed || d->luns_changed || d->ua);
		d->size_changed = d->size_changed && (d->luns_changed || d->ua);
		d->luns_changed = d->luns_changed && d->ua;
		d->ua = false;
	} else if (attention(d, s)) {
		tn.status = SCSI_CHECK_CONDITION;
	} else if (hindrance(d, s) != SCSI_GOOD) {
		tn.status = hindrance(d, s);
	} else {
		n = command_data(f, s, &w);
		if (n == 0 && s->data_in)
			tn.status = SCSI_CHECK_CONDITION;
	}
	size_t said = negotiate(f, s, msg, sizeof(msg));
	tn.msg_in = (struct span){msg, said};
	fake_send(f, &tn, data, n < s->data_in ? n : s->data_in);
}

void fake_serve_one(struct fake *f)
{
	struct fake_script s = fake_take(f);

	serve_one(f, &s);
}

void fake_serve(struct fake *f)
{
	for (unsigned n = 0; f->n > 0; n++) {
		ck_assert_uint_lt(n, 1000);
		fake_serve_one(f);
	}
}

void fake_disk_up(struct fake *f, uint8_t id, uint16_t queue_depth)
{
	f->disk[id].queue_depth = queue_depth;
	f->disk[id].ua = true;
	fake_port(f, id, true);
	fake_serve(f);
	ck_assert_int_eq(hba_target(f->h, id)->state, HBA_READY);
}

void fake_rst(struct fake *f)
{
	for (unsigned id = 0; id < WIRE_IDS; id++)
		f->disk[id].ua = true;
	fake_frame(f, &(struct wire_frame){.type = WIRE_RESET, .reset = {.by = FAKE_OUR_ID}});
}
