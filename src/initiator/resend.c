/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a member's outcome means, and what is sent again because of it.
 *
 * A medium error names the first bad block (INFORMATION): those before it are
 * written, those behind it were not reached. At first the whole rest goes out again in the next
 * round. When it fails once more, the bad block is set apart: it alone counts further tries, and
 * the blocks behind it are sent at once. So one bad block does not make a run bad, and a bad
 * area is found out exactly.
 */
#include "initiator/core.h"

#include "base/assert.h"

/* A member with so many bad blocks in one job is not looked at block by block any more. */
#define NARROW_LIMIT 4096

static bool within(lba_t lba, lba_t first, uint32_t blocks)
{
	return lba >= first && lba - first < blocks;
}

static struct verdict hard(const char *what, bool sent)
{
	return (struct verdict){
	        .kind = V_HARD, .sent = sent, .why = {.status = STATUS_NONE, .what = what}};
}

static struct verdict soft(const char *what, bool sent)
{
	struct verdict v = hard(what, sent);

	v.kind = V_SOFT;
	return v;
}

static struct verdict missed(void)
{
	struct verdict v = hard("it missed the broadcast", true);

	v.kind = V_MISSED;
	return v;
}

static enum verdict_kind of_sense(struct verdict *v, enum io_kind kind, lba_t lba, uint32_t blocks)
{
	const struct scsi_sense *s = &v->why.sense;
	bool located = s->info_valid && within(s->info, lba, blocks) && kind != IO_FLUSH;

	v->lba = located ? s->info : lba;
	/* SPC-4, "Deferred errors": it is about a command of before, and this one was not done. */
	if (s->deferred)
		return V_FATAL;
	/* Protection information that is wrong is no more for the whole of it than a medium error.
	 */
	if (located && scsi_sense_names_block(s))
		return V_PART;
	/* One that names a block, and none of the command: it is another one's. A command of ours
	 * that crossed its CHECK CONDITION has cleared that one's allegiance, and the sense with
	 * it. */
	if (s->info_valid && !located && kind != IO_FLUSH &&
	    (s->key == KEY_MISCOMPARE || s->key == KEY_RECOVERED_ERROR))
		return V_SOFT;
	switch (s->key) {
	case KEY_NO_SENSE: /* what it was is lost: a reset came before it was fetched */
		return s->asc == 0 ? V_SOFT : V_HARD;
	case KEY_RECOVERED_ERROR:
		return V_GOOD;
	case KEY_UNIT_ATTENTION:
		v->sent = false;
		return V_SOFT;
	case KEY_MEDIUM_ERROR:
		return V_HARD; /* of no block that was meant */
	case KEY_MISCOMPARE:
		return kind == IO_VERIFY ? V_DIFFERS : V_FATAL;
	case KEY_ILLEGAL_REQUEST:
	case KEY_DATA_PROTECT:
		return V_FATAL;
	default:
		return V_HARD;
	}
}

static struct verdict of_status(uint8_t status, bool has_sense, const struct scsi_sense *sense,
                                enum io_kind kind, lba_t lba, uint32_t blocks)
{
	struct verdict v = {.kind = V_HARD,
	                    .lba = lba,
	                    .sent = true,
	                    .why = {.status = status, .what = scsi_status_name(status)}};

	switch (status) {
	case SCSI_GOOD:
	case SCSI_CONDITION_MET:
		v.kind = V_GOOD;
		break;
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL:
	case SCSI_ACA_ACTIVE:
		v.kind = V_SOFT;
		v.sent = false;
		break;
	case SCSI_RESERVATION_CONFLICT: /* until another initiator gives it up */
		v.kind = V_FATAL;
		break;
	case SCSI_TASK_ABORTED:
		v.kind = V_SOFT;
		break;
	case SCSI_CHECK_CONDITION:
		v.why.has_sense = has_sense;
		v.kind = V_SOFT; /* several had one at once, and whose sense it was is not known */
		if (has_sense) {
			v.why.sense = *sense;
			v.kind = of_sense(&v, kind, lba, blocks);
		}
		break;
	default:
		break;
	}
	return v;
}

struct verdict verdict_pass(const struct hba_pass_member *m, const struct hba_pass *p,
                            enum io_kind kind, lba_t lba, uint32_t blocks)
{
	switch (m->outcome) {
	case PASS_STATUS: {
		struct verdict v = of_status(m->status, m->has_sense, &m->sense, kind, lba, blocks);
		if (v.kind == V_GOOD && m->moved != p->data_len) {
			v = hard("GOOD status for data that it did not take", true);
			v.why.status = m->status;
		}
		return v;
	}
	case PASS_NOT_TAKEN:
		if (p->broadcast && m != &p->m[0])
			return missed();
		/* When it is the leader that failed, the others had no chance. */
		if (p->leader_failed && m != &p->m[0])
			return soft("the leader failed", true);
		return hard("the target did not take its data", true);
	case PASS_LOST:
		return soft("the target went away, or the bus was reset", true);
	case PASS_TIMEOUT:
		break;
	}
	struct verdict v = hard("status timeout", true);
	v.loose = !m->aborted;
	return v;
}

struct verdict verdict_task(const struct hba_task *t, enum io_kind kind, lba_t lba, uint32_t blocks)
{
	struct verdict v;

