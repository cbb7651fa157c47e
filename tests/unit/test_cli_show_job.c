/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli.h"
#include "shell/cli_show.h"

#include <string.h>

static char buf[1024], text[8192];

/* A concluded job of 256 MiB in 1.2 s; members of `more` replace its own. */
static json_t *job(const char *more)
{
	json_t *j = json_loads(
	        "{\"id\":3,\"type\":\"mirror\",\"group\":\"g0\",\"state\":\"concluded\","
	        "\"conclusion\":\"success\",\"error\":null,\"percent\":100,"
	        "\"done_bytes\":268435456,\"total_bytes\":268435456,"
	        "\"running_ms\":1200,\"image\":\"x\\u001b.img\",\"targets\":["
	        "{\"name\":\"d0\",\"good_blocks\":9,\"resent_blocks\":0,\"bad_blocks\":0},"
	        "{\"name\":\"d1\",\"good_blocks\":9,\"resent_blocks\":3,\"bad_blocks\":0}]}",
	        0, NULL);
	json_t *with = json_loads(more, 0, NULL);

	ck_assert_ptr_nonnull(j);
	ck_assert_ptr_nonnull(with);
	(void)json_object_update(j, with);
	json_decref(with);
	return j;
}

#define FAILED_TARGETS                                                                             \
	"\"targets\":[{\"name\":\"d0\",\"good_blocks\":9,\"resent_blocks\":0,\"bad_blocks\":0},"   \
	"{\"name\":\"d1\",\"good_blocks\":7,\"resent_blocks\":2,\"bad_blocks\":2,"                 \
	"\"runs_dropped\":5,\"runs\":[{\"lba\":5000,\"blocks\":2,\"status\":2,"                    \
	"\"status_name\":\"CHECK CONDITION\",\"what\":\"MEDIUM ERROR: WRITE "                      \
	"ERROR\",\"sense\":{\"key\":3,"                                                            \
	"\"key_name\":\"MEDIUM ERROR\",\"asc\":12,\"ascq\":0,\"text\":\"WRITE ERROR\","            \
	"\"lba\":5000}}]}]"

/* Last line and exit status. */
static void ends(const char *more, const char *line, int status)
{
	json_t *j = job(more);

	cli_job_summary(j, buf, sizeof(buf));
	ck_assert_str_eq(buf, line);
	ck_assert_int_eq(cli_job_status(j), status);
	json_decref(j);
}

START_TEST(the_last_line_tells_how_it_went)
{
	ends("{}",
	     "mirrored 256 MiB to 2 of 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed; "
	     "3 blocks resent",
	     CLI_OK);
	ends("{\"type\":\"resync\",\"targets\":[{\"name\":\"d0\",\"bad_blocks\":0}]}",
	     "resynchronised 256 MiB to 1 of 1 target in 1.20 s, 224 MB/s", CLI_OK);
	ends("{\"conclusion\":\"partial\",\"error\":{\"kind\":\"device\",\"text\":\"2 blocks are "
	     "bad\","
	     "\"member\":\"d1\"}," FAILED_TARGETS "}",
	     "job 3 partial: d1: 2 blocks are bad; mirrored 256 MiB to 1 of 2 targets in 1.20 s, "
	     "224 MB/s; 2 blocks resent; 2 blocks bad",
	     CLI_PARTIAL);
	ends("{\"conclusion\":\"cancelled\",\"done_bytes\":67108864,\"running_ms\":300}",
	     "job 3 cancelled; 64 MiB of 256 MiB were done in 300 ms", CLI_FAILED);
	ends("{\"type\":\"read\"}", "read 256 MiB into x\\x1b.img in 1.20 s, 224 MB/s", CLI_OK);
}
END_TEST

#define LOAD                                                                                       \
	"\"type\":\"load\",\"load\":{\"pattern\":\"random\",\"block_bytes\":4096,"                 \
	"\"in_flight\":32,\"seconds\":null,\"writes_most\":65536,\"seed\":7,\"writes\":65536,"     \
	"\"writes_per_s\":54613,\"latency_us\":{\"min\":20.5,\"mean\":600,\"p50\":512,"            \
	"\"p90\":900.25,\"p99\":1500,\"p99_9\":2000000,\"max\":2000001}}"

