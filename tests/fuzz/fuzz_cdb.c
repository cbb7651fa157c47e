/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of commands to a disk's core, with what a bus may do around them: chosen fields and
 * parameter lists, several initiators, tags and logical units, data that are cut or wrong, data
 * phases in parts, resets, messages that abort, faults, restarts, and a store that answers late, in
 * any order, or with errors. The input is read byte by byte as decisions; it ends where the bytes
 * do.
 *
 * What must hold is asserted: the core's invariants after each step; that each task ends exactly
 * once, or was ended by something that may do that, and then never more; that a status and sense
 * data are such as the command can have; that data in are as long as they say, and no longer than
 * asked for; that what is read may be there, by what was written with GOOD; that the store is asked
 * for nothing that nobody asks for; that what is kept is enough for a restart; that what REPORT
 * SUPPORTED OPERATION CODES says is what happens.
 */
#include "fuzz/cdb_world.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define STEPS_MAX 200

uint8_t next(struct source *s)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->p++;
}

/* ---- commands ---- */

/* Other tasks may end by it: another initiator's, and those with its own key are its initiator's,
 * too. */
static bool ends_others(const struct expected *e)
{
	return e->raw[0] == 0x5f;
}

bool world_others_end(const struct world *w)
{
	FOR_TASKS (w, e)
		if (e->out && ends_others(e))
			return true;
	for (unsigned i = 0; i < w->n_held; i++)
		if (w->held[i].ends_others)
			return true;
	return false;
}

static void maybe_all(struct world *w)
{
	FOR_TASKS (w, e)
		e->maybe = true;
}

/* A nexus that is in use: the disk ends all that the initiator has at the logical unit. */
static void overlap(struct world *w)
{
	for (unsigned tag = 0; tag < TAGS; tag++)
		w->task[w->who][w->lun][tag].maybe = true;
}

static void command(struct world *w)
{
	static const uint8_t kinds[] = {0x20, 0x20, 0x20, 0x20, 0x22, 0x22, 0x21, 0x24};
	uint8_t flags = next(&w->in), more = next(&w->in);
	unsigned tag = flags >> 1 & 3;
	struct expected chosen;

	world_free_bus(w);
	world_ask_all(w);
	if (w->dead)
		return;
	w->who = flags & 1;
	w->lun = more >= 0xf8 ? 2 : (w->how & HOW_TWO) ? more & 1 : 0;
	w->n_msg = 0;
	w->msg[w->n_msg++] = (uint8_t)(0x80 | (flags & 8 ? 0x40 : 0) | w->lun);
	if (tag > 0) {
		w->msg[w->n_msg++] = kinds[(flags >> 4) % ARRAY_LEN(kinds)];
		w->msg[w->n_msg++] = (uint8_t)tag;
	}
	choose_command(w, &chosen);
	struct expected *e = &w->task[w->who][w->lun][tag];
	bool overlaps = e->out;
	if (overlaps)
		overlap(w);
	for (unsigned i = 0; i < PARKED; i++)
		w->parked[i].on = w->parked[i].on && w->parked[i].e != e;
	model_over(w, e);
	*e = chosen;
	e->out = true;
	e->crowded = oracle_crowded(w, w->lun);
	e->maybe = w->lossy || world_others_end(w);
	model_begin(w, e);
	if (e->bg && w->lun < UNITS)
		w->unit[w->lun].bg |= e->what[0];
	if (ends_others(e))
		maybe_all(w);
	w->at = e;
	/* Of one that never comes nothing could be told from the old one. */
	w->parity = more & 0x40 && !overlaps ? next(&w->in) : 0;
	world_command(w);
	if (!(flags & 8))
		world_free_bus(w);
	world_ask_all(w);
}

/* ---- task management ---- */

