/* SPDX-License-Identifier: BSD-2-Clause */
/* The upper half of the initiator core between a fake host adapter and a fake shell. */
#ifndef TESTS_SCENARIO_RIG_H
#define TESTS_SCENARIO_RIG_H

#include "initiator/initiator.h"
#include "mirror/intent.h"
#include "scenario/fake_hba.h"

struct rig_reply {
	uint64_t token;
	struct ini_error error;
	uint8_t *data; /* copy */
	uint32_t len;
};

struct rig_log { /* the write-intent log of a group, as it was saved */
	uint8_t uuid[UUID_LEN], bytes[INTENT_SAVED_MAX];
	size_t n; /* 0: there is none */
};

struct rig {
	struct hba *h;
	struct ini *ini;
	ns_t now;
	uint8_t *image; /* what FILE_READ reads */
	uint64_t image_len;
	uint8_t *file; /* what FILE_WRITE writes */
	uint64_t file_len;
	int read_err, write_err, sync_err, save_err; /* errno values to answer with */
	bool saves_held, logs_held;
	int log_err;
	uint64_t held_log;
	unsigned log_saves;
	struct rig_log log[4];
	bool no_blocks; /* INI_ACT_BLOCK: out of memory */
	uint64_t held_save;
	bool files_kept; /* somebody keeps the files of jobs open while the daemon is away */
	unsigned saves, syncs, closes, reads, changed_jobs;
	struct rig_reply reply[64];
	unsigned n_replies;
	uint64_t done_before; /* progress of the job that is watched */
	uint32_t watched;
	struct ini_group saved[INI_GROUPS_MAX];
	unsigned n_saved;
	uint64_t tokens; /* taken by rig_add(), rig_begin_write() */
};

extern const struct ini_config rig_config;

/* n disks disk0.. with IDs 0.., of `blocks` blocks of FAKE_BLOCK bytes. */
struct rig *rig_new(unsigned n, uint64_t blocks);
void rig_free(struct rig *r);
/* The daemon starts anew with what was saved; of jobs that is all that the core has said of them,
 * through the text of jobs.json. */
void rig_restart(struct rig *r);
/* The state directory is lost; the daemon starts anew without it. */
void rig_lose_state(struct rig *r);
/* Runs for so long, or until nothing is due any more. */
void rig_run(struct rig *r, ns_t ns);
/* One batch at the present time. */
void rig_step(struct rig *r);
/* Runs until the job is concluded (or `limit` has passed: a failure). */
const struct ini_job *rig_job(struct rig *r, uint32_t id, ns_t limit);
/* The same, and it is concluded so. */
const struct ini_job *rig_concludes(struct rig *r, uint32_t id, ns_t limit,
                                    enum ini_conclusion conclusion);
/* Runs until the command with this token has replied. */
const struct rig_reply *rig_reply(struct rig *r, uint64_t token, ns_t limit);

/* A request that was not taken: the error is of this kind and has `says` in its text. */
void rig_refused(bool taken, const struct ini_error *e, enum ini_kind kind, const char *says);
/* The same of one that may have been taken: then its reply says so. */
void rig_fails(struct rig *r, bool taken, const struct ini_error *e, uint64_t token,
               enum ini_kind kind, const char *says);
/* One that was taken: a reply of this kind comes within so long. */
const struct rig_reply *rig_replies(struct rig *r, bool taken, const struct ini_error *e,
                                    uint64_t token, ns_t within, enum ini_kind kind);

/* A group g0 of disks 0..n-1. */
void rig_group(struct rig *r, unsigned n, bool assume_clean);
/* Another member of it. */
void rig_add(struct rig *r, const char *name);
/* Data for it, in which each block differs from the one before; for block_unref(). */
struct block *rig_bytes(uint32_t len, uint8_t seed);
/* Begins to write all of b to g0, at so many bytes; the token of the reply. */
uint64_t rig_begin_write(struct rig *r, uint64_t offset, struct block *b);
/* Writes it; a reply of this kind comes within so long. */
const struct rig_reply *rig_write(struct rig *r, uint64_t offset, struct block *b, ns_t within,
                                  enum ini_kind kind);
/* A client's own command to this target, that changes its medium, up to the moment before it goes
 * out; it is over then. */
void rig_bypass(struct rig *r, uint8_t id);
void rig_image(struct rig *r, uint64_t bytes, uint64_t seed);
uint32_t rig_mirror(struct rig *r, uint64_t bytes); /* a job with an image of this length */
uint32_t rig_start(struct rig *r, const struct ini_job_spec *spec);
/* A job as rig_spec() has it: started; and run to its end, as rig_concludes(). */
uint32_t rig_begin(struct rig *r, enum ini_job_type type);
const struct ini_job *rig_do(struct rig *r, enum ini_job_type type, ns_t limit,
                             enum ini_conclusion conclusion);
struct ini_job_spec rig_spec(const struct rig *r, enum ini_job_type type);
/* The disk holds the image, then zeros to the end of its last block. */
bool rig_holds(const struct rig *r, uint8_t id);
const struct ini_member *rig_member(const struct rig *r, unsigned i);
bool rig_in_sync(const struct rig *r, unsigned i);

#endif
