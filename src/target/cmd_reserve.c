/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE IN and OUT (SPC-4, 6.15 and 6.16), RESERVE and RELEASE (SPC-2), and which
 * other commands conflict. What a reservation is and does is in reserve.c. */
#include "base/assert.h"
#include "target/core.h"

#define SCOPE_SHIFT 4 /* byte 2: SCOPE, TYPE */
#define TYPE        0x0f

#define TARGET_PORT 1 /* relative target port identifier: there is one */

/* ---- conflicts ---- */

static const struct conflict {
	bool known;
	enum resv_access access;
} conflicts[OP_COUNT] = {
#define CONFLICT(op, access_) [OP_##op] = {.known = true, .access = ACCESS_##access_},
#include "target/conflicts.def"
#undef CONFLICT
};

bool tgt_reserve_knows(enum scsi_op op)
{
	return (unsigned)op < OP_COUNT && conflicts[op].known;
}

static enum resv_access access_of(const struct scsi_cdb *c)
{
	enum resv_access access = conflicts[c->op].access;
	if (access == ACCESS_PREVENTS)
		return c->byte4 & TGT_PREVENT ? ACCESS_CHANGES : ACCESS_NONE;
	if (access == ACCESS_STARTS)
		return c->byte4 >> TGT_POWER_CONDITION == 0 && (c->byte4 & TGT_START)
		               ? ACCESS_NONE
		               : ACCESS_CHANGES;
	return access;
}

/* RESERVE and RELEASE: as they would end. The persistent ones: to all, while somebody, who may be
 * the same, has it by RESERVE (SPC-2, "Reservations"). */
static bool own_allowed(const struct reserve *r, const struct task *k)
{
	struct reserve would = *r;
	if (k->cdb.op == OP_RESERVE_6 || k->cdb.op == OP_RESERVE_10)
		return reserve_spc2_reserve(&would, k->initiator);
	if (k->cdb.op == OP_RELEASE_6 || k->cdb.op == OP_RELEASE_10)
		return reserve_spc2_release(&would, k->initiator);
	return r->spc2 == RESV_NOBODY;
}

bool tgt_reserve_allows(const struct task *k)
{
	const struct reserve *r = &k->lu->resv;
	if ((!reserve_any(r) && r->registered == 0) || k->cdb.op == OP_UNKNOWN)
		return true;
	enum resv_access access = access_of(&k->cdb);
	return access == ACCESS_OWN ? own_allowed(r, k) : reserve_allows(r, k->initiator, access);
}

bool tgt_reserve_hinders(const struct tgt *t, const struct tgt_lu *lu)
{
	for (uint8_t i = 0; reserve_any(&lu->resv) && i < WIRE_IDS; i++)
		if (t->ini[i].up && !reserve_allows(&lu->resv, i, ACCESS_CHANGES))
			return true;
	return false;
}

static bool conflict(struct task *k)
{
	k->status = SCSI_RESERVATION_CONFLICT;
	return false;
}

/* ---- TransportIDs ---- */

/* SPC-4, "TransportIDs for initiator ports using a parallel SCSI bus". */
#define TRANSPORT_ID_LEN 24
#define TRANSPORT_SPI    0x01 /* format code 00b, protocol identifier 1h */

static void put_transport_id(struct wr *w, uint8_t nexus)
{
	wr_u8(w, TRANSPORT_SPI);
	wr_u8(w, 0);
	wr_u16(w, nexus); /* SCSI ADDRESS */
	wr_u16(w, 0);
	wr_u16(w, TARGET_PORT);
	wr_zero(w, 16);
}

/* RESV_NOBODY: it is none, or of an initiator that cannot be: this port itself, or another port's.
 */
