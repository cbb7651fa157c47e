/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_show.h"

#include <string.h>

static char text[8192];

static const char *printed(const char *json, void (*show)(FILE *, const json_t *))
{
	json_t *j = json_loads(json, 0, NULL);
	FILE *to = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(j);
	text[0] = '\0';
	show(to, j);
	ck_assert_int_eq(fclose(to), 0);
	json_decref(j);
	return text;
}

static void stats_with_values(FILE *to, const json_t *stats)
{
	cli_show_stats(to, stats, true);
}

START_TEST(stats_are_phases_by_kind_of_tenure)
{
	ck_assert_str_eq(printed("{\"bus_time_ns\":5000,\"profile\":\"spi3\",\"resets\":0,"
	                         "\"tenures\":{\"silent\":2,\"broadcast\":0,\"conventional\":1},"
	                         "\"phases\":{\"conventional\":{\"STATUS\":{\"count\":1,\"bytes\":"
	                         "1,\"ns\":1000},"
	                         "\"DATA OUT\":{\"count\":0,\"bytes\":0,\"ns\":0}},"
	                         "\"broadcast\":{},\"silent\":{\"NEW "
	                         "PHASE\":{\"count\":1,\"bytes\":0,\"ns\":0},"
	                         "\"DATA OUT\":{\"count\":4,\"bytes\":2048,\"ns\":3000}}},"
	                         "\"total\":{\"count\":6,\"bytes\":2049,\"ns\":4000},"
	                         "\"profile_ns\":{\"cable_skew\":2.5}}",
	                         stats_with_values),
	                 "Profile     spi3\n"
	                 "Bus time    5.00 us\n"
	                 "Tenures     2 silent, 0 broadcast, 1 conventional\n"
	                 "Bus resets  0\n"
	                 "\n"
	                 "TENURE        PHASE      COUNT  BYTES     TIME     SHARE\n"
	                 "silent        DATA OUT       4  2 KiB  3.00 us   75.00 %\n"
	                 "silent        NEW PHASE      1    0 B     0 ns    0.00 %\n"
	                 "silent        (all)          5  2 KiB  3.00 us   75.00 %\n"
	                 "conventional  STATUS         1    1 B  1.00 us   25.00 %\n"
	                 "conventional  (all)          1    1 B  1.00 us   25.00 %\n"
	                 "all           (all)          6  2 KiB  4.00 us  100.00 %\n"
	                 "\n"
	                 "TIMING VALUE   NS\n"
	                 "cable_skew    2.5\n");
}
END_TEST

START_TEST(targets_are_a_table)
{
	ck_assert_str_eq(printed("{\"targets\":[]}", cli_show_targets), "no targets\n");
	ck_assert_str_eq(printed("{\"targets\":[{\"id\":0,\"name\":\"disk0\",\"state\":\"ready\","
	                         "\"capacity_bytes\":4194304,\"block_size_bytes\":512,\"transfer\":"
	                         "{\"name\":"
	                         "\"Fast-80\"},\"group\":\"g0\",\"member_state\":\"in_sync\","
	                         "\"uuid\":\"u\"}]}",
	                         cli_show_targets),
	                 "ID  NAME   STATE   SIZE  BLOCK  TRANSFER  GROUP  MEMBER   UUID\n"
	                 " 0  disk0  ready  4 MiB    512  Fast-80   g0     in sync  u\n");
}
END_TEST

START_TEST(a_group_shows_its_members)
{
	ck_assert_str_eq(
	        printed("{\"name\":\"g0\",\"state\":\"degraded\",\"members_in_sync\":1,\"members\":"
	                "["
	                "{\"device\":0,\"name\":\"a\",\"id\":3,\"state\":\"in_sync\",\"why\":null},"
	                "{\"device\":1,\"name\":\"b\",\"id\":null,\"state\":\"stale\",\"why\":"
	                "\"gone\"}]}",
	                cli_show_group),
	        "Group    g0\n"
	        "State    degraded\n"
	        "In sync  1 of 2\n"
	        "\n"
	        "DEVICE  NAME  ID  STATE    RESENT  FAILED  REPAIRED  UUID  BECAUSE\n"
	        "     0  a      3  in sync       -       -         -  -     -\n"
	        "     1  b      -  stale         -       -         -  -     gone\n");
}
END_TEST

START_TEST(ports_of_the_bus_show_their_memberships)
{
	ck_assert_ptr_nonnull(strstr(
	        printed("{\"bsy\":[2,7],\"ports\":[{\"id\":2,\"role\":\"target\",\"memberships\":"
	                "[{\"lun\":0,\"group\":1,\"device\":0},{\"group\":9,\"device\":3}]}]}",
	                cli_show_bus),
	        "1.0, 9.3"));
	ck_assert_ptr_nonnull(strstr(text, "BSY  2, 7\n"));
}
END_TEST

TAP_MAIN("cli_show", stats_are_phases_by_kind_of_tenure, targets_are_a_table,
         a_group_shows_its_members, ports_of_the_bus_show_their_memberships);
