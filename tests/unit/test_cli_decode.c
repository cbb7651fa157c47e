/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of a device as JSON: known ones, ones that are cut anywhere, noise. */
#include "shell/cli_decode.h"
#include "shell/cli_device.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

static const struct {
	enum page_kind kind;
	uint8_t code;
	const char *bytes, *json;
} known[] = {
        {PAGE_VPD, 0x00, "00 00 0003 00 83 77",
         "{\"page\":0,\"name\":\"Supported VPD pages\",\"pages\":[{\"page\":0,\"name\":\"Supported "
         "VPD "
         "pages\"},{\"page\":131,\"name\":\"Device identification\"},{\"page\":119,\"name\":\"\"}],"
         "\"data\":\"00000003008377\"}"},
        {PAGE_VPD, 0x80, "00 80 0004 31 32 20 00",
         "{\"page\":128,\"name\":\"Unit serial "
         "number\",\"serial\":\"12\",\"data\":\"0080000431322000\"}"},
        {PAGE_VPD, 0x83, "00 83 000c 01 03 00 02 50 01 02 01 00 02 41 42",
         "{\"page\":131,\"name\":\"Device "
         "identification\",\"designators\":[{\"association\":\"Addressed "
         "logical unit\",\"type\":\"NAA\",\"code_set\":\"Binary\",\"designator\":\"5001\"},"
         "{\"association\":\"Addressed logical unit\",\"type\":\"T10 vendor "
         "identification\",\"code_set\":\"ASCII\",\"designator\":\"AB\"}],\"data\":"
         "\"0083000c010300025001020100024142\"}"},
        {PAGE_VPD, 0xb1, "00 b1 003c 0001 00 02 00",
         "{\"page\":177,\"name\":\"Block device characteristics\",\"fields\":[{\"name\":\"medium "
         "rotation "
         "rate\",\"value\":1},{\"name\":\"product type\",\"value\":0},{\"name\":\"nominal form "
         "factor\",\"value\":2},{\"name\":\"FUAB\",\"value\":0},{\"name\":\"VBULS\",\"value\":0}],"
         "\"data\":\"00b1003c0001000200\"}"},
        {PAGE_LOG, 0x02, "82 00 000c 0005 22 08 0000000000000200",
         "{\"page\":2,\"name\":\"Write error "
         "counters\",\"parameters\":[{\"code\":5,\"name\":\"total bytes "
         "processed\",\"data\":\"0000000000000200\",\"value\":512}],\"data\":"
         "\"8200000c000522080000000000000200\"}"},
        {PAGE_LOG, 0x2f, "af 00 0007 0000 23 03 5d ff 19",
         "{\"page\":47,\"name\":\"Informational exceptions\",\"parameters\":[{\"code\":0,\"name\":"
         "\"informational exception\",\"data\":\"5dff19\",\"text\":\"Failure prediction threshold "
         "exceeded "
         "(false)\"}],\"data\":\"af000007000023035dff19\"}"},
        {PAGE_LOG, 0x0d, "8d 00 0006 0000 23 02 00 20",
         "{\"page\":13,\"name\":\"Temperature\",\"parameters\":[{\"code\":0,\"name\":"
         "\"temperature\","
         "\"data\":\"0020\",\"value\":32}],\"data\":\"8d0000060000230200"
         "20\"}"},
        {PAGE_MODE, 0x3a, "3a 01 ff",
         "{\"page\":58,\"name\":\"\",\"fields\":[],\"data\":\"3a01ff\"}"},
};

START_TEST(known_pages)
{
	uint8_t bytes[128];
	size_t n = hex_get(known[_i].bytes, bytes, sizeof(bytes));
	json_t *page = cli_decode_page(known[_i].kind, known[_i].code, bytes, n);
	char *text = json_dumps(page, JSON_COMPACT);
	ck_assert_str_eq(text, known[_i].json);
	free(text);
	json_decref(page);
}
END_TEST

