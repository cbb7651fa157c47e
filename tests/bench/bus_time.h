/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bus time of one block mirrored to N members, by way of mirroring: real tenures of the host
 * adapter, the bus and the disks, coupled in one process (scenario/couple.h), as the bus core
 * accounts them. Packetized writes are computed by a model (bus/packetized.h), by which the bus
 * core times them, too: that both agree is tested. No clock is read: the figures are the same
 * wherever they are made.
 */
#ifndef TESTS_BENCH_BUS_TIME_H
#define TESTS_BENCH_BUS_TIME_H

#include "bus/packetized.h"
#include "scenario/couple.h"

#include <stdio.h>

#define BUS_TIME_MEMBERS 15

enum bus_time_way {
	WAY_CONVENTIONAL, /* a command for each member, which disconnects for its status */
	WAY_HELD,         /* the same with DiscPriv=0: it keeps the bus until its status */
	WAY_SILENT,
	WAY_BROADCAST,
	WAYS
};

enum bus_time_mode { MODE_FAST20, MODE_FAST40, MODE_ULTRA160, MODE_ULTRA320, MODES };

enum bus_time_size { SIZE_512, SIZE_4K, SIZE_64K, SIZE_256K, SIZE_1M, SIZES };

/* Conventional writes at Ultra320, all of them by the model; those that are not held run, too. */
enum bus_time_iu {
	IU_CONVENTIONAL, /* as WAY_CONVENTIONAL */
	IU_HELD,         /* as WAY_HELD */
	IU_RETAINED,     /* both again, training information retained */
	IU_RETAINED_HELD,
	IU_QAS, /* and with QAS */
	IU_QAS_HELD,
	IUS
};

struct bus_time {
	bool has_broadcast; /* the host adapter runs broadcast passes */
	char profile[TARGET_NAME_MAX + 1];
	struct {
		bool runs; /* passes run by what was offered; if not, it has no figures */
		struct xfer offered, agreed;
		ns_t ns[SIZES][BUS_TIME_MEMBERS][WAYS]; /* [N - 1] */
	} mode[MODES];
	char iu_profile[TARGET_NAME_MAX + 1];
	ns_t iu[SIZES][BUS_TIME_MEMBERS][IUS]; /* [N - 1], rounded; MODE_ULTRA320 as offered */
};

const char *bus_time_mode_name(enum bus_time_mode mode);
const char *bus_time_size_name(enum bus_time_size size);
/* Parts of `whole`, in hundredths of a percent, rounded. */
unsigned bus_time_share(ns_t part, ns_t whole);
uint32_t bus_time_size_bytes(enum bus_time_size size);

/* A bus with n disks that agree on what the mode is named for, or on what comes next to it. */
struct couple *bus_time_couple(enum bus_time_mode mode, unsigned n);
/* Mirrors one block of len bytes to the first n disks; what it cost. 0: the host adapter does not
 * do it this way. Ends the program when a member is not GOOD. */
ns_t bus_time_block(struct couple *c, enum bus_time_way way, unsigned n, uint32_t len);

/* n members written to one after the other, by the model. */
ns_t bus_time_iu_block(enum bus_time_iu way, unsigned n, uint32_t len);

/* A bus with n disks that agree on Ultra320. */
struct couple *bus_time_iu_couple(bool retained, bool qas, unsigned n);

/* All of it. */
void bus_time_run(struct bus_time *t);
void bus_time_text(const struct bus_time *t, FILE *f);
void bus_time_svg(const struct bus_time *t, FILE *f);

#endif