static uint8_t get_transport_id(const struct tgt *t, struct rd *r)
{
	struct rd id = rd_init(rd_take(r, TRANSPORT_ID_LEN), TRANSPORT_ID_LEN);
	if (r->error)
		return RESV_NOBODY;
	uint8_t format = rd_u8(&id);
	rd_skip(&id, 1);
	uint16_t address = rd_u16(&id);
	rd_skip(&id, 2);
	uint16_t port = rd_u16(&id);
	bool ours = format == TRANSPORT_SPI && port == TARGET_PORT;
	return ours && address < RESV_NEXUSES && address != t->id ? (uint8_t)address : RESV_NOBODY;
}

/* ---- PERSISTENT RESERVE IN ---- */

/* REPORT CAPABILITIES, byte 2. */
#define CRH    0x10 /* compatible reservation handling: RESERVE and RELEASE */
#define SIP_C  0x08 /* SPEC_I_PT */
#define ATP_C  0x04 /* ALL_TG_PT */
#define PTPL_C 0x01 /* APTPL */
/* Byte 3. */
#define TMV            0x80
#define ALLOW_COMMANDS 0x30 /* 011b: as conflicts.def has it for STATE and READS */
#define PTPL_A         0x01
/* Bytes 4 and 5: all types. */
#define TYPES 0xea01

#define R_HOLDER 0x01

bool tgt_cmd_accept_pr_in(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, 0);
}

/* PRGENERATION and ADDITIONAL LENGTH; the latter is set by reply_list(). */
static struct wr begin_list(struct tgt *t, const struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	wr_u32(&w, k->lu->resv.generation);
	wr_u32(&w, 0);
	return w;
}

static bool reply_list(struct tgt *t, struct task *k, struct wr *w)
{
	wr_at_u32(w, 4, (uint32_t)(w->n - 8));
	tgt_cmd_reply(t, k, w);
	return false;
}

bool tgt_cmd_run_pr_in_read_keys(struct tgt *t, struct task *k)
{
	struct wr w = begin_list(t, k);
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		if (reserve_registered(&k->lu->resv, i))
			wr_u64(&w, k->lu->resv.key[i]);
	return reply_list(t, k, &w);
}

bool tgt_cmd_run_pr_in_read_reservation(struct tgt *t, struct task *k)
{
	const struct reserve *r = &k->lu->resv;
	struct wr w = begin_list(t, k);
	if (r->type != RESV_NONE) {
		wr_u64(&w, r->holder == RESV_NOBODY ? 0 : r->key[r->holder]);
		wr_zero(&w, 5);
		wr_u8(&w, r->type);
		wr_zero(&w, 2);
	}
	return reply_list(t, k, &w);
}

bool tgt_cmd_run_pr_in_report_capabilities(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	wr_u16(&w, 8);
	wr_u8(&w, CRH | SIP_C | ATP_C | PTPL_C);
	wr_u8(&w, (uint8_t)(TMV | ALLOW_COMMANDS | (k->lu->resv.aptpl ? PTPL_A : 0)));
	wr_u16(&w, TYPES);
	wr_zero(&w, 2);
	tgt_cmd_reply(t, k, &w);
	return false;
}

bool tgt_cmd_run_pr_in_read_full_status(struct tgt *t, struct task *k)
{
	const struct reserve *r = &k->lu->resv;
	struct wr w = begin_list(t, k);
	for (uint8_t i = 0; i < RESV_NEXUSES; i++) {
		if (!reserve_registered(r, i))
			continue;
		bool holds = reserve_holds(r, i);
		wr_u64(&w, r->key[i]);
		wr_zero(&w, 4);
		wr_u8(&w, holds ? R_HOLDER : 0);
		wr_u8(&w, holds ? r->type : 0);
		wr_zero(&w, 4);
		wr_u16(&w, TARGET_PORT);
		wr_u32(&w, TRANSPORT_ID_LEN);
		put_transport_id(&w, i);
	}
	return reply_list(t, k, &w);
}

/* ---- PERSISTENT RESERVE OUT: parameters ---- */

#define LIST_LEN  24 /* without TransportIDs */
#define FLAGS_AT  20
#define SPEC_I_PT 0x08
#define ALL_TG_PT 0x04
#define APTPL     0x01

