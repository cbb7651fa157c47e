/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_progress.h"
#include "shell/cli_text.h"

#include <string.h>

static char buf[1024], shown[8192];

static json_t *job(double percent, const char *state)
{
	return json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I}", "type", "mirror", "group",
	                 "g0", "state", state, "percent", percent, "done_bytes",
	                 (json_int_t)(percent * 1048576), "total_bytes",
	                 (json_int_t)(100 * 1048576), "rate_bytes_per_s", (json_int_t)213000000,
	                 "eta_s", (json_int_t)7);
}

START_TEST(the_bar_shows_bytes_percent_rate_and_time_to_go)
{
	json_t *j = job(50, "running");

	cli_progress_bar(j, 80, buf, sizeof(buf));
	ck_assert_str_eq(buf, "mirror g0 [###########............]  50.0 %  50 MiB/100 MiB  213 "
	                      "MB/s, ETA 0:07");
	json_decref(j);
}
END_TEST

START_TEST(the_bar_keeps_to_the_width_of_the_terminal)
{
	static const double percents[] = {-5, 0, 0.1, 99.9, 100, 250};

	for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
		json_t *j = job(percents[i], "running");

		for (unsigned columns = 1; columns < 250; columns++) {
			cli_progress_bar(j, columns, buf, sizeof(buf));
			ck_assert_uint_le(cli_width(buf), columns);
		}
		json_decref(j);
	}
}
END_TEST

START_TEST(a_job_that_does_not_move_says_so)
{
	json_t *j = job(10, "waiting");

	cli_progress_line(j, buf, sizeof(buf));
	ck_assert_str_eq(buf, "mirror g0: 10 %, 10 MiB of 100 MiB, waiting");
	json_decref(j);
	j = job(10, "running");
	(void)json_object_set_new(j, "stalled", json_true());
	cli_progress_line(j, buf, sizeof(buf));
	ck_assert_str_eq(buf, "mirror g0: 10 %, 10 MiB of 100 MiB, no progress");
	json_decref(j);
}
END_TEST

START_TEST(what_has_no_known_end_shows_what_is_done)
{
	json_t *j = job(50, "running");

	(void)json_object_set_new(j, "total_bytes", json_null());
	cli_progress_line(j, buf, sizeof(buf));
	ck_assert_str_eq(buf, "mirror g0: 50 %, 50 MiB, 213 MB/s, ETA 0:07");
	json_decref(j);
}
END_TEST

/* How often something was shown so far. */
static unsigned times(FILE *to, char mark)
{
	unsigned n = 0;

	(void)fflush(to);
	for (const char *p = shown; *p; p++)
		n += *p == mark;
	return n;
}

START_TEST(a_terminal_is_drawn_on_ten_times_a_second)
{
	FILE *to = fmemopen(shown, sizeof(shown), "w");
	struct cli_progress p = {.to = to, .terminal = true};
	json_t *j = job(1, "running");

	for (ns_t now = 0; now < NS_PER_S; now += NS_PER_MS)
		cli_progress_show(&p, j, now + 77);
	ck_assert_uint_eq(times(to, '\r'), 10);
	ck_assert_uint_eq(times(to, '\n'), 0);
	cli_progress_end(&p);
	ck_assert_uint_eq(times(to, '\r'), 11);
	(void)fclose(to);
	json_decref(j);
}
END_TEST

START_TEST(elsewhere_a_line_comes_for_each_tenth_and_each_five_seconds)
{
	FILE *to = fmemopen(shown, sizeof(shown), "w");
	struct cli_progress p = {.to = to};

	for (int percent = 0; percent <= 100; percent++) {
		json_t *j = job(percent, "running");
		cli_progress_show(&p, j, NS_PER_MS * (unsigned)percent);
		json_decref(j);
	}
	ck_assert_uint_eq(times(to, '\n'), 10);
	json_t *j = job(100, "running");
	for (ns_t s = 1; s <= 20; s++)
		cli_progress_show(&p, j, NS_PER_S * s);
	ck_assert_uint_eq(times(to, '\n'), 13);
	ck_assert_uint_eq(times(to, '\r'), 0);
	(void)fclose(to);
	json_decref(j);
}
END_TEST

TAP_MAIN("cli_progress", the_bar_shows_bytes_percent_rate_and_time_to_go,
         the_bar_keeps_to_the_width_of_the_terminal, a_job_that_does_not_move_says_so,
         what_has_no_known_end_shows_what_is_done, a_terminal_is_drawn_on_ten_times_a_second,
         elsewhere_a_line_comes_for_each_tenth_and_each_five_seconds);
