/* SPDX-License-Identifier: BSD-2-Clause */
/* Payloads of management answers: the totals of the bus, and its state. */
#include "unit/tap_main.h"

#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t encoded[WIRE_MGMT_MAX];

static void fill_stats(struct wire_stats *s)
{
	uint64_t v = 0x0101010101010101;

	memset(s, 0, sizeof(*s));
	s->now_ns = v++;
	(void)strcpy(s->profile, "spi4");
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		s->tenures[k] = v++;
	s->resets = v++;
	s->selection_timeouts = v++;
	s->phase_timeouts = v++;
	s->refused_frames = v++;
	s->crc_errors = v++;
	for (unsigned k = 0; k < TENURE_KINDS; k++) {
		for (unsigned p = 0; p < PHASE_KINDS; p++) {
			s->phase[k][p].count = v++;
			s->phase[k][p].bytes = v++;
			s->phase[k][p].ns = v++;
		}
	}
	s->n_values = ARRAY_LEN(s->value);
	for (unsigned i = 0; i < s->n_values; i++) {
		(void)snprintf(s->value[i].name, sizeof(s->value[i].name),
		               "system deskew delay, as a long name%4u", i);
		s->value[i].ps = v++;
	}
}

static void fill_show(struct wire_show *s)
{
	memset(s, 0, sizeof(*s));
	(void)strcpy(s->profile, "a-profile-of-thirty-two-bytes-xy");
	s->boot = 0x1112131415161718;
	s->now_ns = 0x2122232425262728;
	s->bsy = 0x8001;
	s->sel = 0x4002;
	s->driver = 14;
	s->tenure = 0x31323334;
	s->n_ports = WIRE_IDS;
	for (uint8_t i = 0; i < s->n_ports; i++) {
		s->port[i].id = i;
		s->port[i].role = i == 7 ? ROLE_INITIATOR : ROLE_TARGET;
		s->port[i].arm_mode = i % 3;
		s->port[i].epoch = 0x01020304U + i;
		memset(s->port[i].uuid, 0xa0 + i, UUID_LEN);
		(void)strcpy(s->port[i].name, "a-name-of-thirty-two-bytes-12345");
		s->port[i].xfer = XFER_ULTRA160;
		s->port[i].refused = 77U + i;
		s->port[i].queued = (uint16_t)(0x4142 + i);
		s->port[i].n_members = WIRE_MEMBERS_MAX;
		for (uint8_t m = 0; m < WIRE_MEMBERS_MAX; m++)
			s->port[i].members[m] = (struct wire_member){
			        .lun = m, .group = (uint16_t)(0x100 + m), .device = i};
	}
}

/* n bytes of the payload in memory of exactly that size. */
static bool stats_of(size_t n, struct wire_stats *out)
{
	uint8_t *exact = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, encoded, n);
	bool ok = wire_stats_get((struct span){exact, n}, out);
	free(exact);
	return ok;
}

static bool show_of(size_t n, struct wire_show *out)
{
	uint8_t *exact = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, encoded, n);
	bool ok = wire_show_get((struct span){exact, n}, out);
	free(exact);
	return ok;
}

START_TEST(stats_are_decoded)
{
	static struct wire_stats want, got;
	struct wr w = wr_init(encoded, sizeof(encoded));

	fill_stats(&want);
	wire_stats_put(&w, &want);
	ck_assert(wr_ok(&w));
	memset(&got, 0, sizeof(got));
	ck_assert(stats_of(w.n, &got));
	ck_assert_mem_eq(&got, &want, sizeof(want));
	for (size_t cut = 0; cut < w.n; cut++)
		ck_assert_msg(!stats_of(cut, &got), "%zu of %zu bytes are taken", cut, w.n);
	encoded[w.n] = 0;
	ck_assert(!stats_of(w.n + 1, &got));
}
END_TEST

START_TEST(show_is_decoded)
{
	static struct wire_show want, got;
	struct wr w = wr_init(encoded, sizeof(encoded));

	fill_show(&want);
	wire_show_put(&w, &want);
	ck_assert(wr_ok(&w));
	memset(&got, 0, sizeof(got));
	ck_assert(show_of(w.n, &got));
	ck_assert_mem_eq(&got, &want, sizeof(want));
	for (size_t cut = 0; cut < w.n; cut++)
		ck_assert_msg(!show_of(cut, &got), "%zu of %zu bytes are taken", cut, w.n);
	encoded[w.n] = 0;
	ck_assert(!show_of(w.n + 1, &got));
}
END_TEST

START_TEST(nothing_is_taken_of_a_bad_payload)
{
	static struct wire_show show, before;
	struct wr w = wr_init(encoded, sizeof(encoded));

	fill_show(&show);
	show.n_ports = 0;
	wire_show_put(&w, &show);
	before = show;
	encoded[w.n - 1] = WIRE_IDS + 1; /* n_ports */
	ck_assert(!show_of(w.n, &show));
	ck_assert_mem_eq(&show, &before, sizeof(show));
}
END_TEST

TAP_MAIN("wire payloads", stats_are_decoded, show_is_decoded, nothing_is_taken_of_a_bad_payload);