static void over(struct world *w, unsigned who, unsigned lun, unsigned tag)
{
	struct expected *e = &w->task[who][lun][tag];

	for (unsigned i = 0; i < PARKED; i++)
		w->parked[i].on = w->parked[i].on && w->parked[i].e != e;
	model_over(w, e);
}

/* Those of one initiator at a logical unit have ended for good when the bus is free; those of
 * another one may have a status yet. */
static void set_over(struct world *w, unsigned who, unsigned lun, bool others)
{
	for (unsigned tag = 0; tag < TAGS; tag++) {
		over(w, who, lun, tag);
		for (unsigned i = 0; i < INITIATORS && others; i++)
			w->task[i][lun][tag].maybe = true;
	}
}

static void manage(struct world *w)
{
	enum { ABORT_SET, TARGET_RESET, ABORT, CLEAR_SET, UNIT_RESET, CLEAR_ACA, DETECTED, NONE };
	static const uint8_t codes[] = {0x06, 0x0c, 0x0d, 0x0e, 0x17, 0x16, 0x05, 0x08};
	uint8_t how = next(&w->in), which = (how >> 4) % ARRAY_LEN(codes);
	unsigned tag = how >> 2 & 3;

	world_free_bus(w);
	world_ask_all(w);
	if (w->dead)
		return;
	w->who = how & 1;
	w->lun = (w->how & HOW_TWO) && how & 2;
	w->n_msg = 0;
	w->msg[w->n_msg++] = (uint8_t)(0x80 | w->lun);
	if (which == ABORT && tag > 0) {
		w->msg[w->n_msg++] = 0x20;
		w->msg[w->n_msg++] = (uint8_t)tag;
	}
	w->msg[w->n_msg++] = codes[which];
	for (unsigned i = 0; i < INITIATORS && which == TARGET_RESET; i++)
		for (unsigned lun = 0; lun < LUNS; lun++)
			set_over(w, i, lun, false);
	if (which == ABORT)
		over(w, w->who, w->lun, tag);
	if (which == ABORT_SET || which == CLEAR_SET || which == UNIT_RESET)
		set_over(w, w->who, w->lun, which != ABORT_SET);
	world_message(w);
	world_free_bus(w);
}

/* ---- everything else ---- */

static void fault(struct world *w)
{
	enum { LOSES_STATUS = 5 };
	static const char *const specs[] = {"busy",
	                                    "task-set-full",
	                                    "crc-error:times=2",
	                                    "slow:ms=5",
	                                    "medium-error:lba=3",
	                                    "no-status",
	                                    "slow:ms=0",
	                                    "medium-error:lba=2,blocks=9"};
	char why[128];
	uint8_t which = next(&w->in) % 16;
	struct wire_frame f = {.type = WIRE_MGMT};
	struct tgt_event ev = {.kind = TGT_EV_FRAME};

	if (which < ARRAY_LEN(specs)) {
		(void)tgt_fault_add(w->t, specs[which], why, sizeof(why)); /* they may be many */
		w->faults = true;
		if (which == LOSES_STATUS) { /* of what is under way, and of what comes */
			w->lossy = true;
			maybe_all(w);
		}
		return;
	}
	f.mgmt = (struct wire_mgmt){.req = 1, .from = 7, .to = 2, .kind = MGMT_FAULT_CLEAR};
	ev.frame = &f;
	world_step(w, &ev);
}

static void leave(struct world *w)
{
	uint8_t id = (uint8_t)(FIRST_ID + next(&w->in) % INITIATORS);

	world_free_bus(w);
	world_port(w, id, false);
	world_port(w, id, true);
	for (unsigned lun = 0; lun < LUNS; lun++)
		w->unasked[id - FIRST_ID][lun].on = false;
}