#define MOVE_FLAGS_AT 17
#define UNREG         0x02
#define MOVE_PORT_AT  18
#define MOVE_ID_AT    24

#define PARAM_MAX 1024 /* more TransportIDs than there are SCSI IDs */

static enum resv_action action_of(enum scsi_op op)
{
	return (enum resv_action)scsi_op_info(op)->service_action;
}

static bool length_bad(struct task *k)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_PARAMETER_LIST_LENGTH, true, 5, 0xff));
	return false;
}

static bool param_bad(struct task *k, uint16_t field, uint8_t bit)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_FIELD_IN_PARAMETERS, false, field, bit));
	return false;
}

bool tgt_cmd_accept_pr_out(struct tgt *t, struct task *k)
{
	(void)t;
	enum resv_action action = action_of(k->cdb.op);
	bool lists = action == RESV_REGISTER || action == RESV_REGISTER_MOVE;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	if (k->cdb.alloc < LIST_LEN || k->cdb.alloc > PARAM_MAX ||
	    (!lists && k->cdb.alloc != LIST_LEN))
		return length_bad(k);
	k->want_out = k->cdb.alloc;
	return true;
}

/* SPEC_I_PT: a length, then TransportIDs. */
static bool others_get(const struct tgt *t, struct task *k, struct rd *r, struct resv_out *o)
{
	uint32_t len = rd_u32(r);
	if (r->error || len != rd_left(r) || len % TRANSPORT_ID_LEN != 0)
		return length_bad(k);
	while (rd_left(r) > 0) {
		uint16_t at = (uint16_t)(k->want_out - rd_left(r));
		uint8_t nexus = get_transport_id(t, r);
		if (nexus == RESV_NOBODY)
			return param_bad(k, at, 0xff);
		o->others |= (uint16_t)(1U << nexus);
	}
	return true;
}

static bool list_get(const struct tgt *t, struct task *k, struct rd *r, struct resv_out *o)
{
	rd_skip(r, FLAGS_AT - 16);
	uint8_t flags = rd_u8(r);
	rd_skip(r, LIST_LEN - FLAGS_AT - 1);
	bool registers = o->action == RESV_REGISTER || o->action == RESV_REGISTER_IGNORE;
	o->others_too = flags & SPEC_I_PT;
	o->aptpl = registers && (flags & APTPL);
	if (registers && (flags & ~(SPEC_I_PT | ALL_TG_PT | APTPL)))
		return param_bad(k, FLAGS_AT, 0xff);
	if (o->others_too && o->action != RESV_REGISTER)
		return param_bad(k, FLAGS_AT, 3);
	if (o->others_too)
		return others_get(t, k, r, o);
	return rd_left(r) == 0 ? true : length_bad(k);
}

static bool move_get(const struct tgt *t, struct task *k, struct rd *r, struct resv_out *o)
{
	rd_skip(r, MOVE_FLAGS_AT - 16);
	uint8_t flags = rd_u8(r);
	uint16_t port = rd_u16(r);
	uint32_t len = rd_u32(r);
	o->aptpl = flags & APTPL;
	o->unregister = flags & UNREG;
	if (flags & ~(UNREG | APTPL))
		return param_bad(k, MOVE_FLAGS_AT, 0xff);
	if (len != rd_left(r) || len != TRANSPORT_ID_LEN)
		return length_bad(k);
	if (port != TARGET_PORT)
		return param_bad(k, MOVE_PORT_AT, 0xff);
	o->to = get_transport_id(t, r);
	return o->to == RESV_NOBODY ? param_bad(k, MOVE_ID_AT, 0xff) : true;
}