/* Each field that the table has, found where it is said to be: all ones, whatever stands around. */
START_TEST(fields_by_their_bits)
{
	static const uint8_t codes[] = {0x01, 0x02, 0x08, 0x0a, 0x1c};
	uint8_t ones[64], none[64] = {0};
	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		json_t *a = cli_decode_page(PAGE_MODE, codes[i], ones, sizeof(ones));
		json_t *b = cli_decode_page(PAGE_MODE, codes[i], none, sizeof(none));
		const json_t *x = json_object_get(a, "fields"), *y = json_object_get(b, "fields");
		ck_assert_uint_gt(json_array_size(x), 0);
		for (size_t f = 0; f < json_array_size(x); f++) {
			json_int_t v =
			        json_integer_value(json_object_get(json_array_get(x, f), "value"));
			ck_assert_int_eq(v & (v + 1), 0);
			ck_assert_int_gt(v, 0);
			ck_assert_int_eq(
			        json_integer_value(json_object_get(json_array_get(y, f), "value")),
			        0);
		}
		json_decref(a);
		json_decref(b);
	}
}
END_TEST

/* Whatever a device sends, of any length: a document that can be printed. */
START_TEST(noise)
{
	static const enum page_kind kinds[] = {PAGE_INQUIRY, PAGE_VPD, PAGE_MODE, PAGE_LOG};
	uint8_t bytes[96];
	char text[65536];
	uint32_t seed = 1;
	for (unsigned round = 0; round < 4000; round++) {
		size_t n = round % (sizeof(bytes) + 1);
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)((seed = seed * 1103515245U + 12345U) >> 16);
		/* exactly as long as it says, so that a sanitizer sees what is read behind it */
		uint8_t *exact = malloc(n + 1);
		memcpy(exact, bytes, n);
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			static const uint8_t codes[] = {0,    0x80, 0x83, 0x86, 0xb0, 0xc0,
			                                0x02, 0x0a, 0x0d, 0x2f, 0x30};
			json_t *page = cli_decode_page(kinds[k], codes[round % ARRAY_LEN(codes)],
			                               exact, n);
			json_t *doc = json_pack("{s:[O]}", "pages", page);
			FILE *to = fmemopen(text, sizeof(text), "w");
			ck_assert_ptr_nonnull(doc);
			cli_show_pages(to, doc);
			ck_assert_int_gt(ftell(to), 0);
			ck_assert_int_eq(fclose(to), 0);
			json_decref(doc);
			json_decref(page);
		}
		json_t *sense = cli_decode_sense(exact, n);
		json_t *doc = json_pack("{s:O}", "sense", sense);
		FILE *to = fmemopen(text, sizeof(text), "w");
		cli_show_sense(to, doc);
		ck_assert_int_eq(fclose(to), 0);
		json_decref(doc);
		json_decref(sense);
		free(exact);
	}
}
END_TEST

START_TEST(sense)
{
	uint8_t bytes[32];
	size_t n = hex_get("72 06 29 02 000000 00", bytes, sizeof(bytes));
	json_t *s = cli_decode_sense(bytes, n);
	ck_assert_str_eq(json_string_value(json_object_get(s, "key_text")), "Unit Attention");
	ck_assert_str_eq(json_string_value(json_object_get(s, "text")), "SCSI bus reset occurred");
	ck_assert(json_is_true(json_object_get(s, "descriptor_format")));
	ck_assert(json_is_false(json_object_get(s, "deferred")));
	json_decref(s);
	s = cli_decode_sense(bytes, 0);
	ck_assert(json_is_null(json_object_get(s, "key")));
	json_decref(s);
}
END_TEST

TAP_MAIN_TABLE("cli_decode", NULL, NULL, TAP_EACH(known_pages, known),
               TAP_ONCE(fields_by_their_bits), TAP_ONCE(noise), TAP_ONCE(sense));
