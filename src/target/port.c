/* SPDX-License-Identifier: BSD-2-Clause */
/* Bursts of the port: item by item into the tenure, then the answer, if the bus waits for one. */
#include "base/assert.h"
#include "base/crc.h"
#include "target/core.h"

#include <string.h>

static void tenure_open(struct tgt *t, const struct wire_burst *b)
{
	tgt_port_close(t);
	t->tenure = (struct tenure){
	        .open = true,
	        .number = b->tenure,
	        .role = b->role,
	        .initiator = b->initiator,
	        .epoch = b->epoch,
	        .next = b->role == BURST_PARTICIPANT ? NEXT_LATCHED : NEXT_MESSAGES,
	};
	struct ini *i = &t->ini[b->initiator];
	i->up = true;
	i->epoch = b->epoch;
}

void tgt_port_forget(struct tgt *t)
{
	struct task *k = t->tenure.task;
	t->tenure.task = NULL;
	if (!k)
		return;
	k->connected = false;
	tgt_task_abort(t, k);
}

void tgt_port_close(struct tgt *t)
{
	t->tenure.open = false;
	t->tenure.wanted = false;
	tgt_port_forget(t);
}

/* ---- a DATA OUT phase in several tenures ---- */

/* There is room for it, with the others for which their units have none: they are refused, and have
 * their status when their data have come. */
static bool may_stay(struct tgt *t, struct task *k)
{
	const struct task *other;
	unsigned n = 0;
	if (!k->lu->present)
		return false;
	k->beyond = k->lu->n_tasks > k->lu->queue_depth;
	TAILQ_FOREACH (other, &t->tasks, link)
		n += other->beyond;
	return n <= TGT_BEYOND_MAX;
}

/* Its port goes on later; whatever else comes meanwhile is not its tenure. */
static void park(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	struct task *k = n->task;
	n->open = false;
	n->wanted = false;
	n->task = NULL;
	if (!k)
		return;
	k->connected = false;
	k->split = n->number;
	if (!may_stay(t, k))
		tgt_task_abort(t, k);
}

/* False: no command is parked under this number (any more). */
static bool resume(struct tgt *t, const struct wire_burst *b)
{
	struct task *k;
	TAILQ_FOREACH (k, &t->tasks, link) {
		if (k->split == b->tenure && k->split != 0 && k->state != TASK_DRAIN)
			break;
	}
	if (!k || k->initiator != b->initiator)
		return false;
	k->split = 0;
	k->connected = true;
	t->tenure = (struct tenure){
	        .open = true,
	        .number = b->tenure,
	        .role = b->role,
	        .initiator = b->initiator,
	        .epoch = b->epoch,
	        .next = k->state == TASK_DATA ? NEXT_DATA : NEXT_STATUS,
	        .identified = true,
	        .disc_priv = k->disc_priv,
	        .lun = k->lun,
	        .tagged = k->tagged,
	        .tag = k->tag,
	        .attr = k->attr,
	        .cdb_len = k->cdb.len,
	        .units = k->units,
	        .task = k,
	        .resumed = true,
	};
	return true;
}

void tgt_port_detach(struct tgt *t, struct task *k)
{
	sm_assert(t->tenure.task == k);
	t->tenure.task = NULL;
	k->connected = false;
	if (k->state == TASK_READY)
		tgt_task_submit(t, k);
	else if (k->state == TASK_DONE)
		tgt_task_deliver(t, k);
}

/*
 * BUS FREE says that what was aborted changes nothing any more. A store that hangs is no reason to
 * hold the bus, for others want it, and the bus server would take it away: after so long MESSAGE
 * REJECT says before that the abort is not done, and the next ones are rejected at once. The task
 * has ended nevertheless.
 */
#define DRAIN_LIMIT_NS (100 * NS_PER_MS)

