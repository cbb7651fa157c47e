/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer of JSON: what it writes is always taken by a parser, and means what was put. */
#include "unit/tap_main.h"

#include "control/json.h"

#include <jansson.h>
#include <string.h>

static json_t *parse(const struct jw *w)
{
	json_error_t error;
	json_t *doc = json_loadb(w->p, w->n, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(doc != NULL, "%s: %.*s", error.text, (int)w->n, w->p);
	return doc;
}

START_TEST(values)
{
	static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
	                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct jw w = jw_init();

	jw_obj(&w, NULL);
	jw_u64(&w, "zero", 0);
	jw_u64(&w, "large", UINT64_MAX);
	jw_bool(&w, "yes", true);
	jw_null(&w, "none");
	jw_str_or_null(&w, "empty", "");
	jw_milli(&w, "a", 12500);
	jw_milli(&w, "b", 7000);
	jw_milli(&w, "c", 5);
	jw_milli(&w, "d", 0);
	jw_hex(&w, "hex", "\x00\xff\x1a", 3);
	jw_uuid(&w, "uuid", uuid);
	jw_base64(&w, "base64", "ab", 2);
	jw_json(&w, "json", "{\"x\":1}", 7);
	jw_arr(&w, "list");
	jw_u64(&w, NULL, 1);
	jw_str(&w, NULL, "two");
	jw_obj(&w, NULL);
	jw_end_obj(&w);
	jw_arr(&w, NULL);
	jw_end_arr(&w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	ck_assert(!w.failed);
	jw_raw(&w, "", 1);
	ck_assert_str_eq(
	        w.p,
	        "{\"zero\":0,\"large\":18446744073709551615,\"yes\":true,\"none\":null,\"empty\":"
	        "null,"
	        "\"a\":12.5,\"b\":7,\"c\":0.005,\"d\":0,\"hex\":\"00ff1a\","
	        "\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\",\"base64\":\"YWI=\","
	        "\"json\":{\"x\":1},\"list\":[1,\"two\",{},[]]}");
	jw_free(&w);
}
END_TEST

/* All strings of up to three bytes of those that matter to UTF-8, and random ones. */
START_TEST(any_bytes_become_valid_json)
{
	static const unsigned char some[] = {0x00, 0x1f, '"',  '\\', 'a',  0x7f, 0x80, 0x8f,
	                                     0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0,
	                                     0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
	struct jw w = jw_init();

	for (size_t i = 0; i < sizeof(some); i++) {
		for (size_t k = 0; k < sizeof(some); k++) {
			for (size_t m = 0; m < sizeof(some); m++) {
				const char s[4] = {(char)some[i], (char)some[k], (char)some[m],
				                   (char)some[(i + k + m) % sizeof(some)]};
				json_error_t error;

				w.n = 0;
				w.comma = false;
				jw_arr(&w, NULL);
				jw_strn(&w, NULL, s, sizeof(s));
				jw_end_arr(&w);
				json_t *doc = json_loadb(w.p, w.n, JSON_ALLOW_NUL, &error);
				ck_assert_msg(doc != NULL, "%zu %zu %zu: %s", i, k, m, error.text);
				json_decref(doc);
			}
		}
	}
	jw_free(&w);
}
END_TEST

START_TEST(text_is_kept)
{
	static const char text[] = "tab\t quote\" back\\ line\n bell\x07 \xc3\xa4 \xe2\x82\xac "
	                           "\xf0\x9f\x98\x80";
	struct jw w = jw_init();

	jw_arr(&w, NULL);
	jw_str(&w, NULL, text);
	jw_str(&w, NULL, "cut \xe2\x82");
	jw_end_arr(&w);
	json_t *doc = parse(&w);
	ck_assert_str_eq(json_string_value(json_array_get(doc, 0)), text);
	ck_assert_str_eq(json_string_value(json_array_get(doc, 1)), "cut \xef\xbf\xbd\xef\xbf\xbd");
	json_decref(doc);
	jw_free(&w);
}
END_TEST

TAP_MAIN("json", values, any_bytes_become_valid_json, text_is_kept);