static bool params_get(const struct tgt *t, struct task *k, struct resv_out *o)
{
	struct rd r = rd_init(k->data->data + k->data_off, k->want_out);
	*o = (struct resv_out){
	        .action = action_of(k->cdb.op),
	        .type = k->cdb.page & TYPE,
	        .to = RESV_NOBODY,
	};
	o->key = rd_u64(&r);
	o->action_key = rd_u64(&r);
	return o->action == RESV_REGISTER_MOVE ? move_get(t, k, &r, o) : list_get(t, k, &r, o);
}

/* ---- PERSISTENT RESERVE OUT: what comes of it ---- */

static bool refused(struct task *k, enum resv_result result)
{
	switch (result) {
	case RESV_DONE:
		return true;
	case RESV_CONFLICT:
		return conflict(k);
	case RESV_BAD_ACTION_KEY:
		return param_bad(k, 8, 0xff);
	case RESV_BAD_TO:
		return param_bad(k, MOVE_ID_AT, 0xff);
	case RESV_BAD_CDB:
		return tgt_cdb_field_bad(k, 2, 0xff);
	case RESV_BAD_RELEASE:
		tgt_task_fail(k, SENSE_INVALID_RELEASE);
		return false;
	}
	return false;
}

/* It holds from here on; others are told. */
static void apply(struct tgt *t, struct task *k, const struct resv_effect *e)
{
	struct tgt_lu *lu = k->lu;
	lu->resv = lu->pending_resv;
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		struct ua *ua = &lu->nexus[i].ua;
		if (e->preempted >> i & 1)
			ua_post(ua, UA_RESERVATIONS_PREEMPTED);
		if (e->released >> i & 1)
			ua_post(ua, UA_RESERVATIONS_RELEASED);
		if (e->unregistered >> i & 1)
			ua_post(ua, UA_REGISTRATIONS_PREEMPTED);
	}
	if (e->abort)
		tgt_task_preempt(t, k, e->abort);
}

bool tgt_cmd_run_pr_out(struct tgt *t, struct task *k)
{
	struct tgt_lu *lu = k->lu;
	struct resv_out o;
	if (lu->saving) {
		k->status = SCSI_BUSY; /* somebody's is being saved */
		return false;
	}
	if (!params_get(t, k, &o))
		return false;
	bool scoped = o.action != RESV_REGISTER && o.action != RESV_REGISTER_IGNORE &&
	              o.action != RESV_REGISTER_MOVE && o.action != RESV_CLEAR;
	if (scoped && k->cdb.page >> SCOPE_SHIFT != 0)
		return tgt_cdb_field_bad(k, 2, 7);
	lu->pending_resv = lu->resv;
	if (!refused(k, reserve_out(&lu->pending_resv, k->initiator, &o, &lu->pending_effect)))
		return false;
	if (reserve_must_save(&lu->resv, &lu->pending_resv)) {
		lu->saving = true;
		k->work = WORK_SAVE;
		return true;
	}
	apply(t, k, &lu->pending_effect);
	return false;
}

void tgt_cmd_reserve_saved(struct tgt *t, struct task *k, bool ok)
{
	if (ok)
		apply(t, k, &k->lu->pending_effect);
	else
		tgt_task_fail(k, SENSE_INTERNAL_TARGET_FAILURE);
}

bool tgt_cmd_reserves(const struct task *k)
{
	return k->cdb.op >= OP_PR_OUT_REGISTER && k->cdb.op <= OP_PR_OUT_REGISTER_AND_MOVE;
}

/* ---- RESERVE, RELEASE ---- */

/* Third parties and extents are not had: their bits are reserved here. Conflicts were found before.
 */
bool tgt_cmd_run_reserve(struct tgt *t, struct task *k)
{
	(void)t;
	if (k->lu->saving)
		k->status = SCSI_BUSY; /* PERSISTENT RESERVE OUT may be about to exclude it */
	else
		(void)reserve_spc2_reserve(&k->lu->resv, k->initiator);
	return false;
}

bool tgt_cmd_run_release(struct tgt *t, struct task *k)
{
	(void)t;
	(void)reserve_spc2_release(&k->lu->resv, k->initiator);
	return false;
}
