/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands: how one is accepted (dispatch.c), and what each has for the table commands.def
 * (cmd_*.c).
 */
#ifndef TARGET_CMD_H
#define TARGET_CMD_H

#include "target/lu.h"

struct tgt;

/* Of one UNMAP: as VPD page B0h says. */
#define TGT_UNMAP_BLOCKS_MAX      (1U << 20)
#define TGT_UNMAP_DESCRIPTORS_MAX 256
/* Of one WRITE SAME, likewise. */
#define TGT_SAME_BLOCKS_MAX 32768

/* Byte 4 of PREVENT ALLOW MEDIUM REMOVAL and START STOP UNIT. */
#define TGT_PREVENT         0x01 /* the field's other values are obsolete */
#define TGT_START           0x01
#define TGT_POWER_CONDITION 4 /* a shift */

/* ---- dispatch.c ---- */

enum cmd_flags {
	CMD_QUICK = 0x01,   /* answered at once, never queued */
	CMD_MEDIUM = 0x02,  /* touches the medium: faults strike, must be started */
	CMD_READY = 0x04,   /* must be started */
	CMD_NO_UA = 0x08,   /* no CHECK CONDITION for a UNIT ATTENTION (SAM-5, 5.14) */
	CMD_ANY_LUN = 0x10, /* answers for logical units that are not there */
	CMD_PASS = 0x20,    /* may be the command of a mirroring pass */
	CMD_KEEP_CA = 0x40, /* does not clear the contingent allegiance that it finds */
	CMD_BLOCKS = 0x80,  /* touches the blocks that its CDB names: order.c */
	CMD_THIN = 0x100,   /* only where logical blocks can be unmapped */
	CMD_TYPE2 = 0x200,  /* only where it is formatted with type 2 protection */
};

struct cmd {
	enum scsi_op op;
	uint16_t flags;
	/* Looks at the CDB. False: refused with k->sense. Sets k->want_out. */
	bool (*accept)(struct tgt *t, struct task *k);
	/* Quick: answers (k->status, k->small). Others: says what is to be done (k->work). False:
	 * ended, with k->status. */
	bool (*run)(struct tgt *t, struct task *k);
};
const struct cmd *tgt_cmd_find(enum scsi_op op); /* NULL: not supported */
/* The same by what this logical unit is like. */
const struct cmd *tgt_cmd_of(const struct tgt_lu *lu, enum scsi_op op);

/* A task for the tenure's command; refused ones come back in TASK_DONE. */
struct task *tgt_dispatch(struct tgt *t);
/* A task for a command that could not be read: in TASK_DONE, with this sense. */
struct task *tgt_dispatch_unread(struct tgt *t, struct scsi_sense sense);
/* Commands of this opcode are told apart by a service action, and the unit has one of them. */
bool tgt_cmd_has_actions(const struct tgt_lu *lu, uint8_t opcode);
/* False, with the sense set: INVALID FIELD IN CDB. bit 0xff: the whole byte. */
bool tgt_cdb_field_bad(struct task *k, uint16_t field, uint8_t bit);

/* True when byte `at` of the CDB has no bits but the allowed ones; else the pointer is at the first
 * of the others. */
bool tgt_cdb_only(struct task *k, uint16_t at, uint8_t byte, uint8_t allowed);

