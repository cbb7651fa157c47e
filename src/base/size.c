/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/size.h"

#include <stdio.h>
#include <string.h>

/* A digit's value, or 16 when it is none of that base. */
static unsigned digit_of(char c, unsigned base)
{
	unsigned v = 16;

	if (c >= '0' && c <= '9')
		v = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		v = (unsigned)(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		v = (unsigned)(c - 'A') + 10;
	return v < base ? v : 16;
}

/* Reads digits; returns what follows them, NULL when there is none or it is too large. */
static const char *digits(const char *text, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = text;

	for (; digit_of(*p, base) < 16; p++) {
		unsigned d = digit_of(*p, base);
		if (v > (UINT64_MAX - d) / base)
			return NULL;
		v = v * base + d;
	}
	*out = v;
	return p > text ? p : NULL;
}

bool number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t v = 0;
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end = hex ? digits(text + 2, 16, &v) : digits(text, 10, &v);

	if (!end || *end != '\0' || v < least || v > most)
		return false;
	*out = v;
	return true;
}

bool size_parse(const char *text, uint64_t *out)
{
	static const char letters[] = "KMGT";
	uint64_t v = 0;
	const char *end = digits(text, 10, &v);

	if (!end)
		return false;
	if (*end == '\0') {
		*out = v;
		return true;
	}
	char upper = *end >= 'a' && *end <= 'z' ? (char)(*end - 'a' + 'A') : *end;
	const char *letter = strchr(letters, upper);
	if (!letter || end[1] != '\0')
		return false;
	unsigned shift = 10 * (unsigned)(letter - letters + 1);
	if (v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

bool duration_parse(const char *text, ns_t *out)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"us", NS_PER_US}, {"ms", NS_PER_MS}, {"s", NS_PER_S}, {"min", 60 * NS_PER_S}};
	uint64_t v = 0;
	const char *end = digits(text, 10, &v);

	for (size_t i = 0; end && i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (v > (NS_NEVER - 1) / units[i].ns)
			return false;
		*out = v * units[i].ns;
		return true;
	}
	return false;
}

const char *size_text(uint64_t bytes, char *buf, size_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned k = 0;

	while (k + 1 < ARRAY_LEN(units) && bytes >> (10 * (k + 1)) > 0)
		k++;
	uint64_t whole = bytes >> (10 * k);
	uint64_t rest = k > 0 ? bytes >> (10 * (k - 1)) & 1023 : 0;
	if (rest * 10 / 1024 > 0 && whole < 100)
		(void)snprintf(buf, n, "%llu.%llu %s", (unsigned long long)whole,
		               (unsigned long long)(rest * 10 / 1024), units[k]);
	else
		(void)snprintf(buf, n, "%llu %s", (unsigned long long)whole, units[k]);
	return buf;
}