	switch (t->outcome) {
	case HBA_COMPLETED:
		v = of_status(t->status, t->has_sense, &t->sense, kind, lba, blocks);
		if (v.kind == V_GOOD && t->moved_out != t->data_out_len) {
			v = hard("GOOD status for data that it did not take", true);
			v.why.status = t->status;
		}
		return v;
	case HBA_SELECTION_TIMEOUT:
		return hard("selection timeout", false);
	case HBA_COMMAND_TIMEOUT:
		v = hard("status timeout", true);
		v.loose = !t->aborted;
		return v;
	case HBA_BUS_RESET:
		return soft("the bus was reset", true);
	case HBA_ABORTED:
		break;
	}
	v = soft("the target went away, or aborted the command", true);
	v.loose = !t->aborted;
	return v;
}

ns_t resend_delay(const struct io *io, unsigned round)
{
	const struct ini_config *cfg = &io->ini->cfg;
	ns_t delay = cfg->resend_delay_ns;

	for (unsigned i = 0; i < round && delay < cfg->resend_delay_max_ns; i++)
		delay *= 2;
	return delay < cfg->resend_delay_max_ns ? delay : cfg->resend_delay_max_ns;
}

static void wait_for(struct io *io, ns_t delay)
{
	if (delay == 0)
		delay = 1; /* 0 says that nothing is held */
	if (io->delay_ns < delay)
		io->delay_ns = delay;
}

/* Counts a try for these blocks: they are held for the next round, or have failed for good. */
static void another_try(struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                        const struct verdict *v)
{
	if (blocks == 0)
		return;
	if (mir_set_tries(&io->set, member, lba) + 1 >= io->g->pub.max_passes) {
		mir_set_fail(&io->set, member, lba, blocks);
		io_bad(io, member, lba, blocks, &v->why);
		return;
	}
	mir_set_hold(&io->set, member, lba, blocks, true, v->sent);
	wait_for(io, resend_delay(io, io->round));
}

static bool may_narrow(const struct io *io, unsigned member)
{
	if (!mir_set_room(&io->set))
		return false;
	if (!io->job)
		return true;
	uint8_t t = io->job->target_of[member];
	return t >= INI_MEMBERS_MAX || io->job->pub.t[t].bad < NARROW_LIMIT;
}

static void part(struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                 const struct verdict *v)
{
	uint32_t before = (uint32_t)(v->lba - lba), rest = blocks - before;
	bool first = mir_set_tries(&io->set, member, lba) == 0;

	if (!may_narrow(io, member)) {
		another_try(io, member, lba, blocks, v);
		return;
	}
	mir_set_ok(&io->set, member, lba, before);
	if (first && io->g->pub.max_passes > 1) {
		another_try(io, member, v->lba, rest, v);
		return;
	}
	mir_set_back(&io->set, member, v->lba + 1, rest - 1, true);
	another_try(io, member, v->lba, 1, v);
}

/* A member that differs in so many blocks of one run is read and compared here. */
#define READ_LIMIT 4

/* The block at v->lba is known to differ; its outcome is final, as is that of the equal ones. */
static void differs(struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                    const struct verdict *v)
{
	bool located = v->why.sense.info_valid && within(v->why.sense.info, lba, blocks);
	uint32_t known = located ? (uint32_t)(v->lba - lba) + 1 : blocks;
	uint32_t bad = located ? 1 : blocks;

	if (located && known < blocks && !mir_set_room(&io->set)) {
		another_try(io, member, lba, blocks, v);
		return;
	}
	mir_set_ok(&io->set, member, lba, known);
	if (known < blocks)
		mir_set_back(&io->set, member, lba + known, blocks - known, false);
	io->differing[member] += bad;
	if (io->differing[member] >= READ_LIMIT)
		io->by_read |= (uint16_t)(1U << member);
	io_bad(io, member, v->lba, bad, &v->why);
}

void resend_outcome(struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                    const struct verdict *v)
{
	ns_t now = io->ini->now;

	if (io->mend.on && v->kind != V_GOOD) { /* tried once */
		mir_set_fail(&io->set, member, lba, blocks);
		return;
	}
	switch (v->kind) {
	case V_GOOD:
		mir_set_ok(&io->set, member, lba, blocks);
		return;
	case V_PART:
		part(io, member, lba, blocks, v);
		return;
	case V_DIFFERS:
		differs(io, member, lba, blocks, v);
		return;
	case V_SOFT:
		if (io->busy_since_ns == 0)
			io->busy_since_ns = now ? now : 1;
		if (now - io->busy_since_ns < io->ini->cfg.busy_limit_ns) {
			mir_set_hold(&io->set, member, lba, blocks, false, v->sent);
			wait_for(io, io->ini->cfg.busy_delay_ns);
			return;
		}
		another_try(io, member, lba, blocks, v);
		return;
	case V_HARD:
		another_try(io, member, lba, blocks, v);
		return;
	case V_MISSED:
		mir_set_back(&io->set, member, lba, blocks, v->sent);
		return;
	case V_FATAL:
		mir_set_fail(&io->set, member, lba, blocks);
		io_bad(io, member, lba, blocks, &v->why);
		return;
	}
	sm_assert(false);
}
