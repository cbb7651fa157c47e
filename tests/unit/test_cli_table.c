/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_table.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_column columns[] = {
        {"ID", "id", NULL, true},
        {"NAME", "name", NULL, false},
        {"SIZE", "size", cli_as_size, true},
        {"TRANSFER", "transfer.name", NULL, false},
};

static char text[4096];

/* What a table or a list of fields of this JSON prints. */
static const char *printed(const char *json, bool fields)
{
	json_t *j = json_loads(json, 0, NULL);
	FILE *to = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(j);
	ck_assert_ptr_nonnull(to);
	text[0] = '\0';
	if (fields)
		cli_fields(to, columns, ARRAY_LEN(columns), j);
	else
		cli_table(to, columns, ARRAY_LEN(columns), j);
	ck_assert_int_eq(fclose(to), 0);
	json_decref(j);
	return text;
}

START_TEST(columns_are_aligned)
{
	ck_assert_str_eq(printed("[{\"id\":2,\"name\":\"a\",\"size\":512,\"transfer\":{\"name\":"
	                         "\"Fast-20\"}},"
	                         "{\"id\":10,\"name\":\"b\xc3\xb6 c\",\"size\":1610612736}]",
	                         false),
	                 "ID  NAME     SIZE  TRANSFER\n"
	                 " 2  a       512 B  Fast-20\n"
	                 "10  b\xc3\xb6 c  1.5 GiB  -\n");
}
END_TEST

START_TEST(an_empty_table_prints_nothing)
{
	ck_assert_str_eq(printed("[]", false), "");
}
END_TEST

START_TEST(a_name_cannot_break_the_table)
{
	ck_assert_str_eq(printed("[{\"id\":1,\"name\":\"x\\ny\\u001b[m\"}]", false),
	                 "ID  NAME          SIZE  TRANSFER\n"
	                 " 1  x\\x0ay\\x1b[m     -  -\n");
}
END_TEST

START_TEST(fields_leave_out_what_is_absent)
{
	ck_assert_str_eq(
	        printed("{\"id\":1,\"name\":null,\"transfer\":{\"name\":\"Fast-80\"}}", true),
	        "ID        1\n"
	        "TRANSFER  Fast-80\n");
}
END_TEST

START_TEST(values_of_a_wrong_type_are_a_dash)
{
	char buf[64];
	json_t *s = json_string("x"), *negative = json_integer(-5);

	cli_as_size(s, buf, sizeof(buf));
	ck_assert_str_eq(buf, "-");
	cli_as_ns(negative, buf, sizeof(buf));
	ck_assert_str_eq(buf, "-");
	cli_as_text(NULL, buf, sizeof(buf));
	ck_assert_str_eq(buf, "-");
	cli_as_rate(NULL, buf, sizeof(buf));
	ck_assert_str_eq(buf, "-");
	json_decref(s);
	json_decref(negative);
}
END_TEST

START_TEST(lists_are_joined_and_bounded)
{
	char buf[16];
	json_t *j = json_loads("[1,[[[]]],\"a\",true]", 0, NULL);
	json_t *many = json_array();

	cli_as_text(j, buf, sizeof(buf));
	ck_assert_str_eq(buf, "1, -, a, yes");
	for (int i = 0; i < 1000; i++)
		(void)json_array_append_new(many, json_integer(i));
	cli_as_text(many, buf, sizeof(buf));
	ck_assert_uint_eq(strlen(buf), sizeof(buf) - 1);
	json_decref(j);
	json_decref(many);
}
END_TEST

START_TEST(paths_lead_into_objects)
{
	json_t *j =
	        json_loads("{\"a\":{\"b\":{\"n\":7,\"s\":\"t\",\"y\":true}},\"n\":-1}", 0, NULL);

	ck_assert_uint_eq(cli_u64(j, "a.b.n"), 7);
	ck_assert_str_eq(cli_str(j, "a.b.s"), "t");
	ck_assert(cli_true(j, "a.b.y"));
	ck_assert_ptr_eq(cli_at(j, ""), j);
	ck_assert_ptr_null(cli_at(j, "a.x.n"));
	ck_assert_uint_eq(cli_u64(j, "n"), 0);
	ck_assert_str_eq(cli_str(j, "a"), "");
	json_decref(j);
}
END_TEST

TAP_MAIN("cli_table", columns_are_aligned, an_empty_table_prints_nothing,
         a_name_cannot_break_the_table, fields_leave_out_what_is_absent,
         values_of_a_wrong_type_are_a_dash, lists_are_joined_and_bounded, paths_lead_into_objects);
