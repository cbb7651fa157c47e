/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world around a disk's core in the fuzzing of command sequences (fuzz_cdb.c): initiators and
 * the bus (cdb_bus.c), the store (cdb_store.c), what they send (cdb_choose.c), what a status and
 * sense data may say (cdb_oracle.c), and what may be on the medium (cdb_model.c).
 *
 * Blocks that are written hold one byte, below 64, in all their bytes: so what a block may hold is
 * a set of 64 bits.
 */
#ifndef TESTS_FUZZ_CDB_WORLD_H
#define TESTS_FUZZ_CDB_WORLD_H

#include "scsi/cdb.h"
#include "scsi/sense.h"
#include "sim/medium.h"
#include "target/target.h"

#define BLOCK      512U
#define BLOCKS     64U /* of each logical unit: a set of them has 64 bits, too */
#define DEPTH      4
#define INITIATORS 2
#define FIRST_ID   6 /* initiators: 6 and 7 */
#define TARGET_ID  2
#define LUNS       3 /* LUN 1 comes and goes, LUN 2 never is */
#define UNITS      2
#define TAGS       4 /* 0: untagged */
#define OPS_MAX    64
#define PARKED     8
#define DATA_MAX   (64U * 1024)
#define PATIENCE   400 /* answers that end what is under way */
#define VALUES     64
#define ANY        UINT64_MAX /* a set of what a block may hold: whatever */

/* ---- the input ---- */

struct source {
	const uint8_t *p;
	size_t n;
};
uint8_t next(struct source *s); /* 0 at its end */

/* ---- commands ---- */

/* What a command may do to blocks, or finds there. */
enum effect {
	EFFECT_NONE,
	EFFECT_READS,    /* they are sent: each holds what it may hold */
	EFFECT_COMPARES, /* with `with` */
	EFFECT_WRITES,
};

/* A task as its initiator sees it. */
struct expected {
	bool out;        /* its status has not come */
	bool crowded;    /* there were as many as there may be when it came */
	bool maybe;      /* something may have ended it, without a status or with TASK ABORTED */
	bool bad;        /* its data came, and were cut or wrong */
	bool wrote;      /* the store was asked to change blocks for it */
	bool gone;       /* the unit that it was sent to went: another one has none of its sense */
	bool stale;      /* the logical unit that it works on went meanwhile */
	bool known;      /* the CDB could be decoded */
	uint32_t tenure; /* in which it went out */
	struct scsi_cdb cdb;
	uint8_t raw[SCSI_CDB_MAX];
	size_t n_raw;
	uint64_t room; /* bytes of data in at most */

	/* As it is chosen: block i of the data holds base + i; those to compare, with + i. */
	uint8_t base, with, how;
	uint32_t out_len; /* bytes that its initiator has for it */
	bool small;       /* they are w->list's, not blocks */
	bool odd;         /* the list may not be what the CDB says */

	enum effect effect;
	uint8_t on;           /* the unit whose blocks */
	bool ors, copies, bg; /* ORWRITE; EXTENDED COPY; the whole unit, in the background */
	bool immediate;       /* bg: GOOD comes before it is done */
	uint8_t from;         /* EXTENDED COPY: the unit that is read */
	unsigned from_lba, to_lba;
	uint64_t touch;          /* blocks, by bit */
	uint64_t what[BLOCKS];   /* WRITES: what it may leave; READS, COMPARES: what it may find */
	uint64_t later[BLOCKS];  /* WRITES: what others that are under way with it may leave */
	uint8_t with_at[BLOCKS]; /* compared with */
};

/* ---- the world ---- */

/* A DATA OUT phase that goes on later. */
struct parked {
	bool on, armed; /* armed: the port has the rest of the tenure, too */
	uint32_t tenure;
	uint8_t who, lun;
	struct expected *e;
	uint32_t bytes;
};

/* Phases that the target drives next, which are the bus's to answer. */
struct asked {
	bool data, message, again, command;
	uint32_t bytes;
};

struct held {
	struct tgt_action a;
	unsigned generation; /* of the unit */
	uint8_t how;         /* decides its answer */
	bool ends_others;    /* a save that may be of a command which does */
};

/* A CHECK CONDITION whose sense was not asked for yet. */
struct unasked {
	bool on;
	struct expected e; /* as it ended */
	ns_t since;
};

struct unit {
	bool present;
	unsigned generation;
	struct medium m;
	uint8_t bytes[BLOCKS * BLOCK];
	bool mapped[BLOCKS];
	uint64_t may[BLOCKS]; /* what each may hold, by what was completed */
	uint64_t bg;          /* what a format or sanitize that was begun may leave */
	uint8_t saving[TGT_SAVED_MAX], saved[TGT_SAVED_MAX];
	size_t n_saved;
};

