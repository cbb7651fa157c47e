/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target's port does by itself, as a target chip that was set up ahead. */
#include "bus/core.h"

static const uint8_t disconnect[] = {0x04};

static const struct wire_arm_lun *armed_lun(const struct port *p, uint8_t lun)
{
	for (unsigned i = 0; i < p->arm.n_luns; i++)
		if (p->arm.luns[i].lun == lun)
			return &p->arm.luns[i];
	return NULL;
}

static bool lists(const struct wire_arm_lun *l, uint8_t opcode)
{
	for (unsigned i = 0; i < l->n_ops; i++)
		if (l->ops[i] == opcode)
			return true;
	return false;
}

/* The CDB at hand wants exactly the bytes that the script has, and the LUN has the blocks. */
static bool cdb_fits(const struct tenure *t, const struct wire_arm_lun *l, uint32_t len)
{
	const struct scsi_cdb *c = &t->parsed;
	enum scsi_dir dir;

	if (!t->cdb_known || !lists(l, c->opcode))
		return false;
	uint64_t wanted = scsi_cdb_data_len(c, l->block_size, &dir);
	return dir == D_OUT && wanted == len && len <= l->max_data && c->lba <= l->blocks &&
	       c->blocks <= l->blocks - c->lba;
}

bool arm_takes_pass(const struct bus *b, const struct port *p, uint8_t device)
{
	const struct tenure *t = &b->ten;
	const struct wire_member *m = silent_member(p, t->group, device);

	if (p->arm.mode != ARM_FULL || !t->leg_data || t->leg_piece.len == 0 || !m || !t->simple)
		return false;
	const struct wire_arm_lun *l = armed_lun(p, m->lun);
	return l && (p->id != t->target || m->lun == t->lun) && cdb_fits(t, l, t->leg_piece.len);
}

static bool takes_command(const struct bus *b, const struct port *p)
{
	const struct tenure *t = &b->ten;
	const struct script *s = t->script;
	const struct wire_arm_lun *l = armed_lun(p, t->lun);

	return l && s && s->n_pieces == 1 && s->out_total > 0 && s->out_at == 0 && t->disc_priv &&
	       t->simple && cdb_fits(t, l, s->out_total);
}

static bool act_command(struct bus *b, const struct port *p)
{
	struct tenure *t = &b->ten;

	if (p->arm.mode != ARM_FULL || t->reselected)
		return false;
	if (t->mirror) {
		if (!arm_takes_pass(b, p, t->legs[t->leg - 1].device))
			return false;
		silent_data_out(b, t->leg_piece.len);
		return true;
	}
	if (!takes_command(b, p))
		return false;
	uint8_t items[3 * WIRE_ITEM_LEN];
	struct wr w = wr_init(items, sizeof(items));
	wire_put_bytes(&w, ITEM_MSG_IN, disconnect, sizeof(disconnect));
	wire_put_plain(&w, ITEM_FREE, 0, 0);
	t->rest = (struct span){items, w.n};
	nexus_data_out(b, t->script->out_total);
	t->pos = POS_FULL;
	return true;
}

static bool command_next(const struct tenure *t)
{
	struct rd r = t->items;
	struct wire_item it;

	return wire_item_get(&r, &it) && it.kind == ITEM_COMMAND;
}

static bool act_messages(struct bus *b, const struct port *p)
{
	const struct tenure *t = &b->ten;

	/* What has to be answered, and mirroring that is not of a group of its own, is the
	 * process's. */
	if (!t->plain || (t->mirror && !silent_member(p, t->group, t->device)))
		return false;
	if (command_next(t))
		tenure_command(b);
	else if (script_atn(t))
		tenure_message_out(b);
	else
		return false;
	return true;
}

static void act_disconnect(struct bus *b)
{
	tenure_say(b, (struct span){disconnect, sizeof(disconnect)});
	tenure_end(b, OUTCOME_DISCONNECTED, false);
}

bool arm_act(struct bus *b)
{
	struct tenure *t = &b->ten;
	const struct port *p = ten_driver(b);

	if (p->arm.mode == ARM_NONE)
		return false;
	switch (t->pos) {
	case POS_SELECTED:
		if (script_atn(t) && t->script->atn && !t->units)
			tenure_message_out(b);
		else
			tenure_command(b);
		return true;
	case POS_MESSAGES:
		return act_messages(b, p);
	case POS_COMMAND:
		return act_command(b, p);
	case POS_DATA:
	case POS_BACK:
		tenure_message_out(b);
		return true;
	case POS_MOVED:
		return false;
	case POS_FULL:
		act_disconnect(b);
		return true;
	case POS_NAMED:
		silent_pass(b);
		return true;
	case POS_RELEASED:
		tenure_end(b, OUTCOME_RELEASED, false);
		return true;
	}
	return false;
}