ns_t tgt_port_deadline(const struct tgt *t)
{
	const struct tenure *n = &t->tenure;
	ns_t since;
	if (!n->open || n->next != NEXT_DRAIN || !n->wanted || n->drain.lasts ||
	    !tgt_task_drains(t, &n->drain, &since))
		return NS_NEVER;
	return since + DRAIN_LIMIT_NS;
}

/* Its task was ended by another initiator's doing, while the bus waits for its status. */
void tgt_port_abandoned(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (!n->open || !n->wanted || n->next != NEXT_STATUS || n->task)
		return;
	n->next = NEXT_FREE;
	tgt_reply_phase(t, ITEM_FREE, 0);
}

void tgt_port_drained(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	ns_t since;
	if (!n->open || n->next != NEXT_DRAIN)
		return;
	if (tgt_task_drains(t, &n->drain, &since)) {
		if (tgt_port_deadline(t) > t->now)
			return;
		tgt_message_reject(t);
	}
	n->next = NEXT_FREE;
	if (n->wanted)
		tgt_reply_phase(t, ITEM_FREE, 0);
}

/* ---- parity ---- */

/* What came has wrong parity (an iuCRC, where it is an information unit): on the wire, or by a
 * fault on demand, which strikes where the port waits for what is to be done about it. Mirroring
 * passes and packetized tenures have CRC faults only. */
static bool bad_parity(struct tgt *t, const struct wire_item *it, enum scsi_phase phase)
{
	const struct tenure *n = &t->tenure;
	if (n->role != BURST_TARGET || n->mirror)
		return false;
	return (it->flags & ITEM_PARITY) ||
	       (!n->units && n->wanted && n->last_item && fault_strike_parity(&t->faults, phase));
}

/* ---- data ---- */

/* False with the sense: what came is not what the command wants. */
static bool data_ok(struct tgt *t, struct task *k, const struct wire_item *it,
                    const struct block *data)
{
	bool whole = !(it->flags & ITEM_CUT) && it->len == k->want_out && data &&
	             it->off <= data->len && it->len <= data->len - it->off;
	if (!whole) {
		tgt_task_fail(k, SENSE_DATA_PHASE_ERROR);
		return false;
	}
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	bool struck = c && (c->flags & CMD_MEDIUM) && fault_strike(&t->faults, FAULT_CRC, k->lun);
	if (struck || crc_data(0, data->data + it->off, it->len) != it->crc) {
		tgt_task_fail(k, k->units ? SENSE_IU_CRC : SENSE_DATA_CRC);
		return false;
	}
	return true;
}

static void data_out(struct tgt *t, const struct wire_item *it, struct block *data)
{
	struct tenure *n = &t->tenure;
	tgt_silent_latched(t);
	struct task *k = n->task;
	bool wanted = k && k->state == TASK_DATA;
	bool parity = wanted && bad_parity(t, it, PHASE_DATA_OUT);
	if (parity && !n->resumed && tgt_retry(n)) {
		n->restore = true;
		n->next = NEXT_DATA;
		return;
	}
	n->next = n->mirror ? NEXT_MORE : n->next == NEXT_FREE ? NEXT_FREE : NEXT_STATUS;
	if (!wanted)
		return; /* a command that was refused, and a port that had taken the data before */
	if (fault_dies(&t->faults, STEP_DATA))
		tgt_out_die(t);
	if (parity)
		tgt_task_fail(k, SENSE_PARITY_ERROR);
	bool ok = !parity && data_ok(t, k, it, data);
	if (ok) {
		k->data = block_ref(data);
		k->data_off = it->off;
		if (tgt_format_more(t, k)) {
			n->next = NEXT_DATA;
			return;
		}
		ok = k->status != SCSI_CHECK_CONDITION;
	}
	tgt_task_set(t, k, ok ? TASK_READY : TASK_DONE);
	if (!k->silent)
		return;
	n->task = NULL;
	if (ok)
		tgt_task_submit(t, k);
	else
		tgt_task_finish(t, k);
}

/* ---- items ---- */

