/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/bus_time.h"

#include "base/assert.h"
#include "base/crc.h"

#include <string.h>

#define OUR_ID 7
#define DEPTH  16

static const struct {
	const char *name;
	struct xfer offer;
} modes[MODES] = {
        [MODE_FAST20] = {"Fast-20 wide", {.period = 0x0c, .offset = 31, .wide = 1}},
        [MODE_FAST40] = {"Fast-40 wide", {.period = 0x0a, .offset = 31, .wide = 1}},
        [MODE_ULTRA160] = {"Ultra160",
                           {.period = 0x09, .offset = 62, .wide = 1, .options = XFER_DT_REQ}},
        [MODE_ULTRA320] =
                {"Ultra320",
                 {.period = 0x08, .offset = 127, .wide = 1, .options = XFER_DT_REQ | XFER_IU_REQ}},
};

static const struct {
	const char *name;
	uint32_t len;
} sizes[SIZES] = {[SIZE_512] = {"512 B", 512},
                  [SIZE_4K] = {"4 KiB", 4 * KIB},
                  [SIZE_64K] = {"64 KiB", 64 * KIB},
                  [SIZE_256K] = {"256 KiB", 256 * KIB},
                  [SIZE_1M] = {"1 MiB", (uint32_t)MIB}};

const char *bus_time_mode_name(enum bus_time_mode mode)
{
	return modes[mode].name;
}

const char *bus_time_size_name(enum bus_time_size size)
{
	return sizes[size].name;
}

uint32_t bus_time_size_bytes(enum bus_time_size size)
{
	return sizes[size].len;
}

unsigned bus_time_share(ns_t part, ns_t whole)
{
	return (unsigned)((part * 10000 + whole / 2) / whole);
}

struct couple *bus_time_couple(enum bus_time_mode mode, unsigned n)
{
	return couple_with(&(struct couple_setup){
	        .n = n,
	        .queue_depth = DEPTH,
	        .blocks = MIB / COUPLE_BLOCK_SIZE,
	        .xfer = modes[mode].offer,
	});
}

/* The i-th disk's ID: ours is left out. */
static uint8_t disk_id(unsigned i)
{
	return (uint8_t)(i < OUR_ID ? i : i + 1);
}

static struct scsi_cdb write_cdb(uint32_t len)
{
	return (struct scsi_cdb){.op = OP_WRITE_16, .blocks = len / COUPLE_BLOCK_SIZE};
}

/* ---- conventional ---- */

static void task_done(struct hba_task *t)
{
	*(bool *)t->ctx = true;
}

static void write_one(struct couple *c, uint8_t id, struct block *data, bool held)
{
	bool done = false;
	struct hba_task t = {
	        .target = id,
	        .no_disconnect = held,
	        .data_out = data,
	        .data_out_len = (uint32_t)data->len,
	        .done = task_done,
	        .ctx = &done,
	};
	struct scsi_cdb cdb = write_cdb((uint32_t)data->len);

	t.cdb_len = (uint8_t)scsi_cdb_put(&cdb, t.cdb);
	hba_task_start(c->h, &t);
	couple_run(c);
	sm_assert(done && t.outcome == HBA_COMPLETED && t.status == SCSI_GOOD);
	sm_assert(t.moved_out == data->len);
}

/* ---- passes ---- */

static void pass_done(struct hba_pass *p)
{
	*(bool *)p->ctx = true;
}

/* False: the host adapter did not even try. */
static bool pass(struct couple *c, unsigned n, struct block *data, bool broadcast)
{
	bool done = false;
	struct hba_pass p = {
	        .broadcast = broadcast,
	        .group = 1,
	        .cdb = write_cdb((uint32_t)data->len),
	        .data = data,
	        .data_len = (uint32_t)data->len,
	        .crc = crc_data(0, data->data, data->len),
	        .n = n,
	        .done = pass_done,
	        .ctx = &done,
	};

	for (unsigned i = 0; i < n; i++)
		p.m[i].target = p.m[i].device = disk_id(i);
	ns_t before = bus_now(c->bus);
	hba_pass_start(c->h, &p);
	couple_run(c);
	sm_assert(done);
	if (broadcast && bus_now(c->bus) == before)
		return false;
	for (unsigned i = 0; i < n; i++) {
		sm_assert(p.m[i].outcome == PASS_STATUS && p.m[i].status == SCSI_GOOD);
		sm_assert(p.m[i].moved == data->len);
	}
	return true;
}

