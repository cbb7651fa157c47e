/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "control/base64.h"

#include <stdlib.h>
#include <string.h>

/* RFC 4648, clause 10 */
static const struct {
	const char *plain, *text;
} vectors[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

START_TEST(known_answers)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char text[32];
		uint8_t plain[32];
		size_t n = strlen(vectors[i].plain), len, at;

		ck_assert_uint_eq(base64_encoded_len(n), strlen(vectors[i].text));
		ck_assert_uint_eq(base64_encode(vectors[i].plain, n, text),
		                  strlen(vectors[i].text));
		ck_assert_int_eq(memcmp(text, vectors[i].text, strlen(vectors[i].text)), 0);
		ck_assert(base64_decoded_len(vectors[i].text, strlen(vectors[i].text), &len));
		ck_assert_uint_eq(len, n);
		ck_assert(base64_decode(vectors[i].text, strlen(vectors[i].text), plain, &at));
		ck_assert_int_eq(memcmp(plain, vectors[i].plain, n), 0);
	}
}
END_TEST

START_TEST(round_trips)
{
	struct prng g = prng_init(7);

	for (size_t n = 0; n < 400; n++) {
		uint8_t *plain = malloc(n + 1), *again = malloc(n + 1);
		char *text = malloc(base64_encoded_len(n) + 1);
		size_t len, at;

		for (size_t i = 0; i < n; i++)
			plain[i] = (uint8_t)prng_u64(&g);
		size_t t = base64_encode(plain, n, text);
		ck_assert_uint_eq(t, base64_encoded_len(n));
		ck_assert(base64_decoded_len(text, t, &len));
		ck_assert_uint_eq(len, n);
		ck_assert(base64_decode(text, t, again, &at));
		ck_assert_int_eq(memcmp(plain, again, n), 0);
		free(plain);
		free(again);
		free(text);
	}
}
END_TEST

static const struct {
	const char *text;
	size_t at;
} wrong[] = {{"A", 1},    {"AA", 2},       {"AAA", 3},      {"AAAAA", 5},    {"AA=A", 2},
             {"A===", 1}, {"====", 0},     {"AB==", 1},     {"AAB=", 2},     {"AA\nA", 2},
             {"A-AA", 1}, {"AAAA A==", 4}, {"AA==AAAA", 2}, {"AAA=AAAA", 3}, {"AAAAAA\x80=", 6}};

START_TEST(what_is_wrong_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		uint8_t out[16];
		size_t at = 999;

		ck_assert_msg(!base64_decode(wrong[i].text, strlen(wrong[i].text), out, &at), "%s",
		              wrong[i].text);
		ck_assert_msg(at == wrong[i].at, "%s: at %zu", wrong[i].text, at);
	}
}
END_TEST

TAP_MAIN("base64", known_answers, round_trips, what_is_wrong_is_refused);