static void selected(struct tgt *t, const struct wire_item *it)
{
	if (fault_dies(&t->faults, STEP_SELECTED))
		tgt_out_die(t);
	t->tenure.units = it->flags & ITEM_UNITS;
	t->tenure.next = it->flags & ITEM_ATN ? NEXT_MESSAGES : NEXT_COMMAND;
}

/* SPI-3, MESSAGE OUT phase: after wrong parity the target asks for all bytes again, or gives up
 * with BUS FREE. */
static void messages(struct tgt *t, const struct wire_item *it)
{
	struct tenure *n = &t->tenure;
	bool first = n->next == NEXT_MESSAGES;
	if (bad_parity(t, it, PHASE_MESSAGE_OUT)) {
		n->again = tgt_retry(n);
		if (!n->again)
			tgt_message_unexpected_free(t);
		return;
	}
	tgt_message_out(t, it->bytes);
	if (first && n->next == NEXT_MESSAGES)
		n->next = NEXT_COMMAND;
}

/* A CDB with wrong parity: the command pointer is restored, and it comes again. SPI-4: a command
 * information unit does not. */
static void command_again(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (!n->units && tgt_retry(n)) {
		n->restore = true;
		return;
	}
	n->task = tgt_dispatch_unread(t, n->units ? SENSE_IU_CRC : SENSE_PARITY_ERROR);
	n->next = NEXT_STATUS;
}

static void command(struct tgt *t, const struct wire_item *it)
{
	struct tenure *n = &t->tenure;
	struct span cdb = it->bytes;
	if (n->next == NEXT_COMMAND && bad_parity(t, it, PHASE_COMMAND)) {
		command_again(t);
		return;
	}
	n->cdb_len = (uint8_t)(cdb.n < SCSI_CDB_MAX ? cdb.n : SCSI_CDB_MAX);
	if (n->cdb_len > 0)
		memcpy(n->cdb, cdb.p, n->cdb_len);
	if (n->next != NEXT_COMMAND)
		return; /* latched, or the tenure is to end */
	if (n->mirror) {
		tgt_silent_accept(t);
		return;
	}
	n->task = tgt_dispatch(t);
	n->next = n->task->state == TASK_DATA ? NEXT_DATA : NEXT_STATUS;
}

/* The leader's first MESSAGE OUT, which names the operation. */
static void latch(struct tgt *t, struct span bytes)
{
	struct tenure *n = &t->tenure;
	if (n->role != BURST_PARTICIPANT)
		return;
	n->mirror = false;
	/* Further operations of a tenure come without a new IDENTIFY. */
	n->identified = true;
	n->next = NEXT_LATCHED;
	tgt_message_out(t, bytes);
}

static void bus_free(struct tgt *t, const struct wire_item *it)
{
	if ((it->flags & ITEM_PARK) && t->tenure.role == BURST_TARGET && !t->tenure.mirror) {
		park(t);
		return;
	}
	struct tenure *n = &t->tenure;
	struct task *k = n->task;
	/* A command that had all its data lives on after an expected BUS FREE: its port has sent
	 * DISCONNECT. */
	if (k && !(it->flags & ITEM_CUT) && !k->silent && k->state != TASK_DATA)
		tgt_port_detach(t, k);
	tgt_port_close(t);
}

static void item(struct tgt *t, const struct wire_item *it, struct block *data)
{
	switch ((enum wire_item_kind)it->kind) {
	case ITEM_SELECT:
		selected(t, it);
		break;
	case ITEM_MSG_OUT:
		messages(t, it);
		break;
	case ITEM_COMMAND:
		command(t, it);
		break;
	case ITEM_DATA_OUT:
		data_out(t, it, data);
		break;
	case ITEM_LATCH:
		latch(t, it->bytes);
		break;
	case ITEM_TOKEN:
		tgt_silent_token(t);
		break;
	case ITEM_FREE:
		bus_free(t, it);
		break;
	case ITEM_DATA_IN: /* what the port itself did for us */
	case ITEM_STATUS:
	case ITEM_MSG_IN:
	case ITEM_PASS:
	case ITEM_SENSE:
	case ITEM_UNIT:
		break;
	}
}

