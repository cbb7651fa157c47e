/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus server and disks in the hands of a test: what the host adapter sends
 * is kept until the test says what became of it. Every step is followed by hba_check().
 */
#ifndef TESTS_SCENARIO_FAKE_BUS_H
#define TESTS_SCENARIO_FAKE_BUS_H

#include "initiator/hba.h"
#include "scsi/msg.h"

#define FAKE_SCRIPTS 128
#define FAKE_LEGS    16
#define FAKE_OUR_ID  7

struct fake_leg {
	uint8_t device;
	uint32_t op, data_len;
	bool last;
};

struct fake_script {
	uint32_t id;
	uint8_t target, lun;
	uint32_t known;    /* the latest epoch, says its selection */
	uint32_t chain_ns; /* 0: not to be chained */
	bool tagged, abort, clear_aca, mirror, broadcast;
	bool aca;         /* the tag came with the ACA attribute */
	uint32_t devices; /* broadcast: those named */
	uint8_t tag;
	struct scsi_msg negotiation; /* kind MSG_OTHER: none */
	uint8_t cdb[SCSI_CDB_MAX];
	size_t cdb_len;
	uint32_t data_out, data_in;
	uint32_t data_block; /* bytes that came with the frame */
	uint16_t group;
	unsigned n_legs;
	struct fake_leg leg[FAKE_LEGS];
	bool release;
};

struct fake_disk {
	bool up, ua, no_mirror, reject_ppr, reject_all, liar;
	bool luns_changed, size_changed, pages_changed; /* a UNIT ATTENTION, once for all units */
	uint32_t block_size;                            /* 0: 512 */
	bool busy_list;                                 /* REPORT LUNS is always BUSY */
	uint32_t epoch;
	uint16_t queue_depth;
	struct mode_mirror member;
	/* Of its logical units, a bit each: the further ones, each with a UUID of its own; somebody
	 * else's by a reservation; in the middle of a format; always BUSY. */
	uint64_t luns, reserved, formatting, busy;
	uint8_t at[8]; /* which of its units is at this LUN; 0: that of the same number */
};

struct fake {
	struct hba *h;
	ns_t now, bus_ns;
	uint32_t tenure, epoch;
	struct fake_disk disk[WIRE_IDS];
	struct fake_script script[FAKE_SCRIPTS];
	unsigned n;
	uint32_t cancel[FAKE_SCRIPTS];
	unsigned n_cancel, n_reset, n_ping, n_pong;
};

/* An adapter that is attached, and a bus without targets. */
void fake_init(struct fake *f, const struct hba_config *change);
struct hba_config fake_config(void);
void fake_attach(struct fake *f);
void fake_end(struct fake *f);
/* Lets the adapter run and takes what it sends. */
void fake_run(struct fake *f);
void fake_wait(struct fake *f, ns_t ns);
void fake_frame(struct fake *f, const struct wire_frame *frame);

/* The port comes; the scan is answered. */
void fake_disk_up(struct fake *f, uint8_t id, uint16_t queue_depth);
/* A write of 4096 bytes to disks 1 to n, whose device ids in group 77 are 11 and on; not begun. */
void fake_pass(struct hba_pass *p, unsigned n, struct block *data, void (*done)(struct hba_pass *));
void fake_port(struct fake *f, uint8_t id, bool up);
/* Answers all conventional scripts as a disk does, until none is left. */
void fake_serve(struct fake *f);
void fake_serve_one(struct fake *f);
void fake_rst(struct fake *f);

/* The oldest script that waits; it is taken out. Fails the test when there is none. */
struct fake_script fake_take(struct fake *f);

/* A report on a script, to be changed and sent. */
struct wire_tenure fake_tenure(struct fake *f, const struct fake_script *s, uint8_t outcome);
void fake_send(struct fake *f, const struct wire_tenure *tn, const void *data, size_t n);
/* Just that report. */
void fake_outcome(struct fake *f, const struct fake_script *s, uint8_t outcome);
void fake_end_task(struct fake *f, const struct fake_script *s, uint8_t status, const void *data,
                   size_t n);
/* All legs taken in full; to be changed. */
struct wire_tenure fake_released(struct fake *f, const struct fake_script *s);

struct fake_status {
	uint8_t target, device, tag, status;
	uint16_t group;
	uint32_t op, epoch;
	const struct scsi_sense *sense;
};
/* That of leg i of a pass, GOOD; to be changed and sent. */
struct fake_status fake_status_of(struct fake *f, const struct fake_script *s, unsigned leg,
                                  uint8_t target);
void fake_send_status(struct fake *f, const struct fake_status *s);

void fake_uuid(uint8_t id, uint8_t uuid[UUID_LEN]);
/* Of a further logical unit. */
void fake_unit_uuid(uint8_t id, uint8_t lun, uint8_t uuid[UUID_LEN]);

#endif
