/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client may send on the control socket, as libFuzzer feeds it: a stream of lines. Each is
 * decoded; what is refused must say why, and the answer to it must be one line of JSON. The lines
 * are the same however the stream is cut. (State files are fuzz_state.c's.)
 */
#include "base/assert.h"
#include "control/lines.h"
#include "control/request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define LINE_MAX 4096

static const struct ctl_schema *schema(void)
{
	static struct ctl_schema *s;
	char why[200];

	if (!s)
		s = ctl_schema_new(ctl_schema_text, ctl_schema_text_len, why, sizeof(why));
	sm_assert(s);
	return s;
}

static void check_answer(const struct ctl_decoded *d)
{
	struct jw w = jw_init();
	json_error_t error;

	sm_assert(d->error.kind && *d->error.kind && *d->error.text && d->error.code < 0);
	ctl_put_error(&w, d->id, &d->error);
	sm_assert(!w.failed && w.n && !memchr(w.p, '\n', w.n - 1));
	json_t *answer = json_loadb(w.p, w.n, JSON_REJECT_DUPLICATES, &error);
	sm_assert(answer);
	sm_assert(json_object_get(answer, "id") && json_object_get(answer, "error"));
	json_decref(answer);
	jw_free(&w);
}

static void decode(const char *line, size_t n)
{
	struct ctl_decoded d;

	ctl_decode(schema(), line, n, &d);
	if (d.request) {
		sm_assert(d.request->method < CTL_METHODS);
		sm_assert(d.request->notification == d.silent);
		sm_assert(d.request->data_len == 0 || d.request->data);
	} else {
		check_answer(&d);
	}
	ctl_request_free(d.request);
}

/* How many lines, and how many that are too long. */
static unsigned cut(const uint8_t *p, size_t n, size_t piece, bool decoding, unsigned *long_ones)
{
	struct ctl_lines l;
	unsigned lines = 0;

	*long_ones = 0;
	ctl_lines_init(&l, LINE_MAX);
	while (n) {
		size_t take = n < piece ? n : piece, len;
		char *room = ctl_lines_room(&l, take), *line;
		enum ctl_line r;

		sm_assert(room);
		memcpy(room, p, take);
		ctl_lines_came(&l, take);
		p += take;
		n -= take;
		while ((r = ctl_lines_next(&l, &line, &len)) != CTL_LINE_NONE) {
			if (r == CTL_LINE_TOO_LONG) {
				++*long_ones;
				continue;
			}
			lines++;
			sm_assert(len <= LINE_MAX);
			if (decoding)
				decode(line, len);
		}
	}
	ctl_lines_free(&l);
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned long_ones, again;
	unsigned lines = cut(p, n, n ? n : 1, true, &long_ones);

	sm_assert(cut(p, n, 1 + n % 61, false, &again) == lines && again == long_ones);
	if (n)
		decode((const char *)p, n);
	return 0;
}