bool tgt_cmd_accept_rw(struct tgt *t, struct task *k);
bool tgt_cmd_accept_verify(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_atomic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_sync(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_same(struct tgt *t, struct task *k);
bool tgt_cmd_run_write_same(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pre_fetch(struct tgt *t, struct task *k);
bool tgt_cmd_run_pre_fetch(struct tgt *t, struct task *k);
bool tgt_cmd_run_rw(struct tgt *t, struct task *k);
bool tgt_cmd_run_sync(struct tgt *t, struct task *k);
bool tgt_cmd_accept_inquiry(struct tgt *t, struct task *k);
bool tgt_cmd_run_inquiry(struct tgt *t, struct task *k);
bool tgt_cmd_accept_mode_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_mode_sense(struct tgt *t, struct task *k);
bool tgt_cmd_accept_mode_select(struct tgt *t, struct task *k);
bool tgt_cmd_run_mode_select(struct tgt *t, struct task *k);
void tgt_cmd_mode_saved(struct tgt *t, struct task *k, bool ok);
bool tgt_cmd_accept_plain(struct tgt *t, struct task *k);
bool tgt_cmd_run_test_unit_ready(struct tgt *t, struct task *k);
bool tgt_cmd_accept_request_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_request_sense(struct tgt *t, struct task *k);
bool tgt_cmd_accept_read_capacity(struct tgt *t, struct task *k);
bool tgt_cmd_run_read_capacity(struct tgt *t, struct task *k);
bool tgt_cmd_run_reserve(struct tgt *t, struct task *k);
bool tgt_cmd_run_release(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pr_in(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_keys(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_reservation(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_report_capabilities(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_full_status(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pr_out(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_out(struct tgt *t, struct task *k);
/* It is a PERSISTENT RESERVE OUT. */
bool tgt_cmd_reserves(const struct task *k);
void tgt_cmd_reserve_saved(struct tgt *t, struct task *k, bool ok);
bool tgt_cmd_accept_report_luns(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_luns(struct tgt *t, struct task *k);
bool tgt_cmd_accept_start_stop(struct tgt *t, struct task *k);
bool tgt_cmd_run_start_stop(struct tgt *t, struct task *k);

bool tgt_cmd_accept_report_opcodes(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_opcodes(struct tgt *t, struct task *k);
bool tgt_cmd_accept_report_functions(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_functions(struct tgt *t, struct task *k);
bool tgt_cmd_accept_log_select(struct tgt *t, struct task *k);
bool tgt_cmd_run_log_select(struct tgt *t, struct task *k);
bool tgt_cmd_accept_extended_copy(struct tgt *t, struct task *k);
bool tgt_cmd_run_extended_copy(struct tgt *t, struct task *k);
bool tgt_cmd_accept_copy_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_failed(struct tgt *t, struct task *k);
bool tgt_cmd_accept_copy_parameters(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_parameters(struct tgt *t, struct task *k);
/* What is to be done next, in k->on; false: nothing more, or it failed. */
bool tgt_copy_next(struct tgt *t, struct task *k);
/* What was read is over. */
void tgt_copy_drop(struct tgt *t, struct task *k);
/* Its status is known: that is kept. */
void tgt_copy_end(struct task *k);
/* It was aborted, and is in no store any more: the same. */
void tgt_copy_aborted(struct task *k);
bool tgt_cmd_accept_log_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_log_sense(struct tgt *t, struct task *k);

bool tgt_cmd_accept_prevent_allow(struct tgt *t, struct task *k);
bool tgt_cmd_run_prevent_allow(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_run_write_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_accept_read_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_run_read_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_accept_send_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_run_send_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_receive_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_run_receive_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_defects(struct tgt *t, struct task *k);
bool tgt_cmd_run_defects(struct tgt *t, struct task *k);

bool tgt_cmd_accept_unmap(struct tgt *t, struct task *k);
bool tgt_cmd_run_unmap(struct tgt *t, struct task *k);
bool tgt_cmd_accept_format(struct tgt *t, struct task *k);
bool tgt_cmd_run_format(struct tgt *t, struct task *k);
bool tgt_cmd_accept_sanitize(struct tgt *t, struct task *k);
bool tgt_cmd_run_sanitize(struct tgt *t, struct task *k);
bool tgt_cmd_run_sanitize_exit(struct tgt *t, struct task *k);
bool tgt_cmd_accept_get_lba_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_get_lba_status(struct tgt *t, struct task *k);

/* What a command has to do, to these blocks: up to the first one that a medium error strikes. */
void tgt_cmd_start(struct tgt *t, struct task *k, lba_t first, uint32_t count, uint16_t work);
/* False, with the sense set: the unit may not be written. */
bool tgt_cmd_may_write(struct task *k);
/* The initiator is to ask for page 30h before this command. */
bool tgt_members_unread(const struct task *k, unsigned flags);
/* Another initiator has changed page 30h since this command came, and waited for its turn: it was
 * meant for what was there before, whether its initiator has asked meanwhile or not. */
bool tgt_members_before(const struct task *k, unsigned flags);
/* Quick commands: w holds the data; the allocation length cuts them. */
void tgt_cmd_reply(struct tgt *t, struct task *k, const struct wr *w);

/* ---- cmd_unmap.c ---- */

/* From the first to the last block that an UNMAP, which has its list, names; *blocks 0: none. */
void tgt_unmap_extent(const struct task *k, lba_t *lba, uint64_t *blocks);
/* The next of its descriptors, as work. False: there is none. */
bool tgt_unmap_next(struct tgt *t, struct task *k);

/* ---- cmd_reserve.c ---- */

/* conflicts.def has a row for it. */
bool tgt_reserve_knows(enum scsi_op op);
/* False: RESERVATION CONFLICT. (PERSISTENT RESERVE OUT may find one by its keys, later.) */
bool tgt_reserve_allows(const struct task *k);
/* Some initiator that is up may not write. */
bool tgt_reserve_hinders(const struct tgt *t, const struct tgt_lu *lu);

/* ---- cmd_format.c ---- */

/* A FORMAT UNIT whose data came: more are to come, k->want_out of them. Else it has them all, or is
 * refused (k->status). */
bool tgt_format_more(struct tgt *t, struct task *k);

/* ---- cmd_log.c ---- */

/* Work of the store that counts: blocks that were done; a medium error that ends the command. Work
 * that moves no blocks is not counted. */
void tgt_log_done(struct tgt_lu *lu, enum task_work work, uint32_t blocks);
void tgt_log_error(struct tgt_lu *lu, enum task_work work);

/* ---- vpd.c ---- */

/* INQUIRY shows them, too. */
#define TGT_VENDOR  "SMIRROR "
#define TGT_PRODUCT "EMULATED DISK   "

#define TGT_NAA_LEN 8
/* NAA designator: locally assigned, of the UUID. */
void tgt_vpd_naa(const struct tgt_lu *lu, uint8_t out[TGT_NAA_LEN]);
bool tgt_vpd_known(uint8_t code);
/* The whole page, which is known, to an empty w. */
void tgt_vpd_put(const struct tgt_lu *lu, uint8_t code, struct wr *w);

#endif