/* ---- packetized: computed, and as it runs ---- */

#define IU_PROFILE "spi4"

static const struct packetized iu_ways[IUS] = {
        [IU_CONVENTIONAL] = {.held = false},
        [IU_HELD] = {.held = true},
        [IU_RETAINED] = {.retained = true},
        [IU_RETAINED_HELD] = {.held = true, .retained = true},
        [IU_QAS] = {.retained = true, .qas = true},
        [IU_QAS_HELD] = {.held = true, .retained = true, .qas = true},
};

ns_t bus_time_iu_block(enum bus_time_iu way, unsigned n, uint32_t len)
{
	struct bus_timing t;

	sm_assert(bus_timing_profile(&t, IU_PROFILE));
	ps_t ps = packetized_write(&t, modes[MODE_ULTRA320].offer, iu_ways[way], n, len);
	return (ps + PS_PER_NS / 2) / PS_PER_NS;
}

struct couple *bus_time_iu_couple(bool retained, bool qas, unsigned n)
{
	struct xfer x = modes[MODE_ULTRA320].offer;

	x.options |= (uint8_t)((retained ? XFER_RTI : 0) | (qas ? XFER_QAS_REQ : 0));
	return couple_with(&(struct couple_setup){
	        .n = n,
	        .queue_depth = DEPTH,
	        .blocks = MIB / COUPLE_BLOCK_SIZE,
	        .xfer = x,
	});
}

static void run_iu(struct bus_time *t)
{
	snprintf(t->iu_profile, sizeof(t->iu_profile), "%s", IU_PROFILE);
	for (unsigned s = 0; s < SIZES; s++)
		for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++)
			for (unsigned w = 0; w < IUS; w++)
				t->iu[s][n - 1][w] =
				        bus_time_iu_block((enum bus_time_iu)w, n, sizes[s].len);
}

/* ---- all of it ---- */

static struct block *some_data(uint32_t len)
{
	struct block *b = block_new(len);

	sm_assert(b);
	for (uint32_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(i ^ i >> 8);
	return b;
}

ns_t bus_time_block(struct couple *c, enum bus_time_way way, unsigned n, uint32_t len)
{
	struct block *data = some_data(len);
	ns_t before = bus_now(c->bus);

	for (unsigned i = 0; i < n; i++)
		memset(c->disk[disk_id(i)].media, 0, len);
	switch (way) {
	case WAY_CONVENTIONAL:
	case WAY_HELD:
		for (unsigned i = 0; i < n; i++)
			write_one(c, disk_id(i), data, way == WAY_HELD);
		break;
	case WAY_SILENT:
	case WAY_BROADCAST:
	case WAYS:
		if (!pass(c, n, data, way == WAY_BROADCAST))
			n = 0;
		break;
	}
	for (unsigned i = 0; i < n; i++)
		sm_assert(memcmp(c->disk[disk_id(i)].media, data->data, len) == 0);
	block_unref(data);
	return bus_now(c->bus) - before;
}

static void run_mode(struct bus_time *t, enum bus_time_mode mode)
{
	struct couple *c = bus_time_couple(mode, BUS_TIME_MEMBERS);

	t->mode[mode].offered = modes[mode].offer;
	t->mode[mode].agreed = hba_target(c->h, 0)->xfer;
	/* Passes have no information units: at Ultra320 they run as at Ultra160. */
	t->mode[mode].runs = xfer_equal(t->mode[mode].offered, t->mode[mode].agreed) &&
	                     !(t->mode[mode].agreed.options & XFER_IU_REQ);
	memcpy(t->profile, couple_stats(c)->profile, sizeof(t->profile));
	for (unsigned s = 0; t->mode[mode].runs && s < SIZES; s++)
		for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++)
			for (unsigned w = 0; w < WAYS; w++)
				t->mode[mode].ns[s][n - 1][w] =
				        bus_time_block(c, (enum bus_time_way)w, n, sizes[s].len);
	couple_free(c);
}

void bus_time_run(struct bus_time *t)
{
	*t = (struct bus_time){0};
	for (unsigned m = 0; m < MODES; m++)
		run_mode(t, (enum bus_time_mode)m);
	run_iu(t);
	t->has_broadcast = t->mode[MODE_ULTRA160].ns[SIZE_512][0][WAY_BROADCAST] > 0;
}