struct world {
	struct source in;
	struct tgt *t;
	bool trace;  /* to the standard error output */
	uint8_t how; /* bits of enum how */
	struct unit unit[UNITS];
	ns_t now;
	uint64_t boot;
	uint32_t tenure;
	bool open;           /* a tenure is: the target is to drive the next phase */
	uint8_t who, lun;    /* its initiator: index; its logical unit */
	struct expected *at; /* its command; NULL: none */
	uint8_t msg[4];      /* its messages */
	size_t n_msg;
	bool has_cdb;   /* the adapter has a command for it */
	uint8_t parity; /* decides which of its phases go wrong */
	bool wrong;     /* one did */
	struct asked asked;
	struct held held[OPS_MAX];
	unsigned n_held;
	struct parked parked[PARKED];
	struct wire_arm arm; /* as the target has said */
	struct wire_limits limits;
	struct expected task[INITIATORS][LUNS][TAGS];
	struct expected sense; /* the REQUEST SENSE that follows a CHECK CONDITION */
	bool sense_refused;
	struct unasked unasked[INITIATORS][LUNS];
	bool dead;
	/* Has ever been: what makes statuses possible. */
	bool lossy, faults, naca, reserves, modes;
	uint8_t list[256]; /* the parameter list of the command that was chosen last */
	uint32_t list_at;
	uint8_t got[512]; /* the beginning of the data in of `at` */
	size_t n_got;
};

enum how { HOW_THIN = 1, HOW_PROTECTED = 6, HOW_UNARMED = 8, HOW_TWO = 16 };

/* ---- cdb_bus.c ---- */

void world_step(struct world *w, struct tgt_event *ev);
void world_deadline(struct world *w);
/* Answers and lets time pass until the bus is free. */
void world_free_bus(struct world *w);
/* Sends the command that w->at is for, of w->who, w->lun, w->msg. */
void world_command(struct world *w);
/* Sends w->msg alone. */
void world_message(struct world *w);
/* Lets a data phase that was split go on. */
void world_resume(struct world *w, unsigned which);
void world_reset(struct world *w);
void world_port(struct world *w, uint8_t id, bool up);
void world_attach(struct world *w, uint64_t boot);
void world_detach(struct world *w);
/* Asks for the sense of all CHECK CONDITIONs, before anything else clears it. */
void world_ask_all(struct world *w);
struct tgt_lu_config world_unit_config(const struct world *w, uint8_t lun);
/* All tasks that it has, as e. */
#define FOR_TASKS(w, e)                                                                            \
	for (__typeof__(&(w)->task[0][0][0]) e = &(w)->task[0][0][0];                              \
	     e < &(w)->task[0][0][0] + INITIATORS * LUNS * TAGS; e++)

/* ---- cdb_store.c ---- */

/* The store is asked for something, which waits until it is answered. */
void world_hold(struct world *w, const struct tgt_action *a);
/* A command that ends others is under way, and may have its turn yet; or what it has brought about
 * is being saved, and holds then, also if it was ended itself. */
bool world_others_end(const struct world *w);
/* Answers operation `which` of those that are held. */
void world_answer(struct world *w, unsigned which);

/* ---- cdb_choose.c ---- */

/* A command for w->at, with its data. */
void choose_command(struct world *w, struct expected *e);
/* WRITE SAME: one block for all. */
bool choose_is_same(enum scsi_op op);
/* A command as it is given. */
void choose_given(struct expected *e, const uint8_t *cdb, size_t n);

/* ---- cdb_model.c ---- */

/* A command begins, ends with a status, or is over without one. */
void model_begin(struct world *w, struct expected *e);
void model_end(struct world *w, struct expected *e, uint8_t status);
void model_over(struct world *w, struct expected *e);
/* The store is asked to change blocks: somebody wants that. */
void model_store(struct world *w, const struct tgt_action *a);
/* Data of a read that has ended. */
void model_read(const struct expected *e, struct span data);
/* A unit's medium is as it is now. */
void model_unit_new(struct unit *u);
/* The unit goes, or another one has come in its place: copies name units by what they say they are,
 * and may read or write either. */
void model_replaced(struct world *w, uint8_t lun);
/* All is over: the medium holds what it may hold. */
void model_finish(const struct unit *u);

/* ---- cdb_oracle.c ---- */

/* With what there is, a unit may have no room for another task. */
bool oracle_crowded(const struct world *w, uint8_t lun);
void oracle_status(const struct world *w, uint8_t lun, const struct expected *e, uint8_t status,
                   struct span data);
void oracle_sense(const struct world *w, const struct unasked *u);
/* What REPORT SUPPORTED OPERATION CODES says, asked for once: what the oracle goes by. */
bool oracle_knows(const struct world *w);
void oracle_learn(const struct world *w, uint8_t opcode, uint8_t action, bool has);
void oracle_learned(const struct world *w);

#endif