/* ---- the answer ---- */

static void answer_status(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	struct task *k = n->task;
	if (!k) {
		tgt_reply_phase(t, ITEM_FREE, 0);
		return;
	}
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	bool delayed = k->state == TASK_DONE && tgt_allegiance_delays(k);
	bool lasts = k->state == TASK_READY && !(c->flags & CMD_QUICK);
	if (k->disc_priv && (delayed || lasts)) {
		/* What may take its time lets the bus go, if it may. */
		tgt_reply_disconnect(t);
		tgt_port_detach(t, k);
		tgt_port_close(t);
	} else if (k->state == TASK_DONE) {
		if (tgt_task_ended(t, k))
			tgt_task_deliver(t, k);
	} else if (k->state == TASK_READY) {
		tgt_task_submit(t, k);
	}
}

static void answer(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (n->again) {
		tgt_reply_again(t);
		return;
	}
	if (n->atn && n->next != NEXT_FREE && n->next != NEXT_DRAIN) {
		tgt_reply_phase(t, ITEM_MSG_OUT, 0);
		return;
	}
	switch (n->next) {
	case NEXT_MESSAGES:
		tgt_reply_phase(t, ITEM_MSG_OUT, 0);
		break;
	case NEXT_COMMAND:
		tgt_reply_phase(t, ITEM_COMMAND, 0);
		break;
	case NEXT_DATA:
		if (fault_dies(&t->faults, STEP_DATA))
			tgt_out_die(t);
		tgt_reply_phase(t, ITEM_DATA_OUT, n->task->want_out);
		break;
	case NEXT_STATUS:
		answer_status(t);
		break;
	case NEXT_FREE:
	case NEXT_LATCHED:
	case NEXT_MORE:
	case NEXT_PASS:
		tgt_reply_phase(t, ITEM_FREE, 0);
		break;
	case NEXT_DRAIN:
		tgt_port_drained(t);
		break;
	}
}

/* A port that was armed has sent DISCONNECT by itself: the bus waits for nothing. */
static void unasked(struct tgt *t)
{
	struct task *k = t->tenure.task;
	bool whole = k && (k->state == TASK_READY || k->state == TASK_DONE) && k->due == NS_NEVER;
	if (whole && !k->silent && k->disc_priv)
		tgt_port_detach(t, k);
}

/* A reselection of ours that the initiator does not let end, or that could not be run: the task is
 * over here either way. */
static void reselection(struct tgt *t, const struct wire_burst *b)
{
	if (!b->wanted)
		return;
	tenure_open(t, b);
	t->tenure.wanted = true;
	t->tenure.token = b->token;
	t->tenure.next = NEXT_FREE;
	tgt_reply_phase(t, ITEM_FREE, 0);
}

void tgt_port_burst(struct tgt *t, const struct wire_burst *b, struct block *data)
{
	struct tenure *n = &t->tenure;
	if (b->initiator >= WIRE_IDS)
		return;
	if (b->program != 0) {
		reselection(t, b);
		return;
	}
	if (!n->open || n->number != b->tenure) {
		tgt_port_close(t);
		if (!resume(t, b))
			tenure_open(t, b);
	}
	n->role = b->role;
	n->token = b->token;
	n->wanted = b->wanted;
	n->atn = b->atn;
	n->again = false;
	struct rd r = rd_init(b->items.p, b->items.n);
	struct wire_item it;
	while (n->open && wire_item_get(&r, &it)) {
		n->last_item = rd_left(&r) == 0;
		item(t, &it, data);
	}
	if (!n->open)
		return;
	if (n->mirror || n->role == BURST_PARTICIPANT)
		tgt_silent_answer(t);
	else if (n->wanted)
		answer(t);
	else
		unasked(t);
}