START_TEST(a_load_tells_writes_and_latencies)
{
	ends("{" LOAD "}",
	     "wrote 256 MiB to 2 of 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed; 3 blocks "
	     "resent: 65536 writes, 54613 a second, median 512 us, 99 % within 1.50 ms",
	     CLI_OK);
	ends("{" LOAD ",\"conclusion\":\"cancelled\",\"total_bytes\":null}",
	     "job 3 cancelled; 256 MiB were done in 1.20 s", CLI_FAILED);
	json_t *j = job("{" LOAD "}");
	FILE *to = fmemopen(text, sizeof(text), "w");

	cli_show_latency(to, j);
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(text, "\n"
	                       "LATENCY: MIN    MEAN    50 %    90 %     99 %  99.9 %     MAX\n"
	                       "     20.5 us  600 us  512 us  900 us  1.50 ms  2.00 s  2.00 s\n");
	to = fmemopen(text, sizeof(text), "w");
	cli_show_job(to, j);
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_ptr_nonnull(
	        strstr(text, "Load         random writes of 4 KiB, 32 in flight, seed 7\n"
	                     "Until        65536 writes\n"
	                     "Result       65536 writes, 54613 a second, median 512 us, 99 % "
	                     "within 1.50 ms\n"));
	json_decref(j);
	/* Before there is any latency; and one that is no load. */
	j = job("{\"type\":\"load\",\"load\":{\"writes_most\":5,\"seconds\":3,\"latency_us\":null}"
	        "}");
	cli_as_load_limits(json_object_get(j, "load"), buf, sizeof(buf));
	ck_assert_str_eq(buf, "5 writes or 3 s");
	cli_as_load_result(json_object_get(j, "load"), buf, sizeof(buf));
	ck_assert_str_eq(buf, "0 writes, 0 a second");
	text[0] = '\0';
	to = fmemopen(text, sizeof(text), "w");
	cli_show_latency(to, j);
	json_decref(j);
	j = job("{}");
	cli_show_latency(to, j);
	json_decref(j);
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_scrub_tells_what_it_repaired)
{
	ends("{\"type\":\"scrub\"}",
	     "scrubbed 256 MiB of 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed: all equal",
	     CLI_OK);
	ends("{\"type\":\"scrub\",\"differing_blocks\":3,\"targets\":[{\"name\":\"d0\","
	     "\"good_blocks\":9,\"repaired_blocks\":2},{\"name\":\"d1\",\"repaired_blocks\":1}]}",
	     "scrubbed 256 MiB of 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed: "
	     "3 blocks repaired",
	     CLI_OK);
	ends("{\"type\":\"scrub\",\"differing_blocks\":1,\"conclusion\":\"partial\","
	     "\"targets\":[{\"name\":\"d0\",\"repaired_blocks\":1},{\"name\":\"d1\","
	     "\"bad_blocks\":2}]}",
	     "job 3 partial; scrubbed 256 MiB of 2 targets in 1.20 s, 224 MB/s each, 447 MB/s "
	     "summed: 1 block repaired; 2 blocks bad",
	     CLI_PARTIAL);
}
END_TEST

START_TEST(a_verification_that_finds_differences_failed)
{
	ends("{\"type\":\"verify\",\"differing_blocks\":0}",
	     "verified 256 MiB on 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed: all equal",
	     CLI_OK);
	ends("{\"type\":\"verify\",\"differing_blocks\":1,\"conclusion\":\"partial\"}",
	     "verified 256 MiB on 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed: "
	     "1 block differs",
	     CLI_FAILED);
	ends("{\"type\":\"verify\",\"differing_blocks\":1,\"conclusion\":\"failed\"," FAILED_TARGETS
	     "}",
	     "verified 256 MiB on 2 targets in 1.20 s, 224 MB/s each, 447 MB/s summed: "
	     "1 block differs; 1 block could not be compared",
	     CLI_FAILED);
	ends("{\"type\":\"verify\",\"differing_blocks\":0,\"conclusion\":"
	     "\"partial\"," FAILED_TARGETS "}",
	     "job 3 partial; verified 256 MiB on 2 targets in 1.20 s, 224 MB/s each, "
	     "447 MB/s summed: 2 blocks could not be compared",
	     CLI_PARTIAL);
	json_t *j = job("{\"type\":\"verify\",\"differing_blocks\":2,\"conclusion\":\"success\"}");
	ck_assert_int_eq(cli_job_status(j), CLI_FAILED);
	json_decref(j);
}
END_TEST

START_TEST(bad_blocks_come_with_status_and_sense)
{
	json_t *j = job("{" FAILED_TARGETS "}");
	json_t *runs = json_object_get(json_array_get(json_object_get(j, "targets"), 1), "runs");
	FILE *to = fmemopen(text, sizeof(text), "w");

	(void)json_array_append_new(runs, json_pack("{s:i, s:i, s:s, s:n}", "lba", 6000, "blocks",
	                                            1, "what", "no status came in time", "sense"));
	(void)json_array_append_new(runs,
	                            json_pack("{s:i, s:i, s:s, s:O}", "lba", 7000, "blocks", 1,
	                                      "what", "differs from the image", "sense",
	                                      json_object_get(json_array_get(runs, 0), "sense")));
	cli_show_job_targets(to, j);
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(text, "TARGET  GOOD BLOCKS  RESENT  BAD  RESULT\n"
	                       "d0                9       0    0  good\n"
	                       "d1                7       2    2  bad\n"
	                       "\nBad blocks:\n"
	                       "TARGET   LBA  BLOCKS  STATUS           SENSE\n"
	                       "d1      5000       2  CHECK CONDITION  "
	                       "MEDIUM ERROR, 0Ch/00h WRITE ERROR, LBA 5000\n"
	                       "d1      6000       1  -                no status came in time\n"
	                       "d1      7000       1  -                differs from the image: "
	                       "MEDIUM ERROR, 0Ch/00h WRITE ERROR, LBA 5000\n"
	                       "and 5 more runs\n");
	json_decref(j);
}
END_TEST

START_TEST(an_answer_without_its_members_is_survived)
{
	FILE *to = fmemopen(text, sizeof(text), "w");
	json_t *empty = json_object(),
	       *odd = json_loads("{\"targets\":7,\"jobs\":[7,null,{}]}", 0, NULL);

	cli_show_job(to, empty);
	cli_show_job(to, odd);
	cli_show_jobs(to, odd);
	cli_show_job_line(to, odd);
	cli_show_latency(to, odd);
	cli_show_latency(to, empty);
	cli_show_stats(to, odd, true);
	cli_show_bus(to, odd);
	cli_show_group(to, empty);
	cli_job_summary(empty, buf, sizeof(buf));
	ck_assert_int_eq(cli_job_status(empty), CLI_FAILED);
	ck_assert_int_eq(fclose(to), 0);
	json_decref(empty);
	json_decref(odd);
}
END_TEST

TAP_MAIN("cli_show_job", the_last_line_tells_how_it_went, a_load_tells_writes_and_latencies,
         a_scrub_tells_what_it_repaired, a_verification_that_finds_differences_failed,
         bad_blocks_come_with_status_and_sense, an_answer_without_its_members_is_survived);
