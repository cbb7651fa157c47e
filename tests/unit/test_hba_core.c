/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter's tables: tags, scripts, timers. */
#include "initiator/hba_core.h"
#include "unit/tap_main.h"

#include <stdlib.h>

static struct hba *h;
static struct hba_item owner;

static void setup(void)
{
	struct hba_config cfg = {.id = 7, .task_timeout_ns = 1000, .status_timeout_ns = 1000};
	struct wire_attached a = {.epoch = 1};

	h = hba_new(&cfg);
	hba_attached(h, &a, 10);
	hba_item_init(&owner, HBA_ITEM_TASK, 1);
}

/* Not by hba_free(), which ends what is in flight: the owner is no task. */
static void teardown(void)
{
	free(h);
}

START_TEST(tags_rest_as_long_as_they_can)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i < HBA_TAGS; i++) {
			uint8_t tag = hba_tag_pick(h, 0x0002);
			ck_assert_uint_eq(tag, i);
			hba_tag_take(h, 1, tag, &owner, 0, 0, NULL);
			hba_tag_release(h, 1, tag);
		}
	}
}
END_TEST

START_TEST(a_tag_is_free_on_all_members)
{
	/* 1..100 are taken on target 2, 50..255 on target 9 */
	for (unsigned tag = 1; tag <= 100; tag++)
		hba_tag_take(h, 2, (uint8_t)tag, &owner, 0, 0, NULL);
	for (unsigned tag = 50; tag < HBA_TAGS; tag++)
		hba_tag_take(h, 9, (uint8_t)tag, &owner, 0, 0, NULL);
	ck_assert_uint_eq(hba_tag_pick(h, 1U << 2), 101);
	ck_assert_uint_eq(hba_tag_pick(h, 1U << 9), 1);
	ck_assert_uint_eq(hba_tag_pick(h, 1U << 2 | 1U << 9), 0);
	hba_tag_release(h, 9, 255);
	ck_assert_uint_eq(hba_tag_pick(h, 1U << 2 | 1U << 9), 255);
	hba_tag_release(h, 9, 255 - 64);
	hba_tag_release(h, 2, 30);
	/* after 255 comes 1 */
	ck_assert_uint_eq(hba_tag_pick(h, 1U << 2 | 1U << 9), 30);
	ck_assert_uint_eq(h->port[2].t.in_flight, 99);
}
END_TEST

START_TEST(ids_of_scripts_do_not_come_again)
{
	uint32_t old[1000];
	bool fresh = true;
	struct hba_item item;

	hba_item_init(&item, HBA_ITEM_TASK, 1);
	for (unsigned i = 0; i < ARRAY_LEN(old); i++) {
		struct hba_script *s = hba_script_new(h, HBA_SCRIPT_TASK, 1, 1, &item);
		ck_assert_ptr_nonnull(s);
		old[i] = s->id;
		ck_assert_uint_ne(s->id, 0);
		ck_assert_ptr_eq(hba_script_find(h, s->id), s);
		for (unsigned k = 0; k < i; k++)
			fresh = fresh && old[k] != old[i] && !hba_script_find(h, old[k]);
		uint32_t id = s->id;
		hba_script_drop(h, &id);
		ck_assert_uint_eq(id, 0);
		h->out_n = 0;
	}
	ck_assert(fresh);
	ck_assert_ptr_null(hba_script_find(h, 0));
	ck_assert_uint_eq(h->queued, 0);
}
END_TEST

START_TEST(scripts_are_bounded)
{
	for (unsigned i = 0; i < HBA_SCRIPTS; i++)
		ck_assert_ptr_nonnull(hba_script_new(h, HBA_SCRIPT_TASK, 1, 1, &owner));
	ck_assert_ptr_null(hba_script_new(h, HBA_SCRIPT_TASK, 1, 1, &owner));
	ck_assert_uint_eq(h->queued, HBA_SCRIPTS);
}
END_TEST

/* Takes out the timers of t that are set, first to expire first. */
static void expire_in_order(const struct hba_timer *t, const unsigned *order, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct hba_timer *first = hba_timer_first(h);
		ck_assert_ptr_eq(first, &t[order[i]]);
		hba_timer_clear(h, first);
	}
	ck_assert_ptr_null(hba_timer_first(h));
}

/* Some within the time for a status, some beyond it. */
START_TEST(timers_come_in_order)
{
	struct hba_timer t[6];
	ns_t far = h->cfg.status_timeout_ns;
	const ns_t at[] = {far + 300, 100, far + 200, 100, far, far + 200};

	for (unsigned i = 0; i < 6; i++) {
		t[i] = (struct hba_timer){.at = NS_NEVER};
		hba_timer_set(h, &t[i], at[i]);
	}
	hba_check(h);
	expire_in_order(t, (const unsigned[]){1, 3, 4, 2, 5, 0}, 6);
	for (unsigned i = 0; i < 6; i++)
		hba_timer_set(h, &t[i], at[i]);
	hba_timer_set(h, &t[1], far + 400); /* from one list to the other, and back */
	hba_timer_set(h, &t[0], 50);
	hba_timer_clear(h, &t[2]);
	hba_timer_clear(h, &t[2]);
	expire_in_order(t, (const unsigned[]){0, 3, 4, 5, 1}, 5);
	/* What was far off when it was set comes before what is near now. */
	hba_timer_set(h, &t[0], far + 50);
	h->now += 100;
	hba_timer_set(h, &t[1], far + 90);
	hba_check(h);
	expire_in_order(t, (const unsigned[]){0, 1}, 2);
}
END_TEST

TAP_MAIN_WITH("hba_core", setup, teardown, tags_rest_as_long_as_they_can,
              a_tag_is_free_on_all_members, ids_of_scripts_do_not_come_again, scripts_are_bounded,
              timers_come_in_order);