/* ---- what the port is told ---- */

static const uint8_t armed_ops[] = {0x0a, 0x2a, 0x2e, 0x2f, 0x8a, 0x8e, 0x8f, 0xaa, 0xae, 0xaf};
_Static_assert(sizeof(armed_ops) <= WIRE_OPS_MAX, "armed_ops");

static bool lu_refuses(const struct tgt *t, const struct tgt_lu *lu)
{
	bool refuses = lu->stopped || lu->store_dead || lu->bg.kind != BG_NONE ||
	               lu->bg.medium != MEDIUM_GOOD || lu->cfg.write_protect ||
	               lu->modes.current.swp;
	refuses = refuses || lu->aca || tgt_reserve_hinders(t, lu);
	for (unsigned i = 0; i < WIRE_IDS; i++)
		refuses = refuses || (t->ini[i].up && (ua_pending(&lu->nexus[i].ua) ||
		                                       lu->nexus[i].members_changed));
	return refuses;
}

/* A port takes data ahead of the process only where nothing stands against the command. */
static uint8_t arm_mode(const struct tgt *t)
{
	const struct faults *f = &t->faults;
	if (t->cfg.unarmed || fault_has(f, FAULT_DIE) || fault_has_parity(f, PHASE_MESSAGE_OUT) ||
	    fault_has_parity(f, PHASE_COMMAND))
		return ARM_NONE;
	bool refuses = fault_has(f, FAULT_BUSY) || fault_has(f, FAULT_FULL) ||
	               fault_has_parity(f, PHASE_DATA_OUT);
	return refuses ? ARM_FRONT : ARM_FULL;
}

static void arm_lun(struct wire_arm *arm, const struct tgt_lu *lu)
{
	struct wire_arm_lun *out = &arm->luns[arm->n_luns++];
	*out = (struct wire_arm_lun){
	        .lun = lu->lun,
	        .block_size = lu->cfg.block_size,
	        .blocks = lu->cfg.blocks,
	        .max_data = TGT_TRANSFER_MAX,
	        .n_ops = sizeof(armed_ops),
	};
	memcpy(out->ops, armed_ops, sizeof(armed_ops));
}

/* Those that take data ahead, as far as one frame can name them; the others are asked for each
 * data phase. */
static uint64_t willing(const struct tgt *t)
{
	const struct tgt_lu *lu;
	uint64_t out = 0;
	unsigned n = 0;
	LU_FOREACH (lu, t)
		if (n < WIRE_LUNS_MAX && !lu_refuses(t, lu)) {
			out |= 1ULL << lu->lun;
			n++;
		}
	return out;
}

void tgt_port_arm(struct tgt *t)
{
	uint64_t luns = willing(t);
	uint8_t mode = arm_mode(t);
	if (mode == ARM_FULL && luns == 0)
		mode = ARM_FRONT;
	if (mode != ARM_FULL)
		luns = 0;
	if (!t->attached || (t->arm_sent && t->armed == mode && t->armed_luns == luns))
		return;
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	a->frame.type = WIRE_ARM;
	a->frame.arm = (struct wire_arm){.mode = mode};
	const struct tgt_lu *lu;
	LU_FOREACH (lu, t)
		if (luns >> lu->lun & 1)
			arm_lun(&a->frame.arm, lu);
	t->armed = mode;
	t->armed_luns = luns;
	t->arm_sent = true;
}

void tgt_port_members(struct tgt *t)
{
	const struct tgt_lu *lu;
	if (!t->attached)
		return;
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	a->frame.type = WIRE_MEMBERS;
	a->frame.members = (struct wire_members){0};
	LU_FOREACH (lu, t) {
		const struct mode_mirror *m = &lu->modes.current.mirror;
		if (m->member && a->frame.members.n < WIRE_MEMBERS_MAX)
			a->frame.members.m[a->frame.members.n++] = (struct wire_member){
			        .lun = lu->lun, .group = m->group, .device = m->device};
	}
}
