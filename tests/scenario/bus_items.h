/* SPDX-License-Identifier: BSD-2-Clause */
/* Items of scripts and programs, for the bus core's tests. */
#ifndef SCENARIO_BUS_ITEMS_H
#define SCENARIO_BUS_ITEMS_H

#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "wire/wire.h"

/* Items of a script or program under construction. */
struct items {
	uint8_t buf[WIRE_HEAD_MAX];
	struct wr w;
};

void it_begin(struct items *i);
void it_select(struct items *i, uint8_t target);
void it_identify(struct items *i, uint8_t tag); /* IDENTIFY, SIMPLE */
/* Begins a program that reconnects with IDENTIFY and the tag; ends one with the status. */
void it_reconnect(struct items *i, uint8_t tag);
void it_complete(struct items *i, uint8_t status);
void it_disconnect(struct items *i); /* that message, and BUS FREE */
void it_message(struct items *i, uint8_t kind, const void *p, size_t n);
void it_hex(struct items *i, uint8_t kind, const char *hex); /* as hex_get() has it */
void it_leader(struct items *i, bool first, uint8_t tag, uint8_t device, uint32_t op, bool last);
void it_name(struct items *i, uint8_t device, uint32_t op, bool last);
void it_release(struct items *i, uint8_t device, uint32_t op);
void it_write16(struct items *i, lba_t lba, uint32_t blocks);
void it_cdb6(struct items *i, uint8_t opcode, uint8_t byte4);
void it_data(struct items *i, uint8_t kind, uint32_t off, uint32_t len, uint32_t crc);
void it_plain(struct items *i, uint8_t kind, uint8_t arg);
/* A reconnection with STATUS and COMMAND COMPLETE; op != 0: with MIRROR STATUS. */
void it_status(struct items *i, uint8_t tag, uint8_t status, uint32_t op, uint8_t device);
/* A whole pass of one operation: leader `target`, devices 0..n-1, len bytes of data. */
void it_pass(struct items *i, uint8_t target, unsigned n, uint8_t tag, uint32_t op,
             const struct block *data);

/* It may be chained below this bus time: of a script that has begun. */
void it_chain(struct items *i, uint32_t limit_ns);

/* The same as a broadcast pass to the devices of a bitmap, in one tenure of as many. */
void it_broadcast(struct items *i, uint8_t target, uint32_t devices, uint8_t tag, uint32_t op,
                  const struct block *data);
/* TARGET LEADER IDENTIFICATION, BUS RELEASE (any function) with BROADCAST. */
void it_broadcast_message(struct items *i, const struct scsi_msg_mirror *m, uint8_t tag);

#endif