/* What a unit that goes had been asked for is answered in some way. */
static void unit_goes(struct world *w)
{
	struct tgt_event ev = {.kind = TGT_EV_LU_REMOVED};

	FOR_TASKS (w, e)
		e->stale |= e->on == 1;
	for (unsigned who = 0; who < INITIATORS; who++)
		for (unsigned tag = 0; tag < TAGS; tag++)
			w->task[who][1][tag].gone = true;
	model_replaced(w, 1);
	w->unit[1].present = false;
	w->unit[1].generation++;
	ev.removed = 1;
	world_step(w, &ev);
}

static void unit_new(struct unit *u, bool thin)
{
	u->m = (struct medium){.bytes = u->bytes,
	                       .mapped = thin ? u->mapped : NULL,
	                       .block_size = BLOCK,
	                       .blocks = BLOCKS};
	u->present = true;
	u->n_saved = 0;
	for (unsigned b = 0; b < BLOCKS; b++)
		memset(u->bytes + (size_t)b * BLOCK, (int)b, BLOCK);
	memset(u->mapped, 0, sizeof(u->mapped));
	model_unit_new(u);
}

struct tgt_lu_config world_unit_config(const struct world *w, uint8_t lun)
{
	const struct unit *u = &w->unit[lun];

	return (struct tgt_lu_config){
	        .uuid = {lun, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	        .name = "disk",
	        .block_size = BLOCK,
	        .blocks = BLOCKS,
	        .write_protect = (w->how & HOW_PROTECTED) == HOW_PROTECTED,
	        .thin = w->how & HOW_THIN,
	        .saved = {u->saved, u->n_saved},
	};
}

static void unit_comes(struct world *w)
{
	struct tgt_event ev = {.kind = TGT_EV_LU_ADDED};
	char why[128];

	if (!w->unit[1].present) {
		unit_new(&w->unit[1], w->how & HOW_THIN);
		model_replaced(w, 1);
	}
	struct tgt_lu_config c = world_unit_config(w, 1);
	ev.added = tgt_lu_new(1, &c, why, sizeof(why));
	sm_assert(ev.added);
	world_step(w, &ev);
}

static void start_target(struct world *w)
{
	struct tgt_config c = {
	        .lu = world_unit_config(w, 0),
	        .luns = UNITS,
	        .queue_depth = DEPTH,
	        .unarmed = w->how & HOW_UNARMED,
	        .xfer = XFER_ULTRA160,
	};
	char why[128];

	w->t = tgt_new(&c, why, sizeof(why));
	sm_assert(w->t);
	if (w->how & HOW_TWO)
		unit_comes(w);
}

static void drop_held(struct world *w)
{
	for (unsigned i = 0; i < w->n_held; i++)
		block_unref(w->held[i].a.block);
	w->n_held = 0;
}

/* The process ends and begins: what was kept is there, and what the store had done. */
static void restart(struct world *w)
{
	world_free_bus(w);
	FOR_TASKS (w, e)
		model_over(w, e);
	if (w->dead)
		return;
	drop_held(w);
	tgt_free(w->t);
	memset(w->unasked, 0, sizeof(w->unasked));
	memset(w->parked, 0, sizeof(w->parked));
	w->faults = w->lossy = false;
	start_target(w);
	world_attach(w, w->boot + 1);
}

static void one(struct world *w)
{
	uint8_t what = next(&w->in);

	if (what < 190)
		command(w);
	else if (what < 220 && w->n_held > 0)
		world_answer(w, next(&w->in) % w->n_held);
	else if (what < 226) {
		world_free_bus(w);
		world_ask_all(w);
		if (!w->dead)
			world_resume(w, next(&w->in));
	} else if (what < 236)
		manage(w);
	else if (what < 238) {
		memset(w->unasked, 0, sizeof(w->unasked));
		world_reset(w);
	} else if (what < 240)
		leave(w);
	else if (what < 244)
		fault(w);
	else if (what < 248)
		w->now += next(&w->in) * NS_PER_MS;
	else if (what < 252 && (w->how & HOW_TWO))
		w->unit[1].present ? unit_goes(w) : unit_comes(w);
	else if (what < 254) {
		world_free_bus(w);
		memset(w->unasked, 0, sizeof(w->unasked));
		world_detach(w);
		world_attach(w, w->boot + next(&w->in) % 2);
	} else
		restart(w);
	world_ask_all(w);
	if (!w->dead && tgt_deadline(w->t) <= w->now)
		world_deadline(w);
}

/* ---- beginning and end ---- */

static void ask(struct world *w, const uint8_t *cdb, size_t n)
{
	struct expected *e = &w->task[0][0][0];

	*e = (struct expected){.out = true};
	choose_given(e, cdb, n);
	w->at = e;
	w->who = w->lun = 0;
	w->msg[0] = 0x80;
	w->n_msg = 1;
	w->n_got = 0;
	world_command(w);
	world_free_bus(w);
	sm_assert(!e->out && !w->unasked[0][0].on);
}

/* All operation codes by the command that says so; the disk is new. */
static void learn(struct world *w)
{
	static const uint8_t request[] = {0x03, 0, 0, 0, SCSI_SENSE_MAX, 0};

	for (unsigned i = 0; i < 4; i++)
		ask(w, request, sizeof(request));
	for (unsigned op = 0; op < 256; op++) {
		unsigned actions = scsi_opcode_has_actions((uint8_t)op) ? 32 : 1;
		for (unsigned a = 0; a < actions; a++) {
			/* REPORTING OPTIONS 3: whichever it has */
			const uint8_t cdb[] = {0xa3, 0x0c, 3, (uint8_t)op, 0, (uint8_t)a,
			                       0,    0,    0, 4,           0, 0};
			ask(w, cdb, sizeof(cdb));
			oracle_learn(w, (uint8_t)op, (uint8_t)a,
			             w->n_got == 4 && (w->got[1] & 7) == 3);
		}
	}
	oracle_learned(w);
}

/* Everything that is under way ends, and every status that is owed has come. */
static void finish(struct world *w)
{
	world_free_bus(w);
	for (unsigned i = 0; i < PARKED && !w->dead; i++)
		world_resume(w, i);
	for (unsigned i = 0; i < PATIENCE && !w->dead; i++) {
		world_ask_all(w);
		if (w->n_held > 0)
			world_answer(w, 0);
		else if (tgt_tasks(w->t) > 0 && tgt_deadline(w->t) != NS_NEVER)
			world_deadline(w);
		else
			break;
	}
}

/* With an ACA, tasks wait for whoever has it. */
static void check_end(struct world *w)
{
	if (!w->dead && !w->naca) {
		sm_assert(tgt_tasks(w->t) == 0);
		sm_assert(tgt_store_ops(w->t) == 0 && w->n_held == 0);
		FOR_TASKS (w, e)
			sm_assert(!e->out || e->maybe);
	}
	FOR_TASKS (w, e)
		model_over(w, e);
	for (unsigned i = 0; i < UNITS && w->n_held == 0; i++)
		if (w->unit[i].present)
			model_finish(&w->unit[i]);
}

static void begin(struct world *w, struct source in)
{
	memset(w, 0, sizeof(*w));
	w->trace = getenv("FUZZ_CDB_TRACE");
	w->in = in;
	w->how = next(&w->in);
	w->now = 1000 * NS_PER_S;
	w->tenure = 1000;
	unit_new(&w->unit[0], w->how & HOW_THIN);
	start_target(w);
	world_attach(w, 1);
}

static void end(struct world *w)
{
	drop_held(w);
	tgt_free(w->t);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct world w;

	begin(&w, (struct source){p, n});
	if (!oracle_knows(&w)) { /* in a world of its own */
		learn(&w);
		end(&w);
		begin(&w, (struct source){p, n});
	}
	for (unsigned i = 0; i < STEPS_MAX && w.in.n > 0 && !w.dead; i++)
		one(&w);
	finish(&w);
	check_end(&w);
	end(&w);
	return 0;
}
